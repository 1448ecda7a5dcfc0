"""Words of the regional account."""

from __future__ import annotations

from carbondrivers.attribution.accounts import AccountResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number


@text_of(AccountResult)
def account_text(result: AccountResult) -> Text:
    """Return the mean over the years and, for a carbon flux, the mean total."""
    name = str(result.variables["name"].iloc[0]) if len(result.variables) else "response"
    table = result.annual
    first, last = int(table["year"].min()), int(table["year"].max())
    total = "" if table["total"].isna().all() else f", {number(float(table['total'].mean()), 3)} Tg C a-1 in total"
    finding = (
        f"Account: {result.label(name)} averaged {number(float(table['estimate'].mean()), 4)} {result.unit(name)} over "
        f"{first} to {last}{total}, on {number(float(table['area_km2'].mean()), 4)} km2."
    )
    return Text((finding,), "Regional means and totals are sums over cells weighted by true cell area.")
