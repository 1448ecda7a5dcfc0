"""Words of boosted trees."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.influence_result import BLOCKS, CONTROL, CUT_GROUP, INFLUENCE, RANDOM, InfluenceResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import joined, number


@text_of(InfluenceResult)
def influence_text(result: InfluenceResult) -> Text:
    """Return the leading drivers and categories of each group, the scores and what is below the noise floor."""
    findings: dict[str, str] = {}
    for group, rows in result.influence.groupby("group", sort=False):
        said = [_leading(result, rows), _categories(result, str(group)), _scores(result, str(group)), _floor(result, rows)]
        said += [_expected(result, rows), _twin(result, str(group))]
        findings[str(group)] = f"Boosted trees, {where(str(group))}: {' '.join(s for s in said if s)}"
    return by_group(findings, _methods(result))


def percent(share: float) -> str:
    """Return a share as text."""
    return "undefined" if pd.isna(share) else f"{100 * share:.1f} %"


def _leading(result: InfluenceResult, rows: pd.DataFrame) -> str:
    if rows["share"].isna().all():
        return "no tree has a split, so that influence is undefined."
    top = rows.sort_values("share", ascending=False).head(3)
    words = []
    for row in top.to_dict("records"):
        interval = "" if pd.isna(row["ci_low"]) else f", {percent(row['ci_low'])} to {percent(row['ci_high'])}"
        words.append(f"{result.label(row['driver'])} ({percent(row['share'])}{interval})")
    level = f"{100 * result.parameters['confidence']:g} %"
    return f"{joined(words)} lead the relative influence ({level} intervals over spatial blocks)."


def _categories(result: InfluenceResult, group: str) -> str:
    table = result.categories
    rows = table.loc[(table["group"] == group) & (table["method"] == INFLUENCE)].sort_values("share", ascending=False)
    words = [
        f"{row['category']} {percent(row['share'])} ({int(row['n_drivers'])} driver{'s' if row['n_drivers'] > 1 else ''})"
        for row in rows.to_dict("records")
    ]
    return f"By category: {joined(words)}."


def _scores(result: InfluenceResult, group: str) -> str:
    rows = result.scores.loc[result.scores["group"] == group]
    table = {str(row["method"]): float(row["r2"]) for row in rows.to_dict("records")}
    if RANDOM not in table:
        return ""
    said = f"R² is {number(table[RANDOM], 3)} under random folds"
    if BLOCKS not in table:
        return f"{said}; the rows could not be put into spatial folds."
    gap = number(table[RANDOM] - table[BLOCKS], 2)
    return f"{said} and {number(table[BLOCKS], 3)} under spatial folds (gap {gap})."


def _floor(result: InfluenceResult, rows: pd.DataFrame) -> str:
    below = rows.loc[rows["above_floor"].eq(False).fillna(False), "driver"]
    if rows["above_floor"].isna().all():
        return ""
    if below.empty:
        return f"All drivers are above the noise floor of {percent(rows['floor'].iloc[0])}."
    named = joined([result.label(d) for d in below])
    return f"Not distinguishable from unrelated drivers (noise floor {percent(rows['floor'].iloc[0])}): {named}."


def _expected(result: InfluenceResult, rows: pd.DataFrame) -> str:
    known = rows.dropna(subset=["share", "share_expected"])
    if known.empty:
        return ""
    gap = known.iloc[int((known["share"] - known["share_expected"]).abs().argmax())]
    return (
        f"The group is cut on the response: of the cut alone {result.label(str(gap['driver']))} would have "
        f"{percent(gap['share_expected'])} instead of {percent(gap['share'])}, the largest departure of any driver."
        f"{_cut_scores(result, str(rows['group'].iloc[0]))}"
    )


def _cut_scores(result: InfluenceResult, group: str) -> str:
    table = result.scores.loc[result.scores["group"] == group].set_index("method")["r2"]
    alone, own = (float(table.get(method, float("nan"))) for method in (CONTROL, CUT_GROUP))
    if alone != alone or own != own:
        return ""
    return f" R² of the cut alone would be {number(alone, 2)}; in the same folds the group has {number(own, 2)}."


def _twin(result: InfluenceResult, group: str) -> str:
    rows = result.twins.loc[result.twins["group"] == group].dropna(subset=["share", "share_2"])
    if rows.empty:
        return ""
    response, twin = (result.label(str(rows[name].iloc[0])) for name in ("response", "response_2"))
    leads = [rows.sort_values(by, ascending=False, kind="stable").iloc[0] for by in ("share", "share_2")]
    gap = rows.iloc[int((rows["share"] - rows["share_2"]).argmax())]
    own = (
        f"{result.label(str(leads[0]['driver']))} leads both {response} ({percent(leads[0]['share'])}) and {twin} "
        f"({percent(leads[0]['share_2'])})"
        if leads[0]["driver"] == leads[1]["driver"]
        else f"{result.label(str(leads[0]['driver']))} leads {response} ({percent(leads[0]['share'])}), "
        f"{result.label(str(leads[1]['driver']))} {twin} ({percent(leads[1]['share_2'])})"
    )
    return (
        f"{own}; beyond the twin {result.label(str(gap['driver']))} has most: {percent(gap['share'])} against "
        f"{percent(gap['share_2'])}."
    )


def _methods(result: InfluenceResult) -> str:
    given, chosen = result.parameters, result.settings.loc[result.settings["selected"].astype(bool)]
    taken = "; ".join(
        f"{where(str(row['group']))}: {int(row['n_trees']):,} trees of {int(row['tree_complexity'])} "
        f"split{'s' if row['tree_complexity'] > 1 else ''}, learning rate {row['learning_rate']:g}, bag fraction "
        f"{row['bag_fraction']:g}"
        for row in chosen.to_dict("records")
    )
    tried = (
        f"tree complexity {_listed(given['tree_complexity'])}, learning rate {_listed(given['learning_rate'])}, bag fraction "
        f"{_listed(given['bag_fraction'])}"
    )
    how = (
        f"The number of trees was given ({given['n_trees']})."
        if given["n_trees"]
        else f"Settings tried were {tried}; the number of trees was chosen by cross-validated deviance, and among settings "
        "within one standard error of the best the fewest splits were taken."
    )
    floor = (
        f" The noise floor is the median, over {given['shadow_sets']} sets, of the strongest phase-randomised shadow of the "
        "drivers."
        if given["shadow_sets"]
        else ""
    )
    engine = "xgboost (histogram trees grown best first)" if given["engine"] == "xgboost" else "scikit-learn"
    return (
        f"Boosted regression trees (Elith et al. 2008) were grown with {engine}, {given['distribution']} loss and at least "
        f"{given['min_observations']} rows in a leaf. {how} Taken: {taken}. Relative influence is the sum of squares taken "
        "away by the splits on a driver, as a part of that of all drivers (Friedman 2001). "
        f"{100 * given['confidence']:g} % intervals are percentiles of {given['replicates']} refits on spatial blocks drawn "
        f"with replacement.{floor} Partial dependence is by weighted traversal of the trees; accumulated local effects follow "
        "Apley and Zhu (2020). Importance by permutation, also within rows alike in the other drivers, and by refitting "
        f"without a category was judged on held-out folds (folds: {given['folds']}, {given['n_folds']})."
    )


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
