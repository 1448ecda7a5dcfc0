"""The reference table of path models, its models and samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from carbondrivers.datasets import PixelSample

SEM = Path(__file__).parent / "reference" / "sem"
OBSERVED = (
    "DEM ~ HFP\nSLOPE ~ DEM + GDP\nTEM ~ DEM + HFP\nPRE ~ DEM + SLOPE\nPET ~ TEM + PRE\nSOC ~ PRE + TEM + SLOPE\n"
    "NEP ~ TEM + PRE + PET + SOC + DEM + HFP + LUCC"
)
BLOCKS = (
    "topography ~ human\nclimate ~ topography + human\nsoil ~ climate + topography\nNEP ~ climate + soil + topography + human"
)
CATEGORIES = {
    "GDP": "human", "HFP": "human", "LUCC": "human", "DEM": "topography", "SLOPE": "topography", "TEM": "climate",
    "PRE": "climate", "PET": "climate", "SOC": "soil", "SAND": "soil",
}  # fmt: skip
# The members whose weight in the reference's scores is positive.
COMPOSITE_KEYS = {"climate": "PRE", "topography": "DEM", "human": "LUCC", "soil": "SOC"}
PC1_KEYS = {"climate": "PRE", "topography": "DEM", "human": "HFP", "soil": "SAND"}


def table() -> pd.DataFrame:
    """Return the 600 rows of the reference."""
    return pd.read_csv(SEM / "synth_horqin.csv")


def sample(frame: pd.DataFrame | None = None, *, places: bool = False, **more: object) -> PixelSample:
    """Return the reference table as a sample, on a grid of 30 columns if asked for."""
    frame = table() if frame is None else frame
    if places:
        frame = frame.assign(x=np.arange(len(frame)) % 30 * 1e3, y=np.arange(len(frame)) // 30 * 1e3)
        more |= {"coordinates": ("x", "y"), "crs": "EPSG:32650"}
    return PixelSample.from_frame(frame, response="NEP", drivers=CATEGORIES, **more)
