"""Zones: every rule by construction, what noise gets, hostile rules and results, the step and its report."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from carbondrivers.attribution.clusters import ClusterResult, clusters
from carbondrivers.attribution.persistence import PersistenceResult, persistence
from carbondrivers.attribution.result import GRAMMAR
from carbondrivers.attribution.stability import StabilityResult, stability
from carbondrivers.attribution.trend import TrendResult, trend
from carbondrivers.attribution.zone_rules import DEFAULT_RULES, INDISTINCT, STATES, UNDETERMINED, ZoneRule
from carbondrivers.attribution.zoning import ZoningResult, zoning
from carbondrivers.errors import DataError, DataWarning, OptionError, StudyError
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.reports.figures.zoning import OF_DEFAULT, QUIET, UNKNOWN, zone_colours
from carbondrivers.reports.lint import lint
from carbondrivers.reports.style import smallest_difference
from carbondrivers.study.check import load_study
from carbondrivers.study.registry import steps
from carbondrivers.study.run import run_steps

Parts = tuple[StabilityResult, TrendResult, PersistenceResult, ClusterResult]


def _stack(values: np.ndarray, **attrs: str) -> xr.DataArray:
    years, rows, columns = values.shape
    coords = {"year": np.arange(2001, 2001 + years), "y": np.arange(rows, 0, -1) * 1e3, "x": np.arange(columns) * 1e3}
    return xr.DataArray(values, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:32650", **attrs})


def _four(stack: xr.DataArray, **options: Any) -> Parts:
    mean = stack.mean("year", keep_attrs=True)
    return stability(stack), trend(stack), persistence(stack, **({"detrend": True} | options)), clusters(mean, permutations=999)


@pytest.fixture(scope="module")
def parts() -> Parts:
    """A high west and a low east, a rising north and a falling south; the last column has no value."""
    rng = np.random.default_rng(5)
    level = np.where(np.arange(12) < 6, 80.0, 20.0)
    slope = np.array([1.5, 1.5, 1.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.5, -1.5, -1.5])[:, None]
    years = np.arange(21.0) - 10.0
    values = level + slope * years[:, None, None] + rng.normal(0, 4, (21, 12, 12))
    values[:, :, 11] = np.nan
    return _four(_stack(values))


@pytest.fixture(scope="module")
def result(parts: Parts) -> ZoningResult:
    return zoning(*parts)


def _named(result: ZoningResult, layer: str = "zone") -> np.ndarray:
    levels = np.array([*result.grid[layer].attrs["classes"], ""])
    return levels[np.nan_to_num(result.grid[layer].to_numpy(), nan=len(levels) - 1).astype(int)]


def test_planted_zones_are_found(result: ZoningResult) -> None:
    zone = _named(result)
    assert (zone[1:3, 1:5] == "Rising core").mean() > 0.85
    assert (zone[4:8, 1:5] == "Core").mean() > 0.9
    assert np.isin(zone[9:, :11], ["Decline", "Lasting decline"]).mean() > 0.95
    assert np.isin(zone[:3, 7:11], ["Rise", "Lasting rise"]).mean() > 0.9
    assert (zone[4:8, 7:10] == "Low core").mean() > 0.9
    assert (zone[:, 11] == "").all() and result.n == 132


def _planted(parts: Parts, **wanted: list[str]) -> Parts:
    """The four results with the states that a test wants in the first cells of the first row."""
    one, two, three, four = (dataclasses.replace(part, grid=part.grid.copy(deep=True)) for part in parts)
    for i, (level, way, memory, cluster) in enumerate(zip(*(wanted[part] for part in STATES), strict=True)):
        one.grid["mean"].values[0, i] = {"high": 1e3, "middle": 0.0, "low": -1e3}[level]
        one.grid["sd"].values[0, i] = 1.0
        sign = {"increase": 1.0, "none": 1.0, "decrease": -1.0}[way]
        two.grid["mk_s"].values[0, i] = 50.0 * sign
        three.grid["hurst"].values[0, i] = 0.9 if memory == "persistent" else 0.1
        three.grid["noise_median"].values[0, i] = 0.64
        high, around = cluster.startswith("high"), cluster.endswith("high")
        four.grid["deviate"].values[0, i], four.grid["lag"].values[0, i] = (1.0 if v else -1.0 for v in (high, around))
        four.grid["neighbours"].values[0, i] = 0.0 if cluster == "island" else 8.0
        for maps, name, found in (
            (two.grid, "mk_p", way != "none"), (three.grid, "p", memory != "random"),
            (four.grid, "p", cluster not in ("none", "island")),
        ):  # fmt: skip
            for suffix in ("", "_adjusted"):
                maps[f"{name}{suffix}"].values[0, i] = 0.01 if found else 0.5
    return one, two, three, four


def test_every_zone_of_the_default_table_by_construction(parts: Parts) -> None:
    cells = [
        ("low", "decrease", "persistent", "none", "Lasting decline"),
        ("high", "decrease", "antipersistent", "high_high", "Decline"),
        ("high", "increase", "persistent", "high_high", "Rising core"),
        ("high", "none", "random", "high_high", "Core"),
        ("middle", "increase", "persistent", "high_high", "Lasting rise"),
        ("low", "increase", "random", "low_low", "Rise"),
        ("low", "none", "random", "low_low", "Low core"),
        ("high", "none", "random", "high_low", "Unlike its neighbours"),
        ("high", "none", "random", "none", INDISTINCT),
        ("middle", "none", "random", "island", INDISTINCT),
        ("middle", "none", "persistent", "none", UNDETERMINED),
    ]
    wanted = {part: [cell[i] for cell in cells] for i, part in enumerate(STATES)}
    found = zoning(*_planted(parts, **wanted), reference=0.0)
    assert _named(found)[0, : len(cells)].tolist() == [cell[-1] for cell in cells]
    for part in STATES:
        assert _named(found, part)[0, : len(cells)].tolist() == wanted[part]


def test_rules_of_a_study_are_taken_in_order(parts: Parts) -> None:
    rules = [
        ZoneRule(name="High", level=("high",)),
        ZoneRule(name="High and rising", level=("high",), trend=("increase",)),
        ZoneRule(name="Moving", trend=("increase", "decrease")),
    ]
    found = zoning(*parts, rules=rules)
    level, way = _named(found, "level"), _named(found, "trend")
    there = level != ""
    names = _named(found)
    np.testing.assert_array_equal(names[there & (level == "high")], "High")
    assert (names[there & (level != "high") & (way != "none")] == "Moving").all()
    assert not (names == "High and rising").any() and np.isin(names[there & (level == "low") & (way == "none")], [
        UNDETERMINED, INDISTINCT,
    ]).all()  # fmt: skip
    assert found.notes[0] == "The rule table was given in the study file."


def test_shares_means_and_denominators(result: ZoningResult) -> None:
    assert result.zones.groupby("method")["share"].sum().to_numpy() == pytest.approx(1.0, abs=1e-12)
    assert result.parts.groupby(["method", "part"])["share"].sum().to_numpy() == pytest.approx(1.0, abs=1e-12)
    assert (result.zones.groupby("method")["n"].sum() == 132).all() and set(result.zones["share_of"]) == set(
        result.parts["share_of"]
    )
    one = result.zones.loc[result.zones["method"] == "P adjusted (BH)"].dropna(subset="estimate")
    total = (one["estimate"] * one["area_km2"]).sum() / one["area_km2"].sum()
    # The reference is the area-weighted mean of the map.
    assert total == pytest.approx(result.parameters["reference"], rel=1e-12)
    assert result.zones.loc[result.zones["n"] == 0, "estimate"].isna().all()


def test_result_is_in_the_grammar_and_pickles(result: ZoningResult) -> None:
    for name, table in result.tables.items():
        assert set(table.columns) <= GRAMMAR, name
    again = pickle.loads(pickle.dumps(result))
    xr.testing.assert_identical(again.grid, result.grid)
    assert result.provenance.startswith("carbondrivers ") and "zoning" in result.provenance


def test_every_map_says_how_it_was_made(parts: Parts, result: ZoningResult) -> None:
    for one in (*parts, result):
        assert one.grid.attrs["method"], type(one).__name__


def test_zones_are_those_of_each_p(parts: Parts, result: ZoningResult) -> None:
    naive = zoning(*parts, significance="naive")
    np.testing.assert_array_equal(naive.grid["zone"], result.grid["naive_zone"])
    np.testing.assert_array_equal(naive.grid["zone"], naive.grid["naive_zone"])
    assert naive.zones.equals(result.zones) and naive.parts.equals(result.parts)


def test_noise_gets_no_zone_by_the_adjusted_p_and_its_rate_by_the_naive_one() -> None:
    found = zoning(*_four(_stack(np.random.default_rng(11).normal(size=(21, 40, 50)))))
    share = found.zones.set_index(["method", "level"])["share"]
    assert share["P adjusted (BH)", INDISTINCT] > 0.995
    # Three independent tests at 5 %: 0.95 ** 3 = 0.857 have none; six Monte-Carlo errors of 2,000 cells.
    assert abs((1.0 - _speaking(found)) - 0.95**3) < 6 * np.sqrt(0.857 * 0.143 / 2000)


def _speaking(found: ZoningResult) -> float:
    """Share of the cells of which one of the three naive tests says something."""
    naive = found.parts.loc[found.parts["method"] == "naive P"].set_index(["part", "level"])["share"]
    quiet = naive["trend", "none"] * naive["persistence", "random"] * naive["cluster", "none"]
    return float(1.0 - quiet)


def test_a_sink_or_a_source(parts: Parts) -> None:
    below = tuple(dataclasses.replace(p, grid=p.grid.copy(deep=True)) for p in parts)
    below[0].grid["mean"].values[:] -= 50.0
    level = _named(zoning(*below, reference=0.0), "level")
    assert (level[4:8, 1:5] == "high").all() and (level[4:8, 7:11] == "low").all()


def test_cells_that_lack_a_part_are_counted(parts: Parts) -> None:
    one, two, three, four = parts
    grid = three.grid.copy(deep=True)
    grid["p"].values[0, :3] = np.nan
    found = zoning(one, two, dataclasses.replace(three, grid=grid), four)
    assert found.n == 129 and any(note.startswith("3 cells with a mean lack") for note in found.notes)
    grid["p"].values[:] = np.nan
    with pytest.raises(DataError, match="no cell has a mean, a trend, a Hurst exponent"):
        zoning(one, two, dataclasses.replace(three, grid=grid), four)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "rules must hold at least one rule"),
        ([ZoneRule(name="all")], "rule 'all' has no condition: every cell would fit"),
        ([ZoneRule(name="all", level=("low", "middle", "high"))], "rule 'all' has no condition"),
        ([ZoneRule(name="a", trend=("up",))], "rule 'a': trend must be one of 'increase', 'none', 'decrease', got 'up'"),
        ([ZoneRule(name="a", trend="increase")], r"rule 'a': trend must be a list such as \['increase'\]"),  # type: ignore[arg-type]
        ([ZoneRule(name="a", level=("high",))] * 2, "every rule needs a name of its own"),
        ([ZoneRule(name=UNDETERMINED, level=("high",))], "every rule needs a name of its own"),
        ([ZoneRule(name=INDISTINCT, level=("high",))], "every rule needs a name of its own"),
    ],
)
def test_hostile_rules(parts: Parts, rules: list[ZoneRule], message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        zoning(*parts, rules=rules)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"significance": "bh"}, "significance must be one of"),
        ({"alpha": 5}, "alpha must be between 0 and 1, got 5"),
        ({"reference": np.inf}, "reference must be 'mean' or a number"),
        ({"reference": "median"}, "reference must be 'mean' or a number in the unit of the response, got 'median'"),
        ({"reference": True}, "reference must be 'mean' or a number"),
    ],
)
def test_options(parts: Parts, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        zoning(*parts, **options)


def test_results_that_do_not_belong_together_are_refused(parts: Parts) -> None:
    one, two, three, four = parts
    other = _stack(np.random.default_rng(0).normal(9.0, 1.0, size=(21, 12, 12)))
    with pytest.raises(DataError, match="the trend is that of 'nep' and the clusters that of 'lai'"):
        zoning(one, two, three, clusters(other.mean("year", keep_attrs=True).rename("lai"), permutations=99))
    with pytest.raises(DataError, match="trend and clusters lie on different grids"):
        zoning(one, two, three, clusters(other.mean("year", keep_attrs=True)[:-1], permutations=99))
    with pytest.raises(DataError, match="trend and stability lie on different grids"):
        zoning(stability(other.isel(x=slice(1, None))), two, three, four)
    with pytest.raises(DataError, match="the trend is of 2001 to 2021 and the stability of 2001 to 2015"):
        zoning(stability(other[:15]), two, three, four)


def test_persistence_that_restates_the_trend_is_warned_of(parts: Parts) -> None:
    stack = _stack(np.random.default_rng(0).normal(9.0, 1.0, size=(21, 12, 12)))
    with pytest.warns(DataWarning, match=r"Set detrend = true for persistence\.$"):
        found = zoning(*_four(stack, detrend=False))
    assert any("largely restate the trend" in note for note in found.notes)


def test_colours_are_told_apart_by_every_reader() -> None:
    assert smallest_difference([*OF_DEFAULT.values(), UNKNOWN, QUIET]) > 10
    own = zone_colours(["First", "Decline", "Second", UNDETERMINED, INDISTINCT])
    assert len(set(own.values())) == 5 and own["Decline"] == OF_DEFAULT["Decline"]


def test_report_of_a_result(parts: Parts, result: ZoningResult) -> None:
    (picture,) = pictures(result, journal("jal"))
    assert picture.name == "zoning_map" and lint(picture.figure) == []
    zones, states, rules = tables(result)
    assert (zones.name, states.name, len(rules.frame)) == ("zoning_zones", "zoning_parts", len(DEFAULT_RULES))
    assert rules.frame["note"][0] == "trend decreasing and persistence persistent"
    words = texts(result)[0]
    assert len(words.findings) == 2 and "rising core" in words.findings[0] and "(naive P)" in words.findings[1]
    assert len(texts(zoning(*parts, significance="naive"))[0].findings) == 1
    long = [ZoneRule(name=f"Zone {i}", level=("high",), trend=("increase",) if i % 2 else ()) for i in range(20)]
    assert len(pictures(zoning(*parts, rules=long), journal("jal"))) == 1


STUDY = """
schema = 1
[study]
title = "Zones"
region = "demo"
[response]
name = "nep"
[analyses.stability]
[analyses.trend]
[analyses.persistence]
detrend = true
[analyses.clusters]
permutations = 199
[analyses.zoning]
"""


def test_step_takes_the_rules_of_the_study_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    stack = _stack(rng.normal(0.0, 40.0, (15, 9, 8)) + 30.0 * np.arange(-4.0, 4.0), units="g C m-2 a-1")
    stack.to_dataset().to_netcdf(tmp_path / "nep.nc")
    rule = 'reference = 0\n[[analyses.zoning.rules]]\nname = "Sink that grows"\nlevel = ["high"]\ntrend = ["increase"]\n'
    text = STUDY.replace('region = "demo"\n', "").replace('name = "nep"\n', 'name = "nep"\nsource = "nep.nc"\n')
    (tmp_path / "study.toml").write_text(text.replace("[response]", 'crs = "EPSG:32650"\n[response]') + rule)
    done = run_steps(load_study(tmp_path / "study.toml"), tmp_path / "out")
    found = done.kept["zoning"].result
    assert found.maps["grid"]["zone"].attrs["classes"] == ["Sink that grows", UNDETERMINED, INDISTINCT]
    assert found.parameters["reference"] == 0.0 and found.parameters["years"][0] < found.parameters["years"][1]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('nam = "A"', "nam: unknown key; expected one of name, level, trend, persistence, cluster"),
        ('name = "A"\nlevel = "high"', r"must be a list in \[ \], got 'high'"),
        ('name = "A"\ntrend = ["up"]', "trend"),
    ],
)
def test_wrong_rules_are_named_with_their_line(tmp_path: Path, rule: str, message: str) -> None:
    (tmp_path / "study.toml").write_text(f"{STUDY}[[analyses.zoning.rules]]\n{rule}\n")
    with pytest.raises(StudyError, match=message) as caught:
        load_study(tmp_path / "study.toml")
    assert "study.toml:1" in str(caught.value)


def test_step_says_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY.replace("[analyses.stability]\n", ""))
    with pytest.raises(StudyError, match="zoning takes the result of stability: add"):
        load_study(tmp_path / "study.toml")
    assert steps()["zoning"].after == ("stability", "trend", "persistence", "clusters")
