"""Words of the correlation."""

from __future__ import annotations

from collections.abc import Mapping

from carbondrivers.attribution.correlation import CorrelationResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number, p_text


@text_of(CorrelationResult)
def correlation_text(result: CorrelationResult) -> Text:
    """Return the strongest correlation of each group."""
    findings: dict[str, str] = {}
    for group, part in result.correlations.dropna(subset="r").groupby("group", sort=False):
        top = part.iloc[int(part["r"].abs().argmax())]
        driver, response = result.label(str(top["driver"])), result.label(str(top["response"]))
        p = p_text(float(top["p"]))
        naive = f", naive P {p if p.startswith('<') else '= ' + p}" if p else ""
        findings[str(group)] = (
            f"Correlation, {where(str(group))}: {driver} is the most strongly correlated with {response} "
            f"(r = {number(float(top['r']), 3)}, n = {int(top['n']):,}{naive})."
        )
    level = f"{100 * result.parameters['confidence']:g}"
    methods = (
        f"Pearson's correlation coefficient of the response with each continuous driver was tested by Student's t with "
        f"n - 2 degrees of freedom; {level} % intervals are by Fisher's z transformation (Fisher 1921). P-values were "
        "adjusted over the drivers of a group (Benjamini and Hochberg 1995). P-values and intervals take rows as independent "
        "and are called naive for that."
    )
    return by_group(findings, methods)


def by_group(sentences: Mapping[str, str], methods: str) -> Text:
    """Return sentences about the whole sample as findings, those about groups as details."""
    whole = tuple(s for group, s in sentences.items() if group == ALL)
    return Text(whole, methods, tuple(s for group, s in sentences.items() if group != ALL))


def where(group: str) -> str:
    """Return how a sentence names a group."""
    return "whole sample" if group == "all" else f"group {group}"
