"""The shifting-sand scheme as equations: its records, its design and its least squares; ``desert`` is the door.

CO2 flux of bare shifting sand, umol CO2 m-2 s-1, positive when the sand releases: ``Rs = R1 + R2 + R3`` with

    R1 = a0 + a1 (T0 - T10) + a2 dT0/dt                    heat: direction of the heat flow, heating rate
    R2 = 1[theta > 0.05] (k2 T0 + b2) g(theta)             moisture: g = 1, or theta - 0.05
    R3 = (k3 . X) T0 + (b3 . X)                            soil: X standardised organic carbon, pH, salt ... of the sites

T0 and T10 degC at the surface and at 10 cm, dT0/dt K h-1, theta m3 m-3 at 10 cm. The structure is that of a review of the
Taklimakan's fluxes; its coefficients were not found. Order of the fit: R1 on the dry records, R2 on what it leaves of the wet
ones, R3 on what both leave (``desert_calibration``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbondrivers.errors import DataError, did_you_mean
from carbondrivers.nep_models.apply import Quantity
from carbondrivers.nep_models.day_blocks import Codes, Floats, as_times
from carbondrivers.nep_models.ranges import check_range

Mask = NDArray[np.bool_]

FLUX = Quantity("co2_flux", ("umol CO2 m-2 s-1",), -50.0, 50.0, "CO2 flux of the sand")
INPUTS = {
    "surface_temperature": Quantity("surface_temperature", ("degC",), -50.0, 90.0, "Surface temperature T0", strict=True),
    "temperature_10cm": Quantity("temperature_10cm", ("degC",), -40.0, 65.0, "Soil temperature at 10 cm", strict=True),
    "heating_rate": Quantity("heating_rate", ("K h-1",), -60.0, 60.0, "Heating rate of the surface", strict=True),
    "soil_moisture": Quantity("soil_moisture", ("m3 m-3",), 0.0, 0.7, "Soil moisture at 10 cm", strict=True),
}
LARGEST_CONDITION = 1e12


@dataclass(frozen=True, slots=True)
class Records:
    """Hourly records: arrays of shape (records,), soil of shape (records, properties)."""

    t0: Floats
    t10: Floats
    rate: Floats
    moisture: Floats
    soil: Floats
    site: NDArray[np.str_]

    @property
    def complete(self) -> Mask:
        """Where nothing is missing."""
        missing = np.isnan(np.column_stack([self.t0, self.t10, self.rate, self.moisture, self.soil]))
        found: Mask = ~np.any(missing, axis=1)
        return found

    def __getitem__(self, rows: Any) -> Records:
        """Return some of the records."""
        return Records(self.t0[rows], self.t10[rows], self.rate[rows], self.moisture[rows], self.soil[rows], self.site[rows])


def read_records(table: Any, soil: Sequence[str], *, timed: bool = False) -> tuple[Records, Any]:
    """Return the records of a table, and their times if `timed` (else None).

    Raises
    ------
    DataError
        If it is no table, a column is missing or not numeric, or values are outside their range.
    """
    if not hasattr(table, "columns"):
        raise DataError(f"X must be a table (pandas.DataFrame) with the columns {', '.join([*INPUTS, *soil])}")
    missing = [name for name in [*INPUTS, *soil, *(["time"] if timed else [])] if name not in table.columns]
    if missing:
        hint = did_you_mean(missing[0], [str(c) for c in table.columns])
        raise DataError(f"X lacks the columns {', '.join(missing)}: name them so.{hint}")
    values = [_checked(table[name], name, quantity) for name, quantity in INPUTS.items()]
    properties = np.zeros((len(table), 0))
    if soil:
        properties = np.column_stack([_checked(table[name], name, Quantity(name, ("1",))) for name in soil])
    times = as_times(table["time"], len(table)) if timed else None
    return Records(values[0], values[1], values[2], values[3], properties, _sites(table)), times


def _sites(table: Any) -> NDArray[np.str_]:
    if "site" not in table.columns:
        return np.full(len(table), "")
    missing = int(table["site"].isna().sum())
    if missing:
        raise DataError(f"site is missing in {missing} records: name the site of each, or leave the column out")
    return np.asarray(table["site"]).astype(str)


def read_flux(flux: Any, records: int) -> Floats:
    """Return a flux as numbers, one for each record."""
    values = _checked(flux, "the flux", FLUX)
    if values.shape != (records,):
        raise DataError(f"the flux has shape {values.shape} for {records} records: give one value for each")
    return values


def _checked(values: Any, name: str, quantity: Quantity) -> Floats:
    found: Floats = check_range(_numbers(values, name), name, quantity)
    return found


def _numbers(values: Any, name: str) -> Floats:
    array = np.asarray(values)
    texts = array.dtype.kind == "O" and any(isinstance(v, str) for v in array.ravel())
    if array.dtype.kind not in "fiuO" or texts:
        raise DataError(f"{name} must be numbers, got text or dates: convert it first")
    found: Floats = np.asarray(values, dtype=np.float64)
    return found


def heating_rate(surface_temperature: Any, time: Any, *, max_gap: float = 2.0) -> Any:
    """Return dT0/dt of one site's record.

    Parameters
    ----------
    surface_temperature
        T0, degC, of shape (records,).
    time
        Increasing.
    max_gap
        Longest step that is bridged, h. A record takes the mean of the steps before and after it; where one is longer, the
        other alone.

    Returns
    -------
    same kind as `surface_temperature`
        K h-1; NaN where both steps are too long or a temperature is missing.

    Raises
    ------
    DataError
        If times do not increase (one site at a time), or are not one for each temperature.

    Examples
    --------
    >>> import pandas as pd
    >>> hours = pd.date_range("2020-01-01", periods=3, freq="h")
    >>> heating_rate(np.array([0.0, 2.0, 6.0]), hours)
    array([2., 3., 4.])
    """
    values = check_range(
        _numbers(surface_temperature, "surface_temperature"), "surface_temperature", INPUTS["surface_temperature"]
    )
    stamps = as_times(time, values.size)
    step = np.diff(stamps.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.float64)) / 3600.0
    if (step <= 0).any():
        raise DataError("time must increase from record to record: sort it, and take one site at a time")
    slope = np.where(step <= max_gap, np.diff(values) / step, np.nan)
    sides = np.stack([np.append(np.nan, slope), np.append(slope, np.nan)])
    known = np.isfinite(sides).sum(axis=0)
    rate = np.where(known > 0, np.nansum(sides, axis=0) / np.maximum(known, 1), np.nan)
    rate = np.where(np.isfinite(values), rate, np.nan)
    return type(surface_temperature)(rate, index=surface_temperature.index) if hasattr(surface_temperature, "iloc") else rate


@dataclass(frozen=True, slots=True)
class Scheme:
    """What is fitted.

    Attributes
    ----------
    form : str
        ``"step"`` or ``"excess"``, g(theta) of R2.
    threshold : float
        m3 m-3.
    parts : tuple of str
        Of ``"R1"``, ``"R2"``, ``"R3"``, those that the records identify.
    soil : tuple of str
        Properties of R3.
    centre, scale : numpy.ndarray of shape (properties,)
        Mean and standard deviation over the sites.
    """

    form: str
    threshold: float
    parts: tuple[str, ...]
    soil: tuple[str, ...]
    centre: Floats
    scale: Floats

    def wet(self, records: Records) -> Mask:
        """Where R2 acts."""
        found: Mask = records.moisture > self.threshold
        return found

    def terms(self) -> list[tuple[str, str, str]]:
        """Return part, name and unit of each coefficient."""
        flux, per = "umol CO2 m-2 s-1", "" if self.form == "step" else " (m3 m-3)-1"
        found = [("R1", "a0", flux), ("R1", "a1", f"{flux} K-1"), ("R1", "a2", f"{flux} K-1 h")]
        found += [("R2", "k2", f"{flux} degC-1{per}"), ("R2", "b2", f"{flux}{per}")]
        found += [("R3", f"k3_{name}", f"{flux} degC-1") for name in self.soil]
        found += [("R3", f"b3_{name}", flux) for name in self.soil]
        return [term for term in found if term[0] in self.parts]

    def design(self, records: Records) -> Floats:
        """Return the columns that the coefficients multiply, of shape (records, terms)."""
        columns = {"R1": np.column_stack([np.ones_like(records.t0), records.t0 - records.t10, records.rate])}
        acts = np.where(self.wet(records), 1.0 if self.form == "step" else records.moisture - self.threshold, 0.0)
        columns["R2"] = acts[:, None] * np.column_stack([records.t0, np.ones_like(records.t0)])
        standard = (records.soil - self.centre) / self.scale
        columns["R3"] = np.hstack([standard * records.t0[:, None], standard])
        found: Floats = np.hstack([columns[part] for part in self.parts])
        # A record without moisture is neither wet nor dry.
        found[~records.complete] = np.nan
        return found

    def part_of_terms(self) -> NDArray[np.str_]:
        """Return the part of each coefficient."""
        return np.array([part for part, _, _ in self.terms()])


def site_properties(records: Records, soil: Sequence[str]) -> tuple[Floats, Floats]:
    """Return mean and standard deviation over the sites of each property.

    Raises
    ------
    DataError
        If R3 cannot be identified: too few sites, or a property that varies within a site, or does not between them.
    """
    sites, code = np.unique(records.site, return_inverse=True)
    if sites.size < len(soil) + 1:
        raise DataError(
            f"R3 of {len(soil)} properties needs at least {len(soil) + 1} sites, got {sites.size}: leave 'soil' out, or add "
            "records of other sands with their names in 'site'"
        )
    values = np.stack([records.soil[code == i][0] for i in range(sites.size)])
    for j, name in enumerate(soil):
        if (records.soil[:, j] != values[code, j]).any():
            raise DataError(f"{name} must be one value at each site: give the property of the sand, not of the hour")
        if np.ptp(values[:, j]) == 0:
            raise DataError(f"{name} is {values[0, j]:g} at every site: leave it out of 'soil'")
    scale = values.std(axis=0, ddof=1)
    refuse_unidentified(
        np.column_stack([np.ones(sites.size), (values - values.mean(axis=0)) / scale]),
        f"the properties {', '.join(soil)} of {sites.size} sites",
        "leave out one of those that go together",
    )
    return values.mean(axis=0), scale


def refuse_unidentified(design: Floats, what: str, remedy: str) -> None:
    """Refuse columns that cannot be told apart."""
    scale = np.sqrt((design**2).sum(axis=0))
    if len(design) < design.shape[1] or (scale == 0).any() or np.linalg.cond(design / scale) > LARGEST_CONDITION:
        raise DataError(f"{what} cannot be told apart: {remedy}")


def codes_of(names: NDArray[np.str_]) -> Codes:
    """Return a code from 0 for each name.

    Examples
    --------
    >>> codes_of(np.array(["b", "a", "b"])).tolist()
    [1, 0, 1]
    """
    found: Codes = np.unique(names, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return found
