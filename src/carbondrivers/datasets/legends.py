"""Legends of land-cover products, and the classes that models and papers make of them.

``landcover.toml`` gives each code of a legend a type (leaf type, grass, water ...) and each type a class in a scheme. A
type that a scheme has no class for is refused, until the user says what it is to be.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from carbondrivers.errors import DataError, OptionError, choose, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """The codes of a land-cover product.

    Attributes
    ----------
    name, title : str
        What it is called.
    names, names_zh : mapping of int to str
        Names of the codes, in English and, where the legend has them, in Chinese.
    types : mapping of int to str
        What each code is.
    own : mapping of str to mapping of int to str
        By scheme, the codes whose class is not that of their type.
    nodata : tuple of int
        Codes that mean no class.
    aliases : tuple of str
        Other names.
    status, source : str
        How far the codes can be trusted, and where they were read.
    """

    name: str
    title: str
    names: Mapping[int, str]
    names_zh: Mapping[int, str]
    types: Mapping[int, str]
    own: Mapping[str, Mapping[int, str]]
    nodata: tuple[int, ...]
    aliases: tuple[str, ...]
    status: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """The classes of a model or a paper.

    Attributes
    ----------
    name, title : str
        What it is called.
    classes : mapping of str to str
        Type to class; an empty class means none.
    suggest : mapping of str to str
        What is customary for types that the scheme has no class for.
    """

    name: str
    title: str
    classes: Mapping[str, str]
    suggest: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order of the file."""
        return tuple(dict.fromkeys(name for name in self.classes.values() if name))


@cache
def _read() -> tuple[dict[str, Legend], dict[str, Scheme]]:
    return read_crosswalks(files("carbondrivers.datasets").joinpath("landcover.toml").read_text(encoding="utf-8"))


def legends() -> dict[str, Legend]:
    """Return all legends, by name.

    Examples
    --------
    >>> list(legends())
    ['ESA-CCI-LC', 'MCD12Q1', 'CLCD', 'CNLUCC']
    """
    return _read()[0]


def schemes() -> dict[str, Scheme]:
    """Return all schemes, by name.

    Examples
    --------
    >>> schemes()["chen"].names
    ('forest', 'grassland', 'other', 'barren', 'cropland')
    """
    return _read()[1]


def get_legend(name: str) -> Legend:
    """Return a legend by its name or an alias, in any case.

    Raises
    ------
    OptionError
        If there is none; with a suggestion.

    Examples
    --------
    >>> get_legend("igbp").names[16]
    'Barren'
    """
    words = {word.lower(): entry for entry in legends().values() for word in (*entry.aliases, entry.name)}
    if name.lower() in words:
        return words[name.lower()]
    raise OptionError(f"legend must be one of {', '.join(legends())}, got {name!r}.{did_you_mean(name, legends())}")


def read_crosswalks(text: str) -> tuple[dict[str, Legend], dict[str, Scheme]]:
    """Return the legends and schemes that a TOML text describes.

    Raises
    ------
    DataError
        If a code or a scheme names a type that is not declared.
    """
    raw = tomllib.loads(text)
    found = {name: _as_scheme(name, entry, raw["types"]) for name, entry in raw["schemes"].items()}
    return {name: _as_legend(name, entry, raw["types"], found) for name, entry in raw["legends"].items()}, found


def _as_scheme(name: str, raw: Mapping[str, Any], types: Mapping[str, str]) -> Scheme:
    classes = {key: value for key, value in raw.items() if key not in ("title", "suggest")}
    for word in (*classes, *raw.get("suggest", {})):
        if word not in types:
            raise DataError(f"scheme {name}: there is no type {word!r}.{did_you_mean(word, types)}")
    return Scheme(name=name, title=raw["title"], classes=classes, suggest=raw.get("suggest", {}))


def _as_legend(name: str, raw: Mapping[str, Any], types: Mapping[str, str], known: Mapping[str, Scheme]) -> Legend:
    codes = {int(code): entry for code, entry in raw["codes"].items()}
    for code, entry in codes.items():
        wrong = next((key for key in entry if key not in ("name", "zh", "type", *known)), None)
        if wrong or entry["type"] not in types:
            raise DataError(f"legend {name}, code {code}: unknown {wrong or entry['type']!r}")
    return Legend(
        name=name,
        title=raw["title"],
        names={code: entry["name"] for code, entry in codes.items()},
        names_zh={code: entry["zh"] for code, entry in codes.items() if "zh" in entry},
        types={code: entry["type"] for code, entry in codes.items()},
        own={key: {code: entry[key] for code, entry in codes.items() if key in entry} for key in known},
        nodata=tuple(raw["nodata"]),
        aliases=tuple(raw.get("aliases", ())),
        status=raw["status"],
        source=raw["source"],
    )


def crosswalk(legend: str, scheme: str, assign: Mapping[str, str] | None = None) -> dict[int, str]:
    """Return code to class, empty where the scheme has none.

    Parameters
    ----------
    legend, scheme
        As in ``reclassify``.
    assign
        Type to class of the scheme (or ``""``), for types that have none and for those that shall have another.

    Raises
    ------
    OptionError
        If a name is unknown, or a type of the legend has no class in the scheme and none is assigned.

    Examples
    --------
    >>> crosswalk("CLCD", "casa", {"forest": "deciduous_broadleaf"})[2]
    'deciduous_broadleaf'
    """
    source, target = get_legend(legend), schemes()[choose(scheme, schemes(), "scheme")]
    given = dict(assign or {})
    for word, name in given.items():
        choose(word, sorted(set(source.types.values())), f"assign: a type of legend {source.name}")
        choose(name, ("", *target.names), f"assign: the class of {word}")
    classes = {**target.classes, **given}
    lacking = sorted({word for word in source.types.values() if word not in classes})
    if lacking:
        codes = ", ".join(f"{code} {source.names[code]}" for code, word in source.types.items() if word in lacking)
        words = ", ".join(f"{word} = {target.suggest.get(word, target.names[0])!r}" for word in lacking)
        raise OptionError(
            f"scheme {scheme!r} has no class for {', '.join(lacking)} of legend {source.name} ({codes}): say what they are, "
            f"as assign = {{ {words} }}, or take a legend that tells them apart"
        )
    own = {code: name for code, name in source.own[scheme].items() if source.types[code] not in given}
    return {code: own.get(code, classes[word]) for code, word in source.types.items()}
