"""Sampling: known totals through the weights, strata, spacings, independence of chunks, messages."""

from __future__ import annotations

import itertools
import tracemalloc

import dask.array
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree
from scipy.spatial.distance import pdist

from carbondrivers.datasets import PixelSample
from carbondrivers.datasets.distances import places
from carbondrivers.datasets.labels import with_flags
from carbondrivers.datasets.sampling import sample_pixels
from carbondrivers.datasets.sampling_design import allocate
from carbondrivers.datasets.thinning import thin
from carbondrivers.datasets.virtual.fields import gaussian_field
from carbondrivers.errors import DataError, OptionError

ROWS, COLUMNS = 60, 80
UTM, DEGREES = "EPSG:32650", "EPSG:4326"


def grid(values, crs=UTM, step=1000.0, north=4_400_000.0, west=500_000.0, **attrs):
    values = np.asarray(values, dtype=np.float64)
    rows, columns = values.shape[-2:]
    coords = {"y": north - step * np.arange(rows), "x": west + step * np.arange(columns)}
    if values.ndim == 3:
        coords = {"year": np.arange(2001, 2001 + len(values)), **coords}
    return xr.DataArray(values, coords=coords, dims=tuple(coords), attrs={"crs": crs, **attrs}).transpose(..., "y", "x")


@pytest.fixture
def layers():
    """NEP of three years with a gap, rain, and three land covers of very different size."""
    rng = np.random.default_rng(1)
    nep = rng.normal(20.0, 50.0, size=(3, ROWS, COLUMNS))
    nep[:, :5, :5] = np.nan
    nep[0, 10, 10] = np.nan
    cover = np.ones((ROWS, COLUMNS))
    cover[:, 30:], cover[55:, 75:] = 2, 3
    rain = rng.gamma(4, 100, size=(ROWS, COLUMNS))
    rain[0, 70] = np.nan
    named = with_flags(grid(cover), {1: "forest", 2: "grass", 3: "bare land"})
    return {"nep": grid(nep), "rain": grid(rain), "cover": named}


def test_all_cells_are_those_with_every_layer(layers):
    drawn = sample_pixels(layers)
    assert drawn.n == ROWS * COLUMNS - 26 and set(drawn.frame["weight"]) == {1.0}
    assert drawn.dropped.to_numpy().tolist() == [
        ["nep", 25, "25 cells without a value"],
        ["rain", 1, "1 cells without a value"],
        ["", 26, "26 of 4800 cells with a value in some layer lack one in another"],
    ]
    assert list(drawn.frame.columns) == ["x", "y", "nep", "rain", "cover", "area_km2", "weight"]
    mean = layers["nep"].to_numpy()[1:, 10, 10].mean()
    row = drawn.frame[(drawn.frame["x"] == 510_000.0) & (drawn.frame["y"] == 4_390_000.0)]
    assert row["nep"].item() == pytest.approx(mean, rel=1e-15)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "random", "n": 200},
        {"method": "stratified", "n": 200, "strata": "cover"},
        {"method": "stratified", "n": 200, "strata": ["cover", "sign"], "response": "nep", "allocation": "equal"},
        {"method": "systematic", "n": 200},
        {"method": "systematic", "spacing": 4.0},
        {"method": "thinned", "spacing": 3.0},
    ],
    ids=["random", "stratified", "crossed", "systematic n", "systematic spacing", "thinned"],
)
def test_samples_repeat_and_do_not_depend_on_chunks(layers, options):
    drawn = sample_pixels(layers, seed=3, **options)
    again = sample_pixels({name: da.chunk(y=25, x=30) for name, da in layers.items()}, seed=3, **options)
    other = sample_pixels(layers, seed=4, **options)
    pd.testing.assert_frame_equal(drawn.frame, again.frame)
    assert not drawn.frame[["x", "y"]].equals(other.frame[["x", "y"]])
    assert not drawn.frame.duplicated(["x", "y"]).any() and not drawn.frame.isna().any().any()
    keys = drawn.frame[["y", "x"]].assign(y=-drawn.frame["y"])
    assert keys.sort_values(["y", "x"]).index.equals(keys.index)


