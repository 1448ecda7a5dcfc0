"""Folds: each row is tested once, neighbours stay together, and nothing depends on the order of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import KDTree

from carbondrivers.attribution import fold_kernels
from carbondrivers.attribution.fold_rows import out_of_fold_residuals
from carbondrivers.attribution.validation_folds import KINDS, make_folds
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.datasets.variogram import empirical_variogram
from carbondrivers.errors import DataError, DataWarning, OptionError

DRIVERS = ["TEM", "PRE", "SOM", "GDP"]


def smooth(n: int = 300, seed: int = 0, **options: object) -> PixelSample:
    """Return rows of a smooth response on a square of 100 x 100."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.uniform(0, 100, size=(n, 2)), columns=["x", "y"])
    table["rain"] = rng.normal(size=n)
    table["nep"] = table["rain"] + 2.0 * np.sin(table["x"] / 5) * np.cos(table["y"] / 5) + 0.3 * rng.normal(size=n)
    return PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"), **options)  # type: ignore[arg-type]


def pixel_years(n: int = 40, years: int = 4) -> PixelSample:
    rng = np.random.default_rng(1)
    places = pd.DataFrame(rng.uniform(0, 100, size=(n, 2)), columns=["x", "y"])
    table = pd.concat([places.assign(year=2000 + i) for i in range(years)], ignore_index=True)
    table[["rain", "nep"]] = rng.normal(size=(len(table), 2))
    return PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"), time="year")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("group", "pixel_year")])
def test_every_row_is_tested_once_and_never_trains_its_own_fold(kind: str) -> None:
    sample = smooth()
    folds = make_folds(sample, kind=kind, n=5)  # type: ignore[arg-type]
    tested = np.concatenate([test for _, test in folds.splits()])
    assert np.array_equal(np.sort(tested), np.arange(sample.n))
    assert all(not np.intersect1d(train, test).size and train.size for train, test in folds.splits())
    assert folds.kind != "auto"


@pytest.mark.parametrize("kind", ["random", "spatial_blocks", "clusters", "buffer", "nndm"])
def test_folds_do_not_depend_on_the_order_of_rows(kind: str) -> None:
    sample = smooth()
    turned = np.random.default_rng(9).permutation(sample.n)
    other = PixelSample.from_frame(
        sample.frame.iloc[turned], response="nep", drivers={"rain": "climate"}, coordinates=("x", "y")
    )
    one, two = make_folds(sample, kind=kind, size=20.0, n=5), make_folds(other, kind=kind, size=20.0, n=5)  # type: ignore[arg-type]
    assert np.array_equal(one.codes[turned], two.codes)
    assert np.array_equal(make_folds(sample, kind=kind, size=20.0, n=5).codes, one.codes)  # type: ignore[arg-type]


def test_blocks_are_squares_and_balanced() -> None:
    folds = make_folds(smooth(2000), kind="spatial_blocks", size=10.0)
    sizes = np.bincount(folds.codes)
    assert folds.units == 100
    assert sizes.min() > 190
    assert sizes.max() < 210
    assert folds.side == 10.0


def test_buffer_keeps_the_distance() -> None:
    sample = smooth()
    folds = make_folds(sample, kind="buffer", size=20.0, n=5)
    assert folds.buffer == 10.0
    xy = sample.frame[["x", "y"]].to_numpy()
    for train, test in folds.splits():
        assert np.min(KDTree(xy[test]).query(xy[train])[0]) > 10.0


def test_buffer_in_degrees_is_in_kilometres() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"lon": rng.uniform(100, 104, 400), "lat": rng.uniform(34, 38, 400)})
    table[["rain", "nep"]] = rng.normal(size=(400, 2))
    sample = PixelSample.from_frame(
        table, response="nep", drivers={"rain": "climate"}, coordinates=("lon", "lat"), crs="EPSG:4326"
    )
    folds = make_folds(sample, kind="buffer", size=100.0, buffer=30.0, n=4)
    assert folds.unit == "km"
    from pyproj import Geod

    train, test = next(folds.splits())
    lon, lat = table["lon"].to_numpy(), table["lat"].to_numpy()
    pairs = np.array(np.meshgrid(train, test)).reshape(2, -1)
    metres = Geod(ellps="sphere").inv(lon[pairs[0]], lat[pairs[0]], lon[pairs[1]], lat[pairs[1]])[2]
    assert metres.min() > 29_900


def test_auto_takes_blocks_as_wide_as_the_residuals_depend() -> None:
    folds = make_folds(smooth(600))
    assert folds.kind == "spatial_blocks"
    assert folds.practical_range is not None
    assert 5.0 < folds.practical_range < 20.0  # half a wave of the residual pattern is 15.7 long
    assert folds.side == folds.practical_range
    assert folds.variogram is not None


def test_auto_without_structure_says_so() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.uniform(0, 100, size=(300, 4)), columns=["x", "y", "rain", "nep"])
    sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"))
    folds = make_folds(sample)
    assert folds.kind == "spatial_blocks"
    assert "No spatial dependence is seen" in folds.note


def test_auto_without_coordinates_takes_groups_else_random() -> None:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(60, 2)), columns=["rain", "nep"]).assign(county=["a", "b", "c"] * 20)
    plain = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"})
    assert make_folds(plain).kind == "random"
    assert "neither coordinates nor groups" in make_folds(plain).note
    grouped = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}, groups="county")
    folds = make_folds(grouped)
    assert (folds.kind, folds.n) == ("group", 3)
    assert "3 folds instead of 10" in folds.note


