"""The catalogue of variables: canonical name, unit, plausible range, label and category of each.

One table (``catalogue.toml``) serves the range checks at the data door, the axis labels of the figures and the
guesses of ``carbondrivers new``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from carbondrivers.errors import OptionError, did_you_mean

Category = Literal["climate", "topography", "soil", "vegetation", "human", "other"]
Kind = Literal["continuous", "categorical"]
CATEGORIES: tuple[Category, ...] = get_args(Category)


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the catalogue.

    Attributes
    ----------
    name : str
        Canonical name.
    unit : str
        Unit in which the plausible range is given; empty for a dimensionless or categorical variable.
    low, high : float
        Plausible range; a value outside it means a wrong unit, a scale factor or a fill value.
    peak : float
        The largest value of a grid reaches it; otherwise its unit is likely a larger one (metres, kilograms).
    label, label_zh : str
        Words for figures and tables.
    category : str
        One of ``CATEGORIES``.
    kind : str
        ``"continuous"`` or ``"categorical"``.
    aliases : tuple of str
        Other names under which data sets carry it.
    """

    name: str
    unit: str
    low: float
    high: float
    label: str
    label_zh: str
    category: Category
    kind: Kind = "continuous"
    aliases: tuple[str, ...] = ()
    peak: float = 0.0


@cache
def variables() -> dict[str, Variable]:
    """Return the whole catalogue, by canonical name."""
    raw = tomllib.loads(files("carbondrivers").joinpath("catalogue.toml").read_text(encoding="utf-8"))
    found: dict[str, Variable] = {}
    for name, entry in raw.items():
        low, high = entry.get("range", (float("-inf"), float("inf")))
        found[name] = Variable(
            name=name,
            unit=entry.get("unit", ""),
            low=low,
            high=high,
            label=entry["label"]["en"],
            label_zh=entry["label"]["zh"],
            category=entry["category"],
            kind=entry.get("kind", "continuous"),
            aliases=tuple(entry.get("aliases", ())),
            peak=entry.get("peak", 0.0),
        )
    return found


def variable(name: str) -> Variable:
    """Return one variable by its canonical name.

    Raises
    ------
    OptionError
        If the catalogue has no such name.

    Examples
    --------
    >>> variable("precipitation").unit
    'mm a-1'
    """
    known = variables()
    if name not in known:
        raise OptionError(f"the catalogue has no variable {name!r}.{did_you_mean(name, known)}")
    return known[name]


def guess(name: str) -> Variable | None:
    """Return the variable that a column or file name most likely means, or None.

    Examples
    --------
    >>> guess("MAP_mm").name
    'precipitation'
    >>> guess("site_id") is None
    True
    """
    words = name.lower().replace("-", "_").replace(" ", "_")
    tokens = [t for t in words.split("_") if t and not t.isdigit()]
    best: tuple[int, Variable] | None = None
    for entry in variables().values():
        for alias in (entry.name, *entry.aliases):
            exact, part = words == alias, alias in tokens or (len(alias) > 4 and alias in words)
            score = 1000 if exact else len(alias) if part else 0
            if score and (best is None or score > best[0]):
                best = (score, entry)
    return best[1] if best else None
