"""NEP by CASA, GSMSR and Shi over a million pixels and a year, beside a bare numpy transcription of the same equations.

Run: python benchmarks/casa.py   (the bar is a ratio of 1.3, and the same memory for four times the pixels)

The transcription has neither units nor checks. Both sides take the same arrays in one run. The memory is the largest
resident size of a process of its own that works through lazy blocks of 100 000 pixels.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import seconds

from carbondrivers.nep_models import nep_from_npp, npp_casa, rh_shi_monthly, rs_gsmsr_monthly, topt_from_ndvi

PIXELS, MONTHS, BLOCK = 1_000_000, 12, 100_000


def inputs(rng: Any, pixels: int = PIXELS, **chunks: int) -> list[Any]:
    """Return NDVI, MJ m-2, degC and mm by month, and eps_max, NDVImax and soil carbon (kg C m-2) by pixel."""
    season = -np.cos(2 * np.pi * (np.arange(MONTHS) - 0.5) / 12)[:, None]
    months = (MONTHS, pixels)
    ndvi = np.clip(0.4 + 0.25 * season + rng.normal(0, 0.05, months, **chunks), -0.1, 0.95)
    solar = 450 + 200 * season + rng.normal(0, 20, months, **chunks)
    temperature = rng.normal(8, 6, pixels, **chunks) + 12 * season
    rain = np.maximum(40 + 40 * season + rng.normal(0, 10, months, **chunks), 0.0)
    eps, top = (rng.choice(values, pixels, **chunks) for values in ([0.389, 0.542, 0.692], [0.634, 0.702, 0.747]))
    return [ndvi, solar, temperature, rain, eps, top, rng.uniform(1, 6, pixels, **chunks)]


def nep(ndvi: Any, solar: Any, t: Any, p: Any, eps: Any, top: Any, soil: Any) -> Any:
    """Return NEP of months by the package."""
    npp = npp_casa(ndvi, solar, t, p, topt_from_ndvi(ndvi, t), eps, top)
    return nep_from_npp(npp, rh_shi_monthly(rs_gsmsr_monthly(t, p, soil)))


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


def bare_gsmsr(t: np.ndarray, p: np.ndarray, soil: np.ndarray) -> np.ndarray:
    """Return soil respiration of months of 30 days as the equation stands."""
    rain = p / 10
    return (0.588 + 0.118 * soil) * np.exp(np.log(1.83 * np.exp(-0.006 * t)) * t / 10) * (rain + 2.972) / (rain + 5.657) * 30


def bare_shi(rs: np.ndarray) -> np.ndarray:
    """Return Rh as the quadratic stands, held at its vertex and capped at Rs."""
    held = np.minimum(rs, 0.6011 / 0.0018)
    return np.minimum(-0.0009 * held**2 + 0.6011 * held + 4.8874, rs)


def race(name: str, ours: Callable[[], np.ndarray], theirs: Callable[[], np.ndarray]) -> None:
    """Print both times, their ratio and the largest difference."""
    difference = float(np.abs(ours() - theirs()).max())
    one, two = seconds(ours), seconds(theirs)
    print(f"  {name:<5}  {one:.2f} s, bare {two:.2f} s: ratio {one / two:.2f}, largest difference {difference:.0e}")


def chunked(pixels: int) -> None:
    """Print the mean annual NEP of lazy blocks and the largest resident size of this process."""
    import dask
    import dask.array as da
    import xarray as xr

    arrays = inputs(da.random.default_rng(0), pixels, chunks=BLOCK)
    labelled = [xr.DataArray(array, dims=("time", "pixel")[2 - array.ndim :]) for array in arrays]
    with dask.config.set(scheduler="threads", num_workers=2):
        mean = float(nep(*labelled).sum("time").mean().compute())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {pixels:>9} pixels: {peak:.0f} MiB at most, mean NEP {mean:.1f} g C m-2 a-1", flush=True)


def in_memory() -> None:
    """Race the models one by one and as a chain."""
    given = inputs(np.random.default_rng(0))
    climate, (_, _, t, p, *_, soil) = given[:6], given
    rs = bare_gsmsr(t, p, soil)
    race("CASA", lambda: npp_casa(*climate[:4], topt_from_ndvi(climate[0], t), *climate[4:]), lambda: bare(*climate))
    race("GSMSR", lambda: rs_gsmsr_monthly(t, p, soil), lambda: bare_gsmsr(t, p, soil))
    race("Shi", lambda: rh_shi_monthly(rs), lambda: bare_shi(rs))
    race("NEP", lambda: nep(*given), lambda: bare(*climate) - bare_shi(bare_gsmsr(t, p, soil)))


def main() -> None:
    """Run more and more lazy blocks, each in a process of its own, then race the models in memory."""
    # First, for a new process starts with the largest size that its parent had.
    print(f"Lazy blocks of {BLOCK} pixels, two threads (bar: equal memory):", flush=True)
    for pixels in (PIXELS, 4 * PIXELS):
        subprocess.run([sys.executable, __file__, str(pixels)], check=True)
    print(f"In memory, {PIXELS} pixels x {MONTHS} months, with units and checks beside bare numpy (bar 1.3):")
    in_memory()


if __name__ == "__main__":
    chunked(int(sys.argv[1])) if sys.argv[1:] else main()
