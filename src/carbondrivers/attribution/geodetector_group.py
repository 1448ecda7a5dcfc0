"""One group of rows in the geodetector: its cuts, its moments, and the rows of each table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from carbondrivers.attribution.geodetector_bootstrap import epsilon2_interval
from carbondrivers.attribution.geodetector_classic import Variant, classic_q, moved, wang2016
from carbondrivers.attribution.geodetector_corrected import (
    TOO_FEW,
    Errors,
    corrected_ecological,
    corrected_factor,
    corrected_interaction,
    pair_correlations,
    widened_interval,
)
from carbondrivers.attribution.geodetector_moments import Codes, Moments, cell_moments, flat, pair_moments
from carbondrivers.attribution.geodetector_near import Ends
from carbondrivers.attribution.geodetector_null import Trial, chance_p
from carbondrivers.attribution.geodetector_pairs import additive
from carbondrivers.attribution.geodetector_risks import RiskTest, differences, stratum_means
from carbondrivers.attribution.geodetector_row_draws import RowDraws
from carbondrivers.attribution.geodetector_rows import Row, ecological_row, factor_row, interaction_row, strata_flaw
from carbondrivers.attribution.geodetector_spatial import FACTOR_SIDE, PAIR_SIDE, Blocks, Places, places_of
from carbondrivers.attribution.geodetector_sums import CellSums, FactorSums
from carbondrivers.attribution.geodetector_tests import EQUAL, welch_test
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.resampling import Bootstrap, Units, units_of
from carbondrivers.attribution.strata import StrataMethod, stratify
from carbondrivers.attribution.strata_borders import stratify_at
from carbondrivers.datasets.sample import PixelSample

PMethod = Literal["f", "welch", "permutation", "spatial", "wang2016"]
P_METHODS: tuple[PMethod, ...] = get_args(PMethod)
MOST_CROSSED = 2500
AS_GIVEN, AT_BORDERS = "classes as given", "borders as given"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    method: StrataMethod
    classes: int
    borders: Mapping[str, Sequence[float]]
    p_method: PMethod
    variant: Variant
    bootstrap: Bootstrap
    block_size: float | None
    risk_test: RiskTest


@dataclass(frozen=True, slots=True)
class Cut:
    """One driver cut into strata: codes (n,), names, borders, how, and why it cannot be used (empty where it can)."""

    codes: Codes
    names: list[str]
    borders: Floats | None
    method: str
    flaw: str

    @property
    def cells(self) -> int:
        """Number of strata."""
        return len(self.names)


class Group:
    """The detectors on one group of rows.

    Parameters
    ----------
    name
        Of the group.
    part
        Its rows.
    options
        As asked for.
    """

    def __init__(self, name: str, part: PixelSample, options: Options) -> None:
        self.head: Row = {"group": name, "response": part.response.name}
        self.part, self.options, self.n = part, options, part.n
        self.y, self.origin, self.scale = standardise(part.y)
        self.weights = _weights(part)
        self.kish = 1.0 if self.weights is None else float((self.weights**2).mean())
        self.total = _sum_of_squares(self.y, self.weights)
        self.cuts = {d.name: self._cut(part.frame[d.name]) for d in part.drivers}
        self.moments = {d: cell_moments(self.y, cut.codes, cut.cells, self.weights) for d, cut in self.cuts.items()}
        self.places = {side: _places(part, side) for side in (FACTOR_SIDE, PAIR_SIDE)} if self.total > 0.0 else {}
        self.near = self._near()
        self.units = self._units()
        where = self.places.get(FACTOR_SIDE)
        self.blocks = None if self.units is None or where is None else Blocks.of(where, self.units.codes, self.weights)
        self._among: dict[str, Floats | None] = {}
        self._pieces: dict[str, float] = {}

    @property
    def n_kish(self) -> float:
        """Rows; with weights as many rows of equal weight as they are worth."""
        return self.n / self.kish

    @property
    def draws(self) -> bool:
        """Whether P come from data drawn anew."""
        return self.options.p_method in ("permutation", "spatial")

    def factor_rows(self) -> list[Row]:
        """Return one row a driver."""
        rows = [self.head | {"driver": d, "n": self.n, "method": self.cuts[d].method} | self._factor(d) for d in self.cuts]
        judged = [row for row in rows if self.draws and np.isfinite(float(str(row.get("statistic", np.nan))))]
        self.put_chance(judged, [self._trial(str(row["driver"])) for row in judged])
        return rows

    def put_chance(self, rows: list[Row], trials: list[Trial]) -> None:
        """Write the P of permutations or of the spatial null into rows, where it was asked for.

        A group whose rows all lie in one place has no spatial null.
        """
        chosen, places = self.options.p_method, None
        if not trials or (chosen == "spatial" and self.places.get(FACTOR_SIDE) is None):
            return
        if chosen == "spatial":
            places = self.part.frame[list(self.part.coordinates or ())].to_numpy(dtype=np.float64)
        found = chance_p(
            trials, order=self._order(), xy=places, geographic=self.part.is_geographic,
            replicates=self.options.bootstrap.replicates, seed=self.options.bootstrap.seed,
        )  # fmt: skip
        for row, p in zip(rows, found, strict=True):
            row.update({"p_eff": p} if chosen == "spatial" else {"p": p, "log10_p": float(np.log10(p))})

    def pair_tables(self) -> dict[tuple[str, str], Moments]:
        """Return the moments of every crossing that can be tested."""
        usable = {d: cut for d, cut in self.cuts.items() if not cut.flaw and cut.cells <= MOST_CROSSED // 2}
        sizes = {d: cut.cells for d, cut in usable.items()}
        found = pair_moments(self.y, {d: cut.codes for d, cut in usable.items()}, sizes, self.weights)
        return {pair: table for pair, table in found.items() if table.count.size <= MOST_CROSSED}

    def pair_rows(self) -> tuple[list[Row], list[Row]]:
        """Return one row a pair: interaction, and ecological detector."""
        tables = self.pair_tables()
        interactions, ecological = [], []
        judged, trials = [], []
        for one, two in combinations(self.cuts, 2):
            head = self.head | {"driver": one, "driver_2": two, "n": self.n}
            if (one, two) not in tables:
                why = self.cuts[one].flaw or self.cuts[two].flaw or f"undefined: more than {MOST_CROSSED:,} crossed strata"
                interactions.append(head | {"interaction_classic": "", "note": why})
                ecological.append(head | {"note": why})
                continue
            pair = Pair(self, (one, two), tables[one, two])
            interactions.append(head | pair.interaction())
            ecological.append(head | pair.ecological())
            if self.draws and np.isfinite(float(str(interactions[-1]["statistic"]))):
                judged.append(interactions[-1])
                trials.append(pair.trial())
        self.put_chance(judged, trials)
        return interactions, ecological

    def strata_columns(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Iterate over drivers: columns of the strata with their means, and of the differences of every two of them."""
        for driver, cut in self.cuts.items():
            moments = moved(self.moments[driver], self.origin, self.scale)
            among, level = self._risk_among(driver), self.options.bootstrap.confidence
            head: dict[str, Any] = self.head | {"driver": driver}
            means = head | {"level": cut.names, "method": cut.method} | stratum_means(moments, among, level)
            lower, upper = (np.nan, np.nan) if cut.borders is None else _borders(cut.borders, cut.cells)
            apart = differences(moments, among, self.options.risk_test, level)
            named = {"level": [cut.names[i] for i in apart["one"]], "level_2": [cut.names[i] for i in apart["two"]]}
            yield means | {"lower": lower, "upper": upper}, head | apart | named

    def _factor(self, driver: str) -> Row:
        cut, moments, level = self.cuts[driver], self.moments[driver], self.options.bootstrap.confidence
        if cut.flaw:
            return {"note": cut.flaw}
        row = factor_row(moments, self.n_kish, level)
        tested = bool(np.isfinite(float(str(row["statistic"]))))
        sums = self._sums(driver)
        corrected = {} if sums is None else self._corrected(driver, sums)
        row |= self._published(moments) | corrected
        if corrected and tested and self.options.p_method != "spatial" and not np.isfinite(float(str(corrected["p_eff"]))):
            row["note"] = TOO_FEW
        if self.units is not None and tested:
            found = epsilon2_interval(self.y, cut.codes, cut.cells, self.units, self.options.bootstrap, self.weights)
            if sums is not None and self.blocks is not None:
                found = widened_interval(found, sums, moments, self.blocks, self._pieces[driver], level)
            row |= {"epsilon2_low": found[0], "epsilon2_high": found[1]}
        return row

    def _published(self, moments: Moments) -> Row:
        """Return another test than the central F, where it was asked for; q too where a package computes another one."""
        if self.options.p_method == "welch":
            return dict(welch_test(moments))
        if self.options.p_method == "wang2016":
            return dict(wang2016(moved(moments, self.origin, self.scale), self.options.variant))
        return {}

    def _trial(self, driver: str) -> Trial:
        weight = self.moments[driver].weight
        return Trial(self.y, self.cuts[driver].codes, weight, np.sqrt(weight / weight.sum())[:, None], self.weights)

    def _order(self) -> Codes:
        """Return the rows in an order of their own: places, response, strata."""
        places = [self.part.frame[c].to_numpy() for c in self.part.coordinates or ()]
        return np.lexsort([*(cut.codes for cut in self.cuts.values()), self.y, *places]).astype(np.int64)

    def _sums(self, driver: str) -> FactorSums | None:
        """Return the sums of one factor over lattice cells; None where rows have no places."""
        where, cut = self.places.get(FACTOR_SIDE), self.cuts[driver]
        if where is None:
            return None
        ends = self.ends(FACTOR_SIDE, cut.codes)
        return FactorSums.of_factor(where, self.y, cut.codes, self.moments[driver], self.weights, ends)

    def ends(self, side: int, codes: Codes) -> Ends | None:
        """Return what stands at the ends of near pairs of rows, in the strata of `codes`, (n,), where a lattice needs them."""
        return None if self.near is None else self.near.ends(side, codes)

    def _near(self) -> RowDraws | None:
        """Return near pairs of rows; None where no lattice is coarser than the grid that they lie on."""
        if not any(self.places.values()):
            return None
        xy = self.part.frame[list(self.part.coordinates or ())].to_numpy(dtype=np.float64)
        seed, geographic = self.options.bootstrap.seed, self.part.is_geographic
        found = RowDraws(xy, self.y, self.weights, self._order, list(self.places), geographic=geographic, seed=seed)
        return found if found.coarse else None

    def _corrected(self, driver: str, sums: FactorSums) -> Row:
        level = self.options.bootstrap.confidence
        row, self._among[driver], self._pieces[driver] = corrected_factor(sums, self.moments[driver], self.n, self.kish, level)
        return row

    def _risk_among(self, driver: str) -> Floats | None:
        return self._among.get(driver)

    def _cut(self, column: pd.Series) -> Cut:
        own = self.options.borders.get(str(column.name))
        if own is None:
            codes, names, borders = _as_given(column) or stratify(column, self.options.method, self.options.classes)
            how = AS_GIVEN if borders is None else f"{self.options.method}, {len(names)} classes"
        else:
            codes, names, borders = stratify_at(column, own)
            how = AT_BORDERS
        flaw = strata_flaw(len(names), self.n, self.total > 0.0)
        return Cut(codes, names, borders, how, flaw)

    def _units(self) -> Units | None:
        wanted = self.part.coordinates is not None or self.options.block_size is not None
        if not wanted or self.n < 3 or self.total == 0.0:
            return None
        return units_of(self.part, None, self.options.block_size, self.y[:, None])


