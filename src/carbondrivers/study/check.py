"""Reading a study file: every problem of it in one go, each with its line, what was expected and a hint.

Fields are checked by the schema. What concerns several keys is checked in a second pass over the raw tables, which runs
even where a field is wrong and skips only what cannot be read, so that nobody mends a study file in two rounds.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carbondrivers.errors import CarbonDriversError, StudyError, did_you_mean
from carbondrivers.study import registry
from carbondrivers.study.headers import raster_problems, region_years, stack_years
from carbondrivers.study.paths import resolve
from carbondrivers.study.problems import (
    Found,
    KeyPath,
    Problem,
    dotted,
    hint,
    key_lines,
    line_of,
    listed,
    model_problems,
)
from carbondrivers.study.registry import Step
from carbondrivers.study.rules import cross_problems, few_years
from carbondrivers.study.schema import StudySpec

DEEPEST, LARGEST = 20, 2**63
MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True, slots=True)
class LoadedStudy:
    """A study file without problems.

    Attributes
    ----------
    path : pathlib.Path
        The study file.
    root : pathlib.Path
        The folder that its data paths are relative to.
    text : str
        The file as written.
    spec : StudySpec
        What it says, with all defaults.
    """

    path: Path
    root: Path
    text: str
    spec: StudySpec


def load_study(path: Path, data: Path | None = None) -> LoadedStudy:
    """Read and check a study file; its data are not opened.

    Parameters
    ----------
    path
        The study file.
    data
        Folder that data paths are relative to; the study file's own by default.

    Raises
    ------
    StudyError
        Listing every problem, one a line.
    """
    path = Path(path)
    root = path.parent if data is None else Path(data)
    text = _read(path)
    if data is not None and not root.is_dir():
        raise StudyError(f"--data {root}: there is no such folder: give the folder that the data paths are relative to")
    raw = _parse(path, text)
    known = registry.steps()
    found = list(_monsters(raw)) or [*_field_problems(raw, known), *cross_problems(raw, known, root)]
    if found:
        raise StudyError("\n".join(problem.text(str(path)) for problem in _placed(found, key_lines(text))))
    spec = StudySpec.model_validate({key: value for key, value in raw.items() if key != "analyses"})
    analyses = {name: known[name].options.model_validate(given) for name, given in raw.get("analyses", {}).items()}
    return LoadedStudy(path, root, text, spec.model_copy(update={"analyses": analyses}))


def _read(path: Path) -> str:
    if path.is_dir():
        raise StudyError(f"{path}: is a folder: name the study file in it, such as {path / 'study.toml'}")
    try:
        # A pipe would be waited for without end.
        if path.exists() and not path.is_file():
            raise StudyError(f"{path}: is not a regular file but a pipe or device: save the study as a file and name that")
        raw = path.read_bytes()
    except FileNotFoundError:
        near = sorted(f.name for f in path.parent.glob("*.toml")) if path.parent.is_dir() else []
        remedy = did_you_mean(path.name, near) or " 'carbondrivers new DIR' writes one."
        raise StudyError(f"{path}: there is no such study file.{remedy}") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}): check its permissions") from None
    line, encoding = _other_encoding(raw)
    if encoding:
        raise StudyError(f"{path}:{line}: the text is not UTF-8, it looks like {encoding}: save as UTF-8")
    return raw.decode("utf-8-sig").replace("\r\n", "\n")


def _other_encoding(raw: bytes) -> tuple[int, str]:
    """Return the line that is not UTF-8 and what the text looks like; an empty string for UTF-8."""
    marked = next((name for mark, name in MARKS.items() if raw.startswith(mark)), "")
    if marked or b"\0" in raw:
        return 1, marked or ("UTF-16" if raw.count(0) >= len(raw) // 4 else "no text but binary data")
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
    else:
        return 0, ""
    wide = [character for character in raw.decode("gb18030", "replace") if character > "\x7f"]
    # Two Latin letters can make a rare Chinese character by chance, but seldom a common one.
    common = sum(len(character.encode("gb2312", "ignore")) == 2 for character in wide)
    return line, "GB18030 (Chinese Windows)" if common > 0.8 * len(wide) else "Windows-1252 or Latin-1"


def _parse(path: Path, text: str) -> dict[str, Any]:
    lines = text.split("\n")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = _syntax_problem(text, str(error))
    except ValueError:
        line = next((i for i, one in enumerate(lines, 1) if re.search(r"\d[\d_]{4000}", one)), None)
        problem = Problem(line, "", "a number of thousands of digits cannot be read: write a shorter one")
    except RecursionError:
        depths = [one.count("[") + one.count("{") for one in lines]
        problem = Problem(depths.index(max(depths)) + 1, "", "brackets are nested too deeply to be read: take them out")
    raise StudyError(problem.text(str(path)))


def _monsters(raw: Mapping[str, Any]) -> Found:
    """Iterate over values that no study needs and that would break the words about them: huge numbers, deep tables."""
    left: list[tuple[KeyPath, object]] = [((key,), value) for key, value in raw.items()]
    while left:
        path, value = left.pop()
        if isinstance(value, int) and not -LARGEST <= value < LARGEST:
            yield path, f"the whole number is too large: the largest is {LARGEST - 1}"
        elif isinstance(value, Mapping | list) and len(path) >= DEEPEST:
            yield path[:3], f"is nested more than {DEEPEST} deep, which no key is: take it out"
        elif isinstance(value, Mapping):
            left += [((*path, key), one) for key, one in value.items()]
        elif isinstance(value, list):
            left += [((*path, place), one) for place, one in enumerate(value)]


def _syntax_problem(text: str, message: str) -> Problem:
    place = re.search(r"\(at line (\d+), column (\d+)\)", message)
    line = int(place[1]) if place else text.count("\n") + 1
    cause = re.sub(r"\s*\(at .*\)$", "", message)
    remedy = "text stands in quotes, lists in [ ], a { } table on one line, each key once"
    if "escape" in cause.lower() or "\\" in cause:
        remedy = "write folders with /, or the text in single quotes"
    return Problem(line, "", f"this is not valid TOML: {cause[:1].lower() + cause[1:]}; {remedy}")


def _placed(found: Sequence[tuple[KeyPath, str]], lines: Mapping[KeyPath, int]) -> list[Problem]:
    placed = dict.fromkeys(Problem(line_of(lines, path), dotted(path), message) for path, message in found)
    return sorted(placed, key=lambda problem: problem.line or 0)


def _field_problems(raw: Mapping[str, Any], known: Mapping[str, Step]) -> Found:
    options = {name: step.options for name, step in known.items()}
    yield from model_problems(StudySpec, {k: v for k, v in raw.items() if k != "analyses"}, (), options)
    analyses = raw.get("analyses", {})
    if not isinstance(analyses, Mapping):
        yield ("analyses",), f"must be a table of keys, got {analyses!r}; write [analyses.trend]"
        return
    for name, given in analyses.items():
        if name in known:
            yield from model_problems(known[name].options, given, ("analyses", name), options)
        else:
            yield ("analyses", name), f"unknown step; expected one of {listed(known)}{hint(name, known)}"


def check_data(study: LoadedStudy) -> list[Problem]:
    """Return all problems of a study's files, as far as their headers show them; nothing is raised.

    Parameters
    ----------
    study
        From ``load_study``.
    """
    found = [*_crs_problems(study.spec), *_twin_problems(study.spec)]
    if study.spec.table:
        found += _table_problems(study)
    elif study.spec.kind == "rasters":
        found += raster_problems(study.root, study.spec)
    elif study.spec.study.years is None and "trend" in study.spec.analyses:
        found += few_years(len(region_years(study.spec)), study.spec.analyses["trend"].model_dump())
    return _placed(found, key_lines(study.text))


def response_years(study: LoadedStudy) -> tuple[int, ...] | None:
    """Return the years of the response's stack, from headers alone.

    Parameters
    ----------
    study
        From ``load_study``.

    Returns
    -------
    tuple of int or None
        None for a table, for a single grid, and for a stack of months, which has no one grid a year.

    Raises
    ------
    CarbonDriversError
        If the first file of the response cannot be opened.
    """
    if study.spec.kind == "table":
        return None
    return region_years(study.spec) if study.spec.kind == "region" else stack_years(study.root, study.spec)


def _crs_problems(spec: StudySpec) -> Found:
    from carbondrivers.datasets.checks import check_crs

    for path, crs in ((("study", "crs"), spec.study.crs), (("table", "crs"), spec.table.crs if spec.table else None)):
        try:
            check_crs(crs)
        except CarbonDriversError as error:
            yield path, str(error)


def _twins(spec: StudySpec) -> list[tuple[KeyPath, str]]:
    """Return where each twin of the response is named."""
    named = {step: getattr(options, "twin", None) for step, options in spec.analyses.items()}
    return [(("analyses", step, "twin"), str(name)) for step, name in named.items() if name]


def _twin_problems(spec: StudySpec) -> Found:
    for path, name in _twins(spec):
        if name == spec.response.name or name in spec.drivers:
            yield path, f"{name!r} is {'the response' if name == spec.response.name else 'a driver'}: name another variable"


def _table_problems(study: LoadedStudy) -> Found:
    from carbondrivers.datasets.tables import table_columns

    spec = study.spec
    if spec.table is None:
        return
    try:
        known = table_columns(resolve(study.root, spec.table.file))
    except CarbonDriversError as error:
        yield ("table", "file"), str(error)
        return
    places: list[tuple[KeyPath, str]] = [(("response", "column"), spec.response.column or spec.response.name)]
    places += [(("drivers", name, "column"), driver.column or name) for name, driver in spec.drivers.items()]
    places += [(("table", "coordinates"), name) for name in spec.table.coordinates or ()]
    places += [(("table", key), name) for key in ("time", "weights") if (name := getattr(spec.table, key))]
    variables = {spec.response.name, *spec.drivers}
    places += [(path, name) for path, name in _twins(spec) if name not in variables]
    places += [(("groups", n, "column"), g.column) for n, g in spec.groups.items() if g.column not in variables]
    for path, name in places:
        if name not in known:
            message = f"{spec.table.file} has no column {name!r}{hint(name, known)}; its columns are: {listed(known)}"
            yield path, message
