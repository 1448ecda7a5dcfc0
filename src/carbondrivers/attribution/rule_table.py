"""Tables of rules that class the cells of a map: conditions from a closed list, in order, the first that fits names the cell.

What the rules ask is the business of each method (``driving_types``, ``zoning``); here is what such tables share.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.errors import OptionError


def check_names(names: Sequence[str], reserved: Collection[str]) -> None:
    """Refuse a table without rules, and rules without a name of their own.

    Parameters
    ----------
    names
        Of the rules, in order.
    reserved
        Names of the classes that are there without a rule.

    Raises
    ------
    OptionError
        Naming the rule.

    Examples
    --------
    >>> check_names(["Core zone", "Risk zone"], ["Undetermined"])
    """
    if not names:
        raise OptionError("rules must hold at least one rule, or be left out for the default")
    for name in names:
        if not name or name in reserved or names.count(name) > 1:
            taken = " or ".join(repr(one) for one in reserved)
            raise OptionError(f"every rule needs a name of its own, other than {taken}, got {name!r}")


def first_fit(fits: Sequence[NDArray[np.bool_]], there: NDArray[np.bool_]) -> Floats:
    """Return the position of the first rule that each cell fits, their number where none does.

    Parameters
    ----------
    fits
        (y, x) for each rule: whether the cell fits it.
    there
        (y, x): whether the cell is judged at all; NaN elsewhere.

    Examples
    --------
    >>> fits = [np.array([True, False, False]), np.array([True, True, False])]
    >>> first_fit(fits, np.array([True, True, True])).tolist()
    [0.0, 1.0, 2.0]
    """
    codes = np.select(list(fits), [float(i) for i in range(len(fits))], float(len(fits)))
    return np.where(there, codes, np.nan)


def in_order(names: Sequence[str], conditions: Sequence[str]) -> pd.DataFrame:
    """Return the table of rules in words: rank, level, note."""
    return pd.DataFrame({"rank": range(1, len(names) + 1), "level": list(names), "note": list(conditions)})
