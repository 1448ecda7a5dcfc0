"""Files are whole or absent, repeat byte for byte, and failures say what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from carbondrivers.errors import FigureLintWarning, OptionError, OutputError
from carbondrivers.reports.files import write_atomic
from carbondrivers.reports.registry import Picture
from carbondrivers.reports.save import Format, save
from carbondrivers.reports.style import drawing


def picture(name: str = "test", width: float = 85.0, size: float = 8.0) -> Picture:
    with drawing("jal"):
        figure = Figure(figsize=(width / 25.4, 2))
        FigureCanvasAgg(figure)
        ax = figure.add_axes((0.2, 0.25, 0.7, 0.6))
        ax.imshow(np.arange(12.0).reshape(3, 4), aspect="auto")
        ax.bar([0, 1], [1, 2], hatch="//", edgecolor="white")
        figure.text(0.5, 0.02, r"g C m$\mathregular{^{-2}}$", fontsize=size)
    numbers = pd.DataFrame({"driver": ["雨", "b"], "q": [1 / 3, np.nan], "n": [1, 2]})
    return Picture(name, figure, numbers, "A caption.", "single")


def test_every_format_repeats_byte_for_byte(tmp_path: Path) -> None:
    formats: tuple[Format, ...] = ("png", "pdf", "svg", "tiff")
    first = save(picture(), tmp_path / "a", formats=formats, lint="error")
    second = save(picture(), tmp_path / "b", formats=formats, lint="error")
    assert [p.name for p in first] == ["test.png", "test.pdf", "test.svg", "test.tiff", "test.csv"]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name


def test_saving_twice_repeats(tmp_path: Path) -> None:
    one = picture()
    first = [p.read_bytes() for p in save(one, tmp_path)]
    assert [p.read_bytes() for p in save(one, tmp_path)] == first
    assert not list(tmp_path.glob("*.tmp"))
    assert not list(tmp_path.glob(".*"))


def test_no_date_and_no_version(tmp_path: Path) -> None:
    for path in save(picture(), tmp_path):
        data = path.read_bytes()
        assert b"CreationDate" not in data
        assert b"dc:date" not in data
        assert b"Matplotlib v" not in data
        assert b"matplotlib.org" not in data.lower() or path.suffix == ".svg"


def test_tiff_is_flat_and_packed(tmp_path: Path) -> None:
    save(picture(), tmp_path, formats=("tiff",))
    with Image.open(tmp_path / "test.tiff") as image:
        assert image.mode == "RGB"
        assert image.info["compression"] == "tiff_lzw"
        assert round(image.width / 500 * 25.4) == 85


def test_numbers(tmp_path: Path) -> None:
    path = save(picture(), tmp_path, formats=())[0]
    assert path.read_bytes() == "driver,q,n\n雨,0.3333333333,1\nb,,2\n".encode()


def test_lint_warns_refuses_or_keeps_quiet(tmp_path: Path) -> None:
    with pytest.warns(FigureLintWarning, match=r"figure 'test'.*100.0 mm wide, must be 85.0 mm"):
        save(picture(width=100.0), tmp_path / "warn")
    with pytest.raises(OutputError, match=r"under 5\.5 pt"):
        save(picture(size=4.0), tmp_path / "error", lint="error")
    assert not list((tmp_path / "error").iterdir())
    assert len(save(picture(size=4.0), tmp_path / "off", lint="off")) == 4


def test_options_are_closed(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="format must be one of"):
        save(picture(), tmp_path, formats=("jpg",))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="lint must be one of"):
        save(picture(), tmp_path, lint="strict")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".."])
def test_a_name_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="plain file name"):
        save(picture(name), tmp_path)


def test_write_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "disk is full; free space and run again, finished steps are kept"),
        (errno.EDQUOT, "disk is full"),
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "permission denied"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_failure_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int, words: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OutputError, match=words) as caught:
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert str(caught.value).startswith(f"cannot write {path}: ")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "x.csv", b"new")
    assert not list(tmp_path.iterdir())


def test_missing_folder_and_a_folder_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist; create it"):
        write_atomic(tmp_path / "no" / "x.csv", b"")
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(OutputError, match="a folder of that name is in the way"):
        write_atomic(tmp_path / "x.csv", b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        save(picture(), tmp_path / "file" / "figures")
