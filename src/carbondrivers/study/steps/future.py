"""Step ``future``: trend crossed with persistence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from carbondrivers.attribution.future import FutureResult, future
from carbondrivers.attribution.persistence import PersistenceResult
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.trend import TrendResult
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class FutureOptions(StepOptions):
    """The crossing has no options: those of the trend and of the persistence decide."""


def _run(inputs: Inputs, options: FutureOptions, results: Mapping[str, Result]) -> FutureResult:
    return future(cast(TrendResult, results["trend"]), cast(PersistenceResult, results["persistence"]))


register_step(
    Step(
        "future", "Trend and persistence", FutureOptions, "stack", ("trend", "persistence"), ("trend", "persistence"), _run,
        order=33,
    )
)  # fmt: skip
