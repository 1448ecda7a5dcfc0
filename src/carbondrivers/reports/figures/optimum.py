"""Optimum figure: the mean response over the bands of two drivers, with the best band and the window framed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from carbondrivers.attribution.optimum import OptimumResult, in_window
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import RULE_INK, Journal, ink_on
from carbondrivers.reports.words import number

LEFT, TOP, TALL = 15.0, 4.0, 62.0
FRAME, THIN = "#111111", "#D9D9D9"


@figure_of(OptimumResult)
def optimum_pictures(result: OptimumResult, *, journal: Journal) -> list[Picture]:
    """Compose the table of colours."""
    size, width = journal.size - 0.5, journal.onehalf
    one, two = result.parameters["drivers"]
    response = str(result.variables["name"].iloc[0])
    sentences = _foot(result)
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    on = panels.page(width, TOP + TALL + 23.0 + foot)
    across = width - LEFT - 3.0
    ax = on.axes(LEFT, TOP, across, TALL)
    drawn, ends = _draw(ax, result, size - 0.5)
    ax.set_xlabel(panels.axis_label(result.label(one), result.unit(one), across, size), fontsize=size, labelpad=1.5)
    ax.set_ylabel(panels.axis_label(result.label(two), result.unit(two), TALL, size), fontsize=size, labelpad=1.5)
    ax.tick_params(labelsize=size - 0.5, pad=1.5)
    label = panels.axis_label(f"Mean {result.label(response)}", result.unit(response), across - 8.0, size)
    furniture.colour_bar(on, LEFT + 4.0, TOP + TALL + 12.0, across - 8.0, drawn, ends, label, size - 0.5)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    caption = (
        f"Mean {result.label(response)} over the bands of {result.label(one)} and {result.label(two)}: the band with the "
        "highest mean (heavy frame) and the bands among which it lies by the bootstrap (thin frames)."
    )
    return [Picture("optimum", on.figure, result.bands, caption, "onehalf")]


def _draw(ax: Axes, result: OptimumResult, size: float) -> tuple[object, str]:
    bands = result.bands
    values = bands["estimate"].where(bands["support"].notna()).to_numpy(dtype=np.float64)
    cmap, norm, ends = furniture.colours_for(values)
    for value, (low, high, low_2, high_2) in zip(values, _boxes(bands), strict=True):
        face = cmap(norm(value)) if np.isfinite(value) else "none"
        hatch = None if np.isfinite(value) else "////"
        ax.add_patch(
            Rectangle((low, low_2), high - low, high_2 - low_2, facecolor=face, edgecolor=THIN, linewidth=0.3, hatch=hatch)
        )
    for line, chosen in ((0.8, in_window(bands, result.parameters["confidence"])), (2.0, values == np.nanmax(values))):
        for low, high, low_2, high_2 in _boxes(bands.loc[chosen]):
            ax.add_patch(
                Rectangle((low, low_2), high - low, high_2 - low_2, fill=False, edgecolor=FRAME, linewidth=line, clip_on=False)
            )
    ax.set_xlim(bands["lower"].min(), bands["upper"].max())
    ax.set_ylim(bands["lower_2"].min(), bands["upper_2"].max())
    _print_means(ax, values, _boxes(bands), [cmap(norm(value)) for value in values], size)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(RULE_INK)
    return ScalarMappable(norm, cmap), ends


def _print_means(ax: Axes, values: np.ndarray, boxes: np.ndarray, faces: Sequence[Any], size: float) -> None:
    """Print the mean of each band where its box has room."""
    (across, tall), (left, right), (bottom, top) = panels.axes_mm(ax), ax.get_xlim(), ax.get_ylim()
    for value, face, (low, high, low_2, high_2) in zip(values, faces, boxes, strict=True):
        words = number(float(value), 3)
        wide, high_mm = (high - low) / (right - left) * across, (high_2 - low_2) / (top - bottom) * tall
        if words and panels.text_width(words, size) + 1.0 < wide and high_mm > 3.5:
            at = ((low + high) / 2.0, (low_2 + high_2) / 2.0)
            ax.text(*at, words, fontsize=size, ha="center", va="center", color=ink_on(to_hex(face)))


def _boxes(bands: pd.DataFrame) -> np.ndarray:
    return bands[["lower", "upper", "lower_2", "upper_2"]].to_numpy(dtype=np.float64)


def _foot(result: OptimumResult) -> list[str]:
    p = result.parameters
    thin = "hatched: fewer than 5 blocks" if result.bands["support"].isna().any() else ""
    return [
        f"{panels.count(result.n)} cells, means weighted by area",
        "heavy frame: highest mean",
        f"thin frames: bands that hold {100 * p['confidence']:g} % of the draws' highest means",
        f"{p['replicates']:,} draws of blocks of {p['blocks']}",
        thin,
        "white: no cell",
    ]
