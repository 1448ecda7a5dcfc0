"""Words of the optimal zones."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.optimal_zones import OptimalZonesResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import number


@text_of(OptimalZonesResult)
def optimal_zones_text(result: OptimalZonesResult) -> Text:
    """Return q of the zones of all drivers and the largest share, in each group."""
    known = result.shares.dropna(subset="share")
    findings = {str(g): _group(result, str(g), part) for g, part in known.groupby("group", sort=False)}
    level = f"{100 * result.parameters['confidence']:g}"
    drawn = result.parameters["permutations"]
    tested = f"q of single drivers was tested by growing the tree again on {drawn} permuted responses. " if drawn else ""
    methods = (
        "Zones are the leaves of a least-squares regression tree (Breiman et al. 1984; nodes of 20 rows or more are split, "
        "leaves have 7 or more, and a split takes at least 1 % of the sum of squares off), for every subset of the drivers "
        f"(optimal zones, Luo et al. 2022). {tested}q of the zones of all drivers was split into Shapley shares, which add up "
        f"to it (Li et al. 2023); {level} % intervals are by a jackknife over ten groups of whole blocks."
    )
    return by_group(findings, methods)


def _group(result: OptimalZonesResult, group: str, part: pd.DataFrame) -> str:
    top = part.iloc[int(part["estimate"].argmax())]
    zones = result.zones.loc[result.zones["group"] == group]
    response = result.label(str(top["response"]))
    interval = (
        f", interval {number(float(top['ci_low']), 2)} to {number(float(top['ci_high']), 2)}" if pd.notna(top["ci_low"]) else ""
    )
    q, driver = number(float(zones["q"].iloc[0]), 3), result.label(str(top["driver"]))
    return (
        f"Optimal zones, {where(group)}: the {len(zones)} zones of all drivers explain q = {q} of {response}; the largest "
        f"Shapley share is that of {driver} ({number(float(top['estimate']), 3)}{interval}; "
        f"{100 * float(top['share']):.1f} % of that q, n = {int(top['n']):,})."
    )
