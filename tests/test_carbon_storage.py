"""Carbon storage: pools, allometry, stocks by class and by transition; kinds of input, tables of users, refusals."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.nep_models.apply import parameters
from carbondrivers.nep_models.carbon_plots import augment_plots
from carbondrivers.nep_models.carbon_stocks import stock_by_class, stock_change, transition_areas
from carbondrivers.nep_models.carbon_storage import (
    allometric_biomass,
    biomass_carbon,
    carbon_sequestration,
    ecosystem_carbon,
    root_biomass,
    soil_carbon_stock,
    stand_biomass,
)

ALLOMETRY = {"Pinus": {"a": 0.05, "b": 0.9}, "Populus": {"a": 0.03, "b": 0.95}}
POOLS = pd.DataFrame(
    {"aboveground": [40.0, 2.0, 0.0], "belowground": [10.0, 5.0, 0.0], "litter": [3.0, 1.0, 0.0], "soil": [90.0, 60.0, 0.0]},
    index=["forest", "grass", "water"],
)


def grid(values, units=""):
    da = xr.DataArray(np.asarray(values, dtype=float), coords={"y": [41.0, 40.0], "x": [100.0, 101.0, 102.0]}, dims=("y", "x"))
    return da.assign_attrs({"crs": "EPSG:4326"} | ({"units": units} if units else {}))


# Pools


def test_soil_carbon_of_the_worked_example():
    # 10 g kg-1 x 1.3 g cm-3 x 30 cm is 3.9 kg m-2, by hand 39 t ha-1.
    assert float(soil_carbon_stock(10.0, 1.3)) == pytest.approx(39.0, rel=1e-12)
    assert float(soil_carbon_stock(10.0, 1.3, 30.0, 0.25)) == pytest.approx(29.25, rel=1e-12)
    layers = soil_carbon_stock(np.array([12.0, 6.0]), np.array([1.2, 1.4]), np.array([20.0, 10.0]))
    np.testing.assert_allclose(layers, [28.8, 8.4], rtol=1e-12)


@given(st.floats(0, 580), st.floats(0.02, 2.0), st.floats(2, 200), st.floats(0, 1))
def test_soil_carbon_in_kilograms_and_metres_is_the_same(soc, density, depth, gravel):
    kg_m2 = (soc / 1000.0) * (density * 1000.0) * (depth / 100.0) * (1.0 - gravel)
    if kg_m2 <= 150.0:
        assert float(soil_carbon_stock(soc, density, depth, gravel)) == pytest.approx(10.0 * kg_m2, rel=1e-9, abs=1e-9)


def test_depth_in_metres_is_noticed():
    with pytest.warns(DataWarning, match="depth is nowhere above 0.3: it looks like metres"):
        soil_carbon_stock(10.0, 1.3, 0.3)
    with pytest.raises(DataError, match="bulk_density must be in g cm-3, got 'kg m-3': divide by 1000"):
        soil_carbon_stock(10.0, xr.DataArray([1300.0], attrs={"units": "kg m-3"}))
    with pytest.raises(DataError, match=r"aboveground must be in t C ha-1 .*, got 't ha-1': write t C ha-1 if it is carbon"):
        ecosystem_carbon(xr.DataArray([10.0], attrs={"units": "t ha-1"}), 1.0, 1.0, 1.0)


def test_numbers_tables_and_lazy_grids_agree():
    soc, density = [[10.0, 20.0, np.nan], [5.0, 0.0, 1.0]], [[1.3, 1.1, 1.2], [1.4, 1.5, 1.6]]
    plain = soil_carbon_stock(np.array(soc), np.array(density))
    labelled = soil_carbon_stock(grid(soc, "g/kg"), grid(density, "g cm-3").chunk({"x": 1}))
    series = soil_carbon_stock(pd.Series(soc[0]), pd.Series(density[0]))
    assert labelled.chunks is not None and labelled.name == "soil_carbon" and labelled.attrs["units"] == "t C ha-1"
    np.testing.assert_allclose(labelled, plain, rtol=1e-12)
    np.testing.assert_allclose(series, plain[0], rtol=1e-12)
    assert np.isnan(plain[0, 2]) and "soil_carbon_stock" in labelled.attrs["history"]


def test_biomass_to_pools_to_density():
    above = grid(np.full((2, 3), 100.0), "Mg ha-1")
    roots = root_biomass(above, "forest", {"forest": {"ratio": 0.25}})
    assert roots.attrs["units"] == "t ha-1" and float(roots[0, 0]) == 25.0
    total = ecosystem_carbon(biomass_carbon(above), biomass_carbon(roots), 0.0 * above.assign_attrs(units="t C ha-1"), 39.0)
    assert float(total[0, 0]) == pytest.approx(0.47 * 125.0 + 39.0, rel=1e-12)
    assert total.attrs["units"] == "t C ha-1"
    mixed = root_biomass(
        np.array([2.0, 2.0, 2.0]), np.array(["grass", "", "forest"]), pd.DataFrame({"ratio": [4.0, 0.25]}, ["grass", "forest"])
    )
    np.testing.assert_array_equal(mixed, [8.0, np.nan, 0.5])


def test_trees_of_a_plot_by_hand():
    trees = pd.DataFrame({"d": [20.0, 10.0, 15.0], "h": [15.0, 8.0, 10.0], "species": ["Pinus", "Populus", None]})
    found = allometric_biomass(trees["d"], trees["h"], trees["species"], ALLOMETRY)
    expected = [0.05 * np.exp(0.9 * np.log(6000.0)), 0.03 * np.exp(0.95 * np.log(800.0))]
    np.testing.assert_allclose(found[:2], expected, rtol=1e-12)
    assert np.isnan(found[2])
    assert float(stand_biomass(found[:2], 400.0)) == pytest.approx(sum(expected) / 400.0 * 10.0, rel=1e-12)
    assert np.isnan(stand_biomass(found, 400.0))


def test_ningxia_rate_is_forty_nine_grams():
    # The study reports 256.86e4 t a-1 and 0.49 t ha-1 a-1; together they imply its area, 5.24e6 ha.
    assert pytest.approx(5.24e6, rel=1e-3) == 256.86e4 / 0.49
    assert float(carbon_sequestration(60.0, 60.49, 1.0)) == pytest.approx(49.0, rel=1e-9)
    change = carbon_sequestration(grid(np.full((2, 3), 60.0), "t C hm-2"), grid(np.full((2, 3), 55.0), "t C hm-2"), 10)
    assert change.attrs["units"] == "g C m-2 a-1" and float(change[0, 0]) == -50.0


def test_defaults_are_the_recorded_parameters():
    fraction = inspect.signature(biomass_carbon).parameters["carbon_fraction"].default
    depth = inspect.signature(soil_carbon_stock).parameters["depth"].default
    limits = inspect.signature(augment_plots).parameters["ratio_limits"].default
    tables = {name: parameters(f"carbon_storage.{name}") for name in ("biomass", "soil", "augmentation")}
    assert (
        fraction == tables["biomass"]["carbon_fraction"]["value"]
        and tables["biomass"]["carbon_fraction"]["status"] == "unverified"
    )
    assert depth == tables["soil"]["depth"]["value"]
    assert limits == (tables["augmentation"]["ratio_low"]["value"], tables["augmentation"]["ratio_high"]["value"])
    for entry in (entry for table in tables.values() for entry in table.values()):
        assert (
            entry["status"] in ("verified", "corrected", "as_published", "unverified") and entry["source"] and "unit" in entry
        )


# Stocks


def test_stock_by_class_of_a_grid_in_degrees():
    cover = xr.DataArray(
        np.array([["forest", "grass", "grass"], ["forest", "water", ""]], dtype=object),
        coords=grid(np.zeros((2, 3))).coords,
        dims=("y", "x"),
    )
    area = cell_areas(grid(np.zeros((2, 3))))
    table = stock_by_class(cover, area, POOLS).set_index("class")
    km2 = area.to_numpy()
    assert km2[0, 0] < km2[1, 0]
    assert table.loc["forest", "area_ha"] == pytest.approx(100 * km2[:, 0].sum(), rel=1e-12)
    assert table.loc["grass", "stock_t"] == pytest.approx(100 * 2 * km2[0, 1] * 68.0, rel=1e-12)
    assert table.loc["forest", "soil"] == pytest.approx(table.loc["forest", "area_ha"] * 90.0, rel=1e-12)
    np.testing.assert_allclose(
        table[["aboveground", "belowground", "litter", "soil"]].sum(axis=1), table["stock_t"], rtol=1e-12
    )
    assert table["share"].sum() == pytest.approx(1.0) and set(table["share_of"]) == {"total stock"}
    assert table.loc["water", "stock_t"] == 0.0 and table.loc["water", "density"] == 0.0


def test_codes_as_numbers_and_area_units_agree():
    densities = {1: {"soil": 90.0}, 2: {"soil": 30.0}}
    codes = np.array([1.0, 2.0, 2.0, np.nan])
    tables = [
        stock_by_class(codes, size, densities, area_unit=unit) for size, unit in ((1.0, "km2"), (100.0, "ha"), (1e6, "m2"))
    ]
    for table in tables:
        np.testing.assert_allclose(table["stock_t"], [9000.0, 6000.0], rtol=1e-12)
        assert table["class"].tolist() == ["1", "2"]
    pd.testing.assert_frame_equal(stock_by_class(np.array([1, 2, 2]), 1.0, densities, area_unit="km2"), tables[0])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["forest", "grass", "water"]), st.sampled_from(["forest", "grass", "water"])),
        min_size=1,
        max_size=30,
    )
)
def test_change_by_transitions_is_the_difference_of_the_stocks(pairs):
    before, after = [p[0] for p in pairs], [p[1] for p in pairs]
    area = np.arange(1.0, len(pairs) + 1)
    change = stock_change(transition_areas(before, after, area, area_unit="ha"), POOLS)
    stocks = [stock_by_class(names, area, POOLS, area_unit="ha")["stock_t"].sum() for names in (before, after)]
    assert change["change_t"].sum() == pytest.approx(stocks[1] - stocks[0], rel=1e-9, abs=1e-6)
    assert change["area_ha"].sum() == pytest.approx(area.sum())
    moved = change["change_t"].abs().sum()
    assert moved == 0 or change["share"].abs().sum() == pytest.approx(1.0)
    assert (change.loc[change["from"] == change["to"], "change_t"] == 0).all()


def test_flux_of_a_transition():
    areas = pd.DataFrame({"from": ["grass"], "to": ["forest"], "area_ha": [200.0]})
    row = stock_change(areas, POOLS, years=15).iloc[0]
    assert (row["density_change"], row["change_t"], row["flux"]) == (75.0, 15000.0, 500.0)
    assert row["share_of"] == "sum of absolute changes"


# What is refused


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: soil_carbon_stock(10.0, 1300.0),
            DataError,
            r"bulk_density runs from 1300 .* plausible is 0.02 to 2.65 g cm-3",
        ),
        (lambda: soil_carbon_stock(900.0, 1.3), DataError, "soc runs from 900"),
        (lambda: soil_carbon_stock(10.0, 1.3, 30.0, 20.0), DataError, "gravel runs from 20 .* plausible is 0 to 1"),
        (lambda: soil_carbon_stock(np.array([10.0, -9999.0]), 1.3), DataError, "nodata value was left in"),
        (lambda: soil_carbon_stock(grid(np.ones((2, 3)), "%"), 1.3), DataError, "soc must be in g kg-1, got '%'"),
        (lambda: biomass_carbon(100.0, 47.0), OptionError, r"carbon_fraction must be in 0.3 to 0.6 t C t-1, got 47"),
        (
            lambda: biomass_carbon(grid(np.ones((2, 3)), "t C ha-1")),
            DataError,
            "biomass must be in t ha-1 or t hm-2 or Mg ha-1, got 't C ha-1'",
        ),
        (
            lambda: ecosystem_carbon(grid(np.ones((2, 3)), "Mg ha-1"), 1.0, 1.0, 1.0),
            DataError,
            "aboveground must be in t C ha-1",
        ),
        (lambda: ecosystem_carbon(-1.0, 1.0, 1.0, 1.0), DataError, "aboveground runs from -1"),
        (lambda: carbon_sequestration(1.0, 2.0, 0), OptionError, "years must be above 0, got 0"),
        (
            lambda: allometric_biomass(20.0, 15.0, "Pinsu", ALLOMETRY),
            OptionError,
            "must be one of 'Pinus', 'Populus', got 'Pinsu'. Did you mean",
        ),
        (
            lambda: allometric_biomass(235.0, 15.0, "Pinus", ALLOMETRY),
            DataError,
            "diameter runs from 235 .* plausible is 0 to 120 cm",
        ),
        (
            lambda: allometric_biomass(20.0, 1500.0, "Pinus", ALLOMETRY),
            DataError,
            "height runs from 1500 .* plausible is 0 to 120 m",
        ),
        (
            lambda: allometric_biomass(20.0, 15.0, "Pinus", {"Pinus": {"a": 0.05}}),
            DataError,
            "has no 'b' for 'Pinus': add the column",
        ),
        (
            lambda: allometric_biomass(20.0, 15.0, "Pinus", {"Pinus": {"a": -1.0, "b": 1.0}}),
            DataError,
            "'a' of 'Pinus' .* must be above 0, got -1",
        ),
        (
            lambda: allometric_biomass(20.0, 15.0, "Pinus", {"Pinus": {"a": 1.0, "b": 9.0}}),
            DataError,
            "'b' of 'Pinus' .* at most 3, got 9",
        ),
        (
            lambda: allometric_biomass(20.0, 15.0, "Pinus", [1, 2]),
            DataError,
            "must be a DataFrame with classes as index, .* got list",
        ),
        (
            lambda: root_biomass(2.0, "grass", pd.DataFrame({"ratio": [1.0, 2.0]}, ["grass", "grass"])),
            DataError,
            "has 'grass' twice",
        ),
        (lambda: root_biomass(2.0, "grass", {"grass": {"ratio": "4"}}), DataError, "'ratio' of 'grass' .* got '4'"),
        (lambda: stand_biomass(np.array([1.0]), np.array([400.0, 400.0])), DataError, "plot_area must be one number, got 2"),
        (
            lambda: stock_by_class(["forest", "crop"], 1.0, POOLS, area_unit="ha"),
            OptionError,
            "class of the table of densities must be one of .* got 'crop'",
        ),
        (
            lambda: stock_by_class(["forest"], 1.0, POOLS),
            DataError,
            "the unit of area is '': give area_unit='ha', 'km2' or 'm2'",
        ),
        (
            lambda: stock_by_class(["forest"], 1.0, POOLS, area_unit="acre"),
            OptionError,
            "area_unit must be one of 'ha', 'km2', 'm2', got 'acre'",
        ),
        (
            lambda: stock_by_class(["forest"], -1.0, POOLS, area_unit="ha"),
            DataError,
            "area is missing, negative or infinite in 1 cells",
        ),
        (
            lambda: stock_by_class(["forest"] * 3, [1.0, 2.0], POOLS, area_unit="ha"),
            DataError,
            r"area has shape \(2,\) and land_cover \(3,\)",
        ),
        (
            lambda: stock_by_class(["forest"], 1.0, {"forest": {}}, area_unit="ha"),
            DataError,
            "the table of densities has no pool",
        ),
        (
            lambda: stock_by_class(["forest"], 1.0, {"forest": {"soil": -1}}, area_unit="ha"),
            DataError,
            "'soil' of 'forest' .* 0 or more",
        ),
        (
            lambda: stock_by_class(["forest"], 1.0, {"forest": {"soil": np.nan}}, area_unit="ha"),
            DataError,
            "'soil' of 'forest' .* got nan",
        ),
        (
            lambda: stock_by_class(["a"], 1.0, {"a": {"soil": 1}, "b": {"litter": 1}}, area_unit="ha"),
            DataError,
            "has no 'litter' for 'a'",
        ),
        (
            lambda: stock_by_class(["a", "b"], 1.0, {"a": {"soil": 1}, "b": {"soil": 1, "wood": 80}}, area_unit="ha"),
            DataError,
            "has no 'wood' for 'a'",
        ),
        (
            lambda: stock_by_class(["forest"], grid(np.ones((2, 3)), "km2"), POOLS, area_unit="ha"),
            DataError,
            "area is in 'km2' by its attributes",
        ),
        (
            lambda: transition_areas(["grass"], ["grass", "grass"], 1.0, area_unit="ha"),
            DataError,
            r"after has shape \(2,\) and before \(1,\)",
        ),
        (lambda: stock_change(pd.DataFrame({"from": ["grass"], "to": ["grass"]}), POOLS), DataError, "has no column 'area_ha'"),
        (
            lambda: stock_change(pd.DataFrame({"from": ["grass"] * 2, "to": ["grass"] * 2, "area_ha": [1.0, 2.0]}), POOLS),
            DataError,
            "'grass' to 'grass' occurs twice",
        ),
        (
            lambda: stock_change(pd.DataFrame({"from": ["grass"], "to": ["forest"], "area_ha": [np.nan]}), POOLS),
            DataError,
            "missing or negative in 1 rows",
        ),
        (
            lambda: stock_change(pd.DataFrame({"from": ["grass"], "to": ["forest"], "area_ha": [1.0]}), POOLS, years=-1),
            OptionError,
            "years must be above 0",
        ),
    ],
)
def test_implausible_inputs_are_refused_in_words(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_diameters_in_metres_and_single_giants_warn():
    with pytest.warns(DataWarning, match="diameter is nowhere above 0.25: it looks like metres; multiply by 100"):
        allometric_biomass(np.array([0.25, 0.1]), np.array([15.0, 8.0]), "Pinus", ALLOMETRY)
    with pytest.warns(DataWarning, match="diameter runs from 20 to 150"):
        allometric_biomass(np.array([20.0, 150.0]), np.array([15.0, 40.0]), "Pinus", ALLOMETRY)


def test_grids_that_differ_are_refused():
    shifted = grid(np.ones((2, 3)), "t C ha-1").assign_coords(x=[100.5, 101.5, 102.5])
    with pytest.raises(DataError, match="aboveground and belowground differ along 'x'"):
        ecosystem_carbon(grid(np.ones((2, 3)), "t C ha-1"), shifted, 0.0, 0.0)
    cover = xr.DataArray(np.full((2, 3), 1.0), coords=shifted.coords, dims=("y", "x"))
    with pytest.raises(DataError, match="differ along 'x'"):
        stock_by_class(cover, grid(np.ones((2, 3)), "km2"), {1: {"soil": 1.0}})
