"""What autocorrelation does to sums of squares between strata: the null distribution that the corrected P rests on.

A sum of squares between strata is a quadratic form y'Py. Where y is autocorrelated, with correlations R, and knows nothing
of the strata, its mean is s^2 tr(PR) in place of s^2 df, and its variance 2 s^4 tr(PRPR). As in Clifford, Richardson and
Hemon (1989, doi:10.2307/2532039) R is estimated from y itself, by rings of distance, and needs no model; for two strata the
effective number of observations here, 1 + df / E[q], is theirs. The share q is then referred to the beta distribution with
that mean and with (tr PR)^2 / tr(PRPR) degrees of freedom (Satterthwaite 1946, doi:10.2307/3002019), written as an F.

Both traces need only the sums of correlations among the strata, cells x cells: one FFT a cell on a lattice that is at most
``side`` cells across.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from carbondrivers.attribution.effective_size import Lags, lags, products
from carbondrivers.attribution.geodetector_moments import AnyCodes
from carbondrivers.attribution.inference import Floats, upper_f

FACTOR_SIDE, PAIR_SIDE = 128, 48
# Fewer degrees of freedom in the denominator than this, and the sample holds hardly one independent observation a stratum.
FEWEST_DF = 1.0


@dataclass(frozen=True, slots=True)
class Places:
    """Rows on the lattice of their distance classes.

    Attributes
    ----------
    at : Lags
        The classes.
    cell : int64, (n,)
        Occupied lattice cell of each row.
    occupied : int64, (m,)
        Flat position of each occupied cell.
    """

    at: Lags
    cell: NDArray[np.int64]
    occupied: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Correlations:
    """The correlations of one field: between lattice cells (a spectrum), and of a row with itself beyond those."""

    spectrum: Floats
    own: float


def places_of(xy: Floats, side: int, *, geographic: bool = False) -> Places:
    """Put rows on a lattice at most `side` cells across.

    Parameters
    ----------
    xy
        Coordinates, (n, 2), as for ``effective_size.lags``.
    side
        Most cells across.
    geographic
        Whether the coordinates are degrees.
    """
    at = lags(xy, geographic=geographic, side=side)
    occupied, cell = np.unique(at.cell[:, 0] * at.shape[1] + at.cell[:, 1], return_inverse=True)
    return Places(at, cell.reshape(-1).astype(np.int64), occupied)


def correlations(values: Floats, places: Places, *, to_zero: bool = False) -> Correlations:
    """Estimate the correlations of a field, (n,), by rings of distance; it must vary.

    Parameters
    ----------
    values
        The field.
    places
        Of the rows.
    to_zero
        Whether they end at the first ring that is not positive, as the variance of a mean needs: residuals sum to nought,
        so that all rings together would say that their mean is exact (initial positive sequence; Geyer 1992,
        doi:10.1214/ss/1177011137).
    """
    at = places.at
    ring = np.divide(products(values, at), at.pairs, out=np.zeros(len(at.pairs)), where=at.pairs > 0.0)
    if to_zero:
        ends = np.flatnonzero((at.pairs > 0.0) & (ring <= 0.0))
        ring[ends[0] if len(ends) else len(ring) :] = 0.0
    kernel = ring[at.ring].reshape(at.shape)
    return Correlations(fft.rfft2(kernel).real, 1.0 - float(ring[0]))


def sums_among(
    places: Places, fields: list[Correlations], codes: AnyCodes, cells: int, weights: Floats | None = None
) -> list[Floats]:
    """Return, for each field, the sums of w_i w_j R_ij over the rows i of one cell and j of another.

    Parameters
    ----------
    places
        Of the rows.
    fields
        Whose correlations are summed.
    codes
        Cell of each row, (n,), 0 to cells - 1.
    cells
        Number of cells.
    weights
        (n,); every row counts 1 where None.

    Returns
    -------
    list of numpy.ndarray
        (cells, cells), symmetric, one a field.
    """
    joint = places.cell * cells + codes
    table = np.bincount(joint, weights, minlength=len(places.occupied) * cells).reshape(-1, cells)
    own = np.bincount(codes, None if weights is None else weights**2, minlength=cells)
    shape = places.at.shape
    inner = (places.occupied // shape[1]).max() + 1, (places.occupied % shape[1]).max() + 1
    lattice = np.zeros((cells, *inner))
    lattice[:, places.occupied // shape[1], places.occupied % shape[1]] = table.T
    spectra = fft.rfft2(lattice, s=shape).reshape(cells, -1).view(np.float64)
    # The half of the spectrum that is not kept repeats the other, but for its first column (and the last of an even width).
    twice = np.full(shape[1] // 2 + 1, 2.0)
    twice[0] = 1.0
    twice[-1] = 1.0 if shape[1] % 2 == 0 else 2.0
    found = []
    for field in fields:
        share = np.repeat((field.spectrum * twice).ravel() / (shape[0] * shape[1]), 2)
        total = (spectra * share) @ spectra.T
        found.append((total + total.T) / 2.0 + np.diag(own * field.own))
    return found


def corrected_test(share: float, form: Floats, df: int, rest: float, unit: float = 1.0) -> dict[str, float]:
    """Test the share of a sum of squares that a quadratic form takes of an autocorrelated field.

    Parameters
    ----------
    share
        Observed share of the rest, 0 to 1.
    form
        P R P in an orthonormal basis of the form, (k, k).
    df
        Rank of the form: its trace where rows are independent, times `unit`.
    rest
        The trace of the whole that the share is of where rows are independent (N - 1 for a factor), times `unit`.
    unit
        Kish's weight factor, 1 where rows are not weighted.

    Returns
    -------
    dict
        n_eff, statistic_eff, df_eff, df_2_eff, p_eff; NaN where too little is left. Never more than `df` degrees of freedom,
        nor more effective observations than rows.

    Examples
    --------
    >>> found = corrected_test(0.2, np.eye(3), 3, 99.0)
    >>> found["n_eff"], found["df_eff"], found["df_2_eff"]
    (100.0, 3.0, 96.0)
    """
    trace, second = max(float(np.trace(form)), df * unit), float((form**2).sum())
    expected = trace / rest
    row = dict.fromkeys(("n_eff", "statistic_eff", "df_eff", "df_2_eff", "p_eff"), np.nan)
    if not (0.0 < expected < 1.0 and np.isfinite(share)):
        return row
    df_eff = min(trace**2 / second, float(df))
    df_2 = df_eff * (1.0 - expected) / expected
    row |= {"n_eff": 1.0 + df / expected, "df_eff": df_eff, "df_2_eff": df_2}
    if df_2 < FEWEST_DF or share >= 1.0:
        return row
    f = (share / df_eff) / ((1.0 - share) / df_2)
    return row | {"statistic_eff": f, "p_eff": float(upper_f(np.array([f]), df_eff, df_2)[0][0])}


def centred_form(among: Floats, weight: Floats) -> Floats:
    """Return P R P of the strata of one factor in the basis of its scaled indicators: (cells, cells).

    Parameters
    ----------
    among
        From ``sums_among``.
    weight
        Sum of weights of each cell, (cells,), above 0.
    """
    root = np.sqrt(weight)
    form = among / np.outer(root, root)
    unit = root / np.sqrt(weight.sum())
    half = form - np.outer(unit, unit @ form)
    return np.asarray(half - np.outer(half @ unit, unit))
