"""What every model equation declares at its head: the unit and plausible range of each argument, and its result.

``declare`` wraps a pure function. On the way in it refuses other units by name and values that only a wrong unit, a
scale factor or a fill value explains; on the way out it warns of implausible results and, on labelled arrays, writes
unit, long name and a history line. Lazy arrays stay lazy: their blocks are looked at when they are computed (``ranges``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from importlib.resources import files
from inspect import signature
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np

from carbondrivers.errors import DataError
from carbondrivers.nep_models.ranges import check_range, warn_implausible
from carbondrivers.provenance import history_line

Values: TypeAlias = Any
"""A number, a numpy array, a pandas Series or an xarray DataArray (lazy or not); the result is of the same kind."""

P = ParamSpec("P")
R = TypeVar("R")

YEARLY, MONTHLY, DAILY = "g C m-2 a-1", "g C m-2 month-1", "g C m-2 d-1"
CARBON_FLUX = (YEARLY, MONTHLY, DAILY)

_TOKENS = {
    "gc": "g C", "g_c": "g C", "kgc": "kg C", "°c": "degC", "℃": "degC", "celsius": "degC", "degrees_celsius": "degC",
    "degree_celsius": "degC", "degc": "degC", "deg_c": "degC", "kelvin": "K", "yr": "a", "year": "a", "y": "a",
    "years": "a", "mon": "month", "months": "month", "mo": "month", "day": "d", "days": "d", "umol": "umol",
    "μmol": "umol", "µmol": "umol", "sec": "s", "millimeter": "mm", "millimetre": "mm", "millimeters": "mm",
    "millimetres": "mm", "meter": "m", "metre": "m", "meters": "m", "metres": "m", "deg": "degree", "degrees": "degree",
    "°": "degree", "percent": "%", "tc": "t C", "mgc": "Mg C",
}  # fmt: skip
# What history keeps of a call: single values and pairs such as ("gpp", 0.2), no arrays.
_OPTIONS = (int, float, str, tuple, np.generic)
_NONE = ("", "1", "-", "unitless", "dimensionless")
# A total without its period is that of the period which the other unit names.
_TOTALS = {"mm": ("mm month-1", "mm a-1")}
_REMEDIES = {
    ("degC", "K"): "subtract 273.15",
    ("mm month-1", "mm a-1"): "give the totals of single months",
    ("mm month-1", "mm d-1"): "multiply by the days of the month",
    ("mm month-1", "m month-1"): "multiply by 1000",
    ("mm month-1", "cm month-1"): "multiply by 10",
    ("mm month-1", "m"): "multiply by 1000",
    ("mm month-1", "cm"): "multiply by 10",
    (YEARLY, "kg C m-2 a-1"): "multiply by 1000",
    (MONTHLY, DAILY): "multiply by the days of the month",
    (MONTHLY, YEARLY): "give the totals of single months",
    (YEARLY, MONTHLY): "sum the twelve months",
    (DAILY, MONTHLY): "divide by the days of the month",
    ("mm a-1", "mm month-1"): "sum the twelve months",
    ("mm a-1", "m a-1"): "multiply by 1000",
    ("mm a-1", "cm a-1"): "multiply by 10",
    ("mm a-1", "m"): "multiply by 1000",
    ("mm a-1", "cm"): "multiply by 10",
    ("kg C m-2", "g C m-2"): "divide by 1000",
    ("kg C m-2", "t C ha-1"): "divide by 10",
    ("MJ m-2 d-1", "W m-2"): "multiply by 0.0864",
    ("MJ m-2 month-1", "W m-2"): "multiply by 0.0864 and by the days of the month",
    ("g cm-3", "kg m-3"): "divide by 1000",
    ("g kg-1", "%"): "multiply by 10",
    ("cm", "m"): "multiply by 100",
    ("t C ha-1", "t ha-1"): "write t C ha-1 if it is carbon; biomass is made carbon by biomass_carbon",
    ("t C ha-1", "kg C m-2"): "multiply by 10",
    ("t C ha-1", "g C m-2"): "divide by 100",
    ("t ha-1", "t C ha-1"): "this is carbon, and biomass is needed; carbon needs no conversion",
    ("m2", "km2"): "multiply by 1e6",
    ("m2", "ha"): "multiply by 1e4",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """What an argument or a result is.

    Attributes
    ----------
    name : str
        Name of a result array.
    units : tuple of str
        The units it may carry, the first of them the customary one.
    low, high : float
        Plausible range.
    long_name : str
        Words for a figure or a table.
    strict : bool
        Whether one value outside the range is refused; otherwise it is refused only if the mean lies outside, and
        single values raise a warning (of a lazy array: see ``ranges``).
    """

    name: str
    units: tuple[str, ...]
    low: float = -np.inf
    high: float = np.inf
    long_name: str = ""
    strict: bool = False


def canonical_unit(text: str) -> str:
    """Return a unit in the package's spelling: blanks between the factors, signed exponents.

    Examples
    --------
    >>> canonical_unit("gC/m2/yr"), canonical_unit("g C m^-2 mon**-1"), canonical_unit("°C"), canonical_unit("1")
    ('g C m-2 a-1', 'g C m-2 month-1', 'degC', '1')
    """
    plain = text.translate(str.maketrans("⁻⁰¹²³", "-0123")).replace("**", "").replace("^", "")
    plain = re.sub(r"[·*]|\.(?!\d)| per ", lambda m: "/" if "per" in m.group() else " ", plain)
    plain = re.sub(r"^deg(ree)?s? ?_?(c|celsius)$", "degC", plain.strip(), flags=re.IGNORECASE)
    words: list[str] = []
    for number, part in enumerate(plain.split("/")):
        for word in part.strip("() ").split():
            split = re.fullmatch(r"(.*?[^\d-]|\d+)(-?\d*)", word)
            name, exponent = split.groups() if split else (word, "")
            power = exponent if not number else "-" + (exponent.lstrip("-") or "1")
            words.append(_TOKENS.get(name.lower(), name) + power)
    return "degC" if words == ["C"] else " ".join(words)


def same_unit(given: str, known: str) -> bool:
    """Return whether two texts mean one unit; a total such as mm goes with the period that the known unit names.

    Examples
    --------
    >>> same_unit("mm", "mm month-1"), same_unit("gC/m2/yr", "g C m-2 a-1"), same_unit("K", "degC")
    (True, True, False)
    """
    one, two = canonical_unit(given), canonical_unit(known)
    return one == two or two in _TOTALS.get(one, ()) or (one in _NONE and two in _NONE)


def unit_problem(given: str, known: tuple[str, ...]) -> str:
    """Say what is wrong with a unit and what to do, or return an empty string; no unit at all is none of its business.

    Examples
    --------
    >>> unit_problem("K", ("degC",))
    "must be in degC, got 'K': subtract 273.15"
    >>> unit_problem("°C", ("degC",))
    ''
    """
    unit = canonical_unit(given)
    if not unit or unit in known:
        return ""
    return f"must be in {' or '.join(known)}, got {given!r}: {_REMEDIES.get((known[0], unit), 'convert it first')}"


def declare(result: Quantity, /, **inputs: Quantity) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare the result and the arguments of an equation.

    Parameters
    ----------
    result
        What comes out. Where it may carry several units, it carries the one that the arguments share.
    **inputs
        What goes in, by the name of the argument.

    Raises
    ------
    DataError
        By the decorated function: an argument with another unit, outside its plausible range, infinite, not numeric, or
        on another grid or index than the first. Values of a lazy array are refused while it is computed.

    Warns
    -----
    DataWarning
        By the decorated function: a result outside the plausible range.
    """

    def decorate(equation: Callable[P, R]) -> Callable[P, R]:
        form = signature(equation)

        @wraps(equation)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = form.bind(*args, **kwargs)
            given = {name: _as_values(bound.arguments[name], name) for name in inputs if name in bound.arguments}
            unit = _shared_unit(given, inputs, result)
            given = {name: check_range(value, name, inputs[name]) for name, value in given.items()}
            check_aligned(given | {name: v for name, v in bound.arguments.items() if _is_labelled(v) or _is_series(v)})
            bound.arguments.update(given)
            try:
                output = equation(*bound.args, **bound.kwargs)
            except ValueError as error:
                raise _of_shapes(error, bound.arguments) from None
            warn_implausible(output, result)
            return cast(R, _label(output, result, unit, equation, bound.arguments, given))

        return checked

    return decorate


