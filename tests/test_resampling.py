"""Refits on bootstrap samples: whole units, one seed, the same for any number of threads and any order of rows."""

from __future__ import annotations

import numpy as np
import pytest

from carbondrivers.attribution.resampling import Bootstrap, refits
from carbondrivers.errors import OptionError

PLAN = Bootstrap(100, 0.95, seed=5)


def test_units_come_whole() -> None:
    units = np.repeat(np.arange(12), [1, 2, 3] * 4)

    def alike(rows: np.ndarray, seed: int) -> np.ndarray:
        taken = np.bincount(rows, minlength=len(units))
        return np.array([max(np.ptp(taken[units == unit]) for unit in range(12)), len(rows), taken[units == 0][0]])

    drawn = refits(alike, units, PLAN)
    assert drawn.shape == (100, 3)
    assert (drawn[:, 0] == 0).all()
    assert 0.6 < drawn[:, 2].mean() < 1.4
    assert len(np.unique(drawn[:, 1])) > 5


def test_parallel_equals_serial_and_seeds_differ() -> None:
    y = np.random.default_rng(0).normal(size=60)

    def noisy(rows: np.ndarray, seed: int) -> np.ndarray:
        return np.array([y[rows].mean(), np.random.default_rng(seed).normal()])

    serial = refits(noisy, np.arange(60) // 3, PLAN)
    for jobs in (2, 4):
        assert np.array_equal(refits(noisy, np.arange(60) // 3, PLAN, jobs=jobs), serial)
    assert len(np.unique(serial[:, 1])) == 100
    assert not np.array_equal(refits(noisy, np.arange(60) // 3, Bootstrap(100, 0.95, seed=6)), serial)


def test_order_of_rows_does_not_matter() -> None:
    y = np.random.default_rng(1).normal(size=60)
    units, turned = np.arange(60) // 3, np.random.default_rng(2).permutation(60)

    def first(values: np.ndarray):
        return lambda rows, seed: np.array([values[rows[0]], values[rows].sum()])

    one = refits(first(y), units, PLAN)
    two = refits(first(y[turned]), units[turned], PLAN, order=np.argsort(turned))
    assert np.array_equal(one[:, 0], two[:, 0])
    assert two[:, 1] == pytest.approx(one[:, 1], rel=1e-12)


@pytest.mark.slow
def test_blocks_cover_where_rows_do_not(request: pytest.FixtureRequest) -> None:
    """Mean of 40 clusters of 25 alike rows: 95 % intervals from clusters cover 0 about as often, those from rows do not."""
    replicates = request.config.getoption("--replicates") or 60
    rng, covered = np.random.default_rng(3), np.zeros(2)
    for turn in range(replicates):
        units = np.repeat(np.arange(40), 25)
        y = rng.normal(size=40)[units] + 0.3 * rng.normal(size=1000)
        for which, codes in enumerate((units, np.arange(1000))):
            plan = Bootstrap(200, 0.95, seed=turn)
            low, high = plan.interval(refits(lambda rows, seed, y=y: y[rows].mean(keepdims=True), codes, plan)[:, 0])
            covered[which] += low <= 0.0 <= high
    share = covered / replicates
    assert share[0] > 0.93 - 4 * np.sqrt(0.93 * 0.07 / replicates)
    assert share[1] < 0.6


def test_jobs_must_be_a_number() -> None:
    with pytest.raises(OptionError, match="jobs must be"):
        refits(lambda rows, seed: np.zeros(1), np.arange(5), PLAN, jobs=0)
