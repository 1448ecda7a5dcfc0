"""Rows of the geodetector's tables that moments alone decide: they serve samples and streamed grids alike."""

from __future__ import annotations

import numpy as np
from scipy import stats

from carbondrivers.attribution.geodetector_moments import Moments, q_of
from carbondrivers.attribution.geodetector_pairs import Additive, ecological_test
from carbondrivers.attribution.geodetector_tests import EQUAL, LEAST_DF, epsilon2, f_test, omega2, share_interval
from carbondrivers.attribution.inference import Floats

Row = dict[str, object]
TOO_FEW_WEIGHED = "no test, no interval: unequal weights leave too few independent rows for so many strata"
TYPES = (
    "enhance, nonlinear", "enhance, bivariate", "independent", "weaken, univariate", "weaken, nonlinear",
    "not distinguishable",
)  # fmt: skip


def strata_flaw(strata: int, n: int, varies: bool) -> str:
    """Return why strata cannot be judged, empty where they can."""
    if strata < 2 or not varies:
        return "undefined: a single stratum or a constant response in this group"
    if 2 * strata > n:
        return f"undefined: {strata} strata of {n} rows, and a stratum needs two rows on average: use fewer classes"
    return ""


def factor_row(moments: Moments, n: float, confidence: float) -> Row:
    """Return q, what chance leaves of it, its interval and the central F test.

    Parameters
    ----------
    moments
        Of one factor.
    n
        Rows; with weights Kish's.
    confidence
        Level of the interval.
    """
    q, cells = q_of(moments), len(moments.count)
    test = f_test(q, cells - 1, 1.0 - q, n - cells)
    low, high = share_interval(test["statistic"], cells - 1, n - cells, n, confidence)
    note = "" if np.isfinite(test["statistic"]) else "no test: nothing varies within the strata"
    note = note if n - cells >= LEAST_DF else TOO_FEW_WEIGHED
    shares = {"q": q, "epsilon2": epsilon2(q, n, cells), "omega2": omega2(q, n, cells)}
    return {**shares, "ci_low": low, "ci_high": high, "note": note, **test}


def interaction_row(
    shares: tuple[float, float, float], table: Moments, fit: Additive, whole: float, n: float, confidence: float
) -> Row:
    """Return q of a crossing, its classic type, and the F test of its non-additive part.

    Parameters
    ----------
    shares
        q of either factor and of the crossing.
    table, fit
        Moments of the crossing, and the additive fit to them.
    whole
        Sum of squares of the response.
    n
        Rows; with weights Kish's.
    confidence
        Level of the interval.
    """
    within, df_2 = table.within, n - table.cells
    # Where both factors together explain all, what is left of the response is rounding, and no variance to test with.
    test = f_test(fit.left, fit.df, within if within > EQUAL * whole else 0.0, df_2)
    low, high = share_interval(test["statistic"], fit.df, df_2, n, confidence)
    rest = (fit.left + within) / whole
    return {
        "q_driver": shares[0], "q_driver_2": shares[1], "q": shares[2], "epsilon2": epsilon2(shares[2], n, table.cells),
        "cells": table.cells, "interaction_classic": classic_type(*shares), "ci_low": low * rest, "ci_high": high * rest,
        "estimate": (fit.left - fit.df * within / df_2) / whole if df_2 >= LEAST_DF and fit.df > 0 else np.nan,
        "note": "" if np.isfinite(test["p"]) else f"the non-additive part cannot be tested: {_untested(fit.df, df_2)}",
        **test,
    }  # fmt: skip


def _untested(df: float, df_2: float) -> str:
    """Return what a test of the non-additive part lacks."""
    if df <= 0.0 or df_2 < LEAST_DF:
        return "no degrees of freedom are left"
    return "the crossed strata explain the response whole, and nothing is left to test with"


def ecological_row(table: Moments, fit: Additive, own: Floats, confidence: float) -> Row:
    """Return by how much more the first factor explains, with its test, rows taken as independent.

    Parameters
    ----------
    table, fit
        Moments of the crossing, and the additive fit to them.
    own
        Sum of squared weights of each cell (the count where rows are not weighted), row-major.
    confidence
        Level of the interval.
    """
    found = ecological_test(table, fit, own)
    reach = float(stats.norm.ppf(0.5 + confidence / 2.0)) * found["std_error"]
    note = "" if np.isfinite(found["p"]) else "undefined: the same strata, or nothing left within them"
    return {"note": note, **found, "ci_low": found["estimate"] - reach, "ci_high": found["estimate"] + reach}


def classic_type(q1: float, q2: float, q: float) -> str:
    """Return the classic type of an interaction (Wang et al. 2010), by comparing the three q."""
    low, high = min(q1, q2), max(q1, q2)
    if q < low - EQUAL:
        return TYPES[4]
    if q <= high + EQUAL:
        return TYPES[3]
    if abs(q - (q1 + q2)) <= EQUAL:
        return TYPES[2]
    return TYPES[1] if q < q1 + q2 else TYPES[0]
