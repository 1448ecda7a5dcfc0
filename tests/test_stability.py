"""Coefficient of variation: known values, the right way round, means near zero, denominators, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from carbondrivers.attribution.stability import LIMITS, UNDEFINED, WORDS, stability
from carbondrivers.errors import DataError, OptionError

from .test_persistence import SERIES, a_stack, noise


def test_coefficient_is_that_of_numpy_and_a_negative_mean_is_no_stability() -> None:
    names = ["s01_white", "s12_negmean", "s06_ties"]
    values = SERIES[names].to_numpy(float)
    result = stability(a_stack(values))
    cv = values.std(axis=0, ddof=1) / np.abs(values.mean(axis=0))
    np.testing.assert_allclose(result.grid["cv"].to_numpy()[0], cv, rtol=1e-13)
    np.testing.assert_allclose(result.grid["sd"].to_numpy()[0], values.std(axis=0, ddof=1), rtol=1e-13)
    # With its sign the second one, -0.35, would fall below every limit and be called the most stable.
    assert cv[1] == pytest.approx(0.35, abs=0.005)
    assert result.grid["stability_class"].to_numpy()[0].tolist() == [1.0, 3.0, 1.0]


def test_low_variation_is_high_stability() -> None:
    wave = np.tile([1.0, -1.0], 10)[:, None] / np.std(np.tile([1.0, -1.0], 10), ddof=1)
    cv = np.array([0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4])
    result = stability(a_stack(100.0 * (1 + wave * cv)))
    np.testing.assert_allclose(result.grid["cv"].to_numpy()[0], cv, atol=1e-12)
    # A limit itself belongs to the more stable class.
    assert result.grid["stability_class"].to_numpy()[0].tolist() == [0, 0, 0, 1, 1, 2, 2, 3]
    levels = result.grid["stability_class"].attrs["classes"]
    assert levels[0] == "High stability (CV ≤ 0.1)" and levels[3] == "Low stability (CV > 0.3)"
    assert [level.split(" (")[0] for level in levels] == [*WORDS, UNDEFINED.split(" (")[0]]
    assert result.classes["n"].tolist() == [3, 2, 2, 1, 0]
    np.testing.assert_array_equal(result.classes["upper"].iloc[:3], LIMITS)


def test_a_mean_near_zero_has_no_coefficient() -> None:
    wave = np.tile([1.0, -1.0], 10)[:, None]
    error = wave.std(ddof=1) / np.sqrt(20)
    result = stability(a_stack(wave + error * np.array([0.0, 1.99, 2.01, -1.99, -2.01, 50.0])))
    undefined = [True, True, False, True, False, False]
    assert np.isnan(result.grid["cv"].to_numpy()[0]).tolist() == undefined
    assert (result.grid["stability_class"].to_numpy()[0] == 4).tolist() == undefined
    assert result.classes.set_index("level")["n"][UNDEFINED] == 3 and result.summary["n"].iloc[0] == 3
    assert any("3 of 6 cells have a mean within two standard errors" in note for note in result.notes)


def test_a_floor_takes_the_place_of_the_standard_errors() -> None:
    values = 5.0 * noise(20, 3, 1) + np.array([1.0, 30.0, -40.0])
    result = stability(a_stack(values), floor=35.0)
    assert np.isnan(result.grid["cv"].to_numpy()[0]).tolist() == [True, True, False]
    assert np.isfinite(stability(a_stack(values), floor=0.0).grid["cv"]).all()
    zero = stability(a_stack(np.zeros((12, 2)) + np.array([0.0, 4.0])), floor=0.0)
    assert np.isnan(zero.grid["cv"].to_numpy()[0]).tolist() == [True, False]


@pytest.mark.slow
def test_noise_about_zero_is_undefined(request: pytest.FixtureRequest) -> None:
    cells = 2000 * (request.config.getoption("--replicates") or 5)
    result = stability(a_stack(noise(21, cells, 2).reshape(21, -1, 100)))
    # |t| with 20 degrees of freedom is below 2 with probability 0.9408.
    share = result.classes.set_index("level")["share"][UNDEFINED]
    assert share == pytest.approx(0.9408, abs=4 * np.sqrt(0.0592 * 0.9408 / cells))


@given(st.floats(1e-6, 1e6), st.integers(0, 50))
def test_no_unit_matters(scale: float, seed: int) -> None:
    values = 10.0 + noise(12, 5, seed)
    one, two = stability(a_stack(values)), stability(a_stack(values * scale))
    np.testing.assert_allclose(one.grid["cv"], two.grid["cv"], rtol=1e-10)


def test_gaps_and_few_years() -> None:
    values = 50.0 + noise(20, 4, 3)
    values[:5, 0] = values[:7, 1] = values[:, 2] = np.nan
    result = stability(a_stack(values))
    assert result.grid["n_valid"].to_numpy()[0].tolist() == [15, 13, 0, 20]
    assert np.isfinite(result.grid["cv"].to_numpy()[0]).tolist() == [True, False, False, True]
    assert result.grid["cv"][0, 0] == pytest.approx(values[5:, 0].std(ddof=1) / values[5:, 0].mean(), rel=1e-12)
    assert result.n == 2
    assert any("1 further cells have values in fewer than 14 of 20 years" in note for note in result.notes)
    assert stability(a_stack(values), min_valid=13).n == 3


def test_shares_are_of_the_area() -> None:
    values = 10.0 + noise(20, 30, 4).reshape(20, 30, 1) * np.linspace(0.2, 6.0, 30)[:, None]
    coords = {"year": np.arange(20), "y": np.linspace(88.0, 1.0, 30), "x": [10.0]}
    result = stability(xr.DataArray(values, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:4326"}))
    assert result.classes["share"].sum() == pytest.approx(1.0, abs=1e-12)
    edges = np.sin(np.radians([88.0 + 1.5, 1.0 - 1.5]))
    assert result.classes["area_km2"].sum() == pytest.approx(6371.0088**2 * np.radians(3.0) * (edges[0] - edges[1]), rel=1e-9)
    high = result.classes.iloc[0]
    assert high["share"] < high["n"] / 30 and high["n"] > 2


@pytest.mark.parametrize(
    ("values", "options", "error", "message"),
    [
        (noise(20, 4, 0), {"limits": (0.1, 0.2)}, OptionError, "limits must be three numbers that rise from above 0, such as"),
        (noise(20, 4, 0), {"limits": (0.3, 0.2, 0.1)}, OptionError, "limits must be three numbers that rise"),
        (noise(20, 4, 0), {"limits": "abc"}, OptionError, "limits must be three numbers that rise"),
        (noise(20, 4, 0), {"limits": 0.1}, OptionError, "limits must be three numbers that rise"),
        (noise(20, 4, 0), {"floor": -1.0}, OptionError, "floor must be 0 or more, in the unit of the stack, got -1.0"),
        (noise(20, 4, 0), {"floor": np.nan}, OptionError, "floor must be 0 or more"),
        (noise(20, 4, 0), {"min_valid": 2}, OptionError, r"min_valid must be from 3 to the number of years \(20\)"),
        (noise(20, 4, 0), {"min_valid": True}, OptionError, "min_valid must be from 3"),
        (noise(9, 4, 0), {}, DataError, "only 9 years, at least 10 are needed for the variation between"),
        (np.full((20, 4), np.nan), {}, DataError, "no cell of 'nep' has 14 valid years of 20"),
        (np.where(np.eye(20, 4) > 0, np.inf, 1.0), {}, DataError, "'nep' holds infinite values: set them to NaN first"),
    ],
)  # fmt: skip
def test_messages(values: np.ndarray, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        stability(a_stack(values), **options)


def test_all_means_near_zero_is_a_result() -> None:
    wave = np.tile([1.0, -1.0], 10)[:, None] * np.ones((1, 3))
    result = stability(a_stack(wave))
    assert result.classes.set_index("level")["share"][UNDEFINED] == 1.0
    assert result.summary["n"].iloc[0] == 0 and np.isnan(result.summary["median"].iloc[0])


def test_coordinates_are_kept() -> None:
    stack = a_stack(10.0 + noise(12, 6, 5).reshape(12, 2, 3))
    result = stability(stack)
    assert result.grid["y"].to_numpy().tolist() == stack["y"].to_numpy().tolist()
    assert result.grid.attrs["crs"] == "EPSG:32650" and result.grid["sd"].attrs["units"] == "g C m-2 a-1"
