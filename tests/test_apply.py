"""The declared ranges on lazy arrays, looked at block by block while they are computed, and the history of a result."""

from __future__ import annotations

import pickle
import tracemalloc
import warnings

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from carbondrivers.errors import DataError, DataWarning
from carbondrivers.nep_models import autotrophic_respiration, nep_from_npp, npp_casa, rm_grass
from carbondrivers.nep_models.apply import Quantity, declare
from carbondrivers.nep_models.ranges import NODATA

STRICT = Quantity("temperature", ("degC",), -65.0, 55.0, "Temperature", strict=True)
LOOSE = Quantity("npp", ("g C m-2 a-1",), 0.0, 2500.0, "NPP")
OPEN = Quantity("flux", ("1",), long_name="Flux")


@declare(OPEN, temperature=STRICT, npp=LOOSE, flux=OPEN)
def plus_one(temperature=0.0, npp=0.0, flux=0.0, *, pair=("a", 1), many=None):
    """Return the sum of the arguments and one."""
    return temperature + npp + flux + 1.0


def grid(values, dtype=np.float64, blocks=2):
    return xr.DataArray(np.asarray(values, dtype=dtype), dims="x", attrs={"crs": "EPSG:4326"}).chunk({"x": blocks})


@pytest.mark.parametrize(
    ("argument", "wrong", "message"),
    [
        ("temperature", -9999.0, r"temperature runs from -9999 to 10 .*-65 to 55 degC: a nodata value was left in"),
        ("temperature", 56.0, r"temperature runs from 10 to 56 .*a wrong unit"),
        ("temperature", np.inf, "temperature holds 1 infinite values: mend them or set them to NaN"),
        ("temperature", -3.4028234663852886e38, "nodata value was left in"),
        ("npp", -9999.0, "npp runs from -9999 to 10 .*: a nodata value was left in; set it to NaN"),
        ("npp", 32767.0, "npp .*: a nodata value was left in"),
        ("npp", -np.inf, "npp holds 1 infinite values"),
        ("npp", 27501.0, "npp .*: a wrong unit, a scale factor or a fill value"),
        ("npp", 9.96921e36, "npp .*: a nodata value was left in"),
        ("flux", np.inf, "flux holds 1 infinite values"),
    ],
)
@pytest.mark.parametrize("kind", ["grid", "array"])
def test_a_wrong_block_stops_the_computation_by_name(argument, wrong, message, kind):
    given_ = grid([10.0, 10.0, 10.0, wrong, np.nan])
    found = plus_one(**{argument: given_ if kind == "grid" else given_.data})
    assert found.chunks is not None
    with pytest.raises(DataError, match=message):
        found.compute()
    # The blocks before it can be computed.
    np.testing.assert_array_equal(np.asarray(found[:2]), [11.0, 11.0])


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_the_error_comes_through_every_scheduler_and_pickles(scheduler):
    with dask.config.set(scheduler=scheduler), pytest.raises(DataError, match="temperature") as caught:
        plus_one(temperature=grid([290.0, 291.0])).compute()
    assert "kelvin; subtract 273.15" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("values", [[2600.0, 10.0], [-300.0, -20.0], [-25000.0, 27500.0], [np.nan, np.nan], [-9998.0, 9998.0]])
def test_a_block_that_merely_lies_outside_is_not_refused(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = plus_one(npp=grid(values))
        np.testing.assert_array_equal(found.to_numpy(), np.asarray(values) + 1)


@given(st.lists(st.one_of(st.just(np.nan), st.floats(0, 2500)), min_size=1, max_size=12), st.integers(1, 5))
def test_a_block_in_its_range_is_never_refused(values, blocks):
    lazy = plus_one(temperature=grid(np.asarray(values) / 50, blocks=blocks), npp=grid(values, blocks=blocks))
    np.testing.assert_array_equal(lazy.to_numpy(), plus_one(np.asarray(values) / 50, np.asarray(values)))


def test_nodata_codes_that_the_quantity_can_be_are_kept():
    nep = nep_from_npp(grid([500.0, 100.0]), grid([1499.0, 1099.0]))  # -999 is a plausible NEP
    assert nep.to_numpy().tolist() == [-999.0, -999.0]
    assert plus_one(flux=grid([NODATA[0], NODATA[1]])).to_numpy().tolist() == [-9998.0, -998.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint8])
