"""Words of spatial clusters."""

from __future__ import annotations

from carbondrivers.attribution.clusters import METHODS, OF_ALL, ClusterResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import p_text


@text_of(ClusterResult)
def cluster_text(result: ClusterResult) -> Text:
    """Return Moran's I, and the shares of the clusters by the p that classed the map and by the other one."""
    label = result.label(str(result.variables["name"].iloc[0]))
    row = result.overall.iloc[0]
    p = p_text(float(row["p"]))
    tested = f" (z = {row['statistic']:.1f}, P {p if p.startswith('<') else f'= {p}'}, randomisation)" if p else ""
    findings = [f"Clusters: Moran's I of {label} is {row['moran_i']:.3f}{tested}, {result.n:,} cells."]
    table = result.classes.loc[result.classes["share_of"] == OF_ALL].set_index(["method", "level"])["share"]
    for key in ("p", "p_adjusted"):
        share = 100 * table.loc[METHODS[key]]
        findings.append(
            f"Clusters ({METHODS[key]}): {share['High-High']:.1f} % of the area is high among high, "
            f"{share['Low-Low']:.1f} % low among low, {share['High-Low'] + share['Low-High']:.1f} % an outlier, "
            f"{share['Not significant']:.1f} % not significant (share of the {OF_ALL})."
        )
    by = METHODS[str(result.grid["gi_class"].attrs["p"])]
    gi = 100 * table.loc[by]
    hot, cold = (float(gi[[level for level in gi.index if level.startswith(word)]].sum()) for word in ("Hot", "Cold"))
    findings.append(
        f"Clusters ({by}): {hot:.1f} % of the area is a hot spot and {cold:.1f} % a cold spot at P < 0.1 (share of the "
        f"{OF_ALL})."
    )
    return Text(tuple(findings), _methods(result))


def _methods(result: ClusterResult) -> str:
    options = result.parameters
    weights = "row-standardised" if options["style"] == "W" else "binary"
    adjusted = options["significance"] == "benjamini_hochberg"
    classed = "P adjusted over the map (Benjamini and Hochberg 1995)" if adjusted else "P of each cell, not adjusted"
    sides = "two-sided" if options["alternative"] == "two-sided" else "one-sided, in the direction found"
    return (
        f"Spatial autocorrelation was measured by Moran's I ({options['contiguity']} contiguity, {weights} weights; Cliff and "
        f"Ord 1981), local clusters by local Moran's I (Anselin 1995) with a conditional permutation P ({sides}, "
        f"{options['permutations']:,} draws) and by Gi* (Ord and Getis 1995); the maps are classed by the {classed}, at "
        f"{options['alpha']:g} (Gi*: 0.01, 0.05 and 0.1). Cells without neighbours are a class of their own. Areas are true "
        "cell areas."
    )
