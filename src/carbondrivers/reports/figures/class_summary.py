"""Figures of the response by class: bars of mean, total and area share, and the spread of the cells as violins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.class_summary import ClassSummaryResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_colours import class_colours
from carbondrivers.reports.figures.panels import Page, text_width
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import CATEGORY_COLOURS, FOOT_INK, INK, RULE_INK, Journal, Width, drawing
from carbondrivers.reports.style import journal as journal_of
from carbondrivers.reports.words import number, whole_shares

SINK, SOURCE, AREA = CATEGORY_COLOURS["vegetation"], "#8C510A", "#9A9A9A"
MOST_ROWS, MOST_VIOLINS = 30, 10
_PITCH_MM, _GAP = 4.8, 0.6


def class_summary(result: ClassSummaryResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the mean of every class with its interval.

    Parameters
    ----------
    result
        From the method of the same name.
    ax
        Where to draw; axes of their own where None.
    journal
        Profile that sets fonts and sizes.
    """
    profile = journal_of(journal)
    with drawing(profile):
        rows = result.zones.loc[result.zones["group"] != "region"].reset_index(drop=True)
        if ax is None:
            tall = _PITCH_MM * len(rows)
            on = panels.page(profile.single, tall + 14.0)
            ax = on.axes(0.36 * profile.single, 3.0, 0.62 * profile.single, tall)
        _draw_means(ax, result, rows, _heights(rows), profile.size - 0.5)
        _labels(ax, rows, _heights(rows), 0.33 * profile.single, profile.size - 0.5)
    return ax


@figure_of(ClassSummaryResult)
def class_summary_pictures(result: ClassSummaryResult, *, journal: Journal) -> list[Picture]:
    """Compose the bars and the violins."""
    found = [
        _bars(result, rows, f"_{page + 1}" if page else "", journal)
        for page, rows in enumerate(_pages(result.zones))
    ]  # fmt: skip
    levels = [level for level in result.spread["level"] if (result.densities["level"] == level).any()]
    for page, part in enumerate(panels.chunks(levels, MOST_VIOLINS)):
        found.append(_violins(result, part, f"_{page + 1}" if page else "", journal))
    return found


