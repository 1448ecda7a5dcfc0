"""What a path model means on a sample: names, blocks from categories, the columns of every group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_text import parse_model
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError, OptionError, choose, did_you_mean


def resolved(
    sample: PixelSample, model: PathModel | str | None, blocks: Mapping[str, Sequence[str]] | None
) -> tuple[PathModel, list[str]]:
    """Return the model with every block filled, and what must be said of it.

    A name in the equations that is no variable but a category of drivers becomes the block of its continuous drivers. No
    model: every continuous driver acts on the response directly.

    Raises
    ------
    OptionError
        If a name is unknown (the nearest one is offered), or the response has no equation.
    DataError
        If a variable is categorical.
    """
    model, blocks = _as_model(sample, model, blocks)
    given = dict(blocks)
    notes: list[str] = []
    named = {*model.equations, *(d for drivers in model.equations.values() for d in drivers)}
    named |= {name for pair in model.correlated for name in pair}
    variables = {sample.response.name: "continuous"} | {d.name: d.kind for d in sample.drivers}
    for name in sorted(named - set(variables) - set(given)):
        members = [d for d in sample.drivers if d.category == name]
        if members and not any(d.kind == "continuous" for d in members):
            raise DataError(
                f"block {name!r} has no measured driver, only categorical ones ({', '.join(d.name for d in members)}), and "
                "classes have no single path: take it out, or name one of them as factor"
            )
        if not members:
            _refuse_unknown(sample, name, [*variables, *given])
        given[name] = [d.name for d in members if d.kind == "continuous"]
        passed = [d.title for d in members if d.kind == "categorical"]
        if passed:
            notes.append(f"Not in block {name}, because categorical: {', '.join(passed)}.")
    for name in sorted((named - set(given)) | {m for members in given.values() for m in members}):
        if name not in variables:
            _refuse_unknown(sample, name, list(variables))
        if variables[name] == "categorical":
            raise DataError(
                f"{name!r} is categorical, and classes have no single path: name it as factor={name!r} (its class means are "
                "then taken out of every equation), or compare its classes as groups"
            )
    if sample.response.name not in model.equations:
        raise OptionError(f"the response {sample.response.name!r} has no equation in the path model: add one")
    return PathModel(model.equations, given, model.correlated), notes


def _as_model(
    sample: PixelSample, model: PathModel | str | None, blocks: Mapping[str, Sequence[str]] | None
) -> tuple[PathModel, Mapping[str, Sequence[str]]]:
    if isinstance(model, PathModel):
        return model, {**model.blocks, **(blocks or {})}
    if model is None:
        drivers = [d.name for d in sample.continuous]
        if not drivers:
            raise DataError("no continuous driver is there for a path model: a class has no single path")
        return PathModel({sample.response.name: drivers}), blocks or {}
    equations, correlated = parse_model(model)
    return PathModel(equations, {}, correlated), blocks or {}


def _refuse_unknown(sample: PixelSample, name: str, known: list[str]) -> None:
    categories = sorted({d.category for d in sample.drivers})
    raise OptionError(
        f"the path model names {name!r}, which is no variable, block or category of this sample."
        f"{did_you_mean(name, [*known, *categories])}"
    )


def columns_of(part: PixelSample, names: Sequence[str]) -> np.ndarray:
    """Return the columns of some variables, (n, p), float64."""
    # Column after column: a table keeps each of them together.
    return np.array([part.frame[name].to_numpy(dtype=np.float64) for name in names]).T


def check_keys(model: PathModel, keys: Mapping[str, str]) -> None:
    """Raise OptionError where a key names no used block, or no member of its block."""
    for block, member in keys.items():
        choose(block, model.used_blocks, "a block in keys")
        choose(member, model.blocks[block], f"the key member of block {block!r}")
