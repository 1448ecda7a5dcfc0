"""What is known about a planted region: effects along every path of its causal graph.

With B the matrix of standardised coefficients (row: target, column: source), total effects are (I - B)^-1
(Bollen 1987, Sociological Methodology 17: 37-69); on an acyclic graph that is the sum over all directed paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr

Edges = Mapping[tuple[str, str], float]
RESPONSE = "nep"


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The planted causes of a region's multi-year mean NEP.

    All effects are in standard deviations of the response per standard deviation of the driver, over the valid pixels.
    Edges into ``nep`` are structural: NEP was written with them. Edges between drivers are projections: least-squares
    coefficients of the realised, standardised driver on its realised, standardised parents, because classes, exponents
    and slopes make the physics between drivers non-linear. ``land_cover`` enters as its standardised class score.

    Attributes
    ----------
    effects : pandas.DataFrame
        One row a driver: driver, direct, indirect, total, rank (1: strongest abs(total)), null (no path to NEP).
    edges : pandas.DataFrame
        source, target, estimate.
    paths : pandas.DataFrame
        driver, path (``"elevation -> temperature -> nep"``), estimate; every directed path to NEP.
    interacting_pairs : tuple of (str, str)
        Pairs whose product of standardised values enters NEP, centred and standardised.
    interaction_estimates : tuple of float
        Coefficient of each pair's product. A total effect holds at the partner's mean.
    null_drivers : tuple of str
        Spatially smooth, independent of everything by construction, without effect.
    class_scores : dict
        Score of each land-cover class, before standardisation.
    residual_range : float
        Practical range (correlation 0.05) of the exponential residual, m.
    residual_share : float
        Share of the variance of mean NEP that is residual. The residual is orthogonal to the sum of all effects on the
        realised region, so the shares add to one exactly; it is not orthogonal to single drivers.
    r2 : float
        Share that the deterministic part explains, ``1 - residual_share``.
    trend : xarray.DataArray
        Planted slope of NEP, (y, x), g C m-2 a-2.
    """

    effects: pd.DataFrame
    edges: pd.DataFrame
    paths: pd.DataFrame
    interacting_pairs: tuple[tuple[str, str], ...]
    interaction_estimates: tuple[float, ...]
    null_drivers: tuple[str, ...]
    class_scores: dict[str, float]
    residual_range: float
    residual_share: float
    r2: float
    trend: xr.DataArray


@dataclass(frozen=True, slots=True, eq=False)
class ProcessTruth:
    """What is known of a region whose NEP comes from processes.

    Attributes
    ----------
    model : str
        The chain that gave NEP (``"desert"``: written heat and rain effects on the sand).
    gpp_slope : dict
        GPP per PAR and soil-adjusted NIRv of each class, g C MJ-1, which a calibration at the towers is to find.
    trend : xarray.DataArray
        What was planted of change, (y, x): the slope of NEP (g C m-2 a-2), or the rate of greening (a-1); see its units.
    coefficients : dict
        Of the plots (effect of a standard deviation of npp, precipitation and temperature on the logarithm of carbon density)
        or of the sand records (a0, a1, a2, k2, b2, open_a, open_b, noise); empty where there are neither.
    """

    model: str
    gpp_slope: dict[str, float]
    trend: xr.DataArray
    coefficients: dict[str, float] = field(default_factory=dict)


def edge_table(edges: Edges) -> pd.DataFrame:
    """Return edges as a table with columns source, target, estimate."""
    rows = [(source, target, estimate) for (source, target), estimate in edges.items()]
    return pd.DataFrame(rows, columns=["source", "target", "estimate"])


def total_effects(edges: Edges, drivers: Sequence[str], response: str = RESPONSE) -> pd.Series:
    """Return the total effect of every driver on the response, from (I - B)^-1.

    Parameters
    ----------
    edges
        (source, target) to standardised coefficient; acyclic.
    drivers
        Nodes other than the response.
    response
        The last node.

    Examples
    --------
    >>> float(total_effects({("a", "b"): 0.5, ("b", "nep"): 0.4, ("a", "nep"): 0.1}, ["a", "b"])["a"].round(6))
    0.3
    """
    nodes = [*drivers, response]
    place = {name: i for i, name in enumerate(nodes)}
    b = np.zeros((len(nodes), len(nodes)))
    for (source, target), estimate in edges.items():
        b[place[target], place[source]] = estimate
    inverse = np.linalg.inv(np.eye(len(nodes)) - b)
    return pd.Series(inverse[place[response], :-1], index=list(drivers))


def effect_table(edges: Edges, drivers: Sequence[str], response: str = RESPONSE) -> pd.DataFrame:
    """Return direct, indirect and total effects: driver, direct, indirect, total, rank, null.

    Parameters
    ----------
    edges, drivers, response
        As in ``total_effects``.
    """
    total = total_effects(edges, drivers, response)
    linked = set(path_table(edges, drivers, response)["driver"])
    direct = pd.Series({name: edges.get((name, response), 0.0) for name in drivers})
    frame = pd.DataFrame({"driver": list(drivers), "direct": direct.to_numpy(), "total": total.to_numpy()})
    frame["indirect"] = frame["total"] - frame["direct"]
    frame["rank"] = frame["total"].abs().rank(ascending=False, method="first").astype("int64")
    frame["null"] = [name not in linked for name in drivers]
    return frame[["driver", "direct", "indirect", "total", "rank", "null"]]


def path_table(edges: Edges, drivers: Sequence[str], response: str = RESPONSE) -> pd.DataFrame:
    """Return every directed path from a driver to the response: driver, path, estimate.

    Parameters
    ----------
    edges, drivers, response
        As in ``total_effects``.
    """
    targets: dict[str, list[str]] = {}
    for source, target in edges:
        targets.setdefault(source, []).append(target)
    rows = [
        (driver, " -> ".join(path), float(np.prod([edges[step] for step in pairwise(path)])))
        for driver in drivers
        for path in _walk((driver,), targets, response)
    ]
    return pd.DataFrame(rows, columns=["driver", "path", "estimate"])


def _walk(path: tuple[str, ...], targets: Mapping[str, Sequence[str]], response: str) -> Iterator[tuple[str, ...]]:
    for target in targets.get(path[-1], ()):
        longer = (*path, target)
        if target == response:
            yield longer
        else:
            yield from _walk(longer, targets, response)
