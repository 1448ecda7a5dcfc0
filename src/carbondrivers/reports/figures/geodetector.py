"""Factor detector: explanatory power q of each driver, one panel a group."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.attribution.geodetector_verdicts import is_corrected, naive_groups
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.bars import Mark, bar_page
from carbondrivers.reports.figures.panels import Rows
from carbondrivers.reports.figures.triangle import adjustment_words, strata_words, triangle_page
from carbondrivers.reports.figures.triangle_labels import page_width
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, Journal, drawing, plain
from carbondrivers.reports.style import journal as journal_of

# A P that does not exist must look neither like a small nor like a large one.
_WITHOUT_P = "//////"
_CLEAR = (
    " An open bar whose whisker is clear of 0: the means of these strata differ, but a response as smooth as this one would "
    "often differ as much between strata that it has no tie to."
)
SHIFTED_KEY = "filled: P < 0.05, corrected for spatial autocorrelation"


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
        ax = panels.driver_axes(ax, result, rows, profile)
        _draw(ax, rows, profile.size - 0.5)
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
            f"response: {response}", f"n = {panels.count(result.n)}", strata_words(result), _whiskers(result, table),
            "sorted by q within each category, categories by their strongest driver", _exceptions(table),
        ]  # fmt: skip
        on = bar_page(
            result, table, value="q", draw=lambda ax, rows, s=size: _draw(ax, rows, s),  # type: ignore[misc]
            journal=journal, sentences=sentences, marker="s", more=_rarer_marks(table),
            significance=SHIFTED_KEY if is_corrected(table) else panels.SIGNIFICANCE_KEY,
        )  # fmt: skip
        caption = (
            f"Explanatory power (q) of each driver for {response}, by group and driver category. "
            f"{_sentence(strata_words(result)).strip()} {_judged(result, table)}"
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
            f"type of a pair is given where the test of its non-additive part has a {_which(pairs)} P < 0.05 after adjustment "
            f"over the pairs ({adjustment_words(result)}); the bar below is that part, as a share of the whole sum of squares, "
            "with its interval. Dashed frame: strongest pair."
        )
        drivers = (result.factors["group"] == group).sum()
        found.append(Picture(name, on.figure, pairs, caption, page_width(int(drivers))))
    return found


def interval_of(table: pd.DataFrame) -> tuple[str, str]:
    """Return the columns of the interval to draw: the corrected one where there is one."""
    return ("ci_eff_low", "ci_eff_high") if is_corrected(table) else ("ci_low", "ci_high")


def _which(table: pd.DataFrame) -> str:
    return "corrected" if is_corrected(table) else "naive"


def _whiskers(result: GeodetectorResult, table: pd.DataFrame) -> str:
    level = f"{100 * float(result.parameters.get('confidence', 0.95)):g} %"
    how = "autocorrelated errors allowed for" if is_corrected(table) else "naive, every row independent"
    return f"whiskers: {level} interval of the population's share, {how}; below the bar's end where chance adds to q"


def _exceptions(table: pd.DataFrame) -> str:
    """Return in which panels the marks are those of the naive P, though others have a corrected one."""
    naive = [panels.group_words(group) for group in naive_groups(table)]
    return f"naive P and interval in {', '.join(naive)}, where no corrected one exists" if naive else ""


def _judged(result: GeodetectorResult, table: pd.DataFrame) -> str:
    if not is_corrected(table):
        return "Open bars: naive P is 0.05 or more; naive, because it takes neighbouring rows as independent."
    clear = (table["p_eff"] >= 0.05) & (table["ci_eff_low"] > 0.0)
    return (
        "Open bars: P corrected for spatial autocorrelation is 0.05 or more. Whiskers: interval of the share of these strata, "
        f"errors within them autocorrelated.{_CLEAR if clear.any() else ''}{_sentence(_exceptions(table))}"
    )


def _sentence(words: str) -> str:
    return f" {words[:1].upper()}{plain(words[1:])}." if words else ""


def _rarer_marks(table: pd.DataFrame) -> list[Mark]:
    hatched = any(
        (rows["q"].notna() & rows["p_eff" if is_corrected(rows) else "p"].isna()).any() for _, rows in table.groupby("group")
    )
    return [({"hatch": _WITHOUT_P}, panels.NO_P)] if hatched else []


def _draw(ax: Axes, rows: Rows, size: float) -> None:
    table = rows.table
    q, p, low, high = (
        table[c].to_numpy(dtype=np.float64) for c in ("q", "p_eff" if is_corrected(table) else "p", *interval_of(table))
    )
    for y, value, judged, a, b, category in zip(rows.y, q, p, low, high, rows.categories, strict=True):
        colour = panels.colour_of(category)
        if np.isfinite(value):
            face = colour if judged < 0.05 else "white"
            hatch = _WITHOUT_P if np.isnan(judged) else None
            ax.barh(y, value, height=0.62, facecolor=face, edgecolor=colour, linewidth=0.7, hatch=hatch)
        if np.isfinite(value) and np.isfinite(a) and np.isfinite(b):
            ax.plot([a, b], [y, y], color=INK, linewidth=0.8, marker="|", markersize=3.2, markeredgewidth=0.8, zorder=3)
    ax.axvline(0.0, color=INK, linewidth=0.6)
    ends = np.nan_to_num(np.fmax(q, high))
    ax.set_xlim(0.0, max(0.02, float(ends.max(initial=0.0)) * 1.02))
    panels.print_values(ax, rows.y, ends, [panels.decimals(v, 3 if 0.0005 <= v < 0.0095 else 2) for v in q], size - 0.5)
    ax.locator_params(axis="x", nbins=5)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.set_xlabel("Explanatory power, q", fontsize=size, labelpad=1.5)
