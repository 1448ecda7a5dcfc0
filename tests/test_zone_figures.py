"""Figures of classes, profiles, transitions and series: they read, repeat, and show what the tables hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.patches import PathPatch

from carbondrivers.attribution.class_summary import class_summary
from carbondrivers.attribution.group_series import GroupSeriesResult, group_series
from carbondrivers.attribution.profile import ProfileResult, profile
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.transitions import TransitionResult, transitions
from carbondrivers.errors import OptionError
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_colours import CLASS_COLOURS, class_colours
from carbondrivers.reports.figures.class_summary import class_summary as draw_summary
from carbondrivers.reports.figures.group_series import group_series as draw_series
from carbondrivers.reports.figures.profile import profile as draw_profile
from carbondrivers.reports.figures.transitions import transitions as draw_flows
from carbondrivers.reports.lint import lint
from carbondrivers.reports.registry import Picture, pictures
from carbondrivers.reports.save import figure_bytes
from carbondrivers.reports.style import journal, smallest_difference

from .zone_cases import CALLS, NAMES, YEARS, a_grid, a_stack, annual_cover, codes, cover_of, regions_of, terrain

LONG = "of the long growing season in $year_{x}$ (integrated over the whole depth)"
MANY = {i: f"Class {i} {'with a rather long name' if i % 3 == 0 else ''}".strip() for i in range(1, 15)}


def many_cover(count: int, years: int = YEARS) -> np.ndarray:
    rng = np.random.default_rng(2)
    cover = rng.integers(1, count + 1, (years, 30, 40)).astype(float)
    cover[1:] = np.where(rng.random((30, 40)) < 0.85, cover[0], cover[1:])
    return cover


def wide_areas(count: int) -> TransitionResult:
    """Areas of a continent: numbers that fit no cell of the matrix."""
    cover = many_cover(count)[[0, -1]]
    grid = codes(cover)
    far = grid.assign_coords({axis: (grid[axis] - grid[axis].mean()) * 300 for axis in ("x", "y")}).assign_attrs(
        crs="EPSG:8857"
    )
    return transitions(far, {i: MANY[i] for i in range(1, count + 1)})


def long_names(result: Any) -> Any:
    """Every class and variable with a name of many words."""
    tables = {}
    for name, table in result.tables.items():
        columns = [c for c in ("level", "level_2") if c in table and name != "profiles"]
        tables[name] = table.assign(**{c: table[c].where(table[c] == "whole area", table[c] + f" {LONG}") for c in columns})
    variables = result.variables.assign(label=result.variables["label"] + f" {LONG}")
    return dataclasses.replace(result, variables=variables, **tables)


CASES: dict[str, Callable[[], Result]] = {
    "class summary": lambda: CALLS["class_summary"](replicates=100),
    "class summary, long names": lambda: long_names(CALLS["class_summary"](replicates=100)),
    "class summary, one class": lambda: class_summary(
        a_stack(), (codes(np.ones((30, 40))), {1: "forest"}), replicates=100
    ),
    "class summary, 14 classes": lambda: class_summary(a_stack(), (codes(many_cover(14)[0]), MANY), replicates=100),
    "class summary, a class of one cell": lambda: class_summary(
        a_stack(), (codes(np.where(np.arange(1200).reshape(30, 40) == 700, 2.0, 1.0)), {1: "forest", 2: "bog"}), replicates=100
    ),
    "class summary, no system, no unit": lambda: class_summary(
        a_stack().assign_attrs(crs="", units=""), (codes(cover_of()), NAMES), replicates=100
    ),
    "profile": lambda: CALLS["profile"](replicates=100),
    "profile, long names": lambda: long_names(CALLS["profile"](replicates=100)),
    "profile, one": lambda: profile(a_stack(), {"elevation": terrain()["elevation"]}, replicates=100),
    "profile, two bands without blocks": lambda: profile(
        a_stack(), {"elevation": terrain()["elevation"]}, limits={"elevation": [0, 900, 3000]}, block_size=4e4, replicates=100
    ),
    "profile, seven": lambda: profile(
        a_stack(), {f"v{i}": terrain()["slope"] * (i + 1) for i in range(7)}, replicates=100
    ),
    "transitions": lambda: CALLS["transitions"](replicates=100),
    "transitions, long names": lambda: long_names(CALLS["transitions"](replicates=100)),
    "transitions, nothing changed": lambda: transitions(codes(np.stack([cover_of()] * 2)), NAMES),
    "transitions, all changed": lambda: transitions(codes(np.stack([cover_of(), cover_of() % 4 + 1])), NAMES),
    "transitions, one class": lambda: transitions(codes(np.ones((2, 30, 40))), {1: "forest"}),
    "transitions, 12 classes": lambda: wide_areas(12),
    "transitions, 14 classes": lambda: transitions(codes(many_cover(14)), MANY, response=a_stack(), replicates=100),
    "transitions, no system": lambda: transitions(codes(annual_cover()).assign_attrs(crs=""), NAMES),
    "series": lambda: CALLS["group_series"](),
    "series, long names": lambda: long_names(CALLS["group_series"]()),
    "series, whole area": lambda: group_series(a_stack()),
    "series, 14 classes": lambda: group_series(a_stack(), (codes(many_cover(14)[0]), MANY)),
    "series, a class without a trend": lambda: group_series(
        a_stack(), (codes(np.where(np.arange(YEARS)[:, None, None] > 7, annual_cover(), 1.0)), NAMES)
    ),
    "series, flat and without unit": lambda: group_series(a_grid(np.zeros((YEARS, 6, 7)), units="")),
}  # fmt: skip


@pytest.mark.parametrize("profile_name", ["jal", "jgs"])
@pytest.mark.parametrize("case", CASES)
def test_every_figure_reads(case: str, profile_name: str) -> None:
    found = pictures(CASES[case](), journal(profile_name))
    assert found and len({p.name for p in found}) == len(found)
    for picture in found:
        assert lint(picture.figure, journal(profile_name).width(picture.width)) == [], picture.name
        assert picture.figure.get_figheight() * 25.4 < 245, picture.name
        assert picture.caption.endswith(".") and not picture.numbers.empty
        assert not [text for text in texts(picture) if "…" in text and ";" in text], "a foot is cut"


@pytest.mark.parametrize("case", ["class summary", "profile", "transitions", "series"])
def test_bytes_repeat_and_nothing_global_changes(case: str) -> None:
    result, form = CASES[case](), journal("jal")
    before, state = dict(matplotlib.rcParams), str(np.random.get_state())  # noqa: NPY002
    one, two = (pictures(result, form) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        for kind in ("png", "pdf", "svg"):
            assert figure_bytes(first.figure, kind, form) == figure_bytes(second.figure, kind, form)  # type: ignore[arg-type]
    assert dict(matplotlib.rcParams) == before and str(np.random.get_state()) == state  # noqa: NPY002


def texts(picture: Picture) -> list[str]:
    return [t.get_text() for t in picture.figure.findobj(matplotlib.text.Text) if t.get_visible()]


def words_of(picture: Picture) -> str:
    return " ".join(" ".join(texts(picture)).split())


def named(found: list[Picture], name: str) -> Picture:
    return next(p for p in found if p.name == name)


def test_colours_can_be_told_apart_and_follow_the_names() -> None:
    assert smallest_difference(list(CLASS_COLOURS.values())) > 25
    found = class_colours(
        ["Water body", "Evergreen forest", "Deciduous forest", "Farmland", "Wetland", "未利用地", "Something"]
    )
    assert found["Water body"] == CLASS_COLOURS["water"] and found["Evergreen forest"] == CLASS_COLOURS["forest"]
    assert found["Farmland"] == CLASS_COLOURS["cropland"] and found["未利用地"] == CLASS_COLOURS["barren"]
    assert len(set(found.values())) == 7
    assert list(class_colours(list(MANY.values()))) == list(MANY.values())


def test_bars_print_what_the_table_holds() -> None:
    result = CASES["class summary"]()
    picture = named(pictures(result, journal("jal")), "class_summary")
    shown = texts(picture)
    zones = result.tables["zones"]
    widths = [bar.get_width() for bar in picture.figure.axes[0].patches]
    np.testing.assert_allclose(widths, zones["estimate"])
    shares = [float(text) for text in shown if text.replace(".", "").isdigit() and "." in text]
    assert any(abs(float(zones["share"].iloc[1]) * 100 - share) < 0.06 for share in shares)
    assert "whiskers: 95 % interval" in words_of(picture) and "4 km" in words_of(picture)


def test_violins_stand_where_the_quartiles_are() -> None:
    result = CASES["class summary"]()
    picture = named(pictures(result, journal("jal")), "class_violins")
    spread = result.tables["spread"]
    lines = [line for line in picture.figure.axes[0].lines if line.get_linewidth() == 5.0]
    for line, row in zip(lines, spread.itertuples(), strict=True):
        assert list(line.get_ydata()) == [row.q25, row.q75]
        assert panels.count(row.n) in texts(picture)


def test_the_matrix_prints_areas_and_shares_and_their_sums() -> None:
    result = CASES["transitions"]()
    assert isinstance(result, TransitionResult)
    picture = named(pictures(result, journal("jal")), "transitions_matrix")
    shown = texts(picture)
    moved = result.matrix.loc[(result.matrix["level"] == "grassland") & (result.matrix["level_2"] == "cropland")].iloc[0]
    assert f"{int(moved['area_km2'])}" in shown and f"{100 * moved['share']:.1f}%" in shown
    for area in result.net["area_last_km2"]:
        assert f"{int(area):,}" in shown
    assert f"−{int(moved['area_km2'])}" in shown and f"+{int(moved['area_km2'])}" in shown


def test_numbers_too_long_for_the_matrix_are_scaled_and_said() -> None:
    shown = words_of(named(pictures(wide_areas(12), journal("jgs")), "transitions_matrix"))
    assert r"10$\mathregular{^6}$ km" in shown
    assert "…" not in "".join(
        t for t in texts(named(pictures(wide_areas(12), journal("jgs")), "transitions_matrix")) if t[:1].isdigit()
    )


def test_flows_are_one_band_a_pair_and_end_where_the_nodes_are() -> None:
    result = CASES["transitions"]()
    picture = named(pictures(result, journal("jal")), "transitions_flows")
    pairs = result.tables["matrix"].loc[lambda t: (t["n"] > 0) & t["share_of"].str.contains("all cells")]
    moved = pairs.loc[pairs["level"] != pairs["level_2"]]
    for ax, rows in zip(picture.figure.axes, (pairs, moved), strict=True):
        assert sum(isinstance(patch, PathPatch) for patch in ax.patches) == len(rows)
    assert f"Changed cells alone ({100 * moved['share'].sum():.1f}%)" in words_of(picture)


def test_more_than_twelve_classes_have_no_matrix() -> None:
    found = pictures(CASES["transitions, 14 classes"](), journal("jal"))
    assert [p.name for p in found] == ["transitions_map", "transitions_response"]
    assert "the 24 largest of" in words_of(found[1]) and "Other conversion" in words_of(found[0])


def test_profiles_draw_intervals_only_where_there_are_some() -> None:
    result = CASES["profile, two bands without blocks"]()
    assert isinstance(result, ProfileResult) and result.profiles["ci_low"].isna().all()
    picture = pictures(result, journal("jal"))[0]
    assert "open points: fewer than 5 blocks" in words_of(picture)
    assert [p.name for p in pictures(CASES["profile, seven"](), journal("jal"))] == ["profile", "profile_2"]


def test_slopes_are_printed_as_the_table_has_them() -> None:
    result = CASES["series"]()
    assert isinstance(result, GroupSeriesResult)
    picture = named(pictures(result, journal("jal")), "group_series_classes")
    row = result.trends.set_index("level").loc["forest"]
    assert f"{row['estimate']:+.3g}".replace("-", "−") in words_of(picture)
    assert "naive P" in words_of(picture) and "cells of a class as they are in each year" in words_of(picture)
    spans = [np.ptp(ax.get_ylim()) for ax in picture.figure.axes]
    assert np.allclose(spans, spans[0])
    dashed = [line for line in picture.figure.axes[1].lines if line.get_linestyle() == "--"]
    assert np.asarray(dashed[0].get_ydata())[0] == pytest.approx(row["intercept"])
    regions = named(pictures(result, journal("jal")), "group_series_regions")
    assert "West" in texts(regions) and "in each year" not in words_of(regions)
    bare = pictures(CASES["series, a class without a trend"](), journal("jal"))[0]
    assert "no trend: too few years" in words_of(bare)


@pytest.mark.parametrize(
    ("draw", "case", "wrong"),
    [
        (draw_summary, "class summary", None), (draw_flows, "transitions", None),
        (draw_profile, "profile", {"driver": "elevaton"}), (draw_series, "series", {"level": "forrest"}),
    ],
)  # fmt: skip
def test_plain_functions_draw_on_given_axes(draw: Callable[..., Any], case: str, wrong: dict[str, str] | None) -> None:
    result = CASES[case]()
    ax = panels.page(120.0, 90.0).axes(30.0, 15.0, 80.0, 60.0)
    assert draw(result, ax) is ax
    alone = draw(result)
    assert alone is not ax and lint(alone.figure, 85.0) == []
    if wrong:
        with pytest.raises(OptionError, match="Did you mean"):
            draw(result, **wrong)
    assert regions_of()[1]
