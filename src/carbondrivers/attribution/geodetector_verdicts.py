"""Which P a verdict of the geodetector rests on: one rule for its tables, words and figures, group by group.

A group whose rows have places is judged by P that know about autocorrelation, and where such a P cannot be had a pair of it is
not judged. A group without any is judged by the naive P, as when all of its rows lie in one place.
"""

from __future__ import annotations

from collections.abc import Hashable

import pandas as pd


def is_corrected(table: pd.DataFrame) -> bool:
    """Whether a verdict on these rows, of one group, rests on corrected P: where any of them has one, or an effective n.

    Examples
    --------
    >>> is_corrected(pd.DataFrame({"p": [0.01, 0.2], "p_eff": [float("nan"), 0.3]}))
    True
    """
    return any(bool(table[column].notna().any()) for column in ("p_eff", "n_eff") if column in table)


def corrected_groups(table: pd.DataFrame) -> set[Hashable]:
    """Return the groups of a table whose verdicts rest on corrected P."""
    return {group for group, rows in table.groupby("group", sort=False) if is_corrected(rows)}


def naive_groups(table: pd.DataFrame) -> list[str]:
    """Return the groups that are judged by the naive P in a table whose other groups are judged by the corrected one.

    Examples
    --------
    >>> table = pd.DataFrame({"group": ["all", "plot"], "p": [0.01, 0.02], "p_eff": [0.3, float("nan")]})
    >>> naive_groups(table)
    ['plot']
    """
    corrected = corrected_groups(table)
    judged = [str(g) for g, rows in table.groupby("group", sort=False) if g not in corrected and rows["p"].notna().any()]
    return judged if corrected else []
