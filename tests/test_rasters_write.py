"""Grids out and in again: what is written is what is read, whole or not at all, block by block."""

from __future__ import annotations

import subprocess
import sys
import weakref
from functools import partial

import dask.array
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.attribution import trend
from carbondrivers.datasets import blocks, virtual_region, write
from carbondrivers.datasets.rasters import read_raster, stack_to_frame
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.datasets.write import keep_grid, write_grid
from carbondrivers.errors import DataError, DataWarning, OutputError

FORMATS = ("tif", "nc", "zarr")
each_format = pytest.mark.parametrize("suffix", FORMATS)


@pytest.fixture(scope="module")
def region():
    return virtual_region("demo", seed=3, shape=(30, 40), years=(2001, 2012))


def grid(values, **attrs):
    rows, columns = values.shape[-2:]
    coords = {"y": 4.4e6 - 30.0 * np.arange(rows), "x": 5e5 + 30.0 * np.arange(columns)}
    dims = ("y", "x")
    if values.ndim == 3:
        dims, coords = ("year", *dims), {"year": 2001 + np.arange(len(values)), **coords}
    return xr.DataArray(values, coords, dims, name="value", attrs={"crs": "EPSG:32650"} | attrs)


@each_format
def test_a_virtual_region_comes_back_as_the_same_sample(tmp_path, region, suffix):
    names = ["nep", "temperature", "elevation", "soil_ph", "ndvi", "land_cover"]
    layers = {name: (region.annual if name in region.annual else region.static)[name] for name in names}
    layers["land_cover"] = layers["land_cover"].isel(year=-1, drop=True)
    for name, layer in layers.items():
        write_grid(layer, tmp_path / f"{name}.{suffix}")
    kinds = {"land_cover": "categorical"}
    read = {n: read_raster(tmp_path, f"{n}.{suffix}", name=n, kind=kinds.get(n, "continuous")) for n in names}
    assert read["nep"]["year"].to_numpy().tolist() == list(range(2001, 2013))
    assert {n: read[n].attrs["units"] for n in names[:-1]} == {n: layers[n].attrs["units"] for n in names[:-1]}
    here = {n: layer.assign_attrs(kind=kinds.get(n, "continuous")) for n, layer in layers.items()}
    here["land_cover"] = here["land_cover"].astype(np.float32).where(here["land_cover"] >= 0)
    tables = [stack_to_frame(one).dropna() for one in (here, read)]
    pd.testing.assert_frame_equal(*tables)
    drivers = {"temperature": "climate", "elevation": "topography", "soil_ph": "soil", "land_cover": "human"}
    samples = [
        PixelSample.from_frame(
            table.astype({"land_cover": int}), response="nep", drivers=drivers, coordinates=("x", "y"), crs=region.crs
        )
        for table in tables
    ]
    pd.testing.assert_frame_equal(samples[0].frame, samples[1].frame)


@each_format
def test_months_come_back_as_months(tmp_path, region, suffix):
    layer = region.monthly["temperature_monthly"].isel(time=slice(3, 30))
    write_grid(layer.chunk(x=7), tmp_path / f"t.{suffix}")
    back = read_raster(tmp_path, f"t.{suffix}", name="temperature_monthly")
    np.testing.assert_array_equal(back["time"], layer["time"])
    np.testing.assert_array_equal(back, layer)
    assert back.dtype == np.float32


@each_format
@pytest.mark.parametrize("crs", ["EPSG:4326", "+proj=sinu +lon_0=0 +R=6371007.181 +units=m +no_defs", "EPSG:32650"])
def test_the_place_comes_back(tmp_path, suffix, crs):
    layer = grid(np.random.default_rng(1).random((5, 7)))
    layer = layer.assign_coords(y=40.5 - 0.1 * np.arange(5), x=100.0 + 0.1 * np.arange(7)) if crs == "EPSG:4326" else layer
    layer.attrs["crs"] = crs
    write_grid(layer, tmp_path / f"a.{suffix}")
    back = read_raster(tmp_path, f"a.{suffix}", name="value")
    from pyproj import CRS

    assert (
        CRS(back.attrs["crs"]).equals(CRS(crs), ignore_axis_order=True)
        or CRS(back.attrs["crs"]).to_dict() == CRS(crs).to_dict()
    )
    for axis in ("x", "y"):
        np.testing.assert_allclose(back[axis], layer[axis], rtol=1e-14)


@each_format
def test_a_lazy_grid_is_written_block_by_block_and_like_a_loaded_one(tmp_path, suffix):
    values = np.random.default_rng(2).random((3, 600, 700)).astype(np.float32)
    values[:, 100:200, 50:90] = np.nan
    whole = grid(values, units="g C m-2 a-1", long_name="NEP")
    write_grid(whole, tmp_path / f"a.{suffix}")
    write_grid(whole.chunk(year=1, y=256, x=512), tmp_path / f"b.{suffix}")
    one, two = (read_raster(tmp_path, f"{name}.{suffix}", name="value") for name in "ab")
    np.testing.assert_array_equal(one, whole)
    np.testing.assert_array_equal(two, whole)
    assert one.attrs["long_name"] == "NEP"


