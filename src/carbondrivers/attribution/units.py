"""Units that lie on no grid, from a sample, a table of polygons or points, or a series of values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.sample import Driver, PixelSample
from carbondrivers.errors import DataError, did_you_mean

OUTLINE = ("id", "part", "x", "y")


def _no_outlines() -> pd.DataFrame:
    return pd.DataFrame({"id": pd.Series(dtype=str), "part": np.empty(0, np.int64), "x": np.empty(0), "y": np.empty(0)})


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Units with a value each.

    Attributes
    ----------
    name : str
        Of the values.
    ids : pandas.Index
        One a unit.
    value, x, y : numpy.ndarray
        Shape (n,); x and y are NaN where no place is known, a point within it for a polygon.
    crs : str
        Reference system of the places, empty where it is not known.
    variables : pandas.DataFrame
        The variables table of a result.
    notes : tuple of str
        What a result must say of the units.
    outlines : pandas.DataFrame
        Vertices of polygons: id, part (number of the ring), x, y.
    """

    name: str
    ids: pd.Index
    value: Floats
    x: Floats
    y: Floats
    crs: str
    variables: pd.DataFrame
    notes: tuple[str, ...] = ()
    outlines: pd.DataFrame = field(default_factory=_no_outlines)


def units_of(given: Any, column: str | None) -> Units:
    """Return the units of a sample, a table with a column, or a series.

    Raises
    ------
    DataError
        If it is none of these, the column is missing or holds no numbers, a label occurs twice, or a geometry is missing.
    """
    if isinstance(given, PixelSample):
        return _of_sample(given)
    if isinstance(given, pd.Series):
        return _of_column(given, str(given.name or "the values"), None)
    if not isinstance(given, pd.DataFrame):
        raise DataError(
            f"units must be a PixelSample, a GeoDataFrame or DataFrame with column=..., or a Series, got {type(given).__name__}"
        )
    if column is None or column not in given.columns:
        known = [str(name) for name in given.columns]
        hint = did_you_mean(str(column), known) if column else ""
        raise DataError(f"there is no column {column!r} in the table of units: name it with column=....{hint}")
    import geopandas

    return _of_column(given[column], column, given if isinstance(given, geopandas.GeoDataFrame) else None)


def shown(label: object) -> str:
    """Return a row label as a message prints it: words in quotes, numbers bare.

    Examples
    --------
    >>> shown("county 3"), shown(np.int64(3))
    ("'county 3'", '3')
    """
    return repr(label) if isinstance(label, str) else str(label)


def _of_sample(sample: PixelSample) -> Units:
    nowhere = np.full(sample.n, np.nan)
    x, y = (
        (sample.frame[c].to_numpy(dtype=np.float64) for c in sample.coordinates) if sample.coordinates else (nowhere, nowhere)
    )
    variables = sample.variables()
    return Units(
        sample.response.name, sample.frame.index, sample.y, x, y, sample.crs or "",
        variables.loc[variables["role"] == "response"].reset_index(drop=True), sample.caveats(),
    )  # fmt: skip


def _of_column(values: pd.Series, name: str, shapes: Any) -> Units:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_complex_dtype(values):
        raise DataError(f"{name!r} holds {values.dtype} where numbers are expected: read it as numbers")
    doubled = values.index[values.index.duplicated()]
    if len(doubled):
        raise DataError(f"the row label {shown(doubled[0])} occurs twice: give every unit a label of its own")
    variable = Driver(name, "vegetation")
    row = {"name": name, "role": "response", "category": variable.category, "unit": "", "label": name, "kind": "continuous"}
    nowhere = np.full(len(values), np.nan)
    x, y, crs, outlines = _places(shapes) if shapes is not None else (nowhere, nowhere, "", _no_outlines())
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return Units(name, values.index, numbers, x, y, crs, pd.DataFrame([row], dtype=str), (), outlines)


def _places(shapes: Any) -> tuple[Floats, Floats, str, pd.DataFrame]:
    """Return a point in every geometry, the reference system, and the rings of polygons."""
    import shapely

    lacking = shapes.geometry.isna() | shapes.geometry.is_empty
    if lacking.any():
        raise DataError(
            f"unit {shown(shapes.index[lacking.to_numpy()][0])} has no geometry: drop such rows, then make the weights"
        )
    inside = shapes.geometry.representative_point()
    crs = shapes.crs.to_string() if shapes.crs is not None else ""
    rings, owner = [], []
    for label, shape in zip(shapes.index, shapes.geometry, strict=True):
        for part in shapely.get_parts(shape):
            if part.geom_type == "Polygon":
                own = [part.exterior, *part.interiors]
                rings += own
                owner += [str(label)] * len(own)
    if not rings:
        return inside.x.to_numpy(), inside.y.to_numpy(), crs, _no_outlines()
    places, ring = shapely.get_coordinates(rings, return_index=True)
    table = {"id": np.array(owner, dtype=object)[ring].astype(str), "part": ring.astype(np.int64)}
    outlines = pd.DataFrame(table | {"x": places[:, 0], "y": places[:, 1]})
    return inside.x.to_numpy(), inside.y.to_numpy(), crs, outlines
