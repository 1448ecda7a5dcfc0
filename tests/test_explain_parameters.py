"""The published parameters: complete in every file, and readable as the text of ``carbondrivers explain``."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from carbondrivers.errors import OptionError
from carbondrivers.nep_models.apply import parameters
from carbondrivers.study.explain import explain
from carbondrivers.study.explain_parameters import (
    STATUS,
    explain_parameters,
    list_parameters,
    parameter_names,
    parameter_tables,
)

FOLDER = Path(__file__).parents[1] / "src" / "carbondrivers" / "nep_models" / "parameters"
FILES = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
ENTRIES = {
    f"{file}.{table}.{name}": entry
    for file, tables in FILES.items()
    for table, entries in tables.items()
    for name, entry in entries.items()
}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_value_has_unit_source_and_status(name):
    entry = ENTRIES[name]
    if "value" not in entry:  # classes of one model by those of another: words, no numbers
        assert all(isinstance(part, str) for part in entry.values()), name
        return
    assert entry["status"] in STATUS
    assert entry["source"].strip() and "unknown" not in entry["source"].lower()
    # A number without dimension says "1"; only a choice between words has no unit.
    assert bool(entry["unit"]) is not isinstance(entry["value"], str), name
    assert set(entry) <= {"value", "unit", "source", "status", "note", "printed", "standard_error"}
    if entry["status"] == "corrected":
        assert entry.get("note") or "left out" in entry["source"] or "printed" in entry or "code" in entry["source"], name


@pytest.mark.parametrize("file", FILES)
def test_every_file_says_what_it_holds_and_prints(file):
    assert (FOLDER / f"{file}.toml").read_text(encoding="utf-8").startswith("# ")
    text = explain(f"nep_models.{file}")
    for table, entries in FILES[file].items():
        assert f"nep_models.{file}.{table}\n" in text
        for name, entry in entries.items():
            row = _row(text, f"nep_models.{file}.{table}", name)
            if "value" in entry:
                assert entry["status"] in row and entry["unit"] in row
                assert _printed(entry) in row
                assert entry["source"] in _unwrapped(text)


def _row(text: str, table: str, name: str) -> str:
    block = text.split(f"{table}\n")[1].split("\n\n")[0]
    (row,) = [line for line in block.splitlines() if line.split()[0] == name]
    return row


def _printed(entry: dict[str, object]) -> str:
    value = entry["value"]
    return value if isinstance(value, str) else f"{value:.12g}"


def _unwrapped(text: str) -> str:
    return re.sub(r"\n {4,}", " ", text)


def test_no_line_has_more_than_a_hundred_columns():
    for word in ("nep_models", *(f"nep_models.{file}" for file in FILES)):
        long = [line for line in explain(word).splitlines() if len(line) > 100]
        assert not long, long
    assert max(len(name) + 1 + len(title) for name, title in list_parameters()) <= 100


def test_a_table_reads_so():
    assert explain("nep_models.soil_respiration.gsmsr").splitlines()[:8] == [
        "nep_models.soil_respiration.gsmsr",
        "  name                    value  unit          status        source",
        "  r0                      0.588  g C m-2 d-1   corrected     1",
        "  m       0.118 (printed 0.188)  g C kg-1 d-1  corrected     2",
        "  alpha                    1.83  1             as_published  1",
        "  beta   -0.006 (printed 0.006)  degC-1        corrected     3",
        "  p0                      2.972  cm month-1    as_published  1",
        "  k                       5.657  cm month-1    as_published  1",
    ]
    text = explain("nep_models.soil_respiration.chen_r0")
    assert "  grassland   9.62 +- 6.7  kg C m-2 a-1  as_published  1" in text.splitlines()
    assert text.endswith(
        "as_published: taken as secondary sources print it\nunverified: remembered or inferred; no source seen"
    )


def test_notes_that_are_the_same_are_said_once():
    text = explain("nep_models.casa.ndvi_max")
    assert text.count("for SPOT and AVHRR") == 1
    assert "note on all: for SPOT and AVHRR" in text
    assert "note on r_leaf, r_stem, r_coarse_root, r_fine_root: printed as" in explain("nep_models.autotrophic.evergreen")


@pytest.mark.parametrize(
    ("word", "tables"),
    [
        ("nep_models.casa.eps_max_zhu", ["casa.eps_max_zhu"]),
        ("casa.eps_max_zhu", ["casa.eps_max_zhu"]),
        ("nep_models.casa.eps", ["casa.eps_max_zhu", "casa.eps_max_improved"]),
        ("nep_models.casa.eps...", ["casa.eps_max_zhu", "casa.eps_max_improved"]),
        ("[nep_models.autotrophic.mod17]", ["autotrophic.mod17"]),
        ("nep_models.radiation", ["radiation.fao56", "radiation.angstrom", "radiation.hargreaves", "radiation.par"]),
    ],
)
def test_names_find_their_tables(word, tables):
    heads = [line for line in explain(word).splitlines() if line.startswith("nep_models.")]
    assert heads == [f"nep_models.{table}" for table in tables]


def test_one_value_prints_alone():
    text = explain("nep_models.casa.fpar.high")
    assert re.search(r"^  high +0\.95  1 +as_published  1$", text, re.MULTILINE)
    assert "ndvi_min" not in text


def test_the_overview_lists_every_table():
    text = explain("nep_models")
    for name in parameter_tables():
        assert re.search(rf"^    {re.escape(name)}  ", text, re.MULTILINE), name
    assert "6 as_published, 4 corrected" in text
    assert dict(list_parameters())["nep_models.soil_respiration.shi"] == "3 as_published"


def test_every_name_can_be_explained():
    for name in parameter_names():
        assert explain_parameters(name).startswith("nep_models"), name
    assert explain_parameters("trend") == explain_parameters("casa") == explain_parameters("nep.rh.b") == ""


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("nep_models.casa.esp_max_zhu", "nep_models.casa.eps_max_zhu"),
        ("nep_models.autotropic", "nep_models.autotrophic"),
        ("nep_modles", "nep_models"),
        ("nep_models.casa.fpar.hihg", "nep_models.casa.fpar.high"),
    ],
)
def test_a_wrong_name_is_refused_with_the_nearest(word, meant):
    with pytest.raises(OptionError, match=f"Did you mean '{re.escape(meant)}'"):
        explain(word)


def test_what_is_printed_is_what_the_models_take():
    for name, entries in parameter_tables().items():
        assert parameters(name.removeprefix("nep_models.")) == entries


@pytest.mark.parametrize("words", [("explain", "nep_models.autotrophic"), ("list", "parameters")])
def test_the_command_line_prints_them(words, tmp_path):
    command = [sys.executable, "-m", "carbondrivers.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, check=False)
    assert done.returncode == 0 and done.stderr == ""
    assert "nep_models.autotrophic.evergreen" in done.stdout
