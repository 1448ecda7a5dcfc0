"""Correlations of the errors that a path model declares correlated (``A ~~ B``), naive and with the effective n.

The error of a variable is what its own causes leave of it; of an outer variable, its deviation from the mean. r has n - 2 - k
degrees of freedom, k the number of causes of the two together: what estimating both equations costs at most.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carbondrivers.attribution.effective_size import products, spatial_size
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.path_claims import SMALL_N, corrected_name, partial_tests
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_tables import Case, Rows


def error_rows(case: Case) -> Rows:
    """Return one row a pair of correlated errors."""
    found, model, at = case.found, case.found.model, case.fields.at
    keep = np.eye(len(found.names)) - found.b
    errors = keep @ found.r @ keep.T
    pairs = [found.at(*pair) for pair in model.correlated]
    r = np.array([errors[i, j] / np.sqrt(errors[i, i] * errors[j, j]) for i, j in pairs], dtype=np.float64)
    size = np.full(len(pairs), np.nan)
    for place, pair in enumerate(model.correlated):
        if at is not None:
            causes = [found.causes(name) if name in model.equations else [] for name in pair]
            rest = [case.fields.rest(found.r, found.at(name)[0], held) for name, held in zip(pair, causes, strict=True)]
            size[place] = spatial_size(products(rest[0], at), products(rest[1], at), at)
    return case.keyed(tested_pairs(model, r, size, (found.moments.n, found.moments.lost), case.confidence))


def tested_pairs(model: PathModel, r: Floats, size: Floats, rows: tuple[int, int], confidence: float) -> Rows:
    """Return the tests of correlations of errors, without group and method.

    Parameters
    ----------
    model
        Its ``correlated`` pairs are the rows.
    r, size
        Correlation and effective number of observations of each pair, (pairs,); NaN without places.
    rows
        Number of rows, and degrees of freedom that means took.
    confidence
        Level of the intervals of r.
    """
    n, lost = rows
    k = np.array([len(_causes(model, pair)) for pair in model.correlated], dtype=np.float64)
    naive, corrected = (partial_tests(r, count - lost - 1.0 - k, confidence) for count in (np.full(len(r), float(n)), size))
    made: Rows = []
    for i, (one, other) in enumerate(model.correlated):
        note = SMALL_N if np.isfinite(size[i]) and not np.isfinite(corrected["p"][i]) else ""
        row: dict[str, object] = {"driver": one, "response": other, "r": r[i], "n": n, "n_eff": size[i], "note": note}
        row |= {key: v[i] for key, v in naive.items()}
        made.append(row | {corrected_name(key): v[i] for key, v in corrected.items()})
    return made


def _causes(model: PathModel, pair: Sequence[str]) -> set[str]:
    return {cause for name in pair for cause in model.equations.get(name, ())}
