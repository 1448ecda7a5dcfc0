"""Rasters at the door: values, orientation, series, NetCDF kinds, and every refusal with its message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import rioxarray  # noqa: F401 - registers the accessor
import xarray as xr

from carbondrivers.datasets import raster_files
from carbondrivers.datasets.rasters import read_raster, require_aligned, stack_to_frame
from carbondrivers.errors import DataError, DataWarning, OptionError

DATA = Path(__file__).parents[2] / "shared" / "data"
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


def test_nodata_and_scale_of_the_file_are_applied(tmp_path):
    data = np.array([[5000, -3000, 10000]], dtype=np.int16)
    write_tiff(tmp_path / "a.tif", data, scale=0.0001, nodata=-3000)
    np.testing.assert_allclose(read_raster(tmp_path, "a.tif", name="ndvi"), [[0.5, np.nan, 1.0]], rtol=1e-6)


@pytest.mark.parametrize("scale", [None, 0.0001])
def test_declared_nodata_is_the_stored_value(tmp_path, scale):
    data = np.array([[5000, -3000, 10000]], dtype=np.int16)
    write_tiff(tmp_path / "a.tif", data, scale=scale)
    layer = read_raster(tmp_path, "a.tif", name="index", nodata=-3000)
    assert np.isnan(layer.to_numpy()).tolist() == [[False, True, False]]


def test_declared_nodata_of_a_scaled_netcdf(tmp_path):
    dataset = xr.Dataset({"ndvi": (("lat", "lon"), VALUES)}, coords={"lat": [40.0, 40.5], "lon": [100.0, 100.5, 101.0]})
    packed = {"dtype": "int16", "scale_factor": 0.0001, "_FillValue": -1}
    dataset.to_netcdf(tmp_path / "a.nc", encoding={"ndvi": packed})
    layer = read_raster(tmp_path, "a.nc", name="ndvi", nodata=2000)
    assert int(np.isnan(layer).sum()) == 1


def test_whole_numbers_become_floats(tmp_path):
    write_tiff(tmp_path / "small.tif", np.array([[1, 2]], dtype=np.uint8))
    write_tiff(tmp_path / "large.tif", np.array([[1, 16777217]], dtype=np.int32))
    assert read_raster(tmp_path, "small.tif", name="class", kind="categorical").dtype == np.float32
    large = read_raster(tmp_path, "large.tif", name="id", kind="categorical")
    assert large.to_numpy().tolist() == [[1.0, 16777217.0]]


def test_south_up_and_0_to_360_are_turned(tmp_path):
    write_netcdf(tmp_path / "a.nc", x=("longitude", [200.0, 200.5, 201.0]), y=("latitude", [40.0, 40.5]))
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


def test_mask_below_holds_throughout(tmp_path):
    write_tiff(tmp_path / "a.tif", np.array([[[0.0, 0.2]], [[0.09, 0.0]]]))
    layer = read_raster(tmp_path, "a.tif", name="ndvi", years=(2001, 2002), mask_below=0.05)
    assert layer.chunks is not None
    assert np.isnan(layer.to_numpy()[:, 0, 0]).all()
    assert layer.to_numpy()[:, 0, 1].tolist() == [0.2, 0.0]


def test_china_lai():
    if not DATA.is_dir():
        pytest.skip("the shared data folder is absent")
    layer = read_raster(DATA, "china_modis_lai_0p5deg_2001-2020.nc", name="lai", mask_below=0.05)
    assert dict(layer.sizes) == {"year": 20, "y": 80, "x": 140}
    assert (layer.attrs["units"], layer.attrs["crs"]) == ("m2 m-2", "EPSG:4326")
    valid = int(np.isfinite(layer.isel(year=0)).sum())
    assert valid == int(np.isfinite(layer).all("year").sum()) == 7769
    assert float(layer.max()) < 12


def test_bad_files_are_named_for_what_they_are(tmp_path):
    contents = {
        "web.tif": (b"<!DOCTYPE html><html><body>Log in</body></html>", "is a web page, so the download failed"),
        "virtual.tif": (b'<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>', "GDAL virtual raster"),
        "empty.tif": (b"", r"is empty \(0 bytes\)"),
        "text.tif": (b"ncols 3\nnrows 2\n", "neither a GeoTIFF nor a NetCDF"),
        "zip.tif": (b"PK\x03\x04....", "zip archive"),
        "head.tif": (b"II*\0\x08\0\0\0", r"truncated or damaged"),
        "head.nc": (b"\x89HDF\r\n\x1a\n\0\0", r"truncated or damaged"),
    }
    for name, (content, message) in contents.items():
        (tmp_path / name).write_bytes(content)
        refuses(tmp_path, name, message)
    refuses(tmp_path, "wed.tif", "no such file. Did you mean 'web.tif'")
    refuses(tmp_path, "none/a.tif", "there is no such file")


@pytest.mark.parametrize("options", [{}, {"compress": "deflate"}, {"tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_truncated_tiff(tmp_path, options):
    rng = np.random.default_rng(1)
    write_tiff(tmp_path / "a.tif", rng.random((300, 300)), **options)
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) // 2])
    refuses(tmp_path, "a.tif", "truncated or damaged .*fetch or write it again")


def test_truncated_netcdf(tmp_path):
    rng = np.random.default_rng(1)
    dataset = xr.Dataset({"ndvi": (("lat", "lon"), rng.random((300, 300)))})
    dataset.assign_coords(lat=np.arange(300) / 10, lon=np.arange(300) / 10).to_netcdf(tmp_path / "a.nc")
    whole = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "a.nc").write_bytes(whole[: len(whole) // 2])
    refuses(tmp_path, "a.nc", "truncated or damaged")


def test_declared_size_is_checked_before_reading(tmp_path):
    shape = {"width": 200_000, "height": 200_000, "count": 1, "dtype": "uint8"}
    sparse = {"tiled": True, "blockxsize": 8192, "blockysize": 8192, "sparse_ok": True, "bigtiff": "yes"}
    transform = from_origin(0.0, 0.0, 30.0, 30.0)
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", crs="EPSG:32650", transform=transform, **shape, **sparse):
        pass
    assert (tmp_path / "a.tif").stat().st_size < 50_000
    refuses(tmp_path, "a.tif", "declares 40,000,000,000 cells, more than 20,000,000,000")


def test_size_limit_holds_for_netcdf(tmp_path, monkeypatch):
    monkeypatch.setattr(raster_files, "MAX_CELLS", 5)
    write_netcdf(tmp_path / "a.nc")
    refuses(tmp_path, "a.nc", "declares 6 cells, more than 5")


def test_missing_georeference(tmp_path):
    write_tiff(tmp_path / "a.tif", crs=None)
    refuses(tmp_path, "a.tif", "the file has no CRS; write it again with one")
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write_tiff(tmp_path / "b.tif", transform=rasterio.Affine.identity())
    refuses(tmp_path, "b.tif", "the file has no georeference")
    write_tiff(tmp_path / "c.tif", transform=rasterio.Affine(30.0, 5.0, 0.0, 5.0, -30.0, 0.0))
    refuses(tmp_path, "c.tif", "the grid is rotated")
    write_netcdf(tmp_path / "a.nc", x=("x", [0.0, 30.0, 60.0]), y=("y", [30.0, 0.0]))
    refuses(tmp_path, "a.nc", "the file has no CRS; write a grid_mapping")


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


def test_series_refusals(tmp_path):
    for year in (2001, 2002, 2004):
        write_tiff(tmp_path / f"a_{year}.tif")
    refuses(tmp_path, "a_{year}.tif", "no file for 1 of 4 steps from 2001 to 2004: a_2003.tif; add them or narrow")
    refuses(tmp_path, "a_{yaer}.tif", "a pattern may hold {year}")
    refuses(tmp_path, "b_{year}.tif", "no file matches the pattern")
    write_tiff(tmp_path / "a_2003.tif", transform=from_origin(500030.0, 4400000.0, 30.0, 30.0))
    refuses(tmp_path, "a_{year}.tif", "a_2001.tif and a_2003.tif differ in origin along x")
    refuses(tmp_path, "a_{year}.tif", "years must be", years=(2004, 2001))


def test_paths_that_leave_the_root(tmp_path):
    inside = tmp_path / "data"
    inside.mkdir()
    write_tiff(tmp_path / "a.tif")
    refuses(inside, "../a.tif", "leaves the data folder")
    refuses(inside, str(tmp_path / "a.tif"), "leaves the data folder")
    refuses(inside, "../{year}.tif", "leaves the data folder")


def test_values_that_no_measurement_can_be(tmp_path):
    cases = {
        "nodata": (
            [[0.1, 0.2], [-9999.0, 0.3]],
            r"1 cells hold -9999, far from all others \(0.1 to 0.3\).*declare nodata = -9999",
        ),
        "fill": ([[0.1, 9.96921e36]], r"1 cells hold 9.96921e\+36"),
        "lowest": ([[0.1, float(np.finfo(np.float32).min)]], "1 cells hold -3.40282e"),
        "infinite": ([[0.1, np.inf]], "1 cells are infinite"),
        "empty": ([[np.nan, np.nan]], "no cell has a value"),
        "scaled": ([[1000.0, 5000.0]], r"values run from 1000 to 5000, plausible for ndvi is -1 to 1: .*perhaps 0.0001"),
    }
    for name, (data, message) in cases.items():
        write_tiff(tmp_path / f"{name}.tif", np.array(data, dtype=np.float32))
        refuses(tmp_path, f"{name}.tif", message)
    cleaned = read_raster(tmp_path, "nodata.tif", name="ndvi", nodata=-9999)
    assert int(np.isnan(cleaned).sum()) == 1


def test_range_follows_name_and_unit(tmp_path):
    write_tiff(tmp_path / "t.tif", VALUES + 280)
    refuses(tmp_path, "t.tif", "looks like kelvin; subtract 273.15", name="temperature")
    assert read_raster(tmp_path, "t.tif", name="temperature", unit="K").attrs["units"] == "K"
    assert read_raster(tmp_path, "t.tif", name="anything").attrs["units"] == ""


def test_a_value_that_looks_like_a_code_but_is_none(tmp_path):
    write_tiff(tmp_path / "a.tif", np.array([[9000.0, 9999.0, 10100.0]]))
    assert float(read_raster(tmp_path, "a.tif", name="distance").max()) == 10100.0


def test_classes_must_be_whole_numbers(tmp_path):
    write_tiff(tmp_path / "a.tif", np.array([[1.0, 2.5]]))
    refuses(tmp_path, "a.tif", "1 cells hold fractions where classes are expected", name="land_cover", kind="categorical")
    with pytest.raises(OptionError, match="kind of layer 'a' must be one of"):
        read_raster(tmp_path, "a.tif", name="a", kind="nominal")


def test_values_are_checked_in_every_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr(raster_files, "CHUNK_CELLS", 64)
    data = np.random.default_rng(1).random((40, 40))
    write_tiff(tmp_path / "a.tif", data, tiled=True, blockxsize=16, blockysize=16)
    layer = read_raster(tmp_path, "a.tif", name="ndvi")
    assert len(layer.chunks[0]) > 1
    np.testing.assert_array_equal(layer, data)
    data[39, 39] = -9999.0
    write_tiff(tmp_path / "b.tif", data)
    refuses(tmp_path, "b.tif", "1 cells hold -9999")


def test_alignment_is_required_by_name(tmp_path):
    write_tiff(tmp_path / "a.tif")
    write_tiff(tmp_path / "b.tif", transform=from_origin(500000.0, 4400000.0, 60.0, 60.0))
    write_tiff(tmp_path / "c.tif", crs="EPSG:32649")
    write_tiff(tmp_path / "d.tif", VALUES[:1])
    layers = {n: read_raster(tmp_path, f"{n}.tif", name=n) for n in "abcd"}
    require_aligned({"a": layers["a"], "e": layers["a"]})
    require_aligned({})
    for name, what in (("b", "resolution"), ("c", r"CRS \(EPSG:32650 and EPSG:32649\)"), ("d", r"shape in \(y, x\)")):
        with pytest.raises(DataError, match=f"layers 'a' and '{name}' differ in {what}.*warp them to one grid first"):
            require_aligned({"a": layers["a"], name: layers[name]})


def test_layers_become_a_table(tmp_path):
    dem = VALUES.copy()
    dem[0, 0] = np.nan
    dem[1, 1] = np.nan
    write_tiff(tmp_path / "dem.tif", dem)
    rain = np.stack([VALUES, VALUES * 3])
    rain[:, 0, 0] = np.nan
    rain[0, 0, 1] = np.nan
    write_tiff(tmp_path / "rain.tif", rain)
    layers = {
        "dem": read_raster(tmp_path, "dem.tif", name="dem"),
        "rain": read_raster(tmp_path, "rain.tif", name="rain", years=(2001, 2002)),
    }
    table = stack_to_frame(layers)
    assert table.columns.tolist() == ["x", "y", "dem", "rain"]
    assert len(table) == 5
    assert table.loc[0, ["x", "y"]].tolist() == [500045.0, 4399985.0]
    np.testing.assert_allclose(table["rain"], [0.6, 0.6, 0.8, 1.0, 1.2])
    assert table["dem"].isna().sum() == 1
    with pytest.raises(DataError, match="cannot be called 'x'"):
        stack_to_frame({"x": layers["dem"]})
    with pytest.raises(DataError, match="classes of several years"):
        stack_to_frame({"cover": layers["rain"].assign_attrs(kind="categorical")})


@pytest.mark.parametrize("unit", [None, "mm", "mm/month", "millimeters"])
def test_the_spelling_of_a_unit_does_not_switch_the_range_off(tmp_path, unit):
    write_tiff(tmp_path / "p.tif", VALUES * -500)
    refuses(
        tmp_path,
        "p.tif",
        "from -300 to -50, plausible for precipitation_monthly is 0 to",
        name="precipitation_monthly",
        unit=unit,
    )


def test_years_and_months_without_a_value_are_named(tmp_path):
    bands = np.stack([VALUES + i / 100 for i in range(12)])
    bands[2:4] = np.nan
    write_tiff(tmp_path / "a.tif", bands)
    with pytest.warns(DataWarning, match=r"layer 'ndvi' \(a.tif\) has no value in 2003, 2004: look at the file"):
        read_raster(tmp_path, "a.tif", name="ndvi", years=(2001, 2012))
    write_tiff(tmp_path / "m_2001.tif", bands)
    with pytest.warns(DataWarning, match=r"has no value in 2001-03, 2001-04"):
        read_raster(tmp_path, "m_{year}.tif", name="ndvi", years=(2001, 2001))
    bands[:] = np.nan
    bands[11, 0, 0] = 0.5
    write_tiff(tmp_path / "a.tif", bands)
    with pytest.warns(DataWarning, match="2006 and 5 more: look"):
        read_raster(tmp_path, "a.tif", name="ndvi", years=(2001, 2012))


@pytest.mark.parametrize(
    ("codes", "fill"),
    [([1, 2, 17, 255], 255), ([0, 1, 255], 255), ([1, 2, -128], -128), ([1, 9, 65535], 65535), ([1, 9, -9999], -9999)],
)
def test_an_undeclared_fill_is_no_class(tmp_path, codes, fill):
    write_tiff(tmp_path / "a.tif", np.array([codes], dtype=np.uint8 if fill == 255 else np.int32))
    message = f"1 cells hold {fill}, far from all others .*declare nodata = {fill}"
    refuses(tmp_path, "a.tif", message, name="cover", kind="categorical")
    cleaned = read_raster(tmp_path, "a.tif", name="cover", kind="categorical", nodata=fill)
    assert int(np.isnan(cleaned).sum()) == 1


@pytest.mark.parametrize("codes", [[0, 255], [1, 120, 250, 255]])
def test_a_class_255_beside_its_like_is_kept(tmp_path, codes):
    write_tiff(tmp_path / "a.tif", np.array([codes], dtype=np.uint8))
    assert float(read_raster(tmp_path, "a.tif", name="cover", kind="categorical").max()) == 255
    write_tiff(tmp_path / "b.tif", np.array([[1, 9, 255]], dtype=np.uint8))
    assert float(read_raster(tmp_path, "b.tif", name="height").max()) == 255


def test_a_fill_is_declared_by_the_number_that_is_there(tmp_path):
    write_tiff(tmp_path / "a.tif", np.array([[0.1, np.finfo(np.float32).min]], dtype=np.float32))
    refuses(tmp_path, "a.tif", r"declare nodata = -3\.4028234663852886e\+38")


def test_complex_numbers_are_refused(tmp_path):
    write_tiff(tmp_path / "a.tif", (VALUES + 1j).astype(np.complex64))
    refuses(tmp_path, "a.tif", "hold complex numbers; write the real part")


def test_text_and_day_counts_of_a_netcdf(tmp_path):
    coords = {"lat": [40.0, 40.5], "lon": [100.0, 100.5, 101.0]}
    xr.Dataset({"name": (("lat", "lon"), np.full((2, 3), "a"))}, coords).to_netcdf(tmp_path / "a.nc")
    refuses(tmp_path, "a.nc", "the cells hold no numbers")
    season = xr.Dataset({"season": (("lat", "lon"), VALUES * 100, {"units": "days"})}, coords)
    season.to_netcdf(tmp_path / "b.nc")
    np.testing.assert_allclose(read_raster(tmp_path, "b.nc", name="season"), VALUES[::-1] * 100)


@pytest.mark.parametrize("length", [200, 300, 1000, 5000])
def test_a_tiff_that_was_cut_off_is_not_blamed_for_its_crs(tmp_path, length, capfd):
    write_tiff(tmp_path / "a.tif", np.random.default_rng(1).random((300, 300)))
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:length])
    refuses(tmp_path, "a.tif", "truncated or damaged")
    assert capfd.readouterr().err == ""


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


def test_coordinates_that_are_no_degrees(tmp_path):
    write_tiff(tmp_path / "a.tif", crs="EPSG:4326")
    refuses(tmp_path, "a.tif", "coordinates reach x = 500075, which is no longitude: the CRS EPSG:4326 is wrong")
    write_tiff(tmp_path / "b.tif", crs="EPSG:4326", transform=from_origin(100.0, 4400000.0, 30.0, 30.0))
    refuses(tmp_path, "b.tif", "coordinates reach y = 4399985, which is no latitude")
    write_netcdf(tmp_path / "poles.nc", x=("lon", [0.0, 180.0, 360.0]), y=("lat", [-90.0, 90.0]))
    refuses(tmp_path, "poles.nc", "crosses the date line")