def test_dtype_chunks_labels_and_the_input_stay(dtype):
    values = grid([1, 2, 3, 4, 5], dtype)
    before = values.data.name
    found = plus_one(npp=values)
    eager = plus_one(npp=values.compute())
    assert (found.dtype, found.chunks, found.attrs["crs"]) == (eager.dtype, ((2, 2, 1),), "EPSG:4326")
    assert type(found.data._meta) is np.ndarray
    assert values.data.name == before
    np.testing.assert_array_equal(found, eager)


def test_nothing_is_computed_when_the_equation_is_called():
    def fail(block):
        raise AssertionError("computed")

    source = da.zeros(10, chunks=5).map_blocks(fail, dtype=np.float64, meta=np.empty(0))
    assert plus_one(temperature=source).chunks == ((5, 5),)
    months = xr.DataArray(da.zeros((12, 4), chunks=(12, 2)).map_blocks(fail, dtype=np.float64, meta=np.empty((0, 0))))
    months = months.rename(dim_0="time", dim_1="x")
    assert npp_casa(months, months, months, months, 20.0, 0.5, 0.7).chunks is not None


def test_an_equal_call_has_an_equal_graph():
    one, two = (plus_one(temperature=grid([1.0, 2.0]).data) for _ in range(2))
    assert one.name == two.name


def test_a_fill_value_no_longer_becomes_a_productivity_of_nothing():
    months = xr.DataArray(np.full((12, 4), 20.0), dims=("time", "x"))
    cold = months.copy()
    cold[3, 2] = -9999.0
    green = (months * 0.02).chunk({"x": 2})
    npp = npp_casa(green, months.chunk({"x": 2}) * 20, cold.chunk({"x": 2}), months.chunk({"x": 2}), 20.0, 0.5, 0.7)
    assert (npp[:, :2].to_numpy() > 0).all()
    with pytest.raises(DataError, match=r"temperature runs from -9999 to 20 .*nodata value was left in"):
        npp.compute()


def test_memory_holds_blocks_and_not_the_array():
    def peak(blocks):
        source = da.ones((blocks, 250_000), chunks=(1, 250_000)) * 10.0
        total = plus_one(temperature=source, npp=source).sum()
        tracemalloc.start()
        with dask.config.set(scheduler="sync"):
            assert float(total.compute()) == blocks * 250_000 * 21.0
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(40) < 1.3 * peak(10)


def test_values_in_memory_are_looked_at_as_before():
    with pytest.raises(DataError, match="temperature runs from -9999"):
        plus_one(temperature=np.array([10.0, -9999.0]))
    with pytest.warns(DataWarning, match=r"npp runs from -9 to 300 .*a wrong unit"):
        plus_one(npp=np.array([300.0, -9.0]))
    with pytest.raises(DataError, match="npp holds 2 infinite values"):
        plus_one(npp=[np.inf, -np.inf, 1.0])
    with pytest.raises(DataError, match=r"npp .*nodata value was left in"):
        plus_one(npp=np.array([-9999.0, 100.0]))


def test_history_holds_every_option():
    gpp = xr.DataArray([1500.0], dims="x", attrs={"units": "g C m-2 a-1"})
    ra = autotrophic_respiration(gpp, 600.0, rg=("gpp", np.float64(0.2)))
    assert ra.attrs["history"].endswith("autotrophic_respiration(rg=('gpp', 0.2))")
    lai = xr.DataArray([2.0], dims="x")
    assert rm_grass(lai, 15.0, tb=np.float32(20.0)).attrs["history"].endswith("rm_grass(tb=20.0)")
    assert plus_one(npp=gpp, pair=("b", (1, True))).attrs["history"].endswith("plus_one(pair=('b', (1, True)))")
    assert plus_one(npp=gpp, many=np.arange(3)).attrs["history"].endswith("plus_one()")
