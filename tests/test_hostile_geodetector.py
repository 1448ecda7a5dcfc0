"""Every door of the geodetector's family against the samples that real tables, and careless ones, hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.attribution import (
    Result,
    detect,
    detect_grids,
    optimal_zones,
    optimise_strata,
    optimum_windows,
    scale_curve,
    spatial_association,
    yearly_q,
)
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import CarbonDriversError, DataWarning

N = 48
SIDE = 8
_RNG = np.random.default_rng(0)
_CELL = _RNG.permutation(200)[:N]
BASE = pd.DataFrame(
    {"x": _CELL % 20 * 1e3, "y": _CELL // 20 * 1e3, "a": _RNG.normal(size=N), "b": _RNG.gamma(2.0, 2.0, N)}
).assign(c=_RNG.integers(0, 4, N), nep=lambda f: 3.0 * f["a"] + f["c"] + _RNG.normal(size=N))
LATTICE = BASE.assign(x=np.arange(N) % SIDE * 1e3, y=np.arange(N) // SIDE * 1e3)
Call = Callable[[Any], Result]


def _sample(frame: pd.DataFrame, classes: tuple[str, ...] = ("c",), measured: tuple[str, ...] = ("a", "b"), **more: Any) -> Any:
    drivers = [*(Driver(name, kind="categorical") for name in classes), *(Driver(name) for name in measured)]
    where: dict[str, Any] = {"coordinates": ("x", "y"), "crs": "EPSG:32650"} | more
    return PixelSample.from_frame(frame, response="nep", drivers=drivers, **where)


def _gaps(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[3:9, "nep"], frame.loc[20:30, "a"], frame.loc[5, "c"] = np.nan, np.nan, np.nan
    return frame


def _at(column: str, value: float) -> pd.DataFrame:
    frame = BASE.copy()
    frame.loc[7, column] = value
    return frame


def _with(frame: pd.DataFrame = BASE, **columns: Any) -> pd.DataFrame:
    return frame.assign(**columns)


ROWS = np.arange(N)
SAMPLES: dict[str, Callable[[], Any]] = {
    "gaps": lambda: _sample(_gaps(BASE)),
    "infinite response": lambda: _sample(_at("nep", np.inf)),
    "infinite driver": lambda: _sample(_at("a", -np.inf)),
    "missing coordinates": lambda: _sample(_at("x", np.nan)),
    "no coordinates": lambda: _sample(BASE, coordinates=None, crs=None),
    "a full grid": lambda: _sample(LATTICE),
    "one place": lambda: _sample(_with(x=5.0, y=5.0)),
    "a line": lambda: _sample(_with(y=5.0)),
    "places twice": lambda: _sample(_with(x=BASE["x"] // 8e3, y=BASE["y"] // 8e3)),
    "one stratum": lambda: _sample(_with(e="z"), ("c", "e")),
    "one stratum in a group": lambda: _sample(BASE, groups={"one": (BASE["c"] == 1).to_numpy()}),
    "all singletons": lambda: _sample(_with(e=[f"s{i}" for i in ROWS]), ("c", "e")),
    "strata of two": lambda: _sample(_with(e=[f"s{i // 2}" for i in ROWS]), ("c", "e")),
    "more strata than half": lambda: _sample(_with(e=[f"s{int(i / 1.5)}" for i in ROWS]), ("c", "e")),
    "empty class": lambda: _sample(_with(e=pd.Categorical(BASE["c"].astype(str), list("01239"))), ("e",)),
    "empty cells": lambda: _sample(_with(c=ROWS % 4, e=ROWS % 4 + 10 * (ROWS < 6)), ("c", "e")),
    "nested": lambda: _sample(_with(e=BASE["c"] * 2 + (BASE["b"] > 3)), ("c", "e")),
    "a driver twice": lambda: _sample(_with(d=BASE["a"], e=BASE["c"]), ("c", "e"), ("a", "d")),
    "a driver as the response": lambda: _sample(_with(d=BASE["nep"]), measured=("a", "d")),
    "constant response": lambda: _sample(_with(nep=3.1)),
    "constant in a group": lambda: _sample(
        _with(nep=BASE["nep"].where(BASE["c"] != 1, 7.1)), groups={"one": (BASE["c"] == 1).to_numpy()}
    ),
    "constant driver": lambda: _sample(_with(a=0.1)),
    "two values": lambda: _sample(_with(a=ROWS % 2)),
    "spike": lambda: _sample(_with(a=BASE["a"].where(ROWS > 38, 0.0))),
    "explained whole": lambda: _sample(_with(nep=BASE["c"] * 2.0)),
    "two rows": lambda: _sample(BASE.head(2)),
    "three rows": lambda: _sample(BASE.head(3)),
    "eight rows": lambda: _sample(BASE.head(8)),
    "one row in a group": lambda: _sample(BASE, groups={"few": ROWS < 1}),
    "three rows in a group": lambda: _sample(BASE, groups={"few": ROWS < 3}),
    "far origin": lambda: _sample(_with(nep=BASE["nep"] + 1e12)),
    "huge": lambda: _sample(_with(nep=BASE["nep"] * 1e12)),
    "tiny": lambda: _sample(_with(nep=BASE["nep"] * 1e-12)),
    "a driver of 1e150": lambda: _sample(_with(a=BASE["a"] * 1e150)),
    "a driver of 1e-150": lambda: _sample(_with(a=BASE["a"] * 1e-150)),
    "only classes": lambda: _sample(BASE, measured=()),
    "only measured": lambda: _sample(BASE, ()),
    "whole numbers": lambda: _sample(_with(e=BASE["c"].astype(np.int8)), ("e",)),
    "truth": lambda: _sample(_with(e=BASE["a"] > 0), ("e",)),
    "codes with a point": lambda: _sample(_with(e=BASE["c"] * 1.0), ("e",)),
    "words": lambda: _sample(_with(e=BASE["c"].map(lambda c: f"soil, no. {c}")), ("e",)),
    "ordered": lambda: _sample(_with(e=pd.Categorical(BASE["c"].astype(str), list("3210"), ordered=True)), ("e",)),
    "names of ours": lambda: _sample(_with(q=BASE["a"], p=BASE["b"], level=BASE["c"]), ("level",), ("q", "p")),
    "weights": lambda: _sample(_with(w=np.where(ROWS < 5, 1e-9, 1.0 + ROWS)), weights="w"),
    "one heavy row": lambda: _sample(_with(w=np.where(ROWS < 1, 1e6, 1.0)), weights="w"),
    "a few heavy rows": lambda: _sample(_with(w=np.where(ROWS < 5, 1e6, 1.0)), weights="w"),
}  # fmt: skip


def _halves(sample: Any) -> dict[str, list[float]]:
    """Return one border of its own for every driver that varies."""
    columns = {d.name: sample.frame[d.name] for d in sample.continuous}
    return {name: [float(v.min()), float(v.mean())] for name, v in columns.items() if v.min() < v.mean() < v.max()}


DOORS: dict[str, Call] = {
    "f": lambda s: detect(s, replicates=100),
    "welch": lambda s: detect(s, replicates=100, p_method="welch", method="natural", classes=50),
    "permutation": lambda s: detect(s, replicates=100, p_method="permutation"),
    "spatial": lambda s: detect(s, replicates=100, p_method="spatial"),
    "games_howell": lambda s: detect(s, replicates=100, risk_test="games_howell", borders=_halves(s)),
    "wang2016": lambda s: detect(s, replicates=100, p_method="wang2016"),
    "wang2016, gd": lambda s: detect(s, replicates=100, p_method="wang2016", variant="gd"),
    "wang2016, gdverse": lambda s: detect(s, replicates=100, p_method="wang2016", variant="gdverse"),
    "optimal_strata": lambda s: optimise_strata(s, methods=["quantile", "optimal", "tree"], classes=(3, 5), permutations=9),
    "optimal_strata, gd": lambda s: optimise_strata(s, methods=["quantile", "sd"], rules="gd", selection="max_q"),
    "optimal_zones": lambda s: optimal_zones(s),
    "optimum_windows": lambda s: optimum_windows(s, replicates=100),
    "spatial_association": lambda s: spatial_association(s, classes=(3, 4), permutations=9),
    "scale_curve": lambda s: scale_curve(s, classes=3, replicates=100),
}
# Values that no result may be silent about: they are refused where the sample is made.
REFUSED = ("infinite response", "infinite driver")


def _held(make: Callable[[], Any], call: Call) -> Result | None:
    """Return the result, or None where one line said why there is none; no warning of a library may come through."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        # Rows at one place are warned of by ourselves.
        warnings.simplefilter("ignore", DataWarning)
        try:
            result = call(make())
        except CarbonDriversError as error:
            assert len(str(error).splitlines()) == 1 and len(str(error)) > 30
            return None
    for name, table in result.tables.items():
        _judge(name, table)
    return result


