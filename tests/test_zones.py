"""Zones: encodings, files, mended polygons; exact shares, latitude, blocks; messages."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carbondrivers.datasets.rasters import read_raster
from carbondrivers.datasets.region_grid import region_grid
from carbondrivers.datasets.virtual import virtual_region
from carbondrivers.datasets.zonal import zonal_table
from carbondrivers.datasets.zonal_classes import zonal_classes
from carbondrivers.datasets.zones import as_zones, read_zones
from carbondrivers.errors import DataError, DataWarning, OptionError

UTM, DEGREES = "EPSG:32650", "EPSG:4326"
R2 = 6371.0088**2


def boxes(crs=UTM, **named):
    return gpd.GeoDataFrame({"name": list(named)}, geometry=[shapely.box(*b) for b in named.values()], crs=crs)


def grid(values, *, crs=UTM, x0=0.0, y0=None, step=1000.0, **attrs):
    """Cells of `step`, the south-west corner of the grid at (x0, y0)."""
    values = np.asarray(values, dtype=np.float64)
    rows, columns = values.shape[-2:]
    y0 = 0.0 if y0 is None else y0
    coords = {"y": y0 + step * (np.arange(rows)[::-1] + 0.5), "x": x0 + step * (np.arange(columns) + 0.5)}
    if values.ndim == 3:
        coords = {"year": np.arange(2001, 2001 + len(values)), **coords}
    return xr.DataArray(values, coords=coords, dims=tuple(coords), attrs={"crs": crs, **attrs}).transpose(..., "y", "x")


def write_shapefile(folder: Path, frame: gpd.GeoDataFrame, encoding: str, *, says: str | None = None) -> Path:
    path = folder / "regions.shp"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyogrio tells of names that dBASE cuts
        frame.to_file(path, encoding=encoding)
    page = path.with_suffix(".cpg")
    page.unlink() if says is None else page.write_text(says)
    return path


NAMES = ["甘肃省", "新疆维吾尔自治区"]


@pytest.fixture
def provinces():
    return gpd.GeoDataFrame(
        {"省份": NAMES, "很长的字段名称": [1, 2]},
        geometry=[shapely.box(100, 35, 101, 36), shapely.box(101, 35, 102, 36)],
        crs=DEGREES,
    )


@pytest.mark.parametrize(
    ("encoding", "says", "declared", "note"),
    [
        ("gb18030", None, None, "regions.shp was read with encoding gb18030: if names look wrong, declare the encoding"),
        ("utf-8", None, None, "regions.shp was read with encoding utf-8"),
        ("gb18030", "GBK", None, "regions.shp was read with encoding gb18030"),
        ("gb18030", "ANSI 936", None, "regions.shp was read with encoding gb18030"),
        (
            "gb18030",
            "UTF-8",
            None,
            "regions.shp was read with encoding gb18030, though the file says utf-8: if names look wrong",
        ),
        ("gb18030", None, "gbk", ""),
        ("utf-8", "nonsense", None, "regions.shp was read with encoding utf-8"),
        ("big5", None, "big5", ""),
    ],
)
def test_encodings_of_shapefiles(tmp_path, encoding, says, declared, note, provinces):
    if encoding == "big5":
        provinces = provinces.assign(省份=["甘肅省", "新疆"]).rename(columns={"很长的字段名称": "long_name_x"})
    path = write_shapefile(tmp_path, provinces, encoding, says=says)
    zones = read_zones(path, name="省份", encoding=declared)
    assert zones.names == (("甘肅省", "新疆") if encoding == "big5" else tuple(NAMES))
    told = [text for text in zones.notes if "encoding" in text]
    assert told[0].startswith(note) if note else not told
    assert any("names of columns may be cut, dBASE holds 10 bytes" in text for text in zones.notes)


def test_the_code_page_of_the_table_is_heeded(tmp_path, provinces):
    provinces = provinces.assign(省份=["甘肅省", "新疆"]).drop(columns="很长的字段名称")
    path = write_shapefile(tmp_path, provinces, "big5")
    table = bytearray(path.with_suffix(".dbf").read_bytes())
    table[29] = 0x4F
    path.with_suffix(".dbf").write_bytes(table)
    assert read_zones(path, name="省份").names == ("甘肅省", "新疆")


def test_a_name_cut_within_a_character_is_read(tmp_path, provinces):
    path = write_shapefile(tmp_path, provinces.rename(columns={"省份": "省份的名称"}), "utf-8")
    assert read_zones(path, name="省份的").names == tuple(NAMES)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp"])
def test_kinds_of_files_agree(tmp_path, provinces, suffix):
    path = tmp_path / f"regions{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        provinces.to_file(path)
    zones = read_zones(path)
    assert zones.names == tuple(NAMES) and zones.crs == DEGREES and zones.source == path.name
    assert shapely.area(zones.polygons).tolist() == [1.0, 1.0]


def test_a_gbk_shapefile_a_utm_and_a_wgs84_file_agree(tmp_path):
    """The same regions in three files give the same table of one grid."""
    region = virtual_region("demo")
    regions = region.regions.assign(name=[f"{name} 区" for name in region.regions["name"]])
    metres = write_shapefile(tmp_path, regions, "gb18030")
    degrees = tmp_path / "regions.gpkg"
    # Edges of a UTM polygon are bent in degrees: a careful export has vertices on the way.
    dense = regions.set_geometry(regions.geometry.segmentize(500.0))
    dense.to_crs(DEGREES).to_file(degrees)
    nep = region.annual["nep"].assign_attrs(crs=region.crs)
    tables = [zonal_table(nep, zones).frame for zones in (read_zones(metres), read_zones(degrees), as_zones(regions))]
    for table in tables[:2]:
        assert table["zone"].tolist() == tables[2]["zone"].tolist()
        numbers = table.select_dtypes("number").columns
        # Vertices every 500 m leave bends of a millimetre; coordinates have 1e-9 degrees.
        np.testing.assert_allclose(table[numbers], tables[2][numbers], rtol=1e-6)


def test_a_region_agrees_on_a_utm_and_a_geographic_grid():
    """One smooth field on two grids: means within the error of cells of a kilometre."""
    from pyproj import Transformer

    def field(longitude, latitude):
        return 100 + 20 * np.sin(longitude) + 10 * latitude

    to_degrees = Transformer.from_crs(UTM, DEGREES, always_xy=True)
    utm = grid(np.zeros((200, 200)), x0=400_000.0, y0=4_300_000.0)
    x, y = np.meshgrid(utm["x"], utm["y"])
    utm = utm.copy(data=field(*to_degrees.transform(x, y)))
    wgs = grid(np.zeros((250, 300)), crs=DEGREES, x0=115.5, y0=38.5, step=0.01)
    wgs = wgs.copy(data=field(*np.meshgrid(wgs["x"], wgs["y"])))
    zones = as_zones(boxes(a=(430_000, 4_320_000, 560_000, 4_460_000), b=(500_000, 4_350_000, 503_000, 4_352_000)))
    found = [zonal_table(one, zones).frame for one in (utm, wgs)]
    np.testing.assert_allclose(found[0]["mean"], found[1]["mean"], rtol=1e-4)
    assert found[0]["sd"][0] == pytest.approx(found[1]["sd"][0], rel=1e-4)
    # UTM scales areas by 0.9992 at its middle, and the sphere is up to 0.5 % off the ellipsoid.
    np.testing.assert_allclose(found[0]["area_km2"], found[1]["area_km2"], rtol=0.006)
    np.testing.assert_allclose([f["coverage"] for f in found], 1.0, rtol=1e-4)


def test_shares_of_cells_are_exact():
    values = grid([[1.0, 2.0, 3.0], [4.0, 5.0, np.nan]])
    zones = as_zones(boxes(a=(250, 500, 2000, 2000), b=(2500, 0, 3000, 2000)))
    frame = zonal_table(values, zones, statistics=["mean", "sd", "min", "max"]).frame.set_index("zone")
    weight = np.array([0.75, 1.0, 0.375, 0.5])
    held = np.array([1.0, 2.0, 4.0, 5.0])
    mean = (weight @ held) / weight.sum()
    assert frame.loc["a", "mean"] == pytest.approx(mean, rel=1e-6)
    assert frame.loc["a", "sd"] == pytest.approx(np.sqrt(weight @ (held - mean) ** 2 / weight.sum()), rel=1e-6)
    assert frame.loc["a", ["min", "max", "cells", "area_km2", "coverage"]].tolist() == pytest.approx([1, 5, 2.625, 2.625, 1])
    assert frame.loc["b", ["mean", "cells", "coverage"]].tolist() == pytest.approx([3.0, 0.5, 0.5])


def test_latitude_weighs_cells_of_a_geographic_grid():
    tall = grid(np.array([[10.0], [0.0]]), crs=DEGREES, x0=100.0, step=30.0)
    zones = as_zones(boxes(DEGREES, a=(100, 0, 130, 60)))
    by_area = zonal_table(tall, zones).frame.iloc[0]
    by_cells = zonal_table(tall, zones, weighting="cells").frame.iloc[0]
    north, south = np.sin(np.pi / 3) - 0.5, 0.5
    assert by_area["mean"] == pytest.approx(10 * north / (north + south), rel=1e-6)
    assert by_cells["mean"] == pytest.approx(5.0, rel=1e-6)
    assert by_area["area_km2"] == pytest.approx(R2 * np.pi / 6 * np.sin(np.pi / 3), rel=1e-6)
    assert by_area["coverage"] == pytest.approx(1.0, rel=1e-6)


def test_shares_of_real_leaf_area_are_those_computed_by_hand(shared_data):
    """Land above LAI 1: cos(latitude) over cells of half a degree, to the last digit but the sphere's curvature."""
    file = "china_modis_lai_0p5deg_2001-2020.nc"
    lai = read_raster(shared_data, file, name="lai", mask_below=0.05).mean("year", keep_attrs=True)
    dense = (lai > 1).where(lai.notnull()).assign_attrs(lai.attrs | {"kind": "categorical"}).rename("dense")
    zones = as_zones(boxes(DEGREES, whole=(70, 15, 140, 55), part=(75, 30, 100, 45)))
    with xr.open_dataset(shared_data / file) as data:
        mean = data["lai"].mean("time").load()
    mean = mean.where(mean >= 0.05)
    for weighting, weight in (("area", np.cos(np.deg2rad(mean["lat"]))), ("cells", xr.ones_like(mean["lat"]))):
        made = zonal_classes(dense, zones, legend={0: "sparse", 1: "dense"}, weighting=weighting).frame
        for zone, part in (("whole", mean), ("part", mean.sel(lat=slice(45, 30), lon=slice(75, 100)))):
            wanted = float(((part > 1) * weight).sum() / ((part > -1) * weight).sum())
            found = made[(made["zone"] == zone) & (made["class"] == "dense")]["share"].item()
            assert found == pytest.approx(wanted, rel=1e-6)
    assert set(made["share_of"]) == {"cells of the zone with a class, each by its covered share"}


