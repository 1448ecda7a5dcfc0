"""Path models: the diagram with its coefficients, bars of effects, and all groups beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from carbondrivers.attribution.path_result import OBSERVED, PathResult
from carbondrivers.catalogue import CATEGORIES
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import choose
from carbondrivers.reports.figures import panels, sem_diagram, sem_effects, sem_groups
from carbondrivers.reports.figures.sem_diagram import Arrow, Member, Shape
from carbondrivers.reports.figures.sem_layout import Matrix
from carbondrivers.reports.figures.sem_page import Diagram, box_label, draw_alone, group_pictures
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import Journal, drawing
from carbondrivers.reports.style import journal as journal_of
from carbondrivers.reports.words import p_text

# So many correlated errors are drawn; of more, so many are named.
MOST_ARCS, MOST_PAIRS = 6, 4
SCORES = {"composite": "composite scores", "pc1": "first components", "mean": "means", "sheaf": "sheaf coefficients"}


def path_diagram(
    result: PathResult,
    ax: Axes | None = None,
    *,
    group: str = ALL,
    kind: str | None = None,
    matrix: Matrix | None = None,
    journal: str | Journal = "jal",
) -> Axes:
    """Draw the path diagram of one group, without keys.

    Parameters
    ----------
    result
        From ``path_model``.
    ax
        Where to draw: about as high as two thirds of its width; axes of their own where None.
    group
        One of the result's groups.
    kind
        One of the result's models (``"observed"``, ``"composite"``, ``"pc1"``, ...); blocks as scores where there are any.
    matrix
        Rows of names that say where boxes stand, empty strings for gaps; None: the layout is searched.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If the result has no such group or model, or the matrix does not name every box once.
    """
    profile = journal_of(journal)
    choose(group, dict.fromkeys(result.coefficients["group"]), "group")
    kind = shown_kind(result) if kind is None else choose(kind, dict.fromkeys(result.coefficients["method"]), "kind")
    with drawing(profile):
        return draw_alone(*_parts(result, group, kind), ax, profile, matrix)


@figure_of(PathResult)
def path_pictures(result: PathResult, *, journal: Journal) -> list[Picture]:
    """Compose a diagram with effect bars a group, all in the same layout, and where there are groups a panel of all."""
    kind = shown_kind(result)
    table = result.coefficients[result.coefficients["method"] == kind]
    groups = list(dict.fromkeys(table["group"]))
    found = group_pictures(
        "path_model", groups, journal, first=groups[0],
        diagram=lambda group: _diagram(result, group, kind),
        numbers=lambda group: table[table["group"] == group].reset_index(drop=True),
        caption=lambda group: _caption(result, group, kind),
    )  # fmt: skip
    if len(groups) > 1:
        found.append(_groups(result, table, kind, journal))
    return found


def shown_kind(result: PathResult) -> str:
    """Return which of the result's models a diagram shows: blocks as scores where there are any."""
    known = list(dict.fromkeys(result.coefficients["method"]))
    return next((name for name in SCORES if name in known), OBSERVED if OBSERVED in known else known[0])


def judged(table: pd.DataFrame) -> str:
    """Return the column of the p that decides: corrected where there is one."""
    return "p_eff" if table["p_eff"].notna().any() else "p"


def _parts(result: PathResult, group: str, kind: str) -> tuple[list[Shape], list[Arrow]]:
    rows = result.coefficients[(result.coefficients["group"] == group) & (result.coefficients["method"] == kind)]
    by = judged(rows)
    arrows = [
        Arrow(str(r["driver"]), str(r["response"]), float(r["std_estimate"]), float(r[by])) for r in rows.to_dict("records")
    ]
    arrows += _arcs(result, group, kind)
    r2 = result.r2[(result.r2["group"] == group) & (result.r2["method"] == kind)].set_index("response")["r2"]
    weights = result.blocks[(result.blocks["group"] == group) & (result.blocks["method"] == kind)]
    target = _target(result)
    shapes = []
    for name in sorted({end for arrow in arrows for end in (arrow.source, arrow.target)}):
        mine = weights[weights["block"] == name]
        members = tuple(Member(result.label(str(m)), float(w)) for m, w in zip(mine["driver"], mine["estimate"], strict=True))
        colour = sem_diagram.RESPONSE if name == target else panels.colour_of(category_of(result, name, list(mine["driver"])))
        shapes.append(Shape(name, box_label(result, name), colour, members, float(r2.get(name, np.nan))))
    return shapes, arrows


def _arcs(result: PathResult, group: str, kind: str) -> list[Arrow]:
    """Return the correlated errors as double-headed arrows; none where they are too many to be seen."""
    table = result.error_correlations
    rows = table[(table["group"] == group) & (table["method"] == kind)]
    if len(rows) > MOST_ARCS:
        return []
    by = judged(rows)
    return [
        Arrow(str(r["driver"]), str(r["response"]), float(r["r"]), float(r[by]), double=True) for r in rows.to_dict("records")
    ]


def category_of(result: PathResult, name: str, members: Sequence[str] = ()) -> str:
    """Return the category of a variable, or of a block: its own name, or what its members share."""
    shared = {result.category(str(member)) for member in members}
    return name if name in CATEGORIES else shared.pop() if len(shared) == 1 else result.category(name)


def _target(result: PathResult) -> str:
    return str(result.effects["response"].iloc[0]) if len(result.effects) else ""


