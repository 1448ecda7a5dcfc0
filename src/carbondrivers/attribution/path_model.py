"""Piecewise structural equation models: every arrow, claim, pathway and fit, with the effective number of observations.

Equations are least squares on standardised columns; the model is tested by its independence claims (Fisher's C, Shipley
2000, doi:10.1207/S15328007SEM0702_4) and by the likelihood ratio against the saturated model; both do not depend on the
order in which equations are written. Everything comes from moments, so that rows never enter twice.
Sources: Shipley (2009), doi:10.1890/08-1034.1; Lefcheck (2016), doi:10.1111/2041-210X.12512; Shipley and Douma (2020),
doi:10.1002/ecy.2960.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from carbondrivers.attribution.inference import NAIVE_P
from carbondrivers.attribution.path_families import ERRORS, FAMILIES, ErrorKind, Family
from carbondrivers.attribution.path_fit import (
    PRUNINGS,
    Group,
    Pruning,
    Settings,
    comparable_cases,
    equation_rows,
    fit_group,
    group_of,
)
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_groups import adjusted, compare_groups
from carbondrivers.attribution.path_inputs import check_keys, resolved
from carbondrivers.attribution.path_prune import prune_group
from carbondrivers.attribution.path_result import COLUMNS, OBSERVED, PathResult, tabled
from carbondrivers.attribution.path_rowwise import ASYMMETRIC, Asymmetric, RowOptions, fit_rowwise
from carbondrivers.attribution.path_scores import SCORES, Score, score_model
from carbondrivers.attribution.path_tables import Rows
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import bootstrap_of, categorical
from carbondrivers.datasets.sample import ALL, PixelSample
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

CORRECTED_P = (
    "Corrected P and intervals put the effective number of observations of two residual fields in the place of n: neighbours "
    "repeat each other (of a coefficient, the errors of its equation and what the other causes leave of the driver). Fisher's "
    "C is given both ways; chi2 and the indices made of it are naive."
)
ROWWISE = (
    "Equations were fitted row by row: there are no block effects, bootstrap intervals or tests of groups.",
    "Where a response has a link, its standardised coefficients are in standard deviations of the latent response, and a "
    "product along a pathway joins unlike scales: read it as a rank, not as a share of variance.",
)
SPATIAL = (
    "Of {} the errors correlate by their distance (generalised least squares): its plain P and intervals allow for neighbours, "
    "and its effective n is n. The correlation is estimated, and then taken as known."
)
DEFINITION = (
    "Arrows are assumed, not found: a path is causal only if the model is. Where the response was computed from a driver (an "
    "NEP model takes temperature and precipitation), its path is partly a definition."
)
CIRCULAR = (
    "Composite weights are fitted to the target, and the scores then stand in its equation: standard errors and P take the "
    "weights as known. The bootstrap makes the weights anew."
)
CONVENTION = (
    "Pairs of outer causes have no claim: the model does not say how they come to be alike. Claims on outer causes that are "
    "alike are not wholly independent tests, so that C is then approximate; chi2 is not touched by this."
)


@register(
    "path_model",
    title="Path model (piecewise SEM)",
    takes="sample",
    result=PathResult,
    version="1",
    citation="Shipley, B. (2009). Confirmatory path analysis in a generalized multilevel context. Ecology 90, 363-368.",
)
def path_model(
    sample: PixelSample,
    *,
    model: PathModel | str | None = None,
    blocks: Mapping[str, Sequence[str]] | None = None,
    score: Score = "composite",
    keys: Mapping[str, str] | None = None,
    factor: str | None = None,
    families: Mapping[str, Family] | None = None,
    errors: ErrorKind = "classical",
    cluster: str | None = None,
    asymmetric: Asymmetric = "order",
    prune: Pruning = "none",
    alpha: float = 0.05,
    confidence: float = 0.95,
    replicates: int = 500,
    block_size: float | None = None,
    seed: int = 20260118,
) -> PathResult:
    """Fit and test a path model in every group.

    Parameters
    ----------
    sample
        Checked table of continuous variables.
    model
        A ``PathModel``, or its text (``"nep ~ rain + soil; soil ~ rain"``). None: every continuous driver acts on the
        response directly, a saturated model without a test.
    blocks
        Name of a block to its members; a category of drivers that the model names is a block by itself.
    score
        Where equations name blocks: the kind of block score that is reported in full, beside the model of the measured
        variables. ``"sheaf"``: none, sizes of the members' effects only.
    keys
        Block to the member that weighs positively in the block's score; by default the one most strongly correlated with
        the composite.
    factor
        Categorical driver that acts on every variable: its class means are taken out, one degree of freedom a class.
    families
        Response to its distribution: ``"binomial"`` (0 and 1), ``"poisson"`` (counts), ``"mixed"`` (a random intercept for
        every class of `cluster`), ``"gls"`` (errors correlate exponentially with distance; at most 2,000 rows, which need
        coordinates); Gaussian where it is not named.
    errors, cluster
        ``"robust"`` (HC3) or ``"cluster"`` (rows of one class of the categorical driver `cluster` are alike) instead of
        classical standard errors.
    asymmetric
        With unlike distributions a claim can be tested two ways: ``"order"``, the later variable in the order of causes as
        response; ``"conserve"``, both, keeping the smaller P.
    prune, alpha
        Whether a model without the arrows whose P is at least `alpha` is shown beside the one that is tested:
        ``"descriptive"`` on the same rows, ``"split"`` chosen on one half of the blocks of space and tested on the other.
    confidence
        Level of the intervals, between 0 and 1.
    replicates, block_size, seed
        Resamples of the block bootstrap (0: none), side of the blocks in the unit of the coordinates (a tenth of the longer
        side of the extent by default), and the seed.

    Raises
    ------
    OptionError
        If the model is written wrongly, runs in a circle or names what is not there.
    DataError
        If a variable is categorical, constant or collinear with others, or rows are fewer than parameters.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> rain = rng.normal(size=300)
    >>> soil = 0.5 * rain + rng.normal(size=300)
    >>> table = pd.DataFrame({"rain": rain, "soil": soil, "nep": 0.8 * soil + rng.normal(size=300)})
    >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate", "soil": "soil"})
    >>> result = path_model(sample, model="soil ~ rain; nep ~ soil")
    >>> result.claims[["driver", "response", "given"]].to_numpy().tolist()
    [['rain', 'nep', 'soil']]
    """
    settings = _settings(sample, score, keys, factor, (confidence, replicates, seed), block_size, prune, alpha)
    whole, notes = resolved(sample, model, blocks)
    by_row = _row_options(sample, whole, settings, families, errors, cluster, asymmetric)
    check_keys(whole, settings.keys)
    rows: dict[str, Rows] = {name: [] for name in COLUMNS}
    rows["equations"] = equation_rows(OBSERVED, whole.observed())
    if by_row.rowwise:
        notes += [*_each_group_by_row(sample, whole, by_row, settings, rows), *ROWWISE]
        spatial_ones = [response for response, family in by_row.families.items() if family == "gls"]
        notes += [SPATIAL.format(", ".join(spatial_ones))] if spatial_ones else []
    else:
        if whole.used_blocks and score != "sheaf":
            rows["equations"] += equation_rows(score, score_model(whole))
            notes += [CIRCULAR] * (score == "composite")
        notes += _each_group(sample, whole, settings, rows)
    notes += _warnings(whole.observed())
    notes += [f"{note}." for note in sample.dropped.loc[sample.dropped["driver"] == "", "note"]]
    spatial = CORRECTED_P if sample.coordinates else "No effective number of observations is given: the rows have no places."
    parameters: dict[str, object] = {
        "model": whole.text(), "blocks": {k: list(v) for k, v in whole.blocks.items()}, "score": score,
        "keys": dict(settings.keys), "factor": factor, "families": dict(by_row.families), "errors": errors,
        "cluster": cluster, "asymmetric": asymmetric, "prune": prune, "alpha": float(alpha),
        "confidence": settings.confidence, "replicates": replicates, "block_size": block_size, "seed": seed,
    }  # fmt: skip
    tables = {name: tabled(name, found) for name, found in rows.items()}
    return PathResult(
        method="path_model",
        parameters=parameters,
        n=sample.n,
        notes=(NAIVE_P, spatial, CONVENTION, DEFINITION, *notes, *sample.caveats()),
        provenance=history_line("path_model", n=sample.n, **parameters),
        variables=sample.variables(),
        **tables | {"group_tests": adjusted(tables["group_tests"])},
    )


def _each_group(sample: PixelSample, whole: PathModel, settings: Settings, rows: dict[str, Rows]) -> list[str]:
    """Add the rows of every group and of their comparison; return what must be said of groups that could not be fitted."""
    target, categories = sample.response.name, {d.name: d.category for d in sample.continuous}
    groups: dict[str, Group] = {}
    notes: list[str] = []
    for name, part in sample.group_samples():
        found: dict[str, Rows] = {table: [] for table in COLUMNS}
        try:
            group = group_of(name, part, whole.observed(), settings)
            fit_group(group, whole, categories, target, settings, found)
        except DataError as error:
            if name == ALL:
                raise
            notes.append(f"Group {name} was not fitted: {error}.")
            continue
        groups[name] = group
        if group.drawn is not None and group.drawn.note:
            notes.append(f"Group {name}: {group.drawn.note}.")
        notes += _pruned(group, part, whole, settings, found)
        for table, more in found.items():
            rows[table] += more
    compare_groups(sample.memberships, comparable_cases(groups, whole, target, settings), rows)
    return notes


def _pruned(group: Group, part: PixelSample, whole: PathModel, settings: Settings, rows: dict[str, Rows]) -> list[str]:
    if settings.prune == "none":
        return []
    try:
        prune_group(group, part, whole, settings, rows)
    except DataError as error:
        return [f"No pruned model of group {group.name}: {error}."]
    return []


def _each_group_by_row(
    sample: PixelSample, whole: PathModel, options: RowOptions, settings: Settings, rows: dict[str, Rows]
) -> list[str]:
    notes: list[str] = []
    for name, part in sample.group_samples():
        try:
            fit_rowwise(name, part, whole, options, settings.confidence, rows)
        except DataError as error:
            if name == ALL:
                raise
            notes.append(f"Group {name} was not fitted: {error}.")
    return notes


def _warnings(model: PathModel) -> list[str]:
    """Return what must be said of a model whose errors are correlated."""
    said: list[str] = []
    if model.biased():
        said.append(
            f"Least squares of {', '.join(model.biased())} are biased under the model: the error is correlated with that of a "
            "cause. Coefficients are those of piecewise fits; chi2 and its indices are of the joint maximum of likelihood."
        )
    without = model.claims()[1]
    if without:
        pairs = "; ".join(f"{driver} and {response}" for driver, response in without)
        said.append(f"No claim is made of {pairs}: with the correlated errors nothing that is measured parts them.")
    return said


def _settings(
    sample: PixelSample,
    score: str,
    keys: Mapping[str, str] | None,
    factor: str | None,
    resampling: tuple[float, int, int],
    block_size: float | None,
    prune: str,
    alpha: float,
) -> Settings:
    kind, pruning = cast(Score, choose(score, SCORES, "score")), cast(Pruning, choose(prune, PRUNINGS, "prune"))
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0.0 < alpha < 1.0:
        raise OptionError(f"alpha must be between 0 and 1, got {alpha!r}")
    if factor is not None:
        categorical(sample, factor, "factor")
    confidence, replicates, seed = resampling
    level = bootstrap_of(replicates or 100, confidence, seed)
    bootstrap, sorted_keys = (level if replicates else None), dict(sorted((keys or {}).items()))
    return Settings(level.confidence, kind, sorted_keys, factor, bootstrap, block_size, seed, pruning, float(alpha))


def _row_options(
    sample: PixelSample,
    model: PathModel,
    settings: Settings,
    families: Mapping[str, str] | None,
    errors: str,
    cluster: str | None,
    asymmetric: str,
) -> RowOptions:
    if families is not None and not isinstance(families, Mapping):
        raise OptionError(f"families must be a mapping such as {{'nep': 'gls'}}, response to distribution, got {families!r}")
    for response, family in (families or {}).items():
        choose(response, sorted(model.equations), "a response in families")
        choose(family, FAMILIES, f"family of {response!r}")
    given = {r: cast(Family, f) for r, f in sorted((families or {}).items())}
    options = RowOptions(
        given, cast(ErrorKind, choose(errors, ERRORS, "errors")), cluster,
        cast(Asymmetric, choose(asymmetric, ASYMMETRIC, "asymmetric")),
    )  # fmt: skip
    if cluster is not None:
        categorical(sample, cluster, "cluster")
    elif errors == "cluster" or "mixed" in given.values():
        raise OptionError("cluster must name the categorical driver of the classes, got None: give cluster='site'")
    if "gls" in given.values() and not sample.coordinates:
        raise OptionError("families: gls needs the place of every row, and the sample has no coordinates: give them")
    if options.rowwise and (model.used_blocks or settings.factor or settings.prune != "none"):
        raise OptionError(
            "families and errors cannot be combined with blocks in the equations, factor or prune, which work on moments: "
            "write the equations with measured variables, or leave families and errors out"
        )
    return options
