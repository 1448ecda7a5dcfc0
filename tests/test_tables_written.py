"""Tables out and in again: the same values, the same bytes, the limits of a sheet, nothing half written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carbondrivers.datasets.tables import read_table
from carbondrivers.errors import OptionError, OutputError
from carbondrivers.reports import table_file
from carbondrivers.reports.table_file import write_table


@pytest.fixture
def frame():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "x": rng.uniform(0, 1e6, 50), "nep": np.where(np.arange(50) == 3, np.nan, rng.normal(size=50)),
            "year": np.arange(50), "stratum": ["草地, sink", "=1+1", "None", "http://a", '"quoted"'] * 10,
        }
    )  # fmt: skip


@pytest.mark.parametrize(("suffix", "rtol"), [(".csv", 0), (".parquet", 0), (".xlsx", 1e-15)])
def test_a_table_comes_back_as_it_was(tmp_path, frame, suffix, rtol):
    path = write_table(frame, tmp_path / f"sample{suffix}")
    pd.testing.assert_frame_equal(read_table(path).frame, frame, check_dtype=False, rtol=rtol, atol=0)
    again = write_table(frame, tmp_path / f"again{suffix}")
    assert path.read_bytes() == again.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"again{suffix}", f"sample{suffix}"]


def test_notes_have_a_sheet_of_their_own(tmp_path, frame):
    path = write_table(frame, tmp_path / "sample.xlsx", notes=["The practical range is 30 km."])
    assert pd.read_excel(path, sheet_name="notes", header=None).iloc[0, 0] == "The practical range is 30 km."
    assert read_table(path).notes == ("sample.xlsx: only the first sheet 'table' of 2 was read",)


def test_a_sheet_holds_so_many_rows_and_no_more(tmp_path, frame, monkeypatch):
    assert table_file.ROW_LIMIT == 1_048_576 - 1
    monkeypatch.setattr(table_file, "ROW_LIMIT", 49)
    with pytest.raises(
        OutputError, match=r"the table has 50 rows and 4 columns, an Excel sheet holds 49 .*: write .parquet or"
    ):
        write_table(frame, tmp_path / "sample.xlsx")
    assert not list(tmp_path.iterdir())
    write_table(frame, tmp_path / "sample.csv")
    monkeypatch.setattr(table_file, "ROW_LIMIT", 50)
    write_table(frame, tmp_path / "sample.xlsx")


def test_files_that_cannot_be_written(tmp_path, frame):
    with pytest.raises(OptionError, match=r"suffix of 'sample.xls' must be one of '.csv', '.parquet', '.xlsx', got '.xls'"):
        write_table(frame, tmp_path / "sample.xls")
    with pytest.raises(OutputError, match="does not exist; create it"):
        write_table(frame, tmp_path / "none" / "sample.csv")


def test_an_old_file_outlives_a_failure(tmp_path, frame):
    path = write_table(frame, tmp_path / "sample.parquet")
    before = path.read_bytes()
    with pytest.raises(Exception, match="mixed"):
        write_table(frame.assign(mixed=[{"a": 1}, 2.0] * 25), path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
