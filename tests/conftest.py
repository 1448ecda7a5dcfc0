"""Shared fixtures: reference tables, a small sample, and a guard on global state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from carbondrivers.datasets import PixelSample

# A continuous-integration run repeats itself; runs by hand go on searching.
settings.register_profile("patient", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("patient")
REFERENCE = Path(__file__).parent / "reference"
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--replicates", type=int, default=0, help="replicates of each simulation (0: each test's own few)")


@pytest.fixture(autouse=True)
def global_state_untouched() -> Iterator[None]:
    """Fail a test that moves NumPy's global random state or leaves a pyplot figure open."""
    before = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
    yield
    after = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
    assert np.array_equal(before, after), "the global random state was changed"


@pytest.fixture
def pixels() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "geodetector" / "pixels.csv")


@pytest.fixture
def sample() -> PixelSample:
    """Two hundred rows with a known linear part, one class driver and overlapping groups."""
    rng = np.random.default_rng(7)
    n = 200
    frame = pd.DataFrame(
        {
            "x": rng.uniform(0, 1e5, n),
            "y": rng.uniform(0, 1e5, n),
            "rain": rng.gamma(4, 100, n),
            "dem": rng.normal(900, 300, n),
            "cover": rng.choice(["forest", "grass", "crop"], n),
        }
    )
    frame["nep"] = 0.2 * frame["rain"] - 0.05 * frame["dem"] + 20 * (frame["cover"] == "forest") + rng.normal(0, 20, n)
    return PixelSample.from_frame(
        frame,
        response="nep",
        drivers={"rain": "climate", "dem": "topography", "cover": "human"},
        coordinates=("x", "y"),
        crs="EPSG:32650",
        groups={"sink": (frame["nep"] > 0).to_numpy(), "source": (frame["nep"] <= 0).to_numpy()},
    )


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data beside the project; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real data are not here ({SHARED_DATA.name} beside the project): run where they are")
    return SHARED_DATA
