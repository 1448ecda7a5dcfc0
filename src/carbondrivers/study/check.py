"""Reading a study file: every problem of it in one go, each with its line, what was expected and a hint.

Fields are checked by the schema. What concerns several keys is checked in a second pass over the raw tables, which runs
even where a field is wrong and skips only what cannot be read, so that nobody mends a study file in two rounds.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carbondrivers.catalogue import variables
from carbondrivers.errors import CarbonDriversError, StudyError, did_you_mean
from carbondrivers.study import registry
from carbondrivers.study.paths import Instance, expand, present_years, resolve
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
from carbondrivers.study.schema import NEP_LAYERS, Layer, StudySpec

LOWER, UPPER = ("above", "at_least"), ("below", "at_most")


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
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(_syntax_problem(text, str(error)).text(str(path))) from None
    known = registry.steps()
    found = [*_field_problems(raw, known), *_cross_problems(raw, known, root)]
    if found:
        raise StudyError("\n".join(problem.text(str(path)) for problem in _placed(found, key_lines(text))))
    spec = StudySpec.model_validate({key: value for key, value in raw.items() if key != "analyses"})
    analyses = {name: known[name].options.model_validate(given) for name, given in raw.get("analyses", {}).items()}
    return LoadedStudy(path, root, text, spec.model_copy(update={"analyses": analyses}))


def _read(path: Path) -> str:
    if path.is_dir():
        raise StudyError(f"{path}: is a folder: name the study file in it, such as {path / 'study.toml'}")
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        near = sorted(f.name for f in path.parent.glob("*.toml")) if path.parent.is_dir() else []
        remedy = did_you_mean(path.name, near) or " 'carbondrivers new DIR' writes one."
        raise StudyError(f"{path}: there is no such study file.{remedy}") from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise StudyError(f"{path}:{line}: the text is not UTF-8: save the study file with encoding UTF-8") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}): check its permissions") from None


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


def _cross_problems(raw: Mapping[str, Any], known: Mapping[str, Step], root: Path) -> Found:
    view = _Raw(raw)
    yield from _kind_problems(view)
    yield from _driver_problems(view)
    yield from _nep_problems(view)
    yield from _group_problems(view)
    yield from _analysis_problems(view, known)
    yield from _source_problems(view, root)


class _Raw:
    """What can be read of a study file that may be wrong anywhere."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.study, self.response, self.nep = self.table("study"), self.table("response"), self.table("nep")
        self.drivers, self.groups, self.layers = self.tables("drivers"), self.tables("groups"), self.tables("layers")
        self.computed = self.nep.get("model") == "npp_minus_rh"
        self.is_region, self.is_table = "region" in self.study, "table" in raw
        name = self.response.get("name")
        self.name = name if isinstance(name, str) else ""
        self.has_rasters = "source" in self.response or self.computed or self.name in self.layers
        self.has_data = self.is_region or self.is_table or self.has_rasters

    def table(self, name: str) -> Mapping[str, Any]:
        found = self.raw.get(name)
        return found if isinstance(found, Mapping) else {}

    def tables(self, name: str) -> dict[str, Mapping[str, Any]]:
        return {key: value for key, value in self.table(name).items() if isinstance(value, Mapping)}

    @property
    def kind(self) -> str:
        return "region" if self.is_region else "table" if self.is_table else "rasters"


def _kind_problems(view: _Raw) -> Found:
    source: KeyPath = ("response", "source")
    if view.is_region and view.is_table:
        yield ("table",), "a study has one kind of data: take out either [table] or study.region"
    if "source" in view.response and (view.is_region or view.is_table):
        other = "study.region" if view.is_region else "[table]"
        yield source, f"a study has one kind of data: take out either response.source or {other}"
    if not view.has_data:
        yield (
            ("response",),
            ("the study names no data: give [table] file, response.source (rasters) or study.region (virtual)"),
        )
    if view.is_table and view.computed:
        yield ("nep", "model"), "'npp_minus_rh' needs rasters or a region; in a table study NEP is 'given'"
    if view.kind != "table" and "column" in view.response:
        yield ("response", "column"), "only a table study has columns: take it out, or give [table] file"


