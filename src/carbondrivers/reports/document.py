"""The report as one self-contained page, and the methods text: no network, no script, every number downloadable."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from carbondrivers.attribution.result import Result
from carbondrivers.reports.registry import Picture, Table, Text
from carbondrivers.reports.words import cell, whole_shares

SHOWN_ROWS = 40
OPEN_ROWS = 16
EMBEDDED_CSV = 3_500_000
HEADINGS = {
    "group": "Group", "driver": "Driver", "driver_2": "Driver 2", "response": "Response", "category": "Category",
    "year": "Year", "area_km2": "Area (km²)", "share": "Share", "share_of": "Share of", "p": "P", "n": "n",
    "p_adjusted": "P, adjusted", "interaction": "Verdict", "interaction_classic": "Classic type", "note": "Note",
    "method": "Method", "rank": "Rank", "unit": "Unit", "epsilon2": "epsilon²",
}  # fmt: skip
LABELLED = ("driver", "driver_2", "response")


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One step's part of a report.

    Attributes
    ----------
    name, title : str
        Anchor and heading.
    result : Result
        Whose labels and notes are used.
    pictures, tables, texts
        From ``carbondrivers.reports.registry``.
    warnings : tuple of str
        Warnings that were given while the step ran.
    """

    name: str
    title: str
    result: Result
    pictures: tuple[Picture, ...]
    tables: tuple[Table, ...]
    texts: tuple[Text, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """Everything that a report says.

    Attributes
    ----------
    title : str
        Heading.
    notice : str
        A sentence over everything, such as that the data are virtual; may be empty.
    sections : tuple of Section
        In order.
    data : tuple of str
        Paragraphs about where the data come from and what was done to them before the analyses.
    sources : pandas.DataFrame
        Input files: file, bytes, sha256.
    study : str
        The study file as it was read.
    facts : mapping
        Word to value: seed, versions.
    """

    title: str
    notice: str
    sections: tuple[Section, ...]
    data: tuple[str, ...]
    sources: pd.DataFrame
    study: str
    facts: Mapping[str, str]


def report_html(document: Document, images: Mapping[str, bytes]) -> str:
    """Return the page.

    Parameters
    ----------
    document
        What to say.
    images
        PNG bytes by picture name; they stand in the page as they are.
    """
    loader = PackageLoader("carbondrivers.reports", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.get_template("report.html.jinja")
    room = _Room()
    sections = [_section(section, images, room) for section in document.sections]
    findings = [f for section in document.sections for text in section.texts for f in text.findings]
    sources = None if document.sources.empty else _table(Table("sources", "Input files", document.sources), None, room)
    page: str = template.render(
        document=document, sections=sections, findings=findings, sources=sources,
        methods=[*document.data, *(text.methods for section in document.sections for text in section.texts)],
    )  # fmt: skip
    return page


def methods_markdown(document: Document) -> str:
    """Return the draft of a methods section, with the sources of the methods and the data."""
    lines = [f"# Methods: {document.title}", ""]
    if document.notice:
        lines += [f"> {document.notice}", ""]
    lines += ["## Data", "", *(part for paragraph in document.data for part in (paragraph, ""))]
    for section in document.sections:
        lines += [f"## {section.title}", ""]
        lines += [part for text in section.texts for part in (text.methods, "")]
        lines += [f"- {note}" for note in section.result.notes]
        lines += [""] if section.result.notes else []
    lines += ["## Files and software", ""]
    for row in document.sources.to_dict("records"):
        lines.append(f"- {row['file']} ({row['bytes']:,} bytes, sha256 {row['sha256']})")
    lines += [f"- {word}: {value}" for word, value in document.facts.items()]
    return "\n".join(lines).rstrip() + "\n"


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV: ten significant digits, so that runs on two machines agree."""
    text: str = frame.to_csv(index=False, float_format="%.10g", lineterminator="\n")
    return text


def _section(section: Section, images: Mapping[str, bytes], room: _Room) -> dict[str, Any]:
    said = [f for text in section.texts for f in (*text.findings, *text.details)]
    notes = [*section.warnings, *(n for n in section.result.notes if not any(f.endswith(n) for f in said))]
    figures = [
        {
            "name": p.name,
            "caption": p.caption,
            "width": p.width,
            "image": _image(images[p.name]),
            "csv": room.download(p.numbers),
        }
        for p in section.pictures
    ]
    tables = [_table(table, section.result, room) for table in section.tables]
    return {"name": section.name, "title": section.title, "findings": said, "notes": notes, "figures": figures,
            "tables": tables}  # fmt: skip


def _table(table: Table, result: Result | None, room: _Room) -> dict[str, Any]:
    columns = [c for c in (table.columns or tuple(table.frame.columns)) if c in table.frame]
    if "note" in columns and (table.frame["note"].fillna("") == "").all():
        columns.remove("note")
    if "group" in columns and table.frame["group"].nunique() == 1:
        columns.remove("group")
    shown = _with_whole_shares(table.frame).head(SHOWN_ROWS)
    rows = [[_cell(c, v, result) for c, v in zip(columns, row, strict=True)] for row in shown[columns].itertuples(index=False)]
    numeric = [pd.api.types.is_numeric_dtype(table.frame[c]) for c in columns]
    return {
        "name": table.name, "title": table.title, "notes": table.notes, "rows": rows, "numeric": numeric,
        "heads": [table.headings.get(c) or HEADINGS.get(c, c.replace("_", " ")) for c in columns],
        "more": len(table.frame) - len(shown), "open": len(table.frame) <= OPEN_ROWS, "csv": room.download(table.frame),
        "total": len(table.frame),
    }  # fmt: skip


def _with_whole_shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with shares that add to one rounded so that they still do when printed."""
    if not {"share", "method"} <= set(frame.columns):
        return frame
    shares = frame["share"].to_numpy(dtype=np.float64).copy()
    for rows in frame.groupby("method", sort=False).indices.values():
        if abs(shares[rows].sum() - 1.0) < 1e-9:
            shares[rows] = whole_shares(shares[rows]) / 100
    return frame.assign(share=shares)


def _cell(column: str, value: object, result: Result | None) -> str:
    if result is not None and column in LABELLED and isinstance(value, str):
        return result.label(value)
    return cell(column, value)


class _Room:
    """What is left of the page for downloads: the small ones find room first come, a large one links to its file."""

    def __init__(self) -> None:
        self.left = EMBEDDED_CSV

    def download(self, frame: pd.DataFrame) -> str:
        """Return the table as a data address, or nothing where it would make the page too large."""
        data = csv_text(frame).encode()
        if len(data) > self.left:
            return ""
        self.left -= len(data)
        return "data:text/csv;base64," + base64.b64encode(data).decode()


def _image(png: bytes) -> str:
    # As it is: made narrower it would be larger, for blended edges compress badly.
    return "data:image/png;base64," + base64.b64encode(png).decode()
