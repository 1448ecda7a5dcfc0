"""Planted truth beside what was found: total effect and correlation of each driver."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from carbondrivers.attribution.recovery import RecoveryResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, RULE_INK, Journal, drawing
from carbondrivers.reports.style import journal as journal_of

NULL = "#8E8E8E"
_PITCH_MM = 5.0


def recovery(result: RecoveryResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the planted total effect (open diamond) and the found r (filled circle) of every driver.

    Parameters
    ----------
    result
        From ``carbondrivers.attribution.recovery.recovery``.
    ax
        Where to draw; axes of their own, with keys, where None.
    journal
        Profile that sets fonts and sizes.
    """
    profile = journal_of(journal)
    with drawing(profile):
        if ax is None:
            return recovery_pictures(result, journal=profile)[0].figure.axes[0]
        _draw(ax, result, _labels(result, 38.0, profile.size - 0.5), profile.size - 0.5)
    return ax


@figure_of(RecoveryResult)
def recovery_pictures(result: RecoveryResult, *, journal: Journal) -> list[Picture]:
    """Compose the dot plot with its keys."""
    table = result.recovery
    size, width = journal.size - 0.5, journal.onehalf
    labels = _labels(result, 0.3 * width, size)
    left = max([10.0, *(panels.text_width(label, size) for label in labels)]) + 3.5
    sentences = [
        "totals are standardised effects, r is a marginal correlation: they agree only where drivers are independent",
        f"n = {panels.count(result.n)}",
        "n/a: categorical driver" if table["r"].isna().any() else "",
    ]
    foot = panels.foot_height(sentences, width - 4.0, size - 1.0)
    tall = _PITCH_MM * max(len(table), 1)
    on = panels.page(width, 7.0 + tall + 21.0 + foot)
    right = 2 * _column(size)
    ax = on.axes(left, 7.0, width - left - right - 2.0, tall)
    _draw(ax, result, labels, size)
    top = on.height - foot - 10.5
    _key(on, 2.0, top, size)
    panels.category_key(on, 2.0, top + 4.6, [_category(result, row) for row in _effects(table)], size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 1.0)
    caption = (
        "Planted total effect of each driver (open diamonds) and the correlation that was found (filled circles); "
        "grey: null drivers, planted without any effect."
    )
    return [Picture("recovery", on.figure, table, caption, "onehalf")]


def _effects(table: pd.DataFrame) -> list[str]:
    return list(table.loc[table["planted"] != "null", "driver"])


def _category(result: RecoveryResult, driver: str) -> str:
    table = result.recovery
    return str(table.loc[table["driver"] == driver, "category"].iloc[0])


def _labels(result: RecoveryResult, widest: float, size: float) -> list[str]:
    found = []
    for driver, planted in zip(result.recovery["driver"], result.recovery["planted"], strict=True):
        mark = " (null)" if planted == "null" else ""
        found.append(panels.fit_lines(result.label(driver), widest - panels.text_width(mark, size), size) + mark)
    return found


def _draw(ax: Axes, result: RecoveryResult, labels: list[str], size: float) -> None:
    table = result.recovery
    total, r = (table[c].to_numpy(dtype=np.float64) for c in ("total", "r"))
    y = np.arange(len(table), dtype=np.float64)
    ax.axvline(0.0, color=INK, linewidth=0.6, zorder=1)
    for at, planted, found, driver, kind in zip(y, total, r, table["driver"], table["planted"], strict=True):
        colour = NULL if kind == "null" else panels.colour_of(_category(result, driver))
        ax.axhline(at, color=RULE_INK, linewidth=0.3, zorder=0)
        ax.plot([planted, found], [at, at], color=colour, linewidth=1.4, alpha=0.5, zorder=2)
        ax.plot(found, at, "o", markersize=3.8, color=colour, markeredgewidth=0, zorder=3)
        ax.plot(
            planted,
            at,
            "D",
            markersize=4.6,
            markerfacecolor="none",
            markeredgecolor=colour,
            markeredgewidth=1.0,
            zorder=4,
        )
    reach = np.concatenate([total, r, [0.0]])
    reach = reach[np.isfinite(reach)]
    pad = 0.06 * max(float(np.ptp(reach)), 0.1)
    ax.set_xlim(float(reach.min()) - pad, float(reach.max()) + pad)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_yticks(y, labels, fontsize=size)
    for label, kind in zip(ax.get_yticklabels(), table["planted"], strict=True):
        label.set_color("#6B6B6B" if kind == "null" else INK)
    ax.tick_params(axis="y", length=0, pad=2)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel("Planted total effect and found r", fontsize=size, labelpad=1.5)
    _numbers(ax, y, total, r, size)


def _column(size: float) -> float:
    return panels.text_width("planted", size - 0.5) + 2.5


def _numbers(ax: Axes, y: np.ndarray, total: np.ndarray, r: np.ndarray, size: float) -> None:
    """Two columns of printed numbers to the right of the axes."""
    across = panels.axes_mm(ax)[0]
    for index, (head, values) in enumerate((("planted", total), ("r", r))):
        x = 1.0 + (index + 1) * _column(size) / across
        where: dict[str, Any] = {
            "transform": ax.get_yaxis_transform(),
            "ha": "right",
            "va": "center",
            "fontsize": size - 0.5,
        }
        ax.text(x, -0.95, head, **where, fontstyle="normal", color="#444444")
        for at, value in zip(y, values, strict=True):
            ax.text(x, at, panels.decimals(value), **where)


def _key(on: panels.Page, left: float, top: float, size: float) -> None:
    marks = (
        ("D", "none", INK, "planted total effect"),
        ("o", INK, INK, "found r"),
        ("o", NULL, NULL, "null driver (no effect)"),
    )
    for marker, face, edge, words in marks:
        dot = Line2D(
            [(left + 1.2) / on.width], [1 - (top + 1.4) / on.height], marker=marker, markersize=4.0, linestyle="none",
            markerfacecolor=face, markeredgecolor=edge, markeredgewidth=0.9, transform=on.figure.transFigure,
        )  # fmt: skip
        on.figure.add_artist(dot)
        on.text(left + 3.4, top, words, size)
        left += 3.4 + panels.text_width(words, size) + 5.0
