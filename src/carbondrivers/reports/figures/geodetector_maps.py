"""Risk map: every row in the colour of the mean response of its stratum, one map a driver, one colour scale for all."""

from __future__ import annotations

import string

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import OptionError, choose
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.geodetector_risks import drivers_by_q
from carbondrivers.reports.figures.panels import Page
from carbondrivers.reports.figures.point_map import Placed
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import Journal, drawing
from carbondrivers.reports.style import journal as journal_of

PANELS, COLUMNS, TALLEST_MM = 9, 3, 58.0
_LEFT, _GUTTER, _TITLE = 7.0, 3.0, 5.2


def risk_map(result: GeodetectorResult, driver: str, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw every row of the whole sample in the colour of its stratum's mean, without a colour bar.

    Parameters
    ----------
    result
        From ``detect``; its sample must have coordinates.
    driver
        One of the result's drivers.
    ax
        Where to draw; axes of their own where None.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If the result has no places of rows, or no such driver.
    """
    if result.rows.empty:
        raise OptionError("the result has no places of rows: a risk map needs a sample with coordinates")
    choose(driver, list(result.rows.columns[2:]), "driver")
    profile, placed = journal_of(journal), _placed(result)
    with drawing(profile):
        if ax is None:
            across = profile.onehalf - 9.0
            tall = placed.extent(across, 110.0).aspect * across
            ax = panels.page(profile.onehalf, tall + 9.0).axes(_LEFT, 2.0, across, tall)
        value = _means(result, driver)
        cmap, norm, _ = furniture.colours_for(value)
        placed.draw(ax, value, cmap, norm)
        furniture.frame(ax, placed.extent(*panels.axes_mm(ax)), placed.crs, profile.size - 1.0)
    return ax


@figure_of(GeodetectorResult)
def risk_maps(result: GeodetectorResult, *, journal: Journal) -> list[Picture]:
    """Compose one map a driver, nine a figure; nothing where rows have no places."""
    if result.rows.empty:
        return []
    drivers, placed = drivers_by_q(result, ALL, list(result.rows.columns[2:])), _placed(result)
    values = {driver: _means(result, driver) for driver in drivers}
    coloured = furniture.colours_for(_of_whole(result)["estimate"].to_numpy(dtype=np.float64))
    found = []
    for number, names in enumerate(panels.chunks(drivers, PANELS), start=1):
        on = _page(result, placed, {name: values[name] for name in names}, coloured, journal)
        table = _of_whole(result)
        table = table.loc[table["driver"].isin(names)].reset_index(drop=True)
        caption = (
            f"{panels.count(len(result.rows))} {placed.shape} of the sample in the colour of the mean {_response(result)} of "
            "their stratum, by driver."
        )
        found.append(Picture(f"risk_map{f'_{number}' if number > 1 else ''}", on.figure, table, caption, "double"))
    return found


def _page(
    result: GeodetectorResult,
    placed: Placed,
    values: dict[str, np.ndarray],
    coloured: tuple[object, object, str],
    journal: Journal,
) -> Page:
    cmap, norm, ends = coloured
    size, width = journal.size - 0.5, journal.double
    columns = min(COLUMNS, len(values))
    # One map alone is no wider than half of the page.
    across = (width - _LEFT - 2.0 - (max(columns, 2) - 1) * _GUTTER) / max(columns, 2)
    extent = placed.extent(across, TALLEST_MM, strip=False)
    tall = extent.aspect * across
    lines = -(-len(values) // columns)
    sentences = _sentences(result, placed, len(values), ends)
    foot = panels.foot_height(sentences, width - _LEFT - 2.0, size - 0.5)
    below = 1.0 + lines * (_TITLE + tall + 1.2) + 4.0
    on = panels.page(width, below + 13.0 + foot)
    for index, (driver, value) in enumerate(values.items()):
        down, right = divmod(index, columns)
        ax = on.axes(_LEFT + right * (across + _GUTTER), 1.0 + down * (_TITLE + tall + 1.2) + _TITLE, across, tall)
        drawn = placed.draw(ax, value, cmap, norm)
        lowest = index + columns >= len(values)
        furniture.small_frame(ax, extent, placed.crs, size - 1.0, labelled=(right == 0, lowest))
        letter = string.ascii_lowercase[index] if len(values) > 1 else ""
        panels.panel_title(ax, letter, result.label(driver), size, 0.0)
    if placed.crs is not None:
        furniture.shared_strip(on, (_LEFT, below, across), extent, placed.crs, size - 0.5)
    start, long = _LEFT + across + 10.0, width - _LEFT - across - 30.0
    name = str(result.strata["response"].iloc[0])
    label = panels.axis_label(f"Mean {result.label(name)} of the stratum", result.unit(name), long, size)
    furniture.colour_bar(on, start, below + 1.5, long, drawn, ends, label, size - 0.5)
    panels.foot(on, _LEFT, on.height - foot, sentences, size - 0.5)
    return on


def _placed(result: GeodetectorResult) -> Placed:
    x, y = (result.rows[c].to_numpy(dtype=np.float64) for c in result.rows.columns[:2])
    return Placed(x, y, furniture.known_crs(result.parameters.get("crs")))


def _of_whole(result: GeodetectorResult) -> pd.DataFrame:
    return result.strata.loc[result.strata["group"] == ALL].reset_index(drop=True)


def _means(result: GeodetectorResult, driver: str) -> np.ndarray:
    """Return the mean response of every row's stratum."""
    table = _of_whole(result)
    means = table.loc[table["driver"] == driver, "estimate"].to_numpy(dtype=np.float64)
    return np.asarray(means[result.rows[driver].to_numpy(dtype=np.int64)])


def _response(result: GeodetectorResult) -> str:
    return result.label(str(result.strata["response"].iloc[0]))


def _sentences(result: GeodetectorResult, placed: Placed, maps: int, ends: str) -> list[str]:
    drawn = len(result.rows)
    return [
        f"whole sample, n = {panels.count(result.n)}",
        f"{panels.count(drawn)} {placed.shape}" if drawn < result.n else "",
        "maps sorted by q, one colour scale for all drivers" if maps > 1 else "",
        furniture.limits_words(ends),
        "scale bar true at the centre of the map" if placed.crs is not None else "reference system unknown",
    ]
