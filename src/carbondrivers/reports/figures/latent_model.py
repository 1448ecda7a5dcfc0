"""Latent models: the diagram with loadings in the boxes, effect bars, and all groups beside each other."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from carbondrivers.attribution.latent_model import LatentResult
from carbondrivers.attribution.latent_spec import LatentModel
from carbondrivers.attribution.latent_tables import REFUSED
from carbondrivers.datasets.sample import ALL
from carbondrivers.errors import OptionError, choose
from carbondrivers.reports.figures import panels, sem_diagram, sem_groups
from carbondrivers.reports.figures.path_model import effect_sources, judged
from carbondrivers.reports.figures.sem_diagram import Arrow, Member, Shape
from carbondrivers.reports.figures.sem_layout import Matrix
from carbondrivers.reports.figures.sem_page import Diagram, box_label, draw_alone, group_pictures
from carbondrivers.reports.registry import Picture, figure_of
from carbondrivers.reports.style import Journal, drawing
from carbondrivers.reports.style import journal as journal_of
from carbondrivers.reports.words import p_text

ARROWS, LOADINGS = "regression", "loading"


def latent_diagram(
    result: LatentResult,
    ax: Axes | None = None,
    *,
    group: str = ALL,
    matrix: Matrix | None = None,
    journal: str | Journal = "jal",
) -> Axes:
    """Draw the diagram of one group, without keys.

    Parameters
    ----------
    result
        From ``latent_model``.
    ax
        Where to draw: about as high as two thirds of its width; axes of their own where None.
    group
        One of the result's groups that was not refused.
    matrix
        Rows of names that say where boxes stand, empty strings for gaps; None: the layout is searched.
    journal
        Profile that sets fonts and sizes.

    Raises
    ------
    OptionError
        If the result has no such group, it was refused, or the matrix does not name every box once.
    """
    profile = journal_of(journal)
    choose(group, dict.fromkeys(result.fit["group"]), "group")
    if group in refusals(result):
        raise OptionError(f"group {group!r} has no numbers to draw: {refusals(result)[group]}")
    with drawing(profile):
        return draw_alone(*_parts(result, group), ax, profile, matrix)


def refusals(result: LatentResult) -> dict[str, str]:
    """Return the groups without numbers, and why."""
    gone = result.fit[result.fit["measure"] == REFUSED]
    return dict(zip(gone["group"], gone["note"], strict=True))


@figure_of(LatentResult)
def latent_pictures(result: LatentResult, *, journal: Journal) -> list[Picture]:
    """Compose a diagram with effect bars for every group with numbers, and where there are groups a panel of all."""
    without = refusals(result)
    groups = list(dict.fromkeys(result.fit["group"]))
    standing = [group for group in groups if group not in without]
    found = group_pictures(
        "latent_model", standing, journal, first=groups[0],
        diagram=lambda group: _diagram(result, group),
        numbers=lambda group: result.standardised[result.standardised["group"] == group].reset_index(drop=True),
        caption=lambda group: _caption(result, group),
    )  # fmt: skip
    if len(groups) > 1 or not found:
        found.append(_groups(result, journal, without))
    return found


def _parts(result: LatentResult, group: str) -> tuple[list[Shape], list[Arrow]]:
    table = result.standardised[result.standardised["group"] == group]
    by = judged(result.coefficients)
    tests = result.coefficients[result.coefficients["group"] == group]
    arrows = [
        Arrow(str(r["driver"]), str(r["response"]), float(r["std_estimate"]), float(r[by]))
        for r in tests[tests["level"] == ARROWS].to_dict("records")
    ]
    r2 = result.r2[result.r2["group"] == group].set_index("response")["r2"]
    loadings = table[table["level"] == LOADINGS]
    names = {end for arrow in arrows for end in (arrow.source, arrow.target)} | set(loadings["driver"])
    responses = set(result.variables.loc[result.variables["role"] == "response", "name"])
    arrows += _arcs(result, group, names)
    shapes = []
    for name in sorted(names):
        mine = loadings[loadings["driver"] == name]
        members = tuple(
            Member(result.label(str(m)), float(w)) for m, w in zip(mine["response"], mine["std_estimate"], strict=True)
        )
        colour = sem_diagram.RESPONSE if name in responses else panels.colour_of(result.category(name))
        shapes.append(Shape(name, box_label(result, name), colour, members, float(r2.get(name, np.nan))))
    return shapes, arrows


def _arcs(result: LatentResult, group: str, boxes: set[str]) -> list[Arrow]:
    """Return the correlated errors of boxes that the model names (``a ~~ b``), as double-headed arrows."""
    named = {frozenset(pair) for pair in LatentModel.parse(str(result.parameters["model"])).correlated}
    rows = result.coefficients[(result.coefficients["group"] == group) & (result.coefficients["level"] == "covariance")]
    by = judged(result.coefficients)
    return [
        Arrow(a, b, float(r["std_estimate"]), float(r[by]), double=True)
        for r in rows.to_dict("records")
        if frozenset((a := str(r["driver"]), b := str(r["response"]))) in named and {a, b} <= boxes
    ]


def _target(result: LatentResult) -> str:
    """The response of the sample where it has effects, else the last variable that has."""
    known = list(dict.fromkeys(result.effects["response"]))
    responses = [name for name in result.variables.loc[result.variables["role"] == "response", "name"] if name in known]
    return str(responses[0]) if responses else str(known[-1]) if known else ""


def _diagram(result: LatentResult, group: str) -> Diagram:
    shapes, arrows = _parts(result, group)
    target = _target(result)
    effects = result.effects[(result.effects["group"] == group) & (result.effects["response"] == target)]
    labels, colours = ({shape.name: getattr(shape, key) for shape in shapes} for key in ("label", "colour"))
    corrected = judged(result.coefficients) == "p_eff"
    heading = panels.group_words(group)
    return Diagram(
        shapes, arrows, effect_sources(effects, labels, colours), heading[:1].upper() + heading[1:],
        f"Standardised effect on {result.label(target)}", "P ≥ 0.05, blocks of space" if corrected else "P ≥ 0.05 (naive)",
        _foot(result, group, sum(arrow.double for arrow in arrows)),
    )  # fmt: skip


def _foot(result: LatentResult, group: str, drawn: int) -> list[str]:
    fit = result.fit[result.fit["group"] == group].set_index("measure")
    said = []
    for measure, name in (("chi2", "χ²"), ("chi2_eff", "scaled by blocks of space χ²")):
        if measure in fit.index and np.isfinite(fit["estimate"][measure]):
            value, df, p = (float(fit[column][measure]) for column in ("estimate", "df", "p"))
            shown = p_text(p)
            said.append(
                f"{name} = {panels.decimals(value)}, df = {df:.0f}, P {shown if shown.startswith('<') else f'= {shown}'}"
            )
    said += [] if said else ["saturated: nothing is tested"]
    for measure in ("cfi", "tli", "rmsea", "srmr"):
        if np.isfinite(fit["estimate"][measure]):
            said.append(f"{measure.upper()} = {panels.decimals(float(fit['estimate'][measure]), 3)}")
    n_eff = f" (effective n = {panels.count(float(fit['n']['chi2_eff']))})" if "chi2_eff" in fit.index else ""
    said.append(f"n = {panels.count(float(fit['n'].iloc[0]))}{n_eff}")
    covariances = int((result.coefficients[result.coefficients["group"] == group]["level"] == "covariance").sum())
    said += ["double-headed, of one width: correlation of errors"] if drawn else []
    said += [f"covariances, not drawn: {covariances - drawn} (in the table)"] if covariances > drawn else []
    return [*said, "in the boxes standardised loadings", sem_diagram.STARS]


def _caption(result: LatentResult, group: str) -> str:
    errors = "errors from blocks of space" if judged(result.coefficients) == "p_eff" else "naive, every row independent"
    return (
        f"Structural equations with latent variables, {panels.group_words(group)}: standardised loadings in the boxes, "
        f"standardised coefficients on the arrows, width in proportion to their size, dashed where P >= 0.05 ({errors}); "
        f"and direct, indirect (hatched) and total standardised effects on {result.label(_target(result))}."
    )


def _groups(result: LatentResult, journal: Journal, without: dict[str, str]) -> Picture:
    table = result.coefficients[result.coefficients["level"].isin([LOADINGS, ARROWS])]
    by = judged(table)
    rows = [f"{box_label(result, a)} → {box_label(result, b)}" for a, b in zip(table["driver"], table["response"], strict=True)]
    frame = table.assign(row=rows, p=table[by])[["group", "level", "row", "std_estimate", "p"]]
    parts = [
        sem_groups.Part(title, frame[frame["level"] == level])
        for level, title in ((LOADINGS, "Loadings"), (ARROWS, "Path coefficients"))
        if (frame["level"] == level).any()
    ]
    foot = [f"{sem_diagram.STARS} ({'blocks of space' if by == 'p_eff' else 'naive'})"]
    foot += [f"{panels.group_words(group)}: refused, {why.split(':')[0]}" for group, why in without.items()]
    on = sem_groups.page(parts, dict(result.fit.groupby("group", sort=False)["n"].first()), journal, foot)
    caption = (
        "Standardised loadings and path coefficients in every group; bold with stars: P < 0.05. Empty: a fit that was refused."
    )
    return Picture(
        "latent_model_groups", on.figure, frame.reset_index(drop=True).rename(columns={"row": "path"}), caption, "double"
    )
