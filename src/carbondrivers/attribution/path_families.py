"""One equation of a path model row by row: other distributions, random intercepts, spatial or robust errors (statsmodels).

Standardised coefficients of equations with a link are in standard deviations of the latent response: for a binomial one
sqrt(var(eta) + pi^2 / 3) (Grace et al. 2018, doi:10.1002/ecs2.2283), for a Poisson one sqrt(var(eta) + log(1 + 1 / mean))
(Nakagawa, Johnson and Schielzeth 2017, doi:10.1098/rsif.2017.0213; from memory, not checked against the paper).
``mixed``: a random intercept for every class of `cluster`, by maximum likelihood, tests by the normal distribution (a
Satterthwaite df is not computed). ``gls``: errors correlate by their distance (``path_gls``), so that neighbours repeat each
other within the equation and no effective n is put on top. ``robust`` errors are HC3, ``cluster`` errors the sandwich over
the classes of `cluster`; both are for the equations that are neither mixed nor gls.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from carbondrivers.attribution.inference import LN10, Floats, two_sided_t
from carbondrivers.attribution.path_gls import spatial_errors
from carbondrivers.attribution.path_moments import LINEAR
from carbondrivers.errors import DataError

Family = Literal["gaussian", "binomial", "poisson", "mixed", "gls"]
FAMILIES: tuple[Family, ...] = get_args(Family)
ErrorKind = Literal["classical", "robust", "cluster"]
ERRORS: tuple[ErrorKind, ...] = get_args(ErrorKind)
OVERDISPERSED = 1.5
SEPARATED = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Equation:
    """A fitted equation on standardised causes.

    Attributes
    ----------
    coefficients : numpy.ndarray
        Shape (k,), of causes in standard deviations, on the scale of the link.
    covariance : numpy.ndarray
        Shape (k, k).
    log_likelihood : float
        At its maximum.
    parameters : int
        Coefficients, intercept, and variances.
    df : float
        Of the t tests; infinite where they are normal.
    intercept : float
        At the means of the causes.
    scale : float
        Standard deviation of the (latent) response.
    rest : numpy.ndarray
        Shape (n,): Pearson residuals.
    r2 : float
        Explained share of the variance of the (latent) response; of a mixed equation without the random intercept.
    note : str
        What must be said.
    spatial : bool
        Whether the equation itself lets the errors of neighbours be alike.
    """

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    parameters: int
    df: float
    intercept: float
    scale: float
    rest: Floats
    r2: float
    note: str = ""
    spatial: bool = False


def two_sided(statistic: float, df: float) -> tuple[float, float]:
    """Return the two-sided p of a t statistic and its log10, of a normal one where df is infinite; NaN stays NaN."""
    if np.isinf(df):
        log10_p = float((np.log(2.0) + stats.norm.logsf(abs(statistic))) / LN10)
        return 10.0**log10_p, log10_p
    p, found = two_sided_t(np.array([statistic]), df)
    return float(p[0]), float(found[0])


def check_response(y: Floats, family: Family, name: str) -> None:
    """Raise DataError where the values of a response (n,) do not fit its distribution."""
    if family == "binomial" and not np.isin(y, (0.0, 1.0)).all():
        raise DataError(f"a binomial equation needs 0 and 1, and {name!r} has other values: code its two classes as 0 and 1")
    if family == "poisson" and ((y < 0.0).any() or (y != np.round(y)).any()):
        raise DataError(f"a Poisson equation needs counts, and {name!r} has values below 0 or with fractions")


def fit_equation(
    y: Floats,
    x: Floats,
    names: Sequence[str],
    family: Family,
    errors: ErrorKind,
    clusters: NDArray[np.int64] | None,
    apart: Floats | None = None,
) -> Equation:
    """Fit one equation.

    Parameters
    ----------
    y
        Response, (n,), in its unit.
    x
        Causes, (n, k), standardised (standard deviation 1).
    names
        The response, then the causes, for messages.
    family
        Distribution of the response.
    errors
        Of a Gaussian, binomial or Poisson equation.
    clusters
        Class of each row, for cluster errors and random intercepts.
    apart
        Distances of all pairs of rows, (n, n), for a gls equation.

    Raises
    ------
    DataError
        If the causes are collinear, the classes of a binomial response are parted wholly, or the fit does not converge.
    """
    import statsmodels.api as sm

    design = np.column_stack([np.ones(len(y)), x])
    if len(y) <= design.shape[1]:
        raise DataError(
            f"the equation of {names[0]!r} has {design.shape[1]} coefficients and {len(y)} rows: take causes out, or rows in"
        )
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise DataError(f"the causes of {names[0]!r} are collinear ({', '.join(names[1:])}): leave one of them out")
    if family not in ("binomial", "poisson") and _is_exact(y, design):
        raise DataError(
            f"{names[0]!r} is an exact sum of its causes ({', '.join(names[1:])}): there is no error to test against, take out "
            "the cause that it was computed from"
        )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if family == "mixed":
            return _mixed(y, design, names, clusters)
        if family == "gls" and apart is not None:
            return _spatial(y, design, apart)
        if family == "gaussian":
            fit = sm.OLS(y, design).fit(**_covariance(errors, clusters))
        else:
            kind = sm.families.Binomial() if family == "binomial" else sm.families.Poisson()
            fit = sm.GLM(y, design, family=kind).fit(**_covariance(errors, clusters))
    separated = family == "binomial" and np.abs(fit.params[1:]).max(initial=0.0) > SEPARATED
    if separated or any("separation" in str(one.message).lower() for one in said):
        raise DataError(f"the causes of {names[0]!r} part its two classes wholly: no slope can be estimated, take one out")
    if family != "gaussian" and not fit.converged:
        raise DataError(f"the {family} equation of {names[0]!r} does not converge: look at its causes one by one")
    return _ready(fit, y, design, family, errors)


def _is_exact(y: Floats, design: Floats) -> bool:
    """Whether least squares leave nothing but rounding of a response (n,)."""
    centred = (y - y.mean()) / y.std()
    rest = centred - design @ np.linalg.lstsq(design, centred, rcond=None)[0]
    return bool(np.mean(rest**2) < LINEAR)


def _covariance(errors: ErrorKind, clusters: NDArray[np.int64] | None) -> dict[str, Any]:
    if errors == "robust":
        return {"cov_type": "HC3"}
    if errors == "cluster":
        return {"cov_type": "cluster", "cov_kwds": {"groups": clusters}}
    return {}


def _ready(fit: Any, y: Floats, design: Floats, family: Family, errors: ErrorKind) -> Equation:
    n, width = design.shape
    eta = np.asarray(design @ fit.params)
    spread, note = float(np.var(eta, ddof=1)), ""
    if family == "gaussian":
        rest, total = np.asarray(fit.resid), float(np.var(y, ddof=1))
    else:
        rest = np.asarray(fit.resid_pearson)
        mean = float(y.mean())
        total = spread + (np.pi**2 / 3.0 if family == "binomial" else float(np.log1p(1.0 / mean)))
        dispersion = float((rest**2).sum() / (n - width))
        if family == "poisson" and dispersion > OVERDISPERSED and errors == "classical":
            note = f"counts vary {dispersion:.1f} times as much as a Poisson distribution does: use robust errors"
    df = float(n - width) if family == "gaussian" and errors != "cluster" else np.inf
    return Equation(
        np.asarray(fit.params[1:]), np.asarray(fit.cov_params())[1:, 1:], float(fit.llf),
        width + (family == "gaussian"), df, float(fit.params[0]), float(np.sqrt(total)), rest, spread / total, note,
    )  # fmt: skip


def _mixed(y: Floats, design: Floats, names: Sequence[str], clusters: NDArray[np.int64] | None) -> Equation:
    import statsmodels.api as sm

    size = float(y.std(ddof=1))
    fit = sm.MixedLM(y / size, design, groups=clusters).fit(reml=False)
    if not fit.converged:
        raise DataError(f"the mixed equation of {names[0]!r} does not converge: look at its causes one by one")
    k = design.shape[1]
    eta = design @ fit.fe_params
    spread, between = float(np.var(eta, ddof=1)), float(np.asarray(fit.cov_re)[0, 0])
    total = spread + between + float(fit.scale)
    note = f"random intercepts hold {100 * between / total:.0f} % of the variance"
    if between <= 1e-8 * total:
        note = "random intercepts hold nothing: the classes do not differ"
    covariance = np.asarray(fit.cov_params())[1:k, 1:k]
    return Equation(
        np.asarray(fit.fe_params[1:]) * size, covariance * size**2, float(fit.llf - len(y) * np.log(size)), k + 2, np.inf,
        float(fit.fe_params[0]) * size, size, np.asarray(fit.resid) * size, spread / total, note,
    )  # fmt: skip


def _spatial(y: Floats, design: Floats, apart: Floats) -> Equation:
    import statsmodels.api as sm

    n, width = design.shape
    size = float(y.std(ddof=1))
    errors = spatial_errors(y / size, design, apart)
    fit = sm.GLS(y / size, design, sigma=errors.correlation).fit()
    spread, sill = float(np.var(design @ fit.params, ddof=1)), float(fit.scale)
    note = f"errors correlate over a range of {errors.reach:.4g}, {100 * errors.nugget:.0f} % of their variance is nugget"
    return Equation(
        np.asarray(fit.params[1:]) * size, np.asarray(fit.cov_params())[1:, 1:] * size**2,
        float(fit.llf - n * np.log(size)), width + 3, float(n - width), float(fit.params[0]) * size, size,
        np.asarray(fit.resid) * size, spread / (spread + sill), "; ".join(filter(None, (note, errors.note))), spatial=True,
    )  # fmt: skip
