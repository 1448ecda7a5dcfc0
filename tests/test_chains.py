"""The chains: hand calculation, one answer for every kind of input, identities, gaps, classes, and messages."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.errors import DataError, DataWarning, ImplausibleConstantWarning, OptionError
from carbondrivers.nep_models import (
    autotrophic_respiration,
    casa_fpar,
    casa_water_stress,
    clumped_fpar,
    clumping_reference,
    eps_max,
    npp_casa_monthly,
    rh_shi_monthly,
    rh_xie_annual,
    rm_forest,
    rm_mod17,
    rs_chen_annual,
    rs_gsmsr_monthly,
    topt_from_ndvi,
)
from carbondrivers.nep_models.apply import parameters
from carbondrivers.nep_models.chains import nep_npp_minus_rh, true_days
from carbondrivers.nep_models.chains_casa_gsmsr import nep_casa_gsmsr
from carbondrivers.nep_models.chains_classes import by_class, class_of, cover_of, distinct_codes, ecosystem_classes
from carbondrivers.nep_models.chains_limits import limits_by_class
from carbondrivers.nep_models.chains_nirv_tec import nep_nirv_tec
from carbondrivers.study.nep_options import CasaClass, EcosystemClass

DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
WARM = np.array([-12.0, -8.0, 0.5, 8.0, 15.0, 20.0, 22.5, 20.5, 14.0, 7.0, -2.0, -9.0])
RAIN = np.array([2.0, 3.0, 8.0, 15.0, 35.0, 60.0, 110.0, 90.0, 40.0, 15.0, 6.0, 2.0])
SUN = np.array([8.0, 11.0, 15.0, 19.0, 22.0, 23.0, 21.0, 19.0, 16.0, 12.0, 9.0, 7.0])
GREEN = np.array([0.15, 0.15, 0.17, 0.25, 0.4, 0.55, 0.65, 0.6, 0.45, 0.3, 0.18, 0.15])
NIR = 0.15 + 0.2 * GREEN
LEAVES = 3.0 * (GREEN - 0.1)
NAMES = {1: "forest", 2: "grassland", 3: "cropland", 4: "barren", 5: "water", 6: "shrubland"}
C = {"forest": 2.7, "grassland": 2.2, "other": 1.5}
YEARS = (2019, 2020)


def tec(**options: Any) -> dict[str, Any]:
    inputs: dict[str, Any] = {
        "ndvi_monthly": GREEN, "nir_monthly": NIR, "temperature_monthly": WARM, "precipitation_monthly": RAIN,
        "lai_monthly": LEAVES, "soil_carbon": 4.0, "land_cover": "grassland", "c": 2.5, "radiation_monthly": SUN, "days": DAYS,
    }  # fmt: skip
    return nep_nirv_tec(**inputs | options)


def casa(**options: Any) -> dict[str, Any]:
    inputs: dict[str, Any] = {
        "ndvi_monthly": GREEN, "radiation_monthly": SUN, "temperature_monthly": WARM, "precipitation_monthly": RAIN,
        "land_cover": "grassland", "soil_carbon": 2.0, "days": DAYS,
    }  # fmt: skip
    return nep_casa_gsmsr(**inputs | options)


def region(seed: int = 4, years: tuple[int, int] = YEARS, shape: tuple[int, int] = (6, 7)) -> dict[str, xr.DataArray]:
    """Layers of a made-up region: a pixel's climate with noise, six classes that change by year, one empty corner."""
    rng = np.random.default_rng(seed)
    count = years[1] - years[0] + 1
    y, x = np.arange(shape[0]) * -1e3, np.arange(shape[1]) * 1e3
    time = pd.date_range(f"{years[0]}-01-01", periods=12 * count, freq="MS")

    def monthly(values: np.ndarray, noise: float, unit: str, low: float = -99.0) -> xr.DataArray:
        base = np.tile(values, count)[:, None, None] + noise * rng.standard_normal((12 * count, *shape))
        grid = xr.DataArray(np.maximum(base, low), {"time": time, "y": y, "x": x}, ("time", "y", "x"), attrs={"units": unit})
        grid[:, 0, 0] = np.nan
        return grid

    cover = rng.integers(1, 7, (count, *shape))
    cover[:, 0, 0] = -1
    axes = {"year": np.arange(years[0], years[1] + 1), "y": y, "x": x}
    return {
        "ndvi_monthly": monthly(GREEN, 0.02, "1"), "nir_monthly": monthly(NIR, 0.01, "1", 0.01),
        "temperature_monthly": monthly(WARM, 1.5, "degC"), "precipitation_monthly": monthly(RAIN, 6.0, "mm month-1", 0.0),
        "radiation_monthly": monthly(SUN, 0.5, "MJ m-2 d-1"), "lai_monthly": monthly(LEAVES, 0.1, "m2 m-2", 0.0),
        "clumping_monthly": monthly(1.0 - 0.2 * GREEN, 0.01, "1"),
        "soil_carbon": xr.DataArray(rng.uniform(1.0, 8.0, shape), {"y": y, "x": x}, ("y", "x"), attrs={"units": "kg C m-2"}),
        "land_cover": xr.DataArray(cover, axes, ("year", "y", "x")),
        "npp": xr.DataArray(rng.uniform(100, 500, (count, *shape)), axes, ("year", "y", "x"), attrs={"units": "g C m-2 a-1"}),
    }  # fmt: skip


