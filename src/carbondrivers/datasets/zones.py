"""Zones in: polygons of a GeoPackage, shapefile or GeoJSON file, mended, named, and brought to a grid's CRS.

What a file is, its first bytes say, not its name: GDAL would follow a virtual file called ``.gpkg`` to any other file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from carbondrivers.datasets.crs_checks import check_crs
from carbondrivers.datasets.dbf_text import BYTES, decode_table
from carbondrivers.datasets.groups import class_label
from carbondrivers.errors import DataError, did_you_mean

MAGIC = {".gpkg": (b"SQLite format 3\x00",), ".shp": (b"\x00\x00\x27\x0a",), ".geojson": (b"{",), ".json": (b"{",)}
NEEDED = {".shx": "the index", ".dbf": "the table"}
# Edges are straight in their own CRS, so they get vertices on their way before they are bent into another.
PARTS_OF_AN_EDGE = 500
COLLECTION = 7
Polygons = NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """Polygons with names; made by ``read_zones`` and ``as_zones``.

    Attributes
    ----------
    names : tuple of str
        One a zone, none twice, in the order of the file.
    polygons : numpy.ndarray
        Valid polygons and multipolygons, object array of shape (k,).
    crs : str
        Their reference system.
    source : str
        What to call them in messages: the file.
    notes : tuple of str
        What was found and mended.
    """

    names: tuple[str, ...]
    polygons: Polygons
    crs: str
    source: str
    notes: tuple[str, ...] = ()

    def to_crs(self, crs: str) -> Polygons:
        """Return the polygons in another reference system, edges bent as they have to be.

        Raises
        ------
        DataError
            If a zone reaches where that reference system is not defined.
        """
        from pyproj import CRS

        if CRS.from_user_input(self.crs) == CRS.from_user_input(crs):
            return self.polygons
        moved: Polygons = gpd.GeoSeries(with_vertices(self.polygons), crs=self.crs).to_crs(crs).to_numpy()
        lost = [name for name, ok in zip(self.names, np.isfinite(shapely.bounds(moved)).all(axis=1), strict=True) if not ok]
        if lost:
            raise DataError(
                f"{self.source}: zone {lost[0]!r} reaches where {crs[:40]} is not defined: clip it to the region, or check "
                "its CRS"
            )
        return _valid(moved)


def with_vertices(polygons: Polygons) -> Polygons:
    """Return polygons with vertices along their edges, each a 500th of the polygon's extent from the next at most."""
    bounds = shapely.bounds(polygons)
    longest = (bounds[:, 2:] - bounds[:, :2]).max(axis=1) / PARTS_OF_AN_EDGE
    return np.asarray(shapely.segmentize(polygons, longest), dtype=object)


def read_zones(
    path: Path, *, name: str | None = None, layer: str | None = None, encoding: str | None = None, crs: str | None = None
) -> Zones:
    """Read polygons.

    Parameters
    ----------
    path
        A ``.gpkg``, ``.shp`` (with its ``.shx`` and ``.dbf``) or ``.geojson`` file.
    name
        Column of the names; by default the one called ``name``, else the only column of text, else zones are numbered.
        Polygons of one name are one zone.
    layer
        Layer of a GeoPackage that has several.
    encoding
        Of a shapefile's text; by default what its ``.cpg`` says if that can be, else utf-8 or gb18030, whichever fits.
    crs
        Reference system of a file that declares none, such as ``"EPSG:4326"``.

    Raises
    ------
    DataError
        In one line with file, cause and remedy: missing, damaged or foreign file, no polygons, no CRS or a second one,
        no such column or layer, coordinates that are none of the CRS, or x and y exchanged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> box = gpd.GeoDataFrame({"name": ["West"]}, geometry=[shapely.box(100, 30, 101, 31)], crs="EPSG:4326")
    >>> with TemporaryDirectory() as folder:
    ...     box.to_file(Path(folder) / "regions.gpkg")
    ...     read_zones(Path(folder) / "regions.gpkg").names
    ('West',)
    """
    path = Path(path)
    suffix = _check_file(path)
    if encoding is not None and suffix != ".shp":
        raise DataError(f"{path}: encoding is for shapefiles, {suffix} files are UTF-8: leave it out")
    frame, notes = _read(path, suffix, layer, encoding)
    zones = as_zones(frame, name=name, source=path.name, crs=crs)
    return Zones(zones.names, zones.polygons, zones.crs, zones.source, (*notes, *zones.notes))


