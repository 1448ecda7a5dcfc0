"""What a key of the study file, a step, a method or a variable means: the text of ``carbondrivers explain KEY``.

Products, legends and derivations are told by ``explain_data``, published parameters of the models by
``explain_parameters``.
"""

from __future__ import annotations

import re
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from carbondrivers.attribution.registry import methods
from carbondrivers.catalogue import Variable, variables
from carbondrivers.errors import OptionError, did_you_mean
from carbondrivers.study import registry
from carbondrivers.study.explain_data import data_names, data_texts
from carbondrivers.study.explain_parameters import explain_parameters, parameter_names
from carbondrivers.study.registry import Step
from carbondrivers.study.schema import StudySpec, inner_model, keys_of

TYPES: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
TAKES = {
    "sample": "a table of samples", "stack": "a stack of grids", "map": "a single grid",
    "grids": "grids of the response and of what it is summed by", "units": "a table of units and their weights",
}  # fmt: skip


def list_keys() -> list[str]:
    """Return every key of the study file, with ``*`` where the user chooses the name.

    Examples
    --------
    >>> "drivers.*.category" in list_keys()
    True
    """
    return list(_fields())


def explain(key: str) -> str:
    """Return the meaning of a key, as text of a few lines.

    Parameters
    ----------
    key
        A key of the study file (``"analyses.geodetector.classes"``, ``"drivers.*.category"``, or its last word alone),
        a step, a method, a variable of the catalogue, a product (``"MOD17A3HGF"``, ``"MOD17A3HGF/Npp_500m"``), a legend, a
        derivation (``"slope"``), or parameters of the models (``"nep_models"``, ``"nep_models.casa"``,
        ``"nep_models.casa.eps_max_zhu"``).

    Raises
    ------
    OptionError
        If nothing is called so.

    Examples
    --------
    >>> print(explain("response.statistic"))
    response.statistic
      what is explained of a stack: the mean of each pixel over study.years
      type     text
      allowed  'mean'
      default  'mean'
    """
    word = key.strip().strip("[]").strip()
    found = _study_texts(word)
    step = registry.steps().get(word.removeprefix("analyses."))
    if step is not None:
        found.append(_step_text(step))
    known_methods = methods()
    if word in known_methods:
        method = known_methods[word]
        takes = TAKES[method.takes]
        found.append(
            _block(f"method {word}", method.title, {"takes": takes, "version": method.version, "source": method.citation})
        )
    if word in variables():
        found.append(_variable_text(variables()[word]))
    found += [*data_texts(word, _block), *(text for text in [explain_parameters(word)] if text)]
    if found:
        return "\n\n".join(found)
    known = [
        *list_keys(),
        *registry.steps(),
        *known_methods,
        *variables(),
        *(k.rsplit(".", 1)[-1] for k in list_keys()),
        *parameter_names(),
        *data_names(),
    ]
    raise OptionError(
        f"there is nothing called {key!r} to explain.{did_you_mean(word, known)} "
        "Give a key of the study file such as 'response.name', a step, a method, a variable, a product, a legend, a "
        "derivation, or parameters such as 'nep_models.casa'"
    )


def _study_texts(word: str) -> list[str]:
    fields = _fields()
    exact = [key for key in fields if _fits(key, word)]
    # A table under a name of the user's choice, such as drivers.precipitation.
    named = [key for key in ("drivers", "layers", "groups") if re.fullmatch(rf"{key}\.[^.]+", word)]
    ends = [key for key in fields if "." in key and key.rsplit(".", 1)[1] == word]
    return [_field_text(key, *fields[key]) for key in exact or named or ends]


def _fits(key: str, word: str) -> bool:
    """Whether a word is a key, with any name, or none, where the key has a star."""
    return re.fullmatch(re.escape(key).replace(r"\.\*", r"(\.[^.]+)?"), word) is not None


def _fields() -> dict[str, tuple[FieldInfo, type[BaseModel] | None]]:
    found = _walk(StudySpec, "")
    found.pop("analyses.*", None)
    for name, step in registry.steps().items():
        found |= _walk(step.options, f"analyses.{name}.")
    return found


