"""NEP models in a study: on the virtual region and on rasters, their rules, their words, and when they run again."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from dask.base import compute

from carbondrivers.datasets.rasters import read_raster
from carbondrivers.datasets.virtual import VirtualRegion, virtual_region
from carbondrivers.errors import DataError, DataWarning, ImplausibleConstantWarning, StudyError
from carbondrivers.nep_models.casa import SOLAR
from carbondrivers.nep_models.casa_fpar import CLUMPING
from carbondrivers.nep_models.casa_stress import NDVI
from carbondrivers.nep_models.chains import nep_npp_minus_rh
from carbondrivers.nep_models.chains_casa_gsmsr import nep_casa_gsmsr
from carbondrivers.nep_models.chains_nirv_tec import nep_nirv_tec
from carbondrivers.nep_models.productivity import NIR
from carbondrivers.nep_models.radiation import PAR
from carbondrivers.nep_models.radiation import SOLAR as DAILY_SOLAR
from carbondrivers.nep_models.soil_respiration import PRECIPITATION, TEMPERATURE
from carbondrivers.nep_models.soil_respiration_annual import SOIL_CARBON
from carbondrivers.study import inputs as inputs_module
from carbondrivers.study.check import LoadedStudy, check_data, load_study, response_years
from carbondrivers.study.explain import explain
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.nep_layers import LAYERS, MODELS, component_of, layer_needs, used_layers
from carbondrivers.study.nep_text import FLAGGED, nep_paragraphs
from carbondrivers.study.provenance_text import data_paragraphs
from carbondrivers.study.publish import publish_run
from carbondrivers.study.run import planned, run_steps

YEARS = (2001, 2005)
REGION = """schema = 1
[study]
title = "Region"
region = "demo"
years = [2001, 2005]
[nep]
model = "{model}"
[response]
name = "{response}"
"""
SOURCES = {
    "npp": "npp_{year}.tif", "land_cover": "cover_{year}.tif", "soil_carbon": "soil.tif",
    "temperature_monthly": "t_{year}{month:02d}.tif",
}  # fmt: skip
CLASSES = '{ 1 = "forest", 2 = "grassland", 3 = "cropland", 4 = "impervious", 5 = "barren", 6 = "water" }'
C = "{ forest = 2.7, grassland = 2.6, cropland = 2.8, impervious = 2.0, barren = 2.0 }"


@pytest.fixture(scope="module")
def region() -> VirtualRegion:
    return virtual_region("demo", seed=3, shape=(24, 28), years=YEARS)


@pytest.fixture
def small_regions(monkeypatch: pytest.MonkeyPatch, region: VirtualRegion) -> None:
    """Make every region of a study the small one."""
    monkeypatch.setattr(inputs_module.Inputs, "region", property(lambda self: region))


@pytest.fixture(scope="module")
def rasters(region: VirtualRegion, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small region's layers as GeoTIFF: months as bands of a year's file, temperature one file a month."""
    folder = tmp_path_factory.mktemp("rasters")
    for name, layer in {**region.monthly.data_vars, **region.annual[["npp", "land_cover"]].data_vars}.items():
        dim = str(layer.dims[0])
        years = layer["time"].dt.year if dim == "time" else layer["year"]
        for year in range(YEARS[0], YEARS[1] + 1):
            part = layer.isel({dim: np.flatnonzero(years == year)})
            if name == "temperature_monthly":
                for month in range(12):
                    write(folder / f"t_{year}{month + 1:02d}.tif", part[month : month + 1])
            else:
                stem = "cover" if name == "land_cover" else str(name).removesuffix("_monthly")
                write(folder / f"{stem}_{year}.tif", part)
    write(folder / "soil.tif", region.static["soil_carbon"].expand_dims("band"))
    write(folder / "dem.tif", region.static["elevation"].expand_dims("band"))
    return folder


def write(path: Path, layer: xr.DataArray) -> None:
    x, y = layer["x"].to_numpy(), layer["y"].to_numpy()
    step = x[1] - x[0]
    transform = rasterio.Affine(step, 0.0, x[0] - step / 2, 0.0, -step, y[0] + step / 2)
    values = layer.to_numpy()
    nodata = {"nodata": -1} if values.dtype.kind == "i" else {}
    values = values.astype("int16") if nodata else values
    profile = {"driver": "GTiff", "crs": layer.attrs["crs"], "transform": transform, "dtype": values.dtype, **nodata}
    with rasterio.open(path, "w", count=len(values), height=y.size, width=x.size, **profile) as file:
        file.write(values)


