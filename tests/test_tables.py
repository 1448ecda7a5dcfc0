"""Tables in: what is read, and what is refused in which words."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from carbondrivers.datasets.tables import read_table, table_columns
from carbondrivers.errors import DataError

PLAIN = "site,nep,类型\na,1.5,林地\nb,-2.5,草地\n"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_are_found_and_named(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "t.csv", PLAIN.encode(encoding))
    read = read_table(path)
    assert read.encoding == encoding
    assert list(read.frame.columns) == ["site", "nep", "类型"] == list(table_columns(path))
    assert read.frame["nep"].tolist() == [1.5, -2.5] and read.frame["类型"].tolist() == ["林地", "草地"]
    assert any(encoding in note for note in read.notes) == (encoding != "utf-8")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiters_are_found(tmp_path: Path, delimiter: str, newline: str) -> None:
    text = PLAIN.replace(",", delimiter).replace("\n", newline)
    read = read_table(write(tmp_path, "t.txt", text))
    assert read.delimiter == delimiter and read.decimal == "."
    assert read.frame["nep"].tolist() == [1.5, -2.5]


def test_decimal_commas_are_found_and_named(tmp_path: Path) -> None:
    read = read_table(write(tmp_path, "t.csv", "site;nep\na;1,5\nb;-2,5\n"))
    assert read.decimal == "," and read.frame["nep"].tolist() == [1.5, -2.5]
    assert any("comma" in note for note in read.notes)


def test_quoted_separators_and_line_breaks_stay_in_their_cell(tmp_path: Path) -> None:
    read = read_table(write(tmp_path, "t.csv", 'name,nep\n"a, b",1\n"c\nd",2\n'))
    assert read.frame["name"].tolist() == ["a, b", "c\nd"]


def test_columns_are_chosen_in_order_and_codes_are_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "a,b,c\n1,2,-9999\n3,4,5\n")
    read = read_table(path, ["c", "a"])
    assert list(read.frame.columns) == ["c", "a"] and read.frame["c"].tolist() == [-9999, 5]


def test_a_column_without_a_name_is_left_out_with_a_note(tmp_path: Path) -> None:
    read = read_table(write(tmp_path, "t.csv", ",nep,rain\n0,1,2\n1,3,4\n"))
    assert list(read.frame.columns) == ["nep", "rain"] and any("no name" in note for note in read.notes)


REFUSED: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "double.csv": ("nep,rain,nep\n1,2,3\n", ("'nep' occurs 2 times", "rename or drop")),
    "spaced.csv": ("nep, nep \n1,2\n", ("'nep' occurs 2 times",)),
    "long.csv": ("a,b\n1,2\n3,4,5\n", ("line 3 has 3 cells where the header has 2", "mend")),
    "short.csv": ("a,b\n1,2\n\n3\n", ("line 4 has 1 cells where the header has 2",)),
    "wide.csv": ("a,b\n1,2,3\n1,2,3\n", ("line 2 has 3 cells",)),
    "empty.csv": ("", ("is empty", "export")),
    "blank.csv": ("\n\n \n", ("is empty",)),
    "header.csv": ("a,b\n", ("no rows",)),
    "numbers.csv": ("1,2\n3,4\n", ("first row holds numbers", "header row")),
    "page.csv": ("<!DOCTYPE html><html></html>", ("web page (HTML)", "download")),
    "table.csv": ("\n <table><tr><td>1</td></tr></table>", ("web page (HTML)",)),
    "binary.csv": (bytes(range(256)) * 20, ("binary",)),
    "junk.csv": (b"a,b\n\xff\xff\xfe1,2\n", ("utf-8-sig, utf-8, gb18030", "save it as CSV UTF-8")),
    "wide16.csv": ("a,b\n1,2\n".encode("utf-16"), ("UTF-16", "CSV UTF-8")),
    "zipped.csv": (gzip.compress(b"a,b\n1,2\n"), ("gzip", "unpack")),
    "book.csv": (b"PK\x03\x04rest", ("Excel workbook", ".xlsx")),
    "old.xls": (b"\xd0\xcf\x11\xe0rest", ("old Excel workbook", ".xlsx")),
    "bad.xlsx": ("a,b\n1,2\n", ("not a readable Excel workbook", "save it again")),
    "bad.parquet": ("a,b\n1,2\n", ("not a readable Parquet file",)),
    "quote.csv": ('a,b\n1,"2\n' + "3,4\n" * 50000, ("cannot be read", "quote that is not closed")),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    content, words = REFUSED[name]
    path = write(tmp_path, name, content)
    with pytest.raises(DataError) as caught:
        read_table(path)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    assert all(word in text for word in words), text


def test_missing_files_and_folders_are_named_with_a_remedy(tmp_path: Path) -> None:
    write(tmp_path, "towers.csv", PLAIN)
    with pytest.raises(DataError, match=r"no such file. Did you mean 'towers\.csv'"):
        read_table(tmp_path / "tower.csv")
    with pytest.raises(DataError, match="there is no folder"):
        read_table(tmp_path / "none" / "towers.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_a_missing_column_is_named_with_its_neighbour(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix)
    with pytest.raises(DataError) as caught:
        read_table(path, ["nep", "precipitaton"])
    assert "no column 'precipitaton'. Did you mean 'precipitation'? The columns are: nep, precipitation" in str(caught.value)


def save(folder: Path, suffix: str) -> Path:
    frame = pd.DataFrame({"nep": [1.5, np.nan, -3.0], "precipitation": [300, 400, 500], "igbp": ["DBF", "GRA", "GRA"]})
    path = folder / f"t{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    elif suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet"])
def test_excel_and_parquet_give_what_csv_gives(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix)
    expected = read_table(save(tmp_path, ".csv")).frame
    pd.testing.assert_frame_equal(read_table(path).frame, expected, check_dtype=False)
    assert table_columns(path) == ("nep", "precipitation", "igbp")


def test_the_first_sheet_is_read_and_named(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame({"a": [1, "#N/A"], "b": [3, 4]}).to_excel(writer, sheet_name="one", index=False)
        pd.DataFrame({"c": [1]}).to_excel(writer, sheet_name="two", index=False)
    read = read_table(path)
    assert list(read.frame.columns) == ["a", "b"] and read.frame["a"].isna().tolist() == [False, True]
    assert any("'one' of 2" in note for note in read.notes)


def test_doubled_names_in_excel_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    pd.DataFrame([["a", "a"], [1, 2]]).to_excel(path, index=False, header=False)
    with pytest.raises(DataError, match="'a' occurs 2 times"):
        read_table(path)


def test_quoted_decimal_commas_between_commas(tmp_path: Path) -> None:
    read = read_table(write(tmp_path, "t.csv", 'site,nep\na,"1,5"\nb,"-2,125"\n'))
    assert read.decimal == "," and read.frame["nep"].tolist() == [1.5, -2.125]
    assert any("decimals are written with a comma" in note for note in read.notes)
    thousands = read_table(write(tmp_path, "t.csv", 'site,nep\na,"1,234"\nb,"12,345"\n'))
    assert thousands.decimal == "." and thousands.frame["nep"].tolist() == ["1,234", "12,345"]


def test_none_is_a_word_and_not_missing(tmp_path: Path) -> None:
    cells = ["None", "NA", "NaN", "N/A", "#N/A", "null", "nan", "fire"]
    kept = [True, *[False] * 6, True]
    text = "n,fire\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate([*cells, ""]))
    assert read_table(write(tmp_path, "t.csv", text)).frame["fire"].notna().tolist() == [*kept, False]
    pd.DataFrame({"n": range(8), "fire": cells}).to_excel(tmp_path / "t.xlsx", index=False)
    assert read_table(tmp_path / "t.xlsx").frame["fire"].notna().tolist() == kept


def test_an_encoding_that_reads_nearly_all_bytes_is_doubted(tmp_path: Path) -> None:
    read = read_table(write(tmp_path, "t.csv", PLAIN.encode("gb18030")))
    assert read.notes == ("t.csv was read with encoding gb18030: if names look wrong, save the table as UTF-8",)


def refused(path: Path, columns: list[str] | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_table(path, columns)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert "cannot be read (File name too long): check its name" in refused(tmp_path / f"{'x' * 300}.csv")
    assert "File name too long" in refused(tmp_path / ("x" * 300) / "t.csv")


def workbook(path: Path, *rows: list[object]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def damaged(path: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, change(content) if name == member else content)
    return path


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("xl/worksheets/sheet1.xml", lambda xml: xml[: len(xml) // 2]),
        ("xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"<v>1</v>", b"<v>q</v>")),
        ("xl/worksheets/sheet1.xml", lambda xml: b""),
        ("xl/workbook.xml", lambda xml: xml[:100]),
    ],
    ids=["half a sheet", "a number that is none", "no sheet", "half a book"],
)
def test_a_broken_workbook(tmp_path: Path, member: str, change: Callable[[bytes], bytes]) -> None:
    path = damaged(workbook(tmp_path / "t.xlsx", ["a", "b"], [1, 2], [3, 4]), member, change)
    message = refused(path)
    assert "is not a readable Excel workbook (" in message and message.endswith("): save it again as .xlsx")


@pytest.mark.parametrize("drawn", [False, True])
def test_a_workbook_of_charts(tmp_path: Path, drawn: bool) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    sheet = book.create_chartsheet("chart")
    if drawn:
        sheet.add_chart(openpyxl.chart.BarChart())
    book.save(tmp_path / "t.xlsx")
    message = refused(tmp_path / "t.xlsx")
    assert "sheet with" in message and "chart" in message


def test_formulas_that_were_never_calculated(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", ["a", "b", "c"], [1, "=A2*2", None], [2, "=A3*2", None])
    expected = "column 'b' holds formulas that were never calculated: open and save the workbook in a spreadsheet program"
    assert expected in refused(path) and expected in refused(path, ["a", "b"])
    assert read_table(path, ["a", "c"]).frame["a"].tolist() == [1, 2]
    assert "never calculated" in refused(workbook(tmp_path / "u.xlsx", ["a", "b"], ["=1", "=A2"]))
