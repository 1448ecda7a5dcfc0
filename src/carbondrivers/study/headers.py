"""What the headers of a study's grids show before anything runs: gaps, other grids, other periods, other units.

Values are not read; the data door reads and checks those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carbondrivers.errors import CarbonDriversError, StudyError
from carbondrivers.study import registry
from carbondrivers.study.nep_layers import AXES, GIVEN, LAYERS, used_layers
from carbondrivers.study.paths import Instance, expand, files_of, resolve
from carbondrivers.study.problems import Found, KeyPath, hint, listed
from carbondrivers.study.rules import few_years
from carbondrivers.study.schema import Layer, StudySpec

if TYPE_CHECKING:
    import xarray as xr

STEPS = {"year": "one grid a year", "time": "one grid a month", "": "a single grid"}
HAS = {"year": "holds years", "time": "holds months", "": "is a single grid"}


@dataclass(frozen=True, slots=True)
class Header:
    """A layer as the header of its first file shows it.

    Attributes
    ----------
    path : tuple
        Key path of its source.
    source : str
        As the study file names it.
    grid : xarray.DataArray
        Coordinates and attributes of the first file, without values.
    axis : str
        ``"year"``, ``"time"`` (months), or empty for a single grid.
    years : tuple of int
        The years that the study takes of it.
    """

    path: KeyPath
    source: str
    grid: xr.DataArray
    axis: str
    years: tuple[int, ...]


def raster_problems(root: Path, spec: StudySpec) -> Found:
    """Iterate over the problems of a raster study's files, as far as their headers show them."""
    headers: dict[KeyPath, Header] = {}
    for path, layer in _layers(spec):
        for message in _layer_problems(root, spec, path, layer, headers):
            yield path, message
    yield from _region_problems(root, spec)
    response, drivers = _used(spec, headers)
    if not spec.aligns:
        yield from _alignment_problems([*response, *drivers.values()])
    if spec.nep.model != GIVEN:
        yield from _nep_problems(spec, response)
    yield from _stack_problems(spec, response)
    for name, header in drivers.items():
        if header.axis and spec.drivers[name].kind == "categorical":
            remedy = "name the file of one year"
            yield header.path, f"{header.source!r} {HAS[header.axis]}, and classes have no mean over time: {remedy}"


def _region_problems(root: Path, spec: StudySpec) -> Found:
    """Find polygons that cannot be read; a file of them is small, and is read whole."""
    from carbondrivers.datasets.zones import read_zones

    if spec.regions is None:
        return
    try:
        path = resolve(root, spec.regions.file)
        if path.exists():
            read_zones(path, **spec.regions.model_dump(exclude={"file"}))
            return
    except CarbonDriversError as error:
        yield ("regions", "file"), str(error)
        return
    near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    yield ("regions", "file"), f"there is no file {spec.regions.file!r} in {root}{hint(path.name, near)}"


def stack_years(root: Path, spec: StudySpec) -> tuple[int, ...] | None:
    """Return the years of a raster study's response; None for a single grid or months."""
    names = [name for name in _nep_layers(spec) if LAYERS[name].period in ("year", "month")] or [spec.response.name]
    layer = spec.layer(names[0])
    if layer is None:
        return None
    instance = next(expand(layer.source, spec.study.years))
    header = _header(("response",), layer.source, instance, _open(root, spec, layer, instance), spec.study.years)
    # A model makes years of months; a response that is read as it stands has to have them.
    return header.years if header.axis == "year" or (header.axis and spec.nep.model != GIVEN) else None


def region_years(spec: StudySpec) -> tuple[int, ...]:
    """Return the years of a virtual region; it is not made."""
    from carbondrivers.datasets.virtual.design import DEMO, default_years

    first, last = spec.study.years or default_years(spec.study.region or DEMO)
    return tuple(range(first, last + 1))


