"""Terrain: planes whose slope is known, axes of any direction, edges, blocks, degrees, classes, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.datasets.labels import flag_names
from carbondrivers.datasets.terrain import (
    aspect,
    aspect_class,
    bands,
    eastness,
    elevation_bands,
    northness,
    slope,
    slope_bands,
)
from carbondrivers.datasets.virtual.landscape import PIXEL, horn
from carbondrivers.errors import DataError, OptionError


def surface(height, nx=7, ny=6, dx=30.0, dy=20.0, crs="EPSG:32650", dtype=np.float64, **attrs):
    x, y = 5e5 + dx * np.arange(nx), 4e6 - dy * np.arange(ny)
    grid_x, grid_y = np.meshgrid(x - x[0], y - y[-1])
    z = np.asarray(height(grid_x, grid_y) + 0.0 * grid_x, dtype=dtype)
    return xr.DataArray(z, coords={"y": y, "x": x}, dims=("y", "x"), attrs={"crs": crs, "units": "m", **attrs})


def inner(da):
    return da.isel(x=slice(1, -1), y=slice(1, -1)).to_numpy()


@settings(max_examples=60, deadline=None)
@given(
    steep=st.floats(0.5, 85.0),
    towards=st.floats(0.0, 359.99),
    dx=st.floats(0.5, 2000.0),
    dy=st.floats(0.5, 2000.0),
    flips=st.tuples(st.booleans(), st.booleans()),
)
def test_a_plane_has_its_slope_and_aspect(steep, towards, dx, dy, flips):
    fall, azimuth = np.tan(np.radians(steep)), np.radians(towards)
    plane = surface(lambda x, y: -fall * (np.sin(azimuth) * x + np.cos(azimuth) * y), dx=dx, dy=dy)
    plane = plane.isel(x=slice(None, None, -1 if flips[0] else 1), y=slice(None, None, -1 if flips[1] else 1))
    np.testing.assert_allclose(inner(slope(plane)), steep, rtol=1e-7, atol=1e-7)
    off = (inner(aspect(plane)) - towards + 180.0) % 360.0 - 180.0
    np.testing.assert_allclose(off, 0.0, atol=1e-6)
    np.testing.assert_allclose(inner(northness(plane)), np.cos(azimuth), atol=1e-7)
    np.testing.assert_allclose(inner(eastness(plane)), np.sin(azimuth), atol=1e-7)


@pytest.mark.parametrize(("towards", "expected"), [((0, -1), 0.0), ((-1, 0), 90.0), ((0, 1), 180.0), ((1, 0), 270.0)])
def test_the_four_winds(towards, expected):
    falls = surface(lambda x, y: 0.3 * (towards[0] * x + towards[1] * y))
    np.testing.assert_array_equal(inner(aspect(falls)), expected)


def test_horn_weights_by_hand():
    z = np.array([[1.0, 2.0, 4.0], [7.0, 50.0, 3.0], [2.0, 8.0, 9.0]])
    da = surface(lambda x, y: 0.0, nx=3, ny=3, dx=10.0, dy=10.0).copy(data=z)
    east = ((4 + 2 * 3 + 9) - (1 + 2 * 7 + 2)) / 80
    north = ((1 + 2 * 2 + 4) - (2 + 2 * 8 + 9)) / 80
    assert float(slope(da)[1, 1]) == pytest.approx(np.degrees(np.arctan(np.hypot(east, north))), rel=1e-12)
    assert float(aspect(da)[1, 1]) == pytest.approx(np.degrees(np.arctan2(-east, -north)) % 360, rel=1e-12)


def test_it_is_the_slope_of_the_virtual_region():
    z = np.random.default_rng(3).normal(800.0, 200.0, (12, 15))
    expected_slope, expected_aspect = horn(z, PIXEL)
    da = surface(lambda x, y: 0.0, nx=15, ny=12, dx=PIXEL, dy=PIXEL).copy(data=z)
    np.testing.assert_allclose(inner(slope(da)), expected_slope, rtol=1e-12)
    np.testing.assert_allclose(inner(aspect(da)), expected_aspect, rtol=1e-12)


def test_edges_and_the_cells_beside_a_hole_are_missing():
    found = slope(surface(lambda x, y: 0.1 * x))
    assert np.isnan(found.to_numpy()[[0, -1]]).all() and np.isnan(found.to_numpy()[:, [0, -1]]).all()
    holed = surface(lambda x, y: 0.1 * x, nx=9, ny=9)
    holed[4, 4] = np.nan
    gaps = np.isnan(inner(slope(holed)))
    assert gaps.sum() == 9 and gaps[2:5, 2:5].all()
    assert np.isnan(inner(northness(holed)))[2:5, 2:5].all()


def test_flat_land():
    flat = surface(lambda x, y: 812.0)
    assert (inner(slope(flat)) == 0.0).all() and np.isnan(inner(aspect(flat))).all()
    assert (inner(northness(flat)) == 0.0).all() and (inner(eastness(flat)) == 0.0).all()
    assert (inner(aspect_class(flat)) == 0.0).all() and flag_names(aspect_class(flat))[0] == "flat"


@pytest.mark.parametrize("chunks", [{"x": 4, "y": 5}, {"x": 3, "y": 1}, {"x": -1, "y": 3}])
@pytest.mark.parametrize("crs", ["EPSG:32650", "EPSG:4326"])
def test_blocks_do_not_show(chunks, crs):
    z = surface(lambda x, y: 0.0, nx=11, ny=13, crs=crs)
    z = z.copy(data=np.random.default_rng(0).normal(0, 90, z.shape).astype(np.float32))
    if crs == "EPSG:4326":
        z = z.assign_coords(x=110 + np.arange(11) / 1200, y=45 - np.arange(13) / 1200)
    z[5, 5] = np.nan
    for function in (slope, aspect, northness, eastness, aspect_class):
        eager, lazy = function(z, project=True), function(z.chunk(chunks), project=True)
        assert lazy.chunks is not None and lazy.dtype == np.float32
        xr.testing.assert_identical(lazy.compute(), eager)


def test_whole_metres_and_dimension_order():
    plane = surface(lambda x, y: np.round(x), dtype=np.int16)
    assert slope(plane).dtype == np.float32
    np.testing.assert_allclose(inner(slope(plane)), 45.0, rtol=1e-6)
    turned = slope(plane.transpose("x", "y"))
    xr.testing.assert_identical(turned, slope(plane))


def test_feet_are_made_metres():
    feet = surface(lambda x, y: x * 1200 / 3937, crs="EPSG:2263")
    np.testing.assert_allclose(inner(slope(feet)), 45.0, rtol=1e-9)


def hills():
    """Hills that are known everywhere, sampled at longitudes and latitudes; their gradient by steps of 1 m on the ellipsoid."""
    from pyproj import Geod, Transformer

    step, wave = 1 / 1200, 3000.0
    longitude, latitude = 118.5 + step * np.arange(90), 44 - step * np.arange(80)
    to_utm, geod = Transformer.from_crs("EPSG:4326", "EPSG:32650", always_xy=True), Geod(ellps="WGS84")

    def height(lon, lat):
        x, y = to_utm.transform(lon, lat)
        return wave / 12 * np.sin(2 * np.pi * x / wave) * np.cos(2 * np.pi * y / (1.3 * wave))

    grids = np.meshgrid(longitude, latitude)

    def rise(azimuth):
        ends = [geod.fwd(*grids, np.full_like(grids[0], azimuth + turn), np.ones_like(grids[0]))[:2] for turn in (0, 180)]
        return (height(*ends[0]) - height(*ends[1])) / 2.0

    east, north = rise(90.0), rise(0.0)
    true = np.degrees(np.arctan(np.hypot(east, north)))
    direction = np.degrees(np.arctan2(-east, -north)) % 360
    coords = {"y": latitude, "x": longitude}
    da = xr.DataArray(height(*grids), coords=coords, dims=("y", "x"), attrs={"crs": "EPSG:4326", "units": "m"})
    return da, true[1:-1, 1:-1], direction[1:-1, 1:-1]


def test_degrees_are_projected_when_asked():
    da, true, direction = hills()
    found, turned = inner(slope(da, project=True)), inner(aspect(da, project=True))
    # Horn's window of 2 cells in a wave of 32 to 46 flattens it by about 1 %.
    assert np.abs(found - true).max() < 0.25
    off = np.abs((turned - direction + 180) % 360 - 180)[true > 5]
    assert off.max() < 0.05


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda da: da.assign_coords(x=np.linspace(100, 101, 7), y=np.linspace(41, 40, 6)).assign_attrs(crs="EPSG:4326"),
         r"the grid is in degrees \(EPSG:4326\): give project = true, or warp it"),
        (lambda da: da.expand_dims(year=[2000]), "dimensions y and x alone, got year, y, x"),
        (lambda da: da.isel(x=slice(2)), "3 x 3 cells, got 6 x 2"),
        (lambda da: da.assign_attrs(units="km"), "elevation must be in m, got 'km'"),
        (lambda da: da.assign_attrs(crs=""), "has no CRS"),
    ],
)  # fmt: skip
def test_what_has_no_slope_is_refused(spoil, message):
    with pytest.raises(DataError, match=message):
        slope(spoil(surface(lambda x, y: 0.1 * x)))


def test_the_pole_is_refused():
    polar = surface(lambda x, y: 0.1 * x, crs="EPSG:4326").assign_coords(x=np.arange(7.0), y=89.9 - 0.1 * np.arange(6))
    with pytest.raises(DataError, match="near the poles"):
        slope(polar, project=True)


@pytest.mark.parametrize(
    ("scheme", "towards", "name"),
    [
        ("two", 89.0, "north-facing"), ("two", 271.0, "north-facing"), ("two", 91.0, "south-facing"),
        ("four", 316.0, "north"), ("four", 44.0, "north"), ("four", 46.0, "east"), ("four", 225.5, "west"),
        ("eight", 22.0, "north"), ("eight", 23.0, "northeast"), ("eight", 180.0, "south"), ("eight", 337.0, "northwest"),
    ],
)  # fmt: skip
def test_classes_of_aspect(scheme, towards, name):
    azimuth = np.radians(towards)
    plane = surface(lambda x, y: -0.2 * (np.sin(azimuth) * x + np.cos(azimuth) * y))
    found = aspect_class(plane, scheme=scheme)
    assert {flag_names(found)[int(v)] for v in inner(found).ravel()} == {name}
    assert found.attrs["kind"] == "categorical" and np.isnan(found[0, 0])


def test_bands_hold_their_lower_edge():
    heights = xr.DataArray(np.array([-5.0, 0.0, 499.9, 500.0, 1000.0, np.nan]), dims="x")
    found = elevation_bands(heights, edges=[0, 500, 1000])
    np.testing.assert_array_equal(found, [1, 2, 2, 3, 4, np.nan])
    assert list(flag_names(found).values()) == ["below_0", "0_to_500", "500_to_1000", "from_1000"]
    np.testing.assert_array_equal(slope_bands(heights[:5].astype(np.int16), edges=[5]), [1, 1, 2, 2, 2])
    xr.testing.assert_identical(bands(heights.chunk({"x": 2}), [0, 500, 1000]).compute(), found)


@pytest.mark.parametrize("edges", [[], [3, 1], [1, 1], [1, np.inf], [[1, 2]]])
def test_edges_must_ascend(edges):
    with pytest.raises(OptionError, match="edges must be ascending numbers"):
        bands(xr.DataArray([1.0], dims="x"), edges)


def test_unknown_scheme_of_aspect():
    with pytest.raises(OptionError, match="scheme must be one of 'two', 'four', 'eight', got 'six'"):
        aspect_class(surface(lambda x, y: x), scheme="six")


def test_the_input_is_left_alone_and_the_output_says_what_it_is():
    plane = surface(lambda x, y: 0.1 * x, resolution=(30.0, 20.0), history="carbondrivers 0: read")
    plane.data.flags.writeable = False
    before = plane.copy(deep=True)
    found = slope(plane)
    xr.testing.assert_identical(plane, before)
    assert found.name == "slope" and found.attrs["units"] == "degree" and found.attrs["resolution"] == (30.0, 20.0)
    assert found.attrs["history"].splitlines()[0] == "carbondrivers 0: read"
    assert found.attrs["history"].endswith("slope(project=False)")
