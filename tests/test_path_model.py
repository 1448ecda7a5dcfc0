"""The door of the path models: invariances, joint likelihood, factors, messages, streaming."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from carbondrivers.attribution import PathModel, path_model
from carbondrivers.attribution.fit_indices import log_upper_chi2
from carbondrivers.attribution.path_claims import fisher_c
from carbondrivers.attribution.path_estimates import estimate
from carbondrivers.attribution.path_joint import implied_jointly
from carbondrivers.attribution.path_moments import moments, streamed_moments, within_classes
from carbondrivers.attribution.path_tables import indices
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataError, OptionError

from .path_cases import BLOCKS, OBSERVED, sample, table


def _measure(result: object, measure: str, method: str = "observed") -> float:
    fit = result.fit  # type: ignore[attr-defined]
    return float(fit[(fit["measure"] == measure) & (fit["method"] == method) & (fit["group"] == "all")]["estimate"].iloc[0])


@pytest.mark.parametrize("seed", range(3))
def test_order_of_equations_and_rows_and_units_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = path_model(sample(), model=OBSERVED, replicates=0)
    lines = OBSERVED.splitlines()
    shuffled = "\n".join(
        f"{left} ~ {' + '.join(rng.permutation(right.split(' + ')))}"
        for left, right in (lines[i].split(" ~ ") for i in rng.permutation(len(lines)))
    )
    frame = table().sample(frac=1.0, random_state=seed)
    scaled = frame.assign(**{c: frame[c] * 10.0 ** rng.integers(-6, 7) + 7.0 for c in ("TEM", "DEM", "HFP", "NEP")})
    two = path_model(sample(scaled), model=shuffled, replicates=0)
    for measure in ("fisher_c", "chi2", "rmsea", "cfi", "srmr"):
        assert _measure(two, measure) == pytest.approx(_measure(one, measure), abs=1e-10, rel=1e-9)
    keys = ["driver", "level", "path"]
    pd.testing.assert_frame_equal(one.effects[keys], two.effects[keys])
    np.testing.assert_allclose(one.effects["std_estimate"], two.effects["std_estimate"], atol=1e-10)
    np.testing.assert_allclose(one.claims["p"], two.claims["p"], rtol=1e-8)


def test_direct_and_indirect_make_the_total() -> None:
    result = path_model(sample(), model=BLOCKS, replicates=0)
    for columns in (["group", "method", "driver"], ["group", "method", "block", "driver"]):
        frame = result.effects if "block" not in columns else result.block_effects[result.block_effects["driver"] != ""]
        wide = frame[frame["level"] != "pathway"].pivot(index=columns, columns="level", values="std_estimate")
        np.testing.assert_allclose(wide["direct"] + wide["indirect"], wide["total"], atol=1e-12)
        summed = frame[frame["level"] == "pathway"].groupby(columns)["std_estimate"].sum()
        np.testing.assert_allclose(summed, wide.loc[summed.index, "total"], atol=1e-12)
    units = result.effects
    sd = table().std(numeric_only=True)
    measured = units[units["method"] == "observed"]
    expected = measured["std_estimate"] * sd["NEP"] / sd[measured["driver"]].to_numpy()
    np.testing.assert_allclose(measured["estimate"], expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{OBSERVED}\nTEM ~~ SLOPE", {"chi2": 32.8407176928, "df": 22, "srmr": 0.0234629441, "cfi": 0.9970373493,
                                       "tli": 0.9943440305, "aic": 11871.5725973136}),
        ("SLOPE ~ DEM\nTEM ~ SLOPE\nPRE ~ TEM\nPRE ~~ SLOPE", {"chi2": 396.5838112889, "df": 2, "srmr": 0.2141866591,
                                                               "cfi": 0.6359487589, "tli": -0.0921537233,
                                                               "aic": 4643.2651093525}),
        ("PRE ~ DEM + SLOPE\nTEM ~ DEM + HFP\nNEP ~ PRE + TEM\nPRE ~~ TEM", {
            "chi2": 68.1806963731, "df": 5, "srmr": 0.0357896771, "cfi": 0.9623963132, "tli": 0.9097511518,
            "aic": 6574.2088779825}),
    ],
)  # fmt: skip
def test_fit_with_correlated_errors_equals_lavaan(text: str, expected: dict[str, float]) -> None:
    """lavaan 0.6-14, sem(..., fixed.x = TRUE), printed with ten decimals; both iterate, so 1e-6."""
    model = PathModel.parse(text)
    found = indices(estimate(model, moments(table()[list(model.order)].to_numpy(), model.order)))
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-6)


def test_joint_fit_keeps_what_the_model_leaves_free() -> None:
    model = PathModel.parse("PRE ~ DEM + SLOPE\nTEM ~ DEM + HFP\nNEP ~ PRE + TEM\nPRE ~~ TEM")
    found = estimate(model, moments(table()[list(model.order)].to_numpy(), model.order))
    sigma = implied_jointly(found)
    outer = found.at(*model.exogenous)
    np.testing.assert_allclose(sigma[np.ix_(outer, outer)], found.r[np.ix_(outer, outer)], atol=1e-12)
    assert np.abs(np.diag(sigma) - 1.0).max() < 0.02 and np.linalg.eigvalsh(sigma)[0] > 0.0


def test_saturated_model_is_said_and_has_no_p() -> None:
    result = path_model(sample(), replicates=0)
    fit = result.fit.set_index("measure")
    assert fit.loc["claims", "estimate"] == 0 and "saturated" in fit.loc["claims", "note"]
    for measure in ("fisher_c", "chi2", "rmsea"):
        assert np.isnan(fit.loc[measure, "p"]) and "saturated" in fit.loc[measure, "note"]


def test_few_claims_are_said() -> None:
    fit = path_model(sample(), model=BLOCKS, replicates=0).fit
    note = fit[(fit["method"] == "composite") & (fit["measure"] == "claims")]["note"].iloc[0]
    assert note.startswith("C tests one claim")


def test_a_claim_without_doubt_keeps_its_log_p() -> None:
    """At n = 1e5 a false claim has a log p that no double holds; the tool that floors p would cap C at 92 a claim."""
    rng = np.random.default_rng(2)
    a = rng.normal(size=100_000)
    b = a + rng.normal(size=100_000)
    frame = pd.DataFrame({"a": a, "b": b, "NEP": a + b + rng.normal(size=100_000)})
    drivers = {"a": "climate", "b": "soil"}
    result = path_model(PixelSample.from_frame(frame, response="NEP", drivers=drivers), model="b ~ a; NEP ~ b", replicates=0)
    claim, fit = result.claims.iloc[0], result.fit.set_index("measure")
    assert claim["p"] == 0.0 and claim["log10_p"] < -3000
    assert fit.loc["fisher_c", "estimate"] == pytest.approx(-2.0 * np.log(10.0) * claim["log10_p"], rel=1e-12)
    assert fit.loc["fisher_c", "log10_p"] == pytest.approx(claim["log10_p"], rel=1e-9)
    assert claim["p_equivalent"] > 0.999


@pytest.mark.parametrize("df", [1, 2, 7, 46, 301])
def test_log_tail_of_chi2_meets_the_library_and_goes_on(df: int) -> None:
    for x in (0.5, df, 3.0 * df, 600.0 + df):
        assert log_upper_chi2(x, df) == pytest.approx(stats.chi2.logsf(x, df), rel=1e-10)
    # Far out the ratio of neighbouring tails is exp(-dx / 2) (x / x')^(1 - df/2) to first order.
    step = log_upper_chi2(40_002.0, df) - log_upper_chi2(40_000.0, df)
    assert step == pytest.approx(-1.0 + (df / 2.0 - 1.0) * np.log(40_002 / 40_000), abs=1e-6)


def test_fishers_c_of_even_df_is_a_sum() -> None:
    """Closed form: exp(-C/2) sum (C/2)^j / j!, of 3 claims."""
    c, df, p, _ = fisher_c(np.log10([0.02, 0.3, 0.9]))
    half = c / 2.0
    assert df == 6 and p == pytest.approx(np.exp(-half) * (1 + half + half**2 / 2), rel=1e-12)


def test_streamed_moments_are_those_of_the_whole() -> None:
    values = table()[["NEP", "TEM", "DEM"]].to_numpy() * [1.0, 1e-7, 1e6] + [1e4, 0.0, -3e8]
    one = moments(values, ["NEP", "TEM", "DEM"])
    two = streamed_moments((values[a : a + 77] for a in range(0, 600, 77)), ["NEP", "TEM", "DEM"])
    np.testing.assert_allclose(two.correlation, one.correlation, atol=1e-12)
    np.testing.assert_allclose(two.sd, np.std(values, axis=0, ddof=1), rtol=1e-12)
    assert two.n == 600


def test_factor_equals_dummies() -> None:
    """Class means taken out give the coefficients, errors and df of a regression with dummy columns."""
    frame = table().assign(kind=np.random.default_rng(1).choice(list("pqr"), 600))
    frame["NEP"] += frame["kind"].map({"p": 0.0, "q": 5.0, "r": -9.0})
    drivers = [Driver("TEM", "climate"), Driver("PRE", "climate"), Driver("kind", "human", kind="categorical")]
    part = PixelSample.from_frame(frame, response="NEP", drivers=drivers)
    result = path_model(part, model="NEP ~ TEM + PRE; PRE ~ TEM", factor="kind", replicates=0)
    found = result.coefficients.set_index(["response", "driver"]).loc[("NEP", "TEM")]
    design = np.column_stack([frame[["TEM", "PRE"]], pd.get_dummies(frame["kind"]).to_numpy(dtype=float)])
    inverse = np.linalg.inv(design.T @ design)
    b = inverse @ design.T @ frame["NEP"].to_numpy()
    rest = frame["NEP"].to_numpy() - design @ b
    assert found["df"] == 595
    assert found["estimate"] == pytest.approx(b[0], rel=1e-10)
    assert found["std_error"] == pytest.approx(np.sqrt(rest @ rest / 595 * inverse[0, 0]), rel=1e-10)


def test_means_of_classes_are_taken_out() -> None:
    values = np.random.default_rng(0).normal(size=(60, 2))
    codes = np.arange(60) % 4
    found, rest = within_classes(values + codes[:, None] * 100.0, ["a", "b"], codes)
    assert found.lost == 4 and np.abs([rest[codes == k].mean(axis=0) for k in range(4)]).max() < 1e-12
    np.testing.assert_allclose(found.cross, rest.T @ rest, rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "NEP ~ TEMP"}, "'TEMP', which is no variable.*Did you mean 'TEM'"),
        ({"model": "NEP ~ climat + soil"}, "Did you mean 'climate'"),
        ({"model": "PRE ~ TEM"}, "the response 'NEP' has no equation"),
        ({"model": "NEP ~ TEM; TEM ~ NEP"}, "circle"),
        ({"model": BLOCKS, "score": "pca"}, "score must be one of 'composite', 'pc1', 'mean', 'sheaf'"),
        ({"model": BLOCKS, "keys": {"climate": "SOC"}}, "key member of block 'climate' must be one of"),
        ({"model": BLOCKS, "keys": {"clim": "PRE"}}, "a block in keys must be one of"),
        ({"model": OBSERVED, "prune": "all"}, "prune must be one of"),
        ({"model": OBSERVED, "alpha": 2.0}, "alpha must be between 0 and 1"),
        ({"model": OBSERVED, "confidence": 1.5}, "confidence must be between 0 and 1"),
        ({"model": OBSERVED, "replicates": 7}, "replicates must be a whole number of 100 or more"),
        ({"model": OBSERVED, "factor": "SOC"}, "factor must be a categorical driver"),
        ({"model": 3}, "text of a path model must be a string"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        path_model(sample(), **options)


def test_categorical_driver_in_a_path_is_refused_with_a_way_out() -> None:
    frame = table().assign(cover=np.where(table()["LUCC"] > 0, "forest", "grass"))
    drivers = [Driver("TEM", "climate"), Driver("cover", "human", kind="categorical")]
    part = PixelSample.from_frame(frame, response="NEP", drivers=drivers)
    with pytest.raises(DataError, match=r"'cover' is categorical.*factor='cover'.*groups"):
        path_model(part, model="NEP ~ TEM + cover")
    with pytest.raises(DataError, match=r"block 'human' has no measured driver, only categorical ones \(cover\)"):
        path_model(part, model="NEP ~ TEM + human")


def test_collinear_and_exact_columns_are_named() -> None:
    frame = table().assign(twin=lambda f: f["TEM"] * 2.0 + 5.0, carbon=lambda f: f["SOC"] + f["SAND"])
    drivers = dict.fromkeys(("TEM", "twin", "SOC", "SAND", "carbon", "PRE"), "climate")
    part = PixelSample.from_frame(frame, response="NEP", drivers=drivers)
    with pytest.raises(DataError, match=r"causes of 'NEP' are collinear \(TEM, twin determine each other"):
        path_model(part, model="NEP ~ TEM + twin + PRE", replicates=0)
    with pytest.raises(DataError, match="'carbon' is an exact sum of its causes"):
        path_model(part, model="NEP ~ carbon; carbon ~ SOC + SAND", replicates=0)


def test_a_group_that_cannot_be_fitted_is_named_and_the_others_are_there() -> None:
    frame = table()
    few = np.zeros(600, dtype=bool)
    few[:6] = True
    part = sample(frame, groups={"few": few, "wet": (frame["PRE"] > 0).to_numpy()})
    result = path_model(part, model=OBSERVED, replicates=0)
    assert set(result.fit["group"]) == {"all", "wet"}
    assert any("Group few was not fitted: 6 rows are fewer than the equation of 'NEP' needs" in n for n in result.notes)


def test_rows_dropped_for_missing_values_are_said() -> None:
    frame = table()
    frame.loc[[3, 5], "SOC"] = np.nan
    result = path_model(sample(frame), model=OBSERVED, replicates=0)
    assert result.n == 598 and any("2 of 600 rows dropped" in note for note in result.notes)


def test_warnings_of_correlated_errors_reach_the_notes() -> None:
    result = path_model(sample(), model="NEP ~ PRE; PRE ~ SLOPE; SLOPE ~ DEM; NEP ~~ SLOPE", replicates=0)
    assert any("Least squares of NEP are biased" in note for note in result.notes)
    assert any("No claim is made of DEM and NEP" in note for note in result.notes)


def test_fit_of_a_model_object_is_the_door() -> None:
    one = PathModel.parse(OBSERVED).fit(sample(), replicates=0)
    two = path_model(sample(), model=OBSERVED, replicates=0)
    pd.testing.assert_frame_equal(one.effects, two.effects)


@pytest.mark.parametrize("families", [None, {"NEP": "gaussian"}])
def test_correlations_of_errors_are_those_of_residuals(families: dict[str, str] | None) -> None:
    """Residuals of each equation by least squares; an outer variable is its own error; n - 2 - 3 causes."""
    model = "TEM ~ DEM; NEP ~ TEM + HFP; PRE ~ DEM + SLOPE; NEP ~~ PRE; HFP ~~ PRE"
    result = path_model(sample(places=True), model=model, families=families, replicates=0)
    frame, found = table(), result.error_correlations.set_index(["driver", "response"])

    def error(name: str, *causes: str) -> np.ndarray:
        x = np.column_stack([np.ones(600), frame[list(causes)]])
        return np.asarray(frame[name] - x @ np.linalg.lstsq(x, frame[name], rcond=None)[0])

    pre = error("PRE", "DEM", "SLOPE")
    for pair, other, k in ((("NEP", "PRE"), error("NEP", "TEM", "HFP"), 4), (("HFP", "PRE"), error("HFP"), 2)):
        r, row = np.corrcoef(pre, other)[0, 1], found.loc[pair]
        assert row["r"] == pytest.approx(r, rel=1e-9) and row["df"] == 598 - k
        assert row["statistic"] == pytest.approx(r * np.sqrt((598 - k) / (1 - r**2)), rel=1e-9)
        assert 5 < row["n_eff"] <= 600 and row["p_eff"] >= 0
