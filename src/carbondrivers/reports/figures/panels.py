"""Furniture shared by the chart figures: a page laid out in millimetres, text that is measured before it is placed,
and rows of drivers grouped by category.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import ScalarFormatter

from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.style import CATEGORY_COLOURS, FOOT_INK, INK, RULE_INK, Journal, plain, unit_text

MM_PER_INCH = 25.4
MM_PER_POINT = MM_PER_INCH / 72
SIGNIFICANCE_KEY = "filled: naive P < 0.05 (spatial autocorrelation ignored)"
CORRECTED_KEY = "filled: P < 0.05 with the effective n"
NO_P = "P undefined"
MAX_PANELS = 6
FOOT_LINES = 6
MOST_DIGITS = 6
# Measured at 720 dots an inch; at screen resolution hinting makes text up to three per cent wider.
_HINTING = 1.03
_RENDERER: Any = RendererAgg(8, 8, 720)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Page:
    """A figure measured in mm from its top left corner."""

    figure: Figure
    width: float
    height: float

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes at a place in mm."""
        bottom = self.height - top - height
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def text(self, left: float, top: float, words: str, size: float, **style: Any) -> Text:
        """Write text whose top left corner is at a place in mm."""
        where: dict[str, Any] = {"ha": "left", "va": "top"} | style
        return self.figure.text(left / self.width, 1 - top / self.height, words, fontsize=size, **where)

    def swatch(self, left: float, top: float, colour: str, side: float = 2.0, **style: Any) -> None:
        """Draw a small square for a key."""
        box = (left / self.width, 1 - (top + side) / self.height)
        look: dict[str, Any] = {"facecolor": colour, "edgecolor": "none", "linewidth": 0.5} | style
        patch = Rectangle(box, side / self.width, side / self.height, transform=self.figure.transFigure, **look)
        self.figure.add_artist(patch)


