"""NEP of a named region by the chain of its study, greenness and soil carbon brought to the printed means.

The growth of the vegetation index above its dormant state is scaled in each class of each sub-region until the chain's
mean there is the wanted one, and rises where greening is planted. Factors are found on a part of the cells, because a mean
needs no more.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.datasets.virtual.climate import MonthlyArray
from carbondrivers.datasets.virtual.design import Design
from carbondrivers.datasets.virtual.fields import FloatArray, gaussian_field, standardise
from carbondrivers.datasets.virtual.nature import months_of, optics_of
from carbondrivers.datasets.virtual.place import Place
from carbondrivers.datasets.virtual.solve import false_position, fit_table
from carbondrivers.datasets.virtual.vegetation import vegetation_of
from carbondrivers.datasets.virtual.world import World
from carbondrivers.errors import CarbonDriversWarning

BUDGET = 700_000
"""Months of cells on which the factors are found; of a larger region every class of every sub-region gives a part."""
LEAST_GAIN, MOST_GAIN, TOP = 0.02, 3.5, 0.94
"""Bounds of the factors, and the index that they may reach on average."""
LEAST_SOIL, MOST_SOIL = 0.05, 8.0
TRIAL = 0.01
CORRECTIONS, SATURATED = 2, 0.01
"""How often what saturated classes lack is handed on, and the relative lack from which a class counts as saturated."""
Components = dict[str, xr.DataArray]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Some pixels of a region.

    Attributes
    ----------
    rows, columns, zone : numpy.ndarray
        Where they lie, shape (n,).
    weight : numpy.ndarray
        km2 that each stands for.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    zone: NDArray[np.int64]
    weight: FloatArray


def run_chain(design: Design, layers: Mapping[str, xr.DataArray]) -> Components:
    """Return the components that the chain of a region gives, from labelled layers with ``land_cover`` as codes.

    What the chain says of cells held at a limit is not repeated: a study that runs it says so.
    """
    from carbondrivers.nep_models.chains_casa_gsmsr import nep_casa_gsmsr
    from carbondrivers.nep_models.chains_nirv_tec import nep_nirv_tec

    names = ["ndvi_monthly", "radiation_monthly", "temperature_monthly", "precipitation_monthly"]
    names += ["nir_monthly", "lai_monthly"] if design.model == "nirv_tec" else ["clumping_monthly"]
    given: dict[str, Any] = {name: layers[name].astype(np.float64) for name in [*names, "soil_carbon"]}
    codes = layers["land_cover"]
    given |= {"land_cover": codes.where(codes >= 0), "classes": design.classes}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CarbonDriversWarning)
        if design.model == "nirv_tec":
            return nep_nirv_tec(**given, c=dict(design.c))
        return nep_casa_gsmsr(**given, scheme="II", limits="published")


def green(
    rng: np.random.Generator, design: Design, place: Place, world: World, noise: MonthlyArray, years: NDArray[np.int64]
) -> tuple[World, FloatArray]:
    """Return the world with the vegetation and soil that meet the means, and the planted greening.

    Parameters
    ----------
    rng
        Source of the pattern of greening.
    design, place, world
        The region.
    noise
        Of the vegetation index.
    years
        Calendar years.

    Returns
    -------
    world : World
        With vegetation and soil carbon changed.
    greening : numpy.ndarray
        Rate of change of the growth, a-1 of its mean, (y, x).
    """
    pattern = 1.0 + 0.6 * standardise(gaussian_field(rng, place.land.shape, 0.3 * min(place.land.shape)), place.land.valid)
    tuner = _Tuner(design, place, world, noise, years)
    gains, soils = tuner.means()
    rate = tuner.rate(gains, soils, pattern)
    time = (years - years.mean())[:, None, None]
    gain = gains[place.zone, _positions(design)[np.maximum(world.cover, 0)]] * (1.0 + rate * pattern * time)
    vegetation = vegetation_of(
        world.climate, world.energy.pet, world.cover, noise, optics=optics_of(design), gain=gain.astype(np.float32)
    )
    factor = soils[place.zone]
    old = world.soil
    soil = replace(
        old,
        organic_carbon=old.organic_carbon * factor,
        nitrogen=old.nitrogen * factor,
        carbon_density=old.carbon_density * factor,
    )
    return replace(world, vegetation=vegetation, soil=soil), rate * pattern


class _Tuner:
    """The chain on some cells, as a function of the factors."""

    def __init__(self, design: Design, place: Place, world: World, noise: MonthlyArray, years: NDArray[np.int64]) -> None:
        self.design, self.place, self.world, self.years = design, place, world, years
        self.position = _positions(design)
        self.cells = _chosen(design, place, world)
        rows, columns = self.cells.rows, self.cells.columns
        self.cover = world.cover[:, rows, columns]
        self.classes = self.position[self.cover]
        self.climate = months_of(world.climate, rows, columns)
        self.pet = world.energy.pet[:, :, rows, columns]
        self.noise = noise[:, :, rows, columns]
        self.soil = world.soil.carbon_density[rows, columns]
        self.fixed = {
            "temperature_monthly": self._months(self.climate.temperature),
            "precipitation_monthly": self._months(self.climate.precipitation),
            "radiation_monthly": self._months(world.energy.radiation[:, :, rows, columns]),
            "land_cover": xr.DataArray(self.cover, {"year": years}, ("year", "cell")),
        }

    def _months(self, values: MonthlyArray) -> xr.DataArray:
        time = np.arange(f"{self.years[0]}-01", f"{self.years[-1] + 1}-01", dtype="datetime64[M]").astype("datetime64[ns]")
        return xr.DataArray(values.reshape(-1, values.shape[-1]), {"time": time}, ("time", "cell"))

    def run(self, gains: FloatArray, soils: FloatArray, greening: FloatArray | float = 0.0) -> Components:
        """Return the components of the cells, by the factors of classes (zones, classes) and of soils (zones,)."""
        time = (self.years - self.years.mean())[:, None]
        gain = gains[self.cells.zone, self.classes] * (1.0 + greening * time)
        leaves = vegetation_of(
            self.climate, self.pet, self.cover, self.noise, optics=optics_of(self.design), gain=gain.astype(np.float32)
        )
        layers = self.fixed | {
            f"{name}_monthly": self._months(getattr(leaves, name)) for name in ("ndvi", "nir", "lai", "clumping")
        }
        layers["soil_carbon"] = xr.DataArray(self.soil * soils[self.cells.zone], dims="cell")
        return run_chain(self.design, layers)

    def means(self) -> tuple[FloatArray, FloatArray]:
        """Return the factors that meet the wanted means: of classes in zones, and of soils in zones."""
        wanted, areas = wanted_means(self.design, self.place, self.world)
        rh = np.array([zone.rh for zone in self.design.zones])
        n = wanted.size

        def evaluate(x: FloatArray) -> FloatArray:
            parts = self.run(x[:n].reshape(wanted.shape), x[n:])
            answer, breath = (parts[name].to_numpy() for name in (self.design.solves, "rh"))
            return np.concatenate([self._by_class(answer).ravel(), self._by_zone(breath)])

        low = np.concatenate([np.full(n, LEAST_GAIN), np.full(len(rh), LEAST_SOIL)])
        high = np.concatenate([self._most_gains().ravel(), np.full(len(rh), MOST_SOIL)])
        found, aim = false_position(evaluate, low, high, np.concatenate([wanted.ravel(), rh])), wanted
        for _ in range(CORRECTIONS):
            aim = _handed_on(wanted, aim, evaluate(found)[:n].reshape(wanted.shape), areas)
            near = (np.maximum(low, found / 1.25), np.minimum(high, found * 1.25))
            found = false_position(evaluate, *near, np.concatenate([aim.ravel(), rh]), steps=3)
        return found[:n].reshape(wanted.shape), found[n:]

    def rate(self, gains: FloatArray, soils: FloatArray, pattern: FloatArray) -> float:
        """Return the rate of greening at which the region's mean rises as printed; 0 without such a target."""
        slope = self.design.targets.get("slope")
        if slope is None:
            return 0.0
        here = pattern[self.cells.rows, self.cells.columns]
        rises = [self._slope(self.run(gains, soils, trial * here)["nep"].to_numpy()) for trial in (0.0, TRIAL)]
        return float(TRIAL * (slope - rises[0]) / (rises[1] - rises[0]))

    def _most_gains(self) -> FloatArray:
        """Return the gains at which the index of a class in a zone reaches its top: a season beyond it has no peak month."""
        optics = optics_of(self.design)
        low, high = (optics.of(table, self.cover).astype(np.float64) for table in (optics.dormant, optics.peak))
        wet, demand = self.climate.precipitation.sum(axis=1), self.pet.sum(axis=1)
        room = (TOP - low) / ((high - low) * (wet / (wet + 0.25 * demand)))
        most = self._by_class(room)
        return np.asarray(np.clip(np.nan_to_num(most, nan=1.0), 1.0, MOST_GAIN))

    def _slope(self, nep: FloatArray) -> float:
        series = np.average(nep, axis=1, weights=self.cells.weight)
        return float(np.polyfit(self.years - self.years.mean(), series, 1)[0])

    def _by_class(self, values: FloatArray) -> FloatArray:
        group = self.cells.zone * len(self.design.classes) + self.classes
        size = len(self.design.zones) * len(self.design.classes)
        weight = np.broadcast_to(self.cells.weight, group.shape).ravel()
        total, area = (np.bincount(group.ravel(), w, size) for w in (weight * values.ravel(), weight))
        return np.asarray(np.where(area > 0, total / np.where(area > 0, area, 1.0), np.nan)).reshape(
            -1, len(self.design.classes)
        )

    def _by_zone(self, values: FloatArray) -> FloatArray:
        weight = self.cells.weight
        total = np.bincount(self.cells.zone, weight * values.mean(axis=0), len(self.design.zones))
        return np.asarray(total / np.bincount(self.cells.zone, weight, len(self.design.zones)))


