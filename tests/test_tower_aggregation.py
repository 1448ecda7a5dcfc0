"""Tower records to days, months and years: gaps and coverage, and the warning for the open-path artefact."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbondrivers.datasets.tower_aggregation import Coverage, aggregate_tower
from carbondrivers.datasets.tower_artefact import open_path_artefact
from carbondrivers.datasets.towers import read_tower
from carbondrivers.errors import DataError, DataWarning, OptionError

UMOL_DAY = 12.011e-6 * 86_400


@pytest.fixture(scope="module")
def tower() -> xr.Dataset:
    """Half hours of a leap year: uptake by day, release by night, stronger in summer; a third of the flags is poor."""
    time = pd.date_range("2008-01-01", "2009-01-01", freq="30min", inclusive="left")
    sun = np.clip(np.sin((time.hour + time.minute / 60 - 6) / 12 * np.pi), 0, None)
    season = 1 - np.cos(2 * np.pi * time.day_of_year / 366)
    gpp, er = 10 * sun * season, 1.5 + season
    unit = {"units": "umol CO2 m-2 s-1"}
    fields = {"nee": er - gpp, "nep": gpp - er, "gpp": gpp, "er": er}
    variables = {name: xr.DataArray(values, coords={"time": time}, dims="time", attrs=unit) for name, values in fields.items()}
    variables["nee_qc"] = xr.DataArray((np.arange(time.size) % 3 > 0).astype(float), coords={"time": time}, dims="time")
    return xr.Dataset(variables, attrs={"resolution": "HH", "site": "XX-Abc", "history": "made"})


def test_two_steps_give_what_one_gives(tower: xr.Dataset) -> None:
    holed = tower.copy()
    rng = np.random.default_rng(3)
    holes = xr.DataArray(rng.random(366 * 48) < 0.08, dims="time")
    holed["nee"] = tower["nee"].where(~holes).assign_attrs(tower["nee"].attrs)
    rules = Coverage(day=0.9, month=0.5)
    once = aggregate_tower(holed, "year", coverage=rules)
    twice = aggregate_tower(aggregate_tower(aggregate_tower(holed, "day", coverage=rules), "month", coverage=rules), "year")
    for name in ("nee", "nee_coverage", "nee_qc", "gpp"):
        np.testing.assert_allclose(twice[name], once[name], rtol=1e-12)


def test_coverage_rules_at_their_edges(tower: xr.Dataset) -> None:
    day = aggregate_tower(tower, "day")
    april = day.sel(time="2008-04")
    for missing, kept in ((6, True), (7, False)):  # 24 of 30 days are 0.8
        holed = april.copy(deep=True)
        holed["nee"][:missing] = np.nan
        month = aggregate_tower(holed, "month")
        assert bool(np.isfinite(month["nee"][0])) == kept
        if kept:
            assert float(month["nee"][0]) == pytest.approx(float(april["nee"][6:].mean()) * 30, rel=1e-12)
    months = aggregate_tower(tower, "month")
    winter = months.isel(time=slice(1, None))
    year = aggregate_tower(winter, "year")
    assert np.isnan(year["nee"][0]) and float(year["nee_coverage"][0]) == pytest.approx(335 / 366)
    loose = aggregate_tower(winter, "year", coverage=Coverage(year=0.9))
    assert float(loose["nee"][0]) == pytest.approx(float(winter["nee"].sum()) / 335 * 366, rel=1e-12)


def test_empty_periods_in_between_are_listed_as_gaps(tower: xr.Dataset) -> None:
    holed = tower.isel(time=np.r_[0:480, 62 * 48 : 100 * 48])
    month = aggregate_tower(holed, "month")
    assert month.sizes["time"] == 4 and np.isnan(month["nee"][1])
    assert float(month["nee_coverage"][1]) == 0.0 and float(month["nee_qc"][1]) == 0.0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.6))
def test_a_gap_is_never_zero(tower: xr.Dataset, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    constant = xr.full_like(tower["nee"][: 60 * 48], -2.0)
    holes = xr.DataArray(rng.random(60 * 48) < share, dims="time")
    holed = xr.Dataset({"nee": constant.where(~holes).assign_attrs(constant.attrs)}, attrs={"resolution": "HH"})
    found = aggregate_tower(holed, "month", coverage=Coverage(day=0.01, month=0.01))
    rates = found["nee"].to_numpy() / np.array([31.0, 29.0])
    np.testing.assert_allclose(rates[~np.isnan(rates)], -2.0 * UMOL_DAY, rtol=1e-9)
    present = ~holes.to_numpy()
    np.testing.assert_allclose(found["nee_coverage"][:2], [present[: 31 * 48].mean(), present[31 * 48 :].mean()], atol=1e-12)


# The open-path artefact


def test_artefact_is_named_and_plain_towers_are_not() -> None:
    table = pd.DataFrame(
        {
            "site": ["desert", "forest", "small", "gap"],
            "nep": [228.0, 300, 50, 228],
            "er": [11.0, 1200, 1, np.nan],
            "gpp": [254.0, 1500, 51, 254],
        }
    )
    with pytest.warns(
        DataWarning,
        match=r"1 of 3 rows with both values .* below 10% of GPP: desert \(NEP 228, ER 11\); it looks like the artefact",
    ):
        assert open_path_artefact(table, gpp="gpp", site="site").tolist() == [True, False, False, False]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not open_path_artefact(table.iloc[1:]).any()


def test_a_year_with_the_artefact_warns(tower: xr.Dataset, tmp_path: Path) -> None:
    desert = tower.copy(deep=True)
    desert["er"] = xr.full_like(tower["er"], 0.03)
    desert["nep"] = xr.full_like(tower["nep"], 0.6)
    with pytest.warns(DataWarning, match=r"1 of 1 rows .*XX-Abc 2008 \(NEP 228, ER 11\)"):
        aggregate_tower(desert, "year")
    file = tmp_path / "XX-Abc_YY.csv"
    file.write_text("TIMESTAMP,NEE_VUT_REF,RECO_NT_VUT_REF\n2007,-228,900\n2008,-228,11\n", encoding="utf-8")
    with pytest.warns(
        DataWarning, match=r"1 of 2 rows .*: XX-Abc 2008 \(NEP 228, ER 11\); it looks like .* open-path analysers"
    ):
        read_tower(file)


def test_artefact_among_the_real_towers(shared_data: Path) -> None:
    columns = {"nep": "nep_median", "er": "ter_median", "gpp": "gpp_median", "site": "site_id"}
    world = pd.read_csv(shared_data / "fluxnet_site_annual_medians.csv")
    with pytest.warns(DataWarning, match=r"1 of 617 rows .*CN-Huz"):
        suspect = open_path_artefact(world, **columns)
    assert suspect.sum() == 1 and len(suspect) == 767
    assert world.loc[suspect, "site_id"].tolist() == ["CN-Huz"]
    with pytest.warns(DataWarning):
        wider = open_path_artefact(world, **columns, er_share=0.2)
    assert sorted(world.loc[wider, "site_id"]) == ["CN-HaW", "CN-Huz", "IT-Lav"]


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: aggregate_tower(t, "week"), "to must be one of 'day', 'month', 'year'"),
        (lambda t: Coverage(day=90), r"coverage of a day must be in \(0, 1\], got 90"),
        (lambda t: open_path_artefact(pd.DataFrame({"nep": [1.0], "er": [1.0]}), er_share=10), "er_share must be in"),
        (
            lambda t: open_path_artefact(pd.DataFrame({"nep": [1.0], "er": [1.0]}), nep_above=-1),
            "nep_above must be 0 or more",
        ),
        (lambda t: aggregate_tower(t, "day", min_qc=50), "min_qc must be in 0 to 1, a share of records, got 50"),
    ],
)
def test_options_outside_their_ranges(tower: xr.Dataset, call, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        call(tower)


def test_wrong_datasets_and_tables(tower: xr.Dataset) -> None:
    with pytest.raises(DataError, match=r"not of a tower .*: use read_tower"):
        aggregate_tower(xr.Dataset({"x": ("time", [1.0])}), "day")
    with pytest.raises(DataError, match="monthly records cannot be made into a day: read a finer file"):
        aggregate_tower(aggregate_tower(tower, "month"), "day")
    with pytest.raises(DataError, match="occurs twice in the dataset"):
        aggregate_tower(xr.concat([tower, tower], dim="time"), "day")
    with pytest.raises(DataError, match="there is no column 'er'"):
        open_path_artefact(pd.DataFrame({"nep": [1.0]}))
    with pytest.raises(DataError, match="column 'er' holds text"):
        open_path_artefact(pd.DataFrame({"nep": [1.0], "er": ["a"]}))


def test_inputs_are_left_unchanged(tower: xr.Dataset) -> None:
    before = tower.copy(deep=True)
    aggregate_tower(tower, "year", min_qc=0.5)
    xr.testing.assert_identical(tower, before)


def test_a_column_of_names_that_is_missing_is_said():
    with pytest.raises(DataError, match=r"there is no column 'sites'. Did you mean 'site'"):
        open_path_artefact(pd.DataFrame({"site": ["a"], "nep": [300.0], "er": [1.0]}), site="sites")