def raster_text(model: str, nep: str = "", response: str = "nep", without: tuple[str, ...] = ()) -> str:
    names = [name for name in (n for needs in MODELS[model].needs for n in needs) if name != "par_monthly"]
    layers = [f'{n} = {{ source = "{source_of(n)}" }}' for n in [*names, *MODELS[model].optional] if n not in without]
    own = f"classes = {CLASSES}\n" if model != "npp_minus_rh" else ""
    own += f"[nep.nirv_tec]\nc = {C}\n" if model == "nirv_tec" and "c = " not in nep else ""
    return "\n".join(
        ["[study]", 'title = "Rasters"', "years = [2001, 2005]", "[layers]", *layers, "[nep]",
         f'model = "{model}"', own + nep, "[response]", f'name = "{response}"', "[drivers]",
         'elevation = { source = "dem.tif" }', ""]
    )  # fmt: skip


def source_of(name: str) -> str:
    return SOURCES.get(name, name.removesuffix("_monthly") + "_{year}.tif")


def loaded(folder: Path, text: str, data: Path | None = None) -> LoadedStudy:
    path = folder / "study.toml"
    path.write_text(text)
    return load_study(path, data)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(StudyError) as error:
        loaded(folder, text)
    return str(error.value)


def by_hand(model: str, region: VirtualRegion) -> dict[str, Any]:
    """The chain on the region's own arrays."""
    parts = {**region.monthly.data_vars, **region.static.data_vars, **region.annual.data_vars}
    layers = {name: parts[name].astype("float64") for name in used_layers(model, {}, [str(p) for p in parts])}
    if model == "npp_minus_rh":
        return nep_npp_minus_rh(**layers)
    layers["land_cover"] = layers["land_cover"].where(layers["land_cover"] >= 0)
    if model == "nirv_tec":
        return nep_nirv_tec(**layers, classes=region.legend, c=region.gpp_slope)
    return nep_casa_gsmsr(**layers, classes=region.legend)


# The models


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.usefixtures("small_regions")
def test_components_of_a_region_are_those_of_the_chain(tmp_path: Path, region: VirtualRegion, model: str) -> None:
    inputs = Inputs(loaded(tmp_path, REGION.format(model=model, response="nep")), 3)
    with pytest.warns(DataWarning, match="Rh capped at Rs in") if model == "casa_gsmsr" else nullcontext():
        found = inputs.nep_components
    expected = by_hand(model, region)
    assert found.keys() == expected.keys()
    assert set(MODELS[model].components) == {name for name in found if not name.endswith("_monthly")}
    for name, grid in found.items():
        np.testing.assert_allclose(grid, expected[name], rtol=1e-12)
        assert grid.attrs["crs"] == region.crs and grid.attrs["long_name"]
        period = ("time", "g C m-2 month-1") if name.endswith("_monthly") else ("year", "g C m-2 a-1")
        assert (grid.dims, grid.attrs["units"]) == ((period[0], "y", "x"), period[1])
    assert inputs.stack is not None and inputs.stack.name == "nep"
    np.testing.assert_allclose(inputs.stack, expected["nep"], rtol=1e-12)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.filterwarnings("ignore::carbondrivers.errors.DataWarning")
