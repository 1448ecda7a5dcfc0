"""Words of the optimal strata."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.optimal_strata import OptimalStrataResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import joined, number, p_text, spelled_rule

SELECTION = {
    "one_se": "the fewest classes whose cross-validated q lies within one standard error of the best one",
    "cv": "the largest cross-validated q",
    "max_q": "the largest q",
    "loess": "the number of classes after which q, smoothed over the number of classes, gains 5 % or less",
}


@text_of(OptimalStrataResult)
def optimal_strata_text(result: OptimalStrataResult) -> Text:
    """Return the driver that stratifies the response best in each group, with its cut and its test."""
    cut = result.chosen.loc[result.chosen["classes"].notna() & result.chosen["q"].notna()]
    findings = {str(g): _group(result, str(g), part) for g, part in cut.groupby("group", sort=False)}
    return by_group(findings, _methods(result))


def _group(result: OptimalStrataResult, group: str, part: pd.DataFrame) -> str:
    column = "q_cv" if part["q_cv"].notna().any() else "q"
    top = part.iloc[int(part[column].argmax())]
    crossed = f", cross-validated q = {number(float(top['q_cv']), 3)}" if pd.notna(top["q_cv"]) else ""
    sentence = (
        f"Optimal strata, {where(group)}: {result.label(str(top['driver']))}, cut into {int(top['cells'])} classes "
        f"({spelled_rule(str(top['method']))}), stratifies {result.label(str(top['response']))} best "
        f"(q = {number(float(top['q']), 3)}{crossed}, n = {int(top['n']):,})."
    )
    if part["p"].isna().all():
        return sentence
    p = "p_eff" if part["p_eff"].notna().any() else "p"
    kind = "keeps the response's autocorrelation" if p == "p_eff" else "permutes rows one by one"
    found = [result.label(str(d)) for d in part.loc[part[f"{p}_adjusted"] < 0.05, "driver"]]
    said = f"reach P < 0.05: {joined(found)}" if found else "no driver reaches P < 0.05"
    # The draw that is the data itself counts too.
    if (draws := int(result.parameters.get("permutations", 0))) < 20:
        said = f"no driver can reach P < 0.05 with {draws} draws"
    return f"{sentence} With a test that pays for the search over all drivers and {kind}, {said}{_of(top, p)}."


def _of(top: pd.Series, p: str) -> str:
    value = p_text(float(top[f"{p}_adjusted"]))
    return f" (P of this one {value if value.startswith('<') else '= ' + value})" if value else ""


def _methods(result: OptimalStrataResult) -> str:
    p = result.parameters
    rules = joined([spelled_rule(m) for m in p["methods"]])
    low, high = p["classes"]
    own = p["rules"] == "own"
    tested = (
        f"The largest q of each surface was tested by {p['permutations']} permutations that searched the same surface, alone "
        "and over all drivers (Westfall and Young 1993). "
        if own and p["permutations"]
        else ""
    )
    crossed = (
        f"The cross-validated q learns borders and class means on other folds of whole blocks ({p['folds']} folds) and "
        "scores them on the rows held out. "
        if own
        else f"Borders follow the rules of the R package {p['rules']}. "
    )
    return (
        f"Each continuous driver was cut by every rule ({rules}) into {low} to {high} classes, within each group; classes of "
        f"fewer than {p['min_size']} rows were joined to a neighbour. Chosen was {SELECTION[p['selection']]}. {crossed}{tested}"
        "q = 1 - SSW/SST is the share of the response's sum of squares that lies between classes (Wang et al. 2010); the "
        "search over cuts is that of Song et al. (2020)."
    )
