"""Estimates of a path model from moments: equations by least squares, their joint covariance, the implied covariance.

All coefficients are standardised first; unstandardised ones follow from the standard deviations. The covariance of the
coefficients of two equations is psi_vw (Xv'Xv)^-1 Xv'Xw (Xw'Xw)^-1 with psi_vw the covariance of their errors, 0 unless
declared correlated. Divided by n it is the inverse of the observed information of the likelihood (what lavaan prints with
``information = "observed"``); divided by n - k - 1 it is that of least squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_moments import Moments, Regression, regression
from carbondrivers.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """A fitted model on standardised variables.

    Attributes
    ----------
    model : PathModel
        Of measured variables.
    moments : Moments
        Of the model's variables, in the model's order.
    r : numpy.ndarray
        Correlation matrix, shape (p, p).
    regressions : dict
        Response to its regression.
    b : numpy.ndarray
        Shape (p, p): effect of the column's variable on the row's.
    """

    model: PathModel
    moments: Moments
    r: Floats
    regressions: dict[str, Regression]
    b: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """The variables."""
        return self.moments.names

    def at(self, *names: str) -> list[int]:
        """Return the places of variables."""
        return [self.names.index(name) for name in names]

    def causes(self, response: str) -> list[int]:
        """Return the places of the causes of a response."""
        return self.at(*self.model.equations[response])

    def df(self, response: str) -> int:
        """Degrees of freedom of an equation."""
        return self.moments.n - self.moments.lost - len(self.model.equations[response])

    def errors(self) -> Floats:
        """Return the correlation matrix of the errors' fields times their sizes, (endogenous, endogenous)."""
        places = self.at(*self.model.endogenous)
        keep = np.eye(len(self.names)) - self.b
        return np.asarray((keep @ self.r @ keep.T)[np.ix_(places, places)])

    def covariance(self, divisors: dict[str, float]) -> Floats:
        """Return the covariance of all coefficients, (edges, edges) in the order of ``model.edges``.

        Parameters
        ----------
        divisors
            Of each equation: n for the likelihood, n - k - 1 for least squares.
        """
        endogenous, errors = self.model.endogenous, self.errors()
        starts = np.cumsum([0, *(len(self.model.equations[name]) for name in endogenous)])
        found = np.zeros((starts[-1], starts[-1]))
        linked = {frozenset(pair) for pair in self.model.correlated}
        for i, one in enumerate(endogenous):
            for j, other in enumerate(endogenous):
                if i != j and frozenset((one, other)) not in linked:
                    continue
                across = self.r[np.ix_(self.causes(one), self.causes(other))]
                part = self.regressions[one].inverse @ across @ self.regressions[other].inverse
                size = errors[i, j] / np.sqrt(divisors[one] * divisors[other])
                found[starts[i] : starts[i + 1], starts[j] : starts[j + 1]] = size * part
        return found


def estimate(model: PathModel, given: Moments) -> Estimates:
    """Fit every equation of a model of measured variables.

    Parameters
    ----------
    model
        Without blocks in its equations.
    given
        Moments of the model's variables in the model's order.

    Raises
    ------
    DataError
        If a variable is constant, rows are fewer than parameters, causes are collinear, or a response is an exact sum.
    """
    _check(model, given)
    names, r = given.names, given.correlation
    b, found = np.zeros(r.shape), {}
    for response in model.endogenous:
        causes = [names.index(name) for name in model.equations[response]]
        row = names.index(response)
        found[response] = regression(r, names, causes, row)
        b[row, causes] = found[response].coefficients
    return Estimates(model, given, r, found, b)


def _check(model: PathModel, given: Moments) -> None:
    size = np.abs(given.mean) + np.sqrt(np.diag(given.cross))
    still = [
        name for name, s, c in zip(given.names, size, np.diag(given.cross), strict=True) if c <= (1e-13 * s) ** 2 * given.n
    ]
    if still:
        raise DataError(
            f"{', '.join(map(repr, still))} is constant here, and a path model needs variables that vary: take it out"
        )
    for response, drivers in model.equations.items():
        if given.n - given.lost - len(drivers) < 1:
            raise DataError(
                f"{given.n} rows are fewer than the equation of {response!r} needs (at least {len(drivers) + given.lost + 1}): "
                "take causes out or more rows in"
            )


def implied(estimates: Estimates) -> Floats:
    """Return the correlation matrix that the estimates imply, (p, p), errors correlated as declared."""
    model, names = estimates.model, estimates.names
    p = len(names)
    outer = estimates.at(*model.exogenous)
    inner = estimates.at(*model.endogenous)
    psi = np.zeros((p, p))
    psi[np.ix_(outer, outer)] = estimates.r[np.ix_(outer, outer)]
    errors = estimates.errors()
    psi[inner, inner] = np.diag(errors)
    for one, other in model.correlated:
        if one in model.equations and other in model.equations:
            i, j = model.endogenous.index(one), model.endogenous.index(other)
            psi[inner[i], inner[j]] = psi[inner[j], inner[i]] = errors[i, j]
    through = np.linalg.inv(np.eye(p) - estimates.b)
    return np.asarray(through @ psi @ through.T)
