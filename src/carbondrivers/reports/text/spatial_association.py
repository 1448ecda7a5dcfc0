"""Words of the spatial association."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.spatial_association import SpatialAssociationResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import number, p_text, weights


@text_of(SpatialAssociationResult)
def spatial_association_text(result: SpatialAssociationResult) -> Text:
    """Return the driver with the largest association, and the best set of drivers, in each group."""
    known = result.factors.dropna(subset="estimate")
    findings = {str(g): _group(result, str(g), part) for g, part in known.groupby("group", sort=False)}
    p = result.parameters
    low, high = p["classes"]
    methods = (
        f"Spatial association weights pairs of rows by {weights(float(p['power']))}. PSD is the share of the response's "
        "spatial variance that strata take off; for measured drivers, cut into "
        f"{low} to {high} classes ({p['method']}), PSMD is the "
        "mean of the PSD of the response over that of the driver (SPADE, Cang and Luo 2018). PID is the same ratio for zones "
        f"that several drivers make by overlay ({p['overlay']}; IDSA, Song and Wu 2021). P rests on {p['permutations']} draws."
    )
    return by_group(findings, methods)


def _group(result: SpatialAssociationResult, group: str, part: pd.DataFrame) -> str:
    top = part.iloc[int(part["estimate"].argmax())]
    kind = str(top["method"]).split(",")[0]
    ps = [(w, p_text(float(top[c]))) for w, c in (("naive P", "p"), ("corrected P", "p_eff"))]
    said = "".join(f", {words} {value if value.startswith('<') else '= ' + value}" for words, value in ps if value)
    sentence = (
        f"Spatial association, {where(group)}: {result.label(str(top['driver']))} has the largest association with "
        f"{result.label(str(top['response']))} ({kind} = {number(float(top['estimate']), 3)}{said}, n = {int(top['n']):,})."
    )
    zones = result.zones.loc[(result.zones["group"] == group) & result.zones["estimate"].notna()]
    if zones.empty:
        return sentence
    best = zones.sort_values("rank").iloc[0]
    return (
        f"{sentence} Of measured drivers together, {best['level']} has the largest PID ({number(float(best['estimate']), 3)})."
    )
