"""What the study of a named region printed, beside what the virtual region makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from carbondrivers.datasets.virtual.design import Design
from carbondrivers.datasets.virtual.fields import FloatArray
from carbondrivers.datasets.virtual.place import Place
from carbondrivers.datasets.virtual.world import World
from carbondrivers.datasets.virtual.written import C_OF_CO2

COLUMNS = ("quantity", "of", "unit", "target", "made", "difference")
FLUX, SLOPE = "g C m-2 a-1", "g C m-2 a-2"
Row = tuple[str, str, str, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a region made: annual components, (years, y, x), g C m-2 a-1; carbon density and sand records, if any."""

    components: Mapping[str, FloatArray]
    density: FloatArray | None = None
    records: pd.DataFrame | None = None


def target_table(design: Design, place: Place, world: World, made: Made) -> pd.DataFrame:
    """Return printed values and those of the virtual region.

    Parameters
    ----------
    design, place, world
        The region.
    made
        What it gives.

    Returns
    -------
    pandas.DataFrame
        quantity, of (region, sub-region, class), unit, target, made, and difference, ``made / target - 1``. Means weigh
        cells by their area; a class's mean is over its cells of each year, its slope that of the cells that keep it.
    """
    rows = list(_Comparison(design, place, world, made).rows())
    table = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    table["difference"] = table["made"] / table["target"] - 1.0
    return table


class _Comparison:
    """The arrays of a region, flat over its valid pixels."""

    def __init__(self, design: Design, place: Place, world: World, made: Made) -> None:
        inside = place.land.valid
        self.design, self.made = design, made
        self.area, self.zone = place.areas[inside], place.zone[inside]
        self.whole = float(place.areas[place.land.inside].sum())
        self.cover = world.cover[:, inside]
        self.parts = {name: values[:, inside] for name, values in made.components.items()}
        self.density = None if made.density is None else made.density[:, inside]

    def rows(self) -> Iterator[Row]:
        """Iterate over all printed values."""
        design, targets = self.design, self.design.targets
        nep = self.parts["nep"]
        yield "area", "region", "km2", design.area, self.whole
        if "region" in targets:
            yield "nep", "region", FLUX, targets["region"], self._mean(nep)
        if "slope" in targets:
            yield "slope of nep", "region", SLOPE, targets["slope"], self._slope(nep)
        if "total" in targets:
            total = float((self.area * nep.mean(axis=0)).sum()) * 1e-9
            yield "total nep", "region", "Pg C a-1", targets["total"], total
        if "positive" in targets:
            share = 100.0 * float(np.average(nep.mean(axis=0) > 0, weights=self.area))
            yield "share of cells above 0", "region", "%", targets["positive"], share
        yield from self._of_zones()
        yield from self._of_classes()
        yield from self._of_storage()
        yield from self._of_sand()

    def _of_zones(self) -> Iterator[Row]:
        printed = self.design.targets.get("nep", {})
        for k, zone in enumerate(self.design.zones):
            inside, label = self.zone == k, zone.label or zone.name
            if np.isfinite(zone.target):
                name = self.design.solves
                yield name, label, FLUX, zone.target, self._mean(self.parts[name], inside)
            if np.isfinite(zone.rh):
                yield "rh", label, FLUX, zone.rh, self._mean(self.parts["rh"], inside)
            if zone.name in printed:
                yield "nep", label, FLUX, printed[zone.name], self._mean(self.parts["nep"], inside)

    def _of_classes(self) -> Iterator[Row]:
        targets = self.design.targets
        name = "npp" if self.design.solves == "npp" else "nep"
        for code, label in self.design.classes.items():
            if label in targets.get("class", {}):
                yield name, label, FLUX, targets["class"][label], self._mean(self.parts[name], self.cover == code)
            if label in targets.get("class_slope", {}):
                kept = np.all(self.cover == code, axis=0)
                yield "slope of nep", label, SLOPE, targets["class_slope"][label], self._slope(self.parts["nep"], kept)

    def _of_storage(self) -> Iterator[Row]:
        if self.density is None:
            return
        targets, years = self.design.targets, len(self.cover) - 1
        steps = np.diff(self.density, axis=0) * self.area * 100.0
        changed = np.diff(self.cover, axis=0) != 0
        total = float(steps.sum())
        yield "gain of storage", "region", "10^4 t C a-1", targets["gain"], total / years / 1e4
        yield "gain per area", "region", "t C ha-1 a-1", targets["gain_per_area"], total / years / (100.0 * self.area.sum())
        for label, share in targets["gain_share"].items():
            code = next((c for c, known in self.design.classes.items() if known == label), None)
            part = changed if code is None else ~changed & (self.cover[1:] == code)
            yield "share of the gain", label, "%", share, 100.0 * float((steps * part).sum()) / total

    def _of_sand(self) -> Iterator[Row]:
        targets = self.design.targets
        if "sand" not in targets:
            return
        codes = {label: code for code, label in self.design.classes.items()}
        for quantity, label in (("sand", "barren"), ("belt", "forest")):
            released = -self._mean(self.parts["nep"], self.cover == codes[label]) / C_OF_CO2
            yield "CO2 released", label, "g CO2 m-2 a-1", targets[quantity], released
        if self.made.records is not None:
            yield from _of_records(targets, self.made.records)

    def _mean(self, values: FloatArray, inside: NDArray[np.bool_] | None = None) -> float:
        chosen = np.ones(values.shape, dtype=bool) if inside is None else np.broadcast_to(inside, values.shape)
        weight = np.broadcast_to(self.area, values.shape)
        return float(np.average(values[chosen], weights=weight[chosen])) if chosen.any() else float("nan")

    def _slope(self, values: FloatArray, inside: NDArray[np.bool_] | None = None) -> float:
        chosen = np.ones(values.shape[1], dtype=bool) if inside is None else inside
        if not chosen.any():
            return float("nan")
        series = np.average(values[:, chosen], axis=1, weights=self.area[chosen])
        return float(np.polyfit(np.arange(len(series)) - 0.5 * len(series), series, 1)[0])


def _of_records(targets: Mapping[str, float], records: pd.DataFrame) -> Iterator[Row]:
    """Iterate over the winter day of the records: January means by hour."""
    winter = records[records["time"].dt.month == 1]
    course = winter.groupby(winter["time"].dt.hour)["closed_path_flux"].mean()
    made = {"winter_mean": course.mean(), "winter_maximum": course.max(), "winter_minimum": course.min()}
    for quantity, value in made.items():
        label = quantity.replace("winter_", "") + " of the mean day in January"
        yield "closed-path flux", label, "umol CO2 m-2 s-1", targets[quantity], float(value)
    noon = winter.loc[winter["time"].dt.hour == 12, "open_path_flux"].mean()
    yield "open-path flux", "noon in January", "umol CO2 m-2 s-1", targets["winter_open_path"], float(noon)
