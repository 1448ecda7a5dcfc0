"""Reference systems and coordinates: a system of the earth's surface, and places that lie on it."""

from __future__ import annotations

from math import pi

import pandas as pd

from carbondrivers.errors import DataError

FURTHEST = 1e8


def check_crs(crs: object) -> None:
    """Refuse a coordinate reference system that PROJ does not know, or that has no horizontal x and y."""
    if crs is None:
        return
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if not isinstance(crs, str):
        raise DataError(f"the CRS must be text such as 'EPSG:4326', got {crs!r} ({type(crs).__name__}): give it as text")
    try:
        known = CRS.from_user_input(crs)
    except CRSError:
        raise DataError(f"unknown CRS {crs!r}: give an EPSG code such as 'EPSG:4326', or a WKT string") from None
    if not (known.is_geographic or known.is_projected):
        raise DataError(
            f"CRS {crs!r} ({known.type_name}, {known.name}) has no horizontal x and y: "
            "give a geographic CRS such as 'EPSG:4326', or a projected one"
        )


def check_coordinates(frame: pd.DataFrame, coordinates: tuple[str, str], crs: str | None) -> None:
    """Refuse places that are not on earth: mostly x and y exchanged, degrees called metres, or a nodata value."""
    from pyproj import CRS

    known = CRS.from_user_input(crs) if crs is not None else None
    if known is not None and known.is_geographic:
        # A few national systems count in grads, of which a right angle has 100.
        quarter = pi / 2 / known.axis_info[0].unit_conversion_factor if known.axis_info else 90.0
        _check_degrees(frame, coordinates, str(crs), quarter * (1 + 1e-9))
        return
    for name in coordinates:
        furthest = float(frame[name].abs().max())
        if furthest > FURTHEST:
            raise DataError(
                f"coordinate {name!r} reaches {furthest:g}, no place on earth does{f' in {crs}' if crs else ''}: "
                "look for a nodata value or a wrong unit"
            )


def _check_degrees(frame: pd.DataFrame, coordinates: tuple[str, str], crs: str, quarter: float) -> None:
    x, y = (float(frame[name].abs().max()) for name in coordinates)
    for name, furthest, most, what in zip(coordinates, (x, y), (4 * quarter, quarter), ("longitude", "latitude"), strict=True):
        if furthest > most:
            swapped = what == "latitude" and x <= quarter and y <= 4 * quarter
            remedy = (
                "are x and y exchanged? Give coordinates = [longitude, latitude] in this order"
                if swapped
                else "give coordinates = [longitude, latitude] in this order, or the CRS that they are in"
            )
            raise DataError(f"coordinate {name!r} reaches {furthest:g}, no {what} does in {crs}: {remedy}")
