"""Panels of drivers, one a group: the shared layout of the correlation and the factor-detector figure."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page, Rows
from carbondrivers.reports.style import INK, Journal

TALLEST_MM = 235.0
Draw = Callable[[Axes, Rows], None]
Mark = tuple[dict[str, Any], str]
SCALES_DIFFER = "x scales differ between panels"
_ALIKE = 1.5
_KEY_LINE_MM = 3.8


def bar_page(
    result: Result,
    table: pd.DataFrame,
    *,
    value: str,
    draw: Draw,
    journal: Journal,
    sentences: Sequence[str],
    marker: str = "o",
    more: Sequence[Mark] = (),
    significance: str = panels.SIGNIFICANCE_KEY,
) -> Page:
    """Lay out one panel a group, at most three a row.

    Parameters
    ----------
    result
        For labels and categories.
    table
        Rows of the groups to draw: at most ``panels.MAX_PANELS`` groups.
    value
        Column that sorts the drivers.
    draw
        Draws one group's marks on axes.
    journal
        Sets width and text size.
    sentences
        Small print for the foot.
    marker
        Shape that the key of significance shows.
    more
        Rarer marks for the key: how each is drawn (a hatched square, or a marker) and what it says.
    significance
        What a filled mark means.
    """
    groups = list(dict.fromkeys(table["group"]))
    rows = [panels.driver_rows(result, table.loc[table["group"] == g], value) for g in groups]
    columns = min(3, len(groups))
    lines = -(-len(groups) // columns)
    width = journal.onehalf if len(groups) == 1 else journal.double
    small = journal.size - (1.0 if columns > 1 else 0.5)
    gutter = 4.0
    panel = (width - 3.0 - gutter * (columns - 1)) / columns
    # Whether scales differ shows only after drawing: several panels keep room for the sentence.
    said = [*sentences, SCALES_DIFFER] if len(groups) > 1 else list(sentences)
    foot_high = panels.foot_height(said, width - 4.0, small - 0.5)
    key_high = 6.0 + (_KEY_LINE_MM if more else 0.0)
    furniture = lines * 17.0 + 2.0 + key_high + foot_high
    tall = max(part.span for part in rows)
    names, label_width, pitch = _fitted(result, rows, 0.4 * panel, small, (TALLEST_MM - furniture) / (lines * tall))
    height = furniture + lines * tall * pitch
    on = panels.page(width, height)
    for index, (group, part) in enumerate(zip(groups, rows, strict=True)):
        down, across = divmod(index, columns)
        left = 1.5 + across * (panel + gutter) + label_width + 1.5
        top = 7.0 + down * (tall * pitch + 17.0)
        # Two millimetres to the right for the half of the last tick's number.
        ax = on.axes(left, top, panel - label_width - 3.5, part.span * pitch)
        panels.dress_rows(ax, part, names[index], small)
        draw(ax, part)
        letter = string.ascii_lowercase[index] if len(groups) > 1 else ""
        panels.panel_title(ax, letter, group_title(group, part.table), small + 0.5, label_width + 1.5)
    _key(on, height - foot_high - key_high, [c for part in rows for c in part.categories], small, marker, more, significance)
    panels.foot(on, 2.0, height - foot_high, said if _scales_differ(on) else sentences, small - 0.5)
    return on


def _scales_differ(on: Page) -> bool:
    """Whether the same length stands for clearly different numbers; the panels are equally wide."""
    spans = [float(np.ptp(ax.get_xlim())) for ax in on.figure.axes]
    return max(spans) > _ALIKE * min(spans)


def _fitted(result: Result, rows: list[Rows], widest: float, size: float, room: float) -> tuple[list[list[str]], float, float]:
    """Labels, their width and the height of a row: two lines a label where `room` mm a row allow it."""
    names, width = _labels(result, rows, widest, size)
    if not any("\n" in label for part in names for label in part):
        return names, width, min(4.6, room)
    if room >= 5.4:
        return names, width, min(6.6, room)
    return *_labels(result, rows, widest, size, lines=1), min(4.6, room)


def group_title(group: str, table: pd.DataFrame) -> str:
    """Return ``"Sink (n = 1,200)"``."""
    name = "Whole sample" if group == ALL else group[:1].upper() + group[1:]
    return f"{name} (n = {panels.count(table['n'].max())})" if len(table) else name


def _labels(result: Result, rows: list[Rows], widest: float, size: float, lines: int = 2) -> tuple[list[list[str]], float]:
    names = [[panels.fit_lines(result.label(d), widest, size, lines) for d in part.table["driver"]] for part in rows]
    parts = [line for part in names for label in part for line in label.split("\n")]
    return names, max((panels.text_width(line, size) for line in parts), default=0.0)


def _key(on: Page, top: float, categories: list[str], size: float, marker: str, more: Sequence[Mark], words: str) -> None:
    needed = sum(panels.text_width(c.capitalize(), size) + 6.8 for c in set(categories))
    beside = needed + 6.0 + panels.text_width(words, size) < on.width
    left = panels.category_key(on, 2.0, top if beside else top - 2.2, categories, size)
    left, top = (left, top) if beside else (2.0, top + 1.6)
    for at, face in ((left + 1.0, INK), (left + 3.6, "white")):
        _mark(on, at, top, {"marker": marker, "markerfacecolor": face})
    on.text(left + 5.4, top, words, size)
    left, top = 2.0, top + _KEY_LINE_MM
    for look, meaning in more:
        _mark(on, left + 1.0, top, look)
        on.text(left + 2.8, top, meaning, size)
        left += 2.8 + panels.text_width(meaning, size) + 4.0


def _mark(on: Page, x: float, top: float, look: dict[str, Any]) -> None:
    if "hatch" in look:
        on.swatch(x - 1.0, top + 0.3, "white", edgecolor=INK, **look)
        return
    style: dict[str, Any] = {"markersize": 3.4, "markerfacecolor": INK, "markeredgecolor": INK, "markeredgewidth": 0.7} | look
    where = ([x / on.width], [1 - (top + 1.3) / on.height])
    on.figure.add_artist(Line2D(*where, linestyle="none", transform=on.figure.transFigure, **style))
