"""Words of the trend."""

from __future__ import annotations

from carbondrivers.attribution.trend import TrendResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number, p_text, quantity

NAMES = {"ols": "least squares, t-test", "theil_sen": "Theil-Sen, Mann-Kendall test"}


@text_of(TrendResult)
def trend_text(result: TrendResult) -> Text:
    """Return the regional slope and the shares of rising and falling area, naive and adjusted."""
    name = str(result.variables["name"].iloc[0])
    label, per_year = result.label(name), f"{result.unit(name)} a-1".strip()
    first, last = (int(y) for y in result.parameters["years"])
    findings = []
    for row in result.regional.to_dict("records"):
        slope, low, high = (float(row[key]) for key in ("estimate", "ci_low", "ci_high"))
        p = p_text(float(row["p"]))
        findings.append(
            f"Trend: the regional mean {label} changed by {quantity(slope, per_year, 3)} from {first} to {last} "
            f"({NAMES[str(row['method'])]}; 95 % CI {number(low, 3)} to {number(high, 3)}, "
            f"P {p if p.startswith('<') else '= ' + p}, {row['n']} years)."
        )
    for method, part in result.classes.groupby("method", sort=False):
        share = part.set_index("level")["share"]
        up = share["Extremely significant increase"] + share["Significant increase"]
        down = share["Extremely significant decrease"] + share["Significant decrease"]
        findings.append(
            f"Trend map ({method}): {100 * up:.1f} % of the area increased and {100 * down:.1f} % decreased at P < 0.05 "
            f"(share of the {part['share_of'].iloc[0]})."
        )
    methods = (
        "The trend of each cell was estimated by ordinary least squares and by the Theil-Sen slope (median of all pairwise "
        "slopes) and tested by Mann-Kendall with ties and continuity correction (Mann 1945; Kendall 1975; Sen 1968), on true "
        f"years, for cells with at least {result.parameters['min_valid']} valid years. P-values were adjusted over the map "
        "by Benjamini and Hochberg (1995). Areas and regional means are weighted by true cell area."
    )
    return Text(tuple(findings), methods)