def test_rasters_give_what_the_arrays_give(tmp_path: Path, rasters: Path, region: VirtualRegion, model: str) -> None:
    study = loaded(tmp_path, raster_text(model), rasters)
    assert check_data(study) == []
    assert response_years(study) == tuple(range(2001, 2006))
    inputs = Inputs(study, 1)
    expected = by_hand(model, region)
    found = inputs.nep_components
    assert all(grid.chunks is not None for grid in found.values()), "the components are not lazy"
    for name, grid in compute(found)[0].items():
        np.testing.assert_allclose(grid, expected[name], rtol=1e-6, atol=1e-6, err_msg=name)
    sample = inputs.sample
    mean = expected["nep"].mean("year", skipna=True).to_numpy()
    assert sample.n == int(np.isfinite(mean).sum())
    np.testing.assert_allclose(np.sort(sample.frame["nep"]), np.sort(mean[np.isfinite(mean)]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("model", "name"), [("nirv_tec", "gpp"), ("casa_gsmsr", "npp"), ("npp_minus_rh", "rh"),
                                             ("casa_gsmsr", "soil_respiration")])  # fmt: skip
@pytest.mark.usefixtures("small_regions")
@pytest.mark.filterwarnings("ignore::carbondrivers.errors.DataWarning")
def test_a_component_may_be_the_response(tmp_path: Path, region: VirtualRegion, model: str, name: str) -> None:
    inputs = Inputs(loaded(tmp_path, REGION.format(model=model, response=name)), 3)
    component = by_hand(model, region)[component_of(model, name)]
    assert inputs.stack is not None and inputs.stack.name == name
    np.testing.assert_allclose(inputs.stack, component, rtol=1e-12)
    assert not inputs.has("truth") and inputs.has("components") and inputs.has("stack")
    assert inputs.sample.response.unit == "g C m-2 a-1"
    assert any(f"the component {component_of(model, name)}" in text for text in nep_paragraphs(inputs.spec))


@pytest.mark.usefixtures("small_regions")
def test_a_given_response_has_no_components(tmp_path: Path, region: VirtualRegion) -> None:
    inputs = Inputs(loaded(tmp_path, REGION.format(model="given", response="nep")), 3)
    assert not inputs.has("components") and inputs.has("truth")
    with pytest.raises(DataError, match=r"no parts of NEP: set nep\.model"):
        _ = inputs.nep_components
    np.testing.assert_array_equal(inputs.required_stack, region.annual["nep"])
    assert nep_paragraphs(inputs.spec) == ()


@pytest.mark.usefixtures("small_regions")
def test_cover_and_regions_are_grids_with_names(tmp_path: Path, rasters: Path, region: VirtualRegion) -> None:
    inputs = Inputs(loaded(tmp_path, REGION.format(model="given", response="nep")), 3)
    assert inputs.land_cover is not None and inputs.regions is not None
    codes, names = inputs.land_cover
    assert names == region.legend and codes.dims == ("year", "y", "x") and set(np.unique(codes)[:-1]) <= set(names)
    grid, regions = inputs.regions
    assert list(regions.values()) == list(region.regions["name"])
    areas = region.regions.area.to_numpy() / 1e6
    counts = [int((grid == number).sum()) for number in regions]
    assert counts == [round(area) for area in areas]
    valid = np.isfinite(region.static["elevation"])
    assert bool(np.isfinite(grid.where(valid, 1.0)).all())
    text = raster_text("npp_minus_rh") + 'land_cover = { source = "cover_2001.tif" }\n'
    other = Inputs(loaded(tmp_path, text, rasters), 1)
    assert other.land_cover is not None and other.land_cover[1] == {code: str(code) for code in range(1, 7)}
    assert other.regions is None
    named = Inputs(loaded(tmp_path, raster_text("casa_gsmsr"), rasters), 1).land_cover
    assert named is not None and named[1][2] == "grassland" and "year" in named[0].dims


# The rules


def test_missing_layers_are_named_in_one_message(tmp_path: Path) -> None:
    said = refused(tmp_path, raster_text("nirv_tec", without=("lai_monthly", "radiation_monthly", "land_cover")))
    assert "nep.model: 'nirv_tec' needs layers 'radiation_monthly' or 'par_monthly', 'lai_monthly', 'land_cover': add" in said
    assert len(said.splitlines()) == 1
    said = refused(tmp_path, raster_text("casa_gsmsr", without=("soil_carbon",)))
    assert "'casa_gsmsr' needs layer 'soil_carbon': add under [layers]" in said
    typo = raster_text("casa_gsmsr").replace("ndvi_monthly", "ndvi_montly")
    assert "needs layer 'ndvi_monthly': add under [layers]; did you mean 'ndvi_montly'?" in refused(tmp_path, typo)
    table = "forest = 4.2, grassland = 1.8, cropland = 2.6, impervious = 1.0, barren = 0.8"
    by_class = f"[nep.casa_gsmsr]\nsoil_carbon = {{ {table} }}"
    loaded(tmp_path, raster_text("casa_gsmsr", by_class, without=("soil_carbon",)))
    clumped = raster_text("casa_gsmsr", '[nep.casa_gsmsr]\nclumping = "II"', without=("clumping_monthly",))
    assert "needs layer 'clumping_monthly'" in refused(tmp_path, clumped)


@pytest.mark.parametrize(
    ("model", "old", "new", "words"),
    [
        ("nirv_tec", "classes = " + CLASSES, "", "nep.classes: missing: 'nirv_tec' needs the class of each land-cover code"),
        ("casa_gsmsr", '1 = "forest"', '1 = "forst"', "nep.classes.1: must be one of 'evergreen_needleleaf', "),
        ("casa_gsmsr", '1 = "forest"', '1 = "forst"', "did you mean 'forest'?"),
        ("casa_gsmsr", '5 = "barren"', '5 = "unused"', "'unused' is called 'barren' here"),
        ("casa_gsmsr", '1 = "forest"', 'one = "forest"', "nep.classes.one: a land-cover code must be a whole number"),
        ("nirv_tec", C, "{ forest = 2.7 }", "nep.nirv_tec.c: missing: GPP per PAR and SANIRv, g C MJ-1, of grassland, "),
        ("nirv_tec", C, "{ forrest = 2.7, other = 1.0 }", "nep.nirv_tec.c.forrest: must be one of"),
        ("nirv_tec", C, C + '\nra = "mod17"\ntb = 20', "nep.nirv_tec.tb: counts only with ra = 'organs'"),
        ("nirv_tec", C, C + "\nsoil_ndvi = 0.1", "nep.nirv_tec.soil_ndvi: counts only with sanirv = 'ndvi_offset'"),
        ("nirv_tec", C, C + '\nrg = "beeps"', "nep.nirv_tec.rg: must be one of 'mod17', 'muses', 'beps', 'as_published'"),
        ("nirv_tec", C, C + "\nrg = 1.5", "nep.nirv_tec.rg: must be"),
        ("nirv_tec", C, C + "\ncap_at_rs = 1", "nep.nirv_tec.cap_at_rs: must be true or false"),
        ("casa_gsmsr", "[response]", "[nep.casa_gsmsr]\npercentiles = [95, 5]\n[response]", "two percentiles in order within"),
        ("casa_gsmsr", "[response]", '[nep.casa_gsmsr]\nlimits = "published"\npercentiles = [1, 99]\n[response]',
         "nep.casa_gsmsr.percentiles: counts only with limits = 'percentiles'"),
        ("casa_gsmsr", "[response]", "[nep.casa_gsmsr]\nsoil_carbon = { forest = 3 }\n[response]",
         "soil organic carbon, kg C m-2, of grassland"),
        ("npp_minus_rh", 'name = "nep"', 'name = "gpp"', "response.name: 'npp_minus_rh' gives no 'gpp'; it gives nep, npp, rh"),
        ("npp_minus_rh", 'name = "nep"', 'name = "nee"', "response.name: 'npp_minus_rh' gives no 'nee'; it gives nep"),
        ("nirv_tec", "lai_monthly =", "lai =", "needs layer 'lai_monthly': add under [layers]; did you mean 'lai'?"),
        ("casa_gsmsr", 'name = "nep"', 'name = "lai"', "'casa_gsmsr' gives no 'lai'"),
        ("casa_gsmsr", 'name = "nep"', 'name = "nep"\nsource = "nep_{year}.tif"', "computes the response: take source out"),
        ("casa_gsmsr", '"ndvi_{year}.tif"', '"ndvi_{year}.tif", unit = "%"', "layers.ndvi_monthly.unit: must be in 1, got '%'"),
        ("nirv_tec", '"soil.tif"', '"soil.tif", unit = "g kg-1"', "layers.soil_carbon.unit: must be in kg C m-2 or kg m-2"),
    ],
)  # fmt: skip
def test_each_rule_of_the_models(tmp_path: Path, model: str, old: str, new: str, words: str) -> None:
    text = raster_text(model)
    assert old in text
    assert words in refused(tmp_path, text.replace(old, new, 1))


def test_a_region_brings_its_own_classes_and_slopes(tmp_path: Path) -> None:
    text = REGION.format(model="nirv_tec", response="nep")
    loaded(tmp_path, text)
    given = text.replace("[response]", f"classes = {CLASSES}\n[response]")
    assert "nep.classes: the region brings its own classes: take it out" in refused(tmp_path, given)
    some = text.replace("[response]", "[nep.nirv_tec]\nc = { forest = 2.0 }\n[response]")
    assert "g C MJ-1, of grassland, cropland, impervious, barren: give a value of each" in refused(tmp_path, some)
    loaded(tmp_path, text.replace("[response]", "[nep.nirv_tec]\nc = { other = 2.0 }\n[response]"))


def test_models_are_found_by_the_names_they_have_elsewhere(tmp_path: Path) -> None:
    said = refused(tmp_path, REGION.format(model="CASA", response="nep"))
    assert "nep.model: must be one of 'nirv_tec', 'npp_minus_rh', 'casa_gsmsr', 'given', got 'CASA'" in said
    assert "'CASA' is called 'casa_gsmsr' here" in said


def test_a_table_study_has_no_model(tmp_path: Path) -> None:
    text = (
        '[study]\ntitle = "T"\n[table]\nfile = "t.csv"\n[nep]\nmodel = "casa_gsmsr"\n[response]\nname = "nep"\n[drivers.rain]\n'
    )
    assert "nep.model: 'casa_gsmsr' needs rasters or a region" in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("change", "planted"),
    [({}, True), ({"model": "npp_minus_rh"}, True), ({"model": "casa_gsmsr"}, False), ({"response": "npp"}, False)],
)
def test_the_truth_is_that_of_the_planted_nep_alone(tmp_path: Path, change: dict[str, str], planted: bool) -> None:
    text = REGION.format(**{"model": "given", "response": "nep"} | change)
    text += "[analyses.correlation]\n[analyses.geodetector]\n"
    study = loaded(tmp_path, text)
    assert ("recovery" in planned(study, Inputs(study, 1))) is planted
    if planted:
        loaded(tmp_path, text + "[analyses.recovery]\n")
    else:
        assert "analyses.recovery: recovery needs the planted truth" in refused(tmp_path, text + "[analyses.recovery]\n")
    other = loaded(
        tmp_path, REGION.format(model="npp_minus_rh", response="nep").replace("[response]", "rh.b = 0.0912\n[response]")
    )
    assert not Inputs(other, 1).has("truth")


