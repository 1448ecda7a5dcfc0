"""Interaction detector: the lower triangle of q over pairs, single factors on its diagonal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page, fit_lines, text_width
from carbondrivers.reports.lint import SMALLEST_POINTS
from carbondrivers.reports.style import INK, SEQUENTIAL, Journal, Width, drawing, ink_on
from carbondrivers.reports.style import journal as journal_of

GLYPHS: dict[str, dict[str, Any]] = {
    "enhance, nonlinear": {"marker": "^", "filled": True},
    "enhance, bivariate": {"marker": "o", "filled": False},
    "independent": {"marker": "s", "filled": False},
    "not distinguishable": {"marker": "_", "filled": True},
}
SPELLED = {"not distinguishable": "not distinguishable\nfrom additive"}
COLOURS = LinearSegmentedColormap.from_list("explanatory power", SEQUENTIAL)
STARS_KEY = "naive P, neighbours counted as independent: *** < 0.001, ** < 0.01, * < 0.05, n.s. 0.05 or more"
ROOMY = 12
_STARRED_CELL_MM = 4.7
_LARGEST_CELL_MM = 9.0
_SLANT = 40.0
# Height of a line of a label, in text sizes.
_LINE = 1.15
# Slanted labels may be longer than upright ones, since they need no room beside the cells.
_STRETCHES = (1.0, 1.4, 1.8)


def interaction(
    result: GeodetectorResult, ax: Axes | None = None, *, group: str = "all", journal: str | Journal = "jal"
) -> Axes:
    """Draw the interaction triangle of one group, without its keys.

    Parameters
    ----------
    result
        From the geodetector.
    ax
        Where to draw, square at best; axes of their own, with all keys, where None.
    group
        One of the result's groups.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If the result has no such group.
    """
    profile = journal_of(journal)
    choose(group, dict.fromkeys(result.factors["group"]), "group")
    with drawing(profile):
        if ax is None:
            return triangle_page(result, group, profile).figure.axes[0]
        drivers = _sorted_drivers(result, group)
        cell = panels.axes_mm(ax)[0] / max(len(drivers), 1)
        lines = 2 if cell >= _needed(2, profile.size) else 1
        rows = [fit_lines(result.label(d), 30.0, profile.size, lines) for d in drivers]
        columns = [fit_lines(result.label(d), 30.0 * _STRETCHES[1], profile.size) for d in drivers]
        _draw(ax, result, group, _Labels(drivers, rows, columns, cell, profile.size))
    return ax


@dataclass(frozen=True, slots=True)
class _Labels:
    """Drivers with their labels beside the rows and over the columns, and the width of a cell in mm."""

    drivers: list[str]
    rows: list[str]
    columns: list[str]
    cell: float
    size: float

    @property
    def left(self) -> float:
        """Room to the left of the cells."""
        return max(_widest(label, self.size) for label in self.rows) + 5.5

    @property
    def reach(self) -> list[float]:
        """How far each slanted label stands out to the right; the last ones beyond the last column."""
        return [0.8 * _widest(label, self.size) + 2.0 for label in self.columns]

    @property
    def rise(self) -> list[float]:
        """How far each slanted label stands out upwards."""
        height = _LINE * self.size * panels.MM_PER_POINT
        return [0.9 * r + 1.0 + 0.8 * height * c.count("\n") for r, c in zip(self.reach, self.columns, strict=True)]

    @property
    def least(self) -> float:
        """Smallest cell that keeps labels of two lines apart."""
        rows, columns = (any("\n" in label for label in labels) for labels in (self.rows, self.columns))
        upright = _needed(2, self.size)
        return max(upright if rows else 0.0, upright / float(np.sin(np.deg2rad(_SLANT))) if columns else 0.0)


def _widest(label: str, size: float) -> float:
    return max(text_width(line, size) for line in label.split("\n"))


def _needed(lines: int, size: float) -> float:
    """Height of a cell beside which a label of so many lines has room."""
    return lines * _LINE * size * panels.MM_PER_POINT


def _labelled(result: GeodetectorResult, drivers: list[str], width: float, size: float) -> _Labels:
    """Wrap labels before any is cut, as far as the cells stay large enough."""
    k = len(drivers)
    widest = (0.22 if k <= ROOMY else 0.19 if k <= 18 else 0.15) * width
    plain = _trial(result, drivers, width, size, (widest, 1), (widest, 1))
    least = min(_STARRED_CELL_MM, plain.cell)
    best = plain
    slanted = [(widest * stretch, 1) for stretch in _STRETCHES] + [(widest, 2)]
    for across, down in product(slanted, ((widest, 1), (widest, 2))):
        trial = _trial(result, drivers, width, size, across, down)
        if trial.cell >= max(least, trial.least) and _cut_short(trial) < _cut_short(best):
            best = trial
    return best


def _trial(
    result: GeodetectorResult, drivers: list[str], width: float, size: float, across: tuple[float, int], down: tuple[float, int]
) -> _Labels:
    """Labels in given widths and lines, and the cells that they leave room for."""
    rows, columns = ([fit_lines(result.label(d), wide, size, lines) for d in drivers] for wide, lines in (down, across))
    labels = _Labels(drivers, rows, columns, _LARGEST_CELL_MM, size)
    room = [(width - labels.left - 1.0 - r) / (i + 0.6) for i, r in enumerate(labels.reach)]
    return replace(labels, cell=min(_LARGEST_CELL_MM, *room))


def _cut_short(labels: _Labels) -> int:
    return sum(label.endswith("…") for label in (*labels.rows, *labels.columns))


def triangle_page(result: GeodetectorResult, group: str, journal: Journal) -> Page:
    """Lay out the triangle of one group with its keys and foot."""
    drivers = _sorted_drivers(result, group)
    k, width = len(drivers), journal.width(page_width(len(drivers)))
    size = journal.size if k <= ROOMY else journal.size - 1.0
    labels = _labelled(result, drivers, width, size)
    left, cell = labels.left, labels.cell
    top = max([2.0, *(up - i * cell for i, up in enumerate(labels.rise))])
    key_left, key_high = width - _key_width(journal.size), _key_height(result, group)
    ends = [left + (i + 0.6) * cell + r for i, r in enumerate(labels.reach)]
    beside = [top + i * cell - up for i, (up, end) in enumerate(zip(labels.rise, ends, strict=True)) if end > key_left - 2.0]
    top += max([0.0, *(key_high + 3.0 - y for y in beside)])
    sentences = [*_sentences(result, group, cell, size), *(_stars_key(result, group) if cell >= _STARRED_CELL_MM else [])]
    foot = panels.foot_height(sentences, width - 6.0, size - 1.0)
    height = max(top + k * cell, key_high + 3.0) + 8.5 + foot
    on = panels.page(width, height)
    _draw(on.axes(left, top, k * cell, k * cell), result, group, labels)
    _keys(on, result, group, key_left, journal.size, _scale(result, group))
    panels.category_key(on, 2.0, height - foot - 5.0, [result.category(d) for d in drivers], size - 0.5)
    panels.foot(on, 2.0, height - foot, sentences, size - 1.0)
    return on


def page_width(drivers: int) -> Width:
    """Return the journal's width in which that many drivers can be read."""
    return "onehalf" if drivers <= ROOMY else "double"


