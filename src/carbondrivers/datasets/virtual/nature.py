"""The physical parts of a named region: climate, soil and land cover of its sub-regions on its ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carbondrivers.datasets.virtual.climate import LAPSE_RATE, Climate, MonthlyArray, Normals, make_climate
from carbondrivers.datasets.virtual.cover import OUTSIDE, best_pixels, mosaic
from carbondrivers.datasets.virtual.design import Design
from carbondrivers.datasets.virtual.energy import make_energy
from carbondrivers.datasets.virtual.fields import FloatArray, gaussian_field, standardise
from carbondrivers.datasets.virtual.people import People, make_people
from carbondrivers.datasets.virtual.place import Place, blend
from carbondrivers.datasets.virtual.soil import make_soil
from carbondrivers.datasets.virtual.vegetation import BACKGROUND, CLUMPED, DORMANT, PEAK, Optics, vegetation_of
from carbondrivers.datasets.virtual.world import World, annual_mean, annual_sum

# Evergreen leaves stay, so their dormant state is green; what a kind of forest lacks is that of forest.
EVERGREEN = {"evergreen_broadleaf": 0.26, "evergreen_needleleaf": 0.36, "mixed_forest": 0.22}
SUITED: dict[str, tuple[float, float, float, float]] = {
    "forest": (0.45, 0.40, 0.45, -0.35),
    "shrubland": (0.10, 0.25, 0.35, -0.15),
    "cropland": (0.15, -0.20, -0.55, 0.70),
    "barren": (-0.50, 0.05, 0.10, -0.30),
    "grassland": (0.20, 0.10, 0.05, -0.10),
}
"""What each class likes: wet, high, steep, used."""


def kind_of(name: str) -> str:
    """Return the class of the demo's legend that is most like a class.

    Examples
    --------
    >>> kind_of("mixed_forest"), kind_of("shrubland"), kind_of("barren")
    ('forest', 'grassland', 'barren')
    """
    if name.endswith(("leaf", "forest")):
        return "forest"
    return "grassland" if name == "shrubland" else name


def optics_of(design: Design) -> Optics:
    """Return leaves and ground of the classes of a region."""
    names = design.classes.values()

    def table(source: dict[str, float], own: dict[str, float] | None = None) -> dict[str, float]:
        return {name: (own or {}).get(name, source[kind_of(name)]) for name in names}

    return Optics(design.classes, table(DORMANT, EVERGREEN), table(PEAK), table(BACKGROUND), table(CLUMPED))


def make_nature(rng: np.random.Generator, design: Design, place: Place, n_years: int) -> tuple[World, MonthlyArray]:
    """Make the physical parts of a named region; also return the noise of its vegetation index.

    Parameters
    ----------
    rng
        Source of all noise.
    design, place
        The region and its ground.
    n_years
        Number of years.
    """
    sky, weather, earth, towns, patches, leaves = rng.spawn(6)
    land = place.land
    climate = make_climate(weather, land, n_years, _normals(sky, design, place))
    energy = make_energy(land, climate)
    warm, wet = annual_mean(climate.temperature).mean(axis=0), annual_sum(climate.precipitation).mean(axis=0)
    people = make_people(towns, land, n_years)
    cover = _cover(patches, design, place, wet, people)
    density = _carbon_density(design, cover[0])
    soil = make_soil(earth, land, warm, wet, density)
    noise = leaves.standard_normal((n_years, 12, *land.shape), dtype=np.float32)
    vegetation = vegetation_of(climate, energy.pet, cover, noise, optics=optics_of(design))
    return World(land, climate, energy, soil, people, cover, vegetation), noise


def months_of(climate: Climate, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Climate:
    """Return the climate of some pixels, shape (years, 12, n)."""
    return Climate(climate.temperature[:, :, rows, columns], climate.precipitation[:, :, rows, columns])


def _normals(rng: np.random.Generator, design: Design, place: Place) -> Normals:
    warm, wet = rng.spawn(2)
    land, zone = place.land, place.zone
    size = 0.4 * min(land.shape)
    fields = [standardise(gaussian_field(child, land.shape, size), land.valid) for child in (warm, wet)]
    heights = np.array([land.elevation[zone == k].mean() for k in range(len(design.zones))])
    above = land.elevation - blend(heights, zone)

    def of(name: str) -> FloatArray:
        return blend(np.array([getattr(part, name) for part in design.zones]), zone)

    temperature = of("temperature") - LAPSE_RATE * above + 0.4 * fields[0]
    gain = np.clip(1.0 + 0.10 * fields[1] + 0.0002 * above, 0.4, 2.0)
    return Normals(temperature, of("amplitude"), of("precipitation") * gain, np.array(design.season), design.warming)


def _carbon_density(design: Design, cover: NDArray[np.int8]) -> FloatArray:
    lookup = np.ones(max(design.classes) + 1)
    for code, name in design.classes.items():
        lookup[code] = design.soil_carbon[name]
    return np.asarray(lookup[np.maximum(cover, 0)])


def _cover(rng: np.random.Generator, design: Design, place: Place, wet: FloatArray, people: People) -> NDArray[np.int8]:
    """Return codes of every year: in each sub-region each class takes its best pixels, of a share that changes."""
    land, years = place.land, len(people.population)
    codes = {name: code for code, name in design.classes.items()}
    terrain = [
        standardise(v, land.valid) for v in (np.log(wet), land.elevation, land.slope, np.log(people.footprint.mean(axis=0)))
    ]
    scores = {
        name: sum(w * v for w, v in zip(_likes(name), terrain, strict=True)) + 0.7 * mosaic(child, land)
        for name, child in zip(codes, rng.spawn(len(codes)), strict=True)
    }
    cover = np.full((years, *land.shape), OUTSIDE, dtype=np.int8)
    for k, part in enumerate(design.zones):
        inside = land.valid & (place.zone == k)
        rest = next(name for name in codes if name not in part.cover)
        for year in range(years):
            free = inside.copy()
            for name in sorted(part.cover, key=lambda n: (n != "impervious", n != "cropland")):
                share = part.cover[name] * (1.0 + design.rates.get(name, 0.0)) ** year
                score = people.population[year] if name == "impervious" else scores[name]
                taken = best_pixels(score, free, round(int(inside.sum()) * share))
                cover[year][taken] = codes[name]
                free[taken] = False
            cover[year][free] = codes[rest]
    return cover


def _likes(name: str) -> tuple[float, float, float, float]:
    return SUITED.get(name) or SUITED.get(kind_of(name)) or (0.0, 0.0, 0.0, 0.0)
