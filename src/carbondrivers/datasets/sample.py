"""PixelSample: the table that every attribution method takes, checked once, here.

One row is one pixel (or site); the columns are a response, its drivers and, where given, coordinates, time, weights and
the columns that groups were cut from. ``PixelSample.from_frame`` is the one door where data are checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from carbondrivers.catalogue import CATEGORIES, Category, Kind
from carbondrivers.datasets.arguments import check_columns, check_frame, column_name, coordinate_names, told
from carbondrivers.datasets.cells import refuse_objects
from carbondrivers.datasets.checks import (
    as_numbers,
    check_rows,
    check_weights,
    clean_categorical,
    clean_numeric,
    clean_text_driver,
    clean_time,
    warn_duplicate_coordinates,
    warn_implausible,
)
from carbondrivers.datasets.crs_checks import check_coordinates, check_crs
from carbondrivers.datasets.groups import ALL as ALL
from carbondrivers.datasets.groups import group_masks, warn_empty_groups
from carbondrivers.errors import DataError, choose

MAX_PROBLEMS = 10


@dataclass(frozen=True, slots=True)
class Driver:
    """One variable of a sample: a driver, or the response.

    Attributes
    ----------
    name : str
        Column name.
    category : str
        One of ``carbondrivers.catalogue.CATEGORIES``; it groups and colours.
    unit, label : str
        For tables and figures; the label defaults to the name.
    kind : str
        ``"continuous"`` or ``"categorical"``.
    """

    name: str
    category: Category = "other"
    unit: str = ""
    label: str = ""
    kind: Kind = "continuous"

    @property
    def title(self) -> str:
        """The label, or the name where there is none."""
        return self.label or self.name


@dataclass(frozen=True, slots=True, eq=False)
class PixelSample:
    """A checked table of one response and its drivers; made by ``from_frame``.

    Attributes
    ----------
    frame : pandas.DataFrame
        Complete rows only, index 0..n-1; categorical drivers as ``category``, everything else as ``float64``.
    response : Driver
        The response variable.
    drivers : tuple of Driver
        Sorted by name, so that no answer depends on the order of columns.
    coordinates : tuple of str or None
        Names of the x and y columns.
    crs : str or None
        Coordinate reference system of the coordinates, as given.
    time, weights : str or None
        Names of the columns.
    memberships : pandas.DataFrame
        Boolean, one column a group, aligned with `frame`; groups may overlap. No column: no groups.
    dropped : pandas.DataFrame
        What was left out and why: columns ``driver``, ``n``, ``note``.
    """

    frame: pd.DataFrame
    response: Driver
    drivers: tuple[Driver, ...]
    coordinates: tuple[str, str] | None
    crs: str | None
    time: str | None
    weights: str | None
    memberships: pd.DataFrame
    dropped: pd.DataFrame

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        response: str | Driver,
        drivers: Mapping[str, Category] | Sequence[Driver],
        coordinates: tuple[str, str] | None = None,
        crs: str | None = None,
        time: str | None = None,
        groups: str | Mapping[str, object] | None = None,
        weights: str | None = None,
        extras: Sequence[str] = (),
    ) -> PixelSample:
        """Check a table and make a sample of it.

        Parameters
        ----------
        frame
            One row a pixel. It is not changed.
        response
            Name of the response column, or a ``Driver`` that also carries unit and label.
        drivers
            Name to category, or ``Driver`` objects. A column of words becomes categorical by itself; text that is numbers,
            dates or degrees, or almost another word in every row, does not.
        coordinates, crs
            Names of the x and y columns, and their reference system (``"EPSG:32650"``).
        time, weights
            Names of columns.
        extras
            Columns of numbers that are kept beside, complete in every row, such as the twin of a response (``influence``).
        groups
            A column whose values are the groups, or name to boolean array (groups may overlap). A Series is brought into
            the order of the table's index.

        Raises
        ------
        DataError
            Naming the column, the cause and the remedy: a column that is missing, doubled, constant, empty, infinite,
            text where numbers belong, or holds a left-over nodata value; too few rows; an unknown CRS. One line a problem:
            all bad columns are told at once (at most ten lines).

        Warns
        -----
        DataWarning
            If coordinates occur more than once, or no complete row is left of one of the groups.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> rng = np.random.default_rng(1)
        >>> table = pd.DataFrame(rng.normal(size=(50, 3)), columns=["nep", "rain", "dem"])
        >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate", "dem": "topography"})
        >>> sample.n, [driver.name for driver in sample.drivers]
        (50, ['dem', 'rain'])
        """
        check_frame(frame)
        answer, listed, coordinates = _as_response(response), _as_drivers(drivers), coordinate_names(coordinates)
        roles = dict.fromkeys(coordinates or (), "coordinate")
        roles |= {column_name(c, role): role for c, role in ((time, "time"), (weights, "weights")) if c is not None}
        roles |= {column_name(c, "extra"): "extra" for c in extras if c not in roles}
        names = [d.name for d in listed]
        check_columns(frame, answer.name, names, [*roles, *([groups] if isinstance(groups, str) else [])])
        check_crs(crs)
        masks = group_masks(frame, groups)
        table, final = _clean_columns(frame.reset_index(drop=True), answer, listed, roles)
        keep, dropped = _complete_rows(table, answer.name)
        check_rows(table.loc[keep], answer.name, names)
        clean = _drop_unused_levels(table.loc[keep].reset_index(drop=True))
        for variable in (answer, *(d for d in final if d.kind == "continuous")):
            warn_implausible(clean[variable.name], variable.unit)
        if weights is not None:
            check_weights(clean[weights])
        if coordinates:
            check_coordinates(clean, coordinates, crs)
            warn_duplicate_coordinates(clean, coordinates, time)
        warn_empty_groups(masks, keep)
        return cls(
            frame=clean,
            response=answer,
            drivers=tuple(sorted(final, key=lambda d: d.name)),
            coordinates=coordinates,
            crs=crs,
            time=time,
            weights=weights,
            memberships=masks.loc[keep].reset_index(drop=True),
            dropped=dropped,
        )

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.frame)

    @property
    def y(self) -> np.ndarray:
        """The response, shape (n,), float64."""
        return self.frame[self.response.name].to_numpy(dtype=np.float64)

    @property
    def is_geographic(self) -> bool:
        """Whether the coordinates are longitude and latitude."""
        if self.crs is None:
            return False
        from pyproj import CRS

        return bool(CRS.from_user_input(self.crs).is_geographic)

    @property
    def continuous(self) -> tuple[Driver, ...]:
        """The continuous drivers."""
        return tuple(d for d in self.drivers if d.kind == "continuous")

    def caveats(self, *, weighted: bool = False) -> tuple[str, ...]:
        """Return what a method must say of this sample: weights, if it does not use them, and groups cut on the response."""
        said: list[str] = []
        if self.weights and not weighted:
            said.append(f"The sample has weights ({self.weights}); this method does not use them, every row counts the same.")
        cut = [str(name) for name in self.memberships.columns if self.is_cut_on_response(str(name))]
        if cut:
            said.append(
                f"Groups cut on the response ({', '.join(cut)}) hold only a part of its range: coefficients within them are "
                "attenuated and not comparable with those of other groups or of the whole sample."
            )
        return tuple(said)

    def is_cut_on_response(self, group: str) -> bool:
        """Whether the members of a group are exactly the rows within an interval of the response."""
        mask = self.memberships[group].to_numpy(dtype=bool)
        if mask.all() or not mask.any():
            return False
        inside, outside = self.y[mask], self.y[~mask]
        return not bool(((outside >= inside.min()) & (outside <= inside.max())).any())

    def group_samples(self) -> Iterator[tuple[str, PixelSample]]:
        """Iterate over ``("all", the whole sample)`` and then every group with at least one row, in order."""
        yield ALL, self
        for name in self.memberships.columns:
            mask = self.memberships[name].to_numpy(dtype=bool)
            if mask.any():
                yield str(name), self._rows(mask)

    def _rows(self, mask: np.ndarray) -> PixelSample:
        part = _drop_unused_levels(self.frame.loc[mask].reset_index(drop=True))
        return replace(self, frame=part, memberships=self.memberships.loc[mask].iloc[:, :0].reset_index(drop=True))

    def variables(self) -> pd.DataFrame:
        """Return one row a variable: name, role, category, unit, label, kind (what figures need to know)."""
        rows = [(v.name, role, v.category, v.unit, v.title, v.kind) for role, v in self._roles()]
        return pd.DataFrame(rows, columns=["name", "role", "category", "unit", "label", "kind"], dtype=str)

    def _roles(self) -> list[tuple[str, Driver]]:
        return [("response", self.response), *(("driver", d) for d in self.drivers)]

    def describe(self) -> pd.DataFrame:
        """Return the paper's descriptive table, per group.

        Returns
        -------
        pandas.DataFrame
            One row a group and variable: n, mean, standard deviation (n - 1), minimum, quartiles, maximum; for a
            categorical driver the number of classes and the most frequent one.
        """
        rows: list[dict[str, object]] = []
        for group, part in self.group_samples():
            for _, variable in part._roles():
                rows.append({"group": group, "variable": variable.name} | _describe_column(part.frame[variable.name]))
        return pd.DataFrame(rows).reindex(
            columns=["group", "variable", "n", "mean", "sd", "min", "q25", "median", "q75", "max", "classes", "mode"]
        )


def _as_response(response: object) -> Driver:
    if isinstance(response, Driver):
        column_name(response.name, "response")
        return response
    if not isinstance(response, str):
        raise DataError(f"response must be the name of a column or a Driver, got {told(response)}: give it as 'nep'")
    return Driver(response, "vegetation")


def _as_drivers(drivers: object) -> list[Driver]:
    if isinstance(drivers, Mapping):
        listed = [Driver(column_name(name, "each driver"), category) for name, category in drivers.items()]
    else:
        given = list(drivers) if isinstance(drivers, Iterable) and not isinstance(drivers, str) else [drivers]
        listed = [driver for driver in given if isinstance(driver, Driver)]
        if len(listed) < len(given):
            raise DataError(
                f"drivers must be names with their categories, as drivers={{'precipitation': 'climate'}}, or a list of Driver, "
                f"got {told(drivers)}: give each driver its category"
            )
    if not listed:
        raise DataError("no drivers are given: name at least one, as drivers={'precipitation': 'climate'}")
    for driver in listed:
        column_name(driver.name, "each driver")
        choose(driver.category, CATEGORIES, f"category of driver {driver.name!r}")
        choose(driver.kind, ("continuous", "categorical"), f"kind of driver {driver.name!r}")
    return listed


def _clean_columns(
    table: pd.DataFrame, answer: Driver, listed: Sequence[Driver], roles: Mapping[str, str]
) -> tuple[pd.DataFrame, list[Driver]]:
    """Return the clean columns and the drivers with the kind found; tell every bad column at once."""
    columns: dict[str, pd.Series] = {}
    final: list[Driver] = []
    problems: list[str] = []
    tasks: list[tuple[str, str | Driver]] = [(answer.name, "response"), *((d.name, d) for d in listed), *roles.items()]
    for name, role in tasks:
        try:
            if isinstance(role, Driver):
                columns[name], kind = _clean_driver(table[name], role)
                final.append(replace(role, kind=kind))
            elif name not in [answer.name, *(d.name for d in listed)] or role == "response":
                columns[name] = _clean_other(table[name], role)
            elif role != "time" and name in columns and isinstance(columns[name].dtype, pd.CategoricalDtype):
                raise DataError(f"{role} {name!r} is a categorical driver too: give a column of numbers")
        except DataError as error:
            problems.append(str(error))
    if len(problems) > MAX_PROBLEMS:
        problems[MAX_PROBLEMS - 1 :] = [f"and {len(problems) - MAX_PROBLEMS + 1} more columns are wrong"]
    if problems:
        raise DataError("\n".join(problems))
    return pd.DataFrame(columns), final


def _clean_driver(column: pd.Series, driver: Driver) -> tuple[pd.Series, Kind]:
    if driver.kind == "categorical":
        return clean_categorical(column), "categorical"
    where = f"driver {driver.name!r}"
    refuse_objects(column, where)
    is_text = not pd.api.types.is_numeric_dtype(column) and column.notna().any()
    if is_text and as_numbers(column, where).isna().all():
        return clean_text_driver(column), "categorical"
    return clean_numeric(column, "driver"), "continuous"


def _clean_other(column: pd.Series, role: str) -> pd.Series:
    if role == "time":
        return clean_time(column)
    cleaned = clean_numeric(column, role, constant=role != "response")
    if role == "weights":
        check_weights(cleaned)
    return cleaned


def _complete_rows(clean: pd.DataFrame, response: str) -> tuple[pd.Series, pd.DataFrame]:
    missing = clean.isna()
    counts = missing.sum()
    rows = [(name, int(n), f"{int(n)} rows without a value") for name, n in counts.items() if n]
    keep = ~missing.any(axis=1)
    if not keep.all():
        only_response = int(missing[response].sum())
        total = int((~keep).sum())
        rows.append(("", total, f"{total} of {len(clean)} rows dropped in all, {only_response} of them for the response"))
    return keep, pd.DataFrame(rows, columns=["driver", "n", "note"]).astype({"n": "int64"})


def _drop_unused_levels(frame: pd.DataFrame) -> pd.DataFrame:
    used = {
        name: frame[name].cat.remove_unused_categories()
        for name in frame.columns
        if isinstance(frame[name].dtype, pd.CategoricalDtype)
    }
    return frame.assign(**used)


def _describe_column(column: pd.Series) -> dict[str, object]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        counts = column.value_counts().sort_index(kind="stable")
        return {"n": len(column), "classes": len(counts), "mode": str(counts.idxmax()) if len(counts) else ""}
    values = column.to_numpy(dtype=np.float64)
    low, q25, median, q75, high = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return {
        "n": len(values), "mean": float(values.mean()), "sd": sd, "min": low, "q25": q25, "median": median, "q75": q75,
        "max": high,
    }  # fmt: skip