def strata_words(result: GeodetectorResult) -> str:
    """Return how continuous drivers were cut, from the result's parameters."""
    method, classes = (result.parameters.get(key) for key in ("method", "classes"))
    return f"strata: {method}, {classes} classes" if method and classes else "strata as given"


def _sorted_drivers(result: GeodetectorResult, group: str) -> list[str]:
    table = result.factors.loc[result.factors["group"] == group, ["driver", "q"]]
    return list(table.sort_values(["q", "driver"], ascending=[False, True], na_position="last")["driver"])


def _pairs(result: GeodetectorResult, group: str) -> pd.DataFrame:
    return result.interactions.loc[result.interactions["group"] == group]


def _scale(result: GeodetectorResult, group: str) -> Normalize:
    single = result.factors.loc[result.factors["group"] == group, "q"]
    highest = float(np.nanmax([0.0, *single, *_pairs(result, group)["q"]]))
    return Normalize(0.0, min(1.0, max(0.1, np.ceil(highest * 10) / 10)))


def _write_labels(ax: Axes, result: GeodetectorResult, labels: _Labels) -> None:
    cell, size = labels.cell, labels.size
    for i, (driver, row, column) in enumerate(zip(labels.drivers, labels.rows, labels.columns, strict=True)):
        colour = panels.colour_of(result.category(driver))
        ax.add_patch(Rectangle((-2.2 / cell, i + 0.07), 1.1 / cell, 0.86, color=colour, linewidth=0, clip_on=False))
        ax.text(-3.2 / cell, i + 0.5, row, fontsize=size, ha="right", va="center", linespacing=1.0)
        ax.text(
            i + 0.45, i - 0.8 / cell, column, fontsize=size, rotation=_SLANT, rotation_mode="anchor", ha="left",
            va="bottom", linespacing=1.0,
        )  # fmt: skip


