"""Words of driving types."""

from __future__ import annotations

from carbondrivers.attribution.driving_types import LAYER, DrivingTypesResult
from carbondrivers.attribution.time_correlation import P_WORDS
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import largest_first


@text_of(DrivingTypesResult)
def driving_types_text(result: DrivingTypesResult) -> Text:
    """Return the shares of the classes by the chosen P, and by the naive one."""
    known = result.variables
    label = result.label(str(known.loc[known["role"] == "response", "name"].iloc[0]))
    chosen = P_WORDS[LAYER[result.parameters["significance"]]]
    findings = [_shares(result, label, method) for method in dict.fromkeys((chosen, P_WORDS["p"]))]
    return Text(tuple(findings), _methods(result))


def _shares(result: DrivingTypesResult, label: str, method: str) -> str:
    said = largest_first(result.classes.loc[result.classes["method"] == method])
    return f"Driving types of {label} ({method}): {said} (share of the {result.classes['share_of'].iloc[0]})."


def _methods(result: DrivingTypesResult) -> str:
    rules = "; ".join(f"{row['level']}: {row['note']}" for row in result.rules.to_dict("records"))
    origin = ", a convention of vegetation-climate studies in China" if result.parameters["default_rules"] else ""
    return (
        f"Cells were classed by the drivers that they follow, by a table of rules of which the first that fits names the cell"
        f"{origin}: {rules}. The map takes the {P_WORDS[LAYER[result.parameters['significance']]]}."
    )
