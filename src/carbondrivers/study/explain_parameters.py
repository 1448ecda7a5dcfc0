"""The published parameters of the models as text: what ``carbondrivers explain nep_models.TABLE`` prints.

A name is ``nep_models`` (all tables), ``nep_models.FILE``, ``nep_models.FILE.TABLE``, the beginning of some tables' names, or
``nep_models.FILE.TABLE.VALUE``; ``nep_models.`` may be left out before a dot. Lines have at most 100 columns.
"""

from __future__ import annotations

import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

ROOT = "nep_models"
WIDTH = 100
STATUS = {
    "verified": "seen in the original source",
    "corrected": "the print is damaged or impossible; this value or form was chosen, the note says why",
    "as_published": "taken as secondary sources print it",
    "unverified": "remembered or inferred; no source seen",
}
Entries = dict[str, dict[str, Any]]


@cache
def parameter_tables() -> dict[str, Entries]:
    """Return every table of parameters by its name.

    Examples
    --------
    >>> parameter_tables()["nep_models.casa.fpar"]["high"]["value"]
    0.95
    """
    found: dict[str, Entries] = {}
    for name, text in _texts().items():
        found |= {f"{ROOT}.{name}.{table}": entries for table, entries in tomllib.loads(text).items()}
    return found


def parameter_names() -> list[str]:
    """Return every name that ``explain_parameters`` knows.

    Examples
    --------
    >>> {"nep_models", "nep_models.casa", "nep_models.casa.light", "nep_models.casa.light.par_share"} <= set(parameter_names())
    True
    """
    tables = parameter_tables()
    values = [f"{table}.{value}" for table, entries in tables.items() for value in entries]
    return [ROOT, *(f"{ROOT}.{name}" for name in _texts()), *tables, *values]


def list_parameters() -> Iterator[tuple[str, str]]:
    """Return every table with how many values it has of each status.

    Examples
    --------
    >>> dict(list_parameters())["nep_models.soil_respiration.shi"]
    '3 as_published'
    """
    for table, entries in parameter_tables().items():
        counts = Counter(entry.get("status", "classes") for entry in entries.values())
        yield table, ", ".join(f"{count} {status}" for status, count in counts.items())


def explain_parameters(word: str) -> str:
    """Return the tables that a name means as text, or an empty string.

    Examples
    --------
    >>> print(explain_parameters("casa.light"))
    nep_models.casa.light
      name       value  unit  status        source
      par_share    0.5  1     as_published  1
      source 1: improved CASA study of China 2010; Zhu et al. 2007
      note on par_share: 0.45 in MOD17
    <BLANKLINE>
    as_published: taken as secondary sources print it
    """
    if word == ROOT:
        return _overview()
    found = _found(word)
    texts = [_table_text(table, entries) for table, entries in found.items()]
    statuses = [status for entries in found.values() for status in _statuses(entries)]
    return "\n\n".join([*texts, *_legend(statuses)])


def _texts() -> dict[str, str]:
    folder = files("carbondrivers.nep_models").joinpath("parameters")
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {f.name.removesuffix(".toml"): f.read_text(encoding="utf-8") for f in found}


def _found(word: str) -> dict[str, Entries]:
    """Return the tables of a file, one table, tables that begin alike, or a table of one value."""
    tables = parameter_tables()
    full = word.rstrip(".") if word.startswith(f"{ROOT}.") else f"{ROOT}.{word.rstrip('.')}"
    if full in tables:
        return {full: tables[full]}
    table, _, value = full.rpartition(".")
    if value in tables.get(table, {}):
        return {table: {value: tables[table][value]}}
    if "." not in word:
        return {}
    return {name: entries for name, entries in tables.items() if name.startswith((f"{full}.", f"{full}_"))}


def _overview() -> str:
    tables = dict(list_parameters())
    width = max(map(len, tables))
    lines = [ROOT, "  the published parameters of the models by table: how many values of which status", ""]
    for name, text in _texts().items():
        lines += _wrapped(f"{ROOT}.{name}: {_title(text)}")
        inside = [table for table in tables if table.startswith(f"{ROOT}.{name}.")]
        lines += [f"    {table:<{width}}  {tables[table]}" for table in inside]
    statuses = [status for entries in parameter_tables().values() for status in _statuses(entries)]
    return "\n".join([*lines, "", *_legend(statuses)])


def _title(text: str) -> str:
    """Return the first sentence of a file, which says what it holds."""
    return text.splitlines()[0].lstrip("# ").split(". ")[0].removesuffix(".")


def _table_text(table: str, entries: Entries) -> str:
    if not all("value" in entry for entry in entries.values()):
        columns = list(dict.fromkeys(key for entry in entries.values() for key in entry if key != "note"))
        rows = [[name, *(str(entry.get(key) or "-") for key in columns)] for name, entry in entries.items()]
        return "\n".join([table, *_aligned([["name", *columns], *rows]), *_notes(entries)])
    sources = list(dict.fromkeys(entry["source"] for entry in entries.values()))
    rows = [
        [name, _number(entry), entry["unit"] or "-", entry["status"], str(sources.index(entry["source"]) + 1)]
        for name, entry in entries.items()
    ]
    listed = [line for i, source in enumerate(sources) for line in _wrapped(f"source {i + 1}: {source}")]
    return "\n".join(
        [table, *_aligned([["name", "value", "unit", "status", "source"], *rows], right=1), *listed, *_notes(entries)]
    )


def _number(entry: Mapping[str, Any]) -> str:
    value = entry["value"]
    text = value if isinstance(value, str) else f"{value:.12g}"
    if "standard_error" in entry:
        text += f" +- {entry['standard_error']:g}"
    return f"{text} (printed {entry['printed']:g})" if "printed" in entry else text


def _aligned(rows: Sequence[Sequence[str]], right: int | None = None) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(f"{cell:{'>' if i == right else '<'}{widths[i]}}" for i, cell in enumerate(row)).rstrip()
        for row in rows
    ]


def _notes(entries: Entries) -> list[str]:
    names: dict[str, list[str]] = {}
    for name, entry in entries.items():
        if "note" in entry:
            names.setdefault(entry["note"], []).append(name)
    whole = {note for note, found in names.items() if len(found) == len(entries) > 1}
    heads = {note: "all" if note in whole else ", ".join(found) for note, found in names.items()}
    return [line for note, head in heads.items() for line in _wrapped(f"note on {head}: {note}")]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False)


def _statuses(entries: Entries) -> list[str]:
    return [entry["status"] for entry in entries.values() if "status" in entry]


def _legend(statuses: Sequence[str]) -> list[str]:
    lines = [f"{status}: {meaning}" for status, meaning in STATUS.items() if status in statuses]
    return ["\n".join(lines)] if lines else []
