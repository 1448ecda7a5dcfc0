"""Seasonality: planted cycles, true areas, gaps and partial years, intervals that hold, words and figures from the tables."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any, cast

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.attribution import seasonal_kernels as kernels
from carbondrivers.attribution.result import GRAMMAR
from carbondrivers.attribution.seasonality import SeasonalityResult, seasonality
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.reports.figures import seasonality as maps
from carbondrivers.reports.figures import seasonality_curves as curves
from carbondrivers.reports.lint import lint
from carbondrivers.reports.registry import Picture
from carbondrivers.reports.style import smallest_difference
from carbondrivers.study.class_grids import one_a_cell
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import steps
from carbondrivers.study.steps.seasonality import SeasonalityOptions

MONTH = np.arange(1, 13)
YEARS, ROWS, COLUMNS = 6, 6, 8
UNIT = "g C m-2 month-1"
# mean, half amplitude and month of the maximum of each class
CYCLES = {1: (5.0, 30.0, 7), 2: (-2.0, 12.0, 5), 3: (-6.0, 2.0, 1)}
NAMES = {1: "forest", 2: "grassland", 3: "barren"}


def cycle_of(mean: float, half: float, peak: int) -> np.ndarray:
    return mean + half * np.cos(np.pi / 6 * (MONTH - peak))


def stack(values: np.ndarray, start: str = "2001-01", crs: str = "EPSG:4326", name: str = "nep", **attrs: Any) -> xr.DataArray:
    """A monthly stack of half degrees from 60 N, where areas differ from row to row."""
    first = np.datetime64(start, "M")
    time = np.arange(first, first + len(values)).astype("datetime64[ns]")
    rows, columns = values.shape[1:]
    coords = {"time": time, "y": 60.0 - 0.5 * np.arange(rows), "x": 100.0 + 0.5 * np.arange(columns)}
    given = {key: value for key, value in {"crs": crs, "units": UNIT}.items() if value} | attrs
    return xr.DataArray(values, coords, ("time", "y", "x"), name=name, attrs=given)


def classes(of: xr.DataArray) -> tuple[xr.DataArray, dict[int, str]]:
    """Class 1 in the north, 2 in the middle, 3 in the one cell of the south-east corner and without a name elsewhere."""
    codes = np.full((of.sizes["y"], of.sizes["x"]), np.nan)
    codes[:3], codes[3:5], codes[-1, -1] = 1, 2, 3
    return of.isel(time=0, drop=True).copy(data=codes), NAMES


def halves(of: xr.DataArray) -> tuple[xr.DataArray, dict[int, str]]:
    codes = np.where(np.arange(of.sizes["x"]) < of.sizes["x"] // 2, 1, 2) * np.ones((of.sizes["y"], 1))
    return of.isel(time=0, drop=True).copy(data=codes), {1: "west", 2: "east"}


def planted(years: int = YEARS, noise: float = 0.0, seed: int = 3) -> xr.DataArray:
    """Each class its own cycle; the rest of the last row is zero."""
    codes = np.nan_to_num(classes(stack(np.zeros((1, ROWS, COLUMNS))))[0].to_numpy())
    year = np.zeros((12, ROWS, COLUMNS))
    for code, cycle in CYCLES.items():
        year[:, codes == code] = cycle_of(*cycle)[:, None]
    values = np.tile(year, (years, 1, 1))
    return stack(values + np.random.default_rng(seed).normal(0.0, noise or 1e-300, values.shape))


def rows(table: pd.DataFrame, level: str = "whole area", flux: str = "nep") -> pd.DataFrame:
    return table.loc[(table["level"] == level) & (table["response"] == flux)].reset_index(drop=True)


def one(table: pd.DataFrame, level: str = "whole area", flux: str = "nep") -> pd.Series[Any]:
    return rows(table, level, flux).iloc[0]


# --- truth by construction


def test_planted_cycles_come_back() -> None:
    given = planted()
    result = seasonality(given, classes=classes(given))
    for code, name in NAMES.items():
        truth = cycle_of(*CYCLES[code])
        np.testing.assert_allclose(rows(result.cycle, name)["estimate"], truth, rtol=1e-12, atol=1e-12)
        row = one(result.timing, name)
        assert row["amplitude"] == pytest.approx(2 * CYCLES[code][1], rel=1e-12)
        assert row["month"] == CYCLES[code][2]
        assert row["month_mean"] == pytest.approx(CYCLES[code][2], rel=1e-12)
        assert row["resultant"] == pytest.approx(1.0, rel=1e-12)
        assert row["sink_months"] == (truth > 0).sum()
        assert one(result.annual, name)["estimate"] == pytest.approx(12 * CYCLES[code][0], rel=1e-12)
        assert rows(result.cycle, name)["share"].tolist() == pytest.approx((truth > 0).astype(float), rel=1e-12)
    grid = result.grid
    np.testing.assert_allclose(grid["climatology"][:, 0, 0], cycle_of(*CYCLES[1]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(grid["amplitude"][:3], 60.0, rtol=1e-12)
    assert (grid["peak_month"].to_numpy()[3:5] == 5).all()
    assert (grid["sink_months"].to_numpy()[:3] == (cycle_of(*CYCLES[1]) > 0).sum()).all()
    np.testing.assert_allclose(grid["annual"].to_numpy()[3:5], -24.0, rtol=1e-12)
    assert (grid["n_valid"] == YEARS).all() and (grid["n_years"] == YEARS).all()
    assert result.n == ROWS * COLUMNS


def test_weights_and_totals_are_true_areas() -> None:
    given = planted(noise=4.0)
    result = seasonality(given, classes=classes(given), regions=halves(given))
    area, values = cell_areas(given).to_numpy(), given.to_numpy().reshape(YEARS, 12, ROWS, COLUMNS)
    assert area[0, 0] < 0.96 * area[-1, 0]
    for level, inside in {
        "whole area": np.ones((ROWS, COLUMNS), bool),
        "forest": classes(given)[0].to_numpy() == 1,
        "west": halves(given)[0].to_numpy() == 1,
    }.items():
        series = np.average(values[..., inside], weights=area[inside], axis=-1)
        table = rows(result.cycle, level)
        np.testing.assert_allclose(table["estimate"], series.mean(axis=0), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(table["sd"], series.std(axis=0, ddof=1), rtol=1e-10)
        np.testing.assert_allclose(table["area_km2"], area[inside].sum(), rtol=1e-12)
        # g m-2 on km2 is 1e6 g, and a Tg is 1e12 g
        np.testing.assert_allclose(
            table["total"], series.mean(axis=0) * area[inside].sum() * 1e6 / 1e12, rtol=1e-10, atol=1e-15
        )
        assert one(result.annual, level)["estimate"] == pytest.approx(series.sum(axis=1).mean(), rel=1e-10)
        assert one(result.annual, level)["sd"] == pytest.approx(series.sum(axis=1).std(ddof=1), rel=1e-10)
        assert one(result.timing, level)["share"] == pytest.approx(area[inside].sum() / area.sum(), rel=1e-12)
        positive = values.mean(axis=0)[:, inside] > 0
        np.testing.assert_allclose(table["share"], positive @ area[inside] / area[inside].sum(), rtol=1e-12)
    assert set(result.cycle["share_of"]) == {"area of the zone with a whole cycle"}


def test_a_month_with_a_known_total() -> None:
    # The China study's July mean, 30.758 g C m-2 month-1, over 9.6e6 km2 is 295.3 Tg C month-1.
    side = float(np.sqrt(9.6e6)) * 1000
    values = np.where(MONTH == 7, 30.758, -4.585)[:, None, None]
    result = seasonality(stack(values, crs="EPSG:6933", resolution=(side, side)))
    assert rows(result.cycle)["total"][6] == pytest.approx(295.2768, rel=1e-9)


def test_components_keep_the_balance() -> None:
    rng = np.random.default_rng(5)
    rh = stack(rng.uniform(5, 30, (72, ROWS, COLUMNS)), name="rh")
    npp = stack(rng.uniform(0, 80, (72, ROWS, COLUMNS)), name="npp")
    nep = (npp - rh).rename("nep_monthly").assign_attrs(npp.attrs)
    # Gaps of one flux alone would break the sum, were each flux averaged by itself.
    npp[5:30, 2, 3] = np.nan
    result = seasonality(nep, components={"npp": npp, "rh_monthly": rh}, classes=classes(nep), min_valid=2)
    for table in (result.cycle, result.annual):
        parts = [table.loc[table["response"] == name, "estimate"].to_numpy() for name in ("nep", "npp", "rh")]
        np.testing.assert_allclose(parts[0], parts[1] - parts[2], rtol=1e-10, atol=1e-10)
    assert result.parameters["fluxes"] == ["nep", "npp", "rh"] and result.parameters["balances"] == ["nep"]
    assert any(note.startswith("25 months of cells are left out") for note in result.notes)
    assert result.cycle.loc[result.cycle["response"] != "nep", "share"].isna().all()


def test_a_seasonal_gap_moves_no_curve() -> None:
    # The north, which is 10 lower all year, has no value in the winters of half of the years.
    given = planted()
    given[:, :3] = given[:, :3] - 10.0
    holed = given.copy()
    winter = np.isin(holed["time"].dt.month, (12, 1, 2)) & (holed["time"].dt.year.to_numpy() % 2 == 0)
    holed[winter, :3] = np.nan
    full, gappy = seasonality(given), seasonality(holed, min_coverage=0.3)
    np.testing.assert_allclose(gappy.cycle["estimate"], full.cycle["estimate"], rtol=1e-12, atol=1e-12)
    assert gappy.cycle["sd"].max() < 1e-12
    assert gappy.cycle["n"].tolist() == [YEARS] * 12
    assert (gappy.grid["n_valid"].to_numpy()[0, :3] == YEARS // 2).all()
    assert (gappy.grid["n_years"].to_numpy()[:3] == YEARS // 2).all()
    assert "24 of 48 cells lack values" in " ".join(gappy.notes)


def test_a_year_counts_only_where_enough_of_a_zone_has_values() -> None:
    holed = planted(noise=2.0)
    holed[0:2, :3] = np.nan  # January and February of the first year, in 49 % of the area
    for coverage, n in ((0.5, YEARS), (0.6, YEARS - 1)):
        result = seasonality(holed, min_coverage=coverage)
        assert result.cycle["n"].tolist() == [n, n, *[YEARS] * 10]
        assert one(result.annual)["n"] == n
        assert ("A year in which too little" in " ".join(result.notes)) == (n < YEARS)


def test_partial_years_count_in_months_and_not_in_sums() -> None:
    whole = planted(years=4, noise=3.0)
    cut = whole.isel(time=slice(6, -3))
    result = seasonality(cut)
    assert result.cycle["n"].tolist() == [3] * 6 + [4] * 3 + [3] * 3
    values = whole.to_numpy()[12:36].reshape(2, 12, ROWS, COLUMNS)
    area = cell_areas(whole).to_numpy()
    series = np.average(values.reshape(2, 12, -1), weights=area.ravel(), axis=-1).sum(axis=1)
    assert one(result.annual)["n"] == 2
    assert one(result.annual)["estimate"] == pytest.approx(series.mean(), rel=1e-10)
    np.testing.assert_allclose(result.grid["annual"], values.sum(axis=1).mean(axis=0), rtol=1e-10)
    assert "Not every month of 2001, 2004 is there" in " ".join(result.notes)


def test_cells_with_too_few_years_are_left_out_and_counted() -> None:
    given = planted()
    given[12:, 0, 0] = np.nan
    given[:, 0, 1] = np.nan
    result = seasonality(given, min_valid=2)
    assert result.n == ROWS * COLUMNS - 2
    assert np.isnan(result.grid["climatology"].to_numpy()[:, 0, :2]).all()
    assert np.isnan(result.grid["amplitude"].to_numpy()[0, :2]).all()
    assert "1 cells have values and yet too few years" in " ".join(result.notes)
    assert seasonality(given, min_valid=1).n == ROWS * COLUMNS - 1


def test_a_class_of_one_cell_and_cells_without_a_class() -> None:
    given = planted(noise=2.0)
    grid, names = classes(given)
    grid = grid.fillna(9.0)
    result = seasonality(given, classes=(grid, names | {4: "nowhere"}))
    barren = rows(result.cycle, "barren")
    own = given.to_numpy()[:, -1, -1].reshape(YEARS, 12)
    np.testing.assert_allclose(barren["estimate"], own.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(barren["sd"], own.std(axis=0, ddof=1), rtol=1e-10)
    assert one(result.timing, "barren")["n"] == 1
    assert list(dict.fromkeys(result.cycle["level"])) == ["whole area", "forest", "grassland", "barren"]
    assert "Cells of the number 9 belong to no class, because it has no name." in result.notes


def test_a_class_without_values_has_no_curve_and_is_named() -> None:
    given = planted()
    given[:, -1, -1] = np.nan
    result = seasonality(given, classes=classes(given))
    assert "barren" not in set(result.cycle["level"])
    assert "No cell of barren (class) has a whole cycle: it has no curve." in result.notes


def test_numbers_of_one_name_are_one_zone() -> None:
    given = planted()
    grid, _ = classes(given)
    result = seasonality(given, classes=(grid, {1: "green", 2: "green", 3: "bare"}))
    assert list(result.timing["level"]) == ["whole area", "green", "bare"]
    assert one(result.timing, "green")["n"] == 40


def test_the_mean_month_goes_round_the_year() -> None:
    year = np.stack([cycle_of(0.0, 10.0, peak) for peak in (12, 2, 12, 2)], axis=1)[:, None, :]
    result = seasonality(stack(np.tile(year, (2, 1, 1)), crs="EPSG:6933"))
    row = one(result.timing)
    assert row["month_mean"] == pytest.approx(1.0, abs=1e-9)
    assert row["resultant"] == pytest.approx(np.cos(np.pi / 6), rel=1e-9)


def test_flat_cells_have_no_month_of_maximum() -> None:
    result = seasonality(planted().where(planted().x > 101, 3.0).assign_attrs(planted().attrs).rename("nep"))
    assert np.isnan(result.grid["peak_month"].to_numpy()[:, :3]).all()
    assert one(result.timing)["resultant"] <= 1.0
    opposite = np.stack([cycle_of(0.0, 5.0, 1), cycle_of(0.0, 5.0, 7)], axis=1)[:, None, :]
    row = one(seasonality(stack(opposite, crs="EPSG:6933")).timing)
    assert np.isnan(row["month_mean"]) and row["resultant"] == pytest.approx(0.0, abs=1e-12)


# --- intervals


def test_without_dependence_the_interval_is_the_textbook_one() -> None:
    from scipy import stats

    values = np.random.default_rng(8).normal(size=(3, 1, 7))
    found = kernels.dependent_mean(values)
    # Seven years are too few to judge their dependence, so n' is n.
    expected = stats.t.interval(0.95, 6, loc=0.0, scale=stats.sem(values, axis=-1))[1]
    np.testing.assert_allclose(found.reach, expected, rtol=1e-12)
    np.testing.assert_allclose(found.n_eff, 7.0)


def test_effective_years_by_hand() -> None:
    n, rho = 20, 0.5
    by_hand = n / (1 + 2 * sum((1 - k / n) * rho**k for k in range(1, n)))
    assert kernels._effective(np.array([[rho]]), np.array([[20.0]])).item() == pytest.approx(by_hand, rel=1e-12)


def test_years_that_alternate_or_stand_still() -> None:
    alternate = np.tile([1.0, -1.0], 6)[None, None]
    assert kernels.dependent_mean(alternate).n_eff.item() == 12
    still = kernels.dependent_mean(np.full((1, 2, 12), 3.1))
    assert (still.sd == 0).all() and (still.reach == 0).all()
    single = kernels.dependent_mean(np.array([[[2.0, np.nan]]]))
    assert single.n.item() == 1 and all(np.isnan(part.item()) for part in (single.n_eff, single.sd, single.reach))


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_intervals_hold_with_dependent_years(request: pytest.FixtureRequest, rho: float) -> None:
    # Naive intervals hold in 75 % of cases at a lag-1 correlation of 0.5.
    replicates = request.config.getoption("--replicates") or 1200
    rng = np.random.default_rng(21)
    years = np.empty((replicates, 12, 20))
    years[..., 0] = rng.normal(size=(replicates, 12))
    for t in range(1, 20):
        years[..., t] = rho * years[..., t - 1] + np.sqrt(1 - rho**2) * rng.normal(size=(replicates, 12))
    chance = 3 * np.sqrt(0.05 * 0.95 / (12 * replicates))
    holds = (np.abs(years.mean(axis=-1)) <= kernels.dependent_mean(years).reach).mean()
    assert 0.94 - chance <= holds <= 0.975 + chance
    naive = 2.093 * years.std(axis=-1, ddof=1) / np.sqrt(20)
    assert rho == 0.0 or (np.abs(years.mean(axis=-1)) <= naive).mean() < 0.80 + chance


def test_one_year_has_means_and_no_interval() -> None:
    result = seasonality(planted(years=1))
    assert result.cycle["estimate"].notna().all()
    assert result.cycle[["sd", "std_error", "ci_low", "ci_high", "n_eff"]].isna().all(axis=None)
    assert result.cycle["n"].tolist() == [1] * 12
    assert result.notes[0] == "One year has no replicates: there are no intervals."


# --- properties


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**16), years=st.integers(1, 5), holes=st.floats(0, 0.3), blocks=st.integers(1, 5),
    shift=st.integers(0, 11),
)  # fmt: skip
def test_blocks_order_and_units_do_not_matter(seed: int, years: int, holes: float, blocks: int, shift: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 20, (12 * years, 5, 6))
    values[rng.random(values.shape) < holes] = np.nan
    values[:, 4, 5] = 1.0
    given = stack(values, start=f"2001-{shift + 1:02d}")
    one_way = seasonality(given, classes=halves(given), min_valid=1)
    mixed = (
        given.isel(time=rng.permutation(12 * years)).chunk({"time": 5, "y": blocks, "x": blocks}).transpose("x", "time", "y")
    )
    other = seasonality(mixed, classes=halves(given), min_valid=1)
    for name, table in one_way.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], rtol=1e-9, atol=1e-9)
    xr.testing.assert_allclose(one_way.grid, other.grid, rtol=1e-12)
    assert one_way.cycle["share"].between(0, 1).all() and one_way.timing["resultant"].dropna().between(0, 1).all()
    assert (one_way.cycle["n_eff"].dropna() <= one_way.cycle["n"][one_way.cycle["n_eff"].notna()] + 1e-9).all()
    # Zones that tile the area add up to it.
    of = one_way.cycle.groupby("group")["total"].sum()
    assert of["class"] == pytest.approx(of["all"], rel=1e-9, abs=1e-9)
    doubled = seasonality((given * 2).assign_attrs(given.attrs).rename("nep"), min_valid=1)
    np.testing.assert_allclose(doubled.cycle["ci_high"], 2 * rows(one_way.cycle)["ci_high"], rtol=1e-9)


def test_lazy_stacks_stay_lazy_until_read_once() -> None:
    given = planted(noise=2.0).astype("float32")
    reads = []

    def read(block: np.ndarray) -> np.ndarray:
        reads.append(block.shape)
        return block

    lazy = given.chunk({"time": -1, "y": 2, "x": 4})
    watched = lazy.copy(data=lazy.data.map_blocks(read, dtype="float32", meta=np.empty((0, 0, 0), "float32")))
    found = seasonality(watched, classes=classes(given))
    assert len(reads) == 6
    pd.testing.assert_frame_equal(found.cycle, seasonality(given, classes=classes(given)).cycle, rtol=1e-9, atol=1e-9)


def test_many_cells_are_worked_through_in_parts() -> None:
    values = np.random.default_rng(2).normal(size=(24, 75, 80))
    given = stack(values, crs="EPSG:6933")
    assert values[0].size > kernels.BLOCK
    result = seasonality(given)
    np.testing.assert_allclose(result.grid["climatology"], values.reshape(2, 12, 75, 80).mean(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(result.cycle["estimate"], values.reshape(2, 12, -1).mean(axis=(0, 2)), rtol=1e-9, atol=1e-12)


def test_result_is_in_the_grammar_and_pickles() -> None:
    result = pickle.loads(pickle.dumps(seasonality(planted(), classes=classes(planted()))))
    assert all(set(table.columns) <= GRAMMAR for table in result.tables.values())
    assert list(result.maps) == ["grid"]
    assert result.unit("nep") == UNIT and result.label("nep") == "NEP"
    assert result.grid["climatology"].attrs["units"] == UNIT
    assert result.grid["annual"].attrs["units"] == "g C m-2 a-1"


def test_an_unknown_grid_has_no_areas_or_totals() -> None:
    result = seasonality(stack(planted().to_numpy(), crs=""))
    assert result.cycle[["total", "area_km2"]].isna().all(axis=None)
    assert result.cycle["estimate"].notna().all()
    assert set(result.cycle["share_of"]) == {"cells of the zone with a whole cycle"}
    assert "every cell weighs the same" in " ".join(result.notes)


@pytest.mark.parametrize(
    ("name", "negative", "sinks"), [("npp", True, False), ("uptake", True, True), ("uptake", False, False)]
)
def test_only_a_balance_has_sinks(name: str, negative: bool, sinks: bool) -> None:
    given = planted().rename(name) + (0.0 if negative else 100.0)
    result = seasonality(given.assign_attrs(planted().attrs))
    assert ("sink_months" in result.grid) == sinks
    assert result.cycle["share"].notna().all() == sinks
    assert any("is a sink" in finding for finding in texts(result)[0].findings) == sinks


# --- bad input


def fractions(of: xr.DataArray) -> tuple[xr.DataArray, dict[int, str]]:
    return classes(of)[0] + 0.5, NAMES


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: seasonality(s.to_numpy()), "DataArray with months on a time dimension, got ndarray"),
        (lambda s: seasonality(s.rename(time="year")), "nep must have the dimensions time, y and x, got year, y, x"),
        (lambda s: seasonality(s.assign_attrs(units="g C m-2 a-1")), "got 'g C m-2 a-1': give the totals of single months"),
        (lambda s: seasonality(s.assign_attrs(units="g C m-2 d-1")), "multiply by the days of the month"),
        (lambda s: seasonality(s.assign_attrs(units="")), "declares no unit: set attrs"),
        (lambda s: seasonality(s.assign_coords(time=np.arange(72))), "needs dates on 'time'"),
        (lambda s: seasonality(s.isel(time=[0, *range(71)])), "holds a month twice"),
        (lambda s: seasonality(s.where(s["time"].dt.month != 7, drop=True).assign_attrs(s.attrs)), "no layer of month 7"),
        (lambda s: seasonality(s.isel(time=slice(0, 0))), "nep is empty"),
        (lambda s: seasonality((s * np.nan).assign_attrs(s.attrs)), "no cell of nep has 3 of 6 years in every month"),
        (lambda s: seasonality(s.where(s.x > 100, np.inf).chunk({"x": 2})), "nep holds 432 infinite values"),
        (lambda s: seasonality(s, components={"nep_monthly": s}), "'nep' is given twice"),
        (lambda s: seasonality(s, components={"rh": s.isel(time=slice(12, None))}), "rh has other months than nep"),
        (lambda s: seasonality(s, components={"rh": s.isel(x=slice(1, None))}), "rh and nep differ in shape in"),
        (lambda s: seasonality(s, components={"rh": s.assign_attrs(units="kg C m-2")}), "rh must be in g C m-2 month-1"),
        (lambda s: seasonality(s, classes=classes(s)[0]), r"a grid of numbers and their names, \(DataArray, dict\)"),
        (lambda s: seasonality(s, classes=(s, NAMES)), "dimensions y and x, got time, y, x: select one year"),
        (lambda s: seasonality(s, regions=fractions(s)), "regions holds fractions such as 1.5"),
        (lambda s: seasonality(s, classes=(classes(s)[0].astype(str), NAMES)), "where whole numbers are expected"),
        (lambda s: seasonality(s, classes=(classes(s)[0].assign_coords(x=s.x + 0.1), NAMES)), "differ in origin along x"),
        (lambda s: seasonality(s, min_valid=7), r"min_valid must be from 1 to the number of years \(6\), got 7"),
        (lambda s: seasonality(s, min_valid=True), "min_valid must be from 1"),
        (lambda s: seasonality(s, min_coverage=0.0), "min_coverage must be a share above 0 and up to 1, got 0.0"),
    ],
)  # fmt: skip
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises((DataError, OptionError), match=message) as caught:
        call(planted())
    assert len(str(caught.value).splitlines()) == 1


# --- the step


def inputs_of(components: dict[str, xr.DataArray], cover: Any = None, regions: Any = None) -> Inputs:
    return cast(Inputs, SimpleNamespace(nep_components=components, land_cover=cover, regions=regions))


def run(inputs: Inputs, **options: Any) -> SeasonalityResult:
    return cast(SeasonalityResult, steps()["seasonality"].run(inputs, SeasonalityOptions(**options), {}))


def test_the_step_draws_nep_first_and_takes_the_class_of_most_years() -> None:
    nep = planted(noise=1.0)
    grid, names = classes(nep)
    cover = xr.concat([grid, grid, grid.fillna(1.0) * 0 + 2.0], dim=pd.Index([2001, 2002, 2003], name="year"))
    parts = {"npp": nep, "rh_monthly": (nep + 90).assign_attrs(nep.attrs), "nep_monthly": nep, "nep": nep}
    found = run(inputs_of(parts, (cover, names), halves(nep)))
    assert found.parameters["fluxes"] == ["nep", "rh"]
    assert set(found.timing["group"]) == {"all", "class", "region"}
    assert one(found.timing, "forest")["n"] == 24 and one(found.timing, "barren")["n"] == 1
    assert found.notes[-1] == "A cell belongs to the class that it has in most years."
    assert one(run(inputs_of(parts, (cover, names)), class_of="last_year").timing, "grassland")["n"] == ROWS * COLUMNS
    assert one(run(inputs_of(parts, (cover, names)), class_of="unchanged").timing, "grassland")["n"] == 16
    plain = run(inputs_of(parts, (grid, names)), min_valid=2, min_coverage=0.8)
    assert (plain.parameters["min_valid"], plain.parameters["min_coverage"]) == (2, 0.8)


def test_cells_without_land_cover_have_no_class() -> None:
    cover = xr.DataArray(np.full((2, 1, 2), np.nan), dims=("year", "y", "x"), coords={"year": [2001, 2002]})
    assert np.isnan(one_a_cell(cover, "most_frequent")).all()
    cover[0, 0, 0] = 4.0
    assert one_a_cell(cover, "most_frequent").to_numpy().tolist()[0][0] == 4.0
    # Of two equal ones the smaller.
    cover[1, 0, 0] = 3.0
    assert one_a_cell(cover, "most_frequent").to_numpy().tolist()[0][0] == 3.0


def test_the_step_refuses_a_model_without_months() -> None:
    with pytest.raises(DataError, match="gives no part of NEP by month"):
        run(inputs_of({"nep": planted()}))


# --- tables, words, figures


def full() -> SeasonalityResult:
    nep = planted(years=12, noise=4.0)
    rh = (20.0 + 0.2 * nep).assign_attrs(nep.attrs)
    npp = (nep + rh).assign_attrs(nep.attrs)
    return seasonality(nep, components={"npp": npp, "rh": rh}, classes=classes(nep), regions=halves(nep))


def test_tables_hold_every_zone_and_month() -> None:
    result = full()
    found = {table.name: table for table in tables(result)}
    assert list(found) == ["seasonality_months", "seasonality_timing", "seasonality_annual", "seasonality_cycle"]
    wide = found["seasonality_months"].frame
    assert len(wide) == 6 * 3 and list(wide.columns[3:]) == [
        m.strftime("%b") for m in pd.date_range("2001", periods=12, freq="MS")
    ]
    forest = wide.loc[(wide["level"] == "forest") & (wide["response"] == "nep")].iloc[0, 3:].to_numpy(float)
    np.testing.assert_array_equal(forest, rows(result.cycle, "forest")["estimate"])
    assert "total" in found["seasonality_cycle"].columns
    unknown = seasonality(stack(planted().to_numpy(), crs=""))
    assert "total" not in next(t for t in tables(unknown) if t.name == "seasonality_cycle").columns


def test_words_are_those_of_the_table() -> None:
    given = planted(years=1)
    text = texts(seasonality(given, classes=classes(given)))[0]
    assert "mean NEP of 2001 is highest in July (" in text.findings[0]
    assert "lowest in January (" in text.findings[0]
    assert "Barren" not in text.findings[1]
    by_level = {detail.split(" (")[0]: detail for detail in text.details}
    assert set(by_level) == set(NAMES.values())
    assert (
        "maximum in May, amplitude 24.00 g C m⁻² month⁻¹, maxima of cells about May (resultant length 1.00)"
        in by_level["grassland"]
    )
    assert "above zero in 0 months" in by_level["barren"]
    constant = stack(np.full((12, 2, 2), 3.0))
    assert "is the same in every month; a whole year sums to 36 g C m⁻² a⁻¹" in texts(seasonality(constant))[0].findings[0]


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ([5, 6, 7], "from May to July"), ([11, 12, 1], "from November to January"), ([3], "in March"),
        ([4, 5], "in April and May"),
        ([2, 6, 7], "in February, June and July"), (range(1, 13), "in every month"), ([], "in no month"),
    ],
)  # fmt: skip
def test_runs_of_months_are_named_by_their_ends(inside: list[int], words: str) -> None:
    from carbondrivers.reports.text.seasonality import _months

    assert _months(np.isin(MONTH, list(inside))) == words


def many_zones() -> SeasonalityResult:
    nep = stack(np.random.default_rng(1).normal(0, 9, (36, 20, 4)) + cycle_of(5.0, 30.0, 7).repeat(3)[:, None, None] * 0.5)
    codes = nep.isel(time=0, drop=True).copy(data=np.arange(20.0)[:, None] * np.ones(4))
    long = "of the long growing season in $year_{x}$ (integrated over the whole depth)"
    more = {name: (nep + 60).assign_attrs(nep.attrs) for name in ("npp", "gpp", "rh", "rs", "ra", "er", "something_else")}
    return seasonality(nep, components=more, classes=(codes, {i: f"Zone {i} {long}" for i in range(20)}))


def tall_stack(rows: int, columns: int, crs: str, level: float = 0.0, name: str = "nep") -> xr.DataArray:
    values = np.random.default_rng(4).normal(level, 5, (24, rows, columns)) + np.tile(cycle_of(0, 30, 7), 2)[:, None, None]
    given = stack(values, crs=crs, name=name)
    return (
        given if crs == "EPSG:4326" else given.assign_coords(x=4e5 + 5e3 * np.arange(columns), y=4.6e6 - 5e3 * np.arange(rows))
    )


CASES = {
    "three fluxes, classes and regions": full,
    "twenty zones, eight fluxes, long names": many_zones,
    "one year": lambda: seasonality(planted(years=1)),
    "two years": lambda: seasonality(planted(years=2, noise=9.0), classes=classes(planted())),
    "tall": lambda: seasonality(tall_stack(60, 10, "EPSG:32650")),
    "wide": lambda: seasonality(tall_stack(8, 60, "EPSG:32650")),
    "no reference system": lambda: seasonality(tall_stack(8, 9, "")),
    "respiration alone": lambda: seasonality(tall_stack(20, 30, "EPSG:32650", 80.0, "rh_monthly")),
    "only sinks": lambda: seasonality(tall_stack(20, 30, "EPSG:32650", 200.0)),
    "constant": lambda: seasonality(stack(np.zeros((24, 3, 4)))),
    "one cell": lambda: seasonality(stack(cycle_of(1, 2, 3)[:, None, None], crs="EPSG:6933", resolution=(1e3, 1e3))),
}


def words_of(picture: Picture) -> list[str]:
    return [t.get_text() for t in picture.figure.findobj(matplotlib.text.Text) if t.get_visible()]


@pytest.mark.parametrize("profile", ["jal", "jgs"])
@pytest.mark.parametrize("case", CASES)
def test_every_figure_reads(case: str, profile: str) -> None:
    found = pictures(CASES[case](), journal(profile))
    assert len({p.name for p in found}) == len(found) >= 3
    for picture in found:
        assert lint(picture.figure, journal(profile).width(picture.width)) == [], picture.name
        assert picture.figure.get_figheight() * 25.4 < 245
        assert picture.caption.endswith(".") and len(picture.numbers)
        assert not [text for text in words_of(picture) if "…" in text and ";" in text]


def test_twelve_maps_share_one_scale_about_zero() -> None:
    picture = next(p for p in pictures(full(), journal("jal")) if p.name == "seasonality_maps")
    images = [ax.images[0] for ax in picture.figure.axes if ax.images]
    assert len(images) == 12
    assert all(image.norm is images[0].norm for image in images)
    assert images[0].norm.vmin == -images[0].norm.vmax  # type: ignore[operator]
    assert float(images[0].norm(0.0)) == pytest.approx(0.5)
    assert [t for t in words_of(picture) if t in maps.MONTHS] == list(maps.MONTHS)
    shown = picture.numbers
    assert sorted(shown.columns) == sorted(["y", "x", *(name.lower() for name in maps.MONTHS)])
    assert len(shown) == ROWS * COLUMNS
    assert words_of(picture).count("N") == 1
    result = full()
    july = next(ax for ax in picture.figure.axes if "July" in [t.get_text() for t in ax.texts])
    assert f"{rows(result.cycle)['estimate'][6]:.1f}" in [t.get_text() for t in july.texts]


def test_curves_are_the_table_and_share_their_axes() -> None:
    result = full()
    picture = next(p for p in pictures(result, journal("jal")) if p.name == "seasonality_classes")
    panels = [ax for ax in picture.figure.axes if ax.axison]
    assert len(panels) == 4
    assert len({ax.get_ylim() for ax in panels}) == len({ax.get_xlim() for ax in panels}) == 1
    forest = [line for line in panels[1].lines if len(np.asarray(line.get_ydata())) == 12]
    for line, flux in zip(forest, ("nep", "npp", "rh"), strict=True):
        np.testing.assert_array_equal(np.asarray(line.get_ydata()), rows(result.cycle, "forest", flux)["estimate"])
    assert set(picture.numbers["level"]) == {"whole area", *NAMES.values()}
    shares = [float(one(result.timing, name)["share"]) for name in NAMES.values()]
    for name, share in zip(NAMES.values(), shares, strict=True):
        assert f"{name.capitalize()} ({100 * share:.1f}%)" in words_of(picture)


def test_wide_intervals_are_cut_and_that_is_said() -> None:
    picture = next(p for p in pictures(CASES["two years"](), journal("jal")) if p.name == "seasonality_classes")
    assert "intervals are cut at the frame" in " ".join(" ".join(words_of(picture)).split())
    plain = next(p for p in pictures(full(), journal("jal")) if p.name == "seasonality_classes")
    assert "cut at the frame" not in " ".join(" ".join(words_of(plain)).split())


def test_colours_can_be_told_apart() -> None:
    assert smallest_difference(maps.MONTH_COLOURS) > 10
    assert smallest_difference(list(curves.FLUX_COLOURS.values())) > 10
    assert smallest_difference([curves.SINK, curves.SOURCE]) > 10


def test_ticks_of_the_root_scale_are_round() -> None:
    assert [f"{t:g}" for t in maps._ticks(maps._root(cast(Any, SimpleNamespace(vmin=-80.0, vmax=80.0))))] == [
        "-50", "-20", "-5", "0", "5", "20", "50",
    ]  # fmt: skip


def test_plain_function_draws_on_given_axes() -> None:
    result = full()
    ax = curves.seasonality(result, level="forest")
    assert curves.seasonality(result, ax, level="west") is ax
    with pytest.raises(OptionError, match=r"level must be one of .*'forest'.*Did you mean 'forest'"):
        curves.seasonality(result, level="forrest")
