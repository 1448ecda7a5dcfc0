"""Tables of spatial clusters: global Moran's I, and the class shares by each denominator."""

from __future__ import annotations

from carbondrivers.attribution.clusters import OF_ALL, ClusterResult
from carbondrivers.reports.registry import Table, table_of


@table_of(ClusterResult)
def cluster_tables(result: ClusterResult) -> list[Table]:
    """Return Moran's I by each test, class shares of all cells, and class shares of the significant ones."""
    label = result.label(str(result.variables["name"].iloc[0]))
    of_all = result.classes["share_of"] == OF_ALL
    found = [
        Table(
            "clusters_moran", f"Global Moran's I of {label}", result.overall, ("P is two-sided.",),
            {"method": "Test", "moran_i": "Moran's I", "expected": "Expectation", "std_error": "Standard deviation",
             "statistic": "z", "n": "Cells"},
        )
    ]  # fmt: skip
    for name, rows in (("clusters_classes", of_all), ("clusters_classes_significant", ~of_all)):
        table = result.classes.loc[rows].reset_index(drop=True)
        share_of = str(table["share_of"].iloc[0])
        found.append(
            Table(
                name, f"Cluster classes of {label}, of the {share_of}", table,
                (f"Shares are of the {share_of} and add to 100 % for each test.",),
                {"level": "Class", "n": "Cells", "method": "Test"},
                ("method", "level", "n", "area_km2", "share"),
            )
        )  # fmt: skip
    return found
