"""Figures of the correlation through time: maps of r with each driver, and the area where it is significant."""

from __future__ import annotations

import string

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize

from carbondrivers.attribution.time_correlation import P_WORDS, TimeCorrelationResult
from carbondrivers.errors import choose
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.collinearity import DIVERGING
from carbondrivers.reports.figures.panels import Page, Rows
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, Journal, drawing
from carbondrivers.reports.style import journal as journal_of

COLOURS = LinearSegmentedColormap.from_list("r", DIVERGING)
SCALE = Normalize(-1.0, 1.0)
TITLES = {"pearson": "Pearson's r", "partial": "Partial r"}
WITHIN = {"pearson": "Pearson r", "partial": "partial r"}
# Cells without a significant coefficient are pale, so that the eye goes to the others.
PALE, ALPHA = 0.3, 0.05
TALLEST_MM, MOST = 62.0, 9
LEFT, GUTTER, HEAD = 7.0, 4.0, 7.0


def time_correlation(
    result: TimeCorrelationResult, ax: Axes | None = None, *, kind: str | None = None, journal: str | Journal = "jal"
) -> Axes:
    """Draw the share of the area in which each driver's coefficient is significant: negative to the left.

    Parameters
    ----------
    result
        From the correlation through time.
    ax
        Where to draw; axes of their own where None.
    kind
        One of the result's coefficients; the last by default.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If the result has no such coefficient.
    """
    profile, kinds = journal_of(journal), list(result.parameters["kind"])
    kind = kinds[-1] if kind is None else choose(kind, kinds, "kind")
    rows = _share_rows(result, kind)
    with drawing(profile):
        ax = panels.row_axes(profile, 5.5 * rows.span) if ax is None else ax
        _dress(ax, result, rows, 38.0, profile.size - 0.5)
        _draw_shares(ax, result, kind, rows, profile.size - 0.5)
    return ax


@figure_of(TimeCorrelationResult)
def time_correlation_pictures(result: TimeCorrelationResult, *, journal: Journal) -> list[Picture]:
    """Compose the maps and the shares of each kind of coefficient."""
    found: list[Picture] = []
    for kind in result.parameters["kind"]:
        drivers = [str(name) for name in result.grid["driver"].to_numpy()]
        for index, names in enumerate(panels.chunks(drivers, MOST)):
            found.append(_map_picture(result, kind, names, "" if index == 0 else f"_{index + 1}", journal))
        found.append(_share_picture(result, kind, journal))
    return found


