"""Which cells a sample takes, and how many cells each of them stands for: pure choices over positions, no grids.

Random, stratified and systematic samples have known inclusion probabilities pi, and weights 1 / pi (Horvitz & Thompson
1952, doi:10.1080/01621459.1952.10483446). A thinned sample has none that is known: its weights are the numbers of cells
nearest to each place (a declustering by cells), which add up to the number of cells as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from carbondrivers.datasets.distances import GREAT_CIRCLES, Floats, Places
from carbondrivers.datasets.sampling_strata import Strata
from carbondrivers.datasets.thinning import thin_points
from carbondrivers.errors import OptionError, choose

Method = Literal["all", "random", "stratified", "systematic", "thinned"]
Allocation = Literal["proportional", "equal", "root"]
METHODS: tuple[Method, ...] = get_args(Method)
ALLOCATIONS: tuple[Allocation, ...] = get_args(Allocation)
MOST_CANDIDATES = 3_000_000
Indices = NDArray[np.int64]


# What a method takes, and what it cannot do without.
TAKES: dict[Method, tuple[str, ...]] = {
    "all": (), "random": ("n",), "stratified": ("n", "strata"), "systematic": ("n", "spacing"), "thinned": ("n", "spacing"),
}  # fmt: skip
NEEDS: dict[Method, tuple[str, ...]] = {
    "all": (), "random": ("n",), "stratified": ("n", "strata"), "systematic": (), "thinned": ("spacing",),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a sample is to be drawn; refuses options that are wrong, lack, or do not belong to the method.

    Attributes
    ----------
    method : str
        One of ``METHODS``.
    n : int or None
        Cells to take.
    stratified : bool
        Whether strata are given.
    allocation : str
        One of ``ALLOCATIONS``.
    spacing : float or None
        Kilometres.
    """

    method: Method
    n: int | None
    stratified: bool
    allocation: Allocation
    spacing: float | None

    def __post_init__(self) -> None:
        choose(self.method, METHODS, "method")
        choose(self.allocation, ALLOCATIONS, "allocation")
        if self.n is not None and self.n < 1:
            raise OptionError(f"n must be 1 or more, got {self.n}")
        if self.spacing is not None and not (np.isfinite(self.spacing) and self.spacing > 0):
            raise OptionError(f"spacing must be kilometres above zero, got {self.spacing}")
        given = {"n": self.n is not None, "strata": self.stratified, "spacing": self.spacing is not None}
        for name, is_given in given.items():
            if is_given and name not in TAKES[self.method]:
                raise OptionError(f"{name} does not belong to method {self.method!r}: leave it out, or choose another method")
            if not is_given and name in NEEDS[self.method]:
                raise OptionError(f"method {self.method!r} needs {name}: give it")
        if self.method == "systematic" and given["n"] == given["spacing"]:
            raise OptionError("method 'systematic' needs one of n and spacing: give one of them")


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A choice of cells.

    Attributes
    ----------
    cells : numpy.ndarray
        Flat positions in the grid, ascending, shape (n,).
    weight : numpy.ndarray
        Number of cells that each stands for, shape (n,).
    notes : tuple of str
        What a reader should know of the choice.
    """

    cells: Indices
    weight: Floats
    notes: tuple[str, ...] = ()


def draw_random(candidates: Indices, n: int, rng: np.random.Generator) -> Drawn:
    """Draw `n` of the candidates without replacement, each with the same probability."""
    if n >= candidates.size:
        notes = (
            (f"{n} cells were asked for; all {candidates.size} that have a value are taken.",) if n > candidates.size else ()
        )
        return Drawn(candidates, np.ones(candidates.size), notes)
    chosen = np.sort(rng.choice(candidates.size, n, replace=False, shuffle=False))
    return Drawn(candidates[chosen], np.full(n, candidates.size / n))


def allocate(sizes: Indices, n: int, allocation: Allocation) -> Indices:
    """Share `n` places among strata.

    Parameters
    ----------
    sizes
        Cells of each stratum, shape (k,), all above zero.
    n
        Places, at least one a stratum.
    allocation
        ``"proportional"`` to the sizes, ``"equal"``, or ``"root"``: proportional to the square root of the sizes, a
        compromise that keeps rare strata without drowning the others.

    Returns
    -------
    numpy.ndarray
        Places of each stratum, at least 1 and at most its size; they add up to n, or to all cells where those are fewer.

    Raises
    ------
    OptionError
        If there are fewer places than strata, or the allocation is unknown.

    Examples
    --------
    >>> allocate(np.array([900, 90, 10]), 100, "proportional").tolist()
    [90, 9, 1]
    >>> allocate(np.array([900, 90, 10]), 100, "equal").tolist()
    [45, 45, 10]
    """
    choose(allocation, ALLOCATIONS, "allocation")
    if n < sizes.size:
        raise OptionError(f"n must be at least the number of strata, {sizes.size}, got {n}: every stratum takes a place")
    power = {"proportional": 1.0, "equal": 0.0, "root": 0.5}[allocation]
    share = sizes.astype(np.float64) ** power
    lower, upper = np.ones(sizes.size), sizes.astype(np.float64)
    wanted = _within(share, min(float(n), float(sizes.sum())), lower, upper)
    # Whole places by the largest remainders; a stratum that is taken whole has none.
    whole = np.floor(wanted + 1e-9).astype(np.int64)
    left = min(n, int(sizes.sum())) - int(whole.sum())
    order = np.lexsort((np.arange(sizes.size), -(wanted - whole)))
    whole[[i for i in order if whole[i] < sizes[i]][:left]] += 1
    return whole


def _within(share: Floats, total: float, lower: Floats, upper: Floats) -> Floats:
    """Return values proportional to `share` that add up to `total`, held within bounds."""
    low, high = 0.0, total / share.min()
    for _ in range(200):
        factor = (low + high) / 2.0
        if np.clip(factor * share, lower, upper).sum() < total:
            low = factor
        else:
            high = factor
    return np.asarray(np.clip(high * share, lower, upper))


def draw_stratified(parts: Strata, n: int, allocation: Allocation, rng: np.random.Generator) -> Drawn:
    """Draw at random within each stratum."""
    codes, labels, sizes = parts.codes.ravel(), parts.labels, parts.sizes()
    taken = allocate(sizes, n, allocation)
    chosen, weight = [], []
    for stratum, (size, take) in enumerate(zip(sizes, taken, strict=True)):
        # One stratum after the other: positions of all cells at once would outweigh the grids.
        cells = np.flatnonzero(codes == stratum).astype(np.int64)
        chosen.append(cells[rng.choice(size, take, replace=False, shuffle=False)] if take < size else cells)
        weight.append(np.full(take, size / take))
    cells, weights = np.concatenate(chosen), np.concatenate(weight)
    ascending = np.argsort(cells)
    whole = [f"{labels[i]} ({sizes[i]})" for i in np.flatnonzero(taken == sizes)]
    notes = (f"Every cell was taken of {', '.join(whole[:8])}{', ...' if len(whole) > 8 else ''}.",) if whole else ()
    if n > sizes.sum():
        notes = (f"{n} cells were asked for; all {int(sizes.sum())} that have a value are taken.",)
    return Drawn(cells[ascending], weights[ascending], notes)


def draw_systematic(mask: NDArray[np.bool_], steps: tuple[int, int], rng: np.random.Generator) -> Drawn:
    """Take every so many rows and columns from a random start; `mask` (y, x) says which cells have a value."""
    down, across = steps
    row, column = int(rng.integers(down)), int(rng.integers(across))
    rows, columns = np.nonzero(mask[row::down, column::across])
    cells = (row + rows * down) * mask.shape[1] + column + columns * across
    note = f"Every {down}. row and {across}. column of the grid was taken, from a random start."
    return Drawn(cells.astype(np.int64), np.full(cells.size, float(down * across)), (note,))


def draw_thinned(candidates: Indices, where: Places, spacing: float, n: int | None, rng: np.random.Generator) -> Drawn:
    """Take as many candidates as fit `spacing` km apart (at most `n`); `where` gives the place of every candidate."""
    from scipy.spatial import KDTree

    notes = [GREAT_CIRCLES] if where.on_sphere else []
    pool = np.arange(candidates.size)
    if pool.size > MOST_CANDIDATES:
        pool = np.sort(rng.choice(pool.size, MOST_CANDIDATES, replace=False, shuffle=False))
        notes.append(f"The sample was thinned from {MOST_CANDIDATES} cells drawn at random of {candidates.size}.")
    kept = pool[thin_points(where.points[pool], where.straight(spacing), rng)]
    if n is not None and n < kept.size:
        notes.append(f"{kept.size} cells fit at this spacing; {n} of them were drawn at random.")
        kept = np.sort(rng.choice(kept, n, replace=False, shuffle=False))
    elif n is not None and n > kept.size:
        notes.append(f"{n} cells were asked for, only {kept.size} fit at a spacing of {spacing:g} km.")
    _, nearest = KDTree(where.points[kept]).query(where.points)
    notes.append("A thinned sample has no known inclusion probabilities: weights are the numbers of cells nearest to each.")
    return Drawn(candidates[kept], np.bincount(nearest, minlength=kept.size).astype(np.float64), tuple(notes))