def test_values_are_those_of_the_layers(layers):
    frame = sample_pixels(layers, method="random", n=300).frame
    row = ((4_400_000.0 - frame["y"]) / 1000).astype(int)
    column = ((frame["x"] - 500_000.0) / 1000).astype(int)
    np.testing.assert_array_equal(frame["rain"], layers["rain"].to_numpy()[row, column])
    np.testing.assert_allclose(frame["nep"], np.nanmean(layers["nep"].to_numpy()[:, row, column], axis=0), rtol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"method": "random", "n": 300},
        {"method": "stratified", "n": 300, "strata": "cover", "allocation": "equal"},
        {"method": "stratified", "n": 300, "strata": ["cover", "sign"], "response": "nep", "allocation": "root"},
        {"method": "systematic", "n": 300},
    ],
    ids=["random", "equal", "root", "systematic"],
)
def test_weighted_totals_are_unbiased(request, layers, options):
    """Horvitz-Thompson: the mean of weighted totals over many samples is the total of all cells."""
    replicates = request.config.getoption("--replicates") or 60
    wanted = sample_pixels(layers).frame["rain"].sum()
    found = []
    for seed in range(replicates):
        frame = sample_pixels({name: layers[name] for name in ("nep", "rain", "cover")}, seed=seed, **options).frame
        found.append((frame["rain"] * frame["weight"]).sum())
    error = np.std(found, ddof=1) / np.sqrt(replicates)
    assert abs(np.mean(found) - wanted) < 4 * error


def test_weights_add_up_to_the_cells(layers):
    cells = sample_pixels(layers).n
    for options in (
        {"method": "random", "n": 111},
        {"method": "stratified", "n": 111, "strata": "cover", "allocation": "root"},
        {"method": "thinned", "spacing": 5.0},
        {"method": "thinned", "spacing": 5.0, "n": 20},
    ):
        assert sample_pixels(layers, **options).frame["weight"].sum() == pytest.approx(cells, rel=1e-12)


def test_strata_are_counted_named_and_weighted(layers):
    drawn = sample_pixels(layers, method="stratified", n=150, strata="cover", allocation="equal", response="nep")
    table = drawn.strata.set_index("stratum")
    assert table["cells"].to_dict() == {"forest": 1775, "grass": 2974, "bare_land": 25}
    assert table["n"].to_dict() == {"forest": 63, "grass": 62, "bare_land": 25}
    assert table.loc["bare_land", "weight"] == 1.0 and table.loc["forest", "weight"] == pytest.approx(1775 / 63, rel=1e-12)
    assert drawn.frame.groupby("stratum")["cover"].unique().explode().to_dict() == {
        "forest": 1.0, "grass": 2.0, "bare_land": 3.0,
    }  # fmt: skip
    assert drawn.notes[0] == "Every cell was taken of bare_land (25)."


def test_sinks_and_sources_are_strata(layers):
    drawn = sample_pixels(layers, method="stratified", n=100, strata="sign", response="nep", allocation="equal")
    assert drawn.strata["n"].tolist() == [50, 50]
    assert ((drawn.frame["nep"] > 0) == (drawn.frame["stratum"] == "sink")).all()


def test_regions_are_strata_and_cells_outside_are_left_out_and_counted(layers):
    region = np.full((ROWS, COLUMNS), np.nan)
    region[:, :20], region[:, 20:40] = 1, 2
    zones = with_flags(grid(region).rename("region"), {1: "West", 2: "East"})
    drawn = sample_pixels(layers, method="stratified", n=60, strata=[zones, "cover"])
    assert set(drawn.strata["stratum"]) == {"West, forest", "East, forest", "East, grass"}
    assert drawn.frame["x"].max() < 540_000.0
    assert drawn.dropped["note"].iloc[-1] == f"{ROWS * 40 - 1} cells that belong to no stratum"


