"""Zoning figure: the map of zones with its share bar, beside the zones by naive P."""

from __future__ import annotations

import numpy as np

from carbondrivers.attribution.zone_rules import INDISTINCT, UNDETERMINED
from carbondrivers.attribution.zoning import METHODS, ZoningResult
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import Classes, map_page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import Journal
from carbondrivers.reports.words import number, unit_words

UNKNOWN, QUIET = "#9A9A9A", "#EDEDED"
OF_DEFAULT = {
    "Lasting decline": "#6B1A1A", "Decline": "#D9573F", "Rising core": "#0B3C5D", "Core": "#5AA9DD",
    "Lasting rise": "#0E6B5A", "Rise": "#8CCB7E", "Low core": "#E8C15A", "Unlike its neighbours": "#8E44AD",
}  # fmt: skip
MOST = 14


@figure_of(ZoningResult)
def zoning_pictures(result: ZoningResult, *, journal: Journal) -> list[Picture]:
    """Compose the map by the chosen P and the one by naive P, or one where they are the same."""
    chosen = result.parameters["significance"]
    titles = {"zone": f"Zones, {METHODS[chosen]}", "naive_zone": f"Zones, {METHODS['naive']}"}
    layers = ["zone", *(["naive_zone"] if chosen != "naive" else [])]
    share_of, years = str(result.zones["share_of"].iloc[0]), result.parameters["years"]
    name = str(result.variables["name"].iloc[0])
    what = "mean of the map" if result.parameters["reference_is_mean"] else "given"
    reference = f"{number(result.parameters['reference'])} {unit_words(result.unit(name))}".rstrip()
    sentences = [
        f"{panels.years_text(years)}, {panels.count(result.n)} cells",
        f"high and low: two standard errors from the reference ({what}, {reference})",
        f"trend, persistence and clusters at P < {result.parameters['alpha']:g}",
        "rules: a default of the package" if result.parameters["default_rules"] else "rules: as the study gives them",
        f"shares of the {share_of}",
    ]
    on, width = map_page(result.grid, [_classes(result, layer, titles[layer]) for layer in layers], sentences, journal)
    sides = f" by {METHODS[chosen]} of each test (a) and by naive P (b)" if len(layers) > 1 else " by naive P of each test"
    caption = (
        f"Zones of {result.label(name)} by level, trend, persistence and spatial cluster{sides}; shares are of the {share_of}."
    )
    return [
        Picture(
            "zoning_map", on.figure, furniture.cells(result.grid, [str(one) for one in result.grid.data_vars]), caption, width
        )
    ]


def _classes(result: ZoningResult, layer: str, title: str) -> Classes:
    table = result.zones.loc[result.zones["method"] == str(result.grid[layer].attrs["p"])]
    colours = zone_colours([str(level) for level in table["level"]])
    # A long table of rules would fill the page with zones that no cell is in.
    shown = table.loc[table["n"] > 0] if len(table) > MOST else table
    return Classes(
        title=title,
        codes=result.grid[layer].to_numpy(),
        colours=list(colours.values()),
        levels=[str(level) for level in shown["level"]],
        shares=shown["share"].to_numpy(dtype=np.float64),
        drawn=[colours[str(level)] for level in shown["level"]],
    )


def zone_colours(levels: list[str]) -> dict[str, str]:
    """Return a colour for every zone: those of the default table by name, for other names in the order of the rules."""
    fixed = OF_DEFAULT | {UNDETERMINED: UNKNOWN, INDISTINCT: QUIET}
    spare = [colour for name, colour in OF_DEFAULT.items() if name not in levels]
    found: dict[str, str] = {}
    for level in levels:
        # Where all are taken, zones of a long table share a colour rather than fail.
        found[level] = fixed.get(level) or (spare.pop(0) if spare else UNKNOWN)
    return found
