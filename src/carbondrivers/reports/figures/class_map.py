"""Maps of classes and of numbers side by side: cells in colours, a bar of shares with a legend that prints them, small print.

The legend names each class once with its share of the area; the printed shares add to 100.0. Where what chance gives is
known, its shares stand beside those of the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Rectangle

from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page, text_width
from carbondrivers.reports.style import FOOT_INK, Journal, Width, ink_on
from carbondrivers.reports.words import whole_shares

TALLEST_MAP_MM = 95.0
LEFT, GUTTER, TOP = 7.0, 9.0, 7.0
SMALLEST = 5.8
_BAR, _LINE = 2.6, 4.2


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A map of numbers with its colour bar.

    Attributes
    ----------
    title, label, unit : str
        Words over the map and under its colour bar.
    values : numpy.ndarray
        (y, x).
    coloured : tuple
        Colour map, limits and open ends, from ``map_furniture.colours_for``.
    limits : str
        What the small print says of the limits; empty: that they leave out two per cent at each open end.
    """

    title: str
    label: str
    unit: str
    values: np.ndarray
    coloured: tuple[Any, Any, str]
    limits: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """A map of classes with its share bar and legend.

    Attributes
    ----------
    title : str
        Words over the map.
    codes : numpy.ndarray
        (y, x): position of the class in `colours`; NaN stays white.
    colours : sequence of str
        One for every class that a code may name.
    levels : sequence of str
        Classes of the legend, in order.
    shares : numpy.ndarray
        Share of each of them; they add to one.
    drawn : sequence of str
        Colour of each of them; the first of `colours` where empty.
    chance : numpy.ndarray
        Share that chance gives each of them, for a second bar; empty where it is not known.
    heads : tuple of str
        Words for the shares and for those of chance.
    """

    title: str
    codes: np.ndarray
    colours: Sequence[str]
    levels: Sequence[str]
    shares: np.ndarray
    drawn: Sequence[str] = ()
    chance: np.ndarray = field(default_factory=lambda: np.empty(0))
    heads: tuple[str, str] = ("Map", "White noise")

    @property
    def swatches(self) -> list[str]:
        """Colour of each class of the legend."""
        return list(self.drawn or self.colours[: len(self.levels)])


def map_page(
    grid: xr.Dataset, parts: Sequence[Scale | Classes], sentences: Sequence[str], journal: Journal
) -> tuple[Page, Width]:
    """Compose one map, or two side by side, over their bars and the small print.

    Parameters
    ----------
    grid
        Whose coordinates and reference system the maps have.
    parts
        One or two; the last one's cells set the frame.
    sentences
        Small print; what holds for every map is added.
    journal
        Form of the figure.
    """
    size, width = journal.size - 0.5, journal.double if len(parts) > 1 else journal.onehalf
    crs = furniture.known_crs(grid.attrs.get("crs"))
    x, y = furniture.grid_coordinates(grid[next(iter(grid.data_vars))])
    across = (width - 2 * LEFT - GUTTER + 5.5) / 2 if len(parts) > 1 else width - LEFT - 2.0
    frame = furniture.extent_of(furniture.bounds_of(x, y, np.isfinite(_cells(parts[-1]))), crs, across, TALLEST_MAP_MM)
    tall = frame.aspect * across
    limits = [part.limits or furniture.limits_words(part.coloured[2]) for part in parts if isinstance(part, Scale)]
    known = "scale bar true at the centre of the map" if crs is not None else "reference system unknown"
    sentences = [*sentences, "white: no value", *dict.fromkeys(limits), known]
    foot = panels.foot_height(sentences, width - LEFT - 2.0, size - 0.5)
    below = max(legend_height(part, across, size) if isinstance(part, Classes) else 10.0 for part in parts)
    on = panels.page(width, 18.0 + tall + below + foot)
    starts = [LEFT + i * (across + GUTTER) for i in range(len(parts))]
    for letter, part, ax in zip("ab", parts, [on.axes(start, TOP, across, tall) for start in starts], strict=False):
        _draw(on, ax, part, x, y, size)
        furniture.frame(ax, frame, crs, size - 0.5)
        panels.panel_title(ax, letter if len(parts) > 1 else "", part.title, journal.size + 0.5, LEFT - 2.0)
    for start, part in zip(starts, parts, strict=True):
        if isinstance(part, Classes):
            legend(on, start, 14.0 + tall, across, part, size)
    panels.foot(on, LEFT, on.height - foot, sentences, size - 0.5)
    return on, "double" if len(parts) > 1 else "onehalf"


