"""The words of a drafted study file: sections, keys and values in TOML, with comments that teach."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carbondrivers import catalogue
from carbondrivers.study import registry
from carbondrivers.study.schema import keys_of

ANALYSES = {"sample": ("correlation", "geodetector"), "stack": ("trend",)}


@dataclass(frozen=True, slots=True)
class Guess:
    """One variable found: its name in the study, what the catalogue knows of it, and how it is read."""

    name: str
    known: catalogue.Variable | None
    source: str = ""
    variable: str = ""
    unit: str = ""
    years: tuple[int, ...] = ()
    kind: str = "continuous"
    monthly: bool = False
    product: str = ""

    @property
    def canonical(self) -> str:
        return self.known.name if self.known else ""


def grid_facts(guess: Guess) -> dict[str, Any]:
    """Return where a grid is read from."""
    facts = {"source": guess.source, "variable": guess.variable, "product": guess.product}
    return {key: value for key, value in facts.items() if value}


REPORT = """[report]
journal = "jal"                    # jal | elsevier | ieee | jgs | zh-geo: widths, fonts and tables
figures = ["png", "pdf", "svg"]
"""


def head(title: str, years: tuple[int, int] | None) -> str:
    """Return the comments at the top and the study section."""
    text = f"""# A first study file, guessed from names: read it, mend what is wrong, take out what is not wanted.
# 'carbondrivers explain KEY' prints the meaning of a key; 'carbondrivers check' names every problem with its line.
schema = 1

[study]
title = {_value(re.sub(r"[_-]+", " ", title))}
seed = 20260118                    # the same seed gives the same report
"""
    return text + (f"years = {list(years)}               # the years that all series share\n" if years else "")


def layers_text(layers: Mapping[str, Guess]) -> str:
    """Return the inputs of the NEP model, if there are any."""
    if not layers:
        return ""
    lines = ["[layers]                           # inputs of the NEP model; check the units"]
    lines += [f"{name} = {_value(grid_facts(g) | _unit(g))}" for name, g in layers.items()]
    return "\n".join([*lines, "", "[nep]", 'model = "npp_minus_rh"             # NEP = NPP - heterotrophic respiration', ""])


def _unit(guess: Guess) -> dict[str, Any]:
    return {"unit": guess.unit} if guess.unit else {}


def response_text(response: Guess, grid: Mapping[str, Any]) -> str:
    """Return the response section."""
    facts = {"name": response.name, **grid, **_unit(response), **_label(response)}
    notes = {"unit": "check it", "name": "" if response.known else "guessed: the first numbers found"}
    mask = "# mask_below = 0.05                # leaves out cells whose mean is below this (sea stored as 0)\n"
    return section("response", facts, notes) + (mask if grid else "")


def _label(guess: Guess) -> dict[str, Any]:
    return {"label": {"en": guess.known.label, "zh": guess.known.label_zh}} if guess.known else {}


def drivers_text(drivers: Sequence[Guess], others: Sequence[Guess]) -> str:
    """Return the drivers, those that the catalogue does not know as comments."""
    if not drivers:
        return "# [drivers]                        # add grids that may explain the response, as\n" + (
            '# precipitation = { source = "pre_{year}.tif", category = "climate", unit = "mm a-1" }\n'
        )
    lines = ["[drivers]                          # what may explain the response; check units and categories"]
    lines += [f"{_key(g.name)} = {_value(_driver_facts(g))}" for g in drivers]
    if others:
        lines.append("# Not known to the catalogue, or one more column of a variable above: take out the # to use one.")
        lines += [f"# {_key(g.name)} = {_value(_driver_facts(g))}" for g in others]
    return "\n".join([*lines, ""])


def _driver_facts(guess: Guess) -> dict[str, Any]:
    facts = grid_facts(guess) | {"category": guess.known.category if guess.known else "other"} | _unit(guess)
    return facts | ({"kind": "categorical"} if guess.kind == "categorical" else {}) | _label(guess)


def groups_text(response: Guess) -> str:
    """Return sink and source for NEP, else a comment that shows a group."""
    if response.canonical != "nep":
        return '# [groups.NAME]                    # parts that are analysed on their own\n# column = "..."\n# above = 0\n'
    sink = section("groups.sink", {"column": response.name, "above": 0}, {"column": "every analysis runs once a group"})
    return sink + "\n" + section("groups.source", {"column": response.name, "at_most": 0}, {})


def analyses_text(needs: Iterable[str], drivers: Sequence[Guess]) -> str:
    """Return the analyses that fit, every option as a comment with its default and meaning."""
    known = registry.steps()
    blocks: list[str] = []
    unfit = () if any(driver.kind == "continuous" for driver in drivers) else ("correlation",)
    for name in (name for need in needs for name in ANALYSES[need] if name in known and name not in unfit):
        lines = [f"[analyses.{name}]"]
        for key, info in keys_of(known[name].options).items():
            default = info.get_default(call_default_factory=True, validated_data={})
            shown = f"{key} = {_value(default)}" if default is not None else f"{key} = ..."
            lines.append(f"# {shown:<32} # {info.description}")
        blocks.append("\n".join([*lines, ""]))
    return "\n".join(blocks)


def section(name: str, facts: Mapping[str, Any], notes: Mapping[str, str]) -> str:
    """Return one section, with notes behind its keys."""
    lines = [f"[{name}]"]
    for key, value in facts.items():
        line = f"{key} = {_value(value)}"
        lines.append(f"{line:<34} # {notes[key]}" if notes.get(key) else line)
    return "\n".join([*lines, ""])


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(k))} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    # JSON's strings, numbers and booleans are TOML's; only DEL has to be escaped on top.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
