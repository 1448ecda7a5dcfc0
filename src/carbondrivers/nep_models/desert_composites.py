"""Composites of a measured flux of bare sand: by hour of the day, by month, after rain, and sums of years.

Each mean has the interval of a bootstrap by days (``day_blocks``) and stands beside the detection limit (``detection``); that
of a predicted flux comes from its calibration (``DesertFlux.composite``, ``DesertFlux.annual``). A rain event begins with the
first record of more than `threshold` after `dry_hours` without; a record belongs to the last event before it, or, shortly
before an event, to that. After rain an event is the block, its days together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carbondrivers.errors import DataError, OptionError
from carbondrivers.nep_models.apply import Quantity
from carbondrivers.nep_models.day_blocks import (
    Blocks,
    Codes,
    Floats,
    as_times,
    block_means,
    check_bootstrap,
    day_blocks,
    spread,
    t_interval,
)
from carbondrivers.nep_models.desert_scheme import read_flux
from carbondrivers.nep_models.detection import (
    FLUX_UNIT,
    annual_weights,
    check_coverage,
    detection_limit,
    flux_table,
    totals_table,
)
from carbondrivers.nep_models.ranges import check_range

if TYPE_CHECKING:
    import pandas as pd

RAIN = Quantity("rain", ("mm",), 0.0, 300.0, "Rain of a record", strict=True)
MIN_EVENTS = 3


def diurnal_composite(
    flux: Any, time: Any, *, block_days: int = 1, replicates: int = 500, confidence: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Return the mean flux of each hour of the day.

    Parameters
    ----------
    flux
        umol CO2 m-2 s-1, positive when the sand releases, of shape (records,); gaps are left out.
    time
        Local time of each record.
    block_days, replicates, seed
        Of the bootstrap: days in a block, draws, seed.
    confidence
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        hour, estimate, std_error, ci_low, ci_high, unit, detection_limit, above_detection_limit, n (records), n_days (blocks);
        one row an hour that occurs. The error is NaN where there is but one day.

    Raises
    ------
    OptionError
        If an option is outside its range.
    DataError
        If times or fluxes are no such, do not match, or the mean of the flux is implausible.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2020-01-01", periods=20 * 24, freq="h")
    >>> table = diurnal_composite(0.05 * (np.asarray(time.hour) == 12), time)
    >>> table.loc[table["above_detection_limit"], ["hour", "estimate"]].round(6).values.tolist()
    [[12.0, 0.05]]
    """
    check_bootstrap(replicates, confidence)
    values, times = _measured(flux, time)
    blocks = day_blocks(times, block_days)
    return _by("hour", np.asarray(times.hour), values, blocks, (replicates, confidence, seed))


