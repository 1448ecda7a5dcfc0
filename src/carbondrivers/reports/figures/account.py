"""Carbon account: the mean map, and the regional mean and total of every year."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.accounts import AccountResult
from carbondrivers.errors import choose
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import CATEGORY_COLOURS, INK, Journal, drawing
from carbondrivers.reports.style import journal as journal_of

TALLEST_MAP_MM = 90.0
_SINK, _SOURCE = CATEGORY_COLOURS["vegetation"], "#8C510A"


def account(result: AccountResult, ax: Axes | None = None, *, column: str = "estimate", journal: str | Journal = "jal") -> Axes:
    """Draw the regional value of every year; green-blue above zero, brown below.

    Parameters
    ----------
    result
        From the account method.
    ax
        Where to draw; axes of their own where None.
    column
        ``"estimate"`` (mean) or ``"total"``.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If `column` is another word.
    """
    profile = journal_of(journal)
    choose(column, ("estimate", "total"), "column")
    with drawing(profile):
        if ax is None:
            ax = panels.page(profile.single, 58.0).axes(15.0, 4.0, profile.single - 18.0, 42.0)
        _draw_years(ax, result, column, profile.size - 0.5)
    return ax


@figure_of(AccountResult)
def account_pictures(result: AccountResult, *, journal: Journal) -> list[Picture]:
    """Compose the mean map with the annual panels."""
    size = journal.size - 0.5
    mean = result.grid["mean"]
    crs = furniture.known_crs(mean.attrs.get("crs"))
    x, y = furniture.grid_coordinates(mean)
    values = mean.to_numpy()
    width, left = journal.double, 7.0
    across = 0.52 * width
    extent = furniture.extent_of(furniture.bounds_of(x, y, np.isfinite(values)), crs, across, TALLEST_MAP_MM)
    tall = max(extent.aspect * across, 40.0)
    columns = ["estimate", *(["total"] if np.isfinite(result.annual["total"]).any() else [])]
    cmap, norm, ends = furniture.colours_for(values)
    sentences = _foot(result, crs is not None, furniture.limits_words(ends))
    foot = panels.foot_height(sentences, width - left - 2.0, size - 0.5)
    body = max(tall + 15.0, 36.0 * len(columns))
    on = panels.page(width, 7.0 + body + 3.0 + foot)
    ax = on.axes(left, 7.0, across, extent.aspect * across)
    drawn = furniture.draw_grid(ax, values, x, y, cmap=cmap, norm=norm)
    furniture.frame(ax, extent, crs, size - 0.5)
    panels.panel_title(ax, "a", f"Mean {_label(result)}", journal.size + 0.5, left - 2.0)
    label = panels.axis_label(_label(result), result.unit(_name(result)), across - 4.0, size)
    furniture.colour_bar(on, left + 4.0, 14.0 + extent.aspect * across, across - 8.0, drawn, ends, label, size - 0.5)
    start, each = left + across + 18.0, (body - 9.0) / len(columns)
    for index, column in enumerate(columns):
        panel = on.axes(start, 7.0 + index * (each + 3.0), width - start - 3.0, each - 8.0)
        _draw_years(panel, result, column, size)
        words = "Regional mean" if column == "estimate" else "Regional total"
        panels.panel_title(panel, "bc"[index], words, journal.size + 0.5, 14.0)
    panels.foot(on, left, on.height - foot, sentences, size - 0.5)
    span = _span(result)
    caption = (
        f"{_label(result)} of every cell, mean {f'of {span}' if span else 'over the years'} (a), and its "
        f"area-weighted regional mean (b){' and total (c)' if len(columns) > 1 else ''} by year."
    )
    return [Picture("account", on.figure, _numbers(result), caption, "double")]


def _draw_years(ax: Axes, result: AccountResult, column: str, size: float) -> None:
    year, value = (result.annual[c].to_numpy(dtype=np.float64) for c in ("year", column))
    colours = [_SINK if v >= 0 else _SOURCE for v in np.nan_to_num(value)]
    ax.bar(year, value, width=0.72, color=colours, linewidth=0)
    ax.axhline(0.0, color=INK, linewidth=0.6)
    ax.locator_params(axis="x", nbins=5, integer=True)
    ax.locator_params(axis="y", nbins=5)
    ax.margins(x=0.02, y=0.08)
    ax.tick_params(labelsize=size - 0.5)
    ax.set_xlabel("Year", fontsize=size, labelpad=1.5)
    unit = result.unit(_name(result)) if column == "estimate" else "Tg C a-1"
    tall = panels.axes_mm(ax)[1]
    ax.set_ylabel(panels.axis_label(_label(result), unit, tall, size), fontsize=size, labelpad=2.0)


def _span(result: AccountResult) -> str:
    return panels.years_text(result.annual["year"])


def _foot(result: AccountResult, known: bool, limits: str) -> list[str]:
    return [
        ", ".join(part for part in (_span(result), f"{panels.count(result.n)} cells") if part),
        "means are weighted by the area of the cells" if known else "reference system unknown: every cell weighs the same",
        "green-blue: sink, brown: source" if _crosses(result) else "",
        "white: no value",
        limits,
        "scale bar true at the centre of the map" if known else "",
    ]


def _crosses(result: AccountResult) -> bool:
    values = result.grid["mean"].to_numpy()
    return bool((values < 0).any() or (result.annual["estimate"] < 0).any())


def _name(result: AccountResult) -> str:
    return str(result.variables["name"].iloc[0]) if len(result.variables) else "nep"


def _label(result: AccountResult) -> str:
    return result.label(_name(result))


def _numbers(result: AccountResult) -> pd.DataFrame:
    """Return the mapped cells and the bars, told apart by panel."""
    mapped = furniture.cells(result.grid, ("mean",)).rename(columns={"mean": "estimate"})
    return pd.concat([mapped.assign(panel="a"), result.annual.assign(panel="b, c")], ignore_index=True)
