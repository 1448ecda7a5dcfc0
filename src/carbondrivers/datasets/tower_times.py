"""When the records of a tower begin, and how long they are: time stamps of FLUXNET and ChinaFLUX tables.

Towers keep local standard time, without daylight saving. A record is named by its beginning; files that name the end (the
first record of a year is 00:30, the last 24:00) are shifted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from carbondrivers.errors import DataError

Resolution = Literal["HH", "HR", "DD", "WW", "MM", "YY"]
Stamp = Literal["auto", "start", "end"]

WORDS: dict[str, str] = {
    "HH": "half-hourly", "HR": "hourly", "DD": "daily", "WW": "weekly", "MM": "monthly", "YY": "yearly",
}  # fmt: skip
_FORMATS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 12: "%Y%m%d%H%M"}
_SINGLE: dict[int, Resolution] = {4: "YY", 6: "MM", 8: "DD"}
_STEPS: dict[int, Resolution] = {30: "HH", 60: "HR"}
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[ T]+(\d{1,2}):(\d{2})(?::\d{2}(?:\.0*)?)?)?")
# Names of time columns, lower case; "minite" stands in published files.
PARTS = {
    "year": ("year", "年", "年份"),
    "month": ("month", "月", "月份"),
    "day": ("day", "日"),
    "doy": ("doy", "dayofyear", "day of year", "年积日"),
    "hour": ("hour", "时", "小时"),
    "minute": ("minute", "minite", "min", "分", "分钟"),
    "stamp": ("time", "date", "datetime", "timestamp", "日期", "时间"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Periods:
    """The periods of the rows of a table.

    Attributes
    ----------
    start : pandas.DatetimeIndex
        When each record begins, in the order of the rows.
    resolution : str
        ``"HH"`` half hours, ``"HR"`` hours, ``"DD"`` days, ``"WW"`` weeks, ``"MM"`` months or ``"YY"`` years.
    """

    start: pd.DatetimeIndex
    resolution: Resolution


def fluxnet_periods(frame: pd.DataFrame, where: str, stamp: Stamp) -> Periods:
    """Return the periods of a table with ``TIMESTAMP_START`` and ``TIMESTAMP_END``, or with ``TIMESTAMP``.

    Raises
    ------
    DataError
        If stamps are missing, are no dates, have several lengths, or if records are neither of the known lengths.
    """
    if "TIMESTAMP_START" not in frame:
        start, width = _stamps(frame["TIMESTAMP"], where)
        return _sub_daily(start, where, stamp) if width == 12 else Periods(start, _SINGLE[width])
    start, width = _stamps(frame["TIMESTAMP_START"], where)
    end, end_width = _stamps(frame["TIMESTAMP_END"], where)
    if width != end_width or width not in (8, 12):
        raise DataError(
            f"{where}: TIMESTAMP_START has {width} digits and TIMESTAMP_END {end_width}, 12 (half hours) or 8 (weeks) are "
            "expected: use the file as downloaded"
        )
    minutes = np.unique(((end - start) / pd.Timedelta(minutes=1)).to_numpy())
    # Weeks name their last day; the last of a year has eight or nine days.
    if width == 8 and minutes.min() >= 6 * 1440 and minutes.max() <= 9 * 1440:
        return Periods(start, "WW")
    if width == 8 or minutes.size > 1 or int(minutes[0]) not in _STEPS:
        found = ", ".join(f"{m:g}" for m in minutes[:3])
        raise DataError(f"{where}: records last {found} minutes, all must last 30 or all 60: average them to half hours first")
    return Periods(start, _STEPS[int(minutes[0])])


def part_columns(names: list[str]) -> dict[str, str]:
    """Return which columns tell the time: year, month, day, doy, hour, minute, or a whole stamp.

    Examples
    --------
    >>> part_columns(["年", "月", "NEE"])
    {'year': '年', 'month': '月'}
    """
    plain = {re.sub(r"[（(].*", "", name).strip().lower(): name for name in reversed(names)}
    found = {part: next((plain[n] for n in known if n in plain), "") for part, known in PARTS.items()}
    return {part: name for part, name in found.items() if name}


def chinaflux_periods(frame: pd.DataFrame, parts: dict[str, str], where: str, stamp: Stamp) -> Periods:
    """Return the periods of a table with columns for year, month, day, hour and minute, or with one of dates.

    Raises
    ------
    DataError
        If a time is missing or no date, or it cannot be told whether stamps name the start or the end of a record.
    """
    if "year" not in parts:
        start, has_hours = _dates(frame[parts["stamp"]], where)
        return _sub_daily(start, where, stamp) if has_hours else Periods(start, "DD")
    numbers = {part: _whole(frame[name], where, fraction=part == "hour") for part, name in parts.items() if part != "stamp"}
    days = _days(numbers, parts, where)
    if "hour" not in numbers:
        by_day = "day" in numbers or "doy" in numbers
        return Periods(days, "DD" if by_day else "MM" if "month" in numbers else "YY")
    if numbers["hour"].max() > 24:
        raise DataError(f"{where}: {parts['hour']!r} runs to {numbers['hour'].max():g}, 0 to 24 is expected: split HHMM in two")
    minutes = numbers["hour"] * 60.0 + numbers.get("minute", np.zeros(len(days)))
    return _sub_daily(days + pd.to_timedelta(np.rint(minutes), unit="min"), where, stamp)


def _stamps(column: pd.Series, where: str) -> tuple[pd.DatetimeIndex, int]:
    """Return the times of a column of digits (or of ISO dates), and how many digits there are."""
    if pd.api.types.is_numeric_dtype(column) and (column.isna() | (column % 1 == 0)).all():
        text = column.astype("Int64").astype("string")
    else:
        plain = column.astype("string").str.strip()
        text = plain.str.replace(r"^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::00)?)?$", _joined, regex=True)
    _refuse(column, text.isna().to_numpy(dtype=bool), where, "is empty")
    widths = sorted(set(text.str.len()))
    if len(widths) > 1 or widths[0] not in _FORMATS:
        raise DataError(
            f"{where}: {column.name} has {' and '.join(str(w) for w in widths[:3])} digits (first {text.iloc[0]!r}), 4, 6, 8 "
            "or 12 are expected: use the file as downloaded, unchanged by a spreadsheet program"
        )
    times = pd.to_datetime(text, format=_FORMATS[widths[0]], errors="coerce")
    _refuse(column, times.isna().to_numpy(), where, "is no date (a spreadsheet program may have rounded it)")
    return pd.DatetimeIndex(times.to_numpy()), int(widths[0])


def _joined(match: re.Match[str]) -> str:
    return "".join(part or "" for part in match.groups())


def _refuse(column: pd.Series, bad: np.ndarray, where: str, why: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        shown = "" if pd.isna(column.iloc[row]) else f" {column.iloc[row]!s}".removesuffix(".0")
        raise DataError(
            f"{where}: {column.name}{shown} in data row {row + 1} {why}, {int(bad.sum())} such rows: use the file as downloaded"
        )


def _dates(column: pd.Series, where: str) -> tuple[pd.DatetimeIndex, bool]:
    """Return the times of a column such as ``2015/1/1 0:30``, and whether it has hours; 24:00 is the next day's 0:00."""
    if pd.api.types.is_datetime64_any_dtype(column):
        start = pd.DatetimeIndex(column.to_numpy())
        _refuse(column, np.asarray(start.isna()), where, "is no date")
        return start, bool((start != start.normalize()).any())
    parts = column.astype("string").str.strip().str.extract(f"^{_DATE.pattern}$").apply(pd.to_numeric)
    _refuse(column, parts[[0, 1, 2]].isna().any(axis=1).to_numpy(), where, "is no date (write 2015-01-31 00:30)")
    days = pd.to_datetime(parts[[0, 1, 2]].set_axis(["year", "month", "day"], axis=1), errors="coerce")
    _refuse(column, days.isna().to_numpy(), where, "is no date")
    minutes = (parts[3].fillna(0) * 60 + parts[4].fillna(0)).to_numpy(dtype=np.float64)
    return pd.DatetimeIndex(days.to_numpy()) + pd.to_timedelta(minutes, unit="min"), bool(parts[3].notna().any())


