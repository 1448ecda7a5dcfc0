"""The sample on the map: the response at its coordinates, as pixels where they form a grid, else as points."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from carbondrivers.attribution.descriptive import SampleResult
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.point_map import Placed
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import Journal, drawing
from carbondrivers.reports.style import journal as journal_of

TALLEST_MAP_MM = 110.0


def sample(result: SampleResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the response at its coordinates, without a colour bar.

    Parameters
    ----------
    result
        From ``describe``; its sample must have coordinates.
    ax
        Where to draw; axes of their own where None.
    journal
        Profile that sets fonts and sizes.
    """
    profile = journal_of(journal)
    with drawing(profile):
        if ax is None:
            ax = sample_pictures(result, journal=profile)[0].figure.axes[0]
        else:
            across, tall = panels.axes_mm(ax)
            placed = _placed(result)
            _draw(ax, result, placed, placed.extent(across, tall), profile.size - 1.0)
    return ax


@figure_of(SampleResult)
def sample_pictures(result: SampleResult, *, journal: Journal) -> list[Picture]:
    """Compose the map of the response; nothing where the sample has no coordinates."""
    if result.points.empty:
        return []
    size = journal.size - 0.5
    width, left = journal.onehalf, 7.0
    across = width - left - 2.0
    placed = _placed(result)
    extent = placed.extent(across, TALLEST_MAP_MM)
    tall = extent.aspect * across
    known, shape = placed.crs is not None, placed.shape
    sentences = [
        f"n = {panels.count(result.n)} {shape}",
        furniture.limits_words(furniture.colours_for(result.points["estimate"].to_numpy(dtype=np.float64))[2]),
        "scale bar true at the centre of the map" if known else "reference system unknown",
    ]
    foot = panels.foot_height(sentences, width - left - 2.0, size - 0.5)
    on = panels.page(width, 2.0 + tall + 20.0 + foot)
    drawn, ends = _draw(on.axes(left, 2.0, across, tall), result, placed, extent, size - 0.5)
    name = _name(result)
    label = panels.axis_label(result.label(name), result.unit(name), across - 30.0, size)
    furniture.colour_bar(on, left + 15.0, 2.0 + tall + 7.0, across - 30.0, drawn, ends, label, size - 0.5)
    panels.foot(on, left, on.height - foot, sentences, size - 0.5)
    caption = f"{result.label(name)} at the {panels.count(result.n)} {shape} of the sample."
    return [Picture("sample", on.figure, result.points, caption, "onehalf")]


def _draw(ax: Axes, result: SampleResult, placed: Placed, extent: furniture.Extent, size: float) -> tuple[Any, str]:
    value = result.points["estimate"].to_numpy(dtype=np.float64)
    cmap, norm, ends = furniture.colours_for(value)
    drawn = placed.draw(ax, value, cmap, norm)
    furniture.frame(ax, extent, placed.crs, size)
    return drawn, ends


def _placed(result: SampleResult) -> Placed:
    x, y = (result.points[c].to_numpy(dtype=np.float64) for c in ("x", "y"))
    return Placed(x, y, furniture.known_crs(result.parameters.get("crs")))


def _name(result: SampleResult) -> str:
    return str(result.parameters.get("response", "response"))
