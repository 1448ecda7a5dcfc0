"""NEP that is written class by class: of regions whose study takes NPP as given, and of shifting sand.

NEP of a year is the class's printed mean + a smooth field + the class's printed slope + a region-wide anomaly + noise, and
NPP = NEP + Rh with Rh of ``nep_models``. On shifting sand the flux follows heat and rain, and there is no NPP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbondrivers.datasets.virtual.design import Design
from carbondrivers.datasets.virtual.fields import FloatArray, autoregressive, gaussian_field, standardise
from carbondrivers.datasets.virtual.place import Place
from carbondrivers.datasets.virtual.world import World, annual_mean, annual_sum

ANOMALY, NOISE = 7.0, 5.0
LEAST_NPP = 5.0
SAND_HEAT, SAND_RAIN, SAND_NOISE = 1.7, 1.2, 0.8
"""Change of the sand's flux for a standard deviation of radiation and of rain, and its noise, g CO2 m-2 a-1."""
C_OF_CO2 = 12.011 / 44.0095
T_PER_HA = 100.0
REST_SHARES = {"forest": 0.92, "impervious": 0.02, "barren": 0.06}
"""How the gain that the Ningxia study gives to no class is shared here."""


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """NEP and NPP, shape (years, y, x), g C m-2 a-1, and the planted slope, (y, x), g C m-2 a-2."""

    nep: FloatArray
    npp: FloatArray
    trend: FloatArray


