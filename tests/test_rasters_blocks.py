"""Blocks: their size, their order, and that threads and a cluster give the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rasterio.env import get_gdal_config

from carbondrivers.attribution import trend
from carbondrivers.datasets.align import align, study_grid
from carbondrivers.datasets.blocks import CHUNK_CELLS, CHUNK_VALUES, STRETCH, _scheduler, in_blocks, space_chunks
from carbondrivers.datasets.geotiff import CACHE_BYTES, Bands, gdal
from carbondrivers.datasets.rasters import read_raster, stack_to_frame
from carbondrivers.datasets.write import keep_grid
from carbondrivers.errors import DataError

from .raster_makers import from_origin, write_tiff


@given(
    st.tuples(st.integers(1, 40_000), st.integers(1, 40_000)),
    st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
    st.integers(1, 600),
)
def test_a_chunk_is_neither_empty_nor_larger_than_memory_allows(shape, block, steps):
    rows, columns = space_chunks(shape, block, steps)
    assert 1 <= rows <= shape[0] and 1 <= columns <= shape[1]
    assert rows * columns * steps <= STRETCH * CHUNK_VALUES
    if columns < shape[1] and block[0] * block[1] <= min(CHUNK_CELLS, CHUNK_VALUES // steps):
        assert columns % block[1] == 0


def test_strips_stay_whole():
    assert space_chunks((7000, 7000), (1, 7000), 21) == (40, 7000)
    assert space_chunks((30, 50), (8, 50), 1) == (30, 50)


def _layer(values, **chunks):
    coords = {"y": -np.arange(values.shape[-2]), "x": np.arange(values.shape[-1])}
    layer = xr.DataArray(values, coords, ("year", "y", "x")[-values.ndim :])
    return layer.chunk(chunks) if chunks else layer


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_every_cell_comes_once_and_in_order(scheduler):
    one, two = np.random.default_rng(1).random((3, 17, 23)), np.random.default_rng(2).random((17, 23))
    found = np.zeros((2, 17, 23))
    seen = []
    with dask.config.set(scheduler=scheduler):
        for region, (a, b) in in_blocks(_layer(one, year=1, y=5, x=7), _layer(two, y=17, x=2)):
            found[0][region], found[1][region] = a[2], b
            seen.append((region[0].start, region[1].start))
    np.testing.assert_array_equal(found, [one[2], two])
    assert seen == sorted(seen) and len(seen) == len(set(seen)) == 4 * 4


def test_grids_in_memory_are_one_block_and_others_follow_the_lazy_one():
    values = np.arange(12.0).reshape(3, 4)
    assert len(list(in_blocks(_layer(values), _layer(values)))) == 1
    assert len(list(in_blocks(_layer(values), _layer(values, x=2)))) == 2
    with pytest.raises(DataError, match=r"different shapes cannot be walked together: \[\(3, 2\), \(3, 4\)\]; align them"):
        list(in_blocks(_layer(values), _layer(values[:, :2])))


def test_a_failure_in_a_block_ends_the_walk_with_its_own_words():
    def fails(block, block_info=None):
        if block_info[0]["chunk-location"] == (1, 0):
            raise DataError("block 2 is bad")
        return block

    layer = _layer(np.ones((6, 6)), y=2)
    layer = layer.copy(data=layer.data.map_blocks(fails, dtype=float, meta=np.empty((0, 0))))
    with pytest.raises(DataError, match="block 2 is bad"):
        list(in_blocks(layer))


def test_a_walk_may_end_early():
    walk = in_blocks(_layer(np.ones((40, 40)), y=1))
    assert next(walk)[0][0] == slice(0, 1)
    walk.close()


def test_the_cache_of_gdal_is_bounded():
    def elsewhere():
        with gdal():
            pass

    with gdal(), ThreadPoolExecutor(1) as pool:
        # A thread that comes and goes must not give the cache of the process its old size back.
        pool.submit(elsewhere).result()
        assert get_gdal_config("GDAL_CACHEMAX") == CACHE_BYTES <= 2**26


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="a cluster needs pip install 'carbondrivers[cluster]'")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options, silence_logs=50) as local, distributed.Client(local) as client:
        yield client


def test_a_year_of_a_series_is_read_alone(tmp_path, monkeypatch):
    for year in range(2001, 2006):
        write_tiff(tmp_path / f"a_{year}.tif", np.full((2, 3), year / 2100.0))
    stack = read_raster(tmp_path, "a_{year}.tif", name="ndvi")
    opened = []
    window = Bands._window
    monkeypatch.setattr(Bands, "_window", lambda bands, key: opened.append(bands.path.stem) or window(bands, key))
    with dask.config.set(scheduler="synchronous"):
        np.testing.assert_allclose(stack.sel(year=2003), 2003 / 2100.0)
        assert opened == ["a_2003"]
        np.testing.assert_allclose(
            stack.sel(year=slice(2004, 2005))[::-1, 0, 1:], np.array([[2005], [2004]]) / 2100.0 * [[1, 1]]
        )
        assert opened == ["a_2003", "a_2004", "a_2005"]
        assert stack[0:0].compute().shape == (0, 2, 3)


def _study(folder, out):
    """Read, align, make the table and the trend maps: what a study of rasters does."""
    stack = read_raster(folder, "nep_{year}.tif", name="nep")
    rain = read_raster(folder, "rain.nc", name="rain")
    dem = align({"dem": read_raster(folder, "dem.tif", name="dem")}, study_grid(stack)).layers["dem"]
    table = stack_to_frame({"nep": stack, "rain": rain, "dem": dem})
    some = stack_to_frame({"nep": stack}, cells=np.array([700, 3, 5000]))
    result = trend(stack, keep=partial(keep_grid, path=out / "{variable}.tif"))
    return [table, some, result.classes, result.series, result.regional, result.grid.to_dataframe()]


def test_threads_and_a_cluster_of_two_workers_give_identical_tables(tmp_path, cluster, monkeypatch):
    monkeypatch.setattr("carbondrivers.datasets.blocks.CHUNK_VALUES", 20_000)
    rng = np.random.default_rng(5)
    options = {"tiled": True, "blockxsize": 32, "blockysize": 32}
    for year in range(2001, 2013):
        write_tiff(tmp_path / f"nep_{year}.tif", rng.normal(2 * (year - 2000), 30, (80, 96)).astype(np.float32), **options)
    write_tiff(tmp_path / "dem.tif", rng.random((200, 240)), transform=from_origin(499990.0, 4400005.0, 13.0, 13.0))
    rain = xr.DataArray(rng.random((80, 96)), dims=("y", "x"), name="rain")
    rain = rain.assign_coords(y=4399985.0 - 30.0 * np.arange(80), x=500015.0 + 30.0 * np.arange(96))
    rain.to_dataset().assign_attrs(crs="EPSG:32650").to_netcdf(tmp_path / "rain.nc")
    found = []
    for name in ("cluster", "threads"):
        (tmp_path / name).mkdir()
        with dask.config.set(scheduler="threads") if name == "threads" else cluster.as_current():
            assert (_scheduler()[1] == {}) == (name == "cluster")
            found.append(_study(tmp_path, tmp_path / name))
    for one, two in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)
    for file in (tmp_path / "threads").iterdir():
        assert file.read_bytes() == (tmp_path / "cluster" / file.name).read_bytes()


def test_a_bad_file_is_named_from_a_worker(tmp_path, cluster):
    write_tiff(tmp_path / "a.tif", np.random.default_rng(1).random((300, 300)), compress="deflate")
    layer = read_raster(tmp_path, "a.tif", name="ndvi")
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:3000])
    with pytest.raises(DataError, match=r"a.tif: cannot be read, truncated or damaged"):
        list(in_blocks(layer))
