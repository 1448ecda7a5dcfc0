"""A page with a path diagram, the bars of its effects beside or below it, the key and the line of fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.result import Result
from carbondrivers.reports.figures import panels, sem_diagram, sem_effects
from carbondrivers.reports.figures.panels import Page, text_width
from carbondrivers.reports.figures.sem_diagram import Arrow, Shape
from carbondrivers.reports.figures.sem_effects import Source
from carbondrivers.reports.figures.sem_layout import Layout, Matrix, has_room
from carbondrivers.reports.registry import Picture
from carbondrivers.reports.style import Journal

# So many boxes and bars fit beside each other; more bars than MOST_SOURCES are left to the table.
BESIDE, MOST_SOURCES = 7, 14
BARS_MM, TALLEST_MM = 52.0, 235.0
_TOP_MM, _KEY_MM = 6.5, 5.0
_LABEL_MM, _LABEL_POINTS = 28.0, 7.5


@dataclass(frozen=True, slots=True)
class Diagram:
    """What a page shows.

    Attributes
    ----------
    shapes, arrows : sequences
        The diagram.
    sources : sequence of Source
        The bars, strongest first.
    heading : str
        Over the diagram.
    axis : str
        Under the bars.
    judged : str
        What a dashed arrow means.
    foot : sequence of str
        Sentences of fit.
    """

    shapes: Sequence[Shape]
    arrows: Sequence[Arrow]
    sources: Sequence[Source]
    heading: str
    axis: str
    judged: str
    foot: Sequence[str]


def compose(diagram: Diagram, journal: Journal, lay: Layout | None = None) -> tuple[list[Page], Layout]:
    """Return one page, or two where diagram and bars are too high together, and the layout for another group's page.

    Parameters
    ----------
    diagram
        What is shown.
    journal
        Sets width and text size.
    lay
        A layout of the same boxes and arrows; searched where None or where it does not fit.
    """
    beside = len(diagram.shapes) <= BESIDE and 0 < len(diagram.sources) <= BESIDE
    wide = journal.double - 8.0 - BARS_MM
    boxes = [sem_diagram.sized(shape, journal.size) for shape in diagram.shapes]
    beside = beside and has_room(boxes, wide, min(len(boxes), 3))
    wide = wide if beside else journal.double - 4.0
    if lay is None or not _fits(lay, diagram, wide):
        lay = sem_diagram.arranged(diagram.shapes, diagram.arrows, wide, journal.size)
    bars = sem_effects.height(_shown(diagram)) if diagram.sources else 0.0
    if beside:
        return [_page(diagram, journal, lay, beside=True)], lay
    if lay.height + bars > TALLEST_MM - 40.0:
        apart = [_page(replace(diagram, sources=()), journal, lay, beside=False), _bars_page(diagram, journal)]
        return apart[: 1 + bool(diagram.sources)], lay
    return [_page(diagram, journal, lay, beside=False)], lay


def group_pictures(
    name: str,
    groups: Sequence[str],
    journal: Journal,
    *,
    first: str,
    diagram: Callable[[str], Diagram],
    numbers: Callable[[str], pd.DataFrame],
    caption: Callable[[str], str],
) -> list[Picture]:
    """Compose a diagram with effect bars for every group, all in the same layout as far as boxes and arrows are the same.

    Parameters
    ----------
    name
        Of the pictures, without their group for `first`.
    groups
        To be drawn.
    journal
        Sets width and text size.
    first
        The group whose pictures bear the plain name.
    diagram, numbers, caption
        What each group shows.
    """
    found: list[Picture] = []
    lay: Layout | None = None
    for group in groups:
        pages, lay = compose(diagram(group), journal, lay)
        own = name if group == first else f"{name}_{panels.slug(group)}"
        for ending, on in zip(("", "_effects"), pages, strict=False):
            found.append(Picture(f"{own}{ending}", on.figure, numbers(group), caption(group), "double"))
    return found


def _shown(diagram: Diagram) -> list[Source]:
    return list(diagram.sources)[:MOST_SOURCES]


def _said(diagram: Diagram) -> list[str]:
    left_out = len(diagram.sources) > MOST_SOURCES
    return [*diagram.foot, *([f"bars: the {MOST_SOURCES} largest totals of {len(diagram.sources)}"] if left_out else [])]


def _page(diagram: Diagram, journal: Journal, lay: Layout, *, beside: bool) -> Page:
    size, width, sources = journal.size, journal.double, _shown(diagram)
    bars = sem_effects.height(sources) if sources else 0.0
    foot_tall = panels.foot_height(_said(diagram), width - 4.0, size - 1.0)
    body = max(lay.height + _KEY_MM, bars + 12.0) if beside else lay.height + _KEY_MM
    below = bars + 19.0 if sources and not beside else 0.0
    on = panels.page(width, _TOP_MM + body + below + foot_tall + 3.0)
    sem_diagram.title(on, 2.0, 1.5, "a" if sources else "", diagram.heading, size + 0.5, lay.width)
    free = (body - _KEY_MM - lay.height) / 2 if beside else 0.0
    ax = on.axes(2.0, _TOP_MM + free, lay.width, lay.height)
    sem_diagram.draw(ax, diagram.shapes, diagram.arrows, lay, size)
    sem_diagram.key(on, 2.0, _TOP_MM + body - _KEY_MM + 1.5, size - 1.0, diagram.judged)
    if sources:
        left, top = (lay.width + 8.0, _TOP_MM) if beside else (2.0, _TOP_MM + body + 6.0)
        _bars(on, diagram, left, top, width - left - 3.0 if beside else 120.0, size, "b")
    panels.foot(on, 2.0, on.height - foot_tall - 1.0, _said(diagram), size - 1.0)
    return on


def _bars_page(diagram: Diagram, journal: Journal) -> Page:
    size, said = journal.size, _said(diagram)
    foot_tall = panels.foot_height(said, journal.double - 4.0, size - 1.0)
    on = panels.page(journal.double, _TOP_MM + sem_effects.height(_shown(diagram)) + 15.0 + foot_tall)
    _bars(on, diagram, 2.0, _TOP_MM, 140.0, size, "")
    panels.foot(on, 2.0, on.height - foot_tall - 1.0, said, size - 1.0)
    return on


def _bars(on: Page, diagram: Diagram, left: float, top: float, wide: float, size: float, letter: str) -> None:
    sources = _shown(diagram)
    labels = max(text_width(line, size - 0.5) for one in sources for line in one.label.split("\n")) + 2.0
    tall = sem_effects.height(sources)
    words = "Direct, indirect and total effects"
    sem_diagram.title(on, left, top - 5.0, letter, words if letter else f"{words}, {diagram.heading.lower()}", size + 0.5, wide)
    sem_effects.draw(on.axes(left + labels, top, wide - labels, tall), sources, diagram.axis, size - 0.5)
    sem_effects.key(on, left, top + tall + 8.5, size - 1.0)


def draw_alone(
    shapes: Sequence[Shape], arrows: Sequence[Arrow], ax: Axes | None, journal: Journal, matrix: Matrix | None
) -> Axes:
    """Draw a diagram without keys on given axes, or on a page of its own."""
    wide = journal.double - 4.0 if ax is None else panels.axes_mm(ax)[0]
    lay = sem_diagram.arranged(shapes, arrows, wide, journal.size, matrix)
    if ax is None:
        ax = panels.page(journal.double, lay.height + 4.0).axes(2.0, 2.0, wide, lay.height)
    sem_diagram.draw(ax, shapes, arrows, lay, journal.size)
    return ax


def box_label(result: Result, name: str) -> str:
    """Return what is written in a box: the label, or the name of a block or latent variable with a capital."""
    known = result.label(name)
    words = known if known != name else name.replace("_", " ")
    return panels.fit_lines(words[:1].upper() + words[1:], _LABEL_MM, _LABEL_POINTS)


def _fits(lay: Layout, diagram: Diagram, wide: float) -> bool:
    """Whether a layout has these boxes, these arrows and this width."""
    return (
        abs(lay.width - wide) < 1e-9
        and set(lay.boxes) == {shape.name for shape in diagram.shapes}
        and len(lay.curves) == len(diagram.arrows)
    )
