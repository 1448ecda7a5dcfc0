"""A flux of bare sand beside what its instrument can see: detection limit, units of CO2 and of C, annual sums.

The accuracy of the instrument, 0.02 umol CO2 m-2 s-1 or 27.8 g CO2 m-2 a-1, is four times the reported annual sink of
shifting sand. It is an error that stays the same from hour to hour, so no mean gets below it; every table says where.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from carbondrivers.errors import OptionError
from carbondrivers.nep_models.apply import parameters
from carbondrivers.nep_models.conversions import CARBON_G_PER_MOL, CO2_G_PER_MOL
from carbondrivers.nep_models.day_blocks import Floats, t_interval

if TYPE_CHECKING:
    import pandas as pd

FLUX_UNIT = "umol CO2 m-2 s-1"
GASES = {"CO2": ("g CO2 m-2 a-1", CO2_G_PER_MOL * 1e-6), "C": ("g C m-2 a-1", CARBON_G_PER_MOL * 1e-6)}


def detection_limit() -> float:
    """Return the accuracy of the flux instrument, umol CO2 m-2 s-1.

    Examples
    --------
    >>> detection_limit()
    0.02
    """
    return float(parameters("desert.instrument")["detection_limit"]["value"])


def flux_table(estimate: Floats, std_error: Floats, df: Any, confidence: float, **columns: Any) -> pd.DataFrame:
    """Return fluxes with their uncertainty beside the detection limit.

    Parameters
    ----------
    estimate, std_error
        umol CO2 m-2 s-1, of shape (rows,).
    df
        Degrees of freedom of the interval, a number or an array of the same shape.
    confidence
        Of the interval.
    **columns
        Columns to stand first.

    Returns
    -------
    pandas.DataFrame
        The columns, estimate, std_error, ci_low, ci_high, unit, detection_limit, above_detection_limit.

    Examples
    --------
    >>> flux_table(np.array([0.05]), np.array([0.01]), 30, 0.95, hour=[12]).to_dict("records")[0]["above_detection_limit"]
    True
    """
    import pandas as pd

    low, high = t_interval(estimate, std_error, df, confidence)
    limit = detection_limit()
    values = {"estimate": estimate, "std_error": std_error, "ci_low": low, "ci_high": high, "unit": FLUX_UNIT}
    return pd.DataFrame(columns | values | {"detection_limit": limit, "above_detection_limit": np.abs(estimate) > limit})


def annual_weights(times: Any, site: Any, min_coverage: float) -> tuple[pd.DataFrame, Floats]:
    """Return the years of a record, and the seconds that each record stands for in the sum of its year.

    A year is the sum of its months, a month its mean times its seconds. A year with a month that has less than
    `min_coverage` of its hours is missing, never filled.

    Parameters
    ----------
    times
        Of the records with a flux, from ``as_times``.
    site
        Names of the sites, of shape (records,).

    Returns
    -------
    years : pandas.DataFrame
        site, year, seconds, coverage (of the poorest month), complete, note and n; one row a site and year.
    weights : numpy.ndarray of shape (records,)
        Seconds; the sum over the records of a year is the year's.
    """
    import pandas as pd

    stamps = times.tz_localize(None)
    frame = pd.DataFrame({"site": np.asarray(site), "year": stamps.year, "month": stamps.month, "hour": stamps.floor("h")})
    by_month = frame.groupby(["site", "year", "month"], sort=True)["hour"].agg(["size", "nunique"])
    months = by_month.reset_index()
    months["hours"] = [24 * monthrange(y, m)[1] for y, m in zip(months["year"], months["month"], strict=True)]
    months["coverage"] = months["nunique"] / months["hours"]
    months["weight"] = 3600.0 * months["hours"] / months["size"]
    weights = frame.merge(months, on=["site", "year", "month"], how="left")["weight"].to_numpy(dtype=np.float64)
    rows = [_year_row(key, part, min_coverage) for key, part in months.groupby(["site", "year"], sort=True)]
    return pd.DataFrame(rows), weights


def _year_row(key: Any, months: pd.DataFrame, min_coverage: float) -> dict[str, Any]:
    poor = [f"{m} ({c:.0%})" for m, c in zip(months["month"], months["coverage"], strict=True) if c < min_coverage]
    absent = sorted(set(range(1, 13)) - set(months["month"]))
    problems = ([f"no records in months {', '.join(map(str, absent))}"] if absent else []) + (
        [f"too few hours in months {', '.join(poor)}"] if poor else []
    )
    return {
        "site": key[0],
        "year": int(key[1]),
        "n": int(months["size"].sum()),
        "seconds": 3600.0 * float(months["hours"].sum()),
        "coverage": 0.0 if absent else float(months["coverage"].min()),
        "note": "; ".join(problems),
    }


def totals_table(years: pd.DataFrame, estimate: Floats, std_error: Floats, df: Any, confidence: float) -> pd.DataFrame:
    """Return annual sums in g CO2 and in g C, each beside the limit and with a sentence.

    Parameters
    ----------
    years
        From ``annual_weights``.
    estimate, std_error
        umol CO2 m-2 a-1, one a year; given out as NaN where the year has a note.

    Returns
    -------
    pandas.DataFrame
        Two rows a site and year (CO2 and C).
    """
    import pandas as pd

    whole = (years["note"] == "").to_numpy()
    low, high = t_interval(estimate, std_error, df, confidence)
    parts = []
    for gas, (unit, grams) in GASES.items():
        values = {"estimate": estimate, "std_error": std_error, "ci_low": low, "ci_high": high}
        scaled = {name: np.where(whole, grams * v, np.nan) for name, v in values.items()}
        limit = detection_limit() * grams * years["seconds"].to_numpy()
        part = years[["site", "year"]].assign(gas=gas, **scaled, unit=unit, detection_limit=limit)
        part["above_detection_limit"] = np.abs(part["estimate"]) > limit
        parts.append(part.assign(n=years["n"], coverage=years["coverage"], note=years["note"]))
    table = pd.concat(parts).sort_values(["site", "year"], kind="stable", ignore_index=True)
    table["statement"] = [_statement(row, confidence) for row in table.to_dict("records")]
    return table


def _statement(row: Mapping[Any, Any], confidence: float) -> str:
    if row["note"]:
        return f"{row['year']}: no sum, {row['note']}"
    where = "above" if row["above_detection_limit"] else "below"
    rest = "" if row["above_detection_limit"] else ": the instrument cannot tell it from zero"
    return (
        f"{row['year']}: {row['estimate']:.4g} {row['unit']} ({confidence:.0%} interval {row['ci_low']:.4g} to "
        f"{row['ci_high']:.4g}), {where} the detection limit of {row['detection_limit']:.3g} {row['unit']}{rest}"
    )


def check_coverage(min_coverage: float) -> None:
    """Refuse a share outside 0 to 1.

    Examples
    --------
    >>> check_coverage(0.8)
    """
    if not 0.0 < min_coverage <= 1.0:
        raise OptionError(f"min_coverage must be in (0, 1], a share of the hours of each month, got {min_coverage!r}")
