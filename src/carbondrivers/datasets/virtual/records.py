"""Virtual half-hourly records of bare shifting sand: an open and a closed path, soil heat and moisture, known coefficients.

    F = a0 + a1 (T0 - T10) + a2 dT0/dt + 1[theta > 0.05] (k2 T0 + b2) + noise           closed path, umol CO2 m-2 s-1
    F_open = F - (open_a + open_b H)                                                    artefact of the heated open path

The winter day is that of printed records (January: mean, largest and least flux), and a0 makes the year the printed sink.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbondrivers.datasets.virtual.design import Design
from carbondrivers.datasets.virtual.fields import FloatArray, autoregressive

SITES = ("virtual sand A", "virtual sand B")
STEPS_PER_DAY = 48
THRESHOLD = 0.05
RAINS = 4.5
"""Rains of a year, each of which wets the sand for two days."""
GRAMS_PER_YEAR = 1e-6 * 44.0095 * 86400.0 * 365.0
"""g CO2 m-2 a-1 of one umol CO2 m-2 s-1."""


def make_records(rng: np.random.Generator, design: Design, year: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return half-hourly records of two virtual sites over a year, and the coefficients that made them.

    Parameters
    ----------
    rng
        Source of weather and noise.
    design
        A region with ``records``.
    year
        Calendar year; a 29 February is left out.

    Returns
    -------
    pandas.DataFrame
        site, time (local), surface_temperature, temperature_10cm (degC), heating_rate (K h-1), soil_moisture (m3 m-3, 10 cm),
        net_radiation, sensible_heat (W m-2), closed_path_flux, open_path_flux (umol CO2 m-2 s-1, positive when the sand
        releases), virtual (always true).
    dict
        a0, a1, a2, k2, b2, open_a, open_b, noise.

    Examples
    --------
    The desert scheme finds the coefficients again:

    >>> from carbondrivers.datasets.virtual.design import design_of
    >>> from carbondrivers.nep_models import DesertFlux
    >>> records, truth = make_records(np.random.default_rng(1), design_of("taklimakan"), 2010)
    >>> found = DesertFlux(replicates=50).fit(records, records["closed_path_flux"]).coefficients_.set_index("term")
    >>> bool(abs(found.loc["a1", "estimate"] - truth["a1"]) < 0.0003)
    True
    """
    given = dict(design.records)
    frames = [_weather(child, site, year, rain) for child, site, rain in zip(rng.spawn(2), SITES, (1.0, 1.3), strict=True)]
    table = pd.concat(frames, ignore_index=True)
    free = _scheme(table, given)
    given["a0"] = float(design.targets["sand"]) / GRAMS_PER_YEAR - float(free.mean())
    flux = free + given["a0"]
    noise = np.concatenate([0.8 * autoregressive(child, len(f), 0.4) for child, f in zip(rng.spawn(2), frames, strict=True)])
    table["closed_path_flux"] = flux + given["noise"] * noise
    artefact = given["open_a"] + given["open_b"] * table["sensible_heat"]
    table["open_path_flux"] = table["closed_path_flux"] - artefact + 0.03 * rng.standard_normal(len(table))
    table["virtual"] = True
    return table, given


def _scheme(table: pd.DataFrame, given: dict[str, float]) -> FloatArray:
    warm, deep, rate = (table[n].to_numpy() for n in ("surface_temperature", "temperature_10cm", "heating_rate"))
    wet = table["soil_moisture"].to_numpy() > THRESHOLD
    pulse = np.where(wet, given["k2"] * warm + given["b2"], 0.0)
    return np.asarray(given["a1"] * (warm - deep) + given["a2"] * rate + pulse)


def _weather(rng: np.random.Generator, site: str, year: int, rain: float) -> pd.DataFrame:
    days_noise, cloud_noise, rain_noise = rng.spawn(3)
    time = pd.date_range(f"{year}-01-01", f"{year}-12-31 23:30", freq="30min")
    time = time[(time.month != 2) | (time.day != 29)]
    day, hour = np.arange(len(time)) // STEPS_PER_DAY, np.asarray(time.hour + time.minute / 60.0)
    n = int(day[-1]) + 1
    season = -np.cos(2.0 * np.pi * (np.arange(n) - 14.0) / n)
    clear = np.clip(1.0 + 0.16 * autoregressive(cloud_noise, n, 0.4), 0.35, 1.25)
    mean = 13.0 + 17.5 * season + 2.5 * autoregressive(days_noise, n, 0.7)
    swing = (17.8 + 4.0 * season) * clear
    wave = _day(hour)
    surface = mean[day] + swing[day] * wave - 0.4 * (1.0 - season[day])
    # heat reaches 10 cm later and weaker
    deep = mean[day] + 0.12 * swing[day] * np.sin(2.0 * np.pi * (hour - 11.5) / 24.0)
    radiation = (90.0 + 260.0 * (1.0 + 0.6 * season[day]) * np.maximum(wave, 0.0)) * clear[day] - 100.0
    moisture = _moisture(rain_noise, n, rain)[day]
    heat = 0.55 * radiation + 12.0 * days_noise.standard_normal(len(day))
    return pd.DataFrame(
        {
            "site": site, "time": time, "surface_temperature": surface, "temperature_10cm": deep,
            "heating_rate": np.gradient(surface, 0.5), "soil_moisture": moisture, "net_radiation": radiation,
            "sensible_heat": heat,
        }
    )  # fmt: skip


def _day(hour: FloatArray) -> FloatArray:
    """Return the course of a day: steep to its noon, flat through the night, least before dawn; mean 0."""
    angle = 2.0 * np.pi * (hour - 12.5) / 24.0
    course = np.cos(angle) + 0.40 * np.cos(2.0 * angle) + 0.10 * np.cos(3.0 * angle)
    return np.asarray(course)


def _moisture(rng: np.random.Generator, n: int, rain: float) -> FloatArray:
    moisture = 0.012 + 0.006 * rng.random(n)
    for start in np.sort(rng.choice(np.arange(100, 260), round(RAINS * rain), replace=False)):
        moisture[start : start + 2] = 0.065 + 0.03 * rng.random()
    return np.asarray(moisture)