def test_systematic_cells_lie_on_a_lattice(layers):
    drawn = sample_pixels(layers, method="systematic", spacing=5.2, seed=2)
    assert set(np.diff(np.unique(drawn.frame["x"]))) == set(np.diff(np.unique(drawn.frame["y"]))) == {5000.0}
    assert set(drawn.frame["weight"]) == {25.0} and "Every 5. row and 5. column" in drawn.notes[0]
    near = sample_pixels(layers, method="systematic", n=500)
    assert 400 < near.n < 650


def test_a_geographic_lattice_takes_fewer_columns_in_the_north():
    layer = grid(np.arange(4000.0).reshape(50, 80), DEGREES, step=0.1, north=64.9, west=80.0)
    drawn = sample_pixels({"nep": layer}, method="systematic", spacing=22.2)
    assert np.diff(np.unique(drawn.frame["y"])).round(9).tolist()[:1] == [0.2]
    # A degree of longitude at 62.45 N is cos(62.45) = 0.463 of one of latitude: 4 columns are 20.6 km.
    assert np.diff(np.unique(drawn.frame["x"])).round(9).tolist()[:1] == [0.4]


@pytest.mark.parametrize(("spacing", "least", "most"), [(1.0, 4774, 4774), (2.5, 400, 800), (7.0, 50, 110), (500.0, 1, 1)])
def test_thinned_places_keep_their_distance_and_none_could_be_added(layers, spacing, least, most):
    drawn = sample_pixels(layers, method="thinned", spacing=spacing)
    assert least <= drawn.n <= most
    kept = KDTree(drawn.frame[["x", "y"]] / 1000)
    assert not kept.query_pairs(spacing * (1 - 1e-9))
    every = sample_pixels(layers).frame[["x", "y"]] / 1000
    assert kept.query(every)[0].max() < spacing


def test_thinning_on_longitudes_goes_by_great_circles():
    layer = grid(np.arange(1.0, 3201.0).reshape(40, 80), DEGREES, step=0.5, north=79.75, west=70.0)
    drawn = sample_pixels({"nep": layer}, method="thinned", spacing=150.0)
    where = places(drawn.frame["x"], drawn.frame["y"], DEGREES)
    assert where.ground(pdist(where.points)).min() >= 150.0 * (1 - 1e-9)
    assert "Distances are great circles." in drawn.notes
    rows = drawn.frame.groupby(drawn.frame["y"] > 70).size()
    assert rows[True] < rows[False]  # half of the cells each, but meridians meet in the north


def test_thinning_says_when_fewer_or_more_fit(layers):
    few = sample_pixels(layers, method="thinned", spacing=10.0, n=10_000)
    assert few.notes[0] == f"10000 cells were asked for, only {few.n} fit at a spacing of 10 km."
    many = sample_pixels(layers, method="thinned", spacing=10.0, n=5)
    assert many.n == 5 and many.notes[0] == f"{few.n} cells fit at this spacing; 5 of them were drawn at random."


def test_more_cells_than_there_are(layers):
    drawn = sample_pixels(layers, method="random", n=10_000)
    assert drawn.n == 4774 and drawn.notes[0] == "10000 cells were asked for; all 4774 that have a value are taken."
    strata = sample_pixels(layers, method="stratified", n=10_000, strata="cover")
    assert strata.n == 4774 and strata.notes == drawn.notes


def test_the_range_is_reported_with_the_sample():
    field = gaussian_field(np.random.default_rng(2), (200, 240), 24.0, model="exponential")
    drawn = sample_pixels({"nep": grid(field)}, method="random", n=1500, response="nep")
    assert drawn.variogram is not None and drawn.variogram.range == pytest.approx(24.0, rel=0.35)
    assert any("practical range of the variogram is" in note and "km" in note for note in drawn.notes)
    squares = 200 * 240 / drawn.variogram.range**2
    assert drawn.notes[-1].startswith(f"The region holds about {squares:.0f} squares of that side, the sample 1500 rows")
    few = sample_pixels({"nep": grid(field)}, method="random", n=10, response="nep")
    assert few.variogram is None and "No variogram of 'nep': a variogram needs 30 points" in few.notes[0]


