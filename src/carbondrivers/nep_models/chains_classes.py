"""Ecosystem classes of cells, and equations that have other constants in each: shared by the chains.

A chain knows one list of classes (``parameters/chains.toml``), and each of its equations another; the same file says
which stands for which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.nep_models.apply import Values, parameters
from carbondrivers.nep_models.elementwise import is_lazy, keep_where

Inside: TypeAlias = Any
"""Where a class lies: a boolean array, or None for everywhere."""
Equation: TypeAlias = Callable[[str, Inside], Values]


def ecosystem_classes() -> tuple[str, ...]:
    """Return the names of the classes that a chain knows.

    Examples
    --------
    >>> "grassland" in ecosystem_classes(), ecosystem_classes()[-2:]
    (True, ('water', 'ice'))
    """
    return tuple(parameters("chains.classes"))


def class_of(model: str, name: str) -> str:
    """Return the class of a model's table that an ecosystem class stands for; empty if the model says nothing of it.

    Parameters
    ----------
    model
        ``"soil"``, ``"organs"``, ``"mod17"`` or ``"casa"``.
    name
        One of ``ecosystem_classes``.

    Raises
    ------
    OptionError
        If the class is not known.

    Examples
    --------
    >>> class_of("organs", "forest"), class_of("casa", "barren"), class_of("soil", "water")
    ('mixed', 'other', '')
    """
    known = parameters("chains.classes")
    return str(known[choose(name, known, "ecosystem class")][model])


@dataclass(frozen=True, slots=True)
class Cover:
    """The classes of cells.

    Attributes
    ----------
    codes : Values or None
        Numbers, of pixels or of years and pixels; None if one class is everywhere.
    names : mapping of int to str
        The class of each code.
    """

    codes: Values | None
    names: Mapping[int, str]

    def inside(self, members: Iterable[int]) -> Inside:
        """Return where the codes are any of `members`; None for everywhere."""
        if self.codes is None:
            return None
        found: Any = False
        for code in members:
            found = (self.codes == code) | found
        return found

    def grouped(self, model: str) -> dict[str, list[int]]:
        """Return the codes of each class of a model; an empty model takes the classes as they are."""
        groups: dict[str, list[int]] = {}
        for code, name in self.names.items():
            own = class_of(model, name) if model else name
            if own:
                groups.setdefault(own, []).append(code)
        return groups

    def modelled(self, model: str) -> Inside:
        """Return where a model says something; None for everywhere."""
        return self.inside(code for members in self.grouped(model).values() for code in members)

    def of_years(self, years: Any) -> Cover:
        """Return the cover of these years, as a labelled array of years gives them; without years it stays."""
        if self.codes is None or "year" not in getattr(self.codes, "dims", ()):
            return self
        missing = sorted({int(y) for y in years} - {int(y) for y in self.codes["year"].to_numpy()})
        if missing:
            raise DataError(f"land_cover has no map of {', '.join(map(str, missing))}: add them, or give one map for all years")
        return Cover(self.codes.sel(year=list(years)), self.names)


def cover_of(land_cover: Values, classes: Mapping[int, str] | None = None) -> Cover:
    """Read the classes of cells, once.

    Parameters
    ----------
    land_cover
        The name of a class, an array of names (empty: no class), or, with `classes`, an array of codes. Labelled arrays
        may have a dimension ``year``. The codes of a lazy array are looked at in one pass.
    classes
        Code to class name; needed for codes. Codes below 0 and NaN mean no class.

    Raises
    ------
    OptionError
        If a name is not in ``ecosystem_classes``, or codes of the map have no name; all of them are listed.
    DataError
        If there are codes and no names for them, or names that are lazy.

    Examples
    --------
    >>> cover = cover_of(np.array([[1, 2], [2, -1]]), {1: "forest", 2: "barren"})
    >>> cover.grouped("soil"), cover.inside([2]).tolist()
    ({'forest': [1], 'barren': [2]}, [[False, True], [True, False]])
    """
    if isinstance(land_cover, str):
        return Cover(None, {0: choose(land_cover, ecosystem_classes(), "ecosystem class")})
    if classes is None:
        return _from_names(land_cover)
    names = {int(code): choose(name, ecosystem_classes(), "ecosystem class") for code, name in classes.items()}
    present = distinct_codes(land_cover)
    unknown = [code for code in present if code not in names]
    if unknown:
        shown = ", ".join(f"{code:g}" for code in unknown[:20])
        raise OptionError(f"land_cover holds codes without a class: {shown}; add them to classes (water for no vegetation)")
    return Cover(land_cover, {code: name for code, name in names.items() if code in present})


def _from_names(land_cover: Values) -> Cover:
    kind = getattr(getattr(land_cover, "dtype", None), "kind", None) or np.asarray(land_cover).dtype.kind
    if kind in "fiub" or is_lazy(land_cover):
        raise DataError("land_cover holds codes, or names that are not computed yet: give codes, and classes = {code: name}")
    values = np.asarray(land_cover)
    flat = np.array(["" if v is None or v != v else str(v) for v in values.ravel()], dtype=str)
    distinct, places = np.unique(flat, return_inverse=True)
    named = {k: choose(str(n), ecosystem_classes(), "ecosystem class") for k, n in enumerate(distinct) if n}
    codes = places.reshape(values.shape).astype(np.int16)
    return Cover(land_cover.copy(data=codes) if hasattr(land_cover, "dims") else codes, named)


def distinct_codes(codes: Values) -> list[float]:
    """Return the distinct codes from 0 up, in order; a lazy array is looked at block by block.

    Examples
    --------
    >>> distinct_codes(np.array([2.0, np.nan, 1.0, 2.0, -1.0]))
    [1.0, 2.0]
    """
    found: set[float] = set()
    for part in in_blocks(lambda block: np.unique(block[block >= 0]), codes):
        found |= {float(code) for code in part}
    return sorted(found)


def in_blocks(function: Callable[..., Any], *arrays: Values) -> list[Any]:
    """Return what a function gives for each block of arrays that lie on one another; one block where they are in memory."""
    if not any(is_lazy(a) for a in arrays):
        return [function(*(np.asarray(a) for a in arrays))]
    from dask.base import compute
    from dask.delayed import delayed

    first = arrays[0].data
    bare = [a.data.rechunk(first.chunks) if is_lazy(a) else _as_dask(a, first.chunks) for a in arrays]
    blocks = zip(*(b.to_delayed().ravel() for b in bare), strict=True)
    return list(compute(*(delayed(function)(*block) for block in blocks)))  # type: ignore[no-untyped-call]


def _as_dask(array: Values, chunks: Any) -> Any:
    from dask.array import from_array

    return from_array(np.asarray(array), chunks=chunks)  # type: ignore[no-untyped-call]


def check_keys(given: Mapping[str, float], known: Iterable[str], name: str) -> None:
    """Refuse values of classes that are not known, which would be passed over, and values that are no numbers.

    Examples
    --------
    >>> check_keys({"forest": 2.7}, ecosystem_classes(), "c")
    """
    for key, value in given.items():
        choose(key, known, f"class of {name}")
        if not isinstance(value, int | float | np.number) or not np.isfinite(value):
            raise OptionError(f"{name} of {key!r} must be a number, got {value!r}")


def by_class(cover: Cover, model: str, equation: Equation, like: Values) -> Values:
    """Put together what an equation gives in each class.

    Parameters
    ----------
    cover
        The classes of the cells.
    model
        Whose classes the equation takes (see ``class_of``); empty for the chain's own.
    equation
        ``equation(name, inside)`` returns a number or an array; cells outside `inside` are not used.
    like
        An array of the shape of the result. On its months the cover is that of their year.

    Returns
    -------
    Values
        NaN where there is no class.

    Examples
    --------
    >>> cover = cover_of(np.array(["forest", "water"]))
    >>> by_class(cover, "soil", lambda name, inside: 2.0, np.zeros(2))
    array([ 2., nan])
    """
    found: Values | None = None
    for name, codes in cover.grouped(model).items():
        inside = on_months(cover.inside(codes), like)
        value = equation(name, inside)
        if inside is None:
            return value
        full = value if np.ndim(value) else bare(like) * 0.0 + value
        found = keep_where(full, inside) if found is None else keep_where(full, inside, found)
    return bare(like) * np.nan if found is None else found


def only(values: Values, inside: Inside) -> Values:
    """Empty the cells outside a class, so that nothing is said of values that are not used.

    Examples
    --------
    >>> only(np.array([1.0, 2.0]), np.array([True, False]))
    array([ 1., nan])
    """
    return values if inside is None else keep_where(values, inside)


def on_months(values: Values, like: Values) -> Values:
    """Give each month of a labelled array the value of its year; anything without years stays as it is."""
    if "year" not in getattr(values, "dims", ()) or "time" not in getattr(like, "dims", ()):
        return values
    found = values.sel(year=like["time"].dt.year).drop_vars("year").transpose("time", ...)
    return found.chunk({"time": -1}) if is_lazy(found) else found


def bare(values: Values) -> Values:
    """Return a labelled array without attributes, where what is made of it has another unit."""
    return values.drop_attrs() if hasattr(values, "drop_attrs") else values
