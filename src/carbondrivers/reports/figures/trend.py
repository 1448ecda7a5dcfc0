"""Trend figures: the map of slopes beside the map of classes, and the annual regional mean with its line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Rectangle

from carbondrivers.attribution.trend import TrendResult
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page, text_width
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import (
    CATEGORY_COLOURS,
    FOOT_INK,
    INK,
    TREND_COLOURS,
    Journal,
    drawing,
    ink_on,
    unit_text,
)
from carbondrivers.reports.style import journal as journal_of
from carbondrivers.reports.words import whole_shares

NO_CHANGE = "#7A7488"
CLASS_COLOURS = (*TREND_COLOURS, NO_CHANGE)
TALLEST_MAP_MM = 95.0
# Layer of the map, method of the regional table, words, and the test that its P comes from; the first there is is drawn.
SLOPES = (
    ("sen_slope", "theil_sen", "Theil–Sen slope", "Mann–Kendall"),
    ("ols_slope", "ols", "Least-squares slope", "t test"),
)
_ONE_EACH = BoundaryNorm(np.arange(len(CLASS_COLOURS) + 1) - 0.5, len(CLASS_COLOURS))


def trend(result: TrendResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the regional mean of every year with its Theil-Sen line, else its least-squares line, if there is one.

    Parameters
    ----------
    result
        From the trend method.
    ax
        Where to draw; axes of their own where None.
    journal
        Profile that sets fonts and sizes.
    """
    profile = journal_of(journal)
    with drawing(profile):
        if ax is None:
            ax = panels.page(profile.single, 70.0).axes(15.0, 14.0, profile.single - 18.0, 44.0)
        _draw_series(ax, result, profile.size)
    return ax


@figure_of(TrendResult)
def trend_pictures(result: TrendResult, *, journal: Journal) -> list[Picture]:
    """Compose the maps and the regional series."""
    return [_map_picture(result, journal), _series_picture(result, journal)]


def _class_table(result: TrendResult) -> pd.DataFrame:
    """The class table of the p that the map was drawn by."""
    table = result.classes
    adjusted = result.grid["trend_class"].attrs.get("p", "mk_p_adjusted") == "mk_p_adjusted"
    chosen = table.loc[table["method"].str.endswith("adjusted (BH)") == adjusted]
    return (chosen if len(chosen) else table).reset_index(drop=True)


def _slope(result: TrendResult) -> tuple[str, str]:
    """Layer and words of the first slope that was asked for, empty where only the test was."""
    return next(((layer, words) for layer, _, words, _ in SLOPES if layer in result.grid), ("", ""))


def _map_picture(result: TrendResult, journal: Journal) -> Picture:
    """The map of slopes beside that of classes; without any slope the map of classes alone."""
    grid, size, (layer, words) = result.grid, journal.size - 0.5, _slope(result)
    crs = furniture.known_crs(grid.attrs.get("crs"))
    x, y = furniture.grid_coordinates(grid["trend_class"])
    codes = grid["trend_class"].to_numpy()
    left, gutter = 7.0, 9.0
    width = journal.double if layer else journal.onehalf
    across = (width - 2 * left - gutter + 5.5) / 2 if layer else width - left - 2.0
    extent = furniture.extent_of(furniture.bounds_of(x, y, np.isfinite(codes)), crs, across, TALLEST_MAP_MM)
    tall = extent.aspect * across
    slope = grid[layer].to_numpy() if layer else np.empty(0)
    coloured = furniture.colours_for(slope, about_zero=True)
    table = _class_table(result)
    # Cells without any trend are rare: the seventh class is shown where it occurs.
    table = table.loc[(table["n"] > 0) | (table.index < len(TREND_COLOURS))].reset_index(drop=True)
    sentences = _foot(result, table, crs, furniture.limits_words(coloured[2]))
    foot = panels.foot_height(sentences, width - left - 2.0, size - 0.5)
    on = panels.page(width, 18.0 + tall + _legend_height(table, across, size) + foot)
    titles = [("a", words), ("b", "Trend class (Mann–Kendall)")] if layer else [("", "Trend class (Mann–Kendall)")]
    starts = [left + i * (across + gutter) for i in range(len(titles))]
    maps = [on.axes(start, 7.0, across, tall) for start in starts]
    if layer:
        _draw_slope(on, maps[0], result, slope, x, y, coloured, size)
    furniture.draw_grid(maps[-1], codes, x, y, cmap=ListedColormap(CLASS_COLOURS), norm=_ONE_EACH)
    for ax, (letter, title) in zip(maps, titles, strict=True):
        furniture.frame(ax, extent, crs, size - 0.5)
        panels.panel_title(ax, letter, title, journal.size + 0.5, left - 2.0)
    _legend(on, starts[-1], 14.0 + tall, across, table, size)
    panels.foot(on, left, on.height - foot, sentences, size - 0.5)
    numbers = furniture.cells(result.grid, (layer, "trend_class"))
    return Picture("trend_map", on.figure, numbers, _map_caption(result, table), "double" if layer else "onehalf")