def _judge(name: str, table: pd.DataFrame) -> None:
    for p, statistic in (("p", "statistic"), ("p_adjusted", "statistic"), ("p_eff", "statistic_eff")):
        if {p, statistic} <= set(table.columns):
            known = np.isfinite(table[statistic].astype(np.float64))
            # The spatial null judges a share of its own: its P stands beside the naive statistic.
            known |= np.isfinite(table["statistic"].astype(np.float64)) if p == "p_eff" else False
            assert table[p][~known].isna().all(), (name, p)
    for column in {"p", "p_adjusted", "p_eff", "p_eff_adjusted", "share"} & set(table.columns):
        assert table[column].astype(np.float64).dropna().between(0.0, 1.0 + 1e-12).all(), (name, column)
    for column in {"q", "epsilon2", "omega2", "q_driver", "q_driver_2"} & set(table.columns):
        assert table[column].astype(np.float64).dropna().le(1.0 + 1e-12).all(), (name, column)
    for low, high in {("ci_low", "ci_high"), ("ci_eff_low", "ci_eff_high"), ("epsilon2_low", "epsilon2_high")}:
        if {low, high} <= set(table.columns):
            ends = table[[low, high]].astype(np.float64).dropna()
            assert (ends[low] <= ends[high] + 1e-12 * ends.abs().max(axis=1)).all(), (name, low)
    assert not np.isinf(table.select_dtypes(np.number).to_numpy(dtype=np.float64)).any(), name
    if {"q", "note"} <= set(table.columns):
        assert (table.loc[table["q"].isna(), "note"].str.len() > 10).all(), name


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", SAMPLES)
def test_a_named_answer_or_one_line(door: str, case: str) -> None:
    result = _held(SAMPLES[case], DOORS[door])
    assert result is None or case not in REFUSED


