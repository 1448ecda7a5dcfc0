"""What a latent model says: which indicators reflect which latent variable, which variables act on which, what is correlated.

A latent variable is a common cause of its indicators (``climate =~ temperature + precipitation``); the first indicator
carries its unit (loading 1). Exogenous variables, latent or not, covary freely; covariances between observed ones are
taken as they are, not modelled. Residuals are uncorrelated unless ``correlated`` names them. Nothing is ever evaluated: a
text is read line by line, by its operator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import networkx as nx

from carbondrivers.errors import OptionError, did_you_mean

Part = Literal["loading", "regression", "covariance", "variance"]
Words = Mapping[str, Sequence[str]]
_LINE = re.compile(r"\s*(?P<left>.+?)\s*(?P<operator>=~|~~|~)\s*(?P<right>.+?)\s*")
_NAME = re.compile(r"[^\W\d][\w.\-]*( [\w.\-]+)*")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of a model.

    Attributes
    ----------
    part : str
        ``"loading"`` (driver: the latent variable, response: its indicator), ``"regression"``, ``"covariance"`` or
        ``"variance"`` (driver and response the same; of what no arrow ends at the variance, else the residual one).
    response, driver : str
        The two variables.
    free : bool
        Whether it is estimated; a marker's loading is 1, a moment of observed exogenous variables that of the sample.
    """

    part: Part
    response: str
    driver: str
    free: bool

    @property
    def is_arrow(self) -> bool:
        """Whether it stands on an arrow."""
        return self.part in ("loading", "regression")

    @property
    def words(self) -> str:
        """What it is, for messages."""
        if self.part == "variance":
            return f"variance of {self.response}"
        return f"{self.driver} -> {self.response}" if self.is_arrow else f"{self.driver} ~~ {self.response}"


