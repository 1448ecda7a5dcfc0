"""Spatial clusters of polygons or scattered points under weights of the user's: Moran's I, local Moran, Gi*, through esda.

The statistics and classes are those of ``clusters``, which is for grids. What esda 2.9 does otherwise is put right here:
weights are copied (esda changes the caller's), islands are a class of their own (esda calls them clusters), the permutation
P is two-sided (esda's is one-sided, half as large), Gi* has the variance of its number of neighbours (esda's default
loses it) and keeps its sign where values are negative, NumPy's global random state stays, and no simulation is kept.
Sources: Anselin (1995), doi:10.1111/j.1538-4632.1995.tb00338.x; Ord and Getis (1995),
doi:10.1111/j.1538-4632.1995.tb00912.x; Sokal, Oden and Thomson (1998), doi:10.1111/j.1538-4632.1998.tb00406.x.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from carbondrivers.attribution.clusters import (
    GI_CLASSES,
    GI_LEVELS,
    GLOBAL_DRAWS,
    LISA_CLASSES,
    METHODS,
    Significance,
    Style,
)
from carbondrivers.attribution.inference import Floats, benjamini_hochberg
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.spatial_weights import copied
from carbondrivers.attribution.units import Units, shown, units_of
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

if TYPE_CHECKING:
    from libpysal.graph import Graph

MOST_UNITS, MOST_DRAWN = 100_000, 100_000_000
LEAST_UNITS = 4
OF_ALL, OF_FOUND = "units with a value", "significant units"
ESDA_STYLE = {"W": "R", "B": "B"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedClusterResult(Result):
    """Global and local spatial autocorrelation of units.

    Attributes
    ----------
    units : pandas.DataFrame
        One row a unit, in the order given: id, x, y (NaN without a place), estimate (its value), neighbours (count),
        deviate and lag (mean deviate of the neighbours, by their weights: the axes of a Moran scatter plot),
        local_moran, local_z (analytic, conditional moments), p, p_adjusted, lisa_class, gi_star (standard deviate), gi_p,
        gi_p_adjusted, gi_class, gi (standard deviate without the unit itself).
    overall : pandas.DataFrame
        Global Moran's I with p under normality, under randomisation and by permutation.
    classes : pandas.DataFrame
        Units and share of every class, by naive and by adjusted p; one block of rows for each denominator.
    outlines : pandas.DataFrame
        Vertices of polygons: id, part (ring), x, y; empty for points.
    """

    units: pd.DataFrame
    overall: pd.DataFrame
    classes: pd.DataFrame
    outlines: pd.DataFrame


class _Deviates(NamedTuple):
    """Values under weights: deviates, mean deviate of the neighbours, their number; `joined` is False for islands."""

    z: Floats
    lag: Floats
    neighbours: np.ndarray
    joined: np.ndarray


@register(
    "weighted_clusters",
    title="Spatial clusters of units: Moran's I, local Moran, Getis-Ord Gi*",
    takes="units",
    result=WeightedClusterResult,
    version="2",
    citation="Anselin, L. (1995). Local indicators of spatial association: LISA. Geographical Analysis 27, 93-115.",
)
def weighted_clusters(
    units: Any,
    weights: Any,
    *,
    column: str | None = None,
    style: Style = "W",
    permutations: int = 9999,
    alpha: float = 0.05,
    significance: Significance = "benjamini_hochberg",
    seed: int = 0,
) -> WeightedClusterResult:
    """Find which units with high values lie among high ones, and which with low values among low ones.

    Parameters
    ----------
    units
        A ``PixelSample`` (its response is taken), a ``geopandas.GeoDataFrame`` or ``pandas.DataFrame`` with `column`, or a
        ``pandas.Series``. At most 100,000 rows; a regular grid is for ``clusters``.
    weights
        ``libpysal.graph.Graph`` or ``libpysal.weights.W`` whose ids are the row labels, in their order (0 to n - 1 for a
        sample): from ``nearest_neighbours``, ``distance_band``, or any of libpysal's builders.
    column
        Name of the column with the values; for tables alone.
    style
        Weights of a unit's neighbours: made to add to one (``"W"``) or all equal (``"B"``). Gi* takes neighbours as equal.
    permutations
        Draws of the conditional randomisation, 99 at least.
    alpha
        Level of the LISA classes.
    significance
        The p that classes the units: adjusted over all units, or as it is.
    seed
        Seed of the permutations.

    Raises
    ------
    DataError
        If values are missing, infinite or constant, there are fewer than 4 or more than 100,000, the weights do not belong
        to the rows, or no unit has a neighbour.
    OptionError
        If an option is outside its list or range.

    Examples
    --------
    >>> from libpysal.graph import Graph
    >>> values = pd.Series([1.0, 2.0, 1.0, 8.0, 9.0, 8.5], index=list("abcdef"), name="nep")
    >>> chain = Graph.from_arrays(list("abbccddeef"), list("bacbdcedfe"), np.ones(10))
    >>> result = weighted_clusters(values, chain, permutations=199)
    >>> round(float(result.overall["moran_i"][0]), 2)
    0.65
    """
    _check_options(style, permutations, alpha, significance)
    known = units_of(units, column)
    _check_units(known)
    graph = copied(weights, list(known.ids))
    cells = _deviates(known.value, graph, style)
    _check_joined(cells, permutations)
    local, overall = np.random.SeedSequence(seed).spawn(2)
    table = _local_table(known, graph, cells, style, permutations, int(local.generate_state(1)[0]))
    adjusted = significance == "benjamini_hochberg"
    table["lisa_class"] = _lisa(cells, table["p_adjusted" if adjusted else "p"], alpha)
    table["gi_class"] = _gi(cells, table["gi_star"], table["gi_p_adjusted" if adjusted else "gi_p"])
    parameters = {
        "style": style, "permutations": permutations, "alpha": alpha, "significance": significance, "seed": seed,
        "crs": known.crs,
    }  # fmt: skip
    return WeightedClusterResult(
        method="weighted_clusters",
        parameters=parameters,
        n=len(table),
        notes=_notes(cells, graph, known),
        provenance=history_line("weighted_clusters", **parameters),
        variables=known.variables,
        units=table,
        overall=_overall(known.value, graph, cells, style, np.random.default_rng(overall)),
        classes=_class_table(cells, table, alpha),
        outlines=known.outlines,
    )


def _check_options(style: str, permutations: int, alpha: float, significance: str) -> None:
    choose(style, ("W", "B"), "style")
    choose(significance, ("benjamini_hochberg", "naive"), "significance")
    if not isinstance(permutations, int) or isinstance(permutations, bool) or permutations < 99:
        raise OptionError(f"permutations must be a whole number from 99 up, got {permutations!r}")
    if not isinstance(alpha, int | float) or not 0.0 < alpha < 1.0:
        raise OptionError(f"alpha must be between 0 and 1, got {alpha!r}")


def _check_units(known: Units) -> None:
    n, values = len(known.value), known.value
    if n < LEAST_UNITS:
        raise DataError(f"{known.name!r} has {n} rows: at least {LEAST_UNITS} are needed for a test of clusters")
    if n > MOST_UNITS:
        raise DataError(
            f"{known.name!r} has {n:,} rows, more than {MOST_UNITS:,}: conditional permutations under free weights would take "
            "hours; use clusters for a grid, or a sample of the rows"
        )
    for wrong, what in ((np.isnan(values), "missing"), (np.isinf(values), "infinite")):
        if wrong.any():
            first = known.ids[int(np.flatnonzero(wrong)[0])]
            raise DataError(
                f"{known.name!r} has {int(wrong.sum())} {what} values (the first in row {shown(first)}): "
                "drop these rows, then make the weights"
            )
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        raise DataError(f"{known.name!r} is constant: nothing can cluster")


def _check_joined(cells: _Deviates, permutations: int) -> None:
    if not cells.joined.any():
        raise DataError("no unit has a neighbour: widen the distance band, or take the nearest neighbours")
    most = int(cells.neighbours.max())
    if most >= len(cells.z) - 1:
        raise DataError(
            f"a unit is joined to all {most} others: then nothing can be permuted around it; take fewer neighbours or a "
            "narrower distance band"
        )
    if most * permutations > MOST_DRAWN:
        raise OptionError(
            f"{most:,} neighbours times {permutations:,} permutations are more than {MOST_DRAWN:,} draws: take fewer "
            "permutations, or a narrower distance band"
        )


def _deviates(values: Floats, graph: Graph, style: str) -> _Deviates:
    centred = values - values.mean()
    z = (centred - centred.mean()) / centred.std()
    neighbours = graph.cardinalities.to_numpy()
    lag = _matrix(graph, style) @ z
    return _Deviates(z, lag / np.maximum(neighbours, 1) if style == "B" else lag, neighbours, neighbours > 0)


def _matrix(graph: Graph, style: str) -> Any:
    return graph.transform(ESDA_STYLE[style]).sparse


@contextmanager
def _esda() -> Iterator[Any]:
    """esda, with the global random state and the warning filters that it changes put back at the end."""
    import esda

    state = np.random.get_state()  # noqa: NPY002 - esda without numba draws from the global state
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield esda
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _local_table(known: Units, graph: Graph, cells: _Deviates, style: str, permutations: int, seed: int) -> pd.DataFrame:
    values, n = known.value, len(known.value)
    with _esda() as esda:
        # Later versions ask which tail is meant; the directed one is doubled below.
        asked = {"alternative": "directed"} if "alternative" in inspect.signature(esda.Moran_Local).parameters else {}
        moran = esda.Moran_Local(
            cells.z, graph, transformation=ESDA_STYLE[style], permutations=permutations, keep_simulations=False, seed=seed,
            **asked,
        )  # fmt: skip
        # Above zero throughout: esda turns the sign of Gi* where the values add to less than zero.
        above = values - values.min() + np.ptp(values)
        hot, around = (esda.G_Local(above, graph, transform="B", star=star, permutations=0) for star in (True, False))
    with np.errstate(divide="ignore", invalid="ignore"):
        local = np.asarray(moran.Is) * n / (n - 1.0)
        deviate = (local - moran.EIc) / np.sqrt(moran.VIc)
        gi_star = np.asarray(hot.Zs, dtype=np.float64)
    # esda's p is of single precision and one-sided.
    tail = np.rint(np.asarray(moran.p_sim, dtype=np.float64) * (permutations + 1.0)) / (permutations + 1.0)
    p = np.where(cells.z == 0.0, 1.0, np.minimum(1.0, 2.0 * tail))
    columns = {
        "local_moran": local, "local_z": deviate, "p": p, "gi_star": gi_star, "gi_p": 2.0 * special.ndtr(-np.abs(gi_star)),
        "lag": cells.lag, "gi": np.asarray(around.Zs, dtype=np.float64),
    }  # fmt: skip
    columns = {name: np.where(cells.joined & np.isfinite(column), column, np.nan) for name, column in columns.items()}
    found = pd.DataFrame(
        {"id": known.ids.astype(str), "x": known.x, "y": known.y, "estimate": values, "neighbours": cells.neighbours}
        | {"deviate": cells.z} | columns
    )  # fmt: skip
    found["p_adjusted"], found["gi_p_adjusted"] = (benjamini_hochberg(columns[name]) for name in ("p", "gi_p"))
    return found[
        ["id", "x", "y", "estimate", "neighbours", "deviate", "lag", "local_moran", "local_z", "p", "p_adjusted", "gi_star",
         "gi_p", "gi_p_adjusted", "gi"]
    ]  # fmt: skip


def _lisa(cells: _Deviates, p: pd.Series, alpha: float) -> np.ndarray:
    high, high_around = cells.z > 0.0, cells.lag > 0.0
    kind = np.where(high, np.where(high_around, 0, 2), np.where(high_around, 3, 1))
    return np.array(LISA_CLASSES)[np.where(cells.joined, np.where(p < alpha, kind, 4), 5)]


def _gi(cells: _Deviates, gi_star: pd.Series, p: pd.Series) -> np.ndarray:
    step = np.searchsorted(GI_LEVELS, p.fillna(1.0).to_numpy(), side="right")
    return np.array(GI_CLASSES)[np.where(cells.joined, np.where(gi_star > 0.0, step, 6 - step), 7)]


def _overall(values: Floats, graph: Graph, cells: _Deviates, style: str, generator: np.random.Generator) -> pd.DataFrame:
    with _esda() as esda:
        moran = esda.Moran(cells.z, graph, transformation=ESDA_STYLE[style], permutations=0)
    found = float(moran.I)
    rows = [
        (f"Moran's I, {name}", spread, (found - moran.EI) / spread, "")
        for name, spread in (("randomisation", float(moran.seI_rand)), ("normality", float(moran.seI_norm)))
    ]
    table = pd.DataFrame(rows, columns=["method", "std_error", "statistic", "note"])
    table["p"] = 2.0 * special.ndtr(-np.abs(table["statistic"]))
    table = pd.concat([table, _permuted(cells.z, _matrix(graph, style), generator)], ignore_index=True)
    table = table.assign(moran_i=found, expected=float(moran.EI), n=len(values))
    return table[["method", "moran_i", "expected", "std_error", "statistic", "p", "n", "note"]]


def _permuted(z: Floats, matrix: Any, generator: np.random.Generator) -> pd.DataFrame:
    """Shuffle all values; only z'Wz changes, so it alone is taken anew."""
    scale = len(z) / float(matrix.sum()) / float(z @ z)
    drawn = np.empty(GLOBAL_DRAWS)
    for i in range(GLOBAL_DRAWS):
        shuffled = generator.permutation(z)
        drawn[i] = scale * float(shuffled @ (matrix @ shuffled))
    found = scale * float(z @ (matrix @ z))
    near = 1e-12 * max(1.0, abs(found))
    tail = min(np.count_nonzero(drawn >= found - near), np.count_nonzero(drawn <= found + near))
    spread = float(drawn.std(ddof=1))
    statistic = (found - float(drawn.mean())) / spread if spread > 0 else np.nan
    p = min(1.0, 2.0 * (tail + 1.0) / (GLOBAL_DRAWS + 1.0)) if spread > 0 else np.nan
    row = {"method": "Moran's I, permutation", "std_error": spread, "statistic": statistic, "p": p}
    return pd.DataFrame([row | {"note": f"{GLOBAL_DRAWS} permutations, two-sided"}])