def test_stacks_have_a_row_a_year_and_totals_of_carbon():
    stack = grid(np.stack([np.full((4, 4), 100.0), np.full((4, 4), 200.0)]), units="g C m-2 a-1").rename("nep")
    made = zonal_table(stack, as_zones(boxes(a=(0, 0, 2000, 2000))), statistics=["mean", "total"])
    assert made.frame[["year", "mean", "total"]].to_numpy().ravel().tolist() == pytest.approx(
        [2001, 100, 4e-4, 2002, 200, 8e-4]
    )
    assert not made.notes
    rain = zonal_table(stack.assign_attrs(units="mm a-1"), as_zones(boxes(a=(0, 0, 2000, 2000))), statistics=["total"])
    assert rain.frame["total"].isna().all() and rain.notes == ("No total of nep (mm a-1): only g C m-2 a-1 adds up to carbon.",)


def test_several_grids_and_any_blocks_give_one_table():
    rng = np.random.default_rng(1)
    nep, dem = grid(rng.normal(size=(3, 40, 50))), grid(rng.normal(1000, 300, size=(40, 50)))
    nep = nep.where(rng.uniform(size=nep.shape) > 0.2)
    zones = as_zones(
        gpd.GeoDataFrame(
            {"name": ["disc", "rest"]}, geometry=[shapely.Point(2e4, 2e4).buffer(1.3e4), shapely.box(0, 0, 5e4, 4e4)], crs=UTM
        )
    )
    whole = zonal_table({"nep": nep, "dem": dem}, zones).frame
    parts = zonal_table({"nep": nep.chunk(y=7, x=11), "dem": dem.chunk(y=7, x=11)}, zones).frame
    assert whole["variable"].tolist() == ["nep"] * 6 + ["dem"] * 2
    numbers = whole.select_dtypes("number").columns
    np.testing.assert_allclose(whole[numbers], parts[numbers], rtol=1e-12)
    everything = whole[(whole["zone"] == "rest") & (whole["variable"] == "dem")]
    assert everything["mean"].item() == pytest.approx(float(dem.mean()), rel=1e-12)
    assert everything["sd"].item() == pytest.approx(float(dem.std()), rel=1e-12)


