"""Response curves of the leading drivers, and the map of interactions, one figure a group."""

from __future__ import annotations

import string

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from carbondrivers.attribution.influence_result import DECILES, LOCAL, PARTIAL, InfluenceResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.influence_checks import sheet_width
from carbondrivers.reports.figures.panels import Page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, SEQUENTIAL, Journal, ink_on, unit_text
from carbondrivers.reports.words import unit_words

LEADING, ACROSS, TALL_MM, SLANTED_MM = 6, 3, 30.0, 11.0
MOST_NUMBERS = 16
COLOURS = LinearSegmentedColormap.from_list("strength", SEQUENTIAL)


@figure_of(InfluenceResult)
def response_pictures(result: InfluenceResult, *, journal: Journal) -> list[Picture]:
    """Draw partial dependence and accumulated local effects of the six leading drivers of each group."""
    found = []
    for group, rows in result.responses.groupby("group", sort=False):
        table = result.influence.loc[result.influence["group"] == group].sort_values("share", ascending=False)
        drivers = list(table["driver"])[:LEADING]
        on = _curves(result, rows, drivers, table.set_index("driver")["share"], journal)
        name = "boosted_trees_responses" if group == "all" else f"boosted_trees_responses_{panels.slug(group)}"
        caption = (
            f"Response curves of the leading drivers in boosted trees ({panels.group_words(str(group))}): partial "
            "dependence by weighted traversal (solid) and accumulated local effects (dashed), centred, with bands over "
            "spatial blocks; ticks mark deciles of the driver."
        )
        numbers = rows.loc[rows["driver"].isin(drivers)].reset_index(drop=True)
        found.append(Picture(name, on.figure, numbers, caption, sheet_width(len(drivers))))
    return found


