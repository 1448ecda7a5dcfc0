"""Table of the regional account."""

from __future__ import annotations

from carbondrivers.attribution.accounts import AccountResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import unit_words


@table_of(AccountResult)
def account_tables(result: AccountResult) -> list[Table]:
    """Return mean and total by year."""
    name = str(result.variables["name"].iloc[0]) if len(result.variables) else "response"
    label, unit = result.label(name), result.unit(name)
    headings = {
        "estimate": f"Mean {label} ({unit_words(unit)})" if unit else f"Mean {label}",
        "total": "Total (Tg C a⁻¹)",
    }
    columns = ["year", "estimate", "total", "area_km2", "n"]
    if result.annual["total"].isna().all():
        columns.remove("total")
    title = f"{label} of the region by year"
    return [Table("account", title, result.annual, (), headings | {"n": "Cells"}, tuple(columns))]
