"""Figures of the strata family: they read at every width and with long names, and their colours can be told apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from carbondrivers.attribution import (
    optimal_zones,
    optimise_strata,
    optimum_windows,
    scale_curve,
    spatial_association,
    yearly_q,
)
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.strata import SEARCH_METHODS
from carbondrivers.datasets import PixelSample
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.reports.figures.curves import SERIES_COLOURS
from carbondrivers.reports.lint import lint
from carbondrivers.reports.style import JOURNALS, smallest_difference

from .test_figures import LONG, make_sample

FAMILY: dict[str, Callable[[PixelSample], Result]] = {
    "optimal_strata": lambda s: optimise_strata(s, methods=SEARCH_METHODS, classes=(3, 4), permutations=0),
    "optimal_zones": lambda s: optimal_zones(s, permutations=9),
    "optimum_windows": lambda s: optimum_windows(s, replicates=100),
    "spatial_association": lambda s: spatial_association(s, classes=(3, 4), permutations=9),
    "scale_curve": lambda s: scale_curve(s, replicates=100),
}


def _yearly(long: bool) -> Result:
    rng = np.random.default_rng(1)
    coords = {"year": np.arange(2001, 2009), "y": np.arange(9.0), "x": np.arange(9.0)}
    attrs = {"crs": "EPSG:32650", "long_name": f"A variable {LONG}" if long else "NEP"}
    one, *others = (xr.DataArray(rng.normal(size=(8, 9, 9)), coords, ("year", "y", "x"), f"v{i}", attrs) for i in range(11))
    return yearly_q(one, {str(o.name): o for o in others}, classes=4, replicates=100)


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("name", [*FAMILY, "yearly_q"])
def test_figures_read_at_every_width(name: str, long: bool) -> None:
    result = _yearly(long) if name == "yearly_q" else FAMILY[name](make_sample(4, 2, long=long))
    for profile in (JOURNALS["jal"], JOURNALS["jgs"]):
        found = pictures(result, profile)
        assert found
        for picture in found:
            assert lint(picture.figure, profile.width(picture.width)) == [], f"{profile.name}: {picture.name}"
            assert len(picture.numbers) and picture.caption.endswith(".")
    assert all("nan" not in f"{t.findings}{t.details}{t.methods}" for t in texts(result))
    assert all(set(t.columns) <= set(t.frame.columns) for t in tables(result))


def test_series_can_be_told_apart() -> None:
    assert len(SERIES_COLOURS) == len(SEARCH_METHODS)
    assert smallest_difference(SERIES_COLOURS) > 10


def test_the_chosen_cut_is_ringed() -> None:
    result = optimise_strata(make_sample(2, 1), permutations=0, methods=["quantile"])
    axes = pictures(result, journal("jal"))[0].figure.axes
    for ax, (_, rows) in zip(axes, result.surface.groupby("driver"), strict=True):
        ring = next(line for line in ax.lines if line.get_markersize() == 7.5)
        chosen = rows.loc[rows["chosen"]].iloc[0]
        np.testing.assert_allclose([ring.get_xdata()[0], ring.get_ydata()[0]], [chosen["classes"], chosen["q"]])