def as_zones(frame: gpd.GeoDataFrame, *, name: str | None = None, source: str = "the zones", crs: str | None = None) -> Zones:
    """Make zones of a table of polygons.

    Parameters
    ----------
    frame
        Polygons with columns.
    name, crs
        As in ``read_zones``.
    source
        What to call them in messages.

    Raises
    ------
    DataError
        As in ``read_zones``.

    Examples
    --------
    >>> boxes = [shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)]
    >>> zones = as_zones(gpd.GeoDataFrame({"name": ["a", "a"]}, geometry=boxes, crs="EPSG:4326"))
    >>> zones.names, float(shapely.area(zones.polygons[0]))
    (('a',), 2.0)
    """
    if frame.empty:
        raise DataError(f"{source}: there is no polygon: look at the file and its layer")
    known = _crs(frame, source, crs)
    labels, notes = _labels(frame, name, source)
    polygons, mended = _mended(frame, source)
    _check_places(polygons, known, source)
    names, merged, more = _by_name(labels, polygons)
    return Zones(names, merged, known, source, (*notes, *mended, *more))


def _check_file(path: Path) -> str:
    suffix = path.suffix.lower()
    if not path.is_file():
        near = did_you_mean(path.name, [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else [])
        raise DataError(f"{path}: there is no such file.{near} Check the name and the folder.")
    if suffix not in MAGIC:
        raise DataError(f"{path}: zones are read from {', '.join(MAGIC)}: export the polygons as a GeoPackage")
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n" if suffix.endswith("json") else b"").startswith(MAGIC[suffix]):
        raise DataError(f"{path}: is not a {suffix[1:]} file, its first bytes are another's: export the polygons again")
    for part, what in NEEDED.items() if suffix == ".shp" else ():
        if not any(path.with_suffix(one).is_file() for one in (part, part.upper())):
            raise DataError(
                f"{path}: {what} {path.with_suffix(part).name} is missing: copy all files of the shapefile together"
            )
    return suffix


def _read(path: Path, suffix: str, layer: str | None, encoding: str | None) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    options: dict[str, Any] = {"encoding": BYTES} if suffix == ".shp" else {}
    try:
        options["layer"] = _layer(path, gpd.list_layers(path)["name"].tolist(), layer)
        frame = gpd.read_file(path, on_invalid="ignore", **options)
    except UnicodeDecodeError:
        raise DataError(f"{path}: the text is not UTF-8: save the file as UTF-8, or as a GeoPackage") from None
    except (OSError, ValueError, RuntimeError) as error:
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise DataError(f"{path}: cannot be read, truncated or damaged ({cause}): export the polygons again") from None
    if not isinstance(frame, gpd.GeoDataFrame):
        raise DataError(f"{path}: the layer has no polygons, only a table: name another layer, or export the polygons")
    if suffix != ".shp":
        return frame, ()
    table, notes = decode_table(pd.DataFrame(frame.drop(columns="geometry")), path, encoding)
    return gpd.GeoDataFrame(table, geometry=frame.geometry.to_numpy(), crs=frame.crs), notes


def _layer(path: Path, known: Sequence[str], wanted: str | None) -> str:
    if not known:
        raise DataError(f"{path}: the file has no layer: export the polygons again")
    if wanted is None and len(known) > 1:
        raise DataError(f"{path}: the file has {len(known)} layers ({', '.join(known[:8])}): name one as layer")
    if wanted is not None and wanted not in known:
        raise DataError(
            f"{path}: there is no layer {wanted!r}.{did_you_mean(wanted, known)} The layers are: {', '.join(known[:8])}"
        )
    return wanted or known[0]


def _crs(frame: gpd.GeoDataFrame, source: str, declared: str | None) -> str:
    check_crs(declared)
    if frame.crs is None and declared is None:
        raise DataError(
            f"{source}: the polygons have no CRS: add the .prj, or declare crs = 'EPSG:4326' or the one they are in"
        )
    if frame.crs is not None and declared is not None and frame.crs != declared:
        raise DataError(
            f"{source}: the polygons are in {frame.crs.to_string()[:40]}, not in the declared {declared}: leave crs out"
        )
    known: str = declared or frame.crs.to_string()
    check_crs(known)
    return known


def _labels(frame: gpd.GeoDataFrame, name: str | None, source: str) -> tuple[list[str], list[str]]:
    columns = [str(column) for column in frame.columns if column != frame.geometry.name]
    if name is not None and name not in columns:
        listed = ", ".join(columns[:12]) or "none"
        raise DataError(f"{source}: there is no column {name!r}.{did_you_mean(name, columns)} The columns are: {listed}")
    texts = [column for column in columns if pd.api.types.is_string_dtype(frame[column])]
    called = [column for column in columns if column.lower() == "name"]
    chosen = name or (called[0] if called else texts[0] if len(texts) == 1 else None)
    if chosen is None:
        why = f"several columns hold text ({', '.join(texts[:6])})" if texts else "no column holds text"
        return [f"zone {i + 1}" for i in range(len(frame))], [f"{source}: zones are numbered, {why}: name one as name"]
    column = frame[chosen].map(class_label, na_action="ignore")
    missing = int((column.isna() | (column == "")).sum())
    if missing:
        raise DataError(
            f"{source}: {missing} of {len(frame)} polygons have no {chosen!r}: fill the names, or choose another column"
        )
    return [str(label) for label in column], []


def _mended(frame: gpd.GeoDataFrame, source: str) -> tuple[Polygons, list[str]]:
    """Return valid flat polygons, empty ones as None, and how many were mended or left out."""
    given = np.asarray(shapely.force_2d(frame.geometry.to_numpy()), dtype=object)
    empty = shapely.is_missing(given) | shapely.is_empty(given)
    kinds = {str(kind) for kind in frame.geometry[~empty].geom_type}
    wrong = kinds - {"Polygon", "MultiPolygon", "GeometryCollection"}
    if wrong or empty.all():
        found = ", ".join(sorted(wrong)) or "nothing"
        raise DataError(f"{source}: holds {found} where polygons are expected: export the polygons")
    invalid = ~shapely.is_valid(given) & ~empty
    polygons = _valid(given)
    gone = empty | shapely.is_empty(polygons)
    notes = []
    if invalid.any():
        notes.append(f"{source}: {int(invalid.sum())} polygons crossed themselves and were mended")
    if gone.any():
        notes.append(f"{source}: {int(gone.sum())} rows without an area were left out")
    polygons[gone] = None
    return polygons, notes


def _valid(polygons: Polygons) -> Polygons:
    """Return polygons without self-crossings; lines and points that mending leaves have no area and are dropped."""
    mended = np.asarray(shapely.make_valid(polygons), dtype=object)
    for place in np.flatnonzero(shapely.get_dimensions(mended) < 2):
        mended[place] = shapely.Polygon()
    for place in np.flatnonzero(shapely.get_type_id(mended) == COLLECTION):
        parts = shapely.get_parts(shapely.get_parts(mended[place]))
        mended[place] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return mended


def _check_places(polygons: Polygons, crs: str, source: str) -> None:
    """Refuse degrees that no place on earth has: mostly x and y exchanged, or metres called degrees."""
    from pyproj import CRS

    if not CRS.from_user_input(crs).is_geographic:
        return
    west, south, east, north = shapely.total_bounds(polygons[~shapely.is_missing(polygons)])
    x, y = max(abs(west), abs(east)), max(abs(south), abs(north))
    if y > 90.0 + 1e-6 or x > 360.0 + 1e-6:
        swapped = x <= 90.0 and y <= 180.0
        remedy = "x and y are exchanged; write longitude first" if swapped else "declare the CRS that they are in"
        raise DataError(f"{source}: coordinates reach x = {x:.6g}, y = {y:.6g}, no place in {crs[:40]}: {remedy}")


def _by_name(labels: Sequence[str], polygons: Polygons) -> tuple[tuple[str, ...], Polygons, list[str]]:
    parts: dict[str, list[Any]] = {}
    for label, polygon in zip(labels, polygons, strict=True):
        if polygon is not None:
            parts.setdefault(label, []).append(polygon)
    merged = np.empty(len(parts), dtype=object)
    merged[:] = [own[0] if len(own) == 1 else shapely.union_all(own) for own in parts.values()]
    several = [name for name, own in parts.items() if len(own) > 1]
    more = f" ({', '.join(several[:4])}{', ...' if len(several) > 4 else ''})"
    return tuple(parts), merged, [f"polygons of the same name are one zone{more}"] if several else []
