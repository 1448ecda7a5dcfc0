"""Derived layers: aridity, seasons over the year end, anomalies, change and transitions, and the list that names them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.catalogue import CATEGORIES, variables
from carbondrivers.datasets.derive import derivations, derive
from carbondrivers.datasets.labels import flag_names
from carbondrivers.datasets.landcover import reclassify
from carbondrivers.errors import DataError, DataWarning, OptionError

XY = {"y": np.array([60.0, 30.0, 0.0]), "x": np.array([0.0, 30.0, 60.0, 90.0])}
ATTRS = {"crs": "EPSG:32650"}


def plane(values, **attrs):
    data = np.broadcast_to(np.asarray(values, dtype=float), (3, 4)).copy()
    return xr.DataArray(data, coords=XY, dims=("y", "x"), attrs=ATTRS | attrs)


def stack(values, steps, dim="year", **attrs):
    """A series that is the same in every cell."""
    data = np.broadcast_to(np.asarray(values, dtype=float)[:, None, None], (len(values), 3, 4)).copy()
    return xr.DataArray(data, coords={dim: steps, **XY}, dims=(dim, "y", "x"), attrs=ATTRS | attrs)


def months(values, start="2001-01", **attrs):
    return stack(values, pd.date_range(start, periods=len(values), freq="MS"), "time", **attrs)


def series(da):
    return da.isel(x=0, y=0).to_numpy()


RAMP = plane(np.arange(4) * 30.0, units="m")


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("slope", {}, 45.0), ("aspect", {}, 270.0), ("northness", {}, 0.0), ("eastness", {}, -1.0),
        ("aspect_class", {"scheme": "four"}, 4.0), ("elevation_band", {"edges": [15, 45]}, 2.0),
    ],
)  # fmt: skip
def test_terrain_by_name(name, options, expected):
    found = derive(name, RAMP, **options)
    assert float(found[1, 1]) == pytest.approx(expected, abs=1e-12)
    entry = derivations()[name]
    assert found.attrs["units"] == entry.unit and found.attrs["kind"] == entry.kind and found.attrs["crs"] == "EPSG:32650"


def test_aridity_is_the_ratio_and_has_classes():
    rain = plane([[20, 100, 400, 600], [700, 300, 0, np.nan], [1, 1, 1, 1]], units="mm a-1")
    pet = plane([[1000, 1000, 1000, 1000], [1000, 0, 1000, 1000], [1, 1, 1, 1]], units="mm/yr")
    index = derive("aridity", [rain, pet])
    np.testing.assert_allclose(index[0], [0.02, 0.1, 0.4, 0.6])
    np.testing.assert_allclose(index[1], [0.7, np.nan, 0.0, np.nan])
    classes = derive("aridity_class", {"precipitation": rain, "pet": pet})
    names = flag_names(classes)
    assert [names[int(v)] for v in classes.to_numpy()[0]] == ["hyper-arid", "arid", "semi-arid", "dry_sub-humid"]
    assert names[int(classes[1, 0])] == "humid" and np.isnan(classes[1, 1])


def test_aridity_of_a_stack_is_that_of_the_totals_not_the_mean_of_ratios():
    rain, pet = (stack(v, [2001, 2002], units="mm a-1") for v in ([100.0, 900.0], [1000.0, 500.0]))
    assert float(derive("aridity", [rain, pet])[0, 0]) == pytest.approx(1000 / 1500)
    np.testing.assert_allclose(series(derive("aridity", [rain, pet], by="year")), [0.1, 1.8])
    monthly = [months(np.full(24, v), units="mm month-1") for v in (30.0, 60.0)]
    assert float(derive("aridity", monthly)[0, 0]) == pytest.approx(0.5)
    yearly = derive("aridity", monthly, by="year")
    assert yearly.dims == ("year", "y", "x") and yearly["year"].to_numpy().tolist() == [2001, 2002]


def test_a_step_without_pet_counts_for_neither():
    rain, pet = (stack(v, [2001, 2002], units="mm a-1") for v in ([100.0, 900.0], [1000.0, np.nan]))
    assert float(derive("aridity", [rain, pet])[0, 0]) == pytest.approx(0.1)


def test_the_mean_of_a_season_within_the_year():
    found = derive("season", months(np.arange(24.0), units="degC", long_name="Temperature"), months=[6, 7, 8])
    np.testing.assert_array_equal(series(found), [6.0, 18.0])
    assert found.attrs["units"] == "degC" and found.attrs["long_name"] == "Temperature, months 6 to 8"
    assert found.dims == ("year", "y", "x") and found["year"].to_numpy().tolist() == [2001, 2002]


def test_a_season_over_the_year_end_belongs_to_the_year_it_ends_in():
    rain = months(np.arange(36.0), units="mm month-1")
    found = derive("season", rain, months=[11, 12, 1, 2, 3], statistic="sum")
    assert found["year"].to_numpy().tolist() == [2002, 2003] and found.attrs["units"] == "mm"
    np.testing.assert_array_equal(series(found), [10 + 11 + 12 + 13 + 14, 22 + 23 + 24 + 25 + 26])


def test_only_whole_seasons_are_kept_and_a_gap_is_told():
    rain = months(np.arange(36.0), units="mm month-1")
    cut = rain.isel(time=[n for n in range(36) if n != 18])
    with pytest.warns(DataWarning, match="season of 2002 lacks a month"):
        found = derive("season", cut, months=[7, 8])
    assert found["year"].to_numpy().tolist() == [2001, 2003]
    holed = rain.copy(deep=True)
    holed[6, 0, 0] = np.nan
    assert np.isnan(derive("season", holed, months=[7, 8])[0, 0, 0])
    with pytest.raises(DataError, match=r"no year has all of the months \[12, 1\]"):
        derive("season", rain.isel(time=slice(0, 11)), months=[12, 1])


@settings(max_examples=40, deadline=None)
@given(first=st.integers(1, 12), length=st.integers(1, 12), years=st.integers(2, 4))
def test_seasons_hold_the_months_that_follow_one_another(first, length, years):
    chosen = [(first - 1 + n) % 12 + 1 for n in range(length)]
    found = derive("season", months(np.arange(12.0 * years)), months=chosen)
    start = first - 1
    expected = [start + 12 * n + (length - 1) / 2 for n in range(years) if start + 12 * n + length <= 12 * years]
    np.testing.assert_allclose(series(found), expected)


@pytest.mark.parametrize("wrong", [[], [0], [13], [6, 6], [1.5], [12, 6, 1], [True], "678"])
def test_no_season(wrong):
    with pytest.raises(OptionError, match="months must be different numbers 1 to 12"):
        derive("season", months(np.zeros(12)), months=wrong)


def test_sums_of_temperatures_and_doubled_months_are_refused():
    with pytest.raises(DataError, match="only totals of months can be summed to a season, got 'degC'"):
        derive("season", months(np.zeros(12), units="degC"), months=[6], statistic="sum")
    twice = months(np.zeros(12)).assign_coords(time=pd.DatetimeIndex(["2001-01-01"] * 12))
    with pytest.raises(DataError, match="month 2001-01 occurs twice"):
        derive("season", twice, months=[1])
    with pytest.raises(DataError, match="a season needs months on a dimension 'time'"):
        derive("season", stack([1.0], [2001]), months=[1])


def test_anomalies_of_years():
    values = stack([1.0, 2.0, 3.0, 8.0], [2001, 2002, 2003, 2004], units="mm a-1")
    np.testing.assert_allclose(series(derive("anomaly", values, base=[2001, 2003])), [-1, 0, 1, 6])
    np.testing.assert_allclose(series(derive("anomaly", values, base=[2001, 2003], statistic="percent")), [-50, 0, 50, 300])
    np.testing.assert_allclose(series(derive("anomaly", values, base=[2001, 2003], statistic="standardised")), [-1, 0, 1, 6])
    units = [derive("anomaly", values, base=[2001, 2003], statistic=s).attrs["units"] for s in ("difference", "percent")]
    assert units == ["mm a-1", "%"]


def test_anomalies_of_months_depart_from_their_own_month():
    season, rise = np.tile(np.arange(12.0) * 10, 3), np.repeat([0.0, 2.0, 7.0], 12)
    found = derive("anomaly", months(season + rise), base=[2001, 2002])
    np.testing.assert_allclose(series(found), rise - 1.0)
    assert found.dims == ("time", "y", "x") and set(found.coords) == {"time", "y", "x"}


def test_an_anomaly_without_a_base():
    values = stack([1.0, 2.0, np.nan], [2001, 2002, 2003])
    assert np.isnan(derive("anomaly", values, base=[2002, 2003])).all()
    constant = stack([4.0, 4.0, 4.0], [2001, 2002, 2003])
    assert np.isnan(derive("anomaly", constant, base=[2001, 2003], statistic="standardised")).all()
    with pytest.raises(DataError, match="base period lacks years 1999, 2000"):
        derive("anomaly", values, base=[1999, 2002])
    with pytest.raises(DataError, match="base period lacks months of 2001"):
        derive("anomaly", months(np.zeros(11)), base=[2001, 2001])
    with pytest.raises(DataError, match="needs 3 base years at least"):
        derive("anomaly", values, base=[2001, 2002], statistic="standardised")
    with pytest.raises(OptionError, match=r"base must be \[first, last\] year"):
        derive("anomaly", values, base=[2003, 2001])


def test_the_change_of_a_measure():
    values = stack([1.0, 2.5, 4.0], [2000, 2010, 2020], units="person km-2", long_name="Population")
    found = derive("change", values, years=[2000, 2020])
    assert (found == 3.0).all() and found.attrs["units"] == "person km-2" and found.attrs["long_name"] == "Change of population"
    back = derive("change", [values.sel(year=2020, drop=True), values.sel(year=2000, drop=True)])
    xr.testing.assert_equal(back, -found)


def cover(codes, year):
    return xr.DataArray(np.array(codes), coords={"y": XY["y"][:2], "x": XY["x"]}, dims=("y", "x"), attrs=ATTRS), year


def test_transitions_have_numbers_and_names():
    early, late = np.array([[2, 4, 4, 1], [0, 7, 2, 8]]), np.array([[2, 1, 4, 8], [1, 4, 0, 8]])
    grids = [reclassify(cover(c, None)[0], legend="CLCD", scheme="ecosystem", output="number") for c in (early, late)]
    found = derive("change", grids)
    names = flag_names(found)
    told = [[names[int(v)] if np.isfinite(v) else "" for v in row] for row in found.to_numpy()]
    assert told == [
        ["forest_unchanged", "grassland_to_cropland", "grassland_unchanged", "cropland_to_impervious"],
        ["", "barren_to_grassland", "", "impervious_unchanged"],
    ]
    changed = derive("change", grids, output="changed")
    np.testing.assert_array_equal(changed, [[0, 1, 0, 1], [np.nan, 1, np.nan, 0]])
    assert flag_names(changed) == {0: "unchanged", 1: "changed"} and changed.attrs["kind"] == "categorical"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1, max_size=12))
def test_a_transition_holds_both_codes_exactly(pairs):
    codes = np.array(pairs, dtype=np.float32).T
    both = xr.DataArray(codes, coords={"year": [2000, 2020]}, dims=("year", "x"), attrs={"kind": "categorical"})
    found = derive("change", both, years=[2000, 2020]).to_numpy().astype(int)
    assert list(zip(found // 1000, found % 1000, strict=True)) == pairs


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        (stack([1.0, 2.0], [2000, 2001]), {}, OptionError, "two years of one stack"),
        (stack([1.0, 2.0], [2000, 2001]), {"years": [2000, 2000]}, OptionError, "two different years"),
        (stack([1.0, 2.0], [2000, 2001]), {"years": [2000, 2020]}, DataError, "no year 2020: it runs from 2000 to 2001"),
        (plane(1.0), {"years": [2000, 2020]}, DataError, "need a stack with a dimension 'year'"),
        ([plane(1.0, units="K"), plane(1.0, units="degC")], {}, DataError, "a change needs one unit, got 'K' and 'degC'"),
        ([plane(1.0), plane(1.0).isel(x=slice(2))], {}, DataError, "differ in shape"),
        ([plane(1500.0, kind="categorical"), plane(1.0)], {}, DataError, "whole numbers in 0 to 999, got 1500"),
        ([plane(1.5, kind="categorical"), plane(1.0)], {}, DataError, "whole numbers in 0 to 999, got 1.5"),
    ],
)
def test_no_change(inputs, options, error, message):
    with pytest.raises(error, match=message):
        derive("change", inputs, **options)


LAZY = [
    ("season", lambda: [months(np.arange(24.0))], {"months": [12, 1]}),
    ("anomaly", lambda: [months(np.arange(24.0) % 5)], {"base": [2001, 2002]}),
    ("anomaly", lambda: [stack([1.0, 2.0, 4.0], [2001, 2002, 2003])], {"base": [2001, 2003], "statistic": "standardised"}),
    ("change", lambda: [stack([1.0, 2.0], [2001, 2002], kind="categorical")], {"years": [2001, 2002]}),
    ("aridity", lambda: [months(np.arange(24.0)), months(np.full(24, 50.0))], {}),
    ("aridity_class", lambda: [plane(3.0), plane(9.0)], {}),
    ("slope_band", lambda: [plane(3.0)], {"edges": [2]}),
    ("elevation_band", lambda: [plane(3.0)], {"edges": [2]}),
    *((name, lambda: [RAMP], {}) for name in ("slope", "aspect", "northness", "eastness", "aspect_class")),
    ("change", lambda: [stack([1.0, 2.0], [2001, 2002])], {"years": [2001, 2002]}),
    ("change", lambda: [plane(1.0, kind="categorical"), plane(2.0, kind="categorical")], {"output": "changed"}),
    ("season", lambda: [months(np.arange(24.0), units="mm month-1")], {"months": [6, 7, 8], "statistic": "sum"}),
    ("aridity", lambda: [months(np.arange(24.0)), months(np.full(24, 50.0))], {"by": "year"}),
]


def test_every_derivation_has_a_lazy_case():
    assert {name for name, _, _ in LAZY} == set(derivations())


@pytest.mark.parametrize(("name", "make", "options"), LAZY, ids=[case[0] for case in LAZY])
def test_lazy_in_lazy_out_the_same_and_nothing_changed(name, make, options):
    grids = make()
    before = [da.copy(deep=True) for da in grids]
    eager = derive(name, grids, **options)
    lazy = derive(name, [da.chunk({"x": 2}) for da in grids], **options)
    assert lazy.chunks is not None and eager.chunks is None
    xr.testing.assert_allclose(lazy.compute(), eager, rtol=1e-14)
    assert eager.attrs == lazy.attrs
    for da, kept in zip(grids, before, strict=True):
        xr.testing.assert_identical(da, kept)


def test_coordinates_a_hair_apart_are_one_grid_and_others_are_refused():
    rain, pet = plane(1.0, units="mm"), plane(2.0, units="mm")
    near = pet.assign_coords(x=pet["x"] + 1e-8)
    assert derive("aridity", [rain, near]).sizes == {"y": 3, "x": 4}
    with pytest.raises(DataError, match="precipitation and pet differ in origin along x"):
        derive("aridity", [rain, pet.assign_coords(x=pet["x"] + 5.0)])
    years = [stack([1.0], [year], units="mm a-1") for year in (2001, 2002)]
    with pytest.raises(DataError, match="precipitation and pet differ along 'year'"):
        derive("aridity", years)


@pytest.mark.parametrize(
    ("name", "inputs", "options", "error", "message"),
    [
        ("slop", RAMP, {}, OptionError, "derive must be one of .*Did you mean 'slope'"),
        ("slope", RAMP, {"projct": True}, OptionError, "derive 'slope' has no option 'projct'. Did you mean 'project'"),
        ("elevation_band", RAMP, {}, OptionError, "derive 'elevation_band' needs edges: give it beside 'derive'"),
        ("slope", [RAMP, RAMP], {}, DataError, "derive 'slope' takes elevation, got 2 inputs"),
        ("aridity", RAMP, {}, DataError, "takes precipitation, pet, pet is missing"),
        ("aridity", {"rain": RAMP}, {}, OptionError, "an input must be one of 'precipitation', 'pet', got 'rain'"),
        ("slope", plane(1.0, units="km"), {}, DataError, "derive 'slope': elevation must be in m, got 'km'"),
        ("aridity", [RAMP, RAMP], {}, DataError, "precipitation must be in mm a-1 or mm month-1 or mm, got 'm'"),
        ("aridity", [plane(1.0, units="mm a-1"), plane(1.0, units="mm month-1")], {}, DataError, "aridity needs one unit"),
        ("aridity", [plane(1.0), plane(1.0)], {"by": "month"}, OptionError, "by must be one of 'period', 'year'"),
    ],
)
def test_what_cannot_be_derived(name, inputs, options, error, message):
    with pytest.raises(error, match=message):
        derive(name, inputs, **options)


@pytest.mark.parametrize("entry", derivations().values(), ids=lambda entry: entry.name)
def test_every_derivation_says_what_it_is(entry):
    facts = entry.facts()
    assert entry.title and facts["from"] and entry.category in CATEGORIES
    known = variables().get({"aridity": "aridity_index"}.get(entry.name, entry.name))
    assert known is None or (known.unit, known.category, known.kind) == (entry.unit, entry.category, entry.kind)
