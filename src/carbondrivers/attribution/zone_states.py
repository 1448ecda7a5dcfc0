"""The states of every cell that zones are made of: level, trend, persistence, cluster, from the maps of the four results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.stability import STANDARD_ERRORS
from carbondrivers.attribution.zone_rules import STATES
from carbondrivers.errors import DataError


class Maps(NamedTuple):
    """The grids of the four results, on the same cells."""

    stability: xr.Dataset
    trend: xr.Dataset
    persistence: xr.Dataset
    clusters: xr.Dataset

    def judged(self) -> NDArray[np.bool_]:
        """Return the cells that have all four parts, (y, x).

        Raises
        ------
        DataError
            If there is none.
        """
        parts = (self.stability["mean"], self.trend["mk_p"], self.persistence["p"], self.clusters["lisa_class"])
        there = np.logical_and.reduce([np.isfinite(part.to_numpy()) for part in parts])
        if not there.any():
            raise DataError(
                "no cell has a mean, a trend, a Hurst exponent and a place among the cells: look at the notes of the four for "
                "what is missing"
            )
        return np.asarray(there)

    def levels(self, there: NDArray[np.bool_], areas: Floats, reference: float | Literal["mean"]) -> tuple[Floats, float]:
        """Return positions in the states of the level, (y, x), and the reference."""
        mean = _grid(self.stability, "mean")
        at = float(np.average(mean[there], weights=areas[there])) if reference == "mean" else float(reference)
        error = _grid(self.stability, "sd") / np.sqrt(np.maximum(_grid(self.stability, "n_valid"), 1.0))
        far = np.abs(mean - at) > STANDARD_ERRORS * error
        return np.where(there, np.where(far, np.where(mean > at, 0.0, 2.0), 1.0), np.nan), at

    def tested(self, there: NDArray[np.bool_], suffix: str, alpha: float) -> dict[str, Floats]:
        """Return positions in the states of trend, persistence and cluster, (y, x).

        Parameters
        ----------
        there
            From ``judged``.
        suffix
            Of the P that decides: empty for the naive one, ``"_adjusted"``.
        alpha
            Level of the tests.
        """
        moving = _grid(self.trend, f"mk_p{suffix}") < alpha
        s, h, middle = _grid(self.trend, "mk_s"), _grid(self.persistence, "hurst"), _grid(self.persistence, "noise_median")
        kept = _grid(self.persistence, f"p{suffix}") < alpha
        high, around = _grid(self.clusters, "deviate") > 0.0, _grid(self.clusters, "lag") > 0.0
        quadrant = np.where(high, np.where(around, 0.0, 2.0), np.where(around, 3.0, 1.0))
        cluster = np.where(_grid(self.clusters, f"p{suffix}") < alpha, quadrant, 4.0)
        found = {
            "trend": np.where(moving & (s != 0), np.where(s > 0, 0.0, 2.0), 1.0),
            "persistence": np.where(kept, np.where(h > middle, 0.0, 2.0), 1.0),
            "cluster": np.where(_grid(self.clusters, "neighbours") > 0, cluster, 5.0),
        }  # fmt: skip
        return {part: np.where(there, codes, np.nan) for part, codes in found.items()}


def _grid(maps: xr.Dataset, name: str) -> Floats:
    return np.asarray(maps[name].transpose("y", "x").to_numpy(), dtype=np.float64)


def in_all(states: Mapping[str, Floats], asked: Mapping[str, Sequence[str]]) -> NDArray[np.bool_]:
    """Return where every part is in one of the states asked for, (y, x).

    Examples
    --------
    >>> in_all({"level": np.array([0.0, 1.0, np.nan])}, {"level": ["high", "low"]}).tolist()
    [True, False, False]
    """
    listed = [np.isin(states[part], [STATES[part].index(state) for state in wanted]) for part, wanted in asked.items()]
    return np.asarray(np.logical_and.reduce(listed))