def wanted_means(design: Design, place: Place, world: World) -> tuple[FloatArray, FloatArray]:
    """Return wanted mean and area of each class in each sub-region, shape (zones, classes); NaN where it has no pixel."""
    names, position = list(design.classes.values()), _positions(design)
    inside = place.land.valid
    group = place.zone[inside] * len(names) + position[world.cover[:, inside]]
    weight = np.broadcast_to(place.areas[inside], group.shape)
    sums = np.bincount(group.ravel(), weight.ravel(), len(design.zones) * len(names))
    areas = np.asarray(sums, dtype=np.float64).reshape(-1, len(names))
    printed = design.targets["class"]
    columns = np.array([printed.get(name, np.nan) for name in names])
    guess = np.array([printed.get(name, design.prior.get(name, np.nan)) for name in names])
    printed_nep = design.targets.get("nep", {})
    # a printed difference is met better than the two means it is made of
    rows = np.array([zone.rh + printed_nep[zone.name] if zone.name in printed_nep else zone.target for zone in design.zones])
    return np.where(areas > 0, fit_table(areas, guess, rows, columns), np.nan), areas


def _handed_on(wanted: FloatArray, aim: FloatArray, found: FloatArray, areas: FloatArray) -> FloatArray:
    """Return aims by which the classes that light and warmth allow carry what their sub-region lacks of its mean.

    Parameters
    ----------
    wanted, aim, found
        What each class of each sub-region is to have, what was aimed at for it, and what came of it.
    areas
        km2.
    """
    able = (areas > 0) & (np.abs(aim - found) < SATURATED * np.abs(aim))
    lack = np.where(areas > 0, areas * (wanted - found), 0.0).sum(axis=1, keepdims=True)
    room = np.where(able, areas * np.abs(wanted), 0.0).sum(axis=1, keepdims=True)
    return np.asarray(np.where(able & (room > 0), aim + np.abs(wanted) * lack / np.where(room > 0, room, 1.0), aim))


