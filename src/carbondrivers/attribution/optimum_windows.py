"""Optimum windows: the stratum of each driver, and the crossing of each pair, in which the response is highest (or lowest).

A window is a stratum, or a crossing of two, of at least `min_size` rows. Its mean was picked as the largest of many, so the
intervals are simultaneous over all the strata that were compared (Bonferroni), Student's t: naive ones from the rows within
the window, and ones from resampled blocks, whose standard error counts that neighbours are alike. How sure the pick is says
the share of the block resamples in which the same window wins.
Source of the risk detector: Wang et al. (2010), doi:10.1080/13658810802443457; simultaneous intervals: Dunn (1961),
doi:10.1080/01621459.1961.10482090.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy import stats

from carbondrivers.attribution.geodetector_moments import cell_moments
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import FEWEST_UNITS, Bootstrap, bootstrap_of, units_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.row_order import in_order
from carbondrivers.attribution.strata import SEARCH_METHODS, SearchMethod, stratify
from carbondrivers.attribution.strata_borders import own_borders, stratify_at
from carbondrivers.attribution.strata_kernels import Codes
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import OptionError, choose
from carbondrivers.provenance import history_line

Side = Literal["highest", "lowest"]
SIDES: tuple[Side, ...] = get_args(Side)
COLUMNS = [
    "group", "response", "driver", "driver_2", "level", "level_2", "lower", "upper", "lower_2", "upper_2", "estimate",
    "std_error", "ci_low", "ci_high", "ci_eff_low", "ci_eff_high", "share", "share_of", "cells", "n", "n_units", "note",
]  # fmt: skip
SHARE_OF = "resamples of blocks in which this window wins"
HOW = (
    "The mean of a window is the largest of many and therefore optimistic; its intervals are simultaneous over all strata that "
    "were compared. Naive: rows count as independent. Corrected: from resampled blocks, of which neighbours share one."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OptimumWindowsResult(Result):
    """Windows of single drivers and of pairs.

    Attributes
    ----------
    windows : pandas.DataFrame
        One row a group and driver, or pair (``driver_2`` is empty for one driver): the window (``level``, ``lower``,
        ``upper``, and those of the second driver), its mean response with intervals, the ``share`` of block resamples in
        which it wins, and the number of strata compared (``cells``).
    means : pandas.DataFrame
        One row a group: mean response of all rows.
    """

    windows: pd.DataFrame
    means: pd.DataFrame


@register(
    "optimum_windows",
    title="Optimum windows: the strata with the highest response",
    takes="sample",
    result=OptimumWindowsResult,
    version="1",
    citation="Wang, J.F. et al. (2010). Geographical detectors-based health risk assessment. International Journal of "
    "Geographical Information Science 24, 107-127.",
)
def optimum_windows(
    sample: PixelSample,
    *,
    side: Side = "highest",
    method: SearchMethod = "quantile",
    classes: int = 6,
    borders: Mapping[str, Sequence[float]] | None = None,
    min_size: int = 10,
    block_size: float | None = None,
    confidence: float = 0.95,
    replicates: int = 500,
    seed: int = 0,
) -> OptimumWindowsResult:
    """Find the window of every driver and every pair of drivers, in every group.

    Parameters
    ----------
    sample
        Checked table; categorical drivers are strata as they are.
    side
        ``"highest"`` or ``"lowest"`` mean of the response.
    method, classes
        How continuous drivers are cut within each group (``carbondrivers.attribution.strata``).
    borders
        Inner borders of one's own by driver, as ``{"precipitation": [200, 400, 600]}``, in place of the rule.
    min_size
        Fewest rows of a window.
    block_size
        Side of the blocks in the unit of the coordinates; a tenth of the longer side of the extent by default.
    confidence
        Simultaneous level of the intervals.
    replicates
        Resamples of blocks, 100 or more.
    seed
        Of the resampling.

    Raises
    ------
    OptionError
        If an option is outside its list or range, or `borders` name no continuous driver.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rain = rng.uniform(0, 600, 600)
    >>> table = pd.DataFrame({"rain": rain, "nep": 9.0 * ((rain > 200) & (rain <= 400)) + rng.normal(size=600)})
    >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"})
    >>> found = optimum_windows(sample, borders={"rain": [200, 400]}, replicates=100)
    >>> found.windows[["lower", "upper", "share"]].values.tolist()
    [[200.0, 400.0, 1.0]]
    """
    choose(side, SIDES, "side")
    choose(method, SEARCH_METHODS, "method")
    if isinstance(classes, bool) or not isinstance(classes, int) or not 2 <= classes <= 50:
        raise OptionError(f"classes must be a whole number from 2 to 50, got {classes!r}")
    if isinstance(min_size, bool) or not isinstance(min_size, int) or min_size < 2:
        raise OptionError(f"min_size must be a whole number of 2 or more, got {min_size!r}")
    own = own_borders(borders, sample)
    boot = bootstrap_of(replicates, confidence, seed)
    rows: list[dict[str, object]] = []
    means: list[dict[str, object]] = []
    for name, part in in_order(sample).group_samples():
        group = _Group(name, part, side, min_size, boot, block_size if part.coordinates else None)
        means.append(group.head | {"estimate": float(part.y.mean()), "n": part.n})
        rows += group.windows({d.name: stratify_of(part, d.name, method, classes, own) for d in part.drivers})
    parameters = {
        "side": side, "method": method, "classes": classes, "borders": own or None,
        "min_size": min_size, "block_size": block_size, "confidence": confidence, "replicates": replicates, "seed": seed,
    }  # fmt: skip
    return OptimumWindowsResult(
        method="optimum_windows",
        parameters=parameters,
        n=sample.n,
        notes=(HOW, *sample.caveats()),
        provenance=history_line("optimum_windows", n=sample.n, **parameters),
        variables=sample.variables(),
        windows=pd.DataFrame(rows, columns=COLUMNS),
        means=pd.DataFrame(means, columns=["group", "response", "estimate", "n"]),
    )


@dataclass(frozen=True, slots=True)
class Cut:
    """One driver's strata: codes (n,), names, borders."""

    codes: Codes
    names: list[str]
    borders: Floats | None

    def place(self, i: int, suffix: str = "") -> dict[str, object]:
        """Return name and borders of a stratum."""
        low, high = (np.nan, np.nan) if self.borders is None or len(self.borders) < 2 else self.borders[i : i + 2]
        return {f"level{suffix}": self.names[i], f"lower{suffix}": float(low), f"upper{suffix}": float(high)}


