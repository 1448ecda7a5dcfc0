"""The ground of a named region: its grid on the earth, elevation, outline, and the sub-regions that tile it."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from scipy import ndimage

from carbondrivers.datasets.virtual.design import Design
from carbondrivers.datasets.virtual.fields import FloatArray, fractal_field, standardise
from carbondrivers.datasets.virtual.landscape import PIXEL, Landscape, horn, lake_in, study_area
from carbondrivers.datasets.virtual.zones import joined, outlines

FILLED = 0.84
"""About the share of the grid that lies inside an outline."""
DEGREE_KM = 111.195
SPACING = 60
LEAST_EDGE = 24


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The ground with its sub-regions.

    Attributes
    ----------
    land : Landscape
        The grid.
    zone : numpy.ndarray
        Number of the sub-region of each pixel, (y, x), -1 outside.
    areas : numpy.ndarray
        km2 of each pixel, (y, x).
    regions : geopandas.GeoDataFrame
        name, geometry.
    """

    land: Landscape
    zone: NDArray[np.int64]
    areas: FloatArray
    regions: gpd.GeoDataFrame


def shape_at(design: Design, resolution: float) -> tuple[int, int]:
    """Return rows and columns of a region at a resolution, in the unit of its reference system (m or degrees).

    Examples
    --------
    >>> from carbondrivers.datasets.virtual.design import design_of
    >>> shape_at(design_of("horqin"), 10_000.0)
    (34, 44)
    """
    step, rows, columns = pixel_size(design, design.shape), *design.shape
    return max(LEAST_EDGE, round(rows * step / resolution)), max(LEAST_EDGE, round(columns * step / resolution))


def pixel_size(design: Design, shape: tuple[int, int]) -> float:
    """Return about the edge of a pixel of a shape, in the unit of the reference system."""
    return edge_of(design, FILLED * shape[0] * shape[1])


def edge_of(design: Design, cells: float) -> float:
    """Return the edge of a pixel, in the unit of the reference system, of which so many have the region's area."""
    side_km = np.sqrt(design.area / cells)
    if CRS(design.crs).is_geographic:
        degrees = side_km / DEGREE_KM / np.sqrt(np.cos(np.radians(design.centre[1])))
        return float(round(degrees, 2 if degrees > 0.2 else 4))
    return float(round(1000.0 * side_km, -2 if side_km > 2.0 else -1))


def make_place(rng: np.random.Generator, design: Design, shape: tuple[int, int]) -> Place:
    """Return the ground of a named region.

    Parameters
    ----------
    rng
        Source of relief, outline and borders.
    design
        The region.
    shape
        Rows and columns.
    """
    outline, relief, lake, borders = rng.spawn(4)
    inside = study_area(outline, shape)
    pixel = edge_of(design, float(inside.sum()))
    x, y, latitude = _axes(design, shape, pixel)
    areas = _areas(design, latitude, pixel)
    zone = _zones(borders, design, inside, areas)
    # one more pixel on each side, so that Horn's window is complete at the edge
    padded = _elevation(relief, design, np.pad(zone, 1, constant_values=-1))
    slope, aspect = horn(padded, PIXEL)
    elevation = padded[1:-1, 1:-1].copy()
    valid = inside & ~lake_in(lake, elevation, inside)
    northness = np.cos(np.radians(aspect))
    land = Landscape(x, y, latitude, elevation, slope, aspect, northness, inside, valid, design.crs, pixel)
    names = [zone.label or zone.name for zone in design.zones]
    return Place(land, zone, areas, outlines(zone, land, names))


def blend(values: FloatArray, zone: NDArray[np.int64]) -> FloatArray:
    """Return the values of the sub-regions on the grid, passing into each other at the borders.

    Parameters
    ----------
    values
        One for each sub-region, shape (zones,).
    zone
        Numbers of the sub-regions, (y, x), -1 outside.
    """
    width = 0.025 * min(zone.shape)
    weights = [ndimage.gaussian_filter((zone == k).astype(np.float64), width, mode="nearest") for k in range(len(values))]
    total = np.sum(weights, axis=0)
    near = np.sum([w * v for w, v in zip(weights, values, strict=True)], axis=0)
    return np.asarray((near + 1e-9 * values.mean()) / (total + 1e-9))


def _axes(design: Design, shape: tuple[int, int], pixel: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    middle = Transformer.from_crs("EPSG:4326", design.crs, always_xy=True).transform(*design.centre)
    # on whole pixels, so that coordinates have few digits
    east, north = (pixel * (round(value / pixel) + 0.5) for value in middle)
    x = np.round(east + pixel * (np.arange(shape[1]) - shape[1] // 2), 6)
    y = np.round(north - pixel * (np.arange(shape[0]) - shape[0] // 2), 6)
    grid_x, grid_y = np.meshgrid(x, y)
    _, latitude = Transformer.from_crs(design.crs, "EPSG:4326", always_xy=True).transform(grid_x, grid_y)
    return x, y, np.asarray(latitude, dtype=np.float64)


def _areas(design: Design, latitude: FloatArray, pixel: float) -> FloatArray:
    if CRS(design.crs).is_geographic:
        return np.asarray((pixel * DEGREE_KM) ** 2 * np.cos(np.radians(latitude)))
    return np.full(latitude.shape, (pixel / 1000.0) ** 2)


def _elevation(rng: np.random.Generator, design: Design, zone: NDArray[np.int64]) -> FloatArray:
    size = 0.35 * min(zone.shape)
    rough = fractal_field(rng, (zone.shape[0], zone.shape[1]), size * PIXEL, pixel=PIXEL, octaves=5)
    base = blend(np.array([zone.elevation for zone in design.zones]), zone)
    # a power above one, because mountains are rare and plains are wide
    height = (rough - rough.min()) / (rough.max() - rough.min())
    return np.asarray(np.maximum(base + design.relief * (2.2 * height**1.6 - 0.6), 1.0))


def _zones(rng: np.random.Generator, design: Design, inside: NDArray[np.bool_], areas: FloatArray) -> NDArray[np.int64]:
    """Return the nearest sub-region of each pixel, distances shifted until each has its share of the area."""
    bend_rows, bend_columns = rng.spawn(2)
    shape = (inside.shape[0], inside.shape[1])
    rows, columns = (axis / (size - 1.0) for axis, size in zip(np.indices(shape).astype(np.float64), shape, strict=True))
    rows = rows + 0.035 * standardise(fractal_field(bend_rows, shape, 0.3 * min(shape)))
    columns = columns + 0.035 * standardise(fractal_field(bend_columns, shape, 0.3 * min(shape)))
    aspect = shape[1] / shape[0]
    distance = np.stack([np.hypot((columns - zone.at[0]) * aspect, rows - zone.at[1]) for zone in design.zones])
    wanted = np.array([zone.share for zone in design.zones])
    wanted = wanted / wanted.sum()
    shift, weight = np.zeros(len(wanted)), areas[inside] / areas[inside].sum()
    for step in range(SPACING):
        nearest = (distance[:, inside] - shift[:, None]).argmin(axis=0)
        found = np.bincount(nearest, weights=weight, minlength=len(wanted))
        shift += 0.6 * 0.96**step * (np.sqrt(wanted) - np.sqrt(found))
    labels = np.where(inside, (distance - shift[:, None, None]).argmin(axis=0), -1)
    return joined(labels, len(wanted))
