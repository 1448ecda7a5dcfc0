"""Words of planted truth and what was found."""

from __future__ import annotations

from carbondrivers.attribution.recovery import RecoveryResult
from carbondrivers.reports.registry import Text, text_of


@text_of(RecoveryResult)
def recovery_text(result: RecoveryResult) -> Text:
    """Return whether the planted strongest driver was named, and which null drivers fool a naive P."""
    methods = (
        "The multi-year mean of NEP was planted: a structural causal model on standardised drivers wrote it, whose direct, "
        "indirect and total effects are known and are set beside the statistics."
    )
    return Text(tuple(f"Truth: {note}" for note in result.notes), methods)
