"""The sample on the map: the response at its coordinates, as pixels where they form a grid, else as points."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from carbondrivers.attribution.descriptive import SampleResult
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import Journal, drawing
from carbondrivers.reports.style import journal as journal_of

TALLEST_MAP_MM = 110.0
# A lattice with fewer of its nodes taken reads better as points than as scattered pixels.
_FILLED = 0.25
# More points than this are one picture inside of a vector file: each of them apart would make it tens of megabytes.
MOST_VECTORS = 10_000


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
            _draw(ax, result, _extent(result, across, tall), profile.size - 1.0)
    return ax


@figure_of(SampleResult)
def sample_pictures(result: SampleResult, *, journal: Journal) -> list[Picture]:
    """Compose the map of the response; nothing where the sample has no coordinates."""
    if result.points.empty:
        return []
    size = journal.size - 0.5
    width, left = journal.onehalf, 7.0
    across = width - left - 2.0
    extent = _extent(result, across, TALLEST_MAP_MM)
    tall = extent.aspect * across
    known = furniture.known_crs(result.parameters.get("crs")) is not None
    shape = "pixels" if _lattice(result) else "points"
    sentences = [
        f"n = {panels.count(result.n)} {shape}",
        furniture.limits_words(furniture.colours_for(result.points["estimate"].to_numpy(dtype=np.float64))[2]),
        "scale bar true at the centre of the map" if known else "reference system unknown",
    ]
    foot = panels.foot_height(sentences, width - left - 2.0, size - 0.5)
    on = panels.page(width, 2.0 + tall + 20.0 + foot)
    drawn, ends = _draw(on.axes(left, 2.0, across, tall), result, extent, size - 0.5)
    name = _name(result)
    label = panels.axis_label(result.label(name), result.unit(name), across - 30.0, size)
    furniture.colour_bar(on, left + 15.0, 2.0 + tall + 7.0, across - 30.0, drawn, ends, label, size - 0.5)
    panels.foot(on, left, on.height - foot, sentences, size - 0.5)
    caption = f"{result.label(name)} at the {panels.count(result.n)} {shape} of the sample."
    return [Picture("sample", on.figure, result.points, caption, "onehalf")]


def _draw(ax: Axes, result: SampleResult, extent: furniture.Extent, size: float) -> tuple[Any, str]:
    x, y, value = (result.points[c].to_numpy(dtype=np.float64) for c in ("x", "y", "estimate"))
    cmap, norm, ends = furniture.colours_for(value)
    if _lattice(result):
        columns, rows = _ladder(x), _ladder(y)
        grid = np.full((len(rows), len(columns)), np.nan)
        grid[_places(y, rows), _places(x, columns)] = value
        drawn = furniture.draw_grid(ax, grid, columns, rows, cmap=cmap, norm=norm)
    else:
        across, tall = panels.axes_mm(ax)
        side = np.clip(0.6 * np.sqrt(across * tall / len(x)), 0.35, 2.2) / panels.MM_PER_POINT
        many = len(x) > MOST_VECTORS
        look: dict[str, Any] = {"linewidths": 0.0 if many else 0.2, "edgecolors": "#7F7F7F", "rasterized": many}
        drawn = ax.scatter(x, y, c=value, s=side**2, cmap=cmap, norm=norm, **look)
    furniture.frame(ax, extent, furniture.known_crs(result.parameters.get("crs")), size)
    return drawn, ends


def _places(values: np.ndarray, ladder: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint((values - ladder[0]) / furniture.step(ladder)).astype(int))


def _ladder(values: np.ndarray) -> np.ndarray:
    """Every step of a regular axis from its lowest to its highest value; the values themselves if irregular."""
    found = np.unique(values)
    gaps = np.diff(found)
    if not len(gaps):
        return found
    whole = gaps / gaps.min()
    if np.abs(whole - np.rint(whole)).max() > 1e-3 or whole.sum() > 20_000:
        return found
    return np.asarray(np.linspace(found[0], found[-1], round(whole.sum()) + 1))


def _lattice(result: SampleResult) -> bool:
    points = result.points
    if points.duplicated(["x", "y"]).any():
        return False
    ladders = [_ladder(points[c].to_numpy(dtype=np.float64)) for c in ("x", "y")]
    regular = all(len(s) > 1 and np.allclose(np.diff(s), furniture.step(s), rtol=1e-3) for s in ladders)
    return regular and len(points) >= _FILLED * len(ladders[0]) * len(ladders[1])


def _extent(result: SampleResult, across: float, tallest: float) -> furniture.Extent:
    x, y = (result.points[c].to_numpy(dtype=np.float64) for c in ("x", "y"))
    half_x, half_y = (furniture.step(_ladder(v)) / 2 if _lattice(result) else 0.0 for v in (x, y))
    # One point, or all on a line, still needs a frame with an area.
    least = 0.02 * max(np.ptp(x), np.ptp(y)) or 1.0
    half_x, half_y = (max(h, least / 2 if np.ptp(v) == 0 else 0.0) for h, v in ((half_x, x), (half_y, y)))
    bounds = (x.min() - half_x, x.max() + half_x, y.min() - half_y, y.max() + half_y)
    return furniture.extent_of(bounds, furniture.known_crs(result.parameters.get("crs")), across, tallest)


def _name(result: SampleResult) -> str:
    return str(result.parameters.get("response", "response"))