def _of_shapes(error: ValueError, arguments: Mapping[str, Any]) -> Exception:
    """Name the arguments whose shapes do not fit; any other error stays as it is."""
    if "broadcast" not in str(error):
        return error
    shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in arguments.items() if np.ndim(value))
    return DataError(f"the shapes do not fit one another ({shapes}): bring them to one grid and period first")


def _as_values(value: Values, name: str) -> Values:
    if isinstance(value, list | tuple):
        value = np.asarray(value)
    kind = getattr(getattr(value, "dtype", None), "kind", None) or np.asarray(value).dtype.kind
    if kind not in "fiu":
        raise DataError(f"{name} must be numbers, got {type(value).__name__} of kind {kind!r}: convert it first")
    return value


def _is_labelled(value: Values) -> bool:
    return hasattr(value, "dims") and hasattr(value, "attrs")


def _is_series(value: Values) -> bool:
    return hasattr(value, "iloc") and not hasattr(value, "columns")


def _shared_unit(given: Mapping[str, Values], inputs: Mapping[str, Quantity], result: Quantity) -> str:
    """Check the units that labelled arguments carry; return the unit of the result, empty if it is open."""
    found: dict[str, str] = {}
    for name, value in given.items():
        text = str(value.attrs.get("units", "")) if _is_labelled(value) else ""
        problem, unit = unit_problem(text, inputs[name].units), canonical_unit(text)
        if problem:
            raise DataError(f"{name} {problem}")
        if unit and inputs[name].units == result.units:
            found[name] = unit
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{name} in {unit}" for name, unit in found.items())
        raise DataError(f"the arguments have different units ({listed}): bring them to one period first")
    return next(iter(found.values()), result.units[0] if len(result.units) == 1 else "")


