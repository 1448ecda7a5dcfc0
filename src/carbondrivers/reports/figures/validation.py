"""Validation: observed against estimated by kind of folds, the folds on the map, variogram of residuals, learning curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from carbondrivers.attribution.validation import ValidationResult
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.fold_panels import KIND_WORDS, folds_picture, observed_picture
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import FOOT_INK, INK, Journal, unit_text
from carbondrivers.reports.words import number

COLOURS = ("#0B5FA5", "#C4561A", "#159A77", "#B65C9A")
MARKERS = ("o", "s", "^", "D")
_TALL_MM = 46.0


@figure_of(ValidationResult)
def validation_pictures(result: ValidationResult, *, journal: Journal) -> list[Picture]:
    """Compose the panels of estimates, the map of folds, and the curves."""
    kinds = list(dict.fromkeys(result.points["method"]))
    found = [observed_picture(result, result.points, result.scores, "validation", kinds, journal)]
    found += folds_picture(result, result.places, "validation_folds", journal)
    if len(result.variogram):
        found.append(_variogram(result, journal))
    if len(result.curve):
        found.append(_curve(result, journal))
    return found


def _variogram(result: ValidationResult, journal: Journal) -> Picture:
    size, width = journal.size - 0.5, journal.single
    table = result.variogram
    sentences = _range_words(result)
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    on = panels.page(width, 3.0 + _TALL_MM + 10.0 + foot)
    ax = on.axes(15.0, 3.0, width - 18.0, _TALL_MM)
    h, gamma, fitted, pairs = (table[c].to_numpy(dtype=np.float64) for c in ("distance", "estimate", "expected", "n"))
    ax.scatter(h, gamma, s=4.0 + 16.0 * pairs / pairs.max(), color=COLOURS[0], linewidths=0.0, zorder=3)
    if np.isfinite(fitted).any():
        ax.plot(h, fitted, color=INK, linewidth=1.0, zorder=2)
    reach = result.parameters["range"]
    if reach is not None:
        ax.axvline(float(reach), color=FOOT_INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    ax.set_ylim(0.0, 1.12 * float(gamma.max()))
    ax.set_xlim(0.0, 1.03 * float(h.max()))
    response = str(result.scores["response"].iloc[0])
    unit = result.unit(response)
    label = panels.axis_label("Semivariance", f"({unit})²" if unit else "", _TALL_MM, size)
    _dress(ax, f"Distance ({unit_text(result.parameters['unit'])})", label, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    caption = (
        f"Variogram of the residuals of random folds of {result.label(response)}: points grow with the number of pairs, the "
        "line is the fitted model, the dashed line its practical range, which sets the width of the blocks."
    )
    return Picture("validation_variogram", on.figure, table, caption, "single")


def _range_words(result: ValidationResult) -> list[str]:
    reach, unit = result.parameters["range"], result.parameters["unit"]
    if result.parameters["range_seen"] == "none":
        return ["no spatial dependence is seen in the residuals"]
    if reach is None:
        return ["the semivariance still rises at the largest lag: no range within the extent"]
    return [f"practical range {number(float(reach), 3)} {unit} ({result.parameters['variogram_model']} model)"]


def _curve(result: ValidationResult, journal: Journal) -> Picture:
    size, width = journal.size - 0.5, journal.single
    sentences = ["R² = 1 - SSE/SST of rows that the model did not see, in the first folds of each kind"]
    foot = panels.foot_height(sentences, width - 4.0, size - 0.5)
    on = panels.page(width, 3.0 + _TALL_MM + 10.0 + foot)
    ax = on.axes(13.0, 3.0, width - 16.0, _TALL_MM)
    for index, (kind, part) in enumerate(result.curve.groupby("method", sort=False)):
        look: dict[str, Any] = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}
        ax.plot(part["n"], part["r2"], linewidth=1.0, markersize=3.6, label=KIND_WORDS.get(str(kind), str(kind)), **look)
    ax.margins(x=0.06, y=0.18)
    ax.legend(loc="lower right", fontsize=size - 0.5, frameon=False, handlelength=1.6)
    _dress(ax, "Training rows", "R²", size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    response = result.label(str(result.scores["response"].iloc[0]))
    caption = f"Learning curve of {response}: score of rows that were not seen, against the number of rows that trained."
    return Picture("validation_learning_curve", on.figure, result.curve, caption, "single")


def _dress(ax: Axes, x: str, y: str, size: float) -> None:
    ax.set_xlabel(x, fontsize=size, labelpad=1.5)
    ax.set_ylabel(y, fontsize=size, labelpad=1.5)
    ax.tick_params(labelsize=size - 0.5)
    ax.locator_params(nbins=5)
