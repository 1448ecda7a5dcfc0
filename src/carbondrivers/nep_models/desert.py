"""The CO2 flux of bare shifting sand: a scheme that is calibrated on records before it predicts.

``desert_scheme`` has the equations. No coefficient of the scheme was found in print, so there are no defaults: without a
calibration, or for conditions that the calibration has not seen, the answer is a ``NotCalibratedError``. Coefficients have
intervals from a bootstrap by days; every prediction and sum carries its own, beside the detection limit of the instrument
(``detection``). Constants and published targets: ``parameters/desert.toml``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError

from carbondrivers.errors import DataError, DataWarning, NotCalibratedError, OptionError, choose
from carbondrivers.nep_models.day_blocks import Codes, Floats, check_bootstrap, day_blocks
from carbondrivers.nep_models.desert_calibration import calibrate, r_squared, sums_by
from carbondrivers.nep_models.desert_scheme import Mask, Records, Scheme, codes_of, read_flux, read_records, site_properties
from carbondrivers.nep_models.detection import annual_weights, check_coverage, flux_table, totals_table

if TYPE_CHECKING:
    import pandas as pd

Form: TypeAlias = Literal["step", "excess"]
Order: TypeAlias = Literal["repeated", "once"]
By: TypeAlias = Literal["hour", "month"]

# A condition a tenth of its calibrated range outside it is another condition; a few such hours are none of a warning.
MARGIN, FEW = 0.1, 0.01


class _NotFitted(NotCalibratedError, NotFittedError):  # type: ignore[misc]
    """What scikit-learn expects of an estimator that has not seen data."""


class DesertFlux(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The shifting-sand flux R1 (heat) + R2 (moisture) + R3 (soil), to be calibrated.

    Parameters
    ----------
    form
        g(theta) of R2: ``"step"`` (1 above the threshold) or ``"excess"`` (theta minus the threshold).
    soil
        Columns with properties of the sands (organic carbon, pH, total salt) for R3; none: no R3.
    order
        R1 on the dry records, R2 on the residuals of the wet ones, R3 on those of all: ``"once"``, or ``"repeated"`` until
        nothing changes. They differ with R3 alone: once, R1 takes a part of what is R3's where sites differ in their weather.
    threshold
        Soil moisture above which R2 acts, m3 m-3.
    replicates, block_days, seed
        Of the bootstrap: draws, days in a block, seed.
    confidence
        Of all intervals.

    Attributes
    ----------
    coefficients_ : pandas.DataFrame
        part, term, unit, estimate, std_error, ci_low, ci_high, n (records), n_days (blocks).
    calibration_ : Calibration
        The same as arrays, with the covariance of the coefficients, the scatter of single records and 1 - SSE / SST.
    parts_ : tuple of str
        What was calibrated.
    n_records_, n_dropped_ : int
        Records used, and left out.
    sites_ : tuple of str
        Sites of the calibration.
    notes_ : tuple of str
        What the reader must know.

    Notes
    -----
    Follows scikit-learn (``get_params``, ``clone``, ``score``, cross-validation), but that `X` is a table with named columns,
    and that ``predict`` returns a table: an estimate without its error would say nothing here. The interval of R3 holds for
    the sands it was fitted on.

    Examples
    --------
    >>> import pandas as pd
    >>> rng, time = np.random.default_rng(0), pd.date_range("2020-01-01", periods=60 * 24, freq="h")
    >>> wave = np.sin(2 * np.pi * (np.arange(len(time)) - 8) / 24)
    >>> X = pd.DataFrame({"time": time, "surface_temperature": 5 + 15 * wave, "temperature_10cm": 5 + 2 * wave,
    ...                   "heating_rate": 3 * rng.normal(size=len(time)), "soil_moisture": 0.01})
    >>> y = -0.005 + 0.004 * 13 * wave + 0.002 * X["heating_rate"] + 0.005 * rng.normal(size=len(time))
    >>> model = DesertFlux().fit(X, y)
    >>> model.coefficients_[["term", "estimate"]].round(3).values.tolist()
    [['a0', -0.005], ['a1', 0.004], ['a2', 0.002]]
    >>> model.predict(X.head(1))[["estimate", "above_detection_limit"]].round(2).values.tolist()
    [[-0.05, True]]
    """

    def __init__(
        self,
        *,
        form: Form = "step",
        soil: Sequence[str] = (),
        order: Order = "repeated",
        threshold: float = 0.05,
        replicates: int = 500,
        block_days: int = 1,
        confidence: float = 0.95,
        seed: int = 0,
    ) -> None:
        self.form = form
        self.soil = soil
        self.order = order
        self.threshold = threshold
        self.replicates = replicates
        self.block_days = block_days
        self.confidence = confidence
        self.seed = seed

    def fit(self, X: Any, y: Any) -> DesertFlux:
        """Calibrate on records.

        Parameters
        ----------
        X
            Table with ``time`` (local), ``surface_temperature`` and ``temperature_10cm`` (degC), ``heating_rate`` (K h-1, see
            ``heating_rate``), ``soil_moisture`` (m3 m-3 at 10 cm), the columns of `soil`, and ``site`` where there are several.
        y
            Flux, umol CO2 m-2 s-1, positive when the sand releases, one a record. Records with a gap are left out.

        Returns
        -------
        DesertFlux
            Itself.

        Raises
        ------
        OptionError
            If an option is outside its list or range.
        DataError
            If columns are missing or implausible, fewer than 10 days have dry records, a part cannot be identified (R3 needs
            one site more than properties), or there are wet days but fewer than 5.

        Warns
        -----
        DataWarning
            If the mean of the flux is plausible and single values are not.
        """
        self._check_options()
        soil = tuple(self.soil)
        records, times = read_records(X, soil, timed=True)
        flux = read_flux(y, len(records.t0))
        if hasattr(y, "index") and not y.index.equals(X.index):
            raise DataError("X and y have different indexes: align the rows first")
        used = records.complete & np.isfinite(flux)
        self.n_dropped_ = int((~used).sum())
        records, flux, times = records[used], flux[used], times[used]
        self.feature_names_in_, self.n_features_in_ = np.asarray(X.columns, dtype=object), X.shape[1]
        scheme, site = self._scheme(records, soil), codes_of(records.site)
        blocks = day_blocks(times, self.block_days, apart=[site], strata=2 * site + scheme.wet(records))
        found = calibrate(scheme, records, flux, blocks, order=self.order, replicates=self.replicates, seed=self.seed)
        self.calibration_, self.coefficients_ = found, found.table(self.confidence)
        self.parts_, self.sites_ = scheme.parts, tuple(str(s) for s in np.unique(records.site))
        self.n_records_ = len(flux)
        self.conditions_ = {name: (float(v.min()), float(v.max())) for name, v in _conditions(scheme, records).items()}
        self.notes_ = self._notes()
        return self

    def predict(self, X: Any) -> pd.DataFrame:
        """Return the flux of records with its uncertainty.

        Parameters
        ----------
        X
            As in ``fit``; ``time`` is not needed.

        Returns
        -------
        pandas.DataFrame
            With the index of `X`: estimate, std_error, ci_low and ci_high (of the calibrated mean), unit (umol CO2 m-2 s-1),
            detection_limit, above_detection_limit, residual_std (scatter of single records about it); NaN where an input is.

        Raises
        ------
        NotCalibratedError
            If there is no calibration, or it had no wet records and `X` has, or no R3 and `X` has other sites.
        DataError
            If columns are missing or implausible.

        Warns
        -----
        DataWarning
            If more than one in a hundred records lies outside the calibrated conditions.
        """
        self._need_calibration()
        records, _ = read_records(X, self.calibration_.scheme.soil)
        design, wet = self._design(records)
        found = self.calibration_
        table = flux_table(*found.linear(design), found.degrees(wet), self.confidence)
        return table.assign(residual_std=np.where(wet, found.residual_std["wet"], found.residual_std["dry"])).set_axis(X.index)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return 1 - SSE / SST of records that are complete."""
        flux = read_flux(y, len(X))
        predicted = self.predict(X)["estimate"].to_numpy()
        kept = np.isfinite(flux) & np.isfinite(predicted)
        weight = np.ones(len(flux)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return r_squared(flux[kept], predicted[kept], weight[kept])

    def composite(self, X: Any, by: By = "hour") -> pd.DataFrame:
        """Return the mean predicted flux by hour of the day or month of the year, with the error of the calibration.

        Parameters
        ----------
        X
            As in ``fit``.
        by
            ``"hour"`` (0 to 23) or ``"month"`` (1 to 12).

        Returns
        -------
        pandas.DataFrame
            One row an hour or month that occurs, columns as in ``predict`` and n. Errors as in ``predict``.
        """
        choose(by, ("hour", "month"), "by")
        self._need_calibration()
        records, times = read_records(X, self.calibration_.scheme.soil, timed=True)
        design, wet = self._design(records)
        kept = records.complete
        group = np.asarray(times.hour if by == "hour" else times.month)[kept]
        levels, code = np.unique(group, return_inverse=True)
        count = np.bincount(code)
        means = sums_by(design[kept], code, np.ones(len(code))) / count[:, None]
        degrees = self.calibration_.degrees(np.bincount(code, weights=wet[kept]) > 0)
        return flux_table(*self.calibration_.linear(means), degrees, self.confidence, **{by: levels}).assign(n=count)

    def annual(self, X: Any, *, min_coverage: float = 0.8) -> pd.DataFrame:
        """Return annual sums of the predicted flux, in g CO2 and in g C, with the error of the calibration.

        Parameters
        ----------
        X
            As in ``fit``.
        min_coverage
            Share of its hours that each month needs; else the year is missing, with a note.

        Returns
        -------
        pandas.DataFrame
            Two rows a site and year: site, year, gas, estimate, std_error, ci_low, ci_high, unit, detection_limit,
            above_detection_limit, n, coverage, note, statement. Errors as in ``predict``.
        """
        check_coverage(min_coverage)
        self._need_calibration()
        records, times = read_records(X, self.calibration_.scheme.soil, timed=True)
        design, wet = self._design(records)
        kept = records.complete
        years, weights = annual_weights(times[kept], records.site[kept], min_coverage)
        code = _codes_of_years(years, times[kept], records.site[kept])
        degrees = self.calibration_.degrees(np.bincount(code, weights=wet[kept], minlength=len(years)) > 0)
        sums = self.calibration_.linear(sums_by(design[kept], code, weights))
        return totals_table(years, *sums, degrees, self.confidence)

    def _check_options(self) -> None:
        choose(self.form, ("step", "excess"), "form")
        choose(self.order, ("repeated", "once"), "order")
        check_bootstrap(self.replicates, self.confidence)
        if not 0.0 < self.threshold < 0.6:
            raise OptionError(f"threshold must be in (0, 0.6) m3 m-3, got {self.threshold!r}")
        if isinstance(self.soil, str):
            raise OptionError(f"soil must be a list of columns, got {self.soil!r}: write ({self.soil!r},)")

    def _scheme(self, records: Records, soil: tuple[str, ...]) -> Scheme:
        wet = records.moisture > self.threshold
        centre, scale = site_properties(records, soil) if soil else (np.zeros(0), np.ones(0))
        parts = ("R1", *(["R2"] if wet.any() else []), *(["R3"] if soil else []))
        return Scheme(self.form, self.threshold, parts, soil, centre, scale)

    def _notes(self) -> tuple[str, ...]:
        found = ["Fluxes are umol CO2 m-2 s-1; sums are given in g CO2 and in g C."]
        if "R2" not in self.parts_:
            found.append("There were no wet records: R2 is not calibrated and wet sand is not predicted.")
        if "R3" in self.parts_:
            found.append(f"R3 rests on {len(self.sites_)} sites; its intervals hold for these sands.")
        elif len(self.sites_) > 1:
            found.append(f"{len(self.sites_)} sites share one set of coefficients; other sites are not predicted.")
        if self.n_dropped_:
            found.append(f"{self.n_dropped_} records with a gap were left out.")
        return tuple(found)

    def _need_calibration(self) -> None:
        if not hasattr(self, "coefficients_"):
            raise _NotFitted("DesertFlux has no constants of its own: calibrate it on measured records with fit(X, y) first")

    def _design(self, records: Records) -> tuple[Floats, Mask]:
        """Return the design and where it is wet, after refusing conditions without a calibration."""
        scheme = self.calibration_.scheme
        wet = scheme.wet(records)
        if wet.any() and "R2" not in scheme.parts:
            raise NotCalibratedError(
                f"{int(wet.sum())} records have soil moisture above {scheme.threshold:g} m3 m-3 and the calibration had none: "
                "calibrate with records after rain, or leave these out"
            )
        other = sorted(set(records.site[records.site != ""]) - set(self.sites_))
        if other and "R3" not in scheme.parts and self.sites_ != ("",):
            raise NotCalibratedError(
                f"the calibration knows the sites {', '.join(self.sites_)}, not {', '.join(map(str, other))}: calibrate there, "
                "or with the properties of several sands (soil=...)"
            )
        self._warn_outside(records[records.complete])
        return scheme.design(records), wet

    def _warn_outside(self, records: Records) -> None:
        outside = []
        for name, values in _conditions(self.calibration_.scheme, records).items():
            low, high = self.conditions_[name]
            margin = MARGIN * (high - low)
            count = int(((values < low - margin) | (values > high + margin)).sum())
            outside += [f"{name} in {count} (calibrated {low:.3g} to {high:.3g})"] if count > FEW * records.t0.size else []
        if outside:
            text = f"of {len(records.t0)} records, some lie outside the calibrated conditions and are extrapolated: "
            warnings.warn(text + ", ".join(outside), DataWarning, stacklevel=4)


def _conditions(scheme: Scheme, records: Records) -> dict[str, Floats]:
    """Return what the scheme rests on, by name, where it acts."""
    wet = scheme.wet(records)
    found = {"T0 - T10": records.t0 - records.t10, "heating_rate": records.rate}
    if "R3" in scheme.parts:
        found["surface_temperature"] = records.t0
        found |= {name: records.soil[:, j] for j, name in enumerate(scheme.soil)}
    if "R2" in scheme.parts and wet.any():
        found["surface_temperature of wet sand"] = records.t0[wet]
        found |= {"soil_moisture of wet sand": records.moisture[wet]} if scheme.form == "excess" else {}
    return found


def _codes_of_years(years: pd.DataFrame, times: Any, site: Any) -> Codes:
    import pandas as pd

    index = pd.MultiIndex.from_frame(years[["site", "year"]])
    return np.asarray(index.get_indexer(pd.MultiIndex.from_arrays([site, times.year])), dtype=np.int64)
