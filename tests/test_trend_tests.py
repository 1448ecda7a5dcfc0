"""Tests of trends: the exact distribution, prewhitening, Hamed and Rao, published classes; sizes by simulation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from carbondrivers.attribution import trend
from carbondrivers.attribution import trend_kernels as kernels
from carbondrivers.attribution import trend_tests as checks
from carbondrivers.attribution.inference import Floats, benjamini_hochberg
from carbondrivers.attribution.trend_classes import CLASS_VIEWS, LEVELS, P_OF_196, class_codes, significant
from carbondrivers.attribution.trend_tests import TREND_TESTS
from carbondrivers.errors import DataError, OptionError

from .conftest import REFERENCE

SERIES = pd.read_csv(REFERENCE / "timeseries" / "series.csv")
NAMES = [c for c in SERIES.columns if c != "year"]
COMPLETE = [c for c in NAMES if SERIES[c].notna().all() and c != "s10_constant"]
YEARS = SERIES["year"].to_numpy(float) - 2000.0


def _series(names: list[str]) -> Floats:
    return SERIES[names].to_numpy(float).T


def _expected(source: str, suffix: str, names: list[str]) -> pd.DataFrame:
    table = pd.read_csv(REFERENCE / "timeseries" / f"expected_series_{suffix}.csv")
    table = table.loc[table["source"] == source].drop_duplicates(["series", "stat"])
    table["value"] = pd.to_numeric(table["value"], errors="coerce")
    return table.pivot_table(index="series", columns="stat", values="value").reindex(names)


def _slopes(y: Floats, t: Floats = YEARS) -> Floats:
    return kernels.theil_sen(y, t, kernels.mann_kendall(y).variance).slope


def _outcome(y: Floats, test: str, t: Floats = YEARS) -> checks.Outcome:
    return checks.outcome(y, t, kernels.mann_kendall(y), _slopes(y, t), test)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7])
def test_exact_p_is_the_share_of_all_orders(n: int) -> None:
    s = kernels.mann_kendall(np.array(list(permutations(range(n))), dtype=float)).s
    for value in np.unique(s):
        p = float(np.mean(np.abs(s) >= abs(value)))
        assert float(checks.exact_p(np.array([value]), n)[0]) == pytest.approx(p, rel=1e-12)


def test_exact_p_equals_references() -> None:
    # an oracle written from the formulas; R 4.2.2 cor.test(method = "kendall", exact = TRUE): closed form, 1e-11
    found = kernels.mann_kendall(_series(NAMES))
    compared = 0
    for source, suffix, stat in (("oracle", "py", "mk_exact_p"), ("stats::cor.test(kendall,exact=T)", "R", "p")):
        expected = _expected(source, suffix, NAMES)[stat]
        for i, name in enumerate(NAMES):
            n = int(SERIES[name].notna().sum())
            if np.isfinite(expected[name]):
                p = float(checks.exact_p(found.s[i : i + 1], n)[0])
                assert p == pytest.approx(expected[name], rel=1e-11), f"{name}, {source}"
                compared += 1
    assert compared >= 20


def test_p_is_exact_for_ten_years_without_ties_and_normal_otherwise() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(3, 11))
    y[0, 10] = np.nan
    y[1, 10] = np.nan
    y[1, 3] = y[1, 5]
    plain = kernels.mann_kendall(y)
    p = checks.small_sample_p(y, plain)
    assert p[0] == checks.exact_p(plain.s[:1], 10)[0] != plain.p[0]
    assert p[1] == plain.p[1] and p[2] == plain.p[2]


def test_both_intercepts_equal_references() -> None:
    # the median residual by R zyp 0.11-1 (years from 2000) and an oracle, Conover's in test_trend.py: closed forms, 1e-10
    y = _series(NAMES)
    found = kernels.theil_sen(y, YEARS, kernels.mann_kendall(y).variance)
    sources = (("oracle", "py", "sen_intercept_medresid"), ("zyp::zyp.sen", "R", "sen_intercept_year0=2000"))
    for source, suffix, stat in sources:
        theirs = _expected(source, suffix, NAMES)[stat]
        known = theirs.notna().to_numpy()
        assert known.sum() >= 14
        np.testing.assert_allclose(found.intercept_residual[known], theirs[known], rtol=1e-10, atol=1e-10)
    assert found.intercept[1] == pytest.approx(78.6017666666667) and found.intercept_residual[1] == pytest.approx(75.4991)


def test_hamed_rao_factor_equals_references_without_the_clip() -> None:
    # an oracle written from the formula, and R modifiedmk 1.6 mmkh (which squeezes nothing here: complete series)
    y = _series(COMPLETE)
    found = checks.hamed_rao_factor(y, YEARS, _slopes(y), lags=20, least=-np.inf)
    np.testing.assert_allclose(found, _expected("oracle", "py", COMPLETE)["hamed_rao_n/n*"], rtol=1e-11)
    theirs = _expected("modifiedmk::mmkh(Hamed-Rao)", "R", COMPLETE)["n/n*"]
    known = theirs.notna().to_numpy()
    assert known.sum() >= 9
    np.testing.assert_allclose(found[known], theirs[known], rtol=1e-10)
    assert found.min() < 1.0


def test_hamed_rao_never_makes_a_trend_surer() -> None:
    y = np.random.default_rng(3).normal(size=(300, 21)).cumsum(axis=1)
    plain, found = kernels.mann_kendall(y), _outcome(y, "hamed_rao")
    assert (np.abs(found.z) <= np.abs(plain.z)).all() and (found.p >= plain.p).all()
    assert (np.abs(found.z) < np.abs(plain.z)).mean() > 0.5


@pytest.mark.parametrize(
    ("kernel", "source"),
    [
        ("prewhitened", "pymannkendall.pre_whitening_modification_test"),  # pymannkendall 1.4.3
        ("trend_free", "pymannkendall.trend_free_pre_whitening_modification_test"),
    ],
)
def test_prewhitening_equals_pymannkendall(kernel: str, source: str) -> None:
    y = _series(COMPLETE)
    if kernel == "prewhitened":
        white = checks.prewhitened(y, checks.autocorrelation(y, 1)[0])
    else:
        white = checks.trend_free(y, YEARS, _slopes(y))
    found, expected = kernels.mann_kendall(white), _expected(source, "py", COMPLETE)
    # It rounds nothing, but a difference of values that ought to be equal is a tie for one and none for the other.
    exact = [i for i, name in enumerate(COMPLETE) if "ties" not in name and name != "s11_monotone"]
    np.testing.assert_array_equal(found.s[exact], expected["S"].iloc[exact])
    np.testing.assert_allclose(found.z[exact], expected["z"].iloc[exact], rtol=1e-12)


def test_three_pw_takes_the_weaker_test_where_years_are_alike() -> None:
    y = np.random.default_rng(5).normal(size=(400, 21)).cumsum(axis=1)
    plain, slope = kernels.mann_kendall(y), _slopes(y)
    r, _ = checks.autocorrelation(y, 1)
    alike = np.abs(r) > kernels.Z_95 / np.sqrt(21)
    found = _outcome(y, "three_pw")
    np.testing.assert_array_equal(found.p[~alike], plain.p[~alike])
    one, other = (kernels.mann_kendall(w) for w in (checks.prewhitened(y, r), checks.trend_free(y, YEARS, slope)))
    weaker = np.maximum(one.p, other.p)
    same = alike & (np.sign(one.z) == np.sign(other.z)) & (np.sign(one.z) == np.sign(plain.s))
    np.testing.assert_allclose(found.p[same], weaker[same], rtol=1e-12)
    np.testing.assert_array_equal(found.p[alike & ~same], 1.0)
    assert same.sum() > 100 and (alike & ~same).sum() > 10


def test_neighbours_are_one_step_apart() -> None:
    """A missing year is a gap: leaving its layer out, or leaving it empty, is the same."""
    y = np.random.default_rng(6).normal(size=(60, 21)).cumsum(axis=1)
    kept = np.delete(np.arange(21), [4, 5, 13])
    empty = y.copy()
    empty[:, [4, 5, 13]] = np.nan
    for test in ("three_pw", "hamed_rao"):
        one, two = _outcome(empty, test), _outcome(y[:, kept], test, YEARS[kept])
        np.testing.assert_allclose(one.z, two.z, rtol=1e-12)
        np.testing.assert_allclose(one.p, two.p, rtol=1e-12)
    squeezed = _outcome(y[:, kept], "hamed_rao", np.arange(18.0))
    assert not np.allclose(squeezed.p, _outcome(empty, "hamed_rao").p)


@pytest.mark.parametrize("test", TREND_TESTS)
def test_no_p_stands_beside_a_statistic_that_is_not_finite(test: str) -> None:
    y = np.vstack([np.full(21, 3.0), np.full(21, np.nan), np.arange(21.0), np.r_[np.full(18, np.nan), 1.0, 2.0, 4.0],
                   np.where(np.arange(21) % 2, np.nan, np.arange(21.0)), np.r_[np.zeros(20), 1.0]])  # fmt: skip
    found = _outcome(y, test)
    np.testing.assert_array_equal(np.isfinite(found.p), np.isfinite(found.z))
    assert found.z[0] == 0.0 and found.p[0] == 1.0 and np.isnan(found.p[1]) and found.p[2] < 1e-6
    assert (found.p[np.isfinite(found.p)] <= 1.0).all()


def _stack(values: np.ndarray, years: np.ndarray | None = None) -> xr.DataArray:
    years = np.arange(2000, 2000 + len(values)) if years is None else years
    coords = {"year": years, "y": np.arange(values.shape[1], 0, -1) * 1000.0, "x": np.arange(values.shape[2]) * 1000.0}
    return xr.DataArray(values, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:32650", "units": "g C m-2 a-1"})


@pytest.fixture
def stack() -> xr.DataArray:
    rng = np.random.default_rng(2)
    values = rng.normal(0, 5, (21, 8, 9)).cumsum(axis=0) / 2 + np.arange(21)[:, None, None] * np.linspace(-2, 2, 9)
    values[3, 1, 1] = values[4:18, 0, 0] = np.nan
    return _stack(values)


@pytest.mark.parametrize("test", TREND_TESTS)
def test_door_reports_the_chosen_test(stack: xr.DataArray, test: str) -> None:
    result = trend(stack, test=test)
    y = stack.to_numpy().reshape(21, -1).T[1:]
    found = _outcome(y, test)
    np.testing.assert_allclose(result.grid["mk_p"].to_numpy().ravel()[1:], found.p, rtol=1e-12)
    np.testing.assert_array_equal(result.grid["mk_s"].to_numpy().ravel()[1:], kernels.mann_kendall(y).s)
    assert result.parameters["test"] == test and np.isnan(result.grid["mk_p"][0, 0])
    assert len(set(result.classes["method"])) == 2
    mean = result.regional.set_index("method").loc["theil_sen", "p"]
    series = result.series["estimate"].to_numpy()[None, :]
    assert mean == pytest.approx(float(_outcome(series, test).p[0]), rel=1e-12)


def test_years_on_no_lattice_are_refused_by_the_tests_that_need_neighbours(stack: xr.DataArray) -> None:
    uneven = stack.assign_coords(year=2000 + np.arange(21) * 1.0 + 0.3 * (np.arange(21) > 10))
    assert trend(uneven).n == 71
    for test in ("three_pw", "hamed_rao"):
        with pytest.raises(DataError, match=r"no multiples of one step apart.*set test = 'mann_kendall'"):
            trend(uneven, test=test)


def test_options_are_closed_lists(stack: xr.DataArray) -> None:
    with pytest.raises(OptionError, match="test must be one of 'mann_kendall', 'three_pw', 'hamed_rao', got 'yue_wang'"):
        trend(stack, test="yue_wang")
    with pytest.raises(OptionError, match="classes must be one of 'northwest_china', 'horqin', 'ningxia'"):
        trend(stack, classes="china")


@pytest.mark.parametrize("view", CLASS_VIEWS)
def test_published_views_class_by_their_own_rule(stack: xr.DataArray, view: str) -> None:
    result = trend(stack, classes=view, significance="naive")
    layer = result.grid["trend_class"]
    assert layer.attrs["classes"] == list(LEVELS[view])
    names = np.array([*LEVELS[view], ""])[np.nan_to_num(layer.to_numpy(), nan=len(LEVELS[view])).astype(int)]
    z, s = result.grid["mk_z"].to_numpy(), result.grid["mk_s"].to_numpy()
    if view == "northwest_china":
        p = result.grid["mk_p"].to_numpy()
        assert ((names == "Extremely significant increase") == ((p < 0.01) & (s > 0))).all()
        assert ((names == "Significant decrease") == ((p >= 0.01) & (p < 0.05) & (s < 0))).all()
    else:
        assert ((names == "Significant increase") == (z > 1.96)).all() and (names == "Significant increase").any()
        assert ((names == "Significant decrease") == (z < -1.96)).all() and (names == "Significant decrease").any()
    for _, part in result.classes.groupby("method"):
        assert part["share"].sum() == pytest.approx(1.0, abs=1e-12) and list(part["level"]) == list(LEVELS[view])


@given(st.floats(1e-12, 1.0), st.integers(-210, 210))
def test_views_agree_on_what_is_significant(p: float, s: int) -> None:
    one, two = (class_codes(np.array([p]), np.array([float(s)]), view)[0] for view in ("horqin", "ningxia"))
    surely = p < P_OF_196 and s != 0
    assert (LEVELS["ningxia"][int(two)] != "No significant change") == surely
    if surely:
        assert LEVELS["horqin"][int(one)] == LEVELS["ningxia"][int(two)]


def test_significant_classes_are_named_by_direction() -> None:
    assert significant(LEVELS["northwest_china"], "increase") == ["Extremely significant increase", "Significant increase"]
    assert significant(LEVELS["ningxia"], "decrease") == ["Significant decrease"]


def _autoregressive(rng: np.random.Generator, n: int, rho: float, slope: float) -> Floats:
    noise = rng.normal(size=(n, 121))
    y = np.empty_like(noise)
    y[:, 0] = noise[:, 0]
    for year in range(1, 121):
        y[:, year] = rho * y[:, year - 1] + np.sqrt(1 - rho**2) * noise[:, year]
    return y[:, 100:] + slope * YEARS


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.2, 0.4, 0.6])
@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_size_and_power_are_those_simulated_independently(request: pytest.FixtureRequest, rho: float, slope: float) -> None:
    """Share of series with P < 0.05, beside an independent simulation of 20,000 series a cell (T = 21)."""
    table = pd.read_csv(REFERENCE / "timeseries" / "mk_size.csv")
    row = table.loc[(table["T"] == 21) & np.isclose(table["rho"], rho) & np.isclose(table["slope_sd_per_yr"], slope)].iloc[0]
    n = request.config.getoption("--replicates") or 4000
    y = _autoregressive(np.random.default_rng([7, int(10 * rho), int(10 * slope)]), n, rho, slope)
    columns = {"mann_kendall": "MK", "three_pw": "3PW rule", "hamed_rao": "Hamed-Rao, lags<=3, factor>=1"}
    for test, column in columns.items():
        share, known = float((_outcome(y, test).p < 0.05).mean()), float(row[column])
        error = np.sqrt(known * (1 - known) * (1 / n + 1 / 20_000))
        assert abs(share - known) < 4 * error, f"{test}: {share:.4f}, expected {known:.4f} +- {error:.4f}"


@pytest.mark.slow
def test_maps_without_any_trend_seldom_have_an_adjusted_one(request: pytest.FixtureRequest) -> None:
    """White noise, 48 x 48 cells, 21 years: the cells' size is that of the exact null, few maps have any BH rejection."""
    # |Z| > 1.96 is |S| >= 66 at 21 years; an independent simulation found 0.7 % of 300 maps with a rejection.
    size = float(checks.exact_p(np.array([66.0]), 21)[0])
    maps = request.config.getoption("--replicates") or 150
    rng = np.random.default_rng(8)
    found, naive = 0, 0.0
    for _ in range(maps):
        plain = kernels.mann_kendall(rng.normal(size=(48 * 48, 21)))
        adjusted = benjamini_hochberg(plain.p)
        found += bool((adjusted < 0.05).any())
        naive += float((plain.p < 0.05).mean()) / maps
    assert abs(naive - size) < 4 * np.sqrt(size * (1 - size) / (48 * 48 * maps))
    assert found <= 0.05 * maps
