"""A page with a path diagram, the bars of its effects beside or below it, the key and the line of fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carbondrivers.reports.figures import panels, sem_diagram, sem_effects
from carbondrivers.reports.figures.panels import Page, text_width
from carbondrivers.reports.figures.sem_diagram import Arrow, Shape
from carbondrivers.reports.figures.sem_effects import Source
from carbondrivers.reports.figures.sem_layout import Layout
from carbondrivers.reports.style import Journal

BESIDE = 7
MOST_SOURCES = 14


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


def compose(diagram: Diagram, journal: Journal, lay: Layout | None = None) -> tuple[Page, Layout]:
    """Return the page, and the layout that another group's page can use again.

    Parameters
    ----------
    diagram
        What is shown.
    journal
        Sets width and text size.
    lay
        A layout of the same boxes and arrows; searched where None or where it does not fit.
    """
    size, width = journal.size, journal.double
    beside = len(diagram.shapes) <= BESIDE and 0 < len(diagram.sources) <= BESIDE
    sources = list(diagram.sources)[:MOST_SOURCES]
    labels = max([text_width(line, size - 0.5) for one in sources for line in one.label.split("\n")], default=0.0)
    bars_wide = (52.0 if beside else 90.0) if sources else 0.0
    wide = width - 4.0 - (bars_wide + 4.0 if beside else 0.0)
    if lay is None or not _fits(lay, diagram, wide):
        lay = sem_diagram.arranged(diagram.shapes, diagram.arrows, wide, size)
    key_below = 5.0
    bars_tall = sem_effects.height(sources) if sources else 0.0
    foot_tall = panels.foot_height(diagram.foot, width - 4.0, size - 1.0)
    top = 6.5
    body = max(lay.height + key_below, bars_tall + 12.0) if beside else lay.height + key_below
    below = 0.0 if beside or not sources else bars_tall + 19.0
    on = panels.page(width, top + body + below + foot_tall + 3.0)
    sem_diagram.title(on, 2.0, 1.5, "a" if sources else "", diagram.heading, size + 0.5, wide)
    free = (body - key_below - lay.height) / 2 if beside else 0.0
    sem_diagram.draw(on.axes(2.0, top + free, wide, lay.height), diagram.shapes, diagram.arrows, lay, size)
    sem_diagram.key(on, 2.0, top + body - key_below + 1.5, size - 1.0, diagram.judged)
    if sources:
        left = wide + 8.0 if beside else 2.0
        start = top if beside else top + body + 6.0
        sem_diagram.title(on, left, start - 5.0, "b", "Direct, indirect and total effects", size + 0.5, width - left - 2.0)
        ax = on.axes(left + labels + 2.0, start, width - left - labels - 5.0 if beside else 120.0 - labels, bars_tall)
        sem_effects.draw(ax, sources, diagram.axis, size - 0.5)
        sem_effects.key(on, left, start + bars_tall + 8.5, size - 1.0)
    panels.foot(on, 2.0, on.height - foot_tall - 1.0, diagram.foot, size - 1.0)
    return on, lay


def _fits(lay: Layout, diagram: Diagram, wide: float) -> bool:
    """Whether a layout has these boxes, these arrows and this width."""
    return (
        abs(lay.width - wide) < 1e-9
        and set(lay.boxes) == {shape.name for shape in diagram.shapes}
        and len(lay.curves) == len(diagram.arrows)
    )
