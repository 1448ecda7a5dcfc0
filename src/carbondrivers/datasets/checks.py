"""The shared checks of the data door: each raises one line that names the column, the cause and the remedy."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from carbondrivers.catalogue import variables
from carbondrivers.errors import DataError, DataWarning, did_you_mean

MAX_CLASSES = 200
NODATA = (-9999.0, -999.0, 9999.0, 99999.0, -99999.0, -32768.0, 32767.0, 65535.0, 2147483647.0, -2147483648.0, 1e20)
FLOAT32_LOW = -3.0e38


def check_columns(frame: pd.DataFrame, response: str, drivers: Sequence[str], extra: Sequence[str], group: str | None) -> None:
    """Refuse doubled and missing columns, and a response that is its own driver."""
    columns = [str(c) for c in frame.columns]
    doubled = sorted({c for c in columns if columns.count(c) > 1})
    if doubled:
        raise DataError(f"column {doubled[0]!r} occurs {columns.count(doubled[0])} times: rename or drop the copies")
    for name in [response, *drivers, *extra, *([group] if group else [])]:
        if name not in columns:
            known = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
            raise DataError(f"there is no column {name!r}.{did_you_mean(name, columns)} The columns are: {known}")
    if response in drivers:
        raise DataError(f"{response!r} is the response and a driver too: take it out of the drivers")
    twice = sorted({d for d in drivers if list(drivers).count(d) > 1})
    if twice:
        raise DataError(f"driver {twice[0]!r} is named twice: name it once")


def clean_numeric(column: pd.Series, role: str, *, constant: bool = False) -> pd.Series:
    """Return the column as float64 with NaN for missing; refuse text, infinities, nodata, emptiness, constants.

    Parameters
    ----------
    column
        As read.
    role
        ``"response"``, ``"driver"`` or ``"column"``, for the message.
    constant
        Whether a constant column is allowed.
    """
    name = str(column.name)
    where = f"{role} {name!r}"
    if pd.api.types.is_datetime64_any_dtype(column):
        raise DataError(f"{where} holds dates where numbers are expected: turn it into a number or name it as time")
    if pd.api.types.is_complex_dtype(column):
        raise DataError(f"{where} holds complex numbers: take the real part or the modulus first")
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    text = numbers.isna() & column.notna()
    if text.any():
        row = int(np.flatnonzero(text.to_numpy())[0])
        raise DataError(
            f"{where} holds text where numbers are expected: {column.iloc[row]!r} in row {row + 1} and "
            f"{int(text.sum()) - 1} more; mend the cells, leave them empty, or declare kind = 'categorical'"
        )
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
    if not constant and present.min() == present.max():
        raise DataError(f"{where} is constant ({present[0]:g}): nothing can be attributed to it; leave it out")
    return numbers.rename(name)


def refuse_nodata(values: np.ndarray, where: str) -> None:
    """Refuse a customary nodata code that stands apart from all other values (finite values, any shape)."""
    codes = [code for code in NODATA if (values == code).any()]
    if values.size and values.min() < FLOAT32_LOW:
        codes.append(float(values.min()))
    rest = values[~np.isin(values, codes)]
    if not codes or not rest.size:
        return
    low, high = float(rest.min()), float(rest.max())
    for code in codes:
        count = int((values == code).sum())
        if stands_apart(code, low, high, count):
            raise DataError(
                f"{where} holds {code:g} in {count} cells, far from all other values ({low:g} to {high:g}): "
                f"a nodata value was left in the data; leave these cells empty, or declare nodata = {code:g} in the study file"
            )


def stands_apart(code: float, low: float, high: float, count: int) -> bool:
    """Return whether a nodata code cannot be one of the values that run from `low` to `high`.

    It is below zero where nothing else is, or lies outside by more than half of the range, or more than once (a
    measurement seldom repeats exactly at its extreme) by more than a tenth of it.
    """
    if low <= code <= high:
        return False
    if code < 0 <= low:
        return True
    gap = low - code if code < low else code - high
    return gap > (0.1 if count > 2 else 0.5) * (high - low)


def clean_categorical(column: pd.Series) -> pd.Series:
    """Return the column as an unordered categorical of text, classes sorted; refuse too many classes or only one."""
    name = str(column.name)
    present = column.dropna()
    if present.empty:
        raise DataError(f"driver {name!r} has no value at all: leave it out, or check the join that filled it")
    codes = sorted(present.unique(), key=lambda v: (isinstance(v, str), v))
    labels = {value: _class_label(value) for value in codes}
    distinct = list(dict.fromkeys(labels.values()))
    if len(distinct) > MAX_CLASSES:
        raise DataError(
            f"categorical driver {name!r} has {len(distinct)} classes, more than {MAX_CLASSES}: "
            "group the classes, or declare kind = 'continuous' if it is a measurement"
        )
    if len(distinct) == 1:
        raise DataError(f"driver {name!r} is constant ({distinct[0]!r}): nothing can be attributed to it; leave it out")
    return pd.Series(pd.Categorical(column.map(labels), categories=distinct), name=name, index=column.index)


def _class_label(value: object) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip() if isinstance(value, str) else str(value)


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


def check_degrees(frame: pd.DataFrame, coordinates: tuple[str, str], crs: str | None) -> None:
    """Refuse longitudes and latitudes that no place on earth has (mostly the two columns exchanged)."""
    from pyproj import CRS

    if crs is None or not CRS.from_user_input(crs).is_geographic:
        return
    for name, most, what in zip(coordinates, (360.0, 90.0), ("longitude", "latitude"), strict=True):
        furthest = float(frame[name].abs().max())
        if furthest > most:
            raise DataError(
                f"coordinate {name!r} reaches {furthest:g}, no {what} does in {crs}: "
                "give coordinates = [longitude, latitude] in this order, or the CRS that they are in"
            )


def check_crs(crs: str | None) -> None:
    """Refuse a coordinate reference system that PROJ does not know."""
    if crs is None:
        return
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        CRS.from_user_input(crs)
    except CRSError:
        raise DataError(f"unknown CRS {crs!r}: give an EPSG code such as 'EPSG:4326', or a WKT string") from None


def clean_time(column: pd.Series) -> pd.Series:
    """Return a column that says when: numbers as they are, dates and text as text, missing as missing."""
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


def group_masks(frame: pd.DataFrame, groups: str | Mapping[str, object] | None) -> pd.DataFrame:
    """Return one boolean column a group, aligned with `frame`."""
    if groups is None:
        return pd.DataFrame(index=frame.index)
    if isinstance(groups, str):
        column = frame[groups]
        values = sorted(column.dropna().unique(), key=str)
        if len(values) > MAX_CLASSES:
            raise DataError(f"group column {groups!r} has {len(values)} values, more than {MAX_CLASSES}: class it first")
        return pd.DataFrame({_class_label(v): (column == v).to_numpy() for v in values}, index=frame.index)
    masks: dict[str, np.ndarray] = {}
    for name, given in groups.items():
        mask = np.asarray(given)
        if mask.dtype != bool or mask.shape != (len(frame),):
            raise DataError(
                f"group {name!r} must be a boolean array of length {len(frame)}, got {mask.dtype} of shape {mask.shape}"
            )
        if name == "all":
            raise DataError("a group cannot be called 'all': that name stands for the whole sample; rename it")
        masks[str(name)] = mask
    return pd.DataFrame(masks, index=frame.index)