def _cells(part: Scale | Classes) -> np.ndarray:
    return part.values if isinstance(part, Scale) else part.codes


def _draw(on: Page, ax: Axes, part: Scale | Classes, x: np.ndarray, y: np.ndarray, size: float) -> None:
    if isinstance(part, Classes):
        one_each = BoundaryNorm(np.arange(len(part.colours) + 1) - 0.5, len(part.colours))
        furniture.draw_grid(ax, part.codes, x, y, cmap=ListedColormap(part.colours), norm=one_each)
        return
    cmap, norm, ends = part.coloured
    drawn = furniture.draw_grid(ax, part.values, x, y, cmap=cmap, norm=norm)
    across, tall = panels.axes_mm(ax)
    label = panels.axis_label(part.label, part.unit, across - 4.0, size)
    left = ax.get_position().x0 * on.width + 4.0
    furniture.colour_bar(on, left, 14.0 + tall, across - 8.0, drawn, ends, label, size - 0.5)


def legend_height(part: Classes, across: float, size: float) -> float:
    """Return the height in mm of the share bars and the legend."""
    columns, _ = _columns(part, across, size)
    lines = -(-len(part.levels) // columns) + bool(len(part.chance))
    return 3.6 + _LINE * lines + (_BAR + 0.8) * bool(len(part.chance))


def legend(on: Page, left: float, top: float, across: float, part: Classes, size: float) -> None:
    """Draw the share bars and the legend, from a place in mm."""
    rows = [whole_shares(np.asarray(s, dtype=np.float64)) for s in (part.shares, part.chance) if len(s)]
    heads = [text_width(head, size - 0.5) for head in part.heads] if len(rows) > 1 else []
    indent = max(heads) + 1.5 if heads else 0.0
    for i, shares in enumerate(rows):
        place = top + i * (_BAR + 0.8)
        if heads:
            on.text(left, place + _BAR / 2, part.heads[i], size - 0.5, va="center_baseline")
        _bar(on, left + indent, place, across - indent, shares, part.swatches, size)
    top += (len(rows) - 1) * (_BAR + 0.8) + 4.0
    columns, small = _columns(part, across, size)
    lines = -(-len(part.levels) // columns)
    column = (across - 2.5 * (columns - 1)) / columns
    reach = [0.0, max(text_width(part.heads[1], small), 8.0) + 3.0] if heads else [0.0]
    if heads:
        for back, head in zip(reach[::-1], part.heads, strict=True):
            on.text(left + column - back, top + 1.25, head, small, ha="right", va="center_baseline", color=FOOT_INK)
        top += _LINE
    for i, (level, colour) in enumerate(zip(part.levels, part.swatches, strict=True)):
        x, y = left + i // lines * (column + 2.5), top + i % lines * _LINE
        on.swatch(x, y, colour, side=2.5, edgecolor=FOOT_INK, linewidth=0.4)
        room = column - 12.0 - reach[-1]
        on.text(x + 3.6, y + 1.25, panels.fit_lines(level, room, small), small, va="center_baseline")
        for back, shares in zip(reach[::-1], rows, strict=True):
            on.text(x + column - back, y + 1.25, f"{shares[i]:.1f}%", small, ha="right", va="center_baseline")


def _bar(on: Page, left: float, top: float, across: float, shares: np.ndarray, colours: Sequence[str], size: float) -> None:
    bar = on.axes(left, top, across, _BAR)
    bar.axis("off")
    bar.set_xlim(0, 100)
    bar.set_ylim(0, 1)
    start = 0.0
    for share, colour in zip(shares, colours, strict=True):
        bar.add_patch(Rectangle((start, 0), share, 1, facecolor=colour, linewidth=0))
        words = f"{share:.1f}"
        if text_width(words, size - 0.5) + 1.0 < share / 100 * across:
            bar.text(start + share / 2, 0.46, words, fontsize=size - 0.5, ha="center", va="center", color=ink_on(colour))
        start += share


def _columns(part: Classes, across: float, size: float) -> tuple[int, float]:
    """Two columns, in a smaller size if need be; one column where even that does not fit, or chance stands beside."""
    longest = max(part.levels, key=lambda w: text_width(w, size), default="")
    for trial in (size, size - 0.5, size - 1.0, SMALLEST) if not len(part.chance) else ():
        if trial >= SMALLEST and 4.0 + text_width(f"{longest} 00.0%", trial) + 2.5 <= across / 2:
            return 2, trial
    return 1, size
