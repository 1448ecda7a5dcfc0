"""The virtual regions named after studies: printed means met, truth that can be found again, presets that run."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from typer.testing import CliRunner

from carbondrivers import cli
from carbondrivers.catalogue import variables
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.datasets.virtual import ProcessTruth, Truth, VirtualRegion, virtual_region
from carbondrivers.datasets.virtual.design import NAMED, NAMES, design_of, legend_of
from carbondrivers.datasets.virtual.solve import false_position, fit_table
from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.nep_models.chains_classes import ecosystem_classes
from carbondrivers.nep_models.desert import DesertFlux
from carbondrivers.nep_models.desert_open_path import fit_open_path
from carbondrivers.study.check import LoadedStudy, check_data, load_study
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.preset import preset as preset_text
from carbondrivers.study.raw import REGIONS
from carbondrivers.study.run import run_steps

PRESETS = Path(__file__).parents[1] / "src" / "carbondrivers" / "study" / "presets"
SMALL = (30, 40)
TOLERANCE = 0.10
"""How far a mean may be from the printed one, relative."""
DEMO_MEANS = [60.5, 250.56433100521542, 6.693679777120377, 421.43761673353475, 419.97845848017505]


@cache
def region(name: str) -> VirtualRegion:
    return virtual_region(name)


@cache
def once(name: str, **options: object) -> VirtualRegion:
    return virtual_region(name, **options)  # type: ignore[arg-type]


def small(name: str) -> VirtualRegion:
    return once(name, seed=20260118, mode=None, shape=SMALL, years=design_of(name).years)


@pytest.fixture
def made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let studies share the regions that other tests have made."""
    monkeypatch.setattr("carbondrivers.datasets.virtual_region", once)


def digest(made: VirtualRegion) -> str:
    total = hashlib.sha256()
    for part in (made.annual, made.monthly, made.static):
        for name in part.data_vars:
            total.update(part[name].to_numpy().tobytes())
    for table in (made.regions.to_wkt(), made.towers, made.plots, made.records, made.targets):
        total.update(b"" if table is None else table.to_csv().encode())
    return total.hexdigest()


def preset(name: str, folder: Path) -> LoadedStudy:
    """Return the preset study of a region on a small grid."""
    text = (PRESETS / f"{name}.toml").read_text(encoding="utf-8")
    path = folder / f"{name}.toml"
    path.write_text(text.replace(f'region = "{name}"', f'region = "{name}"\nshape = [30, 40]'), encoding="utf-8")
    return load_study(path)


@pytest.mark.parametrize("name", NAMED)
def test_printed_means_are_met(name: str) -> None:
    table = region(name).targets
    assert table is not None and len(table) > 4
    print(f"\n{name}\n{table.round(3).to_string(index=False)}")  # noqa: T201
    missed = table[~(table["difference"].abs() <= TOLERANCE)]
    assert missed.empty, f"{name} misses\n{missed.to_string()}"


@pytest.mark.parametrize("name", NAMED)
def test_the_table_of_targets_says_what_the_layers_say(name: str) -> None:
    made, table = region(name), region(name).targets.set_index(["quantity", "of"])["made"]
    nep, area = made.annual["nep"], cell_areas(made.annual["nep"])
    weight = area.where(np.isfinite(made.static["elevation"]), 0.0)
    of_class = {label: code for code, label in made.legend.items()}
    for label, code in of_class.items():
        layer = made.annual["npp"] if ("npp", label) in table else nep
        inside = made.annual["land_cover"] == code
        found = float((layer * weight).where(inside).sum() / weight.where(inside).sum())
        for key in (("nep", label), ("npp", label)):
            if key in table:
                assert found == pytest.approx(table[key], rel=2e-3)
    if ("total nep", "region") in table:
        total = float((nep.mean("year") * weight).sum()) * 1e-9
        assert total == pytest.approx(table["total nep", "region"], rel=0.02)


