"""Drawing a path diagram: boxes with their members' weights, signed arrows with their coefficients, and the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Polygon

from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import MM_PER_POINT, Page, decimals, fit_lines, text_width
from carbondrivers.reports.figures.sem_layout import Edge, Layout, Matrix, Node, layout
from carbondrivers.reports.figures.sem_routes import Box, Curve, Points, bezier
from carbondrivers.reports.style import INK, ink_on

POSITIVE, NEGATIVE, UNSURE = "#2166AC", "#B2182B", "#8C8C8C"
RESPONSE = "#2D6A4F"
STARS = "*** P < 0.001, ** P < 0.01, * P < 0.05, ns P ≥ 0.05"
_WIDEST_NAME_MM = 27.0
_HEADER, _ROW, _FOOT, _PAD = 1.75, 1.35, 1.6, 1.4
_ARC_POINTS = 1.2
_KEY = (0.1, 0.3, 0.6)


@dataclass(frozen=True, slots=True)
class Member:
    """A measured variable in a box, with its weight or loading."""

    label: str
    weight: float


@dataclass(frozen=True, slots=True)
class Shape:
    """A box of a diagram.

    Attributes
    ----------
    name, label : str
        Key, and what is written.
    colour : str
        Of its category.
    members : tuple of Member
        Empty for a measured variable.
    r2 : float
        NaN where no arrow ends.
    """

    name: str
    label: str
    colour: str
    members: tuple[Member, ...] = ()
    r2: float = float("nan")


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow: from, to, standardised coefficient, the p that it is judged by; `double` for correlated errors."""

    source: str
    target: str
    value: float
    p: float
    double: bool = False

    @property
    def words(self) -> str:
        """The label: sign, value and stars."""
        if not np.isfinite(self.value):
            return "n/a"
        words = decimals(self.value)
        return f"{'' if words.startswith('−') else '+'}{words}{stars(self.p)}"

    @property
    def colour(self) -> str:
        """By sign; grey where p is 0.05 or more, or there is none."""
        if not self.p < 0.05:
            return UNSURE
        return POSITIVE if self.value > 0 else NEGATIVE

    @property
    def width(self) -> float:
        """Line width in points, in proportion to the coefficient; of correlated errors always the same."""
        return _ARC_POINTS if self.double else line_width(self.value)


def stars(p: float) -> str:
    """Return the stars of a p, ``" ns"`` for 0.05 or more, nothing where there is none.

    Examples
    --------
    >>> stars(0.0001), stars(0.03), stars(0.2)
    ('***', '*', ' ns')
    """
    if not np.isfinite(p):
        return ""
    return "***" if p < 0.001 else "**" if p < 0.01 else "*" if p < 0.05 else " ns"


def line_width(value: float) -> float:
    """Return the width in points of an arrow with a coefficient."""
    return 0.7 + 5.0 * min(abs(value), 1.0) if np.isfinite(value) else 0.7


def sized(shape: Shape, size: float) -> Node:
    """Return a box with the room that its text needs, in mm."""
    line = size * MM_PER_POINT
    header = text_width(shape.label, size, "bold") + 2 * _PAD
    rows = [text_width(m.label, size - 1.0) + text_width("+0.00", size - 1.0) + 2.0 + 2 * _PAD for m in _members(shape, size)]
    foot = text_width("R² = 0.00", size - 1.0) + 2 * _PAD if np.isfinite(shape.r2) else 0.0
    height = _HEADER * line + _ROW * line * len(rows) + (_FOOT * line if np.isfinite(shape.r2) else 0.0)
    return Node(shape.name, max(header, foot, 12.0, *rows), height + (0.6 if rows else 0.0))


def _members(shape: Shape, size: float) -> list[Member]:
    return [Member(fit_lines(m.label, _WIDEST_NAME_MM, size - 1.0), m.weight) for m in shape.members]


def arranged(
    shapes: Sequence[Shape], arrows: Sequence[Arrow], width: float, size: float, matrix: Matrix | None = None
) -> Layout:
    """Place a diagram on `width` mm, with room for the labels of its arrows."""
    line = (size - 0.5) * MM_PER_POINT
    # As wide as any label can be, so that the layout fits every group.
    wide = text_width("−0.00***", size - 0.5, "bold") + 0.6
    edges = [Edge(a.source, a.target, wide, 1.15 * line, a.width * MM_PER_POINT, a.double) for a in arrows]
    return layout([sized(shape, size) for shape in shapes], edges, width, matrix=matrix)


def draw(ax: Axes, shapes: Sequence[Shape], arrows: Sequence[Arrow], lay: Layout, size: float) -> None:
    """Draw a diagram on axes that are as wide and high as the layout, in mm."""
    ax.set_xlim(0.0, lay.width)
    ax.set_ylim(lay.height, 0.0)
    ax.set_axis_off()
    for arrow, curve in sorted(zip(arrows, lay.curves, strict=True), key=lambda pair: pair[0].p < 0.05):
        _arrow(ax, arrow, curve)
    for arrow, spot in zip(arrows, lay.spots, strict=True):
        back: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 0.6} if spot.on_line or arrow.double else {}
        weight = "bold" if arrow.p < 0.05 else "normal"
        ax.text(
            spot.x, spot.y, arrow.words, fontsize=size - 0.5, fontweight=weight, color=arrow.colour, ha="center", va="center",
            bbox=back or None, zorder=5,
        )  # fmt: skip
    for shape in shapes:
        _box(ax, shape, lay.boxes[shape.name], size)


