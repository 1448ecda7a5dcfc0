"""Seasonal trend figures: the map of slopes beside that of classes, and the slope of the regional mean by month."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from carbondrivers.attribution.seasonal_trend import SeasonalTrendResult
from carbondrivers.attribution.trend_classes import NO_TREND, RULES
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import Classes, Scale, map_page
from carbondrivers.reports.figures.trend import COLOURS
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import CATEGORY_COLOURS, INK, RULE_INK, Journal, drawing
from carbondrivers.reports.style import journal as journal_of


def seasonal_trend(result: SeasonalTrendResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the slope of the regional mean by month, with its interval, over the slope that all months share.

    Parameters
    ----------
    result
        From the seasonal trend.
    ax
        Where to draw; axes of their own where None.
    journal
        Profile that sets fonts and sizes.
    """
    profile = journal_of(journal)
    with drawing(profile):
        if ax is None:
            ax = panels.page(profile.single, 66.0).axes(15.0, 4.0, profile.single - 18.0, 48.0)
        _draw_months(ax, result, profile.size)
    return ax


@figure_of(SeasonalTrendResult)
def seasonal_trend_pictures(result: SeasonalTrendResult, *, journal: Journal) -> list[Picture]:
    """Compose the maps and the months."""
    return [_map_picture(result, journal), _month_picture(result, journal)]


def _map_picture(result: SeasonalTrendResult, journal: Journal) -> Picture:
    layer = result.grid["trend_class"]
    adjusted = layer.attrs["p"] == "mk_p_adjusted"
    table = result.classes.loc[result.classes["method"].str.endswith("adjusted (BH)") == adjusted]
    table = table.loc[(table["n"] > 0) | (table["level"] != NO_TREND)]
    classes = Classes(
        title="Trend class (seasonal Mann–Kendall)",
        codes=layer.to_numpy(),
        colours=[COLOURS[level] for level in layer.attrs["classes"]],
        levels=[str(level).replace("significant", "sig.") for level in table["level"]],
        shares=table["share"].to_numpy(dtype=np.float64),
        drawn=[COLOURS[level] for level in table["level"]],
    )
    slope = result.grid["sen_slope"].to_numpy()
    scale = Scale(
        "Seasonal Sen slope", f"Slope of {_label(result)}", _per_year(result), slope,
        furniture.colours_for(slope, about_zero=True),
    )  # fmt: skip
    of_cells = str(result.classes["share_of"].iloc[0])
    sentences = [
        f"{panels.years_text(result.parameters['years'])}, {panels.count(result.n)} cells, the same months compared",
        f"{RULES[result.parameters['classes']]}, naive P (months taken as independent), "
        + ("adjusted over the map (Benjamini–Hochberg)" if adjusted else "not adjusted for the number of cells"),
        f"shares of the {of_cells}",
    ]
    on, width = map_page(result.grid, [scale, classes], sentences, journal)
    caption = (
        f"Seasonal Sen slope of {_label(result)} (a) and its trend class by the seasonal Mann–Kendall test (b); shares are of "
        f"the {of_cells}."
    )
    numbers = furniture.cells(result.grid, ("sen_slope", "mk_p", "mk_p_adjusted", "trend_class"))
    return Picture("seasonal_trend_map", on.figure, numbers, caption, width)


def _month_picture(result: SeasonalTrendResult, journal: Journal) -> Picture:
    size = journal.size
    sentences = [
        "points: Theil–Sen slope of each month with its 95 % interval, filled where naive P < 0.05",
        "line and band: slope that all months share, and its interval",
    ]
    foot = panels.foot_height(sentences, journal.single - 4.0, size - 1.0)
    on = panels.page(journal.single, 60.0 + foot)
    ax = on.axes(15.0, 4.0, journal.single - 18.0, 46.0)
    _draw_months(ax, result, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 1.0)
    caption = f"Trend of the area-weighted mean of {_label(result)} by month, and the slope that all months share."
    return Picture("seasonal_trend_months", on.figure, result.regional, caption, "single")


def _draw_months(ax: Axes, result: SeasonalTrendResult, size: float) -> None:
    whole, months = result.regional.iloc[0], result.regional.iloc[1:]
    colour, x = CATEGORY_COLOURS["vegetation"], np.arange(len(months))
    slope, low, high = (float(whole[key]) for key in ("estimate", "ci_low", "ci_high"))
    ax.axhline(0.0, color=INK, linewidth=0.6, zorder=1)
    if np.isfinite([slope, low, high]).all():
        ax.axhspan(low, high, color=RULE_INK, alpha=0.5, linewidth=0, zorder=0)
        ax.axhline(slope, color=colour, linewidth=1.0, zorder=2)
    found = zip(x, *(months[key].to_numpy(dtype=np.float64) for key in ("estimate", "ci_low", "ci_high", "p")), strict=True)
    for at, value, lower, upper, p in found:
        if not np.isfinite([value, lower, upper]).all():
            continue
        ax.plot([at, at], [lower, upper], color=INK, linewidth=0.7, zorder=3)
        face = colour if p < 0.05 else "white"
        ax.plot(at, value, "o", markersize=3.8, markerfacecolor=face, markeredgecolor=colour, markeredgewidth=0.9, zorder=4)
    ax.set_xticks(x, [str(level)[:3] for level in months["level"]], fontsize=size - 0.5)
    ax.set_xlim(-0.6, max(len(months) - 0.4, 0.6))
    ax.locator_params(axis="y", nbins=5)
    tall = panels.axes_mm(ax)[1]
    ax.set_ylabel(panels.axis_label(f"Slope of {_label(result)}", _per_year(result), tall, size), fontsize=size)


def _per_year(result: SeasonalTrendResult) -> str:
    unit = result.unit(str(result.variables["name"].iloc[0])).strip()
    if unit in {"", "1", "-"}:
        return "a-1"
    return f"{unit[:-1]}2" if unit.endswith(" a-1") else f"{unit} a-1"


def _label(result: SeasonalTrendResult) -> str:
    return result.label(str(result.variables["name"].iloc[0]))
