"""Rules that concern several keys of a study file, over its raw tables, which may be wrong anywhere.

What cannot be read is skipped: the schema has named it, and the rest is still to be judged in the same pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from carbondrivers.errors import StudyError
from carbondrivers.study.class_rules import class_problems
from carbondrivers.study.data_rules import data_problems
from carbondrivers.study.model_rules import model_name_problems
from carbondrivers.study.nep_layers import MODELS
from carbondrivers.study.nep_rules import nep_problems, planted
from carbondrivers.study.paths import present_years, resolve
from carbondrivers.study.problems import Found, KeyPath, hint, listed
from carbondrivers.study.raw import Raw
from carbondrivers.study.registry import Step
from carbondrivers.study.schema import with_catalogue

LOWER, UPPER = ("above", "at_least"), ("below", "at_most")
TREND_YEARS, REGION_YEARS = 10, 5
GRIDS = {"stack": "a stack of grids over the years", "map": "a map of the response", "months": "a stack of months"}
REGION_RESPONSES = ("nep", "npp", "radiation", "ndvi", "nir", "population")


def cross_problems(raw: Mapping[str, Any], known: Mapping[str, Step], root: Path) -> Found:
    """Iterate over what several keys of a study file get wrong together.

    Parameters
    ----------
    raw
        The study file as TOML gives it.
    known
        The registered steps.
    root
        Folder that data paths are relative to.
    """
    view = Raw(raw)
    yield from _kind_problems(view)
    yield from _driver_problems(view)
    yield from _double_problems(view)
    yield from nep_problems(view)
    yield from data_problems(view)
    yield from _group_problems(view)
    yield from _analysis_problems(view, known)
    yield from model_name_problems(view)
    yield from class_problems(view.raw, view.kind)
    yield from _source_problems(view, root)


def _kind_problems(view: Raw) -> Found:
    if view.is_region and view.years and view.years < REGION_YEARS:
        yield ("study", "years"), f"the virtual region needs {REGION_YEARS} years or more, got {view.years}"
    yield from _region_problems(view)
    source: KeyPath = ("response", "source")
    if view.is_region and view.is_table:
        yield ("table",), "a study has one kind of data: take out either [table] or study.region"
    if "source" in view.response and (view.is_region or view.is_table):
        other = "study.region" if view.is_region else "[table]"
        yield source, f"a study has one kind of data: take out either response.source or {other}"
    allowed = () if view.computed else REGION_RESPONSES
    if view.is_region and view.name and (view.name in view.region_columns() or (allowed and view.name not in allowed)):
        yield ("response", "name"), f"the region has no response {view.name!r}; expected one of {listed(REGION_RESPONSES)}"
    if not view.has_data:
        yield (
            ("response",),
            ("the study names no data: give [table] file, response.source (rasters) or study.region (virtual)"),
        )
    if view.is_table and view.computed:
        yield ("nep", "model"), f"{view.model!r} needs rasters or a region; in a table study NEP is 'given'"
    if view.kind != "table" and "column" in view.response:
        yield ("response", "column"), "only a table study has columns: take it out, or give [table] file"


def _region_problems(view: Raw) -> Found:
    for key in ("mode", "shape"):
        if key in view.study and not view.is_region:
            yield ("study", key), "only a virtual region has it: take it out, or set study.region"
    if view.is_region and view.region == "demo" and view.study.get("mode") == "process":
        yield ("study", "mode"), "the demo region is planted: take mode out, or take another region"
    if view.is_region and "resolution" in view.study:
        if view.region == "demo":
            yield ("study", "resolution"), "the demo region has cells of 1 km: give shape to make it larger or smaller"
        elif "shape" in view.study:
            yield ("study", "resolution"), "shape and resolution follow from each other: take one of them out"


def _driver_problems(view: Raw) -> Found:
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
        if view.kind == "region" and name not in (own := view.region_columns()):
            yield path, f"the region has no driver {name!r}, only {listed(own, 20)}{hint(name, own)}"
        has_own = {"source", "derive"} & set(driver)
        if view.kind == "rasters" and view.has_rasters and not has_own and name not in view.layers:
            yield path, "source is missing: give the driver's file or pattern"


def _double_problems(view: Raw) -> Found:
    """Find drivers that read the same data: each would be given half of the other's share."""
    seen: dict[tuple[str, ...], str] = {}
    for name, driver in view.drivers.items():
        origin = view.origin(name, driver)
        if origin and seen.setdefault(origin, name) != name:
            what = "column" if view.is_table else "grid"
            shown = " of ".join(repr(word) for word in reversed(origin) if word)
            yield ("drivers", name), f"reads the same {what} {shown} as driver {seen[origin]!r}: take one of them out"


