"""Space and groups in path models: Moran's I, effective n, block bootstrap, equal paths, pruning."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from esda import Moran
from libpysal.weights import lat2W
from numpy.typing import NDArray
from scipy import fft

from carbondrivers.attribution import PathModel, path_model
from carbondrivers.attribution.correlation import unit_columns
from carbondrivers.attribution.effective_size import Lags, lags
from carbondrivers.attribution.path_bootstrap import drawn_coefficients, unit_sums
from carbondrivers.attribution.path_claims import Fields, claim_rows, fisher_c
from carbondrivers.attribution.path_effects import effects_of, plan
from carbondrivers.attribution.path_estimates import estimate
from carbondrivers.attribution.path_moments import moments
from carbondrivers.attribution.path_spatial import _near, residual_moran
from carbondrivers.datasets import PixelSample

from .path_cases import BLOCKS, OBSERVED, sample, table

Floats = NDArray[np.float64]
CHAIN = PathModel.parse("b ~ a; c ~ b; d ~ c; e ~ d + b")


def _grid(side: int) -> Lags:
    return lags(np.indices((side, side)).reshape(2, -1).T.astype(float))


def _field(rng: np.random.Generator, side: int, reach: float) -> Floats:
    """A Gaussian field on a torus with covariance exp(-h / reach); white where the reach is 0."""
    white = rng.normal(size=(side, side))
    if reach == 0.0:
        return white.ravel()
    step = np.minimum(np.arange(side), side - np.arange(side))
    spectrum = np.sqrt(np.maximum(fft.fft2(np.exp(-np.hypot(step[:, None], step) / reach)).real, 0.0))
    return np.asarray(fft.ifft2(spectrum * fft.fft2(white)).real.ravel())


def _chain(rng: np.random.Generator, side: int, reach: float) -> Floats:
    """Columns a to e of the true model CHAIN."""
    a = _field(rng, side, reach)
    b = 0.5 * a + _field(rng, side, reach)
    c = 0.5 * b + _field(rng, side, reach)
    d = 0.5 * c + _field(rng, side, reach)
    return np.column_stack([a, b, c, d, 0.4 * d + 0.3 * b + _field(rng, side, reach)])


def test_moran_equals_esda_where_only_a_mean_is_fitted() -> None:
    """esda 2.9, eight neighbours, normal approximation: the residuals of a mean are the values."""
    side = 17
    values = _field(np.random.default_rng(5), side, 2.0)
    theirs = Moran(values, lat2W(side, side, rook=False), transformation="B", permutations=0)
    at = _grid(side)
    moran, expected, deviate = residual_moran(values - values.mean(), np.ones((side**2, 1)), at, *_near(at))
    assert moran == pytest.approx(theirs.I, rel=1e-10)
    assert expected == pytest.approx(theirs.EI, rel=1e-10)
    assert deviate == pytest.approx(theirs.z_norm, rel=1e-9)


def test_moran_of_residuals_has_the_moments_of_regression_residuals() -> None:
    """Mean 0 and standard deviation 1 of the deviate under white errors, whatever the (smooth) design; 400 draws."""
    rng, side = np.random.default_rng(6), 12
    at = _grid(side)
    near = _near(at)
    design = np.column_stack([np.ones(side**2), *(_field(rng, side, 4.0) for _ in range(4))])
    q, _ = np.linalg.qr(design)
    found = []
    for _ in range(400):
        white = rng.normal(size=side**2)
        found.append(residual_moran(white - q @ (q.T @ white), design, at, *near)[2])
    assert abs(np.mean(found)) < 4 / np.sqrt(400) and np.std(found) == pytest.approx(1.0, abs=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("reach", [0.0, 3.0, 8.0])
def test_size_of_c_holds_with_the_effective_n(request: pytest.FixtureRequest, reach: float) -> None:
    """A true graph on 128 x 128 cells: 3 to 8 % rejected at 5 %; naively nearly always where the reach is 8 cells."""
    replicates = request.config.getoption("--replicates") or 40
    rng, at = np.random.default_rng(17), _grid(128)
    rejected = np.zeros((replicates, 2))
    for one in rejected:
        columns = _chain(rng, 128, reach)
        rows = claim_rows(estimate(CHAIN, moments(columns, CHAIN.order)), Fields(unit_columns(columns), at), 0.95)
        one[:] = [fisher_c(np.array([row[key] for row in rows], dtype=float))[2] < 0.05 for key in ("log10_p", "log10_p_eff")]
    naive, corrected = rejected.mean(axis=0)
    noise = 3.0 * np.sqrt(0.05 * 0.95 / replicates)
    assert max(0.03 - noise, 0.0) <= corrected <= 0.08 + noise
    assert naive > 0.85 if reach == 8.0 else True


@pytest.mark.slow
def test_delta_intervals_cover(request: pytest.FixtureRequest) -> None:
    """95 % delta-method intervals of all pathways and totals cover the truth in 93 to 97 % of samples of 500 rows."""
    replicates = request.config.getoption("--replicates") or 300
    rng, wanted = np.random.default_rng(3), plan(CHAIN, "e")
    names = CHAIN.order
    truth = np.zeros((5, 5))
    for response, driver, value in (("b", "a", 0.5), ("c", "b", 0.5), ("d", "c", 0.5), ("e", "d", 0.4), ("e", "b", 0.3)):
        truth[names.index(response), names.index(driver)] = value
    covered = []
    for _ in range(replicates):
        columns = rng.normal(size=(500, 5))
        for row in range(1, 5):
            columns[:, row] += columns[:, :row] @ truth[row, :row]
        found = estimate(CHAIN, moments(columns, names))
        effects = effects_of(found.b, names, CHAIN, wanted)
        error = effects.errors(found.covariance(dict.fromkeys(CHAIN.endogenous, 500.0)))
        sd = found.moments.sd
        target = effects_of(truth * sd[None, :] / sd[:, None], names, CHAIN, wanted).standardised
        covered.append((np.abs(effects.standardised - target) < 1.959964 * error)[error > 0.0])
    share = np.mean(covered, axis=0)
    noise = 3.0 * np.sqrt(0.05 * 0.95 / replicates)
    assert (share > 0.93 - noise).all() and (share < 0.97 + noise).all()
    assert 0.93 <= share.mean() <= 0.97


def test_drawing_every_unit_once_gives_the_estimates() -> None:
    names = CHAIN.order
    columns = _chain(np.random.default_rng(8), 20, 2.0)
    z = unit_columns(columns)
    sums = unit_sums(z, np.arange(400) // 100).sum(axis=0)
    second = sums[6:].reshape(5, 5)
    np.testing.assert_allclose(sums[:6], [400.0, 0, 0, 0, 0, 0], atol=1e-10)
    b = drawn_coefficients(second[None], names, CHAIN)[0]
    np.testing.assert_allclose(b, estimate(CHAIN, moments(columns, names)).b, atol=1e-12)


def test_bootstrap_of_independent_rows_is_as_wide_as_the_delta_method() -> None:
    """The bootstrap also draws the standard deviations anew, the delta method holds them: large effects are narrower."""
    result = path_model(sample(), model=OBSERVED, replicates=2000)
    effects = result.effects[(result.effects["level"] == "total")]
    widths = (effects["ci_boot_high"] - effects["ci_boot_low"]) / (effects["ci_high"] - effects["ci_low"])
    assert widths.between(0.7, 1.15).all() and (effects["n_units"] == 500).all()


def test_bootstrap_of_blocks_is_wider_where_space_repeats_itself() -> None:
    side, rng = 40, np.random.default_rng(9)
    frame = pd.DataFrame(_chain(rng, side, 5.0), columns=list(CHAIN.order))
    frame["x"], frame["y"] = np.indices((side, side)).reshape(2, -1) * 1e3
    drivers = dict.fromkeys("abcd", "climate")
    part = PixelSample.from_frame(frame, response="e", drivers=drivers, coordinates=("x", "y"), crs="EPSG:32650")
    total = path_model(part, model=CHAIN).effects.query("level == 'total'")
    assert ((total["ci_boot_high"] - total["ci_boot_low"]) > 1.5 * (total["ci_high"] - total["ci_low"])).all()
    assert (total["std_error_eff"] > 1.5 * total["std_error"]).all()


def test_equal_paths_equal_r() -> None:
    """F and P of drop1(lm(NEP ~ TEM * region + PRE * region)), R 4.2.2, printed with five digits of F."""
    frame = table()
    part = sample(frame, groups={name: (frame["region"] == name).to_numpy() for name in "AB"})
    found = path_model(part, model="NEP ~ TEM + PRE", replicates=0).group_tests.set_index("driver")
    assert found.loc["TEM", "statistic"] == pytest.approx(0.09232, abs=5e-6)
    assert found.loc["PRE", "statistic"] == pytest.approx(0.27061, abs=5e-6)
    assert found.loc["TEM", "p"] == pytest.approx(0.76135, abs=5e-6) and found.loc["TEM", "df_2"] == 594


def test_all_paths_together_equal_r() -> None:
    """n log(RSS ratio) of lm(NEP ~ TEM + PRE + region) and of the model with interactions, R 4.2.2."""
    frame = table()
    part = sample(frame, groups={name: (frame["region"] == name).to_numpy() for name in "AB"})
    row = path_model(part, model="NEP ~ TEM + PRE", replicates=0).comparison.iloc[0]
    assert row["statistic"] == pytest.approx(0.277216592379, abs=1e-10)
    assert row["df"] == 2 and row["p"] == pytest.approx(np.exp(-row["statistic"] / 2), rel=1e-10)


def test_a_planted_difference_between_groups_is_found() -> None:
    frame = table()
    other = (frame["region"] == "B").to_numpy()
    frame["NEP"] += np.where(other, 6.0 * frame["PRE"], 0.0)
    part = sample(frame, places=True, groups={"A": ~other, "B": other})
    found = path_model(part, model=OBSERVED, replicates=0).group_tests.set_index(["response", "driver"])
    assert found.loc[("NEP", "PRE"), "p_adjusted"] < 1e-6 and found.loc[("NEP", "PRE"), "p_eff"] < 1e-6
    assert (found.drop(index=("NEP", "PRE"))["p_adjusted"] > 0.01).all()


def test_scores_of_groups_are_compared_with_common_weights() -> None:
    """Two copies of the same rows: with common weights every path is equal."""
    frame = pd.concat([table()] * 2, ignore_index=True)
    first = np.arange(1200) < 600
    part = sample(frame, groups={"one": first, "two": ~first})
    found = path_model(part, model=BLOCKS, replicates=0).group_tests
    assert set(found["method"]) == {"observed", "composite"}
    assert (found["statistic"].abs() < 1e-9).all() and (found["p"] > 0.999).all()


def test_pruning_keeps_the_a_priori_test_and_says_what_it_is() -> None:
    plain = path_model(sample(), model=OBSERVED, replicates=0)
    result = path_model(sample(), model=OBSERVED + "\nDEM ~ GDP", prune="descriptive", replicates=0)
    gone = result.pruned[result.pruned["level"] == "removed"]
    assert gone[["response", "driver"]].to_numpy().tolist() == [["DEM", "GDP"]]
    fits = {m: part.set_index("measure") for m, part in result.fit.groupby("method")}
    assert "descriptive" in fits["pruned"].loc["fisher_c", "note"]
    assert fits["observed"].loc["claims", "estimate"] == 22
    expected = plain.fit.set_index("measure")["estimate"]
    np.testing.assert_allclose(fits["pruned"].loc[["fisher_c", "chi2"], "estimate"], expected[["fisher_c", "chi2"]], rtol=1e-9)
    row = result.comparison.iloc[0]
    assert row["df"] == 1 and row["statistic"] == pytest.approx(
        fits["pruned"].loc["chi2", "estimate"] - fits["observed"].loc["chi2", "estimate"]
    )


def test_split_pruning_uses_each_row_once() -> None:
    result = path_model(sample(places=True), model=OBSERVED, prune="split", replicates=0)
    chosen = int(result.pruned["n"].iloc[0])
    tested = int(result.fit[(result.fit["method"] == "pruned") & (result.fit["measure"] == "chi2")]["n"].iloc[0])
    assert chosen + tested == 600 and 200 < chosen < 400


def test_pruned_variables_stay_in_the_test() -> None:
    """A driver that loses its only arrow is still claimed to be independent."""
    model = PathModel.parse("b ~ a; c ~ b + x").without([("c", "x"), ("b", "a")])
    assert model.order == ("a", "x", "b", "c") and model.equations["b"] == ()
    claims = {(c.driver, c.response) for c in model.claims()[0]}
    assert claims == {("a", "b"), ("x", "b"), ("a", "c"), ("x", "c")}


def test_pruning_everything_is_refused() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["NEP", "a"])
    part = PixelSample.from_frame(frame, response="NEP", drivers={"a": "climate"})
    result = path_model(part, model="NEP ~ a", prune="descriptive", alpha=1e-6, replicates=0)
    assert any("No pruned model of group all: no arrow has a P below 1e-06" in note for note in result.notes)


def test_too_few_blocks_are_said_and_give_no_interval() -> None:
    result = path_model(sample(places=True), model=OBSERVED, block_size=1e9)
    assert any("Group all: no bootstrap: only 1 blocks to draw from" in note for note in result.notes)
    assert result.effects["ci_boot_low"].isna().all()
    few = path_model(sample(places=True), model=OBSERVED, block_size=9e3)
    assert any("blocks to draw from: intervals are too narrow" in note for note in few.notes)


def test_weights_do_not_come_from_what_the_target_acts_on() -> None:
    """A block behind the target is no predictor of it: the others' weights are those of a model without that block."""
    one = path_model(sample(), model="NEP ~ climate; soil ~ NEP", replicates=0).blocks.set_index("driver")["estimate"]
    two = path_model(sample(), model="NEP ~ climate", replicates=0).blocks.set_index("driver")["estimate"]
    np.testing.assert_allclose(one[two.index], two, rtol=1e-9)
    assert one["SOC"] == pytest.approx(-one["SAND"], rel=1e-9)
