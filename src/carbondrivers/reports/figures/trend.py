"""Trend figures: the map of slopes beside the map of classes, and the annual regional mean with its Theil-Sen line."""

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
_MAPPED = ("sen_slope", "trend_class")
_ONE_EACH = BoundaryNorm(np.arange(len(CLASS_COLOURS) + 1) - 0.5, len(CLASS_COLOURS))


def trend(result: TrendResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the regional mean of every year with its Theil-Sen line.

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
            ax = panels.page(profile.single, 60.0).axes(15.0, 4.0, profile.single - 18.0, 44.0)
        _draw_series(ax, result, profile.size)
    return ax


@figure_of(TrendResult)
def trend_pictures(result: TrendResult, *, journal: Journal) -> list[Picture]:
    """Compose the pair of maps and the regional series."""
    return [_map_picture(result, journal), _series_picture(result, journal)]


def _class_table(result: TrendResult) -> pd.DataFrame:
    """The class table of the p that the map was drawn by."""
    table = result.classes
    adjusted = result.grid["trend_class"].attrs.get("p", "mk_p_adjusted") == "mk_p_adjusted"
    chosen = table.loc[table["method"].str.contains("adjusted") == adjusted]
    return (chosen if len(chosen) else table).reset_index(drop=True)


def _map_picture(result: TrendResult, journal: Journal) -> Picture:
    grid, size = result.grid, journal.size - 0.5
    crs = furniture.known_crs(grid.attrs.get("crs"))
    x, y = furniture.grid_coordinates(grid["sen_slope"])
    codes = grid["trend_class"].to_numpy()
    width, left, gutter = journal.double, 7.0, 9.0
    across = (width - 2 * left - gutter + 5.5) / 2
    extent = furniture.extent_of(furniture.bounds_of(x, y, np.isfinite(codes)), crs, across, TALLEST_MAP_MM)
    tall = extent.aspect * across
    table = _class_table(result)
    # Cells without any trend are rare: the seventh class is shown where it occurs.
    table = table.loc[(table["n"] > 0) | (table.index < len(TREND_COLOURS))].reset_index(drop=True)
    sentences = _foot(result, table, crs)
    foot = panels.foot_height(sentences, width - left - 2.0, size - 0.5)
    below = 11.0 + _legend_height(table, across, size)
    on = panels.page(width, 7.0 + tall + below + foot)
    first, second = (on.axes(left + i * (across + gutter), 7.0, across, tall) for i in (0, 1))
    slope = grid["sen_slope"].to_numpy()
    cmap, norm, ends = furniture.colours_for(np.concatenate([slope.ravel(), -slope.ravel()]))
    drawn = furniture.draw_grid(first, slope, x, y, cmap=cmap, norm=norm)
    furniture.draw_grid(second, codes, x, y, cmap=ListedColormap(CLASS_COLOURS), norm=_ONE_EACH)
    for ax, letter, words in ((first, "a", "Theil–Sen slope"), (second, "b", "Trend class (Mann–Kendall)")):
        furniture.frame(ax, extent, crs, size - 0.5)
        panels.panel_title(ax, letter, words, journal.size + 0.5, left - 2.0)
    label = panels.axis_label(f"Slope of {_response(result)}", _per_year(result), across - 4.0, size)
    furniture.colour_bar(on, left + 4.0, 7.0 + tall + 7.0, across - 8.0, drawn, ends, label, size - 0.5)
    _legend(on, left + across + gutter, 7.0 + tall + 7.0, across, table, size)
    panels.foot(on, left, on.height - foot, sentences, size - 0.5)
    caption = (
        f"Theil–Sen slope of {_response(result)} (a) and its trend class by the Mann–Kendall test (b); shares "
        f"are of the {table['share_of'].iloc[0]}." if len(table) else "Trend."
    )  # fmt: skip
    return Picture("trend_map", on.figure, furniture.cells(result.grid, _MAPPED), caption, "double")


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


def _foot(result: TrendResult, table: pd.DataFrame, crs: Any) -> list[str]:
    years = result.parameters.get("years")
    span = f"{years[0]:.0f}–{years[1]:.0f}" if years else ""
    adjusted = result.parameters.get("significance") != "naive"
    p = "P adjusted over the map (Benjamini–Hochberg)" if adjusted else "naive P, neither adjusted for the number of cells"
    return [
        f"{span}, {panels.count(result.n)} cells" if span else f"{panels.count(result.n)} cells",
        f"extremely significant: P < 0.01, significant: P < 0.05, {p}",
        f"shares of the {table['share_of'].iloc[0]}" if len(table) else "",
        "white: no value",
        "scale bar true at the centre of the map" if crs is not None else "reference system unknown",
    ]


def _series_picture(result: TrendResult, journal: Journal) -> Picture:
    size = journal.size
    sentences = ["dashed: Theil–Sen line", "P (Mann–Kendall) takes the years as independent"]
    foot = panels.foot_height(sentences, journal.single - 4.0, size - 1.0)
    on = panels.page(journal.single, 66.0 + foot)
    ax = on.axes(15.0, 11.0, journal.single - 18.0, 42.0)
    _draw_series(ax, result, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 1.0)
    caption = f"Area-weighted mean of {_response(result)} by year, with its Theil–Sen line."
    return Picture("trend_series", on.figure, result.series, caption, "single")


def _draw_series(ax: Axes, result: TrendResult, size: float) -> None:
    series = result.series
    year, mean = (series[c].to_numpy(dtype=np.float64) for c in ("year", "estimate"))
    colour = CATEGORY_COLOURS["vegetation"]
    ax.plot(year, mean, "-o", color=colour, linewidth=0.9, markersize=3.0, markeredgewidth=0)
    sen = _sen(result)
    slope, intercept = float(sen.get("estimate", np.nan)), float(sen.get("intercept", np.nan))
    if np.isfinite([slope, intercept]).all():
        ends = np.array([np.nanmin(year), np.nanmax(year)])
        ax.plot(ends, intercept + slope * (ends - ends[0]), color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
    ax.locator_params(axis="x", nbins=6, integer=True)
    ax.locator_params(axis="y", nbins=5)
    ax.margins(x=0.03, y=0.1)
    ax.set_xlabel("Year", fontsize=size, labelpad=1.5)
    tall = panels.axes_mm(ax)[1]
    ax.set_ylabel(panels.axis_label(_response(result), result.unit(_name(result)), tall, size), fontsize=size)
    words = "\n".join(_slope_words(result))
    ax.text(0.0, 1 + 1.5 / tall, words, transform=ax.transAxes, fontsize=size - 0.5, ha="left", va="bottom")


def _sen(result: TrendResult) -> dict[str, Any]:
    table = result.regional
    rows = table.loc[table["method"] == "theil_sen"].to_dict("records")
    return {str(k): v for k, v in rows[0].items()} if rows else {}


def _slope_words(result: TrendResult) -> tuple[str, str]:
    """``slope 2.1 g C m-2 a-2`` and ``95 % interval 1.0 to 3.2, P = 0.003``, from the regional table."""
    row = _sen(result)
    if not row or not np.isfinite(row["estimate"]):
        return "Slope n/a", ""
    slope, low, high = (f"{row[c]:.3g}".replace("-", "−") for c in ("estimate", "ci_low", "ci_high"))
    p = f"P = {row['p']:.2g}" if row["p"] >= 0.001 else "P < 0.001"
    return f"Slope {slope} {unit_text(_per_year(result))}", f"95 % interval {low} to {high}, {p}"


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
