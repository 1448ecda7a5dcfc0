"""Alignment: values land where they belong, sizes change without aliasing, kinds are enforced, and nothing is loaded."""

from __future__ import annotations

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from carbondrivers.datasets import warp as module
from carbondrivers.datasets.align import align, study_grid
from carbondrivers.datasets.grids import grid_difference
from carbondrivers.datasets.rasters import read_raster
from carbondrivers.errors import DataError, DataWarning, OptionError

from .raster_makers import from_origin, write_tiff

UTM = "EPSG:32648"


def grid(data, cell=30.0, west=500000.0, north=4400000.0, crs=UTM, **attrs):
    data = np.asarray(data, dtype=float)
    rows, columns = data.shape[-2:]
    coords = {"y": north - cell * (np.arange(rows) + 0.5), "x": west + cell * (np.arange(columns) + 0.5)}
    dims = ("y", "x")
    if data.ndim == 3:
        dims, coords = ("year", *dims), {"year": 2001 + np.arange(len(data)), **coords}
    return xr.DataArray(data, coords, dims, attrs={"crs": crs, "resolution": (cell, cell)} | attrs)


def one(layer, target, method=None):
    found = align({"layer": layer}, target, methods={"layer": method} if method else None)
    return found.layers["layer"], found.report.iloc[0]


def test_a_layer_on_the_study_grid_stays_as_it_is():
    layer = grid(np.random.default_rng(1).random((3, 4, 5))).chunk(x=2)
    found, row = one(layer, layer[0])
    np.testing.assert_array_equal(found, layer)
    assert (row["method"], row["cells"], row["covered"]) == ("none", 1.0, 1.0)
    assert found.attrs["crs"] == UTM and "align(method='none'" in found.attrs["history"]


def test_larger_cells_take_the_mean_of_their_parts_and_the_most_common_class():
    rng = np.random.default_rng(2)
    data = rng.random((40, 60))
    target = grid(np.zeros((4, 6)), 300.0)
    found, row = one(grid(data), target)
    np.testing.assert_allclose(found, data.reshape(4, 10, 6, 10).mean(axis=(1, 3)), rtol=1e-6)
    assert (row["method"], round(row["cells"])) == ("average", 100)
    classes = rng.integers(1, 4, (40, 60))
    found, row = one(grid(classes, kind="categorical"), target)
    blocks = classes.reshape(4, 10, 6, 10).swapaxes(1, 2).reshape(4, 6, 100)
    counts = np.stack([(blocks == k).sum(axis=2) for k in (1, 2, 3)])
    clear = np.sort(counts, axis=0)[-1] > np.sort(counts, axis=0)[-2]
    np.testing.assert_array_equal(found.to_numpy()[clear], counts.argmax(axis=0)[clear] + 1)
    assert row["method"] == "mode" and clear.sum() > 15


@pytest.mark.parametrize(("method", "most"), [("average", 0.11), ("bilinear", 0.13)])
def test_down_sampling_is_anti_aliased(method, most):
    # White noise over 100 cells has a standard deviation of 0.1; plain interpolation would leave 0.6 or more.
    noise = np.random.default_rng(3).normal(size=(1000, 1000))
    found, _ = one(grid(noise), grid(np.zeros((100, 100)), 300.0), method)
    assert float(found.std()) < most


def test_a_field_comes_to_its_place_in_another_system():
    lon, lat = 104.0 + 0.0025 * (np.arange(500) + 0.5), 39.0 - 0.0025 * (np.arange(400) + 0.5)
    x, y = Transformer.from_crs("EPSG:4326", UTM, always_xy=True).transform(*np.meshgrid(lon, lat))
    layers = {
        name: xr.DataArray(values, {"y": lat, "x": lon}, ("y", "x"), attrs={"crs": "EPSG:4326"}).chunk(x=120, y=90)
        for name, values in (("x", x), ("y", y))
    }
    target = grid(np.zeros((300, 300)), 200.0, west=430000.0, north=4300000.0)
    found = align(layers, target, methods={"x": "bilinear", "y": "bilinear"})
    cell = 0.0025 * 111000.0
    for axis in ("x", "y"):
        error = found.layers[axis] - target[axis]
        assert float(error.count()) == error.size
        # The tolerance of the warp, and what a straight line between cells misses of the projection.
        assert float(abs(error).max()) < cell / 100
    assert found.report["from_crs"].tolist() == ["EPSG:4326"] * 2
    assert found.report["cells"].to_numpy() == pytest.approx(200.0**2 / (cell**2 * np.cos(np.radians(38.6))), rel=0.02)


def test_there_and_back_again():
    rng = np.random.default_rng(4)
    classes = np.kron(rng.integers(1, 5, (20, 20)), np.ones((12, 12)))
    start = grid(classes, 100.0, kind="categorical")
    there = study_grid(start, crs="EPSG:4326", cell=0.0004)
    back, _ = one(one(start, there, "nearest")[0], start, "nearest")
    inner = classes[6:-6, 6:-6]
    assert float((back.to_numpy()[6:-6, 6:-6] == inner).mean()) > 0.97
    assert set(np.unique(back)) <= {1.0, 2.0, 3.0, 4.0}


