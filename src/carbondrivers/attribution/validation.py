"""How well drivers tell the response, and where that can be claimed: random and spatial folds side by side.

Random folds say how well gaps between the rows are filled, where rows lie dense and even; blocks as wide as the residuals
depend say how well the relation carries to a place without rows. The gap between the two is what nearness gives. The width is
the practical range of the variogram of the residuals of random folds (Roberts et al. 2017, doi:10.1111/ecog.02881).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from carbondrivers.attribution.boosted_trees import BoostedTrees, whole_number
from carbondrivers.attribution.cross_validation import (
    RANDOM,
    Model,
    learning_curve,
    out_of_fold,
    place_table,
    point_table,
    score_table,
    variogram_table,
)
from carbondrivers.attribution.design_matrix import design_of
from carbondrivers.attribution.fold_kernels import square_blocks
from carbondrivers.attribution.fold_rows import plane, row_order
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.random_forest import CarbonStorageForest
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import Codes, bootstrap_of, units_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.validation_folds import Folds, make_folds
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.datasets.variogram import Variogram
from carbondrivers.errors import OptionError, choose
from carbondrivers.provenance import history_line

Validated = Literal["forest", "linear", "boosted_trees"]
MODELS: tuple[Validated, ...] = get_args(Validated)
SpatialKind = Literal["spatial_blocks", "clusters", "buffer", "group", "pixel_year", "nndm"]
OTHERS: tuple[SpatialKind, ...] = get_args(SpatialKind)
PARTS, CURVE_FOLDS = (0.25, 0.5, 1.0), 3
TREES: dict[Validated, int] = {"forest": 50, "boosted_trees": 250}
# What cross-validation of boosted trees takes most often of a few thousand pixels; `influence` chooses anew for each sample.
BOOSTED: dict[str, Any] = {"tree_complexity": 5, "learning_rate": 0.05, "bag_fraction": 0.75, "min_observations": 10}
READING = (
    "Random folds say how well gaps between rows are filled; spatial folds how well the relation carries to places without "
    "rows nearby. Neither replaces the other; the gap is the R2 of random folds less that of the others."
)
NO_PLACES = "The rows have no coordinates: how the relation carries to another place cannot be tested."
TWO_VALUES = "{response} has two values only: it was taken for a measured response, not for classes, and scored as such."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValidationResult(Result):
    """Scores of a model under random and other folds.

    Attributes
    ----------
    scores : pandas.DataFrame
        One row a group and kind of folds (``method``): n, r2 (1 - SSE/SST), r_squared (squared correlation), rmse, mae, bias,
        intervals by blocks, ``gap`` (R2 of random folds less this R2). Groups are scored from the whole sample's model.
    points : pandas.DataFrame
        Estimated (``x``) and observed (``y``) of every row tested, by kind of folds.
    places : pandas.DataFrame
        Place and fold of every row, by kind of folds.
    variogram : pandas.DataFrame
        Of the residuals of random folds: distance, semivariance, fitted model, pairs.
    curve : pandas.DataFrame
        R2 and RMSE against the number of training rows.
    """

    scores: pd.DataFrame
    points: pd.DataFrame
    places: pd.DataFrame
    variogram: pd.DataFrame
    curve: pd.DataFrame


@register(
    "validation",
    title="Validation with random and spatial folds",
    takes="sample",
    result=ValidationResult,
    version="2",
    citation="Roberts, D. R. et al. (2017). Cross-validation strategies for data with temporal, spatial, hierarchical, or "
    "phylogenetic structure. Ecography 40, 913-929.",
)
def validate(
    sample: PixelSample,
    *,
    model: Validated = "forest",
    folds: Sequence[SpatialKind] | None = None,
    n: int = 10,
    size: float | Literal["auto"] = "auto",
    trees: int | None = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 20260118,
) -> ValidationResult:
    """Score a model of the response under random folds and under folds by space or group.

    Parameters
    ----------
    sample
        Checked table.
    model
        ``"forest"`` (random forest, R's settings), ``"linear"`` (least squares on all drivers) or ``"boosted_trees"``, of 5
        splits, learning rate 0.05, bag fraction 0.75 and 10 rows a leaf or more: fixed ones, so that no fold chooses them;
        ``influence`` chooses them for a sample.
    folds
        Kinds of folds beside random ones; by default blocks where there are coordinates, else groups where rows are in exactly
        one each, else none.
    n
        Number of folds.
    size
        Side of the blocks: km, or the coordinates' unit without a reference system; ``"auto"``: practical range of the
        residuals of random folds.
    trees
        Of the forest (50 by default) or of the boosted trees (250).
    confidence, replicates, seed
        Level of the intervals, number of resamples, and the seed of every draw.

    Raises
    ------
    OptionError
        If an option is outside its list or range.
    DataError
        If folds cannot be made: no coordinates, one region only.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.uniform(0, 100, size=(200, 3)), columns=["x", "y", "rain"])
    >>> table["nep"] = table["rain"] + 5 * rng.normal(size=200)
    >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"))
    >>> found = validate(sample, model="linear", size=20.0).scores
    >>> found["method"].tolist(), bool(found["r2"].min() > 0.95), bool(abs(found["gap"][1]) < 0.01)
    (['random', 'spatial_blocks'], True, True)
    """
    choose(model, MODELS, "model")
    kinds = _kinds(sample, folds)
    bootstrap = bootstrap_of(replicates, confidence, seed)
    _, x = design_of(sample)
    order, make = row_order(sample), _maker(model, trees, seed)
    made, estimates = validated(sample, make, x, kinds, n=n, size=size, order=order, seed=seed)
    block = next((f for f in made.values() if f.variogram is not None), None)
    found = block.variogram if block else None
    side = next((f.side for f in made.values() if f.side is not None), None)
    parameters: dict[str, Any] = {
        "model": model, "folds": list(made), "n": n, "size": size, "side": side, "side_from": side_from(made),
        "trees": TREES.get(model) and (trees or TREES[model]), "unit": next((f.unit for f in made.values() if f.unit), ""),
        "crs": sample.crs, "confidence": confidence, "replicates": replicates, "seed": seed, "range_seen": _range_seen(found),
        "range": found.range if found is not None and np.isfinite(found.range) else None,
        "variogram_model": None if found is None else found.model,
    }  # fmt: skip
    return ValidationResult(
        method="validation",
        parameters=parameters,
        n=sample.n,
        notes=(*fold_notes(made, sample), *sample.caveats()),
        provenance=history_line("validation", **parameters, rows=sample.n),
        variables=sample.variables(),
        scores=score_table(sample, estimates, score_units(sample, made), bootstrap, order),
        points=point_table(sample.y, estimates, order),
        places=place_table(sample, made, order),
        variogram=variogram_table(found),
        curve=learning_curve(
            make, x, sample.y, made, order=order, parts=PARTS, folds=CURVE_FOLDS, plots=None, seed=seed
        ),
    )  # fmt: skip


def validated(
    sample: PixelSample,
    model: Callable[[], Model],
    x: Floats,
    kinds: Sequence[SpatialKind],
    *,
    n: int,
    size: float | Literal["auto"],
    order: Codes,
    seed: int,
) -> tuple[dict[str, Folds], dict[str, Floats]]:
    """Return folds and out-of-fold estimates (n,): random folds first, and then others as wide as their residuals ask for."""
    n = min(n, sample.n)
    made = {RANDOM: make_folds(sample, kind="random", n=n, seed=seed)}
    estimates = {RANDOM: out_of_fold(model, x, sample.y, made[RANDOM], order=order)}
    left = sample.y - estimates[RANDOM]
    for kind in kinds:
        options: dict[str, Any] = {"size": size, "residuals": left} if kind in ("spatial_blocks", "buffer") else {}
        made[kind] = make_folds(sample, kind=kind, n=n, seed=seed, **options)
        estimates[kind] = out_of_fold(model, x, sample.y, made[kind], order=order)
    return made, estimates


def score_units(sample: PixelSample, made: dict[str, Folds]) -> Codes:
    """Return the unit of the bootstrap of each row, (n,): blocks as wide as those of the folds, else what resampling takes."""
    side = next((folds.side for folds in made.values() if folds.side is not None), None)
    if side is not None:
        return square_blocks(plane(sample), side)
    values = np.column_stack([sample.y, *(sample.frame[d.name].to_numpy(dtype=np.float64) for d in sample.continuous)])
    return units_of(sample, None, None, values).codes


def fold_notes(made: dict[str, Folds], sample: PixelSample) -> tuple[str, ...]:
    """Return what a reader must know of the folds."""
    said = [f"{kind.replace('_', ' ').capitalize()}: {folds.note}" for kind, folds in made.items() if folds.note]
    if len(np.unique(sample.y)) == 2:
        said.append(TWO_VALUES.format(response=sample.response.title))
    return (READING if len(made) > 1 else NO_PLACES, *dict.fromkeys(said))


def _kinds(sample: PixelSample, folds: Sequence[SpatialKind] | None) -> tuple[SpatialKind, ...]:
    if folds is None:
        if sample.coordinates is not None:
            return ("spatial_blocks",)
        whole = sample.memberships.shape[1] > 1 and bool((sample.memberships.sum(axis=1) == 1).all())
        return ("group",) if whole else ()
    if isinstance(folds, str):
        raise OptionError(f"folds must be a list such as ['spatial_blocks'], got {folds!r}")
    return tuple(dict.fromkeys(choose(kind, OTHERS, "each of folds") for kind in folds))  # type: ignore[misc]


def side_from(made: dict[str, Folds]) -> str:
    """Return what the width of blocks rests on: ``"range"``, ``"extent"``, ``"given"``, or nothing without blocks."""
    wide = next((folds for folds in made.values() if folds.side is not None), None)
    if wide is None:
        return ""
    if wide.practical_range is None and not wide.note:
        return "given"
    return "range" if wide.side == wide.practical_range else "extent"


def _range_seen(found: Variogram | None) -> str:
    """Return ``"within"`` the extent, ``"beyond"`` it, or ``"none"``."""
    if found is None or np.isnan(found.range):
        return "none"
    return "beyond" if np.isinf(found.range) else "within"


def _maker(model: Validated, trees: int | None, seed: int) -> Callable[[], Model]:
    if model == "linear":
        return lambda: make_pipeline(StandardScaler(), LinearRegression())
    count, drawn = TREES[model] if trees is None else trees, seed % 2**32
    whole_number(count, 1, "trees")
    if model == "boosted_trees":
        return lambda: BoostedTrees(n_trees=count, seed=drawn % 2**31, **BOOSTED)
    return lambda: CarbonStorageForest("r", trees=count, seed=drawn)