def test_groups_and_pixels_stay_whole() -> None:
    sample = pixel_years()
    folds = make_folds(sample, kind="pixel_year", n=5)
    assert sample.frame.assign(fold=folds.codes).groupby(["x", "y"])["fold"].nunique().max() == 1
    labels = np.arange(sample.n) % 12
    folds = make_folds(sample, kind="group", groups=labels, n=4)
    assert pd.Series(folds.codes).groupby(labels).nunique().max() == 1
    blocks = make_folds(sample, kind="spatial_blocks", size=25.0, n=4)
    assert sample.frame.assign(fold=blocks.codes).groupby(["x", "y"])["fold"].nunique().max() == 1


def test_nearest_distances_of_clustered_plots_are_matched() -> None:
    rng = np.random.default_rng(5)
    centres = rng.uniform(10, 90, size=(12, 2))
    table = pd.DataFrame(centres.repeat(20, axis=0) + rng.normal(size=(240, 2)), columns=["x", "y"])
    table[["rain", "nep"]] = rng.normal(size=(240, 2))
    sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"))
    lattice = np.array(np.meshgrid(np.arange(2.5, 100, 5), np.arange(2.5, 100, 5))).reshape(2, -1).T
    xy = table[["x", "y"]].to_numpy()
    wanted = np.median(KDTree(xy).query(lattice)[0])
    both = make_folds(sample, kind="random", n=6), make_folds(sample, kind="nndm", targets=lattice, n=6)
    found = [np.median(fold_kernels.fold_distances(xy, folds.codes)) for folds in both]
    assert abs(found[1] - wanted) < 0.5 * abs(found[0] - wanted)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"kind": "blocks"}, OptionError, "kind of folds must be one of"),
        ({"n": 1}, OptionError, "whole number of 2 or more"),
        ({"n": 1000}, OptionError, "at most the number of rows"),
        ({"kind": "spatial_blocks", "size": -1.0}, OptionError, "size must be auto or a length"),
        ({"kind": "spatial_blocks", "size": 1000.0}, DataError, "all rows lie in one of the blocks"),
        ({"kind": "buffer", "size": 50.0, "buffer": 500.0}, DataError, "leaves no row to train"),
        ({"kind": "group"}, DataError, "need groups"),
        ({"kind": "pixel_year"}, DataError, "no place has two rows"),
        ({"kind": "group", "groups": "county"}, OptionError, "the sample has none"),
        ({"kind": "group", "groups": ["a"]}, OptionError, "one label a row"),
        ({"kind": "random", "groups": "county"}, OptionError, "groups cannot be used"),
        ({"kind": "nndm", "targets": [[1.0, np.nan]]}, OptionError, "targets must be finite"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        list(make_folds(smooth(), **options).splits())  # type: ignore[arg-type]


def test_spatial_folds_need_places() -> None:
    rng = np.random.default_rng(6)
    table = pd.DataFrame(rng.normal(size=(60, 2)), columns=["rain", "nep"])
    sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"})
    with pytest.raises(DataError, match="need the place of every row"):
        make_folds(sample, kind="clusters")


def test_few_blocks_make_fewer_folds_and_few_rows_are_said() -> None:
    folds = make_folds(smooth(40), kind="spatial_blocks", size=40.0)
    assert folds.units == 4
    assert folds.n == 2
    assert "2 folds instead of 10" in folds.note
    assert "Only 40 rows" in folds.note


def test_range_of_given_residuals_is_that_of_gstat() -> None:
    """Exponential practical range 14.2 by gstat 2.1 (range parameter 4.7 times 3) of the same residuals; truth is 18."""
    trees = Path(__file__).parent / "reference" / "trees"
    table = pd.read_csv(trees / "synth2000.csv").merge(pd.read_csv(trees / "synth2000_oof.csv"), on="id")
    found = empirical_variogram(table["x"], table["y"], table["res"], model="exponential", seed=0)
    assert 0.75 * 14.2 < found.range < 1.4 * 14.2
    sample = PixelSample.from_frame(table, response="NEP", drivers=dict.fromkeys(DRIVERS, "climate"), coordinates=("x", "y"))
    folds = make_folds(sample, residuals=table["res"].to_numpy())
    assert folds.side == pytest.approx(folds.practical_range)
    assert 10.0 < float(folds.side or 0.0) < 20.0


def test_residuals_come_from_models_that_did_not_see_the_row() -> None:
    rows, left = out_of_fold_residuals(smooth(200))
    assert np.array_equal(np.sort(rows), np.arange(200))
    assert left.std() > 0.5  # in-sample residuals of such trees would be far smaller


def test_too_few_rows_for_a_variogram_are_said_and_one_place_is_refused() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.uniform(0.0, 100.0, size=(30, 4)), columns=["x", "y", "rain", "nep"])
    sample = PixelSample.from_frame(frame, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"))
    for residuals in (frame["nep"].to_numpy(), None):
        folds = make_folds(sample, kind="spatial_blocks", n=5, residuals=residuals)
        assert folds.n == 5 and "Too few rows for a variogram: blocks are a tenth of the extent wide" in folds.note
    with pytest.warns(DataWarning, match="repeat the coordinates"):
        heap = PixelSample.from_frame(
            frame.assign(x=1.0, y=1.0), response="nep", drivers={"rain": "climate"}, coordinates=("x", "y")
        )
    with pytest.raises(DataError, match="all rows lie in one place"):
        make_folds(heap, kind="spatial_blocks", n=5)
