"""Data paths: inside the root or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from carbondrivers.errors import StudyError
from carbondrivers.study.paths import Instance, expand, placeholders, present_years, resolve


@pytest.mark.parametrize("given", ["a.csv", "rasters/npp_{year}.tif", "./a.csv", "数据/表.csv", "a..b.csv"])
def test_paths_below_the_root_are_taken(tmp_path: Path, given: str) -> None:
    assert resolve(tmp_path, given) == tmp_path / given


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ("/etc/passwd", "absolute"), ("~/a.csv", "absolute"), ("C:/a.csv", "absolute"), ("C:\\a.csv", "absolute"),
        ("\\\\server\\a.csv", "absolute"), ("../a.csv", "'..'"), ("a/../../b.csv", "'..'"), ("a\\..\\b.csv", "'..'"),
        ("http://host/a.csv", "URLs"), ("s3://bucket/a.tif", "URLs"), ("file:///etc/passwd", "URLs"),
        ("NETCDF:a.nc:lai", "GDAL"), ("/vsicurl/http://host/a.tif", "GDAL"), ("/VSIZIP/a.zip/b.tif", "GDAL"),
        ("", "empty"), ("a\x00b", "control"),
    ],
)  # fmt: skip
def test_paths_that_leave_the_root_are_refused(tmp_path: Path, given: str, cause: str) -> None:
    with pytest.raises(StudyError) as caught:
        resolve(tmp_path, given)
    text = str(caught.value)
    assert "leaves its root" in text and cause in text and "--data" in text and "\n" not in text


def test_links_out_of_the_root_are_refused_and_links_inside_taken(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.csv").write_text("x")
    (root / "own.csv").write_text("x")
    (root / "out.csv").symlink_to(tmp_path / "secret.csv")
    (root / "in.csv").symlink_to(root / "own.csv")
    (root / "loop.csv").symlink_to(root / "loop.csv")
    (tmp_path / "alias").symlink_to(root)
    assert resolve(root, "in.csv").read_text() == "x"
    assert resolve(tmp_path / "alias", "own.csv").read_text() == "x"
    with pytest.raises(StudyError, match="link to a place outside"):
        resolve(root, "out.csv")
    with pytest.raises(StudyError, match="circle"):
        resolve(root, "loop.csv")


def test_patterns_are_expanded_in_the_order_of_time() -> None:
    assert list(expand("a.tif", None)) == [Instance(None, None, "a.tif")]
    months = list(expand("t_{year}{month:02d}.tif", (2001, 2002)))
    assert len(months) == 24
    assert months[0] == Instance(2001, 1, "t_200101.tif") and months[-1].path == "t_200212.tif"


@pytest.mark.parametrize(
    "source", ["{yaer}.tif", "{year.real}.tif", "{0}.tif", "{year!r}.tif", "{year:>99}.tif", "{year", "{month}.tif"]
)
def test_other_placeholders_are_refused(source: str) -> None:
    with pytest.raises(ValueError, match="year"):
        placeholders(source)


def test_a_pattern_without_years_is_refused_and_years_are_found(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"study\.years"):
        list(expand("npp_{year}.tif", None))
    for year in (2003, 2001):
        (tmp_path / f"npp_{year}.tif").touch()
    assert present_years(tmp_path, "npp_{year}.tif") == (2001, 2003)
    assert present_years(tmp_path, "gpp_{year}.tif") is None
    assert present_years(tmp_path, "none/gpp_{year}.tif") is None