def _driver_problems(view: _Raw) -> Found:
    if view.is_table and not view.table("drivers"):
        yield ("drivers",), "missing: a table study needs at least one driver, such as [drivers.precipitation]"
    answer = view.response.get("column", view.name)
    for name, driver in view.drivers.items():
        path: KeyPath = ("drivers", name)
        same_column = view.is_table and driver.get("column", name) == answer
        same_source = "source" in driver and (driver["source"], driver.get("variable")) == (
            view.response.get("source"), view.response.get("variable"),
        )  # fmt: skip
        if view.name and (name == view.name or same_column or same_source):
            yield path, f"is the response {view.name!r} too: take it out of the drivers"
        if view.kind != "table" and "column" in driver:
            yield (*path, "column"), "only a table study has columns: give source = ... instead"
        if view.kind != "rasters" and "source" in driver:
            remedy = "give column = ... instead" if view.is_table else "the region brings its own layers; take it out"
            yield (*path, "source"), f"only a raster study has sources: {remedy}"
        if view.kind == "region" and name not in variables():
            yield path, f"the region has no layer {name!r}{hint(name, variables())}"
        if view.kind == "rasters" and view.has_rasters and "source" not in driver and name not in view.layers:
            yield path, "source is missing: give the driver's file or pattern"


def _nep_problems(view: _Raw) -> Found:
    if not view.computed or view.is_region or view.is_table:
        return
    for name in NEP_LAYERS:
        if name not in view.table("layers"):
            yield (
                ("nep", "model"),
                f"'npp_minus_rh' needs layer {name!r}: add it under [layers]{hint(name, view.layers)}",
            )


def _group_problems(view: _Raw) -> Found:
    declared = [view.name, *view.table("drivers"), *(variables() if view.is_region else ())]
    for name, group in view.groups.items():
        path: KeyPath = ("groups", name)
        if name == "all":
            yield path, "a group cannot be called 'all': that name stands for the whole sample; rename it"
        column = group.get("column")
        # A table may hold columns that are no drivers (a county, a class): check_data looks for those.
        if isinstance(column, str) and not view.is_table and column not in declared and view.name and view.has_data:
            yield (
                (*path, "column"),
                f"there is no variable {column!r}; declared are {listed(declared)}{hint(column, declared)}",
            )
        lower, upper = [k for k in LOWER if k in group], [k for k in UPPER if k in group]
        if not lower and not upper and "is" not in group:
            yield path, f"says no condition: give one of {listed([*LOWER, *UPPER, 'is'])}"
        elif (lower or upper) and "is" in group:
            yield path, "'is' stands alone: take out the bounds, or 'is'"
        elif len(lower) > 1 or len(upper) > 1:
            both = lower if len(lower) > 1 else upper
            yield path, f"{both[0]!r} and {both[1]!r} say the same: keep one of them"
        elif lower and upper and _is_empty(group[lower[0]], group[upper[0]]):
            yield (
                path,
                f"no value is {lower[0]} {group[lower[0]]} and {upper[0]} {group[upper[0]]}: exchange the bounds",
            )


def _is_empty(low: object, high: object) -> bool:
    return isinstance(low, int | float) and isinstance(high, int | float) and low >= high


def _analysis_problems(view: _Raw, known: Mapping[str, Step]) -> Found:
    for name in view.table("analyses"):
        step, path = known.get(name), ("analyses", name)
        if step is None:
            continue
        if step.needs == "sample" and not view.table("drivers") and view.kind == "rasters":
            yield path, f"{name} explains the response by drivers: add at least one, such as [drivers.precipitation]"
        if step.needs == "stack" and view.kind == "table":
            yield path, f"{name} needs a stack of grids over the years: a table study has none; take it out"
        if step.needs == "truth" and not view.is_region:
            yield path, f"{name} needs a planted truth, which only a virtual region has: take it out"


def _source_problems(view: _Raw, root: Path) -> Found:
    for path, source in _sources(view):
        try:
            resolve(root, source)
        except StudyError as error:
            yield path, str(error)
            continue
        if "{year}" in source and "years" not in view.study:
            own = present_years(root, source)
            shown = f"{list(own)} (as the files are called)" if own else "[first, last]"
            yield path, f"{source!r} runs over the years: give study.years = {shown}"


