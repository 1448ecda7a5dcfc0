"""Maps too large to be held: written as they are computed, kept as GeoTIFFs, drawn thinned, the same numbers as in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from carbondrivers.attribution.accounts import account
from carbondrivers.datasets.rasters import read_raster
from carbondrivers.reports import maps as report_maps
from carbondrivers.reports import pictures
from carbondrivers.reports.style import journal
from carbondrivers.study import state_grids
from carbondrivers.study.check import load_study
from carbondrivers.study.publish import publish_again, publish_run
from carbondrivers.study.run import RunResult, last_run, run_steps

from .raster_makers import write_tiff

SHAPE, YEARS = (30, 40), range(2001, 2013)
STUDY = """
[study]
title = "Large maps"
years = [2001, 2012]
[response]
name = "nep"
source = "nep_{year}.tif"
unit = "g C m-2 a-1"
[drivers.elevation]
source = "dem.tif"
unit = "m"
[sample]
method = "random"
n = 200
[analyses.trend]
[report]
figures = ["png"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(5)
    slope = rng.normal(2.0, 3.0, SHAPE)
    for year in YEARS:
        values = (200 + slope * (year - 2001) + rng.normal(0, 10, SHAPE)).astype(np.float32)
        values[:5, :7] = np.nan
        write_tiff(where / f"nep_{year}.tif", values, nodata=np.nan)
    write_tiff(where / "dem.tif", rng.uniform(0, 900, SHAPE).astype(np.float32))
    (where / "study.toml").write_text(STUDY)
    return where


def run(folder: Path, out: Path) -> RunResult:
    made = run_steps(load_study(folder / "study.toml"), out)
    publish_run(made, out)
    return made


@pytest.fixture(scope="module")
def held(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path]:
    out = tmp_path_factory.mktemp("held") / "out"
    return run(folder, out), out


@pytest.fixture(scope="module")
def streamed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path]:
    out = tmp_path_factory.mktemp("streamed") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_grids, "LARGE_BYTES", 0)
        return run(folder, out), out


def test_the_same_results(held: tuple[RunResult, Path], streamed: tuple[RunResult, Path]) -> None:
    for step, kept in held[0].kept.items():
        other = streamed[0].kept[step]
        assert other.key == kept.key
        for name, table in kept.result.tables.items():
            pd.testing.assert_frame_equal(other.result.tables[name], table, rtol=1e-12)
        for name, maps in kept.result.maps.items():
            found = other.result.maps[name]
            assert all(each.chunks is not None for each in found.data_vars.values())
            xr.testing.assert_identical(found.compute(), maps)


def test_maps_and_sample_lie_in_the_output_folder(held: tuple[RunResult, Path], streamed: tuple[RunResult, Path]) -> None:
    files = [sorted(path.name for path in (out / "maps").iterdir()) for _, out in (held, streamed)]
    assert files[0] == files[1] and {"account_mean.tif", "trend_sen_slope.tif", "trend_trend_class.tif"} <= set(files[0])
    for name in files[0]:
        assert (held[1] / "maps" / name).read_bytes() == (streamed[1] / "maps" / name).read_bytes()
    with rasterio.open(held[1] / "maps" / "trend_trend_class.tif") as file:
        assert file.tags()["classes"].startswith("0 = ") and file.crs == "EPSG:32650" and file.shape == SHAPE
    rows = pd.read_parquet(held[1] / "sample.parquet")
    assert len(rows) == 200 and {"x", "y", "nep", "elevation"} <= set(rows.columns)
    again = read_raster(held[1] / "maps", "account_mean.tif", name="nep")
    np.testing.assert_array_equal(again, held[0].kept["account"].result.maps["grid"]["mean"])


def test_a_report_is_written_again_from_kept_maps(streamed: tuple[RunResult, Path]) -> None:
    _, out = streamed
    before = (out / "maps" / "trend_sen_slope.tif").read_bytes()
    (out / "maps" / "trend_sen_slope.tif").unlink()
    publish_again(out)
    assert (out / "maps" / "trend_sen_slope.tif").read_bytes() == before
    assert not [path for path in (out / ".state").rglob("*") if path.name.endswith(".tmp")]


def test_a_map_that_was_changed_is_made_anew(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_grids, "LARGE_BYTES", 0)
    study, said = load_study(folder / "study.toml"), []
    run_steps(study, tmp_path)
    (kept,) = (tmp_path / ".state").glob("trend-*/grid_mk_p.tif")
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    run_steps(study, tmp_path, progress=lambda title, done: said.append(title))
    assert said[0].startswith("Trend") and len(said) == 2
    assert set(last_run(tmp_path).kept) == {"describe", "account", "trend"}


def test_maps_without_a_reference_system_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_grids, "LARGE_BYTES", 0)
    grid = xr.Dataset({"a": (("y", "x"), np.ones((2, 3)))}, coords={"y": [2.0, 1.0], "x": [1.0, 2.0, 3.0]})
    assert not state_grids.is_large(grid)
    assert state_grids.is_large(grid.assign_attrs(crs="EPSG:32650"))
    assert state_grids.Passing(tmp_path).keep(grid.chunk())["a"].chunks is None
    assert not list(tmp_path.iterdir())


def test_a_large_map_is_drawn_thinned(held: tuple[RunResult, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_maps, "MOST_DRAWN", 200)
    drawn = {picture.name: picture for picture in pictures(held[0].kept["trend"].result, journal("jal"))}
    assert drawn["trend_map"].caption.endswith("Drawn: one in 3 rows and columns; the maps hold every cell.")
    assert len(drawn["trend_map"].numbers) <= 10 * 14
    assert "Drawn" not in drawn["trend_series"].caption


@pytest.mark.parametrize("crs", ["EPSG:32650", ""])
def test_an_account_by_blocks_is_the_account(crs: str) -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(12, 9, 11))
    values[:, 0, 0], values[3, 4, 5] = np.nan, np.nan
    coords = {"year": range(2001, 2013), "y": 9000.0 - 1000 * np.arange(9), "x": 1000.0 * np.arange(11)}
    stack = xr.DataArray(values, coords, ("year", "y", "x"), attrs={"crs": crs} if crs else {})
    whole, parts = account(stack), account(stack.chunk(x=4, y=3))
    pd.testing.assert_frame_equal(whole.annual, parts.annual, rtol=1e-12)
    xr.testing.assert_identical(whole.grid, parts.grid)
    assert parts.n == 98
