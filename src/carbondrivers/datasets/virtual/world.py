"""The physical parts of a virtual region put together, and laid out as the arrays of its data sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbondrivers.datasets.virtual.climate import Climate, MonthlyArray, make_climate
from carbondrivers.datasets.virtual.cover import LEGEND, make_cover
from carbondrivers.datasets.virtual.energy import Energy, make_energy
from carbondrivers.datasets.virtual.fields import BoolArray, FloatArray
from carbondrivers.datasets.virtual.landscape import Landscape, make_landscape
from carbondrivers.datasets.virtual.people import People, make_people
from carbondrivers.datasets.virtual.planted import DRIVERS
from carbondrivers.datasets.virtual.soil import Soil, make_soil
from carbondrivers.datasets.virtual.vegetation import Vegetation, make_vegetation

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Everything but carbon: ground, climate, energy, soil, people, land cover (years, y, x) and vegetation."""

    land: Landscape
    climate: Climate
    energy: Energy
    soil: Soil
    people: People
    cover: NDArray[np.int8]
    vegetation: Vegetation

    def static(self) -> Arrays:
        """Return the layers without time, each of shape (y, x)."""
        land, soil = self.land, self.soil
        return {
            "elevation": land.elevation,
            "slope": land.slope,
            "aspect": land.aspect,
            "northness": land.northness,
            "soil_organic_carbon": soil.organic_carbon,
            "soil_nitrogen": soil.nitrogen,
            "soil_phosphorus": soil.phosphorus,
            "soil_potassium": soil.potassium,
            "soil_ph": soil.ph,
            "soil_sand": soil.sand,
            "bulk_density": soil.bulk_density,
            "soil_carbon": soil.carbon_density,
        }

    def annual(self) -> Arrays:
        """Return the annual layers, each of shape (years, y, x)."""
        return {
            "temperature": annual_mean(self.climate.temperature),
            "precipitation": annual_sum(self.climate.precipitation),
            "pet": annual_sum(self.energy.pet),
            "radiation": annual_mean(self.energy.radiation),
            "ndvi": annual_mean(self.vegetation.ndvi),
            "nir": annual_mean(self.vegetation.nir),
            "land_cover": self.cover,
            "gdp": self.people.gdp,
            "population": self.people.population,
            "human_footprint": self.people.footprint,
        }

    def monthly(self) -> Arrays:
        """Return the monthly layers, float32, each of shape (years x 12, y, x)."""
        layers = {
            "temperature_monthly": self.climate.temperature,
            "precipitation_monthly": self.climate.precipitation,
            "pet_monthly": self.energy.pet,
            "radiation_monthly": self.energy.radiation,
            "ndvi_monthly": self.vegetation.ndvi,
            "nir_monthly": self.vegetation.nir,
            "lai_monthly": self.vegetation.lai,
            "clumping_monthly": self.vegetation.clumping,
        }
        return {name: layer.reshape(-1, *self.land.shape) for name, layer in layers.items()}


def make_world(rng: np.random.Generator, shape: tuple[int, int], n_years: int) -> World:
    """Make the physical parts of a region, each from its own spawned generator.

    Parameters
    ----------
    rng
        Source of all noise.
    shape
        Rows and columns.
    n_years
        Number of years.
    """
    ground, sky, earth, towns, mosaic, leaves = rng.spawn(6)
    land = make_landscape(ground, shape)
    climate = make_climate(sky, land, n_years)
    energy = make_energy(land, climate)
    warm, wet = annual_mean(climate.temperature).mean(axis=0), annual_sum(climate.precipitation).mean(axis=0)
    soil = make_soil(earth, land, warm, wet)
    people = make_people(towns, land, n_years)
    used = people.footprint.mean(axis=0)
    cover = make_cover(mosaic, land, precipitation=wet, sand=soil.sand, footprint=used, population=people.population)
    vegetation = make_vegetation(leaves, land, climate, energy, cover)
    return World(land, climate, energy, soil, people, cover, vegetation)


def annual_mean(monthly: MonthlyArray) -> FloatArray:
    """Return the mean over axis 1 (months), float64."""
    return np.asarray(monthly.mean(axis=1, dtype=np.float64))


def annual_sum(monthly: MonthlyArray) -> FloatArray:
    """Return the sum over axis 1 (months), float64."""
    return np.asarray(monthly.sum(axis=1, dtype=np.float64))


def over_years(layer: NDArray[Any], valid: BoolArray) -> FloatArray:
    """Return the valid pixels of a layer, averaged over its years if it has any, shape (n,)."""
    pixels = layer[..., valid]
    return np.asarray(pixels.mean(axis=0) if layer.ndim > 2 else pixels, dtype=np.float64)


def driver_frame(layers: Arrays, valid: BoolArray, legend: Mapping[int, str] = LEGEND) -> pd.DataFrame:
    """Return every default driver as a column: multi-year means, land cover of the last year as class names.

    Parameters
    ----------
    layers
        Name to array of shape (y, x) or (years, y, x).
    valid
        Boolean, (y, x); its pixels become the rows.
    legend
        Land-cover code to class.
    """
    classes = [legend[int(code)] for code in layers["land_cover"][-1][valid]]
    return pd.DataFrame({name: classes if name == "land_cover" else over_years(layers[name], valid) for name in DRIVERS})
