"""Variogram and distances: known ranges, values of other programs, what is said where there is no range."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.attribution.descriptive import describe
from carbondrivers.datasets import PixelSample
from carbondrivers.datasets.distances import places
from carbondrivers.datasets.variogram import Variogram, empirical_variogram
from carbondrivers.datasets.virtual.fields import gaussian_field
from carbondrivers.errors import DataError, OptionError

INDEX = np.arange(200)
X, Y = (INDEX * 37 % 101).astype(float), (INDEX * 53 % 97).astype(float)
Z = np.sin(X / 15) + np.cos(Y / 11) + 0.3 * ((INDEX * 29 % 31) / 31 - 0.5)

WAVES = np.sin(X / 8) + np.cos(Y / 8)

# scikit-gstat 1.0.26 (bin_func "even") and gstools 1.7.0 (vario_estimate), which agree in every digit, for X, Y, Z with
# 8 lags up to 48. Closed sums over the same pairs, printed to 8 decimals.
PAIRS = [260, 419, 664, 1780, 1103, 1089, 2432, 1394]
REFERENCE = {
    "matheron": [0.02348574, 0.0906698, 0.36832105, 0.5739826, 0.71824456, 0.83955808, 1.02007208, 1.09485356],
    "cressie": [0.02449367, 0.10252712, 0.43536294, 0.69123294, 0.83732128, 1.02054018, 1.25333337, 1.20392991],
}
# gstools 1.7.0, latlon=True, at 90 + X / 4 east, 20 + Y / 4 north, 8 lags up to 1200 km on its sphere of 6371.0088 km.
SPHERE_PAIRS = [332, 426, 374, 1899, 1260, 1017, 2020, 1751]
SPHERE = [0.03089621, 0.11722886, 0.28053885, 0.56028386, 0.70137909, 0.84740533, 1.03814631, 1.10356811]


def field_variogram(place: int, reach: float, points: int = 1500, **options) -> Variogram:
    """Points on an exponential field of 200 x 240 pixels with a known practical range."""
    rng = np.random.default_rng(place)
    field = gaussian_field(rng, (200, 240), reach, model="exponential")
    chosen = rng.choice(field.size, points, replace=False)
    row, column = np.divmod(chosen, 240)
    return empirical_variogram(column, row, field.ravel()[chosen], **options)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["matheron", "cressie"])
@pytest.mark.parametrize("reach", [8.0, 20.0, 40.0])
def test_a_known_range_is_recovered(request, reach, estimator):
    fields = request.config.getoption("--replicates") or 9
    found = [field_variogram(seed, reach, estimator=estimator).range for seed in range(fields)]
    # One realisation of a field 5 to 25 ranges wide scatters by a fifth; the median of nine by less than a tenth.
    assert np.median(found) == pytest.approx(reach, rel=0.2)


def test_nugget_and_sill_are_recovered():
    rng = np.random.default_rng(5)
    field = gaussian_field(rng, (200, 240), 12.0, model="exponential") + 0.5 * rng.normal(size=(200, 240))
    chosen = rng.choice(field.size, 2000, replace=False)
    row, column = np.divmod(chosen, 240)
    found = empirical_variogram(column, row, field.ravel()[chosen], model="exponential")
    assert (found.nugget, found.sill) == (pytest.approx(0.25, abs=0.1), pytest.approx(1.25, abs=0.1))


@pytest.mark.parametrize("estimator", list(REFERENCE))
def test_other_programs_agree(estimator):
    table = empirical_variogram(X, Y, Z, estimator=estimator, lags=8, max_distance=48.0).table
    assert table["n_pairs"].tolist() == PAIRS
    np.testing.assert_allclose(table["estimate"], REFERENCE[estimator], atol=5.1e-9)


def test_another_program_agrees_on_the_sphere():
    found = empirical_variogram(90 + X / 4, 20 + Y / 4, Z, crs="EPSG:4326", lags=8, max_distance=1200.0)
    assert found.unit == "km" and found.table["n_pairs"].tolist() == SPHERE_PAIRS
    assert "Distances are great circles." in found.notes
    np.testing.assert_allclose(found.table["estimate"], SPHERE, atol=5.1e-9)


def test_feet_metres_and_kilometres_are_one():
    metres = empirical_variogram(X * 1000, Y * 1000, WAVES, crs="EPSG:32650")
    feet = empirical_variogram(X * 1000 / 0.3048, Y * 1000 / 0.3048, WAVES, crs="+proj=utm +zone=50 +units=ft")
    plain = empirical_variogram(X, Y, WAVES)
    assert 25 < plain.range < 50
    assert (metres.unit, feet.unit, plain.unit) == ("km", "km", "coordinate units")
    assert metres.range == pytest.approx(plain.range, rel=1e-9) == pytest.approx(feet.range, rel=1e-9)


@pytest.mark.slow
def test_noise_has_no_range(request):
    replicates = request.config.getoption("--replicates") or 20
    found = []
    for seed in range(replicates):
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(0, 100, size=(2, 400))
        found.append(empirical_variogram(x, y, rng.normal(size=400)))
    silent = [one for one in found if np.isnan(one.range)]
    # The test of the nearest points is held at 5 %.
    assert len(silent) >= 0.8 * replicates
    assert "differ as much as any" in silent[0].notes[0] and "No spatial dependence" in silent[0].summary()


def test_a_trend_has_no_range_within_the_extent():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 100, size=(2, 500))
    found = empirical_variogram(x, y, x + rng.normal(size=500))
    assert found.range == np.inf
    assert "no range lies within the extent" in found.notes[0] and "no range within the extent" in found.summary()


def test_points_too_sparse_for_the_range_say_so():
    short = field_variogram(0, 9.0, max_distance=90.0, lags=4)
    assert short.range < short.table["distance"].iloc[1] and "rests on the first lag alone" in short.notes[0]
    lost = field_variogram(4, 9.0, max_distance=90.0, lags=4)
    assert np.isnan(lost.range) and "only over distances shorter than the points are apart" in lost.notes[0]


def test_the_same_seed_gives_the_same_answer_and_large_samples_are_thinned():
    first, again = (field_variogram(1, 20.0, points=3000, max_points=500, seed=9) for _ in range(2))
    assert first.n == 500 and first.range == again.range < np.inf
    assert "500 points" in first.summary()


def test_rows_without_a_value_and_doubled_places():
    plain = empirical_variogram(X, Y, Z)
    gaps = empirical_variogram(np.append(X, 3.0), np.append(Y, 4.0), np.append(Z, np.nan))
    assert gaps.n == plain.n and gaps.range == plain.range
    doubled = empirical_variogram(np.append(X, X[0]), np.append(Y, Y[0]), np.append(Z, 1.0))
    assert doubled.notes[-1] == "1 pairs of points at the same place were left out."


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3), factor=st.floats(0.01, 100.0))
def test_units_change_nothing_but_the_unit(scale, shift, factor):
    plain = empirical_variogram(X, Y, WAVES)
    moved = empirical_variogram(X * factor, Y * factor, (WAVES + shift) * scale)
    assert moved.range == pytest.approx(plain.range * factor, rel=1e-6)
    assert moved.sill == pytest.approx(plain.sill * scale**2, rel=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "dowd"}, "estimator must be one of 'matheron', 'cressie', got 'dowd'"),
        ({"model": "linear"}, "model must be one of 'spherical', 'exponential', got 'linear'"),
        ({"lags": 2}, "lags must be 4 to 100, got 2"),
        ({"max_points": 5}, "max_points must be 30 or more, got 5"),
        ({"max_distance": 0.0}, "max_distance must be above zero"),
    ],
)
def test_options_are_closed(options, message):
    with pytest.raises(OptionError, match=message):
        empirical_variogram(X, Y, Z, **options)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ((X[:20], Y[:20], Z[:20]), {}, "needs 30 points with a value, there are 20: draw a larger sample"),
        ((X, Y, np.ones(200)), {}, "all 200 are 1: give another variable"),
        ((X, Y, Z[:9]), {}, "must be of one length, got 200, 200, 9"),
        ((X[:40], Y[:40], Z[:40]), {"max_distance": 5.0}, "lags up to 5 coordinate units have 30 pairs"),
        ((Y / 4 + 20, 75 + X / 4, Z), {"crs": "EPSG:4326"}, "are x and y exchanged"),
        ((X, Y, Z), {"crs": "EPSG:1"}, "unknown CRS 'EPSG:1'"),
    ],
)
def test_bad_points_are_refused_in_one_line(data, options, message):
    with pytest.raises(DataError, match=message) as caught:
        empirical_variogram(*data, **options)
    assert "\n" not in str(caught.value)


@given(
    first=st.tuples(st.floats(-180, 180), st.floats(-89, 89)),
    second=st.tuples(st.floats(-180, 180), st.floats(-89, 89)),
)
def test_great_circles_are_those_of_pyproj(first, second):
    from pyproj import Geod

    (x1, y1), (x2, y2) = first, second
    _, _, metres = Geod(a=6371008.8, b=6371008.8).inv(x1, y1, x2, y2)
    found = places([x1, x2], [y1, y2], "EPSG:4326")
    straight = np.asarray(np.linalg.norm(found.points[1] - found.points[0]))
    # Straight lines near the diameter lose digits: arcsin is steep there.
    assert float(found.ground(straight)) == pytest.approx(metres / 1000, abs=1e-3)
    assert found.straight(metres / 1000) == pytest.approx(float(straight), abs=1e-6)


def test_a_described_sample_says_its_range_whatever_the_order_of_rows():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0, 100_000, (2, 3000))
    nep = np.sin(x / 8000) + np.cos(y / 8000) + rng.normal(0, 0.1, 3000)
    frame = pd.DataFrame({"x": x, "y": y, "nep": nep, "rain": rng.normal(size=3000)})
    place = {"response": "nep", "drivers": {"rain": "climate"}, "coordinates": ("x", "y"), "crs": "EPSG:32650"}
    notes = [describe(PixelSample.from_frame(rows, **place)).notes for rows in (frame, frame.sample(frac=1.0, random_state=1))]
    (said,) = notes[0]
    assert notes[0] == notes[1] and said.startswith("nep: The practical range of the variogram is ")
    reach = float(said.split(" is ")[1].split(" km")[0])
    # Half a wave of the sum is 25 km long.
    assert 15 < reach < 50
    assert (
        describe(PixelSample.from_frame(frame.drop(columns=["x", "y"]), response="nep", drivers={"rain": "climate"})).notes
        == ()
    )
