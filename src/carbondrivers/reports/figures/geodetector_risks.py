"""Risk detector: the mean of the response in each stratum of each driver, with its interval and letters."""

from __future__ import annotations

import string

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.attribution.geodetector_verdicts import is_corrected
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, RULE_INK, Journal, drawing, plain, with_unit
from carbondrivers.reports.style import journal as journal_of
from carbondrivers.reports.words import unit_words

PANELS, COLUMNS, MOST_STRATA = 9, 3, 12
_PITCH_MM, _HEAD_MM = 3.6, 13.0
_TICK_MM = 2.0


def risks(
    result: GeodetectorResult, driver: str, ax: Axes | None = None, *, group: str = "all", journal: str | Journal = "jal"
) -> Axes:
    """Draw the mean of the response in every stratum of one driver.

    Parameters
    ----------
    result
        From the geodetector.
    driver
        One of the result's drivers.
    ax
        Where to draw; axes of their own where None.
    group
        One of the result's groups.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If the result has no such group or driver.
    """
    profile = journal_of(journal)
    choose(group, dict.fromkeys(result.strata["group"]), "group")
    choose(driver, dict.fromkeys(result.strata["driver"]), "driver")
    table = _strata_of(result, group, driver)
    with drawing(profile):
        size = profile.size - 0.5
        ax = panels.row_axes(profile, _PITCH_MM * len(table)) if ax is None else ax
        _draw(ax, result, table, [panels.fit_lines(name, 38.0, size) for name in _names(table)], size)
        ax.set_xlabel(_axis_words(result), fontsize=size, labelpad=1.5)
    return ax


@figure_of(GeodetectorResult)
def risk_pictures(result: GeodetectorResult, *, journal: Journal) -> list[Picture]:
    """Compose one panel a driver, nine a figure, for every group."""
    found: list[Picture] = []
    for group, whole in result.strata.groupby("group", sort=False):
        drivers = drivers_by_q(result, str(group), [str(d) for d in dict.fromkeys(whole["driver"])])
        for number, names in enumerate(panels.chunks(drivers, PANELS), start=1):
            table = whole.loc[whole["driver"].isin(names)].reset_index(drop=True)
            on = _page(result, str(group), names, journal)
            name = f"risks_{panels.slug(group)}{f'_{number}' if number > 1 else ''}"
            name = f"{name}_{len(found) + 1}" if any(p.name == name for p in found) else name
            found.append(Picture(name, on.figure, table, _caption(result, str(group), table), "double"))
    return found


def drivers_by_q(result: GeodetectorResult, group: str, drivers: list[str]) -> list[str]:
    """Return drivers by falling q in a group."""
    q = result.factors.loc[result.factors["group"] == group].set_index("driver")["q"].fillna(-1.0)
    return sorted(drivers, key=lambda d: (-float(q.get(d, -1.0)), d))


def _strata_of(result: GeodetectorResult, group: str, driver: str) -> pd.DataFrame:
    table = result.strata.loc[(result.strata["group"] == group) & (result.strata["driver"] == driver)]
    largest = table.sort_values("n", ascending=False, kind="stable").index[:MOST_STRATA]
    return table.loc[sorted(largest)].reset_index(drop=True)


def _page(result: GeodetectorResult, group: str, drivers: list[str], journal: Journal) -> Page:
    size = journal.size - 1.0
    columns = min(COLUMNS, len(drivers))
    width = journal.double
    panel = (width - 3.0 - 4.0 * (columns - 1)) / columns
    tables = [_strata_of(result, group, d) for d in drivers]
    labels = [[panels.fit_lines(name, 0.42 * panel, size - 0.5) for name in _names(table)] for table in tables]
    room = max(panels.text_width(name, size - 0.5) for part in labels for name in part) + 2.0
    lines = [tables[i : i + columns] for i in range(0, len(tables), columns)]
    heights = [_PITCH_MM * max(len(table) for table in line) for line in lines]
    sentences = _sentences(result, group, drivers)
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    on = panels.page(width, sum(heights) + _HEAD_MM * len(lines) + 4.0 + foot)
    top = 6.5
    for down, line in enumerate(lines):
        for across, table in enumerate(line):
            index = down * columns + across
            left = 1.5 + across * (panel + 4.0) + room
            # The last tick's number reaches beyond the axis.
            ax = on.axes(left, top, panel - room - _TICK_MM, _PITCH_MM * len(table))
            _draw(ax, result, table, labels[index], size)
            letter = string.ascii_lowercase[index] if len(drivers) > 1 else ""
            panels.panel_title(ax, letter, result.label(drivers[index]), size + 0.5, room)
        top += heights[down] + _HEAD_MM
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    return on


