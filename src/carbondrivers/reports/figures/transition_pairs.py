"""What the figures of transitions share: pairs of classes with their sizes and shares, and how they are printed."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from carbondrivers.attribution.transitions import TransitionResult
from carbondrivers.reports.words import number


class Flow(NamedTuple):
    """A pair of classes: cells, size in print, share of the whole, share of the class of the first year."""

    level: str
    level_2: str
    n: float
    size: float
    share: float
    own: float


def flows_of(result: TransitionResult) -> pd.DataFrame:
    """Return one row a pair: its size in print (km2, or cells), and its shares of the whole and of its class."""
    whole, own = (
        result.matrix.loc[result.matrix["share_of"] == words].reset_index(drop=True) for words in denominators(result)
    )
    size = whole["area_km2"] if has_areas(result) else whole["n"].astype(float)
    return whole[["level", "level_2", "n"]].assign(size=size, share=whole["share"], own=own["share"])


def rows_of(flows: pd.DataFrame) -> list[Flow]:
    """Return the pairs one by one."""
    columns = ("level", "level_2", "n", "size", "share", "own")
    rows = flows[list(columns)].itertuples(index=False, name=None)
    return [Flow(str(one), str(two), *map(float, numbers)) for one, two, *numbers in rows]


def denominators(result: TransitionResult) -> tuple[str, str]:
    """Denominators: the whole, then the class of the first year."""
    own, whole = result.matrix["share_of"].drop_duplicates()
    return str(whole), str(own)


def has_areas(result: TransitionResult) -> bool:
    """Return whether the areas of the cells are known."""
    return bool(result.matrix["area_km2"].notna().all())


def unit_of(result: TransitionResult) -> str:
    """Return the unit of the sizes, for a figure."""
    return r"km$\mathregular{^{2}}$" if has_areas(result) else "cells"


def years_of(result: TransitionResult) -> tuple[str, str]:
    """Return the two years."""
    return str(result.parameters["first"]), str(result.parameters["last"])


def class_word(level: object) -> str:
    """Return the name of a class with a capital."""
    return str(level)[:1].upper() + str(level)[1:]


def size_words(value: float) -> str:
    """Return a size in print."""
    return number(round(value), 9) if value >= 10 else number(value, 2)


def classes_word(result: TransitionResult) -> str:
    """Return what the classes are called in a sentence."""
    name = str(result.variables.loc[result.variables["role"] == "driver", "name"].iloc[0])
    return result.label(name).lower()
