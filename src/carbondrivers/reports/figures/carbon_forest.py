"""Random forest of carbon storage: importance, estimates against observations, folds, storage and where it holds, totals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from carbondrivers.attribution.carbon_forest import CarbonForestResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import Classes, Scale, map_page
from carbondrivers.reports.figures.fold_panels import folds_picture, observed_picture
from carbondrivers.reports.figures.panels import Rows
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import FOOT_INK, INK, Journal
from carbondrivers.reports.words import number

LINE, INSIDE = "#0B5FA5", "#159A77"
AREA_COLOURS = ("#D8B365", "#CFE3DC")
_ROW_MM, _TALL_MM = 5.2, 46.0


@figure_of(CarbonForestResult)
def carbon_forest_pictures(result: CarbonForestResult, *, journal: Journal) -> list[Picture]:
    """Compose importance, estimates and folds; with layers the maps of the last year and the totals."""
    kinds = [kind for kind in dict.fromkeys(result.points["method"]) if kind in ("random", "spatial_blocks")]
    if "random, shared plots" in set(result.points["method"]):
        kinds.append("random, shared plots")
    found = [
        *(_importance(result, str(group), journal) for group in dict.fromkeys(result.importance["group"])),
        observed_picture(result, result.points, result.scores, "carbon_forest_scores", kinds, journal),
        *folds_picture(result, result.places, "carbon_forest_folds", journal),
    ]
    if result.storage.data_vars:
        found.append(_maps(result, journal))
    years = result.totals["year"].nunique() if len(result.totals) else 0
    return [*found, _totals(result, journal)] if years > 1 else found


def _importance(result: CarbonForestResult, group: str, journal: Journal) -> Picture:
    """Draw shares with intervals on the left, what a permuted driver costs on the right."""
    size, width = journal.size - 0.5, journal.onehalf
    table = result.importance.loc[result.importance["group"] == group].reset_index(drop=True)
    rows = panels.driver_rows(result, table, "share")
    labels = [panels.fit_lines(result.label(d), 34.0, size) for d in rows.table["driver"]]
    room = max(panels.text_width(line, size) for line in labels) + 3.0
    sentences = _importance_words(result, table)
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    tall = _ROW_MM * rows.span
    on = panels.page(width, 7.0 + tall + 16.0 + foot)
    across = (width - room - 8.0) / 2
    left = on.axes(room, 7.0, across, tall)
    right = on.axes(room + across + 5.0, 7.0, across, tall)
    panels.dress_rows(left, rows, labels, size)
    _draw_shares(left, rows, 100.0 / len(rows.table), size)
    _draw_rises(right, rows, size)
    right.set_ylim(left.get_ylim())
    right.set_yticks([])
    right.spines["left"].set_visible(False)
    left.set_xlabel("Share of the decrease of squared error (%)", fontsize=size, labelpad=1.5)
    right.set_xlabel(_rise_label(result, across, size), fontsize=size, labelpad=1.5)
    panels.panel_title(left, "a", "Summed decrease", size + 0.5, 0.0)
    panels.panel_title(right, "b", "Permuted, out of bag", size + 0.5, 0.0)
    panels.category_key(on, 2.0, on.height - foot - 5.0, rows.categories, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    response = result.label(str(result.importance["response"].iloc[0]))
    caption = (
        f"Importance of drivers in a random forest of {response} ({panels.group_words(group)}): (a) share of the summed "
        "decrease of the squared error, with intervals from refits to resampled blocks; (b) rise of the out-of-bag mean "
        "squared error when a driver is permuted, with two standard errors over trees. Dashed: equal shares."
    )
    name = "carbon_forest_importance" if group == ALL else f"carbon_forest_importance_{panels.slug(group)}"
    return Picture(name, on.figure, rows.table, caption, "onehalf")


def _importance_words(result: CarbonForestResult, table: pd.DataFrame) -> list[str]:
    given = result.parameters
    depth = f"depth {given['depth']}" if given["depth"] else "full depth"
    return [
        f"{panels.group_words(str(table['group'].iloc[0]))}, n = {panels.count(int(table['n'].iloc[0]))} rows",
        f"{given['trees']} trees, mtry {given['mtry']}, {depth}, leaves of "
        f"{given['min_leaf']} rows or more", f"{100 * given['confidence']:g} % intervals from {given['replicates']} refits",
        "importance is what the forest leans on, not a cause",
    ]  # fmt: skip


def _rise_label(result: CarbonForestResult, across: float, size: float) -> str:
    unit = result.unit(str(result.importance["response"].iloc[0]))
    return panels.axis_label("Rise of squared error", f"({unit})²" if unit else "", across, size)


def _draw_shares(ax: Axes, rows: Rows, equal: float, size: float) -> None:
    share, low, high = (100.0 * rows.table[c].to_numpy(dtype=np.float64) for c in ("share", "ci_low", "ci_high"))
    for y, value, a, b, category in zip(rows.y, share, low, high, rows.categories, strict=True):
        ax.barh(y, value, height=0.62, color=panels.colour_of(category), linewidth=0)
        ax.plot([a, b], [y, y], color=INK, linewidth=0.9)
    ends = np.nan_to_num(np.fmax(share, high))
    ax.axvline(equal, color=FOOT_INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
    ax.set_xlim(0.0, 1.02 * max(float(ends.max()), equal, 1.0))
    panels.print_values(ax, rows.y, ends, [panels.decimals(v, 1) for v in share], size - 0.5)
    ax.locator_params(axis="x", nbins=5)
    ax.tick_params(axis="x", labelsize=size - 0.5)


def _draw_rises(ax: Axes, rows: Rows, size: float) -> None:
    rise, error = (rows.table[c].to_numpy(dtype=np.float64) for c in ("estimate", "std_error"))
    for y, value, wide, category in zip(rows.y, rise, 2.0 * np.nan_to_num(error), rows.categories, strict=True):
        colour = panels.colour_of(category)
        ax.plot([value - wide, value + wide], [y, y], color=colour, linewidth=1.0)
        ax.plot(value, y, "o", color=colour, markersize=4.0)
    ax.axvline(0.0, color=INK, linewidth=0.6)
    ax.margins(x=0.08)
    ax.locator_params(axis="x", nbins=4)
    ax.tick_params(axis="x", labelsize=size - 0.5)


def _maps(result: CarbonForestResult, journal: Journal) -> Picture:
    """Draw the estimate of the last year, and where it holds."""
    grid = result.storage.isel(year=-1) if "year" in result.storage.dims else result.storage
    grid = grid.assign_attrs(result.storage.attrs)
    year = f", {int(grid['year'])}" if "year" in grid.coords else ""
    response = str(result.importance["response"].iloc[0])
    label = result.label(response)
    values, inside = grid["estimate"].to_numpy(), grid["inside"].to_numpy()
    row = _last(result.totals, "inside")
    share = float(row["share"])
    parts: list[Scale | Classes] = [
        Scale(f"{label}{year}", label, result.unit(response), values, furniture.colours_for(values)),
        Classes(
            "Area of applicability", inside, AREA_COLOURS, ("outside", "inside"), np.array([1.0 - share, share]),
        ),
    ]  # fmt: skip
    sentences = [
        f"inside: dissimilarity index of at most {number(float(result.parameters['threshold']), 3)}",
        "shares of the area mapped; the scores hold inside only",
    ]
    on, width = map_page(grid, parts, sentences, journal)
    caption = (
        f"(a) {result.label(response)} estimated by the forest{year}; (b) where it was trained for: cells whose drivers are "
        "as near to those of training rows as rows of different folds are to each other (Meyer and Pebesma 2021)."
    )
    return Picture("carbon_forest_map", on.figure, furniture.cells(grid, ("estimate", "di", "lpd", "inside")), caption, width)


def _last(table: pd.DataFrame, method: str) -> dict[Any, Any]:
    return table.loc[table["method"] == method].iloc[-1].to_dict()


def _totals(result: CarbonForestResult, journal: Journal) -> Picture:
    size, width = journal.size - 0.5, journal.onehalf
    known = result.totals["total"].notna().all()
    column, unit = ("total", "Tg C") if known else ("estimate", result.unit(str(result.importance["response"].iloc[0])))
    level = f"{100 * result.parameters['confidence']:g} %"
    sentences = [
        f"band: {level} interval from refits to resampled rows; errors of plots and layers are not in it",
        "lower line: cells inside the area of applicability alone" if known else "",
    ]
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    on = panels.page(width, 3.0 + _TALL_MM + 10.0 + foot)
    ax = on.axes(16.0, 3.0, width - 20.0, _TALL_MM)
    for method, colour, words in (("all cells", LINE, "all cells"), ("inside", INSIDE, "inside the area of applicability")):
        part = result.totals.loc[result.totals["method"] == method]
        year, value = (part[c].to_numpy(dtype=np.float64) for c in ("year", column))
        if method == "all cells":
            ax.fill_between(year, part["ci_low"], part["ci_high"], color=colour, alpha=0.18, linewidth=0)
        ax.plot(year, value, "-o", color=colour, linewidth=1.0, markersize=2.8, label=words)
    ax.margins(x=0.03, y=0.15)
    ax.legend(fontsize=size - 0.5, frameon=False, ncols=2, loc="upper left")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.18 * (high - low))
    label = "Carbon storage" if known else result.label(str(result.importance["response"].iloc[0]))
    ax.set_ylabel(panels.axis_label(label, unit, _TALL_MM, size), fontsize=size, labelpad=1.5)
    ax.set_xlabel("Year", fontsize=size, labelpad=1.5)
    ax.tick_params(labelsize=size - 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    caption = f"{label} by year, estimated by the forest, over all cells and over those inside the area of applicability."
    return Picture("carbon_forest_totals", on.figure, result.totals, caption, "onehalf")
