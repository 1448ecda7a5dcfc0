"""Curves between boxes: each arrow takes the curvature that crosses least and keeps out of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
CURVATURES = (0.0, 0.12, -0.12, 0.22, -0.22, 0.34, -0.34, 0.48, -0.48, 0.64, -0.64)
CLEARANCE = 1.2
_SAMPLES = 36
# What one fault costs, in units of curvature.
_BOX, _CROSS, _OUT, _BEND, _TIP, _SHORT, _TALLER, _STRAIGHT = 12.0, 3.0, 12.0, 0.9, 1.5, 3.0, 0.06, 40.0
_TIPS_APART = 3.2
_OUTWARD = 0.3
# What an arc may take instead, so that the eye sees it bent: by so much of its length, and so many mm.
ARCS = (0.3, -0.3, 0.42, -0.42, 0.56, -0.56, 0.72, -0.72, 0.9, -0.9, 1.1)
LEAST_BENT, LEAST_BENT_MM = 0.16, 2.0
_COARSE, _OTHER, _FINE = (np.linspace(0.0, 1.0, n) for n in (9, 7, 20))


@dataclass(frozen=True, slots=True)
class Box:
    """A box by its centre, width and height, in mm."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, down: float) -> Box:
        """Return the box further down."""
        return replace(self, y=self.y + down)

    def holds(self, points: Points, more: float = 0.0) -> NDArray[np.bool_]:
        """Return which points (n, 2) lie within the box widened by `more`."""
        reach = np.array([self.width / 2 + more, self.height / 2 + more])
        return np.asarray((np.abs(points - (self.x, self.y)) < reach).all(axis=-1))

    def edge_towards(self, x: float, y: float, more: float = CLEARANCE) -> Points:
        """Return where the line from the centre to a point leaves the box widened by `more`."""
        dx, dy = x - self.x, y - self.y
        reach = [(self.width / 2 + more) / abs(dx) if dx else np.inf, (self.height / 2 + more) / abs(dy) if dy else np.inf]
        share = min(1.0, *reach)
        return np.array([self.x + share * dx, self.y + share * dy])


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A quadratic Bezier curve: its three control points (3, 2), and points along it (n, 2)."""

    control: Points
    points: Points

    def moved(self, down: float) -> Curve:
        """Return the curve further down."""
        step = np.array([0.0, down])
        return Curve(self.control + step, self.points + step)

    def at(self, share: float) -> Points:
        """Return the point at a share of the parameter."""
        return np.asarray(bezier(self.control, np.array([share]))[0])


@dataclass(frozen=True, slots=True)
class Spot:
    """A label by its centre, width and height, in mm; `on_line` where it interrupts its arrow."""

    x: float
    y: float
    width: float
    height: float
    on_line: bool = False

    def moved(self, down: float) -> Spot:
        """Return the label further down."""
        return replace(self, y=self.y + down)

    @property
    def box(self) -> Box:
        """The label as a box."""
        return Box(self.x, self.y, self.width, self.height)


def bezier(control: Points, share: Points) -> Points:
    """Return points of a quadratic Bezier curve, (n, 2), at shares (n,) of its parameter."""
    t = share[:, None]
    return np.asarray((1 - t) ** 2 * control[0] + 2 * t * (1 - t) * control[1] + t**2 * control[2])


def route(
    boxes: Sequence[Box],
    pairs: Sequence[tuple[int, int]],
    width: float,
    height: float,
    bent: Sequence[bool] | None = None,
) -> list[Curve]:
    """Return a curve an arrow, each the best of a few curvatures beside the others.

    Parameters
    ----------
    boxes
        Boxes in mm.
    pairs
        Source and target of each arrow.
    width, height
        Of the page; no curve leaves it to the sides.
    bent
        Which must be curved to the eye, as the arcs of correlations are; none by default.
    """
    if not pairs:
        return []
    arcs = list(bent) if bent is not None else [False] * len(pairs)
    bends = np.array([ARCS if arc else CURVATURES for arc in arcs])
    choices = [[_curve(boxes[a], boxes[b], bend) for bend in given] for (a, b), given in zip(pairs, bends, strict=True)]
    centre = np.mean([(box.x, box.y) for box in boxes], axis=0)
    own = [
        [_own_cost(curve, boxes, pair, width, height) for curve in curves] for pair, curves in zip(pairs, choices, strict=True)
    ]
    alone = np.array(own).reshape(len(pairs), len(CURVATURES)) + _BEND * np.abs(bends)
    alone += _STRAIGHT * np.array(
        [[arc and _looks_straight(c) for c in curves] for arc, curves in zip(arcs, choices, strict=True)]
    )
    # Round the outside rather than through the middle, where it is all the same otherwise.
    alone -= _OUTWARD * np.array(
        [[np.hypot(*(c.points[_SAMPLES // 2] - centre)) / width for c in curves] for curves in choices]
    )
    together = _together(choices, pairs)
    chosen = np.argmin(alone, axis=1)
    _settle(chosen, alone, together)
    _settle_pairs(chosen, alone, together)
    return [curves[k] for curves, k in zip(choices, chosen, strict=True)]


def _together(choices: Sequence[Sequence[Curve]], pairs: Sequence[tuple[int, int]]) -> Points:
    """Return the cost of every choice of an arrow beside every choice of another, (arrows, choices, arrows, choices)."""
    points = np.array([[bezier(curve.control, _COARSE) for curve in curves] for curves in choices])
    # Sampled at other places, so that no two lines meet exactly at a point of both.
    others = np.array([[bezier(curve.control, _OTHER) for curve in curves] for curves in choices])
    cost = np.zeros((len(pairs), len(CURVATURES)) * 2)
    for i, pair in enumerate(pairs):
        for j in range(i):
            met = _CROSS * crossings(points[i][:, None], others[j][None])
            for n in set(pair) & set(pairs[j]):
                ends = [np.array([c.control[2 * (p[1] == n)] for c in choices[k]]) for k, p in ((i, pair), (j, pairs[j]))]
                met = met + _TIP * (np.hypot(*(ends[0][:, None] - ends[1][None]).transpose(2, 0, 1)) < _TIPS_APART)
            cost[i, :, j], cost[j, :, i] = met, met.T
    return cost


def _settle(chosen: NDArray[np.int64], alone: Points, together: Points, sweeps: int = 6) -> None:
    """Let each arrow in turn take its best choice beside the others, until none changes."""
    count = np.arange(len(chosen))
    for _ in range(sweeps):
        before = chosen.copy()
        for i in count:
            chosen[i] = np.argmin(np.round(alone[i] + together[i, :, count, chosen].sum(axis=0), 9))
        if (chosen == before).all():
            return


def _settle_pairs(chosen: NDArray[np.int64], alone: Points, together: Points) -> None:
    """Let every two arrows that are in each other's way change at the same time, then each alone again."""
    count = np.arange(len(chosen))
    for i in count:
        for j in range(i):
            if together[i, chosen[i], j, chosen[j]] <= 0:
                continue
            rest = [k for k in count if k not in (i, j)]
            one, two = (alone[k] + together[k][:, rest, chosen[rest]].sum(axis=1) for k in (i, j))
            both = np.round(one[:, None] + two[None, :] + together[i, :, j], 9)
            chosen[i], chosen[j] = np.unravel_index(int(np.argmin(both)), both.shape)
    _settle(chosen, alone, together)