def _diagram(result: PathResult, group: str, kind: str) -> Diagram:
    shapes, arrows = _parts(result, group, kind)
    colours = {shape.name: shape.colour for shape in shapes}
    labels = {shape.name: shape.label for shape in shapes}
    sources = effect_sources(
        result.effects[(result.effects["group"] == group) & (result.effects["method"] == kind)], labels, colours
    )
    judged_words = "P ≥ 0.05, effective n" if _corrected(result) else "P ≥ 0.05 (naive)"
    words = f"Standardised effect on {result.label(_target(result))}"
    heading = panels.group_words(group)
    return Diagram(
        shapes, arrows, sources, heading[:1].upper() + heading[1:], words, judged_words, _fit_words(result, group, kind)
    )


def effect_sources(table: pd.DataFrame, labels: dict[str, str], colours: dict[str, str]) -> list[sem_effects.Source]:
    """Return direct, indirect and total effects of each source, strongest total first."""
    columns = (table[name] for name in ("driver", "level", "std_estimate"))
    found = {(str(driver), str(level)): float(value) for driver, level, value in zip(*columns, strict=True)}
    names = sorted({name for name, _ in found}, key=lambda name: (-abs(found.get((name, "total"), 0.0)), name))
    return [
        sem_effects.Source(
            labels.get(name, name), colours.get(name, sem_diagram.UNSURE),
            *(found.get((name, level), float("nan")) for level in sem_effects.LEVELS),
        )
        for name in names
    ]  # fmt: skip


def _corrected(result: PathResult) -> bool:
    return judged(result.coefficients) == "p_eff"


def _fit_words(result: PathResult, group: str, kind: str) -> list[str]:
    fit = result.fit[(result.fit["group"] == group) & (result.fit["method"] == kind)].set_index("measure")
    said = []
    for measure, name in (("fisher_c", "Fisher's C"), ("fisher_c_eff", "with effective n C")):
        if measure in fit.index and fit["df"][measure] > 0 and np.isfinite(fit["estimate"][measure]):
            c, df, p = (float(fit[column][measure]) for column in ("estimate", "df", "p"))
            shown = p_text(p)
            said.append(f"{name} = {panels.decimals(c)}, df = {df:.0f}, P {shown if shown.startswith('<') else f'= {shown}'}")
    if not said:
        said.append("saturated: no independence claim, so no test of the model")
    if "rmsea" in fit.index and np.isfinite(fit["estimate"]["rmsea"]):
        said.append(f"RMSEA = {panels.decimals(float(fit['estimate']['rmsea']), 3)}")
    n = result.coefficients[(result.coefficients["group"] == group) & (result.coefficients["method"] == kind)]
    least = float(n["n_eff"].min())
    said.append(
        f"n = {panels.count(float(n['n'].max()))}"
        + (f" (effective n from {panels.count(least)})" if np.isfinite(least) else "")
    )
    members = f"; weights of members: {SCORES[kind]}" if kind in SCORES else ""
    said.append(f"standardised coefficients{members}")
    pairs = result.equations[(result.equations["method"] == kind) & (result.equations["level"] == "correlated")]
    if 0 < len(pairs) <= MOST_ARCS:
        said.append("double-headed, of one width: correlation of errors")
    elif len(pairs):
        named = [f"{box_label(result, a)} and {box_label(result, b)}" for a, b in _pairs(pairs)]
        said.append(
            f"correlated errors, not drawn: {', '.join(named[:MOST_PAIRS])}{', ...' if len(named) > MOST_PAIRS else ''}"
        )
    return [*said, sem_diagram.STARS]


def _caption(result: PathResult, group: str, kind: str) -> str:
    p = "with the effective number of observations" if _corrected(result) else "naive, every row independent"
    of = f" of blocks ({SCORES[kind]}; weights of members in the boxes)" if kind in SCORES else ""
    return (
        f"Path model{of}, {panels.group_words(group)}: standardised coefficients on the arrows, width in proportion to their "
        f"size, dashed where P >= 0.05 ({p}); and direct, indirect (hatched) and total standardised effects on "
        f"{result.label(_target(result))}."
    )


def _groups(result: PathResult, table: pd.DataFrame, kind: str, journal: Journal) -> Picture:
    """Every arrow and every total effect, one column a group."""
    by = judged(table)
    arrows = table.assign(
        row=[
            f"{box_label(result, a)} → {box_label(result, b)}" for a, b in zip(table["driver"], table["response"], strict=True)
        ]
    )
    total = result.effects[(result.effects["method"] == kind) & (result.effects["level"] == "total")]
    total = total.assign(row=[box_label(result, str(name)) for name in total["driver"]])
    shown = "p_eff" if total["p_eff"].notna().any() else "p"
    target = result.label(_target(result))
    parts = [
        sem_groups.Part("Path coefficients", arrows[["group", "row", "std_estimate"]].assign(p=arrows[by])),
        sem_groups.Part(f"Total effects on {target}", total[["group", "row", "std_estimate"]].assign(p=total[shown])),
    ]
    sizes = dict(table.groupby("group", sort=False)["n"].max())
    foot = [
        sem_diagram.STARS + (", with the effective n" if by == "p_eff" else ", naive"),
        "coefficients are standardised within each group: they differ between groups through the variances too",
    ]
    if kind in SCORES:
        foot.append(f"blocks are {SCORES[kind]}, made anew in every group: compare their weights before their signs")
    on = sem_groups.page(parts, sizes, journal, foot)
    numbers = pd.concat([part.table.assign(level=part.title) for part in parts], ignore_index=True).rename(
        columns={"row": "path"}
    )
    caption = (
        f"Standardised path coefficients and total effects on {target} in every group; "
        "bold with stars: P < 0.05. Empty: the arrow is not in the group's model, or the group was not fitted."
    )
    return Picture("path_model_groups", on.figure, numbers, caption, "double")


def _pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(str(a), str(b)) for a, b in zip(table["driver"], table["response"], strict=True)]
