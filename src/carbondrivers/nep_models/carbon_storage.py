"""Carbon storage: pools of an ecosystem, from soil samples and measured trees to density, and totals of pools.

Density in t C ha-1 (1 t ha-1 = 1 t hm-2 = 100 g m-2). Soil ``C = SOC BD H (1 - gravel) 0.1`` with SOC in g kg-1, bulk
density in g cm-3 and depth in cm: 10 g kg-1, 1.3 g cm-3 and 30 cm hold 39 t C ha-1. A tree has ``B = a (D^2 H)^b`` kg of
biomass, D in cm, H in m, with a and b by species from a table of the user: regressions hold for their species, region and
unit, so none is built in. Constants, sources and status are in ``parameters/carbon_storage.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from carbondrivers.errors import DataError, OptionError
from carbondrivers.nep_models.apply import YEARLY, Quantity, Values, check_aligned, declare
from carbondrivers.nep_models.classes import Vegetation, look_up
from carbondrivers.nep_models.elementwise import warn_if_below

Table: TypeAlias = Any
"""A pandas DataFrame with the classes or species as index, or a mapping of each to its parameters."""

PER_HECTARE = ("t C ha-1", "t C hm-2", "Mg C ha-1")
BIOMASS_PER_HECTARE = ("t ha-1", "t hm-2", "Mg ha-1")
# kg m-2 from g kg-1, g cm-3 and cm is 0.01; t ha-1 is ten times that.
SOIL_FACTOR = 0.1
KG_M2_TO_T_HA = 10.0
T_HA_TO_G_M2 = 100.0

SOC = Quantity("soc", ("g kg-1",), 0.0, 580.0, "Soil organic carbon", strict=True)
BULK_DENSITY = Quantity("bulk_density", ("g cm-3",), 0.02, 2.65, "Bulk density", strict=True)
DEPTH = Quantity("depth", ("cm",), 0.0, 1000.0, "Depth of soil", strict=True)
GRAVEL = Quantity("gravel", ("1",), 0.0, 1.0, "Volume share of gravel", strict=True)
SOIL_STOCK = Quantity("soil_carbon", ("t C ha-1",), 0.0, 1500.0, "Soil carbon density")
BIOMASS = Quantity("biomass", BIOMASS_PER_HECTARE, 0.0, 3000.0, "Biomass", strict=True)
BIOMASS_STOCK = Quantity("biomass_carbon", ("t C ha-1",), 0.0, 1000.0, "Biomass carbon density")
ROOTS = Quantity("belowground_biomass", ("t ha-1",), 0.0, 1500.0, "Belowground biomass")
STAND = Quantity("aboveground_biomass", ("t ha-1",), 0.0, 3000.0, "Biomass of the stand")
POOL = Quantity("carbon_density", PER_HECTARE, 0.0, 3000.0, "Carbon density", strict=True)
DENSITY = Quantity("carbon_density", ("t C ha-1",), 0.0, 3000.0, "Carbon density of the ecosystem")
# A mean of more is that of millimetres.
DIAMETER = Quantity("diameter", ("cm",), 0.0, 120.0, "Diameter at breast height")
HEIGHT = Quantity("height", ("m",), 0.0, 120.0, "Height of the tree", strict=True)
TREE = Quantity("tree_biomass", ("kg",), 0.0, 50_000.0, "Biomass of the tree")
PLOT_AREA = Quantity("plot_area", ("m2",), 1.0, 1e6, "Area of the plot", strict=True)
RATE = Quantity("carbon_sequestration", (YEARLY,), -1500.0, 2000.0, "Change of carbon storage")


@declare(SOIL_STOCK, soc=SOC, bulk_density=BULK_DENSITY, depth=DEPTH, gravel=GRAVEL)
def soil_carbon_stock(soc: Values, bulk_density: Values, depth: Values = 30.0, gravel: Values = 0.0) -> Values:
    """Return the organic carbon of a soil layer.

    Parameters
    ----------
    soc
        Soil organic carbon (not organic matter), g kg-1, any shape.
    bulk_density
        Of the fine earth, g cm-3.
    depth
        Thickness of the layer, cm; 30.
    gravel
        Volume share of gravel, 0 to 1.

    Returns
    -------
    same kind as the inputs
        t C ha-1; NaN where an input is NaN.

    Raises
    ------
    DataError
        If an input carries another unit or lies outside: SOC 0 to 580 g kg-1, bulk density 0.02 to 2.65 g cm-3, depth 0 to
        1000 cm, gravel 0 to 1; or if grids differ.

    Warns
    -----
    DataWarning
        If a layer holds more than 1500 t C ha-1, or depth is nowhere above 2 cm (metres?).

    Examples
    --------
    >>> round(float(soil_carbon_stock(10.0, 1.3, 30.0)), 9), round(float(soil_carbon_stock(10.0, 1.3, 30.0, 0.2)), 9)
    (39.0, 31.2)
    """
    warn_if_below(depth, "depth", 2.0, "it looks like metres; cm are needed")
    return soc * bulk_density * depth * (1.0 - gravel) * SOIL_FACTOR


@declare(BIOMASS_STOCK, biomass=BIOMASS)
def biomass_carbon(biomass: Values, carbon_fraction: float = 0.47) -> Values:
    """Return the carbon of dry biomass.

    Parameters
    ----------
    biomass
        Dry matter, t ha-1 (t hm-2, Mg ha-1).
    carbon_fraction
        Carbon in dry matter, 0.3 to 0.6; the default is remembered from the IPCC guidelines, regional values are better.

    Returns
    -------
    same kind as `biomass`
        t C ha-1.

    Raises
    ------
    OptionError
        If `carbon_fraction` is outside its range.
    DataError
        If biomass carries another unit, or lies outside 0 to 3000 t ha-1.

    Examples
    --------
    >>> round(float(biomass_carbon(100.0)), 9)
    47.0
    """
    if not 0.3 <= carbon_fraction <= 0.6:
        raise OptionError(f"carbon_fraction must be in 0.3 to 0.6 t C t-1, got {carbon_fraction!r}")
    return biomass * carbon_fraction


@declare(TREE, diameter=DIAMETER, height=HEIGHT)
def allometric_biomass(diameter: Values, height: Values, species: Vegetation, table: Table) -> Values:
    """Return the biomass of trees, a (D^2 H)^b.

    Parameters
    ----------
    diameter
        At breast height, cm, any shape.
    height
        Of the tree, m.
    species
        The name of a species, or an array or Series of names of the shape of `diameter`; empty or missing: no species.
    table
        Of the user: species as index with columns ``a`` and ``b``, or ``{"Pinus": {"a": 0.05, "b": 0.9}}``, for D in cm,
        H in m and B in kg.

    Returns
    -------
    same kind as `diameter`
        kg of dry matter per tree; NaN where an input or the species is missing.

    Raises
    ------
    OptionError
        If a species is not in the table; the message lists those that are.
    DataError
        If the table is no such table or a parameter is not positive; if diameters have a mean above 120 cm, heights exceed
        120 m, or either is negative.

    Warns
    -----
    DataWarning
        If no diameter reaches 1 cm (they look like metres), one exceeds 120 cm, or a tree weighs over 50 t.

    Examples
    --------
    >>> round(float(allometric_biomass(20.0, 15.0, "Pinus", {"Pinus": {"a": 0.05, "b": 0.9}})), 4)
    125.6916
    """
    warn_if_below(diameter, "diameter", 1.0, "it looks like metres; multiply by 100")
    check_aligned({"diameter": diameter, "species": species})
    known = class_table(table, ("a", "b"), "allometry", high={"a": np.inf, "b": 3.0})
    a, b = (look_up({name: row[part] for name, row in known.items()}, species, "allometry") for part in ("a", "b"))
    return a * (diameter**2 * height) ** b


@declare(STAND, tree_biomass=TREE, plot_area=PLOT_AREA)
def stand_biomass(tree_biomass: Values, plot_area: Values) -> Values:
    """Return the biomass of a stand from all its trees.

    Parameters
    ----------
    tree_biomass
        kg of each tree of one plot.
    plot_area
        m2, one number.

    Returns
    -------
    float
        t ha-1; NaN if a tree has no biomass, as the sum would leave it out.

    Raises
    ------
    DataError
        If a biomass is negative, or the area is not 1 to 1e6 m2 or not one number.

    Examples
    --------
    >>> float(stand_biomass(np.array([120.0, 80.0]), 400.0))
    5.0
    """
    if np.size(plot_area) != 1:
        raise DataError(f"plot_area must be one number, got {np.size(plot_area)}: call it once a plot")
    return np.asarray(tree_biomass, dtype=np.float64).sum() / float(plot_area) * KG_M2_TO_T_HA


@declare(ROOTS, aboveground=BIOMASS)
def root_biomass(aboveground: Values, vegetation: Vegetation, table: Table) -> Values:
    """Return belowground biomass by a root-to-shoot ratio.

    Parameters
    ----------
    aboveground
        t ha-1, any shape.
    vegetation
        The name of a class, or an array, Series or DataArray of names; empty or missing: no class.
    table
        Of the user: classes as index with a column ``ratio``, or ``{"grassland": {"ratio": 4.2}}``; ratios above 0, to 30.

    Returns
    -------
    same kind as `aboveground`
        t ha-1.

    Raises
    ------
    OptionError
        If a class is not in the table.
    DataError
        If the table is no such table, or biomass carries another unit or lies outside 0 to 3000 t ha-1.

    Examples
    --------
    >>> float(root_biomass(2.0, "grassland", {"grassland": {"ratio": 4.0}}))
    8.0
    """
    check_aligned({"aboveground": aboveground, "vegetation": vegetation})
    known = class_table(table, ("ratio",), "root-to-shoot ratios", high={"ratio": 30.0})
    return aboveground * look_up({name: row["ratio"] for name, row in known.items()}, vegetation, "root-to-shoot ratios")


@declare(DENSITY, aboveground=POOL, belowground=POOL, litter=POOL, soil=POOL)
def ecosystem_carbon(aboveground: Values, belowground: Values, litter: Values, soil: Values) -> Values:
    """Return the carbon density of an ecosystem, the sum of its four pools.

    Parameters
    ----------
    aboveground, belowground, litter, soil
        t C ha-1, any shape that broadcasts; a pool that is not looked at is 0, one that is not known is NaN.

    Returns
    -------
    same kind as the inputs
        t C ha-1; NaN where a pool is NaN.

    Raises
    ------
    DataError
        If a pool carries another unit (biomass is no carbon: ``biomass_carbon``), is negative or above 3000 t C ha-1, or if
        grids differ.

    Examples
    --------
    >>> ecosystem_carbon(20.0, 8.0, 2.0, 39.0)
    69.0
    """
    return aboveground + belowground + litter + soil


@declare(RATE, before=POOL, after=POOL)
def carbon_sequestration(before: Values, after: Values, years: float) -> Values:
    """Return the change of carbon density as a flux, g C m-2 a-1; 0.49 t ha-1 a-1 is 49 g C m-2 a-1.

    Parameters
    ----------
    before, after
        Density at the start and the end, t C ha-1.
    years
        Between the two, above 0.

    Returns
    -------
    same kind as the inputs
        g C m-2 a-1, positive where carbon is stored.

    Raises
    ------
    OptionError
        If `years` is not above 0.
    DataError
        If units or grids differ, or a density is negative or above 3000 t C ha-1.

    Examples
    --------
    >>> round(float(carbon_sequestration(60.0, 64.9, 10.0)), 6)
    49.0
    """
    if not 0.0 < years < np.inf:
        raise OptionError(f"years must be above 0, got {years!r}")
    return (after - before) / years * T_HA_TO_G_M2


def class_table(
    table: Table, columns: tuple[str, ...], what: str, *, high: Mapping[str, float], zero: bool = False
) -> dict[str, dict[str, float]]:
    """Return a user's table as plain numbers, one entry a class.

    Parameters
    ----------
    table
        A DataFrame with the classes as index, or a mapping of mappings.
    columns
        What each class must have.
    what
        The table's name for messages.
    high
        Largest plausible value by column.
    zero
        Whether a value may be 0.

    Raises
    ------
    DataError
        If it is no table, is empty, a class is doubled or a value missing, no number, or outside its range.

    Examples
    --------
    >>> class_table({"grassland": {"ratio": 4.0}}, ("ratio",), "ratios", high={"ratio": 30.0})
    {'grassland': {'ratio': 4.0}}
    """
    if hasattr(table, "iloc") and hasattr(table, "columns"):
        doubled = table.index[table.index.duplicated()]
        if len(doubled):
            raise DataError(f"the table of {what} has {doubled[0]!r} twice: keep one row a class")
        table = table.to_dict(orient="index")
    if not isinstance(table, Mapping) or not table or not all(isinstance(row, Mapping) for row in table.values()):
        raise DataError(
            f"the table of {what} must be a DataFrame with classes as index, or a mapping such as "
            f"{{'class': {{{columns[0]!r}: 1.0}}}}, got {type(table).__name__}: give one row a class"
        )
    named = {class_name(name): row for name, row in table.items()}
    return {name: {c: _parameter(row, c, name, what, high[c], zero) for c in columns} for name, row in named.items()}


def class_name(value: Any) -> str:
    """Return a class as text, a whole code without a decimal point.

    Examples
    --------
    >>> class_name("forest"), class_name(3.0), class_name(3)
    ('forest', '3', '3')
    """
    return f"{value:.0f}" if isinstance(value, float | np.floating) and value == np.rint(value) else str(value)


def _parameter(row: Mapping[Any, Any], column: str, name: str, what: str, high: float, zero: bool) -> float:
    if column not in row:
        raise DataError(f"the table of {what} has no {column!r} for {name!r}: add the column")
    value = row[column]
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not np.isfinite(value) or value > high or value < 0 or (value == 0 and not zero):
        low = "0 or more" if zero else "above 0"
        bound = f"{low} and at most {high:g}" if high < np.inf else low
        raise DataError(f"{column!r} of {name!r} in the table of {what} must be {bound}, got {value!r}: mend the table")
    return float(value)
