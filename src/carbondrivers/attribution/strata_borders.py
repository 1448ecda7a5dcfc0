"""Borders of one's own: checked once against a sample, then used in every group of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.strata import class_names, stratify
from carbondrivers.attribution.strata_kernels import Codes
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import OptionError, did_you_mean


def own_borders(given: Mapping[str, Sequence[float]] | None, sample: PixelSample) -> dict[str, list[float]]:
    """Return the inner borders of each driver that has some, drivers by name.

    Parameters
    ----------
    given
        Driver to rising borders; those beyond the driver's values cut nothing.
    sample
        Whose continuous drivers they are.

    Raises
    ------
    OptionError
        If a name is no continuous driver, or its borders are not ascending numbers or part no two values of the sample.

    Examples
    --------
    >>> table = pd.DataFrame({"rain": [100.0, 300.0, 500.0, 550.0], "nep": [1.0, 2.0, 4.0, 5.0]})
    >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"})
    >>> own_borders({"rain": (200, 400)}, sample)
    {'rain': [200.0, 400.0]}
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise OptionError(f"borders must be given by driver, as {{'precipitation': [200, 400, 600]}}, got {given!r}")
    known = [d.name for d in sample.continuous]
    for name, borders in given.items():
        if name not in known:
            raise OptionError(f"borders: {name!r} is no continuous driver of this sample.{did_you_mean(str(name), known)}")
        stratify(sample.frame[name], "quantile", 2, borders=[] if borders is None else borders)
    return {name: [float(border) for border in given[name]] for name in sorted(given)}


def stratify_at(column: pd.Series, borders: Sequence[float]) -> tuple[Codes, list[str], Floats]:
    """Return codes, names and borders of the strata that inner borders make of a group's rows of a continuous driver.

    A group that lies whole between two of the borders is one stratum.

    Examples
    --------
    >>> stratify_at(pd.Series([100.0, 300.0, 150.0]), [200, 400])[1]
    ['[100, 200]', '(200, 300]']
    >>> stratify_at(pd.Series([210.0, 300.0]), [200, 400])[1]
    ['[210, 300]']
    """
    low, high = float(column.min()), float(column.max())
    if any(low <= border < high for border in borders):
        codes, names, found = stratify(column, "quantile", 2, borders=borders)
        return codes, names, np.array([low, high]) if found is None else found
    ends = np.array([low, high] if low < high else [low])
    return np.zeros(len(column), dtype=np.int64), class_names(ends), ends
