"""Latent models: lavaan's numbers, known truth, invariance, what is refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import latent_kernels as kernels
from carbondrivers.attribution.latent_blocks import block_covariance, block_moments, scaling, whitened
from carbondrivers.attribution.latent_model import LatentResult, latent_model
from carbondrivers.attribution.latent_optimiser import optimum
from carbondrivers.attribution.latent_spec import LatentModel, Parameter
from carbondrivers.datasets import PixelSample
from carbondrivers.errors import OptionError

from .conftest import REFERENCE

LAVAAN = REFERENCE / "sem" / "lavaan"
HOLZINGER = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
HORQIN = """
Climate =~ TEM + PET + PRE
Topography =~ DEM + SLOPE
Soil =~ SOC + SAND
Topography ~ HFP
Climate ~ Topography + HFP
Soil ~ Climate + Topography
NEP ~ Climate + Soil + Topography + HFP
"""
DEMOCRACY = """
ind60 =~ x1 + x2 + x3
dem60 =~ y1 + y2 + y3 + y4
dem65 =~ y5 + y6 + y7 + y8
dem60 ~ ind60
dem65 ~ ind60 + dem60
y1 ~~ y5; y2 ~~ y4 + y6; y3 ~~ y7; y4 ~~ y8; y6 ~~ y8
"""


def _holzinger() -> PixelSample:
    # The table of Holzinger and Swineford (1939) that semopy ships.
    from semopy.examples.holzinger39 import get_data

    frame = get_data()[[f"x{i}" for i in range(1, 10)]]
    return PixelSample.from_frame(frame, response="x1", drivers=dict.fromkeys(frame.columns[1:], "other"))


def _horqin() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "sem" / "synth_horqin.csv")


def _lavaan(name: str, value: str) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Return lavaan's estimates and standard errors by part, response and driver."""
    found = {}
    for row in pd.read_csv(LAVAAN / f"{name}.csv").to_dict("records"):
        left, right = str(row["lhs"]), str(row["rhs"])
        key = {
            "=~": ("loading", right, left),
            "~": ("regression", left, right),
            "~~": ("variance" if left == right else "covariance", *sorted((left, right))),
        }.get(row["op"])
        if key:
            found[key] = (row[value], row["se"])
    return found


def _fit(result: LatentResult, group: str = "all") -> dict[str, float]:
    table = result.fit[result.fit["group"] == group].set_index("measure")
    more = {"df": table["df"]["chi2"], "p": table["p"]["chi2"], "p_close": table["p"]["rmsea"]}
    more |= {f"rmsea_{end}": table[f"ci_{end}"]["rmsea"] for end in ("low", "high")}
    return dict(table["estimate"]) | more


def _refusal(result: LatentResult, group: str = "all") -> str:
    table = result.fit[result.fit["group"] == group]
    return str(table["note"].iloc[0]) if list(table["measure"]) == ["refused"] else ""


def _compare(table: pd.DataFrame, column: str, expected: dict, rtol: float) -> None:
    """Compare values absolutely by the size of one, and errors relatively."""
    rows = [expected[row.level, row.response, row.driver] for row in table.itertuples()]
    values, errors = (np.array(part) for part in zip(*rows, strict=True))
    np.testing.assert_allclose(table[column], values, rtol=rtol, atol=rtol)
    free = table["std_error"].notna() & (errors > 0)
    assert free.sum() >= len(table) - 3
    np.testing.assert_allclose(table["std_error"][free], errors[free], rtol=rtol)


def test_holzinger_swineford_equals_lavaan() -> None:
    # lavaan 0.6-14 stops when its own criterion is met, some 1e-6 from the optimum.
    result = latent_model(_holzinger(), model=HOLZINGER)
    fit, expected = _fit(result), json.loads((LAVAAN / "hs_cfa_fit.json").read_text())
    assert fit["chi2"] == pytest.approx(85.305522, abs=5e-7) and fit["df"] == 24
    for ours, theirs in (
        ("chi2", "chisq"), ("cfi", "cfi"), ("tli", "tli"), ("rmsea", "rmsea"), ("rmsea_low", "rmsea.ci.lower"),
        ("rmsea_high", "rmsea.ci.upper"), ("p_close", "rmsea.pvalue"), ("log_likelihood", "logl"), ("aic", "aic"),
        ("bic", "bic"), ("p", "pvalue"), ("parameters", "npar"),
    ):  # fmt: skip
        assert fit[ours] == pytest.approx(expected[theirs], rel=1e-7), ours
    # SRMR is not stationary at the optimum, so lavaan's 1e-6 in the estimates shows.
    assert fit["srmr"] == pytest.approx(expected["srmr"], abs=1e-7) and round(fit["srmr"], 6) == 0.065205
    _compare(result.coefficients, "estimate", _lavaan("hs_cfa_params", "est"), 3e-6)
    _compare(result.standardised, "std_estimate", _lavaan("hs_cfa_stdsol", "est.std"), 3e-6)
    np.testing.assert_allclose(result.r2["r2"][0], 0.595799392656187, atol=2e-6)


