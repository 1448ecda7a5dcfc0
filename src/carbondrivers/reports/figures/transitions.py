"""Figures of transitions: the transfer matrix, the flows between two years, and the response that went with them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from carbondrivers.attribution.transitions import TransitionResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_colours import class_colours
from carbondrivers.reports.figures.panels import Page, text_width
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import FOOT_INK, INK, RULE_INK, SEQUENTIAL, Journal, drawing, ink_on
from carbondrivers.reports.style import journal as journal_of
from carbondrivers.reports.words import number

MOST_CLASSES, MOST_CHANGES = 12, 24
STAYED = "#E3E3E3"
_PITCH_MM = 4.8
# Flows thinner than this are still drawn, so that no transition vanishes.
_HAIR = 0.0015
_NODE = 0.035


class _Flow(NamedTuple):
    """A pair of classes: cells, size in print, share of the whole, share of the class of the first year."""

    level: str
    level_2: str
    n: float
    size: float
    share: float
    own: float


def transitions(result: TransitionResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the flows of area from the classes of the first year (left) to those of the last (right).

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
        if ax is None:
            ax = panels.page(profile.single, 80.0).axes(2.0, 6.0, profile.single - 4.0, 71.0)
        _draw_flows(ax, result, _flows(result), profile.size - 0.5, changed=False)
    return ax


@figure_of(TransitionResult)
def transition_pictures(result: TransitionResult, *, journal: Journal) -> list[Picture]:
    """Compose the matrix, the flows and the changes of the response; the first two of at most twelve classes."""
    found = []
    if len(result.net) <= MOST_CLASSES:
        found += [_matrix_picture(result, journal), _flow_picture(result, journal)]
    if len(result.changes):
        found.append(_change_picture(result, journal))
    return found


def _flows(result: TransitionResult) -> pd.DataFrame:
    """Return one row a pair: its size in print (km2, or cells), and its shares of the whole and of its class."""
    whole, own = (result.matrix.loc[result.matrix["share_of"] == words].reset_index(drop=True) for words in _words(result))
    size = whole["area_km2"] if _known(result) else whole["n"].astype(float)
    return whole[["level", "level_2", "n"]].assign(size=size, share=whole["share"], own=own["share"])


def _rows(flows: pd.DataFrame) -> list[_Flow]:
    columns = ("level", "level_2", "n", "size", "share", "own")
    rows = flows[list(columns)].itertuples(index=False, name=None)
    return [_Flow(str(one), str(two), *map(float, numbers)) for one, two, *numbers in rows]


def _words(result: TransitionResult) -> tuple[str, str]:
    """Denominators: the whole, then the class of the first year."""
    own, whole = result.matrix["share_of"].drop_duplicates()
    return str(whole), str(own)


def _known(result: TransitionResult) -> bool:
    return bool(result.matrix["area_km2"].notna().all())


def _unit(result: TransitionResult) -> str:
    return r"km$\mathregular{^{2}}$" if _known(result) else "cells"


def _years(result: TransitionResult) -> tuple[str, str]:
    return str(result.parameters["first"]), str(result.parameters["last"])


def _word(level: object) -> str:
    return str(level)[:1].upper() + str(level)[1:]


def _size(value: float) -> str:
    return number(round(value), 9) if value >= 10 else number(value, 2)


def _matrix_picture(result: TransitionResult, journal: Journal) -> Picture:
    flows, names = _flows(result), list(result.net["level"])
    size, width, k = journal.size - 0.5, journal.double, len(names)
    heads = ("2000 (10³ km²)", "Net (10³ km²)")
    label = max(min(0.18 * width, max(text_width(_word(name), size) for name in names)), *(text_width(w, size) for w in heads))
    first, last = _years(result)
    cell = (width - 8.0 - label - 4.0) / (k + 1)
    flows, unit = _scaled(flows, _unit(result), cell - 1.0, size)
    tall = 8.2 if k <= 8 else 6.8
    sentences = [
        f"{'area' if _known(result) else 'cells'} from the class in {first} (row) to the class in {last} (column)",
        "shade and per cent: share of the class of the row; grey: unchanged; dot: none",
        f"{panels.count(result.n)} cells with a class in both years",
    ]
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    top = 12.0
    on = panels.page(width, top + tall * (k + 2) + 3.0 + 8.0 + foot)
    ax = on.axes(6.0 + label, top, cell * (k + 1) + 2.0, tall * (k + 2) + 1.5)
    ax.axis("off")
    ax.set_xlim(0, cell * (k + 1) + 2.0)
    ax.set_ylim(tall * (k + 2) + 1.5, 0)
    most = _draw_cells(ax, flows, names, cell, tall, size)
    _draw_sums(ax, flows, names, cell, tall, size)
    _heads(on, names, label, top, cell, tall, (first, last), unit, size)
    _shade_key(on, 6.0 + label, top + tall * (k + 2) + 3.6, most, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    caption = (
        f"Transfer matrix of {_what(result)} from {first} to {last}: {'area' if _known(result) else 'cells'} and share of the "
        "class of the first year, with the sums of both years and the net change."
    )
    return Picture("transitions_matrix", on.figure, result.matrix, caption, "double")


def _scaled(flows: pd.DataFrame, unit: str, room: float, size: float) -> tuple[pd.DataFrame, str]:
    """Return the sizes in thousands, or millions, where they are too long for a cell of the matrix."""
    for power in (0, 3, 6):
        scaled = flows.assign(size=flows["size"] / 10.0**power)
        sums = scaled.groupby("level")["size"].sum()
        if power == 6 or max(text_width(_size(float(value)), size) for value in [*sums, sums.sum()]) <= room:
            break
    return scaled, rf"10$\mathregular{{^{power}}}$ {unit}" if power else unit


def _draw_cells(ax: Axes, flows: pd.DataFrame, names: list[str], cell: float, tall: float, size: float) -> float:
    """Draw the cells of the matrix; return the share that the darkest shade stands for."""
    place = {name: i for i, name in enumerate(names)}
    moved = flows.loc[flows["level"] != flows["level_2"], "own"]
    most = float(moved.max()) if moved.notna().any() and float(moved.max()) > 0 else 1.0
    for row in _rows(flows):
        x, y, share = place[row.level_2] * cell, place[row.level] * tall, row.own
        same = row.level == row.level_2
        colour = STAYED if same else _shade(share / most if np.isfinite(share) else 0.0)
        ax.add_patch(Rectangle((x + 0.15, y + 0.15), cell - 0.3, tall - 0.3, facecolor=colour, linewidth=0))
        ink, middle = ink_on(colour), x + cell / 2
        if row.n == 0:
            ax.text(middle, y + tall / 2, "·", fontsize=size, ha="center", va="center", color="#8A8A8A")
            continue
        ax.text(middle, y + 0.52 * tall, _size(row.size), fontsize=size, ha="center", va="bottom", color=ink)
        ax.text(middle, y + 0.57 * tall, f"{100 * share:.1f}%", fontsize=size - 1.0, ha="center", va="top", color=ink)
    return most


def _shade(level: float) -> str:
    """Return a colour between white and the middle of the sequential scale; the darkest end is kept for nothing here."""
    stops = np.linspace(0.0, 1.0, len(SEQUENTIAL) - 1)
    rgb = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in SEQUENTIAL[:-1]], dtype=np.float64)
    mixed = [round(float(np.interp(min(level, 1.0), stops, rgb[:, i]))) for i in range(3)]
    return "#" + "".join(f"{value:02X}" for value in mixed)


def _draw_sums(ax: Axes, flows: pd.DataFrame, names: list[str], cell: float, tall: float, size: float) -> None:
    """Draw the sum of each row at its right, and that of each column with the net change below."""
    k = len(names)
    before = flows.groupby("level", sort=False)["size"].sum()
    after = flows.groupby("level_2", sort=False)["size"].sum()
    right, below = k * cell + 2.0, k * tall + 1.5
    for i, name in enumerate(names):
        ax.text(right + cell / 2, (i + 0.5) * tall, _size(float(before[name])), fontsize=size, ha="center", va="center")
        ax.text((i + 0.5) * cell, below + 0.5 * tall, _size(float(after[name])), fontsize=size, ha="center", va="center")
        net = float(after[name] - before[name])
        words = ("+" if net > 0 else "") + _signed(net)
        ax.text((i + 0.5) * cell, below + 1.35 * tall, words, fontsize=size, ha="center", va="center")
    ax.plot([k * cell + 1.0] * 2, [0, k * tall], color=RULE_INK, linewidth=0.6)
    ax.plot([0, k * cell], [k * tall + 0.75] * 2, color=RULE_INK, linewidth=0.6)
    total = _size(float(before.sum()))
    ax.text(right + cell / 2, below + 0.5 * tall, total, fontsize=size, ha="center", va="center", color=FOOT_INK)


def _signed(value: float) -> str:
    return f"−{_size(-value)}" if value < 0 else _size(value) if value else "0"


def _heads(
    on: Page,
    names: list[str],
    label: float,
    top: float,
    cell: float,
    tall: float,
    years: tuple[str, str],
    unit: str,
    size: float,
) -> None:
    left, k = 6.0 + label, len(names)
    middle = top + k * tall / 2
    on.text(2.6, middle, years[0], size + 0.5, rotation=90, ha="center", va="center", fontweight="bold")
    on.text(left + k * cell / 2, 1.5, years[1], size + 0.5, ha="center", fontweight="bold")
    for i, name in enumerate(names):
        on.text(left - 1.5, top + (i + 0.5) * tall, panels.fit_lines(_word(name), label, size), size, ha="right", va="center")
        words = panels.fit_lines(_word(name), cell - 0.6, size - (0.5 if k > 6 else 0.0), lines=2)
        on.text(left + (i + 0.5) * cell, top - 1.2, words, size - (0.5 if k > 6 else 0.0), ha="center", va="bottom")
    on.text(
        left + k * cell + 2.0 + cell / 2, top - 1.2, f"{years[0]}\n({unit})", size, ha="center", va="bottom", linespacing=1.1
    )
    below = top + k * tall + 1.5
    on.text(left - 1.5, below + 0.5 * tall, f"{years[1]} ({unit})", size, ha="right", va="center")
    on.text(left - 1.5, below + 1.35 * tall, f"Net ({unit})", size, ha="right", va="center")


def _shade_key(on: Page, left: float, top: float, most: float, size: float) -> None:
    words = "Share of the class that left for another (%)"
    on.text(left, top + 0.4, words, size - 0.5)
    start = left + text_width(words, size - 0.5) + 3.0
    ax = on.axes(start, top + 0.6, 34.0, 2.2)
    ax.axis("off")
    ax.set_xlim(0, 64)
    ax.set_ylim(0, 1)
    for i in range(64):
        ax.add_patch(Rectangle((i, 0), 1.02, 1, facecolor=_shade((i + 0.5) / 64), linewidth=0))
    ax.add_patch(Rectangle((0, 0), 64, 1, fill=False, edgecolor=FOOT_INK, linewidth=0.4))
    on.text(start - 0.8, top + 0.4, "0", size - 0.5, ha="right")
    on.text(start + 34.8, top + 0.4, f"{100 * most:.1f}", size - 0.5)


def _flow_picture(result: TransitionResult, journal: Journal) -> Picture:
    flows, size = _flows(result), journal.size - 0.5
    changed = flows.loc[flows["level"] != flows["level_2"], "share"].sum()
    both = 0.0 < changed < 0.7 and changed < 1.0
    width = journal.double if both else journal.onehalf
    tall, gutter = 74.0, 6.0
    across = (width - 4.0 - (gutter if both else 0.0)) / (2 if both else 1)
    first, last = _years(result)
    sentences = [
        f"per cent of the {_words(result)[0]}",
        "colour: class in the first year; pale: unchanged",
        "flows thinner than 0.15 % of the height are drawn at that width"
        if (flows["share"].between(1e-12, _HAIR)).any()
        else "",
    ]
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    top = 12.0 if both else 5.0
    on = panels.page(width, top + tall + 5.0 + foot)
    titles = ("All cells", f"Changed cells alone ({100 * changed:.1f}%)") if both else ("",)
    for index, title in enumerate(titles):
        ax = on.axes(2.0 + index * (across + gutter), top, across, tall)
        _draw_flows(ax, result, flows, size, changed=index == 1)
        if title:
            _title(on, 2.0 + index * (across + gutter), "ab"[index], title, size + 0.5)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    parts = ", of all cells (a) and of the changed ones (b)" if both else ""
    caption = f"Flows of {_what(result)} from {first} (left) to {last} (right){parts}; per cent of the {_words(result)[0]}."
    numbers = flows.rename(columns={"own": "share_of_class"}).drop(columns="size")
    return Picture("transitions_flows", on.figure, numbers, caption, "double" if both else "onehalf")


def _title(on: Page, left: float, letter: str, words: str, size: float) -> None:
    """Write a panel's title over the years that stand above the nodes."""
    on.text(left, 1.5, f"({letter})", size, fontweight="bold")
    on.text(left + text_width(f"({letter})", size, "bold") + 1.0, 1.5, words, size)


