"""Every pathway of a path model, direct, indirect and total effects, with delta-method standard errors.

A pathway's effect is the product of its coefficients; the total effect of all variables is (I - B)^-1 - I (Bollen 1987,
doi:10.2307/271028), its derivative to b_ij A_ti A_js with A = (I - B)^-1. The covariance of the coefficients is the inverse
of the observed information (``path_estimates``), with the effective n of each coefficient in the place of n for the second
set of intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.path_graph import PathModel

MOST_PATHWAYS = 20_000
ARROW = " -> "


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What effects a model has on one target.

    Attributes
    ----------
    target : str
        The variable that is acted on.
    pathways : tuple of tuples of str
        Each from its source to the target; empty where there are more than 20,000.
    sources : tuple of str
        Variables with an effect on the target, sorted.
    """

    target: str
    pathways: tuple[tuple[str, ...], ...]
    sources: tuple[str, ...]


def plan(model: PathModel, target: str) -> Plan:
    """Return the pathways to a target, by source, longest first, then by the names on the way."""
    graph = model.graph()
    sources = tuple(sorted(nx.ancestors(graph, target)))
    if sum(_count(model, target).get(source, 0) for source in sources) > MOST_PATHWAYS:
        return Plan(target, (), sources)
    found = [tuple(path) for source in sources for path in nx.all_simple_paths(graph, source, target)]
    return Plan(target, tuple(sorted(found, key=lambda p: (p[0], -len(p), p))), sources)


def _count(model: PathModel, target: str) -> dict[str, int]:
    """Return the number of pathways from every variable to the target."""
    graph = model.graph()
    number = {target: 1}
    for name in reversed(model.order):
        if name != target:
            number[name] = sum(number.get(after, 0) for after in graph.successors(name))
    return number


def total_effects(b: Floats) -> Floats:
    """Return the total effects, (..., p, p), of coefficients b (..., p, p): column on row."""
    # The series ends, since no cause comes back to itself; unlike an inverse it leaves absent effects exactly 0.
    found, power = b.copy(), b
    while (power := power @ b).any():
        found = found + power
    return np.asarray(found)


def pathway_values(b: Floats, names: tuple[str, ...], pathways: tuple[tuple[str, ...], ...]) -> Floats:
    """Return the effect of every pathway, (..., pathways), from coefficients b (..., p, p)."""
    made = [np.prod(np.stack([b[..., i, j] for i, j in _steps(names, path)], axis=-1), axis=-1) for path in pathways]
    return np.stack(made, axis=-1) if made else np.zeros((*b.shape[:-2], 0))


def _steps(names: tuple[str, ...], path: tuple[str, ...]) -> list[tuple[int, int]]:
    return [(names.index(after), names.index(before)) for before, after in pairwise(path)]


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Effects on one target and their derivatives.

    Attributes
    ----------
    keys : list of tuples of str
        Source, level and path of each effect.
    standardised : numpy.ndarray
        Shape (effects,).
    gradient : numpy.ndarray
        Shape (effects, edges).
    """

    keys: list[tuple[str, str, str]]
    standardised: Floats
    gradient: Floats

    def errors(self, covariance: Floats) -> Floats:
        """Return the standard errors, (effects,), under a covariance of the coefficients."""
        return np.asarray(np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", self.gradient, covariance, self.gradient), 0.0)))


def effects_of(b: Floats, names: tuple[str, ...], model: PathModel, wanted: Plan) -> Effects:
    """Return all effects on a target: of every source its pathways, then direct, indirect and total."""
    edges = [(names.index(response), names.index(driver)) for response, driver in model.edges]
    through = total_effects(b) + np.eye(len(names))
    target = names.index(wanted.target)
    keys: list[tuple[str, str, str]] = []
    values: list[float] = []
    gradients: list[Floats] = []

    def add(key: tuple[str, str, str], value: float, gradient: Floats) -> None:
        keys.append(key)
        values.append(value)
        gradients.append(gradient)

    ways = pathway_values(b, names, wanted.pathways)
    for source in wanted.sources:
        for path, value in zip(wanted.pathways, ways, strict=True):
            if path[0] == source:
                add((source, "pathway", ARROW.join(path)), float(value), _pathway_gradient(b, names, path, edges))
        s = names.index(source)
        total = np.array([through[target, i] * through[j, s] for i, j in edges])
        direct = np.array([float((i, j) == (target, s)) for i, j in edges])
        add((source, "direct", ""), float(b[target, s]), direct)
        add((source, "indirect", ""), float(through[target, s] - b[target, s]), total - direct)
        add((source, "total", ""), float(through[target, s]), total)
    return Effects(keys, np.array(values), np.array(gradients).reshape(len(values), len(edges)))


def _pathway_gradient(b: Floats, names: tuple[str, ...], path: tuple[str, ...], edges: list[tuple[int, int]]) -> Floats:
    found = np.zeros(len(edges))
    steps = _steps(names, path)
    for step in steps:
        found[edges.index(step)] = np.prod([b[other] for other in steps if other != step])
    return found


def drawn_effects(b: Floats, names: tuple[str, ...], wanted: Plan) -> Floats:
    """Return the effects of resampled coefficients b (draws, p, p), (draws, effects), in the order of ``effects_of``."""
    totals, target = total_effects(b), names.index(wanted.target)
    ways = pathway_values(b, names, wanted.pathways)
    columns: list[Floats] = []
    for source in wanted.sources:
        s = names.index(source)
        columns += [ways[:, i] for i, path in enumerate(wanted.pathways) if path[0] == source]
        columns += [b[:, target, s], totals[:, target, s] - b[:, target, s], totals[:, target, s]]
    return np.stack(columns, axis=-1) if columns else np.zeros((len(b), 0))
