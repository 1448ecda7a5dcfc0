"""Geodetector: factor and interaction detectors.

q = 1 - SSW / SST, the share of the response's sum of squares that the strata explain (Wang et al. 2010,
doi:10.1080/13658810802443457; 2016, doi:10.1016/j.ecolind.2016.02.052). Its test is the central F of the one-way
analysis of variance, F = (q / (L - 1)) / ((1 - q) / (N - L)), which does not move when a constant is added to the
response; epsilon2 = 1 - (1 - q)(N - 1)/(N - L) takes off what strata explain by chance.

Interaction: q of the crossed strata beside the two single q's (same rows for all three), the classic type, and the F
test of the part that an additive two-way fit leaves to the crossing. Crossing by itself raises q, so the classic type
calls noise "nonlinear"; the verdict is "not distinguishable" unless the test, adjusted over the pairs of a group, finds
such a part. A crossing cannot explain less than either driver, so "weaken" only ever means nested strata, and is no verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from carbondrivers.attribution.inference import NAIVE_P, Floats, adjust_within, upper_f
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.strata import STRATA_METHODS, Codes, StrataMethod, stratify
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import OptionError, choose
from carbondrivers.provenance import history_line

FACTOR_COLUMNS = [
    "group", "response", "driver", "q", "epsilon2", "statistic", "df", "df_2", "p", "p_adjusted", "log10_p", "n",
    "method", "note",
]  # fmt: skip
PAIR_COLUMNS = [
    "group", "response", "driver", "driver_2", "q_driver", "q_driver_2", "q", "epsilon2", "interaction", "interaction_classic",
    "cells", "statistic", "df", "df_2", "p", "p_adjusted", "log10_p", "n", "note",
]  # fmt: skip
STRATA_COLUMNS = ["group", "response", "driver", "level", "lower", "upper", "n", "estimate", "std_error", "method"]
TYPES = (
    "enhance, nonlinear", "enhance, bivariate", "independent", "weaken, univariate", "weaken, nonlinear",
    "not distinguishable",
)  # fmt: skip
EQUAL = 1e-12
ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeodetectorResult(Result):
    """Factor and interaction detection.

    Attributes
    ----------
    factors : pandas.DataFrame
        One row a group and driver: q, epsilon2, F, df, naive p, p adjusted within the group.
    interactions : pandas.DataFrame
        One row a group and pair: the two single q's, q of the crossing, verdict, classic type, and the F test of the
        non-additive part.
    strata : pandas.DataFrame
        One row a group, driver and stratum: borders, n, mean of the response and its standard error.
    """

    factors: pd.DataFrame
    interactions: pd.DataFrame
    strata: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Cut:
    """One driver cut into strata: codes (n,), names and borders."""

    codes: Codes
    names: list[str]
    borders: Floats | None
    method: str


@register(
    "geodetector",
    title="Geodetector: factor and interaction detection",
    takes="sample",
    result=GeodetectorResult,
    version="1",
    citation="Wang, J.F. et al. (2016). A measure of spatial stratified heterogeneity. Ecological Indicators 67, 250-256.",
)
def detect(sample: PixelSample, *, method: StrataMethod = "quantile", classes: int = 6) -> GeodetectorResult:
    """Detect which drivers, and which pairs, stratify the response, in every group.

    Parameters
    ----------
    sample
        Checked table; categorical drivers are strata as they are.
    method, classes
        How continuous drivers are cut, within each group (see ``carbondrivers.attribution.strata``).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from carbondrivers.datasets import PixelSample
    >>> table = pd.DataFrame({"nep": [1.0, 2, 1, 5, 6, 5], "zone": list("aaabbb")})
    >>> result = detect(PixelSample.from_frame(table, response="nep", drivers={"zone": "climate"}))
    >>> round(float(result.factors["q"][0]), 4)
    0.9474
    """
    choose(method, STRATA_METHODS, "method")
    if not isinstance(classes, int) or not 2 <= classes <= 50:
        raise OptionError(f"classes must be a whole number from 2 to 50, got {classes!r}")
    factors: list[dict[str, object]] = []
    pairs: list[dict[str, object]] = []
    strata: list[dict[str, object]] = []
    for name, part in sample.group_samples():
        head = {"group": name, "response": part.response.name}
        y = _standardise(part.y)
        cuts = {d.name: _cut(part.frame[d.name], method, classes) for d in part.drivers}
        factors += [head | {"driver": d} | _factor(y, cut) for d, cut in cuts.items()]
        pairs += [head | _pair(y, cuts, a, b) for a, b in combinations(cuts, 2)]
        strata += [head | {"driver": d} | row for d, cut in cuts.items() for row in _means(part.y, cut)]
    return GeodetectorResult(
        method="geodetector",
        parameters={"method": method, "classes": classes},
        n=sample.n,
        notes=(*_notes(strata), *sample.caveats()),
        provenance=history_line("geodetector", method=method, classes=classes, n=sample.n),
        variables=sample.variables(),
        factors=adjust_within(pd.DataFrame(factors), ["group"])[FACTOR_COLUMNS],
        interactions=_pair_table(pairs),
        strata=pd.DataFrame(strata)[STRATA_COLUMNS],
    )


def _notes(strata: list[dict[str, object]]) -> tuple[str, ...]:
    singles = sum(1 for row in strata if row["n"] == 1 and row["group"] == "all")
    notes = [NAIVE_P, "F and P come from the central F distribution and do not depend on the origin of the response."]
    if singles:
        notes.append(f"Strata of the whole sample with a single member: {singles}; they are kept and raise q.")
    return tuple(notes)


def _pair_table(pairs: list[dict[str, object]]) -> pd.DataFrame:
    if not pairs:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    table = adjust_within(pd.DataFrame(pairs), ["group"])
    found = (table["p_adjusted"] < ALPHA) & ~table["interaction_classic"].str.startswith("weaken")
    defined = table["interaction_classic"] != ""
    table["interaction"] = np.where(found, table["interaction_classic"], np.where(defined, TYPES[5], ""))
    return table[PAIR_COLUMNS]


def _cut(column: pd.Series, method: StrataMethod, classes: int) -> _Cut:
    codes, names, borders = stratify(column, method, classes)
    how = "classes as given" if borders is None else f"{method}, {len(names)} classes"
    return _Cut(codes, names, borders, how)


def _standardise(y: Floats) -> Floats:
    """Centre and scale y (n,), so that sums of squares keep their digits at any origin and unit."""
    spread = float(np.ptp(y))
    scaled = (y - y.mean()) / (spread if spread > 0 else 1.0)
    return np.asarray(scaled - scaled.mean(), dtype=np.float64)


def _within(y: Floats, codes: Codes, cells: int) -> float:
    """Return the within-stratum sum of squares of y (n,) for codes (n,) in 0..cells-1."""
    counts = np.bincount(codes, minlength=cells)
    means = np.bincount(codes, weights=y, minlength=cells) / np.maximum(counts, 1)
    return float(((y - means[codes]) ** 2).sum())


def _f_test(explained: float, df: int, unexplained: float, df_2: int) -> dict[str, float]:
    """Return the F test of a sum of squares; NaN where it is not defined."""
    if df < 1 or df_2 < 1 or unexplained <= EQUAL * (explained + unexplained):
        return {"statistic": np.nan, "df": float(df), "df_2": float(df_2), "p": np.nan, "log10_p": np.nan}
    f = (explained / df) / (unexplained / df_2)
    p, log10_p = upper_f(np.array([f]), df, df_2)
    return {"statistic": f, "df": float(df), "df_2": float(df_2), "p": float(p[0]), "log10_p": float(log10_p[0])}


def _factor(y: Floats, cut: _Cut) -> dict[str, object]:
    n, cells = len(y), len(cut.names)
    total = float((y**2).sum())
    if cells < 2 or total == 0.0:
        empty = dict.fromkeys(("q", "epsilon2", "statistic", "df", "df_2", "p", "log10_p"), np.nan)
        why = "undefined: a single stratum or a constant response in this group"
        return empty | {"n": n, "method": cut.method, "note": why}
    within = min(_within(y, cut.codes, cells), total)
    q = 1.0 - within / total
    test = _f_test(total - within, cells - 1, within, n - cells)
    note = "" if np.isfinite(test["statistic"]) else "no variance or no degrees of freedom left within the strata"
    return {"q": q, "epsilon2": _epsilon2(q, n, cells), "n": n, "method": cut.method, "note": note} | test


def _epsilon2(q: float, n: int, cells: int) -> float:
    return 1.0 - (1.0 - q) * (n - 1) / (n - cells) if n > cells else np.nan


def _pair(y: Floats, cuts: Mapping[str, _Cut], a: str, b: str) -> dict[str, object]:
    one, two = cuts[a], cuts[b]
    n, total = len(y), float((y**2).sum())
    head: dict[str, object] = {"driver": a, "driver_2": b, "n": n}
    if min(len(one.names), len(two.names)) < 2 or total == 0.0:
        keys = ("q_driver", "q_driver_2", "q", "epsilon2", "cells", "statistic", "df", "df_2", "p", "log10_p")
        why = "undefined: a single stratum or a constant response in this group"
        return head | dict.fromkeys(keys, np.nan) | {"interaction_classic": "", "note": why}
    crossed, cells = one.codes * len(two.names) + two.codes, len(one.names) * len(two.names)
    q1, q2 = (1.0 - _within(y, c.codes, len(c.names)) / total for c in (one, two))
    within = min(_within(y, crossed, cells), total)
    q = 1.0 - within / total
    counts = np.bincount(crossed, minlength=cells).astype(np.int64)
    sums = np.bincount(crossed, weights=y, minlength=cells).astype(np.float64)
    used = np.flatnonzero(counts).astype(np.int64)
    left, additive_df = _additive_remainder(used, counts[used], sums[used], len(two.names))
    test = _f_test(left, len(used) - additive_df, within, n - len(used))
    note = "" if np.isfinite(test["p"]) else "the non-additive part cannot be tested: no degrees of freedom are left"
    found = {
        "q_driver": q1, "q_driver_2": q2, "q": q, "epsilon2": _epsilon2(q, n, len(used)), "cells": len(used),
        "interaction_classic": _classic_type(q1, q2, q), "note": note,
    }  # fmt: skip
    return head | found | test


def _additive_remainder(used: Codes, counts: Codes, sums: Floats, columns: int) -> tuple[float, int]:
    """Return the sum of squares between crossed strata that an additive fit leaves, and the additive fit's rank.

    The fit needs only the count and sum of each cell that has a member (`used`, row-major over `columns`): it is a
    weighted least-squares problem of one row a cell.
    """
    means = sums / counts
    rows, cols = used // columns, used % columns
    design = np.hstack([rows[:, None] == np.unique(rows), (cols[:, None] == np.unique(cols))[:, 1:]]).astype(np.float64)
    weight = np.sqrt(counts.astype(np.float64))
    solution, _, rank, _ = np.linalg.lstsq(design * weight[:, None], means * weight, rcond=None)
    residual = (means - design @ solution) * weight
    return float((residual**2).sum()), int(rank)


def _classic_type(q1: float, q2: float, q: float) -> str:
    low, high = min(q1, q2), max(q1, q2)
    if q < low - EQUAL:
        return TYPES[4]
    if q <= high + EQUAL:
        return TYPES[3]
    if abs(q - (q1 + q2)) <= EQUAL:
        return TYPES[2]
    return TYPES[1] if q < q1 + q2 else TYPES[0]


def _means(y: Floats, cut: _Cut) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for i, name in enumerate(cut.names):
        member = y[cut.codes == i]
        error = member.std(ddof=1) / np.sqrt(len(member)) if len(member) > 1 else np.nan
        lower, upper = (np.nan, np.nan) if cut.borders is None else _borders(cut.borders, i)
        rows.append(
            {"level": name, "lower": lower, "upper": upper, "n": len(member), "estimate": member.mean(),
             "std_error": error, "method": cut.method}
        )  # fmt: skip
    return rows


def _borders(borders: Floats, i: int) -> tuple[float, float]:
    return float(borders[i]), float(borders[min(i + 1, len(borders) - 1)])
