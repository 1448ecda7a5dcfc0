"""The command line as a user meets it: statuses, one-line errors, nothing lost."""

# ruff: noqa: E501 - one bad input a line reads best
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

STUDY = """
schema = 1
[study]
title = "Plots"
[table]
file = "plots.csv"
[response]
name = "nep"
[drivers]
rain = { category = "climate" }
dem = { category = "topography" }
[analyses.correlation]
[report]
figures = ["png"]
"""


def _call(*words: object, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carbondrivers.cli", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, env=env or dict(os.environ))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 3)), columns=["nep", "rain", "dem"])
    frame.to_csv(tmp_path / "plots.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


def test_check_run_report(folder: Path) -> None:
    done = _call("check", "study.toml", cwd=folder)
    assert done.returncode == 0 and "Steps: describe, correlation" in done.stdout
    done = _call("run", "study.toml", "-o", "out", cwd=folder)
    assert (done.returncode, done.stdout.strip()) == (0, f"report: {Path('out') / 'report.html'}"), done.stderr
    assert done.stderr == ""
    done = _call("report", "out", cwd=folder)
    assert done.returncode == 0 and (folder / "out" / "report.html").exists()


def _table(folder: Path, change) -> None:
    frame = pd.read_csv(folder / "plots.csv")
    change(frame).to_csv(folder / "plots.csv", index=False)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: (d / "plots.csv").unlink(), ["plots.csv"]),
        (lambda d: (d / "plots.csv").write_bytes(b"nep,rain,dem\n\xff\xfe\xff,\xff,\xff\n"), ["plots.csv", "utf-8", "gb18030"]),
        (lambda d: _table(d, lambda f: f.rename(columns={"rain": "rainfall"})), ["rain", "did you mean 'rainfall'"]),
        (lambda d: _table(d, lambda f: f.assign(dem=["a1"] + ["2"] * 39)), ["dem", "text", "'a1' in row 1"]),
        (lambda d: _table(d, lambda f: f.assign(dem=7)), ["dem", "constant"]),
        (lambda d: _table(d, lambda f: f.assign(dem=np.nan)), ["dem", "no value at all"]),
        (lambda d: _table(d, lambda f: f.head(4)), ["only 4 complete rows for 2 drivers"]),
        (lambda d: (d / "plots.csv").write_text("nep,rain,rain,dem\n1,2,3,4\n"), ["rain", "plots.csv"]),
        (lambda d: _table(d, lambda f: f.assign(dem=f["dem"].where(f.index > 0, np.inf))), ["dem", "infinite"]),
        (lambda d: _table(d, lambda f: f.assign(dem=f["dem"].where(f.index > 0, -9999))), ["dem", "nodata", "-9999"]),
        (lambda d: (d / "study.toml").write_text(STUDY.replace("[table]", "sed = 1\n[table]")), ["study.toml:5", "sed", "did you mean 'seed'"]),
        (lambda d: (d / "study.toml").write_text(STUDY.replace('"plots.csv"', '"../plots.csv"')), ["leaves its root"]),
        (lambda d: (d / "study.toml").write_text(STUDY.replace("[drivers]", "[drivers]\nnep = {}")), ["nep", "response"]),
        (lambda d: (d / "study.toml").write_text(STUDY.replace('"plots.csv"', '"plots.csv"\ncrs = "EPSG:0"')), ["EPSG:0", "CRS"]),
        (lambda d: (d / "study.toml").write_text("[study\n"), ["study.toml:1"]),
        (lambda d: (d / "study.toml").unlink(), ["study.toml"]),
        (lambda d: (d / "out").write_text("a file"), ["out", "is a file, not a folder"]),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_two(folder: Path, spoil, words: list[str]) -> None:
    spoil(folder)
    done = _call("run", "study.toml", "-o", "out", cwd=folder)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("error: "), done.stderr
    for word in words:
        assert word in done.stderr
    assert not (folder / "out" / "report.html").exists()


def test_a_failed_run_leaves_the_earlier_report(folder: Path) -> None:
    _call("run", "study.toml", "-o", "out", cwd=folder)
    before = (folder / "out" / "report.html").read_bytes()
    _table(folder, lambda f: f.assign(dem=7))
    assert _call("run", "study.toml", "-o", "out", cwd=folder).returncode == 2
    assert (folder / "out" / "report.html").read_bytes() == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="a superuser may write everywhere")
def test_unwritable_output_folder(folder: Path) -> None:
    (folder / "out").mkdir(mode=0o500)
    done = _call("run", "study.toml", "-o", "out", cwd=folder)
    assert done.returncode == 2 and "permission denied" in done.stderr


def test_output_below_a_file_cannot_be_made(folder: Path) -> None:
    done = _call("run", "study.toml", "-o", "plots.csv/out", cwd=folder)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "cannot write" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_ctrl_c_stops_with_130_and_a_state_to_go_on_from(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "carbondrivers.cli", "demo", "-o", "out"]
    # Jobs of a shell in the background ignore Ctrl-C, and so would their children.
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    state = tmp_path / "out" / ".state"
    deadline = time.monotonic() + 120
    while not (state.is_dir() and any(p.name.startswith("describe-") for p in state.iterdir())):
        assert time.monotonic() < deadline and process.poll() is None
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert "finished steps are kept" in stderr and "Traceback" not in stderr
    assert not (tmp_path / "out" / "report.html").exists()
    assert any(p.name.startswith("describe-") for p in state.iterdir())


def test_new_writes_a_study_that_checks_and_runs(folder: Path) -> None:
    (folder / "study.toml").unlink()
    done = _call("new", ".", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert _call("check", "study.toml", cwd=folder).returncode == 0
    assert _call("run", "study.toml", "-o", "out", cwd=folder).returncode == 0
    again = _call("new", ".", cwd=folder)
    assert again.returncode == 2 and "is not overwritten" in again.stderr


@pytest.mark.parametrize("words", [("list",), ("list", "steps"), ("list", "variables"), ("list", "keys"),
                                   ("explain", "analyses.geodetector.classes"), ("explain", "precipitation"),
                                   ("--help",), ("run", "--help"), ("--version",)])  # fmt: skip
def test_words_of_help(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = _call(*words, cwd=tmp_path)
    assert done.returncode == 0 and len(done.stdout) > 10 and done.stderr == ""


def test_unknown_words(tmp_path: Path) -> None:
    done = _call("explain", "precipitaton", cwd=tmp_path)
    assert done.returncode == 2 and "precipitation" in done.stderr
    assert _call("frobnicate", cwd=tmp_path).returncode == 2
