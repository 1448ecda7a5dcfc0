"""The whole surface of one driver, (rule x number of classes), from values that were sorted once and prefix sums.

q = sum_h S_h^2 / N_h / SST on a centred response needs only the response's running sum along the sorted driver, so that
another cut costs as much as it has classes. Its cross-validated form learns the borders and the means of the classes on the
other folds, q_cv = 1 - sum (y - mean of the class)^2 / sum (y - mean of the training rows)^2 over the rows held out; it
may be negative. The permutation p of the search compares the largest q of the surface with the largest one of every
permuted response: it pays for having looked at every rule and every number of classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.strata import SUPERVISED, inner_borders
from carbondrivers.attribution.strata_kernels import Codes, Ordered, part_of, running_sums, stops
from carbondrivers.attribution.strata_optimal import optimal_runs, tree_runs, value_bins

_CHUNK = 4_000_000
_EQUAL = 1e-12


@dataclass(frozen=True, slots=True)
class Cut:
    """One driver cut by one rule: how, its inner borders, where its classes end among the distinct values, and q."""

    method: str
    classes: int
    inner: Floats
    ends: Codes
    q: float

    @property
    def cells(self) -> int:
        """Number of classes that came out."""
        return len(self.ends)


def surface(rows: Ordered, y: Floats, methods: Sequence[str], classes: tuple[int, int], min_size: int) -> list[Cut]:
    """Return every cut of a driver, by rule and then by number of classes.

    Parameters
    ----------
    rows
        The driver, sorted once.
    y
        Centred response, shape (n,).
    methods
        Rules, of ``strata.SEARCH_METHODS``.
    classes
        Fewest and most classes.
    min_size
        Fewest rows of a class.
    """
    sums, reach = running_sums(rows, y), rows.reach
    total = float(y[rows.order] @ y[rows.order])
    cuts = []
    for method in methods:
        for k, inner in inner_borders(rows, method, classes[1], y, min_size).items():
            if k >= classes[0]:
                ends = stops(rows, inner)
                cuts.append(Cut(method, k, inner, ends, _between(sums, reach, ends) / total))
    return cuts


def _between(sums: Floats, reach: Codes, ends: Codes) -> float:
    at = np.concatenate([[0], ends])
    return float((np.diff(sums[at]) ** 2 / np.diff(reach[at])).sum())


def held_out(
    rows: Ordered, y: Floats, folds: Codes, methods: Sequence[str], classes: tuple[int, int], min_size: int
) -> tuple[Floats, Floats]:
    """Return the cross-validated q of every cut and its standard error over the folds, in the order of ``surface``.

    Parameters
    ----------
    rows, y, methods, classes, min_size
        As in ``surface``.
    folds
        Shape (n,): fold of each row, 0 to F - 1.

    Returns
    -------
    q, error : numpy.ndarray
        Shape (cuts,); the error is the standard deviation of the folds' own q over the root of their number.
    """
    lost, whole = [], []
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        learnt, kept = part_of(rows, ~out), part_of(rows, out)
        mean = float(y[learnt.order].mean())
        centred = y - mean
        sums, reach = running_sums(kept, centred), kept.reach
        squares = float(centred[kept.order] @ centred[kept.order])
        cuts = surface(learnt, centred, methods, classes, min_size)
        own, own_reach = running_sums(learnt, centred), learnt.reach
        lost.append([squares - _saved(cut, own, own_reach, sums, reach, kept) for cut in cuts])
        whole.append(squares)
    parts = np.array(lost, dtype=np.float64)
    each = 1.0 - parts / np.array(whole)[:, None]
    return 1.0 - parts.sum(axis=0) / sum(whole), each.std(axis=0, ddof=1) / np.sqrt(len(whole))


def _saved(cut: Cut, own: Floats, own_reach: Codes, sums: Floats, reach: Codes, kept: Ordered) -> float:
    """Return the squares that the means of the learnt classes take off the rows held out."""
    at = np.concatenate([[0], cut.ends])
    means = np.diff(own[at]) / np.diff(own_reach[at])
    ends = np.concatenate([[0], np.searchsorted(kept.distinct, cut.inner, side="right"), [len(kept.distinct)]])
    return float((2.0 * means * np.diff(sums[ends]) - means**2 * np.diff(reach[ends])).sum())


def permutations(y: Floats, replicates: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Iterate over permuted responses in blocks of shape (some replicates, n)."""
    step = max(1, _CHUNK // len(y))
    for start in range(0, replicates, step):
        yield rng.permuted(np.tile(y, (min(step, replicates - start), 1)), axis=1)


def largest_q(
    rows: Ordered, cuts: Sequence[Cut], drawn: Floats, methods: Sequence[str], classes: tuple[int, int], min_size: int
) -> Floats:
    """Return the largest q of a driver's surface for each of several responses.

    Parameters
    ----------
    rows, methods, classes, min_size
        As in ``surface``.
    cuts
        The driver's surface: the cuts that look at no response serve for all.
    drawn
        Centred responses, shape (replicates, n).

    Returns
    -------
    numpy.ndarray
        Shape (replicates,).
    """
    total = (drawn**2).sum(axis=1)
    ranked = drawn[:, rows.order]
    best = np.zeros(len(drawn))
    fixed = [cut for cut in cuts if cut.method not in SUPERVISED]
    if fixed:
        best = _fixed_between(rows, fixed, ranked).max(axis=1)
    searching = [method for method in methods if method in SUPERVISED]
    if searching:
        bins = value_bins(rows.counts)
        starts = rows.reach[bins[:-1]]
        weight = np.add.reduceat(rows.counts, bins[:-1])
        for i, sums in enumerate(np.add.reduceat(ranked, starts, axis=1)):
            found = [_searched(method, weight, sums, classes, min_size) for method in searching]
            best[i] = max(float(best[i]), *found)
    return np.asarray(best / total)


def _fixed_between(rows: Ordered, cuts: Sequence[Cut], ranked: Floats) -> Floats:
    """Return the sum of squares between the classes of every cut, shape (replicates, cuts)."""
    every = np.unique(np.concatenate([[0], *(cut.ends for cut in cuts)]))
    reach = rows.reach[every]
    cells = np.add.reduceat(ranked, reach[:-1], axis=1)
    sums = np.concatenate([np.zeros((len(ranked), 1)), np.cumsum(cells, axis=1)], axis=1)
    lower = np.searchsorted(every, np.concatenate([np.append(0, cut.ends[:-1]) for cut in cuts]))
    upper = np.searchsorted(every, np.concatenate([cut.ends for cut in cuts]))
    parts = (sums[:, upper] - sums[:, lower]) ** 2 / (reach[upper] - reach[lower])
    return np.asarray(np.add.reduceat(parts, np.cumsum([0, *(cut.cells for cut in cuts[:-1])]), axis=1))


def _searched(method: str, weight: Codes, sums: Floats, classes: tuple[int, int], min_size: int) -> float:
    # More classes never explain less, so that the largest number holds the largest q.
    runs = (optimal_runs if method == "optimal" else tree_runs)(weight, sums, classes[1], min_size)[classes[1]]
    starts = np.concatenate([[0], runs[:-1] + 1])
    return float((np.add.reduceat(sums, starts) ** 2 / np.add.reduceat(weight, starts)).sum())


def search_p(observed: float, drawn: Floats) -> float:
    """Return the permutation p of a largest q; drawn values within rounding of it count as reaching it.

    Examples
    --------
    >>> search_p(0.5, np.array([0.1, 0.5, 0.2]))
    0.5
    """
    return (1.0 + float((drawn >= observed - _EQUAL).sum())) / (len(drawn) + 1.0)


def loess(x: Floats, y: Floats, span: float = 0.75) -> Floats:
    """Return the local quadratic fit of R's ``loess`` with its defaults, for a handful of points.

    Parameters
    ----------
    x, y
        Shape (n,), n of 4 or more, x all different.
    span
        Share of the points that a fit takes.
    """
    near = int(np.floor(len(x) * span + 1e-5))
    fitted = np.empty(len(x))
    for i, centre in enumerate(x):
        far = np.abs(x - centre)
        reach = np.sort(far)[near - 1]
        weight = np.sqrt(np.clip(1.0 - (far / reach) ** 3, 0.0, None) ** 3)
        design = np.vander((x - centre) / reach, 3) * weight[:, None]
        fitted[i] = np.linalg.lstsq(design, y * weight, rcond=None)[0][2]
    return fitted


def loess_choice(q: Floats, classes: Floats, rate: float = 0.05) -> int:
    """Return the position of the first number of classes after which q gains little.

    The first whose fitted q lies at most `rate` above the one before, where the step before gained more than that (the
    rule of gdverse's ``loess_optnum``); the largest q where there is none, or where there are fewer than four.

    Parameters
    ----------
    q, classes
        Shape (k,), classes ascending.
    rate
        Relative gain.

    Examples
    --------
    >>> loess_choice(np.array([0.1, 0.2, 0.3, 0.31, 0.31, 0.312]), np.arange(3.0, 9.0))
    3
    """
    if len(q) < 4:
        return int(np.argmax(q))
    fitted = loess(classes, q)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.nan_to_num(np.append(0.0, np.diff(fitted) / fitted[:-1]))
    flat = (gain <= rate) & (np.append(0.0, gain[:-1]) > rate)
    return int(np.argmax(flat)) if flat.any() else int(np.argmax(q))


def folds_of(units: Codes, folds: int, rng: np.random.Generator) -> Codes:
    """Return the fold of each row: whole units, dealt out at random so that the folds hold about as many units.

    Parameters
    ----------
    units
        Shape (n,): number of each row's block, site or row.
    folds
        Number of folds, at most the number of units.
    rng
        For the deal.
    """
    count = int(units.max()) + 1
    dealt = np.empty(count, dtype=np.int64)
    dealt[rng.permutation(count)] = np.arange(count) % folds
    return dealt[units]


def too_few(units: Codes, folds: int) -> bool:
    """Whether there are not even two units a fold."""
    return int(units.max()) + 1 < 2 * folds
