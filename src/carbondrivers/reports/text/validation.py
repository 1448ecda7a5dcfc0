"""Words of a validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from carbondrivers.attribution.validation import BOOSTED, ValidationResult
from carbondrivers.reports.figures.fold_panels import KIND_WORDS
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import joined, number, quantity

MODELS = {"forest": "a random forest", "linear": "least squares on all drivers"}


@text_of(ValidationResult)
def validation_text(result: ValidationResult) -> Text:
    """Return the scores of random and other folds, side by side, for each group."""
    findings = {
        str(group): f"Validation, {where(str(group))}: {scores_sentence(result, part)}"
        for group, part in result.scores.groupby("group", sort=False)
        if part["r2"].notna().any()
    }
    given = result.parameters
    methods = f"{_model(given)} fitted to all folds but one and tested on that one. {fold_methods(result)}"
    return by_group(findings, methods)


def _model(given: Mapping[str, Any]) -> str:
    model = str(given["model"])
    if model == "boosted_trees":
        return (
            f"{given['trees']} boosted regression trees (Elith et al. 2008) of {BOOSTED['tree_complexity']} splits, learning "
            f"rate {BOOSTED['learning_rate']:g}, bag fraction {BOOSTED['bag_fraction']:g} and at least "
            f"{BOOSTED['min_observations']} rows in a leaf were"
        )
    trees = f" of {given['trees']} trees" if given["trees"] else ""
    return f"{MODELS[model].capitalize()}{trees} was"


def scores_sentence(result: Any, part: pd.DataFrame) -> str:
    """Return one sentence on the R2 of every kind of folds, and the gap to random ones."""
    rows = part.loc[part["r2"].notna()].to_dict("records")
    unit = result.unit(str(part["response"].iloc[0]))
    said = [
        f"{KIND_WORDS.get(str(row['method']), str(row['method'])).lower()} R² = {number(float(row['r2']), 3)}"
        f"{_interval(row)}, RMSE {quantity(float(row['rmse']), unit, 3)}"
        for row in rows
    ]
    gaps = [float(row["gap"]) for row in rows if row["method"] not in ("random", "training") and np.isfinite(row["gap"])]
    gap = f"; what nearness of training rows adds to R² is {number(max(gaps), 2)} at most" if gaps else ""
    return f"{joined(said)} (n = {int(rows[0]['n']):,}{gap})."


def _interval(row: dict[Any, Any]) -> str:
    low, high = float(row["r2_low"]), float(row["r2_high"])
    return f" ({number(low, 3)} to {number(high, 3)})" if np.isfinite(low) else ""


def fold_methods(result: Any) -> str:
    """Return the sentences on folds, scores and intervals."""
    given = result.parameters
    side, drawn = given.get("side"), given.get("score_replicates", given["replicates"])
    how = {
        "range": "the practical range of the variogram of the residuals of random folds", "given": "as set",
        "extent": "by the extent: the residuals do not tell a range that fits it",
    }.get(str(given["side_from"]), "")  # fmt: skip
    blocks = (
        f"Blocks are squares of {number(float(side), 3)} {given['unit']} ({how}) in folds of nearly equal size. "
        if side
        else ""
    )
    return (
        f"Random folds ({given['n']}) say how well gaps between rows are filled, spatial folds how well the relation carries "
        f"to places without rows (Roberts et al. 2017; Wadoux et al. 2021); both are given. {blocks}R² = 1 - SSE/SST is "
        "pooled over folds and stands beside the squared correlation, RMSE and MAE. "
        f"Intervals ({100 * given['confidence']:g} %) are percentiles of {drawn:,} bootstrap samples of whole "
        "blocks."
    )
