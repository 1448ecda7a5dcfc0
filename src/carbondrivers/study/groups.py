"""Groups of a study: the rows of a table that fit the rule of a part of the sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from carbondrivers.errors import DataError
from carbondrivers.study.schema import Group

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def group_mask(name: str, group: Group, frame: pd.DataFrame) -> np.ndarray:
    """Return the rows of `frame` that belong to a group; a missing value belongs to none.

    Raises
    ------
    DataError
        If the column holds text where bounds are given, or no row belongs to the group.
    """
    import numpy as np
    import pandas as pd

    from carbondrivers.errors import did_you_mean

    if group.column not in frame:
        known = [str(c) for c in frame.columns]
        raise DataError(f"group {name!r}: there is no column {group.column!r}.{did_you_mean(group.column, known)}")
    column = frame[group.column]
    if group.is_ is not None:
        wanted = {_class_name(value) for value in group.is_}
        mask = column.map(_class_name, na_action="ignore").isin(wanted).to_numpy(dtype=bool)
    else:
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
        if np.isnan(values[column.notna().to_numpy()]).any():
            raise DataError(f'group {name!r}: column {group.column!r} holds text: use is = "..." in place of bounds')
        mask = _within(values, group)
    if not mask.any():
        raise DataError(f"group {name!r} is empty: no row of {group.column!r} fits its rule; change the rule or drop it")
    return mask


def _within(values: np.ndarray, group: Group) -> np.ndarray:
    import numpy as np

    tests: Mapping[str, Any] = {
        "above": np.greater, "at_least": np.greater_equal, "below": np.less, "at_most": np.less_equal,
    }  # fmt: skip
    mask: np.ndarray = ~np.isnan(values)
    for key, test in tests.items():
        bound = getattr(group, key)
        if bound is not None:
            mask &= test(values, bound)
    return mask


def _class_name(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
