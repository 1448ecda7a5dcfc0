"""Correlation through time: kernels against R, gaps, hostile cells, the door, the step; sizes by simulation."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.attribution import time_correlation_kernels as kernels
from carbondrivers.attribution.effective_size import temporal_size
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.time_correlation import ALL_DRIVERS, STATUS, TimeCorrelationResult, time_correlation
from carbondrivers.errors import DataError, OptionError
from carbondrivers.study.check import load_study
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import steps

from .conftest import REFERENCE

EXPECTED = pd.read_csv(REFERENCE / "timeseries" / "expected_correlation_R.csv")
PIXEL = pd.read_csv(REFERENCE / "timeseries" / "pixel_drivers.csv")
TABLE = pd.read_csv(REFERENCE / "timeseries" / "table.csv")


def _values(frame: pd.DataFrame, names: list[str]) -> Floats:
    return frame[["nep", *names]].to_numpy(float).T[None]


def _all_of(frame: pd.DataFrame, names: list[str]) -> tuple[kernels.Coefficients, kernels.Partial, float]:
    t = np.arange(len(frame), dtype=float)
    data = kernels.standard(_values(frame, names), t, False)
    return kernels.pearson(data, t), kernels.partial(data, t), float(len(frame))


@pytest.mark.parametrize(("name", "frame"), [("pixel_drivers", PIXEL), ("table", TABLE)])
def test_pearson_and_every_order_of_partial_equal_r(name: str, frame: pd.DataFrame) -> None:
    # R 4.2.2 cor.test and lm residuals: closed forms; r to 1e-12 of one, t and p to what r carries into them
    expected = EXPECTED.loc[EXPECTED["data"] == name]
    drivers = [c for c in frame.columns if c not in ("year", "nep")]
    plain = expected.loc[expected["source"] == "stats::cor.test"].set_index("x")
    pearson, _, n = _all_of(frame, drivers)
    found = kernels.student(pearson.r, np.full((1, 1), n - 2))
    for i, driver in enumerate(drivers):
        row = plain.loc[driver]
        assert pearson.r[0, i] == pytest.approx(row["r"], abs=1e-13)
        assert found.statistic[0, i] == pytest.approx(row["t"], rel=1e-11)
        assert found.p[0, i] == pytest.approx(row["p"], rel=1e-10)
    partial = expected.loc[expected["source"] == "lm residuals"].set_index(["x", "given"])
    compared = 0
    for k in range(2, len(drivers) + 1):
        for chosen in combinations(drivers, k):
            _, many, n = _all_of(frame, list(chosen))
            tests = kernels.student(many.r, np.full((1, 1), n - k - 1))
            for i, driver in enumerate(chosen):
                row = partial.loc[(driver, "+".join(one for one in chosen if one != driver))]
                assert many.r[0, i] == pytest.approx(row["r"], abs=1e-12)
                assert tests.statistic[0, i] == pytest.approx(row["t"], rel=1e-9, abs=1e-10)
                assert tests.p[0, i] == pytest.approx(row["p"], rel=1e-9) and n - k - 1 == row["df"]
                compared += 1
    assert compared == 75


@pytest.mark.parametrize(("name", "frame"), [("pixel_drivers", PIXEL), ("table", TABLE)])
def test_multiple_correlation_equals_r(name: str, frame: pd.DataFrame) -> None:
    # R 4.2.2 lm: 1e-10 of F
    expected = EXPECTED.loc[(EXPECTED["data"] == name) & EXPECTED["source"].str.startswith("lm multiple")]
    assert len(expected) == 26
    for row in expected.to_dict("records"):
        drivers = str(row["x"]).split("+")
        _, many, n = _all_of(frame, drivers)
        test = kernels.fisher(many.unexplained, len(drivers), np.array([n - len(drivers) - 1]))
        assert np.sqrt(1 - many.unexplained[0]) == pytest.approx(row["r"], rel=1e-12)
        assert test.statistic[0] == pytest.approx(row["t"], rel=1e-10) and test.p[0] == pytest.approx(row["p"], rel=1e-9)


def test_units_do_not_matter_where_gdp_is_counted_in_single_coins() -> None:
    drivers = ["tem", "pre", "dem", "gdp"]
    plain = _all_of(TABLE, drivers)[1]
    scaled = _all_of(TABLE.assign(gdp=TABLE["gdp"] * 1e6, dem=TABLE["dem"] / 1e6, tem=TABLE["tem"] + 273.15), drivers)[1]
    np.testing.assert_allclose(scaled.r, plain.r, rtol=1e-11)
    np.testing.assert_allclose(scaled.vif, plain.vif, rtol=1e-10)


def test_inflation_and_detrending_are_regressions() -> None:
    x = PIXEL[["tem", "pre", "rad"]].to_numpy()
    vif = _all_of(PIXEL, ["tem", "pre", "rad"])[1].vif[0]
    for i in range(3):
        others = np.column_stack([np.ones(21), np.delete(x, i, axis=1)])
        rest = x[:, i] - others @ np.linalg.lstsq(others, x[:, i], rcond=None)[0]
        assert vif[i] == pytest.approx(((x[:, i] - x[:, i].mean()) ** 2).sum() / (rest**2).sum(), rel=1e-10)
    t = PIXEL["year"].to_numpy(float)
    data = kernels.standard(_values(PIXEL, ["tem", "pre"]), t, True)
    detrended = kernels.partial(data, t).r[0]
    # Taking the lines off is holding the year.
    held = _all_of(PIXEL, ["tem", "pre", "year"])[1].r[0, :2]
    np.testing.assert_allclose(detrended, held, rtol=1e-11)


def test_effective_years_are_those_of_the_two_series_that_are_correlated() -> None:
    names = ["tem", "pre", "co2"]
    pearson, partial, _ = _all_of(PIXEL, names)
    for i, name in enumerate(names):
        assert pearson.n_eff[0, i] == pytest.approx(
            float(temporal_size(PIXEL["nep"].to_numpy(), PIXEL[name].to_numpy())), rel=1e-12
        )
        others = np.column_stack([np.ones(21), PIXEL[[one for one in names if one != name]].to_numpy()])
        y, x = (
            v - others @ np.linalg.lstsq(others, v, rcond=None)[0] for v in (PIXEL["nep"].to_numpy(), PIXEL[name].to_numpy())
        )
        assert partial.n_eff[0, i] == pytest.approx(float(temporal_size(y, x)), rel=1e-9)


def _stack(values: np.ndarray, name: str = "nep", years: np.ndarray | None = None) -> xr.DataArray:
    years = np.arange(2000, 2000 + len(values)) if years is None else years
    coords = {"year": years, "y": np.arange(values.shape[1], 0, -1) * 1e3, "x": np.arange(values.shape[2]) * 1e3}
    return xr.DataArray(values, coords, ("year", "y", "x"), name=name, attrs={"crs": "EPSG:32650", "units": "g C m-2 a-1"})


@pytest.fixture
def stacks() -> dict[str, xr.DataArray]:
    """Rain drives the west, warmth the east; light drives nothing."""
    rng = np.random.default_rng(4)
    rain, warm, light = rng.normal(size=(3, 20, 5, 6))
    east = np.linspace(0, 1, 6)
    nep = 3 * (1 - east) * rain + 3 * east * warm + rng.normal(size=(20, 5, 6))
    return {name: _stack(v, name) for name, v in (("nep", nep), ("rain", rain), ("warm", warm), ("light", light))}


def _run(stacks: dict[str, xr.DataArray], **options: object) -> TimeCorrelationResult:
    given = dict(stacks)
    return time_correlation(given.pop("nep"), given, **options)  # type: ignore[arg-type]


def test_door_finds_what_was_planted(stacks: dict[str, xr.DataArray]) -> None:
    result = _run(stacks)
    r = result.grid["partial_r"]
    assert (r.sel(driver="rain")[:, 0] > 0.8).all() and (r.sel(driver="warm")[:, 5] > 0.8).all()
    assert float(np.abs(r.sel(driver="light")).mean()) < 0.3
    assert (result.grid["status"] == STATUS.index("Computed")).all() and result.n == 30
    assert (result.grid["partial_df"] == 16).all() and (result.grid["pearson_df"] == 18).all()
    assert list(result.grid["driver"].to_numpy()) == ["light", "rain", "warm"]
    table = result.regional.set_index(["driver", "method"])
    means = [stacks[name].mean(("y", "x")).to_numpy() for name in ("nep", "rain")]
    assert table.loc[("rain", "pearson"), "r"] == pytest.approx(np.corrcoef(*means)[0, 1], rel=1e-10)
    assert table.loc[(ALL_DRIVERS, "multiple"), "df_2"] == 16


def test_one_cell_is_the_same_as_by_hand(stacks: dict[str, xr.DataArray]) -> None:
    result = _run(stacks)
    cell = pd.DataFrame({name: stack[:, 2, 3].to_numpy() for name, stack in stacks.items()})
    _, partial, n = _all_of(cell, ["light", "rain", "warm"])
    np.testing.assert_allclose(result.grid["partial_r"][:, 2, 3], partial.r[0], rtol=1e-12)
    np.testing.assert_allclose(result.grid["vif"][:, 2, 3], partial.vif[0], rtol=1e-12)
    t = partial.r[0] * np.sqrt((n - 4) / (1 - partial.r[0] ** 2))
    np.testing.assert_allclose(result.grid["partial_t"][:, 2, 3], t, rtol=1e-10)


def test_gaps_leave_a_year_out_for_every_variable_of_the_cell(stacks: dict[str, xr.DataArray]) -> None:
    nep, rain = stacks["nep"].to_numpy().copy(), stacks["rain"].to_numpy().copy()
    nep[3, 1, 1] = rain[7, 1, 1] = np.nan
    given = stacks | {"nep": _stack(nep), "rain": _stack(rain, "rain")}
    result = _run(given, min_valid=10)
    assert result.grid["n_valid"][1, 1] == 18 and result.grid["partial_df"][1, 1] == 14
    kept = np.delete(np.arange(20), [3, 7])
    cell = pd.DataFrame({name: stack[kept, 1, 1].to_numpy() for name, stack in stacks.items()})
    pearson, partial, _ = _all_of(cell, ["light", "rain", "warm"])
    np.testing.assert_allclose(result.grid["partial_r"][:, 1, 1], partial.r[0], rtol=1e-11)
    np.testing.assert_allclose(result.grid["pearson_r"][:, 1, 1], pearson.r[0], rtol=1e-11)
    # The years around a gap are no neighbours.
    assert not np.allclose(result.grid["pearson_n_eff"][:, 1, 1], pearson.n_eff[0])


def test_lazy_equals_loaded_and_order_does_not_matter(stacks: dict[str, xr.DataArray]) -> None:
    one = _run(stacks)
    lazy = {name: stack.chunk({"year": 7, "y": 2, "x": 3}) for name, stack in stacks.items()}
    mixed = lazy | {"rain": stacks["rain"].isel(year=np.random.default_rng(0).permutation(20)).transpose("x", "year", "y")}
    for other in (lazy, mixed, dict(reversed(stacks.items()))):
        two = _run(other)
        xr.testing.assert_allclose(one.grid, two.grid, rtol=1e-12)
        pd.testing.assert_frame_equal(one.regional, two.regional, rtol=1e-10)
        pd.testing.assert_frame_equal(one.shares, two.shares, rtol=1e-12)


def test_hostile_cells_get_a_named_status_and_no_p(stacks: dict[str, xr.DataArray]) -> None:
    values = {name: stack.to_numpy().copy() for name, stack in stacks.items()}
    values["nep"][:, 0, 0] = np.nan
    values["nep"][:9, 0, 1] = np.nan
    values["nep"][:, 0, 2] = 7.0
    values["warm"][:, 0, 3] = 0.1
    values["warm"][:, 0, 4] = 2.0 * values["rain"][:, 0, 4] - values["light"][:, 0, 4]
    values["nep"][:, 0, 5] = 3.0 * values["rain"][:, 0, 5] + 1.0
    result = _run({name: _stack(v, name) for name, v in values.items()}, min_valid=15)
    status = result.grid["status"][0].to_numpy()
    assert np.isnan(status[0]) and [STATUS[int(code)] for code in status[1:]] == list(STATUS[1:])
    assert result.status.set_index("level")["n"].to_dict() == dict.fromkeys(STATUS[1:], 1) | {"Computed": 24}
    assert result.status["share"].sum() == pytest.approx(1.0)
    for statistic, ps in (("pearson_t", ("pearson_p",)), ("partial_t", ("partial_p",)), ("multiple_f", ("multiple_p",))):
        none = ~np.isfinite(result.grid[statistic].to_numpy())
        for p in (one for name in ps for one in (name, f"{name}_adjusted", f"{name}_eff", f"{name}_eff_adjusted")):
            assert np.isnan(result.grid[p].to_numpy()[none]).all(), p
    # Pearson's r of what varies stays.
    assert np.isfinite(result.grid["pearson_r"].sel(driver="rain")[0, 3]) and np.isnan(result.grid["partial_r"][:, 0, 3]).all()
    said = " ".join(result.notes)
    assert "1 cells have a driver that does not vary there" in said and "1 cells have drivers that determine each other" in said


def test_single_precision_makes_no_determined_driver_look_free(stacks: dict[str, xr.DataArray]) -> None:
    warm = (stacks["rain"] + stacks["light"]).astype("float32").rename("warm").assign_attrs(stacks["rain"].attrs)
    result = _run(stacks | {"warm": warm})
    assert (result.grid["status"] == STATUS.index("Collinear drivers")).all()


def test_years_that_a_driver_lacks_are_left_out_and_said(stacks: dict[str, xr.DataArray]) -> None:
    dates = pd.to_datetime([f"{year}-01-01" for year in range(2002, 2018)])
    rain = stacks["rain"].sel(year=slice(2002, 2017)).rename(year="time").assign_coords(time=dates)
    result = _run(stacks | {"rain": rain})
    assert result.parameters["years"] == [2002.0, 2017.0] and float(result.grid["n_valid"].max()) == 16
    assert any("4 of 20 years of the response are left out" in note for note in result.notes)


def test_detrending_costs_a_degree_of_freedom_and_removes_shared_trends(stacks: dict[str, xr.DataArray]) -> None:
    trend = np.arange(20.0)[:, None, None]
    both = stacks | {name: (stacks[name] + trend).assign_attrs(stacks[name].attrs) for name in ("nep", "light")}
    raw, free = _run(both), _run(both, detrend=True)
    assert (raw.grid["pearson_r"].sel(driver="light") > 0.8).all()
    assert float(free.grid["pearson_r"].sel(driver="light").mean()) < 0.3
    assert (raw.grid["partial_df"] - free.grid["partial_df"] == 1).all()
    assert any("two series with a trend correlate" in note for note in raw.notes)


def test_shares_are_of_the_area_of_the_cells_with_the_coefficient() -> None:
    rng = np.random.default_rng(6)
    rain = rng.normal(size=(20, 2, 2))
    nep = rain + 0.01 * rng.normal(size=(20, 2, 2))
    nep[:, 1] = -nep[:, 1]
    coords = {"y": [60.0, 0.0], "x": [100.0, 101.0]}
    given = {
        name: _stack(v, name).assign_coords(coords).assign_attrs(crs="EPSG:4326") for name, v in (("nep", nep), ("rain", rain))
    }
    result = _run(given)
    table = result.shares.loc[result.shares["method"] == "partial, corrected P"].set_index("level")["share"]
    assert table["positive"] == pytest.approx(1 / 3, rel=1e-3) and table["positive"] + table["negative"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s | {"rain": s["rain"].isel(x=slice(0, 5))}, DataError, "driver 'rain' and the response differ in shape"),
        (lambda s: s | {"rain": s["rain"].assign_coords(year=np.arange(1950, 1970))}, DataError, "share no year"),
        (lambda s: s | {"rain": s["rain"].mean("year")}, DataError, "'rain' has no year or time dimension"),
        (lambda s: s | {"rain": s["rain"].where(s["rain"].year != 2003, np.inf)}, DataError, "'rain' holds infinite values"),
        (lambda s: s | {"rain": s["rain"] * np.nan}, DataError, "no cell of 'nep' has 14 years, of 20, in which every driver"),
        (lambda s: s | {"rain": 3.0}, DataError, "driver 'rain' is a float"),
        (lambda s: {"nep": s["nep"]}, OptionError, "drivers must name at least one stack"),
        (lambda s: {k: v.isel(year=slice(0, 8)) for k, v in s.items()}, DataError, "only 8 years, at least 10 are needed"),
        (lambda s: s | {"rain": s["rain"].assign_attrs(crs="EPSG:4326")}, DataError, "differ in CRS"),
    ],
)
def test_hostile_stacks(stacks: dict[str, xr.DataArray], change, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        _run(change(stacks))
    assert len(str(caught.value).splitlines()) == 1


def test_options(stacks: dict[str, xr.DataArray]) -> None:
    with pytest.raises(OptionError, match="kind must be a list such as"):
        _run(stacks, kind="partial")
    with pytest.raises(OptionError, match="kind must be one of 'pearson', 'partial', got 'spearman'"):
        _run(stacks, kind=["spearman"])
    with pytest.raises(OptionError, match=r"min_valid must be from 5 to the number of years \(20\)"):
        _run(stacks, min_valid=4)
    with pytest.raises(OptionError, match="driver 'nep' has the name of the response"):
        time_correlation(stacks["nep"], {"nep": stacks["rain"]})
    assert "partial_r" not in _run(stacks, kind=["pearson"]).grid


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 5), st.floats(-8, 8))
def test_partial_coefficients_ignore_scale_and_sum_up(seed: int, k: int, power: float) -> None:
    """Scale of a driver does not matter, |r| <= 1, and R^2 is at least the largest r^2."""
    values = np.random.default_rng(seed).normal(size=(3, k + 1, 18))
    t = np.arange(18.0)
    data = kernels.standard(values, t, False)
    one, plain = kernels.partial(data, t), kernels.pearson(data, t)
    values[:, 1] *= 10.0**power
    two = kernels.partial(kernels.standard(values, t, False), t)
    np.testing.assert_allclose(one.r, two.r, rtol=1e-8, atol=1e-12)
    assert (np.abs(one.r) <= 1).all() and (1 - one.unexplained >= (plain.r**2).max(axis=1) - 1e-12).all()


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_corrected_p_holds_its_size_where_years_are_alike(request: pytest.FixtureRequest, rho: float) -> None:
    """Two independent AR(1) series of 40 years: naive P rejects too often, the corrected one nearly nominally."""
    n = request.config.getoption("--replicates") or 4000
    noise = np.random.default_rng(9).normal(size=(n, 2, 140))
    y = np.empty_like(noise)
    y[..., 0] = noise[..., 0]
    for year in range(1, 140):
        y[..., year] = rho * y[..., year - 1] + np.sqrt(1 - rho**2) * noise[..., year]
    t = np.arange(40.0)
    data = kernels.standard(y[..., 100:], t, False)
    found = kernels.pearson(data, t)
    naive, corrected = (
        float((kernels.student(found.r, df).p < 0.05).mean()) for df in (np.full((n, 1), 38.0), found.n_eff - 2.0)
    )
    error = 4 * np.sqrt(0.05 * 0.95 / n)
    if rho == 0.0:
        assert abs(naive - 0.05) < error and abs(corrected - 0.05) < error + 0.01
    else:
        assert naive > 0.12 and corrected < 0.085


def _inputs(folder: Path, more: str = "") -> Inputs:
    (folder / "study.toml").write_text(
        f"""
