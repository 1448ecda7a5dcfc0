"""Optimal zones (GOZH) and the share of each driver in them (LESH): q of regression-tree zones, split by Shapley values.

v(S) is q of the zones that a regression tree finds with the drivers S (``zone_tree``; v of no driver is 0). The Shapley share
of driver i among m is the sum over subsets S without it of |S|! (m - |S| - 1)! / m! (v(S with i) - v(S)): the only split
that adds up to v of all drivers and treats drivers alike (Shapley 1953, doi:10.1515/9781400881970-018). A share can be
slightly negative: trees are grown greedily, so that another driver may lead to worse zones. Sources: zones, Luo et al.
(2022), doi:10.1016/j.isprsjprs.2022.01.009; shares, Li et al. (2023), doi:10.1080/17538947.2023.2271883. (R's gdverse 1.7
leaves the empty subset out of the sum, so that its shares lack q_i / m each and do not add up.)

Intervals: delete-a-group jackknife over ten groups of whole blocks, Student's t with nine degrees of freedom. P: the tree of
each driver is grown again on permuted responses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
from scipy import stats

from carbondrivers.attribution.inference import Floats, centred
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import units_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.row_order import in_order
from carbondrivers.attribution.spatial_null import HOW, MOST_ROWS, TOO_MANY, spatial_draws
from carbondrivers.attribution.strata_search import folds_of, permutations, search_p
from carbondrivers.attribution.zone_tree import Binned, Node, binned, grow, leaves, rules, single_q, tree_q
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import OptionError, choose
from carbondrivers.provenance import history_line

MOST_DRIVERS, BY_DEFAULT, PARTS = 12, 8, 10
SHARE_COLUMNS = [
    "group", "response", "driver", "q", "epsilon2", "cells", "statistic", "p", "p_adjusted", "p_eff", "p_eff_adjusted",
    "estimate", "std_error", "ci_low", "ci_high", "share", "share_of", "n", "n_units", "note",
]  # fmt: skip
PAIR_COLUMNS = ["group", "response", "driver", "driver_2", "q_driver", "q_driver_2", "q", "epsilon2", "cells", "n"]
ZONE_COLUMNS = ["group", "response", "level", "n", "share", "share_of", "estimate", "std_error", "q"]
OPTIMISTIC = (
    "Zones are the leaves of a regression tree on the response itself, so that their q is optimistic: P grows the tree again "
    f"on permuted responses. {HOW}"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OptimalZonesResult(Result):
    """Zones of single drivers, of pairs and of all, and Shapley shares.

    Attributes
    ----------
    shares : pandas.DataFrame
        One row a group and driver: q of its own zones with their number (``cells``), p and p_eff of that q, and the
        Shapley share of q of all drivers together: ``estimate`` in units of q with interval, ``share`` of that q.
    pairs : pandas.DataFrame
        One row a group and pair: q of the zones of both beside those of each.
    zones : pandas.DataFrame
        One row a group and zone of all drivers: the rule that leads to it, n, mean response; q of all zones.
    """

    shares: pd.DataFrame
    pairs: pd.DataFrame
    zones: pd.DataFrame


@register(
    "optimal_zones",
    title="Optimal zones and shares: regression-tree zones with Shapley shares of q",
    takes="sample",
    result=OptimalZonesResult,
    version="2",
    citation="Li, Y. et al. (2023). A locally explained heterogeneity model for examining wetland disparity. International "
    "Journal of Digital Earth 16, 4533-4552.",
)
def optimal_zones(
    sample: PixelSample,
    *,
    drivers: Sequence[str] | None = None,
    block_size: float | None = None,
    confidence: float = 0.95,
    permutations: int = 99,
    seed: int = 0,
) -> OptimalZonesResult:
    """Find zones by regression trees, and split their q among the drivers, in every group.

    Parameters
    ----------
    sample
        Checked table.
    drivers
        The drivers to take, at most 12: a tree is grown for every subset of them. By default all, and of more than eight
        those eight whose own zones have the largest q in the whole sample.
    block_size
        Side of the blocks of the jackknife in the unit of the coordinates; a tenth of the longer side by default.
    confidence
        Level of the intervals, between 0 and 1.
    permutations
        Draws for each p; 0 for none.
    seed
        Of the deal of blocks and of the draws.

    Raises
    ------
    OptionError
        If an option is out of range, or `drivers` are more than 12 or none of the sample's.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"rain": rng.uniform(0, 600, 400), "dem": rng.uniform(0, 900, 400)})
    >>> table["nep"] = 2.0 * (table["rain"] > 300) + (table["dem"] > 300) + 0.1 * rng.normal(size=400)
    >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate", "dem": "topography"})
    >>> found = optimal_zones(sample, permutations=0)
    >>> round(float(found.shares["estimate"].sum() - found.zones["q"][0]), 12)
    0.0
    """
    if not isinstance(confidence, int | float) or not 0.0 < confidence < 1.0:
        raise OptionError(f"confidence must be between 0 and 1, got {confidence!r}")
    if isinstance(permutations, bool) or not isinstance(permutations, int) or permutations < 0:
        raise OptionError(f"permutations must be a whole number of 0 or more, got {permutations!r}")
    ready, left_out = _taken(in_order(sample), drivers)
    found = [
        _Group(name, part, block_size if part.coordinates else None, float(confidence), permutations, seed)
        for name, part in ready.group_samples()
    ]
    names = [d.name for d in ready.drivers]
    parameters = {
        "drivers": names,
        "block_size": block_size,
        "confidence": confidence,
        "permutations": permutations,
        "seed": seed,
    }
    notes = [OPTIMISTIC] if permutations else []
    if left_out:
        notes.append(
            f"Left out, as every subset needs a tree: {', '.join(left_out)}, the drivers whose own zones have the smallest q "
            "in the whole sample. Name drivers to take others."
        )
    if permutations and sample.coordinates and sample.n > MOST_ROWS:
        notes.append(TOO_MANY)
    return OptimalZonesResult(
        method="optimal_zones",
        parameters=parameters,
        n=sample.n,
        notes=(*notes, *sample.caveats()),
        provenance=history_line("optimal_zones", n=sample.n, **parameters),
        variables=ready.variables(),
        shares=pd.DataFrame([row for one in found for row in one.share_rows()], columns=SHARE_COLUMNS),
        pairs=pd.DataFrame([row for one in found for row in one.pair_rows()], columns=PAIR_COLUMNS),
        zones=pd.DataFrame([row for one in found for row in one.zone_rows()], columns=ZONE_COLUMNS),
    )


def _taken(sample: PixelSample, named: Sequence[str] | None) -> tuple[PixelSample, list[str]]:
    """Return the sample with the drivers that are taken, and the titles of those left out for their number alone."""
    if named is not None:
        if isinstance(named, str) or not named:
            raise OptionError(f"drivers must be a list of drivers, got {named!r}")
        for name in named:
            choose(name, [d.name for d in sample.drivers], "each of drivers")
        wanted = set(named)
        if len(wanted) > MOST_DRIVERS:
            trees = 2 ** len(wanted) - 1
            raise OptionError(
                f"drivers must be at most {MOST_DRIVERS}, got {len(wanted)}: each of {trees:,} subsets needs a tree"
            )
    elif len(sample.drivers) > BY_DEFAULT:
        bins, y = _binned(sample), centred(sample.y)
        q = {d.name: single_q(y, bins, i) for i, d in enumerate(sample.drivers)}
        wanted = set(sorted(q, key=lambda name: (-q[name], name))[:BY_DEFAULT])
    else:
        return sample, []
    kept = tuple(d for d in sample.drivers if d.name in wanted)
    left = [] if named is not None else [d.title for d in sample.drivers if d.name not in wanted]
    return replace(sample, drivers=kept), left


def _binned(part: PixelSample) -> Binned:
    is_class = [d.kind == "categorical" for d in part.drivers]
    columns = [part.frame[d.name].cat.codes if c else part.frame[d.name] for d, c in zip(part.drivers, is_class, strict=True)]
    return binned([np.asarray(c, dtype=np.float64) for c in columns], is_class)


def shapley(values: dict[tuple[int, ...], float], m: int) -> Floats:
    """Return the Shapley share of each of m players.

    Parameters
    ----------
    values
        Value of every subset, as ascending tuples; that of the empty one is 0.
    m
        Number of players.

    Examples
    --------
    >>> shapley({(0,): 1.0, (1,): 2.0, (0, 1): 4.0}, 2).tolist()
    [1.5, 2.5]
    """
    weight = [factorial(s) * factorial(m - s - 1) / factorial(m) for s in range(m)]
    shares = np.zeros(m)
    for subset in subsets(m):
        for i in subset:
            rest = tuple(j for j in subset if j != i)
            shares[i] += weight[len(rest)] * (values[subset] - values.get(rest, 0.0))
    return shares


def subsets(m: int) -> Iterator[tuple[int, ...]]:
    """Iterate over all subsets of m players but the empty one, small ones first."""
    for size in range(1, m + 1):
        yield from combinations(range(m), size)


class _Group:
    """Trees of one group of rows."""

    def __init__(
        self, name: str, part: PixelSample, block_size: float | None, confidence: float, permutations: int, seed: int
    ) -> None:
        self.name, self.part, self.confidence, self.seed, self.permutations = name, part, confidence, seed, permutations
        self.head = {"group": name, "response": part.response.name}
        self.names = [d.name for d in part.drivers]
        y = centred(part.y)
        self.y = y / (float(np.abs(y).max()) or 1.0)
        self.bins = _binned(part)
        self.trees = {s: grow(self.y, self.bins, s) for s in subsets(len(self.names))}
        self.q = {s: tree_q(tree) for s, tree in self.trees.items()}
        self.shares = shapley(self.q, len(self.names))
        self.whole = tuple(range(len(self.names)))
        self.error, self.units = self._jackknife(block_size)

    def _jackknife(self, block_size: float | None) -> tuple[Floats, int]:
        """Return the standard error of each share, from leaving out one of ten groups of blocks at a time."""
        m = len(self.names)
        units = units_of(self.part, None, block_size, self.part.y[:, None]).codes
        count = int(units.max()) + 1
        if count < 2 * PARTS or not self.q[self.whole] > 0.0:
            return np.full(m, np.nan), count
        parts = folds_of(units, PARTS, np.random.default_rng(self.seed))
        without = []
        for part in range(PARTS):
            rows = np.flatnonzero(parts != part)
            without.append(shapley({s: tree_q(grow(self.y, self.bins, s, rows)) for s in self.q}, m))
        return np.asarray(np.sqrt((PARTS - 1.0) ** 2 / PARTS * np.var(without, axis=0, ddof=1))), count

    def _drawn(self, draws: Iterator[Floats]) -> Floats:
        """Return q of each driver's zones for every drawn response, shape (draws, drivers)."""
        found = [[single_q(y, self.bins, i) for i in self.whole] for block in draws for y in block]
        return np.array(found, dtype=np.float64).reshape(-1, len(self.names))

    def _p(self) -> list[dict[str, float]]:
        rng = [np.random.default_rng([self.seed, i]) for i in (1, 2)]
        naive = self._drawn(permutations(self.y, self.permutations, rng[0]))
        whole = self._drawn(spatial_draws(self.part, self.y, self.permutations, rng[1]))
        rows: list[dict[str, float]] = [{} for _ in self.names]
        for key, drawn in (("p", naive), ("p_eff", whole)):
            for i, row in enumerate(rows):
                q = self.q[(i,)]
                row[key] = search_p(q, drawn[:, i]) if len(drawn) else np.nan
                row[f"{key}_adjusted"] = search_p(q, drawn.max(axis=1)) if len(drawn) else np.nan
        return rows

    def share_rows(self) -> Iterator[dict[str, object]]:
        """Iterate over one row a driver."""
        total, n = self.q[self.whole], self.part.n
        reach = float(stats.t.ppf(0.5 + self.confidence / 2.0, PARTS - 1))
        tested = self._p() if self.y.any() else [{} for _ in self.names]
        for i, driver in enumerate(self.names):
            phi, error = float(self.shares[i]), float(self.error[i])
            note = "" if total > 0.0 else "no zones: no split explains 1 % of the response's variance in this group"
            yield self.head | {
                "driver": driver, "q": self.q[(i,)], "statistic": self.q[(i,)], "estimate": phi, "std_error": error,
                "ci_low": phi - reach * error, "ci_high": phi + reach * error,
                "share": phi / total if total > 0.0 else np.nan, "share_of": f"q of the zones of all drivers ({total:.3f})",
                "n": n, "n_units": self.units, "note": note,
            } | _size(self.trees[(i,)], self.q[(i,)], n) | tested[i]  # fmt: skip

    def pair_rows(self) -> Iterator[dict[str, object]]:
        """Iterate over one row a pair of drivers."""
        for i, j in combinations(self.whole, 2):
            q = self.q[(i, j)]
            yield self.head | {
                "driver": self.names[i], "driver_2": self.names[j], "q_driver": self.q[(i,)], "q_driver_2": self.q[(j,)],
                "q": q, "n": self.part.n,
            } | _size(self.trees[(i, j)], q, self.part.n)  # fmt: skip

    def zone_rows(self) -> Iterator[dict[str, object]]:
        """Iterate over the zones of all drivers, highest mean first."""
        tree, y = self.trees[self.whole], self.part.y
        found = [(words, y[leaf.rows]) for words, leaf in zip(self._rules(tree, self.bins), leaves(tree), strict=True)]
        for words, member in sorted(found, key=lambda zone: (-zone[1].mean(), zone[0])):
            yield self.head | {
                "level": words, "n": len(member), "share": len(member) / len(y), "share_of": "rows", "estimate": member.mean(),
                "std_error": member.std(ddof=1) / np.sqrt(len(member)) if len(member) > 1 else np.nan,
                "q": self.q[self.whole],
            }  # fmt: skip

    def _rules(self, tree: Node, bins: Binned) -> list[str]:
        classes: list[Sequence[str]] = [
            [str(c) for c in self.part.frame[d.name].cat.categories] if d.kind == "categorical" else []
            for d in self.part.drivers
        ]  # fmt: skip
        return rules(tree, bins, [d.title for d in self.part.drivers], classes)


def _size(tree: Node, q: float, n: int) -> dict[str, object]:
    cells = len(leaves(tree))
    return {"cells": cells, "epsilon2": 1.0 - (1.0 - q) * (n - 1) / (n - cells) if n > cells else np.nan}
