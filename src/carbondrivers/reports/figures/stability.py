"""Stability figure: the map of the coefficient of variation beside the map of its classes."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize

from carbondrivers.attribution.stability import UNDEFINED, StabilityResult
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import Classes, Scale, map_page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import Journal

CLASS_COLOURS = ("#0B5FA5", "#86BBDD", "#F6D99B", "#C4561A", "#585858")


@figure_of(StabilityResult)
def stability_pictures(result: StabilityResult, *, journal: Journal) -> list[Picture]:
    """Compose the two maps."""
    name = str(result.variables["name"].iloc[0])
    label = result.label(name)
    table = result.classes
    # Cells without a coefficient are rare but in a carbon balance: their class is shown where it occurs.
    table = table.loc[(table["n"] > 0) | (table["level"] != UNDEFINED)]
    cv = result.grid["cv"].to_numpy()
    classes = Classes(
        title="Stability class",
        codes=result.grid["stability_class"].to_numpy(),
        colours=CLASS_COLOURS,
        levels=[str(level) for level in table["level"]],
        shares=table["share"].to_numpy(dtype=np.float64),
    )
    scale = _scale(cv, result.parameters["limits"][-1], label)
    sentences = [
        f"{panels.years_text(result.parameters['years'])}, {panels.count(result.n)} cells",
        "the lower the coefficient (sd / |mean|), the more stable",
        "undefined: the mean cannot be told from zero (white in a)" if len(table) == len(CLASS_COLOURS) else "",
        f"shares of the {table['share_of'].iloc[0]}",
    ]
    on, width = map_page(result.grid, [scale, classes], sentences, journal)
    numbers = furniture.cells(result.grid, ("cv", "stability_class"))
    caption = (
        f"Coefficient of variation of {label} between years (a) and its stability classes (b); shares are of the "
        f"{table['share_of'].iloc[0]}."
    )
    return [Picture("stability_map", on.figure, numbers, caption, width)]


def _scale(cv: np.ndarray, last: float, label: str) -> Scale:
    """The map of the coefficient; near a mean of zero it has no bound, so that colours end at twice the last class limit."""
    _, norm, ends = furniture.colours_for(cv)
    said = ""
    if norm.vmax is not None and norm.vmax > 2 * last:
        norm, ends, said = Normalize(0.0, 2 * last), "max", f"colours end at twice the limit of low stability, {2 * last:g}"
    ramp = LinearSegmentedColormap.from_list("stability", CLASS_COLOURS[:4])
    return Scale("Coefficient of variation", f"Coefficient of variation of {label}", "", cv, (ramp, norm, ends), said)
