"""Piecewise structural equation models: every arrow, claim, pathway and fit, with the effective number of observations.

Equations are least squares on standardised columns; the model is tested by its independence claims (Fisher's C, Shipley
2000, doi:10.1207/S15328007SEM0702_4) and by the likelihood ratio against the saturated model; both do not depend on the
order in which equations are written. Everything comes from moments, so that rows never enter twice.
Sources: Shipley (2009), doi:10.1890/08-1034.1; Lefcheck (2016), doi:10.1111/2041-210X.12512; Shipley and Douma (2020),
doi:10.1002/ecy.2960.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from carbondrivers.attribution.correlation import unit_columns
from carbondrivers.attribution.effective_size import Lags, lags
from carbondrivers.attribution.inference import NAIVE_P
from carbondrivers.attribution.path_claims import Fields
from carbondrivers.attribution.path_effects import plan
from carbondrivers.attribution.path_estimates import estimate
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_inputs import columns_of, resolved
from carbondrivers.attribution.path_moments import moments
from carbondrivers.attribution.path_result import COLUMNS, OBSERVED, PathResult, tabled
from carbondrivers.attribution.path_tables import Case, Rows, claims_of, coefficient_rows, effect_rows, fit_rows, r2_rows
from carbondrivers.attribution.registry import register
from carbondrivers.datasets.sample import ALL, PixelSample
from carbondrivers.errors import DataError, OptionError
from carbondrivers.provenance import history_line

CORRECTED_P = (
    "Corrected P and intervals put the effective number of observations of the two residual fields in the place of n: "
    "neighbours repeat each other. Fisher's C is given both ways; chi2 and the indices made of it are naive."
)
CONVENTION = "Pairs of outer causes have no claim: the model does not say how they come to be alike."


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
    confidence: float = 0.95,
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
    confidence
        Level of the intervals, between 0 and 1.

    Raises
    ------
    OptionError
        If the model is written wrongly, runs in a circle or names what is not there.
    DataError
        If a variable is categorical, constant or collinear with others, or rows are fewer than parameters.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> import pandas as pd
    >>> rain = rng.normal(size=300)
    >>> soil = 0.5 * rain + rng.normal(size=300)
    >>> table = pd.DataFrame({"rain": rain, "soil": soil, "nep": 0.8 * soil + rng.normal(size=300)})
    >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate", "soil": "soil"})
    >>> result = path_model(sample, model="soil ~ rain; nep ~ soil")
    >>> result.claims[["driver", "response", "given"]].to_numpy().tolist()
    [['rain', 'nep', 'soil']]
    """
    if not isinstance(confidence, int | float) or not 0.0 < confidence < 1.0:
        raise OptionError(f"confidence must be between 0 and 1, got {confidence!r}")
    whole, notes = resolved(sample, model, blocks)
    rows: dict[str, Rows] = {name: [] for name in COLUMNS}
    rows["equations"] = _equation_rows(OBSERVED, whole.observed())
    for name, part in sample.group_samples():
        try:
            _fit(_Group(name, part), OBSERVED, whole.observed(), float(confidence), rows)
        except DataError as error:
            if name == ALL:
                raise
            notes.append(f"Group {name} was not fitted: {error}.")
    spatial = CORRECTED_P if sample.coordinates else "No effective number of observations is given: the rows have no places."
    parameters = {"model": whole.text(), "blocks": {k: list(v) for k, v in whole.blocks.items()}, "confidence": confidence}
    return PathResult(
        method="path_model",
        parameters=parameters,
        n=sample.n,
        notes=(NAIVE_P, spatial, CONVENTION, *notes, *sample.caveats()),
        provenance=history_line("path_model", n=sample.n, **parameters),
        variables=sample.variables(),
        **{name: tabled(name, found) for name, found in rows.items()},
    )


@dataclass(slots=True, eq=False)
class _Group:
    """One group's rows and their places."""

    name: str
    part: PixelSample
    at: Lags | None = None

    def __post_init__(self) -> None:
        if self.part.coordinates is not None and self.part.n > 3:
            xy = columns_of(self.part, self.part.coordinates)
            if np.ptp(xy, axis=0).any():
                self.at = lags(xy, geographic=self.part.is_geographic)


def _fit(group: _Group, method: str, model: PathModel, confidence: float, rows: dict[str, Rows]) -> None:
    columns = columns_of(group.part, model.order)
    found = estimate(model, moments(columns, model.order))
    case = Case(group.name, method, found, Fields(unit_columns(columns), group.at), confidence)
    sizes, claims = case.sizes(), claims_of(case)
    rows["coefficients"] += coefficient_rows(case, sizes)
    rows["r2"] += r2_rows(case)
    rows["claims"] += claims
    rows["fit"] += fit_rows(case, claims)
    rows["effects"] += effect_rows(case, plan(model, group.part.response.name), sizes)


def _equation_rows(method: str, model: PathModel) -> Rows:
    arrows: Rows = [{"method": method, "response": r, "driver": d, "level": "path"} for r, d in model.edges]
    return arrows + [{"method": method, "response": a, "driver": b, "level": "correlated"} for a, b in model.correlated]
