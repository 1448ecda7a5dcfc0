"""Effective number of observations: sizes of corrected tests on smooth fields, limits, hand calculations, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import fft

from carbondrivers.attribution import correlate
from carbondrivers.attribution.effective_size import lags, products, spatial_size, temporal_size
from carbondrivers.datasets import PixelSample
from carbondrivers.errors import DataError

SIDE = 64


def smooth_field(generator: np.random.Generator, reach: float) -> np.ndarray:
    """A Gaussian field of 64 x 64 with a spherical variogram of this range in pixels, cut from a torus of 256."""
    if reach == 0:
        return generator.normal(size=(SIDE, SIDE))
    step = np.minimum(np.arange(256), 256 - np.arange(256))
    h = np.hypot(step[:, None], step[None]) / reach
    covariance = np.where(h < 1, 1 - 1.5 * h + 0.5 * h**3, 0.0)
    spread = np.sqrt(np.maximum(fft.fft2(covariance).real, 0.0))
    return fft.ifft2(spread * fft.fft2(generator.normal(size=(256, 256)))).real[:SIDE, :SIDE]


def test_equals_the_double_sum_over_pairs() -> None:
    rng = np.random.default_rng(1)
    xy = np.column_stack([rng.permutation(12)[:8], rng.permutation(12)[:8]]).astype(float)
    x, y = rng.normal(size=(2, 8))
    zx, zy = ((v - v.mean()) / v.std() for v in (x, y))
    step = lags(xy)
    distance = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    ring = np.rint(distance).astype(int)
    off = ~np.eye(8, dtype=bool)
    total = 8.0
    for k in np.unique(ring[off]):
        pairs = (ring == k) & off
        total += (np.outer(zx, zx)[pairs].sum() * np.outer(zy, zy)[pairs].sum()) / pairs.sum()
    expected = min(1.0 + 64.0 / total, 8.0) if total > 0 else np.nan
    found = spatial_size(products(x, step), products(y, step), step)
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_noise_keeps_nearly_all_and_smooth_fields_few() -> None:
    rng = np.random.default_rng(2)
    xy = np.indices((SIDE, SIDE)).reshape(2, -1).T.astype(float)
    at = lags(xy)
    sizes = [
        np.median([
            spatial_size(*(products(smooth_field(rng, reach).ravel(), at) for _ in range(2)), at) for _ in range(12)
        ])
        for reach in (0, 5, 10, 20)
    ]  # fmt: skip
    assert sizes[0] > 3500 and 400 < sizes[1] < 900 and 100 < sizes[2] < 260 and 20 < sizes[3] < 100


@pytest.mark.slow
@pytest.mark.parametrize("reach", [0, 2, 5, 10, 20])
@pytest.mark.parametrize("scattered", [False, True], ids=["grid", "points"])
def test_corrected_pearson_holds_its_size(reach: float, scattered: bool, request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 60
    rng = np.random.default_rng([3, int(reach), scattered])
    y, x = np.indices((SIDE, SIDE)).reshape(2, -1) * 1000.0
    naive, corrected = 0, 0
    for _ in range(replicates):
        frame = pd.DataFrame({"x": x, "y": y, "nep": smooth_field(rng, reach).ravel(), "a": smooth_field(rng, reach).ravel()})
        if scattered:
            frame = frame.sample(400, random_state=int(rng.integers(2**31)))
            frame[["x", "y"]] += rng.uniform(-450.0, 450.0, (400, 2))
        sample = PixelSample.from_frame(
            frame, response="nep", drivers={"a": "climate"}, coordinates=("x", "y"), crs="EPSG:32650"
        )
        row = correlate(sample).correlations.iloc[0]
        naive += row["p"] < 0.05
        corrected += row["p_eff"] < 0.05
    error = np.sqrt(0.05 * 0.95 / replicates)
    assert 0.02 - 3 * error < corrected / replicates < 0.09 + 3 * error
    if reach >= 5 and not scattered:
        assert naive / replicates > 0.25


def test_time_by_hand() -> None:
    x = np.array([1.0, 2.0, 1.5, 3.0, 2.5, 4.0])
    y = np.array([2.0, 1.0, 2.5, 2.0, 4.0, 3.0])
    r = []
    for v in (x, y):
        z = v - v.mean()
        r.append((z[1:] * z[:-1]).sum() / 5 / (z**2).mean())
    expected = 6 * (1 - r[0] * r[1]) / (1 + r[0] * r[1])
    assert float(temporal_size(x, y)) == pytest.approx(np.clip(expected, 2, 6), rel=1e-12)


def test_time_is_never_more_than_the_years_and_gaps_do_not_count() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 50, 21)).cumsum(axis=-1)
    x[0, 5] = y[1, 7:] = np.nan
    sizes = temporal_size(x, y)
    assert (sizes >= 2).all() and (sizes <= 21).all() and sizes[1] <= 7 and np.median(sizes) < 15


def test_distance_of_degrees_shrinks_with_latitude() -> None:
    corners = np.array([[0.0, 60.0], [1.0, 60.0], [0.0, 60.5], [1.0, 60.5]])
    assert len(lags(corners, geographic=True).pairs) < len(lags(corners).pairs)


def test_messages() -> None:
    with pytest.raises(DataError, match="coordinate is missing or infinite"):
        lags(np.array([[0.0, np.nan], [1.0, 1.0]]))
    with pytest.raises(DataError, match="all rows lie in one place"):
        lags(np.zeros((5, 2)))
