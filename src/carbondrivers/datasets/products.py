"""Public data products: what they hold and how they store it.

``products.toml`` states it once for each product: scale and offset, fill values, valid range, unit, grid, citation, and
how far each can be trusted. What that makes of an array is in ``product_values.py``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeAlias, get_args

from carbondrivers.catalogue import Kind, variables
from carbondrivers.errors import DataError, OptionError, did_you_mean
from carbondrivers.nep_models.apply import same_unit

Status = Literal["verified", "as_published", "corrected", "unverified"]
Step = Literal["static", "year", "month", "16 d", "8 d", "day"]
Range: TypeAlias = tuple[float, float]

UNSCALED = (1.0, 0.0)
_PRODUCT_KEYS = {
    "title", "provider", "years", "step", "grid", "doi", "citation", "url", "aliases", "status", "source", "note", "variables",
}  # fmt: skip
_NEEDED_KEYS = _PRODUCT_KEYS - {"aliases", "note"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductVariable:
    """One variable of a product: ``(stored * scale + offset) * factor + shift`` is its value in `result`.

    Attributes
    ----------
    name : str
        Name in the product's files.
    unit, result : str
        Unit after scale and offset, and after the conversion; empty for classes.
    catalogue : str
        Variable of the catalogue that it is, or empty.
    scale, offset : float
        How numbers are stored.
    valid : tuple of float or None
        Range of stored numbers that are values.
    fill : tuple of (low, high)
        Stored numbers that mean no value, as ranges.
    factor, shift : float
        From `unit` to `result`.
    days : int
        1: times the days of the month; -1: over them; 0: neither.
    per_cell : bool
        Whether a count per cell becomes a count per km2.
    packed : bool
        Whether the file declares its own scale and offset, which its reader applies.
    kind, legend : str
        ``"categorical"`` with the name of its legend, or ``"continuous"``.
    aliases : tuple of str
        Other names of it in files.
    status, source, note : str
        How far the numbers above can be trusted, where they were read, and what to beware of.
    """

    name: str
    unit: str
    result: str = ""
    catalogue: str = ""
    scale: float = 1.0
    offset: float = 0.0
    valid: Range | None = None
    fill: tuple[Range, ...] = ()
    factor: float = 1.0
    shift: float = 0.0
    days: int = 0
    per_cell: bool = False
    packed: bool = False
    kind: Kind = "continuous"
    legend: str = ""
    aliases: tuple[str, ...] = ()
    status: Status = "unverified"
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A public data product.

    Attributes
    ----------
    name, title, provider, years, step, grid : str
        What it is, whose, and on which native grid.
    doi, citation, url : tuple of str, str, str
        How it is cited and where it is got.
    aliases : tuple of str
        Other names.
    status, source, note : str
        How far its numbers can be trusted, where they were read, and what to beware of.
    variables : mapping of str to ProductVariable
        What it holds.
    """

    name: str
    title: str
    provider: str
    years: str
    step: Step
    grid: str
    doi: tuple[str, ...]
    citation: str
    url: str
    status: Status
    source: str
    note: str = ""
    aliases: tuple[str, ...] = ()
    variables: Mapping[str, ProductVariable] = field(default_factory=dict)

    def variable(self, name: str | None = None) -> ProductVariable:
        """Return a variable by its name or an alias; without a name, the only one.

        Raises
        ------
        OptionError
            If there is no such variable, or several and no name.
        """
        known = ", ".join(self.variables)
        if name is None:
            if len(self.variables) == 1:
                return next(iter(self.variables.values()))
            raise OptionError(f"product {self.name} has {len(self.variables)} variables ({known}): name one")
        for entry in self.variables.values():
            if name.lower() in (word.lower() for word in (entry.name, *entry.aliases)):
                return entry
        raise OptionError(
            f"product {self.name} has no variable {name!r}.{did_you_mean(name, self.variables)} Its variables are: {known}"
        )

    def facts(self) -> dict[str, str]:
        """Return what a reader wants to know of it, by heading; one line a variable."""
        told = {
            "variables": ", ".join(self.variables), "grid": self.grid, "step": self.step, "years": self.years,
            "provider": self.provider, "where": self.url, "doi": ", ".join(self.doi), "cite": self.citation,
            "status": f"{self.status}: {self.source}", "note": self.note, "aliases": ", ".join(self.aliases),
        }  # fmt: skip
        return told | {name: _said(entry) for name, entry in self.variables.items()}


def _said(entry: ProductVariable) -> str:
    if entry.kind == "categorical":
        return f"classes of legend {entry.legend} ({entry.status})"
    stored = "scale in the file" if entry.packed else f"stored x {entry.scale:g} {entry.offset:+g}".removesuffix(" +0")
    days = {1: ", times the days of the month", -1: ", over the days of the month", 0: ""}[entry.days]
    area = ", over the area of the cell" if entry.per_cell else ""
    change = f" = {entry.result}{days}{area}" if entry.result != entry.unit else ""
    note = f"; {entry.note}" if entry.note else ""
    return f"{stored} {entry.unit}{change} ({entry.status}){note}"


