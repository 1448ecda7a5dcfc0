"""The records of a tower as its network writes them, in the units of the package: FLUXNET and ChinaFLUX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from carbondrivers.datasets.tables import read_table, table_columns
from carbondrivers.datasets.tower_formats import (
    CARBON,
    MJ_PER_DAY,
    Column,
    carbon_problem,
    carbon_rate,
    chinaflux_columns,
    fluxnet_columns,
    good_share,
    is_unit,
    meteo_values,
)
from carbondrivers.datasets.tower_times import Periods, Stamp, chinaflux_periods, fluxnet_periods, part_columns
from carbondrivers.errors import DataError

MISSING_CODES = {"fluxnet": (-9999.0,), "chinaflux": (-9999.0, -99999.0, -6999.0)}
HEADER_ROWS = 3


@dataclass(frozen=True, slots=True, eq=False)
class TowerTable:
    """What was read.

    Attributes
    ----------
    periods : Periods
        When the rows are, in the order of the file.
    fields, quality : dict of str to numpy.ndarray
        Values, in the units of the resolution, and shares of good records, by variable.
    columns : dict of str to Column
        Where each variable stood.
    notes : tuple of str
        What a user of the data should know about the reading.
    """

    periods: Periods
    fields: dict[str, np.ndarray]
    quality: dict[str, np.ndarray]
    columns: dict[str, Column]
    notes: tuple[str, ...]


def read_fluxnet(file: Path, where: str, variant: str, partition: str, stamp: Stamp) -> TowerTable:
    """Return a FLUXNET table; errors as ``read_tower``."""
    names = table_columns(file)
    columns = fluxnet_columns(names, variant, partition, where)
    stamps = [n for n in ("TIMESTAMP_START", "TIMESTAMP_END", "TIMESTAMP") if n in names]
    wanted = dict.fromkeys([*stamps, *(c.name for c in columns.values()), *(c.quality for c in columns.values() if c.quality)])
    read = read_table(file, list(wanted))
    periods = fluxnet_periods(read.frame, where, stamp)
    values = {name: _numbers(read.frame[c.name], "fluxnet", where) for name, c in columns.items()}
    if "radiation" in values:
        values["radiation"] = values["radiation"] * MJ_PER_DAY
    quality = {
        name: good_share(_numbers(read.frame[c.quality], "fluxnet", where), periods.resolution, c.quality, where)
        for name, c in columns.items()
        if c.quality
    }
    return TowerTable(periods, values, quality, columns, read.notes)


def read_chinaflux(file: Path, where: str, stamp: Stamp, given: Mapping[str, str]) -> TowerTable:
    """Return a ChinaFLUX table; errors as ``read_tower``."""
    read = read_table(file)
    parts = part_columns([str(c) for c in read.frame.columns])
    frame, units = _without_unit_rows(read.frame, parts.get("year") or parts["stamp"], where)
    columns = chinaflux_columns(units, given, where)
    periods = chinaflux_periods(frame, parts, where, stamp)
    values: dict[str, np.ndarray] = {}
    notes = list(read.notes)
    for name, column in columns.items():
        raw = _numbers(frame[column.name], "chinaflux", where)
        converted = _converted(name, raw, column, periods, where)
        if converted is None:
            notes.append(f"{column.name} was left out: its unit {column.unit!r} is not known; give it by units=")
        else:
            values[name] = converted
    return TowerTable(periods, _with_signs(values, columns, notes, where), {}, columns, tuple(notes))


def _without_unit_rows(frame: pd.DataFrame, clock: str, where: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Part the rows below the header that hold no time (units, names in another language) from the records."""
    head = frame[clock].astype("string").str.contains(r"\d{4}", regex=True, na=False)
    first = int(head.to_numpy().argmax())
    if not head.any() or first > HEADER_ROWS:
        raise DataError(f"{where}: column {clock!r} holds no year of four digits below the header: name the time columns")
    rows = [frame.iloc[i] for i in range(first)]
    unit_row = next((row for row in reversed(rows) if row.map(is_unit).any()), None)
    units = {str(c): "" if unit_row is None or pd.isna(unit_row[c]) else str(unit_row[c]).strip() for c in frame.columns}
    return frame.iloc[first:].reset_index(drop=True), units


def _converted(name: str, raw: np.ndarray, column: Column, periods: Periods, where: str) -> np.ndarray | None:
    if name not in CARBON:
        return meteo_values(name, raw, column.unit, periods.start, periods.resolution)
    problem = carbon_problem(column, where)
    if problem:
        raise DataError(problem)
    return carbon_rate(raw, column.unit, periods.start, periods.resolution)


def _with_signs(
    values: dict[str, np.ndarray], columns: Mapping[str, Column], notes: list[str], where: str
) -> dict[str, np.ndarray]:
    """Turn a GEE or GPP that is negative in the file, and refuse a NEE that closes the balance only as NEP."""
    gross = values.get("gpp")
    if gross is not None and _mean(gross) < 0:
        values["gpp"] = gross = -gross
        notes.append(f"{columns['gpp'].name} is negative in the file: GPP is its negative")
    if gross is not None and "er" in values:
        net = values["er"] - gross
        straight, turned = _mean(np.abs(values["nee"] - net)), _mean(np.abs(values["nee"] + net))
        if turned < 0.1 * straight:
            name = columns["nee"].name
            raise DataError(f"{where}: {name!r} equals GPP - respiration, so it is NEP: turn its sign")
    return values


def _mean(values: np.ndarray) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else 0.0


def _numbers(column: pd.Series, network: str, where: str) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce")
    text = (numbers.isna() & column.notna()).to_numpy()
    if text.any():
        row = int(np.flatnonzero(text)[0])
        raise DataError(
            f"{where}: column {column.name!r} holds {column.iloc[row]!r} in data row {row + 1} where a number is expected, "
            f"{int(text.sum())} such cells: mend or empty them"
        )
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise DataError(f"{where}: column {column.name!r} holds {int(np.isinf(values).sum())} infinite values: empty them")
    return np.where(np.isin(values, MISSING_CODES[network]), np.nan, values)
