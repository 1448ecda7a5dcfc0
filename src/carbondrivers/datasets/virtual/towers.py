"""Virtual flux towers of a named region: months of GPP, ecosystem respiration and NEP at a few of its pixels, with error.

The fluxes are those of the region's own chain at the pixel, so that a calibration at the towers finds the planted slope c.
A tower has an error of its own that stays, and one of each month.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer

from carbondrivers.datasets.virtual.design import Design
from carbondrivers.datasets.virtual.fields import FloatArray
from carbondrivers.datasets.virtual.place import Place
from carbondrivers.datasets.virtual.world import World

PER_CLASS = 3
SITE_ERROR, MONTH_ERROR, LEAST_ERROR = 0.04, 0.08, 2.0
"""Relative standard deviations of a tower and of a month, and the least error of a month, g C m-2 month-1."""
MISSING = 0.05
NPP_OF_GPP = 0.5
"""Where a chain gives NPP and no GPP."""
TOWERLESS = ("impervious",)

Monthly = Mapping[str, FloatArray]


def make_towers(
    rng: np.random.Generator, design: Design, place: Place, world: World, fluxes: Monthly, months: NDArray[np.datetime64]
) -> pd.DataFrame:
    """Return the table of virtual towers, one row a month and tower.

    Parameters
    ----------
    rng
        Source of places and errors.
    design, place, world
        The region.
    fluxes
        ``gpp``, ``er`` and ``nep``, shape (months, y, x), g C m-2 month-1.
    months
        First day of each month.

    Returns
    -------
    pandas.DataFrame
        site, ecosystem, region, x, y, longitude, latitude, time, gpp, er, nep (g C m-2 month-1, NaN where the record has a
        gap; nep = gpp - er) and virtual (always true).
    """
    to_degrees = Transformer.from_crs(design.crs, "EPSG:4326", always_xy=True)
    rows = []
    for code, name in design.classes.items():
        if name in TOWERLESS:
            continue
        places, errors = rng.spawn(2)
        kept = np.argwhere(np.all(world.cover == code, axis=0) & place.land.valid)
        chosen = kept[np.sort(places.choice(len(kept), min(PER_CLASS, len(kept)), replace=False))] if len(kept) else kept
        for number, (row, column) in enumerate(chosen, 1):
            x, y = place.land.x[column], place.land.y[row]
            longitude, latitude = to_degrees.transform(x, y)
            found = _measured(errors, {part: values[:, row, column] for part, values in fluxes.items()})
            zone = design.zones[int(place.zone[row, column])]
            region = zone.label or zone.name
            rows.append(
                pd.DataFrame(
                    {
                        "site": f"virtual {name} {number}", "ecosystem": name, "region": region, "x": x, "y": y,
                        "longitude": longitude, "latitude": latitude, "time": months, **found,
                    }
                )
            )  # fmt: skip
    table = pd.concat(rows, ignore_index=True)
    table["virtual"] = True
    return table


def monthly_fluxes(design: Design, world: World, annual: Monthly, monthly: Monthly) -> dict[str, FloatArray]:
    """Return GPP, ecosystem respiration and NEP of the months, shape (months, y, x), from what a chain gives.

    Parameters
    ----------
    design, world
        The region.
    annual
        Components by year, (years, y, x); those that are there are used.
    monthly
        Components by month without their suffix, (months, y, x).

    Notes
    -----
    Where a chain has no months of a part, that part of the year is shared out: NPP by light and greenness, growth
    respiration by GPP, Rh by temperature (Q10 = 2). Sums over a year are those of the chain.
    """
    warmth = _shares(np.exp(0.0693 * _flat(world.climate.temperature)))
    if design.model == "nirv_tec":
        gpp, rm = monthly["gpp"], monthly["rm"]
        growth = _spread(annual["ra"] - annual["rm"], _shares(np.maximum(gpp, 1e-9)))
        er = rm + growth + _spread(annual["rh"], warmth)
    elif design.model == "casa_gsmsr":
        gpp = monthly["npp"] / NPP_OF_GPP
        er = gpp - monthly["nep"]
    else:
        light = np.maximum(_flat(world.vegetation.ndvi) - 0.1, 0.005) * _flat(world.energy.radiation)
        growing = light / (1.0 + np.exp((5.0 - _flat(world.climate.temperature)) / 2.0))
        npp = _spread(annual["npp"], _shares(growing))
        gpp = npp / NPP_OF_GPP
        er = gpp - npp + _spread(annual["npp"] - annual["nep"], warmth)
    return {"gpp": gpp, "er": er, "nep": gpp - er}


def _measured(rng: np.random.Generator, fluxes: Monthly) -> dict[str, FloatArray]:
    n = len(fluxes["gpp"])
    gap = rng.random(n) < MISSING
    site = 1.0 + SITE_ERROR * rng.standard_normal()
    found = {}
    for part in ("gpp", "er"):
        error = np.hypot(MONTH_ERROR * fluxes[part], LEAST_ERROR) * rng.standard_normal(n)
        found[part] = np.where(gap, np.nan, np.maximum(site * fluxes[part] + error, 0.0))
    return found | {"nep": found["gpp"] - found["er"]}


def _flat(values: NDArray[np.float32]) -> FloatArray:
    return values.reshape(-1, *values.shape[2:]).astype(np.float64)


def _shares(weights: FloatArray) -> FloatArray:
    years = weights.reshape(-1, 12, *weights.shape[1:])
    return np.asarray(years / years.sum(axis=1, keepdims=True)).reshape(weights.shape)


def _spread(annual: FloatArray, shares: FloatArray) -> FloatArray:
    return np.asarray(np.repeat(annual, 12, axis=0) * shares)
