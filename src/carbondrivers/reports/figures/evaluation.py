"""Estimates against observations: one square panel an estimate, with the 1:1 line, the fitted line and the scores."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MaxNLocator

from carbondrivers.attribution.evaluation import EvaluationResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import CATEGORY_COLOURS, INK, Journal, Width, drawing
from carbondrivers.reports.style import journal as journal_of
from carbondrivers.reports.words import number

# More points than this cover each other: hexagons then show how many there are.
MOST_POINTS = 2500
COUNTS = LinearSegmentedColormap.from_list("counts", ["#F3DDB0", "#E79F55", "#C44E3B", "#7A1F33", "#3B0F1B"])
COLOURS = [CATEGORY_COLOURS[name] for name in ("vegetation", "climate", "topography", "soil", "human")]
MARKERS = ("o", "s", "^", "D", "v")
PLAIN = "#3B6FA0"
REST = "other classes"
_KEY_LINE, _TITLE = 3.9, 6.0
# Lines stand out from dark hexagons; over points a halo would cut through them.
HALO = [Stroke(linewidth=2.2, foreground="white", alpha=0.7), Normal()]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all panels of a figure share: limits, ticks, the look of each class, the corner of the scores."""

    low: float
    high: float
    ticks: list[float]
    looks: dict[str, tuple[str, str]]
    hexagons: bool
    upper: bool


def evaluation(
    result: EvaluationResult, ax: Axes | None = None, *, estimate: str | None = None, journal: str | Journal = "jal"
) -> Axes:
    """Draw one estimate against the observations, with its scores.

    Parameters
    ----------
    result
        From ``evaluate``.
    ax
        Where to draw, square; axes of their own where None.
    estimate
        One of the result's estimates; the first by default.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If the result has no such estimate.
    """
    profile = journal_of(journal)
    names = list(dict.fromkeys(result.points["driver"]))
    name = names[0] if estimate is None else choose(estimate, names, "estimate")
    with drawing(profile):
        if ax is None:
            side = profile.single - 22.0
            ax = panels.page(profile.single, side + 18.0).axes(18.0, 4.0, side, side)
        _draw(ax, result, name, _frame_of(result, [name]), profile.size - 0.5)
        _label_axes(ax, result, profile.size - 0.5, outer=(True, True), name=result.label(name))
    return ax


@figure_of(EvaluationResult)
def evaluation_pictures(result: EvaluationResult, *, journal: Journal) -> list[Picture]:
    """Compose one panel an estimate; more than six go on to another figure."""
    found = []
    response = result.label(str(result.scores["response"].iloc[0]))
    for index, names in enumerate(panels.chunks(list(dict.fromkeys(result.points["driver"])))):
        width, columns = _form(len(names))
        frame = _frame_of(result, names)
        on = _page(result, names, frame, journal, journal.width(width), columns)
        shown = "hexagons by the number of rows in them" if frame.hexagons else "points, one a row"
        shown += ", by class" if frame.looks and not frame.hexagons else ""
        caption = (
            f"Estimated against observed {response} (whole sample; {shown}), with the 1:1 line (dashed) and the least-squares "
            "line of the observed on the estimated (solid). R² is 1 - SSE/SST about the 1:1 line, r² the squared correlation; "
            "bias is the mean of estimate - observation."
        )
        numbers = result.points.loc[result.points["driver"].isin(names)].reset_index(drop=True)
        found.append(Picture("evaluation" if index == 0 else f"evaluation_{index + 1}", on.figure, numbers, caption, width))
    return found


def _form(count: int) -> tuple[Width, int]:
    """Return the width of a figure and its panels a row."""
    forms: dict[int, tuple[Width, int]] = {1: ("single", 1), 2: ("onehalf", 2), 3: ("double", 3), 4: ("onehalf", 2)}
    return forms.get(count, ("double", 3))


