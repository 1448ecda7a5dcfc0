"""Step ``geodetector``: which drivers, and which pairs, stratify the response."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field, model_validator

from carbondrivers.attribution.geodetector import GeodetectorResult, detect
from carbondrivers.attribution.optimal_strata import apply_strata, optimise_strata
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.strata import SearchMethod, StrataMethod
from carbondrivers.attribution.strata_borders import own_borders
from carbondrivers.datasets.sample import ALL, PixelSample
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import NAMES_DRIVERS, Step, StepOptions, register_step

Strata = Annotated[int, Field(ge=2, le=50)]
SEARCHED = (
    "Strata were chosen among {} with {} classes (the fewest whose cross-validated q is within one standard error of the "
    "best): P of factors and pairs do not pay for that search; those of the step optimal_strata do."
)


class GeodetectorOptions(StepOptions):
    """Options of the geodetector."""

    method: StrataMethod = Field("quantile", description="how continuous drivers are cut into strata, within each group")
    methods: tuple[SearchMethod, ...] | None = Field(
        None, min_length=1, description="rules to choose from for each driver, in place of method; see the step optimal_strata"
    )
    classes: Strata | tuple[Strata, Strata] = Field(
        6, description="number of strata of a continuous driver, 2 to 50; or fewest and most, to choose from"
    )
    borders: dict[str, tuple[float, ...]] | None = Field(
        None,
        description="inner borders of one's own by driver, as { precipitation = [200, 400, 600] }; of the transformed "
        "values where the driver has a transform",
        json_schema_extra=NAMES_DRIVERS,
    )
    p_method: Literal["f", "welch", "permutation", "spatial", "wang2016"] = Field(
        "f", description="test of q: central F, Welch's F, permutation of rows, F beside a spatial null of shifted grids or "
        "simulated fields, or the published noncentral F, which depends on the origin of the response",
    )  # fmt: skip
    variant: Literal["geodetector", "gd", "gdverse"] = Field(
        "geodetector", description="the R package whose rules p_method 'wang2016' follows"
    )
    risk_test: Literal["welch", "games_howell"] = Field("welch", description="test of two strata's means")
    adjust: Literal["bh", "holm"] = Field("bh", description="adjustment for many tests: Benjamini-Hochberg or Holm")
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the intervals")
    replicates: int = Field(1000, ge=100, le=100_000, description="number of resampled blocks, permutations and spatial draws")
    block_size: float | None = Field(
        None,
        gt=0,
        description="side of the blocks that are resampled, in the coordinates' unit; a tenth of the extent by default",
    )

    @model_validator(mode="after")
    def _one_way_to_cut(self) -> GeodetectorOptions:
        few, most = self.classes if isinstance(self.classes, tuple) else (self.classes, self.classes)
        if few > most:
            raise ValueError(f"classes must be the fewest and the most, as [4, 9], got [{few}, {most}]")
        if self.methods is not None and "method" in self.model_fields_set:
            raise ValueError("method and methods: take one out; method cuts all drivers alike, methods are chosen from")
        return self


def _run(inputs: Inputs, options: GeodetectorOptions, results: Mapping[str, Result]) -> GeodetectorResult:
    given = options.model_dump(exclude={"methods"})
    if options.methods is None and isinstance(options.classes, int):
        return detect(inputs.sample, seed=inputs.seed, **given)
    del given["method"], given["classes"]
    return _searched(inputs, options, given)


def _but(sample: PixelSample, drivers: Collection[str]) -> PixelSample:
    """Return the sample without some of its drivers."""
    return replace(sample, drivers=tuple(d for d in sample.drivers if d.name not in drivers))


def _searched(inputs: Inputs, options: GeodetectorOptions, given: dict[str, Any]) -> GeodetectorResult:
    """Detect with the strata that a search chose for the whole sample, and borders of one's own where there are some."""
    methods = options.methods or (options.method,)
    few, most = options.classes if isinstance(options.classes, tuple) else (options.classes, options.classes)
    sample = inputs.sample
    own = own_borders(options.borders, sample)
    rest = _but(sample, own)
    if not rest.continuous:
        return detect(sample, seed=inputs.seed, **given)
    chosen = optimise_strata(
        rest, methods=methods, classes=(few, most), block_size=options.block_size, permutations=0, seed=inputs.seed
    )
    cut_rest = apply_strata(rest, chosen)
    kinds = {d.name: d for d in cut_rest.drivers}
    drivers = tuple(kinds.get(d.name, d) for d in sample.drivers)
    found = detect(replace(cut_rest, drivers=drivers), seed=inputs.seed, **given)
    span = f"{few} to {most}" if few < most else f"{few}"
    cut = {"method": " or ".join(methods), "classes": span, "cut": "searched"}
    cuts = chosen.strata.loc[(chosen.strata["group"] == ALL) & chosen.strata["lower"].notna()]
    rules = chosen.chosen.loc[chosen.chosen["group"] == ALL].set_index("driver")["method"]
    note = SEARCHED.format(" or ".join(methods), span)
    return replace(
        found,
        parameters={**found.parameters, **cut},
        notes=(*found.notes, note),
        variables=sample.variables(),
        strata=_with_borders(found.strata, cuts, rules),
        factors=found.factors.assign(method=found.factors["driver"].map(rules).fillna(found.factors["method"])),
    )


def _with_borders(strata: pd.DataFrame, cuts: pd.DataFrame, rules: pd.Series) -> pd.DataFrame:
    """Return strata with the borders and the rule of each class that the search cut."""
    keys = ["driver", "level"]
    known = strata[keys].merge(cuts[[*keys, "lower", "upper"]].astype({"level": str}), on=keys, how="left")
    return strata.assign(
        lower=known["lower"].fillna(strata["lower"]).to_numpy(), upper=known["upper"].fillna(strata["upper"]).to_numpy(),
        method=strata["driver"].map(rules).fillna(strata["method"]),
    )  # fmt: skip


register_step(
    Step("geodetector", "Geodetector", GeodetectorOptions, "sample", (), ("geodetector", "optimal_strata"), _run, order=50,
         seeded=True, version="2")
)  # fmt: skip
