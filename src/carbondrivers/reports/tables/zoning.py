"""Tables of the diagnostic zones: their shares by each P, the states they are made of, and the rules."""

from __future__ import annotations

from carbondrivers.attribution.zoning import OWN, ZoningResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import unit_words


@table_of(ZoningResult)
def zoning_tables(result: ZoningResult) -> list[Table]:
    """Return the shares of the zones, those of the states, and the rule table in words."""
    name = str(result.variables["name"].iloc[0])
    label, unit = result.label(name), unit_words(result.unit(name))
    of = f"Shares are of the {result.zones['share_of'].iloc[0]} and add to 100 %"
    return [
        Table(
            "zoning_zones", f"Zones of {label}", result.zones, (f"{of} for each P. Mean: area-weighted, of {label}.",),
            {"level": "Zone", "n": "Cells", "method": "P", "estimate": f"Mean ({unit})" if unit else "Mean"},
            ("method", "level", "n", "area_km2", "share", "estimate"),
        ),
        Table(
            "zoning_parts", f"What the zones of {label} are made of", result.parts, (f"{of} for each part and P.",),
            {"part": "Part", "level": "State", "n": "Cells", "method": "P"},
            ("method", "part", "level", "n", "area_km2", "share"),
        ),
        Table(
            "zoning_rules", "Rules of the zones: the first that fits names the cell", result.rules,
            (OWN,) if result.parameters["default_rules"] else (),
            {"rank": "Order", "level": "Zone", "note": "Conditions"},
        ),
    ]  # fmt: skip
