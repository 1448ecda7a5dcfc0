"""Seasonality in curves: the mean year of the whole area and of each class or region, on shared axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.seasonal_inputs import WHOLE
from carbondrivers.attribution.seasonality import SeasonalityResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import Page, text_width
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import DIVERGING, INK, RULE_INK, Journal, Width, drawing
from carbondrivers.reports.style import journal as journal_of
from carbondrivers.reports.words import MONTHS, joined

MOST_PANELS = 12
FLUX_COLOURS = {
    "nep": "#1A1A1A", "npp": "#159A77", "gpp": "#0B5FA5", "rh": "#C4561A", "rs": "#E0A526", "ra": "#B65C9A", "er": "#7A1F33",
    "rm": "#5AB4AC",
}  # fmt: skip
# Lines differ in more than colour, for copies in grey.
FLUX_DASHES = {
    "gpp": (0, (5, 1.2)),
    "rs": (0, (1, 1)),
    "ra": (0, (4, 1, 1, 1)),
    "rh": (0, (3, 1)),
    "er": (0, (6, 1, 1, 1)),
    "rm": (0, (2, 2)),
}
OTHER_COLOUR = "#585858"
SINK, SOURCE = DIVERGING[4], DIVERGING[2]
# Wide intervals of few years must not flatten the curves: they are cut at the frame.
_BEYOND = 0.25


@dataclass(frozen=True, slots=True)
class Limits:
    """Heights that all panels share, and whether an interval is cut by them."""

    low: float
    high: float
    cut: bool


def seasonality(
    result: SeasonalityResult, ax: Axes | None = None, *, level: str = WHOLE, journal: str | Journal = "jal"
) -> Axes:
    """Draw the mean year of one zone: a line a flux, with the 95 % interval of the mean over years as a band.

    Parameters
    ----------
    result
        From the seasonality method.
    ax
        Where to draw; axes of their own where None.
    level
        Name of the zone; the whole area by default.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If there is no zone of that name.
    """
    profile = journal_of(journal)
    choose(level, list(dict.fromkeys(result.cycle["level"])), "level")
    rows = result.cycle.loc[result.cycle["level"] == level]
    with drawing(profile):
        if ax is None:
            ax = panels.page(profile.single, 58.0).axes(15.0, 4.0, profile.single - 18.0, 42.0)
        _draw(ax, result, rows.loc[rows["group"] == rows["group"].iloc[0]], _limits(rows), profile.size - 0.5)
        ax.set_ylabel(panels.axis_label("Flux", _unit(result), 42.0, profile.size - 0.5), fontsize=profile.size - 0.5)
    return ax


@figure_of(SeasonalityResult)
def seasonality_curves(result: SeasonalityResult, *, journal: Journal) -> list[Picture]:
    """Compose the curves of the whole area with those of the classes, and with those of the regions."""
    found = []
    groups = [group for group in ("class", "region") if (result.timing["group"] == group).any()]
    for group in groups or [""]:
        keys = result.cycle.loc[result.cycle["group"].isin([ALL, group]), ["group", "level"]].drop_duplicates()
        zones = [(str(a), str(b)) for a, b in keys.to_numpy()]
        for page in range(0, len(zones), MOST_PANELS):
            part = f"_{page // MOST_PANELS + 1}" if page else ""
            found.append(_picture(result, zones[page : page + MOST_PANELS], group, part, journal))
    return found


def _picture(result: SeasonalityResult, zones: list[tuple[str, str]], group: str, part: str, journal: Journal) -> Picture:
    columns, size = (1, 2, 3, 2)[len(zones) - 1] if len(zones) < 5 else 3, journal.size - 0.5
    form: Width = ("single", "onehalf", "double")[columns - 1]
    width, left, gutter, tall = journal.width(form), 12.0, 3.0, 40.0 if columns == 1 else 32.0
    across = (width - left - 2.5 - (columns - 1) * gutter) / columns
    cycle = result.cycle.loc[result.cycle["group"].isin([ALL, group])]
    limits = _limits(cycle)
    sentences = _foot(result, cycle, limits, len(zones))
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    keys = _key_rows(result, width - left - 2.0, size)
    above = 1.0 + 4.2 * len(keys)
    rows = -(-len(zones) // columns)
    on = panels.page(width, above + rows * (tall + 7.0) + 5.5 + foot)
    _draw_key(on, keys, result, left, size)
    for index, zone in enumerate(zones):
        down, right = divmod(index, columns)
        ax = on.axes(left + right * (across + gutter), above + down * (tall + 7.0) + 6.0, across, tall)
        mine = cycle.loc[(cycle["group"] == zone[0]) & (cycle["level"] == zone[1])]
        _draw(ax, result, mine, limits, size)
        ax.tick_params(labelleft=right == 0, labelbottom=index + columns >= len(zones))
        letter = "abcdefghijkl"[index] if len(zones) > 1 else ""
        panels.panel_title(ax, letter, _title(result, zone, across - 6.0, size + 0.5), size + 0.5, 0.0)
    middle = above + (rows * (tall + 7.0)) / 2 + 2.0
    words = panels.axis_label("Carbon flux", _unit(result), rows * (tall + 7.0), size)
    on.text(1.5, middle, words, size, rotation=90, ha="left", va="center")
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    name = "seasonality_" + {"class": "classes", "region": "regions", "": "curves"}[group] + part
    return Picture(name, on.figure, _numbers(cycle, zones), _caption(result, zones, group), form)


def _draw(ax: Axes, result: SeasonalityResult, cycle: pd.DataFrame, limits: Limits, size: float) -> None:
    month = np.arange(1, 13)
    main = str(result.parameters["fluxes"][0])
    if limits.low < 0 < limits.high:
        ax.axhline(0.0, color=INK, linewidth=0.5, zorder=1.5)
    for name, rows in cycle.groupby("response", sort=False):
        estimate, low, high = (rows[c].to_numpy(dtype=np.float64) for c in ("estimate", "ci_low", "ci_high"))
        colour = FLUX_COLOURS.get(str(name), OTHER_COLOUR)
        if name == main and name in result.parameters["balances"]:
            for where, tint in ((estimate > 0, SINK), (estimate < 0, SOURCE)):
                ax.fill_between(month, 0.0, estimate, where=where, interpolate=True, color=tint, linewidth=0, zorder=1)
        if np.isfinite(low).any():
            ax.fill_between(month, low, high, color=colour, alpha=0.28, linewidth=0, zorder=2)
        wide, dashes = 1.3 if name == main else 0.9, FLUX_DASHES.get(str(name), "-")
        ax.plot(month, estimate, color=colour, linewidth=wide, linestyle=dashes, zorder=3)
    ax.set_xlim(0.6, 12.4)
    ax.set_ylim(limits.low, limits.high)
    ax.set_xticks(month, [m[0] for m in MONTHS], fontsize=size - 0.5)
    ax.locator_params(axis="y", nbins=5)
    ax.tick_params(axis="y", labelsize=size - 0.5)
    ax.tick_params(length=1.8, pad=1.5)
    ax.grid(axis="y", color=RULE_INK, linewidth=0.3, zorder=0)
    ax.set_axisbelow(True)


def _limits(cycle: pd.DataFrame) -> Limits:
    estimate = cycle["estimate"].to_numpy(dtype=np.float64)
    low, high = min(float(estimate.min()), 0.0), max(float(estimate.max()), 0.0)
    room = _BEYOND * (high - low) or 1.0
    ends = [float(np.nanmin([low, cycle["ci_low"].min()])), float(np.nanmax([high, cycle["ci_high"].max()]))]
    pad = 0.05 * (high - low) or 0.5
    bottom, top = max(ends[0] - pad, low - room), min(ends[1] + pad, high + room)
    bottom = 0.0 if estimate.min() >= 0 and cycle["ci_low"].fillna(0.0).min() >= 0 else bottom
    return Limits(bottom, top, ends[0] < bottom or ends[1] > top)


def _key_rows(result: SeasonalityResult, width: float, size: float) -> list[list[str]]:
    """Return the entries of the key, broken into rows that fit."""
    entries = list(result.parameters["fluxes"])
    if entries[0] in result.parameters["balances"]:
        entries += ["+sink", "+source"]
    rows: list[list[str]] = [[]]
    used = 0.0
    for entry in entries:
        wide = 8.5 + text_width(_key_words(result, entry), size) + 3.5
        if rows[-1] and used + wide > width:
            rows.append([])
            used = 0.0
        rows[-1].append(entry)
        used += wide
    return rows


def _key_words(result: SeasonalityResult, entry: str) -> str:
    return {"+sink": "sink", "+source": "source"}.get(entry) or panels.fit_lines(result.label(entry), 45.0, 7.5)


def _draw_key(on: Page, rows: list[list[str]], result: SeasonalityResult, left: float, size: float) -> None:
    """Draw a line on its band for each flux, and the tints between the first flux and zero."""
    width, tall = on.width - left - 2.0, 4.2 * len(rows)
    ax = on.axes(left, 1.0, width, tall)
    ax.axis("off")
    ax.set_xlim(0, width)
    ax.set_ylim(tall, 0)
    banded = bool(result.cycle["ci_low"].notna().any())
    for down, row in enumerate(rows):
        start, middle = 0.0, 4.2 * down + 2.1
        for entry in row:
            colour = {"+sink": SINK, "+source": SOURCE}.get(entry) or FLUX_COLOURS.get(entry, OTHER_COLOUR)
            tint = entry.startswith("+")
            if tint or banded:
                alpha = 1.0 if tint else 0.28
                ax.fill_between([start, start + 7.0], middle - 1.0, middle + 1.0, color=colour, alpha=alpha, linewidth=0)
            if not tint:
                wide = 1.3 if entry == result.parameters["fluxes"][0] else 0.9
                dashes = FLUX_DASHES.get(entry, "-")
                ax.plot([start, start + 7.0], [middle, middle], color=colour, linewidth=wide, linestyle=dashes)
            words = _key_words(result, entry)
            ax.text(start + 8.2, middle, words, fontsize=size, ha="left", va="center_baseline")
            start += 8.5 + text_width(words, size) + 3.5


def _title(result: SeasonalityResult, zone: tuple[str, str], width: float, size: float) -> str:
    """Return a zone's name, cut where it is too long, and its share of the area in brackets."""
    name = zone[1][:1].upper() + zone[1][1:]
    if zone[0] == ALL:
        return name
    rows = (result.timing["group"] == zone[0]) & (result.timing["level"] == zone[1])
    share = f" ({100 * float(result.timing.loc[rows, 'share'].iloc[0]):.1f}%)"
    return panels.fit_lines(name, width - text_width(share, size), size).replace(r"\$", "$") + share


