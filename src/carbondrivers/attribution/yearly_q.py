"""q of every driver in every year, and whether it changes: the geodetector on a stack.

In each year the cells in which the response and all drivers have a value are cut into strata, anew by the same rule, and
give q, epsilon2 and its interval (blocks of the grid resampled, the same blocks in every year). The change of epsilon2 over
the years is a Theil-Sen slope with a Mann-Kendall P, naive (years independent) and with the variance of Hamed and Rao (1998),
which counts that years resemble their neighbours. Sources: Wang et al. (2010), doi:10.1080/13658810802443457; Sen (1968),
doi:10.1080/01621459.1968.10480934; Hamed and Rao (1998), doi:10.1016/S0022-1694(97)00125-X.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution import trend_kernels as kernels
from carbondrivers.attribution.grid_blocks import blocks_of
from carbondrivers.attribution.inference import Floats, adjust_within
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import Bootstrap, Units, bootstrap_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.scale_curve import explained
from carbondrivers.attribution.strata import STRATA_METHODS, StrataMethod
from carbondrivers.attribution.time_stacks import JoinedStacks, joined_stacks, variables_of
from carbondrivers.attribution.trend_tests import outcome
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

YEAR_COLUMNS = ["group", "response", "driver", "year", "q", "epsilon2", "ci_low", "ci_high", "cells", "n", "n_units", "note"]
TREND_COLUMNS = [
    "group", "response", "driver", "estimate", "ci_low", "ci_high", "statistic", "p", "p_adjusted", "p_eff", "p_eff_adjusted",
    "first", "last", "n", "method", "note",
]  # fmt: skip
FEWEST_YEARS = 4
METHOD = "Theil-Sen and Mann-Kendall of epsilon²; corrected P by Hamed and Rao (1998)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class YearlyQResult(Result):
    """q by year.

    Attributes
    ----------
    years : pandas.DataFrame
        One row a driver and year: q, epsilon2 with its interval, strata (``cells``), grid cells (``n``).
    trends : pandas.DataFrame
        One row a driver: Theil-Sen slope of epsilon2 a year (``estimate``) with its interval, Mann-Kendall deviate, naive
        and corrected P; ``first`` and ``last`` are the first and the last year.
    """

    years: pd.DataFrame
    trends: pd.DataFrame


@register(
    "yearly_q",
    title="Geodetector by year: q and its trend",
    takes="stack",
    result=YearlyQResult,
    version="1",
    citation="Wang, J.F. et al. (2010). Geographical detectors-based health risk assessment. International Journal of "
    "Geographical Information Science 24, 107-127.",
)
def yearly_q(
    stack: xr.DataArray,
    drivers: Mapping[str, xr.DataArray],
    *,
    method: StrataMethod = "quantile",
    classes: int = 6,
    block_size: float | None = None,
    confidence: float = 0.95,
    replicates: int = 500,
    seed: int = 0,
) -> YearlyQResult:
    """Compute q of every driver in every year, and the trend of epsilon2.

    Parameters
    ----------
    stack
        Response, dims ``year`` (numbers) or ``time`` (dates), y and x; NaN is a gap. It may be lazy: one year is read at a
        time.
    drivers
        Name to stack on the same grid, or to one grid (y, x) that stands for all years.
    method, classes
        How drivers are cut, in every year anew.
    block_size
        Side of the blocks in the unit of the coordinates; a tenth of the longer side of the extent by default.
    confidence
        Level of the intervals of epsilon2.
    replicates
        Resamples of blocks, 100 or more.
    seed
        Of the resampling.

    Raises
    ------
    DataError
        If a grid is no stack of numbers, lies on another grid or holds infinite values, or no year has enough cells.
    OptionError
        If an option is outside its list or range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> coords = {"year": np.arange(2001, 2007), "y": np.arange(12.0), "x": np.arange(12.0)}
    >>> rain = xr.DataArray(rng.normal(size=(6, 12, 12)), coords, ("year", "y", "x"), name="rain")
    >>> nep = (rain * xr.DataArray(np.arange(6.0), {"year": coords["year"]}) + rng.normal(size=(6, 12, 12))).rename("nep")
    >>> found = yearly_q(nep.transpose("year", "y", "x").assign_attrs(crs="EPSG:32650"), {"rain": rain}, replicates=100)
    >>> bool(found.trends["estimate"][0] > 0.1)
    True
    """
    choose(method, STRATA_METHODS, "method")
    if isinstance(classes, bool) or not isinstance(classes, int) or not 2 <= classes <= 50:
        raise OptionError(f"classes must be a whole number from 2 to 50, got {classes!r}")
    bootstrap = bootstrap_of(replicates, confidence, seed)
    given = joined_stacks(stack, _with_years(stack, drivers) if isinstance(drivers, Mapping) else drivers)
    rows = pd.DataFrame(list(_years(given, method, classes, block_size, bootstrap)), columns=YEAR_COLUMNS)
    if rows["q"].isna().all():
        if rows["n"].max() <= classes:
            raise DataError(
                f"{stack.name or 'the stack'!r}: in no year do enough cells have a value of the response and of every driver: "
                f"{rows['n'].max()} at most, and {classes + 1} or more are needed"
            )
        raise DataError(
            f"{stack.name or 'the stack'!r}: no driver has a q in any year, with {rows['n'].max()} cells at most that have a "
            f"value of everything; {'; '.join(dict.fromkeys(rows['note']))}"
        )
    head = {"group": ALL, "response": str(stack.name or "response")}
    trends = pd.DataFrame([head | _trend(d, rows, given.years) for d in given.names])
    trends = adjust_within(trends, ["group"])
    corrected = adjust_within(trends.assign(p=trends["p_eff"]), ["group"])["p_adjusted"]
    parameters = {
        "method": method, "classes": classes, "block_size": block_size, "confidence": confidence, "replicates": replicates,
        "seed": seed, "drivers": list(given.names),
    }  # fmt: skip
    return YearlyQResult(
        method="yearly_q",
        parameters=parameters,
        n=int(rows["n"].max()),
        notes=(
            "Strata are cut anew in every year: q says how much they explain then, not how the driver itself changed.",
            *given.notes,
        ),
        provenance=history_line("yearly_q", n=int(rows["n"].max()), **parameters),
        variables=variables_of(stack, drivers),
        years=rows.assign(**head)[YEAR_COLUMNS],
        trends=trends.assign(p_eff_adjusted=corrected, method=METHOD).reindex(columns=TREND_COLUMNS),
    )


def _with_years(stack: xr.DataArray, drivers: Mapping[str, xr.DataArray]) -> Mapping[str, xr.DataArray]:
    """Return the drivers, a single grid repeated over the years of the response."""
    dim = next((d for d in ("year", "time") if d in stack.dims), None)
    return {
        name: one.expand_dims({dim: stack[dim]})
        if isinstance(one, xr.DataArray) and dim and set(one.dims) == {"y", "x"}
        else one
        for name, one in drivers.items()
    }


def _years(
    given: JoinedStacks, method: StrataMethod, classes: int, block_size: float | None, bootstrap: Bootstrap
) -> Iterator[dict[str, object]]:
    blocks = blocks_of(given.layers[0].isel(year=0, drop=True), block_size).codes.ravel()
    for i, year in enumerate(given.years):
        values = np.stack([np.asarray(one.isel(year=i).to_numpy(), dtype=np.float64).ravel() for one in given.layers])
        for name, layer in zip((given.layers[0].name, *given.names), values, strict=True):
            if np.isinf(layer).any():
                raise DataError(f"{str(name)!r} holds infinite values: set them to NaN first")
        full = ~np.isnan(values).any(axis=0)
        units = Units(np.unique(blocks[full], return_inverse=True)[1].reshape(-1).astype(np.int64), "blocks")
        for driver, x in zip(given.names, values[1:, full], strict=True):
            yield {"driver": driver, "year": year, "n": int(full.sum()), "note": ""} | explained(
                values[0, full], pd.Series(x), method, classes, units, bootstrap
            )


def _trend(driver: str, rows: pd.DataFrame, years: Floats) -> dict[str, object]:
    series = rows.loc[rows["driver"] == driver, "epsilon2"].to_numpy(dtype=np.float64)[None]
    n = int(np.isfinite(series).sum())
    row: dict[str, object] = {"driver": driver, "n": n, "first": years[0], "last": years[-1], "p": np.nan, "p_eff": np.nan}
    if n < FEWEST_YEARS:
        return row | {"note": f"undefined: fewer than {FEWEST_YEARS} years with a q"}
    plain = kernels.mann_kendall(series)
    sen = kernels.theil_sen(series, years, plain.variance)
    naive, corrected = (outcome(series, years, plain, sen.slope, test) for test in ("mann_kendall", "hamed_rao"))
    return row | {
        "estimate": float(sen.slope[0]), "ci_low": float(sen.ci_low[0]), "ci_high": float(sen.ci_high[0]),
        "statistic": float(naive.z[0]), "p": float(naive.p[0]), "p_eff": float(corrected.p[0]), "note": "",
    }  # fmt: skip
