"""More carbon plots than were measured: densities of random points from plots of the same stratum, by the ratio of NPP.

``density_point = density_plot NPP_point / NPP_plot`` within climate zone x ecosystem, as a study of Ningxia does it, which
fills 164 plots up to 621 points. Its text names the ratio between plots and points; only the point over the plot makes
sense. The ratio is bounded, because a plot of hardly any NPP would give any density.

Two things follow for a model that is fitted to such points. Soil carbon does not go with this year's NPP: scale biomass
(`pools`) and take the rest as it is (`kept`). And the targets hold the feature NPP and share the value of a plot: random
folds then test a point with its own plot in the training set, and report a fit where there is none. Keep the rows of one
``fold_group`` on one side (``GroupKFold``), and judge the model by the plots that were measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from carbondrivers.errors import DataError, DataWarning, OptionError, choose, did_you_mean
from carbondrivers.nep_models.carbon_storage import class_name

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["nearest", "mean", "random"]
Missing = Literal["refuse", "drop"]
Distance = Literal["planar", "great_circle"]

ADDED = ("augmented", "source_plot", "npp_ratio", "clipped", "fold_group")


@dataclass(frozen=True, slots=True, eq=False)
class AugmentedPlots:
    """Plots and augmented points in one table.

    Attributes
    ----------
    table : pandas.DataFrame
        Plots first, then points, each in the order given: the columns that both have, the densities, and ``augmented``
        (bool), ``source_plot`` (the plot; with ``method="mean"`` the stratum), ``npp_ratio`` (after the bounds; 1 for plots),
        ``clipped`` (bool) and ``fold_group`` (what must stay on one side of a fold).
    clipped : int
        Points with a ratio that was bounded (with ``method="mean"``: of at least one plot).
    dropped : int
        Points left out, for want of a plot in their stratum or of a value.
    notes : tuple of str
        What a reader of results should know.
    """

    table: pd.DataFrame
    clipped: int
    dropped: int
    notes: tuple[str, ...]


def augment_plots(
    plots: pd.DataFrame,
    points: pd.DataFrame,
    *,
    pools: Sequence[str] = ("biomass",),
    kept: Sequence[str] = (),
    strata: Sequence[str] = ("climate", "ecosystem"),
    npp: str = "npp",
    plot: str = "plot",
    coordinates: tuple[str, str] = ("x", "y"),
    method: Method = "nearest",
    distance: Distance = "planar",
    ratio_limits: tuple[float, float] = (0.2, 5.0),
    missing: Missing = "refuse",
    seed: int = 0,
) -> AugmentedPlots:
    """Give points the carbon density of a plot of their stratum, scaled by the ratio of NPP.

    Parameters
    ----------
    plots
        Measured plots, one row each: columns `plot` (a name of its own), `strata`, `npp`, `coordinates`, `pools`, `kept`.
    points
        Points without a measurement: columns `strata`, `npp` and `coordinates`; others that plots have too are carried on.
    pools
        Densities that go with NPP, t C ha-1.
    kept
        Densities taken as they are, such as soil carbon.
    strata
        Columns that must agree between a plot and a point.
    npp
        Column of NPP, one unit in both tables; above 0 at plots, 0 or more at points.
    plot
        Column that names a plot.
    coordinates
        Columns of x and y (longitude and latitude with ``distance="great_circle"``), used by ``method="nearest"``.
    method
        ``"nearest"`` plot of the stratum, the ``"mean"`` over all its plots (each scaled by its own ratio), or ``"random"``,
        one of them.
    distance
        ``"planar"`` for coordinates in metres, or ``"great_circle"`` for degrees.
    ratio_limits
        Bounds of the ratio; 0.2 and 5.
    missing
        Points in a stratum without a plot, or without NPP or a stratum: ``"refuse"``, or ``"drop"`` and count them.
    seed
        Of the draw of ``method="random"``.

    Returns
    -------
    AugmentedPlots
        The same for any order of the plots.

    Raises
    ------
    OptionError
        If an option is outside its list or range.
    DataError
        If a column is missing, a plot doubled or without a value, NPP not positive, a density negative, or, with
        ``missing="refuse"``, a point cannot be given a density.

    Warns
    -----
    DataWarning
        If more than half of the points have a bounded ratio, or planar distances are taken of coordinates in degrees.

    References
    ----------
    Carbon storage study of Ningxia, with the ratio read as point over plot.

    Examples
    --------
    >>> import pandas as pd
    >>> place = {"climate": "arid", "ecosystem": "grass", "y": 0.0}
    >>> plots = pd.DataFrame([{"plot": "p1", "x": 0.0, "npp": 200.0, "biomass": 4.0, "soil": 30.0, **place}])
    >>> points = pd.DataFrame([{"x": 900.0, "npp": 300.0, **place}])
    >>> found = augment_plots(plots, points, pools=("biomass",), kept=("soil",)).table
    >>> found[["biomass", "soil", "source_plot", "augmented"]].to_numpy().tolist()
    [[4.0, 30.0, 'p1', False], [6.0, 30.0, 'p1', True]]
    """
    _check_options(pools, kept, method, distance, ratio_limits, missing)
    densities, strata = [*pools, *kept], list(strata)
    if not strata:
        raise OptionError("strata must name a column at least, such as 'ecosystem'")
    own = _plots(plots, plot, strata, [npp, *coordinates, *densities], npp, densities)
    _check_coordinates([own, points], coordinates, method, distance)
    new, dropped = _points(points, own, strata, npp, coordinates if method == "nearest" else (), missing)
    rng = np.random.default_rng(seed)
    found = []
    for key, group in new.groupby(strata, sort=True):
        source = own[(own[strata] == list(key)).all(axis=1)]
        chosen = _chosen(source, group, coordinates, method, distance, rng)
        found.append(_scaled(group, source, chosen, npp, pools, kept, ratio_limits))
        label = " x ".join(str(part) for part in key)
        found[-1]["source_plot"] = label if method == "mean" else source[plot].to_numpy()[chosen[:, 0]]
    table = _table(plots, new, found, plot, strata, densities, method)
    clipped = int(table["clipped"].sum())
    _warn_clipped(clipped, len(new), ratio_limits)
    return AugmentedPlots(table, clipped, dropped, _notes(len(own), len(new), clipped, dropped, ratio_limits, kept))


def _check_options(
    pools: Sequence[str], kept: Sequence[str], method: str, distance: str, limits: tuple[float, float], missing: str
) -> None:
    choose(method, get_args(Method), "method")
    choose(distance, get_args(Distance), "distance")
    choose(missing, get_args(Missing), "missing")
    if isinstance(pools, str) or isinstance(kept, str) or not [*pools, *kept]:
        raise OptionError(f"pools and kept must be lists of columns, as ('biomass',), got {pools!r} and {kept!r}")
    if set(pools) & set(kept):
        raise OptionError(f"{sorted(set(pools) & set(kept))[0]!r} is in pools and in kept: scale it, or take it as it is")
    if len(limits) != 2 or not 0.0 < limits[0] <= 1.0 <= limits[1] < np.inf:
        raise OptionError(f"ratio_limits must be two numbers around 1, as (0.2, 5), got {limits!r}")


def _columns(table: pd.DataFrame, names: Sequence[str], what: str) -> None:
    if not hasattr(table, "iloc") or not hasattr(table, "columns"):
        raise DataError(f"{what} must be a pandas DataFrame, got {type(table).__name__}: make it one")
    known = [str(c) for c in table.columns]
    for name in names:
        if name not in known:
            raise DataError(
                f"{what} have no column {name!r}.{did_you_mean(name, known)} The columns are: {', '.join(known[:12])}"
            )
    taken = [c for c in known if c in ADDED]
    if taken:
        raise DataError(f"{what} have a column {taken[0]!r} already: rename it, augmentation writes one of that name")


def _numbers(table: pd.DataFrame, names: Sequence[str], what: str) -> None:
    for name in names:
        kind = table[name].dtype.kind
        if kind not in "fiu" or np.isinf(table[name].to_numpy(dtype=np.float64)).any():
            raise DataError(
                f"column {name!r} of {what} must be finite numbers, got {table[name].dtype}: mend or empty its cells"
            )


def _plots(
    plots: pd.DataFrame, plot: str, strata: list[str], numbers: list[str], npp: str, densities: list[str]
) -> pd.DataFrame:
    """Return the plots by name, checked: every value there, NPP positive, no density below zero."""
    _columns(plots, [plot, *strata, *numbers], "plots")
    _numbers(plots, numbers, "plots")
    if plots.empty:
        raise DataError("there is no plot: nothing can be taken from them")
    doubled = plots[plot][plots[plot].duplicated()]
    if len(doubled):
        raise DataError(f"plot {doubled.iloc[0]!r} occurs twice: average its rows, or name them apart")
    for name in (plot, *strata, *numbers):
        empty = plots[name].isna()
        if empty.any():
            raise DataError(f"{name!r} is missing at {int(empty.sum())} plots, first {plots[plot][empty].iloc[0]!r}: drop them")
    for name, bad in {npp: plots[npp] <= 0, **{d: plots[d] < 0 for d in densities}}.items():
        if bad.any():
            must = "above 0" if name == npp else "0 or more"
            raise DataError(
                f"{name!r} must be {must}, but is not at {int(bad.sum())} plots, first {plots[plot][bad].iloc[0]!r}"
            )
    named = plots.assign(**{plot: plots[plot].map(class_name)})
    return named.sort_values(plot, kind="stable").reset_index(drop=True)


def _points(
    points: pd.DataFrame, own: pd.DataFrame, strata: list[str], npp: str, coordinates: Sequence[str], missing: str
) -> tuple[pd.DataFrame, int]:
    """Return the points that can be given a density, and how many others there are."""
    _columns(points, [*strata, npp, *coordinates], "points")
    _numbers(points, [npp, *coordinates], "points")
    if (points[npp] < 0).any():
        raise DataError(
            f"{npp!r} is negative at {int((points[npp] < 0).sum())} points: look for a fill value, or set them to 0"
        )
    empty = points[[npp, *coordinates, *strata]].isna().any(axis=1).to_numpy()
    there = set(own[strata].itertuples(index=False, name=None))
    keys = list(points[strata].itertuples(index=False, name=None))
    alone = ~empty & np.array([key not in there for key in keys], dtype=bool)
    lost = int((empty | alone).sum())
    if lost and missing == "refuse":
        names = sorted({" x ".join(str(part) for part in keys[i]) for i in np.flatnonzero(alone)})
        why = [f"{int(alone.sum())} lie in a stratum without a plot ({', '.join(names[:5])})"] if names else []
        why += [f"{int(empty.sum())} lack {npp}, a stratum or coordinates"] if empty.any() else []
        raise DataError(
            f"{lost} of {len(points)} points cannot be given a density: {' and '.join(why)}; add plots, widen the strata, or "
            "give missing='drop'"
        )
    return points.reset_index(drop=True)[~(empty | alone)], lost


def _check_coordinates(tables: Sequence[pd.DataFrame], coordinates: tuple[str, str], method: str, distance: str) -> None:
    if method != "nearest":
        return
    x, y = coordinates
    for table, what in zip(tables, ("plots", "points"), strict=True):
        _columns(table, coordinates, what)
    in_degrees = all(t[x].abs().max() <= 360 and t[y].abs().max() <= 90 for t in tables)
    if distance == "great_circle" and not in_degrees:
        raise DataError(f"great-circle distances need degrees, but {x!r} or {y!r} exceeds them: give distance='planar'")
    if distance == "planar" and in_degrees:
        warnings.warn(
            f"{x!r} and {y!r} look like degrees, whose length differs by direction: give distance='great_circle'",
            DataWarning,
            stacklevel=3,
        )


def _chosen(
    source: pd.DataFrame, group: pd.DataFrame, coordinates: tuple[str, str], method: str, distance: str, rng: Any
) -> Any:
    """Return the rows of `source` that each point of a stratum is made from, shape (points, plots)."""
    if method == "mean":
        return np.broadcast_to(np.arange(len(source)), (len(group), len(source)))
    if method == "random":
        return rng.integers(0, len(source), (len(group), 1))
    from scipy.spatial import KDTree

    places = [_places(t[list(coordinates)].to_numpy(dtype=np.float64), distance) for t in (source, group)]
    _, rows = KDTree(places[0]).query(places[1])
    return np.asarray(rows)[:, None]


def _places(xy: Any, distance: str) -> Any:
    """Return coordinates whose straight distance orders points as the distance does: of degrees, points on the sphere."""
    if distance == "planar":
        return xy
    lon, lat = np.radians(xy).T
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _scaled(
    group: pd.DataFrame, source: pd.DataFrame, chosen: Any, npp: str, pools: Sequence[str], kept: Sequence[str],
    limits: tuple[float, float],
) -> pd.DataFrame:  # fmt: skip
    raw = group[npp].to_numpy(dtype=np.float64)[:, None] / source[npp].to_numpy(dtype=np.float64)[chosen]
    ratio = np.clip(raw, *limits)
    found = group.copy()
    for name in (*pools, *kept):
        density = source[name].to_numpy(dtype=np.float64)[chosen]
        found[name] = (density * ratio if name in pools else density).mean(axis=1)
    found["npp_ratio"] = ratio.mean(axis=1)
    found["clipped"] = (raw != ratio).any(axis=1)
    return found


def _table(
    plots: pd.DataFrame, new: pd.DataFrame, found: Sequence[pd.DataFrame], plot: str, strata: list[str],
    densities: list[str], method: str,
) -> pd.DataFrame:  # fmt: skip
    import pandas as pd

    names = plots[plot].map(class_name)
    first = plots.assign(augmented=False, source_plot=names, npp_ratio=1.0, clipped=False)
    points = [part.assign(augmented=True) for part in found]
    rest = [pd.concat(points).sort_index()] if points else []
    shared = [c for c in new.columns if c in plots.columns and c not in (plot, *densities)]
    columns = [*shared, *densities, "augmented", "source_plot", "npp_ratio", "clipped"]
    table = pd.concat([part[columns] for part in (first, *rest)], ignore_index=True)
    labels = table[strata].astype(str).agg(" x ".join, axis=1)
    return table.assign(fold_group=labels if method == "mean" else table["source_plot"])


def _warn_clipped(clipped: int, count: int, limits: tuple[float, float]) -> None:
    if 2 * clipped > count:
        warnings.warn(
            f"the NPP ratio of {clipped} of {count} points lies outside {limits[0]:g} to {limits[1]:g} and was bounded: look "
            "for another unit of NPP in one of the tables, or for plots that do not stand for their stratum",
            DataWarning,
            stacklevel=3,
        )


def _notes(
    plots: int, points: int, clipped: int, dropped: int, limits: tuple[float, float], kept: Sequence[str]
) -> tuple[str, ...]:
    notes = [
        f"{plots} measured plots and {points} augmented points",
        f"the NPP ratio of {clipped} points was bounded to {limits[0]:g} to {limits[1]:g}",
        "augmented densities hold NPP and a plot's value: validate by fold_group, and on measured plots",
    ]
    if dropped:
        notes.insert(1, f"{dropped} points were left out: no plot in their stratum, or a value is missing")
    if kept:
        notes.append(f"{', '.join(kept)} taken from the plot unscaled")
    return tuple(notes)
