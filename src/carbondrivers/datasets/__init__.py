"""Data in: tables, rasters and virtual regions, checked and made into pixel samples and stacks."""

from carbondrivers.datasets.sample import Driver, PixelSample
from carbondrivers.datasets.tower_aggregation import Coverage, aggregate_tower
from carbondrivers.datasets.tower_artefact import open_path_artefact
from carbondrivers.datasets.towers import read_tower
from carbondrivers.datasets.virtual import VirtualRegion, virtual_region

__all__ = [
    "Coverage",
    "Driver",
    "PixelSample",
    "VirtualRegion",
    "aggregate_tower",
    "open_path_artefact",
    "read_tower",
    "virtual_region",
]
