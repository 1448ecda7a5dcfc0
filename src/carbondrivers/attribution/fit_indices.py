"""Fit of a model to a covariance matrix: chi2 and the indices made of it, as lavaan defines them (fixed outer causes).

F = log|Sigma| + tr(S Sigma^-1) - log|S| - p with S on n, not n - 1; chi2 = n F. The baseline has the covariances of the
outer causes and nothing else. RMSEA = sqrt(max(0, (chi2 - df) / (n df))), its interval from the noncentral chi2 (Steiger
1990, doi:10.1207/s15327906mbr2502_4); CFI (Bentler 1990, doi:10.1037/0033-2909.107.2.238); TLI (Tucker and Lewis 1973,
doi:10.1007/BF02291170); SRMR by Bentler, over all elements on and under the diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from carbondrivers.attribution.inference import LN10, Floats

CLOSE = 0.05
RMSEA_LEVEL = 0.90


@dataclass(frozen=True, slots=True)
class FitIndices:
    """Fit of one model.

    Attributes
    ----------
    chi2, p, log10_p : float
        Likelihood ratio against the saturated model; NaN p where df is 0.
    df, n, parameters : int
        Degrees of freedom, rows, free parameters.
    chi2_baseline, df_baseline
        Of the model without any arrow.
    rmsea, rmsea_low, rmsea_high, p_close : float
        With its 90 % interval and the p of RMSEA <= 0.05; NaN where df is 0.
    cfi, tli, srmr : float
        TLI is NaN where df is 0.
    log_likelihood, aic, bic : float
        NaN where no log-likelihood is given.
    """

    chi2: float
    df: int
    p: float
    log10_p: float
    n: int
    parameters: int
    chi2_baseline: float
    df_baseline: int
    rmsea: float
    rmsea_low: float
    rmsea_high: float
    p_close: float
    cfi: float
    tli: float
    srmr: float
    log_likelihood: float
    aic: float
    bic: float


def fit_indices(
    *,
    chi2: float,
    df: int,
    n: int,
    parameters: int,
    chi2_baseline: float,
    df_baseline: int,
    srmr: float,
    log_likelihood: float = np.nan,
) -> FitIndices:
    """Return every index from the chi2 of a model and of its baseline.

    Examples
    --------
    >>> found = fit_indices(chi2=85.305522, df=24, n=301, parameters=21, chi2_baseline=918.851589, df_baseline=36, srmr=0.065)
    >>> round(found.rmsea, 6), round(found.cfi, 6), round(found.tli, 6)
    (0.092121, 0.93056, 0.895839)
    """
    log_p = float(log_upper_chi2(chi2, df)) if df > 0 else np.nan
    low, high = rmsea_interval(chi2, df, n)
    above, above_baseline = max(chi2 - df, 0.0), max(chi2_baseline - df_baseline, chi2 - df, 0.0)
    tli = np.nan
    if df > 0 and df_baseline > 0 and chi2_baseline != df_baseline:
        tli = (chi2_baseline / df_baseline - chi2 / df) / (chi2_baseline / df_baseline - 1.0)
    return FitIndices(
        chi2=chi2,
        df=df,
        p=float(np.exp(log_p)),
        log10_p=log_p / LN10,
        n=n,
        parameters=parameters,
        chi2_baseline=chi2_baseline,
        df_baseline=df_baseline,
        rmsea=float(np.sqrt(above / (n * df))) if df > 0 else np.nan,
        rmsea_low=low,
        rmsea_high=high,
        p_close=float(stats.ncx2.sf(chi2, df, n * df * CLOSE**2)) if df > 0 else np.nan,
        cfi=1.0 - above / above_baseline if above_baseline > 0.0 else 1.0,
        tli=tli,
        srmr=srmr,
        log_likelihood=log_likelihood,
        aic=2.0 * parameters - 2.0 * log_likelihood,
        bic=float(np.log(n)) * parameters - 2.0 * log_likelihood,
    )


def discrepancy(s: Floats, sigma: Floats) -> float:
    """Return the maximum-likelihood discrepancy F of a covariance matrix s (p, p) from the implied one, sigma (p, p)."""
    _, log_s = np.linalg.slogdet(s)
    _, log_sigma = np.linalg.slogdet(sigma)
    return float(log_sigma - log_s + np.trace(np.linalg.solve(sigma, s)) - len(s))


def srmr_of(s: Floats, sigma: Floats) -> float:
    """Return the standardised root mean square residual of an implied covariance matrix, after Bentler.

    Examples
    --------
    >>> srmr_of(np.array([[1.0, 0.5], [0.5, 1.0]]), np.eye(2)) == float(np.sqrt(0.25 / 3))
    True
    """
    sd = np.sqrt(np.diag(s))
    rest = (s - sigma) / np.outer(sd, sd)
    return float(np.sqrt(np.mean(rest[np.tril_indices(len(s))] ** 2)))


def rmsea_interval(chi2: float, df: int, n: int) -> tuple[float, float]:
    """Return the 90 % interval of RMSEA; NaN where df is 0."""
    if df <= 0 or not np.isfinite(chi2):
        return np.nan, np.nan
    tail = (1.0 - RMSEA_LEVEL) / 2.0
    low, high = (float(np.sqrt(_noncentrality(chi2, df, at) / (n * df))) for at in (1.0 - tail, tail))
    return low, high


def _noncentrality(chi2: float, df: int, at: float) -> float:
    """Return the noncentrality under which chi2 is the quantile `at`; 0 where there is none."""

    def beyond(centre: float) -> float:
        return float(stats.ncx2.cdf(chi2, df, centre) if centre > 0.0 else stats.chi2.cdf(chi2, df)) - at

    if beyond(0.0) <= 0.0:
        return 0.0
    top = chi2 + 10.0 * np.sqrt(2.0 * (df + 2.0 * chi2)) + 20.0
    return float(optimize.brentq(beyond, 0.0, top, xtol=1e-12, rtol=1e-13))


def log_upper_chi2(x: float, df: float) -> float:
    """Return the natural logarithm of the upper tail of a chi2, however far out.

    Examples
    --------
    >>> float(np.round(log_upper_chi2(6207.1, 46), 1)), bool(log_upper_chi2(3.0, 2) == -1.5)
    (-2975.1, True)
    """
    a, half = df / 2.0, x / 2.0
    if half < a + 1.0 or half < 300.0:
        return float(np.log(special.gammaincc(a, half)))
    # Lentz's continued fraction of the upper incomplete gamma function (DLMF 8.9.2).
    b = half + 1.0 - a
    c, d = 1e300, 1.0 / b
    value, k = d, 1
    while True:
        step = -k * (k - a)
        b += 2.0
        d, c = 1.0 / (step * d + b), b + step / c
        value *= d * c
        if abs(d * c - 1.0) < 1e-15 or k > 10_000:
            return float(-half + a * np.log(half) - special.gammaln(a) + np.log(value))
        k += 1
