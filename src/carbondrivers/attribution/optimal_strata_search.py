"""The surfaces of one group of rows for ``optimise_strata``: cuts, cross-validation, choice, permutation p."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from carbondrivers.attribution.geodetector_moments import cell_moments, q_of
from carbondrivers.attribution.inference import Floats, centred
from carbondrivers.attribution.resampling import units_of
from carbondrivers.attribution.spatial_null import spatial_draws
from carbondrivers.attribution.strata import SearchMethod, class_names, with_ends
from carbondrivers.attribution.strata_kernels import Codes, Ordered, ordered, stops
from carbondrivers.attribution.strata_peers import BreakRules, gd_borders, gdverse_stops, peer_q
from carbondrivers.attribution.strata_search import (
    Cut,
    folds_of,
    held_out,
    largest_q,
    loess_choice,
    permutations,
    search_p,
    surface,
)
from carbondrivers.datasets.sample import PixelSample

Selection = Literal["max_q", "one_se", "loess", "cv"]
SELECTIONS: tuple[Selection, ...] = get_args(Selection)
GIVEN = "classes as given"


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The checked options."""

    methods: tuple[SearchMethod, ...]
    classes: tuple[int, int]
    selection: Selection
    rules: BreakRules
    folds: int
    block_size: float | None
    min_size: int
    permutations: int
    seed: int


class Search:
    """The surfaces of one group of rows, and the choice on each."""

    def __init__(self, name: str, part: PixelSample, options: SearchOptions) -> None:
        self.name, self.part, self.options = name, part, options
        y = centred(part.y)
        self.y = y / (float(np.abs(y).max()) or 1.0)
        self.head = {"group": name, "response": part.response.name}
        values = {d.name: part.frame[d.name].to_numpy(dtype=np.float64) for d in part.continuous}
        usable = len(self.y) >= 2 * options.min_size and bool(self.y.any())
        self.rows = {d: ordered(x) for d, x in values.items() if usable and np.ptp(x) > 0.0}
        self.cuts = {d: _cuts(rows, self.y, options) for d, rows in self.rows.items()}
        self.folds, self.units = self._deal()
        self.crossed = {d: self._cross_validated(d) for d in self.rows}
        self.best = {d: choice(self.cuts[d], *self.crossed[d], options.selection) for d in self.rows}
        self.p, self.p_family = self._tested(self._permuted())
        self.p_eff, self.p_eff_family = self._tested(self._moved())

    def _deal(self) -> tuple[Codes | None, int]:
        part, options = self.part, self.options
        if not self.rows or options.rules != "own":
            return None, 0
        block = options.block_size if part.coordinates else None
        units = units_of(part, None, block, part.y[:, None]).codes
        count = int(units.max()) + 1
        if count < 2 * options.folds:
            return None, count
        return folds_of(units, options.folds, np.random.default_rng(options.seed)), count

    def _cross_validated(self, driver: str) -> tuple[Floats, Floats]:
        if self.folds is None:
            return (np.full(len(self.cuts[driver]), np.nan),) * 2
        o = self.options
        return held_out(self.rows[driver], self.y, self.folds, o.methods, o.classes, o.min_size)

    def _permuted(self) -> Iterator[Floats]:
        return permutations(self.y, self.options.permutations, np.random.default_rng([self.options.seed, 1]))

    def _moved(self) -> Iterator[Floats]:
        return spatial_draws(self.part, self.y, self.options.permutations, np.random.default_rng([self.options.seed, 2]))

    def _tested(self, draws: Iterator[Floats]) -> tuple[dict[str, float], dict[str, float]]:
        """Return the p of each driver's largest q, alone and over all drivers."""
        o = self.options
        if o.rules != "own" or not self.rows:
            return {}, {}
        drawn = {d: [np.empty(0)] for d in self.rows}
        for block in draws:
            for d, rows in self.rows.items():
                drawn[d].append(largest_q(rows, self.cuts[d], block, o.methods, o.classes, o.min_size))
        each = {d: np.concatenate(parts) for d, parts in drawn.items()}
        if not len(next(iter(each.values()))):
            return {}, {}
        family = np.max(list(each.values()), axis=0)
        top = {d: max(cut.q for cut in self.cuts[d]) for d in self.rows}
        return {d: search_p(top[d], each[d]) for d in each}, {d: search_p(top[d], family) for d in each}

    def surface_rows(self) -> Iterator[dict[str, object]]:
        """Iterate over the rows of the surface."""
        for d, cuts in self.cuts.items():
            for i, (cut, q_cv, error) in enumerate(zip(cuts, *self.crossed[d], strict=True)):
                head = self.head | {"driver": d, "chosen": i == self.best[d]}
                yield head | self._of(cut) | {"q_cv": q_cv, "std_error": error}

    def _of(self, cut: Cut) -> dict[str, object]:
        n, cells = len(self.y), cut.cells
        epsilon2 = 1.0 - (1.0 - cut.q) * (n - 1) / (n - cells) if n > cells else np.nan
        return {"method": cut.method, "classes": cut.classes, "cells": cells, "q": cut.q, "epsilon2": epsilon2, "n": n}

    def chosen_rows(self) -> Iterator[dict[str, object]]:
        """Iterate over one row a driver."""
        for driver in self.part.drivers:
            d, head = driver.name, self.head | {"driver": driver.name}
            if driver.kind == "categorical":
                yield head | self._given(d)
            elif d not in self.rows:
                yield head | {"n": self.part.n, "note": "undefined: constant, or too few rows for two classes in this group"}
            else:
                i, (q_cv, error) = self.best[d], self.crossed[d]
                yield head | self._of(self.cuts[d][i]) | {
                    "q_cv": q_cv[i], "std_error": error[i], "statistic": max(cut.q for cut in self.cuts[d]),
                    "p": self.p.get(d, np.nan), "p_adjusted": self.p_family.get(d, np.nan), "n_units": self.units,
                    "p_eff": self.p_eff.get(d, np.nan), "p_eff_adjusted": self.p_eff_family.get(d, np.nan),
                    "note": self._note(self.cuts[d][i].q),
                }  # fmt: skip

    def _note(self, q: float) -> str:
        if not np.isfinite(q):
            return f"undefined: no rule of {self.options.rules} cuts this driver into classes of two rows or more"
        if self.options.rules != "own" or self.folds is not None:
            return ""
        return f"chosen by the largest q: {self.units} blocks are too few for {self.options.folds} folds"

    def _given(self, driver: str) -> dict[str, object]:
        column = self.part.frame[driver].cat
        cells = len(column.categories)
        row: dict[str, object] = {"method": GIVEN, "cells": cells, "n": self.part.n, "note": ""}
        if cells < 2 or not self.y.any():
            return row | {"note": "undefined: a single stratum or a constant response in this group"}
        q = q_of(cell_moments(self.y, column.codes.to_numpy(dtype=np.int64), cells))
        n = self.part.n
        return row | {"q": q, "epsilon2": 1.0 - (1.0 - q) * (n - 1) / (n - cells) if n > cells else np.nan}

    def strata_rows(self) -> Iterator[dict[str, object]]:
        """Iterate over the classes of the chosen cuts."""
        for driver in self.part.drivers:
            d, head = driver.name, self.head | {"driver": driver.name}
            column = self.part.frame[d]
            if driver.kind == "categorical":
                names = [str(c) for c in column.cat.categories]
                yield from (
                    head | row for row in stratum_means(self.part.y, np.asarray(column.cat.codes, dtype=np.int64), names, None)
                )
            elif d in self.rows:
                cut = self.cuts[d][self.best[d]]
                borders = with_ends(self.rows[d], cut.inner)
                codes = np.searchsorted(cut.inner, column.to_numpy(dtype=np.float64), side="left").astype(np.int64)
                how = f"{cut.method}, {cut.classes} classes"
                yield from (
                    head | row | {"method": how} for row in stratum_means(self.part.y, codes, class_names(borders), borders)
                )


