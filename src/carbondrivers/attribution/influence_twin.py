"""A second response beside the first: the same rows, drivers, settings and number of trees, such as NPP beside NEP.

NEP that was computed as NPP less respiration holds the drivers of the respiration model by construction: trees find them even
where nature has nothing to do with them. What a driver has for NEP and not for NPP came in with what was subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from carbondrivers.attribution.influence_group import Part
from carbondrivers.attribution.influence_result import OF_INFLUENCE
from carbondrivers.attribution.tree_task import shares_of
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import OptionError, did_you_mean

READING = (
    "The twin {twin} was analysed on the same rows, drivers, settings and number of trees. A driver that leads {response} "
    "alone came in with what was subtracted from {twin}; one that leads both acts on {twin} itself, unless {twin} was computed "
    "from it, too."
)
INPUTS = "{names}: NEP was computed from {them}, so that {they} must look influential whatever happens in nature. {then}"
NO_SPREAD = "the twin has one value in this group"


def inputs_words(names: Sequence[str], twin: str | None) -> str:
    """Return the warning of drivers that NEP was computed from."""
    them = "it" if len(names) == 1 else "they"
    then = f"{twin} stands beside it as the twin." if twin else "Run the same analysis on NPP beside it: give it as the twin."
    return INPUTS.format(names=", ".join(names), them="it" if len(names) == 1 else "them", they=them, then=then)


def check_twin(sample: PixelSample, twin: str | None) -> None:
    """Refuse a twin that cannot be one.

    Raises
    ------
    OptionError
        If it is no numeric column of the sample, or the response or a driver.
    """
    if twin is None:
        return
    taken = {sample.response.name, *(d.name for d in sample.drivers)}
    if twin in taken:
        raise OptionError(f"twin must be neither the response nor a driver, got {twin!r}: the twin is explained by the drivers")
    placed = {*(sample.coordinates or ()), sample.time, sample.weights}
    others = [str(c) for c in sample.frame.columns if c not in taken | placed]
    if twin not in others or not pd.api.types.is_numeric_dtype(sample.frame[twin]):
        raise OptionError(
            f"twin must be a column of numbers of the sample, got {twin!r}: name it in extras of PixelSample.from_frame."
            f"{did_you_mean(str(twin), others)}"
        )


def twin_table(part: Part, sample: PixelSample, twin: str) -> pd.DataFrame:
    """Return the influence of each driver on the response and on its twin, side by side.

    Parameters
    ----------
    part
        The group, fitted.
    sample
        Its rows.
    twin
        A column of numbers.
    """
    task = part.task
    y = sample.frame[twin].to_numpy(dtype=np.float64)[task.order]
    shares = np.full(len(task.names), np.nan)
    if np.ptp(y) > 0.0:
        origin = float(y.mean())
        other = replace(task, y=y, origin=origin, scale=float(np.sqrt(np.mean((y - origin) ** 2))))
        shares = shares_of(other.fit(part.settings, part.trees, part.plan.seed).gains())
    table = pd.DataFrame(
        {
            "group": part.name, "response": sample.response.name, "response_2": twin, "driver": task.names,
            "category": task.categories, "share": part.shares, "share_2": shares, "share_of": OF_INFLUENCE,
            "note": "" if np.ptp(y) > 0.0 else NO_SPREAD,
        }
    )  # fmt: skip
    ranks = {name: table[by].rank(ascending=False, method="first") for name, by in (("rank", "share"), ("rank_2", "share_2"))}
    return table.assign(**{name: rank.astype("Int64") for name, rank in ranks.items()})