def _draw(ax: Axes, result: GeodetectorResult, table: pd.DataFrame, labels: list[str], size: float) -> None:
    low, high = (table[c].to_numpy(dtype=np.float64) for c in _ends(table))
    mean, rows = table["estimate"].to_numpy(dtype=np.float64), np.arange(len(table))
    colour = panels.colour_of(result.category(str(table["driver"].iloc[0])))
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_yticks(rows, labels, fontsize=size - 0.5)
    ax.tick_params(axis="y", length=0, pad=1.5)
    ax.spines["left"].set_visible(False)
    if np.nanmin(np.fmin(mean, low)) < 0.0 < np.nanmax(np.fmax(mean, high)):
        ax.axvline(0.0, color=RULE_INK, linewidth=0.6, zorder=0)
    for y, value, a, b in zip(rows, mean, low, high, strict=True):
        if np.isfinite(a) and np.isfinite(b):
            ax.plot([a, b], [y, y], color=colour, linewidth=1.0, zorder=2)
        ax.plot([value], [y], marker="o", markersize=3.2, color=colour, linestyle="none", zorder=3)
    ends = np.fmax(mean, high)
    begins = np.fmin(mean, low)
    span = float(ends.max() - begins.min()) or 1.0
    ax.set_xlim(float(begins.min()) - 0.04 * span, float(ends.max()) + 0.02 * span)
    _letters(ax, rows, ends, [str(mark) for mark in table["letters"]], size - 0.5)
    panels.roomy_ticks(ax, 4, size - 0.5)
    ax.tick_params(axis="x", labelsize=size - 0.5, pad=1.5)


def _letters(ax: Axes, rows: np.ndarray, ends: np.ndarray, marks: list[str], size: float) -> None:
    """Write letters beyond the ends of the intervals, on an axis wide enough for them."""
    across = panels.axes_mm(ax)[0]
    needed = max((panels.text_width(mark, size) for mark in marks), default=0.0) + 2.5
    low, high = ax.get_xlim()
    share = min(needed / across, 0.6)
    high = low + (high - low) / (1.0 - share)
    ax.set_xlim(low, high)
    for y, end, mark in zip(rows, ends, marks, strict=True):
        ax.text(end + 1.0 / across * (high - low), y, mark, fontsize=size, ha="left", va="center", color=INK)


def _names(table: pd.DataFrame) -> list[str]:
    """Return the names of strata, borders in three digits."""
    rows = zip(table["level"], table["lower"], table["upper"], strict=True)
    return [f"{_border(low)} to {_border(high)}" if np.isfinite(low) else str(name) for name, low, high in rows]


def _border(value: float) -> str:
    """Return a border in three digits, whole where it has more before the point."""
    return (f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}").replace("-", "−")


def _ends(table: pd.DataFrame) -> tuple[str, str]:
    return ("ci_eff_low", "ci_eff_high") if table["ci_eff_low"].notna().any() else ("ci_low", "ci_high")


def _axis_words(result: GeodetectorResult) -> str:
    name = str(result.strata["response"].iloc[0])
    return with_unit(f"Mean {result.label(name)}", result.unit(name))


def _foot_words(result: GeodetectorResult) -> str:
    name = str(result.strata["response"].iloc[0])
    unit = unit_words(result.unit(name))
    return f"mean {result.label(name)}{f' ({unit})' if unit not in ('', '1', '-') else ''}"


def _sentences(result: GeodetectorResult, group: str, drivers: list[str]) -> list[str]:
    table = result.strata.loc[(result.strata["group"] == group) & result.strata["driver"].isin(drivers)]
    level = f"{100 * float(result.parameters.get('confidence', 0.95)):g} %"
    how = "with the effective n" if _ends(table)[0] == "ci_eff_low" else "naive, every row independent"
    judged = result.risks.loc[result.risks["group"] == group]
    longest = int(table.groupby("driver").size().max())
    where = panels.group_words(group)
    n = result.factors.loc[result.factors["group"] == group, "n"].max()
    return [
        f"{where[:1].upper()}{where[1:]}, n = {panels.count(n)}: {_foot_words(result)} in each stratum with its "
        f"{level} interval ({how})",
        f"strata that share a letter are not found to differ (adjusted {'corrected' if is_corrected(judged) else 'naive'} P)",
        f"the {MOST_STRATA} largest strata of a driver" if longest > MOST_STRATA else "",
        "panels sorted by q, each with its own scale" if len(drivers) > 1 else "",
    ]


def _caption(result: GeodetectorResult, group: str, table: pd.DataFrame) -> str:
    response = result.label(str(table["response"].iloc[0]))
    how = "allow for spatial autocorrelation" if _ends(table)[0] == "ci_eff_low" else "take rows as independent"
    return (
        f"Mean {plain(response)} in the strata of each driver, {plain(panels.group_words(group))}; intervals and letters "
        f"{how}. Strata of a driver that share a letter are not found to differ."
    )
