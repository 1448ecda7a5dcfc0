"""Profiles along terrain: planted curves, bands, winds, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from carbondrivers.attribution.profile import ProfileResult, profile
from carbondrivers.attribution.profile_bands import FLAT, WINDS, measured_bands, round_limits, wind_bands
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import texts

from .zone_cases import a_grid, a_stack, call_profile, terrain


def mountain(crs: str = "EPSG:32650") -> tuple[xr.DataArray, xr.DataArray]:
    """NEP peaks between 2,000 and 2,400 m, as on the mountains of Northwest China."""
    dem = np.linspace(400.0, 3600.0, 60)[None, :] + np.zeros((50, 1))
    nep = 300.0 - np.abs(dem - 2200.0) / 10.0 + np.random.default_rng(3).normal(0, 2, dem.shape)
    return a_grid(nep, crs), a_grid(dem, crs, units="m", long_name="Elevation").rename("elevation")


@pytest.mark.parametrize("crs", ["EPSG:32650", "EPSG:4326"])
def test_the_peak_is_found_and_means_are_weighted(crs: str) -> None:
    nep, dem = mountain(crs)
    result = profile(nep, {"elevation": dem}, limits={"elevation": list(range(400, 3700, 400))}, replicates=100)
    rows = result.profiles
    assert rows.loc[rows["estimate"].idxmax(), "level"] == "2000–2400"
    areas, values, height = cell_areas(nep).to_numpy(), nep.to_numpy(), dem.to_numpy()
    for row in rows.itertuples():
        inside = (height >= row.lower) & ((height < row.upper) | ((row.upper == 3600) & (height == 3600)))
        assert row.n == inside.sum()
        assert row.estimate == pytest.approx(np.average(values[inside], weights=areas[inside]), rel=1e-12)
        assert row.share == pytest.approx(areas[inside].sum() / areas.sum(), rel=1e-12)
    assert rows["share"].sum() == pytest.approx(1.0)
    assert "highest at 2000–2400 m" in texts(result)[0].findings[0]


def test_winds_are_centred_on_their_directions() -> None:
    aspect = np.array([[0.0, 22.4, 22.5, 67.5, 90.0, 180.0, 270.0, 337.4, 337.5, 360.0, -1.0, np.nan]])
    bands = wind_bands(aspect, "aspect")
    names = [bands.levels[i] if i >= 0 else "" for i in bands.places[0]]
    assert names == ["N", "N", "NE", "E", "E", "S", "W", "NW", "N", "N", FLAT, ""]
    nep = a_grid(np.choose(np.clip(bands.places, 0, 8), np.arange(9.0) * 10))
    result = profile(nep, {"aspect": a_grid(aspect)}, replicates=100)
    found = dict(zip(result.profiles["level"], result.profiles["estimate"], strict=True))
    assert found == {"N": 0.0, "NE": 10.0, "E": 20.0, "S": 40.0, "W": 60.0, "NW": 70.0, FLAT: 80.0}
    assert WINDS[0] == "N"


@given(st.floats(-1e4, 1e4), st.floats(1e-6, 1e6))
def test_round_limits_hold_all_values_in_few_bands(low: float, span: float) -> None:
    values = np.array([[low, low + span]])
    if not values[0, 1] > low:
        return
    limits = round_limits(values, "elevation")
    assert limits[0] <= low + 1e-9 * max(1, abs(low)) and limits[-1] >= values[0, 1] - 1e-9 * max(1, abs(values[0, 1]))
    assert 2 <= len(limits) <= 14 and (np.diff(limits) > 0).all()


def test_bands_leave_no_value_out_and_put_limits_above() -> None:
    values = np.array([[0.0, 10.0, 10.0001, 19.9, 20.0, -0.1, 20.1, np.nan]])
    bands = measured_bands(values, "slope", [0, 10, 20])
    assert bands.places[0].tolist() == [0, 1, 1, 1, 1, -1, -1, -1] and bands.outside == 2
    assert bands.levels == ["0–10", "10–20"]
    assert measured_bands(np.array([[-5.0, 5.0]]), "t", [-5, 0, 5]).levels[0] == "−5–0"


def test_what_is_left_out_is_said() -> None:
    given_terrain = terrain()
    given_terrain["slope"] = given_terrain["slope"].where(given_terrain["slope"] > 1.0)
    result = profile(a_stack(), given_terrain, limits={"elevation": [500, 1000, 1500]}, replicates=100)
    assert isinstance(result, ProfileResult)
    of = result.n
    counted = result.profiles.groupby("driver")["n"].sum()
    notes = " ".join(result.notes)
    assert f"{of - counted['elevation']:,} of {of:,} cells lie outside the limits of elevation" in notes
    assert f"{of - counted['slope']:,} of {of:,} cells have no slope" in notes
    assert counted["aspect"] == of == 1194


def test_a_stack_and_its_mean_give_one_profile() -> None:
    stack = a_stack()
    one, two = (
        profile(g, terrain(), replicates=100) for g in (stack, stack.mean("year").assign_attrs(stack.attrs).rename("nep"))
    )
    np.testing.assert_allclose(one.profiles["estimate"], two.profiles["estimate"], rtol=1e-12)
    yearly = terrain()["elevation"].expand_dims(year=[2001, 2002])
    three = profile(stack, {"elevation": yearly}, replicates=100)
    assert three.profiles["n"].tolist() == one.profiles.loc[one.profiles["driver"] == "elevation", "n"].tolist()


NEP, DEM = mountain()


@pytest.mark.parametrize(
    ("drivers", "options", "error", "message"),
    [
        ({}, {}, DataError, "drivers must be one grid or more by name"),
        (DEM, {}, DataError, "drivers must be one grid or more by name"),
        ({"elevation": DEM.to_numpy()}, {}, DataError, "driver 'elevation' must be an xarray.DataArray, got ndarray"),
        ({"elevation": DEM * 0 + 5}, {}, DataError, "'elevation' is constant .5.: it has no bands"),
        ({"elevation": DEM * np.nan}, {}, DataError, "'elevation' has no value at all"),
        ({"elevation": DEM.isel(x=slice(9))}, {}, DataError, "elevation and nep differ in shape"),
        ({"aspect": DEM}, {}, DataError, "'aspect' reaches 3600: an aspect is in degrees"),
        ({"elevation": DEM}, {"limits": {"elevation": [9000, 9500, 9900]}}, DataError, "no cell lies within the limits"),
        ({"elevation": DEM}, {"limits": {"slope": [0, 1, 2]}}, OptionError, "limits are given for 'slope', which is no driver"),
        ({"elevation": DEM}, {"limits": {"elevation": [0, 5000]}}, OptionError, "must be three or more rising numbers"),
        ({"elevation": DEM}, {"limits": {"elevation": [0, 9, 9]}}, OptionError, "must be three or more rising numbers"),
        ({"elevation": DEM}, {"limits": {"elevation": "0 9 10"}}, OptionError, "must be three or more rising numbers"),
        ({"aspect": DEM / 10}, {"limits": {"aspect": [0, 90, 360]}}, OptionError, "'aspect', which is cut into eight winds"),
        ({"elevation": DEM}, {"sectors": "aspect"}, OptionError, "sectors must be a list of names"),
        ({"elevation": DEM}, {"replicates": 5}, OptionError, "replicates must be"),
    ],
)  # fmt: skip
def test_messages(drivers: Any, options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        profile(NEP, drivers, **options)
    assert len(str(caught.value).splitlines()) == 1


def test_no_cell_has_both() -> None:
    left = NEP.where(NEP["x"] < 4.2e5)
    with pytest.raises(DataError, match="no cell has a value of 'nep' and of 'elevation'"):
        profile(left.assign_attrs(NEP.attrs), {"elevation": DEM.where(DEM["x"] > 4.3e5).assign_attrs(DEM.attrs)})


def test_every_driver_has_its_bands() -> None:
    result = call_profile(replicates=100)
    assert isinstance(result, ProfileResult)
    assert list(dict.fromkeys(result.profiles["driver"])) == ["elevation", "slope", "aspect"]
    assert result.parameters["sectors"] == ["aspect"]