TEC = ("ndvi_monthly", "nir_monthly", "temperature_monthly", "precipitation_monthly", "lai_monthly", "radiation_monthly",
       "soil_carbon", "land_cover")  # fmt: skip
CASA = ("ndvi_monthly", "radiation_monthly", "temperature_monthly", "precipitation_monthly", "soil_carbon", "land_cover")
PEI = ("npp", "temperature_monthly", "precipitation_monthly")


def run(chain: str, layers: dict[str, Any], **options: Any) -> dict[str, Any]:
    if chain == "npp_minus_rh":
        return nep_npp_minus_rh(**{name: layers[name] for name in PEI}, **options)
    if chain == "nirv_tec":
        return nep_nirv_tec(**{name: layers[name] for name in TEC}, classes=NAMES, **{"c": C} | options)
    return nep_casa_gsmsr(**{name: layers[name] for name in CASA}, classes=NAMES, **options)


CASES: list[tuple[str, dict[str, Any]]] = [
    ("npp_minus_rh", {"days": "actual", "b": 0.0912}),
    ("nirv_tec", {}),
    ("nirv_tec", {"method": "rescaled", "nirv_variant": "offset", "ra": "mod17", "rg": "beps"}),
    ("nirv_tec", {"method": "ndvi_offset", "q10": "tjoelker", "tb": 20.0, "rg": ("gpp", 0.2), "cap_at_rs": False}),
    ("casa_gsmsr", {}),
    ("casa_gsmsr", {"limits": "published", "eps": "zhu", "eps_of": {"grassland": 0.6}, "t2": "zhu", "index": "sr"}),
]


# Truth by hand


def test_nirv_tec_on_a_pixel_is_the_calculation_by_hand() -> None:
    index = GREEN * NIR
    thawed = np.sort(index[WARM > 0])
    place = 0.05 * (thawed.size - 1)
    soil = thawed[0] + place * (thawed[1] - thawed[0])
    gpp = 2.5 * 0.5 * SUN * np.maximum(index - soil, 0.0) * DAYS
    rm = 1.0368 * LEAVES * 2.0 ** ((WARM - 25.0) / 10.0) * DAYS
    npp = max(0.8 * (gpp.sum() - rm.sum()), 0.0)
    wet = RAIN.sum() / 1000.0
    rs = 9.62 * math.exp(0.023 * WARM.mean()) * wet / (wet + 5.16) * 4.0 / (4.0 + 3.99)
    rh = min(0.6163 * rs**0.7918, rs)
    found = tec()
    np.testing.assert_allclose(found["gpp_monthly"], gpp, rtol=1e-12)
    np.testing.assert_allclose(found["rm_monthly"], rm, rtol=1e-12)
    expected = {"gpp": gpp.sum(), "rm": rm.sum(), "ra": gpp.sum() - npp, "npp": npp, "rs": 1000 * rs, "rh": 1000 * rh}
    for name, value in (expected | {"nep": npp - 1000 * rh}).items():
        assert float(found[name]) == pytest.approx(value, rel=1e-12), name


