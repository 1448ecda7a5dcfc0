"""Tables in: CSV, TSV, text, Excel, Parquet and dBASE files as data frames, with what was found out about them.

Nothing is mended silently: a doubled name, a ragged row or a wrong kind of file is refused in one line that names the
file, the cause and the remedy. Codes such as -9999 stay as they are; the data door refuses them by column. Only in the
tables of programs whose codes are known (``table_exports.py``) they are emptied, and that is said.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from carbondrivers.datasets.dbf_text import BYTES, decode_table
from carbondrivers.datasets.table_checks import DBASE, EXCEL, PARQUET, check_columns, check_file, check_header
from carbondrivers.datasets.table_exports import export_columns, needed_columns, plain_export
from carbondrivers.datasets.workbooks import formula_columns, one_line, quiet, sheet_rows
from carbondrivers.errors import DataError

ENCODINGS = ("utf-8-sig", "utf-8", "gb18030")
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
MOST_CELLS = 4_000_000_000
SAMPLE_LINES = 50
DECIMAL_COMMA, DECIMAL_POINT = re.compile(r"[+-]?\d+,\d+"), re.compile(r"[+-]?\d+\.\d+")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
# What pandas takes for missing, without "None", which is a class of many tables (no disturbance, no management).
MISSING = (
    "", "NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "1.#IND",
    "-1.#IND", "1.#QNAN", "-1.#QNAN", "<Null>",
)  # fmt: skip
EXCEL_MISSING = {*MISSING, "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#NULL!"}


@dataclass(frozen=True, slots=True, eq=False)
class TableRead:
    """A table and how it was read.

    Attributes
    ----------
    frame : pandas.DataFrame
        The columns asked for (all, where none were named), one row a line of the file.
    encoding, delimiter : str
        As found; empty for a file that is not text.
    decimal : str
        ``"."`` or ``","``.
    notes : tuple of str
        What a reader of the results should know about the reading.
    """

    frame: pd.DataFrame
    encoding: str = ""
    delimiter: str = ""
    decimal: str = "."
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a text file is laid out; `header` holds an empty string for a column without a name."""

    encoding: str
    delimiter: str
    decimal: str
    header: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


def read_table(path: Path, columns: Sequence[str] | None = None) -> TableRead:
    """Read a table.

    Cells that are empty or hold ``NA``, ``N/A``, ``#N/A``, ``NaN``, ``nan``, ``null`` or ``<Null>`` are missing; ``None`` is
    a word. Tables of AppEEARS, Earth Engine and ArcGIS are made plain, as ``table_exports.py`` says and the notes tell.

    Parameters
    ----------
    path
        A ``.csv``, ``.tsv``, ``.txt``, ``.xlsx`` (first sheet), ``.parquet`` or ``.dbf`` file.
    columns
        Names of the columns to read; all of them by default.

    Raises
    ------
    DataError
        One line naming the file, the cause and the remedy.
    """
    path = Path(path)
    check_file(path)
    suffix = path.suffix.lower()
    reader = _read_excel if suffix in EXCEL else _read_parquet if suffix in PARQUET else _read_text
    read, header = (_read_dbase if suffix in DBASE else reader)(path, columns)
    if read.frame.empty:
        raise DataError(f"{path}: the table has a header but no rows: nothing can be analysed")
    frame, notes = plain_export(read.frame, header, path.name, columns)
    if columns is not None:
        check_columns(path, columns, [str(c) for c in frame.columns])
        frame = frame[list(columns)]
    return replace(read, frame=frame, notes=(*read.notes, *notes))


def table_columns(path: Path) -> tuple[str, ...]:
    """Return the names of a table's columns; only the head of the file is read.

    Raises
    ------
    DataError
        As ``read_table``, as far as the head of the file shows it.
    """
    path = Path(path)
    check_file(path)
    suffix = path.suffix.lower()
    if suffix in EXCEL:
        rows, _ = sheet_rows(path)
        header = check_header(path, _first_row(path, rows))
    elif suffix in DBASE:
        header = _dbase(path, rows=1)[1]
    else:
        header = _parquet_columns(path) if suffix in PARQUET else _text_layout(path).header
    return export_columns([name for name in header if name])


