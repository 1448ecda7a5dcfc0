"""Step ``geodetector_grids``: the geodetector of whole grids, block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.attribution.geodetector_grids import detect_grids
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.strata import StrataMethod, breaks
from carbondrivers.datasets.grids import cell_areas, is_geographic
from carbondrivers.errors import DataError
from carbondrivers.study.class_grids import class_grid, measured_grid, one_a_cell
from carbondrivers.study.draw import on_its_scale
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import NAMES_DRIVERS, Step, StepOptions, register_step

if TYPE_CHECKING:
    import xarray as xr


class GeodetectorGridsOptions(StepOptions):
    """Options of the geodetector of whole grids."""

    drivers: tuple[str, ...] | None = Field(None, min_length=1, description="drivers to judge; all by default",
                                            json_schema_extra=NAMES_DRIVERS)  # fmt: skip
    method: StrataMethod = Field("quantile", description="how the borders of continuous drivers are found in the sample")
    classes: int = Field(6, ge=2, le=50, description="number of strata of a continuous driver")
    weights: Literal["area", "none"] = Field(
        "area", description="weight of a cell: its area (cells of degrees shrink towards the poles), or none"
    )
    risk_test: Literal["welch", "games_howell"] = Field("welch", description="test of two strata's means")
    adjust: Literal["bh", "holm"] = Field("bh", description="adjustment for many tests: Benjamini-Hochberg or Holm")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    replicates: int = Field(1000, ge=100, le=100_000, description="number of resamples of blocks")


def _run(inputs: Inputs, options: GeodetectorGridsOptions, results: Mapping[str, Result]) -> GeodetectorResult:
    sample = inputs.sample
    response = inputs.mean_map if inputs.stack is None else inputs.stack
    grids, names, borders = {}, {}, {}
    for driver in sample.drivers:
        if options.drivers is not None and driver.name not in options.drivers:
            continue
        if driver.kind == "categorical":
            codes, names[driver.name] = class_grid(inputs, driver.name)
            grids[driver.name] = one_a_cell(codes, "last_year")
        else:
            grids[driver.name] = _measured(inputs, driver.name)
            values = sample.frame[driver.name].to_numpy(dtype=np.float64)
            borders[driver.name] = breaks(values, options.method, options.classes)
    area = options.weights == "area" and is_geographic(response)
    found = detect_grids(
        response, grids, names=names, borders={d: b.tolist() for d, b in borders.items()},
        weights=cell_areas(response) if area else None, risk_test=options.risk_test, adjust=options.adjust,
        confidence=options.confidence, replicates=options.replicates, seed=inputs.seed,
    )  # fmt: skip
    cut = {"method": options.method, "classes": options.classes, "cut": "sample"} if borders else {}
    variables = sample.variables()
    kept = variables.loc[variables["name"].isin([*grids, sample.response.name])].reset_index(drop=True)
    return replace(found, parameters={**found.parameters, **cut}, variables=kept)


def _measured(inputs: Inputs, name: str) -> xr.DataArray:
    """Return a continuous driver as the sample has it: mean over the years, on the scale that the study asks for."""
    grid = measured_grid(inputs, name)
    over = [d for d in grid.dims if d not in ("y", "x")]
    mean = grid.astype("float64").mean(over, keep_attrs=True) if over else grid
    given = inputs.spec.drivers.get(name)
    scaled: xr.DataArray = mean if given is None else on_its_scale(mean, given.transform)
    if not scaled.size:
        raise DataError(f"the grid of {name!r} is empty: check the region and the years")
    return scaled


register_step(
    Step(
        "geodetector_grids", "Geodetector of whole grids", GeodetectorGridsOptions, "map", (), ("geodetector_grids",), _run,
        seeded=True, order=52,
    )
)  # fmt: skip
