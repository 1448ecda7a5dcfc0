"""Towers in: formats, stamps, flags and units that are read, sums of known years, and what is refused in which words."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.datasets import tower_formats
from carbondrivers.datasets.tower_aggregation import Coverage, aggregate_tower
from carbondrivers.datasets.towers import read_tower
from carbondrivers.errors import DataError, DataWarning, OptionError
from carbondrivers.nep_models import check_identity, conversions

NAME = "FLX_XX-Abc_FLUXNET2015_FULLSET_{}_2008-2008_1-4.csv"
UMOL_DAY = 12.011e-6 * 86_400


def half_hours(year: int = 2008, *, step: int = 30) -> pd.DataFrame:
    """A year with a known flux: uptake by day, release by night, stronger in summer; GPP - RECO = -NEE exactly."""
    start = pd.date_range(f"{year}-01-01", f"{year + 1}-01-01", freq=f"{step}min", inclusive="left")
    sun = np.clip(np.sin((start.hour + start.minute / 60 - 6) / 12 * np.pi), 0, None)
    season = 1 - np.cos(2 * np.pi * start.day_of_year / 366)
    gpp, reco = 10 * sun * season, 1.5 + season
    return pd.DataFrame(
        {
            "TIMESTAMP_START": start.strftime("%Y%m%d%H%M"),
            "TIMESTAMP_END": (start + pd.Timedelta(minutes=step)).strftime("%Y%m%d%H%M"),
            "TA_F": 10 + 5 * season,
            "TA_F_QC": 0,
            "SW_IN_F": 600 * sun,
            "P_F": 0.05,
            "NEE_VUT_REF": reco - gpp,
            "NEE_VUT_REF_QC": 0,
            "RECO_NT_VUT_REF": reco,
            "GPP_NT_VUT_REF": gpp,
        }
    )


def save(frame: pd.DataFrame, folder: Path, resolution: str = "HH", **options: object) -> Path:
    path = folder / NAME.format(resolution)
    frame.to_csv(path, index=False, **options)
    return path


@pytest.fixture(scope="module")
def year_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(half_hours(), tmp_path_factory.mktemp("towers"))


@pytest.fixture(scope="module")
def tower(year_file: Path) -> xr.Dataset:
    return read_tower(year_file)


# What is read


def test_half_hours_of_a_leap_year(tower: xr.Dataset) -> None:
    assert tower.sizes["time"] == 366 * 48
    assert (tower.attrs["site"], tower.attrs["network"], tower.attrs["resolution"]) == ("XX-Abc", "fluxnet", "HH")
    assert str(tower["time"].to_numpy()[[0, -1]]) == "['2008-01-01T00:00:00.000000000' '2008-12-31T23:30:00.000000000']"
    np.testing.assert_array_equal(tower["nep"], -tower["nee"])
    units = {
        name: tower[name].attrs["units"] for name in ("nee", "nep", "gpp", "er", "temperature", "precipitation", "radiation")
    }
    assert set(list(units.values())[:4]) == {"umol CO2 m-2 s-1"}
    assert (units["temperature"], units["precipitation"], units["radiation"]) == ("degC", "mm", "MJ m-2 d-1")
    assert "read_tower(file='FLX_XX-Abc" in tower.attrs["history"] and "/" not in tower.attrs["history"]


def test_half_hours_become_exactly_the_sums_of_the_file(tower: xr.Dataset) -> None:
    frame = half_hours()
    day, month, year = (aggregate_tower(tower, to) for to in ("day", "month", "year"))
    rate = frame["NEE_VUT_REF"].to_numpy() * UMOL_DAY
    np.testing.assert_allclose(day["nee"], rate.reshape(366, 48).mean(axis=1), rtol=1e-12)
    assert month["nee"].sizes["time"] == 12 and month["nee"].attrs["units"] == "g C m-2 month-1"
    np.testing.assert_allclose(float(month["nee"][1]), rate[31 * 48 : 60 * 48].mean() * 29, rtol=1e-12)  # 29 days
    assert year["year"].to_numpy().tolist() == [2008] and year["nee"].attrs["units"] == "g C m-2 a-1"
    np.testing.assert_allclose(float(year["nee"][0]), rate.mean() * 366, rtol=1e-12)
    np.testing.assert_allclose(float(month["nee"].sum()), float(year["nee"][0]), rtol=1e-12)
    np.testing.assert_allclose(float(year["precipitation"][0]), 0.05 * 366 * 48, rtol=1e-12)
    np.testing.assert_allclose(float(year["temperature"][0]), frame["TA_F"].mean(), rtol=1e-12)
    np.testing.assert_allclose(float(year["radiation"][0]), frame["SW_IN_F"].mean() * 0.0864, rtol=1e-12)
    assert float(year["nee_coverage"][0]) == pytest.approx(1.0) and float(year["nee_qc"][0]) == pytest.approx(1.0)
    np.testing.assert_allclose(year["gpp"] - year["er"], year["nep"], rtol=1e-9)


@pytest.mark.parametrize(
    ("resolution", "stamps", "unit"),
    [
        ("DD", ["20080228", "20080229", "20080301"], "g C m-2 d-1"),
        ("MM", ["200801", "200802", "200803"], "g C m-2 d-1"),
        ("YY", ["2007", "2008", "2009"], "g C m-2 a-1"),
    ],
)
def test_coarser_resolutions_by_one_stamp(tmp_path: Path, resolution: str, stamps: list[str], unit: str) -> None:
    frame = pd.DataFrame({"TIMESTAMP": stamps, "NEE_VUT_REF": [-1.0, -9999, 2.0], "NEE_VUT_REF_QC": [0.9, 0.1, 0.5]})
    found = read_tower(save(frame, tmp_path, resolution))
    assert found.attrs["resolution"] == resolution and found["nee"].attrs["units"] == unit
    np.testing.assert_array_equal(found["nep"], [1.0, np.nan, -2.0])
    np.testing.assert_array_equal(found["nee_qc"], [0.9, 0.1, 0.5])
    screened = read_tower(save(frame, tmp_path, resolution), min_qc=0.6)
    np.testing.assert_array_equal(screened["nee"], [-1.0, np.nan, np.nan])
    assert screened["nee"].attrs == found["nee"].attrs


def test_weeks_and_hours(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"TIMESTAMP_START": [20080101, 20081223], "TIMESTAMP_END": [20080107, 20081231], "NEE_VUT_REF": [1.0, 2.0]}
    )
    weeks = read_tower(save(frame, tmp_path, "WW"))
    assert weeks.attrs["resolution"] == "WW" and weeks["nee"].attrs["units"] == "g C m-2 d-1"
    with pytest.raises(DataError, match="weeks do not make whole months: read the daily file"):
        aggregate_tower(weeks, "month")
    hours = read_tower(save(half_hours(2007, step=60), tmp_path, "HR"))
    assert hours.attrs["resolution"] == "HR" and hours.sizes["time"] == 8760
    year = aggregate_tower(hours, "year")
    np.testing.assert_allclose(
        float(year["nee"][0]), half_hours(2007, step=60)["NEE_VUT_REF"].mean() * UMOL_DAY * 365, rtol=1e-12
    )
    np.testing.assert_allclose(float(year["precipitation"][0]), 0.05 * 8760, rtol=1e-12)


def test_variants_and_partitioning_are_chosen(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "TIMESTAMP": [2008, 2009],
            "NEE_CUT_REF": [-100.0, -90.0],
            "GPP_DT_CUT_REF": [900.0, 800.0],
            "RECO_DT_CUT_REF": [805.0, 700.0],
        }
    )
    path = save(frame, tmp_path, "YY")
    found = read_tower(path, variant="CUT_REF", partition="DT")
    assert found["gpp"].attrs["column"] == "GPP_DT_CUT_REF" and found["er"].to_numpy().tolist() == [805.0, 700.0]
    assert "gpp" not in read_tower(path, variant="CUT_REF", partition="NT")
    with pytest.raises(DataError, match="there is no column 'NEE_VUT_REF': give variant='CUT_REF'"):
        read_tower(path)


def test_flags_of_half_hours_are_shares_and_screen_by_half_hour(tmp_path: Path) -> None:
    frame = half_hours().head(48).assign(NEE_VUT_REF_QC=[0, 1, 2, 3] * 12)
    path = save(frame, tmp_path)
    found = read_tower(path)
    np.testing.assert_array_equal(found["nee_qc"][:4], [1, 1, 0, 0])
    assert not np.isnan(found["nee"]).any()
    screened = read_tower(path, min_qc=0.5)
    for name in ("nee", "nep", "gpp", "er"):
        np.testing.assert_array_equal(np.isnan(screened[name][:4]), [False, False, True, True])
    assert not np.isnan(screened["temperature"]).any()
    day = aggregate_tower(found, "day")
    assert float(day["nee_qc"][0]) == 0.5
    assert np.isnan(aggregate_tower(found, "day", min_qc=0.6)["nee"]).all()
    assert not np.isnan(aggregate_tower(found, "day", min_qc=0.6)["temperature"]).any()


def test_byte_order_mark_order_and_repeats(tmp_path: Path, tower: xr.Dataset) -> None:
    frame = half_hours()
    shuffled = pd.concat([frame.sample(frac=1, random_state=1), frame.iloc[[100, 200]]])
    path = save(shuffled, tmp_path, encoding="utf-8-sig")
    with pytest.warns(DataWarning) as caught:
        found = read_tower(path)
    words = " ".join(str(w.message) for w in caught)
    assert (
        "earlier than the one before: they were sorted" in words and "2 records were repeated: the copies were dropped" in words
    )
    xr.testing.assert_allclose(found, tower, rtol=1e-15)
    assert "utf-8-sig" in found.attrs["notes"]


def test_an_archive_gives_its_member(tmp_path: Path, year_file: Path, tower: xr.Dataset) -> None:
    archive = tmp_path / "FLX_XX-Abc_FLUXNET2015_FULLSET_2008-2008_1-4.zip"
    month = pd.DataFrame({"TIMESTAMP": [200801], "NEE_VUT_REF": [-1.0]}).to_csv(index=False)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.write(year_file, year_file.name)
        target.writestr(NAME.format("MM"), month)
        target.writestr("FLX_XX-Abc_FLUXNET2015_ERAI_MM_1989-2014_1-4.csv", "TIMESTAMP,TA_ERA\n198901,1\n")
        target.writestr("FLX_XX-Abc_FLUXNET_BIF_ALL.csv", "a,b\n1,2\n")
    xr.testing.assert_identical(read_tower(archive, resolution="HH").drop_attrs(deep=False), tower.drop_attrs(deep=False))
    assert read_tower(archive, resolution="MM")["nee"].to_numpy().tolist() == [-1.0]
    with pytest.raises(DataError, match=r"2 tables of fluxes \(there are: HH, MM\): give resolution="):
        read_tower(archive)
    with pytest.raises(DataError, match="no table of DD"):
        read_tower(archive, resolution="DD")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(archive.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"broken\.zip: is not a readable archive .* download it again"):
        read_tower(broken)


def test_errors_inside_an_archive_name_the_member(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("x/FLX_MM_.csv", "TIMESTAMP,NEE_VUT_REF\n200801,1\n200802,1,2\n")
    with pytest.raises(DataError, match=r"a\.zip:x/FLX_MM_\.csv: line 3 has 3 cells") as caught:
        read_tower(archive)
    assert "tower.csv" not in str(caught.value)


# ChinaFLUX


def china(step: int = 30, days: int = 366) -> pd.DataFrame:
    """The same year as ``half_hours`` in the form of ChinaFLUX: stamps name the end, GEE is negative, units are mg CO2."""
    frame = half_hours(step=step).head(days * 1440 // step)
    end = pd.to_datetime(frame["TIMESTAMP_START"], format="%Y%m%d%H%M") + pd.Timedelta(minutes=step)
    mg = 44.0095e-3
    return pd.DataFrame(
        {
            "年": end.dt.year, "月": end.dt.month, "日": end.dt.day, "时": end.dt.hour, "分": end.dt.minute,
            "NEE": frame["NEE_VUT_REF"] * mg, "RE": frame["RECO_NT_VUT_REF"] * mg, "GEE": -frame["GPP_NT_VUT_REF"] * mg,
            "Ta": frame["TA_F"] + 273.15, "Rs": frame["SW_IN_F"], "Prcp": frame["P_F"], "VPD": 0.5,
        }
    )  # fmt: skip


CHINA_UNITS = ["-"] * 5 + ["mg CO2 m-2 s-1", "mg.CO2.m-2.s-1", "mgCO2·m-2·s-1", "K", "W m-2", "mm", "kPa"]


def with_units(frame: pd.DataFrame, units: list[str] | None = None) -> str:
    header, *body = frame.to_csv(index=False, lineterminator="\n").split("\n")
    return "\n".join([header, ",".join(units or CHINA_UNITS[: frame.shape[1]]), *body])


@pytest.mark.parametrize("encoding", ["gbk", "utf-8", "utf-8-sig"])
def test_a_chinese_table_equals_the_same_year_of_fluxnet(tmp_path: Path, tower: xr.Dataset, encoding: str) -> None:
    path = tmp_path / "千烟洲_30min_2008.csv"
    path.write_bytes(with_units(china()).encode(encoding))
    found = read_tower(path)
    assert (found.attrs["network"], found.attrs["resolution"]) == ("chinaflux", "HH")
    assert "GEE is negative in the file: GPP is its negative" in found.attrs["notes"]
    for name in ("nee", "nep", "gpp", "er", "temperature", "precipitation", "radiation"):
        np.testing.assert_allclose(found[name], tower[name], rtol=1e-9, atol=1e-9)
        assert found[name].attrs["units"] == tower[name].attrs["units"]
    np.testing.assert_array_equal(found["time"], tower["time"])
    assert float(found["vpd"][0]) == 5.0
    np.testing.assert_allclose(aggregate_tower(found, "year")["nep"], aggregate_tower(tower, "year")["nep"], rtol=1e-9)


def test_hour_24_a_stamp_column_and_a_day_of_year(tmp_path: Path) -> None:
    plain = china(days=3)
    start = pd.date_range("2008-01-01", periods=144, freq="30min")
    hours = start.hour + start.minute / 60 + 0.5
    forms = {
        "24.csv": plain.assign(年=2008, 月=1, 日=start.day, 时=np.where(hours == 24, 24, hours // 1).astype(int)),
        "doy.csv": plain.drop(columns=["月", "日", "分"]).assign(年=2008, doy=start.day_of_year, 时=hours),
        "stamp.csv": plain.drop(columns=["年", "月", "日", "时", "分"]).assign(
            time=[f"{t.year}/{t.month}/{t.day} {t.hour}:{t.minute:02d}" for t in start + pd.Timedelta(minutes=30)]
        ),
    }
    expected = half_hours()["NEE_VUT_REF"].head(144)
    known = dict(zip(plain.columns, CHINA_UNITS, strict=True))
    for name, frame in forms.items():
        path = tmp_path / name
        path.write_text(with_units(frame, [known.get(c, "-") for c in frame]), encoding="utf-8")
        found = read_tower(path)
        np.testing.assert_array_equal(found["time"], start)
        np.testing.assert_allclose(found["nee"], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("columns", "unit", "resolution", "expected"),
    [
        ({"Year": [2007, 2008], "Month": [2, 2], "Day": [28, 29]}, "gC m-2 d-1", "DD", [-2.0, -4.0]),
        ({"Year": [2007, 2008], "Month": [2, 2]}, "gC m-2 month-1", "MM", [-2.0 / 28, -4.0 / 29]),
        ({"Year": [2007, 2008]}, "gC·m-2·yr-1", "YY", [-2.0, -4.0]),
        ({"Year": [2007, 2008]}, "g C m-2 d-1", "YY", [-730.0, -1464.0]),
        (
            {"Year": [2007, 2008], "Month": [2, 2], "Day": [28, 29]},
            "g CO2 m-2 d-1",
            "DD",
            [-2 * 12.011 / 44.0095, -4 * 12.011 / 44.0095],
        ),
        ({"date": ["2007-02-28", "2008-02-29"]}, "umol m-2 s-1", "DD", [-2 * UMOL_DAY, -4 * UMOL_DAY]),
    ],
)
def test_days_months_and_years_with_true_lengths(tmp_path, columns, unit, resolution, expected) -> None:
    path = tmp_path / "t.csv"
    frame = pd.DataFrame(columns | {"NEE": [-2.0, -4.0]})
    path.write_text(with_units(frame, ["/"] * len(columns) + [unit]), encoding="utf-8")
    found = read_tower(path)
    assert found.attrs["resolution"] == resolution
    np.testing.assert_allclose(found["nee"], expected, rtol=1e-12)


def test_units_in_names_given_units_gap_filled_columns_and_workbooks(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("year,month,NEE（gC m-2 d-1）,Ta(℃),VPD\n2008,1,-1,-5,3\n2008,2,-99999,-3,3\n", encoding="utf-8")
    found = read_tower(path)
    np.testing.assert_array_equal(found["nee"], [-1.0, np.nan])
    assert "vpd" not in found and "VPD was left out: its unit '' is not known" in found.attrs["notes"]
    path.write_text("year,month,NEE,NEE_F\n2008,1,-9999,-31\n", encoding="utf-8")
    assert float(read_tower(path, units={"NEE_F": "g C m-2 month-1"})["nee"][0]) == -1.0
    book = openpyxl.Workbook()
    for row in (["年", "月", "NEE"], ["", "", "gC m-2 d-1"], [2008, 1, -1.5], [2008, 2, -6999]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    np.testing.assert_array_equal(read_tower(tmp_path / "t.xlsx")["nee"], [-1.5, np.nan])


def test_constants_are_those_of_the_models() -> None:
    for name in ("CARBON_G_PER_MOL", "CO2_G_PER_MOL", "SECONDS_PER_DAY"):
        assert getattr(tower_formats, name) == getattr(conversions, name)


# Gaps


def test_missing_rows_and_missing_values_count_the_same(tmp_path: Path) -> None:
    frame = half_hours().head(10 * 48)
    gone = frame.index.isin([5, 6, 7, 8, 9])
    rows = aggregate_tower(read_tower(save(frame[~gone], tmp_path)), "day", coverage=Coverage(day=0.8))
    cells = aggregate_tower(
        read_tower(save(frame.assign(NEE_VUT_REF=frame["NEE_VUT_REF"].mask(gone, -9999)), tmp_path)),
        "day",
        coverage=Coverage(day=0.8),
    )
    np.testing.assert_allclose(rows["nee"], cells["nee"], rtol=1e-12)
    np.testing.assert_allclose(rows["nee_coverage"], cells["nee_coverage"], rtol=1e-12)
    assert float(cells["nee_coverage"][0]) == pytest.approx(43 / 48)
    expected = frame["NEE_VUT_REF"][~gone].head(43).mean() * UMOL_DAY
    assert float(cells["nee"][0]) == pytest.approx(expected, rel=1e-12)
    assert np.isnan(aggregate_tower(read_tower(save(frame[~gone], tmp_path)), "day")["nee"][0])  # 43/48 is below 0.9


# Real data


def test_puechabon_reads_through_and_closes(shared_data: Path) -> None:
    found = read_tower(shared_data / "FR-Pue_monthly_2007-2014.csv")
    assert (found.attrs["site"], found.attrs["resolution"], found.sizes["time"]) == ("FR-Pue", "MM", 96)
    imbalance = check_identity(found["gpp"], found["er"], found["nep"], 0.5)
    assert float(abs(imbalance).max()) <= 0.31 and imbalance.attrs["units"] == "g C m-2 d-1"
    year = aggregate_tower(found, "year")
    # The mean that a CASA comparison of 2007-2012 reports for this tower is 275 g C m-2 a-1.
    assert float(year["nep"].sel(year=slice(2007, 2012)).mean()) == pytest.approx(275, abs=1)
    raw = pd.read_csv(shared_data / "FR-Pue_monthly_2007-2014.csv")
    days = pd.to_datetime(raw["TIMESTAMP"].astype(str), format="%Y%m").dt.days_in_month
    sums = (raw["NEE_VUT_REF"] * days).groupby(raw["TIMESTAMP"] // 100).sum()
    np.testing.assert_allclose(year["nee"], sums, rtol=1e-12)
    assert "vpd_qc" not in found and float(found["nee_qc"].min()) < 0.75
    screened = read_tower(shared_data / "FR-Pue_monthly_2007-2014.csv", min_qc=0.75)
    assert int(np.isnan(screened["nee"]).sum()) == int((raw["NEE_VUT_REF_QC"] < 0.75).sum()) > 0


# What is refused


BAD = {
    "no stamp": ("when,NEE_VUT_REF\n2008,1\n", "there is no time column of TIMESTAMP, or .* the columns are when, NEE_VUT_REF"),
    "rounded": (
        "TIMESTAMP_START,TIMESTAMP_END,NEE_VUT_REF\n2.00701E+11,2.00701E+11,1\n",
        "START 200701000000 in data row 1 is no date .a spreadsheet",
    ),
    "lengths": ("TIMESTAMP,NEE_VUT_REF\n200801,1\n20080201,1\n", r"TIMESTAMP has 6 and 8 digits \(first '200801'\)"),
    "fraction": ("TIMESTAMP,NEE_VUT_REF\n2008.5,1\n2009,1\n", "TIMESTAMP has 6 digits .first '2008.5'|is no date"),
    "empty stamp": ("TIMESTAMP,NEE_VUT_REF\n200801,1\n,1\n", "TIMESTAMP in data row 2 is empty, 1 such rows"),
    "thirteen": ("TIMESTAMP,NEE_VUT_REF\n200813,1\n", "200813 in data row 1 is no date"),
    "ten minutes": (
        "TIMESTAMP_START,TIMESTAMP_END,NEE_VUT_REF\n200801010000,200801010010,1\n",
        "records last 10 minutes, all must last 30 or all 60",
    ),
    "text": ("TIMESTAMP,NEE_VUT_REF\n200801,bad\n", "'NEE_VUT_REF' holds 'bad' in data row 1 where a number is expected"),
    "no nee": ("TIMESTAMP,NEE_VUT\n200801,1\n", "there is no column 'NEE_VUT_REF': check the file. Did you mean 'NEE_VUT'"),
    "conflict": ("TIMESTAMP,NEE_VUT_REF\n200801,1\n200801,2\n", "2008-01-01 00:00 occurs twice with different values"),
    "flag": ("TIMESTAMP,NEE_VUT_REF,NEE_VUT_REF_QC\n200801,1,2\n", "NEE_VUT_REF_QC runs from 2 to 2 in a monthly file"),
    "mixed steps": (
        "TIMESTAMP_START,TIMESTAMP_END,NEE_VUT_REF\n200801010000,200801010030,1\n200801010030,200801010130,1\n",
        "records last 30, 60 minutes, all must last 30 or all 60",
    ),
    "unit": ("TIMESTAMP,NEE_VUT_REF\n200801,-380\n", "1 of 1 values of NEE_VUT_REF exceed 60 g C m-2 d-1"),
    "china no unit": ("year,month,NEE\n2008,1,1\n", r"column 'NEE' has no unit: give units=\{'NEE': 'mg CO2"),
    "china unit": ("year,NEE(furlong)\n2008,1\n", r"'NEE\(furlong\)' has the unit 'furlong', which is not known"),
    "china nee": ("year,month,CO2\n2008,1,1\n", "there is no column of NEE; the columns are year, month, CO2"),
    "china date": ("year,month,day,NEE(gC m-2 d-1)\n2007,2,29,1\n", "data row 1 is no date .year 2007, month 2, day 29."),
    "china start": (
        "year,month,day,hour,minute,NEE(umol m-2 s-1)\n2008,1,1,3,0,1\n2008,1,1,3,30,1\n",
        "first record is 2008-01-01 03:00 and the last 2008-01-01 03:30, .*give stamp='start'",
    ),
    "china hhmm": ("year,month,day,hour,NEE(umol m-2 s-1)\n2008,1,1,30,1\n2008,1,1,100,1\n", "'hour' runs to 100, 0 to 24"),
    "china nep": ("year,NEE(gC m-2 a-1),RE,GPP\n2008,250,1000,1250\n", "has no unit"),
    "china no year": ("year,month,NEE\n-,-,x\n-,-,y\n", "'year' holds no year of four digits"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_in_words(tmp_path: Path, case: str) -> None:
    text, message = BAD[case]
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        read_tower(path)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(str(path))


def test_nee_with_the_sign_of_nep_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    unit = "(gC m-2 a-1)"
    path.write_text(f"year,NEE{unit},RE{unit},GPP{unit}\n2008,250,1000,1250\n", encoding="utf-8")
    with pytest.raises(DataError, match="equals GPP - respiration, so it is NEP: turn its sign"):
        read_tower(path)


def test_resolution_that_the_name_or_the_option_denies(tmp_path: Path) -> None:
    frame = pd.DataFrame({"TIMESTAMP": [200801], "NEE_VUT_REF": [-1.0]})
    with pytest.raises(DataError, match=r"the stamps are monthly, but the file's name says 'DD' \(daily\)"):
        read_tower(save(frame, tmp_path, "DD"))
    with pytest.raises(DataError, match="but resolution= says 'YY'"):
        read_tower(save(frame, tmp_path, "MM"), resolution="YY")


def test_an_empty_nee_warns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"TIMESTAMP": [200801, 200802], "NEE_VUT_REF": -9999})
    with pytest.warns(DataWarning, match="NEE_VUT_REF has no value at all"):
        assert np.isnan(read_tower(save(frame, tmp_path, "MM"))["nep"]).all()


def test_screening_without_flags_is_refused(tmp_path: Path, tower: xr.Dataset) -> None:
    path = save(pd.DataFrame({"TIMESTAMP": [200801], "NEE_VUT_REF": [-1.0]}), tmp_path, "MM")
    with pytest.raises(DataError, match=r"min_qc = 0.5 needs a quality flag of NEE, and the file has none: give min_qc=0"):
        read_tower(path, min_qc=0.5)
    with pytest.raises(DataError, match="the dataset has no 'nee_qc'"):
        aggregate_tower(read_tower(path), "year", min_qc=0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda p: read_tower(p, network="ameriflux"),
            "network must be one of 'auto', 'fluxnet', 'chinaflux', got 'ameriflux'",
        ),
        (lambda p: read_tower(p, variant="VUT"), "variant must be one of 'VUT_REF'"),
        (lambda p: read_tower(p, partition="night"), "partition must be one of 'NT', 'DT'"),
        (lambda p: read_tower(p, min_qc=75), "min_qc must be in 0 to 1, a share of records, got 75"),
        (lambda p: read_tower(p, resolution="day"), "resolution must be one of 'HH'"),
        (lambda p: read_tower(p, stamp="middle"), "stamp must be one of 'auto', 'start', 'end'"),
    ],
)
def test_options_outside_their_lists(year_file: Path, call, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        call(year_file)


def test_files_that_are_not_there_and_units_of_no_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no such file"):
        read_tower(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match=r"there is no such file"):
        read_tower(tmp_path / "nothing.zip")
    with pytest.raises(DataError, match=r"units name a column 'Nee' that is not there\. Did you mean 'NEE'"):
        (tmp_path / "t.csv").write_text("year,NEE\n2008,1\n", encoding="utf-8")
        read_tower(tmp_path / "t.csv", units={"Nee": "gC m-2 a-1"})


def test_the_example_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    text = (Path(__file__).parents[1] / "docs" / "towers.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert blocks
    save(half_hours(), tmp_path)
    (tmp_path / NAME.format("HH")).rename(tmp_path / "FLX_XX-Abc_FLUXNET2015_FULLSET_HH_2008-2008_1-4.csv")
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(block, {})
    assert "nep" in capsys.readouterr().out
