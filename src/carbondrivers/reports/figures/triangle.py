"""Interaction detector: the lower triangle of q over pairs, single factors on its diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.attribution.geodetector_group import AS_GIVEN, AT_BORDERS
from carbondrivers.attribution.geodetector_verdicts import is_corrected
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page, text_width
from carbondrivers.reports.figures.triangle_labels import (
    ROOMY,
    STARRED_CELL_MM,
    Labels,
    labelled,
    number_size,
    number_words,
    page_width,
    sorted_drivers,
    square_labels,
    write_labels,
)
from carbondrivers.reports.style import INK, SEQUENTIAL, Journal, drawing, ink_on
from carbondrivers.reports.style import journal as journal_of

GLYPHS: dict[str, dict[str, Any]] = {
    "enhance, nonlinear": {"marker": "^", "filled": True},
    "enhance, bivariate": {"marker": "o", "filled": False},
    "independent": {"marker": "s", "filled": False},
    "not distinguishable": {"marker": "_", "filled": True},
}
SPELLED = {"not distinguishable": "not distinguishable\nfrom additive"}
COLOURS = LinearSegmentedColormap.from_list("explanatory power", SEQUENTIAL)
STARS_KEY = "naive P, neighbours counted as independent: *** < 0.001, ** < 0.01, * < 0.05, n.s. 0.05 or more"
CORRECTED_STARS = "P corrected for spatial autocorrelation: *** < 0.001, ** < 0.01, * < 0.05, n.s. 0.05 or more"


def interaction(
    result: GeodetectorResult, ax: Axes | None = None, *, group: str = "all", journal: str | Journal = "jal"
) -> Axes:
    """Draw the interaction triangle of one group, without its keys.

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
            return triangle_page(result, group, profile).figure.axes[0]
        _draw(ax, result, group, square_labels(result, group, panels.axes_mm(ax)[0], profile.size))
    return ax


def triangle_page(result: GeodetectorResult, group: str, journal: Journal) -> Page:
    """Lay out the triangle of one group with its keys and foot."""
    drivers = sorted_drivers(result, group)
    k, width = len(drivers), journal.width(page_width(len(drivers)))
    size = journal.size if k <= ROOMY else journal.size - 1.0
    labels = labelled(result, drivers, width, size)
    left, cell = labels.left, labels.cell
    top = max([2.0, *(up - i * cell for i, up in enumerate(labels.rise))])
    key_left, key_high = width - _key_width(journal.size), _key_height(result, group)
    ends = [left + (i + 0.6) * cell + r for i, r in enumerate(labels.reach)]
    beside = [top + i * cell - up for i, (up, end) in enumerate(zip(labels.rise, ends, strict=True)) if end > key_left - 2.0]
    top += max([0.0, *(key_high + 3.0 - y for y in beside)])
    sentences = [*_sentences(result, group, cell, size), *(_stars_key(result, group) if cell >= STARRED_CELL_MM else [])]
    foot = panels.foot_height(sentences, width - 6.0, size - 1.0)
    height = max(top + k * cell, key_high + 3.0) + 8.5 + foot
    on = panels.page(width, height)
    _draw(on.axes(left, top, k * cell, k * cell), result, group, labels)
    _keys(on, result, group, key_left, journal.size, _scale(result, group))
    panels.category_key(on, 2.0, height - foot - 5.0, [result.category(d) for d in drivers], size - 0.5)
    panels.foot(on, 2.0, height - foot, sentences, size - 1.0)
    return on


def strata_words(result: GeodetectorResult) -> str:
    """Return how continuous drivers were cut, from the result's parameters."""
    method, classes = (result.parameters.get(key) for key in ("method", "classes"))
    ways, own = set(result.factors["method"].dropna()), result.parameters.get("borders")
    if ways <= {AS_GIVEN} or not (method and classes):
        return "strata as given"
    if own and ways <= {AS_GIVEN, AT_BORDERS}:
        return f"strata: {AT_BORDERS}"
    return f"strata: {method}, {classes} classes{f'; {len(own)} with {AT_BORDERS}' if own else ''}"


def adjustment_words(result: GeodetectorResult) -> str:
    """Return how P were adjusted for many tests."""
    return {"bh": "Benjamini–Hochberg", "holm": "Holm"}[str(result.parameters.get("adjust", "bh"))]


def _p_column(table: pd.DataFrame) -> str:
    """Return the P that decides: the corrected one where rows have places."""
    return "p_eff" if is_corrected(table) else "p"


def _gain_columns(table: pd.DataFrame) -> tuple[str, str]:
    return ("ci_eff_low", "ci_eff_high") if _p_column(table) == "p_eff" else ("ci_low", "ci_high")


def _gain_end(pairs: pd.DataFrame) -> float:
    """Return the share at the right end of the bars of non-additive parts: a round number, 0 where no pair has an interval."""
    highest = float(np.nanmax([0.0, *pairs["estimate"], *pairs[_gain_columns(pairs)[1]]]))
    steps = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0])
    return float(steps[np.searchsorted(steps, min(highest, 1.0))]) if highest > 0.0 else 0.0


