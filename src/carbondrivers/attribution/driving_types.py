"""Driving types: which drivers a cell's response follows through the years, by a table of rules.

A rule names a class and says which drivers' partial coefficients are significant (t test at ``alpha_t``) and whether the
multiple correlation is (F test at ``alpha_f``); the first rule that a cell fits names it. Rules are conditions from a closed
list, never code. The default table is a convention of studies of vegetation and climate in China since about 2001, written
down here from memory (status: unverified): with temperature T and precipitation P,

    |t_T| and |t_P| significant at 0.01, F at 0.05   strongly driven by both
    t_T alone significant, F                         mainly temperature
    t_P alone significant, F                         mainly precipitation
    neither t, F                                     weakly driven
    F not significant                                not driven by climate

The convention uses naive p and does not ask whether years resemble their neighbours; the map here does, unless asked
otherwise, and the published one stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from carbondrivers.attribution import rule_table, stacks
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.time_correlation import P_WORDS, TimeCorrelationResult
from carbondrivers.errors import DataError, OptionError, choose, did_you_mean
from carbondrivers.provenance import history_line

TypeSignificance = Literal["corrected", "naive", "adjusted", "corrected_adjusted"]
SIGNIFICANCES: tuple[TypeSignificance, ...] = get_args(TypeSignificance)
LAYER = {"naive": "p", "adjusted": "p_adjusted", "corrected": "p_eff", "corrected_adjusted": "p_eff_adjusted"}
UNCLASSED = "No rule fits"
OF_CELLS = "area of the cells with a multiple correlation"
CONVENTION = "The rule table is a convention of vegetation-climate studies in China, written down from memory (unverified)."


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivingRule:
    """One class of the table; a cell belongs to it if all conditions hold.

    Attributes
    ----------
    name : str
        Name of the class.
    significant, not_significant : tuple of str
        Drivers whose partial coefficient must, or must not, be significant.
    positive, negative : tuple of str
        Drivers whose partial coefficient must have this sign.
    at_least : int
        How many drivers, whichever, must be significant.
    multiple : bool or None
        Whether the multiple correlation must be significant (true), must not be (false), or does not matter (None).
    """

    name: str
    significant: tuple[str, ...] = ()
    not_significant: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    at_least: int = 0
    multiple: bool | None = None

    @property
    def drivers(self) -> tuple[str, ...]:
        """Every driver that the rule names."""
        return (*self.significant, *self.not_significant, *self.positive, *self.negative)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrivingTypesResult(Result):
    """Classes of what drives each cell through the years.

    Attributes
    ----------
    grid : xarray.Dataset
        (y, x): driving_type (by the chosen p) and published_type (by naive p), positions in their ``attrs["classes"]``;
        NaN where the cell has no multiple correlation.
    classes : pandas.DataFrame
        Cells, area and share of every class by each p.
    rules : pandas.DataFrame
        The rule table in words: rank, level, note.
    """

    grid: xr.Dataset
    classes: pd.DataFrame
    rules: pd.DataFrame


def driving_types(
    correlations: TimeCorrelationResult,
    *,
    rules: Sequence[DrivingRule] | None = None,
    significance: TypeSignificance = "corrected",
    alpha_t: float = 0.01,
    alpha_f: float = 0.05,
) -> DrivingTypesResult:
    """Class the cells by the drivers that they follow.

    Parameters
    ----------
    correlations
        From ``time_correlation``, with partial coefficients.
    rules
        The table, in order: the first rule that fits names the cell. By default the convention for the drivers that there
        are.
    significance
        The p that draws the map: ``"corrected"`` for the effective number of years, ``"naive"`` as published, either
        adjusted over the cells.
    alpha_t, alpha_f
        Levels of the partial coefficients and of the multiple correlation.

    Raises
    ------
    DataError
        If the result holds no partial coefficients, or no cell has a multiple correlation.
    OptionError
        If an option is outside its list or range, or a rule is empty, doubled or names an unknown driver.

    Examples
    --------
    >>> from carbondrivers.attribution.time_correlation import time_correlation
    >>> rng = np.random.default_rng(0)
    >>> coords, attrs = {"year": np.arange(2001, 2021), "y": [0.0], "x": [0.0, 1.0]}, {"crs": "EPSG:32650"}
    >>> rain, warm = (xr.DataArray(rng.normal(size=(20, 1, 2)), coords, ("year", "y", "x"), attrs=attrs) for _ in range(2))
    >>> nep = (rain + 0.1 * rng.normal(size=(20, 1, 2))).rename("nep").assign_attrs(attrs)
    >>> result = driving_types(time_correlation(nep, {"precipitation": rain, "temperature": warm}))
    >>> int(result.classes.set_index(["method", "level"])["n"]["corrected P", "Mainly precipitation"])
    2
    """
    choose(significance, SIGNIFICANCES, "significance")
    for name, alpha in (("alpha_t", alpha_t), ("alpha_f", alpha_f)):
        if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0.0 < alpha < 1.0:
            raise OptionError(f"{name} must be between 0 and 1, got {alpha!r}")
    if "partial" not in correlations.parameters["kind"]:
        raise DataError("driving types need partial coefficients: compute the correlation with kind = ['partial']")
    drivers = [str(name) for name in correlations.grid["driver"].to_numpy()]
    table = tuple(default_rules(correlations) if rules is None else rules)
    _check(table, drivers)
    levels = (*(rule.name for rule in table), *([] if rules is None else [UNCLASSED]))
    codes = {p: _codes(correlations.grid, table, p, alpha_t, alpha_f) for p in LAYER.values()}
    if not np.isfinite(codes["p"]).any():
        raise DataError("no cell has a multiple correlation: look at the status of the correlation for what is missing")
    chosen = LAYER[significance]
    parameters = {
        "rules": [asdict(rule) for rule in table], "default_rules": rules is None, "significance": significance,
        "alpha_t": alpha_t, "alpha_f": alpha_f, "correlation": dict(correlations.parameters),
    }  # fmt: skip
    maps = xr.Dataset(
        coords={axis: correlations.grid[axis] for axis in ("y", "x")}, attrs={"crs": correlations.grid.attrs["crs"]}
    )
    maps["driving_type"] = stacks.class_map(codes[chosen], maps, levels, "Driving type", chosen)
    maps["published_type"] = stacks.class_map(codes["p"], maps, levels, "Driving type, naive P", "p")
    maps.attrs["method"] = f"Driving types by a table of rules, {P_WORDS[chosen]}"
    maps.attrs["history"] = provenance = history_line("driving_types", rules=len(table), significance=significance)
    areas = stacks.areas_of(maps)
    shares = [stacks.class_shares(codes[p], areas, levels, words, OF_CELLS) for p, words in P_WORDS.items()]
    words = [in_words(rule, correlations, alpha_t, alpha_f) for rule in table]
    return DrivingTypesResult(
        method="driving_types",
        parameters=parameters,
        n=int(np.isfinite(codes[chosen]).sum()),
        notes=_notes(rules is None),
        provenance=provenance,
        variables=correlations.variables,
        grid=maps,
        classes=pd.concat(shares, ignore_index=True),
        rules=rule_table.in_order([rule.name for rule in table], words),
    )


def default_rules(correlations: TimeCorrelationResult) -> tuple[DrivingRule, ...]:
    """Return the convention for the drivers of a result; for two of them it is the published table.

    Parameters
    ----------
    correlations
        Its drivers' labels and categories name the classes.
    """
    drivers = [str(name) for name in correlations.grid["driver"].to_numpy()]
    climate = all(correlations.category(name) == "climate" for name in drivers)
    several = "Strongly driven by both" if len(drivers) == 2 else "Strongly driven by several"
    strong = [DrivingRule(name=several, at_least=2, multiple=True)] if len(drivers) > 1 else []
    main = [DrivingRule(name=f"Mainly {_inside(correlations.label(d))}", significant=(d,), multiple=True) for d in drivers]
    none = "Not driven by climate" if climate else "Not driven by these drivers"
    return (*strong, *main, DrivingRule(name="Weakly driven", multiple=True), DrivingRule(name=none, multiple=False))


def _inside(label: str) -> str:
    """A label within a phrase: without its capital, unless it is an acronym."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _check(rules: Sequence[DrivingRule], drivers: Sequence[str]) -> None:
    rule_table.check_names([rule.name for rule in rules], [UNCLASSED])
    for rule in rules:
        for name in rule.drivers:
            if name not in drivers:
                raise OptionError(f"rule {rule.name!r}: there is no driver {name!r}.{did_you_mean(name, drivers)}")
        twice = sorted({*rule.significant} & {*rule.not_significant} | {*rule.positive} & {*rule.negative})
        if twice:
            raise OptionError(f"rule {rule.name!r} wants two opposites of {twice[0]!r}: no cell would fit; take one out")
        if not 0 <= rule.at_least <= len(drivers):
            raise OptionError(
                f"rule {rule.name!r}: at_least must be from 0 to the number of drivers ({len(drivers)}), got {rule.at_least!r}"
            )
        if not (rule.drivers or rule.at_least) and rule.multiple is None:
            raise OptionError(f"rule {rule.name!r} has no condition: every cell would fit; give one, or take the rule out")