YEARS = np.arange(2001.0, 2008.0)
NOISE = np.random.default_rng(1).normal(size=(7, 10, 10))


def _stack(values: np.ndarray, name: str = "nep") -> xr.DataArray:
    coords = {"year": YEARS, "y": -np.arange(10) * 1e3, "x": np.arange(10) * 1e3}
    return xr.DataArray(np.broadcast_to(values, NOISE.shape).copy(), coords, ("year", "y", "x"), name, {"crs": "EPSG:32650"})


def _holed(where: Any, value: float) -> np.ndarray:
    values = NOISE.copy()
    values[where] = value
    return values


def _few(values: np.ndarray, keep: int) -> np.ndarray:
    values = values.copy()
    values.reshape(len(values), -1)[:, keep:] = np.nan
    return values


STACKS: dict[str, Callable[[], tuple[xr.DataArray, dict[str, xr.DataArray]]]] = {
    "noise": lambda: (_stack(NOISE), {"a": _stack(NOISE[::-1]), "c": _stack(np.round(NOISE[0]) + 5.0)}),
    "gaps": lambda: (_stack(_holed(np.s_[:, :4], np.nan)), {"a": _stack(_holed(np.s_[2, 5:], np.nan))}),
    "infinite response": lambda: (_stack(_holed(np.s_[0, 3, 3], np.inf)), {"a": _stack(NOISE[::-1])}),
    "infinite driver": lambda: (_stack(NOISE), {"a": _stack(_holed(np.s_[0, 3, 3], np.inf))}),
    "nothing": lambda: (_stack(NOISE * np.nan), {"a": _stack(NOISE)}),
    "constant response": lambda: (_stack(NOISE * 0.0 + 7.1), {"a": _stack(NOISE[::-1])}),
    "constant driver": lambda: (_stack(NOISE), {"a": _stack(NOISE * 0.0 + 7.1)}),
    "a driver of one year constant": lambda: (_stack(NOISE), {"a": _stack(_holed(np.s_[3], 1.0))}),
    "a driver of two values": lambda: (_stack(NOISE), {"a": _stack((NOISE > -1.0) * 1.0)}),
    "a driver as the response": lambda: (_stack(NOISE), {"a": _stack(NOISE)}),
    "a driver twice": lambda: (_stack(NOISE), {"a": _stack(NOISE[::-1]), "d": _stack(NOISE[::-1])}),
    "two cells": lambda: (_stack(_few(NOISE, 2)), {"a": _stack(NOISE[::-1])}),
    "eight cells": lambda: (_stack(_few(NOISE, 8)), {"a": _stack(NOISE[::-1])}),
    "one grid for all years": lambda: (_stack(NOISE), {"a": _stack(NOISE[::-1]).isel(year=0, drop=True)}),
    "far origin": lambda: (_stack(NOISE + 1e12), {"a": _stack(NOISE[::-1])}),
    "tiny": lambda: (_stack(NOISE * 1e-12), {"a": _stack(NOISE[::-1] * 1e-150)}),
    "a name of ours": lambda: (_stack(NOISE), {"q": _stack(NOISE[::-1]), "year": _stack(NOISE)}),
}


