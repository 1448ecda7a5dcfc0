"""Calibration of the shifting-sand scheme: least squares part by part, and its error from a bootstrap by days.

The order of the fit is R1 on the dry records, R2 on what R1 leaves of the wet ones, R3 on what both leave of all. Gone through
once, R1 takes a part of what is R3's wherever the sites differ in more than their soil; repeated, each part on what the
others leave, until nothing changes, the order gives every part its own. Without R3 both are the same. ``desert_scheme`` has
the equations, ``day_blocks`` the bootstrap.

The equations of the parts are linear, ``A c = b``, and sums over days. Each part's columns are made orthonormal first
(QR), so that nothing is lost in the products; going once is the solution of the lower blocks of A, repeating that of all of A.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from carbondrivers.errors import DataError
from carbondrivers.nep_models.day_blocks import Blocks, Codes, Floats, t_interval
from carbondrivers.nep_models.desert_scheme import Mask, Records, Scheme, refuse_unidentified

if TYPE_CHECKING:
    import pandas as pd

MIN_DRY_DAYS, MIN_WET_DAYS = 10, 5
UNIDENTIFIED = {
    "R1": ("a0, a1 and a2 of R1", "T0 - T10 and the heating rate must vary among dry records, and not together"),
    "R2": ("k2 and b2 of R2", "the surface temperature must vary among wet records"),
    "R3": ("the coefficients of R3", "every site needs records at several surface temperatures"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Coefficients with their errors.

    Attributes
    ----------
    scheme : Scheme
        What was fitted.
    coefficients : numpy.ndarray of shape (terms,)
        In the units of ``Scheme.terms``.
    covariance : numpy.ndarray of shape (terms, terms)
        From the bootstrap.
    records, days, freedom : mapping
        Records, blocks of days and degrees of freedom of each part.
    residual_std : mapping
        Of single records about the fit, ``"dry"`` and ``"wet"`` (NaN without records).
    r_squared : float
        1 - SSE / SST.
    """

    scheme: Scheme
    coefficients: Floats
    covariance: Floats
    records: Mapping[str, int]
    days: Mapping[str, int]
    freedom: Mapping[str, int]
    residual_std: Mapping[str, float]
    r_squared: float

    def linear(self, design: Floats) -> tuple[Floats, Floats]:
        """Return what the coefficients give for rows of a design, and its standard error."""
        variance = np.einsum("ij,jk,ik->i", design, self.covariance, design)
        return design @ self.coefficients, np.sqrt(np.maximum(variance, 0.0))

    def degrees(self, wet: Mask) -> Floats:
        """Return the degrees of freedom of rows that are, or contain, wet records or not: those of the poorest part."""
        dry = min(freedom for part, freedom in self.freedom.items() if part != "R2")
        return np.where(wet, min(dry, self.freedom.get("R2", dry)), dry).astype(np.float64)

    def table(self, confidence: float) -> pd.DataFrame:
        """Return the coefficients as a table: part, term, unit, estimate, std_error, ci_low, ci_high, n, n_days."""
        import pandas as pd

        part, term, unit = (list(column) for column in zip(*self.scheme.terms(), strict=True))
        error = np.sqrt(np.diag(self.covariance))
        low, high = t_interval(self.coefficients, error, [self.freedom[p] for p in part], confidence)
        columns = {"part": part, "term": term, "unit": unit, "estimate": self.coefficients, "std_error": error}
        columns |= {
            "ci_low": low,
            "ci_high": high,
            "n": [self.records[p] for p in part],
            "n_days": [self.days[p] for p in part],
        }
        return pd.DataFrame(columns)


def calibrate(
    scheme: Scheme, records: Records, flux: Floats, blocks: Blocks, *, order: str, replicates: int, seed: int
) -> Calibration:
    """Return the calibration of complete records; `order` is ``"repeated"`` or ``"once"``.

    Raises
    ------
    DataError
        If a part has too few days, or its coefficients cannot be told apart.
    """
    design, rows = scheme.design(records), _rows(scheme.wet(records))
    days = {part: np.unique(blocks.of[rows[part]]).size for part in scheme.parts}
    _refuse_few(days, scheme.threshold)
    part = scheme.part_of_terms()
    for name in scheme.parts:
        refuse_unidentified(design[np.ix_(rows[name], part == name)], *UNIDENTIFIED[name])
    refuse_unidentified(design, "the parts of the scheme", "they need records under more conditions")
    sums, back = _sums_of_blocks(design, flux, part, rows, blocks)
    found = _solved(sums.sum(axis=0)[None], part, order)[0] @ back.T
    draws = blocks.draws(replicates, seed).astype(np.float64)
    drawn = _solved(np.tensordot(draws, sums, axes=1), part, order) @ back.T
    freedom = {name: days[name] - int((part == name).sum()) for name in scheme.parts}
    inflation = np.sqrt([days[name] / freedom[name] for name in part])
    left = flux - design @ found
    return Calibration(
        scheme=scheme,
        coefficients=found,
        covariance=np.cov(drawn.T) * np.outer(inflation, inflation),
        records={name: int(rows[name].sum()) for name in scheme.parts},
        days=days,
        freedom=freedom,
        residual_std={"dry": _root_mean_square(left[rows["R1"]]), "wet": _root_mean_square(left[rows["R2"]])},
        r_squared=r_squared(flux, design @ found),
    )


