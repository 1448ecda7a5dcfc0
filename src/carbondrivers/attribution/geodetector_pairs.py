"""Two factors of the same rows: the non-additive part of their crossing, and whether they explain equally much.

Non-additive part: what the additive fit of both factors leaves of the crossing, by F; with autocorrelated rows by
``geodetector_spatial``.
Ecological detector: T = SSB1 - SSB2, two-sided, the same for either order. With m1, m2 the two means of a row, T is the sum of
d = (y - m2)^2 - (y - m1)^2. Its variance, the sum of the squared deviations of d, holds while a factor explains something.
Where neither does, T is a difference of sums of chi-squares, whose weights are the eigenvalues of P1 - P2 (P: the projection
on a factor's strata), and its variance is half of that sum's mean. Therefore T is referred to that difference plus a normal
part with the variance that exceeds it; the normal part counts where both factors together are found to explain anything
(P < 0.05), as in the two steps of Vuong (1989, doi:10.2307/1912557). Tails by inversion of the characteristic function
(Imhof 1961, doi:10.1093/biomet/48.3-4.419).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from carbondrivers.attribution.geodetector_moments import Moments
from carbondrivers.attribution.geodetector_spatial import corrected_test
from carbondrivers.attribution.inference import Floats

ALPHA = 0.05


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


def additive_trace(fit: Additive, among: Floats, weight: Floats) -> float:
    """Return the trace of P R P of the additive fit; its rank where rows are independent."""
    root = np.sqrt(weight[fit.used])
    form = among[np.ix_(fit.used, fit.used)] / np.outer(root, root)
    return float((fit.basis * (form @ fit.basis)).sum())


def difference_squares(table: Moments) -> float:
    """Return the sum of the squared deviations of d over rows, where T = SSB1 - SSB2 is the sum of d."""
    one, two = table.margin(1).mean[:, None], table.margin(0).mean[None, :]
    apart, mean = one - two, table.mean - (one + two) / 2.0
    total = float((table.weight * 2.0 * apart * mean).sum())
    squares = float((4.0 * apart**2 * (table.square + table.weight * mean**2)).sum())
    return squares - total**2 / float(table.weight.sum())


def ecological_test(table: Moments, fit: Additive, among: Floats, ground: Floats | None = None) -> dict[str, float]:
    """Test whether two factors explain equally much of the same rows.

    Parameters
    ----------
    table
        Moments of shape (strata of one, strata of the other).
    fit
        Their additive fit.
    among
        Sums of correlations among the cells of the crossing, (cells, cells), row-major: diagonal with the counts (with
        weights their sums of squares) where rows are independent.
    ground
        The same for independent rows, where `among` is not.

    Returns
    -------
    dict
        estimate (share of the whole that the first explains more, corrected for chance), std_error, statistic, p; NaN where
        nothing is left to test with.
    """
    n_one, n_two = table.count.shape
    pick = np.hstack([np.kron(np.eye(n_one), np.ones((n_two, 1))), np.kron(np.ones((n_one, 1)), np.eye(n_two))])
    one, two = table.margin(1), table.margin(0)
    whole = fit.left + table.within + _explained(table, fit)
    left = fit.left + table.within
    spare = float(table.weight.sum()) - additive_trace(fit, among, table.weight.ravel())
    none = dict.fromkeys(("estimate", "std_error", "statistic", "p"), np.nan)
    if spare <= 0.0 or left <= 1e-12 * whole:
        return none
    variance = left / spare
    signed = np.concatenate([np.ones(n_one), -np.ones(n_two)])
    root = np.sqrt(np.concatenate([one.weight, two.weight]))
    grams = [pick.T @ form @ pick / np.outer(root, root) for form in (among, among if ground is None else ground)]
    values = np.asarray(variance * np.linalg.eigvals(signed[:, None] * grams[0]).real, dtype=np.float64)
    chance = float(values.sum())
    means = signed * root * (np.concatenate([one.mean, two.mean]) - table.centre)
    inflated = float(means @ grams[0] @ means) / max(float(means @ grams[1] @ means), 1e-300)
    linear = max(difference_squares(table) * max(inflated, 0.0) - 4.0 * float((values**2).sum()), 0.0)
    joint = _joint_p(table, fit, among, whole)
    found = one.between - two.between - chance
    spread = np.sqrt(2.0 * float((values**2).sum()) + linear)
    if not spread > 0.0:
        return none
    p = two_sided_tail(found, values, linear if joint < ALPHA else 0.0)
    return {"estimate": found / whole, "std_error": spread / whole, "statistic": found / spread, "p": p}


def _explained(table: Moments, fit: Additive) -> float:
    return table.between - fit.left


def _joint_p(table: Moments, fit: Additive, among: Floats, whole: float) -> float:
    """Return the P of both factors together; the F test of the additive fit where rows are independent."""
    weight = table.weight.ravel()
    root = np.sqrt(weight[fit.used])
    form = among[np.ix_(fit.used, fit.used)] / np.outer(root, root)
    mean = root / np.sqrt(weight.sum())
    project = fit.basis @ fit.basis.T - np.outer(mean, mean)
    found = corrected_test(_explained(table, fit) / whole, project @ form @ project, fit.rank - 1, float(weight.sum()) - 1.0)
    return found["p_eff"]


def two_sided_tail(value: float, weights: Floats, variance: float) -> float:
    """Return the two-sided P of sum w_i (chi2_i - 1) + sqrt(variance) z, by its characteristic function.

    Parameters
    ----------
    value
        Observed.
    weights
        (k,), of either sign.
    variance
        Of the normal part.

    Examples
    --------
    >>> round(two_sided_tail(1.959964, np.array([1e-9]), 1.0), 4)
    0.05
    """
    scale = float(np.sqrt(2.0 * (weights**2).sum() + variance))
    w, v, t = weights[weights != 0.0] / scale, variance / scale**2, value / scale
    step = 0.03
    # The normal part ends the integrand early.
    far = min(60.0, 7.5 / np.sqrt(v)) if v > 0.0 else 60.0
    u = (np.arange(int(far / step) + 1) + 0.5) * step
    turned = 2.0 * np.outer(u, w)
    size = np.exp(-0.25 * np.log1p(turned**2).sum(axis=1) - v * u**2 / 2.0)
    angle = 0.5 * np.arctan(turned).sum(axis=1) - u * (w.sum() + t)
    above = 0.5 + float((size * np.sin(angle) / u).sum()) * step / np.pi
    # Beyond what the inversion resolves, the normal tail stands in: both are nought to every printed digit.
    floor = float(stats.norm.sf(abs(t)))
    return float(np.clip(2.0 * max(min(above, 1.0 - above), min(floor, 1e-9)), 0.0, 1.0))
