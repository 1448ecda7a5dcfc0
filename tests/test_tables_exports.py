"""Tables of AppEEARS, Earth Engine, ArcGIS and dBASE, and archives and headers that declare too much."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import shapely

from carbondrivers.datasets import tables, workbooks
from carbondrivers.datasets.table_exports import export_columns, good_quality, needed_columns, recognise
from carbondrivers.datasets.tables import read_table, table_columns
from carbondrivers.errors import DataError

NDVI, FLAG = "MOD13Q1_061__250m_16_days_NDVI", "MOD13Q1_061__250m_16_days_VI_Quality_MODLAND"
APPEEARS = f"""Category,ID,Latitude,Longitude,Date,MODIS_Tile,{NDVI},{FLAG},{FLAG}_Description
grass,p1,40.1,101.5,2012-01-01,h25v04,0.1674,0b00,VI produced with good quality
grass,p1,40.1,101.5,2012-01-17,h25v04,-0.0152,0b01,"VI produced, but check other QA"
grass,p1,40.1,101.5,2012-02-02,h25v04,-3000.0,0b11,"Pixel not produced due to other reasons, than clouds"
grass,p2,41.1,102.5,2012-01-01,h25v04,-0.3,0b10,"Pixel produced, but most probably cloudy"
"""
LAI = """ID,Latitude,Longitude,Date,MCD15A3H_061_Lai_500m,MCD15A3H_061_Fpar_500m,MCD15A3H_061_FparLai_QC_MODLAND
a,46.2,-112.7,2020-07-31,1.7,0.62,0b0
a,46.2,-112.7,2020-08-04,249.0,249.0,0b1
a,46.2,-112.7,2020-08-08,25.5,2.55,0b1
"""
POINT = '"{""type"":""Point"",""coordinates"":[%s,%s]}"'


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path, columns: list[str] | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path, columns)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)
    return str(caught.value)


def test_fill_values_of_appeears_are_emptied_and_said(tmp_path):
    read = read_table(write(tmp_path, "points.csv", APPEEARS))
    # Scaled fill values too: -0.3 is -3000 x 0.0001, which no NDVI of the product can be.
    assert read.frame[NDVI].isna().tolist() == [False, False, True, True]
    assert read.frame[NDVI].dropna().tolist() == [0.1674, -0.0152]
    assert read.notes == (
        "points.csv is an AppEEARS table: places are Longitude and Latitude (EPSG:4326), values are scaled already",
        f"points.csv: 2 of 4 cells of {NDVI!r} held a fill value and were emptied",
        f"points.csv: no row was left out for its quality; the flags are in {FLAG}",
    )
    assert read_table(tmp_path / "points.csv", [NDVI]).frame[NDVI].isna().sum() == 2


def test_leaf_area_of_appeears(tmp_path):
    frame = read_table(write(tmp_path, "lai.csv", LAI)).frame
    assert frame["MCD15A3H_061_Lai_500m"].isna().tolist() == [False, True, True]
    assert frame["MCD15A3H_061_Fpar_500m"].isna().tolist() == [False, True, True]


def test_quality_flags_of_appeears(tmp_path):
    frame = read_table(write(tmp_path, "points.csv", APPEEARS)).frame
    assert good_quality(frame).tolist() == [True, False, False, False]
    assert good_quality(frame, keep=(0, 1)).tolist() == [True, True, False, False]
    assert good_quality(frame, keep=(2, 3)).tolist() == [False, False, True, True]
    assert good_quality(read_table(write(tmp_path, "lai.csv", LAI)).frame).tolist() == [True, False, False]
    with pytest.raises(DataError, match="no column that ends in '_MODLAND'"):
        good_quality(frame[["ID"]])


def test_places_of_earth_engine(tmp_path):
    rows = [f"{i:020d},{0.1 * i},{POINT % (100 + i, 35 + i)}" for i in range(3)]
    path = write(tmp_path, "ee.csv", "\n".join(["system:index,ndvi,.geo", *rows]) + "\n")
    assert table_columns(path) == ("system:index", "ndvi", "x", "y")
    read = read_table(path)
    assert list(read.frame.columns) == ["system:index", "ndvi", "x", "y"]
    assert read.frame["x"].tolist() == [100, 101, 102] and read.frame["y"].tolist() == [35, 36, 37]
    assert read.notes == ("ee.csv is an Earth Engine table: x and y were read from '.geo' (EPSG:4326)",)
    some = read_table(path, ["y", "ndvi", "x"]).frame
    assert list(some.columns) == ["y", "ndvi", "x"] and some["x"].tolist() == [100, 101, 102]
    assert list(read_table(path, [".geo"]).frame.columns) == [".geo"]


def test_polygons_and_gaps_of_earth_engine(tmp_path):
    box = '"{""type"":""Polygon"",""coordinates"":[[[0,0],[2,0],[2,4],[0,4],[0,0]]]}"'
    empty = '"{""type"":""MultiPoint"",""coordinates"":[]}"'
    read = read_table(write(tmp_path, "ee.csv", f"system:index,v,.geo\na,1,{box}\nb,2,{empty}\nc,3,\n"))
    assert read.frame[["x", "y"]].iloc[0].tolist() == [1.0, 2.0] and read.frame["x"].isna().tolist() == [False, True, True]
    assert "1 places are lines or polygons; x and y are their centroids" in read.notes[1]
    assert read.notes[2] == "ee.csv: 2 of 3 rows have no place"


def test_earth_engine_without_places(tmp_path):
    empty = '"{""type"":""MultiPoint"",""coordinates"":[]}"'
    path = write(tmp_path, "ee.csv", f"system:index,v,.geo\na,1,{empty}\nb,2,{empty}\n")
    read = read_table(path)
    assert list(read.frame.columns) == ["system:index", "v"] and read.notes == ("ee.csv: column '.geo' holds no place",)
    assert read_table(path, ["v"]).frame["v"].tolist() == [1, 2]
    assert "export with geometries (sampleRegions with geometries = true)" in refused(path, ["v", "x", "y"])
    assert "is no GeoJSON" in refused(write(tmp_path, "bad.csv", "system:index,v,.geo\na,1,POINT (1 2)\n"))


def test_own_coordinates_of_an_earth_engine_table_are_kept(tmp_path):
    path = write(tmp_path, "ee.csv", f"system:index,x,y,.geo\na,1,2,{POINT % (9, 9)}\n")
    read = read_table(path)
    assert read.frame[["x", "y"]].to_numpy().tolist() == [[1, 2]] and not read.notes
    assert table_columns(path) == ("system:index", "x", "y", ".geo")


def test_tables_of_arcgis_are_made_plain(tmp_path):
    rows = ['1,-9999,"1,234",<Null>,"10,000.5"', "2,0.5,999,grass,20", '3,0.7,"12,000",bare,30']
    text = "\n".join(["OBJECTID,RASTERVALU,pop,cover,Shape_Area", *rows]) + "\n"
    read = read_table(write(tmp_path, "gis.csv", text))
    assert read.frame["RASTERVALU"].isna().tolist() == [True, False, False]
    assert read.frame["pop"].tolist() == [1234, 999, 12000] and read.frame["Shape_Area"].tolist() == [10000.5, 20, 30]
    assert read.frame["cover"].isna().tolist() == [True, False, False]
    assert read.notes == (
        "gis.csv: thousands separators were taken out of pop, Shape_Area",
        "gis.csv: 1 cells of 'RASTERVALU' held ArcGIS's NoData and were emptied",
    )


def test_the_lowest_float_of_arcgis_and_honest_values(tmp_path):
    low = "-1.7976931348623157e+308"
    read = read_table(write(tmp_path, "gis.csv", f"FID,a,b\n0,{low},-9999\n1,5,-9990\n2,6,-9980\n3,7,-9970\n"))
    assert read.frame["a"].isna().tolist() == [True, False, False, False]
    # Among values of its own size -9999 is one of them.
    assert read.frame["b"].notna().all()


def test_an_arcgis_workbook(tmp_path):
    book = openpyxl.Workbook()
    for row in (["OBJECTID", "nep"], [1, -9999], [2, 12.5], [3, "<Null>"], [4, 14.0]):
        book.active.append(row)
    book.save(tmp_path / "gis.xlsx")
    read = read_table(tmp_path / "gis.xlsx")
    assert read.frame["nep"].isna().tolist() == [True, False, True, False]


def test_codes_of_unknown_programs_stay(tmp_path):
    read = read_table(write(tmp_path, "own.csv", "site,nep\na,-9999\nb,5\n"))
    assert read.frame["nep"].tolist() == [-9999, 5] and not read.notes


def test_programs_are_told_by_their_columns():
    assert recognise(["OBJECTID", "nep"]) == recognise(["id", "POINT_X", "POINT_Y"]) == "ArcGIS"
    assert recognise(["site", "objectid"]) == recognise([]) == recognise(["Latitude", "Longitude", "Date", "nep"]) == ""
    assert recognise(["ndvi", ".geo"]) == "Earth Engine"
    assert export_columns(["a", ".geo", "b"]) == ("a", "b", "x", "y")
    assert needed_columns(["x", "a", "y"], ["a", ".geo"]) == [".geo", "a"]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_dbase_tables(tmp_path, encoding):
    frame = gpd.GeoDataFrame(
        {"省份": ["甘肃", "青海"], "nep": [1.5, -2.5]}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs="EPSG:4326"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame.to_file(tmp_path / "t.shp", encoding=encoding)
    for part in (".shp", ".shx", ".cpg", ".prj"):
        (tmp_path / f"t{part}").unlink()
    read = read_table(tmp_path / "t.dbf", ["nep", "省份"])
    assert read.frame["省份"].tolist() == ["甘肃", "青海"] and read.frame["nep"].tolist() == [1.5, -2.5]
    assert table_columns(tmp_path / "t.dbf") == ("省份", "nep") and f"encoding {encoding}" in read.notes[0]
    assert "no column 'nepp'. Did you mean 'nep'?" in refused(tmp_path / "t.dbf", ["nepp"])


def test_what_is_no_dbase_table(tmp_path):
    assert "is not a dBASE table" in refused(write(tmp_path, "a.dbf", "<OGRVRTDataSource></OGRVRTDataSource>"))
    (tmp_path / "b.dbf").write_bytes(b"\x03" + b"\x00" * 10)
    assert "is not a readable dBASE table" in refused(tmp_path / "b.dbf")


def bomb(path: Path, member: str, size: int) -> Path:
    """A workbook in which one member of zeros unpacks to `size` bytes."""
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.append([1, 2])
    held = io.BytesIO()
    book.save(held)
    with zipfile.ZipFile(held) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, b"\0" * size if name == member else old.read(name))
    return path


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = bomb(tmp_path / "bomb.xlsx", "xl/worksheets/sheet1.xml", 80 * 2**20)
    assert path.stat().st_size < 200_000
    opened = []
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda *given: opened.append(given))
    text = refused(path)
    assert "unpacks from" in text and "bytes, which no table does: the file is damaged or hostile" in text and not opened
    with pytest.raises(DataError, match="unpacks from"):
        table_columns(path)


def test_a_workbook_that_is_merely_too_large_is_refused(tmp_path, monkeypatch):
    path = bomb(tmp_path / "large.xlsx", "docProps/app.xml", 1000)
    monkeypatch.setattr(workbooks, "MOST_BYTES", 5000)
    assert "unpacks from" in refused(path)


def test_a_declared_size_that_lies_unpacks_no_more_than_it_says(tmp_path):
    """The size in the directory is the bound of what is read, so a false one ends in a broken workbook."""
    path = bomb(tmp_path / "lie.xlsx", "xl/worksheets/sheet1.xml", 70 * 2**20)
    raw = path.read_bytes()
    size = struct.pack("<I", 70 * 2**20)
    assert raw.count(size) == 2
    path.write_bytes(raw.replace(size, struct.pack("<I", 100)))
    assert "is not a readable Excel workbook" in refused(path)


def test_a_parquet_header_that_declares_too_much(tmp_path, monkeypatch):
    parquet.write_table(pa.table({"a": np.zeros(1000), "b": np.zeros(1000)}), tmp_path / "t.parquet")
    assert len(read_table(tmp_path / "t.parquet").frame) == 1000
    monkeypatch.setattr(tables, "MOST_CELLS", 1500)
    assert "declares 1,000 rows of 2 columns" in refused(tmp_path / "t.parquet")
    assert len(read_table(tmp_path / "t.parquet", ["a"]).frame) == 1000


def test_null_of_arcgis_is_missing_in_any_table(tmp_path):
    frame = read_table(write(tmp_path, "t.csv", "site,nep\na,<Null>\nb,2.5\n")).frame
    assert frame["nep"].isna().tolist() == [True, False] and pd.api.types.is_float_dtype(frame["nep"])