def _first(stack: xr.DataArray) -> xr.DataArray:
    return stack.isel(year=0, drop=True) if "year" in stack.dims else stack


def _measured(stacks: Any) -> Result:
    borders = {name: [-0.5, 0.0, 0.5] for name in stacks[1]}
    return detect_grids(_first(stacks[0]), {k: _first(v) for k, v in stacks[1].items()}, borders=borders, replicates=100)


GRID_DOORS: dict[str, Call] = {
    "yearly_q": lambda s: yearly_q(*s, classes=4, replicates=100),
    "yearly_q, natural": lambda s: yearly_q(*s, method="natural", classes=3, replicates=100),
    "grids as classes": lambda s: detect_grids(_first(s[0]), {k: _first(v) for k, v in s[1].items()}, replicates=100),
    "grids cut at borders": _measured,
}


@pytest.mark.parametrize("door", GRID_DOORS)
@pytest.mark.parametrize("case", STACKS)
def test_grids_get_a_named_answer_or_one_line(door: str, case: str) -> None:
    result = _held(STACKS[case], GRID_DOORS[door])
    assert result is None or case not in (*REFUSED, "nothing")


def test_two_values_are_said_to_be_the_trouble() -> None:
    stack, drivers = STACKS["a driver of two values"]()
    with pytest.raises(CarbonDriversError, match="quantile leaves one class of 2 values; try another method"):
        yearly_q(stack, drivers, replicates=100)


def test_what_is_explained_whole_has_no_interaction_to_test() -> None:
    table = detect(SAMPLES["explained whole"](), replicates=100).interactions
    assert table.loc[(table["driver"] == "c") | (table["driver_2"] == "c"), "p"].isna().all()
    whole = table.loc[(table["df"] > 0) & table["p"].isna()]
    assert len(whole) and whole["note"].str.contains("explain the response whole").all()
