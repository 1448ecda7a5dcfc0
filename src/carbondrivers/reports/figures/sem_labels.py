"""Places of the labels of a path diagram: beside or on their own arrow, off boxes, other arrows and other labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carbondrivers.reports.figures.sem_routes import Box, Curve, Points, Spot, bezier

_SHARES = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.2, 0.8)
_GAP, _HEAD = 0.9, 2.5
_BOX, _LABEL, _ARROW, _OUT, _ON_LINE, _AWAY, _HIDDEN = 20.0, 20.0, 12.0, 20.0, 1.3, 3.0, 15.0
_SEEN = 2.2


def place_labels(
    boxes: Sequence[Box], curves: Sequence[Curve], sizes: Sequence[tuple[float, float, float]], width: float
) -> list[Spot]:
    """Return the place of each arrow's label; each in turn takes the best place beside the others.

    Parameters
    ----------
    boxes, curves
        The diagram in mm.
    sizes
        Width and height of each label, zero where an arrow has none, and the arrow's thickness.
    width
        Of the page; no label leaves it to the sides.
    """
    dense = np.array([bezier(curve.control, np.linspace(0.0, 1.0, 41)) for curve in curves]).reshape(-1, 41, 2)
    choices = [_choices(curve, size) for curve, size in zip(curves, sizes, strict=True)]
    thick = np.array([size[2] for size in sizes])
    alone = [_own_costs(found, i, boxes, dense, thick, width) for i, found in enumerate(choices)]
    chosen = [int(np.argmin(costs)) for costs in alone]
    for _ in range(4):
        before = list(chosen)
        for i, found in enumerate(choices):
            others = [choices[j][chosen[j]][0] for j in range(len(choices)) if j != i and sizes[j][0] > 0]
            costs = alone[i] + _LABEL * _overlaps([spot for spot, _ in found], others)
            chosen[i] = int(np.argmin(np.round(costs, 9)))
        if chosen == before:
            break
    return [found[k][0] for found, k in zip(choices, chosen, strict=True)]


def _overlaps(spots: Sequence[Spot], others: Sequence[Spot]) -> Points:
    """Return with how many of the others each label would overlap, (spots,)."""
    one, other = (np.array([(s.x, s.y, s.width / 2, s.height / 2) for s in part]).reshape(-1, 4) for part in (spots, others))
    apart = np.abs(one[:, None, :2] - other[None, :, :2]) < one[:, None, 2:] + other[None, :, 2:]
    return np.asarray(apart.all(axis=-1).sum(axis=1), dtype=np.float64)


def _choices(curve: Curve, size: tuple[float, float, float]) -> list[tuple[Spot, float]]:
    """Return places and how far each is from the middle of the arrow."""
    wide, tall = size[:2]
    found: list[tuple[Spot, float]] = []
    for share in _SHARES:
        x, y = curve.at(share)
        ahead, behind = curve.at(min(share + 0.02, 1.0)), curve.at(max(share - 0.02, 0.0))
        along = (ahead - behind) / max(float(np.hypot(*(ahead - behind))), 1e-9)
        normal = np.array([-along[1], along[0]])
        # Half the extent of the label across the arrow, so that it just clears the line, or the head, which is wider.
        at_head = float(np.hypot(*(curve.control[2] - (x, y)))) < tall + _HEAD
        thick = 1.5 + 1.9 * size[2] if at_head else size[2]
        reach = abs(normal[0]) * wide / 2 + abs(normal[1]) * tall / 2 + thick / 2 + _GAP
        beside = [(x + side * reach * normal[0], y + side * reach * normal[1]) for side in (-1.0, 1.0)]
        found += [(Spot(a, b, wide, tall), abs(share - 0.5)) for a, b in beside]
        found.append((Spot(x, y, wide, tall, on_line=True), abs(share - 0.5)))
    return found


def _own_costs(
    found: Sequence[tuple[Spot, float]], own: int, boxes: Sequence[Box], dense: Points, thick: Points, width: float
) -> Points:
    """Return the cost of each place apart from other labels, (places,)."""
    at = np.array([(spot.x, spot.y) for spot, _ in found])
    reach = np.array([found[0][0].width / 2, found[0][0].height / 2])
    on_line = np.array([spot.on_line for spot, _ in found])
    cost = _AWAY * np.array([away for _, away in found]) + _ON_LINE * on_line
    centres = np.array([(box.x, box.y) for box in boxes])
    halves = np.array([(box.width / 2, box.height / 2) for box in boxes])
    cost += _BOX * (np.abs(at[:, None] - centres) < halves + reach).all(axis=-1).sum(axis=1)
    room = reach + 0.3 + thick[:, None, None] / 2
    met = np.asarray((np.abs(at[:, None, None] - dense) < room).all(axis=-1).any(axis=-1))
    met[:, own] = (np.abs(at[:, None] - dense[own]) < reach + 0.1).all(axis=-1).any(axis=-1)
    met[on_line, own] = False
    # A label on an arrow must leave some of it to be seen.
    length = float(np.hypot(*np.diff(dense[own], axis=0).T).sum())
    cost += _HIDDEN * (on_line & (length < _SEEN * found[0][0].width))
    outside = (at[:, 0] < reach[0]) | (at[:, 0] + reach[0] > width)
    return np.asarray(cost + _ARROW * met.sum(axis=1) + _OUT * outside)
