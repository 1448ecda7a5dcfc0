"""A first study file, guessed from a table or from a folder of rasters (``carbondrivers new DIR``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carbondrivers import catalogue
from carbondrivers.errors import DataError
from carbondrivers.study.rules import TREND_YEARS
from carbondrivers.study.scaffold_grids import GEOTIFFS, grid_guesses, is_grid, is_zarr
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

TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
RESPONSES = ("nep", "npp", "gpp", "lai")
# Parts of the carbon balance: they are the response, or sum up to it, and so explain nothing.
BALANCE = ("nep", "npp", "gpp", "heterotrophic_respiration", "soil_respiration")
X_WORDS = ("x", "lon", "long", "longitude", "lng", "easting", "经度")
Y_WORDS = ("y", "lat", "latitude", "northing", "纬度")
NO_DRIVER = {"id", "fid", "oid", "objectid", "year", "date", "timestamp"}
MAX_CODES, MAX_CLASSES = 12, 200
MADE = ("tables.xlsx", "sample.parquet")


def scaffold(folder_or_table: Path) -> str:
    """Return the text of a first study file.

    Parameters
    ----------
    folder_or_table
        A folder that holds rasters (``npp_2001.tif`` ..., NetCDF, Zarr, MODIS HDF4) or one table, or such a file itself.
        Data paths in the text are relative to the folder.

    Raises
    ------
    DataError
        If nothing there can be read.
    """
    path = Path(folder_or_table)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder: give the folder that holds the rasters or the table")
    one = path.is_file() or is_zarr(path)
    files, folder = ([path], path.parent) if one else (_files(path), path)
    grids = [file for file in files if is_grid(file)]
    tables = [file for file in files if file.suffix.lower() in TABLES]
    if grids:
        return _raster_study(folder, grids)
    if not tables:
        kinds = ", ".join((*GEOTIFFS, ".nc", ".zarr", ".hdf", *TABLES))
        raise DataError(f"{path}: holds no data that can be read: give a folder with rasters or one table ({kinds})")
    if len(tables) > 1:
        names = ", ".join(file.name for file in tables[:8])
        raise DataError(f"{path}: holds {len(tables)} tables ({names}): name one of them instead of the folder")
    return _table_study(tables[0])


def _files(folder: Path) -> list[Path]:
    candidates = [*folder.glob("*"), *folder.glob("*/*")]
    made_here = {manifest.parent for manifest in [*folder.glob("manifest.json"), *folder.glob("*/manifest.json")]}
    stores = {place for place in candidates if is_zarr(place) and not is_zarr(place.parent)}
    files = [file for file in candidates if file.is_file() and not file.name.startswith((".", "~$"))]
    return sorted([*stores, *(f for f in files if not stores & set(f.parents) and not _is_output(f, made_here))])


def _is_output(file: Path, made_here: set[Path]) -> bool:
    """Return whether an earlier run wrote a file: a study is not made of its own results."""
    return (file.parent in made_here and file.name in MADE) or (file.parent.name == "maps" and file.parent.parent in made_here)


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
    found = grid_guesses(files, folder)
    if not found:
        raise DataError(
            f"{folder}: its files hold no grid that a study can take: give a file with a variable on latitude and longitude"
        )
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
