"""Fitted correlations: a valid function near the true one, and fields drawn with it that keep their autocorrelation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft, ndimage

from carbondrivers.attribution.correlation_model import fitted, kernel
from carbondrivers.attribution.effective_size import lags
from carbondrivers.attribution.geodetector_bootstrap import epsilon2_interval, widened
from carbondrivers.attribution.geodetector_moments import cell_moments, q_of
from carbondrivers.attribution.geodetector_null import autocorrelated_source
from carbondrivers.attribution.geodetector_spatial import (
    Blocks,
    correlations,
    fitted_correlations,
    fixed_share,
    pieces,
    places_of,
    sums_among,
)
from carbondrivers.attribution.resampling import Bootstrap, Units


def _noise(rng: np.random.Generator, side: int, smoothing: float) -> np.ndarray:
    """Return a part of a large Gaussian field of variance one with correlations exp(-h^2 / (4 smoothing^2))."""
    edge = int(6 * smoothing) + 1
    field = rng.normal(size=(side + 2 * edge,) * 2)
    if smoothing:
        field = ndimage.gaussian_filter(field, smoothing, mode="wrap", truncate=6.0) * 2.0 * np.sqrt(np.pi) * smoothing
    return field[edge : edge + side, edge : edge + side].ravel()


def _places(side: int) -> np.ndarray:
    return np.indices((side, side)).reshape(2, -1).T[:, ::-1].astype(float)


@pytest.mark.parametrize("smoothing", [1.0, 2.5])
def test_the_true_correlations_are_found(smoothing: float) -> None:
    at, rng = lags(_places(60)), np.random.default_rng(4)
    found = np.mean([fitted(_noise(rng, 60, smoothing), at).at(np.arange(1.0, 12.0)) for _ in range(8)], axis=0)
    np.testing.assert_allclose(found, np.exp(-(np.arange(1.0, 12.0) ** 2) / (4 * smoothing**2)), atol=0.06)


def test_independent_rows_are_their_own() -> None:
    at, rng = lags(_places(40)), np.random.default_rng(5)
    found = [fitted(rng.normal(size=1600), at) for _ in range(8)]
    assert np.mean([model.own for model in found]) > 0.85
    assert np.abs(np.mean([model.at(np.arange(1.0, 20.0)) for model in found], axis=0)).max() < 0.1


def test_white_noise_is_taken_for_white_and_weak_correlation_is_not() -> None:
    # One field of white noise in twenty explains more than chance leaves.
    rng = np.random.default_rng(15)
    for xy in (_places(30), rng.uniform(0, 100, (300, 2))):
        at = lags(xy, side=128)
        assert sum(fitted(rng.normal(size=len(xy)), at).own == 1.0 for _ in range(100)) >= 86
    at = lags(_places(40))
    weak = [fitted(np.sqrt(0.9) * rng.normal(size=1600) + np.sqrt(0.1) * _noise(rng, 40, 3.0), at).own for _ in range(20)]
    assert max(weak) < 1.0 and np.mean(weak) == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize("seed", range(6))
def test_no_field_contradicts_the_fit(seed: int) -> None:
    # Whatever is fitted to, a trend, few rows, ties: weights are not negative and add to one, the spectrum hardly negative.
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 100, (int(rng.integers(4, 300)), 2))
    values = [rng.normal(size=len(xy)), xy[:, 0], (xy[:, 1] > 50).astype(float), np.sin(xy[:, 0])][seed % 4]
    if np.ptp(values) == 0.0:
        values = xy[:, 0]
    at = lags(xy, side=128)
    model = fitted(values, at)
    assert min(model.own, model.gaussian.min(), model.exponential.min()) >= 0.0
    assert model.own + model.gaussian.sum() + model.exponential.sum() == pytest.approx(1.0, rel=1e-9)
    spectrum = fft.rfft2(kernel(model, at)).real
    assert -spectrum[spectrum < 0].sum() <= 0.02 * np.abs(spectrum).sum()


def test_drawn_fields_are_as_autocorrelated_as_the_response() -> None:
    # By rings alone, not fitted, fields of scattered rows lost a third of it, and searches found too much.
    rng = np.random.default_rng(6)
    chosen = rng.choice(2500, 600, replace=False)
    xy, y = _places(50)[chosen], _noise(rng, 50, 2.5)[chosen]
    source = autocorrelated_source(xy, np.arange(600), False)
    drawn = np.stack([source.apply(y, source.draw(rng)) for _ in range(40)])  # type: ignore[arg-type]
    distance = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    for low, high in ((0.5, 1.5), (1.5, 2.5), (2.5, 3.5)):
        pairs = np.argwhere((distance > low) & (distance <= high))
        one, two = pairs.T
        found = np.mean([(f[one] * f[two]).mean() / (f**2).mean() for f in drawn - drawn.mean(axis=1, keepdims=True)])
        assert found == pytest.approx(np.exp(-(((low + high) / 2) ** 2) / 25.0), abs=0.12)
    np.testing.assert_array_equal(np.sort(drawn[0]), np.sort(y))


def test_share_of_independent_rows_is_that_of_the_noncentral_f() -> None:
    rng, codes = np.random.default_rng(7), np.arange(2000) % 4
    moments = cell_moments(np.array([0.0, 0.3, 0.5, 0.9])[codes] + rng.normal(size=2000), codes, 4)
    found = fixed_share(moments, np.diag(moments.weight), 0.0, 1.0, 0.95)
    q = moments.between / (moments.between + moments.within)
    assert found["epsilon2_eff"] == pytest.approx(1 - (1 - q) * 1999 / 1996, abs=2e-3)
    assert found["ci_eff_low"] < q < found["ci_eff_high"]


def test_too_little_left_gives_no_share() -> None:
    codes = np.arange(6) % 2
    moments = cell_moments(np.arange(6.0), codes, 2)
    # Every row is the same observation.
    assert np.isnan(fixed_share(moments, np.full((2, 2), 9.0), 30.0, 1.0, 0.95)["ci_eff_low"])


@pytest.mark.parametrize("weighted", [False, True])
def test_spread_of_blocks_is_its_definition(weighted: bool) -> None:
    rng = np.random.default_rng(9)
    xy = _places(12)[rng.random(144) < 0.7]
    weights = rng.uniform(0.5, 2.0, len(xy)) if weighted else None
    codes = np.unique((xy // 4) @ [1, 10], return_inverse=True)[1].astype(np.int64)
    codes[codes == 3] = 2
    codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    places, values = places_of(xy, 128), xy.sum(axis=1) + rng.normal(size=len(xy))
    field, w = fitted_correlations(values, places), np.ones(len(xy)) if weights is None else weights
    distance = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    dense = np.where(np.eye(len(xy), dtype=bool), 1.0, fitted(values, places.at).at(distance)) * np.outer(w, w)
    within = dense[codes[:, None] == codes].sum()
    found = Blocks.of(places, codes, weights)
    assert found.count == codes.max() + 1
    assert found.spread(field) == pytest.approx(np.sqrt(dense.sum() / within), rel=1e-6)
    # Every row its own block.
    single = Blocks.of(places, np.arange(len(xy)), weights)
    assert single.spread(field) == pytest.approx(np.sqrt(dense.sum() / np.trace(dense)), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strata", "noise", "effect", "rows"),
    [
        (2.0, 0.0, 0.5, 0), (2.0, 1.0, 0.5, 0), (2.0, 2.0, 0.25, 0), (2.0, 2.0, 0.5, 0), (2.0, 2.0, 1.0, 0), (4.0, 2.0, 0.5, 0),
        (2.0, 4.0, 0.5, 0), (2.0, 2.0, 0.5, 400), (0.0, 0.0, 0.5, 0), (0.0, 2.0, 0.5, 0), (3.0, 3.0, 0.5, 0),
        (1.0, 4.0, 1.0, 0), (4.0, 4.0, 1.0, 0), (2.0, 1.0, 0.5, 400), (2.0, 4.0, 0.5, 400),
    ],
)  # fmt: skip
def test_interval_of_the_share_covers(
    strata: float, noise: float, effect: float, rows: int, request: pytest.FixtureRequest
) -> None:
    # Blocks of space by themselves held the share in 51 to 98 % of these fields.
    replicates = request.config.getoption("--replicates") or 60
    rng, side = np.random.default_rng(5), 40
    means = effect * np.linspace(-1, 1, 4) / np.linspace(-1, 1, 4).std()
    truth, inside, blocks = effect**2 / (1.0 + effect**2), 0, 0
    for _ in range(replicates):
        chosen = rng.choice(side**2, rows, replace=False) if rows else np.arange(side**2)
        driver = _noise(rng, side, strata)[chosen]
        codes = np.searchsorted(np.quantile(driver, [0.25, 0.5, 0.75]), driver)
        y = means[codes] + _noise(rng, side, noise)[chosen]
        places, moments = places_of(_places(side)[chosen], 128), cell_moments(y, codes, 4)
        field = fitted_correlations(y - moments.mean[codes], places)
        found = fixed_share(moments, sums_among(places, [field], codes, 4)[0], field.squares, 1.0, 0.95)
        inside += found["ci_eff_low"] <= truth <= found["ci_eff_high"]
        units = Units(np.unique((_places(side)[chosen] // 4) @ [1, 10], return_inverse=True)[1].astype(np.int64), "blocks", 4.0)
        ends = epsilon2_interval(y - y.mean(), codes, 4, units, Bootstrap(200, 0.95, 1))
        adds = (1.0 - q_of(moments)) * (y - moments.centre) ** 2 - (y - moments.mean[codes]) ** 2
        spread = Blocks.of(places, units.codes).spread(fitted_correlations(adds, places))
        left = pieces(moments, sums_among(places, [field], codes, 4)[0], field.squares, 1.0)[1]
        low, high = widened(ends, spread, int(units.codes.max()) + 1, left, 0.95)
        blocks += low <= truth <= high
    error = 4 * np.sqrt(0.05 * 0.95 / replicates)
    held = f"share {inside / replicates:.1%}, blocks {blocks / replicates:.1%}"
    print(f"\nstrata {strata}, errors {noise}, effect {effect}, {rows or side**2} rows: {held}")  # noqa: T201
    assert 0.92 - error < blocks / replicates
    assert 0.92 - error < inside / replicates < min(0.97 + error, 1.001)


def test_residuals_look_less_correlated_than_errors_and_the_fit_knows() -> None:
    places, rng = places_of(_places(80), 128), np.random.default_rng(8)
    codes, distance = (np.arange(6400) // 80 // 20).astype(np.int64), np.hypot(*np.indices((20, 80)))
    # Errors of correlation exp(-h^2 / 16): its sum over all pairs of a stratum of 20 x 80 cells.
    often = np.outer(2.0 * (20 - np.arange(20)), 2.0 * (80 - np.arange(80)))
    often[0] /= 2.0
    often[:, 0] /= 2.0
    truth, sums = float((often * np.exp(-(distance**2) / 16.0)).sum()), []
    for _ in range(6):
        y = _noise(rng, 80, 2.0)
        residual = y - cell_moments(y, codes, 4).mean[codes]
        fields = [correlations(residual, places), fitted_correlations(residual, places)]
        sums.append([float(np.diag(found).mean()) for found in sums_among(places, fields, codes, 4)])
    rough, smooth = np.mean(sums, axis=0) / truth
    assert rough < 0.7 and 0.8 < smooth < 1.2
