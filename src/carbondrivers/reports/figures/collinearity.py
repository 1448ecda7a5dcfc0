"""Collinearity figure: the correlation matrix of response and drivers, each driver's VIF and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

from carbondrivers.attribution.collinearity import REMOVED, CollinearityResult
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page, fit_lines, text_width
from carbondrivers.reports.lint import SMALLEST_POINTS
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import CATEGORY_COLOURS, INK, Journal, Width, drawing, ink_on, plain
from carbondrivers.reports.style import journal as journal_of
from carbondrivers.reports.words import number

DIVERGING = ("#1F5FA8", "#8DB9DE", "#F6F6F6", "#EFA98C", "#A8232E")
COLOURS = LinearSegmentedColormap.from_list("r", DIVERGING)
SCALE = Normalize(-1.0, 1.0)
GONE = "#8A8A8A"
LARGEST_MM, ROOMY = 9.0, 9
# Below this a cell holds a mark of significance, but no number above it.
NUMBERED_MM = 5.4
_SLANT = 40.0


def collinearity(
    result: CollinearityResult, ax: Axes | None = None, *, group: str = "all", journal: str | Journal = "jal"
) -> Axes:
    """Draw the correlation matrix of one group.

    Parameters
    ----------
    result
        From the screening.
    ax
        Where to draw the cells, square at best; a page of their own, with labels and keys, where None.
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
    choose(group, dict.fromkeys(result.matrix["group"]), "group")
    with drawing(profile):
        if ax is None:
            return matrix_page(result, group, profile).figure.axes[0]
        names = _ordered(result, group)
        _draw_cells(ax, result, group, names, panels.axes_mm(ax)[0] / max(len(names) - 1, 1), profile.size)
    return ax


@figure_of(CollinearityResult)
def collinearity_pictures(result: CollinearityResult, *, journal: Journal) -> list[Picture]:
    """Compose the matrix of every group."""
    found: list[Picture] = []
    for group in dict.fromkeys(result.matrix["group"]):
        table = result.matrix.loc[result.matrix["group"] == group].reset_index(drop=True)
        on = matrix_page(result, group, journal)
        name = f"collinearity_{panels.slug(group)}"
        name = f"{name}_{len(found) + 1}" if any(p.name == name for p in found) else name
        judged = "the effective number of observations" if table["n_eff"].notna().any() else "every row as independent (naive)"
        caption = (
            f"Correlation matrix of the response and its drivers, {plain(panels.group_words(group))}, with the variance "
            f"inflation of each driver among all; drivers in grey were taken out. Stars: P with {judged}, adjusted over "
            "the pairs."
        )
        found.append(Picture(name, on.figure, table, caption, _page_width(result, group)))
    return found


@dataclass(frozen=True, slots=True)
class _Layout:
    """Cells of a side in mm, room for labels to the left and for VIF to the right."""

    cell: float
    left: float
    right: float


def _ordered(result: CollinearityResult, group: str) -> list[str]:
    """The response, then the drivers by category."""
    table = result.drivers.loc[result.drivers["group"] == group, "driver"]
    order = list(CATEGORY_COLOURS)
    response = result.variables.loc[result.variables["role"] == "response", "name"].iloc[0]
    drivers = sorted(table, key=lambda d: (order.index(result.category(d)) if result.category(d) in order else 99, d))
    return [str(response), *drivers]


def _page_width(result: CollinearityResult, group: str) -> Width:
    return "onehalf" if len(_ordered(result, group)) <= ROOMY + 1 else "double"