def _class_table(cells: _Deviates, table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    blocks = []
    for p, method in METHODS.items():
        names = LISA_CLASSES if p.startswith("p") else GI_CLASSES
        kind = _lisa(cells, table[p], alpha) if p.startswith("p") else _gi(cells, table["gi_star"], table[p])
        n = pd.Series(kind).value_counts().reindex(names, fill_value=0).to_numpy(dtype=np.int64)
        block = pd.DataFrame({"method": method, "level": names, "n": n})
        found = ~block["level"].isin(["Not significant", "No neighbours"])
        blocks.append(block.assign(share=n / n.sum(), share_of=OF_ALL))
        total = int(n[found].sum())
        blocks.append(block.loc[found].assign(share=n[found] / total if total else np.nan, share_of=OF_FOUND))
    return pd.concat(blocks, ignore_index=True)


def _notes(cells: _Deviates, graph: Graph, known: Units) -> tuple[str, ...]:
    islands = int((~cells.joined).sum())
    strength = graph.adjacency.to_numpy()
    notes = [
        *known.notes,
        "Clusters describe where like values lie together; smooth variables have them by nature, and they name no cause.",
        "P of Gi* is naive: it takes the standard deviate as normal.",
    ]
    if islands:
        notes.append(f"{islands} of {len(cells.z)} units have no neighbour: a class of their own, never a cluster.")
    if np.ptp(strength[strength > 0.0]) > 1e-9 * strength.max():
        notes.append("The weights are not equal: Moran's statistics use them, Gi* counts every neighbour the same.")
    if cells.joined.any() and cells.neighbours[cells.joined].min() < cells.neighbours.max() / 20:
        notes.append(
            f"Units have from {int(cells.neighbours[cells.joined].min())} to {int(cells.neighbours.max())} neighbours: local "
            "statistics of such different neighbourhoods do not stand for the same scale."
        )
    return tuple(notes)
