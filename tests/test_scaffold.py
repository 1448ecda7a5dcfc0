"""A first study file from what lies in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.errors import DataError
from carbondrivers.study.check import LoadedStudy, check_data, load_study
from carbondrivers.study.scaffold import scaffold

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def loaded(folder: Path, source: Path, data: Path | None = None) -> LoadedStudy:
    path = folder / "study.toml"
    path.write_text(scaffold(source), encoding="utf-8")
    return load_study(path, data)


def towers(rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "site_id": [f"S{i}" for i in range(rows)],
            "location_lat": rng.uniform(20, 50, rows),
            "location_long": rng.uniform(80, 130, rows),
            "nep_source": rng.choice(["VUT", "CUT"], rows),
            "n_years_gpp": rng.integers(1, 9, rows),
            "gpp_median": rng.normal(1000, 100, rows),
            "nep_median": rng.normal(100, 50, rows),
            "mat_c": rng.normal(5, 3, rows),
            "land_cover": rng.integers(1, 5, rows),
            "koppen_class": rng.choice([f"C{i}" for i in range(20)], rows),
            "koppen_main_name": rng.choice(["Arid", "Cold"], rows),
            "zone": rng.integers(1, 4, rows),
            "odd, name": rng.normal(size=rows),
            "empty": np.nan,
            "constant": 1,
        }
    )


def test_a_table_becomes_a_study(tmp_path: Path) -> None:
    towers().to_csv(tmp_path / "towers.csv", index=False)
    study = loaded(tmp_path, tmp_path)
    spec = study.spec
    assert spec.table is not None and spec.table.file == "towers.csv"
    assert spec.table.coordinates == ("location_long", "location_lat") and spec.table.crs == "EPSG:4326"
    assert spec.response.name == "nep_median" and spec.response.unit == "g C m-2 a-1"
    assert set(spec.drivers) == {"mat_c", "land_cover", "koppen_main_name"}
    assert [spec.drivers[d].kind for d in ("mat_c", "land_cover", "koppen_main_name")] == [
        "continuous", "categorical", "categorical",
    ]  # fmt: skip
    assert spec.drivers["mat_c"].category == "climate" and spec.drivers["mat_c"].unit == "degC"
    assert set(spec.groups) == {"sink", "source"} and set(spec.analyses) == {"correlation", "geodetector"}
    assert check_data(study) == []
    assert '# zone = { category = "other", kind = "categorical" }' in study.text
    assert '# "odd, name" = ' in study.text and "gpp_median" not in study.text
    assert not any(word in study.text for word in ("site_id", "empty =", "constant ="))


def test_a_table_of_unknown_names_takes_all_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pd.DataFrame(rng.normal(size=(30, 4)), columns=["X", "Y", "q1", "q2"]).to_csv(tmp_path / "t.csv", index=False)
    spec = loaded(tmp_path, tmp_path / "t.csv").spec
    assert spec.table is not None and spec.table.coordinates == ("X", "Y") and spec.table.crs is None
    assert spec.response.name == "q1" and list(spec.drivers) == ["q2"]


def touch(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


def monthly(stem: str) -> list[str]:
    return [stem.format(year, month) for year in range(2001, 2005) for month in range(1, 13)]


def test_series_of_rasters_become_patterns(tmp_path: Path) -> None:
    touch(tmp_path, [f"NEP_{year}.tif" for year in range(2001, 2006)])
    touch(tmp_path, [f"sub/pre_{year}.tif" for year in range(2003, 2009)])
    touch(tmp_path, [*monthly("tas_{}{:02d}.tif"), "dem_2010.tif", "soc_1980-2000.tif", "notes.docx"])
    spec = loaded(tmp_path, tmp_path).spec
    assert spec.study.years == (2003, 2004)
    assert (spec.response.name, spec.response.source) == ("nep", "NEP_{year}.tif")
    assert {name: driver.source for name, driver in spec.drivers.items()} == {
        "precipitation": "sub/pre_{year}.tif", "temperature_monthly": "tas_{year}{month:02d}.tif",
        "elevation": "dem_2010.tif", "soil_organic_carbon": "soc_1980-2000.tif",
    }  # fmt: skip
    assert set(spec.analyses) == {"correlation", "geodetector"} and set(spec.groups) == {"sink", "source"}


def test_npp_with_monthly_climate_becomes_nep(tmp_path: Path) -> None:
    touch(tmp_path, [*monthly("tas_{}{:02d}.tif"), *monthly("pre_{}-{:02d}.tif"), "dem.tif"])
    touch(tmp_path, [f"npp{year}.tif" for year in range(2001, 2005)])
    spec = loaded(tmp_path, tmp_path).spec
    assert spec.nep.model == "npp_minus_rh" and spec.response.name == "nep"
    assert spec.layers["precipitation_monthly"].source == "pre_{year}-{month:02d}.tif"
    assert set(spec.layers) == {"npp", "temperature_monthly", "precipitation_monthly"} and set(spec.drivers) == {"elevation"}


def test_monthly_leaves_are_a_response_before_their_climate(tmp_path: Path) -> None:
    touch(tmp_path, [*monthly("pre_{}-{:02d}.tif"), *monthly("tas_{}{:02d}.tif"), *monthly("lai_{}{:02d}.tif")])
    spec = loaded(tmp_path, tmp_path).spec
    assert spec.response.name == "lai_monthly" and set(spec.drivers) == {"precipitation_monthly", "temperature_monthly"}


@pytest.mark.parametrize("dim", ["time", "year"])
def test_netcdf_variables_become_layers(tmp_path: Path, dim: str) -> None:
    years = np.arange(2001, 2012)
    axis = years if dim == "year" else np.array([f"{y}-01-01" for y in years], "M8[ns]")
    coords = {dim: axis, "lat": [40.0, 39.5], "lon": [100.0, 100.5]}
    lai = xr.DataArray(np.ones((11, 2, 2)), coords, (dim, "lat", "lon"), attrs={"units": "m2/m2"})
    xr.Dataset({"LAI": lai, "dem": lai.isel({dim: 0}, drop=True)}).to_netcdf(tmp_path / "all.nc")
    study = loaded(tmp_path, tmp_path)
    spec = study.spec
    assert spec.study.years == (2001, 2011)
    assert (spec.response.name, spec.response.source, spec.response.variable) == ("lai", "all.nc", "LAI")
    assert spec.drivers["elevation"].variable == "dem" and "trend" in spec.analyses
    assert check_data(study) == []


def test_what_check_would_refuse_is_not_proposed(tmp_path: Path) -> None:
    touch(tmp_path, [*monthly("nep_{}{:02d}.tif"), "land_cover.tif"])
    assert set(loaded(tmp_path, tmp_path).spec.analyses) == {"geodetector"}
    towers()[["nep_median", "land_cover"]].to_csv(tmp_path / "t.csv", index=False)
    assert set(loaded(tmp_path, tmp_path / "t.csv").spec.analyses) == {"geodetector"}


def test_every_step_that_is_proposed_teaches_its_options(tmp_path: Path) -> None:
    towers().to_csv(tmp_path / "t.csv", index=False)
    text = scaffold(tmp_path)
    assert '# method = "quantile"' in text and "# classes = 6" in text and "# confidence = 0.95" in text


def test_nothing_to_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no data that can be read: give a folder with rasters or one table"):
        scaffold(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        scaffold(tmp_path / "none")
    towers().to_csv(tmp_path / "a.csv", index=False)
    towers().to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(DataError, match=r"holds 2 tables \(a\.csv, b\.csv\): name one of them"):
        scaffold(tmp_path)
    (tmp_path / "bad.nc").write_text("no grid")
    with pytest.raises(DataError, match=r"bad\.nc"):
        scaffold(tmp_path / "bad.nc")


@pytest.mark.parametrize("name", ["fluxnet_site_annual_medians.csv", "china_modis_lai_0p5deg_2001-2020.nc"])
def test_real_files_become_studies(tmp_path: Path, name: str) -> None:
    if not (SHARED_DATA / name).exists():
        pytest.skip(f"the real data file {name} is not here")
    study = loaded(tmp_path, SHARED_DATA / name, SHARED_DATA)
    assert check_data(study) == []
    if study.spec.table:
        expected = {"mat_c", "map_mm", "aridity_index_p_pet", "agb_mg_ha", "igbp_class", "koppen_main_name"}
        assert expected <= set(study.spec.drivers) and study.spec.response.name == "nep_median"
    else:
        assert study.spec.study.years == (2001, 2020) and study.spec.response.variable == "lai"


def test_columns_of_lists_are_passed_over(tmp_path: Path) -> None:
    frame = pd.DataFrame({"nep": np.arange(40.0), "rain": np.arange(40.0) ** 2, "tags": [["a"], ["b", "c"]] * 20})
    frame.to_parquet(tmp_path / "plots.parquet")
    assert "tags" not in scaffold(tmp_path)


def test_a_zarr_store_becomes_a_layer(tmp_path: Path) -> None:
    coords = {"time": pd.date_range("2001-01-01", periods=12, freq="YS"), "lat": [40.5, 40.0], "lon": [100.0, 100.5, 101.0]}
    rng = np.random.default_rng(1)
    made = {name: (("time", "lat", "lon"), rng.uniform(100, 200, (12, 2, 3))) for name in ("npp", "pet")}
    xr.Dataset(made, coords).to_zarr(tmp_path / "carbon.zarr", consolidated=False)
    for place in (tmp_path, tmp_path / "carbon.zarr"):
        study = loaded(tmp_path, place)
        assert (study.spec.response.source, study.spec.response.variable) == ("carbon.zarr", "npp")
        assert (study.spec.drivers["pet"].source, study.spec.study.years) == ("carbon.zarr", (2001, 2012))
        assert check_data(study) == []


def test_a_study_is_not_made_of_results(tmp_path: Path) -> None:
    towers().to_csv(tmp_path / "towers.csv", index=False)
    results = tmp_path / "results"
    (results / "maps").mkdir(parents=True)
    (results / "manifest.json").write_text("{}")
    towers().to_parquet(results / "sample.parquet")
    (results / "maps" / "trend_class.tif").write_bytes(b"II*")
    assert 'file = "towers.csv"' in scaffold(tmp_path)
    with pytest.raises(DataError, match="holds no data"):
        scaffold(results)