def _draw_slope(
    on: Page, ax: Axes, result: TrendResult, slope: np.ndarray, x: np.ndarray, y: np.ndarray, coloured: Any, size: float
) -> None:
    cmap, norm, ends = coloured
    drawn = furniture.draw_grid(ax, slope, x, y, cmap=cmap, norm=norm)
    across, tall = panels.axes_mm(ax)
    label = panels.axis_label(f"Slope of {_response(result)}", _per_year(result), across - 4.0, size)
    left = ax.get_position().x0 * on.width + 4.0
    furniture.colour_bar(on, left, 14.0 + tall, across - 8.0, drawn, ends, label, size - 0.5)


def _map_caption(result: TrendResult, table: pd.DataFrame) -> str:
    _, words = _slope(result)
    shares = f"; shares are of the {table['share_of'].iloc[0]}" if len(table) else ""
    if not words:
        return f"Trend class of {_response(result)} by the Mann–Kendall test{shares}."
    return f"{words} of {_response(result)} (a) and its trend class by the Mann–Kendall test (b){shares}."


def _columns(table: pd.DataFrame, across: float, size: float) -> tuple[int, float]:
    """Two columns, in a smaller size if need be; one column where even that does not fit."""
    longest = max((_short(level) for level in table["level"]), key=lambda w: text_width(w, size), default="")
    for trial in (size, size - 0.5, size - 1.0, 5.8):
        if trial >= 5.8 and 4.0 + text_width(f"{longest} 00.0%", trial) + 2.5 <= across / 2:
            return 2, trial
    return 1, size


