"""Words of the diagnostic zones."""

from __future__ import annotations

from carbondrivers.attribution.zone_rules import INDISTINCT
from carbondrivers.attribution.zoning import METHODS, ZoningResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import largest_first, number, unit_words


@text_of(ZoningResult)
def zoning_text(result: ZoningResult) -> Text:
    """Return the shares of the zones by the chosen P, and by the naive one."""
    name = str(result.variables["name"].iloc[0])
    chosen = METHODS[result.parameters["significance"]]
    findings = [_shares(result, result.label(name), method) for method in dict.fromkeys((chosen, METHODS["naive"]))]
    return Text(tuple(findings), _methods(result, name))


def _shares(result: ZoningResult, label: str, method: str) -> str:
    said = largest_first(result.zones.loc[result.zones["method"] == method])
    return f"Zones of {label} ({method}): {said} (share of the {result.zones['share_of'].iloc[0]})."


def _methods(result: ZoningResult, name: str) -> str:
    rules = "; ".join(f"{row['level']}: {row['note']}" for row in result.rules.to_dict("records"))
    unit = unit_words(result.unit(name))
    reference = f"{number(result.parameters['reference'])} {unit}".rstrip()
    mean = ", the area-weighted mean of the map" if result.parameters["reference_is_mean"] else ""
    return (
        "Cells were put in zones by their level (mean over the years, high or low where it lies more than two standard errors "
        f"from {reference}{mean}), trend, persistence under the white-noise null and local Moran cluster, each at "
        f"P < {result.parameters['alpha']:g} ({METHODS[result.parameters['significance']]}), by a table of rules of which the "
        f"first that fits names the cell: {rules}. Cells that no rule fits are '{INDISTINCT.lower()}' where neither trend nor "
        "persistence nor cluster can be told from chance, else undetermined."
    )
