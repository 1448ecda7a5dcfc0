"""Seasonality: the mean year of monthly carbon fluxes, of every cell and of the area, its classes and its regions.

The climatology of a cell is its mean over the years of each month. A zone's mean is that of its cells, weighted by
their true area, over the cells that have all twelve months, so that the months stand for one area; and a single year
differs from it by the mean difference of the cells that have a value then. So a gap moves no curve, and without gaps
both are plain area-weighted means. Years are the replicates of the intervals (``seasonal_kernels.dependent_mean``).
Sources: Zwiers and von Storch (1995), doi:10.1175/1520-0442(1995)008<0336:TSCIAI>2.0.CO;2; Marriott and Pope (1954),
doi:10.1093/biomet/41.3-4.390; mean month and resultant length as in Mardia and Jupp (2000), Directional Statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution import seasonal_kernels as kernels
from carbondrivers.attribution.accounts import areas_or_equal
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.seasonal_inputs import Months, ZoneMap, Zones, months_of, zones_of
from carbondrivers.attribution.seasonal_tables import SeasonalTables
from carbondrivers.catalogue import guess
from carbondrivers.errors import DataError, OptionError
from carbondrivers.nep_models.apply import MONTHLY, YEARLY
from carbondrivers.provenance import history_line

LABELS = {"nep": "NEP", "npp": "NPP", "gpp": "GPP", "ra": "Ra", "rm": "Rm", "rh": "Rh", "rs": "Rs", "er": "ER"}
INTERVALS = (
    "Intervals take years as replicates: they say how well the mean year is known from these years, not how much cells differ."
)
DEPENDENT = (
    "The dependence of a year on the one before is taken off the intervals (lag-1 correlation, pooled over the months of a "
    "curve)."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeasonalityResult(Result):
    """The mean year of one flux or several; the first of them is mapped.

    Attributes
    ----------
    grid : xarray.Dataset
        Of the first flux: ``climatology`` (month, y, x), g C m-2 month-1; ``n_valid`` (month, y, x), the years behind it;
        ``amplitude``, its maximum less its minimum; ``peak_month``, the month of the maximum (1 to 12); for NEP
        ``sink_months``, the number of months above zero; ``annual``, the mean of whole years, g C m-2 a-1, and
        ``n_years``, their number.
    cycle : pandas.DataFrame
        One row a zone (``group`` all, class or region; ``level`` its name), flux (``response``) and month: area-weighted
        mean ``estimate``, between-year standard deviation ``sd``, ``std_error`` and 95 % interval of the mean, years ``n``
        and effective years ``n_eff``, ``total`` (Tg C month-1), ``area_km2`` that they stand for, and for NEP ``share``,
        the share of that area whose climatology is a sink.
    annual : pandas.DataFrame
        The same of the annual sums of whole years (g C m-2 a-1, Tg C a-1), one row a zone and flux.
    timing : pandas.DataFrame
        One row a zone and flux: cells ``n``, ``area_km2`` and its ``share`` of the whole area; ``amplitude`` and ``month``
        of the maximum of the zone's curve; ``month_mean`` and ``resultant``, circular mean and concentration (0 to 1) of
        the cells' months of maximum, by area; for NEP ``sink_months``, the months in which the curve is above zero.
    """

    grid: xr.Dataset
    cycle: pd.DataFrame
    annual: pd.DataFrame
    timing: pd.DataFrame


@register(
    "seasonality",
    title="Seasonality: the mean year by cell, class and region",
    takes="monthly stack",
    result=SeasonalityResult,
    version="1",
    citation="Zwiers, F.W., von Storch, H. (1995). Taking serial correlation into account in tests of the mean. "
    "Journal of Climate 8, 336-351.",
)
def seasonality(
    stack: xr.DataArray,
    *,
    components: Mapping[str, xr.DataArray] | None = None,
    classes: ZoneMap | None = None,
    regions: ZoneMap | None = None,
    min_valid: int | None = None,
    min_coverage: float = 0.5,
) -> SeasonalityResult:
    """Return the mean year of a monthly flux, and of its components beside it.

    Parameters
    ----------
    stack
        Dimensions (time, y, x), g C m-2 month-1, dates on ``time``; its name is the flux (``nep`` or ``nep_monthly``).
        NaN is a gap; years may be partial; it may be lazy, and is then read once, block by block.
    components
        Further fluxes by name (npp, rh, gpp, ...) on the same grid and months. A month of a cell counts where every flux
        has a value, so that NPP - Rh is NEP in the tables as well.
    classes, regions
        Grid of whole numbers (y, x), and the name of each number; numbers of one name are one zone.
    min_valid
        Fewest years of every month that a cell needs; half of the years by default.
    min_coverage
        Share of a zone's area, in (0, 1], that must have a value for a year to be a replicate of a month.

    Returns
    -------
    SeasonalityResult
        Its `n` is the number of cells with a whole cycle.

    Raises
    ------
    OptionError
        If an option is out of range.
    DataError
        If stacks or zones cannot be used (see ``seasonal_inputs``), a value is infinite, or no cell has a whole cycle.

    Examples
    --------
    >>> time = np.arange("2001-01", "2003-01", dtype="datetime64[M]").astype("datetime64[ns]")
    >>> values = np.tile(4.0 - 10.0 * np.cos(np.pi / 6 * np.arange(1, 13)), 2)[:, None, None]
    >>> coords = {"time": time, "y": [0.0], "x": [0.0]}
    >>> attrs = {"units": "g C m-2 month-1", "crs": "EPSG:6933", "resolution": (1000.0, 1000.0)}
    >>> stack = xr.DataArray(values, coords, ("time", "y", "x"), name="nep", attrs=attrs)
    >>> result = seasonality(stack)
    >>> result.timing[["level", "month", "sink_months"]]
            level  month  sink_months
    0  whole area    6.0          7.0
    """
    months = months_of(stack, components or {})
    names = list(months.fluxes)
    first = months.fluxes[names[0]]
    needed = _fewest(min_valid, months.count)
    if isinstance(min_coverage, bool) or not 0.0 < min_coverage <= 1.0:
        raise OptionError(f"min_coverage must be a share above 0 and up to 1, got {min_coverage!r}")
    zones = zones_of(first, classes, regions)
    areas, notes = areas_or_equal(first)
    cells, sums = _in_blocks(months, zones, areas.to_numpy(), needed)
    complete: NDArray[np.bool_] = np.asarray((cells.n_valid >= needed).all(axis=0))
    if not complete.any():
        raise DataError(
            f"no cell of {names[0]} has {needed} of {months.count} years in every month: give more data, or lower min_valid"
        )
    balances = [name for name, mean in zip(names, sums.mean, strict=True) if _is_balance(name, mean)]
    parameters: dict[str, Any] = {
        "fluxes": names, "balances": balances, "min_valid": needed, "min_coverage": float(min_coverage),
        "years": list(months.years),
    }  # fmt: skip
    provenance = history_line("seasonality", **parameters)
    tables = SeasonalTables(names, balances, zones, sums, float(min_coverage), not notes)
    return SeasonalityResult(
        method="seasonality",
        parameters=parameters,
        n=int(complete.sum()),
        notes=(*notes, *_notes(months, cells, complete, tables), *zones.notes(complete)),
        provenance=provenance,
        variables=_variables(months),
        grid=_grid(first, cells, complete, names[0] in balances, provenance),
        cycle=tables.cycle(),
        annual=tables.annual(),
        timing=tables.timing(),
    )


def _fewest(min_valid: int | None, years: int) -> int:
    if min_valid is None:
        return max(1, -(-years // 2))
    if isinstance(min_valid, bool) or not isinstance(min_valid, int) or not 1 <= min_valid <= years:
        raise OptionError(f"min_valid must be from 1 to the number of years ({years}), got {min_valid!r}")
    return min_valid


def _is_balance(name: str, mean: Floats) -> bool:
    """Return whether a flux can be a sink or a source; a name that nobody knows is judged by its signs."""
    if name in LABELS:
        return name == "nep"
    known = guess(name)
    return known.name == "nep" if known else bool((mean < 0).any())


def _in_blocks(months: Months, zones: Zones, areas: Floats, needed: int) -> tuple[kernels.Cells, kernels.Sums]:
    """Work through the grid once: blocks of a lazy stack as they are chunked, one block in memory."""
    stacks = list(months.fluxes.values())
    lazy = [stack for stack in stacks if stack.chunks is not None]
    places = _places(lazy[0] if lazy else stacks[0])
    same = (months.slots, months.count, len(zones.named), needed)
    jobs = [
        ({name: stack.data[:, rows, columns] for name, stack in months.fluxes.items()},
         zones.places[:, rows, columns], areas[rows, columns], *same)
        for rows, columns in places
    ]  # fmt: skip
    if lazy:
        from dask.base import compute
        from dask.delayed import delayed

        made = compute(*(delayed(_block)(*job) for job in jobs))  # type: ignore[no-untyped-call]
    else:
        made = tuple(_block(*job) for job in jobs)
    found = [_laid_out([part[0][i] for part in made], places, areas.shape) for i in range(len(kernels.Cells._fields))]
    return kernels.Cells(*found), kernels.total([part[1] for part in made])


def _block(
    values: dict[str, np.ndarray], places: NDArray[np.int64], areas: Floats, slots: list[NDArray[np.int64]], years: int,
    zones: int, needed: int,
) -> tuple[kernels.Cells, kernels.Sums]:  # fmt: skip
    for name, flux in values.items():
        if np.isinf(flux).any():
            raise DataError(f"{name} holds {int(np.isinf(flux).sum())} infinite values: mend them or set them to NaN")
    flat = [flux.reshape(flux.shape[0], -1) for flux in values.values()]
    return kernels.seasonal_block(flat, slots, years, _weights(places, areas, zones), needed)


def _places(stack: xr.DataArray) -> list[tuple[slice, slice]]:
    ends = {axis: np.cumsum([0, *stack.chunksizes.get(axis, (stack.sizes[axis],))]) for axis in ("y", "x")}
    rows, columns = ([slice(int(a), int(b)) for a, b in pairwise(e)] for e in ends.values())
    return [(row, column) for row in rows for column in columns]


def _weights(places: NDArray[np.int64], areas: Floats, count: int) -> Floats:
    """Return the area of each cell in each zone that holds it, shape (cells, zones)."""
    flat, area = places.reshape(len(places), -1), areas.reshape(-1)
    weight = np.zeros((area.size, count))
    for grouping in flat:
        inside = np.flatnonzero(grouping >= 0)
        weight[inside, grouping[inside]] = area[inside]
    return weight


def _laid_out(parts: list[Any], places: list[tuple[slice, slice]], shape: tuple[int, ...]) -> Any:
    out = np.empty((*parts[0].shape[:-1], *shape), dtype=parts[0].dtype)
    for part, (rows, columns) in zip(parts, places, strict=True):
        out[..., rows, columns] = part.reshape(*part.shape[:-1], rows.stop - rows.start, columns.stop - columns.start)
    return out


def _grid(first: xr.DataArray, cells: kernels.Cells, complete: NDArray[np.bool_], balance: bool, history: str) -> xr.Dataset:
    kept = {key: first.attrs[key] for key in ("crs", "resolution") if key in first.attrs}
    shown = np.where(complete, cells.climatology, np.nan)
    layers: dict[str, tuple[str, Any, str]] = {
        "climatology": ("mean by month", cells.climatology, MONTHLY),
        "n_valid": ("years behind each month", cells.n_valid, "1"),
        "amplitude": ("highest less lowest month", np.ptp(shown, axis=0), MONTHLY),
        "peak_month": ("month of the maximum", _peaks(shown), "1"),
        "annual": ("mean of whole years", cells.annual, YEARLY),
        "n_years": ("whole years", cells.n_years, "1"),
    }
    if balance:
        months = np.where(complete, (shown > 0).sum(axis=0), np.nan)
        layers["sink_months"] = ("months above zero", months, "1")
    coords: dict[str, Any] = {"month": np.arange(1, 13)} | {
        axis: first[axis].to_numpy() for axis in ("y", "x") if axis in first.coords
    }
    label = _label(str(first.name), first)
    made = {
        name: (("month", "y", "x") if np.ndim(values) == 3 else ("y", "x"), values,
               kept | {"units": unit, "long_name": f"{label}: {words}"})
        for name, (words, values, unit) in layers.items()
    }  # fmt: skip
    return xr.Dataset(made, coords, kept | {"history": history})


def _peaks(cycle: Floats) -> Floats:
    return kernels.peak_month(cycle.reshape(12, -1)).reshape(cycle.shape[1:])


def _notes(months: Months, cells: kernels.Cells, complete: NDArray[np.bool_], tables: SeasonalTables) -> list[str]:
    some = cells.n_valid.any(axis=0)
    gaps = complete & (cells.n_valid < cells.n_valid.max()).any(axis=0)
    notes = [INTERVALS if months.count > 1 else "One year has no replicates: there are no intervals."]
    if months.count >= kernels.FEWEST_FOR_LAG:
        notes.append(DEPENDENT)
    if (some & ~complete).any():
        notes.append(
            f"{int((some & ~complete).sum()):,} cells have values and yet too few years in some month: they are left out."
        )
    if gaps.any():
        notes.append(
            f"{int(gaps.sum()):,} of {int(complete.sum()):,} cells lack values: their means rest on the years there are."
        )
    if months.partial:
        listed = ", ".join(map(str, months.partial))
        notes.append(f"Not every month of {listed} is there: such a year counts in its months and in no annual sum.")
    if cells.lacking.any():
        notes.append(
            f"{int(cells.lacking.sum(dtype=np.int64)):,} months of cells are left out because not every flux has a value."
        )
    if 1 < months.count < kernels.FEWEST_FOR_LAG:
        notes.append(
            f"{months.count} years are too few to tell whether they depend on one another: they are taken as independent."
        )
    if tables.thin:
        notes.append("A year in which too little of a zone has values is no replicate of that month: see n.")
    notes += [f"No cell of {level} ({group}) has a whole cycle: it has no curve." for group, level in tables.empty]
    return notes


def _variables(months: Months) -> pd.DataFrame:
    rows = [
        {"name": name, "role": "response", "category": "vegetation", "unit": MONTHLY, "label": _label(name, given),
         "kind": "continuous"}
        for name, given in months.fluxes.items()
    ]  # fmt: skip
    return pd.DataFrame(rows, dtype=str)


def _label(name: str, given: xr.DataArray) -> str:
    short = name.removesuffix("_monthly")
    return LABELS.get(short) or str(given.attrs.get("long_name", "")) or short
