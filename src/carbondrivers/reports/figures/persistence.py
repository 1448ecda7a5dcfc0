"""Persistence figures: the exponent beside its honest classes, its histogram on that of white noise, the published classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize

from carbondrivers.attribution.persistence import PersistenceResult
from carbondrivers.attribution.persistence_estimator import LIMITS, METHODS
from carbondrivers.reports.figures import map_furniture as furniture
from carbondrivers.reports.figures import panels
from carbondrivers.reports.figures.class_map import Classes, Scale, map_page
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import FOOT_INK, INK, RULE_INK, Journal, drawing
from carbondrivers.reports.style import journal as journal_of

PUBLISHED_COLOURS = ("#4A2A85", "#B3A6D6", "#F6C98A", "#C4561A")
CLASS_COLOURS = ("#C4561A", "#E4E4E4", "#4A2A85")
_RAMP = LinearSegmentedColormap.from_list("memory", ("#4A2A85", "#B3A6D6", "#E4E4E4", "#F6C98A", "#C4561A"))
_BAR, _BAND = "#8FB8AE", "#EFEFEF"


def persistence(result: PersistenceResult, ax: Axes | None = None, *, journal: str | Journal = "jal") -> Axes:
    """Draw the share of the area by H (bars) on that of white noise (line).

    Parameters
    ----------
    result
        From the persistence method.
    ax
        Where to draw; axes of their own where None.
    journal
        Profile that sets fonts and sizes.
    """
    profile = journal_of(journal)
    with drawing(profile):
        if ax is None:
            ax = panels.page(profile.single, 60.0).axes(13.0, 7.0, profile.single - 16.0, 42.0)
        _draw_histogram(ax, result, profile.size - 0.5)
    return ax


@figure_of(PersistenceResult)
def persistence_pictures(result: PersistenceResult, *, journal: Journal) -> list[Picture]:
    """Compose the maps, the histogram and the published view."""
    return [_map_picture(result, journal), _histogram_picture(result, journal), _published_picture(result, journal)]


def _map_picture(result: PersistenceResult, journal: Journal) -> Picture:
    grid, p = result.grid, str(result.grid["hurst_class"].attrs["p"])
    table = result.classes.loc[result.classes["method"] == METHODS[p]]
    h, centre = grid["hurst"].to_numpy(), float(result.summary["expected"].iloc[0])
    scale = Scale("Hurst exponent", "H (grey: mean of white noise)", "", h, _about(h, centre))
    classes = Classes(
        title="Persistence beside white noise",
        codes=grid["hurst_class"].to_numpy(),
        colours=CLASS_COLOURS,
        levels=[str(level) for level in table["level"]],
        shares=table["share"].to_numpy(dtype=np.float64),
    )
    adjusted = "adjusted over the map (Benjamini–Hochberg)" if p == "p_adjusted" else "not adjusted for the number of cells"
    sentences = [*_facts(result), f"(b): P < 0.05 under white noise, {adjusted}", f"shares of the {table['share_of'].iloc[0]}"]
    on, width = map_page(grid, [scale, classes], sentences, journal)
    caption = (
        f"Hurst exponent of {_label(result)} (a), and where it differs from that of white noise of as many years (b); shares "
        f"are of the {table['share_of'].iloc[0]}."
    )
    numbers = furniture.cells(grid, ("hurst", "p", "p_adjusted", "hurst_class"))
    return Picture("persistence_map", on.figure, numbers, caption, width)


def _published_picture(result: PersistenceResult, journal: Journal) -> Picture:
    table = result.classes.loc[result.classes["method"] == METHODS["published"]]
    classes = Classes(
        title="Published classes of H",
        codes=result.grid["published_class"].to_numpy(),
        colours=PUBLISHED_COLOURS,
        levels=[str(level) for level in table["level"]],
        shares=table["share"].to_numpy(dtype=np.float64),
        chance=table["share_expected"].to_numpy(dtype=np.float64),
    )
    sentences = [*_facts(result), f"shares of the {table['share_of'].iloc[0]}; white noise: shares of simulated series"]
    on, width = map_page(result.grid, [classes], sentences, journal)
    caption = (
        f"Hurst exponent of {_label(result)} in the published classes, and the shares that white noise of as many years has "
        "in them: the classes are no evidence of persistence by themselves."
    )
    return Picture("persistence_published", on.figure, furniture.cells(result.grid, ("published_class",)), caption, width)


def _histogram_picture(result: PersistenceResult, journal: Journal) -> Picture:
    size = journal.size - 0.5
    sentences = [*_facts(result), *_band_words(result), "dotted: borders of the published classes"]
    foot = panels.foot_height(sentences, journal.single - 4.0, size - 0.5)
    on = panels.page(journal.single, 58.0 + foot)
    ax = on.axes(13.0, 7.0, journal.single - 16.0, 40.0)
    _draw_histogram(ax, result, size)
    panels.foot(on, 2.0, on.height - foot, sentences, size - 0.5)
    caption = (
        f"Share of the area by Hurst exponent of {_label(result)} (bars), and share of white noise of as many years (line)."
    )
    return Picture("persistence_histogram", on.figure, result.histogram, caption, "single")


def _draw_histogram(ax: Axes, result: PersistenceResult, size: float) -> None:
    table = result.histogram
    lower, upper, share, noise = (table[c].to_numpy(dtype=np.float64) for c in ("lower", "upper", "share", "share_expected"))
    row = _longest(result)
    ax.axvspan(row["ci_low"], row["ci_high"], color=_BAND, linewidth=0, zorder=0)
    ax.bar(lower, 100 * share, width=upper - lower, align="edge", color=_BAR, edgecolor="white", linewidth=0.4, zorder=2)
    ax.stairs(100 * noise, np.append(lower, upper[-1:]), baseline=None, color=INK, linewidth=1.1, zorder=4)
    for limit in LIMITS:
        ax.axvline(limit, color=FOOT_INK, linewidth=0.6, linestyle=(0, (1, 1.6)), zorder=3)
    ax.set_xlim(float(lower[0]), float(upper[-1]))
    ax.set_ylim(0.0, 108.0 * max(float(share.max()), float(noise.max())))
    ax.locator_params(axis="x", nbins=7)
    ax.locator_params(axis="y", nbins=5)
    ax.tick_params(labelsize=size - 0.5)
    ax.set_xlabel("Hurst exponent H", fontsize=size, labelpad=1.5)
    ax.set_ylabel("Share (%)", fontsize=size, labelpad=2.0)
    _histogram_key(ax, size)


def _histogram_key(ax: Axes, size: float) -> None:
    across, tall = panels.axes_mm(ax)
    left = 0.0
    for kind, words in (("bar", "area"), ("line", "white noise"), ("band", "its central 95 %")):
        y = 1 + 2.6 / tall
        if kind == "line":
            ax.plot(
                [left / across, (left + 4.0) / across], [y, y], color=INK, linewidth=1.1, transform=ax.transAxes, clip_on=False
            )
        else:
            colour = _BAR if kind == "bar" else _BAND
            edge = "none" if kind == "bar" else RULE_INK
            ax.fill_between(
                [left / across, (left + 4.0) / across], y - 1.0 / tall, y + 1.0 / tall, facecolor=colour, edgecolor=edge,
                linewidth=0.5, transform=ax.transAxes, clip_on=False,
            )  # fmt: skip
        ax.text((left + 5.0) / across, y, words, transform=ax.transAxes, fontsize=size, ha="left", va="center_baseline")
        left += 5.0 + panels.text_width(words, size) + 3.0


def _about(values: np.ndarray, centre: float) -> tuple[LinearSegmentedColormap, Normalize, str]:
    """Colours that part at a centre, limits that leave out two per cent at each end."""
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, furniture.ROBUST)
    reach = max(abs(low - centre), abs(high - centre), 0.05)
    ends = {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}
    open_ends = ends[bool(finite.min() < centre - reach), bool(finite.max() > centre + reach)]
    return _RAMP, Normalize(centre - reach, centre + reach), open_ends


def _facts(result: PersistenceResult) -> list[str]:
    words = {"prefix": "R/S of the first years", "blocks": "R/S of blocks of years", "k": "Hurst’s K"}
    treated = [words[result.parameters["method"]]]
    treated += ["Anis–Lloyd correction"] if result.parameters["correction"] == "anis_lloyd" else []
    treated += ["differences of neighbouring years"] if result.parameters["series"] == "differences" else []
    treated += ["detrended" if result.parameters["detrend"] else "not detrended: a trend alone makes H large"]
    if result.parameters["series"] == "differences":
        treated.pop()
    span = panels.years_text(result.parameters["years"])
    return [f"{span}, {panels.count(result.n)} cells", ", ".join(treated)]


def _band_words(result: PersistenceResult) -> list[str]:
    row = _longest(result)
    varied = len(result.null) > 1
    mean, strong = float(result.summary["expected"].iloc[0]), 100 * float(row["share_expected"])
    return [
        f"white noise: mean {panels.decimals(mean)}, of {int(row['n_valid'])} years {strong:.0f} % above {LIMITS[-1]}",
        f"line weighted by the cells’ years, band of {int(row['n_valid'])} years" if varied else "",
    ]


def _longest(result: PersistenceResult) -> pd.Series:
    """White noise of the longest run of years."""
    return result.null.iloc[-1]


def _label(result: PersistenceResult) -> str:
    return result.label(str(result.variables["name"].iloc[0]))