def _layers(spec: StudySpec) -> Iterator[tuple[KeyPath, Layer]]:
    for name, layer in spec.layers.items():
        yield ("layers", name, "source"), layer
    owners: list[tuple[KeyPath, str]] = [(("response", "source"), spec.response.name)]
    owners += [(("drivers", name, "source"), name) for name in spec.drivers]
    for path, name in owners:
        grid = spec.layer(name)
        if grid is not None and grid is not spec.layers.get(name):
            yield path, grid


def _layer_problems(root: Path, spec: StudySpec, path: KeyPath, layer: Layer, headers: dict[KeyPath, Header]) -> Iterator[str]:
    """Iterate over the problems of one layer's files; the header of a good layer is added to `headers`."""
    from carbondrivers.datasets.mosaic import matching

    source, years = layer.source, spec.study.years
    instances = list(expand(source, years))
    missing = [i for i in instances if not ((root / i.path).exists() or matching(root, i.path))]
    if len(missing) == len(instances):
        wanted = root / missing[0].path
        near = [f.name for f in wanted.parent.iterdir()] if wanted.parent.is_dir() else []
        yield f"there is no file {source!r} in {root}{hint(wanted.name, near)}"
        return
    if missing:
        dates = listed([f"{i.year}-{i.month:02d}" if i.month else str(i.year) for i in missing], 6)
        yield f"{source!r} has no file for {dates}: add the files, or change study.years"
    first: Header | None = None
    for instance in (i for i in instances if i not in missing):
        try:
            grid = _open(root, spec, layer, instance)
        except CarbonDriversError as error:
            yield str(error)
            return
        first = first or _header(path, source, instance, grid, years)
        cause = _series_cause(first, grid, root / instance.path, years if instance.year is None else None)
        if cause:
            yield cause
            return
    if first:
        headers[path[:2]] = first


def _open(root: Path, spec: StudySpec, layer: Layer, instance: Instance) -> xr.DataArray:
    """Return a file's coordinates and attributes around no values; the file is closed again."""
    import numpy as np
    import xarray as xr

    from carbondrivers.datasets.raster_files import found_file, open_file

    files_of(root, instance)
    file = found_file(root, instance.path, instance.year, instance.month)
    if file is None:
        raise StudyError(f"{root / instance.path}: is not a file: name the grid in it")
    path = file.path
    try:
        grid = open_file(file, str(path), variable=layer.variable, years=spec.study.years, nodata=layer.nodata)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}): check its permissions") from None
    coords = {str(dim): grid[dim].to_numpy() for dim in grid.dims}
    empty = xr.DataArray(np.broadcast_to(np.nan, grid.shape), coords, grid.dims, attrs=dict(grid.attrs))
    grid.close()
    return empty


def _header(path: KeyPath, source: str, instance: Instance, grid: xr.DataArray, years: tuple[int, int] | None) -> Header:
    monthly = instance.month is not None or grid.sizes.get("time", 1) > 1
    axis = "time" if monthly else "year" if instance.year is not None or "year" in grid.dims else ""
    if instance.year is not None and years:
        return Header(path, source, grid, axis, tuple(range(years[0], years[1] + 1)))
    held = {year for year in _held(grid) if years is None or years[0] <= year <= years[1]}
    return Header(path, source, grid, axis, tuple(sorted(held)))


def _held(grid: xr.DataArray) -> list[int]:
    """Return the year of each step of a grid's time axis."""
    axis: Any = grid["year"].values if "year" in grid.dims else grid["time"].dt.year.values if "time" in grid.dims else ()
    return [int(year) for year in axis]


def _series_cause(first: Header, grid: xr.DataArray, path: Path, years: tuple[int, int] | None) -> str:
    """Return why a file does not fit its series or the years, as its header shows it, or an empty string."""
    from carbondrivers.datasets.grids import grid_difference

    difference = grid_difference(first.grid, grid)
    if difference:
        return f"{path}: differs from the first file of {first.source!r} in {difference}: warp them to one grid first"
    held = _held(grid)
    if not held or years is None:
        return ""
    needed = 12 if first.axis == "time" else 1
    gaps = [str(year) for year in range(years[0], years[1] + 1) if held.count(year) != needed]
    months = "months of " if needed == 12 and set(gaps) & set(map(str, held)) else ""
    axis = f"its time axis ({min(held)}-{max(held)})"
    return f"{path}: {axis} lacks {months}{listed(gaps, 6)}: change study.years" if gaps else ""


