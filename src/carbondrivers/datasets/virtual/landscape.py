"""The ground of a virtual region: its grid, elevation, slope, aspect, and where it has no data.

Elevation is multi-octave noise with ridges around a basin; slope and aspect follow Horn (1981,
doi:10.1109/PROC.1981.11918). A lake at the bottom of the basin and an irregular outline are without data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyproj import CRS as Reference
from pyproj import Transformer
from scipy import ndimage

from carbondrivers.datasets.virtual.fields import BoolArray, FloatArray, fractal_field, gaussian_field

CRS = "EPSG:32650"
PIXEL = 1000.0
CENTRE = (740_500.0, 4_875_500.0)
"""Easting and northing of about 120 E, 44 N, in metres."""
LOWEST, RELIEF = 180.0, 1400.0


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """Ground of a region; all arrays are float64 of shape (y, x) unless said otherwise.

    Attributes
    ----------
    x, y : numpy.ndarray
        Pixel centres, m or degrees; `x` ascends, `y` descends.
    latitude : numpy.ndarray
        Degrees.
    elevation : numpy.ndarray
        m.
    slope, aspect : numpy.ndarray
        Degrees; aspect is the downslope direction, clockwise from north.
    northness : numpy.ndarray
        Cosine of the aspect.
    inside : numpy.ndarray
        Boolean; the study area with its lake.
    valid : numpy.ndarray
        Boolean; the study area without its lake.
    crs : str
        Reference system of `x` and `y`.
    pixel : float
        Edge of a pixel, in the unit of `crs` (m or degrees).
    """

    x: FloatArray
    y: FloatArray
    latitude: FloatArray
    elevation: FloatArray
    slope: FloatArray
    aspect: FloatArray
    northness: FloatArray
    inside: BoolArray
    valid: BoolArray
    crs: str = CRS
    pixel: float = PIXEL

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.y), len(self.x)

    @property
    def geographic(self) -> bool:
        """Whether `x` and `y` are degrees."""
        return bool(Reference(self.crs).is_geographic)


def make_landscape(rng: np.random.Generator, shape: tuple[int, int]) -> Landscape:
    """Return the ground of a region of the given shape.

    Parameters
    ----------
    rng
        Source of the noise.
    shape
        Rows and columns.
    """
    relief, outline, lake = rng.spawn(3)
    x, y = _axes(shape)
    grid_x, grid_y = np.meshgrid(x, y)
    _, latitude = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(grid_x, grid_y)
    # one more pixel on each side, so that Horn's window is complete at the edge
    padded = _elevation(relief, (shape[0] + 2, shape[1] + 2))
    slope, aspect = horn(padded, PIXEL)
    elevation = padded[1:-1, 1:-1].copy()
    inside = study_area(outline, shape)
    valid = inside & ~lake_in(lake, elevation, inside)
    northness = np.cos(np.radians(aspect))
    return Landscape(x, y, np.asarray(latitude), elevation, slope, aspect, northness, inside, valid)


def horn(elevation: FloatArray, pixel: float) -> tuple[FloatArray, FloatArray]:
    """Return slope and aspect by Horn's third-order finite difference (doi:10.1109/PROC.1981.11918).

    Parameters
    ----------
    elevation
        Shape (ny + 2, nx + 2), m, rows from north to south.
    pixel
        Edge of a pixel, m.

    Returns
    -------
    slope, aspect : numpy.ndarray
        Shape (ny, nx), degrees; aspect is the downslope direction, clockwise from north, in [0, 360).

    Examples
    --------
    >>> plane = np.repeat(np.arange(5.0)[None, :], 5, axis=0)
    >>> slope, aspect = horn(plane, 1.0)
    >>> float(slope[1, 1].round(6)), float(aspect[1, 1])
    (45.0, 270.0)
    """
    z = elevation
    west, east = z[:, :-2], z[:, 2:]
    north, south = z[:-2, :], z[2:, :]
    d_east, d_north = east - west, north - south
    rise_east = (d_east[:-2] + 2.0 * d_east[1:-1] + d_east[2:]) / (8.0 * pixel)
    rise_north = (d_north[:, :-2] + 2.0 * d_north[:, 1:-1] + d_north[:, 2:]) / (8.0 * pixel)
    slope = np.degrees(np.arctan(np.hypot(rise_east, rise_north)))
    aspect = np.mod(np.degrees(np.arctan2(-rise_east, -rise_north)), 360.0)
    return slope, aspect


def _axes(shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    x = CENTRE[0] + PIXEL * (np.arange(shape[1]) - shape[1] // 2)
    y = CENTRE[1] - PIXEL * (np.arange(shape[0]) - shape[0] // 2)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def _unit_distance(shape: tuple[int, int], centre: tuple[float, float] = (0.0, 0.0), power: float = 2.0) -> FloatArray:
    rows = np.linspace(-1.0, 1.0, shape[0])[:, None] - centre[0]
    columns = np.linspace(-1.0, 1.0, shape[1])[None, :] - centre[1]
    return np.asarray((np.abs(rows) ** power + np.abs(columns) ** power) ** (1.0 / power))


def _elevation(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    hills, crests, place = rng.spawn(3)
    centre = (float(place.uniform(-0.3, 0.3)), float(place.uniform(-0.3, 0.3)))
    basin = np.exp(-((_unit_distance(shape, centre) / 0.55) ** 2))
    rough = fractal_field(hills, shape, 50.0 * PIXEL, pixel=PIXEL, octaves=5)
    ridges = np.exp(-np.abs(gaussian_field(crests, shape, 70.0 * PIXEL, pixel=PIXEL)) / 0.3)
    height = 0.55 * rough + 1.3 * ridges * (1.0 - basin) - 1.1 * basin
    low, high = float(height.min()), float(height.max())
    # a power above one, because mountains are rare and plains are wide
    return LOWEST + RELIEF * ((height - low) / (high - low)) ** 1.5


def study_area(rng: np.random.Generator, shape: tuple[int, int]) -> BoolArray:
    """Return an irregular outline in one piece, filled, shape (y, x)."""
    wobble = fractal_field(rng, shape, 45.0 * PIXEL, pixel=PIXEL, octaves=4)
    area = _unit_distance(shape, power=3.0) + 0.055 * wobble < 0.97
    labels, _ = ndimage.label(area)
    largest = int(np.bincount(labels.ravel())[1:].argmax()) + 1
    return np.asarray(ndimage.binary_fill_holes(labels == largest), dtype=np.bool_)


def lake_in(rng: np.random.Generator, elevation: FloatArray, inside: BoolArray) -> BoolArray:
    """Return where a lake lies, in a low place of the study area away from its edge, shape (y, x)."""
    shape = elevation.shape
    radius = max(1.5, 0.055 * min(shape))
    smooth = ndimage.gaussian_filter(elevation, radius)
    away = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] > 2.0 * radius + 1.0
    row, column = np.unravel_index(int(np.where(away, smooth, np.inf).argmin()), shape)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    distance = np.hypot((rows - row) * 1.25, columns - column)
    shore = fractal_field(rng, (shape[0], shape[1]), 2.5 * radius, octaves=3)
    labels, _ = ndimage.label(distance * np.exp(0.3 * (shore - shore[row, column])) < radius)
    return np.asarray((labels == labels[row, column]) & away, dtype=np.bool_)
