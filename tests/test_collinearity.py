"""Collinearity: inflation and condition numbers by definition, the selection step by step, hostile samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.attribution import correlate
from carbondrivers.attribution.collinearity import BELSLEY, CENTRED, KEPT, LEFT_OUT, REMOVED, collinearity
from carbondrivers.attribution.correlation import unit_columns
from carbondrivers.attribution.driver_selection import condition_number, inflation, selected
from carbondrivers.datasets import PixelSample
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import journal, pictures, tables, texts

from .conftest import REFERENCE

TABLE = pd.read_csv(REFERENCE / "timeseries" / "table.csv")
EXPECTED = pd.read_csv(REFERENCE / "timeseries" / "expected_correlation_R.csv")
DRIVERS = ["dem", "gdp", "nirv", "pre", "tem"]


def _sample(frame: pd.DataFrame, names: list[str], **more: object) -> PixelSample:
    return PixelSample.from_frame(frame, response="nep", drivers=dict.fromkeys(names, "climate"), **more)  # type: ignore[arg-type]


def _eight(n: int = 400) -> pd.DataFrame:
    """Eight drivers of which three say what others say: pet, humidity and soil nitrogen."""
    rng = np.random.default_rng(11)
    frame = pd.DataFrame(rng.normal(size=(n, 5)), columns=["temperature", "precipitation", "elevation", "carbon", "gdp"])
    frame["pet"] = frame["temperature"] + 0.1 * rng.normal(size=n)
    frame["humidity"] = 0.7 * frame["precipitation"] - 0.7 * frame["temperature"] + 0.05 * rng.normal(size=n)
    frame["nitrogen"] = frame["carbon"] + 0.45 * rng.normal(size=n)
    frame["nep"] = 2 * frame["precipitation"] + frame["temperature"] + 0.5 * frame["carbon"] + rng.normal(size=n)
    return frame


EIGHT = ["temperature", "precipitation", "elevation", "carbon", "gdp", "pet", "humidity", "nitrogen"]


def test_matrix_equals_r() -> None:
    # R 4.2.2 cor.test: closed forms
    expected = EXPECTED.loc[(EXPECTED["data"] == "table") & (EXPECTED["source"] == "stats::cor.test")].set_index("x")
    matrix = collinearity(_sample(TABLE, DRIVERS)).matrix
    found = matrix.loc[matrix["driver"] == "nep"].set_index("driver_2")
    for name in DRIVERS:
        assert found.loc[name, "r"] == pytest.approx(expected.loc[name, "r"], abs=1e-13)
        assert found.loc[name, "statistic"] == pytest.approx(expected.loc[name, "t"], rel=1e-11)
        assert found.loc[name, "p"] == pytest.approx(expected.loc[name, "p"], rel=1e-9)
    assert len(matrix) == 15


def test_matrix_agrees_with_the_correlation_method_on_effective_size() -> None:
    frame = _eight().assign(x=np.arange(400) % 20 * 1e3, y=np.arange(400) // 20 * 1e3)
    sample = _sample(frame, EIGHT, coordinates=("x", "y"), crs="EPSG:32650")
    matrix = collinearity(sample).matrix
    found = matrix.loc[matrix["driver"] == "nep"].set_index("driver_2")
    expected = correlate(sample).correlations.set_index("driver")
    for column in ("r", "n_eff", "p", "p_eff"):
        np.testing.assert_allclose(found.loc[EIGHT, column], expected.loc[EIGHT, column], rtol=1e-10)


def test_inflation_and_condition_numbers_are_their_definitions() -> None:
    x = TABLE[DRIVERS].to_numpy()
    z = unit_columns(x)
    np.testing.assert_allclose(inflation(z), np.diag(np.linalg.inv(np.corrcoef(x.T))), rtol=1e-9)
    values = np.linalg.eigvalsh(np.corrcoef(x.T))
    result = collinearity(_sample(TABLE, DRIVERS))
    condition = result.condition.set_index(["level", "method"])["condition"]
    assert condition["all drivers", CENTRED] == pytest.approx(np.sqrt(values[-1] / values[0]), rel=1e-9)
    constant = np.column_stack([np.ones(len(x)), x])
    scaled = constant / np.sqrt((constant**2).sum(axis=0))
    assert condition["all drivers", BELSLEY] == pytest.approx(np.linalg.cond(scaled), rel=1e-9)


def test_selection_takes_out_what_repeats_others_and_says_why() -> None:
    result = collinearity(_sample(_eight(), EIGHT))
    verdict = result.drivers.set_index("driver")["level"]
    assert (verdict == KEPT).sum() == 5 and {"elevation", "gdp"} <= set(verdict.index[verdict == KEPT])
    steps = result.selection
    assert list(steps["rank"]) == [1, 2, 3] and list(steps["remaining"]) == [7, 6, 5]
    assert (steps["vif"].iloc[:2] > 10).all() and steps["note"].iloc[0] == "largest VIF, over 10"
    assert steps["note"].iloc[2] == "|r| over 0.9 with a driver that is more alike to the response"
    assert steps.iloc[2]["driver"] in ("carbon", "nitrogen") and abs(steps.iloc[2]["r"]) > 0.9
    assert (np.diff(steps["condition"]) < 0).all()
    kept = [name for name in EIGHT if verdict[name] == KEPT]
    z = unit_columns(_eight()[sorted(kept)].to_numpy())
    after = result.drivers.set_index("driver")["estimate"].dropna()
    np.testing.assert_allclose(after.sort_index(), inflation(z), rtol=1e-9)
    assert after.max() < 10 and np.abs(z.T @ z - np.eye(5)).max() < 0.9
    said = texts(result)[0].findings[0]
    assert said.startswith("Collinearity, whole sample: of 8 drivers 5 are kept") and "Taken out, in this order:" in said


def test_of_two_alike_the_one_nearer_to_the_response_stays() -> None:
    rng = np.random.default_rng(5)
    near = rng.normal(size=300)
    frame = pd.DataFrame({"near": near, "far": near + 0.3 * rng.normal(size=300), "nep": near + 0.1 * rng.normal(size=300)})
    result = collinearity(_sample(frame, ["far", "near"]), threshold_vif=100.0)
    assert list(result.selection["driver"]) == ["far"]
    held = collinearity(_sample(frame, ["far", "near"]), threshold_vif=100.0, keep=["far"])
    assert list(held.selection["driver"]) == ["near"]
    both = collinearity(_sample(frame, ["far", "near"]), threshold_vif=100.0, keep=["far", "near"])
    assert both.selection.empty and (both.drivers["level"] == KEPT).all()


def test_exact_copies_have_infinite_inflation_and_one_of_them_stays() -> None:
    frame = _eight().assign(copy=lambda f: 1e6 * f["gdp"] + 3.0)
    result = collinearity(_sample(frame, [*EIGHT, "copy"]))
    drivers = result.drivers.set_index("driver")
    assert np.isinf(drivers.loc[["gdp", "copy"], "vif"]).all() and drivers.loc["gdp", "r2"] == 1.0
    assert (drivers.loc[["gdp", "copy"], "level"] == REMOVED).sum() == 1
    pair = result.matrix.set_index(["driver", "driver_2"]).loc[("copy", "gdp")]
    assert pair["note"] == "exactly linear" and np.isnan(pair["p"]) and np.isnan(pair["statistic"])
    assert [t.name for t in tables(result)][:2] == ["collinearity_drivers", "collinearity_selection"]
    assert "∞" in texts(result)[0].findings[0]


def test_groups_are_screened_alone_and_say_what_they_cannot() -> None:
    frame = _eight()
    frame["gdp"] = frame["gdp"].where(frame["elevation"] > -1.0, 0.0)
    groups = {"low": (frame["elevation"] <= -1.0).to_numpy(), "few": (np.arange(400) < 7)}
    result = collinearity(_sample(frame, EIGHT, groups=groups))
    drivers = result.drivers.set_index(["group", "driver"])
    assert drivers.loc[("low", "gdp"), "level"] == LEFT_OUT and drivers.loc[("low", "gdp"), "note"] == "constant in this group"
    assert (drivers.loc["few", "level"] == LEFT_OUT).all()
    assert drivers.loc[("few", "pet"), "note"] == "fewer than 10 rows in this group (n = 7)"
    assert result.condition.loc[result.condition["group"] == "few", "condition"].isna().all()
    assert len(pictures(result, journal("jal"))) == 3
    undefined = result.matrix["r"].isna()
    assert undefined.any() and result.matrix.loc[undefined, ["p", "p_eff", "statistic"]].isna().all().all()


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_selection_ends_below_both_thresholds_whatever_the_order(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(60, k + 1)) @ rng.normal(size=(k + 1, k + 1))
    z = unit_columns(mixed)
    among = list(range(1, k + 1))
    steps, kept = selected(z, among, (5.0, 0.7), [])
    assert sorted([*kept, *(step.driver for step in steps)]) == among
    if len(kept) > 1:
        r = np.abs(z[:, kept].T @ z[:, kept]) - np.eye(len(kept))
        assert inflation(z[:, kept]).max() <= 5.0 and r.max() <= 0.7 + 1e-8
    order = rng.permutation(60)
    again, _ = selected(unit_columns(mixed[order] * 10.0 ** rng.uniform(-8, 8, k + 1)), among, (5.0, 0.7), [])
    assert [step.driver for step in again] == [step.driver for step in steps]
    assert (inflation(z[:, 1:]) >= 1.0 - 1e-12).all() and condition_number(z[:, 1:]) >= 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold_vif": 1.0}, "threshold_vif must be more than 1, got 1.0"),
        ({"threshold_r": 1.5}, "threshold_r must be more than 0 and at most 1, got 1.5"),
        ({"threshold_r": True}, "threshold_r must be"),
        ({"keep": ["rainfall"]}, "keep: 'rainfall' is no continuous driver"),
        ({"keep": "gdp"}, "keep must be a list of drivers, got 'gdp'"),
    ],
)
def test_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        collinearity(_sample(TABLE, DRIVERS), **options)  # type: ignore[arg-type]


def test_classes_alone_cannot_be_screened() -> None:
    frame = TABLE.assign(soil=np.arange(len(TABLE)) % 3)
    with pytest.raises(DataError, match="no continuous driver is there to screen"):
        from carbondrivers.datasets import Driver

        collinearity(PixelSample.from_frame(frame, response="nep", drivers=[Driver("soil", "soil", kind="categorical")]))


def test_one_driver_has_nothing_to_be_collinear_with() -> None:
    result = collinearity(_sample(TABLE, ["tem"]))
    assert result.drivers["vif"].tolist() == [1.0] and result.selection.empty
    assert "the only driver is kept" in texts(result)[0].findings[0] and pictures(result, journal("jal"))
