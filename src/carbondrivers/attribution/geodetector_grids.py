"""Geodetector of grids that are too large for memory: blocks of a raster stream through the same moments, exactly.

Each block of the response and of the strata gives moments of cells, and moments merge exactly (``geodetector_moments``), so the
answer is that of the whole grid in the memory of one block. The strata are read once more beforehand, to know their numbers.
Blocks of the grid are also what the interval of epsilon2 is resampled from.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.geodetector import (
    ECOLOGICAL_COLUMNS,
    FACTOR_COLUMNS,
    RISK_COLUMNS,
    GeodetectorResult,
    adjusted,
    ecological_table,
    pair_table,
    stacked,
    strata_table,
)
from carbondrivers.attribution.geodetector_bootstrap import interval_of_sums
from carbondrivers.attribution.geodetector_group import MOST_CROSSED
from carbondrivers.attribution.geodetector_moments import Codes, Moments, cell_moments, merge, pair_moments, q_of
from carbondrivers.attribution.geodetector_pairs import additive
from carbondrivers.attribution.geodetector_risks import RISK_TESTS, RiskTest, differences, stratum_means
from carbondrivers.attribution.geodetector_rows import Row, ecological_row, factor_row, interaction_row, strata_flaw
from carbondrivers.attribution.inference import ADJUSTMENTS, NAIVE_P
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import Bootstrap, bootstrap_of
from carbondrivers.datasets.blocks import in_blocks
from carbondrivers.errors import DataError, choose
from carbondrivers.provenance import history_line

LARGEST_CODE = 4096
NO_CORRECTED = (
    "Streamed grids have naive P only; the interval of epsilon2 is from resampled blocks of the grid. For P that know about "
    "spatial autocorrelation draw a sample of the grid and use it."
)


@register(
    "geodetector_grids",
    title="Geodetector of whole grids",
    takes="grids",
    result=GeodetectorResult,
    version="1",
    citation="Wang, J.F. et al. (2016). A measure of spatial stratified heterogeneity. Ecological Indicators 67, 250-256.",
)
def detect_grids(
    response: xr.DataArray,
    strata: Mapping[str, xr.DataArray],
    *,
    names: Mapping[str, Mapping[int, str]] | None = None,
    risk_test: RiskTest = "welch",
    adjust: str = "bh",
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> GeodetectorResult:
    """Detect which grids of classes, and which pairs of them, stratify a response, block by block.

    Parameters
    ----------
    response
        Dimensions (y, x), lazy or in memory; NaN where there is no value.
    strata
        Driver to a grid of whole numbers from 0 to 4096 on the same cells; NaN and negative numbers are no class.
    names
        Driver to the name of each number; the number itself by default.
    risk_test, adjust, confidence, replicates, seed
        As for ``detect``.

    Raises
    ------
    DataError
        If a grid is not of two dimensions, the grids differ in shape, a class is no whole number, or no cell has all.
    OptionError
        If an option is outside its list or range.

    Examples
    --------
    >>> y = xr.DataArray(np.array([[1.0, 2.0, 5.0, 6.0]]), dims=("y", "x"), name="nep")
    >>> found = detect_grids(y, {"zone": xr.DataArray(np.array([[0, 0, 1, 1]]), dims=("y", "x"))})
    >>> round(float(found.factors["q"][0]), 4)
    0.9412
    """
    choose(risk_test, RISK_TESTS, "risk_test")
    choose(adjust, ADJUSTMENTS, "adjust")
    bootstrap = bootstrap_of(replicates, confidence, seed)
    grids = {driver: _checked(strata[driver], f"strata of {driver!r}") for driver in sorted(strata)}
    if not grids:
        raise DataError("no strata are given: name at least one, as strata={'land_cover': grid}")
    passed = _Pass(_checked(response, "response"), grids)
    parameters: dict[str, object] = {
        "risk_test": risk_test, "adjust": adjust, "confidence": confidence, "replicates": replicates,
    }  # fmt: skip
    name = str(response.name or "response")
    return GeodetectorResult(
        method="geodetector_grids",
        parameters=parameters,
        n=passed.n,
        notes=(NAIVE_P, NO_CORRECTED, f"Cells without a value or a class: {passed.missing:,}; they are left out everywhere."),
        provenance=history_line("geodetector_grids", n=passed.n, **parameters),
        variables=_variables(name, response, list(grids)),
        dropped=pd.DataFrame({"driver": [""], "n": [passed.missing], "note": ["cells without a value or a class"]}),
        **_tables(passed, {"group": "all", "response": name}, names or {}, bootstrap, (risk_test, adjust)),
    )


def _checked(grid: xr.DataArray, what: str) -> xr.DataArray:
    if not isinstance(grid, xr.DataArray) or set(grid.dims) != {"y", "x"}:
        got = f"dimensions {tuple(map(str, grid.dims))}" if isinstance(grid, xr.DataArray) else type(grid).__name__
        raise DataError(f"{what} must be an xarray.DataArray with the dimensions y and x, got {got}")
    return grid.transpose("y", "x")


class _Pass:
    """Two walks over the grids: which classes there are, and the moments of their cells."""

    def __init__(self, response: xr.DataArray, grids: Mapping[str, xr.DataArray]) -> None:
        self.drivers = list(grids)
        self.classes = self._classes(grids)
        self.size = {d: len(found) for d, found in self.classes.items()}
        self.blocks: list[dict[str, Moments]] = []
        self.pairs: dict[tuple[str, str], Moments] = {}
        self.missing = 0
        for _, (values, *layers) in in_blocks(response, *grids.values()):
            self._add(np.asarray(values, dtype=np.float64).ravel(), [np.asarray(layer).ravel() for layer in layers])
        if not self.blocks:
            raise DataError("no cell has a response and a class of every driver: check that the grids lie on one another")
        self.factors = {d: _merged([block[d] for block in self.blocks]) for d in self.drivers}
        self._drop_empty()

    @property
    def n(self) -> int:
        """Number of cells with everything."""
        return next(iter(self.factors.values())).n

    def _classes(self, grids: Mapping[str, xr.DataArray]) -> dict[str, Codes]:
        seen = {d: np.zeros(LARGEST_CODE + 1, dtype=bool) for d in grids}
        for _, layers in in_blocks(*grids.values()):
            for driver, layer in zip(grids, layers, strict=True):
                values = np.asarray(layer)
                known = values[np.isfinite(values) & (values >= 0)] if values.dtype.kind == "f" else values[values >= 0]
                if known.size and (known.max() > LARGEST_CODE or (known != np.floor(known)).any()):
                    raise DataError(
                        f"strata of {driver!r} must be whole numbers from 0 to {LARGEST_CODE}: cut it into classes first"
                    )
                seen[driver][np.unique(known).astype(np.int64)] = True
        return {d: np.flatnonzero(there).astype(np.int64) for d, there in seen.items()}

    def _add(self, y: NDArray[np.float64], layers: list[NDArray[Any]]) -> None:
        if np.isinf(y).any():
            raise DataError("the response has infinite values: set them to NaN, or mend what made them")
        keep = np.isfinite(y)
        for layer in layers:
            keep &= (np.isfinite(layer) if layer.dtype.kind == "f" else True) & (layer >= 0)
        self.missing += int((~keep).sum())
        if not keep.any():
            return
        y, codes = y[keep], {}
        for driver, layer in zip(self.drivers, layers, strict=True):
            place = np.zeros(LARGEST_CODE + 1, dtype=np.int64)
            place[self.classes[driver]] = np.arange(self.size[driver])
            codes[driver] = place[layer[keep].astype(np.int64)]
        self.blocks.append({d: cell_moments(y, codes[d], self.size[d]) for d in self.drivers})
        crossed = {d: c for d, c in codes.items() if self.size[d] <= MOST_CROSSED // 2}
        for pair, table in pair_moments(y, crossed, self.size).items():
            self.pairs[pair] = merge(self.pairs[pair], table) if pair in self.pairs else table

    def _drop_empty(self) -> None:
        """Leave out classes that only occur where something else is missing."""
        kept = {driver: self.factors[driver].count > 0 for driver in self.drivers}
        self.pairs = {pair: _taken(table, np.ix_(*(kept[d] for d in pair))) for pair, table in self.pairs.items()}
        for driver, there in kept.items():
            self.classes[driver] = self.classes[driver][there]
            self.factors[driver] = _taken(self.factors[driver], there)
            self.blocks = [block | {driver: _taken(block[driver], there)} for block in self.blocks]


def _taken(moments: Moments, there: Any) -> Moments:
    return Moments(moments.count[there], moments.weight[there], moments.mean[there], moments.square[there])


def _merged(parts: list[Moments]) -> Moments:
    whole = parts[0]
    for part in parts[1:]:
        whole = merge(whole, part)
    return whole


def _tables(
    passed: _Pass, head: Row, names: Mapping[str, Mapping[int, str]], bootstrap: Bootstrap, how: tuple[RiskTest, str]
) -> dict[str, pd.DataFrame]:
    level, adjust = bootstrap.confidence, how[1]
    one = next(iter(passed.factors.values()))
    whole = one.between + one.within
    flaws = {d: strata_flaw(len(m.count), passed.n, whole > 0.0) for d, m in passed.factors.items()}
    factors = [
        head | {"driver": d, "n": passed.n, "method": "classes as given"} | _factor(passed, d, flaws[d], bootstrap)
        for d in passed.drivers
    ]
    pairs, ecological = [], []
    for pair in combinations(passed.drivers, 2):
        row = head | {"driver": pair[0], "driver_2": pair[1], "n": passed.n}
        interaction, difference = _pair(passed, pair, flaws[pair[0]] or flaws[pair[1]], whole, level)
        pairs.append(row | interaction)
        ecological.append(row | difference)
    columns = [_stratum_columns(passed, d, head, names.get(d, {}), level, how[0]) for d in passed.drivers]
    risks = adjusted(stacked([apart for _, apart in columns]), ["group", "driver"], adjust)
    return {
        "factors": adjusted(pd.DataFrame(factors), ["group"], adjust).reindex(columns=FACTOR_COLUMNS),
        "interactions": pair_table(pairs, adjust),
        "ecological": ecological_table(ecological, adjust).reindex(columns=ECOLOGICAL_COLUMNS),
        "strata": strata_table(stacked([means for means, _ in columns]), risks),
        "risks": risks.reindex(columns=RISK_COLUMNS),
    }


def _factor(passed: _Pass, driver: str, flaw: str, bootstrap: Bootstrap) -> Row:
    if flaw:
        return {"note": flaw}
    row = factor_row(passed.factors[driver], passed.n, bootstrap.confidence)
    centre, parts = passed.factors[driver].centre, [block[driver] for block in passed.blocks]
    weight = np.array([part.weight for part in parts])
    apart = np.array([np.where(part.count > 0, part.mean - centre, 0.0) for part in parts])
    squares = np.array([part.within for part in parts]) + (weight * apart**2).sum(axis=1)
    low, high = interval_of_sums(weight, weight * apart, squares, weight.sum(axis=1), bootstrap)
    return row | {"epsilon2_low": low, "epsilon2_high": high}


def _pair(passed: _Pass, pair: tuple[str, str], flaw: str, whole: float, level: float) -> tuple[Row, Row]:
    table = passed.pairs.get(pair)
    if flaw or table is None or table.count.size > MOST_CROSSED:
        why = flaw or f"undefined: more than {MOST_CROSSED:,} crossed strata"
        return {"interaction_classic": "", "note": why}, {"note": why}
    fit = additive(table)
    shares = (q_of(passed.factors[pair[0]]), q_of(passed.factors[pair[1]]), q_of(table, whole))
    own = table.count.ravel().astype(np.float64)
    return interaction_row(shares, table, fit, whole, passed.n, level), ecological_row(table, fit, own, level)


def _stratum_columns(
    passed: _Pass, driver: str, head: Row, names: Mapping[int, str], level: float, test: RiskTest
) -> tuple[dict[str, Any], dict[str, Any]]:
    moments, named = passed.factors[driver], [str(names.get(int(c), int(c))) for c in passed.classes[driver]]
    row: dict[str, Any] = head | {"driver": driver}
    means = row | {"level": named, "method": "classes as given", "lower": np.nan, "upper": np.nan}
    apart = differences(moments, None, test, level)
    levels = {"level": [named[i] for i in apart["one"]], "level_2": [named[i] for i in apart["two"]]}
    return means | stratum_means(moments, None, level), row | apart | levels


def _variables(name: str, response: xr.DataArray, drivers: list[str]) -> pd.DataFrame:
    unit, label = str(response.attrs.get("units", "")), str(response.attrs.get("long_name", name))
    rows = [(name, "response", "vegetation", unit, label, "continuous")]
    rows += [(d, "driver", "other", "", d, "categorical") for d in drivers]
    return pd.DataFrame(rows, columns=["name", "role", "category", "unit", "label", "kind"], dtype=str)
