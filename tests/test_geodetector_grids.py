"""Streamed grids: the same answer as the table of their cells, for any chunks; messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.attribution import GeodetectorResult, detect, detect_grids
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataError
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
    frame = pd.DataFrame({"nep": nep.to_numpy().ravel()} | {d: grid.to_numpy().ravel() for d, grid in strata.items()}).dropna()
    frame = frame.astype({"soil": int})
    sample = PixelSample.from_frame(frame, response="nep", drivers=[Driver(d, kind="categorical") for d in strata])
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
    _same(whole, part, drop=("epsilon2_low", "epsilon2_high"))


def test_a_result_of_grids_is_reported() -> None:
    nep, strata = _grids(2)
    found = detect_grids(nep, strata, names={"soil": {0: "sand", 1: "loam", 2: "clay", 3: "peat"}})
    assert set(found.strata.loc[found.strata["driver"] == "soil", "level"]) == {"sand", "loam", "clay", "peat"}
    assert tables(found) and texts(found) and pictures(found, journal("jal"))
    assert any("naive P only" in note for note in found.notes)


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
