"""Tests of the independence claims of a path model, and Fisher's C, in log space and with the effective n.

Each claim is a partial correlation r with k variables held; t = r sqrt(df / (1 - r^2)), df = n - 2 - k; C = -2 sum log p
with two degrees of freedom a claim (Shipley 2000, doi:10.1207/S15328007SEM0702_4). The tests are symmetric in the pair.
With places, the same stands a second time with n replaced by the effective number of observations of the two residual
fields of the claim (``effective_size``). p is never floored: at n = 1e5 a claim's log p may be -3000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from carbondrivers.attribution.effective_size import Lags, products, spatial_size
from carbondrivers.attribution.fit_indices import log_upper_chi2
from carbondrivers.attribution.inference import LN10, Floats, two_sided_t
from carbondrivers.attribution.path_estimates import Estimates
from carbondrivers.attribution.path_moments import LINEAR, partial_correlation

FEW_CLAIMS = 2
SMALL_N = "no corrected P: too few effective observations for a test"


def partial_tests(r: Floats, df: Floats, confidence: float) -> dict[str, Floats]:
    """Test partial correlations r (k,) with df (k,) degrees of freedom; NaN where df is below 1 or r is not finite.

    Returns
    -------
    dict
        ``statistic``, ``df``, ``p``, ``log10_p``, ``ci_low`` and ``ci_high``, each (k,); the interval is that of r.
    """
    known = np.isfinite(r) & (df >= 1.0) & ((1.0 - r) * (1.0 + r) > LINEAR)
    r, df = np.where(known, r, np.nan), np.where(known, df, np.nan)
    t = r * np.sqrt(df / ((1.0 - r) * (1.0 + r)))
    p, log10_p = two_sided_t(t, df)
    z = special.ndtri(0.5 + confidence / 2.0)
    reach = z / np.sqrt(np.where(df > 1.0, df - 1.0, np.nan))
    low, high = (np.tanh(np.arctanh(r) + sign * reach) for sign in (-1.0, 1.0))
    return {"statistic": t, "df": df, "p": p, "log10_p": log10_p, "ci_low": low, "ci_high": high}


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
    claims = found.model.claims()[0]
    ends = [(found.at(claim.driver)[0], found.at(claim.response)[0]) for claim in claims]
    held = [found.at(*claim.given) for claim in claims]
    r = np.array([partial_correlation(found.r, one, other, given) for (one, other), given in zip(ends, held, strict=True)])
    k = np.array([len(given) for given in held], dtype=np.float64)
    naive = partial_tests(r, n - lost - 1.0 - k, confidence)
    size = np.full(len(claims), np.nan)
    for place in np.flatnonzero(np.isfinite(naive["p"])):
        size[place] = fields.size(found.r, *ends[place], held[place])
    corrected = partial_tests(r, size - lost - 1.0 - k, confidence)
    rows: list[dict[str, object]] = []
    for i, claim in enumerate(claims):
        note = "" if np.isfinite(naive["p"][i]) else "undefined: what is held determines one of the two"
        if fields.at is not None and not note and not np.isfinite(corrected["p"][i]):
            note = SMALL_N
        row: dict[str, object] = {"driver": claim.driver, "response": claim.response, "given": " + ".join(claim.given)}
        row |= {"r_partial": r[i], "n": n, "n_eff": size[i], "note": note} | {key: v[i] for key, v in naive.items()}
        rows.append(row | {corrected_name(key): v[i] for key, v in corrected.items()})
    return rows


def corrected_name(column: str) -> str:
    """Return the name of a column with the effective n.

    Examples
    --------
    >>> corrected_name("p"), corrected_name("ci_low")
    ('p_eff', 'ci_eff_low')
    """
    return column.replace("ci_", "ci_eff_") if column.startswith("ci_") else f"{column}_eff"


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


def equivalence_p(r: Floats, df: Floats, bound: float) -> Floats:
    """Return the p of |r| < bound, (k,), by two one-sided tests on Fisher's z; NaN where df is 1 or less."""
    known = np.isfinite(r) & (df > 1.0) & (np.abs(r) < 1.0)
    r, df = np.where(known, r, np.nan), np.where(known, df, np.nan)
    return np.asarray(special.ndtr(-(np.arctanh(bound) - np.abs(np.arctanh(r))) * np.sqrt(df - 1.0)))
