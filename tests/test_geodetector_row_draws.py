"""Near pairs of rows of a sample that is finer than its lattice: as streamed grids have them, whatever the order of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import ndimage

from carbondrivers.attribution import detect, detect_grids
from carbondrivers.attribution.effective_size import lattice_steps
from carbondrivers.attribution.geodetector_group import Group
from carbondrivers.attribution.geodetector_near import FEW_NEAR, NEAR
from carbondrivers.attribution.geodetector_row_draws import RowDraws
from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataWarning

TABLES = ("factors", "interactions", "ecological", "risks", "strata")


def _field(rng: np.random.Generator, shape: tuple[int, int], reach: float) -> Floats:
    found = ndimage.gaussian_filter(rng.normal(size=shape), reach, mode="nearest")
    return np.asarray((found - found.mean()) / found.std())


def _frame(seed: int, shape: tuple[int, int], reach: float = 2.0, classes: int = 4) -> pd.DataFrame:
    """Return the cells of independent smooth fields, row-major."""
    rng, (y, x) = np.random.default_rng(seed), np.indices(shape).reshape(2, -1).astype(float)
    drivers = {d: _field(rng, shape, reach).ravel() for d in "ab"}
    strata = {d: np.digitize(v, np.quantile(v, np.arange(1, classes) / classes)) for d, v in drivers.items()}
    return pd.DataFrame({"nep": _field(rng, shape, reach).ravel(), "x": x, "y": y} | strata)


def _sample(frame: pd.DataFrame, **more: Any) -> PixelSample:
    drivers = [Driver(d, kind="categorical") for d in "ab"]
    return PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"), **more)


def _draws(xy: Floats, side: int = 16, seed: int = 0) -> RowDraws:
    n = len(xy)
    return RowDraws(xy, np.arange(n, dtype=np.float64), None, lambda: np.arange(n), [side], seed=seed)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_sample_is_judged_as_the_streamed_grid_of_its_cells(weighted: bool) -> None:
    frame = _frame(0, (170, 150)).assign(area=np.random.default_rng(1).uniform(0.5, 2.0, 170 * 150))
    gap = np.random.default_rng(2).random(len(frame)) < 0.1
    sample = detect(_sample(frame[~gap], **({"weights": "area"} if weighted else {})), replicates=100)
    grids = {
        c: xr.DataArray(np.where(gap, np.nan, frame[c]).reshape(170, 150), dims=("y", "x"), name=c)
        for c in ("nep", "a", "b", "area")
    }
    found = detect_grids(grids["nep"], {d: grids[d] for d in "ab"}, weights=grids["area"] if weighted else None, replicates=100)
    assert NEAR in sample.notes and NEAR in found.notes
    for name in ("factors", "interactions", "strata"):
        ours, theirs = (np.log(r.tables[name]["n_eff"].to_numpy(dtype=np.float64)) for r in (sample, found))
        np.testing.assert_allclose(ours, theirs, atol=0.1)
    for name in ("factors", "interactions", "ecological"):
        ours, theirs = (r.tables[name]["p_eff"].to_numpy(dtype=np.float64) for r in (sample, found))
        np.testing.assert_allclose(ours, theirs, atol=0.1)


def test_the_order_of_rows_does_not_matter() -> None:
    frame = _frame(3, (140, 140))
    frame = pd.concat([frame, frame.iloc[:3000].assign(nep=lambda f: f["nep"] + 0.1)], ignore_index=True)
    # Some rows share a place.
    with pytest.warns(DataWarning, match="repeat the coordinates"):
        samples = [_sample(f) for f in (frame, frame.sample(frac=1.0, random_state=4).reset_index(drop=True))]
    one, two = (detect(sample, replicates=100) for sample in samples)
    assert NEAR in one.notes
    for name in TABLES:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name], rtol=1e-9, atol=1e-12)


def test_samples_on_their_own_lattice_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _frame(5, (40, 44))
    scattered = frame.assign(x=frame["x"] + np.random.default_rng(6).uniform(-0.4, 0.4, len(frame)))
    samples = [_sample(frame), _sample(frame[frame.index % 3 > 0]), _sample(scattered)]
    found = [detect(sample, replicates=100) for sample in samples]
    monkeypatch.setattr(Group, "_near", lambda group: None)
    for sample, one in zip(samples, found, strict=True):
        two = detect(sample, replicates=100)
        assert NEAR not in one.notes and one.notes == two.notes
        for name in TABLES:
            pd.testing.assert_frame_equal(one.tables[name], two.tables[name], check_exact=True)


def test_pairs_count_as_all_pairs_of_rows_do() -> None:
    rng = np.random.default_rng(7)
    xy = np.argwhere(rng.random((64, 64)) < 0.6)[:, ::-1] * [30.0, 10.0]
    # Some rows share a place.
    xy = np.vstack([xy, xy[:200]])
    draws = _draws(xy)
    ends = draws.ends(16, np.zeros(len(xy), dtype=np.int64))
    assert ends is not None and draws.enough
    apart = xy[draws.rows[1]] - xy[draws.rows[0]]
    assert (np.abs(apart).sum(axis=1) > 0.0).all()
    np.testing.assert_allclose(np.hypot(*apart.T) / 10.0, ends.pairs.distance[ends.pairs.at], rtol=1e-12)
    # Each pair lies between the lags of the lattice that it is shared among.
    steps = lattice_steps(xy[:, 0] - xy[:, 0].min(), xy[:, 1] - xy[:, 1].min(), len(xy), 16)
    mean = (ends.pairs.lag * ends.pairs.share[:, None]).sum(axis=0)[:, ends.pairs.at]
    np.testing.assert_allclose(mean[::-1].T * steps, apart, rtol=0, atol=1e-9)
    for radius in (10.0, 40.0):
        far = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
        known = int(((far > 0.0) & (far <= radius + 1e-9)).sum())
        near = ends.pairs.distance[ends.pairs.at] <= radius / 10.0 + 1e-9
        assert float(ends.pairs.count[near].sum()) == pytest.approx(known, rel=0.02)


def test_scattered_rows_and_rows_on_their_own_lattice_have_no_near_pairs() -> None:
    rng = np.random.default_rng(8)
    assert not _draws(rng.random((900, 2))).coarse
    grid = np.argwhere(np.ones((12, 15))).astype(float)
    assert not _draws(grid).coarse and _draws(grid).ends(16, np.zeros(180, dtype=np.int64)) is None
    assert (_draws(np.kron(grid, np.ones((1, 1))), 8).rows == _draws(grid, 8).rows).all()
    assert not np.array_equal(_draws(grid, 8, seed=1).rows, _draws(grid, 8).rows)


def test_few_near_rows_are_said_by_group() -> None:
    frame = _frame(9, (900, 900)).sample(400, random_state=10)
    rare = np.where(np.arange(400) < 40, "few", "many")
    found = detect(_sample(frame.assign(zone=rare), groups="zone"), replicates=100)
    assert any(note.startswith(FEW_NEAR) and "few" in note for note in found.notes)


@pytest.mark.slow
def test_independent_fields_of_a_fine_sample_are_not_found(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 6
    factors, pairs = [], []
    for i in range(replicates):
        found = detect(_sample(_frame(100 + i, (200, 200))), replicates=100)
        factors += list(found.factors["p_eff"] < 0.05)
        pairs += list(found.interactions["p_eff"] < 0.05)
    error = 4 * np.sqrt(0.05 * 0.95 / replicates)
    assert np.mean(factors) < 0.09 + error and np.mean(pairs) < 0.09 + error
