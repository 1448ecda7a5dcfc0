"""A raster study from unlike files: products, legends, derived drivers, alignment, regions, drawn samples, the look at data."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine

from carbondrivers.datasets import virtual_region
from carbondrivers.errors import DataWarning, StudyError
from carbondrivers.study import draw as draw_module
from carbondrivers.study.check import check_data, load_study
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.run import run_steps
from carbondrivers.study.survey import lines_of, survey_of

SHAPE, YEARS = (40, 50), (2001, 2012)
CLCD = {"cropland": 1, "forest": 2, "grassland": 4, "water": 5, "barren": 7, "impervious": 8}
STUDY = """
[study]
title = "From unlike files"
years = [2001, 2012]
align = true
[regions]
file = "counties.gpkg"
[response]
name = "nep"
source = "nep_{year}.tif"
unit = "g C m-2 a-1"
[drivers.elevation]
source = "dem.tif"
[drivers.slope]
derive = "slope"
from = "elevation"
[drivers.precipitation]
source = "rain_{year}.tif"
[drivers.land_cover]
source = "clcd.tif"
kind = "categorical"
legend = "CLCD"
[drivers.population]
source = "people.tif"
category = "human"
transform = "log1p"
[groups]
west = { column = "region", is = "West" }
woods = { column = "land_cover", is = "forest" }
[analyses.correlation]
"""


def from_origin(west: float, north: float, width: float, height: float) -> Affine:
    return Affine(width, 0.0, west, 0.0, -height, north)


def write_tiff(path: Path, values: np.ndarray, transform: Affine, crs: str, **options: object) -> None:
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype}
    with rasterio.open(path, "w", transform=transform, crs=crs, **profile, **options) as file:
        file.write(values, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NEP and rain of a virtual region, a finer elevation, coarser people, land cover as CLCD codes, two counties."""
    where = tmp_path_factory.mktemp("unlike")
    region = virtual_region("demo", seed=4, shape=SHAPE, years=YEARS)
    x, y = region.annual["x"].to_numpy(), region.annual["y"].to_numpy()
    cell = float(x[1] - x[0])
    west, north = x[0] - cell / 2, y[0] + cell / 2
    own = from_origin(west, north, cell, cell)
    for year in range(YEARS[0], YEARS[1] + 1):
        for stem, name in (("nep", "nep"), ("rain", "precipitation")):
            values = region.annual[name].sel(year=year).to_numpy().astype(np.float32)
            write_tiff(where / f"{stem}_{year}.tif", values, own, region.crs, nodata=np.nan)
    fine = np.repeat(np.repeat(region.static["elevation"].to_numpy(), 2, 0), 2, 1).astype(np.float32)
    write_tiff(where / "dem.tif", fine, from_origin(west, north, cell / 2, cell / 2), region.crs, nodata=np.nan)
    people = region.annual["population"].mean("year").to_numpy().reshape(20, 2, 25, 2).mean((1, 3)).astype(np.float32)
    write_tiff(where / "people.tif", people, from_origin(west, north, 2 * cell, 2 * cell), region.crs, nodata=np.nan)
    cover = region.annual["land_cover"].isel(year=-1).to_numpy()
    codes = np.zeros(SHAPE, dtype=np.uint8)
    for code, name in region.legend.items():
        codes[cover == code] = CLCD[name]
    write_tiff(where / "clcd.tif", codes, own, region.crs, nodata=0)
    middle, east, south = west + 25 * cell, west + 50 * cell, north - 40 * cell
    boxes = [shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)]
    gpd.GeoDataFrame({"name": ["West", "East"]}, geometry=boxes, crs=region.crs).to_crs("EPSG:4326").to_file(
        where / "counties.gpkg"
    )
    return where


def load(folder: Path, text: str = STUDY):
    path = folder / "study.toml"
    path.write_text(text)
    return load_study(path, None)


