"""The kept state of a run: each finished step's result on disk, so that a stopped run continues.

A result is stored as plain data (JSON, Parquet, npz), never as code; it is found again by its content key, which
changes when an input, an option or a method's version changes. A state that cannot be read counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution.result import Result
from carbondrivers.reports.files import output_error, passing_name, sweep, write_atomic
from carbondrivers.study.sources import Source


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished step: its result, its key and the warnings that were given while it ran."""

    step: str
    key: str
    result: Result
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What a run was: the copy of its study file, its seed, its input files and the key of each step."""

    file: str
    seed: int
    sources: tuple[Source, ...]
    keys: dict[str, str]


class State:
    """The folder of kept results.

    Parameters
    ----------
    folder
        ``.state`` of the output folder; made when the first result is stored.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, step: str, key: str) -> Kept | None:
        """Return the kept result of a step with this key, or None."""
        place = self.folder / f"{step}-{key}"
        try:
            return _read(place, step, key)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RecursionError):
            return None

    def store(self, kept: Kept) -> None:
        """Keep a result; older ones stay until ``remember`` says that a whole run needs them no more.

        Raises
        ------
        OutputError
            If the folder cannot be written; what was kept before stays.
        """
        place = self.folder / f"{kept.step}-{kept.key}"
        temporary = self.folder / passing_name("kept")
        sweep(self.folder)
        try:
            temporary.mkdir(parents=True)
            _write(temporary, kept)
            if place.exists():
                shutil.rmtree(place)
            temporary.replace(place)
        except OSError as error:
            raise output_error(place, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def remember(self, name: str, text: str, seed: int, sources: tuple[Source, ...], keys: dict[str, str]) -> None:
        """Keep a copy of the study file and what the run was, and let go of results that it does not use."""
        record = {"file": name, "seed": seed, "sources": [asdict(source) for source in sources], "keys": keys}
        write_atomic(self.folder / name, text.encode())
        write_atomic(self.folder / "run.json", json.dumps(record, ensure_ascii=False, indent=1).encode())
        used = {name, "run.json", *(f"{step}-{key}" for step, key in keys.items())}
        for place in self.folder.iterdir():
            if place.name not in used and place.is_dir():
                shutil.rmtree(place, ignore_errors=True)

    def remembered(self) -> Record | None:
        """Return what the last run was, or None."""
        try:
            record = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
            sources = tuple(Source(**source) for source in record["sources"])
            return Record(str(record["file"]), int(record["seed"]), sources, dict(record["keys"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _result_class(place: str) -> type[Result]:
    """Return the class of a result, which can only be one of the attribution package."""
    module, _, name = place.partition(":")
    if not module.startswith("carbondrivers.attribution."):
        raise ValueError(f"{place} is not a result of this package")
    found = getattr(import_module(module), name)
    if not (isinstance(found, type) and issubclass(found, Result)):
        raise ValueError(f"{place} is not a result")
    return found


def _write(folder: Path, kept: Kept) -> None:
    plain: dict[str, Any] = {}
    made: dict[str, bytes] = {}
    for item in fields(kept.result):
        value = getattr(kept.result, item.name)
        if isinstance(value, pd.DataFrame):
            made[f"{item.name}.parquet"] = _table_bytes(value)
        elif isinstance(value, xr.Dataset):
            made[f"{item.name}.npz"] = _grid_bytes(value)
        else:
            plain[item.name] = value
    record = {
        "class": f"{type(kept.result).__module__}:{type(kept.result).__name__}", "step": kept.step,
        "warnings": list(kept.warnings), "plain": plain,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in made.items()},
    }  # fmt: skip
    for name, data in made.items():
        write_atomic(folder / name, data)
    write_atomic(folder / "result.json", json.dumps(record, ensure_ascii=False, indent=1).encode())


def _read(folder: Path, step: str, key: str) -> Kept:
    record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    values: dict[str, Any] = dict(record["plain"])
    values["notes"] = tuple(values["notes"])
    for name, digest in record["files"].items():
        data = (folder / Path(name).name).read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError(f"{name} was changed after it was kept")
        read = pd.read_parquet if name.endswith(".parquet") else _grid
        values[Path(name).stem] = read(BytesIO(data))
    return Kept(step, key, _result_class(record["class"])(**values), tuple(record["warnings"]))


def _table_bytes(table: pd.DataFrame) -> bytes:
    buffer = BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def _grid_bytes(grid: xr.Dataset) -> bytes:
    """Return a grid as an npz archive: its arrays, and dims and attributes as JSON.

    It is made in memory, because a disk that fills up while HDF5 writes ends in an error that does not say so.
    """
    arrays = {name: grid[name].to_numpy() for name in map(str, grid.variables)}
    dims = {name: list(grid[name].dims) for name in arrays}
    attrs = {name: dict(grid[name].attrs) for name in arrays}
    about = {"dims": dims, "attrs": attrs, "of_all": dict(grid.attrs), "coords": list(map(str, grid.coords))}
    buffer = BytesIO()
    parts: dict[str, Any] = {"about": np.array(json.dumps(about, ensure_ascii=False))}
    np.savez(buffer, **parts | {f"_{name}": values for name, values in arrays.items()})
    return buffer.getvalue()


def _grid(buffer: BytesIO) -> xr.Dataset:
    with np.load(buffer, allow_pickle=False) as archive:
        about = json.loads(str(archive["about"]))
        parts = {name: (about["dims"][name], archive[f"_{name}"], about["attrs"][name]) for name in about["dims"]}
    coords = {name: parts.pop(name) for name in about["coords"]}
    return xr.Dataset(parts, coords, about["of_all"])
