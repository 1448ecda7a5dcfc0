"""Labels of a triangle of drivers: beside the rows, slanted over the columns, wrapped before any is cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import fit_lines, text_width
from carbondrivers.reports.lint import SMALLEST_POINTS
from carbondrivers.reports.style import Width

ROOMY = 12
STARRED_CELL_MM = 4.7
_LARGEST_CELL_MM = 9.0
_SLANT = 40.0
# Height of a line of a label, in text sizes.
_LINE = 1.15
# Slanted labels may be longer than upright ones, since they need no room beside the cells.
STRETCHES = (1.0, 1.4, 1.8)


@dataclass(frozen=True, slots=True)
class Labels:
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
        upright = needed(2, self.size)
        return max(upright if rows else 0.0, upright / float(np.sin(np.deg2rad(_SLANT))) if columns else 0.0)


def _widest(label: str, size: float) -> float:
    return max(text_width(line, size) for line in label.split("\n"))


def needed(lines: int, size: float) -> float:
    """Height of a cell beside which a label of so many lines has room."""
    return lines * _LINE * size * panels.MM_PER_POINT


def labelled(result: GeodetectorResult, drivers: list[str], width: float, size: float) -> Labels:
    """Wrap labels before any is cut, as far as the cells stay large enough."""
    k = len(drivers)
    widest = (0.22 if k <= ROOMY else 0.19 if k <= 18 else 0.15) * width
    plain = _trial(result, drivers, width, size, (widest, 1), (widest, 1))
    least = min(STARRED_CELL_MM, plain.cell)
    best = plain
    slanted = [(widest * stretch, 1) for stretch in STRETCHES] + [(widest, 2)]
    for across, down in product(slanted, ((widest, 1), (widest, 2))):
        trial = _trial(result, drivers, width, size, across, down)
        if trial.cell >= max(least, trial.least) and _cut_short(trial) < _cut_short(best):
            best = trial
    return best


def _trial(
    result: GeodetectorResult, drivers: list[str], width: float, size: float, across: tuple[float, int], down: tuple[float, int]
) -> Labels:
    """Labels in given widths and lines, and the cells that they leave room for."""
    rows, columns = ([fit_lines(result.label(d), wide, size, lines) for d in drivers] for wide, lines in (down, across))
    labels = Labels(drivers, rows, columns, _LARGEST_CELL_MM, size)
    room = [(width - labels.left - 1.0 - r) / (i + 0.6) for i, r in enumerate(labels.reach)]
    return replace(labels, cell=min(_LARGEST_CELL_MM, *room))


def _cut_short(labels: Labels) -> int:
    return sum(label.endswith("…") for label in (*labels.rows, *labels.columns))


def square_labels(result: GeodetectorResult, group: str, across: float, size: float) -> Labels:
    """Return labels for a triangle on given axes, `across` mm wide."""
    drivers = sorted_drivers(result, group)
    cell = across / max(len(drivers), 1)
    lines = 2 if cell >= needed(2, size) else 1
    rows = [fit_lines(result.label(d), 30.0, size, lines) for d in drivers]
    return Labels(drivers, rows, [fit_lines(result.label(d), 30.0 * STRETCHES[1], size) for d in drivers], cell, size)


def page_width(drivers: int) -> Width:
    """Return the journal's width in which that many drivers can be read."""
    return "onehalf" if drivers <= ROOMY else "double"


def sorted_drivers(result: GeodetectorResult, group: str) -> list[str]:
    """Return the drivers of a group by falling q."""
    table = result.factors.loc[result.factors["group"] == group, ["driver", "q"]]
    return list(table.sort_values(["q", "driver"], ascending=[False, True], na_position="last")["driver"])


def write_labels(ax: Axes, result: GeodetectorResult, labels: Labels) -> None:
    """Write the labels, with a strip of the category's colour beside each row."""
    cell, size = labels.cell, labels.size
    for i, (driver, row, column) in enumerate(zip(labels.drivers, labels.rows, labels.columns, strict=True)):
        colour = panels.colour_of(result.category(driver))
        ax.add_patch(Rectangle((-2.2 / cell, i + 0.07), 1.1 / cell, 0.86, color=colour, linewidth=0, clip_on=False))
        ax.text(-3.2 / cell, i + 0.5, row, fontsize=size, ha="right", va="center", linespacing=1.0)
        ax.text(
            i + 0.45, i - 0.8 / cell, column, fontsize=size, rotation=_SLANT, rotation_mode="anchor", ha="left",
            va="bottom", linespacing=1.0,
        )  # fmt: skip


def number_size(cell: float, size: float) -> float:
    """The largest size in which a bold number fits its cell."""
    widest = text_width("0.00", size, "bold")
    return float(np.clip(size * 0.84 * cell / widest, SMALLEST_POINTS, size - 0.2))


def number_words(q: float, cell: float, size: float) -> str:
    """Return a number for a cell; without the zero before the point where there is no room for it."""
    words = panels.decimals(q)
    tight = text_width("0.00", size, "bold") > 0.94 * cell
    return words.removeprefix("0") if tight and np.isfinite(q) else words
