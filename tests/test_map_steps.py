"""Stability, persistence, their crossing with the trend, clusters and zones as steps of a study of grids."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from carbondrivers.attribution.clusters import ClusterResult
from carbondrivers.attribution.future import FutureResult
from carbondrivers.errors import DataError, StudyError
from carbondrivers.study.check import load_study
from carbondrivers.study.explain import explain
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.publish import publish_run
from carbondrivers.study.run import run_steps

YEARS = np.arange(2001, 2021)
STUDY = """
schema = 1
[study]
title = "Grids"
years = [2001, 2020]
[response]
name = "ndvi"
source = "ndvi.nc"
"""
ALL = """
[analyses.trend]
[analyses.stability]
limits = [0.05, 0.1, 0.2]
[analyses.persistence]
detrend = true
[analyses.future]
[analyses.clusters]
permutations = 199
[analyses.zoning]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    coords = {"year": YEARS, "lat": np.linspace(44.0, 40.0, 9), "lon": np.linspace(100.0, 106.0, 13)}
    values = 0.4 + 0.02 * rng.normal(size=(20, 9, 13)) + 0.05 * rng.normal(size=(9, 13)).cumsum(axis=0)
    values[:, 0, 0] = values[3, 4, 4] = np.nan
    stack = xr.DataArray(np.clip(values, 0.05, 0.95), coords, ("year", "lat", "lon"), name="ndvi")
    stack.to_dataset().to_netcdf(tmp_path / "ndvi.nc")
    stack.mean("year").rename("one").to_dataset().to_netcdf(tmp_path / "one.nc")
    driver = stack.mean("year") * 700.0 + rng.normal(size=(9, 13))
    driver.rename("precipitation").assign_attrs(units="mm a-1").to_dataset().to_netcdf(tmp_path / "rain.nc")
    return tmp_path


def a_study(folder: Path, text: str) -> Path:
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def test_all_map_steps_run_and_are_published(folder: Path) -> None:
    ran = run_steps(load_study(a_study(folder, STUDY + ALL)), folder / "out")
    assert list(ran.kept) == ["account", "trend", "stability", "persistence", "future", "clusters", "zoning"]
    assert publish_run(ran, folder / "out") == []
    names = {p.name for p in (folder / "out" / "figures").glob("*.png")}
    assert names >= {
        "stability_map.png", "persistence_map.png", "persistence_published.png", "persistence_histogram.png", "future_map.png",
        "clusters_map.png", "clusters_scatter.png", "zoning_map.png",
    }  # fmt: skip
    assert ran.kept["stability"].result.parameters["limits"] == [0.05, 0.1, 0.2]
    crossed = ran.kept["future"].result
    assert isinstance(crossed, FutureResult) and crossed.parameters["persistence"]["detrend"] is True
    assert ran.kept["future"].warnings == ()
    page = (folder / "out" / "report.html").read_text()
    for words in ("White noise of 20 years has a mean H of", "published classes would call", "future of", "I of NDVI is"):
        assert words in page


def test_circular_classes_are_warned_of_in_the_report(folder: Path) -> None:
    ran = run_steps(load_study(a_study(folder, STUDY + ALL.replace("detrend = true", ""))), folder / "out")
    (said,) = ran.kept["future"].warnings
    assert "a significant trend makes its own persistence" in said and said.endswith("Set detrend = true for persistence.")


def test_the_mean_map_is_the_response_of_the_sample(folder: Path) -> None:
    drivers = '[drivers]\nprecipitation = { category = "climate", source = "rain.nc" }\n'
    inputs = Inputs(load_study(a_study(folder, STUDY + drivers)), 1)
    mean, frame = inputs.mean_map, inputs.sample.frame
    assert mean.dims == ("y", "x") and mean.name == "ndvi" and mean.attrs["long_name"] == "NDVI"
    at = mean.sel(y=xr.DataArray(frame["y"]), x=xr.DataArray(frame["x"])).to_numpy()
    np.testing.assert_allclose(at, frame["ndvi"], rtol=1e-12)
    assert int(mean.notnull().sum()) == len(frame) == 116