def stratum_means(y: Floats, codes: Codes, names: Sequence[str], borders: Floats | None) -> Iterator[dict[str, object]]:
    """Iterate over the classes of a cut: name, borders, n, mean response and its standard error."""
    found = cell_moments(y, codes, len(names))
    for i, name in enumerate(names):
        n = int(found.count[i])
        error = np.sqrt(found.square[i] / (n - 1) / n) if n > 1 else np.nan
        lower, upper = (np.nan, np.nan) if borders is None else (borders[i], borders[i + 1])
        yield {
            "level": name, "lower": lower, "upper": upper, "n": n, "estimate": found.mean[i], "std_error": error,
            "method": GIVEN,
        }  # fmt: skip


def _cuts(rows: Ordered, y: Floats, options: SearchOptions) -> list[Cut]:
    if options.rules == "own":
        return surface(rows, y, options.methods, options.classes, options.min_size)
    cuts = []
    for method in options.methods:
        for k in range(options.classes[0], options.classes[1] + 1):
            if options.rules == "gd":
                inner = gd_borders(rows, method, k)[1:-1]
            else:
                inner = rows.distinct[gdverse_stops(rows, method, k)[:-1] - 1]
            cuts.append(Cut(method, k, inner, stops(rows, inner), peer_q(rows, y, method, k, options.rules)))
    return cuts


def choice(cuts: Sequence[Cut], crossed: Floats, error: Floats, selection: Selection) -> int:
    """Return the position of the chosen cut; the largest q where cross-validation was not possible."""
    # A cut that leaves one class is no answer, unless there is no other.
    real = np.array([cut.cells > 1 for cut in cuts])
    real = real if real.any() else ~real
    q = np.where(real, np.nan_to_num(np.array([cut.q for cut in cuts]), nan=-np.inf), -np.inf)
    if selection == "loess":
        return _by_loess(cuts, q)
    if selection == "max_q" or np.isnan(crossed).all():
        return int(np.argmax(q))
    crossed = np.where(real, crossed, -np.inf)
    best = int(np.nanargmax(crossed))
    if selection == "cv":
        return best
    near = np.flatnonzero(crossed >= crossed[best] - error[best]).tolist()
    return int(min(near, key=lambda i: (cuts[i].cells, -crossed[i], i)))


def _by_loess(cuts: Sequence[Cut], q: Floats) -> int:
    found = []
    for method in dict.fromkeys(cut.method for cut in cuts):
        rows = np.array([i for i, cut in enumerate(cuts) if cut.method == method and np.isfinite(q[i])], dtype=np.int64)
        if len(rows):
            sizes = np.array([cuts[i].classes for i in rows], dtype=np.float64)
            found.append(int(rows[loess_choice(q[rows], sizes)]))
    return max(found, key=lambda i: (q[i], -i)) if found else 0
