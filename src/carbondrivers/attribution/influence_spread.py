"""How far influence can be trusted: blocks of space drawn anew, other seeds, and what a cut on the response does by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.resampling import Bootstrap, Units, refits
from carbondrivers.attribution.response_curves import accumulated_effects, partial_dependence
from carbondrivers.attribution.tree_growers import Grower, TreeSettings
from carbondrivers.attribution.tree_task import Rows, Split, Task, shares_of

BAND_ROWS = 400
# Half the bins halve the time; shares of refits move by a tenth of a percentage point, a tenth of their spread at most.
REFIT_BINS = 128


@dataclass(frozen=True, slots=True, eq=False)
class Grids:
    """Where the curves of each driver are evaluated: partial dependence, and borders of local effects (none for classes)."""

    partial: tuple[Floats, ...]
    borders: tuple[Floats, ...]


def resampled(
    task: Task, settings: TreeSettings, trees: int, units: Units, plan: Bootstrap, grids: Grids, bands: int, jobs: int
) -> tuple[Floats, list[Floats], list[Floats]]:
    """Return influence and curves of trees grown on blocks drawn with replacement, at most 128 bins a driver.

    Parameters
    ----------
    task
        The rows.
    settings, trees
        Fixed: what varies is the place.
    units
        What is drawn.
    plan
        Replicates and seed.
    grids
        Of the curves.
    bands
        How many replicates curves are drawn for.
    jobs
        Threads.

    Returns
    -------
    shares : numpy.ndarray
        (replicates, p).
    partial, local : list of numpy.ndarray
        One a driver, (bands, points): centred curves, in the unit of the response.
    """

    task = task.coarser(REFIT_BINS) if settings.grown_by == "xgboost" else task

    def shares(rows: Rows, seed: int) -> Floats:
        return shares_of(task.fit(settings, trees, seed, rows).gains())

    def with_curves(rows: Rows, seed: int) -> Floats:
        model = task.fit(settings, trees, seed, rows)
        return np.concatenate([shares_of(model.gains()), *curves(task, model, np.unique(rows), grids)])

    p, bands = len(task.names), min(bands, plan.replicates)
    drawn = [np.empty((0, p))]
    sizes = [len(g) for g in (*grids.partial, *grids.borders)]
    parts = [np.empty((0, k)) for k in sizes]
    if bands:
        found = refits(with_curves, units.codes, Bootstrap(bands, plan.confidence, plan.seed), jobs=jobs)
        drawn.append(found[:, :p])
        parts = np.split(found[:, p:], np.cumsum(sizes)[:-1], axis=1)
    if bands < plan.replicates:
        rest = Bootstrap(plan.replicates - bands, plan.confidence, plan.seed + 1)
        drawn.append(refits(shares, units.codes, rest, jobs=jobs))
    return np.concatenate(drawn), list(parts[:p]), list(parts[p:])


def curves(task: Task, model: Grower, rows: Rows, grids: Grids) -> list[Floats]:
    """Return the centred partial dependence of every driver, then its accumulated local effects.

    Parameters
    ----------
    task, model
        What was fitted.
    rows
        Whose values the local effects are taken at; of many only some are used.
    grids
        Of the curves; no borders, no local effects.
    """
    trees, p = model.arrays(), len(task.names)
    partial = [
        _centred(partial_dependence(trees.dependence, p, j, grids.partial[j]), grids.partial[j], task.x[:, j]) * task.scale
        for j in range(p)
    ]
    used = rows[:: max(1, -(-len(rows) // BAND_ROWS))]

    def predict(x: Floats) -> Floats:
        return model.predict(task.on.encode(x))

    local = [
        accumulated_effects(predict, task.x[used], j, borders=borders).effects * task.scale
        if len(borders) > 1
        else borders * 0.0
        for j, borders in enumerate(grids.borders)
    ]
    return [*partial, *local]


def _centred(curve: Floats, grid: Floats, values: Floats) -> Floats:
    """Return a curve less its mean over the rows, as local effects are centred."""
    return curve - float(np.interp(values, grid, curve).mean())


def reseeded(task: Task, settings: TreeSettings, trees: int, seeds: int, seed: int) -> Floats:
    """Return influence by other seeds of the bagging, (seeds, p)."""
    drawn = [shares_of(task.fit(settings, trees, seed + 1 + i).gains()) for i in range(seeds)]
    return np.array(drawn).reshape(seeds, len(task.names))


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """What a cut on the response gives by itself.

    Attributes
    ----------
    shares : numpy.ndarray
        (p,): influence, mean over the made responses; NaN where too few rows fall between the ends.
    n : int
        Rows between the ends, on average.
    pairs : tuple
        Made and out-of-fold predicted response of each repeat, in the unit of the response.
    """

    shares: Floats
    n: int
    pairs: tuple[tuple[Floats, Floats], ...]


def cut_by_itself(
    whole: Task, settings: TreeSettings, trees: int, held_out: Floats, ends: tuple[float, float], splits: Sequence[Split],
    repeats: int, seed: int,
) -> Control:  # fmt: skip
    """Return the influence and the predictions that a cut on the response gives where one law holds everywhere.

    Responses are made from the trees of the whole sample and its shuffled out-of-fold residuals, so that no part of them
    obeys another law; rows are then cut out between the same ends, and trees are grown on them.

    Parameters
    ----------
    whole
        All rows.
    settings, trees
        As for the group.
    held_out
        (n,): out-of-fold predictions of the whole sample, in the unit of the response.
    ends
        The group's least and greatest response; infinite where it reaches the end of the sample.
    splits
        Folds of the whole sample, of which the rows between the ends are taken.
    repeats
        How many responses are made.
    seed
        Of shuffling and bagging.
    """
    rng, found, counts, pairs = np.random.default_rng(seed), [], [], []
    for i in range(repeats):
        made = held_out + rng.permutation(whole.y - held_out)
        inside = (made >= ends[0]) & (made <= ends[1])
        rows, z = np.flatnonzero(inside), (made - whole.origin) / whole.scale
        counts.append(len(rows))
        if len(rows) > 2 * settings.min_observations:
            found.append(shares_of(whole.fit(settings, trees, seed + i, rows, response=z).gains()))
            pairs.append((made[rows], within(whole, settings, trees, inside, splits, seed + i, z)[rows]))
    n = round(float(np.mean(counts)))
    shares = np.mean(found, axis=0) if len(found) == repeats else np.full(len(whole.names), np.nan)
    return Control(shares, n, tuple(pairs))


def within(
    whole: Task, settings: TreeSettings, trees: int, inside: NDArray[np.bool_], splits: Sequence[Split], seed: int,
    z: Floats | None = None,
) -> Floats:  # fmt: skip
    """Return out-of-fold predictions (n,) of some rows of the whole sample by trees of these rows alone, NaN elsewhere.

    Parameters
    ----------
    whole, settings, trees, seed
        As in ``cut_by_itself``.
    inside
        (n,): the rows.
    splits
        Folds of the whole sample.
    z
        (n,): a response in place of the sample's, without unit.
    """
    predicted = np.full(whole.n, np.nan)
    for train, test in splits:
        known, asked = train[inside[train]], test[inside[test]]
        if len(asked) and len(known) > 2 * settings.min_observations:
            model = whole.fit(settings, trees, seed, known, response=z)
            predicted[asked] = model.predict(whole.codes[asked]) * whole.scale + whole.origin
    return predicted