def page(width: float, height: float) -> Page:
    """Return an empty page of a width and height in mm; pyplot does not know of it."""
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), dpi=300)
    FigureCanvasAgg(figure)
    return Page(figure, width, height)


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return the width of a line of plain text in mm, in the fonts of the current settings."""
    return _measured(text, size, weight, tuple(rcParams["font.family"]))


@lru_cache(maxsize=8192)
def _measured(text: str, size: float, weight: str, families: tuple[str, ...]) -> float:
    prop = FontProperties(family=list(families), size=size, weight=weight)
    width, _, _ = _RENDERER.get_text_width_height_descent(text.replace(r"\$", "$"), prop, False)
    return float(width) / 720 * MM_PER_INCH * _HINTING


def fit_lines(text: object, width: float, size: float, lines: int = 1) -> str:
    """Return a label in at most `lines` lines of `width` mm, cut with an ellipsis where it does not fit.

    Words are kept whole where they fit; a longer one is cut.
    """
    words = str(plain(text)).replace(r"\$", "$").split()
    rows: list[str] = []
    for index, word in enumerate(words):
        joined = f"{rows[-1]} {word}" if rows else word
        if _fits(joined, width, size):
            rows[-1:] = [joined]
        elif rows and len(rows) < lines:
            rows.append(word)
        else:
            rows[-1:] = [" ".join([*rows[-1:], *words[index:]])]
            break
    return "\n".join(_cut(row, width, size) for row in rows).replace("$", r"\$")


def _fits(text: str, width: float, size: float) -> bool:
    """Whether a line fits: by the sum of its words where that is far from the width, for most words are measured already."""
    words = text.split(" ")
    rough = sum(text_width(word, size) for word in words) + (len(words) - 1) * _space(size)
    # A word is spaced otherwise beside a blank than alone, by less than a tenth of the size of the text.
    near = 0.1 * size * MM_PER_POINT * len(words)
    return text_width(text, size) <= width if abs(rough - width) <= near else rough < width


def _space(size: float) -> float:
    return text_width("n n", size) - text_width("nn", size)


def _cut(text: str, width: float, size: float) -> str:
    if text_width(text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text_width(text[:middle] + "…", size) <= width else (low, middle - 1)
    return text[:low].rstrip(" ,;.-") + "…"


def axis_label(name: str, unit: str, width: float, size: float) -> str:
    """Return ``name (unit)`` for an axis of `width` mm; a name that is too long is cut, a unit is kept."""
    shown = unit_text(unit) if text_width(plain(unit), size) < 0.6 * width else fit_lines(unit, 0.5 * width, size)
    if not shown:
        return fit_lines(name, width, size)
    room = width - text_width(f" ({plain(unit)})", size)
    return f"{fit_lines(name, room, size)} ({shown})"


def foot(on: Page, left: float, top: float, sentences: Iterable[str], size: float) -> None:
    """Write small print, wrapped to the page."""
    width = on.width - left - 2.0
    words = fit_lines("; ".join(s for s in sentences if s), width, size, lines=FOOT_LINES)
    on.text(left, top, words, size, color=FOOT_INK, linespacing=1.25)


def foot_height(sentences: Iterable[str], width: float, size: float) -> float:
    """Return the height in mm that ``foot`` needs."""
    lines = fit_lines("; ".join(s for s in sentences if s), width, size, lines=FOOT_LINES).count("\n") + 1
    return lines * size * MM_PER_POINT * 1.25 + 1.0


def decimals(value: float, digits: int = 2) -> str:
    """Return a printed number with a true minus sign, never minus zero; ``"n/a"`` where it is not finite."""
    if not np.isfinite(value):
        return "n/a"
    words = f"{value:.{digits}f}"
    return words.lstrip("-") if float(words) == 0 else words.replace("-", "−")


def count(n: float) -> str:
    """Return a number of rows with thousands separators."""
    return f"{int(n):,}" if np.isfinite(n) else "n/a"


def years_text(years: Iterable[float]) -> str:
    """Return ``"2001–2020"``, one year alone, or nothing where no year is known."""
    known = [float(year) for year in years if np.isfinite(year)]
    if not known:
        return ""
    first, last = (f"{np.floor(end):.0f}" for end in (min(known), max(known)))
    return first if first == last else f"{first}–{last}"


def group_words(group: str) -> str:
    """Return what a caption calls a group of rows, towers and pixels alike."""
    return "whole sample" if group == ALL else f"group {group}"


def slug(text: object) -> str:
    """Return a piece of a file name: letters of any script, digits, hyphens, underscores."""
    return re.sub(r"[^\w-]+", "_", str(text)).strip("_")[:60] or "unnamed"


def chunks(names: Sequence[str], size: int = MAX_PANELS) -> Iterator[list[str]]:
    """Cut a list into parts of at most `size`."""
    for start in range(0, len(names), size):
        yield list(names[start : start + size])


@dataclass(frozen=True, slots=True)
class Rows:
    """Drivers from top to bottom, grouped by category: strongest category first, strongest driver first within.

    Attributes
    ----------
    table : pandas.DataFrame
        The group's rows, in drawing order.
    y : numpy.ndarray
        Height of each row, shape (n,), growing downwards; categories are one gap apart.
    categories : list of str
        Category of each row.
    """

    table: pd.DataFrame
    y: np.ndarray
    categories: list[str]

    @property
    def span(self) -> float:
        """Number of row heights from the upper to the lower edge."""
        return float(self.y[-1]) + 1.0 if len(self.y) else 1.0


GAP = 0.55


def driver_rows(result: Result, table: pd.DataFrame, value: str) -> Rows:
    """Order the drivers of one group by category and by the size of `value`."""
    size = table[value].abs().fillna(-1.0)
    category = pd.Series([result.category(d) for d in table["driver"]], index=table.index, dtype=object)
    best = size.groupby(category).transform("max")
    keys = pd.DataFrame({"best": -best, "category": category, "size": -size, "driver": table["driver"]})
    order = keys.sort_values(["best", "category", "size", "driver"], kind="stable").index
    names = list(category.loc[order])
    steps = [0.0] + [1.0 + GAP * (a != b) for a, b in pairwise(names)]
    return Rows(table.loc[order].reset_index(drop=True), np.cumsum(steps[: len(names)]), names)


def dress_rows(ax: Axes, rows: Rows, labels: list[str], size: float) -> None:
    """Put the drivers' labels beside the rows and a thin rule between categories."""
    ax.set_ylim(rows.span - 0.5 + 0.1, -0.6)
    ax.set_yticks(rows.y, labels, fontsize=size, linespacing=1.05)
    ax.tick_params(axis="y", length=0, pad=2)
    ax.spines["left"].set_visible(False)
    reach = -max((text_width(part, size) for label in labels for part in label.split("\n")), default=0.0) - 1.0
    across = axes_mm(ax)[0]
    for upper, lower, a, b in zip(rows.y, rows.y[1:], rows.categories, rows.categories[1:], strict=False):
        if a != b:
            middle = (upper + lower) / 2
            ax.plot(
                [reach / across, 0.0], [middle, middle], transform=ax.get_yaxis_transform(), color=RULE_INK,
                linewidth=0.5, clip_on=False,
            )  # fmt: skip


