"""Seasonality in maps: the mean of each month on twelve small maps, and amplitude, month of the maximum and sink months."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, FuncNorm, LinearSegmentedColormap, ListedColormap, Normalize

from carbondrivers.attribution.seasonality import SeasonalityResult
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import DIVERGING, FOOT_INK, SEQUENTIAL, Journal
from carbondrivers.reports.words import MONTHS

COLUMNS = 4
TALLEST_SMALL_MM, TALLEST_MAP_MM = 52.0, 70.0
_LEFT, _TITLE, _GUTTER = 7.0, 4.6, 2.0
# Winter dark, spring blue to green, summer yellow to red, autumn purple: no deficiency folds the circle onto itself.
MONTH_COLOURS = (
    "#130E47", "#1A687F", "#238CC4", "#81ABC3", "#14A05C", "#7DBA33", "#C4DD20", "#F98828", "#D7423B", "#9B053F", "#5B3482",
    "#441566",
)  # fmt: skip
LOSSES = ("rh", "rs", "ra", "rm", "er")


@figure_of(SeasonalityResult)
def seasonality_maps(result: SeasonalityResult, *, journal: Journal) -> list[Picture]:
    """Compose the twelve months, and the maps of the cycle's size and timing."""
    return [_months_picture(result, journal), _timing_picture(result, journal)]


def _months_picture(result: SeasonalityResult, journal: Journal) -> Picture:
    """Twelve maps with one colour bar, one scale bar and one north arrow."""
    layer, size = result.grid["climatology"], journal.size - 0.5
    values = layer.to_numpy()
    crs = furniture.known_crs(result.grid.attrs.get("crs"))
    x, y = furniture.grid_coordinates(layer)
    width = journal.double
    across = (width - _LEFT - 2.0 - (COLUMNS - 1) * _GUTTER) / COLUMNS
    bounds = furniture.bounds_of(x, y, np.isfinite(values).any(axis=0))
    extent = furniture.extent_of(bounds, crs, across, TALLEST_SMALL_MM, strip=False)
    tall = extent.aspect * across
    cmap, norm, ends = _colours(result, values, about_zero=_signed(result))
    norm = _root(norm) if _signed(result) else norm
    sentences = _foot(result, crs, furniture.limits_words(ends), rooted=isinstance(norm, FuncNorm))
    foot = panels.foot_height(sentences, width - _LEFT - 2.0, size - 0.5)
    row = _TITLE + tall + 1.2
    below = 1.0 + 3 * row + 4.0
    on = panels.page(width, below + 13.0 + foot)
    means = _area_means(result)
    for month in range(12):
        down, right = divmod(month, COLUMNS)
        ax = on.axes(_LEFT + right * (across + _GUTTER), 1.0 + down * row + _TITLE, across, tall)
        drawn = furniture.draw_grid(ax, values[month], x, y, cmap=cmap, norm=norm)
        furniture.small_frame(ax, extent, crs, size - 1.0, labelled=(right == 0, down == 2))
        _month_title(ax, MONTHS[month], means[month], size)
    if crs is not None:
        furniture.shared_strip(on, (_LEFT, below, across), extent, crs, size - 0.5)
    start, long = _LEFT + across + 10.0, width - _LEFT - across - 30.0
    label = panels.axis_label(f"Mean {result.label(_name(result))}", result.unit(_name(result)), long, size)
    furniture.colour_bar(on, start, below + 1.5, long, drawn, ends, label, size - 0.5)
    if isinstance(norm, FuncNorm):
        drawn.colorbar.set_ticks(_ticks(norm))
    panels.foot(on, _LEFT, on.height - foot, sentences, size - 0.5)
    caption = f"Mean {result.label(_name(result))} of each month{_span(result)}; one colour scale for all months."
    return Picture("seasonality_maps", on.figure, _numbers(result), caption, "double")


def _colours(
    result: SeasonalityResult, values: np.ndarray, *, about_zero: bool = False
) -> tuple[LinearSegmentedColormap, Normalize, str]:
    """Return the colours of a map; those of a loss of carbon are not those of sinks."""
    cmap, norm, ends = furniture.colours_for(values, about_zero=about_zero)
    return (LinearSegmentedColormap.from_list("loss", SEQUENTIAL[1:]) if _name(result) in LOSSES else cmap), norm, ends


def _root(norm: Normalize) -> FuncNorm:
    """Return limits about zero on a square-root scale: a winter of small sources must not look like nothing."""
    return FuncNorm(
        (lambda v: np.sign(v) * np.sqrt(np.abs(v)), lambda v: np.sign(v) * np.square(v)), vmin=norm.vmin, vmax=norm.vmax
    )


def _ticks(norm: Normalize) -> list[float]:
    """Return zero and three round numbers on each side, about evenly spaced on a square-root scale."""
    found: list[float] = []
    for _ in range(3):
        below = found[-1] / 2.5 if found else float(norm.vmax or 1.0)
        power = 10.0 ** np.floor(np.log10(below) + 1e-9)
        found.append(float(max(m * power for m in (1, 2, 5) if m * power <= below * (1 + 1e-9))))
    return [*(-value for value in found), 0.0, *reversed(found)]


def _month_title(ax: Axes, name: str, mean: float, size: float) -> None:
    """Write the month above the left corner of a map, and the mean of the area above the right one."""
    height = 1.0 + 1.0 / panels.axes_mm(ax)[1]
    ax.text(0.0, height, name, transform=ax.transAxes, fontsize=size + 0.5, ha="left", va="bottom")
    words = panels.decimals(mean, 1)
    ax.text(1.0, height, words, transform=ax.transAxes, fontsize=size - 0.5, ha="right", va="bottom", color=FOOT_INK)