def _foot(result: SeasonalityResult, cycle: pd.DataFrame, limits: Limits, zones: int) -> list[str]:
    n, n_eff = cycle["n"].to_numpy(), cycle["n_eff"].dropna().to_numpy()
    interval = "one year: no intervals"
    if len(n_eff):
        interval = (
            f"band: 95 % interval of the mean over years as replicates (n = {_range(n)}, effective {_range(np.round(n_eff))})"
        )
    return [
        f"{panels.years_text(result.parameters['years'])}, means weighted by area",
        interval,
        "intervals are cut at the frame" if limits.cut else "",
        f"in brackets: share of the {result.timing['share_of'].iloc[0]}" if zones > 1 else "",
        "all panels have one scale" if zones > 1 else "",
    ]


def _range(values: np.ndarray) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low}" if low == high else f"{low}–{high}"


def _caption(result: SeasonalityResult, zones: list[tuple[str, str]], group: str) -> str:
    names = joined([result.label(name) for name in result.parameters["fluxes"]])
    span = panels.years_text(result.parameters["years"])
    others = sum(kind != ALL for kind, _ in zones)
    words = {"class": "classes", "region": "regions"}.get(group, "")
    places = ["the whole area"] if len(zones) > others else []
    places += [f"{others} {words}" if others > 1 else f"one {group}"] if others else []
    return f"Mean seasonal cycle of {names}, {span}, of {joined(places)}: area-weighted mean of each month."


def _numbers(cycle: pd.DataFrame, zones: list[tuple[str, str]]) -> pd.DataFrame:
    """Return the rows of the zones that are drawn."""
    inside = [(a, b) in zones for a, b in zip(cycle["group"], cycle["level"], strict=True)]
    return cycle.loc[inside].reset_index(drop=True)


def _unit(result: SeasonalityResult) -> str:
    return result.unit(str(result.parameters["fluxes"][0]))
