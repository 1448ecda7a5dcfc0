"""A study file as TOML gives it, which may be wrong anywhere, and what can be read of it all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carbondrivers.study.nep_layers import MODELS

REGIONS = ("demo", "northwest_china", "horqin", "ningxia", "taklimakan", "china")
"""The virtual regions; ``datasets.virtual.design`` makes them."""


class Raw:
    """What can be read of a study file that may be wrong anywhere."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.study, self.response, self.nep = self.table("study"), self.table("response"), self.table("nep")
        self.drivers, self.groups, self.layers = self.tables("drivers"), self.tables("groups"), self.tables("layers")
        model = self.nep.get("model")
        self.model = model if isinstance(model, str) and model in MODELS else ""
        self.computed = bool(self.model)
        region = self.study.get("region")
        self.region = region if isinstance(region, str) and region in REGIONS else REGIONS[0]
        self.is_region, self.is_table = "region" in self.study, "table" in raw
        name = self.response.get("name")
        self.name = name if isinstance(name, str) else ""
        self.has_rasters = "source" in self.response or self.computed or self.name in self.layers
        self.has_data = self.is_region or self.is_table or self.has_rasters

    def table(self, name: str) -> Mapping[str, Any]:
        found = self.raw.get(name)
        return found if isinstance(found, Mapping) else {}

    def tables(self, name: str) -> dict[str, Mapping[str, Any]]:
        return {key: value for key, value in self.table(name).items() if isinstance(value, Mapping)}

    @property
    def kind(self) -> str:
        return "region" if self.is_region else "table" if self.is_table else "rasters"

    @property
    def years(self) -> int | None:
        """How many years are declared; None where they are not, or wrongly."""
        given = self.study.get("years")
        right = isinstance(given, list) and len(given) == 2 and all(isinstance(year, int) for year in given)
        return given[1] - given[0] + 1 if right and given[0] <= given[1] else None  # type: ignore[index]

    def origin(self, name: str, given: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what a driver reads: its column, or its file and variable; empty where that is not clear."""
        if self.is_table:
            return (str(given.get("column", name)),)
        if "derive" in given:
            return ()
        grid = given if "source" in given else self.layers.get(name, {})
        words = [grid.get(key, "") for key in ("source", "variable")]
        return tuple(words) if words[0] and all(isinstance(word, str) for word in words) else ()

    def region_columns(self) -> tuple[str, ...]:
        """Return the names of a virtual region's layers that a sample has."""
        from carbondrivers.datasets.virtual.planted import DRIVERS

        return tuple(DRIVERS)
