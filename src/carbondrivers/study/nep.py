"""NEP and its parts by the model that a study names: its layers and options handed to a chain of ``nep_models``."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from carbondrivers.errors import DataWarning
from carbondrivers.study.nep_options import Nep

if TYPE_CHECKING:
    import xarray as xr


Layers: TypeAlias = "Mapping[str, xr.DataArray]"
Grids: TypeAlias = Mapping[str, Any]
Cover: TypeAlias = "tuple[xr.DataArray, dict[int, str]] | None"
Slopes: TypeAlias = Mapping[str, float]
LABELS = {
    "nep": "NEP", "npp": "NPP", "gpp": "GPP", "ra": "Autotrophic respiration", "rm": "Maintenance respiration",
    "rs": "Soil respiration", "rh": "Heterotrophic respiration",
}  # fmt: skip


def estimate(nep: Nep, layers: Layers, cover: Cover, slopes: Slopes) -> dict[str, xr.DataArray]:
    """Return the components that a model gives.

    Parameters
    ----------
    nep
        The section ``[nep]``.
    layers
        The layers that the model reads with these options (``nep_layers.used_layers``) and no others; time whole, space in
        any chunks. Land cover stands apart.
    cover
        Land-cover codes and their names, for the models that need them.
    slopes
        GPP per PAR and SANIRv by class where the study file gives none.

    Returns
    -------
    dict
        Name to grid: (year, y, x) in g C m-2 a-1, names ending in ``_monthly`` (time, y, x) in g C m-2 month-1; lazy where
        the layers are.

    Raises
    ------
    DataError
        If grids or years differ, units are others, months make no whole years, or values are implausible.

    Warns
    -----
    ImplausibleConstantWarning
        If an option asks for constants as published that cannot be right.
    DataWarning
        If a component was held at a limit in some cells, or lies outside its plausible range.
    """
    grids = _on_one_grid(dict(layers) | ({"land_cover": cover[0]} if cover else {}))
    found = CHAINS[nep.model](nep, grids, cover[1] if cover else {}, slopes)
    crs = next(iter(layers.values())).attrs["crs"]
    for name, grid in found.items():
        grid.attrs["long_name"] = LABELS[name.removesuffix("_monthly")]
        grid.attrs.setdefault("crs", crs)
    _say_what_was_held(nep.model, found)
    return found


def _on_one_grid(layers: Layers) -> dict[str, xr.DataArray]:
    """Give aligned layers the coordinates of the first: labels that differ in their last bits must not drop cells."""
    from carbondrivers.datasets.rasters import require_aligned

    require_aligned(layers)
    first = next(iter(layers.values()))
    axes = {axis: first[axis].to_numpy() for axis in ("x", "y")}
    return {
        name: (grid if name == "land_cover" else grid.astype("float64")).assign_coords(axes) for name, grid in layers.items()
    }


def _npp_minus_rh(nep: Nep, grids: Grids, classes: Mapping[int, str], slopes: Slopes) -> dict[str, Any]:
    from carbondrivers.nep_models.chains import nep_npp_minus_rh

    options: dict[str, Any] = nep.rh.model_dump()
    options["days"] = "actual" if nep.rh.days == "actual" else int(nep.rh.days)
    return nep_npp_minus_rh(**grids, **options)


def _nirv_tec(nep: Nep, grids: Grids, classes: Mapping[int, str], slopes: Slopes) -> dict[str, Any]:
    from carbondrivers.nep_models.chains_nirv_tec import nep_nirv_tec

    options: dict[str, Any] = nep.nirv_tec.model_dump()
    options |= {"method": options.pop("sanirv"), "nirv_variant": options.pop("nirv"), "c": options["c"] or dict(slopes)}
    if isinstance(options["rg"], float):
        options["rg"] = ("gpp", options["rg"])
    return nep_nirv_tec(**grids, classes=classes, **options)


def _casa_gsmsr(nep: Nep, grids: Grids, classes: Mapping[int, str], slopes: Slopes) -> dict[str, Any]:
    from carbondrivers.nep_models.chains_casa_gsmsr import nep_casa_gsmsr

    options: dict[str, Any] = nep.casa_gsmsr.model_dump(exclude={"clumping", "soil_carbon"})
    if nep.casa_gsmsr.soil_carbon:
        options["soil_carbon"] = dict(nep.casa_gsmsr.soil_carbon)
    if nep.casa_gsmsr.clumping != "none":
        options["scheme"] = nep.casa_gsmsr.clumping
    return nep_casa_gsmsr(**grids, classes=classes, **options)


CHAINS: Mapping[str, Callable[[Nep, Grids, Mapping[int, str], Slopes], dict[str, Any]]] = {
    "npp_minus_rh": _npp_minus_rh,
    "nirv_tec": _nirv_tec,
    "casa_gsmsr": _casa_gsmsr,
}


def _say_what_was_held(model: str, components: Layers) -> None:
    """Warn once of each limit at which values were held; constants that cannot be right were warned of where they stand."""
    counted: dict[str, str] = {}
    for name, grid in components.items():
        each = "month" if name.endswith("_monthly") else "year"
        for text in str(grid.attrs.get("nep_flags", "")).split("; "):
            # Annual sums inherit the flags of their months.
            if re.search(r" in \d+ cells", text) and counted.get(text) != "month":
                counted[text] = each
    for text, each in counted.items():
        warnings.warn(f"{model}: {text.partition(': ')[2]} (each {each} counts)", DataWarning, stacklevel=2)