schema = 1
[study]
title = "Through time"
region = "demo"
years = [2001, 2012]
[response]
name = "nep"
[analyses.time_correlation]
{more}
"""
    )
    return Inputs(load_study(folder / "study.toml"), 20260118)


def test_step_takes_the_drivers_with_years(tmp_path: Path) -> None:
    step, inputs = steps()["time_correlation"], _inputs(tmp_path, 'drivers = ["temperature", "precipitation"]')
    result = step.run(inputs, inputs.spec.analyses["time_correlation"], {})
    assert result.parameters["drivers"] == ["precipitation", "temperature"]
    assert result.category("temperature") == "climate" and result.label("temperature") == "Temperature"
    assert {"temperature", "precipitation", "pet", "gdp", "human_footprint"} == set(inputs.driver_stacks)


def test_step_names_the_drivers_that_have_years(tmp_path: Path) -> None:
    step, inputs = steps()["time_correlation"], _inputs(tmp_path, 'drivers = ["elevation"]')
    with pytest.raises(OptionError, match="driver 'elevation' has no grid a year; those that have are"):
        step.run(inputs, inputs.spec.analyses["time_correlation"], {})


def test_step_reads_series_of_files_and_passes_single_grids_over(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    coords = {"lat": np.arange(4.0, 0.0, -1.0), "lon": np.arange(5.0)}
    for name in ("rain", "nep"):
        for year in range(2001, 2013):
            grid = xr.DataArray(rng.uniform(1, 2, (4, 5)), coords, ("lat", "lon"), name=name)
            grid.to_dataset().to_netcdf(tmp_path / f"{name}_{year}.nc")
    xr.DataArray(rng.uniform(1, 2, (4, 5)), coords, ("lat", "lon"), name="dem").to_dataset().to_netcdf(tmp_path / "dem.nc")
    (tmp_path / "study.toml").write_text(
        """
schema = 1
[study]
title = "Files"
years = [2001, 2012]
[response]
name = "nep"
unit = "g C m-2 a-1"
source = "nep_{year}.nc"
[drivers]
rain = { source = "rain_{year}.nc", category = "climate", unit = "mm a-1", label = "Rain of the year" }
dem = { source = "dem.nc" }
[analyses.time_correlation]
"""
    )
    inputs = Inputs(load_study(tmp_path / "study.toml"), 1)
    result = steps()["time_correlation"].run(inputs, inputs.spec.analyses["time_correlation"], {})
    assert result.parameters["drivers"] == ["rain"] and result.n == 20
    assert result.label("rain") == "Rain of the year" and result.unit("rain") == "mm a-1"
