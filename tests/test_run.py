"""A run of a study: whole, resumed, stopped, on a full disk, twice the same."""

from __future__ import annotations

import errno
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from carbondrivers.errors import OptionError, OutputError, StudyError
from carbondrivers.reports import files
from carbondrivers.study import run as run_module
from carbondrivers.study.check import load_study
from carbondrivers.study.publish import publish_again, publish_run
from carbondrivers.study.run import run_steps

STUDY = """
schema = 1
[study]
title = "A small study <b>&"
[table]
file = "plots.csv"
coordinates = ["lon", "lat"]
crs = "EPSG:4326"
[response]
name = "nep"
unit = "g C m-2 a-1"
[drivers]
rain = { category = "climate", unit = "mm a-1" }
dem = { category = "topography", unit = "m" }
zone = { category = "soil", kind = "categorical" }
[groups]
sink = { column = "nep", above = 0 }
[analyses.correlation]
[analyses.geodetector]
classes = 4
[report]
figures = ["png"]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    n = 120
    frame = pd.DataFrame({"lon": rng.uniform(100, 110, n), "lat": rng.uniform(35, 42, n), "rain": rng.gamma(4, 90, n)})
    frame["dem"] = rng.normal(1200, 300, n)
    frame["zone"] = rng.choice(["=loam", "sand"], n)
    frame["nep"] = 0.4 * (frame["rain"] - 350) - 0.02 * frame["dem"] + rng.normal(0, 30, n)
    frame.loc[3, "dem"] = np.nan
    frame.to_csv(tmp_path / "plots.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path / "study.toml"


def _run(study: Path, out: Path, **options: object) -> list[str]:
    return publish_run(run_steps(load_study(study), out, **options), out)


def _bytes(folder: Path) -> dict[str, bytes]:
    inside = (p for p in folder.rglob("*") if p.is_file() and ".state" not in p.parts)
    return {str(p.relative_to(folder)): p.read_bytes() for p in inside if p.name != "manifest.json"}


def test_output_folder_is_whole_and_repeats(study: Path, tmp_path: Path) -> None:
    assert _run(study, tmp_path / "one") == []
    assert _run(study, tmp_path / "two") == []
    one, two = _bytes(tmp_path / "one"), _bytes(tmp_path / "two")
    assert one.keys() == two.keys() and all(one[name] == two[name] for name in one)
    assert {
        "report.html",
        "methods.md",
        "tables.xlsx",
        "tables/correlation.csv",
        "figures/correlation.png",
    } <= one.keys()
    for name in one:
        if name.startswith("figures/") and not name.endswith(".csv"):
            assert Path(name).with_suffix(".csv").as_posix() in one
    manifests = [json.loads((tmp_path / f / "manifest.json").read_text()) for f in ("one", "two")]
    for manifest in manifests:
        manifest.pop("created")
    assert manifests[0] == manifests[1]
    assert manifests[0]["inputs"][0]["file"] == "plots.csv" and len(manifests[0]["inputs"][0]["sha256"]) == 64
    assert manifests[0]["rows_dropped"][0] == {"driver": "dem", "n": 1, "note": "1 rows without a value"}
    assert set(manifests[0]["outputs"]) == one.keys()


def test_report_is_self_contained_and_escaped(study: Path, tmp_path: Path) -> None:
    _run(study, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "A small study &lt;b&gt;&amp;" in page and "<b>" not in page
    assert len(page) < 10e6
    for word in ("http://", "https://", "<script", 'src="/', "@import"):
        assert word not in page
    for name in ("correlation", "geodetector_factors", "geodetector_interactions", "descriptive"):
        assert f'download="{name}.csv"' in page
    assert "naive" in page.lower()


def test_workbook_keeps_numbers_and_text(study: Path, tmp_path: Path) -> None:
    _run(study, tmp_path / "out")
    strata = pd.read_excel(tmp_path / "out" / "tables.xlsx", sheet_name="geodetector_strata")
    assert "=loam" in set(strata["level"]) and strata["estimate"].dtype == float
    with zipfile.ZipFile(tmp_path / "out" / "tables.xlsx") as book:
        assert all(b"<f>" not in book.read(name) for name in book.namelist())


def test_finished_steps_are_not_run_again(study: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    run_steps(load_study(study), tmp_path / "out", progress=lambda title, done: seen.append(title))
    first = list(seen)
    run_steps(load_study(study), tmp_path / "out", progress=lambda title, done: seen.append(title))
    assert first and seen == first
    study.write_text(STUDY.replace("classes = 4", "classes = 5"))
    run_steps(load_study(study), tmp_path / "out", progress=lambda title, done: seen.append(title))
    assert set(seen[len(first) :]) == {"Geodetector"}
    frame = pd.read_csv(study.parent / "plots.csv")
    frame.assign(rain=frame["rain"] + 1).to_csv(study.parent / "plots.csv", index=False)
    before = len(seen)
    run_steps(load_study(study), tmp_path / "out", progress=lambda title, done: seen.append(title))
    assert len(seen) - before == len(first)
    run_steps(load_study(study), tmp_path / "out", fresh=True, progress=lambda title, done: seen.append(title))
    assert len(seen) - before == 2 * len(first)


def test_changed_title_or_touched_file_changes_no_key(study: Path, tmp_path: Path) -> None:
    run_steps(load_study(study), tmp_path / "out")
    study.write_text(STUDY.replace("A small study", "Another title"))
    (study.parent / "plots.csv").touch()
    seen: list[str] = []
    run_steps(load_study(study), tmp_path / "out", progress=lambda title, done: seen.append(title))
    assert seen == []


def test_only_one_step_keeps_the_others_in_the_report(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _run(study, out)
    result = run_steps(load_study(study), out, only="correlation", fresh=True)
    assert list(result.kept) == ["describe", "correlation", "geodetector"]
    alone = run_steps(load_study(study), tmp_path / "new", only="correlation")
    assert list(alone.kept) == ["correlation"]
    with pytest.raises(OptionError, match=r"--only 'corelation': the steps of this study are .*Did you mean 'correlation'"):
        run_steps(load_study(study), out, only="corelation")


def test_report_again_needs_no_data(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _run(study, out)
    before = _bytes(out)
    (study.parent / "plots.csv").unlink()
    shutil.rmtree(out / "tables")
    publish_again(out)
    assert _bytes(out) == before
    with pytest.raises(StudyError, match="holds no earlier run"):
        publish_again(tmp_path / "nothing")


def _stop_at_geodetector(monkeypatch: pytest.MonkeyPatch) -> None:
    original = run_module._run

    def stop(step, *rest):
        if step.name == "geodetector":
            raise KeyboardInterrupt
        return original(step, *rest)

    monkeypatch.setattr(run_module, "_run", stop)


def test_stopped_run_goes_on(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    _stop_at_geodetector(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        _run(study, out)
    assert not (out / "report.html").exists()
    monkeypatch.undo()
    seen: list[str] = []
    run_steps(load_study(study), out, progress=lambda title, done: seen.append(title))
    assert set(seen) == {"Geodetector"}


@pytest.mark.parametrize("where", ["figures", "tables.xlsx", "report.html", "manifest.json"])
def test_full_disk_leaves_the_last_run_as_it_was(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    out = tmp_path / "out"
    _run(study, out)
    before = _bytes(out) | {"manifest.json": (out / "manifest.json").read_bytes()}
    study.write_text(STUDY.replace("classes = 4", "classes = 5"))
    original = files.os.replace

    def full(source, target):
        if where in str(target):
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OutputError, match="disk is full; free space and run again, finished steps are kept"):
        _run(study, out)
    monkeypatch.undo()
    assert _bytes(out) | {"manifest.json": (out / "manifest.json").read_bytes()} == before
    assert not [p for p in out.rglob("*") if p.name.endswith(".tmp") or p.name.startswith(".staging")]
    _run(study, out)
    assert "5 classes" in (out / "report.html").read_text()


def test_files_that_are_not_ours_are_kept(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("my own page")
    _run(study, out)
    assert (out / "kept" / "report.html").read_text() == "my own page"
    (out / "methods.md").write_text("edited by hand")
    (out / "notes.txt").write_text("mine")
    _run(study, out)
    assert (out / "kept" / "methods.md").read_text() == "edited by hand"
    assert (out / "notes.txt").read_text() == "mine"
    study.write_text(STUDY.replace("[analyses.correlation]\n", ""))
    _run(study, out)
    assert not (out / "tables" / "correlation.csv").exists()


def test_damaged_state_counts_as_absent(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _run(study, out)
    for path in (out / ".state").glob("correlation-*/*"):
        path.write_bytes(b"broken")
    seen: list[str] = []
    run_steps(load_study(study), out, progress=lambda title, done: seen.append(title))
    assert set(seen) == {"Correlation"}


def test_analysis_without_what_it_needs(study: Path, tmp_path: Path) -> None:
    study.write_text(STUDY + "[analyses.trend]\n")
    with pytest.raises(StudyError, match="trend needs a stack"):
        run_steps(load_study(study), tmp_path / "out")


def test_a_failed_run_keeps_the_results_of_the_good_one(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    _run(study, out)
    before = _bytes(out)
    study.write_text(STUDY.replace("classes = 4", "classes = 5"))
    frame = pd.read_csv(study.parent / "plots.csv")
    frame.assign(rain=frame["rain"] + 1).to_csv(study.parent / "plots.csv", index=False)
    _stop_at_geodetector(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        _run(study, out)
    publish_again(out)
    assert _bytes(out) == before


def test_kept_results_that_were_changed_by_hand_are_not_believed(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _run(study, out)
    (path,) = (out / ".state").glob("correlation-*/correlations.parquet")
    pd.read_parquet(path).assign(r=0.99).to_parquet(path)
    result = run_steps(load_study(study), out)
    assert not (result.kept["correlation"].result.tables["correlations"]["r"] == 0.99).any()


def test_code_that_changed_ends_kept_results(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    run_steps(load_study(study), tmp_path / "out", progress=lambda title, done: seen.append(title))
    monkeypatch.setattr("carbondrivers.study.inputs.code_hash", lambda *rooms: "other code")
    before = len(seen)
    run_steps(load_study(study), tmp_path / "out", progress=lambda title, done: seen.append(title))
    assert len(seen) == 2 * before


def test_an_input_is_never_written_over(study: Path) -> None:
    (study.parent / "tables").mkdir()
    (study.parent / "plots.csv").rename(study.parent / "tables" / "correlation.csv")
    study.write_text(STUDY.replace("plots.csv", "tables/correlation.csv"))
    with pytest.raises(OutputError, match=r"is an input, and a run into .* would write over it"):
        _run(study, study.parent)
    assert (study.parent / "tables" / "correlation.csv").exists()


@pytest.mark.parametrize(
    "manifest",
    [
        '{"kind": "carbondrivers manifest"}',
        '{"kind": "carbondrivers manifest", "outputs": ["a"]}',
        "[" * 5000,
        "null",
        '{"kind": "carbondrivers manifest", "outputs": {"notes.txt": "HASH", "../plots.csv": "HASH", "lnk/plots.csv": "HASH"}}',
    ],
)
def test_hostile_manifests_harm_nothing(study: Path, tmp_path: Path, manifest: str) -> None:
    import hashlib

    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_bytes((tmp_path / "plots.csv").read_bytes())
    (out / "lnk").symlink_to(tmp_path)
    digest = hashlib.sha256((tmp_path / "plots.csv").read_bytes()).hexdigest()
    (out / "manifest.json").write_text(manifest.replace("HASH", digest))
    _run(study, out)
    assert (out / "notes.txt").exists() and (tmp_path / "plots.csv").exists()


def test_linked_subfolders_are_refused(study: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "figures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="figures: it is a link to elsewhere"):
        _run(study, tmp_path / "out")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_leftovers_of_a_killed_process_are_swept(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dead = 2**22 + 1
    for place in (out / f".staging-{dead}-abc.tmp", out / ".state" / f".kept-{dead}-abc.tmp"):
        place.mkdir(parents=True)
    alive = out / f".staging-{os.getppid()}-abc.tmp"
    alive.mkdir()
    _run(study, out)
    assert [p.name for p in out.rglob("*.tmp")] == [alive.name]


def test_nothing_is_left_of_a_run_that_is_refused(study: Path, tmp_path: Path) -> None:
    from carbondrivers.reports.folder import forget, require_writable

    made = require_writable(tmp_path / "a" / "b")
    forget(made)
    assert not (tmp_path / "a").exists()


def test_encoding_of_the_table_is_said(study: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(study.parent / "plots.csv").replace({"zone": {"sand": "沙地"}})
    frame.to_csv(study.parent / "plots.csv", index=False, encoding="gb18030", sep=";")
    result = run_steps(load_study(study), tmp_path / "out")
    said = " ".join(result.kept["describe"].warnings)
    assert "plots.csv" in said and "gb18030" in said


def test_methods_say_how_nep_was_estimated() -> None:
    from carbondrivers.study.provenance_text import data_paragraphs

    demo = Path(run_module.__file__).parent / "presets" / "demo.toml"
    said = " ".join(data_paragraphs(load_study(demo).spec, 3))
    for word in ("NPP - Rh", "0.0913", "0.465", "30 days", "Pei", "virtual", "seed 3", "2000 to 2020"):
        assert word in said
