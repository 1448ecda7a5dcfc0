"""Whether a path is the same in several groups: interaction of driver and group, arrow by arrow and all together.

Within a set of groups that share no row, every coefficient (in units, not standardised: standard deviations differ between
groups) is free or common to all. F = (RSS_common - RSS_free) / (G - 1) over RSS_free / (N - sum of parameters), the type II
test of the interaction in one regression with all other slopes and the intercepts free. The corrected test is Wald's, with
each group's own error variance and effective n: W = sum w_g (b_g - b)^2, w_g = 1 / se_g^2, b their weighted mean, chi2 with
G - 1 degrees of freedom. All paths of the model together: likelihood ratio N sum log(RSS_common / RSS_free).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from carbondrivers.attribution.fit_indices import log_upper_chi2
from carbondrivers.attribution.inference import LN10, Floats, adjust_within, upper_f
from carbondrivers.attribution.path_estimates import Estimates
from carbondrivers.attribution.path_tables import Case, Rows, coefficient_rows


def group_sets(memberships: pd.DataFrame, fitted: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the sets of groups that share no row, in the order of the groups; sets of one are left out.

    Examples
    --------
    >>> masks = pd.DataFrame({"sink": [1, 0, 1], "source": [0, 1, 0], "forest": [1, 1, 0], "grass": [0, 0, 1]}).astype(bool)
    >>> group_sets(masks, ["sink", "source", "forest", "grass"])
    [('sink', 'source'), ('forest', 'grass')]
    """
    sets: list[list[str]] = []
    for name in (str(c) for c in memberships.columns if str(c) in fitted):
        mask = memberships[name].to_numpy(dtype=bool)
        for one in sets:
            if not any((mask & memberships[other].to_numpy(dtype=bool)).any() for other in one):
                one.append(name)
                break
        else:
            sets.append([name])
    return [tuple(one) for one in sets if len(one) > 1]


def compare_groups(memberships: pd.DataFrame, fitted: Sequence[Mapping[str, Case]], rows: dict[str, Rows]) -> None:
    """Add the tests of equal paths in every set of groups, of every model.

    Parameters
    ----------
    memberships
        Boolean, one column a group.
    fitted
        For each model: group to its fit, on the same variables in every group.
    rows
        Of the tables.
    """
    for cases in fitted:
        for names in group_sets(memberships, list(cases)):
            method = cases[names[0]].method
            found = {name: cases[name].found for name in names}
            errors = {name: _errors(cases[name]) for name in names}
            rows["group_tests"] += group_test_rows(method, names, found, errors)
            rows["comparison"].append(equality_row(method, names, found))


def _errors(case: Case) -> Floats:
    """Return the corrected standard errors of the coefficients of one fit, in units, (edges,)."""
    made = [[float(str(row[key])) for key in ("std_error", "df", "df_eff")] for row in coefficient_rows(case, case.sizes())]
    error, df, df_eff = np.array(made).T
    return np.asarray(error * np.sqrt(df / df_eff))


def group_test_rows(method: str, names: Sequence[str], found: Mapping[str, Estimates], errors: Mapping[str, Floats]) -> Rows:
    """Return one row an arrow: is its coefficient equal in these groups?

    Parameters
    ----------
    method
        Which model.
    names
        A set of groups that share no row.
    found
        Group to its fit.
    errors
        Group to the corrected standard errors of the coefficients in units, (edges,); NaN where there is none.
    """
    groups = [found[name] for name in names]
    rows: Rows = []
    for place, (response, driver) in enumerate(groups[0].model.edges):
        k = groups[0].model.equations[response].index(driver)
        slopes, masses = (np.array(part) for part in zip(*(_slope(one, response, driver, k) for one in groups), strict=True))
        free = sum(_left(one, response) for one in groups)
        df, df_2 = float(len(groups) - 1), float(sum(one.df(response) for one in groups))
        common = float((masses * slopes**2).sum() - (masses @ slopes) ** 2 / masses.sum())
        f = common / df / (free / df_2)
        p, log10_p = upper_f(np.array([f]), df, df_2)
        wald, p_eff = _wald(slopes, np.array([errors[name][place] for name in names]))
        n = sum(one.moments.n for one in groups)
        rows.append(
            {"method": method, "level": ", ".join(names), "response": response, "driver": driver, "statistic": f, "df": df,
             "df_2": df_2, "p": float(p[0]), "log10_p": float(log10_p[0]), "statistic_eff": wald, "p_eff": p_eff, "n": n}
        )  # fmt: skip
    return rows


def _slope(one: Estimates, response: str, driver: str, k: int) -> tuple[float, float]:
    """Return the coefficient in units, and the sum of squares of the driver that the other causes leave."""
    cross = one.moments.cross
    y, x = one.at(response, driver)
    regression = one.regressions[response]
    return float(regression.coefficients[k] * np.sqrt(cross[y, y] / cross[x, x])), float(cross[x, x] / regression.inverse[k, k])


def _left(one: Estimates, response: str) -> float:
    y = one.at(response)[0]
    return float(one.regressions[response].unexplained * one.moments.cross[y, y])


def _wald(slopes: Floats, errors: Floats) -> tuple[float, float]:
    if not np.isfinite(errors).all():
        return np.nan, np.nan
    w = 1.0 / errors**2
    statistic = float((w * (slopes - (w @ slopes) / w.sum()) ** 2).sum())
    return statistic, float(stats.chi2.sf(statistic, len(slopes) - 1))


def equality_row(method: str, names: Sequence[str], found: Mapping[str, Estimates]) -> dict[str, object]:
    """Return the test of all paths together, equal in these groups against free, as a row of the comparison."""
    groups = [found[name] for name in names]
    n, statistic, df = sum(one.moments.n for one in groups), 0.0, 0
    for response in groups[0].model.endogenous:
        causes = groups[0].causes(response)
        y = groups[0].at(response)[0]
        pooled = np.sum([one.moments.cross for one in groups], axis=0)
        scale = np.sqrt(np.diag(pooled))
        r = pooled / np.outer(scale, scale)
        common = pooled[y, y] * float(1.0 - r[y, causes] @ np.linalg.solve(r[np.ix_(causes, causes)], r[causes, y]))
        statistic += n * float(np.log(common / sum(_left(one, response) for one in groups)))
        df += (len(groups) - 1) * len(causes)
    log_p = log_upper_chi2(statistic, df)
    return {
        "group": ", ".join(names), "method": method, "level": "all paths equal", "statistic": statistic, "df": df,
        "p": float(np.exp(log_p)), "log10_p": log_p / LN10, "aic_difference": statistic - 2.0 * df, "n": n,
        "note": "AIC of equal paths less that of free ones",
    }  # fmt: skip


def adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """Return group tests with p adjusted within each model and set of groups (Benjamini-Hochberg)."""
    return adjust_within(table, ["method", "level"]) if len(table) else table
