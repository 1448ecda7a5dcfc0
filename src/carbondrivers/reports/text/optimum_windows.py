"""Words of the optimum windows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbondrivers.attribution.optimum_windows import OptimumWindowsResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import number, quantity


def window_words(result: OptimumWindowsResult, row: pd.Series) -> str:
    """Return ``"Precipitation 200 to 400 mm and Temperature 8 to 12 °C"``."""
    parts = [(str(row["driver"]), row["level"], row["lower"], row["upper"])]
    if row["driver_2"]:
        parts.append((str(row["driver_2"]), row["level_2"], row["lower_2"], row["upper_2"]))
    return " and ".join(_part(result, *part) for part in parts)


def _part(result: OptimumWindowsResult, driver: str, level: str, low: float, high: float) -> str:
    name = result.label(driver)
    if not np.isfinite(low):
        return f"{name} {level}"
    return f"{name} {number(float(low), 3)} to {quantity(float(high), result.unit(driver), 3)}"


@text_of(OptimumWindowsResult)
def optimum_windows_text(result: OptimumWindowsResult) -> Text:
    """Return the best window of one driver and of a pair, in each group."""
    known = result.windows.dropna(subset="estimate")
    findings = {str(g): _group(result, str(g), part) for g, part in known.groupby("group", sort=False)}
    p = result.parameters
    how = f"{p['classes']} classes ({p['method']})" + (", or by borders of one's own" if p["borders"] else "")
    methods = (
        f"The optimum window of a driver is the stratum with the {p['side']} mean response, that of a pair the crossing of "
        f"their strata, among those of {p['min_size']} rows or more (risk detector, Wang et al. 2010); continuous drivers were "
        f"cut into {how} within each group. Intervals of {100 * p['confidence']:g} % are simultaneous over all strata compared "
        f"(Dunn 1961), from {p['replicates']} resamples of blocks of space, which also say how often the same window wins."
    )
    return by_group(findings, methods)


def _group(result: OptimumWindowsResult, group: str, part: pd.DataFrame) -> str:
    side = str(result.parameters["side"])
    best = [_best(rows, side) for rows in (part[part["driver_2"] == ""], part[part["driver_2"] != ""]) if len(rows)]
    unit = result.unit(str(part["response"].iloc[0]))
    mean = float(result.means.loc[result.means["group"] == group, "estimate"].iloc[0])
    said = "; of pairs, at ".join(f"{window_words(result, row)} ({_numbers(row, unit)})" for row in best)
    response = result.label(str(part["response"].iloc[0]))
    whole = "all rows" if group == ALL else "all rows of the group"
    return f"Optimum windows, {where(group)}: {response} is {side} at {said}; its mean over {whole} is {quantity(mean, unit)}."


def _best(rows: pd.DataFrame, side: str) -> pd.Series:
    return rows.iloc[int(rows["estimate"].argmax() if side == "highest" else rows["estimate"].argmin())]


def _numbers(row: pd.Series, unit: str) -> str:
    ends = ("ci_eff_low", "ci_eff_high") if pd.notna(row["ci_eff_low"]) else ("ci_low", "ci_high")
    kind = "" if ends[0] == "ci_eff_low" else "naive "
    low, high = (number(float(row[end]), 3) for end in ends)
    sure = f"; wins in {100 * float(row['share']):.0f} % of block resamples" if pd.notna(row["share"]) else ""
    return f"mean {quantity(float(row['estimate']), unit, 3)}, {kind}interval {low} to {high}, n = {int(row['n']):,}{sure}"
