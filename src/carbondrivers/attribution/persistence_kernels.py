"""Rescaled range and the Hurst exponent of many short series: pure arrays of shape (cells, years), without gaps.

For a stretch of tau values: R is the range of the cumulative deviations from the stretch's own mean, S its standard deviation
(divided by tau); H is the slope of log(R / S) on log(tau) (Hurst 1951; Mandelbrot and Wallis 1969,
doi:10.1029/WR005i005p00967). With the correction of Anis and Lloyd (1976, doi:10.1093/biomet/63.1.111) log(R / S) is
taken less the logarithm of its exact expectation in white noise, and H is one half more than that slope.

Inside, years run down and cells across, so that every step of a stretch is one operation on a row of cells.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from carbondrivers.attribution.inference import Floats

Method = Literal["prefix", "blocks", "k"]
Series = Literal["levels", "differences"]
BLOCK = 8192
NULL_DRAWS, NULL_SEED = 100_000, 20260725
# Fewest values that give three points of the line (one, in K).
LEAST = {"prefix": 5, "blocks": 15, "k": 5}
# Of the largest value: what is smaller is rounding.
ROUNDING = 1e-10


def hurst(y: Floats, method: Method, tau_min: int, corrected: bool) -> Floats:
    """Return the Hurst exponent of every series; NaN where a series is constant.

    Parameters
    ----------
    y
        (cells, years), finite.
    method
        ``"prefix"``: the first tau values for every tau from `tau_min`; ``"blocks"``: the mean over blocks of a half, a
        third and a quarter of the years and the whole; ``"k"``: log(R / S) / log(years / 2) of the whole.
    tau_min
        Shortest prefix.
    corrected
        Whether by the expectation of Anis and Lloyd.

    Examples
    --------
    >>> rising = np.arange(20.0)[None, :]
    >>> round(float(hurst(rising, "prefix", 2, False)[0]), 2)
    0.98
    """
    found = np.empty(len(y))
    # Filled again and again: fresh memory would cost more than what is done in it.
    rooms = np.empty((6, y.shape[1], min(len(y), BLOCK)))
    for start in range(0, len(y), BLOCK):
        block = y[start : start + BLOCK]
        found[start : start + len(block)] = _exponents(_scaled(block), method, tau_min, corrected, rooms[:, :, : len(block)])
    return found


def _exponents(y: Floats, method: Method, tau_min: int, corrected: bool, rooms: Floats) -> Floats:
    n = len(y)
    if method == "k":
        expected = np.log(expected_range(n)) if corrected else 0.0
        return np.asarray((np.log(_rescaled_range(y)) - expected) / np.log(n / 2.0) + (0.5 if corrected else 0.0))
    lengths = np.arange(tau_min, n + 1) if method == "prefix" else block_lengths(n)
    logs = _prefixes(y, tau_min, rooms) if method == "prefix" else _blocks(y, lengths)
    np.log(logs, out=logs)
    if corrected:
        logs -= np.log([expected_range(int(tau)) for tau in lengths])[:, None]
    return _slope(np.log(lengths.astype(np.float64)), logs) + (0.5 if corrected else 0.0)


def expected_range(n: int) -> float:
    """Return the expectation of R / S in n values of white noise (Anis and Lloyd 1976).

    Examples
    --------
    >>> round(expected_range(2), 6)
    1.0
    """
    i = np.arange(1, n, dtype=np.float64)
    scale = np.exp(special.gammaln((n - 1) / 2.0) - special.gammaln(n / 2.0)) / np.sqrt(np.pi)
    return float(scale * np.sqrt((n - i) / i).sum())


def block_lengths(n: int) -> NDArray[np.int64]:
    """Return the lengths of the blocks that n years are cut into, 5 at least.

    Examples
    --------
    >>> block_lengths(21).tolist()
    [5, 7, 10, 21]
    """
    return np.unique([n // parts for parts in (1, 2, 3, 4) if n // parts >= 5])


def detrended(y: Floats) -> Floats:
    """Return the residuals of every series (cells, years) from its straight line; 0 for a perfect line."""
    t = np.arange(y.shape[1], dtype=np.float64)
    t -= t.mean()
    centred = y - y.mean(axis=1, keepdims=True)
    residual = centred - (centred @ t / (t @ t))[:, None] * t
    perfect = np.abs(residual).max(axis=1) <= ROUNDING * np.abs(y).max(axis=1)
    return np.where(perfect[:, None], 0.0, residual)


def prepared(y: Floats, detrend: bool, series: Series) -> Floats:
    """Return the series as they are analysed: without their line, or as differences of neighbouring years."""
    y = detrended(y) if detrend else y
    return np.diff(y, axis=1) if series == "differences" else y


@cache
def null_values(
    n: int, method: Method, tau_min: int, corrected: bool, detrend: bool, series: Series, slope: float = 0.0
) -> Floats:
    """Return the sorted exponents of simulated white noise of n years, treated like the data.

    Parameters
    ----------
    n
        Years.
    method, tau_min, corrected, detrend, series
        As for the data.
    slope
        Of a straight line that the noise is laid on, in its standard deviations a year.
    """
    noise = np.random.default_rng([NULL_SEED, n]).normal(size=(NULL_DRAWS, n))
    return np.sort(hurst(prepared(noise + slope * np.arange(n), detrend, series), method, tau_min, corrected))


def p_under_noise(h: Floats, null: Floats) -> Floats:
    """Return the two-sided p of exponents among those of white noise; NaN stays NaN."""
    below = np.searchsorted(null, h, side="right")
    above = len(null) - np.searchsorted(null, h, side="left")
    p = np.minimum(1.0, 2.0 * (np.minimum(below, above) + 1.0) / (len(null) + 1.0))
    return np.where(np.isfinite(h), p, np.nan)


def _scaled(y: Floats) -> Floats:
    """Return deviations from the mean over the largest of them, (years, cells); NaN for a constant series."""
    turned = np.array(y.T, dtype=np.float64, order="C")
    mean = np.add.reduce(turned, axis=0) / len(turned)
    turned -= mean
    size = np.maximum(turned.max(axis=0), -turned.min(axis=0))
    # The largest value lies no farther from 0 than this.
    constant = size <= ROUNDING * (np.abs(mean) + size)
    turned /= np.where(constant, np.nan, size)
    return turned


def _prefixes(y: Floats, tau_min: int, rooms: Floats) -> Floats:
    """Return R / S of the first tau values of y (years, cells) for every tau from `tau_min`, (lengths, cells).

    It lies in one of the six rooms of y's shape.
    """
    tau = np.arange(1.0, len(y) + 1.0)[:, None]
    total, mean, square, highest, lowest, room = rooms
    np.divide(_running_sum(y, total), tau, out=mean)
    # The sum of squares about the mean, updated value by value (Welford 1962): no difference of large numbers.
    square[0] = 0.0
    np.subtract(y[1:], mean[:-1], out=square[1:])
    np.subtract(y[1:], mean[1:], out=room[1:])
    square[1:] *= room[1:]
    _running_sum(square, square)
    # Every path begins at 0 and ends there.
    np.subtract(total[0], mean, out=room)
    np.maximum(room, 0.0, out=highest)
    np.minimum(room, 0.0, out=lowest)
    for k in range(2, len(y)):
        # The paths of all longer prefixes after k years at once.
        ends = slice(max(k, tau_min - 1), None)
        path, high, low = room[ends], highest[ends], lowest[ends]
        np.multiply(mean[ends], k, out=path)
        np.subtract(total[k - 1], path, out=path)
        np.maximum(high, path, out=high)
        np.minimum(low, path, out=low)
    np.maximum(square, 0.0, out=square)
    square /= tau
    np.sqrt(square, out=square)
    highest -= lowest
    return _ratio(highest[tau_min - 1 :], square[tau_min - 1 :])


def _running_sum(y: Floats, out: Floats) -> Floats:
    """Fill `out` with the sums over the years so far: row by row, many times as fast as ``cumsum`` along columns."""
    out[0] = y[0]
    for row in range(1, len(y)):
        np.add(out[row - 1], y[row], out=out[row])
    return out


def _blocks(y: Floats, lengths: NDArray[np.int64]) -> Floats:
    """Return the mean R / S over the non-overlapping blocks of each length of y (years, cells), (lengths, cells)."""
    found = np.empty((len(lengths), y.shape[1]))
    for row, tau in enumerate(lengths):
        count = len(y) // tau
        parts = np.stack([_rescaled_range(y[start * tau : (start + 1) * tau]) for start in range(count)])
        # A constant block has no ratio and is passed over.
        there = np.isfinite(parts)
        n = there.sum(axis=0)
        found[row] = np.where(n > 0, np.where(there, parts, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)
    return found


def _rescaled_range(y: Floats) -> Floats:
    centred = y - y.mean(axis=0)
    path = _running_sum(centred, np.empty_like(centred))
    return _ratio(path.max(axis=0) - path.min(axis=0), np.sqrt((centred**2).mean(axis=0)))


def _ratio(reach: Floats, spread: Floats) -> Floats:
    """Return reach / spread, in the place of `reach`; NaN where there is no spread."""
    flat = ~(spread > ROUNDING)
    if flat.any():
        reach[flat], spread = np.nan, np.where(flat, 1.0, spread)
    return np.divide(reach, spread, out=reach)


def _slope(x: Floats, y: Floats) -> Floats:
    """Return the least-squares slope of y (lengths, cells) on x; stretches without a value are passed over."""
    there = np.isfinite(y)
    if there.all() and len(x) >= 3:
        dx = x - x.mean()
        return np.asarray(dx @ y / (dx @ dx))
    n = there.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        dx = np.where(there, x[:, None] - (there * x[:, None]).sum(axis=0) / n, 0.0)
        slope = (dx * np.where(there, y, 0.0)).sum(axis=0) / (dx**2).sum(axis=0)
    return np.where(n >= 3, slope, np.nan)
