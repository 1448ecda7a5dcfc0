"""Carbon storage by random forest: importance of drivers with intervals, honest scores, maps and totals by year.

A study of Ningxia estimates storage of a region by a forest on plots and on points made from plots by the ratio of NPP. Such
points hold the value of their plot: they may train, but they are never scored, and none trains while its plot is tested.
Intervals are percentiles of forests refitted to blocks of the rows drawn with replacement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from carbondrivers.attribution.applicability import Applicability, applicability
from carbondrivers.attribution.cross_validation import RANDOM, Plots, out_of_fold, place_table, point_table, score_table
from carbondrivers.attribution.design_matrix import design_of, same_order
from carbondrivers.attribution.fold_rows import row_order
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.random_forest import CarbonStorageForest, Preset
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import FEWEST_UNITS, Bootstrap, bootstrap_of, refits
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.storage_maps import Layers, layers_of, some_cells, storage_maps, total_table, unseen_cells
from carbondrivers.attribution.validation import fold_notes, score_units, side_from
from carbondrivers.attribution.validation_folds import Folds, make_folds
from carbondrivers.datasets.sample import ALL, PixelSample
from carbondrivers.errors import DataError, OptionError
from carbondrivers.provenance import history_line

IMPORTANCE_COLUMNS = [
    "group", "response", "driver", "category", "rank", "share", "share_of", "ci_low", "ci_high", "estimate", "std_error", "n",
    "n_units", "note",
]  # fmt: skip
SHARE_OF = "summed decrease of the squared error"
REFIT_TREES, SCORE_REPLICATES, HELD_OUT, LEAST_ROWS = 10, 1000, 0.1, 50
SHARED, BLOCKS, OUT_OF_BAG, TRAINING, HOLD_OUT = "random, shared plots", "spatial_blocks", "out_of_bag", "training", "hold_out"
IMPORTANCE_NOTE = (
    "An importance says what the forest leans on, not what causes the response. Shares of the summed decrease favour drivers "
    "with many values and smooth ones; a permuted driver is missed less where another stands in for it."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CarbonForestResult(Result):
    """A forest of the response.

    Attributes
    ----------
    importance : pandas.DataFrame
        One row a group and driver, each group of 50 rows or more with a forest of its own: share of the summed decrease of the
        squared error with its interval, rise of the out-of-bag mean squared error when it is permuted (``estimate``, squared
        units of the response) with the standard error over trees.
    scores : pandas.DataFrame
        One row a group and kind of test, as in ``ValidationResult``; augmented rows are never scored.
    points, places : pandas.DataFrame
        Estimated and observed of every row tested; place and fold of every row.
    totals : pandas.DataFrame
        One row a year, for all cells and for those inside the area of applicability; empty without layers.
    storage : xarray.Dataset
        Estimate, DI, LPD, whether inside; empty without layers.
    """

    importance: pd.DataFrame
    scores: pd.DataFrame
    points: pd.DataFrame
    places: pd.DataFrame
    totals: pd.DataFrame
    storage: xr.Dataset = field(default_factory=xr.Dataset)


@register(
    "carbon_forest",
    title="Random forest of carbon storage",
    takes="sample",
    result=CarbonForestResult,
    version="2",
    citation="Breiman, L. (2001). Random forests. Machine Learning 45, 5-32.",
)
def carbon_forest(
    sample: PixelSample,
    *,
    preset: Preset = "ningxia",
    trees: int | None = None,
    mtry: int | None = None,
    min_leaf: int | None = None,
    min_split: int | None = None,
    depth: int | None = None,
    augmented: ArrayLike | None = None,
    sources: ArrayLike | None = None,
    layers: Mapping[str, xr.DataArray] | None = None,
    n: int = 10,
    size: float | Literal["auto"] = "auto",
    confidence: float = 0.95,
    replicates: int = 100,
    seed: int = 20260118,
    jobs: int = 1,
) -> CarbonForestResult:
    """Fit a forest, tell which drivers it leans on and how well it does, and map what it estimates.

    Parameters
    ----------
    sample
        Checked table, such as carbon density at plots.
    preset, trees, mtry, min_leaf, min_split, depth
        Of the forest, see ``CarbonStorageForest``.
    augmented
        One truth value a row: rows that were not measured but made from plots (``augment_plots``).
    sources
        With `augmented`: the plot that each row belongs to or was made from, one label a row.
    layers
        Grids of every driver, (y, x) or (year, y, x): what is mapped. A class that no row has is left empty and counted.
    n, size
        Number of folds and side of the blocks, see ``validate``.
    confidence, replicates, seed
        Level of the intervals, number of refits, and the seed of every draw.
    jobs
        Threads; no answer depends on it.

    Raises
    ------
    OptionError
        If an option is outside its list or range.
    DataError
        If no row was measured, or a layer is missing.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.uniform(size=(120, 4)), columns=["x", "y", "npp", "dem"])
    >>> table["carbon"] = 50 * table["npp"] + rng.normal(size=120)
    >>> drivers = {"npp": "vegetation", "dem": "topography"}
    >>> sample = PixelSample.from_frame(table, response="carbon", drivers=drivers, coordinates=("x", "y"))
    >>> found = carbon_forest(sample, preset="r", trees=40, n=5, size=0.3)
    >>> found.importance[["driver", "rank"]].to_numpy().tolist(), found.parameters["mtry"]
    ([['npp', 1], ['dem', 2]], 1)
    """
    options: dict[str, Any] = {"trees": trees, "mtry": mtry, "min_leaf": min_leaf, "min_split": min_split, "depth": depth}
    forest = CarbonStorageForest(preset, **options, seed=seed % 2**32, jobs=jobs)
    settings = forest.settings(_columns(sample))
    bootstrap = bootstrap_of(replicates, confidence, seed)
    of_scores = Bootstrap(max(replicates, SCORE_REPLICATES), bootstrap.confidence, seed)
    plots = _plots(sample, augmented, sources)
    work = _Work(sample, forest, plots, bootstrap, n, size, jobs)
    mapped = None if layers is None else layers_of(layers, work.design)
    made, estimates = work.tested()
    importance, drawn = work.importance(made, mapped)
    area = work.area(made)
    storage, totals = (xr.Dataset(), pd.DataFrame()) if mapped is None else work.mapped(area, mapped, drawn)
    side = next((f.side for f in made.values() if f.side is not None), None)
    parameters: dict[str, Any] = {
        "preset": preset, **settings, "n": n, "size": size, "side": side, "side_from": side_from(made),
        "augmented": int((~plots.measured).sum()), "unit": next((f.unit for f in made.values() if f.unit), ""),
        "crs": sample.crs, "confidence": confidence, "replicates": replicates, "refit_trees": REFIT_TREES,
        "score_replicates": of_scores.replicates, "threshold": area.threshold, "seed": seed,
    }  # fmt: skip
    return CarbonForestResult(
        method="carbon_forest",
        parameters=parameters,
        n=sample.n,
        notes=(IMPORTANCE_NOTE, *work.notes(made, mapped, totals), *sample.caveats()),
        provenance=history_line("carbon_forest", **parameters, rows=sample.n),
        variables=sample.variables(),
        importance=importance,
        scores=score_table(sample, estimates, score_units(sample, made), of_scores, work.order),
        points=point_table(sample.y, estimates, work.order),
        places=place_table(sample, made, work.order),
        totals=totals,
        storage=storage,
    )


def _columns(sample: PixelSample) -> int:
    return len(design_of(sample)[0].owner)


def _plots(sample: PixelSample, augmented: ArrayLike | None, sources: ArrayLike | None) -> Plots:
    """Return which rows may be scored and where rows come from, checked."""
    if augmented is None:
        if sources is not None:
            raise OptionError("sources need augmented: say which rows were made from plots")
        return Plots(np.full(sample.n, True))
    made = np.asarray(augmented)
    if made.dtype != bool or made.shape != (sample.n,):
        raise OptionError(f"augmented must be one truth value a row ({sample.n}), got {made.dtype} of shape {made.shape}")
    if made.all():
        raise DataError(
            "every row is augmented: scores need measured plots, and augmented rows are never scored; add the plots"
        )
    if sources is None:
        return Plots(~made)
    labels = pd.Series(np.asarray(sources).ravel())
    if len(labels) != sample.n or labels.isna().any():
        raise OptionError(f"sources must be one label a row ({sample.n}) without gaps, got {len(labels)}")
    return Plots(~made, pd.factorize(labels.astype(str), sort=True)[0].astype(np.int64))


class _Work:
    """A sample with its forest."""

    def __init__(
        self, sample: PixelSample, forest: CarbonStorageForest, plots: Plots, bootstrap: Bootstrap, n: int, size: Any, jobs: int
    ) -> None:
        self.sample, self.plots, self.bootstrap, self.n, self.size, self.jobs = sample, plots, bootstrap, n, size, jobs
        self.design, self.x = design_of(sample)
        self.order = row_order(sample)
        self.options = forest.get_params()
        self.inside, self.y = self.x[self.order], sample.y[self.order]
        self.forest = forest.fit(self.inside, self.y)
        self.small: list[str] = []

    def new(self, **changes: Any) -> CarbonStorageForest:
        """Return a forest of the same settings that has not grown."""
        return CarbonStorageForest(**(self.options | changes))

    def tested(self) -> tuple[dict[str, Folds], dict[str, Floats]]:
        """Return folds, and estimates (n,) by kind of test, random folds first."""
        n = min(self.n, int(self.plots.measured.sum()))
        made = {RANDOM: make_folds(self.sample, kind="random", n=n, seed=self.bootstrap.seed)}
        found = {RANDOM: self._folded(made[RANDOM])}
        if self.plots.sources is not None:
            found[SHARED] = self._folded(made[RANDOM], share_sources=True)
        if self.sample.coordinates is not None:
            left = self.sample.y - found[RANDOM]
            known = left if np.isfinite(left).sum() > LEAST_ROWS else None
            seed = self.bootstrap.seed
            made[BLOCKS] = make_folds(self.sample, kind="spatial_blocks", n=n, size=self.size, residuals=known, seed=seed)
            found[BLOCKS] = self._folded(made[BLOCKS])
        return made, found | self._others()

    def _folded(self, folds: Folds, *, share_sources: bool = False) -> Floats:
        return out_of_fold(
            self.new, self.x, self.sample.y, folds, order=self.order, plots=self.plots, share_sources=share_sources
        )

    def _others(self) -> dict[str, Floats]:
        """Return what a tenth held out, the trees that did not see a row, and the fit itself say."""
        bag, fit = (np.full(self.sample.n, np.nan) for _ in range(2))
        bag[self.order], fit[self.order] = self.forest.oob_predict(self.inside), self.forest.predict(self.inside)
        held = np.full(self.sample.n, np.nan)
        rng = np.random.default_rng(self.bootstrap.seed)
        measured = self.order[self.plots.measured[self.order]]
        test = rng.permutation(measured)[: max(3, round(HELD_OUT * len(measured)))]
        codes = np.zeros(self.sample.n, dtype=np.int64)
        codes[test] = 1
        held_out = self._folded(Folds(codes, "random", 2))
        held[test] = held_out[test]
        shown = {HOLD_OUT: held, OUT_OF_BAG: bag, TRAINING: fit}
        return {name: np.where(self.plots.measured, values, np.nan) for name, values in shown.items()}

    def importance(self, made: dict[str, Folds], mapped: Layers | None) -> tuple[pd.DataFrame, Floats]:
        """Return the table of importance, and refitted totals relative to the forest's own, (replicates, years)."""
        cells = [] if mapped is None else some_cells(self.design, mapped, self.bootstrap.seed)
        units = score_units(self.sample, made) if self.plots.sources is None else self.plots.sources
        table, drawn = self._of_rows(ALL, self.forest, self.order, units, cells)
        tables = [table]
        for name in self.sample.memberships.columns:
            inside = self.sample.memberships[name].to_numpy(dtype=bool)
            rows = self.order[inside[self.order]]
            if len(rows) < LEAST_ROWS or np.ptp(self.sample.y[rows]) == 0.0:
                self.small.append(str(name))
                continue
            grown = self.new().fit(self.x[rows], self.sample.y[rows])
            tables.append(self._of_rows(str(name), grown, rows, units, [])[0])
        return pd.concat(tables, ignore_index=True), drawn

    def _of_rows(
        self, name: str, forest: CarbonStorageForest, rows: NDArray[np.int64], units: NDArray[np.int64], cells: list[Floats]
    ) -> tuple[pd.DataFrame, Floats]:
        """Return the importance in a forest grown on some rows, and refitted means of cells relative to its own."""
        own = [float(forest.predict(c).mean()) if len(c) else np.nan for c in cells]

        def refit(taken: NDArray[np.int64], seed: int) -> Floats:
            shares, predict = forest.refit(self.x[rows[taken]], self.sample.y[rows[taken]], REFIT_TREES, seed)
            means = [float(predict(c).mean()) if len(c) else np.nan for c in cells]
            return np.concatenate([self.design.by_driver(shares), np.array(means) / own if own else np.empty(0)])

        codes = np.unique(units[rows], return_inverse=True)[1].reshape(-1).astype(np.int64)
        drawn = refits(refit, codes, self.bootstrap, jobs=self.jobs)
        count = len(self.design.drivers)
        return self._importance_table(name, forest, rows, drawn[:, :count], int(codes.max()) + 1), drawn[:, count:]

    def _importance_table(
        self, name: str, forest: CarbonStorageForest, rows: NDArray[np.int64], drawn: Floats, units: int
    ) -> pd.DataFrame:
        rise = forest.oob_permutation(self.x[rows], self.sample.y[rows], self.design.owner)
        trees = np.maximum(np.isfinite(rise).sum(axis=0), 1)
        with np.errstate(invalid="ignore"):
            estimate, error = np.nanmean(rise, axis=0), np.nanstd(rise, axis=0, ddof=1) / np.sqrt(trees)
        shares = self.design.by_driver(forest.shares())
        enough = units >= FEWEST_UNITS
        ends = [self.bootstrap.interval(column) if enough else (np.nan, np.nan) for column in drawn.T]
        category = {d.name: d.category for d in self.sample.drivers}
        said = [] if np.isfinite(shares).all() else ["no tree has split: too few rows for the size of leaves"]
        said += [] if enough else [f"no interval: fewer than {FEWEST_UNITS} blocks"]
        table = pd.DataFrame(
            {
                "group": name, "response": self.sample.response.name, "driver": self.design.drivers,
                "category": [category[name] for name in self.design.drivers], "share": shares, "share_of": SHARE_OF,
                "ci_low": [low for low, _ in ends], "ci_high": [high for _, high in ends], "estimate": estimate,
                "std_error": error, "n": len(rows), "n_units": units, "note": "; ".join(said),
            }
        )  # fmt: skip
        table = table.sort_values(["share", "driver"], ascending=[False, True], kind="stable", ignore_index=True)
        return table.assign(rank=np.arange(1, len(table) + 1))[IMPORTANCE_COLUMNS]

    def area(self, made: Mapping[str, Folds]) -> Applicability:
        """Return the area of applicability: weighted by importance, the folds in space if there are any."""
        folds = made.get(BLOCKS, made[RANDOM])
        weights = np.nan_to_num(self.forest.shares())
        if not weights.any():
            weights = np.ones(len(weights))
        return applicability(self.inside, weights, folds.codes[self.order])

    def mapped(self, area: Applicability, layers: Layers, drawn: Floats) -> tuple[xr.Dataset, pd.DataFrame]:
        """Return the maps, and the totals with their intervals."""
        maps = storage_maps(self.forest.predict, self.design, area, layers).compute()
        table = total_table(maps, self.sample.response.unit)
        years = {year: i for i, year in enumerate(layers.years)}
        at = [years.get(year, 0) for year in table["year"]]
        ends = np.array([self.bootstrap.interval(drawn[:, i]) for i in at])
        base = table["total"].where(table["total"].notna(), table["estimate"]).to_numpy(dtype=np.float64)
        # A total below nought turns the relative ends round.
        low, high = np.sort(base[:, None] * ends, axis=1).T
        return maps, table.assign(ci_low=low, ci_high=high)

    def notes(self, made: dict[str, Folds], mapped: Layers | None, totals: pd.DataFrame) -> tuple[str, ...]:
        """Return what a reader must know."""
        said = list(fold_notes(made, self.sample))
        augmented = int((~self.plots.measured).sum())
        if self.small:
            said.append(f"No forest of its own, because of fewer than {LEAST_ROWS} rows or one value: {', '.join(self.small)}.")
        said += same_order(self.x, self.design)
        if augmented:
            said.append(
                f"{augmented:,} of {self.sample.n:,} rows were made from plots: they train, and are never scored."
                + (
                    ""
                    if self.plots.sources is not None
                    else " Their plots are not known, so that a tested plot may know itself."
                )
            )
        if mapped is not None:
            strange = unseen_cells(self.design, mapped)
            outside = 1.0 - totals.loc[totals["method"] == "inside", "share"]
            said.append(
                f"Up to {100 * float(outside.max()):.1f} % of the area lies outside the area of applicability: there "
                "the scores do not hold. Intervals of totals come from refits to resampled rows; errors of the plots and "
                "of the layers are not in them."
            )
            said += [f"{strange:,} cells hold a class that no row has: they are left empty."] if strange else []
        return tuple(said)
