"""Pearson, partial and multiple correlation across rows, each with a p that knows about spatial autocorrelation.

r = sum(zx zy) / n on standardised columns; a partial r is that of the residuals on k controls (Householder QR on
standardised columns); t = r sqrt((n - 2 - k) / (1 - r^2)) with n - 2 - k degrees of freedom; interval by Fisher's z
transformation. Multiple R^2 of all drivers together: F = (R^2 / k) / ((1 - R^2) / (n - k - 1)).
Where rows have places, the same formulas stand a second time with n replaced by the effective number of observations
of Clifford, Richardson and Hemon (``effective_size``), for a partial r that of the two residuals.
Sources: Student (1908), doi:10.2307/2331554; Fisher (1921), Metron 1, 3-32; Fisher (1924), Metron 3, 329-332.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy import linalg, stats

from carbondrivers.attribution.distance_classes import Classes, checked_classes, distance_classes
from carbondrivers.attribution.effective_size import Lags, lags, products, spatial_size
from carbondrivers.attribution.inference import NAIVE_P, Floats, adjust_within, two_sided_t, upper_f
from carbondrivers.attribution.modified_t import dutilleul_size_of
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError, OptionError, choose, did_you_mean
from carbondrivers.provenance import history_line

CorrelationKind = Literal["pearson", "partial"]
KINDS: tuple[CorrelationKind, ...] = get_args(CorrelationKind)
EffectiveSize = Literal["clifford", "dutilleul"]
COLUMNS = [
    "group", "response", "driver", "method", "r", "statistic", "df", "p", "p_adjusted", "log10_p", "ci_low", "ci_high",
    "n", "n_eff", "statistic_eff", "df_eff", "p_eff", "p_eff_adjusted", "ci_eff_low", "ci_eff_high", "note",
]  # fmt: skip
MULTIPLE_COLUMNS = ["group", "response", "r", "r2", "statistic", "df", "df_2", "p", "n", "n_eff", "df_2_eff", "p_eff", "note"]
PERFECT = 1e-14
SINGULAR = 1e12
LINEAR = "exactly linear in the response: perhaps the response itself"
CORRECTED_P = (
    "Corrected P and intervals put the effective number of observations (Clifford, Richardson and Hemon 1989) in the place of "
    "n: neighbours repeat each other. They judge whether two smooth fields agree more than smooth fields do by chance."
)
MODIFIED_P = (
    "Corrected P and intervals put the effective sample size of the modified t test (Dutilleul 1993) in the place of n: "
    "neighbours repeat each other. They judge whether two smooth fields agree more than smooth fields do by chance."
)
NO_PLACES = "No effective number of observations is given: the rows have no coordinates."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrelationResult(Result):
    """Correlation coefficients.

    Attributes
    ----------
    correlations : pandas.DataFrame
        One row a group, method (``pearson``, ``partial``) and driver: r, t statistic, df, naive p, p adjusted within group
        and method (Benjamini-Hochberg), log10 p, interval, n; then the same with the effective number of
        observations ``n_eff``.
    multiple : pandas.DataFrame
        One row a group: multiple R of all continuous drivers, R^2, F, naive and corrected p.
    """

    correlations: pd.DataFrame
    multiple: pd.DataFrame


@register(
    "correlation",
    title="Pearson, partial and multiple correlation",
    takes="sample",
    result=CorrelationResult,
    version="5",
    citation="Clifford, P., Richardson, S., Hemon, D. (1989). Assessing the significance of the correlation between two "
    "spatial processes. Biometrics 45, 123-134.",
)
def correlate(
    sample: PixelSample,
    *,
    kind: Sequence[CorrelationKind] = ("pearson",),
    controls: Sequence[str] | None = None,
    confidence: float = 0.95,
    effective: EffectiveSize = "clifford",
    classes: int | None = None,
) -> CorrelationResult:
    """Correlate the response with every continuous driver, in every group.

    Parameters
    ----------
    sample
        Checked table; categorical drivers are passed over and named in a note.
    kind
        ``"pearson"``, ``"partial"`` or both.
    controls
        Drivers that are held in a partial correlation; all the other continuous drivers by default.
    confidence
        Level of the intervals, between 0 and 1.
    effective
        Effective number of observations: ``"clifford"`` (rings one cell wide), or ``"dutilleul"`` (modified t test;
        scattered points take n^2 steps).
    classes
        Distance classes of the modified t test, see ``modified_t``; None: by the distance of neighbours. 13 repeats R's
        SpatialPack.

    Raises
    ------
    DataError
        If no driver is continuous.
    OptionError
        If an option is outside its list or range, or a control is no continuous driver.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from carbondrivers.datasets import PixelSample
    >>> table = pd.DataFrame({"nep": [1.0, 2, 3, 5, 4], "rain": [2.0, 1, 4, 6, 5]})
    >>> result = correlate(PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}))
    >>> round(float(result.correlations["r"][0]), 6)
    0.914991
    """
    if isinstance(kind, str) or not isinstance(kind, Sequence) or not kind:
        raise OptionError(f"kind must be a list such as ['pearson', 'partial'], got {kind!r}")
    for one in kind:
        choose(one, KINDS, "kind")
    if not isinstance(confidence, int | float) or not 0.0 < confidence < 1.0:
        raise OptionError(f"confidence must be between 0 and 1, got {confidence!r}")
    choose(effective, get_args(EffectiveSize), "effective")
    if classes is not None and effective != "dutilleul":
        raise OptionError("classes goes with effective = 'dutilleul': take it out, or ask for the modified t test")
    checked_classes(classes)
    drivers = [d.name for d in sample.continuous]
    if not drivers:
        raise DataError("no continuous driver is there to correlate: add one, or use the geodetector for classes")
    held = _controls(controls, drivers)
    found = [_Group(name, part, drivers, float(confidence), effective, classes) for name, part in sample.group_samples()]
    rows = [one.rows(k, held) for one in found for k in KINDS if k in kind]
    table = adjust_within(pd.concat(rows, ignore_index=True), ["group", "method"])
    corrected = adjust_within(table.assign(p=table["p_eff"]), ["group", "method"])["p_adjusted"]
    passed_over = [d.title for d in sample.drivers if d.kind == "categorical"]
    corrected_by = MODIFIED_P if effective == "dutilleul" else CORRECTED_P
    notes = [NAIVE_P, corrected_by if sample.coordinates else NO_PLACES, *sample.caveats()]
    if passed_over:
        notes.append(f"Not correlated, because categorical: {', '.join(passed_over)}.")
    parameters: dict[str, object] = {
        "kind": list(kind),
        "controls": None if controls is None else list(held),
        "confidence": confidence,
    }
    parameters |= {"effective": effective, "classes": classes}
    return CorrelationResult(
        method="correlation",
        parameters=parameters,
        n=sample.n,
        notes=tuple(notes),
        provenance=history_line("correlation", n=sample.n, **parameters),
        variables=sample.variables(),
        correlations=table.assign(p_eff_adjusted=corrected)[COLUMNS],
        multiple=pd.DataFrame([one.multiple() for one in found], columns=MULTIPLE_COLUMNS),
    )


def _controls(given: Sequence[str] | None, drivers: Sequence[str]) -> tuple[str, ...]:
    if given is None:
        return tuple(drivers)
    if isinstance(given, str):
        raise OptionError(f"controls must be a list of drivers, got {given!r}")
    for name in given:
        if name not in drivers:
            raise OptionError(f"controls: {name!r} is no continuous driver of this sample.{did_you_mean(name, drivers)}")
    return tuple(sorted(set(given)))


class _Group:
    """One group's standardised columns and the distance classes of its rows."""

    def __init__(
        self, name: str, part: PixelSample, drivers: list[str], confidence: float, effective: EffectiveSize, classes: int | None
    ) -> None:
        self.name, self.response, self.n = name, part.response.name, part.n
        self.drivers, self.confidence = drivers, confidence
        self.y = unit_columns(part.y[:, None])[:, 0]
        self.x = unit_columns(part.frame[drivers].to_numpy(dtype=np.float64))
        self.at = _places(part, effective, classes)
        self.one_place = part.coordinates is not None and self.n > 2 and self.at is None

    def rows(self, kind: CorrelationKind, controls: Sequence[str]) -> pd.DataFrame:
        """Return one row a driver."""
        made = [self._pair(i, kind, controls) for i in range(len(self.drivers))]
        r, k, size = (np.array(column, dtype=np.float64) for column in zip(*(row[:3] for row in made), strict=True))
        table = pd.DataFrame({"group": self.name, "response": self.response, "driver": self.drivers, "method": kind, "r": r})
        naive = _tests(r, np.full(len(r), float(self.n)), k, self.confidence)
        corrected = _tests(r, size, k, self.confidence)
        named = {f"{key}_eff": corrected[key] for key in ("statistic", "df", "p")}
        named |= {"ci_eff_low": corrected["ci_low"], "ci_eff_high": corrected["ci_high"]}
        return table.assign(**naive, n=self.n, n_eff=size, **named, note=[row[3] for row in made])

    def _pair(self, i: int, kind: CorrelationKind, controls: Sequence[str]) -> tuple[float, int, float, str]:
        """Return r, number of controls, effective size and a note of one driver."""
        held = [j for j, name in enumerate(self.drivers) if name in controls and j != i] if kind == "partial" else []
        y, x = self.y, self.x[:, i]
        if np.isnan(y).any() or np.isnan(x).any() or self.n < 3 + len(held):
            fewest = f"constant, or fewer than {3 + len(held)} rows in this group (n = {self.n})"
            return np.nan, len(held), np.nan, f"undefined: {fewest}"
        if held:
            usable = [j for j in held if not np.isnan(self.x[:, j]).any()]
            both, condition = residuals(np.column_stack([y, x]), self.x[:, usable])
            if condition > SINGULAR:
                return np.nan, len(held), np.nan, f"undefined: the controls are collinear (condition number {condition:.1e})"
            if np.isnan(both).any():
                return np.nan, len(held), np.nan, "undefined: the controls determine it"
            y, x = both[:, 0], both[:, 1]
        r = float(np.clip(y @ x, -1.0, 1.0))
        note = LINEAR if (1.0 - r) * (1.0 + r) <= PERFECT else ""
        size = _size(y, x, self.at)
        if self.at and not note and not size - 2.0 - len(held) >= 1.0:
            note = "no corrected P: too few effective observations for a test"
        elif self.one_place and not note:
            note = "no corrected P: all rows lie in one place"
        return r, len(held), size, note

    def multiple(self) -> dict[str, object]:
        """Return the multiple correlation of all drivers that vary in this group."""
        x = self.x[:, ~np.isnan(self.x).any(axis=0)]
        k, n = x.shape[1], self.n
        row: dict[str, object] = {"group": self.name, "response": self.response, "n": n, "df": float(k), "note": ""}
        if np.isnan(self.y).any() or k == 0 or n < k + 2:
            return row | {"note": f"undefined: constant, or fewer than {k + 2} rows in this group (n = {n})"}
        rest, condition = residuals(self.y[:, None], x, scaled=False)
        if condition > SINGULAR:
            return row | {"note": f"undefined: the drivers are collinear (condition number {condition:.1e})"}
        left = float((rest**2).sum())
        r2 = 1.0 - left
        if left <= PERFECT:
            return row | {"r": np.sqrt(r2), "r2": r2, "note": LINEAR}
        fitted = self.y - rest[:, 0]
        size = _size(self.y, fitted, self.at)
        f, df_2 = r2 / k / (left / (n - k - 1)), float(n - k - 1)
        df_eff = size - k - 1.0
        corrected = np.nan
        if df_eff >= 1.0:
            corrected = float(upper_f(np.array([r2 / k / (left / df_eff)]), k, df_eff)[0][0])
        p = float(upper_f(np.array([f]), k, df_2)[0][0])
        return row | {
            "r": np.sqrt(max(r2, 0.0)), "r2": r2, "statistic": f, "df_2": df_2, "p": p, "n_eff": size,
            "df_2_eff": df_eff if df_eff >= 1.0 else np.nan, "p_eff": corrected,
        }  # fmt: skip


