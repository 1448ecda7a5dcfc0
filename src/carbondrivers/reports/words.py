"""Numbers in words: one way to print a value, wherever it stands."""

from __future__ import annotations

import math
import re
from numbers import Integral, Real

import numpy as np
import pandas as pd

P_COLUMNS = ("p", "p_adjusted", "p_q", "p_eff", "p_eff_adjusted")
SHORT = {
    "r", "r_partial", "q", "q_driver", "q_driver_2", "epsilon2", "direct", "indirect", "planted_total", "tau",
    "r2", "r2_low", "r2_high", "r_squared",
}  # fmt: skip
METHODS = {"ols": "Least squares", "theil_sen": "Theil-Sen", "pearson": "Pearson", "partial": "Partial"}
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def p_text(p: float) -> str:
    """Return a p-value as text.

    Examples
    --------
    >>> p_text(1e-9), p_text(0.0312), p_text(float("nan"))
    ('< 0.001', '0.031', '')
    """
    if math.isnan(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def number(value: float, digits: int = 4) -> str:
    """Return a number with a few significant digits, thousands separated, a true minus sign.

    Examples
    --------
    >>> number(1234567.0), number(-0.04213), number(0.0)
    ('1,234,567', '−0.04213', '0')
    """
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if -4 <= size < 9:
        text = f"{value:,.{max(digits - 1 - size, 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text and value == round(value) else text
    else:
        text = f"{value:.{digits - 1}e}"
    return text.replace("-", "−")


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


NO_UNIT = ("", "1", "-")


def unit_words(unit: str) -> str:
    """Return a unit as it is printed: raised exponents, the same unit once.

    Examples
    --------
    >>> unit_words("g C m-2 a-1"), unit_words("g C m-2 a-1 a-1"), unit_words("degC")
    ('g C m⁻² a⁻¹', 'g C m⁻² a⁻²', '°C')
    >>> unit_words("m2 m-2"), unit_words("10^4 CNY km-2")
    ('m² m⁻²', '10⁴ CNY km⁻²')
    """
    parts: list[tuple[str, int]] = []
    for part in unit.split():
        found = re.fullmatch(r"([A-Za-z]+|10\^)(-?[0-9]+)", part)
        name, power = (found[1].rstrip("^"), int(found[2])) if found else (part, 0)
        # Only a rate of a rate is one unit; m2 m-2 and kg kg-1 say what is measured per what.
        if parts and power < 0 and parts[-1][0] == name and parts[-1][1] < 0:
            power += parts.pop()[1]
        parts.append((name, power))
    spelled = {"degC": "°C", "degree": "°"}
    return " ".join(spelled.get(name, name) + (str(power).translate(_RAISED) if power else "") for name, power in parts)


def weights(power: float) -> str:
    """Return the formula of weights by a power of the distance.

    Examples
    --------
    >>> weights(1.0), weights(1.5)
    ('1 / distance', '1 / distance^1.5')
    """
    return "1 / distance" if power == 1.0 else f"1 / distance^{power:g}"


def rate_unit(unit: str) -> str:
    """Return the unit of a change in a year; a number without a unit has none to repeat.

    Examples
    --------
    >>> rate_unit("g C m-2 a-1"), rate_unit("1")
    ('g C m-2 a-1 a-1', 'a-1')
    """
    return "a-1" if unit in NO_UNIT else f"{unit} a-1"


def quantity(value: float, unit: str, digits: int = 4) -> str:
    """Return a number with its unit; a ratio (unit ``"1"``) has none to print.

    Examples
    --------
    >>> quantity(60.5, "g C m-2 a-1"), quantity(0.25, "1", 2)
    ('60.50 g C m⁻² a⁻¹', '0.25')
    """
    return number(value, digits) if unit in NO_UNIT else f"{number(value, digits)} {unit_words(unit)}"


def cell(column: str, value: object) -> str:
    """Return a table cell as text, by the column it stands in."""
    if value is None or (isinstance(value, Real) and math.isnan(float(value))):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column == "year" and isinstance(value, Real) and float(value).is_integer():
        return str(int(float(value)))
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if not isinstance(value, Real):
        text = str(value)
        return unit_words(text) if column == "unit" else METHODS.get(text, text) if column == "method" else text
    if column in P_COLUMNS:
        return p_text(float(value))
    if column in ("share", "share_expected"):
        return f"{100 * float(value):.1f} %"
    if column in ("df", "df_2", "rank", "n", "n_valid", "classes") and float(value).is_integer():
        return f"{int(float(value)):,}"
    if column in SHORT:
        return f"{float(value):.3f}".replace("-", "−")
    return number(float(value))


def joined(words: list[str]) -> str:
    """Return words as an enumeration.

    Examples
    --------
    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def whole_shares(shares: np.ndarray) -> np.ndarray:
    """Return shares in per cent with one decimal that add to exactly 100.0 (largest remainder).

    Examples
    --------
    >>> whole_shares(np.array([1.0, 1.0, 1.0])).tolist()
    [33.4, 33.3, 33.3]
    """
    total = shares.sum()
    if not total > 0:
        return np.zeros(len(shares))
    exact = shares / total * 1000
    floor = np.floor(exact + 1e-9)
    order = np.argsort(-(exact - floor), kind="stable")
    floor[order[: round(1000 - floor.sum())]] += 1
    return np.asarray(floor / 10)


def largest_first(classes: pd.DataFrame) -> str:
    """Return the classes that occur with their shares of the area, the largest first, as a phrase.

    Parameters
    ----------
    classes
        Columns level, n and share.

    Examples
    --------
    >>> largest_first(pd.DataFrame({"level": ["Core", "Rise", "Decline"], "n": [1, 3, 0], "share": [0.25, 0.75, 0.0]}))
    '75.0 % rise and 25.0 % core'
    """
    part = classes.loc[classes["n"] > 0].sort_values("share", ascending=False, kind="stable")
    rows = zip(part["level"], part["share"], strict=True)
    return joined([f"{100 * share:.1f} % {level[:1].lower()}{level[1:]}" for level, share in rows])


_RULES = {
    "quantile": "quantiles", "equal": "equal widths", "natural": "natural breaks", "geometric": "geometric",
    "sd": "standard deviations", "head_tails": "head/tails", "tree": "regression tree", "optimal": "optimal for the response",
    "one_se": "one standard error",
    "cv": "best cross-validated q", "max_q": "largest q", "loess": "loess rule",
}  # fmt: skip


def spelled_rule(name: str) -> str:
    """Return a rule of the strata, or of their choice, in words.

    Examples
    --------
    >>> spelled_rule("sd"), spelled_rule("classes as given")
    ('standard deviations', 'classes as given')
    """
    return _RULES.get(name, name)
