"""Path models against piecewiseSEM 2.3.0.1, lavaan 0.6-14 and semEff 0.7.2 (R 4.2.2) on the table of tests/reference/sem.

Not compared, because the tool is wrong there: piecewiseSEM's ``LLchisq`` (110.25, df 26), which depends on the order in which
equations are typed; lavaan's 36.611 (df 23) is the value of the same graph in any order.
"""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import PathResult, path_model

from .path_cases import BLOCKS, COMPOSITE_KEYS, OBSERVED, PC1_KEYS, SEM, sample


@cache
def observed() -> PathResult:
    return path_model(sample(), model=OBSERVED, replicates=0)


@cache
def scores(kind: str) -> PathResult:
    keys = {"composite": COMPOSITE_KEYS, "pc1": PC1_KEYS, "mean": COMPOSITE_KEYS}[kind]
    return path_model(sample(), model=BLOCKS, score=kind, keys=keys, replicates=0)


def _fit(result: PathResult, method: str = "observed") -> pd.DataFrame:
    return result.fit[result.fit["method"] == method].set_index("measure")


def test_coefficients_equal_piecewisesem() -> None:
    """Closed forms, printed with 15 digits: 1e-12 relative, the tail of P 1e-11."""
    found = observed().coefficients.set_index(["response", "driver"])
    expected = pd.read_csv(SEM / "piecewiseSEM" / "synth_observed_coefs.csv").set_index(["Response", "Predictor"])
    found = found.loc[expected.index]
    assert len(found) == 19
    for ours, theirs in (("estimate", "Estimate"), ("std_error", "Std.Error"), ("std_estimate", "Std.Estimate"), ("df", "DF")):
        np.testing.assert_allclose(found[ours], expected[theirs], rtol=1e-12)
    np.testing.assert_allclose(found["statistic"], expected["Crit.Value"], rtol=1e-12)
    np.testing.assert_allclose(found["p"], expected["P.Value"], rtol=1e-11)


def test_r2_equals_piecewisesem() -> None:
    expected = pd.read_csv(SEM / "piecewiseSEM" / "synth_observed_r2.csv").set_index("Response")["R.squared"]
    found = observed().r2.set_index("response")["r2"]
    np.testing.assert_allclose(found.loc[expected.index], expected, rtol=1e-12)


def test_claims_and_fishers_c_equal_piecewisesem() -> None:
    """The same 23 claims, paired by their variables; C 1e-9 absolute."""
    expected = pd.read_csv(SEM / "piecewiseSEM" / "synth_observed_dsep.csv")
    pairs = expected["Independ.Claim"].str.split(" ~ ")
    ends = [frozenset((left, right.split(" + ")[0])) for left, right in pairs]
    theirs = dict(zip(ends, expected["P.Value"], strict=True))
    claims = observed().claims
    ours = {frozenset((row.driver, row.response)): row.p for row in claims.itertuples()}
    assert ours.keys() == theirs.keys() and len(ours) == 23
    np.testing.assert_allclose([ours[k] for k in theirs], list(theirs.values()), rtol=1e-12)
    fit = json.loads((SEM / "piecewiseSEM" / "synth_observed_fit.json").read_text())
    assert fit["fisherC_full"]["C"] == pytest.approx(_fit(observed()).loc["fisher_c", "estimate"], abs=1e-9)
    assert fit["fisherC_full"]["p"] == pytest.approx(_fit(observed()).loc["fisher_c", "p"], rel=1e-10)
    assert _fit(observed()).loc["aic_c", "estimate"] == pytest.approx(64.9269911367497 + 66, abs=1e-9)


def test_likelihood_fit_equals_lavaan() -> None:
    fit = json.loads((SEM / "lavaan" / "synth_observed_fit.json").read_text())
    found = _fit(observed())
    assert found.loc["chi2", "estimate"] == pytest.approx(fit["chisq"], abs=1e-6) and found.loc["chi2", "df"] == fit["df"] == 23
    assert found.loc["chi2", "p"] == pytest.approx(fit["pvalue"], rel=1e-7)
    for ours, theirs in (("rmsea", "rmsea"), ("cfi", "cfi"), ("tli", "tli"), ("srmr", "srmr")):
        assert found.loc[ours, "estimate"] == pytest.approx(fit[theirs], abs=1e-8)
    for ours, theirs in (("log_likelihood", "logl"), ("aic", "aic"), ("bic", "bic")):
        assert found.loc[ours, "estimate"] == pytest.approx(fit[theirs], abs=1e-6)
    # lavaan solves for the bounds to about 1e-7.
    assert found.loc["rmsea", "ci_low"] == pytest.approx(fit["rmsea.ci.lower"], abs=1e-6)
    assert found.loc["rmsea", "ci_high"] == pytest.approx(fit["rmsea.ci.upper"], abs=1e-6)
    assert found.loc["rmsea", "p"] == pytest.approx(fit["rmsea.pvalue"], rel=1e-7)
    # piecewiseSEM counts an intercept for each of the seven equations.
    assert found.loc["aic", "estimate"] + 14 == pytest.approx(11887.3430425805, abs=1e-6)


