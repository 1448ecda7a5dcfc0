"""Words of the latent model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbondrivers.attribution.latent_model import LatentResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import number, p_text


@text_of(LatentResult)
def latent_text(result: LatentResult) -> Text:
    """Return fit and strongest effect of each group, or that and why it was refused."""
    found = {str(group): _sentence(result, str(group), rows) for group, rows in result.fit.groupby("group", sort=False)}
    return by_group(found, _methods(result))


def _sentence(result: LatentResult, group: str, rows: pd.DataFrame) -> str:
    fit = rows.set_index("measure")
    head = f"Latent model, {where(group)}: "
    if "refused" in fit.index:
        return f"{head}refused. {_capital(str(fit['note']['refused']))}."
    n = f"n = {int(fit['n']['cfi']):,}"
    said = [_test(fit, "chi2", "χ²"), _test(fit, "chi2_eff", "scaled by blocks of space χ²")]
    said += [
        f"{m.upper()} = {number(float(fit['estimate'][m]), 3)}" for m in ("cfi", "rmsea", "srmr") if fit["estimate"].notna()[m]
    ]
    tested = "saturated, so that nothing is tested" if fit["df"]["chi2"] == 0 else ", ".join(part for part in said if part)
    return f"{head}{tested} ({n}).{_strongest(result, group)}"


def _test(fit: pd.DataFrame, measure: str, name: str) -> str:
    if measure not in fit.index or not np.isfinite(fit["estimate"][measure]):
        return ""
    p = p_text(float(fit["p"][measure]))
    df = f"{float(fit['df'][measure]):.0f}"
    effective = f", effective n = {number(float(fit['n'][measure]), 3)}" if measure == "chi2_eff" else ""
    return (
        f"{name} = {number(float(fit['estimate'][measure]))} (df = {df}, P {p if p.startswith('<') else f'= {p}'}{effective})"
    )


def _strongest(result: LatentResult, group: str) -> str:
    effects = result.effects[(result.effects["group"] == group) & (result.effects["level"] == "total")]
    effects = effects[effects["std_estimate"].notna()]
    wanted = result.variables.loc[result.variables["role"] == "response", "name"]
    effects = effects[effects["response"].isin(wanted)] if effects["response"].isin(wanted).any() else effects
    if effects.empty:
        return ""
    top = effects.iloc[int(effects["std_estimate"].abs().argmax())]
    ends = "ci_eff" if np.isfinite(top["ci_eff_low"]) else "ci"
    kind = "from blocks of space" if ends == "ci_eff" else "naive"
    level = f"{100 * result.parameters['confidence']:g} %"
    low, high = (number(float(top[f"{ends}_{end}"]), 3) for end in ("low", "high"))
    return (
        f" The largest total effect is that of {result.label(str(top['driver']))} on {result.label(str(top['response']))}, "
        f"{number(float(top['std_estimate']), 3)} standard deviations ({level} interval {kind} {low} to {high})."
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _methods(result: LatentResult) -> str:
    corrected = (
        " Corrected errors and the scaled chi-squared are made from sums over square blocks of space (Liang and Zeger 1986; "
        "Satorra and Bentler 1994)."
        if result.coefficients["p_eff"].notna().any()
        else ""
    )
    return (
        "A structural equation model with reflective latent variables was fitted by maximum likelihood to standardised "
        "variables with semopy (Meshcheryakov et al. 2021). A fit was kept only where two optimisers agreed, the gradient was "
        "zero, every variance was above zero and all parameters were identified. Chi-squared, degrees of freedom, CFI, TLI, "
        "RMSEA (90 % interval), SRMR, AIC and BIC were computed from the implied covariance matrix; standard errors are those "
        f"of the expected information, those of standardised values and effects by the delta method.{corrected} "
        "Latent variables are taken as common causes of their indicators."
    )
