"""One group of rows through boosted trees: settings, scores, influence and its spread, worth, curves, as tidy tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from carbondrivers.attribution.fold_kernels import square_blocks
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.influence_floor import Floor, noise_floor
from carbondrivers.attribution.influence_importance import Worth, worth
from carbondrivers.attribution.influence_result import (
    BLOCKS,
    CONDITIONAL,
    DECILES,
    DROPPED,
    HELD_OUT,
    INFLUENCE,
    LOCAL,
    OF_INFLUENCE,
    PARTIAL,
    PERMUTED,
    RANDOM,
    SHAP,
    TRAINING,
)
from carbondrivers.attribution.influence_spread import Grids, curves, resampled, reseeded
from carbondrivers.attribution.resampling import FEWEST_UNITS, Bootstrap, Units, units_of
from carbondrivers.attribution.response_curves import (
    ALE_BINS,
    conditional_expectations,
    grid_of,
    quantile_borders,
)
from carbondrivers.attribution.tree_growers import Grower, TreeSettings
from carbondrivers.attribution.tree_steps import Tuning, tune
from carbondrivers.attribution.tree_task import Split, Task, shares_of, task_of
from carbondrivers.attribution.validation_folds import FoldKind, Folds, make_folds
from carbondrivers.datasets.grids import EARTH_RADIUS_KM
from carbondrivers.datasets.sample import PixelSample

GRID_POINTS, LINES, LINE_DRIVERS, SHOWN_ROWS = 40, 30, 3, 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of ``influence``, checked; see there."""

    grid: tuple[TreeSettings, ...]
    n_trees: int | None
    max_trees: int
    max_bin: int | None
    folds: FoldKind
    n_folds: int
    block_size: float | None
    hold_out: float | None
    bootstrap: Bootstrap
    bands: int
    shadow_sets: int
    seeds: int
    repeats: int
    shap_rows: int
    seed: int
    jobs: int


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One group, fitted.

    Attributes
    ----------
    name : str
        Of the group.
    task : Task
        Its rows.
    unit : str
        Of the response.
    plan : Plan
        The options.
    settings, trees
        Chosen.
    tuning : Tuning or None
        None where the number of trees was given.
    random, spatial : tuple of Split
        Rows of each fold; spatial ones are empty where folds can only be random.
    folds : Folds
        What the spatial ones are.
    model : Grower
        Of all rows.
    """

    name: str
    task: Task
    unit: str
    plan: Plan
    settings: TreeSettings
    trees: int
    tuning: Tuning | None
    random: tuple[Split, ...]
    spatial: tuple[Split, ...]
    folds: Folds
    model: Grower

    @property
    def tested(self) -> tuple[Split, ...]:
        """The folds that judge what drivers are worth: spatial ones where there are any."""
        return self.spatial or self.random

    @property
    def shares(self) -> Floats:
        """Influence of each driver as a share of the whole."""
        return shares_of(self.model.gains())


def fitted(name: str, part: PixelSample, plan: Plan) -> Part:
    """Choose the settings of a group and grow its trees.

    Raises
    ------
    DataError
        If its rows cannot be put into folds.
    """
    task = task_of(part, plan.max_bin)
    place = np.argsort(task.order)
    kind: FoldKind = "auto" if plan.folds == "random" else plan.folds
    folds = make_folds(part, kind=kind, n=plan.n_folds, size=plan.block_size, seed=plan.seed)
    random = _placed(make_folds(part, kind="random", n=plan.n_folds, seed=plan.seed), place)
    spatial = () if folds.kind == "random" else _placed(folds, place)
    by = random if plan.folds == "random" or not spatial else spatial
    tuning = None if plan.n_trees else tune(task, plan.grid, by, max_trees=plan.max_trees, seed=plan.seed)
    curve = tuning.curves[tuning.chosen] if tuning else None
    settings, trees = (curve.settings, curve.best) if curve else (plan.grid[0], int(plan.n_trees or 0))
    model = task.fit(settings, trees, plan.seed)
    return Part(name, task, part.response.unit, plan, settings, trees, tuning, random, spatial, folds, model)


def _placed(folds: Folds, place: np.ndarray) -> tuple[Split, ...]:
    return tuple((np.sort(place[train]), np.sort(place[test])) for train, test in folds.splits())


def score_tables(part: Part, response: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores under each kind of folds, and observed values with out-of-fold predictions."""
    task, plan = part.task, part.plan
    rows, shown = [], []
    for method, splits, note in ((RANDOM, part.random, ""), (BLOCKS, part.spatial, _folds_words(part.folds))):
        if splits:
            found = task.out_of_fold(part.settings, part.trees, splits, plan.seed)
            rows.append(scored(task.y, found, method, note))
            at = np.arange(0, task.n, max(1, -(-task.n // SHOWN_ROWS)))
            shown.append(pd.DataFrame({"method": method, "id": at, "value": task.y[at], "estimate": found[at]}))
    if plan.hold_out is not None:
        order = np.random.default_rng(plan.seed).permutation(task.n)
        test, train = np.split(order, [max(1, round(plan.hold_out * task.n))])
        model = task.fit(part.settings, part.trees, plan.seed, np.sort(train))
        held = model.predict(task.codes[test]) * task.scale + task.origin
        words = f"{100 * plan.hold_out:g} % of the rows, chosen at random"
        rows.append(scored(task.y[test], held, HELD_OUT, words))
    inside = part.model.predict(task.codes) * task.scale + task.origin
    rows.append(scored(task.y, inside, TRAINING, "the rows that the trees were grown on: no test"))
    scores = pd.DataFrame(rows).assign(group=part.name, response=response, n_trees=part.trees, unit=part.unit)
    return scores, pd.concat(shown, ignore_index=True).assign(group=part.name)


def _folds_words(folds: Folds) -> str:
    side = "" if folds.side is None else f", side {folds.side:.4g} {folds.unit}"
    return f"{folds.n} folds, {folds.kind.replace('_', ' ')}{side}. {folds.note}".strip()


def scored(y: Floats, found: Floats, method: str, note: str) -> dict[str, Any]:
    """Return one row of scores of predictions (n,), NaN where there is none."""
    known = np.isfinite(found)
    y, left = y[known], (y - found)[known]
    total = float(((y - y.mean()) ** 2).sum())
    moving = bool(np.ptp(y) > 0.0 and np.ptp(found[known]) > 1e-12 * np.ptp(y)) if len(y) else False
    return {
        "method": method, "n": int(known.sum()), "r2": 1.0 - float((left**2).sum()) / total if total > 0.0 else np.nan,
        "r_squared": float(np.corrcoef(y, found[known])[0, 1] ** 2) if moving else np.nan,
        "rmse": float(np.sqrt(np.mean(left**2))), "mae": float(np.mean(np.abs(left))), "note": note,
    }  # fmt: skip


def setting_tables(part: Part) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return every setting tried, and the deviance along the number of trees of the chosen one."""
    if part.tuning is None:
        given = _setting(part.settings) | {"n_trees": part.trees, "within_se": True, "selected": True, "note": "as given"}
        return pd.DataFrame([given | {"deviance": np.nan, "std_error": np.nan, "group": part.name}]), pd.DataFrame()
    rows = []
    for i, (curve, near) in enumerate(zip(part.tuning.curves, part.tuning.within, strict=True)):
        loss, error = curve.score
        row = _setting(curve.settings) | {"n_trees": curve.best, "deviance": loss, "std_error": error, "within_se": near}
        rows.append(row | {"selected": i == part.tuning.chosen, "note": " ".join(curve.notes())})
    chosen = part.tuning.curves[part.tuning.chosen]
    along = {"n_trees": chosen.trees.astype(np.int64), "deviance": chosen.deviance, "std_error": chosen.std_error}
    steps = pd.DataFrame(along).assign(selected=np.arange(len(chosen.trees)) == chosen.at, group=part.name)
    return pd.DataFrame(rows).assign(group=part.name), steps


def _setting(settings: TreeSettings) -> dict[str, object]:
    names = ("tree_complexity", "learning_rate", "bag_fraction", "min_observations")
    return {name: getattr(settings, name) for name in names}


def units_wide_enough(sample: PixelSample, folds: Folds) -> Units:
    """Return what is drawn anew for intervals: blocks as wide as those of the folds, where there are any.

    Blocks narrower than the dependence of the residuals are no replicates: intervals over blocks a third of it as wide held
    the value between regions in 79 % of cases instead of 95 %.
    """
    if folds.side is None or folds.points is None:
        return units_of(sample, None, None, sample.y[:, None])
    plane = folds.points
    if sample.is_geographic:
        lon, lat = np.radians(sample.frame[list(sample.coordinates or ())].to_numpy(dtype=np.float64)).T
        plane = EARTH_RADIUS_KM * np.column_stack([lon * np.cos(lat.mean()), lat])
    return Units(square_blocks(plane, folds.side), "blocks", folds.side)


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How the influence of a group varies: over blocks drawn anew, seeds, settings; and the noise floor."""

    drawn: Floats
    seeds: Floats
    settings: Floats
    floor: Floor | None
    units: Units
    grids: Grids
    partial: Sequence[Floats]
    local: Sequence[Floats]

    @property
    def is_interval(self) -> bool:
        """Whether there are enough units for an interval."""
        return int(self.units.codes.max()) + 1 >= FEWEST_UNITS


def spread_of(part: Part, sample: PixelSample) -> Spread:
    """Return how the influence of a group varies."""
    task, plan = part.task, part.plan
    classes = task.on.levels
    grids = Grids(
        tuple(grid_of(task.x[:, j], GRID_POINTS, classes=bool(k)) for j, k in enumerate(classes)),
        tuple(np.empty(0) if k else quantile_borders(task.x[:, j], ALE_BINS) for j, k in enumerate(classes)),
    )
    units = units_wide_enough(sample, part.folds)
    placed = Units(units.codes[task.order], units.kind, units.side)
    drawn, partial, local = resampled(task, part.settings, part.trees, placed, plan.bootstrap, grids, plan.bands, plan.jobs)
    near = [] if part.tuning is None else [c for c, ok in zip(part.tuning.curves, part.tuning.within, strict=True) if ok]
    others = [shares_of(task.fit(c.settings, c.best, plan.seed).gains()) for c in near]
    floor = noise_floor(task, part.settings, part.trees, sets=plan.shadow_sets, seed=plan.seed) if plan.shadow_sets else None
    seeds = reseeded(task, part.settings, part.trees, plan.seeds, plan.seed)
    return Spread(drawn, seeds, np.array([part.shares, *others]), floor, placed, grids, partial, local)


def influence_table(part: Part, spread: Spread, response: str) -> pd.DataFrame:
    """Return one row a driver."""
    task, plan = part.task, part.plan
    low, high = _interval(spread.drawn, plan.bootstrap, spread.is_interval)
    floor = spread.floor.floor if spread.floor else np.nan
    above = spread.floor.above if spread.floor else [None] * len(task.names)
    seeds = np.vstack([part.shares[None], spread.seeds])
    twins = _twins(task)
    return pd.DataFrame(
        {
            "group": part.name, "response": response, "driver": task.names, "category": task.categories, "share": part.shares,
            "share_of": OF_INFLUENCE, "ci_low": low, "ci_high": high, "seed_low": seeds.min(axis=0),
            "seed_high": seeds.max(axis=0), "setting_low": spread.settings.min(axis=0),
            "setting_high": spread.settings.max(axis=0), "floor": floor, "above_floor": pd.array(above, dtype="boolean"),
            "share_expected": np.nan, "n": task.n,
            "note": [_twin_note(twins.get(j, "")) for j in range(len(task.names))],
        }
    )  # fmt: skip


def _twin_note(other: str) -> str:
    return f"orders the rows as {other} does: how they share is arbitrary" if other else ""


def _twins(task: Task) -> dict[int, str]:
    """Return the columns that order the rows as another one does, with its name."""
    seen: dict[bytes, list[int]] = {}
    for j in range(len(task.names)):
        seen.setdefault(task.codes[:, j].tobytes(), []).append(j)
    pairs = [group for group in seen.values() if len(group) > 1]
    return {j: ", ".join(task.names[k] for k in group if k != j) for group in pairs for j in group}


def _interval(drawn: Floats, plan: Bootstrap, enough: bool) -> tuple[Floats, Floats]:
    ends = [plan.interval(column) if enough else (np.nan, np.nan) for column in drawn.T]
    low, high = np.array(ends, dtype=np.float64).T
    return low, high


def worth_tables(part: Part, spread: Spread) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what drivers and categories are worth, by every way of asking."""
    task, plan = part.task, part.plan
    found: Worth = worth(
        task, part.settings, part.trees, part.tested, repeats=plan.repeats, shap_rows=plan.shap_rows, seed=plan.seed
    )
    members = task.members()
    singles = [(PERMUTED, found.permutation, ""), (CONDITIONAL, found.conditional, ""), (SHAP, found.shap, part.unit)]
    drivers = [pd.DataFrame({"driver": task.names, "category": task.categories} | _with_share(*one)) for one in singles]
    summed = np.array([part.shares[own].sum() for own in members.values()])
    low, high = _interval(
        np.column_stack([spread.drawn[:, own].sum(axis=1) for own in members.values()]), plan.bootstrap, spread.is_interval
    )
    groups = [(PERMUTED, found.grouped, ""), (SHAP, found.grouped_shap, part.unit), (DROPPED, found.dropped, "")]
    named = {"category": list(members), "n_drivers": [len(own) for own in members.values()]}
    first = {"method": INFLUENCE, "estimate": np.nan, "unit": "", "share": summed, "share_of": OF_INFLUENCE}
    frames = [pd.DataFrame(named | first | {"ci_low": low, "ci_high": high})]
    frames += [pd.DataFrame(named | _with_share(*one)).assign(ci_low=np.nan, ci_high=np.nan) for one in groups]
    tables = [pd.concat(parts, ignore_index=True).assign(group=part.name) for parts in (drivers, frames)]
    return tables[0], tables[1]


def _with_share(method: str, values: Floats, unit: str) -> dict[str, object]:
    """Return estimates and each one's part of the sum of those above nought."""
    positive = np.maximum(values, 0.0)
    total = float(positive.sum())
    of = "sum over drivers or categories, losses below 0 taken as 0"
    share = positive / total if total > 0.0 else np.full(len(values), np.nan)
    return {"method": method, "estimate": values, "unit": unit, "share": share, "share_of": of}


def curve_tables(part: Part, spread: Spread, levels: dict[str, list[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return partial dependence and local effects with bands and deciles, and expectations of single rows.

    Parameters
    ----------
    part, spread
        The group.
    levels
        Names of the classes of each categorical driver.
    """
    task, grids = part.task, spread.grids
    found = curves(task, part.model, np.arange(task.n), grids)
    p = len(task.names)
    frames = []
    for j, name in enumerate(task.names):
        for method, at, values, drawn in (
            (PARTIAL, grids.partial[j], found[j], spread.partial[j]),
            (LOCAL, grids.borders[j], found[p + j], spread.local[j]),
        ):
            low, high = _band(values, drawn, part.plan.bootstrap, spread.is_interval)
            frame = pd.DataFrame({"value": at, "estimate": values, "ci_low": low, "ci_high": high})
            classes = [levels[name][int(v)] for v in at] if task.on.levels[j] else ""
            frames.append(frame.assign(driver=name, method=method, level=classes))
        if not task.on.levels[j]:
            tenths = np.quantile(task.x[:, j], np.arange(1, 10) / 10)
            frames.append(pd.DataFrame({"value": tenths}).assign(driver=name, method=DECILES, level=""))
    responses = pd.concat([f for f in frames if len(f)], ignore_index=True).assign(group=part.name)
    return responses, _expectations(part, grids)


def _band(values: Floats, drawn: Floats, plan: Bootstrap, enough: bool) -> tuple[Floats, Floats]:
    if not len(drawn) or not enough or not len(values):
        return np.full(len(values), np.nan), np.full(len(values), np.nan)
    ends = [plan.interval(column) for column in drawn.T]
    low, high = np.array(ends, dtype=np.float64).T
    return low, high


def _expectations(part: Part, grids: Grids) -> pd.DataFrame:
    task = part.task
    rows = np.linspace(0, task.n - 1, min(LINES, task.n)).round().astype(np.int64)
    strongest = [j for j in np.argsort(-np.nan_to_num(part.shares), kind="stable") if not task.on.levels[j]][:LINE_DRIVERS]

    def predict(x: Floats) -> Floats:
        return part.model.predict(task.on.encode(x)) * task.scale + task.origin

    frames = []
    for j in sorted(int(k) for k in strongest):
        grid = grids.partial[j][::2]
        lines = conditional_expectations(predict, task.x[rows], j, grid)
        frame = {"id": np.repeat(rows, len(grid)), "value": np.tile(grid, len(rows)), "estimate": lines.ravel()}
        frames.append(pd.DataFrame(frame).assign(driver=task.names[j]))
    return pd.concat(frames, ignore_index=True).assign(group=part.name) if frames else pd.DataFrame()
