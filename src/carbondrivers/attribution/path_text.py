"""The text of a path model: ``NEP ~ TEM + PRE`` is an equation, ``A ~~ B`` a correlated error; never evaluated as code.

One statement a line (or between semicolons); ``#`` begins a remark. A name is a word of letters, digits, ``_``, ``.`` or
``-``; words parted by single spaces are one name. A response that stands before ``~`` twice has the terms of both lines;
``A ~ 1`` says that nothing acts on A.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from carbondrivers.errors import OptionError

Pair = tuple[str, str]
_NAME = re.compile(r"[^\W\d][\w.\-]*( [\w.\-]+)*")
FORM = "write equations as 'NEP ~ TEM + PRE' and correlated errors as 'A ~~ B', one a line"


def parse_model(text: str) -> tuple[dict[str, tuple[str, ...]], tuple[Pair, ...]]:
    """Return the equations, response to its causes, and the pairs with correlated errors.

    Parameters
    ----------
    text
        The model.

    Raises
    ------
    OptionError
        Naming the line, what stands there and the form that is expected.

    Examples
    --------
    >>> parse_model("SOC ~ PRE; NEP ~ PRE + SOC")
    ({'SOC': ('PRE',), 'NEP': ('PRE', 'SOC')}, ())
    """
    if not isinstance(text, str):
        raise OptionError(f"the text of a path model must be a string, got {type(text).__name__}: {FORM}")
    equations: dict[str, tuple[str, ...]] = {}
    correlated: list[Pair] = []
    for number, statement in _statements(text):
        where = f"path model, line {number}"
        left, sign, right = _parted(statement, where)
        if sign == "~~":
            correlated.append((_name(left, where), _name(right, where)))
            continue
        response = _name(left, where)
        if right.strip() == "1":
            equations.setdefault(response, ())
            continue
        terms = equations.get(response, ())
        for term in (_name(piece, where) for piece in right.split("+")):
            if term in terms:
                raise OptionError(f"{where}: {term!r} acts on {response!r} twice: name it once")
            terms = (*terms, term)
        equations[response] = terms
    if not equations:
        raise OptionError(f"a path model needs an equation, got {text!r}: {FORM}")
    return equations, tuple(correlated)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        for part in line.split("#", 1)[0].split(";"):
            if part.strip():
                yield number, part.strip()


def _parted(statement: str, where: str) -> tuple[str, str, str]:
    if "=~" in statement or "<~" in statement:
        raise OptionError(
            f"{where}: {statement!r} defines a latent variable, which a path model of measured variables has not: "
            "give its members as a block, or use latent_model"
        )
    sign = "~~" if "~~" in statement else "~"
    parts = statement.split(sign)
    if len(parts) != 2 or "~" in parts[0] + parts[1]:
        raise OptionError(f"{where}: {statement!r} is no equation and no correlated error: {FORM}")
    return parts[0], sign, parts[1]


def _name(text: str, where: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise OptionError(f"{where}: a name is missing beside '~' or '+': {FORM}")
    if not _NAME.fullmatch(name):
        raise OptionError(f"{where}: {name!r} is no name of a variable (products and functions are never evaluated): {FORM}")
    return name