def _timing_picture(result: SeasonalityResult, journal: Journal) -> Picture:
    """Amplitude, month of the maximum and, for NEP, months above zero."""
    grid, size = result.grid, journal.size - 0.5
    names = [name for name in ("amplitude", "peak_month", "sink_months") if name in grid]
    crs = furniture.known_crs(grid.attrs.get("crs"))
    x, y = furniture.grid_coordinates(grid["amplitude"])
    gutter, width = 8.0, journal.double if len(names) == 3 else journal.onehalf
    across = (width - _LEFT - 2.0 - (len(names) - 1) * gutter) / len(names)
    bounds = furniture.bounds_of(x, y, np.isfinite(grid["amplitude"].to_numpy()))
    extent = furniture.extent_of(bounds, crs, across, TALLEST_MAP_MM)
    tall = extent.aspect * across
    amplitude = _colours(result, grid["amplitude"].to_numpy())
    sentences = _foot(result, crs, furniture.limits_words(amplitude[2]), timing=True)
    foot = panels.foot_height(sentences, width - _LEFT - 2.0, size - 0.5)
    on = panels.page(width, 24.0 + tall + foot)
    titles = {"amplitude": "Amplitude", "peak_month": "Month of the maximum", "sink_months": "Months as a sink"}
    for index, name in enumerate(names):
        start = _LEFT + index * (across + gutter)
        ax = on.axes(start, 7.0, across, tall)
        cmap, norm, ends = amplitude if name == "amplitude" else (*_steps(name), "neither")
        drawn = furniture.draw_grid(ax, grid[name].to_numpy(), x, y, cmap=cmap, norm=norm)
        furniture.frame(ax, extent, crs, size - 0.5)
        panels.panel_title(ax, "abc"[index], titles[name], journal.size + 0.5, _LEFT - 2.0 if not index else 4.0)
        if name == "amplitude":
            label = panels.axis_label("Amplitude", result.unit(_name(result)), across, size)
            furniture.colour_bar(on, start + 2.0, 13.0 + tall, across - 4.0, drawn, ends, label, size - 0.5)
        else:
            _step_bar(on, start + 2.0, 13.0 + tall, across - 4.0, drawn, name, size - 0.5)
    panels.foot(on, _LEFT, on.height - foot, sentences, size - 0.5)
    words = " and ".join(["amplitude (highest less lowest month; a)", "month of the maximum (b)"])
    words = f"{words}, and number of months above zero (c)" if len(names) == 3 else words
    caption = f"Mean seasonal cycle of {result.label(_name(result))}{_span(result)}: {words}."
    return Picture(
        "seasonality_timing", on.figure, furniture.cells(grid, names), caption, "double" if len(names) == 3 else "onehalf"
    )


def _steps(name: str) -> tuple[Any, Any]:
    """Colours of whole numbers: a circle of months, or a count from none to all twelve."""
    if name == "peak_month":
        return ListedColormap(MONTH_COLOURS), BoundaryNorm(np.arange(0.5, 13.0), 12)
    ramp = LinearSegmentedColormap.from_list("months", DIVERGING)
    return ListedColormap(ramp(np.linspace(0, 1, 13))), BoundaryNorm(np.arange(-0.5, 13.0), 13)


def _step_bar(on: Page, left: float, top: float, width: float, drawn: Any, name: str, size: float) -> None:
    ax = on.axes(left, top, width, 2.0)
    bar = on.figure.colorbar(drawn, cax=ax, orientation="horizontal")
    bar.outline.set_linewidth(0.6)
    ticks = list(range(1, 13)) if name == "peak_month" else list(range(0, 13, 3))
    bar.set_ticks(ticks, labels=[MONTHS[t - 1][0] if name == "peak_month" else str(t) for t in ticks])
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=size, pad=1.5, length=0 if name == "peak_month" else 2.0)
    bar.set_label("Month" if name == "peak_month" else "Months", fontsize=size + 0.5, labelpad=1.5)


def _foot(result: SeasonalityResult, crs: Any, limits: str, *, timing: bool = False, rooted: bool = False) -> list[str]:
    span = panels.years_text(result.parameters["years"])
    least = result.parameters["min_valid"]
    needed = f"at least {least} year{'s' if least > 1 else ''} in every month"
    signed = _signed(result)
    return [
        f"{span}, {panels.count(result.n)} cells with {needed}",
        "" if timing else "number above a map: their area-weighted mean",
        "green-blue: sink, brown: source" if signed and not timing else "",
        "colours on a square-root scale" if rooted else "",
        "white: no value",
        limits,
        "" if crs is None else "scale bar true at the centre of the map",
        "reference system unknown, every cell weighs the same" if crs is None else "",
    ]


def _area_means(result: SeasonalityResult) -> np.ndarray:
    table = result.cycle
    rows = (table["group"] == "all") & (table["response"] == _name(result))
    return table.loc[rows, "estimate"].to_numpy(dtype=np.float64)


def _signed(result: SeasonalityResult) -> bool:
    return _name(result) in result.parameters["balances"]


def _name(result: SeasonalityResult) -> str:
    return str(result.parameters["fluxes"][0])


def _span(result: SeasonalityResult) -> str:
    span = panels.years_text(result.parameters["years"])
    return f", {span}" if span else ""


def _numbers(result: SeasonalityResult) -> pd.DataFrame:
    """Return the mapped numbers, one row a cell and one column a month."""
    grid = result.grid
    wide = {name.lower(): grid["climatology"].sel(month=i, drop=True) for i, name in enumerate(MONTHS, start=1)}
    return furniture.cells(grid.drop_vars(list(grid.data_vars)).assign(wide), list(wide))
