"""Figures of series by group: the annual mean of each class and region with its line, slope and P."""

from __future__ import annotations

import string

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.class_grids import WHOLE
from carbondrivers.attribution.group_series import GroupSeriesResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_colours import class_colours
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, RULE_INK, Journal, Width, drawing, unit_text
from carbondrivers.reports.style import journal as journal_of

MOST_PANELS = 12
REGION = "#2B5C8A"
WORDS = {"class": "classes", "region": "regions"}


def group_series(
    result: GroupSeriesResult, ax: Axes | None = None, *, level: str = WHOLE, journal: str | Journal = "jal"
) -> Axes:
    """Draw the series of one group with its line.

    Parameters
    ----------
    result
        From the method of the same name.
    ax
        Where to draw; axes of their own where None.
    level
        Name of the class or region; the whole area by default.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If there is no such group.
    """
    profile = journal_of(journal)
    choose(level, list(result.trends["level"]), "level")
    with drawing(profile):
        if ax is None:
            ax = panels.page(profile.single, 62.0).axes(15.0, 11.0, profile.single - 18.0, 40.0)
        row = result.trends.loc[result.trends["level"] == level].iloc[0]
        _draw(ax, result, row, _span(result, [row]), INK, profile.size - 0.5)
        ax.set_xlabel("Year", fontsize=profile.size - 0.5, labelpad=1.5)
        tall = panels.axes_mm(ax)[1]
        ax.set_ylabel(panels.axis_label(_label(result), _unit(result), tall, profile.size - 0.5), fontsize=profile.size - 0.5)
    return ax


@figure_of(GroupSeriesResult)
def group_series_pictures(result: GroupSeriesResult, *, journal: Journal) -> list[Picture]:
    """Compose the panels of the whole area with the classes, and of the whole area with the regions."""
    found = []
    groups = [group for group in WORDS if (result.trends["group"] == group).any()]
    for group in groups or [""]:
        rows = result.trends.loc[result.trends["group"].isin([ALL, group])]
        for start in range(0, len(rows), MOST_PANELS):
            part = f"_{start // MOST_PANELS + 1}" if start else ""
            found.append(_picture(result, rows.iloc[start : start + MOST_PANELS], group, part, journal))
    return found