def test_political_democracy_equals_lavaan() -> None:
    # Latent on latent, correlated residuals: lavaan 0.6-14, sem(PoliticalDemocracy), the table that semopy ships.
    from semopy.examples.political_democracy import get_data

    frame = get_data()
    sample = PixelSample.from_frame(frame, response="y8", drivers=dict.fromkeys(frame.columns.drop("y8"), "other"))
    result = latent_model(sample, model=DEMOCRACY)
    fit = _fit(result)
    assert (fit["chi2"], fit["df"]) == (pytest.approx(38.1252182, abs=1e-6), 35)
    np.testing.assert_allclose(
        [fit[key] for key in ("cfi", "tli", "rmsea", "srmr")], [0.995375, 0.992731, 0.034504, 0.044418], atol=6e-7
    )
    assert fit["aic"] == pytest.approx(3157.581887, abs=1e-6)
    _compare(result.coefficients, "estimate", _lavaan("pd_params", "est"), 3e-5)
    _compare(result.standardised, "std_estimate", _lavaan("pd_stdsol", "est.std"), 3e-5)


def _parts(model: LatentModel, frame: pd.DataFrame) -> tuple[kernels.Structure, np.ndarray, np.ndarray]:
    x = frame[list(model.observed)].to_numpy(dtype=np.float64)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    moments = z.T @ z / len(z)
    return kernels.structure(model.parameters, model.variables, len(model.observed), moments), z, moments


def _lavaan_theta(model: LatentModel, frame: pd.DataFrame, name: str) -> np.ndarray:
    """Return lavaan's estimates in the units of standardised variables."""
    sd = dict(frame[list(model.observed)].std(ddof=0))
    sd |= {latent: sd[given[0]] for latent, given in model.latents.items()}
    expected = _lavaan(name, "est")

    def one(p: Parameter) -> float:
        scale = sd[p.response] / sd[p.driver] if p.part in ("loading", "regression") else sd[p.response] * sd[p.driver]
        return float(expected[p.part, p.response, p.driver][0]) / scale

    return np.array([one(p) for p in model.parameters if p.free])


def test_improper_model_has_lavaans_numbers_inside_and_none_outside() -> None:
    # lavaan 0.6-14 reports this model with a variance of SOC of -0.00506; we reach the same point and refuse it.
    model, frame = LatentModel.parse(HORQIN), _horqin()
    of, _, moments = _parts(model, frame)
    theta = kernels.polish(of, _lavaan_theta(model, frame, "synth_latent_params") + 1e-3, moments)
    expected = json.loads((LAVAAN / "synth_latent_fit.json").read_text())
    assert len(frame) * kernels.discrepancy(of, theta, moments) == pytest.approx(expected["chisq"], abs=1e-6)
    np.testing.assert_allclose(theta, _lavaan_theta(model, frame, "synth_latent_params"), atol=1e-6)
    covariance = kernels.expected_covariance(kernels.moment_slopes(of, theta), len(frame))
    place = next(i for i, p in enumerate(q for q in model.parameters if q.free) if p.part == "variance" and p.response == "SOC")
    assert theta[place] < 0
    ratio = theta[place] / np.sqrt(covariance[place, place])
    assert ratio == pytest.approx(-0.0681463926250424, abs=1e-5)
    sample = PixelSample.from_frame(
        frame.drop(columns="region"), response="NEP", drivers=dict.fromkeys(frame.columns[1:-1], "other")
    )
    result = latent_model(sample, model=model)
    assert "Heywood case: the estimated variance of SOC is not above zero" in _refusal(result)
    for table in (result.coefficients, result.standardised, result.effects, result.fit):
        numbers = table.select_dtypes("number").drop(columns=["n", "n_units"], errors="ignore")
        assert numbers.isna().all(axis=None)
    assert any(note.startswith("Refused, group all: Heywood case") for note in result.notes)


