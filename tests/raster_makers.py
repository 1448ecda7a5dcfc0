"""Small raster files that the tests write, and the way they expect a refusal."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import xarray as xr

from carbondrivers.datasets.rasters import read_raster
from carbondrivers.errors import DataError

VALUES = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])


def from_origin(west, north, dx, dy):
    return rasterio.Affine(dx, 0.0, west, 0.0, -dy, north)


def write_tiff(path, data=VALUES, *, crs="EPSG:32650", transform=None, scale=None, offset=None, **profile):
    data = np.asarray(data)
    bands = data[None] if data.ndim == 2 else data
    transform = transform or from_origin(500000.0, 4400000.0, 30.0, 30.0)
    shape = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype}
    with rasterio.open(path, "w", driver="GTiff", crs=crs, transform=transform, **shape, **profile) as file:
        file.write(bands)
        if scale is not None:
            file.scales = [scale] * len(bands)
            file.offsets = [offset or 0.0] * len(bands)


def write_netcdf(path, steps=None, *, name="ndvi", x=("lon", [100.0, 100.5, 101.0]), y=("lat", [40.0, 40.5]), **variables):
    dims, coords = (y[0], x[0]), {y[0]: y[1], x[0]: x[1]}
    data = VALUES
    if steps is not None:
        dims, coords = ("time", *dims), {"time": steps, **coords}
        data = np.stack([VALUES + i / 100 for i in range(len(steps))])
    named = {name: (dims, data), **dict.fromkeys(variables, (dims, data))}
    xr.Dataset(named, coords=coords).to_netcdf(path)


def refuses(tmp_path, source, message, **options):
    with pytest.raises(DataError, match=message) as caught:
        read_raster(tmp_path, source, **{"name": "ndvi", **options})
    assert "\n" not in str(caught.value)
    assert "layer '" in str(caught.value)
