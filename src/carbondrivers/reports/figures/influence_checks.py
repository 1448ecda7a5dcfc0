"""Behind the influence: deviance along the number of trees, categories by three ways of asking, observed against predicted."""

from __future__ import annotations

import string
from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.influence_result import BLOCKS, DROPPED, INFLUENCE, PERMUTED, RANDOM, InfluenceResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.bars import group_title
from carbondrivers.reports.figures.panels import Page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import CATEGORY_COLOURS, INK, RULE_INK, Journal, Width, ink_on, unit_text

ACROSS, BETWEEN_MM = 3, 4.6
ASKED = (INFLUENCE, PERMUTED, DROPPED)
Draw = Callable[[Axes, str], None]


def _sheet(names: list[str], journal: Journal, tall: float, title: Callable[[str], str], draw: Draw, said: list[str]) -> Page:
    """Lay out one panel a name, three a row."""
    across = min(ACROSS, len(names))
    lines = -(-len(names) // across)
    width, size = (journal.single, journal.onehalf, journal.double)[across - 1], journal.size - 0.5
    foot = panels.foot_height(said, width - 4.0, size - 0.5)
    panel = (width - 2.0) / across
    on = panels.page(width, lines * (tall + 17.0) + 2.0 + foot)
    for i, name in enumerate(names):
        down, right = divmod(i, across)
        ax = on.axes(1.0 + right * panel + 12.5, 6.5 + down * (tall + 17.0), panel - 16.0, tall)
        draw(ax, name)
        ax.tick_params(labelsize=size - 0.5)
        letter = string.ascii_lowercase[i] if len(names) > 1 else ""
        panels.panel_title(ax, letter, title(name), size, 11.5)
    panels.foot(on, 2.0, on.height - foot, said, size - 0.5)
    return on


@figure_of(InfluenceResult)
def deviance_pictures(result: InfluenceResult, *, journal: Journal) -> list[Picture]:
    """Draw the cross-validated deviance of each group along the number of trees."""
    size = journal.size - 0.5

    def draw(ax: Axes, group: str) -> None:
        table = result.deviances.loc[result.deviances["group"] == group]
        trees, loss, error = (table[c].to_numpy(dtype=np.float64) for c in ("n_trees", "deviance", "std_error"))
        ax.fill_between(trees, loss - error, loss + error, color=RULE_INK, alpha=0.5, linewidth=0)
        ax.plot(trees, loss, color=INK, linewidth=1.0)
        at = table["selected"].to_numpy(dtype=bool)
        ax.axvline(float(trees[at][0]), color=panels.colour_of("topography"), linewidth=0.8, linestyle=(0, (3, 2)))
        ax.plot(trees[at], loss[at], "o", markersize=3.4, color=panels.colour_of("topography"))
        ax.set_xlabel("Trees", fontsize=size, labelpad=1.5)
        ax.set_ylabel("CV deviance / total", fontsize=size, labelpad=1.5)
        ax.locator_params(nbins=5)

    def title(group: str) -> str:
        chosen = result.settings.loc[(result.settings["group"] == group) & result.settings["selected"].astype(bool)].iloc[0]
        return f"{panels.group_words(group).capitalize()}, {int(chosen['n_trees']):,} trees"

    said = ["line: mean over folds; band: one standard error over folds; point: the number of trees taken"]
    found = []
    for index, names in enumerate(panels.chunks(list(dict.fromkeys(result.deviances["group"])))):
        on = _sheet(names, journal, 34.0, title, draw, said)
        numbers = result.deviances.loc[result.deviances["group"].isin(names)].reset_index(drop=True)
        caption = "Cross-validated deviance of boosted trees along the number of trees, as a share of the total deviance."
        found.append(_picture("boosted_trees_deviance", index, on, numbers, caption, len(names)))
    return found


def _picture(stem: str, index: int, on: Page, numbers: pd.DataFrame, caption: str, panels_drawn: int) -> Picture:
    name = stem if index == 0 else f"{stem}_{index + 1}"
    return Picture(name, on.figure, numbers, caption, sheet_width(panels_drawn))


def sheet_width(drawn: int) -> Width:
    """Return the width of a sheet of so many panels."""
    return "single" if drawn == 1 else "onehalf" if drawn == 2 else "double"


@figure_of(InfluenceResult)
def fit_pictures(result: InfluenceResult, *, journal: Journal) -> list[Picture]:
    """Draw observed values against out-of-fold predictions, random folds beside spatial ones, one figure a group."""
    found = []
    for group, rows in result.predictions.groupby("group", sort=False):
        methods = [m for m in (RANDOM, BLOCKS) if m in set(rows["method"])]
        on = _sheet(
            methods, journal, 48.0, lambda m: m.capitalize(), _against(result, str(group), rows, journal.size - 0.5),
            _fit_foot(result, str(group)),
        )  # fmt: skip
        name = "boosted_trees_fit" if group == "all" else f"boosted_trees_fit_{panels.slug(group)}"
        caption = (
            "Observed values against predictions of boosted trees for rows that they did not see "
            f"({panels.group_words(str(group))}): random folds beside spatial ones."
        )
        found.append(Picture(name, on.figure, rows.reset_index(drop=True), caption, sheet_width(len(methods))))
    return found


def _fit_foot(result: InfluenceResult, group: str) -> list[str]:
    table = result.scores.loc[result.scores["group"] == group].set_index("method")["r2"]
    gap = (
        f"gap in R² {panels.decimals(float(table[RANDOM] - table[BLOCKS]), 3)}" if {RANDOM, BLOCKS} <= set(table.index) else ""
    )
    return [panels.group_words(group), "line: predicted = observed", gap, "R² = 1 − SSE/SST"]


def _against(result: InfluenceResult, group: str, rows: pd.DataFrame, size: float) -> Draw:
    unit = unit_text(str(result.scores["unit"].dropna().iloc[0])) if result.scores["unit"].notna().any() else ""
    ends = rows[["value", "estimate"]].to_numpy(dtype=np.float64)
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    pad = 0.03 * (high - low) or 1.0

    def draw(ax: Axes, method: str) -> None:
        part = rows.loc[rows["method"] == method]
        score = result.scores.loc[(result.scores["group"] == group) & (result.scores["method"] == method)].iloc[0]
        ax.plot([low, high], [low, high], color=INK, linewidth=0.7, zorder=1)
        ax.plot(
            part["estimate"], part["value"], "o", markersize=1.8, alpha=0.35, color=panels.colour_of("climate"),
            markeredgewidth=0, zorder=2, rasterized=len(part) > 500,
        )  # fmt: skip
        ax.set_xlim(low - pad, high + pad)
        ax.set_ylim(low - pad, high + pad)
        ax.locator_params(nbins=5)
        words = f"R² = {panels.decimals(score['r2'])}\nRMSE = {panels.decimals(score['rmse'], 1)}"
        ax.text(0.04, 0.97, words, transform=ax.transAxes, fontsize=size, ha="left", va="top", linespacing=1.15)
        ax.set_xlabel(f"Predicted ({unit})" if unit else "Predicted", fontsize=size, labelpad=1.5)
        ax.set_ylabel(f"Observed ({unit})" if unit else "Observed", fontsize=size, labelpad=1.5)

    return draw


@figure_of(InfluenceResult)
def category_pictures(result: InfluenceResult, *, journal: Journal) -> list[Picture]:
    """Draw the shares of categories as stacked bars: by influence, by permutation, by leaving out."""
    groups = list(dict.fromkeys(result.categories["group"]))
    size, width = journal.size - 0.5, journal.onehalf
    said = ["permutation, drop and refit: loss of R² on held-out rows, losses below 0 taken as 0", "empty: no loss above 0"]
    foot = panels.foot_height(said, width - 4.0, size - 0.5)
    found = []
    for index, names in enumerate(panels.chunks(groups, 8)):
        rows = [(g, m) for g in names for m in ASKED]
        tall = 4.2 * len(rows) + BETWEEN_MM * (len(names) - 1)
        on = panels.page(width, tall + 23.0 + foot)
        left = max(panels.text_width(words, size) for words in ASKED) + 4.0
        ax = on.axes(left, 6.0, width - left - 4.0, tall)
        y = np.array([4.2 * i + BETWEEN_MM * (i // len(ASKED)) for i in range(len(rows))]) + 2.1
        _stack(ax, result, rows, y, size)
        ax.set_ylim(tall, 0)
        ax.set_yticks(y, [method.capitalize() for _, method in rows], fontsize=size)
        for i, name in enumerate(names):
            title = group_title(name, result.influence.loc[result.influence["group"] == name])
            ax.text(100.0, y[3 * i] - 2.4, title, fontsize=size, ha="right", va="bottom")
        panels.category_key(on, 2.0, on.height - foot - 5.0, result.categories["category"], size)
        panels.foot(on, 2.0, on.height - foot, said, size - 0.5)
        numbers = result.categories.loc[result.categories["group"].isin(names)].reset_index(drop=True)
        caption = (
            "Shares of the categories of drivers by relative influence, by permutation and by refitting without a category."
        )
        name = "boosted_trees_categories" if index == 0 else f"boosted_trees_categories_{index + 1}"
        found.append(Picture(name, on.figure, numbers, caption, "onehalf"))
    return found


def _stack(ax: Axes, result: InfluenceResult, rows: list[tuple[str, str]], y: np.ndarray, size: float) -> None:
    table = result.categories.set_index(["group", "method", "category"])["share"]
    across = panels.axes_mm(ax)[0]
    for at, (group, method) in zip(y, rows, strict=True):
        left = 0.0
        for category, colour in CATEGORY_COLOURS.items():
            share = 100.0 * float(table.get((group, method, category), np.nan))
            if not np.isfinite(share) or share <= 0.0:
                continue
            ax.barh(at, share, left=left, height=3.2, color=colour, edgecolor="white", linewidth=0.6)
            words = panels.decimals(share, 1)
            if panels.text_width(words, size - 0.5) + 1.0 < share / 100.0 * across:
                ax.text(left + share / 2, at, words, fontsize=size - 0.5, ha="center", va="center", color=ink_on(colour))
            left += share
    ax.set_xlim(0, 100)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.set_xlabel("Share (%)", fontsize=size, labelpad=1.5)
