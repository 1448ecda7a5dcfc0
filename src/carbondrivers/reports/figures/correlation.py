"""Correlation of the response with each driver: coefficient and interval, one panel a group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.correlation import CorrelationResult
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.bars import Mark, bar_page
from carbondrivers.reports.figures.panels import Rows
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, Journal, drawing, plain
from carbondrivers.reports.style import journal as journal_of

EXACT = "exactly linear (no P)"
# A P that does not exist must look neither like a small nor like a large one.
_MARKS: dict[str, dict[str, Any]] = {
    EXACT: {"marker": "D", "markersize": 3.0},
    panels.NO_P: {"marker": "x", "markersize": 3.4},
}


def correlation(
    result: CorrelationResult,
    ax: Axes | None = None,
    *,
    group: str = "all",
    kind: str | None = None,
    journal: str | Journal = "jal",
) -> Axes:
    """Draw the coefficients of one group, by category, with their intervals.

    Parameters
    ----------
    result
        From a correlation method.
    ax
        Where to draw; axes of their own where None.
    group
        One of the result's groups.
    kind
        One of the result's coefficients; the first by default.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If the result has no such group or coefficient.
    """
    profile = journal_of(journal)
    table = result.correlations
    choose(group, dict.fromkeys(table["group"]), "group")
    kind = str(table["method"].iloc[0]) if kind is None else kind
    choose(kind, dict.fromkeys(table["method"]), "kind")
    rows = panels.driver_rows(result, table.loc[(table["group"] == group) & (table["method"] == kind)], "r")
    with drawing(profile):
        ax = panels.driver_axes(ax, result, rows, profile)
        _draw(ax, rows, profile.size - 0.5, _axis_label(rows.table))
    return ax


@figure_of(CorrelationResult)
def correlation_pictures(result: CorrelationResult, *, journal: Journal) -> list[Picture]:
    """Compose one panel a group, one figure a coefficient; more than six groups go on to another figure."""
    found = []
    for kind, whole in result.correlations.groupby("method", sort=False):
        stem = "correlation" if kind == "pearson" else f"correlation_{kind}"
        for index, names in enumerate(panels.chunks(list(dict.fromkeys(whole["group"])))):
            table = whole.loc[whole["group"].isin(names)]
            name = stem if index == 0 else f"{stem}_{index + 1}"
            found.append(_picture(result, table, name, len(names), journal))
    return found


def _picture(result: CorrelationResult, table: pd.DataFrame, name: str, groups: int, journal: Journal) -> Picture:
    size, words, corrected = journal.size - (1.0 if groups > 1 else 0.5), _axis_label(table), _is_corrected(table)
    on = bar_page(
        result, table, value="r", draw=lambda ax, rows: _draw(ax, rows, size, words), journal=journal,
        sentences=_foot(result, corrected), more=_rarer_marks(table),
        significance=panels.CORRECTED_KEY if corrected else panels.SIGNIFICANCE_KEY,
    )  # fmt: skip
    judged = (
        "corrected for spatial autocorrelation (effective n)"
        if corrected
        else ("naive, because they take neighbouring rows as independent")
    )
    caption = (
        f"{words.removesuffix(', r')} (r, points) of {_response(result)} with each driver and its {_confidence(result)} "
        f"confidence interval, by group and driver category. Filled points have P < 0.05. Interval and P are {judged}."
    )
    return Picture(name, on.figure, table.reset_index(drop=True), caption, "onehalf" if groups == 1 else "double")


def _is_corrected(table: pd.DataFrame) -> bool:
    """Whether the rows have places, so that there is an effective number of observations."""
    return bool(table["n_eff"].notna().any())


def _draw(ax: Axes, rows: Rows, size: float, words: str) -> None:
    table = rows.table
    ends = ("ci_eff_low", "ci_eff_high") if _is_corrected(table) else ("ci_low", "ci_high")
    r, low, high = (table[c].to_numpy(dtype=np.float64) for c in ("r", *ends))
    ax.axvline(0.0, color=INK, linewidth=0.6, zorder=1)
    for y, value, a, b, kind, category in zip(rows.y, r, low, high, _kinds(table), rows.categories, strict=True):
        if not np.isfinite(value):
            continue
        colour = panels.colour_of(category)
        ax.barh(y, value, height=0.62, color=colour, alpha=0.32, linewidth=0, zorder=2)
        if np.isfinite(a) and np.isfinite(b):
            ax.errorbar(
                value, y, xerr=[[max(value - a, 0.0)], [max(b - value, 0.0)]], fmt="none", ecolor=INK,
                elinewidth=0.7, capsize=1.4, capthick=0.7, zorder=3,
            )  # fmt: skip
        face = "white" if kind == "open" else colour
        look: dict[str, Any] = {"marker": "o", "markersize": 3.6} | _MARKS.get(kind, {})
        ax.plot(value, y, markerfacecolor=face, markeredgecolor=colour, markeredgewidth=0.9, zorder=4, **look)
    outer = _ends(r, low, high)
    marks = np.concatenate([r, low, high])
    finite = marks[np.isfinite(marks)]
    ax.set_xlim(min(0.0, *finite, 0.0) * 1.04 - 0.02, max(0.0, *finite, 0.0) * 1.04 + 0.02)
    panels.print_values(ax, rows.y, np.nan_to_num(outer), [panels.decimals(v) for v in r], size - 0.5)
    ax.locator_params(axis="x", nbins=5)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.set_xlabel(words, fontsize=size, labelpad=1.5)


def _kinds(table: pd.DataFrame) -> list[str]:
    """How each row is marked: ``"filled"``, ``"open"``, or by a key of ``_MARKS`` where there is no P."""
    r, p = (table[c].to_numpy(dtype=np.float64) for c in ("r", "p_eff" if _is_corrected(table) else "p"))
    without = np.where(np.abs(r) >= 1 - 1e-9, EXACT, panels.NO_P)
    return [str(kind) for kind in np.where(np.isnan(p), without, np.where(p < 0.05, "filled", "open"))]


def _rarer_marks(table: pd.DataFrame) -> list[Mark]:
    drawn = set(_kinds(table.loc[table["r"].notna()]))
    return [(look, words) for words, look in _MARKS.items() if words in drawn]


def _ends(r: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The outer end of each row's marks: beyond zero on the side of its sign."""
    outer = np.where(r < 0, low, high)
    return np.where(np.isfinite(outer), outer, r)


def _axis_label(table: pd.DataFrame) -> str:
    method = str(table["method"].iloc[0]) if len(table) else ""
    return f"{plain(method).capitalize()} correlation, r" if method else "Correlation, r"


def _response(result: CorrelationResult) -> str:
    table = result.correlations
    return result.label(str(table["response"].iloc[0])) if len(table) else "the response"


def _confidence(result: CorrelationResult) -> str:
    return f"{100 * float(result.parameters.get('confidence', 0.95)):g} %"


def _foot(result: CorrelationResult, corrected: bool) -> list[str]:
    level = _confidence(result)
    whiskers = f"{level} interval with the effective n" if corrected else f"naive {level} interval, every row independent"
    return [
        f"response: {_response(result)}",
        f"n = {panels.count(result.n)}",
        f"whiskers: {whiskers}",
        "sorted by abs(r) within each category, categories by their strongest driver",
    ]
