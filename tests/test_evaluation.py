"""Evaluation: scores against their definitions, intervals that know of sites, pairs, figures, the study step, messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from carbondrivers.attribution.evaluation import FIRST, SAME, SECOND, EvaluationResult, evaluate
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.reports.figures.evaluation import evaluation
from carbondrivers.reports.lint import lint
from carbondrivers.study.check import load_study
from carbondrivers.study.run import run_steps
from carbondrivers.study.state import Kept, State

UNIT = "g C m-2 a-1"


def make_frame(
    sites: int = 30, months: int = 12, *, within: float = 60.0, between: float = 120.0, products: int = 2, seed: int = 1
) -> pd.DataFrame:
    """Rows of towers: every product has errors of its own, a part of them shared by the months of a site."""
    rng = np.random.default_rng(seed)
    n = sites * months
    site = np.repeat(np.arange(sites), months)
    x, y = rng.uniform(4e5, 6e5, sites), rng.uniform(4.6e6, 4.8e6, sites)
    frame = pd.DataFrame({"site": [f"T{i:03d}" for i in site], "x": x[site], "y": y[site]})
    frame["month"] = np.tile(np.arange(1.0, months + 1), sites)
    frame["cover"] = np.array(["crop", "forest", "grass"])[site % 3]
    frame["flux"] = rng.gamma(4, 200, n)
    for k in range(products):
        frame[f"p{k}"] = frame["flux"] + between * rng.normal(size=sites)[site] + within * rng.normal(size=n)
    return frame


def make_sample(
    frame: pd.DataFrame, *, places: bool = True, unit: str = UNIT, names: dict[str, str] | None = None, **options: Any
):
    products = [c for c in frame if c.startswith("p")]
    drivers = [Driver(c, "vegetation", unit, (names or {}).get(c, f"Product {c[1:]}")) for c in products]
    drivers += [
        Driver(c, "vegetation", kind="categorical") for c in ("cover", "site") if c in frame and frame[c].nunique() <= 200
    ]
    if places:
        options |= {"coordinates": ("x", "y"), "crs": "EPSG:32650", "time": "month"}
    return PixelSample.from_frame(frame, response=Driver("flux", "vegetation", unit, "GPP"), drivers=drivers, **options)


def test_scores_are_those_of_their_definitions() -> None:
    # scikit-learn and scipy, closed forms: 1e-10 relative.
    frame = make_frame()
    result = evaluate(make_sample(frame), by="cover")
    assert len(result.scores) == 2 * 4
    for row in result.scores.to_dict("records"):
        part = frame if row["level"] == "all" else frame.loc[frame["cover"] == row["level"]]
        o, e = part["flux"], part[row["driver"]]
        line = stats.linregress(e, o)
        expected = {
            "r2": r2_score(o, e), "r_squared": stats.pearsonr(o, e)[0] ** 2, "rmse": root_mean_squared_error(o, e),
            "mae": mean_absolute_error(o, e), "bias": (e - o).mean(), "bias_relative": (e - o).mean() / o.mean(),
            "slope": line.slope, "intercept": line.intercept, "n": len(part), "n_units": part["site"].nunique(),
        }  # fmt: skip
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-10, abs=1e-10), (name, row["level"])
        for name in ("r2", "rmse", "bias"):
            assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]


def test_a_bias_lowers_r2_and_not_the_squared_correlation() -> None:
    frame = make_frame(products=1)
    frame["p1"] = frame["flux"] * 0.5 + 10
    row = evaluate(make_sample(frame)).scores.set_index("driver").loc["p1"]
    assert row["r_squared"] == pytest.approx(1.0, abs=1e-12) and row["r2"] < 0.5
    assert row["slope"] == pytest.approx(2.0, rel=1e-12) and row["intercept"] == pytest.approx(-20.0, rel=1e-9)


def test_a_perfect_estimate() -> None:
    frame = make_frame(products=1)
    frame["p1"] = frame["flux"]
    result = evaluate(make_sample(frame))
    row = result.scores.set_index("driver").loc["p1"]
    assert (row["r2"], row["rmse"], row["bias"], row["rmse_low"], row["rmse_high"]) == (1.0, 0.0, 0.0, 0.0, 0.0)
    assert result.pairs["note"].tolist() == [SECOND]


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-6, 1e6), st.integers(0, 1000))
def test_the_unit_of_all_does_not_matter(scale: float, seed: int) -> None:
    frame = make_frame(8, 6, seed=seed)
    scaled = frame.assign(**{c: frame[c] * scale for c in ("flux", "p0", "p1")})
    one, two = (evaluate(make_sample(f, unit=""), replicates=100) for f in (frame, scaled))
    for name in ("r2", "r2_low", "r2_high", "r_squared", "bias_relative", "slope"):
        np.testing.assert_allclose(one.scores[name], two.scores[name], rtol=1e-8, atol=1e-10)
    for name in ("rmse", "mae", "bias", "intercept", "rmse_low"):
        np.testing.assert_allclose(one.scores[name] * scale, two.scores[name], rtol=1e-8, atol=1e-8 * scale)
    np.testing.assert_allclose(one.pairs["ci_low"] * scale, two.pairs["ci_low"], rtol=1e-8, atol=1e-8 * scale)


@pytest.mark.parametrize("kind", ["sites", "blocks", "rows"])
def test_order_of_rows_does_not_matter(kind: str) -> None:
    frame = make_frame(40, 1 if kind == "blocks" else 4)
    options = {"places": kind != "rows"}
    one = evaluate(make_sample(frame, **options), by="cover")
    two = evaluate(make_sample(frame.sample(frac=1, random_state=2), **options), by="cover")
    assert one.parameters["resampled"] == kind and set(one.scores["method"]) == {kind}
    pd.testing.assert_frame_equal(one.scores, two.scores, rtol=1e-9)
    pd.testing.assert_frame_equal(one.pairs, two.pairs, rtol=1e-9)
    other = evaluate(make_sample(frame, **options), by="cover", seed=2)
    assert (other.scores["rmse_low"] != one.scores["rmse_low"]).any()


def test_named_sites_and_repeated_places_are_the_same_units() -> None:
    frame = make_frame()
    by_place, by_name = evaluate(make_sample(frame)), evaluate(make_sample(frame, places=False), sites="site")
    assert by_place.scores["n_units"].tolist() == by_name.scores["n_units"].tolist() == [30, 30]
    np.testing.assert_allclose(by_place.scores["rmse"], by_name.scores["rmse"], rtol=1e-12)
    width = [float((r.scores["rmse_high"] - r.scores["rmse_low"]).iloc[0]) for r in (by_place, by_name)]
    assert width[0] == pytest.approx(width[1], rel=0.15)


def test_blocks_hold_every_row_and_grow_with_their_side() -> None:
    frame = make_frame(400, 1)
    ten, given = evaluate(make_sample(frame)), evaluate(make_sample(frame), block_size=100_000)
    assert ten.parameters["block_size"] == pytest.approx(np.ptp(frame[["x", "y"]].to_numpy(), axis=0).max() / 10)
    assert 50 < ten.scores["n_units"].iloc[0] <= 100
    assert given.scores["n_units"].iloc[0] == 4
    assert given.scores["rmse_low"].isna().all() and given.scores["note"].tolist() == ["no interval: fewer than 5 blocks"] * 2
    assert given.pairs["note"].tolist() == ["no interval: fewer than 5 blocks"]
    assert "square blocks of side" in ten.notes[1]


@pytest.mark.slow
def test_intervals_of_sites_cover_and_those_of_rows_do_not(request: pytest.FixtureRequest) -> None:
    # True RMSE and bias by construction; 60 sites. A percentile bootstrap of 60 units covers a little less than 95 %.
    replicates = request.config.getoption("--replicates") or 60
    truth = {"rmse": np.hypot(60.0, 120.0), "bias": 0.0}
    hits = {(places, score): 0 for places in (True, False) for score in truth}
    for seed in range(replicates):
        frame = make_frame(60, 12, products=1, seed=seed)
        for places in (True, False):
            row = evaluate(make_sample(frame, places=places), replicates=400).scores.iloc[0]
            for score, value in truth.items():
                hits[places, score] += row[f"{score}_low"] < value < row[f"{score}_high"]
    share = {key: n / replicates for key, n in hits.items()}
    assert min(share[True, "rmse"], share[True, "bias"]) > 0.95 - 0.04 - 4 * np.sqrt(0.06 * 0.94 / replicates)
    assert max(share[False, "rmse"], share[False, "bias"]) < 0.75


@pytest.mark.slow
def test_equal_estimates_are_seldom_told_apart_and_a_better_one_is(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 60
    told = {1.0: 0, 0.4: 0}
    for seed in range(replicates):
        frame = make_frame(60, 6, seed=seed)
        for factor in told:
            closer = frame.assign(p0=frame["flux"] + factor * (frame["p0"] - frame["flux"]))
            verdict = evaluate(make_sample(closer), replicates=400).pairs["note"].item()
            told[factor] += verdict == FIRST if factor < 1 else verdict != SAME
    assert told[1.0] / replicates < 0.06 + 4 * np.sqrt(0.06 * 0.94 / replicates)
    assert told[0.4] / replicates > 0.95


def test_a_pair_is_compared_on_the_same_resamples() -> None:
    # The same errors and a little more: each interval is wide, and the difference is known well.
    frame = make_frame(products=1)
    frame["p1"] = frame["flux"] + 1.1 * (frame["p0"] - frame["flux"])
    result = evaluate(make_sample(frame))
    scores = result.scores.set_index("driver")
    assert scores.loc["p0", "rmse_high"] > scores.loc["p1", "rmse_low"]
    pair = result.pairs.iloc[0]
    assert (pair["note"], pair["n"], pair["n_units"]) == (FIRST, 360, 30)
    assert pair["ci_low"] < pair["estimate"] < pair["ci_high"] < 0
    assert pair["estimate"] == pytest.approx(-0.1 * scores.loc["p0", "rmse"], rel=1e-9)


def test_groups_classes_and_common_rows() -> None:
    frame = make_frame()
    frame.loc[:9, "p0"] = np.nan
    frame.loc[5:14, "p1"] = np.nan
    result = evaluate(
        make_sample(frame, groups={"wet": (frame["flux"] > 0).to_numpy(), "crops": (frame["cover"] == "crop").to_numpy()}),
        by="cover",
    )
    assert set(result.scores["n"].loc[result.scores["level"] == "all"]) == {345, 108}
    assert "same 345 rows (15 of 360 rows dropped in all" in result.notes[0]
    crops = result.scores.loc[result.scores["group"] == "crops"]
    assert crops["level"].unique().tolist() == ["all", "crop"]
    assert result.pairs["group"].tolist() == ["all", "wet", "crops"]
    assert len(result.points) == 2 * 345 and set(result.points["level"]) == {"crop", "forest", "grass"}


def test_estimates_are_found_by_their_unit() -> None:
    frame = make_frame(products=3).assign(rain=np.random.default_rng(0).gamma(3, 90, 360))
    drivers = [Driver(f"p{k}", "vegetation", unit) for k, unit in enumerate(("gC/m2/yr", UNIT, ""))] + [
        Driver("rain", "climate", "mm a-1")
    ]
    sample = PixelSample.from_frame(frame, response=Driver("flux", "vegetation", UNIT), drivers=drivers)
    assert evaluate(sample).parameters["estimates"] == ["p0", "p1"]
    chosen = evaluate(sample, estimates=["p2", "p0"])
    assert chosen.parameters["estimates"] == ["p2", "p0"] == chosen.scores["driver"].tolist()
    assert f"Taken to be in {UNIT}, for no unit is given: p2." in chosen.notes
    with pytest.raises(DataError, match=r"estimate 'rain' must be in g C m-2 a-1, got 'mm a-1': convert it first"):
        evaluate(sample, estimates=["rain"])
    kilo = PixelSample.from_frame(
        frame, response=Driver("flux", "vegetation", UNIT), drivers=[Driver("p0", "vegetation", "kg C m-2 a-1")]
    )
    with pytest.raises(DataError, match=r"estimate 'p0' .*: multiply by 1000; it is scored against 'flux'"):
        evaluate(kilo, estimates=["p0"])
    with pytest.raises(DataError, match=r"no continuous driver is in the unit of the response \(g C m-2 a-1\)"):
        evaluate(kilo)


def test_messages() -> None:
    sample = make_sample(make_frame())
    cases: list[tuple[dict[str, Any], str]] = [
        ({"estimates": ["p9"]}, "each of estimates must be one of 'p0', 'p1', got 'p9'"),
        ({"estimates": "p0"}, "estimates must be a list of drivers"),
        ({"by": "covr"}, "by must be one of 'cover', 'site', got 'covr'. Did you mean 'cover'"),
        ({"sites": "towers"}, "sites must be one of 'cover', 'site', got 'towers'"),
        ({"block_size": -1.0}, "block_size must be a length above 0, got -1.0"),
        ({"block_size": 5.0, "sites": "site"}, "block_size cannot be used, sites are the units then"),
        ({"replicates": 10}, "replicates must be a whole number of 100 or more, got 10"),
        ({"confidence": 95}, "confidence must be between 0 and 1, got 95"),
    ]
    for options, message in cases:
        with pytest.raises(OptionError, match=message) as caught:
            evaluate(sample, **options)
        assert len(str(caught.value).splitlines()) == 1
    bare = make_sample(make_frame().drop(columns=["cover", "site"]), places=False)
    with pytest.raises(OptionError, match="by must be a categorical driver, and the sample has none: declare 'cover'"):
        evaluate(bare, by="cover")
    with pytest.raises(OptionError, match="the sample has no coordinates: take it out"):
        evaluate(bare, block_size=5.0)
    odd = make_sample(make_frame().assign(cover=lambda f: f["cover"].replace("crop", "all")))
    with pytest.raises(DataError, match="a class of 'cover' cannot be called 'all'"):
        evaluate(odd, by="cover")


def test_naive_intervals_and_few_sites_are_said() -> None:
    frame = make_frame(10, 6, products=3)
    naive = evaluate(make_sample(frame.drop(columns=["site", "cover"]), places=False))
    assert "naive" in naive.notes[1]
    few = evaluate(make_sample(frame))
    assert "Intervals of parts with fewer than 20 sites are too narrow (the fewest have 10)." in few.notes
    assert "The verdicts on 3 pairs are not adjusted for their number." in few.notes


def test_one_estimate_is_kept_and_read_back(tmp_path: Path) -> None:
    result = evaluate(make_sample(make_frame(products=1)), by="cover")
    assert result.pairs.empty
    state = State(tmp_path)
    state.store(Kept("evaluation", "k", result, ()))
    kept = state.load("evaluation", "k")
    assert kept is not None and isinstance(kept.result, EvaluationResult)
    pd.testing.assert_frame_equal(kept.result.scores, result.scores)
    assert [t.name for t in tables(kept.result)] == ["evaluation", "evaluation_classes"]
    assert "the RMSE of Product 0 against observed GPP is" in texts(kept.result)[0].findings[0]


def test_words_name_the_closest_and_what_it_can_be_told_from() -> None:
    frame = make_frame(60, products=2)
    frame["p2"] = frame["flux"] + 0.3 * (frame["p0"] - frame["flux"])
    frame["p3"] = frame["p2"] + 1e-3 * np.random.default_rng(1).normal(size=len(frame))
    result = evaluate(make_sample(frame), by="cover")
    said = texts(result)[0].findings[0]
    best = result.scores.loc[(result.scores["level"] == "all")].sort_values("rmse").iloc[0]
    assert best["driver"] in ("p2", "p3")
    assert f"of 4 estimates of GPP, Product {best['driver'][1]} has the smallest RMSE, {best['rmse']:.1f} g C m⁻² a⁻¹" in said
    assert "It is closer than Product 0 and Product 1; it cannot be told from Product" in said
    assert "n = 720, 60 sites" in said
    found = {t.name: t for t in tables(result)}
    assert found["evaluation"].headings["n_units"] == "Sites" and "level" in found["evaluation_classes"].columns
    assert len(found["evaluation"].frame) + len(found["evaluation_classes"].frame) == len(result.scores)
    assert set(found["evaluation_pairs"].frame["note"]) <= {SAME, FIRST, SECOND}


LONG = "of the long growing season in $year_{x}$ (integrated over the whole depth)"


LONG_NAMES = {f"p{k}": f"Product {k} {LONG}" for k in range(4)}


def _classes(frame: pd.DataFrame, count: int) -> pd.DataFrame:
    return frame.assign(cover=[f"class {i % count:02d}" for i in range(len(frame))])


def _small(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{c: frame[c] / 1e6 for c in ("flux", "p0", "p1")})


CASES: dict[str, Any] = {
    "1": lambda: evaluate(make_sample(make_frame(products=1))),
    "2, classes": lambda: evaluate(make_sample(make_frame()), by="cover"),
    "3, no interval": lambda: evaluate(make_sample(make_frame(4, 6, products=3))),
    "4, long names": lambda: evaluate(make_sample(make_frame(products=4), names=LONG_NAMES), by="cover"),
    "5, 30 classes": lambda: evaluate(make_sample(_classes(make_frame(products=5), 30)), by="cover"),
    "7": lambda: evaluate(make_sample(make_frame(products=7))),
    "2, hexagons": lambda: evaluate(make_sample(make_frame(400, 8).drop(columns="site")), by="cover"),
    "2, no unit, no places": lambda: evaluate(make_sample(make_frame(), unit="", places=False)),
    "2, small numbers": lambda: evaluate(make_sample(_small(make_frame()))),
    "2, negative": lambda: evaluate(make_sample(make_frame().assign(flux=lambda f: f["flux"] - 2000))),
}  # fmt: skip


@pytest.mark.parametrize("profile", ["jal", "jgs"])
@pytest.mark.parametrize("case", CASES)
def test_figures_read(case: str, profile: str) -> None:
    found = pictures(CASES[case](), journal(profile))
    assert [p.name for p in found] == (["evaluation", "evaluation_2"] if case == "7" else ["evaluation"])
    for picture in found:
        assert lint(picture.figure, journal(profile).width(picture.width)) == []
        assert picture.figure.get_figheight() * 25.4 < 245
        assert picture.caption.endswith(".") and not picture.numbers.empty


def _panels(result: EvaluationResult) -> list[Any]:
    return [ax for ax in pictures(result, journal("jal"))[0].figure.axes if ax.get_xlabel() or ax.get_ylabel()]


def test_panels_are_square_equal_and_show_every_point() -> None:
    result = evaluate(make_sample(make_frame(products=4)), by="cover")
    panels = pictures(result, journal("jal"))[0].figure.axes
    assert len(panels) == 4
    for ax in panels:
        assert ax.get_xlim() == ax.get_ylim() == panels[0].get_xlim()
        assert ax.bbox.width == pytest.approx(ax.bbox.height, rel=1e-9)
        assert sum(len(marks.get_offsets()) for marks in ax.collections) == 360
        low, high = ax.get_xlim()
        points = np.concatenate([np.asarray(marks.get_offsets()) for marks in ax.collections])
        assert low <= points.min() and points.max() <= high


def test_the_printed_scores_are_those_of_the_table() -> None:
    result = evaluate(make_sample(make_frame(products=1)))
    row = result.scores.iloc[0]
    shown = " ".join(t.get_text() for t in evaluation(result).texts)
    assert f"R² = {row['r2']:.2f} ({row['r2_low']:.2f} to {row['r2_high']:.2f})" in shown
    assert "n = 360 (30 sites)" in shown and f"r² = {row['r_squared']:.2f}" in shown
    with pytest.raises(OptionError, match="estimate must be one of 'p0'"):
        evaluation(result, estimate="p1")


STUDY = """
[study]
title = "Products"
seed = 1
[table]
file = "towers.csv"
coordinates = ["x", "y"]
time = "month"
[response]
name = "flux"
label = "GPP"
unit = "g C m-2 a-1"
[drivers]
p0 = { category = "vegetation", unit = "g C m-2 a-1", label = "CASA" }
p1 = { category = "vegetation", unit = "g C m-2 a-1", label = "MOD17" }
cover = { category = "vegetation" }
[analyses.evaluation]
by = "cover"
replicates = 200
"""


def test_study_step_and_its_seed(tmp_path: Path) -> None:
    make_frame().to_csv(tmp_path / "towers.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY)
    study = load_study(tmp_path / "study.toml")
    one = run_steps(study, tmp_path / "out").kept["evaluation"]
    assert one.result.parameters["estimates"] == ["p0", "p1"] and one.result.parameters["seed"] == 1
    assert set(one.result.tables["scores"]["level"]) == {"all", "crop", "forest", "grass"}
    two = run_steps(study, tmp_path / "out", seed=2).kept
    assert two["evaluation"].result.parameters["seed"] == 2 and two["evaluation"].key != one.key


def test_real_towers(shared_data: Path) -> None:
    # Respiration stands in for an estimate of GPP at 617 towers (FLUXNET annual medians): r = 0.91.
    columns = ["gpp_median", "ter_median", "location_long", "location_lat", "igbp_class"]
    towers = pd.read_csv(shared_data / "fluxnet_site_annual_medians.csv")[columns]
    with pytest.warns(DataWarning, match="2 of 617 rows repeat the coordinates"):
        sample = PixelSample.from_frame(
            towers, response=Driver("gpp_median", "vegetation", UNIT, "GPP"), coordinates=("location_long", "location_lat"),
            drivers=[Driver("ter_median", "vegetation", UNIT), Driver("igbp_class", "vegetation")], crs="EPSG:4326",
        )  # fmt: skip
    result = evaluate(sample, by="igbp_class")
    row = result.scores.iloc[0]
    assert (row["n"], row["method"]) == (617, "blocks")
    assert np.sqrt(row["r_squared"]) == pytest.approx(0.91, abs=0.005)
    assert row["r2"] == pytest.approx(0.763, abs=0.001) and row["bias"] == pytest.approx(-185.4, abs=0.1)
    assert row["r2_high"] - row["r2_low"] > 0.1
    alone = result.scores.set_index("level").loc["SNO"]
    assert alone["n"] == 1 and np.isnan(alone["r2"]) and "no spread" in alone["note"]
