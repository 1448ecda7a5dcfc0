"""Optimum windows: mean response and simultaneous interval of each driver's window and of the best pairs."""

from __future__ import annotations

import string

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.optimum_windows import OptimumWindowsResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, RULE_INK, Journal
from carbondrivers.reports.text.optimum_windows import window_words

MOST_ROWS = 10
_ROW_MM, _LABEL_SHARE = 4.8, 0.54


@figure_of(OptimumWindowsResult)
def window_pictures(result: OptimumWindowsResult, *, journal: Journal) -> list[Picture]:
    """Compose one figure a group: windows of single drivers above those of the best ten pairs."""
    found = []
    for group, part in result.windows.dropna(subset="estimate").groupby("group", sort=False):
        upward = result.parameters["side"] != "highest"
        ranked = part.sort_values("estimate", ascending=upward, kind="stable")
        single = [
            ranked.loc[ranked["driver_2"] == ""].head(3 * MOST_ROWS),
            ranked.loc[ranked["driver_2"] != ""].head(MOST_ROWS),
        ]
        found.append(_picture(result, str(group), [rows.reset_index(drop=True) for rows in single if len(rows)], journal))
    return found


def _picture(result: OptimumWindowsResult, group: str, parts: list[pd.DataFrame], journal: Journal) -> Picture:
    size, width = journal.size - 0.5, journal.double
    label = _LABEL_SHARE * width
    response = str(parts[0]["response"].iloc[0])
    mean = float(result.means.loc[result.means["group"] == group, "estimate"].iloc[0])
    sentences = [
        f"{panels.group_words(group)}, n = {panels.count(result.means.loc[result.means['group'] == group, 'n'].iloc[0])}",
        "dashed line: mean of all rows", "thick whiskers: simultaneous interval from resampled blocks", "thin: naive one",
        "per cent: block resamples in which the window wins",
        f"strata of {result.parameters['min_size']} rows or more",
    ]  # fmt: skip
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    on = panels.page(width, sum(_ROW_MM * len(rows) + 17.0 for rows in parts) + 2.0 + foot)
    top, limits = 7.0, _limits(parts, mean)
    titles = ("Windows of single drivers", "Windows of pairs, best ten" if len(parts[-1]) == MOST_ROWS else "Windows of pairs")
    for i, rows in enumerate(parts):
        tall = _ROW_MM * len(rows)
        ax = on.axes(label, top, width - label - 14.0, tall)
        _draw(ax, result, rows, mean, size, label - 4.0)
        ax.set_xlim(*limits)
        words = panels.axis_label(result.label(response), result.unit(response), width - label - 14.0, size)
        ax.set_xlabel(words, fontsize=size, labelpad=1.5)
        panels.panel_title(ax, string.ascii_lowercase[i] if len(parts) > 1 else "", titles[i], size + 0.5, label - 2.0)
        top += tall + 17.0
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    level = f"{100 * float(result.parameters['confidence']):g} %"
    caption = (
        f"Windows with the {result.parameters['side']} mean {result.label(response)}, {panels.group_words(group)}, with "
        f"{level} intervals that are simultaneous over all strata compared, and how often each window wins in resampled blocks."
    )
    return Picture(f"optimum_windows_{panels.slug(group)}", on.figure, pd.concat(parts, ignore_index=True), caption, "double")


def _limits(parts: list[pd.DataFrame], mean: float) -> tuple[float, float]:
    values = np.concatenate(
        [rows[["estimate", "ci_low", "ci_high", "ci_eff_low", "ci_eff_high"]].to_numpy().ravel() for rows in parts]
    )
    values = np.append(values[np.isfinite(values)], mean)
    room = 0.04 * (float(np.ptp(values)) or 1.0)
    return float(values.min()) - room, float(values.max()) + room


def _draw(ax: Axes, result: OptimumWindowsResult, rows: pd.DataFrame, mean: float, size: float, label: float) -> None:
    names = [panels.fit_lines(window_words(result, row), label, size) for _, row in rows.iterrows()]
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks(np.arange(len(rows)), names, fontsize=size)
    ax.tick_params(axis="y", length=0, pad=2)
    ax.spines["left"].set_visible(False)
    ax.axvline(mean, color=RULE_INK, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    for y, row in enumerate(rows.to_dict("records")):
        colour = panels.colour_of(result.category(str(row["driver"])))
        ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=INK, linewidth=0.6, zorder=2)
        ax.plot([row["ci_eff_low"], row["ci_eff_high"]], [y, y], color=colour, linewidth=1.8, alpha=0.75, zorder=3)
        ax.plot(row["estimate"], y, marker="o", markersize=3.6, color=colour, zorder=4)
        if np.isfinite(row["share"]):
            ax.text(
                1.02, y, f"{100 * row['share']:.0f} %", transform=ax.get_yaxis_transform(), fontsize=size - 0.5, va="center",
            )  # fmt: skip
    ax.locator_params(axis="x", nbins=5)
    ax.tick_params(axis="x", labelsize=size - 0.5)
