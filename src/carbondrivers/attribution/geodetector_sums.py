"""Sums of rows by cell of a lattice and by stratum: all that the corrected tests of the geodetector need of the rows.

Residuals are linear in the response given means and standard deviations of strata, so that their sums over lattice cells follow
from counts and sums of the response by (lattice cell, stratum). What a row adds to epsilon2 is quadratic in the response: its
sums need the squares by lattice cell, and its variance third and fourth moments of strata. They merge over blocks of rows
(Pebay 2008, doi:10.2172/1028931), so that a sample and a streamed grid are judged alike. The response is centred and scaled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from carbondrivers.attribution.effective_size import FieldSums
from carbondrivers.attribution.geodetector_moments import AnyCodes, Moments, cell_moments, merge, q_of
from carbondrivers.attribution.geodetector_near import Ends
from carbondrivers.attribution.geodetector_risks import spreads
from carbondrivers.attribution.geodetector_spatial import Places
from carbondrivers.attribution.inference import Floats

# Standard deviations within strata below this share of the response's range are rounding.
SMALLEST_SD = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class CellSums:
    """Sums over the rows of a factor or of a crossing.

    Attributes
    ----------
    places : Places
        The lattice, m of whose cells are occupied.
    count, weight : float64, (m, cells)
        Rows and sums of weights (the rows where they are not weighted) by lattice cell and stratum.
    own : float64, (cells,)
        Sums of squared weights.
    total : float64, (m,)
        Sums of the response, rows not weighted.
    plain : Moments
        Of the response in each stratum, rows not weighted, (cells,).
    ends : Ends or None
        What stands at the ends of near pairs, where the lattice is coarser than the rows lie.
    """

    places: Places
    count: Floats
    weight: Floats
    own: Floats
    total: Floats
    plain: Moments
    ends: Ends | None

    def response(self) -> FieldSums:
        """Return the response."""
        square = float((self.plain.square + self.plain.count * self.plain.mean**2).sum())
        return self.field(self.total, square, 0.0)

    def residual(self, mean: Floats) -> FieldSums:
        """Return what is left of the response beside the means of strata, (cells,)."""
        square = self.plain.square + self.plain.count * (self.plain.mean - mean) ** 2
        return self.field(self.total - self.count @ mean, float(square.sum()), mean)

    def field(self, sums: Floats, square: float, mean: Floats | float, scale: Floats | float = 1.0) -> FieldSums:
        """Return a field: its sums over lattice cells, (m,), and of squares; and (y - mean) scale at the ends of near pairs."""
        ends = None
        if self.ends is not None:
            at = self.ends.codes
            mean, scale = (v[at] if isinstance(v, np.ndarray) else v for v in (mean, scale))
            ends = (self.ends.y - mean) * scale
        return FieldSums(self.places.occupied, self.count.sum(axis=1), sums, square, ends)

    @classmethod
    def of_rows(
        cls, places: Places, y: Floats, codes: AnyCodes, plain: Moments, weights: Floats | None = None, ends: Ends | None = None
    ) -> CellSums:
        """Sum rows.

        Parameters
        ----------
        places
            Of the rows.
        y
            Response, (n,), centred and scaled.
        codes
            Stratum of each row, (n,).
        plain
            Moments of `y` in the strata, rows not weighted.
        weights
            (n,); every row counts 1 where None.
        ends
            At near pairs of the rows.
        """
        cells = plain.count.size
        count = by_cell(places, codes, cells)
        weight = count if weights is None else by_cell(places, codes, cells, weights)
        own = np.bincount(codes, None if weights is None else weights**2, minlength=cells).astype(np.float64)
        total = np.bincount(places.cell, y, minlength=len(places.occupied)).astype(np.float64)
        return cls(places, count, weight, own, total, plain, ends)


@dataclass(frozen=True, slots=True, eq=False)
class HigherMoments:
    """Moments of the response in strata up to the fourth, about the mean of each stratum.

    Attributes
    ----------
    plain : Moments
        (cells,), rows not weighted.
    third : float64, (cells,)
        Sums of third powers.
    fourth : float
        Sum of fourth powers over all strata.
    """

    plain: Moments
    third: Floats
    fourth: float

    @classmethod
    def of_rows(cls, y: Floats, codes: AnyCodes, plain: Moments) -> HigherMoments:
        """Return those of rows, (n,), from their moments.

        Examples
        --------
        >>> y, codes = np.array([0.0, 0.0, 3.0]), np.zeros(3, dtype=np.int64)
        >>> found = HigherMoments.of_rows(y, codes, cell_moments(y, codes, 1))
        >>> found.third.tolist(), found.fourth
        ([6.0], 18.0)
        """
        apart = y - plain.mean[codes]
        square = apart * apart
        third = np.bincount(codes, square * apart, minlength=plain.count.size).astype(np.float64)
        return cls(plain, third, float(square @ square))

    def merged(self, other: HigherMoments) -> HigherMoments:
        """Return those of two disjoint sets of rows together.

        Examples
        --------
        >>> y, codes = np.array([1.0, 5.0, 2.0, 9.0]), np.zeros(4, dtype=np.int64)
        >>> parts = [HigherMoments.of_rows(p, codes[:2], cell_moments(p, codes[:2], 1)) for p in (y[:2], y[2:])]
        >>> whole = HigherMoments.of_rows(y, codes, cell_moments(y, codes, 1))
        >>> found = parts[0].merged(parts[1])
        >>> abs(float(found.third[0] - whole.third[0])) < 1e-12, abs(found.fourth - whole.fourth) < 1e-10
        (True, True)
        """
        plain = merge(self.plain, other.plain)
        a, b = (m.plain.count.astype(np.float64) for m in (self, other))
        n = np.maximum(a + b, 1.0)
        apart = np.where((a > 0) & (b > 0), other.plain.mean - self.plain.mean, 0.0)
        third = apart**3 * a * b * (a - b) / n**2 + 3.0 * apart * (a * other.plain.square - b * self.plain.square) / n
        fourth = apart**4 * a * b * (a**2 - a * b + b**2) / n**3
        fourth += 6.0 * apart**2 * (a**2 * other.plain.square + b**2 * self.plain.square) / n**2
        fourth += 4.0 * apart * (a * other.third - b * self.third) / n
        return HigherMoments(plain, self.third + other.third + third, self.fourth + other.fourth + float(fourth.sum()))


@dataclass(frozen=True, slots=True, eq=False)
class FactorSums(CellSums):
    """Sums over the rows of one factor.

    Attributes
    ----------
    first : float64, (m, cells)
        Sums of the response by lattice cell and stratum, rows not weighted.
    second : float64, (m,)
        Sums of its squares by lattice cell.
    higher : HigherMoments
        Of the strata.
    """

    first: Floats
    second: Floats
    higher: HigherMoments

    @classmethod
    def of_factor(
        cls,
        places: Places,
        y: Floats,
        codes: AnyCodes,
        moments: Moments,
        weights: Floats | None = None,
        ends: Ends | None = None,
    ) -> FactorSums:
        """Sum rows: as ``of_rows``, from the factor's `moments`, weighted where rows are."""
        plain = moments if weights is None else cell_moments(y, codes, moments.count.size)
        base = CellSums.of_rows(places, y, codes, plain, weights, ends)
        first = by_cell(places, codes, plain.count.size, y)
        second = np.bincount(places.cell, y**2, minlength=len(places.occupied)).astype(np.float64)
        higher = HigherMoments.of_rows(y, codes, plain)
        return cls(places, base.count, base.weight, base.own, base.total, plain, ends, first, second, higher)

    def standard_residual(self, moments: Moments) -> FieldSums:
        """Return the response within strata, in standard deviations of each stratum; 0 in strata that do not vary."""
        sd, mean = np.nan_to_num(spreads(moments)), moments.mean
        scale = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > SMALLEST_SD)
        square = scale**2 * (self.plain.square + self.plain.count * (self.plain.mean - mean) ** 2)
        return self.field(self.first @ scale - self.count @ (scale * mean), float(square.sum()), mean, scale)

    def added(self, moments: Moments) -> FieldSums:
        """Return what each row adds to q, but for a factor: (1 - q)(y - centre)^2 - (y - its stratum's mean)^2."""
        q, centre, plain = q_of(moments), moments.centre, self.plain
        # The same for y about nought (by lattice cell), and about the plain mean of its stratum (over all rows).
        slope, level = 2.0 * (moments.mean - (1.0 - q) * centre), (1.0 - q) * centre**2 - moments.mean**2
        sums = self.first @ slope + self.count @ level - q * self.second
        far, off = plain.mean - centre, plain.mean - moments.mean
        slope, level = 2.0 * ((1.0 - q) * far - off), (1.0 - q) * far**2 - off**2
        square = (slope**2 - 2.0 * q * level) * plain.square + level**2 * plain.count - 2.0 * q * slope * self.higher.third
        found = self.field(sums, max(float(square.sum()) + q**2 * self.higher.fourth, 0.0), 0.0)
        if self.ends is None:
            return found
        y = self.ends.y
        return replace(found, ends=(1.0 - q) * (y - centre) ** 2 - (y - moments.mean[self.ends.codes]) ** 2)


def by_cell(places: Places, codes: AnyCodes, cells: int, values: Floats | None = None) -> Floats:
    """Return sums of values, (n,), by occupied lattice cell and stratum, (m, cells); rows are counted where None."""
    joint = places.cell * cells + codes
    found = np.bincount(joint, values, minlength=len(places.occupied) * cells)
    return found.reshape(-1, cells).astype(np.float64)
