"""Words of the geodetector."""

from __future__ import annotations

import numpy as np
import pandas as pd

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.attribution.geodetector_group import AS_GIVEN, AT_BORDERS
from carbondrivers.attribution.geodetector_verdicts import is_corrected, naive_groups
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.text.correlation import by_group, where
from carbondrivers.reports.words import joined, number, p_text

_WHERE = {
    "groups": "within each group",
    "sample": "at borders found in the sample",
    "searched": "for the whole sample, each driver by the rule and number of classes that a search chose",
}
UNCLEAR = "not distinguishable"
_TESTED = {
    "f": "q was tested by the central F of the analysis of variance, which does not depend on the origin of the response;",
    "welch": "q was tested by Welch's F for unequal variances (1951), which does not depend on the origin of the response;",
    "permutation": "q and the non-additive parts were tested by permutation of rows;",
    "spatial": "q was tested by the central F of the one-way analysis of variance and by a spatial null;",
    "wang2016": "q was tested by the published noncentral F, which depends on the origin of the response;",
}
_RISKS = {"welch": "Welch's t", "games_howell": "Games and Howell 1976"}


@text_of(GeodetectorResult)
def geodetector_text(result: GeodetectorResult) -> Text:
    """Return the driver with the largest q and the strongest pair of each group."""
    findings = {g: _factor(result, g, part) for g, part in _groups(result.factors)}
    for g, part in _groups(result.interactions):
        findings[g] = f"{findings.get(g, '')} {_pair(result, g, part)}".strip()
    methods = (
        "The geodetector's q = 1 - SSW/SST is the share of the response's sum of squares that lies between strata (Wang et "
        f"al. 2010, 2016). {_cut(result)} {_TESTED[str(result.parameters.get('p_method', 'f'))]} epsilon² takes off what "
        "strata explain by chance. For each pair, q of the crossed strata is given with its classic type and with the F test "
        "of the part that an additive fit of both drivers leaves; without such a part at P < 0.05, adjusted over the pairs "
        f"of a group ({_adjustment(result)}), a pair is called not distinguishable from additive. The ecological detector "
        "compares what two drivers explain of the same rows, two-sided and the same for either order; the risk detector "
        f"compares the means of strata ({_RISKS[str(result.parameters.get('risk_test', 'welch'))]}).{_corrected(result)}"
    )
    return by_group(findings, methods)


def _groups(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(g), part) for g, part in table.dropna(subset=["q", "epsilon2"]).groupby("group", sort=False)]


def _cut(result: GeodetectorResult) -> str:
    how, classes = (result.parameters.get(key) for key in ("method", "classes"))
    if how is None:
        return "Strata are the classes of grids."
    own, ways = _own(result), set(result.factors["method"].dropna())
    if ways <= {AS_GIVEN}:
        return "Strata are the classes of the drivers, as they are."
    classed = "; categorical drivers are strata as they are." if AS_GIVEN in ways or not own else "."
    if own and ways <= {AS_GIVEN, AT_BORDERS}:
        return f"Continuous drivers were cut at borders as given ({own}), the same in every group{classed}"
    where = _WHERE[str(result.parameters.get("cut", "groups"))]
    given = f", others at borders as given ({own})" if own else ""
    return f"Continuous drivers were cut into {classes} classes ({how}) {where}{given}{classed}"


def _own(result: GeodetectorResult) -> str:
    """Return the drivers with borders of their own, and these; empty where there are none."""
    borders = result.parameters.get("borders") or {}
    return joined([f"{result.label(d)} at {joined([f'{b:g}' for b in at])}" for d, at in borders.items()])


def _adjustment(result: GeodetectorResult) -> str:
    return {"bh": "Benjamini and Hochberg 1995", "holm": "Holm 1979"}[str(result.parameters.get("adjust", "bh"))]


def _corrected(result: GeodetectorResult) -> str:
    if not is_corrected(result.factors):
        return ""
    naive = naive_groups(result.interactions)
    where_not = f" (naive P decide in {joined([where(g) for g in naive])}, where no corrected one exists)" if naive else ""
    how = "by shifted grids or simulated fields" if result.parameters.get("p_method") == "spatial" else "by rings of distance"
    return (
        f" Beside every naive P stands one that allows for spatial autocorrelation, {how} (after Clifford, Richardson and "
        f"Hemon 1989), and it decides on pairs and strata{where_not}. The interval of the corrected share is that of a "
        "noncentral F with the mean and variance of sums of squares of errors with fitted correlations; the interval of "
        "epsilon² is from resampled blocks of space, widened by what neighbouring blocks share and by how few the region holds."
    )


def _factor(result: GeodetectorResult, group: str, part: pd.DataFrame) -> str:
    top = part.iloc[int(part["q"].argmax())]
    response, driver = result.label(str(top["response"])), result.label(str(top["driver"]))
    level, reach = f"{100 * float(result.parameters['confidence']):g} % interval", ""
    if np.isfinite(top["ci_eff_low"]):
        share, low, high = (number(float(top[c]), 3) for c in ("epsilon2_eff", "ci_eff_low", "ci_eff_high"))
        reach = f"; {share} with autocorrelated errors allowed for, {level} {low} to {high}"
    elif np.isfinite(top["epsilon2_low"]):
        reach = f" ({level} {number(float(top['epsilon2_low']), 3)} to {number(float(top['epsilon2_high']), 3)})"
    place = "whole grids" if result.method == "geodetector_grids" else where(group)
    shown = p_text(float(top["p_eff"]))
    judged = f", corrected P {shown if shown.startswith('<') else f'= {shown}'}" if shown else ""
    return (
        f"Geodetector, {place}: {driver} explains the largest share of {response} (q = {number(float(top['q']), 3)}, "
        f"epsilon² = {number(float(top['epsilon2']), 3)}{reach}{judged}, n = {int(top['n']):,})."
    )


def _pair(result: GeodetectorResult, group: str, part: pd.DataFrame) -> str:
    top = part.iloc[int(part["q"].argmax())]
    one, two = result.label(str(top["driver"])), result.label(str(top["driver_2"]))
    unclear, of = int((part["interaction"] == UNCLEAR).sum()), len(part)
    verdict = f"{UNCLEAR} from additive" if top["interaction"] == UNCLEAR else str(top["interaction"])
    return (
        f"Of the pairs, {one} and {two} explain most (q = {number(float(top['q']), 3)}, epsilon² = "
        f"{number(float(top['epsilon2']), 3)}, {verdict}); pairs not distinguishable from an additive effect: {unclear} of "
        f"{of} (adjusted {'corrected' if is_corrected(part) else 'naive'} P)."
    )