def test_other_orientation_gives_the_same():
    values = grid(np.arange(12.0).reshape(3, 4))
    zones = as_zones(boxes(a=(300, 400, 2600, 2200)))
    turned = values.isel(y=slice(None, None, -1)).transpose("x", "y")
    np.testing.assert_allclose(
        zonal_table(turned, zones).frame.select_dtypes("number"), zonal_table(values, zones).frame.select_dtypes("number")
    )


@settings(max_examples=30, deadline=None)
@given(
    corners=st.tuples(*[st.floats(-2000, 9000, width=32)] * 4),
    seed=st.integers(0, 100),
    crs=st.sampled_from([UTM, DEGREES]),
)
@example(corners=(5980.0, 0.0, 5980.0, 0.0), seed=1, crs=UTM)
@example(corners=(0.0, 5303.0, 0.0, 5301.0), seed=0, crs=DEGREES)
def test_shares_of_classes_add_to_one_and_means_stay_within_the_values(corners, seed, crs):
    rng = np.random.default_rng(seed)
    step = 1000.0 if crs == UTM else 1.0
    left, low, right, high = np.array(corners) * step / 1000
    box = (min(left, right), min(low, high), max(left, right) + 1.5 * step, max(low, high) + 1.5 * step)
    codes = grid(rng.integers(1, 4, size=(7, 7)), crs=crs, step=step)
    if not (box[0] < 7 * step - 1e-6 and box[1] < 7 * step - 1e-6 and box[2] > 1e-6 and box[3] > 1e-6):
        return
    zones = as_zones(boxes(crs, a=box))
    made = zonal_classes(codes, zones).frame
    assert made["share"].sum() == pytest.approx(1.0, rel=1e-12)
    table = zonal_table(codes, zones).frame.iloc[0]
    assert table["min"] - 1e-12 <= table["mean"] <= table["max"] + 1e-12
    assert table["mean"] == pytest.approx((made["code"] * made["share"]).sum(), rel=1e-9)
    assert 0 < table["coverage"] <= 1 + 1e-12


