"""The geodetector's engine: moments of cells against their definition, merging, pairs as margins of packed tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.attribution.geodetector_moments import BLOCK, Moments, cell_moments, merge, pair_moments, q_of


def _defined(y: np.ndarray, codes: np.ndarray, cells: int, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    rows = [codes == cell for cell in range(cells)]
    count = np.array([r.sum() for r in rows])
    mean = np.array([np.average(y[r], weights=weights[r]) if r.any() else 0.0 for r in rows])
    square = np.array([(weights[r] * (y[r] - m) ** 2).sum() for r, m in zip(rows, mean, strict=True)])
    return count, np.array([weights[r].sum() for r in rows]), mean, square


def _assert_close(found: Moments, expected: tuple[np.ndarray, ...] | Moments, rtol: float = 1e-10) -> None:
    if isinstance(expected, Moments):
        expected = (expected.count, expected.weight, expected.mean, expected.square)
    for ours, theirs in zip((found.count, found.weight, found.mean, found.square), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.booleans(), st.sampled_from([np.int8, np.int32, np.int64, np.uint16]))
def test_moments_equal_their_definition(seed: int, n: int, weighted: bool, kind: type) -> None:
    rng = np.random.default_rng(seed)
    y, codes, weights = rng.normal(5, 2, n), rng.integers(0, 7, n).astype(kind), rng.uniform(0.2, 3, n)
    found = cell_moments(y, codes, 7, weights if weighted else None)
    _assert_close(found, _defined(y, codes, 7, weights if weighted else np.ones(n)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(-1e6, 1e6), st.booleans())
def test_blocks_merge_to_the_whole(seed: int, origin: float, weighted: bool) -> None:
    # Centring a block on its own mean keeps the digits that y^2 would lose: 1e-8 at an origin of 1e6.
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 80))
    y, codes = origin + rng.normal(size=n), rng.integers(0, 5, n)
    weights = rng.uniform(0.2, 3, n) if weighted else None
    cut = np.sort(rng.integers(0, n + 1, 2))
    whole = cell_moments(y, codes, 5, weights)
    merged: Moments | None = None
    for rows in np.split(np.arange(n), cut):
        part = cell_moments(y[rows], codes[rows], 5, None if weights is None else weights[rows])
        merged = part if merged is None else merge(merged, part)
    assert merged is not None
    _assert_close(merged, whole, rtol=1e-8)


@pytest.mark.parametrize("cells", [(3, 4), (2, 3, 4), (6, 6, 6, 6, 6), (90, 3, 50, 2), (1, 1, 5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_pairs_are_margins_of_packed_tables(cells: tuple[int, ...], weighted: bool) -> None:
    rng = np.random.default_rng(3)
    n = 2 * BLOCK + 17
    y, weights = rng.normal(100.0, 1.0, n), rng.uniform(0.5, 2, n)
    names = [f"d{i}" for i in range(len(cells))]
    codes = {name: rng.integers(0, k, n).astype(np.int16) for name, k in zip(names, cells, strict=True)}
    found = pair_moments(y, codes, dict(zip(names, cells, strict=True)), weights if weighted else None)
    assert list(found) == [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    for (a, b), table in found.items():
        ka, kb = cells[names.index(a)], cells[names.index(b)]
        joint = codes[a].astype(int) * kb + codes[b]
        expected = cell_moments(y, joint, ka * kb, weights if weighted else None)
        np.testing.assert_array_equal(table.count, expected.count.reshape(ka, kb))
        np.testing.assert_allclose(table.weight, expected.weight.reshape(ka, kb), rtol=1e-12)
        np.testing.assert_allclose(table.mean, expected.mean.reshape(ka, kb), rtol=1e-12)
        np.testing.assert_allclose(table.square, expected.square.reshape(ka, kb), rtol=1e-9, atol=1e-9)


def test_margin_of_a_crossing_is_the_factor() -> None:
    rng = np.random.default_rng(4)
    y, a, b = rng.normal(size=200), rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    flat = cell_moments(y, a * 4 + b, 12)
    crossing = Moments(*(part.reshape(3, 4) for part in (flat.count, flat.weight, flat.mean, flat.square)))
    _assert_close(crossing.margin(1), cell_moments(y, a, 3))
    _assert_close(crossing.margin(0), cell_moments(y, b, 4))


def test_q_is_the_share_between_cells_and_never_above_one() -> None:
    rng = np.random.default_rng(5)
    y, codes = rng.normal(size=300), rng.integers(0, 6, 300)
    found = cell_moments(y, codes, 6)
    within = sum(((y[codes == i] - y[codes == i].mean()) ** 2).sum() for i in range(6))
    total = ((y - y.mean()) ** 2).sum()
    assert q_of(found) == pytest.approx(1 - within / total, rel=1e-12)
    assert q_of(found, total) == pytest.approx(q_of(found), rel=1e-12)
    assert np.isnan(q_of(cell_moments(np.full(9, 4.0), np.arange(9) % 3, 3)))
    assert q_of(cell_moments(np.arange(5.0), np.arange(5), 5)) == 1.0


def test_no_rows_are_no_moments() -> None:
    empty = cell_moments(np.zeros(0), np.zeros(0, dtype=np.int64), 3)
    assert empty.n == 0 and empty.cells == 0 and empty.count.tolist() == [0, 0, 0]
    assert (
        pair_moments(np.zeros(0), {"a": np.zeros(0, dtype=np.int64), "b": np.zeros(0, dtype=np.int64)}, {"a": 1, "b": 1}) == {}
    )
