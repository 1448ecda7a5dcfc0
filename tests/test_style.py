"""Profiles, fonts, palettes and safe labels."""

from __future__ import annotations

import warnings

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from carbondrivers.errors import OptionError
from carbondrivers.reports import style
from carbondrivers.reports.figures import clusters, future, persistence, stability
from carbondrivers.reports.figures.trend import CLASS_COLOURS

RED_YELLOW_GREEN = ["#1A9850", "#91CF60", "#D9EF8B", "#FEE08B", "#FC8D59", "#D73027"]


@pytest.mark.parametrize(
    "palette",
    [
        list(style.CATEGORY_COLOURS.values()),
        list(style.TREND_COLOURS),
        list(style.LISA_COLOURS.values()),
        list(CLASS_COLOURS),
        list(clusters.QUADRANTS),
        list(clusters.GI_COLOURS),
        list(persistence.PUBLISHED_COLOURS),
        list(persistence.CLASS_COLOURS),
        list(stability.CLASS_COLOURS),
        list(future.CLASS_COLOURS),
    ],
    ids=[
        "category",
        "trend",
        "lisa",
        "trend with no change",
        "lisa with islands",
        "gi*",
        "published persistence",
        "persistence",
        "stability",
        "future",
    ],
)
def test_every_palette_is_told_apart_by_every_reader(palette: list[str]) -> None:
    assert style.smallest_difference(palette) > 10


def test_the_customary_trend_ramp_fails() -> None:
    assert style.smallest_difference(RED_YELLOW_GREEN) == pytest.approx(1.3, abs=0.05)


def test_difference_of_known_colours() -> None:
    # CIE76 of black and white is 100 by definition of L*; greys look the same to every reader.
    assert style.smallest_difference(["#000000", "#FFFFFF"]) == pytest.approx(100, abs=0.01)
    assert style.smallest_difference(["#123456", "#123456"]) == 0


@pytest.mark.parametrize("name", ["jal", "elsevier", "ieee", "jgs", "zh-geo"])
def test_profiles(name: str) -> None:
    profile = style.journal(name)
    assert profile.single < profile.onehalf < profile.double
    assert profile.width("double") == profile.double
    assert (profile.size, profile.dpi_halftone, profile.dpi_combination) == (7.5, 300, 500)
    assert style.journal(profile) is profile


def test_widths_of_the_guides() -> None:
    elsevier, jgs = style.journal("elsevier"), style.journal("jgs")
    assert (elsevier.single, elsevier.onehalf, elsevier.double) == (90, 140, 190)
    assert jgs.double <= 140
    assert jgs.families[0] == "Times New Roman"


def test_unknown_journal_is_refused_with_a_hint() -> None:
    with pytest.raises(OptionError, match=r"journal must be one of .* got 'elsevir'.*Did you mean 'elsevier'"):
        style.journal("elsevir")


@pytest.mark.parametrize("name", list(style.JOURNALS))
def test_only_installed_fonts_are_named(name: str) -> None:
    installed = {font.name for font in fontManager.ttflist}
    assert set(style.fonts(name)) <= installed
    assert "DejaVu Sans" in style.fonts(name)


def test_settings_are_known_to_matplotlib_and_put_back() -> None:
    before = dict(matplotlib.rcParams)
    with style.drawing("jal"):
        assert matplotlib.rcParams["pdf.fonttype"] == 42
        assert matplotlib.rcParams["svg.fonttype"] == "none"
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("g C m-2 a-1", r"g C m$\mathregular{^{-2}}$ a$\mathregular{^{-1}}$"),
        ("Tg C a-1", r"Tg C a$\mathregular{^{-1}}$"),
        ("km2", r"km$\mathregular{^{2}}$"),
        ("g CO2 m^-2", r"g CO$\mathregular{_{2}}$ m$\mathregular{^{-2}}$"),
        ("degC", "°C"),
        ("PM2.5", "PM2.5"),
        ("mm", "mm"),
        ("1", ""),
        ("", ""),
        ("$", r"\$"),
    ],
)
def test_units(unit: str, shown: str) -> None:
    assert style.unit_text(unit) == shown


@pytest.mark.parametrize(
    "text", ["$", "$a_{$", r"\alpha $x$", "a\nb\tc", "%&#_^{}~", "\\$", "x\x00y", "", "$$$", r"$\bad{$ m$"]
)
def test_any_label_can_be_drawn(text: str) -> None:
    figure = Figure()
    FigureCanvasAgg(figure)
    figure.text(0.5, 0.5, style.plain(text))
    figure.text(0.5, 0.2, style.with_unit(text, "g C m-2 a-1"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.draw_without_rendering()


def test_ink_contrasts() -> None:
    assert style.ink_on("#01665E") == "white"
    assert style.ink_on("#F3E8CF") == style.INK
