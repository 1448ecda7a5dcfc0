"""Where the boxes, arrows and labels of a path diagram stand: no drawing, no statistics, the same answer every time.

Boxes are placed on a small grid by a search over a straight-line cost (crossings, arrows through boxes, arrows against
the direction of reading); then each arrow is routed as a quadratic Bezier curve over a few curvatures; then labels are
placed beside or on their own arrow. Lengths are in mm from the top left corner. A user's matrix of names replaces the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from carbondrivers.errors import OptionError, did_you_mean
from carbondrivers.reports.figures.sem_grid import Cells, best_cells
from carbondrivers.reports.figures.sem_labels import place_labels
from carbondrivers.reports.figures.sem_routes import Box, Curve, Spot, clashes, route

Matrix = Sequence[Sequence[str]]
# Room round the boxes for arrows that go outside of them.
MARGIN_X, MARGIN_Y = 3.0, 9.0
LEAST_GAP_X, LEAST_GAP_Y = 13.0, 9.0
FAULTS = {
    "crossings": 2.0, "through_boxes": 6.0, "overlapping_boxes": 20.0, "labels_on_boxes": 4.0, "labels_on_labels": 4.0,
    "labels_on_arrows": 1.5,
}  # fmt: skip
BENT, TALL = 0.8, 10.0
# Labels are tried on so many of the best routed layouts.
LABELLED = 3


@dataclass(frozen=True, slots=True)
class Node:
    """A box to be placed: its name, and width and height in mm."""

    name: str
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow to be routed: from, to, width and height of its label, its own thickness, in mm; bent where `double`."""

    source: str
    target: str
    label_width: float = 0.0
    label_height: float = 0.0
    thickness: float = 0.0
    double: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """A finished diagram.

    Attributes
    ----------
    boxes : dict
        Name to box.
    curves : tuple of Curve
        One an edge, in their order.
    spots : tuple of Spot
        Place of each edge's label, in the same order.
    width, height : float
        Of the whole, in mm.
    """

    boxes: dict[str, Box]
    curves: tuple[Curve, ...]
    spots: tuple[Spot, ...]
    width: float
    height: float

    @property
    def faults(self) -> dict[str, int]:
        """Count crossings of arrows, arrows through boxes, and labels on boxes, arrows or labels of others."""
        return clashes(list(self.boxes.values()), self.curves, self.spots)


def layout(nodes: Sequence[Node], edges: Sequence[Edge], width: float, *, matrix: Matrix | None = None) -> Layout:
    """Place a diagram on `width` mm.

    Parameters
    ----------
    nodes
        Boxes; the order does not matter.
    edges
        Arrows between them.
    width
        Width in mm.
    matrix
        Rows of names that say where boxes stand; empty strings are gaps. None: the search decides.

    Raises
    ------
    OptionError
        If the matrix does not name every box exactly once.

    Examples
    --------
    >>> boxes = [Node("rain", 20, 8), Node("soil", 20, 8), Node("nep", 14, 8)]
    >>> found = layout(boxes, [Edge("rain", "soil"), Edge("soil", "nep"), Edge("rain", "nep")], 110)
    >>> found.faults["crossings"], found.boxes["rain"].x < found.boxes["nep"].x
    (0, True)
    """
    ordered = sorted(nodes, key=lambda node: node.name)
    names = [node.name for node in ordered]
    pairs = [(names.index(e.source), names.index(e.target)) for e in edges]
    sizes = [(e.label_width, e.label_height, e.thickness) for e in edges]
    # A correlation has no direction of reading: boxes are placed by the arrows.
    one_way = [pair for pair, edge in zip(pairs, edges, strict=True) if not edge.double] or pairs
    bent = [edge.double for edge in edges]
    tried = best_cells(len(names), one_way, _most_columns(ordered, width)) if matrix is None else [_given(matrix, names)]
    routed = sorted((_routed(ordered, cells, pairs, width, bent) for cells in tried), key=_cost)[:LABELLED]
    return min((_labelled(found, sizes) for found in routed), key=_cost)


def _routed(nodes: Sequence[Node], cells: Cells, pairs: list[tuple[int, int]], width: float, bent: Sequence[bool]) -> Layout:
    boxes, height = _boxes(nodes, cells, width)
    named = {node.name: box for node, box in zip(nodes, boxes, strict=True)}
    return Layout(named, tuple(route(boxes, pairs, width, height, bent)), (), width, height)


def _labelled(found: Layout, sizes: list[tuple[float, float, float]]) -> Layout:
    spots = place_labels(list(found.boxes.values()), found.curves, sizes, found.width)
    return _cropped(replace(found, spots=tuple(spots)))