def _legend_height(table: pd.DataFrame, across: float, size: float) -> float:
    columns, _ = _columns(table, across, size)
    return 3.6 + 4.2 * (-(-len(table) // columns))


def _short(level: object) -> str:
    return str(level).replace("significant", "sig.")


def _legend(on: Page, left: float, top: float, across: float, table: pd.DataFrame, size: float) -> None:
    """Draw the share bar and the legend whose printed shares add to 100.0."""
    shares = whole_shares(table["share"].to_numpy(dtype=np.float64))
    colours = [CLASS_COLOURS[i] for i in range(len(table))]
    bar = on.axes(left, top, across, 2.6)
    bar.axis("off")
    bar.set_xlim(0, 100)
    bar.set_ylim(0, 1)
    start = 0.0
    for share, colour in zip(shares, colours, strict=True):
        bar.add_patch(Rectangle((start, 0), share, 1, facecolor=colour, linewidth=0))
        words = f"{share:.1f}"
        if text_width(words, size - 0.5) + 1.0 < share / 100 * across:
            bar.text(start + share / 2, 0.46, words, fontsize=size - 0.5, ha="center", va="center", color=ink_on(colour))
        start += share
    columns, small = _columns(table, across, size)
    lines = -(-len(table) // columns)
    column = (across - 2.5 * (columns - 1)) / columns
    for i, (level, share, colour) in enumerate(zip(table["level"], shares, colours, strict=True)):
        x, y = left + i // lines * (column + 2.5), top + 4.0 + i % lines * 4.2
        on.swatch(x, y, colour, side=2.5, edgecolor=FOOT_INK, linewidth=0.4)
        on.text(x + 3.6, y + 1.25, panels.fit_lines(_short(level), column - 12.0, small), small, va="center_baseline")
        on.text(x + column, y + 1.25, f"{share:.1f}%", small, ha="right", va="center_baseline")


def _foot(result: TrendResult, table: pd.DataFrame, crs: Any, limits: str) -> list[str]:
    span = panels.years_text(result.parameters.get("years") or ())
    naive = "naive P (years taken as independent), adjusted over the map (Benjamini–Hochberg)"
    if result.parameters.get("significance") == "naive":
        naive = "naive P, neither adjusted for dependent years nor for the number of cells"
    return [
        f"{span}, {panels.count(result.n)} cells" if span else f"{panels.count(result.n)} cells",
        f"extremely significant: P < 0.01, significant: P < 0.05, {naive}",
        f"shares of the {table['share_of'].iloc[0]}" if len(table) else "",
        "white: no value",
        limits,
        "scale bar true at the centre of the map" if crs is not None else "reference system unknown",
    ]


def _series_picture(result: TrendResult, journal: Journal) -> Picture:
    size, (_, line, test) = journal.size, _line(result)
    sentences = [f"dashed: {line} line", f"interval and P ({test}) are naive: they take the years as independent"]
    sentences = sentences if line else ["no line: no slope was asked for"]
    foot = panels.foot_height(sentences, journal.single - 4.0, size - 1.0)
    top = 14.0 if line else 4.0
    on = panels.page(journal.single, top + 55.0 + foot)
    ax = on.axes(15.0, top, journal.single - 18.0, 42.0)
    _draw_series(ax, result, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 1.0)
    caption = f"Area-weighted mean of {_response(result)} by year{f', with its {line} line' if line else ''}."
    return Picture("trend_series", on.figure, result.series, caption, "single")


def _draw_series(ax: Axes, result: TrendResult, size: float) -> None:
    series = result.series
    year, mean = (series[c].to_numpy(dtype=np.float64) for c in ("year", "estimate"))
    colour = CATEGORY_COLOURS["vegetation"]
    ax.plot(year, mean, "-o", color=colour, linewidth=0.9, markersize=3.0, markeredgewidth=0)
    row, _, _ = _line(result)
    slope, intercept = float(row.get("estimate", np.nan)), float(row.get("intercept", np.nan))
    if np.isfinite([slope, intercept]).all():
        # The intercept is the line's value in the first year.
        ends = np.array([np.nanmin(year), np.nanmax(year)])
        ax.plot(ends, intercept + slope * (ends - ends[0]), color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
    ax.locator_params(axis="x", nbins=6, integer=True)
    ax.locator_params(axis="y", nbins=5)
    ax.margins(x=0.03, y=0.1)
    ax.set_xlabel("Year", fontsize=size, labelpad=1.5)
    tall = panels.axes_mm(ax)[1]
    ax.set_ylabel(panels.axis_label(_response(result), result.unit(_name(result)), tall, size), fontsize=size)
    words = "\n".join(_slope_words(result, row)) if row else ""
    ax.text(0.0, 1 + 1.5 / tall, words, transform=ax.transAxes, fontsize=size - 0.5, ha="left", va="bottom")


def _line(result: TrendResult) -> tuple[dict[str, Any], str, str]:
    """Row of the regional table whose line is drawn, the line's name and its test's; empty without any slope."""
    rows = {str(row["method"]): row for row in result.regional.to_dict("records")}
    for _, method, words, test in SLOPES:
        if method in rows:
            return {str(k): v for k, v in rows[method].items()}, words.removesuffix(" slope").replace("Least", "least"), test
    return {}, "", ""


def _slope_words(result: TrendResult, row: dict[str, Any]) -> list[str]:
    """``Slope 2.1 g C m-2 a-2``, ``Naive 95 % interval 1.0 to 3.2`` and ``Naive P = 0.003``, from the regional table."""
    if not np.isfinite(row["estimate"]):
        return ["Slope n/a"]
    slope, low, high = (f"{row[c]:.3g}".replace("-", "−") for c in ("estimate", "ci_low", "ci_high"))
    p = "P n/a" if not np.isfinite(row["p"]) else f"P = {row['p']:.2g}" if row["p"] >= 0.001 else "P < 0.001"
    interval = f"{low} to {high}" if np.isfinite([row["ci_low"], row["ci_high"]]).all() else "n/a"
    return [f"Slope {slope} {unit_text(_per_year(result))}", f"Naive 95 % interval {interval}", f"Naive {p}"]


def _per_year(result: TrendResult) -> str:
    """The slope's unit, ``g C m-2 a-2`` for a response in ``g C m-2 a-1``."""
    unit = result.unit(_name(result)).strip()
    if unit in {"", "1", "-"}:
        return "a-1"
    return f"{unit[:-1]}2" if unit.endswith(" a-1") else f"{unit} a-1"


def _name(result: TrendResult) -> str:
    known = result.variables
    return str(known["name"].iloc[0]) if len(known) else "response"


def _response(result: TrendResult) -> str:
    return result.label(_name(result))