def _draw_flows(ax: Axes, result: TransitionResult, flows: pd.DataFrame, size: float, *, changed: bool) -> None:
    """Draw nodes at both sides and a band for each pair; bands leave and arrive in the order of the classes."""
    names = list(result.net["level"])
    drawn = flows.loc[flows["n"] > 0]
    if changed:
        drawn = drawn.loc[drawn["level"] != drawn["level_2"]]
    colours = class_colours(names)
    ax.axis("off")
    ax.set_xlim(0, 1)
    ax.set_ylim(1, 0)
    across = panels.axes_mm(ax)[0]
    inside = min(0.36, (max(text_width(_word(n), size) for n in names) + text_width(" 00.0%", size) + 2.0) / across)
    total = float(drawn["share"].sum())
    sides = [_stack(drawn, names, side, total) for side in ("level", "level_2")]
    for row in _rows(drawn):
        wide = max(row.share / total * sides[0][1], _HAIR)
        (start, _), (end, _) = (side[2][(row.level, row.level_2)] for side in sides)
        same = row.level == row.level_2
        _band(ax, inside + _NODE, 1 - inside - _NODE, start, end, wide, colours[row.level], 0.3 if same else 0.8)
    for at, (places, _, _), side in ((inside, sides[0], "left"), (1 - inside - _NODE, sides[1], "right")):
        _nodes(ax, at, places, side, colours, inside, across, size)
        year = _years(result)[0 if side == "left" else 1]
        above = -1.2 / panels.axes_mm(ax)[1]
        ax.text(at + _NODE / 2, above, year, fontsize=size, fontweight="bold", ha="center", va="bottom")


