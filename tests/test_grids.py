"""Cell areas, orientation and the comparison of grids."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from carbondrivers.datasets.grids import (
    EARTH_RADIUS_KM,
    cell_areas,
    grid_difference,
    is_geographic,
    orient,
    resolution,
)
from carbondrivers.errors import DataError, DataWarning


def grid(x, y, crs="EPSG:4326", **attrs):
    data = np.ones((len(y), len(x)))
    return xr.DataArray(data, coords={"y": y, "x": x}, dims=("y", "x"), attrs={"crs": crs, **attrs})


def test_areas_of_the_globe_add_up_to_the_sphere():
    areas = cell_areas(grid(np.arange(-179.5, 180), np.arange(89.5, -90, -1)))
    assert areas.attrs["units"] == "km2"
    assert float(areas.sum()) == pytest.approx(4 * np.pi * EARTH_RADIUS_KM**2, rel=1e-12)


def test_area_of_a_geographic_cell_is_the_spherical_zone():
    area = float(cell_areas(grid([100.25, 100.75], [40.25, 39.75]))[0, 0])
    exact = EARTH_RADIUS_KM**2 * np.radians(0.5) * (np.sin(np.radians(40.5)) - np.sin(np.radians(40.0)))
    assert area == pytest.approx(exact, rel=1e-12)


def test_area_agrees_with_the_ellipsoid_to_half_a_percent():
    from pyproj import Geod

    corners = ([100.0, 100.5, 100.5, 100.0], [40.0, 40.0, 40.5, 40.5])
    exact = abs(Geod(ellps="WGS84").polygon_area_perimeter(*corners)[0]) / 1e6
    assert float(cell_areas(grid([100.25, 100.75], [40.25, 39.75]))[0, 0]) == pytest.approx(exact, rel=5e-3)


def test_projected_areas_in_metres_and_feet():
    metres = cell_areas(grid([500015.0, 500045.0], [4400045.0, 4400015.0], "EPSG:32650"))
    assert metres.to_numpy() == pytest.approx(np.full((2, 2), 9e-4), rel=1e-12)
    feet = cell_areas(grid([980000.0, 981000.0], [201000.0, 200000.0], "EPSG:2263"))
    assert float(feet[0, 0]) == pytest.approx((1000 * 1200 / 3937) ** 2 / 1e6, rel=1e-9)


def test_a_projection_that_distorts_areas_is_named():
    with pytest.warns(DataWarning, match="1\\.7 times|equal-area"):
        cell_areas(grid([1.1e7, 1.1001e7], [4.866e6, 4.865e6], "EPSG:3857"))


def test_latitudes_that_are_metres_are_refused():
    with pytest.raises(DataError, match="geographic: the coordinates are projected"):
        cell_areas(grid([500015.0, 500045.0], [4400045.0, 4400015.0]))


def test_missing_and_unknown_crs():
    with pytest.raises(DataError, match="has no CRS"):
        is_geographic(grid([0.0], [0.0], ""))
    with pytest.raises(DataError, match="unknown CRS 'EPSG:1'"):
        is_geographic(grid([0.0], [0.0], "EPSG:1"))


def test_resolution_of_one_cell_needs_the_attribute():
    with pytest.raises(DataError, match="one cell"):
        resolution(grid([0.0], [0.0]))
    assert resolution(grid([0.0], [0.0], resolution=(0.5, 0.25))) == (0.5, 0.25)
    assert resolution(grid([0.0, 2.0], [0.0])) == (2.0, 2.0)


def test_orient_flips_and_wraps():
    given = grid([179.5, 180.5, 181.5, 182.5], [10.0, 11.0]).isel(x=slice(1, None))
    given = given.copy(data=np.arange(6.0).reshape(2, 3))
    turned = orient(given, "layer")
    assert turned["x"].to_numpy().tolist() == [-179.5, -178.5, -177.5]
    assert turned["y"].to_numpy().tolist() == [11.0, 10.0]
    assert turned.to_numpy().tolist() == [[3.0, 4.0, 5.0], [0.0, 1.0, 2.0]]


def test_orient_wraps_a_global_grid():
    turned = orient(grid(np.arange(0.5, 360), [0.5, -0.5]), "layer")
    assert turned["x"].to_numpy()[[0, -1]].tolist() == [-179.5, 179.5]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([0.0, 1.0, 3.0], "not a regular grid: steps along x run from 1 to 2"),
        ([0.0, np.nan, 2.0], "not finite"),
        ([178.5, 179.5, 180.5], "crosses the date line"),
    ],
)
def test_orient_refuses(x, message):
    with pytest.raises(DataError, match=message):
        orient(grid(x, [1.0, 0.0]), "layer 'ndvi'")


def test_differences_of_grids_are_named():
    first = grid([0.0, 1.0, 2.0], [1.0, 0.0])
    assert grid_difference(first, first) == ""
    assert grid_difference(first, grid([0.0, 1.0, 2.0 + 1e-7], [1.0, 0.0])) == ""
    assert grid_difference(first, grid([0.0, 1.0], [1.0, 0.0])) == "shape in (y, x) ((2, 3) and (2, 2))"
    assert "origin along x (0 and 0.5)" in grid_difference(first, grid([0.5, 1.5, 2.5], [1.0, 0.0]))
    assert "resolution along x (1 and 2)" in grid_difference(first, grid([0.0, 2.0, 4.0], [1.0, 0.0]))
    assert "resolution and origin along y" in grid_difference(first, grid([0.0, 1.0, 2.0], [2.0, 0.0]))
    assert "CRS (EPSG:4326 and EPSG:32650)" in grid_difference(first, grid([0.0, 1.0, 2.0], [1.0, 0.0], "EPSG:32650"))


def test_the_same_crs_in_other_words_is_the_same():
    from pyproj import CRS

    first = grid([0.0, 1.0], [1.0, 0.0], "EPSG:32650")
    assert grid_difference(first, grid([0.0, 1.0], [1.0, 0.0], CRS("EPSG:32650").to_wkt())) == ""
