"""What makes a grid a map: a frame that fits, graticule labels, a north arrow that is true to the projection, and a
line scale bar that is true at the centre of the map.

Without a known reference system there is no graticule, arrow or bar: they would claim what nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Polygon, Rectangle
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError, ProjError

from carbondrivers.reports.figures.panels import Page, axes_mm, short_numbers, text_width
from carbondrivers.reports.style import DIVERGING, INK, SEQUENTIAL

_STEPS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60])
# Furniture stands in a strip of its own below the data, so that it never hides a cell.
_STRIP_MM = 9.0
ROBUST = (2, 98)
_PAD = 0.03


@dataclass(frozen=True, slots=True)
class Extent:
    """A map's frame in its own coordinates, with furniture strip.

    Attributes
    ----------
    left, right, bottom, top : float
        Limits of the axes.
    aspect : float
        Height over width that the frame needs on paper.
    stretch : float
        Length of one y unit in x units on paper (not 1 for degrees).
    """

    left: float
    right: float
    bottom: float
    top: float
    aspect: float
    stretch: float


def grid_coordinates(grid: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the x and y coordinates of a map, or cell numbers where it has none; dims end in (y, x) or (lat, lon)."""
    y_name, x_name = (str(d) for d in grid.dims[-2:])
    found = []
    for name in (x_name, y_name):
        values = grid[name].to_numpy() if name in grid.coords else np.arange(grid.sizes[name])
        found.append(values.astype(np.float64))
    return found[0], found[1]


def known_crs(text: object) -> CRS | None:
    """Return the reference system that a text names, None where it names none that leads to longitude and latitude."""
    try:
        crs = CRS.from_user_input(text) if text else None
        if crs is not None:
            Transformer.from_crs(crs, 4326, always_xy=True)
    except (CRSError, ProjError):
        return None
    return crs


def bounds_of(x: np.ndarray, y: np.ndarray, valid: np.ndarray) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of the cells with a value; `valid` has the shape (ny, nx)."""
    columns, rows = valid.any(axis=0), valid.any(axis=1)
    x_in, y_in = (x[columns], y[rows]) if valid.any() else (x, y)
    half_x, half_y = step(x) / 2, step(y) / 2
    return (
        float(x_in.min() - half_x), float(x_in.max() + half_x), float(y_in.min() - half_y), float(y_in.max() + half_y),
    )  # fmt: skip


def extent_of(
    bounds: tuple[float, float, float, float], crs: CRS | None, width: float, tallest: float, *, strip: bool = True
) -> Extent:
    """Return the frame around what is drawn.

    Parameters
    ----------
    bounds
        Left, right, bottom and top of the data.
    crs
        Reference system, None if unknown.
    width, tallest
        Room on paper in mm.
    strip
        Whether the furniture stands inside the frame; one of many small maps has it outside.
    """
    left, right, bottom, top = bounds
    stretch = 1.0
    if crs is not None and crs.is_geographic:
        stretch = 1 / max(np.cos(np.deg2rad((bottom + top) / 2)), 0.1)
    pad = _PAD * max(right - left, (top - bottom) * stretch)
    left, right, bottom, top = left - pad, right + pad, bottom - pad / stretch, top + pad / stretch
    below = _STRIP_MM if crs is not None and strip else 0.0
    room = tallest - below
    ratio = (top - bottom) * stretch / (right - left)
    if ratio * width > room:
        # A tall region keeps the frame's width: white to the left and right is easier to read than a narrow frame.
        extra = ((top - bottom) * stretch * width / room - (right - left)) / 2
        left, right = left - extra, right + extra
    bottom -= below * (right - left) / width / stretch
    return Extent(left, right, bottom, top, (top - bottom) * stretch / (right - left), stretch)


def step(values: np.ndarray) -> float:
    """Return the distance of neighbouring coordinates, 1 where there is only one."""
    return float(np.median(np.abs(np.diff(values)))) if len(values) > 1 else 1.0


def draw_grid(ax: Axes, values: np.ndarray, x: np.ndarray, y: np.ndarray, *, cmap: Any, norm: Any) -> Any:
    """Draw cells (ny, nx) as pixels; NaN stays white."""
    ordered = values[np.argsort(-y, kind="stable")][:, np.argsort(x, kind="stable")]
    half_x, half_y = step(x) / 2, step(y) / 2
    box = (x.min() - half_x, x.max() + half_x, y.min() - half_y, y.max() + half_y)
    shown = np.ma.masked_invalid(ordered)
    return ax.imshow(shown, extent=box, origin="upper", aspect="auto", interpolation="nearest", cmap=cmap, norm=norm)


def frame(ax: Axes, extent: Extent, crs: CRS | None, size: float) -> None:
    """Set the limits, draw the closed frame, and the furniture where the reference system is known."""
    ax.set_xlim(extent.left, extent.right)
    ax.set_ylim(extent.bottom, extent.top)
    for spine in ax.spines.values():
        spine.set_visible(True)
    if crs is None:
        ax.set_xticks([])
        ax.set_yticks([])
        return
    graticule(ax, crs, size)
    scale_bar(ax, crs, size)
    north_arrow(ax, crs, size)


def small_frame(ax: Axes, extent: Extent, crs: CRS | None, size: float, labelled: tuple[bool, bool]) -> None:
    """Frame one of many maps; only those of the left column and of the lowest row carry the graticule's labels."""
    frame(ax, extent, None, size)
    if crs is None or not any(labelled):
        return
    graticule(ax, crs, size)
    if not labelled[0]:
        ax.set_yticks([])
    if not labelled[1]:
        ax.set_xticks([])


