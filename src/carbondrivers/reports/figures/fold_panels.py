"""Panels of a validation: estimated against observed by kind of folds, and the folds on the map."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, LogNorm

from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.registry import Picture
from carbondrivers.reports.style import INK, Journal, Width
from carbondrivers.reports.words import number

KIND_WORDS = {
    "random": "Random folds", "random, shared plots": "Random folds, plots shared", "spatial_blocks": "Spatial blocks",
    "clusters": "Clusters of places", "buffer": "Blocks with a buffer", "group": "Groups left out",
    "pixel_year": "Places left out", "nndm": "Distance-matched folds", "hold_out": "A tenth held out",
    "out_of_bag": "Out of bag", "training": "Training rows",
}  # fmt: skip
"""What headings call a kind of folds or of test."""
# Neighbours in space are seldom neighbours in this list (Tol's muted colours, in another order).
FOLD_COLOURS = (
    "#332288", "#DDCC77", "#117733", "#CC6677", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499", "#7F7F7F",
)  # fmt: skip
MOST_POINTS = 2500
_COUNTS = LinearSegmentedColormap.from_list("counts", ["#F3DDB0", "#E79F55", "#C44E3B", "#7A1F33", "#3B0F1B"])
_FORMS: dict[int, Width] = {1: "single", 2: "onehalf"}
TALLEST_MAP_MM = 90.0


def observed_picture(
    result: Result, points: pd.DataFrame, scores: pd.DataFrame, name: str, kinds: list[str], journal: Journal
) -> Picture:
    """Compose one square panel a kind of folds, at most three.

    Parameters
    ----------
    result
        For labels and units.
    points, scores
        Tables of the result.
    name
        Of the picture.
    kinds
        What to draw, in order.
    journal
        Form of the figure.
    """
    kinds = kinds[:3]
    form = _FORMS.get(len(kinds), "double")
    width, size = journal.width(form), journal.size - 0.5
    left, gutter = 13.0, 5.0
    side = (width - left - 2.0 - gutter * (len(kinds) - 1)) / len(kinds)
    shown = points.loc[points["method"].isin(kinds)]
    low, high = _limits(shown)
    crowded = len(shown) > MOST_POINTS * len(kinds)
    sentences = _foot(result, scores, crowded)
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    on = panels.page(width, 7.0 + side + 10.0 + foot)
    response = str(scores["response"].iloc[0])
    for index, kind in enumerate(kinds):
        ax = on.axes(left + index * (side + gutter), 7.0, side, side)
        part = shown.loc[shown["method"] == kind]
        _draw_points(ax, part, low, high, crowded)
        _print_scores(ax, scores.loc[(scores["method"] == kind) & (scores["group"] == ALL)].iloc[0].to_dict(), size)
        ax.tick_params(labelsize=size - 0.5, labelleft=index == 0)
        letter = string.ascii_lowercase[index] if len(kinds) > 1 else ""
        panels.panel_title(ax, letter, KIND_WORDS.get(kind, kind), size + 0.5, 0.0)
        unit, label = result.unit(response), result.label(response)
        ax.set_xlabel(panels.axis_label(f"Estimated {label}", unit, side, size), fontsize=size, labelpad=1.5)
        if index == 0:
            ax.set_ylabel(panels.axis_label(f"Observed {label}", unit, side, size), fontsize=size, labelpad=1.5)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    told = " and ".join(KIND_WORDS.get(kind, kind).lower() for kind in kinds)
    caption = (
        f"Observed {result.label(response)} against what models estimate that did not see the row: {told}. Dashed: 1:1 line. "
        "R² is 1 - SSE/SST, r² the squared correlation; intervals are from blocks of space."
    )
    return Picture(name, on.figure, shown.reset_index(drop=True), caption, form)


def _limits(points: pd.DataFrame) -> tuple[float, float]:
    values = points[["x", "y"]].to_numpy(dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    pad = 0.03 * (high - low) or 1.0
    return low - pad, high + pad


def _draw_points(ax: Axes, part: pd.DataFrame, low: float, high: float, crowded: bool) -> None:
    ax.plot([low, high], [low, high], color=INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=4)
    if crowded:
        style: dict[str, Any] = {"gridsize": 45, "extent": (low, high, low, high), "mincnt": 1, "linewidths": 0.1}
        ax.hexbin(part["x"], part["y"], cmap=_COUNTS, norm=LogNorm(1.0, max(10.0, len(part) / 100.0)), zorder=2, **style)
    else:
        size = float(np.clip(3000.0 / max(len(part), 1), 3.0, 14.0))
        alpha = float(np.clip(300.0 / max(len(part), 1), 0.35, 0.9))
        ax.scatter(part["x"], part["y"], s=size, alpha=alpha, color="#3B6FA0", linewidths=0.0, zorder=2)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.locator_params(nbins=5)


def _print_scores(ax: Axes, row: dict[Any, Any], size: float) -> None:
    low, high = float(row["r2_low"]), float(row["r2_high"])
    interval = f" ({panels.decimals(low)} to {panels.decimals(high)})" if np.isfinite(low) else ""
    lines = [
        f"R² = {panels.decimals(float(row['r2']))}{interval}", f"r² = {panels.decimals(float(row['r_squared']))}",
        f"RMSE = {number(float(row['rmse']), 3)}", f"MAE = {number(float(row['mae']), 3)}", f"n = {panels.count(row['n'])}",
    ]  # fmt: skip
    if np.isfinite(float(row["gap"])) and float(row["gap"]) != 0.0:
        lines.insert(1, f"gap = {panels.decimals(float(row['gap']))}")
    back = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
    small = max(size - 1.0, 5.5)
    ax.text(
        0.03, 0.975, "\n".join(lines), transform=ax.transAxes, fontsize=small, va="top", linespacing=1.2, bbox=back, zorder=5
    )


def _foot(result: Result, scores: pd.DataFrame, crowded: bool) -> list[str]:
    level = f"{100 * result.parameters['confidence']:g} %"
    has = bool(scores["r2_low"].notna().any())
    return [
        f"{level} intervals from blocks of rows, the model not refitted" if has else "no intervals: too few blocks",
        "gap: R² of random folds less this R²" if len(scores["method"].unique()) > 1 else "",
        "darker hexagons hold more rows" if crowded else "",
    ]


def folds_picture(result: Result, places: pd.DataFrame, name: str, journal: Journal) -> list[Picture]:
    """Compose maps of the folds, random ones first; nothing where there are no places."""
    if places.empty:
        return []
    kinds = list(dict.fromkeys(places["method"]))[:2]
    form: Width = "onehalf" if len(kinds) == 1 else "double"
    width, size, left, gutter = journal.width(form), journal.size - 0.5, 7.0, 9.0
    across = (width - left - 2.0 - gutter * (len(kinds) - 1)) / len(kinds)
    crs = furniture.known_crs(result.parameters.get("crs"))
    x, y = (places[axis].to_numpy(dtype=np.float64) for axis in ("x", "y"))
    frame = furniture.extent_of((x.min(), x.max(), y.min(), y.max()), crs, across, TALLEST_MAP_MM)
    tall = frame.aspect * across
    sentences = _fold_words(result, places, kinds)
    foot = panels.foot_height(sentences, width - left - 2.0, size - 0.5)
    on = panels.page(width, 7.0 + tall + 6.0 + foot)
    for index, kind in enumerate(kinds):
        part = places.loc[places["method"] == kind]
        ax = on.axes(left + index * (across + gutter), 7.0, across, tall)
        dot = float(np.clip(0.55 * np.sqrt(across * tall / len(part)), 0.35, 1.8)) / panels.MM_PER_POINT
        colours = ListedColormap(
            [FOLD_COLOURS[(fold - 1) % len(FOLD_COLOURS)] for fold in range(1, int(part["fold"].max()) + 1)]
        )
        ax.scatter(part["x"], part["y"], c=part["fold"] - 1, cmap=colours, s=dot**2, linewidths=0.0)
        furniture.frame(ax, frame, crs, size - 0.5)
        panels.panel_title(ax, "ab"[index] if len(kinds) > 1 else "", KIND_WORDS.get(kind, kind), journal.size, left - 2.0)
    panels.foot(on, left, on.height - foot, sentences, size - 0.5)
    told = " and ".join(KIND_WORDS.get(kind, kind).lower() for kind in kinds)
    caption = f"Folds of the validation, one colour a fold: {told}. Rows of one colour are tested together."
    shown = places.loc[places["method"].isin(kinds)].reset_index(drop=True)
    return [Picture(name, on.figure, shown, caption, form)]


def _fold_words(result: Result, places: pd.DataFrame, kinds: list[str]) -> list[str]:
    counts = [
        f"{KIND_WORDS.get(kind, kind).lower()}: {int(places.loc[places['method'] == kind, 'fold'].max())} folds"
        for kind in kinds
    ]
    side = result.parameters.get("side")
    unit = result.parameters.get("unit") or "coordinate units"
    return [
        f"n = {panels.count(result.n)} rows", *counts, f"blocks {number(float(side), 3)} {unit} wide" if side else "",
        "more than ten folds repeat colours" if int(places["fold"].max()) > len(FOLD_COLOURS) else "",
    ]  # fmt: skip
