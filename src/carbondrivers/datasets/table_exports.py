"""Tables of known programs: what AppEEARS, Google Earth Engine and ArcGIS write, made plain, and every change said.

AppEEARS: values come scaled, but cells without one hold the product's fill value as stored (-3000, 249 ...): these are
emptied by the catalogue of products. Earth Engine: the places stand in ``.geo`` as GeoJSON, and become x and y. ArcGIS:
NoData is -9999 or the lowest float, numbers may have thousands separators.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from carbondrivers.datasets.nodata import FLOAT64_LOW, stands_apart
from carbondrivers.datasets.products import ProductVariable, product
from carbondrivers.errors import DataError, OptionError

Program = Literal["", "AppEEARS", "Earth Engine", "ArcGIS"]
GEO, INDEX = ".geo", "system:index"
PLACE = ("x", "y")
LAYER = re.compile(r"(?P<product>[A-Z][A-Z0-9]{2,})_(?P<version>\d{3})_(?P<layer>.+)")
QUALITY = "_MODLAND"
OBJECT_IDS = {"objectid", "objectid_1", "oid", "oid_", "fid"}
ARCGIS = {"shape_length", "shape_leng", "shape_area", "rastervalu", "point_x", "point_y", "orig_fid"}
ARCGIS_NODATA = (-9999.0, FLOAT64_LOW)
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def recognise(header: Sequence[str]) -> Program:
    """Return which program wrote a table, by its column names; empty if none of the three.

    Examples
    --------
    >>> recognise(["system:index", "ndvi", ".geo"])
    'Earth Engine'
    >>> recognise(["ID", "Latitude", "Longitude", "Date", "MOD13Q1_061__250m_16_days_NDVI"])
    'AppEEARS'
    >>> recognise(["site", "nep"])
    ''
    """
    if {"Latitude", "Longitude", "Date"} <= set(header) and any(LAYER.fullmatch(name) for name in header):
        return "AppEEARS"
    if {GEO, INDEX} & set(header):
        return "Earth Engine"
    plain = [name.lower() for name in header]
    return "ArcGIS" if plain and (plain[0] in OBJECT_IDS or ARCGIS & set(plain)) else ""


def export_columns(header: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a table has once it is made plain: x and y in place of ``.geo``."""
    if GEO not in header or set(PLACE) & set(header):
        return tuple(header)
    return (*(name for name in header if name != GEO), *PLACE)


def needed_columns(columns: Iterable[str], header: Sequence[str]) -> list[str]:
    """Return the columns to read so that those asked for can be had."""
    made = {name for name in PLACE if name not in header and GEO in header}
    return list(dict.fromkeys(GEO if name in made else name for name in columns))


