"""Step ``carbon_forest``: carbon storage, or another response, by a random forest, with maps by year where grids are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, Strict

from carbondrivers.attribution.carbon_forest import CarbonForestResult, carbon_forest
from carbondrivers.attribution.random_forest import Preset
from carbondrivers.attribution.result import Result
from carbondrivers.errors import OptionError
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.plot_samples import region_plots
from carbondrivers.study.registry import Step, StepOptions, register_step

if TYPE_CHECKING:
    import xarray as xr


class CarbonForestOptions(StepOptions):
    """Options of the forest."""

    preset: Preset = Field("ningxia", description="settings: 100 trees, 20 rows a leaf, depth 10; or those of R's randomForest")
    trees: int | None = Field(None, ge=1, le=10_000, description="number of trees, in place of the preset's")
    mtry: int | None = Field(None, ge=1, description="columns tried at each split; a third of them by default")
    min_leaf: int | None = Field(None, ge=1, description="fewest rows of a leaf")
    min_split: int | None = Field(None, ge=2, description="fewest rows of a node that is split")
    depth: int | None = Field(None, ge=1, description="largest depth of a tree")
    plots: Annotated[bool, Strict()] = Field(
        False, description="take the carbon plots of the virtual region for the sample, in place of the study's response"
    )
    points: int = Field(
        0, ge=0, le=100_000, description="with plots: random points made from plots by the ratio of NPP, to train only"
    )
    maps: Annotated[bool, Strict()] = Field(False, description="map the response from the grids of the drivers, year by year")
    n: int = Field(10, ge=2, le=100, description="number of folds")
    size: float | Literal["auto"] = Field(
        "auto", description="side of the blocks, km (the coordinates' unit without a crs); by default the practical range of "
        "the residuals of random folds",
    )  # fmt: skip
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    replicates: int = Field(100, ge=100, le=10_000, description="number of refits behind the intervals")


def _run(inputs: Inputs, options: CarbonForestOptions, results: Mapping[str, Result]) -> CarbonForestResult:
    chosen = options.model_dump(exclude={"maps", "plots", "points"})
    if options.points and not options.plots:
        raise OptionError("points are made from plots: set plots = true, or take points out")
    if not options.plots:
        layers = driver_layers(inputs) if options.maps else None
        return carbon_forest(inputs.sample, layers=layers, seed=inputs.seed, **chosen)
    found = region_plots(inputs, options.points)
    if options.points:
        chosen |= {"augmented": found.augmented, "sources": found.sources}
    result = carbon_forest(found.sample, layers=found.layers if options.maps else None, seed=inputs.seed, **chosen)
    said = (f"{note[:1].upper()}{note[1:]}." for note in found.notes)
    return replace(result, notes=(*result.notes, *said))


def driver_layers(inputs: Inputs) -> dict[str, xr.DataArray]:
    """Return a grid of every driver, with years where it has them; of a virtual region, or of rasters."""
    found: dict[str, xr.DataArray] = {}
    for driver in inputs.driver_variables():
        if inputs.spec.kind == "region":
            part = next(part for part in (inputs.region.annual, inputs.region.static) if driver.name in part)
            found[driver.name] = part[driver.name]
        else:
            found[driver.name] = inputs.grid(driver.name, driver.kind)
    return found


register_step(
    Step(
        "carbon_forest", "Random forest of carbon storage", CarbonForestOptions, "sample", (), ("carbon_forest",), _run,
        order=62, seeded=True,
    )
)  # fmt: skip
