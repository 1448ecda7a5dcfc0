"""A model as text for lavaan or semopy, so that its numbers can be checked in another program.

Both programs add covariances of their own (between causes that nothing causes, and between variables that act on nothing);
the text therefore says of each such pair what this model says, also where that is zero, and the same model is fitted there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from typing import Literal, get_args

from carbondrivers.attribution.latent_spec import LatentModel
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.errors import choose

Program = Literal["lavaan", "semopy"]
PROGRAMS: tuple[Program, ...] = get_args(Program)
_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def model_text(model: PathModel | LatentModel, program: Program = "lavaan") -> str:
    """Return a model as the text of lavaan's ``sem`` or of ``semopy.Model(..., mimic_lavaan=True)``.

    Parameters
    ----------
    model
        A path model (blocks are replaced by their members) or one with latent variables.
    program
        ``"lavaan"`` or ``"semopy"``. Both are given standardised columns; semopy is not reliable with others.

    Raises
    ------
    OptionError
        If the program is none of the two.

    Examples
    --------
    >>> print(model_text(LatentModel.parse("climate =~ rain + warmth; nep ~ climate; soil ~ climate")))
    climate =~ rain + warmth
    nep ~ climate
    soil ~ climate
    nep ~~ 0*soil
    """
    choose(program, PROGRAMS, "program")
    latents: dict[str, tuple[str, ...]] = {}
    if isinstance(model, LatentModel):
        latents = {name: tuple(given) for name, given in model.latents.items()}
        equations, correlated = dict(model.equations), {(str(a), str(b)) for a, b in model.correlated}
        # Observed ones covary by themselves in both programs.
        loose = {tuple(sorted(pair)) for pair in combinations(model.exogenous, 2) if not set(pair) <= model.fixed}
    else:
        plain = model.observed()
        equations, correlated, loose = dict(plain.equations), set(plain.correlated), set()
    ends = sorted(set(equations) - {cause for given in equations.values() for cause in given})
    apart = {pair for pair in combinations(ends, 2) if pair not in {tuple(sorted(p)) for p in correlated}}
    listed = [(name, *given) for part in (latents, equations) for name, given in part.items()]
    safe = _safe_names([name for group in (*listed, *correlated) for name in group])
    renamed = [f"# {short} is {name}" for name, short in safe.items() if name != short]
    lines = [f"{safe[name]} =~ {_sum(safe, given)}" for name, given in latents.items()]
    lines += [f"{safe[name]} ~ {_sum(safe, given)}" for name, given in equations.items()]
    lines += [f"{safe[a]} ~~ {safe[b]}" for a, b in sorted({*correlated, *loose})]
    lines += [f"{safe[a]} ~~ 0*{safe[b]}" for a, b in sorted(apart)]
    return "\n".join([*renamed, *lines])


def _sum(safe: dict[str, str], names: Iterable[str]) -> str:
    return " + ".join(safe[name] for name in names)


def _safe_names(names: Iterable[str]) -> dict[str, str]:
    """Return a name that both programs can read for each variable: its own where that is one."""
    found: dict[str, str] = {}
    taken = {name for name in names if _SAFE.fullmatch(name)}
    for name in dict.fromkeys(names):
        short = name
        if not _SAFE.fullmatch(name):
            base = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
            base = base if base[:1].isalpha() else f"v_{base}".rstrip("_")
            short = next(s for s in (base, *(f"{base}_{k}" for k in range(2, len(found) + 3))) if s not in taken)
            taken.add(short)
        found[name] = short
    return found
