"""Geodetector: truth by construction, three R packages, invariance, the interaction test, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from carbondrivers.attribution import detect
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import OptionError

from .conftest import REFERENCE

FACTORS = ["landcover", "group", "soil", "zone"]


def _sample(frame: pd.DataFrame, factors: list[str] = FACTORS) -> PixelSample:
    return PixelSample.from_frame(frame, response="nep", drivers=[Driver(f, kind="categorical") for f in factors])


def test_factors_equal_r(pixels: pd.DataFrame) -> None:
    # R geodetector 1.0-5 (q) and R's central F p of the same table: 1e-9.
    found = detect(_sample(pixels)).factors.set_index("driver")
    expected = pd.read_csv(REFERENCE / "geodetector" / "ref_geodetector_factor.csv").set_index("variable")
    central = pd.read_csv(REFERENCE / "geodetector" / "ref_shift_dependence.csv")
    central = central.loc[central["shift"] == 0].set_index("variable")
    for name in FACTORS:
        assert abs(found.loc[name, "q"] - expected.loc[name, "q"]) < 1e-9
        assert found.loc[name, "p"] == pytest.approx(central.loc[name, "p_centralF"], rel=1e-9)
        groups = [g["nep"].to_numpy() for _, g in pixels.groupby(name)]
        f = stats.f_oneway(*groups)
        assert found.loc[name, "statistic"] == pytest.approx(f.statistic, abs=1e-9)
        assert found.loc[name, "df"] == len(groups) - 1
        assert found.loc[name, "df_2"] == len(pixels) - len(groups)


def test_interactions_equal_r(pixels: pd.DataFrame) -> None:
    # R geodetector 1.0-5 for q of the crossing (it keeps single-member cells, as we do), 1e-9 absolute; the single q's
    # and the classic type from gdverse 1.7.
    crossing = pd.read_csv(REFERENCE / "geodetector" / "ref_geodetector_interaction.csv")
    crossing = {tuple(sorted((r.var1, r.var2))): r.q for r in crossing.itertuples() if r.var1 != r.var2}
    expected = pd.read_csv(REFERENCE / "geodetector" / "ref_gdverse_interaction.csv")
    found = detect(_sample(pixels)).interactions.set_index(["driver", "driver_2"])
    types = {
        "Weaken, uni-": "weaken, univariate", "Enhance, nonlinear": "enhance, nonlinear",
        "Enhance, bi-": "enhance, bivariate", "Weaken, nonlinear": "weaken, nonlinear", "Independent": "independent",
    }  # fmt: skip
    for row in expected.itertuples(index=False):
        pair = tuple(sorted((row.variable1, row.variable2)))
        ours = found.loc[pair]
        assert abs(ours["q"] - crossing[pair]) < 1e-9
        assert sorted(ours[["q_driver", "q_driver_2"]]) == pytest.approx(sorted(row[3:5]), abs=1e-9)
        assert ours["interaction_classic"] == types[row.Interaction]
    assert len(expected) == len(found) == 6


def test_single_member_strata_are_kept_as_in_r_geodetector() -> None:
    frame = pd.read_csv(REFERENCE / "geodetector" / "pixels_singletons.csv")
    expected = pd.read_csv(REFERENCE / "geodetector" / "ref_singletons_all_packages.csv").set_index("variable")
    result = detect(_sample(frame, ["landcover", "rare"]))
    found = result.factors.set_index("driver")["q"]
    for name in ("landcover", "rare"):
        assert abs(found[name] - expected.loc[name, "q_geodetector"]) < 1e-9
    assert any("single member" in note for note in result.notes)


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-8, 1e8), st.integers(0, 50))
def test_origin_and_unit_of_the_response_do_not_matter(shift: float, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"zone": rng.integers(0, 4, 60).astype(str), "nep": rng.normal(size=60)})
    moved = frame.assign(nep=(frame["nep"] + shift) * scale)
    one, two = (detect(_sample(f, ["zone"])).factors.iloc[0] for f in (frame, moved))
    assert abs(one["q"] - two["q"]) < 1e-8
    assert one["p"] == pytest.approx(two["p"], rel=1e-5)
    assert 0.0 <= one["q"] <= 1.0


def test_crossing_of_the_whole_and_the_additive_remainder() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 3, 600), rng.integers(0, 4, 600)
    y = a + 2 * b + rng.normal(size=600)
    frame = pd.DataFrame({"a": a.astype(str), "b": b.astype(str), "nep": y})
    row = detect(_sample(frame, ["a", "b"])).interactions.iloc[0]
    design = np.column_stack([np.ones(600), *(a == i for i in (1, 2)), *(b == i for i in (1, 2, 3))]).astype(float)
    additive = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    cells = pd.Series(y).groupby(a * 4 + b).transform("mean").to_numpy()
    full = ((y - cells) ** 2).sum()
    expected = (((additive**2).sum() - full) / 6) / (full / 588)
    assert row["statistic"] == pytest.approx(expected, rel=1e-9)
    assert (row["df"], row["df_2"]) == (6, 588)


@pytest.mark.slow
def test_noise_is_not_called_an_interaction(request: pytest.FixtureRequest) -> None:
    # The classic type calls nearly every noise pair nonlinear; the test of the non-additive part keeps its 5 %.
    replicates = request.config.getoption("--replicates") or 150
    rng = np.random.default_rng(8)
    classic = verdict = 0
    for _ in range(replicates):
        frame = pd.DataFrame({"a": rng.integers(0, 5, 500), "b": rng.integers(0, 5, 500), "nep": rng.normal(size=500)})
        row = detect(_sample(frame, ["a", "b"])).interactions.iloc[0]
        classic += row["interaction_classic"] == "enhance, nonlinear"
        verdict += row["interaction"] != "not distinguishable"
    assert classic / replicates > 0.95
    assert verdict / replicates < 0.05 + 4 * np.sqrt(0.05 * 0.95 / replicates)


def test_a_real_interaction_is_found() -> None:
    rng = np.random.default_rng(9)
    a, b = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    frame = pd.DataFrame({"a": a, "b": b, "nep": (a ^ b) + 0.3 * rng.normal(size=400)})
    row = detect(_sample(frame, ["a", "b"])).interactions.iloc[0]
    assert row["interaction"] == "enhance, nonlinear" and row["p"] < 1e-50 and row["q"] > 0.6


def test_epsilon2_is_unbiased_under_the_null() -> None:
    rng = np.random.default_rng(10)
    values = []
    for _ in range(200):
        frame = pd.DataFrame({"a": rng.integers(0, 8, 120), "nep": rng.normal(size=120)})
        row = detect(_sample(frame, ["a"])).factors.iloc[0]
        values.append((row["epsilon2"], row["q"]))
    mean = np.mean(values, axis=0)
    assert abs(mean[0]) < 4 * np.std([v[0] for v in values]) / np.sqrt(200)
    assert mean[1] == pytest.approx(7 / 119, rel=0.15)


def test_a_driver_constant_in_a_group_is_said(sample: PixelSample) -> None:
    frame = sample.frame.assign(cover=sample.frame["cover"].astype(str))
    forest = (frame["cover"] == "forest").to_numpy()
    grouped = PixelSample.from_frame(
        frame, response="nep", drivers={"cover": "human", "rain": "climate"}, groups={"forest": forest}
    )
    table = detect(grouped).factors.set_index(["group", "driver"])
    row = table.loc[("forest", "cover")]
    assert np.isnan(row["q"]) and np.isnan(row["p"]) and "single stratum" in row["note"]


def test_messages(sample: PixelSample) -> None:
    with pytest.raises(OptionError, match=r"method must be one of .*got 'jenks'"):
        detect(sample, method="jenks")
    with pytest.raises(OptionError, match="classes must be a whole number from 2 to 50, got 1"):
        detect(sample, classes=1)


def _rainy() -> PixelSample:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"rain": rng.uniform(1.0, 700.0, 400), "warm": rng.normal(size=400)})
    frame["nep"] = 3.0 * (frame["rain"] > 400.0) + frame["warm"] + rng.normal(size=400)
    groups = {"dry": (frame["rain"] < 180.0).to_numpy(), "wet": (frame["rain"] >= 180.0).to_numpy()}
    return PixelSample.from_frame(
        frame, response="nep", drivers={"rain": "climate", "warm": "climate"}, groups=groups,
    )  # fmt: skip


def test_own_borders_cut_as_classes_made_by_hand() -> None:
    sample = _rainy()
    found = detect(sample, borders={"rain": [0, 200, 400, 600]})
    frame = sample.frame.assign(rain=pd.cut(sample.frame["rain"], [0, 200, 400, 600, 700]))
    q = 1.0 - (frame["nep"] - frame.groupby("rain", observed=True)["nep"].transform("mean")).var() / frame["nep"].var()
    factors = found.factors.set_index(["group", "driver"])
    assert factors.loc[("all", "rain"), "q"] == pytest.approx(q, rel=1e-12)
    assert factors.loc[("all", "rain"), "method"] == "borders as given"
    assert factors.loc[("all", "warm"), "method"] == "quantile, 6 classes"
    strata = found.strata.set_index(["group", "driver"]).loc[("all", "rain")]
    low, high = sample.frame["rain"].min(), sample.frame["rain"].max()
    assert strata["lower"].tolist() == [low, 200.0, 400.0, 600.0] and strata["upper"].tolist() == [200.0, 400.0, 600.0, high]
    assert strata["method"].eq("borders as given").all() and strata["n"].sum() == 400
    assert found.parameters["borders"] == {"rain": [0.0, 200.0, 400.0, 600.0]}


def test_a_group_between_two_own_borders_is_one_stratum() -> None:
    found = detect(_rainy(), borders={"rain": (200.0, 400.0)})
    dry = found.factors.query("group == 'dry' and driver == 'rain'").iloc[0]
    assert dry["note"].startswith("undefined: a single stratum") and np.isnan(dry["q"])
    wet = found.strata.query("group == 'wet' and driver == 'rain'")
    assert wet["upper"].tolist()[:2] == [200.0, 400.0] and len(wet) == 3


@pytest.mark.parametrize(
    ("borders", "message"),
    [
        ({"rian": [200]}, r"borders: 'rian' is no continuous driver of this sample. Did you mean 'rain'\?"),
        ({"rain": [400, 200]}, r"borders of 'rain' must be ascending numbers such as \[200, 400\], got \[400, 200\]"),
        ({"rain": 200}, "borders of 'rain' must be ascending numbers such as .*, got 200"),
        ({"rain": ["dry", "wet"]}, "borders of 'rain' must be ascending numbers"),
        ({"rain": None}, "borders of 'rain' must be ascending numbers"),
        ({"rain": [900]}, "borders of 'rain' part no two values: they must lie between"),
        ([200, 400], "borders must be given by driver, as .*, got"),
    ],
)
def test_own_borders_that_cannot_cut_are_refused(borders: object, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        detect(_rainy(), borders=borders)  # type: ignore[arg-type]
