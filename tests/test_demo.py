"""The demo through the whole road: planted truth named, honest words on null drivers; the real studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from carbondrivers.study.check import load_study
from carbondrivers.study.publish import publish_run
from carbondrivers.study.run import RunResult, run_steps

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "src" / "carbondrivers" / "study" / "presets" / "demo.toml"


def _demo(out: Path, seed: int | None = None) -> RunResult:
    return run_steps(load_study(DEMO), out, seed=seed)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return _demo(tmp_path_factory.mktemp("demo"))


def test_nep_is_recovered_from_npp_and_respiration(demo: RunResult) -> None:
    from carbondrivers.datasets import virtual_region

    region = virtual_region("demo", seed=demo.seed)
    mean = region.annual["nep"].mean("year").to_numpy()
    found = demo.kept["account"].result.maps["grid"]["mean"].to_numpy()
    np.testing.assert_allclose(found, mean, atol=1e-6)


def test_every_step_of_the_road_is_there(demo: RunResult) -> None:
    assert list(demo.kept) == ["describe", "account", "trend", "seasonality", "correlation", "geodetector", "recovery"]
    assert not any(kept.warnings for kept in demo.kept.values())


def test_fooled_null_drivers_are_said_to_be_so(demo: RunResult) -> None:
    result = demo.kept["recovery"].result
    table = result.tables["recovery"]
    nulls = table.loc[table["planted"] == "null"]
    fooled = nulls.loc[(nulls["p"] < 0.05) | (nulls["p_q"] < 0.05)]
    assert len(nulls) == 2 and len(fooled) >= 1
    assert fooled["note"].str.contains("spatial autocorrelation alone").all()
    assert any("planted without any effect, yet naive P < 0.05 of r or q" in note for note in result.notes)


def test_trend_map_finds_the_planted_trend(demo: RunResult) -> None:
    from carbondrivers.datasets import virtual_region

    planted = virtual_region("demo", seed=demo.seed).truth.trend.to_numpy()
    found = demo.kept["trend"].result.maps["grid"]["sen_slope"].to_numpy()
    inside = np.isfinite(planted) & np.isfinite(found)
    assert np.corrcoef(planted[inside], found[inside])[0, 1] > 0.8
    assert abs(np.mean(found[inside] - planted[inside])) < 0.3


@pytest.mark.slow
def test_the_planted_strongest_driver_is_named_first(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # --replicates 20 for the figure in docs/validation.md
    seeds = range(1, 1 + (request.config.getoption("--replicates") or 20))
    for seed in seeds:
        run = _demo(tmp_path / str(seed), seed)
        table = run.kept["recovery"].result.tables["recovery"]
        first = table.loc[table["rank"] == 1, "driver"].iloc[0]
        assert table.loc[table["r"].abs().idxmax(), "driver"] == first
        assert table.loc[table["q"].idxmax(), "driver"] == first
        assert "abs(r) names Precipitation first and q names Precipitation first" in " ".join(run.kept["recovery"].result.notes)


def test_towers_study(shared_data: Path, tmp_path: Path) -> None:
    run = run_steps(load_study(ROOT / "examples" / "towers.toml", shared_data), tmp_path)
    assert publish_run(run, tmp_path) == []
    frame = pd.read_csv(shared_data / "fluxnet_site_annual_medians.csv")
    frame = frame.dropna(subset=["nep_median", "mat_c", "map_mm", "aridity_index_p_pet", "agb_mg_ha"])
    expected = np.corrcoef(frame["nep_median"], frame["map_mm"])[0, 1]
    table = run.kept["correlation"].result.tables["correlations"].set_index(["group", "driver"])
    assert table.loc[("all", "map_mm"), "r"] == pytest.approx(expected, abs=1e-12)
    assert set(table.index.get_level_values("group")) == {"all", "sink", "source"}


def test_leaf_area_study(shared_data: Path, tmp_path: Path) -> None:
    run = run_steps(load_study(ROOT / "examples" / "lai_trend.toml", shared_data), tmp_path)
    assert publish_run(run, tmp_path) == []
    result = run.kept["trend"].result
    for _, part in result.tables["classes"].groupby("method"):
        assert part["share"].sum() == pytest.approx(1.0, abs=1e-12)
    assert result.n == 7769
    assert (tmp_path / "report.html").stat().st_size < 10e6
