"""Values at the door: fill values, scale factors, units and classes that were missed are found and named."""

from __future__ import annotations

import numpy as np
import pytest

from carbondrivers.datasets.rasters import read_raster
from carbondrivers.errors import DataWarning, OptionError

from .raster_makers import VALUES, refuses, write_tiff


def test_nodata_and_scale_of_the_file_are_applied(tmp_path):
    data = np.array([[5000, -3000, 10000]], dtype=np.int16)
    write_tiff(tmp_path / "a.tif", data, scale=0.0001, nodata=-3000)
    np.testing.assert_allclose(read_raster(tmp_path, "a.tif", name="ndvi"), [[0.5, np.nan, 1.0]], rtol=1e-6)


@pytest.mark.parametrize("scale", [None, 0.0001])
def test_declared_nodata_is_the_stored_value(tmp_path, scale):
    data = np.array([[5000, -3000, 10000]], dtype=np.int16)
    write_tiff(tmp_path / "a.tif", data, scale=scale)
    layer = read_raster(tmp_path, "a.tif", name="index", nodata=-3000)
    assert np.isnan(layer.to_numpy()).tolist() == [[False, True, False]]


def test_values_that_no_measurement_can_be(tmp_path):
    cases = {
        "nodata": (
            [[0.1, 0.2], [-9999.0, 0.3]],
            r"1 cells hold -9999, far from all others \(0.1 to 0.3\).*declare nodata = -9999",
        ),
        "fill": ([[0.1, 9.96921e36]], r"1 cells hold 9.96921e\+36"),
        "lowest": ([[0.1, float(np.finfo(np.float32).min)]], "1 cells hold -3.40282e"),
        "infinite": ([[0.1, np.inf]], "1 cells are infinite"),
        "empty": ([[np.nan, np.nan]], "no cell has a value"),
        "scaled": ([[1000.0, 5000.0]], r"values run from 1000 to 5000, plausible for ndvi is -1 to 1: .*perhaps 0.0001"),
    }
    for name, (data, message) in cases.items():
        write_tiff(tmp_path / f"{name}.tif", np.array(data, dtype=np.float32))
        refuses(tmp_path, f"{name}.tif", message)
    cleaned = read_raster(tmp_path, "nodata.tif", name="ndvi", nodata=-9999)
    assert int(np.isnan(cleaned).sum()) == 1


def test_range_follows_name_and_unit(tmp_path):
    write_tiff(tmp_path / "t.tif", VALUES + 280)
    refuses(tmp_path, "t.tif", "looks like kelvin; subtract 273.15", name="temperature")
    assert read_raster(tmp_path, "t.tif", name="temperature", unit="K").attrs["units"] == "K"
    assert read_raster(tmp_path, "t.tif", name="anything").attrs["units"] == ""


def test_a_value_that_looks_like_a_code_but_is_none(tmp_path):
    write_tiff(tmp_path / "a.tif", np.array([[9000.0, 9999.0, 10100.0]]))
    assert float(read_raster(tmp_path, "a.tif", name="distance").max()) == 10100.0


def test_classes_must_be_whole_numbers(tmp_path):
    write_tiff(tmp_path / "a.tif", np.array([[1.0, 2.5]]))
    refuses(tmp_path, "a.tif", "1 cells hold fractions where classes are expected", name="land_cover", kind="categorical")
    with pytest.raises(OptionError, match="kind of layer 'a' must be one of"):
        read_raster(tmp_path, "a.tif", name="a", kind="nominal")


@pytest.mark.parametrize("unit", [None, "mm", "mm/month", "millimeters"])
def test_the_spelling_of_a_unit_does_not_switch_the_range_off(tmp_path, unit):
    write_tiff(tmp_path / "p.tif", VALUES * -500)
    refuses(
        tmp_path,
        "p.tif",
        "from -300 to -50, plausible for precipitation_monthly is 0 to",
        name="precipitation_monthly",
        unit=unit,
    )


def test_years_and_months_without_a_value_are_named(tmp_path):
    bands = np.stack([VALUES + i / 100 for i in range(12)])
    bands[2:4] = np.nan
    write_tiff(tmp_path / "a.tif", bands)
    with pytest.warns(DataWarning, match=r"layer 'ndvi' \(a.tif\) has no value in 2003, 2004: look at the file"):
        read_raster(tmp_path, "a.tif", name="ndvi", years=(2001, 2012))
    write_tiff(tmp_path / "m_2001.tif", bands)
    with pytest.warns(DataWarning, match=r"has no value in 2001-03, 2001-04"):
        read_raster(tmp_path, "m_{year}.tif", name="ndvi", years=(2001, 2001))
    bands[:] = np.nan
    bands[11, 0, 0] = 0.5
    write_tiff(tmp_path / "a.tif", bands)
    with pytest.warns(DataWarning, match="2006 and 5 more: look"):
        read_raster(tmp_path, "a.tif", name="ndvi", years=(2001, 2012))


@pytest.mark.parametrize(
    ("codes", "fill"),
    [([1, 2, 17, 255], 255), ([0, 1, 255], 255), ([1, 2, -128], -128), ([1, 9, 65535], 65535), ([1, 9, -9999], -9999)],
)
def test_an_undeclared_fill_is_no_class(tmp_path, codes, fill):
    write_tiff(tmp_path / "a.tif", np.array([codes], dtype=np.uint8 if fill == 255 else np.int32))
    message = f"1 cells hold {fill}, far from all others .*declare nodata = {fill}"
    refuses(tmp_path, "a.tif", message, name="cover", kind="categorical")
    cleaned = read_raster(tmp_path, "a.tif", name="cover", kind="categorical", nodata=fill)
    assert int(np.isnan(cleaned).sum()) == 1


@pytest.mark.parametrize("codes", [[0, 255], [1, 120, 250, 255]])
def test_a_class_255_beside_its_like_is_kept(tmp_path, codes):
    write_tiff(tmp_path / "a.tif", np.array([codes], dtype=np.uint8))
    assert float(read_raster(tmp_path, "a.tif", name="cover", kind="categorical").max()) == 255
    write_tiff(tmp_path / "b.tif", np.array([[1, 9, 255]], dtype=np.uint8))
    assert float(read_raster(tmp_path, "b.tif", name="height").max()) == 255


def test_a_fill_is_declared_by_the_number_that_is_there(tmp_path):
    write_tiff(tmp_path / "a.tif", np.array([[0.1, np.finfo(np.float32).min]], dtype=np.float32))
    refuses(tmp_path, "a.tif", r"declare nodata = -3\.4028234663852886e\+38")
