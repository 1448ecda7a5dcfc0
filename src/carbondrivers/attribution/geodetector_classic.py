"""The geodetector's published P, as three R packages compute it (Wang et al. 2016, doi:10.1016/j.ecolind.2016.02.052).

F = ((N - L) / (L - 1)) q / (1 - q) is referred to the noncentral F with
lambda = (sum_h Ybar_h^2 - (sum_h sqrt(N_h) Ybar_h)^2 / N) / s^2. As N_h is missing before Ybar_h^2, lambda depends on the
origin of the response (degrees or kelvin, say), and a noncentrality taken from the data is no null distribution.

``geodetector`` (1.0-5): s^2 with N - 1, strata of one member kept. ``gd`` (GD 10.8): s^2 with N, strata of one member dropped
from q and lambda, N and L in F and its degrees of freedom those before. ``gdverse`` (1.7): the same, N and L those after.
Printed values near 1e-10 are the rounding of R's algorithm; here the tail goes on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from scipy import special, stats

from carbondrivers.attribution.geodetector_moments import Moments, q_of

Variant = Literal["geodetector", "gd", "gdverse"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
ORIGIN = (
    "P is the published noncentral one (Wang et al. 2016), as the R package {} computes it: it depends on the origin of the "
    "response, so that adding a constant to it changes P; compare p_method 'f', which does not."
)


def kept(moments: Moments, variant: Variant) -> Moments:
    """Return the strata that a package counts: all, or those with two members or more.

    Parameters
    ----------
    moments
        Of one factor or of a crossing, unweighted.
    variant
        The package.
    """
    use = moments.count > (0 if variant == "geodetector" else 1)
    return Moments(moments.count[use], moments.weight[use], moments.mean[use], moments.square[use])


def classic_q(moments: Moments, variant: Variant) -> float:
    """Return q as a package computes it; NaN where nothing varies."""
    used = kept(moments, variant)
    return q_of(used) if used.n > 1 else np.nan


def wang2016(moments: Moments, variant: Variant) -> dict[str, float]:
    """Return q, F, its degrees of freedom and the published P.

    Parameters
    ----------
    moments
        Of one factor or of a crossing, means with the origin and in the unit of the response.
    variant
        The package whose rules hold.

    Examples
    --------
    >>> from carbondrivers.attribution.geodetector_moments import cell_moments
    >>> y, codes = np.array([1.0, 2, 3, 4, 6, 8]), np.array([0, 0, 0, 0, 1, 1])
    >>> found = wang2016(cell_moments(y, codes, 2), "geodetector")
    >>> round(found["q"], 4), round(found["p"], 4), round(wang2016(cell_moments(y + 9.0, codes, 2), "geodetector")["p"], 4)
    (0.7941, 0.1061, 0.2371)
    """
    used = kept(moments, variant)
    q = classic_q(moments, variant)
    whole = used if variant == "gdverse" else moments
    n, strata = whole.n, whole.cells
    row = {"q": q, "statistic": np.nan, "df": strata - 1.0, "df_2": float(n - strata), "p": np.nan, "log10_p": np.nan}
    if strata < 2 or n <= strata or not q < 1.0:
        return row
    variance = (used.between + used.within) / (used.n - (1 if variant == "geodetector" else 0))
    root = np.sqrt(used.count.astype(np.float64))
    ncp = float((used.mean**2).sum() - (root * used.mean).sum() ** 2 / used.n) / variance
    f = (n - strata) / (strata - 1) * q / (1.0 - q)
    p = _upper(f, strata - 1, n - strata, max(ncp, 0.0))
    return row | {"statistic": f, "p": p, "log10_p": float(np.log10(p)) if p > 0.0 else np.nan}


def _upper(f: float, df: float, df_2: float, ncp: float) -> float:
    p = float(stats.ncf.sf(f, df, df_2, ncp))
    if np.isfinite(p):
        return min(max(p, 0.0), 1.0)
    return float(1.0 - np.nan_to_num(special.ncfdtr(df, df_2, ncp, f)))


def moved(moments: Moments, origin: float, scale: float) -> Moments:
    """Return moments of a standardised response in its own unit and with its own origin."""
    there = moments.count > 0
    return replace(moments, mean=np.where(there, origin + scale * moments.mean, 0.0), square=scale**2 * moments.square)
