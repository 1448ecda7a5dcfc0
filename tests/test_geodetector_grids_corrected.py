"""Corrected P, shares and intervals of streamed grids: those of a table of the same cells; degenerate grids; rates of error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import ndimage

from carbondrivers.attribution import GeodetectorResult, detect, detect_grids, geodetector_crossings, geodetector_walk
from carbondrivers.attribution.effective_size import FieldSums
from carbondrivers.attribution.geodetector_corrected import TOO_FEW
from carbondrivers.attribution.geodetector_draws import Draws, NearPairs
from carbondrivers.attribution.geodetector_grids import NO_LATTICE
from carbondrivers.attribution.geodetector_group import Group, standardise
from carbondrivers.attribution.geodetector_lattice import Axes
from carbondrivers.attribution.geodetector_moments import cell_moments, q_of
from carbondrivers.attribution.geodetector_near import FEW_NEAR, NEAR, Ends, refined
from carbondrivers.attribution.geodetector_spatial import Blocks, correlations, fitted_correlations, places_of, sums_among
from carbondrivers.attribution.geodetector_sums import FactorSums, HigherMoments
from carbondrivers.attribution.geodetector_walk import Walk
from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataError

TABLES = ("factors", "interactions", "ecological", "risks", "strata")
Grids = dict[str, xr.DataArray]


def _field(rng: np.random.Generator, shape: tuple[int, int], reach: float) -> Floats:
    found = ndimage.gaussian_filter(rng.normal(size=shape), reach, mode="nearest")
    return np.asarray((found - found.mean()) / found.std())


def _classes(values: Floats, count: int) -> Floats:
    return np.digitize(values, np.quantile(values, np.arange(1, count) / count)).astype(np.float64)


def _grids(
    seed: int, shape: tuple[int, int], place: dict[str, Any] | None = None, reach: float = 2.0
) -> tuple[xr.DataArray, Grids]:
    """Return smooth grids with gaps: a border without a response, single cells without anything."""
    rng = np.random.default_rng(seed)
    drivers = {name: _field(rng, shape, reach) for name in ("rain", "soil", "slope")}
    nep = 1e5 + 40.0 * (drivers["rain"] + _field(rng, shape, reach) + 0.3 * rng.normal(size=shape))
    nep[:3], nep[:, -2:] = np.nan, np.nan
    nep[rng.random(shape) < 0.1] = np.nan
    strata = {name: _classes(values, 3 + i) for i, (name, values) in enumerate(drivers.items())}
    strata["soil"][rng.random(shape) < 0.05] = np.nan
    coordinates = {"coords": place} if place else {}
    grids = {name: xr.DataArray(values, dims=("y", "x"), name=name, **coordinates) for name, values in strata.items()}
    return xr.DataArray(nep, dims=("y", "x"), name="nep", **coordinates), grids


def _sample(nep: xr.DataArray, strata: Grids, weights: xr.DataArray | None = None) -> PixelSample:
    """Return the table of the cells; those of a grid without coordinates lie at their numbers."""
    axes = [nep[a].to_numpy() if a in nep.coords else np.arange(nep.sizes[a]) for a in ("y", "x")]
    y, x = (values.ravel().astype(float) for values in np.meshgrid(*axes, indexing="ij"))
    frame = pd.DataFrame({"nep": nep.to_numpy().ravel(), "x": x, "y": y} | {d: g.to_numpy().ravel() for d, g in strata.items()})
    more: dict[str, Any] = {"crs": nep.attrs["crs"]} if "crs" in nep.attrs else {}
    if weights is not None:
        frame, more = frame.assign(area=weights.to_numpy().ravel()), more | {"weights": "area"}
    frame = frame.dropna().astype(dict.fromkeys(strata, int))
    drivers = [Driver(d, kind="categorical") for d in strata]
    return PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"), **more)


def _same(one: GeodetectorResult, two: GeodetectorResult, rtol: float, drop: tuple[str, ...] = ()) -> None:
    for name in TABLES:
        ours, theirs = (r.tables[name].drop(columns=list(drop), errors="ignore") for r in (one, two))
        pd.testing.assert_frame_equal(ours, theirs, rtol=rtol, atol=1e-12, check_dtype=False)


DEGREES = {"y": 55.0 - 0.25 * np.arange(60), "x": 80.0 + 0.5 * np.arange(45)}
DEGREES_FEW = {"y": 55.0 - 0.1 * np.arange(20), "x": 80.0 + 0.1 * np.arange(15)}
METRES = {"y": 4.1e6 - 500.0 * np.arange(170), "x": 3e5 + 500.0 * np.arange(150)}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("shape", "place", "crs"),
    [((37, 52), None, ""), ((60, 45), DEGREES, "EPSG:4326"), ((170, 150), METRES, "EPSG:32648"), ((160, 140), None, "")],
    ids=["cells", "degrees", "metres, several cells to a lattice cell", "cells, several to a lattice cell"],
)
def test_grids_equal_the_table_of_their_cells(
    shape: tuple[int, int], place: dict[str, Any] | None, crs: str, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Near pairs are drawn otherwise from a table: on the same lattice alone both agree exactly.
    monkeypatch.setattr(geodetector_walk, "is_coarser", lambda lattice, axes: False)
    monkeypatch.setattr(Group, "_near", lambda group: None)
    nep, strata = _grids(0, shape, place)
    nep = nep.assign_attrs(crs=crs) if crs else nep
    areas = xr.DataArray(np.random.default_rng(1).uniform(0.5, 2.0, shape), dims=("y", "x"), coords=nep.coords)
    weights = areas.where(areas > 0.55) if weighted else None
    chunks = {"y": 23, "x": 31}
    found = detect_grids(nep.chunk(chunks), {d: g.chunk(chunks) for d, g in strata.items()}, weights=weights, replicates=100)
    # Blocks of the grid's cells are not those of a table; what widens their interval is compared below.
    _same(found, detect(_sample(nep, strata, weights), replicates=100), 1e-8, drop=("epsilon2_low", "epsilon2_high"))
    assert found.factors[["n_eff", "p_eff", "p_eff_adjusted", "epsilon2_eff", "ci_eff_low"]].notna().all(axis=None)
    assert found.interactions["p_eff"].notna().all() and found.ecological["p_eff"].notna().all()
    assert found.risks["p_eff"].notna().all() and (found.factors["n_eff"] < 0.7 * found.n).all()


def test_unevenly_spaced_columns_are_as_far_apart_as_in_a_table() -> None:
    nep, strata = _grids(4, (60, 50), {"y": np.arange(60.0), "x": np.exp(np.arange(50) / 10)})
    found = detect_grids(nep, strata, replicates=100)
    _same(found, detect(_sample(nep, strata), replicates=100), 1e-8, drop=("epsilon2_low", "epsilon2_high"))
    assert any("unevenly spaced" in note for note in found.notes)
    assert not any("unevenly spaced" in note for note in detect_grids(*_grids(4, (20, 15), DEGREES_FEW)).notes)


@pytest.mark.parametrize("chunks", [{"y": 20, "x": 150}, {"y": 170, "x": 7}, {"y": 37, "x": 41}])
def test_chunks_do_not_matter_to_corrected_columns(chunks: dict[str, int]) -> None:
    nep, strata = _grids(2, (170, 150), METRES)
    whole = detect_grids(nep, strata)
    _same(whole, detect_grids(nep.chunk(chunks), {d: g.chunk(chunks) for d, g in strata.items()}), 1e-9)


def test_origin_unit_and_direction_of_the_grid_do_not_matter() -> None:
    nep, strata = _grids(3, (50, 40), {"y": 9.0 - np.arange(50.0), "x": np.arange(40.0)})
    found = detect_grids(nep, strata)
    again = detect_grids(nep * 1e-3 + 7.0, strata)
    for name in ("factors", "interactions", "ecological"):
        pd.testing.assert_frame_equal(found.tables[name], again.tables[name], rtol=1e-7)
    turned = detect_grids(nep[::-1], {d: g[::-1] for d, g in strata.items()})
    _same(found, turned, 1e-9, drop=("epsilon2_low", "epsilon2_high"))
    # Distances count in cells where there are no coordinates, and these cells are as wide as high.
    bare = detect_grids(nep.drop_vars(["x", "y"]), {d: g.drop_vars(["x", "y"]) for d, g in strata.items()})
    _same(found, bare, 1e-9)


def _walk(nep: xr.DataArray, strata: Grids, weights: xr.DataArray | None) -> Walk:
    return Walk(nep, strata, weights, Axes(np.arange(nep.shape[1]) * 1.0, np.arange(nep.shape[0]) * 1.0, geographic=False))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(40, 33), (150, 131)])
def test_sums_of_pieces_are_those_of_rows(shape: tuple[int, int], weighted: bool) -> None:
    nep, strata = _grids(4, shape)
    given = xr.DataArray(np.random.default_rng(5).uniform(0.5, 2.0, shape), dims=("y", "x")) if weighted else None
    walk, frame = _walk(nep.chunk({"y": 17, "x": 50}), strata, given), _sample(nep, strata, given).frame
    y, w = standardise(frame["nep"].to_numpy())[0], frame["area"].to_numpy() / frame["area"].mean() if weighted else None
    places, codes = places_of(frame[["x", "y"]].to_numpy(), 128), frame["rain"].cat.codes.to_numpy().astype(np.int64)
    moments = cell_moments(y, codes, 3, w)
    rows, pieces = FactorSums.of_factor(places, y, codes, moments, w), walk.sums("rain")
    assert pieces is not None
    for name in ("count", "weight", "own", "total", "first", "second"):
        np.testing.assert_allclose(getattr(pieces, name), getattr(rows, name), rtol=1e-9, atol=1e-10, err_msg=name)
    np.testing.assert_allclose(pieces.higher.third, rows.higher.third, rtol=1e-9)
    assert pieces.higher.fourth == pytest.approx(rows.higher.fourth, rel=1e-9)
    # Fields from sums are those of rows, and so is their variance.
    residual = (y - moments.mean[codes]) / np.sqrt(moments.square / moments.weight * moments.count / (moments.count - 1))[codes]
    adds = (1.0 - q_of(moments)) * (y - moments.centre) ** 2 - (y - moments.mean[codes]) ** 2
    for found, field in ((pieces.response(), y), (pieces.standard_residual(moments), residual), (pieces.added(moments), adds)):
        assert found.variance == pytest.approx(float(np.var(field)), rel=1e-8)
        np.testing.assert_allclose(found.sums, np.bincount(places.cell, field), rtol=1e-7, atol=1e-9)
        one, two = correlations(found, pieces.places), correlations(field, places)
        np.testing.assert_allclose(one.spectrum, two.spectrum, rtol=1e-7, atol=1e-7 * np.abs(two.spectrum).max())
        assert one.squares == pytest.approx(two.squares, rel=1e-7)
    side = -(-max(shape) // 10)
    cells = frame[["y", "x"]].to_numpy().astype(np.int64) // side
    blocks, ours = Blocks.of(places, np.unique(cells @ [100, 1], return_inverse=True)[1].ravel(), w), walk.blocks()
    assert ours is not None and ours.count == blocks.count
    assert ours.spread(fitted_correlations(pieces.added(moments), pieces.places)) == pytest.approx(
        blocks.spread(fitted_correlations(adds, places)), rel=1e-7
    )


def test_higher_moments_merge() -> None:
    rng = np.random.default_rng(6)
    y, codes = rng.gamma(2.0, size=900) + np.repeat([0.0, 40.0, -3.0], 300), rng.integers(0, 4, 900)
    codes[codes == 3] = np.where(np.flatnonzero(codes == 3) < 400, 3, 0)
    whole = HigherMoments.of_rows(y, codes, cell_moments(y, codes, 5))
    found = HigherMoments.of_rows(y[:0], codes[:0], cell_moments(y[:0], codes[:0], 5))
    for part in np.split(np.arange(900), [17, 300, 500]):
        found = found.merged(HigherMoments.of_rows(y[part], codes[part], cell_moments(y[part], codes[part], 5)))
    np.testing.assert_allclose(found.third, whole.third, rtol=1e-10)
    assert found.fourth == pytest.approx(whole.fourth, rel=1e-12)


def test_the_interval_of_blocks_is_widened() -> None:
    nep, strata = _grids(7, (80, 80), reach=4.0)
    walk = _walk(nep, strata, None)
    sums, blocks = walk.sums("soil"), walk.blocks()
    assert sums is not None and blocks is not None
    assert blocks.spread(fitted_correlations(sums.added(walk.factors["soil"]), sums.places)) > 1.15
    row = detect_grids(nep, strata).factors.set_index("driver").loc["soil"]
    assert row["epsilon2_low"] < row["epsilon2"] < row["epsilon2_high"]


def test_grids_that_cannot_be_corrected_say_why() -> None:
    nep, strata = _grids(8, (20, 20))
    flat = detect_grids(nep * 0.0 + 7.1, strata)
    assert NO_LATTICE in flat.notes and flat.factors["p_eff"].isna().all() and flat.strata["n_eff"].isna().all()
    two = detect_grids(nep[4:5, 4:6].fillna(1.0), {"zone": xr.DataArray(np.array([[0, 1]]), dims=("y", "x"))})
    assert two.n == 2 and NO_LATTICE in two.notes and two.factors["p_eff"].isna().all()
    # One stratum says so; the other driver keeps its corrected columns.
    one = detect_grids(nep, {"one": strata["rain"] * 0.0, "rain": strata["rain"]}).factors.set_index("driver")
    assert np.isnan(one.loc["one", "p_eff"]) and one.loc["one", "note"].startswith("undefined: a single stratum")
    assert np.isfinite(one.loc["rain", "p_eff"])
    # More strata than sums can be held of.
    rng = np.random.default_rng(9)
    many = {"county": xr.DataArray(rng.integers(0, 510, (90, 90)), dims=("y", "x"))}
    large, others = _grids(10, (90, 90))
    found = detect_grids(large, {"rain": others["rain"], "county": many["county"]}, replicates=100)
    assert any(note.startswith("No corrected P of county: the strata") for note in found.notes)
    table = found.factors.set_index("driver")
    assert np.isnan(table.loc["county", "p_eff"]) and np.isfinite(table.loc["county", "epsilon2_low"])
    assert np.isfinite(table.loc["rain", "p_eff"])
    # Four cells: less than one independent observation a stratum.
    few = xr.DataArray(np.array([[1.0, 2.0, np.nan, np.nan], [np.nan, np.nan, 3.0, 5.0]]), dims=("y", "x"))
    zones = xr.DataArray(np.array([[0, 0, 0, 0], [1, 1, 1, 1]]), dims=("y", "x"))
    row = detect_grids(few, {"zone": zones}).factors.iloc[0]
    assert np.isfinite(row["p"]) and np.isnan(row["p_eff"]) and row["note"] == TOO_FEW


def test_cells_in_a_corner_of_large_grids_have_a_lattice_of_their_own() -> None:
    nep, strata = _grids(11, (60, 60))
    alone = detect_grids(nep, strata)
    inside = {d: g.pad(y=(700, 20), x=(0, 900), constant_values=1.0) for d, g in strata.items()}
    found = detect_grids(nep.pad(y=(700, 20), x=(0, 900), constant_values=np.nan), inside)
    _same(found, alone, 1e-9, drop=("epsilon2_low", "epsilon2_high"))
    # All cells with a response in one block of space: no blocks to resample.
    assert found.factors["epsilon2_low"].isna().all()


def test_scattered_cells_of_large_grids_say_that_near_ones_are_too_few() -> None:
    nep, strata = _grids(18, (400, 400))
    few = xr.DataArray(np.random.default_rng(19).random((400, 400)) < 0.01, dims=("y", "x"))
    found = detect_grids(nep.where(few), strata, replicates=100)
    assert FEW_NEAR in found.notes and NEAR not in found.notes and found.factors["p_eff"].notna().all()


def test_a_response_without_places_is_refused() -> None:
    nep, strata = _grids(12, (20, 20))
    with pytest.raises(DataError, match="a coordinate of the response is missing or infinite"):
        detect_grids(nep.assign_coords(x=np.where(np.arange(20) == 4, np.nan, np.arange(20.0))), strata)


def _all_near(cells: Floats, reach: float, side: float) -> tuple[NearPairs, Any]:
    """Return every ordered pair of cells, (n, 2), up to `reach` apart, on a lattice of cells of `side`, and their two ends."""
    apart = np.hypot(*(cells[:, None] - cells[None]).transpose(2, 0, 1))
    ends = np.array(np.nonzero((apart > 0) & (apart <= reach)))
    lag = (cells[ends[1]] - cells[ends[0]]) / side
    return NearPairs.of(lag, apart[ends[0], ends[1]], np.arange(len(lag)), np.ones(len(lag))), ends


def test_sums_of_near_pairs_are_their_definition() -> None:
    rng = np.random.default_rng(14)
    cells = np.argwhere(rng.random((24, 24)) < 0.9).astype(float)
    pairs, ends = _all_near(cells, 4.0, 6.0)
    codes, w, near = rng.integers(0, 3, len(cells)), rng.uniform(0.5, 2.0, len(cells)), np.exp(-pairs.distance)
    found = Ends(pairs, np.zeros(ends.shape), w[ends], codes[ends]).sums(
        near, np.bincount(codes[ends].ravel(), w[ends].ravel() ** 2)
    )
    expected = np.zeros((3, 3))
    np.add.at(expected, (codes[ends[0]], codes[ends[1]]), near * w[ends[0]] * w[ends[1]])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # A stratum that no pair met counts what is near it as its own.
    unmet = Ends(pairs, np.zeros(ends.shape), np.ones(ends.shape), codes[ends]).sums(near, np.array([1.0, 1.0, 1.0, 3.0]))
    assert unmet[3, 3] == pytest.approx(near.sum() / 2.0) and not unmet[3, :3].any()


def test_near_correlations_leave_the_sum_over_all_pairs_as_it_was() -> None:
    rng = np.random.default_rng(15)
    field, cells = _field(rng, (48, 48), 1.0).ravel(), np.argwhere(np.ones((48, 48))).astype(float)
    pairs, ends = _all_near(cells, 12.0, 6.0)
    places = places_of(np.floor(cells / 6.0), 128)
    given = FieldSums(places.occupied, np.full(64, 36.0), np.bincount(places.cell, field), float((field**2).sum()), field[ends])
    whole = correlations(field, places)
    fixed, near = refined(whole, given, places, pairs)
    assert near is not None and near.max() > 0.5 and (near[pairs.distance > 8.0] == 0.0).all()
    one = np.zeros(len(cells), dtype=np.int64)
    before, after = (float(sums_among(places, [f], one, 1)[0][0, 0]) for f in (whole, fixed))
    assert after + near.sum() == pytest.approx(before, abs=1e-9 * near.sum()) and fixed.near == pytest.approx(near.sum())


def test_a_coarse_lattice_knows_what_is_correlated_within_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, shape = np.random.default_rng(16), (256, 256)
    nep, *others = (xr.DataArray(_field(rng, shape, 2.0), dims=("y", "x")) for _ in range(3))
    strata = {d: xr.DataArray(_classes(g.to_numpy(), 4), dims=("y", "x")) for d, g in zip("ab", others, strict=True)}

    def sizes(side: int, near: bool) -> tuple[float, float]:
        with monkeypatch.context() as patch:
            patch.setattr(geodetector_walk, "FACTOR_SIDE", side)
            patch.setattr(geodetector_crossings, "PAIR_SIDE", side)
            if not near:
                patch.setattr(geodetector_walk, "is_coarser", lambda lattice, axes: False)
            found = detect_grids(nep, strata, replicates=100)
            assert (NEAR in found.notes) == near
            return float(found.factors["n_eff"].mean()), float(found.interactions["n_eff"][0])

    exact, refined_sizes, rough = sizes(256, near=False), sizes(32, near=True), sizes(32, near=False)
    for whole, fine, coarse in zip(exact, refined_sizes, rough, strict=True):
        assert coarse > 1.8 * whole and 0.85 * whole < fine < 1.3 * whole


def test_draws_do_not_depend_on_chunks_and_fill_in_both_ends() -> None:
    nep, strata = _grids(17, (170, 150))
    walks = [_walk(nep.chunk(c), {d: g.chunk(c) for d, g in strata.items()}, None) for c in ({"y": 170}, {"y": 13, "x": 29})]
    one, two = (walk.draws for walk in walks)
    assert isinstance(one, Draws) and isinstance(two, Draws)
    np.testing.assert_allclose(one.y, two.y, rtol=0, atol=1e-12)
    there = one.whole()
    assert 0.5 < there.mean() < 0.9 and all((one.codes[d] == two.codes[d]).all() for d in strata)
    values = (nep.to_numpy().ravel() - walks[0].survey.origin) / walks[0].survey.scale
    assert np.isin(one.y[:, there].round(9), values.round(9)).all()


@pytest.mark.slow
@pytest.mark.parametrize("side", [40, 150])
def test_smooth_fields_fool_the_naive_p_and_not_the_corrected(side: int, request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or (30 if side == 40 else 6)
    rng, shape = np.random.default_rng(13), (side, side)
    naive, corrected, pairs = [], [], []
    for _ in range(replicates):
        grids = {d: xr.DataArray(_classes(_field(rng, shape, 2.0), 4), dims=("y", "x")) for d in "ab"}
        nep = xr.DataArray(_field(rng, shape, 2.0), dims=("y", "x"))
        found = detect_grids(nep, grids, replicates=100)
        naive += list(found.factors["p"] < 0.05)
        corrected += list(found.factors["p_eff"] < 0.05)
        pairs += list(found.interactions["p_eff"] < 0.05)
    error = 4 * np.sqrt(0.05 * 0.95 / replicates)
    assert np.mean(naive) > 0.4
    assert 0.03 - error < np.mean(corrected) < 0.09 + error
    assert 0.03 - error < np.mean(pairs) < 0.09 + error
