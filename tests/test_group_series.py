"""Series by group: area-weighted means, reference trends, gaps, moving classes, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.attribution import class_grids
from carbondrivers.attribution.accounts import account
from carbondrivers.attribution.group_series import GroupSeriesResult, group_series
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import texts

from .conftest import REFERENCE
from .zone_cases import NAMES, YEARS, a_grid, a_stack, annual_cover, call_group_series, codes, cover_of, regions_of

SERIES = REFERENCE / "timeseries"


def rows_of(result: GroupSeriesResult, level: str) -> pd.DataFrame:
    return result.series.loc[result.series["level"] == level].set_index("year")


@pytest.mark.parametrize("crs", ["EPSG:32650", "EPSG:4326"])
def test_means_and_totals_are_weighted_by_area(crs: str) -> None:
    stack, cover = a_stack(crs=crs), cover_of()
    result = group_series(stack, (codes(cover, crs), NAMES))
    values, areas = stack.to_numpy(), cell_areas(stack).to_numpy()
    complete = np.isfinite(values).all(axis=0)
    for code, name in NAMES.items():
        inside = complete & (cover == code)
        expected = [np.average(year[inside], weights=areas[inside]) for year in values]
        found = rows_of(result, name)
        np.testing.assert_allclose(found["estimate"], expected, rtol=1e-12)
        np.testing.assert_allclose(found["total"], np.array(expected) * areas[inside].sum() * 1e-6, rtol=1e-12)
        np.testing.assert_allclose(found["area_km2"], areas[inside].sum(), rtol=1e-12)
        assert (found["n"] == inside.sum()).all()
    assert result.n == 1194


def test_the_whole_area_agrees_with_the_account() -> None:
    stack = a_stack().isel(y=slice(6, None))
    found = rows_of(group_series(stack), "whole area")
    expected = account(stack).annual.set_index("year")
    for column in ("estimate", "total", "area_km2"):
        np.testing.assert_allclose(found[column], expected[column], rtol=1e-12)


def test_slopes_and_p_are_those_of_the_reference_series() -> None:
    # R: Kendall 2.2.1 / trend 1.1.6 (Mann-Kendall with continuity correction and ties), zyp 0.11-1 (Theil-Sen); closed forms.
    series = pd.read_csv(SERIES / "series.csv").set_index("year")
    names = ["s01_white", "s02_trend", "s03_decline", "s06_ties", "s14_outlier"]
    values = series[names].to_numpy()[:, None, :]
    stack = xr.DataArray(
        values,
        {"year": series.index, "y": [0.0], "x": np.arange(5) * 1e3},
        ("year", "y", "x"),
        name="nep",
        attrs={"crs": "EPSG:32650"},
    )
    cover = xr.DataArray([[1, 2, 3, 4, 5]], {"y": [0.0], "x": np.arange(5) * 1e3}, ("y", "x"))
    found = group_series(stack, (cover, dict(enumerate(names, 1)))).trends.set_index("level")
    expected = pd.read_csv(SERIES / "expected_series_R.csv")
    for source, stat, ours in (
        ("trend::mk.test", "z", "statistic"), ("trend::mk.test", "p", "p"), ("trend::sens.slope", "sen_slope", "estimate"),
    ):  # fmt: skip
        rows = expected[(expected["source"] == source) & (expected["stat"] == stat)].set_index("series")["value"]
        np.testing.assert_allclose(found.loc[names, ours], rows.loc[names], rtol=1e-9)


def test_few_years_have_the_exact_p() -> None:
    rising = np.arange(5.0)[:, None, None] + np.zeros((5, 4, 5))
    coords = {"year": np.arange(2001, 2006), "y": np.arange(4.0)[::-1] * 1e3, "x": np.arange(5.0) * 1e3}
    stack = xr.DataArray(rising, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:32650"})
    # All ten pairs in one order: twice one of the 120 orders of five values.
    assert group_series(stack, min_valid=3).trends["p"].tolist() == pytest.approx([2 / 120])


def test_a_planted_trend_is_found_in_its_class_alone() -> None:
    result = call_group_series()
    assert isinstance(result, GroupSeriesResult)
    trends = result.trends.set_index("level")
    assert trends.loc["forest", "estimate"] == pytest.approx(3.0, abs=1.0) and trends.loc["forest", "p_adjusted"] < 0.05
    assert trends["n"].eq(YEARS).all()
    classes = trends.loc[trends["group"] == "class"]
    assert (classes["p_adjusted"] >= classes["p"]).all()
    assert trends.loc["whole area", "p_adjusted"] == trends.loc["whole area", "p"]
    assert "changes fastest in forest" in texts(result)[0].findings[0]


def test_classes_of_each_year_move_with_their_cells() -> None:
    cover = annual_cover()
    flat = np.where(cover == 3, 100.0, 0.0)
    result = group_series(a_grid(flat), (codes(cover), NAMES))
    assert rows_of(result, "cropland")["estimate"].eq(100.0).all()
    np.testing.assert_allclose(rows_of(result, "cropland")["area_km2"], (cover == 3).sum(axis=(1, 2)))
    fixed = group_series(a_grid(flat), (codes(cover[0]), NAMES))
    assert rows_of(fixed, "grassland")["estimate"].iloc[-1] > 0 == rows_of(fixed, "grassland")["estimate"].iloc[0]
    assert any("change with the years" in note for note in result.notes)
    assert not any("change with the years" in note for note in fixed.notes)


def test_gaps_move_no_curve_while_most_cells_are_complete() -> None:
    values = np.full((YEARS, 10, 10), 10.0)
    values[:, 0, :] = 90.0
    values[5, 0, :] = np.nan
    result = group_series(a_grid(values))
    assert rows_of(result, "whole area")["estimate"].eq(10.0).all()
    values[5, :8, :] = np.nan
    mixed = group_series(a_grid(values))
    assert rows_of(mixed, "whole area")["estimate"].nunique() == 2
    assert any("Less than half of the area of whole area" in note for note in mixed.notes)


def test_a_year_without_the_class_is_a_gap_and_too_few_years_have_no_trend() -> None:
    cover = np.ones((YEARS, 4, 5))
    cover[6:, 0, 0] = 2
    cover[9:, 1, 1] = 77
    result = group_series(
        a_grid(np.random.default_rng(0).normal(size=(YEARS, 4, 5))), (codes(cover), {1: "grass", 2: "town", 9: "snow"})
    )
    town = rows_of(result, "town")
    assert town["estimate"].isna().sum() == 6 and town["n"].tolist() == [0] * 6 + [1] * 6
    row = result.trends.set_index("level").loc["town"]
    assert np.isnan(row["estimate"]) and np.isnan(row["p"]) and row["n"] == 6 and "fewer than 10 years" in row["note"]
    said = " ".join(result.notes)
    assert "No cell with a value is of class snow." in said
    assert "1 of 20 cells have a number without a name in the classes" in said


def test_years_of_the_classes_may_be_more_than_those_of_the_response() -> None:
    stack, cover = a_stack(), codes(annual_cover())
    one = group_series(stack.isel(year=slice(1, None)), (cover, NAMES))
    assert one.series["year"].min() == 2002
    with pytest.raises(DataError, match="the classes have no grid of 2001: give one for every year"):
        group_series(stack, (cover.isel(year=slice(1, None)), NAMES))


def test_bands_of_rows_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = call_group_series()
    monkeypatch.setattr(class_grids, "BAND_VALUES", 1000)
    assert len(list(class_grids.bands(a_stack()))) > 10
    cut = call_group_series()
    for name in whole.tables:
        pd.testing.assert_frame_equal(whole.tables[name], cut.tables[name], rtol=1e-12)


STACK = a_stack()
COVER = (codes(cover_of()), NAMES)


@pytest.mark.parametrize(
    ("stack", "options", "error", "message"),
    [
        (STACK.isel(year=0), {}, DataError, "has no year or time dimension"),
        (STACK.isel(year=[0]), {}, DataError, "only 1 years, at least 10 are needed"),
        (STACK.isel(year=slice(5)), {}, DataError, "only 5 years, at least 10"),
        (STACK * np.nan, {}, DataError, "'nep' has no value at all"),
        (STACK.where(STACK["year"] != 2003, np.inf), {}, DataError, "'nep' holds infinite values"),
        (STACK.isel(year=[*range(12), 0]), {}, DataError, "holds a year twice"),
        (STACK.rename(year="time"), {}, DataError, "needs one grid a year, got the dimension 'time'"),
        (STACK, {"classes": (codes(cover_of(20, 40)), NAMES)}, DataError, "classes and nep differ in shape"),
        (STACK, {"regions": (codes(annual_cover()), NAMES)}, DataError, "regions must be a grid with .* select one year"),
        (STACK, {"min_valid": 2}, OptionError, "min_valid must be from 3 to the number of years .12."),
    ],
)  # fmt: skip
def test_messages(stack: Any, options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        group_series(stack, **options)
    assert len(str(caught.value).splitlines()) == 1


def test_regions_stand_beside_classes() -> None:
    result = group_series(STACK, COVER, regions=regions_of())
    assert result.trends["group"].tolist() == ["all", *["class"] * 4, *["region"] * 2]
    west = rows_of(result, "West")
    inside = np.isfinite(STACK.to_numpy()).all(axis=0)[:, :20]
    np.testing.assert_allclose(west["estimate"], STACK.to_numpy()[:, :, :20][:, inside].mean(axis=1), rtol=1e-12)
