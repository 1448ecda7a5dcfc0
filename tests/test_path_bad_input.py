"""What the doors of path and latent models say to input that cannot be right: one line, what, where, what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import latent_model, path_model
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import CarbonDriversError, DataError, OptionError

N = 90
GLS = {"nep": "gls"}


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(N, 4)), columns=["rain", "warmth", "soil", "slope"])
    frame["nep"] = frame["rain"] + frame["warmth"] + rng.normal(size=N)
    frame["cover"] = rng.choice(["grass", "forest"], N)
    return frame.assign(x=np.arange(N) % 9 * 1.0, y=np.arange(N) // 9 * 1.0)


def _sample(frame: pd.DataFrame | None = None, **more: object) -> PixelSample:
    frame = _frame() if frame is None else frame
    kinds = {"cover": "categorical"}
    drivers = [
        Driver(name, "vegetation" if name in kinds else "climate", kind=kinds.get(name, "continuous"))
        for name in frame.columns
        if name not in ("nep", "x", "y", "part")
    ]
    return PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"), **more)


def _path(model: object, frame: pd.DataFrame | None = None, **options: object) -> object:
    return path_model(_sample(frame), model=model, replicates=0, **options)


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        ("nep ~ rian", {}, OptionError, "names 'rian', which is no variable, block or category .* Did you mean 'rain'"),
        ("nep ~ rain; nep ~~ slop", {}, OptionError, "names 'slop', .* Did you mean 'slope'"),
        ("nep ~ rain; rain ~ soil; soil ~ nep", {}, OptionError, "run in a circle, .* -> .* -> .*take out one arrow"),
        ("nep ~ nep", {}, OptionError, "run in a circle, nep -> nep"),
        ("nep ~ cover", {}, DataError, "'cover' is categorical, .* name it as factor='cover'"),
        ("nep ~ rain; nep ~~ cover", {}, DataError, "'cover' is categorical"),
        ("nep ~ vegetation", {}, DataError, r"block 'vegetation' has no measured driver, only categorical ones \(cover\)"),
        ("rain ~ soil", {}, OptionError, "the response 'nep' has no equation in the path model: add one"),
        ("", {}, OptionError, "a path model needs an equation"),
        (["nep ~ rain"], {}, OptionError, "must be a string, got list"),
        ("nep ~ rain", {"families": "gls"}, OptionError, "families must be a mapping such as .* got 'gls'"),
        ("nep ~ rain", {"families": {"nep": "GLS"}}, OptionError, "family of 'nep' must be one of"),
        ("nep ~ rain", {"families": GLS, "factor": "cover"}, OptionError, "cannot be combined with blocks"),
    ],
)
def test_models_that_cannot_be(model: object, options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        _path(model, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"errors": "robust"}, {"families": GLS}])
def test_columns_that_determine_each_other_are_named(options: dict[str, object]) -> None:
    sums = _frame().assign(sum=lambda f: 2 * f["rain"] - f["soil"])
    with pytest.raises(DataError, match=r"the causes of 'nep' are collinear \(rain, soil, sum"):
        _path("nep ~ rain + soil + sum", sums, **options)
    with pytest.raises(DataError, match=r"'nep' is an exact sum of its causes \(rain\): .* take out the cause"):
        _path("nep ~ rain", _frame().assign(nep=lambda f: 2 * f["rain"]), **options)
    with pytest.raises(DataError, match=r"driver 'soil' is constant \(3\)"):
        _path("nep ~ rain + soil", _frame().assign(soil=3.0), **options)


def test_a_claim_that_cannot_be_tested_leaves_no_verdict() -> None:
    sums = _frame().assign(sum=lambda f: 2 * f["rain"] - f["warmth"])
    fit = _path("nep ~ rain + warmth; sum ~ slope", sums).fit.set_index("measure")  # type: ignore[attr-defined]
    assert np.isnan(fit.loc["fisher_c", "p"]) and "undefined: a claim has no P" in fit.loc["fisher_c", "note"]
    assert np.isnan(fit.loc["chi2", "estimate"]) and "exact sum of others" in fit.loc["chi2", "note"]
    with pytest.raises(DataError, match="'sum' is an exact sum of its causes"):
        _path("nep ~ rain + warmth; sum ~ slope", sums, errors="robust")


@pytest.mark.parametrize("options", [{}, {"errors": "robust"}, {"families": GLS}])
def test_a_saturated_model_has_no_verdict(options: dict[str, object]) -> None:
    fit = _path("nep ~ rain + soil; soil ~ rain", **options).fit.set_index("measure")  # type: ignore[attr-defined]
    assert fit.loc["claims", "estimate"] == 0 and np.isnan(fit.loc["fisher_c", "p"]) and np.isnan(fit.loc["chi2", "p"])
    assert "saturated" in fit.loc["fisher_c", "note"]


@pytest.mark.filterwarnings("ignore:.*group")
@pytest.mark.parametrize("options", [{}, {"errors": "robust"}, {"families": GLS}])
def test_small_and_constant_groups_are_said_and_the_others_fitted(options: dict[str, object]) -> None:
    part = np.where(np.arange(N) < 4, "few", np.where(np.arange(N) < 30, "flat", "rest"))
    frame = _frame().assign(part=part, soil=lambda f: np.where(f["part"] == "flat", 1.0, f["soil"]))
    found = path_model(_sample(frame, groups="part"), model="nep ~ rain + warmth + soil + slope", replicates=0, **options)
    assert set(found.coefficients["group"]) == {"all", "rest"}
    said = " ".join(found.notes)
    assert "Group few was not fitted: " in said and "Group flat was not fitted: " in said
    assert "'soil'" in said.split("Group flat was not fitted: ")[1]


@pytest.mark.filterwarnings("ignore::carbondrivers.errors.DataWarning")
@pytest.mark.parametrize("door", [path_model, latent_model])
def test_rows_with_gaps_are_counted(door: object) -> None:
    frame = _frame()
    frame.loc[:8, "rain"] = np.nan
    frame.loc[5:11, "nep"] = np.nan
    found = door(_sample(frame), model="nep ~ rain + warmth; warmth ~ soil")  # type: ignore[operator]
    assert found.n == N - 12 and found.fit.set_index("measure").loc["chi2", "n"] == N - 12
    assert any("12" in note and "row" in note for note in found.notes), found.notes


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("sky =~ rain + wormth + soil; nep ~ sky", "'wormth' is neither .* Did you mean 'warmth'"),
        ("sky =~ rain + warmth + cover; nep ~ sky", "'cover' is categorical, and classes have no single path: take it out"),
        ("sky =~ rain + warmth + soil; nep ~ sky; sky ~ nep", "must not run in a loop, got"),
        ("rain =~ warmth + soil + slope; nep ~ rain", "latent variable 'rain' is a column of the sample too"),
        ("sky =~ rain + warmth; nep ~ sky; nep ~~ nep", "pairs of different names"),
        ("", "two or more measured variables"),
    ],
)
def test_latent_models_that_cannot_be(model: str, message: str) -> None:
    with pytest.raises(CarbonDriversError, match=message):
        latent_model(_sample(), model=model)


def test_latent_collinear_and_constant_columns_are_named() -> None:
    sums = _frame().assign(sum=lambda f: 2 * f["rain"] - f["soil"])
    note = latent_model(_sample(sums), model="sky =~ rain + soil + sum; nep ~ sky").fit["note"].iloc[0]
    assert "rain, soil, sum are collinear" in note
    saturated = latent_model(_sample(), model="nep ~ rain + soil").fit.set_index("measure")
    assert saturated.loc["chi2", "df"] == 0 and np.isnan(saturated.loc["chi2", "p"]) and saturated.loc["chi2", "note"]