def test_a_sample_is_a_pixel_sample_with_weights(layers):
    drawn = sample_pixels(layers, method="stratified", n=200, strata="cover", allocation="equal")
    made = PixelSample.from_frame(
        drawn.frame, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"), crs=drawn.crs, weights="weight",
        groups="stratum",
    )  # fmt: skip
    assert made.n == 200 and "weights (weight)" in made.caveats()[0]


def test_areas_are_those_of_the_cells():
    layer = grid(np.ones((4, 6)) + np.arange(6), DEGREES, step=1.0, north=60.5)
    drawn = sample_pixels({"nep": layer.assign_coords(x=np.arange(6.0) + 100)})
    by_row = drawn.frame.groupby("y")["area_km2"].unique().explode()
    radian = np.pi / 180
    wanted = 6371.0088**2 * radian * (np.sin(61 * radian) - np.sin(60 * radian))
    assert by_row[60.5] == pytest.approx(wanted, rel=1e-12)


def test_a_large_stack_is_read_twice_and_never_held():
    """40 years of 800 x 800 cells, 102 MB as single precision, made block by block."""
    read: list[tuple[int, int]] = []

    def block(block_info=None):
        _, rows, columns = block_info[None]["array-location"]
        read.append((rows[0], columns[0]))
        plane = np.add.outer(np.arange(*rows), 1000.0 * np.arange(*columns)).astype(np.float32)
        return np.broadcast_to(plane, (40, *plane.shape)).copy()

    lazy = dask.array.map_blocks(
        block, chunks=((40,), (200,) * 4, (200,) * 4), dtype=np.float32, meta=np.empty((0, 0, 0), "f4")
    )
    stack = xr.DataArray(
        lazy, dims=("year", "y", "x"), coords={"y": np.arange(800.0)[::-1], "x": np.arange(800.0)}, attrs={"crs": UTM}
    )
    tracemalloc.start()
    try:
        drawn = sample_pixels({"nep": stack}, method="random", n=20_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sorted(read) == sorted(2 * list(itertools.product(range(0, 800, 200), repeat=2)))
    np.testing.assert_array_equal(drawn.frame["nep"], 799 - drawn.frame["y"] + 1000 * drawn.frame["x"])
    assert peak < 0.6 * stack.nbytes


@settings(deadline=None, max_examples=200)
@given(sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=12), extra=st.integers(0, 20_000), data=st.data())
def test_places_add_up_and_stay_within_the_strata(sizes, extra, data):
    allocation = data.draw(st.sampled_from(["proportional", "equal", "root"]))
    n = len(sizes) + extra
    places_of = allocate(np.array(sizes), n, allocation)
    assert places_of.sum() == min(n, sum(sizes))
    assert (places_of >= 1).all() and (places_of <= np.array(sizes)).all()
    if allocation == "equal":
        free = places_of[places_of < np.array(sizes)]
        assert free.size == 0 or free.max() - free.min() <= 1


@settings(deadline=None, max_examples=50)
@given(
    points=st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=0, max_size=60),
    spacing=st.floats(0.5, 300),
    seed=st.integers(0, 10),
)
def test_thinning_any_points(points, spacing, seed):
    x, y = np.array(points).reshape(-1, 2).T
    kept = thin(x, y, spacing, seed=seed)
    assert (np.diff(kept) > 0).all() and (len(kept) > 0) == (len(points) > 0)
    chosen = np.column_stack([x, y])[kept]
    if len(kept) > 1:
        assert pdist(chosen).min() >= spacing * (1 - 1e-9)
    for place in np.column_stack([x, y]):
        assert np.linalg.norm(chosen - place, axis=1).min() <= spacing


