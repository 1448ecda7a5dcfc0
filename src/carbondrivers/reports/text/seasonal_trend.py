"""Words of the seasonal trend."""

from __future__ import annotations

from carbondrivers.attribution.seasonal_trend import SeasonalTrendResult
from carbondrivers.attribution.trend_classes import RULES, significant
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number, p_text, quantity, rate_unit


@text_of(SeasonalTrendResult)
def seasonal_trend_text(result: SeasonalTrendResult) -> Text:
    """Return the regional seasonal slope, its strongest month, and the shares of rising and falling area."""
    name = str(result.variables["name"].iloc[0])
    label, per_year = result.label(name), rate_unit(result.unit(name))
    first, last = (int(y) for y in result.parameters["years"])
    whole, months = result.regional.iloc[0], result.regional.iloc[1:]
    slope, low, high, p = (float(whole[key]) for key in ("estimate", "ci_low", "ci_high", "p"))
    clear = "" if p < 0.05 else ", no trend that can be told from zero"
    findings = [
        f"Seasonal trend: from {first} to {last} the months of the regional mean of {label} have a slope of "
        f"{quantity(slope, per_year, 3)} in common (seasonal Sen; 95 % CI {number(low, 3)} to {number(high, 3)}, naive P "
        f"{p_text(p) if p < 0.001 else '= ' + p_text(p)}{clear})."
    ]
    if len(months) > 1 and months["estimate"].notna().any():
        top = months.iloc[int(months["estimate"].abs().fillna(-1.0).argmax())]
        found = int((months["p"] < 0.05).sum())
        findings.append(
            f"Seasonal trend: {label} changes most in {top['level']} ({quantity(float(top['estimate']), per_year, 3)}); taken "
            f"alone, {found} of {len(months)} months have a trend at naive P < 0.05."
        )
    for method, part in result.classes.groupby("method", sort=False):
        share = part.set_index("level")["share"]
        up, down = (share[significant(list(share.index), direction)].sum() for direction in ("increase", "decrease"))
        findings.append(
            f"Seasonal trend map ({method}): {100 * up:.1f} % of the area increased and {100 * down:.1f} % decreased at "
            f"P < 0.05 (share of the {part['share_of'].iloc[0]})."
        )
    return Text(tuple(findings), _methods(result))


def _methods(result: SeasonalTrendResult) -> str:
    adjusted = result.parameters["significance"] == "benjamini_hochberg"
    classed = "P adjusted over the map by Benjamini and Hochberg (1995)" if adjusted else "P of each cell, not adjusted"
    return (
        "The seasonal trend of each cell compares values of the same month alone: the slope is the median of the slopes of all "
        "pairs of years within a month, and S and its variance of Mann-Kendall are summed over the months, with ties and "
        "continuity correction (Hirsch, Slack and Smith 1982). Months with fewer than "
        f"{result.parameters['min_valid']} valid years do not count. The map is classed by the {classed} "
        f"({RULES[result.parameters['classes']]}). P takes months and years as independent."
    )
