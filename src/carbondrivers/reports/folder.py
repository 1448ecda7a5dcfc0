"""The output folder: written beside, then renamed into place, so that no earlier run is harmed by one that fails.

Every file is made in a staging folder; when all are whole they are renamed into place, the manifest last. A file of the
folder that the last manifest does not know, or that was changed since, is moved to ``kept/`` before it is replaced.
"""

from __future__ import annotations

import datetime
import json
import re
import shutil
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from carbondrivers.errors import FigureLintWarning, OutputError
from carbondrivers.provenance import hash_file, versions
from carbondrivers.reports.document import Document, csv_text, methods_markdown, report_html
from carbondrivers.reports.files import output_error, passing_name, sweep, write_atomic
from carbondrivers.reports.maps import write_maps
from carbondrivers.reports.save import Format, save
from carbondrivers.reports.style import Journal
from carbondrivers.reports.table_file import write_table
from carbondrivers.reports.workbook import workbook_bytes

MANIFEST = "manifest.json"
MARK = "carbondrivers manifest"
# The only names that a run writes: nothing else is ever replaced or taken away, whatever a manifest says.
OURS = re.compile(r"(?:tables|figures|maps)/[^/\\]+|sample\.parquet|report\.html|methods\.md|tables\.xlsx")
SUBFOLDERS = ("tables", "figures", "maps", "kept", ".state")


def require_writable(folder: Path) -> list[Path]:
    """Make the output folder and try it, before anything is computed.

    Returns
    -------
    list of pathlib.Path
        The folders that were made, for ``forget``.

    Raises
    ------
    OutputError
        If it cannot be made or written.
    """
    probe = folder / passing_name("probe")
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except FileExistsError:
        raise OutputError(f"cannot write {folder}: it is a file, not a folder; choose another output folder") from None
    except OSError as error:
        raise output_error(folder, error) from error
    return made


def forget(made: Sequence[Path]) -> None:
    """Take away again, innermost first, the folders that ``require_writable`` made, as far as they are empty."""
    for place in made:
        with suppress(OSError):
            place.rmdir()


def require_apart(folder: Path, inputs: Sequence[Path]) -> None:
    """Refuse an output folder in which a run would write over one of its own inputs.

    Raises
    ------
    OutputError
        Naming the input.
    """
    root = folder.resolve()
    for path in inputs:
        inside = path.resolve()
        if inside.is_relative_to(root) and OURS.fullmatch(inside.relative_to(root).as_posix()):
            raise OutputError(f"{path} is an input, and a run into {folder} would write over it: choose another folder with -o")


def _refuse_links(folder: Path) -> None:
    for name in SUBFOLDERS:
        if (folder / name).is_symlink():
            raise OutputError(f"cannot write {folder / name}: it is a link to elsewhere; remove it or choose another folder")


def publish(
    document: Document, folder: Path, *, journal: Journal, formats: Sequence[Format], facts: Mapping[str, Any]
) -> list[str]:
    """Write the whole output folder.

    Parameters
    ----------
    document
        What to say.
    folder
        Where to; see ``require_writable``.
    journal, formats
        Form of the figures.
    facts
        What the manifest says beside versions and hashes: parameters, steps, inputs.

    Returns
    -------
    list of str
        What the figure lint found.

    Raises
    ------
    OutputError
        If a file cannot be written (the disk is full, say); the files of the last run are then as they were.
    """
    staging = folder / passing_name("staging")
    sweep(folder)
    try:
        _refuse_links(folder)
        staging.mkdir(parents=True)
        found = _make(document, staging, journal, formats)
        _into_place(staging, folder, facts)
    except OSError as error:
        raise output_error(folder, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return found


def _make(document: Document, staging: Path, journal: Journal, formats: Sequence[Format]) -> list[str]:
    images: dict[str, bytes] = {}
    wanted = list(dict.fromkeys(["png", *formats]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FigureLintWarning)
        for picture in (p for section in document.sections for p in section.pictures):
            save(picture, staging / "figures", journal=journal, formats=wanted)
            images[picture.name] = (staging / "figures" / f"{picture.name}.png").read_bytes()
    tables = [table for section in document.sections for table in section.tables]
    for section in document.sections:
        write_maps(section.result, section.name, staging / "maps")
        rows = getattr(section.result, "rows", None)
        if isinstance(rows, pd.DataFrame):
            write_table(rows, staging / "sample.parquet")
    (staging / "tables").mkdir()
    for table in tables:
        write_atomic(staging / "tables" / f"{table.name}.csv", csv_text(table.frame).encode())
    write_atomic(staging / "tables.xlsx", workbook_bytes(tables))
    write_atomic(staging / "methods.md", methods_markdown(document).encode())
    write_atomic(staging / "report.html", report_html(document, images).encode())
    return [str(w.message) for w in caught if issubclass(w.category, FigureLintWarning)]


def _into_place(staging: Path, folder: Path, facts: Mapping[str, Any]) -> None:
    made = {str(p.relative_to(staging).as_posix()): hash_file(p) for p in sorted(staging.rglob("*")) if p.is_file()}
    known = _last_outputs(folder)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    manifest = {"kind": MARK, "created": now, "versions": versions(), **facts, "outputs": made}
    text = json.dumps(manifest, indent=1, ensure_ascii=False, sort_keys=False) + "\n"
    write_atomic(staging / MANIFEST, text.encode())
    for name in made:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and hash_file(target) not in (known.get(name), made[name]):
            _keep(target, folder)
        (staging / name).replace(target)
    for name, digest in known.items():
        stale = folder / name
        if name not in made and stale.is_file() and hash_file(stale) == digest:
            stale.unlink()
    if (folder / MANIFEST).exists() and not known:
        _keep(folder / MANIFEST, folder)
    (staging / MANIFEST).replace(folder / MANIFEST)


def _last_outputs(folder: Path) -> dict[str, str]:
    """Return the output hashes of the last manifest; empty where there is none of ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    outputs = manifest.get("outputs") if isinstance(manifest, dict) and manifest.get("kind") == MARK else None
    if not isinstance(outputs, dict):
        return {}
    return {name: digest for name, digest in outputs.items() if OURS.fullmatch(name)}


def _keep(path: Path, folder: Path) -> None:
    """Move a file that is not ours, or was changed by hand, out of the way."""
    place = folder / "kept" / path.relative_to(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    k = 1
    while place.exists():
        place = place.with_name(f"{path.stem}-{k}{path.suffix}")
        k += 1
    path.replace(place)
