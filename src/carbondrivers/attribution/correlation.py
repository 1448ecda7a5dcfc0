"""Pearson correlation of the response with each continuous driver.

r = sum(zx zy) / n on standardised columns; t = r sqrt((n - 2) / (1 - r^2)) with n - 2 degrees of freedom; interval by
Fisher's z transformation. Source: Student (1908), doi:10.2307/2331554; Fisher (1921), Metron 1, 3-32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from carbondrivers.attribution.inference import NAIVE_P, Floats, adjust_within, two_sided_t
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError, OptionError
from carbondrivers.provenance import history_line

COLUMNS = [
    "group", "response", "driver", "method", "r", "statistic", "df", "p", "p_adjusted", "log10_p", "ci_low", "ci_high",
    "n", "note",
]  # fmt: skip
PERFECT = 1e-14
LINEAR = "exactly linear in the response: perhaps the response itself"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrelationResult(Result):
    """Correlation coefficients.

    Attributes
    ----------
    correlations : pandas.DataFrame
        One row a group and driver: r, t statistic, df, naive p, p adjusted within the group (Benjamini-Hochberg),
        log10 p, interval, n.
    """

    correlations: pd.DataFrame


@register(
    "pearson",
    title="Pearson correlation",
    takes="sample",
    result=CorrelationResult,
    version="1",
    citation="Fisher, R.A. (1921). On the probable error of a coefficient of correlation. Metron 1, 3-32.",
)
def pearson(sample: PixelSample, *, confidence: float = 0.95) -> CorrelationResult:
    """Correlate the response with every continuous driver, in every group.

    Parameters
    ----------
    sample
        Checked table; categorical drivers are passed over and named in a note.
    confidence
        Level of the interval, between 0 and 1.

    Raises
    ------
    DataError
        If no driver is continuous.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from carbondrivers.datasets import PixelSample
    >>> table = pd.DataFrame({"nep": [1.0, 2, 3, 5, 4], "rain": [2.0, 1, 4, 6, 5]})
    >>> result = pearson(PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}))
    >>> round(float(result.correlations["r"][0]), 6)
    0.914991
    """
    if not isinstance(confidence, int | float) or not 0.0 < confidence < 1.0:
        raise OptionError(f"confidence must be between 0 and 1, got {confidence!r}")
    drivers = [d.name for d in sample.continuous]
    if not drivers:
        raise DataError("no continuous driver is there to correlate: add one, or use the geodetector for classes")
    rows = [_group_rows(name, part, drivers, confidence) for name, part in sample.group_samples()]
    table = adjust_within(pd.concat(rows, ignore_index=True), ["group"])
    passed_over = [d.title for d in sample.drivers if d.kind == "categorical"]
    notes = [NAIVE_P, *sample.caveats()]
    if passed_over:
        notes.append(f"Not correlated, because categorical: {', '.join(passed_over)}.")
    return CorrelationResult(
        method="pearson",
        parameters={"confidence": confidence},
        n=sample.n,
        notes=tuple(notes),
        provenance=history_line("pearson", confidence=confidence, n=sample.n),
        variables=sample.variables(),
        correlations=table[COLUMNS],
    )


def _group_rows(group: str, part: PixelSample, drivers: list[str], confidence: float) -> pd.DataFrame:
    n = part.n
    r = _pearson(part.y, part.frame[drivers].to_numpy(dtype=np.float64))
    if n < 3:
        r = np.full(len(drivers), np.nan)
    unexplained = (1.0 - r) * (1.0 + r)
    perfect = unexplained <= PERFECT
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(perfect, np.nan, r * np.sqrt((n - 2) / unexplained))
    p, log10_p = two_sided_t(t, max(n - 2, 1))
    low, high = _fisher_interval(r, n, confidence)
    df = float(n - 2) if n > 2 else np.nan
    constant = f"undefined: constant, or fewer than 3 rows in this group (n = {n})"
    notes = np.where(np.isnan(r), constant, np.where(perfect, LINEAR, ""))
    return pd.DataFrame(
        {
            "group": group, "response": part.response.name, "driver": drivers, "method": "pearson", "r": r,
            "statistic": t, "df": df, "p": p, "log10_p": log10_p, "ci_low": low, "ci_high": high, "n": n,
            "note": notes,
        }
    )  # fmt: skip


def _pearson(y: Floats, x: Floats) -> Floats:
    """Return r, shape (k,), of y (n,) with every column of x (n, k); NaN for a constant column."""
    y = _unit(y[:, None])
    return np.asarray(np.clip((_unit(x) * y).sum(axis=0), -1.0, 1.0), dtype=np.float64)


def _unit(x: Floats) -> Floats:
    """Centre and scale each column of x (n, k) to length one; NaN where it is constant."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.ptp(x, axis=0) if len(x) else np.zeros(x.shape[1])
        scaled = (x - x.mean(axis=0)) / np.where(spread > 0, spread, np.nan)
        centred = scaled - scaled.mean(axis=0)
        return np.asarray(centred / np.sqrt((centred**2).sum(axis=0)), dtype=np.float64)


def _fisher_interval(r: Floats, n: int, confidence: float) -> tuple[Floats, Floats]:
    if n < 4:
        return np.full(r.shape, np.nan), np.full(r.shape, np.nan)
    reach = stats.norm.ppf(0.5 + confidence / 2.0) / np.sqrt(n - 3.0)
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    return np.tanh(z - reach), np.tanh(z + reach)
