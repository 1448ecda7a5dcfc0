"""Figures of clusters of units: polygons or points in the colour of their class, and the Moran scatter plot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from carbondrivers.attribution.clusters import GI_CLASSES, LISA_CLASSES, METHODS
from carbondrivers.attribution.weighted_clusters import OF_ALL, WeightedClusterResult
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import GUTTER, LEFT, TALLEST_MAP_MM, TOP, Classes, legend, legend_height
from carbondrivers.reports.figures.clusters import GI_COLOURS, QUADRANTS
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, RULE_INK, Journal, drawing
from carbondrivers.reports.style import journal as journal_of

RARE, NOT_FOUND = "No neighbours", "Not significant"
COLOURS = {
    "lisa_class": dict(zip(LISA_CLASSES, QUADRANTS, strict=True)),
    "gi_class": dict(zip(GI_CLASSES, GI_COLOURS, strict=True)),
}
TITLES = {"lisa_class": "Local Moran (LISA)", "gi_class": "Getis–Ord Gi*"}


def weighted_clusters(result: WeightedClusterResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the Moran scatter plot: every unit against the mean of its neighbours, in the colour of its LISA class.

    Parameters
    ----------
    result
        From the method of the same name.
    ax
        Where to draw; axes of their own where None.
    journal
        Profile that sets fonts and sizes.
    """
    profile = journal_of(journal)
    with drawing(profile):
        if ax is None:
            ax = panels.page(profile.single, 82.0).axes(13.0, 9.0, profile.single - 16.0, 61.0)
        _draw_scatter(ax, result, profile.size - 0.5)
    return ax


@figure_of(WeightedClusterResult)
def weighted_cluster_pictures(result: WeightedClusterResult, *, journal: Journal) -> list[Picture]:
    """Compose the two maps, where places are known, and the scatter plot."""
    maps = [_map_picture(result, journal)] if result.units["x"].notna().all() else []
    return [*maps, _scatter_picture(result, journal)]


def _map_picture(result: WeightedClusterResult, journal: Journal) -> Picture:
    size, width = journal.size - 0.5, journal.double
    crs = furniture.known_crs(result.parameters["crs"])
    across = (width - 2 * LEFT - GUTTER + 5.5) / 2
    extent = furniture.extent_of(_bounds(result), crs, across, TALLEST_MAP_MM)
    tall = extent.aspect * across
    parts = [_classes(result, name) for name in COLOURS]
    sentences = _foot(result, known=crs is not None)
    foot = panels.foot_height(sentences, width - LEFT - 2.0, size - 0.5)
    below = max(legend_height(part, across, size) for part in parts)
    on = panels.page(width, 18.0 + tall + below + foot)
    for index, (name, part) in enumerate(zip(COLOURS, parts, strict=True)):
        start = LEFT + index * (across + GUTTER)
        ax = on.axes(start, TOP, across, tall)
        _draw_units(ax, result, name)
        furniture.frame(ax, extent, crs, size - 0.5)
        panels.panel_title(ax, "ab"[index], TITLES[name], journal.size + 0.5, LEFT - 2.0)
        legend(on, start, 14.0 + tall, across, part, size)
    panels.foot(on, LEFT, on.height - foot, sentences, size - 0.5)
    caption = (
        f"Spatial clusters of {_label(result)}: local Moran's I (a; high among high, low among low, and outliers) and "
        f"Getis-Ord Gi* (b); shares are of the {OF_ALL}."
    )
    return Picture("weighted_clusters_map", on.figure, result.units, caption, "double")


def _bounds(result: WeightedClusterResult) -> tuple[float, float, float, float]:
    places = result.outlines if len(result.outlines) else result.units
    x, y = (places[c].to_numpy(dtype=np.float64) for c in ("x", "y"))
    # All on one line still need a frame with an area.
    least = 0.02 * max(np.ptp(x), np.ptp(y)) or 1.0
    half_x, half_y = (least / 2 if np.ptp(v) == 0 else 0.0 for v in (x, y))
    return float(x.min() - half_x), float(x.max() + half_x), float(y.min() - half_y), float(y.max() + half_y)


def _classes(result: WeightedClusterResult, name: str) -> Classes:
    adjusted = "_adjusted" if result.parameters["significance"] == "benjamini_hochberg" else ""
    method = METHODS[f"{'p' if name == 'lisa_class' else 'gi_p'}{adjusted}"]
    table = result.classes
    table = table.loc[(table["method"] == method) & (table["share_of"] == OF_ALL)]
    table = table.loc[(table["n"] > 0) | (table["level"] != RARE)]
    return Classes(
        title=TITLES[name],
        codes=np.empty((0, 0)),
        colours=list(COLOURS[name].values()),
        levels=[str(level).replace(" spot,", "") for level in table["level"]],
        shares=table["share"].to_numpy(dtype=np.float64),
        drawn=[COLOURS[name][str(level)] for level in table["level"]],
    )


