"""Driving-type figure: the map by the chosen p beside the map by naive p, as published."""

from __future__ import annotations

import numpy as np

from carbondrivers.attribution.driving_types import LAYER, UNCLASSED, DrivingTypesResult
from carbondrivers.attribution.time_correlation import P_WORDS
from carbondrivers.catalogue import guess
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import Classes, map_page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import Journal

SEVERAL, WEAK, NONE, OTHER, UNFIT = "#3F1D63", "#D9C7E4", "#ECECEC", "#8F8F8F", "#B4B4B4"
OF_DRIVER = {"temperature": "#C8402F", "precipitation": "#2C7FB8", "radiation": "#E3A42B"}
SPARE = ("#64D881", "#66192D", "#833F72", "#4913EC", "#AC5353")


@figure_of(DrivingTypesResult)
def driving_types_pictures(result: DrivingTypesResult, *, journal: Journal) -> list[Picture]:
    """Compose the two maps, or one where the chosen p is the naive one."""
    chosen = LAYER[result.parameters["significance"]]
    parts = [_classes(result, "driving_type", f"Driving type, {P_WORDS[chosen]}")]
    if chosen != "p":
        parts.append(_classes(result, "published_type", "Driving type, naive P (convention)"))
    share_of, years = str(result.classes["share_of"].iloc[0]), result.parameters["correlation"]["years"]
    sentences = [
        f"{panels.years_text(years)}, {panels.count(result.n)} cells",
        f"partial correlations at P < {result.parameters['alpha_t']:g} (t), multiple correlation at "
        f"P < {result.parameters['alpha_f']:g} (F)",
        "corrected: effective number of years; naive: years as independent" if chosen != "p" else "years as independent",
        "rules: a convention, from memory" if result.parameters["default_rules"] else "rules: as the study gives them",
        f"shares of the {share_of}",
    ]
    on, width = map_page(result.grid, parts, sentences, journal)
    known = result.variables
    label = result.label(str(known.loc[known["role"] == "response", "name"].iloc[0]))
    sides = f" by the {P_WORDS[chosen]} (a) and by the naive P of the convention (b)" if len(parts) > 1 else ""
    caption = f"Driving types of {label} through the years{sides}; shares are of the {share_of}."
    numbers = furniture.cells(result.grid, ("driving_type", "published_type"))
    return [Picture("driving_types_map", on.figure, numbers, caption, width)]


def _classes(result: DrivingTypesResult, name: str, title: str) -> Classes:
    layer = result.grid[name]
    table = result.classes.loc[result.classes["method"] == P_WORDS[str(layer.attrs["p"])]]
    colours = _colours(result)
    shown = table.loc[(table["n"] > 0) | (table["level"] != UNCLASSED)]
    return Classes(
        title=title,
        codes=layer.to_numpy(),
        colours=list(colours.values()),
        levels=[str(level) for level in shown["level"]],
        shares=shown["share"].to_numpy(dtype=np.float64),
        drawn=[colours[str(level)] for level in shown["level"]],
    )


def _colours(result: DrivingTypesResult) -> dict[str, str]:
    """A colour a class: that of the one driver that a rule asks for, dark for several, pale for none."""
    taken = set[str]()
    found: dict[str, str] = {}
    for rule in result.parameters["rules"]:
        wanted = rule["significant"]
        colour = OTHER
        if rule["multiple"] is False:
            colour = NONE
        elif len(wanted) == 1:
            known = guess(str(wanted[0]))
            colour = OF_DRIVER.get(known.name if known else "", "")
        elif len(wanted) > 1 or rule["at_least"] > 1:
            colour = SEVERAL
        elif rule["multiple"]:
            colour = WEAK
        if not colour or colour in taken:
            # Where all are taken, classes of a long table share a colour rather than fail.
            colour = next((one for one in SPARE if one not in taken), OTHER)
        taken.add(colour)
        found[str(rule["name"])] = colour
    return found | ({UNCLASSED: UNFIT} if UNCLASSED in set(result.classes["level"]) else {})
