"""Validation: random and block scores side by side, what they say where the truth is known, and the report of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import fft

from carbondrivers.attribution.boosted_trees import BoostedTrees
from carbondrivers.attribution.cross_validation import Plots, out_of_fold
from carbondrivers.attribution.design_matrix import design_of
from carbondrivers.attribution.fold_rows import row_order
from carbondrivers.attribution.random_forest import CarbonStorageForest
from carbondrivers.attribution.validation import validate
from carbondrivers.attribution.validation_folds import make_folds
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import journal, pictures, texts
from carbondrivers.reports.lint import lint

TREES = Path(__file__).parent / "reference" / "trees"
SIDE, RANGE = 100, 18.0


def field(rng: np.random.Generator, reach: float) -> np.ndarray:
    """A Gaussian field of 100 x 100 of exponential covariance with this practical range, from a torus of 512."""
    step = np.minimum(np.arange(512), 512 - np.arange(512))
    covariance = np.exp(-3.0 * np.hypot(step[:, None], step[None]) / reach)
    spread = np.sqrt(np.maximum(fft.fft2(covariance).real, 0.0))
    return fft.ifft2(spread * fft.fft2(rng.normal(size=(512, 512)))).real[:SIDE, :SIDE]


def region(seed: int, n: int = 1000) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Random rows of a region with a real relation and smooth residuals, and all cells of four others under the same law."""
    rng = np.random.default_rng(seed)
    own, *others = (_cells(rng) for _ in range(5))
    return own.sample(n=n, random_state=seed), others


def _cells(rng: np.random.Generator) -> pd.DataFrame:
    rows, columns = np.indices((SIDE, SIDE))
    drivers = {f"d{i}": field(rng, reach).ravel() for i, reach in enumerate((12.0, 16.0, 20.0))}
    noise = rng.normal(size=SIDE * SIDE)
    law = 1.2 * drivers["d0"] + np.tanh(2 * drivers["d1"]) + 0.6 * drivers["d0"] * drivers["d2"]
    return pd.DataFrame(
        {
            "x": columns.ravel() + 0.5,
            "y": rows.ravel() + 0.5,
            **drivers,
            "nep": law + 1.3 * field(rng, RANGE).ravel() + 0.3 * noise,
        }
    )


def sample_of(table: pd.DataFrame) -> PixelSample:
    drivers = dict.fromkeys(["d0", "d1", "d2"], "climate")
    return PixelSample.from_frame(table, response="nep", drivers=drivers, coordinates=("x", "y"))  # type: ignore[arg-type]


def r2(truth: np.ndarray, estimate: np.ndarray) -> float:
    return float(1.0 - np.sum((truth - estimate) ** 2) / np.sum((truth - truth.mean()) ** 2))


@pytest.mark.slow
def test_blocks_say_what_a_new_region_gives(request: pytest.FixtureRequest) -> None:
    """Smooth residuals: on average block R2 lies within .05 of that of new regions, random R2 more than .05 above it."""
    replicates = request.config.getoption("--replicates") or 3
    found = np.array([_against_new_region(seed) for seed in range(replicates)])
    random, block, new = found.mean(axis=0)
    error = 2.0 * found.std(axis=0).max() / np.sqrt(replicates)
    assert random - new > 0.05, found.mean(axis=0)
    assert abs(block - new) < 0.05 + error, found.mean(axis=0)


def _against_new_region(seed: int) -> tuple[float, float, float]:
    """Return R2 of random folds, of blocks, and the mean of four new regions, of one realisation."""
    table, others = region(seed)
    scores = validate(sample_of(table), trees=50, replicates=100, seed=seed).scores.set_index("method")["r2"]
    names = ["d0", "d1", "d2"]
    forest = CarbonStorageForest("r", trees=50, seed=seed).fit(table[names], table["nep"])
    new = [r2(other["nep"].to_numpy(), forest.predict(other[names])) for other in others]
    return scores["random"], scores["spatial_blocks"], float(np.mean(new))


def test_synthetic_table_has_a_gap_and_the_range_of_its_residuals() -> None:
    table = pd.read_csv(TREES / "synth2000.csv").iloc[::2]
    drivers = dict.fromkeys(["TEM", "PRE", "PET", "SOM", "GDP"], "climate")
    sample = PixelSample.from_frame(table, response="NEP", drivers=drivers, coordinates=("x", "y"))  # type: ignore[arg-type]
    result = validate(sample, trees=20, n=5, replicates=100)
    scores = result.scores.set_index("method")
    assert scores.loc["random", "gap"] == 0.0
    assert 0.0 < scores.loc["spatial_blocks", "gap"] < 0.15
    assert scores.loc["random", "r2"] <= scores.loc["random", "r_squared"] + 1e-12
    assert 8.0 < result.parameters["side"] < 28.0  # the residual's planted range is 18
    assert result.parameters["side_from"] == "range"
    assert (scores["r2_low"] < scores["r2"]).all() and (scores["r2"] < scores["r2_high"]).all()


