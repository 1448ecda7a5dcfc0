"""MODIS HDF4: place from StructMetadata, the products' conventions of scale, fill and valid range, and refusals.

The files are made here with pyhdf in the layout of the real ones (tile h26v05 of the sinusoidal grid); the numbers of
the tile's corners and of the attributes are those that the products' user guides print.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from carbondrivers.datasets import modis_hdf
from carbondrivers.datasets.modis_hdf import eos_grids
from carbondrivers.datasets.rasters import read_raster
from carbondrivers.errors import DataError

from .raster_makers import refuses

# Tile h26v05: corners in metres on the sphere of 6371007.181 m; ten degrees of it make 1111950.519667 m.
TILE = 1111950.519667
CORNERS = (8 * TILE, 4 * TILE), (9 * TILE, 3 * TILE)
MOD13 = {"valid_range": (-2000, 10000), "_FillValue": -3000, "scale_factor": 10000.0, "add_offset": 0.0, "units": "NDVI"}
MOD17 = {"valid_range": (-30000, 32700), "_FillValue": 32767, "scale_factor": 0.0001, "add_offset": 0.0, "units": "kg_C/m^2"}
MOD11 = {"valid_range": (7500, 65535), "_FillValue": 0, "scale_factor": 0.02, "add_offset": 0.0, "units": "K"}
MOD15 = {"valid_range": (0, 100), "_FillValue": 255, "scale_factor": 0.1, "add_offset": 0.0, "units": "m^2/m^2"}


def structure(fields, shape=(4, 6), corners=CORNERS, projection="GCTP_SNSOID", parameters=None, group=1):
    parameters = parameters or "(6371007.181000,0,0,0,0,0,0,0,0,0,0,0,0)"
    (west, north), (east, south) = corners
    listed = "".join(
        f'\t\t\tOBJECT=DataField_{i}\n\t\t\t\tDataFieldName="{name}"\n\t\t\t\tDataType=DFNT_INT16\n'
        f'\t\t\t\tDimList=("YDim","XDim")\n\t\t\tEND_OBJECT=DataField_{i}\n'
        for i, name in enumerate(fields, 1)
    )
    return (
        f'\tGROUP=GRID_{group}\n\t\tGridName="MODIS_Grid"\n\t\tXDim={shape[1]}\n\t\tYDim={shape[0]}\n'
        f"\t\tUpperLeftPointMtrs=({west:.6f},{north:.6f})\n\t\tLowerRightMtrs=({east:.6f},{south:.6f})\n"
        f"\t\tProjection={projection}\n\t\tProjParams={parameters}\n\t\tSphereCode=-1\n\t\tGridOrigin=HDFE_GD_UL\n"
        f"\t\tGROUP=DataField\n{listed}\t\tEND_GROUP=DataField\n\tEND_GROUP=GRID_{group}\n"
    )


def whole(*grids):
    return (
        "GROUP=SwathStructure\nEND_GROUP=SwathStructure\nGROUP=GridStructure\n"
        + "".join(grids)
        + "END_GROUP=GridStructure\nEND\n"
    )


def write_hdf(path, fields, text=None):
    """Write fields, name to (array, attributes), and the text, cut in two as in files with many fields."""
    sd = pytest.importorskip("pyhdf.SD", reason="pyhdf writes the HDF4 files: pip install 'carbondrivers[modis]'")
    types = {"int16": sd.SDC.INT16, "uint16": sd.SDC.UINT16, "uint8": sd.SDC.UINT8, "float32": sd.SDC.FLOAT32}
    text = text or whole(structure(list(fields), next(iter(fields.values()))[0].shape))
    file = sd.SD(str(path), sd.SDC.WRITE | sd.SDC.CREATE | sd.SDC.TRUNC)
    for i, part in enumerate((text[: len(text) // 2], text[len(text) // 2 :])):
        file.attr(f"StructMetadata.{i}").set(sd.SDC.CHAR, part)
    for name, (data, attrs) in fields.items():
        kind = types[str(data.dtype)]
        field = file.create(name, kind, data.shape)
        for key, value in attrs.items():
            number = kind if key in ("valid_range", "_FillValue") else sd.SDC.CHAR if isinstance(value, str) else sd.SDC.FLOAT64
            field.attr(key).set(number, value)
        field[:] = data
        field.endaccess()
    file.end()


def field(values, dtype="int16"):
    data = np.full((4, 6), values[-1], dtype=dtype)
    data.ravel()[: len(values)] = values
    return data


def test_values_place_and_attributes(tmp_path):
    write_hdf(
        tmp_path / "a.hdf", {"250m 16 days NDVI": (field([5000, -2000, 10000, -3000, 7]), MOD13 | {"long_name": "250m NDVI"})}
    )
    layer = read_raster(tmp_path, "a.hdf", name="ndvi")
    assert (layer.dims, layer.dtype, layer.attrs["units"], layer.encoding) == (("y", "x"), np.float32, "NDVI", {})
    assert layer.chunks is not None
    np.testing.assert_allclose(layer[0, :5], [0.5, -0.2, 1.0, np.nan, 0.0007], rtol=1e-6)
    np.testing.assert_allclose(layer["x"], 8 * TILE + TILE / 6 * (np.arange(6) + 0.5))
    np.testing.assert_allclose(layer["y"], 4 * TILE - TILE / 4 * (np.arange(4) + 0.5))
    assert layer.attrs["resolution"] == pytest.approx((TILE / 6, TILE / 4))


def test_a_tile_lies_where_the_sinusoidal_grid_says(tmp_path):
    from pyproj import Transformer

    write_hdf(tmp_path / "a.hdf", {"Npp": (field([1]), MOD17)})
    layer = read_raster(tmp_path, "a.hdf", name="npp_modis")
    to_degrees = Transformer.from_crs(layer.attrs["crs"], "+proj=longlat +R=6371007.181 +no_defs", always_xy=True)
    longitude, latitude = to_degrees.transform(8 * TILE, 4 * TILE)
    # The upper left corner of h26v05 is at 40 N, 80 / cos(40) E.
    assert latitude == pytest.approx(40.0, abs=1e-6)
    assert longitude == pytest.approx(80.0 / np.cos(np.radians(40.0)), abs=1e-5)


@pytest.mark.parametrize(
    ("attrs", "dtype", "stored", "values"),
    [
        (MOD13, "int16", [5000, -3000, -2500, 10001], [0.5, np.nan, np.nan, np.nan]),  # divided
        (MOD17, "int16", [5000, 32767, 32761, -30000], [0.5, np.nan, np.nan, -3.0]),  # 32761: barren
        (MOD11, "uint16", [14000, 0, 7499, 65535], [280.0, np.nan, np.nan, 1310.7]),
        (MOD15, "uint8", [35, 255, 250, 100], [3.5, np.nan, np.nan, 10.0]),  # 250: urban
        (MOD11 | {"add_offset": 50.0}, "uint16", [14050, 0, 7549, 7550], [280.0, np.nan, 149.98, 150.0]),  # (s - o) f
        ({"_FillValue": 255}, "uint8", [1, 17, 255], [1.0, 17.0, np.nan]),
    ],
)
def test_conventions_of_the_products(tmp_path, attrs, dtype, stored, values):
    write_hdf(tmp_path / "a.hdf", {"field": (field(stored, dtype), attrs)})
    layer = read_raster(tmp_path, "a.hdf", name="value")
    np.testing.assert_allclose(layer.to_numpy().ravel()[: len(stored)], values, rtol=1e-6)


def test_of_several_fields_and_grids_one_is_named(tmp_path):
    fine, coarse = field([1, 2]), np.full((2, 3), 7, dtype=np.int16)
    text = whole(structure(["fine"]), structure(["coarse", "flag"], (2, 3), group=2))
    write_hdf(tmp_path / "a.hdf", {"fine": (fine, {}), "coarse": (coarse, {}), "flag": (coarse, {})}, text)
    layer = read_raster(tmp_path, "a.hdf", name="coarse", variable="coarse")
    assert layer.shape == (2, 3) and float(layer.mean()) == 7.0
    refuses(tmp_path, "a.hdf", r"the file has 3 fields \(fine, coarse, flag\); name one as variable")
    refuses(tmp_path, "a.hdf", "there is no field 'corse'. Did you mean 'coarse'. The file has: fine", variable="corse")


def test_a_series_of_files(tmp_path):
    for year in (2001, 2002):
        write_hdf(tmp_path / f"npp_{year}.hdf", {"Npp": (field([year, 1]), MOD17)})
    stack = read_raster(tmp_path, "npp_{year}.hdf", name="npp_modis")
    assert stack["year"].to_numpy().tolist() == [2001, 2002]
    np.testing.assert_allclose(stack[:, 0, 0], [0.2001, 0.2002], rtol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(stack)), stack)
    np.testing.assert_array_equal(stack[1, ::-2, 1:3], stack.load()[1, ::-2, 1:3])


def test_a_climate_modeling_grid_is_in_packed_degrees(tmp_path):
    corners = (-180000000.0, 90000000.0), (180000000.0, -90000000.0)
    text = whole(structure(["NDVI"], corners=corners, projection="GCTP_GEO"))
    write_hdf(tmp_path / "a.hdf", {"NDVI": (field([5000]), MOD13)}, text)
    layer = read_raster(tmp_path, "a.hdf", name="ndvi")
    assert layer.attrs["crs"] == "EPSG:4326"
    assert (layer["x"].to_numpy()[0], layer["y"].to_numpy()[0]) == (-150.0, 67.5)


def test_packed_degrees_minutes_and_seconds_and_a_shifted_meridian():
    text = structure(["a"], projection="HE5_GCTP_SNSOID", parameters="(6371007.181,0,0,0,-105030036.00,0,0,0,0,0,0,0,0)")
    (grid,) = eos_grids(text, "a.hdf")
    assert "+lon_0=-105.51" in grid.crs and "+R=6371007.181" in grid.crs


def test_refusals(tmp_path):
    data = {"Npp": (field([1]), MOD17)}
    write_hdf(tmp_path / "swath.hdf", data, "GROUP=SwathStructure\nEND_GROUP=SwathStructure\n")
    refuses(tmp_path, "swath.hdf", "has no HDF-EOS grid")
    write_hdf(tmp_path / "utm.hdf", data, whole(structure(["Npp"], projection="GCTP_UTM")))
    refuses(tmp_path, "utm.hdf", "projection 'UTM' is not read here; convert the file to GeoTIFF first")
    write_hdf(tmp_path / "odd.hdf", data, whole(structure(["Npp"]).replace("XDim=6", "XDim=six")))
    refuses(tmp_path, "odd.hdf", "its StructMetadata cannot be understood")
    write_hdf(tmp_path / "shape.hdf", data, whole(structure(["Npp"], shape=(5, 6))))
    refuses(tmp_path, "shape.hdf", r"has the shape \(4, 6\), its grid \(5, 6\)")
    write_hdf(tmp_path / "cut.hdf", data)
    whole_file = (tmp_path / "cut.hdf").read_bytes()
    (tmp_path / "cut.hdf").write_bytes(whole_file[:100])
    refuses(tmp_path, "cut.hdf", "cannot be read, truncated or damaged|has no HDF-EOS grid")


def test_the_extra_is_named_where_it_lacks(tmp_path, monkeypatch):
    (tmp_path / "a.hdf").write_bytes(b"\x0e\x03\x13\x01" + bytes(600))
    monkeypatch.setitem(__import__("sys").modules, "pyhdf.SD", None)
    monkeypatch.setitem(__import__("sys").modules, "pyhdf.error", None)
    with pytest.raises(DataError, match=r"read with pyhdf; pip install 'carbondrivers\[modis\]'"):
        modis_hdf.open_modis(tmp_path / "a.hdf", None, "layer 'npp' (a.hdf)")