# The headers


def months(path: Path, name: str, count: int, unit: str = "") -> None:
    """Write a NetCDF of so many months; of none, a grid without time."""
    coords = {"lat": [40.0, 39.5], "lon": [100.0, 100.5, 101.0]}
    grid = xr.DataArray(np.full((2, 3), 0.3), coords, ("lat", "lon"), name=name, attrs={"units": unit} if unit else {})
    time = pd.date_range("2001-01-01", periods=count, freq="MS")
    (grid.expand_dims(time=time) if count else grid).to_netcdf(path)


def test_months_that_make_no_whole_years_are_found_in_headers(tmp_path: Path) -> None:
    names = ["ndvi_monthly", "radiation_monthly", "temperature_monthly", "precipitation_monthly"]
    for name in names:
        months(tmp_path / f"{name}.nc", name, 30 if name == "ndvi_monthly" else 36)
    months(tmp_path / "soil_carbon.nc", "soil_carbon", 0)
    months(tmp_path / "land_cover.nc", "land_cover", 24)
    text = raster_text("casa_gsmsr").replace("years = [2001, 2005]\n", "").split("[drivers]")[0]
    for name in LAYERS:
        text = text.replace(f'"{source_of(name)}"', f'"{name}.nc"')
    text = text.replace('clumping_monthly = { source = "clumping_monthly.nc" }\n', "")
    found = [problem.text("study.toml") for problem in check_data(loaded(tmp_path, text))]
    said = "\n".join(found)
    assert "the months of 'ndvi_monthly.nc' make no whole year in 2003: add or drop months" in said
    assert "the NEP model takes a single grid or one grid a year of land_cover, and 'land_cover.nc' holds months" in said
    assert len(found) == 2, said
    months(tmp_path / "ndvi_monthly.nc", "ndvi", 24, "%")
    said = "\n".join(problem.text("study.toml") for problem in check_data(loaded(tmp_path, text)))
    assert "the unit in 'ndvi_monthly.nc' must be in 1, got '%'" in said
    assert "the years of 'radiation_monthly.nc' (2001-2003) are not those of 'ndvi_monthly.nc': give study.years" in said


