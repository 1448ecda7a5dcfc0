"""Tables of the evaluation: scores of every estimate, estimates compared in pairs, scores by class."""

from __future__ import annotations

from carbondrivers.attribution.evaluation import EvaluationResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import unit_words

UNITS = {"sites": "Sites", "blocks": "Blocks", "rows": "Rows resampled"}
COLUMNS = (
    "group", "level", "driver", "n", "n_units", "r2", "r2_low", "r2_high", "r_squared", "rmse", "rmse_low", "rmse_high",
    "mae", "bias", "bias_low", "bias_high", "note",
)  # fmt: skip
PAIR_COLUMNS = ("group", "driver", "driver_2", "estimate", "ci_low", "ci_high", "n", "note")
HEADINGS = {
    "level": "Class", "driver": "Estimate", "r2": "R²", "r_squared": "r²", "rmse": "RMSE", "mae": "MAE", "bias": "Bias",
    "bias_relative": "Relative bias",
}  # fmt: skip


@table_of(EvaluationResult)
def evaluation_tables(result: EvaluationResult) -> list[Table]:
    """Return the scores, for two estimates or more their comparison, and where classes are told apart theirs."""
    classes = result.scores["level"] != ALL
    found = [_scores(result, "evaluation", ""), _pairs(result)] if len(result.pairs) else [_scores(result, "evaluation", "")]
    return [*found, _scores(result, "evaluation_classes", ", by class")] if classes.any() else found


def _scores(result: EvaluationResult, name: str, which: str) -> Table:
    response = str(result.scores["response"].iloc[0])
    whole = result.scores["level"] == ALL
    hidden = ({"n_units"} if result.parameters["resampled"] == "rows" else set()) | (set() if which else {"level"})
    note = (
        "R² is 1 - SSE/SST about the 1:1 line, r² the squared correlation; bias is the mean of estimate - observation; RMSE, "
        f"MAE and bias in {unit_words(result.unit(response)) or 'the unit of the data'}."
    )
    return Table(
        name,
        f"Estimates against observed {result.label(response)}{which}",
        result.scores.loc[~whole if which else whole].reset_index(drop=True),
        (note,),
        HEADINGS | _ends(result),
        tuple(column for column in COLUMNS if column not in hidden),
    )


def _pairs(result: EvaluationResult) -> Table:
    unit = unit_words(result.unit(str(result.pairs["response"].iloc[0])))
    heads = {"driver": "First", "driver_2": "Second", "note": "Verdict"}
    heads["estimate"] = f"RMSE of first - second ({unit})" if unit else "RMSE of first - second"
    title = "Which estimate is closer: differences of RMSE in the same resamples"
    return Table("evaluation_pairs", title, result.pairs, (), heads | _ends(result), PAIR_COLUMNS)


def _ends(result: EvaluationResult) -> dict[str, str]:
    level = f"{100 * result.parameters['confidence']:g} % CI"
    heads = {f"{score}_{end}": f"{level}, {end}" for score in ("r2", "rmse", "bias", "ci") for end in ("low", "high")}
    return heads | {"n_units": UNITS[str(result.parameters["resampled"])]}