def test_thinning_refuses_a_spacing_that_is_none():
    for spacing in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(OptionError, match="spacing must be a distance above zero"):
            thin([1.0, 2.0], [1.0, 2.0], spacing)
    with pytest.raises(OptionError, match="spacing is too small for the extent of the places"):
        thin([0.0, 1e7], [0.0, 1e7], 1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "grid"}, "method must be one of 'all', 'random', 'stratified', 'systematic', 'thinned', got 'grid'"),
        ({"method": "random"}, "method 'random' needs n: give it"),
        ({"method": "random", "n": 0}, "n must be 1 or more, got 0"),
        ({"method": "random", "n": 5, "spacing": 1.0}, "spacing does not belong to method 'random'"),
        ({"method": "all", "n": 5}, "n does not belong to method 'all'"),
        ({"method": "stratified", "n": 5}, "method 'stratified' needs strata: give it"),
        ({"method": "stratified", "strata": "cover"}, "method 'stratified' needs n: give it"),
        ({"method": "stratified", "strata": "cover", "n": 2}, "n must be at least the number of strata, 3, got 2"),
        ({"method": "stratified", "strata": "cover", "n": 9, "allocation": "half"}, "allocation must be one of"),
        ({"method": "stratified", "strata": "covr", "n": 9}, "got 'covr'. Did you mean 'cover'"),
        ({"method": "stratified", "strata": "sign", "n": 9}, "strata 'sign' needs the response"),
        ({"method": "systematic"}, "needs one of n and spacing"),
        ({"method": "systematic", "n": 5, "spacing": 1.0}, "needs one of n and spacing"),
        ({"method": "thinned"}, "method 'thinned' needs spacing: give it"),
        ({"method": "thinned", "spacing": -1.0}, "spacing must be kilometres above zero, got -1.0"),
        ({"response": "nepp"}, "response must be one of the layers, got 'nepp'. Did you mean 'nep'"),
    ],
)
def test_options_that_are_wrong_lack_or_do_not_belong(layers, options, message):
    with pytest.raises(OptionError, match=message) as caught:
        sample_pixels(layers, **options)
    assert "\n" not in str(caught.value)


def refused(layers, **options):
    with pytest.raises(DataError) as caught:
        sample_pixels(layers, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_layers_that_cannot_be_sampled(layers):
    assert refused({}) == "no layers are given: name at least one"
    assert "cannot be called 'weight'" in refused({"weight": layers["rain"]})
    assert "differ in origin" in refused({**layers, "dem": layers["rain"].assign_coords(x=layers["rain"]["x"] + 30)})
    nowhere = layers["rain"].where(layers["nep"].count("year") == 0)
    assert "no cell has a value in all of 4 layers (fewest in 'dem': 25)" in refused({**layers, "dem": nowhere})
    bare = layers["rain"].copy()
    bare.attrs = {}
    assert "the grid has no CRS" in refused({"rain": bare})


def test_strata_that_are_none(layers):
    options = {"method": "stratified", "n": 50}
    assert "layer 'rain' is continuous and makes no strata" in refused(layers, strata="rain", **options)
    shifted = layers["cover"].assign_coords(y=layers["cover"]["y"] + 500).rename("region")
    assert "grid of strata 'region' and the layers differ in origin along y" in refused(layers, strata=shifted, **options)
    many = grid(np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) % 300).rename("zone")
    assert "strata 'zone' have more than 200 classes" in refused(layers, strata=many, **options)
    half = grid(np.add.outer(np.arange(ROWS) % 2 * 90, np.arange(COLUMNS))).rename("zone")
    assert "strata, more than 200: stratify by fewer things" in refused(
        layers, strata=[half, "cover", "sign"], response="nep", **options
    )
    none = grid(np.full((ROWS, COLUMNS), np.nan)).rename("zone")
    assert "no cell with a value belongs to a stratum" in refused(layers, strata=none, **options)
    yearly = xr.concat([layers["cover"], layers["cover"]], dim="year").assign_attrs(layers["cover"].attrs)
    rest = {"nep": layers["nep"], "cover": yearly}
    assert "select one year" in refused(rest, strata="cover", **options)


def test_a_lattice_that_misses_every_cell():
    lonely = np.full((40, 40), np.nan)
    lonely[3, 3] = 1.0
    assert "fell on a row and column taken; lower the spacing" in refused(
        {"nep": grid(lonely)}, method="systematic", spacing=39.0
    )
