"""The steps on classes, terrain, series and places: whole studies, what they lack, what they name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from carbondrivers.datasets import virtual_region
from carbondrivers.errors import CarbonDriversError, DataError
from carbondrivers.study.check import load_study
from carbondrivers.study.class_grids import class_grid, measured_grid, one_a_cell, own_names, renamed
from carbondrivers.study.explain import explain
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.publish import publish_run
from carbondrivers.study.run import RunResult, run_steps

from .zone_cases import YEARS, a_stack, annual_cover, terrain

REGION = """
schema = 1
[study]
title = "Classes of a virtual region"
seed = 20260118
years = [2000, 2020]
region = "demo"
[response]
name = "nep"
[analyses.class_summary]
[analyses.profile]
[analyses.transitions]
[analyses.group_series]
class_of = "each_year"
[report]
figures = ["png"]
"""
RASTERS = """
schema = 1
[study]
title = "Classes of rasters"
years = [2001, 2012]
[layers]
cover = { source = "cover_{year}.tif" }
[response]
name = "nep"
source = "nep_{year}.tif"
unit = "g C m-2 a-1"
[drivers]
elevation = { source = "elevation.tif", unit = "m" }
soil = { source = "soil.tif", kind = "categorical", category = "soil" }
[analyses.class_summary]
by = "soil"
names = { 1 = "sand", 2 = "loam", 3 = "clay", 4 = "peat" }
replicates = 200
[analyses.profile]
by = ["elevation"]
limits = { elevation = [300, 900, 1500, 2100] }
[analyses.transitions]
by = "cover"
window = 2
[analyses.group_series]
by = "cover"
class_of = "most_frequent"
[report]
figures = ["png"]
"""
PLOTS = """
schema = 1
[study]
title = "Plots"
[table]
file = "plots.csv"
coordinates = ["lon", "lat"]
crs = "EPSG:4326"
[response]
name = "nep"
unit = "g C m-2 a-1"
[drivers]
rain = { category = "climate", unit = "mm a-1" }
[analyses.weighted_clusters]
permutations = 199
[report]
figures = ["png"]
"""


def write(path: Path, values: np.ndarray, dtype: str = "float32", nodata: float | None = None) -> None:
    rows, columns = values.shape
    place = rasterio.Affine(1000.0, 0.0, 4e5, 0.0, -1000.0, 4.6e6)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=rows, width=columns, dtype=dtype, crs="EPSG:32650", transform=place,
        nodata=nodata,
    ) as file:  # fmt: skip
        file.write(values.astype(dtype), 1)


@pytest.fixture(scope="module")
def rasters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rasters")
    stack, cover = a_stack().to_numpy(), annual_cover()
    for year in range(YEARS):
        write(folder / f"nep_{2001 + year}.tif", stack[year])
        write(folder / f"cover_{2001 + year}.tif", cover[year], "uint8", nodata=0)
    write(folder / "elevation.tif", terrain()["elevation"].to_numpy())
    write(folder / "soil.tif", cover[0], "uint8", nodata=0)
    return folder


def study(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path]:
    folder = tmp_path_factory.mktemp("region")
    result = run_steps(load_study(study(folder, REGION)), folder / "out")
    assert publish_run(result, folder / "out") == []
    return result, folder / "out"


def test_a_virtual_region_goes_through_every_step(region: tuple[RunResult, Path]) -> None:
    result, out = region
    names = ["class_summary", "profile", "transitions", "group_series"]
    assert [name for name in result.kept if name in names] == names
    assert not any(kept.warnings for kept in result.kept.values())
    page = (out / "report.html").read_text()
    for name in (
        "class_summary",
        "class_violins",
        "profile",
        "transitions_matrix",
        "transitions_flows",
        "transitions_map",
        "group_series_classes",
    ):
        assert (out / "figures" / f"{name}.png").is_file() and (out / "figures" / f"{name}.csv").is_file()
        assert name in page


def test_numbers_of_the_region_are_those_of_its_layers(region: tuple[RunResult, Path]) -> None:
    made = virtual_region("demo", seed=20260118)
    kept = {name: one.result for name, one in region[0].kept.items()}
    mean, last = made.annual["nep"].mean("year").to_numpy(), made.annual["land_cover"].to_numpy()[-1]
    zones = kept["class_summary"].tables["zones"].set_index("level")
    for code, name in made.legend.items():
        inside = (last == code) & np.isfinite(mean)
        assert zones.loc[name, "estimate"] == pytest.approx(mean[inside].mean(), rel=1e-6)
    assert {"Region A", "Region B"} <= set(zones.index)
    # The planted scores put forest first and the sealed and barren ground last, whatever the climate adds.
    assert zones.loc["forest", "estimate"] > zones.loc["grassland", "estimate"] > zones.loc["barren", "estimate"]
    series = kept["group_series"].tables["series"]
    forest = series.loc[series["level"] == "forest", "area_km2"].to_numpy()
    assert forest[-1] > forest[0]
    net = kept["transitions"].tables["net"].set_index("level")
    assert net.loc["forest", "net_km2"] == pytest.approx(forest[-1] - forest[0])
    assert any("in the last year" in note for note in kept["class_summary"].notes)


def test_rasters_go_through_every_step(rasters: Path) -> None:
    result = run_steps(load_study(study(rasters, RASTERS)), rasters / "out")
    assert publish_run(result, rasters / "out") == []
    kept = {name: one.result.tables for name, one in result.kept.items()}
    assert set(kept["class_summary"]["zones"]["level"]) == {"whole area", "sand", "loam", "clay", "peat"}
    assert kept["profile"]["profiles"]["level"].tolist() == ["300–900", "900–1500", "1500–2100"]
    moved = kept["transitions"]["matrix"].loc[lambda t: (t["level"] == "2") & (t["level_2"] == "3"), "n"].iloc[0]
    cover = annual_cover()
    assert moved == ((cover[0] == 2) & (cover[-1] == 3)).sum()
    assert result.kept["transitions"].result.parameters["window"] == 2
    assert any("in most years" in note for note in result.kept["group_series"].result.notes)


def test_a_table_of_places_has_clusters(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"lon": rng.uniform(100, 110, 80), "lat": rng.uniform(35, 42, 80), "rain": rng.gamma(4, 90, 80)})
    frame.assign(nep=30 * (frame["lon"] - 105) + rng.normal(0, 20, 80)).to_csv(tmp_path / "plots.csv", index=False)
    result = run_steps(load_study(study(tmp_path, PLOTS)), tmp_path / "out")
    assert publish_run(result, tmp_path / "out") == []
    found = result.kept["weighted_clusters"].result
    assert found.tables["overall"]["moran_i"][0] > 0.5 and found.n == 80
    band = PLOTS.replace("permutations = 199", 'permutations = 199\nneighbours = "distance"')
    with pytest.raises(CarbonDriversError, match="neighbours = 'distance' needs metres"):
        run_steps(load_study(study(tmp_path, band)), tmp_path / "out")
    near = PLOTS.replace("permutations = 199", 'permutations = 199\nneighbours = "distance"\nmetres = 150000')
    other = run_steps(load_study(study(tmp_path, near)), tmp_path / "two")
    assert other.kept["weighted_clusters"].result.tables["units"]["neighbours"].nunique() > 1


@pytest.mark.parametrize(
    ("base", "old", "new", "message"),
    [
        (REGION, "ses.transitions]", 'ses.transitions]\nby = "landcover"', "no classes 'landcover'; there is land_cover"),
        (RASTERS, 'by = "soil"', 'by = "soils"', "no classes 'soils'; there is soil, cover; did you mean 'soil'"),
        (RASTERS, 'by = "soil"\n', "", "the study has no classes 'land_cover'; there is soil, cover"),
        (RASTERS, 'by = ["elevation"]', 'by = ["elevaton"]', "layer 'elevaton'; .* did you mean 'elevation'"),
        (RASTERS, "window = 2", "window = 0", "analyses.transitions.window: must be at least 1, got 0"),
        (RASTERS, 'class_of = "most_frequent"', 'class_of = "mode"', "must be one of 'most_frequent', 'last_year'"),
        (PLOTS, "[analyses.weight", "[analyses.class_summary]\n[analyses.weight", "class_summary needs a map of the response"),
    ],
)  # fmt: skip
def test_what_a_study_lacks_is_said_before_it_runs(rasters: Path, base: str, old: str, new: str, message: str) -> None:
    assert old in base
    with pytest.raises(CarbonDriversError, match=message):
        load_study(study(rasters, base.replace(old, new)))


def test_what_shows_only_in_the_data_is_one_line(rasters: Path) -> None:
    changes = (
        ('by = "cover"\nwindow', 'by = "soil"\nwindow', "transitions need classes by year, and 'soil' is a single map"),
        ('4 = "peat"', '9 = "peat"', "names: there is no class '9' of 'soil', only 1, 2, 3, 4"),
        ("[300, 900, 1500, 2100]", "[300, 200, 100]", "limits of 'elevation' must be three or more rising numbers"),
    )
    for old, new, message in changes:
        assert old in RASTERS
        text = RASTERS.replace(old, new)
        with pytest.raises(CarbonDriversError, match=message) as caught:
            run_steps(load_study(study(rasters, text)), rasters / "bad")
        assert len(str(caught.value).splitlines()) == 1


def test_grids_of_a_study(rasters: Path) -> None:
    inputs = Inputs(load_study(study(rasters, RASTERS)), 1)
    codes, names = class_grid(inputs, "cover")
    assert codes.dims == ("year", "y", "x") and names == {1: "1", 2: "2", 3: "3", 4: "4"}
    assert inputs.land_cover is None and inputs.regions is None
    assert measured_grid(inputs, "elevation").dims == ("y", "x")
    with pytest.raises(DataError, match="the study has no measured grid 'soil'; it has elevation, cover"):
        measured_grid(inputs, "soil")
    with pytest.raises(DataError, match="by = 'regions': the study has no such classes; it has soil, cover"):
        class_grid(inputs, "regions")
    own = Inputs(load_study(study(rasters, REGION)), 20260118)
    regions = class_grid(own, "regions")
    assert regions[0].dims == ("y", "x") and len(regions[1]) == len(own.region.regions)
    with pytest.raises(DataError, match=r"no measured grid 'elevaton'.*Did you mean 'elevation'"):
        measured_grid(own, "elevaton")


def test_one_class_a_cell() -> None:
    cover = xr.DataArray(annual_cover(), {"year": 2001 + np.arange(YEARS)}, ("year", "y", "x"))
    values = cover.to_numpy()
    assert np.array_equal(one_a_cell(cover, "last_year"), values[-1])
    same = (values == values[-1]).all(axis=0)
    np.testing.assert_array_equal(one_a_cell(cover, "unchanged"), np.where(same, values[-1], np.nan))
    most = np.apply_along_axis(lambda v: np.bincount(v.astype(int)).argmax(), 0, values)
    np.testing.assert_array_equal(one_a_cell(cover, "most_frequent"), most)
    assert one_a_cell(cover.isel(year=0, drop=True), "unchanged").dims == ("y", "x")


def test_names_of_classes() -> None:
    assert own_names(xr.DataArray([[1.0, 3.0], [np.nan, 1.0]], dims=("y", "x")), "soil") == {1: "1", 3: "3"}
    with pytest.raises(DataError, match="'dem' has more than 50 classes"):
        own_names(xr.DataArray(np.arange(100.0).reshape(10, 10), dims=("y", "x")), "dem")
    assert renamed({1: "1", 2: "2"}, {"2": "loam"}, "soil") == {1: "1", 2: "loam"}


def test_explain_knows_the_steps() -> None:
    for name in ("class_summary", "profile", "transitions", "group_series", "weighted_clusters"):
        assert f"[analyses.{name}]" in explain(name)
    assert "grids of the response and of what it is summed by" in explain("transitions")
    assert "a table of units and their weights" in explain("weighted_clusters")
