"""Derived drivers by declaration: a closed list of ways to make one layer of others, with units in and out.

``derive("slope", [elevation])`` is what ``slope = { derive = "slope", from = "elevation" }`` of a study file means. A
study file names a derivation, its inputs and its options; it never holds an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import xarray as xr

from carbondrivers.catalogue import Category, Kind
from carbondrivers.datasets import derived_layers, terrain
from carbondrivers.errors import DataError, OptionError, choose, did_you_mean
from carbondrivers.nep_models.apply import unit_problem

WATER = ("mm a-1", "mm month-1", "mm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One grid that a derivation takes.

    Attributes
    ----------
    name : str
        Its role.
    units : tuple of str
        The units that it may carry; empty for any.
    required : bool
        Whether it must be given.
    """

    name: str
    units: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """A way to make a layer of others.

    Attributes
    ----------
    name, title : str
        What it is called, and what it makes.
    inputs : tuple of Input
        What it takes, in order.
    unit : str
        Unit of the result; ``"="`` is that of the first input, ``"*"`` depends on the options.
    kind : str
        ``"continuous"``, ``"categorical"``, or ``"="``: as the first input.
    category : str
        Category of the driver that it makes; ``"other"`` if it depends on the input.
    function : callable
        Takes the inputs in order and the options by name.
    """

    name: str
    title: str
    inputs: tuple[Input, ...]
    unit: str
    function: Callable[..., xr.DataArray]
    kind: Kind | str = "continuous"
    category: Category = "other"

    @property
    def options(self) -> dict[str, Any]:
        """Name to default of the options; ``...`` for one that must be given."""
        found = [p for p in signature(self.function).parameters.values() if p.kind is Parameter.KEYWORD_ONLY]
        return {p.name: ... if p.default is Parameter.empty else p.default for p in found}

    def facts(self) -> dict[str, str]:
        """Return what a reader wants to know of it, by heading."""
        roles = [f"{i.name} [{' or '.join(i.units) or 'any unit'}]{'' if i.required else ' (optional)'}" for i in self.inputs]
        options = [name if default is ... else f"{name} = {default!r}" for name, default in self.options.items()]
        units = {"=": "that of the input", "*": "depends on the options"}
        return {
            "from": ", ".join(roles),
            "options": ", ".join(options) or "none",
            "unit": units.get(self.unit, self.unit or "classes"),
            "category": self.category,
        }


ELEVATION = (Input(name="elevation", units=("m",)),)
WATERS = (Input(name="precipitation", units=WATER), Input(name="pet", units=WATER))
_ALL = (
    Derivation(name="slope", title="Slope", inputs=ELEVATION, unit="degree", function=terrain.slope, category="topography"),
    Derivation(
        name="aspect", title="Aspect, clockwise from north; missing where flat", inputs=ELEVATION, unit="degree",
        function=terrain.aspect, category="topography",
    ),
    Derivation(
        name="northness", title="Cosine of the aspect, 0 where flat", inputs=ELEVATION, unit="1",
        function=terrain.northness, category="topography",
    ),
    Derivation(
        name="eastness", title="Sine of the aspect, 0 where flat", inputs=ELEVATION, unit="1",
        function=terrain.eastness, category="topography",
    ),
    Derivation(
        name="aspect_class", title="Class of the aspect: north-facing and so on, flat", inputs=ELEVATION, unit="",
        function=terrain.aspect_class, kind="categorical", category="topography",
    ),
    Derivation(
        name="elevation_band", title="Band of elevation between given edges", inputs=ELEVATION, unit="",
        function=terrain.elevation_bands, kind="categorical", category="topography",
    ),
    Derivation(
        name="slope_band", title="Band of slope between given edges", inputs=(Input(name="slope", units=("degree",)),), unit="",
        function=terrain.slope_bands, kind="categorical", category="topography",
    ),
    Derivation(
        name="aridity", title="Aridity index, precipitation over potential evapotranspiration", inputs=WATERS, unit="1",
        function=derived_layers.aridity, category="climate",
    ),
    Derivation(
        name="aridity_class", title="Aridity class of UNEP", inputs=WATERS, unit="", function=derived_layers.aridity_class,
        kind="categorical", category="climate",
    ),
    Derivation(
        name="season", title="Mean or sum of given months, year by year", inputs=(Input(name="values"),),
        unit="*", function=derived_layers.season,
    ),
    Derivation(
        name="anomaly", title="Departure from the mean of a base period", inputs=(Input(name="values"),),
        unit="*", function=derived_layers.anomaly,
    ),
    Derivation(
        name="change", title="Change between two years: difference, or transition of classes",
        inputs=(Input(name="values"), Input(name="later", required=False)), unit="=", function=derived_layers.change, kind="=",
    ),
)  # fmt: skip


