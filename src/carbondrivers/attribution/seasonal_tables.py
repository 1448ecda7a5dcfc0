"""Tables of a seasonality: mean year, annual sums and timing of each zone, from sums over its cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbondrivers.attribution import seasonal_kernels as kernels
from carbondrivers.attribution.accounts import TG_PER_G_M2_KM2
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.seasonal_inputs import Zones


class SeasonalTables:
    """The tables of the zones that have a cell, from their sums.

    Parameters
    ----------
    names, balances
        The fluxes, and those of them that can be a sink or a source.
    zones, sums
        As they went through the grid.
    coverage
        Share of a zone's area that makes a year a replicate.
    known
        Whether areas are true ones.

    Attributes
    ----------
    zones : list of tuple
        Group and name of the zones with a cell; ``empty`` holds the others.
    mean : numpy.ndarray
        Mean year, shape (zones, fluxes, 12).
    series : numpy.ndarray
        Years, shape (zones, fluxes, 12, years), NaN where too little of a zone has values; ``thin`` counts these.
    """

    def __init__(
        self, names: list[str], balances: list[str], zones: Zones, sums: kernels.Sums, coverage: float, known: bool
    ) -> None:
        self.names, self.balances, self.known = names, balances, known
        kept = np.flatnonzero(sums.cells > 0)
        self.zones = [zones.named[i] for i in kept]
        self.empty = [zone for i, zone in enumerate(zones.named) if i not in set(kept)]
        self.sums = kernels.Sums(*(part[..., kept] for part in sums))
        self.mean = (self.sums.mean / self.sums.area).transpose(2, 0, 1)
        present = self.sums.present
        counts = present >= coverage * self.sums.area * (1 - 1e-9)
        self.thin = int(((present > 0) & ~counts).sum())
        differs = np.divide(self.sums.anomaly, present, out=np.full(self.sums.anomaly.shape, np.nan), where=counts)
        self.series = self.mean[..., None] + differs.transpose(3, 0, 2, 1)

    def cycle(self) -> pd.DataFrame:
        """Mean, spread, interval, total and share of sinks of each month."""
        table = self._rows(12).assign(**self._interval(self.mean, self.series), area_km2=self._areas(12))
        table["total"] = table["estimate"] * table["area_km2"] * TG_PER_G_M2_KM2
        share = np.minimum(self.sums.positive / self.sums.area, 1.0).transpose(2, 0, 1).ravel()
        signed = table["response"].isin(self.balances)
        table["share"] = np.where(signed, share, np.nan)
        of = "area of the zone with a whole cycle" if self.known else "cells of the zone with a whole cycle"
        return table.assign(share_of=np.where(signed, of, ""))

    def annual(self) -> pd.DataFrame:
        """The same of the sums of whole years."""
        yearly = self.series.sum(axis=2)
        n = np.isfinite(yearly).sum(axis=-1)
        mean = np.divide(np.nansum(yearly, axis=-1), n, out=np.full(n.shape, np.nan), where=n > 0)
        table = self._rows(1).drop(columns="month")
        table = table.assign(**self._interval(mean[..., None], yearly[:, :, None]), area_km2=self._areas(1))
        table["total"] = table["estimate"] * table["area_km2"] * TG_PER_G_M2_KM2
        return table

    def timing(self) -> pd.DataFrame:
        """Size, amplitude and months of maximum and of sinks."""
        month, length = kernels.mean_direction(self.sums.cosine, self.sums.sine, self.sums.peaked)
        table = self._rows(1).drop(columns="month")
        each = len(self.names)
        table["n"] = np.repeat(self.sums.cells.astype(np.int64), each)
        table["area_km2"] = self._areas(1)
        table["share"] = np.repeat(self.sums.area / self.sums.area[0], each)
        table["share_of"] = f"{'area of all' if self.known else 'all'} cells with a whole cycle"
        table["amplitude"] = np.ptp(self.mean, axis=-1).ravel()
        table["month"] = kernels.peak_month(self.mean.transpose(1, 2, 0)).T.ravel()
        table["month_mean"], table["resultant"] = month.T.ravel(), length.T.ravel()
        signed = table["response"].isin(self.balances)
        return table.assign(sink_months=np.where(signed, (self.mean > 0).sum(axis=-1).ravel(), np.nan))

    def _rows(self, months: int) -> pd.DataFrame:
        keys = [(*zone, name, month) for zone in self.zones for name in self.names for month in range(1, months + 1)]
        return pd.DataFrame(keys, columns=["group", "level", "response", "month"])

    def _areas(self, months: int) -> Floats:
        areas = self.sums.area if self.known else np.full(len(self.zones), np.nan)
        return np.repeat(areas, len(self.names) * months)

    def _interval(self, mean: Floats, series: Floats) -> dict[str, Floats]:
        """Columns of means (zones, fluxes, months) and their years (zones, fluxes, months, years)."""
        found = kernels.dependent_mean(series.reshape(-1, *series.shape[2:]))
        flat, reach = mean.ravel(), found.reach.ravel()
        return {
            "estimate": flat, "sd": found.sd.ravel(), "std_error": found.std_error.ravel(), "ci_low": flat - reach,
            "ci_high": flat + reach, "n": found.n.ravel().astype(np.int64), "n_eff": found.n_eff.ravel(),
        }  # fmt: skip