def shared_strip(on: Page, place: tuple[float, float, float], extent: Extent, crs: CRS, size: float) -> None:
    """Draw scale bar and north arrow once for many maps: left, top and width in mm, with the scale and centre of the maps."""
    left, top, across = place
    ax = on.axes(left, top, across, 9.0)
    ax.axis("off")
    half = 4.5 * (extent.right - extent.left) / across / extent.stretch
    middle = (extent.bottom + extent.top) / 2
    ax.set_xlim(extent.left, extent.right)
    ax.set_ylim(middle - half, middle + half)
    scale_bar(ax, crs, size)
    north_arrow(ax, crs, size)


def graticule(ax: Axes, crs: CRS, size: float) -> None:
    """Label longitudes along the lower edge and latitudes along the left edge, where their lines meet the frame."""
    across, tall = axes_mm(ax)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    x, y = np.linspace(left, right, 200), np.linspace(bottom, top, 200)
    # Unwrapped, so that a map across the 180th meridian keeps its labels.
    longitude = np.unwrap(to_degrees.transform(x, np.full(200, bottom))[0], period=360)
    latitude = to_degrees.transform(np.full(200, left), y)[1]
    widest = text_width("000.00°W", size) * 1.5
    at, words = _crossings(np.asarray(longitude), x, across, widest, size, "EW")
    ax.set_xticks(at, words, fontsize=size)
    at, words = _crossings(np.asarray(latitude), y, tall, widest, size, "NS")
    ax.set_yticks(at, words, fontsize=size, rotation=90, va="center")
    ax.tick_params(length=2.0, pad=1.5)


def _crossings(
    degrees: np.ndarray, along: np.ndarray, length: float, widest: float, size: float, hemispheres: str
) -> tuple[list[float], list[str]]:
    """Where round degrees meet an edge of `length` mm, and their labels; a label that would stick out is left out."""
    if not np.isfinite(degrees).all() or (np.diff(degrees) <= 0).any():
        return [], []
    most = max(min(length / widest, 5.0), 1.0)
    coarse = min(int(np.searchsorted(_STEPS, (degrees[-1] - degrees[0]) / most)), len(_STEPS) - 1)
    found: list[tuple[float, str]] = []
    for wanted in _STEPS[coarse::-1]:
        # One label cannot show how far a degree reaches; a finer step has room for every second label or so.
        trial = _apart(_labels(degrees, along, length, float(wanted), size, hemispheres), along, length, size)
        found = trial if len(trial) > 1 else found or trial
        if len(found) > 1:
            break
    return [place for place, _ in found], [label for _, label in found]