def test_classes_are_named_and_their_denominator_said():
    codes = grid([[1.0, 1.0, 2.0], [np.nan, 3.0, 3.0]])
    made = zonal_classes(codes, as_zones(boxes(a=(0, 0, 3000, 2000))), legend={1: "forest", 2: "grass", 3: "bare"}).frame
    assert made["class"].tolist() == ["forest", "grass", "bare"] and made["share"].tolist() == pytest.approx([0.4, 0.2, 0.4])
    assert set(made["share_of"]) == {"area of the zone with a class"}
    plain = zonal_classes(codes, as_zones(boxes(a=(0, 0, 3000, 2000)))).frame
    assert plain["class"].tolist() == ["1", "2", "3"]


def test_classes_by_year():
    codes = grid(np.stack([np.ones((2, 2)), np.array([[1.0, 2.0], [2.0, 2.0]])]))
    made = zonal_classes(codes, as_zones(boxes(a=(0, 0, 2000, 2000)))).frame
    assert made[["year", "code", "share"]].to_numpy().tolist() == [[2001, 1, 1.0], [2002, 1, 0.25], [2002, 2, 0.75]]


def test_codes_outside_the_legend_are_refused_with_their_counts():
    codes = grid([[1.0, 1.0, 200.0], [250.0, 250.0, 3.0]]).rename("cover")
    with pytest.raises(DataError) as caught:
        zonal_classes(codes, as_zones(boxes(a=(0, 0, 3000, 2000))), legend={1: "forest", 3: "bare"})
    assert str(caught.value) == (
        "layer 'cover' holds 2 codes outside its legend: 200 (1 cells), 250 (2 cells); the legend has 1, 3: "
        "declare another legend, or declare the code as nodata"
    )


