"""Plot augmentation: ratios by hand, sources kept, bounds and drops counted, leakage, refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.nep_models.carbon_plots import augment_plots

PLOTS = pd.DataFrame(
    {
        "plot": ["c", "a", "b", "d"],
        "climate": ["arid", "arid", "arid", "humid"],
        "ecosystem": ["grass", "grass", "forest", "grass"],
        "x": [1000.0, 0.0, 0.0, 0.0],
        "y": [0.0, 0.0, 0.0, 0.0],
        "npp": [100.0, 200.0, 500.0, 400.0],
        "biomass": [3.0, 4.0, 80.0, 10.0],
        "soil": [20.0, 30.0, 90.0, 60.0],
        "ndvi": [0.2, 0.3, 0.7, 0.5],
    }
)
POINTS = pd.DataFrame(
    {
        "climate": ["arid", "arid", "humid", "arid"],
        "ecosystem": ["grass", "grass", "grass", "forest"],
        "x": [900.0, 100.0, 5000.0, 10.0],
        "y": [10.0, 10.0, 0.0, 0.0],
        "npp": [150.0, 300.0, 200.0, 5000.0],
        "ndvi": [0.25, 0.35, 0.4, 0.8],
        "only_here": [1, 2, 3, 4],
    }
)


def points_of(found):
    return found.table[found.table["augmented"]].reset_index(drop=True)


def test_nearest_plot_of_the_stratum_by_hand():
    found = augment_plots(PLOTS, POINTS, kept=("soil",))
    points = points_of(found)
    assert points["source_plot"].tolist() == ["c", "a", "d", "b"] == points["fold_group"].tolist()
    np.testing.assert_allclose(points["biomass"], [3.0 * 1.5, 4.0 * 1.5, 10.0 * 0.5, 80.0 * 5.0], rtol=1e-12)
    assert points["soil"].tolist() == [20.0, 30.0, 60.0, 90.0]
    np.testing.assert_allclose(points["npp_ratio"], [1.5, 1.5, 0.5, 5.0])
    assert points["clipped"].tolist() == [False, False, False, True] and found.clipped == 1 and found.dropped == 0
    assert (
        "the NPP ratio of 1 points was bounded to 0.2 to 5" in found.notes
        and "soil taken from the plot unscaled" in found.notes
    )


def test_plots_stay_as_they_are_and_come_first():
    table = augment_plots(PLOTS, POINTS, kept=("soil",)).table
    plots = table[~table["augmented"]]
    assert len(table) == len(PLOTS) + len(POINTS) and plots.index.tolist() == [0, 1, 2, 3]
    pd.testing.assert_frame_equal(plots[["biomass", "soil", "npp", "ndvi"]], PLOTS[["biomass", "soil", "npp", "ndvi"]])
    assert (
        plots["source_plot"].tolist() == ["c", "a", "b", "d"] and (plots["npp_ratio"] == 1).all() and not plots["clipped"].any()
    )
    assert "ndvi" in table and "only_here" not in table


def test_mean_over_the_plots_of_a_stratum():
    found = augment_plots(PLOTS, POINTS, method="mean", kept=("soil",))
    points = points_of(found)
    assert points["biomass"][0] == pytest.approx((3.0 * 150 / 100 + 4.0 * 150 / 200) / 2, rel=1e-12)
    assert points["soil"][0] == 25.0
    assert points["source_plot"][0] == "arid x grass" == points["fold_group"][0]
    plots = found.table[~found.table["augmented"]]
    assert plots["fold_group"].tolist() == ["arid x grass", "arid x grass", "arid x forest", "humid x grass"]


def test_random_plots_repeat_by_seed_and_stay_in_the_stratum():
    many = pd.concat([POINTS.head(1)] * 200, ignore_index=True)
    one, two, other = (points_of(augment_plots(PLOTS, many, method="random", seed=seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert set(one["source_plot"]) == {"a", "c"} and (one["source_plot"] != other["source_plot"]).any()
    assert 60 <= (one["source_plot"] == "a").sum() <= 140  # 200 draws at one half: 100 +- 5.7 standard deviations


@pytest.mark.parametrize("method", ["nearest", "mean", "random"])
def test_order_of_plots_changes_nothing_and_inputs_stay(method):
    plots, points = PLOTS.copy(), POINTS.copy()
    one = points_of(augment_plots(plots, points, method=method, kept=("soil",)))
    two = points_of(augment_plots(plots.iloc[::-1], points.set_index(np.arange(10, 14)), method=method, kept=("soil",)))
    pd.testing.assert_frame_equal(one, two)
    pd.testing.assert_frame_equal(plots, PLOTS)
    pd.testing.assert_frame_equal(points, POINTS)


def test_great_circle_differs_from_degrees_where_it_must():
    # At 60 degrees north a degree of longitude is half a degree of latitude long.
    plots = PLOTS.head(2).assign(x=[101.5, 100.0], y=[60.0, 61.0])
    point = POINTS.head(1).assign(x=100.0, y=60.0)
    assert points_of(augment_plots(plots, point, distance="great_circle"))["source_plot"].tolist() == ["c"]
    with pytest.warns(DataWarning, match="'x' and 'y' look like degrees, .* give distance='great_circle'"):
        assert points_of(augment_plots(plots, point))["source_plot"].tolist() == ["a"]
    with pytest.raises(DataError, match="great-circle distances need degrees"):
        augment_plots(PLOTS, POINTS, distance="great_circle")


def test_points_without_a_plot_are_refused_or_counted():
    lost = pd.concat([POINTS, POINTS.head(2).assign(climate="cold"), POINTS.head(1).assign(npp=np.nan)], ignore_index=True)
    with pytest.raises(
        DataError,
        match=r"3 of 7 points .*: 2 lie in a stratum without a plot \(cold x grass\) and 1 lack npp, .*missing='drop'",
    ):
        augment_plots(PLOTS, lost)
    found = augment_plots(PLOTS, lost, missing="drop")
    assert found.dropped == 3 and found.notes[1].startswith("3 points were left out")
    pd.testing.assert_frame_equal(points_of(found), points_of(augment_plots(PLOTS, POINTS)))
    alone = augment_plots(PLOTS, lost[lost["climate"] == "cold"], missing="drop")
    assert alone.dropped == 2 and len(alone.table) == len(PLOTS)


def test_two_units_of_npp_show_in_the_bounds():
    with pytest.warns(DataWarning, match=r"the NPP ratio of 4 of 4 points lies outside 0\.2 to 5 .*another unit of NPP"):
        found = augment_plots(PLOTS, POINTS.assign(npp=POINTS["npp"] / 1000))
    np.testing.assert_allclose(points_of(found)["npp_ratio"], 0.2)
    wide = augment_plots(PLOTS, POINTS, ratio_limits=(0.01, 100.0))
    assert wide.clipped == 0 and points_of(wide)["npp_ratio"].tolist()[3] == 10.0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"method": "closest"}, OptionError, "method must be one of 'nearest', 'mean', 'random', got 'closest'"),
        ({"missing": "ignore"}, OptionError, "missing must be one of 'refuse', 'drop'"),
        ({"distance": "euclid"}, OptionError, "distance must be one of 'planar', 'great_circle'"),
        ({"ratio_limits": (2.0, 5.0)}, OptionError, r"ratio_limits must be two numbers around 1, as \(0.2, 5\), got"),
        ({"pools": "biomass"}, OptionError, "pools and kept must be lists of columns"),
        ({"kept": ("biomass",)}, OptionError, "'biomass' is in pools and in kept"),
        ({"strata": ()}, OptionError, "strata must name a column"),
        ({"pools": ("biomas",)}, DataError, "plots have no column 'biomas'. Did you mean 'biomass'"),
        ({"strata": ("zone",)}, DataError, "plots have no column 'zone'"),
        ({"plots": PLOTS.assign(plot="a")}, DataError, "plot 'a' occurs twice: average its rows"),
        ({"plots": PLOTS.assign(npp=[0.0, 1, 1, 1])}, DataError, "'npp' must be above 0, but is not at 1 plots, first 'c'"),
        ({"plots": PLOTS.assign(biomass=[1.0, -1, 1, 1])}, DataError, "'biomass' must be 0 or more, .* first 'a'"),
        (
            {"plots": PLOTS.assign(climate=["arid", None, "arid", "humid"])},
            DataError,
            "'climate' is missing at 1 plots, first 'a'",
        ),
        ({"plots": PLOTS.assign(npp="1")}, DataError, "column 'npp' of plots must be finite numbers"),
        ({"plots": PLOTS.head(0)}, DataError, "there is no plot"),
        ({"plots": PLOTS.assign(clipped=1)}, DataError, "plots have a column 'clipped' already: rename it"),
        ({"plots": [1]}, DataError, "plots must be a pandas DataFrame, got list"),
        ({"points": POINTS.assign(npp=[-9999.0, 1, 1, 1])}, DataError, "'npp' is negative at 1 points: look for a fill value"),
        ({"points": POINTS.drop(columns="x")}, DataError, "points have no column 'x'"),
    ],
)
def test_bad_tables_and_options_are_refused_in_words(change, error, message):
    given = {"plots": PLOTS, "points": POINTS} | change
    with pytest.raises(error, match=message) as caught:
        augment_plots(given.pop("plots"), given.pop("points"), **given)
    assert "\n" not in str(caught.value)


def leak(seed: int) -> tuple[float, float]:
    """R2 of a forest under random and under grouped folds, where density follows the class and else is noise of a plot."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import GroupKFold, KFold, cross_val_predict

    rng = np.random.default_rng(seed)

    def rows(n):
        ecosystem = rng.integers(0, 4, n)
        return pd.DataFrame(
            {
                "ecosystem": ecosystem.astype(str), "x": rng.uniform(0, 1e5, n), "y": rng.uniform(0, 1e5, n),
                "npp": rng.gamma(20, 10, n) + 40 * ecosystem, "dem": rng.normal(size=n), "ndvi": rng.normal(size=n),
            }
        )  # fmt: skip

    plots = rows(60)
    plots["plot"] = [f"p{i}" for i in range(60)]
    plots["biomass"] = 10 + 3 * plots["ecosystem"].astype(int) + rng.gamma(2, 6, 60)
    table = augment_plots(plots, rows(400), strata=("ecosystem",)).table
    features, target = table[["npp", "dem", "ndvi", "x", "y"]], table["biomass"].to_numpy()
    model = RandomForestRegressor(50, min_samples_leaf=2, random_state=0)
    folds = {"random": KFold(5, shuffle=True, random_state=0), "grouped": GroupKFold(5)}
    scores = []
    for split in folds.values():
        groups = table["fold_group"] if isinstance(split, GroupKFold) else None
        predicted = cross_val_predict(model, features, target, cv=split, groups=groups)
        scores.append(1 - ((target - predicted) ** 2).sum() / ((target - target.mean()) ** 2).sum())
    return scores[0], scores[1]


@pytest.mark.slow
def test_random_folds_see_the_plot_of_a_point_and_grouped_folds_do_not(request):
    replicates = request.config.getoption("--replicates") or 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = np.array([leak(seed) for seed in range(replicates)])
    gap = scores[:, 0] - scores[:, 1]
    # Eight seeds gave a mean gap of 0.28 and none below 0.18; the bar leaves room for two replicates.
    assert (gap > 0).all() and gap.mean() > 0.15
