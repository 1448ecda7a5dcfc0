"""Risk maps of the geodetector: every row in the colour of its stratum's mean; what is too much to show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import detect, optimal_zones, optimise_strata
from carbondrivers.attribution.result import Result
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import OptionError
from carbondrivers.reports import journal, pictures, tables
from carbondrivers.reports.figures.geodetector_maps import risk_map
from carbondrivers.reports.lint import lint


def _at_places(n: int, *, grid: bool, drivers: int = 2) -> PixelSample:
    rng = np.random.default_rng(21)
    at = np.argwhere(np.ones((n, n), dtype=bool)) * 1e3 if grid else rng.uniform(0, 9e4, (n * n, 2))
    frame = pd.DataFrame({"e": 4e5 + at[:, 1], "n": 4e6 + at[:, 0]})
    made = {f"d{i}": at[:, i % 2] / 1e4 + rng.normal(size=n * n) for i in range(drivers)}
    frame = frame.assign(**made, x=rng.integers(0, 3, n * n))
    frame["nep"] = 20 * frame["d0"] - 100 + rng.normal(size=n * n)
    names = [Driver(name, "climate") for name in made] + [Driver("x", kind="categorical")]
    return PixelSample.from_frame(frame, response="nep", drivers=names, coordinates=("e", "n"), crs="EPSG:32650")


@pytest.mark.parametrize(("grid", "drivers"), [(True, 2), (False, 10)])
def test_risk_map_shows_the_mean_of_every_row_s_stratum(grid: bool, drivers: int) -> None:
    sample = _at_places(14, grid=grid, drivers=drivers)
    result = detect(sample, replicates=100)
    made = [p for p in pictures(result, journal("jal")) if p.name.startswith("risk_map")]
    assert len(made) == (1 if grid else 2)
    assert not [problem for p in made for problem in lint(p.figure)]
    assert result.rows.columns.tolist()[:2] == ["e", "n"] and "rows" not in result.tables
    table = result.strata.loc[result.strata["driver"] == "d0"]
    placed = table["estimate"].to_numpy()[result.rows["d0"]]
    value = sample.frame["d0"].to_numpy()
    inside = (value[:, None] <= table["upper"].to_numpy()) & (value[:, None] > table["lower"].to_numpy())
    inside[value.argmin(), 0] = True
    np.testing.assert_allclose(placed, inside @ table["estimate"].to_numpy())
    axes = risk_map(result, "d0")
    image = axes.images[0].get_array() if grid else axes.collections[0].get_array()
    assert np.isclose(np.sort(np.unique(image)), np.sort(table["estimate"])).all()


def test_rows_without_places_have_no_map_and_very_many_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = _at_places(12, grid=True)
    monkeypatch.setattr("carbondrivers.attribution.geodetector.MOST_PLACES", 50)
    result = detect(sample, replicates=100)
    assert len(result.rows) == 48 and len(pictures(result, journal("jal")))
    bare = detect(PixelSample.from_frame(sample.frame, response="nep", drivers=sample.drivers), replicates=100)
    assert bare.rows.empty and not [p for p in pictures(bare, journal("jal")) if p.name.startswith("risk_map")]
    with pytest.raises(OptionError, match="a risk map needs a sample with coordinates"):
        risk_map(bare, "d0")
    with pytest.raises(OptionError, match="driver must be one of"):
        risk_map(result, "d7")


@pytest.mark.parametrize("door", [detect, optimise_strata, optimal_zones])
def test_a_group_of_one_row_or_of_single_members_is_undefined_and_no_crash(door: Callable[..., Result]) -> None:
    rng = np.random.default_rng(23)
    frame = pd.DataFrame({"zone": np.arange(60) % 5, "rain": rng.normal(size=60), "nep": rng.normal(size=60)})
    groups = {"one": np.arange(60) == 3, "singles": np.arange(60) < 5}
    drivers = [Driver("zone", kind="categorical"), Driver("rain")]
    result = door(PixelSample.from_frame(frame, response="nep", drivers=drivers, groups=groups))
    for table in result.tables.values():
        if "epsilon2" in table:
            single = table.loc[table["group"] != "all", "epsilon2"].astype(float)
            assert not np.isinf(single).any() and single.loc[table["group"] == "one"].isna().all()


def test_hundreds_of_strata_are_not_compared_two_by_two() -> None:
    rng = np.random.default_rng(22)
    frame = pd.DataFrame({"county": rng.integers(0, 150, 900), "zone": rng.integers(0, 3, 900), "nep": rng.normal(size=900)})
    names = [Driver(name, kind="categorical") for name in ("county", "zone")]
    result = detect(PixelSample.from_frame(frame, response="nep", drivers=names))
    assert set(result.risks["driver"]) == {"zone"} and (result.strata.query("driver == 'county'")["letters"] == "").all()
    assert "More than 100 strata are not compared two by two: county." in result.notes
    assert tables(result) and pictures(result, journal("jal"))


@pytest.mark.parametrize("style", ["jgs", "jal"])
@pytest.mark.parametrize(("by", "origin"), [(1.0, 1e12), (1e12, 0.0), (1.0, 5e6), (1e-9, 0.0)])
def test_a_response_of_many_digits_has_short_numbers(style: str, by: float, origin: float) -> None:
    sample = _at_places(14, grid=True)
    frame = sample.frame.assign(nep=sample.frame["nep"] / 20.0 * by + origin)
    where = {"coordinates": ("e", "n"), "crs": "EPSG:32650"}
    result = detect(PixelSample.from_frame(frame, response="nep", drivers=sample.drivers, **where), replicates=100)  # type: ignore[arg-type]
    drawn = {p.name: p.figure for p in pictures(result, journal(style)) if p.name in ("risk_map", "risks_all")}
    assert len(drawn) == 2
    for figure in drawn.values():
        assert lint(figure) == []
        assert any(ax.xaxis.get_offset_text().get_text() for ax in figure.axes)
        words = [t.get_text() for ax in figure.axes for t in ax.get_xticklabels()]
        assert max(sum(sign.isdigit() for sign in word) for word in words) <= 6