def check_aligned(given: Mapping[str, Values]) -> None:
    """Refuse labelled arguments with different labels: arithmetic would silently drop or invent cells."""
    labelled = {name: v for name, v in given.items() if _is_labelled(v)}
    seen: dict[Any, tuple[str, Any]] = {}
    for name, value in labelled.items():
        for dim, index in getattr(value, "indexes", {}).items():
            other, first = seen.setdefault(dim, (name, index))
            if not index.equals(first):
                raise DataError(f"{other} and {name} differ along {dim!r}: bring them to one grid and period first")
    tables = [(name, v.index) for name, v in given.items() if hasattr(v, "iloc")]
    for name, index in tables[1:]:
        if not index.equals(tables[0][1]):
            raise DataError(f"{tables[0][0]} and {name} have different indexes: align the rows first")


def _label(
    output: Any, result: Quantity, unit: str, equation: Callable[..., Any], arguments: Mapping[str, Any],
    given: Mapping[str, Values],
) -> Any:  # fmt: skip
    if not _is_labelled(output):
        return output
    sources = [v.attrs for v in given.values() if _is_labelled(v)]
    attrs = {key: s[key] for s in reversed(sources) for key in ("crs", "resolution") if key in s}
    attrs |= {"long_name": result.long_name} | ({"units": unit} if unit else {})
    flags = dict.fromkeys(note for s in [*sources, output.attrs] for note in str(s.get("nep_flags", "")).split("; ") if note)
    attrs |= {"nep_flags": "; ".join(flags)} if flags else {}
    options = {k: _plain(v) for k, v in arguments.items() if isinstance(v, _OPTIONS) and k not in given}
    lines = dict.fromkeys(line for s in sources for line in str(s.get("history", "")).splitlines() if line)
    attrs["history"] = "\n".join([*lines, history_line(equation.__name__, **options)])
    labelled = output.rename(result.name)
    labelled.attrs = attrs
    return labelled


def _plain(option: Any) -> Any:
    """Return an option as Python writes it, without numpy's types."""
    if isinstance(option, tuple):
        return tuple(_plain(part) for part in option)
    return option.item() if isinstance(option, np.generic) else option


def flag(output: R, text: str) -> R:
    """Write a note about an implausible constant into ``attrs["nep_flags"]`` of a labelled array."""
    if _is_labelled(output):
        output.attrs["nep_flags"] = text  # type: ignore[attr-defined]
    return output


@cache
def parameters(name: str) -> dict[str, dict[str, Any]]:
    """Return the published parameters of a model: each with value, unit, source, status and, where needed, a note.

    Parameters
    ----------
    name
        A table of ``parameters/*.toml``, as ``"soil_respiration.pei"``.

    Examples
    --------
    >>> parameters("soil_respiration.pei")["rh_fraction"]["value"]
    0.465
    """
    file, table = name.split(".")
    text = files("carbondrivers.nep_models").joinpath("parameters", f"{file}.toml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = tomllib.loads(text)[table]
    return found
