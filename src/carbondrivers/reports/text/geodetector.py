"""Words of the geodetector."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import number

UNCLEAR = "not distinguishable"


@text_of(GeodetectorResult)
def geodetector_text(result: GeodetectorResult) -> Text:
    """Return the driver with the largest q and the strongest pair of each group."""
    findings = {g: _factor(result, g, part) for g, part in _groups(result.factors)}
    for g, part in _groups(result.interactions):
        findings[g] = f"{findings.get(g, '')} {_pair(result, g, part)}".strip()
    cut, classes = result.parameters["method"], result.parameters["classes"]
    methods = (
        "The geodetector's q = 1 - SSW/SST is the share of the response's sum of squares that lies between strata (Wang et "
        f"al. 2010, 2016). Continuous drivers were cut into {classes} classes ({cut}) within each group; categorical "
        "drivers are strata as they are. q was tested by the central F of the one-way analysis of variance, which does not "
        "depend on the origin of the response; epsilon² takes off what strata explain by chance. For each pair, q of the "
        "crossed strata is given with its classic type and with the F test of the part that an additive fit of both "
        "drivers leaves; without such a part at a naive P < 0.05, adjusted over the pairs of a group (Benjamini and Hochberg "
        "1995), a pair is called not distinguishable from additive."
    )
    return by_group(findings, methods)


def _groups(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(g), part) for g, part in table.dropna(subset=["q", "epsilon2"]).groupby("group", sort=False)]


def _factor(result: GeodetectorResult, group: str, part: pd.DataFrame) -> str:
    top = part.iloc[int(part["q"].argmax())]
    return (
        f"Geodetector, {where(group)}: {result.label(str(top['driver']))} explains the largest share of "
        f"{result.label(str(top['response']))} (q = {number(float(top['q']), 3)}, epsilon² = "
        f"{number(float(top['epsilon2']), 3)}, n = {int(top['n']):,})."
    )


def _pair(result: GeodetectorResult, group: str, part: pd.DataFrame) -> str:
    top = part.iloc[int(part["q"].argmax())]
    one, two = result.label(str(top["driver"])), result.label(str(top["driver_2"]))
    unclear, of = int((part["interaction"] == UNCLEAR).sum()), len(part)
    verdict = f"{UNCLEAR} from additive" if top["interaction"] == UNCLEAR else str(top["interaction"])
    return (
        f"Of the pairs, {one} and {two} explain most (q = {number(float(top['q']), 3)}, epsilon² = "
        f"{number(float(top['epsilon2']), 3)}, {verdict}); pairs not distinguishable from an additive effect: {unclear} of "
        f"{of} (adjusted naive P)."
    )
