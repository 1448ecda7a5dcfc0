"""What a grid that was made of others says of itself: unit, words, history, and the names of its classes.

Classes are numbers with names beside them, in the way of the CF conventions: ``flag_values`` (the numbers) and
``flag_meanings`` (their names, parted by blanks, so a name holds underscores instead).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import xarray as xr

from carbondrivers.catalogue import Kind
from carbondrivers.errors import DataError
from carbondrivers.provenance import history_line


def labelled(
    grid: xr.DataArray,
    sources: Sequence[xr.DataArray],
    name: str,
    *,
    unit: str,
    title: str,
    kind: Kind = "continuous",
    options: Mapping[str, object] | None = None,
) -> xr.DataArray:
    """Return a grid with its name, unit and words, and the history of the grids that it was made of.

    Parameters
    ----------
    grid
        The values; its own attributes and encoding are dropped.
    sources
        What it was made of; CRS and resolution are those of the first that has them.
    name, options
        What made it, and how: the history's last line.
    unit, title, kind
        Its unit, words for figures, and whether it holds classes.

    Examples
    --------
    >>> made = labelled(xr.DataArray([1.0]), [xr.DataArray([2.0])], "slope", unit="degree", title="Slope")
    >>> made.name, made.attrs["units"]
    ('slope', 'degree')
    """
    made = grid.rename(name)
    kept = {key: source.attrs[key] for source in reversed(sources) for key in ("crs", "resolution") if key in source.attrs}
    lines = dict.fromkeys(line for source in sources for line in str(source.attrs.get("history", "")).splitlines())
    history = "\n".join([*lines, history_line(name, **(options or {}))])
    made.attrs = {**kept, "units": unit, "long_name": title, "kind": kind, "history": history}
    made.encoding = {}
    return made


def with_flags(da: xr.DataArray, names: Mapping[int, str]) -> xr.DataArray:
    """Return the grid with its classes named, and marked as categorical.

    Parameters
    ----------
    da
        Whole numbers (NaN for no class).
    names
        Number to name; blanks become underscores.

    Examples
    --------
    >>> grid = with_flags(xr.DataArray([1.0, 2.0]), {1: "forest", 2: "bare land"})
    >>> grid.attrs["flag_meanings"]
    'forest bare_land'
    """
    meanings = ["_".join(name.split()) for name in names.values()]
    return da.assign_attrs(kind="categorical", flag_values=list(names), flag_meanings=" ".join(meanings))


def flag_names(da: xr.DataArray) -> dict[int, str]:
    """Return number to name of a grid's classes; empty where it carries none.

    Raises
    ------
    DataError
        If numbers and names are not equally many.

    Examples
    --------
    >>> flag_names(with_flags(xr.DataArray([1.0, 2.0]), {1: "forest", 2: "bare land"}))
    {1: 'forest', 2: 'bare_land'}
    """
    values, meanings = da.attrs.get("flag_values", []), str(da.attrs.get("flag_meanings", "")).split()
    numbers = [int(value) for value in (values if hasattr(values, "__iter__") else [values])]
    if len(numbers) != len(meanings):
        raise DataError(f"the grid names {len(meanings)} classes and numbers {len(numbers)}: mend flag_values or flag_meanings")
    return dict(zip(numbers, meanings, strict=True))
