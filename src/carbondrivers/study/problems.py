"""Problems of a study file: where each stands in the text, and in which words the user is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from carbondrivers.study.registry import StepOptions
from carbondrivers.study.schema import inner_model, keys_of, model_at

KeyPath: TypeAlias = tuple[str | int, ...]
Found: TypeAlias = Iterator[tuple[KeyPath, str]]

# What the same thing is called in other tools: word -> names here. A name counts only where it would be accepted.
TRADE_WORDS: dict[str, tuple[str, ...]] = {
    "jenks": ("natural",), "natural_breaks": ("natural",), "fisher": ("natural",), "fisher_jenks": ("natural",),
    "quantiles": ("quantile",), "equal_interval": ("equal",), "equal_intervals": ("equal",),
    "sen": ("theil_sen", "trend"), "sens_slope": ("theil_sen", "trend"), "sen_slope": ("theil_sen", "trend"),
    "mk": ("mann_kendall", "trend"), "mann_kendall": ("trend",), "theil_sen": ("trend",),
    "lm": ("ols",), "linear": ("ols",), "linear_regression": ("ols",), "least_squares": ("ols",),
    "pearsonr": ("pearson", "correlation"), "pearson": ("correlation",), "corr": ("correlation",),
    "gd": ("geodetector",), "geo_detector": ("geodetector",), "geographical_detector": ("geodetector",),
    "opgd": ("geodetector",), "q_statistic": ("geodetector",),
    "dem": ("topography",), "terrain": ("topography",), "relief": ("topography",), "meteorology": ("climate",),
    "weather": ("climate",), "anthropogenic": ("human",), "socioeconomic": ("human",), "socio_economic": ("human",),
    "biotic": ("vegetation",), "edaphic": ("soil",),
    "numeric": ("continuous",), "number": ("continuous",), "float": ("continuous",), "factor": ("categorical",),
    "class": ("categorical", "category"), "nominal": ("categorical",), "discrete": ("categorical",),
    "average": ("mean",),
    "jpg": ("png",),
    "lon_lat": ("coordinates",), "lonlat": ("coordinates",), "xy": ("coordinates",), "coords": ("coordinates",),
    "coordinate": ("coordinates",), "lon": ("coordinates",), "lat": ("coordinates",), "x": ("coordinates",),
    "y": ("coordinates",), "epsg": ("crs",), "projection": ("crs",), "weight": ("weights",),
    "path": ("file", "source"), "filename": ("file", "source"), "file": ("source",), "raster": ("source",),
    "tif": ("source", "tiff"), "source": ("file",), "var": ("variable",), "band": ("variable",), "field": ("column",),
    "type": ("kind", "category"), "units": ("unit",), "no_data": ("nodata",), "fill_value": ("nodata",),
    "missing_value": ("nodata",), "fillvalue": ("nodata",), "bins": ("classes",), "k": ("classes",),
    "n_classes": ("classes",), "n_class": ("classes",), "intervals": ("classes",), "discretization": ("method",),
    "conf_level": ("confidence",), "random_seed": ("seed",), "period": ("years",), "year": ("years",),
    "variables": ("drivers",), "factors": ("drivers",), "target": ("response",), "dependent": ("response",),
    "analysis": ("analyses",), "methods": ("method", "analyses"), "gt": ("above",), "ge": ("at_least",),
    "lt": ("below",), "le": ("at_most",), "min": ("at_least",), "max": ("at_most",),
    "equals": ("is",), "values": ("is",),
    "casa": ("casa_gsmsr",), "gsmsr": ("casa_gsmsr",), "sanirv": ("nirv_tec",), "tec": ("nirv_tec",), "pei": ("npp_minus_rh",),
    "farmland": ("cropland",), "cultivated": ("cropland",), "crop": ("cropland",), "crops": ("cropland",),
    "meadow": ("grassland",), "steppe": ("grassland",), "pasture": ("grassland",), "grass": ("grassland",),
    "woodland": ("forest",), "shrub": ("shrubland",), "shrubs": ("shrubland",), "desert": ("barren",), "bare": ("barren",),
    "unused": ("barren",), "unused_land": ("barren",), "urban": ("impervious",), "built_up": ("impervious",),
    "construction": ("impervious",), "snow": ("ice",), "glacier": ("ice",), "snow_ice": ("ice",), "lake": ("water",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    line : int or None
        Line of the study file; None if no line is to blame.
    key : str
        Dotted path of the key, as ``explain`` takes it; may be empty.
    message : str
        What is wrong, what was expected, what to do.
    """

    line: int | None
    key: str
    message: str

    def text(self, file: str) -> str:
        """Return ``file:line: key: message``."""
        where = file if self.line is None else f"{file}:{self.line}"
        return ": ".join(part for part in (where, self.key, self.message) if part)


