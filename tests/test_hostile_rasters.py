"""Every method on stacks and maps, and what crosses their results, against the stacks that real archives hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from carbondrivers.attribution import (
    Result,
    clusters,
    driving_types,
    future,
    optimum,
    persistence,
    stability,
    time_correlation,
    trend,
    zoning,
)
from carbondrivers.errors import CarbonDriversError

NOISE = np.random.default_rng(0).normal(size=(21, 6, 6))
YEARS = np.arange(2001.0, 2022.0)


def _stack(values: np.ndarray, years: np.ndarray = YEARS) -> xr.DataArray:
    coords = {"year": years, "y": -np.arange(values.shape[1]) * 1e3, "x": np.arange(values.shape[2]) * 1e3}
    return xr.DataArray(values, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:32650"})


def _with(where: Any, value: Any) -> np.ndarray:
    values = NOISE.copy()
    values[where] = value
    return values


def _island() -> np.ndarray:
    values = np.full_like(NOISE, np.nan)
    values[:, 0, 0], values[:, 3:, 3:] = NOISE[:, 0, 0], NOISE[:, 3:, 3:]
    return values


CASES: dict[str, Callable[[], xr.DataArray]] = {
    "all-NaN pixels": lambda: _stack(_with(np.s_[:, :2], np.nan)),
    "constant series": lambda: _stack(_with(np.s_[:, 2], 5.0)),
    "all constant": lambda: _stack(NOISE * 0.0 + 5.0),
    "too few years": lambda: _stack(_with(np.s_[:15, 2], np.nan)),
    "infinite": lambda: _stack(_with(np.s_[2, 3, 3], np.inf)),
    "one row": lambda: _stack(NOISE[:, :1]),
    "one column": lambda: _stack(NOISE[:, :, :1]),
    "one cell": lambda: _stack(NOISE[:, :1, :1]),
    "all masked": lambda: _stack(NOISE * np.nan),
    "island": lambda: _stack(_island()),
    "irregular years": lambda: _stack(NOISE, np.r_[1990.0:2000.0, 2003.0:2014.0]),
}
Call = Callable[[xr.DataArray, dict[str, xr.DataArray]], Result]
METHODS: dict[str, Call] = {
    "trend": lambda s, d: trend(s),
    "trend, 3PW": lambda s, d: trend(s, test="three_pw"),
    "trend, Hamed-Rao": lambda s, d: trend(s, test="hamed_rao"),
    "stability": lambda s, d: stability(s),
    "persistence": lambda s, d: persistence(s, detrend=True),
    "clusters": lambda s, d: clusters(_mean(s), permutations=99),
    "time_correlation": time_correlation,
    "collinear drivers": lambda s, d: time_correlation(s, {"a": d["rain"], "b": 2.0 * d["rain"] + 1.0}),
    "a driver without variance": lambda s, d: time_correlation(s, {"a": d["rain"] * 0.0 + 3.0, "b": d["warm"]}),
    "future": lambda s, d: future(trend(s), persistence(s, detrend=True)),
    "driving_types": lambda s, d: driving_types(time_correlation(s, d)),
    "zoning": lambda s, d: zoning(
        stability(s), trend(s), persistence(s, detrend=True), clusters(_mean(s), permutations=99)
    ),
    "optimum": lambda s, d: optimum(s, {k: v.isel(year=0, drop=True) for k, v in d.items()}, replicates=100, block_size=1e3),
}  # fmt: skip


def _mean(stack: xr.DataArray) -> xr.DataArray:
    return stack.mean("year", keep_attrs=True)


def _drivers(like: xr.DataArray) -> dict[str, xr.DataArray]:
    rng = np.random.default_rng(1)
    return {name: like.copy(data=rng.normal(size=like.shape)).rename(name) for name in ("rain", "warm")}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES)
def test_a_result_without_a_false_p_or_one_line(method: str, case: str) -> None:
    stack = CASES[case]()
    try:
        result = METHODS[method](stack, _drivers(stack))
    except CarbonDriversError as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) > 30
        return
    assert case not in ("infinite", "all masked")
    for table in result.tables.values():
        if {"p", "statistic"} <= set(table.columns):
            assert table["p"][~np.isfinite(table["statistic"].astype(float))].isna().all()
        if {"share", "level"} <= set(table.columns):
            assert table["share"].dropna().between(0.0, 1.0 + 1e-12).all()
    for grid in result.maps.values():
        for name, statistic in (("mk_p", "mk_z"), ("ols_p", "ols_statistic"), ("gi_p", "gi_star"), ("p", "hurst")):
            if name in grid and statistic in grid:
                assert not (grid[name].notnull() & ~np.isfinite(grid[statistic])).any()
