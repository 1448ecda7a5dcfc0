"""A look at the values of a study's data before anything runs: what ``carbondrivers check`` prints as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from carbondrivers.errors import CarbonDriversError, DataWarning
from carbondrivers.study.grids import first_layer
from carbondrivers.study.inputs import Inputs

if TYPE_CHECKING:
    import xarray as xr

    from carbondrivers.datasets.survey import Finding, Survey

SHOWN = ("name", "kind", "unit", "n", "min", "max", "missing", "years", "classes")


def survey_of(inputs: Inputs) -> Survey | None:
    """Return a look at every layer, or at the columns of a table; None for a virtual region, whose data are known.

    A layer that cannot be read costs itself: it is a finding, and the others are looked at all the same.

    Raises
    ------
    CarbonDriversError
        If a table cannot be read, or no layer can.
    """
    from carbondrivers.datasets.survey_tables import survey_table

    spec = inputs.spec
    if spec.kind == "region":
        return None
    if spec.kind == "table":
        time = spec.table.time if spec.table else None
        return survey_table(inputs.table, response=inputs.response_variable(), drivers=inputs.driver_variables(), time=time)
    return _of_grids(inputs)


def _of_grids(inputs: Inputs) -> Survey:
    import pandas as pd

    from carbondrivers.datasets.survey import Finding, make_survey
    from carbondrivers.datasets.survey_layers import survey_layers

    layers: dict[str, xr.DataArray] = {}
    failed: list[Finding] = []
    for name in names_of_grids(inputs):
        try:
            layers[name] = inputs.grids.get(name)
        except CarbonDriversError as error:
            failed.append(Finding("error", "missing", name, str(error)))
    if not layers:
        return make_survey([], [], failed)
    response = first_layer(inputs.spec)
    failed += _region_findings(inputs, layers.get(response))
    together = [name for name in (response, *inputs.spec.drivers) if name in layers] if inputs.spec.drivers else []
    found = survey_layers(layers, response=response if response in layers else None, together=together)
    return replace(found, findings=pd.concat([make_survey([], [], failed).findings, found.findings], ignore_index=True))


def _region_findings(inputs: Inputs, grid: xr.DataArray | None) -> list[Finding]:
    """Return what is wrong with the place of the study's polygons; no cell is counted."""
    import warnings

    from carbondrivers.datasets.survey import Finding
    from carbondrivers.datasets.zone_cover import Cover

    zones = inputs.zones
    if zones is None or grid is None:
        return []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DataWarning)
        try:
            notes = Cover(zones, grid).notes()
        except CarbonDriversError as error:
            return [Finding("error", "overlap", "regions", str(error))]
    found = [Finding("warning", "overlap", "regions", str(w.message)) for w in said if issubclass(w.category, DataWarning)]
    return [*found, *(Finding("note", "overlap", "regions", note) for note in notes)]


def names_of_grids(inputs: Inputs) -> tuple[str, ...]:
    """Return the names of all grids that a raster study reads or derives, the response first."""
    spec = inputs.spec
    return tuple(dict.fromkeys([first_layer(spec), *spec.layers, *spec.drivers]))


def lines_of(survey: Survey) -> Iterator[str]:
    """Iterate over the lines of the printed table, and of what was found."""
    import numpy as np

    table = survey.variables.reindex(columns=list(SHOWN))
    words = [list(SHOWN)]
    for row in table.astype(object).itertuples(index=False):
        given: dict[str, object] = dict(zip(SHOWN, row, strict=True))
        numbers = {key: float(str(given[key])) for key in ("min", "max", "missing")}
        given["missing"] = f"{100 * numbers['missing']:.1f} %"
        given |= {key: f"{numbers[key]:.4g}" if np.isfinite(numbers[key]) else "" for key in ("min", "max")}
        given["classes"] = str(given["classes"]).removesuffix(".0")
        words.append(["" if f"{value!s}" in ("nan", "<NA>", "None") else f"{value!s}" for value in given.values()])
    widths = [max(len(line[i]) for line in words) for i in range(len(SHOWN))]
    yield from ("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in words)
    for finding in survey.findings.astype(object).itertuples(index=False):
        yield ": ".join(word for word in map(str, (finding.severity, finding.name, finding.note)) if word)
