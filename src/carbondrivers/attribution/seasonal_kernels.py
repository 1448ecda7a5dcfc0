"""Seasonal kernels: sums over a block of cells, the mean of dependent years, the mean direction of a circle. Pure arrays.

Shapes are written with F fluxes, Y years, P cells and Z zones; months are twelve. NaN is a gap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from carbondrivers.attribution.inference import Floats

BLOCK = 4096
FEWEST_FOR_LAG = 8
"""Below so many years a lag-1 correlation says nothing, and years are taken as independent."""


class Sums(NamedTuple):
    """Area-weighted sums over the cells of each zone that have a whole cycle; those of two blocks add up.

    ``mean`` and ``positive`` (F, 12, Z) sum the cells' climatologies and the area where they are above zero, ``anomaly``
    (F, Y, 12, Z) what single years differ from them, ``present`` (Y, 12, Z) the area with a value in that month,
    ``cosine``, ``sine`` and ``peaked`` (F, Z) the directions of the cells' months of maximum and their area, ``area`` and
    ``cells`` (Z,) all cells.
    """

    mean: Floats
    positive: Floats
    anomaly: Floats
    present: Floats
    cosine: Floats
    sine: Floats
    peaked: Floats
    area: Floats
    cells: Floats


class Cells(NamedTuple):
    """What is kept of each cell, of the first flux.

    (12, P): climatology, and years behind it. (P,): mean of whole years, their number, and months that have the first flux
    and lack another.
    """

    climatology: Floats
    n_valid: NDArray[np.int16]
    annual: Floats
    n_years: NDArray[np.int16]
    lacking: NDArray[np.int16]


class DependentMean(NamedTuple):
    """Spread and interval of a mean over years that may depend on one another, each of shape (series, months)."""

    n: Floats
    n_eff: Floats
    sd: Floats
    std_error: Floats
    reach: Floats


def seasonal_block(
    values: list[Floats], slots: list[np.ndarray], years: int, weight: Floats, needed: int
) -> tuple[Cells, Sums]:
    """Return what is kept of the cells of a block, and its sums.

    Parameters
    ----------
    values
        F arrays (months in the data, P).
    slots
        Place of each month of an array, 12 x year + month, both from 0.
    years
        Y.
    weight
        Area of a cell in the zones that hold it, else 0, shape (P, Z).
    needed
        Fewest years of a month of a cell.
    """
    parts = [
        _small_block([v[:, start : start + BLOCK] for v in values], slots, years, weight[start : start + BLOCK], needed)
        for start in range(0, weight.shape[0], BLOCK)
    ]
    cells = Cells(*(np.concatenate(found, axis=-1) for found in zip(*(part[0] for part in parts), strict=True)))
    return cells, total([part[1] for part in parts])


def total(parts: list[Sums]) -> Sums:
    """Return the sum of sums, in their order."""
    return Sums(*(sum(found[1:], start=found[0]) for found in zip(*parts, strict=True)))


def _small_block(values: list[Floats], slots: list[np.ndarray], years: int, weight: Floats, needed: int) -> tuple[Cells, Sums]:
    flux = np.full((len(values), years * 12, weight.shape[0]), np.nan)
    for index, (given, slot) in enumerate(zip(values, slots, strict=True)):
        flux[index, slot] = given
    return _of_whole_years(flux.reshape(len(values), years, 12, -1), weight, needed)


def _of_whole_years(flux: Floats, weight: Floats, needed: int) -> tuple[Cells, Sums]:
    """Work on fluxes of shape (F, Y, 12, P), whose gaps become 0."""
    missing = np.isnan(flux)
    valid: NDArray[np.bool_] = np.asarray(~missing.any(axis=0))
    count = valid.sum(axis=0)
    flux[:, ~valid] = 0.0
    mean = flux.sum(axis=1) / np.maximum(count, 1)
    mean[:, count < needed] = np.nan
    whole = valid.all(axis=1)
    annual = (flux[0].sum(axis=1) * whole).sum(axis=0)
    n_years = whole.sum(axis=0)
    annual = np.divide(annual, n_years, out=np.full(annual.shape, np.nan), where=n_years > 0)
    lacking = (~missing[0] & ~valid).sum(axis=(0, 1))
    cells = Cells(mean[0], count.astype(np.int16), annual, n_years.astype(np.int16), lacking.astype(np.int16))
    return cells, _sums(flux, valid, mean, weight)


def _sums(flux: Floats, valid: NDArray[np.bool_], mean: Floats, weight: Floats) -> Sums:
    complete: NDArray[np.bool_] = np.asarray(np.isfinite(mean).all(axis=(0, 1)))
    weight = weight * complete[:, None]
    mean = np.where(complete, mean, 0.0)
    angle = angle_of(peak_month(mean))
    peaked = np.isfinite(angle)
    return Sums(
        mean=mean @ weight,
        positive=(mean > 0).astype(np.float64) @ weight,
        anomaly=np.where(valid, flux - mean[:, None], 0.0) @ weight,
        present=valid.astype(np.float64) @ weight,
        cosine=np.where(peaked, np.cos(angle), 0.0) @ weight,
        sine=np.where(peaked, np.sin(angle), 0.0) @ weight,
        peaked=peaked.astype(np.float64) @ weight,
        area=weight.sum(axis=0),
        cells=(weight > 0).sum(axis=0).astype(np.float64),
    )


def peak_month(cycle: Floats) -> Floats:
    """Return the month (1 to 12) of the maximum of cycles (..., 12, P), the first of equals; NaN where there is none.

    A cycle that lacks a month, or that is the same all year, has no month of maximum.

    Examples
    --------
    >>> peak_month(np.array([[0.0, 5.0]] * 6 + [[9.0, 5.0]] + [[0.0, 5.0]] * 5))
    array([ 7., nan])
    """
    filled = np.nan_to_num(cycle)
    flat = np.ptp(filled, axis=-2) <= 1e-12 * np.abs(filled).max(axis=-2)
    return np.where(flat | np.isnan(cycle).any(axis=-2), np.nan, filled.argmax(axis=-2) + 1.0)


def angle_of(month: Floats) -> Floats:
    """Return months, 1 to 12, as angles of a year of twelve equal steps."""
    return np.asarray(month * (np.pi / 6), dtype=np.float64)


def mean_direction(cosine: Floats, sine: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Return the circular mean month, above 0.5 and up to 12.5, and the resultant length, 0 (any month) to 1 (one month).

    Parameters
    ----------
    cosine, sine
        Weighted sums over cells.
    size
        Sum of the weights; NaN comes back where it is 0.

    Examples
    --------
    >>> month, length = mean_direction(np.array([1.0]), np.array([0.0]), np.array([1.0]))
    >>> float(month[0]), float(length[0])
    (12.0, 1.0)
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.minimum(np.hypot(cosine, sine) / size, 1.0)
    month = np.mod(np.arctan2(sine, cosine) * (6 / np.pi) - 0.5, 12.0) + 0.5
    # Directions that cancel out have a length of rounding errors, and no mean.
    return np.where(length > 1e-9, month, np.nan), length


def dependent_mean(values: Floats) -> DependentMean:
    """Return spread, effective number of years and 95 % interval of means over years.

    The years of a series are taken as an autoregressive process of order one. Its lag-1 correlation is the mean over the
    months of the series, with the bias of short series taken off (Marriott and Pope 1954), and a negative one counts as
    none. The effective number of years n' follows from it (Zwiers and von Storch 1995); with SS the sum of squares about
    the mean, the squared standard error is SS / (n (n' - 1)), and the interval takes t with n' - 1 degrees of freedom.

    Parameters
    ----------
    values
        Shape (series, months, years); years in order, NaN for a gap. With fewer than ``FEWEST_FOR_LAG`` years n' is n.
    """
    valid = np.isfinite(values)
    n = valid.sum(axis=-1).astype(np.float64)
    filled = np.where(valid, values, 0.0)
    mean = filled.sum(axis=-1) / np.maximum(n, 1)
    off = np.where(valid, values - mean[..., None], 0.0)
    scale = np.abs(filled).max(axis=(-1, -2), keepdims=True)
    off = np.where(np.abs(off) <= 1e-12 * scale, 0.0, off)
    squares = (off**2).sum(axis=-1)
    n_eff = _effective(_lag_one(off, valid, squares, n), n)
    with np.errstate(divide="ignore", invalid="ignore"):
        enough = n > 1
        sd = np.where(enough, np.sqrt(squares / (n - 1)), np.nan)
        std_error = np.where(enough, np.sqrt(squares / (n * (n_eff - 1))), np.nan)
        reach = std_error * stats.t.ppf(0.975, np.where(enough, n_eff - 1, 1.0))
    return DependentMean(n, np.where(enough, n_eff, np.nan), sd, std_error, reach)


def _lag_one(off: Floats, valid: NDArray[np.bool_], squares: Floats, n: Floats) -> Floats:
    """Return the lag-1 correlation of each series, shape (series, 1), at least 0."""
    pairs = (valid[..., 1:] & valid[..., :-1]).sum(axis=-1)
    used = (n >= FEWEST_FOR_LAG) & (squares > 0) & (pairs > 0)
    products = (off[..., 1:] * off[..., :-1]).sum(axis=-1)
    r = np.divide(products * (n - 1), squares * pairs, out=np.zeros(n.shape), where=used)
    unbiased = np.divide(n * r + 1, n - 4, out=np.zeros(n.shape), where=used)
    mean = unbiased.sum(axis=-1, keepdims=True) / np.maximum(used.sum(axis=-1, keepdims=True), 1)
    return np.asarray(np.clip(mean, 0.0, 0.99))


def _effective(rho: Floats, n: Floats) -> Floats:
    """Return n / (1 + 2 sum of (1 - k/n) rho^k over the lags k), at least 2."""
    count = np.maximum(n, 1)
    inflation = (1 + rho) / (1 - rho) - 2 * rho * (1 - rho**count) / (count * (1 - rho) ** 2)
    return np.where(n < FEWEST_FOR_LAG, n, np.clip(n / inflation, 2.0, count))
