"""Names in the text of a path or latent model: whether the study has such a variable, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from carbondrivers.attribution.latent_spec import LatentModel
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.errors import CarbonDriversError
from carbondrivers.study.problems import Found, KeyPath, hint, listed
from carbondrivers.study.raw import Raw
from carbondrivers.study.schema import with_catalogue


def model_name_problems(view: Raw) -> Found:
    """Iterate over names in ``analyses.path_model`` and ``analyses.latent_model`` that are no variables of the study."""
    drivers = {name: given for name, given in _drivers(view).items() if isinstance(given, Mapping)}
    if not view.name or not drivers:
        return
    analyses = view.table("analyses")
    for step, rule in (("path_model", _path_problems), ("latent_model", _latent_problems)):
        given = analyses.get(step)
        if isinstance(given, Mapping):
            yield from rule(view, given, drivers)


def _drivers(view: Raw) -> Mapping[str, Any]:
    if view.drivers or not view.is_region:
        found = with_catalogue(view.raw).get("drivers", {})
    else:
        found = with_catalogue({**view.raw, "drivers": {name: {} for name in view.region_columns()}})["drivers"]
    return found if isinstance(found, Mapping) else {}


def _classes(drivers: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {name for name, given in drivers.items() if given.get("kind") == "categorical"}


def _path_problems(view: Raw, given: Mapping[str, Any], drivers: Mapping[str, Mapping[str, Any]]) -> Found:
    path: KeyPath = ("analyses", "path_model")
    classes, variables = _classes(drivers), [view.name, *drivers]
    blocks = {k: v for k, v in _table(given, "blocks").items() if isinstance(v, list)}
    for block, members in blocks.items():
        for name in members:
            if isinstance(name, str):
                yield from _named(name, variables, classes, (*path, "blocks", block), "")
    text = given.get("model")
    model = _parsed(PathModel, text)
    if model is None:
        return
    categories = {str(one.get("category")) for name, one in drivers.items() if "category" in one and name not in classes}
    known = [*variables, *blocks, *sorted(categories - set(variables) - set(blocks))]
    named = [*model.order, *(name for pair in model.correlated for name in pair)]
    for name in dict.fromkeys(named):
        yield from _named(name, known, classes, (*path, "model"), _line(text, name))
    if view.name not in model.equations:
        yield (*path, "model"), f"the response {view.name!r} has no equation: add a line '{view.name} ~ ...'"
    for response in _table(given, "families"):
        if response not in model.equations:
            said = f"{response!r} has no equation in the model; those with one are {listed(model.equations)}"
            yield (*path, "families", response), said + hint(response, model.equations)


def _latent_problems(view: Raw, given: Mapping[str, Any], drivers: Mapping[str, Mapping[str, Any]]) -> Found:
    text = given.get("model")
    model = _parsed(LatentModel, text)
    if model is None:
        return
    for name in model.observed:
        known = [view.name, *drivers, *model.latents]
        yield from _named(name, known, _classes(drivers), ("analyses", "latent_model", "model"), _line(text, name))


def _named(name: str, known: Iterable[str], classes: set[str], path: KeyPath, line: str) -> Found:
    known = list(known)
    if name in classes:
        remedy = "take it out, or name it as factor" if path[1] == "path_model" else "take it out, or make it groups"
        yield path, f"{line}{name!r} is categorical, and classes have no single path: {remedy}"
    elif name not in known:
        measured = [one for one in known if one not in classes]
        yield path, f"{line}{name!r} is no variable of this study: {listed(measured, 20)}{hint(name, measured)}"


def _parsed(kind: Any, text: object) -> Any:
    """Return a model; None where its text cannot be read, which the schema has said."""
    if not isinstance(text, str):
        return None
    try:
        return kind.parse(text)
    except CarbonDriversError:
        return None


def _line(text: object, name: str) -> str:
    """Return ``"line 3 of the model: "`` where the model has more than one line."""
    lines = str(text).strip("\n").splitlines()
    word = re.compile(rf"(?<![\w.\-]){re.escape(name)}(?![\w.\-])")
    found = next((i for i, one in enumerate(lines, 1) if word.search(one.split("#")[0])), 0)
    return f"line {found} of the model: " if found and len(lines) > 1 else ""


def _table(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = given.get(key)
    return found if isinstance(found, Mapping) else {}
