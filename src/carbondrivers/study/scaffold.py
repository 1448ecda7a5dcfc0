"""A first study file, guessed from a table or from a folder of rasters (``carbondrivers new DIR``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carbondrivers import catalogue
from carbondrivers.errors import DataError
from carbondrivers.study.paths import NETCDF, netcdf_variables
from carbondrivers.study.rules import TREND_YEARS
from carbondrivers.study.scaffold_text import (
    REPORT,
    Guess,
    analyses_text,
    drivers_text,
    grid_facts,
    groups_text,
    head,
    layers_text,
    response_text,
    section,
)
from carbondrivers.study.schema import NEP_LAYERS

if TYPE_CHECKING:
    import pandas as pd

TABLES, GEOTIFFS = (".csv", ".tsv", ".txt", ".xlsx", ".parquet"), (".tif", ".tiff")
RESPONSES = ("nep", "npp", "gpp", "lai")
# Parts of the carbon balance: they are the response, or sum up to it, and so explain nothing.
BALANCE = ("nep", "npp", "gpp", "heterotrophic_respiration", "soil_respiration")
X_WORDS = ("x", "lon", "long", "longitude", "lng", "easting", "经度")
Y_WORDS = ("y", "lat", "latitude", "northing", "纬度")
NO_DRIVER = {"id", "fid", "oid", "objectid", "year", "date", "timestamp"}
MAX_CODES, MAX_CLASSES = 12, 200
YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
MONTH = re.compile(r"(?<!\d)((?:19|20)\d{2})([_.-]?)(0[1-9]|1[0-2])(?!\d)")


def scaffold(folder_or_table: Path) -> str:
    """Return the text of a first study file.

    Parameters
    ----------
    folder_or_table
        A folder that holds rasters (``npp_2001.tif`` ..., NetCDF) or one table, or such a file itself. Data paths in
        the text are relative to the folder.

    Raises
    ------
    DataError
        If nothing there can be read.
    """
    path = Path(folder_or_table)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder: give the folder that holds the rasters or the table")
    files = [path] if path.is_file() else _files(path)
    folder = path.parent if path.is_file() else path
    grids = [file for file in files if file.suffix.lower() in (*GEOTIFFS, *NETCDF)]
    tables = [file for file in files if file.suffix.lower() in TABLES]
    if grids:
        return _raster_study(folder, grids)
    if not tables:
        kinds = ", ".join((*GEOTIFFS, ".nc", *TABLES))
        raise DataError(f"{path}: holds no data that can be read: give a folder with rasters or one table ({kinds})")
    if len(tables) > 1:
        names = ", ".join(file.name for file in tables[:8])
        raise DataError(f"{path}: holds {len(tables)} tables ({names}): name one of them instead of the folder")
    return _table_study(tables[0])


def _files(folder: Path) -> list[Path]:
    candidates = [*folder.glob("*"), *folder.glob("*/*")]
    made_here = {manifest.parent for manifest in [*folder.glob("manifest.json"), *folder.glob("*/manifest.json")]}
    kept = (file for file in candidates if file.is_file() and not file.name.startswith((".", "~$")))
    return sorted(file for file in kept if file.parent not in made_here or file.name != "tables.xlsx")


def _table_study(path: Path) -> str:
    from carbondrivers.datasets.tables import read_table

    frame = read_table(path).frame
    coordinates = _coordinates(frame)
    time = next((name for name in frame.columns if name.lower() == "year" and _is_number(frame[name])), None)
    found = [_column_guess(frame[c], str(c)) for c in frame.columns if c not in (*(coordinates or ()), time)]
    response = _response([g for g in found if g and g.kind == "continuous"])
    if response is None:
        raise DataError(f"{path}: has no column of numbers that could be a response: check how the numbers are written")
    drivers, others = _table_drivers(frame, [g for g in found if g and g.name != response.name])
    if not drivers:
        raise DataError(f"{path}: has no column beside {response.name!r} that could be a driver: add one")
    facts: dict[str, Any] = {"file": path.name}
    notes = {"coordinates": "x and y; leave out if rows have no place"}
    if coordinates:
        facts["coordinates"] = list(coordinates)
        if _are_degrees(frame, coordinates):
            facts["crs"] = "EPSG:4326"
        else:
            notes["coordinates"] = 'x and y; add their system: crs = "EPSG:..."'
    if time:
        facts["time"] = time
    parts = [head(path.stem, None), section("table", facts, notes), response_text(response, {})]
    parts += [drivers_text(drivers, others), groups_text(response), analyses_text(["sample"], drivers), REPORT]
    return "\n".join(part for part in parts if part)


def _column_guess(column: pd.Series, name: str) -> Guess | None:
    """Return what a column may be; None for names, identifiers, dates, and what is empty or constant."""
    present = column.dropna()
    if present.map(lambda cell: hasattr(cell, "__len__") and not isinstance(cell, str)).any():
        return None
    distinct = present.nunique()
    if distinct < 2 or not name.isprintable():
        return None
    known = catalogue.guess(name)
    if not _is_number(column):
        few = distinct <= min(MAX_CLASSES, max(2, len(present) // 3))
        kind_known = known is None or known.kind == "categorical"
        return Guess(name, known if kind_known else None, kind="categorical") if few else None
    whole = bool((present == present.round()).all())
    if name.lower() == "index" or set(re.split(r"[\W_]+", name.lower())) & NO_DRIVER:
        return None
    codes = whole and distinct <= MAX_CODES and len(present) >= 5 * distinct and not name.lower().startswith("n_")
    kind = known.kind if known else "categorical" if codes else "continuous"
    if kind == "categorical" and distinct > MAX_CLASSES:
        return None
    return Guess(name, known, unit=known.unit if known else "", kind=kind)


def _is_number(column: pd.Series) -> bool:
    return column.dtype.kind in "iuf"


def _coordinates(frame: pd.DataFrame) -> tuple[str, str] | None:
    names = {str(name): re.split(r"[\W_]+", str(name).lower()) for name in frame.columns if _is_number(frame[name])}
    for x_word, y_word in ((x, y) for x in X_WORDS for y in Y_WORDS):
        pairs = [(x, y) for x, xs in names.items() for y, ys in names.items() if x_word in xs and y_word in ys and x != y]
        same = [(x, y) for x, y in pairs if x.lower().replace(x_word, "") == y.lower().replace(y_word, "")]
        if same:
            return same[0]
    return None


def _are_degrees(frame: pd.DataFrame, coordinates: tuple[str, str]) -> bool:
    x, y = (frame[name].dropna() for name in coordinates)
    words = re.split(r"[\W_]+", coordinates[0].lower())
    named = any(word.startswith(("lon", "lng")) or word == "经度" for word in words)
    return named and bool(x.between(-180, 360).all() and y.between(-90, 90).all())


def _response(found: Sequence[Guess]) -> Guess | None:
    for name in RESPONSES:
        # A stack can also be asked for its trend: it goes before a single grid of the same variable.
        same = sorted(
            (g for g in found if g.canonical.removesuffix("_monthly") == name), key=lambda g: (not g.years, _is_count(g.name))
        )
        if same:
            return same[0]
    return next((g for g in sorted(found, key=lambda g: not g.years) if not _is_count(g.name)), None)


def _is_count(name: str) -> bool:
    return name.lower().startswith(("n_", "num_", "count"))


def _table_drivers(frame: pd.DataFrame, found: Iterable[Guess]) -> tuple[list[Guess], list[Guess]]:
    """Return the best column of each variable of the catalogue, and the columns that are left to the user."""
    best: dict[str, Guess] = {}
    others: list[Guess] = []

    def rank(guess: Guess) -> float:
        # Of several class columns the coarsest one: fine classes have too few rows each.
        column = frame[guess.name]
        return float(column.nunique() if guess.kind == "categorical" else column.isna().sum())

    for guess in found:
        if guess.known is None:
            others.append(guess)
        elif guess.canonical not in BALANCE:
            first, *rest = sorted((g for g in (best.get(guess.canonical), guess) if g), key=rank)
            best[guess.canonical] = first
            others += rest
    return (list(best.values()), others) if best else (others, [])


def _raster_study(folder: Path, files: Sequence[Path]) -> str:
    found = [*_series([f for f in files if f.suffix.lower() in GEOTIFFS], folder)]
    for file in files:
        if file.suffix.lower() in NETCDF:
            found += _netcdf_guesses(file, folder)
    if not found:
        raise DataError(f"{folder}: its NetCDF files hold no grid: give a file with a variable on latitude and longitude")
    found = _distinct_names(found)
    layers = _nep_layers(found)
    if layers:
        label = catalogue.variable("nep")
        response = Guess("nep", label, unit=label.unit, years=layers["npp"].years)
        found = [guess for guess in found if guess not in layers.values()]
    else:
        response = _response([g for g in found if g.kind == "continuous"]) or found[0]
    drivers = [g for g in found if g is not response and g.canonical not in BALANCE]
    years = _common_years(response, drivers)
    # What check would refuse is not proposed.
    long = years and years[1] - years[0] + 1 >= TREND_YEARS and response.years and not response.monthly
    needs = [*(["stack"] if long else []), *(["sample"] if drivers else [])]
    parts = [head(response.name + " of " + folder.resolve().name, years), layers_text(layers)]
    parts += [response_text(response, grid_facts(response)), drivers_text(drivers, [])]
    parts += [groups_text(response) if drivers else "", analyses_text(needs, drivers), REPORT]
    return "\n".join(part for part in parts if part)


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


def _netcdf_guesses(file: Path, folder: Path) -> list[Guess]:
    grids = [grid for grid in netcdf_variables(file) if not grid.name.lower().endswith(("_bnds", "_bounds"))]
    return [
        _grid_guess(
            _bare(grid.name), source=file.relative_to(folder).as_posix(), variable=grid.name, unit=grid.unit,
            years=grid.years, monthly=grid.steps >= 12 * max(len(grid.years), 1) > 0,
        )
        for grid in grids
    ]  # fmt: skip


def _distinct_names(found: Iterable[Guess]) -> list[Guess]:
    named: dict[str, Guess] = {}
    for guess in sorted(found, key=lambda g: not g.years):
        name, count = guess.name, 2
        while name in named:
            name, count = f"{guess.name}_{count}", count + 1
        named[name] = replace(guess, name=name)
    return list(named.values())


def _nep_layers(found: Sequence[Guess]) -> dict[str, Guess]:
    """Return the layers of NEP = NPP - Rh, if all are there and NEP itself is not."""
    named = {g.name: g for g in found if g.years}
    complete = all(name in named for name in NEP_LAYERS) and not any(g.canonical == "nep" for g in found)
    return {name: named[name] for name in NEP_LAYERS} if complete else {}


def _common_years(response: Guess, drivers: Sequence[Guess]) -> tuple[int, int] | None:
    stacks = [g.years for g in (response, *drivers) if g.years]
    if not stacks:
        return None
    first, last = max(years[0] for years in stacks), min(years[-1] for years in stacks)
    return (first, last) if first <= last else (stacks[0][0], stacks[0][-1])