def test_unlike_files_become_one_sample(folder: Path) -> None:
    study = load(folder)
    assert check_data(study) == []
    inputs = Inputs(study, 1)
    sample, region = inputs.sample, virtual_region("demo", seed=4, shape=SHAPE, years=YEARS)
    assert {d.name: d.kind for d in sample.drivers}["land_cover"] == "categorical"
    assert {d.name: d.category for d in sample.drivers}["slope"] == "topography"
    assert set(sample.frame["land_cover"].cat.categories) <= set(CLCD)
    mean = region.annual["nep"].mean("year").to_series().rename("own").reset_index()
    both = sample.frame.merge(mean, on=["x", "y"])
    assert len(both) == sample.n > 1000
    np.testing.assert_allclose(both["nep"], both["own"], rtol=1e-5, atol=1e-3)
    moved = inputs.grids.report.set_index("layer")
    assert moved.loc["elevation", "method"] == "average" and moved.loc["population", "method"] == "bilinear"
    assert moved.loc["nep", "method"] == "none"
    middle = np.median(region.annual["x"])
    assert (sample.frame.loc[sample.memberships["west"].to_numpy(dtype=bool), "x"] < middle).all()
    assert sample.frame["population"].max() < np.log1p(float(region.annual["population"].max()) + 1.0)


def test_the_whole_study_runs(folder: Path, tmp_path: Path) -> None:
    result = run_steps(load(folder), tmp_path / "out")
    table = result.kept["correlation"].result.tables["correlations"]
    assert set(table["group"]) == {"all", "west", "woods"}


@pytest.mark.parametrize("strata", ['["land_cover", "sign"]', '"region"'])
def test_a_stratified_draw(folder: Path, strata: str) -> None:
    draw = f'[sample]\nmethod = "stratified"\nn = 300\nallocation = "equal"\nstrata = {strata}\n'
    with pytest.warns(UserWarning, match="sample: "):
        sample = Inputs(load(folder, STUDY + draw), 3).sample
    assert 280 <= sample.n <= 300 and sample.weights == "weight"
    with pytest.warns(UserWarning, match="sample: "):
        again = Inputs(load(folder, STUDY + draw), 3).sample
    pd.testing.assert_frame_equal(sample.frame, again.frame)


def test_a_grid_of_another_system_and_cell(folder: Path) -> None:
    text = STUDY.replace("align = true", 'crs = "EPSG:4326"\nresolution = 0.02')
    inputs = Inputs(load(folder, text), 1)
    assert inputs.sample.crs == "EPSG:4326" and inputs.sample.n > 300
    x = np.unique(inputs.sample.frame["x"])
    np.testing.assert_allclose(np.diff(x).min(), 0.02, rtol=1e-6)


def test_the_look_at_the_data(folder: Path) -> None:
    survey = survey_of(Inputs(load(folder), 1))
    assert survey is not None and survey.is_fit
    assert set(survey.variables["name"]) == {"nep", "elevation", "slope", "precipitation", "land_cover", "population"}
    lines = list(lines_of(survey))
    assert lines[0].split()[:3] == ["name", "kind", "unit"] and any("2001-2012" in line for line in lines)


def test_a_layer_that_fails_costs_only_itself(folder: Path) -> None:
    (folder / "bad.tif").write_bytes((folder / "dem.tif").read_bytes()[:600])
    text = STUDY.replace('source = "people.tif"', 'source = "bad.tif"')
    survey = survey_of(Inputs(load(folder, text), 1))
    assert survey is not None and not survey.is_fit
    assert "nep" in set(survey.variables["name"])
    assert any("bad.tif" in note for note in survey.findings["note"])


