"""Panels of lines: a quantity against a number (classes, cell size, year), one line a series, with bands where known."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from carbondrivers.attribution.inference import Floats
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page
from carbondrivers.reports.style import INK, RULE_INK, Journal

# Okabe and Ito (2008), without yellow; told apart by their markers too.
SERIES_COLOURS = ("#000000", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7A7A7A")
SERIES_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_PANELS = 9
_PANEL_MM, _GUTTER_MM = 38.0, 15.0


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One series of a panel: where, how high, between which bounds, and how it is drawn."""

    x: Floats
    y: Floats
    colour: str
    marker: str
    low: Floats | None = None
    high: Floats | None = None
    dashes: Any = "-"
    ring: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One panel: its title and its lines."""

    title: str
    lines: Sequence[Line] = field(default_factory=list)


def curve_page(
    parts: Sequence[Panel],
    *,
    labels: tuple[str, str],
    key: Sequence[tuple[str, dict[str, Any]]],
    sentences: Sequence[str],
    journal: Journal,
    whole_x: bool = False,
) -> Page:
    """Lay out panels, at most three a row, on one vertical scale.

    Parameters
    ----------
    parts
        At most ``MOST_PANELS``.
    labels
        Of the axes, x and y.
    key
        What each look of a line says.
    sentences
        Small print for the foot.
    journal
        Sets width and text size.
    whole_x
        Whether only whole numbers stand on the x axis.
    """
    columns = min(3, len(parts))
    down = -(-len(parts) // columns)
    width = journal.onehalf if columns < 3 else journal.double
    small = journal.size - 0.5
    across = (width - 13.0 - _GUTTER_MM * (columns - 1) - 5.0) / columns
    key_lines = _wrapped(key, width - 4.0, small)
    foot_high = panels.foot_height(sentences, width - 4.0, small - 0.5)
    height = down * (_PANEL_MM + 16.0) + 2.0 + 4.2 * len(key_lines) + foot_high
    on = panels.page(width, height)
    low, high = _limits(parts)
    for index, part in enumerate(parts):
        row, column = divmod(index, columns)
        ax = on.axes(13.0 + column * (across + _GUTTER_MM), 7.0 + row * (_PANEL_MM + 16.0), across, _PANEL_MM)
        _draw(ax, part, small, whole_x)
        ax.set_ylim(low, high)
        ax.set_xlabel(panels.fit_lines(labels[0], across, small), fontsize=small, labelpad=1.5)
        if column == 0:
            ax.set_ylabel(panels.fit_lines(labels[1], _PANEL_MM, small), fontsize=small, labelpad=2.0)
        panels.panel_title(ax, string.ascii_lowercase[index] if len(parts) > 1 else "", part.title, small, 8.0)
    for i, line in enumerate(key_lines):
        _write_key(on, height - foot_high - 4.2 * (len(key_lines) - i), line, small)
    panels.foot(on, 2.0, height - foot_high, sentences, small - 0.5)
    return on


def _limits(parts: Sequence[Panel]) -> tuple[float, float]:
    every = [np.concatenate([v for v in (line.y, line.low, line.high) if v is not None]) for p in parts for line in p.lines]
    values = np.concatenate(every) if every else np.zeros(1)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = min(0.0, float(values.min())), float(values.max())
    room = 0.06 * ((high - low) or 1.0)
    return low - room, high + room


def _draw(ax: Axes, part: Panel, size: float, whole_x: bool) -> None:
    ax.axhline(0.0, color=RULE_INK, linewidth=0.6, zorder=1)
    for line in part.lines:
        if line.low is not None and line.high is not None:
            ax.fill_between(line.x, line.low, line.high, color=line.colour, alpha=0.18, linewidth=0, zorder=2)
        ax.plot(
            line.x, line.y, color=line.colour, marker=line.marker, markersize=3.0, markeredgewidth=0.4, zorder=3,
            linewidth=0.9 if line.marker else 0.6, linestyle=line.dashes,
        )  # fmt: skip
        if line.ring is not None and len(line.ring):
            ax.plot(
                line.ring[:, 0], line.ring[:, 1], linestyle="none", marker="o", markersize=7.5, markerfacecolor="none",
                markeredgecolor=INK, markeredgewidth=0.9, zorder=4,
            )  # fmt: skip
    ax.locator_params(axis="y", nbins=5)
    if whole_x:
        ax.locator_params(axis="x", integer=True)
    ax.locator_params(axis="x", nbins=5)
    ax.tick_params(labelsize=size - 0.5)
    ax.margins(x=0.08)


def _wrapped(key: Sequence[tuple[str, dict[str, Any]]], width: float, size: float) -> list[list[tuple[str, dict[str, Any]]]]:
    lines: list[list[tuple[str, dict[str, Any]]]] = [[]]
    used = 0.0
    for words, look in key:
        needed = panels.text_width(words, size) + 13.0
        if lines[-1] and used + needed > width:
            lines.append([])
            used = 0.0
        lines[-1].append((words, look))
        used += needed
    return lines


def _write_key(on: Page, top: float, entries: Sequence[tuple[str, dict[str, Any]]], size: float) -> None:
    left = 2.0
    for words, look in entries:
        y = 1 - (top + 1.5) / on.height
        alone = look.get("linestyle", "-") == "none"
        ends = [(left + 3.0) / on.width] if alone else [left / on.width, (left + 6.0) / on.width]
        style = {"linewidth": 0.9, "markersize": 3.2, "markeredgewidth": 0.6} | look
        on.figure.add_artist(Line2D(ends, [y] * len(ends), transform=on.figure.transFigure, **style))
        on.text(left + 7.5, top, words, size)
        left += panels.text_width(words, size) + 13.0