def hint(word: str, known: Iterable[str]) -> str:
    """Return what `word` is called here, or the nearest known word, as an ending of a message.

    Examples
    --------
    >>> hint("jenks", ["quantile", "natural"])
    "; 'jenks' is called 'natural' here"
    >>> hint("categroy", ["category", "unit"])
    "; did you mean 'category'?"
    """
    known = list(known)
    plain = re.sub(r"[\s\-']+", "_", word.strip().lower())
    if plain in known:
        return f"; did you mean {plain!r}?"
    for name in TRADE_WORDS.get(plain, ()):
        if name in known:
            return f"; {word!r} is called {name!r} here"
    found = get_close_matches(plain, known, n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def listed(words: Iterable[str], most: int = 14) -> str:
    """Return the words with commas, the end of a long list left out."""
    words = list(words)
    return ", ".join(words[:most]) + (", ..." if len(words) > most else "")


def dotted(path: Iterable[str | int]) -> str:
    """Return a key path as the user writes it; positions in lists are left out."""
    return ".".join(part for part in path if isinstance(part, str))


def _unknown_key(key: str, expected: Sequence[str]) -> str:
    """Return the message for a key that has no meaning."""
    return f"unknown key; expected one of {listed(expected, 20)}{hint(key, expected)}"


def _message(error: Mapping[str, Any], expected: Sequence[str] = ()) -> str:
    """Return our words for an error of pydantic; `expected` are the keys of its table, or what a missing key means."""
    kind, got, context = str(error["type"]), error.get("input"), error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(str(error["loc"][-1]), expected)
    if kind == "missing":
        return f"missing: {expected[0].rstrip('.') if expected else 'it must be given'}"
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", str(context["expected"]))
        if not options:
            return f"must be {context['expected']}, got {_shown(got)}"
        return f"must be {_one_of(options)}, got {_shown(got)}{hint(str(got), options)}"
    if kind == "value_error":
        return str(context["error"])
    bounds = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    for name, words in bounds.items():
        if name in context:
            return f"must be {words} {context[name]}, got {_shown(got)}"
    return f"{_wanted(kind, context, str(error['msg']))}, got {_shown(got)}"


def _one_of(options: Sequence[str]) -> str:
    return repr(options[0]) if len(options) == 1 else f"one of {', '.join(map(repr, options))}"


def _wanted(kind: str, context: Mapping[str, Any], fallback: str) -> str:
    if kind in {"too_short", "too_long"}:
        bound = context.get("min_length", context.get("max_length"))
        return f"must be a list of {'at least' if kind == 'too_short' else 'at most'} {bound} items"
    stems = {
        "int": "must be a whole number", "float": "must be a number", "string": "must be text in quotes",
        "bool": "must be true or false", "tuple": "must be a list in [ ]", "list": "must be a list in [ ]",
        "model": "must be a table of keys", "dict": "must be a table of keys", "finite": "must be a finite number",
    }  # fmt: skip
    return stems.get(kind.split("_")[0], fallback[:1].lower() + fallback[1:])


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def model_problems(model: type[BaseModel], given: object, prefix: KeyPath, options: Mapping[str, type[StepOptions]]) -> Found:
    """Iterate over what pydantic finds wrong with a table of the study file.

    Parameters
    ----------
    model, given
        The table's model, and the table as read.
    prefix
        Key path of the table.
    options
        Models of the analyses, by step.
    """
    try:
        model.model_validate(given)
    except ValidationError as error:
        merged: dict[KeyPath, list[str]] = {}
        items = error.errors(include_url=False)
        for item in items:
            # A list whose items are wrong is counted as too short on top of that.
            if item["type"] == "too_short" and any(_is_below(other["loc"], item["loc"]) for other in items):
                continue
            where = _trimmed(item["loc"], given, keep=item["type"] == "missing")
            table = model_at((*prefix, *where[:-1]), options)
            message = _message(dict(item), _expected(table, item["type"], where))
            merged.setdefault((*prefix, *where), []).append(message)
        for path, messages in merged.items():
            yield path, _either(messages)


def _is_below(loc: KeyPath, table: KeyPath) -> bool:
    return len(loc) > len(table) and loc[: len(table)] == table


def _trimmed(loc: KeyPath, given: object, keep: bool) -> KeyPath:
    """Return the part of an error's place that the user wrote: unions add the names of types to it."""
    where: list[str | int] = []
    for part in loc:
        inside = (isinstance(given, Mapping) and part in given) or (
            isinstance(given, list) and isinstance(part, int) and part < len(given)
        )
        if not inside:
            return (*where, part) if keep else tuple(where)
        where.append(part)
        given = given[part]  # type: ignore[index]
    return tuple(where)


def _expected(table: type[BaseModel] | None, kind: str, where: KeyPath) -> list[str]:
    if table is None:
        return []
    fields = keys_of(table)
    if kind != "missing":
        return list(fields)
    name = str(where[-1])
    info = fields[name]
    path = dotted(where)
    remedy = f"add a table [{path}]" if inner_model(info.annotation)[0] else f"add {name} = ..."
    return [f"{remedy} ({info.description})"]


def _either(messages: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(messages))
    if len(distinct) == 1 or not all(", got " in message for message in distinct):
        return "; ".join(distinct)
    heads = [message.split(", got ")[0].removeprefix("must be ") for message in distinct]
    return f"must be {', or '.join(heads)}, got {distinct[0].split(', got ', 1)[1]}"


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line of every key of a TOML text that is known to be valid.

    Parameters
    ----------
    text
        A text that ``tomllib`` has read.

    Returns
    -------
    dict
        Key path to line, counted from 1; tables, dotted keys and inline tables alike.

    Examples
    --------
    >>> key_lines("[a]\\nb.c = 1\\nd = { e = 2 }")[("a", "d", "e")]
    3
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(lines: Mapping[KeyPath, int], path: Sequence[str | int]) -> int | None:
    """Return the line of a key, or of the nearest table around it."""
    words: KeyPath = tuple(part for part in path if isinstance(part, str))
    for end in range(len(words), 0, -1):
        if words[:end] in lines:
            return lines[words[:end]]
    return None


class _Scanner:
    """Walks over valid TOML and remembers where keys stand; values are skipped, not read."""

    KEY = re.compile(r"""[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))[ \t]*(\.?)""")
    STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")' r"|'''.*?'{3,5}(?!')" r'|"(?:[^"\\]|\\.)*"' r"|'[^']*'", re.DOTALL)
    BLANK = re.compile(r"(?:[\s,]|#[^\n]*)*")
    SCALAR = re.compile(r"[^,\]}\n#]+")

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.lines: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while self._blank():
            if self.text[self.at] == "[":
                double = self.text.startswith("[[", self.at)
                self.at += 2 if double else 1
                table = self._key(())
                self.at = self.text.index("]", self.at) + (2 if double else 1)
            else:
                self._pair(table)

    def _blank(self) -> bool:
        self.at = self._end(self.BLANK)
        return self.at < len(self.text)

    def _end(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        # Moving on by one keeps the walk finite on anything unforeseen.
        return match.end() if match else self.at + 1

    def _key(self, table: KeyPath) -> KeyPath:
        path, line = table, self.text.count("\n", 0, self.at) + 1
        while match := self.KEY.match(self.text, self.at):
            quoted, literal, bare, dot = match.groups()
            path = (*path, _unescape(quoted) if quoted is not None else literal if literal is not None else bare)
            self.lines.setdefault(path, line)
            self.at = match.end()
            if not dot:
                break
        return path

    def _pair(self, table: KeyPath) -> None:
        path = self._key(table)
        self.at = self.text.find("=", self.at) + 1 or len(self.text)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if not self._blank():
            return
        first = self.text[self.at]
        if first in "\"'":
            self.at = self._end(self.STRING)
        elif first in "[{":
            self.at += 1
            while self._blank() and self.text[self.at] not in "]}":
                if first == "{":
                    self._pair(path)
                else:
                    self._value(path)
            self.at += 1
        else:
            self.at = self._end(self.SCALAR)


def _unescape(text: str) -> str:
    import tomllib

    return str(tomllib.loads(f'key = "{text}"')["key"])
