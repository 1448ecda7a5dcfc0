"""Tables of clusters of units: Moran's I, class shares, the units."""

from __future__ import annotations

from carbondrivers.attribution.weighted_clusters import WeightedClusterResult
from carbondrivers.reports.registry import Table, table_of


@table_of(WeightedClusterResult)
def weighted_cluster_tables(result: WeightedClusterResult) -> list[Table]:
    """Return the global statistic, the classes by each denominator, and every unit."""
    label = result.label(str(result.variables["name"].iloc[0]))
    return [
        Table(
            "weighted_clusters_overall", f"Global Moran's I of {label}", result.overall, (),
            {"method": "Under", "moran_i": "Moran's I", "expected": "Expected", "std_error": "Standard error", "statistic": "z",
             "n": "Units"},
            ("method", "moran_i", "expected", "std_error", "statistic", "p", "n", "note"),
        ),
        Table(
            "weighted_clusters_classes", f"Cluster classes of {label}", result.classes,
            ("Shares add to 100 % for each test and denominator.",), {"level": "Class", "n": "Units", "method": "Test"},
            ("method", "level", "n", "share", "share_of"),
        ),
        Table(
            "weighted_clusters_units", f"Clusters of {label}, unit by unit", result.units, (),
            {"id": "Unit", "estimate": label, "neighbours": "Neighbours", "local_moran": "Local I", "local_z": "z",
             "p_adjusted": "P, adjusted (BH)", "lisa_class": "LISA", "gi_star": "Gi*", "gi_p": "Naive P of Gi*",
             "gi_class": "Gi* class"},
            ("id", "estimate", "neighbours", "local_moran", "local_z", "p", "p_adjusted", "lisa_class", "gi_star", "gi_class"),
        ),
    ]  # fmt: skip
