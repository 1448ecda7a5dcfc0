"""Patterns with ``*`` and tiles of one grid: MODIS tiles by year, tiles of a DEM, and what is no mosaic."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from carbondrivers.datasets.mosaic import matching
from carbondrivers.datasets.rasters import read_raster
from carbondrivers.errors import StudyError
from carbondrivers.study.check import check_data, load_study
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.scaffold import scaffold

from .raster_makers import from_origin, refuses, write_tiff
from .test_modis_hdf import MOD17, TILE, structure, whole, write_hdf

WHOLE = np.arange(48.0, dtype=np.float32).reshape(6, 8) * 10
WEST, NORTH, CELL = 500000.0, 4400000.0, 30.0


def tile(path, rows, columns, values=WHOLE, cell=CELL, **options):
    place = from_origin(WEST + columns.start * cell, NORTH - rows.start * cell, cell, cell)
    write_tiff(path, values[rows, columns], transform=place, **options)


def four(folder, overlap=0):
    """Four tiles of the whole, each with `overlap` rows and columns of its neighbour."""
    for i, rows in enumerate((slice(0, 3 + overlap), slice(3, 6))):
        for j, columns in enumerate((slice(0, 5 + overlap), slice(5, 8))):
            tile(folder / f"dem_{i}{j}.tif", rows, columns)


@pytest.mark.parametrize("overlap", [0, 1])
def test_tiles_make_the_whole(tmp_path, overlap):
    four(tmp_path, overlap)
    tile(tmp_path / "all.tif", slice(0, 6), slice(0, 8))
    made = read_raster(tmp_path, "dem_*.tif", name="elevation", unit="m")
    one = read_raster(tmp_path, "all.tif", name="elevation", unit="m")
    np.testing.assert_array_equal(made, one)
    for axis in ("x", "y"):
        np.testing.assert_allclose(made[axis], one[axis], rtol=1e-12)
    assert made.attrs["crs"] == one.attrs["crs"] and made.chunks is not None
    np.testing.assert_array_equal(made.isel(y=slice(5, 1, -2), x=[1, 6, 7]), one.isel(y=slice(5, 1, -2), x=[1, 6, 7]))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(made)), one)


def test_a_gap_between_tiles_is_missing_and_nodata_of_one_is_filled_by_another(tmp_path):
    first = WHOLE.copy()
    first[2, 4] = -1
    tile(tmp_path / "a.tif", slice(0, 3), slice(0, 5), first, nodata=-1)
    tile(tmp_path / "b.tif", slice(2, 6), slice(4, 8), nodata=-1)
    made = read_raster(tmp_path, "*.tif", name="elevation", unit="m").to_numpy()
    assert made[2, 4] == WHOLE[2, 4]
    assert np.isnan(made[0, 7]) and np.isnan(made[5, 0])


def test_refusals(tmp_path):
    tile(tmp_path / "a1.tif", slice(0, 3), slice(0, 5))
    tile(tmp_path / "a2.tif", slice(0, 3), slice(1, 5))
    refuses(tmp_path, "a*.tif", "a1.tif and a2.tif cover the same cells, so they are no tiles", name="elevation")
    tile(tmp_path / "b1.tif", slice(0, 3), slice(0, 5))
    tile(tmp_path / "b2.tif", slice(3, 6), slice(0, 5), cell=60.0)
    refuses(tmp_path, "b*.tif", "b1.tif and b2.tif differ in cell size along x", name="elevation")
    tile(tmp_path / "c1.tif", slice(0, 3), slice(0, 5))
    tile(tmp_path / "c2.tif", slice(3, 6), slice(0, 5), crs="EPSG:32651")
    refuses(tmp_path, "c*.tif", "c1.tif and c2.tif differ in CRS", name="elevation")
    write_tiff(tmp_path / "d1.tif", WHOLE)
    write_tiff(tmp_path / "d2.tif", WHOLE, transform=from_origin(WEST + 8.5 * CELL, NORTH, CELL, CELL))
    refuses(tmp_path, "d*.tif", "differ in origin along x, by 8.5 cells", name="elevation")
    tile(tmp_path / "f1.tif", slice(0, 3), slice(0, 5))
    (tmp_path / "f2.tif").write_bytes((tmp_path / "f1.tif").read_bytes()[:200])
    refuses(tmp_path, "f*.tif", r"layer 'elevation' \(f2.tif\): .*truncated or damaged", name="elevation")
    refuses(tmp_path, "none*.tif", "there is no such file", name="elevation")


def test_a_year_that_lacks_a_tile_is_named(tmp_path):
    for year in (2001, 2002):
        tile(tmp_path / f"npp_{year}_a.tif", slice(0, 3), slice(0, 8))
    tile(tmp_path / "npp_2001_b.tif", slice(3, 6), slice(0, 8))
    refuses(tmp_path, "npp_{year}_*.tif", r"npp_2001_a.tif and npp_2002_a.tif differ in shape", name="npp")
    refuses(tmp_path, "npp_{year}_*.tif", r"no file for 1 of 3 steps from 2001 to 2003: npp_2003_\*.tif", name="npp",
            years=(2001, 2003))  # fmt: skip


def test_other_characters_are_themselves(tmp_path):
    for name in ("npp[1]_a.tif", "npp1_a.tif", "npp?_b.tif"):
        (tmp_path / name).write_bytes(b"II*\0")
    assert matching(tmp_path, "npp[1]_*.tif") == ["npp[1]_a.tif"]
    assert matching(tmp_path, "npp?_*") == ["npp?_b.tif"]


def modis_tiles(folder, years=range(2001, 2013), dates=("001",)):
    """Two tiles of MOD17A3HGF a year, under the names that LP DAAC gives; values 1000, 1010, ... and 500, 510, ..."""
    for number, column in enumerate(("25", "26")):
        corners = ((int(column) - 18) * TILE, 4 * TILE), ((int(column) - 17) * TILE, 3 * TILE)
        text = whole(structure(["Npp_500m", "Npp_QC_500m"], (4, 6), corners))
        for year in years:
            values = np.full((4, 6), 1000 - 500 * number + 10 * (year - 2001), dtype="int16")
            values[0, 0], values[1, 1] = 32766, values[1, 1] + 3
            quality = (np.zeros((4, 6), dtype="uint8"), {})
            for date in dates:
                name = f"MOD17A3HGF.A{year}{date}.h{column}v05.061.{2021000 + number}182345.hdf"
                write_hdf(folder / name, {"Npp_500m": (values, MOD17), "Npp_QC_500m": quality}, text)


def test_modis_tiles_by_year(tmp_path):
    modis_tiles(tmp_path)
    made = read_raster(tmp_path, "MOD17A3HGF.A{year}*.hdf", name="npp", variable="Npp_500m", product="MOD17A3HGF")
    assert made.sizes == {"year": 12, "y": 4, "x": 12} and made.attrs["units"] == "g C m-2 a-1"
    assert made["year"].to_numpy().tolist() == list(range(2001, 2013))
    np.testing.assert_allclose(made.sel(year=2003)[2, [0, 11]], [102.0, 52.0], rtol=1e-6)
    assert np.isnan(made[:, 0, [0, 6]]).all()


def test_a_folder_of_modis_tiles_becomes_a_study_that_runs(tmp_path):
    modis_tiles(tmp_path)
    path = tmp_path / "study.toml"
    path.write_text(scaffold(tmp_path), encoding="utf-8")
    study = load_study(path, None)
    response = study.spec.response
    assert (response.name, response.source) == ("npp", "MOD17A3HGF.A{year}*.hdf")
    assert (response.product, response.variable) == ("MOD17A3HGF", "Npp_500m")
    assert study.spec.study.years == (2001, 2012) and not study.spec.drivers and "trend" in study.spec.analyses
    assert check_data(study) == []
    inputs = Inputs(study, 1)
    assert inputs.stack is not None and inputs.stack.sizes["x"] == 12
    assert len(inputs.sources) == 24 and inputs.sources[0].file.startswith("MOD17A3HGF.A2001001.h25v05")


def test_composites_of_several_dates_are_no_series_of_years(tmp_path):
    modis_tiles(tmp_path, years=(2001, 2002), dates=("001", "009"))
    assert ".A{year}" not in scaffold(tmp_path)
    refuses(tmp_path, "MOD17A3HGF.A{year}*.hdf", "cover the same cells, so they are no tiles", name="npp", variable="Npp_500m")


def test_what_a_star_finds_outside_of_the_root_is_refused(tmp_path):
    inside = tmp_path / "data"
    inside.mkdir()
    tile(tmp_path / "secret.tif", slice(0, 6), slice(0, 8))
    (inside / "a_link.tif").symlink_to(tmp_path / "secret.tif")
    (inside / "study.toml").write_text('[study]\ntitle = "Out"\n[response]\nname = "nep"\nsource = "a_*.tif"\n')
    study = load_study(inside / "study.toml", None)
    assert "link to a place outside" in str(check_data(study)[0])
    with pytest.raises(StudyError, match="link to a place outside"):
        _ = Inputs(study, 1).sources
