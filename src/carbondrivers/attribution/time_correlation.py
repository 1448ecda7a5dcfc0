"""Correlation of a stack with its drivers through time, cell by cell: Pearson, partial and multiple.

A cell's coefficients rest on the years in which the response and every driver have a value. t = r sqrt(df / (1 - r^2)) with
n - 2 - k degrees of freedom for k held drivers, F of the multiple correlation with (drivers, n - drivers - 1); series that
are taken less their line lose one degree more. Two series with a memory agree by chance more often than independent years
do: the corrected p puts the effective number of years in the place of n (Bretherton et al. 1999). Two series with a trend
correlate whatever joins them: ``detrend`` takes the lines off. Formulas: ``time_correlation_kernels``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution import stacks
from carbondrivers.attribution import time_correlation_kernels as kernels
from carbondrivers.attribution.inference import Floats, benjamini_hochberg
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.time_stacks import JoinedStacks, block_maps, joined_stacks, regional_means, variables_of
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

TimeKind = Literal["pearson", "partial"]
TIME_KINDS: tuple[TimeKind, ...] = get_args(TimeKind)
STATUS = (
    "Computed", "Too few complete years", "Constant response", "Constant driver", "Collinear drivers",
    "Exactly linear in the drivers",
)  # fmt: skip
OF_KIND = ("r", "t", "p", "n_eff", "p_eff")
OF_ALL = ("multiple_r", "multiple_f", "multiple_p", "multiple_n_eff", "multiple_p_eff", "status", "n_valid")
P_WORDS = {
    "p": "naive P", "p_adjusted": "naive P, adjusted (BH)", "p_eff": "corrected P",
    "p_eff_adjusted": "corrected P, adjusted (BH)",
}  # fmt: skip
METHOD = "correlation through time, corrected P by the effective number of years (Bretherton et al. 1999)"
ALPHA = 0.05
ALL_DRIVERS = "all drivers"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeCorrelationResult(Result):
    """Correlations through time.

    Attributes
    ----------
    grid : xarray.Dataset
        (driver, y, x) for each kind (``pearson``, ``partial``): KIND_r, KIND_t, KIND_p, KIND_p_adjusted, KIND_n_eff,
        KIND_p_eff, KIND_p_eff_adjusted, adjusted over the cells of each driver (Benjamini-Hochberg), and vif; (y, x):
        multiple_r, multiple_f, multiple_p, multiple_p_adjusted, multiple_n_eff, multiple_p_eff,
        multiple_p_eff_adjusted, KIND_df (that of ``partial`` is the second one of F too), status (position in
        ``STATUS``; NaN where no year is complete), n_valid (complete years).
    shares : pandas.DataFrame
        Share of the area with a positive and with a negative significant coefficient, by driver, kind and p; ``r`` is
        the area-weighted mean coefficient.
    regional : pandas.DataFrame
        The same statistics of the area-weighted means; ``all drivers`` is the multiple correlation, its statistic F.
    status : pandas.DataFrame
        Cells, area and share of every status.
    """

    grid: xr.Dataset
    shares: pd.DataFrame
    regional: pd.DataFrame
    status: pd.DataFrame


@register(
    "time_correlation",
    title="Correlation through time: Pearson, partial, multiple",
    takes="stack",
    result=TimeCorrelationResult,
    version="1",
    citation="Bretherton, C.S. et al. (1999). The effective number of spatial degrees of freedom of a time-varying field. "
    "Journal of Climate 12, 1990-2009.",
)
def time_correlation(
    stack: xr.DataArray,
    drivers: Mapping[str, xr.DataArray],
    *,
    kind: Sequence[TimeKind] = TIME_KINDS,
    detrend: bool = False,
    min_valid: int | None = None,
) -> TimeCorrelationResult:
    """Correlate every cell's response with its drivers through the years.

    Parameters
    ----------
    stack
        Response, dims ``year`` (numbers) or ``time`` (dates), y and x; NaN is a gap. It may be lazy: the years are worked
        through in blocks, but the maps stay in memory: with both kinds 88 bytes a cell and 120 more a driver, twice that
        while they are made. A larger area is done by regions.
    drivers
        Name to stack on the same grid; the years that all have are used.
    kind
        Coefficients to report: ``"pearson"``, ``"partial"`` (all the other drivers held) or both. The multiple
        correlation always belongs to them.
    detrend
        Whether the least-squares line of each series is taken off first; costs one degree of freedom.
    min_valid
        Fewest complete years of a cell; the default is 70 % of the years, at least 10.

    Raises
    ------
    DataError
        If a grid is no stack of numbers, lies on another grid, holds infinite values or shares too few years; if no cell
        has enough complete years.
    OptionError
        If an option is outside its list or range, or a driver has the name of the response.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> coords = {"year": np.arange(2001, 2021), "y": [0.0], "x": [0.0, 1.0]}
    >>> rain, warm = (xr.DataArray(rng.normal(size=(20, 1, 2)), coords, ("year", "y", "x")) for _ in range(2))
    >>> nep = (2.0 * rain + 0.1 * rng.normal(size=(20, 1, 2))).rename("nep").assign_attrs(crs="EPSG:32650")
    >>> result = time_correlation(nep, {"rain": rain, "warm": warm})
    >>> bool((result.grid["partial_r"].sel(driver="rain") > 0.98).all())
    True
    """
    kinds = _kinds(kind)
    given = joined_stacks(stack, drivers)
    names, extra = given.names, int(bool(detrend))
    needed = stacks.fewest(min_valid, len(given.years), len(names) + 2 + extra, f"a correlation with {len(names)} drivers")
    columns = _columns(kinds, len(names))
    found = block_maps(given, lambda values: _statistics(values, given.years, kinds, bool(detrend), needed), len(columns))
    maps = _dataset(found, kinds, given.names, stack, extra)
    if not bool((maps["n_valid"] >= needed).any()):
        raise DataError(
            f"no cell of {stack.name or 'the stack'!r} has {needed} years, of {len(given.years)}, in which every driver has a "
            "value too: lower min_valid, or leave out the driver with the most gaps"
        )
    areas = stacks.areas_of(maps)
    parameters = {
        "kind": list(kinds), "drivers": list(names), "detrend": bool(detrend), "min_valid": needed,
        "years": [float(given.years[0]), float(given.years[-1])],
    }  # fmt: skip
    maps.attrs["history"] = provenance = history_line("time_correlation", **parameters)
    status = maps["status"].to_numpy()
    return TimeCorrelationResult(
        method="time_correlation",
        parameters=parameters,
        n=int((maps["n_valid"] >= needed).sum()),
        notes=(*_notes(maps, needed, bool(detrend)), *given.notes),
        provenance=provenance,
        variables=variables_of(stack, drivers),
        grid=maps,
        shares=_share_table(maps, areas, kinds),
        regional=_regional(given, maps, areas, kinds, bool(detrend), needed),
        status=stacks.class_shares(status, areas, STATUS, "", "area of the cells with a complete year").drop(columns="method"),
    )


def _kinds(kind: Sequence[TimeKind]) -> tuple[TimeKind, ...]:
    if isinstance(kind, str) or not isinstance(kind, Sequence) or not kind:
        raise OptionError(f"kind must be a list such as ['pearson', 'partial'], got {kind!r}")
    for one in kind:
        choose(one, TIME_KINDS, "kind")
    return tuple(one for one in TIME_KINDS if one in kind)


def _columns(kinds: Sequence[TimeKind], drivers: int) -> list[str]:
    """Return the names of the kernel's columns; those of the drivers stand in order."""
    each = [*(f"{kind}_{name}" for kind in kinds for name in OF_KIND), "vif"]
    return [name for name in each for _ in range(drivers)] + list(OF_ALL)


