"""Data files of a study: relative to its root and never outside it, with ``{year}`` and ``{month:02d}`` for stacks.

Headers of grids are read here too, for ``check`` and ``new``; values are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from string import Formatter
from typing import TYPE_CHECKING, Any

from carbondrivers.errors import StudyError, did_you_mean

if TYPE_CHECKING:
    import xarray as xr

NETCDF = (".nc", ".nc4", ".cdf", ".h5")
PLACEHOLDERS = {"year": ("",), "month": ("", "02d")}


@dataclass(frozen=True, slots=True)
class Instance:
    """One file that a pattern stands for.

    Attributes
    ----------
    year, month : int or None
        What was put in; None where the pattern has no such placeholder.
    path : str
        The path as a study file would write it.
    """

    year: int | None
    month: int | None
    path: str


def resolve(root: Path, given: str) -> Path:
    """Return the path of a data file below `root`; nothing outside it can be named.

    Parameters
    ----------
    root
        Folder of the study file, or the folder given as ``--data``.
    given
        The path as written in the study file.

    Raises
    ------
    StudyError
        If the path is empty, absolute, climbs with ``..``, is a URL or a GDAL virtual path, or is a link to
        somewhere else. Whether the file exists is not asked.

    Examples
    --------
    >>> resolve(Path("data"), "rasters/dem.tif").name
    'dem.tif'
    >>> resolve(Path("data"), "../secret.csv")
    Traceback (most recent call last):
    carbondrivers.errors.StudyError: path '../secret.csv' leaves its root 'data': '..' is not allowed; ...
    """
    cause = _why_refused(given)
    if cause:
        raise _leaves(root, given, cause)
    target = root / given
    try:
        inside = target.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        raise _leaves(root, given, "its links run in a circle") from None
    if not inside:
        raise _leaves(root, given, "it is a link to a place outside")
    return target


def _leaves(root: Path, given: str, cause: str) -> StudyError:
    return StudyError(
        f"path {given!r} leaves its root {str(root)!r}: {cause}; "
        "write it relative to the study file's folder, or give that folder with --data"
    )


def _why_refused(given: str) -> str:
    """Return why a path is refused as it stands, or an empty string."""
    if not given.strip():
        return "it is empty"
    if any(ord(character) < 32 for character in given):
        return "it holds control characters"
    if given.lower().startswith(("/vsi", "\\vsi")):
        return "GDAL virtual paths are not allowed"
    if PureWindowsPath(given).drive or given.startswith(("/", "\\", "~")):
        return "it is absolute"
    if re.match(r"[A-Za-z][A-Za-z0-9_+.-]*:", given):
        return "URLs and GDAL prefixes are not allowed"
    if ".." in re.split(r"[/\\]", given):
        return "'..' is not allowed"
    return ""


def placeholders(source: str) -> tuple[str, ...]:
    """Return the placeholders of a pattern, in order.

    Raises
    ------
    ValueError
        If braces are not closed or hold anything but ``{year}`` and ``{month:02d}``.

    Examples
    --------
    >>> placeholders("tas_{year}{month:02d}.tif")
    ('year', 'month')
    """
    try:
        parts = list(Formatter().parse(source))
    except ValueError:
        raise ValueError(f"pattern {source!r} has a brace without its partner: write {{year}} or {{month:02d}}") from None
    found: list[str] = []
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if field not in PLACEHOLDERS:
            hint = did_you_mean(field, PLACEHOLDERS)
            raise ValueError(f"pattern {source!r} may hold {{year}} and {{month:02d}}, got {{{field}}}.{hint}")
        if (spec or "") not in PLACEHOLDERS[field] or conversion:
            raise ValueError(f"pattern {source!r}: write {{year}} or {{month:02d}}, got {{{field}:{spec}}}")
        found.append(field)
    if found and "year" not in found:
        raise ValueError(f"pattern {source!r} has {{month}} without {{year}}")
    return tuple(found)


def expand(source: str, years: tuple[int, int] | None) -> Iterator[Instance]:
    """Iterate over the files that `source` stands for, in the order of time.

    Raises
    ------
    ValueError
        If the pattern is wrong, or has ``{year}`` and no years are given.

    Examples
    --------
    >>> [instance.path for instance in expand("npp_{year}.tif", (2001, 2003))]
    ['npp_2001.tif', 'npp_2002.tif', 'npp_2003.tif']
    """
    found = placeholders(source)
    if not found:
        yield Instance(None, None, source)
        return
    if years is None:
        raise ValueError(f"pattern {source!r} needs years: give study.years = [first, last]")
    for year in range(years[0], years[1] + 1):
        for month in range(1, 13) if "month" in found else (None,):
            yield Instance(year, month, source.format(year=year, month=month))


def files_of(root: Path, instance: Instance) -> tuple[str, ...]:
    """Return the files below `root` that a path stands for: itself, or the tiles that ``*`` finds; none if it is not there.

    Raises
    ------
    StudyError
        If a file lies outside of `root`.
    """
    from carbondrivers.datasets.mosaic import matching

    resolve(root, instance.path)
    found = matching(root, instance.path)
    for name in found:
        resolve(root, name)
    return tuple(found)


def present_years(root: Path, source: str) -> tuple[int, int] | None:
    """Return the first and last year for which a pattern has a file, or None."""
    pattern = re.escape(Path(source).name).replace(r"\{year\}", r"(\d{4})", 1).replace(r"\{year\}", r"\d{4}")
    pattern = re.sub(r"\\\{month(:02d)?\\\}", r"\\d{1,2}", pattern).replace(r"\*", ".*?")
    folder = (root / source).parent
    names = [file.name for file in folder.iterdir()] if folder.is_dir() else []
    years = [int(match[1]) for name in names if (match := re.fullmatch(pattern, name))]
    return (min(years), max(years)) if years else None


@dataclass(frozen=True, slots=True)
class Variable:
    """One gridded variable of a NetCDF file or a Zarr store.

    Attributes
    ----------
    name, unit : str
        As in the file; the unit may be empty.
    years : tuple of int
        The years of its time axis; empty if it has none.
    steps : int
        Number of time steps.
    """

    name: str
    unit: str
    years: tuple[int, ...]
    steps: int


def grid_variables(path: Path) -> tuple[Variable, ...]:
    """Return the gridded variables of a NetCDF file or a Zarr store; no values are read but those of the time axis.

    Raises
    ------
    DataError
        If the file is neither.
    """
    import xarray as xr

    from carbondrivers.datasets.raster_files import readable

    how: dict[str, Any] = {"engine": "zarr", "chunks": None, "consolidated": False} if path.is_dir() else {}
    with readable(str(path)), xr.open_dataset(path, **how) as data:
        grids = [(str(name), array) for name, array in data.data_vars.items() if array.ndim >= 2]
        return tuple(_variable(name, array) for name, array in grids)


def _variable(name: str, array: xr.DataArray) -> Variable:
    unit = str(array.attrs.get("units", ""))
    for dim in (d for d in array.dims if d in array.coords):
        axis = array[dim]
        if str(dim).lower() in {"year", "years"} and axis.dtype.kind in "iu":
            years = axis.values
        elif axis.dtype.kind == "M" or type(array.indexes[dim]).__name__ == "CFTimeIndex":
            years = axis.dt.year.values
        else:
            continue
        return Variable(name, unit, tuple(sorted({int(year) for year in years})), axis.size)
    return Variable(name, unit, (), 0)
