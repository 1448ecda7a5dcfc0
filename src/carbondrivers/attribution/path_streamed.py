"""Path models of tables that no memory holds: summed part by part (``streamed_moments``), then fitted as any other.

Effective sizes, block bootstrap and Moran's I need the rows and are not given: P-values are naive here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from carbondrivers.attribution.inference import NAIVE_P
from carbondrivers.attribution.path_claims import Fields
from carbondrivers.attribution.path_fit import Group, Settings, equation_rows, fit_group
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_inputs import check_keys
from carbondrivers.attribution.path_moments import Moments
from carbondrivers.attribution.path_result import COLUMNS, OBSERVED, PathResult, tabled
from carbondrivers.attribution.path_scores import SCORES, Score, score_model
from carbondrivers.attribution.path_tables import Rows
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import DataError, OptionError, choose, did_you_mean
from carbondrivers.provenance import history_line

STREAMED = "The rows were summed as they streamed by: there are no corrected P-values and no bootstrap intervals."


def fit_moments(
    model: PathModel | str,
    given: Moments,
    *,
    target: str,
    score: Score = "composite",
    keys: Mapping[str, str] | None = None,
    confidence: float = 0.95,
) -> PathResult:
    """Fit and test a path model from the moments of its variables.

    Parameters
    ----------
    model
        A ``PathModel``, its blocks among it, or its text.
    given
        Moments of the model's variables; others may be among them.
    target
        The response whose effects are given.
    score, keys, confidence
        As in ``path_model``.

    Raises
    ------
    OptionError
        If an option is wrong or the target has no equation.
    DataError
        If a variable has no moments, or the model cannot be fitted.

    Examples
    --------
    >>> from carbondrivers.attribution.path_moments import streamed_moments
    >>> rng = np.random.default_rng(0)
    >>> parts = (np.cumsum(rng.normal(size=(1000, 3)), axis=1) for _ in range(4))
    >>> found = fit_moments("b ~ a; c ~ b", streamed_moments(parts, ["a", "b", "c"]), target="c")
    >>> found.n, len(found.claims)
    (4000, 1)
    """
    model = PathModel.parse(model) if isinstance(model, str) else model
    choose(score, SCORES, "score")
    check_keys(model, keys or {})
    if not isinstance(confidence, int | float) or not 0.0 < confidence < 1.0:
        raise OptionError(f"confidence must be between 0 and 1, got {confidence!r}")
    if target not in model.equations:
        raise OptionError(f"the target {target!r} has no equation in the path model.{did_you_mean(target, model.equations)}")
    names = model.observed().order
    rows: dict[str, Rows] = {name: [] for name in COLUMNS}
    rows["equations"] = equation_rows(OBSERVED, model.observed())
    if model.used_blocks and score != "sheaf":
        rows["equations"] += equation_rows(score, score_model(model))
    settings = Settings(float(confidence), score, dict(sorted((keys or {}).items())))
    group = Group(ALL, _only(given, names), Fields(np.zeros((0, len(names))), None), None)
    fit_group(group, model, {}, target, settings, rows)
    parameters: dict[str, object] = {
        "model": model.text(), "blocks": {k: list(v) for k, v in model.blocks.items()}, "score": score,
        "keys": dict(settings.keys), "factor": None, "prune": "none", "confidence": float(confidence), "target": target,
    }  # fmt: skip
    return PathResult(
        method="path_model",
        parameters=parameters,
        n=given.n,
        notes=(NAIVE_P, STREAMED),
        provenance=history_line("path_model", n=given.n, **parameters),
        variables=_variables(names, target),
        **{name: tabled(name, found) for name, found in rows.items()},
    )


def _only(given: Moments, names: tuple[str, ...]) -> Moments:
    """Return the moments of some variables, in their order."""
    for name in names:
        if name not in given.names:
            raise DataError(f"{name!r} is in the path model and has no moments.{did_you_mean(name, given.names)}")
    places = [given.names.index(name) for name in names]
    return Moments(names, given.n, given.mean[places], given.cross[np.ix_(places, places)], given.lost)


def _variables(names: tuple[str, ...], target: str) -> pd.DataFrame:
    rows = [(name, "response" if name == target else "driver", "other", "", name, "continuous") for name in names]
    return pd.DataFrame(rows, columns=["name", "role", "category", "unit", "label", "kind"], dtype=str)