def _statistics(values: Floats, t: Floats, kinds: Sequence[TimeKind], detrend: bool, needed: int) -> Floats:
    """Return the columns of ``_columns`` of cells (cells, variables, years)."""
    n = np.asarray(np.isfinite(values).all(axis=1)).sum(axis=1)
    out = np.full((len(values), len(_columns(kinds, values.shape[1] - 1))), np.nan)
    out[:, -1] = n
    out[:, -2] = np.where(n > 0, 1.0, np.nan)
    rows = np.flatnonzero(n >= needed)
    if rows.size:
        out[rows, :-1] = _of_enough_years(values[rows], t, kinds, detrend)
    return out


def _of_enough_years(values: Floats, t: Floats, kinds: Sequence[TimeKind], detrend: bool) -> Floats:
    data = kernels.standard(values, t, detrend)
    n, drivers = data.used.sum(axis=1).astype(np.float64)[:, None], values.shape[1] - 1
    partial = kernels.partial(data, t)
    blocks: list[Floats] = []
    for kind in kinds:
        one, lost = (kernels.pearson(data, t), 2) if kind == "pearson" else (partial, drivers + 1)
        lost += detrend
        naive, corrected = kernels.student(one.r, n - lost), kernels.student(one.r, one.n_eff - lost)
        blocks += [one.r, naive.statistic, naive.p, np.where(np.isfinite(one.r), one.n_eff, np.nan), corrected.p]
    lost = drivers + 1 + detrend
    naive, corrected = (kernels.fisher(partial.unexplained, drivers, size - lost) for size in (n[:, 0], partial.multiple_n_eff))
    multiple = np.sqrt(np.clip(1.0 - partial.unexplained, 0.0, 1.0))
    whole = [multiple, naive.statistic, naive.p, partial.multiple_n_eff, corrected.p, _status(data, partial)]
    return np.column_stack([*blocks, partial.vif, *whole])


