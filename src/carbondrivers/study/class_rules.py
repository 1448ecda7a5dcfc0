"""Rules for the steps that sum by classes or go along terrain: what they name must be in the study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carbondrivers.study.problems import Found, KeyPath, hint, listed
from carbondrivers.study.schema import with_catalogue

CLASSED = ("class_summary", "group_series", "transitions")
TERRAIN = ("elevation", "slope", "aspect")
REGION_CLASSES = ("land_cover", "regions")


def class_problems(raw: Mapping[str, Any], kind: str) -> Found:
    """Iterate over what the study file lacks that these steps name.

    Parameters
    ----------
    raw
        The study file as TOML gives it, which may be wrong anywhere.
    kind
        What its data are: ``"region"``, ``"table"`` or ``"rasters"``.
    """
    analyses = raw.get("analyses")
    if not isinstance(analyses, Mapping) or kind == "table":
        return
    kinds, layers = _kinds(raw), raw.get("layers", {})
    layers = layers if isinstance(layers, Mapping) else {}
    classes = [name for name, what in kinds.items() if what == "categorical"]
    classes += [str(name) for name in layers if name not in kinds]
    for step in CLASSED:
        if isinstance(given := analyses.get(step), Mapping):
            by = given.get("by", "land_cover")
            yield from _missing(by, (*REGION_CLASSES,) if kind == "region" else tuple(classes), _place(step, given), "classes")
    if kind == "rasters" and isinstance(given := analyses.get("profile"), Mapping):
        measured = [name for name, what in kinds.items() if what == "continuous"]
        measured += [str(name) for name in layers if name not in kinds]
        wanted = given.get("by", TERRAIN)
        for name in wanted if isinstance(wanted, list | tuple) else ():
            yield from _missing(name, tuple(measured), _place("profile", given), "measured driver or layer")


def _place(step: str, given: Mapping[str, Any]) -> KeyPath:
    return ("analyses", step, "by") if "by" in given else ("analyses", step)


def _missing(name: object, known: tuple[str, ...], path: KeyPath, what: str) -> Found:
    if not isinstance(name, str) or name in known:
        return
    remedy = f"there is {listed(known)}{hint(name, known)}" if known else "there is none: declare one under [drivers]"
    kind = " with kind = 'categorical'" if what == "classes" and not known else ""
    yield path, f"the study has no {what} {name!r}; {remedy}{kind}"


def _kinds(raw: Mapping[str, Any]) -> dict[str, str]:
    drivers = with_catalogue(raw).get("drivers", {})
    if not isinstance(drivers, Mapping):
        return {}
    return {str(name): str(given.get("kind", "continuous")) for name, given in drivers.items() if isinstance(given, Mapping)}
