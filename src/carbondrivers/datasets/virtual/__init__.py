"""Virtual regions: grids with the look of real ones, for demo, tutorials and tests, whose causes are known."""

from carbondrivers.datasets.virtual.fields import gaussian_field
from carbondrivers.datasets.virtual.region import VirtualRegion, virtual_region
from carbondrivers.datasets.virtual.truth import ProcessTruth, Truth

__all__ = ["ProcessTruth", "Truth", "VirtualRegion", "gaussian_field", "virtual_region"]
