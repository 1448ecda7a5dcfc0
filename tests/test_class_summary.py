"""The response by class: known means and totals, shares, blocks, spread, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from carbondrivers.attribution.accounts import account
from carbondrivers.attribution.class_grids import classes_of
from carbondrivers.attribution.class_summary import ClassSummaryResult, class_summary, kernel_density
from carbondrivers.attribution.grid_blocks import blocks_of, side_words
from carbondrivers.attribution.resampling import Bootstrap, bootstrap_of
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.datasets.virtual.fields import gaussian_field
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import tables, texts

from .zone_cases import NAMES, a_grid, a_stack, call_class_summary, codes, cover_of, regions_of

LEVELS = {1: 90.0, 2: 40.0, 3: 10.0, 4: -30.0}


def flat(crs: str = "EPSG:32650") -> tuple[xr.DataArray, xr.DataArray]:
    """Every class has one value."""
    cover = cover_of()
    return a_grid(np.vectorize(LEVELS.get)(cover), crs), codes(cover, crs)


@pytest.mark.parametrize("crs", ["EPSG:32650", "EPSG:4326"])
def test_means_totals_and_shares_are_those_that_were_planted(crs: str) -> None:
    grid, cover = flat(crs)
    result = class_summary(grid, (cover, NAMES), replicates=100)
    areas = cell_areas(grid).to_numpy()
    rows = result.zones.set_index("level")
    for code, name in NAMES.items():
        size = areas[cover.to_numpy() == code].sum()
        assert rows.loc[name, "estimate"] == pytest.approx(LEVELS[code], rel=1e-12)
        assert rows.loc[name, "area_km2"] == pytest.approx(size, rel=1e-12)
        assert rows.loc[name, "total"] == pytest.approx(LEVELS[code] * size * 1e-6, rel=1e-12)
        assert rows.loc[name, "n"] == (cover == code).sum()
        assert (rows.loc[name, "ci_low"], rows.loc[name, "ci_high"]) == pytest.approx((LEVELS[code],) * 2)
    assert rows.drop("whole area")["share"].sum() == pytest.approx(1.0, abs=1e-12)
    assert rows.drop("whole area")["total"].sum() == pytest.approx(rows.loc["whole area", "total"], rel=1e-12)


def test_contributions_are_among_classes_of_one_sign() -> None:
    grid, cover = flat()
    result = class_summary(grid, (cover, NAMES), replicates=100)
    sums = result.contributions.groupby("share_of")["share"].sum()
    assert sums.index.tolist() == [
        "sum of the totals of the classes that are sinks",
        "sum of the totals of the classes that are sources",
    ]
    assert np.allclose(sums, 1.0)
    positive = class_summary((grid + 100.0).assign_attrs(grid.attrs), (cover, NAMES), regions=regions_of(), replicates=100)
    assert set(positive.contributions["share_of"]) == {"sum of the totals of all classes", "sum of the totals of all regions"}
    northwest = {"forest": 544.49, "cropland": 516.0, "grassland": 165.0}
    rows = {name: code for code, name in NAMES.items()}
    values = np.select([cover == rows[name] for name in northwest], list(northwest.values()), 23.12)
    found = class_summary(a_grid(values), (cover, NAMES), replicates=100)
    # Shares follow from published means (Northwest China, 2000-2020) and the areas of this grid.
    counts = {name: int((cover == code).sum()) for code, name in NAMES.items()}
    carbon = {name: northwest.get(name, 23.12) * counts[name] for name in counts}
    share = found.contributions.set_index("level")["share"]
    assert all(share[name] == pytest.approx(carbon[name] / sum(carbon.values()), rel=1e-12) for name in carbon)


def test_the_whole_area_agrees_with_the_account() -> None:
    stack = a_stack()
    stack = stack.isel(y=slice(6, None))
    result = class_summary(stack, (codes(cover_of()).isel(y=slice(6, None)), NAMES), replicates=100)
    annual = account(stack).annual
    whole = result.zones.iloc[0]
    assert whole["estimate"] == pytest.approx(annual["estimate"].mean(), rel=1e-12)
    assert whole["total"] == pytest.approx(annual["total"].mean(), rel=1e-12)


def test_a_bootstrap_is_that_of_drawing_blocks_one_by_one() -> None:
    rng = np.random.default_rng(3)
    above, below = rng.normal(20, 9, (17, 3)), rng.uniform(1, 2, (17, 3))
    below[:13, 2] = 0.0
    above[:13, 2] = 0.0
    low, high, units = bootstrap_of(300, 0.9, 8).ratio(above, below)
    counts = np.random.default_rng(8).multinomial(17, np.full(17, 1 / 17), size=300)
    drawn = []
    for times in counts:
        rows = np.repeat(np.arange(17), times)
        drawn.append(above[rows][:, :2].sum(axis=0) / below[rows][:, :2].sum(axis=0))
    np.testing.assert_allclose([low[:2], high[:2]], np.quantile(drawn, [0.05, 0.95], axis=0), rtol=1e-12)
    assert units.tolist() == [17, 17, 4] and np.isnan([low[2], high[2]]).all()


def test_blocks_are_squares_of_the_coordinates() -> None:
    grid = a_grid(np.zeros((20, 40)))
    blocks = blocks_of(grid, 10_000)
    assert blocks.count == 8 and (np.bincount(blocks.codes.ravel()) == 100).all()
    assert side_words(blocks, grid) == "10 km"
    assert blocks_of(grid, None).side == 4000.0
    degrees = a_grid(np.zeros((20, 40)), "EPSG:4326")
    assert side_words(blocks_of(degrees, None), degrees) == "2 degrees"
    bare = xr.DataArray(np.zeros((20, 40)), dims=("y", "x"))
    assert side_words(blocks_of(bare, 5), bare) == "5 cells"
    assert blocks_of(bare, 5).count == 32
    turned = grid.isel(y=slice(None, None, -1), x=slice(None, None, -1))
    assert np.array_equal(np.bincount(blocks_of(turned, 10_000).codes.ravel()), np.bincount(blocks.codes.ravel()))


@pytest.mark.slow
def test_intervals_hold_the_mean_of_a_smooth_field(request: pytest.FixtureRequest) -> None:
    # Fields of range 4 cells in blocks of 10: the percentile interval of 36 blocks is expected a little too narrow.
    replicates = request.config.getoption("--replicates") or 60
    rng = np.random.default_rng(11)
    cover = codes(1.0 + (np.indices((60, 60))[0] // 3 % 2))
    inside = np.zeros(2)
    for i in range(replicates):
        field = gaussian_field(rng, (60, 60), 4.0, pixel=1.0)
        rows = class_summary(
            a_grid(field), (cover, {1: "a", 2: "b"}), block_size=10_000, replicates=400, seed=i
        ).zones.iloc[1:]  # fmt: skip
        inside += ((rows["ci_low"] <= 0) & (rows["ci_high"] >= 0)).to_numpy()
    error = np.sqrt(0.92 * 0.08 / replicates)
    assert (np.abs(inside / replicates - 0.92) < 0.04 + 4 * error).all()


def test_spread_is_that_of_the_cells() -> None:
    result = call_class_summary(replicates=100)
    assert isinstance(result, ClassSummaryResult)
    mean = a_stack().mean("year").to_numpy()
    forest = mean[(cover_of() == 1) & ~np.isnan(mean)]
    row = result.spread.set_index("level").loc["forest"]
    expected = [
        len(forest),
        forest.mean(),
        forest.std(),
        forest.min(),
        *np.quantile(forest, [0.25, 0.5, 0.75], method="inverted_cdf"),
        forest.max(),
    ]
    np.testing.assert_allclose(row.to_numpy(dtype=float), expected, rtol=1e-12)


def test_density_is_that_of_scipy() -> None:
    values = np.random.default_rng(1).gamma(3.0, 20.0, 4000)
    at, density = kernel_density(values, np.ones(4000))
    spread = min(values.std(), np.ptp(np.quantile(values, [0.25, 0.75], method="inverted_cdf")) / 1.34)
    expected = stats.gaussian_kde(values, bw_method=0.9 * spread * 4000**-0.2 / values.std(ddof=1))(at)
    # The histogram below it has 2,048 bins, much narrower than the kernel.
    np.testing.assert_allclose(density, expected, atol=2e-3 * expected.max())
    assert (at[0], at[-1]) == (values.min(), values.max())
    doubled = kernel_density(np.append(values, values), np.append(np.ones(4000), np.zeros(4000)))
    np.testing.assert_allclose(doubled[0], at)
    assert kernel_density(np.full(9, 4.0), np.ones(9))[0].size == 0


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
@settings(max_examples=20)
def test_units_move_through(scale: float, shift: float) -> None:
    grid, cover = flat()
    noisy = grid + np.random.default_rng(2).normal(size=grid.shape)
    one = class_summary(noisy.assign_attrs(grid.attrs), (cover, NAMES), replicates=100).zones
    two = class_summary((noisy * scale + shift).assign_attrs(grid.attrs), (cover, NAMES), replicates=100).zones
    for column in ("estimate", "ci_low", "ci_high"):
        np.testing.assert_allclose(two[column], one[column] * scale + shift, rtol=1e-9, atol=1e-9 * (abs(shift) + scale))
    np.testing.assert_allclose(two["share"], one["share"])


def test_what_is_left_out_is_said() -> None:
    cover = cover_of()
    cover[0, 5] = np.nan
    cover[9, 9:12] = 77
    stack = a_stack()
    result = class_summary(stack, (codes(cover), NAMES | {9: "snow"}), replicates=100)
    said = " ".join(result.notes)
    assert "3 of 1,194 cells have a number without a name in the classes: they are left out." in said
    assert "1 of 1,194 cells with a value have no class" in said
    assert "No cell with a value is of class snow." in said
    rows = result.zones.set_index("level")
    assert rows.loc["whole area", "n"] == 1194 and rows.drop("whole area")["n"].sum() == 1190
    assert rows.drop("whole area")["share"].sum() == pytest.approx(1190 / 1194)


def test_one_class_and_a_class_of_one_cell() -> None:
    grid, _ = flat()
    one = class_summary(grid, (codes(np.ones((30, 40))), {1: "forest"}), replicates=100)
    assert any("one class alone" in note for note in one.notes) and one.zones["share"].tolist() == [1.0, 1.0]
    assert "the only class" in texts(one)[0].findings[0]
    single = np.ones((30, 40))
    single[3, 3] = 2
    rows = class_summary(grid, (codes(single), {1: "forest", 2: "bog"}), replicates=100)
    bog = rows.zones.set_index("level").loc["bog"]
    assert (bog["n"], bog["n_units"]) == (1, 1) and np.isnan(bog["ci_low"]) and "fewer than 5 blocks" in bog["note"]
    assert "bog" not in set(rows.densities["level"]) and set(rows.spread["level"]) == {"forest", "bog"}
    assert any("1 of 3 means rest on fewer than 5 blocks" in note for note in rows.notes)


def test_no_reference_system_no_totals() -> None:
    grid, cover = flat()
    result = class_summary(grid.assign_attrs(crs=""), (cover, NAMES), replicates=100)
    assert result.zones[["area_km2", "total"]].isna().all(axis=None) and result.contributions.empty
    assert result.zones["share_of"].unique().tolist() == ["cells with a value"]
    assert any("every cell weighs the same" in note for note in result.notes)
    assert [t.name for t in tables(result)] == ["class_summary", "class_spread"]
    other = class_summary(grid.assign_attrs(units="mm a-1"), (cover, NAMES), replicates=100)
    assert other.zones["area_km2"].notna().all() and other.zones["total"].isna().all()


def test_numbers_of_one_name_are_one_class() -> None:
    grid, cover = flat()
    result = class_summary(grid, (cover, {1: "land", 2: "land", 3: "land", 4: "water"}), replicates=100)
    assert result.zones["level"].tolist() == ["whole area", "land", "water"]
    assert classes_of((cover, {1: "a", 3: "a", 4: "b"}), "classes").places(np.array([1, 2, 3, 4, np.nan])).tolist() == [
        0,
        -2,
        0,
        1,
        -1,
    ]


FLAT, COVER = flat()


@pytest.mark.parametrize(
    ("grid", "classes", "options", "error", "message"),
    [
        (FLAT * np.nan, (COVER, NAMES), {}, DataError, "'nep' has no value at all"),
        (FLAT.where(COVER != 2, np.inf), (COVER, NAMES), {}, DataError, "'nep' holds infinite values"),
        (FLAT.astype(str), (COVER, NAMES), {}, DataError, "'nep' holds <U.* where numbers are expected"),
        (FLAT.rename(y="lat"), (COVER, NAMES), {}, DataError, "must have the dimensions y and x .and year., got lat, x"),
        (FLAT, COVER, {}, DataError, "classes must be a grid of numbers and their names, .* got DataArray"),
        (FLAT, (COVER.expand_dims(year=[2001]), NAMES), {}, DataError, "dimensions y and x, got year, y, x: select one"),
        (FLAT, (COVER, {}), {}, DataError, "the classes have no names"),
        (FLAT, (COVER + 0.5, NAMES), {}, DataError, "classes holds 1.5 where whole numbers are expected"),
        (FLAT, (COVER.astype(str), NAMES), {}, DataError, "classes holds <U.* where whole numbers"),
        (FLAT, (COVER.isel(x=slice(5, None)), NAMES), {}, DataError, "classes and nep differ in shape"),
        (FLAT, (COVER.assign_coords(x=COVER["x"] + 500), NAMES), {}, DataError, "classes and nep differ in origin"),
        (FLAT, (COVER * np.nan, NAMES), {}, DataError, "no cell has a value of 'nep' and a class"),
        (FLAT, (COVER, {8: "snow"}), {}, DataError, "no cell has a value of 'nep' and a class"),
        (FLAT, (COVER, NAMES), {"regions": 5}, DataError, "regions must be a grid of numbers and their names"),
        (FLAT, (COVER, NAMES), {"replicates": 10}, OptionError, "replicates must be a whole number of 100 or more"),
        (FLAT, (COVER, NAMES), {"confidence": 95}, OptionError, "confidence must be between 0 and 1, got 95"),
        (FLAT, (COVER, NAMES), {"block_size": 0}, OptionError, "block_size must be a length above 0, got 0"),
        (np.ones((3, 3)), (COVER, NAMES), {}, DataError, "class_summary takes an xarray.DataArray, got ndarray"),
    ],
)  # fmt: skip
def test_messages(grid: Any, classes: Any, options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        class_summary(grid, classes, **options)
    assert len(str(caught.value).splitlines()) == 1


def test_words_say_the_extremes_and_their_numbers() -> None:
    result = call_class_summary(replicates=100)
    assert isinstance(result, ClassSummaryResult)
    said = texts(result)[0]
    assert "highest in forest" in said.findings[0] and "lowest in water" in said.findings[0]
    share = result.zones.set_index("level").loc["forest", "share"]
    assert f"{100 * float(share):.1f} % of the area" in said.findings[0]
    assert any("the classes that are sinks" in finding for finding in said.findings)
    assert Bootstrap(100, 0.95, 0).confidence == result.parameters["confidence"]
    assert isinstance(result.zones, pd.DataFrame) and said.methods.endswith(".")
