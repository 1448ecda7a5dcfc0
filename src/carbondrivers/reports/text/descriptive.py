"""Words of the sample."""

from __future__ import annotations

from carbondrivers.attribution.descriptive import SampleResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import joined


@text_of(SampleResult)
def sample_text(result: SampleResult) -> Text:
    """Return the size of the sample and what was left out."""
    drivers = int((result.variables["role"] == "driver").sum())
    groups = [str(g) for g in result.descriptive["group"].unique() if g != "all"]
    parts = f", with groups {joined(groups)}" if groups else ""
    lost = result.dropped.loc[result.dropped["driver"] == "", "note"]
    left = f" {lost.iloc[0]}." if len(lost) else " No row was dropped."
    finding = f"Sample: {result.n:,} complete rows and {drivers} drivers{parts}.{left}"
    return Text((finding,), "Rows without a value of the response or of any driver were left out (complete cases).")
