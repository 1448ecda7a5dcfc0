"""Words of the trend."""

from __future__ import annotations

from carbondrivers.attribution.trend import TrendResult
from carbondrivers.attribution.trend_classes import RULES, significant
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import joined, number, p_text, quantity, rate_unit

NAMES = {"ols": "least squares, t-test", "theil_sen": "Theil-Sen, Mann-Kendall test"}
TESTS = {
    "mann_kendall": "Trends were tested by Mann-Kendall with ties and continuity correction (Mann 1945; Kendall 1975), exactly "
    "where a cell has at most 10 years without ties",
    "three_pw": "Trends were tested by Mann-Kendall; where the lag-1 autocorrelation of a cell is significant, a trend counts "
    "only if it is found after prewhitening and after trend-free prewhitening (3PW, Collaud Coen et al. 2020)",
    "hamed_rao": "Trends were tested by Mann-Kendall with the variance of Hamed and Rao (1998), its factor held to 1 or more "
    "and its lags to 3",
}
SLOPES = {
    "ols": "ordinary least squares",
    "theil_sen": "the median of all pairwise slopes (Theil 1950; Sen 1968)",
}


@text_of(TrendResult)
def trend_text(result: TrendResult) -> Text:
    """Return the regional slope and the shares of rising and falling area, naive and adjusted."""
    name = str(result.variables["name"].iloc[0])
    label, per_year = result.label(name), rate_unit(result.unit(name))
    first, last = (int(y) for y in result.parameters["years"])
    findings = []
    for row in result.regional.to_dict("records"):
        slope, low, high = (float(row[key]) for key in ("estimate", "ci_low", "ci_high"))
        p = p_text(float(row["p"]))
        plain = row["method"] == "ols" or result.parameters.get("test", "mann_kendall") == "mann_kendall"
        clear = "" if float(row["p"]) < 0.05 else ", no trend that can be told from zero"
        findings.append(
            f"Trend: the slope of the regional mean of {label} from {first} to {last} is {quantity(slope, per_year, 3)} "
            f"({NAMES[str(row['method'])]}; 95 % CI {number(low, 3)} to {number(high, 3)}, "
            f"{'naive ' if plain else ''}P {p if p.startswith('<') else '= ' + p}, {row['n']} years{clear})."
        )
    for method, part in result.classes.groupby("method", sort=False):
        share = part.set_index("level")["share"]
        up, down = (share[significant(list(share.index), direction)].sum() for direction in ("increase", "decrease"))
        findings.append(
            f"Trend map ({method}): {100 * up:.1f} % of the area increased and {100 * down:.1f} % decreased at P < 0.05 "
            f"(share of the {part['share_of'].iloc[0]})."
        )
    return Text(tuple(findings), _methods(result))


def _methods(result: TrendResult) -> str:
    chosen = [SLOPES[name] for name in SLOPES if name in result.parameters["method"]]
    slopes = f"The slope of each cell was estimated by {joined(chosen)}. " if chosen else ""
    adjusted = result.parameters["significance"] == "benjamini_hochberg"
    classed = "P adjusted over the map by Benjamini and Hochberg (1995)" if adjusted else "P of each cell, not adjusted"
    test, view = (
        result.parameters.get(key, known) for key, known in (("test", "mann_kendall"), ("classes", "northwest_china"))
    )
    naive = "Both P take the years of a cell as independent. " if test == "mann_kendall" else ""
    return (
        f"{slopes}{TESTS[test]}, on true years, for cells with at least {result.parameters['min_valid']} valid years; the map "
        f"is classed by the {classed} ({RULES[view]}). {naive}"
        "Areas and regional means are weighted by true cell area."
    )