def _pages(zones: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for start in range(0, len(zones), MOST_ROWS):
        yield zones.iloc[start : start + MOST_ROWS].reset_index(drop=True)


def _heights(rows: pd.DataFrame) -> np.ndarray:
    """Return the height of each row, with a gap between the kinds of zones."""
    new = (rows["group"] != rows["group"].shift()).to_numpy()
    return np.arange(len(rows)) + _GAP * (np.cumsum(new) - 1)


def _bars(result: ClassSummaryResult, rows: pd.DataFrame, part: str, journal: Journal) -> Picture:
    size, width = journal.size - 0.5, journal.double
    heights = _heights(rows)
    label = min(0.2 * width, max(text_width(_word(level), size) for level in rows["level"]) + 0.5)
    totals = bool(rows["total"].notna().any())
    columns = ["estimate", *(["total"] if totals else []), "share"]
    gutter, left = 6.0, label + 4.0
    weights = np.array([1.35, 1.0, 0.8] if totals else [1.5, 1.0])
    across = (width - left - 2.0 - gutter * (len(columns) - 1)) * weights / weights.sum()
    sentences = _foot(result, rows)
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    tall = _PITCH_MM * (float(heights[-1]) + 1.0)
    on = panels.page(width, 7.0 + tall + 10.0 + foot)
    start = left
    for index, column in enumerate(columns):
        ax = on.axes(start, 7.0, float(across[index]), tall)
        if column == "estimate":
            _draw_means(ax, result, rows, heights, size)
            _labels(ax, rows, heights, label, size)
        else:
            _draw_plain(ax, rows, heights, column, size)
        titles = {"estimate": "Mean", "total": "Total", "share": "Area"}
        panels.panel_title(ax, "abc"[index], titles[column], size + 0.5, 0.0)
        start += float(across[index]) + gutter
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    shown = ["mean", *(["total"] if totals else []), "share of the area"]
    caption = (
        f"{_label(result)} of the whole area, of each class{' and of each region' if _has_regions(rows) else ''}: "
        f"area-weighted {', '.join(shown[:-1])} and {shown[-1]}{_span(result)}."
    )
    numbers = rows.assign(panel=", ".join("abc"[: len(columns)]))
    return Picture(f"class_summary{part}", on.figure, numbers, caption, "double")


def _has_regions(rows: pd.DataFrame) -> bool:
    return bool((rows["group"] == "region").any())


def _draw_means(ax: Axes, result: ClassSummaryResult, rows: pd.DataFrame, heights: np.ndarray, size: float) -> None:
    mean, low, high = (rows[c].to_numpy(dtype=np.float64) for c in ("estimate", "ci_low", "ci_high"))
    _frame(ax, heights, size)
    ax.barh(heights, mean, height=0.66, color=[SINK if v >= 0 else SOURCE for v in mean], linewidth=0, zorder=2)
    has = np.isfinite(low)
    ax.errorbar(
        mean[has], heights[has], xerr=[(mean - low)[has], (high - mean)[has]], fmt="none", ecolor=INK, elinewidth=0.8,
        capsize=1.6, capthick=0.8, zorder=3,
    )  # fmt: skip
    ends = np.where(mean >= 0, np.fmax(mean, high), np.fmin(mean, low))
    least, most = min(0.0, float(np.nanmin([mean, low]))), max(0.0, float(np.nanmax([mean, high])))
    # Whiskers on the other side of zero must not run into the labels.
    pad = 0.04 * ((most - least) or 1.0)
    ax.set_xlim(least - pad * (least < 0), most + pad * (most > 0 or least == 0))
    panels.print_values(ax, heights, ends, [_short(v) for v in mean], size - 0.5)
    across = panels.axes_mm(ax)[0]
    ax.set_xlabel(panels.axis_label(_label(result), _unit(result), across, size), fontsize=size, labelpad=1.5)


def _draw_plain(ax: Axes, rows: pd.DataFrame, heights: np.ndarray, column: str, size: float) -> None:
    values = rows[column].to_numpy(dtype=np.float64)
    _frame(ax, heights, size)
    ax.set_yticks([])
    if column == "share":
        values, words = 100 * values, _percents(rows)
        colours = [AREA] * len(values)
    else:
        words = [_short(v) for v in values]
        colours = [SINK if v >= 0 else SOURCE for v in values]
    ax.barh(heights, values, height=0.66, color=colours, linewidth=0, zorder=2)
    ax.set_xlim(min(0.0, float(np.nanmin(values))), max(0.0, float(np.nanmax(values))) or 1.0)
    panels.print_values(ax, heights, values, words, size - 0.5)
    across = panels.axes_mm(ax)[0]
    name, unit = ("Share", "%") if column == "share" else ("Total", "Tg C a-1")
    ax.set_xlabel(panels.axis_label(name, unit, across, size), fontsize=size, labelpad=1.5)


def _percents(rows: pd.DataFrame) -> list[str]:
    """Return shares as they are printed; those of a kind that adds to the whole add to 100.0 in print as well."""
    shown = 100 * rows["share"].to_numpy(dtype=np.float64)
    for places in rows.groupby("group", sort=False).indices.values():
        if abs(shown[places].sum() - 100.0) < 1e-6:
            shown[places] = whole_shares(shown[places])
    return [f"{value:.1f}" for value in shown]


def _frame(ax: Axes, heights: np.ndarray, size: float) -> None:
    ax.set_ylim(float(heights[-1]) + 0.5, -0.5)
    ax.spines["left"].set_visible(False)
    ax.axvline(0.0, color=INK, linewidth=0.6, zorder=4)
    ax.locator_params(axis="x", nbins=5)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.tick_params(axis="y", length=0, pad=2)


def _labels(ax: Axes, rows: pd.DataFrame, heights: np.ndarray, width: float, size: float) -> None:
    ax.set_yticks(heights, [panels.fit_lines(_word(level), width, size) for level in rows["level"]], fontsize=size)


def _word(level: object) -> str:
    return str(level)[:1].upper() + str(level)[1:]


def _short(value: float) -> str:
    return number(value, 3) or "n/a"


def _foot(result: ClassSummaryResult, rows: pd.DataFrame) -> list[str]:
    level = 100 * float(result.parameters["confidence"])
    return [
        f"{panels.count(result.n)} cells with a value and a class{_span(result)}",
        f"whiskers: {level:g} % interval from {_blocks(rows)} square blocks of {result.parameters['blocks']}",
        "no whisker: fewer than 5 blocks" if rows["ci_low"].isna().any() else "",
        f"shares of the {rows['share_of'].iloc[0]}",
        "green-blue: sink, brown: source" if (rows["estimate"] < 0).any() else "",
    ]


def _blocks(rows: pd.DataFrame) -> str:
    low, high = int(rows["n_units"].min()), int(rows["n_units"].max())
    return f"{low}" if low == high else f"{low} to {high}"


def _violins(result: ClassSummaryResult, levels: list[str], part: str, journal: Journal) -> Picture:
    form: Width = "double" if len(levels) > 5 else "onehalf" if len(levels) > 2 else "single"
    size, width = journal.size - 0.5, journal.width(form)
    heads = ("n", "Median", "IQR")
    left = max(13.0, *(text_width(head, size - 0.5) + 3.0 for head in heads))
    across, tall = width - left - 2.0, 56.0
    sentences = [
        f"cells by their area{_span(result)}", "outline: density of the cells (Gaussian kernel), all violins equally wide",
        "bar: quartiles, white line: median, diamond: mean",
    ]  # fmt: skip
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    on = panels.page(width, 3.0 + tall + 6.0 + 3 * 3.4 + 2.0 + foot)
    ax = on.axes(left, 3.0, across, tall)
    _draw_violins(ax, result, levels, size)
    _numbers_below(on, result, levels, left, across, 3.0 + tall + 1.5, size, heads)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    caption = f"Spread of {_label(result)} over the cells of each class{_span(result)}: density, quartiles, median and mean."
    numbers = result.spread.loc[result.spread["level"].isin(levels)].reset_index(drop=True)
    return Picture(f"class_violins{part}", on.figure, numbers, caption, form)


def _draw_violins(ax: Axes, result: ClassSummaryResult, levels: list[str], size: float) -> None:
    colours = class_colours(list(result.spread["level"]))
    spread = result.spread.set_index("level")
    if (spread["min"] < 0).any() and (spread["max"] > 0).any():
        ax.axhline(0.0, color=RULE_INK, linewidth=0.7, zorder=0)
    for x, level in enumerate(levels):
        curve = result.densities.loc[result.densities["level"] == level]
        value, half = curve["value"].to_numpy(), 0.42 * curve["density"].to_numpy() / float(curve["density"].max())
        ax.fill_betweenx(
            value, x - half, x + half, facecolor=colours[level], edgecolor=INK, linewidth=0.5, alpha=0.75, zorder=2
        )
        row = spread.loc[level]
        ax.plot([x, x], [row["q25"], row["q75"]], color=INK, linewidth=5.0, solid_capstyle="butt", zorder=3)
        ax.plot([x - 0.055, x + 0.055], [row["median"]] * 2, color="white", linewidth=1.4, solid_capstyle="butt", zorder=4)
        ax.plot(x, row["estimate"], "D", markersize=3.0, color="white", markeredgecolor=INK, markeredgewidth=0.7, zorder=5)
    ax.set_xlim(-0.6, len(levels) - 0.4)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.locator_params(axis="y", nbins=6)
    ax.tick_params(axis="y", labelsize=size - 0.5)
    tall = panels.axes_mm(ax)[1]
    ax.set_ylabel(panels.axis_label(_label(result), _unit(result), tall, size), fontsize=size, labelpad=1.5)


def _numbers_below(
    on: Page, result: ClassSummaryResult, levels: list[str], left: float, across: float, top: float, size: float,
    heads: tuple[str, ...],
) -> None:  # fmt: skip
    """Write names, cells, medians and quartiles under the violins."""
    slot = across / (len(levels) + 0.2)
    numbers = result.spread.set_index("level")[["n", "median", "q25", "q75"]].astype(np.float64).to_dict("index")
    for x, level in enumerate(levels):
        row, middle = numbers[level], left + (x + 0.6) * slot
        between = "–" if min(row["q25"], row["q75"]) >= 0 else " to "
        iqr = f"{_short(row['q25'])}{between}{_short(row['q75'])}"
        for line, text in enumerate((_word(level), panels.count(row["n"]), _short(row["median"]), iqr)):
            small = size if line == 0 else size - 0.5
            while small > 5.6 and text_width(text, small) > slot - 1.0:
                small -= 0.1
            below = top + (4.4 + 3.4 * (line - 1) if line else 0.0)
            on.text(middle, below, panels.fit_lines(text, slot - 0.8, small), small, ha="center")
    for line, head in enumerate(heads):
        on.text(left - 2.0, top + 4.4 + 3.4 * line, head, size - 0.5, ha="right", color=FOOT_INK)


def _span(result: ClassSummaryResult) -> str:
    span = panels.years_text(result.parameters["years"])
    return f", {'mean of ' if '–' in span else ''}{span}" if span else ""


def _name(result: ClassSummaryResult) -> str:
    return str(result.variables["name"].iloc[0])


def _label(result: ClassSummaryResult) -> str:
    return result.label(_name(result))


def _unit(result: ClassSummaryResult) -> str:
    return result.unit(_name(result))