@dataclass(frozen=True, slots=True)
class LatentModel:
    """Which latent variables are reflected by what, and which variable acts on which.

    Attributes
    ----------
    latents : mapping
        Latent variable to its indicators, the marker first.
    equations : mapping
        Variable, latent or measured, to those that act on it.
    correlated : tuple of pairs
        Variables whose residuals covary.

    Raises
    ------
    OptionError
        If a latent variable has one indicator, an arrow is given twice or arrows run in a loop (it is named).

    Examples
    --------
    >>> model = LatentModel.parse("climate =~ rain + warmth\\nnep ~ climate + dem")
    >>> model.observed, model.exogenous
    (('dem', 'nep', 'rain', 'warmth'), ('dem', 'climate'))
    """

    latents: Words = field(default_factory=dict)
    equations: Words = field(default_factory=dict)
    correlated: Sequence[Sequence[str]] = ()

    def __post_init__(self) -> None:
        for what, said in (("latents", self.latents), ("equations", self.equations)):
            if not isinstance(said, Mapping) or any(isinstance(names, str) for names in said.values()):
                raise OptionError(
                    f"{what} must be names with lists of names, as {{'climate': ['rain', 'warmth']}}, got {said!r}"
                )
        if any(isinstance(pair, str) or len(pair) != 2 or len(set(pair)) != 2 for pair in self.correlated):
            raise OptionError(f"correlated must be pairs of different names, got {list(self.correlated)!r}")
        for name, given in self.latents.items():
            if len(given) < 2:
                raise OptionError(
                    f"latent variable {name!r} must have 2 or more indicators, got {list(given)!r}: use the column itself"
                )
        latents = {name: (given[0], *sorted(given[1:])) for name, given in sorted(self.latents.items())}
        equations = {name: tuple(sorted(given)) for name, given in sorted(self.equations.items()) if given}
        object.__setattr__(self, "latents", latents)
        object.__setattr__(self, "equations", equations)
        object.__setattr__(self, "correlated", tuple(sorted({(min(p), max(p)) for p in self.correlated})))
        _check_arrows(self)

    @classmethod
    def parse(cls, text: str) -> LatentModel:
        """Return the model of a text: ``latent =~ a + b``, ``effect ~ cause + cause``, ``a ~~ b``; ``#`` begins a remark.

        Raises
        ------
        OptionError
            If a line is none of the three, naming it.
        """
        return cls(*_parsed(text))

    def text(self) -> str:
        """Return the model in its text form, which ``parse`` reads back."""
        lines = [f"{name} =~ {' + '.join(given)}" for name, given in self.latents.items()]
        lines += [f"{name} ~ {' + '.join(given)}" for name, given in self.equations.items()]
        return "\n".join([*lines, *(f"{a} ~~ {b}" for a, b in self.correlated)])

    @property
    def arrows(self) -> list[tuple[str, str]]:
        """Every arrow, from cause to effect, loadings first."""
        loadings = [(latent, one) for latent, given in self.latents.items() for one in given]
        return loadings + [(cause, effect) for effect, causes in self.equations.items() for cause in causes]

    @property
    def observed(self) -> tuple[str, ...]:
        """The measured variables, by name."""
        known = {name for arrow in self.arrows for name in arrow} | {name for pair in self.correlated for name in pair}
        return tuple(sorted(known - set(self.latents)))

    @property
    def variables(self) -> tuple[str, ...]:
        """The measured variables, then the latent ones."""
        return (*self.observed, *self.latents)

    @property
    def exogenous(self) -> tuple[str, ...]:
        """What no arrow ends at."""
        ends = {effect for _, effect in self.arrows}
        return tuple(name for name in self.variables if name not in ends)

    @property
    def fixed(self) -> frozenset[str]:
        """Observed exogenous variables: their moments are those of the sample."""
        return frozenset(name for name in self.exogenous if name not in self.latents)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter: loadings, regressions, covariances, variances."""
        return tuple(self._parameters())

    def _parameters(self) -> Iterator[Parameter]:
        for latent, given in self.latents.items():
            for index, one in enumerate(given):
                yield Parameter("loading", one, latent, index > 0)
        for effect, causes in self.equations.items():
            for cause in causes:
                yield Parameter("regression", effect, cause, True)
        pairs = [*combinations(self.exogenous, 2), *self.correlated]
        for a, b in sorted({(min(p), max(p)) for p in pairs}):
            yield Parameter("covariance", a, b, not {a, b} <= self.fixed)
        for name in self.variables:
            yield Parameter("variance", name, name, name not in self.fixed)


def _parsed(text: str) -> tuple[dict[str, list[str]], dict[str, list[str]], list[tuple[str, str]]]:
    latents: dict[str, list[str]] = {}
    equations: dict[str, list[str]] = {}
    correlated: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for said in filter(str.strip, line.split("#")[0].split(";")):
            found = _LINE.fullmatch(said)
            names = [" ".join(part.split()) for part in found["right"].split("+")] if found else []
            if not found or not all(_NAME.fullmatch(name) for name in [found["left"], *names]):
                raise OptionError(
                    f"latent model, line {number}: {said.strip()!r} must be 'latent =~ a + b', 'effect ~ a + b' or 'a ~~ b', "
                    "with names of letters, digits, '_', '.' or '-'"
                )
            if found["operator"] == "~~":
                correlated += [(found["left"], name) for name in names]
            else:
                (latents if found["operator"] == "=~" else equations).setdefault(found["left"], []).extend(names)
    return latents, equations, correlated


def check_known(model: LatentModel, columns: Sequence[str], classes: Sequence[str] = ()) -> None:
    """Refuse a model with variables that a sample does not have.

    Parameters
    ----------
    model
        Any.
    columns
        Continuous columns of the sample.
    classes
        Its categorical columns.

    Raises
    ------
    OptionError
        If a variable is neither latent nor such a column (with the nearest name), or a latent variable has the name of one.
    """
    for name in model.latents:
        if name in columns:
            raise OptionError(f"latent variable {name!r} is a column of the sample too: give it a name of its own")
    for name in model.observed:
        if name in classes:
            raise OptionError(
                f"latent model: {name!r} is categorical, and classes have no single path: take it out, or compare its classes "
                "as groups"
            )
        if name not in columns:
            known = ", ".join(columns)
            raise OptionError(
                f"latent model: {name!r} is neither a latent variable nor a continuous column of the sample (they are {known})."
                f"{did_you_mean(name, [*columns, *model.latents])}"
            )


def _check_arrows(model: LatentModel) -> None:
    seen: set[tuple[str, str]] = set()
    for arrow in model.arrows:
        if arrow in seen:
            raise OptionError(f"latent model: the arrow from {arrow[0]!r} to {arrow[1]!r} is given twice: take one out")
        seen.add(arrow)
    graph = nx.DiGraph(model.arrows)
    if not nx.is_directed_acyclic_graph(graph):
        loop = [a for a, _ in nx.find_cycle(graph)]
        raise OptionError(
            f"latent model: arrows must not run in a loop, got {' -> '.join([*loop, loop[0]])}: take one of them out"
        )