@pytest.mark.parametrize("suffix", ["tif", "nc"])
def test_the_same_grid_gives_the_same_bytes(tmp_path, suffix):
    lazy = grid(np.random.default_rng(3).random((2, 600, 700))).chunk(y=256, x=256)
    for name in "ab":
        write_grid(lazy, tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_at_most_a_few_blocks_are_held(tmp_path):
    made, most = [], []

    def block(block_info=None):
        values = np.ones((100, 100))
        made.append(weakref.ref(values))
        most.append(sum(ref() is not None for ref in made))
        return values

    data = dask.array.map_blocks(block, chunks=((100,) * 15, (100,) * 10), dtype=float, meta=np.empty((0, 0)))
    made.clear()
    most.clear()
    write_grid(grid(np.broadcast_to(0.0, (1500, 1000))).copy(data=data), tmp_path / "a.tif")
    assert len(made) == 150
    assert max(most) <= 2 * blocks._scheduler()[0] + 3


def test_several_grids_in_one_file_or_one_each(tmp_path):
    data = xr.Dataset({"slope": grid(np.ones((4, 5))), "p": grid(np.zeros((4, 5)))}, attrs={"crs": "EPSG:32650"})
    for suffix in ("nc", "zarr"):
        assert write_grid(data, tmp_path / f"both.{suffix}") == (tmp_path / f"both.{suffix}",)
        assert float(read_raster(tmp_path, f"both.{suffix}", name="slope", variable="slope").mean()) == 1.0
    with pytest.raises(OutputError, match=r"a GeoTIFF holds one variable, here are 2; put \{variable\} in its name"):
        write_grid(data, tmp_path / "both.tif")
    for suffix in FORMATS:
        files = write_grid(data, tmp_path / f"map_{{variable}}.{suffix}")
        assert [file.name for file in files] == [f"map_slope.{suffix}", f"map_p.{suffix}"]


@each_format
def test_trend_maps_on_disk_are_those_in_memory(tmp_path, region, suffix):
    stack = region.annual["nep"]
    whole = trend(stack)
    kept = trend(stack.chunk(y=11, x=13), keep=partial(keep_grid, path=tmp_path / f"trend_{{variable}}.{suffix}"))
    assert all(grid.chunks is not None for grid in kept.grid.values())
    assert (tmp_path / f"trend_trend_class.{suffix}").exists()
    xr.testing.assert_equal(kept.grid.compute(), whole.grid)
    assert kept.grid.attrs == whole.grid.attrs
    assert kept.grid["trend_class"].attrs == whole.grid["trend_class"].attrs
    pd.testing.assert_frame_equal(kept.classes, whole.classes, rtol=1e-12)
    pd.testing.assert_frame_equal(kept.series, whole.series, rtol=1e-12)
    pd.testing.assert_frame_equal(kept.regional, whole.regional, rtol=1e-9)
    assert (kept.n, kept.notes) == (whole.n, whole.notes)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999))
def test_adjusting_by_counts_is_adjusting_by_rank(seed):
    from scipy import stats

    from carbondrivers.attribution.trend_maps import Tally, adjusted_map

    rng = np.random.default_rng(seed)
    p = np.where(rng.random(200) < 0.1, np.nan, rng.integers(1, 40, 200) / 40.0)
    known, times = np.unique(p[np.isfinite(p)], return_counts=True)
    found = adjusted_map(xr.DataArray(p), Tally(np.zeros(1, np.int64), known, times)).to_numpy()
    np.testing.assert_array_equal(found[np.isfinite(p)], stats.false_discovery_control(p[np.isfinite(p)]))
    assert np.isnan(found[np.isnan(p)]).all()


@each_format
def test_a_grid_that_stands_on_its_head_is_written_north_up(tmp_path, suffix):
    values = np.arange(12.0).reshape(3, 4)
    upside = grid(values).isel(y=slice(None, None, -1), x=slice(None, None, -1))
    write_grid(upside, tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read_raster(tmp_path, f"a.{suffix}", name="value"), values)
    kept = keep_grid(upside.to_dataset(), tmp_path / f"{{variable}}.{suffix}")["value"]
    xr.testing.assert_equal(kept.compute(), upside)


def test_longitudes_beyond_180_are_not_kept_under_other_names(tmp_path):
    layer = grid(np.ones((2, 3))).assign_coords(y=[1.0, 0.0], x=[200.0, 201.0, 202.0]).assign_attrs(crs="EPSG:4326")
    with pytest.warns(DataWarning, match="from 0 to 360"), pytest.raises(DataError, match="longitudes from -180 to 180"):
        keep_grid(layer.to_dataset(), tmp_path / "{variable}.tif")