def derivations() -> dict[str, Derivation]:
    """Return all derivations, by name.

    Examples
    --------
    >>> derivations()["aridity"].unit
    '1'
    """
    return {entry.name: entry for entry in _ALL}


def derive(
    name: str, inputs: xr.DataArray | Sequence[xr.DataArray] | Mapping[str, xr.DataArray], **options: Any
) -> xr.DataArray:
    """Return a layer made of others.

    Parameters
    ----------
    name
        A derivation (``carbondrivers list derivations``).
    inputs
        One grid, grids in the order of the derivation's inputs, or grids by the names of its inputs.
    **options
        Options of the derivation.

    Returns
    -------
    xarray.DataArray
        With units, long_name, kind and history; lazy if the inputs are.

    Raises
    ------
    OptionError
        If there is no such derivation or option, one is missing, or has a value outside its range.
    DataError
        If inputs are missing, too many, or in another unit; and as the function behind it says.

    Examples
    --------
    >>> rain, pet = (xr.DataArray([v], dims="x", attrs={"units": "mm a-1"}) for v in (300.0, 900.0))
    >>> round(float(derive("aridity", {"pet": pet, "precipitation": rain})[0]), 3)
    0.333
    """
    entry = derivations()[choose(name, derivations(), "derive")]
    given = _by_role(entry, inputs)
    for role in entry.inputs:
        if role.name in given and role.units:
            problem = unit_problem(str(given[role.name].attrs.get("units", "")), role.units)
            if problem:
                raise DataError(f"derive {name!r}: {role.name} {problem}")
    _check_options(entry, options)
    return entry.function(**given, **options)


def _by_role(
    entry: Derivation, inputs: xr.DataArray | Sequence[xr.DataArray] | Mapping[str, xr.DataArray]
) -> dict[str, xr.DataArray]:
    roles = [role.name for role in entry.inputs]
    needed = [role.name for role in entry.inputs if role.required]
    if isinstance(inputs, Mapping):
        for name in inputs:
            choose(name, roles, f"derive {entry.name!r}: an input")
        given = dict(inputs)
    else:
        grids = [inputs] if isinstance(inputs, xr.DataArray) else list(inputs)
        if len(grids) > len(roles):
            raise DataError(f"derive {entry.name!r} takes {', '.join(roles)}, got {len(grids)} inputs: leave out the rest")
        given = dict(zip(roles, grids, strict=False))
    lacking = [name for name in needed if name not in given]
    if lacking:
        raise DataError(f"derive {entry.name!r} takes {', '.join(roles)}, {', '.join(lacking)} is missing: name it in 'from'")
    return given


def _check_options(entry: Derivation, options: Mapping[str, Any]) -> None:
    known = entry.options
    for name in options:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise OptionError(
                f"derive {entry.name!r} has no option {name!r}.{did_you_mean(name, known)} Its options are: {listed}"
            )
    lacking = [name for name, default in known.items() if default is ... and name not in options]
    if lacking:
        raise OptionError(f"derive {entry.name!r} needs {', '.join(lacking)}: give it beside 'derive'")
