"""Shapley shares of q: one bar a driver with its jackknife interval, one panel a group."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.optimal_zones import OptimalZonesResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.bars import bar_page
from carbondrivers.reports.figures.panels import Rows
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, Journal

LINE_KEY = "line: q of the driver's own zones"


@figure_of(OptimalZonesResult)
def share_pictures(result: OptimalZonesResult, *, journal: Journal) -> list[Picture]:
    """Compose one panel a group; more than six groups go on to another figure."""
    found = []
    for index, names in enumerate(panels.chunks(list(dict.fromkeys(result.shares["group"])))):
        table = result.shares.loc[result.shares["group"].isin(names)].reset_index(drop=True)
        size = journal.size - (1.0 if len(names) > 1 else 0.5)
        response = result.label(str(table["response"].iloc[0]))
        level = f"{100 * float(result.parameters['confidence']):g} %"
        sentences = [
            f"response: {response}", f"n = {panels.count(result.n)}", f"whiskers: {level} jackknife interval over blocks",
            LINE_KEY, "shares add up to q of the zones of all drivers",
        ]  # fmt: skip
        on = bar_page(
            result, table, value="estimate", draw=lambda ax, rows, s=size: _draw(ax, rows, s),  # type: ignore[misc]
            journal=journal, sentences=sentences, marker="s", significance=_judged(table)[1],
        )  # fmt: skip
        caption = (
            f"Shapley share of each driver in q of the regression-tree zones of {response} by all drivers, by group and driver "
            f"category, with {level} jackknife interval over blocks of space; line: q of the zones of the driver alone. "
            f"Open bars: {_judged(table)[2]} is 0.05 or more, or undefined."
        )
        name = "zone_shares" if index == 0 else f"zone_shares_{index + 1}"
        found.append(Picture(name, on.figure, table, caption, "onehalf" if len(names) == 1 else "double"))
    return found


def _judged(table: pd.DataFrame) -> tuple[str, str, str]:
    """Return which P decides, how the key says it, and how the caption does."""
    if table["p_eff"].notna().any():
        return "p_eff", "filled: corrected P of the driver's zones < 0.05", "the corrected P of the driver's own zones"
    return "p", "filled: naive P of the driver's zones < 0.05", "the naive P of the driver's own zones"


def _draw(ax: Axes, rows: Rows, size: float) -> None:
    table = rows.table
    phi, q, low, high = (table[c].to_numpy(dtype=np.float64) for c in ("estimate", "q", "ci_low", "ci_high"))
    p = table[_judged(table)[0]].to_numpy(dtype=np.float64)
    for i, category in enumerate(rows.categories):
        colour = panels.colour_of(category)
        face = colour if p[i] < 0.05 else "white"
        ax.barh(rows.y[i], phi[i], height=0.62, facecolor=face, edgecolor=colour, linewidth=0.7, zorder=2)
        ax.plot([q[i], q[i]], [rows.y[i] - 0.36, rows.y[i] + 0.36], color=colour, linewidth=1.6, zorder=3)
        if np.isfinite(low[i]):
            ends = [[phi[i] - low[i]], [high[i] - phi[i]]]
            ax.errorbar(
                phi[i], rows.y[i], xerr=ends, fmt="none", ecolor=INK, elinewidth=0.7, capsize=1.4, capthick=0.7, zorder=4
            )
    ax.axvline(0.0, color=INK, linewidth=0.6)
    outer = np.nanmax([phi, q, high], axis=0)
    ax.set_xlim(min(0.0, float(np.nanmin([*phi, *low]))) * 1.04, max(0.02, float(outer.max()) * 1.02))
    panels.print_values(
        ax, rows.y, outer, [f"{panels.decimals(a)} (own {panels.decimals(b)})" for a, b in zip(phi, q, strict=True)], size - 0.5
    )
    ax.locator_params(axis="x", nbins=5)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.set_xlabel("Shapley share of q", fontsize=size, labelpad=1.5)
