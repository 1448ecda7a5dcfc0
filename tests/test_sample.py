"""The data door: what it refuses, in which words, and what it makes of a good table."""

from __future__ import annotations

import datetime as dt
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
    from carbondrivers.attribution import correlate, describe, detect

    sample = _sample(_frame().assign(area=1.5), weights="area")
    for method in (describe, correlate):
        assert any("does not use them" in note for note in method(sample).notes)
    assert any(note.startswith("Rows are weighted by area") for note in detect(sample).notes)
    assert not any("weights" in note for note in correlate(_sample(_frame())).notes)


def test_class_codes_are_read_as_classes() -> None:
    frame = _frame().assign(soil=[1.0, 2.0, 3.0] * 10)
    sample = _sample(frame, drivers=[Driver("soil", "soil", kind="categorical"), Driver("rain", "climate")])
    assert list(sample.frame["soil"].cat.categories) == ["1", "2", "3"]


def _cycle(*values: object) -> pd.Series:
    return pd.Series([values[i % len(values)] for i in range(30)], dtype=object)


def _refused(frame: pd.DataFrame, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        _sample(frame, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (("1,234.5", "987,654.0"), "numbers"), (("1 234.5", "12 000"), "numbers"), (("1\u00a0234", "2\u202f345"), "numbers"),
        (("5%", "6.5 %"), "numbers"), (("0x1f", "0x2a"), "numbers"), (("1_001", "1_002"), "numbers"),
        (("２００", "３００"), "numbers"), (("−5.1", "−6.2"), "numbers"), (("12 mm", "13 mm"), "numbers"),
        (("(5.3)", "(6.1)"), "numbers"), (("1,5", "2,5"), "numbers"), (("2001-01-31", "2001-02-28"), "dates"),
        (("31.01.2001", "28.02.2001"), "dates"), (("2001年", "2002年"), "dates"), (("Jan 2001", "Feb 2001"), "dates"),
        (("12:30", "13:00"), "dates"), (("30°15'", "31°20'"), "degrees"), (("30.5N", "31.2N"), "degrees"),
    ],
)  # fmt: skip
def test_numbers_written_as_text_do_not_become_classes(cells: tuple[str, ...], what: str) -> None:
    frame = _frame().assign(rain=_cycle(*cells))
    message = _refused(frame)
    assert f"driver 'rain' holds {what} written as text ({cells[0]!r} in row 1): " in message
    assert message.endswith("; or declare kind = 'categorical'")
    declared = _sample(frame, drivers=[Driver("rain", kind="categorical"), Driver("dem")])
    assert [d.kind for d in declared.drivers] == ["continuous", "categorical"]


@pytest.mark.parametrize(
    "cells",
    [
        ("a", "b"),
        ("10-20", "20-30"),
        ("C1", "C2"),
        ("3.1.1", "3.1.2"),
        ("<5", ">10"),
        ("1 forest", "2 grass"),
        ("None", "fire"),
    ],
)
def test_words_become_classes(cells: tuple[str, ...]) -> None:
    sample = _sample(_frame().assign(rain=_cycle(*cells)))
    assert set(sample.frame["rain"].cat.categories) == set(cells)


def test_written_numbers_among_plain_ones_are_told_with_the_way_of_writing() -> None:
    message = _refused(_frame().assign(rain=_cycle("987", "1,234")))
    assert "'rain' holds numbers written as text ('1,234' in row 2): write them without thousands separators" in message
    assert "categorical" not in _refused(_frame().assign(nep=_cycle("987", "1,234")))


def test_almost_one_class_a_row_must_be_declared() -> None:
    frame = _frame().assign(rain=[f"s{i}" for i in range(30)])
    assert "driver 'rain' is text with 30 classes in 30 rows" in _refused(frame)
    assert _sample(frame, drivers=[Driver("rain", kind="categorical")]).drivers[0].kind == "categorical"


OBJECTS = {
    "dates": (dt.date(2001, 1, 1), dt.date(2001, 2, 1)),
    "durations": (pd.Timedelta(1, "D"), pd.Timedelta(2, "D")),
    "periods": (pd.Period("2001-01"), pd.Period("2001-02")),
    "times of day": (dt.time(1), dt.time(2)),
    "lists": ([1], [2, 3]),
    "records": ({"a": 1}, {"a": 2}),
    "bytes": (b"1", b"2"),
}


