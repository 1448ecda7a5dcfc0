"""The kept state of a run: each finished step's result on disk, so that a stopped run continues.

A result is stored as plain data (JSON, Parquet, npz, GeoTIFF for large maps), never as code; it is found again by its
content key, which changes when an input, an option or a method's version changes. A state that cannot be read counts as
absent.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from carbondrivers.attribution.result import Result
from carbondrivers.errors import CarbonDriversError
from carbondrivers.provenance import hash_file
from carbondrivers.reports.files import output_error, passing_name, sweep, write_atomic
from carbondrivers.study.sources import Source
from carbondrivers.study.state_grids import Passing, grid_bytes, grid_of, is_large, read_maps, write_maps


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
        self._passing = Passing(folder)

    def keep(self, maps: xr.Dataset) -> xr.Dataset:
        """Return maps of the step that runs, computed: small ones in memory, large ones lazily from where they are kept."""
        return self._passing.keep(maps)

    def load(self, step: str, key: str) -> Kept | None:
        """Return the kept result of a step with this key, or None."""
        place = self.folder / f"{step}-{key}"
        try:
            return _read(place, step, key)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RecursionError, CarbonDriversError):
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
            _write(temporary, kept, self._passing.files)
            if place.exists():
                shutil.rmtree(place)
            temporary.replace(place)
        except OSError as error:
            raise output_error(place, error) from error
        finally:
            for left in {temporary, *(file.parent for file in self._passing.files.values())}:
                shutil.rmtree(left, ignore_errors=True)
            self._passing = Passing(self.folder)

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


def _write(folder: Path, kept: Kept, passing: Mapping[str, Path]) -> None:
    plain: dict[str, Any] = {}
    made: dict[str, bytes] = {}
    maps: dict[str, Any] = {}
    for item in fields(kept.result):
        value = getattr(kept.result, item.name)
        if isinstance(value, pd.DataFrame):
            made[f"{item.name}.parquet"] = _table_bytes(value)
        elif isinstance(value, xr.Dataset) and is_large(value):
            made[f"{item.name}.npz"] = grid_bytes(value.drop_vars(list(value.data_vars)))
            maps[item.name] = write_maps(value, folder, item.name, passing)
        elif isinstance(value, xr.Dataset):
            made[f"{item.name}.npz"] = grid_bytes(value)
        else:
            plain[item.name] = value
    for name, data in made.items():
        write_atomic(folder / name, data)
    record = {
        "class": f"{type(kept.result).__module__}:{type(kept.result).__name__}", "step": kept.step,
        "warnings": list(kept.warnings), "plain": plain, "maps": maps,
        "files": {file.name: hash_file(file) for file in sorted(folder.iterdir())},
    }  # fmt: skip
    write_atomic(folder / "result.json", json.dumps(record, ensure_ascii=False, indent=1).encode())


def _read(folder: Path, step: str, key: str) -> Kept:
    record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    values: dict[str, Any] = dict(record["plain"])
    values["notes"] = tuple(values["notes"])
    for name, digest in record["files"].items():
        file = folder / Path(name).name
        if hash_file(file) != digest:
            raise ValueError(f"{name} was changed after it was kept")
        if name.endswith(".parquet"):
            values[file.stem] = pd.read_parquet(file)
        elif name.endswith(".npz"):
            values[file.stem] = grid_of(BytesIO(file.read_bytes()))
    for name, about in record["maps"].items():
        values[name] = read_maps(values[name], folder, about)
    return Kept(step, key, _result_class(record["class"])(**values), tuple(record["warnings"]))


def _table_bytes(table: pd.DataFrame) -> bytes:
    buffer = BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()