def _status(data: kernels.Standard, partial: kernels.Partial) -> Floats:
    constant = np.asarray(np.isnan(data.z).any(axis=2))
    named = [
        constant[:, 0],
        constant[:, 1:].any(axis=1),
        np.isnan(partial.vif).any(axis=1),
        partial.unexplained <= kernels.PERFECT,
    ]
    return np.select(named, [2.0, 3.0, 4.0, 5.0], 0.0)


def _dataset(found: Floats, kinds: Sequence[TimeKind], names: Sequence[str], stack: xr.DataArray, extra: int) -> xr.Dataset:
    """Return the maps of the kernel's columns, (y, x, columns), with adjusted p and degrees of freedom."""
    k = len(names)
    each = [*(f"{kind}_{name}" for kind in kinds for name in OF_KIND), "vif"]
    coords = {"driver": np.array(names)} | {axis: stack[axis].to_numpy() for axis in ("y", "x") if axis in stack.coords}
    layers = {name: (("driver", "y", "x"), np.moveaxis(found[..., i * k : (i + 1) * k], -1, 0)) for i, name in enumerate(each)}
    flat = {name: (("y", "x"), found[..., len(each) * k + i]) for i, name in enumerate(OF_ALL)}
    maps = xr.Dataset(layers | flat, coords)
    for kind in kinds:
        for p in ("p", "p_eff"):
            layer = maps[f"{kind}_{p}"]
            maps[f"{kind}_{p}_adjusted"] = (layer.dims, np.stack([benjamini_hochberg(one) for one in layer.to_numpy()]))
    for p in ("multiple_p", "multiple_p_eff"):
        maps[f"{p}_adjusted"] = (("y", "x"), benjamini_hochberg(maps[p].to_numpy()))
    computed = maps["status"].where(maps["status"] != 1.0).notnull()
    for kind in kinds:
        maps[f"{kind}_df"] = (maps["n_valid"] - _lost(kind, k) - extra).where(computed)
    maps["status"].attrs = {"classes": list(STATUS), "long_name": "Status"}
    maps.attrs = {"crs": stack.attrs.get("crs", ""), "method": METHOD}
    return maps


def _lost(kind: str, drivers: int) -> int:
    """Degrees of freedom that a coefficient costs."""
    return 2 if kind == "pearson" else drivers + 1