def _curves(result: InfluenceResult, rows: pd.DataFrame, drivers: list[str], shares: pd.Series, journal: Journal) -> Page:
    across = min(ACROSS, len(drivers))
    lines = -(-len(drivers) // across)
    width, size = (journal.single, journal.onehalf, journal.double)[across - 1], journal.size - 0.5
    confidence = f"{100 * result.parameters['confidence']:g} %"
    said = [
        "solid: partial dependence, by weighted traversal of the trees", "dashed: accumulated local effects",
        f"bands: {confidence} over spatial blocks, {result.parameters['bands']} refits", "ticks: deciles",
        "in brackets: relative influence",
    ]  # fmt: skip
    foot = panels.foot_height(said, width - 4.0, size - 0.5)
    panel = (width - 2.0) / across
    # Slanting names of classes hang deeper than numbers.
    pitch = TALL_MM + (21.5 if rows["level"].fillna("").ne("").any() else 17.5)
    on = panels.page(width, lines * pitch + 1.0 + foot)
    for i, driver in enumerate(drivers):
        down, right = divmod(i, across)
        ax = on.axes(1.0 + right * panel + 12.5, 6.5 + down * pitch, panel - 15.5, TALL_MM)
        part = rows.loc[rows["driver"] == driver]
        _curve(ax, part, panels.colour_of(result.category(driver)), size)
        room = panel - 15.5
        unit = result.unit(driver)
        ax.set_xlabel(panels.axis_label(result.label(driver), unit, room + 8.0, size), fontsize=size, labelpad=1.5)
        if right == 0:
            response = str(result.influence["response"].iloc[0])
            shown = unit_text(result.unit(response))
            ax.set_ylabel(f"Effect ({shown})" if shown else "Effect", fontsize=size, labelpad=1.5)
        letter = string.ascii_lowercase[i] if len(drivers) > 1 else ""
        share = panels.decimals(100.0 * float(shares[driver]), 1)
        panels.panel_title(ax, letter, f"{result.label(driver)} ({share} %)", size, 11.5)
    panels.foot(on, 2.0, on.height - foot, said, size - 0.5)
    return on


def _curve(ax: Axes, part: pd.DataFrame, colour: str, size: float) -> None:
    by_class = part["level"].fillna("").ne("").any()
    for method, dash, shade in ((PARTIAL, "-", 0.30), (LOCAL, (0, (3, 1.5)), 0.14)):
        rows = part.loc[part["method"] == method]
        if rows.empty:
            continue
        x = np.arange(len(rows), dtype=np.float64) if by_class else rows["value"].to_numpy(dtype=np.float64)
        y, low, high = (rows[c].to_numpy(dtype=np.float64) for c in ("estimate", "ci_low", "ci_high"))
        if by_class:
            ends = [np.nan_to_num(y - low).clip(0), np.nan_to_num(high - y).clip(0)]
            ax.errorbar(x, y, yerr=ends, fmt="o", color=colour, markersize=3.4, elinewidth=0.8, capsize=1.6)
            _name_classes(ax, x, [str(v) for v in rows["level"]], size - 0.5)
            ax.set_xlim(-0.6, len(rows) - 0.4)
            continue
        if np.isfinite(low).all():
            ax.fill_between(x, low, high, color=colour, alpha=shade, linewidth=0)
        ax.plot(x, y, color=colour if method == PARTIAL else INK, linewidth=1.1 if method == PARTIAL else 0.8, linestyle=dash)
    ax.axhline(0.0, color=INK, linewidth=0.4, zorder=0)
    tenths = part.loc[part["method"] == DECILES, "value"].to_numpy(dtype=np.float64)
    ax.plot(
        tenths,
        np.full(len(tenths), 0.015),
        "|",
        color=INK,
        markersize=4,
        markeredgewidth=0.6,
        transform=ax.get_xaxis_transform(),
    )
    if not by_class:
        ax.locator_params(axis="x", nbins=4)
    ax.locator_params(axis="y", nbins=5)
    ax.tick_params(labelsize=size - 0.5)


def _name_classes(ax: Axes, x: np.ndarray, names: list[str], size: float) -> None:
    """Name the classes below the axis, slanting where they would run into each other."""
    room = panels.axes_mm(ax)[0] / len(names) - 1.0
    if max(panels.text_width(name, size) for name in names) <= room:
        ax.set_xticks(x, names)
        return
    labels = [panels.fit_lines(name, SLANTED_MM, size) for name in names]
    ax.set_xticks(x, labels, rotation=35, ha="right", rotation_mode="anchor")


@figure_of(InfluenceResult)
def pair_pictures(result: InfluenceResult, *, journal: Journal) -> list[Picture]:
    """Draw the strength of every pair of drivers in the unit of the response, the strongest three framed with their H."""
    found = []
    for group, rows in result.interactions.groupby("group", sort=False):
        on = _pairs(result, str(group), rows, journal)
        name = "boosted_trees_interactions" if group == "all" else f"boosted_trees_interactions_{panels.slug(group)}"
        caption = (
            f"Interactions of drivers in boosted trees ({panels.group_words(str(group))}): standard deviation of what "
            "two drivers do together beyond what each does alone, in the unit of the response; the three strongest pairs are "
            "framed."
        )
        found.append(Picture(name, on.figure, rows.reset_index(drop=True), caption, "onehalf"))
    return found


def _pairs(result: InfluenceResult, group: str, rows: pd.DataFrame, journal: Journal) -> Page:
    table = result.influence.loc[result.influence["group"] == group].sort_values(["share", "driver"], ascending=[False, True])
    drivers, size, width = list(table["driver"]), journal.size - 0.5, journal.onehalf
    best = rows.sort_values(["strength", "driver", "driver_2"], ascending=[False, True, True]).head(3)
    said = _pair_foot(result, rows, best)
    foot = panels.foot_height(said, width - 4.0, size - 0.5)
    labels = [panels.fit_lines(result.label(d), 30.0, size) for d in drivers]
    left = max(panels.text_width(label, size) for label in labels) + 3.5
    cell = min(9.0, (width - left - 2.0 - 0.75 * left) / max(len(drivers) - 1, 1))
    # Names above the steps slant upwards, each step a cell lower.
    slant = max(0.66 * panels.text_width(label, size) - i * cell for i, label in enumerate(labels)) + 2.5
    side = cell * max(len(drivers) - 1, 1)
    on = panels.page(width, side + slant + 5.0 + foot)
    ax = on.axes(left, slant + 2.0, side, side)
    ax.set_xlim(0, max(len(drivers) - 1, 1))
    ax.set_ylim(max(len(drivers) - 1, 1), 0)
    ax.axis("off")
    place = {driver: i for i, driver in enumerate(drivers)}
    top = float(rows["strength"].max()) or 1.0
    digits = max(0, 2 - int(np.floor(np.log10(top))))
    for row in rows.to_dict("records"):
        a, b = sorted((place[row["driver"]], place[row["driver_2"]]))
        face = COLOURS(float(row["strength"]) / top)
        ax.add_patch(Rectangle((a, b - 1), 1, 1, facecolor=face, edgecolor="white", linewidth=0.8))
        if len(drivers) <= MOST_NUMBERS:
            words = f"{row['strength']:.{digits}f}"
            ax.text(a + 0.5, b - 0.5, words, fontsize=max(5.5, size - 1.5), ha="center", va="center", color=ink_on(face))
    for row in best.loc[best["strength"] > 0].to_dict("records"):
        a, b = sorted((place[row["driver"]], place[row["driver_2"]]))
        ax.add_patch(Rectangle((a + 0.04, b - 0.96), 0.92, 0.92, fill=False, edgecolor=INK, linewidth=1.0))
    for i, label in enumerate(labels):
        if i:
            ax.text(-1.2 / cell, i - 0.5, label, fontsize=size, ha="right", va="center")
        if i < len(labels) - 1:
            ax.text(i + 0.5, i - 0.8 / cell, label, fontsize=size, rotation=40, rotation_mode="anchor", ha="left", va="bottom")
    panels.foot(on, 2.0, on.height - foot, said, size - 0.5)
    return on


def _pair_foot(result: InfluenceResult, rows: pd.DataFrame, best: pd.DataFrame) -> list[str]:
    unit = unit_words(str(rows["unit"].iloc[0]))
    named = "; ".join(
        f"{result.label(row['driver'])} × {result.label(row['driver_2'])} {row['strength']:.3g} (H {panels.decimals(row['h'])})"
        for row in best.to_dict("records")
    )
    return [
        f"numbers: strength{f' in {unit}' if unit else ''}", f"strongest: {named}",
        "H is a ratio and can be large for pairs that do next to nothing", "drivers sorted by influence",
    ]  # fmt: skip
