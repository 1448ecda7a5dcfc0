"""Which figures and tables belong to which result: a builder joins by registering, the report asks by result."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from carbondrivers.attribution.result import Result
from carbondrivers.reports.style import Journal, Width, drawing

Builder = TypeVar("Builder", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A figure with what is said beside it.

    Attributes
    ----------
    name : str
        File name without ending.
    figure : matplotlib.figure.Figure
        The drawing.
    numbers : pandas.DataFrame
        The plotted numbers.
    caption : str
        Sentence for under the figure.
    width : str
        ``"single"``, ``"onehalf"`` or ``"double"``: the journal's width that it is drawn in.
    """

    name: str
    figure: Figure
    numbers: pd.DataFrame
    caption: str
    width: Width


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table for a report.

    Attributes
    ----------
    name : str
        File name without ending.
    title : str
        Words over the table.
    frame : pandas.DataFrame
        The table, not rounded.
    notes : tuple of str
        Sentences under the table.
    headings : mapping
        Words over columns where the report's own differ from the column grammar.
    columns : tuple of str
        Columns that the report shows, in order; the files always hold all. Empty: all.
    """

    name: str
    title: str
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    headings: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """What a report says of a result in words; every number comes from its tables.

    Attributes
    ----------
    findings : tuple of str
        One sentence a finding, for the head of the report and of the section.
    details : tuple of str
        Findings of single groups, for the section alone.
    methods : str
        The paragraph for the methods section, with its source.
    """

    findings: tuple[str, ...]
    methods: str
    details: tuple[str, ...] = ()


_Builders = dict[type[Result], dict[tuple[str, str], Callable[..., Any]]]
_FIGURES: _Builders = {}
_TABLES: _Builders = {}
_TEXTS: _Builders = {}


def figure_of(result_type: type[Result]) -> Callable[[Builder], Builder]:
    """Register a function ``(result, *, journal) -> list[Picture]`` for a class of results."""
    return _registering(_FIGURES, result_type)


def table_of(result_type: type[Result]) -> Callable[[Builder], Builder]:
    """Register a function ``(result) -> list[Table]`` for a class of results."""
    return _registering(_TABLES, result_type)


def text_of(result_type: type[Result]) -> Callable[[Builder], Builder]:
    """Register a function ``(result) -> Text`` for a class of results."""
    return _registering(_TEXTS, result_type)


def pictures(result: Result, journal: Journal) -> list[Picture]:
    """Return every figure of a result, drawn in a journal's form.

    Parameters
    ----------
    result
        What a method returned.
    journal
        From ``carbondrivers.reports.style.journal``.

    Returns
    -------
    list of Picture
        In the order of module names, then of registration; empty where no figure is registered for the class.
    """
    from carbondrivers.reports.maps import drawable

    _import_all("carbondrivers.reports.figures")
    drawn, note = drawable(result)
    with drawing(journal):
        found = [p for build in _ordered(_FIGURES, result) for p in build(drawn, journal=journal)]
    return [replace(p, caption=p.caption + note) if {"x", "y"} <= set(p.numbers.columns) else p for p in found]


def tables(result: Result) -> list[Table]:
    """Return every table of a result, in the order of module names, then of registration."""
    _import_all("carbondrivers.reports.tables")
    return [t for build in _ordered(_TABLES, result) for t in build(result)]


def texts(result: Result) -> list[Text]:
    """Return what is said of a result, in the order of module names."""
    _import_all("carbondrivers.reports.text")
    return [build(result) for build in _ordered(_TEXTS, result)]


def _registering(builders: _Builders, result_type: type[Result]) -> Callable[[Builder], Builder]:
    def decorate(build: Builder) -> Builder:
        # Keyed by its full name, so that importing a module again replaces a builder and never doubles a figure.
        builders.setdefault(result_type, {})[build.__module__, build.__qualname__] = build
        return build

    return decorate


def _ordered(builders: _Builders, result: Result) -> list[Callable[..., Any]]:
    known = builders.get(type(result), {})
    return [build for _, build in sorted(known.items(), key=lambda item: item[0][0])]


def _import_all(name: str) -> None:
    module = import_module(name)
    for part in pkgutil.iter_modules(getattr(module, "__path__", [])):
        import_module(f"{name}.{part.name}")
