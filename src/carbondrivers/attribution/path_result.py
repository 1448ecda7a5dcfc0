"""What a path model returns: the tables of its coefficients, claims, fit, effects, blocks and groups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from carbondrivers.attribution.result import Result

OBSERVED, APRIORI, PRUNED = "observed", "a priori", "pruned"
NAIVE = ("statistic", "df", "p", "log10_p", "ci_low", "ci_high")
CORRECTED = ("n", "n_eff", "statistic_eff", "df_eff", "p_eff", "log10_p_eff", "ci_eff_low", "ci_eff_high")
KEY = ("group", "method")

COLUMNS: dict[str, tuple[str, ...]] = {
    "equations": ("method", "response", "driver", "level", "note"),
    "coefficients": (
        *KEY, "response", "driver", "estimate", "std_estimate", "std_error", *NAIVE, *CORRECTED, "vif", "note",
    ),
    "r2": (*KEY, "response", "r2", "intercept", "rmse", "df", "n", "note"),
    "claims": (*KEY, "driver", "response", "given", "r_partial", *NAIVE, *CORRECTED, "p_equivalent", "note"),
    "error_correlations": (*KEY, "driver", "response", "r", *NAIVE, *CORRECTED, "note"),
    "fit": (*KEY, "measure", "estimate", "df", "p", "log10_p", "ci_low", "ci_high", "n", "note"),
    "effects": (
        *KEY, "driver", "response", "level", "path", "estimate", "std_estimate", "std_error", "statistic", "p", "log10_p",
        "ci_low", "ci_high", "std_error_eff", "p_eff", "ci_eff_low", "ci_eff_high", "ci_boot_low", "ci_boot_high", "n_units",
    ),
    "blocks": (*KEY, "block", "driver", "estimate", "r", "share", "share_of", "ci_boot_low", "ci_boot_high", "note"),
    "block_effects": (
        *KEY, "block", "driver", "response", "level", "path", "std_estimate", "ci_boot_low", "ci_boot_high", "n_units", "note",
    ),
    "sensitivity": (
        *KEY, "block", "response", "direct", "indirect", "total", "r2", "statistic", "df", "p", "log10_p", "p_eff", "note",
    ),
    "residual_spatial": (*KEY, "response", "moran_i", "expected", "statistic", "p", "n", "neighbours", "note"),
    "group_tests": (
        "method", "level", "response", "driver", "statistic", "df", "df_2", "p", "p_adjusted", "log10_p", "statistic_eff",
        "p_eff", "n", "note",
    ),
    "comparison": (*KEY, "level", "statistic", "df", "p", "log10_p", "aic", "aic_difference", "n", "note"),
    "pruned": (*KEY, "response", "driver", "level", "p", "p_eff", "n", "note"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathResult(Result):
    """A fitted path model.

    ``method`` in every table says which model a row belongs to: ``"observed"`` (measured variables; always there),
    ``"composite"``, ``"pc1"``, ``"mean"`` or ``"sheaf"`` (blocks as scores, where the equations name blocks), and
    ``"pruned"``. Coefficients and effects are those of standardised variables (``std_estimate``) and in units
    (``estimate``). ``*_eff`` columns stand on the effective number of observations; ``ci_boot_*`` come from resampled
    blocks of space. A table that does not apply has no rows.

    Attributes
    ----------
    equations : pandas.DataFrame
        The models: one row an arrow (``level`` ``"path"``) or pair of correlated errors (``"correlated"``).
    coefficients : pandas.DataFrame
        One row a group, model and arrow: coefficient in units and standardised, standard error (in units), t, df, p, log10 p
        and interval (of ``estimate``), the same with the effective n, and the variance inflation of the driver.
    r2 : pandas.DataFrame
        One row a group, model and equation: R^2, intercept, residual standard deviation (``rmse``), df.
    claims : pandas.DataFrame
        One row a claim of independence (the basis set): the pair, what is held (``given``, names joined by `` + ``), partial
        r with t, df, p, log10 p, interval, the same with the effective n, and ``p_equivalent``: p of |r| below 0.1.
    error_correlations : pandas.DataFrame
        One row a pair of errors declared correlated: their correlation r with t, df, p, log10 p and interval, the same with
        the effective n.
    fit : pandas.DataFrame
        One row a group, model and ``measure``: fisher_c, fisher_c_eff, chi2, rmsea, cfi, tli, srmr, log_likelihood, aic, bic,
        aic_c (Shipley's C + 2K), claims (their number); the value is ``estimate``.
    effects : pandas.DataFrame
        Effects on the target; ``level`` is ``"pathway"`` (its ``path`` spelt ``HFP -> DEM -> NEP``; one step is the direct
        effect), ``"direct"``, ``"indirect"``, ``"total"``; delta-method standard error, z, p and interval, the same with the
        effective n, and the interval of the block bootstrap. Standard errors and intervals are of ``std_estimate``;
        the delta method holds the standard deviations, the bootstrap draws them anew.
    blocks : pandas.DataFrame
        One row a block and member: weight in the score (``estimate``, of the standardised member), correlation with the
        score, share of the members' variance that the score holds.
    block_effects : pandas.DataFrame
        Effects of blocks on the target by ``level``: each member's signed effect (``driver`` names it) and, with an empty
        ``driver``, the whole block: magnitude sqrt(v' R v) for measured variables, the score's own effect otherwise.
        ``level`` ``"pathway"``: from block to block, ``path`` spelt as above.
    sensitivity : pandas.DataFrame
        One row a kind of score and block: direct, indirect and total effect, R^2 of the target, Fisher's C, df and p.
    residual_spatial : pandas.DataFrame
        One row an equation: Moran's I of its residuals, expectation, deviate and p.
    group_tests : pandas.DataFrame
        One row a set of groups (``level``) and arrow: F of the interaction of driver and group, df, df_2, p.
    comparison : pandas.DataFrame
        Nested models: chi2 difference (``statistic``), df, p, AIC and its difference from the a priori model.
    pruned : pandas.DataFrame
        One row an arrow: ``level`` ``"kept"`` or ``"removed"``, with the p that decided.
    """

    equations: pd.DataFrame
    coefficients: pd.DataFrame
    r2: pd.DataFrame
    claims: pd.DataFrame
    error_correlations: pd.DataFrame
    fit: pd.DataFrame
    effects: pd.DataFrame
    blocks: pd.DataFrame
    block_effects: pd.DataFrame
    sensitivity: pd.DataFrame
    residual_spatial: pd.DataFrame
    group_tests: pd.DataFrame
    comparison: pd.DataFrame
    pruned: pd.DataFrame


def tabled(name: str, rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return rows as the table `name` of a PathResult, with all its columns and their types even where there is no row."""
    if not rows:
        return _empty(name).copy()
    made: dict[str, object] = {}
    for column in COLUMNS[name]:
        if column in TEXTS:
            made[column] = pd.array([str(row.get(column, "")) for row in rows], dtype="str")
        else:
            made[column] = np.array([row.get(column, np.nan) for row in rows], dtype=np.float64)
    return pd.DataFrame(made)


@cache
def _empty(name: str) -> pd.DataFrame:
    return pd.DataFrame({c: pd.Series([], dtype="str" if c in TEXTS else "float64") for c in COLUMNS[name]})


TEXTS = frozenset(
    ("group", "method", "response", "driver", "level", "path", "given", "measure", "block", "share_of", "note")
)  # fmt: skip
