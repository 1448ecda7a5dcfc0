"""Tails that do not underflow, and adjustment of many p-values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from carbondrivers.attribution.inference import benjamini_hochberg, two_sided_t, upper_f

from .conftest import REFERENCE


def test_log_p_of_t_equals_r() -> None:
    # R 4.2.2 pt(log.p = TRUE): 1e-9 relative.
    table = pd.read_csv(REFERENCE / "log_p_t_reference.csv")
    for row in table.itertuples():
        found = two_sided_t(np.array([row.t]), float(row.df))[1][0]
        assert found == pytest.approx(row.logp2 / np.log(10), rel=1e-9)


@pytest.mark.parametrize(("f", "df", "df_2"), [(900.0, 5, 5000), (300.0, 30, 20000), (9000.0, 1, 800)])
def test_the_deep_tail_of_f_joins_the_computed_one(f: float, df: int, df_2: int) -> None:
    grid = np.linspace(f / 40, f, 60)
    log_p = upper_f(grid, df, df_2)[1]
    assert np.isfinite(log_p).all() and log_p[-1] < -320
    computed = log_p > -290
    np.testing.assert_allclose(log_p[computed], stats.f.logsf(grid[computed], df, df_2) / np.log(10), rtol=1e-9)
    join = int(computed.sum())
    step = np.diff(log_p)[join - 3 : join + 3]
    assert (step < 0).all() and np.abs(np.diff(step)).max() < 0.05 * np.abs(step).max()


def test_f_of_one_df_is_t_squared() -> None:
    t = np.array([2.0, 20.0, 200.0])
    np.testing.assert_allclose(upper_f(t**2, 1, 700)[1], two_sided_t(t, 700.0)[1], rtol=1e-12)


def test_no_p_beside_a_statistic_that_is_not_finite() -> None:
    for values in (two_sided_t(np.array([np.nan, np.inf]), 5.0), upper_f(np.array([np.nan, np.inf]), 2, 5)):
        assert np.isnan(values).all()


def test_benjamini_hochberg_by_hand() -> None:
    assert benjamini_hochberg(np.array([[0.04, 0.01], [0.03, np.nan]])).ravel()[:3].tolist() == [0.04, 0.03, 0.04]
