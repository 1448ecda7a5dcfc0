"""What is given to the data door: things of the wrong type are refused in words, before they fail somewhere inside."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from carbondrivers.errors import DataError, did_you_mean


def check_frame(frame: object) -> None:
    """Refuse what is not a pandas table with plain column names."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"the table must be a pandas DataFrame, got {told(frame)}: make it one with pandas.DataFrame(...)")
    if frame.columns.nlevels > 1:
        raise DataError(f"the columns have {frame.columns.nlevels} levels of names: give each column one name as text")


def told(value: object) -> str:
    """Return what a value is, in few words: short values as they are, others by their type."""
    shown = repr(value)
    return f"{shown} ({type(value).__name__})" if value is not None and len(shown) <= 40 and "\n" not in shown else (
        "None" if value is None else type(value).__name__
    )  # fmt: skip


def column_name(value: object, what: str) -> str:
    """Return the name of a column, which must be text."""
    if not isinstance(value, str):
        raise DataError(f"{what} must be the name of a column as text, got {told(value)}: give it as 'name'")
    return value


def coordinate_names(value: object) -> tuple[str, str] | None:
    """Return the names of the x and the y column."""
    if value is None:
        return None
    if isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(name, str) for name in value):
        x, y = value
        if x != y:
            return x, y
    raise DataError(f"coordinates must be the names of two different columns, as ('x', 'y'), got {told(value)}: name both")


def check_columns(frame: pd.DataFrame, response: str, drivers: Sequence[str], extra: Sequence[str]) -> None:
    """Refuse doubled and missing columns, and a response that is its own driver."""
    columns = [str(c) for c in frame.columns]
    doubled = sorted({c for c in columns if columns.count(c) > 1})
    if doubled:
        raise DataError(f"column {doubled[0]!r} occurs {columns.count(doubled[0])} times: rename or drop the copies")
    for name in (response, *drivers, *extra):
        if name not in columns:
            known = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
            odd = [c for c in frame.columns if not isinstance(c, str)]
            rename = f". Column {odd[0]!r} has a name that is not text: rename columns to text" if odd else ""
            raise DataError(f"there is no column {name!r}.{did_you_mean(name, columns)} The columns are: {known}{rename}")
        if name not in frame.columns:
            kind = type(frame.columns[columns.index(name)]).__name__
            raise DataError(f"the name of column {name!r} is not text ({kind}): rename columns to text, by columns.map(str)")
    if response in drivers:
        raise DataError(f"{response!r} is the response and a driver too: take it out of the drivers")
    twice = sorted({d for d in drivers if list(drivers).count(d) > 1})
    if twice:
        raise DataError(f"driver {twice[0]!r} is named twice: name it once")
