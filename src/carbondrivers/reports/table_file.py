"""A table out, such as a sample of pixels, so that it is read again as it was: CSV, Parquet or Excel, whole or not at all.

An Excel sheet holds 1,048,576 rows: 1,048,575 below the header. A longer table is refused, never cut.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

import pandas as pd

from carbondrivers.errors import OutputError, choose
from carbondrivers.reports.files import output_error
from carbondrivers.reports.workbook import EPOCH, ROW_LIMIT, write_cell

COLUMN_LIMIT = 16_384
SUFFIXES = (".csv", ".parquet", ".xlsx")


def write_table(frame: pd.DataFrame, path: Path, *, notes: Sequence[str] = ()) -> Path:
    """Write a table by the suffix of its name.

    Parameters
    ----------
    frame
        The table; its index is left out.
    path
        A ``.csv`` (UTF-8, every digit), ``.parquet`` or ``.xlsx`` (16 digits) file in a folder that exists.
    notes
        Sentences for a second sheet of a workbook; the other formats hold the table alone.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    OutputError
        If a sheet cannot hold the table, or the disk does not take it; what stood there before is then untouched.
    OptionError
        If the suffix is none of the three.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_table(pd.DataFrame({"nep": [0.1]}), Path(folder) / "sample.csv").read_text()
    'nep\\n0.1\\n'
    """
    path = Path(path)
    choose(path.suffix.lower(), SUFFIXES, f"suffix of {path.name!r}")
    if path.suffix.lower() == ".xlsx":
        _check_sheet(frame, path)
    with _whole(path) as stream:
        if path.suffix.lower() == ".csv":
            frame.to_csv(stream, index=False, lineterminator="\n", encoding="utf-8")
        elif path.suffix.lower() == ".parquet":
            frame.to_parquet(stream, index=False)
        else:
            _write_workbook(frame, stream, notes)
    return path


def _check_sheet(frame: pd.DataFrame, path: Path) -> None:
    if len(frame) > ROW_LIMIT or len(frame.columns) > COLUMN_LIMIT:
        raise OutputError(
            f"cannot write {path}: the table has {len(frame):,} rows and {len(frame.columns):,} columns, an Excel sheet holds "
            f"{ROW_LIMIT:,} below its header and {COLUMN_LIMIT:,}: write .parquet or .csv, or draw fewer cells"
        )


def _write_workbook(frame: pd.DataFrame, stream: IO[bytes], notes: Sequence[str]) -> None:
    import xlsxwriter

    # Row by row, so that a full sheet is not held in memory.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(stream, options)
    book.set_properties({"created": EPOCH, "author": "carbondrivers"})
    head = book.add_format({"bold": True, "bottom": 1})
    sheet = book.add_worksheet("table")
    for column, name in enumerate(frame.columns):
        sheet.write_string(0, column, str(name), head)
    for row, values in enumerate(frame.itertuples(index=False, name=None), 1):
        for column, value in enumerate(values):
            write_cell(sheet, row, column, None if value is pd.NA or value is pd.NaT else value)
    if notes:
        second = book.add_worksheet("notes")
        for row, note in enumerate(notes):
            second.write_string(row, 0, note)
    book.close()


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Give a stream to a passing name in the same folder, which takes the place of `path` once all is written."""
    passing = path.parent / f".{uuid4().hex}.tmp"
    try:
        with passing.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        passing.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        with suppress(OSError):
            passing.unlink()