def test_a_source_that_breaks_while_a_grid_is_written_is_not_blamed_on_the_disk(tmp_path):
    write_grid(grid(np.random.default_rng(1).random((300, 300))), tmp_path / "a.tif")
    layer = read_raster(tmp_path, "a.tif", name="value")
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:20_000])
    with pytest.raises(DataError, match=r"a.tif: cannot be read, truncated or damaged"):
        write_grid(layer, tmp_path / "b.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


@each_format
def test_a_grid_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, suffix):
    write_grid(grid(np.ones((3, 3))), tmp_path / f"a.{suffix}")

    def fails(block):
        raise DataError("no value here")

    bad = grid(np.ones((3, 3))).chunk(x=1)
    bad = bad.copy(data=bad.data.map_blocks(fails, dtype=float, meta=np.empty((0, 0))))
    with pytest.raises(DataError, match="no value here"):
        write_grid(bad, tmp_path / f"a.{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{suffix}"]
    assert float(read_raster(tmp_path, f"a.{suffix}", name="value").mean()) == 1.0
    write_grid(grid(np.full((3, 3), 2.0)), tmp_path / f"a.{suffix}")
    assert float(read_raster(tmp_path, f"a.{suffix}", name="value").mean()) == 2.0


def test_refusals(tmp_path):
    layer = grid(np.ones((3, 3)))
    with pytest.raises(OutputError, match=r"the suffix must be one of .tif, .nc, .zarr; rename it"):
        write_grid(layer, tmp_path / "a.png")
    with pytest.raises(OutputError, match=r"cannot write .*a.tif: "):
        write_grid(layer, tmp_path / "none" / "a.tif")
    with pytest.raises(DataError, match="unknown CRS 'EPSG:1'"):
        write_grid(layer.assign_attrs(crs="EPSG:1"), tmp_path / "a.tif")
    with pytest.raises(DataError, match="the grid has no CRS"):
        write_grid(layer.drop_attrs(), tmp_path / "a.tif")
    with pytest.raises(OutputError, match=r"put \{variable\} in its name"):
        keep_grid(layer.to_dataset(), tmp_path / "a.tif")
    assert not list(tmp_path.iterdir())


def test_whole_numbers_and_yes_or_no(tmp_path):
    flags = grid(np.array([[True, False]]).repeat(2, axis=0))
    codes = grid(np.array([[1, -1]], dtype=np.int8).repeat(2, axis=0), _FillValue=np.int8(-1), flag_values=np.int8([1, 2]))
    for suffix in FORMATS:
        write_grid(flags, tmp_path / f"flags.{suffix}")
        write_grid(codes, tmp_path / f"codes.{suffix}")
        assert read_raster(tmp_path, f"flags.{suffix}", name="flag", kind="categorical")[0].to_numpy().tolist() == [1.0, 0.0]
        found = read_raster(tmp_path, f"codes.{suffix}", name="code", kind="categorical")
        np.testing.assert_array_equal(found[0], [1.0, np.nan])


def test_blocks_are_stored_so_that_a_series_is_read_at_once():
    assert write._stored(grid(np.zeros((21, 600, 100)))) == (21, 256, 100)


FULL = """
import resource, sys
from pathlib import Path
import numpy as np, xarray as xr
from carbondrivers.datasets.write import write_grid
values = np.random.default_rng(0).random((600, 600))
coords = {"y": -30.0 * np.arange(600), "x": 30.0 * np.arange(600)}
grid = xr.DataArray(values, coords, ("y", "x"), name="value", attrs={"crs": "EPSG:32650"})
path = Path(sys.argv[1])
(whole,) = write_grid(grid, path.with_name("whole" + path.suffix))
size = max(file.stat().st_size for file in (whole.rglob("*") if whole.is_dir() else [whole]))
for missing in (size // 2, 300, 1):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - missing, resource.RLIM_INFINITY))
    try:
        write_grid(grid, path)
        print("written")
    except Exception as error:
        print(type(error).__name__, error)
"""


@each_format
def test_a_disk_that_fills_up_is_named_at_the_first_byte_or_the_last(tmp_path, suffix):
    pytest.importorskip("resource", reason="the size of files can only be limited on POSIX systems")
    write_grid(grid(np.ones((3, 3))), tmp_path / f"a.{suffix}")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / f"a.{suffix}")], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"OutputError cannot write {tmp_path / f'a.{suffix}'}: ") for line in lines), lines
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{suffix}", f"whole.{suffix}"]
    assert float(read_raster(tmp_path, f"a.{suffix}", name="value").mean()) == 1.0
