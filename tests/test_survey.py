"""The look at data before a run: every kind of finding once, known shares, collinearity against other formulas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.datasets import Driver, PixelSample, virtual_region
from carbondrivers.datasets.collinearity import correlations, inflation
from carbondrivers.datasets.labels import with_flags
from carbondrivers.datasets.rasters import read_raster
from carbondrivers.datasets.survey_layers import survey_layers
from carbondrivers.datasets.survey_tables import survey_sample, survey_table
from carbondrivers.errors import DataError, OptionError

UTM, DEGREES = "EPSG:32650", "EPSG:4326"


def grid(values, *, crs=UTM, x0=500_000.0, y0=4_400_000.0, step=1000.0, years=None, **attrs):
    values = np.asarray(values, dtype=np.float64)
    rows, columns = values.shape[-2:]
    coords = {"y": y0 + step * (np.arange(rows)[::-1] + 0.5), "x": x0 + step * (np.arange(columns) + 0.5)}
    if values.ndim == 3:
        coords = {"year": np.arange(2001, 2001 + len(values)) if years is None else years, **coords}
    return xr.DataArray(values, coords=coords, dims=tuple(coords), attrs={"crs": crs, **attrs}).transpose(..., "y", "x")


@pytest.fixture
def nep():
    rng = np.random.default_rng(1)
    values = rng.normal(20, 50, size=(12, 8, 10))
    values[:, 0, :] = np.nan
    values[3, 1, :5] = np.nan
    return grid(values, units="g C m-2 a-1")


def found(survey, check, name=None):
    table = survey.findings
    table = table[table["check"] == check]
    return (table if name is None else table[table["name"] == name])[["severity", "note"]].to_numpy().tolist()


def test_layers_without_fault_have_no_findings(nep):
    rain = grid(np.random.default_rng(2).gamma(4, 100, size=(12, 8, 10)), units="mm a-1")
    survey = survey_layers({"nep": nep, "precipitation": rain}, response="nep")
    assert survey.findings.empty and survey.is_fit
    row = survey.variables.set_index("name").loc["nep"]
    assert (row["unit"], row["years"], row["crs"], row["resolution"]) == ("g C m-2 a-1", "2001-2012", UTM, "1000 x 1000")
    assert row["n"] == int(nep.count()) and row["min"] == float(nep.min()) and row["max"] == float(nep.max())


def test_missing_shares_are_of_the_cells_of_the_response(nep):
    rain = grid(np.where(np.arange(10) < 2, np.nan, np.ones((12, 8, 10)) * np.arange(1, 11)), units="mm a-1")
    survey = survey_layers({"nep": nep, "rain": rain}, response="nep")
    table = survey.missing.set_index(["name", "year"])["missing"]
    # 70 cells have a value of NEP in some year; 5 of them lack 2004, and rain lacks 2 of 10 columns.
    assert table["nep", 2004] == pytest.approx(5 / 70) and table["nep", 2001] == 0.0
    assert table["rain", 2001] == pytest.approx(0.2)
    assert set(survey.missing["share_of"]) == {"cells in which the response has a value"}
    assert found(survey, "missing") == [
        ["warning", "lacks a value in 20.0% of the cells in which the response has a value: look at its mask, or leave it out"]
    ]
    bare = survey_layers({"nep": nep, "rain": rain})
    assert bare.variables["missing"].tolist() == pytest.approx([1 - int(nep.count()) / nep.size, 0.2])
    assert set(bare.variables["share_of"]) == {"cells of the grid"}


def test_blocks_change_nothing(nep):
    cover = with_flags(grid(np.random.default_rng(4).integers(1, 4, size=(8, 10))), {1: "a", 2: "b"})
    whole = survey_layers({"nep": nep, "cover": cover}, response="nep")
    parts = survey_layers({"nep": nep.chunk(y=3, x=4), "cover": cover.chunk(y=3, x=4)}, response="nep")
    for name in ("variables", "missing", "findings"):
        pd.testing.assert_frame_equal(getattr(whole, name), getattr(parts, name))


def test_units_and_ranges(nep):
    warm = nep.copy(data=np.full(nep.shape, 280.0) + np.arange(10))
    layers = {
        "nep": nep, "temperature": warm.assign_attrs(units="K"), "precipitation": warm.assign_attrs(units=""),
        "elevation": (warm * 1e4).assign_attrs(units="m"), "ndvi": (warm / 1e3).assign_attrs(units=""),
        "nir": (warm * 5).assign_attrs(units=""), "own": warm,
    }  # fmt: skip
    survey = survey_layers(layers, response="nep")
    assert found(survey, "unit", "temperature") == [
        ["warning", "is in K, the catalogue's temperature in degC: convert it, or rename it"]
    ]
    assert found(survey, "unit", "precipitation") == [
        ["note", "has no unit; the catalogue's precipitation is in mm a-1: declare the unit"]
    ]
    assert "runs from 2.8e+06 to 2.89e+06 m, plausible is" in found(survey, "range", "elevation")[0][1]
    assert "runs from 1400 to 1445, plausible is 0 to 1: look for" in found(survey, "range", "nir")[0][1]
    assert not survey.is_fit and survey.findings["severity"].iloc[0] == "error"
    assert set(survey.findings["name"]) == {"temperature", "precipitation", "elevation", "nir"}


def test_a_scale_factor_without_a_unit_is_suspected():
    survey = survey_layers({"temperature": grid([[2500.0, 2600.0]])})
    assert found(survey, "unit") == [
        [
            "warning",
            "runs from 2500 to 2600, plausible is -40 to 45 degC, and it has no unit: declare the unit, or a scale factor",
        ]
    ]


def test_constants_gaps_and_infinities():
    values = np.ones((2, 2))
    survey = survey_layers({"a": grid(values), "b": grid(values * np.nan), "c": grid([[1.0, np.inf], [2.0, 3.0]])})
    assert found(survey, "constant") == [["error", "is 1 everywhere: nothing can be attributed to it; leave it out"]]
    assert found(survey, "missing") == [["error", "has no value at all: look at the file, its mask and its nodata value"]]
    assert found(survey, "range") == [["error", "holds infinite values: find the division that made them, or empty them"]]
    assert found(survey_layers({"b": grid(values * np.nan)}, response="b"), "missing")[0][0] == "error"


def test_codes_outside_the_legend_and_measurements_called_classes(nep):
    codes = np.ones((8, 10))
    codes[0, :3], codes[5, 5] = 9, 250
    cover = grid(codes, kind="categorical")
    survey = survey_layers({"nep": nep, "cover": cover}, response="nep", legends={"cover": {1: "forest", 2: "grass"}})
    assert found(survey, "classes") == [
        ["error", "holds 2 codes outside its legend: 9 (3 cells), 250 (1 cells); declare another legend, or nodata"]
    ]
    assert found(survey_layers({"c": cover}, legends={"c": "CLCD"}), "classes")[0][1].startswith("holds 1 codes outside")
    named = with_flags(cover, {1: "forest", 9: "water", 250: "ice"})
    assert not found(survey_layers({"cover": named}), "classes")
    half = survey_layers({"cover": grid(codes / 2, kind="categorical")})
    assert "holds 3 values such as 0.5 where classes are expected: resample classes" in found(half, "classes")[0][1]
    many = survey_layers({"cover": grid(np.arange(300.0).reshape(15, 20), kind="categorical")})
    assert "where classes are expected" in found(many, "classes")[0][1]
    assert survey.variables.set_index("name").loc["cover", "classes"] == 3


def test_other_grids_and_other_places(nep):
    shifted = nep.assign_coords(x=nep["x"] + 300)
    half = grid(np.random.default_rng(0).normal(size=(8, 5)))
    away = grid(np.random.default_rng(0).normal(size=(8, 10)), x0=9e6)
    degrees = grid(np.random.default_rng(0).normal(size=(40, 40)), crs=DEGREES, x0=116.9, y0=39.7, step=0.01)
    lost = grid(np.random.default_rng(0).normal(size=(8, 10)), crs="EPSG:1")
    bare = nep.copy()
    bare.attrs = {}
    layers = {"nep": nep, "shifted": shifted, "half": half, "away": away, "degrees": degrees, "lost": lost, "bare": bare}
    survey = survey_layers(layers, response="nep")
    assert found(survey, "alignment", "shifted")[0][1].startswith(
        "differs from 'nep' in origin along x (500500 and 500800): it"
    )
    assert found(survey, "overlap", "shifted")[0] == ["warning", "covers 97.0% of the extent of 'nep': the rest has no value"]
    assert found(survey, "overlap", "half")[0] == ["warning", "covers 50.0% of the extent of 'nep': the rest has no value"]
    assert found(survey, "overlap", "away") == [["error", "does not overlap 'nep': check its CRS and the region"]]
    assert "differs from 'nep' in shape" in found(survey, "alignment", "degrees")[0][1] and not found(
        survey, "overlap", "degrees"
    )
    assert found(survey, "CRS", "lost")[0][1].startswith("unknown CRS 'EPSG:1'")
    assert found(survey, "CRS", "bare")[0][1].startswith("has no CRS")


def test_exchanged_axes_are_told():
    right = grid(np.random.default_rng(0).normal(size=(10, 10)), crs=DEGREES, x0=80.0, y0=35.0, step=0.5)
    turned = grid(np.random.default_rng(0).normal(size=(10, 10)), crs=DEGREES, x0=35.0, y0=80.0, step=0.5)
    survey = survey_layers({"nep": right, "rain": turned}, response="nep")
    assert found(survey, "overlap") == [["error", "does not overlap 'nep': x and y are exchanged; write longitude as x"]]


def test_years_that_are_few_lacking_or_empty(nep):
    rain = np.random.default_rng(3).normal(500, 50, size=(12, 8, 10))
    short = grid(rain[:6])
    holes = grid(rain[:10], years=[2001, 2002, 2003, 2005, 2006, 2007, 2008, 2010, 2011, 2012])
    empty = grid(np.where(np.arange(12)[:, None, None] == 4, np.nan, rain))
    survey = survey_layers({"nep": nep, "short": short, "holes": holes, "empty": empty}, response="nep")
    assert found(survey, "years", "short") == [
        ["warning", "has 6 years (2001-2006): a trend wants 10 or more"],
        ["warning", "lacks 2007-2012, which the response has: add them, or narrow the years"],
    ]
    assert found(survey, "years", "holes") == [["error", "lacks 2004, 2009 between its first and last year: add them"]]
    assert found(survey, "missing", "empty")[0] == ["warning", "has no value at all in 2005: look at the file and its mask"]
    assert survey.variables.set_index("name")["years"]["holes"] == "2001-2003, 2005-2008, 2010-2012"


def test_months_are_counted():
    months = pd.date_range("2001-01-01", periods=30, freq="MS")
    stack = grid(np.random.default_rng(1).normal(size=(30, 2, 2)), years=np.arange(30)).rename(year="time")
    survey = survey_layers({"rain": stack.assign_coords(time=months)})
    assert found(survey, "years") == [
        ["error", "has not all months of 2003: add them, or leave these years out"],
        ["warning", "has 3 years (2001-2003): a trend wants 10 or more"],
    ]
    assert survey.missing["year"].tolist() == [2001, 2002, 2003] and survey.missing["n"].tolist() == [48, 48, 24]


def test_the_virtual_region_is_fit():
    region = virtual_region("demo", shape=(40, 50))
    layers = {str(name): da.assign_attrs(crs=region.crs) for name, da in region.annual.items() if name != "land_cover"}
    survey = survey_layers(layers, response="nep")
    assert survey.is_fit, survey.findings.to_string()


def test_real_leaf_area(shared_data):
    lai = read_raster(shared_data, "china_modis_lai_0p5deg_2001-2020.nc", name="lai", mask_below=0.05)
    survey = survey_layers({"lai": lai}, response="lai")
    assert survey.findings.empty and survey.variables.loc[0, ["years", "n", "missing"]].tolist() == [
        "2001-2020",
        20 * 7769,
        0.0,
    ]
    whole = survey_layers({"lai": lai})
    assert whole.variables.loc[0, "missing"] == pytest.approx(1 - 7769 / 11200)


def test_layers_and_names_that_are_none(nep):
    with pytest.raises(DataError, match="no layers are given"):
        survey_layers({})
    with pytest.raises(OptionError, match="response must name a layer, got 'npe'"):
        survey_layers({"nep": nep}, response="npe")
    with pytest.raises(OptionError, match="legends must name a layer, got 'cover'"):
        survey_layers({"nep": nep}, legends={"cover": "CLCD"})
    with pytest.raises(OptionError, match="legend must be one of"):
        survey_layers({"c": grid(np.ones((2, 2)), kind="categorical")}, legends={"c": "CLCDD"})


@pytest.fixture
def frame():
    rng = np.random.default_rng(5)
    n = 300
    rain, dem = rng.gamma(4, 100, n), rng.normal(900, 300, n)
    return pd.DataFrame(
        {
            "nep": rng.normal(10, 40, n), "rain": rain, "snow": 0.9 * rain + rng.normal(0, 20, n), "dem": dem,
            "cover": rng.choice(["forest", "grass"], n), "year": np.tile(np.arange(2001, 2013), 25),
        }
    )  # fmt: skip


DRIVERS = [Driver("rain"), Driver("snow"), Driver("dem"), Driver("cover", kind="categorical")]


def test_collinear_drivers_of_a_table_are_named(frame):
    survey = survey_table(frame, response=Driver("nep", unit="g C m-2 a-1"), drivers=DRIVERS, time="year")
    assert survey.is_fit and survey.inflation["driver"].tolist() == ["rain", "snow", "dem"]
    assert survey.findings[survey.findings["check"] == "VIF"]["name"].tolist() == ["rain", "snow"]
    r = np.corrcoef(frame["rain"], frame["snow"])[0, 1]
    assert found(survey, "correlation") == [
        ["warning", f"r = {r:.3f} with 'snow': their effects cannot be told apart; keep one, or a combination"]
    ]
    assert survey.variables["share_of"].unique().tolist() == ["rows of the table"]


def test_columns_that_are_wrong(frame):
    frame.loc[:40, "rain"] = np.nan
    frame.loc[3, "dem"] = -9999.0
    bad = frame.assign(cover="forest", snow="much")
    survey = survey_table(bad, response=Driver("nep"), drivers=DRIVERS)
    assert found(survey, "missing", "rain") == [
        ["warning", "lacks a value in 13.7% of the rows of the table: look at its mask, or leave it out"]
    ]
    assert "holds -9999 in 1 cells, far from all other values" in found(survey, "range", "dem")[0][1]
    assert found(survey, "constant", "cover")[0][1].startswith("has only one class (forest)")
    assert "holds 300 cells that are no numbers, such as 'much'" in found(survey, "range", "snow")[0][1]
    assert found(survey, "rows") == [["error", "only 0 complete rows for 4 drivers: add rows, or drop one"]]
    assert not survey.is_fit


def test_years_of_a_table(frame):
    survey = survey_table(frame[frame["year"] < 2004], response=Driver("nep"), drivers=DRIVERS[:1], time="year")
    assert found(survey, "years") == [["warning", "has 3 years: a trend wants 10 or more"]]
    assert survey.missing[survey.missing["name"] == "rain"]["year"].tolist() == [2001, 2002, 2003]
    dated = frame.assign(year=pd.to_datetime(frame["year"].astype(str) + "-07-01").astype(str))
    assert survey_table(dated, response=Driver("nep"), drivers=DRIVERS[:1], time="year").variables["years"][0] == "2001-2012"
    words = survey_table(frame.assign(year="wet"), response=Driver("nep"), drivers=DRIVERS[:1], time="year")
    assert found(words, "years")[0][0] == "error"
    with pytest.raises(DataError, match=r"no column 'yaer'\. Did you mean 'year'"):
        survey_table(frame, response=Driver("nep"), drivers=DRIVERS, time="yaer")


def test_a_sample_is_surveyed(frame):
    drivers = {"rain": "climate", "snow": "climate", "dem": "topography"}
    sample = PixelSample.from_frame(frame, response="nep", drivers=drivers, time="year")
    survey = survey_sample(sample)
    assert survey.variables["name"].tolist() == ["nep", "dem", "rain", "snow"]
    assert len(found(survey, "correlation")) == 1 and survey.variables["missing"].max() == 0


def test_inflation_is_that_of_statsmodels(frame):
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    values = frame[["rain", "snow", "dem"]].to_numpy()
    with_constant = np.column_stack([np.ones(len(values)), values])
    wanted = [variance_inflation_factor(with_constant, i) for i in (1, 2, 3)]
    np.testing.assert_allclose(inflation(values), wanted, rtol=1e-10)


def test_two_drivers_have_the_inflation_of_their_correlation(frame):
    pair = frame[["rain", "snow"]].to_numpy()
    r = float(correlations(pair, ["rain", "snow"])["estimate"].item())
    assert r == pytest.approx(np.corrcoef(pair.T)[0, 1], rel=1e-12)
    np.testing.assert_allclose(inflation(pair), 1 / (1 - r**2), rtol=1e-10)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(1e-8, 1e8), shift=st.floats(-1e3, 1e3), columns=st.integers(2, 6))
def test_inflation_knows_no_unit_and_no_order(seed, scale, shift, columns):
    values = np.random.default_rng(seed).normal(size=(50, columns))
    plain = inflation(values)
    assert (plain >= 1).all()
    np.testing.assert_allclose(inflation((values + shift) * scale), plain, rtol=1e-6)
    np.testing.assert_allclose(inflation(values[:, ::-1]), plain[::-1], rtol=1e-9)
