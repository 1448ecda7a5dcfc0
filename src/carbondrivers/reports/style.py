"""What every figure shares: journal profiles, fonts that are really installed, palettes that every reader can tell
apart, and labels that cannot break the typesetting.

Colours are tried under simulated protan-, deuter- and tritanopia (Machado, Oliveira and Fernandes 2009,
doi:10.1109/TVCG.2009.113, severity 1.0); ``smallest_difference`` is the smallest CIE76 difference of any two.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import to_rgb
from matplotlib.font_manager import fontManager

from carbondrivers.errors import choose

Width = Literal["single", "onehalf", "double"]

SANS = ("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans")
SERIF = ("Times New Roman", "Times", "Liberation Serif", "DejaVu Serif")
CJK = (
    "Noto Sans CJK SC", "Source Han Sans", "Source Han Sans SC", "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei",
)  # fmt: skip

CATEGORY_COLOURS: Mapping[str, str] = {
    "climate": "#0B5FA5",
    "topography": "#C4561A",
    "soil": "#E0A526",
    "human": "#B65C9A",
    "vegetation": "#159A77",
    "other": "#585858",
}
TREND_COLOURS = ("#01665E", "#5AB4AC", "#D6EBE7", "#F3E8CF", "#D8B365", "#8C510A")
LISA_COLOURS: Mapping[str, str] = {
    "high-high": "#B2182B",
    "low-low": "#2166AC",
    "high-low": "#F4A582",
    "low-high": "#92C5DE",
    "not significant": "#E9E9E9",
}
DIVERGING = ("#8C510A", "#D8B365", "#F3E8CF", "#F1F1F1", "#D6EBE7", "#5AB4AC", "#01665E")
SEQUENTIAL = ("#FFFFFF", "#F3DDB0", "#E79F55", "#C44E3B", "#7A1F33")
INK, FOOT_INK, RULE_INK = "#1A1A1A", "#444444", "#BFBFBF"

# Linear RGB to linear RGB, one matrix a deficiency (Machado et al. 2009, table of severity 1.0).
_DEFICIENCIES = np.array(
    [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ]
)
_RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])


@dataclass(frozen=True, slots=True)
class Journal:
    """What a journal asks of a figure.

    Attributes
    ----------
    name : str
        Name of the profile.
    single, onehalf, double : float
        Widths in mm.
    families : tuple of str
        Wanted font families, best first.
    size : float
        Base text size in points.
    dpi_halftone, dpi_combination : int
        Resolution of images, and of images with text and lines.
    """

    name: str
    single: float
    onehalf: float
    double: float
    families: tuple[str, ...] = SANS
    size: float = 7.5
    dpi_halftone: int = 300
    dpi_combination: int = 500

    def width(self, width: Width) -> float:
        """Return one of the three widths in mm."""
        return {"single": self.single, "onehalf": self.onehalf, "double": self.double}[width]


JOURNALS: Mapping[str, Journal] = {
    profile.name: profile
    for profile in (
        Journal("jal", 85.0, 140.0, 180.0),
        Journal("elsevier", 90.0, 140.0, 190.0),
        Journal("ieee", 89.0, 140.0, 181.0),
        Journal("jgs", 68.0, 105.0, 140.0, SERIF),
        Journal("zh-geo", 80.0, 140.0, 180.0),
    )
}


def journal(name: str | Journal) -> Journal:
    """Return a journal profile by name (a profile is returned as it is).

    Raises
    ------
    OptionError
        If there is no profile of that name.

    Examples
    --------
    >>> journal("elsevier").double
    190.0
    """
    return name if isinstance(name, Journal) else JOURNALS[choose(name, JOURNALS, "journal")]


@cache
def _installed() -> frozenset[str]:
    return frozenset(font.name for font in fontManager.ttflist)


def fonts(profile: str | Journal) -> list[str]:
    """Return the font families to use: only installed ones, since naming an absent one warns at every text.

    The first is the journal's best; a Chinese family follows, where one is installed, for the glyphs that the first
    lacks, and DejaVu Sans, which comes with matplotlib, ends the list.
    """
    found = [next((f for f in wanted if f in _installed()), "") for wanted in (journal(profile).families, CJK)]
    return list(dict.fromkeys([f for f in found if f] + ["DejaVu Sans"]))


def rc(profile: str | Journal) -> dict[Any, Any]:
    """Return the matplotlib settings of a journal, for ``matplotlib.rc_context``."""
    size = journal(profile).size
    return {
        "font.family": fonts(profile),
        "font.size": size,
        "axes.titlesize": size + 0.5,
        "axes.labelsize": size,
        "xtick.labelsize": size - 0.5,
        "ytick.labelsize": size - 0.5,
        "legend.fontsize": size - 0.5,
        "legend.frameon": False,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.2,
        "ytick.major.size": 2.2,
        "axes.unicode_minus": True,
        "axes.formatter.useoffset": False,
        "hatch.linewidth": 0.5,
        "mathtext.fontset": "dejavusans",
        "text.usetex": False,
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "carbondrivers",
        "savefig.bbox": None,
        "savefig.facecolor": "white",
        "figure.facecolor": "white",
    }


@contextmanager
def drawing(profile: str | Journal) -> Iterator[None]:
    """Draw with a journal's settings; every global setting is put back at the end.

    Missing glyphs stay quiet here: ``lint`` names the text and the remedy once instead of one warning a character.
    """
    with rc_context(rc(profile)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def smallest_difference(colours: Sequence[str]) -> float:
    """Return the smallest CIE76 difference of any two colours, over normal and three kinds of deficient vision.

    Parameters
    ----------
    colours
        Two or more colours that a reader must tell apart.

    Examples
    --------
    >>> smallest_difference(["#000000", "#FFFFFF"]).__round__()
    100
    """
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.einsum("dij,cj->dci", _DEFICIENCIES, linear), 0.0, 1.0)
    lab = _lab(seen)
    pairs = combinations(range(len(colours)), 2)
    return float(min(np.linalg.norm(lab[:, i] - lab[:, j], axis=-1).min() for i, j in pairs))


def _lab(linear: np.ndarray) -> np.ndarray:
    xyz = linear @ _RGB_TO_XYZ.T / _WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def ink_on(colour: Any) -> str:
    """Return white or near-black, whichever reads better on a background colour."""
    red, green, blue = to_rgb(colour)
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.52 else INK


def plain(text: object) -> str:
    """Return a user's text on one line, safe to hand to matplotlib: no control characters, no mathematics.

    Examples
    --------
    >>> plain("cost\\n in $")
    'cost in \\\\$'
    """
    shown = "".join(c if c.isprintable() else " " for c in str(text))
    return " ".join(shown.split()).replace("$", r"\$")


def unit_text(unit: str) -> str:
    """Return a unit with raised exponents, from ``"g C m-2 a-1"`` or ``"m^2"``.

    Examples
    --------
    >>> print(unit_text("g C m-2 a-1"))
    g C m$\\mathregular{^{-2}}$ a$\\mathregular{^{-1}}$
    >>> unit_text("degC"), unit_text("1")
    ('°C', '')
    """
    words = re.sub(r"\bdeg ?C\b", "°C", plain(unit))
    return "" if words in {"1", "-"} else "".join(_unit_part(part) for part in re.split(r"([\s/·*()]+)", words))


def _unit_part(part: str) -> str:
    match = re.fullmatch(r"([A-Za-zµμ]+)\^?([-−]?\d+)", part)
    if not match:
        return part
    # \mathregular takes the font of the surrounding text, whatever the settings are when the figure is drawn.
    sign = "_" if match[1] in {"CO", "CH", "O", "N"} else "^"
    return rf"{match[1]}$\mathregular{{{sign}{{{match[2].replace('−', '-')}}}}}$"


def with_unit(label: str, unit: str) -> str:
    """Return an axis label ``label (unit)``, or the label alone where there is no unit."""
    shown = unit_text(unit)
    return f"{plain(label)} ({shown})" if shown else plain(label)
