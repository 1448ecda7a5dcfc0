"""The contract of every registered method, against hostile data. A new method joins by being registered."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from libpysal.graph import Graph

from carbondrivers.attribution.registry import Method, methods
from carbondrivers.attribution.result import GRAMMAR, Result
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import CarbonDriversError, DataError
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.study.state import Kept, State

SAMPLE_METHODS = [m for m in methods().values() if m.takes == "sample"]
STACK_METHODS = [m for m in methods().values() if m.takes in ("stack", "monthly stack")]
MAP_METHODS = [m for m in methods().values() if m.takes == "map"]
UNIT_METHODS = [m for m in methods().values() if m.takes == "units"]
each_sample_method = pytest.mark.parametrize("method", SAMPLE_METHODS, ids=lambda m: m.name)
each_stack_method = pytest.mark.parametrize("method", STACK_METHODS, ids=lambda m: m.name)
each_map_method = pytest.mark.parametrize("method", MAP_METHODS, ids=lambda m: m.name)
each_grid_method = pytest.mark.parametrize("method", [*STACK_METHODS, *MAP_METHODS], ids=lambda m: m.name)
each_unit_method = pytest.mark.parametrize("method", UNIT_METHODS, ids=lambda m: m.name)
HELD = [*SAMPLE_METHODS, *STACK_METHODS, *MAP_METHODS, *UNIT_METHODS]
each_method = pytest.mark.parametrize("method", HELD, ids=lambda m: m.name)
DRIVERS = (
    Driver("dem", "topography", "m"), Driver("rain", "climate", "mm a-1"), Driver("soil", "soil", kind="categorical"),
)  # fmt: skip
UNITLESS = ["group", "driver", "driver_2", "r", "q", "epsilon2", "p", "p_adjusted", "log10_p", "statistic", "df", "n"]


def _frame(n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(42)
    frame = pd.DataFrame(
        {
            "x": rng.permutation(n) * 1000.0, "y": rng.permutation(n) * 1000.0, "rain": rng.gamma(3, 90, n),
            "dem": rng.normal(700, 90, n), "soil": rng.integers(1, 4, n),
        }
    )  # fmt: skip
    frame.loc[0, "soil"] = 9
    frame["nep"] = 0.3 * frame["rain"] + 4 * frame["soil"] + rng.normal(0, 15, n)
    return frame


def _sample(frame: pd.DataFrame, drivers: tuple[Driver, ...] = DRIVERS) -> PixelSample:
    return PixelSample.from_frame(
        frame, response="nep", drivers=drivers, coordinates=("x", "y"), crs="EPSG:32650",
        groups={"wet": (frame["rain"] > 250).to_numpy(), "flat": (frame["dem"] < 700).to_numpy()},
    )  # fmt: skip


def _stack(values: np.ndarray | None = None) -> xr.DataArray:
    if values is None:
        rng = np.random.default_rng(43)
        values = rng.normal(50, 20, (14, 4, 5)) + np.arange(14)[:, None, None]
        values[2, 0, 0] = values[:, 3, 4] = np.nan
    coords = {"year": np.arange(2001, 2001 + len(values)), "y": [3e3, 2e3, 1e3, 0.0], "x": np.arange(5) * 1e3}
    attrs = {"crs": "EPSG:32650", "units": "g C m-2 a-1", "long_name": "NEP"}
    return xr.DataArray(values, dims=("year", "y", "x"), coords=coords, name="nep", attrs=attrs)


def _monthly_stack(values: np.ndarray | None = None) -> xr.DataArray:
    if values is None:
        rng = np.random.default_rng(44)
        values = rng.normal(0, 3, (48, 4, 5)) - 20 * np.cos(np.pi / 6 * np.arange(48))[:, None, None]
        values[2, 0, 0] = values[:, 3, 4] = np.nan
    time = np.arange("2001-01", "2005-01", dtype="datetime64[M]").astype("datetime64[ns]")[: len(values)]
    coords = {"time": time, "y": [3e3, 2e3, 1e3, 0.0], "x": np.arange(5) * 1e3}
    attrs = {"crs": "EPSG:32650", "units": "g C m-2 month-1", "long_name": "NEP"}
    return xr.DataArray(values, dims=("time", "y", "x"), coords=coords, name="nep", attrs=attrs)


def _map(values: np.ndarray | None = None) -> xr.DataArray:
    """One grid, with a cell that lacks a value and one without neighbours."""
    if values is None:
        values = np.random.default_rng(44).normal(50, 20, (12, 13)).cumsum(axis=0)
        values[3, 4] = values[9:, 9:] = np.nan
        values[11, 12] = 80.0
    coords = {"y": np.arange(len(values), 0, -1) * 1e3, "x": np.arange(values.shape[1]) * 1e3}
    attrs = {"crs": "EPSG:32650", "units": "g C m-2 a-1", "long_name": "NEP"}
    return xr.DataArray(values, dims=("y", "x"), coords=coords, name="nep", attrs=attrs)


def _units(values: np.ndarray | None = None) -> pd.Series:
    """Forty units on a lattice, with a trend across it."""
    if values is None:
        values = np.random.default_rng(46).normal(50, 9, 40) + 3.0 * (np.arange(40) % 8)
    return pd.Series(values, index=[f"unit {i}" for i in range(len(values))], name="nep")


def _joined(ids: pd.Index) -> Graph:
    """Weights of the lattice in the order of some rows: neighbours to the left and right, above and below; one island."""
    at = {label: divmod(int(str(label).split()[1]), 8) for label in ids}
    pairs = [
        (one, two, 1.0) for one in ids for two in ids
        if abs(at[one][0] - at[two][0]) + abs(at[one][1] - at[two][1]) == 1 and "unit 0" not in (one, two)
    ]  # fmt: skip
    rows = [*pairs, *((label, label, 0.0) for label in ids if label == "unit 0")]
    focal, other, weight = (list(column) for column in zip(*rows, strict=True))
    place = {label: i for i, label in enumerate(ids)}
    order = sorted(range(len(rows)), key=lambda i: (place[focal[i]], place[other[i]]))
    return Graph.from_arrays([focal[i] for i in order], [other[i] for i in order], [weight[i] for i in order])


INPUTS: dict[str, Callable[..., object]] = {
    "sample": lambda: _sample(_frame()), "stack": _stack, "monthly stack": _monthly_stack,
    "map": _map, "units": _units,
}  # fmt: skip


def _drivers() -> dict[str, xr.DataArray]:
    """Stacks on the grid and in the years of the response."""
    rng = np.random.default_rng(45)
    return {name: _stack(rng.normal(size=(14, 4, 5))).rename(name) for name in ("rain", "warm")}


# What some methods take beside their first input.
MORE: dict[str, Callable[[], dict[str, object]]] = {
    "validation": lambda: {"trees": 10, "n": 4, "replicates": 100},
    "carbon_forest": lambda: {"trees": 10, "n": 4},
    "boosted_trees": lambda: {
        "n_trees": 20, "tree_complexity": [2], "learning_rate": [0.2], "n_folds": 3, "shadow_sets": 2, "seeds": 1, "bands": 5,
        "repeats": 1,
    },
    "time_correlation": lambda: {"drivers": _drivers()}, "weighted_clusters": lambda: {"weights": _joined(_units().index)},
    "yearly_q": lambda: {"drivers": _drivers()},
}  # fmt: skip


def _run(method: Method, given: object) -> Result:
    return method.door(given, **MORE.get(method.name, dict)())


def _call(method: Method) -> Result:
    return _run(method, INPUTS[method.takes]())


def _assert_same(one: Result, two: Result, columns: list[str] | None = None, rtol: float = 1e-9) -> None:
    assert one.tables.keys() == two.tables.keys()
    for name, table in one.tables.items():
        other = two.tables[name]
        kept = [c for c in table.columns if columns is None or c in columns]
        pd.testing.assert_frame_equal(table[kept], other[kept], rtol=rtol, atol=1e-12)
    for name, grid in one.maps.items():
        xr.testing.assert_allclose(grid, two.maps[name], rtol=rtol)


def test_every_method_is_held_to_a_contract() -> None:
    """Methods on grids have theirs in test_zone_contract, for they take more than one grid."""
    assert {m.takes for m in methods().values()} <= {*INPUTS, "grids"}


@each_method
def test_same_call_same_answer_and_it_pickles(method: Method) -> None:
    one, two = _call(method), _call(method)
    _assert_same(one, two, rtol=0)
    _assert_same(one, pickle.loads(pickle.dumps(one)), rtol=0)
    assert one.method == method.name
    assert one.provenance.startswith("carbondrivers ") and one.n > 0


@each_method
def test_columns_are_in_the_grammar_and_no_p_stands_alone(method: Method) -> None:
    for name, table in _call(method).tables.items():
        assert set(table.columns) <= GRAMMAR, f"{name}: {set(table.columns) - GRAMMAR}"
        if {"p", "statistic"} <= set(table.columns):
            assert table["p"][~np.isfinite(table["statistic"].astype(float))].isna().all()
        if "p" in table:
            assert table["p"].dropna().between(0, 1).all()


@each_method
def test_result_is_kept_and_read_back_whole(method: Method, tmp_path: Path) -> None:
    result = _call(method)
    state = State(tmp_path / ".state")
    state.store(Kept("step", "abc", result, ("a warning",)))
    kept = state.load("step", "abc")
    assert kept is not None and kept.warnings == ("a warning",)
    _assert_same(result, kept.result, rtol=0)
    assert (kept.result.notes, dict(kept.result.parameters), kept.result.n) == (
        result.notes, dict(result.parameters), result.n,
    )  # fmt: skip
    assert state.load("step", "other") is None


@each_method
def test_report_has_words_tables_and_figures_for_it(method: Method) -> None:
    result = _call(method)
    assert [t.name for t in tables(result)]
    assert all(text.methods.endswith(".") for text in texts(result)) and texts(result)
    names = [p.name for p in pictures(result, journal("jal"))]
    assert names and len(set(names)) == len(names)


@each_sample_method
def test_order_of_rows_columns_and_index_does_not_matter(method: Method) -> None:
    frame = _frame()
    one = _run(method, _sample(frame))
    columns = frame[["nep", "soil", "dem", "y", "rain", "x"]].assign(unused="text")
    columns.index = pd.Index([7, 7, *range(100, 188)])
    _assert_same(one, _run(method, _sample(columns, DRIVERS[::-1])))
    shuffled = frame.sample(frac=1, random_state=3)
    summary = [c for c in GRAMMAR if c not in ("x", "y", "estimate")]
    two = _run(method, _sample(shuffled))
    for name in (n for n in one.tables if n != "points"):
        kept = [c for c in one.tables[name].columns if c in summary]
        pd.testing.assert_frame_equal(one.tables[name][kept], two.tables[name][kept], rtol=1e-9, atol=1e-12)


@each_sample_method
@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e3, 1e8])
def test_units_of_the_drivers_do_not_matter(method: Method, scale: float) -> None:
    frame = _frame()
    scaled = frame.assign(rain=frame["rain"] * scale, dem=frame["dem"] * scale)
    one, two = _run(method, _sample(frame)), None
    two = _run(
        method,
        PixelSample.from_frame(
            scaled, response="nep", drivers=DRIVERS, coordinates=("x", "y"), crs="EPSG:32650",
            groups={"wet": (frame["rain"] > 250).to_numpy(), "flat": (frame["dem"] < 700).to_numpy()},
        )
    )  # fmt: skip
    _assert_same(one, two, [c for c in UNITLESS if method.name != "describe" or c in ("group", "driver", "n")])


@each_sample_method
def test_input_is_not_changed_and_may_be_read_only(method: Method) -> None:
    frame = _frame()
    frame.loc[5, "rain"] = np.nan
    before = frame.copy(deep=True)
    sample = _sample(frame)
    inside = sample.frame.copy(deep=True)
    for column in sample.frame.columns:
        values = sample.frame[column].to_numpy()
        values.flags.writeable = False
    _run(method, sample)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(sample.frame, inside)
    assert sample.n == len(frame) - 1
    assert sample.dropped["n"].max() == 1


@each_sample_method
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(rain=5.0), "'rain' is constant"),
        (lambda f: f.assign(rain=np.nan), "'rain' has no value at all"),
        (lambda f: f.assign(rain=f["rain"].where(f.index != 3, np.inf)), "infinite values, first in row 4"),
        (lambda f: f.assign(rain=f["rain"].astype(object).where(f.index != 3, "n/a")), "holds text where numbers"),
        (lambda f: f.assign(rain=f["rain"].where(f.index != 3, -9999.0)), "nodata value was left in"),
        (lambda f: f.head(0), "has no value at all"),
        (lambda f: f.head(1), "constant"),
        (lambda f: f.iloc[:2].assign(soil=[1, 2]), "only 2 complete rows for 3 drivers, at least 6"),
        (lambda f: pd.concat([f, f["rain"]], axis=1), "column 'rain' occurs 2 times"),
        (lambda f: f.rename(columns={"rain": "rainfall"}), "Did you mean 'rainfall'"),
    ],
)
def test_hostile_tables_never_reach_a_method(method: Method, change: Callable, message: str) -> None:
    frame = change(_frame())
    with pytest.raises(DataError, match=message):
        _run(method, PixelSample.from_frame(frame, response="nep", drivers=DRIVERS))


@each_stack_method
def test_order_of_years_does_not_matter(method: Method) -> None:
    given = INPUTS[method.takes]()
    assert isinstance(given, xr.DataArray)
    order = np.random.default_rng(1).permutation(len(given))
    _assert_same(_run(method, given), _run(method, given.isel({given.dims[0]: order})))


@each_grid_method
def test_chunks_jobs_and_order_of_axes_do_not_matter(method: Method) -> None:
    given = INPUTS[method.takes]()
    assert isinstance(given, xr.DataArray)
    one = _run(method, given)
    _assert_same(one, _run(method, given.transpose("x", ..., "y")))
    for workers in (1, 2):
        with dask.config.set(scheduler="threads", num_workers=workers):
            _assert_same(one, _run(method, given.chunk({d: {"y": 2, "x": 3}.get(str(d), 4) for d in given.dims})))


@each_grid_method
def test_grids_are_not_changed_and_may_be_read_only(method: Method) -> None:
    make = INPUTS[method.takes]
    values = make().to_numpy().copy()
    values.flags.writeable = False
    given = make(values)
    before = given.copy(deep=True)
    _run(method, given)
    xr.testing.assert_identical(given, before)


@each_grid_method
def test_maps_keep_their_place(method: Method) -> None:
    """Every map has the shape, the coordinates and the reference system of what went in."""
    given = INPUTS[method.takes]()
    assert isinstance(given, xr.DataArray)
    for grid in _run(method, given).maps.values():
        for axis in ("y", "x"):
            np.testing.assert_array_equal(grid[axis], given[axis])
        assert grid.attrs["crs"] == "EPSG:32650"


@each_unit_method
def test_order_of_units_does_not_matter(method: Method) -> None:
    """But for the draws of the permutations, which follow the rows."""
    units = _units()
    turned = units.sample(frac=1, random_state=3)
    one, two = (
        method.door(u, weights=_joined(u.index)).tables["units"].set_index("id").loc[units.index] for u in (units, turned)
    )
    kept = [c for c in one if not c.startswith(("p", "lisa"))]
    pd.testing.assert_frame_equal(one[kept], two[kept], rtol=1e-9, atol=1e-12)
    assert {"local_moran", "gi_star", "gi_class"} <= set(kept)


@each_unit_method
def test_units_are_not_changed_and_may_be_read_only(method: Method) -> None:
    values = _units().to_numpy().copy()
    values.flags.writeable = False
    given, weights = _units(values), _joined(_units().index)
    before, links = given.copy(deep=True), weights.adjacency.copy(deep=True)
    state = str(np.random.get_state())  # noqa: NPY002
    method.door(given, weights=weights)
    pd.testing.assert_series_equal(given, before)
    pd.testing.assert_series_equal(weights.adjacency, links)
    assert str(np.random.get_state()) == state  # noqa: NPY002


@each_unit_method
@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e3, 1e8])
def test_unit_of_the_units_does_not_matter(method: Method, scale: float) -> None:
    one, two = _call(method), _run(method, _units() * scale)
    for name in one.tables:
        drawn = [c for c in one.tables[name].columns if c in ("p", "p_adjusted") and name == "units"]
        kept = [c for c in one.tables[name].columns if c not in ("estimate", *drawn)]
        pd.testing.assert_frame_equal(one.tables[name][kept], two.tables[name][kept], rtol=1e-7, atol=1e-12)
        # A draw of the very neighbours that a unit has ties with what is observed, and the last bits of a sum decide: a few of
        # the 9,999 draws may fall on the other side. The adjusted p follows from p.
        for column in drawn[:1]:
            pd.testing.assert_series_equal(one.tables[name][column], two.tables[name][column], rtol=0, atol=5e-3)


@each_unit_method
@pytest.mark.parametrize(
    "change",
    [
        lambda u: u.where(u.index != "unit 3", np.inf),
        lambda u: u.where(u.index != "unit 3"),
        lambda u: u * np.nan,
        lambda u: u * 0.0 + 5.0,
        lambda u: u.iloc[:0],
        lambda u: u.iloc[:3],
        lambda u: u.iloc[::-1],
        lambda u: u.rename(index={"unit 3": "unit 4"}),
        lambda u: u.astype(str).where(u.index != "unit 3", "n/a"),
    ],
    ids=["infinite", "missing", "all NaN", "constant", "no row", "3 rows", "other order", "a label twice", "text"],
)
def test_hostile_units_get_a_clear_error(method: Method, change: Callable) -> None:
    with pytest.raises(CarbonDriversError) as caught:
        _run(method, change(_units()))
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) > 30


@each_map_method
@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e3, 1e8])
def test_unit_of_the_map_does_not_matter(method: Method, scale: float) -> None:
    _assert_same(_run(method, _map()), _run(method, (_map() * scale).assign_attrs(_map().attrs).rename("nep")), rtol=1e-7)


@each_map_method
@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.where(m.x > 0, np.inf),
        lambda m: m * np.nan,
        lambda m: m * 0.0 + 5.0,
        lambda m: m.isel(y=[], x=[]),
        lambda m: m.isel(y=0, drop=True),
        lambda m: m.isel(y=slice(0, 1), x=slice(0, 3)),
        lambda m: m.expand_dims(year=[2001, 2002]),
        lambda m: m.astype(str),
        lambda m: m.astype(complex),
    ],
    ids=["infinite", "all NaN", "constant", "no cell", "one axis", "3 cells", "years", "text", "complex"],
)
def test_hostile_maps_get_a_clear_error(method: Method, change: Callable) -> None:
    with pytest.raises(CarbonDriversError) as caught:
        _run(method, change(_map()).assign_attrs(_map().attrs).rename("nep"))
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) > 30


@each_stack_method
@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.where(s[s.dims[0]] != s[s.dims[0]][2], np.inf),
        lambda s: s * np.nan,
        lambda s: s.isel({s.dims[0]: []}),
        lambda s: s.isel({s.dims[0]: 0}, drop=True),
        lambda s: s.astype(str),
    ],
    ids=["infinite", "all NaN", "no year", "no time", "text"],
)
def test_hostile_stacks_get_a_clear_error(method: Method, change: Callable) -> None:
    with pytest.raises(CarbonDriversError) as caught:
        stack = INPUTS[method.takes]()
        _run(method, change(stack).assign_attrs(stack.attrs).rename("nep"))
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) > 30
