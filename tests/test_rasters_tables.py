"""From layers to tables: alignment is required, means are right, chosen cells come in their order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.datasets.rasters import read_raster, require_aligned, stack_to_frame
from carbondrivers.errors import DataError

from .raster_makers import VALUES, from_origin, write_tiff


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


def _layers():
    rng = np.random.default_rng(4)
    values = rng.random((3, 30, 41))
    values[:, 5:9, 3:20] = np.nan
    coords = {"y": 30.0 - np.arange(30), "x": np.arange(41.0)}
    stack = xr.DataArray(values, {"year": [1, 2, 3], **coords}, ("year", "y", "x"), attrs={"crs": "EPSG:32650"})
    return {"nep": stack, "dem": stack[0].drop_vars("year") * 100.0}


@pytest.mark.parametrize("chunks", [{"x": 7, "y": 11}, {"y": 1}, {"x": 1}])
def test_the_table_does_not_depend_on_chunks(chunks):
    layers = _layers()
    whole = stack_to_frame(layers)
    lazy = stack_to_frame({name: layer.chunk(chunks) for name, layer in layers.items()})
    pd.testing.assert_frame_equal(whole, lazy, check_exact=True)
    assert len(whole) == 30 * 41 - 4 * 17
    assert (whole["y"].diff().fillna(0) <= 0).all()


def test_chosen_cells_come_in_their_order_with_or_without_values():
    layers = _layers()
    cells = np.array([41 * 6 + 4, 0, 1229, 77, 0, 500])
    table = stack_to_frame({name: layer.chunk(x=10, y=8) for name, layer in layers.items()}, cells=cells)
    assert table["x"].tolist() == (cells % 41).tolist()
    assert table["y"].tolist() == (30 - cells // 41).tolist()
    np.testing.assert_allclose(table["nep"], layers["nep"].mean("year").to_numpy().ravel()[cells], rtol=1e-12)
    assert table["nep"].isna().tolist() == [True, False, False, False, False, False]
    assert len(stack_to_frame(layers, cells=np.array([], dtype=int))) == 0


def test_cells_outside_the_grid_are_refused():
    for cells, message in (
        ([1230], "cells must lie in 0 to 1229, got 1230 to 1230"),
        ([-1], "cells must lie in 0 to 1229, got -1"),
        ([0.5], "cells must be a list of whole numbers, got float64 of 1 dimensions"),
    ):
        with pytest.raises(DataError, match=message):
            stack_to_frame(_layers(), cells=np.array(cells))
    with pytest.raises(DataError, match="no layers are given"):
        stack_to_frame({})


def test_a_table_without_any_cell_is_empty():
    empty = {name: layer * np.nan for name, layer in _layers().items()}
    assert stack_to_frame(empty).columns.tolist() == ["x", "y", "nep", "dem"]
    assert stack_to_frame(empty).empty