def _apart(found: list[tuple[float, str]], along: np.ndarray, length: float, size: float) -> list[tuple[float, str]]:
    """Leave out every second label until there is room between them."""
    needed = 1.2 * max((text_width(label, size) for _, label in found), default=0.0) / length * (along[-1] - along[0])
    while len(found) > 1 and found[1][0] - found[0][0] < needed:
        found = found[::2]
    return found


def _labels(
    degrees: np.ndarray, along: np.ndarray, length: float, wanted: float, size: float, hemispheres: str
) -> list[tuple[float, str]]:
    digits = 0 if wanted >= 1 else 1 if wanted >= 0.1 else 2
    first, last = np.ceil(degrees[0] / wanted - 1e-9), np.floor(degrees[-1] / wanted + 1e-9)
    found = []
    for value in np.arange(first, last + 1) * wanted:
        place = float(np.interp(value, degrees, along))
        east = (value + 180) % 360 - 180
        side = "" if abs(east) < 1e-9 or abs(east) > 180 - 1e-9 else hemispheres[0] if east > 0 else hemispheres[1]
        label = f"{abs(east):.{digits}f}°{side}"
        share = (place - along[0]) / (along[-1] - along[0])
        if min(share, 1 - share) * length > text_width(label, size) / 2 - 0.3:
            found.append((place, label))
    return found


