"""What is nought but for rounding is no finding: the same strata under other names, strata whose rows are equal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import GeodetectorResult, detect
from carbondrivers.attribution.geodetector_moments import cell_moments, pair_moments
from carbondrivers.attribution.geodetector_pairs import additive, ecological_test
from carbondrivers.attribution.geodetector_risks import spreads
from carbondrivers.attribution.geodetector_rows import Row
from carbondrivers.attribution.geodetector_tests import welch_test
from carbondrivers.datasets import Driver, PixelSample

SIDE = 13


def _frame(n: int, seed: int) -> pd.DataFrame:
    """Rows in different places, with a factor, the same under other names, and one within it."""
    rng = np.random.default_rng(seed)
    cell = rng.permutation(SIDE**2)[:n]
    frame = pd.DataFrame({"x": cell % SIDE * 1e3, "y": cell // SIDE * 1e3, "zone": rng.integers(0, 3, n)})
    frame["again"], frame["within"] = 2 - frame["zone"], 2 * frame["zone"] + rng.integers(0, 2, n)
    return frame.assign(nep=frame["zone"] + rng.normal(size=n), w=10.0 ** rng.uniform(-3.0, 3.0, n))


def _detected(frame: pd.DataFrame, placed: bool = True, weights: str | None = None, **how: object) -> GeodetectorResult:
    drivers = [Driver(name, kind="categorical") for name in ("zone", "again", "within")]
    sample = PixelSample.from_frame(
        frame, response="nep", drivers=drivers, coordinates=("x", "y") if placed else None, weights=weights
    )
    return detect(sample, replicates=100, **how)  # type: ignore[arg-type]


def _row(table: pd.DataFrame, one: str, two: str) -> Row:
    return dict(table.loc[(table["driver"] == one) & (table["driver_2"] == two)].iloc[0])


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("placed", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_a_factor_and_itself_under_other_names_cannot_be_told_apart(seed: int, placed: bool, weights: str | None) -> None:
    frame = _frame(14 + 20 * (seed % 3), seed)
    for part in (frame, frame.sample(frac=1.0, random_state=seed)):
        row = _row(_detected(part, placed, weights).ecological, "again", "zone")
        assert pd.isna([row[key] for key in ("statistic", "p", "statistic_eff", "p_eff")]).all()
        assert str(row["note"]).startswith("undefined: the same strata")


def test_a_factor_within_another_is_tested_alike_for_any_order_of_rows() -> None:
    frame = _frame(60, 1)
    one, two = (_row(_detected(part).ecological, "within", "zone") for part in (frame, frame.iloc[::-1]))
    assert float(str(one["estimate"])) == pytest.approx(float(str(two["estimate"])), abs=1e-12)
    for key in ("p", "p_eff"):
        assert 0.0 < float(str(one[key])) < 1.0
        assert one[key] == pytest.approx(two[key], abs=1e-9)


def test_correlations_that_cancel_within_strata_leave_no_test() -> None:
    one, two = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    table = pair_moments(np.array([0.0, 1.0, 3.0, 5.0]), {"a": one, "b": two}, {"a": 2, "b": 2})["a", "b"]
    rounding = 1e-15 * np.random.default_rng(0).normal(size=(4, 4))
    assert np.isfinite(ecological_test(table, additive(table), np.ones(4))["p"])
    found = ecological_test(table, additive(table), np.ones(4), rounding + rounding.T, 0.0)
    assert np.isnan(list(found.values())).all()


@pytest.mark.parametrize("order", range(5))
def test_strata_of_equal_rows_are_not_compared(order: int) -> None:
    frame = _frame(60, 2)
    frame["nep"] = frame["zone"] * 0.1 + 7.0
    risks = _detected(frame.sample(frac=1.0, random_state=order), risk_test="games_howell").risks
    same = risks.loc[risks["driver"] == "zone"]
    assert len(same) == 3
    assert same[["statistic", "p", "ci_low", "statistic_eff", "p_eff"]].isna().all(axis=None)
    np.testing.assert_allclose(np.sort(same["estimate"].abs()), [0.1, 0.1, 0.2], rtol=1e-9)


def test_a_spread_of_rounding_is_nought_and_a_small_one_is_not() -> None:
    codes = np.repeat([0, 1], 10)
    y = np.where(codes == 0, 0.1, np.sin(np.arange(20)))
    y -= y.mean()
    assert spreads(cell_moments(y, codes, 2))[0] == 0.0
    assert np.isnan(welch_test(cell_moments(y, codes, 2))["statistic"])
    y[:10] += 1e-9 * np.arange(10)
    assert spreads(cell_moments(y, codes, 2))[0] == pytest.approx(1e-9 * np.std(np.arange(10), ddof=1), rel=1e-5)
    assert np.isfinite(welch_test(cell_moments(y, codes, 2))["statistic"])
