"""Carbon plots of a virtual region as a sample, with points made from them and the grids of their drivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from carbondrivers.catalogue import guess
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataError
from carbondrivers.nep_models.carbon_plots import augment_plots

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from carbondrivers.datasets import VirtualRegion
    from carbondrivers.study.inputs import Inputs

ECOSYSTEM, COVER = "ecosystem", "land_cover"
MEASURED = ("npp", "precipitation", "temperature", "elevation")
CARBON = Driver("carbon", "vegetation", "t C ha-1", "Carbon density")


@dataclass(frozen=True, slots=True, eq=False)
class PlotSample:
    """Plots and points made from them.

    Attributes
    ----------
    sample : PixelSample
        Response carbon density, drivers NPP, precipitation, temperature, elevation and ecosystem.
    augmented : numpy.ndarray
        (n,): rows made from a plot.
    sources : numpy.ndarray
        (n,): name of the plot of each row.
    layers : mapping
        Grid of each driver, by year where it has years.
    notes : tuple of str
        What augmentation says.
    """

    sample: PixelSample
    augmented: NDArray[np.bool_]
    sources: NDArray[np.object_]
    layers: dict[str, xr.DataArray]
    notes: tuple[str, ...]


def region_plots(inputs: Inputs, points: int) -> PlotSample:
    """Return the plots of the study's virtual region, and as many random points made from them by the ratio of NPP.

    Raises
    ------
    DataError
        If the study has no virtual region, or the region no plots.
    """
    if inputs.spec.kind != "region" or inputs.region.plots is None:
        raise DataError(
            "plots = true needs a virtual region with plots (study.region = 'ningxia'): give plots as a table instead"
        )
    region, plots = inputs.region, inputs.region.plots
    layers = _layers(region)
    table, notes = plots.assign(augmented=False, source_plot=plots["plot"]), tuple[str, ...]()
    if points:
        found = augment_plots(
            plots,
            _points(layers, plots, points, inputs.seed),
            pools=("biomass",),
            kept=("soil",),
            strata=(ECOSYSTEM,),
            missing="drop",
        )
        table, notes = found.table.assign(carbon=found.table["biomass"] + found.table["soil"]), found.notes
    drivers = [*(_driver(name) for name in MEASURED), Driver(ECOSYSTEM, "vegetation", label="Ecosystem", kind="categorical")]
    sample = PixelSample.from_frame(table, response=CARBON, drivers=drivers, coordinates=("x", "y"), crs=region.crs)
    if sample.n != len(table):
        raise DataError(f"{len(table) - sample.n} plots lack a value of a driver: mend the region's layers")
    return PlotSample(
        sample, table["augmented"].to_numpy(dtype=bool), table["source_plot"].to_numpy(dtype=object), layers, notes
    )


def _driver(name: str) -> Driver:
    known = guess(name)
    return Driver(name, known.category, known.unit, known.label) if known else Driver(name)


def _layers(region: VirtualRegion) -> dict[str, xr.DataArray]:
    layers = {name: region.annual[name] if name in region.annual else region.static[name] for name in MEASURED}
    cover = region.annual[COVER]
    names = dict(zip(cover.attrs["flag_values"], str(cover.attrs["flag_meanings"]).split(), strict=True))
    words = np.array([names.get(code) for code in range(int(max(names)) + 1)] + [None], dtype=object)
    codes = cover.to_numpy().astype(np.int64)
    return layers | {ECOSYSTEM: cover.copy(data=words[np.where(codes >= 0, codes, -1)]).rename(ECOSYSTEM)}


def _points(layers: dict[str, xr.DataArray], plots: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return random cells without a plot, with the mean of their layers and the ecosystem of the last year."""
    means = {name: layers[name].mean("year") if "year" in layers[name].dims else layers[name] for name in MEASURED}
    frame = pd.DataFrame({name: grid.to_series() for name, grid in means.items()})
    frame[ECOSYSTEM] = layers[ECOSYSTEM].isel(year=-1, drop=True).to_series()
    taken = pd.MultiIndex.from_frame(plots[["y", "x"]])
    known = frame.dropna().loc[lambda cells: ~cells.index.isin(taken)].reset_index()
    chosen = np.random.default_rng(seed).choice(len(known), min(count, len(known)), replace=False)
    return known.iloc[np.sort(chosen)].reset_index(drop=True)
