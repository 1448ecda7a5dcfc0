"""Spatial clusters: spdep's values, esda's permutation p, sizes on noise, islands, denominators, messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from carbondrivers.attribution import cluster_permutation as permutation
from carbondrivers.attribution import clusters
from carbondrivers.attribution.cluster_kernels import getis_ord, global_moran, lattice, local_moran
from carbondrivers.attribution.clusters import GI_CLASSES, LISA_CLASSES, OF_ALL, OF_FOUND
from carbondrivers.errors import DataError, OptionError

from .conftest import REFERENCE

SERIES = REFERENCE / "timeseries"


@pytest.fixture(scope="module")
def grid() -> np.ndarray:
    table = pd.read_csv(SERIES / "grid.csv")
    values = np.full((table["row"].max() + 1, table["col"].max() + 1), np.nan)
    values[table["row"], table["col"]] = table["value"]
    return values


def a_map(values: np.ndarray, crs: str = "EPSG:32650") -> xr.DataArray:
    coords = {"y": np.arange(values.shape[0], 0.0, -1.0) * 1e3, "x": np.arange(values.shape[1]) * 1e3}
    return xr.DataArray(values, coords, ("y", "x"), name="nep", attrs={"crs": crs, "units": "g C m-2 a-1"})


@pytest.mark.parametrize("contiguity", ["queen", "rook"])
@pytest.mark.parametrize("style", ["W", "B"])
def test_global_moran_equals_spdep(grid: np.ndarray, contiguity: str, style: str) -> None:
    # spdep 1.2-7 moran.test, adjust.n = FALSE; closed forms: 1e-12 relative.
    table = pd.read_csv(SERIES / "expected_moran_global_R.csv")
    rows = table[(table["contig"] == contiguity) & (table["style"] == style) & ~table["adjust_n"]]
    assert len(rows) == 2
    found = global_moran(lattice(grid, contiguity), style)
    for row in rows.itertuples():
        variance = found.variance_random if row.randomisation else found.variance_normal
        np.testing.assert_allclose(
            [found.moran_i, found.expected, variance, (found.moran_i - found.expected) / np.sqrt(variance)],
            [row.I, row.EI, row.VI, row.z], rtol=1e-12,
        )  # fmt: skip


@pytest.mark.parametrize("contiguity", ["queen", "rook"])
@pytest.mark.parametrize("style", ["W", "B"])
def test_local_statistics_equal_spdep(grid: np.ndarray, contiguity: str, style: str) -> None:
    # spdep 1.2-7 localmoran (conditional and total moments) and localG; 1e-12 of the largest value.
    table = pd.read_csv(SERIES / "expected_local_R.csv")
    rows = table[(table["contig"] == contiguity) & (table["style"] == style)].set_index("stat")
    cells = lattice(grid, contiguity)
    place = (rows.loc["Gi", "row"].to_numpy(), rows.loc["Gi", "col"].to_numpy())
    joined = cells.k[place] > 0
    assert (~joined).sum() == 1
    for moments in ("conditional", "total"):
        found, expected = local_moran(cells, style, moments), rows.loc[f"localmoran_{moments}"]
        for ours, theirs in ((found.value, "value"), (found.expected, "E"), (found.variance, "V"), (found.z, "z")):
            np.testing.assert_allclose(ours[place][joined], expected[theirs].to_numpy()[joined], rtol=1e-11, atol=1e-13)
        assert np.isnan(found.z[place][~joined]).all()
    for star, name in ((False, "Gi"), (True, "Gi_star")):
        np.testing.assert_allclose(
            getis_ord(cells, star=star)[place][joined], rows.loc[name, "z"].to_numpy()[joined], rtol=1e-11, atol=1e-12
        )


@pytest.mark.parametrize(("below", "allowed"), [(1000, 0.055), (0, 0.055)], ids=["left out", "shared draws"])
def test_permutation_p_equals_brute_force(
    grid: np.ndarray, below: int, allowed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 4,999 conditional permutations of each cell by an independent Python loop: two Monte-Carlo errors of p near 1
    # (0.014) and the largest of 156 of them.
    monkeypatch.setattr(permutation, "EXACT_BELOW", below)
    expected = pd.read_csv(SERIES / "expected_local_perm_py.csv")
    p = permutation.conditional_p(lattice(grid, "queen"), 19_999, np.random.default_rng(5), "two-sided")
    difference = (p[expected["row"], expected["col"]] - expected["p_two_sided_perm4999"]).to_numpy()
    assert np.isnan(difference).sum() == 1
    assert np.nanmax(np.abs(difference)) < allowed
    small = expected["p_two_sided_perm4999"].to_numpy() < 0.05
    assert np.nanmax(np.abs(difference[small])) < 0.012


@pytest.mark.parametrize("levels", [(0.0, 1.0), (0.0, 1.0, 5.0)])
def test_shared_draws_keep_the_ties_of_values_that_recur(levels: tuple[float, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    # A cell among eight equal ones of a coin-toss map: P is about 2 / 256, not the smallest that the draws can give.
    chance = {2: (0.5, 0.5), 3: (0.8, 0.15, 0.05)}[len(levels)]
    cells = lattice(np.random.default_rng(1).choice(levels, p=chance, size=(36, 36)), "queen")
    shared = permutation.conditional_p(cells, 4999, np.random.default_rng(2), "two-sided")
    monkeypatch.setattr(permutation, "EXACT_BELOW", 10**6)
    brute = permutation.conditional_p(cells, 4999, np.random.default_rng(3), "two-sided")
    small = brute < 0.1
    assert small.any()
    np.testing.assert_allclose(shared[small], brute[small], atol=0.02)
    known = brute > 0.005
    np.testing.assert_allclose(np.log(shared[small & known]), np.log(brute[small & known]), atol=0.8)
    assert shared[small & ~known].max(initial=0.0) < 0.01


def test_permuted_maps_that_tie_with_the_map_count() -> None:
    # Three neighbours each: every order of the four values has the same I.
    result = clusters(a_map(np.array([[1.0, 2.0], [3.0, 5.0]])), permutations=99)
    permuted = result.overall.set_index("method").loc["Moran's I, permutation"]
    assert permuted[["statistic", "p"]].isna().all()
    assert [GI_CLASSES[int(code)] for code in result.grid["gi_class"].to_numpy().ravel()] == ["Not significant"] * 4


def test_rounding_is_no_pattern() -> None:
    board = np.where(np.indices((7, 9)).sum(axis=0) % 2, 0.1 + 0.2, 0.3)
    with pytest.raises(DataError, match="'nep' is constant"):
        clusters(a_map(board))


def test_gi_leaves_the_cell_itself_out(grid: np.ndarray) -> None:
    found = clusters(a_map(grid), permutations=99).grid["gi"].to_numpy()
    np.testing.assert_array_equal(found, getis_ord(lattice(grid, "queen"), star=False))


def test_agrees_with_esda_on_a_grid_without_gaps() -> None:
    esda, graph = pytest.importorskip("esda"), pytest.importorskip("libpysal.weights")
    values = np.random.default_rng(3).normal(size=(9, 11)).cumsum(axis=0)
    weights = graph.lat2W(9, 11, rook=False)
    weights.transform = "b"
    ours = getis_ord(lattice(values, "queen"), star=True)
    # esda 2.9 divides by the sum of the values, so its hot and cold spots change places where that sum is negative.
    for shift, sign in ((100.0, 1.0), (-100.0, -1.0)):
        theirs = esda.G_Local(values.ravel() + shift, weights, transform="B", star=True, permutations=0)
        np.testing.assert_allclose(ours.ravel(), sign * theirs.Zs, rtol=1e-9)
    weights.transform = "r"
    np.testing.assert_allclose(
        global_moran(lattice(values, "queen"), "W").moran_i, esda.Moran(values.ravel(), weights, permutations=0).I, rtol=1e-12
    )


def test_blocks_and_outliers_get_their_names() -> None:
    values = np.where(np.arange(400).reshape(20, 20) % 20 < 10, 8.0, -8.0) + np.random.default_rng(1).normal(size=(20, 20))
    values[10, 4], values[10, 15] = -9.0, 9.0
    result = clusters(a_map(values), permutations=1999)
    kind = result.grid["lisa_class"].to_numpy().astype(int)
    assert LISA_CLASSES[kind[5, 2]] == "High-High" and LISA_CLASSES[kind[5, 17]] == "Low-Low"
    assert LISA_CLASSES[kind[10, 4]] == "Low-High" and LISA_CLASSES[kind[10, 15]] == "High-Low"
    hot = result.grid["gi_class"].to_numpy().astype(int)
    assert GI_CLASSES[hot[5, 2]].startswith("Hot") and GI_CLASSES[hot[5, 17]].startswith("Cold")
    assert result.overall["p"].max() < 0.01


def test_islands_are_a_class_of_their_own_and_never_significant() -> None:
    values = np.full((8, 8), np.nan)
    values[:4, :4] = np.random.default_rng(2).normal(size=(4, 4))
    values[7, 7] = 50.0
    result = clusters(a_map(values))
    assert LISA_CLASSES[int(result.grid["lisa_class"][7, 7])] == "No neighbours"
    assert GI_CLASSES[int(result.grid["gi_class"][7, 7])] == "No neighbours"
    assert all(np.isnan(float(result.grid[name][7, 7])) for name in ("p", "gi_p", "local_moran", "gi_star", "local_z"))
    assert any("1 of 17 cells have no neighbour" in note for note in result.notes)
    assert np.isnan(result.grid["lisa_class"].to_numpy()[6, 0])


def test_every_share_has_its_denominator() -> None:
    values = np.add.outer(np.arange(30.0), np.arange(30.0)) + np.random.default_rng(4).normal(size=(30, 30))
    table = clusters(a_map(values)).classes
    sums = table.groupby(["method", "share_of"])["share"].sum()
    assert len(sums) == 8 and np.allclose(sums, 1.0)
    naive = table[table["method"] == "Local Moran, permutation P"].set_index(["share_of", "level"])["share"]
    assert naive[OF_FOUND, "High-High"] > naive[OF_ALL, "High-High"] > 0.1


def test_areas_are_those_of_the_earth() -> None:
    values = np.random.default_rng(0).normal(size=(40, 10))
    coords = {"y": np.linspace(79.0, 1.0, 40), "x": np.arange(10.0)}
    table = clusters(xr.DataArray(values, coords, ("y", "x"), attrs={"crs": "EPSG:4326"})).classes
    whole = table[(table["method"] == "Gi*, naive P") & (table["share_of"] == OF_ALL)]
    edges = np.sin(np.radians([80.0, 0.0]))
    assert whole["area_km2"].sum() == pytest.approx(6371.0088**2 * np.radians(10.0) * (edges[0] - edges[1]), rel=1e-12)


@given(st.floats(1e-6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 50))
def test_no_unit_or_origin_matters(scale: float, shift: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(7, 6))
    one, two = (lattice(v, "queen") for v in (values, values * scale + shift))
    rounding = 1e-13 * (1.0 + abs(shift) / scale)
    np.testing.assert_allclose(local_moran(two, "W").value, local_moran(one, "W").value, atol=100 * rounding)
    np.testing.assert_allclose(getis_ord(two, star=True), getis_ord(one, star=True), atol=100 * rounding)


@pytest.mark.slow
def test_size_on_white_noise(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 20
    rng, shares, adjusted, moran = np.random.default_rng(12), [], [], []
    for i in range(replicates):
        result = clusters(a_map(rng.normal(size=(60, 60))), permutations=1999, seed=i)
        shares.append(float((result.grid["p"] < 0.05).mean()))
        adjusted.append(float((result.grid["p_adjusted"] < 0.05).mean()))
        moran.append(result.overall["p"].to_numpy() < 0.05)
    # Neighbouring cells share draws and neighbours, so the spread between maps is taken from the maps.
    error = np.std(shares, ddof=1) / np.sqrt(replicates)
    assert abs(np.mean(shares) - 0.05) < 4 * error + 0.002
    assert np.mean(adjusted) < 0.002
    assert (np.abs(np.mean(moran, axis=0) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / replicates)).all()


def test_one_sided_p_is_half_and_is_said() -> None:
    one = a_map(np.random.default_rng(6).normal(size=(12, 12)))
    two_sided, directed = clusters(one, significance="naive"), clusters(one, significance="naive", alternative="directed")
    p, half = two_sided.grid["p"].to_numpy(), directed.grid["p"].to_numpy()
    np.testing.assert_allclose(p, np.minimum(1.0, 2.0 * half))
    assert any("one-sided" in note for note in directed.notes)


def test_real_map_of_leaf_area(shared_data: Path) -> None:
    stack = xr.open_dataset(shared_data / "china_modis_lai_0p5deg_2001-2020.nc")["lai"]
    mean = stack.mean("time").rename({"lat": "y", "lon": "x"})
    result = clusters(mean.where(mean >= 0.05).assign_attrs(crs="EPSG:4326"))
    assert result.n == 7769
    assert result.overall["moran_i"][0] == pytest.approx(0.8517, abs=1e-3)
    assert any("5 of 7,769 cells have no neighbour" in note for note in result.notes)


@pytest.mark.parametrize(
    ("values", "options", "error", "message"),
    [
        (np.ones((5, 5)), {}, DataError, "'nep' is constant"),
        (np.full((5, 5), np.nan), {}, DataError, "0 cells with a value: at least 4"),
        (np.where(np.eye(5) > 0, 1.0 * np.arange(5), np.nan), {"contiguity": "rook"}, DataError, "no cell .* has a neighbour"),
        (np.array([[1.0, np.inf], [2.0, 3.0]]), {}, DataError, "infinite values"),
        (np.eye(5), {"contiguity": "bishop"}, OptionError, "contiguity must be one of 'queen', 'rook', got 'bishop'"),
        (np.eye(5), {"permutations": 10}, OptionError, "permutations must be a whole number from 99 up, got 10"),
        (np.eye(5), {"alpha": 5}, OptionError, "alpha must be between 0 and 1, got 5"),
        (np.eye(5), {"style": "C"}, OptionError, "style must be one of 'W', 'B'"),
    ],
)  # fmt: skip
def test_messages(values: np.ndarray, options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message.replace("(", r"\(")):
        clusters(a_map(values), **options)


def test_a_stack_is_no_map() -> None:
    with pytest.raises(DataError, match="take one year, or the mean of the years"):
        clusters(a_map(np.eye(4)).expand_dims(year=[2001]))
    with pytest.raises(DataError, match=r"takes an xarray.DataArray with the dimensions y and x, got ndarray"):
        clusters(np.eye(4))


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (2, 2)])
def test_a_single_row_or_column_is_worked_through(shape: tuple[int, int]) -> None:
    result = clusters(a_map(np.random.default_rng(8).normal(size=shape)), permutations=199)
    p, z = result.grid["p"].to_numpy(), result.grid["local_moran"].to_numpy()
    assert np.isfinite(z).all() and ((p > 0) & (p <= 1)).all()


def test_axes_of_the_scatter_plot(grid: np.ndarray) -> None:
    result = clusters(a_map(grid), permutations=199)
    deviate, lag = result.grid["deviate"].to_numpy(), result.grid["lag"].to_numpy()
    assert np.nanmean(deviate) == pytest.approx(0.0, abs=1e-12) and np.nanstd(deviate) == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_array_equal(np.isfinite(deviate), np.isfinite(grid))
    np.testing.assert_array_equal(np.isfinite(lag), result.grid["neighbours"].to_numpy() > 0)
    row, column = (int(i) for i in np.argwhere(result.grid["neighbours"].to_numpy() == 8)[0])
    around = deviate[row - 1 : row + 2, column - 1 : column + 2]
    assert lag[row, column] == pytest.approx((around.sum() - deviate[row, column]) / 8, rel=1e-12)


def test_error_of_shared_draws_is_said() -> None:
    values = np.random.default_rng(9).normal(size=(40, 40))
    assert any("P near 0.05 is good to 0.003" in note for note in clusters(a_map(values)).notes)
    assert not any("share their" in note for note in clusters(a_map(values[:20])).notes)
