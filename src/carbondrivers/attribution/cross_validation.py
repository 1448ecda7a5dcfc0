"""Out-of-fold estimates of a model and their scores, random and spatial folds always side by side.

R2 = 1 - SSE / SST about the mean of the rows scored, pooled over folds; the squared correlation beside it sees no bias.
The gap is the R2 of random folds less that of others: what nearness of training rows adds. Intervals are percentiles of a
bootstrap of blocks of the out-of-fold estimates; they do not refit the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.resampling import FEWEST_UNITS, Bootstrap, Codes
from carbondrivers.attribution.validation_folds import Folds
from carbondrivers.datasets.sample import ALL, PixelSample
from carbondrivers.datasets.variogram import Variogram
from carbondrivers.nep_models.agreement import scores, unit_sums

SCORE_COLUMNS = [
    "group", "method", "response", "n", "n_units", "r2", "r2_low", "r2_high", "r_squared", "rmse", "rmse_low", "rmse_high",
    "mae", "bias", "gap", "note",
]  # fmt: skip
VARIOGRAM_COLUMNS = ["distance", "estimate", "expected", "n"]
CURVE_COLUMNS = ["method", "share", "share_of", "n", "r2", "rmse"]
PLACE_COLUMNS = ["x", "y", "fold", "method"]
POINT_COLUMNS = ["method", "x", "y"]
RANDOM = "random"
FEW = 50
LEAST_SCORED = 3


class Model(Protocol):
    """What is validated: it learns from rows and estimates others."""

    def fit(self, X: Any, y: Any) -> Any:
        """Learn from drivers (n, p) and response (n,)."""

    def predict(self, X: Any) -> Floats:
        """Return estimates (m,) from drivers (m, p)."""


@dataclass(frozen=True, slots=True)
class Plots:
    """Which rows were measured, and where the others come from.

    Attributes
    ----------
    measured : numpy.ndarray
        (n,): rows that may be scored.
    sources : numpy.ndarray or None
        (n,): number of the plot that a row was made from; rows of a tested plot never train.
    """

    measured: NDArray[np.bool_]
    sources: Codes | None = None


def out_of_fold(
    model: Callable[[], Model],
    x: Floats,
    y: Floats,
    folds: Folds,
    *,
    order: Codes,
    plots: Plots | None = None,
    share_sources: bool = False,
    part: float = 1.0,
    seed: int = 0,
    only: int | None = None,
) -> Floats:
    """Return estimates (n,) of rows by models that did not see them, NaN for rows that are not tested.

    Parameters
    ----------
    model
        Makes a new model.
    x, y
        Columns (n, p) and response (n,).
    folds
        From ``make_folds``.
    order
        Rows in an order of their own: models see them so, whatever the order of the table.
    plots
        Rows that were not measured train, unless their plot is tested, and are never tested.
    share_sources
        Whether they may train even if their plot is tested, as is often done: the plot then knows itself.
    part
        Share of the training rows that is taken, at random.
    seed
        Of that choice.
    only
        Number of folds to test; all by default.
    """
    found, rank = np.full(len(y), np.nan), np.argsort(order)
    rng = np.random.default_rng(seed)
    for index, (train, test) in enumerate(folds.splits()):
        if only is not None and index >= only:
            break
        if plots is not None:
            test = test[plots.measured[test]]
            if plots.sources is not None and not share_sources:
                train = train[~np.isin(plots.sources[train], plots.sources[test])]
        train = train[np.argsort(rank[train])]
        if part < 1.0:
            train = train[np.sort(rng.permutation(len(train))[: max(2, round(part * len(train)))])]
        if len(test) and len(train):
            found[test] = model().fit(x[train], y[train]).predict(x[test])
    return found


def score_table(
    sample: PixelSample, estimates: Mapping[str, Floats], units: Codes, bootstrap: Bootstrap, order: Codes
) -> pd.DataFrame:
    """Return one row a group and kind of folds: scores of the whole sample's model on the rows of the group.

    Parameters
    ----------
    sample
        The rows, with their groups.
    estimates
        Kind of folds to out-of-fold estimates, (n,); NaN where a row was not tested.
    units
        Unit of the bootstrap of each row, (n,).
    bootstrap
        Of the intervals.
    order
        Rows in an order of their own.
    """
    rows = [
        row for group, inside in _groups(sample) for row in _scored(sample, group, inside, estimates, units, bootstrap, order)
    ]
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def _groups(sample: PixelSample) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    yield ALL, np.full(sample.n, True)
    for name in sample.memberships.columns:
        yield str(name), sample.memberships[name].to_numpy(dtype=bool)


def _scored(
    sample: PixelSample, group: str, inside: NDArray[np.bool_], estimates: Mapping[str, Floats], units: Codes,
    bootstrap: Bootstrap, order: Codes,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    random = np.nan
    for kind, estimate in estimates.items():
        rows = order[(inside & np.isfinite(estimate))[order]]
        row: dict[str, Any] = {"group": group, "method": kind, "response": sample.response.name, "n": len(rows), "n_units": 0}
        if len(rows) < LEAST_SCORED:
            yield row | {"note": f"fewer than {LEAST_SCORED} rows were tested"}
            continue
        row |= _scores_of(sample.y[rows], estimate[rows], units[rows], bootstrap)
        random = row["r2"] if kind == RANDOM else random
        yield row | {"gap": random - row["r2"], "note": _note(row)}


def _scores_of(observed: Floats, estimated: Floats, units: Codes, bootstrap: Bootstrap) -> dict[str, Any]:
    places = np.unique(units, return_inverse=True)[1].astype(np.int64)
    sums, count = unit_sums(observed, estimated, places), int(places.max()) + 1
    found: dict[str, Any] = {name: float(value) for name, value in scores(sums).items()} | {"n_units": count}
    drawn = [scores(sums, counts) for counts in bootstrap.counts(count)] if count >= FEWEST_UNITS else []
    for name in ("r2", "rmse"):
        ends = bootstrap.interval(np.concatenate([part[name] for part in drawn])) if drawn else (np.nan, np.nan)
        found[f"{name}_low"], found[f"{name}_high"] = ends
    return found


def _note(row: Mapping[str, Any]) -> str:
    said = ["R2 is undefined: the observations have no spread"] if not np.isfinite(row["r2"]) else []
    said += [f"no interval: fewer than {FEWEST_UNITS} blocks"] if not np.isfinite(row["rmse_low"]) else []
    said += [f"only {row['n']} rows: an unsteady score"] if row["n"] < FEW else []
    return "; ".join(said)


def point_table(observed: Floats, estimates: Mapping[str, Floats], order: Codes) -> pd.DataFrame:
    """Return estimated (``x``) and observed (``y``) of every row that was tested, by kind of folds."""
    parts = []
    for kind, estimate in estimates.items():
        rows = order[np.isfinite(estimate)[order]]
        parts.append(pd.DataFrame({"method": kind, "x": estimate[rows], "y": observed[rows]}))
    return pd.concat(parts, ignore_index=True)[POINT_COLUMNS]


def place_table(sample: PixelSample, made: Mapping[str, Folds], order: Codes) -> pd.DataFrame:
    """Return place and fold (from 1) of every row, by kind of folds; nothing without coordinates."""
    if sample.coordinates is None:
        return pd.DataFrame(columns=PLACE_COLUMNS)
    xy = sample.frame[list(sample.coordinates)].to_numpy(dtype=np.float64)[order]
    parts = [
        pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "fold": folds.codes[order] + 1, "method": kind})
        for kind, folds in made.items()
    ]
    return pd.concat(parts, ignore_index=True)[PLACE_COLUMNS]


def variogram_table(found: Variogram | None) -> pd.DataFrame:
    """Return semivariance by distance, with the fitted model beside it; nothing where there is no variogram."""
    if found is None:
        return pd.DataFrame(columns=VARIOGRAM_COLUMNS, dtype=np.float64)
    h = found.table["distance"].to_numpy(dtype=np.float64)
    if not np.isfinite(found.range):
        expected = np.full(len(h), np.nan)
    else:
        ratio = h / found.range
        rise = -np.expm1(-3.0 * ratio) if found.model == "exponential" else np.where(ratio < 1, 1.5 * ratio - 0.5 * ratio**3, 1)
        expected = found.nugget + (found.sill - found.nugget) * rise
    return pd.DataFrame(
        {"distance": h, "estimate": found.table["estimate"], "expected": expected, "n": found.table["n_pairs"]}
    )[VARIOGRAM_COLUMNS]


def learning_curve(
    model: Callable[[], Model],
    x: Floats,
    y: Floats,
    made: Mapping[str, Folds],
    *,
    order: Codes,
    parts: Sequence[float],
    folds: int,
    plots: Plots | None,
    seed: int,
) -> pd.DataFrame:
    """Return the scores of models that learned from a part of the training rows, in the first few folds of each kind.

    Parameters
    ----------
    parts
        Shares of the training rows, ascending, up to 1.
    folds
        How many folds are tested.
    model, x, y, made, order, plots, seed
        As in ``out_of_fold``.
    """
    rows = []
    for kind, parted in made.items():
        sizes = [len(train) for train, _ in parted.splits()][:folds]
        for part in parts:
            estimate = out_of_fold(model, x, y, parted, order=order, plots=plots, part=part, seed=seed, only=folds)
            known = order[np.isfinite(estimate)[order]]
            row: dict[str, Any] = {"method": kind, "share": part, "share_of": "training rows"}
            if len(known) >= LEAST_SCORED:
                found = scores(unit_sums(y[known], estimate[known], np.zeros(len(known), dtype=np.int64)))
                row |= {"n": round(part * float(np.mean(sizes))), "r2": float(found["r2"]), "rmse": float(found["rmse"])}
                rows.append(row)
    return pd.DataFrame(rows, columns=CURVE_COLUMNS)
