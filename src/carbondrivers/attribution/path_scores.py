"""Scores of blocks: one weighted sum of standardised members a block, by regression, first component or plain mean.

``composite``: weights are the coefficients of the members in the regression of the target on all variables of the model
(Grace and Bollen 2008, doi:10.1007/s10651-007-0047-7), those that the target acts on left out; a block that it acts on has
the weights of its first component. ``pc1``: first principal component of the members. ``mean``: equal
weights. Every score has variance 1. The sign of a composite and of a component is a convention: the key member of a block,
by default the one most strongly correlated with the composite, weighs positively in every kind, so that signs compare.
Without it the direct effect of a composite would be positive by construction. Scores of resamples are turned towards the
score of the sample, not by the key, whose weight may be near 0 in a resample.
A ``sheaf`` coefficient (Heise 1972, doi:10.1177/004912417200100201) is no score: it is the size sqrt(v' R v) of the effects
v of the members, and equals the size of the composite's direct effect where the target's equation has all members.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import networkx as nx
import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.path_bootstrap import solved
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_moments import Moments

Score = Literal["composite", "pc1", "mean", "sheaf"]
SCORES: tuple[Score, ...] = get_args(Score)


def score_model(model: PathModel) -> PathModel:
    """Return the model of the scores: blocks are its variables."""
    return PathModel(model.equations, {}, model.correlated)


def weights(
    kind: str, r: Floats, names: tuple[str, ...], model: PathModel, target: str, towards: Floats | None = None
) -> Floats:
    """Return the weights of the members, (draws, variables of the score model, p), from correlation matrices r (draws, p, p).

    Parameters
    ----------
    kind
        ``"composite"``, ``"pc1"`` or ``"mean"``.
    r, names
        Of the measured variables.
    model
        With blocks in its equations.
    target
        The response of the composite's regression.
    towards
        Weights (variables, p) whose scores the scores are turned towards; None: as they come.
    """
    order = score_model(model).order
    found = np.zeros((len(r), len(order), len(names)))
    behind = nx.descendants(model.observed().graph(), target)
    others = [i for i, name in enumerate(names) if name != target and name not in behind]
    if kind == "composite":
        t = names.index(target)
        full = np.zeros((len(r), len(names)))
        full[:, others] = solved(r[:, others][:, :, others], r[:, others, t])
    for row, name in enumerate(order):
        if name not in model.blocks:
            found[:, row, names.index(name)] = 1.0
            continue
        members = [names.index(m) for m in model.blocks[name]]
        inner = r[:, members][:, :, members]
        own = "pc1" if kind == "composite" and behind & set(model.blocks[name]) else kind
        raw = full[:, members] if own == "composite" else _own_weights(own, inner)
        if towards is not None:
            along = np.einsum("di,dij,j->d", raw, inner, towards[row, members])
            raw = raw * np.where(along < 0.0, -1.0, 1.0)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.sqrt(np.einsum("di,dij,dj->d", raw, inner, raw))
            found[:, row, members] = raw / np.where(size > 0.0, size, np.nan)[:, None]
    return found


def _own_weights(kind: str, inner: Floats) -> Floats:
    """Return weights (draws, k) that need the members' correlations (draws, k, k) only."""
    if kind == "mean":
        return np.ones(inner.shape[:-1])
    fit = np.asarray(np.isfinite(inner).all(axis=(1, 2)))
    _, vectors = np.linalg.eigh(np.where(fit[:, None, None], inner, np.eye(inner.shape[-1])))
    return np.where(fit[:, None], vectors[..., -1], np.nan)


def anchors(r: Floats, names: tuple[str, ...], model: PathModel, target: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the key member of every block: what is given, or the one most strongly correlated with the composite."""
    composite = weights("composite", r[None], names, model, target)[0]
    found: dict[str, str] = {}
    for row, block in enumerate(score_model(model).order):
        if block not in model.blocks:
            continue
        loads = np.abs(r @ composite[row])[[names.index(m) for m in model.blocks[block]]]
        # Correlations that are equal in exact arithmetic must not let the last bit choose.
        largest = [m for m, load in zip(model.blocks[block], loads, strict=True) if load > loads.max() * (1.0 - 1e-9)]
        found[block] = given.get(block, largest[0])
    return found


def anchored(found: Floats, names: tuple[str, ...], model: PathModel, keys: Mapping[str, str]) -> Floats:
    """Return weights (variables, p) turned so that the key member of every block weighs positively."""
    turned = found.copy()
    for row, block in enumerate(score_model(model).order):
        if block in keys and turned[row, names.index(keys[block])] < 0.0:
            turned[row] *= -1.0
    return turned


def scored(given: Moments, found: Floats, model: PathModel, sd: Floats) -> Moments:
    """Return the moments of the score model's variables, from those of the measured ones.

    Parameters
    ----------
    given
        Of the measured variables.
    found
        Weights, (variables of the score model, p), of members in units of their standard deviations.
    model
        With blocks in its equations.
    sd
        Standard deviations, (p,), of this group, or of the whole sample where groups are to be compared. Variables that are
        no block keep their units.
    """
    order = score_model(model).order
    scale = np.array([[1.0 if name in model.blocks else sd[given.names.index(name)]] for name in order])
    linear = found * scale / sd
    mean = np.array([0.0 if name in model.blocks else given.mean[given.names.index(name)] for name in order])
    return Moments(order, given.n, mean, linear @ given.cross @ linear.T, given.lost)


def drawn_scores(r: Floats, found: Floats) -> Floats:
    """Return the correlation matrices of scores, (draws, s, s), from those of the members and weights (draws, s, p)."""
    cross = np.einsum("dsi,dij,dtj->dst", found, r, found, optimize=True)
    size = np.sqrt(np.einsum("dss->ds", cross))
    return np.asarray(cross / (size[:, :, None] * size[:, None, :]))
