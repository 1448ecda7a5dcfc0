"""A look at the data before anything is computed: what each layer or column is, and what is wrong with it.

Nothing is raised and nothing is changed: every finding is a row of a table, with its severity, so that all of them can be
read at once. Lazy layers are read block by block, each of them once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from carbondrivers.catalogue import variables
from carbondrivers.nep_models.apply import same_unit

Severity = Literal["error", "warning", "note"]
Check = Literal[
    "CRS", "overlap", "alignment", "unit", "range", "missing", "classes", "constant", "years", "rows", "VIF", "correlation"
]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
FEW_YEARS, MISSING_SHARE = 10, 0.05


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: its severity, the check, the layer or column, and what to do in one line."""

    severity: Severity
    check: Check
    name: str
    note: str


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What a look at the data found.

    Attributes
    ----------
    variables : pandas.DataFrame
        One row a layer or column: ``name``, ``kind``, ``unit``, ``n`` (values), ``min``, ``max``, ``missing`` (share),
        ``share_of`` (its denominator), ``years`` (as ``2001-2020``), ``classes``; for layers ``crs`` and ``resolution``.
    missing : pandas.DataFrame
        One row a variable and year: ``name``, ``year``, ``n``, ``missing``, ``share_of``.
    inflation : pandas.DataFrame
        One row a continuous driver: ``driver``, ``vif``; of tables alone.
    correlations : pandas.DataFrame
        One row a pair of continuous drivers: ``driver``, ``driver_2``, ``estimate``, strongest first; of tables alone.
    findings : pandas.DataFrame
        ``severity`` (error, warning, note), ``check``, ``name``, ``note``; the worst first.
    """

    variables: pd.DataFrame
    missing: pd.DataFrame
    inflation: pd.DataFrame
    correlations: pd.DataFrame
    findings: pd.DataFrame

    @property
    def is_fit(self) -> bool:
        """Whether no finding is an error."""
        return not bool((self.findings["severity"] == "error").any())


def make_survey(
    rows: list[dict[str, object]],
    missing: list[dict[str, object]],
    findings: list[Finding],
    vif: pd.DataFrame | None = None,
    pairs: pd.DataFrame | None = None,
) -> Survey:
    """Return a survey of rows and findings, the worst findings first."""
    order = sorted(findings, key=lambda found: SEVERITIES.index(found.severity))
    found = [(one.severity, one.check, one.name, one.note) for one in order]
    by_year = pd.DataFrame(missing, columns=["name", "year", "n", "missing", "share_of"])
    return Survey(
        variables=pd.DataFrame(rows),
        missing=by_year.astype({"year": "Int64"}),
        inflation=pd.DataFrame(columns=["driver", "vif"]) if vif is None else vif,
        correlations=pd.DataFrame(columns=["driver", "driver_2", "estimate"]) if pairs is None else pairs,
        findings=pd.DataFrame(found, columns=["severity", "check", "name", "note"], dtype=str),
    )


def value_findings(name: str, unit: str, n: int, low: float, high: float, missing: float, of: str) -> Iterator[Finding]:
    """Iterate over what the values of a variable say of it: none, one, infinite, missing, implausible.

    Parameters
    ----------
    name, unit
        Of the variable; an empty unit is one that is not declared.
    n, low, high
        Number and range of its values.
    missing, of
        Share of missing values, and what it is a share of.
    """
    if not n:
        yield Finding("error", "missing", name, "has no value at all: look at the file, its mask and its nodata value")
        return
    if not np.isfinite([low, high]).all():
        yield Finding("error", "range", name, "holds infinite values: find the division that made them, or empty them")
    elif low == high:
        yield Finding("error", "constant", name, f"is {low:g} everywhere: nothing can be attributed to it; leave it out")
    if missing > MISSING_SHARE:
        yield Finding(
            "warning", "missing", name, f"lacks a value in {missing:.1%} of the {of}: look at its mask, or leave it out"
        )
    yield from _catalogue_findings(name, unit, low, high)


def _catalogue_findings(name: str, unit: str, low: float, high: float) -> Iterator[Finding]:
    entry = variables().get(name)
    if entry is None or entry.kind == "categorical":
        return
    outside, plain = low < entry.low or high > entry.high, entry.unit in ("", "1")
    known = "" if plain else f" {entry.unit}"
    said = f"runs from {low:g} to {high:g} {unit}".rstrip() + f", plausible is {entry.low:g} to {entry.high:g}{known}"
    if unit and not same_unit(unit, entry.unit):
        yield Finding(
            "warning", "unit", name, f"is in {unit}, the catalogue's {name} in {entry.unit}: convert it, or rename it"
        )
    elif outside and (unit or plain):
        yield Finding("error", "range", name, f"{said}: look for another unit, a scale factor or a nodata value")
    elif outside:
        yield Finding("warning", "unit", name, f"{said}, and it has no unit: declare the unit, or a scale factor")
    elif not unit and not plain:
        yield Finding("note", "unit", name, f"has no unit; the catalogue's {name} is in {entry.unit}: declare the unit")
