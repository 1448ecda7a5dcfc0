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

from carbondrivers.attribution.correlation_model import fitted, kernel, ring_distances
from carbondrivers.attribution.effective_size import FieldSums, Lags, lags, products
from carbondrivers.attribution.geodetector_moments import AnyCodes, Moments
from carbondrivers.attribution.geodetector_tests import noncentral_interval
from carbondrivers.attribution.inference import Floats, upper_f

FACTOR_SIDE, PAIR_SIDE = 128, 48
# Fewer degrees of freedom in the denominator than this, and the sample holds hardly one independent observation a stratum.
FEWEST_DF = 1.0
# Found by simulation: without it intervals of the share held 91 to 96 %, with it 93 to 97 % of fields of 20 to 280 pieces.
UNSURE = 8.0


@dataclass(frozen=True, slots=True)
class Places:
    """Rows, or pieces of a grid, on the lattice of their distance classes.

    Attributes
    ----------
    at : Lags
        The classes.
    cell : int64, (n,)
        Occupied lattice cell of each row or piece.
    occupied : int64, (m,)
        Flat position of each occupied cell.
    """

    at: Lags
    cell: NDArray[np.int64]
    occupied: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Correlations:
    """The correlations of one field: between lattice cells (a spectrum), and of a row with itself beyond those.

    Attributes
    ----------
    spectrum : numpy.ndarray
        Of the correlations of different rows, over the padded lattice.
    own : float
        One less the correlation of different rows in one place.
    squares : float
        Sum of the squared correlations over all ordered pairs of different rows.
    near : float
        Sum of the correlations of near rows that are taken out of the lattice (``geodetector_near``).
    """

    spectrum: Floats
    own: float
    squares: float
    near: float = 0.0


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


def correlations(values: Floats | FieldSums, places: Places) -> Correlations:
    """Estimate the correlations of a field, (n,), or of its sums, by rings of distance; it must vary.

    They need no model, and sums of many of them are unbiased: what the null distribution of a share needs.
    """
    at = places.at
    ring = np.divide(products(values, at), at.pairs, out=np.zeros(len(at.pairs)), where=at.pairs > 0.0)
    return Correlations(fft.rfft2(ring[at.ring].reshape(at.shape)).real, 1.0 - float(ring[0]), float(at.pairs @ ring**2))


def fitted_correlations(values: Floats | FieldSums, places: Places) -> Correlations:
    """Estimate the correlations of the errors from residuals, (n,), or their sums; they must vary: see ``correlation_model``.

    Residuals sum to nought, so that their rings all together would say that their mean is exact; and fields can only be
    drawn with correlations that no field contradicts.
    """
    at = places.at
    model = fitted(values, at)
    squares = float(at.pairs @ model.at(ring_distances(at)) ** 2)
    return Correlations(fft.rfft2(kernel(model, at)).real, model.own, squares)


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
    table = np.bincount(joint, weights, minlength=len(places.occupied) * cells).reshape(-1, cells).astype(np.float64)
    own = np.bincount(codes, None if weights is None else weights**2, minlength=cells)
    return sums_of_table(places, fields, table, own.astype(np.float64))


