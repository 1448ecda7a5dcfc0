"""Models without their nonsignificant arrows, kept apart from the model that is tested.

Arrows are taken out at once where their P (corrected where rows have places) is at least `alpha`. Tested on the rows that
chose it, such a model cannot fail: at n = 1000 with four true weak paths left out, the a priori test rejected 100 % and the
pruned one 4.5 %. It is therefore either called descriptive, or chosen on one half of the blocks of space and tested on the
other half.
"""

from __future__ import annotations

import numpy as np

from carbondrivers.attribution.fit_indices import log_upper_chi2
from carbondrivers.attribution.inference import LN10
from carbondrivers.attribution.path_estimates import Estimates
from carbondrivers.attribution.path_fit import Group, Settings, add_case, equation_rows, group_of, reported
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_inputs import columns_of
from carbondrivers.attribution.path_result import PRUNED
from carbondrivers.attribution.path_tables import Case, Rows, coefficient_rows, indices
from carbondrivers.attribution.resampling import units_of
from carbondrivers.datasets.sample import ALL, PixelSample
from carbondrivers.errors import DataError

DESCRIPTIVE = "descriptive: chosen and fitted on the same rows, its test means nothing"
SPLIT = "chosen on one half of the units and tested on the other"


def prune_group(group: Group, part: PixelSample, model: PathModel, settings: Settings, rows: dict[str, Rows]) -> None:
    """Add the pruned model of one group to the tables.

    Raises
    ------
    DataError
        If a half is too small to be fitted, or no arrow is left.
    """
    how, target = settings.prune, part.response.name
    chosen_on, tested_on = group, group
    if how == "split":
        halves = _halves(part, model.observed(), settings)
        chosen_on, tested_on = (group_of(group.name, half, model.observed(), settings) for half in halves)
    before = reported(chosen_on, model, target, settings)
    decided = _decided(before, settings.alpha)
    gone = [(str(row["response"]), str(row["driver"])) for row in decided if row["level"] == "removed"]
    if len(gone) == len(before.found.model.edges):
        raise DataError(f"no arrow has a P below {settings.alpha:g}, and a model without arrows is none")
    rows["pruned"] += decided
    after = reported(tested_on, model.without(gone), target, settings)
    case = Case(group.name, PRUNED, after.found, after.fields, settings.confidence)
    start = len(rows["fit"])
    rows["equations"] += equation_rows(PRUNED, case.found.model) if group.name == ALL else []
    add_case(case, target, None, rows)
    note = DESCRIPTIVE if how == "descriptive" else SPLIT
    for row in (row for row in rows["fit"][start:] if "p" in row):
        row["note"] = "; ".join(part for part in (str(row.get("note", "")), note) if part)
    full = reported(tested_on, model, target, settings) if how == "split" else before
    row = compared(full.found, case.found) | {"level": "pruned against a priori", "note": note}
    rows["comparison"] += case.keyed([row])


def _halves(part: PixelSample, model: PathModel, settings: Settings) -> tuple[PixelSample, PixelSample]:
    """Return two halves of a sample, of whole blocks, sites, or rows where there are no places."""
    units = units_of(part, None, settings.block_size, columns_of(part, model.order))
    number = int(units.codes.max()) + 1
    first = np.random.default_rng(settings.seed).permutation(number) < number // 2
    mask = first[units.codes]
    if not mask.any() or mask.all():
        raise DataError(f"there are only {number} {units.kind}, too few to halve: give a smaller block_size")
    return part._rows(mask), part._rows(~mask)


def _decided(case: Case, alpha: float) -> Rows:
    found: Rows = []
    for row in coefficient_rows(case, case.sizes()):
        decisive = "p_eff" if case.fields.at is not None else "p"
        p = float(str(row[decisive]))
        found.append(
            {key: row[key] for key in ("group", "method", "response", "driver", "p", "p_eff", "n")}
            | {
                "level": "kept" if p < alpha else "removed",
                "note": f"{'corrected' if decisive == 'p_eff' else 'naive'} P decides",
            }
        )
    return found


def compared(full: Estimates, nested: Estimates) -> dict[str, object]:
    """Return the chi2 difference, df, p and AIC of a nested model against a fuller one on the same rows and variables."""
    one, other = indices(full), indices(nested)
    statistic, df = max(other.chi2 - one.chi2, 0.0), other.df - one.df
    log_p = log_upper_chi2(statistic, df) if df > 0 else np.nan
    return {
        "statistic": statistic, "df": df, "p": float(np.exp(log_p)), "log10_p": log_p / LN10, "aic": other.aic,
        "aic_difference": other.aic - one.aic, "n": one.n,
    }  # fmt: skip
