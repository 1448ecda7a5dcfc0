"""The forest door: planted importance, honest scores of augmented plots, maps that stream, totals, refusals, the report."""

from __future__ import annotations

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from carbondrivers.attribution.applicability import applicability
from carbondrivers.attribution.carbon_forest import carbon_forest
from carbondrivers.attribution.design_matrix import design_of
from carbondrivers.attribution.random_forest import CarbonStorageForest
from carbondrivers.attribution.storage_maps import layers_of, storage_maps, total_table
from carbondrivers.datasets.sample import Driver, PixelSample
from carbondrivers.errors import DataError, OptionError
from carbondrivers.reports import journal, pictures, tables, texts
from carbondrivers.reports.lint import lint

QUICK = {"preset": "r", "trees": 20, "n": 4, "size": 30.0}
DRIVERS = (
    Driver("npp", "vegetation", "g C m-2 a-1"), Driver("rain", "climate", "mm a-1"),
    Driver("cover", "human", kind="categorical"),
)  # fmt: skip


def grids(side: int = 24) -> dict[str, xr.DataArray]:
    """Layers on a grid of 5 km, two years of NPP, with a gap and a class that no row has."""
    rng = np.random.default_rng(0)
    y, x = np.arange(side)[::-1] * 5e3 + 4e6, np.arange(side) * 5e3 + 5e5
    rows, columns = np.indices((side, side))
    npp = 300 + 100 * np.sin(columns / 6) + 10 * rng.normal(size=(2, side, side))
    rain = 400 + 5.0 * rows + rng.normal(size=(side, side))
    rain[0, 0] = np.nan
    cover = np.where(columns > side // 2, 2.0, 1.0)
    cover[5, 5] = 9.0
    attrs = {"crs": "EPSG:32648"}
    at = {"y": y, "x": x}
    return {
        "npp": xr.DataArray(npp, dims=("year", "y", "x"), coords={"year": [2001, 2002], **at}, attrs=attrs, name="npp"),
        "rain": xr.DataArray(rain, dims=("y", "x"), coords=at, attrs=attrs, name="rain"),
        "cover": xr.DataArray(cover, dims=("y", "x"), coords=at, attrs=attrs, name="cover"),
    }


def plots(n: int = 150, seed: int = 1) -> PixelSample:
    layers, rng = grids(), np.random.default_rng(seed)
    flat = rng.choice(np.flatnonzero((layers["cover"].to_numpy() < 9).ravel()[1:]) + 1, n, replace=False)
    row, column = np.unravel_index(flat, (24, 24))
    table = pd.DataFrame(
        {
            "x": layers["npp"].x.to_numpy()[column], "y": layers["npp"].y.to_numpy()[row],
            "npp": layers["npp"].to_numpy()[0, row, column], "rain": layers["rain"].to_numpy()[row, column],
            "cover": layers["cover"].to_numpy()[row, column],
        }
    )  # fmt: skip
    table["carbon"] = 0.1 * table["npp"] + 20 * table["cover"] + rng.normal(size=n)
    response = Driver("carbon", "vegetation", "t C ha-1")
    return PixelSample.from_frame(table, response=response, drivers=DRIVERS, coordinates=("x", "y"), crs="EPSG:32648")


def test_planted_drivers_lead_and_intervals_hold_the_share() -> None:
    result = carbon_forest(plots(), **QUICK)  # type: ignore[arg-type]
    table = result.importance.set_index("driver")
    assert result.importance["driver"].iloc[-1] == "rain"
    assert table["share"].sum() == pytest.approx(1.0, rel=1e-12)
    assert (table["ci_low"] < table["ci_high"]).all()
    assert (table.loc[["npp", "cover"], "estimate"] > 5 * abs(table.loc["rain", "estimate"])).all()
    assert set(result.scores["method"]) == {"random", "spatial_blocks", "hold_out", "out_of_bag", "training"}
    assert result.parameters["mtry"] == 1  # four columns: npp, rain, two classes of cover


def test_every_group_has_a_forest_of_its_own() -> None:
    """Within a class of cover its own effect is gone: NPP leads there, cover in the whole."""
    whole = plots()
    frame = whole.frame.assign(land=np.where(whole.frame["cover"].astype(float) > 1.5, "dense", "open"))
    dense = (frame["land"] == "dense").to_numpy()
    groups = {"dense": dense, "open": ~dense, "few": np.arange(len(frame)) < 20}
    sample = PixelSample.from_frame(
        frame, response=whole.response, drivers=DRIVERS, coordinates=("x", "y"), crs="EPSG:32648", groups=groups
    )
    result = carbon_forest(sample, **QUICK)  # type: ignore[arg-type]
    table = result.importance
    assert list(dict.fromkeys(table["group"])) == ["all", "dense", "open"]
    np.testing.assert_allclose(table.groupby("group")["share"].sum(), 1.0)
    lead = table[table["rank"] == 1].set_index("group")["driver"]
    assert lead.to_dict() == {"all": "cover", "dense": "npp", "open": "npp"}
    rows = table.set_index(["group", "driver"])
    assert rows.loc[("dense", "cover"), "share"] == 0.0 and rows.loc[("dense", "npp"), "n"] == dense.sum()
    assert any("fewer than 50 rows or one value: few" in note for note in result.notes)
    # The whole is not touched by the groups, and a group alone gives the same numbers but for its folds and blocks.
    pd.testing.assert_frame_equal(
        table[table["group"] == "all"].reset_index(drop=True),
        carbon_forest(whole, **QUICK).importance,  # type: ignore[arg-type]
    )
    assert [p.name for p in pictures(result, journal("jal"))][:3] == [
        f"carbon_forest_importance{end}" for end in ("", "_dense", "_open")
    ]
    assert any("in group dense leans most on npp" in line for line in texts(result)[0].details)


def test_threads_change_nothing() -> None:
    one, two = (carbon_forest(plots(60), **QUICK, jobs=jobs) for jobs in (1, 2))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(one.importance, two.importance, rtol=0, atol=0)
    pd.testing.assert_frame_equal(one.scores, two.scores, rtol=0, atol=0)


def test_maps_totals_and_what_is_left_empty() -> None:
    result = carbon_forest(plots(), **QUICK, layers=grids())  # type: ignore[arg-type]
    maps = result.storage
    assert maps["estimate"].dims == ("year", "y", "x")
    assert np.isnan(maps["estimate"].to_numpy()[:, 0, 0]).all() and np.isnan(maps["estimate"].to_numpy()[:, 5, 5]).all()
    assert any("1 cells hold a class that no row has" in note for note in result.notes)
    truth = 0.1 * grids()["npp"] + 20 * grids()["cover"]
    error = (maps["estimate"] - truth).where(maps["estimate"].notnull())
    assert float(np.sqrt((error**2).mean())) < 4.0
    whole = result.totals.loc[result.totals["method"] == "all cells"]
    expected = float(maps["estimate"].isel(year=0).sum(dtype=np.float64)) * 25.0 * 1e-4
    assert whole["total"].iloc[0] == pytest.approx(expected, rel=1e-6)
    assert (whole["ci_low"] < whole["total"]).all() and (whole["total"] < whole["ci_high"]).all()
    inside = result.totals.loc[result.totals["method"] == "inside"]
    assert (inside["share"] <= 1.0).all() and (inside["n"] <= whole["n"].to_numpy()).all()


def test_lazy_maps_are_those_in_memory() -> None:
    sample, layers = plots(), grids()
    design, x = design_of(sample)
    forest = CarbonStorageForest("r", trees=10).fit(x, sample.y)
    area = applicability(x, forest.shares(), np.arange(len(x)) % 5)
    eager = storage_maps(forest.predict, design, area, layers_of(layers, design))
    chunked = {name: grid.chunk({"y": 7, "x": 9}) for name, grid in layers.items()}
    lazy = storage_maps(forest.predict, design, area, layers_of(chunked, design))
    assert lazy["estimate"].chunks is not None
    for workers in (1, 2):
        with dask.config.set(scheduler="threads", num_workers=workers):
            xr.testing.assert_identical(lazy.compute(), eager)
            pd.testing.assert_frame_equal(total_table(lazy, "t C ha-1"), total_table(eager, "t C ha-1"), rtol=1e-6)


def test_augmented_rows_train_and_are_never_scored() -> None:
    sample = plots(120)
    made = np.arange(120) >= 40
    result = carbon_forest(sample, **QUICK, augmented=made, sources=np.arange(120) % 40)  # type: ignore[arg-type]
    assert result.scores["n"].max() == 40
    assert "random, shared plots" in set(result.scores["method"])
    assert any("80 of 120 rows were made from plots" in note for note in result.notes)
    assert result.importance["n_units"].iloc[0] == 40
    with pytest.raises(DataError, match="every row is augmented"):
        carbon_forest(sample, **QUICK, augmented=np.full(120, True))  # type: ignore[arg-type]


def test_report_is_clean() -> None:
    result = carbon_forest(plots(), **QUICK, layers=grids())  # type: ignore[arg-type]
    form = journal("jal")
    drawn = pictures(result, form)
    names = ["importance", "scores", "folds", "map", "totals"]
    assert [p.name for p in drawn] == [f"carbon_forest_{name}" for name in names]
    for picture in drawn:
        assert lint(picture.figure, form.width(picture.width)) == []
    text = texts(result)[0]
    assert "leans most on" in text.findings[0] and "Tg C" in text.findings[0] and "mtry" in text.findings[0]
    assert [t.name for t in tables(result)] == ["carbon_forest_importance", "carbon_forest_scores", "carbon_forest_totals"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"preset": "R"}, OptionError, "preset must be one of"),
        ({"mtry": 9}, OptionError, "at most the number of drivers"),
        ({"sources": np.arange(60)}, OptionError, "sources need augmented"),
        ({"augmented": np.zeros(60)}, OptionError, "one truth value a row"),
        ({"layers": {"npp": grids()["npp"]}}, DataError, "no layer of driver"),
        ({"layers": grids() | {"rain": grids(12)["rain"]}}, DataError, "other cells"),
        ({"replicates": 10}, OptionError, "replicates must be"),
    ],
)
def test_bad_input_is_named(options: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        carbon_forest(plots(60), **(QUICK | options))  # type: ignore[arg-type]


def test_a_doubled_driver_and_a_response_of_two_values_are_named() -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.uniform(size=(60, 4)), columns=["x", "y", "npp", "dem"])
    frame["copy"], frame["carbon"] = np.exp(frame["npp"]), (frame["npp"] > 0.5) * 1.0
    drivers = {"npp": "vegetation", "copy": "vegetation", "dem": "topography"}
    sample = PixelSample.from_frame(frame, response="carbon", drivers=drivers, coordinates=("x", "y"))
    notes = carbon_forest(sample, preset="r", trees=10, n=3, size=0.3).notes
    assert "copy and npp order the rows alike: how they share importance is arbitrary." in notes
    assert any("carbon has two values only" in note for note in notes)


def test_intervals_of_a_total_below_nought_are_in_order() -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.uniform(size=(80, 4)), columns=["x", "y", "rain", "dem"])
    frame["nep"] = -5.0 - 10.0 * frame["rain"]
    drivers = {"rain": "climate", "dem": "topography"}
    sample = PixelSample.from_frame(frame, response="nep", drivers=drivers, coordinates=("x", "y"))
    at = {"y": np.arange(5.0), "x": np.arange(5.0)}
    layers = {name: xr.DataArray(rng.uniform(size=(5, 5)), coords=at, dims=("y", "x")) for name in drivers}
    table = carbon_forest(sample, preset="r", trees=20, n=3, size=0.3, layers=layers).totals
    assert (table["estimate"] < 0).all() and (table["ci_low"] <= table["ci_high"]).all()
