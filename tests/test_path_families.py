"""Equations of other distributions and robust errors: against R 4.2.2 (glm, nlme 3.1), against the moments, truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import path_model
from carbondrivers.attribution.path_families import fit_equation
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataError, OptionError

from .path_cases import BLOCKS, OBSERVED, sample, table


def _binary() -> PixelSample:
    """Whether NEP exceeds 20, by temperature and precipitation, which elevation acts on."""
    frame = table().assign(sink=lambda f: (f["NEP"] > 20.0).astype(float))
    drivers = {"TEM": "climate", "PRE": "climate", "DEM": "topography"}
    return PixelSample.from_frame(frame, response="sink", drivers=drivers)


BINARY = "sink ~ TEM + PRE; TEM ~ DEM; PRE ~ DEM"


def test_binomial_equation_and_claims_equal_r() -> None:
    """glm(sink ~ TEM + PRE, binomial): ten decimals; the likelihood ratio of the model from the same logLik."""
    result = path_model(_binary(), model=BINARY, families={"sink": "binomial"})
    found = result.coefficients.set_index(["response", "driver"]).loc[("sink", "TEM")]
    assert found["estimate"] == pytest.approx(-1.8350701824, rel=1e-7)
    assert found["std_error"] == pytest.approx(0.1860810889, rel=1e-5)
    claims = {(row.driver, row.response): row for row in result.claims.itertuples()}
    assert set(claims) == {("DEM", "sink"), ("PRE", "TEM")} or set(claims) == {("DEM", "sink"), ("TEM", "PRE")}
    assert claims["DEM", "sink"].p == pytest.approx(0.0067781972, rel=1e-4)
    other = next(row for row in result.claims.itertuples() if row.response != "sink")
    assert other.p == pytest.approx(0.0502916637, rel=1e-8)
    fit = result.fit.set_index("measure")
    expected = 2 * ((-198.5657241829 + -732.0185120751) - (-202.3363340382 + -733.9456058536))
    assert fit.loc["chi2", "estimate"] == pytest.approx(expected, abs=1e-6) and fit.loc["chi2", "df"] == 2
    c = -2 * (np.log(0.0067781972) + np.log(0.0502916637))
    assert fit.loc["fisher_c", "estimate"] == pytest.approx(c, abs=1e-4)


def test_poisson_equation_equals_r() -> None:
    frame = table().assign(count=lambda f: np.floor(np.abs(3 * f["SOC"]) + (f["PRE"] > 0) + 2))
    part = PixelSample.from_frame(frame, response="count", drivers={"SOC": "soil", "PRE": "climate"})
    result = path_model(part, model="count ~ SOC + PRE", families={"count": "poisson"})
    found = result.coefficients.set_index("driver").loc["SOC"]
    assert found["estimate"] == pytest.approx(-0.0641368353, rel=1e-7)
    assert found["p"] == pytest.approx(0.0035726818, rel=1e-4)
    assert result.fit.set_index("measure").loc["log_likelihood", "estimate"] == pytest.approx(-1248.5068601404, abs=1e-6)


def test_mixed_equation_equals_nlme() -> None:
    """lme(yy ~ TEM + PRE, random = ~ 1 | g, method = "ML"): both iterate, 1e-4."""
    site = np.arange(600) // 30
    frame = table().assign(g=[f"s{k:02d}" for k in site], NEP=lambda f: f["NEP"] + site % 7 * 2.0)
    drivers = [Driver("TEM", "climate"), Driver("PRE", "climate"), Driver("g", "other", kind="categorical")]
    part = PixelSample.from_frame(frame, response="NEP", drivers=drivers)
    result = path_model(part, model="NEP ~ TEM + PRE", families={"NEP": "mixed"}, cluster="g")
    found = result.coefficients.set_index("driver")
    assert found.loc["TEM", "estimate"] == pytest.approx(-6.0404525080, rel=1e-4)
    # nlme divides the residual variance by n - 3, statsmodels by n.
    assert found.loc["TEM", "std_error"] == pytest.approx(0.2648129566, rel=4e-3)
    assert result.fit.set_index("measure").loc["log_likelihood", "estimate"] == pytest.approx(-1948.1645640319, abs=1e-4)
    assert "random intercepts hold" in found.loc["TEM", "note"]


def test_gaussian_equations_by_row_equal_those_of_moments() -> None:
    rows = path_model(sample(places=True), model=OBSERVED, families={"NEP": "gaussian"})
    plain = path_model(sample(places=True), model=OBSERVED, replicates=0)
    for name, columns in (
        ("coefficients", ["estimate", "std_estimate", "std_error", "p", "n_eff", "p_eff", "ci_low", "ci_eff_high"]),
        ("claims", ["r_partial", "statistic", "df", "p", "n_eff", "statistic_eff", "p_eff"]),
        ("r2", ["r2", "intercept", "rmse"]),
        ("effects", ["std_estimate", "estimate"]),
    ):
        for column in columns:
            np.testing.assert_allclose(getattr(rows, name)[column], getattr(plain, name)[column], rtol=1e-7, err_msg=column)
    for measure in ("fisher_c", "fisher_c_eff", "chi2", "rmsea", "aic_c"):
        one, two = (r.fit.set_index("measure").loc[measure, "estimate"] for r in (rows, plain))
        assert one == pytest.approx(two, rel=1e-7), measure


def test_robust_errors_are_hc3() -> None:
    """HC3 written from its formula: (X'X)^-1 sum x x' e^2 / (1 - h)^2 (X'X)^-1."""
    result = path_model(sample(), model="NEP ~ TEM + PRE", errors="robust").coefficients.set_index("driver")
    frame = table()
    x = np.column_stack([np.ones(600), frame["TEM"], frame["PRE"]])
    inverse = np.linalg.inv(x.T @ x)
    e = frame["NEP"].to_numpy() - x @ inverse @ x.T @ frame["NEP"].to_numpy()
    h = np.einsum("ij,jk,ik->i", x, inverse, x)
    covariance = inverse @ (x.T * (e / (1 - h)) ** 2) @ x @ inverse
    assert result.loc["TEM", "std_error"] == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-9)


def test_cluster_errors_see_repeated_rows() -> None:
    """Every row four times: classical errors halve, cluster errors stay."""
    frame = table().head(150).assign(site=[f"s{k:03d}" for k in range(150)])
    drivers = [Driver("TEM", "climate"), Driver("PRE", "climate"), Driver("site", "other", kind="categorical")]
    many = pd.concat([frame] * 4, ignore_index=True)
    error = {}
    for kind in ("classical", "cluster"):
        part = PixelSample.from_frame(many, response="NEP", drivers=drivers)
        found = path_model(part, model="NEP ~ TEM + PRE", errors=kind, cluster="site", replicates=0)
        error[kind] = found.coefficients.set_index("driver").loc["TEM", "std_error"]
    assert error["cluster"] / error["classical"] == pytest.approx(2.0, rel=0.1)


def test_conserve_keeps_the_smaller_p_of_both_directions() -> None:
    frame = table().assign(wet=lambda f: (f["PRE"] > 0).astype(float))
    part = PixelSample.from_frame(frame, response="NEP", drivers={"TEM": "climate", "wet": "climate", "DEM": "topography"})
    model = "NEP ~ wet + TEM; wet ~ DEM; TEM ~ DEM"
    wet = {"wet": "binomial"}
    found = {how: path_model(part, model=model, families=wet, asymmetric=how).claims for how in ("order", "conserve")}
    order, conserve = (found[how] for how in ("order", "conserve"))
    assert min(conserve["p"]) <= min(order["p"]) and len(conserve) == len(order) == 2
    pair = next(row for row in conserve.itertuples() if {row.driver, row.response} == {"TEM", "wet"})
    one = path_model(part, model=model + "; wet ~ TEM", families={"wet": "binomial"}).coefficients
    two = path_model(part, model=model + "; TEM ~ wet", families={"wet": "binomial"}).coefficients
    ps = [t[(t["response"] == r) & (t["driver"] == d)]["p"].iloc[0] for t, r, d in ((one, "wet", "TEM"), (two, "TEM", "wet"))]
    assert pair.p == pytest.approx(min(ps), rel=1e-6) and ps[0] != ps[1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"families": {"NEP": "binomial"}}, DataError, "needs 0 and 1, and 'NEP' has other values"),
        ({"families": {"NEP": "poisson"}}, DataError, "needs counts, and 'NEP' has values below 0"),
        ({"families": {"NEP": "normal"}}, OptionError, "family of 'NEP' must be one of 'gaussian', 'binomial'"),
        ({"families": {"HFP": "poisson"}}, OptionError, "a response in families must be one of"),
        ({"families": {"NEP": "mixed"}}, OptionError, "cluster must name the categorical driver"),
        ({"errors": "cluster"}, OptionError, "cluster must name the categorical driver"),
        ({"errors": "hc3"}, OptionError, "errors must be one of"),
        ({"errors": "robust", "asymmetric": "both"}, OptionError, "asymmetric must be one of"),
        ({"errors": "robust", "model": BLOCKS}, OptionError, "cannot be combined with blocks"),
        (
            {"errors": "robust", "prune": "split"},
            OptionError,
            "cannot be combined",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        path_model(sample(), **{"model": OBSERVED} | options)


def test_parted_classes_and_collinear_causes_are_named() -> None:
    x = np.linspace(-1.0, 1.0, 40)[:, None]
    with pytest.raises(DataError, match="the causes of 'sink' part its two classes wholly"):
        fit_equation((x[:, 0] > 0.01).astype(float), x, ("sink", "rain"), "binomial", "classical", None)
    with pytest.raises(DataError, match=r"the causes of 'nep' are collinear \(a, b\)"):
        fit_equation(x[:, 0] ** 2, np.column_stack([x, 2 * x]), ("nep", "a", "b"), "gaussian", "classical", None)


def test_overdispersed_counts_are_said() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"rain": rng.normal(size=300)})
    frame["count"] = rng.poisson(np.exp(1.0 + 0.3 * frame["rain"] + rng.normal(size=300)))
    part = PixelSample.from_frame(frame, response="count", drivers={"rain": "climate"})
    note = path_model(part, model="count ~ rain", families={"count": "poisson"}).coefficients["note"].iloc[0]
    assert "times as much as a Poisson distribution does: use robust errors" in note