def _arrow(ax: Axes, arrow: Arrow, curve: Curve) -> None:
    width = arrow.width * MM_PER_POINT
    head = 1.6 + 1.5 * width
    control = curve.control
    points = bezier(control, np.linspace(0.0, 1.0, 200))
    far, near = (np.hypot(*(points - points[end]).T) for end in (-1, 0))
    kept = points[(far > 0.7 * head) & (near > 0.7 * head * arrow.double)]
    dashed: dict[str, Any] = {} if arrow.p < 0.05 else {"dashes": (3.0, 2.0)}
    line = Line2D(kept[:, 0], kept[:, 1], color=arrow.colour, linewidth=arrow.width, solid_capstyle="butt", zorder=2, **dashed)
    ax.add_line(line)
    for tip in (points, points[::-1])[: 1 + arrow.double]:
        _head(ax, tip, head, width, arrow.colour)


def _head(ax: Axes, points: Points, head: float, width: float, colour: str) -> None:
    """Draw the head of an arrow at the last of its points (n, 2)."""
    far = np.hypot(*(points - points[-1]).T)
    base = points[far >= head][-1] if (far >= head).any() else points[0]
    along = (points[-1] - base) / max(float(np.hypot(*(points[-1] - base))), 1e-9)
    side = np.array([-along[1], along[0]]) * (0.75 + 0.95 * width)
    notch = points[-1] - 0.72 * head * along
    corners = [points[-1], points[-1] - head * along + side, notch, points[-1] - head * along - side]
    ax.add_patch(Polygon(corners, closed=True, facecolor=colour, edgecolor="none", zorder=3))


def _box(ax: Axes, shape: Shape, box: Box, size: float) -> None:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    line, small = size * MM_PER_POINT, size - 1.0
    round_box: dict[str, Any] = {
        "boxstyle": "round,pad=0,rounding_size=0.9",
        "linewidth": 1.1,
        "edgecolor": shape.colour,
        "zorder": 4,
    }
    ax.add_patch(
        FancyBboxPatch((left, top), box.width, box.height, facecolor="white" if shape.members else shape.colour, **round_box)
    )
    header = _HEADER * line
    ink: str = ink_on(shape.colour)
    if shape.members:
        ax.add_patch(FancyBboxPatch((left, top), box.width, header, facecolor=shape.colour, **round_box))
    middle: dict[str, Any] = {"ha": "left" if shape.members else "center", "va": "center"}
    across = left + _PAD if shape.members else box.x
    ax.text(across, top + header / 2, shape.label, fontsize=size, fontweight="bold", color=ink, zorder=6, **middle)
    y = top + header + 0.3 + _ROW * line / 2
    for member in _members(shape, size):
        tone = POSITIVE if member.weight > 0 else NEGATIVE
        ax.text(left + _PAD, y, member.label, fontsize=small, ha="left", va="center", zorder=6)
        words = Arrow("", "", member.weight, np.nan).words
        ax.text(left + box.width - _PAD, y, words, fontsize=small, ha="right", va="center", color=tone, zorder=6)
        y += _ROW * line
    if np.isfinite(shape.r2):
        where = (left + box.width - _PAD, "right") if shape.members else (box.x, "center")
        low = top + box.height - _FOOT * line / 2
        words = f"R² = {decimals(shape.r2)}"
        ax.text(where[0], low, words, fontsize=small, ha=where[1], va="center", zorder=6, color=INK if shape.members else ink)


def key(on: Page, left: float, top: float, size: float, judged: str) -> None:
    """Draw what widths, colours and dashes mean."""
    on.text(left, top, "|β|", size)
    at = left + text_width("|β|", size) + 2.0
    y = top + 0.5 * size * MM_PER_POINT + 0.2
    for value in _KEY:
        at = _entry(on, at, y, size, f"{value:g}", color="#4D4D4D", linewidth=line_width(value))
    at += 2.0
    for words, colour in (("positive", POSITIVE), ("negative", NEGATIVE)):
        at = _entry(on, at, y, size, words, color=colour, linewidth=2.0)
    _entry(on, at, y, size, judged, color=UNSURE, linewidth=1.2, dashes=(3.0, 2.0))


def _entry(on: Page, left: float, y: float, size: float, words: str, **look: Any) -> float:
    reach = 6.0
    line = Line2D(
        [left / on.width, (left + reach) / on.width], [1 - y / on.height] * 2, transform=on.figure.transFigure,
        solid_capstyle="butt", **look,
    )  # fmt: skip
    on.figure.add_artist(line)
    on.text(left + reach + 1.0, y, words, size, va="center")
    return left + reach + 1.0 + text_width(words, size) + 3.5


def key_width(size: float, judged: str) -> float:
    """Return the width in mm that ``key`` needs."""
    words = [*(f"{v:g}" for v in _KEY), "positive", "negative", judged]
    return text_width("|β|", size) + 4.0 + sum(text_width(word, size) + 10.5 for word in words)


def title(on: Page, left: float, top: float, letter: str, words: str, size: float, width: float) -> None:
    """Write ``(a) words`` at a place of the page, the letter bold."""
    tag = f"({letter})" if letter else ""
    on.text(left, top, tag, size, fontweight="bold")
    indent = panels.text_width(tag, size, "bold") + 1.5 if tag else 0.0
    on.text(left + indent, top, fit_lines(words, width - indent, size), size)