def _sums_of_blocks(
    design: Floats, flux: Floats, part: NDArray[np.str_], rows: Mapping[str, Mask], blocks: Blocks
) -> tuple[Floats, Floats]:
    """Return A and b of each block, of shape (blocks, terms, terms + 1), and what brings their solution back to the terms."""
    terms = design.shape[1]
    back, of_part = np.zeros((terms, terms)), np.zeros_like(design)
    for name in dict.fromkeys(part.tolist()):
        own = np.flatnonzero(part == name)
        back[np.ix_(own, own)] = np.linalg.inv(np.linalg.qr(design[np.ix_(rows[name], own)], mode="r"))
        of_part[:, own] = rows[name][:, None]
    basis = design @ back
    left, right = basis * of_part, np.column_stack([basis, flux])
    sums = np.empty((blocks.stratum.size, terms, terms + 1))
    for i in range(terms):
        for j in range(terms + 1):
            sums[:, i, j] = np.bincount(blocks.of, weights=left[:, i] * right[:, j], minlength=len(sums))
    return sums, back


def _solved(sums: Floats, part: NDArray[np.str_], order: str) -> Floats:
    """Return the solutions of A and b, of shape (systems, terms), all at once or part after part."""
    if order == "repeated":
        return _solution(sums[:, :, :-1], sums[:, :, -1])
    found = np.zeros(sums.shape[:2])
    for name in dict.fromkeys(part.tolist()):
        own = np.flatnonzero(part == name)
        left = sums[:, own, -1] - np.einsum("sij,sj->si", sums[:, own, :-1], found)
        found[:, own] = _solution(sums[:, own][:, :, own], left)
    return found


def _solution(matrix: Floats, values: Floats) -> Floats:
    # A draw may hold one wet day several times and no other: the pseudo-inverse leaves open what it cannot know.
    solved: Floats = np.einsum("sij,sj->si", np.linalg.pinv(matrix, rcond=1e-10), values)
    return solved


def _rows(wet: Mask) -> dict[str, Mask]:
    """Return the records that each part is fitted on."""
    return {"R1": ~wet, "R2": wet, "R3": np.ones_like(wet)}


def _refuse_few(days: Mapping[str, int], threshold: float) -> None:
    if days["R1"] < MIN_DRY_DAYS:
        raise DataError(
            f"a calibration needs dry records (soil moisture up to {threshold:g} m3 m-3) on at least {MIN_DRY_DAYS} days, got "
            f"{days['R1']}: add days, or look at the unit of soil_moisture"
        )
    if days.get("R2", MIN_WET_DAYS) < MIN_WET_DAYS:
        raise DataError(
            f"R2 needs wet records on at least {MIN_WET_DAYS} days, got {days['R2']}: add days, or leave them out to calibrate "
            "for dry sand alone"
        )


def _root_mean_square(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


def least_squares(design: Floats, values: Floats, weight: Floats) -> Floats:
    """Return the weighted least-squares solution, the columns brought to one scale first."""
    root = np.sqrt(weight)
    rooted = design * root[:, None]
    scale = np.sqrt((rooted**2).sum(axis=0))
    scale[scale == 0.0] = 1.0
    solution: Floats = np.linalg.lstsq(rooted / scale, values * root, rcond=None)[0]
    solution /= scale
    return solution


def sums_by(design: Floats, code: Codes, weights: Floats) -> Floats:
    """Return the weighted sum of the rows of each code, of shape (codes, terms).

    Examples
    --------
    >>> sums_by(np.array([[1.0], [2.0], [4.0]]), np.array([0, 1, 0]), np.ones(3)).ravel()
    array([5., 2.])
    """
    return np.stack([np.bincount(code, weights=weights * column) for column in design.T], axis=1)


def r_squared(flux: Floats, predicted: Floats, weight: Floats | None = None) -> float:
    """Return 1 - SSE / SST; NaN where the flux does not vary.

    Examples
    --------
    >>> r_squared(np.array([1.0, 3.0]), np.array([1.0, 2.0]))
    0.5
    """
    weight = np.ones(flux.size) if weight is None else weight
    if not weight.sum() > 0:
        return float("nan")
    total = float((weight * (flux - np.average(flux, weights=weight)) ** 2).sum())
    return 1.0 - float((weight * (flux - predicted) ** 2).sum()) / total if total > 0 else float("nan")