def _pairs(result: GeodetectorResult, group: str) -> pd.DataFrame:
    return result.interactions.loc[result.interactions["group"] == group]


def _scale(result: GeodetectorResult, group: str) -> Normalize:
    single = result.factors.loc[result.factors["group"] == group, "q"]
    highest = float(np.nanmax([0.0, *single, *_pairs(result, group)["q"]]))
    return Normalize(0.0, min(1.0, max(0.1, np.ceil(highest * 10) / 10)))


def _draw(ax: Axes, result: GeodetectorResult, group: str, labels: Labels) -> None:
    cell, k, scale = labels.cell, len(labels.drivers), _scale(result, group)
    ax.set_xlim(0, k)
    ax.set_ylim(k, 0)
    ax.axis("off")
    place = {driver: i for i, driver in enumerate(labels.drivers)}
    small = number_size(cell, labels.size)
    write_labels(ax, result, labels)
    table = result.factors.loc[result.factors["group"] == group]
    pairs = _pairs(result, group)
    (low, high), end = _gain_columns(pairs), _gain_end(pairs)
    for row in pairs.to_dict("records"):
        a, b = sorted((place[row["driver"]], place[row["driver_2"]]))
        face = _cell(ax, a, b, float(row["q"]), scale, small, cell)
        roomy = cell >= STARRED_CELL_MM and end > 0.0
        _glyph(ax, a + 0.5, b + (0.66 if roomy else 0.73), str(row["interaction"]), ink_on(face), min(3.4, 0.42 * cell))
        if roomy and np.isfinite([row[low], row[high], row["estimate"]]).all():
            _gain(ax, a, b, (float(row[low]), float(row["estimate"]), float(row[high])), end, ink_on(face))
    for row in table.to_dict("records"):
        i = place[row["driver"]]
        face = _cell(ax, i, i, float(row["q"]), scale, small, cell, weight="bold")
        _frame(ax, i, i, linestyle="-", linewidth=0.9)
        if cell >= STARRED_CELL_MM:
            mark = _stars(float(row[_p_column(table)])) if np.isfinite(row["q"]) else ""
            ax.text(i + 0.5, i + 0.77, mark, fontsize=small, ha="center", va="center", color=ink_on(face))
    if pairs["q"].notna().any():
        best = pairs.sort_values(["q", "driver", "driver_2"]).dropna(subset="q").to_dict("records")[-1]
        _frame(ax, *sorted((place[best["driver"]], place[best["driver_2"]])), linestyle=(0, (2.4, 1.2)), linewidth=1.2)


def _cell(ax: Axes, column: int, row: int, q: float, scale: Normalize, size: float, cell: float, weight: str = "normal") -> Any:
    face = COLOURS(scale(q)) if np.isfinite(q) else "#EFEFEF"
    ax.add_patch(Rectangle((column, row), 1, 1, facecolor=face, edgecolor="white", linewidth=1.0, clip_on=False))
    words = number_words(q, cell, size)
    ax.text(
        column + 0.5,
        row + (0.36 if cell > 6.0 else 0.31),
        words,
        fontsize=size,
        ha="center",
        va="center",
        weight=weight,
        color=ink_on(face),
    )
    return face


def _gain(ax: Axes, column: int, row: int, reach: tuple[float, float, float], end: float, colour: str, **style: Any) -> None:
    """Draw the non-additive part in a cell: a rule from 0 to `end`, the interval on it, and the estimate as a dot."""
    x = [column + 0.1 + 0.8 * float(np.clip(value / end, 0.0, 1.0)) for value in reach]
    y = row + 0.88
    ax.plot([column + 0.1, column + 0.9], [y, y], color=colour, linewidth=0.3, alpha=0.5, clip_on=False, zorder=4, **style)
    ax.plot([column + 0.1] * 2, [y - 0.05, y + 0.05], color=colour, linewidth=0.4, clip_on=False, zorder=4, **style)
    ax.plot([x[0], x[2]], [y, y], color=colour, linewidth=1.1, solid_capstyle="butt", clip_on=False, zorder=4, **style)
    ax.plot([x[1]], [y], marker="o", markersize=1.5, color=colour, linestyle="none", clip_on=False, zorder=5, **style)


def _frame(ax: Axes, column: int, row: int, **style: Any) -> None:
    box = Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, fill=False, edgecolor=INK, clip_on=False, zorder=5, **style)
    ax.add_patch(box)


def _glyph(ax: Axes, x: float, y: float, kind: str, colour: str, size: float, **where: Any) -> None:
    if kind in GLYPHS:
        look = GLYPHS[kind]
        face = colour if look["filled"] else "none"
        ax.plot(
            [x], [y], marker=look["marker"], markersize=size, markerfacecolor=face, markeredgecolor=colour,
            markeredgewidth=0.8, linestyle="none", clip_on=False, zorder=4, **where,
        )  # fmt: skip