def test_measurements_are_no_classes_and_classes_have_no_mean():
    zones = as_zones(boxes(a=(0, 0, 3000, 2000)))
    with pytest.raises(DataError, match=r"layer 'value' holds no classes but 1 values such as 0.5: take zonal_table"):
        zonal_classes(grid(np.full((2, 3), 0.5)), zones)
    with pytest.raises(DataError, match=r"layer 'value' holds classes, which have no mean: take zonal_classes"):
        zonal_table(grid(np.ones((2, 3)), kind="categorical"), zones)


def test_regions_of_the_grid_are_those_that_cover_most_of_a_cell():
    plain = grid(np.zeros((2, 4)))
    zones = as_zones(boxes(**{"West side": (0, 0, 1400, 2000), "East": (1400, 0, 3450, 2000)}))
    made = region_grid(zones, plain)
    assert made.to_numpy()[0].tolist()[:3] == [1.0, 2.0, 2.0] and np.isnan(made.to_numpy()[:, 3]).all()
    assert made.attrs["flag_meanings"] == "West_side East" and made.attrs["kind"] == "categorical"
    even = region_grid(as_zones(boxes(a=(0, 0, 1500, 2000), b=(1500, 0, 4000, 2000))), plain)
    assert even.to_numpy()[0].tolist() == [1.0, 1.0, 2.0, 2.0]


def test_region_grid_of_the_virtual_region_has_every_region():
    region = virtual_region("demo")
    nep = region.annual["nep"].assign_attrs(crs=region.crs)
    zones = as_zones(region.regions)
    made = region_grid(zones, nep)
    # Its regions run along the edges of pixels: each pixel is wholly in one.
    counts = [int((made == i + 1).sum()) for i in range(len(zones.names))]
    wanted = shapely.area(zones.polygons) / (float(nep["x"][1] - nep["x"][0])) ** 2
    assert counts == pytest.approx(wanted.tolist(), rel=1e-9)


def test_a_zone_smaller_than_a_cell_has_no_cell_of_its_own():
    zones = as_zones(boxes(big=(0, 0, 4000, 2000), dot=(100, 100, 200, 200)))
    with pytest.warns(DataWarning, match=r"the zones: 1 zones have no cell of their own \(dot\)"):
        region_grid(zones, grid(np.zeros((2, 4))))


def test_zones_outside_the_grid_are_named():
    values = grid(np.ones((2, 3)))
    zones = as_zones(boxes(a=(0, 0, 1000, 1000), far=(9e5, 9e5, 9.1e5, 9.1e5), edge=(2500, 0, 4500, 1000)), source="r.gpkg")
    with pytest.warns(
        DataWarning, match=r"r.gpkg: 1 of 3 zones \(far\) lie outside the grid \(x 900000 to 910000.*check its CRS"
    ):
        made = zonal_table(values, zones)
    frame = made.frame.set_index("zone")
    assert frame.loc["far", ["mean", "min", "sd"]].isna().all() and frame.loc["far", ["cells", "coverage"]].tolist() == [0, 0]
    assert frame.loc["edge", "coverage"] == pytest.approx(0.25, rel=1e-6)
    assert made.notes == ("Zones that reach outside the grid, by the share of their area: edge (75.0%).",)
    with pytest.raises(DataError, match=r"2 of 2 zones .* lie outside the grid"):
        zonal_table(values, as_zones(boxes(far=(9e5, 9e5, 9.1e5, 9.1e5), off=(8e5, 8e5, 8.1e5, 8.1e5))))


