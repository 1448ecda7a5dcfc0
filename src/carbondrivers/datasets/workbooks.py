"""Excel workbooks: the cells of the first sheet, and every way in which a workbook can be broken, in one line."""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from carbondrivers.errors import DataError

# XML that does not parse is a SyntaxError (openpyxl reads rows lazily, so it may come at any row).
MOST_BYTES, SMALL_BYTES, MOST_RATIO = 3 * 2**30, 64 * 2**20, 200
_BROKEN = (BadZipFile, SyntaxError, LookupError, ValueError, TypeError, AttributeError, OSError, EOFError, zlib.error)


def one_line(error: BaseException) -> str:
    """Return an error's text without line breaks, not longer than 200 characters."""
    return " ".join(str(error).split())[:200]


def sheet_rows(path: Path) -> tuple[Iterator[tuple[object, ...]], tuple[str, ...]]:
    """Return the rows of the first sheet that has cells (rows without any value left out), and notes on the choice."""
    sheet, names = _open(path, data_only=True)
    notes = (f"{path.name}: only the first sheet {sheet.title!r} of {len(names)} was read",) if len(names) > 1 else ()
    return (row for row in _guarded(path, sheet, values_only=True) if any(c is not None for c in row)), notes


def formula_columns(path: Path, header_width: int, empty: Sequence[int]) -> list[int]:
    """Return which of the columns in `empty` hold formulas below the header (and so, without a value, unfinished ones)."""
    sheet, _ = _open(path, data_only=False)
    found: set[int] = set()
    is_header = True
    for row in _guarded(path, sheet, values_only=False):
        cells = row[:header_width]
        if is_header:
            is_header = all(cell.value is None for cell in cells)
            continue
        found |= {i for i in empty if i < len(cells) and cells[i].data_type == "f"}
        if len(found) == len(empty):
            break
    return sorted(found)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence openpyxl, which warns of styles and validations that it drops; the cells are not touched by that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _open(path: Path, *, data_only: bool) -> tuple[Any, list[str]]:
    from openpyxl import load_workbook

    _check_unpacked(path)
    try:
        with quiet():
            book = load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=data_only)
        sheets = book.worksheets
    except AttributeError:
        # openpyxl stumbles over a chart sheet without a drawing.
        raise DataError(
            f"{path}: the workbook has a sheet without cells (a chart?): save the sheet with the table alone"
        ) from None
    except _BROKEN as error:
        raise _broken(path, error) from None
    if not sheets:
        raise DataError(f"{path}: the workbook has no sheet with cells (only charts?): put the table on its first sheet")
    sheets[0].reset_dimensions()
    return sheets[0], list(book.sheetnames)


def _check_unpacked(path: Path) -> None:
    """Refuse an archive that unpacks to more than any workbook holds; its directory says so before it is unpacked."""
    try:
        with ZipFile(path) as archive:
            members = archive.infolist()
    except _BROKEN as error:
        raise _broken(path, error) from None
    unpacked, packed = (sum(getattr(member, size) for member in members) for size in ("file_size", "compress_size"))
    if unpacked > MOST_BYTES or (unpacked > SMALL_BYTES and unpacked > MOST_RATIO * packed):
        raise DataError(
            f"{path}: unpacks from {packed:,} to {unpacked:,} bytes, which no table does: the file is damaged or hostile; save "
            "the table as CSV or Parquet"
        )


def _guarded(path: Path, sheet: Any, *, values_only: bool) -> Iterator[tuple[Any, ...]]:
    try:
        yield from sheet.iter_rows(values_only=values_only)
    except _BROKEN as error:
        raise _broken(path, error) from None


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: is not a readable Excel workbook ({one_line(error)}): save it again as .xlsx")