def _positions(design: Design) -> NDArray[np.int64]:
    """Return the place of each code in the list of classes."""
    found = np.zeros(max(design.classes) + 1, dtype=np.int64)
    found[list(design.classes)] = np.arange(len(design.classes))
    return found


def _chosen(design: Design, place: Place, world: World) -> Cells:
    middle = world.cover[len(world.cover) // 2]
    groups = [
        (k, np.argwhere((place.zone == k) & place.land.valid & (middle == code)))
        for k in range(len(design.zones))
        for code in design.classes
    ]
    groups = [(k, found) for k, found in groups if len(found)]
    most = _most_each([len(found) for _, found in groups], BUDGET // (12 * len(world.cover)))
    rows, columns, zones, weights = [], [], [], []
    for k, found in groups:
        some = found[np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(np.intp))]
        rows.append(some[:, 0])
        columns.append(some[:, 1])
        zones.append(np.full(len(some), k))
        # the cells that are there stand for those that are not
        weights.append(place.areas[some[:, 0], some[:, 1]] * (len(found) / len(some)))
    return Cells(*(np.concatenate(parts) for parts in (rows, columns, zones, weights)))


def _most_each(sizes: list[int], budget: int) -> int:
    """Return the most cells that a group may give so that all together give no more than the budget, but 5 at least."""
    most = max(sizes)
    while sum(min(size, most) for size in sizes) > budget and most > 5:
        most = int(0.95 * most)
    return most
