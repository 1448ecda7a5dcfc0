"""Path models as graphs: the text, circles, claims with and without correlated errors, messages."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbondrivers.attribution import PathModel
from carbondrivers.attribution.path_effects import pathway_values, plan, total_effects
from carbondrivers.errors import OptionError


def test_text_is_read_and_written_back() -> None:
    model = PathModel.parse("nep ~ rain + soil carbon  # the target\n\nsoil carbon ~ rain; nep ~ dem\nslope ~~ dem; x1 ~ 1")
    assert model.equations == {"nep": ("dem", "rain", "soil carbon"), "soil carbon": ("rain",), "x1": ()}
    assert model.correlated == (("dem", "slope"),)
    assert PathModel.parse(model.text()) == model
    assert model.exogenous == ("dem", "rain", "slope")
    assert model.endogenous == ("soil carbon", "nep", "x1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a path model needs an equation"),
        ("nep", "line 1: 'nep' is no equation"),
        ("a ~ b\nnep ~ rain * dem", "line 2: 'rain \\* dem' is no name"),
        ("nep ~ rain + ", "line 1: a name is missing"),
        ("~ rain", "line 1: a name is missing"),
        ("nep ~ rain + rain", "'rain' acts on 'nep' twice"),
        ("climate =~ rain + warm", "latent variable.*latent_model"),
        ("nep ~ __import__('os')", "is no name"),
        ("a ~ b ~ c", "is no equation"),
        ("a ~ b; b ~ c; c ~ a", "circle, a -> c -> b -> a"),
        ("a ~ a", "circle, a -> a"),
        ("a ~ b; a ~~ b", "both an arrow and a correlated error"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        PathModel.parse(text)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PathModel({}), "equations must be a mapping"),
        (lambda: PathModel({"nep": "rain"}), "causes of 'nep' must be a list"),
        (lambda: PathModel({"nep": ["c"]}, {"c": ["rain"], "d": ["rain"]}), "member of the blocks 'c' and 'd'"),
        (lambda: PathModel({"nep": ["c", "rain"]}, {"c": ["rain", "t"]}), "in the equations itself and through its block"),
        (lambda: PathModel({"nep": ["c"]}, {"c": ["d"], "d": ["rain"]}), "is a block and a member"),
        (lambda: PathModel({"nep": ["a"]}, correlated=[("a", "b", "c")]), "must be two names"),
    ],
)
def test_wrong_parts_are_named(build: object, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        build()  # type: ignore[operator]


@settings(max_examples=60)
@given(st.integers(0, 2**21 - 1), st.permutations(range(7)))
def test_claims_hold_in_the_graph_and_do_not_depend_on_the_order_of_writing(bits: int, order: list[int]) -> None:
    """Every claim is a d-separation (networkx as the judge); each pair without an arrow has one, outer pairs apart."""
    names = "abcdefg"
    pairs = [(i, j) for i in range(7) for j in range(i)]
    arrows = [(names[i], names[j]) for k, (i, j) in enumerate(pairs) if bits >> k & 1]
    if not arrows:
        return
    equations = {r: [d for one, d in arrows if one == r] for r, _ in arrows}
    model = PathModel(equations)
    claims, without = model.claims()
    graph = nx.DiGraph([(d, r) for r, d in arrows])
    outer = set(graph) - set(equations)
    for claim in claims:
        assert nx.is_d_separator(_joined(graph, outer), {claim.driver}, {claim.response}, set(claim.given))
        assert claim.response in equations
    v = len(graph)
    assert not without and len(claims) == v * (v - 1) // 2 - len(arrows) - len(outer) * (len(outer) - 1) // 2
    shuffled = PathModel({r: equations[r][::-1] for r in (names[i] for i in order) if r in equations})
    assert shuffled == model and shuffled.claims() == model.claims()


def _joined(graph: nx.DiGraph, outer: set[str]) -> nx.DiGraph:
    """The graph with one hidden cause behind all outer ones."""
    return nx.DiGraph([*graph.edges, *(("hidden", name) for name in outer)])


def test_correlated_errors_take_claims_away_that_the_graph_does_not_imply() -> None:
    """age -> fire -> cover -> rich with fire ~~ rich: age and rich cannot be parted (cover opens the way over fire)."""
    model = PathModel.parse("rich ~ cover; cover ~ fire; fire ~ age; rich ~~ fire")
    claims, without = model.claims()
    assert [(c.driver, c.response, c.given) for c in claims] == [("age", "cover", ("fire",))]
    assert without == (("age", "rich"),) and model.biased() == ("rich",)


def test_members_of_a_block_are_expanded_with_correlated_errors() -> None:
    model = PathModel.parse("soil ~ climate; nep ~ soil", blocks={"climate": ["t", "p"], "soil": ["c", "n"]})
    whole = model.observed()
    assert whole.equations == {"c": ("p", "t"), "n": ("p", "t"), "nep": ("c", "n")}
    assert whole.correlated == (("c", "n"),)
    assert [(c.driver, c.response, c.given) for c in whole.claims()[0]] == [
        ("p", "nep", ("c", "n")),
        ("t", "nep", ("c", "n")),
    ]


@settings(max_examples=50)
@given(st.integers(0, 2**15 - 1), st.integers(0, 2**32 - 1))
def test_sum_of_pathways_is_the_matrix_total(bits: int, seed: int) -> None:
    names = tuple("abcdef")
    b = np.tril(np.random.default_rng(seed).normal(size=(6, 6)), -1)
    for k, (i, j) in enumerate((row, column) for row in range(6) for column in range(row)):
        b[i, j] *= bits >> k & 1
    equations = {names[i]: [names[j] for j in range(6) if b[i, j]] for i in range(6) if b[i].any()}
    if "f" not in equations:
        return
    wanted = plan(PathModel(equations), "f")
    values = pathway_values(b, names, wanted.pathways)
    totals = total_effects(b)[5]
    np.testing.assert_allclose(totals, (np.linalg.inv(np.eye(6) - b) - np.eye(6))[5], atol=1e-12)
    for i, name in enumerate(names[:5]):
        summed = sum(v for v, path in zip(values, wanted.pathways, strict=True) if path[0] == name)
        assert summed == pytest.approx(totals[i], abs=1e-10)


def test_too_many_pathways_are_counted_and_not_listed() -> None:
    names = [f"v{i:02d}" for i in range(18)]
    wanted = plan(PathModel({names[i]: names[:i] for i in range(1, 18)}), names[-1])
    assert wanted.pathways == () and len(wanted.sources) == 17