def test_pooled_scores_are_those_of_the_points() -> None:
    result = validate(sample_of(region(1, 200)[0]), model="linear", size=20.0, n=5, replicates=100)
    for kind, part in result.points.groupby("method"):
        row = result.scores.set_index("method").loc[kind]
        x, y = part["x"].to_numpy(), part["y"].to_numpy()
        assert row["r2"] == pytest.approx(r2(y, x), rel=1e-10)
        assert row["rmse"] == pytest.approx(np.sqrt(np.mean((y - x) ** 2)), rel=1e-12)
        assert row["mae"] == pytest.approx(np.abs(y - x).mean(), rel=1e-12)


def test_rows_made_from_plots_are_not_scored_and_do_not_train_with_their_plot() -> None:
    """Carbon unrelated to the driver; copies of plots that differ a little make random folds look good if they may train."""
    rng = np.random.default_rng(2)
    plots = pd.DataFrame({"npp": rng.normal(size=60), "carbon": rng.normal(size=60)})
    table = pd.concat(
        [plots, *[plots.assign(npp=plots["npp"] + 0.001 * rng.normal(size=60)) for _ in range(4)]], ignore_index=True
    )
    sample = PixelSample.from_frame(table, response="carbon", drivers={"npp": "vegetation"})
    given = Plots(np.arange(300) < 60, np.arange(300) % 60)
    folds, x, order = make_folds(sample, kind="random", n=5), table[["npp"]].to_numpy(), row_order(sample)
    scores = []
    for share in (False, True):
        found = out_of_fold(
            lambda: CarbonStorageForest("r", trees=30), x, sample.y, folds, order=order, plots=given, share_sources=share
        )
        assert np.isnan(found[60:]).all() and np.isfinite(found[:60]).all()
        scores.append(r2(sample.y[:60], found[:60]))
    assert scores[0] < 0.2 < 0.8 < scores[1]


def test_boosted_trees_are_validated_as_they_are_said_to_be() -> None:
    sample = sample_of(region(1, 200)[0])
    result = validate(sample, model="boosted_trees", trees=60, size=20.0, n=4, replicates=100)
    assert result.parameters["trees"] == 60
    random = result.scores[result.scores["group"] == "all"].set_index("method").loc["random"]
    assert 0.2 < random["r2"] < 0.95
    methods = texts(result)[0].methods
    assert methods.startswith("60 boosted regression trees") and "of 5 splits, learning rate 0.05" in methods
    # By hand: the same folds, the same settings, rows in their own order.
    order, folds = row_order(sample), make_folds(sample, kind="random", n=4, seed=20260118)
    found = out_of_fold(
        lambda: BoostedTrees(n_trees=60, tree_complexity=5, learning_rate=0.05, bag_fraction=0.75, seed=20260118),
        design_of(sample)[1], sample.y, folds, order=order,
    )  # fmt: skip
    assert random["r2"] == pytest.approx(r2(sample.y, found), rel=1e-10)
    with pytest.raises(OptionError, match="trees must be a whole number of 1 or more, got 0"):
        validate(sample, model="boosted_trees", trees=0)


def test_without_places_groups_or_random_alone() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.normal(size=(80, 2)), columns=["rain", "nep"]).assign(county=["a", "b", "c", "d"] * 20)
    plain = validate(PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}), model="linear", replicates=100)
    assert plain.scores["method"].tolist() == ["random"]
    assert "no coordinates" in plain.notes[0]
    sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}, groups="county")
    grouped = validate(sample, model="linear", replicates=100)
    assert grouped.scores.loc[grouped.scores["group"] == "all", "method"].tolist() == ["random", "group"]
    assert len(grouped.scores) == 10
    assert grouped.scores.loc[grouped.scores["group"] == "a", "note"].str.contains("only 20 rows").all()


def test_figures_are_clean_and_words_say_both() -> None:
    result = validate(sample_of(region(4, 300)[0]), trees=10, n=4, replicates=100)
    form = journal("jal")
    drawn = pictures(result, form)
    assert [p.name for p in drawn] == ["validation", "validation_folds", "validation_variogram", "validation_learning_curve"]
    for picture in drawn:
        assert lint(picture.figure, form.width(picture.width)) == []
    text = texts(result)[0]
    assert "random folds R²" in text.findings[0] and "spatial blocks R²" in text.findings[0]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"model": "forrest"}, OptionError, "Did you mean 'forest'"),
        ({"folds": "spatial_blocks"}, OptionError, "folds must be a list"),
        ({"folds": ["block"]}, OptionError, "each of folds must be one of"),
        ({"trees": 0}, OptionError, "trees must be"),
        ({"size": 500.0}, DataError, "all rows lie in one of the blocks"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        validate(sample_of(region(5, 100)[0]), **options)  # type: ignore[arg-type]
