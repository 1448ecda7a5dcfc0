"""Words of the path models."""

from __future__ import annotations

import math

import pandas as pd

from carbondrivers.attribution.path_result import OBSERVED, PRUNED, PathResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import joined, number, p_text

SCORES = {
    "composite": "each block is one composite score, weighted by the members' coefficients in the regression of the target on "
    "all variables of the model (Grace and Bollen 2008)",
    "pc1": "each block is the first principal component of its members",
    "mean": "each block is the mean of its standardised members",
    "sheaf": "blocks are the sizes of their members' effects (sheaf coefficients, Heise 1972)",
}


@text_of(PathResult)
def path_text(result: PathResult) -> Text:
    """Return the verdict on the model, the strongest effects and the warnings of each group."""
    method = _reported(result)
    findings: dict[str, str] = {}
    for group in result.fit["group"].drop_duplicates():
        fit = result.fit[(result.fit["group"] == group) & (result.fit["method"] == method)].set_index("measure")
        effects = result.effects[(result.effects["group"] == group) & (result.effects["method"] == method)]
        said = [_verdict(fit), *_strongest(result, effects), *_sensitive(result, str(group)), *_pruned(result, str(group))]
        findings[str(group)] = f"Path model, {where(str(group))}: {' '.join(said)}"
    return by_group(findings, _methods(result, method))


def _reported(result: PathResult) -> str:
    known = list(result.fit["method"].drop_duplicates())
    return next((method for method in known if method not in (OBSERVED, PRUNED)), OBSERVED)


def _verdict(fit: pd.DataFrame) -> str:
    value = {str(m): float(v) for m, v in zip(fit.index, fit["estimate"], strict=True)}
    p = {str(m): float(v) for m, v in zip(fit.index, fit["p"], strict=True)}
    claims = int(value["claims"])
    if math.isnan(value["fisher_c"]):
        if claims == 0:
            return "every pair has an arrow or a correlated error, so that nothing is left to test (no claim of independence)."
        return f"its {claims} claims of independence could not all be tested."
    words = f"{claims} claims of independence" if claims > 1 else "a single claim of independence"
    said = f"tested by {words}, Fisher's C = {number(value['fisher_c'])} (df = {2 * claims}, naive P {_p(p['fisher_c'])}"
    corrected = p.get("fisher_c_eff", p["fisher_c"])
    if math.isnan(corrected):
        return f"{said}); no test with the effective n, for a claim has too few effective observations."
    if "fisher_c_eff" in p:
        said += f"; with the effective n C = {number(value['fisher_c_eff'])}, P {_p(corrected)}"
    said += f"), RMSEA = {number(value['rmsea'], 3)}, SRMR = {number(value['srmr'], 3)}: "
    return said + ("the data contradict the model." if corrected < 0.05 else "the data do not contradict the model.")


def _p(value: float) -> str:
    text = p_text(float(value))
    return text if text.startswith("<") else f"= {text}"


def _strongest(result: PathResult, effects: pd.DataFrame) -> list[str]:
    totals = effects[(effects["level"] == "total") & effects["std_error"].notna()]
    if totals.empty:
        return []
    top = totals.iloc[int(totals["std_estimate"].abs().argmax())]
    parts = effects[effects["driver"] == top["driver"]].set_index("level")["std_estimate"]
    kinds = {"ci_boot": "block bootstrap", "ci_eff": "corrected", "ci": "naive"}
    kind = next(kind for kind in kinds if kind == "ci" or pd.notna(top[f"{kind}_low"]))
    low, high, how = float(top[f"{kind}_low"]), float(top[f"{kind}_high"]), kinds[kind]
    level = f"{100 * result.parameters['confidence']:g} %"
    return [
        f"The largest total effect on {result.label(str(top['response']))} is that of {result.label(str(top['driver']))}"
        f"{_direction(result, top)}, "
        f"{number(float(top['std_estimate']), 3)} standard deviations ({how} {level} interval {number(low, 3)} to "
        f"{number(high, 3)}): {number(float(parts['direct']), 3)} direct and {number(float(parts['indirect']), 3)} indirect."
    ]


def _direction(result: PathResult, top: pd.Series) -> str:
    """Return what a block score rises with, which gives its sign a meaning; nothing for a variable."""
    mine = (result.blocks["group"] == top["group"]) & (result.blocks["method"] == top["method"])
    key = result.blocks[mine & (result.blocks["block"] == top["driver"]) & (result.blocks["note"] != "")]
    return f" (its score rises with {result.label(str(key['driver'].iloc[0]))})" if len(key) else ""


def _sensitive(result: PathResult, group: str) -> list[str]:
    frame = result.sensitivity
    frame = frame[(frame["group"] == group) & (frame["method"] != "sheaf")]
    if frame.empty:
        return []
    totals = {str(block): part["total"] for block, part in frame.groupby("block")}
    flipped = [result.label(block) for block, v in totals.items() if (v > 0).any() and (v < 0).any()]
    decisive = frame["p_eff"].where(frame["p_eff"].notna(), frame["p"])
    said = []
    if flipped:
        said.append(f"The sign of the total effect of {joined(flipped)} depends on how the score is made.")
    if (decisive < 0.05).any() and not (decisive < 0.05).all():
        said.append(
            "So does the verdict on the model." if flipped else "The verdict on the model depends on how scores are made."
        )
    return said


def _pruned(result: PathResult, group: str) -> list[str]:
    frame = result.pruned[result.pruned["group"] == group]
    if frame.empty:
        return []
    gone = int((frame["level"] == "removed").sum())
    how = (
        "chosen on one half of the units, tested on the other"
        if result.parameters["prune"] == "split"
        else "a description: the rows that chose it cannot test it"
    )
    return [f"{gone} of {len(frame)} arrows were taken out of the pruned model ({how})."]


def _methods(result: PathResult, method: str) -> str:
    level = f"{100 * result.parameters['confidence']:g}"
    blocks = "" if not result.parameters["blocks"] or method == OBSERVED else f"In the reported model {SCORES[method]}. "
    factor = result.parameters["factor"]
    held = f"Class means of {result.label(factor)} were taken out of every variable. " if factor else ""
    return (
        "The path model was fitted piecewise, each equation by least squares (Lefcheck 2016), and tested as it was stated, "
        "before any arrow was taken out: by Fisher's C over the claims of independence of its basis set (Shipley 2000, 2009) "
        f"and by the likelihood ratio against the saturated model (Shipley and Douma 2020). {blocks}{held}"
        "Indirect effects are products of coefficients along a pathway, total effects the sum over all pathways (Bollen 1987); "
        f"standard errors are by the delta method, {level} % intervals also by resampling whole blocks of space. Corrected "
        "P-values put the effective number of observations (Clifford, Richardson and Hemon 1989) of the two residual fields in "
        "the place of n."
    )