def matrix_page(result: CollinearityResult, group: str, journal: Journal) -> Page:
    """Lay out the matrix of one group with labels, VIF and keys."""
    names, size = _ordered(result, group), journal.size - 0.5
    width, k = journal.width(_page_width(result, group)), len(names)
    left = min(max(text_width(result.label(name), size) for name in names) + 4.5, 0.3 * width)
    right = 31.0
    cell = min(LARGEST_MM, (width - left - right) / max(k - 1, 1))
    # A slanted label must not leave the page to the left of its column.
    reach = [(left + (i + 0.6) * cell) / float(np.cos(np.deg2rad(_SLANT))) - 2.0 for i in range(k - 1)]
    below = [fit_lines(result.label(name), min(34.0, room), size) for name, room in zip(names, reach, strict=False)]
    slope = float(np.sin(np.deg2rad(_SLANT)))
    hang = max(text_width(label, size) * slope for label in below) + 4.0
    sentences = [*_sentences(result, group), "" if cell >= NUMBERED_MM else "coefficients: in the table"]
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    tall = (k - 1) * cell
    on = panels.page(width, 13.0 + tall + hang + 9.0 + foot)
    ax = on.axes(left, 12.0, tall, tall)
    _draw_cells(ax, result, group, names, cell, journal.size)
    _labels(ax, result, group, names, below, _Layout(cell, left, right), size)
    bar = on.axes(width - 49.0, 5.0, 44.0, 1.8)
    drawn = on.figure.colorbar(ScalarMappable(SCALE, COLOURS), cax=bar, orientation="horizontal")
    drawn.outline.set_linewidth(0.5)
    drawn.set_ticks([-1, -0.5, 0, 0.5, 1])
    drawn.ax.tick_params(labelsize=size - 0.5, pad=1.2)
    drawn.ax.set_title("Pearson's r", fontsize=size, pad=2.0)
    panels.category_key(on, 2.0, on.height - foot - 5.0, [result.category(name) for name in names[1:]], size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    return on


def _draw_cells(ax: Axes, result: CollinearityResult, group: str, names: list[str], cell: float, size: float) -> None:
    k = len(names)
    ax.set_xlim(0, max(k - 1, 1))
    ax.set_ylim(max(k - 1, 1), 0)
    ax.axis("off")
    place = {name: i for i, name in enumerate(names)}
    table = result.matrix.loc[result.matrix["group"] == group]
    p = _p_name(result)
    small = float(np.clip(size * 0.84 * cell / text_width("−0.00", size), SMALLEST_POINTS, size - 0.5))
    numbered = cell >= NUMBERED_MM
    for row in table.to_dict("records"):
        column, line = sorted((place[row["driver"]], place[row["driver_2"]]))
        r = float(row["r"])
        face = COLOURS(SCALE(r)) if np.isfinite(r) else "#EFEFEF"
        ax.add_patch(Rectangle((column, line - 1), 1, 1, facecolor=face, edgecolor="white", linewidth=0.8))
        style: dict[str, Any] = {"fontsize": small, "ha": "center", "va": "center", "color": ink_on(face)}
        if numbered:
            ax.text(column + 0.5, line - 0.6, panels.decimals(r), **style)
        ax.text(column + 0.5, line - (0.24 if numbered else 0.62), _stars(float(row[p])), **style)


def _labels(
    ax: Axes, result: CollinearityResult, group: str, names: list[str], below: list[str], room: _Layout, size: float
) -> None:
    verdicts = result.drivers.loc[result.drivers["group"] == group].set_index("driver")
    k, cell = len(names), room.cell
    for i, name in enumerate(names):
        gone = name in verdicts.index and verdicts.loc[name, "level"] == REMOVED
        ink = GONE if gone else INK
        if i:
            colour = panels.colour_of(result.category(name))
            ax.add_patch(Rectangle((-1.9 / cell, i - 0.92), 1.1 / cell, 0.84, color=colour, linewidth=0, clip_on=False))
            label = fit_lines(result.label(name), room.left - 4.0, size)
            ax.text(-2.7 / cell, i - 0.5, label, fontsize=size, ha="right", va="center", color=ink)
            _vif(ax, i + 1.2 / cell, i - 0.5, verdicts.loc[name], ink, size)
        if i < k - 1:
            ax.text(
                i + 0.62, k - 1 + 0.9 / cell, below[i], fontsize=size, rotation=_SLANT, rotation_mode="anchor", ha="right",
                va="top", color=ink,
            )  # fmt: skip


def _vif(ax: Axes, x: float, y: float, row: object, ink: str, size: float) -> None:
    value, note = float(row["vif"]), str(row["note"])  # type: ignore[index]
    words = number(value, 3) if np.isfinite(value) or value > 0 else "n/a"
    said = f"VIF {words}, out at {note}" if note.startswith("step") else f"VIF {words}"
    ax.text(x, y, said, fontsize=size, ha="left", va="center", color=ink)


def _p_name(result: CollinearityResult) -> str:
    return "p_eff_adjusted" if result.matrix["n_eff"].notna().any() else "p_adjusted"


def _stars(p: float) -> str:
    return next((mark for level, mark in ((0.001, "***"), (0.01, "**"), (0.05, "*")) if p < level), "")


def _sentences(result: CollinearityResult, group: str) -> list[str]:
    table = result.matrix.loc[result.matrix["group"] == group]
    corrected = _p_name(result) == "p_eff_adjusted"
    judged = "P with the effective n" if corrected else "naive P, every row independent"
    where = panels.group_words(group)
    return [
        f"{where[:1].upper()}{where[1:]}, n = {panels.count(table['n'].max())}",
        f"*** < 0.001, ** < 0.01, * < 0.05: {judged}, adjusted over the pairs (Benjamini–Hochberg)",
        "VIF: variance inflation among all drivers, not defined for the response; grey: taken out by the selection",
    ]
