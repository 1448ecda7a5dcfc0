"""Two factors of the same rows: the non-additive part of their crossing, and whether they explain equally much.

Non-additive part: what the additive fit of both factors leaves of the crossing, by F; with autocorrelated rows by
``geodetector_spatial``.
Ecological detector: T = SSB1 - SSB2, two-sided, the same for either order. With errors of one variance T is a difference of
noncentral chi-squares, whose weights are the eigenvalues of P1 - P2 (P: the projection on a factor's strata). Its noncentral
part is what the factors explain; where they explain equally much it is the same on either side, and is estimated from both.
Neither a test that takes T as normal nor one that takes it as central holds its size where little is explained (Vuong 1989,
doi:10.2307/1912557). With m1, m2 the two means of a row, T is the sum of d = (y - m2)^2 - (y - m1)^2, and the spread of d
over rows tells what unequal variances and their crossing add. Tails by inversion of the characteristic function (Imhof 1961,
doi:10.1093/biomet/48.3-4.419), with the errors' variance as one more chi-square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from carbondrivers.attribution.geodetector_moments import Moments
from carbondrivers.attribution.inference import Floats

# Of chance in the estimate of what equal factors explain: a constant, and by its standard error. Found by simulation; with
# them the test of 2 to 21 strata rejects 3 to 7 % where factors explain something, and 1 to 4 % where neither does.
SHIFT = 1.3, 0.3
# Smaller eigenvalues than these shares, of the strata's correlations and of T, are rounding.
SINGULAR, NOUGHT = 1e-12, 1e-9
# Points of the inversion in standard deviations, and how far it reaches.
STEP, POINTS, COARSE, FAR = 0.03, 2000, 50, 40.0
# Tails that the inversion resolves.
RESOLVED = 1e-10


@dataclass(frozen=True, slots=True)
class Additive:
    """The additive fit of two factors to their crossing.

    Attributes
    ----------
    used : int64, (cells,)
        The crossed strata that have a member, row-major.
    basis : float64, (cells, rank)
        Orthonormal basis of the additive fits, on the scale of sqrt(weight) x mean.
    fitted : float64, (strata of one, strata of the other)
        Additive means; the overall mean in empty cells.
    left : float64
        Sum of squares between the crossed strata that the fit leaves.
    """

    used: np.ndarray
    basis: Floats
    fitted: Floats
    left: float

    @property
    def rank(self) -> int:
        """Rank of the additive fit."""
        return int(self.basis.shape[1])

    @property
    def df(self) -> int:
        """Degrees of freedom of the non-additive part."""
        return len(self.used) - self.rank


def additive(table: Moments) -> Additive:
    """Fit two factors additively to the means of their crossing.

    Parameters
    ----------
    table
        Moments of shape (strata of one, strata of the other).

    Examples
    --------
    >>> from carbondrivers.attribution.geodetector_moments import pair_moments
    >>> a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> fit = additive(pair_moments(np.array([0.0, 1, 2, 3]), {"a": a, "b": b}, {"a": 2, "b": 2})["a", "b"])
    >>> fit.rank, fit.df, abs(round(fit.left, 9))
    (3, 1, 0.0)
    """
    used = np.flatnonzero(table.count)
    rows, columns = np.divmod(used, table.count.shape[1])
    weight = np.sqrt(table.weight.ravel()[used])
    design = np.hstack([rows[:, None] == np.unique(rows), columns[:, None] == np.unique(columns)[1:]])
    u, size, _ = np.linalg.svd(design * weight[:, None], full_matrices=False)
    basis = u[:, size > 1e-10 * size[0]]
    centre = table.centre
    means = table.mean.ravel()[used] - centre
    fitted = basis @ (basis.T @ (weight * means))
    filled = np.full(table.count.size, centre)
    filled[used] = centre + fitted / weight
    return Additive(used, basis, filled.reshape(table.count.shape), float(((weight * means - fitted) ** 2).sum()))


def non_additive_form(fit: Additive, among: Floats, weight: Floats) -> Floats:
    """Return P R P of the non-additive part, in the basis of the crossed strata that have a member.

    Parameters
    ----------
    fit
        Of the pair.
    among
        Sums of correlations among all cells, row-major (``geodetector_spatial.sums_among``).
    weight
        Sum of weights of each cell, same order.
    """
    root = np.sqrt(weight[fit.used])
    form = among[np.ix_(fit.used, fit.used)] / np.outer(root, root)
    half = form - fit.basis @ (fit.basis.T @ form)
    return np.asarray(half - (half @ fit.basis) @ fit.basis.T)


def additive_form(fit: Additive, among: Floats, weight: Floats) -> Floats:
    """Return P R P of the additive fit, in its basis; its trace is the rank where rows are independent."""
    root = np.sqrt(weight[fit.used])
    form = among[np.ix_(fit.used, fit.used)] / np.outer(root, root)
    return np.asarray(fit.basis.T @ form @ fit.basis)


def difference_squares(table: Moments) -> float:
    """Return the sum of the squared deviations of d over rows, where T = SSB1 - SSB2 is the sum of d."""
    one, two = table.margin(1).mean[:, None], table.margin(0).mean[None, :]
    apart, mean = one - two, table.mean - (one + two) / 2.0
    total = float((table.weight * 2.0 * apart * mean).sum())
    squares = float((4.0 * apart**2 * (table.square + table.weight * mean**2)).sum())
    return squares - total**2 / float(table.weight.sum())


def ecological_test(
    table: Moments, fit: Additive, own: Floats, among: Floats | None = None, squares: float = 0.0
) -> dict[str, float]:
    """Test whether two factors explain equally much of the same rows.

    Parameters
    ----------
    table
        Moments of shape (strata of one, strata of the other).
    fit
        Their additive fit.
    own
        Sum of squared weights of each cell (the count where rows are not weighted), (cells,), row-major.
    among
        Sums of correlations among the cells, (cells, cells), where rows are not independent.
    squares
        Sum of the squared correlations over pairs of rows.

    Returns
    -------
    dict
        estimate (share of the whole that the first explains more, corrected for chance), std_error, statistic, p; NaN where
        nothing is left to test with.
    """
    alone = np.diag(own)
    correlated = alone if among is None else among
    whole, left = table.within + table.between, fit.left + table.within
    taken = additive_form(fit, correlated, table.weight.ravel())
    spare = float(table.weight.sum() - np.trace(taken))
    rest = float(own.sum()) + squares - float((taken**2).sum())
    none = dict.fromkeys(("estimate", "std_error", "statistic", "p"), np.nan)
    if spare <= 0.0 or rest <= 0.0 or left <= 1e-12 * whole:
        return none
    variance = left / spare
    (signed, means), independent = _sides(table), _gram(table, alone)
    values, along = _parts(signed, _gram(table, correlated), means, variance, float(np.diag(independent).max()))
    plain = 4.0 * variance * float(means @ independent @ means)
    uneven = difference_squares(table) / plain if plain > 0.0 else 1.0
    linear = max(uneven * 4.0 * float((along**2).sum()) - 4.0 * float((values**2).sum()), 0.0)
    found = float(table.margin(1).between - table.margin(0).between - values.sum())
    spread = np.sqrt(2.0 * float((values**2).sum()) + linear)
    if not spread > 0.0:
        return none
    shared, slopes = equal_shares(values, along)
    p = two_sided_tail(found, values, uneven * shared, slopes, spare**2 / rest)
    return {"estimate": found / whole, "std_error": spread / whole, "statistic": found / spread, "p": p}


def _sides(table: Moments) -> tuple[Floats, Floats]:
    """Return the sign of every stratum of both factors, and its scaled mean with that sign: T is their product's sum."""
    one, two = table.margin(1), table.margin(0)
    signed = np.repeat([1.0, -1.0], table.count.shape)
    root = np.sqrt(np.concatenate([one.weight, two.weight]))
    return signed, np.asarray(signed * root * (np.concatenate([one.mean, two.mean]) - table.centre))


