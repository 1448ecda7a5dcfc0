"""Spatial association: PSMD or PSD of each driver, one panel a group."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from carbondrivers.attribution.spatial_association import SpatialAssociationResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.bars import bar_page
from carbondrivers.reports.figures.panels import Rows
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, Journal
from carbondrivers.reports.words import weights

LABEL = "PSMD (classes as given: PSD)"


@figure_of(SpatialAssociationResult)
def association_pictures(result: SpatialAssociationResult, *, journal: Journal) -> list[Picture]:
    """Compose one panel a group; more than six groups go on to another figure."""
    found = []
    for index, names in enumerate(panels.chunks(list(dict.fromkeys(result.factors["group"])))):
        table = result.factors.loc[result.factors["group"].isin(names)].reset_index(drop=True)
        size = journal.size - (1.0 if len(names) > 1 else 0.5)
        response = result.label(str(table["response"].iloc[0]))
        p = "p_eff" if table["p_eff"].notna().any() else "p"
        kind = "corrected" if p == "p_eff" else "naive"
        sentences = [
            f"response: {response}", f"n = {panels.count(result.n)}",
            f"weights: {weights(float(result.parameters['power']))}",
            "a ratio for measured drivers: it may lie below 0 or above 1",
        ]  # fmt: skip
        on = bar_page(
            result, table, value="estimate", draw=lambda ax, rows, s=size, p=p: _draw(ax, rows, s, p),  # type: ignore[misc]
            journal=journal, sentences=sentences, marker="s", significance=f"filled: {kind} P < 0.05",
        )  # fmt: skip
        caption = (
            f"Spatial association of {response} with each driver (SPADE): PSMD of measured drivers, PSD of classes as given, "
            f"by group and driver category. Open bars: {kind} P is 0.05 or more, or undefined."
        )
        name = "spatial_association" if index == 0 else f"spatial_association_{index + 1}"
        found.append(Picture(name, on.figure, table, caption, "onehalf" if len(names) == 1 else "double"))
    return found


def _draw(ax: Axes, rows: Rows, size: float, judged: str) -> None:
    value, p = (rows.table[c].to_numpy(dtype=np.float64) for c in ("estimate", judged))
    for y, v, chance, category in zip(rows.y, value, p, rows.categories, strict=True):
        colour = panels.colour_of(category)
        if np.isfinite(v):
            ax.barh(y, v, height=0.62, facecolor=colour if chance < 0.05 else "white", edgecolor=colour, linewidth=0.7)
    ax.axvline(0.0, color=INK, linewidth=0.6)
    known = np.nan_to_num(value)
    ax.set_xlim(min(0.0, float(known.min()) * 1.04), max(0.02, float(known.max()) * 1.02))
    panels.print_values(ax, rows.y, known, [panels.decimals(v) for v in value], size - 0.5)
    ax.locator_params(axis="x", nbins=5)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.set_xlabel(LABEL, fontsize=size, labelpad=1.5)
