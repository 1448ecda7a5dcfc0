"""Pearson: truth by construction, R's values, invariance, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbondrivers.attribution import correlate
from carbondrivers.datasets import PixelSample
from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.reports import texts

from .conftest import REFERENCE


@pytest.mark.parametrize("table", ["pixel_drivers", "table"])
def test_equals_r_cor_test(table: str) -> None:
    # R 4.2.2 stats::cor.test; closed form, so 1e-12 relative (r itself 1e-13 absolute).
    frame = pd.read_csv(REFERENCE / "timeseries" / f"{table}.csv")
    expected = pd.read_csv(REFERENCE / "timeseries" / "expected_correlation_R.csv")
    chosen = (expected["data"] == table) & (expected["source"] == "stats::cor.test") & (expected["y"] == "nep")
    expected = expected.loc[chosen].set_index("x")
    assert len(expected) >= 4
    drivers = dict.fromkeys(expected.index, "climate")
    found = correlate(PixelSample.from_frame(frame, response="nep", drivers=drivers)).correlations.set_index("driver")
    found = found.loc[expected.index]
    np.testing.assert_allclose(found["r"], expected["r"], atol=1e-13, rtol=0)
    np.testing.assert_allclose(found["statistic"], expected["t"], rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(found["df"], expected["df"])
    np.testing.assert_allclose(found["p"], expected["p"], rtol=1e-10)
    np.testing.assert_allclose(found["ci_low"], expected["lo"], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found["ci_high"], expected["hi"], rtol=1e-11, atol=1e-13)


def test_recovers_a_known_correlation() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=20_000)
    frame = pd.DataFrame({"a": x, "nep": 0.6 * x + 0.8 * rng.normal(size=x.size)})
    row = correlate(PixelSample.from_frame(frame, response="nep", drivers={"a": "soil"})).correlations.iloc[0]
    assert abs(row["r"] - 0.6) < 4 * 0.64 / np.sqrt(x.size)
    assert row["ci_low"] < 0.6 < row["ci_high"]
    assert np.isfinite(row["log10_p"]) and row["log10_p"] < -300


@given(st.floats(1e-8, 1e8), st.floats(-1e8, 1e8), st.integers(0, 100))
def test_no_unit_or_origin_matters(scale: float, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"nep": rng.normal(size=30), "a": rng.normal(size=30)})
    moved = frame.assign(a=frame["a"] * scale + shift * scale)
    if np.ptp(moved["a"]) == 0:
        return
    one, two = (
        correlate(PixelSample.from_frame(f, response="nep", drivers={"a": "soil"})).correlations["r"][0] for f in (frame, moved)
    )
    assert abs(one - two) < 1e-14 * max(1.0, abs(shift)) * 100


@pytest.mark.slow
def test_naive_size_is_nominal_for_independent_pixels(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 400
    rng = np.random.default_rng(11)
    rejected = 0
    for _ in range(replicates):
        pair = pd.DataFrame({"nep": rng.normal(size=40), "a": rng.normal(size=40)})
        rejected += correlate(PixelSample.from_frame(pair, response="nep", drivers={"a": "soil"})).correlations["p"][0] < 0.05
    assert abs(rejected / replicates - 0.05) < 4 * np.sqrt(0.05 * 0.95 / replicates)


def test_groups_and_categorical_drivers(sample: PixelSample) -> None:
    result = correlate(sample)
    assert list(result.correlations["group"].unique()) == ["all", "sink", "source"]
    assert "cover" in " ".join(result.notes)
    assert "naive" in result.notes[0]


def test_perfectly_proportional_driver_has_no_p() -> None:
    frame = pd.DataFrame({"nep": np.arange(9.0), "twin": 3 * np.arange(9.0) + 1, "other": [1.0, 5, 2, 6, 3, 7, 4, 8, 5]})
    result = correlate(PixelSample.from_frame(frame, response="nep", drivers={"twin": "soil", "other": "soil"}))
    row = result.correlations.set_index("driver").loc["twin"]
    assert row["r"] == pytest.approx(1.0, abs=1e-15) and np.isnan(row["statistic"]) and np.isnan(row["p"])
    assert "exactly linear" in row["note"]


def test_messages(sample: PixelSample) -> None:
    with pytest.raises(OptionError, match="confidence must be between 0 and 1, got 95"):
        correlate(sample, confidence=95)
    frame = pd.DataFrame({"nep": [1.0, 2, 3, 4], "zone": list("abab")})
    with pytest.raises(DataError, match="no continuous driver"):
        correlate(PixelSample.from_frame(frame, response="nep", drivers={"zone": "climate"}))


@pytest.mark.parametrize("table", ["pixel_drivers", "table"])
def test_partial_equals_r(table: str) -> None:
    # R 4.2.2 residuals of lm, and ppcor::pcor.test on standardised columns; 1e-13 absolute on r.
    frame = pd.read_csv(REFERENCE / "timeseries" / f"{table}.csv")
    expected = pd.read_csv(REFERENCE / "timeseries" / "expected_correlation_R.csv").fillna({"given": ""})
    rows = expected[(expected["data"] == table) & (expected["source"] == "lm residuals") & (expected["y"] == "nep")]
    assert len(rows) >= 20
    for row in rows.itertuples():
        held = row.given.replace("+", " ").replace(",", " ").replace(";", " ").split()
        sample = PixelSample.from_frame(frame, response="nep", drivers=dict.fromkeys([row.x, *held], "climate"))
        found = correlate(sample, kind=["partial"], controls=held).correlations.set_index("driver").loc[row.x]
        assert found["r"] == pytest.approx(row.r, abs=1e-13)
        np.testing.assert_allclose([found["statistic"], found["df"], found["p"]], [row.t, row.df, row.p], rtol=1e-9)


@pytest.mark.parametrize("table", ["pixel_drivers", "table"])
def test_multiple_equals_r(table: str) -> None:
    # R 4.2.2 summary(lm): R squared, F and its p.
    frame = pd.read_csv(REFERENCE / "timeseries" / f"{table}.csv")
    expected = pd.read_csv(REFERENCE / "timeseries" / "expected_correlation_R.csv")
    rows = expected[(expected["data"] == table) & expected["source"].str.startswith("lm multiple R") & (expected["y"] == "nep")]
    assert len(rows) >= 10
    for row in rows.itertuples():
        names = row.x.replace("+", " ").replace(",", " ").replace(";", " ").split()
        sample = PixelSample.from_frame(frame, response="nep", drivers=dict.fromkeys(names, "climate"))
        found = correlate(sample).multiple.iloc[0]
        assert found["r"] == pytest.approx(row.r, abs=1e-12)
        np.testing.assert_allclose([found["statistic"], found["p"]], [row.t, row.p], rtol=1e-9)


def test_collinear_controls_are_refused_by_name() -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"nep": rng.normal(size=60), "a": rng.normal(size=60), "b": rng.normal(size=60)})
    frame["twin"] = 2 * frame["b"] + 7
    sample = PixelSample.from_frame(frame, response="nep", drivers=dict.fromkeys(["a", "b", "twin"], "soil"))
    result = correlate(sample, kind=["pearson", "partial"])
    partial = result.correlations[result.correlations["method"] == "partial"].set_index("driver")
    assert partial.loc["a", "note"].startswith("undefined: the controls are collinear (condition number")
    assert (partial.loc[["b", "twin"], "note"] == "undefined: the controls determine it").all()
    assert partial[["r", "statistic", "p", "p_eff", "n_eff"]].isna().all(axis=None)
    assert result.multiple["note"][0].startswith("undefined: the drivers are collinear")
    assert result.correlations["r"].notna().sum() == 3


def test_adding_a_control_changes_what_it_explains() -> None:
    rng = np.random.default_rng(6)
    cause = rng.normal(size=4000)
    frame = pd.DataFrame({"cause": cause, "proxy": cause + 0.5 * rng.normal(size=4000), "nep": cause + rng.normal(size=4000)})
    sample = PixelSample.from_frame(frame, response="nep", drivers=dict.fromkeys(["cause", "proxy"], "climate"))
    table = correlate(sample, kind=["pearson", "partial"]).correlations.set_index(["method", "driver"])
    assert table.loc[("pearson", "proxy"), "r"] > 0.5
    assert abs(table.loc[("partial", "proxy"), "r"]) < 0.06
    assert table.loc[("partial", "cause"), "df"] == 4000 - 3


def test_places_give_an_effective_size_and_their_absence_none(sample: PixelSample) -> None:
    table = correlate(sample, kind=["pearson", "partial"]).correlations
    assert table["n_eff"].between(3, 200).all() and (table["df_eff"] <= table["df"]).all()
    frame = pd.DataFrame({"nep": [1.0, 2, 4, 3, 5], "a": [2.0, 1, 5, 3, 4]})
    without = correlate(PixelSample.from_frame(frame, response="nep", drivers={"a": "soil"}))
    assert without.correlations[["n_eff", "p_eff"]].isna().all(axis=None)
    assert any("no coordinates" in note for note in without.notes)


def test_more_messages(sample: PixelSample) -> None:
    with pytest.raises(OptionError, match="kind must be one of 'pearson', 'partial', got 'spearman'"):
        correlate(sample, kind=["spearman"])
    with pytest.raises(OptionError, match=r"kind must be a list such as"):
        correlate(sample, kind="partial")
    with pytest.raises(OptionError, match=r"controls: 'rian' is no continuous driver of this sample. Did you mean 'rain'"):
        correlate(sample, kind=["partial"], controls=["rian"])


def test_effective_size_of_the_modified_t_test() -> None:
    """Values of R SpatialPack 0.4-1 (400 rows, 13 classes); what is not a size stays as it is."""
    trees = REFERENCE / "trees"
    table, expected = pd.read_csv(trees / "modttest400.csv"), pd.read_csv(trees / "modttest.csv").set_index("case")
    drivers = dict.fromkeys(["TEM", "PRE", "noise"], "climate")
    sample = PixelSample.from_frame(table, response="NEP", drivers=drivers, coordinates=("x", "y"))
    one, two = correlate(sample), correlate(sample, effective="dutilleul", classes=13)
    found = two.correlations.set_index("driver")
    for name in ("TEM", "PRE"):
        row = expected.loc[f"synth400_NEP_{name}"]
        assert found.loc[name, "n_eff"] == pytest.approx(row["ESS"], abs=1e-8)
        assert found.loc[name, "p_eff"] == pytest.approx(row["p"], rel=1e-8)
    assert found.loc["noise", "n_eff"] == 400
    same = ["driver", "r", "statistic", "p", "ci_low", "ci_high"]
    pd.testing.assert_frame_equal(one.correlations[same], two.correlations[same])
    assert "Dutilleul" in texts(two)[0].methods and "Dutilleul" not in texts(one)[0].methods
    assert "in 13 classes of distance" in texts(two)[0].methods
    narrow = correlate(sample, effective="dutilleul")
    assert "no wider than two distances of neighbours" in texts(narrow)[0].methods
    # Narrower classes see more of the dependence of a smooth field.
    sizes = narrow.correlations.set_index("driver")["n_eff"]
    assert 0.8 * found.loc["TEM", "n_eff"] < sizes["TEM"] < found.loc["TEM", "n_eff"]
    with pytest.raises(OptionError, match="classes goes with effective = 'dutilleul'"):
        correlate(sample, classes=13)
    with pytest.raises(OptionError, match="effective must be one of"):
        correlate(sample, effective="bretherton")


def test_no_correction_in_one_place_is_said() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(30, 2)), columns=["nep", "rain"]).assign(x=1.0, y=2.0)
    with pytest.warns(DataWarning, match="repeat the coordinates"):
        sample = PixelSample.from_frame(frame, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"))
    row = correlate(sample).correlations.iloc[0]
    assert np.isnan(row["p_eff"]) and row["note"] == "no corrected P: all rows lie in one place"
