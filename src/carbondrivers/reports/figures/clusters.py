"""Cluster figures: the LISA map beside the Gi* map, and the Moran scatter plot."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.clusters import GI_CLASSES, LISA_CLASSES, METHODS, OF_ALL, ClusterResult
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import Classes, map_page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, LISA_COLOURS, RULE_INK, Journal, drawing
from carbondrivers.reports.style import journal as journal_of

ISLAND = "#333333"
QUADRANTS = (*(LISA_COLOURS[k] for k in ("high-high", "low-low", "high-low", "low-high", "not significant")), ISLAND)
GI_COLOURS = ("#7F0F22", "#D6604D", "#F9C4AC", "#EFEFEF", "#BBDCEE", "#4A90C4", "#123F78", "#555555")
RARE = "No neighbours"
# Points that one drawing can hold; a larger map is drawn by a part of its cells, and says so.
MOST_POINTS = 20_000


def clusters(result: ClusterResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the Moran scatter plot: every cell against the mean of its neighbours, in the colour of its LISA class.

    Parameters
    ----------
    result
        From the cluster method.
    ax
        Where to draw; axes of their own where None.
    journal
        Profile that sets fonts and sizes.
    """
    profile = journal_of(journal)
    with drawing(profile):
        if ax is None:
            ax = panels.page(profile.single, 82.0).axes(13.0, 7.0, profile.single - 16.0, 62.0)
        _draw_scatter(ax, result, profile.size - 0.5)
    return ax


@figure_of(ClusterResult)
def cluster_pictures(result: ClusterResult, *, journal: Journal) -> list[Picture]:
    """Compose the two maps and the scatter plot."""
    return [_map_picture(result, journal), _scatter_picture(result, journal)]


def _map_picture(result: ClusterResult, journal: Journal) -> Picture:
    parts = [
        _classes(result, "lisa_class", "Local Moran (LISA)", QUADRANTS, LISA_CLASSES),
        _classes(result, "gi_class", "Getis–Ord Gi*", GI_COLOURS, GI_CLASSES),
    ]
    sentences = [
        f"{panels.count(result.n)} cells, {result.parameters['contiguity']} contiguity",
        f"(a): {_sides(result)} permutation P < {result.parameters['alpha']:g} ({result.parameters['permutations']:,} draws), "
        "(b): hot and cold spots at 99, 95 and 90 % by a normal P",
        _adjustment(result),
        f"shares of the {OF_ALL}",
        "dark: no neighbours" if any(RARE in part.levels for part in parts) else "",
    ]
    on, width = map_page(result.grid, parts, sentences, journal)
    caption = (
        f"Spatial clusters of {_label(result)}: local Moran's I (a; high among high, low among low, and outliers) and "
        f"Getis-Ord Gi* (b); shares are of the {OF_ALL}."
    )
    numbers = furniture.cells(result.grid, ("local_moran", "p", "p_adjusted", "lisa_class", "gi_star", "gi_p", "gi_class"))
    return Picture("clusters_map", on.figure, numbers, caption, width)


def _classes(result: ClusterResult, name: str, title: str, colours: tuple[str, ...], levels: tuple[str, ...]) -> Classes:
    layer = result.grid[name]
    table = result.classes
    table = table.loc[(table["method"] == METHODS[str(layer.attrs["p"])]) & (table["share_of"] == OF_ALL)]
    table = table.loc[(table["n"] > 0) | (table["level"] != RARE)]
    return Classes(
        title=title,
        codes=layer.to_numpy(),
        colours=colours,
        levels=[_short(level) for level in table["level"]],
        shares=table["share"].to_numpy(dtype=np.float64),
        drawn=[colours[levels.index(level)] for level in table["level"]],
    )


def _short(level: object) -> str:
    return str(level).replace(" spot,", "")


def _adjustment(result: ClusterResult) -> str:
    adjusted = result.parameters["significance"] == "benjamini_hochberg"
    return f"P {'adjusted over the map (Benjamini–Hochberg)' if adjusted else 'not adjusted for the number of cells'}"


def _sides(result: ClusterResult) -> str:
    return "two-sided" if result.parameters["alternative"] == "two-sided" else "one-sided"


def _scatter_picture(result: ClusterResult, journal: Journal) -> Picture:
    size = journal.size - 0.5
    joined, drawn = _points(result)
    sentences = [
        "colours: LISA classes of the map",
        f"{panels.count(len(drawn))} of {panels.count(len(joined))} cells with neighbours drawn"
        if len(drawn) < len(joined)
        else "",
        "line: slope I" if result.parameters["style"] == "W" else "",
        "z and P of I by its exact moments under randomisation",
    ]
    foot = panels.foot_height(sentences, journal.single - 4.0, size - 0.5)
    on = panels.page(journal.single, 80.0 + foot)
    _draw_scatter(on.axes(13.0, 7.0, journal.single - 16.0, 62.0), result, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    caption = (
        f"Moran scatter plot of {_label(result)}: deviate of every cell against the mean deviate of its neighbours"
        f"{'; the slope is Moran’s I' if result.parameters['style'] == 'W' else ''}."
    )
    return Picture("clusters_scatter", on.figure, joined, caption, "single")


def _points(result: ClusterResult) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All cells with neighbours, and those that are drawn: every k-th, so that no randomness is needed."""
    joined = furniture.cells(result.grid, ("deviate", "lag", "lisa_class"))
    joined = joined.loc[joined["lag"].notna()].reset_index(drop=True)
    return joined, joined.iloc[:: -(-len(joined) // MOST_POINTS)]


def _draw_scatter(ax: Axes, result: ClusterResult, size: float) -> None:
    _, drawn = _points(result)
    across, tall = panels.axes_mm(ax)
    kind = drawn["lisa_class"].to_numpy(dtype=np.int64)
    side = float(np.clip(60.0 / np.sqrt(len(drawn)), 1.2, 4.0))
    for code in sorted(set(kind), key=lambda c: -int((kind == c).sum())):
        rows = drawn.loc[kind == code]
        colour = "#B8B8B8" if LISA_CLASSES[code] == "Not significant" else QUADRANTS[code]
        ax.plot(
            rows["deviate"], rows["lag"], "o", markersize=side, color=colour, markeredgewidth=0, alpha=0.8, rasterized=True,
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
    ax.set_xlabel(panels.axis_label(_label(result), "standard deviations", across, size), fontsize=size, labelpad=1.5)
    ax.set_ylabel("Mean of the neighbours (standard deviations)", fontsize=size, labelpad=2.0)
    z = float(row["statistic"])
    words = f"Moran’s I = {panels.decimals(float(row['moran_i']), 3)}, z = {panels.decimals(z, 1)}"
    p = float(row["p"])
    words += "" if not np.isfinite(p) else ", P < 0.001" if p < 0.001 else f", P = {p:.3f}"
    ax.text(0.0, 1 + 1.5 / tall, words, transform=ax.transAxes, fontsize=size, ha="left", va="bottom")


def _label(result: ClusterResult) -> str:
    return result.label(str(result.variables["name"].iloc[0]))
