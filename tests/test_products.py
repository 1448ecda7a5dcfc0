"""Products: every stored number to its physical value, once; what was scaled before; refusals; the table itself."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from carbondrivers.catalogue import variables
from carbondrivers.cli import app
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.datasets.legends import legends
from carbondrivers.datasets.product_values import apply_product
from carbondrivers.datasets.products import product, products, read_products
from carbondrivers.errors import DataError, DataWarning, OptionError

# What the providers' own documents say of a stored number: the expected value is worked out by hand.
STORED = [
    ("MOD17A3HGF", "Npp_500m", 5000, 500.0),
    ("MOD17A3HGF", "Npp_500m", -30000, -3000.0),
    ("MOD17A3HGF", "Npp_500m", 32700, 3270.0),
    ("MOD17A3HGF", "Gpp_500m", 65500, 6550.0),
    ("MOD17A2H", "Gpp_500m", 300, 30.0),
    ("MOD13A1", "NDVI", 7500, 0.75),
    ("MOD13A3", "NIR", 2500, 0.25),
    ("MOD15A2H", "Lai_500m", 35, 3.5),
    ("MOD15A2H", "Fpar_500m", 87, 0.87),
    ("MCD43A4", "Nadir_Reflectance_Band2", 3120, 0.312),
    ("TerraClimate-GEE", "tmmx", 253, 25.3),
    ("TerraClimate-GEE", "vpd", 120, 12.0),
    ("TerraClimate-GEE", "srad", 2000, 17.28),
    ("TerraClimate-GEE", "pr", 61, 61.0),
    ("CHELSA-monthly", "tas", 2982, 25.05),
    ("CHELSA-monthly", "pr", 12345, 123.45),
    ("CHELSA-climatology", "bio12", 6543, 654.3),
    ("China-1km-monthly", "tmp", -153, -15.3),
    ("China-1km-monthly", "pre", 1234, 123.4),
    ("SRTM", "elevation", 1234, 1234.0),
    ("SoilGrids", "soc", 156, 15.6),
    ("SoilGrids", "nitrogen", 245, 2.45),
    ("SoilGrids", "phh2o", 67, 6.7),
    ("SoilGrids", "cfvo", 250, 25.0),
    ("SoilGrids", "bdod", 131, 1.31),
]
FILLS = [
    ("MOD17A3HGF", "Npp_500m", range(32761, 32768)),
    ("MOD17A3HGF", "Gpp_500m", range(65529, 65536)),
    ("MOD17A2H", "PsnNet_500m", range(32761, 32768)),
    ("MOD13A1", "EVI", [-3000]),
    ("MOD15A2H", "Lai_500m", range(249, 256)),
    ("MCD12Q1", "LC_Type1", [255]),
    ("CHELSA-monthly", "pr", [65535]),
    ("clumping-index", "CI", [0, 253, 254, 255]),
]


@pytest.mark.parametrize(("name", "variable", "stored", "expected"), STORED)
def test_a_stored_number_becomes_its_physical_value(name, variable, stored, expected):
    assert apply_product(np.array([stored], dtype=np.int32), name, variable)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("name", "variable", "stored", "expected"), STORED)
def test_what_a_library_has_scaled_is_not_scaled_again(name, variable, stored, expected):
    entry = product(name).variable(variable)
    decoded = np.array([stored]) * entry.scale + entry.offset
    assert apply_product(decoded, name, variable, scaled=True)[0] == pytest.approx(expected, rel=1e-12)
    marked = xr.DataArray(decoded, dims="x")
    marked.encoding = {"scale_factor": entry.scale, "add_offset": entry.offset}
    assert float(apply_product(marked, name, variable)[0]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("name", "variable", "fills"), FILLS)
def test_fill_values_become_missing_stored_or_scaled(name, variable, fills):
    entry = product(name).variable(variable)
    numbers = np.array(list(fills))
    assert np.isnan(apply_product(numbers, name, variable)).all()
    scaled = (numbers * entry.scale + entry.offset).astype(np.float32)
    assert np.isnan(apply_product(scaled, name, variable, scaled=True)).all()


def test_values_tell_whether_they_were_scaled():
    stored = np.array([12.0, 5000.0, 32767.0, np.nan])
    for values in (stored, stored * 1e-4):
        found = apply_product(values, "MOD17A3HGF", "Npp_500m")
        np.testing.assert_allclose(found, [1.2, 500.0, np.nan, np.nan], rtol=1e-12)
    np.testing.assert_allclose(apply_product(np.array([-153.0, 72.0]), "China-1km-monthly", "tmp"), [-15.3, 7.2])
    np.testing.assert_allclose(apply_product(np.array([-15.3, 7.2]), "China-1km-monthly", "tmp"), [-15.3, 7.2])


def test_both_forms_of_the_human_footprint_come_out_alike():
    np.testing.assert_allclose(apply_product(np.array([12500.0, 31000.0]), "HFP"), [12.5, 31.0])
    np.testing.assert_allclose(apply_product(np.array([12.5, 31.0]), "HFP"), [12.5, 31.0])


def month(value, stamp, **attrs):
    return xr.DataArray([[value]], coords={"time": pd.DatetimeIndex([stamp]), "x": [0.0]}, dims=("time", "x"), attrs=attrs)


@pytest.mark.parametrize(
    ("name", "variable", "value", "stamp", "expected"),
    [
        ("ERA5-Land", "t2m", 300.0, "2001-01-01", 26.85),
        ("ERA5-Land", "tp", 0.002, "2001-02-01", 56.0),
        ("ERA5-Land", "tp", 0.002, "2000-02-01", 58.0),
        ("ERA5-Land", "ssrd", 1.8e7, "2001-07-01", 18.0),
        ("ERA5-Land", "e", -0.003, "2001-01-01", 93.0),
        ("ERA5-Land-GEE", "total_precipitation_sum", 0.056, "2001-02-01", 56.0),
        ("ERA5-Land-GEE", "surface_solar_radiation_downwards_sum", 5.58e8, "2001-01-01", 18.0),
        ("TerraClimate", "vpd", 1.2, "2001-01-01", 12.0),
        ("China-soil", "SOM", 2.5, "2001-01-01", 25.0),
    ],
)
def test_units_and_days_of_reanalyses_and_tables(name, variable, value, stamp, expected):
    assert float(apply_product(month(value, stamp), name, variable).squeeze()) == pytest.approx(expected, rel=1e-12)


def test_a_count_becomes_a_density_by_the_area_of_its_cell():
    x, y = 100 + np.arange(3) / 120, 40 - np.arange(2) / 120
    people = xr.DataArray(np.full((2, 3), 70.0), coords={"y": y, "x": x}, dims=("y", "x"), attrs={"crs": "EPSG:4326"})
    found = apply_product(people, "WorldPop")
    np.testing.assert_allclose(found * cell_areas(people), 70.0, rtol=1e-12)
    assert found.attrs["units"] == "person km-2"
    with pytest.raises(DataError, match="areas of the cells are needed"):
        apply_product(np.array([3.0]), "WorldPop")


def test_days_need_dates():
    with pytest.raises(DataError, match="days of the month are needed; give a DataArray with dates on 'time'"):
        apply_product(np.array([0.002]), "ERA5-Land", "tp")


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
def test_a_geotiff_with_and_without_a_scale_comes_out_alike(tmp_path):
    import rasterio
    import rioxarray
    from affine import Affine

    cells = np.array([[5000, 12], [32766, 32767]], dtype=np.int16)
    profile = {"driver": "GTiff", "width": 2, "height": 2, "count": 1, "dtype": "int16", "nodata": 32767, "crs": "EPSG:32650"}
    found = []
    for name, scale in (("plain.tif", 1.0), ("scaled.tif", 0.0001)):
        with rasterio.open(tmp_path / name, "w", **profile, transform=Affine(30, 0, 0, 0, -30, 60)) as target:
            target.write(cells, 1)
            target.scales = (scale,)
        for decode in (True, False):
            raster = rioxarray.open_rasterio(tmp_path / name, mask_and_scale=decode)
            found.append(apply_product(raster, "MOD17A3HGF", "Npp_500m").to_numpy().squeeze())
    for values in found:
        np.testing.assert_allclose(values, [[500.0, 1.2], [np.nan, np.nan]], rtol=1e-6)  # float32 of the file


def test_lazy_arrays_stay_lazy_and_inputs_stay_as_they_are():
    stored = xr.DataArray(
        np.arange(-3000, 9000, 100, dtype=np.int16).reshape(4, 30), dims=("y", "x"), attrs={"crs": "EPSG:32650"}
    )
    before = stored.copy(deep=True)
    stored.data.flags.writeable = False
    lazy = apply_product(stored.chunk({"x": 7}), "MOD13A1", "NDVI")
    assert lazy.chunks is not None
    with pytest.warns(DataWarning, match="9 cells outside the valid range -2000 to 10000"):
        eager = apply_product(stored, "MOD13A1", "NDVI")
    xr.testing.assert_identical(stored, before)
    xr.testing.assert_equal(lazy.compute(), eager)
    assert eager.dtype == np.float32 and int(np.isnan(eager).sum()) == 10
    assert eager.attrs["units"] == "1" and eager.attrs["product"] == "MOD13A1 NDVI" and eager.attrs["crs"] == "EPSG:32650"
    assert eager.attrs["history"].endswith("apply_product(product='MOD13A1 NDVI', stored=True)")


def test_lazy_floats_are_looked_at_once_to_know_their_scale():
    stored = xr.DataArray(np.array([0.0, 7500.0, -3000.0]), dims="x").chunk({"x": 2})
    np.testing.assert_allclose(apply_product(stored, "MOD13A1", "NDVI"), [0.0, 0.75, np.nan])
    np.testing.assert_allclose(apply_product(stored * 1e-4, "MOD13A1", "NDVI"), [0.0, 0.75, np.nan])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-30000, 32767), min_size=1, max_size=30), st.data())
def test_decoding_by_xarray_changes_nothing(numbers, data):
    name, variable = data.draw(st.sampled_from([("MOD17A3HGF", "Npp_500m"), ("China-1km-monthly", "pre")]))
    entry = product(name).variable(variable)
    stored = xr.DataArray(np.array(numbers, dtype=np.int16), dims="x")
    raw = stored.assign_attrs(scale_factor=entry.scale, add_offset=entry.offset)
    decoded = xr.decode_cf(raw.to_dataset(name="v"))["v"]
    (first, said), (second, said_again) = (_applied(da, name, variable) for da in (stored, decoded))
    np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-6)  # float32
    # What lies between the valid range and the fill values is told of, whichever way it was read.
    assert said == said_again


def _applied(da, name, variable):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = apply_product(da, name, variable)
    return made, [str(one.message) for one in told]


@pytest.mark.parametrize(
    ("array", "name", "variable", "message"),
    [
        (np.zeros(3), "MOD15A2H", "Lai_500m", r"values from 0 to 0 could be as stored or scaled.*give scaled=True"),
        (np.array([0.5, 400.0]), "MOD15A2H", "Lai_500m", r"neither what the product stores nor what that is worth"),
        (np.array([0.5]), "SoilGrids", "silt", r"nothing tells whether scale 0.1 was applied"),
        (np.array([3], dtype=np.int16), "TerraClimate", "ppt", r"own scale was not applied; open it with mask_and_scale=True"),
        (xr.DataArray([3.0], attrs={"scale_factor": 0.1}), "TerraClimate", "ppt", r"own scale was not applied"),
        (xr.DataArray([3], attrs={"scale_factor": 0.01}), "MOD13A1", "NDVI", r"declares scale 0.01 and offset 0, the product"),
        (xr.DataArray([3.0], attrs={"units": "degC"}), "ERA5-Land", "t2m", r"in 'degC' already, the product's are in 'K'"),
        (xr.DataArray([3.0], attrs={"product": "SRTM elevation"}), "SRTM", "elevation", r"before \(SRTM elevation\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(array, name, variable, message):
    with pytest.raises(DataError, match=message):
        apply_product(array, name, variable)


def test_applying_twice_is_refused():
    once = apply_product(xr.DataArray(np.array([5000], dtype=np.int16), dims="x"), "MOD17A3HGF", "Npp_500m")
    with pytest.raises(DataError, match="a product was applied to these values before"):
        apply_product(once, "MOD17A3HGF", "Npp_500m")


def test_unknown_names_get_a_suggestion():
    with pytest.raises(OptionError, match=r"no product 'MOD17A3HFG'\. Did you mean 'MOD17A3HGF'\? .*list products"):
        product("MOD17A3HFG")
    with pytest.raises(
        OptionError, match=r"no variable 'Npp_500'\. Did you mean 'Npp_500m'\? Its variables are: Npp_500m, Gpp"
    ):
        apply_product(np.array([1]), "mod17a3hgf", "Npp_500")
    with pytest.raises(OptionError, match=r"has 2 variables .*: name one"):
        apply_product(np.array([1]), "MOD17A3HGF")
    assert product("mcd12q1").variable("lc_type1").legend == "MCD12Q1"


@pytest.mark.parametrize("entry", products().values(), ids=lambda p: p.name)
def test_every_entry_is_whole(entry):
    assert entry.variables and entry.doi and entry.citation and entry.url.startswith("https://")
    assert all(re.fullmatch(r"10\.\d{4,}/\S+", doi) for doi in entry.doi)
    for held in entry.variables.values():
        assert held.source and (held.kind == "continuous" or held.legend in legends())
        if held.status == "corrected":
            assert held.note
        if held.catalogue and held.valid and held.kind == "continuous":
            known = variables()[held.catalogue]
            top = (held.valid[1] * held.scale + held.offset) * held.factor + held.shift
            assert top > 0.3 * min(known.high, 1e4) or known.high > 1e4, (
                "the top of the valid range falls far below the plausible one"
            )


def test_the_customary_products_are_there():
    wanted = (
        "MOD17A3HGF MOD17A2H MOD13A1 MOD13A3 MOD15A2H MCD12Q1 MCD43A4 clumping ESA-CCI CLCD CNLUCC TerraClimate "
        "ERA5-Land CHELSA China-1km SRTM Copernicus-DEM SoilGrids CSDL WorldPop HFP GDP-China-1km NTL"
    )
    assert len({product(name).name for name in wanted.split()}) == 23


GOOD = """
[P]
title = "t"
provider = "p"
years = "y"
step = "year"
grid = "g"
doi = ["10.1000/1"]
citation = "c"
url = "https://x"
status = "verified"
source = "s"
[P.variables]
v = { unit = "K", catalogue = "temperature", shift = -273.15, result = "degC" }
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('step = "year"', 'step = "yearly"', "product P: step must be one of static, year"),
        ('status = "verified"', 'status = "sure"', "product P: status must be one of verified"),
        ('source = "s"\n', "", "product P: source is missing"),
        ("shift = -273.15", "shfit = -273.15", "product P, v: unknown key 'shfit'. Did you mean 'shift'"),
        ('result = "degC"', 'result = "degF"', "result is in 'degF', the catalogue's temperature in 'degC'"),
        ('catalogue = "temperature"', 'catalogue = "heat"', "the catalogue has no variable 'heat'"),
        ("shift = -273.15", "scale = 0", "scale must be above 0"),
        ("shift = -273.15", "packed = true, scale = 0.1", "none where packed"),
        ("shift = -273.15", "fill = [[9, 1]]", r"a range must be \[low, high\]"),
        ("shift = -273.15", 'legend = "CLCD"', "classes need a legend"),
        ("shift = -273.15", 'kind = "categorical", legend = "CLCD"', "is continuous in the catalogue, categorical here"),
    ],
)
def test_a_wrong_table_is_refused_with_the_place(old, new, message):
    assert read_products(GOOD)["P"].variable("v").shift == -273.15
    with pytest.raises(DataError, match=message):
        read_products(GOOD.replace(old, new))


def test_two_products_of_one_name_are_refused():
    twin = GOOD + GOOD.replace("[P", "[Q").replace('source = "s"', 'source = "s"\naliases = ["p"]')
    with pytest.raises(DataError, match="product Q: 'p' is a name of P too"):
        read_products(twin)


def test_facts_say_what_a_reader_needs():
    facts = product("ERA5-Land").facts()
    assert facts["tp"].startswith("scale in the file m d-1 = mm month-1, times the days of the month (verified)")
    assert "negative" in facts["note"] and facts["status"].startswith("verified: ")
    assert product("HFP").facts()["status"].startswith("unverified")


@pytest.mark.parametrize(
    ("what", "words"),
    [("products", ["MOD17A3HGF", "500 m, MODIS sinusoidal"]), ("legends", ["CLCD", "(9 codes)"]), ("derivations", ["aridity"])],
)
def test_the_command_line_lists_them(what, words):
    done = CliRunner().invoke(app, ["list", what])
    assert done.exit_code == 0 and all(word in done.output for word in words)
