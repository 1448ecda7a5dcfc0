"""Steps of the forest and the validation: from a study file to files, plots of a region, messages."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from carbondrivers.errors import CarbonDriversError
from carbondrivers.study.check import load_study
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.plot_samples import region_plots
from carbondrivers.study.registry import steps

STUDY = """schema = 1
[study]
title = "Plots"
seed = 7
years = [2020, 2024]
region = "{region}"
[nep]
model = "npp_minus_rh"
rh = {{ form = "sum" }}
[response]
name = "nep"
statistic = "mean"
{analyses}
"""
FOREST = """[analyses.carbon_forest]
plots = true
points = 60
maps = true
trees = 10
min_leaf = 5
n = 4
size = 60.0
"""


def inputs(folder: Path, analyses: str = "", region: str = "ningxia") -> Inputs:
    (folder / "study.toml").write_text(STUDY.format(region=region, analyses=analyses))
    return Inputs(load_study(folder / "study.toml"), seed=7)


def run(step: str, given: Inputs, **options: object):
    found = steps()[step]
    return found.run(given, found.options(**options), {})


def test_plots_and_points_of_a_region(tmp_path: Path) -> None:
    found = region_plots(inputs(tmp_path), 60)
    assert found.sample.n == len(found.augmented) == len(found.sources)
    assert (~found.augmented).sum() == 164 and found.augmented.sum() > 50
    assert set(found.sources[found.augmented]) <= set(found.sources[~found.augmented])
    assert {d.name for d in found.sample.drivers} == set(found.layers)
    again = region_plots(inputs(tmp_path), 60)
    pd.testing.assert_frame_equal(found.sample.frame, again.sample.frame)


def test_forest_of_plots_maps_its_years(tmp_path: Path) -> None:
    options = {"plots": True, "points": 60, "maps": True, "trees": 10, "min_leaf": 5, "n": 4, "size": 60.0}
    result = run("carbon_forest", inputs(tmp_path), **options)
    assert result.storage["estimate"].sizes["year"] == 5
    assert result.scores["n"].max() == 164
    assert any("augmented points" in note for note in result.notes)
    assert result.totals["total"].between(50, 2000).all()


def test_forest_and_validation_of_the_response(tmp_path: Path) -> None:
    given = inputs(tmp_path, region="horqin")
    given.__dict__["sample"] = given.sample
    result = run("validation", given, model="linear", n=4, size=60.0, replicates=100)
    assert set(result.scores["method"]) == {"random", "spatial_blocks"}


def test_messages(tmp_path: Path) -> None:
    given = inputs(tmp_path)
    with pytest.raises(CarbonDriversError, match="set plots = true"):
        run("carbon_forest", given, points=5)
    with pytest.raises(CarbonDriversError, match="needs a virtual region with plots"):
        run("carbon_forest", inputs(tmp_path, region="horqin"), plots=True)