def test_clusters_take_a_single_grid(folder: Path) -> None:
    text = STUDY.replace("years = [2001, 2020]\n", "").replace("ndvi.nc", "one.nc") + "[analyses.clusters]\npermutations = 99\n"
    ran = run_steps(load_study(a_study(folder, text)), folder / "out")
    assert list(ran.kept) == ["clusters"]
    stack = run_steps(load_study(a_study(folder, STUDY + "[analyses.clusters]\npermutations = 99\n")), folder / "two")
    one, two = (result.kept["clusters"].result for result in (ran, stack))
    assert isinstance(one, ClusterResult) and isinstance(two, ClusterResult)
    np.testing.assert_allclose(one.grid["local_moran"], two.grid["local_moran"], rtol=1e-6)


def test_clusters_follow_the_seed_and_the_others_do_not(folder: Path) -> None:
    study = load_study(a_study(folder, STUDY + ALL))
    one, two = (run_steps(study, folder / "out", seed=seed).kept for seed in (1, 2))
    assert one["clusters"].key != two["clusters"].key
    assert not one["clusters"].result.maps["grid"]["p"].equals(two["clusters"].result.maps["grid"]["p"])
    for name in ("trend", "stability", "persistence", "future"):
        assert one[name].key == two[name].key
    again = run_steps(study, folder / "out", seed=2).kept
    assert again["clusters"].result.maps["grid"]["p"].equals(two["clusters"].result.maps["grid"]["p"])


@pytest.mark.parametrize(
    ("analyses", "message"),
    [
        ("[analyses.future]\n[analyses.trend]\n", "analyses.future: future takes the result of persistence: add"),
        ("[analyses.future]\n[analyses.persistence]\n", "future takes the result of trend: add [analyses.trend], or take"),
        ('[analyses.persistence]\nmethod = "dfa"\n', "analyses.persistence.method"),
        ("[analyses.stability]\nlimits = [0.1]\n", "analyses.stability.limits"),
        ("[analyses.clusters]\npermutations = 9\n", "analyses.clusters.permutations"),
        ('[analyses.zoning]\nreference = "median"\n', "analyses.zoning.reference"),
    ],
)
def test_study_files_are_checked_before_anything_runs(folder: Path, analyses: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        load_study(a_study(folder, STUDY + analyses))
    assert message in str(caught.value)


def test_a_table_has_no_map(folder: Path) -> None:
    (folder / "plots.csv").write_text("nep,rain\n" + "\n".join(f"{i},{i % 7}" for i in range(30)))
    text = '[table]\nfile = "plots.csv"\n[response]\nname = "nep"\n[drivers]\nrain = { category = "climate" }\n'
    with pytest.raises(StudyError, match="clusters needs a map of the response: a table study has none; take it out"):
        load_study(a_study(folder, f'schema = 1\n[study]\ntitle = "t"\n{text}[analyses.clusters]\n'))
    inputs = Inputs(load_study(a_study(folder, f'schema = 1\n[study]\ntitle = "t"\n{text}')), 1)
    assert not inputs.has("map")
    with pytest.raises(DataError, match="the response 'nep' is a column of a table: a map needs grids"):
        _ = inputs.mean_map


def test_every_option_is_explained() -> None:
    for key in ("stability.floor", "persistence.detrend", "clusters.permutations"):
        assert "default" in explain(f"analyses.{key}")
    assert "of several years their mean" in explain("clusters") and "after  trend, persistence" in explain("analyses.future")


def test_classes_are_kept_as_json(folder: Path) -> None:
    run_steps(load_study(a_study(folder, STUDY + ALL)), folder / "out")
    (record,) = (folder / "out" / ".state").glob("future-*/result.json")
    assert json.loads(record.read_text())["plain"]["parameters"]["trend"]["significance"] == "benjamini_hochberg"
