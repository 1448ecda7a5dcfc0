"""Autotrophic respiration: check values, options, impossible readings, kinds of input, edges."""

from __future__ import annotations

import inspect
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.errors import DataError, DataWarning, ImplausibleConstantWarning, OptionError
from carbondrivers.nep_models.apply import parameters
from carbondrivers.nep_models.autotrophic import (
    FORESTS,
    autotrophic_respiration,
    growth_respiration,
    npp_from_maintenance,
    rm_forest,
    rm_grass,
    rm_mod17,
)

VECTORS = json.loads((Path(__file__).parent / "reference" / "nep_test_vectors.json").read_text(encoding="utf-8"))
DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
SEASON = -np.cos(2 * np.pi * (np.arange(12) - 0.5) / 12)
# The published check values state the mean (4.4 degC) and LAI alone: an amplitude of 12 K and a constant LAI are our choice.
MONTANE = 4.4 + 12.0 * SEASON
OASIS, OASIS_LAI = 8.0 + 16.0 * SEASON, 2.0 * np.clip(SEASON, 0.0, None)
CHECKS = {"evergreen": (4.0, 159.0), "deciduous": (4.0, 204.0), "mixed": (4.0, 179.0), "other": (1.5, 91.0)}


def yearly(vegetation, **options):
    return float((rm_forest(CHECKS[vegetation][0], MONTANE, vegetation, **options) * DAYS).sum())


def cube(values, units=""):
    time = pd.date_range("2001-01-01", periods=12, freq="MS")
    data = np.repeat(np.asarray(values, dtype=float)[:, None], 2, axis=1)
    attrs = {"units": units} if units else {}
    return xr.DataArray(data, dims=("time", "x"), coords={"time": time, "x": [0.5, 1.5]}, attrs=attrs)


@pytest.mark.parametrize("vegetation", FORESTS)
def test_montane_forest_respires_as_computed_independently(vegetation):
    base = yearly(vegetation)
    assert base == pytest.approx(CHECKS[vegetation][1], rel=0.01)  # the amplitude is ours
    # Stated as about +40 % and -45 %: with this season +32 to +39 %, and -43 to -50 %.
    assert 1.30 < yearly(vegetation, tb=20.0) / base < 1.42
    assert 0.49 < yearly(vegetation, q10="tjoelker") / base < 0.59


@pytest.mark.parametrize("vegetation", ("evergreen", "deciduous", "mixed"))
def test_all_biomass_alive_is_above_any_gpp_and_warns(vegetation):
    with pytest.warns(ImplausibleConstantWarning, match="live='all'"):
        assert 2100 < yearly(vegetation, live="all") < 2810
    with pytest.warns(ImplausibleConstantWarning, match="g C m-2 a-1"):
        printed = yearly(vegetation, live="all", variant="as_published")
    assert 0.0055 < printed < 0.008  # published: 0.006


def test_root_units_change_only_the_regression_on_stem():
    ratio = {v: yearly(v, root_units="kg/m2") / yearly(v) for v in FORESTS}
    assert ratio["evergreen"] == ratio["other"] == 1.0
    assert ratio["deciduous"] > ratio["mixed"] > 1.0
    from carbondrivers.nep_models.autotrophic import _root

    # Root of a deciduous stem of 8.8 kg m-2: root to shoot 0.28, or 0.65 with kg put directly.
    assert _root("deciduous", 8.8, "Mg/ha") == pytest.approx(2.50, abs=0.005)
    assert _root("deciduous", 8.8, "kg/m2") == pytest.approx(5.75, abs=0.005)


@pytest.mark.parametrize("case", [v for v in VECTORS if v["function"] == "rm_grass"])
def test_grass_equals_the_reference(case):
    inputs = case["inputs"]
    assert rm_grass(inputs["lai"], inputs["t_c"], tb=float(inputs["tb"])) == pytest.approx(case["output"], rel=1e-9)


def test_grass_of_an_oasis():
    found = [float((rm_grass(OASIS_LAI, OASIS, tb=tb) * DAYS).sum()) for tb in (25.0, 20.0, 15.0)]
    # The climate of the published values is not stated; season and LAI are ours, the ratio is exact.
    assert found == pytest.approx([186.0, 264.0, 373.0], rel=0.015)
    assert found[1] / found[0] == pytest.approx(np.sqrt(2), rel=1e-12)
    with pytest.warns(ImplausibleConstantWarning, match="kg as g"):
        printed = rm_grass(OASIS_LAI, OASIS, variant="as_published")
    assert (printed * DAYS).sum() == pytest.approx(found[0] / 1000, rel=1e-12)