def row_axes(profile: Journal, tall: float) -> Axes:
    """Return axes of their own for rows that are `tall` mm high together, with room for their labels."""
    return page(profile.onehalf, 14.0 + tall).axes(42.0, 3.0, profile.onehalf - 46.0, tall)


def driver_axes(ax: Axes | None, result: Result, rows: Rows, profile: Journal) -> Axes:
    """Return axes dressed with rows of drivers; axes of their own where None."""
    size = profile.size - 0.5
    ax = row_axes(profile, 4.6 * rows.span) if ax is None else ax
    dress_rows(ax, rows, [fit_lines(result.label(d), 38.0, size) for d in rows.table["driver"]], size)
    return ax


def axes_mm(ax: Axes) -> tuple[float, float]:
    """Return width and height of axes in mm, as they were placed."""
    scale = MM_PER_INCH / ax.figure.dpi
    return float(ax.bbox.width * scale), float(ax.bbox.height * scale)


def print_values(ax: Axes, y: np.ndarray, ends: np.ndarray, words: list[str], size: float) -> None:
    """Write each row's value beyond its end, and widen the axis until all of them fit inside.

    Parameters
    ----------
    ax
        Axes with the limits that the marks alone need.
    y, ends
        Row heights and outer ends of the marks, shape (n,); a negative end is written to its left.
    words
        One a row.
    """
    low, high = ax.get_xlim()
    across = axes_mm(ax)[0]
    needed = np.array([text_width(w, size) + 2.3 for w in words]) / across
    right = ends >= 0
    reach = (low, high)
    for _ in range(40):
        span = reach[1] - reach[0]
        top = max([high, *(ends + needed * span)[right]])
        bottom = min([low, *(ends - needed * span)[~right]])
        reach = (bottom, top)
    ax.set_xlim(*reach)
    nudge = 1.2 / across * (reach[1] - reach[0])
    for row, end, word, outward in zip(y, ends, words, right, strict=True):
        x, side = (end + nudge, "left") if outward else (end - nudge, "right")
        ax.text(x, row, word, fontsize=size, ha=side, va="center", color=INK)


def short_numbers(axis: Axis, size: float) -> None:
    """Take what the numbers along an axis share out of them where they have many digits; it stands at the axis' end."""
    low, high = sorted(axis.get_view_interval())
    words = axis.get_major_formatter().format_ticks([v for v in axis.get_majorticklocs() if low <= v <= high])
    if max((sum(sign.isdigit() for sign in word) for word in words), default=0) > MOST_DIGITS:
        axis.set_major_formatter(ScalarFormatter(useOffset=True))
    axis.get_offset_text().set_fontsize(size)


def roomy_ticks(ax: Axes, most: int, size: float) -> None:
    """Set at most `most` intervals of ticks below axes, fewer where their numbers are long (a response of 1e12, say)."""
    across = axes_mm(ax)[0]
    short_numbers(ax.xaxis, size)
    for count in range(most, 0, -1):
        ax.locator_params(axis="x", nbins=count)
        low, high = ax.get_xlim()
        shown = [v for v in ax.get_xticks() if low <= v <= high]
        words = ax.xaxis.get_major_formatter().format_ticks(shown)
        if sum(text_width(word, size) + 1.0 for word in words) <= across:
            return
    ax.set_xticks(shown[:: max(len(shown) - 1, 1)])


def category_key(on: Page, left: float, top: float, categories: Iterable[str], size: float) -> float:
    """Draw the key of the categories that occur; return where the next entry could begin."""
    for name in CATEGORY_COLOURS:
        if name in set(categories):
            on.swatch(left, top + 0.3, CATEGORY_COLOURS[name])
            on.text(left + 2.8, top, name.capitalize(), size)
            left += 2.8 + text_width(name.capitalize(), size) + 4.0
    return left


def colour_of(category: str) -> str:
    """Return the colour of a category, grey for an unknown one."""
    return CATEGORY_COLOURS.get(category, CATEGORY_COLOURS["other"])


def panel_title(ax: Axes, letter: str, words: object, size: float, left: float) -> None:
    """Write ``(a) words`` above axes, `left` mm to the left of them; the letter is bold."""
    across, tall = axes_mm(ax)
    start = -left / across
    height = 1.0 + 1.6 / tall
    tag = f"({letter})" if letter else ""
    ax.text(start, height, tag, transform=ax.transAxes, fontsize=size, fontweight="bold", ha="left", va="bottom")
    indent = text_width(tag, size, "bold") + 1.0 if tag else 0.0
    title = fit_lines(words, left + across - indent, size)
    ax.text(start + indent / across, height, title, transform=ax.transAxes, fontsize=size, ha="left", va="bottom")
