"""Models as text: what another program reads is the model that was fitted here."""

from __future__ import annotations

import pandas as pd
import pytest

from carbondrivers.attribution.latent_model import latent_model
from carbondrivers.attribution.latent_spec import LatentModel
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_model import path_model
from carbondrivers.attribution.sem_export import model_text
from carbondrivers.datasets import PixelSample
from carbondrivers.errors import OptionError

from .conftest import REFERENCE

LATENT = """Climate =~ TEM + PET + PRE; Topography =~ DEM + SLOPE; SOC ~ Climate + Topography; NEP ~ Climate + Topography
SAND ~ Topography; LUCC ~ HFP"""
PATHS = """DEM ~ HFP; SLOPE ~ DEM + GDP; TEM ~ DEM + HFP; PRE ~ DEM + SLOPE; PET ~ TEM + PRE; SOC ~ PRE + TEM + SLOPE
SAND ~ TEM; NEP ~ TEM + PRE + PET + SOC + DEM + HFP + LUCC; PET ~~ SAND"""


def _chi2_of_semopy(text: str, frame: pd.DataFrame) -> float:
    import semopy

    model = semopy.Model(text, mimic_lavaan=True)
    model.fit((frame - frame.mean()) / frame.std(ddof=0), tol=1e-14)
    return float(len(frame) * model.last_result.fun)


def test_semopy_fits_the_same_model() -> None:
    # lavaan 0.6-14 read the same texts and gave 534.713833986 and 235.707533423, both with 31 df.
    frame = pd.read_csv(REFERENCE / "sem" / "synth_horqin.csv").drop(columns="region")
    sample = PixelSample.from_frame(frame, response="NEP", drivers=dict.fromkeys(frame.columns.drop("NEP"), "other"))
    latent, paths = LatentModel.parse(LATENT), PathModel.parse(PATHS)
    for model, fit, expected in (
        (latent, latent_model(sample, model=latent).fit, 534.713833986),
        (paths, path_model(sample, model=paths).fit, 235.707533423),
    ):
        chi2 = fit.set_index("measure").loc["chi2"]
        assert chi2["df"] == 31 and chi2["estimate"] == pytest.approx(expected, abs=1e-8)
        assert _chi2_of_semopy(model_text(model, "semopy"), frame) == pytest.approx(expected, abs=1e-6)


def test_blocks_are_replaced_by_their_members() -> None:
    model = PathModel({"nep": ["climate", "dem"]}, {"climate": ["rain", "warmth"]})
    assert model_text(model) == "nep ~ dem + rain + warmth"


def test_names_that_a_program_cannot_read_are_replaced_and_said() -> None:
    model = PathModel({"nep": ["soil carbon", "soil-carbon", "气温", "soil_carbon"]})
    assert model_text(model).splitlines() == [
        "# soil_carbon_2 is soil carbon", "# soil_carbon_3 is soil-carbon", "# v is 气温",
        "nep ~ soil_carbon_2 + soil_carbon_3 + soil_carbon + v",
    ]  # fmt: skip


def test_program_is_one_of_two() -> None:
    with pytest.raises(OptionError, match="program must be one of 'lavaan', 'semopy', got 'mplus'"):
        model_text(PathModel({"nep": ["rain"]}), "mplus")  # type: ignore[arg-type]
