"""Figures of transitions: the transfer matrix, the flows between two years, and the response that went with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.transitions import TransitionResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_colours import class_colours
from carbondrivers.reports.figures.conversion_map import conversion_picture
from carbondrivers.reports.figures.panels import text_width
from carbondrivers.reports.figures.transition_flows import draw_flows, flow_picture
from carbondrivers.reports.figures.transition_matrix import matrix_picture
from carbondrivers.reports.figures.transition_pairs import (
    class_word,
    classes_word,
    flows_of,
    has_areas,
    size_words,
    unit_of,
    years_of,
)
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import FOOT_INK, INK, RULE_INK, Journal, drawing
from carbondrivers.reports.style import journal as journal_of

MOST_CLASSES, MOST_CHANGES = 12, 24
_PITCH_MM = 4.8


def transitions(result: TransitionResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the flows of area from the classes of the first year (left) to those of the last (right).

    Parameters
    ----------
    result
        From the method of the same name.
    ax
        Where to draw; axes of their own where None.
    journal
        Profile that sets fonts and sizes.
    """
    profile = journal_of(journal)
    with drawing(profile):
        if ax is None:
            ax = panels.page(profile.single, 80.0).axes(2.0, 6.0, profile.single - 4.0, 71.0)
        draw_flows(ax, result, flows_of(result), profile.size - 0.5, changed=False)
    return ax


@figure_of(TransitionResult)
def transition_pictures(result: TransitionResult, *, journal: Journal) -> list[Picture]:
    """Compose the matrix and the flows (of at most twelve classes), the map, and the changes of the response."""
    found = []
    if len(result.net) <= MOST_CLASSES:
        found += [matrix_picture(result, journal), flow_picture(result, journal)]
    if {"x", "y"} <= set(result.grid.coords):
        found.append(conversion_picture(result, journal))
    if len(result.changes):
        found.append(_change_picture(result, journal))
    return found


def _change_picture(result: TransitionResult, journal: Journal) -> Picture:
    table = _largest(result.changes)
    size, width = journal.size - 0.5, journal.onehalf
    pairs = [(class_word(a), class_word(b) if a != b else "") for a, b in table[["level", "level_2"]].to_numpy()]
    words = [_pair_words(*pair, 2.0 * width, size) for pair in pairs]
    label = min(0.42 * width, max(text_width(word, size) for word in words) + 0.5)
    known = has_areas(result)
    column = max(text_width("00,000", size - 0.5), text_width("Area", size)) + 4.0
    first, last = years_of(result)
    span = int(result.parameters["window"])
    level = 100 * float(result.parameters["confidence"])
    sentences = [
        f"mean of {_window_words(first, span, 1)} against that of {_window_words(last, span, -1)}",
        f"point and whisker: change and its {level:g} % interval from square blocks of {result.parameters['blocks']}",
        "diamond: change of the cells that stayed in the class of the first year",
        "no whisker: fewer than 5 blocks" if table["ci_low"].isna().any() else "",
        f"the {MOST_CHANGES} largest of {len(result.changes)} pairs" if len(table) < len(result.changes) else "",
    ]
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    tall = _PITCH_MM * len(table)
    on = panels.page(width, 6.0 + tall + 10.0 + foot)
    ax = on.axes(label + 4.0, 6.0, width - label - 6.0 - column, tall)
    _draw_changes(ax, result, table, size)
    ax.set_yticks(np.arange(len(table)), [_pair_words(*pair, label, size) for pair in pairs], fontsize=size)
    right = 1.0 + column / panels.axes_mm(ax)[0]
    head = unit_of(result)
    on.text(width - 2.0, 1.6, head, size - 0.5, ha="right", color=FOOT_INK)
    sizes = table["area_km2"] if known else table["n"]
    for y, value in enumerate(sizes.to_numpy(dtype=np.float64)):
        ax.text(right, y, size_words(value), transform=ax.get_yaxis_transform(), fontsize=size - 0.5, ha="right", va="center")
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    label_words = result.label(_response(result))
    caption = (
        f"Change of {label_words} in each transition of {classes_word(result)} from {first} to {last}, with that of the "
        "cells that stayed in the class of the first year."
    )
    return Picture("transitions_response", on.figure, table, caption, "onehalf")


def _pair_words(first: str, last: str, room: float, size: float) -> str:
    """Return ``"Barren → Forest"``, or ``"Forest (unchanged)"`` without a last class; both names are cut where they must be."""
    if not last:
        end = " (unchanged)"
        return panels.fit_lines(first, room - text_width(end, size), size) + end
    both = f"{first} → {last}"
    if text_width(both, size) <= room:
        return panels.fit_lines(both, room, size)
    half = (room - text_width(" → ", size)) / 2
    return f"{panels.fit_lines(first, half, size)} → {panels.fit_lines(last, half, size)}"


def _largest(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of most cells, in the order of the table."""
    kept = changes["n"].sort_values(ascending=False, kind="stable").index[:MOST_CHANGES]
    return changes.loc[sorted(kept)].reset_index(drop=True)


def _window_words(year: str, span: int, step: int) -> str:
    if span == 1:
        return year
    other = int(year) + step * (span - 1)
    return f"{min(int(year), other)}–{max(int(year), other)}"


def _draw_changes(ax: Axes, result: TransitionResult, table: pd.DataFrame, size: float) -> None:
    colours = class_colours(list(result.net["level"]))
    y = np.arange(len(table), dtype=np.float64)
    change, low, high, stayed = (table[c].to_numpy(dtype=np.float64) for c in ("estimate", "ci_low", "ci_high", "expected"))
    new = table["level"] != table["level"].shift()
    for row in np.flatnonzero(new.to_numpy())[1:]:
        ax.axhline(row - 0.5, color=RULE_INK, linewidth=0.4, zorder=0)
    ax.axvline(0.0, color=INK, linewidth=0.6, zorder=1)
    moved = (table["level"] != table["level_2"]).to_numpy()
    ax.plot(
        stayed[moved],
        y[moved],
        "D",
        markersize=4.2,
        markerfacecolor="white",
        markeredgecolor="#7A7A7A",
        markeredgewidth=0.8,
        linestyle="none",
        zorder=2,
    )
    has = np.isfinite(low)
    ax.errorbar(
        change[has], y[has], xerr=[(change - low)[has], (high - change)[has]], fmt="none", ecolor=INK, elinewidth=0.8,
        capsize=1.6, capthick=0.8, zorder=3,
    )  # fmt: skip
    for value, at, level in zip(change, y, table["level"], strict=True):
        ax.plot(value, at, "o", markersize=4.4, color=colours[level], markeredgecolor=INK, markeredgewidth=0.6, zorder=4)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.margins(x=0.05)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0, pad=2)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.locator_params(axis="x", nbins=6)
    across = panels.axes_mm(ax)[0]
    name = _response(result)
    ax.set_xlabel(
        panels.axis_label(f"Change of {result.label(name)}", result.unit(name), across, size), fontsize=size, labelpad=1.5
    )


def _response(result: TransitionResult) -> str:
    rows = result.variables.loc[result.variables["role"] == "response", "name"]
    return str(rows.iloc[0]) if len(rows) else "response"
