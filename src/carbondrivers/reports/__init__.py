"""Tables, figures, words and the report: result objects in, files out."""

from carbondrivers.reports.document import Document, Section, methods_markdown, report_html
from carbondrivers.reports.folder import publish
from carbondrivers.reports.registry import Picture, Table, Text, figure_of, pictures, table_of, tables, text_of, texts
from carbondrivers.reports.save import save
from carbondrivers.reports.style import Journal, journal

__all__ = [
    "Document",
    "Journal",
    "Picture",
    "Section",
    "Table",
    "Text",
    "figure_of",
    "journal",
    "methods_markdown",
    "pictures",
    "publish",
    "report_html",
    "save",
    "table_of",
    "tables",
    "text_of",
    "texts",
]
