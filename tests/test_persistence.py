"""Hurst exponent: kernels against an oracle, white noise against a simulated table, sizes, gaps, classes, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.attribution import persistence_kernels as kernels
from carbondrivers.attribution.persistence import PersistenceResult, persistence
from carbondrivers.attribution.persistence_estimator import CLASSES, METHODS, PUBLISHED, published_codes
from carbondrivers.errors import DataError, OptionError

from .conftest import REFERENCE

SERIES = pd.read_csv(REFERENCE / "timeseries" / "series.csv")
ORACLE = pd.read_csv(REFERENCE / "timeseries" / "expected_series_py.csv").query("source == 'oracle'")
NULL = pd.read_csv(REFERENCE / "timeseries" / "hurst_null_quantiles.csv")
ESTIMATORS: dict[str, dict[str, Any]] = {
    "prefix tau=2..T": {"tau_min": 2, "corrected": False, "series": "levels"},
    "prefix tau=3..T": {"tau_min": 3, "corrected": False, "series": "levels"},
    "prefix tau=3..T, Anis-Lloyd corrected": {"tau_min": 3, "corrected": True, "series": "levels"},
    "first differences, tau=2..T-1 (copied script)": {"tau_min": 2, "corrected": False, "series": "differences"},
}


def a_stack(values: np.ndarray, first: int = 2000, crs: str = "EPSG:32650") -> xr.DataArray:
    """Return a stack of values (years, cells) or (years, y, x)."""
    values = values[:, None, :] if values.ndim == 2 else values
    coords = {
        "year": np.arange(first, first + len(values)), "y": np.arange(values.shape[1], 0.0, -1.0) * 1e2,
        "x": np.arange(values.shape[2]) * 1e2,
    }  # fmt: skip
    attrs = {"crs": crs, "units": "g C m-2 a-1", "long_name": "NEP"}
    return xr.DataArray(values, coords, ("year", "y", "x"), name="nep", attrs=attrs)


def noise(years: int, cells: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(years, cells))


def shares(result: PersistenceResult, by: str) -> pd.Series:
    return result.classes.loc[result.classes["method"] == METHODS[by]].set_index("level")["share"]


def by_hand(y: np.ndarray, tau_min: int = 2) -> float:
    taus, logs = [], []
    for tau in range(tau_min, len(y) + 1):
        centred = y[:tau] - y[:tau].mean()
        spread = np.sqrt((centred**2).mean())
        if spread > 1e-12:
            path = np.cumsum(centred)
            taus.append(np.log(tau))
            logs.append(np.log((path.max() - path.min()) / spread))
    return float(np.polyfit(taus, logs, 1)[0])


@pytest.mark.parametrize("name", [c for c in SERIES if c not in ("year", "s10_constant") and SERIES[c].notna().all()])
def test_kernels_equal_the_oracle(name: str) -> None:
    # An oracle written from the formulas, printed with 15 digits: 1e-11.
    expected = ORACLE[ORACLE["series"] == name].set_index("stat")["value"]
    y = SERIES[name].to_numpy(float)[None, :]
    for tau in (2, 3, 5):
        assert kernels.hurst(y, "prefix", tau, False)[0] == pytest.approx(expected[f"H_prefix_tau{tau}"], abs=1e-11)
    line_free = kernels.hurst(kernels.detrended(y), "prefix", 3, False)[0]
    assert line_free == pytest.approx(expected["H_prefix_tau3_detrended"], abs=1e-11)
    # The oracle's blocks divide by tau - 1 in the standard deviation, which shifts the slope by a constant.
    taus = kernels.block_lengths(21)
    shift = np.polyfit(np.log(taus), 0.5 * np.log((taus - 1) / taus), 1)[0]
    blocks = kernels.hurst(y, "blocks", 2, False)[0]
    assert blocks + shift == pytest.approx(expected["H_blocks_5_7_10_21_ddof1"], abs=1e-11)
    assert kernels.hurst(y, "blocks", 2, True)[0] == pytest.approx(expected["H_AL_5_7_10_21_ddof1"], abs=1e-11)


@pytest.mark.parametrize("years", [15, 21, 24, 40])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_white_noise_equals_the_simulated_table(years: int, estimator: str) -> None:
    # Quantiles of an independent simulation of about 10,000 series: their Monte-Carlo errors are 0.0015 (mean, median),
    # 0.003 (5 %), 0.005 (0.5 %) of H; four of them are allowed.
    rows = NULL[(NULL["T"] == years) & (NULL["estimator"] == estimator)]
    assert len(rows) == 2
    for row in rows.to_dict("records"):
        null = kernels.null_values(years, "prefix", detrend=row["series"] != "raw", **ESTIMATORS[estimator])
        assert null.mean() == pytest.approx(row["mean"], abs=0.006)
        assert null.std() == pytest.approx(row["sd"], rel=0.03)
        for percent, allowed in ((0.5, 0.02), (2.5, 0.015), (5, 0.012), (50, 0.008), (95, 0.012), (97.5, 0.015), (99.5, 0.02)):
            assert np.percentile(null, percent) == pytest.approx(row[f"q{percent}"], abs=allowed)


def test_hurst_k_and_its_mean_in_white_noise() -> None:
    y = noise(21, 1, 1).T
    path = np.cumsum(y[0] - y[0].mean())
    expected = np.log((path.max() - path.min()) / y[0].std()) / np.log(10.5)
    assert kernels.hurst(y, "k", 2, False)[0] == pytest.approx(expected, abs=1e-12)
    # 10,000 series of an independent simulation: mean 0.650, 51 % above 0.65.
    null = kernels.null_values(21, "k", 2, False, False, "levels")
    assert (null.mean(), (null > 0.65).mean()) == pytest.approx((0.650, 0.511), abs=0.012)


def test_expected_range_is_that_of_white_noise() -> None:
    y = np.random.default_rng(3).normal(size=(200_000, 7))
    centred = y - y.mean(axis=1, keepdims=True)
    path = np.cumsum(centred, axis=1)
    ratio = np.ptp(path, axis=1) / y.std(axis=1)
    assert kernels.expected_range(7) == pytest.approx(ratio.mean(), abs=5 * ratio.std() / np.sqrt(len(ratio)))
    # Two values always have R / S = 1, three on average 3 sqrt(2) / pi.
    assert kernels.expected_range(2) == pytest.approx(1.0, abs=1e-14)
    assert kernels.expected_range(3) == pytest.approx(3 * np.sqrt(2) / np.pi, abs=1e-14)


@given(st.integers(0, 2000), st.integers(8, 40), st.floats(1e-6, 1e6), st.floats(-1e4, 1e4))
@settings(max_examples=60)
def test_no_unit_or_origin_matters(seed: int, years: int, scale: float, shift: float) -> None:
    y = noise(years, 1, seed).T
    h = kernels.hurst(y, "prefix", 2, False)[0]
    assert h == pytest.approx(by_hand(y[0]), abs=1e-9)
    moved = kernels.hurst((y + shift) * scale, "prefix", 2, False)[0]
    assert moved == pytest.approx(h, abs=1e-7)


@given(st.integers(0, 500), st.floats(-3.0, 3.0))
@settings(max_examples=30)
def test_a_line_matters_only_where_it_is_left_in(seed: int, slope: float) -> None:
    y = noise(20, 1, seed).T
    with_line = y + slope * np.arange(20)
    for detrend, series in ((True, "levels"), (False, "differences"), (True, "differences")):
        one, two = (kernels.hurst(kernels.prepared(v, detrend, series), "prefix", 2, False)[0] for v in (y, with_line))
        assert one == pytest.approx(two, abs=1e-8)


def test_equal_values_at_the_start_are_passed_over() -> None:
    y = np.array([[5.0, 5.0, 5.0, 7.0, 4.0, 6.0, 9.0, 3.0]])
    assert kernels.hurst(y, "prefix", 2, False)[0] == pytest.approx(by_hand(y[0]), abs=1e-12)
    constant, line = np.full((1, 12), 0.1), 1e5 + 0.1 * np.arange(12.0)[None, :]
    assert np.isnan(kernels.hurst(constant, "prefix", 2, False)[0])
    assert np.isnan(kernels.hurst(kernels.prepared(line, True, "levels"), "prefix", 2, False)[0])
    assert np.isnan(kernels.hurst(kernels.prepared(line, False, "differences"), "prefix", 2, False)[0])


def test_values_of_few_digits_are_counted() -> None:
    values = noise(21, 40, 5)
    values[:, :30] = np.round(values[:, :30])
    said = [note for note in persistence(a_stack(values)).notes if "different values as years" in note]
    assert len(said) == 1 and said[0].startswith("30 cells")
    assert not any("different values as years" in note for note in persistence(a_stack(noise(21, 40, 5))).notes)


def test_coarse_noise_is_called_persistent_too_often() -> None:
    # What the note on values of few digits says: 8 and 16 % of series, detrended 5 to 6 %.
    values = noise(21, 20_000, 6).T
    found = []
    for detrend in (False, True):
        null = kernels.null_values(21, "prefix", 2, False, detrend, "levels")
        for step in (1.0, 2.0):
            y = kernels.prepared(np.round(values / step) * step, detrend, "levels")
            p = kernels.p_under_noise(kernels.hurst(y, "prefix", 2, False), null)
            found.append(float((p < 0.05).mean()))
    assert found == pytest.approx([0.083, 0.161, 0.049, 0.056], abs=0.01)


def test_p_counts_both_tails() -> None:
    null = np.arange(1.0, 100.0)
    p = kernels.p_under_noise(np.array([50.0, 0.0, 1000.0, np.nan, 95.5]), null)
    np.testing.assert_allclose(p, [1.0, 0.02, 0.02, np.nan, 2 * 5 / 100])


OPTIONS: list[dict[str, Any]] = [
    {}, {"detrend": True}, {"series": "differences"}, {"method": "blocks"}, {"method": "k", "detrend": True},
    {"tau_min": 3, "correction": "anis_lloyd"},
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: " ".join(f"{k}={v}" for k, v in o.items()) or "default")
def test_size_on_white_noise(options: dict[str, Any], request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 5
    cells, rejected, adjusted = 2000, [], []
    for seed in range(replicates):
        result = persistence(a_stack(noise(21, cells, seed)), **options)
        rejected.append(shares(result, "p")["Not distinguishable from random"])
        adjusted.append(float((result.grid["p_adjusted"] < 0.05).mean()))
        # What white noise is said to give, it gives: within five Monte-Carlo errors of a share near one half.
        part = result.classes.loc[result.classes["method"] == METHODS["published"]]
        assert np.abs(part["share"] - part["share_expected"]).max() < 5 * np.sqrt(0.25 / cells)
    # The null is itself a simulation: its 2.5 % tails are good to 0.0005 each.
    assert abs(1 - np.mean(rejected) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / (cells * replicates)) + 0.003
    # After adjustment at most single cells are left: the smallest P, whose error all maps share, is near the first step.
    assert max(adjusted) <= 4 / cells and np.mean(adjusted) < 0.5 / cells


def fractional_noise(h: float, years: int, cells: int, seed: int) -> np.ndarray:
    """Return exact fractional Gaussian noise (years, cells), by the Cholesky factor of its covariance."""
    lag = np.abs(np.subtract.outer(np.arange(years), np.arange(years))).astype(float)
    covariance = 0.5 * (np.abs(lag + 1) ** (2 * h) - 2 * lag ** (2 * h) + np.abs(lag - 1) ** (2 * h))
    return np.linalg.cholesky(covariance) @ noise(years, cells, seed)


def test_memory_is_found_and_named() -> None:
    walk = persistence(a_stack(noise(24, 400, 1).cumsum(axis=0)))
    assert shares(walk, "p")["Persistent"] > 0.6 and shares(walk, "p")["Anti-persistent"] == 0
    long_memory = persistence(a_stack(fractional_noise(0.9, 100, 300, 2)), significance="naive")
    assert shares(long_memory, "p")["Persistent"] > 0.5
    kind = long_memory.grid["hurst_class"]
    assert kind.attrs["p"] == "p" and float((kind == 0).mean()) == pytest.approx(shares(long_memory, "p")["Persistent"])
    turning = persistence(a_stack(np.diff(noise(41, 400, 3), axis=0)))
    assert shares(turning, "p")["Anti-persistent"] > 0.5 and shares(turning, "p")["Persistent"] < 0.01


def test_long_memory_is_measured_where_years_are_many() -> None:
    # R / S is known to be biased towards 0.7 in short series; in 500 years it orders and roughly finds H.
    found = [persistence(a_stack(fractional_noise(h, 500, 60, 4))).summary["hurst"].iloc[0] for h in (0.3, 0.5, 0.8)]
    assert found[0] < found[1] < found[2]
    np.testing.assert_allclose(found, [0.37, 0.55, 0.76], atol=0.06)


def test_white_noise_of_21_years_is_called_so() -> None:
    result = persistence(a_stack(noise(21, 3000, 7)))
    assert result.summary["hurst"].iloc[0] == pytest.approx(0.64, abs=0.01)
    assert shares(result, "published")[PUBLISHED[-1]] == pytest.approx(0.467, abs=0.04)
    assert shares(result, "p_adjusted")["Not distinguishable from random"] > 0.999
    assert any("White noise of 21 years has a mean H of 0.64" in note and "47 % of it" in note for note in result.notes)
    assert any("not detrended" in note for note in result.notes)


def test_a_trend_makes_its_own_persistence() -> None:
    rising = noise(21, 1500, 8) + 0.1 * np.arange(21)[:, None]
    # 10,000 series of an independent simulation: 80.7 % above 0.65 as they are, 40.0 % without their line.
    assert shares(persistence(a_stack(rising)), "published")[PUBLISHED[-1]] == pytest.approx(0.807, abs=0.045)
    freed = persistence(a_stack(rising), detrend=True)
    assert shares(freed, "published")[PUBLISHED[-1]] == pytest.approx(0.400, abs=0.055)
    assert shares(freed, "p")["Persistent"] < 0.05
    assert not any("not detrended" in note for note in freed.notes)


def test_gaps_at_the_ends_are_taken_and_inside_are_not() -> None:
    values = noise(20, 6, 9)
    values[:3, 0] = values[17:, 1] = np.nan
    values[9, 2] = np.nan
    values[:8, 3] = np.nan
    values[:, 4] = np.nan
    result = persistence(a_stack(values))
    run, h = result.grid["run"].to_numpy()[0], result.grid["hurst"].to_numpy()[0]
    assert run.tolist() == [17, 17, 0, 12, 0, 20]
    assert np.isfinite(h).tolist() == [True, True, False, False, False, True]
    assert h[0] == pytest.approx(by_hand(values[3:, 0]), abs=1e-12)
    assert h[1] == pytest.approx(by_hand(values[:17, 1]), abs=1e-12)
    assert result.n == 3 and result.null["n_valid"].tolist() == [17, 20] and result.null["n"].tolist() == [2, 1]
    p = kernels.p_under_noise(h[:1], kernels.null_values(17, "prefix", 2, False, False, "levels"))
    assert float(result.grid["p"][0, 0]) == p[0]
    said = " ".join(result.notes)
    assert "1 cells have a gap inside their years" in said and "1 of 6 cells have no value" in said
    assert "1 further cells have values in fewer than 14 of 20 years" in said


def test_constant_cells_are_counted_and_have_no_p() -> None:
    values = noise(20, 3, 10)
    values[:, 1] = 3.0
    result = persistence(a_stack(values))
    assert np.isnan(result.grid["p"][0, 1]) and np.isnan(result.grid["hurst_class"][0, 1])
    assert any("1 cells are constant" in note for note in result.notes)
    assert result.classes.groupby("method")["n"].sum().tolist() == [2, 2, 2]


def test_shares_add_to_one_and_are_of_the_area() -> None:
    values = noise(20, 60, 11).reshape(20, 30, 2)
    values[:, :5] = np.cumsum(values[:, :5], axis=0)
    coords = {"year": np.arange(20), "y": np.linspace(85.0, 27.0, 30), "x": [0.0, 2.0]}
    stack = xr.DataArray(values, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:4326"})
    result = persistence(stack)
    for _, part in result.classes.groupby("method"):
        assert part["share"].sum() == pytest.approx(1.0, abs=1e-12) and part["n"].sum() == 60
        assert part["share_expected"].isna().all() or part["share_expected"].sum() == pytest.approx(1.0, abs=1e-12)
    part = result.classes[result.classes["method"] == METHODS["published"]].set_index("level")
    # Strong persistence lies in the far north, where cells are small.
    strong = result.grid["published_class"] == 3
    weight = np.cos(np.radians(result.grid["y"]))
    area = float((strong * weight).sum() / (weight.sum() * 2))
    assert part["share"][PUBLISHED[-1]] == pytest.approx(area, rel=1e-3)
    assert area < part["n"][PUBLISHED[-1]] / 60 - 0.02
    assert result.histogram["share"].sum() == pytest.approx(1.0) and result.histogram["share_expected"].sum() == pytest.approx(
        1.0
    )
    assert result.histogram["n"].sum() == 60


def test_borders_belong_to_the_lower_class() -> None:
    codes = published_codes(np.array([0.35, 0.36, 0.5, 0.51, 0.65, 0.66, np.nan]))
    np.testing.assert_array_equal(codes, [0, 1, 1, 2, 2, 3, np.nan])
    assert len(PUBLISHED) == 4 and "Not distinguishable from random" in CLASSES


def test_dates_are_years_and_order_does_not_matter() -> None:
    stack = a_stack(noise(20, 5, 12))
    dated = stack.rename(year="time").assign_coords(time=pd.date_range("2000-01-01", periods=20, freq="YS"))
    xr.testing.assert_equal(persistence(stack).grid["hurst"], persistence(dated).grid["hurst"])


@pytest.mark.parametrize(
    ("values", "options", "error", "message"),
    [
        (noise(20, 4, 0), {"method": "dfa"}, OptionError, "method must be one of 'prefix', 'blocks', 'k', got 'dfa'"),
        (noise(20, 4, 0), {"correction": "yes"}, OptionError, "correction must be one of 'none', 'anis_lloyd'"),
        (noise(20, 4, 0), {"series": "sums"}, OptionError, "series must be one of 'levels', 'differences'"),
        (noise(20, 4, 0), {"tau_min": 1}, OptionError, "tau_min must be a whole number from 2 up, got 1"),
        (noise(20, 4, 0), {"detrend": "line"}, OptionError, "detrend must be true or false, got 'line'"),
        (noise(20, 4, 0), {"min_valid": 4}, OptionError, r"min_valid must be from 5 to the number of years \(20\) for a Hurst"),
        (noise(20, 4, 0), {"method": "blocks", "min_valid": 12}, OptionError, "min_valid must be from 15 to"),
        (noise(20, 4, 0), {"tau_min": 15}, DataError, None),
        (noise(8, 4, 0), {}, DataError, r"only 8 years, at least 10 are needed for a Hurst exponent: give more years, or set"),
        (noise(12, 4, 0), {"method": "blocks"}, DataError, "only 12 years, at least 15 are needed for a Hurst exponent: give"),
        (np.full((20, 4), np.nan), {}, DataError, "no cell of 'nep' has 14 neighbouring years with a value, of 20: give more"),
        (np.ones((20, 4)), {}, DataError, "every cell of 'nep' with 14 years is constant"),
        (np.where(np.arange(20)[:, None] == 9, np.nan, noise(20, 4, 0)), {}, DataError, r"\(4 cells have gaps inside: fill"),
    ],
)  # fmt: skip
def test_messages(values: np.ndarray, options: dict[str, Any], error: type[Exception], message: str | None) -> None:
    if message is None:
        assert persistence(a_stack(values), **options).parameters["min_valid"] == 18
        return
    with pytest.raises(error, match=message):
        persistence(a_stack(values), **options)


def test_uneven_years_and_months_are_refused() -> None:
    stack = a_stack(noise(20, 3, 1))
    with pytest.raises(DataError, match=r"the years of 'nep' are not evenly spaced \(2008 follows 2006\): R / S needs"):
        persistence(stack.sel(year=[y for y in stack["year"].to_numpy() if y != 2007]))
    months = stack.rename(year="time").assign_coords(time=pd.date_range("2000-01-01", periods=20, freq="MS"))
    with pytest.raises(DataError, match="not evenly spaced"):
        persistence(months)
    assert persistence(stack.isel(year=slice(0, 20, 2))).n == 3
