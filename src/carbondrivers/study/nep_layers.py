"""The layers that each NEP model takes, in one table: names, units, periods; and the components that it gives.

The schema, the rules, the check of headers, the inputs and ``explain`` read it; nothing else says what a model needs. The
names are those of the arguments of the chains in ``nep_models``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from carbondrivers.catalogue import Kind, guess

Period: TypeAlias = Literal["month", "year", "none", "year or none"]
AXES: Mapping[Period, tuple[str, ...]] = {
    "month": ("time",), "year": ("year",), "none": ("",), "year or none": ("", "year"),
}  # fmt: skip
GIVEN = "given"


@dataclass(frozen=True, slots=True)
class NepLayer:
    """A layer of a model.

    Attributes
    ----------
    units : tuple of str
        The units it may have; empty for classes.
    period : str
        One grid a month, a year, one for all, or either of the last two.
    kind : str
        ``"continuous"`` or ``"categorical"``.
    drivers : tuple of str
        Variables that say the same as a driver: the model's NEP depends on them by its own equations.
    """

    units: tuple[str, ...]
    period: Period
    kind: Kind = "continuous"
    drivers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NepModel:
    """A model: what it needs, what it may take, what it gives.

    Attributes
    ----------
    needs : tuple of tuple of str
        Layers; of those in one tuple, one is needed.
    optional : tuple of str
        Layers that it takes if its options ask for them.
    components : tuple of str
        Annual components, each a possible response.
    """

    needs: tuple[tuple[str, ...], ...]
    components: tuple[str, ...]
    optional: tuple[str, ...] = ()


LAYERS: Mapping[str, NepLayer] = {
    "npp": NepLayer(("g C m-2 a-1",), "year", drivers=("npp",)),
    "temperature_monthly": NepLayer(("degC",), "month", drivers=("temperature",)),
    "precipitation_monthly": NepLayer(("mm month-1", "mm"), "month", drivers=("precipitation",)),
    "ndvi_monthly": NepLayer(("1",), "month", drivers=("ndvi",)),
    "nir_monthly": NepLayer(("1",), "month", drivers=("nir",)),
    "lai_monthly": NepLayer(("m2 m-2", "1"), "month", drivers=("lai",)),
    "radiation_monthly": NepLayer(("MJ m-2 d-1",), "month", drivers=("radiation",)),
    "par_monthly": NepLayer(("MJ m-2 d-1",), "month", drivers=("radiation",)),
    "clumping_monthly": NepLayer(("1",), "month"),
    "soil_carbon": NepLayer(("kg C m-2", "kg m-2"), "none", drivers=("soil_organic_carbon", "soil_organic_matter")),
    "land_cover": NepLayer((), "year or none", "categorical", drivers=("land_cover",)),
}
MODELS: Mapping[str, NepModel] = {
    "npp_minus_rh": NepModel((("npp",), ("temperature_monthly",), ("precipitation_monthly",)), ("nep", "npp", "rh")),
    "nirv_tec": NepModel(
        (
            ("ndvi_monthly",), ("nir_monthly",), ("radiation_monthly", "par_monthly"), ("temperature_monthly",),
            ("precipitation_monthly",), ("lai_monthly",), ("soil_carbon",), ("land_cover",),
        ),
        ("nep", "gpp", "ra", "rm", "npp", "rs", "rh"),
    ),
    "casa_gsmsr": NepModel(
        (
            ("ndvi_monthly",), ("radiation_monthly",), ("temperature_monthly",), ("precipitation_monthly",),
            ("soil_carbon",), ("land_cover",),
        ),
        ("nep", "npp", "rs", "rh"),
        ("clumping_monthly",),
    ),
}  # fmt: skip
LONG_NAMES = {"heterotrophic_respiration": "rh", "soil_respiration": "rs", "autotrophic_respiration": "ra"}
# Of the carbon balance too, but of another sign, or given by no model: NEP must not stand in for them.
NOT_GIVEN = ("nee", "nbe", "nbp", "er", "ter", "reco", "gee", "gep", "cue")
COMPONENTS = tuple(dict.fromkeys(name for model in MODELS.values() for name in model.components))


def layer_needs(model: str, nep: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Iterate over the layers that a model needs with its options; of those in one tuple, one.

    Parameters
    ----------
    model
        A name of ``MODELS``.
    nep
        The table ``[nep]``, as written or as read.

    Examples
    --------
    >>> list(layer_needs("npp_minus_rh", {}))
    [('npp',), ('temperature_monthly',), ('precipitation_monthly',)]
    """
    own = nep.get(model)
    options: Mapping[str, Any] = own if isinstance(own, Mapping) else {}
    for names in MODELS[model].needs:
        if not (names == ("soil_carbon",) and options.get("soil_carbon")):
            yield names
    if model == "casa_gsmsr" and options.get("clumping", "none") != "none":
        yield ("clumping_monthly",)


def used_layers(model: str, nep: Mapping[str, Any], given: Iterable[str]) -> tuple[str, ...]:
    """Return the layers that a model reads, of those that are given.

    Examples
    --------
    >>> used_layers("npp_minus_rh", {}, ["npp", "temperature_monthly", "precipitation_monthly", "dem"])
    ('npp', 'temperature_monthly', 'precipitation_monthly')
    """
    known = set(given)
    found = (next((name for name in names if name in known), "") for names in layer_needs(model, nep))
    return tuple(name for name in found if name)


def component_of(model: str, response: str) -> str:
    """Return the component that a response is; empty where its name is that of something the model does not give.

    Examples
    --------
    >>> component_of("npp_minus_rh", "NEP of Horqin"), component_of("casa_gsmsr", "soil_respiration")
    ('nep', 'rs')
    >>> component_of("npp_minus_rh", "gpp"), component_of("npp_minus_rh", "nee"), component_of("npp_minus_rh", "NPP of Horqin")
    ('', '', 'npp')
    """
    plain = LONG_NAMES.get(response.lower(), response.lower())
    named = [word for word in re.split(r"[\W_]+", plain) if word in (*COMPONENTS, *NOT_GIVEN)]
    if named:
        part = "nep" if "nep" in named else named[0]
        return part if part in MODELS[model].components else ""
    known = guess(response)
    return "nep" if known is None or known.name == "nep" else ""


def layers_in_words(model: str) -> str:
    """Return the layers of a model as ``explain`` lists them.

    Examples
    --------
    >>> layers_in_words("npp_minus_rh")
    'npp (g C m-2 a-1), temperature_monthly (degC), precipitation_monthly (mm month-1)'
    """
    own = MODELS[model]
    names = [" or ".join(_with_unit(name) for name in names) for names in own.needs]
    return ", ".join([*names, *(f"{_with_unit(name)}, if asked for" for name in own.optional)])


def _with_unit(name: str) -> str:
    units = LAYERS[name].units
    return f"{name} ({units[0]})" if units and units[0] != "1" else name
