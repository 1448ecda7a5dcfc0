"""Trend figures: the map of slopes beside the map of classes, and the annual regional mean with its line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.trend import TrendResult
from carbondrivers.attribution.trend_classes import LEVELS, NO_TREND, RULES
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import Classes, Scale, map_page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import (
    CATEGORY_COLOURS,
    INK,
    TREND_COLOURS,
    Journal,
    drawing,
    unit_text,
)
from carbondrivers.reports.style import journal as journal_of

NO_CHANGE = "#7A7488"
CLASS_COLOURS = (*TREND_COLOURS, NO_CHANGE)
# By name, so that a class has one colour in every published view.
COLOURS = dict(zip(LEVELS["northwest_china"], CLASS_COLOURS, strict=True)) | {"No significant change": "#EFEFEF"}
TITLES = {"mann_kendall": "Mann–Kendall", "three_pw": "Mann–Kendall, 3PW", "hamed_rao": "Mann–Kendall, Hamed–Rao"}
TESTED = {"three_pw": "P by prewhitening (3PW)", "hamed_rao": "P with the variance of Hamed and Rao"}
# Layer of the map, method of the regional table, words, and the test that its P comes from; the first there is is drawn.
SLOPES = (
    ("sen_slope", "theil_sen", "Theil–Sen slope", "Mann–Kendall"),
    ("ols_slope", "ols", "Least-squares slope", "t test"),
)


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
    layer, words = _slope(result)
    table = _class_table(result)
    # Cells without any trend are rare: the seventh class is shown where it occurs.
    table = table.loc[(table["n"] > 0) | (table["level"] != NO_TREND)].reset_index(drop=True)
    classes = Classes(
        title=f"Trend class ({TITLES[_test(result)]})",
        codes=result.grid["trend_class"].to_numpy(),
        colours=[COLOURS[level] for level in result.grid["trend_class"].attrs["classes"]],
        levels=[str(level).replace("significant", "sig.") for level in table["level"]],
        shares=table["share"].to_numpy(dtype=np.float64),
        drawn=[COLOURS[level] for level in table["level"]],
    )
    parts: list[Scale | Classes] = [_slope_map(result, layer, words), classes] if layer else [classes]
    on, width = map_page(result.grid, parts, _foot(result, table), journal)
    numbers = furniture.cells(result.grid, (layer, "trend_class"))
    return Picture("trend_map", on.figure, numbers, _map_caption(result, table), width)


def _slope_map(result: TrendResult, layer: str, words: str) -> Scale:
    slope = result.grid[layer].to_numpy()
    coloured = furniture.colours_for(slope, about_zero=True)
    return Scale(words, f"Slope of {_response(result)}", _per_year(result), slope, coloured)


def _map_caption(result: TrendResult, table: pd.DataFrame) -> str:
    _, words = _slope(result)
    shares = f"; shares are of the {table['share_of'].iloc[0]}" if len(table) else ""
    if not words:
        return f"Trend class of {_response(result)} by the Mann–Kendall test{shares}."
    return f"{words} of {_response(result)} (a) and its trend class by the Mann–Kendall test (b){shares}."


def _foot(result: TrendResult, table: pd.DataFrame) -> list[str]:
    span = panels.years_text(result.parameters.get("years") or ())
    rule = RULES[result.parameters.get("classes", "northwest_china")]
    return [
        f"{span}, {panels.count(result.n)} cells" if span else f"{panels.count(result.n)} cells",
        f"{rule}, {_p_words(result)}",
        f"shares of the {table['share_of'].iloc[0]}" if len(table) else "",
    ]


def _test(result: TrendResult) -> str:
    return str(result.parameters.get("test", "mann_kendall"))


def _p_words(result: TrendResult) -> str:
    """What the small print says of the P that classes the map."""
    tested = TESTED.get(_test(result))
    if result.parameters.get("significance") != "naive":
        return f"{tested or 'naive P (years taken as independent)'}, adjusted over the map (Benjamini–Hochberg)"
    if tested:
        return f"{tested}, not adjusted for the number of cells"
    return "naive P, neither adjusted for dependent years nor for the number of cells"


def _naive_p(result: TrendResult, row: dict[str, Any]) -> bool:
    """Whether the P of a regional slope takes the years as independent."""
    return row.get("method") == "ols" or _test(result) not in TESTED


def _series_picture(result: TrendResult, journal: Journal) -> Picture:
    size, (row, line, test) = journal.size, _line(result)
    naive = f"interval and P ({test}) are naive: they take the years as independent"
    if not _naive_p(result, row):
        naive = f"the interval is naive: it takes the years as independent; {TESTED[_test(result)]}"
    sentences = [f"dashed: {line} line", naive]
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
    return [
        f"Slope {slope} {unit_text(_per_year(result))}",
        f"Naive 95 % interval {interval}",
        f"Naive {p}" if _naive_p(result, row) else p,
    ]


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
