"""From arrays to labelled layers: coordinates, units, names, CRS and the common mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.catalogue import variable
from carbondrivers.datasets.virtual.cover import LEGEND, OUTSIDE
from carbondrivers.datasets.virtual.landscape import Landscape


def describe(name: str) -> tuple[str, str]:
    """Return unit and label of a layer, from the catalogue.

    Parameters
    ----------
    name
        Name of the layer.
    """
    entry = variable(name)
    return entry.unit or "1", entry.label


def to_dataset(
    arrays: Mapping[str, NDArray[Any]],
    land: Landscape,
    leading: Mapping[str, NDArray[Any]],
    notice: str,
    legend: Mapping[int, str] = LEGEND,
) -> xr.Dataset:
    """Return arrays as one data set on the region's grid.

    Parameters
    ----------
    arrays
        Name to array of shape (*leading, y, x); floats become NaN outside the valid pixels, in place.
    land
        The ground.
    leading
        Name and values of the dimension before y and x, if any.
    notice
        Said in the attributes.
    legend
        Land-cover code to class.
    """
    dims = (*leading, "y", "x")
    coords = {**leading, "y": land.y, "x": land.x}
    dataset = xr.Dataset({name: (dims, _masked(array, land)) for name, array in arrays.items()}, coords)
    for name, layer in dataset.data_vars.items():
        units, label = describe(str(name))
        layer.attrs = {"units": units, "long_name": label, "crs": land.crs}
        if layer.dtype == np.int8:
            codes = np.array(list(legend), dtype=np.int8)
            layer.attrs |= {
                "flag_values": codes,
                "flag_meanings": " ".join(legend.values()),
                "_FillValue": layer.dtype.type(OUTSIDE),
            }
    degrees = {"x": ("degrees_east", "longitude"), "y": ("degrees_north", "latitude")}
    for axis in ("x", "y"):
        units, label = degrees[axis] if land.geographic else ("m", f"projected {axis}")
        dataset[axis].attrs = {"units": units, "long_name": label, "crs": land.crs}
    dataset.attrs = {"crs": land.crs, "comment": notice}
    return dataset


def _masked(array: NDArray[Any], land: Landscape) -> NDArray[Any]:
    if np.issubdtype(array.dtype, np.floating):
        array[..., ~land.valid] = np.nan
    return array
