"""Diagnostic zones: level, trend, persistence and spatial cluster of every cell, crossed by a table of rules.

Each part is a state with its own test: the level is high or low where the mean over the years lies more than two standard
errors from the reference, the trend by Mann-Kendall, persistence by H under white noise, the cluster by the permutation P
of the local Moran statistic. The first rule that a cell fits names its zone (``zone_rules``). A cell that fits none is
"Not distinguishable" where neither trend nor persistence nor cluster can be told from chance, else "Undetermined". Zones by
the naive P of each test stand beside those by the P adjusted over the map (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution import rule_table, stacks
from carbondrivers.attribution.clusters import ClusterResult
from carbondrivers.attribution.future import circularity, require_same
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.persistence import PersistenceResult
from carbondrivers.attribution.persistence_estimator import estimator_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.stability import StabilityResult
from carbondrivers.attribution.trend import TrendResult
from carbondrivers.attribution.zone_rules import (
    DEFAULT_RULES,
    INDISTINCT,
    SILENT,
    STATES,
    UNDETERMINED,
    ZoneRule,
    check_rules,
    in_words,
)
from carbondrivers.attribution.zone_states import Maps, in_all
from carbondrivers.errors import DataError, DataWarning, OptionError, choose
from carbondrivers.provenance import history_line

ZoneSignificance = Literal["benjamini_hochberg", "naive"]
METHODS: dict[ZoneSignificance, str] = {"benjamini_hochberg": "P adjusted (BH)", "naive": "naive P"}
SUFFIX: dict[ZoneSignificance, str] = {"benjamini_hochberg": "_adjusted", "naive": ""}
OF_CELLS = "area of the cells where all four parts are known"
OWN = (
    "The rule table is this package's default. A published zoning of carbon storage in Ningxia crosses the same four parts, "
    "but its rules were not at hand (unverified)."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZoningResult(Result):
    """Diagnostic zones of a map.

    Attributes
    ----------
    grid : xarray.Dataset
        (y, x): zone (by the chosen P) and naive_zone, positions in their ``attrs["classes"]``; level, trend, persistence
        and cluster, positions in theirs, by the chosen P. NaN where one of the four is missing.
    zones : pandas.DataFrame
        Cells, area, share and area-weighted mean response of every zone, by adjusted and by naive P.
    parts : pandas.DataFrame
        Cells, area and share of every state of the four parts, by adjusted and by naive P.
    rules : pandas.DataFrame
        The rule table in words: rank, level, note.
    """

    grid: xr.Dataset
    zones: pd.DataFrame
    parts: pd.DataFrame
    rules: pd.DataFrame


def zoning(
    stability: StabilityResult,
    trend: TrendResult,
    persistence: PersistenceResult,
    clusters: ClusterResult,
    *,
    rules: Sequence[ZoneRule] | None = None,
    reference: float | Literal["mean"] = "mean",
    significance: ZoneSignificance = "benjamini_hochberg",
    alpha: float = 0.05,
) -> ZoningResult:
    """Name the zone of every cell by its level, trend, persistence and cluster.

    Parameters
    ----------
    stability, trend, persistence
        Results of one stack; the first gives mean and spread of every cell.
    clusters
        Result of the mean map of that stack.
    rules
        The table, in order: the first rule that fits names the cell. ``zone_rules.DEFAULT_RULES`` by default.
    reference
        What is high or low: the area-weighted mean of the map, or a number in the unit of the response (0 parts sinks
        from sources).
    significance
        The P that draws the map: of each test adjusted over the map, or as it is.
    alpha
        Level of the three tests.

    Raises
    ------
    DataError
        If the four belong to different variables, years or grids, or no cell has all of them.
    OptionError
        If an option is outside its list or range, or a rule is empty, doubled or misspelt.

    Warns
    -----
    DataWarning
        If the series were not detrended before H was estimated: a trend then makes its own persistence.

    Examples
    --------
    >>> from carbondrivers.attribution import clusters, persistence, stability, trend
    >>> noise = np.random.default_rng(2).normal(50.0, 9.0, size=(20, 6, 6))
    >>> coords = {"year": np.arange(2001, 2021), "y": np.arange(6.0)[::-1], "x": np.arange(6.0)}
    >>> nep = xr.DataArray(noise, coords, ("year", "y", "x"), name="nep", attrs={"crs": "EPSG:32650"})
    >>> mean = nep.mean("year", keep_attrs=True)
    >>> result = zoning(stability(nep), trend(nep), persistence(nep, detrend=True), clusters(mean))
    >>> float(result.zones.set_index(["method", "level"])["share"]["P adjusted (BH)", "Not distinguishable"].round(2))
    1.0
    """
    choose(significance, get_args(ZoneSignificance), "significance")
    _check_numbers(reference, alpha)
    table = tuple(DEFAULT_RULES if rules is None else rules)
    check_rules(table)
    _require_one(stability, trend, persistence, clusters)
    free = estimator_of(persistence.parameters).trend_free
    said = "" if free else circularity(persistence)
    if said:
        warnings.warn(f"{said} Set detrend = true for persistence.", DataWarning, stacklevel=2)
    maps, areas = Maps(stability.grid, trend.grid, persistence.grid, clusters.grid), stacks.areas_of(stability.grid)
    there = maps.judged()
    level, at = maps.levels(there, areas, reference)
    states = {one: {"level": level} | maps.tested(there, suffix, alpha) for one, suffix in SUFFIX.items()}
    names = [*(rule.name for rule in table), UNDETERMINED, INDISTINCT]
    codes = {one: _zones(found, table, there) for one, found in states.items()}
    parameters: dict[str, Any] = {
        "rules": [asdict(rule) for rule in table], "default_rules": rules is None, "reference": at,
        "reference_is_mean": reference == "mean", "significance": significance, "alpha": alpha,
        "years": trend.parameters["years"], "test": trend.parameters["test"], "persistence": dict(persistence.parameters),
        "clusters": dict(clusters.parameters),
    }  # fmt: skip
    provenance = history_line("zoning", rules=len(table), reference=at, significance=significance, alpha=alpha)
    return ZoningResult(
        method="zoning",
        parameters=parameters,
        n=int(there.sum()),
        notes=_notes(there, stability.grid, rules is None, said, clusters),
        provenance=provenance,
        variables=stability.variables,
        grid=_maps(stability.grid, codes, states[significance], names, significance).assign_attrs(
            method=f"Zones by a table of rules, {METHODS[significance]}", history=provenance
        ),
        zones=_zone_table(codes, areas, names, stability.grid),
        parts=_part_table(states, areas),
        rules=rule_table.in_order([rule.name for rule in table], [in_words(rule) for rule in table]),
    )


def _check_numbers(reference: object, alpha: object) -> None:
    number = isinstance(reference, int | float) and not isinstance(reference, bool) and np.isfinite(reference)
    if reference != "mean" and not number:
        raise OptionError(f"reference must be 'mean' or a number in the unit of the response, got {reference!r}")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0.0 < alpha < 1.0:
        raise OptionError(f"alpha must be between 0 and 1, got {alpha!r}")


def _require_one(
    stability: StabilityResult, trend: TrendResult, persistence: PersistenceResult, clusters: ClusterResult
) -> None:
    require_same(trend, persistence)
    own = str(trend.variables["name"].iloc[0])
    for what, result in (("stability", stability), ("clusters", clusters)):
        name = str(result.variables["name"].iloc[0])
        if name != own:
            raise DataError(f"the trend is that of {own!r} and the {what} that of {name!r}: take both of one variable")
        # A grid without coordinates is compared by its shape.
        if any(not np.array_equal(trend.grid[axis].to_numpy(), result.grid[axis].to_numpy()) for axis in ("y", "x")):
            raise DataError(f"trend and {what} lie on different grids: take both of one stack")
    if stability.parameters["years"] != trend.parameters["years"]:
        spans = [" to ".join(f"{y:.6g}" for y in r.parameters["years"]) for r in (trend, stability)]
        raise DataError(f"the trend is of {spans[0]} and the stability of {spans[1]}: take both of the same years")


def _zones(states: dict[str, Floats], rules: Sequence[ZoneRule], there: np.ndarray) -> Floats:
    """Return the zone of every cell, (y, x): the first rule that it fits, then undetermined, then not distinguishable."""
    fits = [in_all(states, rule.parts) for rule in rules]
    codes = rule_table.first_fit(fits, there)
    quiet = in_all(states, {part: (state,) for part, state in SILENT.items()} | {"cluster": ("none", "island")})
    return np.where((codes == len(rules)) & quiet, len(rules) + 1.0, codes)


def _maps(
    like: xr.Dataset,
    codes: dict[ZoneSignificance, Floats],
    states: dict[str, Floats],
    names: list[str],
    chosen: ZoneSignificance,
) -> xr.Dataset:
    coords = {axis: like[axis] for axis in ("y", "x") if axis in like.coords}
    found = xr.Dataset(coords=coords, attrs={key: like.attrs[key] for key in ("crs", "resolution") if key in like.attrs})
    found["zone"] = stacks.class_map(codes[chosen], found, names, "Zone", METHODS[chosen])
    found["naive_zone"] = stacks.class_map(codes["naive"], found, names, "Zone, naive P", METHODS["naive"])
    for part, one in states.items():
        found[part] = stacks.class_map(one, found, STATES[part], part.capitalize(), METHODS[chosen])
    return found


def _zone_table(codes: dict[ZoneSignificance, Floats], areas: Floats, names: list[str], maps: xr.Dataset) -> pd.DataFrame:
    mean, blocks = maps["mean"].to_numpy(), []
    for one, zone in codes.items():
        table = stacks.class_shares(zone, areas, names, METHODS[one], OF_CELLS)
        kind, valid = zone[np.isfinite(zone)].astype(np.int64), np.isfinite(zone)
        total = np.bincount(kind, weights=areas[valid] * mean[valid], minlength=len(names))
        area = table["area_km2"].to_numpy()
        average = np.divide(total, area, out=np.full(len(names), np.nan), where=area > 0)
        blocks.append(table.assign(estimate=average))
    return pd.concat(blocks, ignore_index=True)


def _part_table(states: dict[ZoneSignificance, dict[str, Floats]], areas: Floats) -> pd.DataFrame:
    blocks = [
        stacks.class_shares(codes, areas, STATES[part], METHODS[one], OF_CELLS).assign(part=part)
        for one, found in states.items()
        for part, codes in found.items()
    ]
    return pd.concat(blocks, ignore_index=True)[["method", "part", "level", "n", "area_km2", "share", "share_of"]]


def _notes(there: np.ndarray, maps: xr.Dataset, default: bool, circular: str, clusters: ClusterResult) -> tuple[str, ...]:
    missing = int(maps["mean"].notnull().sum()) - int(there.sum())
    notes = [
        OWN if default else "The rule table was given in the study file.",
        "The level is judged by two standard errors of the mean, years taken as independent and without adjustment over the "
        "map; the other three parts by their own tests. A zone describes the years observed: it names no cause and predicts "
        "nothing.",
        f"{INDISTINCT}: no rule fits, and neither trend nor persistence nor cluster can be told from chance. {UNDETERMINED}: "
        "no rule fits, though one of them can.",
    ]  # fmt: skip
    if circular:
        notes.append(circular)
    if missing:
        notes.append(f"{missing:,} cells with a mean lack a trend, a Hurst exponent or both, and are in no zone.")
    if clusters.parameters["alternative"] == "directed":
        notes.append("P of the clusters is one-sided: at 0.05 it marks 10 % of the area of noise.")
    return tuple(notes)
