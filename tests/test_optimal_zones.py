"""Optimal zones: rpart's trees, true Shapley shares, planted zones, the p that pays for growing."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import optimal_zones
from carbondrivers.attribution.optimal_zones import shapley, subsets
from carbondrivers.attribution.zone_tree import binned, grow, leaves, single_q, tree_q
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import OptionError

from .conftest import REFERENCE

FOLDER = REFERENCE / "geodetector"


def _pixels(frame: pd.DataFrame, *drivers: str) -> PixelSample:
    listed = [Driver(d, kind="categorical" if d == "landcover" else "continuous") for d in drivers]
    return PixelSample.from_frame(frame.drop(columns="group"), response="nep", drivers=listed)


def test_zones_of_single_drivers_equal_rpart(pixels: pd.DataFrame) -> None:
    # gdverse 1.7 gozh with rpart's defaults; 1e-9 absolute. Land cover is split between its classes.
    expected = pd.read_csv(FOLDER / "ref_gdverse_gozh_factor.csv").set_index("variable")["Q-statistic"]
    found = optimal_zones(_pixels(pixels, "temp", "prec", "elev", "landcover", "pop"), permutations=0).shares.set_index(
        "driver"
    )
    np.testing.assert_allclose(found["q"], expected.loc[found.index], atol=1e-9, rtol=0)


def test_shares_are_those_of_gdverse_with_the_empty_subset_put_back(pixels: pd.DataFrame) -> None:
    # gdverse 1.7 lesh leaves out the empty subset: its value lacks q_i / m; 1e-9 absolute.
    expected = pd.read_csv(FOLDER / "ref_gdverse_lesh_spd.csv").set_index("variable")["spd_theta"]
    result = optimal_zones(_pixels(pixels, "temp", "prec", "elev", "landcover"), permutations=0)
    found = result.shares.set_index("driver")
    np.testing.assert_allclose(found["estimate"] - found["q"] / 4, expected.loc[found.index], atol=1e-9, rtol=0)
    assert abs(found["estimate"].sum() - result.zones["q"].iloc[0]) < 1e-12
    assert abs(found["share"].sum() - 1.0) < 1e-12
    assert found["share_of"].str.startswith("q of the zones of all drivers").all()


def test_shapley_by_all_orders() -> None:
    rng = np.random.default_rng(1)
    values = {s: float(rng.random()) for s in subsets(4)}
    orders = list(permutations(range(4)))
    by_hand = np.zeros(4)
    for order in orders:
        for at, player in enumerate(order):
            before = tuple(sorted(order[:at]))
            by_hand[player] += (values[tuple(sorted((*before, player)))] - values.get(before, 0.0)) / len(orders)
    np.testing.assert_allclose(shapley(values, 4), by_hand, atol=1e-12)
    assert abs(shapley(values, 4).sum() - values[(0, 1, 2, 3)]) < 1e-12


def test_planted_zones_are_found_and_named() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"rain": rng.uniform(0, 600, 900), "cover": rng.choice(list("abc"), 900), "noise": rng.normal(size=900)}
    )
    frame["nep"] = 10.0 * (frame["rain"] > 300) + 4.0 * (frame["cover"] == "b") + rng.normal(size=900)
    drivers = {"rain": "climate", "cover": "human", "noise": "other"}
    result = optimal_zones(PixelSample.from_frame(frame, response="nep", drivers=drivers), permutations=19)
    shares = result.shares.set_index("driver")
    assert shares.loc["rain", "estimate"] > 5 * shares.loc["cover", "estimate"] > 0.1
    assert abs(shares.loc["noise", "estimate"]) < 0.02
    assert shares.loc["rain", "p"] == 0.05
    assert len(result.zones) == 4
    words = result.zones["level"][0].split()
    assert words[:3] == ["cover:", "b", "and"] and words[4:] == ["<", "rain"] and abs(float(words[3]) - 300) < 5
    assert result.zones["n"].sum() == 900 and result.zones["estimate"].is_monotonic_decreasing
    width = shares["ci_high"] - shares["ci_low"]
    assert (width > 0).all() and width.max() < 0.1


def test_trees_keep_their_rules() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 500)), rng.normal(size=500)
    tree = grow(y + 2 * (x[0] > 0), binned(list(x), [False, False]), [0, 1])
    assert min(len(leaf.rows) for leaf in leaves(tree)) >= 7
    assert sorted(np.concatenate([leaf.rows for leaf in leaves(tree)])) == list(range(500))
    assert tree_q(grow(y * 0.0, binned(list(x), [False, False]), [0])) == 0.0
    assert len(leaves(grow(y[:19], binned([x[0, :19]], [False]), [0]))) == 1


def test_one_driver_needs_no_tree() -> None:
    rng = np.random.default_rng(7)
    for seed in range(8):
        x, k = rng.normal(size=300).round(seed % 3), rng.integers(0, 9, 300).astype(float)
        y = rng.normal(size=300) + 0.5 * np.sin(3 * x) + 0.4 * (k % 2)
        bins = binned([x, k], [False, True])
        for i in (0, 1):
            assert single_q(y, bins, i) == pytest.approx(tree_q(grow(y, bins, [i])), abs=1e-12)


def test_many_values_are_binned_and_near_the_exact_tree() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=5000)
    y = (x > 0.5) + 0.1 * rng.normal(size=5000)
    assert tree_q(grow(y, binned([x], [False]), [0])) > 0.9


@pytest.mark.slow
def test_size_of_the_zones(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 40
    rng = np.random.default_rng(5)
    rejected = 0
    for seed in range(replicates):
        frame = pd.DataFrame({"a": rng.normal(size=150), "nep": rng.normal(size=150)})
        sample = PixelSample.from_frame(frame, response="nep", drivers={"a": "soil"})
        rejected += optimal_zones(sample, permutations=39, seed=seed).shares["p"][0] <= 0.05
    assert rejected / replicates < 0.05 + 4 * np.sqrt(0.05 * 0.95 / replicates)


def test_messages(sample: PixelSample) -> None:
    with pytest.raises(OptionError, match="confidence must be between 0 and 1, got 95"):
        optimal_zones(sample, confidence=95)
    with pytest.raises(OptionError, match=r"permutations must be a whole number of 0 or more, got 1\.5"):
        optimal_zones(sample, permutations=1.5)
    frame = pd.DataFrame(np.random.default_rng(6).normal(size=(60, 14)), columns=["nep", *(f"d{i}" for i in range(13))])
    many = PixelSample.from_frame(frame, response="nep", drivers=dict.fromkeys(frame.columns[1:], "soil"))
    with pytest.raises(OptionError, match="drivers must be at most 12, got 13: each of 8,191 subsets needs a tree"):
        optimal_zones(many, drivers=list(frame.columns[1:]))
    with pytest.raises(OptionError, match="Did you mean 'd1'"):
        optimal_zones(many, drivers=["d1x"])
    few = optimal_zones(many, drivers=["d3", "d1"], permutations=0)
    assert few.shares["driver"].tolist() == ["d1", "d3"]


def test_of_many_drivers_the_strongest_are_taken_and_it_is_said() -> None:
    frame = pd.DataFrame(np.random.default_rng(8).normal(size=(200, 11)), columns=["nep", *(f"d{i}" for i in range(10))])
    frame["nep"] += 3 * (frame["d4"] > 0) + 2 * (frame["d7"] > 0)
    result = optimal_zones(
        PixelSample.from_frame(frame, response="nep", drivers=dict.fromkeys(frame.columns[1:], "soil")), permutations=0
    )
    assert len(result.shares) == 8 and {"d4", "d7"} <= set(result.shares["driver"])
    assert any(note.startswith("Left out") for note in result.notes)