def test_a_structural_model_with_fixed_causes_equals_lavaan() -> None:
    # No latent variable left: lavaan's chi2 36.6111629597, df 23, of the seven equations.
    text = """DEM ~ HFP\nSLOPE ~ DEM + GDP\nTEM ~ DEM + HFP\nPRE ~ DEM + SLOPE\nPET ~ TEM + PRE\nSOC ~ PRE + TEM + SLOPE
    NEP ~ TEM + PRE + PET + SOC + DEM + HFP + LUCC"""
    frame = _horqin().drop(columns="region")
    sample = PixelSample.from_frame(frame, response="NEP", drivers=dict.fromkeys(frame.columns.drop("NEP"), "other"))
    result = latent_model(sample, model=text)
    fit = _fit(result)
    assert (fit["chi2"], fit["df"]) == (pytest.approx(36.6111629597, abs=1e-6), 23)
    # Standardised by the implied standard deviations, as lavaan's standardizedSolution.
    arrows = result.standardised[result.standardised["level"] == "regression"]
    assert len(arrows) == 19
    _compare(arrows, "std_estimate", _lavaan("synth_observed_stdsol", "est.std"), 1e-6)


def test_errors_from_blocks_equal_lavaan_with_clusters() -> None:
    # lavaan 0.6-14: cfa(HOLZINGER, HolzingerSwineford1939, cluster = rep(1:43, length.out = 301), information = "observed"),
    # which has the factor 43 / 42 too; Satorra and Bentler's c of estimator = "MLM", which lacks it, is 1.05482429207261.
    frame = _holzinger().frame
    model = LatentModel.parse(HOLZINGER)
    of, z, moments = _parts(model, frame)
    theta = optimum(of, model.parameters, model.variables, moments).theta
    slopes = kernels.moment_slopes(of, theta)
    lower = np.linalg.cholesky(kernels.implied(of, theta)[0])
    information = len(z) / 2 * kernels.derivatives(lambda t: kernels.gradient(of, t, moments), theta)
    sums, rows = block_moments(z, np.arange(301) % 43)
    covariance = block_covariance(slopes, whitened(sums, lower), rows, information)
    sd = dict(zip(model.observed, frame[list(model.observed)].std(ddof=0), strict=True))
    sd |= {latent: sd[given[0]] for latent, given in model.latents.items()}
    expected = _lavaan("hs_cfa_cluster_params", "est")
    free = [p for p in model.parameters if p.free]
    scale = [sd[p.response] / sd[p.driver] if p.part == "loading" else sd[p.response] * sd[p.driver] for p in free]
    theirs = [expected[p.part, p.response, p.driver][1] for p in free]
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)) * scale, theirs, rtol=5e-6)
    sums, rows = block_moments(z, np.arange(301))
    c = scaling(slopes, whitened(sums, lower), rows, 24)
    assert c * 300 / 301 == pytest.approx(1.05482429207261, rel=1e-6)


def _made(n: int, rng: np.random.Generator) -> pd.DataFrame:
    cause = rng.normal(size=n)
    climate = 0.6 * cause + 0.8 * rng.normal(size=n)
    frame = pd.DataFrame(
        {name: w * climate + np.sqrt(1 - w**2) * rng.normal(size=n) for name, w in zip("abc", (0.9, 0.8, 0.7), strict=True)}
    )
    frame["cause"] = cause
    frame["nep"] = 0.5 * climate - 0.3 * cause + rng.normal(size=n)
    return frame


MADE = "climate =~ a + b + c\nclimate ~ cause\nnep ~ climate + cause"


def _sample(frame: pd.DataFrame, **more: object) -> PixelSample:
    return PixelSample.from_frame(frame, response="nep", drivers=dict.fromkeys("abc", "climate") | {"cause": "human"}, **more)


