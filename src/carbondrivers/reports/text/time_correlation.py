"""Words of the correlation through time."""

from __future__ import annotations

from carbondrivers.attribution.time_correlation import ALL_DRIVERS, P_WORDS, STATUS, TimeCorrelationResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import joined, number, p_text

KINDS = {"pearson": "Pearson's r", "partial": "the partial r"}


@text_of(TimeCorrelationResult)
def time_correlation_text(result: TimeCorrelationResult) -> Text:
    """Return the multiple correlation of the region, and for each kind the driver that the largest area follows."""
    known = result.variables
    label = result.label(str(known.loc[known["role"] == "response", "name"].iloc[0]))
    findings = [_regional(result, label)]
    for kind in result.parameters["kind"]:
        found = _widest(result, kind, label)
        findings += [found] if found else []
    computed = float(result.status.set_index("level")["share"][STATUS[0]])
    if computed < 1.0:
        findings.append(
            f"Correlation through time: all coefficients could be computed for {100 * computed:.1f} % of the area (share of "
            f"the {result.status['share_of'].iloc[0]})."
        )
    return Text(tuple(findings), _methods(result))


def _regional(result: TimeCorrelationResult, label: str) -> str:
    row = result.regional.loc[result.regional["driver"] == ALL_DRIVERS].iloc[0]
    r, p, p_eff = (float(row[key]) for key in ("r", "p", "p_eff"))
    drivers = joined([result.label(name) for name in result.parameters["drivers"]])
    said = [f"{words} {_p(value)}" for words, value in (("naive P", p), ("corrected P", p_eff)) if p_text(value)]
    if not number(r):
        return f"Correlation through time: the regional mean of {label} has no multiple correlation with {drivers}."
    clear = "" if p_eff < 0.05 else ", no correlation that can be told from zero"
    return (
        f"Correlation through time: the multiple correlation of the regional mean of {label} with {drivers} is "
        f"R = {number(r, 3)} ({int(row['n'])} years{''.join(f', {one}' for one in said)}{clear})."
    )


def _widest(result: TimeCorrelationResult, kind: str, label: str) -> str:
    table = result.shares.loc[result.shares["method"] == f"{kind}, {P_WORDS['p_eff']}"]
    share = table.pivot_table(index="driver", columns="level", values="share", sort=True)
    if share.empty:
        return ""
    top = str(share.sum(axis=1).idxmax())
    adjusted = result.shares.loc[result.shares["method"] == f"{kind}, {P_WORDS['p_eff_adjusted']}"]
    positive, negative = (100.0 * float(share[level][top]) for level in ("positive", "negative"))
    kept = float(adjusted.loc[adjusted["driver"] == top, "share"].sum())
    return (
        f"Correlation through time: {KINDS[kind]} of {label} is significant most widely with {result.label(top)}: positive in "
        f"{positive:.1f} %, negative in {negative:.1f} % of the area "
        f"(corrected P < 0.05; {100 * kept:.1f} % after adjusting over the cells; share of the {table['share_of'].iloc[0]})."
    )


def _p(value: float) -> str:
    text = p_text(value)
    return text if text.startswith("<") else f"= {text}"


def _methods(result: TimeCorrelationResult) -> str:
    detrended = (
        "after its least-squares line was taken off, at the cost of one degree of freedom" if result.parameters["detrend"]
        else "with its trend left in"
    )  # fmt: skip
    partial = (
        "Partial coefficients hold all other drivers and lose one degree of freedom for each. " if "partial" in
        result.parameters["kind"] else ""
    )  # fmt: skip
    return (
        f"The response of each cell was correlated with its drivers through the years, each series {detrended}, over the years "
        f"in which all have a value ({result.parameters['min_valid']} at least). {partial}The multiple correlation was tested "
        "by F. Naive P-values take years as independent; corrected ones put the effective number of years in the place of n, "
        "from the lag-1 autocorrelations of the two series that are correlated (Bretherton et al. 1999). P-values were "
        "adjusted over the cells of each driver (Benjamini and Hochberg 1995)."
    )