@pytest.mark.parametrize("kind", ["continuous", "categorical"])
@pytest.mark.parametrize("what", OBJECTS)
def test_objects_are_no_driver(what: str, kind: str) -> None:
    cells = _cycle(*OBJECTS[what])
    for column in (cells, cells.infer_objects()):
        message = _refused(_frame().assign(rain=column), drivers=[Driver("rain", kind=kind), Driver("dem")])
        assert f"driver 'rain' holds {what} where {'numbers' if kind == 'continuous' else 'classes'} are expected: " in message


def test_lists_are_no_group_and_no_time() -> None:
    frame = _frame().assign(g=_cycle([1], [2]))
    assert "group column 'g' holds lists where groups are expected: give each row one value" in _refused(frame, groups="g")
    assert "time 'g' holds lists where times are expected" in _refused(frame, time="g")


def test_a_mask_with_an_index_is_brought_into_the_order_of_the_table() -> None:
    frame = _frame()
    mask = frame["dem"] < 0
    sample = _sample(frame, groups={"low": mask.sample(frac=1, random_state=2)})
    assert sample.memberships["low"].tolist() == mask.tolist()
    copies = frame.set_index(pd.Index([7] * 30))
    assert _sample(copies, groups={"low": copies["dem"] < 0}).memberships["low"].tolist() == mask.tolist()
    for table in (frame[mask], copies):
        message = _refused(table, groups={"low": mask})
        assert "group 'low' is a Series of 30 rows whose index is not that of the table" in message
        assert "mask.to_numpy()" in message


def test_masks_with_gaps_are_refused() -> None:
    gaps = pd.Series([True, None, False] * 10, dtype="boolean")
    assert "group 'a' is missing in 10 rows: fill them with True or False" in _refused(_frame(), groups={"a": gaps})
    assert "got a ragged list" in _refused(_frame(), groups={"a": [[1], [1, 2]]})


def test_values_of_a_group_column() -> None:
    def sizes(*values: object) -> dict[str, int]:
        sample = _sample(_frame().assign(g=_cycle(*values)), groups="g")
        return {name: part.n for name, part in sample.group_samples() if name != "all"}

    assert sizes(1, "1", 2.0) == {"1": 20, "2": 10}
    assert sizes(True, False, None) == {"False": 10, "True": 10}
    with pytest.raises(DataError, match=r"a group cannot be called 'all' \(a value of group column 'g'\): .* rename it"):
        sizes("all", "b")
    with pytest.raises(DataError, match="group column 'g' has no value at all"):
        sizes(None)
    assert "two groups are called '1'" in _refused(_frame(), groups={1: np.ones(30, bool), "1": np.ones(30, bool)})


def test_a_group_without_a_complete_row_is_named() -> None:
    frame = _frame().assign(region=["north"] * 5 + ["south"] * 25)
    frame.loc[:4, "rain"] = np.nan
    with pytest.warns(DataWarning, match=r"no complete row is left of group 'north' \(5 rows\): fill the gaps"):
        _sample(frame, groups="region")
    alone = _refused(frame, groups={"north": frame["region"] == "north"})
    assert "no complete row is left of group 'north' (5 rows)" in alone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drivers": ["rain", "dem"]}, "drivers must be names with their categories, as drivers={'precipitation': 'climate'}"),
        ({"drivers": "rain"}, "got 'rain' (str): give each driver its category"),
        ({"drivers": None}, "got None: give each driver its category"),
        ({"drivers": {1: "soil"}}, "each driver must be the name of a column as text, got 1 (int)"),
        ({"response": None}, "response must be the name of a column or a Driver, got None: give it as 'nep'"),
        ({"response": 0}, "got 0 (int)"),
        ({"groups": ["a"]}, "groups must be the name of a column, or name to boolean array as {'wet': mask}, got list"),
        ({"coordinates": "xy"}, "coordinates must be the names of two different columns, as ('x', 'y'), got 'xy' (str)"),
        ({"coordinates": ("x",)}, "got ('x',) (tuple): name both"),
        ({"coordinates": ("x", "x")}, "got ('x', 'x') (tuple): name both"),
        ({"time": 5}, "time must be the name of a column as text, got 5 (int)"),
        ({"crs": 4326}, "the CRS must be text such as 'EPSG:4326', got 4326 (int)"),
    ],
)
def test_arguments_of_the_wrong_type(options: dict[str, object], message: str) -> None:
    assert message in _refused(_frame(), **options)


