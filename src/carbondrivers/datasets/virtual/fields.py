"""Random fields with a known correlation range, made by FFT on a torus larger than the window that is kept.

A stationary field with correlation rho(h) is white noise filtered by the square root of the torus spectrum of rho
(circulant embedding: Dietrich & Newsam 1997, doi:10.1137/S1064827592240555). The torus exceeds the window by twice the
range, so opposite edges of the window are not tied to each other.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from carbondrivers.errors import OptionError, choose

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Model = Literal["exponential", "gaussian", "matern"]

EXPONENT = 3.0
MATERN_EXPONENT = 4.7439
"""Roots of rho = 0.05: exp(-3) for the first two models, (1 + a) exp(-a) for Matern 3/2."""


def correlation(distance: FloatArray, correlation_range: float, model: Model = "matern") -> FloatArray:
    """Return the correlation at a distance; it falls to 0.05 at `correlation_range` (the practical range).

    Parameters
    ----------
    distance
        Lags, any shape, in the unit of `correlation_range`.
    correlation_range
        Practical range of the variogram.
    model
        ``"exponential"`` (rough), ``"matern"`` (Matern 3/2, once differentiable) or ``"gaussian"`` (very smooth).

    Returns
    -------
    numpy.ndarray
        Same shape as `distance`.

    Examples
    --------
    >>> float(correlation(np.array([25.0]), 25.0)[0].round(3))
    0.05
    """
    choose(model, get_args(Model), "model")
    lag = distance / correlation_range
    if model == "exponential":
        return np.asarray(np.exp(-EXPONENT * lag))
    if model == "gaussian":
        return np.asarray(np.exp(-EXPONENT * lag**2))
    scaled = MATERN_EXPONENT * lag
    return np.asarray((1.0 + scaled) * np.exp(-scaled))


def gaussian_field(
    rng: np.random.Generator,
    shape: tuple[int, int],
    correlation_range: float,
    *,
    pixel: float = 1.0,
    model: Model = "matern",
) -> FloatArray:
    """Return one realisation of a stationary Gaussian field with mean 0 and variance 1.

    Parameters
    ----------
    rng
        Source of the noise.
    shape
        Rows and columns of the window.
    correlation_range
        Practical range (correlation 0.05), in the unit of `pixel`.
    pixel
        Edge of a pixel.
    model
        See ``correlation``.

    Returns
    -------
    numpy.ndarray
        Shape `shape`. Mean and variance are those of the population; a window of few ranges has its own.

    Raises
    ------
    OptionError
        If the range or the pixel is not positive.

    Examples
    --------
    >>> gaussian_field(np.random.default_rng(1), (30, 40), 8.0).shape
    (30, 40)
    """
    if not (correlation_range > 0 and pixel > 0):
        raise OptionError(f"correlation_range and pixel must be positive, got {correlation_range!r} and {pixel!r}")
    margin = int(np.ceil(2.0 * correlation_range / pixel))
    rows, columns = (int(next_fast_len(n + margin, real=True)) for n in shape)
    dy, dx = (np.minimum(np.arange(n), n - np.arange(n)) * pixel for n in (rows, columns))
    covariance = correlation(np.hypot(dy[:, None], dx[None, :]), correlation_range, model)
    # the torus spectrum of a valid correlation can dip below zero by rounding
    spectrum = np.maximum(np.real(rfft2(covariance)), 0.0)
    noise = rng.standard_normal((rows, columns))
    field = irfft2(rfft2(noise) * np.sqrt(spectrum), s=(rows, columns))
    return np.ascontiguousarray(field[: shape[0], : shape[1]])


def fractal_field(
    rng: np.random.Generator, shape: tuple[int, int], correlation_range: float, *, pixel: float = 1.0, octaves: int = 4
) -> FloatArray:
    """Return a sum of Gaussian fields, each with half the range and half the amplitude of the one before.

    Parameters
    ----------
    rng, shape, pixel
        As in ``gaussian_field``.
    correlation_range
        Range of the first octave.
    octaves
        Number of fields.

    Returns
    -------
    numpy.ndarray
        Shape `shape`; the first octave has variance 1.
    """
    total = np.zeros(shape)
    for octave, child in enumerate(rng.spawn(octaves)):
        total += 0.5**octave * gaussian_field(child, shape, correlation_range / 2**octave, pixel=pixel)
    return total


def standardise(field: FloatArray, valid: BoolArray | None = None) -> FloatArray:
    """Return a field with mean 0 and standard deviation 1 (divisor n) over its valid pixels.

    Parameters
    ----------
    field
        Any shape.
    valid
        Where the moments are taken, same shape; everywhere if not given.

    Returns
    -------
    numpy.ndarray
        Same shape as `field`.

    Examples
    --------
    >>> standardise(np.array([1.0, 3.0])).tolist()
    [-1.0, 1.0]
    """
    values = field if valid is None else field[valid]
    return np.asarray((field - values.mean()) / values.std())


def autoregressive(rng: np.random.Generator, n: int, rho: float) -> FloatArray:
    """Return a stationary first-order autoregressive series with mean 0 and variance 1, shape (n,).

    Parameters
    ----------
    rng
        Source of the noise.
    n
        Length.
    rho
        Correlation of neighbours in time, inside (-1, 1).
    """
    series = rng.standard_normal(n)
    for t in range(1, n):
        series[t] = rho * series[t - 1] + np.sqrt(1.0 - rho**2) * series[t]
    return series
