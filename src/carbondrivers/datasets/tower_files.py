"""The file of a tower: a table as it is, or the right member of a downloaded archive."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carbondrivers.datasets.tables import table_columns
from carbondrivers.datasets.workbooks import one_line
from carbondrivers.errors import DataError

LARGEST_MEMBER = 4_000_000_000
_RESOLUTION = re.compile(r"_(HH|HR|DD|WW|MM|YY)(?=[_.])")
_SITE = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}-[A-Za-z0-9]{3}(?![A-Za-z0-9])")
# Reanalysis, auxiliary and metadata tables lie beside those of the fluxes.
_NOT_FLUXES = re.compile(r"_(ERAI|ERA5|AUX[A-Z]*|BIF[A-Z]*)_")


def named_resolution(name: str) -> str:
    """Return the resolution that a file name tells, or an empty string.

    Examples
    --------
    >>> named_resolution("FLX_FR-Pue_FLUXNET2015_FULLSET_MM_2000-2014_2-4.csv"), named_resolution("tower.csv")
    ('MM', '')
    """
    found = _RESOLUTION.search(Path(name).name)
    return found.group(1) if found else ""


def named_site(name: str) -> str:
    """Return the site code that a file name tells, or an empty string.

    Examples
    --------
    >>> named_site("AMF_US-Ha1_FLUXNET_SUBSET_HR_1991-2020_3-5.csv")
    'US-Ha1'
    """
    found = _SITE.search(Path(name).name)
    return found.group() if found else ""


@contextmanager
def tower_table(path: Path, resolution: str | None) -> Iterator[tuple[Path, str]]:
    """Give the table to read and its name for messages; a member of an archive is unpacked for the while.

    Raises
    ------
    DataError
        If there is no such file, or the archive is broken or has not exactly one table of the resolution.
    """
    if path.suffix.lower() != ".zip" or not path.is_file():
        yield path, str(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                member = _member(archive, path, resolution)
                file = Path(folder) / "tower.csv"
                with archive.open(member) as source, file.open("wb") as target:
                    shutil.copyfileobj(source, target)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
            raise DataError(f"{path}: is not a readable archive ({one_line(error)}): download it again") from None
        where = f"{path}:{member.filename}"
        try:
            table_columns(file)
            yield file, where
        except DataError as error:
            raise DataError(str(error).replace(str(file), where)) from None


def _member(archive: zipfile.ZipFile, path: Path, resolution: str | None) -> zipfile.ZipInfo:
    tables = [m for m in archive.infolist() if m.filename.lower().endswith(".csv") and not _NOT_FLUXES.search(m.filename)]
    found = [m for m in tables if resolution is None or named_resolution(m.filename) == resolution]
    if len(found) == 1 and found[0].file_size <= LARGEST_MEMBER:
        return found[0]
    if len(found) == 1:
        raise DataError(f"{path}: {found[0].filename} unpacks to {found[0].file_size} bytes: unpack it, and give the table")
    known = sorted({named_resolution(m.filename) or m.filename for m in tables})
    listed = ", ".join(known[:12]) or "none"
    what = f"no table of {resolution}" if resolution and not found else f"{len(found)} tables of fluxes"
    raise DataError(f"{path}: the archive has {what} (there are: {listed}): give resolution=, or unpack it and name the table")