def test_every_effect_equals_lavaan() -> None:
    """The 58 defined parameters on the standardised table: estimates 1e-13, standard errors 5e-9 (observed information)."""
    expected = pd.read_csv(SEM / "lavaan" / "synth_paths_z_obs_params.csv")
    expected = expected[expected["op"] == ":="].set_index("label")
    paths = pd.read_csv(SEM / "lavaan" / "synth_paths_key.csv").set_index("label")["pathway"]
    effects = observed().effects
    keyed = {("pathway", row.path): row for row in effects.itertuples() if row.level == "pathway"}
    keyed |= {(row.level, row.driver): row for row in effects.itertuples() if row.level != "pathway"}
    assert len(expected) == 58 and len(paths) == 43
    for label, row in expected.iterrows():
        level, _, source = str(label).partition("_")
        found = keyed["pathway", paths[label].replace("->", " -> ")] if level == "path" else keyed[level, source]
        assert found.std_estimate == pytest.approx(row["est"], abs=1e-13)
        assert found.std_error == pytest.approx(row["se"], abs=5e-9)
        assert found.p == pytest.approx(row["pvalue"], abs=1e-8)


def test_effects_equal_semeff() -> None:
    expected = json.loads((SEM / "synth_NEP_effects_uniqueFALSE.json").read_text())
    effects = observed().effects.set_index(["level", "driver"])["std_estimate"]
    for level in ("direct", "indirect", "total"):
        for driver, value in expected[level].items():
            if driver != "(Intercept)":
                assert effects[level, driver] == pytest.approx(value, abs=1e-13)


@pytest.mark.parametrize("kind", ["composite", "pc1", "mean"])
def test_block_scores_equal_piecewisesem(kind: str) -> None:
    """Scores made by hand in R, then piecewiseSEM: coefficients, claim, R^2; directions as in the reference."""
    expected = pd.read_csv(SEM / "blocks" / f"horqin_{kind}_coefs.csv")
    result = scores(kind)
    found = result.coefficients[result.coefficients["method"] == kind].set_index(["response", "driver"])
    lowered = {"Topography": "topography", "Climate": "climate", "Soil": "soil", "Human": "human", "NEP": "NEP"}
    for _, row in expected.iterrows():
        ours = found.loc[(lowered[row["Response"]], lowered[row["Predictor"]])]
        # The direction of a first component is prcomp's own: signs are compared for the other two.
        size = abs if kind == "pc1" else float
        assert size(ours["std_estimate"]) == pytest.approx(size(row["Std.Estimate"]), rel=1e-10)
        assert size(ours["statistic"]) == pytest.approx(size(row["Crit.Value"]), rel=1e-10)
    claim = result.claims[result.claims["method"] == kind].iloc[0]
    dsep = pd.read_csv(SEM / "blocks" / f"horqin_{kind}_dsep.csv").iloc[0]
    assert claim["p"] == pytest.approx(dsep["P.Value"], rel=1e-9)
    r2 = pd.read_csv(SEM / "blocks" / f"horqin_{kind}_r2.csv").set_index("Response")["R.squared"]
    ours = result.r2[result.r2["method"] == kind].set_index("response")["r2"]
    np.testing.assert_allclose(ours.loc[[lowered[k] for k in r2.index]], r2, rtol=1e-10)


@pytest.mark.parametrize("kind", ["composite", "pc1", "mean"])
def test_fit_of_block_scores_equals_both(kind: str) -> None:
    expected = json.loads((SEM / "blocks" / "blocks_summary.json").read_text())[kind]
    found = _fit(scores(kind), kind)
    assert found.loc["fisher_c", "estimate"] == pytest.approx(expected["C"], abs=1e-9)
    assert found.loc["chi2", "estimate"] == pytest.approx(expected["lavaan"]["chisq"], abs=1e-8)
    for ours in ("rmsea", "cfi", "srmr"):
        assert found.loc[ours, "estimate"] == pytest.approx(expected["lavaan"][ours], abs=1e-8)


def test_weights_equal_prcomp_and_the_regression() -> None:
    expected = json.loads((SEM / "blocks" / "blocks_summary.json").read_text())
    pc1 = scores("pc1").blocks.set_index("driver")
    for block in expected["pca"].values():
        loads = block["rotation1"]
        # prcomp scales weights to length one, ours scale the score to variance one.
        length = np.sqrt((pc1.loc[list(loads), "estimate"] ** 2).sum())
        np.testing.assert_allclose(np.abs(pc1.loc[list(loads), "estimate"]) / length, np.abs(list(loads.values())), rtol=1e-9)
        np.testing.assert_allclose(pc1.loc[list(loads), "share"], block["var_explained"][0], rtol=1e-9)
    composite = scores("composite").blocks.set_index("driver")
    for members in (["TEM", "PRE", "PET"], ["SOC", "SAND"], ["DEM", "SLOPE"], ["GDP", "HFP", "LUCC"]):
        raw = np.array([expected["full_coef"][m] for m in members])
        np.testing.assert_allclose(
            composite.loc[members, "estimate"] / raw, composite.loc[members[0], "estimate"] / raw[0], rtol=1e-9
        )


def test_direct_path_of_the_composite_is_the_sheaf_coefficient() -> None:
    """An identity (Heise 1972), and the values of the reference."""
    expected = json.loads((SEM / "blocks" / "blocks_summary.json").read_text())["sheaf_direct"]
    result = scores("composite")
    direct = result.sensitivity.set_index(["method", "block"])["direct"]
    for block, value in expected.items():
        assert direct["sheaf", block.lower()] == pytest.approx(value, rel=1e-9)
        assert direct["composite", block.lower()] == pytest.approx(direct["sheaf", block.lower()], rel=1e-10)


def test_totals_of_the_composite_equal_lavaan() -> None:
    expected = pd.read_csv(SEM / "blocks" / "horqin_composite_lavaan_paths.csv").set_index("label")["est"]
    total = scores("composite").sensitivity.set_index(["method", "block"])["total"]
    for block in ("Climate", "Topography", "Human", "Soil"):
        assert total["composite", block.lower()] == pytest.approx(expected[f"tot_{block}"], abs=1e-10)
