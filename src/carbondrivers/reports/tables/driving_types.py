"""Tables of driving types: shares of the classes by each P, and the rules."""

from __future__ import annotations

from carbondrivers.attribution.driving_types import CONVENTION, DrivingTypesResult
from carbondrivers.reports.registry import Table, table_of


@table_of(DrivingTypesResult)
def driving_types_tables(result: DrivingTypesResult) -> list[Table]:
    """Return the class shares and the rule table in words."""
    known = result.variables
    label = result.label(str(known.loc[known["role"] == "response", "name"].iloc[0]))
    origin = (CONVENTION,) if result.parameters["default_rules"] else ()
    return [
        Table(
            "driving_types_classes", f"Driving types of {label}", result.classes,
            (f"Shares are of the {result.classes['share_of'].iloc[0]} and add to 100 % for each P.",),
            {"level": "Class", "n": "Cells", "method": "P"}, ("method", "level", "n", "area_km2", "share"),
        ),
        Table(
            "driving_types_rules", "Rules of the driving types: the first that fits names the cell", result.rules, origin,
            {"rank": "Order", "level": "Class", "note": "Conditions"},
        ),
    ]  # fmt: skip
