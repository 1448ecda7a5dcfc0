"""The data door: what it refuses, in which words, and what it makes of a good table."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataError, DataWarning, OptionError


def _frame(n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {"nep": rng.normal(size=n), "rain": rng.normal(size=n), "dem": rng.normal(size=n), "x": np.arange(n) * 1.0,
         "y": np.zeros(n)}
    )  # fmt: skip


def _sample(frame: pd.DataFrame, **options: object) -> PixelSample:
    given = {"response": "nep", "drivers": {"rain": "climate", "dem": "topography"}} | options
    return PixelSample.from_frame(frame, **given)


def test_groups_overlap_and_all_comes_first() -> None:
    frame = _frame()
    sample = _sample(frame, groups={"low": (frame["dem"] < 0).to_numpy(), "any": np.ones(30, dtype=bool)})
    sizes = {name: part.n for name, part in sample.group_samples()}
    assert list(sizes) == ["all", "low", "any"]
    assert sizes["all"] == sizes["any"] == 30 and sizes["low"] == (frame["dem"] < 0).sum()


def test_groups_from_a_column_follow_dropped_rows() -> None:
    frame = _frame().assign(region=["north", "south"] * 15)
    frame.loc[0, "rain"] = np.nan
    sample = _sample(frame, groups="region")
    assert {name: part.n for name, part in sample.group_samples()} == {"all": 29, "north": 14, "south": 15}


def test_describe_is_the_papers_table() -> None:
    sample = _sample(_frame().assign(zone=list("aab") * 10), drivers={"rain": "climate", "zone": "soil"})
    table = sample.describe().set_index("variable")
    assert table.loc["rain", "sd"] == pytest.approx(_frame()["rain"].std())
    assert table.loc["zone", "classes"] == 2 and table.loc["zone", "mode"] == "a"


def test_text_is_categorical_by_itself_and_missing_rows_are_counted() -> None:
    frame = _frame().assign(zone=["a", None, "b"] * 10)
    sample = _sample(frame, drivers={"rain": "climate", "zone": "soil"})
    assert sample.n == 20
    assert [d.kind for d in sample.drivers] == ["continuous", "categorical"]
    assert sample.dropped.set_index("driver").loc["zone", "n"] == 10


def test_nodata_codes_that_are_data_are_left_alone() -> None:
    frame = _frame().assign(dem=np.linspace(-9999, 9999, 30))
    assert _sample(frame).n == 30


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f, {"drivers": {"nep": "climate", "dem": "soil"}}, "'nep' is the response and a driver too"),
        (lambda f: f, {"response": "NEP"}, "there is no column 'NEP'. Did you mean 'nep'"),
        (lambda f: f, {"crs": "EPSG:999999"}, "unknown CRS 'EPSG:999999': give an EPSG code"),
        (lambda f: f, {"drivers": {}}, "no drivers are given"),
        (
            lambda f: f.assign(dem=[str(i) for i in range(29)] + ["-"]),
            {},
            "'dem' holds text where numbers are expected: '-' in row 30",
        ),
        (lambda f: f.assign(dem=pd.Timestamp("2020-01-01")), {}, "holds dates where numbers are expected"),
        (lambda f: f.assign(dem=f["dem"] * 1j), {}, "holds complex numbers"),
        (lambda f: f.assign(nep=3.0), {}, "response 'nep' is constant"),
        (lambda f: f.assign(dem=f["dem"].where(f.index > 4, 1e20)), {}, "holds 1e\\+20 in 5 cells, far from all other"),
        (lambda f: f.assign(dem=f["dem"].where(f.index > 0, -3.4e38)), {}, "holds -3.4e\\+38 in 1 cells"),
        (lambda f: f.head(4), {}, "only 4 complete rows for 2 drivers, at least 5 are needed"),
        (
            lambda f: f.assign(dem=f["dem"].where(f.index > 5), rain=f["rain"].where(f.index < 6)),
            {},
            "only 0 complete rows",
        ),
        (lambda f: f, {"groups": {"all": np.ones(30, dtype=bool)}}, "a group cannot be called 'all'"),
        (lambda f: f, {"groups": {"a": np.ones(29, dtype=bool)}}, "must be a boolean array of length 30"),
    ],
)
def test_refusals(change: Callable, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        _sample(change(_frame()), **options)
    assert "\n" not in str(caught.value)


def test_too_many_classes() -> None:
    frame = pd.DataFrame({"nep": np.arange(300.0), "site": [f"s{i}" for i in range(300)]})
    with pytest.raises(DataError, match="categorical driver 'site' has 300 classes, more than 200: group the classes"):
        PixelSample.from_frame(frame, response="nep", drivers={"site": "other"})


def test_categories_are_a_closed_list() -> None:
    with pytest.raises(OptionError, match=r"category of driver 'rain' must be one of .* got 'weather'"):
        _sample(_frame(), drivers={"rain": "weather"})


def test_duplicate_coordinates_warn() -> None:
    frame = _frame().assign(x=0.0)
    with pytest.warns(DataWarning, match="29 of 30 rows repeat the coordinates"):
        _sample(frame, coordinates=("x", "y"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _sample(frame.assign(t=np.arange(30.0)), coordinates=("x", "y"), time="t")


def test_weights_that_are_not_used_are_said() -> None:
    from carbondrivers.attribution import describe, detect, pearson

    sample = _sample(_frame().assign(area=1.5), weights="area")
    for method in (describe, detect, pearson):
        assert any("does not use them" in note for note in method(sample).notes)
    assert not any("weights" in note for note in pearson(_sample(_frame())).notes)


def test_class_codes_are_read_as_classes() -> None:
    frame = _frame().assign(soil=[1.0, 2.0, 3.0] * 10)
    sample = _sample(frame, drivers=[Driver("soil", "soil", kind="categorical"), Driver("rain", "climate")])
    assert list(sample.frame["soil"].cat.categories) == ["1", "2", "3"]
