"""Data in: tables, rasters and virtual regions, checked and made into pixel samples and stacks."""

from carbondrivers.datasets.align import align, study_grid
from carbondrivers.datasets.derive import derive
from carbondrivers.datasets.landcover import reclassify
from carbondrivers.datasets.product_values import apply_product
from carbondrivers.datasets.rasters import read_raster
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
    "align",
    "apply_product",
    "derive",
    "open_path_artefact",
    "read_raster",
    "read_tower",
    "reclassify",
    "study_grid",
    "virtual_region",
]
