"""Epsilon2 of each driver against the size of the grid cell, with its interval; one figure a group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.scale_curve import ScaleCurveResult
from carbondrivers.attribution.yearly_q import YearlyQResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.curves import MOST_PANELS, Line, Panel, curve_page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import INK, Journal

EPSILON2 = "Explanatory power, epsilon²"
RING = ("size that the 5 % rule marks", {"color": INK, "marker": "o", "markerfacecolor": "none", "linestyle": "none"})
Q_KEY: list[tuple[str, dict[str, Any]]] = [
    ("epsilon² with its interval", {"color": INK, "marker": "o"}), ("q", {"color": INK, "linestyle": (0, (2.0, 1.2))}),
]  # fmt: skip


@figure_of(ScaleCurveResult)
def scale_pictures(result: ScaleCurveResult, *, journal: Journal) -> list[Picture]:
    """Compose the curves of every group; more than nine drivers go on to another figure."""
    found = []
    level = f"{100 * float(result.parameters['confidence']):g} %"
    for group, table in result.curve.groupby("group", sort=False):
        sizes = result.sizes.loc[result.sizes["group"] == group]
        marked = sizes.loc[sizes["chosen"], "value"].to_numpy(dtype=np.float64)
        response, where = result.label(str(table["response"].iloc[0])), panels.group_words(str(group))
        sentences = [
            f"response: {response}", where, f"cells: {panels.count(sizes['n'].max())} to {panels.count(sizes['n'].min())}",
            f"common support: {100 * float(sizes['share'].iloc[0]):.0f} % of the rows",
            f"band: {level} interval over blocks",
        ]  # fmt: skip
        caption = (
            f"Explanatory power of each driver for {response} by size of the grid cell, {where}: epsilon² with its {level} "
            "interval, and q (dashed), on the same rows at every size."
        )
        for index, names in enumerate(panels.chunks(list(dict.fromkeys(table["driver"])), MOST_PANELS)):
            part = table.loc[table["driver"].isin(names)].reset_index(drop=True)
            by, unit = _scaled(result)
            drawn = driver_panels(result, part.assign(value=part["value"] / by), "value", marked / by)
            on = curve_page(
                drawn, labels=(f"Side of the grid cell ({unit})", EPSILON2), key=[*Q_KEY, RING],
                sentences=sentences, journal=journal,
            )  # fmt: skip
            name = f"scale_curve_{panels.slug(group)}" + (f"_{index + 1}" if index else "")
            found.append(Picture(name, on.figure, part, caption, "onehalf" if len(drawn) < 3 else "double"))
    return found


def _scaled(result: ScaleCurveResult) -> tuple[float, str]:
    """Return what sides are divided by on the axis, and their unit there: km where some are that long."""
    unit = str(result.parameters.get("unit", "units of the coordinates"))
    return (1000.0, "km") if unit == "m" and max(result.parameters["sizes"]) >= 1000.0 else (1.0, unit)


@figure_of(YearlyQResult)
def yearly_pictures(result: YearlyQResult, *, journal: Journal) -> list[Picture]:
    """Compose epsilon2 of each driver by year; more than nine drivers go on to another figure."""
    table, found = result.years, []
    response, level = result.label(str(table["response"].iloc[0])), f"{100 * float(result.parameters['confidence']):g} %"
    sentences = [f"response: {response}", f"n = {panels.count(table['n'].max())} cells", f"band: {level} interval over blocks"]
    caption = f"Explanatory power of each driver for {response} by year: epsilon² with its {level} interval, and q (dashed)."
    for index, names in enumerate(panels.chunks(list(dict.fromkeys(table["driver"])), MOST_PANELS)):
        part = table.loc[table["driver"].isin(names)].reset_index(drop=True)
        drawn = driver_panels(result, part, "year", np.empty(0))
        on = curve_page(
            drawn, labels=("Year", EPSILON2), key=Q_KEY, sentences=sentences, journal=journal, whole_x=True,
        )  # fmt: skip
        name = "yearly_q" + (f"_{index + 1}" if index else "")
        found.append(Picture(name, on.figure, part, caption, "onehalf" if len(drawn) < 3 else "double"))
    return found


def driver_panels(result: Result, table: pd.DataFrame, x: str, marked: np.ndarray) -> list[Panel]:
    """Return one panel a driver: epsilon2 with its band, q dashed, rings at the marked places."""
    found = []
    for driver, rows in table.groupby("driver", sort=False):
        at, value, q, low, high = (
            rows[c].to_numpy(dtype=np.float64) for c in (x, "epsilon2", "q", "ci_low", "ci_high")
        )  # fmt: skip
        colour = panels.colour_of(result.category(str(driver)))
        ring = np.column_stack([at, value])[np.isin(at, marked)]
        lines = [
            Line(at, value, colour, "o", low, high, ring=ring[np.isfinite(ring).all(axis=1)]),
            Line(at, q, colour, "", dashes=(0, (2.0, 1.2))),
        ]  # fmt: skip
        found.append(Panel(result.label(str(driver)), lines))
    return found
