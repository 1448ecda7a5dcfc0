"""Rules of the section ``[nep]`` over the raw tables of a study file: what a model lacks, and what has no effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from carbondrivers.study.nep_layers import GIVEN, LAYERS, MODELS, component_of, layer_needs, used_layers
from carbondrivers.study.nep_options import Respiration
from carbondrivers.study.problems import Found, KeyPath, hint, listed
from carbondrivers.study.raw import Raw

DEMO = "demo"
NO_OPTIONS: Mapping[str, Any] = {}
LEFT_OUT, REST = ("water", "ice"), "other"
BY_COVER = ("nirv_tec", "casa_gsmsr")
COUNTS_WITH: Mapping[str, Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "nirv_tec": {
        **dict.fromkeys(("q10", "live", "tb", "root_units", "variant"), ("ra", "organs", ("organs",))),
        **dict.fromkeys(("nirv", "soil_nirv", "soil_percentile"), ("sanirv", "offset", ("offset", "rescaled"))),
        "soil_ndvi": ("sanirv", "offset", ("ndvi_offset",)),
    },
    "casa_gsmsr": {"percentiles": ("limits", "percentiles", ("percentiles",))},
}
"""Option to the option that it depends on, that one's default, and the values with which it counts."""


def nep_problems(view: Raw) -> Found:
    """Iterate over what is wrong between ``[nep]`` and the rest of the study."""
    if not view.computed or view.is_table:
        return
    yield from _response_problems(view)
    yield from _layer_problems(view)
    yield from _class_problems(view)
    yield from _idle_options(view)


def planted(response: str, nep: Mapping[str, Any], study: Mapping[str, Any] = NO_OPTIONS) -> bool:
    """Return whether the response of a region study is the NEP whose causes were planted.

    Parameters
    ----------
    response
        Its name.
    nep
        The table ``[nep]``, as written or as read.
    study
        The table ``[study]``: its region (the demo by default) and mode.

    Examples
    --------
    >>> planted("nep", {}), planted("nep", {"model": "casa_gsmsr"}), planted("npp", {})
    (True, False, False)
    >>> planted("nep", {}, {"region": "china"}), planted("nep", {}, {"region": "china", "mode": "planted"})
    (False, True)
    """
    if study.get("region", DEMO) != DEMO and study.get("mode") != "planted":
        return False
    rh = nep.get("rh")
    options: Mapping[str, Any] = rh if isinstance(rh, Mapping) else {}
    default = Respiration()
    # The region's NPP is its NEP plus this respiration, so another one gives another NEP.
    same = all(str(options.get(key, getattr(default, key))) == str(getattr(default, key)) for key in Respiration.model_fields)
    model = nep.get("model", GIVEN)
    return response == "nep" and (model == GIVEN or (model == "npp_minus_rh" and same))


def _response_problems(view: Raw) -> Found:
    if "source" in view.response and not view.is_region:
        yield ("response", "source"), f"{view.model!r} computes the response: take source out, or set nep.model = 'given'"
    if view.name and not component_of(view.model, view.name):
        own = MODELS[view.model].components
        yield ("response", "name"), f"{view.model!r} gives no {view.name!r}; it gives {listed(own)}{hint(view.name, own)}"


def _layer_problems(view: Raw) -> Found:
    from carbondrivers.nep_models.apply import unit_problem

    if view.is_region:
        return
    given = view.table("layers")
    for name in used_layers(view.model, view.nep, given):
        unit = view.layers.get(name, {}).get("unit")
        problem = unit_problem(unit, LAYERS[name].units) if isinstance(unit, str) and LAYERS[name].units else ""
        if problem:
            yield ("layers", name, "unit"), problem
    missing = [names for names in layer_needs(view.model, view.nep) if not set(names) & set(given)]
    if missing:
        shown = ", ".join(" or ".join(map(repr, names)) for names in missing)
        near = "".join(dict.fromkeys(_near(names[0], _unused(view)) for names in missing))
        yield ("nep", "model"), f"{view.model!r} needs layer{'s' * (len(missing) > 1)} {shown}: add under [layers]{near}"


def _near(name: str, unused: list[str]) -> str:
    return hint(name, unused) or hint(name.removesuffix("_monthly"), unused)


def _unused(view: Raw) -> list[str]:
    return [name for name in view.layers if name not in LAYERS]


def _class_problems(view: Raw) -> Found:
    if view.model not in BY_COVER:
        return
    path: KeyPath = ("nep", "classes")
    classes = view.nep.get("classes")
    if view.is_region and classes:
        yield path, "the region brings its own classes: take it out"
    if not view.is_region and not classes:
        yield path, f'missing: {view.model!r} needs the class of each land-cover code, such as classes = {{ 1 = "forest" }}'
    names = _classes(view, classes)
    own = view.nep.get(view.model)
    options: Mapping[str, Any] = own if isinstance(own, Mapping) else {}
    c, carbon = options.get("c", {}), options.get("soil_carbon", {})
    if view.model == "nirv_tec" and isinstance(c, Mapping) and not (view.is_region and not c) and REST not in c:
        yield from _lacking(("nep", "nirv_tec", "c"), names, c, "GPP per PAR and SANIRv, g C MJ-1")
    if view.model == "casa_gsmsr" and isinstance(carbon, Mapping) and carbon:
        yield from _lacking(("nep", "casa_gsmsr", "soil_carbon"), names, carbon, "soil organic carbon, kg C m-2")


def _classes(view: Raw, classes: object) -> list[str]:
    from carbondrivers.datasets.virtual.design import legend_of

    given = legend_of(view.region) if view.is_region else classes if isinstance(classes, Mapping) else {}
    return [str(name) for name in dict.fromkeys(given.values()) if name not in LEFT_OUT]


def _lacking(path: KeyPath, names: Iterable[str], given: Mapping[str, Any], what: str) -> Found:
    lacking = [name for name in names if name not in given]
    if lacking:
        yield path, f"missing: {what}, of {listed(lacking)}: give a value of each class of the land cover"


def _idle_options(view: Raw) -> Found:
    """Find options that have no effect beside another: who writes them expects one."""
    own = view.nep.get(view.model)
    options: Mapping[str, Any] = own if isinstance(own, Mapping) else {}
    for key, (other, default, values) in COUNTS_WITH.get(view.model, {}).items():
        if key in options and options.get(other, default) not in values:
            with_what = " or ".join(f"{other} = {value!r}" for value in values)
            yield ("nep", view.model, key), f"counts only with {with_what}: take it out, or change {other}"
