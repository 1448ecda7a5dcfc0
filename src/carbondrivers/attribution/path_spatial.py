"""Moran's I of the residuals of an equation, with the expectation and variance that fit residuals of a regression.

Neighbours are the points in the nearest distance classes (``effective_size``) that hold at least four neighbours a point on
average: the eight around a cell of a full grid. With Q the orthonormal causes and constant (k columns), W the binary
weights, S0 their sum and G = Q'WQ (Cliff and Ord 1981, Spatial Processes, p. 203):
E(I) = -n tr(G) / (S0 (n - k)),
Var(I) = n^2 / (S0^2 (n - k)(n - k + 2)) (2 S0 + 2 tr(G^2) - 4 |WQ|^2 - 2 tr(G)^2 / (n - k)).
Sums over neighbours come from one FFT a column.
"""

from __future__ import annotations

import numpy as np
from scipy import fft, linalg, stats

from carbondrivers.attribution.effective_size import Lags
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.path_tables import Case, Rows

NEIGHBOURS = 4.0


def residual_rows(case: Case) -> Rows:
    """Return Moran's I of the residuals of every equation; no row without places."""
    found, at = case.found, case.fields.at
    if at is None:
        return []
    kernel, pairs = _near(at)
    rows: Rows = []
    for response in found.model.endogenous:
        causes = found.causes(response)
        rest = case.fields.rest(found.r, found.at(response)[0], causes)
        design = np.column_stack([np.ones(len(rest)), case.fields.z[:, causes]])
        moran, expected, deviate = residual_moran(rest, design, at, kernel, pairs)
        p = float(2.0 * stats.norm.sf(abs(deviate)))
        rows.append(
            {"response": response, "moran_i": moran, "expected": expected, "statistic": deviate, "p": p, "n": len(rest),
             "neighbours": pairs / len(rest)}
        )  # fmt: skip
    return case.keyed(rows)


def _near(at: Lags) -> tuple[Floats, float]:
    """Return which lags are neighbours, as numbers of the lattice's shape, and the number of ordered pairs."""
    held = np.cumsum(at.pairs[1:])
    last = 1 + int(np.searchsorted(held, min(NEIGHBOURS * at.n, held[-1])))
    kernel = ((at.ring >= 1) & (at.ring <= last)).astype(np.float64).reshape(at.shape)
    return kernel, float(held[last - 1])


def residual_moran(rest: Floats, design: Floats, at: Lags, kernel: Floats, pairs: float) -> tuple[float, float, float]:
    """Return Moran's I of residuals (n,) on a design (n, k), its expectation and its standard deviate.

    Parameters
    ----------
    rest, design
        Rows in the order of `at`.
    at, kernel, pairs
        Places, the lags that are neighbours, and the number of ordered pairs of neighbours.
    """
    n, k = len(rest), design.shape[1]
    q, _ = linalg.qr(design, mode="economic")
    spectrum = fft.rfft2(kernel)
    beside = np.column_stack([_sums(column, at, spectrum) for column in (*q.T, rest)])
    inner = q.T @ beside[:, :k]
    trace = float(np.trace(inner))
    moran = float(n / pairs * (rest @ beside[:, k]) / (rest @ rest))
    expected = -n * trace / (pairs * (n - k))
    spread = 2.0 * pairs + 2.0 * float((inner * inner.T).sum()) - 4.0 * float((beside[:, :k] ** 2).sum())
    variance = n**2 / (pairs**2 * (n - k) * (n - k + 2)) * (spread - 2.0 * trace**2 / (n - k))
    return moran, expected, float((moran - expected) / np.sqrt(variance)) if variance > 0.0 else np.nan


def _sums(values: Floats, at: Lags, spectrum: np.ndarray) -> Floats:
    """Return the sum of values (n,) over the neighbours of each point."""
    flat = np.bincount(at.cell[:, 0] * at.shape[1] + at.cell[:, 1], values, minlength=at.shape[0] * at.shape[1])
    found = fft.irfft2(fft.rfft2(flat.reshape(at.shape)) * spectrum, at.shape)
    return np.asarray(found[at.cell[:, 0], at.cell[:, 1]])