def _draw(ax: Axes, result: GeodetectorResult, group: str, labels: _Labels) -> None:
    cell, k, scale = labels.cell, len(labels.drivers), _scale(result, group)
    ax.set_xlim(0, k)
    ax.set_ylim(k, 0)
    ax.axis("off")
    place = {driver: i for i, driver in enumerate(labels.drivers)}
    small = _number_size(cell, labels.size)
    _write_labels(ax, result, labels)
    table = result.factors.loc[result.factors["group"] == group]
    pairs = _pairs(result, group)
    for row in pairs.to_dict("records"):
        a, b = sorted((place[row["driver"]], place[row["driver_2"]]))
        face = _cell(ax, a, b, float(row["q"]), scale, small, cell)
        _glyph(ax, a + 0.5, b + 0.73, str(row["interaction"]), ink_on(face), min(3.4, 0.42 * cell))
    for row in table.to_dict("records"):
        i = place[row["driver"]]
        face = _cell(ax, i, i, float(row["q"]), scale, small, cell, weight="bold")
        _frame(ax, i, i, linestyle="-", linewidth=0.9)
        if cell >= _STARRED_CELL_MM:
            mark = _stars(float(row["p"])) if np.isfinite(row["q"]) else ""
            ax.text(i + 0.5, i + 0.77, mark, fontsize=small, ha="center", va="center", color=ink_on(face))
    if pairs["q"].notna().any():
        best = pairs.sort_values(["q", "driver", "driver_2"]).dropna(subset="q").to_dict("records")[-1]
        _frame(ax, *sorted((place[best["driver"]], place[best["driver_2"]])), linestyle=(0, (2.4, 1.2)), linewidth=1.2)


def _cell(ax: Axes, column: int, row: int, q: float, scale: Normalize, size: float, cell: float, weight: str = "normal") -> Any:
    face = COLOURS(scale(q)) if np.isfinite(q) else "#EFEFEF"
    ax.add_patch(Rectangle((column, row), 1, 1, facecolor=face, edgecolor="white", linewidth=1.0, clip_on=False))
    words = _number(q, cell, size)
    ax.text(
        column + 0.5,
        row + (0.36 if cell > 6.0 else 0.31),
        words,
        fontsize=size,
        ha="center",
        va="center",
        weight=weight,
        color=ink_on(face),
    )
    return face


def _frame(ax: Axes, column: int, row: int, **style: Any) -> None:
    box = Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, fill=False, edgecolor=INK, clip_on=False, zorder=5, **style)
    ax.add_patch(box)


def _glyph(ax: Axes, x: float, y: float, kind: str, colour: str, size: float, **where: Any) -> None:
    if kind in GLYPHS:
        look = GLYPHS[kind]
        face = colour if look["filled"] else "none"
        ax.plot(
            [x], [y], marker=look["marker"], markersize=size, markerfacecolor=face, markeredgecolor=colour,
            markeredgewidth=0.8, linestyle="none", clip_on=False, zorder=4, **where,
        )  # fmt: skip


def _number_size(cell: float, size: float) -> float:
    """The largest size in which a bold number fits its cell."""
    widest = text_width("0.00", size, "bold")
    return float(np.clip(size * 0.84 * cell / widest, SMALLEST_POINTS, size - 0.2))


