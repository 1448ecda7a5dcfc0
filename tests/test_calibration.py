"""Calibration of GPP: scikit-learn's checks, known slopes, least squares, folds of whole sites, messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from carbondrivers.errors import CarbonDriversError, DataWarning, OptionError
from carbondrivers.nep_models.agreement import SCORES, agreement, scores, unit_sums
from carbondrivers.nep_models.calibration import CalibrationError, GppCalibration
from carbondrivers.nep_models.calibration_folds import cross_validate_calibration
from carbondrivers.nep_models.productivity import gpp_from_sanirv

FACTORS = ("par", "sanirv", "days")
SLOPES = {"barren": 3.0, "forest": 8.0, "grassland": 5.0}


def make_towers(sites: int = 4, months: int = 24, noise: float = 0.0, between: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """Months of towers, `sites` a class: site slopes vary by a share `between`, rows by a share `noise`."""
    rng = np.random.default_rng(seed)
    names, towers = list(SLOPES), sites * len(SLOPES)
    n = towers * months
    own = np.repeat(list(SLOPES.values()), sites) * (1 + between * rng.normal(size=towers))
    par, sanirv, days = rng.uniform(2, 12, n), rng.uniform(0.01, 0.3, n), rng.integers(30, 32, n)
    gpp = np.repeat(own, months) * par * sanirv * days
    gpp = gpp + noise * np.repeat(gpp.reshape(towers, -1).mean(axis=1), months) * rng.normal(size=n)
    ecosystem = np.repeat(names, sites * months)
    site = np.repeat([f"{name[:3]}-{i}" for name in names for i in range(sites)], months)
    return pd.DataFrame({"par": par, "sanirv": sanirv, "days": days, "ecosystem": ecosystem, "site": site, "gpp": gpp})


def calibration(**options: Any) -> GppCalibration:
    return GppCalibration(FACTORS, **{"class_column": "ecosystem", "site_column": "site"} | options)


# No check fails: NaN is allowed (rows are left out), x is declared non-negative, and a slope through the origin is a poor
# fit of arbitrary data, which its tags say.
@parametrize_with_checks([GppCalibration()])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    # One of the checks itself shuffles by NumPy's global state.
    state = np.random.get_state()  # noqa: NPY002
    check(estimator)
    np.random.set_state(state)  # noqa: NPY002


def test_planted_slopes_come_back() -> None:
    towers = make_towers()
    model = calibration().fit(towers, towers["gpp"])
    assert list(model.slopes_) == sorted(SLOPES)
    for name, c in SLOPES.items():
        assert model.slopes_[name] == pytest.approx(c, rel=1e-13)
    np.testing.assert_allclose(model.predict(towers), towers["gpp"], rtol=1e-12)
    assert model.coefficients_["n"].tolist() == [96, 96, 96] and model.coefficients_["n_sites"].tolist() == [4, 4, 4]


@pytest.mark.slow
def test_planted_slopes_come_back_from_noise(request: pytest.FixtureRequest) -> None:
    # Independent noise: c +- 1.96 of either standard error holds the truth in about 95 % of the sets (binomial error).
    replicates = request.config.getoption("--replicates") or 100
    hits, trials = 0, 0
    for seed in range(replicates):
        towers = make_towers(sites=20, noise=0.3, seed=seed)
        table = calibration().fit(towers, towers["gpp"]).coefficients_.set_index("class")
        hits += sum(abs(table.loc[k, "c"] - c) < 1.96 * table.loc[k, "std_error_iid"] for k, c in SLOPES.items())
        trials += len(SLOPES)
    assert abs(hits / trials - 0.95) < 4 * np.sqrt(0.95 * 0.05 / trials) + 0.005


@pytest.mark.slow
def test_with_site_effects_only_the_error_by_sites_is_right(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 100
    hit = {"std_error_site": 0, "std_error_iid": 0}
    for seed in range(replicates):
        towers = make_towers(sites=30, noise=0.2, between=0.3, seed=seed)
        table = calibration().fit(towers, towers["gpp"]).coefficients_.set_index("class")
        for error in hit:
            hit[error] += sum(abs(table.loc[k, "c"] - c) < 1.96 * table.loc[k, error] for k, c in SLOPES.items())
    covered = {error: n / (3 * replicates) for error, n in hit.items()}
    assert covered["std_error_site"] > 0.9
    assert covered["std_error_iid"] < 0.5


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(1e-6, 1e6))
def test_closed_form_is_least_squares(seed: int, n: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.1, 5, n) * scale, rng.normal(20, 8, n)
    model = GppCalibration().fit(x[:, None], y)
    expected = np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]
    assert model.slopes_["all"] == pytest.approx(expected, rel=1e-12)


def test_errors_are_those_of_statsmodels() -> None:
    # statsmodels WLS without a constant; the robust one with its G/(G - 1) correction. Closed forms: 1e-10 relative.
    towers = make_towers(noise=0.4, between=0.2)
    weight = np.random.default_rng(5).uniform(0.5, 2, len(towers))
    model = calibration().fit(towers, towers["gpp"], sample_weight=weight)
    x = towers["par"] * towers["sanirv"] * towers["days"]
    for row in model.coefficients_.to_dict("records"):
        part = (towers["ecosystem"] == row["class"]).to_numpy()
        plain = sm.WLS(towers["gpp"][part], x[part], weights=weight[part]).fit()
        codes = pd.factorize(towers["site"][part])[0]
        robust = plain.get_robustcov_results("cluster", groups=codes, df_correction=False)
        assert row["c"] == pytest.approx(plain.params.iloc[0], rel=1e-12)
        assert row["std_error_iid"] == pytest.approx(plain.bse.iloc[0], rel=1e-10)
        assert row["std_error_site"] == pytest.approx(robust.bse[0], rel=1e-10)


def test_weights_count_rows() -> None:
    towers = make_towers(noise=0.4)
    weight = np.arange(len(towers)) % 3
    one = calibration().fit(towers, towers["gpp"], sample_weight=weight)
    repeated = towers.loc[towers.index.repeat(weight)]
    two = calibration().fit(repeated, repeated["gpp"])
    assert one.slopes_ == pytest.approx(two.slopes_, rel=1e-12)
    assert one.dropped_ == {"weight": int((weight == 0).sum())}
    assert one.coefficients_["n"].sum() == (weight > 0).sum()


def test_missing_rows_are_counted_and_predicted_as_missing() -> None:
    towers = make_towers()
    towers.loc[[0, 1], "par"] = np.nan
    towers.loc[2, "gpp"] = np.nan
    towers.loc[[3, 4, 5], "ecosystem"] = None
    towers.loc[6, "site"] = np.nan
    model = calibration().fit(towers, towers["gpp"])
    assert model.dropped_ == {"x": 2, "y": 1, "class": 3, "site": 1}
    assert model.coefficients_["n"].sum() == len(towers) - 7
    assert np.flatnonzero(np.isnan(model.predict(towers))).tolist() == [0, 1, 3, 4, 5]


def test_a_class_without_data_borrows_and_one_with_data_keeps_its_own() -> None:
    towers = make_towers()
    model = calibration(borrow={"wetland": "barren", "grassland": "barren"}).fit(towers, towers["gpp"])
    table = model.coefficients_.set_index("class")
    assert model.slopes_["wetland"] == model.slopes_["barren"] and model.slopes_["grassland"] == pytest.approx(5.0)
    assert table.loc["wetland", "borrowed_from"] == "barren" and table.loc["grassland", "borrowed_from"] == ""
    assert table.loc["wetland", "n"] == 0 and np.isnan(table.loc["wetland", "std_error_site"])
    wet = towers.head(3).assign(ecosystem="wetland")
    np.testing.assert_allclose(model.predict(wet), 3.0 * wet["par"] * wet["sanirv"] * wet["days"], rtol=1e-12)


def test_slopes_go_on_a_map() -> None:
    towers = make_towers()
    model = calibration(borrow={"wetland": "barren"}).fit(towers, towers["gpp"])
    cover = xr.DataArray([["forest", "wetland"], ["", "barren"]], dims=("y", "x"))
    np.testing.assert_allclose(model.slopes(cover), [[8.0, 3.0], [np.nan, 3.0]], rtol=1e-12)
    found = gpp_from_sanirv(model.slopes(cover), 10.0, 0.1, 30)
    np.testing.assert_allclose(found, [[240.0, 90.0], [np.nan, 90.0]], rtol=1e-12)
    with pytest.raises(OptionError, match="'crop'"):
        model.slopes("crop")


def test_class_codes_are_names() -> None:
    towers = make_towers().assign(ecosystem=lambda t: t["ecosystem"].map({"barren": 16.0, "forest": 1.0, "grassland": 10.0}))
    model = calibration(borrow={"11": "16"}).fit(towers, towers["gpp"])
    assert sorted(model.slopes_) == ["1", "10", "11", "16"]
    np.testing.assert_allclose(model.predict(towers.astype({"ecosystem": "Int64"})), towers["gpp"], rtol=1e-12)


def test_scikit_learn_tools_take_it() -> None:
    towers = make_towers(noise=0.3, between=0.2)
    model = calibration()
    folds = LeaveOneGroupOut()
    predicted = cross_val_predict(model, towers, towers["gpp"], groups=towers["site"], cv=folds)
    table = cross_validate_calibration(model, towers, towers["gpp"], folds=("site",)).set_index("class")
    assert table.loc["all", "r2"] == pytest.approx(r2_score(towers["gpp"], predicted), rel=1e-12)
    part = (towers["ecosystem"] == "forest").to_numpy()
    assert table.loc["forest", "r2"] == pytest.approx(r2_score(towers["gpp"][part], predicted[part]), rel=1e-12)
    assert table.loc["forest", "rmse"] == pytest.approx(np.sqrt(np.mean((predicted - towers["gpp"])[part] ** 2)), rel=1e-12)
    assert table.loc["forest", "bias"] == pytest.approx(np.mean((predicted - towers["gpp"])[part]), rel=1e-9, abs=1e-12)
    assert len(cross_val_score(model, towers, towers["gpp"], groups=towers["site"], cv=folds)) == 12
    assert not hasattr(model, "slopes_")


def test_folds_of_several_sites() -> None:
    towers = make_towers(sites=3, noise=0.3, between=0.2)
    table = cross_validate_calibration(calibration(), towers, towers["gpp"], folds=("site",), site_folds=9)
    pd.testing.assert_frame_equal(table, cross_validate_calibration(calibration(), towers, towers["gpp"], folds=("site",)))
    few = cross_validate_calibration(calibration(), towers, towers["gpp"], folds=("site",), site_folds=2)
    assert few["n"].iloc[-1] == len(towers)
    assert few["r2"].iloc[-1] != table["r2"].iloc[-1]


def test_random_folds_repeat_with_their_seed_only() -> None:
    towers = make_towers(noise=0.3)
    one, two, other = (cross_validate_calibration(calibration(), towers, towers["gpp"], seed=s, repeats=3) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    by_site = one["folds"] == "site"
    pd.testing.assert_frame_equal(one[by_site], other[by_site])
    assert (one.loc[~by_site, "r2"] != other.loc[~by_site, "r2"]).all()


@pytest.mark.slow
def test_sites_left_out_score_lower_where_sites_differ(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 30
    gaps = {0.0: [], 0.4: []}
    for between, found in gaps.items():
        for seed in range(replicates):
            towers = make_towers(sites=4, noise=0.2, between=between, seed=seed)
            table = cross_validate_calibration(calibration(), towers, towers["gpp"], repeats=4)
            found.append(table.loc[(table["folds"] == "random") & (table["class"] == "all"), "gap"].item())
    assert min(gaps[0.4]) > 0 and np.mean(gaps[0.4]) > 0.02
    assert abs(np.mean(gaps[0.0])) < 0.005


def test_a_class_with_one_site_is_scored_only_with_a_donor() -> None:
    towers = make_towers(noise=0.3)
    towers = towers.loc[(towers["ecosystem"] != "barren") | (towers["site"] == "bar-0")]
    plain = cross_validate_calibration(calibration(), towers, towers["gpp"]).set_index(["class", "folds"])
    assert np.isnan(plain.loc[("barren", "site"), "r2"]) and plain.loc[("barren", "site"), "n"] == 0
    assert "24 rows of barren have no score" in plain.loc[("barren", "site"), "note"]
    assert plain.loc[("barren", "random"), "n"] == 24 and np.isnan(plain.loc[("barren", "random"), "gap"])
    assert plain.loc[("all", "site"), "n"] == plain.loc[("all", "random"), "n"] == len(towers) - 24
    lent = calibration(borrow={"barren": "grassland"})
    found = cross_validate_calibration(lent, towers, towers["gpp"]).set_index(["class", "folds"])
    assert found.loc[("barren", "site"), "n"] == 24 and found.loc[("all", "site"), "n"] == len(towers)
    assert found.loc[("barren", "site"), "bias"] > 0


def test_the_gap_is_said() -> None:
    towers = make_towers(noise=0.2, between=0.4)
    table = cross_validate_calibration(calibration(), towers, towers["gpp"])
    for name, part in table.groupby("class"):
        r2 = part.set_index("folds")["r2"]
        row = part.loc[part["folds"] == "random"].iloc[0]
        assert row["gap"] == pytest.approx(r2["random"] - r2["site"], abs=1e-15), name
        assert f"{abs(row['gap']):.3f}" in row["note"]
    assert (table["r_squared"] >= table["r2"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.rename(columns={"par": "parr"}), "there is no column 'par'. Did you mean 'parr'"),
        (lambda t: t.rename(columns={"site": "tower"}), "there is no column 'site'. The columns are: par,"),
        (lambda t: t.assign(par=t["par"] * 20), "par runs from .* plausible is .* MJ m-2 d-1"),
        (lambda t: t.assign(sanirv=t["sanirv"] * 1e4), "sanirv runs from .* a wrong unit, a scale factor"),
        (lambda t: t.assign(days=0.0), "days runs from 0 to 0"),
        (lambda t: t.assign(par=t["par"].astype(str)), "column 'par' must hold numbers"),
        (lambda t: t.assign(sanirv=t["sanirv"].where(t["site"] > "gra", 0.0)), "x is zero in every row of class 'barren'"),
        (lambda t: t.assign(sanirv=np.nan), "no row of 288 is complete .missing: x in 288"),
        (lambda t: t.to_numpy(), "X must be a table with the column 'par', got ndarray"),
    ],
)  # fmt: skip
def test_bad_tables(change: Any, message: str) -> None:
    towers = make_towers()
    with pytest.raises(CalibrationError, match=message) as caught:
        calibration().fit(change(towers), towers["gpp"])
    assert len(str(caught.value).splitlines()) == 1
    assert isinstance(caught.value, CarbonDriversError) and isinstance(caught.value, ValueError)


def test_bad_options_and_classes() -> None:
    towers = make_towers()
    gpp = towers["gpp"]
    with pytest.raises(CalibrationError, match=r"class 'baren' cannot lend its slope.* known are 'barren', .*mean 'barren'"):
        calibration(borrow={"wetland": "baren"}).fit(towers, gpp)
    with pytest.raises(CalibrationError, match="class 'wetland' has neither data nor a donor; known are 'barren', 'forest'"):
        calibration().fit(towers, gpp).predict(towers.assign(ecosystem="wetland"))
    with pytest.raises(CalibrationError, match=r"Negative values in data .* column 'vi' in row 3, 1 in all"):
        GppCalibration(["vi"]).fit(pd.DataFrame({"vi": [1.0, 2, -3]}), [1.0, 2, 3])
    with pytest.raises(CalibrationError, match="borrow needs class_column"):
        calibration(class_column=None, borrow={"wetland": "barren"}).fit(towers, gpp)
    with pytest.raises(CalibrationError, match="columns must name the factors"):
        GppCalibration(class_column="ecosystem").fit(towers, gpp)
    with pytest.raises(CalibrationError, match="columns must be a list of names"):
        GppCalibration("par").fit(towers, gpp)
    with pytest.raises(CalibrationError, match="sample_weight must be 288 weights of 0 or more, one a row, got some below 0"):
        calibration().fit(towers, gpp, sample_weight=np.full(288, -1.0))
    with pytest.raises(CalibrationError, match="X has 288 rows and y has 3"):
        calibration().fit(towers, [1.0, 2.0, 3.0])


def test_bad_folds() -> None:
    towers = make_towers()
    gpp = towers["gpp"]
    with pytest.raises(CalibrationError, match="needs two sites or more, the column of sites holds only 'FR-Pue'"):
        cross_validate_calibration(calibration(), towers.assign(site="FR-Pue"), gpp)
    with pytest.raises(OptionError, match="folds by site need site_column"):
        cross_validate_calibration(calibration(site_column=None), towers, gpp)
    with pytest.raises(OptionError, match=r"folds must be one of 'site', 'random', got 'sites'\. Did you mean 'site'"):
        cross_validate_calibration(calibration(), towers, gpp, folds=("sites",))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="site_folds must be at most the number of sites, 12, got 13"):
        cross_validate_calibration(calibration(), towers, gpp, site_folds=13)
    with pytest.raises(OptionError, match="repeats must be a whole number of 1 or more"):
        cross_validate_calibration(calibration(), towers, gpp, repeats=0)
    alone = cross_validate_calibration(calibration(site_column=None), towers, gpp, folds=("random",))
    assert set(alone["folds"]) == {"random"} and alone["n_sites"].isna().all()


def test_gpp_of_another_period_is_warned_of() -> None:
    towers = make_towers()
    with pytest.warns(DataWarning, match="c of class 'forest' is 96 g C MJ-1, plausible is 0 to 50"):
        calibration().fit(towers.loc[towers["ecosystem"] == "forest"], 12 * towers["gpp"][towers["ecosystem"] == "forest"])


def test_scores_of_parts_and_resamples_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(3)
    observed, units = rng.normal(1e6, 5, 60), rng.integers(0, 7, 60)
    estimated = observed + rng.normal(1, 3, 60)
    sums = unit_sums(observed, estimated, units)
    counts = rng.multinomial(7, np.full(7, 1 / 7), size=5).astype(float)
    found = scores(sums, counts)
    for replicate, weight in enumerate(counts):
        rows = np.repeat(np.arange(60), weight[units].astype(int))
        o, e = observed[rows], estimated[rows]
        line = np.polyfit(e - 1e6, o - 1e6, 1)
        expected = {
            "r2": r2_score(o, e), "r_squared": np.corrcoef(o, e)[0, 1] ** 2, "rmse": np.sqrt(np.mean((e - o) ** 2)),
            "mae": np.abs(e - o).mean(), "bias": (e - o).mean(), "bias_relative": (e - o).mean() / o.mean(),
            "slope": line[0], "intercept": line[1] + 1e6 - line[0] * 1e6,
        }  # fmt: skip
        assert set(expected) == set(SCORES)
        for name, value in expected.items():
            assert found[name][replicate] == pytest.approx(value, rel=1e-8), name


def test_scores_without_spread_are_undefined() -> None:
    flat = agreement(np.full(5, 0.1), np.arange(5.0))
    assert np.isnan(flat["r2"]) and np.isnan(flat["r_squared"]) and flat["slope"] == 0.0
    same = agreement(np.arange(5.0), np.full(5, 0.1))
    assert np.isnan(same["slope"]) and np.isnan(same["intercept"]) and np.isfinite(same["r2"])
    perfect = agreement(np.arange(5.0), np.arange(5.0))
    assert (perfect["r2"], perfect["rmse"], perfect["slope"], perfect["intercept"]) == (1.0, 0.0, 1.0, 0.0)
    assert np.isnan(agreement(np.array([-1.0, 1.0]), np.array([0.0, 1.0]))["bias_relative"])


def puechabon(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "FR-Pue_monthly_2007-2014.csv").dropna(subset="fapar_modis")
    stamp = table["TIMESTAMP"].astype(str)
    days = pd.to_datetime(stamp, format="%Y%m").dt.days_in_month
    par = 0.5 * 0.0864 * table["SW_IN_F"]
    return pd.DataFrame(
        {"par": par, "fapar": table["fapar_modis"], "days": days, "year": stamp.str[:4], "gpp": table["GPP_NT_VUT_REF"] * days}
    )


def test_puechabon(shared_data: Path) -> None:
    # FLUXNET2015 FR-Pue with MODIS fAPAR, 2007-2012: c of PAR * fAPAR is the light-use efficiency of an evergreen oak wood.
    towers = puechabon(shared_data)
    model = GppCalibration(("par", "fapar", "days"), site_column="year").fit(towers, towers["gpp"])
    x = (towers["par"] * towers["fapar"] * towers["days"]).to_numpy()
    assert model.slopes_["all"] == pytest.approx(np.linalg.lstsq(x[:, None], towers["gpp"], rcond=None)[0][0], rel=1e-12)
    assert 0.4 < model.slopes_["all"] < 1.2
    found = cross_validate_calibration(model, towers, towers["gpp"]).set_index("folds")
    whole = agreement(towers["gpp"].to_numpy(), model.predict(towers))
    assert found.loc["site", "n"] == 72 and found.loc["site", "n_sites"] == 6
    assert found.loc["site", "r2"] < whole["r2"] < whole["r_squared"]
    assert clone(model).get_params() == model.get_params()
