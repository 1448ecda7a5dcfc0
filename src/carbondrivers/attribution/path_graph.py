"""Path models as graphs: equations, blocks, correlated errors, the order of causes and the independence claims.

A model is a directed acyclic graph. Its basis set (Shipley 2000, doi:10.1207/S15328007SEM0702_4) has one claim for every
pair without an arrow: the two are independent given the causes of both. Pairs of causes that nothing in the model causes
have no claim, by convention, and neither have pairs whose errors are declared correlated.
Where errors are correlated, the union of the causes does not always part a pair; every claim is therefore checked against
the graph (m-separation: a correlated error is a hidden common cause) and what the graph does not imply is not claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import networkx as nx

from carbondrivers.attribution.path_text import Pair, parse_model
from carbondrivers.errors import OptionError

if TYPE_CHECKING:
    from carbondrivers.attribution.path_result import PathResult
    from carbondrivers.datasets.sample import PixelSample

HIDDEN = "~~"


@dataclass(frozen=True, slots=True)
class Claim:
    """One implied independence.

    Attributes
    ----------
    driver, response : str
        The pair; `response` is the later one in the order of causes and has an equation.
    given : tuple of str
        What is held, sorted.
    """

    driver: str
    response: str
    given: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PathModel:
    """Which variable acts on which.

    Attributes
    ----------
    equations : mapping
        Response to its causes; variables or names of blocks. An empty list: nothing acts on it.
    blocks : mapping
        Name of a block to its members.
    correlated : tuple of pairs
        Variables whose errors are correlated.
    also : tuple of str
        Variables that belong to the model without an arrow: they are independent of all others, given the outer causes.
    order : tuple of str
        All variables, outer causes first, causes before effects, by name where that leaves a choice; made from the others.

    Raises
    ------
    OptionError
        If the causes run in a circle (the loop is named), a name occurs twice where it must not, or a pair has both an
        arrow and a correlated error.

    Examples
    --------
    >>> model = PathModel({"NEP": ["TEM", "SOC"], "SOC": ["PRE"]}, correlated=[("TEM", "PRE")])
    >>> model.order, model.exogenous
    (('PRE', 'TEM', 'SOC', 'NEP'), ('PRE', 'TEM'))
    >>> [(c.driver, c.response, c.given) for c in model.claims()[0]]
    [('TEM', 'SOC', ('PRE',)), ('PRE', 'NEP', ('SOC', 'TEM'))]
    """

    equations: Mapping[str, Sequence[str]]
    blocks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    correlated: Sequence[Pair] = ()
    also: Sequence[str] = ()
    order: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        equations = {k: tuple(sorted(_names(v, f"causes of {k!r}", 0))) for k, v in _items(self.equations, "equations")}
        blocks = {k: tuple(sorted(_names(v, f"block {k!r}"))) for k, v in _items(self.blocks, "blocks", empty=True)}
        pairs = sorted({_pair(pair) for pair in self.correlated})
        object.__setattr__(self, "equations", equations)
        object.__setattr__(self, "blocks", blocks)
        object.__setattr__(self, "correlated", tuple(pairs))
        object.__setattr__(self, "also", tuple(sorted(_names(self.also, "variables without an arrow", 0))))
        _check_blocks(self)
        graph = self.graph()
        _check_cycles(graph)
        ordered = nx.lexicographical_topological_sort(graph, key=lambda name: (name in equations, name))
        object.__setattr__(self, "order", tuple(ordered))
        for pair in pairs:
            _check_pair(self, pair)

    @classmethod
    def parse(cls, text: str, *, blocks: Mapping[str, Sequence[str]] | None = None) -> PathModel:
        """Return the model that a text describes (``path_text``)."""
        equations, correlated = parse_model(text)
        return cls(equations, blocks or {}, correlated)

    @property
    def endogenous(self) -> tuple[str, ...]:
        """Variables with an equation, causes first."""
        return tuple(name for name in self.order if name in self.equations)

    @property
    def exogenous(self) -> tuple[str, ...]:
        """Variables without an equation, sorted."""
        return tuple(sorted(name for name in self.order if name not in self.equations))

    @property
    def edges(self) -> tuple[Pair, ...]:
        """Response and driver of every arrow, responses in the order of causes."""
        return tuple((response, driver) for response in self.endogenous for driver in self.equations[response])

    @property
    def used_blocks(self) -> tuple[str, ...]:
        """Blocks that stand in the equations."""
        return tuple(name for name in sorted(self.order) if name in self.blocks)

    def graph(self) -> Any:
        """Return the arrows as a ``networkx.DiGraph``."""
        graph = nx.DiGraph()
        graph.add_nodes_from([*sorted(self.equations), *self.also])
        for response in sorted(self.equations):
            graph.add_edges_from((driver, response) for driver in self.equations[response])
        graph.add_nodes_from(sorted({name for pair in self.correlated for name in pair}))
        return graph

    def text(self) -> str:
        """Return the model in its text form, which ``parse`` reads back."""
        lines = [f"{response} ~ {' + '.join(self.equations[response]) or 1}" for response in self.endogenous]
        return "\n".join([*lines, *(f"{one} ~~ {other}" for one, other in self.correlated)])

    def claims(self) -> tuple[tuple[Claim, ...], tuple[Pair, ...]]:
        """Return the basis set in the order of causes, and the pairs that correlated errors leave without a claim."""
        hidden, order, made, without = _with_hidden(self), self.order, [], []
        known = {frozenset(pair) for pair in self.edges} | {frozenset(pair) for pair in self.correlated}
        for later in range(len(order)):
            for earlier in range(later):
                driver, response = order[earlier], order[later]
                if frozenset((driver, response)) in known or not {driver, response} & set(self.equations):
                    continue
                given = _separator(self, hidden, driver, response)
                if given is None:
                    without.append((driver, response))
                else:
                    made.append(Claim(driver, response, given))
        return tuple(made), tuple(without)

    def biased(self) -> tuple[str, ...]:
        """Return the responses whose least squares are biased under the model, in the order of causes.

        The error of such a response is correlated with that of one of its causes or of what acts on them.
        """
        graph, found = self.graph(), []
        for response in self.endogenous:
            before = nx.ancestors(graph, response)
            mates = {name for pair in self.correlated if response in pair for name in pair} - {response}
            if mates & before:
                found.append(response)
        return tuple(found)

    def observed(self) -> PathModel:
        """Return the model of the members: every block is replaced by its members, whose errors are correlated."""
        if not self.used_blocks:
            return self

        def members(name: str) -> tuple[str, ...]:
            return tuple(self.blocks.get(name, (name,)))

        equations: dict[str, list[str]] = {}
        for response, drivers in self.equations.items():
            for one in members(response):
                equations[one] = [m for driver in drivers for m in members(driver)]
        pairs = [(a, b) for one, other in self.correlated for a in members(one) for b in members(other)]
        for block in self.used_blocks:
            if block in self.equations:
                pairs += combinations(self.blocks[block], 2)
        return PathModel(equations, self.blocks, pairs, [m for name in self.also for m in members(name)])

    def without(self, edges: Iterable[Pair]) -> PathModel:
        """Return the model without some arrows, with the same variables."""
        gone = set(edges)
        left = {r: [d for d in drivers if (r, d) not in gone] for r, drivers in self.equations.items()}
        return PathModel(left, self.blocks, self.correlated, self.order)

    def fit(self, sample: PixelSample, **options: Any) -> PathResult:
        """Return ``path_model(sample, model=self, ...)``."""
        from carbondrivers.attribution.path_model import path_model

        return path_model(sample, model=self, **options)


def _items(given: object, what: str, *, empty: bool = False) -> list[tuple[str, object]]:
    if not isinstance(given, Mapping) or not (given or empty):
        raise OptionError(f"{what} must be a mapping such as {{'nep': ['rain', 'dem']}}, got {given!r}")
    return [(str(key), value) for key, value in given.items()]


def _names(given: object, what: str, fewest: int = 1) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) < fewest:
        raise OptionError(f"{what} must be a list of names, got {given!r}")
    names = tuple(str(name) for name in given)
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"{what}: {name!r} is named twice: name it once")
    return names


def _pair(given: object) -> Pair:
    names = _names(given, "a correlated pair")
    if len(names) != 2:
        raise OptionError(f"a correlated pair must be two names, got {given!r}")
    one, other = sorted(names)
    return one, other


def _check_blocks(model: PathModel) -> None:
    owner: dict[str, str] = {}
    named = {*model.equations, *(d for drivers in model.equations.values() for d in drivers), *model.also}
    for block, members in model.blocks.items():
        for member in members:
            if member in owner:
                raise OptionError(f"{member!r} is a member of the blocks {owner[member]!r} and {block!r}: put it into one")
            if member in model.blocks:
                raise OptionError(f"{member!r} is a block and a member of block {block!r}: give the block another name")
            if block in named and member in named:
                raise OptionError(f"{member!r} is in the equations itself and through its block {block!r}: keep one of the two")
            owner[member] = block


def _check_cycles(graph: Any) -> None:
    if nx.is_directed_acyclic_graph(graph):
        return
    loop = [edge[0] for edge in nx.find_cycle(graph, source=None)]
    start = loop.index(min(loop))
    named = " -> ".join([*loop[start:], *loop[:start], loop[start]])
    raise OptionError(f"the causes run in a circle, {named}: a path model needs an order of causes, take out one arrow of it")


def _check_pair(model: PathModel, pair: Pair) -> None:
    one, other = pair
    if other in model.equations.get(one, ()) or one in model.equations.get(other, ()):
        raise OptionError(
            f"{one!r} and {other!r} have both an arrow and a correlated error, which data cannot tell apart: keep one"
        )


def _with_hidden(model: PathModel) -> Any:
    """Return the graph with a hidden cause behind each pair of correlated errors and each pair of outer causes."""
    graph = model.graph()
    pairs = {*model.correlated, *combinations(model.exogenous, 2)}
    for one, other in sorted(pairs):
        graph.add_edges_from([((HIDDEN, one, other), one), ((HIDDEN, one, other), other)])
    return graph


def _separator(model: PathModel, hidden: Any, driver: str, response: str) -> tuple[str, ...] | None:
    """Return what is held in the claim of a pair; None where no set of measured variables parts the two.

    First the union of the causes. Where errors are correlated, the earlier variables with an error correlated with that of
    the response are held too, if that parts the pair: claims on neighbours in a block then are tests of their own.
    """
    ends = {driver, response}
    causes = {*model.equations.get(driver, ()), *model.equations.get(response, ())} - ends
    if not model.correlated:
        return tuple(sorted(causes))
    order = model.order
    before = set(order[: order.index(response)])
    mates = {name for pair in model.correlated if response in pair for name in pair if name in before} - ends
    with_mates = causes | mates | ({d for name in mates for d in model.equations.get(name, ())} - ends)
    for held in (with_mates, causes):
        if nx.is_d_separator(hidden, {driver}, {response}, held):
            return tuple(sorted(held))
    found = nx.find_minimal_d_separator(hidden, {driver}, {response}, restricted=set(order) - ends)
    return None if found is None else tuple(sorted(found))
