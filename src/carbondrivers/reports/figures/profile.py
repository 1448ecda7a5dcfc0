"""Profile figures: the mean response along each terrain variable over bars of the area that each band has."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.profile import ProfileResult
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.panels import text_width
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import CATEGORY_COLOURS, RULE_INK, Journal, Width, drawing
from carbondrivers.reports.style import journal as journal_of

LINE, AREA = CATEGORY_COLOURS["topography"], "#B5B5B5"
MOST_PANELS = 6
_TALL_MM, _BARS_MM = 34.0, 11.0


def profile(
    result: ProfileResult, ax: Axes | None = None, *, driver: str | None = None, journal: str | Journal = "jal"
) -> Axes:
    """Draw the mean response along one variable, with its interval.

    Parameters
    ----------
    result
        From the method of the same name.
    ax
        Where to draw; axes of their own where None.
    driver
        Name of the variable; the first by default.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If there is no such variable.
    """
    form = journal_of(journal)
    names = list(dict.fromkeys(result.profiles["driver"]))
    chosen = names[0] if driver is None else choose(driver, names, "driver")
    with drawing(form):
        if ax is None:
            ax = panels.page(form.single, 62.0).axes(15.0, 3.0, form.single - 18.0, 44.0)
        rows = _rows(result, chosen)
        _draw_curve(ax, result, rows, _limits([rows]), form.size - 0.5)
        _dress(ax, result, chosen, rows, form.size - 0.5)
        tall = panels.axes_mm(ax)[1]
        ax.set_ylabel(panels.axis_label(_label(result), _unit(result), tall, form.size - 0.5), fontsize=form.size - 0.5)
    return ax


@figure_of(ProfileResult)
def profile_pictures(result: ProfileResult, *, journal: Journal) -> list[Picture]:
    """Compose the profiles, at most six on a page."""
    names = list(dict.fromkeys(result.profiles["driver"]))
    return [
        _page(result, part, f"_{page + 1}" if page else "", journal)
        for page, part in enumerate(panels.chunks(names, MOST_PANELS))
    ]  # fmt: skip


def _rows(result: ProfileResult, driver: str) -> pd.DataFrame:
    return result.profiles.loc[result.profiles["driver"] == driver].reset_index(drop=True)


def _page(result: ProfileResult, names: list[str], part: str, journal: Journal) -> Picture:
    columns = min(3, len(names))
    form: Width = ("single", "onehalf", "double")[columns - 1]
    size, width, left, gutter = journal.size - 0.5, journal.width(form), 13.0, 6.0
    across = (width - left - 2.0 - gutter * (columns - 1)) / columns
    lines = -(-len(names) // columns)
    each = 7.0 + _TALL_MM + 1.5 + _BARS_MM + 9.5
    parts = {name: _rows(result, name) for name in names}
    sentences = _foot(result, list(parts.values()))
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    on = panels.page(width, lines * each + 1.0 + foot)
    limits = _limits(list(parts.values()))
    most = 100 * float(result.profiles.loc[result.profiles["driver"].isin(names), "share"].max())
    for index, (name, rows) in enumerate(parts.items()):
        down, right = divmod(index, columns)
        at, top = left + right * (across + gutter), down * each + 7.0
        ax = on.axes(at, top, across, _TALL_MM)
        _draw_curve(ax, result, rows, limits, size)
        bars = on.axes(at, top + _TALL_MM + 1.5, across, _BARS_MM)
        _draw_area(bars, rows, most, size)
        _dress(bars, result, name, rows, size)
        for one in (ax, bars):
            one.tick_params(labelleft=right == 0)
        if right == 0:
            words = panels.axis_label(_label(result), _unit(result), _TALL_MM + 6.0, size)
            ax.set_ylabel(words, fontsize=size, labelpad=1.5)
            bars.set_ylabel("Area (%)", fontsize=size, labelpad=1.5)
            _align(ax, bars, left)
        panels.panel_title(ax, "abcdef"[index] if len(names) > 1 else "", result.label(name), size + 0.5, 0.0)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    listed = [result.label(name).lower() for name in names]
    along = f"{', '.join(listed[:-1])} and {listed[-1]}" if len(listed) > 1 else listed[0]
    caption = f"Mean {_label(result)} along {along} (points, with intervals), over the share of the area of each band (bars)."
    numbers = result.profiles.loc[result.profiles["driver"].isin(names)].reset_index(drop=True)
    return Picture(f"profile{part}", on.figure, numbers, caption, form)


def _align(one: Axes, two: Axes, left: float) -> None:
    """Put the labels of two axes on one line, whatever their numbers are."""
    for ax in (one, two):
        ax.yaxis.set_label_coords(-(left - 4.6) / panels.axes_mm(ax)[0], 0.5)


def _limits(parts: list[pd.DataFrame]) -> tuple[float, float]:
    """Return limits that all panels share; bands of a few blocks and their intervals must not flatten the curves."""
    every = pd.concat(parts)
    every = every.loc[every["ci_low"].notna()] if every["ci_low"].notna().any() else every
    mean = every["estimate"].to_numpy(dtype=np.float64)
    low, high = float(mean.min()), float(mean.max())
    room = 0.35 * ((high - low) or abs(high) or 1.0)
    ends = [float(np.nanmin([low, every["ci_low"].min()])), float(np.nanmax([high, every["ci_high"].max()]))]
    bottom, top = max(ends[0], low - room), min(ends[1], high + room)
    pad = 0.06 * ((top - bottom) or 1.0)
    return bottom - pad, top + pad


def _draw_curve(ax: Axes, result: ProfileResult, rows: pd.DataFrame, limits: tuple[float, float], size: float) -> None:
    x = _positions(rows)
    mean, low, high = (rows[c].to_numpy(dtype=np.float64) for c in ("estimate", "ci_low", "ci_high"))
    if limits[0] < 0 < limits[1]:
        ax.axhline(0.0, color=RULE_INK, linewidth=0.7, zorder=0)
    has = np.isfinite(low)
    if not _is_wind(result, rows):
        ax.fill_between(x, low, high, where=has, color=LINE, alpha=0.2, linewidth=0, zorder=1)
        ax.plot(x, np.where(has, mean, np.nan), "-", color=LINE, linewidth=1.1, zorder=2)
    ax.errorbar(
        x[has], mean[has], yerr=[(mean - low)[has], (high - mean)[has]], fmt="none", ecolor=LINE, elinewidth=0.8, capsize=1.4,
        capthick=0.8, zorder=2,
    )  # fmt: skip
    inside = (mean >= limits[0]) & (mean <= limits[1])
    for y, at, sure in zip(mean[inside], x[inside], has[inside], strict=True):
        ax.plot(
            at, y, "o", markersize=3.8, color=LINE if sure else "white", markeredgecolor=LINE, markeredgewidth=0.8, zorder=3
        )
    ax.set_xlim(*_ends(rows))
    ax.set_ylim(*limits)
    ax.locator_params(axis="y", nbins=5)
    ax.tick_params(labelsize=size - 0.5, labelbottom=False)
    ax.tick_params(axis="x", length=0)


def _draw_area(ax: Axes, rows: pd.DataFrame, most: float, size: float) -> None:
    x = _positions(rows)
    wide = 0.86 * (rows["upper"] - rows["lower"]).to_numpy(dtype=np.float64) if _measured(rows) else 0.74
    ax.bar(x, 100 * rows["share"].to_numpy(dtype=np.float64), width=wide, color=AREA, linewidth=0)
    ax.set_xlim(*_ends(rows))
    ax.set_ylim(0, 1.05 * most)
    ax.locator_params(axis="y", nbins=3)
    ax.tick_params(labelsize=size - 0.5)


def _dress(ax: Axes, result: ProfileResult, name: str, rows: pd.DataFrame, size: float) -> None:
    """Label the bands: their limits for a measured variable, the winds of an aspect."""
    across = panels.axes_mm(ax)[0]
    if _measured(rows):
        edges = np.unique(np.concatenate([rows["lower"], rows["upper"]]))
        widest = max(text_width(_short(edge), size - 0.5) for edge in edges) + 1.5
        every = max(1, int(np.ceil(widest * (len(edges) - 1) / across)))
        shown = edges[::every]
        ax.set_xticks(shown, [_short(edge) for edge in shown], fontsize=size - 0.5)
    else:
        ax.set_xticks(_positions(rows), list(rows["level"]), fontsize=size - 0.5)
    ax.tick_params(axis="x", length=1.8, pad=1.5, labelbottom=True)
    ax.set_xlabel(
        panels.axis_label(result.label(name), result.unit(name) if _measured(rows) else "", across, size),
        fontsize=size,
        labelpad=1.2,
    )


def _short(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _measured(rows: pd.DataFrame) -> bool:
    """Whether bands rise along an axis; winds go round, and flat ground has no limits."""
    return bool((rows["upper"] > rows["lower"]).all()) and bool((rows["lower"].diff().dropna() > 0).all())


def _is_wind(result: ProfileResult, rows: pd.DataFrame) -> bool:
    return str(rows["driver"].iloc[0]) in result.parameters["sectors"]


def _positions(rows: pd.DataFrame) -> np.ndarray:
    if _measured(rows):
        return ((rows["lower"] + rows["upper"]) / 2).to_numpy(dtype=np.float64)
    return np.arange(len(rows), dtype=np.float64)


def _ends(rows: pd.DataFrame) -> tuple[float, float]:
    if _measured(rows):
        low, high = float(rows["lower"].min()), float(rows["upper"].max())
        return low - 0.015 * (high - low), high + 0.015 * (high - low)
    return -0.6, len(rows) - 0.4


def _foot(result: ProfileResult, parts: list[pd.DataFrame]) -> list[str]:
    every = pd.concat(parts)
    low, high = _limits(parts)
    cut = bool((every["ci_low"] < low).any() or (every["ci_high"] > high).any())
    beyond = int(((every["estimate"] < low) | (every["estimate"] > high)).sum())
    level = 100 * float(result.parameters["confidence"])
    return [
        f"{panels.count(result.n)} cells",
        f"whiskers: {level:g} % interval from square blocks of {result.parameters['blocks']}",
        "open points: fewer than 5 blocks, no interval" if every["ci_low"].isna().any() else "",
        f"{beyond} of them {'lies' if beyond == 1 else 'lie'} outside the frame" if beyond else "",
        "intervals are cut at the frame" if cut else "",
        f"bars: share of the {every['share_of'].iloc[0]}",
        "all panels have one scale" if len(parts) > 1 else "",
    ]


def _label(result: ProfileResult) -> str:
    return result.label(str(result.variables["name"].iloc[0]))


def _unit(result: ProfileResult) -> str:
    return result.unit(str(result.variables["name"].iloc[0]))
