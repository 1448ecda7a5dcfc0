"""A virtual region: grids that look and read like real ones, whose causes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.catalogue import variable
from carbondrivers.datasets.sample import Driver
from carbondrivers.datasets.virtual.carbon import Carbon, make_carbon
from carbondrivers.datasets.virtual.cover import LEGEND
from carbondrivers.datasets.virtual.landscape import CRS, Landscape
from carbondrivers.datasets.virtual.layers import to_dataset
from carbondrivers.datasets.virtual.planted import (
    CLASS_SCORES,
    DRIVERS,
    INTERACTION,
    NULL_DRIVERS,
    RESIDUAL_RANGE,
    RESIDUAL_SHARE,
    Planted,
    plant,
)
from carbondrivers.datasets.virtual.truth import Truth, edge_table, effect_table, path_table
from carbondrivers.datasets.virtual.vegetation import GPP_SLOPE
from carbondrivers.datasets.virtual.world import driver_frame, make_world, over_years
from carbondrivers.datasets.virtual.zones import make_zones
from carbondrivers.errors import OptionError, choose

NAMES = ("demo",)
LEAST_EDGE, LEAST_YEARS = 24, 5
NOTICE = "Virtual data with a known truth, made by carbondrivers from a seed: not real data of any place."


@dataclass(frozen=True, slots=True, eq=False)
class VirtualRegion:
    """A region whose data are made and whose causes are known; made by ``virtual_region``.

    Attributes
    ----------
    name : str
        Name of the region.
    seed : int
        Everything follows from it.
    annual : xarray.Dataset
        (year, y, x): nep, npp (g C m-2 a-1), temperature (degC), precipitation, pet (mm a-1), radiation (MJ m-2 d-1),
        ndvi, nir (means of the year), land_cover (int8 codes, -1 where there is no data), gdp (10^4 CNY km-2),
        population (person km-2), human_footprint.
    monthly : xarray.Dataset
        (time, y, x), float32: temperature_monthly (degC), precipitation_monthly, pet_monthly (mm month-1),
        radiation_monthly (MJ m-2 d-1), ndvi_monthly, nir_monthly, lai_monthly (m2 m-2), clumping_monthly. Annual layers are
        their sums or means.
    static : xarray.Dataset
        (y, x): elevation (m), slope, aspect (degree), northness, soil_organic_carbon, soil_nitrogen, soil_phosphorus,
        soil_potassium (g kg-1), soil_ph, soil_sand (%), bulk_density (g cm-3), soil_carbon (0-20 cm, kg C m-2).
    regions : geopandas.GeoDataFrame
        name, geometry: polygons that tile the study area, the lake included.
    legend : dict
        Land-cover code to class name.
    gpp_slope : dict
        GPP per PAR and soil-adjusted NIRv of each class, g C MJ-1, which a real study has to calibrate.
    drivers : tuple of Driver
        The default drivers. NDVI and NIR are consequences of them, and are not among them.
    truth : Truth
        What was planted.
    crs : str
        Coordinate reference system of every layer.
    notice : str
        A sentence that says what these data are.
    virtual : bool
        Always true.
    """

    name: str
    seed: int
    annual: xr.Dataset
    monthly: xr.Dataset
    static: xr.Dataset
    regions: gpd.GeoDataFrame
    legend: dict[int, str]
    gpp_slope: dict[str, float]
    drivers: tuple[Driver, ...]
    truth: Truth
    crs: str = CRS
    notice: str = NOTICE
    virtual: ClassVar[bool] = True

    def sample_frame(self) -> pd.DataFrame:
        """Return the pixel table: one row a valid pixel, row by row of the grid from the north-west.

        Returns
        -------
        pandas.DataFrame
            x, y (m), nep and every default driver as multi-year means; land_cover as class names of the last year.
        """
        valid = np.isfinite(self.static["elevation"].to_numpy())
        rows, columns = np.nonzero(valid)
        layers = {str(name): layer.to_numpy() for part in (self.static, self.annual) for name, layer in part.items()}
        frame = driver_frame(layers, valid)
        frame.insert(0, "x", self.static["x"].to_numpy()[columns])
        frame.insert(1, "y", self.static["y"].to_numpy()[rows])
        frame.insert(2, "nep", over_years(layers["nep"], valid))
        return frame


def virtual_region(
    name: str = "demo",
    *,
    seed: int = 20260118,
    shape: tuple[int, int] = (120, 160),
    years: tuple[int, int] = (2000, 2020),
) -> VirtualRegion:
    """Make a virtual region: a landscape, its climate, soil, people, cover, vegetation, and NEP with planted causes.

    Parameters
    ----------
    name
        ``"demo"``: mean NEP follows a structural causal model in which precipitation is the strongest driver.
    seed
        A whole number from 0 up; the same seed gives the same bytes.
    shape
        Rows and columns of 1 km pixels, at least 24 each.
    years
        First and last year, at least 5 years.

    Raises
    ------
    OptionError
        If the name is unknown, or the seed, the shape or the years are out of range.
    DataError
        If a seed gives a region with NPP outside its plausible range.

    Examples
    --------
    >>> region = virtual_region("demo", seed=1, shape=(30, 40), years=(2000, 2005))
    >>> region.annual["nep"].shape, region.virtual
    ((6, 30, 40), True)
    """
    choose(name, NAMES, "name of the virtual region")
    _check_options(seed, shape, years)
    nature, causes, fluxes, borders = np.random.default_rng(seed).spawn(4)
    world = make_world(nature, shape, years[1] - years[0] + 1)
    static, annual = world.static(), world.annual()
    planted = plant(causes, world.land, driver_frame(static | annual, world.land.valid))
    carbon = make_carbon(fluxes, world.land, world.climate, planted.nep_z)
    year = {"year": np.arange(years[0], years[1] + 1)}
    return VirtualRegion(
        name=name,
        seed=int(seed),
        annual=to_dataset({"nep": carbon.nep, "npp": carbon.npp} | annual, world.land, year, NOTICE),
        monthly=to_dataset(world.monthly(), world.land, {"time": _months(years)}, NOTICE),
        static=to_dataset(static, world.land, {}, NOTICE),
        regions=make_zones(borders, world.land),
        legend=dict(LEGEND),
        gpp_slope=dict(GPP_SLOPE),
        drivers=tuple(_driver(driver) for driver in DRIVERS),
        truth=_truth(planted, carbon, world.land),
    )


def _check_options(seed: int, shape: tuple[int, int], years: tuple[int, int]) -> None:
    if not _whole((seed,)) or seed < 0:
        raise OptionError(f"seed must be a whole number from 0 up, got {seed!r}")
    if len(shape) != 2 or not _whole(shape) or min(shape) < LEAST_EDGE:
        raise OptionError(f"shape must be (rows, columns) of at least {LEAST_EDGE} pixels each, got {shape!r}")
    if len(years) != 2 or not _whole(years) or years[1] - years[0] + 1 < LEAST_YEARS:
        raise OptionError(f"years must be (first, last), {LEAST_YEARS} years or more, got {years!r}")


def _whole(values: Sequence[object]) -> bool:
    return all(isinstance(value, (int, np.integer)) and not isinstance(value, bool) for value in values)


def _months(years: tuple[int, int]) -> NDArray[np.datetime64]:
    months = np.arange(f"{years[0]:04d}-01", f"{years[1] + 1:04d}-01", dtype="datetime64[M]")
    return months.astype("datetime64[ns]")


def _driver(name: str) -> Driver:
    entry = variable(name)
    return Driver(name, entry.category, entry.unit, entry.label, entry.kind)


def _truth(planted: Planted, carbon: Carbon, land: Landscape) -> Truth:
    trend = xr.DataArray(carbon.trend, coords={"y": land.y, "x": land.x}, dims=("y", "x"), name="trend")
    trend.attrs = {"units": "g C m-2 a-2", "long_name": "Planted trend of NEP", "crs": CRS}
    return Truth(
        effects=effect_table(planted.edges, DRIVERS),
        edges=edge_table(planted.edges),
        paths=path_table(planted.edges, DRIVERS),
        interacting_pairs=(INTERACTION,),
        interaction_estimates=(planted.interaction,),
        null_drivers=NULL_DRIVERS,
        class_scores=dict(CLASS_SCORES),
        residual_range=RESIDUAL_RANGE,
        residual_share=RESIDUAL_SHARE,
        r2=1.0 - RESIDUAL_SHARE,
        trend=trend,
    )
