"""The covariance matrix that a model with latent variables implies, its maximum-likelihood fit and its errors.

With arrows A (from column to row) and covariances S over all m variables, E = (I - A)^-1 and F picking the p measured ones,
Sigma = F E S E' F'. F_ML = log|Sigma| + tr(C Sigma^-1) - log|C| - p for sample moments C; chi2 = n F_ML; expected
information n/2 tr(Sigma^-1 dSigma Sigma^-1 dSigma), observed n/2 times the second derivatives of F_ML.
Second derivatives and those of standardised values by complex steps, exact to rounding (Squire and Trapp 1998,
doi:10.1137/S003614459631241X).
Sources: Joreskog (1970), doi:10.1093/biomet/57.2.239; McArdle and McDonald (1984), doi:10.1111/j.2044-8317.1984.tb00802.x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.latent_spec import Parameter

Numbers = NDArray[Any]
_STEP = 1e-30
_STEEP = 1e-13


@dataclass(frozen=True, slots=True)
class Structure:
    """Where each parameter stands.

    Attributes
    ----------
    measured : int
        Number p of measured variables, which come first.
    size : int
        Number m of all variables.
    arrows : tuple of numpy.ndarray
        Rows, columns in A and number of the parameter, each (a,).
    spreads : tuple of numpy.ndarray
        Rows, columns in S and number of the parameter, each (s,).
    fixed_arrows, fixed_spreads : numpy.ndarray
        A and S with what is not estimated, (m, m).
    """

    measured: int
    size: int
    arrows: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    spreads: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    fixed_arrows: Floats
    fixed_spreads: Floats

    @property
    def free(self) -> int:
        """Number of parameters."""
        return len(self.arrows[0]) + len(self.spreads[0])

    def matrices(self, theta: Numbers) -> tuple[Numbers, Numbers]:
        """Return A and S, each (m, m), for parameters (k,)."""
        a, s = (fixed.astype(theta.dtype) for fixed in (self.fixed_arrows, self.fixed_spreads))
        a[self.arrows[0], self.arrows[1]] = theta[self.arrows[2]]
        rows, columns, which = self.spreads
        s[rows, columns] = s[columns, rows] = theta[which]
        return a, s


def structure(parameters: Sequence[Parameter], variables: Sequence[str], measured: int, moments: Floats) -> Structure:
    """Return where the free ones of `parameters` stand, in their order; the others get their values from the sample."""
    at = {name: i for i, name in enumerate(variables)}
    fixed_arrows, fixed_spreads = np.zeros((2, len(at), len(at)))
    arrows: list[tuple[int, int, int]] = []
    spreads: list[tuple[int, int, int]] = []
    for one in parameters:
        i, j, directed = at[one.response], at[one.driver], one.is_arrow
        if one.free:
            (arrows if directed else spreads).append((i, j, len(arrows) + len(spreads)))
        elif directed:
            fixed_arrows[i, j] = 1.0
        else:
            fixed_spreads[i, j] = fixed_spreads[j, i] = moments[i, j]
    return Structure(measured, len(at), _columns(arrows), _columns(spreads), fixed_arrows, fixed_spreads)


def _columns(found: list[tuple[int, int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    table = np.array(found, dtype=np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def implied(of: Structure, theta: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return Sigma (p, p), F E (p, m) and E S E' F' (m, p)."""
    a, s = of.matrices(theta)
    total = np.linalg.inv(np.eye(of.size) - a)
    reach = total[: of.measured]
    shared = total @ s @ reach.T
    return shared[: of.measured], reach, shared


def discrepancy(of: Structure, theta: Floats, moments: Floats) -> float:
    """Return F_ML; infinite where Sigma is not positive definite."""
    sigma = implied(of, theta)[0]
    try:
        lower = np.linalg.cholesky(sigma)
    except np.linalg.LinAlgError:
        return np.inf
    ratio = linalg.solve_triangular(lower, np.linalg.cholesky(moments), lower=True)
    # With T = L^-1 chol(C): F = |T|^2 - p - 2 sum log diag T, each term exact where the fit is perfect.
    diagonal = np.diag(ratio)
    off = np.sum(ratio**2) - np.sum(diagonal**2)
    return float(off + np.sum((diagonal - 1.0) * (diagonal + 1.0) - 2.0 * np.log(diagonal)))


