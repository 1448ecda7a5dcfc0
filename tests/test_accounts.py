"""The regional account: known totals, gaps, units, refusals, lazy equals in memory."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import xarray as xr

from carbondrivers.attribution.accounts import account
from carbondrivers.attribution.result import GRAMMAR
from carbondrivers.datasets.grids import cell_areas
from carbondrivers.errors import DataError

EQUAL_AREA = "+proj=laea +lat_0=0 +lon_0=0 +units=m"


def stack(data, crs="EPSG:4326", units="g C m-2 a-1", step=0.5, **attrs):
    data = np.asarray(data, dtype=float)
    years, rows, columns = data.shape
    coords = {
        "year": 2001 + np.arange(years),
        "y": 45.0 - step * np.arange(rows),
        "x": 100.0 + step * np.arange(columns),
    }
    given = {key: value for key, value in {"crs": crs, "units": units}.items() if value} | attrs
    return xr.DataArray(data, coords=coords, dims=("year", "y", "x"), name="nep", attrs=given)


def random_stack(**options):
    rng = np.random.default_rng(3)
    data = rng.normal(100.0, 80.0, (5, 7, 9))
    data[rng.random(data.shape) < 0.1] = np.nan
    data[:, 0, 0] = np.nan
    return stack(data, **options)


def test_a_uniform_flux_totals_to_flux_times_area():
    result = account(stack(np.full((2, 3, 4), 50.0)))
    area = float(cell_areas(stack(np.ones((1, 3, 4)))).sum())
    np.testing.assert_allclose(result.annual["estimate"], 50.0, rtol=1e-12)
    np.testing.assert_allclose(result.annual["area_km2"], area, rtol=1e-12)
    np.testing.assert_allclose(result.annual["total"], 50.0 * area * 1e6 / 1e12, rtol=1e-12)
    assert result.n == 12
    assert result.notes == ()


def test_a_published_total_is_met():
    # 97.98 g C m-2 a-1 over 2.15e6 km2 is 210.657 Tg C a-1.
    side = float(np.sqrt(2.15e6 * 1e6))
    result = account(stack(np.full((1, 1, 1), 97.98), EQUAL_AREA, resolution=(side, side)))
    assert result.annual["total"].item() == pytest.approx(210.657, rel=1e-9)


def test_weights_are_cell_areas_of_the_year():
    given = random_stack()
    result = account(given)
    areas = cell_areas(given).to_numpy()
    for position, row in enumerate(result.annual.itertuples()):
        values = given.to_numpy()[position]
        valid = ~np.isnan(values)
        assert row.n == valid.sum()
        assert row.area_km2 == pytest.approx(areas[valid].sum(), rel=1e-12)
        assert row.estimate == pytest.approx(np.average(values[valid], weights=areas[valid]), rel=1e-12)
    np.testing.assert_allclose(result.grid["mean"].to_numpy()[1:], np.nanmean(given[:, 1:], axis=0), rtol=1e-12)
    assert np.isnan(result.grid["mean"].to_numpy()[0, 0])
    assert result.n == 62
    assert "lack a value in some years" in result.notes[0]


def test_lazy_and_in_memory_agree():
    given = random_stack()
    plain, lazy = account(given), account(given.chunk({"y": 2, "x": 4}))
    np.testing.assert_allclose(lazy.annual, plain.annual, rtol=1e-12)
    xr.testing.assert_allclose(lazy.grid, plain.grid, rtol=1e-12)


def test_single_precision_does_not_lose_the_total():
    given = stack(np.full((1, 1000, 1000), 100.1), EQUAL_AREA, step=1000.0).astype(np.float32)
    assert account(given).annual["estimate"].item() == pytest.approx(float(np.float32(100.1)), rel=1e-12)


def test_order_of_years_and_dimensions_does_not_matter():
    given = random_stack()
    turned = given.isel(year=slice(None, None, -1)).transpose("x", "year", "y")
    np.testing.assert_allclose(account(turned).annual, account(given).annual, rtol=1e-12)


def test_result_is_in_the_grammar_and_pickles():
    result = pickle.loads(pickle.dumps(account(random_stack())))
    assert set(result.annual.columns) == {"year", "estimate", "total", "area_km2", "n"} <= GRAMMAR
    assert list(result.tables) == ["annual"]
    assert list(result.maps) == ["grid"]
    assert result.grid["mean"].attrs["units"] == "g C m-2 a-1"
    assert result.unit("nep") == "g C m-2 a-1"


@pytest.mark.parametrize(("units", "note"), [("m2 m-2", "the stack is in m2 m-2"), ("", "no declared unit")])
def test_other_units_have_a_mean_and_no_total(units, note):
    result = account(random_stack(units=units))
    assert result.annual["total"].isna().all()
    assert result.annual["estimate"].notna().all()
    assert note in result.notes[0]


def test_spelling_of_the_unit_does_not_matter():
    assert account(random_stack(units="gC/m2/yr")).annual["total"].notna().all()


def test_one_cell_of_unknown_size_and_a_grid_without_crs():
    for given in (stack(np.full((2, 1, 1), 7.0)), random_stack(crs="")):
        result = account(given)
        assert result.annual[["total", "area_km2"]].isna().all(axis=None)
        assert result.annual["estimate"].notna().all()
        assert "every cell weighs the same" in result.notes[0]


def test_a_year_without_values_is_missing_and_named():
    data = np.full((3, 2, 2), 10.0)
    data[1] = np.nan
    result = account(stack(data))
    assert result.annual["estimate"].isna().tolist() == [False, True, False]
    assert result.annual["total"].isna().tolist() == [False, True, False]
    assert result.notes[-1] == "No cell has a value in 2002."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (stack(np.ones((2, 2, 2))).isel(year=0), "dimensions year, y and x, got y, x"),
        (np.ones((2, 2, 2)), "got ndarray"),
        (stack(np.full((2, 2, 2), np.nan)), "no value at all"),
        (stack(np.array([[[1.0, np.inf]]])), "holds 1 infinite values"),
        (stack(np.ones((0, 2, 2))), "the stack is empty"),
        (stack(np.ones((2, 2, 2))).assign_coords(year=[2001, 2001]), "every year occurs once"),
        (stack(np.ones((2, 2, 2))).drop_vars("year"), "needs a coordinate 'year'"),
        (stack(np.ones((2, 2, 2))).astype(str), "where numbers are expected"),
        (stack(np.ones((2, 2, 2)), crs="EPSG:1"), "unknown CRS 'EPSG:1'"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(DataError, match=message):
        account(given)
