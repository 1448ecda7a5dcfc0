"""CASA over a million pixels and a year beside a bare numpy transcription of the same equations, in one run.

Run: python benchmarks/casa.py   (the bar is a ratio of 1.3)
"""

from __future__ import annotations

import numpy as np
from timing import seconds

from carbondrivers.nep_models.casa import npp_casa
from carbondrivers.nep_models.casa_stress import topt_from_ndvi

PIXELS, MONTHS = 1_000_000, 12


def inputs() -> tuple[np.ndarray, ...]:
    """Return NDVI, MJ m-2, degC and mm by month, eps_max and NDVImax by pixel."""
    rng = np.random.default_rng(0)
    season = -np.cos(2 * np.pi * (np.arange(MONTHS) - 0.5) / 12)[:, None]
    ndvi = np.clip(0.4 + 0.25 * season + rng.normal(0, 0.05, (MONTHS, PIXELS)), -0.1, 0.95)
    solar = 450 + 200 * season + rng.normal(0, 20, (MONTHS, PIXELS))
    temperature = rng.normal(8, 6, PIXELS) + 12 * season
    rain = np.maximum(40 + 40 * season + rng.normal(0, 10, (MONTHS, PIXELS)), 0.0)
    return ndvi, solar, temperature, rain, rng.choice([0.389, 0.542, 0.692], PIXELS), np.full(PIXELS, 0.747)


def bare(
    ndvi: np.ndarray, solar: np.ndarray, t: np.ndarray, p: np.ndarray, eps_max: np.ndarray, top: np.ndarray, low: float = 0.023
) -> np.ndarray:
    """Return NPP as the equations stand, whole arrays, no checks."""
    topt = np.take_along_axis(t, ndvi.argmax(axis=0)[None], axis=0)[0]
    fpar_ndvi = np.clip((ndvi - low) / (top - low) * 0.949 + 0.001, 0.001, 0.95)
    ratio, ratio_low, ratio_top = (1 + ndvi) / (1 - ndvi), (1 + low) / (1 - low), (1 + top) / (1 - top)
    fpar_sr = np.clip((ratio - ratio_low) / (ratio_top - ratio_low) * 0.949 + 0.001, 0.001, 0.95)
    apar = 0.5 * solar * (0.5 * fpar_ndvi + 0.5 * fpar_sr)
    t1 = np.where(t <= -10, 0.0, np.maximum(0.8 + 0.02 * topt - 0.0005 * topt**2, 0.0))
    t2 = 1.1814 / (1 + np.exp(0.2 * (topt - 10 - t))) / (1 + np.exp(0.3 * (-topt - 10 + t)))
    warm = np.maximum(t, 0.0)
    heat = ((warm / 5) ** 1.514).sum(axis=0)
    heat[heat == 0.0] = 1.0
    pet = 16 * (10 * warm / heat) ** ((0.6751 * heat**3 - 77.1 * heat**2 + 17920 * heat + 492390) * 1e-6)
    net = 0.369 * np.sqrt(pet * p) + 0.598 * pet
    below = (p + net) * (p**2 + net**2)
    below[below == 0.0] = 1.0
    eet = np.minimum(p * net * (p**2 + net**2 + p * net) / below, pet)
    potential = (eet + pet) / 2
    gap = potential == 0.0
    potential[gap] = 1.0
    w = np.where(gap, np.nan, 0.5 + 0.5 * eet / potential)
    last = np.full(w.shape[1], 0.5)
    for month in [*range(MONTHS), *range(MONTHS)]:
        last = np.where(gap[month], last, w[month])
        w[month] = last
    return apar * t1 * t2 * w * eps_max


def main() -> None:
    """Print both times, their ratio and the largest difference."""
    ndvi, solar, temperature, rain, eps_max, top = inputs()

    def ours() -> np.ndarray:
        found: np.ndarray = npp_casa(ndvi, solar, temperature, rain, topt_from_ndvi(ndvi, temperature), eps_max, top)
        return found

    def theirs() -> np.ndarray:
        return bare(ndvi, solar, temperature, rain, eps_max, top)

    difference = float(np.abs(ours() - theirs()).max())
    one, two = seconds(ours), seconds(theirs)
    print(f"CASA, {PIXELS} pixels x {MONTHS} months: {one:.2f} s with units and checks, bare numpy {two:.2f} s")
    print(f"  ratio {one / two:.2f} (bar 1.3), largest difference {difference:.1e} g C m-2 month-1")


if __name__ == "__main__":
    main()
