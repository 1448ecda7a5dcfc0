"""Parameters by vegetation class: one name, or a map of names, looked up in a table of ``parameters``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from carbondrivers.errors import DataError, choose
from carbondrivers.nep_models.apply import Values, parameters

Vegetation: TypeAlias = Any
"""The name of a class, or a numpy array, pandas Series or DataArray of names (empty or missing: no class)."""


def class_values(table: str, vegetation: Vegetation) -> Values:
    """Return the parameter of each class.

    Parameters
    ----------
    table
        A table with one entry per class, as ``"casa.eps_max_zhu"`` or ``"autotrophic.mod17_sla"``.
    vegetation
        The name of a class, or an array, Series or DataArray (lazy or not) of names; ``""``, None and NaN mean no class.

    Returns
    -------
    float, or same kind as `vegetation`
        In the unit of the table; NaN where there is no class.

    Raises
    ------
    OptionError
        If a class is not in the table; the message lists the known ones. Lazy arrays raise when they are computed.

    Examples
    --------
    >>> class_values("casa.eps_max_improved", "mixed_forest")
    0.768
    >>> class_values("casa.eps_max_zhu", np.array(["grassland", "shrubland", ""]))
    array([0.542, 0.429,   nan])
    """
    return look_up({name: float(entry["value"]) for name, entry in parameters(table).items()}, vegetation, table)


def look_up(known: Mapping[str, float], vegetation: Vegetation, table: str) -> Values:
    """Return the value of each class in `known`; `table` names it in messages (see ``class_values``)."""
    if isinstance(vegetation, str):
        return known[choose(vegetation, known, f"class of table {table}")]
    if hasattr(vegetation, "dims"):
        return vegetation.copy(data=look_up(known, vegetation.data, table))
    if getattr(vegetation, "chunks", None) is not None:
        return vegetation.map_blocks(_codes, dict(known), table, dtype=np.float64)
    if hasattr(vegetation, "iloc"):
        return type(vegetation)(_codes(vegetation.to_numpy(), known, table), index=vegetation.index, dtype=np.float64)
    return _codes(np.asarray(vegetation), known, table)


def _codes(names: Any, known: Mapping[str, float], table: str) -> Any:
    if names.dtype.kind not in "OUST":
        raise DataError(f"classes of table {table} must be names, got numbers: map the codes to names first")
    if names.dtype.kind == "O":
        flat = ["" if name is None or name != name else name for name in names.ravel()]
        names = np.asarray(flat, dtype=str).reshape(names.shape)
    distinct, places = np.unique(names.astype(str), return_inverse=True)
    found = [known[choose(str(n), known, f"class of table {table}")] if n else np.nan for n in distinct]
    return np.asarray(found, dtype=np.float64)[places].reshape(names.shape)