def _gram(table: Moments, among: Floats) -> Floats:
    """Return the sums of correlations among the strata of both factors, scaled as their means."""
    n_one, n_two = table.count.shape
    pick = np.hstack([np.kron(np.eye(n_one), np.ones((n_two, 1))), np.kron(np.ones((n_one, 1)), np.eye(n_two))])
    root = np.sqrt(np.concatenate([table.weight.sum(axis=1), table.weight.sum(axis=0)]))
    return np.asarray(pick.T @ among @ pick / np.outer(root, root))


def _parts(signed: Floats, gram: Floats, means: Floats, variance: float, unit: float) -> tuple[Floats, Floats]:
    """Return the weights w of T = sum w_i (z_i + d_i)^2, and w_i (z_i + d_i) as observed; without those that are nought.

    `unit` is what a stratum of independent rows has on the diagonal of `gram`.
    """
    size, axes = np.linalg.eigh((gram + gram.T) / 2.0)
    most = max(float(size.max()), unit)
    # The root of rounding would not be small: two factors of the same strata would differ by it.
    size = np.where(size > SINGULAR * most, size, 0.0)
    half = (axes * np.sqrt(size)) @ axes.T
    values, turned = np.linalg.eigh(variance * (half * signed) @ half)
    along = np.sqrt(variance) * (turned.T @ (half @ means))
    used = np.abs(values) > NOUGHT * variance * most
    return np.asarray(values[used], dtype=np.float64), np.asarray(along[used], dtype=np.float64)