def gradient(of: Structure, theta: Numbers, moments: Floats) -> Numbers:
    """Return the derivatives of F_ML, (k,); complex parameters give complex ones."""
    sigma, reach, shared = implied(of, theta)
    inverse = np.linalg.inv(sigma)
    inner = inverse - inverse @ moments @ inverse
    found = np.empty(of.free, dtype=inner.dtype)
    rows, columns, which = of.arrows
    found[which] = 2.0 * (reach.T @ inner @ shared.T)[rows, columns]
    rows, columns, which = of.spreads
    found[which] = np.where(rows == columns, 1.0, 2.0) * (reach.T @ inner @ reach)[rows, columns]
    return found


def derivatives(function: Callable[[Numbers], Numbers], theta: Floats) -> Floats:
    """Return the Jacobian (values, k) of a function that takes complex parameters (k,)."""
    columns = []
    for i in range(len(theta)):
        stepped = theta.astype(np.complex128)
        stepped[i] += 1j * _STEP
        columns.append(np.imag(function(stepped)) / _STEP)
    return np.column_stack(columns) if columns else np.zeros((len(function(theta)), 0))


def polish(of: Structure, theta: Floats, moments: Floats, most: int = 50) -> Floats:
    """Return the optimum next to `theta` by Newton's method, steps halved while they do not lessen F_ML."""
    value = discrepancy(of, theta, moments)
    for _ in range(most):
        slope = gradient(of, theta, moments)
        if np.abs(slope).max(initial=0.0) < _STEEP:
            break
        curve = derivatives(lambda t: gradient(of, t, moments), theta)
        step = np.linalg.lstsq((curve + curve.T) / 2.0, -slope, rcond=None)[0]
        share, better = 1.0, np.inf
        while share > 1e-6 and not (better := discrepancy(of, theta + share * step, moments)) <= value + 1e-13:
            share /= 2.0
        if not np.isfinite(better) or share <= 1e-6:
            break
        theta, value = theta + share * step, better
        if np.abs(share * step).max() < 1e-15:
            break
    return theta


def moment_slopes(of: Structure, theta: Floats) -> Floats:
    """Return the derivatives of Sigma, whitened by its Cholesky factor, (p * p, k): their cross-product is the information."""
    sigma, reach, shared = implied(of, theta)
    lower = np.linalg.cholesky(sigma)
    near, far = (linalg.solve_triangular(lower, part, lower=True) for part in (reach, shared.T))
    found = np.empty((of.measured**2, of.free))
    for left, right, (rows, columns, which) in ((near, far, of.arrows), (near, near, of.spreads)):
        for i, j, k in zip(rows, columns, which, strict=True):
            slope = np.outer(left[:, i], right[:, j])
            same = left is right and i == j
            found[:, k] = (slope if same else slope + slope.T).ravel()
    return found


def expected_covariance(slopes: Floats, n: float) -> Floats:
    """Return the covariance matrix of the parameters (k, k) by expected information."""
    lengths = _lengths(slopes)
    _, values, right = np.linalg.svd(slopes / lengths, full_matrices=False)
    half = right.T / np.maximum(values, np.finfo(np.float64).tiny) / lengths[:, None]
    return np.asarray(2.0 / n * half @ half.T)


def weakest(slopes: Floats) -> tuple[float, Floats]:
    """Return the condition number of the information and the direction (k,) that the data say least of."""
    if not slopes.shape[1]:
        return 1.0, np.zeros(0)
    _, values, right = np.linalg.svd(slopes / _lengths(slopes), full_matrices=False)
    return float((values[0] / values[-1]) ** 2) if values[-1] > 0 else np.inf, right[-1]


def _lengths(slopes: Floats) -> Floats:
    lengths = np.linalg.norm(slopes, axis=0)
    return np.where(lengths > 0, lengths, 1.0)


def total_covariance(of: Structure, theta: Numbers) -> Numbers:
    """Return the implied covariance of all variables, (m, m)."""
    a, s = of.matrices(theta)
    total = np.linalg.inv(np.eye(of.size) - a)
    return np.asarray(total @ s @ total.T)


def standardised(of: Structure, theta: Numbers) -> tuple[Numbers, Numbers]:
    """Return A and S in standard deviations, each (m, m).

    Arrows and variances are divided by the implied standard deviations; a covariance of residuals is divided by the
    residuals' own, so that it is their correlation.
    """
    a, s = of.matrices(theta)
    spread = np.sqrt(np.diag(total_covariance(of, theta)))
    own = np.diag(s)
    # Two negative variances of residuals have no correlation; such a model is refused before it is shown.
    both = np.sqrt(np.outer(own, own))
    correlation = np.divide(s, both, out=np.zeros_like(s), where=both != 0)
    np.fill_diagonal(correlation, own / spread**2)
    return a * spread[None, :] / spread[:, None], correlation
