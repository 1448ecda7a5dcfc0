"""Distances between places in kilometres: straight lines on a map, great circles on longitudes and latitudes.

Places of a geographic reference system are put on a sphere of 6371.0088 km in three dimensions, so that trees and grids
that know only straight lines serve both; a straight line through the sphere grows with the great circle over it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from carbondrivers.datasets.crs_checks import check_coordinates, check_crs
from carbondrivers.datasets.grids import EARTH_RADIUS_KM

Floats = NDArray[np.float64]
GREAT_CIRCLES = "Distances are great circles."


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Places between which straight lines can be measured; made by ``places``.

    Attributes
    ----------
    points : numpy.ndarray
        Shape (n, 2), or (n, 3) on the sphere; km, or the coordinates' own unit where no reference system is known.
    on_sphere : bool
        Whether distances are great circles.
    unit : str
        ``"km"``, or ``"coordinate units"``.
    """

    points: Floats
    on_sphere: bool
    unit: str

    def straight(self, distance: float) -> float:
        """Return the straight line that belongs to a distance over the ground; at most the sphere's diameter."""
        if not self.on_sphere:
            return distance
        half = min(distance / (2.0 * EARTH_RADIUS_KM), np.pi / 2.0)
        return 2.0 * EARTH_RADIUS_KM * float(np.sin(half))

    def ground(self, straight: Floats) -> Floats:
        """Return the distances over the ground that belong to straight lines, any shape."""
        if not self.on_sphere:
            return straight
        return np.asarray(2.0 * EARTH_RADIUS_KM * np.arcsin(np.clip(straight / (2.0 * EARTH_RADIUS_KM), 0.0, 1.0)))


def places(x: ArrayLike, y: ArrayLike, crs: str | None) -> Places:
    """Return places for measuring distances.

    Parameters
    ----------
    x, y
        Coordinates, shape (n,).
    crs
        Their reference system; None for a plane of unknown unit.

    Raises
    ------
    DataError
        If PROJ does not know the reference system, or the places do not lie in it (x and y exchanged, for example).

    Examples
    --------
    >>> quarter = places([0.0, 90.0], [0.0, 0.0], "EPSG:4326")
    >>> chord = np.linalg.norm(quarter.points[1] - quarter.points[0])
    >>> float(quarter.ground(chord).round(1))  # a quarter of the equator
    10007.6
    """
    from pyproj import CRS

    east, north = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    check_crs(crs)
    check_coordinates(pd.DataFrame({"x": east, "y": north}), ("x", "y"), crs)
    if crs is None:
        return Places(np.column_stack([east, north]), False, "coordinate units")
    known = CRS.from_user_input(crs)
    factor = known.axis_info[0].unit_conversion_factor
    if not known.is_geographic:
        return Places(np.column_stack([east, north]) * (factor / 1000.0), False, "km")
    longitude, latitude = east * factor, north * factor
    flat = np.cos(latitude)
    unit_sphere = np.column_stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)])
    return Places(EARTH_RADIUS_KM * unit_sphere, True, "km")


def shown(distance: float) -> str:
    """Return a distance with three digits, never in powers of ten.

    Examples
    --------
    >>> shown(2283.4), shown(0.01234)
    ('2280', '0.0123')
    """
    return f"{float(f'{distance:.3g}'):.10g}"
