"""Words of the correlation."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from carbondrivers.attribution.correlation import CorrelationResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number, p_text

METHODS = {"pearson": "correlated", "partial": "partially correlated"}


@text_of(CorrelationResult)
def correlation_text(result: CorrelationResult) -> Text:
    """Return the strongest correlation of each group, and how many drivers stay significant with effective n."""
    findings: dict[str, str] = {}
    for group, part in result.correlations.groupby("group", sort=False):
        said = [_strongest(result, rows) for _, rows in part.groupby("method", sort=False) if rows["r"].notna().any()]
        if said:
            findings[str(group)] = f"Correlation, {where(str(group))}: {' '.join(said)}"
    return by_group(findings, _methods(result))


def _strongest(result: CorrelationResult, rows: pd.DataFrame) -> str:
    top = rows.iloc[int(rows["r"].abs().argmax())]
    driver, response = result.label(str(top["driver"])), result.label(str(top["response"]))
    ps = [
        f", {words} {_p(float(top[key]))}" for words, key in (("naive P", "p"), ("corrected P", "p_eff")) if _p(float(top[key]))
    ]
    size = f", effective n = {number(float(top['n_eff']), 3)}" if pd.notna(top["n_eff"]) else ""
    sentence = (
        f"{driver} is the most strongly {METHODS[str(top['method'])]} with {response} "
        f"(r = {number(float(top['r']), 3)}, n = {int(top['n']):,}{size}{''.join(ps)})."
    )
    if rows["p_eff"].isna().all():
        return sentence
    naive, corrected = (int((rows[key] < 0.05).sum()) for key in ("p", "p_eff"))
    return f"{sentence} Of {len(rows)} drivers {naive} reach P < 0.05 naively and {corrected} with the effective n."


def _p(value: float) -> str:
    text = p_text(value)
    return text if not text or text.startswith("<") else f"= {text}"


def _methods(result: CorrelationResult) -> str:
    level = f"{100 * result.parameters['confidence']:g}"
    partial = ""
    if "partial" in result.parameters["kind"]:
        held = result.parameters["controls"]
        named = "all other continuous drivers" if held is None else ", ".join(result.label(name) for name in held)
        partial = f"Partial coefficients are those of the residuals on {named}, with one degree of freedom less for each. "
    how = (
        f"(modified t test, Dutilleul 1993), from Moran's I of both variables in {_classes(result)}"
        if result.parameters["effective"] == "dutilleul"
        else "(Clifford, Richardson and Hemon 1989), from the autocovariances of both variables in rings one cell wide"
    )
    return (
        "Pearson's correlation coefficient of the response with each continuous driver was tested by Student's t with "
        f"n - 2 degrees of freedom; {level} % intervals are by Fisher's z transformation (Fisher 1921). {partial}"
        "P-values were adjusted over the drivers of a group (Benjamini and Hochberg 1995). Naive P-values take rows as "
        f"independent; corrected ones put the effective number of observations in the place of n {how}."
    )


def _classes(result: CorrelationResult) -> str:
    number = result.parameters["classes"]
    return f"{number} classes of distance" if number else "classes of distance no wider than two distances of neighbours"


def by_group(sentences: Mapping[str, str], methods: str) -> Text:
    """Return sentences about the whole sample as findings, those about groups as details."""
    whole = tuple(s for group, s in sentences.items() if group == ALL)
    return Text(whole, methods, tuple(s for group, s in sentences.items() if group != ALL))


def where(group: str) -> str:
    """Return how a sentence names a group."""
    return "whole sample" if group == "all" else f"group {group}"
