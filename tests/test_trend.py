"""Trend: kernels against R, scipy and an oracle; the door; hostile stacks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.attribution import trend
from carbondrivers.attribution import trend_kernels as kernels
from carbondrivers.attribution.inference import benjamini_hochberg
from carbondrivers.attribution.trend_maps import adjusted_map, tally
from carbondrivers.errors import DataError, OptionError

from .conftest import REFERENCE

SERIES = pd.read_csv(REFERENCE / "timeseries" / "series.csv")
NAMES = [c for c in SERIES.columns if c != "year"]


def _expected(source: str, suffix: str = "py") -> pd.DataFrame:
    table = pd.read_csv(REFERENCE / "timeseries" / f"expected_series_{suffix}.csv")
    table["stat"] = table["stat"].where(table["value"].notna() | (table["source"] != source), table["stat"])
    table = table.loc[table["source"] == source]
    table["value"] = pd.to_numeric(table["value"], errors="coerce")
    return table.drop_duplicates(["series", "stat"]).pivot_table(index="series", columns="stat", values="value")


def _found(origin: float) -> pd.DataFrame:
    y = SERIES[NAMES].to_numpy(float).T
    t = SERIES["year"].to_numpy(float) - origin
    line, test = kernels.ols(y, t), kernels.mann_kendall(y)
    sen = kernels.theil_sen(y, t, test.variance)
    return pd.DataFrame(
        {
            "ols_slope": line.slope, "ols_intercept": line.intercept, "ols_se": line.std_error, "ols_t": line.statistic,
            "ols_p": line.p, "S": test.s, "varS": test.variance, "z": test.z, "p": test.p, "tau_a": test.tau_a,
            "tau_b": test.tau_b, "sen_slope": sen.slope, "sen_intercept_conover": sen.intercept,
            "sen_lo": sen.ci_low, "sen_hi": sen.ci_high,
        },
        index=NAMES,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("source", "suffix", "columns"),
    [
        # an oracle written from the formulas; closed forms, 1e-12 relative (p 1e-11: its tail function)
        ("oracle", "py", ["ols_slope", "ols_se", "ols_t", "ols_p", "S", "varS", "z", "p", "tau_a", "sen_slope"]),
        ("scipy.theilslopes", "py", ["sen_slope", "sen_lo", "sen_hi"]),  # scipy 1.17
        ("pymannkendall.original_test", "py", ["S", "varS", "z", "sen_slope"]),  # pymannkendall 1.4.3
        ("stats::lm", "R", ["ols_slope", "ols_se", "ols_t", "ols_p"]),  # R 4.2.2
        ("trend::mk.test", "R", ["S", "varS", "z", "p"]),  # R trend 1.1.6
        ("zyp::zyp.sen", "R", ["sen_slope"]),  # R zyp 0.11-1
    ],
)  # fmt: skip
def test_kernels_equal_references(source: str, suffix: str, columns: list[str]) -> None:
    expected, found = _expected(source, suffix), _found(2000.0)
    compared = 0
    for series in expected.index:
        for column in columns:
            value = expected.loc[series].get(column)
            constant = series == "s10_constant" and column.startswith("ols")
            if value is None or np.isnan(value) or (constant and suffix == "R"):
                continue
            np.testing.assert_allclose(
                found.loc[series, column], value, rtol=1e-10 if column in ("p", "ols_p") else 1e-12, atol=1e-12,
                err_msg=f"{series} {column} against {source}",
            )  # fmt: skip
            compared += 1
    assert compared >= 10 * len(columns)


def test_intercepts_equal_references() -> None:
    expected, found = _expected("oracle"), _found(0.0)
    np.testing.assert_allclose(found.loc[expected.index, "ols_intercept"], expected["ols_intercept"], rtol=1e-9)
    found = _found(2000.0)
    both = expected["sen_intercept_conover"].dropna()
    np.testing.assert_allclose(found.loc[both.index, "sen_intercept_conover"], both, rtol=1e-11, atol=1e-11)


def _stack(values: np.ndarray, years: np.ndarray | None = None) -> xr.DataArray:
    years = np.arange(2000, 2000 + len(values)) if years is None else years
    coords = {"year": years, "y": np.arange(values.shape[1], 0, -1) * 1000.0, "x": np.arange(values.shape[2]) * 1000.0}
    return xr.DataArray(
        values, dims=("year", "y", "x"), coords=coords, name="nep", attrs={"crs": "EPSG:32650", "units": "g C m-2 a-1"}
    )


@pytest.fixture
def stack() -> xr.DataArray:
    rng = np.random.default_rng(2)
    values = rng.normal(0, 5, (21, 8, 9)) + np.arange(21)[:, None, None] * np.linspace(-2, 2, 9)
    values[3, 1, 1] = values[4:18, 0, 0] = np.nan
    return _stack(values)


def test_recovers_planted_slopes_and_shares_add_to_one(stack: xr.DataArray) -> None:
    result = trend(stack)
    slopes = result.grid["sen_slope"].mean("y").to_numpy()
    assert np.abs(slopes - np.linspace(-2, 2, 9)).max() < 0.35
    assert np.isnan(result.grid["sen_slope"][0, 0]) and result.grid["n_valid"][0, 0] == 7
    for _, part in result.classes.groupby("method"):
        assert part["share"].sum() == pytest.approx(1.0, abs=1e-12)
        assert part["n"].sum() == 71
    assert result.n == 71 and any("1 further cells have values in fewer than 15" in note for note in result.notes)


def test_lazy_equals_loaded_and_order_of_years_does_not_matter(stack: xr.DataArray) -> None:
    one = trend(stack)
    two = trend(stack.chunk({"year": 5, "y": 3, "x": 4}))
    three = trend(stack.isel(year=np.random.default_rng(0).permutation(21)).transpose("x", "year", "y"))
    for other in (two, three):
        xr.testing.assert_equal(one.grid, other.grid)
        pd.testing.assert_frame_equal(one.classes, other.classes)
        pd.testing.assert_frame_equal(one.series, other.series, rtol=1e-12)


def test_gaps_in_the_years_are_not_squeezed() -> None:
    years = np.array([2000, 2001, 2002, 2003, 2004, 2010, 2011, 2012, 2013, 2020])
    result = trend(_stack((3.0 * years + (years % 2) * 0.01)[:, None, None] * np.ones((1, 1, 2)), years))
    assert float(result.grid["sen_slope"][0, 0]) == pytest.approx(3.0, abs=0.01)
    assert any("not evenly spaced" in note for note in result.notes)


def test_dates_are_years() -> None:
    times = pd.date_range("2001-01-01", periods=12, freq="YS")
    values = (np.arange(12.0) + np.tile([0.0, 0.2], 6))[:, None, None] * np.ones((1, 1, 2))
    stack = _stack(values).rename(year="time").assign_coords(time=times)
    assert float(trend(stack).grid["ols_slope"][0, 0]) == pytest.approx(1.0, abs=0.01)


def test_constant_series_have_no_change_and_p_one() -> None:
    result = trend(_stack(np.full((12, 1, 2), 3.3)))
    assert result.grid["trend_class"].to_numpy().tolist() == [[6.0, 6.0]]
    assert result.grid["mk_p"].to_numpy().tolist() == [[1.0, 1.0]]
    assert result.regional["p"].tolist() == [1.0, 1.0]


@pytest.mark.slow
def test_size_of_mann_kendall_is_nominal(request: pytest.FixtureRequest) -> None:
    side = int(np.sqrt(request.config.getoption("--replicates") or 2500))
    result = trend(_stack(np.random.default_rng(4).normal(size=(21, side, side))), significance="naive")
    share = float((result.grid["mk_p"] < 0.05).mean())
    assert abs(share - 0.047) < 4 * np.sqrt(0.05 * 0.95) / side


def test_geographic_shares_are_area_shares() -> None:
    values = np.zeros((12, 2, 1))
    values[:, 0, 0], values[:, 1, 0] = np.arange(12.0) + np.tile([0, 0.1], 6), -np.arange(12.0) - np.tile([0, 0.1], 6)
    stack = _stack(values).assign_coords(y=[60.0, 0.0], x=[100.0]).isel(x=[0, 0]).assign_coords(x=[100.0, 101.0])
    stack.attrs["crs"] = "EPSG:4326"
    table = trend(stack).classes.query("method == 'Mann-Kendall, naive P'").set_index("level")
    shares = table["share"][table["share"] > 0]
    band = lambda lat: np.sin(np.radians(lat + 30)) - np.sin(np.radians(lat - 30))  # noqa: E731
    north = (1.0 - np.sin(np.radians(30.0))) / (1.0 - np.sin(np.radians(30.0)) + band(0))
    assert shares["Extremely significant increase"] == pytest.approx(north, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.isel(year=slice(0, 6)), "only 6 years, at least 10 are needed"),
        (lambda s: s.mean("year"), "has no year or time dimension"),
        (lambda s: s.where(s < 1e9, np.inf) * np.inf, "infinite values"),
        (lambda s: s * np.nan, "no cell of 'nep' has 15 valid years"),
        (lambda s: s.assign_coords(year=[2000, *range(2000, 2020)]), "holds a year twice"),
        (lambda s: s.drop_vars("year"), "has no year coordinate"),
        (lambda s: s.rename(x="col"), "must have the dimensions year, y and x"),
    ],
)
def test_hostile_stacks(stack: xr.DataArray, change, message: str) -> None:
    with pytest.raises(DataError, match=message):
        trend(change(stack).rename("nep"))


def test_options(stack: xr.DataArray) -> None:
    with pytest.raises(OptionError, match="min_valid must be from 3 to the number of years"):
        trend(stack, min_valid=2)
    with pytest.raises(OptionError, match="significance must be one of"):
        trend(stack, significance="bonferroni")


def test_a_year_without_any_value_is_a_gap_of_the_regional_series(stack: xr.DataArray) -> None:
    result = trend(stack.where(stack.year != 2005))
    assert np.isnan(result.series.set_index("year").loc[2005, "estimate"])
    assert any("No cell has a value in every year" in note for note in result.notes)


def test_regional_series_does_not_change_with_the_cells_that_are_there() -> None:
    values = np.ones((20, 1, 2)) * np.array([10.0, 100.0]) + np.tile([0.0, 0.1], 10)[:, None, None]
    values[15:, 0, 0] = np.nan
    result = trend(_stack(values))
    assert result.regional["p"].min() > 0.5
    assert any("mean of the 1 of 2 cells that have a value in every year" in note for note in result.notes)


@pytest.mark.parametrize("decimals", [2, 17])
def test_p_adjusted_by_blocks_is_that_of_the_whole_map(decimals: int) -> None:
    """Few distinct p-values, and one for every cell."""
    p = np.round(np.random.default_rng(4).beta(0.5, 1.0, size=(40, 30)), decimals)
    p[3, :7] = np.nan
    maps = xr.Dataset({"mk_p": (("y", "x"), p), "n_valid": (("y", "x"), np.where(np.isnan(p), 0.0, 21.0))})
    for chunks in ({}, {"y": 7, "x": 11}, {"y": 1, "x": 30}):
        given = maps.chunk(chunks) if chunks else maps
        counted = tally(given, 21)
        assert counted.times.sum() == 1193 and counted.valid[0] == 7 and counted.cells(21) == 1193
        assert (np.diff(counted.p) > 0).all()
        np.testing.assert_allclose(adjusted_map(given["mk_p"], counted), benjamini_hochberg(p), rtol=1e-14)