def _codes(grid: xr.Dataset, rules: Sequence[DrivingRule], p: str, alpha_t: float, alpha_f: float) -> Floats:
    """Return the class of every cell, (y, x): the position of the first rule that it fits."""
    at = {str(name): i for i, name in enumerate(grid["driver"].to_numpy())}
    # A P that cannot be given, as with too few effective years, is no significant one.
    found = grid[f"partial_{p}"].to_numpy() < alpha_t
    together = grid[f"multiple_{p}"].to_numpy() < alpha_f
    r = grid["partial_r"].to_numpy()
    fits = [_fits(rule, at, found, together, r) for rule in rules]
    return rule_table.first_fit(fits, np.isfinite(grid["multiple_p"].to_numpy()))


def _fits(
    rule: DrivingRule, at: dict[str, int], found: NDArray[np.bool_], together: NDArray[np.bool_], r: Floats
) -> NDArray[np.bool_]:
    fits = np.asarray(found.sum(axis=0) >= rule.at_least)
    for names, holds in (
        (rule.significant, found), (rule.not_significant, ~found), (rule.positive, r > 0), (rule.negative, r < 0),
    ):  # fmt: skip
        for name in names:
            fits = fits & holds[at[name]]
    return fits if rule.multiple is None else fits & (together == rule.multiple)


def in_words(rule: DrivingRule, result: Result, alpha_t: float, alpha_f: float) -> str:
    """Return the conditions of a rule as a phrase, by the labels of the result."""
    count = f"{rule.at_least} driver{'s' if rule.at_least > 1 else ''}"
    said = [f"at least {count} significant (t, P < {alpha_t:g})"] if rule.at_least else []
    for names, words in (
        (rule.significant, f"significant (t, P < {alpha_t:g})"), (rule.not_significant, "not significant"),
        (rule.positive, "positive"), (rule.negative, "negative"),
    ):  # fmt: skip
        said += [f"{result.label(name)} {words}" for name in names]
    if rule.multiple is not None:
        said.append(f"multiple correlation {'' if rule.multiple else 'not '}significant (F, P < {alpha_f:g})")
    return " and ".join(said)


def _notes(convention: bool) -> tuple[str, ...]:
    return (
        *([CONVENTION] if convention else ["The rule table was given in the study file."]),
        "A driving type says which drivers vary together with the response from year to year; it names no cause. The first "
        "rule that a cell fits names it.",
    )
