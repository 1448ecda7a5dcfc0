"""Drivers that say the same: variance inflation factors and pairs with a high correlation.

``VIF_j = 1 / (1 - R_j^2)``, R_j^2 of driver j regressed on all others (Marquardt 1970, doi:10.1080/00401706.1970.10488699).
The columns are centred and scaled and reduced to the triangle of their QR decomposition first, whose regressions are
theirs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbondrivers.datasets.distances import Floats

# Beyond this R^2 the remainder is rounding: the driver is a sum of others.
DEPENDENT = 1.0 - 1e-12


def inflation(values: Floats) -> Floats:
    """Return the variance inflation factor of every column.

    Parameters
    ----------
    values
        Shape (n, p), finite, no constant column, n > p.

    Returns
    -------
    numpy.ndarray
        Shape (p,), 1 or more; inf for a column that is a linear combination of others.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> a, b = rng.normal(size=(2, 1000))
    >>> inflation(np.column_stack([a, b, a + 0.5 * b])).tolist()
    [inf, inf, inf]
    """
    triangle = np.asarray(np.linalg.qr(_scaled(values), mode="r"))
    found = np.ones(triangle.shape[1])
    for j in range(len(found)):
        rest = np.delete(triangle, j, axis=1)
        left = triangle[:, j] - rest @ np.linalg.lstsq(rest, triangle[:, j], rcond=None)[0]
        share = 1.0 - float(left @ left) / float(triangle[:, j] @ triangle[:, j])
        found[j] = np.inf if share > DEPENDENT else 1.0 / (1.0 - max(share, 0.0))
    return found


def correlations(values: Floats, names: list[str]) -> pd.DataFrame:
    """Return Pearson's r of every pair of columns: ``driver``, ``driver_2``, ``estimate``, strongest first.

    Parameters
    ----------
    values
        Shape (n, p), finite, no constant column.
    names
        Of the columns.
    """
    scaled = _scaled(values)
    matrix = np.clip(scaled.T @ scaled, -1.0, 1.0)
    first, second = np.triu_indices(len(names), 1)
    r = matrix[first, second]
    order = np.argsort(-np.abs(r), kind="stable")
    rows = {"driver": [names[i] for i in first[order]], "driver_2": [names[i] for i in second[order]], "estimate": r[order]}
    return pd.DataFrame(rows)


def _scaled(values: Floats) -> Floats:
    centred = values - values.mean(axis=0)
    return np.asarray(centred / np.linalg.norm(centred, axis=0))
