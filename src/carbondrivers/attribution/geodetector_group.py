"""One group of rows in the geodetector: its cuts, its moments, and the rows of each table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import stats

from carbondrivers.attribution.geodetector_bootstrap import epsilon2_interval, widened
from carbondrivers.attribution.geodetector_classic import Variant, classic_q, moved, wang2016
from carbondrivers.attribution.geodetector_moments import Codes, Moments, cell_moments, pair_moments, q_of
from carbondrivers.attribution.geodetector_null import Trial, chance_p
from carbondrivers.attribution.geodetector_pairs import additive, additive_form, ecological_test, non_additive_form
from carbondrivers.attribution.geodetector_risks import RiskTest, differences, spreads, stratum_means
from carbondrivers.attribution.geodetector_rows import Row, ecological_row, factor_row, interaction_row, strata_flaw
from carbondrivers.attribution.geodetector_spatial import (
    FACTOR_SIDE,
    PAIR_SIDE,
    Blocks,
    Places,
    centred_form,
    corrected_test,
    correlations,
    fitted_correlations,
    fixed_share,
    pieces,
    places_of,
    sums_among,
)
from carbondrivers.attribution.geodetector_tests import EQUAL, LEAST_DF, share_interval, welch_test
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.resampling import Bootstrap, Units, units_of
from carbondrivers.attribution.strata import StrataMethod, stratify
from carbondrivers.attribution.strata_borders import stratify_at
from carbondrivers.datasets.sample import PixelSample

PMethod = Literal["f", "welch", "permutation", "spatial", "wang2016"]
P_METHODS: tuple[PMethod, ...] = get_args(PMethod)
MOST_CROSSED = 2500
AS_GIVEN, AT_BORDERS = "classes as given", "borders as given"
TOO_FEW = "no corrected P: autocorrelation or unequal weights leave too few independent rows for so many strata"


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
        corrected = self._corrected(driver, q_of(moments))
        row |= self._published(moments) | corrected
        if corrected and tested and self.options.p_method != "spatial" and not np.isfinite(float(str(corrected["p_eff"]))):
            row["note"] = TOO_FEW
        if self.units is not None and tested:
            found = epsilon2_interval(self.y, cut.codes, cut.cells, self.units, self.options.bootstrap, self.weights)
            found = self._widened(found, driver)
            row |= {"epsilon2_low": found[0], "epsilon2_high": found[1]}
        return row

    def _widened(self, ends: tuple[float, float], driver: str) -> tuple[float, float]:
        """Return the interval of epsilon2 over blocks, wider by what neighbouring blocks share where rows have places."""
        where, moments = self.places.get(FACTOR_SIDE), self.moments[driver]
        if self.blocks is None or where is None or not np.isfinite(ends[0]):
            return ends
        # What each row adds to q, but for a factor.
        adds = (1.0 - q_of(moments)) * (self.y - moments.centre) ** 2 - (self.y - moments.mean[self.cuts[driver].codes]) ** 2
        spread = self.blocks.spread(fitted_correlations(adds, where)) if np.ptp(adds) > 1e-12 else 1.0
        return widened(ends, spread, self.blocks.count, self._pieces.get(driver, np.inf), self.options.bootstrap.confidence)

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

    def _corrected(self, driver: str, q: float) -> Row:
        where, cut = self.places.get(FACTOR_SIDE), self.cuts[driver]
        if where is None:
            return {}
        fields = [correlations(self.y, where)]
        residual = self._standard_residual(driver)
        fields += [] if residual is None else [fitted_correlations(residual, where)]
        among, moments = sums_among(where, fields, cut.codes, cut.cells, self.weights), self.moments[driver]
        self._among[driver] = among[1] if len(among) > 1 else None
        row: Row = dict(corrected_test(q, centred_form(among[0], moments.weight), cut.cells - 1, self.n - self.kish, self.kish))
        if len(among) > 1 and self.n_kish - cut.cells >= LEAST_DF:
            errors = among[1], fields[1].squares, self.kish
            self._pieces[driver] = pieces(moments, *errors)[1]
            row |= fixed_share(moments, *errors, self.options.bootstrap.confidence)
        return row

    def corrected_interval(self, row: Row) -> Row:
        """Return the interval of the share of a pair from its corrected F."""
        f, df, df_2 = (float(str(row[key])) for key in ("statistic_eff", "df_eff", "df_2_eff"))
        low, high = share_interval(f, df, df_2, df + df_2 + 1.0, self.options.bootstrap.confidence)
        return {"ci_eff_low": low, "ci_eff_high": high}

    def _standard_residual(self, driver: str) -> Floats | None:
        """Return the response within strata, in standard deviations of each stratum; None where it does not vary."""
        cut, moments = self.cuts[driver], self.moments[driver]
        sd = np.nan_to_num(spreads(moments))
        scaled = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 1e-9)
        found = (self.y - moments.mean[cut.codes]) * scaled[cut.codes]
        return found if found.any() else None

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
        self.among, self.squares = self._sums()

    def interaction(self) -> Row:
        """Return q of the crossing, its classic type, and the test of the non-additive part."""
        group, table, fit = self.group, self.table, self.fit
        level = group.options.bootstrap.confidence
        row = interaction_row(self._shares(), table, fit, group.total, group.n_kish, level)
        return row | self._corrected((fit.left + table.within) / group.total)

    def ecological(self) -> Row:
        """Return the test whether the two factors explain equally much, naive and corrected."""
        own, level = self._own(), self.group.options.bootstrap.confidence
        row = ecological_row(self.table, self.fit, own, level)
        if self.among is not None:
            fixed = ecological_test(self.table, self.fit, own, self.among, self.squares)
            reach = float(stats.norm.ppf(0.5 + level / 2.0)) * fixed["std_error"]
            row |= {"statistic_eff": fixed["statistic"], "p_eff": fixed["p"]}
            row |= {"ci_eff_low": fixed["estimate"] - reach, "ci_eff_high": fixed["estimate"] + reach}
        return row

    def _shares(self) -> tuple[float, float, float]:
        group = self.group
        if group.options.p_method == "wang2016":
            q1, q2, q = (classic_q(m, group.options.variant) for m in (self.one, self.two, self.table))
            return q1, q2, q
        q1, q2, q = (min(m.between / group.total, 1.0) for m in (self.one, self.two, self.table))
        return q1, q2, q

    def _corrected(self, rest: float) -> Row:
        group, fit, table = self.group, self.fit, self.table
        if self.among is None or fit.df < 1 or table.within <= EQUAL * group.total:
            return {}
        share = fit.left / (fit.left + table.within)
        form = non_additive_form(fit, self.among, table.weight.ravel())
        # What the additive fit took of an autocorrelated field is more than its rank.
        taken = float(np.trace(additive_form(fit, self.among, table.weight.ravel())))
        spare = group.n - max(taken, fit.rank * group.kish)
        row: Row = dict(corrected_test(share, form, fit.df, spare, group.kish))
        found = group.corrected_interval(row)
        low, high = (float(str(found[key])) * rest for key in ("ci_eff_low", "ci_eff_high"))
        row |= {"ci_eff_low": low, "ci_eff_high": high}
        return row

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

    def _sums(self) -> tuple[Floats | None, float]:
        """Return the sums of correlations among cells (None without places), and the squared ones over pairs of rows."""
        where = self.group.places.get(PAIR_SIDE)
        residual = self._residual() if where is not None else None
        if where is None or residual is None:
            return None, 0.0
        field = correlations(residual, where)
        return sums_among(where, [field], self._codes(), self.table.count.size, self.group.weights)[0], field.squares


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
