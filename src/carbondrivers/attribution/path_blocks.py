"""Blocks of measured variables: signed effects of the members, and the size of the whole block.

Effects of a block on the target are the vector v of its members' effects; its size is sqrt(v' R v) with R the correlation
matrix of the members, the sheaf coefficient of v (Heise 1972, doi:10.1177/004912417200100201; for indirect and total
effects this extension is ours). Along a pathway of blocks v is the product of the blocks of B. A size has no sign and is
never below 0, also where there is no effect: its interval says little about that, the members' intervals do.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.path_bootstrap import Draws, drawn_coefficients, drawn_intervals
from carbondrivers.attribution.path_effects import ARROW, Plan, plan, total_effects
from carbondrivers.attribution.path_estimates import Estimates
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_scores import score_model
from carbondrivers.attribution.path_tables import Case, Rows

SIZE = "size sqrt(v' R v) of the members' effects, without sign"
Key = tuple[str, str, str, str]


def summarised(model: PathModel, whole: PathModel, categories: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the blocks that are summed up: those given, or else the categories of the drivers in the measured model."""
    if model.blocks:
        return {block: tuple(m for m in members if m in whole.order) for block, members in model.blocks.items()}
    found: dict[str, list[str]] = {}
    for name in sorted(whole.order):
        if name in categories:
            found.setdefault(categories[name], []).append(name)
    return {block: tuple(members) for block, members in sorted(found.items())}


def block_rows(case: Case, blocks: Mapping[str, tuple[str, ...]], whole: PathModel, target: str, drawn: Draws | None) -> Rows:
    """Return the effects of blocks of measured variables: members signed, the block's size, and pathways of blocks.

    Parameters
    ----------
    case
        The fit of the measured variables.
    blocks
        Block to its members in the model.
    whole
        The model as written; its pathways of blocks are given where its equations name blocks.
    target
        The variable that is acted on.
    drawn
        Resampled correlation matrices, if any.
    """
    names = case.found.names
    used = {block: tuple(m for m in members if m != target) for block, members in blocks.items()}
    used = {block: members for block, members in used.items() if members}
    ways = plan(score_model(whole), target) if whole.used_blocks else Plan(target, (), ())
    keys, values = _vectors(case.found.b[None], case.found.r[None], names, used, ways)

    def make(given: Draws) -> Floats:
        r = given.only(names)
        return _vectors(drawn_coefficients(r, names, case.found.model), r, names, used, ways)[1]

    low, high, units = drawn_intervals(drawn, make, len(keys))
    rows: Rows = [
        {"block": block, "driver": member, "response": target, "level": level, "path": path, "std_estimate": value,
         "ci_boot_low": a, "ci_boot_high": b, "n_units": units, "note": "" if member else SIZE}
        for (block, member, level, path), value, a, b in zip(keys, values[0], low, high, strict=True)
    ]  # fmt: skip
    return case.keyed(rows)


def _vectors(
    b: Floats, r: Floats, names: tuple[str, ...], blocks: Mapping[str, tuple[str, ...]], ways: Plan
) -> tuple[list[Key], Floats]:
    """Return what each value is, and the values (draws, values), of coefficients b and correlations r (draws, p, p)."""
    totals, t = total_effects(b), names.index(ways.target)
    keys: list[Key] = []
    columns: list[Floats] = []

    def add(block: str, members: tuple[str, ...], vector: Floats, level: str, path: str) -> None:
        places = [names.index(m) for m in members]
        size = np.einsum("di,dij,dj->d", vector, r[:, places][:, :, places], vector)
        keys.extend((block, member, level, path) for member in (*members, ""))
        columns.extend([*vector.T, np.sqrt(np.maximum(size, 0.0))])

    for block, members in blocks.items():
        places = [names.index(m) for m in members]
        for path in (way for way in ways.pathways if way[0] == block):
            chain = [blocks.get(step, (step,)) for step in path]
            vector = np.ones((len(b), 1))
            for after, before in zip(chain[:0:-1], chain[-2::-1], strict=True):
                part = b[:, [names.index(m) for m in after]][:, :, [names.index(m) for m in before]]
                vector = np.einsum("di,dij->dj", vector, part)
            add(block, members, vector, "pathway", ARROW.join(path))
        direct, total = b[:, t][:, places], totals[:, t][:, places]
        for level, vector in (("direct", direct), ("indirect", total - direct), ("total", total)):
            add(block, members, vector, level, "")
    return keys, np.stack(columns, axis=-1) if columns else np.zeros((len(b), 0))


def sensitivity_row(found: Estimates, block: str, target: str, effects: Mapping[str, float]) -> dict[str, object]:
    """Return the direct, indirect and total effect of a block with the R^2 of the target."""
    r2 = 1.0 - found.regressions[target].unexplained
    return {"block": block, "response": target, "r2": r2, **effects}
