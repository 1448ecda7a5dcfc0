"""Generalised least squares with spatial errors: against nlme 3.1-162 (R 4.2.2), against truth, against its own gradient."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import optimize

from carbondrivers.attribution import path_model
from carbondrivers.attribution.path_gls import MOST_ROWS, correlation_of, distances, profile, spatial_errors
from carbondrivers.datasets import PixelSample
from carbondrivers.errors import DataError, OptionError

from .conftest import REFERENCE

Floats = NDArray[np.float64]
NLME = REFERENCE / "sem" / "nlme"
MODEL = "soil ~ rain; nep ~ soil"
GLS = {"soil": "gls", "nep": "gls"}


def _sample(frame: pd.DataFrame, **more: str) -> PixelSample:
    drivers = {"rain": "climate", "soil": "soil"}
    return PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"), **more)


def _rows() -> pd.DataFrame:
    return pd.read_csv(NLME / "gls_rows.csv")


def _theirs(equation: str) -> pd.Series:
    table = pd.read_csv(NLME / "gls_nlme.csv", keep_default_na=False)
    return table[table["equation"] == equation].set_index(["quantity", "name"])["value"]


def test_slopes_errors_claim_and_likelihoods_equal_nlme() -> None:
    result = path_model(_sample(_rows()), model=MODEL, families=GLS)
    found = result.coefficients.set_index(["response", "driver"])
    for response, driver in (("nep", "soil"), ("soil", "rain")):
        theirs, ours = _theirs(f"{response} ~ {driver}"), found.loc[(response, driver)]
        for column in ("estimate", "std_error", "statistic"):
            assert ours[column] == pytest.approx(theirs[column, driver], rel=1e-5), (response, column)
        assert ours["p"] == pytest.approx(theirs["p", driver], rel=1e-3) and ours["df"] == 118
        assert ours["n_eff"] == 120 and ours["p_eff"] == ours["p"]
        assert f"over a range of {theirs['range', '']:.4g}," in ours["note"]
    whole = _theirs("nep ~ rain + soil")
    claim = result.claims.iloc[0]
    assert (claim["driver"], claim["response"], claim["given"]) == ("rain", "nep", "soil")
    assert claim["p"] == pytest.approx(whole["p", "rain"], rel=1e-4)
    fit = result.fit.set_index("measure")["estimate"]
    own = _theirs("nep ~ soil")["log_likelihood", ""] + _theirs("soil ~ rain")["log_likelihood", ""]
    assert fit["log_likelihood"] == pytest.approx(own, abs=1e-6)
    assert fit["chi2"] == pytest.approx(
        2 * (whole["log_likelihood", ""] - _theirs("nep ~ soil")["log_likelihood", ""]), abs=1e-5
    )
    assert result.fit.set_index("measure").loc["chi2", "df"] == 1


def test_range_and_nugget_equal_nlme_and_are_the_best() -> None:
    frame = _rows()
    apart = distances(frame[["x", "y"]].to_numpy())
    design = np.column_stack([np.ones(120), frame["soil"]])
    y = frame["nep"].to_numpy() / frame["nep"].std()
    found, theirs = spatial_errors(y, design, apart), _theirs("nep ~ soil")
    assert found.reach == pytest.approx(theirs["range", ""], rel=1e-3)
    assert found.nugget == pytest.approx(theirs["nugget", ""], rel=1e-3) and found.note == ""
    at = np.array([np.log(found.reach), np.log(found.nugget / (1 - found.nugget))])
    value, slope = profile(at, y, design, apart)
    assert np.abs(slope).max() < 1e-4
    for step in ((0.3, 0.0), (-0.3, 0.0), (0.0, 0.3), (0.0, -0.3)):
        assert profile(at + step, y, design, apart)[0] > value
    aside = at + np.array([0.4, -0.5])
    numeric = optimize.approx_fprime(aside, lambda t: profile(t, y, design, apart)[0], 1e-6)
    np.testing.assert_allclose(profile(aside, y, design, apart)[1], numeric, rtol=1e-4)


def test_order_of_rows_and_units_change_nothing() -> None:
    frame = _rows()
    other = frame.sample(frac=1.0, random_state=np.random.default_rng(1)).assign(
        x=lambda f: f["x"] * 1e3, y=lambda f: f["y"] * 1e3
    )
    one, two = (path_model(_sample(f), model=MODEL, families=GLS).coefficients for f in (frame, other))
    for column in ("estimate", "std_error", "p", "std_estimate"):
        np.testing.assert_allclose(one[column], two[column], rtol=1e-5, err_msg=column)


def test_degrees_are_measured_along_great_circles() -> None:
    """A quarter of a meridian, 10,007.5 km, and one degree along the 60th parallel: half of one at the equator."""
    apart = distances(np.array([[10.0, 0.0], [10.0, 90.0], [20.0, 60.0], [21.0, 60.0]]), geographic=True)
    assert apart[0, 1] == pytest.approx(10_007.557, abs=1e-2)
    assert apart[2, 3] == pytest.approx(111.195 / 2, rel=1e-4)


def _draw(rng: np.random.Generator, n: int, slope: float) -> tuple[Floats, Floats, Floats]:
    """Places, a smooth driver and a response whose errors are as smooth: range 15 of 100, nugget 0.1."""
    xy = rng.uniform(0.0, 100.0, (n, 2))
    factor = np.linalg.cholesky(correlation_of(distances(xy), 15.0, 0.1))
    rain = factor @ rng.normal(size=n)
    return xy, rain, slope * rain + factor @ rng.normal(size=n)


def _tested(rng: np.random.Generator, n: int, slope: float) -> tuple[float, float, float, float]:
    """Slope, its p and error by gls, and p by least squares."""
    xy, rain, y = _draw(rng, n, slope)
    part = PixelSample.from_frame(
        pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "rain": rain, "nep": y}), response="nep", drivers={"rain": "climate"},
        coordinates=("x", "y"),
    )  # fmt: skip
    gls, plain = (path_model(part, model="nep ~ rain", families={"nep": f}).coefficients.iloc[0] for f in ("gls", "gaussian"))
    return float(gls["estimate"]), float(gls["p"]), float(gls["std_error"]), float(plain["p"])


@pytest.mark.slow
def test_size_is_nominal_where_least_squares_is_far_above(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 100
    rng = np.random.default_rng(17)
    found = np.array([_tested(rng, 150, 0.0) for _ in range(replicates)])
    noise = 3.0 * np.sqrt(0.05 * 0.95 / replicates)
    size, plain = (found[:, [1, 3]] < 0.05).mean(axis=0)
    # Estimating range and nugget from 150 rows costs about one per cent.
    assert 0.05 - noise <= size <= 0.06 + noise, size
    assert plain > 0.05 + 0.1 + noise / 3.0, plain


@pytest.mark.slow
def test_planted_slope_is_recovered(request: pytest.FixtureRequest) -> None:
    replicates = request.config.getoption("--replicates") or 40
    rng = np.random.default_rng(18)
    found = np.array([_tested(rng, 150, 0.7) for _ in range(replicates)])
    deviates = (found[:, 0] - 0.7) / found[:, 2]
    assert abs(deviates.mean()) < 3.5 / np.sqrt(replicates)
    assert (np.abs(deviates) < 1.98).mean() >= 0.95 - 0.01 - 3.0 * np.sqrt(0.05 * 0.95 / replicates)


def test_an_area_wide_trend_is_said() -> None:
    rng = np.random.default_rng(3)
    xy = rng.uniform(0.0, 1.0, (80, 2))
    frame = pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "rain": rng.normal(size=80)})
    frame["nep"] = 50.0 * frame["x"] + 0.1 * frame["rain"] + rng.normal(0.0, 0.1, 80)
    part = PixelSample.from_frame(frame, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"))
    note = path_model(part, model="nep ~ rain", families={"nep": "gls"}).coefficients["note"].iloc[0]
    assert "as long as the area: a trend across it is a cause that is missing" in note


def test_what_cannot_be_done_is_refused() -> None:
    frame = _rows()
    without = PixelSample.from_frame(frame, response="nep", drivers={"rain": "climate", "soil": "soil"})
    with pytest.raises(OptionError, match="gls needs the place of every row"):
        path_model(without, model=MODEL, families=GLS)
    many = pd.concat([frame] * (MOST_ROWS // 120 + 1), ignore_index=True).assign(x=np.arange(2040.0))
    with pytest.raises(DataError, match=r"at most 2,000 rows .*, got 2,040: draw a smaller sample, or leave gls out"):
        path_model(_sample(many), model=MODEL, families=GLS)
    with pytest.raises(DataError, match="all rows lie in one place"):
        distances(np.ones((5, 2)))
    with pytest.raises(DataError, match="a gls equation needs the place of every row"):
        distances(np.array([[0.0, 1.0], [np.nan, 2.0]]))


@pytest.mark.filterwarnings("ignore:.*repeat the coordinates")
def test_rows_in_the_same_place_are_taken() -> None:
    twice = pd.concat([_rows().head(60)] * 2, ignore_index=True)
    twice["nep"] += np.random.default_rng(2).normal(0.0, 0.3, 120)
    found = path_model(_sample(twice), model=MODEL, families={"nep": "gls"}).coefficients.set_index("response")
    assert np.isfinite(found.loc["nep", "std_error"]) and found.loc["nep", "n_eff"] == 120 and found.loc["soil", "n_eff"] < 120
