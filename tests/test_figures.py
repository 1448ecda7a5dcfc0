"""Every figure reads at every size, repeats byte for byte, and leaves matplotlib as it was."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections.abc import Callable
from itertools import combinations
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import BoundaryNorm, to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle, StepPatch

from carbondrivers.attribution.accounts import account
from carbondrivers.attribution.clusters import METHODS, OF_ALL, ClusterResult, clusters
from carbondrivers.attribution.correlation import CorrelationResult, correlate
from carbondrivers.attribution.descriptive import describe
from carbondrivers.attribution.future import FutureResult, future
from carbondrivers.attribution.geodetector import GeodetectorResult, detect
from carbondrivers.attribution.persistence import PersistenceResult, persistence
from carbondrivers.attribution.persistence_estimator import METHODS as HURST_METHODS
from carbondrivers.attribution.recovery import RecoveryResult, recovery
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.stability import stability
from carbondrivers.attribution.trend import TREND_METHODS, TrendMethod, TrendResult, trend
from carbondrivers.catalogue import CATEGORIES
from carbondrivers.datasets.sample import Driver, PixelSample
from carbondrivers.errors import OptionError
from carbondrivers.reports.figures import clusters as cluster_figures
from carbondrivers.reports.figures import map_furniture, panels
from carbondrivers.reports.figures.clusters import clusters as draw_clusters
from carbondrivers.reports.figures.correlation import correlation as draw_correlation
from carbondrivers.reports.figures.geodetector import factors
from carbondrivers.reports.figures.persistence import persistence as draw_persistence
from carbondrivers.reports.figures.trend import trend as draw_trend
from carbondrivers.reports.figures.triangle import interaction
from carbondrivers.reports.lint import lint
from carbondrivers.reports.registry import Picture, pictures
from carbondrivers.reports.save import figure_bytes
from carbondrivers.reports.style import journal
from carbondrivers.reports.words import whole_shares

VERDICTS = ("enhance, nonlinear", "enhance, bivariate", "independent", "not distinguishable")
SUBSETS = [chosen for k in (1, 2, 3) for chosen in combinations(TREND_METHODS, k)]
LONG = "of the long growing season in $year_{x}$ (integrated over the whole depth)"


def make_sample(drivers: int = 8, groups: int = 2, *, long: bool = False, crs: str | None = "EPSG:32650") -> PixelSample:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(240, drivers))
    listed = [
        Driver(f"v{i}", CATEGORIES[i % len(CATEGORIES)], "mm a-1", f"Variable {i} {LONG if long else ''}".strip())
        for i in range(drivers)
    ]
    frame = pd.DataFrame(values, columns=[d.name for d in listed])
    frame["nep"] = 40 * (values @ np.linspace(1, 0, drivers) + rng.normal(size=240))
    frame["x"], frame["y"] = rng.uniform(4e5, 6e5, 240), rng.uniform(4.6e6, 4.8e6, 240)
    response = Driver("nep", "vegetation", "g C m-2 a-1", f"NEP {LONG}" if long else "NEP")
    masks = {f"class {i} {LONG if long else ''}".strip(): rng.random(240) < 0.5 for i in range(groups - 1)}
    return PixelSample.from_frame(
        frame, response=response, drivers=listed, coordinates=("x", "y"), crs=crs, groups=masks or None
    )


def make_stack(crs: str = "EPSG:32650", rows: int = 20, columns: int = 30, long: bool = False) -> xr.DataArray:
    rng = np.random.default_rng(3)
    geographic = crs == "EPSG:4326"
    x = 100 + 0.5 * np.arange(columns) if geographic else 4e5 + 5e3 * np.arange(columns)
    y = (30 + 0.5 * np.arange(rows) if geographic else 4.6e6 + 5e3 * np.arange(rows))[::-1]
    slope = np.linspace(-4, 4, columns) * np.ones((rows, 1))
    values = 30 + slope * np.arange(12)[:, None, None] + rng.normal(scale=8, size=(12, rows, columns))
    values[:, :3, :5] = np.nan
    attrs = {"crs": crs, "units": "g C m-2 a-1", "long_name": f"NEP {LONG}" if long else "NEP"}
    coords = {"year": np.arange(2001, 2013), "y": y, "x": x}
    return xr.DataArray(values, dims=("year", "y", "x"), coords=coords, name="nep", attrs=attrs)


def make_map(islands: bool = False, **options: Any) -> xr.DataArray:
    one = make_stack(**options).mean("year", keep_attrs=True)
    if islands:
        one[5:8, 5:8] = np.nan
        one[6, 6] = 900.0
    return one


def make_runs() -> xr.DataArray:
    """Return a stack in which some cells begin late and some have a gap."""
    stack = make_stack()
    stack[:2, 5:9, :] = np.nan
    stack[5, 12:, 20:] = np.nan
    return stack


def make_future(**options: Any) -> FutureResult:
    stack = make_stack(**options)
    return future(trend(stack), persistence(stack, detrend=True, significance="naive"))


def make_recovery(drivers: int = 8, *, long: bool = False) -> RecoveryResult:
    sample = make_sample(drivers, 1, long=long)
    names = [d.name for d in sample.drivers]
    total = np.linspace(0.8, -0.4, drivers)
    null = np.arange(drivers) >= drivers - 1
    effects = pd.DataFrame({"driver": names, "direct": total, "indirect": 0.0, "total": np.where(null, 0.0, total)})
    effects = effects.assign(rank=np.arange(1, drivers + 1), null=null)
    return recovery(effects, [(names[0], names[1])], correlate(sample), detect(sample))


INTERVALS = ["ci_low", "ci_high", "ci_eff_low", "ci_eff_high"]


def with_gaps(result: CorrelationResult) -> CorrelationResult:
    table = result.correlations.copy()
    table.loc[0, ["r", "p", "p_eff", *INTERVALS]] = np.nan
    table.loc[1, INTERVALS] = np.nan
    return dataclasses.replace(result, correlations=table)


def with_every_type(result: GeodetectorResult) -> GeodetectorResult:
    pairs = result.interactions.copy()
    pairs["interaction"] = [VERDICTS[i % len(VERDICTS)] for i in range(len(pairs))]
    pairs.loc[0, "q"], pairs.loc[[0, 5], "interaction"] = np.nan, ""
    singles = result.factors.copy()
    singles.loc[0, ["q", "p", "p_eff"]] = np.nan
    singles.loc[1, ["p", "p_eff"]] = np.nan
    return dataclasses.replace(result, interactions=pairs, factors=singles)


def without_p(result: CorrelationResult) -> CorrelationResult:
    """One driver exactly linear in the response, one more without a P."""
    table = result.correlations.copy()
    table.loc[0, ["r", *INTERVALS]] = -1.0
    table.loc[0, "note"] = "exactly linear in the response: perhaps the response itself"
    table.loc[[0, 1], ["p", "p_eff"]] = np.nan
    return dataclasses.replace(result, correlations=table)


def make_towers(crs: str | None = "EPSG:4326") -> PixelSample:
    """World-wide sites with labels of real length, and a few extreme responses."""
    rng = np.random.default_rng(11)
    labels = ("Mean annual precipitation", "Above-ground biomass", "Soil organic carbon stock", "Mean annual temperature")
    frame = pd.DataFrame({f"v{i}": rng.normal(size=300) for i in range(8)})
    frame["nep"] = 60 * frame["v0"] + rng.normal(scale=60, size=300)
    frame.loc[:2, "nep"] = [1900.0, -1400.0, 1800.0]
    frame["x"], frame["y"] = rng.uniform(-170, 170, 300), rng.uniform(-55, 70, 300)
    drivers = [Driver(f"v{i}", CATEGORIES[i % len(CATEGORIES)], "1", labels[i % 4]) for i in range(8)]
    response = Driver("nep", "vegetation", "g C m-2 a-1", "NEP")
    return PixelSample.from_frame(frame, response=response, drivers=drivers, coordinates=("x", "y"), crs=crs)


CASES: dict[str, Callable[[], Result]] = {
    "correlation": lambda: correlate(make_sample(8, 3)),
    "correlation, 2 drivers": lambda: correlate(make_sample(2, 1)),
    "correlation, 25 long names, 6 groups": lambda: correlate(make_sample(25, 6, long=True)),
    "correlation, 8 groups": lambda: correlate(make_sample(5, 8)),
    "correlation, gaps": lambda: with_gaps(correlate(make_sample(6, 2))),
    "correlation, no P": lambda: without_p(correlate(make_sample(6, 2))),
    "correlation, no P, 1 group": lambda: without_p(correlate(make_sample(6, 1))),
    "geodetector": lambda: detect(make_sample(10, 2)),
    "geodetector, real labels": lambda: detect(make_towers()),
    "geodetector, 2 drivers": lambda: detect(make_sample(2, 1)),
    "geodetector, 1 driver": lambda: detect(make_sample(1, 1)),
    "geodetector, 25 long names": lambda: detect(make_sample(25, 1, long=True)),
    "geodetector, every type and gaps": lambda: with_every_type(detect(make_sample(8, 1))),
    "trend": lambda: trend(make_stack()),
    "trend, degrees": lambda: trend(make_stack("EPSG:4326")),
    "trend, tall, long name": lambda: trend(make_stack(rows=40, columns=8, long=True)),
    "trend, test only": lambda: trend(make_stack(), method=["mann_kendall"]),
    "trend, least squares, long name": lambda: trend(make_stack(long=True), method=["ols"]),
    "stability": lambda: stability(make_stack() + 60.0),
    "stability, undefined": lambda: stability(make_stack() - 30.0),
    "stability, degrees, long name": lambda: stability(make_stack("EPSG:4326", long=True), limits=(0.125, 0.25, 0.375)),
    "persistence": lambda: persistence(make_stack()),
    "persistence, runs, corrected": lambda: persistence(make_runs(), detrend=True, correction="anis_lloyd", tau_min=3),
    "persistence, differences, long name": lambda: persistence(make_stack(long=True), series="differences"),
    "persistence, tall": lambda: persistence(make_stack("EPSG:4326", 40, 8), significance="naive", method="k"),
    "future": make_future,
    "future, degrees, long name": lambda: make_future(crs="EPSG:4326", long=True),
    "clusters": lambda: clusters(make_map()),
    "clusters, islands, rook, naive": lambda: clusters(make_map(True), contiguity="rook", significance="naive", style="B"),
    "clusters, degrees, long name": lambda: clusters(make_map(crs="EPSG:4326", long=True), alternative="directed"),
    "account": lambda: account(make_stack()),
    "account, degrees, long name": lambda: account(make_stack("EPSG:4326", long=True)),
    "account, no reference system": lambda: account(make_stack("")),
    "account, all positive": lambda: account(make_stack() + 500.0),
    "recovery": make_recovery,
    "recovery, 25 long names": lambda: make_recovery(25, long=True),
    "sample": lambda: describe(make_sample()),
    "sample, world-wide": lambda: describe(make_towers()),
    "sample, no reference system": lambda: describe(make_sample(crs=None, long=True)),
}


@pytest.mark.parametrize("profile", ["jal", "jgs"])
@pytest.mark.parametrize("case", CASES)
def test_every_figure_reads(case: str, profile: str) -> None:
    found = pictures(CASES[case](), journal(profile))
    assert found
    assert len({p.name for p in found}) == len(found)
    for picture in found:
        assert lint(picture.figure, journal(profile).width(picture.width)) == [], picture.name
        assert picture.figure.get_figheight() * 25.4 < 245
        assert picture.caption.endswith(".")
        assert not picture.numbers.empty or "1 driver" in case


@pytest.mark.parametrize(
    "case", ["correlation", "geodetector", "trend", "persistence", "clusters", "account", "recovery", "sample"]
)
def test_bytes_repeat_and_nothing_global_changes(case: str) -> None:
    result, profile = CASES[case](), journal("jal")
    before = dict(matplotlib.rcParams)
    state = str(np.random.get_state())  # noqa: NPY002
    one, two = (pictures(result, profile) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        for kind in ("png", "pdf", "svg"):
            assert figure_bytes(first.figure, kind, profile) == figure_bytes(second.figure, kind, profile)
    assert dict(matplotlib.rcParams) == before
    assert str(np.random.get_state()) == state  # noqa: NPY002
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def texts(picture: Picture) -> list[str]:
    return [t.get_text() for t in picture.figure.findobj(matplotlib.text.Text) if t.get_visible()]


def named(found: list[Picture], name: str) -> Picture:
    return next(p for p in found if p.name == name)


def test_correlation_prints_what_the_table_holds() -> None:
    result = with_gaps(correlate(make_sample(6, 2)))
    picture = pictures(result, journal("jal"))[0]
    shown = texts(picture)
    assert "n/a" in shown
    for r in result.correlations["r"].dropna():
        assert panels.decimals(r) in shown
    assert panels.CORRECTED_KEY in shown
    pd.testing.assert_frame_equal(picture.numbers, result.correlations)


def test_whiskers_stay_inside_the_axes() -> None:
    result = correlate(make_sample(6, 2))
    for ax, (_, table) in zip(
        pictures(result, journal("jal"))[0].figure.axes, result.correlations.groupby("group"), strict=True
    ):
        low, high = ax.get_xlim()
        assert low <= table["ci_eff_low"].min() <= table["ci_eff_high"].max() <= high


def test_more_than_six_groups_go_on_to_another_figure() -> None:
    found = pictures(CASES["correlation, 8 groups"](), journal("jal"))
    assert [p.name for p in found] == ["correlation", "correlation_2"]


def test_triangle_counts_its_types_and_frames_the_strongest() -> None:
    result = with_every_type(detect(make_sample(8, 1)))
    picture = named(pictures(result, journal("jal")), "interaction_all")
    shown = texts(picture)
    for kind, n in result.interactions["interaction"].value_counts().items():
        words = f"{kind} from additive" if kind == "not distinguishable" else kind
        assert not kind or f"{words} ({n})" in [text.replace("\n", " ") for text in shown]
    assert any("no mark: type undefined (1)" in text.replace("\n", " ") for text in shown)
    assert any("n/a below q: P undefined" in text.replace("\n", " ") for text in shown)
    assert "weaken" not in " ".join(shown)
    assert "n/a" in shown
    # Rows with places: the verdict rests on the P that counts neighbours as alike.
    assert any("has corrected P" in text.replace("\n", " ") for text in shown)


def test_group_names_make_safe_and_different_file_names() -> None:
    sample = make_sample(3, 3)
    result = detect(sample)
    table = {f: t.replace({"class 0": "a/b", "class 1": "a b"}) for f, t in result.tables.items()}
    found = pictures(dataclasses.replace(result, **table), journal("jal"))
    names = [p.name for p in found]
    assert len(set(names)) == len(names)
    assert all("/" not in name for name in names)


def test_printed_shares_add_to_one_hundred() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        shares = rng.dirichlet(np.full(7, 0.4))
        printed = whole_shares(shares)
        assert round(float(printed.sum()), 9) == 100.0
        assert np.abs(printed - 100 * shares).max() < 0.1
    assert whole_shares(np.zeros(3)).tolist() == [0, 0, 0]


def pixels_of(image: AxesImage) -> np.ma.MaskedArray:
    return np.ma.asarray(image.get_array())


def test_class_map_is_coloured_by_its_own_code() -> None:
    result = trend(make_stack())
    assert isinstance(result, TrendResult)
    figure = named(pictures(result, journal("jal")), "trend_map").figure
    image = figure.axes[1].images[0]
    codes = result.grid["trend_class"].to_numpy()
    shown = image.to_rgba(np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]))[0]
    assert len({tuple(c) for c in shown}) == 6
    np.testing.assert_array_equal(np.ma.filled(pixels_of(image), np.nan), codes)


def test_slope_unit_is_per_year_squared() -> None:
    shown = " ".join(texts(named(pictures(trend(make_stack()), journal("jal")), "trend_map")))
    assert r"a$\mathregular{^{-2}}$" in shown


def test_north_is_up_on_the_central_meridian_and_leans_beside_it() -> None:
    crs = map_furniture.known_crs("EPSG:32650")
    assert crs is not None
    assert map_furniture._north(crs, 5e5, 5e6, 1.0, 1.0) == pytest.approx(0.0, abs=1e-9)
    # Convergence of the meridians, (lon - 117) sin(lat), to first order.
    lean = map_furniture._north(crs, 7e5, 5e6, 1.0, 1.0)
    assert lean == pytest.approx(-np.deg2rad(2.54 * np.sin(np.deg2rad(45.1))), rel=0.02)


def test_scale_bar_knows_the_latitude() -> None:
    crs = map_furniture.known_crs("EPSG:4326")
    assert crs is not None
    equator, sixty = (map_furniture._metres_per_unit(crs, 10.0, lat, 0.5) for lat in (0.0, 60.0))
    assert equator == pytest.approx(111_320, rel=1e-3)
    assert sixty / equator == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("crs", ["", None, "nonsense", "EPSG:0"])
def test_an_unknown_system_has_no_furniture(crs: str | None) -> None:
    assert map_furniture.known_crs(crs) is None


def test_a_sample_without_coordinates_has_no_map() -> None:
    frame = pd.DataFrame({"nep": np.arange(20.0), "rain": np.arange(20.0) % 7})
    assert pictures(describe(PixelSample.from_frame(frame, response="nep", drivers={"rain": "climate"})), journal("jal")) == []


def test_a_regular_sample_is_drawn_as_pixels() -> None:
    x, y = (v.ravel() for v in np.meshgrid(np.arange(10.0), np.arange(8.0)))
    frame = pd.DataFrame({"x": x, "y": y, "nep": x - y, "rain": x % 3})
    result = describe(PixelSample.from_frame(frame, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y")))
    ax = pictures(result, journal("jal"))[0].figure.axes[0]
    assert len(ax.images) == 1
    np.testing.assert_array_equal(pixels_of(ax.images[0])[::-1].ravel(), x - y)


@pytest.mark.parametrize("draw", [draw_correlation, factors, interaction])
def test_plain_functions_draw_on_given_axes(draw: Callable[..., object]) -> None:
    sample = make_sample(5, 2)
    result = correlate(sample) if draw is draw_correlation else detect(sample)
    ax = Figure(figsize=(5, 5)).add_axes((0.4, 0.2, 0.5, 0.5))
    assert draw(result, ax, group="class 0") is ax
    assert draw(result) is not ax
    with pytest.raises(OptionError, match=r"group must be one of .*'class 0', got 'clas 0'"):
        draw(result, ax, group="clas 0")


def test_chinese_labels_are_drawn_or_named() -> None:
    result = correlate(make_sample(3, 1))
    variables = result.variables.assign(label=["净生态系统生产力", "年降水量", "气温", "高程"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = pictures(dataclasses.replace(result, variables=variables), journal("zh-geo"))[0]
        assert figure_bytes(picture.figure, "png", journal("zh-geo"))


def test_graticule_across_the_180th_meridian() -> None:
    ax = panels.page(100.0, 60.0).axes(5.0, 5.0, 90.0, 45.0)
    ax.set_xlim(170, 190)
    ax.set_ylim(-6, 6)
    crs = map_furniture.known_crs("EPSG:4326")
    assert crs is not None
    map_furniture.graticule(ax, crs, 7.0)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["175°E", "180°", "175°W"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["5°S", "0°", "5°N"]


def words_of(picture: Picture) -> str:
    return " ".join(" ".join(texts(picture)).split())


@pytest.mark.parametrize("method", SUBSETS, ids=" ".join)
def test_trend_is_drawn_for_every_choice_of_methods(method: tuple[TrendMethod, ...]) -> None:
    result = trend(make_stack(), method=method)
    mapped, series = (named(pictures(result, journal("jal")), name) for name in ("trend_map", "trend_series"))
    row = next((m for m in ("theil_sen", "ols") if m in method), "")
    title = {"theil_sen": "Theil–Sen slope", "ols": "Least-squares slope", "": ""}[row]
    for other in {"Theil–Sen slope", "Least-squares slope"} - {title}:
        assert other not in words_of(mapped) + mapped.caption
    assert title in words_of(mapped)
    assert title in mapped.caption
    assert mapped.width == ("double" if row else "onehalf")
    assert sum(bool(ax.images) for ax in mapped.figure.axes) == (2 if row else 1)
    for ax in (series.figure.axes[0], draw_trend(result)):
        dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
        assert len(dashed) == bool(row)
        if row:
            found = result.regional.set_index("method").loc[row]
            assert np.asarray(dashed[0].get_ydata())[0] == pytest.approx(found["intercept"])
            rise = np.ptp(np.asarray(dashed[0].get_ydata())) / np.ptp(np.asarray(dashed[0].get_xdata()))
            assert rise == pytest.approx(abs(found["estimate"]))
            assert lint(draw_trend(result, journal="jgs").figure, 68.0) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("significance", "said"),
    [
        ("benjamini_hochberg", "naive P (years taken as independent), adjusted over the map (Benjamini–Hochberg)"),
        ("naive", "naive P, neither adjusted for dependent years nor for the number of cells"),
    ],
)
def test_class_map_owns_up_to_its_p(significance: Any, said: str) -> None:
    result = trend(make_stack(), significance=significance)
    assert said in words_of(named(pictures(result, journal("jal")), "trend_map"))


@pytest.mark.parametrize("significance", ["benjamini_hochberg", "naive"])
def test_class_shares_are_those_of_the_map(significance: Any) -> None:
    noisy = make_stack() + np.random.default_rng(1).normal(scale=40, size=(12, 20, 30))
    result = trend(noisy.assign_attrs(make_stack().attrs), significance=significance)
    rows = result.classes.loc[result.classes["method"].str.endswith("adjusted (BH)") == (significance != "naive")]
    naive, adjusted = (part["share"].to_numpy() for _, part in result.classes.groupby("method"))
    assert not np.allclose(naive, adjusted)
    shown = words_of(named(pictures(result, journal("jal")), "trend_map"))
    assert all(f"{share:.1f}%" in shown for share in whole_shares(rows["share"].to_numpy()))


def test_class_maps_print_the_shares_of_their_tables() -> None:
    """Honest and published shares, those of white noise, and one denominator alone."""
    result = persistence(make_stack(), significance="naive")
    assert isinstance(result, PersistenceResult)
    found = pictures(result, journal("jal"))
    for name, by in (("persistence_map", "p"), ("persistence_published", "published")):
        table = result.classes[result.classes["method"] == HURST_METHODS[by]]
        for column in ("share", "share_expected") if by == "published" else ("share",):
            for share in whole_shares(table[column].to_numpy()):
                assert f"{share:.1f}%" in texts(named(found, name))
    assert "P < 0.05 under white noise, not adjusted for the number of cells" in words_of(named(found, "persistence_map"))
    clustered = clusters(make_map(True))
    assert isinstance(clustered, ClusterResult)
    shown = named(pictures(clustered, journal("jal")), "clusters_map")
    rows = clustered.classes[(clustered.classes["method"] == METHODS["p_adjusted"]) & (clustered.classes["share_of"] == OF_ALL)]
    assert all(f"{share:.1f}%" in texts(shown) for share in whole_shares(rows["share"].to_numpy()))
    assert texts(shown).count("No neighbours") == 2 and OF_ALL in words_of(shown)
    assert "No neighbours" not in texts(named(pictures(clusters(make_map()), journal("jal")), "clusters_map"))


def test_every_class_keeps_its_colour_where_a_rare_one_is_left_out() -> None:
    """Islands are the last class but not the last colour of every map: swatch and cell must agree."""
    for case in ("clusters", "clusters, islands, rook, naive", "stability, undefined", "future", "persistence"):
        result = CASES[case]()
        for picture in pictures(result, journal("jal")):
            for ax in (ax for ax in picture.figure.axes if ax.images and isinstance(ax.images[0].norm, BoundaryNorm)):
                image = ax.images[0]
                present = np.unique(pixels_of(image).compressed())
                swatches = {to_hex(p.get_facecolor()) for p in picture.figure.findobj(Rectangle)}
                assert {to_hex(c) for c in image.to_rgba(present)} <= swatches


def test_histogram_of_h_is_that_of_the_table() -> None:
    result = persistence(make_stack())
    assert isinstance(result, PersistenceResult)
    ax = draw_persistence(result)
    heights = [bar.get_height() for bar in ax.containers[0]]
    np.testing.assert_allclose(heights, 100 * result.histogram["share"])
    (step,) = [p for p in ax.patches if isinstance(p, StepPatch)]
    np.testing.assert_allclose(step.get_data().values, 100 * result.histogram["share_expected"])
    own = Figure(figsize=(4, 3)).add_axes((0.2, 0.2, 0.7, 0.6))
    assert draw_persistence(result, own) is own


def test_the_line_of_the_moran_scatter_is_moran_i() -> None:
    result = clusters(make_map())
    assert isinstance(result, ClusterResult)
    ax = draw_clusters(result)
    (line,) = [one for one in ax.lines if one.get_linestyle() == "-" and one.get_linewidth() == 1.0]
    x, y = (np.asarray(v, dtype=float) for v in line.get_data())
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(result.overall["moran_i"][0])
    grid = result.grid
    slope = float((grid["deviate"] * grid["lag"]).sum() / (grid["deviate"] ** 2).sum())
    assert slope == pytest.approx(result.overall["moran_i"][0], rel=1e-12)
    binary = draw_clusters(clusters(make_map(), style="B"))
    assert not [one for one in binary.lines if one.get_linewidth() == 1.0]


def test_a_large_map_is_scattered_by_a_part_of_its_cells_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_figures, "MOST_POINTS", 200)
    picture = named(pictures(clusters(make_map()), journal("jal")), "clusters_scatter")
    drawn = sum(len(line.get_xdata()) for line in picture.figure.axes[0].lines if line.get_marker() == "o")  # type: ignore[arg-type]
    assert drawn == 195 and len(picture.numbers) == 585
    assert "195 of 585 cells with neighbours drawn" in words_of(picture)


def test_no_figure_speaks_of_pixels_where_there_may_be_towers() -> None:
    sample = make_towers()
    for picture in [p for result in (correlate(sample), detect(sample)) for p in pictures(result, journal("jal"))]:
        assert "pixel" not in words_of(picture) + picture.caption
        assert "n = 300" in words_of(picture)
        assert "whole sample" in (words_of(picture) + picture.caption).lower()


def test_an_exactly_linear_driver_has_its_own_mark() -> None:
    for result, keyed in ((without_p(correlate(make_sample(6, 2))), True), (correlate(make_sample(6, 2)), False)):
        picture = pictures(result, journal("jal"))[0]
        assert any(text.startswith("exactly linear") for text in texts(picture)) == keyed
        assert ("P undefined" in texts(picture)) == keyed
        for kind, drawn in (("D", keyed), ("x", keyed)):
            marks = [line for line in picture.figure.axes[0].lines if line.get_marker() == kind]
            assert len(marks) == drawn
            assert all(to_hex(line.get_markerfacecolor()) != "#ffffff" for line in marks)


def test_a_bar_without_p_is_neither_filled_nor_open() -> None:
    result = detect(make_sample(5, 1))
    table = result.factors.copy()
    table.loc[0, ["p", "p_eff"]] = np.nan
    for tried, hatched in ((result, 0), (dataclasses.replace(result, factors=table), 1)):
        picture = named(pictures(tried, journal("jal")), "factors")
        assert sum(bool(bar.get_hatch()) for bar in picture.figure.axes[0].patches) == hatched
        assert ("P undefined" in texts(picture)) == bool(hatched)
        shown = texts(named(pictures(tried, journal("jal")), "interaction_all"))
        assert shown.count("n/a") == hatched


def test_different_scales_are_said() -> None:
    result = correlate(make_sample(6, 2))
    table = result.correlations.copy()
    table.loc[table["group"] == "all", ["r", *INTERVALS]] *= 0.1
    for tried, said in ((result, False), (dataclasses.replace(result, correlations=table), True)):
        picture = pictures(tried, journal("jal"))[0]
        spans = [float(np.ptp(ax.get_xlim())) for ax in picture.figure.axes]
        assert (max(spans) > 1.5 * min(spans)) == said
        assert ("x scales differ between panels" in words_of(picture)) == said


def test_the_interval_of_r_says_whether_it_is_naive() -> None:
    sample = make_sample(6, 2)
    picture = pictures(correlate(sample), journal("jal"))[0]
    assert "whiskers: 95 % interval with the effective n" in words_of(picture)
    assert "corrected for spatial autocorrelation (effective n)" in picture.caption
    placeless = pictures(correlate(dataclasses.replace(sample, coordinates=None)), journal("jal"))[0]
    assert "whiskers: naive 95 % interval, every row independent" in words_of(placeless)
    assert panels.SIGNIFICANCE_KEY in texts(placeless) and "Interval and P are naive" in placeless.caption


@pytest.mark.parametrize("profile", ["jal", "elsevier", "jgs", "zh-geo"])
def test_triangle_labels_wrap_before_they_are_cut(profile: str) -> None:
    shown = texts(named(pictures(detect(make_towers()), journal(profile)), "interaction_all"))
    assert not [text for text in shown if "…" in text]
    for label in ("Mean annual precipitation", "Above-ground biomass", "Soil organic carbon stock"):
        assert [" ".join(text.split()) for text in shown].count(label) == 4


def test_captions_of_means_name_the_years() -> None:
    stack = make_stack()
    assert "mean of 2001–2012" in pictures(account(stack), journal("jal"))[0].caption
    assert "mean of 2001 " not in pictures(account(stack), journal("jal"))[0].caption
    assert panels.years_text([2004.0]) == "2004"
    assert panels.years_text([np.nan]) == panels.years_text([]) == ""


def test_colour_limits_ignore_a_few_extremes() -> None:
    values = np.concatenate([np.linspace(-100, 80, 300), [9000.0, -7000.0, np.nan]])
    _, norm, ends = map_furniture.colours_for(values)
    low, high = np.nanpercentile(values, [2, 98])
    assert (norm.vmin, norm.vmax) == (-max(-low, high), max(-low, high))
    assert ends == "both"
    _, norm, ends = map_furniture.colours_for(np.concatenate([np.linspace(10, 80, 300), [9000.0]]))
    assert norm.vmin is not None and norm.vmax is not None
    assert 10 < norm.vmin < 20 and 70 < norm.vmax < 80
    assert ends == "both"
    _, norm, _ = map_furniture.colours_for(np.linspace(1, 5, 50), about_zero=True)
    assert norm.vmin == -norm.vmax  # type: ignore[operator]
    _, norm, ends = map_furniture.colours_for(np.r_[np.zeros(200), 7.0])
    assert (norm.vmin, norm.vmax, ends) == (0.0, 7.0, "neither")


def test_recovery_is_drawn_with_the_p_of_q() -> None:
    result = make_recovery()
    table = result.recovery.assign(p_q=0.5)
    assert pictures(dataclasses.replace(result, recovery=table), journal("jal"))[0].numbers.equals(table)


@pytest.mark.parametrize("profile", ["jal", "jgs"])
@pytest.mark.parametrize(
    "case", ["geodetector, every type and gaps", "correlation, no P", "trend, degrees", "sample, world-wide"]
)
def test_no_foot_is_cut(case: str, profile: str) -> None:
    for picture in pictures(CASES[case](), journal(profile)):
        assert not [text for text in texts(picture) if "…" in text and ";" in text]
