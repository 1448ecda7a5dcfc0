"""Land cover by class: from the codes of a product to the classes that a model or a paper uses.

A code that the legend does not have is counted and refused. Legends and schemes are in ``legends.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.datasets.labels import labelled, with_flags
from carbondrivers.datasets.legends import crosswalk, get_legend, schemes
from carbondrivers.errors import DataError, DataWarning, choose

Unknown = Literal["refuse", "missing"]
Output = Literal["name", "number"]
Values: TypeAlias = Any
"""A numpy or dask array, or an xarray DataArray (lazy or not); the result is of the same kind."""


def reclassify(
    codes: Values,
    *,
    legend: str,
    scheme: str,
    assign: Mapping[str, str] | None = None,
    unknown: Unknown = "refuse",
    output: Output = "name",
) -> Values:
    """Return the classes of land-cover codes.

    Parameters
    ----------
    codes
        Whole numbers of any shape and type; NaN for missing.
    legend
        ``"ESA-CCI-LC"``, ``"MCD12Q1"``, ``"CLCD"`` or ``"CNLUCC"`` (``carbondrivers list legends``).
    scheme
        ``"ecosystem"``, ``"land_use"``, ``"casa"``, ``"autotrophic"``, ``"chen"``, ``"soil_carbon"`` or ``"mod17"``.
    assign
        Classes for types that the scheme has none for, as ``{"forest": "mixed_forest"}``; see ``crosswalk``.
    unknown
        What to do with codes that the legend does not have: ``"refuse"``, or ``"missing"`` (with a warning that counts
        them, for arrays in memory).
    output
        ``"name"`` (text, empty for none: what the NEP models take) or ``"number"`` (float, NaN for none, with
        ``flag_values`` and ``flag_meanings``: what a grid of classes is kept as).

    Returns
    -------
    same kind as `codes`
        Of the same shape. Lazy arrays stay lazy and refuse when they are computed, block by block.

    Raises
    ------
    OptionError
        If an option is unknown, or the scheme has no class for a type of the legend.
    DataError
        If codes are unknown or no whole numbers; unknown ones are listed with their counts.

    Warns
    -----
    DataWarning
        With ``unknown="missing"``, if there are any.

    Examples
    --------
    >>> reclassify(np.array([2, 4, 0]), legend="CLCD", scheme="ecosystem")
    array(['forest', 'grassland', ''], dtype='<U10')
    """
    choose(unknown, ("refuse", "missing"), "unknown")
    choose(output, ("name", "number"), "output")
    classes = crosswalk(legend, scheme, assign)
    order = [name for name in schemes()[scheme].names if name in classes.values()]
    table = _table(legend, classes, order, output, refuse=unknown == "refuse")
    if not isinstance(codes, xr.DataArray):
        return _looked_up(codes, table)
    found = codes.copy(data=_looked_up(codes.data, table))
    options = {"legend": table.legend, "scheme": scheme, "assign": dict(assign or {})}
    title = schemes()[scheme].title
    found = labelled(found, [codes], "land_cover_class", unit="", title=title, kind="categorical", options=options)
    return with_flags(found, dict(enumerate(order, start=1))) if output == "number" else found


def count_codes(codes: Values, *, legend: str) -> pd.DataFrame:
    """Count the cells of each code, in one pass over the values.

    Parameters
    ----------
    codes
        As in ``reclassify``.
    legend
        Name of the legend.

    Returns
    -------
    pandas.DataFrame
        Columns code, name (empty where the legend has none), type and n; one row a code that occurs, missing cells left
        out.

    Raises
    ------
    DataError
        If codes are no whole numbers.

    Examples
    --------
    >>> count_codes(np.array([1, 1, 57]), legend="CLCD")["n"].tolist()
    [2, 1]
    """
    from dask.base import compute
    from dask.delayed import delayed

    source = get_legend(legend)
    data = codes.data if isinstance(codes, xr.DataArray) else codes
    blocks = data.to_delayed().ravel() if getattr(data, "chunks", None) is not None else [np.asarray(data)]
    total: dict[int, int] = {}
    for found in compute(*(delayed(_counts)(block, source.name) for block in blocks)):  # type: ignore[no-untyped-call]
        for code, count in found.items():
            total[code] = total.get(code, 0) + count
    names = {**dict.fromkeys(source.nodata, "no data"), **source.names}
    rows = [(code, names.get(code, ""), source.types.get(code, ""), total[code]) for code in sorted(total)]
    return pd.DataFrame(rows, columns=["code", "name", "type", "n"])


def unknown_codes(codes: Values, *, legend: str) -> str:
    """Say which codes of a grid its legend does not have, with their cells, in one pass; empty where all are known.

    Parameters
    ----------
    codes, legend
        As in ``count_codes``.

    Examples
    --------
    >>> unknown_codes(np.array([1, 1, 57]), legend="CLCD")
    '1 cells hold codes that legend CLCD does not have, code (cells): 57 (1)'
    """
    counted = count_codes(codes, legend=legend)
    lost = counted.loc[counted["name"] == ""]
    return _told(dict(zip(lost["code"], lost["n"], strict=True)), get_legend(legend).name) if len(lost) else ""


@dataclass(frozen=True, slots=True)
class _Table:
    """What each code becomes: one place for every number from `first` on, known or not, and an unknown one at either end."""

    legend: str
    first: int
    known: NDArray[np.bool_]
    classes: NDArray[Any]
    refuse: bool


def _table(legend: str, classes: Mapping[int, str], order: list[str], output: Output, *, refuse: bool) -> _Table:
    source = get_legend(legend)
    filled = {**dict.fromkeys(source.nodata, ""), **classes}
    first, last = min(filled) - 1, max(filled) + 1
    known = np.asarray([code in filled for code in range(first, last + 1)])
    names = np.asarray([filled.get(code, "") for code in range(first, last + 1)])
    if output == "name":
        return _Table(source.name, first, known, names, refuse)
    numbers = {"": np.nan, **{name: float(number) for number, name in enumerate(order, start=1)}}
    return _Table(source.name, first, known, np.asarray([numbers[name] for name in names], np.float32), refuse)


def _looked_up(codes: Any, table: _Table) -> Any:
    if getattr(codes, "chunks", None) is not None:
        return codes.map_blocks(_block, table, dtype=table.classes.dtype)
    found, lost = _classes(np.asarray(codes), table)
    if lost:
        warnings.warn(f"{_told(lost, table.legend)}; they became missing", DataWarning, stacklevel=3)
    return found


def _block(codes: NDArray[Any], table: _Table) -> NDArray[Any]:
    return _classes(codes, table)[0]


def _classes(codes: NDArray[Any], table: _Table) -> tuple[NDArray[Any], dict[int, int]]:
    """Return the classes, and the unknown codes with their counts."""
    whole, present = _whole(codes, table.legend)
    places = np.where(present, np.clip(whole - table.first, 0, table.known.size - 1), 0)
    lost = _tally(whole[present & ~table.known[places]])
    if lost and table.refuse:
        raise DataError(
            f"{_told(lost, table.legend)}: check the legend{_signed_bytes(lost, table)}, declare the nodata value, or "
            "pass over them with unknown='missing'"
        )
    return table.classes[places], lost


def _whole(codes: NDArray[Any], legend: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the codes as whole numbers, and where there are any."""
    if codes.dtype.kind in "iub":
        return codes.astype(np.int64), np.ones(codes.shape, dtype=bool)
    if codes.dtype.kind != "f":
        raise DataError(f"codes of legend {legend} must be numbers, got {codes.dtype}: give the codes, not their names")
    present = ~np.isnan(codes)
    whole = np.where(np.isfinite(codes), codes, 0.0).astype(np.int64)
    odd = present & (whole != codes)
    if odd.any():
        raise DataError(
            f"codes of legend {legend} hold {int(odd.sum())} values that are no whole numbers ({codes[odd].flat[0]:g}): "
            "classes were averaged when they were resampled; use nearest or mode"
        )
    return whole, present


def _tally(codes: NDArray[np.int64]) -> dict[int, int]:
    values, counts = np.unique(codes, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _counts(codes: NDArray[Any], legend: str) -> dict[int, int]:
    whole, present = _whole(np.asarray(codes), legend)
    return _tally(whole[present])


def _told(lost: Mapping[int, int], legend: str) -> str:
    listed = ", ".join(f"{code} ({count})" for code, count in sorted(lost.items(), key=lambda item: -item[1])[:8])
    more = f" and {len(lost) - 8} more codes" if len(lost) > 8 else ""
    return f"{sum(lost.values())} cells hold codes that legend {legend} does not have, code (cells): {listed}{more}"


def _signed_bytes(lost: Mapping[int, int], table: _Table) -> str:
    """Say so where the unknown codes are unsigned bytes that were read as signed ones, as old ESA CCI files are."""
    signed = all(-128 <= code < 0 and table.known[min(code + 256 - table.first, table.known.size - 1)] for code in lost)
    return ", add 256 to the negative codes (unsigned bytes were read as signed)" if signed else ""
