"""How far a calibration carries: whole sites left out beside random folds of the same rows.

Rows of one tower resemble each other, so that a slope tried on rows whose neighbours it was fitted to looks better than
it is at a place without a tower (Roberts et al. 2017, doi:10.1111/ecog.02881). Both kinds of folds are scored on the same
rows, and their gap is said. Random folds are 80 % and 20 %, repeated: five folds a repeat, so that each row is predicted
once in every repeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupKFold

from carbondrivers.errors import OptionError, choose
from carbondrivers.nep_models.agreement import agreement
from carbondrivers.nep_models.calibration import (
    WHOLE,
    CalibrationError,
    Codes,
    Floats,
    GppCalibration,
    Rows,
    slopes_by_class,
)

if TYPE_CHECKING:
    import pandas as pd

NDArrayBool = NDArray[np.bool_]
Folds = Literal["site", "random"]
FOLDS: tuple[Folds, ...] = ("site", "random")
SHOWN = ("r2", "r_squared", "rmse", "bias")
RANDOM_FOLDS = 5


def cross_validate_calibration(
    model: GppCalibration,
    table: Any,
    gpp: Any,
    *,
    folds: Sequence[Folds] = FOLDS,
    repeats: int = 20,
    site_folds: int | None = None,
    seed: int = 20260118,
) -> pd.DataFrame:
    """Score a calibration on rows that it was not fitted to, by class and over all.

    Parameters
    ----------
    model
        With its columns; it is not changed, and need not be fitted. Folds by site need its ``site_column``, which may
        hold years where there is one site.
    table, gpp
        As in ``GppCalibration.fit``.
    folds
        ``"site"`` (whole sites left out) and ``"random"`` (80 % and 20 % of the rows); both by default.
    repeats
        How often the random folds are drawn; scores are means over the repeats.
    site_folds
        Number of folds of whole sites; None leaves out one site at a time.
    seed
        Of the random folds.

    Returns
    -------
    pandas.DataFrame
        One row a kind of folds and class, and ``all``: folds, class, r2 (1 - SSE/SST), r_squared (squared correlation), rmse
        and bias (unit of `gpp`; prediction - observation), n, n_sites, ``gap`` (random folds: their r2 less that of whole
        sites), note. A class whose slope no other site gives, and that borrows none, has no score by sites, and is left out
        of ``all`` under both kinds of folds.

    Raises
    ------
    OptionError
        If an option is outside its list or range, or the model has no site column.
    CalibrationError
        If there is only one site, or the table is wrong as in ``GppCalibration.fit``.

    Examples
    --------
    >>> import pandas as pd
    >>> towers = pd.DataFrame({"x": [1.0, 2, 3, 1, 2, 3, 1, 2, 3], "site": list("aaabbbccc")})
    >>> model = GppCalibration(["x"], site_column="site")
    >>> found = cross_validate_calibration(model, towers, [2.0, 4, 6, 3, 6, 9, 4, 8, 12])
    >>> found[["folds", "r2", "n", "n_sites"]].round(3)
        folds     r2  n  n_sites
    0    site  0.232  9        3
    1  random  0.482  9        3
    """
    import pandas as pd

    _check_options(model, folds, repeats, site_folds)
    rows = clone(model).rows(table, gpp)
    donors = _donors(rows, model.borrow or {})
    held_out = {kind: _predictions(rows, kind, repeats, site_folds, seed, donors) for kind in FOLDS if kind in folds}
    done = {kind: np.isfinite(found).all(axis=0) for kind, found in held_out.items()}
    both = np.all(list(done.values()), axis=0)
    parts = {WHOLE: np.full(len(rows.x), True)}
    if model.class_column is not None:
        parts = {name: rows.codes == k for k, name in enumerate(rows.classes)} | parts
    table_rows: list[dict[str, Any]] = []
    for name, part in parts.items():
        for kind, found in held_out.items():
            scored = part & both if (part & both).any() else part & done[kind]
            head = {"folds": kind, "class": name} | _scores(rows, found, scored)
            table_rows.append(head | {"note": _left_out(rows, part, scored)})
    return _with_gap(pd.DataFrame(table_rows))


def _check_options(model: GppCalibration, folds: Sequence[str], repeats: int, site_folds: int | None) -> None:
    for kind in [folds] if isinstance(folds, str) else folds:
        choose(kind, FOLDS, "folds")
    if isinstance(folds, str) or not folds:
        raise OptionError(f"folds must be a list of {', '.join(map(repr, FOLDS))}, got {folds!r}")
    if not isinstance(repeats, int) or repeats < 1:
        raise OptionError(f"repeats must be a whole number of 1 or more, got {repeats!r}")
    if site_folds is not None and (not isinstance(site_folds, int) or site_folds < 2):
        raise OptionError(f"site_folds must be a whole number of 2 or more, got {site_folds!r}")
    if "site" in folds and model.site_column is None:
        raise OptionError("folds by site need site_column: name the column of the sites, or give folds=('random',)")


def _donors(rows: Rows, borrow: Mapping[str, str]) -> dict[int, int]:
    """Return place of a class to place of its donor, where both have rows."""
    place = {name: k for k, name in enumerate(rows.classes)}
    return {place[name]: place[donor] for name, donor in borrow.items() if name in place and donor in place}


def _predictions(
    rows: Rows, kind: str, repeats: int, site_folds: int | None, seed: int, donors: Mapping[int, int]
) -> Floats:  # fmt: skip
    """Return held-out predictions, shape (repeats, n); NaN where a class has no slope without the fold."""
    plans = [_by_site(rows, site_folds)] if kind == "site" else list(_at_random(len(rows.x), repeats, seed))
    found = np.full((len(plans), len(rows.x)), np.nan)
    for predicted, plan in zip(found, plans, strict=True):
        for fold in range(int(plan.max()) + 1):
            out = plan == fold
            into = ~out
            c = slopes_by_class(rows.x[into], rows.y[into], rows.weight[into], rows.codes[into], len(rows.classes))
            for name, donor in donors.items():
                c[name] = c[donor] if np.isnan(c[name]) else c[name]
            predicted[out] = c[rows.codes[out]] * rows.x[out]
    return found


def _by_site(rows: Rows, site_folds: int | None) -> Codes:
    """Return the fold of each row: its site, or a fold of whole sites."""
    count = len(rows.site_names)
    if count < 2:
        raise CalibrationError(
            f"leaving sites out needs two sites or more, the column of sites holds only {rows.site_names[0]!r}: "
            "give folds=('random',), or years as site_column"
        )
    if site_folds is None:
        return rows.sites
    if site_folds > count:
        raise OptionError(f"site_folds must be at most the number of sites, {count}, got {site_folds}")
    plan = np.zeros(len(rows.x), dtype=np.int64)
    for fold, (_, out) in enumerate(GroupKFold(site_folds).split(rows.x, groups=rows.sites)):
        plan[out] = fold
    return plan


def _at_random(n: int, repeats: int, seed: int) -> Iterator[Codes]:
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        yield rng.permutation(n) % min(RANDOM_FOLDS, n)


def _scores(rows: Rows, found: Floats, scored: NDArrayBool) -> dict[str, Any]:
    """Return the scores of some rows, means over the repeats."""
    sites = rows.sites[scored]
    known = {"n": int(scored.sum()), "n_sites": len(np.unique(sites)) if (rows.sites >= 0).all() else np.nan}
    if not scored.any():
        return dict.fromkeys(SHOWN, np.nan) | known
    each = [agreement(rows.y[scored], predicted[scored]) for predicted in found]
    return {name: float(np.mean([one[name] for one in each])) for name in SHOWN} | known


def _left_out(rows: Rows, part: NDArrayBool, scored: NDArrayBool) -> str:
    """Say which rows of a part have no score."""
    gone = part & ~scored
    if not gone.any():
        return ""
    names = ", ".join(rows.classes[k] for k in np.unique(rows.codes[gone]))
    which = f" of {names}" if len(rows.classes) > 1 else ""
    return f"{int(gone.sum())} rows{which} have no score: without their fold the class has no site, and it borrows no slope"


def _with_gap(table: pd.DataFrame) -> pd.DataFrame:
    """Add how much better random folds look than whole sites, as a number and in words."""
    by_site = table.loc[table["folds"] == "site"].set_index("class")["r2"]
    table["gap"] = np.where(table["folds"] == "random", table["r2"] - table["class"].map(by_site), np.nan)
    said = [_gap_words(gap) for gap in table["gap"]]
    table["note"] = ["; ".join(text for text in texts if text) for texts in zip(table["note"], said, strict=True)]
    return table[["folds", "class", *SHOWN, "n", "n_sites", "gap", "note"]]


def _gap_words(gap: float) -> str:
    if np.isnan(gap):
        return ""
    return f"r2 is {abs(gap):.3f} {'above' if gap > 0 else 'below'} that of whole sites left out"