def write_nep(rng: np.random.Generator, design: Design, place: Place, world: World, years: NDArray[np.int64]) -> Written:
    """Return NEP and NPP of a region whose NEP is written.

    Parameters
    ----------
    rng
        Source of the fields, the anomalies and the noise.
    design, place, world
        The region.
    years
        Calendar years.
    """
    place_noise, slope_noise, year_noise, pixel_noise = rng.spawn(4)
    land, cover = place.land, world.cover
    means = class_means(design, place, world)
    middle, kept = cover[len(cover) // 2], np.all(cover == cover[0], axis=0)
    field = _within_classes(place_noise, place, middle)
    slopes = {name: design.targets.get("class_slope", {}).get(name, 0.0) for name in means}
    slope = _of(design, slopes, cover) * (1.0 + 0.3 * _within_classes(slope_noise, place, np.where(kept, middle, -2)))
    time = (years - years.mean())[:, None, None]
    nep = _of(design, means, cover) + _of(design, design.spread, cover) * field + slope * time
    nep = nep + ANOMALY * _detrended(year_noise, len(years))[:, None, None]
    nep = nep + NOISE * pixel_noise.standard_normal(nep.shape)
    # classes that grow have more of the late years: their mean is set, not left to that
    nep = nep + _of(design, _shortfall(design, place, cover, nep, means), cover)
    rh = heterotrophic(world, years)
    if design.model != "desert":
        nep = np.maximum(nep, LEAST_NPP - rh)
        return Written(nep, nep + rh, _planted(slope, land.valid))
    sand = cover == _code(design, "barren")
    nep = np.where(sand, _sand(pixel_noise, design, world, sand), np.maximum(nep, LEAST_NPP - rh))
    return Written(nep, np.where(sand, 0.0, nep + rh), _planted(slope, land.valid))


def heterotrophic(world: World, years: NDArray[np.int64]) -> FloatArray:
    """Return Rh of each year by ``rh_pei_monthly`` in the sum form, shape (years, y, x), g C m-2 a-1."""
    from carbondrivers.nep_models.soil_respiration import rh_pei_monthly

    found = []
    for warm, wet in zip(world.climate.temperature, world.climate.precipitation, strict=True):
        found.append(np.asarray(rh_pei_monthly(warm.astype(np.float64), wet.astype(np.float64))).sum(axis=0))
    return np.stack(found)


def class_means(design: Design, place: Place, world: World) -> dict[str, float]:
    """Return the mean NEP that each class is given, g C m-2 a-1.

    Printed means; else those that share out the printed gain of storage; for the desert those of belt and oases.
    """
    targets = design.targets
    if "class" in targets:
        return dict(targets["class"])
    if "gain_share" in targets:
        shares = {name: share / 100.0 for name, share in targets["gain_share"].items() if name != "conversion"}
        rest = 1.0 - sum(targets["gain_share"].values()) / 100.0
        shares |= {name: rest * share for name, share in REST_SHARES.items()}
        hectares = _hectares(design, place, world)
        return {name: T_PER_HA * share * targets["gain"] * 1e4 / hectares[name] for name, share in shares.items()}
    return dict(design.mean) | {"forest": -targets["belt"] * C_OF_CO2, "barren": 0.0}


def _hectares(design: Design, place: Place, world: World) -> dict[str, float]:
    """Return the area of each class, the mean of the years."""
    inside = place.land.valid
    area = np.broadcast_to(place.areas[inside], (len(world.cover), int(inside.sum())))
    cover = world.cover[:, inside]
    return {name: float(100.0 * area[cover == code].sum() / len(cover)) for code, name in design.classes.items()}


def _sand(rng: np.random.Generator, design: Design, world: World, sand: NDArray[np.bool_]) -> FloatArray:
    """Return NEP of the sand: less release with more heat flowing down, more with rain; its mean is the printed one."""
    heat, rain = annual_mean(world.energy.radiation), annual_sum(world.climate.precipitation)
    drivers = [standardise(values, sand) for values in (heat, rain)]
    noise = standardise(rng.standard_normal(heat.shape), sand)
    flux = float(design.targets["sand"]) + SAND_HEAT * drivers[0] + SAND_RAIN * drivers[1] + SAND_NOISE * noise
    return np.asarray(-C_OF_CO2 * flux)


def _shortfall(
    design: Design, place: Place, cover: NDArray[np.int8], nep: FloatArray, means: Mapping[str, float]
) -> dict[str, float]:
    """Return what the mean of each class over its cells of all years lacks."""
    here = cover[:, place.land.valid]
    values, weight = nep[:, place.land.valid], np.broadcast_to(place.areas[place.land.valid], here.shape)
    chosen = {name: here == code for code, name in design.classes.items()}
    return {name: means[name] - np.average(values[c], weights=weight[c]) for name, c in chosen.items() if c.any()}


def _of(design: Design, table: Mapping[str, float], cover: NDArray[np.int8]) -> FloatArray:
    lookup = np.zeros(max(design.classes) + 1)
    for code, name in design.classes.items():
        lookup[code] = table.get(name, 0.0)
    return np.asarray(lookup[np.maximum(cover, 0)])


def _code(design: Design, name: str) -> int:
    return next(code for code, known in design.classes.items() if known == name)


def _smooth(rng: np.random.Generator, place: Place) -> FloatArray:
    return standardise(gaussian_field(rng, place.land.shape, 0.25 * min(place.land.shape)), place.land.valid)


def _within_classes(rng: np.random.Generator, place: Place, cover: NDArray[np.int8]) -> FloatArray:
    """Return a smooth field with mean 0 and variance 1 within each class."""
    smooth, grain = rng.spawn(2)
    field = _smooth(smooth, place) + 0.6 * grain.standard_normal(place.land.shape)
    for code in np.unique(cover[place.land.valid]):
        inside = place.land.valid & (cover == code)
        if inside.sum() > 2:
            field[inside] = standardise(field[inside])
    return field


def _detrended(rng: np.random.Generator, n: int) -> FloatArray:
    series, time = autoregressive(rng, n, 0.3), np.arange(n) - 0.5 * (n - 1)
    series = series - series.mean()
    return np.asarray(series - time * np.sum(time * series) / np.sum(time**2))


def _planted(slope: FloatArray, valid: NDArray[np.bool_]) -> FloatArray:
    return np.where(valid, slope.mean(axis=0), np.nan)
