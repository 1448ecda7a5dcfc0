"""Risks, ecological detector, intervals and corrected P of the geodetector: definitions, references, and their sizes."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, stats

from carbondrivers.attribution import detect
from carbondrivers.attribution.effective_size import products
from carbondrivers.attribution.geodetector import pair_table
from carbondrivers.attribution.geodetector_moments import cell_moments, pair_moments
from carbondrivers.attribution.geodetector_pairs import additive, ecological_test, equal_shares, two_sided_tail
from carbondrivers.attribution.geodetector_risks import letters, stratum_means
from carbondrivers.attribution.geodetector_spatial import correlations, places_of, sums_among
from carbondrivers.attribution.geodetector_tests import noncentral_interval, share_interval, welch_test
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataWarning, OptionError
from carbondrivers.reports import journal, pictures, tables, texts

from .conftest import REFERENCE

FACTORS = ["landcover", "group", "soil", "zone"]


def _sample(frame: pd.DataFrame, factors: list[str], placed: bool = False, **more: object) -> PixelSample:
    drivers = [Driver(f, kind="categorical") for f in factors]
    where = {"coordinates": ("x", "y"), "crs": "EPSG:32650"} if placed else {}
    return PixelSample.from_frame(frame, response="nep", drivers=drivers, **where, **more)  # type: ignore[arg-type]


def _field(rng: np.random.Generator, side: int, smoothing: float) -> np.ndarray:
    field = rng.normal(size=(side + 8 * int(smoothing + 1),) * 2)
    field = ndimage.gaussian_filter(field, smoothing, mode="wrap") if smoothing else field
    return field[:side, :side].ravel()


def _smooth(seed: int, side: int, smoothing: float) -> pd.DataFrame:
    """A response and two drivers of five classes, three smooth fields that know nothing of each other."""
    rng = np.random.default_rng(seed)
    row, column = np.indices((side, side)).reshape(2, -1)
    frame = pd.DataFrame({"x": column * 1000.0, "y": row * 1000.0, "nep": _field(rng, side, smoothing)})
    for name in ("a", "b"):
        driver = _field(rng, side, smoothing)
        frame[name] = np.searchsorted(np.quantile(driver, [0.2, 0.4, 0.6, 0.8]), driver)
    return frame


def test_risks_equal_gd(pixels: pd.DataFrame) -> None:
    # GD 10.8: Welch's t, its degrees of freedom and P, closed forms: 1e-8 relative.
    found = detect(_sample(pixels, FACTORS)).risks
    found = {(r.driver, r.level, r.level_2): r for r in found.itertuples()}
    expected = pd.read_csv(REFERENCE / "geodetector" / "ref_GD_risk.csv").astype({"itv1": str, "itv2": str})
    assert len(expected) == len(found) == 30
    for row in expected.itertuples():
        ours = found.get((row.variable, row.itv1, row.itv2)) or found[row.variable, row.itv2, row.itv1]
        assert abs(ours.statistic) == pytest.approx(abs(row.t), rel=1e-8)
        assert ours.df == pytest.approx(row.df, rel=1e-8)
        assert ours.p == pytest.approx(row.sig, rel=1e-7)
        assert ours.ci_low < ours.estimate < ours.ci_high
        assert ours.p_adjusted >= ours.p


def test_games_howell_is_the_studentised_range_of_the_same_t(pixels: pd.DataFrame) -> None:
    sample = _sample(pixels, ["soil"])
    welch, games = (detect(sample, risk_test=test).risks for test in ("welch", "games_howell"))
    strata = len(detect(sample).strata)
    expected = stats.studentized_range.sf(np.abs(welch["statistic"]) * np.sqrt(2), strata, welch["df"])
    np.testing.assert_allclose(games["p"], expected, rtol=1e-9)
    assert (games["p"] >= welch["p"]).all()


@pytest.mark.parametrize("seed", range(8))
def test_letters_say_exactly_which_strata_differ(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 9))
    differ = np.triu(rng.random((k, k)) < 0.4, 1)
    differ |= differ.T
    marks = letters(rng.normal(size=k), differ)
    for i, j in itertools.combinations(range(k), 2):
        assert bool(set(marks[i]) & set(marks[j])) != differ[i, j]


def test_welch_f_is_the_square_of_t_for_two_strata_and_known_for_three() -> None:
    rng = np.random.default_rng(2)
    y, codes = rng.normal(size=60) * np.repeat([1.0, 3.0], 30), np.repeat([0, 1], 30)
    t = stats.ttest_ind(y[:30], y[30:], equal_var=False)
    found = welch_test(cell_moments(y, codes, 2))
    assert found["statistic"] == pytest.approx(t.statistic**2, rel=1e-10)
    assert found["p"] == pytest.approx(t.pvalue, rel=1e-9)


def test_interval_of_q_is_where_the_observed_f_is_a_quantile() -> None:
    low, high = noncentral_interval(11.221, 4, 50, 0.9)
    assert stats.ncf.cdf(11.221, 4, 50, low) == pytest.approx(0.95, abs=1e-8)
    assert stats.ncf.cdf(11.221, 4, 50, high) == pytest.approx(0.05, abs=1e-8)
    # Where scipy's distribution function is NaN beyond the interval (F = 45.764), the bracket grows from below.
    low, high = noncentral_interval(45.764, 6, 178, 0.95)
    assert 170 < low < 274 < high < 420
    assert noncentral_interval(0.2, 4, 50, 0.95)[0] == 0.0
    assert np.isnan(noncentral_interval(np.nan, 4, 50, 0.95)).all()


@pytest.mark.slow
def test_interval_of_q_covers(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 200
    rng = np.random.default_rng(11)
    means, codes = np.array([0.0, 0.3, 0.5, 0.9]), np.repeat(np.arange(4), 40)
    truth = means.var() / (means.var() + 1.0)
    inside = 0
    for _ in range(replicates):
        moments = cell_moments(means[codes] + rng.normal(size=160), codes, 4)
        f = moments.between / 3 / (moments.within / 156)
        low, high = share_interval(f, 3, 156, 160, 0.95)
        inside += low <= truth <= high
    assert inside / replicates == pytest.approx(0.95, abs=max(0.03, 4 * np.sqrt(0.05 * 0.95 / replicates)))


@pytest.mark.parametrize("value", [0.3, 1.5, 4.0])
def test_tail_of_a_quadratic_form(value: float) -> None:
    # One chi-square has a known tail; eight equal ones on either side have a symmetric difference.
    upper, lower = stats.chi2.sf(value + 6, 6), stats.chi2.cdf(value + 6, 6)
    assert two_sided_tail(value, np.ones(6)) == pytest.approx(2 * min(upper, lower), abs=2e-4)
    both = np.r_[np.ones(8), -np.ones(8)]
    assert two_sided_tail(value, both) == pytest.approx(two_sided_tail(-value, both), abs=1e-9)


@pytest.mark.parametrize("value", [-3.0, 0.3, 9.0])
def test_tail_with_a_noncentral_part_and_an_estimated_variance(value: float) -> None:
    # One side by itself is a noncentral chi-square, and beside an estimated variance an F.
    upper = stats.ncx2.sf(value + 6 + 4, 6, 4.0)
    found = two_sided_tail(value, np.ones(6), 4.0, np.array([1.0]))
    assert found == pytest.approx(2 * min(upper, 1 - upper), abs=2e-4)
    upper = stats.f.sf((value + 6) / 6, 6, 11.5)
    assert two_sided_tail(value, np.ones(6), df=11.5) == pytest.approx(2 * min(upper, 1 - upper), abs=2e-4)
    # Both sides alike are symmetric, and much that is explained makes a normal law of its own variance.
    shared = np.array([0.7, -0.7])
    assert two_sided_tail(value, np.array([1.0, -1.0]), 2.0, shared) == pytest.approx(
        two_sided_tail(-value, np.array([1.0, -1.0]), 2.0, shared), abs=1e-9
    )
    wide = value * np.sqrt(4e6 * 1.4)
    assert two_sided_tail(wide / 6, np.array([1.0, -1.0]), 1e6, shared) == pytest.approx(
        2 * stats.norm.sf(abs(value) / 6), abs=2e-3
    )


def test_small_tails_fall_with_the_statistic() -> None:
    weights, shared = np.array([1.0, 1, 1, -1, -1, -1]), np.array([1.0, -1.0])
    found = [two_sided_tail(value, weights, 200.0, shared, 15_000.0) for value in np.arange(100.0, 900.0, 25.0)]
    assert (np.diff(found) < 0.0).all() and found[0] > 1e-3 and found[-1] < 1e-40


def test_ecological_detector_is_the_same_either_way(pixels: pd.DataFrame) -> None:
    y = pixels["nep"].to_numpy()
    codes = {f: pd.factorize(pixels[f])[0] for f in ("soil", "landcover")}
    size = {f: int(c.max()) + 1 for f, c in codes.items()}
    one = pair_moments(y, codes, size)["soil", "landcover"]
    two = pair_moments(y, dict(reversed(codes.items())), size)["landcover", "soil"]
    first, second = (ecological_test(t, additive(t), t.count.ravel().astype(float)) for t in (one, two))
    assert first["estimate"] == pytest.approx(-second["estimate"], rel=1e-9)
    assert first["p"] == pytest.approx(second["p"], rel=1e-6) and first["p"] < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 0.25, 0.7])
def test_equal_factors_are_seldom_found_different(effect: float, request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 300
    rng = np.random.default_rng(12)
    levels = np.linspace(-1, 1, 5) / np.linspace(-1, 1, 5).std()
    found = 0
    for _ in range(replicates):
        a, b = rng.integers(0, 5, 500), rng.integers(0, 5, 500)
        y = effect * (levels[a] + levels[b]) + rng.normal(size=500)
        table = pair_moments(y, {"a": a, "b": b}, {"a": 5, "b": 5})["a", "b"]
        found += ecological_test(table, additive(table), table.count.ravel().astype(float))["p"] < 0.05
    error = 3 * np.sqrt(0.05 * 0.95 / replicates)
    print(f"\n5 x 5 strata, effect {effect}: {found / replicates:.1%}")  # noqa: T201
    assert 0.03 - error < found / replicates < 0.07 + error


def test_what_equal_factors_explain_is_found() -> None:
    # Sides of four and of four chi-squares of weights 2 and 1: both estimate 800 where they explain 800.
    values, rng = np.array([2.0, 2, 2, 2, -1, -1, -1, -1]), np.random.default_rng(4)
    apart = np.array([10.0, 10, 10, 10, 14.142136, 14.142136, 14.142136, 14.142136])
    found = [equal_shares(values, values * (rng.normal(size=8) + apart)) for _ in range(300)]
    assert np.mean([shared for shared, _ in found]) == pytest.approx(800.0, rel=0.01)
    assert found[0][1] == pytest.approx([2.0, -1.0])
    # A side whose means are equal to the last digit explains nothing.
    shared, slopes = equal_shares(np.array([1.0, -0.5]), np.array([3.0, 0.0]))
    assert 0.0 <= shared < 9.0 and slopes.tolist() == [1.0, -0.5]
    # A factor within the other: one side only, and nothing beyond chance where they explain equally much.
    assert equal_shares(np.array([1.0, 1.0]), np.array([9.0, 2.0]))[0] == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 0.1, 0.15, 0.3])
@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (2, 8), (3, 8), (5, 10), (2, 21)])
def test_equal_factors_of_any_number_of_strata_are_seldom_found_different(
    shape: tuple[int, int], effect: float, request: pytest.FixtureRequest
) -> None:
    replicates = request.config.getoption("--replicates") or 100
    rng = np.random.default_rng(21)
    levels = [np.linspace(-1, 1, k) / np.linspace(-1, 1, k).std() for k in shape]
    found = 0
    for _ in range(replicates):
        a, b = (rng.integers(0, k, 500) for k in shape)
        y = effect * (levels[0][a] + levels[1][b]) + rng.normal(size=500)
        table = pair_moments(y, {"a": a, "b": b}, {"a": shape[0], "b": shape[1]})["a", "b"]
        found += ecological_test(table, additive(table), table.count.ravel().astype(float))["p"] < 0.05
    error = 3 * np.sqrt(0.05 * 0.95 / replicates)
    print(f"\n{shape[0]} x {shape[1]} strata, effect {effect}: {found / replicates:.1%}")  # noqa: T201
    # Where neither factor explains anything no test holds its size from below.
    assert (0.03 if effect else 0.01) - error < found / replicates < 0.07 + error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("smooth", "noise", "shape", "effect"),
    [
        (2, 2, (4, 4), 0.0),
        (2, 2, (4, 4), 0.3),
        (2, 2, (4, 4), 0.8),
        (3, 1, (4, 4), 0.3),
        (2, 2, (2, 6), 0.4),
        (3, 3, (5, 5), 0.5),
    ],
)
def test_equal_smooth_factors_are_seldom_found_different_once_corrected(
    smooth: float, noise: float, shape: tuple[int, int], effect: float, request: pytest.FixtureRequest
) -> None:
    replicates = request.config.getoption("--replicates") or 60
    rng, side = np.random.default_rng(3), 40
    levels = [np.linspace(-1, 1, k) / np.linspace(-1, 1, k).std() for k in shape]
    where = places_of(np.indices((side, side)).reshape(2, -1).T.astype(float), 48)
    naive = corrected = 0
    for _ in range(replicates):
        ranks = [np.argsort(np.argsort(_field(rng, side, smooth))) for _ in shape]
        a, b = (rank * k // side**2 for rank, k in zip(ranks, shape, strict=True))
        error = _field(rng, side, noise)
        y = effect * (levels[0][a] + levels[1][b]) + error / error.std()
        table = pair_moments(y - y.mean(), {"a": a, "b": b}, {"a": shape[0], "b": shape[1]})["a", "b"]
        fit, own, codes = additive(table), table.count.ravel().astype(float), a * shape[1] + b
        field = correlations(y - y.mean() - fit.fitted.ravel()[codes], where)
        among = sums_among(where, [field], codes, table.count.size)[0]
        naive += ecological_test(table, fit, own)["p"] < 0.05
        corrected += ecological_test(table, fit, own, among, field.squares)["p"] < 0.05
    margin = 3 * np.sqrt(0.05 * 0.95 / replicates)
    rejected = f"naive {naive / replicates:.1%}, corrected {corrected / replicates:.1%}"
    print(f"\nfactors {smooth}, errors {noise}, {shape}, effect {effect}: {rejected}")  # noqa: T201
    assert naive / replicates > 0.25
    assert 0.015 - margin < corrected / replicates < 0.07 + margin


def test_a_mean_of_hardly_more_than_one_independent_row_has_no_corrected_interval() -> None:
    codes, y = np.repeat([0, 1], 20), np.arange(40.0)
    moments = cell_moments(y, codes, 2)
    # Twenty rows of one stratum are worth 1.1 independent ones, those of the other 10.
    found = stratum_means(moments, np.diag([400.0 / 1.1, 40.0]), 0.95)
    assert found["n_eff"].round(3).tolist() == [1.1, 10.0]
    assert np.isnan(found["ci_eff_low"][0]) and found["ci_eff_low"][1] < moments.mean[1] < found["ci_eff_high"][1]


def test_sums_among_equal_their_definition() -> None:
    rng = np.random.default_rng(3)
    xy = np.argwhere(rng.random((7, 9)) < 0.8).astype(float)
    y, codes, weights = rng.normal(size=len(xy)), rng.integers(0, 3, len(xy)), rng.uniform(0.5, 2, len(xy))
    places = places_of(xy, 48)
    at = places.at
    ring = products(y, at) / np.maximum(at.pairs, 1)
    distance = np.rint(np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))).astype(int)
    dense = np.where(np.eye(len(xy), dtype=bool), 1.0, ring[distance])
    chosen = (codes[:, None] == np.arange(3)) * weights[:, None]
    found = sums_among(places, [correlations(y, places)], codes, 3, weights)[0]
    np.testing.assert_allclose(found, chosen.T @ dense @ chosen, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("p_method", ["f", "spatial"])
def test_smooth_fields_fool_the_naive_p_and_not_the_corrected(p_method: str, request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 40
    naive, corrected, pairs = [], [], []
    for seed in range(replicates):
        result = detect(_sample(_smooth(seed, 40, 2.0), ["a", "b"], placed=True), p_method=p_method, replicates=100)  # type: ignore[arg-type]
        naive += list(result.factors["p"] < 0.05)
        corrected += list(result.factors["p_eff"] < 0.05)
        pairs += list(result.interactions["p_eff"] < 0.05)
    error = 3 * np.sqrt(0.05 * 0.95 / replicates)
    assert np.mean(naive) > 0.75
    assert 0.03 - error < np.mean(corrected) < 0.09 + error
    assert np.mean(pairs) < 0.09 + error


def test_scattered_rows_get_simulated_fields_and_full_grids_are_shifted() -> None:
    frame = _smooth(1, 14, 2.0)
    whole = detect(_sample(frame, ["a"], placed=True), p_method="spatial", replicates=100)
    some = detect(_sample(frame.sample(100, random_state=0), ["a"], placed=True), p_method="spatial", replicates=100)
    assert any("100 shifts of the grid" in note for note in whole.notes)
    assert any("100 random fields" in note for note in some.notes)
    for result in (whole, some):
        row = result.factors.iloc[0]
        assert row["p"] < row["p_eff"] <= 1.0


@pytest.mark.parametrize("p_method", ["permutation", "spatial"])
def test_drawn_p_do_not_depend_on_the_order_of_rows(p_method: str) -> None:
    frame = _smooth(2, 12, 1.0).sample(90, random_state=1)
    one, two = (
        detect(_sample(f, ["a", "b"], placed=True), p_method=p_method, replicates=100)  # type: ignore[arg-type]
        for f in (frame, frame.sample(frac=1.0, random_state=2))
    )
    for name in ("factors", "interactions"):
        columns = ["p", "p_eff"]
        pd.testing.assert_frame_equal(one.tables[name][columns], two.tables[name][columns], rtol=1e-9)


def test_permutation_agrees_with_f_where_rows_are_independent(pixels: pd.DataFrame) -> None:
    sample = _sample(pixels, ["soil"])
    drawn, central = (detect(sample, p_method=m, replicates=999).factors.iloc[0] for m in ("permutation", "f"))
    error = 4 * np.sqrt(central["p"] * (1 - central["p"]) / 999)
    assert abs(drawn["p"] - central["p"]) < error + 0.02


def test_blocks_give_epsilon2_an_interval_that_holds_it() -> None:
    frame = _smooth(3, 30, 1.0)
    frame["nep"] += frame["a"]
    row = detect(_sample(frame, ["a"], placed=True)).factors.iloc[0]
    assert row["epsilon2_low"] < row["epsilon2"] < row["epsilon2_high"]
    assert row["ci_eff_low"] < row["ci_low"] < row["q"] < row["ci_high"]


def test_weights_are_areas(pixels: pd.DataFrame) -> None:
    # A row of weight 2 gives q as two rows do; one weight for all changes nothing.
    whole = detect(_sample(pixels, ["soil"])).factors.iloc[0]
    even = detect(_sample(pixels.assign(area=3.0), ["soil"], weights="area")).factors.iloc[0]
    assert even["q"] == pytest.approx(whole["q"], rel=1e-12) and even["p"] == pytest.approx(whole["p"], rel=1e-9)
    weights = np.random.default_rng(0).integers(1, 4, len(pixels))
    repeated = pixels.loc[pixels.index.repeat(weights)].reset_index(drop=True)
    weighted = detect(_sample(pixels.assign(area=weights * 1.0), ["soil"], weights="area")).factors.iloc[0]
    assert weighted["q"] == pytest.approx(detect(_sample(repeated, ["soil"])).factors["q"].iloc[0], rel=1e-10)
    assert weighted["df_2"] < len(pixels) - 3


def test_too_many_strata_and_nested_drivers_are_said(pixels: pd.DataFrame) -> None:
    few = pixels.iloc[::4].reset_index(drop=True)
    frame = few.assign(own=[f"s{i % 100}" for i in range(len(few))], zone=few["zone"].astype(str))
    frame["fine"] = frame["zone"] + np.where(frame["nep"] > frame["nep"].median(), "high", "low")
    result = detect(_sample(frame, ["own", "zone", "fine"]))
    factors = result.factors.set_index("driver")
    assert "100 strata of 150 rows" in factors.loc["own", "note"] and np.isnan(factors.loc["own", "q"])
    nested = result.interactions.set_index(["driver", "driver_2"]).loc[("fine", "zone")]
    assert nested["interaction_classic"] == "weaken, univariate" and nested["interaction"] == "not distinguishable"
    assert "no degrees of freedom" in nested["note"] and np.isnan(nested["p"])


def test_messages(pixels: pd.DataFrame) -> None:
    sample = _sample(pixels, ["soil"])
    with pytest.raises(OptionError, match=r"p_method must be one of 'f', .*got 'noncentral'"):
        detect(sample, p_method="noncentral")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="'spatial' needs coordinates"):
        detect(sample, p_method="spatial")
    with pytest.raises(OptionError, match="block_size cannot be used, the sample has no coordinates"):
        detect(sample, block_size=5.0)
    with pytest.raises(OptionError, match="replicates must be a whole number of 100 or more"):
        detect(sample, replicates=10)


def test_rows_in_one_place_have_no_spatial_null() -> None:
    frame = _smooth(4, 14, 2.0).sample(150, random_state=3).reset_index(drop=True)
    tower = np.arange(150) < 40
    frame.loc[tower, ["x", "y"]] = 5000.0
    with pytest.warns(DataWarning, match="repeat the coordinates"):
        sample = _sample(frame, ["a", "b"], placed=True, groups={"tower": tower, "rest": ~tower})
    result = detect(sample, p_method="spatial", replicates=100)
    for table in (result.factors, result.interactions):
        there = table["group"] == "tower"
        assert table.loc[there, "p"].notna().all() and table.loc[there, "p_eff"].isna().all()
        assert table.loc[~there, "p_eff"].notna().all()
    with pytest.warns(DataWarning, match="repeat the coordinates"):
        alone = _sample(frame.loc[tower].reset_index(drop=True), ["a", "b"], placed=True)
    with pytest.raises(OptionError, match="all lie in one"):
        detect(alone, p_method="spatial", replicates=100)
    notes = detect(alone, replicates=100).notes
    assert any("all rows lie in one place" in note for note in notes) and not any("Corrected P" in note for note in notes)


def test_a_missing_corrected_p_says_why() -> None:
    frame = pd.DataFrame({"nep": [1.0, 2.0, 3.0, 5.0], "a": [0, 0, 1, 1], "x": [0.0, 1.0, 2.0, 3.0], "y": [0.0, 0.0, 1.0, 1.0]})
    row = detect(_sample(frame, ["a"], placed=True), replicates=100).factors.iloc[0]
    assert np.isfinite(row["p"]) and np.isnan(row["p_eff"]) and "too few independent rows" in row["note"]


def test_an_open_bar_with_a_clear_interval_is_explained() -> None:
    rng = np.random.default_rng(1)
    at = rng.random((300, 2)) * 100
    frame = pd.DataFrame({"x": at[:, 0], "y": at[:, 1], "a": (at[:, 0] // 25).astype(int), "b": rng.integers(0, 3, 300)})
    frame["nep"] = np.sin(at[:, 0] / 20) + rng.normal(size=300) * 0.5
    said = {}
    for names in (["a"], ["b"]):
        result = detect(_sample(frame, names, placed=True), replicates=100)
        said[names[0]] = next(p.caption for p in pictures(result, journal=journal("jal")) if p.name == "factors")
        row = result.factors.iloc[0]
        assert (row["p_eff"] >= 0.05) and (row["ci_eff_low"] > 0.0) == (names == ["a"])
    assert "whisker is clear of 0" in said["a"] and "whisker is clear of 0" not in said["b"]
    assert all("effective n" not in caption for caption in said.values())


def _with_a_plot() -> PixelSample:
    """Rows all over a region, but the first in one place; a pair of drivers that do not add."""
    rng, n = np.random.default_rng(0), 500
    frame = pd.DataFrame({"x": rng.uniform(0, 1e5, n), "y": rng.uniform(0, 1e5, n)})
    frame["a"], frame["b"], frame["noise"] = rng.integers(0, 3, n), rng.integers(0, 3, n), rng.integers(0, 3, n)
    frame["nep"] = 2.0 * (frame["a"] == frame["b"]) + frame["a"] + rng.normal(size=n)
    plot = np.arange(n) < 150
    frame.loc[plot, ["x", "y"]] = 5.0
    return _sample(frame, ["a", "b", "noise"], placed=True, groups={"plot": plot})


def test_it_is_said_which_p_decides_in_each_group() -> None:
    with pytest.warns(DataWarning):
        found = detect(_with_a_plot(), replicates=100)
    pairs = found.interactions.set_index("group")
    assert pairs.loc["all", "p_eff"].notna().all() and pairs.loc["plot", ["p_eff", "n_eff"]].isna().all(axis=None)
    judged = pairs["p_eff_adjusted"].fillna(pairs["p_adjusted"]) < 0.05
    assert ((pairs["interaction"] != "not distinguishable") == judged).all() and judged["plot"].any()
    assert found.strata.query("group == 'plot' and driver == 'a'")["letters"].nunique() > 1
    assert any("No P knows about spatial autocorrelation in: plot." in note for note in found.notes)
    said = texts(found)[0]
    assert "decides on pairs and strata (naive P decide in group plot, where no corrected one exists)" in said.methods
    under = {t.name: " ".join(t.notes) for t in tables(found)}
    assert "Verdicts rest on the corrected P, but the naive one in plot" in under["geodetector_interactions"]
    assert "corrected P, but the naive one in plot" in under["geodetector_strata"]
    drawn = {p.name: p.caption for p in pictures(found, journal=journal("jal"))}
    assert "Naive P and interval in group plot" in drawn["factors"]
    assert "a corrected P < 0.05" in drawn["interaction_all"] and "a naive P < 0.05" in drawn["interaction_plot"]


def test_a_pair_of_a_group_with_places_is_never_judged_by_the_naive_p() -> None:
    rows = [
        {"group": "all", "p": 1e-9, "p_eff": p, "n_eff": n, "interaction_classic": "enhance, nonlinear"}
        for p, n in ((1e-4, 50.0), (np.nan, np.nan))
    ]
    assert pair_table(rows, "bh")["interaction"].tolist() == ["enhance, nonlinear", "not distinguishable"]


@pytest.mark.parametrize("heavy", [{0: 1.0, 1: 1e-4, 200: 1.0}, {0: 1.0, 200: 3.0}, {0: 1.0, 1: 0.9, 200: 0.2}])
def test_weights_that_leave_no_degree_of_freedom_leave_no_interval(heavy: dict[int, float]) -> None:
    # Kish's number is 1.5 to 2.5, and two strata leave less than one degree of freedom: q is near 1 in the first two by itself.
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"c": np.repeat([0, 1], 200), "nep": rng.normal(size=400), "w": 1e-9})
    frame["x"], frame["y"] = rng.uniform(0, 1e5, (2, 400))
    frame.loc[list(heavy), "w"] = list(heavy.values())
    row = detect(_sample(frame, ["c"], placed=True, weights="w"), replicates=100).factors.iloc[0]
    assert 0.0 <= row["q"] <= 1.0 and "too few independent rows" in row["note"]
    empty = ["statistic", "p", "ci_low", "ci_high", "epsilon2", "omega2", "epsilon2_eff", "ci_eff_low", "ci_eff_high", "p_eff"]
    assert row[empty].isna().all()


def test_weights_that_leave_two_degrees_of_freedom_leave_an_interval() -> None:
    frame = pd.DataFrame({"c": np.repeat([0, 1], 200), "nep": np.random.default_rng(0).normal(size=400), "w": 1e-9})
    frame.loc[[0, 1, 200, 201], "w"] = 1.0
    row = detect(_sample(frame, ["c"], weights="w")).factors.iloc[0]
    assert row["df_2"] == pytest.approx(2.0, abs=1e-6) and row["ci_low"] <= row["ci_high"] and row["note"] == ""
