"""The grids of a folder as guesses for a first study file: series by year and month, variables of files, MODIS tiles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carbondrivers import catalogue
from carbondrivers.study.paths import NETCDF, grid_variables
from carbondrivers.study.scaffold_text import Guess

if TYPE_CHECKING:
    from carbondrivers.datasets.products import ProductVariable

GEOTIFFS = (".tif", ".tiff")
MODIS = (".hdf",)
YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
MONTH = re.compile(r"(?<!\d)((?:19|20)\d{2})([_.-]?)(0[1-9]|1[0-2])(?!\d)")
# Product, year and day of the year of a MODIS file; tile, collection and time of production follow.
MODIS_NAME = re.compile(r"(?P<product>[A-Z0-9]+)\.A(?P<year>\d{4})(?P<day>\d{3})\..*\.hdf", re.IGNORECASE)


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr store."""
    from carbondrivers.datasets.raster_files import ZARR

    return path.is_dir() and any((path / name).is_file() for name in ZARR)


def is_grid(path: Path) -> bool:
    """Return whether a file is named as a grid, or a folder is a Zarr store."""
    return path.suffix.lower() in (*GEOTIFFS, *NETCDF, *MODIS) or is_zarr(path)


def grid_guesses(files: Sequence[Path], folder: Path) -> list[Guess]:
    """Return what the grids among files may be.

    Parameters
    ----------
    files
        Files, and Zarr stores, below the folder.
    folder
        The data folder, which sources are relative to.
    """
    found = _series([f for f in files if f.suffix.lower() in GEOTIFFS], folder)
    for file in files:
        if file.suffix.lower() in NETCDF or is_zarr(file):
            found += _variable_guesses(file, folder)
    return [*found, *_modis_guesses([f for f in files if f.suffix.lower() in MODIS], folder)]


def _modis_guesses(files: Sequence[Path], folder: Path) -> Iterator[Guess]:
    """Iterate over the fields of MODIS files; tiles and years of a product are one series where each year has one date."""
    from carbondrivers.datasets.modis_hdf import modis_fields

    for source, members in _modis_series(files, folder).items():
        name = MODIS_NAME.fullmatch(members[0].name)
        product = name["product"].upper() if name else ""
        years = {int(found["year"]) for file in members if (found := MODIS_NAME.fullmatch(file.name))}
        known = _product_fields(product)
        fields = modis_fields(members[0])
        for field in [field for field in fields if field in known] or [f for f in fields if "qc" not in f.lower()]:
            facts = {"source": source, "variable": field, "years": tuple(sorted(years)) if "{year}" in source else ()}
            entry = known.get(field)
            if entry is None:
                yield _grid_guess(_bare(field), **facts)
            else:
                # The unit is the product's: it is not written, so that it cannot contradict it.
                guess = _grid_guess(entry.catalogue or _bare(field), **facts)
                yield replace(guess, product=product, unit="", kind=entry.kind)


def _modis_series(files: Sequence[Path], folder: Path) -> dict[str, list[Path]]:
    """Return the files by the source that a study would name."""
    dates: dict[tuple[Path, str], dict[str, set[str]]] = {}
    named = [(file, found) for file in files if (found := MODIS_NAME.fullmatch(file.name))]
    for file, found in named:
        dates.setdefault((file.parent, found["product"]), {}).setdefault(found["year"], set()).add(found["day"])
    series: dict[str, list[Path]] = {}
    for file in files:
        found = MODIS_NAME.fullmatch(file.name)
        years = dates[file.parent, found["product"]] if found else {}
        # Several dates a year make no series of years: each file stands for itself, for the user to choose.
        yearly = found is not None and all(len(days) == 1 for days in years.values())
        name = f"{found['product']}.A{'{year}' if len(years) > 1 else found['year']}*.hdf" if found and yearly else file.name
        series.setdefault(file.with_name(name).relative_to(folder).as_posix(), []).append(file)
    return series


def _product_fields(product: str) -> dict[str, ProductVariable]:
    from carbondrivers.datasets.products import products

    for entry in products().values():
        if product in (word.upper() for word in (entry.name, *entry.aliases)):
            return {word: held for held in entry.variables.values() for word in (held.name, *held.aliases)}
    return {}


def _series(files: Iterable[Path], folder: Path) -> list[Guess]:
    """Return the GeoTIFFs of a folder, files that differ only by year or month as one series."""
    grouped: dict[str, list[tuple[int, str]]] = {}
    for file in files:
        name = file.relative_to(folder).as_posix()
        pattern, year = _pattern(name)
        grouped.setdefault(pattern, []).append((year, name))
    found: list[Guess] = []
    for pattern, members in grouped.items():
        alone = len({year for year, _ in members}) < 2 and "{month" not in pattern
        source = members[0][1] if alone or len(members) < 2 else pattern
        years = () if "{" not in source else tuple(sorted({year for year, _ in members}))
        stem = re.sub(r"\{.*?\}", "", Path(source).stem)
        found.append(_grid_guess(_bare(stem), source=source, years=years, monthly="{month" in source))
    return found


def _pattern(name: str) -> tuple[str, int]:
    stem = name.rsplit("/", 1)[-1]
    start = len(name) - len(stem)
    months, years = MONTH.findall(stem), YEAR.findall(stem)
    if len(months) == 1 and len(years) <= 1:
        return name[:start] + MONTH.sub(r"{year}\2{month:02d}", stem), int(months[0][0])
    if len(years) == 1 and "{" not in name:
        return name[:start] + YEAR.sub("{year}", stem), int(years[0])
    return name, 0


def _bare(stem: str) -> str:
    return re.sub(r"[\W_]+", "_", stem).strip("_").lower() or "layer"


def _grid_guess(name: str, **facts: Any) -> Guess:
    known = catalogue.guess(name)
    if facts.get("monthly") and known and f"{known.name}_monthly" in catalogue.variables():
        known = catalogue.variable(f"{known.name}_monthly")
    if known is None:
        return Guess(name, None, **facts)
    return Guess(known.name, known, kind=known.kind, **{"unit": known.unit} | {k: v for k, v in facts.items() if v})


def _variable_guesses(file: Path, folder: Path) -> list[Guess]:
    grids = [grid for grid in grid_variables(file) if not grid.name.lower().endswith(("_bnds", "_bounds"))]
    return [
        _grid_guess(
            _bare(grid.name), source=file.relative_to(folder).as_posix(), variable=grid.name, unit=grid.unit,
            years=grid.years, monthly=grid.steps >= 12 * max(len(grid.years), 1) > 0,
        )
        for grid in grids
    ]  # fmt: skip