def _places(part: PixelSample, effective: EffectiveSize, classes: int | None) -> Lags | Classes | None:
    if part.coordinates is None or part.n < 3:
        return None
    xy = part.frame[list(part.coordinates)].to_numpy(dtype=np.float64)
    if not np.ptp(xy, axis=0).any():
        return None
    if effective == "dutilleul":
        return distance_classes(xy, classes=classes, geographic=part.is_geographic)
    return lags(xy, geographic=part.is_geographic)


def _size(one: Floats, other: Floats, at: Lags | Classes | None) -> float:
    """Return the effective number of observations of two fields; NaN without places."""
    if at is None:
        return np.nan
    if isinstance(at, Lags):
        return spatial_size(products(one, at), products(other, at), at)
    return dutilleul_size_of(one, other, at)


def unit_columns(x: Floats) -> Floats:
    """Centre and scale each column of x (n, k) to length one; NaN where it is constant."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.ptp(x, axis=0) if len(x) else np.zeros(x.shape[1])
        scaled = (x - x.mean(axis=0)) / np.where(spread > 0, spread, np.nan)
        centred = scaled - scaled.mean(axis=0)
        return np.asarray(centred / np.sqrt((centred**2).sum(axis=0)), dtype=np.float64)


def residuals(columns: Floats, controls: Floats, *, scaled: bool = True) -> tuple[Floats, float]:
    """Return what `controls` (n, k) leave of `columns` (n, m), and the condition number of the controls.

    Parameters
    ----------
    columns, controls
        Standardised columns (``unit_columns``).
    scaled
        Whether the residuals are brought to length one; NaN where nothing is left.
    """
    q, r, _ = linalg.qr(controls, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(r))
    condition = float(np.linalg.cond(r)) if diagonal.min() > 0.0 else np.inf
    # Projected twice: once is not enough where the controls explain nearly everything.
    rest = columns - q @ (q.T @ columns)
    rest = rest - q @ (q.T @ rest)
    if not scaled:
        return rest, condition
    length = np.sqrt((rest**2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return rest / np.where(length > PERFECT, length, np.nan), condition


def _tests(r: Floats, n: Floats, k: Floats, confidence: float) -> dict[str, Floats]:
    """Return t, df, p, log10 p and interval of coefficients r with n observations and k controls, one each."""
    df = np.where(n - 2.0 - k >= 1.0, n - 2.0 - k, np.nan)
    unexplained = (1.0 - r) * (1.0 + r)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(unexplained <= PERFECT, np.nan, r * np.sqrt(df / unexplained))
        reach = stats.norm.ppf(0.5 + confidence / 2.0) / np.sqrt(np.where(df > 1.0, df - 1.0, np.nan))
        z = np.arctanh(r)
    pairs = [two_sided_t(t[i : i + 1], df[i]) for i in range(len(r))]
    p, log10_p = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return {
        "statistic": t, "df": np.where(np.isfinite(r), df, np.nan), "p": p, "log10_p": log10_p,
        "ci_low": np.tanh(z - reach), "ci_high": np.tanh(z + reach),
    }  # fmt: skip