def test_casa_gsmsr_on_a_pixel_is_the_calculation_by_hand() -> None:
    found = casa(limits="published")
    low, high = 0.023, 0.634
    share = np.clip((GREEN - low) / (high - low), 0.0, 1.0)
    ratio, least, most = ((1 + v) / (1 - v) for v in (np.clip(GREEN, low, high), low, high))
    fpar = 0.5 * (share + (ratio - least) / (most - least)) * 0.949 + 0.001
    topt = WARM[GREEN.argmax()]
    heat = (np.maximum(WARM, 0.0) / 5.0) ** 1.514
    power = (0.6751 * heat.sum() ** 3 - 77.1 * heat.sum() ** 2 + 17920.0 * heat.sum() + 492390.0) * 1e-6
    ep0 = 16.0 * (10.0 * np.maximum(WARM, 0.0) / heat.sum()) ** power
    water = np.full(12, np.nan)
    for month in range(12):
        if ep0[month] > 0:
            p, net = RAIN[month], 0.369 * math.sqrt(ep0[month] * RAIN[month]) + 0.598 * ep0[month]
            eet = min(p * net * (p * p + net * net + p * net) / ((p + net) * (p * p + net * net)), ep0[month])
            water[month] = 0.5 + 0.5 * eet / (0.5 * (eet + ep0[month]))
    for month in [*range(12), *range(12)]:
        if np.isnan(water[month]):
            water[month] = water[month - 1]
    t1 = (0.8 + 0.02 * topt - 0.0005 * topt**2) * (WARM > -10.0)
    t2 = 1.1814 / (1 + np.exp(0.2 * (topt - 10 - WARM))) / (1 + np.exp(0.3 * (-topt - 10 + WARM)))
    npp = 0.5 * SUN * DAYS * fpar * 0.542 * t1 * t2 * water
    cm = RAIN / 10.0
    rs = (0.588 + 0.118 * 2.0) * (1.83 * np.exp(-0.006 * WARM)) ** (WARM / 10.0) * (cm + 2.972) / (cm + 5.657) * DAYS
    rh = np.minimum(-0.0009 * rs**2 + 0.6011 * rs + 4.8874, rs)
    for name, value in {"npp": npp, "rs": rs, "rh": rh, "nep": npp - rh}.items():
        np.testing.assert_allclose(found[f"{name}_monthly"], value, rtol=1e-12, err_msg=name)
        assert float(found[name]) == pytest.approx(value.sum(), rel=1e-12), name


def test_npp_minus_rh_on_a_pixel_is_the_calculation_by_hand() -> None:
    rh = 0.22 * (np.exp(0.0913 * WARM) + np.log(0.3145 * RAIN + 1.0)) * 30 * 0.465
    found = nep_npp_minus_rh(350.0, WARM, RAIN)
    np.testing.assert_allclose(found["rh_monthly"], rh, rtol=1e-12)
    assert float(found["nep"]) == pytest.approx(350.0 - rh.sum(), rel=1e-12)
    true = nep_npp_minus_rh(350.0, WARM, RAIN, days=DAYS)["rh_monthly"]
    np.testing.assert_allclose(true, rh / 30 * DAYS, rtol=1e-12)


def test_a_cell_of_a_grid_is_the_composition_of_the_functions() -> None:
    layers = region()
    cell = {"y": 3, "x": 2}
    layers["land_cover"][{"year": slice(None), **cell}] = [1, 6]
    found = {name: value.isel(cell) for name, value in run("nirv_tec", layers).items()}
    own = {name: layers[name].isel(cell) for name in layers}
    for place, (year, name, organs) in enumerate(((2019, "forest", "mixed"), (2020, "shrubland", "other"))):
        part = {key: grid.sel(time=str(year)) for key, grid in own.items() if "time" in grid.dims}
        warm, wet = part["temperature_monthly"], part["precipitation_monthly"]
        daily = rm_forest(part["lai_monthly"], warm, organs)
        rm = float((daily * true_days(None, warm)).sum())
        rs = rs_chen_annual(float(warm.mean()), float(wet.sum()), float(own["soil_carbon"]), class_of("soil", name))
        gpp = float(found["gpp"][place])
        expected = {"rm": rm, "rs": rs, "rh": rh_xie_annual(rs), "ra": autotrophic_respiration(gpp, rm)}
        for component, value in expected.items():
            assert float(found[component][place]) == pytest.approx(float(value), rel=1e-12), component


