"""Text of dBASE tables (``.dbf``, the table of a shapefile): which encoding its bytes are in, and names cut in half.

dBASE holds at most 10 bytes of a name, which may end within a character, and rarely says how text is encoded. Text is
therefore taken byte by byte (as Latin-1, which loses nothing) and decoded here.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from carbondrivers.errors import DataError, OptionError

BYTES = "ISO-8859-1"
DETECTED = ("utf-8", "gb18030")
NAME_BYTES = 10
# Byte 29 of a dBASE file may name a code page; those of East Asia differ from what is tried anyway.
LANGUAGE_BYTE = 29
LANGUAGES = {
    0x4D: "gb18030", 0x7A: "gb18030", 0x4F: "big5", 0x78: "big5", 0x13: "cp932", 0x7B: "cp932", 0x4E: "cp949", 0x79: "cp949",
}  # fmt: skip
# What programs write into a .cpg, and encodings of which a wider one reads every text.
ALIASES = {"936": "gb18030", "cp936": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "65001": "utf-8", "950": "big5"}


def decode_table(frame: pd.DataFrame, path: Path, encoding: str | None = None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a table with its names and text decoded, and notes on how.

    Parameters
    ----------
    frame
        As read with encoding ``BYTES``.
    path
        The shapefile or dBASE table; its ``.cpg`` and ``.dbf`` are looked at.
    encoding
        As declared by the user, who is believed; found out by default.

    Raises
    ------
    OptionError
        If there is no such encoding.
    DataError
        If the text is in none of the encodings tried, or not in the one declared.
    """
    texts = [column for column in frame.columns if pd.api.types.is_string_dtype(frame[column])]
    names = [str(name).encode(BYTES) for name in frame.columns]
    cells = [cell.encode(BYTES) for column in texts for cell in frame[column].dropna().unique()]
    found, notes = _encoding([*names, *cells], path, encoding)
    cut = [_decoded(name, found) for name in names if len(name) >= NAME_BYTES]
    if cut:
        more = ", ..." if len(cut) > 4 else ""
        notes.append(f"{path.name}: names of columns may be cut, dBASE holds {NAME_BYTES} bytes ({', '.join(cut[:4])}{more})")
    plain = frame.copy()
    for column in texts:
        plain[column] = frame[column].map(lambda cell: _decoded(cell.encode(BYTES), found), na_action="ignore")
    plain.columns = pd.Index([_decoded(name, found) for name in names])
    return plain, tuple(notes)


def _encoding(raw: Sequence[bytes], path: Path, declared: str | None) -> tuple[str, list[str]]:
    if declared is not None:
        codec = _codec(declared)
        if not codec:
            raise OptionError(f"encoding must be one that Python knows, such as 'utf-8' or 'gb18030', got {declared!r}")
        if not _decodes(raw, codec):
            raise DataError(f"{path}: the text is not in the declared encoding {declared!r}: leave it out, or declare another")
        return codec, []
    if all(text.isascii() for text in raw):
        return "utf-8", []
    said = _said(path)
    for codec in dict.fromkeys([*([said] if said else []), *DETECTED]):
        if _decodes(raw, codec):
            doubt = ": if names look wrong, declare the encoding" if codec != said and codec != "utf-8" else ""
            lied = f", though the file says {said}" if said and codec != said else ""
            return codec, [f"{path.name} was read with encoding {codec}{lied}{doubt}"]
    raise DataError(f"{path}: the text is in none of the encodings tried ({', '.join(DETECTED)}): declare its encoding")


def _said(path: Path) -> str:
    """Return the encoding that the .cpg or the .dbf names, empty where neither does."""
    page = next((p for p in (path.with_suffix(".cpg"), path.with_suffix(".CPG")) if p.is_file()), None)
    if page is not None:
        words = page.read_bytes()[:64].decode("ascii", "ignore").lower().replace("ansi", " ").split()
        return _codec(words[0]) if words else ""
    table = next((p for p in (path.with_suffix(".dbf"), path.with_suffix(".DBF")) if p.is_file()), path)
    with table.open("rb") as stream:
        head = stream.read(LANGUAGE_BYTE + 1)
    return LANGUAGES.get(head[LANGUAGE_BYTE], "") if len(head) > LANGUAGE_BYTE else ""


def _codec(name: str) -> str:
    """Return Python's name of an encoding, empty where there is none."""
    plain = ALIASES.get(name.strip().lower(), name.strip().lower())
    for word in (plain, f"cp{plain}"):
        try:
            return codecs.lookup(word).name
        except LookupError:
            continue
    return ""


def _decodes(raw: Sequence[bytes], codec: str) -> bool:
    try:
        for text in raw:
            # Not final: a character that is cut at the end of a name or cell is no error.
            codecs.getincrementaldecoder(codec)().decode(text, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _decoded(text: bytes, codec: str) -> str:
    return codecs.getincrementaldecoder(codec)().decode(text, final=False).strip()
