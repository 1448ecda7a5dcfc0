"""Step ``zoning``: diagnostic zones by a table of rules on level, trend, persistence and cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from carbondrivers.attribution.clusters import ClusterResult
from carbondrivers.attribution.persistence import PersistenceResult
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.stability import StabilityResult
from carbondrivers.attribution.trend import TrendResult
from carbondrivers.attribution.zone_rules import ZoneRule
from carbondrivers.attribution.zoning import ZoningResult, zoning
from carbondrivers.study.inputs import Inputs
from carbondrivers.study.registry import Step, StepOptions, register_step

Level = Literal["high", "middle", "low"]
Trend = Literal["increase", "none", "decrease"]
Persistence = Literal["persistent", "random", "antipersistent"]
Cluster = Literal["high_high", "low_low", "high_low", "low_high", "none", "island"]


class Rule(BaseModel):
    """One zone: every part must be in one of the states that are listed for it; a part without a list may be in any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="name of the zone")
    level: tuple[Level, ...] = Field((), description="of the mean beside the reference")
    trend: tuple[Trend, ...] = Field((), description="significant, or none")
    persistence: tuple[Persistence, ...] = Field((), description="told from white noise, or random")
    cluster: tuple[Cluster, ...] = Field((), description="of the local Moran statistic; island: no neighbours")


class ZoningOptions(StepOptions):
    """Options of the zones."""

    rules: tuple[Rule, ...] | None = Field(
        None, min_length=1, description="[[analyses.zoning.rules]], the first that fits names the cell; a table of this "
        "package by default",
    )  # fmt: skip
    reference: float | Literal["mean"] = Field(
        "mean", description="what is high or low: the mean of the map, or a number in the unit of the response"
    )
    significance: Literal["benjamini_hochberg", "naive"] = Field(
        "benjamini_hochberg", description="P of the map: of each test adjusted over all cells, or as it is"
    )
    alpha: float = Field(0.05, gt=0, lt=1, description="level of the tests of trend, persistence and cluster")


def _run(inputs: Inputs, options: ZoningOptions, results: Mapping[str, Result]) -> ZoningResult:
    return zoning(
        cast(StabilityResult, results["stability"]),
        cast(TrendResult, results["trend"]),
        cast(PersistenceResult, results["persistence"]),
        cast(ClusterResult, results["clusters"]),
        rules=None if options.rules is None else [ZoneRule(**rule.model_dump()) for rule in options.rules],
        reference=options.reference,
        significance=options.significance,
        alpha=options.alpha,
    )


PARTS = ("stability", "trend", "persistence", "clusters")
register_step(Step("zoning", "Diagnostic zones", ZoningOptions, "stack", PARTS, PARTS, _run, order=36))
