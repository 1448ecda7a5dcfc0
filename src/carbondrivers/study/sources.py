"""The input files of a study, each with its content hash: what a run was made of, and what makes a step run anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from carbondrivers.errors import DataError
from carbondrivers.provenance import file_size, hash_file
from carbondrivers.study.paths import expand, files_of, resolve
from carbondrivers.study.schema import StudySpec

# What a shapefile keeps beside its geometry; names and reference system stand there.
COMPANIONS = (".dbf", ".shx", ".prj", ".cpg")


@dataclass(frozen=True, slots=True)
class Source:
    """One input file of a study: name relative to the data folder, size and content hash."""

    file: str
    bytes: int
    sha256: str


def sources_of(spec: StudySpec, root: Path) -> tuple[Source, ...]:
    """Return every input file with its content hash, sorted by name; none for a virtual region.

    Raises
    ------
    DataError
        If a file is not there.
    """
    names: set[str] = {spec.table.file} if spec.table else set()
    for layer in spec.layers_of_files().values():
        for instance in expand(layer.source, spec.study.years):
            names |= set(files_of(root, instance) or [instance.path])
    if spec.regions:
        names |= {spec.regions.file, *_companions(spec.regions.file, root)}
    return tuple(_source(root, name) for name in sorted(names))


def _companions(file: str, root: Path) -> list[str]:
    path = resolve(root, file)
    if path.suffix.lower() != ".shp":
        return []
    beside = [other for other in path.parent.iterdir() if other.stem == path.stem and other.suffix.lower() in COMPANIONS]
    return [Path(file).with_name(other.name).as_posix() for other in beside]


def _source(root: Path, name: str) -> Source:
    path = resolve(root, name)
    if not path.exists():
        raise DataError(f"there is no file {name!r} in {str(root)!r}: check the path, or give the folder with --data")
    return Source(name, file_size(path), hash_file(path))
