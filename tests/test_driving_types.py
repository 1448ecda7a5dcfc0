"""Driving types: the convention by its published table, rules of a study, hostile rules, the step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from carbondrivers.attribution.driving_types import UNCLASSED, DrivingRule, driving_types
from carbondrivers.attribution.time_correlation import TimeCorrelationResult, time_correlation
from carbondrivers.errors import DataError, OptionError, StudyError
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.reports.figures import driving_types as figure
from carbondrivers.reports.style import smallest_difference
from carbondrivers.study.check import load_study
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import steps
from carbondrivers.study.run import run_steps


def _stack(values: np.ndarray, name: str) -> xr.DataArray:
    coords = {
        "year": np.arange(2001, 2001 + len(values)), "y": np.arange(values.shape[1], 0, -1) * 1e3,
        "x": np.arange(values.shape[2]) * 1e3,
    }  # fmt: skip
    return xr.DataArray(values, coords, ("year", "y", "x"), name=name, attrs={"crs": "EPSG:32650"})


@pytest.fixture
def correlations() -> TimeCorrelationResult:
    """Rain alone, warmth alone, both and neither, ten cells a column; a last column without values."""
    rng = np.random.default_rng(1)
    rain, warm = rng.normal(size=(2, 21, 10, 5))
    weight = np.array([[3, 0], [0, 3], [3, 3], [0, 0], [0, 0]], dtype=float)
    nep = weight[:, 0] * rain + weight[:, 1] * warm + rng.normal(size=(21, 10, 5))
    nep[:, :, 4] = np.nan
    return time_correlation(_stack(nep, "nep"), {"precipitation": _stack(rain, "p"), "temperature": _stack(warm, "t")})


def _named(result, layer: str = "driving_type") -> np.ndarray:
    levels = np.array([*result.grid[layer].attrs["classes"], ""])
    return levels[np.nan_to_num(result.grid[layer].to_numpy(), nan=len(levels) - 1).astype(int)]


def test_convention_is_the_published_table(correlations: TimeCorrelationResult) -> None:
    result = driving_types(correlations, significance="naive")
    p, f = correlations.grid["partial_p"].to_numpy(), correlations.grid["multiple_p"].to_numpy()
    rain, warm, together = p[0] < 0.01, p[1] < 0.01, f < 0.05
    known = np.isfinite(f)
    expected = np.select(
        [~known, ~together, rain & warm, rain, warm],
        ["", "Not driven by climate", "Strongly driven by both", "Mainly precipitation", "Mainly temperature"],
        "Weakly driven",
    )
    np.testing.assert_array_equal(_named(result), expected)
    assert (_named(result)[:, 0] == "Mainly precipitation").sum() >= 9 and (
        _named(result)[:, 3] == "Not driven by climate"
    ).sum() >= 7
    assert (_named(result)[:, 2] == "Strongly driven by both").all() and (_named(result)[:, 4] == "").all()
    assert result.n == 40 and any("from memory (unverified)" in note for note in result.notes)


def test_shares_add_to_one_for_every_p(correlations: TimeCorrelationResult) -> None:
    result = driving_types(correlations)
    assert result.grid["driving_type"].attrs["p"] == "p_eff" and result.grid["published_type"].attrs["p"] == "p"
    assert result.classes.groupby("method")["share"].sum().to_numpy() == pytest.approx(1.0, abs=1e-12)
    assert set(result.classes["method"]) == {
        "naive P", "naive P, adjusted (BH)", "corrected P", "corrected P, adjusted (BH)",
    }  # fmt: skip
    assert (result.classes["share_of"] == "area of the cells with a multiple correlation").all()


def test_a_cell_with_too_few_effective_years_follows_nothing_by_the_corrected_p() -> None:
    years = np.arange(12.0)
    rng = np.random.default_rng(0)
    slow = np.sin(years / 3)[:, None, None] + 0.01 * rng.normal(size=(12, 1, 2))
    nep = slow + 0.01 * rng.normal(size=(12, 1, 2))
    found = time_correlation(_stack(nep, "nep"), {"precipitation": _stack(slow, "p")})
    result = driving_types(found)
    assert np.isnan(found.grid["multiple_p_eff"]).all() or (found.grid["multiple_p_eff"] > found.grid["multiple_p"]).all()
    assert (_named(result, "published_type") == "Mainly precipitation").all()
    assert (_named(result) != "").all()


def test_rules_of_a_study_are_taken_in_order(correlations: TimeCorrelationResult) -> None:
    rules = [
        DrivingRule(name="Wetter, more", significant=("precipitation",), positive=("precipitation",)),
        DrivingRule(name="Warmth without rain", significant=("temperature",), not_significant=("precipitation",)),
        DrivingRule(name="Warmer, less", significant=("temperature",), negative=("temperature",)),
    ]
    names = _named(driving_types(correlations, rules=rules, significance="naive"))
    p, r = correlations.grid["partial_p"].to_numpy(), correlations.grid["partial_r"].to_numpy()
    known = np.isfinite(correlations.grid["multiple_p"].to_numpy())
    wetter = (p[0] < 0.01) & (r[0] > 0)
    warmth = (p[1] < 0.01) & ~(p[0] < 0.01)
    expected = np.select([~known, wetter, warmth], ["", "Wetter, more", "Warmth without rain"], UNCLASSED)
    np.testing.assert_array_equal(names, expected)
    assert (names == "Wetter, more").sum() > 15 and (names == UNCLASSED).sum() > 5
    turned = _named(driving_types(correlations, rules=rules[::-1], significance="naive"))
    assert (turned == "Warmth without rain").sum() == (names == "Warmth without rain").sum()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "rules must hold at least one rule"),
        ([DrivingRule(name="all")], "rule 'all' has no condition: every cell would fit"),
        ([DrivingRule(name="a", significant=("rain",))], "rule 'a': there is no driver 'rain'"),
        ([DrivingRule(name="a", multiple=True)] * 2, "every rule needs a name of its own"),
        ([DrivingRule(name=UNCLASSED, multiple=True)], "every rule needs a name of its own"),
        ([DrivingRule(name="a", at_least=3)], r"at_least must be from 0 to the number of drivers \(2\), got 3"),
        (
            [DrivingRule(name="a", significant=("temperature",), not_significant=("temperature",))],
            "rule 'a' wants two opposites of 'temperature': no cell would fit",
        ),
        ([DrivingRule(name="a", positive=("temperature",), negative=("temperature",))], "two opposites of 'temperature'"),
    ],
)
def test_hostile_rules(correlations: TimeCorrelationResult, rules: list[DrivingRule], message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        driving_types(correlations, rules=rules)
    assert len(str(caught.value).splitlines()) == 1


def test_options(correlations: TimeCorrelationResult) -> None:
    with pytest.raises(OptionError, match="significance must be one of"):
        driving_types(correlations, significance="bh")
    with pytest.raises(OptionError, match="alpha_f must be between 0 and 1, got 5"):
        driving_types(correlations, alpha_f=5)
    rain = _stack(np.random.default_rng(0).normal(size=(21, 1, 2)), "p")
    with pytest.raises(DataError, match="driving types need partial coefficients"):
        driving_types(time_correlation(rain.rename("nep"), {"p": rain + 1.0}, kind=["pearson"]))
    with pytest.raises(DataError, match="no cell has a multiple correlation"):
        driving_types(time_correlation(rain.rename("nep"), {"p": rain + 1.0}))


def test_colours_are_told_apart_by_every_reader() -> None:
    own = [figure.SEVERAL, figure.WEAK, figure.NONE, figure.OTHER, figure.UNFIT, *figure.OF_DRIVER.values(), *figure.SPARE]
    assert smallest_difference(own) > 10


def test_a_long_table_of_rules_is_drawn(correlations: TimeCorrelationResult) -> None:
    rules = [DrivingRule(name=f"rule {i}", at_least=i % 3, multiple=i % 2 == 0) for i in range(14)]
    assert len(pictures(driving_types(correlations, rules=rules), journal("jal"))) == 1


def test_report_of_a_result(correlations: TimeCorrelationResult) -> None:
    result = driving_types(correlations)
    assert [p.name for p in pictures(result, journal("jal"))] == ["driving_types_map"]
    classes, rules = tables(result)
    assert classes.name == "driving_types_classes" and len(rules.frame) == 5
    found = texts(result)[0].findings
    assert len(found) == 2 and "mainly precipitation" in found[0] and "(naive P)" in found[1]


STUDY = """
schema = 1
[study]
title = "Driving types"
region = "demo"
years = [2001, 2012]
[response]
name = "nep"
[analyses.time_correlation]
drivers = ["temperature", "precipitation"]
[analyses.driving_types]
"""


def test_step_takes_the_rules_of_the_study_file(tmp_path: Path) -> None:
    text = STUDY + '[[analyses.driving_types.rules]]\nname = "Rain"\nsignificant = ["precipitation"]\n'
    (tmp_path / "study.toml").write_text(text)
    done = run_steps(load_study(tmp_path / "study.toml"), tmp_path / "out")
    result = done.kept["driving_types"].result
    assert result.grid["driving_type"].attrs["classes"] == ["Rain", UNCLASSED]
    assert list(result.rules["note"]) == ["Precipitation significant (t, P < 0.01)"]


def test_order_of_rules_belongs_to_the_content_of_a_step(tmp_path: Path) -> None:
    rules = [
        '[[analyses.driving_types.rules]]\nname = "A"\nmultiple = true\n',
        '[[analyses.driving_types.rules]]\nname = "B"\nat_least = 1\n',
    ]
    keys = []
    for order in (rules, rules[::-1]):
        (tmp_path / "study.toml").write_text(STUDY + "".join(order))
        keys.append(run_steps(load_study(tmp_path / "study.toml"), tmp_path / "out").kept["driving_types"].key)
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('nam = "A"', "nam: unknown key; expected one of name, significant"),
        ('name = "A"\nsignificant = "rain"', r"must be a list in \[ \], got 'rain'"),
        ('name = "A"\nmultiple = "yes"', "multiple"),
    ],
)
def test_wrong_rules_are_named_with_their_line(tmp_path: Path, rule: str, message: str) -> None:
    (tmp_path / "study.toml").write_text(f"{STUDY}[[analyses.driving_types.rules]]\n{rule}\n")
    with pytest.raises(StudyError, match=message) as caught:
        load_study(tmp_path / "study.toml")
    assert "study.toml:1" in str(caught.value)


def test_step_says_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        STUDY.replace('[analyses.time_correlation]\ndrivers = ["temperature", "precipitation"]\n', "")
    )
    with pytest.raises(
        StudyError, match=r"driving_types takes the result of time_correlation: add \[analyses.time_correlation\]"
    ):
        load_study(tmp_path / "study.toml")
    assert steps()["driving_types"].after == ("time_correlation",)


def test_unknown_driver_of_a_rule_is_named(tmp_path: Path) -> None:
    text = STUDY + '[[analyses.driving_types.rules]]\nname = "Rain"\nsignificant = ["rainfall"]\n'
    (tmp_path / "study.toml").write_text(text)
    inputs = Inputs(load_study(tmp_path / "study.toml"), 20260118)
    known = steps()["time_correlation"].run(inputs, inputs.spec.analyses["time_correlation"], {})
    with pytest.raises(OptionError, match="rule 'Rain': there is no driver 'rainfall'"):
        steps()["driving_types"].run(inputs, inputs.spec.analyses["driving_types"], {"time_correlation": known})
