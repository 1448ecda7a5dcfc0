"""Tables of the seasonality: months side by side, every month with its interval, annual sums, size and timing."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.seasonality import SeasonalityResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import MONTHS, unit_words

MONTHLY, YEARLY = unit_words("g C m-2 month-1"), unit_words("g C m-2 a-1")
WHERE = ("group", "level", "response")
HEADINGS = {
    "level": "Zone", "response": "Flux", "month": "Month", "estimate": "Mean", "sd": "SD between years",
    "std_error": "Standard error", "ci_low": "95 % CI, low", "ci_high": "95 % CI, high", "n": "Years",
    "n_eff": "Effective years",
}  # fmt: skip
TIMING = HEADINGS | {
    "n": "Cells", "share": "Share of area", "amplitude": f"Amplitude ({MONTHLY})", "sink_months": "Months above zero",
    "month": "Month of maximum", "month_mean": "Mean month of cells’ maxima", "resultant": "Resultant length",
}  # fmt: skip
SPREAD = ("estimate", "sd", "ci_low", "ci_high", "n", "n_eff", "total")
ABOUT_TIMING = (
    "Months are numbered from 1, January; the mean month is circular, by area, and a resultant length of 1 means one month in "
    "every cell."
)


@table_of(SeasonalityResult)
def seasonality_tables(result: SeasonalityResult) -> list[Table]:
    """Return the mean year by zone: an overview of the months, timing, annual sums, and the months in full."""
    cycle, annual, timing = result.cycle, result.annual, result.timing
    timed = ("n", "area_km2", "share", "amplitude", "month", "month_mean", "resultant", "sink_months")
    about = f"Shares are of the {timing['share_of'].iloc[0]}. {ABOUT_TIMING}"
    sinks = tuple(f"The share that is a sink is of the {of}." for of in sorted(set(cycle["share_of"]) - {""}))
    full = HEADINGS | {"total": "Total (Tg C month⁻¹)", "share": "Share that is a sink"}
    return [
        Table("seasonality_months", f"Mean year by zone ({MONTHLY})", _side_by_side(result), (), HEADINGS),
        Table(
            "seasonality_timing", "Size, amplitude and timing of the mean year by zone", timing, (about,), TIMING,
            _shown(timing, timed),
        ),
        Table(
            "seasonality_annual", f"Annual sums of whole years by zone ({YEARLY})", annual, (),
            HEADINGS | {"total": "Total (Tg C a⁻¹)"}, _shown(annual, SPREAD),
        ),
        Table(
            "seasonality_cycle", f"Every month of the mean year by zone ({MONTHLY})", cycle, sinks, full,
            _shown(cycle, ("month", *SPREAD, "area_km2", "share")),
        ),
    ]  # fmt: skip


def _side_by_side(result: SeasonalityResult) -> pd.DataFrame:
    """Return the monthly means with a column a month, zones and fluxes in their order."""
    each = result.cycle.loc[result.cycle["month"] == 1, list(WHERE)].reset_index(drop=True)
    months = result.cycle["estimate"].to_numpy().reshape(len(each), 12)
    return pd.concat([each, pd.DataFrame(months, columns=[name[:3] for name in MONTHS])], axis=1)


def _shown(table: pd.DataFrame, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out what is empty throughout: areas of an unknown grid, sinks of a flux that is none."""
    return (*WHERE, *(column for column in columns if table[column].notna().any()))
