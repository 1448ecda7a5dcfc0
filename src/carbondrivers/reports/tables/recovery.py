"""Table of planted truth and what was found."""

from __future__ import annotations

from carbondrivers.attribution.recovery import RecoveryResult
from carbondrivers.reports.registry import Table, table_of


@table_of(RecoveryResult)
def recovery_tables(result: RecoveryResult) -> list[Table]:
    """Return planted effects beside r and q, and the planted pairs."""
    found = Table(
        "recovery", "Planted effects (standardised) and what was found", result.recovery, (),
        {"direct": "Planted direct", "indirect": "Planted indirect", "total": "Planted total", "rank": "Planted rank",
         "p": "Naive P of r", "p_q": "Naive P of q", "planted": "Planted as", "note": "Remark"},
    )  # fmt: skip
    pairs = Table(
        "recovery_pairs", "Planted interacting pairs and the verdict on them", result.pairs, (),
        {"driver": "Driver 1", "driver_2": "Driver 2", "q_driver": "q of driver 1", "q_driver_2": "q of driver 2",
         "q": "q of the pair", "statistic": "F", "df": "df1", "df_2": "df2", "p": "Naive P"},
    )  # fmt: skip
    return [found, pairs] if len(result.pairs) else [found]
