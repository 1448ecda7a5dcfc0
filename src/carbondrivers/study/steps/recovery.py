"""Step ``recovery``: planted truth beside what was found; only virtual regions have a truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from carbondrivers.attribution.correlation import CorrelationResult
from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.attribution.recovery import RecoveryResult, recovery
from carbondrivers.attribution.result import Result
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class RecoveryOptions(StepOptions):
    """The comparison has no options."""


def _run(inputs: Inputs, options: RecoveryOptions, results: Mapping[str, Result]) -> RecoveryResult:
    truth = inputs.truth
    return recovery(
        truth.effects,
        truth.interacting_pairs,
        cast(CorrelationResult, results["correlation"]),
        cast(GeodetectorResult, results["geodetector"]),
    )


register_step(
    Step(
        "recovery", "Planted truth and what was found", RecoveryOptions, "truth", ("correlation", "geodetector"),
        (), _run, automatic=True, order=60,
    )
)  # fmt: skip