def test_recovers_what_was_planted() -> None:
    result = latent_model(_sample(_made(40_000, np.random.default_rng(2))), model=MADE)
    std = result.standardised.set_index(["level", "response", "driver"])
    for key, truth in {
        ("loading", "a", "climate"): 0.9,
        ("loading", "c", "climate"): 0.7,
        ("regression", "climate", "cause"): 0.6,
    }.items():
        assert abs(std.loc[key, "std_estimate"] - truth) < 4 * std.loc[key, "std_error"]
    effects = result.effects.query("driver == 'cause' and response == 'nep'").set_index("level")["std_estimate"]
    assert effects["direct"] + effects["indirect"] == pytest.approx(effects["total"], abs=1e-14)
    sd = np.sqrt(1 + 0.25 + 0.09 - 2 * 0.5 * 0.3 * 0.6)
    assert effects["indirect"] == pytest.approx(0.3 / sd, abs=0.02)
    assert _fit(result)["p"] > 0.001


@pytest.mark.slow
def test_intervals_cover_and_the_test_keeps_its_size(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 30
    rng = np.random.default_rng(8)
    covered = rejected = 0
    truth = 0.5 / np.sqrt(1 + 0.25 + 0.09 - 2 * 0.5 * 0.3 * 0.6)
    for _ in range(replicates):
        result = latent_model(_sample(_made(300, rng)), model=MADE)
        row = result.effects.query("driver == 'climate' and level == 'total'").iloc[0]
        covered += bool(row["ci_low"] <= truth <= row["ci_high"])
        rejected += bool(_fit(result)["p"] < 0.05)
    assert abs(covered / replicates - 0.95) < 4 * np.sqrt(0.95 * 0.05 / replicates)
    assert abs(rejected / replicates - 0.05) < 4 * np.sqrt(0.95 * 0.05 / replicates)


def _field(rng: np.random.Generator, side: int, reach: float) -> np.ndarray:
    """Return a standard normal field on a torus with Gaussian autocorrelation."""
    along = np.minimum(np.arange(side), side - np.arange(side))
    kernel = np.exp(-((along[:, None] ** 2 + along[None, :] ** 2) / reach**2))
    spectrum = np.sqrt(np.maximum(np.fft.fft2(kernel).real, 0.0))
    return np.fft.ifft2(spectrum * np.fft.fft2(rng.normal(size=(side, side)))).real.ravel()


@pytest.mark.slow
def test_neighbours_that_repeat_each_other_deceive_the_naive_test_alone(request: pytest.FixtureRequest) -> None:
    """A true model on smooth fields, blocks five ranges wide: naively it is often rejected, with sums over blocks seldom."""
    replicates = request.config.getoption("--replicates") or 20
    rng, side = np.random.default_rng(9), 60
    y, x = (axis.ravel().astype(float) for axis in np.mgrid[:side, :side])
    naive = corrected = 0
    for _ in range(replicates):
        common = _field(rng, side, 1.5)
        frame = pd.DataFrame({name: common + _field(rng, side, 1.5) for name in "abc"}).assign(x=x, y=y)
        frame["cause"], frame["nep"] = _field(rng, side, 1.5), common + _field(rng, side, 1.5)
        text = "climate =~ a + b + c; nep ~ climate + cause"
        fit = latent_model(_sample(frame, coordinates=("x", "y")), model=text, block_size=7.5).fit.set_index("measure")
        naive += bool(fit["p"]["chi2"] < 0.05)
        corrected += bool(fit["p"]["chi2_eff"] < 0.05)
        assert 10 < fit["n"]["chi2_eff"] < side**2
    # 299 other runs: 0.61 naively, 0.08 with blocks; four standard errors of the share.
    assert naive / replicates > 0.6 - 4 * np.sqrt(0.6 * 0.4 / replicates)
    assert corrected / replicates < 0.05 + 4 * np.sqrt(0.05 * 0.95 / replicates) + 0.05


def test_order_and_units_do_not_matter() -> None:
    frame = _made(300, np.random.default_rng(3))
    one = latent_model(_sample(frame), model=MADE)
    shuffled = frame.sample(frac=1, random_state=1)[["nep", "c", "cause", "a", "b"]]
    moved = shuffled * [1e6, 1e-4, 1e3, 1e5, 1.0] + [0.0, 5.0, 1e4, 0.0, -3.0]
    reordered = "nep ~ cause + climate\nclimate ~ cause\nclimate =~ a + c + b"
    for other in (latent_model(_sample(moved), model=reordered),):
        for key in ("chi2", "cfi", "rmsea", "srmr"):
            assert _fit(other)[key] == pytest.approx(_fit(one)[key], rel=1e-9)
        np.testing.assert_allclose(other.standardised["std_estimate"], one.standardised["std_estimate"], atol=1e-10)
        np.testing.assert_allclose(other.coefficients["statistic"], one.coefficients["statistic"], rtol=1e-9)


def test_groups_stand_or_fall_alone() -> None:
    frame = _made(600, np.random.default_rng(4))
    frame.loc[:9, "cause"] = 1.0
    few = np.arange(600) < 10
    result = latent_model(_sample(frame, groups={"few": few, "rest": ~few}), model=MADE)
    assert [_refusal(result, group) for group in ("all", "few", "rest")] == ["", "cause is constant in this group", ""]
    frame.loc[:9, "cause"] = np.arange(10.0)
    result = latent_model(_sample(frame, groups={"few": few}), model=MADE)
    assert _refusal(result, "few") == "10 rows are too few for 10 parameters of 5 variables"


def test_a_saturated_model_tests_nothing() -> None:
    result = latent_model(_sample(_made(200, np.random.default_rng(5))), model="nep ~ a + cause")
    row = result.fit.iloc[0]
    assert row["df"] == 0 and np.isnan(row["estimate"]) and np.isnan(row["p"]) and row["note"].startswith("saturated")
    assert np.isfinite(result.coefficients["std_error"]).all()


def test_collinear_indicators_are_named() -> None:
    frame = _made(200, np.random.default_rng(6)).assign(c=lambda f: 2 * f["a"] + 1)
    assert _refusal(latent_model(_sample(frame), model=MADE)).startswith("a, c are collinear")


def test_what_is_not_identified_is_refused_by_name() -> None:
    """A latent variable with two indicators that nothing else is correlated with: its loading has no one value."""
    frame = _made(400, np.random.default_rng(7))
    basis = np.linalg.qr(frame[["cause", "nep"]] - frame[["cause", "nep"]].mean())[0]
    for name in "ab":
        frame[name] -= frame[name].mean()
        frame[name] -= basis @ (basis.T @ frame[name])
    why = _refusal(latent_model(_sample(frame), model="twin =~ a + b\nnep ~ cause"))
    assert why.startswith("not identified: the data cannot tell apart twin -> b, ") and "variance of twin" in why


def test_no_model_means_one_latent_variable_a_category() -> None:
    frame = _made(400, np.random.default_rng(10))
    result = latent_model(_sample(frame))
    assert result.parameters["model"] == "climate =~ a + b + c\nnep ~ cause + climate"
    assert result.category("climate") == "climate" and isinstance(result, LatentResult)
    assert any(note.startswith("No model was given") for note in result.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "climate =~ a + b\nnep ~ climat",
            "'climat' is neither a latent variable nor a continuous column .* Did you mean 'climate'",
        ),
        ("climate =~ a", "latent variable 'climate' must have 2 or more indicators, got \\['a'\\]"),
        ("a =~ b + c", "latent variable 'a' is a column of the sample too"),
        ("climate =~ a + b\nclimate ~ nep\nnep ~ climate", "arrows must not run in a loop, got climate -> nep -> climate"),
        ("nep ~ a + a", "the arrow from 'a' to 'nep' is given twice"),
        ("nep = a", "line 1: 'nep = a' must be 'latent =~ a \\+ b'"),
        ("nep ~ exp(a)", "line 1: 'nep ~ exp\\(a\\)' must be"),
        ("climate =~ a + b", "4 parameters cannot be found from 3 variances and covariances"),
        ("", "must have two or more measured variables"),
    ],
)
def test_wrong_models_get_a_clear_message(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        latent_model(_sample(_made(60, np.random.default_rng(1))), model=text)


def test_options_have_closed_ranges() -> None:
    sample = _sample(_made(60, np.random.default_rng(1)))
    with pytest.raises(OptionError, match="confidence must be between 0 and 1, got 95"):
        latent_model(sample, model=MADE, confidence=95)
    with pytest.raises(OptionError, match="model must be a LatentModel or its text, got int"):
        latent_model(sample, model=3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="no continuous driver"):
        words = PixelSample.from_frame(
            pd.DataFrame({"nep": [1.0, 2, 3, 4], "z": list("abab")}), response="nep", drivers={"z": "soil"}
        )
        latent_model(words)


def test_text_reads_back() -> None:
    model = LatentModel.parse(DEMOCRACY)
    assert LatentModel.parse(model.text()) == model
    assert model.exogenous == ("ind60",) and len(model.correlated) == 6