def _picture(result: GroupSeriesResult, rows: pd.DataFrame, group: str, part: str, journal: Journal) -> Picture:
    columns, size = (1, 2, 3, 2)[len(rows) - 1] if len(rows) < 5 else 3, journal.size - 0.5
    form: Width = ("single", "onehalf", "double")[columns - 1]
    width, left, gutter, tall = journal.width(form), 13.0, 8.5, 30.0
    across = (width - left - 2.5 - (columns - 1) * gutter) / columns
    each = tall + 15.5
    lines = -(-len(rows) // columns)
    sentences = _foot(result, rows, group)
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    on = panels.page(width, lines * each + 3.0 + foot)
    listed = [row for _, row in rows.iterrows()]
    span = _span(result, listed)
    colours = class_colours([str(level) for level in result.trends.loc[result.trends["group"] == group, "level"]])
    for index, row in enumerate(listed):
        down, right = divmod(index, columns)
        ax = on.axes(left + right * (across + gutter), down * each + 10.5, across, tall)
        colour = INK if row["group"] == ALL else REGION if group == "region" else colours[str(row["level"])]
        _draw(ax, result, row, span, colour, size)
        ax.tick_params(labelbottom=True)
        letter = string.ascii_lowercase[index] if len(rows) > 1 else ""
        name = str(row["level"])
        _title(ax, letter, name[:1].upper() + name[1:], _slope_words(result, row), size)
    words = panels.axis_label(_label(result), _unit(result), lines * each - 10.0, size)
    on.text(1.2, (lines * each) / 2 + 3.0, words, size, rotation=90, ha="left", va="center")
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    name = "group_series" + (f"_{WORDS[group]}" if group else "") + part
    others = int((rows["group"] != ALL).sum())
    places = ["the whole area"] if (rows["group"] == ALL).any() else []
    places += [f"{others} {WORDS[group] if others > 1 else group}"] if others else []
    caption = f"Area-weighted mean {_label(result)} by year of {' and of '.join(places)}, with Theil-Sen lines (dashed)."
    keys = set(zip(rows["group"], rows["level"], strict=True))
    inside = [key in keys for key in zip(result.series["group"], result.series["level"], strict=True)]
    return Picture(name, on.figure, result.series.loc[inside].reset_index(drop=True), caption, form)


def _series(result: GroupSeriesResult, row: pd.Series) -> pd.DataFrame:
    table = result.series
    inside = (table["group"] == str(row["group"])) & (table["level"] == str(row["level"]))
    return table.loc[inside]


def _span(result: GroupSeriesResult, rows: list[pd.Series]) -> float:
    """Return how many units every panel shows: as many as the series that varies most needs."""
    spreads = [
        float(np.ptp(_series(result, row)["estimate"].dropna()))
        for row in rows
        if _series(result, row)["estimate"].notna().any()
    ]
    return 1.16 * (max(spreads, default=0.0) or 1.0)


def _draw(ax: Axes, result: GroupSeriesResult, row: pd.Series, span: float, colour: str, size: float) -> None:
    table = _series(result, row)
    year, mean = (table[c].to_numpy(dtype=np.float64) for c in ("year", "estimate"))
    middle = float(np.nanmax(mean) + np.nanmin(mean)) / 2 if np.isfinite(mean).any() else 0.0
    bottom, top = middle - span / 2, middle + span / 2
    if bottom < 0 < top:
        ax.axhline(0.0, color=RULE_INK, linewidth=0.7, zorder=0)
    ax.plot(year, mean, "-", color=colour, linewidth=0.9, zorder=2)
    ax.plot(year, mean, "o", markersize=2.8, color=colour, markeredgecolor=INK, markeredgewidth=0.4, zorder=3)
    slope, intercept = float(row["estimate"]), float(row["intercept"])
    if np.isfinite([slope, intercept]).all():
        # The intercept is the line's value in the first year.
        ends = np.array([year.min(), year.max()])
        ax.plot(ends, intercept + slope * (ends - ends[0]), color=INK, linewidth=1.0, linestyle=(0, (4, 2)), zorder=4)
    ax.set_ylim(bottom, top)
    ax.margins(x=0.03)
    ax.locator_params(axis="x", nbins=5, integer=True)
    ax.locator_params(axis="y", nbins=5)
    ax.tick_params(labelsize=size - 0.5, length=1.8, pad=1.5)


def _title(ax: Axes, letter: str, name: str, words: str, size: float) -> None:
    """Write the group's name, and its slope and P below, above the axes."""
    across, tall = panels.axes_mm(ax)
    line = size * panels.MM_PER_POINT * 1.25
    tag = f"({letter})" if letter else ""
    indent = panels.text_width(tag, size + 0.5, "bold") + 1.0 if tag else 0.0
    high = 1 + (1.4 + line) / tall
    ax.text(0, high, tag, transform=ax.transAxes, fontsize=size + 0.5, fontweight="bold", ha="left", va="bottom")
    title = panels.fit_lines(name, across - indent, size + 0.5)
    ax.text(indent / across, high, title, transform=ax.transAxes, fontsize=size + 0.5, ha="left", va="bottom")
    ax.text(0, 1 + 1.2 / tall, words, transform=ax.transAxes, fontsize=size - 0.5, ha="left", va="bottom")


def _slope_words(result: GroupSeriesResult, row: pd.Series) -> str:
    """``+0.62 g C m-2 a-2 (naive P = 0.057)``, from the table of trends."""
    slope, p = float(row["estimate"]), float(row["p"])
    if not np.isfinite(slope):
        return "no trend: too few years"
    number = f"{slope:+.3g}".replace("-", "−")
    shown = "P n/a" if not np.isfinite(p) else "P < 0.001" if p < 0.001 else f"P = {p:.3f}"
    return f"{number} {unit_text(_per_year(_unit(result)))}, {shown}"


def _per_year(unit: str) -> str:
    """The slope's unit, ``g C m-2 a-2`` for a response in ``g C m-2 a-1``."""
    unit = unit.strip()
    if unit in {"", "1", "-"}:
        return "a-1"
    return f"{unit[:-1]}2" if unit.endswith(" a-1") else f"{unit} a-1"


def _foot(result: GroupSeriesResult, rows: pd.DataFrame, group: str) -> list[str]:
    return [
        "dashed: Theil–Sen line; naive P of the Mann–Kendall test (years taken as independent), not adjusted",
        "all panels span as many units, from different origins: slopes can be compared by eye" if len(rows) > 1 else "",
        "cells of a class as they are in each year" if result.parameters["annual_classes"] and group == "class" else "",
    ]


def _label(result: GroupSeriesResult) -> str:
    return result.label(str(result.variables["name"].iloc[0]))


def _unit(result: GroupSeriesResult) -> str:
    return result.unit(str(result.variables["name"].iloc[0]))
