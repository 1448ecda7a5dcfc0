"""Rows at their places on a map: pixels where they form a grid, else points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels

# A lattice with fewer of its nodes taken reads better as points than as scattered pixels.
_FILLED = 0.25
# More points than this are one picture inside of a vector file: each of them apart would make it tens of megabytes.
MOST_VECTORS = 10_000


@dataclass(frozen=True, eq=False)
class Placed:
    """Places of rows.

    Attributes
    ----------
    x, y : numpy.ndarray
        (n,).
    crs : pyproj.CRS or None
        Their reference system.
    """

    x: np.ndarray
    y: np.ndarray
    crs: Any

    @cached_property
    def _ladders(self) -> tuple[np.ndarray, np.ndarray]:
        return _ladder(self.x), _ladder(self.y)

    @cached_property
    def lattice(self) -> bool:
        """Whether the rows form a grid."""
        if len(np.unique(np.column_stack([self.x, self.y]), axis=0)) < len(self.x):
            return False
        ladders = self._ladders
        regular = all(len(s) > 1 and np.allclose(np.diff(s), furniture.step(s), rtol=1e-3) for s in ladders)
        return regular and len(self.x) >= _FILLED * len(ladders[0]) * len(ladders[1])

    @property
    def shape(self) -> str:
        """What a reader sees."""
        return "pixels" if self.lattice else "points"

    def extent(self, across: float, tallest: float, *, strip: bool = True) -> furniture.Extent:
        """Return the frame around the rows."""
        half_x, half_y = (furniture.step(v) / 2 if self.lattice else 0.0 for v in self._ladders)
        # One point, or all on a line, still needs a frame with an area.
        least = 0.02 * max(np.ptp(self.x), np.ptp(self.y)) or 1.0
        half_x, half_y = (max(h, least / 2 if np.ptp(v) == 0 else 0.0) for h, v in ((half_x, self.x), (half_y, self.y)))
        bounds = (self.x.min() - half_x, self.x.max() + half_x, self.y.min() - half_y, self.y.max() + half_y)
        return furniture.extent_of(bounds, self.crs, across, tallest, strip=strip)

    def draw(self, ax: Axes, value: np.ndarray, cmap: Any, norm: Any) -> Any:
        """Draw a value (n,) of every row; NaN stays white."""
        if self.lattice:
            columns, rows = self._ladders
            grid = np.full((len(rows), len(columns)), np.nan)
            grid[_places(self.y, rows), _places(self.x, columns)] = value
            return furniture.draw_grid(ax, grid, columns, rows, cmap=cmap, norm=norm)
        across, tall = panels.axes_mm(ax)
        side = np.clip(0.6 * np.sqrt(across * tall / len(self.x)), 0.35, 2.2) / panels.MM_PER_POINT
        many = len(self.x) > MOST_VECTORS
        look: dict[str, Any] = {"linewidths": 0.0 if many else 0.2, "edgecolors": "#7F7F7F", "rasterized": many}
        return ax.scatter(self.x, self.y, c=value, s=side**2, cmap=cmap, norm=norm, **look)


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