def _curve(source: Box, target: Box, bend: float) -> Curve:
    start, end = np.array([source.x, source.y]), np.array([target.x, target.y])
    along = end - start
    middle = (start + end) / 2 + bend * np.array([along[1], -along[0]])
    control = np.array([source.edge_towards(*middle), middle, target.edge_towards(*middle)])
    return Curve(control, bezier(control, np.linspace(0.0, 1.0, _SAMPLES)))


def _looks_straight(curve: Curve) -> bool:
    """Whether a curve leaves the line between its ends by too little to be seen."""
    start, middle, end = curve.control
    length = float(np.hypot(*(end - start)))
    aside = float(np.abs(np.linalg.det([end - start, middle - start]))) / max(length, 1e-9) / 2.0
    return aside < max(LEAST_BENT * length, LEAST_BENT_MM)


def _own_cost(curve: Curve, boxes: Sequence[Box], pair: tuple[int, int], width: float, height: float) -> float:
    cost = 0.0
    for i, box in enumerate(boxes):
        cost += _BOX * float(box.holds(curve.points[1:-1], 0.4 if i in pair else 1.6).any())
    x, y = curve.points.T
    cost += _OUT * float(x.min() < 1.0 or x.max() > width - 1.0)
    # The page can be made taller, at a price.
    cost += _TALLER * (max(0.0, -float(y.min())) + max(0.0, float(y.max()) - height))
    length = float(np.hypot(*np.diff(curve.points, axis=0).T).sum())
    # An arrow shorter than its own head cannot be read.
    return cost + _SHORT * float(length < 4.0)


def crossings(one: Points, other: Points) -> NDArray[np.int64]:
    """Return how often lines through points (..., n, 2) and (..., m, 2) cross, over what the two broadcast to."""
    a, b = one[..., :-1, None, :], one[..., 1:, None, :]
    c, d = other[..., None, :-1, :], other[..., None, 1:, :]

    def side(p: Points, q: Points, r: Points) -> Points:
        u, v = q - p, r - p
        return np.asarray(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])

    met = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
    return np.asarray(met.sum(axis=(-1, -2)))


def overlap(one: Box, other: Box) -> bool:
    """Return whether two boxes overlap."""
    return bool(abs(one.x - other.x) < (one.width + other.width) / 2 and abs(one.y - other.y) < (one.height + other.height) / 2)


def clashes(boxes: Sequence[Box], curves: Sequence[Curve], spots: Sequence[Spot]) -> dict[str, int]:
    """Count the faults of a diagram."""
    n, fine = len(curves), [bezier(curve.control, _FINE) for curve in curves]
    placed = [(i, spot) for i, spot in enumerate(spots) if spot.width > 0]
    return {
        "crossings": sum(int(crossings(curves[i].points, fine[j])) for i in range(n) for j in range(i)),
        "through_boxes": sum(bool(box.holds(curve.points[2:-2]).any()) for box in boxes for curve in curves),
        "overlapping_boxes": sum(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i]),
        "labels_on_boxes": sum(overlap(spot.box, box) for _, spot in placed for box in boxes),
        "labels_on_labels": sum(overlap(a.box, b.box) for k, (_, a) in enumerate(placed) for _, b in placed[:k]),
        "labels_on_arrows": sum(
            bool(spot.box.holds(curve.points).any()) for i, spot in placed for j, curve in enumerate(curves) if i != j
        ),
    }
