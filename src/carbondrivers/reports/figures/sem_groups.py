"""Coefficients of all groups beside each other: rows are arrows or sources, columns are groups, colour is the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page, fit_lines, text_width
from carbondrivers.reports.figures.sem_diagram import Arrow
from carbondrivers.reports.style import INK, Journal, ink_on

COLOURS = LinearSegmentedColormap.from_list("signed", ("#B2182B", "#F4C9BD", "#FFFFFF", "#BFD7EA", "#2166AC"))
_ROW_MM, _TALLEST_MM, _LEAST_ROW_MM = 4.4, 215.0, 3.0
MOST_GROUPS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One block of rows: its title, and a table of group, row, std_estimate and p."""

    title: str
    table: pd.DataFrame


def page(parts: Sequence[Part], sizes: Mapping[str, float], journal: Journal, foot: Sequence[str]) -> Page:
    """Draw the parts under each other, groups as columns with their number of rows.

    Parameters
    ----------
    parts
        Blocks of rows.
    sizes
        Group to its number of rows, in the order of columns; at most nine are shown.
    journal
        Sets width and text size.
    foot
        Small print.
    """
    size, width = journal.size - 0.5, journal.double
    groups = list(sizes)[:MOST_GROUPS]
    said = [*foot, *([f"and {len(sizes) - len(groups)} more groups in the table"] if len(sizes) > len(groups) else [])]
    rows = [list(dict.fromkeys(part.table["row"])) for part in parts]
    left = min(0.36 * width, 4.0 + max(text_width(name, size) for names in rows for name in names))
    foot_tall = panels.foot_height(said, width - 4.0, size - 0.5)
    count = sum(map(len, rows))
    furniture = 12.0 * len(parts) + foot_tall + 4.0
    pitch = min(_ROW_MM, max(_LEAST_ROW_MM, (_TALLEST_MM - furniture) / count))
    on = panels.page(width, furniture + pitch * count)
    top = 11.0
    for part, names in zip(parts, rows, strict=True):
        ax = on.axes(left, top, width - left - 2.0, pitch * len(names))
        _draw(ax, part, names, groups, size, left)
        _heads(on, groups, sizes, left, top, size)
        on.text(
            2.0, top - 9.0, fit_lines(part.title, left - 3.0, 1.1 * size, lines=2), size, fontweight="bold", linespacing=1.1
        )
        top += pitch * len(names) + 12.0
    panels.foot(on, 2.0, on.height - foot_tall - 1.0, said, size - 0.5)
    return on


def _heads(on: Page, groups: Sequence[str], sizes: Mapping[str, float], left: float, top: float, size: float) -> None:
    cell = (on.width - left - 2.0) / len(groups)
    for j, group in enumerate(groups):
        words = (
            f"{fit_lines('whole sample' if group == ALL else group, cell - 1.0, size)}\nn = {panels.count(float(sizes[group]))}"
        )
        on.text(left + (j + 0.5) * cell, top - 1.0, words, size - 0.5, ha="center", va="bottom", linespacing=1.15)


def _draw(ax: Axes, part: Part, names: Sequence[str], groups: Sequence[str], size: float, left: float) -> None:
    ax.set_xlim(0.0, len(groups))
    ax.set_ylim(len(names), 0.0)
    ax.set_xticks([])
    ax.set_yticks(np.arange(len(names)) + 0.5, [fit_lines(name, left - 4.0, size) for name in names], fontsize=size)
    ax.tick_params(axis="y", length=0, pad=2)
    for spine in ax.spines.values():
        spine.set_visible(False)
    columns = (part.table[name] for name in ("row", "group", "std_estimate", "p"))
    known = {
        (str(row), str(group)): Arrow("", "", float(value), float(p)) for row, group, value, p in zip(*columns, strict=True)
    }
    for i, name in enumerate(names):
        for j, group in enumerate(groups):
            if (name, group) in known:
                _cell(ax, j, i, known[name, group], size)


def _cell(ax: Axes, x: float, y: float, arrow: Arrow, size: float) -> None:
    if not np.isfinite(arrow.value):
        return
    colour = COLOURS(0.5 + 0.5 * float(np.clip(arrow.value, -1.0, 1.0)))
    ax.add_patch(Rectangle((x, y), 1.0, 1.0, facecolor=colour, edgecolor="white", linewidth=0.8))
    sure = arrow.p < 0.05
    ink = ink_on(colour) if sure else "#5A5A5A" if ink_on(colour) == INK else "white"
    weight = "bold" if sure else "normal"
    ax.text(x + 0.5, y + 0.5, arrow.words, fontsize=size - 0.5, fontweight=weight, color=ink, ha="center", va="center")
