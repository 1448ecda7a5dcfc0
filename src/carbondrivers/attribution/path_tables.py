"""Rows of the tables of one fitted path model in one group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from carbondrivers.attribution.effective_size import products, spatial_size
from carbondrivers.attribution.fit_indices import FitIndices, discrepancy, fit_indices, srmr_of
from carbondrivers.attribution.inference import LN10, Floats, two_sided_t
from carbondrivers.attribution.path_claims import (
    FEW_CLAIMS,
    SMALL_N,
    Fields,
    claim_rows,
    corrected_name,
    equivalence_p,
    fisher_c,
)
from carbondrivers.attribution.path_effects import Effects, Plan, effects_of
from carbondrivers.attribution.path_estimates import Estimates
from carbondrivers.attribution.path_joint import implied_jointly

Rows = list[dict[str, object]]
NEGLIGIBLE_R = 0.1
MOST_CONDITION = 1e12
SINGULAR = "undefined: a variable is an exact sum of others, so that there is no likelihood: take one of them out"
SATURATED = "saturated: every pair has an arrow, so that nothing is left to test"


@dataclass(slots=True, eq=False)
class Case:
    """One model in one group.

    Attributes
    ----------
    group, method : str
        The first two columns of every table.
    found : Estimates
        The fit.
    fields : Fields
        Rows and their places, for effective sizes.
    confidence : float
        Level of the intervals.
    """

    group: str
    method: str
    found: Estimates
    fields: Fields
    confidence: float

    def keyed(self, rows: Rows) -> Rows:
        """Return rows with the group and the method before them."""
        return [{"group": self.group, "method": self.method} | row for row in rows]

    def sizes(self) -> Floats:
        """Return the effective number of observations of every coefficient, in the order of the edges.

        It is that of the errors of the equation and of what the other causes leave of the driver: their autocorrelations
        make the variance of the coefficient.
        """
        found, at, made = self.found, self.fields.at, []
        if at is None:
            return np.full(len(found.model.edges), np.nan)
        for response in found.model.endogenous:
            causes = found.causes(response)
            errors = products(self.fields.rest(found.r, found.at(response)[0], causes), at)
            for driver in causes:
                rest = self.fields.rest(found.r, driver, [i for i in causes if i != driver])
                made.append(spatial_size(errors, products(rest, at), at))
        return np.array(made, dtype=np.float64)


def coefficient_rows(case: Case, sizes: Floats) -> Rows:
    """Return one row an arrow."""
    found, edges = case.found, case.found.model.edges
    sd = dict(zip(found.names, found.moments.sd, strict=True))
    one = [found.regressions[response] for response, _ in edges]
    place = [found.model.equations[response].index(driver) for response, driver in edges]
    value = np.array([e.coefficients[k] for e, k in zip(one, place, strict=True)])
    vif = np.array([e.inverse[k, k] for e, k in zip(one, place, strict=True)])
    left = np.array([e.unexplained for e in one])
    scale = np.array([sd[response] / sd[driver] for response, driver in edges])
    df = np.array([found.df(response) for response, _ in edges], dtype=np.float64)
    df_eff = sizes - (found.moments.n - df)
    error = np.sqrt(left * vif / df)
    naive = t_tests(value, error, scale, df, case.confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        corrected = t_tests(value, error * np.sqrt(df / df_eff), scale, df_eff, case.confidence)
    columns = {"estimate": value * scale, "std_estimate": value, "std_error": error * scale, "n_eff": sizes, "vif": vif}
    columns |= naive | {corrected_name(key): v for key, v in corrected.items()}
    rows: Rows = []
    for i, (response, driver) in enumerate(edges):
        note = SMALL_N if case.fields.at is not None and not df_eff[i] >= 1.0 else ""
        row: dict[str, object] = {"response": response, "driver": driver, "n": found.moments.n, "note": note}
        rows.append(row | {key: v[i] for key, v in columns.items()})
    return case.keyed(rows)


def t_tests(value: Floats, error: Floats, scale: Floats, df: Floats, confidence: float) -> dict[str, Floats]:
    """Return t, df, p, log10 p and interval (in units, by `scale`) of coefficients, (k,) each; NaN where df is below 1."""
    known = np.isfinite(error) & (df >= 1.0)
    df, error = np.where(known, df, np.nan), np.where(known, error, np.nan)
    t = value / error
    p, log10_p = two_sided_t(t, df)
    reach = special.stdtrit(df, 0.5 + confidence / 2.0) * error
    ends = {"ci_low": (value - reach) * scale, "ci_high": (value + reach) * scale}
    return {"statistic": t, "df": df, "p": p, "log10_p": log10_p} | ends


def r2_rows(case: Case) -> Rows:
    """Return one row an equation."""
    found = case.found
    mean, sd = (dict(zip(found.names, values, strict=True)) for values in (found.moments.mean, found.moments.sd))
    rows: Rows = []
    for response in found.model.endogenous:
        one, drivers = found.regressions[response], found.model.equations[response]
        slopes = [c * sd[response] / sd[d] for c, d in zip(one.coefficients, drivers, strict=True)]
        intercept = mean[response] - sum(s * mean[d] for s, d in zip(slopes, drivers, strict=True))
        df = found.df(response)
        rmse = sd[response] * np.sqrt(one.unexplained * (found.moments.n - found.moments.lost) / df)
        rows.append(
            {"response": response, "r2": 1.0 - one.unexplained, "intercept": intercept, "rmse": rmse, "df": df,
             "n": found.moments.n}
        )  # fmt: skip
    return case.keyed(rows)


def claims_of(case: Case) -> Rows:
    """Return one row a claim, with the p of a negligible partial correlation."""
    rows = claim_rows(case.found, case.fields, case.confidence)
    r, df = (np.array([row[key] for row in rows], dtype=np.float64) for key in ("r_partial", "df"))
    alike = equivalence_p(r, df, NEGLIGIBLE_R)
    return case.keyed([row | {"p_equivalent": p} for row, p in zip(rows, alike, strict=True)])


def indices(found: Estimates) -> FitIndices:
    """Return the likelihood fit of a model, correlated errors fitted jointly."""
    model, n, p = found.model, found.moments.n, len(found.names)
    inner, outer = len(model.endogenous), found.at(*model.exogenous)
    sigma = implied_jointly(found)
    _, log_r = np.linalg.slogdet(found.r)
    log_outer = float(np.linalg.slogdet(found.r[np.ix_(outer, outer)])[1]) if outer else 0.0
    inner_pairs = inner * (inner - 1) // 2 + inner * len(outer)
    loose = sum(1 for pair in model.correlated if set(pair) & set(model.equations))
    df = inner_pairs - len(model.edges) - loose
    # A saturated model reproduces the matrix; what the logarithms leave is rounding.
    singular = not np.isfinite(log_r) or bool(np.linalg.cond(found.r) > MOST_CONDITION)
    if singular and df > 0:
        return _undefined(len(model.edges) + inner + loose, df, n, inner_pairs)
    chi2 = max(n * discrepancy(found.r, sigma), 0.0) if df > 0 else 0.0
    sizes = np.diag(found.moments.cross)[found.at(*model.endogenous)] / n
    saturated = -0.5 * n * (inner * (np.log(2.0 * np.pi) + 1.0) + np.log(sizes).sum() + log_r - log_outer)
    return fit_indices(
        chi2=chi2, df=df, n=n, parameters=len(model.edges) + inner + loose, chi2_baseline=n * (log_outer - log_r),
        df_baseline=inner_pairs, srmr=srmr_of(found.r, sigma) if p > 1 else np.nan,
        log_likelihood=float(saturated) - chi2 / 2.0,
    )  # fmt: skip


def _undefined(parameters: int, df: int, n: int, df_baseline: int) -> FitIndices:
    """Return fit indices without a number: a variable is an exact sum of others, so that there is no likelihood."""
    return fit_indices(
        chi2=np.nan, df=df, n=n, parameters=parameters, chi2_baseline=np.nan, df_baseline=df_baseline, srmr=np.nan,
        log_likelihood=np.nan,
    )  # fmt: skip


def fit_rows(case: Case, claims: Rows) -> Rows:
    """Return one row a measure of fit."""
    found = case.found
    parts = indices(found)
    n, k = found.moments.n, len(claims)
    spread = {key: np.array([row[key] for row in claims], dtype=np.float64) for key in ("log10_p", "log10_p_eff", "n_eff")}
    c, df, p, log10_p = fisher_c(spread["log10_p"])
    note = "" if k else SATURATED if parts.df == 0 else "no claim follows from the graph alone: see chi2"
    if k and not np.isfinite(c):
        note = "undefined: a claim has no P, for what is held determines one of its two variables (see the claims)"
    rows: Rows = [
        {"measure": "claims", "estimate": k, "n": n, "note": note or few_claims(k)},
        {"measure": "fisher_c", "estimate": c, "df": df, "p": p, "log10_p": log10_p, "n": n, "note": note},
    ]
    if case.fields.at is not None:
        c_eff, df, p, log10_p = fisher_c(spread["log10_p_eff"])
        least = float(np.min(spread["n_eff"])) if k else np.nan
        said = note or ("" if np.isfinite(c_eff) else "undefined: a claim has too few effective observations")
        rows.append(
            {"measure": "fisher_c_eff", "estimate": c_eff, "df": df, "p": p, "log10_p": log10_p, "n": least, "note": said}
        )
    parameters = parts.parameters + len(found.model.endogenous) * found.moments.lost
    rows.append({"measure": "aic_c", "estimate": c + 2.0 * parameters, "n": n, "note": note})
    chi2_note = SATURATED if parts.df == 0 else "" if np.isfinite(parts.chi2) else SINGULAR
    rows += [
        {"measure": "chi2", "estimate": parts.chi2, "df": parts.df, "p": parts.p, "log10_p": parts.log10_p, "n": n,
         "note": chi2_note},
        {"measure": "rmsea", "estimate": parts.rmsea, "ci_low": parts.rmsea_low, "ci_high": parts.rmsea_high, "n": n,
         "p": parts.p_close, "note": chi2_note or "interval of 90 %; P is that of a close fit, RMSEA of 0.05 or less"},
    ]  # fmt: skip
    for measure in ("cfi", "tli", "srmr", "log_likelihood", "aic", "bic"):
        rows.append({"measure": measure, "estimate": getattr(parts, measure), "n": n})
    return case.keyed(rows)


def few_claims(k: int) -> str:
    """Return what must be said of so few claims; nothing where they are more than two."""
    claims = "one claim" if k == 1 else f"{k} claims"
    return f"C tests {claims} of independence only (df = {2 * k}): it says nothing of the arrows" if k <= FEW_CLAIMS else ""


def effect_rows(case: Case, wanted: Plan, sizes: Floats) -> Rows:
    """Return one row an effect on the target, by the delta method."""
    found = case.found
    effects = effects_of(found.b, found.names, found.model, wanted)
    covariance = found.covariance(dict.fromkeys(found.model.endogenous, float(found.moments.n)))
    sd = dict(zip(found.names, found.moments.sd, strict=True))
    return case.keyed(delta_rows(effects, wanted, covariance, np.sqrt(found.moments.n / sizes), sd, case.confidence))


def delta_rows(
    effects: Effects, wanted: Plan, covariance: Floats, wide: Floats, sd: Mapping[str, float], confidence: float
) -> Rows:
    """Return one row an effect.

    Parameters
    ----------
    effects, wanted
        Standardised effects, and their target.
    covariance
        Of the standardised coefficients, (edges, edges).
    wide
        By how much the corrected standard error of each coefficient is wider, (edges,); NaN where that is not known.
    sd
        Of every variable, in its unit.
    confidence
        Level of the intervals.
    """
    pairs = effects.errors(covariance), _corrected_errors(effects, covariance, wide)
    z = float(special.ndtri(0.5 + confidence / 2.0))
    value = effects.standardised
    # An effect without a pathway is 0 by the model: it has no error and no test.
    error, error_eff = (np.where(pairs[0] == 0.0, np.nan, e) for e in pairs)
    with np.errstate(invalid="ignore"):
        log10_p = (np.log(2.0) + stats.norm.logsf(np.abs(value / error))) / LN10
        p_eff = 2.0 * special.ndtr(-np.abs(value / error_eff))
    columns = {
        "std_estimate": value, "std_error": error, "statistic": value / error, "p": 10.0**log10_p, "log10_p": log10_p,
        "ci_low": value - z * error, "ci_high": value + z * error, "std_error_eff": error_eff, "p_eff": p_eff,
        "ci_eff_low": value - z * error_eff, "ci_eff_high": value + z * error_eff,
    }  # fmt: skip
    rows: Rows = []
    for i, (source, level, path) in enumerate(effects.keys):
        row: dict[str, object] = {"driver": source, "response": wanted.target, "level": level, "path": path}
        row["estimate"] = value[i] * sd[wanted.target] / sd[source]
        rows.append(row | {key: v[i] for key, v in columns.items()})
    return rows


def _corrected_errors(effects: Effects, covariance: Floats, wide: Floats) -> Floats:
    """Return standard errors with every coefficient's widened, (effects,); NaN where a coefficient has no effective n."""
    known = np.isfinite(wide)
    spread = np.where(known, wide, 0.0)
    errors = effects.errors(covariance * np.outer(spread, spread))
    return np.where((effects.gradient[:, ~known] != 0.0).any(axis=1), np.nan, errors)
