"""A named region put together: its nature, NEP by the chain of its study (or planted), records of towers, plots and sand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.datasets.virtual.carbon import make_carbon
from carbondrivers.datasets.virtual.climate import MonthlyArray
from carbondrivers.datasets.virtual.design import Design, Mode
from carbondrivers.datasets.virtual.fields import FloatArray
from carbondrivers.datasets.virtual.greenness import green, run_chain
from carbondrivers.datasets.virtual.layers import to_dataset
from carbondrivers.datasets.virtual.nature import make_nature
from carbondrivers.datasets.virtual.place import Place, make_place
from carbondrivers.datasets.virtual.planted import Planted, plant
from carbondrivers.datasets.virtual.plots import carbon_density, make_plots
from carbondrivers.datasets.virtual.records import make_records
from carbondrivers.datasets.virtual.targets import Made, target_table
from carbondrivers.datasets.virtual.towers import make_towers, monthly_fluxes
from carbondrivers.datasets.virtual.truth import ProcessTruth
from carbondrivers.datasets.virtual.world import World, driver_frame
from carbondrivers.datasets.virtual.written import heterotrophic, write_nep

ANNUAL_UNIT, RATE_UNIT = "g C m-2 a-2", "a-1"


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """What ``make_named`` makes.

    Attributes
    ----------
    place, world
        The ground, and everything on it.
    nep, npp : numpy.ndarray
        Shape (years, y, x), g C m-2 a-1.
    trend : xarray.DataArray
        What was planted of change, (y, x).
    planted : Planted or None
        In mode ``"planted"``.
    truth : ProcessTruth or None
        In mode ``"process"``.
    targets, towers, plots, records : pandas.DataFrame or None
        As in ``VirtualRegion``.
    """

    place: Place
    world: World
    nep: FloatArray
    npp: FloatArray
    trend: xr.DataArray
    planted: Planted | None = None
    truth: ProcessTruth | None = None
    targets: pd.DataFrame | None = None
    towers: pd.DataFrame | None = None
    plots: pd.DataFrame | None = None
    records: pd.DataFrame | None = None


def make_named(seed: int, design: Design, mode: Mode, shape: tuple[int, int], years: tuple[int, int], notice: str) -> Named:
    """Make a named region.

    Parameters
    ----------
    seed
        Everything follows from it.
    design
        The region.
    mode
        ``"process"`` or ``"planted"``.
    shape, years
        Rows and columns; first and last year.
    notice
        Said in the attributes of layers.

    Raises
    ------
    DataError
        If the shape is too coarse for a sub-region, or, planted, NPP leaves its plausible range.
    """
    ground, nature, causes, fluxes, sites = np.random.default_rng(seed).spawn(5)
    calendar = np.arange(years[0], years[1] + 1)
    place = make_place(ground, design, shape)
    world, noise = make_nature(nature, design, place, len(calendar))
    if mode == "planted":
        return _planted(causes, fluxes, design, place, world)
    if design.solves in ("nep", "npp"):
        return _by_chain(fluxes, sites, design, place, world, noise, calendar, notice)
    return _by_writing(fluxes, sites, design, place, world, calendar)


def _planted(causes: np.random.Generator, fluxes: np.random.Generator, design: Design, place: Place, world: World) -> Named:
    frame = driver_frame(world.static() | world.annual(), place.land.valid, design.classes)
    planted = plant(causes, place.land, frame)
    carbon = make_carbon(fluxes, place.land, world.climate, planted.nep_z)
    trend = _map(carbon.trend, place, ANNUAL_UNIT, "Planted trend of NEP")
    return Named(place, world, carbon.nep, carbon.npp, trend, planted=planted)


def _by_chain(
    fluxes: np.random.Generator, sites: np.random.Generator, design: Design, place: Place, world: World,
    noise: MonthlyArray, years: NDArray[np.int64], notice: str,
) -> Named:  # fmt: skip
    world, greening = green(fluxes, design, place, world, noise, years)
    valid = place.land.valid
    layers = _layers(design, place, world, years, notice)
    components = run_chain(design, layers)
    months = layers["ndvi_monthly"]["time"].to_numpy()
    annual = {name: grid.to_numpy() for name, grid in components.items() if not name.endswith("_monthly")}
    monthly = {name.removesuffix("_monthly"): grid.to_numpy() for name, grid in components.items() if name.endswith("_monthly")}
    towers = make_towers(sites, design, place, world, monthly_fluxes(design, world, annual, monthly), months)
    rate = np.where(valid, greening, np.nan)
    trend = _map(rate, place, RATE_UNIT, "Planted greening, a share of the mean growth")
    return Named(
        place, world, annual["nep"], annual["npp"], trend,
        truth=ProcessTruth(model=design.model, gpp_slope=dict(design.c), trend=trend),
        targets=target_table(design, place, world, Made(annual)), towers=towers,
    )  # fmt: skip


def _by_writing(
    fluxes: np.random.Generator,
    sites: np.random.Generator,
    design: Design,
    place: Place,
    world: World,
    years: NDArray[np.int64],
) -> Named:
    written = write_nep(fluxes, design, place, world, years)
    tower_noise, plot_noise, record_noise = sites.spawn(3)
    trend = _map(written.trend, place, ANNUAL_UNIT, "Planted trend of NEP")
    coefficients: dict[str, float] = {}
    annual = {"nep": written.nep, "npp": written.npp, "rh": heterotrophic(world, years)}
    towers = plots = records = density = None
    if design.records:
        records, coefficients = make_records(record_noise, design, int(years[len(years) // 2]))
    else:
        months = np.arange(f"{years[0]}-01", f"{years[-1] + 1}-01", dtype="datetime64[M]").astype("datetime64[ns]")
        towers = make_towers(tower_noise, design, place, world, monthly_fluxes(design, world, annual, {}), months)
    if design.density:
        storage = carbon_density(design, place, world, written.nep, written.npp)
        density, coefficients = storage.density, storage.effects
        plots = make_plots(plot_noise, design, place, world, storage, written.npp)
    return Named(
        place, world, written.nep, written.npp, trend,
        truth=ProcessTruth(model=design.model, gpp_slope=dict(design.c), trend=trend, coefficients=coefficients),
        targets=target_table(design, place, world, Made(annual, density, records)), towers=towers, plots=plots, records=records,
    )  # fmt: skip


def _layers(design: Design, place: Place, world: World, years: NDArray[np.int64], notice: str) -> Mapping[str, xr.DataArray]:
    """Return the layers that a chain takes, as the region will show them."""
    months = np.arange(f"{years[0]}-01", f"{years[-1] + 1}-01", dtype="datetime64[M]").astype("datetime64[ns]")
    monthly = to_dataset(world.monthly(), place.land, {"time": months}, notice, design.classes)
    static = to_dataset({"soil_carbon": world.soil.carbon_density}, place.land, {}, notice, design.classes)
    annual = to_dataset({"land_cover": world.cover}, place.land, {"year": years}, notice, design.classes)
    return {str(name): layer for part in (monthly, static, annual) for name, layer in part.items()}


def _map(values: FloatArray, place: Place, units: str, label: str) -> xr.DataArray:
    grid = xr.DataArray(values, coords={"y": place.land.y, "x": place.land.x}, dims=("y", "x"), name="trend")
    grid.attrs = {"units": units, "long_name": label, "crs": place.land.crs}
    return grid