@cache
def products() -> dict[str, Product]:
    """Return all products, by name.

    Examples
    --------
    >>> products()["MOD17A3HGF"].grid
    '500 m, MODIS sinusoidal'
    """
    return read_products(files("carbondrivers.datasets").joinpath("products.toml").read_text(encoding="utf-8"))


def product(name: str) -> Product:
    """Return a product by its name or an alias, in any case.

    Raises
    ------
    OptionError
        If there is none; with a suggestion.

    Examples
    --------
    >>> product("era5-land").name
    'ERA5-Land-monthly'
    """
    words = {word.lower(): entry for entry in products().values() for word in (*entry.aliases, entry.name)}
    if name.lower() in words:
        return words[name.lower()]
    near = did_you_mean(name, [word for entry in products().values() for word in (entry.name, *entry.aliases)])
    raise OptionError(f"there is no product {name!r}.{near} 'carbondrivers list products' names them")


def read_products(text: str) -> dict[str, Product]:
    """Return the products that a TOML text describes, each key and value checked.

    Raises
    ------
    DataError
        Naming the product, the variable and the key that is wrong.
    """
    found = {name: _as_product(name, raw) for name, raw in tomllib.loads(text).items()}
    seen: dict[str, str] = {}
    for entry in found.values():
        for word in (entry.name, *entry.aliases):
            other = seen.setdefault(word.lower(), entry.name)
            if other != entry.name:
                raise DataError(f"product {entry.name}: {word!r} is a name of {other} too; give each its own")
    return found


def _as_product(name: str, raw: Mapping[str, Any]) -> Product:
    where = f"product {name}"
    _check_keys(raw, _PRODUCT_KEYS, _NEEDED_KEYS, where)
    _check_choice(raw["status"], get_args(Status), f"{where}: status")
    _check_choice(raw["step"], get_args(Step), f"{where}: step")
    plain = {key: value for key, value in raw.items() if key not in ("variables", "doi", "aliases")}
    defaults = {"status": raw["status"], "source": raw["source"]}
    held = {key: _as_variable(key, {**defaults, **entry}, f"{where}, {key}") for key, entry in raw["variables"].items()}
    return Product(name=name, variables=held, doi=tuple(raw["doi"]), aliases=tuple(raw.get("aliases", ())), **plain)


def _as_variable(name: str, raw: Mapping[str, Any], where: str) -> ProductVariable:
    allowed = set(ProductVariable.__dataclass_fields__) - {"name"}
    _check_keys(raw, allowed, {"unit", "status", "source"}, where)
    _check_choice(raw["status"], get_args(Status), f"{where}: status")
    given: dict[str, Any] = {"result": raw["unit"], **raw, "name": name, "aliases": tuple(raw.get("aliases", ()))}
    given |= {key: float(raw[key]) for key in ("scale", "offset", "factor", "shift") if key in raw}
    given["fill"] = tuple((float(f[0]), float(f[-1])) for f in (f if isinstance(f, list) else [f] for f in raw.get("fill", [])))
    if "valid" in raw:
        given["valid"] = (float(raw["valid"][0]), float(raw["valid"][1]))
    entry = ProductVariable(**given)
    _check_entry(entry, where)
    return entry


def _check_entry(entry: ProductVariable, where: str) -> None:
    """Refuse an entry that contradicts itself or the catalogue."""
    known = variables().get(entry.catalogue)
    if entry.catalogue and known is None:
        raise DataError(f"{where}: the catalogue has no variable {entry.catalogue!r}")
    if known and known.kind != entry.kind:
        raise DataError(f"{where}: {entry.catalogue} is {known.kind} in the catalogue, {entry.kind} here")
    if known and known.kind == "continuous" and not same_unit(entry.result, known.unit):
        raise DataError(f"{where}: result is in {entry.result!r}, the catalogue's {entry.catalogue} in {known.unit!r}")
    if any(low > high for low, high in (*entry.fill, *([entry.valid] if entry.valid else []))):
        raise DataError(f"{where}: a range must be [low, high]")
    if entry.scale <= 0 or entry.days not in (-1, 0, 1) or (entry.packed and (entry.scale, entry.offset) != UNSCALED):
        raise DataError(f"{where}: scale must be above 0 (none where packed) and days one of -1, 0, 1")
    if (entry.kind == "categorical") != bool(entry.legend) or (entry.legend and entry.valid):
        raise DataError(f"{where}: classes need a legend, which says what is valid; nothing else has one")


def _check_keys(raw: Mapping[str, Any], allowed: set[str], needed: set[str], where: str) -> None:
    for key in raw:
        if key not in allowed:
            raise DataError(f"{where}: unknown key {key!r}.{did_you_mean(key, allowed)}")
    lacking = sorted(needed - set(raw))
    if lacking:
        raise DataError(f"{where}: {', '.join(lacking)} is missing")


def _check_choice(value: object, known: tuple[str, ...], what: str) -> None:
    if value not in known:
        raise DataError(f"{what} must be one of {', '.join(known)}, got {value!r}")
