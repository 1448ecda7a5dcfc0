"""Optimum windows: planted windows of one driver and of a pair, simultaneous intervals, how sure the pick is, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from carbondrivers.attribution import optimum_windows
from carbondrivers.datasets import PixelSample
from carbondrivers.errors import OptionError
from carbondrivers.reports import texts


def _planted(n: int = 3000, seed: int = 1) -> PixelSample:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.uniform(0, 1e5, n), "y": rng.uniform(0, 1e5, n)})
    frame["rain"], frame["warm"], frame["noise"] = rng.uniform(0, 800, n), rng.uniform(0, 16, n), rng.normal(size=n)
    inside = frame["rain"].between(200, 400, inclusive="right") & frame["warm"].between(8, 12, inclusive="right")
    frame["nep"] = 60.0 * inside + 5.0 * rng.normal(size=n)
    drivers = {"rain": "climate", "warm": "climate", "noise": "other"}
    return PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"), crs="EPSG:32650")


BORDERS = {"rain": [200, 400, 600], "warm": [4, 8, 12]}


def test_planted_windows_are_found() -> None:
    result = optimum_windows(_planted(), borders=BORDERS)
    table = result.windows.set_index(["driver", "driver_2"])
    pair = table.loc[("rain", "warm")]
    assert pair[["lower", "upper", "lower_2", "upper_2"]].tolist() == [200, 400, 8, 12]
    assert pair["ci_low"] < 60 < pair["ci_high"] and pair["share"] == 1.0 and pair["cells"] == 16
    assert table.loc[("rain", ""), ["lower", "upper"]].tolist() == [200, 400]
    assert table.loc[("noise", ""), "share"] < 0.9
    said = texts(result)[0].findings[0]
    assert "rain 200 to 400 and warm 8 to 12 (mean 60" in said and "100 % of block resamples" in said


def test_numbers_by_hand() -> None:
    sample = _planted(400, 2)
    row = (
        optimum_windows(sample, side="lowest", classes=4, confidence=0.9)
        .windows.set_index(["driver", "driver_2"])
        .loc[("noise", "")]
    )
    codes = pd.qcut(sample.frame["noise"], 4, labels=False)
    means = sample.frame["nep"].groupby(codes).mean()
    member = sample.frame.loc[codes == means.idxmin(), "nep"]
    assert row["estimate"] == pytest.approx(means.min(), rel=1e-12) and row["n"] == len(member) == 100
    error = member.std() / 10
    reach = stats.t.ppf(1 - 0.1 / 2 / 4, 99) * error
    assert (row["std_error"], row["ci_high"]) == pytest.approx((error, means.min() + reach), rel=1e-9)


@pytest.mark.slow
def test_simultaneous_intervals_cover_where_nothing_is_planted(request: pytest.FixtureRequest) -> None:
    # The mean of the best of six strata of noise is 0; a plain 95 % interval around the largest covers far less often.
    replicates = request.config.getoption("--replicates") or 80
    rng = np.random.default_rng(3)
    covered = plain = 0
    for seed in range(replicates):
        frame = pd.DataFrame({"a": rng.normal(size=300), "nep": rng.normal(size=300)})
        sample = PixelSample.from_frame(frame, response="nep", drivers={"a": "soil"})
        row = optimum_windows(sample, replicates=100, seed=seed).windows.iloc[0]
        covered += row["ci_low"] < 0 < row["ci_high"]
        plain += abs(row["estimate"]) < 1.96 * row["std_error"]
    assert covered / replicates > 0.95 - 4 * np.sqrt(0.05 * 0.95 / replicates)
    assert plain <= covered


def test_small_strata_and_constant_drivers(sample: PixelSample) -> None:
    result = optimum_windows(sample, min_size=80)
    none = result.windows.query("group == 'sink' and driver == 'cover' and driver_2 == ''").iloc[0]
    assert none["note"].startswith("undefined: fewer than two strata of 80 rows") and np.isnan(none["estimate"])
    frame = sample.frame.assign(cover=sample.frame["cover"].astype(str))
    forest = (frame["cover"] == "forest").to_numpy()
    grouped = PixelSample.from_frame(
        frame, response="nep", drivers={"cover": "human", "rain": "climate"}, groups={"forest": forest}
    )
    row = optimum_windows(grouped).windows.query("group == 'forest' and driver == 'cover' and driver_2 == ''").iloc[0]
    assert "undefined" in row["note"]


def test_messages(sample: PixelSample) -> None:
    with pytest.raises(OptionError, match="side must be one of 'highest', 'lowest', got 'best'"):
        optimum_windows(sample, side="best")
    with pytest.raises(OptionError, match=r"borders: 'rainn' is no continuous driver of this sample. Did you mean 'rain'\?"):
        optimum_windows(sample, borders={"rainn": [1]})
    with pytest.raises(OptionError, match="min_size must be a whole number of 2 or more, got 1"):
        optimum_windows(sample, min_size=1)


def test_a_group_between_two_borders_is_one_stratum_and_no_end() -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"rain": rng.uniform(0, 800, 400), "nep": rng.normal(size=400)})
    groups = {"dry": (frame["rain"] < 180).to_numpy(), "wet": (frame["rain"] >= 180).to_numpy()}
    sample = PixelSample.from_frame(frame, response="nep", drivers={"rain": "climate"}, groups=groups)
    table = optimum_windows(sample, borders={"rain": [200, 400]}, replicates=100).windows.set_index("group")
    assert table.loc["dry", "cells"] == 1 and "fewer than two strata" in table.loc["dry", "note"]
    assert table.loc[["all", "wet"], "cells"].tolist() == [3, 3]
    with pytest.raises(OptionError, match="part no two values"):
        optimum_windows(sample, borders={"rain": [900]}, replicates=100)
