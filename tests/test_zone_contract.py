"""The contract of the methods that take grids of the response and of what it is summed by: the same as of every method."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.attribution.registry import methods
from carbondrivers.attribution.result import GRAMMAR, Result
from carbondrivers.errors import CarbonDriversError
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.study.state import Kept, State

from .zone_cases import CALLS, a_stack, annual_cover, codes

each = pytest.mark.parametrize("name", CALLS)
FEW: dict[str, dict[str, Any]] = {name: {} if name == "group_series" else {"replicates": 100} for name in CALLS}


def call(name: str, stack: xr.DataArray | None = None) -> Result:
    return CALLS[name](stack, **FEW[name])


def assert_same(one: Result, two: Result, rtol: float = 1e-9) -> None:
    assert one.tables.keys() == two.tables.keys()
    for table in one.tables:
        pd.testing.assert_frame_equal(one.tables[table], two.tables[table], rtol=rtol, atol=1e-12)


def test_every_method_on_grids_is_held_to_the_contract() -> None:
    assert {m.name for m in methods().values() if m.takes == "grids"} == set(CALLS)


@each
def test_same_call_same_answer_and_it_pickles(name: str) -> None:
    state = str(np.random.get_state())  # noqa: NPY002
    one, two = call(name), call(name)
    assert_same(one, two, rtol=0)
    assert_same(one, pickle.loads(pickle.dumps(one)), rtol=0)
    assert one.method == name and one.provenance.startswith("carbondrivers ") and one.n > 0
    assert str(np.random.get_state()) == state  # noqa: NPY002


@each
def test_columns_are_in_the_grammar_and_no_p_stands_alone(name: str) -> None:
    for title, table in call(name).tables.items():
        assert set(table.columns) <= GRAMMAR, f"{title}: {set(table.columns) - GRAMMAR}"
        if "p" in table:
            assert table["p"].dropna().between(0, 1).all()
            assert table["p"][~np.isfinite(table["statistic"])].isna().all()
        if {"ci_low", "ci_high"} <= set(table.columns):
            known = table.dropna(subset=["ci_low"])
            assert (known["ci_low"] <= known["ci_high"]).all()
        if "share" in table:
            assert table["share"].dropna().between(0, 1 + 1e-12).all() and (table["share_of"] != "").all()


@each
def test_result_is_kept_and_read_back_whole(name: str, tmp_path: Path) -> None:
    result = call(name)
    state = State(tmp_path / ".state")
    state.store(Kept("step", "abc", result, ("a warning",)))
    kept = state.load("step", "abc")
    assert kept is not None
    assert_same(result, kept.result, rtol=0)
    assert (kept.result.notes, dict(kept.result.parameters), kept.result.n) == (
        result.notes, dict(result.parameters), result.n,
    )  # fmt: skip


@each
def test_report_has_words_tables_and_figures_for_it(name: str) -> None:
    result = call(name)
    assert [t.name for t in tables(result)]
    assert all(text.methods.endswith(".") and text.findings for text in texts(result)) and texts(result)
    names = [p.name for p in pictures(result, journal("jal"))]
    assert names and len(set(names)) == len(names)


@each
def test_order_chunks_and_jobs_do_not_matter(name: str) -> None:
    one = call(name)
    order = np.random.default_rng(1).permutation(12)
    assert_same(one, call(name, a_stack().isel(year=order).transpose("x", "year", "y")))
    for workers in (1, 2):
        with dask.config.set(scheduler="threads", num_workers=workers):
            assert_same(one, call(name, a_stack().chunk({"year": 5, "y": 7, "x": 11})))


@each
def test_stack_is_not_changed_and_may_be_read_only(name: str) -> None:
    stack = a_stack()
    stack.to_numpy().flags.writeable = False
    before = stack.copy(deep=True)
    call(name, stack)
    xr.testing.assert_identical(stack, before)


@each
@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.where(s.year != 2003, np.inf),
        lambda s: s * np.nan,
        lambda s: s.isel(year=[]),
        lambda s: s.astype(str),
        lambda s: s.rename(x="lon"),
        lambda s: s.isel(y=slice(5)),
    ],
    ids=["infinite", "all NaN", "no year", "text", "other name", "other grid"],
)
def test_hostile_stacks_get_a_clear_error(name: str, change: Any) -> None:
    hostile = change(a_stack()).assign_attrs(a_stack().attrs).rename("nep")
    if name == "transitions" and hostile.dtype.kind != "U" and np.isinf(hostile.astype(float)).any():
        # Only the years at either end are read.
        hostile = a_stack().where(a_stack().year != 2001, np.inf).assign_attrs(a_stack().attrs)
    with pytest.raises(CarbonDriversError) as caught:
        call(name, hostile)
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) > 30


def test_order_of_the_classes_does_not_matter() -> None:
    from carbondrivers.attribution.transitions import transitions

    cover = codes(annual_cover())
    names = {1: "forest", 2: "grassland", 3: "cropland", 4: "water"}
    turned = cover.transpose("x", "y", "year").isel(year=slice(None, None, -1))
    one, two = (
        transitions(c, n, response=a_stack(), replicates=100)
        for c, n in ((cover, names), (turned, dict(reversed(names.items()))))
    )
    assert_same(one, two)
    assert_same(one, transitions(cover.chunk({"y": 8}), names, response=a_stack(), replicates=100))
