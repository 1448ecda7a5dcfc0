"""Maximum likelihood by semopy, behind guards: standard deviations one, two optimisers that must agree, a zero gradient.

semopy (Meshcheryakov, Igolkina and Samsonova 2021, arXiv:2106.01140) reports success at points that are no optimum where
units differ, and keeps variances from falling below zero, which hides that a model does not hold. So it is given
standardised moments and a tight tolerance, every covariance is spelled out, its second optimiser must reach the same
chi2, and its optimum is taken on by Newton's method without bounds. What fails a guard is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.latent_kernels import Structure, discrepancy, gradient, polish
from carbondrivers.attribution.latent_spec import Parameter

TOLERANCE = 1e-14
AGREEMENT = 1e-6
STEEPEST = 1e-6
# A variance this close to zero, in units of the variable's own, stands at semopy's bound.
BOUND = 1e-6
# F_ML of parameters that are none: infinity would stop a line search.
WALL = 1e6


@dataclass(frozen=True, slots=True)
class Optimum:
    """Parameters (k,) in standardised units, or why there are none."""

    theta: Floats
    refusal: str = ""


def optimum(of: Structure, parameters: Sequence[Parameter], variables: Sequence[str], moments: Floats) -> Optimum:
    """Return the maximum-likelihood estimates of the free parameters, or a refusal.

    Parameters
    ----------
    of
        Where parameters stand.
    parameters
        All of the model, in the order of `of`.
    variables
        Measured ones first, as in `of`.
    moments
        Correlation matrix of the measured variables, (p, p).
    """
    free = [one for one in parameters if one.free]
    if not free:
        return Optimum(np.zeros(0))
    found = _both_optimisers(of, parameters, variables, moments)
    values = [discrepancy(of, theta, moments) for theta in found]
    if not np.isfinite(values).all():
        return Optimum(found[0], "no optimum was found: the implied covariance matrix is not positive definite")
    at_bound = [one for one, value in zip(free, found[int(np.argmin(values))], strict=True) if _at_bound(one, value)]
    if abs(values[0] - values[1]) > AGREEMENT * max(1.0, min(values)) and not at_bound:
        return Optimum(
            found[0], f"two optimisers disagree (F_ML {values[0]:.6g} and {values[1]:.6g}): no number can be trusted"
        )
    theta = polish(of, found[int(np.argmin(values))], moments)
    return Optimum(theta, _judged(of, theta, moments, at_bound))


def _at_bound(one: Parameter, value: float) -> bool:
    return one.part == "variance" and value <= BOUND


def _judged(of: Structure, theta: Floats, moments: Floats, at_bound: list[Parameter]) -> str:
    """Return why an optimum cannot stand, or nothing."""
    if at_bound:
        names = ", ".join(one.response for one in at_bound)
        return (
            f"Heywood case: the estimated variance of {names} is not above zero, which no variance can be; the indicators do "
            "not reflect one common cause, or there are too few of them"
        )
    steepest = float(np.abs(gradient(of, theta, moments)).max())
    if not steepest < STEEPEST:
        return f"no optimum was reached: the gradient is {steepest:.1e}, must be below {STEEPEST:.0e}"
    return ""


def _both_optimisers(
    of: Structure, parameters: Sequence[Parameter], variables: Sequence[str], moments: Floats
) -> tuple[Floats, Floats]:
    """Return semopy's estimates by SLSQP on its own objective, and by L-BFGS-B on ours, from the same start."""
    import semopy
    from semopy.solver import Solver

    names = {name: f"v{i}" for i, name in enumerate(variables)}
    model = semopy.Model(_text(parameters, names), mimic_lavaan=True, cov_diag=True)
    model.load(data=_rows_with(moments, [names[name] for name in variables[: len(moments)]]))
    place = {name: i for i, name in enumerate(name for name, one in model.parameters.items() if one.active)}
    order = np.array([place[f"p{i}"] for i, one in enumerate(parameters) if one.free])
    start, bounds = model.param_vals.copy(), model.get_bounds()
    # Not model.fit: it warns through the root logger, which would set up logging in the caller's program.
    first = Solver("SLSQP", *model.get_objective("MLW"), start, bounds=bounds, tol=TOLERANCE).scipy_solve().x
    ours = Solver(
        "L-BFGS-B", lambda t: min(discrepancy(of, t, moments), WALL), lambda t: _slope(of, t, moments), start[order],
        bounds=[bounds[i] for i in order], tol=TOLERANCE, options={"maxcor": 30},
    )  # fmt: skip
    return np.asarray(first, dtype=np.float64)[order], np.asarray(ours.scipy_solve().x, dtype=np.float64)


def _slope(of: Structure, theta: Floats, moments: Floats) -> Floats:
    """Return the gradient, or zeros beyond the wall, where there is none."""
    try:
        found = np.asarray(gradient(of, theta, moments), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.zeros(of.free)
    return found if discrepancy(of, theta, moments) < WALL else np.zeros(of.free)


def _text(parameters: Sequence[Parameter], names: dict[str, str]) -> str:
    """Return the model in semopy's language, each free parameter under its number."""
    signs = {"loading": "=~", "regression": "~", "covariance": "~~", "variance": "~~"}
    lines = []
    for i, one in enumerate(parameters):
        left, right = (one.driver, one.response) if one.part == "loading" else (one.response, one.driver)
        if one.free or one.part == "loading":
            factor = f"p{i}" if one.free else "1"
            lines.append(f"{names[left]} {signs[one.part]} {factor}*{names[right]}")
    return "\n".join(lines)


def _rows_with(moments: Floats, columns: list[str]) -> Any:
    """Return a short table with mean zero and exactly these moments: the number of pixels does not matter from here on."""
    import pandas as pd

    root = np.linalg.cholesky(moments).T * np.sqrt(len(moments))
    return pd.DataFrame(np.vstack([root, -root]), columns=columns)
