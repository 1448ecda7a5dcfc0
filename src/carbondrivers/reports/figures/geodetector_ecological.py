"""Ecological detector: the lower triangle of differences in what two drivers explain of the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page
from carbondrivers.reports.figures.triangle import COLOURS, adjustment_words, strata_words
from carbondrivers.reports.figures.triangle_labels import (
    ROOMY,
    Labels,
    labelled,
    number_size,
    number_words,
    page_width,
    sorted_drivers,
    square_labels,
    write_labels,
)
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import FOOT_INK, INK, Journal, drawing, ink_on, plain
from carbondrivers.reports.style import journal as journal_of

_EQUAL = "#EFEFEF"


def ecological(
    result: GeodetectorResult, ax: Axes | None = None, *, group: str = "all", journal: str | Journal = "jal"
) -> Axes:
    """Draw the matrix of one group, without its keys.

    Parameters
    ----------
    result
        From the geodetector.
    ax
        Where to draw, square at best; axes of their own, with all keys, where None.
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
    choose(group, dict.fromkeys(result.factors["group"]), "group")
    with drawing(profile):
        if ax is None:
            return _page(result, group, profile).figure.axes[0]
        _draw(ax, result, group, square_labels(result, group, panels.axes_mm(ax)[0], profile.size))
    return ax


@figure_of(GeodetectorResult)
def ecological_pictures(result: GeodetectorResult, *, journal: Journal) -> list[Picture]:
    """Compose the matrix of every group with at least two drivers."""
    found: list[Picture] = []
    for group in dict.fromkeys(result.ecological["group"]):
        table = _pairs(result, group)
        on = _page(result, group, journal)
        name = f"ecological_{panels.slug(group)}"
        name = f"{name}_{len(found) + 1}" if any(p.name == name for p in found) else name
        caption = (
            f"How much more of the response the driver of the column explains than that of the row, "
            f"{plain(panels.group_words(group))} (share of the whole sum of squares, corrected for chance); grey: not found to "
            f"differ ({_which(table)} P of 0.05 or more, adjusted over the pairs, {adjustment_words(result)})."
        )
        width = page_width(int((result.factors["group"] == group).sum()))
        found.append(Picture(name, on.figure, table, caption, width))
    return found


def _pairs(result: GeodetectorResult, group: str) -> pd.DataFrame:
    return result.ecological.loc[result.ecological["group"] == group].reset_index(drop=True)


def _which(table: pd.DataFrame) -> str:
    return "corrected" if table["p_eff"].notna().any() else "naive"


def _judged(table: pd.DataFrame) -> str:
    return "p_eff_adjusted" if table["p_eff"].notna().any() else "p_adjusted"


def _scale(table: pd.DataFrame) -> Normalize:
    highest = float(np.nanmax([0.0, *table["estimate"].abs()]))
    return Normalize(0.0, min(1.0, max(0.1, np.ceil(highest * 10) / 10)))


def _page(result: GeodetectorResult, group: str, journal: Journal) -> Page:
    """Lay out the matrix with its keys and foot."""
    drivers = sorted_drivers(result, group)
    k, width = len(drivers), journal.width(page_width(len(drivers)))
    size = journal.size if k <= ROOMY else journal.size - 1.0
    labels = labelled(result, drivers, width, size)
    key_left, key_high = width - panels.text_width("Column driver explains", journal.size - 0.5) - 8.0, 28.0
    top = max([2.0, *(up - i * labels.cell for i, up in enumerate(labels.rise))])
    ends = [labels.left + (i + 0.6) * labels.cell + reach for i, reach in enumerate(labels.reach)]
    places = zip(labels.rise, ends, strict=True)
    beside = [top + i * labels.cell - up for i, (up, end) in enumerate(places) if end > key_left - 2.0]
    top += max([0.0, *(key_high + 3.0 - y for y in beside)])
    sentences = _sentences(result, group)
    foot = panels.foot_height(sentences, width - 6.0, size - 1.0)
    height = max(top + k * labels.cell, key_high + 3.0) + 8.5 + foot
    on = panels.page(width, height)
    _draw(on.axes(labels.left, top, k * labels.cell, k * labels.cell), result, group, labels)
    _keys(on, _scale(_pairs(result, group)), key_left, journal.size)
    panels.category_key(on, 2.0, height - foot - 5.0, [result.category(d) for d in drivers], size - 0.5)
    panels.foot(on, 2.0, height - foot, sentences, size - 1.0)
    return on


def _draw(ax: Axes, result: GeodetectorResult, group: str, labels: Labels) -> None:
    cell, k, table = labels.cell, len(labels.drivers), _pairs(result, group)
    scale, judged = _scale(table), _judged(table)
    ax.set_xlim(0, k)
    ax.set_ylim(k, 0)
    ax.axis("off")
    write_labels(ax, result, labels)
    place = {driver: i for i, driver in enumerate(labels.drivers)}
    small = number_size(cell, labels.size)
    for i in range(k):
        ax.add_patch(Rectangle((i + 0.03, i + 0.03), 0.94, 0.94, fill=False, edgecolor=INK, linewidth=0.6, clip_on=False))
    for row in table.to_dict("records"):
        one, two, value = place[row["driver"]], place[row["driver_2"]], float(row["estimate"])
        column, line = sorted((one, two))
        ahead = value if one == column else -value
        found = float(row[judged]) < 0.05
        face = COLOURS(scale(abs(ahead))) if found else _EQUAL if np.isfinite(value) else "#FFFFFF"
        box = Rectangle((column, line), 1, 1, facecolor=face, edgecolor="white", linewidth=1.0, clip_on=False)
        ax.add_patch(box)
        words = number_words(ahead, cell, small)
        ax.text(
            column + 0.5, line + 0.5, words, fontsize=small, ha="center", va="center",
            color=ink_on(face) if found else FOOT_INK, weight="bold" if found else "normal",
        )  # fmt: skip


def _keys(on: Page, scale: Normalize, left: float, size: float) -> None:
    on.text(left, 2.0, "Column driver explains", size, weight="bold")
    on.text(left, 5.6, "more than row driver", size, weight="bold")
    on.swatch(left, 11.2, _EQUAL, 2.6)
    on.text(left + 4.2, 11.0, "not found to differ", size - 0.5)
    bar = on.axes(left + 1.0, 17.5, on.width - left - 6.0, 1.8)
    drawn = on.figure.colorbar(ScalarMappable(scale, COLOURS), cax=bar, orientation="horizontal")
    drawn.outline.set_linewidth(0.6)
    drawn.ax.locator_params(axis="x", nbins=4)
    drawn.ax.tick_params(labelsize=size - 1.0, pad=1.5)
    drawn.set_label("Difference of shares", fontsize=size - 0.5, labelpad=1.0)


def _sentences(result: GeodetectorResult, group: str) -> list[str]:
    table, where = _pairs(result, group), panels.group_words(group)
    n = result.factors.loc[result.factors["group"] == group, "n"].max()
    return [
        f"{where[:1].upper()}{where[1:]}, n = {panels.count(n)}",
        strata_words(result),
        "share of the whole sum of squares, corrected for chance",
        f"coloured: {_which(table)} P < 0.05, two-sided, adjusted over the pairs ({adjustment_words(result)})",
        "n/a: the same strata, or nothing left within them" if table["estimate"].isna().any() else "",
    ]