def test_exchanged_axes_are_named():
    values = grid(np.ones((10, 10)), crs=DEGREES, x0=80.0, y0=35.0, step=1.0)
    with pytest.raises(DataError, match=r"lie outside the grid .* x and y of the zones are exchanged"):
        zonal_table(values, as_zones(boxes(DEGREES, a=(36, 81, 40, 85))))
    with pytest.raises(DataError, match=r"the zones: coordinates reach x = 40, y = 105, .*: x and y are exchanged"):
        as_zones(boxes(DEGREES, a=(36, 101, 40, 105)))
    with pytest.raises(DataError, match="no place in EPSG:4326: declare the CRS that they are in"):
        as_zones(boxes(DEGREES, a=(500_000, 4_400_000, 501_000, 4_401_000)))


def test_polygons_are_mended_counted_and_merged_by_name():
    bow_tie = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    shapes = [bow_tie, shapely.box(5, 5, 6, 6), None, shapely.Polygon(), shapely.box(8, 8, 9, 9)]
    zones = as_zones(gpd.GeoDataFrame({"name": ["a", "b", "c", "d", "a"]}, geometry=shapes, crs=UTM), source="r.shp")
    assert zones.names == ("a", "b") and shapely.area(zones.polygons).tolist() == [3.0, 1.0]
    assert zones.notes == (
        "r.shp: 1 polygons crossed themselves and were mended", "r.shp: 2 rows without an area were left out",
        "polygons of the same name are one zone (a)",
    )  # fmt: skip


def test_a_needle_without_area_is_left_out():
    needle = shapely.Polygon([(0, 0), (1, 1), (2, 2), (0, 0)])
    spike = shapely.Polygon([(0, 0), (1, 0), (1, 1), (1, 3), (1, 1), (0, 1)])
    zones = as_zones(gpd.GeoDataFrame({"name": ["n", "s"]}, geometry=[needle, spike], crs=UTM))
    assert zones.names == ("s",) and float(shapely.area(zones.polygons[0])) == 1.0


def test_names_are_chosen_or_numbered():
    frame = boxes(a=(0, 0, 1, 1), b=(1, 0, 2, 1)).rename(columns={"name": "code"})
    assert as_zones(frame).names == ("a", "b")
    both = frame.assign(province=["x", "y"])
    numbered = as_zones(both, source="r.shp")
    assert numbered.names == ("zone 1", "zone 2") and "several columns hold text (code, province)" in numbered.notes[0]
    assert as_zones(both, name="province").names == ("x", "y")
    assert as_zones(both.assign(NAME=[1.0, 2.0])).names == ("1", "2")
    with pytest.raises(DataError, match=r"no column 'provinz'\. Did you mean 'province'"):
        as_zones(both, name="provinz")
    with pytest.raises(DataError, match="1 of 2 polygons have no 'province'"):
        as_zones(both.assign(province=["x", None]), name="province")


def refused(path: Path, **options) -> str:
    with pytest.raises((DataError, OptionError)) as caught:
        read_zones(path, **options)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)
    return str(caught.value)


