"""Relative influence of every driver, one panel a group, with the shares of categories as a ring around R squared."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from carbondrivers.attribution.influence_result import BLOCKS, INFLUENCE, RANDOM, InfluenceResult
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.bars import group_title
from carbondrivers.reports.figures.panels import Page, Rows
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, Journal, drawing
from carbondrivers.reports.style import journal as journal_of
from carbondrivers.reports.words import whole_shares

PAGE_GROUPS, COLUMNS = 8, 2
LEAST_PITCH_MM, FOOT_MM = 3.3, 24.0
TALLEST_MM, ROOM_MM, RING_MM, GUTTER_MM, FIRST_MM = 235.0, 15.0, 19.0, 5.0, 7.0
PALE = 0.4
FLOOR_LINE: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": (0, (3, 2)), "zorder": 1}
EXPECTED: dict[str, Any] = {
    "marker": "D",
    "markersize": 3.2,
    "markerfacecolor": "white",
    "markeredgecolor": INK,
    "markeredgewidth": 0.8,
}


def boosted_trees(
    result: InfluenceResult, ax: Axes | None = None, *, group: str = "all", journal: str | Journal = "jal"
) -> Axes:
    """Draw the influence of one group's drivers, by category, with intervals and the noise floor.

    Parameters
    ----------
    result
        From ``influence``.
    ax
        Where to draw; axes of their own where None.
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
    choose(group, dict.fromkeys(result.influence["group"]), "group")
    rows = _rows(result, group)
    with drawing(profile):
        ax = panels.driver_axes(ax, result, rows, profile)
        _bars(ax, rows, profile.size - 0.5)
    return ax


@figure_of(InfluenceResult)
def influence_pictures(result: InfluenceResult, *, journal: Journal) -> list[Picture]:
    """Compose two panels a row, as many rows a page as leave every driver a line of its own."""
    found = []
    for index, names in enumerate(_pages(result)):
        table = result.influence.loc[result.influence["group"].isin(names)].reset_index(drop=True)
        name = "boosted_trees" if index == 0 else f"boosted_trees_{index + 1}"
        level = f"{100 * result.parameters['confidence']:g} %"
        caption = (
            f"Relative influence of each driver on {result.label(str(table['response'].iloc[0]))} in boosted regression trees, "
            f"by category, with {level} intervals over spatial blocks drawn anew. Pale bars are not above the noise floor "
            "(dashed). Rings: sums by category, around R² under spatial folds (random ones where there are no others)."
        )
        on = _page(result, names, journal)
        found.append(Picture(name, on.figure, table, caption, "onehalf" if len(names) == 1 else "double"))
    return found


