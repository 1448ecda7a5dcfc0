"""Words of the collinearity of drivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carbondrivers.attribution.collinearity import CENTRED, KEPT, REMOVED, CollinearityResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import joined, number


@text_of(CollinearityResult)
def collinearity_text(result: CollinearityResult) -> Text:
    """Return how many drivers remain in each group, which went and why."""
    findings: dict[str, str] = {}
    for group, part in result.drivers.groupby("group", sort=False):
        screened = part.loc[part["level"].isin([KEPT, REMOVED])]
        if len(screened):
            findings[str(group)] = f"Collinearity, {where(str(group))}: {_selection(result, str(group), len(screened))}"
    return by_group(findings, _methods(result))


def _selection(result: CollinearityResult, group: str, drivers: int) -> str:
    steps = result.selection.loc[result.selection["group"] == group].to_dict("records")
    condition = result.condition.loc[(result.condition["group"] == group) & (result.condition["method"] == CENTRED)]
    before, after = (float(value) for value in condition["condition"])
    if not steps:
        several = f"all {drivers} drivers are kept" if drivers > 1 else "the only driver is kept"
        return f"{several}; none is beyond a threshold (condition number {number(before, 3)})."
    kept = result.drivers.loc[(result.drivers["group"] == group) & (result.drivers["level"] == KEPT), "driver"]
    went = joined([_step(result, row) for row in steps])
    return (
        f"of {drivers} drivers {len(kept)} are kept ({joined([result.label(str(name)) for name in kept])}). Taken out, in this "
        f"order: {went}. The condition number falls from {number(before, 3)} to {number(after, 3)}."
    )


def _step(result: CollinearityResult, row: Mapping[Any, Any]) -> str:
    alike = f", r = {number(float(row['r']), 2)} with {result.label(str(row['driver_2']))}" if row["driver_2"] else ""
    return f"{result.label(str(row['driver']))} (VIF {number(float(row['vif']), 3)}{alike})"


def _methods(result: CollinearityResult) -> str:
    vif, r = result.parameters["threshold_vif"], result.parameters["threshold_r"]
    held = result.parameters["keep"]
    never = f" Never taken out: {joined([result.label(name) for name in held])}." if held else ""
    return (
        f"Continuous drivers were screened for collinearity: while a variance inflation factor exceeded {vif:g}, the driver "
        f"with the largest one was taken out; then, while two drivers had |r| over {r:g}, the one of the two that is less "
        f"correlated with the response.{never} Condition numbers follow Belsley, Kuh and Welsch (1980). Correlations were "
        "tested with all rows as independent (naive) and with the effective number of observations (Clifford, Richardson and "
        "Hemon 1989)."
    )
