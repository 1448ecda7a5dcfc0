"""Soil of a virtual region: texture, pH, carbon and nitrogen follow climate and terrain; density follows carbon and sand.

Phosphorus and potassium are spatially smooth and independent of everything else by construction: they stand for
drivers that a map can show and that have no effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carbondrivers.datasets.virtual.fields import FloatArray, gaussian_field, standardise
from carbondrivers.datasets.virtual.landscape import PIXEL, Landscape

NULL_RANGE = 35.0 * PIXEL
SOIL_RANGE = 22.0 * PIXEL
TOPSOIL = 0.2
"""Depth of the soil carbon density, m."""
TYPICAL_DENSITY = 1.4
"""Bulk density by which a carbon density becomes a content, g cm-3."""


@dataclass(frozen=True, slots=True, eq=False)
class Soil:
    """Soil properties; float64 arrays of shape (y, x).

    Attributes
    ----------
    organic_carbon, nitrogen, phosphorus, potassium : numpy.ndarray
        g kg-1.
    ph : numpy.ndarray
        Dimensionless.
    sand : numpy.ndarray
        %.
    bulk_density : numpy.ndarray
        g cm-3.
    carbon_density : numpy.ndarray
        Organic carbon of 0-20 cm, kg C m-2.
    """

    organic_carbon: FloatArray
    nitrogen: FloatArray
    phosphorus: FloatArray
    potassium: FloatArray
    ph: FloatArray
    sand: FloatArray
    bulk_density: FloatArray
    carbon_density: FloatArray


def make_soil(
    rng: np.random.Generator,
    land: Landscape,
    temperature: FloatArray,
    precipitation: FloatArray,
    density: FloatArray | None = None,
) -> Soil:
    """Return the soil of a region.

    Parameters
    ----------
    rng
        Source of the noise.
    land
        The ground.
    temperature, precipitation
        Multi-year means, shape (y, x), degC and mm a-1.
    density
        Carbon of 0-20 cm that the soil varies around, kg C m-2, (y, x); by default one content of 12.5 g kg-1.
    """
    own = [standardise(_field(child, land, SOIL_RANGE), land.valid) for child in rng.spawn(4)]
    null = [_field(child, land, NULL_RANGE) for child in rng.spawn(2)]
    warm, wet, steep = (standardise(v, land.valid) for v in (temperature, precipitation, land.slope))
    carbon_z = 0.33 * wet - 0.35 * warm - 0.18 * steep + 0.75 * own[0]
    level = 12.5 if density is None else density / (TYPICAL_DENSITY * TOPSOIL)
    carbon = level * np.exp(0.33 * carbon_z)
    nitrogen = carbon / 11.5 * np.exp(0.22 * own[1])
    ph = 7.7 - 0.30 * wet + 0.10 * warm + 0.50 * own[2]
    sand = 100.0 / (1.0 + np.exp(-(0.1 - 0.30 * wet + 0.20 * steep + 0.55 * own[3])))
    phosphorus, potassium = 0.52 * np.exp(0.20 * null[0]), 19.0 + 1.9 * null[1]
    # organic matter loosens a soil, sand packs it; g kg-1 x g cm-3 x m = kg m-2
    packed = 1.55 - 0.11 * np.log(carbon / 4.0) + 0.0025 * (sand - 50.0)
    return Soil(carbon, nitrogen, phosphorus, potassium, ph, sand, packed, carbon * packed * TOPSOIL)


def _field(rng: np.random.Generator, land: Landscape, correlation_range: float) -> FloatArray:
    return gaussian_field(rng, land.shape, correlation_range, pixel=PIXEL)