def plain_export(
    frame: pd.DataFrame, header: Sequence[str], name: str, columns: Sequence[str] | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a table without what is peculiar to the program that wrote it, and notes on every change.

    Parameters
    ----------
    frame
        As read; it may hold fewer columns than the file.
    header
        All names of the file.
    name
        Of the file, for notes and messages.
    columns
        What was asked for; all by default.

    Raises
    ------
    DataError
        If an Earth Engine table has no places where they are needed, or ones that are no GeoJSON.
    """
    program = recognise(header)
    if program == "AppEEARS":
        return _appeears(frame, name)
    if program == "Earth Engine":
        return _earth_engine(frame, header, name, columns)
    return _arcgis(frame, name) if program == "ArcGIS" else (frame, ())


def good_quality(frame: pd.DataFrame, keep: Sequence[int] = (0,)) -> np.ndarray:
    """Return which rows of an AppEEARS table have the wanted quality in every MODLAND column.

    Parameters
    ----------
    frame
        With columns that end in ``_MODLAND``, as ``"0b00"``.
    keep
        Values to keep; 0 is good quality in all MODIS land products, 1 in the vegetation indices "check other flags".

    Returns
    -------
    numpy.ndarray
        Boolean, shape (rows,). A row without a flag is not kept.

    Raises
    ------
    DataError
        If there is no such column.

    Examples
    --------
    >>> flags = pd.DataFrame({"MOD13Q1_061_VI_Quality_MODLAND": ["0b00", "0b10", None]})
    >>> good_quality(flags).tolist()
    [True, False, False]
    """
    names = [str(column) for column in frame.columns if str(column).endswith(QUALITY)]
    if not names:
        raise DataError(
            f"the table has no column that ends in {QUALITY!r}: ask AppEEARS for the quality layer, or keep all rows"
        )
    wanted = {np.binary_repr(value) for value in keep}
    flags = [frame[column].astype("string").str.removeprefix("0b").str.lstrip("0").replace("", "0") for column in names]
    return np.asarray(np.all([flag.isin(wanted).to_numpy(dtype=bool) for flag in flags], axis=0))


def _appeears(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    notes = [f"{name} is an AppEEARS table: places are Longitude and Latitude (EPSG:4326), values are scaled already"]
    plain = frame.copy()
    for column in map(str, frame.columns):
        entry = _catalogued(column)
        if entry is None or not pd.api.types.is_numeric_dtype(frame[column]):
            continue
        filled = _is_fill(frame[column].to_numpy(dtype=np.float64), entry)
        if filled.any():
            plain[column] = frame[column].where(~filled)
            notes.append(f"{name}: {int(filled.sum())} of {len(frame)} cells of {column!r} held a fill value and were emptied")
    flags = [str(column) for column in frame.columns if str(column).endswith(QUALITY)]
    if flags:
        notes.append(f"{name}: no row was left out for its quality; the flags are in {', '.join(flags)}")
    return plain, tuple(notes)


def _catalogued(column: str) -> ProductVariable | None:
    found = LAYER.fullmatch(column)
    if not found:
        return None
    try:
        return product(found["product"]).variable(found["layer"])
    except OptionError:
        return None


def _is_fill(values: np.ndarray, entry: ProductVariable) -> np.ndarray:
    """Return which values are fill values, as stored or (where the scale was applied to them too) scaled."""
    stored = np.round((values - entry.offset) / entry.scale, 6)
    hits = [(part >= low) & (part <= high) for low, high in entry.fill for part in (values, stored)]
    valid = entry.valid
    outside = np.ones(values.shape, dtype=bool) if valid is None else (stored < valid[0]) | (stored > valid[1])
    return np.any(hits, axis=0) & outside if hits else np.zeros(values.shape, dtype=bool)


def _earth_engine(
    frame: pd.DataFrame, header: Sequence[str], name: str, columns: Sequence[str] | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    if GEO not in frame or set(PLACE) & set(header):
        return frame, ()
    import shapely

    cells = np.array([cell if isinstance(cell, str) else None for cell in frame[GEO]], dtype=object)
    try:
        shapes = shapely.from_geojson(cells)
    except shapely.GEOSException as error:
        raise DataError(f"{name}: column {GEO!r} is no GeoJSON ({str(error)[:80]}): export the table again") from None
    lost = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    bare = frame.drop(columns=GEO) if columns is None else frame
    if lost.all():
        said = f"{name}: column {GEO!r} holds no place"
        if set(PLACE) & set(columns or ()):
            raise DataError(
                f"{said}: export with geometries (sampleRegions with geometries = true), or take the coordinates from "
                "ee.Image.pixelLonLat()"
            )
        return bare, (said,)
    centres = shapely.centroid(np.where(lost, None, shapes))
    plain = bare.assign(x=shapely.get_x(centres), y=shapely.get_y(centres))
    notes = [f"{name} is an Earth Engine table: x and y were read from {GEO!r} (EPSG:4326)"]
    flat = shapely.get_dimensions(shapes[~lost]) > 0
    if flat.any():
        notes.append(f"{name}: {int(flat.sum())} places are lines or polygons; x and y are their centroids")
    if lost.any():
        notes.append(f"{name}: {int(lost.sum())} of {len(frame)} rows have no place")
    return plain, tuple(notes)


def _arcgis(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    plain, notes = frame.copy(), []
    grouped = [column for column in frame.columns if _is_grouped(frame[column])]
    for column in grouped:
        plain[column] = pd.to_numeric(frame[column].str.strip().str.replace(",", "", regex=False))
    if grouped:
        notes.append(f"{name}: thousands separators were taken out of {', '.join(map(str, grouped))}")
    for column in plain.columns:
        if not pd.api.types.is_float_dtype(plain[column]) and not pd.api.types.is_integer_dtype(plain[column]):
            continue
        nodata = _arcgis_nodata(plain[column].to_numpy(dtype=np.float64))
        if nodata.any():
            plain[column] = plain[column].where(~nodata)
            notes.append(f"{name}: {int(nodata.sum())} cells of {str(column)!r} held ArcGIS's NoData and were emptied")
    return plain, tuple(notes)


def _is_grouped(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column):
        return False
    cells = [str(cell).strip() for cell in column.dropna().unique()]
    grouped = [bool(GROUPED.fullmatch(cell)) for cell in cells]
    return any(grouped) and all(is_one or NUMBER.fullmatch(cell) for is_one, cell in zip(grouped, cells, strict=True))


def _arcgis_nodata(values: np.ndarray) -> np.ndarray:
    coded = np.isin(values, ARCGIS_NODATA)
    rest = values[~coded & ~np.isnan(values)]
    if not coded.any() or not rest.size:
        return np.zeros(values.shape, dtype=bool)
    low, high = float(rest.min()), float(rest.max())
    apart = [code for code in ARCGIS_NODATA if stands_apart(code, low, high, int((values == code).sum()))]
    return np.isin(values, apart)
