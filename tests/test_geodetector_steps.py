"""The study steps of the geodetector: whole grids, and rules and numbers of classes to choose from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import GeodetectorResult, detect
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import OptionError, StudyError
from carbondrivers.reports import journal, pictures, texts
from carbondrivers.study.check import load_study
from carbondrivers.study.publish import publish_run
from carbondrivers.study.run import run_steps

STUDY = """
schema = 1
[study]
title = "Geodetector"
seed = 20260118
years = [2000, 2020]
region = "demo"
shape = [24, 25]
[response]
name = "nep"
[drivers]
precipitation = { category = "climate" }
gdp = { category = "human", transform = "log1p" }
land_cover = { category = "human", kind = "categorical" }
"""
CORRECTED = ("n_eff", "df_eff", "p_eff", "p_eff_adjusted", "epsilon2_eff", "ci_eff_low", "ci_eff_high")
REPORT = """
[report]
figures = ["png"]
"""


def _study(folder: Path, analyses: str) -> Path:
    path = folder / "study.toml"
    path.write_text(STUDY + analyses + REPORT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, GeodetectorResult], Path]:
    folder = tmp_path_factory.mktemp("both")
    given = "[analyses.geodetector]\nreplicates = 100\n[analyses.geodetector_grids]\nreplicates = 100\n"
    run = run_steps(load_study(_study(folder, given)), folder / "out")
    assert publish_run(run, folder / "out") == []
    return {name: kept.result for name, kept in run.kept.items() if name.startswith("geodetector")}, folder / "out"  # type: ignore[misc]


def test_whole_grids_equal_the_sample_of_all_cells(both: tuple[dict[str, GeodetectorResult], Path]) -> None:
    sample, grids = both[0]["geodetector"], both[0]["geodetector_grids"]
    for name in ("factors", "interactions", "strata"):
        keys = ["driver", "driver_2" if name == "interactions" else "level" if name == "strata" else "driver"]
        one, two = (result.tables[name].sort_values(keys, ignore_index=True) for result in (sample, grids))
        for column in ("q", "statistic", "p", "estimate", "n", "lower", "upper", *CORRECTED):
            if column in one:
                np.testing.assert_allclose(one[column].astype(float), two[column].astype(float), rtol=1e-5, err_msg=name)
    assert set(sample.strata["level"]) == set(grids.strata["level"]) and grids.factors["p_eff"].notna().all()


def test_two_steps_of_one_family_keep_their_figures_and_tables(both: tuple[dict[str, GeodetectorResult], Path]) -> None:
    out = both[1]
    names = {path.name for path in (*(out / "figures").glob("*.png"), *(out / "tables").glob("*.csv"))}
    assert {"factors.png", "geodetector_grids_factors.png"} <= names
    assert {"geodetector_factors.csv", "geodetector_grids_geodetector_factors.csv"} <= names
    text = (out / "methods.md").read_text(encoding="utf-8")
    assert "(quantile) at borders found in the sample" in text and "(quantile) within each group" in text
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Geodetector, whole sample: " in page and "Geodetector, whole grids: " in page


def test_lists_of_rules_and_classes_are_searched(tmp_path: Path) -> None:
    given = '[analyses.geodetector]\nmethods = ["quantile", "natural", "equal"]\nclasses = [4, 9]\nreplicates = 100\n'
    run = run_steps(load_study(_study(tmp_path, given)), tmp_path / "out")
    assert publish_run(run, tmp_path / "out") == []
    found = run.kept["geodetector"].result
    assert isinstance(found, GeodetectorResult)
    counts = found.strata.loc[found.strata["driver"] != "land_cover"].groupby("driver").size()
    assert counts.between(2, 9).all() and set(counts.index) == {"precipitation", "gdp"}
    table = found.strata.set_index("driver")
    assert table.loc["gdp", "lower"].notna().all() and table.loc["land_cover", "lower"].isna().all()
    assert found.factors.set_index("driver").loc["gdp", "method"] in ("quantile", "natural", "equal")
    assert any("do not pay for that search" in note for note in found.notes)
    assert "4 to 9 classes (quantile or natural or equal)" in (tmp_path / "out" / "methods.md").read_text(encoding="utf-8")
    assert set(found.variables.set_index("name").loc[["gdp", "precipitation"], "kind"]) == {"continuous"}


@pytest.mark.parametrize("search", ["", 'methods = ["quantile", "natural"]\nclasses = [4, 6]\n'])
def test_own_borders_of_a_study_cut_their_driver_and_no_other(tmp_path: Path, search: str) -> None:
    given = f"[analyses.geodetector]\nreplicates = 100\nborders = {{ precipitation = [0, 300, 400] }}\n{search}"
    run = run_steps(load_study(_study(tmp_path, given)), tmp_path / "out")
    assert publish_run(run, tmp_path / "out") == []
    found = run.kept["geodetector"].result
    assert isinstance(found, GeodetectorResult)
    rain = found.strata.loc[found.strata["driver"] == "precipitation"]
    assert rain["method"].eq("borders as given").all()
    assert rain["upper"].tolist()[:2] == [300.0, 400.0] and rain["lower"].tolist()[1:] == [300.0, 400.0]
    gdp = found.strata.loc[found.strata["driver"] == "gdp"]
    assert gdp["lower"].notna().all() and len(gdp) >= 4 and not gdp["method"].eq("borders as given").any()
    said = (tmp_path / "out" / "methods.md").read_text(encoding="utf-8")
    assert "others at borders as given (Precipitation at 0, 300 and 400); categorical drivers" in said


@pytest.mark.parametrize("step", ["geodetector", "optimum_windows"])
def test_borders_of_no_measured_driver_are_refused(tmp_path: Path, step: str) -> None:
    with pytest.raises(StudyError, match=r"'precipitaton' is no driver of this study.*precipitation"):
        load_study(_study(tmp_path, f"[analyses.{step}]\nborders = {{ precipitaton = [1, 2] }}\n"))
    study = load_study(_study(tmp_path, f"[analyses.{step}]\nborders = {{ land_cover = [1, 2] }}\n"))
    with pytest.raises(OptionError, match="borders: 'land_cover' is no continuous driver of this sample"):
        run_steps(study, tmp_path / "out")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("classes = [9, 4]", r"classes must be the fewest and the most, as \[4, 9\], got \[9, 4\]"),
        ("classes = 1", "classes.* must be"),
        ('method = "natural"\nmethods = ["equal"]', "method and methods: take one out"),
        ('methods = ["jenks"]', "methods.* must be one of"),
        ("methods = []", "methods"),
    ],
)
def test_cuts_that_contradict_are_refused(tmp_path: Path, given: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        load_study(_study(tmp_path, f"[analyses.geodetector]\n{given}\n"))


def test_break_rules_of_a_package_are_asked_for_in_a_study(tmp_path: Path) -> None:
    given = '[analyses.optimal_strata]\nrules = "gd"\nselection = "max_q"\nclasses = [3, 4]\n'
    run = run_steps(load_study(_study(tmp_path, given)), tmp_path / "out")
    result = run.kept["optimal_strata"].result
    assert result.parameters["rules"] == "gd" and any("break rules of gd" in note for note in result.notes)


def test_classes_as_given_are_not_said_to_be_cut() -> None:
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"zone": np.arange(90) % 3, "rain": rng.normal(size=90), "nep": rng.normal(size=90)})
    for drivers, cut in (
        ([Driver("zone", kind="categorical")], False),
        ([Driver("zone", kind="categorical"), Driver("rain")], True),
    ):
        result = detect(PixelSample.from_frame(frame, response="nep", drivers=drivers), replicates=100)
        caption = next(p.caption for p in pictures(result, journal=journal("jal")) if p.name == "factors")
        assert ("were cut into" in texts(result)[0].methods) == cut and ("6 classes" in caption) == cut
