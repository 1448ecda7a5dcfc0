"""Rasters at the door: GeoTIFF and series of files become one kind of grid, lazy, clean and right."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from carbondrivers.datasets import blocks
from carbondrivers.datasets.rasters import read_raster, read_rasters

from .raster_makers import VALUES, refuses, write_netcdf, write_tiff


def test_geotiff_is_lazy_clean_and_right(tmp_path):
    write_tiff(tmp_path / "a.tif", VALUES.astype(np.float32))
    layer = read_raster(tmp_path, "a.tif", name="ndvi")
    assert layer.chunks is not None
    assert (layer.dims, layer.dtype, layer.name) == (("y", "x"), np.float32, "ndvi")
    assert layer.encoding == {}
    assert set(layer.coords) == {"x", "y"}
    assert layer["x"].to_numpy().tolist() == [500015.0, 500045.0, 500075.0]
    assert layer["y"].to_numpy().tolist() == [4399985.0, 4399955.0]
    assert {k: layer.attrs[k] for k in ("units", "long_name", "crs", "resolution")} == {
        "units": "1", "long_name": "NDVI", "crs": "EPSG:32650", "resolution": (30.0, 30.0),
    }  # fmt: skip
    np.testing.assert_allclose(layer, VALUES, rtol=1e-6)


def test_whole_numbers_become_floats(tmp_path):
    write_tiff(tmp_path / "small.tif", np.array([[1, 2]], dtype=np.uint8))
    write_tiff(tmp_path / "large.tif", np.array([[1, 16777217]], dtype=np.int32))
    assert read_raster(tmp_path, "small.tif", name="class", kind="categorical").dtype == np.float32
    large = read_raster(tmp_path, "large.tif", name="id", kind="categorical")
    assert large.to_numpy().tolist() == [[1.0, 16777217.0]]


@pytest.mark.parametrize("pattern", ["ndvi_{year}.tif", "{year}/ndvi_{year}.tif"])
def test_series_of_years(tmp_path, pattern):
    for year in (2001, 2002, 2003):
        path = tmp_path / pattern.replace("{year}", str(year))
        path.parent.mkdir(exist_ok=True)
        write_tiff(path, VALUES + (year - 2001) / 10)
    stack = read_raster(tmp_path, pattern, name="ndvi", years=(2002, 2003))
    assert (stack.dims, stack["year"].to_numpy().tolist()) == (("year", "y", "x"), [2002, 2003])
    assert stack["year"].dtype.kind == "i"
    assert len(stack.chunks[0]) == 1
    np.testing.assert_allclose(stack.isel(year=1), VALUES + 0.2)


def test_years_of_a_series_are_found(tmp_path):
    for year in (2001, 2002):
        write_tiff(tmp_path / f"ndvi_{year}.tif")
    assert read_raster(tmp_path, "ndvi_{year}.tif", name="ndvi").sizes["year"] == 2


def test_series_of_months(tmp_path):
    for month in range(1, 13):
        write_tiff(tmp_path / f"t_2001{month:02d}.tif", VALUES * month)
    stack = read_raster(tmp_path, "t_{year}{month:02d}.tif", name="temperature_monthly", years=(2001, 2001))
    assert stack.dims == ("time", "y", "x")
    assert pd.DatetimeIndex(stack["time"].to_numpy())[[0, -1]].strftime("%Y-%m-%d").tolist() == [
        "2001-01-01",
        "2001-12-01",
    ]
    np.testing.assert_allclose(stack.isel(time=11), VALUES * 12)


def test_bands_as_years_and_as_months(tmp_path):
    bands = np.stack([VALUES + i / 100 for i in range(12)])
    write_tiff(tmp_path / "stack.tif", bands)
    assert read_raster(tmp_path, "stack.tif", name="ndvi", years=(2001, 2012)).sizes["year"] == 12
    for year in (2001, 2002):
        write_tiff(tmp_path / f"m_{year}.tif", bands)
    monthly = read_raster(tmp_path, "m_{year}.tif", name="ndvi", years=(2001, 2002))
    assert (monthly.dims[0], monthly.sizes["time"]) == ("time", 24)
    refuses(tmp_path, "stack.tif", r"has 12 bands; give years")


def test_mask_below_holds_throughout(tmp_path):
    write_tiff(tmp_path / "a.tif", np.array([[[0.0, 0.2]], [[0.09, 0.0]]]))
    layer = read_raster(tmp_path, "a.tif", name="ndvi", years=(2001, 2002), mask_below=0.05)
    assert layer.chunks is not None
    assert np.isnan(layer.to_numpy()[:, 0, 0]).all()
    assert layer.to_numpy()[:, 0, 1].tolist() == [0.2, 0.0]


def test_values_are_checked_in_every_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "CHUNK_VALUES", 64)
    data = np.random.default_rng(1).random((40, 40))
    write_tiff(tmp_path / "a.tif", data, tiled=True, blockxsize=16, blockysize=16)
    layer = read_raster(tmp_path, "a.tif", name="ndvi")
    assert len(layer.chunks[0]) > 1
    np.testing.assert_array_equal(layer, data)
    data[39, 39] = -9999.0
    write_tiff(tmp_path / "b.tif", data)
    refuses(tmp_path, "b.tif", "1 cells hold -9999")


def test_gdal_does_not_print_by_itself(tmp_path, capfd):
    for year in (2001, 2002, 2003):
        write_tiff(tmp_path / f"a_{year}.tif")
        raw = bytearray((tmp_path / f"a_{year}.tif").read_bytes())
        start = int.from_bytes(raw[4:8], "little") + 2
        raw[start : start + 24] = raw[start + 12 : start + 24] + raw[start : start + 12]
        (tmp_path / f"a_{year}.tif").write_bytes(raw)
    with xr.set_options(file_cache_maxsize=1):
        np.testing.assert_allclose(read_raster(tmp_path, "a_{year}.tif", name="ndvi").isel(year=1), VALUES)
    assert capfd.readouterr().err == ""


def test_bands_that_say_their_date(tmp_path):
    bands = np.stack([VALUES + i / 100 for i in range(3)])
    for name, dates in (("years", ["2001", "2003", "2004"]), ("months", ["2001-11", "2001-12", "2002-01"])):
        write_tiff(tmp_path / f"{name}.tif", bands)
        with rasterio.open(tmp_path / f"{name}.tif", "r+") as file:
            file.descriptions = dates
    years = read_raster(tmp_path, "years.tif", name="ndvi")
    assert years["year"].to_numpy().tolist() == [2001, 2003, 2004]
    months = read_raster(tmp_path, "months.tif", name="ndvi")
    assert months["time"].dt.month.to_numpy().tolist() == [11, 12, 1]
    refuses(tmp_path, "years.tif", "the file lacks 2002; add", years=(2001, 2004))


def test_each_band_has_its_own_scale(tmp_path):
    write_tiff(tmp_path / "a.tif", np.full((2, 1, 3), 200, dtype=np.int16))
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.scales, file.offsets = (0.001, 0.002), (0.0, 0.1)
    layer = read_raster(tmp_path, "a.tif", name="ndvi", years=(2001, 2002))
    np.testing.assert_allclose(layer[:, 0, 0], [0.2, 0.5], rtol=1e-6)


def test_years_of_other_packing_are_read_alike(tmp_path):
    write_tiff(tmp_path / "a_2001.tif", np.array([[2000, -1, 4000]], dtype=np.int16), scale=0.0001, nodata=-1)
    write_tiff(tmp_path / "a_2002.tif", np.array([[0.2, np.nan, 0.4]], dtype=np.float32))
    stack = read_raster(tmp_path, "a_{year}.tif", name="ndvi")
    np.testing.assert_allclose(stack[0], stack[1], rtol=1e-6)


def test_cells_under_a_mask_are_missing(tmp_path):
    write_tiff(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.write_mask(np.array([[True, False, True], [True, True, True]]))
    assert np.isnan(read_raster(tmp_path, "a.tif", name="ndvi")).to_numpy().tolist() == [
        [False, True, False],
        [False, False, False],
    ]


def test_a_part_is_read_as_it_lies_in_the_whole(tmp_path):
    rng = np.random.default_rng(3)
    data = rng.random((4, 40, 50))
    write_tiff(tmp_path / "a.tif", data, tiled=True, blockxsize=16, blockysize=16)
    layer = read_raster(tmp_path, "a.tif", name="ndvi", years=(2001, 2004))
    np.testing.assert_array_equal(layer[1:3, 5:30, 7:9], data[1:3, 5:30, 7:9])
    np.testing.assert_array_equal(layer[-1, ::-3, 4], data[-1, ::-3, 4])
    np.testing.assert_array_equal(layer.isel(year=[3, 0], x=[40, 2]), data[[3, 0]][..., [40, 2]])


def test_a_layer_travels_to_another_process(tmp_path):
    write_tiff(tmp_path / "a.tif")
    write_netcdf(tmp_path / "a.nc")
    for name, there in (("a.tif", VALUES), ("a.nc", VALUES[::-1])):
        layer = read_raster(tmp_path, name, name="ndvi")
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer)), there)


def test_one_bad_layer_does_not_cost_the_others(tmp_path):
    write_tiff(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(b"<html>")
    wanted = {"ndvi": {"source": "a.tif"}, "dem": {"source": "b.tif"}, "lai": {"source": "c.tif"}}
    good, problems = read_rasters(tmp_path, wanted)
    assert list(good) == ["ndvi"]
    assert list(problems) == ["dem", "lai"]
    assert "web page" in problems["dem"] and "no such file" in problems["lai"]
    assert all("\n" not in line for line in problems.values())
