"""Description of a sample: the paper's table of n, mean, spread and quartiles, and where the pixels lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.datasets.variogram import empirical_variogram
from carbondrivers.errors import DataError
from carbondrivers.provenance import history_line


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleResult(Result):
    """Descriptive statistics of a sample.

    Attributes
    ----------
    descriptive : pandas.DataFrame
        One row a group and variable: ``driver`` (the variable), n, estimate (mean), sd, extremes and quartiles; number
        of classes and the most frequent class of a categorical variable.
    dropped : pandas.DataFrame
        Rows without a value, by variable.
    points : pandas.DataFrame
        x, y and response (``estimate``) of every row; empty without coordinates.
    rows : pandas.DataFrame
        The sample itself: coordinates, time, weights, response and drivers of every row under their own names. It is
        data and no table of results.
    """

    descriptive: pd.DataFrame
    dropped: pd.DataFrame
    points: pd.DataFrame
    rows: pd.DataFrame


@register(
    "describe",
    title="Description of the sample",
    takes="sample",
    result=SampleResult,
    version="2",
    citation="Moments and type-7 quantiles (Hyndman and Fan 1996, doi:10.1080/00031305.1996.10473566).",
)
def describe(sample: PixelSample) -> SampleResult:
    """Describe the response and the drivers of every group.

    Examples
    --------
    >>> import pandas as pd
    >>> from carbondrivers.datasets import PixelSample
    >>> table = pd.DataFrame({"nep": [1.0, 2, 3, 4], "rain": [1.0, 5, 2, 2]})
    >>> result = describe(PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}))
    >>> float(result.descriptive["estimate"][1])
    2.5
    """
    table = sample.describe().rename(columns={"variable": "driver", "mean": "estimate"})
    points = pd.DataFrame({"x": np.empty(0), "y": np.empty(0), "estimate": np.empty(0)})
    if sample.coordinates:
        x, y = (sample.frame[name].to_numpy(dtype=np.float64) for name in sample.coordinates)
        points = pd.DataFrame({"x": x, "y": y, "estimate": sample.y})
    notes = [str(note) + "." for note in sample.dropped.loc[sample.dropped["driver"] == "", "note"]]
    notes += [*sample.caveats(), *_range_notes(sample, points)]
    return SampleResult(
        method="describe",
        parameters={"crs": sample.crs or "", "response": sample.response.name},
        n=sample.n,
        notes=tuple(notes),
        provenance=history_line("describe", n=sample.n),
        variables=sample.variables(),
        descriptive=table,
        dropped=sample.dropped,
        points=points,
        rows=sample.frame,
    )


def _range_notes(sample: PixelSample, points: pd.DataFrame) -> list[str]:
    """Say how far the response resembles itself: rows nearer to each other than that are not independent."""
    # By place, so that the pairs that are taken of many points do not depend on the order of rows.
    placed = points.sort_values(["y", "x", "estimate"], ignore_index=True)
    try:
        found = empirical_variogram(placed["x"], placed["y"], placed["estimate"], crs=sample.crs)
    except DataError:
        return []
    return [f"{sample.response.title}: {found.summary()}"]
