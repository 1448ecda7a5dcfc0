"""Carbon stocks of areas: by class of land cover, and their change by transitions between classes.

``stock = sum_c area_c density_c`` and ``change = sum_ij area_ij (density_j - density_i)``, with densities by class and pool
from a table of the user (as InVEST takes it). Areas are given, because a model knows no map: cells of a grid in degrees
differ in area by latitude (``datasets.grids.cell_areas``). A change by transitions is the change that land use explains:
densities within a class stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.nep_models.apply import Values, canonical_unit, check_aligned
from carbondrivers.nep_models.carbon_storage import T_HA_TO_G_M2, Table, class_name, class_table

if TYPE_CHECKING:
    import pandas as pd

AreaUnit = Literal["ha", "km2", "m2"]

HECTARES: dict[str, float] = {"ha": 1.0, "hm2": 1.0, "km2": 100.0, "m2": 1e-4}
LARGEST_DENSITY = 3000.0


def stock_by_class(land_cover: Values, area: Values, densities: Table, *, area_unit: AreaUnit | None = None) -> pd.DataFrame:
    """Return the carbon stock of each class of land cover.

    Parameters
    ----------
    land_cover
        Classes by cell, names or codes, any shape; NaN, None and ``""`` lie outside the area.
    area
        Area of each cell, of the same shape, or one number for cells of equal area.
    densities
        Pools by class, t C ha-1: a DataFrame with the classes as index and the pools as columns, or
        ``{"forest": {"aboveground": 40.0, "soil": 90.0}}``.
    area_unit
        ``"ha"``, ``"km2"`` or ``"m2"``; by default what ``attrs["units"]`` of `area` says.

    Returns
    -------
    pandas.DataFrame
        One row a class that occurs, by name: class, area_ha, one column a pool (t C), stock_t, density (t C ha-1), share and
        ``share_of`` (the total stock).

    Raises
    ------
    OptionError
        If `area_unit` is outside its list.
    DataError
        If a class has no density, areas are missing, negative or of unknown unit, or shapes or labels differ.

    Examples
    --------
    >>> pools = {"forest": {"soil": 90.0}, "grass": {"soil": 30.0}}
    >>> table = stock_by_class(["forest", "grass", "grass"], 2.0, pools, area_unit="ha")
    >>> table["stock_t"].tolist(), table["share"].tolist()
    ([180.0, 120.0], [0.6, 0.4])
    """
    import pandas as pd

    pools = pool_table(densities)
    names, hectares = _cells({"land_cover": land_cover}, area, area_unit)
    areas = pd.Series(hectares).groupby(np.asarray(names["land_cover"])).sum()
    _check_known(areas.index, pools)
    table = pd.DataFrame({"class": areas.index, "area_ha": areas.to_numpy()})
    for pool in next(iter(pools.values())):
        table[pool] = table["area_ha"] * table["class"].map({name: row[pool] for name, row in pools.items()})
    density = table["class"].map({name: sum(row.values()) for name, row in pools.items()}).astype(np.float64)
    table["stock_t"] = table["area_ha"] * density
    table["density"] = density
    total = table["stock_t"].sum()
    table["share"] = table["stock_t"] / total if total > 0 else np.nan
    table["share_of"] = "total stock"
    return table


def transition_areas(before: Values, after: Values, area: Values, *, area_unit: AreaUnit | None = None) -> pd.DataFrame:
    """Return the area of each transition between two maps of land cover.

    Parameters
    ----------
    before, after
        Classes by cell, of one shape; cells without a class in either lie outside.
    area, area_unit
        As in ``stock_by_class``.

    Returns
    -------
    pandas.DataFrame
        One row a pair that occurs: from, to, area_ha.

    Raises
    ------
    OptionError, DataError
        As in ``stock_by_class``.

    Examples
    --------
    >>> transition_areas(["grass", "grass"], ["forest", "grass"], 1.0, area_unit="km2").to_numpy().tolist()
    [['grass', 'forest', 100.0], ['grass', 'grass', 100.0]]
    """
    import pandas as pd

    names, hectares = _cells({"before": before, "after": after}, area, area_unit)
    table = pd.DataFrame({"from": names["before"], "to": names["after"], "area_ha": hectares})
    return table.groupby(["from", "to"])[["area_ha"]].sum().reset_index()


def stock_change(areas: pd.DataFrame, densities: Table, *, years: float | None = None) -> pd.DataFrame:
    """Return the change of carbon stock by each transition, area_ij (density_j - density_i).

    Parameters
    ----------
    areas
        Columns from, to and area_ha, one row a transition (``transition_areas``).
    densities
        As in ``stock_by_class``.
    years
        Between the two maps; gives the flux.

    Returns
    -------
    pandas.DataFrame
        The rows of `areas` with density_change (t C ha-1), change_t (t C), share and ``share_of`` (the sum of absolute changes,
        because gains and losses cancel), and, with `years`, flux (g C m-2 a-1 of the transition's area).

    Raises
    ------
    OptionError
        If `years` is not above 0.
    DataError
        If a column is missing, a transition doubled, an area negative or missing, or a class has no density.

    Examples
    --------
    >>> areas = transition_areas(["grass", "forest"], ["forest", "forest"], 1.0, area_unit="ha")
    >>> stock_change(areas, {"grass": {"soil": 30.0}, "forest": {"soil": 90.0}})["change_t"].tolist()
    [0.0, 60.0]
    """
    if years is not None and not 0.0 < years < np.inf:
        raise OptionError(f"years must be above 0, got {years!r}")
    _check_transitions(areas)
    totals = {name: sum(row.values()) for name, row in pool_table(densities).items()}
    for side in ("from", "to"):
        _check_known(areas[side].unique(), totals)
    table = areas[["from", "to", "area_ha"]].reset_index(drop=True)
    table["density_change"] = table["to"].map(totals) - table["from"].map(totals)
    table["change_t"] = table["area_ha"] * table["density_change"]
    moved = table["change_t"].abs().sum()
    table["share"] = table["change_t"] / moved if moved > 0 else np.nan
    table["share_of"] = "sum of absolute changes"
    if years is not None:
        table["flux"] = table["density_change"] / years * T_HA_TO_G_M2
    return table


def pool_table(densities: Table) -> dict[str, dict[str, float]]:
    """Return densities by class and pool as plain numbers; every class must have every pool.

    Examples
    --------
    >>> pool_table({"forest": {"soil": 90, "litter": 0}})
    {'forest': {'soil': 90.0, 'litter': 0.0}}
    """
    if hasattr(densities, "columns"):
        pools = tuple(densities.columns)
    else:
        rows: list[Any] = list(densities.values()) if isinstance(densities, Mapping) else []
        pools = tuple(dict.fromkeys(pool for row in rows if isinstance(row, Mapping) for pool in row))
    if not pools:
        raise DataError("the table of densities has no pool: give a column such as 'soil' for each, in t C ha-1")
    return class_table(densities, pools, "densities", high=dict.fromkeys(pools, LARGEST_DENSITY), zero=True)


def _cells(maps: dict[str, Values], area: Values, area_unit: str | None) -> tuple[dict[str, Any], Any]:
    """Return class names and hectares of the cells that have a class on every map, flat."""
    hectares = _hectares(area, area_unit)
    names = {name: _classes(values) for name, values in maps.items()}
    shape = next(iter(names.values())).shape
    for name, values in {**names, "area": hectares}.items():
        if values.shape != shape and not (name == "area" and values.ndim == 0):
            raise DataError(f"{name} has shape {values.shape} and {next(iter(names))} {shape}: bring them to one grid first")
    check_aligned({**maps, "area": area})
    flat = {name: _names(values.ravel()) for name, values in names.items()}
    inside = np.logical_and.reduce([values != "" for values in flat.values()])
    areas = np.broadcast_to(hectares, shape).ravel()[inside]
    bad = int((~(areas >= 0) | np.isinf(areas)).sum())
    if bad:
        raise DataError(f"area is missing, negative or infinite in {bad} cells that have a class: give every cell its area")
    return {name: values[inside] for name, values in flat.items()}, areas


def _classes(values: Values) -> Any:
    """Return classes as an array; text in a list must not become an array of characters or swallow a missing one."""
    return np.asarray(values, dtype=object) if isinstance(values, list | tuple) else np.asarray(values)


def _names(values: Any) -> Any:
    """Return classes as text; an empty one where there is none."""
    import pandas as pd

    codes, distinct = pd.factorize(values)
    names = np.asarray([*(class_name(value) for value in distinct), ""], dtype=object)
    return names[codes]


def _hectares(area: Values, area_unit: str | None) -> Any:
    if area_unit is not None:
        choose(area_unit, get_args(AreaUnit), "area_unit")
    attrs = getattr(area, "attrs", {})
    told = canonical_unit(str(attrs.get("units", "")))
    unit = area_unit or told
    if told and HECTARES.get(told) != HECTARES.get(unit):
        raise DataError(f"area is in {told!r} by its attributes, but area_unit says {unit!r}: leave area_unit out")
    if unit not in HECTARES:
        raise DataError(f"the unit of area is {unit!r}: give area_unit='ha', 'km2' or 'm2'")
    values = np.asarray(area, dtype=np.float64)
    return values * HECTARES[unit]


def _check_known(names: Any, known: Mapping[str, Any]) -> None:
    for name in names:
        if name not in known:
            choose(str(name), known, "class of the table of densities")


def _check_transitions(areas: pd.DataFrame) -> None:
    for column in ("from", "to", "area_ha"):
        if column not in areas:
            raise DataError(f"the table of transitions has no column {column!r}: it needs from, to and area_ha")
    doubled = areas.duplicated(["from", "to"])
    if doubled.any():
        row = areas[doubled].iloc[0]
        raise DataError(f"the transition {row['from']!r} to {row['to']!r} occurs twice: sum its areas first")
    if not (areas["area_ha"] >= 0).all():
        raise DataError(f"area_ha is missing or negative in {int((~(areas['area_ha'] >= 0)).sum())} rows: mend the table")
