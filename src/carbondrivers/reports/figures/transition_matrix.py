"""The transfer matrix as a picture: sizes and shares, shaded by what left each class, with sums and the net change."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from carbondrivers.attribution.transitions import TransitionResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page, text_width
from carbondrivers.reports.figures.transition_pairs import (
    class_word,
    classes_word,
    flows_of,
    has_areas,
    rows_of,
    size_words,
    unit_of,
    years_of,
)
from carbondrivers.reports.registry import Picture
from carbondrivers.reports.style import FOOT_INK, RULE_INK, SEQUENTIAL, Journal, ink_on

STAYED = "#E3E3E3"


def matrix_picture(result: TransitionResult, journal: Journal) -> Picture:
    """Compose the matrix with its sums and its key."""
    flows, names = flows_of(result), list(result.net["level"])
    size, width, k = journal.size - 0.5, journal.double, len(names)
    heads = ("2000 (10³ km²)", "Net (10³ km²)")
    label = max(
        min(0.18 * width, max(text_width(class_word(name), size) for name in names)), *(text_width(w, size) for w in heads)
    )
    first, last = years_of(result)
    cell = (width - 8.0 - label - 4.0) / (k + 1)
    flows, unit = _scaled(flows, unit_of(result), cell - 1.0, size)
    tall = 8.2 if k <= 8 else 6.8
    sentences = [
        f"{'area' if has_areas(result) else 'cells'} from the class in {first} (row) to the class in {last} (column)",
        "shade and per cent: share of the class of the row; grey: unchanged; dot: none",
        f"{panels.count(result.n)} cells with a class in both years",
    ]
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    top = 12.0
    on = panels.page(width, top + tall * (k + 2) + 3.0 + 8.0 + foot)
    ax = on.axes(6.0 + label, top, cell * (k + 1) + 2.0, tall * (k + 2) + 1.5)
    ax.axis("off")
    ax.set_xlim(0, cell * (k + 1) + 2.0)
    ax.set_ylim(tall * (k + 2) + 1.5, 0)
    most = _draw_cells(ax, flows, names, cell, tall, size)
    _draw_sums(ax, flows, names, cell, tall, size)
    _heads(on, names, label, top, cell, tall, (first, last), unit, size)
    _shade_key(on, 6.0 + label, top + tall * (k + 2) + 3.6, most, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    caption = (
        f"Transfer matrix of {classes_word(result)} from {first} to {last}: {'area' if has_areas(result) else 'cells'} and "
        "share of the class of the first year, with the sums of both years and the net change."
    )
    return Picture("transitions_matrix", on.figure, result.matrix, caption, "double")


def _scaled(flows: pd.DataFrame, unit: str, room: float, size: float) -> tuple[pd.DataFrame, str]:
    """Return the sizes in thousands, or millions, where they are too long for a cell of the matrix."""
    for power in (0, 3, 6):
        scaled = flows.assign(size=flows["size"] / 10.0**power)
        sums = scaled.groupby("level")["size"].sum()
        if power == 6 or max(text_width(size_words(float(value)), size) for value in [*sums, sums.sum()]) <= room:
            break
    return scaled, rf"10$\mathregular{{^{power}}}$ {unit}" if power else unit


def _draw_cells(ax: Axes, flows: pd.DataFrame, names: list[str], cell: float, tall: float, size: float) -> float:
    """Draw the cells of the matrix; return the share that the darkest shade stands for."""
    place = {name: i for i, name in enumerate(names)}
    moved = flows.loc[flows["level"] != flows["level_2"], "own"]
    most = float(moved.max()) if moved.notna().any() and float(moved.max()) > 0 else 1.0
    for row in rows_of(flows):
        x, y, share = place[row.level_2] * cell, place[row.level] * tall, row.own
        same = row.level == row.level_2
        colour = STAYED if same else _shade(share / most if np.isfinite(share) else 0.0)
        ax.add_patch(Rectangle((x + 0.15, y + 0.15), cell - 0.3, tall - 0.3, facecolor=colour, linewidth=0))
        ink, middle = ink_on(colour), x + cell / 2
        if row.n == 0:
            ax.text(middle, y + tall / 2, "·", fontsize=size, ha="center", va="center", color="#8A8A8A")
            continue
        ax.text(middle, y + 0.52 * tall, size_words(row.size), fontsize=size, ha="center", va="bottom", color=ink)
        ax.text(middle, y + 0.57 * tall, f"{100 * share:.1f}%", fontsize=size - 1.0, ha="center", va="top", color=ink)
    return most


def _shade(level: float) -> str:
    """Return a colour between white and the middle of the sequential scale; the darkest end is kept for nothing here."""
    stops = np.linspace(0.0, 1.0, len(SEQUENTIAL) - 1)
    rgb = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in SEQUENTIAL[:-1]], dtype=np.float64)
    mixed = [round(float(np.interp(min(level, 1.0), stops, rgb[:, i]))) for i in range(3)]
    return "#" + "".join(f"{value:02X}" for value in mixed)


def _draw_sums(ax: Axes, flows: pd.DataFrame, names: list[str], cell: float, tall: float, size: float) -> None:
    """Draw the sum of each row at its right, and that of each column with the net change below."""
    k = len(names)
    before = flows.groupby("level", sort=False)["size"].sum()
    after = flows.groupby("level_2", sort=False)["size"].sum()
    right, below = k * cell + 2.0, k * tall + 1.5
    for i, name in enumerate(names):
        ax.text(right + cell / 2, (i + 0.5) * tall, size_words(float(before[name])), fontsize=size, ha="center", va="center")
        ax.text((i + 0.5) * cell, below + 0.5 * tall, size_words(float(after[name])), fontsize=size, ha="center", va="center")
        net = float(after[name] - before[name])
        words = ("+" if net > 0 else "") + _signed(net)
        ax.text((i + 0.5) * cell, below + 1.35 * tall, words, fontsize=size, ha="center", va="center")
    ax.plot([k * cell + 1.0] * 2, [0, k * tall], color=RULE_INK, linewidth=0.6)
    ax.plot([0, k * cell], [k * tall + 0.75] * 2, color=RULE_INK, linewidth=0.6)
    total = size_words(float(before.sum()))
    ax.text(right + cell / 2, below + 0.5 * tall, total, fontsize=size, ha="center", va="center", color=FOOT_INK)


def _signed(value: float) -> str:
    return f"−{size_words(-value)}" if value < 0 else size_words(value) if value else "0"


def _heads(
    on: Page,
    names: list[str],
    label: float,
    top: float,
    cell: float,
    tall: float,
    years: tuple[str, str],
    unit: str,
    size: float,
) -> None:
    left, k = 6.0 + label, len(names)
    middle = top + k * tall / 2
    on.text(2.6, middle, years[0], size + 0.5, rotation=90, ha="center", va="center", fontweight="bold")
    on.text(left + k * cell / 2, 1.5, years[1], size + 0.5, ha="center", fontweight="bold")
    for i, name in enumerate(names):
        on.text(
            left - 1.5, top + (i + 0.5) * tall, panels.fit_lines(class_word(name), label, size), size, ha="right", va="center"
        )
        words = panels.fit_lines(class_word(name), cell - 0.6, size - (0.5 if k > 6 else 0.0), lines=2)
        on.text(left + (i + 0.5) * cell, top - 1.2, words, size - (0.5 if k > 6 else 0.0), ha="center", va="bottom")
    on.text(
        left + k * cell + 2.0 + cell / 2, top - 1.2, f"{years[0]}\n({unit})", size, ha="center", va="bottom", linespacing=1.1
    )
    below = top + k * tall + 1.5
    on.text(left - 1.5, below + 0.5 * tall, f"{years[1]} ({unit})", size, ha="right", va="center")
    on.text(left - 1.5, below + 1.35 * tall, f"Net ({unit})", size, ha="right", va="center")


def _shade_key(on: Page, left: float, top: float, most: float, size: float) -> None:
    words = "Share of the class that left for another (%)"
    on.text(left, top + 0.4, words, size - 0.5)
    start = left + text_width(words, size - 0.5) + 3.0
    ax = on.axes(start, top + 0.6, 34.0, 2.2)
    ax.axis("off")
    ax.set_xlim(0, 64)
    ax.set_ylim(0, 1)
    for i in range(64):
        ax.add_patch(Rectangle((i, 0), 1.02, 1, facecolor=_shade((i + 0.5) / 64), linewidth=0))
    ax.add_patch(Rectangle((0, 0), 64, 1, fill=False, edgecolor=FOOT_INK, linewidth=0.4))
    on.text(start - 0.8, top + 0.4, "0", size - 0.5, ha="right")
    on.text(start + 34.8, top + 0.4, f"{100 * most:.1f}", size - 0.5)
