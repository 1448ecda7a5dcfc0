"""Which cell of a small grid each box of a path diagram stands in: annealing over a straight-line cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import networkx as nx
import numpy as np
from numpy.typing import NDArray

Pairs = Sequence[tuple[int, int]]
# What one fault costs, in cells of arrow length.
CROSSING, BACKWARD, LEVEL, LENGTH, OUTLET, CROWD, EVEN = 6.0, 10.0, 0.8, 0.8, 8.0, 9.0, 4.0
# Arrows past a box can often be bent round it, so both views are tried.
THROUGH = (4.0, 1.0)
_STEPS, _CHAINS, _HOT, _COLD = 500, 32, 8.0, 0.1
_ORDERS, _BEST = 300, 3
MOST_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Cells:
    """Row and column of every box, and the size of the grid."""

    places: tuple[tuple[int, int], ...]
    rows: int
    columns: int


def best_cells(count: int, edges: Pairs, most_columns: int, most: int = 4) -> list[Cells]:
    """Return the best places of `count` boxes, best first: arrows run from left to right as far as they can.

    Parameters
    ----------
    count
        Number of boxes.
    edges
        Source and target of each arrow, as numbers of boxes.
    most_columns
        How many columns there is room for.
    most
        How many different answers are wanted at most.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(edges)
    acyclic = nx.is_directed_acyclic_graph(graph)
    depth = len(nx.dag_longest_path(graph)) if acyclic else 3
    columns = max(1, min(max(2 if count < 3 else 3, min(depth, MOST_COLUMNS)), most_columns, count))
    rows = max(2 * ceil((count - 1) / max(columns - 1, 1)) - 1, ceil(count / columns), 1)
    costs = [_Cost(edges, rows, columns, _outlets(graph, edges), through) for through in THROUGH]
    found = dict.fromkeys(places for cost in costs for places in _search(cost, count)[: most // len(THROUGH)])
    searched = [_trimmed([(c // columns, c % columns) for c in places]) for places in found]
    return searched + (_layered(graph, edges, columns) if acyclic and columns > 2 else [])


def _trimmed(places: list[tuple[int, int]]) -> Cells:
    """Return the cells without empty columns, and without empty rows at the top and at the bottom."""
    columns = sorted({j for _, j in places})
    top = min(i for i, _ in places)
    moved = tuple((i - top, columns.index(j)) for i, j in places)
    return Cells(moved, max(i for i, _ in moved) + 1, len(columns))


def _layered(graph: nx.DiGraph, edges: Pairs, columns: int) -> list[Cells]:
    """Return places with the boxes dealt out to columns in the order of causes, for the orders of rows that cost least."""
    outlets = _outlets(graph, edges)
    inner = [n for n in nx.lexicographical_topological_sort(graph) if n not in outlets]
    dealt = [part.tolist() for part in np.array_split(np.array(inner, dtype=np.int64), columns - bool(outlets)) if len(part)]
    dealt += [outlets] if outlets else []
    rows = 2 * max(map(len, dealt)) - 1
    rng, tried = np.random.default_rng(0), []
    for _ in range(_ORDERS):
        places = np.empty(graph.number_of_nodes(), dtype=np.int64)
        for j, column in enumerate(dealt):
            first = (rows + 1) // 2 - len(column)
            places[rng.permutation(column)] = (first + 2 * np.arange(len(column))) * len(dealt) + j
        tried.append(places)
    every = np.unique(np.array(tried), axis=0)
    order = np.argsort(np.round(_Cost(edges, rows, len(dealt), outlets, min(THROUGH))(every), 6), kind="stable")[:_BEST]
    return [Cells(tuple((int(c) // len(dealt), int(c) % len(dealt)) for c in every[k]), rows, len(dealt)) for k in order]


def _outlets(graph: nx.DiGraph, edges: Pairs) -> list[int]:
    return [n for n in graph.nodes if edges and graph.out_degree(n) == 0 and graph.in_degree(n) > 0]


class _Cost:
    """Costs of assignments of boxes to cells (numbered row by row), from tables over pairs of cells."""

    def __init__(self, edges: Pairs, rows: int, columns: int, outlets: list[int], through: float) -> None:
        self.cells, self.outlets, self.columns, self.rows = rows * columns, outlets, columns, rows
        self.source, self.target = (np.array([e[k] for e in edges], dtype=np.int64) for k in (0, 1))
        y, x = np.divmod(np.arange(self.cells), columns)
        at = np.column_stack([x * 1.6, y]).astype(np.float64)
        across = x[None, :] - x[:, None]
        far = np.hypot(*(at[None, :, :] - at[:, None, :]).transpose(2, 0, 1))
        self.single = LENGTH * far + BACKWARD * (across < 0) * (1 - across) + LEVEL * (across == 0)
        self.through = through * _through(at)
        self.crossed = _crossed(at)
        apart = np.array(_apart(edges), dtype=np.int64).reshape(-1, 2)
        self.first, self.second = apart[:, 0], apart[:, 1]
        self.middle, self.column, self.row = np.abs(y - (rows - 1) / 2), x, y

    def __call__(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the costs (c,) of assignments (c, boxes)."""
        a, b = places[:, self.source], places[:, self.target]
        cost = self.single[a, b].sum(axis=1)
        cost += self.through[a[:, :, None], b[:, :, None], places[:, None, :]].sum(axis=(1, 2))
        first, second = self.first, self.second
        cost += CROSSING * self.crossed[a[:, first], b[:, first], a[:, second], b[:, second]].sum(axis=1)
        if self.outlets:
            last = self.columns - 1
            cost += OUTLET * (last - self.column[places[:, self.outlets]]).sum(axis=1)
            cost += CROWD * ((self.column[places] == last).sum(axis=1) - len(self.outlets))
            cost += 0.7 * self.middle[places[:, self.outlets]].sum(axis=1)
        counts = (self.column[places][:, :, None] == np.arange(self.columns)).sum(axis=1)
        cost += EVEN * counts.var(axis=1)
        return np.asarray(cost + 0.8 * np.abs(self.row[places].mean(axis=1) - (self.rows - 1) / 2))


def _apart(edges: Pairs) -> list[tuple[int, int]]:
    """Pairs of arrows without a box in common: only these can cross."""
    return [(i, j) for i, e in enumerate(edges) for j, f in enumerate(edges) if i < j and not set(e) & set(f)]


def _through(at: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the line from cell a to cell b passes cell c closely, (cells, cells, cells)."""
    a, b, c = at[:, None, None, :], at[None, :, None, :], at[None, None, :, :]
    along = ((c - a) * (b - a)).sum(-1) / np.maximum(((b - a) ** 2).sum(-1), 1e-12)
    foot = a + np.clip(along, 0.0, 1.0)[..., None] * (b - a)
    near = (np.abs(foot - c) < np.array([0.62, 0.72])).all(-1)
    ends = (along <= 1e-9) | (along >= 1 - 1e-9)
    return np.asarray(near & ~ends)


def _crossed(at: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the line from cell a to b crosses that from c to d, (cells, cells, cells, cells)."""
    step = at[None, :, :] - at[:, None, :]
    # side[a, b, c]: on which side of the line from a to b the cell c lies.
    side = np.sign(step[:, :, None, 0] * step[:, None, :, 1] - step[:, :, None, 1] * step[:, None, :, 0]).astype(np.int8)
    parted = side[:, :, :, None] * side[:, :, None, :] < 0
    return np.asarray(parted & parted.transpose(2, 3, 0, 1))


def _search(cost: _Cost, count: int) -> list[tuple[int, ...]]:
    """Anneal many random starts at once: move a box to another cell, or exchange two; return the best each has met."""
    rng = np.random.default_rng(0)
    order = rng.permuted(np.tile(np.arange(cost.cells), (_CHAINS, 1)), axis=1)
    value = cost(order[:, :count])
    best, least, chains = order[:, :count].copy(), value.copy(), np.arange(_CHAINS)
    for step in range(_STEPS if cost.cells > 1 else 0):
        heat = _HOT * (_COLD / _HOT) ** (step / _STEPS)
        i, j = rng.integers(count, size=_CHAINS), rng.integers(cost.cells, size=_CHAINS)
        tried = order.copy()
        tried[chains, i], tried[chains, j] = order[chains, j], order[chains, i]
        found = cost(tried[:, :count])
        taken = rng.random(_CHAINS) < np.exp(np.minimum((value - found) / heat, 0.0))
        order[taken], value[taken] = tried[taken], found[taken]
        better = value < least - 1e-9
        best[better], least[better] = order[better, :count], value[better]
    return list(dict.fromkeys(tuple(best[k].tolist()) for k in np.argsort(np.round(least, 6), kind="stable")))
