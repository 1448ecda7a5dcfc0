"""Does a figure read? Text that is clipped, overlaps, is too small or has no glyphs, and a width off the profile.

Boxes are oriented: a rotated label is judged by its own rectangle (separating-axis theorem), not by the upright box
around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.text import Text

SMALLEST_POINTS = 5.5
_WIDTH_TOLERANCE_MM = 0.1
# Text boxes hold the full line height; boxes of neighbouring lines may touch before any ink does.
_OVERLAP_POINTS = 0.75
_CLIP_POINTS = 0.25


def lint(figure: Figure, width_mm: float | None = None, *, laid_out: bool = False) -> list[str]:
    """Return what is wrong with a figure's text and width, one sentence each; an empty list is a clean figure.

    Parameters
    ----------
    figure
        Any figure; it is laid out, not changed.
    width_mm
        The width that the journal asks for; not judged where None.
    laid_out
        Whether the figure was just drawn at its own resolution, so that every text knows its place.

    Returns
    -------
    list of str
        Each names the texts concerned.
    """
    if not laid_out:
        figure.draw_without_rendering()
    texts = list(_shown(figure))
    boxes = [_corners(text) for text in texts]
    pixels = figure.dpi / 72
    problems = _wrong_width(figure, width_mm)
    problems += [f"{_name(t)} is {t.get_fontsize():.3g} pt, under {SMALLEST_POINTS} pt" for t in texts if _small(t)]
    problems += [line for t in texts for line in _no_glyph(t)]
    problems += [line for t, box in zip(texts, boxes, strict=True) for line in _clipped(t, box, figure, pixels)]
    for i, j in _candidates(boxes):
        if _depth(boxes[i], boxes[j]) > _OVERLAP_POINTS * pixels:
            problems.append(f"{_name(texts[i])} and {_name(texts[j])} overlap")
    return problems


def summary(problems: Sequence[str], most: int = 3) -> str:
    """Return problems on one short line: a crowded figure has hundreds, and the first few say what is wrong.

    Parameters
    ----------
    problems
        From ``lint``.
    most
        How many are named.

    Examples
    --------
    >>> summary(["a overlaps b", "c is clipped", "d is clipped"], most=1)
    'a overlaps b; and 2 more'
    """
    left = len(problems) - most
    return "; ".join([*problems[:most], *([f"and {left:,} more"] if left > 0 else [])])


def _name(text: Text) -> str:
    words = " ".join(text.get_text().split())
    return f"text {words[:47] + '...' if len(words) > 50 else words!r}"


def _shown(figure: Figure) -> Iterator[Text]:
    hidden = {id(t) for ax in figure.findobj(Axes) for t in _hidden_in(ax)}
    seen: set[int] = set()
    for text in figure.findobj(Text):
        if id(text) in hidden or id(text) in seen or not text.get_visible() or not text.get_text().strip():
            continue
        seen.add(id(text))
        if text.get_alpha() != 0:
            yield text


def _hidden_in(ax: Axes) -> Iterator[Text]:
    """Text that is never drawn: of hidden axes, and of ticks outside the view."""
    if not ax.get_visible():
        yield from ax.findobj(Text)
        return
    for axis in (ax.xaxis, ax.yaxis):
        if not axis.get_visible() or not ax.axison:
            yield from axis.findobj(Text)
            continue
        low, high = sorted(axis.get_view_interval())
        slack = 1e-9 * (high - low)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low - slack <= tick.get_loc() <= high + slack:
                yield from (tick.label1, tick.label2)


def _corners(text: Text) -> np.ndarray:
    """The four corners of a text's own rectangle, shape (4, 2), in pixels."""
    upright = text.get_window_extent()
    angle = text.get_rotation()
    if angle % 90:
        # The upright box around a turned rectangle has the same centre; its own sides are those before turning.
        text.set_rotation(0)
        own = text.get_window_extent()
        text.set_rotation(angle)
        width, height, turn = own.width, own.height, np.deg2rad(angle)
    else:
        width, height, turn = upright.width, upright.height, 0.0
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2)
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    centre = np.array([(upright.x0 + upright.x1) / 2, (upright.y0 + upright.y1) / 2])
    return np.asarray(half @ turned + centre)


def _candidates(boxes: list[np.ndarray]) -> Iterator[tuple[int, int]]:
    if len(boxes) < 2:
        return
    low = np.array([box.min(axis=0) for box in boxes])
    high = np.array([box.max(axis=0) for box in boxes])
    touching = ((low[:, None] < high[None]) & (low[None] < high[:, None])).all(axis=-1)
    for i, j in np.argwhere(np.triu(touching, k=1)):
        yield int(i), int(j)


def _depth(a: np.ndarray, b: np.ndarray) -> float:
    """How far two rectangles reach into each other, in pixels; negative where a line separates them."""
    depths = []
    for box in (a, b):
        for edge in (box[1] - box[0], box[2] - box[1]):
            length = float(np.hypot(*edge))
            if length == 0:
                return -1.0
            on_a, on_b = a @ edge / length, b @ edge / length
            depths.append(min(on_a.max(), on_b.max()) - max(on_a.min(), on_b.min()))
    return float(min(depths))


def _clipped(text: Text, box: np.ndarray, figure: Figure, pixels: float) -> list[str]:
    slack = _CLIP_POINTS * pixels
    width, height = figure.bbox.width, figure.bbox.height
    if box.min() < -slack or (box.max(axis=0) > np.array([width, height]) + slack).any():
        return [f"{_name(text)} is clipped by the canvas"]
    clip = text.get_clip_box() if text.get_clip_on() else None
    if clip is not None:
        low, high = np.array([clip.x0, clip.y0]) - slack, np.array([clip.x1, clip.y1]) + slack
        if (box.min(axis=0) < low).any() or (box.max(axis=0) > high).any():
            return [f"{_name(text)} is clipped by its axes"]
    return []


def _small(text: Text) -> bool:
    return float(text.get_fontsize()) < SMALLEST_POINTS - 1e-6


def _wrong_width(figure: Figure, width_mm: float | None) -> list[str]:
    width = figure.get_figwidth() * 25.4
    if width_mm is None or abs(width - width_mm) <= _WIDTH_TOLERANCE_MM:
        return []
    return [f"the figure is {width:.1f} mm wide, must be {width_mm:.1f} mm"]


@cache
def _charset(family: str) -> frozenset[int]:
    path = fontManager.findfont(FontProperties(family=[family]))
    return frozenset(get_font(path).get_charmap())


def _no_glyph(text: Text) -> list[str]:
    families = text.get_fontproperties().get_family()
    known = frozenset().union(*(_charset(f) for f in families))
    missing = sorted({c for c in text.get_text() if not c.isspace() and ord(c) not in known})
    if not missing:
        return []
    return [f"{_name(text)} has characters without a glyph ({''.join(missing[:10])}); install Noto Sans CJK SC"]