class Pair:
    """One crossing: its additive fit, and what stands between its cells where rows have places."""

    def __init__(self, group: Group, pair: tuple[str, str], table: Moments) -> None:
        self.group, self.pair, self.table = group, pair, table
        self.fit = additive(table)
        self.one, self.two = (group.moments[d] for d in pair)
        self.errors = self._errors()

    def interaction(self) -> Row:
        """Return q of the crossing, its classic type, and the test of the non-additive part."""
        group, table, fit = self.group, self.table, self.fit
        level = group.options.bootstrap.confidence
        row = interaction_row(self._shares(), table, fit, group.total, group.n_kish, level)
        if self.errors is None:
            return row
        return row | corrected_interaction(table, fit, self.errors, group.total, group.kish, level)

    def ecological(self) -> Row:
        """Return the test whether the two factors explain equally much, naive and corrected."""
        own, level = self._own(), self.group.options.bootstrap.confidence
        row = ecological_row(self.table, self.fit, own, level)
        return row if self.errors is None else row | corrected_ecological(self.table, self.fit, self.errors, own, level)

    def _shares(self) -> tuple[float, float, float]:
        group = self.group
        if group.options.p_method == "wang2016":
            q1, q2, q = (classic_q(m, group.options.variant) for m in (self.one, self.two, self.table))
            return q1, q2, q
        q1, q2, q = (min(m.between / group.total, 1.0) for m in (self.one, self.two, self.table))
        return q1, q2, q

    def trial(self) -> Trial:
        """Return the non-additive part as a share of what the additive fit leaves."""
        residual = self._residual()
        field = np.zeros(self.group.n) if residual is None else residual
        return Trial(field, self._codes(), self.table.weight.ravel(), self.fit.basis, self.group.weights)

    def _codes(self) -> Codes:
        one, two = (self.group.cuts[d] for d in self.pair)
        return one.codes * two.cells + two.codes

    def _residual(self) -> Floats | None:
        """Return what the additive fit leaves of each row; None where it leaves nothing."""
        if self.fit.left + self.table.within <= EQUAL * self.group.total:
            return None
        return self.group.y - self.fit.fitted.ravel()[self._codes()]

    def _own(self) -> Floats:
        if self.group.weights is None:
            return self.table.count.ravel().astype(np.float64)
        return np.bincount(self._codes(), self.group.weights**2, minlength=self.table.count.size).astype(np.float64)

    def _errors(self) -> Errors | None:
        group, where = self.group, self.group.places.get(PAIR_SIDE)
        if where is None:
            return None
        codes, cells = self._codes(), self.table.count.size
        plain = flat(self.table) if group.weights is None else cell_moments(group.y, codes, cells)
        sums = CellSums.of_rows(where, group.y, codes, plain, group.weights, group.ends(PAIR_SIDE, codes))
        return pair_correlations(sums, self.table, self.fit, group.total)