def _number(q: float, cell: float, size: float) -> str:
    words = panels.decimals(q)
    tight = text_width("0.00", size, "bold") > 0.94 * cell
    return words.removeprefix("0") if tight and np.isfinite(q) else words


def _stars(p: float) -> str:
    if not np.isfinite(p):
        return "n/a"
    return next((mark for level, mark in ((0.001, "***"), (0.01, "**"), (0.05, "*")) if p < level), "n.s.")


def _stars_key(result: GeodetectorResult, group: str) -> list[str]:
    table = result.factors.loc[result.factors["group"] == group]
    without = (table["q"].notna() & table["p"].isna()).any()
    return [STARS_KEY, f"n/a below q: {panels.NO_P}" if without else ""]


def _counts(result: GeodetectorResult, group: str) -> dict[str, int]:
    kinds = _pairs(result, group)["interaction"]
    return {kind: int((kinds == kind).sum()) for kind in GLYPHS if (kinds == kind).any()}


def _key_width(size: float) -> float:
    return text_width("not distinguishable (000)", size - 0.5) + 9.0


def _spelled(kind: str) -> str:
    return SPELLED.get(kind, kind)


def _key_height(result: GeodetectorResult, group: str) -> float:
    kinds = _counts(result, group)
    return 7.0 + 4.3 * len(kinds) + 3.0 * sum(_spelled(kind).count("\n") for kind in kinds) + 2 * 5.2 + 13.0


def _keys(on: Page, result: GeodetectorResult, group: str, left: float, size: float, scale: Normalize) -> None:
    tall = _key_height(result, group)
    ax = on.axes(left, 1.5, on.width - left - 1.0, tall)
    ax.set_xlim(0, on.width - left - 1.0)
    ax.set_ylim(tall, 0)
    ax.axis("off")
    ax.text(0, 2.0, "Interaction type (pairs)", fontsize=size, weight="bold", va="center")
    y = 7.0
    for kind, n in _counts(result, group).items():
        _glyph(ax, 2.0, y, kind, INK, 4.2)
        more = 3.0 * _spelled(kind).count("\n")
        ax.text(5.6, y + more / 2, f"{_spelled(kind)} ({n})", fontsize=size - 0.5, va="center", linespacing=1.05)
        y += 4.3 + more
    for words, dash in (("single factor q", "-"), ("strongest pair", (0, (2.4, 1.2)))):
        ax.add_patch(Rectangle((0.2, y - 1.2), 3.6, 3.6, fill=False, edgecolor=INK, linewidth=1.0, linestyle=dash))
        ax.text(5.6, y + 0.6, words, fontsize=size - 0.5, va="center")
        y += 5.2
    bar = on.axes(left + 1.0, 1.5 + y + 1.5, on.width - left - 6.0, 1.8)
    drawn = on.figure.colorbar(ScalarMappable(scale, COLOURS), cax=bar, orientation="horizontal")
    drawn.outline.set_linewidth(0.6)
    drawn.ax.locator_params(axis="x", nbins=5)
    drawn.ax.tick_params(labelsize=size - 1.0, pad=1.5)
    drawn.set_label("Explanatory power, q", fontsize=size - 0.5, labelpad=1.0)


def _sentences(result: GeodetectorResult, group: str, cell: float, size: float) -> list[str]:
    table = result.factors.loc[result.factors["group"] == group]
    pairs, where = _pairs(result, group), panels.group_words(group)
    unnamed = int((pairs["q"].notna() & ~pairs["interaction"].isin(GLYPHS)).sum())
    tight = text_width("0.00", _number_size(cell, size), "bold") > 0.94 * cell
    return [
        f"{where[:1].upper()}{where[1:]}, n = {panels.count(table['n'].max())}",
        strata_words(result),
        "a type is named where the non-additive part has naive P < 0.05, adjusted over the pairs (Benjamini–Hochberg)",
        f"no mark: type undefined ({unnamed})" if unnamed else "",
        "the zero before the point is left out" if tight else "",
    ]
