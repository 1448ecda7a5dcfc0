"""Tables, words and study step of the path models."""

from __future__ import annotations

import pandas as pd
import pytest
from pydantic import ValidationError

from carbondrivers.attribution import path_model
from carbondrivers.reports import tables, texts
from carbondrivers.study.registry import steps
from carbondrivers.study.steps.path_model import PathModelOptions

from .path_cases import BLOCKS, OBSERVED, sample, table


def _text(**options: object) -> str:
    result = path_model(sample(), replicates=0, **options)
    return " ".join(texts(result)[0].findings)


def test_words_give_the_verdict_and_the_strongest_effect() -> None:
    text = _text(model=OBSERVED)
    assert "tested by 23 claims of independence, Fisher's C = 64.93 (df = 46, naive P = 0.034)" in text
    assert "the data contradict the model." in text
    assert "largest total effect on NEP is that of DEM, 0.663 standard deviations" in text
    assert "0.118 direct and 0.545 indirect" in text


def test_words_say_what_depends_on_the_score() -> None:
    """Only the means leave the claim unrefuted."""
    text = _text(model=BLOCKS)
    assert "a single claim of independence, Fisher's C = 6.506" in text
    assert "The verdict on the model depends on how scores are made." in text
    assert "that of climate (its score rises with PET), −0.701 standard deviations" in text


def test_words_do_not_test_what_cannot_be_tested() -> None:
    text = _text()
    assert "nothing is left to test" in text and "contradict" not in text


def test_words_of_a_pruned_model_call_it_a_description() -> None:
    text = _text(model=OBSERVED + "\nDEM ~ GDP", prune="descriptive")
    assert "1 of 20 arrows were taken out of the pruned model (a description" in text


def test_effects_table_has_the_layout_of_the_papers() -> None:
    """Direct effect, indirect pathways, their sum, total; nothing twice; the strongest driver first."""
    found = {t.name: t for t in tables(path_model(sample(), model=OBSERVED, replicates=0))}
    frame = found["path_effects"].frame
    assert frame["driver"].iloc[0] == "DEM"
    deep = frame[frame["driver"] == "DEM"]
    assert deep["path"].iloc[0] == "DEM, direct" and deep["path"].iloc[-1] == "DEM, total"
    assert deep["level"].tolist() == ["direct", *["pathway"] * 10, "indirect", "total"]
    assert not frame["path"].duplicated().any()
    assert set(found) == {"path_fit", "path_effects", "path_coefficients", "path_claims", "path_r2", "path_block_effects"}


def test_residual_autocorrelation_stands_beside_r2() -> None:
    found = {t.name: t for t in tables(path_model(sample(places=True), model=OBSERVED, replicates=0))}
    assert found["path_r2"].frame["moran_i"].notna().all() and found["path_r2"].notes


def test_step_takes_the_keys_of_the_study_file() -> None:
    step = steps()["path_model"]
    options = PathModelOptions(model=BLOCKS, blocks={"soil": ("SOC",)}, replicates=100)
    frame = table()

    class Inputs:
        seed = 5

        def __init__(self, frame: pd.DataFrame) -> None:
            self.sample = sample(frame)

    result = step.run(Inputs(frame), options, {})
    assert result.parameters["seed"] == 5
    assert result.parameters["blocks"]["soil"] == ["SOC"] and result.parameters["blocks"]["climate"] == ["PET", "PRE", "TEM"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "nep ~ rain *"}, "is no name of a variable"),
        ({"model": "a ~ b; b ~ a"}, "circle, a -> b -> a"),
        ({"score": "pca"}, "'composite', 'pc1', 'mean' or 'sheaf'"),
        ({"bloks": {}}, "Extra inputs"),
    ],
)
def test_step_refuses_when_the_study_is_checked(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PathModelOptions(**options)
