"""The lint finds what was planted, and nothing else."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from carbondrivers.reports.lint import lint, summary


def blank(width: float = 100.0, height: float = 60.0) -> Figure:
    figure = Figure(figsize=(width / 25.4, height / 25.4))
    FigureCanvasAgg(figure)
    return figure


def test_a_clean_figure_passes() -> None:
    figure = blank()
    figure.text(0.2, 0.5, "left", fontsize=8)
    figure.text(0.7, 0.5, "right", fontsize=8)
    assert lint(figure, 100.0) == []


def test_text_beyond_the_canvas_is_named() -> None:
    figure = blank()
    figure.text(0.95, 0.5, "a label that leaves", fontsize=8)
    assert lint(figure) == ["text 'a label that leaves' is clipped by the canvas"]


def test_text_cut_by_its_axes_is_named() -> None:
    figure = blank()
    ax = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    ax.axis("off")
    ax.text(0.98, 0.5, "cut off", fontsize=8, clip_on=True)
    assert lint(figure) == ["text 'cut off' is clipped by its axes"]


def test_overlap_names_both() -> None:
    figure = blank()
    figure.text(0.5, 0.5, "first", fontsize=8)
    figure.text(0.51, 0.51, "second", fontsize=8)
    assert lint(figure) == ["text 'first' and text 'second' overlap"]


def test_small_text_and_wrong_width() -> None:
    figure = blank(100.0)
    figure.text(0.5, 0.5, "tiny", fontsize=5.0)
    problems = lint(figure, 85.0)
    assert "the figure is 100.0 mm wide, must be 85.0 mm" in problems
    assert "text 'tiny' is 5 pt, under 5.5 pt" in problems
    assert len(problems) == 2


def test_turned_labels_side_by_side_pass_and_crossing_ones_do_not() -> None:
    figure = blank()
    for i in range(5):
        figure.text(0.2 + 0.05 * i, 0.3, f"slanted label {i}", rotation=45, rotation_mode="anchor", fontsize=8)
    assert lint(figure) == []
    figure.text(0.25, 0.45, "straight across all of them", fontsize=8)
    assert any("straight across" in line and "overlap" in line for line in lint(figure))


def test_upright_labels_pass() -> None:
    figure = blank()
    for i in range(5):
        figure.text(0.2 + 0.05 * i, 0.3, f"upright label {i}", rotation=90, fontsize=8)
    assert lint(figure) == []


def test_unseen_text_is_not_judged() -> None:
    figure = blank()
    figure.text(0.99, 0.5, "hidden and outside", visible=False)
    figure.text(0.99, 0.5, "   ")
    figure.text(0.99, 0.5, "wholly transparent", alpha=0)
    off = figure.add_axes((0.9, 0.1, 0.1, 0.1))
    off.set_visible(False)
    ax = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    ax.set_xticks([0.0, 0.5, 5.0], ["0", "1", "a tick outside the view"], fontsize=8)
    ax.set_yticks([])
    ax.set_xlim(0, 1)
    assert lint(figure) == []


def test_ticks_that_overlap_are_found() -> None:
    figure = blank()
    ax = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    ax.set_yticks([])
    ax.set_xticks([0.4, 0.45], ["first long tick", "second long tick"], fontsize=8)
    assert lint(figure) == ["text 'first long tick' and text 'second long tick' overlap"]


def test_a_missing_glyph_is_named_with_the_remedy() -> None:
    figure = blank()
    figure.text(0.4, 0.5, "abc \U0010fffd", fontsize=8, family=["DejaVu Sans"])
    with pytest.warns(UserWarning, match="Glyph"):
        problems = lint(figure)
    assert len(problems) == 1
    assert "without a glyph" in problems[0]
    assert "Noto Sans CJK SC" in problems[0]


def test_judging_changes_nothing() -> None:
    figure = blank()
    text = figure.text(0.5, 0.5, "turned", rotation=30, fontsize=8)
    lint(figure)
    assert text.get_rotation() == 30


def test_summary_names_a_few_and_counts_the_rest() -> None:
    figure = blank()
    for i in range(30):
        figure.text(0.5, 0.5, f"label {i}", fontsize=8)
    problems = lint(figure)
    assert len(problems) == 435
    assert summary(problems) == "; ".join([*problems[:3], "and 432 more"])
    assert len(summary(problems)) < 400
    assert summary(problems[:3]) == "; ".join(problems[:3])
    assert summary([]) == ""
