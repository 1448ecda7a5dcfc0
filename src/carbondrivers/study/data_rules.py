"""Rules of the keys that make data a sample: products, legends, derived drivers, regions, the draw of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carbondrivers.errors import CarbonDriversError
from carbondrivers.study.problems import Found, KeyPath, hint, listed
from carbondrivers.study.raw import Raw

NEEDS_N = ("random", "stratified")
LIST = "carbondrivers list"


def data_problems(view: Raw) -> Found:
    """Iterate over what these keys get wrong together.

    Parameters
    ----------
    view
        What can be read of the study file.
    """
    yield from _place_problems(view)
    for section, tables in (("layers", view.layers), ("drivers", view.drivers), ("", {"response": view.response})):
        for name, given in tables.items():
            path = (section, name) if section else (name,)
            yield from _known_problems(path, given)
    for name, driver in view.drivers.items():
        if "derive" in driver or "from" in driver:
            yield from _derived_problems(view, name, driver)
    yield from _draw_problems(view)


def _place_problems(view: Raw) -> Found:
    if view.kind == "rasters":
        return
    for key in ("regions", "sample"):
        if key in view.raw:
            remedy = "declare groups by a column" if key == "regions" else "every row or cell is taken"
            yield (key,), f"only a raster study has [{key}]: take it out; {remedy}"
    for key in ("align",) if view.kind == "region" else ("resolution", "align"):
        if key in view.study:
            yield ("study", key), "only a raster study has grids to bring together: take it out"


def _known_problems(path: KeyPath, given: Mapping[str, Any]) -> Found:
    from carbondrivers.datasets.legends import crosswalk, legends
    from carbondrivers.datasets.products import products

    product, legend = given.get("product"), given.get("legend")
    if isinstance(product, str):
        name, _, own = product.partition("/")
        entry = products().get(name)
        if entry is None:
            yield (*path, "product"), f"there is no product {name!r}{hint(name, products())} ({LIST} products)"
        elif own and own not in entry.variables:
            yield (
                (*path, "product"),
                f"{name} has no variable {own!r}, only {listed(entry.variables)}{hint(own, entry.variables)}",
            )
        elif not own and len(entry.variables) > 1 and given.get("variable") not in entry.variables:
            remedy = f'say which, as "{name}/{next(iter(entry.variables))}"'
            yield (*path, "product"), f"{name} has several variables ({listed(entry.variables)}): {remedy}"
    if isinstance(legend, str):
        known = [entry.name for entry in legends().values()]
        if legend not in known:
            yield (*path, "legend"), f"there is no legend {legend!r}, only {listed(known)}{hint(legend, known)}"
            return
        assign = given.get("assign")
        try:
            crosswalk(legend, str(given.get("scheme", "ecosystem")), assign if isinstance(assign, Mapping) else None)
        except CarbonDriversError as error:
            yield (*path, "legend"), str(error)


def _derived_problems(view: Raw, name: str, driver: Mapping[str, Any]) -> Found:
    from carbondrivers.datasets.derive import derivations

    path: KeyPath = ("drivers", name)
    if view.kind != "rasters":
        yield (*path, "derive"), "only a raster study derives drivers from grids: take it out"
        return
    if "source" in driver:
        yield (*path, "derive"), "a driver has a source or is derived: take one of them out"
    derive = driver.get("derive")
    if not isinstance(derive, str):
        yield (*path, "derive"), "missing: say what is made of the layers under 'from' (carbondrivers list derivations)"
        return
    known_ways = derivations()
    entry = known_ways.get(derive)
    if entry is None:
        yield (
            (*path, "derive"),
            f"there is no derivation {derive!r}, only {listed(known_ways, 20)}{hint(derive, known_ways)}",
        )
        return
    given = driver.get("from", ())
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, list) else []
    needed = [role.name for role in entry.inputs if role.required]
    if not len(needed) <= len(names) <= len(entry.inputs):
        yield (*path, "from"), f"{derive} is made of {', '.join(role.name for role in entry.inputs)}: name them in this order"
    known = [one for one in (view.name, *view.layers, *view.drivers) if one and one != name]
    for one in names:
        if isinstance(one, str) and one not in known:
            yield (*path, "from"), f"there is no layer {one!r}: {listed(known, 20)}{hint(one, known)}"
        elif "derive" in view.drivers.get(one, {}) and _leads_back(view, name, one):
            yield (*path, "from"), f"{name!r} and {one!r} are derived from each other: give one of them a source"
    options = driver.get("options", {})
    for key in options if isinstance(options, Mapping) else ():
        if key not in entry.options:
            own = list(entry.options)
            yield (
                (*path, "options", key),
                f"{derive} has no such option, only {listed(own)}{hint(key, own)}",
            )
    lacking = [key for key, default in entry.options.items() if default is ... and key not in options]
    if lacking:
        yield (*path, "options"), f"{derive} needs {listed(lacking)}"


def _leads_back(view: Raw, name: str, start: str) -> bool:
    seen, waiting = set(), [start]
    while waiting:
        one = waiting.pop()
        given = view.drivers.get(one, {}).get("from", ())
        for source in [given] if isinstance(given, str) else given:
            if source == name:
                return True
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return False


def _draw_problems(view: Raw) -> Found:
    given = view.table("sample")
    method, strata = given.get("method", "all"), given.get("strata", ())
    names = [strata] if isinstance(strata, str) else list(strata) if isinstance(strata, list) else []
    if method in NEEDS_N and "n" not in given:
        yield ("sample", "n"), f"missing: a {method} sample needs the number of cells to take"
    if method == "stratified" and not names:
        yield ("sample", "strata"), 'missing: a stratified sample needs strata, such as "land_cover", "region" or "sign"'
    if method != "stratified" and names:
        yield ("sample", "strata"), f'a {method} sample has no strata: take them out, or set method = "stratified"'
    if method == "thinned" and "spacing" not in given:
        yield ("sample", "spacing"), "missing: a thinned sample needs the kilometres between cells"
    if method == "systematic" and not {"n", "spacing"} & set(given):
        yield ("sample",), "a systematic sample needs n or spacing"
    if method == "all" and {"n", "spacing"} & set(given):
        yield ("sample",), "every cell is taken: set a method for n or spacing to count"
    known = ["sign", *(["region"] if "regions" in view.raw else []), *view.drivers]
    for name in names:
        if isinstance(name, str) and name not in known:
            remedy = "give [regions] file" if name == "region" else f"one of {listed(known, 20)}{hint(name, known)}"
            yield ("sample", "strata"), f"there is no stratum {name!r}: {remedy}"