def _group_problems(view: Raw) -> Found:
    declared = [view.name, *(("x", "y", *view.region_columns()) if view.is_region else view.table("drivers"))]
    declared += ["region"] if "regions" in view.raw else []
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


def _analysis_problems(view: Raw, known: Mapping[str, Step]) -> Found:
    for name in view.table("analyses"):
        step, path = known.get(name), ("analyses", name)
        if step is None:
            continue
        if step.needs == "sample" and not view.table("drivers") and view.kind == "rasters":
            yield path, f"{name} explains the response by drivers: add at least one, such as [drivers.precipitation]"
        if step.needs in GRIDS and view.kind == "table":
            what = GRIDS[step.needs]
            yield path, f"{name} needs {what}: a table study has none; take it out"
        for before in step.after:
            if before not in view.table("analyses") and before in known and not known[before].automatic:
                yield path, f"{name} takes the result of {before}: add [analyses.{before}], or take {name} out"
        if step.needs == "truth" and not view.is_region:
            yield path, f"{name} needs a planted truth, which only a virtual region has: take it out"
        elif step.needs == "truth" and not planted(view.name, view.nep, view.study):
            yield (
                path,
                f"{name} needs the planted truth, which is that of the region's own nep, not of this response: take it out",
            )
        if step.needs == "components" and not view.computed:
            yield path, f"{name} needs the months of an NEP model: set nep.model ({', '.join(MODELS)}), or take it out"
        yield from _reference_problems(view, step)
        if name in ("correlation", "collinearity") and view.drivers and _all_classes(view):
            yield path, f"{name} needs a measured driver, and all are categorical: take it out, or add a continuous driver"
        if name == "trend" and view.years and view.kind != "table":
            yield from few_years(view.years, view.table("analyses")[name])


def _reference_problems(view: Raw, step: Step) -> Found:
    """Iterate over options that name a driver which the study does not have."""
    given = view.table("analyses")[step.name]
    known = [*view.drivers] or [*view.region_columns()] if view.is_region else [*view.drivers]
    for key, info in step.options.model_fields.items():
        extra = info.json_schema_extra
        if not isinstance(given, Mapping) or not isinstance(extra, dict) or extra.get("refers_to") != "driver":
            continue
        names = given.get(key, ())
        for name in [names] if isinstance(names, str) else names if isinstance(names, list | dict) else ():
            if isinstance(name, str) and name not in known:
                yield (
                    ("analyses", step.name, key),
                    f"{name!r} is no driver of this study: {listed(known, 20)}{hint(name, known)}",
                )


def _all_classes(view: Raw) -> bool:
    drivers = with_catalogue(view.raw)["drivers"]
    return all(drivers[name].get("kind") == "categorical" for name in view.drivers)


def few_years(count: int, options: object) -> Found:
    """Iterate over what a trend over so many years lacks, `options` being those of the trend as written."""
    fewest = options.get("min_valid") if isinstance(options, Mapping) else None
    path: KeyPath = ("analyses", "trend")
    if fewest is None and count < TREND_YEARS:
        remedy = "give more years, or set min_valid (3 or more) and take the risk"
        yield path, f"a trend that can be told from noise needs {TREND_YEARS} years, there are {count}: {remedy}"
    elif isinstance(fewest, int) and not isinstance(fewest, bool) and fewest > count:
        yield (*path, "min_valid"), f"must be at most the number of years, {count}, got {fewest}"


def _source_problems(view: Raw, root: Path) -> Found:
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


def _sources(view: Raw) -> Iterator[tuple[KeyPath, str]]:
    places: list[tuple[KeyPath, object]] = [(("response", "source"), view.response.get("source"))]
    places += [((name, "file"), view.table(name).get("file")) for name in ("table", "regions")]
    for section, tables in (("layers", view.layers), ("drivers", view.drivers)):
        places += [((section, name, "source"), given.get("source")) for name, given in tables.items()]
    yield from ((path, source) for path, source in places if isinstance(source, str) and source)