def _walk(model: type[BaseModel], prefix: str) -> dict[str, tuple[FieldInfo, type[BaseModel] | None]]:
    found: dict[str, tuple[FieldInfo, type[BaseModel] | None]] = {}
    for name, info in keys_of(model).items():
        inner, named = inner_model(info.annotation)
        found[prefix + name] = (info, inner)
        if inner is not None:
            found |= _walk(inner, f"{prefix}{name}.*." if named else f"{prefix}{name}.")
    return found


def _field_text(key: str, info: FieldInfo, inner: type[BaseModel] | None) -> str:
    if inner is not None:
        lines: dict[str, str] = {"keys": ", ".join(keys_of(inner)) or "a step each"}
        if key == "analyses":
            lines = {"steps": ", ".join(registry.steps())}
        return _block(key, info.description or "", lines)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    allowed = _allowed(info.annotation) or list(extra.get("allowed", []))  # type: ignore[arg-type]
    facts = {
        "type": _type_name(info.annotation),
        "allowed": ", ".join(_shown(value) for value in allowed) or _bounds(info),
        "default": _default(info),
    }
    return _block(key, info.description or "", facts)


def _step_text(step: Step) -> str:
    facts = {
        "keys": ", ".join(keys_of(step.options)) or "none",
        "needs": registry.NEEDS[step.needs],
        "after": ", ".join(step.after),
    }
    return _block(f"[analyses.{step.name}]", step.title, facts)


def _variable_text(entry: Variable) -> str:
    bounds = f"{entry.low:g} to {entry.high:g} {entry.unit}".strip() if entry.kind == "continuous" else ""
    facts = {
        "label": f"{entry.label} / {entry.label_zh}", "category": entry.category, "kind": entry.kind,
        "unit": entry.unit, "range": bounds, "aliases": ", ".join(entry.aliases),
    }  # fmt: skip
    return _block(
        f"variable {entry.name}",
        "known to the catalogue; a value outside the range is a wrong unit or a fill value",
        facts,
    )


def _block(head: str, meaning: str, facts: dict[str, str]) -> str:
    shown = {name: fact for name, fact in facts.items() if fact}
    width = max((len(name) for name in shown), default=0)
    return "\n".join([head, f"  {meaning}", *(f"  {name:<{width}}  {fact}" for name, fact in shown.items())])


def _allowed(annotation: Any) -> list[object]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [value for part in get_args(annotation) if part is not NoneType for value in _allowed(part)]


def _type_name(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation in TYPES:
        return TYPES[annotation]
    if origin is Annotated:
        return _type_name(parts[0])
    if origin is Literal:
        return _type_name(type(parts[0]))
    if origin is dict:
        return f"table of {_type_name(parts[1])} by name"
    if origin in (tuple, list):
        names = dict.fromkeys(_type_name(part) for part in parts if part is not Ellipsis)
        fixed = origin is tuple and Ellipsis not in parts
        return f"list of {f'{len(parts)}: ' if fixed else ''}{' or '.join(names)}"
    if parts:
        return " or ".join(dict.fromkeys(_type_name(part) for part in parts if part is not NoneType))
    return getattr(annotation, "__name__", str(annotation))


def _bounds(info: FieldInfo) -> str:
    signs = {Ge: "at least", Gt: "more than", Le: "at most", Lt: "less than"}
    found: list[str] = []
    for item in info.metadata:
        found += [f"{words} {next(iter(_values(item)))}" for sign, words in signs.items() if isinstance(item, sign)]
    return ", ".join(found)


def _values(bound: Any) -> list[object]:
    return [getattr(bound, name) for name in type(bound).__dataclass_fields__]


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "none: it must be given"
    default = info.get_default(call_default_factory=True, validated_data={})
    if default is None or default is PydanticUndefined:
        return "not set"
    return _shown(default)


def _shown(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(_shown(part) for part in value)}]"
    return repr(value) if value != "" else "empty"