def test_codes_without_a_class_are_listed(tmp_path: Path, rasters: Path) -> None:
    study = loaded(tmp_path, raster_text("casa_gsmsr").replace(', 5 = "barren", 6 = "water"', ""), rasters)
    with pytest.raises(ValueError, match="land_cover holds codes without a class: 5, 6; add them to classes"):
        _ = Inputs(study, 1).nep_components


# What is said, and when it runs again


def flagged() -> list[tuple[str, str, object, str]]:
    models = {"rh": "npp_minus_rh"}
    return [(models.get(s, s), key, value, text) for s, known in FLAGGED.items() for (key, value), text in known.items()]


@pytest.mark.parametrize(("model", "key", "value", "text"), flagged())
@pytest.mark.usefixtures("small_regions")
def test_what_cannot_be_right_is_said_and_flagged(tmp_path: Path, model: str, key: str, value: object, text: str) -> None:
    section = "rh" if model == "npp_minus_rh" else model
    written = f"[nep.{section}]\n{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n[response]"
    study = loaded(tmp_path, REGION.format(model=model, response="nep").replace("[response]", written))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nep = Inputs(study, 3).nep_components["nep"]
    # In this region's climate the annual relation never exceeds Rs, so that its cap has nothing to do.
    idle = (model, key) == ("nirv_tec", "cap_at_rs")
    kind = DataWarning if key == "cap_at_rs" else ImplausibleConstantWarning
    assert idle or (nep.attrs["nep_flags"] and any(issubclass(w.category, kind) for w in caught))
    said = " ".join(data_paragraphs(study.spec, 3))
    assert text in said and "not to be believed" in said
    plain = " ".join(data_paragraphs(loaded(tmp_path, REGION.format(model=model, response="nep")).spec, 3))
    assert text not in plain and "not to be believed" not in plain


