"""The registry of methods: a method joins by registering, and the contract tests then hold it to the common rules."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from typing import Any, Literal, TypeVar, cast

import xarray as xr

from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError

Takes = Literal["sample", "stack", "monthly stack", "map", "grids", "units"]
Door = TypeVar("Door", bound=Callable[..., Result])


@dataclass(frozen=True, slots=True)
class Method:
    """A registered method.

    Attributes
    ----------
    name : str
        The name in tables, study files and on the command line.
    title : str
        The words for headings.
    door : callable
        The public function: input first, options by keyword.
    takes : str
        ``"sample"`` (a PixelSample), ``"stack"`` (an xarray.DataArray with a time dimension), ``"monthly stack"`` (one
        whose time is in months), ``"map"`` (one without time), ``"grids"`` (an xarray.DataArray, and grids of what it is
        summed by) or ``"units"`` (a table, and weights).
    result : type
        Class of the result.
    version : str
        Raised when the numbers change: it is part of the content key of a step.
    citation : str
        The source of the method.
    """

    name: str
    title: str
    door: Callable[..., Result]
    takes: Takes
    result: type[Result]
    version: str
    citation: str


_METHODS: dict[str, Method] = {}


def register(
    name: str, *, title: str, takes: Takes, result: type[Result], version: str, citation: str
) -> Callable[[Door], Door]:
    """Register the decorated door as method `name`; a wrong kind of input is then refused in one line."""

    def decorate(door: Door) -> Door:
        known = _METHODS.get(name)
        # A module may be imported again (pytest does); only another function under the name is a mistake.
        if known and (known.door.__module__, known.door.__qualname__) != (door.__module__, door.__qualname__):
            raise ValueError(f"method {name!r} is registered twice")

        @wraps(door)
        def checked(given: Any, *args: Any, **options: Any) -> Result:
            _require(given, takes, name)
            return door(given, *args, **options)

        _METHODS[name] = Method(name, title, checked, takes, result, version, citation)
        return cast(Door, checked)

    return decorate


def _require(given: object, takes: Takes, name: str) -> None:
    if takes == "sample" and not isinstance(given, PixelSample):
        raise DataError(f"{name} takes a PixelSample, got {type(given).__name__}: make one with PixelSample.from_frame")
    axes = {
        "stack": " with a year dimension", "monthly stack": " with months on a time dimension",
        "map": " with the dimensions y and x", "grids": ": read it with read_raster",
    }  # fmt: skip
    if takes in axes and not isinstance(given, xr.DataArray):
        words = f"an xarray.DataArray{axes[takes]}" if takes != "grids" else "an xarray.DataArray"
        remedy = axes[takes] if takes == "grids" else ""
        raise DataError(f"{name} takes {words}, got {type(given).__name__}{remedy}")


def methods() -> dict[str, Method]:
    """Return every registered method by name (all modules of the package are imported first)."""
    package = import_module("carbondrivers.attribution")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_METHODS.items()))