def _draw_units(ax: Axes, result: WeightedClusterResult, name: str) -> None:
    units = result.units
    if len(result.outlines):
        rings = {str(label): part for label, part in result.outlines.groupby("id", sort=False)}
        for label, level in zip(units["id"], units[name], strict=True):
            if str(label) in rings:
                look: dict[str, Any] = {"facecolor": COLOURS[name][level], "edgecolor": "#6E6E6E", "linewidth": 0.3}
                ax.add_patch(PathPatch(_path(rings[str(label)]), **look))
        return
    across, tall = panels.axes_mm(ax)
    side = float(np.clip(0.7 * np.sqrt(across * tall / len(units)), 0.8, 2.6)) / panels.MM_PER_POINT
    line = 0.3 if len(units) < 3000 else 0.0
    # What was found lies above what was not.
    for level in sorted(COLOURS[name], key=lambda one: one != NOT_FOUND):
        rows = units.loc[units[name] == level]
        edge = "#8A8A8A" if level == NOT_FOUND else INK
        ax.plot(
            rows["x"], rows["y"], "o", markersize=side, color=COLOURS[name][level], markeredgecolor=edge, markeredgewidth=line,
            linestyle="none", rasterized=True,
        )  # fmt: skip


def _path(rings: pd.DataFrame) -> Path:
    """Return the rings of one unit as one path; a hole runs the other way round and stays empty."""
    corners, codes = [], []
    for _, ring in rings.groupby("part", sort=False):
        places = ring[["x", "y"]].to_numpy(dtype=np.float64)
        corners.append(places)
        codes += [Path.MOVETO, *[Path.LINETO] * (len(places) - 2), Path.CLOSEPOLY]
    return Path(np.concatenate(corners), codes)


def _foot(result: WeightedClusterResult, *, known: bool) -> list[str]:
    adjusted = result.parameters["significance"] == "benjamini_hochberg"
    return [
        f"{panels.count(result.n)} units",
        f"(a): two-sided permutation P < {result.parameters['alpha']:g} ({result.parameters['permutations']:,} draws)",
        "(b): normal P",
        f"P {'adjusted over the units (Benjamini–Hochberg)' if adjusted else 'not adjusted for the number of units'}",
        f"shares of the {OF_ALL}",
        "dark: no neighbours" if (result.units["lisa_class"] == RARE).any() else "",
        "scale bar true at the centre of the map" if known else "reference system unknown",
    ]


def _scatter_picture(result: WeightedClusterResult, journal: Journal) -> Picture:
    size = journal.size - 0.5
    sentences = [
        "colours: LISA classes",
        "line: slope I, its exact moments under randomisation give z" if result.parameters["style"] == "W" else "",
        f"{int((result.units['neighbours'] == 0).sum())} units without neighbours are left out" if _islands(result) else "",
    ]
    foot = panels.foot_height(sentences, journal.single - 4.0, size - 0.5)
    on = panels.page(journal.single, 82.0 + foot)
    _draw_scatter(on.axes(13.0, 9.0, journal.single - 16.0, 62.0), result, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    caption = (
        f"Moran scatter plot of {_label(result)}: deviate of every unit against the mean deviate of its neighbours; the slope "
        "is Moran's I under row-standardised weights."
    )
    numbers = result.units[["id", "deviate", "lag", "lisa_class"]]
    return Picture("weighted_clusters_scatter", on.figure, numbers, caption, "single")


def _islands(result: WeightedClusterResult) -> bool:
    return bool((result.units["neighbours"] == 0).any())


def _draw_scatter(ax: Axes, result: WeightedClusterResult, size: float) -> None:
    units = result.units.loc[result.units["lag"].notna()]
    across, tall = panels.axes_mm(ax)
    side = float(np.clip(60.0 / np.sqrt(max(len(units), 1)), 1.2, 4.0))
    for level in sorted(LISA_CLASSES, key=lambda one: one != NOT_FOUND):
        rows = units.loc[units["lisa_class"] == level]
        colour = "#B8B8B8" if level == NOT_FOUND else COLOURS["lisa_class"][level]
        ax.plot(
            rows["deviate"], rows["lag"], "o", markersize=side, color=colour, markeredgewidth=0, alpha=0.85, rasterized=True,
            zorder=2,
        )  # fmt: skip
    ax.axhline(0.0, color=RULE_INK, linewidth=0.5, zorder=1)
    ax.axvline(0.0, color=RULE_INK, linewidth=0.5, zorder=1)
    row = result.overall.iloc[0]
    if result.parameters["style"] == "W":
        ends = np.array(ax.get_xlim())
        ax.plot(ends, float(row["moran_i"]) * ends, color=INK, linewidth=1.0, zorder=3, scalex=False, scaley=False)
    ax.locator_params(nbins=7)
    ax.tick_params(labelsize=size - 0.5)
    ax.set_xlabel(panels.fit_lines(f"{_label(result)}, standard deviations", across, size), fontsize=size, labelpad=1.5)
    ax.set_ylabel("Mean of the neighbours, standard deviations", fontsize=size, labelpad=2.0)
    p = float(row["p"])
    words = f"Moran’s I = {panels.decimals(float(row['moran_i']), 3)}, z = {panels.decimals(float(row['statistic']), 1)}"
    words += "" if not np.isfinite(p) else ", P < 0.001" if p < 0.001 else f", P = {p:.3f}"
    ax.text(0.0, 1 + 1.5 / tall, words, transform=ax.transAxes, fontsize=size, ha="left", va="bottom")


def _label(result: WeightedClusterResult) -> str:
    return result.label(str(result.variables["name"].iloc[0]))