def test_methods_name_the_model_its_options_and_its_sources(tmp_path: Path) -> None:
    options = '[nep.nirv_tec]\nra = "mod17"\nrg = 0.2\nsanirv = "ndvi_offset"\n'
    said = " ".join(data_paragraphs(loaded(tmp_path, REGION.format(model="nirv_tec", response="gpp") + options).spec, 3))
    for words in (
        "GPP - Ra - Rh", "2.7 (forest)", "the virtual region's own", "NDVI less 0.08, times NIR", "that of MOD17", "0.2 of GPP",
        "Chen et al. (2010)", "Xie et al. 2014", "formula of its original was not found", "The response is the component gpp",
        "The model itself takes temperature, precipitation", "productivity.sanirv.method", "Not verified:",
    ):  # fmt: skip
        assert words in said, words
    options = '[nep.casa_gsmsr]\neps = "zhu"\neps_of = { grassland = 0.6 }\nt2 = "zhu"\nclumping = "I"\nlimits = "published"\n'
    spec = loaded(tmp_path, REGION.format(model="casa_gsmsr", response="nep") + options).spec
    said = " ".join(data_paragraphs(spec, 3))
    for words in (
        "NPP of CASA", "Zhu et al. (2006), but 0.6 (grassland)", "halved far from the optimum", "constants of the BEPS code",
        "SPOT and AVHRR", "0.24 to 0.48 by class", "GSMSR (Yu et al. 2010)", "casa.clumping_reference.mixed_forest",
    ):  # fmt: skip
        assert words in said, words
    codes = loaded(tmp_path, raster_text("casa_gsmsr")).spec
    assert "1 = forest, 2 = grassland" in " ".join(nep_paragraphs(codes))


