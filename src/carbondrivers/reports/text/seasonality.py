"""Words of the seasonality."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from carbondrivers.attribution.seasonality import SeasonalityResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import MONTHS, joined, number, quantity

MONTHLY = "g C m-2 month-1"
LONG = {
    "gpp": "gross primary productivity", "nep": "net ecosystem productivity", "npp": "net primary productivity",
    "ra": "autotrophic respiration", "rm": "maintenance respiration", "rh": "heterotrophic respiration",
    "rs": "soil respiration", "er": "ecosystem respiration",
}  # fmt: skip


@text_of(SeasonalityResult)
def seasonality_text(result: SeasonalityResult) -> Text:
    """Return the months of maximum and minimum, sinks and the annual sum of the whole area, and of each zone in short."""
    main = result.parameters["fluxes"][0]
    whole = result.cycle.loc[result.cycle["group"] == "all"]
    findings = [_extremes(result, str(name), part) for name, part in whole.groupby("response", sort=False)]
    findings += _sinks(result, whole.loc[whole["response"] == main])
    zones = result.timing.loc[(result.timing["group"] != "all") & (result.timing["response"] == main)]
    details = tuple(_zone(result, row) for row in zones.to_dict("records"))
    return Text(tuple(findings), _methods(result), details)


def _extremes(result: SeasonalityResult, name: str, cycle: pd.DataFrame) -> str:
    rows = cycle.to_dict("records")
    high, low = (rows[int(pick(cycle["estimate"].to_numpy()))] for pick in (np.argmax, np.argmin))
    first, last = result.parameters["years"]
    span = f"{first} to {last}" if first != last else f"{first}"
    if high["estimate"] == low["estimate"]:
        return f"Seasonality: mean {result.label(name)} of {span} is the same in every month{_annual(result, name)}."
    return (
        f"Seasonality: mean {result.label(name)} of {span} is highest in {_with_interval(high)} and lowest in "
        f"{_with_interval(low)}{_annual(result, name)}."
    )


def _with_interval(row: dict[Any, Any]) -> str:
    words = f"{MONTHS[int(row['month']) - 1]} ({quantity(float(row['estimate']), MONTHLY)}"
    if not np.isfinite(row["ci_low"]):
        return f"{words})"
    return f"{words}, 95 % CI {number(float(row['ci_low']))} to {number(float(row['ci_high']))})"


def _annual(result: SeasonalityResult, name: str) -> str:
    table = result.annual
    row = table.loc[(table["group"] == "all") & (table["response"] == name)].iloc[0]
    if not np.isfinite(row["estimate"]):
        return ""
    total = f", {quantity(float(row['total']), 'Tg C a-1')} in total" if np.isfinite(row["total"]) else ""
    return f"; a whole year sums to {quantity(float(row['estimate']), 'g C m-2 a-1')}{total}"


def _sinks(result: SeasonalityResult, cycle: pd.DataFrame) -> list[str]:
    """Say in which months the whole area is a sink, and how much of it is; nothing of a flux that is no balance."""
    if cycle["share"].isna().all():
        return []
    high, low = (cycle.loc[cycle["share"] == pick].iloc[0] for pick in (cycle["share"].max(), cycle["share"].min()))
    return [
        f"The area as a whole is a sink ({result.label(str(cycle['response'].iloc[0]))} above zero) "
        f"{_months(cycle['estimate'].to_numpy() > 0)}; the share of the {high['share_of']} that is a sink runs from "
        f"{100 * low['share']:.1f} % in {MONTHS[int(low['month']) - 1]} to {100 * high['share']:.1f} % in "
        f"{MONTHS[int(high['month']) - 1]}."
    ]


def _months(inside: np.ndarray) -> str:
    """Return which of twelve months are meant; a run of months, also over the end of the year, by its ends."""
    if inside.all() or not inside.any():
        return "in every month" if inside.all() else "in no month"
    starts = np.flatnonzero(inside & ~np.roll(inside, 1))
    if len(starts) == 1 and inside.sum() > 2:
        end = int(starts[0] + inside.sum() - 1) % 12
        return f"from {MONTHS[int(starts[0])]} to {MONTHS[end]}"
    return f"in {joined([MONTHS[int(month)] for month in np.flatnonzero(inside)])}"


def _zone(result: SeasonalityResult, row: dict[Any, Any]) -> str:
    label = result.label(str(row["response"]))
    words = [f"amplitude {quantity(float(row['amplitude']), MONTHLY)}"]
    if np.isfinite(row["month"]):
        words.insert(0, f"maximum in {MONTHS[int(row['month']) - 1]}")
    if np.isfinite(row["month_mean"]):
        name = MONTHS[round(float(row["month_mean"]) - 1) % 12]
        words.append(f"maxima of cells about {name} (resultant length {float(row['resultant']):.2f})")
    if np.isfinite(row["sink_months"]):
        words.append(f"above zero in {int(row['sink_months'])} months")
    return f"{row['level']} ({100 * row['share']:.1f} % of the {row['share_of']}): {label} with {', '.join(words)}."


def _methods(result: SeasonalityResult) -> str:
    names = [
        f"{result.label(name)} ({LONG[name]})" if name in LONG else result.label(name) for name in result.parameters["fluxes"]
    ]
    return (
        f"The mean year of {joined(names)} is the mean of each month over the years, for cells with at least "
        f"{result.parameters['min_valid']} years in every month; curves of zones are weighted by true cell area. Intervals of "
        "the mean take years as replicates, with an effective number of years from the lag-1 correlation (Zwiers and von "
        "Storch 1995; bias of short series after Marriott and Pope 1954), pooled over the months of a curve; a year is a "
        f"replicate where {100 * result.parameters['min_coverage']:g} % of a zone's area has values. Annual sums are of whole "
        "years. Mean months of maxima are circular means over cells, weighted by area (Mardia and Jupp 2000)."
    )
