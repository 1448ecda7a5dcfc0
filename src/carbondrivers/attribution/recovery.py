"""How well an analysis recovers a truth that is known: planted effects beside the statistics that were found.

Only virtual regions have such a truth. The table says whether the planted strongest driver is named first, and which
null drivers reach a naive P below 0.05 only because neighbouring pixels are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from carbondrivers.attribution.correlation import CorrelationResult
from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import ALL
from carbondrivers.provenance import history_line

COLUMNS = ["driver", "category", "planted", "direct", "indirect", "total", "rank", "r", "p", "p_eff", "q", "p_q", "note"]
NULL_NOTE = "null driver: its naive P < 0.05 ({}) comes from spatial autocorrelation alone"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecoveryResult(Result):
    """Planted truth beside what was found.

    Attributes
    ----------
    recovery : pandas.DataFrame
        One row a driver: planted direct, indirect and total effect (standardised), rank of the total, found r with its
        naive and corrected p, found q, and a note.
    pairs : pandas.DataFrame
        The planted interacting pairs with the verdict that was found.
    """

    recovery: pd.DataFrame
    pairs: pd.DataFrame


def recovery(
    effects: pd.DataFrame,
    interacting_pairs: Sequence[tuple[str, str]],
    correlation: CorrelationResult,
    geodetector: GeodetectorResult,
) -> RecoveryResult:
    """Set planted effects beside the correlations and q's of the whole sample.

    Parameters
    ----------
    effects
        Columns driver, direct, indirect, total, rank, null.
    interacting_pairs
        Pairs of drivers with a planted interaction.
    correlation, geodetector
        Results of the same sample.
    """
    pearson = correlation.correlations["method"] == "pearson"
    r = _whole(correlation.correlations.loc[pearson])[["driver", "r", "p", "p_eff"]]
    q = _whole(geodetector.factors)[["driver", "q", "p"]].rename(columns={"p": "p_q"})
    table = effects.merge(q, on="driver", how="inner").merge(r, on="driver", how="left")
    table["category"] = [correlation.category(d) for d in table["driver"]]
    table["planted"] = np.where(table["null"], "null", "effect")
    table["note"] = [_mark(*row) for row in zip(table["null"], table["p"], table["p_q"], strict=True)]
    table = table.sort_values("rank", ignore_index=True)[COLUMNS]
    return RecoveryResult(
        method="recovery",
        parameters={"interacting_pairs": [list(pair) for pair in interacting_pairs]},
        n=correlation.n,
        notes=_sentences(table, correlation),
        provenance=history_line("recovery", n=correlation.n),
        variables=correlation.variables,
        recovery=table,
        pairs=_pairs(interacting_pairs, geodetector),
    )


def _corrected(nulls: pd.DataFrame) -> str:
    if nulls["p_eff"].isna().all():
        return ""
    left = int((nulls["p_eff"] < 0.05).sum())
    return f" With the effective number of observations {left} of {len(nulls)} null drivers reach P < 0.05 of r."


def _mark(null: bool, p_of_r: float, p_of_q: float) -> str:
    reached = [name for name, p in (("r", p_of_r), ("q", p_of_q)) if p < 0.05]
    return NULL_NOTE.format(" and ".join(reached)) if null and reached else ""


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    return table.loc[table["group"] == ALL]


def _pairs(planted: Sequence[tuple[str, str]], geodetector: GeodetectorResult) -> pd.DataFrame:
    wanted = {tuple(sorted(pair)) for pair in planted}
    found = _whole(geodetector.interactions)
    hit = [tuple(sorted(pair)) in wanted for pair in zip(found["driver"], found["driver_2"], strict=True)]
    columns = ["driver", "driver_2", "q_driver", "q_driver_2", "q", "interaction", "statistic", "df", "df_2", "p"]
    return found.loc[hit, columns].reset_index(drop=True)


def _sentences(table: pd.DataFrame, labels: Result) -> tuple[str, ...]:
    first = str(table["driver"].iloc[0])
    by_r = str(table["driver"].iloc[int(np.nanargmax(table["r"].abs()))])
    by_q = str(table["driver"].iloc[int(np.nanargmax(table["q"]))])
    notes = [
        f"The planted strongest driver is {labels.label(first)}; abs(r) names {labels.label(by_r)} first and q names "
        f"{labels.label(by_q)} first."
    ]
    nulls = table.loc[table["planted"] == "null"]
    fooled = nulls.loc[nulls["note"] != "", "driver"]
    if len(fooled):
        named = ", ".join(labels.label(d) for d in fooled)
        notes.append(
            f"{named}: planted without any effect, yet naive P < 0.05 of r or q. The fields are smooth, so neighbouring "
            "pixels repeat each other and the tests count them as independent." + _corrected(nulls)
        )
    elif len(nulls):
        notes.append("No planted null driver reaches a naive P of r or q below 0.05 in this region.")
    return tuple(notes)