def sums_of_table(places: Places, fields: list[Correlations], table: Floats, own: Floats) -> list[Floats]:
    """Return what ``sums_among`` does, from sums over the rows.

    Parameters
    ----------
    places
        Of the rows.
    fields
        Whose correlations are summed.
    table
        Sums of weights by occupied lattice cell and cell, (m, cells).
    own
        Sums of squared weights of each cell, (cells,).
    """
    shape, cells = places.at.shape, table.shape[1]
    inner = (places.occupied // shape[1]).max() + 1, (places.occupied % shape[1]).max() + 1
    lattice = np.zeros((cells, *inner))
    lattice[:, places.occupied // shape[1], places.occupied % shape[1]] = table.T
    spectra = fft.rfft2(lattice, s=shape).reshape(cells, -1).view(np.float64)
    twice, found = _counted(shape), []
    for field in fields:
        share = np.repeat((field.spectrum * twice).ravel() / (shape[0] * shape[1]), 2)
        total = (spectra * share) @ spectra.T
        found.append((total + total.T) / 2.0 + np.diag(own * field.own))
    return found


def _counted(shape: tuple[int, int]) -> Floats:
    """Return how often each column of the half spectrum counts: its other half repeats all but the first (and an even last)."""
    twice = np.full(shape[1] // 2 + 1, 2.0)
    twice[0] = 1.0
    twice[-1] = 1.0 if shape[1] % 2 == 0 else 2.0
    return twice


@dataclass(frozen=True, slots=True)
class Blocks:
    """The power spectra of all rows together and of blocks of them, summed: what variances of sums over them need.

    Attributes
    ----------
    whole, parts : numpy.ndarray
        Over the half spectrum of the padded lattice.
    own : float
        Sum of the squared weights.
    count : int
        Number of blocks.
    """

    whole: Floats
    parts: Floats
    own: float
    count: int

    @classmethod
    def of(cls, places: Places, codes: AnyCodes, weights: Floats | None = None, own: float | None = None) -> Blocks:
        """Return those of rows in the blocks of `codes`, (n,), 0 to count - 1; of pieces of a grid with their `own`."""
        shape, flat, count = places.at.shape, places.occupied[places.cell], int(codes.max()) + 1
        weight = np.ones(len(flat)) if weights is None else weights
        parts = np.zeros((shape[0], shape[1] // 2 + 1))
        order = np.argsort(codes, kind="stable")
        for rows in np.split(order, np.cumsum(np.bincount(codes, minlength=count))[:-1]):
            if (flat[rows] == flat[rows[0]]).all():
                # One place: the same power at every frequency.
                parts += weight[rows].sum() ** 2
                continue
            spectrum = fft.rfft2(np.bincount(flat[rows], weight[rows], minlength=shape[0] * shape[1]).reshape(shape))
            parts += spectrum.real**2 + spectrum.imag**2
        whole = fft.rfft2(np.bincount(flat, weight, minlength=shape[0] * shape[1]).reshape(shape))
        counted = _counted(shape) / (shape[0] * shape[1])
        own = float((weight**2).sum()) if own is None else own
        return cls((whole.real**2 + whole.imag**2) * counted, parts * counted, own, count)

    def spread(self, field: Correlations) -> float:
        """Return by how much the standard error of a sum over a field exceeds that of a sum over independent blocks.

        1 or more: resampled blocks know what rows of one block share, and nothing of what neighbouring blocks do.
        """
        # Near rows are rows of one block.
        own = field.own * self.own + field.near
        whole, parts = (float((field.spectrum * power).sum()) + own for power in (self.whole, self.parts))
        return float(np.sqrt(max(whole / parts, 1.0))) if parts > 0.0 else 1.0


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


def pieces(moments: Moments, among: Floats, squares: float, kish: float) -> tuple[float, float]:
    """Return the mean of the sum of squares within strata in variances of the errors, and its degrees of freedom.

    Parameters
    ----------
    moments, among, squares, kish
        As for ``fixed_share``.

    Returns
    -------
    tuple of float
        N - tr(PR), and how many independent pieces of the region the variance within strata rests on; 0 where none is left.

    Examples
    --------
    >>> from carbondrivers.attribution.geodetector_moments import cell_moments
    >>> moments = cell_moments(np.arange(6.0), np.arange(6) % 2, 2)
    >>> pieces(moments, np.diag(moments.weight), 0.0, 1.0)
    (4.0, 4.0)
    """
    weight, total = moments.weight, float(moments.weight.sum())
    within = among / np.sqrt(np.outer(weight, weight))
    left, both = total - float(np.trace(within)), kish * total + squares - float((within**2).sum())
    return left, left**2 / both if left > 0.0 and both > 0.0 else 0.0


def fixed_share(moments: Moments, among: Floats, squares: float, kish: float, confidence: float) -> dict[str, float]:
    """Return the share of variance that strata of fixed means take beside autocorrelated errors, with its interval.

    With errors of correlations R the sum of squares between strata is s^2 tr(PR) more than what their means make, B, and its
    variance is 2 s^4 tr(PRPR) + 4 s^2 m'PRPm. A multiple of a noncentral chi-square of that mean and variance stands for it,
    one of the mean and variance of the sum within strata for s^2, and the interval of the noncentrality (Steiger 2004) gives
    that of B / (B + N s^2). Where rows are correlated the correlations are estimated from few pieces of the region, and the
    variance of the sum between strata counts for more by UNSURE over their number.

    Parameters
    ----------
    moments
        Of the strata.
    among
        From ``sums_among``, with the correlations of the errors: (cells, cells).
    squares
        Sum of their squares over pairs of rows.
    kish
        Mean of the squared weights, 1 where rows are not weighted.
    confidence
        Level of the interval.

    Returns
    -------
    dict
        epsilon2_eff, ci_eff_low, ci_eff_high; NaN where too little is left.

    Examples
    --------
    >>> from carbondrivers.attribution.geodetector_moments import cell_moments
    >>> rng, codes = np.random.default_rng(0), np.arange(300) % 3
    >>> moments = cell_moments(codes + rng.normal(size=300), codes, 3)
    >>> found = fixed_share(moments, np.diag(moments.weight), 0.0, 1.0, 0.95)
    >>> found["ci_eff_low"] < 0.4 < found["ci_eff_high"]
    True
    """
    row = dict.fromkeys(("epsilon2_eff", "ci_eff_low", "ci_eff_high"), np.nan)
    weight, total = moments.weight, float(moments.weight.sum())
    form = centred_form(among, weight)
    trace, second = float(np.trace(form)), float((form**2).sum())
    left, df = pieces(moments, among, squares, kish)
    # A form that is not positive: fewer independent observations than strata.
    if not (trace > 0.0 and left > 0.0 and df >= FEWEST_DF and moments.within > 0.0):
        return row
    error = moments.within / left
    means = weight * (moments.mean - float(weight @ moments.mean) / total)
    spread = float(means**2 @ (1.0 / weight))
    along = float((means / weight) @ among @ (means / weight)) / spread if spread > 0.0 else 0.0
    between = max(moments.between / error - trace, 0.0)
    unsure = UNSURE / df if squares > 0.0 else 0.0
    scale = (second + 2.0 * along * between) / (trace + 2.0 * between) * (1.0 + unsure)
    ends = noncentral_interval(moments.between / (trace * error), trace / scale, df, confidence)
    low, high = (scale * end / (scale * end + total) for end in ends)
    return {"epsilon2_eff": between / (between + total), "ci_eff_low": low, "ci_eff_high": high}
