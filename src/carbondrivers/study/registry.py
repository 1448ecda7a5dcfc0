"""The registry of study steps: one file a family in ``study/steps``, found by itself.

A step turns a study's inputs into one result. It declares the pydantic model of its options (the keys that a user may
write under ``[analyses.NAME]``), what it needs and the methods behind it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from carbondrivers.attribution.result import Result

Need = Literal["sample", "stack", "map", "months", "truth", "components"]
NEEDS: Mapping[Need, str] = {
    "sample": "a sample: a response and drivers",
    "stack": "a stack of grids of the response over the years",
    "map": "grids of the response; of several years their mean",
    "months": "a stack of months: the response, or a layer",
    "truth": "the planted truth of a virtual region",
    "components": "the monthly parts of an NEP model (nep.model other than 'given')",
}
"""What each need is, in words."""


# An option with this extra names drivers: ``check`` holds it to those of the study.
NAMES_DRIVERS: dict[str, Any] = {"refers_to": "driver"}


class StepOptions(BaseModel):
    """Base of every step's options: unknown keys are refused, and values are not changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Step:
    """A registered step.

    Attributes
    ----------
    name : str
        The key under ``[analyses]``.
    title : str
        Heading of its section in the report.
    options : type
        Pydantic model of the options; its field descriptions are what ``explain`` prints.
    needs : str
        The input without which the step cannot run.
    after : tuple of str
        Steps whose results it takes.
    methods : tuple of str
        Registered methods behind it; their versions are part of the step's content key.
    run : callable
        ``run(inputs, options, results) -> Result``; `results` holds those of `after`.
    automatic : bool
        Whether it runs without being asked for, as soon as what it needs is there.
    seeded : bool
        Whether it draws random numbers, so that its result belongs to the seed of the run.
    version : str
        Raised when the step itself, not a method behind it, gives other numbers.
    order : int
        Place in the report; a step always stands after those whose results it takes.
    """

    name: str
    title: str
    options: type[StepOptions]
    needs: Need
    after: tuple[str, ...]
    methods: tuple[str, ...]
    run: Callable[[Any, Any, Mapping[str, Result]], Result]
    automatic: bool = False
    seeded: bool = False
    version: str = "1"
    order: int = 100


_STEPS: dict[str, Step] = {}


def register_step(step: Step) -> Step:
    """Add a step to the registry."""
    known = _STEPS.get(step.name)
    # A module may be imported again (pytest does); only another function under the name is a mistake.
    if known and known.run.__module__ != step.run.__module__:
        raise ValueError(f"step {step.name!r} is registered twice")
    _STEPS[step.name] = step
    return step


def steps() -> dict[str, Step]:
    """Return every step by name, each after the ones whose results it takes."""
    package = import_module("carbondrivers.study.steps")
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        import_module(f"{package.__name__}.{module.name}")
    ordered: dict[str, Step] = {}

    def add(name: str) -> None:
        for before in _STEPS[name].after:
            add(before)
        ordered.setdefault(name, _STEPS[name])

    for step in sorted(_STEPS.values(), key=lambda s: (s.order, s.name)):
        add(step.name)
    return ordered
