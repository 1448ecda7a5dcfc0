"""The shared checks of the data door: each raises one line that names the column, the cause and the remedy."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from carbondrivers.catalogue import variables
from carbondrivers.datasets.cells import refuse_objects, refuse_written
from carbondrivers.datasets.crs_checks import check_crs as check_crs
from carbondrivers.datasets.groups import MAX_CLASSES, class_label
from carbondrivers.datasets.nodata import NODATA as NODATA
from carbondrivers.datasets.nodata import refuse_huge, refuse_nodata
from carbondrivers.datasets.nodata import stands_apart as stands_apart
from carbondrivers.errors import DataError, DataWarning


def clean_numeric(column: pd.Series, role: str, *, constant: bool = False) -> pd.Series:
    """Return the column as float64 with NaN for missing; refuse text, infinities, nodata, emptiness, constants.

    Parameters
    ----------
    column
        As read.
    role
        ``"response"``, ``"driver"``, ``"coordinate"`` or ``"weights"``, for the message.
    constant
        Whether a constant column is allowed.
    """
    name = str(column.name)
    where = f"{role} {name!r}"
    refuse_objects(column, where)
    numbers = as_numbers(column, where)
    text = (numbers.isna() & column.notna()).to_numpy()
    if text.any():
        _refuse_text(column, text, where, classes=role == "driver")
    values = numbers.to_numpy()
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError(
            f"{where} holds {int(np.isinf(values).sum())} infinite values, first in row {row + 1}: mend or empty them"
        )
    present = values[~np.isnan(values)]
    if present.size == 0:
        raise DataError(f"{where} has no value at all: leave it out, or check the join that filled it")
    refuse_nodata(present, where)
    refuse_huge(present, where)
    if not constant and present.min() == present.max():
        raise DataError(f"{where} is constant ({present[0]:g}): nothing can be attributed to it; leave it out")
    return numbers.rename(name)


def as_numbers(column: pd.Series, where: str) -> pd.Series:
    """Return the numbers of a column as float64, NaN where a cell is missing or no number."""
    # pandas 3 fails on Arrow decimals with gaps; as objects they are read.
    plain = column.astype(object) if isinstance(column.dtype, pd.ArrowDtype) else column
    try:
        return pd.to_numeric(plain, errors="coerce").astype("float64")
    except OverflowError:
        raise DataError(f"{where} holds whole numbers of over 300 digits: look for a nodata value or a wrong unit") from None


def _refuse_text(column: pd.Series, text: np.ndarray, where: str, *, classes: bool) -> None:
    rows = np.flatnonzero(text)
    refuse_written(column[text], where, rows=rows.tolist(), classes=classes)
    declare = ", leave them empty, or declare kind = 'categorical'" if classes else " or leave them empty"
    raise DataError(
        f"{where} holds text where numbers are expected: {column.iloc[rows[0]]!r} in row {rows[0] + 1} and "
        f"{len(rows) - 1} more; mend the cells{declare}"
    )


def clean_categorical(column: pd.Series) -> pd.Series:
    """Return the column as an unordered categorical of text, classes sorted; refuse too many classes or only one."""
    name = str(column.name)
    refuse_objects(column, f"driver {name!r}", "classes")
    present = column.dropna()
    if present.empty:
        raise DataError(f"driver {name!r} has no value at all: leave it out, or check the join that filled it")
    codes = sorted(present.unique(), key=lambda v: (isinstance(v, str), v))
    labels = {value: class_label(value) for value in codes}
    distinct = list(dict.fromkeys(labels.values()))
    if len(distinct) > MAX_CLASSES:
        raise DataError(
            f"categorical driver {name!r} has {len(distinct)} classes, more than {MAX_CLASSES}: "
            "group the classes, or declare kind = 'continuous' if it is a measurement"
        )
    if len(distinct) == 1:
        raise DataError(f"driver {name!r} is constant ({distinct[0]!r}): nothing can be attributed to it; leave it out")
    return pd.Series(pd.Categorical(column.map(labels), categories=distinct), name=name, index=column.index)


def clean_text_driver(column: pd.Series) -> pd.Series:
    """Return a text column of undeclared kind as classes; refuse numbers written as text, and almost one class a row."""
    where = f"driver {str(column.name)!r}"
    present = column.notna().to_numpy()
    refuse_written(column[present], where, rows=np.flatnonzero(present).tolist(), classes=True)
    cleaned = clean_categorical(column)
    classes = len(cleaned.cat.categories)
    if 2 * classes > present.sum():
        raise DataError(
            f"{where} is text with {classes} classes in {int(present.sum())} rows, so that each row explains itself: leave "
            "names and identifiers out, group the classes, or declare kind = 'categorical'"
        )
    return cleaned


def check_rows(complete: pd.DataFrame, response: str, drivers: Sequence[str]) -> None:
    """Refuse fewer complete rows than drivers + 3, and a column that missing rows of others made constant."""
    needed = len(drivers) + 3
    if len(complete) < needed:
        raise DataError(
            f"only {len(complete)} complete rows for {len(drivers)} drivers, at least {needed} are needed: "
            "drop the driver with most gaps, or add rows"
        )
    for name in (response, *drivers):
        if complete[name].nunique() == 1:
            raise DataError(
                f"{name!r} is constant ({complete[name].iloc[0]}) in the {len(complete)} rows that are complete: "
                "leave it out, or the driver whose gaps drop the other rows"
            )


def check_weights(weights: pd.Series) -> None:
    """Refuse weights below zero, and weights that are all zero (missing ones are allowed here)."""
    where = f"weights {str(weights.name)!r}"
    if (weights < 0).any():
        raise DataError(f"{where} are negative in {int((weights < 0).sum())} rows: give weights of zero or more, such as areas")
    if not (weights > 0).any():
        raise DataError(f"{where} are all zero: give positive weights, or none")


def clean_time(column: pd.Series) -> pd.Series:
    """Return a column that says when: numbers as they are, dates and text as text, missing as missing."""
    refuse_objects(column, f"time {str(column.name)!r}", "times")
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype("float64")
    return column.astype("string").astype("object").where(column.notna(), None)


def warn_implausible(column: pd.Series, unit: str) -> None:
    """Warn of values outside the catalogue's plausible range, if the name is the catalogue's and the unit is its."""
    known = variables().get(str(column.name))
    if known is None or not unit or unit != known.unit:
        return
    low, high = float(column.min()), float(column.max())
    if low < known.low or high > known.high:
        warnings.warn(
            f"{column.name!r} runs from {low:g} to {high:g} {unit}, plausible is {known.low:g} to {known.high:g}: "
            "look for another unit, a scale factor or a nodata value",
            DataWarning,
            stacklevel=4,
        )


def warn_duplicate_coordinates(frame: pd.DataFrame, coordinates: tuple[str, str], time: str | None) -> None:
    """Warn if two rows lie at the same place (and time)."""
    keys = [*coordinates, *([time] if time else [])]
    doubled = int(frame.duplicated(keys).sum())
    if doubled:
        warnings.warn(
            f"{doubled} of {len(frame)} rows repeat the coordinates ({', '.join(keys)}) of an earlier row: "
            "they are not independent; average them, or say which time they belong to",
            DataWarning,
            stacklevel=3,
        )