def test_tables_of_the_wrong_type() -> None:
    for table, got in ((None, "None"), (_frame().to_numpy(), "ndarray"), (_frame()["rain"], "Series")):
        message = _refused(table)
        assert f"the table must be a pandas DataFrame, got {got}: make it one" in message
    numbered = _frame().set_axis(range(5), axis=1)
    assert "Column 0 has a name that is not text: rename columns to text" in _refused(numbered)
    assert "name of column '0' is not text (int): rename columns" in _refused(numbered, response="0", drivers={"1": "soil"})
    assert "the columns have 2 levels of names" in _refused(pd.concat({"a": _frame()}, axis=1))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-1.0, "weights 'w' are negative in 30 rows: give weights of zero or more"),
        (0.0, "weights 'w' are all zero: give positive weights"),
        (np.nan, "weights 'w' has no value at all"),
    ],
)
def test_weights_that_weigh_nothing(weights: float, message: str) -> None:
    assert message in _refused(_frame().assign(w=weights), weights="w")


def test_weights_must_be_left_in_the_complete_rows() -> None:
    frame = _frame().assign(w=[1.0] + [0.0] * 29)
    frame.loc[0, "rain"] = np.nan
    assert "weights 'w' are all zero" in _refused(frame, weights="w")
    zones = _frame().assign(rain=_cycle("a", "b"))
    assert "weights 'rain' is a categorical driver too: give a column of numbers" in _refused(zones, weights="rain")


def test_values_beyond_everything_physical() -> None:
    message = _refused(_frame().assign(rain=_frame()["rain"] * 1e300))
    assert "driver 'rain' reaches " in message and "look for a nodata value or a wrong unit" in message
    assert "holds whole numbers of over 300 digits" in _refused(_frame().assign(rain=_cycle(10**400, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _sample(_frame().assign(rain=_frame()["rain"] * 1e149)).describe()
    # Below the lowest float32, but spread: no nodata value.
    assert _sample(_frame().assign(rain=_frame()["rain"] * 1e39)).n == 30


@pytest.mark.parametrize("code", [float(np.finfo("f4").min), float(np.finfo("f8").min), 2147483647.0])
def test_a_nodata_value_is_told_with_every_digit_to_declare(code: float) -> None:
    message = _refused(_frame().assign(rain=_frame()["rain"].where(_frame().index > 2, code)))
    assert f"holds {code!r} in 3 cells" in message and f"declare nodata = {code!r}" in message


@pytest.mark.parametrize("crs", ["EPSG:4978", "EPSG:5773", 'LOCAL_CS["x",UNIT["m",1]]'])
def test_reference_systems_without_a_place_on_a_map(crs: str) -> None:
    message = _refused(_frame(), crs=crs, coordinates=("x", "y"))
    assert f"CRS {crs!r} (" in message and "has no horizontal x and y: give a geographic CRS" in message


def test_coordinates_that_are_no_place() -> None:
    frame = _frame().assign(x=np.linspace(20, 50, 30), y=np.linspace(80, 130, 30))
    degrees = {"coordinates": ("x", "y"), "crs": "EPSG:4326"}
    assert "coordinate 'y' reaches 130, no latitude does in EPSG:4326: are x and y exchanged?" in _refused(frame, **degrees)
    metres = _refused(frame.assign(x=frame["x"] * 1e4, y=frame["y"] * 1e4), **degrees)
    assert "coordinate 'x' reaches 500000, no longitude does" in metres and "exchanged" not in metres
    far = _refused(frame.assign(x=frame["x"] * 1e9), coordinates=("x", "y"), crs="EPSG:32650")
    assert "coordinate 'x' reaches 5e+10, no place on earth does in EPSG:32650: look for a nodata value" in far
    for crs in ("EPSG:4979", "EPSG:4326+5773", "EPSG:4807"):
        assert _sample(frame.assign(y=frame["y"] - 50), coordinates=("x", "y"), crs=crs).crs == crs


def test_all_bad_columns_are_told_at_once_one_line_each() -> None:
    with pytest.raises(DataError) as caught:
        _sample(_frame().assign(nep="a", rain=1.0, dem=np.inf, x="q"), coordinates=("x", "y"))
    lines = str(caught.value).splitlines()
    assert [line.split(" holds ")[0].split(" is ")[0] for line in lines] == [
        "response 'nep'", "driver 'rain'", "driver 'dem'", "coordinate 'x'",
    ]  # fmt: skip
    many = {f"c{i}": 1.0 for i in range(14)}
    with pytest.raises(DataError) as caught:
        _sample(_frame().assign(**many), drivers=dict.fromkeys(many, "soil"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 10 and lines[-1] == "and 5 more columns are wrong"