def monthly_composite(
    flux: Any, time: Any, *, block_days: int = 1, replicates: int = 500, confidence: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Return the mean flux of each month of the year, over all years (arguments, columns and errors as by hour).

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2020-01-01", "2020-03-31 23:00", freq="h")
    >>> monthly_composite(-0.01 * np.asarray(time.month), time)["estimate"].round(6).tolist()
    [-0.01, -0.02, -0.03]
    """
    check_bootstrap(replicates, confidence)
    values, times = _measured(flux, time)
    month = np.asarray(times.month)
    blocks = day_blocks(times, block_days, apart=[month], strata=month)
    return _by("month", month, values, blocks, (replicates, confidence, seed))


def event_composite(
    flux: Any,
    time: Any,
    rain: Any,
    *,
    threshold: float = 0.2,
    dry_hours: float = 24.0,
    before: int = 6,
    after: int = 72,
    replicates: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the mean flux of each hour since rain began, over all events.

    Parameters
    ----------
    flux, time
        As in ``diurnal_composite``.
    rain
        mm of each record; a gap counts as none.
    threshold
        Rain of a record above which an event begins, mm.
    dry_hours
        Hours without such rain that part two events.
    before, after
        Hours before and after the beginning that are shown.
    replicates, confidence, seed
        As in ``diurnal_composite``; events are drawn.

    Returns
    -------
    pandas.DataFrame
        hours_since (negative before) and the columns of ``diurnal_composite`` with n_events for n_days. Errors as there, and:
        fewer than 3 events.

    Examples
    --------
    >>> import pandas as pd
    >>> hours = np.arange(40 * 24)
    >>> time = pd.date_range("2020-06-01", periods=hours.size, freq="h")
    >>> table = event_composite(np.where(hours % 240 == 3, 3.68, 0.0), time, np.where(hours % 240 == 0, 5.0, 0.0))
    >>> table.loc[table["estimate"].idxmax(), ["hours_since", "estimate", "n_events"]].tolist()
    [3.0, 3.68, 4.0]
    """
    found = _events(flux, time, rain, threshold, dry_hours, before, after, (replicates, confidence, seed))
    error = spread(found.drawn, found.events)
    table = flux_table(found.means, error, found.events - 1, confidence, hours_since=found.hours)
    return table.assign(n=found.records, n_events=found.events)


def pulse_peak(
    flux: Any,
    time: Any,
    rain: Any,
    *,
    threshold: float = 0.2,
    dry_hours: float = 24.0,
    before: int = 6,
    after: int = 72,
    replicates: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the peak of the mean course after rain, when it comes, and how far it rises above the hours before.

    Parameters are those of ``event_composite``. The largest of several means is on average above that of the largest hour:
    `bias` says by how much the draws exceed the estimate, and the interval lies about the estimate less `bias`.

    Returns
    -------
    pandas.DataFrame
        Rows ``peak``, ``rise`` and ``hour`` (h since the beginning): term, estimate, std_error, ci_low, ci_high, bias, unit,
        detection_limit, above_detection_limit (both empty for the hour), n_events. Errors as in ``event_composite``; without
        records before the events the rise is NaN.

    Examples
    --------
    >>> import pandas as pd
    >>> hours = np.arange(40 * 24)
    >>> time = pd.date_range("2020-06-01", periods=hours.size, freq="h")
    >>> table = pulse_peak(np.where(hours % 240 == 3, 3.68, 0.0), time, np.where(hours % 240 == 100, 5.0, 0.0))
    >>> table["term"].tolist()
    ['peak', 'rise', 'hour']
    """
    import pandas as pd

    found = _events(flux, time, rain, threshold, dry_hours, before, after, (replicates, confidence, seed))
    rows = [_peak_row(term, values, found.total, confidence) for term, values in _peaks(found).items()]
    table = pd.DataFrame(rows).assign(detection_limit=detection_limit(), n_events=found.total)
    is_flux = table["term"] != "hour"
    table["detection_limit"] = table["detection_limit"].where(is_flux)
    above = (table["estimate"].abs() > detection_limit()).astype("boolean").where(is_flux)
    table.insert(list(table.columns).index("n_events"), "above_detection_limit", above)
    return table


def _peaks(found: _Course) -> dict[str, Floats]:
    """Return peak, rise and hour, of the record first and then of each draw."""
    course, since = np.vstack([found.means, found.drawn]), found.hours >= 0
    late = np.where(np.isfinite(course[:, since]), course[:, since], -np.inf)
    peak = np.where(np.isinf(late.max(axis=1)), np.nan, late.max(axis=1))
    early = course[:, ~since]
    known = np.isfinite(early).sum(axis=1)
    base = np.where(known > 0, np.nansum(early, axis=1) / np.maximum(known, 1), np.nan)
    return {"peak": peak, "rise": peak - base, "hour": found.hours[since][late.argmax(axis=1)].astype(np.float64)}


def _peak_row(term: str, values: Floats, events: int, confidence: float) -> dict[str, Any]:
    """Return a row of ``pulse_peak``: by t about the estimate less its bias, the hour by the quantiles of the draws."""
    drawn = values[1:][np.isfinite(values[1:])]
    if drawn.size < 2 or not np.isfinite(values[0]):
        error = bias = low = high = float("nan")
    else:
        error = float(drawn.std(ddof=1) * np.sqrt(events / (events - 1)))
        bias = float(drawn.mean() - values[0])
        tail = 0.5 * (1.0 - confidence)
        ends = np.quantile(drawn, [tail, 1.0 - tail])
        if term != "hour":
            ends = np.array(t_interval(np.asarray(values[0] - bias), np.asarray(error), events - 1, confidence))
        low, high = (float(end) for end in ends)
    row = {"term": term, "estimate": float(values[0]), "std_error": error, "ci_low": low, "ci_high": high, "bias": bias}
    return row | {"unit": "h" if term == "hour" else FLUX_UNIT}


def annual_total(
    flux: Any,
    time: Any,
    *,
    min_coverage: float = 0.8,
    block_days: int = 1,
    replicates: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the sum of each year of a measured flux, in g CO2 and in g C.

    Parameters
    ----------
    flux, time, block_days, replicates, confidence, seed
        As in ``diurnal_composite``; days are drawn within each month.
    min_coverage
        Share of its hours that each month needs; else the year is missing, with a note.

    Returns
    -------
    pandas.DataFrame
        Two rows a year: site (empty), year, gas, estimate, std_error, ci_low, ci_high, unit, detection_limit,
        above_detection_limit, n, coverage, note, statement. Errors as in ``diurnal_composite``.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2021-01-01", "2021-12-31 23:00", freq="h")
    >>> table = annual_total(np.full(len(time), -6.31 / 1387.8836), time)
    >>> table[["gas", "estimate", "detection_limit"]].round(2).values.tolist()
    [['CO2', -6.31, 27.76], ['C', -1.72, 7.58]]
    """
    check_bootstrap(replicates, confidence)
    check_coverage(min_coverage)
    values, times = _measured(flux, time)
    years, weights = annual_weights(times, np.full(values.size, ""), min_coverage)
    month = (np.asarray(times.year) - times.year.min()) * 12 + np.asarray(times.month) - 1
    blocks = day_blocks(times, block_days, apart=[month], strata=month)
    draws = blocks.draws(replicates, seed)
    means, drawn, days = block_means(values, month, int(month.max()) + 1, blocks, draws)
    seconds = np.bincount(month, weights=weights, minlength=means.size)
    year = np.arange(means.size) // 12
    sums = np.bincount(year, weights=np.nan_to_num(means) * seconds, minlength=len(years))
    # Months are drawn apart, so their variances add up.
    error = np.where(seconds > 0, spread(drawn, days), 0.0) * seconds
    variance = np.bincount(year, weights=error**2, minlength=len(years))
    degrees = np.bincount(year, weights=np.maximum(days - 1, 0), minlength=len(years))
    kept = np.unique(np.asarray(times.year)) - times.year.min()
    return totals_table(years, sums[kept], np.sqrt(variance[kept]), degrees[kept], confidence)


def _measured(flux: Any, time: Any) -> tuple[Floats, Any]:
    """Return the records that have a flux, and their times."""
    values = read_flux(flux, np.size(flux))
    times = as_times(time, values.size)
    present = np.isfinite(values)
    if not present.any():
        raise DataError("the flux is missing in all records: look at the column that was given")
    return values[present], times[present]


def _by(name: str, keys: Any, values: Floats, blocks: Blocks, options: tuple[int, float, int]) -> pd.DataFrame:
    replicates, confidence, seed = options
    levels, group = np.unique(keys, return_inverse=True)
    means, drawn, days = block_means(values, group, levels.size, blocks, blocks.draws(replicates, seed))
    table = flux_table(means, spread(drawn, days), days - 1, confidence, **{name: levels})
    return table.assign(n=np.bincount(group), n_days=days)


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """Means by hour since rain: hours, means, records and events of shape (hours,), drawn of shape (replicates, hours)."""

    hours: Codes
    means: Floats
    drawn: Floats
    records: Codes
    events: Codes
    total: int


def _events(
    flux: Any,
    time: Any,
    rain: Any,
    threshold: float,
    dry_hours: float,
    before: int,
    after: int,
    options: tuple[int, float, int],
) -> _Course:
    check_bootstrap(*options[:2])
    if not (threshold >= 0 and dry_hours > 0 and before >= 0 and after > 0):
        raise OptionError(
            f"threshold and before must be 0 or more, dry_hours and after above 0, got {threshold!r}, {before!r}, "
            f"{dry_hours!r} and {after!r}"
        )
    values = read_flux(flux, np.size(flux))
    hours = as_times(time, values.size).tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.float64) / 3600.0
    fallen = np.asarray(check_range(np.asarray(rain, dtype=np.float64), "rain", RAIN))
    if fallen.shape != values.shape:
        raise DataError(f"rain has {fallen.size} values for {values.size} records: give one for each")
    begins = _beginnings(np.sort(hours[np.nan_to_num(fallen) > threshold]), dry_hours)
    event, since = _since(hours, begins, before, after)
    used = np.isfinite(values) & (event >= 0)
    names, block = np.unique(event[used], return_inverse=True)
    if names.size < MIN_EVENTS:
        raise DataError(
            f"an interval needs at least {MIN_EVENTS} rain events with a flux, got {names.size}: lower the threshold"
        )
    levels, group = np.unique(since[used], return_inverse=True)
    blocks = Blocks(block.astype(np.int64), np.zeros(names.size, dtype=np.int64))
    means, drawn, count = block_means(values[used], group, levels.size, blocks, blocks.draws(options[0], options[2]))
    return _Course(levels, means, drawn, np.bincount(group), count, names.size)


def _beginnings(wet: Floats, dry_hours: float) -> Floats:
    """Return when events begin, from the sorted hours with rain."""
    return wet[np.diff(wet, prepend=-np.inf) > dry_hours]


def _since(hours: Floats, begins: Floats, before: int, after: int) -> tuple[Codes, Codes]:
    """Return the event of each record (-1: none), and its whole hours since."""
    none = np.full(hours.size, -1, dtype=np.int64)
    if not begins.size:
        return none, none
    last = np.searchsorted(begins, hours, side="right") - 1
    following = np.minimum(last + 1, begins.size - 1)
    age = np.where(last >= 0, np.floor(hours - begins[np.maximum(last, 0)]), np.inf)
    ahead = np.floor(hours - begins[following])
    late, early = age <= after, (ahead < 0) & (ahead >= -before)
    event = np.where(late, last, np.where(early, following, -1))
    return event.astype(np.int64), np.where(late, age, np.where(early, ahead, 0)).astype(np.int64)
