"""Layers made of other layers: aridity, seasons, anomalies, and the change between two years.

Every function takes and returns labelled grids, lazy ones stay lazy; units are checked and the result's is declared.
``derive.py`` lists them by name.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.datasets.grids import grid_difference
from carbondrivers.datasets.labels import flag_names, labelled, with_flags
from carbondrivers.datasets.terrain import bands
from carbondrivers.errors import DataError, DataWarning, OptionError, choose
from carbondrivers.nep_models.apply import canonical_unit, check_aligned
from carbondrivers.nep_models.balance import annual_sum

By = Literal["period", "year"]
Statistic = Literal["mean", "sum"]
Departure = Literal["difference", "percent", "standardised"]
Change = Literal["transition", "changed"]

ARIDITY_EDGES = (0.05, 0.2, 0.5, 0.65)
ARIDITY_CLASSES = ("hyper-arid", "arid", "semi-arid", "dry sub-humid", "humid")
MOST_CODE = 1000


def aridity(precipitation: xr.DataArray, pet: xr.DataArray, *, by: By = "period") -> xr.DataArray:
    """Return the aridity index of UNEP (1992), precipitation over potential evapotranspiration: the drier, the smaller.

    Parameters
    ----------
    precipitation, pet
        In one unit (mm a-1 or mm month-1), of one grid, with the same years or months, or without any.
    by
        ``"period"``: of the totals over all years, which is how the index is defined; ``"year"``: of every year.

    Returns
    -------
    xarray.DataArray
        Without unit; NaN where the potential evapotranspiration is not above 0. Steps in which one of the two is missing
        count for neither.

    Raises
    ------
    DataError
        If units, grids or years differ.
    OptionError
        If `by` is another word.

    Examples
    --------
    >>> rain, pet = (xr.DataArray([v], dims="x", attrs={"units": "mm a-1"}) for v in (250.0, 1000.0))
    >>> float(aridity(rain, pet)[0])
    0.25
    """
    choose(by, ("period", "year"), "by")
    pet = _on_one_grid(precipitation, pet, "precipitation", "pet")
    units = [canonical_unit(str(da.attrs.get("units", ""))) for da in (precipitation, pet)]
    if units[0] != units[1]:
        raise DataError(f"aridity needs one unit, got precipitation in {units[0]!r} and pet in {units[1]!r}: convert one")
    both = precipitation.notnull() & pet.notnull()
    rain, demand = precipitation.where(both), pet.where(both)
    if by == "year" and "time" in rain.dims:
        rain, demand = annual_sum(rain), annual_sum(demand)
    elif by == "period":
        steps = [dim for dim in ("time", "year") if dim in rain.dims]
        rain, demand = (da.sum(steps, min_count=1) if steps else da for da in (rain, demand))
    found = rain / demand.where(demand > 0)
    return labelled(found, [precipitation, pet], "aridity", unit="1", title="Aridity index (P/PET)", options={"by": by})


def aridity_class(precipitation: xr.DataArray, pet: xr.DataArray, *, by: By = "period") -> xr.DataArray:
    """Return the aridity class of UNEP: hyper-arid below 0.05, arid 0.2, semi-arid 0.5, dry sub-humid 0.65, else humid.

    Arguments and errors are those of ``aridity``; numbers 1 to 5 with names in ``flag_meanings``.

    Examples
    --------
    >>> rain, pet = (xr.DataArray([v], dims="x", attrs={"units": "mm a-1"}) for v in (250.0, 1000.0))
    >>> float(aridity_class(rain, pet)[0])
    3.0
    """
    index = aridity(precipitation, pet, by=by)
    found = bands(index, ARIDITY_EDGES)
    made = labelled(found, [index], "aridity_class", unit="", title="Aridity class", kind="categorical", options={"by": by})
    return with_flags(made, dict(enumerate(ARIDITY_CLASSES, start=1)))


def season(values: xr.DataArray, *, months: Sequence[int], statistic: Statistic = "mean") -> xr.DataArray:
    """Return the mean or the sum of a season, year by year.

    Parameters
    ----------
    values
        Months on ``time``.
    months
        Calendar months in the order of the season, such as ``[5, 6, 7, 8, 9]``; ``[12, 1, 2]`` runs over the end of the
        year and belongs to the year in which it ends.
    statistic
        ``"mean"`` of the months, or ``"sum"`` of monthly totals (unit ``... month-1`` or mm).

    Returns
    -------
    xarray.DataArray
        ``year`` in place of ``time``; only years of which every month is there. A missing month makes a cell missing.

    Raises
    ------
    OptionError
        If months are no calendar months, doubled, or run over two year ends.
    DataError
        If there are no dates, no complete season, or a sum is asked of a rate or a temperature.

    Warns
    -----
    DataWarning
        If a year between the first and the last lacks a month.

    Examples
    --------
    >>> time = np.arange("2001-01", "2003-01", dtype="datetime64[M]").astype("datetime64[ns]")
    >>> rain = xr.DataArray(np.arange(24.0), coords={"time": time}, dims="time", attrs={"units": "mm month-1"})
    >>> winter = season(rain, months=[12, 1, 2], statistic="sum")
    >>> winter["year"].to_numpy(), winter.to_numpy()
    (array([2002]), array([36.]))
    """
    choose(statistic, ("mean", "sum"), "statistic")
    wrap = _year_end(months)
    unit = _season_unit(values, statistic)
    stamps = _months_of(values)
    steps = {
        year: [stamps.get((year - (place < wrap), month)) for place, month in enumerate(months)]
        for year in range(min(stamps)[0], max(stamps)[0] + 2)
    }
    whole = {year: [n for n in found if n is not None] for year, found in steps.items() if None not in found}
    if not whole:
        raise DataError(f"no year has all of the months {list(months)}: add them or take another season")
    lacking = [year for year in range(min(whole), max(whole)) if year not in whole]
    if lacking:
        warnings.warn(f"the season of {', '.join(map(str, lacking))} lacks a month and is left out", DataWarning, stacklevel=2)
    parts = [getattr(values.isel(time=found), statistic)("time", skipna=False) for found in whole.values()]
    found = xr.concat(parts, dim=pd.Index(list(whole), name="year"), coords="minimal", compat="override")
    name = str(values.attrs.get("long_name", "") or values.name or "values")
    options = {"months": list(months), "statistic": statistic}
    return labelled(found, [values], "season", unit=unit, title=f"{name}, months {_span(months)}", options=options)


def anomaly(values: xr.DataArray, *, base: Sequence[int], statistic: Departure = "difference") -> xr.DataArray:
    """Return the departure of each year (or month) from the mean of a base period, cell by cell.

    Parameters
    ----------
    values
        Years on ``year``, or months on ``time``: then each month departs from its own calendar month.
    base
        First and last year of the base period, all of which must be there.
    statistic
        ``"difference"``; ``"percent"`` of the base mean; ``"standardised"`` by the standard deviation of the base years.

    Returns
    -------
    xarray.DataArray
        In the unit of `values`, in %, or without unit; NaN where a base year is missing, or what is divided by is 0.

    Raises
    ------
    OptionError
        If `base` is no pair of years in order, or `statistic` another word.
    DataError
        If base years are not there, or fewer than 3 for ``"standardised"``.

    Examples
    --------
    >>> ndvi = xr.DataArray([0.2, 0.4, 0.6], coords={"year": [2000, 2001, 2002]}, dims="year")
    >>> anomaly(ndvi, base=[2000, 2001]).to_numpy().round(6)
    array([-0.1,  0.1,  0.3])
    """
    choose(statistic, ("difference", "percent", "standardised"), "statistic")
    part = _base_part(values, base)
    if statistic == "standardised" and base[1] - base[0] < 2:
        raise DataError(f"a standard deviation needs 3 base years at least, got {list(base)}: widen the base period")
    mean = _beside(part, values, lambda da, dim: da.mean(dim, skipna=False))
    found = values - mean
    if statistic == "percent":
        found = found / mean.where(mean != 0) * 100.0
    if statistic == "standardised":
        deviation = _beside(part, values, lambda da, dim: da.std(dim, ddof=1, skipna=False))
        found = found / deviation.where(deviation > 0)
    unit = {"difference": str(values.attrs.get("units", "")), "percent": "%", "standardised": "1"}[statistic]
    name = str(values.attrs.get("long_name", "") or values.name or "values")
    options = {"base": list(base), "statistic": statistic}
    found = found.transpose(*values.dims)
    return labelled(found, [values], "anomaly", unit=unit, title=f"{name}, anomaly", options=options)


def change(
    values: xr.DataArray,
    later: xr.DataArray | None = None,
    *,
    years: Sequence[int] | None = None,
    output: Change = "transition",
) -> xr.DataArray:
    """Return the change between two years: the difference, or for classes the transition.

    Parameters
    ----------
    values
        A stack with years on ``year``, or the earlier of two grids.
    later
        The later grid.
    years
        The two years, if `values` is a stack.
    output
        For classes: ``"transition"``, the number 1000 a + b of class a that became b (with names in ``flag_meanings`` where
        the classes have names), or ``"changed"``, 1 where the class is another and 0 where it is the same.

    Returns
    -------
    xarray.DataArray
        Later less earlier in the unit of `values`; or classes.

    Raises
    ------
    OptionError
        If neither or both of `later` and `years` are given, or `years` are not two different years.
    DataError
        If a year is not there, grids or units differ, or a class code is not a whole number in 0 to 999.

    Examples
    --------
    >>> cover = xr.DataArray([[3.0, 3.0], [3.0, 4.0]], coords={"year": [2000, 2020]}, dims=("year", "x"))
    >>> change(cover.assign_attrs(kind="categorical"), years=[2000, 2020]).to_numpy()
    array([3003., 3004.])
    """
    choose(output, ("transition", "changed"), "output")
    first, second = _two(values, later, years)
    units = [canonical_unit(str(da.attrs.get("units", ""))) for da in (first, second)]
    if units[0] != units[1]:
        raise DataError(f"a change needs one unit, got {units[0]!r} and {units[1]!r}: convert one")
    options = {"years": list(years)} if years else {}
    sources = [values] if later is None else [values, later]
    name = str(values.attrs.get("long_name", "") or values.name or "values")
    if values.attrs.get("kind") != "categorical":
        unit = str(values.attrs.get("units", ""))
        return labelled(second - first, sources, "change", unit=unit, title=f"Change of {name.lower()}", options=options)
    first, second = _class_codes(first), _class_codes(second)
    found = first * MOST_CODE + second
    if output == "changed":
        found = (first != second).astype(found.dtype).where(found.notnull())
    made = labelled(
        found, sources, "change", unit="", title=f"Change of {name.lower()}", kind="categorical",
        options={**options, "output": output},
    )  # fmt: skip
    names = {0: "unchanged", 1: "changed"} if output == "changed" else _transitions(flag_names(first) or flag_names(second))
    return with_flags(made, names) if names else made


def _on_one_grid(first: xr.DataArray, second: xr.DataArray, one: str, two: str) -> xr.DataArray:
    """Return the second grid with the labels of the first, refused where they are more than a hair apart."""
    if {"x", "y"} <= set(first.dims) and {"x", "y"} <= set(second.dims):
        difference = grid_difference(first, second)
        if difference:
            raise DataError(f"{one} and {two} differ in {difference}: warp them to one grid first")
        second = second.assign_coords(x=first["x"].to_numpy(), y=first["y"].to_numpy())
    check_aligned({one: first, two: second})
    return second


def _year_end(months: Sequence[int]) -> int:
    """Return how many of the months lie before the turn of the year; 0 if the season does not run over it."""
    whole = all(isinstance(m, int) and not isinstance(m, bool) and 1 <= m <= 12 for m in months)
    turns = [n for n in range(1, len(months)) if whole and months[n] < months[n - 1]]
    if not months or not whole or len(set(months)) < len(months) or len(turns) > 1:
        raise OptionError(
            "months must be different numbers 1 to 12 in the order of one season, such as [5, 6, 7] or [12, 1, 2], "
            f"got {months!r}"
        )
    return turns[0] if turns else 0


def _season_unit(values: xr.DataArray, statistic: Statistic) -> str:
    unit = canonical_unit(str(values.attrs.get("units", "")))
    if statistic == "mean" or not unit:
        return str(values.attrs.get("units", ""))
    if unit != "mm" and not unit.endswith(" month-1"):
        raise DataError(f"only totals of months can be summed to a season, got {unit!r}: take the mean, or convert first")
    return unit.removesuffix(" month-1")


def _months_of(values: xr.DataArray) -> dict[tuple[int, int], int]:
    if "time" not in values.dims or values["time"].dtype.kind not in "MO":
        raise DataError("a season needs months on a dimension 'time' of dates: read the monthly series")
    stamps = values["time"].dt
    pairs = list(zip(stamps.year.to_numpy().tolist(), stamps.month.to_numpy().tolist(), strict=True))
    doubled = sorted({pair for pair in pairs if pairs.count(pair) > 1})
    if doubled:
        raise DataError(f"month {doubled[0][0]}-{doubled[0][1]:02d} occurs twice: sum or average it first")
    return {pair: place for place, pair in enumerate(pairs)}


def _span(months: Sequence[int]) -> str:
    return f"{months[0]}" if len(months) == 1 else f"{months[0]} to {months[-1]}"


def _base_part(values: xr.DataArray, base: Sequence[int]) -> xr.DataArray:
    """Return the years or months of the base period, all of them."""
    if not _are_years(base) or base[0] > base[1]:
        raise OptionError(f"base must be [first, last] year, got {base!r}")
    wanted = range(base[0], base[1] + 1)
    if "year" in values.dims:
        found, needed, dim = values["year"].to_numpy(), 1, "year"
    elif "time" in values.dims and values["time"].dtype.kind in "MO":
        found, needed, dim = values["time"].dt.year.to_numpy(), 12, "time"
        _months_of(values)
    else:
        raise DataError("an anomaly needs years on a dimension 'year', or months on 'time'")
    lacking = [str(year) for year in wanted if int((found == year).sum()) != needed]
    if lacking:
        raise DataError(f"the base period lacks {'years' if needed == 1 else 'months of'} {', '.join(lacking)}: add or narrow")
    return values.isel({dim: np.flatnonzero(np.isin(found, list(wanted)))})


def _beside(part: xr.DataArray, values: xr.DataArray, statistic: Callable[[xr.DataArray, str], xr.DataArray]) -> xr.DataArray:
    """Return a statistic of the base period for each step of `values`: one for all years, or one a calendar month."""
    if "year" in part.dims:
        return statistic(part, "year")
    months = part["time"].dt.month.to_numpy()
    table = xr.concat([statistic(part.isel(time=np.flatnonzero(months == m)), "time") for m in range(1, 13)], dim="month")
    return table.isel(month=xr.DataArray(values["time"].dt.month.to_numpy() - 1, coords={"time": values["time"]}, dims="time"))


def _are_years(pair: Sequence[int]) -> bool:
    return len(pair) == 2 and all(isinstance(year, int) and not isinstance(year, bool) for year in pair)


def _two(values: xr.DataArray, later: xr.DataArray | None, years: Sequence[int] | None) -> tuple[xr.DataArray, xr.DataArray]:
    if (later is None) == (years is None):
        raise OptionError("a change needs two years of one stack, as years = [2000, 2020], or two grids; give one of the two")
    if later is not None:
        return values, _on_one_grid(values, later, "the earlier grid", "the later grid")
    if years is None or not _are_years(years) or years[0] == years[1]:
        raise OptionError(f"years must be two different years, got {years!r}")
    if "year" not in values.dims:
        raise DataError(f"years {list(years)} need a stack with a dimension 'year', got {', '.join(map(str, values.dims))}")
    known = values["year"].to_numpy().tolist()
    lacking = [str(year) for year in years if year not in known]
    if lacking:
        raise DataError(f"the stack has no year {', '.join(lacking)}: it runs from {min(known)} to {max(known)}")
    first, second = (values.sel(year=year, drop=True) for year in years)
    return first, second


def _class_codes(da: xr.DataArray) -> xr.DataArray:
    """Return class codes as floats, refused where a transition of them could not be told from another."""
    floats = da if da.dtype.kind == "f" else da.astype(np.float32)

    def check(block: np.ndarray) -> np.ndarray:
        present = block[~np.isnan(block)]
        odd = present[(present < 0) | (present >= MOST_CODE) | (present != np.round(present))]
        if odd.size:
            raise DataError(f"classes must be whole numbers in 0 to {MOST_CODE - 1}, got {odd[0]:g}: map them to classes first")
        return block

    if floats.chunks is None:
        return floats.copy(data=check(floats.to_numpy()))
    return floats.copy(data=floats.data.map_blocks(check, dtype=floats.dtype))


def _transitions(names: Mapping[int, str]) -> dict[int, str]:
    return {
        a * MOST_CODE + b: f"{one}_unchanged" if a == b else f"{one}_to_{two}"
        for a, one in names.items()
        for b, two in names.items()
    }
