"""Tables of the spatial association: drivers, numbers of classes, drivers together."""

from __future__ import annotations

from carbondrivers.attribution.spatial_association import HOW_P, SpatialAssociationResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.tables.correlation import CORRECTED, NAIVE

PSD = {"psd": "PSD of the response", "psd_driver": "PSD of the driver", "cpsd": "CPSD", "cells": "Strata"}


@table_of(SpatialAssociationResult)
def spatial_association_tables(result: SpatialAssociationResult) -> list[Table]:
    """Return the drivers, and, where drivers are measured, the numbers of classes and the drivers together."""
    response = result.label(str(result.factors["response"].iloc[0]))
    found = [
        Table(
            "spatial_association", f"Spatial association of {response} with each driver (SPADE)", result.factors, (HOW_P,),
            NAIVE | CORRECTED | {"estimate": "PSMD or PSD", "method": "Statistic"},
            ("group", "driver", "method", "estimate", "p", "p_adjusted", "p_eff", "p_eff_adjusted", "n", "note"),
        ),
        Table(
            "spatial_association_levels", f"Spatial association of {response} by number of classes", result.levels, (),
            PSD | {"classes": "Classes asked for"}, ("group", "driver", "classes", "cells", "psd", "psd_driver", "cpsd"),
        ),
        Table(
            "spatial_association_zones", f"Spatial association of {response} with drivers together (IDSA)", result.zones, (),
            PSD | {"estimate": "PID", "level": "Drivers", "psd_driver": "PSD of the drivers", "cells": "Zones"},
            ("group", "rank", "level", "cells", "psd", "psd_driver", "estimate", "note"),
        ),
    ]  # fmt: skip
    return [table for table in found if len(table.frame)]