def test_casa_of_a_grid_is_the_composition_of_the_functions() -> None:
    layers = region()
    layers["land_cover"] = layers["land_cover"].isel(year=0, drop=True)
    names = np.array(["", *NAMES.values()])[np.maximum(layers["land_cover"].to_numpy(), 0)]
    classes = layers["land_cover"].copy(data=np.vectorize(lambda n: class_of("casa", n) if n else "")(names).astype(object))
    inputs = {name: layers[name] for name in CASA} | {"clumping_monthly": layers["clumping_monthly"]}
    found = nep_casa_gsmsr(**inputs, classes=NAMES)
    ndvi, warm, wet = (layers[f"{name}_monthly"] for name in ("ndvi", "temperature", "precipitation"))
    limits = limits_by_class(ndvi, cover_of(layers["land_cover"], NAMES))
    lower, upper = (classes.copy(data=np.vectorize(lambda n, i=i: limits[n][i] if n else np.nan)(classes)) for i in (0, 1))
    reference = clumping_reference(layers["clumping_monthly"], classes.where(classes != "", "").astype(str))
    fpar = clumped_fpar(casa_fpar(ndvi, lower.astype(float), upper.astype(float)), layers["clumping_monthly"], reference)
    solar = (layers["radiation_monthly"] * true_days(None, ndvi)).assign_attrs(units="MJ m-2 month-1")
    light = eps_max(classes.where(classes != "", "").astype(str))
    npp = npp_casa_monthly(fpar, solar, warm, topt_from_ndvi(ndvi, warm), casa_water_stress(warm, wet), light)
    rs = rs_gsmsr_monthly(warm, wet, layers["soil_carbon"], days=true_days(None, ndvi)).where(classes != "")
    assert found["npp_monthly"].dims == ("time", "y", "x")
    for name, expected in {"npp": npp, "rs": rs, "rh": rh_shi_monthly(rs)}.items():
        np.testing.assert_allclose(found[f"{name}_monthly"], expected.transpose("time", "y", "x"), rtol=1e-12, err_msg=name)


# One answer for every kind of input


@pytest.mark.parametrize(("chain", "options"), CASES)
def test_lazy_equals_memory_whatever_the_chunks(chain: str, options: dict[str, Any]) -> None:
    layers = region()
    plain = run(chain, layers, **options)
    for chunks in ({"y": 2, "x": 3}, {"y": -1, "x": 4}):
        lazy = run(chain, {name: grid.chunk(chunks) for name, grid in layers.items()}, **options)
        assert list(lazy) == list(plain)
        for name, grid in lazy.items():
            assert grid.chunks is not None and grid.dims == plain[name].dims, name
            assert grid.attrs["units"] == plain[name].attrs["units"] and grid.name == name
            np.testing.assert_allclose(grid, plain[name], rtol=1e-12, atol=1e-12, err_msg=name)


def test_clumping_of_both_schemes_is_lazy_too() -> None:
    layers = region()
    for scheme in ("I", "II"):
        plain = run("casa_gsmsr", layers, clumping_monthly=layers["clumping_monthly"], scheme=scheme)
        cut = {name: grid.chunk({"y": 2, "x": 3}) for name, grid in layers.items()}
        lazy = run("casa_gsmsr", cut, clumping_monthly=cut["clumping_monthly"], scheme=scheme)
        np.testing.assert_allclose(lazy["nep"], plain["nep"], rtol=1e-12, atol=1e-12)
    unclumped = run("casa_gsmsr", layers)
    assert not np.allclose(plain["npp"], unclumped["npp"], equal_nan=True)


