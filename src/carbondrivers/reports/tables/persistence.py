"""Tables of the persistence: classes beside white noise, what white noise gives, the histogram."""

from __future__ import annotations

from carbondrivers.attribution.persistence import PersistenceResult
from carbondrivers.reports.registry import Table, table_of


@table_of(PersistenceResult)
def persistence_tables(result: PersistenceResult) -> list[Table]:
    """Return class shares, the mean exponent, white noise by years, and the histogram."""
    label = result.label(str(result.variables["name"].iloc[0]))
    return [
        Table(
            "persistence_classes", f"Persistence classes of {label}", result.classes,
            (f"Shares are of the {result.classes['share_of'].iloc[0]} and add to 100 % for each way of classing. White noise: "
             "the share that simulated independent years would have; none is known for an adjusted P, where it is close to "
             "none outside the middle class.",),
            {"level": "Class", "n": "Cells", "share_expected": "White noise", "method": "Classed by"},
            ("method", "level", "n", "area_km2", "share", "share_expected"),
        ),
        Table(
            "persistence_summary", f"Hurst exponent of {label} over the cells", result.summary,
            ("The mean is weighted by the area of the cells; so is that of white noise of the cells' years.",),
            {"n": "Cells", "hurst": "Mean H", "expected": "White noise, mean H", "min": "Smallest", "q25": "25 %",
             "median": "Median", "q75": "75 %", "max": "Largest"},
        ),
        Table(
            "persistence_white_noise", "Hurst exponent of white noise, by years of the series", result.null,
            ("Simulated, and treated like the data.",),
            {"n_valid": "Years", "n": "Cells with as many", "expected": "Mean H", "sd": "Standard deviation",
             "ci_low": "Central 95 %, low", "ci_high": "Central 95 %, high", "share_expected": "Share of H > 0.65"},
        ),
        Table(
            "persistence_histogram", f"Shares of the area by Hurst exponent of {label}", result.histogram, (),
            {"lower": "H from", "upper": "to", "n": "Cells", "share_expected": "White noise"},
        ),
    ]  # fmt: skip