def _stars(p: float) -> str:
    if not np.isfinite(p):
        return "n/a"
    return next((mark for level, mark in ((0.001, "***"), (0.01, "**"), (0.05, "*")) if p < level), "n.s.")


def _stars_key(result: GeodetectorResult, group: str) -> list[str]:
    table = result.factors.loc[result.factors["group"] == group]
    without = (table["q"].notna() & table[_p_column(table)].isna()).any()
    return [CORRECTED_STARS if _p_column(table) == "p_eff" else STARS_KEY, f"n/a below q: {panels.NO_P}" if without else ""]


def _counts(result: GeodetectorResult, group: str) -> dict[str, int]:
    kinds = _pairs(result, group)["interaction"]
    return {kind: int((kinds == kind).sum()) for kind in GLYPHS if (kinds == kind).any()}


def _key_width(size: float) -> float:
    return text_width("not distinguishable (000)", size - 0.5) + 9.0


def _spelled(kind: str) -> str:
    return SPELLED.get(kind, kind)


def _key_height(result: GeodetectorResult, group: str) -> float:
    kinds = _counts(result, group)
    return (
        7.0
        + 4.3 * len(kinds)
        + 3.0 * sum(_spelled(kind).count("\n") for kind in kinds)
        + 2 * 5.2
        + 7.2 * (_gain_end(_pairs(result, group)) > 0.0)
        + 13.0
    )


def _keys(on: Page, result: GeodetectorResult, group: str, left: float, size: float, scale: Normalize) -> None:
    tall = _key_height(result, group)
    ax = on.axes(left, 1.5, on.width - left - 1.0, tall)
    ax.set_xlim(0, on.width - left - 1.0)
    ax.set_ylim(tall, 0)
    ax.axis("off")
    ax.text(0, 2.0, "Interaction type (pairs)", fontsize=size, weight="bold", va="center")
    y = 7.0
    for kind, n in _counts(result, group).items():
        _glyph(ax, 2.0, y, kind, INK, 4.2)
        more = 3.0 * _spelled(kind).count("\n")
        ax.text(5.6, y + more / 2, f"{_spelled(kind)} ({n})", fontsize=size - 0.5, va="center", linespacing=1.05)
        y += 4.3 + more
    for words, dash in (("single factor q", "-"), ("strongest pair", (0, (2.4, 1.2)))):
        ax.add_patch(Rectangle((0.2, y - 1.2), 3.6, 3.6, fill=False, edgecolor=INK, linewidth=1.0, linestyle=dash))
        ax.text(5.6, y + 0.6, words, fontsize=size - 0.5, va="center")
        y += 5.2
    end = _gain_end(_pairs(result, group))
    if end > 0.0:
        _key_gain(ax, y, end, size)
        y += 7.2
    bar = on.axes(left + 1.0, 1.5 + y + 1.5, on.width - left - 6.0, 1.8)
    drawn = on.figure.colorbar(ScalarMappable(scale, COLOURS), cax=bar, orientation="horizontal")
    drawn.outline.set_linewidth(0.6)
    drawn.ax.locator_params(axis="x", nbins=5)
    drawn.ax.tick_params(labelsize=size - 1.0, pad=1.5)
    drawn.set_label("Explanatory power, q", fontsize=size - 0.5, labelpad=1.0)


def _key_gain(ax: Axes, y: float, end: float, size: float) -> None:
    ax.plot([0.2, 4.0], [y + 1.6] * 2, color=INK, linewidth=0.3, alpha=0.5)
    ax.plot([0.2] * 2, [y + 1.2, y + 2.0], color=INK, linewidth=0.4)
    ax.plot([1.2, 3.2], [y + 1.6] * 2, color=INK, linewidth=1.1, solid_capstyle="butt")
    ax.plot([2.1], [y + 1.6], marker="o", markersize=1.5, color=INK, linestyle="none")
    words = f"non-additive share,\n0 to {end:g}, interval"
    ax.text(5.6, y + 1.7, words, fontsize=size - 0.5, va="center", linespacing=1.05)


def _sentences(result: GeodetectorResult, group: str, cell: float, size: float) -> list[str]:
    table = result.factors.loc[result.factors["group"] == group]
    pairs, where = _pairs(result, group), panels.group_words(group)
    unnamed = int((pairs["q"].notna() & ~pairs["interaction"].isin(GLYPHS)).sum())
    tight = text_width("0.00", number_size(cell, size), "bold") > 0.94 * cell
    return [
        f"{where[:1].upper()}{where[1:]}, n = {panels.count(table['n'].max())}",
        strata_words(result),
        f"a type is named where the non-additive part has {'corrected' if _p_column(pairs) == 'p_eff' else 'naive'} P < 0.05, "
        f"adjusted over the pairs ({adjustment_words(result)})",
        f"no mark: type undefined ({unnamed})" if unnamed else "",
        "the zero before the point is left out" if tight else "",
    ]
