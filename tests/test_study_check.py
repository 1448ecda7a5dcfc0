"""Reading a study file: every problem in one go, each with its line and a remedy."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

from carbondrivers.datasets import virtual_region
from carbondrivers.errors import StudyError
from carbondrivers.study.check import check_data, load_study, response_years
from carbondrivers.study.rules import REGION_RESPONSES, REGION_YEARS

TABLE = """schema = 1
[study]
title = "Towers"
[table]
file = "t.csv"
coordinates = ["lon", "lat"]
crs = "EPSG:4326"
[response]
name = "nep"
[drivers]
precipitation = { column = "map_mm", unit = "mm a-1" }
igbp = { category = "vegetation", kind = "categorical" }
[groups.sink]
column = "nep"
above = 0
[analyses.geodetector]
method = "quantile"
"""
RASTERS = """schema = 1
[study]
title = "Grids"
years = [2001, 2003]
[response]
name = "lai"
source = "lai.nc"
[analyses.trend]
min_valid = 3
"""


def study(folder: Path, text: str | bytes) -> Path:
    path = folder / "study.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(folder: Path, text: str | bytes, data: Path | None = None) -> list[str]:
    with pytest.raises(StudyError) as caught:
        load_study(study(folder, text), data)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def only(folder: Path, text: str) -> str:
    found = problems(folder, text)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_good_study_is_loaded(tmp_path: Path, mark: bytes) -> None:
    loaded = load_study(study(tmp_path, mark + TABLE.replace("\n", "\r\n").encode()))
    assert loaded.root == tmp_path and loaded.spec.kind == "table" and loaded.text == TABLE
    assert loaded.spec.analyses["geodetector"].model_dump()["classes"] == 6
    assert load_study(loaded.path, tmp_path).root == tmp_path


def test_all_problems_come_in_one_pass_in_the_order_of_lines(tmp_path: Path) -> None:
    text = """schema = 1
