"""Tables of the sample: descriptive statistics, variables, rows left out."""

from __future__ import annotations

from carbondrivers.attribution.descriptive import SampleResult
from carbondrivers.reports.registry import Table, table_of


@table_of(SampleResult)
def sample_tables(result: SampleResult) -> list[Table]:
    """Return the descriptive table, the variables, and what was dropped (if anything)."""
    described = Table(
        "descriptive", "Descriptive statistics", result.descriptive, (),
        {"driver": "Variable", "estimate": "Mean", "sd": "SD", "min": "Min", "q25": "25 %", "median": "Median",
         "q75": "75 %", "max": "Max", "classes": "Classes", "mode": "Most frequent"},
    )  # fmt: skip
    variables = Table(
        "variables", "Variables", result.variables, (),
        {"name": "Name", "role": "Role", "label": "Label", "kind": "Kind"},
        ("name", "label", "role", "category", "unit", "kind"),
    )  # fmt: skip
    if result.dropped.empty:
        return [variables, described]
    dropped = Table("dropped", "Rows without a value", result.dropped, (), {"driver": "Variable", "n": "Rows", "note": "Note"})
    return [variables, described, dropped]
