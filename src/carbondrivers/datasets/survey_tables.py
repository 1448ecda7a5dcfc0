"""A look at a table before anything is computed: its columns, gaps and ranges, and drivers that say the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from carbondrivers.datasets.checks import as_numbers
from carbondrivers.datasets.collinearity import correlations, inflation
from carbondrivers.datasets.nodata import refuse_nodata
from carbondrivers.datasets.sample import Driver, PixelSample
from carbondrivers.datasets.survey import FEW_YEARS, Finding, Survey, make_survey, value_findings
from carbondrivers.errors import DataError, did_you_mean

ROWS = "rows of the table"
VIF_LIMIT, R_LIMIT = 10.0, 0.9
MOST_ROWS = 200_000


def survey_sample(sample: PixelSample, *, few_years: int = FEW_YEARS) -> Survey:
    """Look at a sample, whose rows are complete: see ``survey_table``.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=["nep", "rain"])
    >>> frame["snow"] = frame["rain"] + 0.1 * rng.normal(size=90)
    >>> sample = PixelSample.from_frame(frame, response="nep", drivers={"rain": "climate", "snow": "climate"})
    >>> survey_sample(sample).findings["check"].tolist()
    ['VIF', 'VIF', 'correlation', 'unit']
    """
    return survey_table(sample.frame, response=sample.response, drivers=sample.drivers, time=sample.time, few_years=few_years)


def survey_table(
    frame: pd.DataFrame, *, response: Driver, drivers: Sequence[Driver], time: str | None = None, few_years: int = FEW_YEARS
) -> Survey:
    """Look at a table: missing shares, units and ranges, constants, left-over nodata codes, rows, years, VIF, correlations.

    Parameters
    ----------
    frame
        One row a pixel (and year), as read.
    response, drivers
        What to look at. Text in a continuous driver is a finding; categorical ones have no range and no VIF.
    time
        Column of the years.
    few_years
        Fewer years are named.

    Returns
    -------
    Survey
        VIF and Pearson's r are of rows with all continuous drivers, at most 200,000 of them, drawn at random with a fixed
        seed. A VIF above 10 and an r beyond 0.9 are findings.

    Raises
    ------
    DataError
        If a column is missing.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> frame = pd.DataFrame({"nep": rng.normal(size=50), "rain": 7.0})
    >>> survey_table(frame, response=Driver("nep"), drivers=[Driver("rain")]).findings["note"].iloc[0]
    'is 7 everywhere: nothing can be attributed to it; leave it out'
    """
    listed = [response, *drivers]
    for name in [*(one.name for one in listed), *([time] if time else [])]:
        if name not in frame.columns:
            raise DataError(f"there is no column {name!r}.{did_you_mean(name, map(str, frame.columns))}")
    years = _years(frame, time)
    rows, missing, findings = [], [], list(_time_findings(years, time, few_years))
    columns: dict[str, pd.Series] = {}
    for one in listed:
        column, found = _numbers(frame[one.name], one)
        findings += found
        columns[one.name] = column
        rows.append(_row(one, column, years))
        missing += _by_year(one.name, column, years)
        if one.kind == "continuous":
            low, high = float(column.min()), float(column.max())
            share = float(column.isna().mean()) if len(column) else 0.0
            findings += value_findings(one.name, one.unit, int(column.count()), low, high, share, ROWS)
            findings += _nodata_findings(one.name, column)
        else:
            findings += _class_findings(one.name, column)
    whole = int(np.logical_and.reduce([column.notna().to_numpy() for column in columns.values()]).sum())
    if whole < len(drivers) + 3:
        findings.append(
            Finding(
                "error", "rows", response.name, f"only {whole} complete rows for {len(drivers)} drivers: add rows, or drop one"
            )
        )
    vif, pairs, more = _collinear({one.name: columns[one.name] for one in drivers if one.kind == "continuous"})
    return make_survey(rows, missing, [*findings, *more], vif, pairs)


def _numbers(column: pd.Series, one: Driver) -> tuple[pd.Series, list[Finding]]:
    if one.kind == "categorical":
        return column, []
    try:
        numbers = as_numbers(column, one.name)
    except DataError as error:
        return pd.Series(np.nan, index=column.index), [Finding("error", "range", one.name, str(error))]
    text = column.notna() & numbers.isna()
    if not text.any():
        return numbers, []
    example = column[text].iloc[0]
    said = f"holds {int(text.sum())} cells that are no numbers, such as {str(example)[:40]!r}"
    return numbers, [Finding("error", "range", one.name, f"{said}: mend them, or declare kind = 'categorical'")]


def _nodata_findings(name: str, column: pd.Series) -> list[Finding]:
    values = column.dropna().to_numpy(dtype=np.float64)
    try:
        refuse_nodata(values[np.isfinite(values)], "it")
    except DataError as error:
        return [Finding("error", "range", name, str(error).removeprefix("it "))]
    return []


def _class_findings(name: str, column: pd.Series) -> list[Finding]:
    classes = column.dropna().nunique()
    if classes == 0:
        return [Finding("error", "missing", name, "has no value at all: look at the table, and the join that filled it")]
    if classes == 1:
        said = f"has only one class ({column.dropna().iloc[0]!s}): nothing can be attributed to it; leave it out"
        return [Finding("error", "constant", name, said)]
    return []


def _years(frame: pd.DataFrame, time: str | None) -> pd.Series | None:
    """Return the year of every row, missing where the time says none."""
    if time is None:
        return None
    numbers = pd.to_numeric(frame[time], errors="coerce")
    if numbers.notna().any():
        return numbers.floordiv(1).astype("Int64")
    return pd.to_datetime(frame[time], errors="coerce", format="mixed").dt.year.astype("Int64")


def _time_findings(years: pd.Series | None, time: str | None, few: int) -> list[Finding]:
    if years is None:
        return []
    count = years.dropna().nunique()
    if count == 0:
        return [Finding("error", "years", str(time), "holds no years or dates: name the column of the year as time")]
    return [Finding("warning", "years", str(time), f"has {count} years: a trend wants {few} or more")] if count < few else []


def _row(one: Driver, column: pd.Series, years: pd.Series | None) -> dict[str, object]:
    numeric = one.kind == "continuous"
    known = [] if years is None else years.dropna().tolist()
    return {
        "name": one.name, "kind": one.kind, "unit": one.unit, "n": int(column.count()),
        "min": float(column.min()) if numeric else np.nan, "max": float(column.max()) if numeric else np.nan,
        "missing": float(column.isna().mean()), "share_of": ROWS,
        "years": f"{min(known)}-{max(known)}" if len(known) else "", "classes": None if numeric else int(column.nunique()),
    }  # fmt: skip


def _by_year(name: str, column: pd.Series, years: pd.Series | None) -> list[dict[str, object]]:
    if years is None:
        share = float(column.isna().mean())
        return [{"name": name, "year": None, "n": int(column.count()), "missing": share, "share_of": ROWS}]
    held = column.notna().groupby(years).agg(["sum", "mean"])
    return [
        {"name": name, "year": int(str(year)), "n": int(row["sum"]), "missing": 1.0 - float(row["mean"]), "share_of": ROWS}
        for year, row in held.iterrows()
    ]


def _collinear(columns: dict[str, pd.Series]) -> tuple[pd.DataFrame, pd.DataFrame, list[Finding]]:
    """Return VIF and correlations of drivers that vary, in the rows where all of them have a value."""
    table = pd.DataFrame(columns).replace([np.inf, -np.inf], np.nan)
    table = table.loc[:, table.nunique() > 1].dropna()
    table = table.loc[:, table.nunique() > 1]
    if len(table) > MOST_ROWS:
        table = table.sample(MOST_ROWS, random_state=np.random.default_rng(0))
    names = [str(name) for name in table.columns]
    if len(names) < 2 or len(table) <= len(names) + 1:
        return pd.DataFrame({"driver": names, "vif": np.nan}), correlations(np.ones((2, 0)), []), []
    values = table.to_numpy(dtype=np.float64)
    vif, pairs = pd.DataFrame({"driver": names, "vif": inflation(values)}), correlations(values, names)
    findings = [
        Finding("warning", "VIF", name, _vif_note(factor)) for name, factor in vif.itertuples(index=False) if factor > VIF_LIMIT
    ]
    for first, second, r in pairs.itertuples(index=False):
        if abs(r) > R_LIMIT:
            said = f"r = {r:.3f} with {second!r}: their effects cannot be told apart; keep one, or a combination"
            findings.append(Finding("warning", "correlation", first, said))
    return vif, pairs, findings


def _vif_note(factor: float) -> str:
    told = "is a linear combination of other drivers" if np.isinf(factor) else f"VIF {factor:.1f}, above {VIF_LIMIT:g}"
    return f"{told}: its effect cannot be told from theirs; leave one of them out"
