"""Evaluation of estimates (models, products) against observations, and whether one estimate is better than another.

Scores are those of ``nep_models.agreement``: R2 = 1 - SSE/SST about the 1:1 line, the squared correlation beside it, RMSE,
MAE, bias = mean(estimate - observation), and the line of the observed on the estimated. All estimates are scored on the
same rows. Intervals are percentiles of a bootstrap of whole sites or blocks (``resampling``). Two estimates are compared
by the difference of their RMSE in the same resamples, so that what is hard to estimate for both takes no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import (
    FEW_UNITS,
    FEWEST_UNITS,
    Bootstrap,
    Codes,
    Units,
    bootstrap_of,
    categorical,
    units_of,
)
from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import ALL, Driver, PixelSample
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.nep_models.agreement import SCORES, Sums, scores, unit_sums
from carbondrivers.nep_models.apply import canonical_unit, same_unit, unit_problem
from carbondrivers.provenance import history_line

WITH_INTERVAL = ("r2", "rmse", "bias")
SCORE_COLUMNS = [
    "group", "level", "response", "driver", "n", "n_units", "r2", "r2_low", "r2_high", "r_squared", "rmse", "rmse_low",
    "rmse_high", "mae", "bias", "bias_low", "bias_high", "bias_relative", "slope", "intercept", "method", "note",
]  # fmt: skip
PAIR_COLUMNS = [
    "group", "response", "driver", "driver_2", "estimate", "ci_low", "ci_high", "n", "n_units", "method", "note",
]  # fmt: skip
FIRST, SECOND, SAME = "the first is closer", "the second is closer", "not distinguishable"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvaluationResult(Result):
    """Estimates against observations (the response of the sample).

    Attributes
    ----------
    scores : pandas.DataFrame
        One row a group, class (``level``) and estimate (``driver``): n, units of the bootstrap, r2 (1 - SSE/SST), r_squared
        (squared correlation), rmse, mae and bias (unit of the response; estimate - observation), bias_relative (to the
        absolute mean of the observations), slope and intercept of the observed on the estimated; intervals of r2, rmse and
        bias; ``method``, what was resampled (sites, blocks or rows).
    pairs : pandas.DataFrame
        One row a group and pair of estimates: difference of their RMSE, ``driver`` less ``driver_2`` (negative: `driver` is
        closer), its interval and the verdict (``note``).
    points : pandas.DataFrame
        Every row of the sample and estimate: ``x`` estimated, ``y`` observed, class.
    """

    scores: pd.DataFrame
    pairs: pd.DataFrame
    points: pd.DataFrame


@register(
    "evaluation",
    title="Evaluation of estimates against observations",
    takes="sample",
    result=EvaluationResult,
    version="1",
    citation="Pineiro, G. et al. (2008). How to evaluate models: observed vs. predicted or predicted vs. observed? "
    "Ecological Modelling 216, 316-322.",
)
def evaluate(
    sample: PixelSample,
    *,
    estimates: Sequence[str] | None = None,
    by: str | None = None,
    sites: str | None = None,
    block_size: float | None = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 20260118,
) -> EvaluationResult:
    """Score estimates of the response, in every group and class, and compare them in pairs.

    Parameters
    ----------
    sample
        Checked table: the response holds the observations, continuous drivers hold the estimates, in its unit. Only rows
        with a value of every driver are in a sample, so that all estimates are scored on the same rows.
    estimates
        Drivers that are estimates, in the order of the figure; by default the continuous drivers in the response's unit, or
        those whose unit is not known where none is.
    by
        Categorical driver whose classes are scored one by one.
    sites
        Categorical driver that names the site of each row; by default rows with the same coordinates are one site.
    block_size
        Side of the square blocks that are resampled where sites have one row each, in the unit of the coordinates; a tenth
        of the longer side of the extent by default. It should be at least the range over which errors are alike.
    confidence, replicates, seed
        Level of the intervals, number of resamples, and their seed.

    Raises
    ------
    OptionError
        If an option is outside its list or range.
    DataError
        If no driver can be an estimate, or one is in another unit than the response.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from carbondrivers.datasets import PixelSample
    >>> table = pd.DataFrame({"gpp": [1.0, 2, 3, 4, 5, 6], "modis": [2.0, 3, 4, 5, 6, 7], "casa": [1.0, 2, 3, 4, 5, 5]})
    >>> sample = PixelSample.from_frame(table, response="gpp", drivers={"modis": "vegetation", "casa": "vegetation"})
    >>> evaluate(sample, replicates=200).scores[["driver", "r2", "r_squared", "bias"]].round(3)
      driver     r2  r_squared   bias
    0   casa  0.943      0.964 -0.167
    1  modis  0.657      1.000  1.000
    """
    chosen = _estimates(sample, estimates)
    classes = _classes(sample, by)
    bootstrap = bootstrap_of(replicates, confidence, seed)
    estimated = sample.frame[[d.name for d in chosen]].to_numpy(dtype=np.float64)
    units = units_of(sample, sites, block_size, np.column_stack([sample.y, estimated]))
    rows: list[dict[str, Any]] = []
    pairs: list[dict[str, Any]] = []
    for group, level, inside in _parts(sample, classes):
        head = {"group": group, "response": sample.response.name}
        names = [d.name for d in chosen]
        part = _Part(names, sample.y[inside], estimated[inside], units.codes[inside], units.kind)
        resampled = part.resampled(bootstrap)
        rows += [head | {"level": level} | row for row in part.scores(resampled, bootstrap)]
        pairs += [head | row for row in part.pairs(resampled, bootstrap)] if level == ALL else []
    table = pd.DataFrame(rows)[SCORE_COLUMNS]
    parameters = {
        "estimates": [d.name for d in chosen], "by": by, "sites": sites, "block_size": units.side, "resampled": units.kind,
        "confidence": confidence, "replicates": replicates, "seed": seed,
    }  # fmt: skip
    return EvaluationResult(
        method="evaluation",
        parameters=parameters,
        n=sample.n,
        notes=(*_notes(sample, chosen, units, table, confidence), *sample.caveats()),
        provenance=history_line("evaluation", **parameters, n=sample.n),
        variables=sample.variables(),
        scores=table,
        pairs=pd.DataFrame(pairs, columns=PAIR_COLUMNS),
        points=_points(sample, chosen, classes),
    )


def _estimates(sample: PixelSample, names: Sequence[str] | None) -> list[Driver]:
    """Return the drivers that are estimates of the response."""
    unit, known = sample.response.unit, {d.name: d for d in sample.continuous}
    if isinstance(names, str):
        raise OptionError(f"estimates must be a list of drivers, as ['modis', 'casa'], got {names!r}")
    if not names:
        found = [d for d in known.values() if not unit or (d.unit and same_unit(d.unit, unit))]
        found = found or [d for d in known.values() if not d.unit]
        if not found:
            raise DataError(f"no continuous driver is in the unit of the response ({unit}): add an estimate of it as a driver")
        return found
    chosen = [known[choose(name, known, "each of estimates")] for name in dict.fromkeys(names)]
    for driver in chosen:
        differs = bool(unit and driver.unit) and not same_unit(driver.unit, unit)
        problem = unit_problem(driver.unit, (canonical_unit(unit),)) if differs else ""
        if problem:
            raise DataError(f"estimate {driver.name!r} {problem}; it is scored against {sample.response.name!r}")
    return chosen


def _classes(sample: PixelSample, by: str | None) -> pd.Series | None:
    """Return the class of each row."""
    if by is None:
        return None
    classes = categorical(sample, by, "by")
    if ALL in classes.cat.categories:
        raise DataError(f"a class of {by!r} cannot be called 'all': that name stands for all classes; rename it")
    return classes


def _parts(sample: PixelSample, classes: pd.Series | None) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Iterate over the groups, and within each over all rows and then its classes, those without rows left out."""
    groups = {ALL: np.full(sample.n, True)}
    groups |= {str(name): sample.memberships[name].to_numpy(dtype=bool) for name in sample.memberships.columns}
    for group, mask in groups.items():
        levels = {ALL: mask}
        if classes is not None:
            levels |= {str(level): mask & (classes == level).to_numpy() for level in classes.cat.categories}
        yield from ((group, level, inside) for level, inside in levels.items() if inside.any())


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of one group and class: observations (n,), estimates (n, k), the unit of each row (n,)."""

    names: list[str]
    observed: Floats
    estimated: Floats
    codes: Codes
    kind: str

    @property
    def units(self) -> int:
        return len(np.unique(self.codes))

    def sums(self) -> list[Sums]:
        places = np.unique(self.codes, return_inverse=True)[1].astype(np.int64)
        return [unit_sums(self.observed, column, places) for column in self.estimated.T]

    def resampled(self, bootstrap: Bootstrap) -> list[dict[str, Floats]] | None:
        """Return the scores of each estimate in the same resamples, arrays of shape (replicates,); None for too few units."""
        if self.units < FEWEST_UNITS:
            return None
        sums = self.sums()
        parts = [[scores(one, counts) for one in sums] for counts in bootstrap.counts(self.units)]
        return [{name: np.concatenate([part[i][name] for part in parts]) for name in SCORES} for i in range(len(sums))]

    def scores(self, resampled: list[dict[str, Floats]] | None, bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
        for index, (name, sums) in enumerate(zip(self.names, self.sums(), strict=True)):
            row: dict[str, Any] = {key: float(value) for key, value in scores(sums).items()}
            for key in WITH_INTERVAL:
                ends = (np.nan, np.nan) if resampled is None else bootstrap.interval(resampled[index][key])
                row[f"{key}_low"], row[f"{key}_high"] = ends
            yield self._head() | row | {"driver": name, "note": self._note(row)}

    def pairs(self, resampled: list[dict[str, Floats]] | None, bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
        rmse = [float(scores(sums)["rmse"]) for sums in self.sums()]
        for one, two in combinations(range(len(self.names)), 2):
            low, high = np.nan, np.nan
            if resampled is not None:
                low, high = bootstrap.interval(resampled[one]["rmse"] - resampled[two]["rmse"])
            known = SAME if np.isfinite(low) else self._few()
            verdict = FIRST if high < 0 else SECOND if low > 0 else known
            yield self._head() | {
                "driver": self.names[one], "driver_2": self.names[two], "estimate": rmse[one] - rmse[two],
                "ci_low": low, "ci_high": high, "note": verdict,
            }  # fmt: skip

    def _head(self) -> dict[str, Any]:
        return {"n": len(self.observed), "n_units": self.units, "method": self.kind}

    def _few(self) -> str:
        few = self.units < FEWEST_UNITS
        return f"no interval: {f'fewer than {FEWEST_UNITS} {self.kind}' if few else 'undefined in too many resamples'}"

    def _note(self, row: dict[str, Any]) -> str:
        undefined = "" if np.isfinite(row["r2"]) else "R2 is undefined: the observations have no spread"
        return "; ".join(text for text in (undefined, "" if np.isfinite(row["rmse_low"]) else self._few()) if text)


def _points(sample: PixelSample, chosen: list[Driver], classes: pd.Series | None) -> pd.DataFrame:
    level = np.full(sample.n, ALL) if classes is None else classes.astype(str).to_numpy()
    parts = [
        pd.DataFrame({"driver": d.name, "level": level, "x": sample.frame[d.name].to_numpy(), "y": sample.y}) for d in chosen
    ]
    return pd.concat(parts, ignore_index=True)


def _notes(sample: PixelSample, chosen: list[Driver], units: Units, table: pd.DataFrame, confidence: float) -> Iterator[str]:
    gone = [str(note) for note in sample.dropped.loc[sample.dropped["driver"] == "", "note"]]
    yield f"All estimates are scored on the same {sample.n} rows ({gone[0] if gone else 'no row was left out'})."
    level = f"{100 * confidence:g} %"
    if units.kind == "rows":
        yield (
            f"The {level} intervals are naive: without coordinates or sites, single rows were resampled, as if they were "
            "independent."
        )
    else:
        of = "sites" if units.kind == "sites" else f"square blocks of side {units.side:.6g} (unit of the coordinates)"
        yield f"The {level} intervals are percentiles of a bootstrap of whole {of}: {int(table['n_units'].iloc[0])} in all."
    few = table.loc[table["n_units"].between(FEWEST_UNITS, FEW_UNITS - 1), "n_units"]
    if len(few):
        yield f"Intervals of parts with fewer than {FEW_UNITS} {units.kind} are too narrow (the fewest have {int(few.min())})."
    if len(chosen) > 2:
        yield f"The verdicts on {len(chosen) * (len(chosen) - 1) // 2} pairs are not adjusted for their number."
    silent = [d.title for d in chosen if sample.response.unit and not d.unit]
    if silent:
        yield f"Taken to be in {sample.response.unit}, for no unit is given: {', '.join(silent)}."
