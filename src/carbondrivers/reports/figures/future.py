"""Future figure: classes of trend and persistence where both can be told from chance, beside the published rule."""

from __future__ import annotations

import numpy as np

from carbondrivers.attribution.future import METHODS, FutureResult
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import Classes, map_page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import Journal

CLASS_COLOURS = ("#01665E", "#7CCBBF", "#EDEDED", "#DDB868", "#8C510A")
TITLES = {"future_class": "Significant trend, H outside white noise", "published_class": "Published rule: signs alone"}


@figure_of(FutureResult)
def future_pictures(result: FutureResult, *, journal: Journal) -> list[Picture]:
    """Compose the two maps."""
    parts = [_classes(result, name) for name in METHODS]
    persistence = result.parameters["persistence"]
    free = persistence["detrend"] or persistence["series"] == "differences"
    of_cells = str(result.classes["share_of"].iloc[0])
    sentences = [
        f"{panels.years_text(persistence['years'])}, {panels.count(result.n)} cells",
        "continuous: the trend goes on, future: it turns; improvement is an increase of the response",
        "" if free else "H of series that were not detrended: the classes largely restate the trend",
        f"shares of the {of_cells}; white noise: shares that the published rule gives it",
    ]
    on, width = map_page(result.grid, parts, sentences, journal)
    caption = (
        f"Trend and persistence of {result.label(str(result.variables['name'].iloc[0]))} crossed: only where the trend is "
        f"significant and H lies outside white noise (a), and by their signs alone, as published (b); shares are of the "
        f"{of_cells}."
    )
    return [Picture("future_map", on.figure, furniture.cells(result.grid, tuple(METHODS)), caption, width)]


def _classes(result: FutureResult, name: str) -> Classes:
    table = result.classes.loc[result.classes["method"] == METHODS[name]]
    expected = table["share_expected"].to_numpy(dtype=np.float64)
    return Classes(
        title=TITLES[name],
        codes=result.grid[name].to_numpy(),
        colours=CLASS_COLOURS,
        levels=[str(level) for level in table["level"]],
        shares=table["share"].to_numpy(dtype=np.float64),
        chance=expected if np.isfinite(expected).all() else np.empty(0),
    )
