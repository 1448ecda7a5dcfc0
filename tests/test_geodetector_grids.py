"""Streamed grids: the same answer as the table of their cells, for any chunks; messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.attribution import GeodetectorResult, detect, detect_grids
from carbondrivers.attribution.geodetector import CORRECTED_P
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import journal, pictures, tables, texts

SHAPE = (31, 44)


def _grids(seed: int = 0) -> tuple[xr.DataArray, dict[str, xr.DataArray]]:
    rng = np.random.default_rng(seed)
    cover, soil = rng.integers(1, 6, SHAPE), rng.integers(0, 4, SHAPE).astype(float)
    nep = 1e4 + 3.0 * cover + soil + rng.normal(size=SHAPE)
    nep[3, 4:9] = np.nan
    soil[20:22, 7] = np.nan
    # A class that only occurs where the response has no value is no stratum.
    cover[3, 4] = 77
    return (
        xr.DataArray(nep, dims=("y", "x"), name="nep"),
        {"soil": xr.DataArray(soil, dims=("y", "x")), "cover": xr.DataArray(cover.astype(np.int16), dims=("y", "x"))},
    )


def _same(one: GeodetectorResult, two: GeodetectorResult, drop: tuple[str, ...] = ()) -> None:
    for name in ("factors", "interactions", "ecological", "risks", "strata"):
        ours, theirs = (r.tables[name].drop(columns=list(drop), errors="ignore") for r in (one, two))
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-7, atol=1e-9, check_dtype=False)


def test_streamed_grids_equal_the_table_of_their_cells() -> None:
    nep, strata = _grids()
    frame = pd.DataFrame({"nep": nep.to_numpy().ravel()} | {d: grid.to_numpy().ravel() for d, grid in strata.items()})
    frame = frame.assign(**dict(zip("yx", np.indices(SHAPE).reshape(2, -1), strict=True))).dropna().astype({"soil": int})
    drivers = [Driver(d, kind="categorical") for d in strata]
    sample = PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"))
    found = detect_grids(nep.chunk({"y": 7, "x": 11}), {d: grid.chunk({"y": 31}) for d, grid in strata.items()})
    _same(found, detect(sample), drop=("epsilon2_low", "epsilon2_high"))
    assert found.n == len(frame) and found.dropped["n"][0] == nep.size - len(frame)
    row = found.factors.iloc[0]
    assert row["epsilon2_low"] < row["epsilon2"] < row["epsilon2_high"]


@pytest.mark.parametrize("chunks", [{"y": 5, "x": 44}, {"y": 31, "x": 1}, {"y": 16, "x": 17}])
def test_chunks_do_not_matter(chunks: dict[str, int]) -> None:
    nep, strata = _grids(1)
    whole = detect_grids(nep, strata)
    part = detect_grids(nep.chunk(chunks), {d: grid.chunk(chunks) for d, grid in strata.items()})
    _same(whole, part)


def _in_degrees() -> tuple[xr.DataArray, dict[str, xr.DataArray]]:
    place = {"y": 70.0 - 1.5 * np.arange(SHAPE[0]), "x": 80.0 + np.arange(SHAPE[1])}
    nep, strata = _grids(4)
    placed = nep.assign_coords(place).assign_attrs(crs="EPSG:4326", resolution=(1.0, 1.5))
    return placed, {d: grid.assign_coords(place).assign_attrs(crs="EPSG:4326") for d, grid in strata.items()}


def test_areas_weigh_cells_as_the_weights_of_a_sample_do() -> None:
    nep, strata = _in_degrees()
    areas = cell_areas(nep)
    y, x = (values.ravel() for values in np.meshgrid(nep.y, nep.x, indexing="ij"))
    frame = pd.DataFrame({"nep": nep.to_numpy().ravel(), "area": areas.to_numpy().ravel(), "x": x, "y": y})
    frame = frame.assign(**{d: grid.to_numpy().ravel() for d, grid in strata.items()}).dropna().astype({"soil": int})
    drivers, placed = [Driver(d, kind="categorical") for d in strata], {"coordinates": ("x", "y"), "crs": "EPSG:4326"}
    sample = PixelSample.from_frame(frame, response="nep", drivers=drivers, weights="area", **placed)
    chunks = {"y": 9, "x": 10}
    found = detect_grids(nep.chunk(chunks), strata, weights=areas.chunk({"y": 4}))
    _same(found, detect(sample), drop=("epsilon2_low", "epsilon2_high"))
    # The unit of the areas is of no matter, and areas that are all the same are none.
    _same(found, detect_grids(nep, strata, weights=areas * 1e6))
    _same(detect_grids(nep, strata), detect_grids(nep, strata, weights=xr.full_like(nep, 7.0)))
    assert abs(found.factors["q"][0] - detect_grids(nep, strata).factors["q"][0]) > 1e-4
    assert any("Kish" in note for note in found.notes)


def test_measured_grids_are_cut_at_borders() -> None:
    nep, strata = _grids(5)
    rain = xr.DataArray(np.random.default_rng(6).gamma(3.0, 90.0, SHAPE), dims=("y", "x"))
    given = {"rain": [100.0, 200.0, 300.0, 400.0], "soil": [0.0, 1.0, 3.0]}
    found = detect_grids(nep.chunk({"y": 8}), {"rain": rain.chunk({"x": 5}), "soil": strata["soil"]}, borders=given)
    codes = xr.DataArray(np.digitize(rain, [200.0, 300.0], right=True), dims=("y", "x"))
    joined = strata["soil"].where(~(strata["soil"] > 1), 2).where(~(strata["soil"] <= 1), 0)
    _same(found, detect_grids(nep, {"rain": codes, "soil": joined}), drop=("level", "level_2", "lower", "upper", "method"))
    table = found.strata.loc[found.strata["driver"] == "rain"]
    assert table["lower"].tolist() == [100.0, 200.0, 300.0] and table["upper"].tolist() == [200.0, 300.0, 400.0]
    assert set(found.variables.set_index("name").loc[["rain", "soil"], "kind"]) == {"continuous"}
    with pytest.raises(OptionError, match="borders of 'rain' must be two or more rising numbers"):
        detect_grids(nep, {"rain": rain}, borders={"rain": [3.0, 2.0]})
    with pytest.raises(OptionError, match="borders must be one of 'rain', got 'rian'"):
        detect_grids(nep, {"rain": rain}, borders={"rian": [3.0, 4.0]})
    with pytest.raises(DataError, match="infinite values"):
        detect_grids(nep, {"rain": rain.where(rain.x != 3, np.inf)}, borders={"rain": [1.0, 200.0]})


def test_a_stack_enters_by_the_mean_of_its_years() -> None:
    nep, strata = _grids(7)
    stack = xr.concat([nep - 3.0, nep + 3.0], dim="year").assign_coords(year=[2001, 2002])
    _same(detect_grids(stack.chunk({"y": 6}), strata), detect_grids(nep, strata))


def test_a_result_of_grids_is_reported() -> None:
    nep, strata = _grids(2)
    found = detect_grids(nep, strata, names={"soil": {0: "sand", 1: "loam", 2: "clay", 3: "peat"}})
    assert set(found.strata.loc[found.strata["driver"] == "soil", "level"]) == {"sand", "loam", "clay", "peat"}
    assert tables(found) and texts(found) and pictures(found, journal("jal"))
    assert CORRECTED_P in found.notes and found.factors["p_eff"].notna().all()


def test_messages() -> None:
    nep, strata = _grids(3)
    with pytest.raises(DataError, match="'soil' must be whole numbers from 0 to 4096"):
        detect_grids(nep, {"soil": strata["soil"] + 0.5})
    with pytest.raises(DataError, match=r"strata of 'soil' must be an xarray\.DataArray with the dimensions y and x"):
        detect_grids(nep, {"soil": strata["soil"].rename(y="row")})
    with pytest.raises(DataError, match="no cell has a response and a class"):
        detect_grids(nep * np.nan, strata)
    with pytest.raises(DataError, match="infinite values"):
        detect_grids(nep.where(nep.x != 3, np.inf), strata)
    with pytest.raises(DataError, match="no strata are given"):
        detect_grids(nep, {})
    with pytest.raises(DataError, match="holds <U"):
        detect_grids(nep, {"soil": strata["soil"].astype(str)})
    with pytest.raises(DataError, match=r"the response and the strata of 'soil' differ in shape"):
        detect_grids(nep, {"soil": strata["soil"].isel(y=slice(5))})
    with pytest.raises(DataError, match="weights must be finite and not below 0"):
        detect_grids(nep, strata, weights=xr.full_like(nep, -1.0))
    with pytest.raises(DataError, match="coordinates of the response must be numbers, got <U"):
        detect_grids(nep.assign_coords(x=[f"c{i}" for i in range(nep.sizes["x"])]), strata)
    with pytest.raises(DataError, match="reaches 91, no latitude does"):
        detect_grids(nep.assign_coords(y=91.0 - np.arange(nep.sizes["y"])).assign_attrs(crs="EPSG:4326"), strata)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": {"soil": {0: "loam", 1: "loam"}}}, "several classes the name 'loam': name them apart, or merge them"),
        ({"names": {"soil": {0: "1"}}}, "several classes the name '1'"),
        ({"names": {"soils": {0: "loam"}}}, "names must be"),
        ({"names": {"soil": ["loam", "clay"]}}, "must be given by number"),
        ({"borders": {"soil": ["low", 1, 2]}}, "must be two or more rising numbers, got"),
        ({"borders": {"soil": 3}}, "must be two or more rising numbers, got 3"),
        ({"borders": {"soil": [0, 1, np.inf]}}, "must be two or more rising numbers"),
    ],
)
def test_names_and_borders_that_cannot_be_used(options: dict[str, Any], message: str) -> None:
    nep, strata = _grids(3)
    with pytest.raises(OptionError, match=message) as said:
        detect_grids(nep, strata, **options)
    assert "\n" not in str(said.value)


def test_a_response_that_does_not_vary_and_single_classes_are_said() -> None:
    nep, strata = _grids(8)
    one = xr.full_like(strata["cover"], 3)
    found = detect_grids(nep, {"one": one, "soil": strata["soil"]})
    assert found.factors.set_index("driver").loc["one", "note"].startswith("undefined: a single stratum")
    flat = detect_grids(nep * 0.0 + 5.0, strata)
    assert flat.factors["q"].isna().all() and flat.factors["note"].str.startswith("undefined").all()
    # More classes than half of the cells.
    every = xr.DataArray(np.arange(nep.size).reshape(SHAPE), dims=("y", "x"))
    single = detect_grids(nep, {"every": every})
    assert single.factors["note"][0].startswith("undefined: 1359 strata of 1359 rows")
    assert single.risks.empty and any("More than 100 strata are not compared" in note for note in single.notes)
