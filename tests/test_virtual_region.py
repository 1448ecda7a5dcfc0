"""Virtual regions: same seed same bytes, exact identities, plausible layers, and a truth that the data bear out."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from scipy import stats

from carbondrivers.catalogue import variables
from carbondrivers.datasets import PixelSample
from carbondrivers.datasets.virtual import VirtualRegion, gaussian_field, virtual_region
from carbondrivers.datasets.virtual.fields import Model, correlation
from carbondrivers.datasets.virtual.planted import driver_scores
from carbondrivers.datasets.virtual.truth import total_effects
from carbondrivers.errors import OptionError

SEEDS = (*range(1, 21), 20260118)
SMALL = (60, 80)


@pytest.fixture(scope="module")
def region() -> VirtualRegion:
    return virtual_region("demo")


@pytest.fixture(scope="module")
def associations() -> pd.DataFrame:
    """Marginal association of every driver with NEP, per seed, at the default shape: seed, driver, r, q, total, n."""
    rows = []
    for seed in SEEDS:
        made = virtual_region("demo", seed=seed)
        frame = made.sample_frame()
        total = made.truth.effects.set_index("driver")["total"]
        for driver in made.drivers:
            column = frame[driver.name]
            is_class = driver.kind == "categorical"
            strata = column if is_class else pd.qcut(column, 6, labels=False)
            r = np.nan if is_class else np.corrcoef(column, frame["nep"])[0, 1]
            rows.append((seed, driver.name, r, factor_q(frame["nep"], strata), total[driver.name], len(frame)))
    return pd.DataFrame(rows, columns=["seed", "driver", "r", "q", "total", "n"])


def factor_q(y: pd.Series, strata: pd.Series) -> float:
    groups = y.groupby(strata, observed=True)
    return 1.0 - float((groups.var(ddof=0) * groups.size()).sum() / (y.var(ddof=0) * len(y)))


def digest(made: VirtualRegion) -> str:
    total = hashlib.sha256()
    for part in (made.annual, made.monthly, made.static):
        for name in part.data_vars:
            total.update(part[name].to_numpy().tobytes())
    total.update(made.regions.to_wkt().to_csv().encode())
    total.update(made.truth.paths.to_csv().encode() + made.sample_frame().to_csv().encode())
    return total.hexdigest()


def all_layers(made: VirtualRegion) -> list[xr.DataArray]:
    return [part[name] for part in (made.annual, made.monthly, made.static) for name in part.data_vars]


def test_same_seed_gives_same_bytes_and_other_seed_gives_others() -> None:
    options = {"shape": SMALL, "years": (2000, 2005)}
    first = digest(virtual_region("demo", seed=5, **options))
    assert first == digest(virtual_region("demo", seed=5, **options))
    assert first != digest(virtual_region("demo", seed=6, **options))


def test_global_random_state_is_untouched() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    virtual_region("demo", shape=(24, 24), years=(2000, 2004))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_grid_time_and_attributes(region: VirtualRegion) -> None:
    assert dict(region.annual.sizes) == {"year": 21, "y": 120, "x": 160}
    assert dict(region.monthly.sizes) == {"time": 252, "y": 120, "x": 160}
    assert np.all(np.diff(region.annual["x"]) == 1000) and np.all(np.diff(region.annual["y"]) == -1000)
    assert region.monthly["time"].dtype == np.dtype("datetime64[ns]")
    assert pd.DatetimeIndex(region.monthly["time"]).equals(pd.date_range("2000-01", periods=252, freq="MS", unit="ns"))
    assert all(layer.dtype == np.float32 for layer in region.monthly.data_vars.values())
    assert region.annual["land_cover"].dtype == np.int8
    for layer in [*all_layers(region), region.truth.trend]:
        assert layer.attrs["units"] and layer.attrs["long_name"] and layer.attrs["crs"] == region.crs == "EPSG:32650"
    assert region.virtual and "not real data" in region.notice
    assert set(region.legend.values()) == {"forest", "grassland", "cropland", "impervious", "barren", "water"}


@pytest.mark.parametrize("seed", [20260118, 1, 2])
def test_every_layer_is_inside_its_plausible_range_under_one_mask(seed: int) -> None:
    made = virtual_region("demo", seed=seed)
    known = variables()
    valid = np.isfinite(made.static["elevation"].to_numpy())
    assert 0.6 < valid.mean() < 0.95
    for layer in all_layers(made):
        name = str(layer.name)
        if name == "land_cover":
            assert np.array_equal(layer.to_numpy() >= 0, np.broadcast_to(valid, layer.shape))
            assert set(np.unique(layer)) == {-1, *made.legend}
            continue
        entry = known.get(name) or known[name.removesuffix("_monthly")]
        assert np.array_equal(np.isfinite(layer.to_numpy()), np.broadcast_to(valid, layer.shape)), name
        assert entry.low <= float(layer.min()) and float(layer.max()) <= entry.high, name
        assert float(layer.std()) > 0, name
    assert np.array_equal(np.isfinite(made.truth.trend), valid)


def test_annual_layers_are_made_of_the_monthly_ones(region: VirtualRegion) -> None:
    for name, how in (("precipitation", "sum"), ("pet", "sum"), ("temperature", "mean"), ("ndvi", "mean")):
        monthly = region.monthly[f"{name}_monthly"].to_numpy().astype(np.float64).reshape(21, 12, 120, 160)
        np.testing.assert_allclose(getattr(monthly, how)(axis=1), region.annual[name], rtol=1e-12, atol=1e-12)


def test_layers_of_the_nep_chains_hang_together(region: VirtualRegion) -> None:
    static, monthly = region.static, region.monthly
    density = static["soil_organic_carbon"] * static["bulk_density"] * 0.2
    np.testing.assert_allclose(static["soil_carbon"], density, rtol=1e-12)
    leaves, green, clumped = (monthly[f"{name}_monthly"].to_numpy() for name in ("lai", "ndvi", "clumping"))
    inside = np.isfinite(leaves)
    assert np.all((leaves[inside] > 0) == (green[inside] > 0.08)) and np.all(clumped[inside] <= 1.0)
    # Light that a full canopy lets through falls with its leaf area.
    covered = np.clip((green[inside] - 0.08) / 0.89, 0.0, 0.97)
    np.testing.assert_allclose(np.exp(-0.5 * leaves[inside]), 1.0 - covered, atol=1e-5)
    assert set(region.gpp_slope) == set(region.legend.values()) - {"water"}


def test_npp_less_respiration_is_nep(region: VirtualRegion) -> None:
    t = region.monthly["temperature_monthly"].to_numpy().astype(np.float64)
    p = region.monthly["precipitation_monthly"].to_numpy().astype(np.float64)
    respiration = 0.22 * (np.exp(0.0913 * t) + np.log(0.3145 * p + 1.0)) * 30 * 0.465
    annual = respiration.reshape(21, 12, 120, 160).sum(axis=1)
    np.testing.assert_allclose(region.annual["npp"] - annual, region.annual["nep"], rtol=0, atol=1e-9)


def test_mean_nep_is_written_by_the_declared_model(region: VirtualRegion) -> None:
    frame, truth = region.sample_frame(), region.truth
    z = driver_scores(frame)
    nep = ((frame["nep"] - frame["nep"].mean()) / frame["nep"].std(ddof=0)).to_numpy()
    direct = truth.effects.set_index("driver")["direct"]
    first, second = truth.interacting_pairs[0]
    product = z[first] * z[second]
    signal = sum(direct[name] * z[name] for name in z)
    signal = signal + truth.interaction_estimates[0] * (product - product.mean()) / product.std()
    residual = nep - signal
    assert signal.var() == pytest.approx(truth.r2, abs=1e-9)
    assert residual.var() == pytest.approx(truth.residual_share, abs=1e-9)
    assert truth.r2 + truth.residual_share == 1.0
    design = np.column_stack([*(z[name] for name in z), (product - product.mean()) / product.std()])
    fitted = np.linalg.lstsq(design, nep, rcond=None)[0]
    # the residual is autocorrelated: about 15000 pixels carry the information of some hundreds
    np.testing.assert_allclose(fitted[-1], truth.interaction_estimates[0], atol=0.08)
    np.testing.assert_allclose(fitted[list(z).index("precipitation")], direct["precipitation"], atol=0.15)


def test_effects_agree_with_paths_and_with_the_inverse(region: VirtualRegion) -> None:
    truth = region.truth
    effects = truth.effects.set_index("driver")
    edges = {(s, t): b for s, t, b in truth.edges.itertuples(index=False)}
    total = total_effects(edges, list(effects.index))
    by_path = truth.paths.groupby("driver")["estimate"].sum().reindex(effects.index, fill_value=0.0)
    for other in (total, by_path, effects["direct"] + effects["indirect"]):
        np.testing.assert_allclose(effects["total"], other, rtol=0, atol=1e-10)
    direct = truth.paths[truth.paths["path"].str.count("->") == 1].set_index("driver")["estimate"]
    np.testing.assert_allclose(effects["direct"], direct.reindex(effects.index, fill_value=0.0), rtol=0, atol=1e-12)
    assert sorted(effects["rank"]) == list(range(1, len(effects) + 1))
    assert effects["total"].abs().sort_values(ascending=False).index[0] == effects["rank"].idxmin() == "precipitation"
    assert set(effects.index[effects["null"]]) == set(truth.null_drivers) == {"soil_phosphorus", "soil_potassium"}
    assert "elevation -> precipitation -> soil_organic_carbon -> nep" in set(truth.paths["path"])


def test_edges_between_drivers_are_projections_on_the_parents(region: VirtualRegion) -> None:
    z = driver_scores(region.sample_frame())
    edges = region.truth.edges
    for child, part in edges[edges["target"] != "nep"].groupby("target"):
        left = z[str(child)] - sum(row.estimate * z[row.source] for row in part.itertuples())
        assert all(abs(np.mean(left * z[parent])) < 1e-10 for parent in part["source"])


def test_annual_nep_varies_around_the_mean_with_the_planted_trend(region: VirtualRegion) -> None:
    nep = region.annual["nep"].to_numpy()
    valid = np.isfinite(nep[0])
    time = region.annual["year"].to_numpy() - region.annual["year"].to_numpy().mean()
    slope = np.einsum("t,tn->n", time, nep[:, valid]) / np.sum(time**2)
    planted = region.truth.trend.to_numpy()[valid]
    error = 6.0 / np.sqrt(np.sum(time**2))
    assert np.std(slope - planted) == pytest.approx(error, rel=0.1)
    assert abs(np.mean(slope - planted)) < 5 * error / np.sqrt(valid.sum())
    shares = [(planted > 0).mean(), (planted == 0).mean(), (planted < 0).mean()]
    assert shares[0] > shares[2] > 0.02 and shares[1] > 0.2


def test_precipitation_is_first_by_every_measure_for_every_seed(associations: pd.DataFrame) -> None:
    table = associations.assign(r=associations["r"].abs(), total=associations["total"].abs())
    for measure, margin in (("r", 0.08), ("q", 0.12), ("total", 0.15)):
        wide = table.pivot_table(index="seed", columns="driver", values=measure)
        others = wide.drop(columns="precipitation").max(axis=1)
        assert ((wide["precipitation"] - others) > margin).all(), measure


def test_sources_and_sinks_both_exist(region: VirtualRegion) -> None:
    nep = region.sample_frame()["nep"]
    assert 50 < nep.mean() < 90 and 40 < nep.std() < 60 and 0.1 < (nep < 0).mean() < 0.25
    assert float(region.annual["npp"].min()) >= 0 and float(region.annual["npp"].max()) <= 2500


def test_null_drivers_have_no_mean_association_yet_look_significant(associations: pd.DataFrame) -> None:
    nulls = associations[associations["driver"].isin(["soil_potassium", "soil_phosphorus"])]
    spread = nulls["r"].std() / np.sqrt(len(nulls))
    assert abs(nulls["r"].mean()) < 3 * spread
    t = nulls["r"].abs() * np.sqrt((nulls["n"] - 2) / (1 - nulls["r"] ** 2))
    assert (2 * stats.t.sf(t, nulls["n"] - 2) < 0.05).mean() > 0.5
    ranks = associations.assign(r=associations["r"].abs()).groupby("seed")["r"].rank(ascending=False)
    assert ranks[nulls.index].min() > 3


def test_null_drivers_are_independent_of_every_other_driver() -> None:
    frames = [virtual_region("demo", seed=s, shape=SMALL, years=(2000, 2004)).sample_frame() for s in range(20)]
    r = np.stack([f.drop(columns=["x", "y", "land_cover"]).corr().to_numpy() for f in frames])
    names = list(frames[0].drop(columns=["x", "y", "land_cover"]).columns)
    for null in ("soil_potassium", "soil_phosphorus"):
        values = np.delete(r[:, names.index(null)], names.index(null), axis=1)
        assert np.all(np.abs(values.mean(axis=0)) < 4 * values.std(axis=0, ddof=1) / np.sqrt(len(frames)))


@pytest.mark.parametrize("model", ["exponential", "matern", "gaussian"])
def test_gaussian_field_has_the_declared_correlation(model: Model) -> None:
    rng, declared = np.random.default_rng(11), 12_000.0
    fields = np.stack([gaussian_field(rng, (70, 90), declared, pixel=1000.0, model=model) for _ in range(60)])
    assert fields.mean() == pytest.approx(0.0, abs=0.05)
    assert fields.var() == pytest.approx(1.0, abs=0.05)
    for lag in (1, 3, 6, 12, 60):
        expected = correlation(np.array([1000.0 * lag]), declared, model)[0]
        assert np.mean(fields[:, :, lag:] * fields[:, :, :-lag]) == pytest.approx(expected, abs=0.04)
        assert np.mean(fields[:, lag:] * fields[:, :-lag]) == pytest.approx(expected, abs=0.04)


def test_opposite_edges_of_a_field_are_not_tied() -> None:
    rng = np.random.default_rng(3)
    fields = np.stack([gaussian_field(rng, (40, 40), 15.0) for _ in range(300)])
    assert abs(np.mean(fields[:, :, 0] * fields[:, :, -1])) < 0.06


@pytest.mark.parametrize("seed", range(6))
def test_regions_tile_the_study_area(seed: int) -> None:
    made = virtual_region("demo", seed=seed, shape=SMALL, years=(2000, 2004))
    assert list(made.regions.columns) == ["name", "geometry"] and 4 <= len(made.regions) <= 6
    assert made.regions["name"].is_unique and made.regions.is_valid.all() and made.regions.crs == made.crs
    assert set(made.regions.geom_type) == {"Polygon"}
    whole = made.regions.union_all()
    assert made.regions.area.sum() == pytest.approx(whole.area, rel=1e-12)
    frame = made.sample_frame()
    assert whole.area / 1e6 > len(frame)
    assert shapely.contains_xy(whole, frame["x"], frame["y"]).all()


def test_land_cover_changes_slowly_in_the_set_direction(region: VirtualRegion) -> None:
    cover = region.annual["land_cover"].to_numpy()
    inside = cover[0] >= 0
    codes = {name: code for code, name in region.legend.items()}
    share = {name: (cover[:, inside] == code).mean(axis=1) for name, code in codes.items()}
    assert share["impervious"][-1] > 2 * share["impervious"][0]
    assert share["barren"][-1] - share["barren"][0] == pytest.approx(-0.036, abs=0.002)
    assert max(np.mean(a[inside] != b[inside]) for a, b in pairwise(cover)) < 0.02


def test_sample_frame_is_a_pixel_sample(region: VirtualRegion) -> None:
    frame = region.sample_frame()
    sample = PixelSample.from_frame(frame, response="nep", drivers=region.drivers, coordinates=("x", "y"), crs=region.crs)
    assert sample.n == len(frame) and not len(sample.dropped)
    assert 12 <= len(region.drivers) <= 14
    assert {d.kind for d in region.drivers if d.name == "land_cover"} == {"categorical"}
    assert set(frame["land_cover"]) <= set(region.legend.values())
    pixel = region.annual["nep"].sel(x=frame["x"][100], y=frame["y"][100]).mean()
    assert frame["nep"][100] == pytest.approx(float(pixel), abs=1e-9)


def test_smallest_region() -> None:
    made = virtual_region("demo", seed=9, shape=(24, 24), years=(2001, 2005))
    assert dict(made.annual.sizes) == {"year": 5, "y": 24, "x": 24}
    assert len(made.sample_frame()) > 200


def test_data_sets_survive_a_file(tmp_path: Path) -> None:
    made = virtual_region("demo", seed=9, shape=(24, 24), years=(2001, 2005))
    made.annual.to_netcdf(tmp_path / "annual.nc", engine="netcdf4")
    with xr.open_dataset(tmp_path / "annual.nc", engine="netcdf4") as back:
        assert np.array_equal(back["nep"], made.annual["nep"], equal_nan=True)
        assert np.array_equal(np.isnan(back["land_cover"]), made.annual["land_cover"] < 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "demmo"}, "Did you mean 'demo'"),
        ({"shape": (23, 80)}, "at least 24 pixels each, got"),
        ({"shape": (80, 10)}, "at least 24 pixels each, got"),
        ({"shape": (80.5, 90)}, "shape must be"),
        ({"shape": (80,)}, "shape must be"),
        ({"years": (2000, 2003)}, "5 years or more, got"),
        ({"years": (2010, 2000)}, "5 years or more, got"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1.5}, "seed must be a whole number"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        virtual_region(**options)  # type: ignore[arg-type]


def test_bad_field_options_are_refused() -> None:
    with pytest.raises(OptionError, match="must be positive"):
        gaussian_field(np.random.default_rng(0), (30, 30), 0.0)
    with pytest.raises(OptionError, match="model must be one of"):
        gaussian_field(np.random.default_rng(0), (30, 30), 5.0, model="cubic")  # type: ignore[arg-type]
