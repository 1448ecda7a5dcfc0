"""Errors and warnings of the package: each says what, where, why and what to do, in one line."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class CarbonDriversError(Exception):
    """Base of every error that a user can cause and mend."""


class DataError(CarbonDriversError):
    """A table, raster or array cannot be analysed as it is."""


class OptionError(CarbonDriversError, ValueError):
    """An option has a value outside its closed list or range."""


class StudyError(CarbonDriversError):
    """A study file is wrong; the message lists every problem found, one a line."""


class OutputError(CarbonDriversError):
    """A result cannot be written."""


class NotCalibratedError(CarbonDriversError):
    """A model without constants of its own is asked for what its calibration does not cover."""


class CarbonDriversWarning(UserWarning):
    """Base of every warning of the package."""


class DataWarning(CarbonDriversWarning):
    """The data can be analysed, but the reader should know something about them."""


class ImplausibleConstantWarning(CarbonDriversWarning):
    """A published constant is used that cannot be physically right."""


class FigureLintWarning(CarbonDriversWarning):
    """A figure has clipped, overlapping or too small text, or a wrong width."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known word, or an empty string.

    Examples
    --------
    >>> did_you_mean("precipitaton", ["precipitation", "slope"])
    " Did you mean 'precipitation'?"
    >>> did_you_mean("zzz", ["precipitation"])
    ''
    """
    known = list(known)
    lowered = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return f" Did you mean {lowered[found[0]]!r}?" if found else ""


def choose(value: str, known: Iterable[str], what: str) -> str:
    """Return `value` if it is in the closed list `known`.

    Parameters
    ----------
    value
        The option as given.
    known
        The closed list.
    what
        The option's name, for the message.

    Raises
    ------
    OptionError
        If `value` is not in the list.
    """
    known = list(known)
    if value not in known:
        options = ", ".join(repr(k) for k in known)
        raise OptionError(f"{what} must be one of {options}, got {value!r}.{did_you_mean(str(value), known)}")
    return value
