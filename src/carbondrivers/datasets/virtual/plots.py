"""Carbon density of a named region, and a virtual inventory of it: plots measured with error, and points of other studies.

    D = (D_class + NEP_class t) f,    f = exp(b_npp z_npp + b_map z_map + b_mat z_mat), scaled to mean 1 within each class

so what carbon depends on is known. In place a class gains what its NEP leaves; conversions gain what the classes differ in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer

from carbondrivers.datasets.virtual.design import Design
from carbondrivers.datasets.virtual.fields import FloatArray, standardise
from carbondrivers.datasets.virtual.place import Place
from carbondrivers.datasets.virtual.solve import false_position
from carbondrivers.datasets.virtual.world import World, annual_mean, annual_sum

N_PLOTS, N_POINTS = 60, 104
EFFECTS = {"npp": 0.22, "precipitation": 0.10, "temperature": -0.12}
"""Of a standard deviation, on the logarithm of density."""
PLOT_ERROR, POINT_ERROR = 0.05, 0.10
BIOMASS_SHARE = {"forest": 0.35, "grassland": 0.10, "cropland": 0.06}
WOODED = "forest"


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """Carbon density by year, (years, y, x), t C ha-1, and the coefficients that wrote it."""

    density: FloatArray
    effects: dict[str, float]
    first_year: dict[str, float]


def carbon_density(design: Design, place: Place, world: World, nep: FloatArray, npp: FloatArray) -> Storage:
    """Return carbon density of a region whose study printed a gain of storage.

    Parameters
    ----------
    design, place, world
        The region.
    nep, npp
        Shape (years, y, x), g C m-2 a-1.

    Notes
    -----
    The density of forest is moved until conversions gain their printed share; the others are those of the design.
    """
    valid, cover = place.land.valid, world.cover
    factor = _factor(place, world, npp)
    first, years = dict(design.density), len(cover)
    growth = {
        name: float(nep[:, valid][cover[:, valid] == code].mean()) / 100.0
        for code, name in design.classes.items()
        if (cover[:, valid] == code).any()
    }
    wanted = design.targets["gain_share"]["conversion"] / 100.0 * design.targets["gain"] * 1e4 * (years - 1)
    hectares = 100.0 * place.areas

    def conversion(forest: FloatArray) -> FloatArray:
        density = _density(design, cover, factor, first | {WOODED: float(forest[0])}, growth)
        steps = np.diff(density, axis=0)
        return np.array([float((steps * (np.diff(cover, axis=0) != 0) * hectares)[:, valid].sum())])

    found = false_position(conversion, np.array([30.0]), np.array([300.0]), np.array([wanted]))
    first[WOODED] = float(found[0])
    return Storage(_density(design, cover, factor, first, growth), dict(EFFECTS), first)


def make_plots(
    rng: np.random.Generator, design: Design, place: Place, world: World, storage: Storage, npp: FloatArray
) -> pd.DataFrame:
    """Return plots and points with their carbon density in the last year.

    Returns
    -------
    pandas.DataFrame
        plot, source (``"plot"`` or ``"point"``), x, y, longitude, latitude, climate (the sub-region), ecosystem, npp
        (g C m-2 a-1), precipitation (mm a-1), temperature (degC), elevation (m), biomass, soil, carbon (t C ha-1, with
        error), carbon_true (without) and virtual (always true).
    """
    places, errors = rng.spawn(2)
    land, last = place.land, world.cover[-1]
    candidates = np.argwhere(land.valid & (last != _code(design, "impervious")))
    rows, columns = candidates[places.choice(len(candidates), N_PLOTS + N_POINTS, replace=False)].T
    names = [design.classes[int(code)] for code in last[rows, columns]]
    true = storage.density[-1, rows, columns]
    error = np.where(np.arange(len(rows)) < N_PLOTS, PLOT_ERROR, POINT_ERROR)
    carbon = true * np.exp(error * errors.standard_normal(len(rows)))
    share = np.array([BIOMASS_SHARE.get(name, 0.03) for name in names])
    to_degrees = Transformer.from_crs(design.crs, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(land.x[columns], land.y[rows])
    zones = [design.zones[int(k)] for k in place.zone[rows, columns]]
    return pd.DataFrame(
        {
            "plot": [f"virtual plot {i}" if i <= N_PLOTS else f"virtual point {i - N_PLOTS}" for i in range(1, len(rows) + 1)],
            "source": np.where(np.arange(len(rows)) < N_PLOTS, "plot", "point"),
            "x": land.x[columns], "y": land.y[rows], "longitude": longitude, "latitude": latitude,
            "climate": [zone.label or zone.name for zone in zones], "ecosystem": names,
            "npp": npp.mean(axis=0)[rows, columns],
            "precipitation": annual_sum(world.climate.precipitation).mean(axis=0)[rows, columns],
            "temperature": annual_mean(world.climate.temperature).mean(axis=0)[rows, columns],
            "elevation": land.elevation[rows, columns],
            "biomass": share * carbon, "soil": (1.0 - share) * carbon, "carbon": carbon, "carbon_true": true, "virtual": True,
        }
    )  # fmt: skip


def _factor(place: Place, world: World, npp: FloatArray) -> FloatArray:
    """Return exp(b z) of the cells, with mean 1 within each class of the first year."""
    valid = place.land.valid
    layers = {
        "npp": npp.mean(axis=0),
        "precipitation": annual_sum(world.climate.precipitation).mean(axis=0),
        "temperature": annual_mean(world.climate.temperature).mean(axis=0),
    }
    factor = np.exp(sum(effect * standardise(layers[name], valid) for name, effect in EFFECTS.items()))
    middle = world.cover[len(world.cover) // 2]
    for code in np.unique(middle[valid]):
        inside = valid & (middle == code)
        factor[inside] /= factor[inside].mean()
    return np.asarray(factor)


def _density(
    design: Design, cover: NDArray[np.int8], factor: FloatArray, first: dict[str, float], growth: dict[str, float]
) -> FloatArray:
    base, rise = np.zeros(max(design.classes) + 1), np.zeros(max(design.classes) + 1)
    for code, name in design.classes.items():
        base[code], rise[code] = first[name], growth.get(name, 0.0)
    codes = np.maximum(cover, 0)
    time = np.arange(len(cover))[:, None, None]
    return np.asarray((base[codes] + rise[codes] * time) * factor)


def _code(design: Design, name: str) -> int:
    return next(code for code, known in design.classes.items() if known == name)