def test_growth_options():
    options = ("mod17", "muses", "beps", ("gpp", 0.2))
    found = [float(npp_from_maintenance(1500.0, 600.0, rg=rg)) for rg in options]
    assert found == pytest.approx([720.0, 675.0, 585.0, 600.0], rel=1e-12)
    for rg, npp in zip(options, found, strict=True):
        assert autotrophic_respiration(1500.0, 600.0, rg=rg) == pytest.approx(1500.0 - npp, rel=1e-12)
    assert growth_respiration(1500.0, 600.0) == pytest.approx(0.25 * 720.0, rel=1e-12)


def test_published_growth_leaves_nothing_and_is_flagged():
    gpp = xr.DataArray([800.0], dims="x", attrs={"units": "g C m-2 a-1"})
    with pytest.warns(ImplausibleConstantWarning, match=r"0\.99 of GPP"), pytest.warns(DataWarning, match="-242"):
        npp = npp_from_maintenance(gpp, xr.full_like(gpp, 250.0), rg="as_published")
    assert npp.item() == pytest.approx(-242.0)
    assert "rg='as_published'" in npp.attrs["nep_flags"]
    assert npp.attrs["units"] == "g C m-2 a-1"
    for door in (growth_respiration, autotrophic_respiration):
        with pytest.warns(ImplausibleConstantWarning):
            assert "nep_flags" in door(gpp, xr.full_like(gpp, 250.0), rg="as_published").attrs


def test_more_maintenance_than_gpp():
    assert npp_from_maintenance(100.0, 250.0) == 0.0
    assert growth_respiration(100.0, 250.0) == 0.0
    with pytest.warns(DataWarning, match="-150"):
        assert npp_from_maintenance(100.0, 250.0, rg="muses") == -150.0
    assert np.isnan(npp_from_maintenance(np.array([np.nan, 100.0]), np.array([1.0, np.nan]))).all()


def test_mod17_by_hand():
    # ENF, 20 degC: every factor is 1.
    leaf = 3.0 / 15.0
    expected = 1000 * (leaf * 0.00604 + leaf * 1.2 * 0.00519 + 4.0 / 15.0 * 0.182 * 0.00397)
    assert rm_mod17(3.0, 20.0, 4.0, "evergreen_needleleaf") == pytest.approx(expected, rel=1e-12)
    warm = rm_mod17(1.0, 30.0, 1.0, "grassland")  # no live wood; leaf Q10 1.84
    assert warm == pytest.approx(1000 / 38 * (0.0098 * 1.84 + 2.6 * 0.00819 * 2.0), rel=1e-12)


def test_flags_are_kept_on_labelled_results():
    with pytest.warns(ImplausibleConstantWarning):
        found = rm_forest(cube(np.full(12, 4.0)), cube(MONTANE, "degC"), "mixed", live="all")
    assert "live='all'" in found.attrs["nep_flags"]
    assert found.attrs["units"] == "g C m-2 d-1"
    assert "live='all'" in found.attrs["history"]


@pytest.mark.parametrize("q10", ("table", "tjoelker"))
def test_numpy_pandas_and_lazy_grids_agree(q10):
    lai = 2.0 + SEASON
    plain = rm_forest(lai, MONTANE, "deciduous", q10=q10)
    series = rm_forest(pd.Series(lai), pd.Series(MONTANE), "deciduous", q10=q10)
    lazy = rm_forest(cube(lai).chunk({"x": 1}), cube(MONTANE, "degC").chunk({"x": 1}), "deciduous", q10=q10)
    assert isinstance(series, pd.Series)
    assert lazy.chunks is not None
    np.testing.assert_allclose(series, plain, rtol=1e-12)
    np.testing.assert_allclose(lazy.to_numpy()[:, 1], plain, rtol=1e-12)
    mod = rm_mod17(lai, MONTANE, 3.0, "cropland")
    np.testing.assert_allclose(rm_mod17(cube(lai).chunk(), cube(MONTANE).chunk(), 3.0, "cropland")[:, 0], mod, rtol=1e-12)
    grass = rm_grass(cube(lai).chunk(), cube(MONTANE).chunk())[:, 0]
    np.testing.assert_allclose(grass, rm_grass(pd.Series(lai), pd.Series(MONTANE)), rtol=1e-12)


def test_maps_of_classes():
    names = np.array(["evergreen", "other", ""])
    found = rm_forest(np.full(3, 2.0), np.full(3, 15.0), names)
    assert found[0] == rm_forest(2.0, 15.0, "evergreen")
    assert found[1] == rm_forest(2.0, 15.0, "other")
    assert np.isnan(found[2])
    grid = xr.DataArray(names[:2].astype(object), dims="x", coords={"x": [0.5, 1.5]}).chunk({"x": 1})
    lazy = rm_forest(cube(np.full(12, 2.0)), cube(np.full(12, 15.0)), grid)
    np.testing.assert_allclose(lazy.to_numpy()[0], found[:2], rtol=1e-12)
    series = rm_forest(pd.Series([2.0, 2.0]), 15.0, pd.Series(["other", None], dtype=object))
    assert series[0] == found[1]
    assert np.isnan(series[1])


