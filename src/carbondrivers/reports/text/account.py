"""Words of the regional account."""

from __future__ import annotations

from carbondrivers.attribution.accounts import AccountResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import quantity


@text_of(AccountResult)
def account_text(result: AccountResult) -> Text:
    """Return the mean over the years and, for a carbon flux, the mean total."""
    name = str(result.variables["name"].iloc[0]) if len(result.variables) else "response"
    table = result.annual
    first, last = int(table["year"].min()), int(table["year"].max())
    total = "" if table["total"].isna().all() else f", {quantity(float(table['total'].mean()), 'Tg C a-1', 3)} in total"
    finding = (
        f"Account: {result.label(name)} averaged {quantity(float(table['estimate'].mean()), result.unit(name))} over "
        f"{first} to {last}{total}, on {quantity(float(table['area_km2'].mean()), 'km2')}."
    )
    return Text((finding,), "Regional means and totals are sums over cells weighted by true cell area.")
