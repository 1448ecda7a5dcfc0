"""What is no table: files of another kind, headers that name nothing or twice, columns that are not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from carbondrivers.errors import DataError, did_you_mean

TEXT, EXCEL, PARQUET, DBASE = (".csv", ".tsv", ".txt", ".tab", ".dat"), (".xlsx", ".xlsm"), (".parquet", ".pq"), (".dbf",)
DBASE_MAGIC = (b"\x03", b"\x30", b"\x31", b"\x43", b"\x83", b"\x8b", b"\xf5")
MAGIC = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook: give it the ending .xlsx, or unpack it",
    b"\x1f\x8b": "is compressed with gzip: unpack it first",
    b"PAR1": "is a Parquet file: give it the ending .parquet",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook (.xls): save it as .xlsx or CSV",
    b"\xff\xfe": "is encoded as UTF-16: save it as CSV UTF-8",
    b"\xfe\xff": "is encoded as UTF-16: save it as CSV UTF-8",
}


def check_file(path: Path) -> None:
    """Refuse what is no readable file of the kind that its name says, by its first bytes."""
    try:
        _check_there(path)
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check its name and permissions") from None
    if not head.strip():
        raise DataError(f"{path}: is empty: export the table again")
    if path.suffix.lower() in DBASE:
        if not head.startswith(DBASE_MAGIC):
            raise DataError(f"{path}: is not a dBASE table, its first byte is another's: export it again, or as CSV UTF-8")
    elif path.suffix.lower() not in (*EXCEL, *PARQUET):
        _check_text_head(path, head)


def _check_there(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a table: name the file in it")
    if not path.exists():
        folder = path.parent
        files = sorted(f.name for f in folder.iterdir() if f.is_file()) if folder.is_dir() else []
        where = "" if folder.is_dir() else f" (there is no folder {folder})"
        remedy = did_you_mean(path.name, files) or " Check the name and the folder."
        raise DataError(f"{path}: there is no such file{where}.{remedy}")
    if not path.is_file():
        raise DataError(f"{path}: is not a regular file: give a table such as .csv, .xlsx or .parquet")


def _check_text_head(path: Path, head: bytes) -> None:
    for magic, cause in MAGIC.items():
        if head.startswith(magic):
            raise DataError(f"{path}: {cause}")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<table", b"<head")):
        raise DataError(f"{path}: is a web page (HTML), not a table: download the data file itself, or save it as CSV")
    if b"\x00" in head:
        raise DataError(f"{path}: holds binary data, not text: give a .csv, .tsv, .txt, .xlsx or .parquet table")


def check_header(path: Path, cells: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns without blanks around them; refuse doubled names, no names, and numbers."""
    names = tuple(str(cell).strip() for cell in cells)
    named = [name for name in names if name]
    doubled = sorted({name for name in named if named.count(name) > 1})
    if doubled:
        count = named.count(doubled[0])
        more = f" (and {len(doubled) - 1} more names)" if len(doubled) > 1 else ""
        raise DataError(f"{path}: column {doubled[0]!r} occurs {count} times{more}: rename or drop the copies")
    if not named:
        raise DataError(f"{path}: the first row names no column: put the column names there")
    if all(_is_number(name) for name in named):
        raise DataError(f"{path}: the first row holds numbers, not column names: add a header row")
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_columns(path: Path, wanted: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a column that is not there, with a suggestion."""
    for name in wanted:
        if name not in known:
            listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            raise DataError(f"{path}: there is no column {name!r}.{did_you_mean(name, known)} The columns are: {listed}")