def _share_table(maps: xr.Dataset, areas: Floats, kinds: Sequence[TimeKind]) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for kind in kinds:
        for i, name in enumerate(maps["driver"].to_numpy()):
            r = maps[f"{kind}_r"].to_numpy()[i]
            known = np.isfinite(r)
            weight, whole = areas[known], float(areas[known].sum())
            mean = float((r[known] * weight).sum()) / whole if known.any() else np.nan
            for p, words in P_WORDS.items():
                found = maps[f"{kind}_{p}"].to_numpy()[i][known] < ALPHA
                for level, side in (("positive", r[known] > 0), ("negative", r[known] < 0)):
                    area = float(weight[found & side].sum())
                    rows.append(
                        {"driver": name, "method": f"{kind}, {words}", "r": mean, "level": level,
                         "n": int((found & side).sum()), "area_km2": area, "share": area / whole if known.any() else np.nan}
                    )  # fmt: skip
    return pd.DataFrame(rows).assign(share_of="area of the cells with the coefficient")


def _regional(
    given: JoinedStacks, maps: xr.Dataset, areas: Floats, kinds: Sequence[TimeKind], detrend: bool, needed: int
) -> pd.DataFrame:
    """Return the correlations of the area-weighted means of the cells that have every year, or of all with enough."""
    n, k = maps["n_valid"].to_numpy(), len(given.names)
    complete = n == len(given.years)
    means = regional_means(given, np.where(complete if complete.any() else n >= needed, areas, 0.0))[None]
    years = int(np.isfinite(means).all(axis=1).sum())
    columns = _columns(kinds, k)
    row = _statistics(means, given.years, kinds, detrend, needed)[0]
    value = {name: row[[i for i, one in enumerate(columns) if one == name]] for name in dict.fromkeys(columns)}
    note = "mean of the cells that have every year" if complete.any() else "mean of other cells in other years: no cell has all"
    found: list[dict[str, object]] = []
    for kind in kinds:
        df = float(years - _lost(kind, k) - detrend)
        for i, name in enumerate(given.names):
            r, t, p, n_eff, p_eff = (value[f"{kind}_{one}"][i] for one in OF_KIND)
            found.append(
                {"driver": name, "method": kind, "r": r, "statistic": t, "df": df, "p": p, "n_eff": n_eff, "p_eff": p_eff}
            )
    r, f, p, n_eff, p_eff = (value[one][0] for one in OF_ALL[:5])
    df = float(years - _lost("partial", k) - detrend)
    found.append(
        {"driver": ALL_DRIVERS, "method": "multiple", "r": r, "statistic": f, "df": float(k), "df_2": df, "p": p,
         "n_eff": n_eff, "p_eff": p_eff}
    )  # fmt: skip
    columns = ["driver", "method", "r", "statistic", "df", "df_2", "p", "n", "n_eff", "p_eff", "note"]
    return pd.DataFrame(found).assign(n=years, note=note).reindex(columns=columns)


def _notes(maps: xr.Dataset, needed: int, detrend: bool) -> tuple[str, ...]:
    status = maps["status"].to_numpy()
    notes = [
        "Naive P takes years as independent; the corrected P puts the effective number of years (Bretherton et al. 1999) in "
        "the place of n. Neither makes a correlation a cause, and drivers that go together share what they explain.",
    ]
    if not detrend:
        notes.append(
            "Trends are left in: two series with a trend correlate whatever joins them; detrend = true takes them off."
        )
    n = int(np.nanmax(maps["n_valid"].to_numpy()))
    if n - maps.sizes["driver"] - 1 < 15:
        notes.append(
            f"With {n} years and {maps.sizes['driver']} drivers a partial coefficient has at most "
            f"{n - maps.sizes['driver'] - 1 - detrend} degrees of freedom: only strong ones can be told from chance."
        )
    said = {
        1: f"have fewer than {needed} years in which every driver has a value",
        2: "have a constant response: they have no coefficient",
        3: "have a driver that does not vary there: they have no partial and no multiple correlation",
        4: f"have drivers that determine each other (variance inflation over {kernels.COLLINEAR:.0e}): no partial coefficient",
        5: "have a response that is exactly linear in the drivers: no P",
    }
    notes += [f"{int((status == code).sum()):,} cells {words}." for code, words in said.items() if (status == code).any()]
    return tuple(notes)
