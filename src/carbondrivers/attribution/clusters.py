"""Spatial clusters of a map: global Moran's I, local Moran (LISA), Getis-Ord Gi*, each with its denominators.

Quadrants follow Anselin (1995): high among high (HH), low among low (LL), high among low (HL), low among high (LH), named
where the conditional permutation p is below alpha. P is two-sided, cells without neighbours (islands) are a class of
their own, and the map is classed by p adjusted over all cells (Benjamini and Hochberg 1995) unless asked otherwise.
Formulas and sources of the statistics: ``cluster_kernels``; of the permutation: ``cluster_permutation``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from carbondrivers.attribution import cluster_kernels as kernels
from carbondrivers.attribution import stacks
from carbondrivers.attribution.cluster_kernels import Lattice
from carbondrivers.attribution.cluster_permutation import EXACT_BELOW, conditional_p
from carbondrivers.attribution.inference import Floats, benjamini_hochberg
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

LISA_CLASSES = ("High-High", "Low-Low", "High-Low", "Low-High", "Not significant", "No neighbours")
GI_LEVELS = (0.01, 0.05, 0.10)
GI_CLASSES = (
    "Hot spot, 99 %", "Hot spot, 95 %", "Hot spot, 90 %", "Not significant", "Cold spot, 90 %", "Cold spot, 95 %",
    "Cold spot, 99 %", "No neighbours",
)  # fmt: skip
GLOBAL_DRAWS, GLOBAL_CELLS, LEAST_CELLS = 999, 100_000, 4
# Of the largest value: what is smaller is rounding.
ROUNDING = 1e-12
Contiguity = Literal["queen", "rook"]
Style = Literal["W", "B"]
Significance = Literal["benjamini_hochberg", "naive"]
METHODS = {
    "p": "Local Moran, permutation P", "p_adjusted": "Local Moran, permutation P, adjusted (BH)",
    "gi_p": "Gi*, naive P", "gi_p_adjusted": "Gi*, naive P, adjusted (BH)",
}  # fmt: skip
OF_ALL, OF_FOUND = "area of all cells with a value", "area of the significant cells"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterResult(Result):
    """Global and local spatial autocorrelation of a map.

    Attributes
    ----------
    grid : xarray.Dataset
        (y, x): local_moran, local_z (analytic, conditional moments), p, p_adjusted, lisa_class (position in
        ``LISA_CLASSES``), gi_star (standard deviate), gi_p, gi_p_adjusted, gi_class (position in ``GI_CLASSES``), gi
        (standard deviate without the cell itself; its permutation p is ``p``), neighbours (count), deviate (of the cell, in
        standard deviations of the map) and lag (mean deviate of the neighbours): the two axes of a Moran scatter plot.
    overall : pandas.DataFrame
        Global Moran's I with p under normality, under randomisation and by permutation.
    classes : pandas.DataFrame
        Cells, area and share of every class, by naive and by adjusted p; one block of rows for each denominator.
    """

    grid: xr.Dataset
    overall: pd.DataFrame
    classes: pd.DataFrame


@register(
    "clusters",
    title="Spatial clusters: Moran's I, local Moran, Getis-Ord Gi*",
    takes="map",
    result=ClusterResult,
    version="2",
    citation="Anselin, L. (1995). Local indicators of spatial association: LISA. Geographical Analysis 27, 93-115.",
)
def clusters(
    grid: xr.DataArray,
    *,
    contiguity: Contiguity = "queen",
    style: Style = "W",
    permutations: int = 9999,
    alpha: float = 0.05,
    significance: Significance = "benjamini_hochberg",
    alternative: Literal["two-sided", "directed"] = "two-sided",
    seed: int = 0,
) -> ClusterResult:
    """Find where high values lie among high ones and low among low ones.

    Parameters
    ----------
    grid
        (y, x), numbers on a regular grid; NaN where there is no value.
    contiguity
        Neighbours of a cell: eight (``"queen"``) or four (``"rook"``).
    style
        Weights of the neighbours: row-standardised (``"W"``) or binary (``"B"``). Local p and classes do not depend on it.
    permutations
        Draws of the conditional randomisation, 99 at least.
    alpha
        Level of the LISA classes.
    significance
        The p that classes the maps: adjusted over all cells, or as it is.
    alternative
        ``"directed"`` gives the one-sided p of tools in use: as a test at 0.05 it rejects 10 % of noise.
    seed
        Seed of the permutations.

    Raises
    ------
    DataError
        If the grid is not a map of numbers, has fewer than 4 cells with a value, only islands, or one value everywhere.
    OptionError
        If an option is outside its list or range.

    Examples
    --------
    >>> values = np.where(np.arange(100).reshape(10, 10) % 10 < 5, 10.0, 0.0) + np.arange(100).reshape(10, 10) * 1e-3
    >>> coords = {"y": np.arange(10.0, 0.0, -1.0), "x": np.arange(10.0)}
    >>> one = xr.DataArray(values, coords, ("y", "x"), name="nep", attrs={"crs": "EPSG:32650"})
    >>> result = clusters(one)
    >>> round(float(result.overall["moran_i"][0]), 2)
    0.85
    """
    _check_options(contiguity, style, permutations, alpha, significance, alternative)
    name = str(grid.name or "the map")
    values = _values(grid)
    cells = kernels.lattice(values, contiguity)
    _check_cells(cells, float(np.nanmax(np.abs(values))), name)
    local, global_draws = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    maps = _local_maps(cells, style, permutations, local, alternative)
    adjusted = significance == "benjamini_hochberg"
    maps["lisa_class"] = _lisa_classes(cells, maps["p_adjusted" if adjusted else "p"], alpha)
    maps["gi_class"] = _gi_classes(cells, maps["gi_star"], maps["gi_p_adjusted" if adjusted else "gi_p"])
    parameters = {
        "contiguity": contiguity, "style": style, "permutations": permutations, "alpha": alpha,
        "significance": significance, "alternative": alternative, "seed": seed,
    }  # fmt: skip
    areas = cell_areas(grid).to_numpy()
    provenance = history_line("clusters", **parameters)
    return ClusterResult(
        method="clusters",
        parameters=parameters,
        n=cells.n,
        notes=_notes(cells, permutations, alternative),
        provenance=provenance,
        variables=stacks.response(grid),
        grid=_labelled(maps, cells, grid, parameters, provenance),
        overall=_overall(cells, style, global_draws),
        classes=_class_table(cells, maps, areas, alpha),
    )


def _check_options(contiguity: str, style: str, permutations: int, alpha: float, significance: str, alternative: str) -> None:
    choose(contiguity, ("queen", "rook"), "contiguity")
    choose(style, ("W", "B"), "style")
    choose(significance, ("benjamini_hochberg", "naive"), "significance")
    choose(alternative, ("two-sided", "directed"), "alternative")
    if not isinstance(permutations, int) or isinstance(permutations, bool) or permutations < 99:
        raise OptionError(f"permutations must be a whole number from 99 up, got {permutations!r}")
    if not isinstance(alpha, int | float) or not 0.0 < alpha < 1.0:
        raise OptionError(f"alpha must be between 0 and 1, got {alpha!r}")


def _values(grid: xr.DataArray) -> Floats:
    name = grid.name or "the map"
    if sorted(map(str, grid.dims)) != ["x", "y"]:
        raise DataError(f"{name!r} must have the dimensions y and x, got {grid.dims}: take one year, or the mean of the years")
    if not np.issubdtype(grid.dtype, np.number) or np.issubdtype(grid.dtype, np.complexfloating):
        raise DataError(f"{name!r} holds {grid.dtype} where numbers are expected: read it as numbers")
    values = np.array(grid.transpose("y", "x").to_numpy(), dtype=np.float64)
    if np.isinf(values).any():
        raise DataError(f"{name!r} holds infinite values: set them to NaN first")
    n = int(np.isfinite(values).sum())
    if n < LEAST_CELLS:
        raise DataError(f"{name!r} has {n} cells with a value: at least {LEAST_CELLS} are needed for a test of clusters")
    return values


def _check_cells(cells: Lattice, size: float, name: str) -> None:
    if not cells.joined.any():
        raise DataError(f"no cell of {name!r} has a neighbour with a value: take a larger region, or contiguity='queen'")
    if cells.m2 <= 0.0 or np.ptp(cells.z[cells.valid]) <= ROUNDING * size:
        raise DataError(f"{name!r} is constant: nothing can cluster")


def _local_maps(
    cells: Lattice, style: str, permutations: int, generator: np.random.Generator, alternative: str
) -> dict[str, Floats]:
    local = kernels.local_moran(cells, style)
    gi_star = kernels.getis_ord(cells, star=True)
    maps = {
        "local_moran": local.value, "local_z": local.z,
        "p": conditional_p(cells, permutations, generator, alternative),
        "gi_star": gi_star, "gi_p": 2.0 * special.ndtr(-np.abs(gi_star)), "gi": kernels.getis_ord(cells, star=False),
    }  # fmt: skip
    return maps | {f"{name}_adjusted": benjamini_hochberg(maps[name]) for name in ("p", "gi_p")}


def _lisa_classes(cells: Lattice, p: Floats, alpha: float) -> Floats:
    high, high_around = cells.z > 0.0, cells.lag > 0.0
    kind = np.where(high, np.where(high_around, 0.0, 2.0), np.where(high_around, 3.0, 1.0))
    kind = np.where(cells.joined, np.where(p < alpha, kind, 4.0), 5.0)
    return np.where(cells.valid, kind, np.nan)


def _gi_classes(cells: Lattice, gi_star: Floats, p: Floats) -> Floats:
    step = np.searchsorted(GI_LEVELS, np.nan_to_num(p, nan=1.0), side="right").astype(np.float64)
    kind = np.where(gi_star > 0.0, step, 6.0 - step)
    return np.where(cells.valid, np.where(cells.joined, kind, 7.0), np.nan)


def _overall(cells: Lattice, style: str, generator: np.random.Generator) -> pd.DataFrame:
    moran = kernels.global_moran(cells, style)
    rows = []
    variances = {"randomisation": moran.variance_random, "normality": moran.variance_normal}
    for assumption, variance in variances.items():
        z = (moran.moran_i - moran.expected) / np.sqrt(variance) if variance > 0 else np.nan
        rows.append(
            (f"Moran's I, {assumption}", np.sqrt(variance) if variance > 0 else np.nan, z, 2.0 * special.ndtr(-abs(z)), "")
        )
    if cells.n <= GLOBAL_CELLS:
        rows.append(_permuted(cells, style, moran.moran_i, generator))
    columns = ["method", "std_error", "statistic", "p", "note"]
    table = pd.DataFrame(rows, columns=columns).assign(moran_i=moran.moran_i, expected=moran.expected, n=cells.n)
    return table[["method", "moran_i", "expected", "std_error", "statistic", "p", "n", "note"]]


def _permuted(cells: Lattice, style: str, moran: float, generator: np.random.Generator) -> tuple[str, float, float, float, str]:
    """Shuffle the whole map; only sum_i w_i z_i lag_i changes, so it alone is taken anew."""
    weight, shuffled = cells.weight(style), np.zeros(cells.z.shape)
    values, scale = cells.z[cells.valid], cells.n / float((weight * cells.k).sum()) / (cells.m2 * cells.n)
    drawn = np.empty(GLOBAL_DRAWS)
    for i in range(GLOBAL_DRAWS):
        shuffled[cells.valid] = generator.permutation(values)
        drawn[i] = scale * float((shuffled * weight * kernels.neighbour_sum(shuffled, cells.contiguity)).sum())
    # Draws that tie with the map differ from it by rounding.
    near = ROUNDING * max(1.0, abs(moran))
    tail = min(np.count_nonzero(drawn >= moran - near), np.count_nonzero(drawn <= moran + near))
    p = min(1.0, 2.0 * (tail + 1.0) / (GLOBAL_DRAWS + 1.0))
    spread = float(drawn.std(ddof=1)) if np.ptp(drawn) > near else 0.0
    z = (moran - float(drawn.mean())) / spread if spread > 0 else np.nan
    return "Moran's I, permutation", spread, z, p if np.isfinite(z) else np.nan, f"{GLOBAL_DRAWS} permutations, two-sided"


def _class_table(cells: Lattice, maps: dict[str, Floats], areas: Floats, alpha: float) -> pd.DataFrame:
    coded: list[tuple[str, tuple[str, ...], Floats]] = []
    coded += [(p, LISA_CLASSES, _lisa_classes(cells, maps[p], alpha)) for p in ("p", "p_adjusted")]
    coded += [(p, GI_CLASSES, _gi_classes(cells, maps["gi_star"], maps[p])) for p in ("gi_p", "gi_p_adjusted")]
    blocks = []
    for p, names, codes in coded:
        kind = codes[cells.valid].astype(np.int64)
        n = np.bincount(kind, minlength=len(names))
        area = np.bincount(kind, weights=areas[cells.valid], minlength=len(names))
        table = pd.DataFrame({"method": METHODS[p], "level": names, "n": n, "area_km2": area})
        found = ~table["level"].isin(["Not significant", "No neighbours"])
        blocks.append(table.assign(share=area / area.sum(), share_of=OF_ALL))
        total = float(area[found].sum())
        blocks.append(table.loc[found].assign(share=area[found] / total if total else np.nan, share_of=OF_FOUND))
    return pd.concat(blocks, ignore_index=True)


def _labelled(
    maps: dict[str, Floats], cells: Lattice, grid: xr.DataArray, parameters: Mapping[str, object], provenance: str
) -> xr.Dataset:
    coords = {axis: grid[axis] for axis in ("y", "x") if axis in grid.coords}
    scale = np.where(cells.valid, np.sqrt(cells.m2), np.nan)
    maps = maps | {
        "neighbours": np.where(cells.valid, cells.k.astype(np.float64), np.nan), "deviate": cells.z / scale,
        "lag": np.where(cells.joined, cells.lag / np.maximum(cells.k, 1), np.nan) / scale,
    }  # fmt: skip
    found = xr.Dataset({name: (("y", "x"), values) for name, values in maps.items()}, coords=coords)
    deciding = "_adjusted" if parameters["significance"] == "benjamini_hochberg" else ""
    found["lisa_class"].attrs = {"classes": list(LISA_CLASSES), "long_name": "LISA class", "p": f"p{deciding}"}
    found["gi_class"].attrs = {"classes": list(GI_CLASSES), "long_name": "Gi* class", "p": f"gi_p{deciding}"}
    method = f"{METHODS['p']} ({parameters['alternative']}); {METHODS['gi_p']}"
    found.attrs = {"crs": grid.attrs.get("crs", ""), "method": method, "history": provenance}
    return found


def _notes(cells: Lattice, permutations: int, alternative: str) -> tuple[str, ...]:
    islands = int((cells.valid & ~cells.joined).sum())
    notes = [
        "Clusters describe where like values lie together; smooth maps have them by nature, and they name no cause. On noise "
        "without any structure a two-sided P below 0.05 still marks about 5 % of the area, the adjusted P none.",
        "P of Gi* is naive: it takes the standard deviate as normal.",
    ]
    if cells.n >= EXACT_BELOW:
        sides = 1.0 if alternative == "directed" else 2.0
        error = sides * np.sqrt(0.05 / sides * (1.0 - 0.05 / sides) / permutations)
        notes.append(
            f"Cells with as many neighbours share their {permutations:,} draws, the cell's own value being left out by the "
            f"first two moments: P near 0.05 is good to {error:.1g} (one standard error), and errs alike in all of them. More "
            "permutations narrow it."
        )
    if alternative == "directed":
        notes.append("P is one-sided in the direction that was found: at 0.05 it marks 10 % of the area of noise.")
    if islands:
        notes.append(f"{islands:,} of {cells.n:,} cells have no neighbour with a value: a class of their own, never a cluster.")
    if cells.n > GLOBAL_CELLS:
        more = f"{cells.n:,} cells are more than {GLOBAL_CELLS:,}"
        notes.append(f"Global Moran's I was not permuted: {more}; its moments are exact.")
    return tuple(notes)