sede = 3
[study]
years = [2005, 2001]
[table]
file = "../t.csv"
[response]
name = "nep"
nodata = "x"
[drivers]
precipitation = { categroy = "climate" }
elevation = { category = "dem", unit = 3 }
nep = {}
[groups.sink]
column = "nep"
[analyses.geodetectr]
[analyses.geodetector]
method = "jenks"
classes = 1
[analyses.trend]
method = ["mk"]
"""
    expected = [
        ("study.toml:2: sede: unknown key; expected one of schema, study,", ""),
        ("study.toml:3: study.title: missing: add title", "it heads the report"),
        ("study.toml:4: study.years: the first year must not be after the last", "[2005, 2001]"),
        ("study.toml:6: table.file: path '../t.csv' leaves its root", "--data"),
        ("study.toml:9: response.nodata: must be a number, got 'x'", ""),
        (
            "study.toml:11: drivers.precipitation.categroy: unknown key; expected one of column, source,",
            "did you mean 'category'?",
        ),
        ("study.toml:12: drivers.elevation.category: must be one of 'climate'", "'dem' is called 'topography' here"),
        ("study.toml:12: drivers.elevation.unit: must be text in quotes, got 3", ""),
        ("study.toml:13: drivers.nep: is the response 'nep' too", "take it out of the drivers"),
        ("study.toml:14: groups.sink: says no condition", "above, at_least, below, at_most, is"),
        ("study.toml:16: analyses.geodetectr: unknown step", "did you mean 'geodetector'?"),
        ("study.toml:18: analyses.geodetector.method: must be one of", "'jenks' is called 'natural' here"),
        ("study.toml:19: analyses.geodetector.classes: must be at least 2, or a list in [ ], got 1", ""),
        ("study.toml:20: analyses.trend: trend needs a stack of grids", "take it out"),
        ("study.toml:21: analyses.trend.method: must be one of", "'mk' is called 'mann_kendall' here"),
    ]
    found = problems(tmp_path, text)
    assert len(found) == len(expected), "\n".join(found)
    for line, (start, end) in zip(sorted(found), sorted(expected, key=lambda e: e[0]), strict=True):
        assert line.startswith(start) and end in line, line
    numbers = [int(line.split(":")[1]) for line in found]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("schema = 1", "schema = 2", (":1: schema: must be 1, got 2",)),
        ('title = "Towers"', "title = 3", (":3: study.title: must be text in quotes, got 3",)),
        ('title = "Towers"', 'title = ""', (":3: study.title:",)),
        ('title = "Towers"', 'title = "T"\nseed = -1', (":4: study.seed: must be at least 0, got -1",)),
        ('title = "Towers"', 'title = "T"\nseed = "1"', (":4: study.seed: must be a whole number, got '1'",)),
        ('title = "Towers"', 'title = "T"\nyears = [2001]', (":4: study.years",)),
        ('["lon", "lat"]', '["lon", "lon"]', (":6: table.coordinates: must be two different columns",)),
        ("coordinates =", "lon_lat =", ("table.lon_lat: unknown key", "'lon_lat' is called 'coordinates' here")),
        ('file = "t.csv"', 'path = "t.csv"', ("'path' is called 'file' here", "table.file: missing: add file")),
        ('column = "map_mm"', 'source = "map.tif"', ("drivers.precipitation.source: only a raster study", "column")),
        ('column = "map_mm"', 'column = "nep"', (":11: drivers.precipitation: is the response 'nep' too",)),
        ('kind = "categorical"', 'kind = "factor"', ("'factor' is called 'categorical' here",)),
        ("above = 0", 'above = 0\nis = "a"', (":13: groups.sink: 'is' stands alone",)),
        ("above = 0", "above = 0\nat_least = 0", ("'above' and 'at_least' say the same",)),
        ("above = 0", "above = 0\nat_most = -1", ("no value is above 0 and at_most -1", "exchange")),
        ("above = 0", "is = []", (":15: groups.sink.is: must be a list of at least 1",)),
        ("above = 0", "is = { a = 1 }", (":15: groups.sink.is: must be text in quotes, or true or false",)),
        ("groups.sink", "groups.all", (":13: groups.all: a group cannot be called 'all'", "rename")),
        ("[drivers]\n", "[driver]\n", ("driver: unknown key", "did you mean 'drivers'?", "drivers: missing")),
        ('name = "nep"', 'name = "nep"\nstatistic = "average"', ("'average' is called 'mean' here",)),
        ('name = "nep"', 'name = "nep"\nsource = "nep.tif"', ("one kind of data", "[table]")),
        ('title = "Towers"', 'title = "T"\nregion = "demo"', ("one kind of data", "study.region")),
        ("[response]", '[nep]\nmodel = "npp_minus_rh"\n[response]', ("'npp_minus_rh' needs rasters or a region",)),
        ("[response]", "[nep]\nrh = { b = 0.1 }\n[response]", ("nep.rh.b: must be one of 0.0913, 0.0912, got 0.1",)),
        (
            "[analyses.geodetector]",
            "[report]\njournal = 'nature'\n[analyses.geodetector]",
            ("report.journal: must be one of 'jal'",),
        ),
        ("[analyses.geodetector]", "[analyses.recovery]\n[analyses.geodetector]", ("only a virtual region has",)),
    ],
)
def test_each_problem_of_a_table_study(tmp_path: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    assert old in TABLE
    text = "\n".join(problems(tmp_path, TABLE.replace(old, new, 1)))
    assert all(word in text for word in words), text


def test_sections_that_are_no_tables_are_named_and_the_rest_still_checked(tmp_path: Path) -> None:
    text = 'drivers = 3\nanalyses = 4\n[study]\ntitle = "T"\nregion = "atlantis"\n'
    text += '[response]\nname = "nep"\nsource = "/a.tif"\n'
    found = "\n".join(problems(tmp_path, text))
    assert "drivers: must be a table of keys, got 3" in found and "analyses: must be a table of keys, got 4" in found
    assert "study.region: must be" in found and "'demo'" in found and "got 'atlantis'" in found
    assert "leaves its root" in found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('source = "lai.nc"', "", "the study names no data"),
        ('source = "lai.nc"', 'column = "lai"\nsource = "lai.nc"', "only a table study has columns"),
        ('source = "lai.nc"', 'source = "{yaer}.tif"', "response.source: pattern '{yaer}.tif' may hold {year}"),
        ('source = "lai.nc"', 'source = "http://host/lai.nc"', "URLs and GDAL prefixes are not allowed"),
        ('source = "lai.nc"', 'source = "/vsicurl/http://host/lai.nc"', "GDAL virtual paths"),
        ("[analyses.trend]\nmin_valid = 3", "[analyses.correlation]", "add at least one, such as [drivers.precipitation]"),
        ("[analyses.trend]\nmin_valid = 3", "[drivers.pre]", "drivers.pre: source is missing"),
        ("[analyses.trend]\nmin_valid = 3", '[drivers.pre]\nsource = "lai.nc"', "drivers.pre: is the response 'lai' too"),
        (
            "[analyses.trend]\nmin_valid = 3",
            '[groups.a]\ncolumn = "lia"\nabove = 0',
            "groups.a.column: there is no variable 'lia'",
        ),
        (
            "[analyses.trend]\nmin_valid = 3",
            '[nep]\nmodel = "npp_minus_rh"\n[layers.x]\nsource = "a"',
            "needs layers 'npp', 'temperature_monthly', 'precipitation_monthly': add under [layers]",
        ),
    ],
)
def test_each_problem_of_a_raster_study(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in RASTERS
    assert words in "\n".join(problems(tmp_path, RASTERS.replace(old, new, 1)))


def test_a_pattern_without_years_names_those_of_the_files(tmp_path: Path) -> None:
    for year in (2001, 2002):
        (tmp_path / f"lai_{year}.tif").touch()
    text = RASTERS.replace("years = [2001, 2003]\n", "").replace("lai.nc", "lai_{year}.tif")
    assert "study.toml:6: response.source: 'lai_{year}.tif' runs over the years: give study.years = [2001, 2002]" in only(
        tmp_path, text
    )


def test_a_region_takes_its_own_layers(tmp_path: Path) -> None:
    text = '[study]\ntitle = "Demo"\nregion = "demo"\n[response]\nname = "nep"\n[analyses.correlation]\n[analyses.trend]\n'
    assert load_study(study(tmp_path, text)).spec.kind == "region"
    assert "the region has no driver 'slop', only precipitation, " in only(tmp_path, text + "[drivers.slop]\n")
    assert "take it out" in only(tmp_path, text + '[drivers.slope]\nsource = "slope.tif"\n')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('title = "a\n', "study.toml:1: this is not valid TOML"),
        ("a = 1\nb = text\n", "study.toml:2: this is not valid TOML: invalid value; text stands in quotes"),
        ('a = "C:\\data"\n', "study.toml:1: this is not valid TOML: unescaped"),
        ("a = 1\na = 2\n", "study.toml:2: this is not valid TOML: cannot overwrite a value"),
        ("a = [1,\n2\n", "study.toml:3: this is not valid TOML"),
        ("标题 = 1".encode("gb18030"), "study.toml:1: the text is not UTF-8"),
    ],
)
def test_what_is_no_toml_is_one_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1 and found[0].startswith(words), found


def test_files_and_folders_that_are_not_there(tmp_path: Path) -> None:
    path = study(tmp_path, TABLE)
    with pytest.raises(StudyError, match=r"no such study file. Did you mean 'study\.toml'"):
        load_study(tmp_path / "studdy.toml")
    with pytest.raises(StudyError, match="is a folder"):
        load_study(tmp_path)
    with pytest.raises(StudyError, match=r"--data .*no such folder"):
        load_study(path, tmp_path / "none")


def data_problems(folder: Path, text: str, data: Path | None = None) -> list[str]:
    return [problem.text("study.toml") for problem in check_data(load_study(study(folder, text), data))]


def test_columns_of_the_table_are_looked_for_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("lon,latt,nepp,map_mm,igbp\n1,2,3,4,5\n")
    text = TABLE.replace("EPSG:4326", "EPSG:0").replace(
        "[groups.sink]", '[groups.a]\ncolumn = "county"\nis = "A"\n[groups.sink]'
    )
    found = data_problems(tmp_path, text)
    starts = [
        "study.toml:6: table.coordinates: t.csv has no column 'lat'; did you mean 'latt'?",
        "study.toml:7: table.crs: unknown CRS 'EPSG:0'",
        "study.toml:8: response.column: t.csv has no column 'nep'; did you mean 'nepp'?",
        "study.toml:14: groups.a.column: t.csv has no column 'county'",
    ]
    assert len(found) == 4 and all(line.startswith(start) for line, start in zip(found, starts, strict=True)), found


def test_data_below_another_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "t.csv").write_text("lon,lat,nep,map_mm,igbp\n1,2,3,4,5\n")
    assert data_problems(tmp_path, TABLE, data) == []
    (found,) = data_problems(tmp_path, TABLE)
    assert found.startswith("study.toml:5: table.file:") and "no such file" in found


def write_netcdf(path: Path, years: range, name: str = "lai") -> None:
    cube = xr.DataArray(
        np.ones((len(years), 2, 3)),
        dims=("time", "lat", "lon"),
        coords={
            "time": np.array([f"{y}-01-01" for y in years], "M8[ns]"),
            "lat": [40.0, 39.5],
            "lon": [100.0, 100.5, 101.0],
        },
        name=name,
    )
    cube.to_netcdf(path)


def test_netcdf_headers_are_read(tmp_path: Path) -> None:
    write_netcdf(tmp_path / "lai.nc", range(2001, 2004))
    assert data_problems(tmp_path, RASTERS) == []
    (found,) = data_problems(tmp_path, RASTERS.replace("2003]", "2005]"))
    assert "lacks 2004, 2005" in found and found.startswith("study.toml:7: response.source")
    (found,) = data_problems(tmp_path, RASTERS.replace('"lai.nc"', '"lai.nc"\nvariable = "lia"'))
    assert "Did you mean 'lai'?" in found
    (found,) = data_problems(tmp_path, RASTERS.replace("lai.nc", "lay.nc"))
    assert "there is no file 'lay.nc'" in found and "did you mean 'lai.nc'?" in found


def test_patterns_are_held_to_all_years(tmp_path: Path) -> None:
    for year in (2001, 2003):
        (tmp_path / f"lai_{year}.tif").write_text("<html>")
    found = data_problems(tmp_path, RASTERS.replace("lai.nc", "lai_{year}.tif"))
    assert len(found) == 2
    assert "'lai_{year}.tif' has no file for 2002: add the files, or change study.years" in found[0]
    assert "lai_2001.tif" in found[1] and "web page" in found[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"schema = 1\na = {'9' * 5000}", "study.toml:2: a number of thousands of digits cannot be read"),
        (f"schema = 1\na = 0x{'f' * 5000}", "study.toml:2: a: the whole number is too large"),
        (f"schema = 1\na = {'[' * 2000}{']' * 2000}", "study.toml:2: brackets are nested too deeply"),
        (f"schema = 1\nstudy.title{'.a' * 3000} = 1", "study.toml:2: study.title.a: is nested more than 20 deep"),
        (TABLE.encode("utf-16"), "study.toml:1: the text is not UTF-8, it looks like UTF-16: save as UTF-8"),
        (TABLE.encode("utf-16-le"), "study.toml:1: the text is not UTF-8, it looks like UTF-16: save as UTF-8"),
        (TABLE.encode("utf-32"), "it looks like UTF-32"),
        (
            TABLE.replace("Towers", "通量塔的净生态系统生产力").encode("gb18030"),
            "study.toml:3: the text is not UTF-8, it looks like GB18030",
        ),
        (TABLE.replace("Towers", "Türme été naïve").encode("latin-1"), "it looks like Windows-1252 or Latin-1"),
        (b"\x89HDF\r\n\0\x1a\n" + bytes(range(256)), "it looks like no text but binary data"),
    ],
    ids=range(10),
)
def test_what_no_parser_can_read_is_one_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1 and words in found[0], found


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "study.toml")
    with pytest.raises(StudyError, match="not a regular file but a pipe or device"):
        load_study(tmp_path / "study.toml")


@pytest.mark.parametrize("bound", ["above = nan", "at_most = inf", "is = nan", "is = [1, -inf]"])
def test_bounds_are_finite(tmp_path: Path, bound: str) -> None:
    assert "finite number" in only(tmp_path, TABLE.replace("above = 0", bound))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("precipitation = {", "rain = {}\nprecipitation = { kind = 'categorical',", None),
        ("precipitation = {", "land_cover = {}\nprecipitation = { kind = 'categorical',", "all are categorical: take it out"),
        ("precipitation = {", "rain = { column = 'map_mm' }\nprecipitation = {", "same column 'map_mm' as driver 'rain'"),
        ("precipitation = {", "map_mm = {}\nprecipitation = {", "drivers.precipitation: reads the same column"),
    ],
)
def test_drivers_are_measured_and_different(tmp_path: Path, old: str, new: str, words: str | None) -> None:
    text = TABLE.replace(old, new) + "[analyses.correlation]\n"
    if words is None:
        load_study(study(tmp_path, text))
    else:
        assert words in only(tmp_path, text)


def test_two_grids_are_not_one(tmp_path: Path) -> None:
    drivers = '[drivers]\na = { source = "d.nc", variable = "v" }\nb = { source = "d.nc", variable = "v" }\n'
    assert "drivers.b: reads the same grid 'v' of 'd.nc' as driver 'a'" in only(tmp_path, RASTERS + drivers)
    load_study(study(tmp_path, RASTERS + drivers.replace('"v" }\nb', '"w" }\nb')))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", "analyses.trend: a trend that can be told from noise needs 10 years, there are 3"),
        ("min_valid = 4", "at most the number of years, 3"),
    ],
)
def test_a_trend_needs_years(tmp_path: Path, options: str, words: str) -> None:
    assert words in only(tmp_path, RASTERS.replace("min_valid = 3", options))
    write_netcdf(tmp_path / "lai.nc", range(2001, 2004))
    (found,) = data_problems(tmp_path, RASTERS.replace("min_valid = 3", options).replace("years = [2001, 2003]\n", ""))
    assert words in found


REGION = '[study]\ntitle = "Demo"\nregion = "demo"\n[response]\nname = "nep"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            REGION + '[groups.a]\ncolumn = "ndvi"\nabove = 0\n',
            "groups.a.column: there is no variable 'ndvi'; declared are nep, x, y",
        ),
        (REGION + "[drivers.soil_moisture]\n", "the region has no driver 'soil_moisture'"),
        (REGION.replace('"nep"', '"gpp"'), "response.name: the region has no response 'gpp'"),
        (REGION.replace('"nep"', '"slope"'), "response.name: the region has no response 'slope'"),
        (REGION.replace('"demo"', '"demo"\nyears = [2001, 2003]'), "study.years: the virtual region needs 5 years"),
        (REGION.replace('"demo"', '"demo"\nyears = [2001, 2006]') + "[analyses.trend]", "needs 10 years, there are 6"),
        (REGION + "[drivers.land_cover]\n[analyses.correlation]", "all are categorical"),
        (
            REGION.replace('"demo"', '"demo"\nresolution = 500.0'),
            "study.resolution: the demo region has cells of 1 km: give shape",
        ),
        (
            REGION.replace('"demo"', '"horqin"\nshape = [40, 50]\nresolution = 500.0'),
            "study.resolution: shape and resolution follow from each other",
        ),
    ],
)
def test_what_a_region_does_not_have(tmp_path: Path, text: str, words: str) -> None:
    assert words in only(tmp_path, text)


def test_what_a_region_has_is_what_the_rules_say(tmp_path: Path) -> None:
    region = virtual_region("demo", shape=(24, 24), years=(2001, 2000 + REGION_YEARS))
    drivers = {driver.name for driver in region.drivers}
    assert set(map(str, region.annual)) - drivers - {"land_cover"} == set(REGION_RESPONSES)
    assert {"x", "y", "nep"} | drivers == set(region.sample_frame().columns)
    assert data_problems(tmp_path, REGION + "[analyses.trend]") == []
    (found,) = data_problems(tmp_path, REGION + "[analyses.trend]\nmin_valid = 30")
    assert "analyses.trend.min_valid: must be at most the number of years, 21, got 30" in found


def write_tiff(path: Path, west: float = 500000.0, bands: int = 1) -> None:
    profile = {"driver": "GTiff", "crs": "EPSG:32650", "transform": rasterio.Affine(30.0, 0.0, west, 0.0, -30.0, 4400000.0)}
    with rasterio.open(path, "w", count=bands, height=2, width=3, dtype="float32", **profile) as file:
        file.write(np.ones((bands, 2, 3), dtype=np.float32))


def write_months(path: Path, name: str, years: range, unit: str = "") -> None:
    time = np.array([f"{year}-{month:02d}-01" for year in years for month in range(1, 13)], "M8[ns]")
    coords = {"time": time, "lat": [40.0, 39.5], "lon": [100.0, 100.5, 101.0]}
    cube = xr.DataArray(
        np.ones((time.size, 2, 3)), coords, ("time", "lat", "lon"), name=name, attrs={"units": unit} if unit else {}
    )
    cube.to_netcdf(path)


def test_a_response_that_is_no_stack_of_years(tmp_path: Path) -> None:
    write_months(tmp_path / "lai.nc", "lai", range(2001, 2004))
    (found,) = data_problems(tmp_path, RASTERS)
    assert "analyses.trend: trend needs one grid a year of the response, and 'lai.nc' holds months: sum or average" in found
    assert response_years(load_study(study(tmp_path, RASTERS))) is None
    (found,) = data_problems(tmp_path, RASTERS.replace("2003]", "2004]"))
    assert "lacks 2004" in found
    write_tiff(tmp_path / "lai.tif")
    (found,) = data_problems(tmp_path, RASTERS.replace("lai.nc", "lai.tif"))
    assert "'lai.tif' is a single grid: name a series with {year}" in found
    assert response_years(load_study(study(tmp_path, RASTERS.replace("lai.nc", "lai.tif")))) is None


def test_years_of_the_response_come_from_headers(tmp_path: Path) -> None:
    write_netcdf(tmp_path / "lai.nc", range(2000, 2004))
    expected = (2001, 2002, 2003)
    assert response_years(load_study(study(tmp_path, RASTERS))) == expected
    assert response_years(load_study(study(tmp_path, RASTERS.replace("years = [2001, 2003]\n", "")))) == (2000, *expected)
    for year in expected:
        write_tiff(tmp_path / f"lai_{year}.tif")
    write_tiff(tmp_path / "bands.tif", bands=3)
    for source in ("lai_{year}.tif", "bands.tif"):
        assert response_years(load_study(study(tmp_path, RASTERS.replace("lai.nc", source)))) == expected
    assert response_years(load_study(study(tmp_path, TABLE))) is None
    assert response_years(load_study(study(tmp_path, REGION))) == tuple(range(2000, 2021))


def test_grids_that_differ_are_found_in_their_headers(tmp_path: Path) -> None:
    for year in (2001, 2002, 2003):
        write_tiff(tmp_path / f"lai_{year}.tif")
    for name, west in (("dem", 500000.0), ("slope", 500030.0)):
        write_tiff(tmp_path / f"{name}.tif", west)
    text = (
        RASTERS.replace("lai.nc", "lai_{year}.tif")
        + '[drivers]\ndem = { source = "dem.tif" }\nslope = { source = "slope.tif" }\n'
    )
    (found,) = data_problems(tmp_path, text)
    assert found.startswith("study.toml:12: drivers.slope.source: 'lai_{year}.tif' and 'slope.tif' differ in origin along x")
    write_tiff(tmp_path / "lai_2002.tif", 500030.0)
    found = data_problems(tmp_path, text)[0]
    assert "lai_2002.tif: differs from the first file of 'lai_{year}.tif' in origin along x" in found


def test_classes_of_several_years_have_no_mean(tmp_path: Path) -> None:
    write_netcdf(tmp_path / "lai.nc", range(2001, 2004))
    write_netcdf(tmp_path / "cover.nc", range(2001, 2004), "cover")
    driver = '[drivers]\nland_cover = { source = "cover.nc" }\n'
    (found,) = data_problems(tmp_path, RASTERS + driver)
    assert "drivers.land_cover.source: 'cover.nc' holds years, and classes have no mean over time" in found


NEP = """[study]
title = "NEP"
[nep]
model = "npp_minus_rh"
[layers]
npp = { source = "npp.nc" }
temperature_monthly = { source = "t.nc" }
precipitation_monthly = { source = "p.nc", unit = "mm" }
[response]
name = "nep"
"""


def test_layers_of_the_nep_model(tmp_path: Path) -> None:
    write_netcdf(tmp_path / "npp.nc", range(2001, 2004), "npp")
    write_months(tmp_path / "t.nc", "t", range(2001, 2004), "K")
    write_months(tmp_path / "p.nc", "p", range(2001, 2004), "furlong")
    (found,) = data_problems(tmp_path, NEP)
    assert "the unit in 't.nc' must be in degC, got 'K': subtract 273.15, or declare the unit" in found
    write_months(tmp_path / "t.nc", "t", range(2001, 2004), "degC")
    assert data_problems(tmp_path, NEP) == []
    assert response_years(load_study(study(tmp_path, NEP))) == (2001, 2002, 2003)
    assert "layers.precipitation_monthly.unit: must be in mm month-1 or mm, got 'inch'" in only(
        tmp_path, NEP.replace('"mm"', '"inch"')
    )
    write_months(tmp_path / "t.nc", "t", range(2001, 2005))
    (found,) = data_problems(tmp_path, NEP)
    assert "the years of 't.nc' (2001-2004) are not those of 'npp.nc': give study.years" in found
    write_months(tmp_path / "npp.nc", "npp", range(2001, 2004))
    found = "\n".join(data_problems(tmp_path, NEP.replace('title = "NEP"', 'title = "NEP"\nyears = [2001, 2003]')))
    assert "the NEP model takes one grid a year of npp, and 'npp.nc' holds months" in found


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ('estimates = ["mod71"]', "'mod71' is no driver of this study: mod17, pft; did you mean 'mod17'?"),
        ('by = "ptf"', "'ptf' is no driver of this study: mod17, pft; did you mean 'pft'?"),
    ],
)
def test_options_that_name_drivers_are_held_to_them(tmp_path: Path, option: str, message: str) -> None:
    path = tmp_path / "study.toml"
    head = '[study]\ntitle = "t"\n[table]\nfile = "a.csv"\n[response]\nname = "gpp"\n[drivers.mod17]\n'
    path.write_text(f'{head}[drivers.pft]\nkind = "categorical"\n[analyses.evaluation]\n{option}\n')
    with pytest.raises(StudyError) as caught:
        load_study(path, None)
    assert message in str(caught.value)


def test_a_twin_is_looked_for_in_the_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("lon,lat,nep,map_mm,igbp,npp\n1,2,3,4,5,6\n")
    asked = TABLE + '\n[analyses.boosted_trees]\ntwin = "npp"\n'
    assert data_problems(tmp_path, asked) == []
    (missing,) = data_problems(tmp_path, asked.replace("npp", "nppp"))
    assert "analyses.boosted_trees.twin: t.csv has no column 'nppp'; did you mean 'npp'?" in missing
    (driver,) = data_problems(tmp_path, asked.replace("npp", "precipitation"))
    (response,) = data_problems(tmp_path, asked.replace('"npp"', '"nep"'))
    assert "'precipitation' is a driver" in driver and "'nep' is the response" in response
