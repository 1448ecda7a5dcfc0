"""The flows between two years: nodes for the classes at either side, a band for each pair (a Sankey diagram)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from carbondrivers.attribution.transitions import TransitionResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_colours import class_colours
from carbondrivers.reports.figures.panels import Page, text_width
from carbondrivers.reports.figures.transition_pairs import class_word, classes_word, denominators, flows_of, rows_of, years_of
from carbondrivers.reports.registry import Picture
from carbondrivers.reports.style import INK, Journal, ink_on

# Flows thinner than this are still drawn, so that no transition vanishes.
_HAIR = 0.0015
_NODE = 0.035


def flow_picture(result: TransitionResult, journal: Journal) -> Picture:
    """Compose the flows of all cells, beside those of the changed ones where these are few."""
    flows, size = flows_of(result), journal.size - 0.5
    changed = flows.loc[flows["level"] != flows["level_2"], "share"].sum()
    both = 0.0 < changed < 0.7 and changed < 1.0
    width = journal.double if both else journal.onehalf
    tall, gutter = 74.0, 6.0
    across = (width - 4.0 - (gutter if both else 0.0)) / (2 if both else 1)
    first, last = years_of(result)
    sentences = [
        f"per cent of the {denominators(result)[0]}",
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
        draw_flows(ax, result, flows, size, changed=index == 1)
        if title:
            _title(on, 2.0 + index * (across + gutter), "ab"[index], title, size + 0.5)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    parts = ", of all cells (a) and of the changed ones (b)" if both else ""
    caption = (
        f"Flows of {classes_word(result)} from {first} (left) to {last} (right){parts}; per cent of the "
        f"{denominators(result)[0]}."
    )
    numbers = flows.rename(columns={"own": "share_of_class"}).drop(columns="size")
    return Picture("transitions_flows", on.figure, numbers, caption, "double" if both else "onehalf")


def _title(on: Page, left: float, letter: str, words: str, size: float) -> None:
    """Write a panel's title over the years that stand above the nodes."""
    on.text(left, 1.5, f"({letter})", size, fontweight="bold")
    on.text(left + text_width(f"({letter})", size, "bold") + 1.0, 1.5, words, size)


def draw_flows(ax: Axes, result: TransitionResult, flows: pd.DataFrame, size: float, *, changed: bool) -> None:
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
    inside = min(0.36, (max(text_width(class_word(n), size) for n in names) + text_width(" 00.0%", size) + 2.0) / across)
    total = float(drawn["share"].sum())
    sides = [_stack(drawn, names, side, total) for side in ("level", "level_2")]
    for row in rows_of(drawn):
        wide = max(row.share / total * sides[0][1], _HAIR)
        (start, _), (end, _) = (side[2][(row.level, row.level_2)] for side in sides)
        same = row.level == row.level_2
        _band(ax, inside + _NODE, 1 - inside - _NODE, start, end, wide, colours[row.level], 0.3 if same else 0.8)
    for at, (places, _, _), side in ((inside, sides[0], "left"), (1 - inside - _NODE, sides[1], "right")):
        _nodes(ax, at, places, side, colours, inside, across, size)
        year = years_of(result)[0 if side == "left" else 1]
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
        words = f"{panels.fit_lines(class_word(name), room, size)} {percent}"
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
