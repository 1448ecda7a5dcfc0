"""Colours of land-cover classes and regions: by what a class is called where that is known, else the next free one.

All nine differ by more than 25 (CIE76) for readers with each kind of colour deficiency (``style.smallest_difference``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CLASS_COLOURS: Mapping[str, str] = {
    "forest": "#167D4F",
    "grassland": "#8DC063",
    "cropland": "#ECB30B",
    "water": "#08319C",
    "impervious": "#871265",
    "barren": "#BEABA2",
    "wetland": "#28C5E7",
    "shrubland": "#8D6600",
    "snow": "#ECF8FE",
}
# The first word that a name contains decides: wetland before water, shrubland before forest.
_WORDS: tuple[tuple[str, str], ...] = (
    ("wetland", "wetland"), ("marsh", "wetland"), ("湿", "wetland"),
    ("shrub", "shrubland"), ("灌", "shrubland"),
    ("forest", "forest"), ("wood", "forest"), ("林", "forest"),
    ("grass", "grassland"), ("meadow", "grassland"), ("steppe", "grassland"), ("pasture", "grassland"), ("草", "grassland"),
    ("crop", "cropland"), ("farm", "cropland"), ("cultivated", "cropland"), ("耕", "cropland"), ("农", "cropland"),
    ("impervious", "impervious"), ("built", "impervious"), ("urban", "impervious"), ("建", "impervious"), ("城", "impervious"),
    ("snow", "snow"), ("ice", "snow"), ("glacier", "snow"), ("冰", "snow"), ("雪", "snow"),
    ("water", "water"), ("lake", "water"), ("river", "water"), ("水", "water"),
    ("barren", "barren"), ("bare", "barren"), ("desert", "barren"), ("unused", "barren"), ("sand", "barren"),
    ("裸", "barren"), ("荒", "barren"), ("未利用", "barren"),
)  # fmt: skip


def class_colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each class; with more than nine the colours begin anew.

    Examples
    --------
    >>> class_colours(["Deciduous forest", "Region A"])
    {'Deciduous forest': '#167D4F', 'Region A': '#8DC063'}
    """
    found: dict[str, str] = {}
    for name in names:
        kind = next((kind for word, kind in _WORDS if word in name.lower()), "")
        if kind and CLASS_COLOURS[kind] not in found.values():
            found[name] = CLASS_COLOURS[kind]
    palette = list(CLASS_COLOURS.values())
    free = [colour for colour in palette if colour not in found.values()]
    for index, name in enumerate(name for name in names if name not in found):
        found[name] = free[index] if index < len(free) else palette[index % len(palette)]
    return {name: found[name] for name in names}
