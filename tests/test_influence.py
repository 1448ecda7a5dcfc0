"""Influence: intervals, noise floor, worth, controls and words, by truth that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import InfluenceResult, influence
from carbondrivers.attribution.fold_kernels import square_blocks
from carbondrivers.attribution.influence_floor import Shadows, noise_floor
from carbondrivers.attribution.influence_importance import worth
from carbondrivers.attribution.influence_spread import Grids, resampled
from carbondrivers.attribution.resampling import Bootstrap, Units
from carbondrivers.attribution.tree_growers import TreeSettings
from carbondrivers.attribution.tree_task import shares_of, task_of
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.datasets.virtual.fields import gaussian_field
from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.reports.lint import lint
from carbondrivers.study.check import load_study
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import steps

QUICK = {
    "n_trees": 40, "tree_complexity": [3], "learning_rate": [0.1], "n_folds": 4, "shadow_sets": 3, "seeds": 2, "bands": 4,
    "repeats": 2,
}  # fmt: skip
SMOOTH = TreeSettings(3, 0.05, 0.75)
TRUE = ("warm", "rain", "soil")
NULL = ("null_1", "null_2", "null_3", "null_4", "null_5")


def region(seed: int, n: int = 500, side: int = 60) -> PixelSample:
    """Pixels of a region in which three smooth drivers act, five as smooth do nothing, and the rest is smooth too."""
    rng = np.random.default_rng(seed)
    fields = {name: gaussian_field(rng, (side, side), 20.0).ravel() for name in (*TRUE, *NULL, "rest")}
    at = rng.choice(side * side, n, replace=False)
    frame = pd.DataFrame({name: values[at] for name, values in fields.items()})
    frame["x"], frame["y"] = at % side, at // side
    signal = 2.0 * np.tanh(frame["warm"]) + 1.2 * frame["rain"] + 0.6 * frame["soil"]
    frame["nep"] = 20.0 * (signal + 0.6 * frame.pop("rest") + 0.6 * rng.normal(size=n))
    drivers = dict.fromkeys(TRUE[:2], "climate") | {"soil": "soil"} | dict.fromkeys(NULL, "human")
    return PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"))


@pytest.fixture(scope="module")
def found() -> InfluenceResult:
    """A quick analysis with a group that is cut on the response, a free one and one that is too small."""
    sample = region(1, 300)
    frame = sample.frame.assign(cover=np.where(sample.frame["warm"] > 0, "forest", "grass"))
    nep = frame["nep"]
    drivers = [*(Driver(d.name, d.category) for d in sample.drivers), Driver("cover", "human", kind="categorical")]
    return influence(
        PixelSample.from_frame(
            frame, response="nep", drivers=drivers, coordinates=("x", "y"),
            groups={"source": nep <= nep.median(), "west": frame["x"] < 30, "few": frame["x"] < 4},
        ),
        hold_out=0.3, **QUICK,
    )  # fmt: skip


def test_shares_add_to_one_and_name_what_of(found: InfluenceResult) -> None:
    table = found.influence
    np.testing.assert_allclose(table.groupby("group")["share"].sum(), 1.0)
    assert (table["share_of"] == "influence of all drivers").all()
    sums = table.groupby(["group", "category"])["share"].sum()
    rows = found.categories[found.categories["method"] == "relative influence"].set_index(["group", "category"])
    np.testing.assert_allclose(rows["share"], sums.reindex(rows.index))
    assert rows.loc[("all", "human"), "n_drivers"] == 6
    whole = table[table["group"] == "all"].set_index("driver")
    assert set(whole["share"].nlargest(2).index) == {"warm", "rain"}
    assert (whole["ci_low"] <= whole["ci_high"]).all()
    assert ((whole["seed_low"] <= whole["share"]) & (whole["share"] <= whole["seed_high"])).all()


def test_scores_stand_side_by_side(found: InfluenceResult) -> None:
    rows = found.scores[found.scores["group"] == "all"].set_index("method")
    assert list(rows.index) == ["random folds", "spatial folds", "random hold-out", "training rows"]
    assert rows.loc["training rows", "r2"] > rows.loc["random folds", "r2"] > rows.loc["spatial folds", "r2"]
    assert rows.loc["random hold-out", "n"] == 90
    assert "spatial blocks, side" in rows.loc["spatial folds", "note"]


def test_a_group_that_is_too_small_is_named(found: InfluenceResult) -> None:
    row = found.scores[found.scores["group"] == "few"].iloc[0]
    assert row["note"].startswith("not analysed: only") and np.isnan(row["r2"])
    assert set(found.influence["group"]) == {"all", "source", "west"}


def test_a_cut_on_the_response_has_its_control(found: InfluenceResult) -> None:
    expected = found.influence.set_index("group")["share_expected"]
    assert expected["source"].notna().all() and expected["all"].isna().all() and expected["west"].isna().all()
    # One law holds here, so that the cut alone must explain the group: its leading driver within a few points.
    rows = found.influence[found.influence["group"] == "source"].set_index("driver")
    assert abs(rows["share"] - rows["share_expected"]).max() < 0.25
    assert any("cut on the response" in note for note in found.notes)
    scores = found.scores.set_index(["group", "method"])
    alone, own = (scores.loc[("source", m)] for m in ("one law, cut alike", "the group in the folds of the control"))
    # A cut on the response costs R2 by itself: both lie far below the whole sample's.
    assert abs(alone["r2"] - own["r2"]) < 0.3 < scores.loc[("all", "spatial folds"), "r2"] - max(alone["r2"], own["r2"]) + 0.2
    assert own["n"] == scores.loc[("source", "training rows"), "n"] and alone["rmse"] > 0
    assert "one law, cut alike" not in scores.loc["west"].index
    assert "R² of the cut alone would be" in texts(found)[0].details[0]


def test_curves_rise_with_what_acts(found: InfluenceResult) -> None:
    rows = found.responses[(found.responses["group"] == "all") & (found.responses["driver"] == "warm")]
    for method in ("partial dependence", "accumulated local effects"):
        curve = rows[rows["method"] == method]
        assert curve["estimate"].iloc[-1] - curve["estimate"].iloc[0] > 30
        assert (curve["ci_low"] <= curve["ci_high"]).all()
    cover = found.responses[(found.responses["driver"] == "cover") & (found.responses["group"] == "all")]
    assert list(cover["level"]) == ["forest", "grass"] and set(cover["method"]) == {"partial dependence"}
    assert (rows["method"] == "decile").sum() == 9


def test_tables_figures_and_words(found: InfluenceResult) -> None:
    style = journal("jal")
    drawn = pictures(found, style)
    assert {"boosted_trees", "boosted_trees_categories", "boosted_trees_fit", "boosted_trees_interactions"} <= {
        p.name for p in drawn
    }
    for picture in drawn:
        assert lint(picture.figure, style.width(picture.width)) == [], picture.name
    text = texts(found)[0]
    assert "under random folds and" in text.findings[0] and "source" in text.details[0]
    assert next(t.name for t in tables(found)) == "boosted_trees"


def test_a_twin_tells_what_came_in_with_the_respiration_model() -> None:
    """NPP that no driver acts on; NEP = NPP less a respiration that the warm pixels have more of."""
    sample = region(4, 300)
    rng = np.random.default_rng(4)
    frame = sample.frame.assign(npp=50.0 * sample.frame["rain"] + 20.0 * rng.normal(size=300))
    frame["nep"] = frame["npp"] - 120.0 * frame["warm"]
    drivers = [Driver(d.name, d.category) for d in sample.drivers]
    made = PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"), extras=["npp"])
    with pytest.warns(DataWarning, match="npp stands beside it as the twin"):
        result = influence(made, twin="npp", nep_inputs=["warm"], **QUICK)
    rows = result.twins.set_index("driver")
    np.testing.assert_allclose([rows["share"].sum(), rows["share_2"].sum()], 1.0)
    np.testing.assert_array_equal(rows["share"], result.influence.set_index("driver").loc[rows.index, "share"])
    assert rows.loc["warm", "rank"] == 1 and rows.loc["warm", "share"] > 0.6 and rows.loc["warm", "share_2"] < 0.2
    assert rows.loc["rain", "rank_2"] == 1
    text = texts(result)[0].findings[0]
    assert "warm leads nep" in text and "rain npp" in text and "beyond the twin warm has most" in text
    assert any("came in with what was subtracted from npp" in note for note in result.notes)
    assert tables(result)[-1].name == "boosted_trees_twins"
    # The twin alone, with the same settings, has the same shares.
    alone = PixelSample.from_frame(frame.drop(columns="nep"), response="npp", drivers=drivers, coordinates=("x", "y"))
    other = task_of(alone)
    plan = TreeSettings(3, 0.1, 0.75)
    by_itself = pd.Series(shares_of(other.fit(plan, 40, 0).gains()), index=other.names)
    assert abs(by_itself - rows["share_2"].reindex(other.names)).max() < 0.1


@pytest.mark.parametrize(
    ("twin", "words"), [("nep", "neither the response nor a driver"), ("rain", "nor a driver"), ("nppp", "Did you mean 'npp'")]
)
def test_a_twin_that_is_none_is_named(twin: str, words: str) -> None:
    sample = region(4, 100)
    frame = sample.frame.assign(npp=sample.frame["nep"])
    drivers = [Driver(d.name, d.category) for d in sample.drivers]
    made = PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"), extras=["npp"])
    with pytest.raises(OptionError, match=words):
        influence(made, twin=twin, **QUICK)


def test_shadows_have_the_values_and_the_smoothness_of_their_driver() -> None:
    sample = region(3, 900)
    task = task_of(sample)
    shadows = Shadows(task.xy, task.x, task.on.levels)
    rng = np.random.default_rng(0)
    pairs = [[], []]
    order = np.argsort(((task.xy[:, None] - task.xy[None]) ** 2).sum(axis=2), axis=1)[:, 1]
    for _ in range(10):
        drawn = shadows.draw(rng)
        np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(task.x, axis=0))
        for column, shadow in zip(task.x.T, drawn.T, strict=True):
            pairs[0].append(np.corrcoef(column, column[order])[0, 1])
            pairs[1].append(np.corrcoef(shadow, shadow[order])[0, 1])
    assert abs(np.mean(pairs[0]) - np.mean(pairs[1])) < 0.1 and np.mean(pairs[1]) > 0.7
    shuffled = Shadows(None, task.x, task.on.levels).draw(rng)
    assert abs(np.corrcoef(shuffled[:, 0], shuffled[order, 0])[0, 1]) < 0.2


@pytest.mark.slow
def test_noise_floor_keeps_few_smooth_null_drivers(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 4
    kept = dict.fromkeys((*TRUE, *NULL), 0)
    for seed in range(replicates):
        task = task_of(region(100 + seed, 600))
        floor = noise_floor(task, SMOOTH, 150, sets=10, seed=seed)
        for name, above in zip(task.names, floor.above, strict=True):
            kept[name] += above
    null = sum(kept[name] for name in NULL) / (len(NULL) * replicates)
    real = sum(kept[name] for name in TRUE) / (len(TRUE) * replicates)
    print(f"kept: {null:.3f} of null, {real:.3f} of true drivers, {replicates} regions")  # noqa: T201
    allowed = 0.15 if replicates >= 40 else 0.15 + 3 * np.sqrt(0.15 * 0.85 / (5 * replicates))
    assert null <= allowed and real >= 0.6


@pytest.mark.slow
def test_block_intervals_cover_the_value_between_regions(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 4
    shares, low, high = [], [], []
    plan = Bootstrap(60 if replicates < 20 else 100, 0.95, seed=1)
    for seed in range(replicates):
        task = task_of(region(500 + seed, 400))
        # Blocks as wide as the residuals depend, 20 cells, as the folds' rule has it.
        units = Units(square_blocks(task.xy, 20.0), "blocks", 20.0)
        drawn, _, _ = resampled(task, SMOOTH, 100, units, plan, Grids((), ()), 0, 1)
        ends = np.array([plan.interval(column) for column in drawn.T])
        shares.append(shares_of(task.fit(SMOOTH, 100, 1).gains()))
        low.append(ends[:, 0])
        high.append(ends[:, 1])
    between = np.mean(shares, axis=0)
    covered = float(np.mean((np.array(low) <= between) & (between <= np.array(high))))
    print(f"covered: {covered:.3f} of {len(between)} drivers x {replicates} regions")  # noqa: T201
    slack = 0.0 if replicates >= 24 else 0.15
    assert 0.85 - slack <= covered <= min(0.98 + slack, 1.0)


def test_worth_is_near_nought_for_what_does_nothing() -> None:
    task = task_of(region(7))
    rows = np.arange(task.n)
    splits = [(rows[rows % 4 != k], rows[rows % 4 == k]) for k in range(4)]
    value = worth(task, SMOOTH, 80, splits, repeats=2, shap_rows=200, seed=0)
    place = {name: j for j, name in enumerate(task.names)}
    for loss in (value.permutation, value.conditional):
        assert min(loss[place["warm"]], loss[place["rain"]]) > 0.1
        assert max(abs(loss[place[name]]) for name in NULL) < 0.05
    assert list(task.members()) == ["climate", "human", "soil"]
    assert np.argmax(value.grouped) == np.argmax(value.dropped) == 0 and abs(value.dropped[1]) < 0.06
    assert value.shap_rows == 200 and (value.grouped_shap > 0).all()


def test_jobs_and_order_do_not_matter() -> None:
    sample = region(9, 150)
    one = influence(sample, **QUICK)
    two = influence(sample, jobs=2, **QUICK)
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, two.tables[name])


def test_inputs_of_the_nep_model_are_named() -> None:
    with pytest.warns(DataWarning, match=r"rain: NEP was computed from it"):
        result = influence(region(9, 120), nep_inputs=["rain"], **QUICK)
    assert "an input of the NEP model" in result.influence.set_index("driver").loc["rain", "note"]
    with pytest.raises(OptionError, match=r"'rian' is no driver of this sample\. Did you mean 'rain'"):
        influence(region(9, 120), nep_inputs=["rian"], **QUICK)


def test_settings_are_tried_and_the_fewest_splits_win() -> None:
    result = influence(
        region(11, 150),
        tree_complexity=[1, 3],
        learning_rate=[0.1],
        n_folds=3,
        max_trees=50,
        shadow_sets=0,
        seeds=1,
        bands=0,
        repeats=1,
    )
    table = result.settings
    assert len(table) == 2 and table["selected"].sum() == 1
    chosen = table[table["selected"]].iloc[0]
    assert chosen["within_se"] and chosen["tree_complexity"] == table.loc[table["within_se"], "tree_complexity"].min()
    assert result.influence["floor"].isna().all() and result.influence["above_floor"].isna().all()
    ranges = result.influence["setting_high"] - result.influence["setting_low"]
    assert (ranges > 0).any() == (table["within_se"].sum() > 1)
    assert result.deviances["selected"].sum() == 1


def test_twins_are_named() -> None:
    sample = region(12, 120)
    frame = sample.frame.assign(copy=np.exp(sample.frame["rain"]))
    drivers = {d.name: d.category for d in sample.drivers} | {"copy": "climate"}
    result = influence(
        PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y")), **QUICK
    ).influence.set_index("driver")
    assert "orders the rows as copy does" in result.loc["rain", "note"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tree_complexity": 5}, "tree_complexity must be a list"),
        ({"tree_complexity": [0]}, "tree_complexity must be a whole number of 1 or more"),
        ({"bag_fraction": [2.0]}, "bag_fraction must be above 0 and at most 1"),
        ({"folds": "spatial"}, "kind of folds must be one of"),
        ({"distribution": "bernoulli"}, "distribution must be one of 'gaussian', 'laplace'"),
        ({"n_trees": 50}, "n_trees goes with one value each"),
        ({"replicates": 10}, "replicates must be a whole number of 100 or more"),
        ({"hold_out": 30}, "hold_out must be between 0 and 1"),
        ({"nep_inputs": "rain"}, "nep_inputs must be a list of drivers"),
    ],
)
def test_messages(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        influence(region(9, 120), **options)


def test_bad_samples() -> None:
    frame = region(9, 120).frame
    with pytest.raises(DataError, match="only 40 rows, boosted trees need 50 or more"):
        influence(PixelSample.from_frame(frame.head(40), response="nep", drivers={"rain": "climate"}), **QUICK)
    two = frame.assign(nep=(frame["nep"] > 0).astype(float))
    with pytest.raises(DataError, match="has two values only"):
        influence(PixelSample.from_frame(two, response="nep", drivers={"rain": "climate"}), **QUICK)
    noise = frame.assign(x=0.0, y=0.0)
    with pytest.warns(DataWarning), pytest.raises(DataError, match="all rows lie in one place"):
        influence(PixelSample.from_frame(noise, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y")), **QUICK)


def test_step_takes_the_keys_of_the_study_file() -> None:
    step = steps()["boosted_trees"]
    given = {
        "tree_complexity": [1, 2, 3, 5], "learning_rate": [0.05, 0.01], "bag_fraction": [0.5, 0.75],
        "folds": {"kind": "spatial_blocks", "size": "auto", "n": 10},
    }  # fmt: skip
    assert step.options(**given).folds.n == 10 and step.seeded
    with pytest.raises(ValueError, match="tree_complexty"):
        step.options(tree_complexty=[1])


def test_step_takes_a_part_of_nep_for_the_twin(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        'schema = 1\n[study]\ntitle = "t"\nregion = "demo"\nyears = [2000, 2004]\n[nep]\nmodel = "npp_minus_rh"\n'
        '[response]\nname = "nep"\n[analyses.boosted_trees]\ntwin = "npp"\n'
    )
    inputs = Inputs(load_study(tmp_path / "study.toml"), 1)
    assert inputs.extras == ("npp",)
    frame, npp = inputs.sample.frame, inputs.nep_components["npp"].mean("year")
    at = npp.sel(y=frame["y"].to_xarray(), x=frame["x"].to_xarray()).to_numpy()
    np.testing.assert_allclose(frame["npp"], at, rtol=1e-12)
    assert "npp" not in [d.name for d in inputs.sample.drivers]


def test_step_takes_a_column_of_the_table_for_the_twin(tmp_path: Path) -> None:
    sample = region(4, 80)
    sample.frame.assign(npp=2.0 * sample.frame["rain"]).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "study.toml").write_text(
        'schema = 1\n[study]\ntitle = "T"\n[table]\nfile = "t.csv"\ncoordinates = ["x", "y"]\n[response]\nname = "nep"\n'
        '[drivers]\nwarm = { category = "climate" }\nrain = { category = "climate" }\n[analyses.boosted_trees]\ntwin = "npp"\n'
    )
    made = Inputs(load_study(tmp_path / "study.toml"), 1).sample
    np.testing.assert_allclose(made.frame["npp"], 2.0 * made.frame["rain"])


def test_only_a_chosen_number_of_trees_flatters(found: InfluenceResult) -> None:
    assert found.parameters["n_trees"] is not None and not any("flatters" in note for note in found.notes)


def test_no_other_seeds_are_needed() -> None:
    table = influence(region(4, 100), **(QUICK | {"seeds": 0, "shadow_sets": 0})).influence
    np.testing.assert_array_equal(table[["seed_low", "seed_high"]], table[["share", "share"]])
