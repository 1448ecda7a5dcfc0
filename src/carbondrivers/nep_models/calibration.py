"""Calibration of productivity against towers: GPP = c x through the origin, one slope c for each ecosystem class.

x = PAR * index * days is the product of the columns that are named: the index is SANIRv or NIRv (c in g C MJ-1), or
fAPAR (c is then a light-use efficiency). c = sum(w x y) / sum(w x^2). Two standard errors belong to it. The customary
one, sqrt(s^2 / sum(w x^2)), takes rows as independent, which months of one tower are not; the one by sites sums the
scores w x (y - c x) of each site first (Liang and Zeger 1986, doi:10.1093/biomet/73.1.13; factor G / (G - 1) for G
sites), and is still too small with fewer than about ten sites. How far c carries is shown by
``cross_validate_calibration``. This module needs scikit-learn.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data

from carbondrivers.errors import DataError, DataWarning, did_you_mean
from carbondrivers.nep_models.apply import Quantity, Values
from carbondrivers.nep_models.classes import look_up
from carbondrivers.nep_models.productivity import NIRV, NIRVP, SANIRV, SLOPE
from carbondrivers.nep_models.radiation import PAR
from carbondrivers.nep_models.ranges import check_range

if TYPE_CHECKING:
    pass

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
# Columns of these names are what the package calls so, and are held to its units.
KNOWN: Mapping[str, Quantity] = {
    "par": PAR, "sanirv": SANIRV, "nirv": NIRV, "nirvp": NIRVP, "days": Quantity("days", ("d",), 1.0, 366.0, strict=True),
}  # fmt: skip
WHOLE = "all"


class CalibrationError(DataError, ValueError):
    """A table cannot be calibrated with; scikit-learn expects a ValueError."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The complete rows of a table.

    Attributes
    ----------
    x, y, weight : numpy.ndarray
        Shape (n,).
    codes, sites : numpy.ndarray
        Shape (n,): place of the row's class in `classes` and of its site in `site_names`; sites are -1 where none are known.
    classes, site_names : list of str
        In order.
    kept : numpy.ndarray
        Shape (n,): the rows' places in the table.
    dropped : dict of str to int
        Rows that were left out, by what they lack.
    """

    x: Floats
    y: Floats
    weight: Floats
    codes: Codes
    sites: Codes
    classes: list[str]
    site_names: list[str]
    kept: Codes
    dropped: dict[str, int]


class GppCalibration(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Regression through the origin with one slope for each class, as a scikit-learn estimator.

    Parameters
    ----------
    columns
        Columns whose product is x, such as ``("par", "sanirv", "days")``. None: every column of X, which then needs no
        names. Columns called par (MJ m-2 d-1), sanirv, nirv, nirvp or days are held to the package's units.
    class_column
        Column of the ecosystem classes; None: one slope for all rows.
    site_column
        Column of the sites, for the standard error by sites and for folds of whole sites.
    borrow
        Class without data to the class whose slope it takes, as ``{"wetland": "barren"}``. A class with data keeps its own.

    Attributes
    ----------
    slopes_ : dict of str to float
        c of each class, borrowed ones too: what ``nep_nirv_tec(c=...)`` takes.
    coefficients_ : pandas.DataFrame
        One row a class: class, c, ``std_error_site`` (NaN below two sites), ``std_error_iid`` (NaN below two rows), n,
        n_sites (NaN where no sites are known), ``borrowed_from`` (empty for its own data; no standard error otherwise).
    dropped_ : dict of str to int
        Rows that were left out, by what they lack: ``"x"``, ``"y"``, ``"class"``, ``"site"``, ``"weight"``.
    n_features_in_, feature_names_in_ : int, numpy.ndarray
        Of the columns of x.

    Examples
    --------
    >>> import pandas as pd
    >>> towers = pd.DataFrame(
    ...     {"par": [8.0, 10, 9, 6], "sanirv": [0.2, 0.3, 0.1, 0.05], "days": 30, "ecosystem": ["forest"] * 2 + ["barren"] * 2}
    ... )
    >>> gpp = 30 * towers["par"] * towers["sanirv"] * [8.0, 8, 3, 3]
    >>> model = GppCalibration(("par", "sanirv", "days"), class_column="ecosystem", borrow={"wetland": "barren"})
    >>> {name: round(c, 6) for name, c in model.fit(towers, gpp).slopes_.items()}
    {'barren': 3.0, 'forest': 8.0, 'wetland': 3.0}
    """

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        *,
        class_column: str | None = None,
        site_column: str | None = None,
        borrow: Mapping[str, str] | None = None,
    ) -> None:
        self.columns = columns
        self.class_column = class_column
        self.site_column = site_column
        self.borrow = borrow

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GppCalibration:
        """Fit c of each class.

        Parameters
        ----------
        X
            Table of towers, one row a site and month, with the columns named at the start; or an array (n, columns).
        y
            GPP of the same rows, shape (n,), g C m-2 of the period that `days` counts. Rows without a value of x, y, class
            or site are left out and counted.
        sample_weight
            Weights w >= 0, shape (n,).

        Returns
        -------
        GppCalibration
            Itself.

        Raises
        ------
        CalibrationError
            If a column is missing or no number, a unit is wrong, x is negative, zero in every row of a class, or missing
            in all rows, or a donor has no data.

        Warns
        -----
        DataWarning
            If a c of PAR and NIRv lies outside 0 to 50 g C MJ-1.
        """
        rows = self.rows(X, y, sample_weight)
        borrow = self._checked_borrow(rows.classes)
        import pandas as pd

        table = pd.DataFrame([_class_row(rows, k) for k in range(len(rows.classes))])
        own = dict(zip(rows.classes, table["c"].tolist(), strict=True))
        lent = [
            {"class": name, "c": own[donor], "n": 0, "n_sites": 0.0 if self.site_column else np.nan, "borrowed_from": donor}
            for name, donor in borrow.items()
        ]
        self.coefficients_ = pd.concat([table, pd.DataFrame(lent)], ignore_index=True) if lent else table
        self.slopes_: dict[str, float] = own | {name: own[donor] for name, donor in borrow.items()}
        self.dropped_ = rows.dropped
        self._warn_implausible(own)
        return self

    def predict(self, X: Any) -> Floats:
        """Return c x of each row, in the unit of y; NaN where x or the class is missing.

        Raises
        ------
        CalibrationError
            If a class has neither data nor a donor, or X is wrong as in ``fit``.
        """
        check_is_fitted(self)
        x = self._product(X, reset=False)
        labels = self._labels(X, self.class_column, len(x))
        unknown = sorted({label for label in labels if label} - set(self.slopes_))
        if unknown:
            _refuse_class(unknown[0], list(self.slopes_), "has neither data nor a donor")
        return np.asarray([self.slopes_.get(label, np.nan) for label in labels], dtype=np.float64) * x

    def slopes(self, classes: Any) -> Values:
        """Return c of each cell, for ``gpp_from_sanirv(c, par, sanirv, days)``.

        Parameters
        ----------
        classes
            Name of a class, or an array, Series or DataArray (lazy or not) of names; empty or missing: no class.

        Raises
        ------
        OptionError
            If a class has neither data nor a donor.
        """
        check_is_fitted(self)
        return look_up(self.slopes_, classes, "of the calibration")

    def rows(self, X: Any, y: Any, sample_weight: Any = None) -> Rows:
        """Return the complete rows of a table, checked as in ``fit``."""
        if y is None:
            raise CalibrationError("GppCalibration requires y to be passed, but the target y is None: give tower GPP")
        x = self._product(X, reset=True)
        target = check_array(y, ensure_2d=False, dtype=np.float64, ensure_all_finite="allow-nan", input_name="y")
        target = column_or_1d(target, warn=True)
        if len(target) != len(x):
            raise CalibrationError(f"X has {len(x)} rows and y has {len(target)}: give y of the same rows")
        weight = _weights(sample_weight, len(x))
        labels, sites = (self._labels(X, column, len(x)) for column in (self.class_column, self.site_column))
        lacks = {
            "x": np.isnan(x), "y": np.isnan(target), "class": np.array([not label for label in labels]),
            "site": np.array([not site for site in sites]), "weight": weight == 0.0,
        }  # fmt: skip
        kept = np.flatnonzero(~np.any(list(lacks.values()), axis=0)).astype(np.int64)
        dropped = {what: int(gaps.sum()) for what, gaps in lacks.items() if gaps.any()}
        if not len(kept):
            told = ", ".join(f"{what} in {n}" for what, n in dropped.items())
            raise CalibrationError(f"no row of {len(x)} is complete (missing: {told}): mend the columns, or the join of them")
        classes, codes = np.unique(np.array(labels)[kept], return_inverse=True)
        names, places = np.unique(np.array(sites)[kept], return_inverse=True)
        if self.site_column is None:
            places = np.full(len(kept), -1)
        return Rows(
            x[kept], target[kept], weight[kept], codes.astype(np.int64), places.astype(np.int64), classes.tolist(),
            names.tolist(), kept, dropped,
        )  # fmt: skip

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.positive_only = True
        tags.regressor_tags.poor_score = True
        return tags

    def _product(self, X: Any, *, reset: bool) -> Floats:
        """Return x, shape (n,), of a checked table."""
        given = X
        if self.columns is None and (self.class_column or self.site_column):
            raise CalibrationError("columns must name the factors of x, as ('par', 'sanirv', 'days'), where classes are named")
        if self.columns is not None:
            if isinstance(self.columns, str) or not len(self.columns):
                raise CalibrationError(f"columns must be a list of names, as ('par', 'sanirv', 'days'), got {self.columns!r}")
            given = X[[_column(X, name) for name in self.columns]]
            for name in self.columns:
                _check_numbers(given[name], name)
        values = validate_data(self, given, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan")
        negative = np.argwhere(values < 0)
        if len(negative):
            row, column = negative[0]
            name = f"column {self.columns[column]!r}" if self.columns else f"column {column}"
            raise CalibrationError(
                f"Negative values in data passed to GppCalibration: {name} in row {row + 1}, {len(negative)} in all; "
                "GPP is no less than 0, so take an index that is never negative (sanirv), or empty these cells"
            )
        return np.asarray(values.prod(axis=1), dtype=np.float64)

    def _labels(self, X: Any, column: str | None, n: int) -> list[str]:
        """Return the name in each row of a column, empty where it is missing; one name for all where there is no column."""
        if column is None:
            return [WHOLE] * n
        given = X[_column(X, column)]
        return ["" if gap else _label(value) for value, gap in zip(given.tolist(), given.isna().tolist(), strict=True)]

    def _checked_borrow(self, classes: list[str]) -> dict[str, str]:
        """Return the classes that borrow, in order; refuse donors without data."""
        if not self.borrow:
            return {}
        if self.class_column is None:
            raise CalibrationError("borrow needs class_column: without classes there is one slope for all rows")
        for donor in self.borrow.values():
            if donor not in classes:
                _refuse_class(donor, classes, "cannot lend its slope, it has no data")
        return {name: self.borrow[name] for name in sorted(self.borrow) if name not in classes}

    def _warn_implausible(self, own: Mapping[str, float]) -> None:
        if (
            self.columns is None
            or not {"nirvp", "par"} & set(self.columns)
            or not {"sanirv", "nirv", "nirvp"} & set(self.columns)
        ):
            return
        odd = {name: c for name, c in own.items() if not SLOPE.low <= c <= SLOPE.high}
        for name, c in odd.items():
            warnings.warn(
                f"c of class {name!r} is {c:.4g} g C MJ-1, plausible is {SLOPE.low:g} to {SLOPE.high:g}: GPP and days may be "
                "of different periods, or GPP not in g C m-2",
                DataWarning,
                stacklevel=3,
            )


def _refuse_class(name: str, known: list[str], problem: str) -> NoReturn:
    listed = ", ".join(repr(k) for k in known)
    remedy = f"name a donor, as borrow={{{name!r}: {known[0]!r}}}, or add its towers"
    raise CalibrationError(f"class {name!r} {problem}; known are {listed}.{did_you_mean(name, known)} Otherwise {remedy}")


def _column(X: Any, name: str) -> str:
    if not hasattr(X, "columns"):
        raise CalibrationError(f"X must be a table with the column {name!r}, got {type(X).__name__}: give a pandas DataFrame")
    known = [str(column) for column in X.columns]
    if name not in known:
        listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise CalibrationError(f"there is no column {name!r}.{did_you_mean(name, known)} The columns are: {listed}")
    return name


def _check_numbers(column: Any, name: str) -> None:
    if getattr(column.dtype, "kind", "O") not in "fiu":
        raise CalibrationError(f"column {name!r} must hold numbers, got {column.dtype}: mend the cells that are text")
    if name in KNOWN:
        try:
            check_range(column.to_numpy(), name, KNOWN[name])
        except DataError as error:
            raise CalibrationError(str(error)) from None


def _label(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _weights(given: Any, n: int) -> Floats:
    if given is None:
        return np.ones(n)
    weight = check_array(given, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weight.shape != (n,) or (weight < 0).any():
        told = "some below 0" if weight.shape == (n,) else f"shape {weight.shape}"
        raise CalibrationError(f"sample_weight must be {n} weights of 0 or more, one a row, got {told}: mend them")
    if not weight.any():
        raise CalibrationError(f"each weight of the {n} rows is zero: give sample_weight above 0 where a row counts")
    return np.asarray(weight, dtype=np.float64)


def slopes_by_class(x: Floats, y: Floats, weight: Floats, codes: Codes, classes: int) -> Floats:
    """Return c = sum(w x y) / sum(w x^2) of each class, shape (classes,); NaN where x is zero or there is no row."""
    xy = np.bincount(codes, weights=weight * x * y, minlength=classes)
    xx = np.bincount(codes, weights=weight * x * x, minlength=classes)
    return np.asarray(np.divide(xy, xx, out=np.full(classes, np.nan), where=xx > 0), dtype=np.float64)


def _class_row(rows: Rows, k: int) -> dict[str, object]:
    """Return c of one class with its standard errors."""
    inside = rows.codes == k
    x, y, weight, sites = rows.x[inside], rows.y[inside], rows.weight[inside], rows.sites[inside]
    n, name = len(x), rows.classes[k]
    c = float(slopes_by_class(x, y, weight, np.zeros(n, dtype=np.int64), 1)[0])
    if np.isnan(c):
        raise CalibrationError(
            f"x is zero in every row of class {name!r} (n_samples = {n}), so that c is undefined: leave the class out, and let "
            "it borrow a slope"
        )
    left, xx = y - c * x, float((weight * x * x).sum())
    iid = float(np.sqrt((weight * left * left).sum() / (n - 1) / xx)) if n > 1 else np.nan
    known = bool((sites >= 0).all())
    count = len(np.unique(sites)) if known else 0
    by_site = np.bincount(sites, weights=weight * x * left) if known else np.zeros(0)
    clustered = float(np.sqrt(count / (count - 1) * (by_site**2).sum()) / xx) if count > 1 else np.nan
    return {
        "class": name, "c": c, "std_error_site": clustered, "std_error_iid": iid, "n": n,
        "n_sites": float(count) if known else np.nan, "borrowed_from": "",
    }  # fmt: skip
