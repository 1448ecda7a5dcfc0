"""Which drivers boosted trees use, how much, and how far that can be trusted.

Relative influence alone says neither. It is given here with its spread over space, with the floor that noise of the same
smoothness reaches, with the scores under random and under spatial folds, with what shuffling and leaving out cost on rows
that the trees did not see, and in groups cut on the response with what the cut does by itself.
Sources: Friedman (2001), doi:10.1214/aos/1013203451; Elith, Leathwick and Hastie (2008),
doi:10.1111/j.1365-2656.2008.01390.x.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

import numpy as np
import pandas as pd

from carbondrivers.attribution.boosted_trees import MAX_BIN, checked_settings, whole_number
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.influence_group import (
    Part,
    Plan,
    curve_tables,
    fitted,
    influence_table,
    score_tables,
    scored,
    setting_tables,
    spread_of,
    worth_tables,
)
from carbondrivers.attribution.influence_pairs import pair_table, paired_by
from carbondrivers.attribution.influence_result import COLUMNS, CONTROL, CUT_GROUP, InfluenceResult
from carbondrivers.attribution.influence_spread import cut_by_itself, within
from carbondrivers.attribution.influence_twin import READING, check_twin, inputs_words, twin_table
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import bootstrap_of
from carbondrivers.attribution.tree_growers import Engine, TreeSettings
from carbondrivers.attribution.validation_folds import KINDS, FoldKind
from carbondrivers.datasets.sample import ALL, PixelSample
from carbondrivers.errors import DataError, DataWarning, OptionError, choose, did_you_mean
from carbondrivers.provenance import history_line

FEWEST_ROWS, CONTROLS = 50, 5
SHARES = (
    "Influence says how much the trees use a driver, not which way it acts nor that it causes anything; collinear drivers "
    "share it by chance."
)
SPREAD = (
    "Intervals are percentiles over {units} drawn anew, at the chosen number of trees; the range over seeds alone is several "
    "times too narrow."
)
CHOSEN = "Importance and scores were computed on the folds that also chose the number of trees, which flatters them slightly."
FLOOR = (
    "The noise floor is what the strongest of as many unrelated drivers with the same values and the same spatial pattern "
    "collects; a driver below it is not distinguishable from noise."
)
SHUFFLED = "The rows have no coordinates: shadows are shuffled rows, which a smooth driver beats too easily."
CUT = (
    "Groups cut on the response ({names}): the expected share is what the same cut gives where one law holds everywhere; only "
    "a departure from it speaks for another law. R2 of the cut alone takes what the trees of the whole sample miss for noise: "
    "where they miss much it is too low, and a group above it proves nothing."
)


@register(
    "boosted_trees",
    title="Boosted regression trees",
    takes="sample",
    result=InfluenceResult,
    version="2",
    citation="Elith, J., Leathwick, J. R., Hastie, T. (2008). A working guide to boosted regression trees. Journal of Animal "
    "Ecology 77, 802-813.",
)
def influence(
    sample: PixelSample,
    *,
    tree_complexity: Sequence[int] = (1, 2, 3, 5),
    learning_rate: Sequence[float] = (0.02,),
    bag_fraction: Sequence[float] = (0.75,),
    min_observations: int = 10,
    n_trees: int | None = None,
    max_trees: int = 10_000,
    max_bin: int | None = MAX_BIN,
    distribution: Literal["gaussian", "laplace"] = "gaussian",
    engine: Engine = "auto",
    folds: FoldKind = "auto",
    n_folds: int = 10,
    block_size: float | None = None,
    hold_out: float | None = None,
    replicates: int = 100,
    confidence: float = 0.95,
    bands: int = 30,
    shadow_sets: int = 20,
    seeds: int = 10,
    repeats: int = 3,
    shap_rows: int = 2000,
    nep_inputs: Sequence[str] = (),
    twin: str | None = None,
    seed: int = 0,
    jobs: int = 1,
) -> InfluenceResult:
    """Grow boosted trees in every group, and say what they rest on.

    Parameters
    ----------
    sample
        Checked table, 50 rows or more. Groups with fewer are named and left out. Weights are not used.
    tree_complexity, learning_rate, bag_fraction
        Settings to try, as in ``BoostedTrees``; every combination is cross-validated.
    min_observations
        Least rows in a leaf.
    n_trees
        Number of trees; None: by cross-validation for each setting. Where it is given, each setting must be one value.
    max_trees
        Where growing ends at the latest.
    max_bin
        Most bins of a driver; None for every value.
    distribution
        ``"gaussian"`` or ``"laplace"``.
    engine
        As in ``BoostedTrees``; TreeSHAP needs xgboost.
    folds, n_folds, block_size
        Folds that choose the settings and judge importance, as in ``make_folds``. ``"random"`` repeats the usual practice;
        scores under spatial folds stand beside it all the same.
    hold_out
        Share of the rows that is held out at random for one more score, such as 0.3; None for none.
    replicates, confidence
        Of the bootstrap over blocks, and the level of its intervals.
    bands
        How many of its replicates the bands of curves rest on.
    shadow_sets
        Sets of shadows for the noise floor; 0 for no floor.
    seeds
        Other seeds of the bagging.
    repeats
        How often values are shuffled for permutation.
    shap_rows
        Most rows for TreeSHAP.
    nep_inputs
        Drivers that the response was computed from: they are named in a warning.
    twin
        A column of numbers of the sample (``extras``) that is analysed beside the response, with the same rows, drivers and
        settings: NPP beside NEP shows what came in with the respiration model.
    seed
        Of everything drawn.
    jobs
        Threads of the bootstrap; the answer is the same for any number.

    Returns
    -------
    InfluenceResult

    Raises
    ------
    DataError
        If there are fewer than 50 rows, the response has two values only, or rows cannot be put into folds.
    OptionError
        If an option is outside its list or range.

    Warns
    -----
    DataWarning
        If a driver is an input of the response's model.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.uniform(size=(200, 4)), columns=["x", "y", "rain", "dem"])
    >>> table["nep"] = 100 * table["rain"] + rng.normal(size=200)
    >>> drivers = {"rain": "climate", "dem": "topography"}
    >>> sample = PixelSample.from_frame(table, response="nep", drivers=drivers, coordinates=("x", "y"))
    >>> result = influence(sample, n_trees=50, tree_complexity=[2], learning_rate=[0.1], shadow_sets=5, seeds=2)
    >>> strongest = result.influence.sort_values("share").iloc[-1]
    >>> strongest["driver"], bool(strongest["above_floor"])
    ('rain', True)
    """
    plan = Plan(
        grid=_grid(tree_complexity, learning_rate, bag_fraction, min_observations, distribution, engine),
        n_trees=n_trees, max_trees=max_trees, max_bin=max_bin, folds=folds, n_folds=n_folds, block_size=block_size,
        hold_out=hold_out, bootstrap=bootstrap_of(replicates, confidence, seed), bands=bands, shadow_sets=shadow_sets,
        seeds=seeds, repeats=repeats, shap_rows=shap_rows, seed=seed, jobs=jobs,
    )  # fmt: skip
    _check(plan)
    _refuse(sample)
    check_twin(sample, twin)
    inputs = _inputs(nep_inputs, [d.name for d in sample.drivers], twin)
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in COLUMNS}
    work = _Work(sample, plan, tables, twin)
    for name, rows in sample.group_samples():
        work.add(name, rows)
    frames = {name: _framed(found, COLUMNS[name]) for name, found in tables.items()}
    frames["influence"] = _noted(frames["influence"], inputs)
    parameters = _parameters(plan, distribution, inputs) | {"twin": twin}
    return InfluenceResult(
        method="boosted_trees",
        parameters=parameters,
        n=sample.n,
        notes=_notes(sample, work, inputs),
        provenance=history_line("boosted_trees", n=sample.n, **parameters),
        variables=sample.variables(),
        **frames,
    )


class _Work:
    """The groups, one after another; the whole sample, the first, lends its trees to the control of the others."""

    def __init__(self, sample: PixelSample, plan: Plan, tables: dict[str, list[pd.DataFrame]], twin: str | None = None) -> None:
        self.sample, self.plan, self.tables, self.twin = sample, plan, tables, twin
        self.parts: list[Part] = []
        self.kinds: set[str] = set()
        self.cut: list[str] = []
        self._held_out: Floats | None = None

    def add(self, name: str, rows: PixelSample) -> None:
        """Analyse a group; one that cannot be analysed leaves a row that says why, the whole sample raises."""
        try:
            if rows.n < FEWEST_ROWS:
                raise DataError(f"only {rows.n} rows, boosted trees need {FEWEST_ROWS} or more")
            part = fitted(name, rows, self.plan)
        except DataError as error:
            if name == ALL:
                raise
            row = {"group": name, "response": self.sample.response.name, "n": rows.n, "note": f"not analysed: {error}"}
            self.tables["scores"].append(pd.DataFrame([row]))
            return
        self.parts.append(part)
        for table, frame in self._frames(part, rows).items():
            self.tables[table].append(frame)

    def _frames(self, part: Part, rows: PixelSample) -> dict[str, pd.DataFrame]:
        response = self.sample.response.name
        spread = spread_of(part, rows)
        self.kinds.add(spread.units.kind)
        influence = influence_table(part, spread, response)
        scores, predictions = score_tables(part, response)
        if part.name != ALL and self.sample.is_cut_on_response(part.name):
            influence["share_expected"], control = self._expected(part)
            scores = pd.concat([scores, control], ignore_index=True)
        settings, deviances = setting_tables(part)
        importance, categories = worth_tables(part, spread)
        levels = {d.name: sorted(map(str, rows.frame[d.name].unique())) for d in rows.drivers if d.kind == "categorical"}
        responses, expectations = curve_tables(part, spread, levels)
        return {
            "influence": influence, "importance": importance, "categories": categories, "scores": scores,
            "settings": settings, "deviances": deviances, "responses": responses, "expectations": expectations,
            "interactions": pair_table(part), "predictions": predictions,
            "twins": twin_table(part, rows, self.twin) if self.twin else pd.DataFrame(),
        }  # fmt: skip

    def _expected(self, part: Part) -> tuple[Floats, pd.DataFrame]:
        """Return the influence that the cut of a group gives by itself, and its scores beside those of the group."""
        whole, seed = self.parts[0], self.plan.seed
        if self._held_out is None:
            self._held_out = whole.task.out_of_fold(whole.settings, whole.trees, whole.random, seed)
        ends = (float(part.task.y.min()), float(part.task.y.max()))
        ends = (-np.inf if ends[0] == whole.task.y.min() else ends[0], np.inf if ends[1] == whole.task.y.max() else ends[1])
        found = cut_by_itself(whole.task, part.settings, part.trees, self._held_out, ends, whole.tested, CONTROLS, seed)
        self.cut.append(part.name)
        inside = self.sample.memberships[part.name].to_numpy(dtype=bool)[whole.task.order]
        own = within(whole.task, part.settings, part.trees, inside, whole.tested, seed)
        folds = "spatial" if whole.spatial else "random"
        control: dict[str, Any] = {
            "method": CONTROL,
            "note": f"rows between the same ends, mean of five made responses, {folds} folds",
        }
        made = [scored(*pair, CONTROL, "") for pair in found.pairs]
        if len(made) == CONTROLS:
            control |= {key: float(np.mean([row[key] for row in made])) for key in ("r2", "r_squared", "rmse", "mae")}
        rows = [control | {"n": found.n}, scored(whole.task.y[inside], own[inside], CUT_GROUP, f"{folds} folds of the whole")]
        named = {"group": part.name, "response": self.sample.response.name, "n_trees": part.trees, "unit": part.unit}
        return found.shares, pd.DataFrame([row | named for row in rows])


def _grid(
    complexity: Sequence[int], rate: Sequence[float], bag: Sequence[float], least: int, distribution: Any, engine: Engine
) -> tuple[TreeSettings, ...]:
    choose(distribution, ("gaussian", "laplace"), "distribution")
    given: tuple[tuple[Any, str], ...] = ((complexity, "tree_complexity"), (rate, "learning_rate"), (bag, "bag_fraction"))
    for values, name in given:
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise OptionError(f"{name} must be a list of one value or more, such as [5], got {values!r}")
    settings = [checked_settings(c, r, b, least, distribution, engine) for c, r, b in product(complexity, rate, bag)]
    return tuple(dict.fromkeys(settings))


def _check(plan: Plan) -> None:
    choose(plan.folds, KINDS, "kind of folds")
    for name, least in (("max_trees", 1), ("n_folds", 2), ("bands", 0), ("shadow_sets", 0), ("seeds", 0), ("repeats", 1)):
        whole_number(getattr(plan, name), least, name)
    for name in ("shap_rows", "jobs"):
        whole_number(getattr(plan, name), 1, name)
    whole_number(plan.seed, 0, "seed")
    if plan.max_bin is not None:
        whole_number(plan.max_bin, 2, "max_bin")
    if plan.n_trees is not None:
        whole_number(plan.n_trees, 1, "n_trees")
        if len(plan.grid) > 1:
            raise OptionError(
                "n_trees goes with one value each of tree_complexity, learning_rate and bag_fraction: take it out"
            )
    if plan.hold_out is not None and (isinstance(plan.hold_out, bool) or not 0.0 < plan.hold_out < 1.0):
        raise OptionError(f"hold_out must be between 0 and 1, or None, got {plan.hold_out!r}")


def _refuse(sample: PixelSample) -> None:
    if sample.coordinates and not np.ptp(sample.frame[list(sample.coordinates)].to_numpy(dtype=np.float64), axis=0).any():
        raise DataError("all rows lie in one place: no spatial folds can be made; leave the coordinates out of the sample")
    if len(np.unique(sample.y)) == 2:
        raise DataError(
            f"the response {sample.response.name!r} has two values only: take BoostedTrees(distribution='bernoulli') for "
            "classes, or a measured response"
        )


def _inputs(given: Sequence[str], drivers: Sequence[str], twin: str | None) -> tuple[str, ...]:
    if isinstance(given, str):
        raise OptionError(f"nep_inputs must be a list of drivers, got {given!r}")
    for name in given:
        if name not in drivers:
            raise OptionError(f"nep_inputs: {name!r} is no driver of this sample.{did_you_mean(name, drivers)}")
    found = tuple(sorted(set(given)))
    if found:
        warnings.warn(inputs_words(found, twin), DataWarning, stacklevel=4)
    return found


def _noted(table: pd.DataFrame, inputs: Sequence[str]) -> pd.DataFrame:
    """Return the table with what must be said of single drivers."""
    own = table["driver"].isin(inputs)
    note = table["note"].where(~own, (table["note"] + "; an input of the NEP model").str.removeprefix("; "))
    below = table["above_floor"].eq(False).fillna(False)
    return table.assign(note=note.where(~below, (note + "; not above the noise floor").str.removeprefix("; ")))


def _framed(found: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    kept = [frame for frame in found if len(frame)]
    return pd.concat(kept, ignore_index=True).reindex(columns=columns) if kept else pd.DataFrame(columns=columns)


def _parameters(plan: Plan, distribution: str, inputs: tuple[str, ...]) -> dict[str, Any]:
    listed = {
        name: list(dict.fromkeys(getattr(one, name) for one in plan.grid))
        for name in ("tree_complexity", "learning_rate", "bag_fraction")
    }
    names = (
        "n_trees", "max_trees", "max_bin", "folds", "n_folds", "block_size", "hold_out", "bands", "shadow_sets", "seeds",
        "repeats", "shap_rows", "seed",
    )  # fmt: skip
    boot = {"replicates": plan.bootstrap.replicates, "confidence": plan.bootstrap.confidence}
    return {
        **listed, "min_observations": plan.grid[0].min_observations, "distribution": distribution,
        "engine": plan.grid[0].grown_by, **{name: getattr(plan, name) for name in names}, **boot, "nep_inputs": list(inputs),
    }  # fmt: skip


def _pair_notes(part: Part) -> list[str]:
    if part.settings.tree_complexity > 1:
        return []
    other = paired_by(part)
    if other is None:
        return [f"Trees of one split have no interactions: none are given for {part.name}."]
    return [
        f"Trees of one split have no interactions: those of {part.name} are read from trees of "
        f"{other.settings.tree_complexity} splits, which are within one standard error."
    ]


def _notes(sample: PixelSample, work: _Work, inputs: tuple[str, ...]) -> tuple[str, ...]:
    units = {
        "blocks": "blocks as wide as those of the folds (where there are none, a tenth of the extent)",
        "sites": "places",
        "rows": "single rows (there are no coordinates)",
    }
    kinds = " or ".join(words for kind, words in units.items() if kind in work.kinds)
    said = [SHARES, SPREAD.format(units=kinds), *([CHOSEN] if work.plan.n_trees is None else [])]
    if work.plan.shadow_sets:
        said += [FLOOR] if sample.coordinates else [FLOOR, SHUFFLED]
    if work.cut:
        said.append(CUT.format(names=", ".join(work.cut)))
    if inputs:
        said.append(inputs_words(inputs, work.twin))
    if work.twin:
        said.append(READING.format(twin=work.twin, response=sample.response.name))
    for part in work.parts:
        if part.tuning is not None:
            where = "whole sample" if part.name == ALL else f"group {part.name}"
            said += [f"{where.capitalize()}: {note}" for note in part.tuning.curves[part.tuning.chosen].notes()]
    for part in work.parts:
        said += _pair_notes(part)
        if not part.model.gains().sum() > 0.0:
            said.append(f"No tree of {part.name} has a split: its influence is undefined.")
    return (*said, *(note for note in sample.caveats() if "cut on the response" not in note))