def _sources(view: _Raw) -> Iterator[tuple[KeyPath, str]]:
    places: list[tuple[KeyPath, object]] = [(("response", "source"), view.response.get("source"))]
    places.append((("table", "file"), view.table("table").get("file")))
    for section, tables in (("layers", view.layers), ("drivers", view.drivers)):
        places += [((section, name, "source"), given.get("source")) for name, given in tables.items()]
    yield from ((path, source) for path, source in places if isinstance(source, str) and source)


def check_data(study: LoadedStudy) -> list[Problem]:
    """Return all problems of a study's files, as far as their headers show them; nothing is raised.

    Parameters
    ----------
    study
        From ``load_study``.
    """
    found = list(_crs_problems(study.spec))
    if study.spec.table:
        found += _table_problems(study)
    elif study.spec.kind == "rasters":
        for path, layer in _layers(study.spec):
            found += [(path, message) for message in _grid_problems(study, layer)]
    return _placed(found, key_lines(study.text))


def _crs_problems(spec: StudySpec) -> Found:
    from carbondrivers.datasets.checks import check_crs

    for path, crs in ((("study", "crs"), spec.study.crs), (("table", "crs"), spec.table.crs if spec.table else None)):
        try:
            check_crs(crs)
        except CarbonDriversError as error:
            yield path, str(error)


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
    places += [(("groups", n, "column"), g.column) for n, g in spec.groups.items() if g.column not in variables]
    for path, name in places:
        if name not in known:
            message = f"{spec.table.file} has no column {name!r}{hint(name, known)}; its columns are: {listed(known)}"
            yield path, message


def _layers(spec: StudySpec) -> Iterator[tuple[KeyPath, Layer]]:
    for name, layer in spec.layers.items():
        yield ("layers", name, "source"), layer
    owners: list[tuple[KeyPath, str]] = [(("response", "source"), spec.response.name)]
    owners += [(("drivers", name, "source"), name) for name in spec.drivers]
    for path, name in owners:
        grid = spec.layer(name)
        if grid is not None and name not in spec.layers:
            yield path, grid


def _grid_problems(study: LoadedStudy, layer: Layer) -> Iterator[str]:
    root, source = study.root, layer.source
    instances = list(expand(source, study.spec.study.years))
    missing = [i for i in instances if not (root / i.path).exists()]
    if len(missing) == len(instances):
        wanted = root / missing[0].path
        near = [f.name for f in wanted.parent.iterdir()] if wanted.parent.is_dir() else []
        yield f"there is no file {source!r} in {root}{hint(wanted.name, near)}"
        return
    if missing:
        dates = listed([f"{i.year}-{i.month:02d}" if i.month else str(i.year) for i in missing], 6)
        yield f"{source!r} has no file for {dates}: add the files, or change study.years"
    for instance in instances:
        cause = _header_cause(study, layer, instance) if instance not in missing else ""
        if cause:
            yield cause
            return


def _header_cause(study: LoadedStudy, layer: Layer, instance: Instance) -> str:
    """Return why a grid cannot be used, as its header shows it, or an empty string."""
    from carbondrivers.datasets.raster_files import RasterFile, open_file

    years = study.spec.study.years
    path = resolve(study.root, instance.path)
    if not path.is_file():
        return f"{path}: is not a file: name the grid in it"
    file = RasterFile(path, instance.year, instance.month)
    try:
        grid = open_file(file, str(path), variable=layer.variable, years=years, nodata=layer.nodata)
    except CarbonDriversError as error:
        return str(error)
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}): check its permissions"
    axis = grid["year"] if "year" in grid.dims else grid["time"].dt.year if "time" in grid.dims else None
    if axis is None or years is None or instance.year is not None:
        return ""
    held = {int(year) for year in axis.values}
    gaps = [str(year) for year in range(years[0], years[1] + 1) if year not in held]
    return f"{path}: its time axis ({min(held)}-{max(held)}) lacks {listed(gaps, 6)}: change study.years" if gaps else ""