def _nameless_note(header: Sequence[str]) -> tuple[str, ...]:
    places = [str(i + 1) for i, name in enumerate(header) if not name]
    return (f"column {', '.join(places)} has no name and was left out",) if places else ()


def _find_encoding(path: Path) -> str:
    with path.open("rb") as stream:
        has_mark = stream.read(3) == b"\xef\xbb\xbf"
    for encoding in ENCODINGS if has_mark else ENCODINGS[1:]:
        try:
            with path.open(encoding=encoding) as text:
                while text.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    tried = ", ".join(ENCODINGS)
    raise DataError(f"{path}: the text is in none of the encodings tried ({tried}): save it as CSV UTF-8")


def _rows(stream: io.TextIOBase, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=delimiter != "\t")
    for row in reader:
        if row and (len(row) > 1 or row[0].strip()):
            yield reader.line_num, row


def _text_layout(path: Path) -> _Layout:
    encoding = _find_encoding(path)
    with path.open(encoding=encoding, newline="") as stream:
        lines = [line for _, line in zip(range(SAMPLE_LINES), stream, strict=False)]
    try:
        delimiter, rows = _sniff(lines)
    except csv.Error as error:
        raise DataError(f"{path}: is not a table of delimited text ({error}): check for a quote that is not closed") from None
    header = check_header(path, rows[0])
    decimal = _find_decimal(rows[1:], delimiter)
    notes = [] if encoding == "utf-8" else [f"{path.name} was read with encoding {encoding}"]
    if encoding == "gb18030":
        # It decodes nearly any bytes, also those of other old encodings.
        notes[0] += ": if names look wrong, save the table as UTF-8"
    if delimiter != ",":
        notes.append(f"{path.name}: columns are separated by {DELIMITERS[delimiter]}")
    if decimal == ",":
        notes.append(f"{path.name}: decimals are written with a comma")
    return _Layout(encoding, delimiter, decimal, header, (*notes, *_nameless_note(header)))


def _sniff(lines: Sequence[str]) -> tuple[str, list[list[str]]]:
    """Return the delimiter that gives most rows the width of the header, at best a wide one, and the sample's rows."""
    best: tuple[float, int, str, list[list[str]]] | None = None
    for delimiter in DELIMITERS:
        rows = [row for _, row in _rows(io.StringIO("".join(lines), newline=""), delimiter)]
        if not rows:
            break
        width = len(rows[0])
        alike = sum(len(row) == width for row in rows) / len(rows) if width > 1 else 0.0
        if best is None or (alike, width) > best[:2]:
            best = (alike, width, delimiter, rows)
    if best is None:
        raise csv.Error("it begins with empty lines")
    return best[2], best[3]


