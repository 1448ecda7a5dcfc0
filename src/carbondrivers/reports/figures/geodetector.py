"""Factor detector: explanatory power q of each driver, one panel a group."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.bars import Mark, bar_page
from carbondrivers.reports.figures.panels import Rows
from carbondrivers.reports.figures.triangle import page_width, strata_words, triangle_page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, Journal, drawing, plain
from carbondrivers.reports.style import journal as journal_of

# A P that does not exist must look neither like a small nor like a large one.
_WITHOUT_P = "//////"


def factors(result: GeodetectorResult, ax: Axes | None = None, *, group: str = "all", journal: str | Journal = "jal") -> Axes:
    """Draw the q of every driver of one group, by category.

    Parameters
    ----------
    result
        From the geodetector.
    ax
        Where to draw; axes of their own where None.
    group
        One of the result's groups.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If the result has no such group.
    """
    profile = journal_of(journal)
    table = result.factors
    choose(group, dict.fromkeys(table["group"]), "group")
    rows = panels.driver_rows(result, table.loc[table["group"] == group], "q")
    with drawing(profile):
        if ax is None:
            tall = 4.6 * rows.span
            ax = panels.page(profile.onehalf, 14.0 + tall).axes(42.0, 3.0, profile.onehalf - 46.0, tall)
        size = profile.size - 0.5
        panels.dress_rows(ax, rows, [panels.fit_lines(result.label(d), 38.0, size) for d in rows.table["driver"]], size)
        _draw(ax, rows, size)
    return ax


@figure_of(GeodetectorResult)
def factor_pictures(result: GeodetectorResult, *, journal: Journal) -> list[Picture]:
    """Compose one panel of q a group; more than six groups go on to another figure."""
    found = []
    for index, names in enumerate(panels.chunks(list(dict.fromkeys(result.factors["group"])))):
        table = result.factors.loc[result.factors["group"].isin(names)].reset_index(drop=True)
        size = journal.size - (1.0 if len(names) > 1 else 0.5)
        response = result.label(str(table["response"].iloc[0]))
        sentences = [
            f"response: {response}", f"n = {panels.count(result.n)}", strata_words(result),
            "sorted by q within each category, categories by their strongest driver",
        ]  # fmt: skip
        on = bar_page(
            result, table, value="q", draw=lambda ax, rows, s=size: _draw(ax, rows, s),  # type: ignore[misc]
            journal=journal, sentences=sentences, marker="s", more=_rarer_marks(table),
        )  # fmt: skip
        caption = (
            f"Explanatory power (q) of each driver for {response}, by group and driver category. "
            f"{strata_words(result).capitalize()}. Open bars: naive P of the F test is 0.05 or more; naive, because it "
            "takes neighbouring rows as independent."
        )
        name = "factors" if index == 0 else f"factors_{index + 1}"
        found.append(Picture(name, on.figure, table, caption, "onehalf" if len(names) == 1 else "double"))
    return found


@figure_of(GeodetectorResult)
def interaction_pictures(result: GeodetectorResult, *, journal: Journal) -> list[Picture]:
    """Compose the interaction triangle of every group with at least two drivers."""
    found: list[Picture] = []
    for group in dict.fromkeys(result.interactions["group"]):
        pairs = result.interactions.loc[result.interactions["group"] == group].reset_index(drop=True)
        on = triangle_page(result, group, journal)
        name = f"interaction_{panels.slug(group)}"
        name = f"{name}_{len(found) + 1}" if any(p.name == name for p in found) else name
        where = plain(panels.group_words(group))
        caption = (
            f"Explanatory power (q) of each driver (diagonal) and each pair of drivers, {where}. The "
            "type of a pair is given where the F test of its non-additive part has a naive P < 0.05 after adjustment over the "
            "pairs (Benjamini–Hochberg). Dashed frame: strongest pair."
        )
        drivers = (result.factors["group"] == group).sum()
        found.append(Picture(name, on.figure, pairs, caption, page_width(int(drivers))))
    return found


def _rarer_marks(table: pd.DataFrame) -> list[Mark]:
    return [({"hatch": _WITHOUT_P}, panels.NO_P)] if (table["q"].notna() & table["p"].isna()).any() else []


def _draw(ax: Axes, rows: Rows, size: float) -> None:
    q, p = (rows.table[c].to_numpy(dtype=np.float64) for c in ("q", "p"))
    for y, value, naive, category in zip(rows.y, q, p, rows.categories, strict=True):
        colour = panels.colour_of(category)
        if np.isfinite(value):
            face = colour if naive < 0.05 else "white"
            hatch = _WITHOUT_P if np.isnan(naive) else None
            ax.barh(y, value, height=0.62, facecolor=face, edgecolor=colour, linewidth=0.7, hatch=hatch)
    ax.axvline(0.0, color=INK, linewidth=0.6)
    ax.set_xlim(0.0, max(0.02, float(np.nanmax(q, initial=0.0)) * 1.02))
    panels.print_values(
        ax, rows.y, np.nan_to_num(q), [panels.decimals(v, 3 if 0.0005 <= v < 0.0095 else 2) for v in q], size - 0.5
    )
    ax.locator_params(axis="x", nbins=5)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.set_xlabel("Explanatory power, q", fontsize=size, labelpad=1.5)
