"""Names in the models of a study file are held to its variables before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from carbondrivers.study.check import load_study

from .test_study_check import problems, study

HEAD = """schema = 1
[study]
title = "Towers"
[table]
file = "t.csv"
[response]
name = "nep"
[drivers]
rain = { category = "climate" }
warmth = { category = "climate" }
carbon = { category = "soil" }
igbp = { category = "vegetation", kind = "categorical" }
"""


@pytest.mark.parametrize(
    ("analysis", "expected"),
    [
        (
            '[analyses.path_model]\nmodel = "nep ~ rian + carbon; carbon ~ rain"',
            ":14: analyses.path_model.model: 'rian' is no variable of this study: nep, rain, warmth, carbon, climate, soil; "
            "did you mean 'rain'?",
        ),
        (
            '[analyses.path_model]\nmodel = """\nnep ~ rain + carbon  # carbn is not carbon\ncarbn ~ rain\n"""',
            ":14: analyses.path_model.model: line 2 of the model: 'carbn' is no variable of this study",
        ),
        (
            '[analyses.path_model]\nmodel = "nep ~ rain + igbp"',
            ":14: analyses.path_model.model: 'igbp' is categorical, and classes have no single path: take it out, or name "
            "it as factor",
        ),
        (
            '[analyses.path_model]\nmodel = "nep ~ weather"\nblocks = { weather = ["rain", "wormth"] }',
            ":15: analyses.path_model.blocks.weather: 'wormth' is no variable of this study",
        ),
        (
            '[analyses.path_model]\nmodel = "carbon ~ rain"',
            ":14: analyses.path_model.model: the response 'nep' has no equation",
        ),
        (
            '[analyses.path_model]\nmodel = "nep ~ rain"\nfamilies = { nap = "poisson" }',
            ":15: analyses.path_model.families.nap: 'nap' has no equation in the model; those with one are nep; did you mean",
        ),
        (
            '[analyses.path_model]\nmodel = "nep ~ rain; carbon ~~ wramth"',
            ":14: analyses.path_model.model: 'wramth' is no variable of this study",
        ),
        (
            '[analyses.latent_model]\nmodel = "sky =~ rain + warmth + carbn; nep ~ sky"',
            ":14: analyses.latent_model.model: 'carbn' is no variable of this study: nep, rain, warmth, carbon, sky; "
            "did you mean 'carbon'?",
        ),
        (
            '[analyses.latent_model]\nmodel = "sky =~ rain + warmth + igbp; nep ~ sky"',
            ":14: analyses.latent_model.model: 'igbp' is categorical, and classes have no single path: take it out, or make",
        ),
        ('[analyses.path_model]\nmodel = "nep ~ rain; rain ~ carbon; carbon ~ nep"', "analyses.path_model.model"),
    ],
)
def test_a_wrong_name_is_found_with_line_and_remedy(tmp_path: Path, analysis: str, expected: str) -> None:
    found = problems(tmp_path, HEAD + analysis)
    assert len(found) == 1 and expected in found[0], found


@pytest.mark.parametrize(
    "analysis",
    [
        '[analyses.path_model]\nmodel = "nep ~ climate + soil; soil ~ climate"',
        '[analyses.path_model]\nmodel = "nep ~ weather + carbon; weather ~~ carbon"\nblocks = { weather = ["rain", "warmth"] }',
        '[analyses.path_model]\nfactor = "igbp"',
        '[analyses.latent_model]\nmodel = "sky =~ rain + warmth + carbon; nep ~ sky"',
    ],
)
def test_right_names_pass(tmp_path: Path, analysis: str) -> None:
    load_study(study(tmp_path, HEAD + analysis))


def test_layers_of_a_region_are_known(tmp_path: Path) -> None:
    head = 'schema = 1\n[study]\ntitle = "V"\nregion = "demo"\n[response]\nname = "nep"\n'
    load_study(study(tmp_path, head + '[analyses.path_model]\nmodel = "nep ~ precipitation; soil_ph ~ precipitation"'))
    found = problems(tmp_path, head + '[analyses.path_model]\nmodel = "nep ~ precipitaton"')
    assert len(found) == 1 and "did you mean 'precipitation'?" in found[0]
