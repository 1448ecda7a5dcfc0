"""Dutilleul's modified t test: values of R SpatialPack, Fourier sums against pairs, size under independence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import fft

from carbondrivers.attribution.distance_classes import LatticeClasses, PointClasses, distance_classes
from carbondrivers.attribution.modified_t import (
    CAPPED,
    dutilleul_size,
    modified_t,
    modified_t_grid,
    moran_by_class,
)
from carbondrivers.errors import DataError, OptionError

TREES = Path(__file__).parent / "reference" / "trees"
EXPECTED = pd.read_csv(TREES / "modttest.csv").set_index("case")
CASES = [case for case in EXPECTED.index if not case.startswith("murray")]


def fields(case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if case == "lattice20_u_v":
        table, names = pd.read_csv(TREES / "lattice20.csv"), ["u", "v"]
    else:
        table, names = pd.read_csv(TREES / "modttest400.csv"), ["NEP", case.split("_")[2]]
    return table[names[0]].to_numpy(), table[names[1]].to_numpy(), table[["x", "y"]].to_numpy(dtype=float)


def exponential_fields(side: int, reach: float, rng: np.random.Generator, count: int) -> np.ndarray:
    """Return independent Gaussian fields (count, side, side), covariance exp(-h / reach): circulant embedding on 8 sides."""
    wide = 8 * side
    along = np.minimum(np.arange(wide), wide - np.arange(wide))
    power = fft.fft2(np.exp(-np.hypot(along[:, None], along[None, :]) / reach)).real.clip(min=0.0)
    half = -(-count // 2)
    noise = rng.normal(size=(half, wide, wide)) + 1j * rng.normal(size=(half, wide, wide))
    found = fft.fft2(noise * np.sqrt(power / wide**2))[:, :side, :side]
    # The real and the imaginary part are independent.
    return np.concatenate([found.real, found.imag])[:count]


@pytest.mark.parametrize("case", CASES)
def test_size_and_p_are_those_of_spatialpack(case: str) -> None:
    """R SpatialPack 0.4-1; closed forms: size 1e-8 absolute, p 1e-9 relative."""
    x, y, xy = fields(case)
    row = EXPECTED.loc[case]
    found = modified_t(x, y, xy, classes=int(row["nclass"]))
    assert found.ess == pytest.approx(row["ESS"], abs=1e-8)
    assert found.r == pytest.approx(row["r"], rel=1e-12)
    assert found.p_naive == pytest.approx(row["p.naive"], rel=1e-10)
    if row["ESS"] <= row["n"]:
        assert (found.p, found.statistic, found.note) == (
            pytest.approx(row["p"], rel=1e-9), pytest.approx(row["F"], rel=1e-9), "",
        )  # fmt: skip
    else:
        assert (found.n_eff, found.note) == (found.n, CAPPED)
        assert found.p == pytest.approx(found.p_naive, rel=1e-10)


def test_fourier_sums_are_those_of_all_pairs_on_a_lattice_with_holes() -> None:
    rng = np.random.default_rng(0)
    one, two = exponential_fields(24, 4.0, rng, 2)
    hole = rng.random((24, 24)) < 0.3
    hole[5:10, 8:20] = True
    cell = np.argwhere(~hole)
    sizes = []
    for at in (LatticeClasses(cell, (30.0, 20.0), 13), PointClasses(cell[:, ::-1] * [20.0, 30.0], 13)):
        values = [field[tuple(cell.T)] for field in (one, two)]
        sizes.append(dutilleul_size(*(moran_by_class(v, at) for v in values), at))
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-12)
    grid = modified_t_grid(np.where(hole, np.nan, one), two, steps=(30.0, 20.0), classes=13)
    assert grid.ess == pytest.approx(sizes[0], rel=1e-12)


def test_scattered_points_take_all_pairs_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    xy = rng.uniform(0, 100, size=(150, 2))
    x, y = np.sin(xy[:, 0] / 9), np.cos(xy[:, 1] / 9) + 0.1 * rng.normal(size=150)
    assert isinstance(distance_classes(xy), PointClasses)
    whole = modified_t(x, y, xy)
    monkeypatch.setattr("carbondrivers.attribution.distance_classes._CHUNK", 1000)
    assert modified_t(x, y, xy).ess == pytest.approx(whole.ess, rel=1e-13)


def test_nothing_depends_on_order_place_or_unit() -> None:
    x, y, xy = fields("synth400_NEP_PRE")
    turned = np.random.default_rng(2).permutation(len(x))
    one = modified_t(x, y, xy)
    assert modified_t(x[turned], y[turned], xy[turned]).p == pytest.approx(one.p, rel=1e-9)
    assert modified_t(y, 1e6 * x - 3e7, 1000.0 * xy + 4e6).ess == pytest.approx(one.ess, rel=1e-8)


def test_matrices_give_the_same_size() -> None:
    """The definition with whole matrices, on a few points."""
    rng = np.random.default_rng(3)
    xy, x, y = rng.uniform(size=(30, 2)), rng.normal(size=30), rng.normal(size=30)
    distance = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    label = np.ceil(distance / distance.max() * 13 - 1e-9).astype(int) - 1
    centring = np.eye(30) - 1 / 30

    def matrix(z: np.ndarray) -> np.ndarray:
        z = (z - z.mean()) / z.std()
        found = np.eye(30)
        for k in range(13):
            pair = (label == k) & ~np.eye(30, dtype=bool)
            if pair.any():
                found[pair] = np.outer(z, z)[pair].mean()
        return centring @ found

    one, two = matrix(x), matrix(y)
    expected = 1 + np.trace(one) * np.trace(two) / np.trace(one @ two)
    assert modified_t(x, y, xy, classes=13).ess == pytest.approx(expected, rel=1e-11)


def test_classes_are_no_wider_than_two_neighbour_distances() -> None:
    cell = np.argwhere(np.ones((40, 40)))
    some = cell[np.random.default_rng(5).permutation(1600)[:400]]
    full, holed = (distance_classes(at * [1.0, 3.0]) for at in (cell, some))
    assert isinstance(full, LatticeClasses) and full.classes == int(np.ceil(np.hypot(39, 117) / 2))
    assert full.bounds[0] <= 2.0
    # The same median distance, by the lattice and by the points themselves.
    points = PointClasses(some * [1.0, 3.0])
    assert holed.classes == points.classes > 13 and holed.bounds[0] == pytest.approx(points.bounds[0])


def test_few_points_and_clusters_bound_the_number_of_classes() -> None:
    rng = np.random.default_rng(6)
    assert distance_classes(rng.uniform(size=(20, 2))).classes == 13
    pairs = np.repeat(rng.uniform(size=(50, 2)), 2, axis=0)
    pairs[::2] += 1e-6 * rng.normal(size=(50, 2))
    assert distance_classes(pairs).classes == 25
    # Thirteen, and one for the rows of one place.
    assert distance_classes(np.repeat(rng.uniform(size=(60, 2)), 2, axis=0)).classes == 14


@pytest.mark.slow
@pytest.mark.parametrize("places", ["lattice", "points"])
@pytest.mark.parametrize("reach", [1.0, 3.0, 6.0, 12.0])
def test_size_is_near_alpha_where_fields_are_independent(request: pytest.FixtureRequest, reach: float, places: str) -> None:
    """Exponential fields on 40 x 40 cells, all of them or 400 at random: 4 to 9 % at 5 %.

    Below a thousand fields within four standard errors of the simulation; from there on exactly, for points within two.
    """
    replicates = request.config.getoption("--replicates") or 60
    rng = np.random.default_rng(int(reach))
    p, naive = [], []
    for i in range(replicates):
        one, two = exponential_fields(40, reach, rng, 2)
        if places == "points" and i % 20 == 0:
            some = rng.permutation(1600)[:400]
        if places == "points":
            one[np.unravel_index(np.setdiff1d(np.arange(1600), some), one.shape)] = np.nan
        found = modified_t_grid(one, two)
        p.append(found.p)
        naive.append(found.p_naive)
    exact = 0.0 if places == "lattice" else 2.0 * np.sqrt(0.04 * 0.96 / replicates)
    error = 4.0 * np.sqrt(0.09 * 0.91 / replicates) if replicates < 1000 else exact
    share = float((np.array(p) < 0.05).mean())
    assert 0.04 - error <= share <= 0.09 + error, share
    if reach >= 3.0:
        assert (np.array(naive) < 0.05).mean() > 0.2


def test_exact_line_has_no_p() -> None:
    x, _, xy = fields("synth400_NEP_PRE")
    found = modified_t(x, 2.0 * x + 1.0, xy)
    assert np.isnan(found.p) and np.isnan(found.statistic) and "exactly linear" in found.note


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"x": np.full(30, 2.0)}, DataError, "x is constant"),
        ({"y": np.full(30, np.nan)}, DataError, "finite values"),
        ({"xy": np.zeros((30, 2))}, DataError, "one place"),
        ({"xy": np.zeros((29, 2))}, DataError, "one row a point"),
        ({"classes": 1}, OptionError, "2 or more"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], error: type[Exception], words: str) -> None:
    rng = np.random.default_rng(4)
    given: dict[str, object] = {"x": rng.normal(size=30), "y": rng.normal(size=30), "xy": rng.uniform(size=(30, 2))}
    with pytest.raises(error, match=words):
        modified_t(**(given | change))  # type: ignore[arg-type]


def test_grids_must_fit() -> None:
    with pytest.raises(DataError, match="grids of one shape"):
        modified_t_grid(np.zeros((3, 4)), np.zeros((4, 3)))


def test_rows_of_one_place_do_not_pass_for_places() -> None:
    """Forty places of four rows each: fields of the places alone agree by chance as often as they should."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        xy = np.repeat(rng.uniform(0.0, 100.0, (40, 2)), 4, axis=0)
        x, y = (np.repeat(rng.normal(size=40), 4) + 0.5 * rng.normal(size=160) for _ in range(2))
        found.append(modified_t(x, y, xy))
    assert np.mean([one.p < 0.05 for one in found]) < 0.08
    assert 40 < np.mean([one.ess for one in found]) < 75
