"""Spatial association: how much of the response's variance between near places the strata of a driver take off (SPADE, IDSA).

For a categorical driver the PSD of its classes (``association_kernels``). For a measured one CPSD = PSD(y | strata) /
PSD(x | strata), the response's PSD relative to what cutting kept of the driver itself, and PSMD, its mean over several numbers
of classes (SPADE: Cang and Luo 2018, doi:10.1080/13658816.2018.1476693). For drivers together PID = PSD(y | zones) /
PSD(drivers' classes | zones), zones by overlay of the strata that have the largest CPSD (IDSA: Song and Wu 2021,
doi:10.1080/13658816.2021.1882680). PSMD and PID are ratios: they may exceed 1, and a denominator near 0 says that the strata
keep little of the driver. CPSD, PSMD and PID as in the source of gdverse 1.7; only PSD was compared with its values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np
import pandas as pd

from carbondrivers.attribution.association_kernels import Pairs, coefficients, overlay, psd, variables_psd, weighted_pairs
from carbondrivers.attribution.inference import Floats, adjust_within, centred
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.row_order import in_order
from carbondrivers.attribution.spatial_null import HOW, MOST_ROWS, TOO_MANY, spatial_draws
from carbondrivers.attribution.strata import STRATA_METHODS, StrataMethod, stratify
from carbondrivers.attribution.strata_kernels import Codes
from carbondrivers.attribution.strata_search import permutations as permuted
from carbondrivers.attribution.strata_search import search_p
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

Overlay = Literal["and", "or", "intersection"]
OVERLAYS: tuple[Overlay, ...] = get_args(Overlay)
ALL_PAIRS, NEAR = 700, 30
MOST_DRIVERS = 8
FACTOR_COLUMNS = [
    "group", "response", "driver", "method", "estimate", "statistic", "p", "p_adjusted", "p_eff", "p_eff_adjusted", "n", "note",
]  # fmt: skip
LEVEL_COLUMNS = ["group", "response", "driver", "classes", "cells", "psd", "psd_driver", "cpsd", "n"]
ZONE_COLUMNS = ["group", "response", "level", "rank", "cells", "psd", "psd_driver", "estimate", "n", "note"]
HOW_P = f"P compares with the same statistic of drawn responses. {HOW}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpatialAssociationResult(Result):
    """SPADE and IDSA.

    Attributes
    ----------
    factors : pandas.DataFrame
        One row a group and driver: PSMD (measured) or PSD (categorical) as ``estimate``, with both p, adjusted within the
        group (Benjamini-Hochberg).
    levels : pandas.DataFrame
        One row a group, measured driver and number of classes: PSD of the response and of the driver, CPSD.
    zones : pandas.DataFrame
        One row a group and set of measured drivers (``level``): PID of their overlay as ``estimate``, ranked.
    """

    factors: pd.DataFrame
    levels: pd.DataFrame
    zones: pd.DataFrame


@register(
    "spatial_association",
    title="Spatial association: SPADE and IDSA",
    takes="sample",
    result=SpatialAssociationResult,
    version="2",
    citation="Cang, X., Luo, W. (2018). Spatial association detector (SPADE). International Journal of Geographical "
    "Information Science 32, 2055-2075.",
)
def spatial_association(
    sample: PixelSample,
    *,
    method: StrataMethod = "quantile",
    classes: tuple[int, int] = (3, 8),
    overlay: Overlay = "and",
    power: float = 1.0,
    neighbours: int | None = None,
    permutations: int = 99,
    seed: int = 0,
) -> SpatialAssociationResult:
    """Measure the spatial association of the response with each driver, and with drivers together, in every group.

    Parameters
    ----------
    sample
        Checked table with coordinates.
    method, classes
        How measured drivers are cut, and fewest and most classes, all tried.
    overlay
        How strata of several drivers make zones: ``"and"``, ``"or"`` (fuzzy) or ``"intersection"``.
    power
        Of the distance in the weights, above 0; the larger it is, the more the nearest pairs decide.
    neighbours
        Nearest rows that each row is paired with; by default all, and 30 where there are more than 700 rows.
    permutations
        Draws for each p; 0 for none.
    seed
        Of the draws.

    Raises
    ------
    DataError
        If the sample has no coordinates.
    OptionError
        If an option is outside its list or range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.uniform(0, 9e4, (200, 2)), columns=["x", "y"])
    >>> table["rain"] = table["x"] / 300.0 + rng.normal(size=200)
    >>> table["nep"] = table["rain"] + rng.normal(size=200)
    >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"))
    >>> bool(spatial_association(sample, permutations=19).factors["estimate"][0] > 0.8)
    True
    """
    choose(method, STRATA_METHODS, "method")
    choose(overlay, OVERLAYS, "overlay")
    if not (len(classes) == 2 and all(type(k) is int for k in classes) and 2 <= classes[0] <= classes[1] <= 50):
        raise OptionError(f"classes must be two whole numbers rising from 2 or more to 50 at most, got {classes!r}")
    if isinstance(power, bool) or not isinstance(power, int | float) or not 0.0 < power < np.inf:
        raise OptionError(f"power must be a number above 0, got {power!r}")
    for name, value, least in (("neighbours", neighbours, 1), ("permutations", permutations, 0)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise OptionError(f"{name} must be a whole number of {least} or more, got {value!r}")
    if sample.coordinates is None:
        raise DataError("spatial association needs the place of every row: give the sample its coordinates")
    options = _Options(method, (classes[0], classes[1]), overlay, float(power), neighbours, permutations, seed)
    found = [_Group(name, part, options) for name, part in in_order(sample).group_samples()]
    factors = adjust_within(pd.DataFrame([row for one in found for row in one.factor_rows()]), ["group"])
    corrected = adjust_within(factors.assign(p=factors["p_eff"]), ["group"])["p_adjusted"]
    parameters = {
        "method": method, "classes": list(classes), "overlay": overlay, "power": float(power), "neighbours": neighbours,
        "permutations": permutations, "seed": seed,
    }  # fmt: skip
    return SpatialAssociationResult(
        method="spatial_association",
        parameters=parameters,
        n=sample.n,
        notes=(*_notes(sample, options), *sample.caveats()),
        provenance=history_line("spatial_association", n=sample.n, **parameters),
        variables=sample.variables(),
        factors=factors.assign(p_eff_adjusted=corrected)[FACTOR_COLUMNS],
        levels=pd.DataFrame([row for one in found for row in one.level_rows()], columns=LEVEL_COLUMNS),
        zones=pd.DataFrame([row for one in found for row in one.zone_rows()], columns=ZONE_COLUMNS),
    )


@dataclass(frozen=True, slots=True)
class _Options:
    """The checked options."""

    method: StrataMethod
    classes: tuple[int, int]
    overlay: Overlay
    power: float
    neighbours: int | None
    permutations: int
    seed: int


def _notes(sample: PixelSample, options: _Options) -> list[str]:
    notes = [HOW_P] if options.permutations else []
    if options.permutations and sample.n > MOST_ROWS:
        notes.append(TOO_MANY)
    if options.neighbours is None and sample.n > ALL_PAIRS:
        notes.append(f"Each row is paired with its {NEAR} nearest rows, not with all: there are more than {ALL_PAIRS} rows.")
    if len(sample.continuous) > MOST_DRIVERS:
        notes.append(f"Zones of drivers together are given for at most {MOST_DRIVERS} measured drivers: choose fewer for them.")
    return notes


class _Group:
    """One group's pairs and strata."""

    def __init__(self, name: str, part: PixelSample, options: _Options) -> None:
        self.part, self.options = part, options
        self.head = {"group": name, "response": part.response.name}
        y = centred(part.y)
        self.y = y / (float(np.abs(y).max()) or 1.0)
        near = options.neighbours or (NEAR if part.n > ALL_PAIRS else None)
        self.pairs: Pairs = weighted_pairs(_flat(part), options.power, near) if part.n > 1 else _none(part.n)
        self.cuts = {d.name: self._strata(d.name) for d in part.drivers}
        self.own = {d.name: self._scaled(d.name) for d in part.continuous}

    def _scaled(self, driver: str) -> Floats:
        x = self.part.frame[driver].to_numpy(dtype=np.float64)
        return np.asarray((x - x.mean()) / (float(np.ptp(x)) or 1.0))

    def _strata(self, driver: str) -> dict[int, Codes]:
        """Return the strata of a driver by number of classes; 0 stands for classes as given."""
        column = self.part.frame[driver]
        if isinstance(column.dtype, pd.CategoricalDtype):
            return {0: np.asarray(column.cat.codes, dtype=np.int64)}
        if column.nunique() < 2:
            return {}
        low, high = self.options.classes
        return {k: stratify(column, self.options.method, k)[0] for k in range(low, high + 1)}

    def _scales(self, driver: str) -> dict[int, float]:
        """Return what each PSD of the response is divided by."""
        if driver not in self.own:
            return dict.fromkeys(self.cuts[driver], 1.0)
        return {k: psd(self.pairs, codes, self.own[driver]) for k, codes in self.cuts[driver].items()}

    def _mean(self, driver: str, y: Floats) -> Floats:
        """Return PSD or PSMD of responses of shape (some, n)."""
        half, total = self.pairs.halves(y), np.zeros(len(y))
        for k, scale in self._scales(driver).items():
            within, whole = coefficients(self.pairs, self.cuts[driver][k])
            with np.errstate(divide="ignore", invalid="ignore"):
                total += (1.0 - half @ within / (half @ whole)) / scale
        return total / max(len(self.cuts[driver]), 1)

    def factor_rows(self) -> Iterator[dict[str, object]]:
        """Iterate over one row a driver."""
        o, low, high = self.options, *self.options.classes
        draws = self._draws()
        for driver in self.part.drivers:
            measured = driver.kind == "continuous"
            how = f"PSMD, {o.method}, {low} to {high} classes" if measured else "PSD, classes as given"
            row = self.head | {"driver": driver.name, "method": how, "n": self.part.n, "p": np.nan, "p_eff": np.nan, "note": ""}
            value = (
                float(self._mean(driver.name, self.y[None])[0]) if self.cuts[driver.name] and len(self.pairs.one) else np.nan
            )
            if not np.isfinite(value):
                why = "undefined: constant, or no two rows of a stratum are neighbours in this group"
                yield row | {"estimate": np.nan, "statistic": np.nan, "note": why}
                continue
            tested = {
                key: search_p(value, np.concatenate([self._mean(driver.name, block) for block in blocks]))
                for key, blocks in draws.items()
            }
            yield row | {"estimate": value, "statistic": value} | tested

    def _draws(self) -> dict[str, list[Floats]]:
        o = self.options
        if not o.permutations or not self.y.any():
            return {}
        rng = [np.random.default_rng([o.seed, i]) for i in (1, 2)]
        found = {"p": list(_slices(permuted(self.y, o.permutations, rng[0]), len(self.pairs.one)))}
        whole = list(_slices(spatial_draws(self.part, self.y, o.permutations, rng[1]), len(self.pairs.one)))
        if whole:
            found["p_eff"] = whole
        return found

    def level_rows(self) -> Iterator[dict[str, object]]:
        """Iterate over one row a measured driver and number of classes."""
        for driver in self.own:
            scales = self._scales(driver)
            for k, codes in self.cuts[driver].items():
                of_y = psd(self.pairs, codes, self.y)
                row = self.head | {"driver": driver, "classes": k, "cells": int(codes.max()) + 1, "n": self.part.n}
                yield row | {"psd": of_y, "psd_driver": scales[k], "cpsd": of_y / scales[k] if scales[k] else np.nan}

    def zone_rows(self) -> Iterator[dict[str, object]]:
        """Iterate over the sets of measured drivers, largest PID first."""
        best = {d: self._best(d) for d in self.own if self.cuts[d]}
        if len(best) > MOST_DRIVERS:
            return
        rows = [self._zones({d: best[d] for d in s}) for size in range(1, len(best) + 1) for s in combinations(best, size)]
        order = sorted(range(len(rows)), key=lambda i: -np.nan_to_num(float(str(rows[i]["estimate"])), nan=-np.inf))
        for rank, i in enumerate(order, start=1):
            yield self.head | rows[i] | {"rank": rank, "n": self.part.n}

    def _best(self, driver: str) -> Codes:
        scales = self._scales(driver)
        ratio = {k: psd(self.pairs, codes, self.y) / (scales[k] or np.nan) for k, codes in self.cuts[driver].items()}
        return self.cuts[driver][max(ratio, key=lambda k: (np.nan_to_num(ratio[k], nan=-np.inf), -k))]

    def _zones(self, strata: dict[str, Codes]) -> dict[str, object]:
        names, codes = list(strata), list(strata.values())
        labels = {d.name: d.title for d in self.part.drivers}
        zones = codes[0] if len(codes) == 1 else overlay(codes, self.y, self.options.overlay)
        of_y = psd(self.pairs, zones, self.y)
        if len(codes) == 1:
            below = psd(self.pairs, zones, self.own[names[0]])
        else:
            below = variables_psd(self.pairs, zones, [c.astype(np.float64) for c in codes])
        value = of_y / below if np.isfinite(below) and below > 0.0 else np.nan
        note = "" if np.isfinite(value) else "undefined: the zones keep nothing of the drivers"
        level = " + ".join(labels[d] for d in names)
        return {
            "level": level, "cells": int(zones.max()) + 1, "psd": of_y, "psd_driver": below, "estimate": value, "note": note,
        }  # fmt: skip


def _slices(blocks: Iterator[Floats], pairs: int) -> Iterator[Floats]:
    """Cut blocks of responses so that their differences over all pairs stay small."""
    step = max(1, 4_000_000 // max(pairs, 1))
    for block in blocks:
        for start in range(0, len(block), step):
            yield block[start : start + step]


def _flat(part: PixelSample) -> Floats:
    """Return the places of the rows, (n, 2), degrees of longitude shortened."""
    xy = part.frame[list(part.coordinates or ())].to_numpy(dtype=np.float64)
    if part.is_geographic:
        xy = xy * [np.cos(np.radians(xy[:, 1].mean())), 1.0]
    return np.asarray(xy)


def _none(n: int) -> Pairs:
    return Pairs(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0), n)
