"""Stacks that a study holds beside its response: drivers by year, layers by month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbondrivers.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

    from carbondrivers.datasets import Driver
    from carbondrivers.study.inputs import Inputs


def driver_stacks(inputs: Inputs) -> dict[str, xr.DataArray]:
    """Return the measured drivers that have one grid a year, by name: their stacks, dims (year, y, x).

    Parameters
    ----------
    inputs
        Of a virtual region, or of rasters.

    Raises
    ------
    DataError
        If no driver has years.
    """
    spec = inputs.spec
    about = {} if spec.kind == "table" else {d.name: d for d in inputs.driver_variables() if d.kind == "continuous"}
    if spec.kind == "region":
        found = {name: inputs.region.annual[name] for name in about if name in inputs.region.annual}
    else:
        # A pattern says what its files are; only a file that holds all years must be looked into.
        yearly = [name for name in about if (layer := spec.layer(name)) and "{month" not in layer.source]
        read = {name: inputs.grid(name) for name in yearly}
        found = {name: stack for name, stack in read.items() if "year" in stack.dims}
    if not found:
        raise DataError(
            "no driver of this study has one grid a year: name a driver's source with {year}, such as "
            "'precipitation_{year}.tif', or a NetCDF file with years"
        )
    return {name: _described(stack, about[name]) for name, stack in found.items()}


def _described(stack: xr.DataArray, driver: Driver) -> xr.DataArray:
    unit = {"units": driver.unit} if driver.unit else {}
    return stack.assign_attrs({"category": driver.category, "long_name": driver.title} | unit)


def month_stack(inputs: Inputs, layer: str | None) -> xr.DataArray:
    """Return a stack of months, dims (time, y, x): the response, or a layer of the study by name.

    Parameters
    ----------
    inputs
        Of a virtual region, or of rasters.
    layer
        Name under ``[layers]``, or of a virtual region's monthly layers; None for the response.

    Raises
    ------
    DataError
        If that layer is not there or holds no months.
    """
    spec = inputs.spec
    region = [str(name) for name in inputs.region.monthly.data_vars] if spec.kind == "region" else []
    held = region or list(spec.layers)
    if layer is None:
        if inputs.stack is not None and "time" in inputs.stack.dims:
            return inputs.stack
        remedy = f"set layer to one that does ({', '.join(held)})" if held else "add a layer that does under [layers]"
        raise DataError(f"the response {spec.response.name!r} holds no months: {remedy}")
    if layer not in held:
        raise DataError(f"there is no layer {layer!r}; this study has {', '.join(held) or 'none: add it under [layers]'}")
    found = inputs.region.monthly[layer] if region else inputs.grid(layer)
    if "time" not in found.dims:
        raise DataError(f"layer {layer!r} holds no months: name its source with {{year}} and {{month:02d}}")
    return found