def _frame_of(result: EvaluationResult, names: list[str]) -> _Frame:
    points = result.points.loc[result.points["driver"].isin(names)]
    values = points[["x", "y"]].to_numpy(dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    pad = 0.03 * (high - low) or 1.0
    low, high = (0.0 if 0 <= low < 0.3 * high else low - pad), high + pad
    ticks = [float(t) for t in MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if low <= t <= high]
    # The largest classes get a look of their own; ties go by name, so that the figure repeats.
    counts = points["level"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    most = len(COLOURS) * len(MARKERS)
    named = sorted(str(level) for level in counts.index[:most] if level != ALL)
    looks = {level: (COLOURS[i % len(COLOURS)], MARKERS[i // len(COLOURS)]) for i, level in enumerate(named)}
    if len(counts) > most:
        looks[REST] = ("#8E8E8E", "o")
    # The emptier of the two corners beside the 1:1 line.
    x, y = ((values - low) / (high - low)).T
    upper = ((x < 0.5) & (y > 0.72)).sum() <= ((x > 0.5) & (y < 0.28)).sum()
    return _Frame(low, high, ticks, looks, len(points) > MOST_POINTS * len(names), bool(upper))


def _page(
    result: EvaluationResult, names: list[str], frame: _Frame, journal: Journal, width: float, columns: int
) -> panels.Page:  # fmt: skip
    size = journal.size - (1.0 if len(names) > 1 else 0.5)
    numbers = max(panels.text_width(label, size - 0.5) for label in _tick_labels(frame))
    left, gutter = numbers + 6.5, numbers + 3.2
    side = (width - left - 2.5 - gutter * (columns - 1)) / columns
    lines = -(-len(names) // columns)
    pitch = side + _TITLE + 5.5
    key = _key_lines(frame, width, size)
    sentences = _foot(result, names)
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    bar = 11.0 if frame.hexagons else 0.0
    on = panels.page(width, lines * pitch + 4.5 + len(key) * _KEY_LINE + 2.0 + bar + foot)
    drawn = []
    for index, name in enumerate(names):
        down, across = divmod(index, columns)
        ax = on.axes(left + across * (side + gutter), _TITLE + down * pitch, side, side)
        drawn += _draw(ax, result, name, frame, size)
        below = index + columns >= len(names)
        _label_axes(ax, result, size, outer=(below, across == 0))
        letter = string.ascii_lowercase[index] if len(names) > 1 else ""
        panels.panel_title(ax, letter, result.label(name), size + 0.5, 0.0)
    top = lines * pitch + 4.5
    _key(on, key, frame, top, size)
    if drawn:
        _count_bar(on, drawn, left, top + len(key) * _KEY_LINE + 1.0, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    return on


def _draw(ax: Axes, result: EvaluationResult, name: str, frame: _Frame, size: float) -> list[PolyCollection]:
    """Draw one estimate; return its hexagons, if any."""
    points = result.points.loc[result.points["driver"] == name]
    x, y = (points[c].to_numpy(dtype=np.float64) for c in ("x", "y"))
    halo = HALO if frame.hexagons else [Normal()]
    limits = [frame.low, frame.high]
    ax.plot(limits, limits, color=INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=5, path_effects=halo)
    hexagons = []
    if frame.hexagons:
        extent = (frame.low, frame.high, frame.low, frame.high)
        hexagons = [ax.hexbin(x, y, gridsize=45, extent=extent, mincnt=1, cmap=COUNTS, linewidths=0.1, zorder=2)]
    else:
        _scatter(ax, points, frame)
    row = _scores(result, name)
    ends = np.array([x.min(), x.max()])
    if np.isfinite(row["slope"]):
        ax.plot(ends, row["intercept"] + row["slope"] * ends, color=INK, linewidth=1.1, zorder=4, path_effects=halo)
    ax.set_xlim(frame.low, frame.high)
    ax.set_ylim(frame.low, frame.high)
    ax.set_xticks(frame.ticks, _tick_labels(frame))
    ax.set_yticks(frame.ticks, _tick_labels(frame))
    ax.tick_params(labelsize=size - 0.5)
    _print_scores(ax, row, frame, size)
    return hexagons


def _scatter(ax: Axes, points: pd.DataFrame, frame: _Frame) -> None:
    count = len(points)
    style: dict[str, Any] = {
        "s": float(np.clip(3000.0 / count, 4.5, 16.0)), "alpha": float(np.clip(300.0 / count, 0.4, 0.9)), "linewidths": 0.0,
    }  # fmt: skip
    if frame.looks:
        style["alpha"] = max(style["alpha"], 0.7)
    else:
        ax.scatter(points["x"], points["y"], color=PLAIN, zorder=2, **style)
    levels = points["level"].where(points["level"].isin(list(frame.looks)), REST)
    for level, (colour, marker) in frame.looks.items():
        part = points.loc[levels == level]
        ax.scatter(part["x"], part["y"], color=colour, marker=marker, zorder=2, **style)


def _tick_labels(frame: _Frame) -> list[str]:
    digits = max((len(f"{tick:.10g}".partition(".")[2]) for tick in frame.ticks), default=0)
    return [panels.decimals(tick, digits) for tick in frame.ticks]


def _label_axes(ax: Axes, result: EvaluationResult, size: float, *, outer: tuple[bool, bool], name: str = "") -> None:
    response = str(result.scores["response"].iloc[0])
    across, tall = panels.axes_mm(ax)
    label, unit = result.label(response), result.unit(response)
    if outer[0]:
        ax.set_xlabel(panels.axis_label(name or f"Estimated {label}", unit, across, size), fontsize=size, labelpad=1.5)
    if outer[1]:
        ax.set_ylabel(panels.axis_label(f"Observed {label}", unit, tall, size), fontsize=size, labelpad=1.5)


def _scores(result: EvaluationResult, name: str) -> dict[str, Any]:
    table = result.scores
    whole = (table["group"] == ALL) & (table["level"] == ALL) & (table["driver"] == name)
    return {str(key): value for key, value in table.loc[whole].iloc[0].items()}


def _print_scores(ax: Axes, row: dict[str, Any], frame: _Frame, size: float) -> None:
    units = "" if row["method"] == "rows" else f" ({int(row['n_units']):,} {row['method']})"
    lines = [
        f"R² = {_with_interval(row, 'r2')}", f"r² = {panels.decimals(row['r_squared'])}",
        f"RMSE = {_with_interval(row, 'rmse')}", f"bias = {_with_interval(row, 'bias')}",
        f"n = {panels.count(row['n'])}{units}",
    ]  # fmt: skip
    where: dict[str, Any] = {"x": 0.03, "y": 0.98, "ha": "left", "va": "top"}
    if not frame.upper:
        where = {"x": 0.985, "y": 0.025, "ha": "right", "va": "bottom", "multialignment": "left"}
    back = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
    small = max(size - 1.0, 5.5)
    ax.text(s="\n".join(lines), transform=ax.transAxes, fontsize=small, linespacing=1.2, bbox=back, zorder=5, **where)


def _with_interval(row: dict[str, Any], key: str) -> str:
    """Return a score with its interval: two decimals for R2, three digits for errors."""
    value, low, high = (float(row[name]) for name in (key, f"{key}_low", f"{key}_high"))
    words = [panels.decimals(v) if key == "r2" else number(v, 3) for v in (value, low, high)]
    return f"{words[0]} ({words[1]} to {words[2]})" if np.isfinite(low) else words[0]


def _key_lines(frame: _Frame, width: float, size: float) -> list[list[str]]:
    """Return the entries of the key, line by line; the lines come first."""
    rows: list[list[str]] = [["1:1 line", "observed on estimated, least squares"]]
    used = width
    for name in [] if frame.hexagons else frame.looks:
        needed = 3.2 + panels.text_width(panels.fit_lines(name, 40.0, size), size) + 4.0
        if used + needed > width - 2.0:
            rows, used = [*rows, []], 2.0
        rows[-1].append(name)
        used += needed
    return rows


def _key(on: panels.Page, rows: list[list[str]], frame: _Frame, top: float, size: float) -> None:
    for index, names in enumerate(rows):
        left, at = 2.0, top + index * _KEY_LINE
        for place, name in enumerate(names):
            words = panels.fit_lines(name, 40.0 if index else on.width / 2, size)
            if index == 0:
                look: dict[str, Any] = {"linestyle": (0, (4, 3)), "linewidth": 0.7} if place == 0 else {"linewidth": 1.1}
                ends, mark = ([left, left + 6.0], 6.0), look | {"color": INK}
            else:
                colour, marker = frame.looks[name]
                ends, mark = ([left + 1.0], 2.0), {"color": colour, "marker": marker, "markersize": 3.4, "linestyle": "none"}
            height = [1 - (at + 1.2) / on.height] * len(ends[0])
            line = Line2D([x / on.width for x in ends[0]], height, transform=on.figure.transFigure, **mark)
            on.figure.add_artist(line)
            on.text(left + ends[1] + 1.2, at, words, size)
            left += ends[1] + 1.2 + panels.text_width(words, size) + 4.0


def _count_bar(on: panels.Page, hexagons: list[PolyCollection], left: float, top: float, size: float) -> None:
    """Give the hexagons of all panels one scale, and draw its bar."""
    most = max(float(np.asarray(part.get_array(), dtype=np.float64).max()) for part in hexagons)
    for part in hexagons:
        part.set_norm(LogNorm(1.0, max(most, 10.0)))
    ax = on.axes(left, top, min(on.width - left - 4.0, 60.0), 2.0)
    bar = on.figure.colorbar(hexagons[0], cax=ax, orientation="horizontal", format="{x:g}")
    bar.outline.set_linewidth(0.6)
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=size - 0.5, pad=1.5)
    bar.set_label("Rows in a hexagon", fontsize=size, labelpad=1.5)


def _foot(result: EvaluationResult, names: list[str]) -> list[str]:
    level = f"{100 * result.parameters['confidence']:g} %"
    row = _scores(result, names[0])
    how = {
        "sites": f"{level} intervals from resampled sites", "blocks": f"{level} intervals from resampled blocks of space",
        "rows": f"naive {level} intervals, every row counted as independent",
    }[str(row["method"])]  # fmt: skip
    return [
        "RMSE and bias in the unit of the axes",
        how if np.isfinite(row["rmse_low"]) else "no intervals: too few units to resample",
    ]
