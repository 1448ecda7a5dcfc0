"""Tables of a validation: scores by kind of folds, learning curve, variogram of residuals."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.validation import ValidationResult
from carbondrivers.reports.figures.fold_panels import KIND_WORDS
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import unit_words

SCORES = (
    "group", "method", "n", "n_units", "r2", "r2_low", "r2_high", "gap", "r_squared", "rmse", "rmse_low", "rmse_high", "mae",
    "bias", "note",
)  # fmt: skip
HEADINGS = {
    "method": "Tested in", "n_units": "Blocks", "r2": "R²", "r_squared": "r²", "rmse": "RMSE", "mae": "MAE", "bias": "Bias",
    "gap": "Gap of R²",
}  # fmt: skip


@table_of(ValidationResult)
def validation_tables(result: ValidationResult) -> list[Table]:
    """Return the scores, and where they are there the learning curve and the variogram."""
    response = str(result.scores["response"].iloc[0])
    unit = unit_words(result.unit(response)) or "the unit of the data"
    found = [score_table(result.scores, f"How well drivers tell {result.label(response)}", "validation", unit, _level(result))]
    if len(result.curve):
        heads = {"method": "Tested in", "share": "Share of the training rows", "n": "Training rows", "r2": "R²", "rmse": "RMSE"}
        curve = named(result.curve)
        found.append(
            Table("validation_learning_curve", "Learning curve", curve, (), heads, ("method", "share", "n", "r2", "rmse"))
        )
    if len(result.variogram):
        lag = result.parameters["unit"]
        heads = {"distance": f"Distance ({lag})", "estimate": "Semivariance", "expected": "Fitted model", "n": "Pairs"}
        found.append(Table("validation_variogram", "Variogram of the residuals of random folds", result.variogram, (), heads))
    return found


def score_table(scores: pd.DataFrame, title: str, name: str, unit: str, level: str) -> Table:
    """Return the table of scores by kind of folds."""
    note = (
        "R² is 1 - SSE/SST pooled over folds, r² the squared correlation; the gap is the R² of random folds less that of the "
        f"row; bias is the mean of estimate - observation; RMSE, MAE and bias in {unit}. Groups are scored from the whole "
        "sample's model. Intervals are from blocks of rows, the model not refitted."
    )
    heads = HEADINGS | {f"{score}_{end}": f"{level}, {end}" for score in ("r2", "rmse") for end in ("low", "high")}
    return Table(name, title, named(scores), (note,), heads, SCORES)


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose kinds of folds are in words."""
    return table.assign(method=[KIND_WORDS.get(str(kind), str(kind)) for kind in table["method"]])


def _level(result: ValidationResult) -> str:
    return f"{100 * result.parameters['confidence']:g} % CI"