def stratify_of(part: PixelSample, driver: str, method: SearchMethod, classes: int, own: Mapping[str, Sequence[float]]) -> Cut:
    """Return a driver's strata by its own borders where it has some, else by the rule."""
    column = part.frame[driver]
    constant = not isinstance(column.dtype, pd.CategoricalDtype) and column.nunique() < 2
    if constant:
        return Cut(np.zeros(part.n, dtype=np.int64), [f"{column.iloc[0]:.6g}"], None)
    if driver in own:
        return Cut(*stratify_at(column, own[driver]))
    return Cut(*stratify(column, method, classes, y=part.y))


class _Group:
    """Windows of one group of rows."""

    def __init__(
        self, name: str, part: PixelSample, side: Side, min_size: int, boot: Bootstrap, block_size: float | None
    ) -> None:
        self.head = {"group": name, "response": part.response.name}
        self.y, self.sign, self.min_size, self.boot = part.y, 1.0 if side == "highest" else -1.0, min_size, boot
        self.units = units_of(part, None, block_size, part.y[:, None]).codes

    def windows(self, cuts: Mapping[str, Cut]) -> Iterator[dict[str, object]]:
        """Iterate over the windows of single drivers, then of pairs."""
        for name, cut in cuts.items():
            i, row = self._best(cut.codes, len(cut.names))
            yield (
                self.head | {"driver": name, "driver_2": "", "level_2": ""} | (cut.place(i) if i >= 0 else {"level": ""}) | row
            )
        for (a, one), (b, two) in combinations(cuts.items(), 2):
            width = len(two.names)
            i, row = self._best(one.codes * width + two.codes, len(one.names) * width)
            where = one.place(i // width) | two.place(i % width, "_2") if i >= 0 else {"level": "", "level_2": ""}
            yield self.head | {"driver": a, "driver_2": b} | where | row

    def _best(self, codes: Codes, cells: int) -> tuple[int, dict[str, object]]:
        """Return the winning cell, -1 where none is large enough, and what is known of it."""
        found = cell_moments(self.y, codes, cells)
        allowed = found.count >= self.min_size
        row: dict[str, object] = {"cells": int(allowed.sum()), "share_of": SHARE_OF, "note": ""}
        if allowed.sum() < 2:
            return -1, row | {"note": f"undefined: fewer than two strata of {self.min_size} rows in this group"}
        best = int(np.argmax(np.where(allowed, self.sign * found.mean, -np.inf)))
        n, mean = int(found.count[best]), float(found.mean[best])
        tail = 1.0 - (1.0 - self.boot.confidence) / 2.0 / int(allowed.sum())
        error = float(np.sqrt(found.square[best] / (n - 1) / n))
        reach = float(stats.t.ppf(tail, n - 1)) * error
        row |= {"estimate": mean, "std_error": error, "ci_low": mean - reach, "ci_high": mean + reach, "n": n}
        return best, row | self._resampled(codes, cells, allowed, best, mean, tail)

    def _resampled(
        self, codes: Codes, cells: int, allowed: np.ndarray, best: int, mean: float, tail: float
    ) -> dict[str, object]:
        """Return the corrected interval of the winner, and the share of resamples in which it wins."""
        count = int(self.units.max()) + 1
        joint = self.units * cells + codes
        number = np.bincount(joint, minlength=count * cells).reshape(count, cells)[:, allowed]
        sums = np.bincount(joint, self.y - mean, minlength=count * cells).reshape(count, cells)[:, allowed]
        at = int(np.flatnonzero(np.flatnonzero(allowed) == best)[0])
        inside = int((number[:, at] > 0).sum())
        if inside < FEWEST_UNITS:
            return {"n_units": inside, "note": f"no corrected interval: the window lies in {inside} blocks only"}
        wins, drawn = 0, []
        for taken in self.boot.counts(count):
            with np.errstate(divide="ignore", invalid="ignore"):
                means = (taken @ sums) / (taken @ number)
            wins += int((np.argmax(np.nan_to_num(self.sign * means, nan=-np.inf), axis=1) == at).sum())
            drawn.append(means[:, at])
        error = float(np.nanstd(np.concatenate(drawn), ddof=1))
        reach = float(stats.t.ppf(tail, inside - 1)) * error
        share = wins / self.boot.replicates
        return {"ci_eff_low": mean - reach, "ci_eff_high": mean + reach, "share": share, "n_units": inside}
