"""Optimal strata: planted borders, two R packages, cross-validation and its blocks, the p that pays for the search."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from carbondrivers.attribution import apply_strata, detect, optimise_strata
from carbondrivers.attribution.strata_kernels import ordered
from carbondrivers.attribution.strata_peers import gd_borders, peer_q
from carbondrivers.attribution.strata_search import held_out, largest_q, loess, surface
from carbondrivers.datasets import Driver, PixelSample
from carbondrivers.errors import DataError, OptionError

from .conftest import REFERENCE

FOLDER = REFERENCE / "geodetector"
RULES = ("quantile", "equal", "natural", "geometric", "sd")
PEERS = ("equal", "geometric", "natural", "quantile", "sd")


def _grid(side: int, seed: int) -> tuple[pd.DataFrame, np.random.Generator]:
    rng = np.random.default_rng(seed)
    y, x = (part.ravel() * 1000.0 for part in np.mgrid[:side, :side])
    return pd.DataFrame({"x": x, "y": y}), rng


def _sample(frame: pd.DataFrame, *drivers: str) -> PixelSample:
    places = ("x", "y") if "x" in frame else None
    crs = "EPSG:32650" if places else None
    return PixelSample.from_frame(frame, response="nep", drivers=dict.fromkeys(drivers, "climate"), coordinates=places, crs=crs)


def test_gd_breaks_and_surface(pixels: pd.DataFrame) -> None:
    # R GD 10.8, disc and optidisc: 120 break sets and 120 q's (1e-9 absolute), and the four choices.
    y = pixels["nep"].to_numpy() - pixels["nep"].mean()
    rows = {v: ordered(pixels[v].to_numpy(float)) for v in ("temp", "prec", "pop", "elev")}
    sets = pd.read_csv(FOLDER / "ref_GD_breaks.csv")
    assert len(sets) == 120
    for row in sets.itertuples():
        theirs = [float(b) for b in row.breaks.split(";")]
        np.testing.assert_allclose(gd_borders(rows[row.variable], row.method, int(row.k)), theirs, atol=1e-9, rtol=0)
    matrix = pd.read_csv(FOLDER / "ref_GD_optidisc_qmatrix.csv")
    assert len(matrix) == 120
    ours = [peer_q(rows[r.variable], y, r.method, int(r.k), "gd") for r in matrix.itertuples()]
    np.testing.assert_allclose(ours, matrix["q"], atol=1e-9, rtol=0)


def test_choices_of_gd_and_gdverse(pixels: pd.DataFrame) -> None:
    # R GD 10.8 optidisc and gdverse 1.7 opgd, rules and classes as printed; q 1e-9 absolute.
    sample = _sample(pixels.drop(columns="group"), "temp", "prec", "pop", "elev")
    best = pd.read_csv(FOLDER / "ref_GD_optidisc_best.csv").set_index("variable")
    # GD looks at the rules in the order they were named, gdverse by name.
    found = optimise_strata(sample, methods=("equal", "natural", "quantile", "geometric", "sd"), rules="gd", selection="max_q")
    chosen = found.chosen.set_index("driver")
    assert dict(chosen["method"]) == dict(best["method"])
    assert dict(chosen["classes"].astype(int)) == dict(best["k"])
    assert chosen["p"].isna().all() and chosen["q_cv"].isna().all()
    found = optimise_strata(sample, methods=PEERS, rules="gdverse", selection="max_q").chosen.set_index("driver")
    options = pd.read_csv(FOLDER / "ref_gdverse_opgd_optparam.csv").set_index("varibale")
    q = pd.read_csv(FOLDER / "ref_gdverse_opgd_factor.csv").set_index("variable")["Q-statistic"]
    assert dict(found["method"]) == dict(options["method"]) and dict(found["classes"].astype(int)) == dict(options["discnum"])
    np.testing.assert_allclose(found["q"], q.loc[found.index], atol=1e-9, rtol=0)


def test_interactions_of_opgd_follow_from_the_chosen_strata(pixels: pd.DataFrame) -> None:
    # gdverse 1.7 opgd, type interaction: q of the crossing where no crossed cell has a single row (gdverse drops those).
    drivers = [Driver(d) for d in ("temp", "prec", "pop", "elev")] + [
        Driver(d, kind="categorical") for d in ("landcover", "soil")
    ]
    sample = PixelSample.from_frame(pixels.drop(columns="group"), response="nep", drivers=drivers)
    cut = apply_strata(sample, optimise_strata(sample, methods=PEERS, rules="gdverse", selection="max_q"))
    found = detect(cut).interactions.set_index(["driver", "driver_2"])
    expected = pd.read_csv(FOLDER / "ref_gdverse_opgd_interaction.csv")
    compared = 0
    for row in expected.itertuples(index=False):
        pair = tuple(sorted((row.variable1, row.variable2)))
        sizes = cut.frame.groupby(list(pair), observed=True).size()
        if sizes.min() > 1:
            assert found.loc[pair, "q"] == pytest.approx(row[5], abs=1e-9)
            compared += 1
    assert len(expected) == 15 and compared >= 4


def test_loess_equals_r() -> None:
    # R 4.2.2 stats::loess with its defaults; it interpolates between vertices where points are many: 1e-6.
    q = np.array([0.21, 0.25, 0.262, 0.28, 0.279, 0.285, 0.29, 0.295, 0.297, 0.3, 0.301])
    expected = [
        0.213495590592394, 0.242919718686461, 0.263974514490255, 0.276345964327504, 0.281553991640354, 0.285628529120718,
        0.289773083883543, 0.294394376404931, 0.297589600548206, 0.299788403023911, 0.301015096413022,
    ]  # fmt: skip
    np.testing.assert_allclose(loess(np.arange(3.0, 14.0), q), expected, rtol=0, atol=1e-6)


def test_planted_borders_are_found() -> None:
    frame, rng = _grid(30, 1)
    frame["rain"], frame["noise"] = rng.uniform(0, 600, 900), rng.normal(size=900)
    frame["nep"] = np.where((frame["rain"] > 200) & (frame["rain"] <= 400), 50.0, 0.0) + 5 * rng.normal(size=900)
    result = optimise_strata(_sample(frame, "rain", "noise"), methods=("quantile", "optimal"), permutations=39)
    row = result.chosen.set_index("driver").loc["rain"]
    assert (row["method"], row["cells"]) == ("optimal", 3) and row["q_cv"] > 0.9
    upper = result.strata.query("driver == 'rain'")["upper"].to_numpy()[:-1]
    np.testing.assert_allclose(upper, [200, 400], atol=5)
    assert (row["p"], row["p_adjusted"], row["p_eff"]) == (1 / 40, 1 / 40, 1 / 40)
    noise = result.chosen.set_index("driver").loc["noise"]
    assert noise["p"] > 0.05 and noise["q_cv"] < 0.02


def test_held_out_q_by_hand() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=200), rng.normal(size=200)
    y = y + (x > 0)
    folds = np.arange(200) % 4
    q, error = held_out(ordered(x), y - y.mean(), folds, ["equal"], (3, 3), 1)
    lost = whole = 0.0
    for fold in range(4):
        own, out = folds != fold, folds == fold
        borders = np.linspace(x[own].min(), x[own].max(), 4)[1:-1]
        means = [y[own][np.searchsorted(borders, x[own]) == k].mean() for k in range(3)]
        lost += ((y[out] - np.array(means)[np.searchsorted(borders, x[out])]) ** 2).sum()
        whole += ((y[out] - y[own].mean()) ** 2).sum()
    assert q[0] == pytest.approx(1 - lost / whole, rel=1e-12) and 0 < error[0] < 0.2


def test_selections_choose_what_they_say(pixels: pd.DataFrame) -> None:
    sample = _sample(pixels.drop(columns="group"), "temp", "elev")
    found = {s: optimise_strata(sample, selection=s, permutations=0) for s in ("max_q", "cv", "one_se", "loess")}
    for driver in ("temp", "elev"):
        table = found["cv"].surface.query("driver == @driver")
        row = {s: r.chosen.set_index("driver").loc[driver] for s, r in found.items()}
        assert row["max_q"]["q"] == table["q"].max() and row["cv"]["q_cv"] == table["q_cv"].max()
        best = table.loc[table["q_cv"].idxmax()]
        near = table.loc[table["q_cv"] >= best["q_cv"] - best["std_error"]]
        assert row["one_se"]["cells"] == near["cells"].min()
        assert row["loess"]["q"] <= row["max_q"]["q"]
    assert found["cv"].surface.groupby("driver")["chosen"].sum().tolist() == [1, 1]


def test_fixed_and_searching_rules_agree_with_their_own_surface() -> None:
    rng = np.random.default_rng(6)
    x, drawn = rng.integers(0, 40, 300).astype(float), rng.normal(size=(5, 300))
    drawn -= drawn.mean(axis=1, keepdims=True)
    rows, methods = ordered(x), (*RULES, "tree", "optimal")
    cuts = surface(rows, drawn[0], methods, (3, 6), 3)
    found = largest_q(rows, cuts, drawn, methods, (3, 6), 3)
    for y, largest in zip(drawn, found, strict=True):
        assert max(c.q for c in surface(rows, y, methods, (3, 6), 3)) == pytest.approx(largest, rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 1000])
def test_size_of_the_search(request: pytest.FixtureRequest, n: int) -> None:
    # The naive F p of the largest of 30 q's rejects far more often than 5 % (22 % with 24 candidates in gdverse).
    replicates = request.config.getoption("--replicates") or 60
    rng = np.random.default_rng(8)
    rejected = 0
    for seed in range(replicates):
        frame = pd.DataFrame({"a": rng.gamma(2, 1, n), "nep": rng.normal(size=n)})
        chosen = optimise_strata(_sample(frame, "a"), permutations=99, selection="max_q", seed=seed).chosen
        rejected += chosen["p"][0] <= 0.05
    assert abs(rejected / replicates - 0.05) < 4 * np.sqrt(0.05 * 0.95 / replicates)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 400])
def test_size_on_smooth_fields(rows: int, request: pytest.FixtureRequest) -> None:
    # Independent smooth fields: rows permuted one by one reject nearly always, the response moved as a whole does not, nor
    # does one drawn anew at the scattered places of some of the cells.
    from scipy.ndimage import gaussian_filter

    replicates = request.config.getoption("--replicates") or 20
    side = 40 if rows else 30
    frame, rng = _grid(side, 9)
    naive = corrected = 0
    for seed in range(replicates):
        fields = [gaussian_filter(rng.normal(size=(side, side)), 2.0, mode="wrap").ravel() for _ in range(2)]
        part = frame.assign(a=fields[0], nep=fields[1]).sample(rows or len(frame), random_state=seed)
        row = optimise_strata(_sample(part, "a"), permutations=99, selection="max_q", seed=seed).chosen.iloc[0]
        naive += row["p"] <= 0.05
        corrected += row["p_eff"] <= 0.05
    assert naive / replicates > 0.5
    assert corrected / replicates < 0.06 + 4 * np.sqrt(0.06 * 0.94 / replicates)


def test_groups_categories_and_missing_blocks(sample: PixelSample) -> None:
    result = optimise_strata(sample, permutations=19)
    assert list(result.chosen["group"].unique()) == ["all", "sink", "source"]
    given = result.chosen.query("driver == 'cover'")
    assert (given["method"] == "classes as given").all() and given["p"].isna().all()
    again = optimise_strata(sample, permutations=19)
    pd.testing.assert_frame_equal(result.chosen, again.chosen)
    cut = apply_strata(sample, result)
    assert all(d.kind == "categorical" for d in cut.drivers)
    q = detect(cut).factors.query("group == 'all'").set_index("driver")["q"]
    own = result.chosen.query("group == 'all'").set_index("driver")["q"]
    np.testing.assert_allclose(q, own.loc[q.index], rtol=1e-10)


def test_messages(sample: PixelSample) -> None:
    with pytest.raises(OptionError, match="selection must be one of 'max_q', 'one_se', 'loess', 'cv', got 'best'"):
        optimise_strata(sample, selection="best")
    with pytest.raises(OptionError, match=r"classes must rise from 2 or more to 50 at most, got \(8, 3\)"):
        optimise_strata(sample, classes=(8, 3))
    with pytest.raises(OptionError, match="selection must be 'max_q' or 'loess' with rules 'gd', got 'cv'"):
        optimise_strata(sample, rules="gd", selection="cv")
    with pytest.raises(OptionError, match="permutations must be a whole number of 0 or more, got -1"):
        optimise_strata(sample, permutations=-1)
    frame = pd.DataFrame({"nep": [1.0, 2, 3, 4], "zone": list("abab")})
    with pytest.raises(DataError, match="no continuous driver is there to cut"):
        optimise_strata(PixelSample.from_frame(frame, response="nep", drivers={"zone": "climate"}))
    with pytest.raises(OptionError, match="group must be one of"):
        apply_strata(sample, optimise_strata(sample, permutations=0), group="forest")