def equal_shares(values: Floats, along: Floats) -> tuple[float, Floats]:
    """Return what both factors explain where they explain equally much, and the weight of either's noncentral chi-square.

    Either side of T, its positive and its negative weights, estimates it; the estimates are weighted by their precision, in two
    steps. SHIFT is taken off: with chance left in the estimate the test rejects too seldom where little is explained.

    Parameters
    ----------
    values
        Weights w of T, (k,), not nought.
    along
        w_i (z_i + d_i), (k,), where z is standard normal.

    Examples
    --------
    >>> equal_shares(np.array([1.0, -1.0]), np.array([1.1, 0.2]))[0]
    0.0
    >>> shared, slopes = equal_shares(np.array([1.0, -1.0]), np.array([10.0, -10.0]))
    >>> round(shared, 6), slopes.tolist()
    (97.4, [1.0, -1.0])
    """
    sides = [values > 0.0, values < 0.0]
    if not all(side.any() for side in sides):
        return 0.0, np.zeros(0)
    size = np.abs(values)
    sums, noise = (np.array([float((size[side] ** power).sum()) for side in sides]) for power in (1, 2))
    seen, steep = (np.array([float((along[side] ** 2 / size[side] ** power).sum()) for side in sides]) for power in (1, 0))
    slopes = np.divide(steep, seen, out=noise / sums, where=seen > 0.0)
    both = 0.0
    for _ in range(2):
        precision = 1.0 / (2.0 * noise + 4.0 * slopes * both)
        both = max(float((seen - sums) @ precision / precision.sum()), 0.0)
    shift = _shift(sums**2 / noise) * float(noise.sum() / sums.sum())
    return max(both - shift, 0.0), slopes * np.array([1.0, -1.0])


def _shift(df: Floats) -> float:
    """Return SHIFT in chi-squares of weight one, for sides of these degrees of freedom: less where they are uneven."""
    error = float(np.sqrt(2.0 / (1.0 / df).sum()))
    return (SHIFT[0] + SHIFT[1] * error) * (1.0 - (1.0 - float(df.min() / df.max())) ** 4)


def two_sided_tail(
    value: float, weights: Floats, shared: float = 0.0, slopes: Floats | None = None, df: float = np.inf
) -> float:
    """Return the two-sided P of sum w_i (chi2_i - 1), by its characteristic function.

    Parameters
    ----------
    value
        Observed.
    weights
        (k,), of either sign.
    shared, slopes
        Each slope s adds to one chi2 of weight s the noncentrality shared / abs(s), less its mean.
    df
        Degrees of freedom of the variance that the weights were scaled with.

    Examples
    --------
    >>> round(two_sided_tail(1.959964, np.array([1e-9]), 1e6, np.array([2.5e-7])), 4)
    0.05
    """
    steep = np.zeros(0) if slopes is None else slopes
    whole = value + float(weights.sum())
    scale = float(np.sqrt(2.0 * (weights**2).sum() + 4.0 * shared * np.abs(steep).sum() + 2.0 * whole**2 / df))
    floor = float(stats.norm.sf(abs(value) / scale))
    if abs(value) > FAR * scale:
        return 2.0 * floor
    w, b, s, whole = weights[weights != 0.0] / scale, shared / scale, steep / scale, whole / scale
    u = np.asarray((np.arange(POINTS) + 0.5) * STEP, dtype=np.float64)
    # Its size only falls: what follows the first point of no size adds nothing.
    coarse = _characteristic(u[::COARSE], w, b, s, whole, df)[0]
    u = u[: COARSE * (int((coarse > 1e-11).sum()) + 1)]
    size, angle = _characteristic(u, w, b, s, whole, df)
    above = 0.5 + float((size * np.sin(angle) / u).sum()) * STEP / np.pi
    tail = min(above, 1.0 - above)
    # What the inversion does not resolve is told by the normal tail: nought to every printed digit, and in order.
    return float(min(2.0 * (tail if tail > RESOLVED else min(floor, RESOLVED)), 1.0))


def _characteristic(u: Floats, w: Floats, shared: float, slopes: Floats, whole: float, df: float) -> tuple[Floats, Floats]:
    """Return size and angle of the characteristic function of T less `whole` times its variance's chi2 / df."""
    turned, leaned = 2.0 * np.outer(u, w), (2.0 * np.outer(u, slopes)) ** 2
    beyond = leaned / (1.0 + leaned)
    bent = np.log1p(turned**2).sum(axis=1) + 2.0 * shared * (beyond / np.abs(slopes)).sum(axis=1)
    angle = 0.5 * np.arctan(turned).sum(axis=1) - shared * u * (beyond @ np.sign(slopes))
    if not np.isfinite(df):
        return np.exp(-0.25 * bent), angle - u * whole
    swung = 2.0 * u * whole / df
    return np.exp(-0.25 * (bent + df * np.log1p(swung**2))), angle - 0.5 * df * np.arctan(swung)
