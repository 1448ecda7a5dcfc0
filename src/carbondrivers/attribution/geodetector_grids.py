"""Geodetector of grids that are too large for memory: blocks of a raster stream through the same moments, exactly.

Each block of the response and of the strata gives moments of cells, and moments merge exactly (``geodetector_moments``), so the
answer is that of the whole grid in the memory of one block (``geodetector_walk``): that of ``detect`` on a table of all cells
with their coordinates, corrected P too. These need sums by the cells of a lattice and by strata, which merge as well
(``geodetector_sums``); where the lattice is coarser than the grid, random pairs of near cells say what it does not know
(``geodetector_draws``, ``geodetector_near``). The grids are read once beforehand, to know the classes and where cells have
everything. The interval of epsilon2 is resampled from blocks of space, a tenth of the longer side across.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution.class_grids import require_same_grid, variable_row, variables_of
from carbondrivers.attribution.geodetector import (
    CORRECTED_P,
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
from carbondrivers.attribution.geodetector_classic import moved
from carbondrivers.attribution.geodetector_corrected import (
    TOO_FEW,
    corrected_ecological,
    corrected_factor,
    corrected_interaction,
    pair_correlations,
    widened_interval,
)
from carbondrivers.attribution.geodetector_draws import is_even
from carbondrivers.attribution.geodetector_group import MOST_CROSSED
from carbondrivers.attribution.geodetector_lattice import Axes
from carbondrivers.attribution.geodetector_moments import q_of
from carbondrivers.attribution.geodetector_near import FEW_NEAR, FEWEST_PAIRS, NEAR
from carbondrivers.attribution.geodetector_pairs import additive
from carbondrivers.attribution.geodetector_risks import RISK_TESTS, RiskTest, differences, not_compared, stratum_means
from carbondrivers.attribution.geodetector_rows import Row, ecological_row, factor_row, interaction_row, strata_flaw
from carbondrivers.attribution.geodetector_spatial import Blocks
from carbondrivers.attribution.geodetector_walk import MOST_STRATA, Walk
from carbondrivers.attribution.inference import ADJUSTMENTS, NAIVE_P, Floats
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import Bootstrap, bootstrap_of
from carbondrivers.attribution.strata import assign, class_names
from carbondrivers.datasets.grids import is_geographic
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

HOW = {True: "borders as given", False: "classes as given"}
KINDS = {True: "continuous", False: "categorical"}
Labels = tuple[Mapping[str, Mapping[int, str]], Mapping[str, Floats]]
UNEVEN_AXES = (
    "Rows or columns are unevenly spaced: where cells of the lattice of distances hold several of the grid's, what is "
    "correlated within them is not estimated, and corrected P may be too small."
)
NO_LATTICE = "No P knows about spatial autocorrelation: there are fewer than three cells, or the response does not vary."
TOO_MANY = (
    "No corrected P of {}: the strata of drivers (at most {} each) or the crossed strata of pairs are too many to be held by "
    "lattice cell. Draw a sample of the grid, or use fewer classes."
)


@register(
    "geodetector_grids",
    title="Geodetector of whole grids",
    takes="grids",
    result=GeodetectorResult,
    version="4",
    citation="Wang, J.F. et al. (2016). A measure of spatial stratified heterogeneity. Ecological Indicators 67, 250-256.",
)
def detect_grids(
    response: xr.DataArray,
    strata: Mapping[str, xr.DataArray],
    *,
    names: Mapping[str, Mapping[int, str]] | None = None,
    borders: Mapping[str, Sequence[float]] | None = None,
    weights: xr.DataArray | None = None,
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
        Dimensions (y, x), or (year, y, x): then the mean over the years of a cell. Lazy or in memory; NaN where there is none.
        Corrected P count distances in its coordinates, degrees if ``attrs["crs"]`` says so; in cells where it has none.
    strata
        Driver to a grid on the same cells: whole numbers from 0 to 4096, where NaN and negative numbers are no class; or
        measured values, where `borders` cut them.
    names
        Driver to the name of each number; the number itself by default.
    borders
        Driver to the rising borders of its classes, as ``strata.breaks`` finds them from a sample; values beyond the outer ones
        belong to the outer classes.
    weights
        Of the cells, (y, x): their areas, as ``cell_areas(response)``, where they differ. Every cell counts 1 where None.
    risk_test, adjust, confidence, replicates, seed
        As for ``detect``; the seed is also that of the near pairs, which grids finer than their lattice draw.

    Raises
    ------
    DataError
        If a grid has other dimensions, holds text or lies on other cells, a class is no whole number, a coordinate is no
        number, not finite or no latitude, or no cell has all.
    OptionError
        If an option is outside its list or range, borders do not rise or belong to no driver, or names belong to no driver or
        are those of two classes.

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
    answer = _response(response)
    axes = _axes(answer)
    grids = {driver: _checked(strata[driver], f"strata of {driver!r}", answer) for driver in sorted(strata)}
    cuts = _borders(borders or {}, grids)
    _check_names(names or {}, grids)
    if not grids:
        raise DataError("no strata are given: name at least one, as strata={'land_cover': grid}")
    walk = Walk(
        answer,
        {d: _cut(g, cuts[d]) if d in cuts else g for d, g in grids.items()},
        None if weights is None else _checked(weights, "weights", answer),
        axes,
        seed,
    )
    parameters: dict[str, object] = {
        "risk_test": risk_test, "adjust": adjust, "confidence": confidence, "replicates": replicates,
        "weighted": weights is not None,
    }  # fmt: skip
    name = str(response.name or "response")
    rows = [variable_row(response, "response", name), *(variable_row(grids[d], "driver", d, KINDS[d in cuts]) for d in grids)]
    tables = _tables(walk, {"group": "all", "response": name}, (names or {}, cuts), bootstrap, (risk_test, adjust))
    return GeodetectorResult(
        method="geodetector_grids",
        parameters=parameters,
        n=walk.n,
        notes=(*_notes(walk), *not_compared(tables["strata"])),
        provenance=history_line("geodetector_grids", n=walk.n, **parameters),
        variables=variables_of(rows),
        dropped=pd.DataFrame({"driver": [""], "n": [walk.survey.missing], "note": ["cells without a value or a class"]}),
        **tables,
    )


def _response(grid: xr.DataArray) -> xr.DataArray:
    """Return the response as one lazy or present map: of years their mean."""
    over = [d for d in getattr(grid, "dims", ()) if d in ("year", "time")][:1]
    if not over:
        return _checked(grid, "response")
    # Of one layer all is known but the numbers, which the mean of an empty axis or of text could not give.
    if not grid.sizes[over[0]]:
        raise DataError("the response has no layer at all: check the years")
    _checked(grid.isel({over[0]: 0}), "response")
    return grid.astype("float64").mean(over[0], keep_attrs=True).transpose("y", "x")


def _checked(grid: xr.DataArray, what: str, answer: xr.DataArray | None = None) -> xr.DataArray:
    if not isinstance(grid, xr.DataArray) or set(grid.dims) != {"y", "x"}:
        got = f"dimensions {tuple(map(str, grid.dims))}" if isinstance(grid, xr.DataArray) else type(grid).__name__
        raise DataError(f"{what} must be an xarray.DataArray with the dimensions y and x, got {got}")
    if grid.dtype.kind not in "fiub":
        raise DataError(
            f"{what} holds {grid.dtype} where numbers are expected: number the classes first, or read it as numbers"
        )
    if not grid.size:
        raise DataError(f"{what} is empty (sizes {dict(grid.sizes)}): check the region")
    if answer is not None:
        require_same_grid(answer, grid, f"the response and the {what}")
    return grid.transpose("y", "x")


def _borders(given: Mapping[str, Sequence[float]], grids: Mapping[str, xr.DataArray]) -> dict[str, Floats]:
    found = {}
    for driver, borders in given.items():
        choose(driver, list(grids), "borders")
        numbers = np.asarray(borders)
        known = numbers.ndim == 1 and len(numbers) > 1 and numbers.dtype.kind in "fiu" and bool(np.isfinite(numbers).all())
        if not known or not (np.diff(numbers.astype(np.float64)) > 0.0).all():
            raise OptionError(f"borders of {driver!r} must be two or more rising numbers, got {borders!r}")
        found[driver] = numbers.astype(np.float64)
    return found


def _check_names(given: Mapping[str, Mapping[int, str]], grids: Mapping[str, xr.DataArray]) -> None:
    for driver, names in given.items():
        choose(driver, list(grids), "names")
        if not isinstance(names, Mapping):
            raise OptionError(f"names of {driver!r} must be given by number, as {{1: 'forest', 2: 'grassland'}}, got {names!r}")


def _cut(grid: xr.DataArray, borders: Floats) -> xr.DataArray:
    """Return the class of every cell, -1 where there is no value; lazy where the grid is."""

    def cut(values: Floats) -> Floats:
        if np.isinf(values).any():
            raise DataError(f"{grid.name or 'a driver'} has infinite values: set them to NaN, or mend what made them")
        return np.where(np.isnan(values), -1, assign(values, borders)).astype(np.int16)

    found: xr.DataArray = xr.apply_ufunc(cut, grid, dask="parallelized", output_dtypes=[np.int16])
    return found


def _axes(grid: xr.DataArray) -> Axes:
    """Return where the rows and columns of a grid lie."""
    x, y = (np.asarray(grid[axis].to_numpy() if axis in grid.coords else np.arange(grid.sizes[axis])) for axis in ("x", "y"))
    if x.dtype.kind not in "fiu" or y.dtype.kind not in "fiu":
        raise DataError(f"coordinates of the response must be numbers, got {x.dtype} along x and {y.dtype} along y")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError("a coordinate of the response is missing or infinite: the place of every row and column must be known")
    geographic = bool(grid.attrs.get("crs")) and is_geographic(grid)
    if geographic and np.abs(y).max() > 90.0:
        raise DataError(f"coordinate y of the response reaches {np.abs(y).max():g}, no latitude does: are x and y exchanged?")
    return Axes(x.astype(np.float64), y.astype(np.float64), geographic)


def _notes(walk: Walk) -> tuple[str, ...]:
    said = [NAIVE_P]
    without = [d for d in walk.drivers if walk.sums(d) is None]
    pairs = bool(walk.crossings.pairs) and walk.crossings.lattice is None
    if walk.n < 3 or not walk.survey.varies:
        said.append(NO_LATTICE)
    elif without or pairs:
        said.append(TOO_MANY.format(", ".join([*without, *(["pairs"] if pairs else [])]), MOST_STRATA))
    if len(without) < len(walk.drivers):
        said.append(CORRECTED_P)
    if not is_even(walk.axes):
        said.append(UNEVEN_AXES)
    if walk.draws is not None:
        said.append(NEAR if int(walk.draws.whole().sum()) >= FEWEST_PAIRS else FEW_NEAR)
    if walk.weighted:
        said.append("Cells are weighted by the grid of weights; degrees of freedom count Kish's (sum w)^2 / sum w^2 cells.")
    return (*said, f"Cells without a value or a class: {walk.survey.missing:,}; they are left out everywhere.")


def _tables(walk: Walk, head: Row, labels: Labels, bootstrap: Bootstrap, how: tuple[RiskTest, str]) -> dict[str, pd.DataFrame]:
    level, adjust = bootstrap.confidence, how[1]
    one = next(iter(walk.factors.values()))
    whole = one.between + one.within
    flaws = {d: strata_flaw(len(m.count), walk.n, whole > 0.0) for d, m in walk.factors.items()}
    judged, blocks = {}, walk.blocks()
    for d in walk.drivers:
        judged[d] = ({"note": flaws[d]}, None) if flaws[d] else _factor(walk, d, bootstrap, blocks)
    factors = [head | {"driver": d, "n": walk.n, "method": HOW[d in labels[1]]} | judged[d][0] for d in walk.drivers]
    pairs, ecological = [], []
    for pair in combinations(walk.drivers, 2):
        row = head | {"driver": pair[0], "driver_2": pair[1], "n": walk.n}
        interaction, difference = _pair(walk, pair, flaws[pair[0]] or flaws[pair[1]], whole, level)
        pairs.append(row | interaction)
        ecological.append(row | difference)
    columns = [_stratum_columns(walk, d, head, labels, level, how[0], judged[d][1]) for d in walk.drivers]
    risks = adjusted(stacked([apart for _, apart in columns]), ["group", "driver"], adjust)
    return {
        "factors": adjusted(pd.DataFrame(factors), ["group"], adjust).reindex(columns=FACTOR_COLUMNS),
        "interactions": pair_table(pairs, adjust),
        "ecological": ecological_table(ecological, adjust).reindex(columns=ECOLOGICAL_COLUMNS),
        "strata": strata_table(stacked([means for means, _ in columns]), risks),
        "risks": risks.reindex(columns=RISK_COLUMNS),
    }


def _factor(walk: Walk, driver: str, bootstrap: Bootstrap, blocks: Blocks | None) -> tuple[Row, Floats | None]:
    """Return the row of one driver, and the sums of correlations of its errors among strata."""
    moments, level, sums = walk.factors[driver], bootstrap.confidence, walk.sums(driver)
    row, among = factor_row(moments, walk.n / walk.kish, level), None
    ends = interval_of_sums(*walk.interval_sums(driver), bootstrap)
    if sums is not None:
        corrected, among, left = corrected_factor(sums, moments, walk.n, walk.kish, level)
        row |= corrected
        if np.isfinite(float(str(row["statistic"]))) and not np.isfinite(float(str(row["p_eff"]))):
            row["note"] = TOO_FEW
        ends = ends if blocks is None else widened_interval(ends, sums, moments, blocks, left, level)
    return row | {"epsilon2_low": ends[0], "epsilon2_high": ends[1]}, among


def _pair(walk: Walk, pair: tuple[str, str], flaw: str, whole: float, level: float) -> tuple[Row, Row]:
    table = walk.crossings.pairs.get(pair)
    if flaw or table is None:
        why = flaw or f"undefined: more than {MOST_CROSSED:,} crossed strata"
        return {"interaction_classic": "", "note": why}, {"note": why}
    fit, own = additive(table), walk.crossings.own(pair)
    shares = (q_of(walk.factors[pair[0]]), q_of(walk.factors[pair[1]]), q_of(table, whole))
    interaction = interaction_row(shares, table, fit, whole, walk.n / walk.kish, level)
    ecological, sums = ecological_row(table, fit, own, level), walk.crossings.sums(pair, walk.draws)
    errors = None if sums is None else pair_correlations(sums, table, fit, whole)
    if errors is None:
        return interaction, ecological
    return (
        interaction | corrected_interaction(table, fit, errors, whole, walk.kish, level),
        ecological | corrected_ecological(table, fit, errors, own, level),
    )


def _named(walk: Walk, driver: str, labels: Labels) -> list[str]:
    """Return the names of the classes of a driver that occur."""
    cut = labels[1].get(driver)
    names = labels[0].get(driver, {}) if cut is None else dict(enumerate(class_names(cut)))
    named = [str(names.get(int(c), int(c))) for c in walk.survey.classes[driver]]
    twice = [name for name in dict.fromkeys(named) if named.count(name) > 1]
    if twice:
        raise OptionError(f"names of {driver!r} give several classes the name {twice[0]!r}: name them apart, or merge them")
    return named


def _stratum_columns(
    walk: Walk, driver: str, head: Row, labels: Labels, level: float, test: RiskTest, among: Floats | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    moments = moved(walk.factors[driver], walk.survey.origin, walk.survey.scale)
    numbers, cut, named = walk.survey.classes[driver], labels[1].get(driver), _named(walk, driver, labels)
    ends = {"lower": np.nan, "upper": np.nan} if cut is None else {"lower": cut[numbers], "upper": cut[numbers + 1]}
    row: dict[str, Any] = head | {"driver": driver}
    means = row | {"level": named, "method": HOW[cut is not None]} | ends
    apart = differences(moments, among, test, level)
    levels = {"level": [named[i] for i in apart["one"]], "level_2": [named[i] for i in apart["two"]]}
    return means | stratum_means(moments, among, level), row | apart | levels