def scale_bar(ax: Axes, crs: CRS, size: float) -> None:
    """Draw a line scale bar in the lower left corner, measured along a geodesic through the centre of the map."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    across, tall = axes_mm(ax)
    unit = _metres_per_unit(crs, (left + right) / 2, (bottom + top) / 2, (right - left) / 8)
    if not np.isfinite(unit) or unit <= 0:
        return
    room = 0.3 * (right - left) * unit
    power = 10.0 ** np.floor(np.log10(room))
    metres = float(max(m * power for m in (1, 2, 5) if m * power <= room))
    length = metres / unit / (right - left)
    thick, start, low = 0.9 / tall, 2.5 / across, 2.2 / tall
    for part in range(4):
        face = INK if part % 2 == 0 else "white"
        box = Rectangle(
            (start + part * length / 4, low), length / 4, thick, transform=ax.transAxes, facecolor=face,
            edgecolor=INK, linewidth=0.5, zorder=6,
        )  # fmt: skip
        ax.add_patch(box)
    whole, name = (metres / 1000, "km") if metres >= 1000 else (metres, "m")
    texts = [(0.0, "0"), (1.0, f"{whole:g} {name}")]
    if length * across > text_width(f"0{whole / 2:g}{whole:g} {name}", size) * 1.3:
        texts.insert(1, (0.5, f"{whole / 2:g}"))
    for share, words in texts:
        # The unit hangs to the right, so that the number itself stands over its mark.
        side = "left" if share == 1.0 else "center"
        shift = -text_width(f"{whole:g}", size) / 2 / across if share == 1.0 else 0.0
        place = (start + share * length + shift, low + thick + 0.7 / tall)
        ax.text(*place, words, transform=ax.transAxes, fontsize=size, ha=side, va="bottom", zorder=6)


def _metres_per_unit(crs: CRS, x: float, y: float, reach: float) -> float:
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    lon, lat = to_degrees.transform([x - reach, x + reach], [y, y])
    if not np.isfinite([*lon, *lat]).all():
        return float("nan")
    return float(Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])[2]) / (2 * reach)


def north_arrow(ax: Axes, crs: CRS, size: float) -> None:
    """Draw an arrow in the lower right corner that points to true north there."""
    across, tall = axes_mm(ax)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    centre = np.array([across - 5.0, 3.4])
    x = left + centre[0] / across * (right - left)
    y = bottom + centre[1] / tall * (top - bottom)
    angle = _north(crs, x, y, (right - left) / across, (top - bottom) / tall)
    if not np.isfinite(angle):
        return
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    tip, left_foot, notch, right_foot = np.array([[0, 2.6], [-1.3, -2.2], [0, -1.2], [1.3, -2.2]]) @ turn.T + centre
    for foot, face in ((left_foot, "white"), (right_foot, INK)):
        corners = np.array([tip, foot, notch]) / (across, tall)
        half = Polygon(corners, transform=ax.transAxes, facecolor=face, edgecolor=INK, linewidth=0.5, zorder=6)
        ax.add_patch(half)
    where = (centre + np.array([-3.6, 0.0])) / (across, tall)
    ax.text(
        where[0],
        where[1],
        "N",
        transform=ax.transAxes,
        fontsize=size,
        weight="bold",
        ha="center",
        va="center",
        zorder=6,
    )


def _north(crs: CRS, x: float, y: float, x_unit: float, y_unit: float) -> float:
    """Clockwise angle of true north on paper, in radians, where one mm is `x_unit` wide and `y_unit` high."""
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
    back = Transformer.from_crs(4326, crs, always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    if not np.isfinite([lon, lat]).all():
        return float("nan")
    x_north, y_north = back.transform(lon, lat + 0.01)
    return float(np.arctan2((x_north - x) / x_unit, (y_north - y) / y_unit))


def colours_for(values: np.ndarray, *, about_zero: bool = False) -> tuple[LinearSegmentedColormap, Normalize, str]:
    """Return colour map, limits and the colour bar's open ends for a map of `values`.

    Values on both sides of zero are drawn about zero (brown source, green-blue sink); others from low to high, unless
    `about_zero` asks for limits that mirror each other. The limits leave out two per cent at each end, so that single
    cells cannot wash out the map.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return LinearSegmentedColormap.from_list("map", SEQUENTIAL), Normalize(0.0, 1.0), "neither"
    low, high = np.percentile(finite, ROBUST)
    colours: tuple[str, ...] = DIVERGING
    if about_zero or finite.min() < 0 < finite.max():
        reach = float(max(abs(low), abs(high))) or float(np.abs(finite).max())
        low, high = -reach, reach
    else:
        colours = DIVERGING[4:] if finite.min() >= 0 else DIVERGING[:3]
    if high <= low:
        # Nearly all values are one: then the few others are all that there is to show.
        low, high = float(finite.min()), float(finite.max())
    if high <= low:
        low, high = float(low) - 0.5, float(high) + 0.5
    ends = {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}
    return (
        LinearSegmentedColormap.from_list("map", colours),
        Normalize(float(low), float(high)),
        ends[bool(finite.min() < low), bool(finite.max() > high)],
    )


def limits_words(ends: str) -> str:
    """Return what the foot says of open ends of the colour bar; nothing where there are none."""
    return "" if ends == "neither" else f"colour limits from the {ROBUST[0]}nd and {ROBUST[1]}th percentiles"


def colour_bar(on: Page, left: float, top: float, width: float, drawn: Any, ends: str, words: str, size: float) -> None:
    """Draw a horizontal colour bar with its unit below."""
    ax = on.axes(left, top, width, 2.0)
    bar = on.figure.colorbar(drawn, cax=ax, orientation="horizontal", extend=ends)
    bar.outline.set_linewidth(0.6)
    bar.ax.locator_params(axis="x", nbins=6)
    bar.ax.tick_params(labelsize=size, pad=1.5)
    short_numbers(bar.ax.xaxis, size)
    bar.set_label(words, fontsize=size + 0.5, labelpad=1.5)


def cells(grid: xr.Dataset, names: Sequence[str]) -> pd.DataFrame:
    """Return the mapped numbers: x, y and the named layers of every cell that has a value."""
    table = grid[[name for name in names if name in grid]].to_dataframe().reset_index()
    shown = table.drop(columns=["x", "y"], errors="ignore").notna().any(axis=1)
    return table.loc[shown].reset_index(drop=True)
