"""The studentised range: the closed form of two means, scipy, R, small P, and the quantile as the inverse of the tail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from carbondrivers.attribution.studentised_range import quantile, upper_tail

from .conftest import REFERENCE

ROOT = np.sqrt(2.0)
DF = np.array([1.0, 1.2, 1.7, 2.0, 3.3, 5.0, 17.7, 99.5, 1e3, 1e4, 1e5, 1e6])


@pytest.mark.parametrize("tail", [0.999, 0.5, 0.05, 1e-6, 1e-12, 1e-50, 1e-290])
def test_two_means_are_students_t(tail: float) -> None:
    # Closed form: sqrt(2) |t|; 1e-11 relative down to P of 1e-290.
    q = ROOT * stats.t.isf(tail / 2.0, DF)
    known = np.isfinite(q) & (stats.t.sf(q / ROOT, DF) > 0.0)
    assert known.sum() >= 8
    expected = 2.0 * stats.t.sf(q[known] / ROOT, DF[known])
    np.testing.assert_allclose(upper_tail(q[known], 2, DF[known]), expected, rtol=1e-11)
    if 1e-12 < tail < 0.9:
        np.testing.assert_allclose(quantile(1.0 - tail, 2, DF), ROOT * stats.t.isf((1.0 - (1.0 - tail)) / 2.0, DF), rtol=1e-11)


def test_the_tail_is_that_of_scipy() -> None:
    # scipy 1.17 integrates each to about 1e-11 absolute.
    rng = np.random.default_rng(0)
    for k in (3, 5, 17, 40, 100):
        df = np.exp(rng.uniform(0.0, 12.0, 5))
        q = stats.studentized_range.ppf(0.9, k, 20.0) * np.array([0.2, 0.7, 1.0, 1.3, 2.0])
        np.testing.assert_allclose(upper_tail(q, k, df), stats.studentized_range.sf(q, k, df), atol=1e-9, rtol=0)


def test_the_quantile_is_that_of_scipy() -> None:
    # scipy 1.17 solves to 1e-8 or so.
    for k, df in ((3, 1.2), (8, 10.3), (30, 60.0), (100, 1e3)):
        np.testing.assert_allclose(quantile(0.95, k, np.array([df])), stats.studentized_range.ppf(0.95, k, df), rtol=1e-8)


def test_the_tail_is_that_of_r() -> None:
    table = pd.read_csv(REFERENCE / "geodetector" / "ref_ptukey.csv").astype(float)
    for k, rows in table.groupby("k"):
        found = upper_tail(rows["q"].to_numpy(), int(k), rows["df"].to_numpy())
        np.testing.assert_allclose(found, rows["upper"], atol=1e-6, rtol=0)


def _by_panels(q: float, k: int, df: float) -> float:
    """Return the tail by Gauss-Legendre panels over s itself and over the largest value, fine enough for 1e-9."""
    x, weight = np.polynomial.legendre.leggauss(20)

    def panels(low: float, high: float, count: int) -> tuple[np.ndarray, np.ndarray]:
        ends = np.linspace(low, high, count + 1)
        half = (ends[1] - ends[0]) / 2.0
        return (ends[:-1, None] + half * (1.0 + x)).ravel(), np.tile(weight * half, count)

    # s = r^4: the density has a root of s at 0.
    r, by_r = panels(1e-6, (1.0 + 12.0 / np.sqrt(df)) ** 0.25, 60)
    s, by_s = r**4, 4.0 * r**3 * by_r
    z, by_z = panels(-9.0, 50.0, 40)
    largest = k * stats.norm.pdf(z) * by_z
    kept = np.array([(largest * (stats.norm.cdf(z) - stats.norm.cdf(z - q * one)) ** (k - 1)).sum() for one in s])
    density = 2.0 * df * s * stats.chi2.pdf(df * s**2, df)
    return float((by_s * density * (1.0 - kept)).sum())


@pytest.mark.parametrize(("q", "k", "df"), [(7.0, 100, 2.3), (15.0, 60, 1.25), (4.0, 100, 6.1), (4.0, 12, 40.0)])
def test_many_means_and_few_degrees_of_freedom(q: float, k: int, df: float) -> None:
    assert upper_tail(np.array([q]), k, np.array([df]))[0] == pytest.approx(_by_panels(q, k, df), abs=1e-8)


@given(
    k=st.integers(2, 100), df=st.floats(1.0, 1e6), confidence=st.floats(0.01, 0.999999),
)  # fmt: skip
def test_the_quantile_inverts_the_tail(k: int, df: float, confidence: float) -> None:
    q = quantile(confidence, k, np.array([df]))
    assert upper_tail(q, k, np.array([df]))[0] == pytest.approx(1.0 - confidence, rel=1e-9)


@given(k=st.integers(2, 100), df=st.floats(1.0, 1e6), q=st.floats(0.0, 1e307))
def test_a_tail_is_a_probability_that_falls(k: int, df: float, q: float) -> None:
    near, far = upper_tail(np.array([q, 1.5 * q]), k, np.full(2, df))
    assert 0.0 <= far <= near + 1e-12 <= 1.0 + 1e-12


def test_no_range_and_the_answer_of_each_alone() -> None:
    q, df = np.array([0.0, 2.0, 9.0]), np.array([3.0, 3.0, 1e6])
    whole = upper_tail(q, 7, df)
    assert whole[0] == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_array_equal(whole, [upper_tail(q[[i]], 7, df[[i]])[0] for i in range(3)])