def test_files_that_hold_no_zones(tmp_path, provinces):
    good = write_shapefile(tmp_path, provinces, "gb18030")
    assert "no such file. Did you mean 'regions.shp'?" in refused(tmp_path / "region.shp")
    assert "zones are read from .gpkg, .shp, .geojson, .json: export" in refused(good.with_suffix(".dbf"))
    (tmp_path / "virtual.gpkg").write_text("<OGRVRTDataSource></OGRVRTDataSource>")
    assert "is not a gpkg file, its first bytes are another's" in refused(tmp_path / "virtual.gpkg")
    (tmp_path / "page.geojson").write_text("<!doctype html>")
    assert "is not a geojson file" in refused(tmp_path / "page.geojson")
    (tmp_path / "half.geojson").write_text('{"type": "FeatureCollection", "features": [{"type": "Feat')
    assert "cannot be read, truncated or damaged" in refused(tmp_path / "half.geojson")
    (tmp_path / "gbk.geojson").write_bytes(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"甘肃"},"geometry":'
        '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}}]}'.encode("gbk")
    )
    assert "the text is not UTF-8" in refused(tmp_path / "gbk.geojson")
    points = gpd.GeoDataFrame({"name": ["a"]}, geometry=[shapely.Point(0, 0)], crs=DEGREES)
    points.to_file(tmp_path / "points.gpkg")
    assert "holds Point where polygons are expected" in refused(tmp_path / "points.gpkg")


def test_parts_of_a_shapefile_that_lack(tmp_path, provinces):
    for part in (".shx", ".dbf"):
        path = write_shapefile(tmp_path, provinces, "utf-8")
        path.with_suffix(part).unlink()
        assert f"regions{part} is missing: copy all files of the shapefile together" in refused(path)
    path = write_shapefile(tmp_path, provinces, "utf-8")
    path.with_suffix(".prj").unlink()
    assert "have no CRS: add the .prj, or declare crs" in refused(path)
    assert read_zones(path, crs=DEGREES).crs == DEGREES
    upper = tmp_path / "upper"
    upper.mkdir()
    for file in write_shapefile(tmp_path, provinces, "utf-8").parent.glob("regions.*"):
        shutil.copy(file, upper / f"REGIONS{file.suffix.upper()}")
    assert read_zones(upper / "REGIONS.SHP", name="省份").names == tuple(NAMES)


def test_layers_and_a_second_crs(tmp_path, provinces):
    path = tmp_path / "two.gpkg"
    provinces.to_file(path, layer="provinces")
    provinces.to_file(path, layer="counties")
    assert "the file has 2 layers (provinces, counties): name one as layer" in refused(path)
    assert "no layer 'province'. Did you mean 'provinces'?" in refused(path, layer="province")
    assert read_zones(path, layer="counties").names == tuple(NAMES)
    assert "are in EPSG:4326, not in the declared EPSG:32650" in refused(path, layer="counties", crs=UTM)
    assert "encoding is for shapefiles" in refused(path, layer="counties", encoding="gbk")


def test_encodings_that_cannot_be(tmp_path, provinces):
    path = write_shapefile(tmp_path, provinces, "gb18030")
    assert "the text is not in the declared encoding 'utf-8'" in refused(path, encoding="utf-8")
    with pytest.raises(
        OptionError, match="encoding must be one that Python knows, such as 'utf-8' or 'gb18030', got 'latin-x'"
    ):
        read_zones(path, encoding="latin-x")


def test_options_are_closed():
    values, zones = grid(np.ones((2, 2))), as_zones(boxes(a=(0, 0, 1000, 1000)))
    with pytest.raises(OptionError, match="statistics must be one of 'mean', 'sd', 'min', 'max', 'total', got 'median'"):
        zonal_table(values, zones, statistics=["median"])
    with pytest.raises(OptionError, match="weighting must be one of 'area', 'cells', got 'none'"):
        zonal_table(values, zones, weighting="none")
    with pytest.raises(DataError, match="no layers are given"):
        zonal_table({}, zones)


def test_slanted_edges_of_a_large_geographic_zone_cover_it_wholly():
    """The area of the polygon and the areas of its parts of cells are those of one sphere."""
    values = grid(np.ones((80, 100)), crs=DEGREES, x0=60.0, y0=10.0, step=0.5)
    slanted = gpd.GeoDataFrame({"name": ["a"]}, geometry=[shapely.Polygon([(62, 12), (105, 30), (75, 48)])], crs=DEGREES)
    found = zonal_table(values, as_zones(slanted)).frame
    assert found["coverage"].item() == pytest.approx(1.0, rel=2e-5)