def _cost(found: Layout) -> float:
    """What a reader would mind: faults first, then bends, then the height."""
    bends = sum(float(np.abs(np.linalg.det([c.control[1] - c.control[0], c.control[2] - c.control[0]]))) for c in found.curves)
    lengths = sum(float(np.hypot(*(c.control[2] - c.control[0]))) for c in found.curves)
    weighed = sum(FAULTS[key] * count for key, count in found.faults.items())
    return round(weighed + BENT * bends / max(lengths, 1.0) / 10.0 + TALL * found.height / found.width, 9)


def _most_columns(nodes: Sequence[Node], width: float) -> int:
    """Return how many columns there is room for: the last may hold the narrowest box, the others any."""
    widest, narrowest = (pick(node.width for node in nodes) for pick in (max, min))
    return max(2, 1 + int((width - 2 * MARGIN_X - narrowest) // (widest + LEAST_GAP_X)))


def has_room(nodes: Sequence[Node], width: float, columns: int) -> bool:
    """Return whether so many columns of boxes fit on `width` mm."""
    return _most_columns(nodes, width) >= columns


def _given(matrix: Matrix, names: list[str]) -> Cells:
    """Return the cells of a user's matrix."""
    found: dict[str, tuple[int, int]] = {}
    for i, row in enumerate(matrix):
        for j, name in enumerate(row):
            if not name:
                continue
            if name not in names:
                raise OptionError(f"matrix: {name!r} is no box of this diagram.{did_you_mean(name, names)}")
            if name in found:
                raise OptionError(f"matrix: {name!r} stands in it twice: name each box once")
            found[name] = (i, j)
    missing = [name for name in names if name not in found]
    if missing:
        raise OptionError(f"matrix: {', '.join(missing)} is missing: name each box once")
    return Cells(tuple(found[name] for name in names), len(matrix), max(len(row) for row in matrix))


def _boxes(nodes: Sequence[Node], cells: Cells, width: float) -> tuple[list[Box], float]:
    """Return the boxes and the height of the whole; rows that hold no box share the room between the others."""
    wide, tall = np.zeros(cells.columns), np.zeros(cells.rows)
    for node, (i, j) in zip(nodes, cells.places, strict=True):
        wide[j], tall[i] = max(wide[j], node.width), max(tall[i], node.height)
    gap = (width - 2 * MARGIN_X - wide.sum()) / max(cells.columns - 1, 1)
    left = MARGIN_X + np.concatenate([[0.0], np.cumsum(wide + gap)[:-1]])
    middle_x = left + wide / 2 if cells.columns > 1 else np.array([width / 2])
    pitch = _pitch(nodes, cells)
    middle_y = MARGIN_Y + pitch * np.arange(cells.rows)
    at = [(middle_x[j], middle_y[i]) for i, j in cells.places]
    top = min(y - node.height / 2 for node, (_, y) in zip(nodes, at, strict=True)) - MARGIN_Y
    made = [Box(float(x), float(y - top), n.width, n.height) for n, (x, y) in zip(nodes, at, strict=True)]
    return made, max(box.y + box.height / 2 for box in made) + MARGIN_Y


def _pitch(nodes: Sequence[Node], cells: Cells) -> float:
    """Return the distance of rows that keeps every two boxes of a column apart."""
    needed = [1.0]
    for a, (i, j) in zip(nodes, cells.places, strict=True):
        for b, (k, m) in zip(nodes, cells.places, strict=True):
            if j == m and k > i:
                needed.append(((a.height + b.height) / 2 + LEAST_GAP_Y) / (k - i))
    return float(ceil(max(needed) * 10) / 10)


def _cropped(found: Layout) -> Layout:
    """Take off what is empty above and below."""
    tops = [box.y - box.height / 2 for box in found.boxes.values()] + [float(c.points[:, 1].min()) for c in found.curves]
    tops += [spot.y - spot.height / 2 for spot in found.spots]
    ends = [box.y + box.height / 2 for box in found.boxes.values()] + [float(c.points[:, 1].max()) for c in found.curves]
    ends += [spot.y + spot.height / 2 for spot in found.spots]
    top = min(tops) - 1.0
    boxes = {name: box.moved(-top) for name, box in found.boxes.items()}
    curves = tuple(curve.moved(-top) for curve in found.curves)
    return Layout(boxes, curves, tuple(s.moved(-top) for s in found.spots), found.width, max(ends) + 1.0 - top)
