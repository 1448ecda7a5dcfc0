"""Bands of a terrain variable: round steps of a measured one, the eight winds of an aspect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.errors import DataError, OptionError

MOST_BANDS, FEWEST_BANDS = 12, 2
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
WINDS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
FLAT = "Flat"


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """Bands of a variable.

    Attributes
    ----------
    levels : list of str
        Words for each band.
    lower, upper : numpy.ndarray
        Limits of each band; NaN for a wind without one. A value on a limit belongs to the upper band, the greatest limit
        of all to the last band.
    places : numpy.ndarray
        Band of each cell, shape (y, x), -1 for none.
    outside : int
        Cells with a value outside all bands.
    """

    levels: list[str]
    lower: Floats
    upper: Floats
    places: NDArray[np.int64]
    outside: int


def measured_bands(values: Floats, name: str, limits: Sequence[float] | None) -> Bands:
    """Cut a measured variable.

    Parameters
    ----------
    values
        (y, x), NaN for none.
    name
        For messages.
    limits
        Rising limits of the bands; round steps that make at most twelve bands by default.

    Raises
    ------
    DataError
        If the variable is constant and no limits are given.
    OptionError
        If the limits do not rise.

    Examples
    --------
    >>> measured_bands(np.array([[3.0, 41.0, 78.0]]), "slope", None).levels[:2]
    ['0–10', '10–20']
    """
    edges = round_limits(values, name) if limits is None else _checked(limits, name)
    within = (values >= edges[0]) & (values <= edges[-1])
    found = np.searchsorted(edges, np.where(within, values, edges[0]), side="right") - 1
    places = np.where(within, np.minimum(found, len(edges) - 2), -1)
    levels = [f"{_shown(a)}–{_shown(b)}" for a, b in pairwise(edges.tolist())]
    return Bands(levels, edges[:-1], edges[1:], places, int((~np.isnan(values) & ~within).sum()))


def wind_bands(values: Floats, name: str) -> Bands:
    """Sort an aspect (degrees clockwise from north, below 0 for flat ground) into eight winds of 45 degrees.

    Raises
    ------
    DataError
        If a value is above 360: then it is no aspect in degrees.
    """
    if np.nanmax(values) > 360.0 or np.nanmin(values) < -180.0:
        worst = np.nanmax(values) if np.nanmax(values) > 360.0 else np.nanmin(values)
        raise DataError(f"{name!r} reaches {worst:g}: an aspect is in degrees, 0 to 360, and below 0 for flat ground")
    flat = values < 0.0
    turned = np.where(np.isnan(values) | flat, 0.0, values)
    winds = np.floor(((turned + 22.5) % 360.0) / 45.0).astype(np.int64)
    places = np.where(np.isnan(values), -1, np.where(flat, len(WINDS), winds))
    centre = np.append(np.arange(8) * 45.0, np.nan)
    return Bands([*WINDS, FLAT], (centre - 22.5) % 360.0, (centre + 22.5) % 360.0, places, 0)


def round_limits(values: Floats, name: str) -> Floats:
    """Return limits at round steps that hold all values in at most twelve bands."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if not high > low:
        raise DataError(f"{name!r} is constant ({low:g}): it has no bands; take it out")
    power = 10.0 ** np.floor(np.log10((high - low) / MOST_BANDS))
    for step in STEPS:
        first, last = np.floor(low / (step * power)), np.ceil(high / (step * power))
        if last - first <= MOST_BANDS:
            break
    return np.asarray(np.round(np.arange(first, last + 1) * step * power, 12), dtype=np.float64)


def _checked(limits: Sequence[float], name: str) -> Floats:
    listed = isinstance(limits, Sequence) and not isinstance(limits, str)
    right = listed and all(isinstance(v, int | float) and not isinstance(v, bool) for v in limits)
    numbers = np.asarray(limits if right else [], dtype=np.float64)
    if len(numbers) < FEWEST_BANDS + 1 or not np.isfinite(numbers).all() or (np.diff(numbers) <= 0).any():
        raise OptionError(f"limits of {name!r} must be three or more rising numbers, got {limits!r}")
    return numbers


def _shown(value: float) -> str:
    return f"{value:g}".replace("-", "−") if abs(value) < 1e5 else f"{value:.3g}"
