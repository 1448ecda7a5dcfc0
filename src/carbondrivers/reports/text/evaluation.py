"""Words of the evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from carbondrivers.attribution.evaluation import FIRST, SAME, SECOND, EvaluationResult
from carbondrivers.datasets.sample import ALL
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import joined, number, quantity

UNITS = {
    "sites": "whole sites were resampled, because rows of one site are alike",
    "blocks": "whole square blocks of space were resampled, because neighbouring sites are alike",
    "rows": "single rows were resampled, as if they were independent (naive)",
}


@text_of(EvaluationResult)
def evaluation_text(result: EvaluationResult) -> Text:
    """Return the closest estimate of each group, and from which others it can be told."""
    whole = result.scores.loc[result.scores["level"] == ALL]
    findings = {str(group): _closest(result, str(group), part) for group, part in whole.groupby("group", sort=False)}
    level, replicates = 100 * result.parameters["confidence"], result.parameters["replicates"]
    methods = (
        "Estimates were compared with observations on the same rows by R² = 1 - SSE/SST about the 1:1 line, by the squared "
        "correlation r², which does not see a bias, by RMSE, MAE and bias (estimate - observation), and by the least-squares "
        f"line of the observed on the estimated (Piñeiro et al. 2008). Intervals ({level:g} %) are percentiles of "
        f"{replicates:,} bootstrap samples in which {UNITS[str(result.parameters['resampled'])]}. Two estimates are called "
        "different where the interval of the difference of their RMSE in the same resamples leaves out zero."
    )
    return by_group(findings, methods)


def _closest(result: EvaluationResult, group: str, part: pd.DataFrame) -> str:
    top = part.iloc[int(part["rmse"].argmin())].to_dict()
    name, unit = str(top["driver"]), result.unit(str(top["response"]))
    label, response, rmse = result.label(name), result.label(str(top["response"])), quantity(top["rmse"], unit, 3)
    level = f"{100 * result.parameters['confidence']:g}"
    interval = (
        "" if pd.isna(top["rmse_low"]) else f"{level} % CI {number(top['rmse_low'], 3)} to {number(top['rmse_high'], 3)}; "
    )
    scores = (
        f"R² = {_defined(top['r2'])}, r² = {_defined(top['r_squared'])}, bias {quantity(top['bias'], unit, 3)}, "
        f"n = {int(top['n']):,}{_units(top)}"
    )
    if len(part) == 1:
        return f"Evaluation, {where(group)}: the RMSE of {label} against observed {response} is {rmse} ({interval}{scores})."
    return (
        f"Evaluation, {where(group)}: of {len(part)} estimates of {response}, {label} has the smallest RMSE, {rmse} "
        f"({interval}{scores}).{_told(result, group, name)}"
    )


def _defined(value: float) -> str:
    return number(value, 3) or "undefined"


def _units(row: Mapping[Any, Any]) -> str:
    return "" if row["method"] == "rows" else f", {int(row['n_units']):,} {row['method']}"


def _told(result: EvaluationResult, group: str, name: str) -> str:
    """Say from which other estimates the closest one can be told."""
    verdicts: dict[str, list[str]] = {}
    for row in result.pairs.loc[result.pairs["group"] == group].to_dict("records"):
        if name in (row["driver"], row["driver_2"]):
            other = row["driver_2"] if row["driver"] == name else row["driver"]
            said = "told" if row["note"] in (FIRST, SECOND) else row["note"] if row["note"] == SAME else "unknown"
            verdicts.setdefault(said, []).append(result.label(str(other)))
    parts = [
        f"it is closer than {joined(verdicts['told'])}" if "told" in verdicts else "",
        f"it cannot be told from {joined(verdicts[SAME])}" if SAME in verdicts else "",
        f"there is no interval of its difference from {joined(verdicts['unknown'])}" if "unknown" in verdicts else "",
    ]
    sentence = "; ".join(part for part in parts if part)
    return f" {sentence[:1].upper()}{sentence[1:]}." if sentence else ""
