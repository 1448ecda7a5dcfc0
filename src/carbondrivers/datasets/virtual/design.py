"""Designs of the virtual regions that are named after studies: what a region is made of, from ``designs/NAME.toml``.

A design gives area, period, sub-regions with their climate and land cover, and the regional and class means that the study
printed, which the region is made to meet. Numbers under ``targets`` are the study's; all others are made up.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from carbondrivers.datasets.virtual.cover import LEGEND
from carbondrivers.datasets.virtual.vegetation import GPP_SLOPE
from carbondrivers.errors import choose

DEMO = "demo"
NAMED = ("northwest_china", "horqin", "ningxia", "taklimakan", "china")
NAMES = (DEMO, *NAMED)
Mode = Literal["process", "planted"]
MODES: tuple[Mode, ...] = ("process", "planted")
DEMO_SHAPE, DEMO_YEARS = (120, 160), (2000, 2020)
Table = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ZoneDesign:
    """A sub-region.

    Attributes
    ----------
    name, label : str
        Short name, and the name on maps.
    at : tuple of float
        Where its middle lies, as shares of the width from the west and of the height from the north.
    share : float
        Of the area.
    elevation, temperature, amplitude, precipitation : float
        m, degC (mean of the year), K (half the difference of the seasons), mm a-1.
    cover : mapping
        Share of each class; the class that is not named has the rest.
    target : float
        Printed mean of the component that the region solves for, g C m-2 a-1; NaN without.
    rh : float
        Printed heterotrophic respiration, g C m-2 a-1; NaN without.
    """

    name: str
    at: tuple[float, float]
    share: float
    elevation: float
    temperature: float
    amplitude: float
    precipitation: float
    cover: Table
    label: str = ""
    target: float = float("nan")
    rh: float = float("nan")


@dataclass(frozen=True, slots=True)
class Design:
    """A region: see the comments in its file.

    Attributes
    ----------
    name, title, crs : str
        Its names, and the reference system of its grids.
    centre : tuple of float
        Longitude and latitude.
    area : float
        km2.
    shape, years : tuple of int
        Default rows and columns; first and last year.
    model, options
        The chain that gives NEP, and its options.
    solves : str
        How the means are met: ``"nep"`` or ``"npp"`` by greenness, ``"field"`` by writing NEP, ``"desert"``.
    relief, warming, season
        m, K a-1, shares of the twelve months in precipitation.
    zones, classes
        Sub-regions; code to class.
    rates, c, soil_carbon, prior, spread, mean, density, records
        Tables by class, and of the records.
    targets
        What the study printed.
    notes
        Where prints contradict each other, and what was taken.
    """

    name: str
    title: str
    crs: str
    centre: tuple[float, float]
    area: float
    shape: tuple[int, int]
    years: tuple[int, int]
    model: str
    solves: str
    relief: float
    warming: float
    season: tuple[float, ...]
    zones: tuple[ZoneDesign, ...]
    classes: Mapping[int, str]
    rates: Table
    c: Table
    soil_carbon: Table
    targets: Mapping[str, Any]
    notes: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    prior: Table = field(default_factory=dict)
    spread: Table = field(default_factory=dict)
    mean: Table = field(default_factory=dict)
    density: Table = field(default_factory=dict)
    records: Table = field(default_factory=dict)


@cache
def design_of(name: str) -> Design:
    """Return the design of a named region.

    Raises
    ------
    OptionError
        If there is no such region.

    Examples
    --------
    >>> china = design_of("china")
    >>> china.crs, [zone.name for zone in china.zones]
    ('EPSG:4326', ['S', 'N', 'QT', 'NW'])
    """
    choose(name, NAMED, "name of the virtual region")
    raw = tomllib.loads((files(__package__) / "designs" / f"{name}.toml").read_text(encoding="utf-8"))
    zones = tuple(ZoneDesign(**{**zone, "at": tuple(zone["at"])}) for zone in raw.pop("zones"))
    classes = {int(code): str(class_name) for code, class_name in raw.pop("classes").items()}
    sequences: dict[str, Any] = {key: tuple(raw.pop(key)) for key in ("centre", "shape", "years", "season", "notes")}
    return Design(name=name, zones=zones, classes=classes, **sequences, **raw)


def default_years(name: str) -> tuple[int, int]:
    """Return the first and the last year of a region whose years are not given.

    Examples
    --------
    >>> default_years("demo"), default_years("china")
    ((2000, 2020), (2008, 2012))
    """
    return DEMO_YEARS if name == DEMO else design_of(name).years


def legend_of(name: str) -> dict[int, str]:
    """Return land-cover code to class of a region.

    Examples
    --------
    >>> legend_of("horqin")[5]
    'barren'
    """
    return dict(LEGEND if name == DEMO else design_of(name).classes)


def gpp_slope_of(name: str) -> dict[str, float]:
    """Return GPP per PAR and soil-adjusted NIRv of the classes of a region, g C MJ-1.

    Examples
    --------
    >>> gpp_slope_of("northwest_china")["forest"]
    5.2
    """
    return dict(GPP_SLOPE if name == DEMO else design_of(name).c)


def mode_of(name: str, mode: str | None = None) -> Mode:
    """Return how NEP of a region is made: as asked for, else ``"planted"`` for the demo and ``"process"`` for the others.

    Raises
    ------
    OptionError
        If the mode is not known, or the demo is asked for processes.

    Examples
    --------
    >>> mode_of("demo"), mode_of("china"), mode_of("china", "planted")
    ('planted', 'process', 'planted')
    """
    if name == DEMO:
        choose(mode or "planted", ("planted",), "mode of the demo region")
        return "planted"
    return "process" if choose(mode or "process", MODES, "mode") == "process" else "planted"
