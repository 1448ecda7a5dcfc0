"""Tests of the independence claims of a path model, and Fisher's C, in log space and with the effective n.

Each claim is a partial correlation r with k variables held; t = r sqrt(df / (1 - r^2)), df = n - 2 - k; C = -2 sum log p
with two degrees of freedom a claim (Shipley 2000, doi:10.1207/S15328007SEM0702_4). The tests are symmetric in the pair.
With places, the same stands a second time with n replaced by the effective number of observations of the two residual
fields of the claim (``effective_size``). p is never floored: at n = 1e5 a claim's log p may be -3000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from carbondrivers.attribution.effective_size import Lags, products, spatial_size
from carbondrivers.attribution.fit_indices import log_upper_chi2
from carbondrivers.attribution.inference import LN10, Floats, two_sided_t
from carbondrivers.attribution.path_estimates import Estimates
from carbondrivers.attribution.path_moments import LINEAR, partial_correlation

FEW_CLAIMS = 2


@dataclass(frozen=True, slots=True)
class CorrelationTest:
    """Test of a partial correlation: t, df, p, log10 p and the interval of r."""

    statistic: float
    df: float
    p: float
    log10_p: float
    ci_low: float
    ci_high: float


def partial_test(r: float, df: float, confidence: float) -> CorrelationTest:
    """Test a partial correlation with df degrees of freedom; all NaN where df is below 1 or r is not finite."""
    if not (np.isfinite(r) and df >= 1.0) or (1.0 - r) * (1.0 + r) <= LINEAR:
        return CorrelationTest(*[np.nan] * 6)
    t = r * np.sqrt(df / ((1.0 - r) * (1.0 + r)))
    p, log10_p = two_sided_t(np.array([t]), df)
    z = special.ndtri(0.5 + confidence / 2.0)
    reach = float(z / np.sqrt(df - 1.0)) if df > 1.0 else np.nan
    return CorrelationTest(
        float(t), df, float(p[0]), float(log10_p[0]), *(float(np.tanh(np.arctanh(r) + s * reach)) for s in (-1, 1))
    )


@dataclass(slots=True, eq=False)
class Fields:
    """Standardised columns of a group with the distance classes of its rows: what effective sizes are made of.

    Attributes
    ----------
    z : numpy.ndarray
        Shape (n, p), mean 0 and length 1.
    at : Lags or None
        None: the rows have no places.
    """

    z: Floats
    at: Lags | None

    def size(self, r: Floats, one: int, other: int, given: list[int]) -> float:
        """Return the effective number of observations of a partial correlation; NaN without places."""
        if self.at is None:
            return np.nan
        spread = [products(self.rest(r, column, given), self.at) for column in (one, other)]
        return spatial_size(spread[0], spread[1], self.at)

    def rest(self, r: Floats, column: int, given: list[int]) -> Floats:
        """Return what is left of a column (n,) when others are held."""
        if not given:
            return self.z[:, column]
        weights = np.linalg.solve(r[np.ix_(given, given)], r[given, column])
        return np.asarray(self.z[:, column] - self.z[:, given] @ weights)


def claim_rows(found: Estimates, fields: Fields, confidence: float) -> list[dict[str, object]]:
    """Return one row a claim."""
    n, lost = found.moments.n, found.moments.lost
    rows: list[dict[str, object]] = []
    for claim in found.model.claims()[0]:
        one, other = found.at(claim.driver, claim.response)
        given = found.at(*claim.given)
        r = partial_correlation(found.r, one, other, given)
        naive = partial_test(r, n - lost - 1.0 - len(given), confidence)
        size = fields.size(found.r, one, other, given) if np.isfinite(naive.p) else np.nan
        corrected = partial_test(r, size - lost - 1.0 - len(given), confidence)
        note = "" if np.isfinite(naive.p) else "undefined: what is held determines one of the two"
        if fields.at is not None and not note and not np.isfinite(corrected.p):
            note = "no corrected P: too few effective observations for a test"
        rows.append(
            {"driver": claim.driver, "response": claim.response, "given": " + ".join(claim.given), "r_partial": r}
            | {key: getattr(naive, key) for key in ("ci_low", "ci_high", "statistic", "df", "p", "log10_p")}
            | {"n": n, "n_eff": size, "statistic_eff": corrected.statistic, "df_eff": corrected.df, "p_eff": corrected.p}
            | {"log10_p_eff": corrected.log10_p, "ci_eff_low": corrected.ci_low, "ci_eff_high": corrected.ci_high, "note": note}
        )  # fmt: skip
    return rows


def fisher_c(log10_p: Floats) -> tuple[float, int, float, float]:
    """Return Fisher's C, its df, p and log10 p from the log10 p of the claims; NaN without claims or where one is unknown.

    Examples
    --------
    >>> c, df, p, _ = fisher_c(np.log10([0.5, 0.05]))
    >>> round(c, 6), df, round(p, 6)
    (7.377759, 4, 0.117222)
    """
    if len(log10_p) == 0 or not np.isfinite(log10_p).all():
        return np.nan, 2 * len(log10_p), np.nan, np.nan
    c = float(-2.0 * LN10 * log10_p.sum())
    log_p = log_upper_chi2(c, 2 * len(log10_p))
    return c, 2 * len(log10_p), float(np.exp(log_p)), log_p / LN10


def equivalence_p(r: float, df: float, bound: float) -> float:
    """Return the p of |r| < bound by two one-sided tests on Fisher's z; NaN where df is 1 or less."""
    if not (np.isfinite(r) and df > 1.0) or abs(r) >= 1.0:
        return np.nan
    z = (np.arctanh(bound) - abs(np.arctanh(r))) * np.sqrt(df - 1.0)
    return float(stats.norm.sf(z))
