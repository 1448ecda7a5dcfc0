"""Clusters of units under free weights: spdep's values, the grid kernels, guards against esda's traps, messages."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal import weights as old
from libpysal.graph import Graph

from carbondrivers.attribution.cluster_kernels import getis_ord, global_moran, lattice, local_moran
from carbondrivers.attribution.clusters import GI_CLASSES, LISA_CLASSES
from carbondrivers.attribution.result import GRAMMAR
from carbondrivers.attribution.spatial_weights import EARTH_RADIUS_M, distance_band, nearest_neighbours
from carbondrivers.attribution.weighted_clusters import OF_ALL, OF_FOUND, WeightedClusterResult, weighted_clusters
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.reports.lint import lint
from carbondrivers.reports.save import figure_bytes
from carbondrivers.study.state import Kept, State

from .conftest import REFERENCE

SERIES = REFERENCE / "timeseries"


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    table = pd.read_csv(SERIES / "grid.csv")
    return table[table["valid"] == 1].reset_index(drop=True)


def joined(cells: pd.DataFrame, contiguity: str = "queen") -> old.W:
    """Contiguity of the cells of the reference grid, as a user would write it by hand."""
    place = {(row, column): i for i, (row, column) in enumerate(zip(cells["row"], cells["col"], strict=True))}
    steps = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a or b) and not (contiguity == "rook" and a and b)]
    return old.W(
        {i: [place[r + a, c + b] for a, b in steps if (r + a, c + b) in place] for (r, c), i in place.items()},
        silence_warnings=True,
    )


def values_of(cells: pd.DataFrame) -> pd.Series:
    return cells["value"].rename("nep")


def squares(side: int = 6, *, lake: bool = True, crs: str | None = "EPSG:32650") -> gpd.GeoDataFrame:
    """Counties: a board of squares with high values on the left, one of them with a hole, and an island."""
    rng = np.random.default_rng(4)
    rows, columns = (part.ravel() for part in np.indices((side, side)))
    shapes = [
        shapely.box(4e5 + 1e4 * c, 4.6e6 + 1e4 * r, 4.1e5 + 1e4 * c, 4.61e6 + 1e4 * r)
        for r, c in zip(rows, columns, strict=True)
    ]
    if lake:
        shapes[8] = shapes[8].difference(shapely.centroid(shapes[8]).buffer(2e3))
    shapes.append(shapely.box(5.4e5, 4.6e6, 5.5e5, 4.61e6))
    value = np.append(np.where(columns < side / 2, 80.0, -20.0) + rng.normal(0, 5, side**2), 60.0)
    names = [f"county {i}" for i in range(len(shapes))]
    return gpd.GeoDataFrame({"nep": value}, geometry=shapes, index=names, crs=crs)


def points(n: int = 60, crs: str | None = "EPSG:4326", seed: int = 2) -> PixelSample:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.uniform(80, 110, n), "y": rng.uniform(32, 48, n), "dem": rng.normal(900, 200, n)})
    frame["nep"] = 20 * (frame["x"] - 95) + rng.normal(0, 60, n)
    response = Driver("nep", "vegetation", "g C m-2 a-1", "NEP")
    return PixelSample.from_frame(
        frame, response=response, drivers={"dem": "topography"}, coordinates=("x", "y"), crs=crs
    )  # fmt: skip


@pytest.mark.parametrize("contiguity", ["queen", "rook"])
@pytest.mark.parametrize("style", ["W", "B"])
def test_statistics_equal_spdep(cells: pd.DataFrame, contiguity: str, style: Any) -> None:
    # spdep 1.2-7: moran.test (adjust.n = FALSE), localmoran (conditional moments), localG; closed forms, 1e-11 relative.
    result = weighted_clusters(values_of(cells), joined(cells, contiguity), style=style, permutations=99)
    table = pd.read_csv(SERIES / "expected_moran_global_R.csv")
    rows = table[(table["contig"] == contiguity) & (table["style"] == style) & ~table["adjust_n"]]
    ours = result.overall.set_index("method")
    assert len(rows) == 2
    for row in rows.itertuples():
        found = ours.loc[f"Moran's I, {'randomisation' if row.randomisation else 'normality'}"]
        np.testing.assert_allclose(
            [found["moran_i"], found["expected"], found["std_error"] ** 2, found["statistic"]],
            [row.I, row.EI, row.VI, row.z], rtol=1e-11,
        )  # fmt: skip
    local = pd.read_csv(SERIES / "expected_local_R.csv")
    local = local[(local["contig"] == contiguity) & (local["style"] == style)]
    by_place = {stat: cells.merge(part, on=["row", "col"], how="left") for stat, part in local.groupby("stat")}
    has = result.units["neighbours"].to_numpy() > 0
    assert (~has).sum() == 1
    expected = by_place["localmoran_conditional"]
    for column, theirs in (("local_moran", expected["value_y"]), ("local_z", expected["z"])):
        np.testing.assert_allclose(result.units[column][has], theirs[has], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(result.units["gi_star"][has], by_place["Gi_star"]["z"][has], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(result.units["gi"][has], by_place["Gi"]["z"][has], rtol=1e-10, atol=1e-12)
    assert (
        result.units.loc[~has, ["local_moran", "local_z", "p", "p_adjusted", "gi_star", "gi", "gi_p", "lag"]]
        .isna()
        .all(axis=None)
    )


@pytest.mark.parametrize("contiguity", ["queen", "rook"])
@pytest.mark.parametrize("style", ["W", "B"])
def test_statistics_equal_those_of_the_grid_kernels(cells: pd.DataFrame, contiguity: str, style: Any) -> None:
    grid = np.full((cells["row"].max() + 1, cells["col"].max() + 1), np.nan)
    grid[cells["row"], cells["col"]] = cells["value"]
    ready, place = lattice(grid, contiguity), (cells["row"].to_numpy(), cells["col"].to_numpy())
    result = weighted_clusters(values_of(cells), joined(cells, contiguity), style=style, permutations=99)
    assert result.overall["moran_i"][0] == pytest.approx(global_moran(ready, style).moran_i, rel=1e-12)
    local = local_moran(ready, style)
    for column, kernel in (
        ("local_moran", local.value), ("local_z", local.z), ("gi_star", getis_ord(ready, star=True)), ("neighbours", ready.k),
    ):  # fmt: skip
        np.testing.assert_allclose(result.units[column], kernel[place], rtol=1e-9, atol=1e-11)


def test_permutation_p_is_two_sided_and_that_of_brute_force(cells: pd.DataFrame) -> None:
    # 4,999 conditional permutations of each cell by an independent Python loop, and esda's own one-sided p at 9,999:
    # both have Monte-Carlo errors, below 0.007 for p near 0.5 one-sided, twice that two-sided, the largest of 156.
    result = weighted_clusters(values_of(cells), joined(cells), permutations=9999, seed=3)
    expected = cells.merge(pd.read_csv(SERIES / "expected_local_perm_py.csv"), on=["row", "col"])
    p, brute = result.units["p"], expected["p_two_sided_perm4999"]
    assert (p - brute).abs().max() < 0.06
    assert (p - brute)[brute < 0.05].abs().max() < 0.012
    doubled = np.minimum(1.0, 2.0 * expected["esda_p_sim_directed_9999"])
    assert (p - doubled)[doubled < 0.05].abs().max() < 0.012
    assert p.max() <= 1.0 and p.min() >= 2.0 / 10_000


@pytest.mark.parametrize("shift", [0.0, -300.0])
def test_gi_star_keeps_its_sign_where_values_are_negative(shift: float) -> None:
    frame = squares()
    one = weighted_clusters(
        frame.assign(nep=frame["nep"] + shift), Graph.build_contiguity(frame, rook=False), column="nep", permutations=199
    )
    left, right = one.units.set_index("id").loc["county 0"], one.units.set_index("id").loc["county 35"]
    assert left["gi_star"] > 1.5 and right["gi_star"] < -1.5
    assert left["lisa_class"] in ("High-High", "Not significant") and right["lisa_class"] in ("Low-Low", "Not significant")


def test_nothing_of_the_callers_is_changed() -> None:
    frame = squares()
    graph = Graph.build_contiguity(frame, rook=False)
    weights = graph.to_W()
    weights.transform = "r"
    before, state = graph.adjacency.copy(), np.random.get_state()[1].copy()  # type: ignore[index] # noqa: NPY002
    kept = dict(weights.weights)
    for given_weights in (graph, weights):
        weighted_clusters(frame, given_weights, column="nep", style="B", permutations=99)
    pd.testing.assert_series_equal(graph.adjacency, before)
    assert weights.transform == "R" and dict(weights.weights) == kept
    assert np.array_equal(np.random.get_state()[1], state)  # type: ignore[index] # noqa: NPY002


def test_the_seed_decides_and_old_and_new_weights_agree() -> None:
    frame = squares()
    graph = Graph.build_contiguity(frame, rook=False)
    one, two = (weighted_clusters(frame, w, column="nep", permutations=199, seed=5) for w in (graph, graph.to_W()))
    other = weighted_clusters(frame, graph, column="nep", permutations=199, seed=6)
    for name in one.tables:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name])
    assert not one.units["p"].equals(other.units["p"])


def test_islands_are_a_class_of_their_own_and_never_significant() -> None:
    frame = squares()
    result = weighted_clusters(frame, Graph.build_contiguity(frame, rook=False), column="nep", permutations=199)
    island = result.units.iloc[-1]
    assert (island["lisa_class"], island["gi_class"], island["neighbours"]) == ("No neighbours", "No neighbours", 0)
    assert any("1 of 37 units have no neighbour" in note for note in result.notes)
    assert result.classes.loc[result.classes["level"] == "No neighbours", "n"].tolist() == [1, 1, 1, 1]


def test_every_share_has_its_denominator_and_classes_are_those_of_the_units() -> None:
    frame = squares(10)
    result = weighted_clusters(frame, Graph.build_contiguity(frame, rook=False), column="nep", permutations=999)
    sums = result.classes.groupby(["method", "share_of"])["share"].sum()
    assert len(sums) == 8 and np.allclose(sums, 1.0)
    table = result.classes.set_index(["method", "share_of", "level"])["n"]
    for column, levels, method in (
        ("lisa_class", LISA_CLASSES, "Local Moran, permutation P, adjusted (BH)"),
        ("gi_class", GI_CLASSES, "Gi*, naive P, adjusted (BH)"),
    ):
        counted = result.units[column].value_counts()
        assert all(table[method, OF_ALL, level] == counted.get(level, 0) for level in levels)
    assert (method, OF_FOUND, "Not significant") not in table.index
    naive = weighted_clusters(
        frame, Graph.build_contiguity(frame, rook=False), column="nep", permutations=999, significance="naive"
    )
    assert (naive.units["lisa_class"] == "High-High").sum() >= (result.units["lisa_class"] == "High-High").sum() > 0


def test_custom_weights_count_in_moran_and_not_in_gi() -> None:
    sample = points()
    binary = nearest_neighbours(sample, 5)
    rng = np.random.default_rng(0)
    weighed = Graph(binary.adjacency * rng.uniform(0.1, 2.0, len(binary.adjacency)))
    one, two = (weighted_clusters(sample, w, permutations=99) for w in (binary, weighed))
    np.testing.assert_allclose(one.units["gi_star"], two.units["gi_star"])
    assert abs(one.overall["moran_i"][0] - two.overall["moran_i"][0]) > 1e-3
    assert any("weights are not equal" in note for note in two.notes) and not any("not equal" in note for note in one.notes)
    z = one.units["deviate"].to_numpy()
    dense = weighed.sparse.toarray()
    rows = dense / dense.sum(axis=1, keepdims=True)
    assert two.overall["moran_i"][0] == pytest.approx(z @ rows @ z / (z @ z), rel=1e-12)


def test_links_of_weight_nought_are_no_links() -> None:
    sample = points(12)
    graph = nearest_neighbours(sample, 3)
    weight = graph.adjacency.to_numpy().copy()
    weight[graph.adjacency.index.get_level_values("focal") == 4] = 0.0
    result = weighted_clusters(sample, Graph(graph.adjacency * weight), permutations=99)
    assert result.units["neighbours"].tolist() == [3] * 4 + [0] + [3] * 7
    assert result.units["lisa_class"][4] == "No neighbours"


@given(st.floats(1e-6, 1e6), st.floats(-1e5, 1e5), st.integers(0, 20))
@settings(max_examples=25)
def test_no_unit_or_origin_matters(scale: float, shift: float, seed: int) -> None:
    sample = points(30, seed=seed)
    values, graph = pd.Series(sample.y, name="nep"), nearest_neighbours(sample, 4)
    one, two = (weighted_clusters(v, graph, permutations=99) for v in (values, values * scale + shift))
    rounding = 1e-10 * (1.0 + abs(shift) / scale)
    for column in ("local_moran", "gi_star", "deviate"):
        np.testing.assert_allclose(two.units[column], one.units[column], rtol=1e-7, atol=rounding)


@pytest.mark.slow
def test_size_on_noise(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 20
    rng, graph = np.random.default_rng(12), nearest_neighbours(points(150), 6)
    shares, overall = [], []
    for i in range(replicates):
        result = weighted_clusters(pd.Series(rng.normal(size=150), name="nep"), graph, permutations=999, seed=i)
        shares.append(float((result.units["p"] < 0.05).mean()))
        overall.append(result.overall["p"].to_numpy() < 0.05)
    # esda's own p would mark 10 %. Units of one map share neighbours, so the spread between maps is taken from the maps.
    assert abs(np.mean(shares) - 0.05) < 4 * np.std(shares, ddof=1) / np.sqrt(replicates) + 0.003
    assert (np.abs(np.mean(overall, axis=0) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / replicates) + 0.01).all()


def _great_circle(sample: PixelSample) -> np.ndarray:
    from pyproj import Geod

    x, y = sample.frame["x"].to_numpy(), sample.frame["y"].to_numpy()
    i, j = np.meshgrid(np.arange(len(x)), np.arange(len(x)), indexing="ij")
    return Geod(ellps="WGS84").inv(x[i].ravel(), y[i].ravel(), x[j].ravel(), y[j].ravel())[2].reshape(i.shape)


def test_nearest_neighbours_are_nearest_over_the_ground() -> None:
    # At 60 degrees north a degree of longitude is half one of latitude: plain degrees would choose others.
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.uniform(-10, 10, 40), "y": rng.uniform(58, 64, 40), "nep": rng.normal(size=40)})
    sample = PixelSample.from_frame(
        frame.assign(dem=frame["nep"] ** 2), response="nep", drivers={"dem": "topography"}, coordinates=("x", "y"),
        crs="EPSG:4326",
    )  # fmt: skip
    distance = _great_circle(sample)
    np.fill_diagonal(distance, np.inf)
    graph = nearest_neighbours(sample, 4)
    for row in range(40):
        assert set(graph[row].index) == set(np.argsort(distance[row])[:4])


def test_distance_band_is_in_true_metres_in_any_system() -> None:
    sample = points()
    distance = _great_circle(sample)
    limit = 400_000.0
    graph = distance_band(sample, limit)
    linked = np.zeros(distance.shape, dtype=bool)
    links = graph.adjacency[graph.adjacency > 0]
    linked[links.index.get_level_values(0), links.index.get_level_values(1)] = True
    clear = np.abs(distance / limit - 1.0) > 2e-3
    assert np.array_equal(linked[clear], ((distance < limit) & (distance > 0))[clear])
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform(sample.frame["x"], sample.frame["y"])
    frame = sample.frame.assign(x=x, y=y)
    moved = PixelSample.from_frame(
        frame, response="nep", drivers={"dem": "topography"}, coordinates=("x", "y"), crs="EPSG:3857"
    )
    assert distance_band(moved, limit).adjacency.index.equals(graph.adjacency.index)
    assert distance_band(sample, np.pi * EARTH_RADIUS_M).n == 60


def test_result_is_in_the_grammar_is_kept_and_pickles(tmp_path: Path) -> None:
    frame = squares()
    result = weighted_clusters(frame, Graph.build_contiguity(frame, rook=False), column="nep", permutations=99)
    for table in result.tables.values():
        assert set(table.columns) <= GRAMMAR
    assert result.overall["p"].between(0, 1).all()
    state = State(tmp_path / ".state")
    state.store(Kept("step", "abc", result, ()))
    kept = state.load("step", "abc")
    assert kept is not None
    for again in (kept.result, pickle.loads(pickle.dumps(result))):
        assert (again.notes, dict(again.parameters), again.n) == (result.notes, dict(result.parameters), 37)
        for name, table in result.tables.items():
            pd.testing.assert_frame_equal(again.tables[name], table)


def test_polygons_keep_their_holes_and_points_lie_within() -> None:
    frame = squares()
    result = weighted_clusters(frame, Graph.build_contiguity(frame, rook=False), column="nep", permutations=99)
    assert result.outlines.groupby("id")["part"].nunique().loc["county 8"] == 2
    inside = gpd.GeoSeries(gpd.points_from_xy(result.units["x"], result.units["y"]), index=frame.index, crs=frame.crs)
    assert frame.geometry.contains(inside).all()
    assert result.parameters["crs"] == "EPSG:32650"
    assert weighted_clusters(points(), nearest_neighbours(points()), permutations=99).outlines.empty


GRAPH = nearest_neighbours(points(8), 2)
VALUES = pd.Series(np.arange(8.0), name="nep")


def loops(graph: Graph) -> Graph:
    return graph.assign_self_weight(1.0)


@pytest.mark.parametrize(
    ("units", "weights", "options", "error", "message"),
    [
        (VALUES.where(VALUES != 3), GRAPH, {}, DataError, "'nep' has 1 missing values .the first in row 3.: drop these rows"),
        (VALUES.replace(3.0, np.inf), GRAPH, {}, DataError, "has 1 infinite values"),
        (VALUES * 0 + 7.1, GRAPH, {}, DataError, "'nep' is constant"),
        (VALUES.astype(str), GRAPH, {}, DataError, "'nep' holds .* where numbers are expected"),
        (VALUES[:3], GRAPH, {}, DataError, "has 3 rows: at least 4"),
        (VALUES[:6], GRAPH, {}, DataError, "the weights are of 8 units and there are 6 rows"),
        (VALUES[::-1], GRAPH, {}, DataError, "another order than the rows: row 1 is 7, unit 1 is 0; bring the rows"),
        (VALUES.rename(lambda i: f"u{i}"), GRAPH, {}, DataError, "not those of the rows: row 1 is 'u0', unit 1 is 0"),
        (VALUES.rename({1: 0}), GRAPH, {}, DataError, "the row label 0 occurs twice"),
        (VALUES, np.eye(8), {}, DataError, "weights must be a libpysal Graph or W, got ndarray"),
        (VALUES, loops(GRAPH), {}, DataError, "8 units are joined to themselves .the first is 0."),
        (VALUES, Graph(GRAPH.adjacency * -1), {}, DataError, "the weight of 0 with .* is -1: weights must be finite"),
        (VALUES, Graph(GRAPH.adjacency * 0), {}, DataError, "no unit has a neighbour"),
        (VALUES, nearest_neighbours(points(8), 7), {}, DataError, "a unit is joined to all 7 others"),
        ([1.0, 2.0], GRAPH, {}, DataError, "units must be a PixelSample, .* got list"),
        (VALUES.to_frame(), GRAPH, {"column": "nepp"}, DataError, "no column 'nepp' .* Did you mean 'nep'"),
        (VALUES.to_frame(), GRAPH, {}, DataError, "no column None in the table of units: name it"),
        (VALUES, GRAPH, {"style": "C"}, OptionError, "style must be one of 'W', 'B', got 'C'"),
        (VALUES, GRAPH, {"permutations": 10}, OptionError, "permutations must be a whole number from 99 up, got 10"),
        (VALUES, GRAPH, {"permutations": 10**8}, OptionError, "draws: take fewer permutations"),
        (VALUES, GRAPH, {"alpha": 5}, OptionError, "alpha must be between 0 and 1, got 5"),
        (VALUES, GRAPH, {"significance": "fdr"}, OptionError, "significance must be one of"),
        (pd.Series(np.arange(100_001.0), name="nep"), GRAPH, {}, DataError, "100,001 rows, more than 100,000: .* use clusters"),
    ],
)  # fmt: skip
def test_messages(units: Any, weights: Any, options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        weighted_clusters(units, weights, **options)
    assert len(str(caught.value).splitlines()) == 1


def test_weights_need_places() -> None:
    with pytest.raises(DataError, match="the sample has no crs"):
        nearest_neighbours(points(crs=None))
    with pytest.raises(OptionError, match=r"k must be a whole number from 1 to the number of rows less one \(59\), got 60"):
        nearest_neighbours(points(), 60)
    with pytest.raises(OptionError, match="metres must be a distance above 0"):
        distance_band(points(), 0)
    frame = squares()
    with pytest.raises(DataError, match="unit 'county 3' has no geometry"):
        weighted_clusters(frame.assign(geometry=frame.geometry.where(frame.index != "county 3")), GRAPH, column="nep")


def _cases() -> dict[str, WeightedClusterResult]:
    frame, sample = squares(), points()
    long = "of the long growing season in $year_{x}$ (integrated over the whole depth)"
    odd, graph = frame.rename(columns={"nep": f"nep {long}"}), Graph.build_contiguity(frame, rook=False)
    return {
        "polygons": weighted_clusters(frame, graph, column="nep", permutations=999),
        "points": weighted_clusters(sample, nearest_neighbours(sample), permutations=999),
        "no places": weighted_clusters(VALUES, GRAPH, permutations=99),
        "unknown system, long name": weighted_clusters(
            odd.set_crs(None, allow_override=True), graph, column=str(odd.columns[0]), permutations=99
        ),
    }  # fmt: skip


@pytest.mark.parametrize("profile", ["jal", "jgs"])
def test_every_figure_reads_and_repeats(profile: str) -> None:
    for case, result in _cases().items():
        found = pictures(result, journal(profile))
        assert [p.name for p in found] == ([] if case == "no places" else ["weighted_clusters_map"]) + [
            "weighted_clusters_scatter"
        ]
        for picture, again in zip(found, pictures(result, journal(profile)), strict=True):
            assert lint(picture.figure, journal(profile).width(picture.width)) == [], (case, picture.name)
            assert picture.figure.get_figheight() * 25.4 < 245
            assert picture.caption.endswith(".") and not picture.numbers.empty
            assert figure_bytes(picture.figure, "png", journal(profile)) == figure_bytes(again.figure, "png", journal(profile))


def test_report_has_tables_and_words() -> None:
    result = _cases()["polygons"]
    assert [t.name for t in tables(result)] == [
        "weighted_clusters_overall",
        "weighted_clusters_classes",
        "weighted_clusters_units",
    ]
    words = texts(result)[0]
    assert "Moran's I" in words.findings[0] and words.methods.endswith(".")
    share = result.classes.set_index(["method", "share_of", "level"])["share"]
    expected = 100 * share["Local Moran, permutation P, adjusted (BH)", OF_ALL, "High-High"]
    assert any(f"{expected:.1f} %" in finding for finding in words.findings)
