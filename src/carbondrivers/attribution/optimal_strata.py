"""Optimal strata: every rule and number of classes tried, the whole surface kept, the choice made by a stated rule.

The largest q nearly always belongs to the most classes, and a search finds a q that no single cut would: so the choice is by
cross-validated q (classes and their means learnt on other blocks of space), and the largest q of the surface is tested by
permutations that search the same surface (``strata_search``). Sources: optimal parameters (OPGD), Song et al. (2020),
doi:10.1080/15481603.2020.1760434; change points (robust geodetector, RGD), Zhang et al. (2022),
doi:10.1016/j.jag.2022.102782; one standard error, Breiman et al. (1984); family-wise p of the largest statistic, Westfall and
Young (1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from carbondrivers.attribution.optimal_strata_search import SELECTIONS, Search, SearchOptions, Selection
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.row_order import in_order
from carbondrivers.attribution.spatial_null import HOW, MOST_ROWS, TOO_MANY
from carbondrivers.attribution.strata import MAX_BINS, SEARCH_METHODS, SearchMethod
from carbondrivers.attribution.strata_peers import BREAK_RULES, PEER_METHODS, BreakRules
from carbondrivers.datasets.sample import ALL, PixelSample
from carbondrivers.errors import DataError, OptionError, choose
from carbondrivers.provenance import history_line

DEFAULT_METHODS: tuple[SearchMethod, ...] = ("quantile", "equal", "natural", "geometric", "sd")
SURFACE_COLUMNS = [
    "group",
    "response",
    "driver",
    "method",
    "classes",
    "cells",
    "q",
    "epsilon2",
    "q_cv",
    "std_error",
    "chosen",
    "n",
]
CHOSEN_COLUMNS = [
    "group", "response", "driver", "method", "classes", "cells", "q", "epsilon2", "q_cv", "std_error", "statistic", "p",
    "p_adjusted", "p_eff", "p_eff_adjusted", "n", "n_units", "note",
]  # fmt: skip
STRATA_COLUMNS = ["group", "response", "driver", "level", "lower", "upper", "n", "estimate", "std_error", "method"]
HOW_P = (
    "P compares the largest q of a driver's whole surface with the largest q of permuted responses searched in the same way; "
    f"adjusted P with the largest q of all drivers (Westfall and Young). {HOW}"
)
NO_PLACES = "No corrected P is given, and folds are of single rows: the rows have no coordinates."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OptimalStrataResult(Result):
    """The surface of q over rules and numbers of classes, and what was chosen.

    Attributes
    ----------
    surface : pandas.DataFrame
        One row a group, driver, rule (``method``) and number of classes asked for: ``cells`` that came out, q, epsilon2,
        cross-validated q (``q_cv``) and its standard error, whether it was ``chosen``.
    chosen : pandas.DataFrame
        One row a group and driver: the chosen cut; ``statistic`` is the largest q of the surface, p and p_eff its
        permutation and its spatial p, each with its form over all drivers.
    strata : pandas.DataFrame
        One row a class of a chosen cut: borders, n, mean response and its standard error.
    """

    surface: pd.DataFrame
    chosen: pd.DataFrame
    strata: pd.DataFrame


@register(
    "optimal_strata",
    title="Optimal strata: rule and number of classes of each driver",
    takes="sample",
    result=OptimalStrataResult,
    version="3",
    citation="Song, Y. et al. (2020). An optimal parameters-based geographical detector model enhances geographic "
    "characteristics of explanatory variables for spatial heterogeneity analysis. GIScience & Remote Sensing 57, 593-610.",
)
def optimise_strata(
    sample: PixelSample,
    *,
    methods: Sequence[SearchMethod] = DEFAULT_METHODS,
    classes: tuple[int, int] = (3, 8),
    selection: Selection = "one_se",
    rules: BreakRules = "own",
    folds: int = 5,
    block_size: float | None = None,
    min_size: int = 3,
    permutations: int = 99,
    seed: int = 0,
) -> OptimalStrataResult:
    """Try every rule and number of classes on every continuous driver, in every group.

    Parameters
    ----------
    sample
        Checked table; categorical drivers stand beside with their classes as given.
    methods
        Rules to try, of ``carbondrivers.attribution.strata.SEARCH_METHODS``; ``"tree"`` and ``"optimal"`` look at the
        response (the latter is the robust geodetector, with ties kept together).
    classes
        Fewest and most classes, both tried.
    selection
        ``"one_se"``: the fewest classes whose cross-validated q is within one standard error of the best; ``"cv"``: the
        best cross-validated q; ``"max_q"``: the largest q; ``"loess"``: where a smooth q gains 5 % or less from another
        class.
    rules
        ``"own"``; ``"gd"`` or ``"gdverse"`` cut by these R packages' break rules, for reproducing them, without
        cross-validation and p.
    folds
        Folds of the cross-validation: whole blocks of space (sites; rows where there are no coordinates).
    block_size
        Side of the blocks in the unit of the coordinates; a tenth of the longer side of the extent by default.
    min_size
        Fewest rows of a class; smaller ones are joined to a neighbour.
    permutations
        Draws for each p; 0 for none.
    seed
        Of folds and draws.

    Raises
    ------
    DataError
        If no driver is continuous.
    OptionError
        If an option is outside its list or range.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> rain = rng.uniform(0.0, 600.0, 300)
    >>> table = pd.DataFrame({"rain": rain, "nep": (rain > 200) + 0.1 * rng.normal(size=300)})
    >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"})
    >>> result = optimise_strata(sample, methods=["optimal"], classes=(2, 4), permutations=19)
    >>> result.chosen[["method", "classes", "p"]].values.tolist()
    [['optimal', 2, 0.05]]
    """
    options = _checked(methods, classes, selection, rules, folds, block_size, min_size, permutations, seed)
    if not sample.continuous:
        raise DataError("no continuous driver is there to cut: the classes of categorical drivers are strata as they are")
    found = [Search(name, part, options) for name, part in in_order(sample).group_samples()]
    parameters = {
        "methods": list(options.methods), "classes": list(options.classes), "selection": selection, "rules": rules,
        "folds": folds, "block_size": block_size, "min_size": min_size, "permutations": permutations, "seed": seed,
    }  # fmt: skip
    return OptimalStrataResult(
        method="optimal_strata",
        parameters=parameters,
        n=sample.n,
        notes=(*_notes(sample, options), *sample.caveats()),
        provenance=history_line("optimal_strata", n=sample.n, **parameters),
        variables=sample.variables(),
        surface=pd.DataFrame([row for one in found for row in one.surface_rows()], columns=SURFACE_COLUMNS),
        chosen=pd.DataFrame([row for one in found for row in one.chosen_rows()], columns=CHOSEN_COLUMNS),
        strata=pd.DataFrame([row for one in found for row in one.strata_rows()], columns=STRATA_COLUMNS),
    )


def apply_strata(sample: PixelSample, result: OptimalStrataResult, *, group: str = ALL) -> PixelSample:
    """Return the sample with every continuous driver replaced by its chosen classes, for any other method.

    The interaction detector of the optimal-parameters (and, with ``methods=["optimal"]``, of the robust) geodetector is
    ``detect(apply_strata(sample, optimise_strata(sample)))``.

    Parameters
    ----------
    sample
        The sample that was optimised, or one with the same drivers.
    result
        From ``optimise_strata``.
    group
        Whose strata.

    Raises
    ------
    OptionError
        If the result has no such group.
    DataError
        If a continuous driver has no strata there.
    """
    choose(group, dict.fromkeys(result.chosen["group"]), "group")
    table = result.strata.loc[(result.strata["group"] == group) & result.strata["lower"].notna()]
    frame, drivers = sample.frame.copy(), []
    for driver in sample.drivers:
        drivers.append(driver)
        if driver.kind == "continuous":
            rows = table.loc[table["driver"] == driver.name]
            if rows.empty:
                raise DataError(
                    f"driver {driver.name!r} has no strata in group {group!r}: it was constant there, or not optimised"
                )
            codes = np.searchsorted(rows["upper"].to_numpy(dtype=np.float64)[:-1], frame[driver.name], side="left")
            frame[driver.name] = pd.Categorical.from_codes(
                codes.tolist(), pd.Index([str(name) for name in rows["level"]]), ordered=True
            )
            drivers[-1] = replace(driver, kind="categorical")
    return replace(sample, frame=frame, drivers=tuple(drivers))


def _notes(sample: PixelSample, options: SearchOptions) -> list[str]:
    notes = [HOW_P] if options.rules == "own" and options.permutations else []
    if options.rules != "own":
        notes.append(f"Cut by the break rules of {options.rules}, with its q: neither cross-validated nor tested.")
    elif sample.coordinates is None:
        notes.append(NO_PLACES)
    elif sample.n > MOST_ROWS and options.permutations:
        notes.append(TOO_MANY)
    many = [d.title for d in sample.continuous if sample.frame[d.name].nunique() > MAX_BINS]
    searched = [m for m in options.methods if m in ("natural", "optimal", "tree")]
    if many and searched and options.rules == "own":
        notes.append(
            f"Borders of {', '.join(searched)} were searched over {MAX_BINS:,} bins, not all values: {', '.join(many)}."
        )
    return notes


def _checked(
    methods: object, classes: object, selection: str, rules: str, folds: object, block_size: float | None, min_size: object,
    permutations: object, seed: int,
) -> SearchOptions:  # fmt: skip
    if isinstance(methods, str) or not isinstance(methods, Sequence) or not methods:
        raise OptionError(f"methods must be a list such as ['quantile', 'natural'], got {methods!r}")
    for one in methods:
        choose(one, SEARCH_METHODS, "strata method")
    choose(selection, SELECTIONS, "selection")
    choose(rules, BREAK_RULES, "rules")
    if rules != "own":
        for one in methods:
            choose(one, PEER_METHODS, f"strata method with rules {rules!r}")
        if selection not in ("max_q", "loess"):
            raise OptionError(f"selection must be 'max_q' or 'loess' with rules {rules!r}, got {selection!r}")
    if not (isinstance(classes, Sequence) and len(classes) == 2 and all(type(k) is int for k in classes)):
        raise OptionError(f"classes must be two whole numbers such as (3, 8), got {classes!r}")
    if not 2 <= classes[0] <= classes[1] <= 50:
        raise OptionError(f"classes must rise from 2 or more to 50 at most, got {classes!r}")
    for name, value, least in (("folds", folds, 2), ("min_size", min_size, 1), ("permutations", permutations, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise OptionError(f"{name} must be a whole number of {least} or more, got {value!r}")
    return SearchOptions(
        methods=tuple(dict.fromkeys(methods)), classes=(classes[0], classes[1]), selection=cast(Selection, selection),
        rules=cast(BreakRules, rules), folds=cast(int, folds), block_size=block_size, min_size=cast(int, min_size),
        permutations=cast(int, permutations), seed=seed,
    )  # fmt: skip
