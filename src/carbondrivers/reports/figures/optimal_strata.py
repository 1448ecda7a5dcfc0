"""q against the number of classes: one panel a driver, one line a rule, the chosen cut ringed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from carbondrivers.attribution.optimal_strata import OptimalStrataResult
from carbondrivers.attribution.strata import SEARCH_METHODS
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.curves import MOST_PANELS, SERIES_COLOURS, SERIES_MARKERS, Line, Panel, curve_page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, Journal
from carbondrivers.reports.words import spelled_rule

LOOKS: dict[str, tuple[str, str]] = {m: (SERIES_COLOURS[i], SERIES_MARKERS[i]) for i, m in enumerate(SEARCH_METHODS)}


@figure_of(OptimalStrataResult)
def surface_pictures(result: OptimalStrataResult, *, journal: Journal) -> list[Picture]:
    """Compose the surface of every group; more than nine drivers go on to another figure."""
    found = []
    for group, table in result.surface.groupby("group", sort=False):
        for index, names in enumerate(panels.chunks(list(dict.fromkeys(table["driver"])), MOST_PANELS)):
            part = table.loc[table["driver"].isin(names)].reset_index(drop=True)
            name = f"strata_surface_{panels.slug(group)}" + (f"_{index + 1}" if index else "")
            found.append(_picture(result, str(group), part, name, journal))
    return found


def _picture(result: OptimalStrataResult, group: str, table: pd.DataFrame, name: str, journal: Journal) -> Picture:
    crossed = bool(table["q_cv"].notna().any())
    parts = [Panel(result.label(str(d)), _lines(rows, crossed)) for d, rows in table.groupby("driver", sort=False)]
    response = result.label(str(table["response"].iloc[0]))
    sentences = [
        f"response: {response}", f"{panels.group_words(group)}, n = {panels.count(table['n'].max())}",
        f"ring: the cut that was chosen ({spelled_rule(str(result.parameters['selection']))})",
        "cross-validated q: classes and means learnt on other blocks" if crossed else "",
    ]  # fmt: skip
    on = curve_page(
        parts, labels=("Number of classes", "Explanatory power, q"), key=_key(table, crossed), sentences=sentences,
        journal=journal, whole_x=True,
    )  # fmt: skip
    caption = (
        f"Explanatory power (q) of each driver for {response} by rule and number of classes, {panels.group_words(group)}. "
        + ("Dashed: cross-validated over blocks of space. " if crossed else "")
        + "Ring: the chosen cut."
    )
    return Picture(name, on.figure, table, caption, "onehalf" if len(parts) < 3 else "double")


def _lines(rows: pd.DataFrame, crossed: bool) -> list[Line]:
    lines = []
    for method, part in rows.groupby("method", sort=False):
        colour, marker = LOOKS[str(method)]
        k, q, q_cv = (part[c].to_numpy(dtype=np.float64) for c in ("classes", "q", "q_cv"))
        chosen = part["chosen"].to_numpy(dtype=bool)
        lines.append(Line(k, q, colour, marker, ring=np.column_stack([k, q])[chosen]))
        if crossed:
            lines.append(Line(k, q_cv, colour, "", dashes=(0, (2.0, 1.2))))
    return lines


def _key(table: pd.DataFrame, crossed: bool) -> list[tuple[str, dict[str, Any]]]:
    key: list[tuple[str, dict[str, Any]]] = [
        (spelled_rule(m), {"color": LOOKS[m][0], "marker": LOOKS[m][1]}) for m in SEARCH_METHODS if m in set(table["method"])
    ]
    if crossed:
        key.append(("cross-validated", {"color": INK, "linestyle": (0, (2.0, 1.2))}))
    ring = {"color": INK, "marker": "o", "markerfacecolor": "none", "markersize": 6.0, "linestyle": "none"}
    return [*key, ("chosen", ring)]
