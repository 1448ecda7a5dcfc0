"""Maximum likelihood of a path model with correlated errors, by residual iterative conditional fitting.

Drton, Eichler and Richardson (2009, JMLR 10, 2329-2348): in turn, each variable is regressed on its causes and on the
errors of its mates, as the other equations now have them; every step raises the likelihood. Without correlated errors one
round is least squares. The pairs of outer causes are all mates, so that their covariances stay as observed.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.path_estimates import Estimates, implied
from carbondrivers.errors import DataError

ROUNDS = 5_000
STILL = 1e-13


def implied_jointly(found: Estimates) -> Floats:
    """Return the correlation matrix, (p, p), that a model implies at its maximum of likelihood.

    Raises
    ------
    DataError
        If the iteration does not come to rest.
    """
    if not found.model.correlated:
        return implied(found)
    p, model = len(found.names), found.model
    outer = found.at(*model.exogenous)
    pairs = [found.at(*pair) for pair in model.correlated] + [list(pair) for pair in combinations(outer, 2)]
    mates = [sorted({j for pair in pairs if i in pair for j in pair if j != i}) for i in range(p)]
    causes = [found.causes(name) if name in model.equations else [] for name in found.names]
    b, psi = found.b.copy(), np.diag(np.diag((np.eye(p) - found.b) @ found.r @ (np.eye(p) - found.b).T)).copy()
    psi[np.ix_(outer, outer)] = found.r[np.ix_(outer, outer)]
    inner = found.at(*model.endogenous)
    sigma = _sigma(b, psi)
    for _ in range(ROUNDS):
        for i in inner:
            _refit(found.r, b, psi, i, causes[i], mates[i])
        before, sigma = sigma, _sigma(b, psi)
        if np.abs(sigma - before).max() < STILL:
            return sigma
    raise DataError("the model with correlated errors does not come to rest: take a correlated error out")


def _sigma(b: Floats, psi: Floats) -> Floats:
    through = np.linalg.inv(np.eye(len(b)) - b)
    return np.asarray(through @ psi @ through.T)


def _refit(r: Floats, b: Floats, psi: Floats, i: int, causes: list[int], mates: list[int]) -> None:
    """Fit the equation of variable i on its causes and the errors of its mates, in place."""
    p = len(r)
    others = [j for j in range(p) if j != i]
    inverse = np.linalg.inv(psi[np.ix_(others, others)])
    keep = np.eye(p) - b
    chosen = [others.index(j) for j in mates]
    weights = np.vstack([np.eye(p)[causes], inverse[chosen] @ keep[others]])
    cross = weights @ r @ weights.T
    found = np.linalg.solve(cross, weights @ r[:, i])
    b[i, causes] = found[: len(causes)]
    psi[i, mates] = psi[mates, i] = found[len(causes) :]
    left = float(r[i, i] - found @ (weights @ r[:, i]))
    across = psi[i, mates]
    psi[i, i] = left + float(across @ inverse[np.ix_(chosen, chosen)] @ across)
