"""Open-path fluxes of bare land brought near a closed-path record: ``F_closed - F_open = a + b H``.

The open sensor warms the air in its path, so that it sees an uptake where there is none: at noon in winter -1.65 instead of
-0.04 umol CO2 m-2 s-1 (Wang et al. 2016, read as an abstract); six hours a day of it are -156 g C m-2 a-1. The difference is
regressed on sensible heat (or net radiation, in its place) while both instruments run, and added afterwards. One regression
is far from sufficient: it holds for this instrument, its heating and its season, and passes all other errors on.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carbondrivers.errors import DataError, DataWarning
from carbondrivers.nep_models.apply import Quantity, Values, declare
from carbondrivers.nep_models.conversions import CO2_RATE
from carbondrivers.nep_models.day_blocks import Floats, as_times, check_bootstrap, day_blocks, t_interval
from carbondrivers.nep_models.desert_calibration import least_squares, r_squared
from carbondrivers.nep_models.desert_scheme import refuse_unidentified
from carbondrivers.nep_models.detection import FLUX_UNIT, flux_table
from carbondrivers.nep_models.ranges import check_range

if TYPE_CHECKING:
    import pandas as pd

HEAT = Quantity("sensible_heat", ("W m-2",), -400.0, 1200.0, "Sensible heat flux", strict=True)
MIN_DAYS = 10
CAVEAT = (
    "A regression of the difference is far from sufficient to correct an open-path record: it holds for this instrument and "
    "the conditions it was fitted in, and the corrected flux keeps every other error of the open path."
)


@declare(CO2_RATE, flux=CO2_RATE, sensible_heat=HEAT)
def correct_open_path(flux: Values, sensible_heat: Values, a: float, b: float) -> Values:
    """Return an open-path flux with a + b H added.

    A regression is far from sufficient to correct such a record (see the head of this file); ``fit_open_path`` gives `a` and
    `b` with their errors, and its ``correct`` the corrected flux with its own.

    Parameters
    ----------
    flux
        Open-path flux, umol CO2 m-2 s-1, any shape.
    sensible_heat
        H (or net radiation, if the fit was on it), W m-2, of the same shape.
    a, b
        umol CO2 m-2 s-1, and umol CO2 m-2 s-1 per W m-2.

    Returns
    -------
    same kind as the inputs
        umol CO2 m-2 s-1; NaN where an input is NaN.

    Raises
    ------
    DataError
        If an input carries another unit or implausible values, or `a` or `b` is not a number.

    Examples
    --------
    >>> round(correct_open_path(-1.65, 230.0, 0.0, 0.007), 6)
    -0.04
    """
    if not np.isfinite([a, b]).all():
        raise DataError(f"a and b must be numbers, got {a!r} and {b!r}: take them from fit_open_path")
    return flux + (a + b * sensible_heat)


@dataclass(frozen=True, slots=True, eq=False)
class OpenPathFit:
    """What ``fit_open_path`` found.

    Attributes
    ----------
    coefficients : pandas.DataFrame
        Rows a and b: term, unit, estimate, std_error, ci_low, ci_high, n, n_days.
    covariance : numpy.ndarray of shape (2, 2)
        Of a and b.
    heat : tuple of float
        Smallest and largest H of the fit, W m-2.
    residual_std, r_squared : float
        Scatter of single records, umol CO2 m-2 s-1, and share of the variance of the difference.
    confidence : float
        Of the intervals.
    notes : tuple of str
        What the reader must know.
    """

    coefficients: pd.DataFrame
    covariance: Floats
    heat: tuple[float, float]
    residual_std: float
    r_squared: float
    confidence: float
    notes: tuple[str, ...]

    def correct(self, flux: Any, sensible_heat: Any) -> pd.DataFrame:
        """Return corrected fluxes with the error of the correction.

        Parameters
        ----------
        flux, sensible_heat
            Open-path flux, umol CO2 m-2 s-1, and H, W m-2, of shape (records,).

        Returns
        -------
        pandas.DataFrame
            estimate, std_error, ci_low, ci_high (of a + b H, not of the single record), unit, detection_limit,
            above_detection_limit, residual_std.

        Raises
        ------
        DataError
            As in ``correct_open_path``.

        Warns
        -----
        DataWarning
            If H lies outside the range of the fit.
        """
        a, b = self.coefficients["estimate"]
        values = np.asarray(
            correct_open_path(np.asarray(flux, dtype=np.float64), np.asarray(sensible_heat), float(a), float(b))
        )
        heat = np.broadcast_to(np.asarray(sensible_heat, dtype=np.float64), values.shape)
        outside = int(((heat < self.heat[0]) | (heat > self.heat[1])).sum())
        if outside:
            text = f"sensible_heat of {outside} records lies outside the fit ({self.heat[0]:.3g} to {self.heat[1]:.3g} W m-2)"
            warnings.warn(f"{text}: their correction is extrapolated", DataWarning, stacklevel=2)
        design = np.column_stack([np.ones(heat.size), heat.ravel()])
        error = np.sqrt(np.einsum("ij,jk,ik->i", design, self.covariance, design))
        degrees = int(self.coefficients["n_days"].iloc[0]) - 2
        table = flux_table(values.ravel(), np.where(np.isnan(values.ravel()), np.nan, error), degrees, self.confidence)
        table = table.assign(residual_std=self.residual_std)
        return table.set_axis(flux.index) if hasattr(flux, "iloc") else table


def fit_open_path(
    closed: Any,
    open_path: Any,
    sensible_heat: Any,
    time: Any,
    *,
    block_days: int = 1,
    replicates: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> OpenPathFit:
    """Fit F_closed - F_open = a + b H by least squares, with a bootstrap by days.

    Parameters
    ----------
    closed, open_path
        Fluxes of the two instruments, umol CO2 m-2 s-1, of shape (records,); records with a gap are left out.
    sensible_heat
        H, W m-2, or net radiation in its place.
    time
        Local time of each record.
    block_days, replicates, seed
        Of the bootstrap: days in a block, draws, seed.
    confidence
        Of the intervals.

    Returns
    -------
    OpenPathFit
        Coefficients with their errors and the notes, the first of which is a caveat.

    Raises
    ------
    OptionError
        If an option is outside its range.
    DataError
        If inputs are implausible or do not match, share fewer than 10 days, or H does not vary.

    References
    ----------
    Wang et al. (2016), correction of an open-path gas analyser over the Taklimakan by sensible heat; read as an abstract.

    Examples
    --------
    >>> import pandas as pd
    >>> time = pd.date_range("2020-01-01", periods=15 * 24, freq="h")
    >>> heat = 100.0 + 100.0 * np.sin(2 * np.pi * np.arange(15 * 24) / 24)
    >>> fit_open_path(np.zeros(15 * 24), -0.1 - 0.007 * heat, heat, time).coefficients["estimate"].round(6).tolist()
    [0.1, 0.007]
    """
    check_bootstrap(replicates, confidence)
    left, right, heat, times = _pairs(closed, open_path, sensible_heat, time)
    blocks = day_blocks(times, block_days)
    days = blocks.stratum.size
    if days < MIN_DAYS:
        raise DataError(f"the two instruments share {days} days, at least {MIN_DAYS} are needed: add days with both")
    design, difference = np.column_stack([np.ones(heat.size), heat]), left - right
    refuse_unidentified(design, "a and b", "sensible_heat must vary")
    found = least_squares(design, difference, np.ones(heat.size))
    weights = (counts[blocks.of].astype(np.float64) for counts in blocks.draws(replicates, seed))
    drawn = np.stack([least_squares(design, difference, weight) for weight in weights])
    covariance = np.cov(drawn.T) * days / (days - 2)
    residual = difference - design @ found
    explained = r_squared(difference, design @ found)
    return OpenPathFit(
        coefficients=_table(found, covariance, heat.size, days, confidence),
        covariance=covariance,
        heat=(float(heat.min()), float(heat.max())),
        residual_std=float(np.sqrt(np.mean(residual**2))),
        r_squared=explained,
        confidence=confidence,
        notes=(CAVEAT, f"H explains {explained:.0%} of the difference between the instruments (r2 of {heat.size} records)."),
    )


def _pairs(closed: Any, open_path: Any, sensible_heat: Any, time: Any) -> tuple[Floats, Floats, Floats, Any]:
    given = {"closed": (closed, CO2_RATE), "open_path": (open_path, CO2_RATE), "sensible_heat": (sensible_heat, HEAT)}
    arrays = [np.asarray(check_range(np.asarray(v, dtype=np.float64), name, q)) for name, (v, q) in given.items()]
    if len({a.shape for a in arrays}) > 1 or arrays[0].ndim != 1:
        shapes = ", ".join(f"{name} {a.shape}" for name, a in zip(given, arrays, strict=True))
        raise DataError(f"the series must have one value for each record, got shapes {shapes}: align them first")
    times = as_times(time, arrays[0].size)
    kept = np.isfinite(np.stack(arrays)).all(axis=0)
    return arrays[0][kept], arrays[1][kept], arrays[2][kept], times[kept]


def _table(found: Floats, covariance: Floats, records: int, days: int, confidence: float) -> pd.DataFrame:
    import pandas as pd

    error = np.sqrt(np.diag(covariance))
    low, high = t_interval(found, error, days - 2, confidence)
    columns = {"term": ["a", "b"], "unit": [FLUX_UNIT, f"{FLUX_UNIT} (W m-2)-1"], "estimate": found, "std_error": error}
    return pd.DataFrame(columns | {"ci_low": low, "ci_high": high, "n": records, "n_days": days})
