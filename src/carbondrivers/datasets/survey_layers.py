"""A look at grids before anything is computed: where they lie, what they hold, what they lack.

Lazy layers are read block by block, each of them once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from carbondrivers.datasets.blocks import in_blocks
from carbondrivers.datasets.crs_checks import check_crs
from carbondrivers.datasets.grids import grid_difference, resolution
from carbondrivers.datasets.groups import MAX_CLASSES
from carbondrivers.datasets.labels import flag_names
from carbondrivers.datasets.legends import get_legend
from carbondrivers.datasets.survey import (
    FEW_YEARS,
    Finding,
    Survey,
    make_survey,
    value_findings,
)
from carbondrivers.errors import DataError, OptionError, did_you_mean

GRID, AREA = "cells of the grid", "cells in which the response has a value"
"""What shares of missing cells are of."""
WHOLE = 1.0 - 1e-6
NO_YEAR = -1
Bounds: TypeAlias = tuple[float, float, float, float]


def survey_layers(
    layers: Mapping[str, xr.DataArray],
    *,
    response: str | None = None,
    legends: Mapping[str, str | Mapping[int, str]] | None = None,
    few_years: int = FEW_YEARS,
    together: Collection[str] = (),
) -> Survey:
    """Look at grids: CRS, overlap, alignment, unit and range, missing shares, class codes, constants, years.

    Parameters
    ----------
    layers
        Name to grid, dimensions (y, x), (year, y, x) or (time, y, x), with ``attrs`` crs, units and kind; lazy or not.
    response
        The layer that others are compared with, and whose cells missing shares are of; by default the first, and shares
        are of all cells of the grid.
    legends
        Layer to legend: a name of ``carbondrivers list legends``, or code to name. By default the names that a grid carries.
    few_years
        Stacks of fewer years are named.
    together
        Layers that a sample takes together: that no cell has a value in all of them is an error.

    Raises
    ------
    DataError
        If there are no layers.
    OptionError
        If the response or the layer of a legend is none of the layers, or a legend is unknown.

    Examples
    --------
    >>> grid = xr.DataArray(
    ...     [[250.0, 290.0]], coords={"y": [40.0], "x": [100.0, 100.5]}, dims=("y", "x"),
    ...     attrs={"crs": "EPSG:4326", "units": "K", "resolution": (0.5, 0.5)},
    ... )
    >>> survey_layers({"temperature": grid}).findings["note"].tolist()
    ["is in K, the catalogue's temperature in degC: convert it, or rename it"]
    """
    if not layers:
        raise DataError("no layers are given: name at least one")
    for what, name in (("response", response), *(("legends", name) for name in legends or {})):
        if name is not None and name not in layers:
            raise OptionError(f"{what} must name a layer, got {name!r}.{did_you_mean(name, layers)}")
    chosen = response or next(iter(layers))
    reference = layers[chosen]
    area = _area(reference) if response else None
    area = area if area is not None and area.any() else None
    rows: list[dict[str, object]] = []
    missing: list[dict[str, object]] = []
    findings: list[Finding] = []
    shared = np.ones((reference.sizes["y"], reference.sizes["x"]), dtype=bool)
    for name, da in layers.items():
        differs = "" if name == chosen else _difference(reference, da)
        try:
            look = _look(da, None if differs else area, shared if name in together and not differs else None)
        except DataError as error:
            findings.append(
                Finding("error", "classes" if da.attrs.get("kind") == "categorical" else "missing", name, str(error))
            )
            continue
        of = AREA if area is not None and not differs else GRID
        rows.append(_row(name, da, look, of))
        missing += [{"name": name, "year": year, "n": n, "missing": share, "share_of": of} for year, n, share in look.by_year]
        findings += _crs_findings(name, da)
        if differs:
            findings += _place_findings(name, da, chosen, reference, differs)
        findings += _year_findings(name, look, _years(reference), few_years)
        findings += value_findings(name, str(da.attrs.get("units", "")), look.n, look.low, look.high, look.missing, of)
        if da.attrs.get("kind") == "categorical":
            findings += _class_findings(name, look, _legend(da, (legends or {}).get(name)))
    if not shared.any() and len(rows) == len(layers):
        findings.append(_apart(together, rows))
    return make_survey(rows, missing, findings)


def _apart(together: Collection[str], rows: list[dict[str, object]]) -> Finding:
    """Return the finding that layers share no cell."""
    emptiest = max((row for row in rows if row["name"] in together), key=lambda row: float(str(row["missing"])))
    note = (
        f"no cell has a value in all of {', '.join(together)}: the sample would be empty; look at their masks and extents, or "
        f"leave one out ({emptiest['name']} lacks most)"
    )
    return Finding("error", "missing", "", note)


@dataclass(frozen=True, slots=True)
class _Look:
    """What one pass over a layer found: `by_year` holds (year or None, values, missing share)."""

    n: int
    low: float
    high: float
    missing: float
    by_year: list[tuple[int | None, int, float]]
    codes: dict[float, int]
    months: dict[int, int]


def _area(da: xr.DataArray) -> NDArray[np.bool_]:
    """Return the cells in which a layer has a value at any time."""
    area = np.zeros((da.sizes["y"], da.sizes["x"]), dtype=bool)
    for region, (values,) in in_blocks(da):
        area[region] = ~np.isnan(values).all(axis=tuple(range(values.ndim - 2)))
    return area


def _look(da: xr.DataArray, area: NDArray[np.bool_] | None, shared: NDArray[np.bool_] | None = None) -> _Look:
    """Look at a layer once; cells without any value are taken out of `shared`."""
    labels = _labels(da)
    counts, inside = np.zeros(labels.size, dtype=np.int64), np.zeros(labels.size, dtype=np.int64)
    low, high = np.inf, -np.inf
    codes: dict[float, int] = {}
    for region, (values,) in in_blocks(da):
        block = values.reshape(labels.size, -1)
        valid = ~np.isnan(block)
        counts += valid.sum(axis=1)
        if shared is not None:
            shared[region] &= valid.any(axis=0).reshape(values.shape[-2:])
        inside += (valid if area is None else valid & area[region].ravel()).sum(axis=1)
        present = block[valid]
        if present.size:
            low, high = min(low, float(present.min())), max(high, float(present.max()))
        if da.attrs.get("kind") == "categorical" and len(codes) <= MAX_CLASSES:
            for code, n in zip(*np.unique(present, return_counts=True), strict=True):
                codes[float(code)] = codes.get(float(code), 0) + int(n)
    cells = da.sizes["y"] * da.sizes["x"] if area is None else int(area.sum())
    steps = {year: labels == year for year in np.unique(labels).tolist()}
    missing = {year: 1.0 - float(inside[here].sum()) / (cells * int(here.sum())) for year, here in steps.items()}
    return _Look(
        n=int(counts.sum()),
        low=low,
        high=high,
        missing=1.0 - float(inside.sum()) / (cells * labels.size),
        by_year=[(None if year == NO_YEAR else year, int(counts[here].sum()), missing[year]) for year, here in steps.items()],
        codes=codes,
        months={year: int(here.sum()) for year, here in steps.items()} if "time" in da.dims else {},
    )


def _labels(da: xr.DataArray) -> NDArray[np.int64]:
    """Return the year of each time step; ``NO_YEAR`` for a single grid."""
    if "year" in da.dims:
        return np.asarray(da["year"].to_numpy(), dtype=np.int64)
    return np.asarray(da["time"].dt.year.to_numpy(), dtype=np.int64) if "time" in da.dims else np.array([NO_YEAR])


def _years(da: xr.DataArray) -> list[int]:
    return sorted(set(_labels(da).tolist()) - {NO_YEAR})


def _span(years: list[int]) -> str:
    """Return years as ``2001-2003, 2005``."""
    runs: list[list[int]] = []
    for year in years:
        if runs and runs[-1][-1] == year - 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _row(name: str, da: xr.DataArray, look: _Look, of: str) -> dict[str, object]:
    dx, dy = resolution(da) if {"x", "y"} <= set(da.coords) else (np.nan, np.nan)
    return {
        "name": name, "kind": str(da.attrs.get("kind", "continuous")), "unit": str(da.attrs.get("units", "")), "n": look.n,
        "min": look.low if look.n else np.nan, "max": look.high if look.n else np.nan, "missing": look.missing, "share_of": of,
        "years": _span(_years(da)), "classes": len(look.codes) or None, "crs": str(da.attrs.get("crs", ""))[:60],
        "resolution": f"{dx:.6g} x {dy:.6g}",
    }  # fmt: skip


def _difference(reference: xr.DataArray, da: xr.DataArray) -> str:
    """Say in what a grid differs from the reference, empty where in nothing."""
    try:
        return grid_difference(reference, da)
    except DataError:
        return "CRS"


def _crs_findings(name: str, da: xr.DataArray) -> Iterator[Finding]:
    if not da.attrs.get("crs"):
        yield Finding("error", "CRS", name, "has no CRS: set attrs['crs'], or declare it, for example as 'EPSG:4326'")
        return
    try:
        check_crs(str(da.attrs["crs"]))
    except DataError as error:
        yield Finding("error", "CRS", name, str(error))


def _place_findings(name: str, da: xr.DataArray, other: str, reference: xr.DataArray, differs: str) -> Iterator[Finding]:
    """Iterate over what separates a layer from the reference: another place on earth, or another grid on the same."""
    if not (da.attrs.get("crs") and reference.attrs.get("crs")):
        return
    try:
        frame, own = _bounds(reference), _moved(_bounds(da), str(da.attrs["crs"]), str(reference.attrs["crs"]))
    except (DataError, ProjError) as error:
        yield Finding("error", "overlap", name, f"cannot be laid over {other!r} ({str(error)[:120]}): check its CRS")
        return
    share = _covered(frame, own)
    if share <= 0.0:
        west, south, east, north = own
        turned = _covered(frame, (south, west, north, east)) > 0.0
        remedy = "x and y are exchanged; write longitude as x" if turned else "check its CRS and the region"
        yield Finding("error", "overlap", name, f"does not overlap {other!r}: {remedy}")
        return
    if share < WHOLE:
        yield Finding("warning", "overlap", name, f"covers {share:.1%} of the extent of {other!r}: the rest has no value")
    yield Finding("warning", "alignment", name, f"differs from {other!r} in {differs}: it must be warped to one grid")


def _bounds(da: xr.DataArray) -> Bounds:
    dx, dy = resolution(da)
    x, y = (da[axis].to_numpy().astype(np.float64) for axis in ("x", "y"))
    return float(x.min() - dx / 2), float(y.min() - dy / 2), float(x.max() + dx / 2), float(y.max() + dy / 2)


def _moved(bounds: Bounds, source: str, target: str) -> Bounds:
    from pyproj import Transformer

    moved: Bounds = Transformer.from_crs(source, target, always_xy=True).transform_bounds(*bounds, densify_pts=21)
    if not np.isfinite(moved).all():
        raise DataError(f"its corners have no place in {target[:40]}")
    return moved


def _covered(frame: Bounds, own: Bounds) -> float:
    """Return the share of the first extent that the second covers."""
    wide, high = min(frame[2], own[2]) - max(frame[0], own[0]), min(frame[3], own[3]) - max(frame[1], own[1])
    return max(wide, 0.0) * max(high, 0.0) / ((frame[2] - frame[0]) * (frame[3] - frame[1]))


def _year_findings(name: str, look: _Look, wanted: list[int], few: int) -> Iterator[Finding]:
    own = [year for year, _, _ in look.by_year if year is not None]
    if not own:
        return
    if len(own) < few:
        yield Finding("warning", "years", name, f"has {len(own)} years ({_span(own)}): a trend wants {few} or more")
    gaps = sorted(set(range(own[0], own[-1] + 1)) - set(own))
    if gaps:
        yield Finding("error", "years", name, f"lacks {_span(gaps)} between its first and last year: add them")
    lacks = sorted(set(wanted) - set(own) - set(gaps))
    if lacks:
        yield Finding("warning", "years", name, f"lacks {_span(lacks)}, which the response has: add them, or narrow the years")
    partly = [year for year, months in look.months.items() if months != 12]
    if partly:
        yield Finding("error", "years", name, f"has not all months of {_span(partly)}: add them, or leave these years out")
    empty = [year for year, n, _ in look.by_year if year is not None and not n]
    if empty and look.n:
        yield Finding("warning", "missing", name, f"has no value at all in {_span(empty)}: look at the file and its mask")


def _legend(da: xr.DataArray, given: str | Mapping[int, str] | None) -> dict[int, str]:
    if given is None:
        return flag_names(da)
    if isinstance(given, str):
        known = get_legend(given)
        return {**known.names, **dict.fromkeys(known.nodata, "no data")}
    return dict(given)


def _class_findings(name: str, look: _Look, legend: Mapping[int, str]) -> Iterator[Finding]:
    codes = sorted(look.codes)
    fractions = [code for code in codes if code != round(code)]
    if fractions or len(codes) > MAX_CLASSES:
        said = f"holds {len(codes)} values such as {(fractions or codes)[0]:g} where classes are expected"
        remedy = "resample classes with nearest or mode, or declare kind = 'continuous'"
        yield Finding("error", "classes", name, f"{said}: {remedy}")
        return
    strange = [code for code in codes if legend and int(code) not in legend]
    if strange:
        told = ", ".join(f"{code:g} ({look.codes[code]} cells)" for code in strange[:8])
        yield Finding(
            "error",
            "classes",
            name,
            f"holds {len(strange)} codes outside its legend: {told}; declare another legend, or nodata",
        )
