"""Words of the profiles along terrain."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.profile import ProfileResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number, quantity, unit_words


@text_of(ProfileResult)
def profile_text(result: ProfileResult) -> Text:
    """Return the bands with the highest and the lowest mean along each variable, among those that have an interval."""
    findings = [_peak(result, str(name), rows) for name, rows in result.profiles.groupby("driver", sort=False)]
    p = result.parameters
    methods = (
        "The response was averaged in bands of each terrain variable, cells weighted by their true area; aspects were cut "
        f"into eight winds of 45 degrees. Intervals ({100 * p['confidence']:g} %) are percentiles of {p['replicates']:,} "
        f"draws, with replacement, of square blocks of {p['blocks']} (block bootstrap; Lahiri 2003). A profile is of one "
        "variable at a time and holds what goes with it."
    )
    return Text(tuple(findings), methods)


def _peak(result: ProfileResult, name: str, rows: pd.DataFrame) -> str:
    response = str(result.variables["name"].iloc[0])
    label, unit = result.label(response), result.unit(response)
    sure = rows.loc[rows["ci_low"].notna()]
    if sure.empty:
        return f"Along {result.label(name).lower()}: no band lies in enough blocks for an interval of {label}."
    top, low = (sure.iloc[int(at)] for at in (sure["estimate"].argmax(), sure["estimate"].argmin()))
    left = len(rows) - len(sure)
    few = (
        f", {left} bands of fewer than 5 blocks left out"
        if left > 1
        else ", one band of fewer than 5 blocks left out"
        if left
        else ""
    )
    return (
        f"Along {result.label(name).lower()}: mean {label} is highest at {_band(result, name, top)} ({_mean(top, unit)}) and "
        f"lowest at {_band(result, name, low)} ({_mean(low, unit)}){few}."
    )


def _band(result: ProfileResult, name: str, row: pd.Series) -> str:
    if name in result.parameters["sectors"]:
        return str(row["level"])
    return f"{row['level']} {unit_words(result.unit(name))}".rstrip()


def _mean(row: pd.Series, unit: str) -> str:
    ends = f"{number(float(row['ci_low']), 3)} to {number(float(row['ci_high']), 3)}"
    return f"{quantity(float(row['estimate']), unit, 3)}, CI {ends}; {100 * row['share']:.1f} % of the area"
