"""Columns of the geodetector's tables that know about spatial autocorrelation, for samples and streamed grids alike."""

from __future__ import annotations

import numpy as np
from scipy import stats

from carbondrivers.attribution.effective_size import FieldSums
from carbondrivers.attribution.geodetector_bootstrap import widened
from carbondrivers.attribution.geodetector_moments import Moments, q_of
from carbondrivers.attribution.geodetector_near import refined
from carbondrivers.attribution.geodetector_pairs import Additive, additive_form, ecological_test, non_additive_form
from carbondrivers.attribution.geodetector_rows import Row
from carbondrivers.attribution.geodetector_spatial import (
    Blocks,
    Correlations,
    centred_form,
    corrected_test,
    correlations,
    fitted_correlations,
    fixed_share,
    pieces,
    sums_of_table,
)
from carbondrivers.attribution.geodetector_sums import CellSums, FactorSums
from carbondrivers.attribution.geodetector_tests import EQUAL, LEAST_DF, share_interval
from carbondrivers.attribution.inference import Floats

TOO_FEW = "no corrected P: autocorrelation or unequal weights leave too few independent rows for so many strata"
# What rows add to epsilon2 does not vary below this, beside a response of range 1.
_CONSTANT = 1e-12
# Sums of the correlations of errors among strata, (cells, cells), and the sum of their squares over pairs of rows.
Errors = tuple[Floats, float]


def corrected_factor(
    sums: FactorSums, moments: Moments, n: int, kish: float, confidence: float
) -> tuple[Row, Floats | None, float]:
    """Return the corrected test and share of one factor, the sums of correlations of its errors among strata, and their pieces.

    Parameters
    ----------
    sums
        Over the rows; the response must vary.
    moments
        Of the strata.
    n
        Rows.
    kish
        Mean of the squared weights, 1 where rows are not weighted.
    confidence
        Level of the interval.
    """
    response, residual = sums.response(), sums.standard_residual(moments)
    fields = [(correlations(response, sums.places), response)]
    fields += [(fitted_correlations(residual, sums.places), residual)] if residual.variance > 0.0 else []
    fixed, among = _among(sums, fields)
    form = centred_form(among[0], moments.weight)
    row: Row = dict(corrected_test(q_of(moments), form, len(moments.count) - 1, n - kish, kish))
    if len(among) < 2:
        return row, None, np.inf
    errors = among[1], fixed[1].squares, kish
    if n / kish - len(moments.count) >= LEAST_DF:
        row |= fixed_share(moments, *errors, confidence)
    return row, among[1], pieces(moments, *errors)[1]


def _among(sums: CellSums, fields: list[tuple[Correlations, FieldSums]]) -> tuple[list[Correlations], list[Floats]]:
    """Return correlations on the lattice, without those of near rows that it cannot hold, and the sums of all among strata."""
    pairs = None if sums.ends is None else sums.ends.pairs
    fixed, near = zip(*(refined(field, values, sums.places, pairs) for field, values in fields), strict=True)
    among = sums_of_table(sums.places, list(fixed), sums.weight, sums.own)
    for found, extra in zip(among, near, strict=True):
        if sums.ends is not None and extra is not None:
            found += sums.ends.sums(extra, sums.own)
    return list(fixed), among


def widened_interval(
    ends: tuple[float, float], sums: FactorSums, moments: Moments, blocks: Blocks, left: float, confidence: float
) -> tuple[float, float]:
    """Return the interval of epsilon2 over blocks, wider by what neighbouring blocks share.

    Parameters
    ----------
    ends
        From ``geodetector_bootstrap``.
    sums, moments
        Of the factor.
    blocks
        Of the rows.
    left
        How many independent pieces the region holds.
    confidence
        Level of the interval.
    """
    if not np.isfinite(ends[0]):
        return ends
    adds = sums.added(moments)
    if np.sqrt(adds.variance) <= _CONSTANT:
        return widened(ends, 1.0, blocks.count, left, confidence)
    pairs = None if sums.ends is None else sums.ends.pairs
    field, _ = refined(fitted_correlations(adds, sums.places), adds, sums.places, pairs)
    return widened(ends, blocks.spread(field), blocks.count, left, confidence)


def pair_correlations(sums: CellSums, table: Moments, fit: Additive, whole: float) -> Errors | None:
    """Return the correlations of what the additive fit leaves among crossed strata; None where it leaves nothing.

    Parameters
    ----------
    sums
        Over the rows of the crossing.
    table, fit
        Moments of the crossing, and the additive fit to them.
    whole
        Sum of squares of the response.
    """
    if fit.left + table.within <= EQUAL * whole:
        return None
    residual = sums.residual(fit.fitted.ravel())
    fixed, among = _among(sums, [(correlations(residual, sums.places), residual)])
    return among[0], fixed[0].squares


def corrected_interaction(table: Moments, fit: Additive, errors: Errors, whole: float, kish: float, confidence: float) -> Row:
    """Return the corrected test and interval of the non-additive part; nothing where there is none to test.

    Parameters
    ----------
    table, fit, whole
        As for ``pair_correlations``.
    errors
        From there.
    kish, confidence
        As for ``corrected_factor``.
    """
    if fit.df < 1 or table.within <= EQUAL * whole:
        return {}
    left, weight, among = fit.left + table.within, table.weight.ravel(), errors[0]
    # What the additive fit took of an autocorrelated field is more than its rank.
    spare = table.n - max(float(np.trace(additive_form(fit, among, weight))), fit.rank * kish)
    found = corrected_test(fit.left / left, non_additive_form(fit, among, weight), fit.df, spare, kish)
    f, df, df_2 = (found[key] for key in ("statistic_eff", "df_eff", "df_2_eff"))
    low, high = (end * left / whole for end in share_interval(f, df, df_2, df + df_2 + 1.0, confidence))
    return {**found, "ci_eff_low": low, "ci_eff_high": high}


def corrected_ecological(table: Moments, fit: Additive, errors: Errors, own: Floats, confidence: float) -> Row:
    """Return the corrected columns of the ecological detector.

    Parameters
    ----------
    table, fit, errors
        As for ``corrected_interaction``.
    own
        Sums of squared weights of the crossed strata, (cells,), row-major.
    confidence
        Level of the interval.
    """
    found = ecological_test(table, fit, own, *errors)
    reach = float(stats.norm.ppf(0.5 + confidence / 2.0)) * found["std_error"]
    return {
        "statistic_eff": found["statistic"], "p_eff": found["p"], "ci_eff_low": found["estimate"] - reach,
        "ci_eff_high": found["estimate"] + reach,
    }  # fmt: skip
