"""Grids with planted classes, for the methods that sum by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from carbondrivers.attribution.class_summary import class_summary
from carbondrivers.attribution.geodetector_grids import detect_grids
from carbondrivers.attribution.group_series import group_series
from carbondrivers.attribution.optimum import optimum
from carbondrivers.attribution.profile import profile
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.transitions import transitions

NAMES = {1: "forest", 2: "grassland", 3: "cropland", 4: "water"}
YEARS = 12


def place(rows: int, columns: int, crs: str = "EPSG:32650") -> dict[str, np.ndarray]:
    """Coordinates of cells of 1 km, or of half a degree."""
    if crs == "EPSG:4326":
        return {"y": 60.0 - 0.5 * np.arange(rows), "x": 100.0 + 0.5 * np.arange(columns)}
    return {"y": 4.6e6 - 1e3 * np.arange(rows), "x": 4e5 + 1e3 * np.arange(columns)}


def a_grid(values: np.ndarray, crs: str = "EPSG:32650", **attrs: str) -> xr.DataArray:
    """A map or a stack of NEP."""
    values = np.asarray(values, dtype=np.float64)
    coords: dict[str, Any] = place(*values.shape[-2:], crs)
    dims = ("y", "x")
    if values.ndim == 3:
        coords, dims = {"year": 2001 + np.arange(len(values))} | coords, ("year", "y", "x")  # type: ignore[assignment]
    given = {"crs": crs, "units": "g C m-2 a-1", "long_name": "NEP"} | attrs
    return xr.DataArray(values, coords, dims, name="nep", attrs={k: v for k, v in given.items() if v})


def cover_of(rows: int = 30, columns: int = 40) -> np.ndarray:
    """Classes in patches: each of the four occurs all over the area."""
    y, x = np.indices((rows, columns))
    return np.asarray(1 + ((y // 4) * 3 + (x // 5)) % 4, dtype=np.float64)


def annual_cover(rows: int = 30, columns: int = 40, years: int = YEARS) -> np.ndarray:
    """Grassland becomes cropland from the left, a column every other year."""
    first = cover_of(rows, columns)
    x = np.indices(first.shape)[1]
    return np.stack([np.where((first == 2) & (x < 2 * year), 3.0, first) for year in range(years)])


def a_stack(rows: int = 30, columns: int = 40, crs: str = "EPSG:32650", long: str = "NEP") -> xr.DataArray:
    """A level for each class, a trend in the forest, weather that all share, and noise; a gap and an empty corner."""
    rng = np.random.default_rng(5)
    cover = cover_of(rows, columns)
    level = np.choose(cover.astype(int) - 1, [90.0, 40.0, 10.0, -30.0])
    year = np.arange(YEARS)[:, None, None]
    values = level + np.where(cover == 1, 3.0, 0.2) * year + rng.normal(0, 4, (YEARS, 1, 1))
    values = values + rng.normal(0, 8, (YEARS, rows, columns))
    values[:, :2, :3] = np.nan
    values[4, 5, 5] = np.nan
    return a_grid(values, crs, long_name=long)


def codes(values: np.ndarray, crs: str = "EPSG:32650") -> xr.DataArray:
    """The classes on the same cells."""
    return a_grid(values, crs, units="", long_name="Land cover").rename("land_cover")


def terrain(rows: int = 30, columns: int = 40, crs: str = "EPSG:32650") -> dict[str, xr.DataArray]:
    """Elevation from a ramp with hills, slope and aspect that fit no other purpose."""
    rng = np.random.default_rng(9)
    y, x = np.indices((rows, columns))
    dem = 400.0 + 35.0 * x + 60.0 * np.sin(y / 3.0)
    slope, aspect = rng.gamma(2.0, 3.0, dem.shape), rng.uniform(0, 360, dem.shape)
    aspect[0, :4] = -1.0
    made = (("elevation", dem, "m"), ("slope", slope, "degree"), ("aspect", aspect, "degree"))
    return {name: a_grid(v, crs, units=u, long_name=name.capitalize()).rename(name) for name, v, u in made}


def regions_of(rows: int = 30, columns: int = 40) -> tuple[xr.DataArray, dict[int, str]]:
    """West and east."""
    return codes(1.0 + (np.indices((rows, columns))[1] >= columns // 2)), {1: "West", 2: "East"}


def call_class_summary(stack: xr.DataArray | None = None, **options: Any) -> Result:
    given = a_stack() if stack is None else stack
    return class_summary(given, (codes(cover_of()), NAMES), regions=regions_of(), **options)


def call_profile(stack: xr.DataArray | None = None, **options: Any) -> Result:
    return profile(a_stack() if stack is None else stack, terrain(), **options)


def call_optimum(stack: xr.DataArray | None = None, **options: Any) -> Result:
    drivers = {name: terrain()[name] for name in ("elevation", "slope")}
    limits = {"slope": [0.0, 4.0, 8.0, 40.0]}
    return optimum(a_stack() if stack is None else stack, drivers, limits=limits, **options)


def call_transitions(stack: xr.DataArray | None = None, **options: Any) -> Result:
    return transitions(codes(annual_cover()), NAMES, response=a_stack() if stack is None else stack, **options)


def call_group_series(stack: xr.DataArray | None = None, **options: Any) -> Result:
    given = a_stack() if stack is None else stack
    return group_series(given, (codes(annual_cover()), NAMES), regions=regions_of(), **options)


def call_geodetector_grids(stack: xr.DataArray | None = None, **options: Any) -> Result:
    strata = {"cover": codes(cover_of()), "zone": regions_of()[0]}
    return detect_grids(a_stack() if stack is None else stack, strata, names={"cover": NAMES}, **options)


CALLS: dict[str, Callable[..., Result]] = {
    "class_summary": call_class_summary, "profile": call_profile, "transitions": call_transitions,
    "group_series": call_group_series, "optimum": call_optimum,
    "geodetector_grids": call_geodetector_grids,
}  # fmt: skip
