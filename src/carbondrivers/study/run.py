"""Run a study: every step in order, each kept as soon as it is done, then the output folder."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carbondrivers.attribution.registry import methods
from carbondrivers.attribution.result import Result
from carbondrivers.errors import CarbonDriversWarning, OptionError, StudyError, did_you_mean
from carbondrivers.provenance import content_key
from carbondrivers.reports.folder import require_apart
from carbondrivers.study.check import LoadedStudy, check_data, load_study
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import NEEDS, Step, StepOptions, steps
from carbondrivers.study.sources import Source
from carbondrivers.study.state import Kept, State

STATE = ".state"
Progress = Callable[[str, bool], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: the study, its input files and the kept result of every step, in the order of the report."""

    study: LoadedStudy
    sources: tuple[Source, ...]
    seed: int
    kept: Mapping[str, Kept]


def planned(study: LoadedStudy, inputs: Inputs, only: str | None = None) -> dict[str, StepOptions]:
    """Return the steps of a study with their options, in order.

    Parameters
    ----------
    study, inputs
        The checked study and its inputs.
    only
        Run this step alone (and those whose results it takes).

    Raises
    ------
    OptionError
        If `only` names a step that the study does not have.
    StudyError
        If an analysis needs what the data do not hold.
    """
    known = steps()
    chosen: dict[str, StepOptions] = {}
    for name, step in known.items():
        asked = name in study.spec.analyses
        ready = all(before in chosen for before in step.after)
        if asked and not inputs.has(step.needs):
            raise StudyError(f"analyses.{name} needs {NEEDS[step.needs]}, and these data have none: drop it")
        if asked or (step.automatic and ready and inputs.has(step.needs)):
            chosen[name] = study.spec.analyses.get(name) or step.options()
    if only is None:
        return chosen
    if only not in chosen:
        raise OptionError(f"--only {only!r}: the steps of this study are {', '.join(chosen)}.{did_you_mean(only, chosen)}")
    wanted = {only, *known[only].after}
    return {name: options for name, options in chosen.items() if name in wanted}


def run_steps(
    study: LoadedStudy,
    folder: Path,
    *,
    seed: int | None = None,
    only: str | None = None,
    fresh: bool = False,
    progress: Progress = lambda title, done: None,
) -> RunResult:
    """Run a study's steps and keep each result in the output folder.

    Parameters
    ----------
    study
        A study file without problems.
    folder
        Output folder.
    seed
        In place of the study's own.
    only
        One step alone; what is kept of the others stays in the report.
    fresh
        Compute anew even what is kept.
    progress
        Called with a step's title before it runs (False) and after (True).

    Raises
    ------
    CarbonDriversError
        With all problems of the data that can be seen before anything runs, or the first that a step meets.
    """
    problems = check_data(study)
    if problems:
        raise StudyError("\n".join(problem.text(str(study.path)) for problem in problems))
    seed = study.spec.study.seed if seed is None else seed
    inputs = Inputs(study, seed)
    require_apart(folder, [study.root / source.file for source in inputs.sources])
    state = State(folder / STATE)
    inputs.keep = state.keep
    plan = planned(study, inputs, only)
    done: dict[str, Kept] = {}
    for name, options in plan.items():
        step = steps()[name]
        key = _key(step, options, inputs, done)
        kept = None if fresh else state.load(name, key)
        if kept is None:
            progress(step.title, False)
            state.store(_run(step, key, options, inputs, done))
            kept = state.load(name, key)
            progress(step.title, True)
        if kept is None:
            raise StudyError(f"the result of step {name!r} could not be read back from {folder / STATE}: run again")
        done[name] = kept
    ready = dict(_in_order(study, inputs, state, done))
    state.remember(study.path.name, study.text, seed, inputs.sources, {name: one.key for name, one in ready.items()})
    return RunResult(study, inputs.sources, seed, ready)


def last_run(folder: Path) -> RunResult:
    """Return what the last run in an output folder has kept; nothing is computed and no data are needed.

    Raises
    ------
    StudyError
        If the folder holds no run.
    """
    state = State(folder / STATE)
    record = state.remembered()
    if record is None:
        raise StudyError(f"{folder} holds no earlier run: make one with carbondrivers run STUDY -o {folder}")
    study = load_study(state.folder / record.file)
    kept = {name: state.load(name, key) for name, key in record.keys.items()}
    lost = [name for name, one in kept.items() if one is None]
    if lost:
        raise StudyError(f"the kept result of step {lost[0]!r} in {folder} cannot be read: run the study again")
    return RunResult(study, record.sources, record.seed, {name: one for name, one in kept.items() if one})


def _key(step: Step, options: StepOptions, inputs: Inputs, done: Mapping[str, Kept]) -> str:
    known = methods()
    declared: dict[str, Any] = {
        "step": step.name, "version": step.version, "options": options.model_dump(mode="json"), "inputs": inputs.key,
        "methods": {name: known[name].version for name in step.methods},
        "after": {name: done[name].key for name in step.after},
    }  # fmt: skip
    if step.seeded:
        declared["seed"] = inputs.seed
    return content_key(declared)


def _run(step: Step, key: str, options: StepOptions, inputs: Inputs, done: Mapping[str, Kept]) -> Kept:
    results: dict[str, Result] = {name: done[name].result for name in step.after}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CarbonDriversWarning)
        result = step.run(inputs, options, results)
    ours = [w for w in caught if issubclass(w.category, CarbonDriversWarning)]
    for other in caught:
        if other not in ours:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    said = dict.fromkeys(str(w.message) for w in ours)
    return Kept(step.name, key, result, tuple(said))


def _in_order(study: LoadedStudy, inputs: Inputs, state: State, done: Mapping[str, Kept]) -> Iterator[tuple[str, Kept]]:
    """Iterate over all steps of the study: those that ran, and what an earlier run with the same inputs kept."""
    have: dict[str, Kept] = {}
    for name, options in planned(study, inputs).items():
        step = steps()[name]
        if all(before in have for before in step.after):
            kept = done.get(name) or state.load(name, _key(step, options, inputs, have))
            if kept:
                have[name] = kept
                yield name, kept
