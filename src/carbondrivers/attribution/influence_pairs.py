"""Which pairs of drivers act together in the trees of a group."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbondrivers.attribution.influence_group import Part
from carbondrivers.attribution.response_curves import interactions
from carbondrivers.attribution.tree_growers import Grower
from carbondrivers.attribution.tree_steps import StepCurve

PAIR_ROWS = 300


def paired_by(part: Part) -> StepCurve | None:
    """Return the setting that interactions are read from where trees of one split were taken: they have none.

    Of the settings with several splits within one standard error of the best, that of least deviance.
    """
    if part.settings.tree_complexity > 1 or part.tuning is None:
        return None
    near = [c for c, ok in zip(part.tuning.curves, part.tuning.within, strict=True) if ok and c.settings.tree_complexity > 1]
    return min(near, key=lambda c: c.score[0]) if near else None


def _of_several_splits(part: Part) -> Grower | None:
    if part.settings.tree_complexity > 1:
        return part.model
    other = paired_by(part)
    return None if other is None else part.task.fit(other.settings, other.best, part.plan.seed)


def pair_table(part: Part) -> pd.DataFrame:
    """Return every pair of drivers, with its strength in the unit of the response and Friedman's H; none of one split."""
    task, model = part.task, _of_several_splits(part)
    rows = task.x[np.linspace(0, task.n - 1, min(PAIR_ROWS, task.n)).round().astype(np.int64)]
    found = interactions(model.arrays().dependence, rows) if model is not None else []
    table = [(task.names[i.j], task.names[i.k], i.strength * task.scale, i.h) for i in found]
    return pd.DataFrame(table, columns=["driver", "driver_2", "strength", "h"]).assign(group=part.name, unit=part.unit)