def test_missing_cells_neither_spread_nor_leak(tmp_path):
    data = np.full((40, 40), 7.0)
    data[:10] = -9999.0
    data[20, 20] = -9999.0
    write_tiff(tmp_path / "a.tif", data, crs=UTM, nodata=-9999.0)
    layer = read_raster(tmp_path, "a.tif", name="value")
    for cell, method in ((300.0, "average"), (300.0, "bilinear"), (20.0, "bilinear"), (47.0, "average")):
        n = int(1200 / cell)
        found, _ = one(layer, grid(np.zeros((n, n)), cell), method)
        values = found.to_numpy()
        np.testing.assert_allclose(values[np.isfinite(values)], 7.0, rtol=1e-6)
        assert np.isnan(values[: n // 5]).all() and np.isfinite(values[n // 3 : n // 2]).all()


def test_years_with_gaps_of_their_own_are_warped_each_alone():
    data = np.random.default_rng(5).random((3, 50, 50))
    data[0, :20] = np.nan
    data[2, 30:] = np.nan
    layer = grid(data).chunk(year=1, x=20)
    target = grid(np.zeros((31, 33)), 43.0)
    found, _ = one(layer, target)
    assert found.dims == ("year", "y", "x") and len(found.chunks[0]) == 1
    assert found["year"].to_numpy().tolist() == [2001, 2002, 2003]
    for year in range(3):
        np.testing.assert_array_equal(found[year], one(layer[year], target)[0])


def test_the_chunks_of_the_source_do_not_matter():
    layer = grid(np.random.default_rng(6).random((300, 300)), 0.001, west=104.0, north=39.0, crs="EPSG:4326")
    target = study_grid(layer, crs=UTM, cell=250.0)
    whole, _ = one(layer, target)
    for chunks in ({"x": 70, "y": 300}, {"x": 33, "y": 41}, {"x": 300, "y": 1}):
        np.testing.assert_array_equal(one(layer.chunk(chunks), target)[0], whole)


@pytest.mark.parametrize(("cell", "method"), [(250.0, "average"), (250.0, "bilinear"), (60.0, "bilinear")])
def test_blocks_of_the_target_fit_together(monkeypatch, cell, method):
    lon, lat = np.meshgrid(np.arange(300), np.arange(300))
    layer = grid(lon * 3.0 + lat, 0.001, west=104.0, north=39.0, crs="EPSG:4326")
    target = study_grid(layer, crs=UTM, cell=cell)
    whole, _ = one(layer, target, method)
    monkeypatch.setattr(module, "TILE", 17)
    parts, _ = one(layer, target, method)
    inside = np.isfinite(whole.to_numpy()) & np.isfinite(parts.to_numpy())
    differing = np.isfinite(whole.to_numpy()) != np.isfinite(parts.to_numpy())
    assert differing.sum() <= 2 and inside.mean() > 0.8
    # A thousandth of a source cell, along the gradient of 3 and 1 a cell, from either side.
    assert float(np.abs((whole - parts).to_numpy()[inside]).max()) < 2 * 0.001 * np.hypot(3, 1)


def test_nothing_is_read_before_it_is_asked_for_and_then_only_the_part_that_is_needed():
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.ones((50, 50))

    data = dask.array.map_blocks(block, chunks=((50,) * 10, (50,) * 10), dtype=float, meta=np.empty((0, 0)))
    layer = grid(np.zeros((500, 500))).copy(data=data)
    read.clear()
    found, _ = one(layer, grid(np.zeros((700, 700)), 20.0))
    assert read == []
    with dask.config.set(scheduler="synchronous"):
        assert float(found[600:, 600:].mean()) == 1.0
    assert 0 < len(read) < 40 and all(row >= 4 and column >= 4 for row, column in read)


def test_the_window_of_a_block_stays_small_however_much_larger_the_cells_are():
    data = dask.array.zeros((40_000, 40_000), chunks=1000)
    layer = xr.DataArray(
        data, {"y": 4.4e6 - 30.0 * np.arange(40_000), "x": 5e5 + 30.0 * np.arange(40_000)}, ("y", "x"), attrs={"crs": UTM}
    )
    found, _ = one(layer, study_grid(layer, cell=3000.0))
    assert max(found.chunks[0]) ** 2 * (3000 / 30) ** 2 <= 6_000_000


def test_cells_that_coincide_are_only_cut_out():
    data = np.random.default_rng(7).random((50, 60))
    layer = grid(data)
    target = grid(np.zeros((20, 30)), west=500000.0 + 7 * 30.0, north=4400000.0 - 5 * 30.0)
    found, row = one(layer, target)
    np.testing.assert_array_equal(found, data[5:25, 7:37])
    assert row["method"] == "cut"
    wider = grid(np.zeros((54, 64)), west=500000.0 - 60.0, north=4400000.0 + 60.0)
    found, row = one(layer, wider)
    np.testing.assert_array_equal(found.to_numpy()[2:-2, 2:-2], data)
    assert np.isnan(found.to_numpy()[:2]).all()
    assert row["covered"] == pytest.approx(50 * 60 / (54 * 64), rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.floats(11.0, 200.0), st.floats(-40.0, 40.0), st.sampled_from(["bilinear", "average"]), st.integers(0, 99))
def test_values_stay_between_those_of_the_source(cell, shift, method, seed):
    data = np.random.default_rng(seed).normal(size=(30, 30))
    data[np.random.default_rng(seed + 1).random(data.shape) < 0.1] = np.nan
    n = int(900 // cell)
    found, _ = one(grid(data), grid(np.zeros((n, n)), cell, west=500000.0 + shift), method)
    values = found.to_numpy()
    assert np.nanmin(values) >= np.nanmin(data) - 1e-9 and np.nanmax(values) <= np.nanmax(data) + 1e-9


def test_kinds_are_enforced():
    layer, classes = grid(np.ones((9, 9))), grid(np.ones((9, 9)), kind="categorical")
    target = grid(np.ones((3, 3)), 90.0)
    with pytest.raises(
        OptionError, match="method of 'cover', a categorical layer, must be one of 'nearest', 'mode', got 'aver"
    ):
        align({"cover": classes}, target, methods={"cover": "average"})
    with pytest.raises(
        OptionError, match="method of 'dem', a continuous layer, must be one of 'bilinear', 'average', got 'near"
    ):
        align({"dem": layer}, target, methods={"dem": "nearest"})
    with pytest.raises(OptionError, match=r"layer in methods must be one of 'dem', got 'den'. Did you mean 'dem'"):
        align({"dem": layer}, target, methods={"den": "average"})
    with pytest.raises(OptionError, match="kind of layer 'dem' must be one of"):
        align({"dem": layer.assign_attrs(kind="nominal")}, target)


def test_a_layer_of_another_place_is_refused_and_a_small_one_named():
    target = grid(np.ones((30, 30)))
    with pytest.raises(
        DataError, match=r"layer 'dem' does not touch the study grid: it runs from x 100000 to .* in EPSG:32648"
    ):
        align({"dem": grid(np.ones((30, 30)), west=100000.0)}, target)
    with pytest.raises(DataError, match="does not touch the study grid"):
        align({"dem": grid(np.ones((30, 30)), crs="EPSG:32618")}, target)
    with pytest.warns(DataWarning, match=r"layer 'dem' covers 2\d% of the study grid: the rest stays empty"):
        found = align({"dem": grid(np.ones((15, 15)))}, target)
    assert int(found.layers["dem"].count()) == 225


def test_study_grid():
    layer = grid(np.ones((40, 50)), 30.0, west=500010.0)
    assert grid_difference(study_grid(layer), layer) == ""
    coarse = study_grid(layer, cell=1000.0)
    assert coarse["x"].to_numpy().tolist() == [500500.0, 501500.0]
    assert coarse["y"].to_numpy().tolist() == [4399500.0, 4398500.0]
    assert (coarse.attrs["crs"], coarse.attrs["resolution"]) == (UTM, (1000.0, 1000.0))
    degrees = study_grid(layer, crs="EPSG:4326")
    assert degrees.attrs["resolution"][0] == pytest.approx(30.0 / 111000.0, rel=0.2)
    found, row = one(layer, degrees)
    assert row["covered"] > 0.9 and float(found.mean()) == pytest.approx(1.0)
    cut = study_grid(layer, cell=30.0, bounds=(500100.0, 4399110.0, 500190.0, 4399170.0))
    assert cut.shape == (2, 3)
    with pytest.raises(DataError, match="no cell of 30 lies between x = 5 and 5: give bounds as west, south, east, north"):
        study_grid(layer, cell=30.0, bounds=(5.0, 0.0, 5.0, 90.0))
    with pytest.raises(DataError, match="unknown CRS 'EPSG:1'"):
        study_grid(layer, crs="EPSG:1")


def test_files_of_every_grid_come_together(tmp_path):
    write_tiff(tmp_path / "dem.tif", np.random.default_rng(8).random((90, 90)), transform=from_origin(5e5, 4.4e6, 30.0, 30.0))
    write_tiff(tmp_path / "cover.tif", np.ones((60, 60), np.uint8), transform=from_origin(5e5, 4.4e6, 50.0, 50.0))
    layers = {
        "dem": read_raster(tmp_path, "dem.tif", name="height"),
        "cover": read_raster(tmp_path, "cover.tif", name="cover", kind="categorical"),
    }
    found = align(layers, study_grid(layers["dem"], cell=300.0))
    assert grid_difference(found.layers["dem"], found.layers["cover"]) == ""
    assert found.report[["layer", "kind", "method", "from_resolution", "to_resolution"]].to_numpy().tolist() == [
        ["dem", "continuous", "average", 30.0, 300.0],
        ["cover", "categorical", "mode", 50.0, 300.0],
    ]
