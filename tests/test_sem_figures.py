"""Figures of path and latent models: clean, the same layout for every group, numbers as in the tables."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon
from matplotlib.text import Text

from carbondrivers.attribution.latent_model import latent_model
from carbondrivers.attribution.path_model import path_model
from carbondrivers.datasets import PixelSample
from carbondrivers.errors import OptionError
from carbondrivers.reports import journal, pictures, texts
from carbondrivers.reports.figures.latent_model import latent_diagram
from carbondrivers.reports.figures.path_model import path_diagram
from carbondrivers.reports.figures.sem_diagram import Arrow, stars
from carbondrivers.reports.figures.sem_effects import pale
from carbondrivers.reports.figures.sem_layout import Edge, Node, layout
from carbondrivers.reports.lint import lint
from carbondrivers.reports.style import CATEGORY_COLOURS, drawing, smallest_difference

from .conftest import REFERENCE

CATEGORIES = {
    "GDP": "human", "HFP": "human", "LUCC": "human", "DEM": "topography", "SLOPE": "topography", "TEM": "climate",
    "PRE": "climate", "PET": "climate", "SOC": "soil", "SAND": "soil",
}  # fmt: skip
BLOCKS = (
    "topography ~ human\nclimate ~ topography + human\nsoil ~ topography + climate\nNEP ~ climate + soil + topography + human"
)
LATENT = "Climate =~ TEM + PET + PRE; Topography =~ DEM + SLOPE; Climate ~ Topography + HFP; NEP ~ Climate + Topography + HFP"

# lavaan's own solution of this model has a variance of SOC below zero.
HEYWOOD = """Climate =~ TEM + PET + PRE; Topography =~ DEM + SLOPE; Soil =~ SOC + SAND; Topography ~ HFP
Climate ~ Topography + HFP; Soil ~ Climate + Topography; NEP ~ Climate + Soil + Topography + HFP"""


@pytest.fixture(scope="module")
def sample() -> PixelSample:
    frame = pd.read_csv(REFERENCE / "sem" / "synth_horqin.csv")
    return PixelSample.from_frame(frame, response="NEP", drivers=CATEGORIES, groups="region")


def _words(figure: object) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text().strip()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("profile", ["jal", "jgs"])
def test_block_diagrams_are_clean_and_say_what_the_tables_say(sample: PixelSample, profile: str) -> None:
    result = path_model(sample, model=BLOCKS)
    found = {picture.name: picture for picture in pictures(result, journal(profile))}
    assert list(found) == ["path_model", "path_model_A", "path_model_B", "path_model_groups"]
    with drawing(journal(profile)):
        for picture in found.values():
            assert lint(picture.figure, journal(profile).double) == [], picture.name
    rows = result.coefficients.query("group == 'A' and method == 'composite'")
    words = _words(found["path_model_A"].figure)
    for row in rows.itertuples():
        assert Arrow("", "", row.std_estimate, row.p).words in words
    pd.testing.assert_frame_equal(found["path_model_A"].numbers, rows.reset_index(drop=True))
    r2 = result.r2.query("group == 'A' and method == 'composite' and response == 'NEP'")["r2"].iloc[0]
    assert f"R² = {r2:.2f}" in words


@pytest.mark.parametrize("model", ["TEM ~ DEM; PRE ~ DEM; NEP ~ TEM + PRE; TEM ~~ PRE", f"{BLOCKS}; climate ~~ human"])
def test_correlated_errors_are_double_headed_arcs(sample: PixelSample, model: str) -> None:
    if "human" in model:
        model = model.replace("climate ~ topography + human", "climate ~ topography")
    result = path_model(sample, model=model, replicates=0)
    figure = pictures(result, journal("jal"))[0].figure
    with drawing(journal("jal")):
        assert lint(figure, 180.0) == []
    words = _words(figure)
    shown = result.error_correlations[result.error_correlations["method"] == result.coefficients["method"].iloc[-1]]
    row = shown[shown["group"] == "all"].iloc[-1]
    arc = Arrow("", "", row["r"], row["p"], double=True)
    assert arc.words in words and "double-headed, of one width: correlation of errors" in " ".join(words).replace("\n", " ")
    arrows = len(result.coefficients.query("group == 'all' and method == @row.method"))
    heads = [patch for patch in figure.axes[0].patches if isinstance(patch, Polygon)]
    assert len(heads) == arrows + 2
    ends = [patch for patch in heads if to_hex(patch.get_facecolor()).upper() == arc.colour]
    assert len(ends) >= 2


def test_arcs_are_bent_and_do_not_move_the_boxes() -> None:
    boxes = [Node(name, 20.0, 8.0) for name in ("rain", "soil", "nep")]
    arrows = [Edge("rain", "nep", 8.0, 3.0), Edge("soil", "nep", 8.0, 3.0)]
    without, found = layout(boxes, arrows, 110.0), layout(boxes, [*arrows, Edge("rain", "soil", 8.0, 3.0, double=True)], 110.0)
    assert {name: box.x for name, box in found.boxes.items()} == {name: box.x for name, box in without.boxes.items()}
    start, middle, end = found.curves[-1].control
    off = 0.5 * abs(np.linalg.det([end - start, middle - start])) / np.hypot(*(end - start)) ** 2
    assert off > 0.15 and not any(found.faults.values())


def test_many_correlated_errors_are_named(sample: PixelSample) -> None:
    model = "TEM ~ DEM; PRE ~ DEM; PET ~ DEM; SOC ~ DEM; NEP ~ TEM + PRE + PET + SOC; "
    model += "; ".join(f"{a} ~~ {b}" for a, b in combinations(["TEM", "PRE", "PET", "SOC"], 2)) + "; NEP ~~ HFP"
    words = " ".join(_words(pictures(path_model(sample, model=model, replicates=0), journal("jal"))[0].figure)).replace(
        "\n", " "
    )
    assert re.search(r"correlated errors, not drawn: (\w+ and \w+, ){4}\.\.\.", words), words


def test_latent_correlated_errors_are_arcs(sample: PixelSample) -> None:
    model = LATENT.replace("Climate ~ Topography + HFP", "Climate ~ HFP; Topography ~ HFP; Climate ~~ Topography")
    result = latent_model(sample, model=model)
    row = result.coefficients.query("group == 'all' and level == 'covariance' and driver != 'HFP' and response != 'HFP'").iloc[
        0
    ]
    picture = pictures(result, journal("jal"))[0]
    assert Arrow("", "", row["std_estimate"], row["p"]).words in _words(picture.figure)
    with drawing(journal("jal")):
        assert lint(picture.figure, 180.0) == []


def test_latent_diagrams_are_clean(sample: PixelSample) -> None:
    result = latent_model(sample, model=LATENT)
    found = pictures(result, journal("jal"))
    assert [picture.name for picture in found] == ["latent_model", "latent_model_A", "latent_model_B", "latent_model_groups"]
    with drawing(journal("jal")):
        for picture in found:
            assert lint(picture.figure, 180.0) == [], picture.name
    loading = result.standardised.query("group == 'all' and response == 'PET'")["std_estimate"].iloc[0]
    assert f"+{loading:.2f}" in _words(found[0].figure)


def test_what_was_refused_is_said_and_not_drawn(sample: PixelSample) -> None:
    result = latent_model(sample, model=HEYWOOD)
    refused = set(result.fit.loc[result.fit["measure"] == "refused", "group"])
    assert refused
    names = [picture.name for picture in pictures(result, journal("jal"))]
    assert ("latent_model" in names) == ("all" not in refused)
    said = " ".join([*texts(result)[0].findings, *texts(result)[0].details])
    assert said.count("refused. ") == len(refused)
    with pytest.raises(OptionError, match="has no numbers to draw"):
        latent_diagram(result, group=sorted(refused)[0])


def test_many_drivers_get_their_bars_on_a_page_of_their_own() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(120, 16)), columns=[f"driver_{i}" for i in range(16)])
    frame["nep"] = frame.sum(axis=1) + rng.normal(size=120)
    result = path_model(PixelSample.from_frame(frame, response="nep", drivers=dict.fromkeys(frame.columns[:-1], "climate")))
    found = pictures(result, journal("jal"))
    assert [picture.name for picture in found] == ["path_model", "path_model_effects"]
    with drawing(journal("jal")):
        for picture in found:
            assert lint(picture.figure, 180.0) == []
            assert picture.figure.get_figheight() * 25.4 <= 240.0
    assert any("the 14 largest totals of 16" in words.replace("\n", " ") for words in _words(found[1].figure))


def test_a_matrix_and_axes_of_ones_own(sample: PixelSample) -> None:
    result = path_model(sample, model=BLOCKS)
    ax = path_diagram(result, matrix=[["human", "soil", ""], ["", "", "NEP"], ["topography", "climate", ""]])
    at = {text.get_text(): text.get_position() for text in ax.texts}
    assert at["Human"][1] == at["Soil"][1] or abs(at["Human"][1] - at["Soil"][1]) < 6
    assert at["Topography"][1] > at["NEP"][1] > at["Human"][1]
    with pytest.raises(OptionError, match=r"kind must be one of .* got 'pc'"):
        path_diagram(result, kind="pc")
    with pytest.raises(OptionError, match="group must be one of"):
        path_diagram(result, group="C")


def test_arrows_by_sign_significance_and_size() -> None:
    assert (Arrow("a", "b", 0.31, 0.0001).words, Arrow("a", "b", -0.2, 0.2).words) == ("+0.31***", "−0.20 ns")
    assert Arrow("a", "b", np.nan, np.nan).words == "n/a" and stars(np.nan) == ""
    assert Arrow("a", "b", 0.6, 0.01).width > Arrow("a", "b", -0.3, 0.01).width
    colours = [Arrow("a", "b", value, p).colour for value, p in ((0.3, 0.01), (-0.3, 0.01), (0.3, 0.2))]
    assert smallest_difference(colours) > 10
    assert (
        smallest_difference([*colours[:2], *(CATEGORY_COLOURS[c] for c in ("topography", "soil", "human", "vegetation"))]) > 10
    )
    assert pale("#000000", 0.5) == "#808080"
