"""Write a figure: every format whole or not at all, the plotted numbers beside it, the same bytes at every run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from carbondrivers.errors import FigureLintWarning, OutputError, choose
from carbondrivers.reports.files import output_error, write_atomic
from carbondrivers.reports.lint import lint as lint_figure
from carbondrivers.reports.lint import summary
from carbondrivers.reports.registry import Picture
from carbondrivers.reports.style import Journal, drawing
from carbondrivers.reports.style import journal as journal_of

Format = Literal["png", "pdf", "svg", "tiff"]
Strictness = Literal["warn", "error", "off"]
FORMATS = ("png", "pdf", "svg", "tiff")

# Of zlib: half the time of its default for a file that is a tenth larger.
COMPRESSION = 3
# A date or a version in a file would make two runs of one study differ.
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": "carbondrivers", "Creator": "carbondrivers"},
    "svg": {"Date": None, "Creator": "carbondrivers"},
}


def save(
    picture: Picture,
    folder: str | Path,
    *,
    journal: str | Journal = "jal",
    formats: Sequence[Format] = ("png", "pdf", "svg"),
    lint: Strictness = "warn",
) -> list[Path]:
    """Write a picture in several formats, and its numbers as CSV.

    Parameters
    ----------
    picture
        From ``carbondrivers.reports.registry.pictures``.
    folder
        Where to; it is made if it does not exist.
    journal
        Name of a profile, or the profile; it sets resolution and the width that ``lint`` asks for.
    formats
        Any of ``"png"``, ``"pdf"``, ``"svg"``, ``"tiff"`` (RGB, LZW).
    lint
        What to do about clipped, overlapping or too small text: warn, refuse, or do not look.

    Returns
    -------
    list of pathlib.Path
        The written files, the CSV last.

    Raises
    ------
    OptionError
        If an option is outside its closed list.
    OutputError
        If a file cannot be written, or if `lint` is ``"error"`` and the figure has problems.

    Warns
    -----
    FigureLintWarning
        If `lint` is ``"warn"`` and the figure has problems.
    """
    profile = journal_of(journal)
    for kind in formats:
        choose(kind, FORMATS, "format")
    choose(lint, ("warn", "error", "off"), "lint")
    target = _folder(folder, picture.name)
    with drawing(profile):
        # The PNG first: where it is drawn at the figure's own resolution, texts then stand where the lint wants to see them.
        files: dict[str, bytes] = {"png": figure_bytes(picture.figure, "png", profile)} if "png" in formats else {}
        laid_out = bool(files) and picture.figure.dpi == profile.dpi_halftone
        problems = lint_figure(picture.figure, profile.width(picture.width), laid_out=laid_out) if lint != "off" else []
        if problems and lint == "error":
            raise OutputError(_report(picture.name, problems))
        files = {kind: files.get(kind) or figure_bytes(picture.figure, kind, profile) for kind in formats}
    if problems:
        warnings.warn(_report(picture.name, problems), FigureLintWarning, stacklevel=2)
    files["csv"] = numbers_bytes(picture.numbers)
    written = []
    for ending, data in files.items():
        path = target / f"{picture.name}.{ending}"
        write_atomic(path, data)
        written.append(path)
    return written


def figure_bytes(figure: Figure, kind: Format, journal: Journal) -> bytes:
    """Return a figure as the bytes of a PNG, PDF, SVG or TIFF file, without dates."""
    buffer = BytesIO()
    # Lines and text of a PDF or SVG have no resolution: it is that of the images in it.
    dpi = journal.dpi_combination if kind == "tiff" else journal.dpi_halftone
    form = "png" if kind == "tiff" else kind
    with drawing(journal):
        more: dict[str, Any] = {"pil_kwargs": {"compress_level": COMPRESSION}} if form == "png" else {}
        figure.savefig(buffer, format=form, dpi=dpi, metadata=_METADATA[form], **more)
    return _flat_tiff(buffer, dpi) if kind == "tiff" else buffer.getvalue()


def numbers_bytes(numbers: pd.DataFrame) -> bytes:
    """Return a table as the bytes of a CSV file: UTF-8, ten significant digits, line feeds."""
    text: Any = numbers.to_csv(index=False, float_format="%.10g", lineterminator="\n")
    return str(text).encode("utf-8")


def _flat_tiff(png: BytesIO, dpi: int) -> bytes:
    # Printers refuse an alpha channel, and matplotlib's own TIFF has one.
    with Image.open(png) as image:
        flat = Image.new("RGB", image.size, "white")
        flat.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
    out = BytesIO()
    flat.save(out, format="TIFF", compression="tiff_lzw", dpi=(dpi, dpi))
    return out.getvalue()


def _folder(folder: str | Path, name: str) -> Path:
    if name in {"", ".", ".."} or Path(name).name != name or "\\" in name:
        raise OutputError(f"cannot write a figure named {name!r}: the name must be a plain file name")
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(target, error) from error
    return target


def _report(name: str, problems: list[str]) -> str:
    return f"figure {name!r}: " + summary(problems)