@pytest.mark.parametrize("chain", ["nirv_tec", "casa_gsmsr"])
def test_numpy_pandas_and_labels_agree_on_a_year(chain: str) -> None:
    layers = region(years=(2019, 2019))
    layers["land_cover"] = layers["land_cover"].isel(year=0, drop=True)
    labelled = run(chain, layers)
    bare = run(chain, {name: grid.to_numpy() for name, grid in layers.items()}, days=DAYS)
    for name, values in bare.items():
        expected = labelled[name].to_numpy()
        np.testing.assert_allclose(values, expected if name.endswith("monthly") else expected[0], rtol=1e-12, atol=1e-12)
    single = {"nirv_tec": tec, "casa_gsmsr": casa}[chain]
    months = pd.date_range("2019-01", periods=12, freq="MS")
    series = {
        name: pd.Series(values, months)
        for name, values in (
            ("ndvi_monthly", GREEN), ("radiation_monthly", SUN), ("temperature_monthly", WARM), ("precipitation_monthly", RAIN),
            *((("nir_monthly", NIR), ("lai_monthly", LEAVES)) if chain == "nirv_tec" else ()),
        )
    }  # fmt: skip
    for name, value in single(**series, days=pd.Series(DAYS, months)).items():
        np.testing.assert_allclose(value, single()[name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("chain", ["nirv_tec", "casa_gsmsr"])
def test_one_map_for_all_years_is_that_map_every_year_and_names_are_codes(chain: str) -> None:
    layers = region()
    first = layers["land_cover"].isel(year=0, drop=True)
    once = run(chain, layers | {"land_cover": first})
    again = xr.concat([first, first, first], pd.Index([2018, *YEARS], name="year"))
    for name, grid in run(chain, layers | {"land_cover": again}).items():
        np.testing.assert_allclose(grid, once[name], rtol=1e-12, err_msg=name)
    names = first.copy(data=np.array(["", *NAMES.values()])[np.maximum(first.to_numpy(), 0)])
    inputs = layers | {"land_cover": names}
    if chain == "nirv_tec":
        found = nep_nirv_tec(**{name: inputs[name] for name in TEC}, c=C)
    else:
        found = nep_casa_gsmsr(**{name: inputs[name] for name in CASA})
    np.testing.assert_allclose(found["nep"], once["nep"], rtol=1e-12)


# Identities, gaps, plausibility


@pytest.mark.parametrize(("chain", "options"), CASES)
def test_balances_close_and_gaps_stay(chain: str, options: dict[str, Any]) -> None:
    layers = region()
    if chain != "npp_minus_rh":
        layers["land_cover"][0, 2, 2], layers["land_cover"][0, 4, 4] = 2, 1
    layers["temperature_monthly"][5, 2, 2] = np.nan
    found = run(chain, layers, **options)
    np.testing.assert_allclose(found["nep"], found["npp"] - found["rh"], rtol=1e-12, atol=1e-9)
    for name in (n for n in found if n.endswith("_monthly")):
        annual = found[name].groupby("time.year").sum(skipna=False)
        np.testing.assert_allclose(found[name.removesuffix("_monthly")], annual, rtol=1e-9, atol=1e-9, err_msg=name)
        assert found[name].attrs["units"] == "g C m-2 month-1"
    if "gpp" in found:
        np.testing.assert_allclose(found["npp"], found["gpp"] - found["ra"], rtol=1e-12, atol=1e-9)
    if "rs" in found and options.get("cap_at_rs", True):
        assert bool((found["rh"] <= found["rs"] + 1e-9).where(found["rs"].notnull(), True).all())
    nep = found["nep"]
    assert nep.attrs["units"] == "g C m-2 a-1" and list(nep["year"].to_numpy()) == list(YEARS)
    assert np.isnan(nep[:, 0, 0]).all() and np.isnan(nep[0, 2, 2])
    if chain != "npp_minus_rh":
        water = layers["land_cover"] == 5
        assert int(water.sum()) > 3 and np.isnan(nep.where(water)).all() and np.isfinite(nep[0, 4, 4])


@pytest.mark.filterwarnings("ignore::carbondrivers.errors.DataWarning")
@settings(max_examples=40, deadline=None)
@given(
    warm=st.lists(st.floats(-30, 28), min_size=12, max_size=12), wet=st.lists(st.floats(0, 120), min_size=12, max_size=12),
    carbon=st.floats(0.1, 5), name=st.sampled_from(["forest", "grassland", "cropland", "barren", "shrubland", "savanna"]),
)  # fmt: skip
def test_rh_never_exceeds_rs_and_the_balance_closes(warm: list[float], wet: list[float], carbon: float, name: str) -> None:
    climate = {"temperature_monthly": np.array(warm), "precipitation_monthly": np.array(wet), "soil_carbon": carbon}
    for found in (tec(**climate, land_cover=name, soil_nirv=0.03), casa(**climate, land_cover=name, limits="published")):
        assert found["rh"] <= found["rs"] * (1 + 1e-12)
        assert float(found["nep"]) == pytest.approx(float(found["npp"] - found["rh"]), abs=1e-9)
        assert found["npp"] >= 0


def test_npp_held_at_zero_is_said_and_ra_counts_as_gpp() -> None:
    layers = region()
    found = run("nirv_tec", layers, c=0.2)
    held = found["npp"] == 0
    assert int(held.sum()) > 10
    np.testing.assert_allclose(found["ra"].where(held), found["gpp"].where(held), rtol=1e-12)
    assert f"NPP held at 0 in {int(held.sum())} cells" in found["nep"].attrs["nep_flags"]
    assert "nep_flags" not in run("nirv_tec", layers, c=8.0)["gpp"].attrs


@pytest.mark.parametrize(
    ("chain", "options", "flag"),
    [
        ("npp_minus_rh", {"form": "as_printed"}, "as_printed"),
        ("nirv_tec", {"rg": "as_published"}, "0.99 of GPP"),
        ("nirv_tec", {"live": "all"}, "dead wood"),
        ("nirv_tec", {"variant": "as_published"}, "kg C kg-1 d-1 as g C m-2 a-1"),
        ("casa_gsmsr", {"variant": "as_published"}, "implausibly high"),
    ],
)
@pytest.mark.filterwarnings("ignore::carbondrivers.errors.DataWarning")
def test_constants_that_cannot_be_right_leave_a_flag(chain: str, options: dict[str, Any], flag: str) -> None:
    with pytest.warns(ImplausibleConstantWarning):
        found = run(chain, region(), **options)
    assert flag in found["nep"].attrs["nep_flags"]


def test_mod17_takes_its_own_classes_and_the_leaves_of_the_year() -> None:
    rm = tec(ra="mod17", land_cover="deciduous_broadleaf")["rm_monthly"]
    by_hand = rm_mod17(LEAVES, WARM, np.full(12, LEAVES.max()), "deciduous_broadleaf") * DAYS
    np.testing.assert_allclose(rm, by_hand, rtol=1e-12)


def test_par_may_be_given_in_place_of_radiation() -> None:
    direct = tec(radiation_monthly=None, par_monthly=0.45 * SUN)
    np.testing.assert_allclose(direct["gpp"], tec(par_fraction=0.45)["gpp"], rtol=1e-12)


def test_soil_carbon_may_be_given_by_class() -> None:
    layers = region()
    cover = layers["land_cover"].isel(year=0, drop=True)
    table = {"forest": 4.2, "grassland": 1.8, "cropland": 2.6, "barren": 0.8, "shrubland": 2.5}
    values = sum(xr.where(cover == code, table.get(name, 0.0), 0.0) for code, name in NAMES.items())
    spread = run("casa_gsmsr", layers | {"land_cover": cover, "soil_carbon": values})
    by_table = run("casa_gsmsr", layers | {"land_cover": cover, "soil_carbon": table})
    np.testing.assert_allclose(by_table["nep"], spread["nep"], rtol=1e-12)
    with pytest.raises(OptionError, match="soil_carbon names no value for 'barren'"):
        run("casa_gsmsr", layers | {"soil_carbon": {"forest": 1.0, "grassland": 1.0, "cropland": 1.0}})


# Classes and limits


def test_every_class_has_its_place_in_every_model() -> None:
    assert set(ecosystem_classes()) == set(get_args(EcosystemClass))
    assert set(parameters("casa.eps_max_improved")) == set(parameters("casa.eps_max_zhu")) == set(get_args(CasaClass))
    known = {
        "soil": set(parameters("soil_respiration.chen_r0")), "organs": {"evergreen", "deciduous", "mixed", "other", "leaf"},
        "mod17": set(parameters("autotrophic.mod17_sla")), "casa": set(get_args(CasaClass)),
    }  # fmt: skip
    for name in ecosystem_classes():
        for model, classes in known.items():
            assert class_of(model, name) in classes | {""}, (name, model)
    assert {name for name in ecosystem_classes() if not class_of("soil", name)} == {"water", "ice"}


def test_limits_are_percentiles_of_each_class_and_other_is_all() -> None:
    layers = region(shape=(12, 14))
    ndvi, cover = layers["ndvi_monthly"], cover_of(layers["land_cover"], NAMES)
    found = limits_by_class(ndvi, cover, low=5, high=95)
    years = layers["land_cover"].sel(year=ndvi["time"].dt.year)
    for name, code in (("grassland", 2), ("shrubland", 6)):
        inside = ndvi.to_numpy()[(years == code).to_numpy() & np.isfinite(ndvi.to_numpy())]
        np.testing.assert_allclose(found[name], np.percentile(np.round(inside, 4), [5, 95]), atol=1e-12)
    whole = ndvi.to_numpy()[(years != 5).to_numpy() & np.isfinite(ndvi.to_numpy())]
    np.testing.assert_allclose(found["other"], np.percentile(np.round(whole, 4), [5, 95]), atol=1e-12)
    lazy = limits_by_class(ndvi.chunk({"y": 5, "x": 3}), cover_of(layers["land_cover"].chunk({"y": 4}), NAMES))
    assert lazy == found
    low, high = limits_by_class(ndvi.to_numpy(), cover_of("grassland"))["grassland"]
    assert low < high
    with pytest.raises(DataError, match=r"class 'grassland' is 0\.5 at both percentiles"):
        limits_by_class(np.full(12, 0.5), cover_of("grassland"))
    with pytest.raises(DataError, match="class 'grassland' has no NDVI"):
        limits_by_class(np.full(12, np.nan), cover_of("grassland"))
    with pytest.raises(OptionError, match="percentiles must be in order"):
        limits_by_class(GREEN, cover_of("grassland"), low=95, high=5)


def test_covers_are_read_once_and_refuse_what_they_do_not_know() -> None:
    codes = xr.DataArray([[1.0, 2.0], [np.nan, 9.0]], dims=("y", "x"))
    for grid in (codes, codes.chunk({"y": 1})):
        assert distinct_codes(grid) == [1.0, 2.0, 9.0]
        with pytest.raises(OptionError, match="codes without a class: 9; add them to classes"):
            cover_of(grid, NAMES)
    with pytest.raises(OptionError, match=r"ecosystem class must be one of .* got 'forst'.* Did you mean 'forest'"):
        cover_of("forst")
    with pytest.raises(OptionError, match="got 'meadow'"):
        cover_of(codes, {1: "meadow"})
    with pytest.raises(DataError, match="give codes, and classes"):
        cover_of(codes)
    cover = cover_of(np.array(["grassland", None, "water"], dtype=object))
    np.testing.assert_allclose(by_class(cover, "", lambda name, inside: 3.0, np.zeros(3)), [3.0, np.nan, 3.0])
    assert np.isnan(by_class(cover_of(np.array(["water"])), "soil", lambda name, inside: 1.0, np.zeros(1))).all()


# Messages


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"days": None}, OptionError, "months without dates have no true days: give days"),
        ({"days": "real"}, OptionError, "days must be a number, an array or 'actual'"),
        ({"radiation_monthly": None}, OptionError, "give either radiation_monthly or par_monthly"),
        ({"par_monthly": SUN}, OptionError, "give either radiation_monthly or par_monthly"),
        ({"c": {"forest": 2.0}}, OptionError, "c has no value for 'grassland': give g C MJ-1 of each class"),
        ({"ra": "bpes"}, OptionError, "ra must be one of 'organs', 'mod17', got 'bpes'"),
        ({"method": "ofset"}, OptionError, "method must be one of"),
        ({"soil_percentile": 70.0}, OptionError, "soil_percentile must be in 0 to 50"),
        ({"temperature_monthly": WARM + 273.15}, DataError, "subtract 273.15"),
        ({"ndvi_monthly": GREEN * 1e4}, DataError, "ndvi"),
        ({"ndvi_monthly": GREEN[:7]}, DataError, "ndvi_monthly without dates must have the 12 months of a year"),
    ],
)
def test_messages_of_nirv_tec(options: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        tec(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limits": "mine"}, "limits must be one of 'percentiles', 'published'"),
        ({"percentiles": (95.0, 5.0)}, "percentiles must be in order"),
        ({"clumping_monthly": 1.0 - 0.2 * GREEN, "scheme": "III"}, "scheme must be one of 'I', 'II'"),
        ({"t2": "pottr"}, "t2 must be one of"),
        ({"land_cover": "meadow"}, "ecosystem class must be one of"),
    ],
)
def test_messages_of_casa_gsmsr(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        casa(**options)


def test_grids_years_and_units_must_fit() -> None:
    layers = region()
    with pytest.raises(DataError, match="differ along 'y'"):
        run("nirv_tec", layers | {"nir_monthly": layers["nir_monthly"].assign_coords(y=layers["npp"]["y"] + 1.0)})
    with pytest.raises(DataError, match="land_cover has no map of 2020"):
        run("casa_gsmsr", layers | {"land_cover": layers["land_cover"].isel(year=[0])})
    short = {name: grid.isel(time=slice(18)) if "time" in grid.dims else grid for name, grid in layers.items()}
    with pytest.raises(DataError, match="months must make whole years, but not those of 2020"):
        run("casa_gsmsr", short)
    with pytest.raises(DataError, match="soil_carbon must be in kg C m-2 or kg m-2, got 'g kg-1'"):
        run("nirv_tec", layers | {"soil_carbon": layers["soil_carbon"].assign_attrs(units="g kg-1")})
    wet = layers["precipitation_monthly"].assign_attrs(units="mm")
    np.testing.assert_allclose(run("nirv_tec", layers | {"precipitation_monthly": wet})["rs"], run("nirv_tec", layers)["rs"])
    with pytest.raises(DataError, match="precipitation must be in mm month-1 or mm, got 'm/month': multiply by 1000"):
        run("nirv_tec", layers | {"precipitation_monthly": wet.assign_attrs(units="m/month")})


def test_maps_of_another_grid_and_days_of_another_period_are_refused() -> None:
    layers = region()
    moved = layers["land_cover"].assign_coords(x=layers["land_cover"]["x"] + 500.0)
    for chain in ("nirv_tec", "casa_gsmsr"):
        with pytest.raises(DataError, match="ndvi_monthly and land_cover differ along 'x'"):
            run(chain, layers | {"land_cover": moved})
    warm, wet = layers["temperature_monthly"], layers["precipitation_monthly"]
    days = warm["time"].dt.days_in_month
    with pytest.raises(DataError, match="temperature and days differ along 'time'"):
        nep_npp_minus_rh(layers["npp"], warm, wet, days=days[:23])


def test_classes_of_options_that_are_not_known_are_not_passed_over() -> None:
    with pytest.raises(OptionError, match=r"class of eps_of must be one of .*, got 'grasland'. Did you mean 'grassland'"):
        casa(eps_of={"grasland": 0.5})
    with pytest.raises(OptionError, match=r"class of c must be one of .*, got 'grasland'"):
        tec(c={"grasland": 2.0, "other": 1.0})
    with pytest.raises(OptionError, match=r"class of soil_carbon must be one of .*, got 'gras'"):
        casa(soil_carbon={"grassland": 2.0, "gras": 1.0})
    with pytest.raises(OptionError, match="c of 'other' must be a number, got nan"):
        tec(c=float("nan"))


def test_larger_units_are_noticed_and_scale_factors_named() -> None:
    for chain in (casa, lambda **options: nep_npp_minus_rh(300.0, WARM, options["precipitation_monthly"])):
        with pytest.warns(DataWarning, match="precipitation is nowhere above 0.11: it looks like metres; mm month-1"):
            chain(precipitation_monthly=RAIN / 1000.0)
    with pytest.warns(DataWarning, match="npp is nowhere above 0.35: it looks like kilograms"):
        nep_npp_minus_rh(0.35, WARM, RAIN)
    # Not a word of percentiles, which a scale factor would make all the same.
    with pytest.raises(DataError, match=r"ndvi runs from 1500 to 6500 .*, plausible is -1 to 1: a wrong unit, a scale factor"):
        casa(ndvi_monthly=GREEN * 1e4)
