"""Table of the response along terrain."""

from __future__ import annotations

from carbondrivers.attribution.profile import ProfileResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import unit_words


@table_of(ProfileResult)
def profile_tables(result: ProfileResult) -> list[Table]:
    """Return the bands of every variable."""
    name = str(result.variables["name"].iloc[0])
    unit = unit_words(result.unit(name))
    level = f"{100 * result.parameters['confidence']:g} % CI"
    totals = ["total"] if result.profiles["total"].notna().any() else []
    return [
        Table(
            "profile", f"{result.label(name)} along terrain", result.profiles,
            (f"Share: of the {result.profiles['share_of'].iloc[0]}.",),
            {"driver": "Along", "level": "Band", "n": "Cells", "n_units": "Blocks",
             "estimate": f"Mean ({unit})" if unit else "Mean", "ci_low": f"{level}, low", "ci_high": f"{level}, high",
             "total": "Total (Tg C a⁻¹)", "share": "Share of the area"},
            ("driver", "level", "n", "area_km2", "share", "estimate", "ci_low", "ci_high", *totals, "n_units", "note"),
        )
    ]  # fmt: skip