def standardise(y: Floats) -> tuple[Floats, float, float]:
    """Return y (n,) centred and scaled, so that sums of squares keep their digits at any origin and unit; origin and scale."""
    spread = float(np.ptp(y))
    scale = spread if spread > 0.0 else 1.0
    centre = float(y.mean())
    scaled = (y - centre) / scale
    again = float(scaled.mean())
    return np.asarray(scaled - again, dtype=np.float64), centre + again * scale, scale


def _sum_of_squares(y: Floats, weights: Floats | None) -> float:
    if weights is None:
        return float((y**2).sum())
    centre = float((weights * y).sum()) / float(weights.sum())
    return float((weights * (y - centre) ** 2).sum())


def _weights(part: PixelSample) -> Floats | None:
    if part.weights is None:
        return None
    weights = part.frame[part.weights].to_numpy(dtype=np.float64)
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def _as_given(column: pd.Series) -> tuple[Codes, list[str], Floats | None] | None:
    """Return the strata of a categorical column all of whose classes occur, which needs no sorting; else None."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return None
    codes: Codes = np.asarray(column.cat.codes, dtype=np.int64)
    names = [str(c) for c in column.cat.categories]
    return (codes, names, None) if len(names) and np.bincount(codes, minlength=len(names)).all() else None


def _places(part: PixelSample, side: int) -> Places | None:
    if part.coordinates is None or part.n < 3:
        return None
    xy = part.frame[list(part.coordinates)].to_numpy(dtype=np.float64)
    return places_of(xy, side, geographic=part.is_geographic) if np.ptp(xy, axis=0).any() else None


def _borders(borders: Floats, cells: int) -> tuple[Floats, Floats]:
    return borders[:cells], borders[np.minimum(np.arange(cells) + 1, len(borders) - 1)]