@pytest.mark.parametrize("name", NAMED)
def test_same_seed_gives_same_bytes(name: str) -> None:
    assert digest(small(name)) == digest(virtual_region(name, shape=SMALL))


def test_other_seeds_give_other_bytes() -> None:
    assert digest(small("horqin")) != digest(virtual_region("horqin", seed=4, shape=SMALL))


def test_the_demo_has_not_changed() -> None:
    # Of the demo as it was before there were other regions: (40, 50) pixels, seed 5, in units that rounding cannot move.
    made = virtual_region("demo", seed=5, shape=(40, 50), years=(2000, 2004))
    found = [float(made.annual[name].mean()) for name in ("nep", "npp", "temperature", "precipitation", "population")]
    np.testing.assert_allclose(found, DEMO_MEANS, rtol=1e-9)


@pytest.mark.parametrize("name", NAMED)
def test_layers_are_plausible_under_one_mask(name: str) -> None:
    made, known = region(name), variables()
    valid = np.isfinite(made.static["elevation"].to_numpy())
    assert 0.6 < valid.mean() < 0.95
    for part in (made.annual, made.monthly, made.static):
        for layer in part.data_vars.values():
            key = str(layer.name)
            assert layer.attrs["units"] and layer.attrs["crs"] == made.crs
            if key == "land_cover":
                assert set(np.unique(layer)) <= {-1, *made.legend} and np.array_equal(layer[0] >= 0, valid)
                continue
            entry = known.get(key) or known[key.removesuffix("_monthly")]
            assert np.array_equal(np.isfinite(layer.to_numpy()), np.broadcast_to(valid, layer.shape)), key
            assert entry.low <= float(layer.min()) and float(layer.max()) <= entry.high, key
    density = made.static["soil_organic_carbon"] * made.static["bulk_density"] * 0.2
    np.testing.assert_allclose(made.static["soil_carbon"], density, rtol=1e-12)
    assert set(made.legend.values()) <= set(ecosystem_classes()) and set(made.gpp_slope) == set(made.legend.values())
    assert made.virtual and "not real data" in made.notice and made.target_notes


@pytest.mark.parametrize("name", NAMED)
def test_sub_regions_tile_the_area_in_their_shares(name: str) -> None:
    made, design = region(name), design_of(name)
    assert list(made.regions["name"]) == [zone.label or zone.name for zone in design.zones]
    assert made.regions.is_valid.all() and set(made.regions.geom_type) == {"Polygon"} and made.regions.crs == made.crs
    regions = made.regions.to_crs("ESRI:102025") if name == "china" else made.regions
    whole = regions.union_all()
    # lines that are straight in degrees are not so in metres
    assert regions.area.sum() == pytest.approx(whole.area, rel=1e-9 if name != "china" else 1e-3)
    frame = made.sample_frame()
    assert shapely.contains_xy(made.regions.union_all(), frame["x"], frame["y"]).all()
    shares = np.array([zone.share for zone in design.zones])
    np.testing.assert_allclose(regions.area / whole.area, shares / shares.sum(), atol=0.03)


