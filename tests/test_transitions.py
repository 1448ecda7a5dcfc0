"""Transitions: counted pairs, sums, planted changes of the response, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from carbondrivers.attribution.transitions import TransitionResult, share_words, transitions
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import tables, texts

from .zone_cases import NAMES, YEARS, a_grid, a_stack, annual_cover, call_transitions, codes

OWN, WHOLE = share_words(2001, True)


def matrix_of(result: TransitionResult, column: str = "area_km2", of: str = WHOLE) -> np.ndarray:
    rows = result.matrix.loc[result.matrix["share_of"] == of]
    size = len(result.net)
    return rows[column].to_numpy(dtype=np.float64).reshape(size, size)


@pytest.mark.parametrize("crs", ["EPSG:32650", "EPSG:4326"])
def test_the_matrix_is_the_crossing_of_two_maps(crs: str) -> None:
    cover = annual_cover()
    result = transitions(codes(cover, crs), NAMES)
    areas = cell_areas(codes(cover, crs)).to_numpy()
    expected = confusion_matrix(cover[0].ravel(), cover[-1].ravel(), sample_weight=areas.ravel())
    np.testing.assert_allclose(matrix_of(result), expected, rtol=1e-12)
    np.testing.assert_allclose(matrix_of(result, "n"), confusion_matrix(cover[0].ravel(), cover[-1].ravel()))
    np.testing.assert_allclose(matrix_of(result, "share"), expected / areas.sum(), rtol=1e-12)
    np.testing.assert_allclose(matrix_of(result, "share", OWN).sum(axis=1), 1.0, rtol=1e-12)


@given(st.integers(0, 2**31))
@settings(max_examples=25)
def test_gains_and_losses_balance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pair = rng.integers(1, 5, (2, 6, 7)).astype(float)
    pair[0, 0, 0] = np.nan
    result = transitions(codes(pair), NAMES)
    net = result.net
    assert net["net_km2"].sum() == pytest.approx(0.0, abs=1e-9)
    assert net["gain_km2"].sum() == pytest.approx(net["loss_km2"].sum())
    np.testing.assert_allclose(net["area_first_km2"] + net["gain_km2"] - net["loss_km2"], net["area_last_km2"])
    assert net["area_first_km2"].sum() == pytest.approx(result.n) == pytest.approx(41)
    back = transitions(codes(pair[::-1]), NAMES)
    np.testing.assert_allclose(matrix_of(back), matrix_of(result).T)


def test_the_planted_change_of_the_response_is_found() -> None:
    cover = annual_cover()
    moved = (cover[0] == 2) & (cover[-1] == 3)
    values = np.zeros((YEARS, 30, 40))
    values += 2.0 * np.arange(YEARS)[:, None, None]
    values[-3:] += np.where(moved, -15.0, 0.0)
    result = transitions(codes(cover), NAMES, response=a_grid(values), block_size=3000.0, replicates=200)
    rows = result.changes.set_index(["level", "level_2"])
    # The mean of three years moves by 2 a year over the 9 years between the middles of both windows.
    assert rows.loc[("grassland", "cropland"), "estimate"] == pytest.approx(18.0 - 15.0)
    assert rows.loc[("grassland", "cropland"), "expected"] == pytest.approx(18.0)
    assert rows.loc[("grassland", "grassland"), "estimate"] == pytest.approx(18.0)
    assert rows.loc[("grassland", "cropland"), ["first", "last"]].tolist() == pytest.approx([2.0, 5.0])
    assert rows.loc[("grassland", "cropland"), "total"] == pytest.approx(3.0 * moved.sum() * 1e-6)
    assert rows.loc[("grassland", "cropland"), ["ci_low", "ci_high"]].tolist() == pytest.approx([3.0, 3.0])
    assert result.parameters["window"] == 3


def test_cells_without_a_response_at_both_ends_are_counted() -> None:
    values = np.zeros((YEARS, 30, 40))
    values[-3:, :10] = np.nan
    result = transitions(codes(annual_cover()), NAMES, response=a_grid(values), replicates=100)
    missing = result.n - int(result.changes["n"].sum())
    assert missing > 0
    assert any(
        note.startswith(f"{missing:,} of {result.n:,} cells with a class in both years have no") for note in result.notes
    )
    values[:3, 10:] = np.nan
    nowhere = transitions(codes(annual_cover()), NAMES, response=a_grid(values), replicates=100)
    assert nowhere.changes.empty
    assert any("have no response at one of the ends" in note for note in nowhere.notes)


def test_contributions_add_up_to_the_change_of_the_region() -> None:
    stack = a_stack()
    result = transitions(codes(annual_cover()), NAMES, response=stack, window=2, replicates=100)
    first, last = (stack.to_numpy()[part].mean(axis=0) for part in (slice(2), slice(-2, None)))
    used = (np.isfinite(annual_cover()[0]) & np.isfinite(annual_cover()[-1]) & np.isfinite(last - first)).nonzero()
    assert result.changes["contribution"].sum() == pytest.approx(float((last - first)[used].mean()), rel=1e-9)
    np.testing.assert_allclose(
        result.changes["contribution"], result.changes["estimate"] * result.changes["n"] / result.changes["n"].sum()
    )


@pytest.mark.parametrize("window", [1, 2, 6])
def test_windows_are_the_years_at_either_end(window: int) -> None:
    stack = a_stack()
    result = transitions(codes(annual_cover()), NAMES, response=stack, window=window, replicates=100)
    values, cover = stack.to_numpy(), annual_cover()
    first, last = (np.ma.masked_invalid(part).mean(axis=0).filled(np.nan) for part in (values[:window], values[-window:]))
    inside = (cover[0] == 1) & np.isfinite(first) & np.isfinite(last)
    row = result.changes.iloc[0]
    assert (row["level"], row["n"]) == ("forest", inside.sum())
    assert row["estimate"] == pytest.approx((last - first)[inside].mean(), rel=1e-12)


def test_years_can_be_chosen() -> None:
    cover = annual_cover()
    result = transitions(codes(cover), NAMES, first=2003, last=2006)
    np.testing.assert_allclose(
        matrix_of(result, "n", share_words(2003, True)[1]), confusion_matrix(cover[2].ravel(), cover[5].ravel())
    )
    assert any("Two years are compared, 2003 and 2006; the 2 between" in note for note in result.notes)
    turned = transitions(codes(cover).isel(year=slice(None, None, -1)), NAMES)
    pd.testing.assert_frame_equal(turned.matrix, transitions(codes(cover), NAMES).matrix)


def test_gaps_unknown_numbers_and_empty_classes_are_said() -> None:
    cover = annual_cover()[[0, -1]]
    cover[0, 0, :3] = np.nan
    cover[1, 1, :2] = 55
    result = transitions(codes(cover), NAMES | {9: "snow"})
    said = " ".join(result.notes)
    assert "2 of 1,200 cells have a number without a name in the classes" in said
    assert "3 of 1,200 cells have a class in one of the two years alone" in said
    assert "No cell is of snow in 2001 or 2002." in said
    assert result.n == 1195 and "snow" not in set(result.net["level"])


def test_nothing_changes_and_one_class() -> None:
    still = transitions(codes(np.ones((2, 4, 5))), {1: "forest"}, response=a_grid(np.zeros((2, 4, 5))), replicates=100)
    assert matrix_of(still).tolist() == [[20.0]] and still.net["share"].tolist() == [1.0]
    assert any("one class alone" in note for note in still.notes)
    assert "0.0 % of the area of all cells" in texts(still)[0].findings[0]
    new = np.ones((2, 4, 5))
    new[1, 0, 0] = 2
    born = transitions(codes(new), {1: "forest", 2: "town"})
    assert np.isnan(born.net.set_index("level").loc["town", "share"])
    assert np.isnan(matrix_of(born, "share", OWN)[1]).all()


def test_no_reference_system_counts_cells() -> None:
    result = transitions(codes(annual_cover()).assign_attrs(crs=""), NAMES)
    assert result.matrix["area_km2"].isna().all() and result.net["net_km2"].isna().all()
    assert result.matrix["share_of"].unique().tolist() == [
        "cells of the class in 2001",
        "cells of all cells with a class in both years",
    ]
    assert "cells, " in texts(result)[0].findings[0]


def test_the_printed_matrix_has_its_sums() -> None:
    result = call_transitions(replicates=100)
    assert isinstance(result, TransitionResult)
    printed = next(t for t in tables(result) if t.name == "transitions_matrix").frame.set_index("level")
    assert printed.loc["Total 2012", "Total 2001"] == 1200
    assert printed.loc["Total 2012"].tolist()[:-1] == result.net["area_last_km2"].tolist()
    assert "from grassland to cropland" in texts(result)[0].findings[0]
    assert [t.name for t in tables(result)] == [
        "transitions_matrix",
        "transitions_pairs",
        "transitions_net",
        "transitions_conversions",
        "transitions_response",
    ]


def test_the_map_of_conversions_is_the_matrix() -> None:
    result = call_transitions(replicates=100)
    assert isinstance(result, TransitionResult)
    before, after = annual_cover()[0], annual_cover()[-1]
    layer = result.grid["conversion"]
    assert layer.attrs["classes"] == ["Unchanged", "Grassland to cropland"]
    np.testing.assert_array_equal(layer, np.where(before == after, 0.0, 1.0))
    assert result.conversions["share"].sum() == pytest.approx(1.0) and result.conversions["n"].sum() == result.n
    moved = result.matrix.loc[(result.matrix["level"] == "grassland") & (result.matrix["level_2"] == "cropland")]
    assert result.conversions["n"].tolist()[1] == moved["n"].iloc[0]


def test_small_conversions_are_one_class_of_the_map() -> None:
    rng = np.random.default_rng(1)
    two = np.stack([rng.integers(1, 5, (30, 40)), rng.integers(1, 5, (30, 40))]).astype(float)
    two[:, 0, 0] = np.nan
    result = transitions(codes(two), NAMES)
    assert len(result.conversions) == 10 and result.conversions["level"].iloc[-1] == "Other conversion"
    ranked = result.conversions["area_km2"].to_numpy()[1:-1]
    assert (np.diff(ranked) <= 0).all() and np.isnan(result.grid["conversion"].to_numpy()[0, 0])
    matrix = result.matrix.iloc[:16]
    assert result.conversions["n"].tolist()[0] == matrix.loc[matrix["level"] == matrix["level_2"], "n"].sum()


COVER = codes(annual_cover())
STACK = a_stack()


@pytest.mark.parametrize(
    ("given_codes", "options", "error", "message"),
    [
        (COVER.isel(year=[0]), {}, DataError, "transitions need classes of two years, there is only 2001"),
        (COVER.isel(year=0), {}, DataError, "transitions need classes of two years, there is none"),
        (COVER.isel(year=[0, 0]), {}, DataError, "a coordinate 'year' in which every year occurs once"),
        (COVER * np.nan, {}, DataError, "no cell has a class in both 2001 and 2012"),
        (COVER + 0.25, {}, DataError, "holds 1.25 where whole numbers are expected"),
        (COVER.rename(x="lon"), {}, DataError, "dimensions y and x .and year., got year, y, lon"),
        (COVER, {"first": 1990}, OptionError, "first must be a year of the classes .2001 to 2012., got 1990"),
        (COVER, {"first": 2005, "last": 2003}, OptionError, "first must lie before last, got 2005 and 2003"),
        (COVER, {"response": STACK.isel(x=slice(9))}, DataError, "classes and nep differ in shape"),
        (COVER, {"response": STACK.isel(year=[0])}, DataError, "has 1 years from 2001 to 2012: a change needs one"),
        (COVER, {"response": STACK.isel(year=0)}, DataError, "has 0 years from 2001 to 2012"),
        (COVER, {"response": STACK, "window": 7}, OptionError, "window must be from 1 to half of the years .* .6., got 7"),
        (COVER, {"response": STACK, "block_size": -1}, OptionError, "block_size must be a length"),
        (COVER, {"response": STACK * np.nan}, DataError, "'nep' has no value at all"),
        ([1, 2], {}, DataError, "transitions takes an xarray.DataArray, got list"),
    ],
)  # fmt: skip
def test_messages(given_codes: Any, options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        transitions(given_codes, NAMES, **options)
    assert len(str(caught.value).splitlines()) == 1


def test_a_lazy_stack_gives_the_same() -> None:
    one, two = (
        transitions(c, NAMES, response=s, replicates=100)
        for c, s in ((COVER, STACK), (COVER.chunk({"y": 7}), STACK.chunk({"x": 9})))
    )
    for name in one.tables:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name], rtol=1e-12)
    assert isinstance(COVER.chunk({"y": 7}), xr.DataArray)
