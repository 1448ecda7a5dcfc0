"""PixelSample: the table that every attribution method takes, checked once, here.

One row is one pixel (or site); the columns are a response, its drivers and, where given, coordinates, time, weights and
the columns that groups were cut from. ``PixelSample.from_frame`` is the one door where data are checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from carbondrivers.catalogue import CATEGORIES, Category, Kind
from carbondrivers.datasets.checks import (
    check_columns,
    check_crs,
    check_degrees,
    check_rows,
    clean_categorical,
    clean_numeric,
    clean_time,
    group_masks,
    warn_duplicate_coordinates,
    warn_implausible,
)
from carbondrivers.errors import DataError, choose

ALL = "all"


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
    ) -> PixelSample:
        """Check a table and make a sample of it.

        Parameters
        ----------
        frame
            One row a pixel. It is not changed.
        response
            Name of the response column, or a ``Driver`` that also carries unit and label.
        drivers
            Name to category, or ``Driver`` objects. A text column becomes categorical by itself.
        coordinates, crs
            Names of the x and y columns, and their reference system (``"EPSG:32650"``).
        time, weights
            Names of columns.
        groups
            A column whose values are the groups, or name to boolean array (groups may overlap).

        Raises
        ------
        DataError
            Naming the column, the cause and the remedy: a column that is missing, doubled, constant, empty, infinite,
            text where numbers belong, or holds a left-over nodata value; too few rows; an unknown CRS.

        Warns
        -----
        DataWarning
            If coordinates occur more than once.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> rng = np.random.default_rng(1)
        >>> table = pd.DataFrame(rng.normal(size=(50, 3)), columns=["nep", "rain", "dem"])
        >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate", "dem": "topography"})
        >>> sample.n, [driver.name for driver in sample.drivers]
        (50, ['dem', 'rain'])
        """
        answer = response if isinstance(response, Driver) else Driver(response, "vegetation")
        listed = _as_drivers(drivers)
        extra = [*(coordinates or ()), *(c for c in (time, weights) if c)]
        check_columns(frame, answer.name, [d.name for d in listed], extra, groups if isinstance(groups, str) else None)
        table = frame.reset_index(drop=True)
        masks = group_masks(table, groups)
        columns: dict[str, pd.Series] = {answer.name: clean_numeric(table[answer.name], "response")}
        final: list[Driver] = []
        for driver in listed:
            column, kind = _clean_driver(table[driver.name], driver)
            columns[driver.name] = column
            final.append(replace(driver, kind=kind))
        for name in extra:
            columns[name] = clean_time(table[name]) if name == time else clean_numeric(table[name], "column", constant=True)
        clean = pd.DataFrame(columns)
        keep, dropped = _complete_rows(clean, answer.name)
        check_rows(clean.loc[keep], answer.name, [d.name for d in final])
        check_crs(crs)
        clean = _drop_unused_levels(clean.loc[keep].reset_index(drop=True))
        for variable in (answer, *(d for d in final if d.kind == "continuous")):
            warn_implausible(clean[variable.name], variable.unit)
        if coordinates:
            check_degrees(clean, coordinates, crs)
            warn_duplicate_coordinates(clean, coordinates, time)
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
    def continuous(self) -> tuple[Driver, ...]:
        """The continuous drivers."""
        return tuple(d for d in self.drivers if d.kind == "continuous")

    def caveats(self) -> tuple[str, ...]:
        """Return what a method must say of this sample: weights that it does not use, groups cut on the response."""
        said: list[str] = []
        if self.weights:
            said.append(f"The sample has weights ({self.weights}); this method does not use them, every row counts the same.")
        cut = [str(name) for name in self.memberships.columns if self._is_cut_on_response(str(name))]
        if cut:
            said.append(
                f"Groups cut on the response ({', '.join(cut)}) hold only a part of its range: coefficients within them are "
                "attenuated and not comparable with those of other groups or of the whole sample."
            )
        return tuple(said)

    def _is_cut_on_response(self, group: str) -> bool:
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


def _as_drivers(drivers: Mapping[str, Category] | Sequence[Driver]) -> list[Driver]:
    if isinstance(drivers, Mapping):
        listed = [Driver(str(name), category) for name, category in drivers.items()]
    else:
        listed = list(drivers)
    if not listed:
        raise DataError("no drivers are given: name at least one, as drivers={'precipitation': 'climate'}")
    for driver in listed:
        choose(driver.category, CATEGORIES, f"category of driver {driver.name!r}")
        choose(driver.kind, ("continuous", "categorical"), f"kind of driver {driver.name!r}")
    return listed


def _clean_driver(column: pd.Series, driver: Driver) -> tuple[pd.Series, Kind]:
    is_text = not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if driver.kind == "categorical" or (is_text and pd.to_numeric(column, errors="coerce").isna().all()):
        return clean_categorical(column), "categorical"
    return clean_numeric(column, "driver"), "continuous"


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
