"""Layout of path diagrams: nothing overlaps, few crossings, the same answer every time, a user's own matrix."""

from __future__ import annotations

import numpy as np
import pytest

from carbondrivers.errors import OptionError
from carbondrivers.reports.figures.sem_layout import Edge, Layout, Node, layout
from carbondrivers.reports.figures.sem_routes import Box, bezier, clashes, crossings

BLOCKS = [Node("human", 23, 16), Node("topo", 23, 16), Node("soil", 23, 19), Node("climate", 23, 19), Node("nep", 15, 12)]
ARROWS = [
    ("human", "soil"), ("human", "topo"), ("human", "climate"), ("topo", "soil"), ("topo", "climate"), ("climate", "soil"),
    ("soil", "nep"), ("climate", "nep"), ("human", "nep"), ("topo", "nep"),
]  # fmt: skip
HORQIN = {
    "DEM": ["HFP"], "SLOPE": ["DEM", "GDP"], "TEM": ["DEM", "HFP"], "PRE": ["DEM", "SLOPE"], "PET": ["TEM", "PRE"],
    "SOC": ["PRE", "TEM", "SLOPE"], "NEP": ["TEM", "PRE", "PET", "SOC", "DEM", "HFP", "LUCC"],
}  # fmt: skip


def _edges(pairs: list[tuple[str, str]]) -> list[Edge]:
    return [Edge(a, b, 9.0, 3.0, 0.5) for a, b in pairs]


def _no_overlap(found: Layout) -> None:
    faults = found.faults
    assert {key: faults[key] for key in faults if key != "crossings"} == {
        "through_boxes": 0, "overlapping_boxes": 0, "labels_on_boxes": 0, "labels_on_labels": 0, "labels_on_arrows": 0,
    }  # fmt: skip


def test_ten_arrows_on_five_blocks_cross_once() -> None:
    # Five blocks with all ten arrows cannot be drawn in a plane without a crossing (the complete graph K5).
    found = layout(BLOCKS, _edges(ARROWS), 115.0)
    _no_overlap(found)
    assert found.faults["crossings"] == 1
    assert all(found.boxes["nep"].x > box.x for name, box in found.boxes.items() if name != "nep")


def test_a_model_of_measured_variables_has_few_crossings() -> None:
    names = sorted({name for effect, causes in HORQIN.items() for name in (effect, *causes)})
    pairs = [(cause, effect) for effect, causes in HORQIN.items() for cause in causes]
    found = layout([Node(name, 16, 8) for name in names], _edges(pairs), 176.0)
    _no_overlap(found)
    assert found.faults["crossings"] <= 4
    backward = [pair for pair in pairs if found.boxes[pair[0]].x > found.boxes[pair[1]].x + 1e-9]
    assert len(backward) <= 1


def test_same_answer_every_time_and_for_any_order() -> None:
    one, two = layout(BLOCKS, _edges(ARROWS), 115.0), layout(BLOCKS[::-1], _edges(ARROWS), 115.0)
    assert one.boxes == two.boxes and one.spots == two.spots
    for a, b in zip(one.curves, two.curves, strict=True):
        np.testing.assert_array_equal(a.control, b.control)


def test_everything_is_on_the_page() -> None:
    found = layout(BLOCKS, _edges(ARROWS), 115.0)
    points = np.vstack([curve.points for curve in found.curves])
    assert points.min() >= 0.0 and points[:, 0].max() <= found.width and points[:, 1].max() <= found.height
    for spot in found.spots:
        assert spot.width / 2 <= spot.x <= found.width - spot.width / 2
        assert spot.height / 2 <= spot.y <= found.height - spot.height / 2


def test_a_matrix_says_where_boxes_stand() -> None:
    found = layout(BLOCKS, _edges(ARROWS), 115.0, matrix=[["human", "soil", ""], ["", "", "nep"], ["topo", "climate", ""]])
    boxes = found.boxes
    assert boxes["human"].x == boxes["topo"].x < boxes["soil"].x == boxes["climate"].x < boxes["nep"].x
    assert boxes["human"].y == boxes["soil"].y < boxes["nep"].y < boxes["topo"].y
    _no_overlap(found)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([["human", "soi", "nep"]], "matrix: 'soi' is no box of this diagram. Did you mean 'soil'"),
        ([["human", "human"]], "matrix: 'human' stands in it twice"),
        ([["human", "soil", "nep"]], "matrix: climate, topo is missing"),
    ],
)
def test_wrong_matrices_get_a_clear_message(matrix: list[list[str]], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        layout(BLOCKS, _edges(ARROWS), 115.0, matrix=matrix)


def test_faults_are_counted() -> None:
    """Two arrows across each other, one through a box, a label on another label."""
    boxes = [Box(0, 0, 2, 2), Box(20, 20, 2, 2), Box(20, 0, 2, 2), Box(0, 20, 2, 2), Box(5, 5, 3, 3)]
    found = layout([Node("a", 4, 4), Node("b", 4, 4)], [Edge("a", "b", 3.0, 2.0)], 60.0)
    assert sum(found.faults.values()) == 0
    curve, spot = found.curves[0], found.spots[0]
    lines = [type(curve)(np.array(c, float), bezier(np.array(c, float), np.linspace(0, 1, 18))) for c in (
        [[2, 2], [10, 10], [18, 18]], [[18, 2], [10.5, 10], [2, 18]],
    )]  # fmt: skip
    faults = clashes(boxes, lines, [spot, spot])
    assert faults["crossings"] == 1 and faults["through_boxes"] == 1 and faults["labels_on_labels"] == 1
    assert int(crossings(lines[0].points, lines[0].points + np.array([0.0, 1.0]))) == 0


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_any_number_of_boxes_can_be_placed(count: int) -> None:
    nodes = [Node(f"cause {i:02d}", 18, 7) for i in range(count - 1)] + [Node("nep", 14, 8)]
    found = layout(nodes, _edges([(node.name, "nep") for node in nodes[:-1]]), 176.0)
    assert set(found.boxes) == {node.name for node in nodes}
    assert found.faults["overlapping_boxes"] == 0 and found.faults["labels_on_boxes"] == 0
