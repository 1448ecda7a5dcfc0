"""All tables as one Excel workbook: numbers stay numbers, text stays text, and two runs give the same bytes."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from io import BytesIO
from numbers import Real
from typing import Any

import xlsxwriter

from carbondrivers.reports.registry import Table

EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC).replace(tzinfo=None)
ROW_LIMIT = 1_048_575


def workbook_bytes(tables: Sequence[Table]) -> bytes:
    """Return the tables as an xlsx file: a first sheet that lists them, then one sheet a table.

    Text that begins with "=" is written as text, never as a formula. A table longer than a sheet is cut, and the list
    says so.
    """
    buffer = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(buffer, options)
    book.set_properties({"created": EPOCH, "author": "carbondrivers"})
    head = book.add_format({"bold": True, "bottom": 1, "top": 1})
    listing = book.add_worksheet("tables")
    for column, word in enumerate(("sheet", "title", "rows", "notes")):
        listing.write_string(0, column, word, head)
    taken = {"tables"}
    for row, table in enumerate(tables, 1):
        sheet = _sheet_name(table.name, taken)
        cut = f"cut to {ROW_LIMIT} rows, all are in tables/{table.name}.csv; " if len(table.frame) > ROW_LIMIT else ""
        listing.write_string(row, 0, sheet)
        listing.write_string(row, 1, table.title)
        listing.write_number(row, 2, len(table.frame))
        listing.write_string(row, 3, cut + " ".join(table.notes))
        _write_sheet(book.add_worksheet(sheet), table, head)
    listing.set_column(0, 0, 30)
    listing.set_column(1, 1, 70)
    book.close()
    return buffer.getvalue()


def _sheet_name(name: str, taken: set[str]) -> str:
    """Return a sheet name that Excel takes: 31 characters, none of []:*?/\\, no name twice."""
    base = re.sub(r"[\[\]:*?/\\']", "_", name)[:31]
    sheet, k = base, 2
    while sheet.lower() in taken:
        sheet, k = f"{base[:28]}_{k}", k + 1
    taken.add(sheet.lower())
    return sheet


def _write_sheet(sheet: Any, table: Table, head: Any) -> None:
    for column, name in enumerate(table.frame.columns):
        sheet.write_string(0, column, str(name), head)
        values = table.frame[name].head(ROW_LIMIT).tolist()
        for row, value in enumerate(values, 1):
            write_cell(sheet, row, column, value)
        longest = max([len(str(name)), *(len(str(v)) if isinstance(v, str) else 8 for v in values[:200])])
        sheet.set_column(column, column, min(longest + 2, 45))
    sheet.freeze_panes(1, 0)


def write_cell(sheet: Any, row: int, column: int, value: object) -> None:
    """Write a value as what it is; missing and infinite numbers leave the cell empty, text never becomes a formula."""
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, Real):
        if math.isfinite(float(value)):
            sheet.write_number(row, column, float(value))
    elif value is not None:
        sheet.write_string(row, column, str(value))
