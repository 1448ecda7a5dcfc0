"""What the cells of a column are: objects that no column may hold, and numbers, dates or degrees written as text."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable
from numbers import Number
from typing import Literal

import numpy as np
import pandas as pd

from carbondrivers.errors import DataError

Expected = Literal["numbers", "classes", "groups", "times"]
LOOKED_AT = 1000
_UNIT = (
    r"%|‰|°\s*[cfk]|deg\s*[cf]?|[mck]?m[23]?|ha|[kmg]?g|t|k|[hkm]?pa|mj|ppm|ppb|万|亿"
    r"|(?:mm|g|kg|t|m)\s*(?:c\s*)?(?:/|per)\s*(?:a|yr|year|day|ha|m2)|w\s*/\s*m2"
)
_DIGITS = r"(?:\d{1,3}(?:[ ,.'’]\d{3})+|\d+(?:_\d+)*)(?:[.,]\d*)?|[.,]\d+"
_NUMBER = rf"(?:{_DIGITS})(?:\s*(?:e|[x×*·]\s*10\s*\^?)\s*[+\-−–]?\d+)?"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[ap]m)?"
_MINUTES = rf"(?:\s*{_NUMBER}\s*['′’](?:\s*{_NUMBER}\s*(?:\"|''|′′|”)?)?)?"
WRITTEN = {
    "numbers": re.compile(
        rf"[+\-−–]?\s*[$€£¥]?\s*{_NUMBER}(?:\s*±\s*{_NUMBER})?\s*(?:{_UNIT})?\s*[*†‡]*"
        rf"|\(\s*{_NUMBER}\s*\)|[+-]?0x[0-9a-f]+|\d+\s*/\s*\d+"
    ),
    "dates": re.compile(
        rf"\d{{4}}([-/.])(?:0?[1-9]|1[0-2])(?:\1\d{{1,2}})?(?:[t ]\s*{_CLOCK}.*)?"
        rf"|\d{{1,2}}([-/])\d{{1,2}}\2(?:\d{{4}}|\d{{2}})(?:\s+{_CLOCK})?|\d{{1,2}}\.\d{{1,2}}\.\d{{4}}(?:\s+{_CLOCK})?"
        rf"|\d{{4}}年(?:\d{{1,2}}月(?:\d{{1,2}}日)?)?|\d{{4}}-?(?:q[1-4]|w\d{{2}})|{_CLOCK}"
        rf"|(?:\d{{1,2}}[ -])?{_MONTH}[ ,-]+(?:\d{{1,2}},? )?\d{{2,4}}"
    ),
    "degrees": re.compile(
        rf"[nsew]?\s*[+\-−–]?\s*{_NUMBER}\s*°{_MINUTES}\s*[nsew]?|[+\-−–]?\d+[.,]\d+\s*[nsew]|[nsew]\s*\d+[.,]\d+"
    ),
}
REMEDIES = {
    "numbers": "write them without thousands separators, signs and units",
    "dates": "turn them into numbers such as the year, or name the column as time",
    "degrees": "write them as decimal degrees without signs and letters",
}

DATES = ("dates", "times of day", "periods")
OBJECTS = {
    "lists": "give each row one value, such as the mean of its list",
    "records": "give each field a column of its own",
    "dates": "turn it into a number or name it as time",
    "durations": "turn them into a number of days or hours",
    "periods": "turn them into a number such as the year",
    "times of day": "turn them into a number of hours",
    "bytes": "decode them to text or numbers",
    "complex numbers": "take the real part or the modulus first",
}
_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    ((str, bool, np.bool_, pd.Interval), ""),
    ((complex, np.complexfloating), "complex numbers"),
    ((pd.Timedelta, dt.timedelta, np.timedelta64), "durations"),
    ((Number, np.number), ""),
    ((dt.date, np.datetime64), "dates"),
    (dt.time, "times of day"),
    (pd.Period, "periods"),
    ((bytes, bytearray), "bytes"),
    (dict, "records"),
    ((list, tuple, set, frozenset, np.ndarray, pd.Series), "lists"),
)


def written_as(text: str) -> str:
    """Return ``"numbers"``, ``"dates"`` or ``"degrees"`` if a text is one of these, otherwise an empty string.

    Examples
    --------
    >>> [written_as(text) for text in ("1,234.5", "5%", "2001-01-31", "30°15'", "DBF", "10-20", "3.1.1")]
    ['numbers', 'numbers', 'dates', 'degrees', '', '', '']
    """
    # Compatibility forms make one of full-width and plain digits; the ordinal sign often stands for the degree sign.
    plain = unicodedata.normalize("NFKC", text.replace("º", "°")).strip().lower()
    return next((what for what in ("degrees", "dates", "numbers") if WRITTEN[what].fullmatch(plain)), "")


def refuse_written(cells: pd.Series, where: str, *, rows: Iterable[int], classes: bool) -> None:
    """Refuse text most of which is numbers, dates or degrees in a way of writing that is not read as such.

    Parameters
    ----------
    cells
        The cells that are text.
    where
        Role and name of the column, for the message.
    rows
        The row of each cell, counted from 0.
    classes
        Whether the column might be declared categorical, for the message.
    """
    looked = [value for value in cells.unique()[:LOOKED_AT] if isinstance(value, str)]
    found = [(what, value) for value in looked if (what := written_as(value))]
    if not found or 2 * len(found) <= len(looked):
        return
    what, value = found[0]
    declare = "; or declare kind = 'categorical'" if classes else ""
    row = next(row for cell, row in zip(cells, rows, strict=True) if isinstance(cell, str) and cell == value)
    raise DataError(f"{where} holds {what} written as text ({value!r} in row {row + 1}): {REMEDIES[what]}{declare}")


def refuse_objects(column: pd.Series, where: str, expected: Expected = "numbers") -> None:
    """Refuse cells that are neither numbers nor text: lists, dates, durations, bytes and other objects.

    Parameters
    ----------
    column
        As read.
    where
        Role and name of the column, for the message.
    expected
        What belongs into the column; groups and times may be dates.
    """
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
        return
    if isinstance(column.dtype, pd.StringDtype):
        return
    kinds = _kinds(column)
    for kind, remedy in OBJECTS.items():
        if kind in kinds and not (expected in ("groups", "times") and kind in DATES):
            text = ", or into text" if expected == "classes" and kind in DATES else ""
            raise DataError(f"{where} holds {kind} where {expected} are expected: {remedy}{text}")
    if kinds - OBJECTS.keys():
        other = sorted(kinds - OBJECTS.keys())[0]
        raise DataError(f"{where} holds objects of type {other} where {expected} are expected: turn them into text or numbers")


def _kinds(column: pd.Series) -> set[str]:
    """What the cells are, in the words of OBJECTS or as the name of a type; numbers and text are left out."""
    cells = column.cat.categories.to_series() if isinstance(column.dtype, pd.CategoricalDtype) else column
    types = set(cells.dropna().astype(object).map(type, na_action="ignore"))
    if pd.api.types.is_datetime64_any_dtype(cells):
        types.add(pd.Timestamp)  # even without a value
    names = (next((word for known, word in _TYPES if issubclass(kind, known)), kind.__name__) for kind in types)
    return {name for name in names if name}
