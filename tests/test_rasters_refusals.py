"""Files that cannot be read: each is refused in one line that names it, the cause and the remedy."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from carbondrivers.datasets import raster_files
from carbondrivers.datasets.rasters import read_raster
from carbondrivers.errors import DataError

from .raster_makers import VALUES, from_origin, refuses, write_netcdf, write_tiff


def test_bad_files_are_named_for_what_they_are(tmp_path):
    contents = {
        "web.tif": (b"<!DOCTYPE html><html><body>Log in</body></html>", "is a web page, so the download failed"),
        "virtual.tif": (b'<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>', "GDAL virtual raster"),
        "empty.tif": (b"", r"is empty \(0 bytes\)"),
        "text.tif": (
            b"ncols 3\nnrows 2\n",
            "is no raster of a kind that is known here; give a GeoTIFF, NetCDF, Zarr or MODIS HDF4 file",
        ),
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


@pytest.mark.parametrize("length", [200, 300, 1000, 5000])
def test_a_tiff_that_was_cut_off_is_not_blamed_for_its_crs(tmp_path, length, capfd):
    write_tiff(tmp_path / "a.tif", np.random.default_rng(1).random((300, 300)))
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:length])
    refuses(tmp_path, "a.tif", "truncated or damaged")
    assert capfd.readouterr().err == ""


def test_declared_size_is_checked_before_reading(tmp_path):
    shape = {"width": 200_000, "height": 200_000, "count": 1, "dtype": "uint8"}
    sparse = {"tiled": True, "blockxsize": 8192, "blockysize": 8192, "sparse_ok": True, "bigtiff": "yes"}
    transform = from_origin(0.0, 0.0, 30.0, 30.0)
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", crs="EPSG:32650", transform=transform, **shape, **sparse):
        pass
    assert (tmp_path / "a.tif").stat().st_size < 50_000
    refuses(tmp_path, "a.tif", "declares 40,000,000,000 cells, more than 20,000,000,000")


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


def test_complex_numbers_are_refused(tmp_path):
    write_tiff(tmp_path / "a.tif", (VALUES + 1j).astype(np.complex64))
    refuses(tmp_path, "a.tif", "hold complex numbers; write the real part")


def test_coordinates_that_are_no_degrees(tmp_path):
    write_tiff(tmp_path / "a.tif", crs="EPSG:4326")
    refuses(tmp_path, "a.tif", "coordinates reach x = 500075, which is no longitude: the CRS EPSG:4326 is wrong")
    write_tiff(tmp_path / "b.tif", crs="EPSG:4326", transform=from_origin(100.0, 4400000.0, 30.0, 30.0))
    refuses(tmp_path, "b.tif", "coordinates reach y = 4399985, which is no latitude")
    write_netcdf(tmp_path / "poles.nc", x=("lon", [0.0, 180.0, 360.0]), y=("lat", [-90.0, 90.0]))
    refuses(tmp_path, "poles.nc", "crosses the date line")


def test_a_virtual_raster_under_another_name_opens_nothing(tmp_path):
    write_tiff(tmp_path / "secret.tif")
    source = '<SimpleSource><SourceFilename relativeToVRT="1">secret.tif</SourceFilename></SimpleSource>'
    band = f'<VRTRasterBand dataType="Float64" band="1">{source}</VRTRasterBand>'
    (tmp_path / "a.tif").write_text(f'<VRTDataset rasterXSize="3" rasterYSize="2">{band}</VRTDataset>')
    refuses(tmp_path, "a.tif", "is a GDAL virtual raster")


@pytest.mark.parametrize("source", ["http://example.org/a.tif", "s3://bucket/a.zarr", "/vsicurl/http://example.org/a.tif"])
def test_only_local_paths_are_read(tmp_path, source):
    refuses(tmp_path, source, "the path leaves the data folder; copy or link the file into it")


def test_a_file_that_holds_nothing_but_its_header(tmp_path):
    shape = {"width": 100_000, "height": 100_000, "count": 1, "dtype": "uint8"}
    sparse = {"tiled": True, "blockxsize": 8192, "blockysize": 8192, "sparse_ok": True}
    transform = from_origin(0.0, 0.0, 30.0, 30.0)
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", crs="EPSG:32650", transform=transform, **shape, **sparse):
        pass
    refuses(tmp_path, "a.tif", r"declares 40 GB in a file of 0.00\d+ MB: it is damaged, hostile or empty")


def test_a_block_that_must_be_unpacked_whole_has_a_limit(tmp_path, monkeypatch):
    write_tiff(tmp_path / "a.tif", np.full((64, 64), 0.5), compress="deflate", blockysize=64)
    assert float(read_raster(tmp_path, "a.tif", name="ndvi").mean()) == 0.5
    monkeypatch.setattr(raster_files, "MAX_BLOCK", 64 * 63)
    refuses(tmp_path, "a.tif", "stored in blocks of 4,096 cells that can only be read whole; write it again in smaller ones")


def test_degrees_under_a_projected_crs(tmp_path):
    write_tiff(tmp_path / "a.tif", transform=from_origin(104.0, 38.0, 0.01, 0.01))
    refuses(tmp_path, "a.tif", "its coordinates are degrees, but its CRS EPSG:32650 is projected")


def test_axes_exchanged_in_a_geotiff(tmp_path):
    write_tiff(tmp_path / "a.tif", transform=rasterio.Affine(0.0, 30.0, 0.0, 30.0, 0.0, 0.0))
    refuses(tmp_path, "a.tif", "the grid has its axes exchanged; warp it to a north-up grid first")
    write_tiff(tmp_path / "b.tif", crs="EPSG:4326", transform=from_origin(38.0, 104.0, 0.01, 0.01))
    refuses(tmp_path, "b.tif", "which is no latitude: x and y are exchanged")


def test_a_file_damaged_after_the_door_is_named(tmp_path):
    write_tiff(tmp_path / "a.tif", np.random.default_rng(1).random((300, 300)), compress="deflate")
    layer = read_raster(tmp_path, "a.tif", name="ndvi")
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a.tif: cannot be read, truncated or damaged"):
        layer.compute()


def test_mixed_resolutions_in_a_series(tmp_path):
    write_tiff(tmp_path / "a_2001.tif")
    write_tiff(tmp_path / "a_2002.tif", transform=from_origin(500000.0, 4400000.0, 60.0, 60.0))
    refuses(tmp_path, "a_{year}.tif", "a_2001.tif and a_2002.tif differ in resolution and origin along x")
