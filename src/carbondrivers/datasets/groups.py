"""Groups of rows: from the values of a column, or from masks, each held to the rows of the table."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from carbondrivers.datasets.cells import refuse_objects
from carbondrivers.errors import DataError, DataWarning

MAX_CLASSES = 200
ALL = "all"


def class_label(value: object) -> str:
    """Return the name of a class: whole numbers without a point, text without the blanks around it."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip() if isinstance(value, str) else str(value)


def group_masks(frame: pd.DataFrame, groups: object) -> pd.DataFrame:
    """Return one boolean column a group, row by row as in `frame`, index 0..n-1.

    Parameters
    ----------
    frame
        The table as given, with its own index.
    groups
        Name of a column, name to mask, or None. A mask that is a Series is brought into the order of the frame's index.
    """
    rows = pd.RangeIndex(len(frame))
    if groups is None:
        return pd.DataFrame(index=rows)
    if isinstance(groups, str):
        return pd.DataFrame(_column_masks(frame[groups]), index=rows)
    if not isinstance(groups, Mapping):
        raise DataError(
            f"groups must be the name of a column, or name to boolean array as {{'wet': mask}}, got {type(groups).__name__}: "
            "name each group"
        )
    masks: dict[str, np.ndarray] = {}
    for name, given in groups.items():
        if str(name) in masks:
            raise DataError(f"two groups are called {str(name)!r} (as text and as a number): rename one")
        _refuse_all(str(name))
        masks[str(name)] = _mask(str(name), given, frame.index)
    return pd.DataFrame(masks, index=rows)


def _column_masks(column: pd.Series) -> dict[str, np.ndarray]:
    where = f"group column {str(column.name)!r}"
    refuse_objects(column, where, "groups")
    # Through the label, so that 1 and "1" are one group, as they are one class of a categorical driver.
    labels = column.astype(object).map(class_label, na_action="ignore")
    names = sorted(labels.dropna().unique())
    if not names:
        raise DataError(f"{where} has no value at all: leave it out, or check the join that filled it")
    if len(names) > MAX_CLASSES:
        raise DataError(f"{where} has {len(names)} values, more than {MAX_CLASSES}: class it first")
    for name in names:
        _refuse_all(name, f" (a value of {where})")
    return {name: (labels == name).to_numpy(dtype=bool) for name in names}


def _refuse_all(name: str, where: str = "") -> None:
    if name == ALL:
        raise DataError(f"a group cannot be called 'all'{where}: that name stands for the whole sample; rename it")


def _mask(name: str, given: object, index: pd.Index) -> np.ndarray:
    if isinstance(given, pd.Series):
        given = _aligned(name, given, index)
        if given.dtype == "boolean" and given.isna().any():
            raise DataError(f"group {name!r} is missing in {int(given.isna().sum())} rows: fill them with True or False")
        given = given.to_numpy(dtype=bool) if pd.api.types.is_bool_dtype(given) else given.to_numpy()
    try:
        mask = np.asarray(given)
    except ValueError:
        raise DataError(f"group {name!r} must be a boolean array of length {len(index)}, got a ragged list") from None
    if mask.dtype != bool or mask.shape != (len(index),):
        raise DataError(
            f"group {name!r} must be a boolean array of length {len(index)}, got {mask.dtype} of shape {mask.shape}: "
            "compare a column with a number or a class"
        )
    return mask


def _aligned(name: str, mask: pd.Series, index: pd.Index) -> pd.Series:
    if mask.index.equals(index):
        return mask
    if len(mask) == len(index) and mask.index.is_unique and index.is_unique and mask.index.isin(index).all():
        return mask.reindex(index)
    raise DataError(
        f"group {name!r} is a Series of {len(mask)} rows whose index is not that of the table ({len(index)} rows): "
        "cut it from the same table, or give mask.to_numpy() if the rows are in the same order"
    )


def warn_empty_groups(masks: pd.DataFrame, keep: pd.Series) -> None:
    """Warn of groups without a complete row; refuse if that is so for every group."""
    gone: dict[Hashable, int] = {n: int(masks[n].sum()) for n in masks.columns if not masks.loc[keep, n].any()}
    if not gone:
        return
    listed = ", ".join(f"{name!r} ({count} rows)" for name, count in gone.items())
    text = f"no complete row is left of group {listed}: fill the gaps of the drivers, or drop the group"
    if len(gone) == len(masks.columns):
        raise DataError(text)
    warnings.warn(text, DataWarning, stacklevel=3)