def _whole(column: pd.Series, where: str, *, fraction: bool) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    bad = np.isnan(numbers) if fraction else ~np.isclose(numbers, np.rint(numbers))
    _refuse(column, bad, where, "is no number" if fraction else "is no whole number")
    return numbers


def _days(numbers: dict[str, np.ndarray], parts: dict[str, str], where: str) -> pd.DatetimeIndex:
    ones = np.ones(len(numbers["year"]))
    if "doy" in numbers and "month" not in numbers:
        first = pd.to_datetime(pd.DataFrame({"year": numbers["year"], "month": ones, "day": ones}), errors="coerce")
        days = first + pd.to_timedelta(numbers["doy"] - 1, unit="D")
        days = days.where((days.dt.year == first.dt.year).to_numpy())
    else:
        table = pd.DataFrame({"year": numbers["year"], "month": numbers.get("month", ones), "day": numbers.get("day", ones)})
        days = pd.to_datetime(table, errors="coerce")
    bad = days.isna().to_numpy()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        shown = ", ".join(f"{parts[p]} {numbers[p][row]:g}" for p in ("year", "month", "day", "doy") if p in numbers)
        raise DataError(f"{where}: data row {row + 1} is no date ({shown}), {int(bad.sum())} such rows: mend or drop them")
    return pd.DatetimeIndex(days.to_numpy())


def _sub_daily(times: pd.DatetimeIndex, where: str, stamp: Stamp) -> Periods:
    distinct = times.unique().sort_values()
    if len(distinct) < 2:
        raise DataError(f"{where}: a single record has no length: give a file with several records")
    steps, counts = np.unique(np.diff(distinct.to_numpy()), return_counts=True)
    step = pd.Timedelta(steps[counts.argmax()])
    minutes = step / pd.Timedelta(minutes=1)
    if int(minutes) != minutes or int(minutes) not in _STEPS:
        raise DataError(f"{where}: records lie {minutes:g} minutes apart, 30 or 60 are read: average them to half hours first")
    starts = times - step if _names_end(distinct, step, where, stamp) else times
    if ((starts - starts.normalize()) % step != pd.Timedelta(0)).any():
        raise DataError(f"{where}: records do not begin on full steps of {minutes:g} minutes: shift the stamps first")
    return Periods(starts, _STEPS[int(minutes)])


def _names_end(distinct: pd.DatetimeIndex, step: pd.Timedelta, where: str, stamp: Stamp) -> bool:
    """Return whether stamps name the end of a record: the first of the file is 00:30 and the last midnight."""
    if stamp != "auto":
        return stamp == "end"
    first, last = (t - t.normalize() for t in (distinct[0], distinct[-1]))
    if first == step and last == pd.Timedelta(0):
        return True
    if first == pd.Timedelta(0) and last == pd.Timedelta(days=1) - step:
        return False
    raise DataError(
        f"{where}: the first record is {distinct[0]:%Y-%m-%d %H:%M} and the last {distinct[-1]:%Y-%m-%d %H:%M}, so it cannot "
        "be told whether stamps name the start or the end: give stamp='start' or stamp='end'"
    )
