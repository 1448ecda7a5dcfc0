"""NetCDF, HDF5 and Zarr at the door: axes, time, CRS, packing, and what is refused of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.datasets import blocks, raster_files
from carbondrivers.datasets.rasters import read_raster
from carbondrivers.errors import DataWarning

from .raster_makers import VALUES, refuses, write_netcdf, write_tiff


def test_declared_nodata_of_a_scaled_netcdf(tmp_path):
    dataset = xr.Dataset({"ndvi": (("lat", "lon"), VALUES)}, coords={"lat": [40.0, 40.5], "lon": [100.0, 100.5, 101.0]})
    packed = {"dtype": "int16", "scale_factor": 0.0001, "_FillValue": -1}
    dataset.to_netcdf(tmp_path / "a.nc", encoding={"ndvi": packed})
    layer = read_raster(tmp_path, "a.nc", name="ndvi", nodata=2000)
    assert int(np.isnan(layer).sum()) == 1


def test_south_up_and_0_to_360_are_turned(tmp_path):
    write_netcdf(tmp_path / "a.nc", x=("longitude", [200.0, 200.5, 201.0]), y=("latitude", [40.0, 40.5]))
    with pytest.warns(
        DataWarning, match=r"layer 'ndvi' \(a.nc\) has longitudes from 0 to 360: they were turned to -180 to 180"
    ):
        layer = read_raster(tmp_path, "a.nc", name="ndvi")
    assert layer["x"].to_numpy().tolist() == [-160.0, -159.5, -159.0]
    assert layer["y"].to_numpy().tolist() == [40.5, 40.0]
    np.testing.assert_allclose(layer, VALUES[::-1])


def test_single_precision_coordinates_are_read_as_decimals(tmp_path):
    x = np.round(np.arange(100.025, 100.3, 0.05), 3)
    dataset = xr.Dataset({"ndvi": (("lat", "lon"), np.full((2, x.size), 0.5))})
    dataset = dataset.assign_coords(lat=np.array([40.1, 40.05], np.float32), lon=x.astype(np.float32))
    dataset.to_netcdf(tmp_path / "a.nc")
    assert read_raster(tmp_path, "a.nc", name="ndvi")["x"].to_numpy().tolist() == x.tolist()


def test_netcdf_of_years_months_and_none(tmp_path):
    write_netcdf(tmp_path / "years.nc", pd.date_range("2001-01-01", periods=3, freq="YS"))
    write_netcdf(tmp_path / "months.nc", pd.date_range("2001-01-15", periods=24, freq="30D"))
    write_netcdf(tmp_path / "numbers.nc", [2003, 2002, 2001])
    write_netcdf(tmp_path / "static.nc")
    years = read_raster(tmp_path, "years.nc", name="ndvi", years=(2002, 2003))
    assert years["year"].to_numpy().tolist() == [2002, 2003]
    assert years.attrs["crs"] == "EPSG:4326"
    months = read_raster(tmp_path, "months.nc", name="ndvi")
    assert (pd.DatetimeIndex(months["time"].to_numpy()).day == 1).all()
    numbers = read_raster(tmp_path, "numbers.nc", name="ndvi")
    assert numbers["year"].to_numpy().tolist() == [2001, 2002, 2003]
    np.testing.assert_allclose(numbers.isel(year=2), VALUES[::-1])
    assert read_raster(tmp_path, "static.nc", name="ndvi").dims == ("y", "x")


def test_netcdf_with_another_calendar(tmp_path):
    dataset = xr.Dataset({"ndvi": (("time", "lat", "lon"), np.stack([VALUES] * 12))})
    dataset = dataset.assign_coords(lat=[40.5, 40.0], lon=[100.0, 100.5, 101.0], time=np.arange(15, 375, 30))
    dataset["time"].attrs = {"units": "days since 2001-01-01", "calendar": "360_day"}
    dataset.to_netcdf(tmp_path / "a.nc")
    layer = read_raster(tmp_path, "a.nc", name="ndvi", years=(2001, 2001))
    assert layer.sizes["time"] == 12
    assert layer["time"].dtype.kind == "M"


def test_netcdf_with_a_grid_mapping(tmp_path):
    dataset = xr.Dataset({"ndvi": (("y", "x"), VALUES)}, coords={"y": [60.0, 30.0], "x": [0.0, 30.0, 60.0]})
    dataset.rio.write_crs("EPSG:32650").to_netcdf(tmp_path / "a.nc")
    layer = read_raster(tmp_path, "a.nc", name="ndvi")
    assert layer.attrs["crs"] == "EPSG:32650"
    assert "spatial_ref" not in layer.coords
    dataset.assign_attrs(crs="EPSG:32649").to_netcdf(tmp_path / "b.nc")
    assert read_raster(tmp_path, "b.nc", name="ndvi").attrs["crs"] == "EPSG:32649"


def test_series_of_netcdf_files(tmp_path):
    for year in (2001, 2002):
        write_netcdf(tmp_path / f"m{year}.nc", pd.date_range(f"{year}-01-01", periods=12, freq="MS"))
        write_netcdf(tmp_path / f"y{year}.nc", pd.date_range(f"{year}-07-01", periods=1))
    assert read_raster(tmp_path, "m{year}.nc", name="ndvi", years=(2001, 2002)).sizes["time"] == 24
    assert read_raster(tmp_path, "y{year}.nc", name="ndvi")["year"].to_numpy().tolist() == [2001, 2002]


def test_china_lai(shared_data):
    layer = read_raster(shared_data, "china_modis_lai_0p5deg_2001-2020.nc", name="lai", mask_below=0.05)
    assert dict(layer.sizes) == {"year": 20, "y": 80, "x": 140}
    assert (layer.attrs["units"], layer.attrs["crs"]) == ("m2 m-2", "EPSG:4326")
    valid = int(np.isfinite(layer.isel(year=0)).sum())
    assert valid == int(np.isfinite(layer).all("year").sum()) == 7769
    assert float(layer.max()) < 12


def test_netcdf_refusals(tmp_path):
    write_netcdf(tmp_path / "two.nc", evi=True)
    refuses(tmp_path, "two.nc", r"has 2 variables \(ndvi, evi\); name one as variable")
    refuses(tmp_path, "two.nc", "no gridded variable 'nvdi'. Did you mean 'ndvi'. The file has: ndvi, evi", variable="nvdi")
    assert read_raster(tmp_path, "two.nc", name="ndvi", variable="evi").name == "ndvi"
    write_netcdf(tmp_path / "odd.nc", x=("column", [1, 2, 3]))
    refuses(tmp_path, "odd.nc", "no variable has dimensions lat/lon or y/x")
    write_netcdf(tmp_path / "daily.nc", pd.date_range("2001-01-01", periods=40))
    refuses(tmp_path, "daily.nc", "several time steps a month")
    write_netcdf(tmp_path / "gaps.nc", pd.to_datetime(["2001-01-01", "2003-01-01"]))
    refuses(tmp_path, "gaps.nc", "the file lacks 2002; add", years=(2001, 2003))
    write_netcdf(tmp_path / "steps.nc", [0.5, 1.5])
    refuses(tmp_path, "steps.nc", "neither dates nor years")
    write_netcdf(tmp_path / "irregular.nc", x=("lon", [100.0, 100.5, 102.0]))
    refuses(tmp_path, "irregular.nc", "not a regular grid")
    write_tiff(tmp_path / "a.tif")
    refuses(tmp_path, "a.tif", "a GeoTIFF has no variables", variable="ndvi")


def test_unknown_crs_of_a_netcdf(tmp_path):
    dataset = xr.Dataset({"ndvi": (("y", "x"), VALUES)}, coords={"y": [60.0, 30.0], "x": [0.0, 30.0, 60.0]})
    dataset.assign_attrs(crs="Albers, more or less").to_netcdf(tmp_path / "a.nc")
    refuses(tmp_path, "a.nc", "unknown CRS 'Albers, more or less'")


def test_size_limit_holds_for_netcdf(tmp_path, monkeypatch):
    monkeypatch.setattr(raster_files, "MAX_CELLS", 5)
    write_netcdf(tmp_path / "a.nc")
    refuses(tmp_path, "a.nc", "declares 6 cells, more than 5")


def test_truncated_netcdf(tmp_path):
    rng = np.random.default_rng(1)
    dataset = xr.Dataset({"ndvi": (("lat", "lon"), rng.random((300, 300)))})
    dataset.assign_coords(lat=np.arange(300) / 10, lon=np.arange(300) / 10).to_netcdf(tmp_path / "a.nc")
    whole = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "a.nc").write_bytes(whole[: len(whole) // 2])
    refuses(tmp_path, "a.nc", "truncated or damaged")


def test_text_and_day_counts_of_a_netcdf(tmp_path):
    coords = {"lat": [40.0, 40.5], "lon": [100.0, 100.5, 101.0]}
    xr.Dataset({"name": (("lat", "lon"), np.full((2, 3), "a"))}, coords).to_netcdf(tmp_path / "a.nc")
    refuses(tmp_path, "a.nc", "the cells hold no numbers")
    season = xr.Dataset({"season": (("lat", "lon"), VALUES * 100, {"units": "days"})}, coords)
    season.to_netcdf(tmp_path / "b.nc")
    np.testing.assert_allclose(read_raster(tmp_path, "b.nc", name="season"), VALUES[::-1] * 100)


def _dataset(data=VALUES, **attrs):
    coords = {"lat": [40.5, 40.0], "lon": [100.0, 100.5, 101.0]}
    return xr.Dataset({"ndvi": (("lat", "lon"), data, attrs)}, coords)


def test_a_grid_across_greenwich_is_turned_whole(tmp_path):
    coords = {"lat": [0.25, -0.25], "lon": np.arange(0.25, 360.0, 0.5)}
    values = np.tile(np.arange(720.0), (2, 1)) / 1000.0
    xr.Dataset({"ndvi": (("lat", "lon"), values)}, coords).to_netcdf(tmp_path / "a.nc")
    with pytest.warns(DataWarning, match="from 0 to 360"):
        layer = read_raster(tmp_path, "a.nc", name="ndvi")
    assert layer["x"].to_numpy()[[0, -1]].tolist() == [-179.75, 179.75]
    np.testing.assert_array_equal(layer.sel(x=[-179.75, -0.25, 0.25])[0], [0.36, 0.719, 0.0])


def test_axes_in_any_order_give_the_same_grid(tmp_path):
    steps = [2001, 2002, 2003]
    write_netcdf(tmp_path / "a.nc", steps)
    with xr.open_dataset(tmp_path / "a.nc") as data:
        data.transpose("lon", "time", "lat").to_netcdf(tmp_path / "b.nc")
    one, two = (read_raster(tmp_path, f"{name}.nc", name="ndvi") for name in "ab")
    assert two.dims == ("year", "y", "x")
    np.testing.assert_array_equal(one, two)


def test_axes_known_by_their_attributes_alone(tmp_path):
    dataset = _dataset().rename(lat="north", lon="east")
    dataset["north"].attrs = {"standard_name": "latitude", "units": "degrees_north"}
    dataset["east"].attrs = {"axis": "X", "units": "degrees_east"}
    dataset.to_netcdf(tmp_path / "a.nc")
    layer = read_raster(tmp_path, "a.nc", name="ndvi")
    assert (layer.dims, layer.attrs["crs"]) == (("y", "x"), "EPSG:4326")
    np.testing.assert_array_equal(layer, VALUES)


def test_exchanged_coordinates_are_named_as_such(tmp_path):
    write_netcdf(tmp_path / "a.nc", x=("lon", [40.0, 40.5, 41.0]), y=("lat", [100.0, 100.5]))
    refuses(tmp_path, "a.nc", "coordinates reach y = 100.5, which is no latitude: x and y are exchanged: write longitude as x")


@pytest.mark.parametrize(
    ("stored", "attrs"),
    [
        # CF: the range is in packed units, unless its type is the wider, unpacked one
        (np.array([[0, 5000, 10000], [32766, -3000, 2000]], np.int16), {"valid_range": np.array([0, 10000], np.int16)}),
        (
            np.array([[0, 5000, 10000], [32766, -3000, 2000]], np.int16),
            {"valid_min": np.float64(0), "valid_max": np.float64(1)},
        ),
    ],
)
def test_values_outside_the_valid_range_are_missing(tmp_path, stored, attrs):
    dataset = _dataset(stored, scale_factor=0.0001, **attrs)
    dataset.to_netcdf(tmp_path / "a.nc")
    layer = read_raster(tmp_path, "a.nc", name="ndvi")
    np.testing.assert_allclose(layer, [[0.0, 0.5, 1.0], [np.nan, np.nan, 0.2]], atol=1e-9)


def test_valid_minimum_alone(tmp_path):
    _dataset(np.array([[0.1, -9.0, 0.2], [0.3, 0.4, 0.5]]), valid_min=0.0).to_netcdf(tmp_path / "a.nc")
    assert np.isnan(read_raster(tmp_path, "a.nc", name="ndvi")).sum() == 1


def test_hdf5_written_by_another_library(tmp_path):
    pytest.importorskip("h5py", reason="h5netcdf writes with h5py")
    _dataset().to_netcdf(tmp_path / "a.h5", engine="h5netcdf", encoding={"ndvi": {"zlib": True}})
    np.testing.assert_array_equal(read_raster(tmp_path, "a.h5", name="ndvi"), VALUES)


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_is_read_like_netcdf(tmp_path, version):
    dataset = _dataset(np.array([[0, 5000, 10000], [-1, 3000, 2000]], np.int16), scale_factor=0.0001, _FillValue=np.int16(-1))
    packed = dataset.drop_attrs()
    packed["ndvi"].encoding = {}
    packed["ndvi"] = packed["ndvi"].astype(float).where(packed["ndvi"] >= 0) * 0.0001
    encoding = {"ndvi": {"dtype": "int16", "scale_factor": 0.0001, "_FillValue": -1, "chunks": (1, 2)}}
    packed.to_zarr(tmp_path / "a.zarr", zarr_format=version, consolidated=False, encoding=encoding)
    layer = read_raster(tmp_path, "a.zarr", name="ndvi")
    assert layer.chunks is not None
    np.testing.assert_allclose(layer, [[0.0, 0.5, 1.0], [np.nan, 0.3, 0.2]], atol=1e-9)


def test_zarr_of_years_with_a_pattern(tmp_path):
    for year in (2001, 2002):
        dataset = _dataset(VALUES + (year - 2001) / 10)
        dataset.to_zarr(tmp_path / f"ndvi_{year}.zarr", consolidated=False)
    stack = read_raster(tmp_path, "ndvi_{year}.zarr", name="ndvi")
    assert stack["year"].to_numpy().tolist() == [2001, 2002]
    np.testing.assert_allclose(stack[1], VALUES + 0.1)


def test_zarr_that_would_run_code_is_refused(tmp_path):
    import json

    _dataset().to_zarr(tmp_path / "a.zarr", zarr_format=2, consolidated=False)
    about = tmp_path / "a.zarr" / "ndvi" / ".zarray"
    declared = json.loads(about.read_text())
    about.write_text(
        json.dumps(declared | {"filters": [{"id": "pickle"}], "compressor": None}).replace("pickle", "\\u0070ickle")
    )
    refuses(tmp_path, "a.zarr", "packed with pickle, which can run any code when read")


def test_a_folder_and_a_damaged_store(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    refuses(tmp_path, "a.zarr", "it is a folder, and no Zarr store")
    for text in ("{", "{}", "[]", '{"zarr_format": 3, "node_type": "group"}'):
        (tmp_path / "a.zarr" / "zarr.json").write_text(text)
        refuses(tmp_path, "a.zarr", "cannot be read|no variable has dimensions")


def test_a_store_that_declares_far_more_than_it_holds(tmp_path):
    import zarr

    _dataset().to_zarr(tmp_path / "a.zarr", consolidated=False)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    group.create_array("bomb", shape=(100_000, 100_000), chunks=(100, 100), dtype="f8", dimension_names=["a", "b"])
    refuses(tmp_path, "a.zarr", r"declares 80 GB in a file of 0.00\d+ MB: it is damaged, hostile or empty")


def test_an_axis_without_end_is_refused_before_it_is_read(tmp_path):
    import netCDF4

    write_netcdf(tmp_path / "a.nc")
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as file:
        file.createDimension("z", 20_000_000)
        file.createVariable("z", "i1", ("z",), zlib=True, chunksizes=(1_000_000,))
    refuses(tmp_path, "a.nc", "an axis of 20,000,000 steps is no grid")


def test_whole_planes_in_one_block_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "CHUNK_VALUES", 100)
    coords = {"lat": np.arange(60) / 10, "lon": np.arange(60) / 10}
    grid = xr.Dataset({"ndvi": (("lat", "lon"), np.full((60, 60), 0.5))}, coords)
    grid.to_netcdf(tmp_path / "a.nc", encoding={"ndvi": {"zlib": True, "chunksizes": (60, 60)}})
    with pytest.warns(
        DataWarning, match=r"packed in blocks of 60 by 60 cells, each of which is unpacked 36 times: .*nccopy -c"
    ):
        layer = read_raster(tmp_path, "a.nc", name="ndvi")
    assert len(layer.chunks[0]) == 6
    grid.to_netcdf(tmp_path / "b.nc")
    assert float(read_raster(tmp_path, "b.nc", name="ndvi").mean()) == 0.5


def test_a_file_whose_dates_are_not_those_of_its_name(tmp_path):
    for year in (2001, 2002):
        write_netcdf(tmp_path / f"m{year}.nc", pd.date_range("2001-01-01", periods=12, freq="MS"))
    refuses(tmp_path, "m{year}.nc", "m2002.nc holds 2001 by its own time axis; rename the file")
    write_netcdf(tmp_path / "n2001.nc", pd.date_range("2001-01-01", periods=12, freq="MS"))
    write_netcdf(tmp_path / "n2002.nc", pd.date_range("2002-07-01", periods=1))
    refuses(tmp_path, "n{year}.nc", "some files of the series hold months and some years; make them alike")