def test_products_bring_scale_fill_and_unit(folder: Path) -> None:
    stored = np.full(SHAPE, 3200, dtype=np.int16)
    stored[0, 0] = 32761
    with rasterio.open(folder / "nep_2001.tif") as like:
        write_tiff(folder / "npp.tif", stored, like.transform, str(like.crs))
    text = STUDY.replace(
        "[drivers.elevation]", '[drivers.npp]\nsource = "npp.tif"\nproduct = "MOD17A3HGF/Npp_500m"\n[drivers.elevation]'
    )
    grid = Inputs(load(folder, text), 1).grids.get("npp").compute()
    assert float(grid[5, 5]) == pytest.approx(320.0) and np.isnan(float(grid[0, 0]))
    assert grid.attrs["units"] == "g C m-2 a-1"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('derive = "slope"', 'derive = "slop"', "there is no derivation 'slop'.*did you mean 'slope'"),
        ('from = "elevation"', 'from = "elevaton"', "there is no layer 'elevaton'.*did you mean 'elevation'"),
        ('derive = "slope"', 'derive = "slope"\nsource = "x.tif"', "a driver has a source or is derived"),
        ('derive = "slope"', 'derive = "slope"\noptions = { month = 3 }', "slope has no such option"),
        ('derive = "slope"', 'derive = "aridity"', "aridity is made of precipitation, pet: name them in this order"),
        ('legend = "CLCD"', 'legend = "CLCDs"', "there is no legend 'CLCDs', only ESA-CCI-LC"),
        ('legend = "CLCD"', 'legend = "CLCD"\nscheme = "casa"', "forest"),
        ('source = "dem.tif"', 'source = "dem.tif"\nproduct = "SRTMM"', "there is no product 'SRTMM'"),
        ("[groups]", '[sample]\nmethod = "random"\n[groups]', "a random sample needs the number of cells"),
        ("[groups]", '[sample]\nmethod = "stratified"\nn = 9\n[groups]', "a stratified sample needs strata"),
        ("[groups]", '[sample]\nmethod = "stratified"\nn = 9\nstrata = "landcover"\n[groups]', "did you mean 'land_cover'"),
        ("[groups]", "[sample]\nn = 9\n[groups]", "set a method for n or spacing to count"),
        ("align = true", "resolution = -3", "resolution"),
    ],
)  # fmt: skip
def test_messages(folder: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        load(folder, STUDY.replace(old, new))


def test_grids_that_differ_are_refused_with_the_remedy(folder: Path) -> None:
    problems = check_data(load(folder, STUDY.replace("align = true\n", "")))
    assert any("set study.align = true" in problem.message for problem in problems)


def test_drivers_derived_from_each_other(folder: Path) -> None:
    text = STUDY.replace('source = "dem.tif"', 'derive = "anomaly"\nfrom = "slope"')
    with pytest.raises(StudyError, match="derived from each other"):
        load(folder, text)


def test_a_cluster_gives_the_same_tables(folder: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    text = STUDY + "[analyses.trend]\n"
    threads = run_steps(load(folder, text), tmp_path / "threads")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        workers = run_steps(load(folder, text), tmp_path / "workers")
    for name in ("trend", "correlation"):
        one, two = threads.kept[name].result, workers.kept[name].result
        for table in one.tables:
            pd.testing.assert_frame_equal(one.tables[table], two.tables[table], check_exact=True)
        for grid in one.maps:
            assert one.maps[grid].identical(two.maps[grid])


def test_no_cluster_there_is_said_in_one_line(folder: Path) -> None:
    pytest.importorskip("distributed", reason="the extra cluster is not installed")
    from carbondrivers.cli import _on_cluster
    from carbondrivers.errors import OptionError

    with pytest.raises(OptionError, match="no scheduler answers there"), _on_cluster("carrier-pigeon://nowhere"):
        pass


def findings(where: Path, text: str = STUDY) -> pd.DataFrame:
    study = load(where, text)
    assert check_data(study) == []
    survey = survey_of(Inputs(study, 1))
    assert survey is not None
    # Layers are looked at whatever is wrong with one of them.
    assert {"nep", "precipitation"} <= set(survey.variables["name"])
    return survey.findings.set_index("name")


def linked(folder: Path, tmp_path: Path, name: str) -> Path:
    where = tmp_path / "data"
    where.mkdir()
    for file in folder.iterdir():
        if file.suffix in (".tif", ".gpkg") and file.name != name:
            (where / file.name).hardlink_to(file)
    return where


def test_codes_outside_of_the_legend_are_told_with_the_layer(folder: Path, tmp_path: Path) -> None:
    where = linked(folder, tmp_path, "clcd.tif")
    with rasterio.open(folder / "clcd.tif") as file:
        codes, place = file.read(1), file.transform
    codes[0, :30], codes[-1, :20] = 77, 200
    write_tiff(where / "clcd.tif", codes, place, "EPSG:32650", nodata=0)
    found = findings(where)
    note = found.loc["land_cover", "note"]
    assert found.loc["land_cover", "severity"] == "error"
    assert note.startswith("layer 'land_cover' (clcd.tif): 50 cells hold codes that legend CLCD does not have")
    assert "77 (30), 200 (20)" in note
    with pytest.warns(DataWarning, match=r"layer 'land_cover' \(clcd.tif\): 50 cells .* became missing"):
        grid = Inputs(load(where, STUDY.replace('"CLCD"', '"CLCD"\nunknown = "missing"')), 1).grid("land_cover", "categorical")
    assert int(np.isnan(grid).sum()) >= 50


def test_polygons_elsewhere(folder: Path, tmp_path: Path) -> None:
    where = linked(folder, tmp_path, "counties.gpkg")
    far = shapely.box(0.0, 0.0, 1.0, 1.0)
    gpd.GeoDataFrame({"name": ["far"]}, geometry=[far], crs="EPSG:4326").to_file(where / "counties.gpkg")
    found = findings(where)
    assert (
        found.loc["regions", "severity"] == "error"
        and "counties.gpkg: 1 of 1 zones (far) lie outside" in found.loc["regions", "note"]
    )
    near = gpd.read_file(folder / "counties.gpkg").geometry[0]
    gpd.GeoDataFrame({"name": ["far", "West"]}, geometry=[far, near], crs="EPSG:4326").to_file(where / "counties.gpkg")
    assert findings(where).loc[["regions"], "severity"].tolist()[0] == "warning"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no file 'counties.gpkg'"), (b"<html>", "is not a gpkg file"), (b"", "counties.gpkg")],
)
def test_polygons_that_cannot_be_read_are_found_before_the_run(
    folder: Path, tmp_path: Path, content: bytes | None, words: str
) -> None:
    where = linked(folder, tmp_path, "counties.gpkg")
    if content is not None:
        (where / "counties.gpkg").write_bytes(content)
    (problem,) = check_data(load(where))
    assert problem.key == "regions.file" and words in problem.message and "\n" not in problem.message


def test_an_empty_sample_is_foreseen(folder: Path, tmp_path: Path) -> None:
    where = linked(folder, tmp_path, "dem.tif")
    (where / "people.tif").unlink()
    for name, gone in (("dem", np.s_[:, :50]), ("people", np.s_[:, 12:])):
        with rasterio.open(folder / f"{name}.tif") as file:
            values, place = file.read(1), file.transform
        values[gone] = np.nan
        write_tiff(where / f"{name}.tif", values, place, "EPSG:32650", nodata=np.nan)
    found = findings(where)
    worst = found[found["severity"] == "error"]
    assert worst["note"].str.contains("no cell has a value in all of nep, ").any()


def test_layers_of_unlike_grids_make_a_driver_where_the_study_aligns(folder: Path) -> None:
    ratio = '[drivers.aridity]\nderive = "aridity"\nfrom = ["precipitation", "demand"]\n'
    ratio += '[layers.demand]\nsource = "people.tif"\nunit = "mm a-1"\n'
    inputs = Inputs(load(folder, STUDY.replace("[groups]", f"{ratio}[groups]")), 1)
    rain, pet = (inputs.grid(name) for name in ("precipitation", "demand"))
    made = inputs.grid("aridity")
    # A grid without years stands for each of them.
    expected = rain.mean("year") / pet.where(pet > 0)
    np.testing.assert_allclose(made, expected, rtol=1e-5)


def test_a_sample_of_very_many_cells_is_warned_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw_module, "MANY_ROWS", 1999)
    with pytest.warns(DataWarning, match=r"each of up to 2,000 cells becomes a row in memory: .* set \[sample\] method"):
        _ = Inputs(load(folder), 1).drawn
