"""Step ``time_correlation``: the response with its drivers, year by year in every cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, Strict

from carbondrivers.attribution.result import Result
from carbondrivers.attribution.time_correlation import TimeCorrelationResult, TimeKind, time_correlation
from carbondrivers.errors import OptionError, did_you_mean
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step


class TimeCorrelationOptions(StepOptions):
    """Options of the correlation through time."""

    drivers: tuple[str, ...] | None = Field(
        None, min_length=1, description="drivers with one grid a year to take; all of them by default"
    )
    kind: tuple[TimeKind, ...] = Field(("pearson", "partial"), min_length=1, description="coefficients to compute")
    detrend: Annotated[bool, Strict()] = Field(
        False, description="take the straight line off every series first; costs one degree of freedom"
    )
    min_valid: int | None = Field(
        None, ge=3, description="fewest years in which all variables of a cell have a value; 70 %, at least 10, by default"
    )


def _run(inputs: Inputs, options: TimeCorrelationOptions, results: Mapping[str, Result]) -> TimeCorrelationResult:
    drivers = inputs.driver_stacks
    for name in options.drivers or ():
        if name not in drivers:
            known = ", ".join(drivers)
            raise OptionError(f"driver {name!r} has no grid a year; those that have are {known}.{did_you_mean(name, drivers)}")
    chosen = {name: drivers[name] for name in options.drivers or drivers}
    return time_correlation(
        inputs.required_stack, chosen, kind=options.kind, detrend=options.detrend, min_valid=options.min_valid
    )


register_step(
    Step(
        "time_correlation", "Correlation through time", TimeCorrelationOptions, "stack", (), ("time_correlation",), _run,
        order=44,
    )
)  # fmt: skip
