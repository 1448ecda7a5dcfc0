"""Planted mode: multi-year mean NEP written by a structural causal model on standardised drivers.

    NEP_z = sum_j b_j z_j + g w + e,     w the standardised, centred product of two drivers' z,

with a land-cover term through its class score and a spatially autocorrelated residual e of a set range and share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from carbondrivers.datasets.virtual.fields import FloatArray, gaussian_field, standardise
from carbondrivers.datasets.virtual.landscape import PIXEL, Landscape
from carbondrivers.datasets.virtual.truth import RESPONSE

DIRECT: Mapping[str, float] = {
    "precipitation": 0.75,
    "temperature": 0.12,
    "pet": -0.14,
    "slope": -0.05,
    "soil_organic_carbon": 0.17,
    "soil_nitrogen": 0.08,
    "soil_ph": -0.06,
    "land_cover": 0.22,
    "human_footprint": -0.08,
}
"""Direct effects before the response is scaled to variance one."""
PARENTS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("elevation",),
    "precipitation": ("elevation",),
    "pet": ("temperature", "precipitation", "northness"),
    "soil_organic_carbon": ("temperature", "precipitation", "slope"),
    "soil_nitrogen": ("soil_organic_carbon",),
    "soil_ph": ("temperature", "precipitation"),
    "gdp": ("elevation", "slope"),
    "human_footprint": ("elevation", "slope", "gdp"),
    "land_cover": ("elevation", "slope", "precipitation", "human_footprint"),
}
"""The graph between drivers; drivers that are not listed have no parents."""
NULL_DRIVERS = ("soil_phosphorus", "soil_potassium")
INTERACTION = ("precipitation", "soil_organic_carbon")
INTERACTION_EFFECT = 0.24
CLASS_SCORES: Mapping[str, float] = {
    "forest": 1.0,
    "grassland": 0.35,
    "cropland": 0.1,
    "water": -0.6,
    "barren": -1.0,
    "impervious": -1.3,
    "evergreen_broadleaf": 1.2,
    "evergreen_needleleaf": 1.0,
    "deciduous_broadleaf": 0.95,
    "mixed_forest": 1.0,
    "deciduous_needleleaf": 0.8,
    "shrubland": 0.5,
}
DRIVERS = (
    "precipitation", "temperature", "pet", "elevation", "slope", "northness", "soil_organic_carbon", "soil_nitrogen",
    "soil_phosphorus", "soil_potassium", "soil_ph", "land_cover", "gdp", "human_footprint",
)  # fmt: skip
RESIDUAL_RANGE = 15.0 * PIXEL
RESIDUAL_SHARE = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """Standardised mean NEP and the coefficients that wrote it.

    Attributes
    ----------
    nep_z : numpy.ndarray
        Shape (n,), mean 0 and variance 1 over the valid pixels.
    edges : dict
        (source, target) to standardised coefficient.
    interaction : float
        Coefficient of the interaction's product.
    """

    nep_z: FloatArray
    edges: dict[tuple[str, str], float]
    interaction: float


def plant(rng: np.random.Generator, land: Landscape, frame: pd.DataFrame) -> Planted:
    """Write standardised mean NEP from the drivers of a region.

    Parameters
    ----------
    rng
        Source of the residual.
    land
        The ground; its valid pixels are the rows of `frame`, row by row of the grid.
    frame
        Shape (n, drivers): multi-year means, ``land_cover`` as class names.
    """
    z = driver_scores(frame)
    product = standardise(z[INTERACTION[0]] * z[INTERACTION[1]])
    signal = INTERACTION_EFFECT * product
    for driver, effect in DIRECT.items():
        signal = signal + effect * z[driver]
    scale = float(np.sqrt(1.0 - RESIDUAL_SHARE) / signal.std())
    field = gaussian_field(rng, land.shape, RESIDUAL_RANGE, pixel=PIXEL, model="exponential")[land.valid]
    nep_z = scale * (signal - signal.mean()) + np.sqrt(RESIDUAL_SHARE) * _orthogonal(field, signal)
    edges = _projections(z) | {(driver, RESPONSE): scale * effect for driver, effect in DIRECT.items()}
    return Planted(nep_z, edges, scale * INTERACTION_EFFECT)


def driver_scores(frame: pd.DataFrame) -> dict[str, FloatArray]:
    """Return every driver standardised (divisor n); ``land_cover`` by its class score.

    Parameters
    ----------
    frame
        One row a pixel, ``land_cover`` as class names.

    Returns
    -------
    dict
        Driver to array of shape (n,).
    """
    scores: dict[str, FloatArray] = {}
    for name in DRIVERS:
        column = frame[name].map(dict(CLASS_SCORES)) if name == "land_cover" else frame[name]
        scores[name] = standardise(np.asarray(column, dtype=np.float64))
    return scores


def _projections(z: Mapping[str, FloatArray]) -> dict[tuple[str, str], float]:
    edges: dict[tuple[str, str], float] = {}
    for child, parents in PARENTS.items():
        design = np.column_stack([z[parent] for parent in parents])
        estimates = np.linalg.lstsq(design, z[child], rcond=None)[0]
        edges |= {(parent, child): float(b) for parent, b in zip(parents, estimates, strict=True)}
    return edges


def _orthogonal(field: FloatArray, signal: FloatArray) -> FloatArray:
    unit = standardise(signal)
    return standardise(field - float(np.mean(field * unit)) * unit)
