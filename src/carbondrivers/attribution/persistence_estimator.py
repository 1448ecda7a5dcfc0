"""How a Hurst exponent is estimated, the classes it is put in, and what white noise gives beside it: tables of a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from carbondrivers.attribution import persistence_kernels as kernels
from carbondrivers.attribution import stacks
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.persistence_kernels import Method, Series
from carbondrivers.errors import OptionError, choose

CLASSES = ("Persistent", "Not distinguishable from random", "Anti-persistent")
LIMITS = (0.35, 0.5, 0.65)
PUBLISHED = (
    "Strong anti-persistence (H ≤ 0.35)", "Weak anti-persistence (0.35 < H ≤ 0.5)", "Weak persistence (0.5 < H ≤ 0.65)",
    "Strong persistence (H > 0.65)",
)  # fmt: skip
METHODS = {
    "published": "Published classes of H", "p": "White-noise null, P", "p_adjusted": "White-noise null, P adjusted (BH)",
}  # fmt: skip
ALPHA, BIN = 0.05, 0.05
OF_CELLS = "area of the cells with an unbroken run of years"


class Estimator(NamedTuple):
    """How H is estimated: the options of the kernels."""

    method: Method
    tau_min: int
    corrected: bool
    detrend: bool
    series: Series

    def hurst(self, y: Floats) -> Floats:
        """Return H of every series (cells, years)."""
        return kernels.hurst(kernels.prepared(y, self.detrend, self.series), self.method, self.tau_min, self.corrected)

    def null(self, n: int, slope: float = 0.0) -> Floats:
        """Return the sorted H of white noise of n years, on a line of a slope in its standard deviations a year."""
        return kernels.null_values(n, self.method, self.tau_min, self.corrected, self.detrend, self.series, slope)

    @property
    def least(self) -> int:
        """Fewest years with an H."""
        values = max(kernels.LEAST[self.method], self.tau_min + 3 if self.method == "prefix" else 0)
        return values + (self.series == "differences")

    @property
    def trend_free(self) -> bool:
        """Whether a straight line in the series leaves H as it is."""
        return self.detrend or self.series == "differences"


def estimator_of(parameters: Mapping[str, Any]) -> Estimator:
    """Return the estimator that the parameters of a result, or a user's options, name.

    Raises
    ------
    OptionError
        If one is outside its list or range.
    """
    choose(parameters["method"], ("prefix", "blocks", "k"), "method")
    choose(parameters["correction"], ("none", "anis_lloyd"), "correction")
    choose(parameters["series"], ("levels", "differences"), "series")
    tau_min, detrend = parameters["tau_min"], parameters["detrend"]
    if not isinstance(tau_min, int) or isinstance(tau_min, bool) or tau_min < 2:
        raise OptionError(f"tau_min must be a whole number from 2 up, got {tau_min!r}")
    if not isinstance(detrend, bool):
        raise OptionError(f"detrend must be true or false, got {detrend!r}")
    corrected = parameters["correction"] == "anis_lloyd"
    return Estimator(parameters["method"], tau_min, corrected, detrend, parameters["series"])


def published_codes(h: Floats) -> Floats:
    """Return the positions in ``PUBLISHED``; NaN stays NaN."""
    return np.where(np.isfinite(h), np.searchsorted(LIMITS, h, side="left").astype(np.float64), np.nan)


def honest_codes(h: Floats, p: Floats, middle: Floats) -> Floats:
    """Return the positions in ``CLASSES``, `middle` being the median of white noise; NaN stays NaN."""
    kind = np.where(p < ALPHA, np.where(h > middle, 0.0, 2.0), 1.0)
    return np.where(np.isfinite(p), kind, np.nan)


class Weighed(NamedTuple):
    """The cells of a map that have an H.

    Attributes
    ----------
    h, run, area : float64
        (cells,): exponent, years of the run, km2.
    estimator : Estimator
        What H was estimated by.
    """

    h: Floats
    run: Floats
    area: Floats
    estimator: Estimator

    @property
    def runs(self) -> list[int]:
        """The lengths of run that occur."""
        return [int(years) for years in np.unique(self.run)]

    def of_noise(self, statistic: Any) -> Any:
        """Return a statistic of white noise, the runs weighted by their area."""
        found: Any = 0.0
        for years in self.runs:
            found = found + self.area[self.run == years].sum() / self.area.sum() * statistic(self.estimator.null(years))
        return found


def class_table(maps: xr.Dataset, areas: Floats, cells: Weighed) -> pd.DataFrame:
    """Return cells, area, share and the share of white noise in every class, by each way of classing."""
    h, middle = maps["hurst"].to_numpy(), maps["noise_median"].to_numpy()
    blocks = [
        stacks.class_shares(published_codes(h), areas, PUBLISHED, METHODS["published"], OF_CELLS).assign(
            share_expected=cells.of_noise(lambda null: _shares(published_codes(null), len(PUBLISHED)))
        )
    ]
    expected = cells.of_noise(
        lambda null: _shares(honest_codes(null, kernels.p_under_noise(null, null), np.median(null)), len(CLASSES))
    )
    for name in ("p", "p_adjusted"):
        codes = honest_codes(h, maps[name].to_numpy(), middle)
        table = stacks.class_shares(codes, areas, CLASSES, METHODS[name], OF_CELLS)
        blocks.append(table.assign(share_expected=expected if name == "p" else np.nan))
    return pd.concat(blocks, ignore_index=True)


def _shares(codes: Floats, count: int) -> Floats:
    return np.bincount(codes.astype(np.int64), minlength=count) / len(codes)


def null_table(cells: Weighed) -> pd.DataFrame:
    """Return mean, sd, central 95 % and share of H > 0.65 of white noise, by the years of the run."""
    rows = []
    for years in cells.runs:
        null = cells.estimator.null(years)
        low, high = np.quantile(null, [ALPHA / 2, 1.0 - ALPHA / 2])
        n = int((cells.run == years).sum())
        rows.append((years, n, null.mean(), null.std(), low, high, (null > LIMITS[-1]).mean()))
    return pd.DataFrame(rows, columns=["n_valid", "n", "expected", "sd", "ci_low", "ci_high", "share_expected"])


def histogram(cells: Weighed) -> pd.DataFrame:
    """Return the share of the area and of white noise in bins of H."""
    ends = [cells.h.min(), cells.h.max()]
    for years in cells.runs:
        ends += list(np.quantile(cells.estimator.null(years), [0.0005, 0.9995]))
    edges = np.arange(np.floor(min(ends) / BIN), np.ceil(max(ends) / BIN) + 1.0) * BIN
    n = np.histogram(cells.h, edges)[0]
    share = np.histogram(cells.h, edges, weights=cells.area)[0] / cells.area.sum()

    def of_null(null: Floats) -> Floats:
        return np.asarray(np.histogram(np.clip(null, edges[0], edges[-1]), edges)[0] / len(null))

    found = {"lower": edges[:-1], "upper": edges[1:], "n": n, "share": share, "share_expected": cells.of_noise(of_null)}
    return pd.DataFrame(found)


def summary(cells: Weighed, name: str) -> pd.DataFrame:
    """Return the area-weighted mean H, its spread over the cells, and the mean of white noise."""
    spread = np.quantile(cells.h, [0.0, 0.25, 0.5, 0.75, 1.0])
    row = {
        "response": name, "n": len(cells.h), "hurst": float((cells.h * cells.area).sum() / cells.area.sum()),
        "expected": float(cells.of_noise(np.mean)),
        **dict(zip(("min", "q25", "median", "q75", "max"), spread, strict=True)),
    }  # fmt: skip
    return pd.DataFrame([row])
