"""Words of the clusters of units."""

from __future__ import annotations

from carbondrivers.attribution.clusters import METHODS
from carbondrivers.attribution.weighted_clusters import OF_ALL, WeightedClusterResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number, p_text


@text_of(WeightedClusterResult)
def weighted_cluster_text(result: WeightedClusterResult) -> Text:
    """Return Moran's I and the shares of units in clusters, by naive and by adjusted P."""
    label = result.label(str(result.variables["name"].iloc[0]))
    row = result.overall.iloc[0]
    p = p_text(float(row["p"]))
    findings = [
        f"Clusters of units: Moran's I of {label} is {number(float(row['moran_i']), 3)} (z = "
        f"{number(float(row['statistic']), 3)}, P {p if p.startswith('<') else '= ' + p}, {int(row['n']):,} units)."
    ]
    table = result.classes.loc[result.classes["share_of"] == OF_ALL]
    for method in (METHODS["p"], METHODS["p_adjusted"]):
        share = table.loc[table["method"] == method].set_index("level")["share"]
        findings.append(
            f"Clusters of units ({method}): {100 * share['High-High']:.1f} % lie high among high, "
            f"{100 * share['Low-Low']:.1f} % low among low (share of the {OF_ALL})."
        )
    return Text(tuple(findings), _methods(result))


def _methods(result: WeightedClusterResult) -> str:
    p = result.parameters
    style = "made to add to one for each unit" if p["style"] == "W" else "all equal"
    adjusted = (
        "adjusted over the units by Benjamini and Hochberg (1995)" if p["significance"] == "benjamini_hochberg" else "as it is"
    )
    return (
        f"Spatial autocorrelation was measured under given weights, {style}: global Moran's I with moments under "
        f"randomisation, local Moran's I (Anselin 1995) with a two-sided P from {p['permutations']:,} conditional "
        f"permutations, and Gi* (Ord and Getis 1995) with every neighbour weighing the same; classes are by P {adjusted}. "
        "Units without neighbours are a class of their own. Computed with esda and libpysal (Rey and Anselin 2007)."
    )