def _pages(result: InfluenceResult) -> list[list[str]]:
    """Return the groups of each page, about equally many."""
    groups = list(dict.fromkeys(result.influence["group"]))
    span = max((_rows(result, group).span for group in groups), default=1.0)
    lines = int((TALLEST_MM - FOOT_MM) // (max(LEAST_PITCH_MM * span, _beside_high(result)) + ROOM_MM))
    most = min(PAGE_GROUPS, COLUMNS * max(1, lines))
    pages = -(-len(groups) // most)
    each = -(-len(groups) // max(pages, 1))
    # Rows of two are filled before a page ends.
    each = min(most, each + each % COLUMNS) if pages > 1 else each
    return [list(part) for part in panels.chunks(groups, max(each, 1))]


def _rows(result: InfluenceResult, group: str) -> Rows:
    return panels.driver_rows(result, result.influence.loc[result.influence["group"] == group], "share")


def _page(result: InfluenceResult, names: list[str], journal: Journal) -> Page:
    rows = [_rows(result, name) for name in names]
    columns = min(COLUMNS, len(names))
    lines = -(-len(names) // columns)
    width, size = journal.onehalf if columns == 1 else journal.double, journal.size - 0.5
    panel = (width - 3.0 - GUTTER_MM * (columns - 1)) / columns
    sentences = _foot(result, names)
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    span = max(part.span for part in rows)
    pitch = min(4.4, (TALLEST_MM - foot - 10.0 - lines * ROOM_MM) / (lines * span))
    tall = max(span * pitch, _beside_high(result))
    labels = [[panels.fit_lines(result.label(d), 0.3 * panel, size) for d in part.table["driver"]] for part in rows]
    left = max(panels.text_width(label, size) for part in labels for label in part) + 1.5
    right = max(
        RING_MM, *(panels.text_width(f"{c.capitalize()} 100.0 %", size) + 3.5 for part in rows for c in part.categories)
    )
    on = panels.page(width, lines * (tall + ROOM_MM) + 9.0 + foot)
    for i, (name, part) in enumerate(zip(names, rows, strict=True)):
        down, across = divmod(i, columns)
        start, top = 1.5 + across * (panel + GUTTER_MM), FIRST_MM + down * (tall + ROOM_MM)
        ax = on.axes(start + left, top, panel - left - right - 3.0, part.span * pitch)
        panels.dress_rows(ax, part, labels[i], size)
        _bars(ax, part, size)
        letter = string.ascii_lowercase[i] if len(names) > 1 else ""
        panels.panel_title(ax, letter, f"{group_title(name, part.table)}, {_trees(result, name)} trees", size + 0.5, left)
        _ring(on, result, name, start + panel - right, top, right, size)
    _key(on, on.height - foot - 6.0, size, table=pd.concat([part.table for part in rows]))
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    return on


def _trees(result: InfluenceResult, group: str) -> str:
    chosen = result.settings.loc[(result.settings["group"] == group) & result.settings["selected"].astype(bool)]
    return panels.count(float(chosen["n_trees"].iloc[0]))


def _bars(ax: Axes, rows: Rows, size: float) -> None:
    table = rows.table
    share, low, high, expected = (
        100.0 * table[name].to_numpy(dtype=np.float64) for name in ("share", "ci_low", "ci_high", "share_expected")
    )
    below = table["above_floor"].eq(False).fillna(False).to_numpy(dtype=bool)
    for y, value, a, b, pale, category in zip(rows.y, share, low, high, below, rows.categories, strict=True):
        if not np.isfinite(value):
            continue
        colour = panels.colour_of(category)
        ax.barh(y, value, height=0.66, color=colour, alpha=PALE if pale else 1.0, linewidth=0, zorder=2)
        if np.isfinite(a) and np.isfinite(b):
            # A share of the full fit may lie outside the percentiles of its refits; the interval is drawn as it is.
            ax.plot([a, b], [y, y], color=INK, linewidth=0.7, zorder=3)
            ax.plot([a, b], [y, y], linestyle="none", marker="|", markersize=3.0, color=INK, markeredgewidth=0.7, zorder=3)
    known = np.isfinite(expected)
    ax.plot(expected[known], rows.y[known], linestyle="none", zorder=4, **EXPECTED)
    floor = 100.0 * float(table["floor"].iloc[0])
    if np.isfinite(floor):
        ax.axvline(floor, **FLOOR_LINE)
    ends = np.nanmax(np.vstack([np.nan_to_num(share), high, expected, np.zeros(len(share))]), axis=0)
    reach = max(1.0, float(np.nanmax([*ends, floor]))) * 1.03
    ax.set_xlim(0.0, reach)
    # Numbers begin beyond the marks of what the cut alone gives.
    ends = np.fmax(ends, expected + 0.5 * EXPECTED["markersize"] / 72.0 * 25.4 * reach / panels.axes_mm(ax)[0])
    panels.print_values(ax, rows.y, ends, [panels.decimals(v, 1) for v in share], size - 0.5)
    for number in ax.texts:
        # The line of the noise floor may run through a number.
        number.set_path_effects([withStroke(linewidth=1.6, foreground="white")])
    ax.locator_params(axis="x", nbins=4)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.set_xlabel("Relative influence (%)", fontsize=size, labelpad=1.5)


def _categories(result: InfluenceResult, group: str) -> pd.DataFrame:
    table = result.categories
    found = table.loc[(table["group"] == group) & (table["method"] == INFLUENCE) & table["share"].notna()]
    return found.sort_values(["share", "category"], ascending=[False, True])


def score_of(result: InfluenceResult, group: str) -> tuple[float, str]:
    """Return R squared under spatial folds, or under random ones where there are no others, and which it is."""
    table = result.scores.loc[result.scores["group"] == group].set_index("method")["r2"]
    method = BLOCKS if BLOCKS in table.index else RANDOM
    return float(table.get(method, np.nan)), method


def _beside_high(result: InfluenceResult) -> float:
    return RING_MM + 6.0 + 3.6 * result.categories["category"].nunique()


def _ring(on: Page, result: InfluenceResult, group: str, left: float, top: float, width: float, size: float) -> None:
    table = _categories(result, group)
    if table.empty:
        return
    on.text(left + width / 2, top - 0.5, "Category share", size, ha="center")
    ax = on.axes(left + (width - RING_MM) / 2, top + 3.2, RING_MM, RING_MM)
    colours = [panels.colour_of(c) for c in table["category"]]
    ax.pie(
        table["share"], colors=colours, startangle=90, counterclock=False, radius=1.2, normalize=True,
        wedgeprops={"width": 0.5, "edgecolor": "white", "linewidth": 0.8},
    )  # fmt: skip
    r2, _ = score_of(result, group)
    ax.text(0.0, 0.0, f"R²\n{panels.decimals(r2)}", fontsize=size, ha="center", va="center", linespacing=1.0)
    y = top + 4.6 + RING_MM
    for name, share in zip(table["category"], whole_shares(table["share"].to_numpy(dtype=np.float64)), strict=True):
        on.swatch(left, y + 0.4, panels.colour_of(name))
        on.text(left + 2.8, y, f"{str(name).capitalize()} {share:.1f} %", size)
        y += 3.6


def _key(on: Page, top: float, size: float, *, table: pd.DataFrame) -> None:
    key = on.axes(2.0, top, on.width - 4.0, 4.0)
    key.set_xlim(0, on.width - 4.0)
    key.set_ylim(0, 4)
    key.axis("off")
    at = 0.0
    if table["floor"].notna().any():
        key.plot([at, at + 6.0], [2, 2], **FLOOR_LINE)
        at = _said(key, at + 7.0, "noise floor", size)
        key.plot([at + 1], [2], marker="s", markersize=5, color=INK, alpha=PALE, markeredgewidth=0)
        at = _said(key, at + 3.0, "not above it", size)
    if table["ci_low"].notna().any():
        key.plot([at, at + 5.0], [2, 2], color=INK, linewidth=0.7, marker="|", markersize=3.0)
        at = _said(key, at + 6.0, "interval over blocks", size)
    if table["share_expected"].notna().any():
        key.plot([at + 1], [2], linestyle="none", **EXPECTED)
        _said(key, at + 3.0, "expected of the cut on the response alone", size)


def _said(key: Axes, at: float, words: str, size: float) -> float:
    key.text(at, 2, words, fontsize=size, va="center")
    return at + panels.text_width(words, size) + 4.0


def _foot(result: InfluenceResult, names: list[str]) -> list[str]:
    said = []
    for name in names:
        table = result.scores.loc[result.scores["group"] == name].set_index("method")["r2"]
        words = " and ".join(
            f"{panels.decimals(float(table[m]))} under {m}"
            for m in (RANDOM, BLOCKS)
            if m in table.index and np.isfinite(table[m])
        )
        said.append(f"{panels.group_words(name)}: R² {words}")
    response = result.label(str(result.influence["response"].iloc[0])) if len(result.influence) else ""
    return [f"response: {response}", *said, "bars: per cent of the influence of all drivers of the group"]
