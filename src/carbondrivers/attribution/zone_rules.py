"""What a zone may ask of a cell: its level, trend, persistence and place among its neighbours, each a closed list of states.

The default table is this package's own. The published zoning of carbon storage in Ningxia crosses the same four parts, but
its rules were not at hand (status: unverified), so a study that follows a paper gives the paper's table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from carbondrivers.attribution import rule_table
from carbondrivers.errors import OptionError, did_you_mean

STATES: dict[str, tuple[str, ...]] = {
    "level": ("high", "middle", "low"),
    "trend": ("increase", "none", "decrease"),
    "persistence": ("persistent", "random", "antipersistent"),
    "cluster": ("high_high", "low_low", "high_low", "low_high", "none", "island"),
}
"""What each part of a rule may ask for, in the order of the codes."""

WORDS: dict[str, dict[str, str]] = {
    "level": {"high": "above the reference", "middle": "not told from the reference", "low": "below the reference"},
    "trend": {"increase": "increasing", "none": "not significant", "decrease": "decreasing"},
    "persistence": {"persistent": "persistent", "random": "not told from random", "antipersistent": "anti-persistent"},
    "cluster": {
        "high_high": "high among high", "low_low": "low among low", "high_low": "high among low", "low_high": "low among high",
        "none": "not significant", "island": "without neighbours",
    },
}  # fmt: skip
UNDETERMINED, INDISTINCT = "Undetermined", "Not distinguishable"
SILENT = {"trend": "none", "persistence": "random", "cluster": "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRule:
    """One zone of the table; a cell belongs to it if every part is in one of the states that are listed for it.

    Attributes
    ----------
    name : str
        Name of the zone.
    level : tuple of str
        Of the mean beside the reference: high, middle (within two standard errors), low. Empty: any, as for every part.
    trend : tuple of str
        increase, none (not significant), decrease.
    persistence : tuple of str
        persistent, random (not told from white noise), antipersistent.
    cluster : tuple of str
        high_high, low_low, high_low, low_high, none (not significant), island (no neighbours).
    """

    name: str
    level: tuple[str, ...] = ()
    trend: tuple[str, ...] = ()
    persistence: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """What the rule asks of each part that it names."""
        asked = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}
        return {part: states for part, states in asked.items() if states}


DEFAULT_RULES = (
    ZoneRule(name="Lasting decline", trend=("decrease",), persistence=("persistent",)),
    ZoneRule(name="Decline", trend=("decrease",)),
    ZoneRule(name="Rising core", level=("high",), trend=("increase",), cluster=("high_high",)),
    ZoneRule(name="Core", level=("high",), cluster=("high_high",)),
    ZoneRule(name="Lasting rise", trend=("increase",), persistence=("persistent",)),
    ZoneRule(name="Rise", trend=("increase",)),
    ZoneRule(name="Low core", level=("low",), cluster=("low_low",)),
    ZoneRule(name="Unlike its neighbours", cluster=("high_low", "low_high")),
)


def check_rules(rules: Sequence[ZoneRule]) -> None:
    """Refuse a table of rules that is empty, or holds a rule that is doubled, misspelt or fits every cell.

    Raises
    ------
    OptionError
        Naming the rule.

    Examples
    --------
    >>> check_rules(DEFAULT_RULES)
    """
    rule_table.check_names([rule.name for rule in rules], (UNDETERMINED, INDISTINCT))
    for rule in rules:
        for part, states in rule.parts.items():
            given: object = states
            if isinstance(given, str):
                raise OptionError(f"rule {rule.name!r}: {part} must be a list such as [{given!r}], got {given!r}")
            for state in states:
                if state not in STATES[part]:
                    known = ", ".join(map(repr, STATES[part]))
                    hint = did_you_mean(str(state), STATES[part])
                    raise OptionError(f"rule {rule.name!r}: {part} must be one of {known}, got {state!r}.{hint}")
        if all(set(states) == set(STATES[part]) for part, states in rule.parts.items()):
            raise OptionError(f"rule {rule.name!r} has no condition: every cell would fit; give one, or take the rule out")


def in_words(rule: ZoneRule) -> str:
    """Return the conditions of a rule as a phrase.

    Examples
    --------
    >>> in_words(DEFAULT_RULES[0])
    'trend decreasing and persistence persistent'
    """
    return " and ".join(f"{part} {' or '.join(WORDS[part][s] for s in states)}" for part, states in rule.parts.items())