def _stack(
    drawn: pd.DataFrame, names: list[str], side: str, total: float
) -> tuple[dict[str, tuple[float, float, float]], float, dict[tuple[str, str], tuple[float, float]]]:
    """Return top, height and share of each node, the height of the whole, and the top and height of each band."""
    other = "level_2" if side == "level" else "level"
    share = drawn.groupby(side)["share"].sum().reindex(names).dropna()
    gap = min(0.03, 0.3 / max(len(share), 1))
    room = 1.0 - gap * (len(share) - 1)
    places: dict[str, tuple[float, float, float]] = {}
    bands: dict[tuple[str, str], tuple[float, float]] = {}
    top = 0.0
    for name in share.index:
        high = float(share[name]) / total * room
        places[str(name)] = (top, high, float(share[name]))
        at = top
        rows = drawn.loc[drawn[side] == name]
        for two in [n for n in names if n in set(rows[other])]:
            part = float(rows.loc[rows[other] == two, "share"].sum()) / total * room
            bands[(str(name), two) if side == "level" else (two, str(name))] = (at, part)
            at += part
        top += high + gap
    return places, room, bands


def _band(ax: Axes, left: float, right: float, start: float, end: float, wide: float, colour: str, alpha: float) -> None:
    middle = (left + right) / 2
    outline = [
        (left, start), (middle, start), (middle, end), (right, end), (right, end + wide), (middle, end + wide),
        (middle, start + wide), (left, start + wide), (left, start),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    # A pale band would vanish on white.
    edge, line = ("#8A8A8A", 0.2) if ink_on(colour) != "white" else ("none", 0.0)
    ax.add_patch(PathPatch(Path(outline, codes), facecolor=colour, edgecolor=edge, alpha=alpha, linewidth=line))


def _nodes(
    ax: Axes, at: float, places: dict[str, tuple[float, float, float]], side: str, colours: dict[str, str], inside: float,
    across: float, size: float,
) -> None:  # fmt: skip
    tall = panels.axes_mm(ax)[1]
    heights = _apart([top + high / 2 for top, high, _ in places.values()], (size * panels.MM_PER_POINT * 1.25) / tall)
    for (name, (top, high, share)), height in zip(places.items(), heights, strict=True):
        ax.add_patch(Rectangle((at, top), _NODE, high, facecolor=colours[name], edgecolor=INK, linewidth=0.4, zorder=3))
        percent = f"{100 * share:.1f}%"
        room = inside * across - 1.5 - text_width(f" {percent}", size)
        words = f"{panels.fit_lines(_word(name), room, size)} {percent}"
        x, align = (at - 1.0 / across, "right") if side == "left" else (at + _NODE + 1.0 / across, "left")
        ax.text(x, height, words, fontsize=size, ha=align, va="center")


def _apart(wanted: list[float], least: float) -> list[float]:
    """Return heights of labels, moved as little as it takes to keep them apart and inside."""
    found = list(wanted)
    for _ in range(200):
        moved = False
        for i in range(len(found) - 1):
            short = least - (found[i + 1] - found[i])
            if short > 1e-9:
                found[i], found[i + 1] = found[i] - short / 2, found[i + 1] + short / 2
                moved = True
        found = [min(max(value, least / 2), 1.0 - least / 2) for value in found]
        if not moved:
            break
    return found


def _change_picture(result: TransitionResult, journal: Journal) -> Picture:
    table = _largest(result.changes)
    size, width = journal.size - 0.5, journal.onehalf
    pairs = [(_word(a), _word(b) if a != b else "") for a, b in table[["level", "level_2"]].to_numpy()]
    words = [_pair_words(*pair, 2.0 * width, size) for pair in pairs]
    label = min(0.42 * width, max(text_width(word, size) for word in words) + 0.5)
    known = _known(result)
    column = max(text_width("00,000", size - 0.5), text_width("Area", size)) + 4.0
    first, last = _years(result)
    span = int(result.parameters["window"])
    level = 100 * float(result.parameters["confidence"])
    sentences = [
        f"mean of {_window_words(first, span, 1)} against that of {_window_words(last, span, -1)}",
        f"point and whisker: change and its {level:g} % interval from square blocks of {result.parameters['blocks']}",
        "diamond: change of the cells that stayed in the class of the first year",
        "no whisker: fewer than 5 blocks" if table["ci_low"].isna().any() else "",
        f"the {MOST_CHANGES} largest of {len(result.changes)} pairs" if len(table) < len(result.changes) else "",
    ]
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    tall = _PITCH_MM * len(table)
    on = panels.page(width, 6.0 + tall + 10.0 + foot)
    ax = on.axes(label + 4.0, 6.0, width - label - 6.0 - column, tall)
    _draw_changes(ax, result, table, size)
    ax.set_yticks(np.arange(len(table)), [_pair_words(*pair, label, size) for pair in pairs], fontsize=size)
    right = 1.0 + column / panels.axes_mm(ax)[0]
    head = _unit(result)
    on.text(width - 2.0, 1.6, head, size - 0.5, ha="right", color=FOOT_INK)
    sizes = table["area_km2"] if known else table["n"]
    for y, value in enumerate(sizes.to_numpy(dtype=np.float64)):
        ax.text(right, y, _size(value), transform=ax.get_yaxis_transform(), fontsize=size - 0.5, ha="right", va="center")
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    label_words = result.label(_response(result))
    caption = (
        f"Change of {label_words} in each transition of {_what(result)} from {first} to {last}, with that of the cells that "
        "stayed in the class of the first year."
    )
    return Picture("transitions_response", on.figure, table, caption, "onehalf")


def _pair_words(first: str, last: str, room: float, size: float) -> str:
    """Return ``"Barren → Forest"``, or ``"Forest (unchanged)"`` without a last class; both names are cut where they must be."""
    if not last:
        end = " (unchanged)"
        return panels.fit_lines(first, room - text_width(end, size), size) + end
    both = f"{first} → {last}"
    if text_width(both, size) <= room:
        return panels.fit_lines(both, room, size)
    half = (room - text_width(" → ", size)) / 2
    return f"{panels.fit_lines(first, half, size)} → {panels.fit_lines(last, half, size)}"


def _largest(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of most cells, in the order of the table."""
    kept = changes["n"].sort_values(ascending=False, kind="stable").index[:MOST_CHANGES]
    return changes.loc[sorted(kept)].reset_index(drop=True)


def _window_words(year: str, span: int, step: int) -> str:
    if span == 1:
        return year
    other = int(year) + step * (span - 1)
    return f"{min(int(year), other)}–{max(int(year), other)}"


def _draw_changes(ax: Axes, result: TransitionResult, table: pd.DataFrame, size: float) -> None:
    colours = class_colours(list(result.net["level"]))
    y = np.arange(len(table), dtype=np.float64)
    change, low, high, stayed = (table[c].to_numpy(dtype=np.float64) for c in ("estimate", "ci_low", "ci_high", "expected"))
    new = table["level"] != table["level"].shift()
    for row in np.flatnonzero(new.to_numpy())[1:]:
        ax.axhline(row - 0.5, color=RULE_INK, linewidth=0.4, zorder=0)
    ax.axvline(0.0, color=INK, linewidth=0.6, zorder=1)
    moved = (table["level"] != table["level_2"]).to_numpy()
    ax.plot(
        stayed[moved],
        y[moved],
        "D",
        markersize=4.2,
        markerfacecolor="white",
        markeredgecolor="#7A7A7A",
        markeredgewidth=0.8,
        linestyle="none",
        zorder=2,
    )
    has = np.isfinite(low)
    ax.errorbar(
        change[has], y[has], xerr=[(change - low)[has], (high - change)[has]], fmt="none", ecolor=INK, elinewidth=0.8,
        capsize=1.6, capthick=0.8, zorder=3,
    )  # fmt: skip
    for value, at, level in zip(change, y, table["level"], strict=True):
        ax.plot(value, at, "o", markersize=4.4, color=colours[level], markeredgecolor=INK, markeredgewidth=0.6, zorder=4)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.margins(x=0.05)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0, pad=2)
    ax.tick_params(axis="x", labelsize=size - 0.5)
    ax.locator_params(axis="x", nbins=6)
    across = panels.axes_mm(ax)[0]
    name = _response(result)
    ax.set_xlabel(
        panels.axis_label(f"Change of {result.label(name)}", result.unit(name), across, size), fontsize=size, labelpad=1.5
    )


def _response(result: TransitionResult) -> str:
    rows = result.variables.loc[result.variables["role"] == "response", "name"]
    return str(rows.iloc[0]) if len(rows) else "response"


def _what(result: TransitionResult) -> str:
    name = str(result.variables.loc[result.variables["role"] == "driver", "name"].iloc[0])
    return result.label(name).lower()