@pytest.mark.parametrize("name", ["northwest_china", "china"])
@pytest.mark.usefixtures("made_once")
def test_a_study_computes_the_nep_that_the_region_shows(name: str, tmp_path: Path) -> None:
    study = preset(name, tmp_path)
    inputs = Inputs(study, study.spec.study.seed)
    with pytest.warns(DataWarning, match="Rh capped at Rs"):
        stack = inputs.required_stack
    np.testing.assert_allclose(stack, inputs.region.annual["nep"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["horqin", "ningxia"])
def test_npp_less_respiration_is_the_written_nep(name: str) -> None:
    from carbondrivers.nep_models.chains import nep_npp_minus_rh

    made = small(name)
    months = (made.monthly[f"{part}_monthly"].astype("float64") for part in ("temperature", "precipitation"))
    found = nep_npp_minus_rh(made.annual["npp"], *months)["nep"]
    np.testing.assert_allclose(found, made.annual["nep"], atol=1e-9)


def test_towers_give_back_the_slope_of_gpp() -> None:
    from carbondrivers.nep_models import days_of_months, nirv

    made = region("northwest_china")
    towers, truth = made.towers, made.truth
    assert isinstance(truth, ProcessTruth) and towers["virtual"].all() and 9 <= towers["site"].nunique() <= 15
    np.testing.assert_allclose(towers["gpp"] - towers["er"], towers["nep"], atol=1e-9)
    for ecosystem, own in towers.groupby("ecosystem"):
        x, y = [], []
        for _, site in own.groupby("site"):
            months = made.monthly.sel(x=site["x"].iloc[0], y=site["y"].iloc[0])
            index = nirv(months["ndvi_monthly"], months["nir_monthly"]).to_numpy()
            warm = months["temperature_monthly"].to_numpy() > 0
            soil = np.percentile(index[warm], 5.0)
            light = 0.5 * months["radiation_monthly"].to_numpy() * days_of_months(months["time"]).to_numpy()
            x.append(light * np.maximum(index - soil, 0.0))
            y.append(site["gpp"].to_numpy())
        x, y = np.concatenate(x), np.concatenate(y)
        kept = np.isfinite(y)
        slope = np.sum(x[kept] * y[kept]) / np.sum(x[kept] ** 2)
        # three towers, each with an error of 4 %, and months with one of 2 g at least
        assert slope == pytest.approx(truth.gpp_slope[str(ecosystem)], rel=0.1), ecosystem


@pytest.mark.parametrize("name", ["northwest_china", "horqin", "ningxia", "china"])
def test_years_of_towers_are_those_of_the_map(name: str) -> None:
    made = region(name)
    frame = made.towers.dropna(subset=["nep"])
    months = frame.groupby(["site", frame["time"].dt.year])["nep"]
    whole = months.sum()[months.size() == 12]
    places = made.towers.drop_duplicates("site").set_index("site")
    found = [
        float(made.annual["nep"].sel(x=places.loc[site, "x"], y=places.loc[site, "y"], year=year)) for site, year in whole.index
    ]
    assert len(whole) > 20
    # a tower is wrong by 4 % of its GPP and of its respiration, each by its own share
    assert np.corrcoef(whole, found)[0, 1] > 0.8 and abs(np.mean(whole.to_numpy() - found)) < 40.0


def test_planted_slopes_of_classes_are_found() -> None:
    made = region("horqin")
    assert isinstance(made.truth, ProcessTruth) and made.truth.trend.attrs["units"] == "g C m-2 a-2"
    cover, nep = made.annual["land_cover"].to_numpy(), made.annual["nep"].to_numpy()
    kept = np.all(cover == cover[0], axis=0) & (cover[0] > 0)
    time = made.annual["year"].to_numpy() - made.annual["year"].to_numpy().mean()
    slope = np.einsum("t,tn->n", time, nep[:, kept]) / np.sum(time**2)
    planted = made.truth.trend.to_numpy()[kept]
    assert np.mean(slope - planted) == pytest.approx(0.0, abs=0.1)
    assert np.std(slope - planted) == pytest.approx(5.0 / np.sqrt(np.sum(time**2)), rel=0.2)


def test_greening_is_planted_where_the_study_printed_a_slope() -> None:
    truth = region("northwest_china").truth
    assert truth.trend.attrs["units"] == "a-1" and np.isfinite(truth.trend).sum() > 1000
    assert float(np.abs(region("china").truth.trend).max()) == 0.0


def test_plots_give_back_what_carbon_depends_on() -> None:
    made = region("ningxia")
    plots, truth = made.plots, made.truth
    assert (plots["source"] == "plot").sum() == 60 and (plots["source"] == "point").sum() == 104
    assert plots["virtual"].all() and plots["plot"].is_unique
    np.testing.assert_allclose(plots["biomass"] + plots["soil"], plots["carbon"], rtol=1e-12)
    sample = made.sample_frame()
    npp = made.annual["npp"].mean("year").to_numpy()
    scale = {"precipitation": sample["precipitation"].std(), "temperature": sample["temperature"].std(), "npp": np.nanstd(npp)}
    columns = [plots[name] / scale[name] for name in truth.coefficients]
    classes = pd.get_dummies(plots["ecosystem"], dtype=float)
    design = np.column_stack([*columns, classes])
    fitted = np.linalg.lstsq(design, np.log(plots["carbon"]), rcond=None)[0][:3]
    np.testing.assert_allclose(fitted, list(truth.coefficients.values()), atol=0.05)
    error = np.log(plots["carbon"] / plots["carbon_true"])
    assert error[plots["source"] == "plot"].std() == pytest.approx(0.05, rel=0.35)


def test_records_give_back_the_coefficients_of_the_sand() -> None:
    made = region("taklimakan")
    records, truth = made.records, made.truth.coefficients
    assert len(records) == 2 * 365 * 48 and records["virtual"].all()
    model = DesertFlux(replicates=100).fit(records, records["closed_path_flux"])
    found = model.coefficients_.set_index("term")
    for term in ("a0", "a1", "a2", "k2", "b2"):
        error = max(float(found.loc[term, "std_error"]), 1e-12)
        assert abs(float(found.loc[term, "estimate"]) - truth[term]) < 4.0 * error, term
    site = records[records["site"] == "virtual sand A"]
    fit = fit_open_path(
        site["closed_path_flux"], site["open_path_flux"], site["sensible_heat"], site["time"], replicates=50
    ).coefficients.set_index("term")["estimate"]
    np.testing.assert_allclose([fit["a"], fit["b"]], [truth["open_a"], truth["open_b"]], rtol=0.05)
    noon = site[(site["time"].dt.month == 1) & (site["time"].dt.hour == 12)]
    assert noon["open_path_flux"].mean() < -1.4 and abs(noon["closed_path_flux"].mean()) < 0.1


@pytest.mark.parametrize("name", ["horqin", "china"])
def test_planted_mode_has_the_truth_of_the_demo(name: str) -> None:
    made = virtual_region(name, seed=4, mode="planted", shape=SMALL, years=(2001, 2005))
    assert isinstance(made.truth, Truth) and made.mode == "planted" and made.targets is None and made.towers is None
    assert set(made.truth.class_scores) == set(made.legend.values())
    effects = made.truth.effects.set_index("driver")
    frame = made.sample_frame()
    assert np.corrcoef(frame["precipitation"], frame["nep"])[0, 1] > 0.4 and effects.loc["precipitation", "direct"] > 0
    assert set(effects.index[effects["null"]]) == set(made.truth.null_drivers)


def test_finer_by_shape_or_resolution_keeps_the_area() -> None:
    coarse = virtual_region("horqin", seed=2, resolution=9000.0, years=(2001, 2005))
    fine = virtual_region("horqin", seed=2, resolution=5000.0, years=(2001, 2005))
    assert fine.annual["nep"].size > 2 * coarse.annual["nep"].size
    for made in (coarse, fine):
        assert made.regions.area.sum() / 1e6 == pytest.approx(125670.0, rel=0.05)


def test_a_study_takes_a_resolution(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(preset_text("horqin", 7000.0).replace("[2000, 2020]", "[2001, 2010]"), encoding="utf-8")
    study = load_study(path)
    assert check_data(study) == []
    region = Inputs(study, 2).region
    assert (
        region.static["elevation"].shape
        == virtual_region("horqin", resolution=7000.0, years=(2001, 2010)).annual["nep"].shape[1:]
    )
    assert CliRunner().invoke(cli.app, ["demo", "demo", "--resolution", "500", "-o", str(tmp_path / "out")]).exit_code != 0


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.usefixtures("made_once")
def test_presets_run(name: str, tmp_path: Path) -> None:
    study = preset(name, tmp_path)
    assert check_data(study) == []
    run = run_steps(study, tmp_path / "out")
    expected = {"describe", "account"} | set(study.spec.analyses)
    # An NEP model has months, whose course is described without being asked for.
    expected |= {"seasonality"} if study.spec.nep.model != "given" else set()
    assert expected == set(run.kept)
    assert "recovery" not in run.kept


def test_a_planted_study_of_a_named_region_recovers_its_truth(tmp_path: Path) -> None:
    text = (PRESETS / "ningxia.toml").read_text(encoding="utf-8")
    path = tmp_path / "study.toml"
    path.write_text(text.replace('region = "ningxia"', 'region = "ningxia"\nmode = "planted"\nshape = [40, 30]'))
    run = run_steps(load_study(path), tmp_path / "out")
    table = run.kept["recovery"].result.tables["recovery"]
    truth = virtual_region("ningxia", mode="planted", shape=(40, 30)).truth
    planted = truth.effects.set_index("driver")
    assert table.loc[table["rank"] == 1, "driver"].iloc[0] == planted["rank"].idxmin()
    assert set(table.loc[table["planted"] == "null", "driver"]) == set(truth.null_drivers)
    # the strongest planted effects show in the data, by the sign that they have
    strongest = table[table["rank"] <= 2].set_index("driver")["r"]
    assert np.array_equal(np.sign(strongest), np.sign(planted.loc[strongest.index, "total"]))


def test_the_lists_of_regions_agree() -> None:
    assert tuple(cli.REGIONS) == NAMES == REGIONS
    assert {path.stem for path in PRESETS.glob("*.toml")} == set(NAMES)
    assert legend_of("china")[2] == "evergreen_broadleaf"


def test_the_command_line_takes_a_region() -> None:
    told = CliRunner().invoke(cli.app, ["demo", "--help"]).output
    assert "northwest_china" in told
    assert CliRunner().invoke(cli.app, ["demo", "atlantis"]).exit_code == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "china", "mode": "real"}, "mode must be one of 'process', 'planted'"),
        ({"name": "demo", "mode": "process"}, "mode of the demo region must be"),
        ({"name": "demo", "resolution": 500.0}, "give shape"),
        ({"name": "china", "resolution": -1.0}, "resolution must be above 0"),
        ({"name": "china", "resolution": 0.5, "shape": SMALL}, "not both"),
        ({"name": "horqin", "shape": (10, 80)}, "at least 24 pixels"),
        ({"name": "horqinn"}, "Did you mean 'horqin'"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        virtual_region(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ('mode = "process"', "the demo region is planted"),
        ("shape = [10, 40]", "must be at least 24"),
        ('mode = "real"', "mode"),
    ],
)
def test_bad_keys_of_a_study_are_refused(key: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(f'[study]\ntitle = "t"\nregion = "demo"\n{key}\n[response]\nname = "nep"\n')
    with pytest.raises(Exception, match=message):
        load_study(path)


def test_the_truth_of_processes_is_no_planted_truth(tmp_path: Path) -> None:
    study = preset("horqin", tmp_path)
    inputs = Inputs(study, 1)
    assert not inputs.has("truth")
    with pytest.raises(DataError, match=r"study\.mode = 'planted'"):
        _ = inputs.truth


def test_solvers_reach_what_can_be_reached() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(50, 500, (4, 5))
    areas = rng.uniform(0.0, 1.0, (4, 5))
    rows, columns = (np.average(truth, axis=axis, weights=areas) for axis in (1, 0))
    found = fit_table(areas, np.full(5, 100.0), rows, columns)
    np.testing.assert_allclose(np.average(found, axis=1, weights=areas), rows, rtol=1e-9)
    np.testing.assert_allclose(np.average(found, axis=0, weights=areas), columns, rtol=1e-6)
    wanted = np.array([0.5, np.nan, 3.0, -9.0])
    got = false_position(np.tanh, np.full(4, -2.0), np.full(4, 2.0), wanted)
    np.testing.assert_allclose(got, [np.arctanh(0.5), 1.0, 2.0, -2.0], rtol=1e-3)
