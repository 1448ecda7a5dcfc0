"""Bars of direct, indirect (hatched) and total effects, one group of three bars a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page, decimals
from carbondrivers.reports.style import INK

LEVELS = ("direct", "indirect", "total")
_STEP, _GAP, _GREY = 1.0, 0.7, "#4D4D4D"


@dataclass(frozen=True, slots=True)
class Source:
    """Standardised effects of one source: direct, indirect, total; NaN where there is none."""

    label: str
    colour: str
    direct: float
    indirect: float
    total: float


def height(sources: Sequence[Source], pitch: float = 3.0) -> float:
    """Return the height in mm of the bars."""
    return pitch * (len(sources) * (3 * _STEP + _GAP) + 0.4)


def draw(ax: Axes, sources: Sequence[Source], words: str, size: float) -> None:
    """Draw the bars, each with its value; strongest source first as given."""
    marks, values = [], []
    ax.axvline(0.0, color=INK, linewidth=0.6, zorder=3)
    for i, one in enumerate(sources):
        start = i * (3 * _STEP + _GAP)
        for k, level in enumerate(LEVELS):
            value = float(getattr(one, level))
            y = start + k * _STEP
            if np.isfinite(value):
                _bar(ax, y, value, one.colour, level)
                marks.append(y)
                values.append(value)
    middles = [i * (3 * _STEP + _GAP) + _STEP for i in range(len(sources))]
    ax.set_ylim(len(sources) * (3 * _STEP + _GAP) - _GAP - 0.3, -0.7)
    ax.set_yticks(middles, [one.label for one in sources], fontsize=size, linespacing=1.05)
    ax.tick_params(axis="y", length=0, pad=2)
    ax.spines["left"].set_visible(False)
    reach = np.array([0.0, *values])
    ax.set_xlim(float(reach.min()) - 0.02, float(reach.max()) + 0.02)
    shown = [("+" if v > 0 and decimals(v).strip("0.") else "") + decimals(v) for v in values]
    panels.print_values(ax, np.array(marks), np.array(values), shown, size - 1.0)
    ax.locator_params(axis="x", nbins=4)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    # The names of the sources leave room to the left, none to the right.
    ax.set_xlabel(words, fontsize=size, labelpad=1.5, loc="right")


def _bar(ax: Axes, y: float, value: float, colour: str, level: str) -> None:
    if level == "indirect":
        ax.barh(y, value, height=0.86, facecolor="white", edgecolor=colour, hatch="//////", linewidth=0.7, zorder=2)
    else:
        ax.barh(y, value, height=0.86, color=pale(colour) if level == "total" else colour, linewidth=0, zorder=2)


def pale(colour: str, share: float = 0.62) -> str:
    """Return a colour mixed with white."""
    mixed = [round(255 * (part + (1.0 - part) * share)) for part in to_rgb(colour)]
    return "#{:02X}{:02X}{:02X}".format(*mixed)


def key(on: Page, left: float, top: float, size: float) -> None:
    """Draw what the three kinds of bars are."""
    looks: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("direct", _GREY, {}), ("indirect", "white", {"edgecolor": _GREY, "hatch": "//////"}), ("total", pale(_GREY), {}),
    )  # fmt: skip
    for words, colour, look in looks:
        on.swatch(left, top + 0.3, colour, **look)
        on.text(left + 2.8, top, words, size)
        left += 2.8 + panels.text_width(words, size) + 3.0
