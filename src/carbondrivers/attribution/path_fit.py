"""One path model in one group: measured variables first, then every kind of block score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from carbondrivers.attribution.correlation import unit_columns
from carbondrivers.attribution.effective_size import Lags, lags
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.path_blocks import block_rows, sensitivity_row, summarised
from carbondrivers.attribution.path_bootstrap import Draws, drawn_coefficients, drawn_intervals, draws
from carbondrivers.attribution.path_claims import Fields
from carbondrivers.attribution.path_effects import drawn_effects, effects_of, plan
from carbondrivers.attribution.path_errors import error_rows
from carbondrivers.attribution.path_estimates import Estimates, estimate
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_inputs import columns_of
from carbondrivers.attribution.path_moments import Moments, moments, within_classes
from carbondrivers.attribution.path_result import OBSERVED
from carbondrivers.attribution.path_scores import SCORES, Score, anchored, anchors, drawn_scores, score_model, scored, weights
from carbondrivers.attribution.path_spatial import residual_rows
from carbondrivers.attribution.path_tables import Case, Rows, claims_of, coefficient_rows, effect_rows, fit_rows, r2_rows
from carbondrivers.attribution.resampling import Bootstrap
from carbondrivers.datasets.sample import ALL, PixelSample

Pruning = Literal["none", "descriptive", "split"]
PRUNINGS: tuple[Pruning, ...] = get_args(Pruning)
LEVELS = ("direct", "indirect", "total")
SHEAF_NOTE = "sizes, without sign; fit of the measured variables"


@dataclass(frozen=True, slots=True)
class Settings:
    """Options that hold for every group.

    Attributes
    ----------
    confidence : float
        Level of the intervals.
    score : str
        Kind of block score that is reported in full.
    keys : mapping
        Block to the member that weighs positively.
    factor : str or None
        Categorical driver whose class means are taken out.
    bootstrap : Bootstrap or None
        None: no resampling.
    block_size : float or None
        Side of the resampled blocks.
    seed : int
        Of what is drawn at random.
    prune, alpha : str, float
        Whether, and from which P on, arrows are taken out of a second model.
    """

    confidence: float = 0.95
    score: Score = "composite"
    keys: Mapping[str, str] = field(default_factory=dict)
    factor: str | None = None
    bootstrap: Bootstrap | None = None
    block_size: float | None = None
    seed: int = 0
    prune: Pruning = "none"
    alpha: float = 0.05


@dataclass(slots=True, eq=False)
class Group:
    """One group: its moments, rows, places and resamples for the measured variables of a model.

    Attributes
    ----------
    name : str
        Name of the group.
    given : Moments
        Of the measured variables in the model's order.
    fields : Fields
        Their standardised rows and distance classes; no rows where nothing needs them.
    drawn : Draws or None
        Resampled correlation matrices.
    """

    name: str
    given: Moments
    fields: Fields
    drawn: Draws | None


def group_of(name: str, part: PixelSample, model: PathModel, settings: Settings) -> Group:
    """Return the moments, fields and resamples of the measured variables of a model in one group."""
    names = model.order
    columns = columns_of(part, names)
    if settings.factor is None:
        given = moments(columns, names)
    else:
        codes = np.asarray(part.frame[settings.factor].cat.codes, dtype=np.int64)
        given, columns = within_classes(columns, names, codes)
    at = places_of(part)
    if at is None and settings.bootstrap is None:
        return Group(name, given, Fields(np.zeros((0, len(names))), None), None)
    z = unit_columns(columns)
    drawn = draws(part, z, names, settings.bootstrap, settings.block_size) if np.isfinite(z).all() else None
    return Group(name, given, Fields(z, at), drawn)


def places_of(part: PixelSample) -> Lags | None:
    """Return the distance classes of the rows; None where they have no places, or one place only."""
    if part.coordinates is None or part.n < 3:
        return None
    xy = columns_of(part, part.coordinates)
    return lags(xy, geographic=part.is_geographic) if np.ptp(xy, axis=0).any() else None


def reported(group: Group, model: PathModel, target: str, settings: Settings) -> Case:
    """Return the model that is reported in full: of block scores where the equations name blocks, else as measured."""
    found = estimate(model.observed(), group.given)
    if not model.used_blocks or settings.score == "sheaf":
        return Case(group.name, OBSERVED, found, group.fields, settings.confidence)
    return _Scores(group, found, model, target, settings.score, settings).case


def comparable_cases(groups: Mapping[str, Group], model: PathModel, target: str, settings: Settings) -> list[dict[str, Case]]:
    """Return for each model every group's fit on variables that are the same in all groups.

    Block scores have the weights and standard deviations of the whole sample: with weights of its own a score is another
    variable in every group, and its paths can be neither equal nor unequal.
    """
    measured, whole = model.observed(), groups[ALL]
    level = settings.confidence
    plain = {k: Case(k, OBSERVED, estimate(measured, g.given), g.fields, level) for k, g in groups.items() if k != ALL}
    if not model.used_blocks or settings.score == "sheaf":
        return [plain]
    common = _Scores(whole, estimate(measured, whole.given), model, target, settings.score, settings).weights
    scores: dict[str, Case] = {}
    for name in plain:
        given, sd = groups[name].given, whole.given.sd
        found = estimate(score_model(model), scored(given, common, model, sd))
        scores[name] = Case(name, settings.score, found, _scored_fields(groups[name].fields, common * given.sd / sd), level)
    return [plain, scores]


def fit_group(
    group: Group, model: PathModel, categories: Mapping[str, str], target: str, settings: Settings, rows: dict[str, Rows]
) -> dict[str, Case]:
    """Add the rows of every table for one group, and return the fitted models by method.

    The measured variables come first; block scores follow where the equations name blocks.
    """
    whole = model.observed()
    case = Case(group.name, OBSERVED, estimate(whole, group.given), group.fields, settings.confidence)
    add_case(case, target, group.drawn, rows)
    rows["block_effects"] += block_rows(case, summarised(model, whole, categories), model, target, group.drawn)
    cases = {OBSERVED: case}
    if not model.used_blocks:
        return cases
    for kind in (kind for kind in SCORES if kind != "sheaf"):
        scores = _Scores(group, case.found, model, target, kind, settings)
        if kind == settings.score:
            scores.report(rows)
            cases[kind] = scores.case
        rows["sensitivity"] += scores.sensitivity()
    rows["sensitivity"] += _sheaf_rows(case, model, target, rows)
    return cases


def add_case(case: Case, target: str, drawn: Draws | None, rows: dict[str, Rows]) -> None:
    """Add the rows of one fitted model, with resampled intervals of its effects."""
    sizes, claims = case.sizes(), claims_of(case)
    rows["coefficients"] += coefficient_rows(case, sizes)
    rows["r2"] += r2_rows(case)
    rows["claims"] += claims
    rows["error_correlations"] += error_rows(case)
    rows["fit"] += fit_rows(case, claims)
    wanted = plan(case.found.model, target)
    effects = effect_rows(case, wanted, sizes)
    names = case.found.names

    def make(given: Draws) -> Floats:
        return drawn_effects(drawn_coefficients(given.only(names), names, case.found.model), names, wanted)

    low, high, units = drawn_intervals(drawn, make, len(effects))
    for row, a, b in zip(effects, low, high, strict=True):
        if np.isfinite(float(str(row["std_error"]))):
            row |= {"ci_boot_low": a, "ci_boot_high": b, "n_units": units}
    rows["effects"] += effects
    rows["residual_spatial"] += residual_rows(case)


def _scored_fields(fields: Fields, weights: Floats) -> Fields:
    """Return the standardised scores of rows by weights (scores, p); no rows where nothing needs them."""
    if fields.at is None:
        return Fields(np.zeros((0, len(weights))), None)
    return Fields(unit_columns(fields.z @ weights.T), fields.at)


class _Scores:
    """The model of one kind of block scores in one group."""

    def __init__(self, group: Group, found: Estimates, model: PathModel, target: str, kind: Score, settings: Settings) -> None:
        self.model, self.target, self.names, self.r = model, target, found.names, found.r
        self.keys = anchors(found.r, found.names, model, target, settings.keys)
        raw = weights(kind, found.r[None], found.names, model, target)[0]
        self.weights = anchored(raw, found.names, model, self.keys)
        fields = _scored_fields(group.fields, self.weights)
        self.found = estimate(score_model(model), scored(group.given, self.weights, model, group.given.sd))
        self.case = Case(group.name, kind, self.found, fields, settings.confidence)
        self.drawn, self.drawn_weights = group.drawn, np.zeros((0, *self.weights.shape))
        if group.drawn is not None and len(group.drawn.r):
            r = group.drawn.only(found.names)
            self.drawn_weights = weights(kind, r, found.names, model, target, self.weights)
            self.drawn = replace(group.drawn, names=self.found.names, r=drawn_scores(r, self.drawn_weights))

    def report(self, rows: dict[str, Rows]) -> None:
        """Add every table of this score."""
        add_case(self.case, self.target, self.drawn, rows)
        rows["blocks"] += self.weight_rows()
        blocks = self.model.used_blocks
        copied = ("driver", "response", "level", "path", "std_estimate", "ci_boot_low", "ci_boot_high", "n_units")
        for row in rows["effects"]:
            if row["method"] == self.case.method and row["group"] == self.case.group and row["driver"] in blocks:
                kept = {name: row.get(name, np.nan) for name in copied} | {"driver": ""}
                rows["block_effects"] += self.case.keyed([kept | {"block": row["driver"]}])

    def weight_rows(self) -> Rows:
        """Return one row a block and member."""
        flat = self.drawn_weights.reshape(len(self.drawn_weights), self.weights.size)
        low, high, _ = drawn_intervals(self.drawn, lambda _: flat, self.weights.size)
        low, high = low.reshape(self.weights.shape), high.reshape(self.weights.shape)
        rows: Rows = []
        for block in self.model.used_blocks:
            row = self.found.names.index(block)
            places = [self.names.index(m) for m in self.model.blocks[block]]
            loads = self.r[np.ix_(places, places)] @ self.weights[row, places]
            share = float(np.mean(loads**2))
            for member, place, load in zip(self.model.blocks[block], places, loads, strict=True):
                rows.append(
                    {"block": block, "driver": member, "estimate": self.weights[row, place], "r": load, "share": share,
                     "share_of": "variance of the block's members", "ci_boot_low": low[row, place],
                     "ci_boot_high": high[row, place], "note": self._anchored(block, member)}
                )  # fmt: skip
        return self.case.keyed(rows)

    def _anchored(self, block: str, member: str) -> str:
        return "key member: weighs positively" if self.keys[block] == member else ""

    def sensitivity(self) -> Rows:
        """Return one row a block: its effects and the verdict of this score."""
        effects = effects_of(self.found.b, self.found.names, self.found.model, plan(self.found.model, self.target))
        value = {key[:2]: v for key, v in zip(effects.keys, effects.standardised, strict=True) if key[1] in LEVELS}
        fit = _verdict(fit_rows(self.case, claims_of(self.case)))
        return self.case.keyed(
            [
                sensitivity_row(self.found, block, self.target, {lv: value.get((block, lv), 0.0) for lv in LEVELS}) | fit
                for block in self.model.used_blocks
                if block != self.target
            ]
        )


def _sheaf_rows(case: Case, model: PathModel, target: str, rows: dict[str, Rows]) -> Rows:
    """Return the sensitivity rows of the sheaf coefficients: sizes of the members' effects in the measured model."""
    kept, own = ("block_effects", "fit"), (case.group, OBSERVED)
    mine = {name: [row for row in rows[name] if (row["group"], row["method"]) == own] for name in kept}
    sizes = [row for row in mine["block_effects"] if row["driver"] == row["path"] == ""]
    found: Rows = []
    for block in model.used_blocks:
        value = {str(row["level"]): float(str(row["std_estimate"])) for row in sizes if row["block"] == block}
        found.append(sensitivity_row(case.found, block, target, value) | _verdict(mine["fit"]) | {"note": SHEAF_NOTE})
    return [{"group": case.group, "method": "sheaf"} | row for row in found]


def _verdict(fit: Rows) -> dict[str, object]:
    by_measure = {row["measure"]: row for row in fit}
    c, corrected = by_measure["fisher_c"], by_measure.get("fisher_c_eff", {})
    return {
        "statistic": c["estimate"],
        "df": c["df"],
        "p": c["p"],
        "log10_p": c["log10_p"],
        "p_eff": corrected.get("p", np.nan),
    }


def equation_rows(method: str, model: PathModel) -> Rows:
    """Return one row an arrow and pair of correlated errors of a model."""
    arrows: Rows = [{"method": method, "response": r, "driver": d, "level": "path"} for r, d in model.edges]
    return arrows + [{"method": method, "response": a, "driver": b, "level": "correlated"} for a, b in model.correlated]