@pytest.mark.usefixtures("small_regions")
def test_a_changed_option_runs_again_and_the_report_tells(tmp_path: Path) -> None:
    text = REGION.format(model="casa_gsmsr", response="nep") + '[analyses.correlation]\n[report]\nfigures = ["png"]\n'
    out = tmp_path / "out"
    first = run_steps(loaded(tmp_path, text), out)
    same = run_steps(loaded(tmp_path, text), out)
    assert {n: k.key for n, k in first.kept.items()} == {n: k.key for n, k in same.kept.items()}
    changed = run_steps(loaded(tmp_path, text + '[nep.casa_gsmsr]\nvariant = "as_published"\n'), out)
    assert all(changed.kept[name].key != first.kept[name].key for name in first.kept)
    means = [run.kept["account"].result.maps["grid"]["mean"].mean() for run in (first, changed)]
    assert float(means[1]) < float(means[0])
    assert any("printed GSMSR constants" in text for kept in changed.kept.values() for text in kept.warnings)
    assert any("Rh capped at Rs in" in text for kept in first.kept.values() for text in kept.warnings)
    assert publish_run(changed, out) == []
    report = (out / "report.html").read_text()
    for words in ("Implausible by choice: casa_gsmsr.variant", "printed GSMSR constants", "NPP of CASA", "Rh capped at Rs in"):
        assert words in report, words


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("nep.model", ("'nirv_tec', 'npp_minus_rh', 'casa_gsmsr', 'given'",)),
        ("nep.casa_gsmsr.t2", ("'potter', 'zhu'", "default  'potter'")),
        ("nep.nirv_tec.c", ("g C MJ-1", "a virtual region has its own", "type     table of number by name")),
        ("nep.classes", ("type     table of text by name",)),
        ("nep.nirv_tec", ("radiation_monthly (MJ m-2 d-1) or par_monthly", "soil_carbon (kg C m-2)", "keys")),
        ("nep.casa_gsmsr", ("clumping_monthly, if asked for",)),
        ("nep.classes", ("water and ice are left out",)),
        ("soil_carbon", ("kg C m-2", "variable soil_carbon")),
    ],
)
def test_new_keys_are_explained(key: str, words: tuple[str, ...]) -> None:
    assert all(word in explain(key) for word in words), explain(key)


# The table of layers


def test_the_table_of_layers_is_what_the_equations_take() -> None:
    quantities = {
        "temperature_monthly": TEMPERATURE, "precipitation_monthly": PRECIPITATION, "ndvi_monthly": NDVI, "nir_monthly": NIR,
        "radiation_monthly": DAILY_SOLAR, "par_monthly": PAR, "clumping_monthly": CLUMPING, "soil_carbon": SOIL_CARBON,
    }  # fmt: skip
    for name, quantity in quantities.items():
        assert LAYERS[name].units == quantity.units, name
    assert SOLAR.units[0] == "MJ m-2 month-1"
    for model in MODELS.values():
        assert all(name in LAYERS for names in (*model.needs, model.optional) for name in names)
    nep = {"casa_gsmsr": {"clumping": "II", "soil_carbon": {"forest": 1.0}}}
    needs = list(layer_needs("casa_gsmsr", nep))
    assert ("clumping_monthly",) in needs and ("soil_carbon",) not in needs
    assert used_layers("nirv_tec", {}, ["par_monthly", "ndvi_monthly"]) == ("ndvi_monthly", "par_monthly")
    assert component_of("casa_gsmsr", "heterotrophic_respiration") == "rh" and component_of("casa_gsmsr", "gpp") == ""


@pytest.mark.parametrize(
    ("response", "part"),
    [("NEP of Horqin", "nep"), ("carbon balance", "nep"), ("nep_rs_2001", "nep"), ("NPP of Horqin", "npp"),
     ("soil_respiration", ""), ("nee", ""), ("NEE mean", ""), ("Reco", ""), ("er", ""), ("gpp_2001", "")],
)  # fmt: skip
def test_nep_stands_in_for_no_other_flux(response: str, part: str) -> None:
    assert component_of("npp_minus_rh", response) == part


def test_rain_in_metres_and_npp_in_kilograms_are_noticed_in_files(tmp_path: Path, region: VirtualRegion) -> None:
    for name in ("npp", "precipitation_monthly"):
        layer = region.annual["npp"] if name == "npp" else region.monthly[name]
        years = layer["year"] if name == "npp" else layer["time"].dt.year
        write(tmp_path / f"{name}_2001.tif", layer.isel({str(layer.dims[0]): np.flatnonzero(years == 2001)}) / 1000.0)
        with pytest.warns(DataWarning, match=f"no value is above 0.* little for {name} in .*: is the unit a larger one"):
            read_raster(tmp_path, f"{name}_{{year}}.tif", name=name, years=(2001, 2001))
