"""Spatial association: gdverse's PSD, brute force for all statistics, planted fields, the size of both p, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import spatial_association
from carbondrivers.attribution.association_kernels import overlay, psd, variables_psd, weighted_pairs
from carbondrivers.attribution.strata import assign, breaks
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataError, OptionError

from .conftest import REFERENCE


def _variance(y: np.ndarray, w: np.ndarray) -> float:
    return float((w * (y[:, None] - y[None]) ** 2 / 2).sum() / w.sum())


def _psd(y: np.ndarray, codes: np.ndarray, w: np.ndarray) -> float:
    """PSD by its formula, from the dense matrix."""
    sizes = np.bincount(codes)
    rows = sizes[codes] > 1
    y, codes, w = y[rows], codes[rows], w[np.ix_(rows, rows)]
    within = sum((m := codes == c).sum() * _variance(y[m], w[np.ix_(m, m)]) for c in np.unique(codes))
    return 1.0 - within / (len(y) * _variance(y, w))


def _dense(xy: np.ndarray, power: float) -> np.ndarray:
    with np.errstate(divide="ignore"):
        w = np.sqrt(((xy[:, None] - xy[None]) ** 2).sum(axis=2)) ** -power
    np.fill_diagonal(w, 0.0)
    return w


def test_psd_equals_gdverse(pixels: pd.DataFrame) -> None:
    # gdverse 1.7 psd_spade; its weights are inverse squares of planar distances in degrees (found by trying): 1e-9 absolute.
    expected = pd.read_csv(REFERENCE / "geodetector" / "ref_gdverse_psd.csv").set_index("variable")["psd"]
    frame = pixels.rename(columns={"group": "kind"})
    drivers = [Driver(d, kind="categorical") for d in ("landcover", "kind", "soil", "zone")]
    sample = PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("lon", "lat"))
    found = (
        spatial_association(sample, power=2, permutations=0).factors.set_index("driver")["estimate"].rename({"kind": "group"})
    )
    np.testing.assert_allclose(found, expected.loc[found.index], atol=1e-9, rtol=0)


def test_statistics_by_brute_force() -> None:
    rng = np.random.default_rng(1)
    n = 120
    frame = pd.DataFrame(rng.uniform(0, 9e4, (n, 2)), columns=["x", "y"])
    frame["a"], frame["b"] = frame["x"] / 1e3 + rng.normal(0, 9, n), frame["y"] / 1e3 + rng.normal(0, 9, n)
    frame["nep"] = frame["a"] + frame["b"] + rng.normal(0, 9, n)
    sample = PixelSample.from_frame(frame, response="nep", drivers={"a": "soil", "b": "soil"}, coordinates=("x", "y"))
    result = spatial_association(sample, classes=(3, 5), power=2, permutations=0, overlay="intersection")
    w, y = _dense(frame[["x", "y"]].to_numpy(), 2.0), frame["nep"].to_numpy()
    codes = {d: {k: assign(frame[d].to_numpy(), breaks(frame[d].to_numpy(), "quantile", k)) for k in (3, 4, 5)} for d in "ab"}
    ratios = {d: {k: _psd(y, c, w) / _psd(frame[d].to_numpy(), c, w) for k, c in codes[d].items()} for d in "ab"}
    found = result.factors.set_index("driver")["estimate"]
    for d in "ab":
        assert found[d] == pytest.approx(np.mean(list(ratios[d].values())), rel=1e-9)
        np.testing.assert_allclose(result.levels.query("driver == @d")["cpsd"], list(ratios[d].values()), rtol=1e-9)
    best = {d: codes[d][max(ratios[d], key=ratios[d].get)] for d in "ab"}
    zones = np.unique(best["a"] * 10 + best["b"], return_inverse=True)[1]
    variance = [_variance(c.astype(float), w) for c in best.values()]
    of_drivers = 1 - sum((1 - _psd(c.astype(float), zones, w)) * v for c, v in zip(best.values(), variance, strict=True)) / sum(
        variance
    )
    pid = result.zones.set_index("level").loc["a + b"]
    assert pid["estimate"] == pytest.approx(_psd(y, zones, w) / of_drivers, rel=1e-9)
    assert result.zones["rank"].tolist() == [1, 2, 3] and result.zones["estimate"].is_monotonic_decreasing


def test_fuzzy_overlay_by_hand() -> None:
    one, two = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    y = np.array([0.0, 4.0, 10.0, 20.0])
    # Means: one 2, 15; two 5, 12. Lowest of each row: 2, 2, 5, 12.
    assert overlay([one, two], y, "and").tolist() == [0, 0, 1, 2]
    assert overlay([one, two], y, "or").tolist() == [1, 2, 0, 0]
    assert overlay([one, two], y, "intersection").tolist() == [0, 1, 2, 3]


def test_sparse_weights_are_near_the_dense_ones() -> None:
    rng = np.random.default_rng(2)
    xy = rng.uniform(0, 100, (400, 2))
    codes, y = (xy[:, 0] // 25).astype(np.int64), xy[:, 0] + rng.normal(0, 5, 400)
    dense, sparse = (weighted_pairs(xy, 3.0, k) for k in (None, 60))
    assert len(sparse.one) < len(dense.one) / 3
    assert psd(sparse, codes, y) == pytest.approx(psd(dense, codes, y), abs=0.05)
    assert 0 < variables_psd(sparse, codes, [codes.astype(float), xy[:, 0]]) < 1


def test_rows_of_one_place_and_single_strata() -> None:
    rng = np.random.default_rng(3)
    xy = np.repeat(rng.uniform(0, 10, (20, 2)), 2, axis=0)
    pairs = weighted_pairs(xy, 2.0, None)
    assert np.isfinite(pairs.weight).all() and pairs.weight.max() == 1.0
    codes = np.concatenate([[0], np.ones(39, dtype=np.int64)])
    y = rng.normal(size=40)
    rest = weighted_pairs(xy[1:], 2.0, None)
    assert psd(pairs, codes, y) == pytest.approx(0.0, abs=1e-12)
    assert psd(rest, codes[1:], y[1:]) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.slow
def test_size_of_both_p(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 40
    rng = np.random.default_rng(4)
    rejected = np.zeros(2)
    for seed in range(replicates):
        frame = pd.DataFrame(rng.uniform(0, 9e4, (100, 2)), columns=["x", "y"]).assign(
            a=rng.normal(size=100), nep=rng.normal(size=100)
        )
        sample = PixelSample.from_frame(frame, response="nep", drivers={"a": "soil"}, coordinates=("x", "y"))
        row = spatial_association(sample, permutations=39, classes=(3, 4), seed=seed).factors.iloc[0]
        rejected += row[["p", "p_eff"]].to_numpy(float) <= 0.05
    assert (rejected / replicates < 0.05 + 4 * np.sqrt(0.05 * 0.95 / replicates)).all()


def test_messages(sample: PixelSample) -> None:
    with pytest.raises(OptionError, match="overlay must be one of 'and', 'or', 'intersection', got 'xor'"):
        spatial_association(sample, overlay="xor")
    with pytest.raises(OptionError, match="power must be a number above 0, got 0"):
        spatial_association(sample, power=0)
    frame = pd.DataFrame({"nep": [1.0, 2, 3, 4], "zone": list("abab")})
    with pytest.raises(DataError, match="spatial association needs the place of every row"):
        spatial_association(PixelSample.from_frame(frame, response="nep", drivers={"zone": "climate"}))
