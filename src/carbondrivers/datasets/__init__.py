"""Data in: tables, rasters and virtual regions, checked and made into pixel samples and stacks."""

from carbondrivers.datasets.sample import Driver, PixelSample
from carbondrivers.datasets.virtual import VirtualRegion, virtual_region

__all__ = ["Driver", "PixelSample", "VirtualRegion", "virtual_region"]
