"""Grids of classes for the steps that sum by them: from a categorical driver, the land cover or the regions of a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from carbondrivers.errors import DataError, did_you_mean
from carbondrivers.study.grids import first_layer

if TYPE_CHECKING:
    import xarray as xr

    from carbondrivers.study.inputs import Inputs

ClassOf: TypeAlias = Literal["most_frequent", "last_year", "unchanged"]
SAID = {
    "most_frequent": "A cell belongs to the class that it has in most years.",
    "last_year": "A cell belongs to the class that it has in the last year.",
    "unchanged": "Only cells that keep their class through all years belong to it.",
}
MOST_CLASSES = 50
Coded: TypeAlias = "tuple[xr.DataArray, dict[int, str]]"


def one_a_cell(cover: xr.DataArray, class_of: ClassOf) -> xr.DataArray:
    """Return one class a cell of classes by year; a grid without years as it is.

    Parameters
    ----------
    cover
        Codes, dimensions (year, y, x) or (y, x), NaN for none.
    class_of
        ``"most_frequent"`` (the smaller code of two equal ones), ``"last_year"`` or ``"unchanged"``.

    Examples
    --------
    >>> import xarray as xr
    >>> years = xr.DataArray([[[1.0]], [[2.0]], [[2.0]]], dims=("year", "y", "x"), coords={"year": [2001, 2002, 2003]})
    >>> [float(one_a_cell(years, how)[0, 0]) for how in ("most_frequent", "last_year", "unchanged")]
    [2.0, 2.0, nan]
    """
    if "year" not in cover.dims:
        return cover
    ordered = cover.sortby("year").transpose("year", "y", "x")
    last = ordered.isel(year=-1, drop=True)
    if class_of == "last_year":
        return last
    if class_of == "unchanged":
        return last.where((ordered == last).all("year"))
    values = ordered.to_numpy()
    codes = np.unique(values[np.isfinite(values)])
    counts = np.stack([(values == code).sum(axis=0) for code in codes] or [np.zeros(last.shape, dtype=np.int64)])
    return last.copy(data=np.where(counts.max(axis=0) > 0, np.append(codes, np.nan)[counts.argmax(axis=0)], np.nan))


def own_names(grid: xr.DataArray, what: str) -> dict[int, str]:
    """Return the names that a grid of classes carries, else its numbers as their own names.

    Raises
    ------
    DataError
        If there are more than fifty: then it is a measured variable, or an identifier.
    """
    from carbondrivers.attribution.class_grids import bands
    from carbondrivers.datasets.labels import flag_names

    carried = flag_names(grid)
    if carried:
        return carried
    found: set[float] = set()
    for rows in bands(grid):
        values = grid.isel(y=rows).to_numpy()
        found |= set(np.unique(values[np.isfinite(values)]).tolist())
        if len(found) > MOST_CLASSES:
            raise DataError(f"{what!r} has more than {MOST_CLASSES} classes: name a coarser driver, or join classes")
    return {int(code): str(int(code)) for code in sorted(found)}


def renamed(names: Mapping[int, str], given: Mapping[str, str], what: str) -> dict[int, str]:
    """Return the names of classes with those that a study gives in their place.

    Raises
    ------
    DataError
        If a given number is not a whole number, or no cell has it.
    """
    found = dict(names)
    for number, name in given.items():
        if not number.lstrip("-").isdigit() or int(number) not in found:
            raise DataError(f"names: there is no class {number!r} of {what!r}, only {', '.join(map(str, sorted(found)))}")
        found[int(number)] = name
    return found


def land_cover(inputs: Inputs) -> Coded | None:
    """Return the land-cover codes of a study, dims (year, y, x) or (y, x), and their names; None without such a grid."""
    if inputs.spec.kind == "region":
        codes = inputs.region.annual["land_cover"]
        kept = codes.where(codes >= 0).astype("float32")
        kept.attrs = {"units": "", "long_name": "Land cover", "crs": inputs.region.crs, "kind": "categorical"}
        return kept, dict(inputs.region.legend)
    if "land_cover" not in inputs.spec.layers_of_files():
        return None
    grid = inputs.grid("land_cover", "categorical")
    return grid, inputs.spec.nep.names_of_codes() or own_names(grid, "land_cover")


def regions(inputs: Inputs) -> Coded | None:
    """Return the number of each cell's region, dims (y, x), NaN outside, and their names; None where there are none."""
    from carbondrivers.datasets.region_grid import region_grid

    zones = inputs.zones
    if zones is None:
        return None
    is_virtual = inputs.spec.kind == "region"
    grid = inputs.region.static["elevation"] if is_virtual else inputs.grid(first_layer(inputs.spec))
    return region_grid(zones, grid), dict(enumerate(zones.names, start=1))


def class_grid(inputs: Inputs, by: str) -> Coded:
    """Return the classes of the land cover, the regions, a categorical driver or a layer, and their names.

    Parameters
    ----------
    inputs
        Of a virtual region, or of rasters.
    by
        ``"land_cover"``, ``"regions"``, or the name of a categorical driver or a layer.

    Returns
    -------
    tuple
        Codes, dims (year, y, x) or (y, x), NaN where there is none, and the name of each code.

    Raises
    ------
    DataError
        If the study has no such classes.
    """
    known: dict[str, Coded | None] = {"land_cover": inputs.land_cover, "regions": inputs.regions}
    found = known.get(by)
    if found is not None:
        return found
    spec = inputs.spec
    own = [name for name, driver in spec.drivers.items() if driver.kind == "categorical"]
    own += [name for name in spec.layers if name not in spec.drivers]
    if spec.kind == "rasters" and by in own:
        grid = inputs.grid(by, "categorical")
        return grid, own_names(grid, by)
    there = [*(own if spec.kind == "rasters" else []), *(name for name, grid in known.items() if grid is not None)]
    there = list(dict.fromkeys(there))
    listed = f"it has {', '.join(there)}" if there else "it has none: declare a driver with kind = 'categorical'"
    raise DataError(f"by = {by!r}: the study has no such classes; {listed}.{did_you_mean(by, there)}")


def measured_grid(inputs: Inputs, name: str) -> xr.DataArray:
    """Return the grid of a continuous driver or layer, dims (y, x) or (year, y, x).

    Raises
    ------
    DataError
        If the study has no such grid.
    """
    spec = inputs.spec
    if spec.kind == "region":
        parts = (inputs.region.static, inputs.region.annual)
        held = {str(layer): part[layer] for part in parts for layer in part.data_vars if layer != "land_cover"}
        if name in held:
            return held[name]
        known = list(held)
    else:
        known = [driver for driver, given in spec.drivers.items() if given.kind == "continuous"]
        known += [layer for layer in spec.layers if layer not in spec.drivers]
        if name in known:
            return inputs.grid(name)
    listed = ", ".join(known) or "none"
    raise DataError(f"the study has no measured grid {name!r}; it has {listed}.{did_you_mean(name, known)}")