def test_maps_of_classes_on_another_grid_are_refused():
    classes = xr.DataArray(["other", "other"], dims="x", coords={"x": [0.5, 1.6]})
    with pytest.raises(DataError, match="lai and vegetation differ along 'x'"):
        rm_forest(cube(np.full(12, 2.0)), 5.0, classes)
    with pytest.raises(DataError, match="different indexes"):
        rm_mod17(pd.Series([1.0]), 5.0, 1.0, pd.Series(["grassland"], index=[3]))


def test_no_leaves_frost_and_missing():
    assert rm_grass(0.0, 20.0) == 0.0
    assert rm_mod17(0.0, 20.0, 0.0, "mixed_forest") == 0.0
    assert 0.0 < rm_forest(0.0, 20.0, "evergreen") < rm_forest(1.0, 20.0, "evergreen")
    assert 0.0 < rm_forest(1.0, -40.0, "evergreen") < rm_forest(1.0, 0.0, "evergreen")
    # 3.22 - 0.046 T lies above 4 below -17 degC and is kept at 4 there.
    cold = rm_mod17(1.0, -40.0, 0.0, "grassland")
    assert cold == pytest.approx(1000 / 38 * (0.0098 * 4.0**-6 + 2.6 * 0.00819 * 2.0**-6), rel=1e-12)
    found = rm_forest(np.array([np.nan, 1.0, 1.0]), np.array([5.0, np.nan, 5.0]), "other")
    assert np.isnan(found).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rm_forest(1.0, 5.0, "evergren"), OptionError, "class of table autotrophic must be one of .*'evergreen'"),
        (lambda: rm_forest(1.0, 5.0, "other", q10="x"), OptionError, "q10 must be one of 'table', 'tjoelker'"),
        (lambda: rm_forest(1.0, 5.0, "other", live="x"), OptionError, "live must be one of 'beps', 'all'"),
        (lambda: rm_forest(1.0, 5.0, "other", root_units="t"), OptionError, "root_units must be one of 'Mg/ha', 'kg/m2'"),
        (lambda: rm_forest(1.0, 5.0, "other", variant="x"), OptionError, "variant must be one of"),
        (lambda: rm_forest(1.0, 5.0, "other", tb=298.0), OptionError, "tb must be in 0 to 40 degC, got 298.0"),
        (lambda: rm_forest(1.0, 5.0, np.array([1, 2])), DataError, "classes of table autotrophic must be names"),
        (lambda: rm_mod17(1.0, 5.0, 1.0, "forest"), OptionError, "autotrophic.mod17_sla must be one of"),
        (lambda: rm_grass(1.0, 290.0), DataError, "temperature .* kelvin"),
        (lambda: rm_grass(40.0, 5.0), DataError, "lai .* plausible is 0 to 15"),
        (lambda: rm_grass(1.0, cube(MONTANE, "K")), DataError, "temperature must be in degC, got 'K'"),
        (
            lambda: npp_from_maintenance(1.0, 1.0, rg="x"),
            OptionError,
            "rg must be one of 'mod17', 'muses', 'beps', 'as_published'",
        ),
        (lambda: npp_from_maintenance(1.0, 1.0, rg=("gpp", 20)), OptionError, r"rg as a pair must be \('gpp', share"),
        (
            lambda: npp_from_maintenance(cube(MONTANE * 0 + 9, "g C m-2 month-1"), cube(MONTANE * 0 + 1, "g C m-2 d-1")),
            DataError,
            "different units",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_parameters_say_where_they_come_from():
    defaults = {n: p.default for n, p in inspect.signature(rm_forest).parameters.items()}
    assert defaults["tb"] == parameters("autotrophic.temperature")["tb"]["value"]
    assert defaults["root_units"] == parameters("autotrophic.root")["units"]["value"]
    assert defaults["live"] == parameters("autotrophic.live")["form"]["value"]
    tables = [*FORESTS, "root", "live", "temperature", "grass", "growth", "mod17", "mod17_sla", "mod17_leaf_rate"]
    for entry in [e for t in tables for e in parameters(f"autotrophic.{t}").values()]:
        assert entry["status"] in ("verified", "corrected", "as_published", "unverified")
        assert entry["source"]
        assert "unit" in entry


def test_default_options_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rm_forest(4.0, MONTANE, "evergreen")
        autotrophic_respiration(1500.0, 600.0)
