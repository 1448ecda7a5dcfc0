"""A virtual region: grids that look and read like real ones, whose causes are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.catalogue import variable
from carbondrivers.datasets.sample import Driver
from carbondrivers.datasets.virtual.carbon import make_carbon
from carbondrivers.datasets.virtual.cover import LEGEND
from carbondrivers.datasets.virtual.design import (
    DEMO,
    DEMO_SHAPE,
    NAMES,
    Design,
    Mode,
    default_years,
    design_of,
    gpp_slope_of,
    mode_of,
)
from carbondrivers.datasets.virtual.fields import FloatArray
from carbondrivers.datasets.virtual.landscape import CRS
from carbondrivers.datasets.virtual.layers import to_dataset
from carbondrivers.datasets.virtual.named import make_named
from carbondrivers.datasets.virtual.place import shape_at
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
from carbondrivers.datasets.virtual.truth import ProcessTruth, Truth, edge_table, effect_table, path_table
from carbondrivers.datasets.virtual.world import World, driver_frame, make_world, over_years
from carbondrivers.datasets.virtual.zones import make_zones
from carbondrivers.errors import DataError, OptionError, choose

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
    truth : Truth or ProcessTruth
        What was planted; of a region in mode ``"process"`` what is known of its processes.
    crs : str
        Coordinate reference system of every layer.
    notice : str
        A sentence that says what these data are.
    mode : str
        ``"planted"`` or ``"process"``.
    targets : pandas.DataFrame or None
        What the study of a named region printed, beside what this one made: quantity, of, unit, target, made, difference
        (relative). None in mode ``"planted"``.
    target_notes : tuple of str
        Where prints contradict each other, and what was taken.
    towers : pandas.DataFrame or None
        Months of virtual flux towers with error, of a region in mode ``"process"``; see ``towers.make_towers``.
    plots : pandas.DataFrame or None
        Virtual carbon plots (Ningxia); see ``plots.make_plots``.
    records : pandas.DataFrame or None
        Virtual half-hourly records of sand (Taklimakan); see ``records.make_records``.
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
    truth: Truth | ProcessTruth
    crs: str = CRS
    notice: str = NOTICE
    mode: Mode = "planted"
    targets: pd.DataFrame | None = None
    target_notes: tuple[str, ...] = ()
    towers: pd.DataFrame | None = None
    plots: pd.DataFrame | None = None
    records: pd.DataFrame | None = None
    virtual: ClassVar[bool] = True

    def sample_frame(self) -> pd.DataFrame:
        """Return the pixel table: one row a valid pixel, row by row of the grid from the north-west.

        Returns
        -------
        pandas.DataFrame
            x, y (unit of the CRS), nep and every default driver as multi-year means; land_cover as class of the last year.
        """
        valid = np.isfinite(self.static["elevation"].to_numpy())
        rows, columns = np.nonzero(valid)
        layers = {str(name): layer.to_numpy() for part in (self.static, self.annual) for name, layer in part.items()}
        frame = driver_frame(layers, valid, self.legend)
        frame.insert(0, "x", self.static["x"].to_numpy()[columns])
        frame.insert(1, "y", self.static["y"].to_numpy()[rows])
        frame.insert(2, "nep", over_years(layers["nep"], valid))
        return frame


def virtual_region(
    name: str = DEMO,
    *,
    seed: int = 20260118,
    mode: Mode | None = None,
    shape: tuple[int, int] | None = None,
    resolution: float | None = None,
    years: tuple[int, int] | None = None,
) -> VirtualRegion:
    """Make a virtual region: a landscape, its climate, soil, people, cover, vegetation, and NEP.

    Parameters
    ----------
    name
        ``"demo"``, whose mean NEP follows a structural causal model in which precipitation is the strongest driver; or a
        region with area, period and sub-regions of a study, which meets the regional and class means that the study printed:
        ``"northwest_china"``, ``"horqin"``, ``"ningxia"``, ``"taklimakan"``, ``"china"``.
    seed
        A whole number from 0 up; the same seed gives the same bytes.
    mode
        ``"process"`` (named regions by default): NEP that meets the printed means, in Northwest China and China by the chain of
        the study on greenness fitted to them, in Horqin and Ningxia written by class with NPP = NEP + Rh, in the Taklimakan
        written; ``"planted"``: NEP by the structural causal model (the demo always).
    shape
        Rows and columns, at least 24 each; (120, 160) pixels of 1 km in the demo, else coarse by default, finer as asked for:
        a named region keeps its area.
    resolution
        Edge of a pixel of a named region in place of its shape, about: in metres, or in degrees (China).
    years
        First and last year, at least 5 years; those of the study by default.

    Raises
    ------
    OptionError
        If the name or mode is unknown, or the seed, the shape, the resolution or the years are out of range.
    DataError
        If a seed gives a region with NPP outside its plausible range, or the shape is too coarse for a sub-region.

    Examples
    --------
    >>> region = virtual_region("demo", seed=1, shape=(30, 40), years=(2000, 2005))
    >>> region.annual["nep"].shape, region.virtual
    ((6, 30, 40), True)
    >>> horqin = virtual_region("horqin", seed=1, shape=(30, 40), years=(2000, 2005))
    >>> printed = horqin.targets.set_index("of").loc["barren"].iloc[0]
    >>> float(printed["target"]), bool(abs(printed["difference"]) < 0.1)
    (-60.34, True)
    """
    choose(name, NAMES, "name of the virtual region")
    mode = mode_of(name, mode)
    years = default_years(name) if years is None else years
    if name == DEMO:
        if resolution is not None:
            raise OptionError("the demo region has pixels of 1 km: give shape to make it larger or smaller")
        shape = DEMO_SHAPE if shape is None else shape
        _check_options(seed, shape, years)
        return _demo(seed, shape, years)
    shape = _shape(design_of(name), shape, resolution)
    _check_options(seed, shape, years)
    return _named(design_of(name), seed, mode, shape, years)


def _demo(seed: int, shape: tuple[int, int], years: tuple[int, int]) -> VirtualRegion:
    nature, causes, fluxes, borders = np.random.default_rng(seed).spawn(4)
    world = make_world(nature, shape, years[1] - years[0] + 1)
    planted = plant(causes, world.land, driver_frame(world.static() | world.annual(), world.land.valid))
    carbon = make_carbon(fluxes, world.land, world.climate, planted.nep_z)
    trend = xr.DataArray(carbon.trend, coords={"y": world.land.y, "x": world.land.x}, dims=("y", "x"), name="trend")
    trend.attrs = {"units": "g C m-2 a-2", "long_name": "Planted trend of NEP", "crs": CRS}
    return VirtualRegion(
        name=DEMO, seed=int(seed), **_data(world, carbon.nep, carbon.npp, years, LEGEND),
        regions=make_zones(borders, world.land), gpp_slope=gpp_slope_of(DEMO), truth=_truth(planted, trend, LEGEND),
    )  # fmt: skip


def _named(design: Design, seed: int, mode: Mode, shape: tuple[int, int], years: tuple[int, int]) -> VirtualRegion:
    made = make_named(seed, design, mode, shape, years, NOTICE)
    truth = made.truth if made.planted is None else _truth(made.planted, made.trend, design.classes)
    if truth is None:
        raise DataError("a named region was made without a truth")
    return VirtualRegion(
        name=design.name, seed=int(seed), **_data(made.world, made.nep, made.npp, years, design.classes),
        regions=made.place.regions, gpp_slope=gpp_slope_of(design.name), truth=truth, crs=design.crs, mode=mode,
        targets=made.targets, target_notes=design.notes if made.targets is not None else (),
        towers=made.towers, plots=made.plots, records=made.records,
    )  # fmt: skip


def _data(world: World, nep: FloatArray, npp: FloatArray, years: tuple[int, int], legend: Mapping[int, str]) -> dict[str, Any]:
    """Return the data sets of a region, its legend and its drivers."""
    year = {"year": np.arange(years[0], years[1] + 1)}
    return {
        "annual": to_dataset({"nep": nep, "npp": npp} | world.annual(), world.land, year, NOTICE, legend),
        "monthly": to_dataset(world.monthly(), world.land, {"time": _months(years)}, NOTICE, legend),
        "static": to_dataset(world.static(), world.land, {}, NOTICE, legend),
        "legend": dict(legend),
        "drivers": tuple(_driver(driver) for driver in DRIVERS),
    }


def _shape(design: Design, shape: tuple[int, int] | None, resolution: float | None) -> tuple[int, int]:
    if resolution is None:
        return design.shape if shape is None else shape
    if shape is not None:
        raise OptionError("give shape or resolution, not both: one follows from the other")
    if not (isinstance(resolution, int | float) and 0.0 < resolution < float("inf")):
        raise OptionError(f"resolution must be above 0, in the unit of {design.crs}, got {resolution!r}")
    return shape_at(design, float(resolution))


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


def _truth(planted: Planted, trend: xr.DataArray, legend: Mapping[int, str]) -> Truth:
    return Truth(
        effects=effect_table(planted.edges, DRIVERS),
        edges=edge_table(planted.edges),
        paths=path_table(planted.edges, DRIVERS),
        interacting_pairs=(INTERACTION,),
        interaction_estimates=(planted.interaction,),
        null_drivers=NULL_DRIVERS,
        class_scores={name: CLASS_SCORES[name] for name in legend.values()},
        residual_range=RESIDUAL_RANGE,
        residual_share=RESIDUAL_SHARE,
        r2=1.0 - RESIDUAL_SHARE,
        trend=trend,
    )