def _map_picture(result: TimeCorrelationResult, kind: str, names: list[str], ending: str, journal: Journal) -> Picture:
    grid, size = result.grid.sel(driver=names), journal.size - 0.5
    crs, valid = furniture.known_crs(grid.attrs.get("crs")), np.isfinite(grid[f"{kind}_r"].to_numpy())
    x, y = furniture.grid_coordinates(grid["n_valid"])
    columns = 2 if len(names) in (2, 4) else min(3, len(names))
    lines = -(-len(names) // columns)
    width = journal.onehalf if columns == 1 else journal.double
    across = (width - 2.0 - columns * (LEFT + GUTTER) + GUTTER) / columns
    extent = furniture.extent_of(furniture.bounds_of(x, y, valid.any(axis=0)), crs, across, TALLEST_MM)
    tall = extent.aspect * across
    sentences = _sentences(result, kind, crs is not None)
    foot = panels.foot_height(sentences, width - LEFT - 2.0, size - 0.5)
    on = panels.page(width, lines * (HEAD + tall + 6.0) + 11.0 + foot)
    for i, name in enumerate(names):
        ax = on.axes(LEFT + i % columns * (across + LEFT + GUTTER), HEAD + i // columns * (HEAD + tall + 6.0), across, tall)
        layer = grid.sel(driver=name)
        r = layer[f"{kind}_r"].to_numpy()
        drawn = furniture.draw_grid(ax, r, x, y, cmap=COLOURS, norm=SCALE)
        found = layer[f"{kind}_p_eff"].to_numpy() < ALPHA
        drawn.set_alpha(np.where(found, 1.0, PALE)[np.argsort(-y, kind="stable")][:, np.argsort(x, kind="stable")])
        furniture.frame(ax, extent, crs, size - 0.5)
        letter = string.ascii_lowercase[i] if len(names) > 1 else ""
        panels.panel_title(ax, letter, result.label(name), size + 0.5, LEFT - 2.0)
    _bar(on, lines * (HEAD + tall + 6.0) + 1.0, TITLES[kind], size)
    panels.foot(on, LEFT, on.height - foot, sentences, size - 0.5)
    caption = (
        f"{TITLES[kind]} of {_response(result)} with each driver through the years{_held(result, kind)}. Pale cells: corrected "
        f"P of {ALPHA:g} or more (effective number of years)."
    )
    numbers = furniture.cells(grid.drop_dims([d for d in grid.dims if d not in ("driver", "y", "x")]), _layers(kind))
    return Picture(f"time_correlation_{kind}{ending}", on.figure, numbers, caption, "onehalf" if columns == 1 else "double")


def _layers(kind: str) -> tuple[str, ...]:
    return tuple(f"{kind}_{name}" for name in ("r", "p", "p_eff", "p_eff_adjusted"))


def _bar(on: Page, top: float, words: str, size: float) -> None:
    ax = on.axes(on.width / 2 - 35.0, top, 70.0, 2.0)
    bar = on.figure.colorbar(ScalarMappable(SCALE, COLOURS), cax=ax, orientation="horizontal")
    bar.outline.set_linewidth(0.6)
    bar.set_ticks([-1, -0.5, 0, 0.5, 1])
    bar.ax.tick_params(labelsize=size - 0.5, pad=1.5)
    bar.set_label(words, fontsize=size, labelpad=1.5)


def _sentences(result: TimeCorrelationResult, kind: str, known: bool) -> list[str]:
    return [
        f"{panels.years_text(result.parameters['years'])}, {panels.count(result.n)} cells with at least "
        f"{result.parameters['min_valid']} complete years",
        "straight lines taken off first" if result.parameters["detrend"] else "trends left in",
        f"pale: P of {ALPHA:g} or more with the effective number of years, not adjusted for the number of cells",
        "white: no value",
        "scale bar true at the centre of the map" if known else "reference system unknown",
    ]


def _share_picture(result: TimeCorrelationResult, kind: str, journal: Journal) -> Picture:
    size, rows = journal.size - 0.5, _share_rows(result, kind)
    sentences = [
        "solid: corrected P < 0.05 (effective number of years)", "outline: naive P < 0.05 (years as independent)",
        "neither adjusted for the number of cells: 5 % of an area without any correlation are expected on average",
        f"shares of the {result.shares['share_of'].iloc[0]}",
    ]  # fmt: skip
    foot, tall = panels.foot_height(sentences, journal.onehalf - 4.0, size - 0.5), 6.0 * rows.span
    on = panels.page(journal.onehalf, 3.0 + tall + 16.0 + foot)
    labels = [panels.fit_lines(result.label(d), 0.32 * journal.onehalf, size) for d in rows.table["driver"]]
    room = max(panels.text_width(label, size) for label in labels) + 3.5
    ax = on.axes(room, 3.0, journal.onehalf - room - 4.0, tall)
    _dress(ax, result, rows, 0.32 * journal.onehalf, size)
    _draw_shares(ax, result, kind, rows, size)
    panels.category_key(on, 2.0, on.height - foot - 4.6, rows.categories, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    caption = (
        f"Share of the area in which the {WITHIN[kind]} of {_response(result)} through the years{_held(result, kind)} is "
        "significant, by driver: negative to the left, positive to the right."
    )
    table = result.shares.loc[result.shares["method"].str.startswith(kind)].reset_index(drop=True)
    return Picture(f"time_correlation_{kind}_shares", on.figure, table, caption, "onehalf")


def _share_rows(result: TimeCorrelationResult, kind: str) -> Rows:
    table = result.shares.loc[result.shares["method"] == f"{kind}, {P_WORDS['p_eff']}"]
    total = table.groupby("driver", sort=True)["share"].sum().reset_index()
    return panels.driver_rows(result, total, "share")


def _dress(ax: Axes, result: TimeCorrelationResult, rows: Rows, width: float, size: float) -> None:
    panels.dress_rows(ax, rows, [panels.fit_lines(result.label(d), width, size) for d in rows.table["driver"]], size)


def _draw_shares(ax: Axes, result: TimeCorrelationResult, kind: str, rows: Rows, size: float) -> None:
    table = result.shares.set_index(["driver", "method", "level"])["share"]
    ax.axvline(0.0, color=INK, linewidth=0.6, zorder=3)
    reach = 0.02
    for y, driver, category in zip(rows.y, rows.table["driver"], rows.categories, strict=True):
        colour = panels.colour_of(category)
        for level, sign in (("negative", -1.0), ("positive", 1.0)):
            corrected, naive = (float(table[driver, f"{kind}, {P_WORDS[p]}", level]) for p in ("p_eff", "p"))
            ax.barh(y, sign * np.nan_to_num(corrected), height=0.6, color=colour, linewidth=0, zorder=2)
            ax.barh(y, sign * np.nan_to_num(naive), height=0.6, facecolor="none", edgecolor=INK, linewidth=0.7, zorder=2)
            reach = max(reach, np.nan_to_num(corrected), np.nan_to_num(naive))
    ax.set_xlim(-1.06 * reach, 1.06 * reach)
    ax.locator_params(axis="x", nbins=7)
    ax.xaxis.set_major_formatter(lambda share, _: f"{abs(100 * share):.0f}")
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.set_xlabel(f"Share of the area with a negative (left) or positive {WITHIN[kind]} (%)", fontsize=size, labelpad=1.5)


def _held(result: TimeCorrelationResult, kind: str) -> str:
    return ", all other drivers held" if kind == "partial" and len(result.parameters["drivers"]) > 1 else ""


def _response(result: TimeCorrelationResult) -> str:
    known: pd.DataFrame = result.variables
    return result.label(str(known.loc[known["role"] == "response", "name"].iloc[0]))
