"""q by cell size and by year: aggregation by hand, common support, planted scales and changes, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.attribution import detect, scale_curve, yearly_q
from carbondrivers.datasets import PixelSample
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import journal, pictures, tables, texts


def _lattice(side: int = 24, seed: int = 1) -> tuple[pd.DataFrame, np.random.Generator]:
    rng = np.random.default_rng(seed)
    y, x = (part.ravel() * 100.0 for part in np.mgrid[:side, :side])
    return pd.DataFrame({"x": x, "y": y}), rng


def _sample(frame: pd.DataFrame, **drivers: str) -> PixelSample:
    return PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"), crs="EPSG:32650")


def test_every_size_equals_the_geodetector_of_the_aggregated_rows() -> None:
    frame, rng = _lattice()
    frame["rain"], frame["cover"] = rng.normal(size=576).cumsum(), rng.choice(list("abc"), 576)
    frame["nep"] = frame["rain"] + rng.normal(0, 5, 576)
    result = scale_curve(_sample(frame, rain="climate", cover="human"), sizes=[100, 200, 400], classes=4, replicates=100)
    assert (result.sizes["share"] == 1.0).all() and result.sizes["n"].tolist() == [576, 144, 36]
    for size in (100.0, 200.0, 400.0):
        cell = frame[["x", "y"]] // size
        groups = frame.groupby([cell["x"], cell["y"]])
        coarse = groups[["x", "y", "rain", "nep"]].mean()
        coarse["cover"] = groups["cover"].agg(lambda c: c.mode()[0])
        expected = detect(_sample(coarse.reset_index(drop=True), rain="climate", cover="human"), classes=4).factors
        expected = expected.set_index("driver")
        found = result.curve.query("value == @size").set_index("driver")
        for driver in ("rain", "cover"):
            assert found.loc[driver, "q"] == pytest.approx(expected.loc[driver, "q"], rel=1e-9)
            assert found.loc[driver, "epsilon2"] == pytest.approx(expected.loc[driver, "epsilon2"], rel=1e-9)
            assert found.loc[driver, "ci_low"] < found.loc[driver, "epsilon2"] < found.loc[driver, "ci_high"]


def test_common_support_leaves_a_ragged_margin_out() -> None:
    frame, rng = _lattice()
    frame = frame.loc[(frame["x"] < 1600) | (frame["y"] % 1200 == 0)].reset_index(drop=True)
    frame["rain"] = rng.normal(size=len(frame))
    frame["nep"] = frame["rain"] + rng.normal(size=len(frame))
    result = scale_curve(_sample(frame, rain="climate"), sizes=[100, 400], classes=3, replicates=100)
    kept = (frame["x"] < 1600).sum()
    assert result.sizes["n"].tolist() == [kept, 24]
    np.testing.assert_allclose(result.sizes["share"], kept / len(frame))


def test_noise_that_averages_out_lets_epsilon2_rise_with_the_cell() -> None:
    frame, rng = _lattice(32, 2)
    frame["rain"] = np.sin(frame["x"] / 700.0) + np.cos(frame["y"] / 900.0)
    frame["noise"] = rng.normal(size=len(frame))
    frame["nep"] = frame["rain"] + 3.0 * rng.normal(size=len(frame))
    curve = scale_curve(_sample(frame, rain="climate", noise="other"), replicates=100).curve
    rain = curve.query("driver == 'rain'").sort_values("value")
    assert rain["epsilon2"].iloc[-1] > 2 * rain["epsilon2"].iloc[0] > 0
    noise = curve.query("driver == 'noise'")
    assert noise["q"].max() > 0.05 and noise["epsilon2"].abs().max() < 0.2


def _stacks(years: int = 12, seed: int = 3) -> tuple[xr.DataArray, dict[str, xr.DataArray]]:
    rng = np.random.default_rng(seed)
    coords = {"year": np.arange(2001, 2001 + years), "y": np.arange(20.0) * 1e3, "x": np.arange(25.0) * 1e3}
    rain = xr.DataArray(rng.normal(size=(years, 20, 25)), coords, ("year", "y", "x"), name="rain")
    dem = xr.DataArray(rng.normal(size=(20, 25)), {k: coords[k] for k in "yx"}, ("y", "x"), name="dem")
    growing = xr.DataArray(np.linspace(0, 3, years), {"year": coords["year"]})
    nep = growing * rain + dem + rng.normal(size=(years, 20, 25))
    return nep.transpose("year", "y", "x").rename("nep").assign_attrs(crs="EPSG:32650"), {"rain": rain, "dem": dem}


def test_years_equal_the_geodetector_of_each_year_and_changes_are_found() -> None:
    nep, drivers = _stacks()
    nep[3, 4, 5] = np.nan
    result = yearly_q(nep, drivers, classes=5, replicates=100)
    for i in (0, 3, 11):
        frame = pd.DataFrame({"rain": drivers["rain"][i].to_numpy().ravel(), "dem": drivers["dem"].to_numpy().ravel()})
        frame["nep"] = nep[i].to_numpy().ravel()
        sample = PixelSample.from_frame(frame.dropna(), response="nep", drivers={"rain": "climate", "dem": "topography"})
        expected = detect(sample, classes=5).factors.set_index("driver")
        found = result.years.query("year == @i + 2001").set_index("driver")
        for driver in ("rain", "dem"):
            assert found.loc[driver, "q"] == pytest.approx(expected.loc[driver, "q"], rel=1e-9)
        assert found["n"].iloc[0] == 500 - (i == 3)
    trends = result.trends.set_index("driver")
    assert trends.loc["rain", "estimate"] > 0.04 and trends.loc["rain", "p_eff"] < 0.01
    assert trends.loc["dem", "estimate"] < 0
    assert (trends["p_adjusted"] >= trends["p"]).all() and trends["first"].tolist() == [2001, 2001]


@pytest.mark.slow
def test_no_change_is_found_where_there_is_none(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 40
    rng = np.random.default_rng(4)
    coords = {"year": np.arange(2001, 2013), "y": np.arange(10.0), "x": np.arange(12.0)}
    found = 0
    for _ in range(replicates):
        nep, rain = (xr.DataArray(rng.normal(size=(12, 10, 12)), coords, ("year", "y", "x"), name=n) for n in ("nep", "rain"))
        result = yearly_q(nep.assign_attrs(crs="EPSG:32650"), {"rain": rain}, classes=4, replicates=100)
        found += result.trends["p"][0] < 0.05
    assert found / replicates < 0.05 + 4 * np.sqrt(0.05 * 0.95 / replicates)


def test_messages(sample: PixelSample) -> None:
    with pytest.raises(OptionError, match=r"sizes must be two or more different lengths above 0, got \[100\]"):
        scale_curve(sample, sizes=[100])
    with pytest.raises(DataError, match="are too few for cells of two sizes with 200 cells each: take fewer classes"):
        scale_curve(sample, classes=50)
    frame = pd.DataFrame({"nep": [1.0, 2, 3, 4], "zone": list("abab")})
    with pytest.raises(DataError, match="a scale curve needs the place of every row"):
        scale_curve(PixelSample.from_frame(frame, response="nep", drivers={"zone": "climate"}))
    nep, drivers = _stacks(5)
    with pytest.raises(DataError, match="in no year do enough cells have a value"):
        yearly_q(nep * np.nan, drivers)
    with pytest.raises(DataError, match="'rain' holds infinite values"):
        yearly_q(nep, drivers | {"rain": drivers["rain"].where(drivers["rain"] < 2, np.inf)})
    few = yearly_q(nep.isel(year=slice(0, 3)), drivers, replicates=100).trends
    assert few["note"].str.startswith("undefined: fewer than 4 years").all() and few["p"].isna().all()


@pytest.mark.parametrize(
    ("crs", "by", "axis", "said"),
    [
        ("EPSG:32650", 10.0, "Side of the grid cell (km)", "at a cell of 1 km"),
        ("EPSG:32650", 0.1, "Side of the grid cell (m)", "at a cell of 10 m"),
        ("EPSG:4326", 1e-4, "Side of the grid cell (degrees)", "at a cell of 0.01 degrees"),
        (None, 1.0, "Side of the grid cell (units of the coordinates)", "at a cell of 100 units of the coordinates"),
    ],
)
def test_the_side_of_a_cell_has_its_unit(crs: str | None, by: float, axis: str, said: str) -> None:
    frame, rng = _lattice(12)
    frame["rain"] = rng.normal(size=144)
    frame = frame.assign(nep=frame["rain"] + rng.normal(size=144), x=frame["x"] * by, y=frame["y"] * by)
    sample = PixelSample.from_frame(frame, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"), crs=crs)
    found = scale_curve(sample, sizes=[100 * by, 200 * by, 300 * by], classes=3, replicates=100)
    (drawn,) = pictures(found, journal=journal("jal"))
    ax = drawn.figure.axes[0]
    assert ax.get_xlabel().replace("\n", " ") == axis
    sides = {float(np.min(line.get_xdata())) for line in ax.lines if len(np.unique(line.get_xdata())) == 3}
    assert len(sides) == 1 and sides.pop() == pytest.approx(100 * by / (1000 if "km" in axis else 1))
    assert said in texts(found)[0].findings[0]
    unit = axis.split("(")[1] if "km" not in axis else "m)"
    assert tables(found)[0].headings["value"] == f"Side of the cell ({unit}"
