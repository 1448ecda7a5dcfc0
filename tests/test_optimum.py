"""Optimum window: a planted peak, what noise gets, closed sums, order and unit, messages, the step and its figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from carbondrivers.attribution.optimum import BEST, WINDOW, OptimumResult, in_window, optimum
from carbondrivers.errors import CarbonDriversError, DataError, OptionError
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.reports.lint import lint
from carbondrivers.study.registry import steps

from .zone_cases import a_grid

LIMITS = {"temperature": [-4.0, 0.0, 4.0, 8.0, 12.0], "precipitation": [0.0, 200.0, 400.0, 600.0]}


def _drivers(rows: int = 40, columns: int = 50) -> dict[str, xr.DataArray]:
    """Two drivers that wave across the area, so that every joint band lies all over it."""
    y, x = np.indices((rows, columns))
    warm = 4.0 + 7.9 * np.sin(x / 1.7 + y / 5.0)
    wet = 300.0 + 299.0 * np.cos(y / 1.9 + x / 7.0)
    return {
        "temperature": a_grid(warm, units="degC", long_name="Temperature"),
        "precipitation": a_grid(wet, units="mm a-1", long_name="Precipitation"),
    }


def _peaked(noise: float = 5.0, seed: int = 1) -> xr.DataArray:
    """NEP that is highest at 6 degC and 500 mm."""
    given = {name: grid.to_numpy() for name, grid in _drivers().items()}
    peak = 100.0 - (given["temperature"] - 6.0) ** 2 - ((given["precipitation"] - 500.0) / 50.0) ** 2
    return a_grid(peak + np.random.default_rng(seed).normal(0, noise, peak.shape))


def _run(grid: xr.DataArray | None = None, **options: Any) -> OptimumResult:
    return optimum(_peaked() if grid is None else grid, _drivers(), **({"limits": LIMITS, "replicates": 200} | options))


def _part(result: OptimumResult, level: str) -> dict[str, tuple[float, float]]:
    rows = result.window.loc[result.window["level"] == level]
    return {row["driver"]: (row["lower"], row["upper"]) for row in rows.to_dict("records")}


def test_planted_peak_is_found_and_sure() -> None:
    result = _run()
    assert _part(result, BEST) == {"precipitation": (400.0, 600.0), "temperature": (4.0, 8.0)}
    assert _part(result, WINDOW) == _part(result, BEST)
    assert result.window["support"].to_numpy() == pytest.approx(1.0)


def test_noise_has_no_sure_optimum() -> None:
    rng = np.random.default_rng(3)
    result = _run(a_grid(rng.normal(0, 30, (40, 50))))
    chosen = in_window(result.bands, 0.95)
    assert chosen.sum() >= 4 and result.bands["support"].max() < 0.9
    low, high = _part(result, WINDOW)["temperature"]
    assert high - low > 4.0


def test_means_and_support_by_hand() -> None:
    result, grid, drivers = _run(), _peaked().to_numpy(), _drivers()
    wet, warm = (drivers[name].to_numpy() for name in ("precipitation", "temperature"))
    row = result.bands.iloc[4]
    inside = (wet >= row["lower"]) & (wet < row["upper"]) & (warm >= row["lower_2"]) & (warm < row["upper_2"])
    assert row["n"] == inside.sum() and row["estimate"] == pytest.approx(grid[inside].mean(), rel=1e-12)
    assert result.bands["support"].sum() == pytest.approx(1.0, abs=1e-12)
    assert result.bands["n"].sum() == result.n == 2000 and result.bands["share"].sum() == pytest.approx(1.0)


def test_bands_that_differ_by_noise_alone_are_seldom_sure() -> None:
    tops = [float(_run(a_grid(np.random.default_rng(i).normal(0, 30, (40, 50)))).bands["support"].max()) for i in range(12)]
    assert np.mean(tops) < 0.8


def test_order_of_drivers_units_and_cells_do_not_matter() -> None:
    one, two = _run(), optimum(_peaked(), dict(reversed(_drivers().items())), limits=LIMITS, replicates=200)
    assert one.bands.equals(two.bands) and one.window.equals(two.window)
    scaled = optimum(
        (_peaked() * 1e6).assign_attrs(_peaked().attrs).rename("nep"), _drivers(), limits=LIMITS, replicates=200,
    )  # fmt: skip
    np.testing.assert_allclose(scaled.bands["support"], one.bands["support"])
    turned = optimum(_peaked().transpose("x", "y"), _drivers(), limits=LIMITS, replicates=200)
    np.testing.assert_allclose(turned.bands["estimate"], one.bands["estimate"], rtol=1e-12)


def test_a_band_of_few_blocks_is_never_the_best() -> None:
    drivers, grid = _drivers(), _peaked()
    drivers["temperature"].to_numpy()[:3, :3] = 13.0
    grid.to_numpy()[:3, :3] = 1e4
    limits = LIMITS | {"temperature": [-4.0, 0.0, 4.0, 8.0, 12.0, 14.0]}
    result = optimum(grid, drivers, limits=limits, replicates=200)
    assert _part(result, BEST)["temperature"] == (4.0, 8.0)
    thin = result.bands.loc[result.bands["lower_2"] == 12.0]
    assert (
        thin["support"].isna().all()
        and thin["ci_low"].isna().all()
        and any("joint bands lie in fewer" in n for n in result.notes)
    )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"drivers": {}}, DataError, "drivers must be two grids by name"),
        ({"drivers": {"temperature": _drivers()["temperature"]}}, DataError, "drivers must be two grids by name, .* got 1"),
        ({"drivers": {"a": 1, "b": 2}}, DataError, "driver 'a' must be an xarray.DataArray, got int"),
        ({"limits": {"rain": [0, 1, 2]}}, OptionError, "limits are given for 'rain', which is no driver"),
        ({"limits": {"temperature": [1, 0]}}, OptionError, "limits of 'temperature' must be three or more rising numbers"),
        ({"limits": {"temperature": [50, 60, 70]}}, DataError, "within the limits of both"),
        ({"replicates": 5}, OptionError, "replicates must be a whole number of 100 or more"),
        ({"confidence": 95}, OptionError, "confidence must be between 0 and 1"),
        ({"block_size": 1e9}, DataError, "no joint band of 'precipitation' and 'temperature' lies in 5 spatial blocks"),
    ],
)
def test_messages(change: dict[str, Any], error: type[CarbonDriversError], message: str) -> None:
    options = {"drivers": _drivers(), "limits": LIMITS, "replicates": 200} | change
    with pytest.raises(error, match=message) as caught:
        optimum(_peaked(), **options)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g.where(g > 0),
        lambda g: g * np.nan,
        lambda g: g.where(g.x > g.x[0], np.inf),
        lambda g: g * 0.0 + 7.0,
        lambda g: g.isel(y=slice(1)),
        lambda g: g.isel(x=slice(1)),
    ],
    ids=["gaps", "all NaN", "infinite", "constant", "one row", "one column"],
)
def test_hostile_drivers_give_a_result_or_one_line(change: Any) -> None:
    drivers = _drivers()
    drivers["temperature"] = change(drivers["temperature"]).assign_attrs(drivers["temperature"].attrs)
    try:
        result = optimum(_peaked(), drivers, replicates=100)
    except CarbonDriversError as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) > 30
    else:
        assert result.bands["estimate"].notna().all() and result.n < 2000


def test_report_of_a_result() -> None:
    result = _run(a_grid(np.random.default_rng(3).normal(0, 30, (40, 50))))
    (picture,) = pictures(result, journal("jal"))
    assert picture.name == "optimum" and lint(picture.figure) == []
    assert [table.name for table in tables(result)] == ["optimum_window", "optimum_bands"]
    (finding,) = texts(result)[0].findings
    assert "of the draws have their highest mean within precipitation" in finding


def test_step_takes_two_drivers() -> None:
    step = steps()["optimum"]
    assert step.seeded and step.options().by == ("temperature", "precipitation")  # type: ignore[attr-defined]