def _find_decimal(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    cells = [cell.strip() for row in rows for cell in row]
    commas = [cell for cell in cells if DECIMAL_COMMA.fullmatch(cell)]
    if not commas or any(DECIMAL_POINT.fullmatch(cell) for cell in cells):
        return "."
    # Between quotes in a table with commas, 1,234 is rather a thousand: left as text, which the data door refuses.
    return "." if delimiter == "," and all(THOUSANDS.fullmatch(cell) for cell in commas) else ","


def _check_widths(path: Path, layout: _Layout) -> None:
    width, line = len(layout.header), 1
    try:
        with path.open(encoding=layout.encoding, newline="") as stream:
            for line, row in _rows(stream, layout.delimiter):
                if len(row) != width:
                    raise DataError(
                        f"{path}: line {line} has {len(row)} cells where the header has {width} "
                        f"({DELIMITERS[layout.delimiter]} separated): mend it, or quote text that holds the separator"
                    )
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read after line {line} ({error}): check for a quote that is not closed") from None


def _read_text(path: Path, columns: Sequence[str] | None) -> tuple[TableRead, tuple[str, ...]]:
    layout = _text_layout(path)
    named = [name for name in layout.header if name]
    wanted = needed_columns(columns, named) if columns else named
    check_columns(path, wanted, named)
    _check_widths(path, layout)
    # A name that no column can have keeps pandas from inventing one for the nameless columns.
    names = [name or f"\x00{i}" for i, name in enumerate(layout.header)]
    try:
        frame = pd.read_csv(
            path, sep=layout.delimiter, decimal=layout.decimal, encoding=layout.encoding, header=0, names=names,
            usecols=wanted, index_col=False, low_memory=False,
            skipinitialspace=layout.delimiter != "\t", keep_default_na=False, na_values=list(MISSING),
        )  # fmt: skip
    except (pd.errors.ParserError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table ({one_line(error)}): export it again as CSV UTF-8") from None
    return TableRead(frame, layout.encoding, layout.delimiter, layout.decimal, layout.notes), tuple(named)


def _first_row(path: Path, rows: Iterator[tuple[object, ...]]) -> list[str]:
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path}: the first sheet is empty: put the table there")
    cells = ["" if cell is None else str(cell) for cell in first]
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _read_excel(path: Path, columns: Sequence[str] | None) -> tuple[TableRead, tuple[str, ...]]:
    with quiet():
        rows, notes = sheet_rows(path)
        header = check_header(path, _first_row(path, rows))
        body = list(_excel_body(path, rows, len(header)))
    keep = [i for i, name in enumerate(header) if name]
    empty = [i for i in keep if (columns is None or header[i] in columns) and all(row[i] is None for row in body)]
    unfinished = formula_columns(path, len(header), empty) if empty else []
    if unfinished:
        raise DataError(
            f"{path}: column {header[unfinished[0]]!r} holds formulas that were never calculated: open and save the workbook "
            "in a spreadsheet program"
        )
    frame = pd.DataFrame({header[i]: [row[i] for row in body] for i in keep}).infer_objects()
    return TableRead(frame, notes=(*notes, *_nameless_note(header))), tuple(map(str, frame.columns))


def _excel_body(path: Path, rows: Iterator[tuple[object, ...]], width: int) -> Iterator[list[object]]:
    for count, row in enumerate(rows, start=2):
        if any(cell is not None for cell in row[width:]):
            raise DataError(f"{path}: row {count} has cells right of the header's {width} columns: name or clear them")
        yield [_excel_cell(cell) for cell in (*row[:width], *[None] * (width - len(row)))]


def _excel_cell(cell: object) -> object:
    return None if isinstance(cell, str) and cell.strip() in EXCEL_MISSING else cell


def _parquet_columns(path: Path) -> tuple[str, ...]:
    import pyarrow.parquet as parquet

    try:
        names = [str(name) for name in parquet.read_schema(path).names]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is not a readable Parquet file ({one_line(error)}): write it again") from None
    return check_header(path, [name for name in names if not name.startswith("__index_level_")])


def _read_parquet(path: Path, columns: Sequence[str] | None) -> tuple[TableRead, tuple[str, ...]]:
    known = _parquet_columns(path)
    wanted = needed_columns(columns, known) if columns else None
    check_columns(path, wanted or (), known)
    try:
        _check_cells(path, len(wanted or known))
        frame = pd.read_parquet(path, columns=wanted)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is not a readable Parquet file ({one_line(error)}): write it again") from None
    levels = [str(name) for name in frame.index.names if name is not None and str(name) in known]
    return TableRead(frame.reset_index(levels) if levels else frame.reset_index(drop=True)), known


def _check_cells(path: Path, columns: int) -> None:
    """Refuse a file that declares more than memory holds: a few kilobytes can stand for any number of equal rows."""
    import pyarrow.parquet as parquet

    rows = parquet.read_metadata(path).num_rows
    if rows * columns > MOST_CELLS:
        raise DataError(
            f"{path}: its header declares {rows:,} rows of {columns} columns: the file is damaged or hostile, or must be cut "
            "into parts first"
        )


def _read_dbase(path: Path, columns: Sequence[str] | None) -> tuple[TableRead, tuple[str, ...]]:
    frame, header, notes = _dbase(path)
    check_columns(path, needed_columns(columns or (), header), header)
    return TableRead(frame, notes=notes), header


def _dbase(path: Path, rows: int | None = None) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    import geopandas as gpd

    try:
        raw = gpd.read_file(path, ignore_geometry=True, encoding=BYTES, rows=rows)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path}: is not a readable dBASE table ({one_line(error)}): export it again, or as CSV UTF-8"
        ) from None
    frame, notes = decode_table(pd.DataFrame(raw), path)
    return frame, check_header(path, [str(name) for name in frame.columns]), notes
