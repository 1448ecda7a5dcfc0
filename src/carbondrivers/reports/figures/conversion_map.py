"""Map of the conversions between two years, with a bar of their shares."""

from __future__ import annotations

import numpy as np

from carbondrivers.attribution.conversion_map import OTHER, UNCHANGED
from carbondrivers.attribution.transitions import TransitionResult
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import Classes, map_page
from carbondrivers.reports.figures.transition_pairs import classes_word, years_of
from carbondrivers.reports.registry import Picture
from carbondrivers.reports.style import Journal

COLOURS = ("#6B1A1A", "#D9573F", "#0B3C5D", "#5AA9DD", "#0E6B5A", "#8CCB7E", "#E8C15A", "#8E44AD")
FIXED = {UNCHANGED: "#EDEDED", OTHER: "#9A9A9A"}


def conversion_picture(result: TransitionResult, journal: Journal) -> Picture:
    """Compose the map."""
    table = result.conversions
    levels = [str(level) for level in table["level"]]
    colours = [FIXED[level] if level in FIXED else COLOURS[i - 1] for i, level in enumerate(levels)]
    first, last = years_of(result)
    share_of = str(table["share_of"].iloc[0])
    part = Classes(
        title=f"Conversions of {classes_word(result)}, {first} to {last}",
        codes=result.grid["conversion"].to_numpy(),
        colours=colours,
        levels=levels,
        shares=table["share"].to_numpy(dtype=np.float64),
    )
    sentences = [f"{panels.count(result.n)} cells", "the eight largest conversions by name", f"shares of the {share_of}"]
    on, width = map_page(result.grid, [part], sentences, journal)
    caption = f"What became of each cell from {first} to {last}; shares are of the {share_of}."
    return Picture("transitions_map", on.figure, furniture.cells(result.grid, ["conversion"]), caption, width)