def _used(spec: StudySpec, headers: Mapping[KeyPath, Header]) -> tuple[list[Header], dict[str, Header]]:
    """Return the good headers of the response, or of the layers that NEP is made of, and those of the drivers."""

    def found(own: KeyPath, name: str) -> Header | None:
        return headers.get(own) or headers.get(("layers", name))

    if spec.nep.model != GIVEN:
        response = [headers.get(("layers", name)) for name in _nep_layers(spec)]
    else:
        response = [found(("response", "source"), spec.response.name)]
    drivers = {name: found(("drivers", name), name) for name in spec.drivers}
    return [one for one in response if one], {name: one for name, one in drivers.items() if one}


def _nep_layers(spec: StudySpec) -> tuple[str, ...]:
    """Return the layers that the NEP model reads; none where the response is given."""
    return used_layers(spec.nep.model, spec.nep.model_dump(), spec.layers) if spec.nep.model != GIVEN else ()


def _alignment_problems(used: list[Header]) -> Found:
    from carbondrivers.datasets.grids import grid_difference

    for header in used[1:]:
        difference = grid_difference(used[0].grid, header.grid)
        if difference:
            names = f"{used[0].source!r} and {header.source!r}"
            remedy = "set study.align = true to bring them onto that of the response"
            yield header.path, f"{names} differ in {difference}: {remedy}"


def _nep_problems(spec: StudySpec, layers: list[Header]) -> Found:
    """Find layers of the NEP model of another period, unit or years, and months that make no whole years."""
    from carbondrivers.nep_models.apply import unit_problem

    timed = [header for header in layers if header.axis]
    for header in layers:
        name, wanted = str(header.path[1]), AXES[LAYERS[str(header.path[1])].period]
        if header.axis not in wanted:
            takes = " or ".join(STEPS[axis] for axis in wanted)
            yield header.path, f"the NEP model takes {takes} of {name}, and {header.source!r} {HAS[header.axis]}"
            continue
        known = LAYERS[name].units
        given = "" if spec.layers[name].unit or not known else str(header.grid.attrs.get("units", ""))
        problem = unit_problem(given, known) if given else ""
        if problem:
            yield header.path, f"the unit in {header.source!r} {problem}, or declare the unit if that of the file is wrong"
        if header.axis and header.years != timed[0].years:
            years = f"({min(header.years)}-{max(header.years)})"
            yield header.path, f"the years of {header.source!r} {years} are not those of {timed[0].source!r}: give study.years"
        broken = _broken_years(header)
        if broken:
            yield header.path, f"the months of {header.source!r} make no whole year in {listed(broken, 6)}: add or drop months"


def _broken_years(header: Header) -> list[str]:
    """Return the years of a file of months that have not twelve."""
    held = _held(header.grid) if header.axis == "time" and header.grid.sizes.get("time", 1) > 1 else []
    return [str(year) for year in sorted(set(held) & set(header.years)) if held.count(year) != 12]


def _stack_problems(spec: StudySpec, response: list[Header]) -> Found:
    """Find steps that need a stack of years where the response is none, or a short one."""
    if not response:
        return
    first, computed = next((h for h in response if h.axis), response[0]), spec.nep.model != GIVEN
    asked = [name for name, step in registry.steps().items() if step.needs == "stack" and name in spec.analyses]
    for name in asked if first.axis != "year" and not computed else ():
        remedy = "sum or average them to years" if first.axis else "name a series with {year}, or a NetCDF file with years"
        needs = f"{name} needs {STEPS['year']} of the response"
        yield ("analyses", name), f"{needs}, and {first.source!r} {HAS[first.axis]}: {remedy}, or take {name} out"
    yearly = first.axis == "year" or (computed and first.axis)
    if yearly and spec.study.years is None and "trend" in spec.analyses:
        yield from few_years(len(first.years), spec.analyses["trend"].model_dump())
