"""Which drivers say the same: correlation matrix, variance inflation, condition number, and a selection step by step.

VIF_j = 1 / (1 - R_j^2) with R_j^2 of driver j on all the others, from the QR of the standardised columns. The condition
number is that of the columns scaled to unit length with the constant among them (Belsley, Kuh and Welsch 1980,
doi:10.1002/0471725153), beside that of the centred columns, which does not change with the origin of a unit.
Selection, while a VIF exceeds its threshold, takes out the driver with the largest one; then, while two drivers are too
alike, the one of the two that is less alike to the response. Each step says what went, why, and what remains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from carbondrivers.attribution.correlation import PERFECT, unit_columns
from carbondrivers.attribution.driver_selection import Step, condition_number, inflation, selected
from carbondrivers.attribution.effective_size import Lags, lags, products, spatial_size
from carbondrivers.attribution.inference import NAIVE_P, Floats, adjust_within, two_sided_t
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError, OptionError, did_you_mean
from carbondrivers.provenance import history_line

MATRIX = [
    "group", "driver", "driver_2", "r", "statistic", "df", "p", "p_adjusted", "log10_p", "n", "n_eff", "p_eff",
    "p_eff_adjusted", "note",
]  # fmt: skip
KEPT, REMOVED, LEFT_OUT = "kept", "removed", "left out"
STRONG = 30.0
BELSLEY, CENTRED = "Belsley, constant included", "centred columns"
SCREENING = (
    "The selection takes out drivers that others already speak for; a driver that went may still be a cause, and one that "
    "stayed may only stand for it. VIF and r are measures of the sample and need no p."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollinearityResult(Result):
    """Correlation matrix and selection of the continuous drivers.

    Attributes
    ----------
    matrix : pandas.DataFrame
        One row a group and pair, the response among them: r, t, df, naive p, p adjusted within the group
        (Benjamini-Hochberg), effective number of observations and p with it.
    drivers : pandas.DataFrame
        One row a group and driver: VIF among all drivers, R^2 on them, the driver that is most alike (``driver_2``) with
        its r, ``level`` (kept, removed, left out) and VIF among the kept ones (``estimate``).
    selection : pandas.DataFrame
        One row a group and step: the driver that went, its VIF then, the most alike of the remaining ones with its r,
        condition number before the step, number of drivers that remain, and why.
    condition : pandas.DataFrame
        Condition numbers by group, of all drivers and of the kept ones.
    """

    matrix: pd.DataFrame
    drivers: pd.DataFrame
    selection: pd.DataFrame
    condition: pd.DataFrame


@register(
    "collinearity",
    title="Collinearity of the drivers",
    takes="sample",
    result=CollinearityResult,
    version="1",
    citation="Belsley, D.A., Kuh, E., Welsch, R.E. (1980). Regression Diagnostics. Wiley.",
)
def collinearity(
    sample: PixelSample,
    *,
    threshold_vif: float = 10.0,
    threshold_r: float = 0.9,
    keep: Sequence[str] = (),
) -> CollinearityResult:
    """Measure how far the continuous drivers repeat each other, and select those that do not.

    Parameters
    ----------
    sample
        Checked table; categorical drivers are passed over and named in a note.
    threshold_vif
        Largest variance inflation that a kept driver may have, over 1.
    threshold_r
        Largest absolute r of two kept drivers, between 0 and 1.
    keep
        Drivers that are never taken out.

    Raises
    ------
    DataError
        If no driver is continuous.
    OptionError
        If a threshold is outside its range, or `keep` names no continuous driver.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rain, dem, noise = rng.normal(size=(3, 50))
    >>> table = pd.DataFrame({"nep": rain + noise, "rain": rain, "wet": rain + 0.01 * noise, "dem": dem})
    >>> drivers = {"rain": "climate", "wet": "climate", "dem": "topography"}
    >>> result = collinearity(PixelSample.from_frame(table, response="nep", drivers=drivers))
    >>> len(result.selection), set(result.selection["driver"]) <= {"rain", "wet"}
    (1, True)
    """
    drivers = [d.name for d in sample.continuous]
    if not drivers:
        raise DataError("no continuous driver is there to screen: categorical drivers have no correlation matrix")
    kept = _options(threshold_vif, threshold_r, keep, drivers)
    groups = [_Group(name, part, drivers, (threshold_vif, threshold_r), kept) for name, part in sample.group_samples()]
    passed_over = [d.title for d in sample.drivers if d.kind == "categorical"]
    notes = [NAIVE_P, SCREENING, *sample.caveats()]
    if passed_over:
        notes.append(f"Not screened, because categorical: {', '.join(passed_over)}.")
    parameters = {"threshold_vif": float(threshold_vif), "threshold_r": float(threshold_r), "keep": list(kept)}
    matrix = adjust_within(pd.DataFrame([row for one in groups for row in one.pairs()]), ["group"])
    corrected = adjust_within(matrix.assign(p=matrix["p_eff"]), ["group"])["p_adjusted"]
    steps = ["group", "rank", "driver", "vif", "driver_2", "r", "condition", "remaining", "note"]
    return CollinearityResult(
        method="collinearity",
        parameters=parameters,
        n=sample.n,
        notes=tuple(notes),
        provenance=history_line("collinearity", n=sample.n, **parameters),
        variables=sample.variables(),
        matrix=matrix.assign(p_eff_adjusted=corrected)[MATRIX],
        drivers=pd.DataFrame([row for one in groups for row in one.verdicts()]),
        selection=pd.DataFrame([row for one in groups for row in one.removals()], columns=steps),
        condition=pd.DataFrame([row for one in groups for row in one.conditions()]),
    )


def _options(vif: float, r: float, keep: Sequence[str], drivers: Sequence[str]) -> tuple[str, ...]:
    for name, value, low, high in (("threshold_vif", vif, 1.0, np.inf), ("threshold_r", r, 0.0, 1.0)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
            bounds = "more than 1" if name == "threshold_vif" else "more than 0 and at most 1"
            raise OptionError(f"{name} must be {bounds}, got {value!r}")
    if isinstance(keep, str):
        raise OptionError(f"keep must be a list of drivers, got {keep!r}")
    for name in keep:
        if name not in drivers:
            raise OptionError(f"keep: {name!r} is no continuous driver of this sample.{did_you_mean(name, drivers)}")
    return tuple(sorted(set(keep)))


class _Group:
    """One group's standardised columns, the response first, and the selection among them."""

    def __init__(
        self, name: str, part: PixelSample, drivers: list[str], thresholds: tuple[float, float], keep: Sequence[str]
    ) -> None:
        self.name, self.n, self.names = name, part.n, [part.response.name, *drivers]
        raw = np.column_stack([part.y, part.frame[drivers].to_numpy(dtype=np.float64)])
        self.z = unit_columns(raw)
        self.raw = raw[:, 1:]
        self.at = _places(part)
        self.usable = [i for i in range(1, len(self.names)) if np.isfinite(self.z[:, i]).all()]
        # With as many columns as rows everything is collinear: nothing can be screened.
        self.known = part.n >= len(self.usable) + 2 and len(self.usable) > 0
        self.r = np.clip(self.z.T @ self.z, -1.0, 1.0)
        self.steps: list[Step] = []
        self.kept = self.usable
        if self.known:
            self.steps, self.kept = selected(self.z, self.usable, thresholds, [self.names.index(name) for name in keep])

    def pairs(self) -> list[dict[str, object]]:
        """Return one row a pair of variables."""
        spread = [products(z, self.at) if self.at and np.isfinite(z).all() else None for z in self.z.T]
        rows: list[dict[str, object]] = []
        for i, j in combinations(range(len(self.names)), 2):
            r, one, other = float(self.r[i, j]), spread[i], spread[j]
            size = spatial_size(one, other, self.at) if self.at and one is not None and other is not None else np.nan
            note = "" if np.isfinite(r) else "undefined: constant in this group"
            if (1.0 - r) * (1.0 + r) <= PERFECT:
                note = "exactly linear"
            rows.append(
                {"group": self.name, "driver": self.names[i], "driver_2": self.names[j], "r": r, "n": self.n, "n_eff": size,
                 "note": note}
                | _tested(r, float(self.n)) | {"p_eff": _tested(r, size)["p"]}
            )  # fmt: skip
        return rows

    def verdicts(self) -> list[dict[str, object]]:
        """Return one row a driver: its VIF among all, and whether it was kept."""
        whole = dict(zip(self.usable, inflation(self.z[:, self.usable]), strict=True)) if self.known else {}
        after = dict(zip(self.kept, inflation(self.z[:, self.kept]), strict=True)) if self.known else {}
        gone = {step.driver: rank for rank, step in enumerate(self.steps, 1)}
        rows: list[dict[str, object]] = []
        for i in range(1, len(self.names)):
            vif = whole.get(i, np.nan)
            alike, r = self._most_alike(i, self.usable)
            level = LEFT_OUT if i not in whole else REMOVED if i in gone else KEPT
            note = f"step {gone[i]}" if i in gone else "" if i in whole else self._why_left_out(i)
            rows.append(
                {"group": self.name, "driver": self.names[i], "level": level, "vif": vif, "r2": 1.0 - 1.0 / vif,
                 "driver_2": alike, "r": r, "estimate": after.get(i, np.nan), "n": self.n, "note": note}
            )  # fmt: skip
        return rows

    def removals(self) -> list[dict[str, object]]:
        """Return one row a step of the selection."""
        rows: list[dict[str, object]] = []
        remaining = list(self.usable)
        for rank, step in enumerate(self.steps, 1):
            condition = condition_number(self.z[:, remaining])
            remaining.remove(step.driver)
            alike, r = self._most_alike(step.driver, remaining)
            rows.append(
                {"group": self.name, "rank": rank, "driver": self.names[step.driver], "vif": step.vif, "driver_2": alike,
                 "r": r, "condition": condition, "remaining": len(remaining), "note": step.why}
            )  # fmt: skip
        return rows

    def conditions(self) -> list[dict[str, object]]:
        """Return the condition numbers of all drivers and of the kept ones."""
        rows: list[dict[str, object]] = []
        for level, which in (("all drivers", self.usable), (KEPT, self.kept)):
            constant = np.column_stack([np.ones(self.n), self.raw[:, [i - 1 for i in which]]])
            found = ((BELSLEY, constant), (CENTRED, self.z[:, which])) if self.known else ((BELSLEY, None), (CENTRED, None))
            for method, columns in found:
                value = np.nan if columns is None else condition_number(columns)
                note = "strong" if value > STRONG else ""
                rows.append(
                    {"group": self.name, "level": level, "method": method, "condition": value, "remaining": len(which),
                     "n": self.n, "note": note}
                )  # fmt: skip
        return rows

    def _most_alike(self, i: int, among: Sequence[int]) -> tuple[str, float]:
        others = [j for j in among if j != i and np.isfinite(self.r[i, j])]
        if not others:
            return "", np.nan
        best = max(others, key=lambda j: (round(abs(float(self.r[i, j])), 12), -j))
        return self.names[best], float(self.r[i, best])

    def _why_left_out(self, i: int) -> str:
        if i not in self.usable:
            return "constant in this group"
        return f"fewer than {len(self.usable) + 2} rows in this group (n = {self.n})"


def _tested(r: float, n: float) -> dict[str, float]:
    """Return t, df, p and log10 p of r with n observations; NaN where there is no test."""
    df, unexplained = n - 2.0, (1.0 - r) * (1.0 + r)
    if not (np.isfinite(r) and df >= 1.0 and unexplained > PERFECT):
        return {"statistic": np.nan, "df": df if np.isfinite(r) else np.nan, "p": np.nan, "log10_p": np.nan}
    t = r * np.sqrt(df / unexplained)
    p, log10_p = two_sided_t(np.array([t]), df)
    return {"statistic": t, "df": df, "p": float(p[0]), "log10_p": float(log10_p[0])}


def _places(part: PixelSample) -> Lags | None:
    if part.coordinates is None or part.n < 3:
        return None
    xy: Floats = part.frame[list(part.coordinates)].to_numpy(dtype=np.float64)
    return lags(xy, geographic=part.is_geographic) if np.ptp(xy, axis=0).any() else None
