"""Folds that tell the truth: which rows are tested together, and which rows near them may not train.

Neighbouring rows resemble each other. A row whose neighbours train the model is no test of a claim that holds elsewhere;
random folds answer how well gaps between the rows are filled (Wadoux et al. 2021, doi:10.1016/j.ecolmodel.2021.109692),
blocks at least as wide as the dependence of the residuals answer how well a relation carries to new places (Roberts et al.
2017, doi:10.1111/ecog.02881; Ploton et al. 2020, doi:10.1038/s41467-020-18321-y). Both belong side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from carbondrivers.attribution.fold_kernels import Codes, balanced, dealt, k_means, matched, near, numbered, square_blocks
from carbondrivers.attribution.fold_rows import coordinates_of, out_of_fold_residuals, plane, row_order
from carbondrivers.attribution.inference import Floats
from carbondrivers.datasets.distances import Places, places, shown
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.datasets.variogram import LEAST_POINTS, Variogram, empirical_variogram
from carbondrivers.errors import DataError, OptionError, choose

FoldKind = Literal["auto", "random", "spatial_blocks", "clusters", "buffer", "group", "pixel_year", "nndm"]
KINDS: tuple[FoldKind, ...] = get_args(FoldKind)
SPATIAL = ("spatial_blocks", "clusters", "buffer", "pixel_year", "nndm")
FEW_ROWS, BLOCKS_PER_FOLD, FEWEST_BLOCKS, WIDEST = 50, 2, 4, 3.0
BLOCKS_ACROSS = 10.0
TARGETS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """Which fold each row of a sample is tested in.

    Attributes
    ----------
    codes : numpy.ndarray
        Shape (n rows,): 0 to n - 1.
    kind : str
        How the folds were made; never ``"auto"``.
    n : int
        Number of folds, which may be smaller than the number asked for.
    side : float or None
        Side of the blocks, in `unit`.
    buffer : float
        Rows nearer than this to a row of the test set take no part in training; in `unit`.
    practical_range : float or None
        Practical range of the out-of-fold residuals that the side rests on; inf and nan as in ``Variogram``.
    units : int
        Blocks, clusters, groups or rows that were put into the folds.
    unit : str
        ``"km"``, or ``"coordinate units"``.
    note : str
        What a reader must know, in sentences.
    variogram : Variogram or None
        Of the out-of-fold residuals, where the side rests on it.
    points : numpy.ndarray or None
        Shape (n rows, d): places between which straight lines are measured.
    """

    codes: Codes
    kind: str
    n: int
    side: float | None = None
    buffer: float = 0.0
    practical_range: float | None = None
    units: int = 0
    unit: str = ""
    note: str = ""
    variogram: Variogram | None = None
    points: Floats | None = None
    radius: float = 0.0

    def splits(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Iterate over ascending row numbers of training and test set; rows within the buffer are in neither.

        Raises
        ------
        DataError
            If a buffer leaves no row to train on.
        """
        for fold in range(self.n):
            test = self.codes == fold
            out = near(self.points, test, self.radius) if self.points is not None and self.radius else test
            if out.all():
                raise DataError(
                    f"a buffer of {shown(self.buffer)} {self.unit} leaves no row to train fold {fold + 1}: make it smaller"
                )
            yield np.flatnonzero(~out), np.flatnonzero(test)


def make_folds(
    sample: PixelSample,
    *,
    kind: FoldKind = "auto",
    n: int = 10,
    size: float | Literal["auto"] | None = "auto",
    buffer: float | None = None,
    groups: ArrayLike | str | None = None,
    residuals: ArrayLike | None = None,
    targets: ArrayLike | None = None,
    seed: int = 0,
) -> Folds:
    """Put the rows of a sample into folds.

    Parameters
    ----------
    sample
        Checked table.
    kind
        ``"random"`` rows; ``"spatial_blocks"``, squares in folds of nearly equal size; ``"clusters"`` (k-means of the
        places); ``"buffer"``, blocks whose surroundings do not train; ``"group"``, whole groups; ``"pixel_year"``, all years
        of a place together; ``"nndm"``, folds as far from their training rows as the places to predict are.
        ``"auto"``: blocks where rows have coordinates, else groups where there are any, else random rows.
    n
        Number of folds, 2 or more; fewer are made where there are fewer than two blocks a fold, and `note` says so.
    size
        Side of the blocks: km, or the coordinates' unit where no reference system is known. ``"auto"`` (or None): the
        practical range of out-of-fold residuals.
    buffer
        Rows nearer than this to the test set do not train; half a side by default with ``kind="buffer"``, else 0.
    groups
        With ``kind="group"``: a categorical driver, or one label a row of the sample; by default the sample's groups.
    residuals
        Shape (sample.n,): out-of-fold residuals of the model to be validated; by default those of a small forest.
    targets
        With ``kind="nndm"``: coordinates of the places to predict, (m, 2); by default a lattice over the hull of the rows.
    seed
        Of every draw.

    Returns
    -------
    Folds
        The same for any order of rows.

    Raises
    ------
    OptionError
        If an option is outside its list or range, or does not go with the kind.
    DataError
        If the sample lacks what the kind needs: coordinates, groups, enough blocks.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame(rng.uniform(0, 100, size=(300, 4)), columns=["x", "y", "rain", "nep"])
    >>> sample = PixelSample.from_frame(table, response="nep", drivers={"rain": "climate"}, coordinates=("x", "y"))
    >>> folds = make_folds(sample, kind="spatial_blocks", size=20.0, n=5)
    >>> folds.n, folds.units, sorted(len(test) for _, test in folds.splits())
    (5, 25, [59, 59, 60, 61, 61])
    """
    choose(kind, KINDS, "kind of folds")
    n, size, buffer = _checked(n, size, buffer, sample)
    chosen, said = _resolved(sample, kind, groups)
    if chosen in SPATIAL and sample.coordinates is None:
        raise DataError(f"folds of kind {chosen!r} need the place of every row: give coordinates, or take 'random' or 'group'")
    if groups is not None and chosen != "group":
        raise OptionError(f"groups cannot be used with folds of kind {chosen!r}: take them out, or take kind 'group'")
    make = _Maker(sample, n, size, buffer, seed, said)
    if chosen in ("spatial_blocks", "buffer"):
        return make.blocks(chosen, residuals)
    if chosen == "group":
        return make.groups(groups)
    if chosen == "nndm":
        return make.nndm(targets)
    return {"random": make.random, "clusters": make.clusters, "pixel_year": make.pixel_year}[chosen]()


def _checked(n: object, size: object, buffer: object, sample: PixelSample) -> tuple[int, float | None, float | None]:
    if isinstance(n, bool) or not isinstance(n, int) or n < 2:
        raise OptionError(f"n, the number of folds, must be a whole number of 2 or more, got {n!r}")
    if n > sample.n:
        raise OptionError(f"n, the number of folds, must be at most the number of rows ({sample.n}), got {n}")
    return n, None if size is None or size == "auto" else _length(size, "size", "auto or "), _length(buffer, "buffer")


def _length(value: object, what: str, also: str = "") -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < np.inf:
        raise OptionError(f"{what} must be {also}a length above 0, got {value!r}")
    return float(value)


def _resolved(sample: PixelSample, kind: FoldKind, groups: ArrayLike | str | None) -> tuple[str, list[str]]:
    few = f"Only {sample.n} rows: scores of so few are unsteady." if sample.n < FEW_ROWS else ""
    said = [few] if few else []
    if kind != "auto":
        return kind, said
    if groups is not None or (sample.coordinates is None and _partition(sample)):
        return "group", [*said, "Folds keep groups whole, chosen by themselves."]
    if sample.coordinates is not None:
        return "spatial_blocks", said
    return "random", [
        *said,
        "Folds are random, because the rows have neither coordinates nor groups: a new place is not tested.",
    ]


def _partition(sample: PixelSample) -> bool:
    """Return whether every row is in exactly one of two or more groups."""
    return sample.memberships.shape[1] > 1 and bool((sample.memberships.sum(axis=1) == 1).all())


class _Maker:
    """One sample with the options of its folds."""

    def __init__(
        self, sample: PixelSample, n: int, size: float | None, buffer: float | None, seed: int, said: list[str]
    ) -> None:
        self.sample, self.n, self.size, self.seed, self.said = sample, n, size, seed, said
        self.buffer, self.order, self.too_few = buffer, row_order(sample), False
        self.rng = np.random.default_rng(seed)

    def random(self) -> Folds:
        return self._folds(dealt(self.order, self.n, self.rng), "random", self.sample.n)

    def clusters(self) -> Folds:
        codes = k_means(self._places().points, self.order, self.n, self.seed)
        return self._folds(codes, "clusters", int(codes.max()) + 1)

    def pixel_year(self) -> Folds:
        units = numbered(self._xy())
        if len(np.unique(units)) == self.sample.n:
            raise DataError(
                "no place has two rows: folds of kind 'pixel_year' keep the years of a place together; take another"
            )
        return self._whole(units, "pixel_year", "places")

    def groups(self, given: ArrayLike | str | None) -> Folds:
        return self._whole(self._labels(given), "group", "groups")

    def blocks(self, kind: str, residuals: ArrayLike | None) -> Folds:
        flat, found = plane(self.sample), None
        if not np.ptp(flat, axis=0).any():
            raise DataError("all rows lie in one place: no spatial folds can be made; leave the coordinates out of the sample")
        side = self.size
        if side is None:
            found = self._variogram(residuals)
            side = self._side(found, float(np.ptp(flat, axis=0).max()))
        units = square_blocks(flat, side)
        if kind == "buffer" and self.buffer is None:
            self.buffer = side / 2.0
        return self._whole(units, kind, "blocks", side, found)

    def nndm(self, targets: ArrayLike | None) -> Folds:
        where = self._places()
        aims = self._lattice() if targets is None else np.asarray(targets, dtype=np.float64)
        if aims.ndim != 2 or aims.shape[1] != 2 or not len(aims) or not np.isfinite(aims).all():
            raise OptionError(f"targets must be finite coordinates of shape (m, 2), got shape {aims.shape}")
        there = places(aims[:, 0], aims[:, 1], self.sample.crs)
        codes, misfit = matched(where.points, there.points, self.order, self.n, self.seed)
        over = "a lattice over the hull of the rows" if targets is None else f"{len(aims):,} given places"
        self.said.append(
            f"Distances to the nearest training row match those of {over} within {shown(misfit)} {where.unit} (Wasserstein)."
        )
        return self._folds(codes, "nndm", self.n)

    def _whole(self, units: Codes, kind: str, called: str, side: float | None = None, found: Variogram | None = None) -> Folds:
        """Return folds of whole units, fewer folds where there are too few units."""
        count = int(units.max()) + 1
        if count < 2:
            raise DataError(f"all rows lie in one of the {called}: no other is left to train on; make {called} smaller")
        least = BLOCKS_PER_FOLD if called == "blocks" else 1
        folds = min(self.n, max(2, count // least))
        if folds < self.n:
            self.said.append(f"{folds} folds instead of {self.n}, because there are only {count} {called}.")
        return self._folds(balanced(units, folds, self.rng), kind, count, side, found)

    def _folds(self, codes: Codes, kind: str, units: int, side: float | None = None, found: Variogram | None = None) -> Folds:
        where = self._places() if self.sample.coordinates else None
        buffer = self.buffer or 0.0
        if buffer and where is None:
            raise OptionError("buffer cannot be used, the sample has no coordinates: take it out")
        return Folds(
            codes=codes,
            kind=kind,
            n=int(codes.max()) + 1,
            side=side,
            buffer=buffer,
            practical_range=None if found is None else found.range,
            units=units,
            unit=where.unit if where else "",
            note=" ".join(self.said),
            variogram=found,
            points=where.points if where else None,
            radius=where.straight(buffer) if where and buffer else 0.0,
        )

    def _variogram(self, residuals: ArrayLike | None) -> Variogram | None:
        xy = self._xy()
        if residuals is None:
            self.too_few = self.sample.n < LEAST_POINTS
            if self.too_few:
                return None
            rows, left = out_of_fold_residuals(self.sample, seed=self.seed)
        else:
            rows, left = self.order, np.asarray(residuals, dtype=np.float64)[self.order]
        if not np.ptp(left) > 1e-12 * float(np.abs(self.sample.y).max()):
            return None
        try:
            return empirical_variogram(xy[rows, 0], xy[rows, 1], left, crs=self.sample.crs, seed=self.seed)
        except DataError:
            # A small sample has too few pairs of rows: the extent decides, as where no dependence is seen.
            self.too_few = True
            return None

    def _side(self, found: Variogram | None, extent: float) -> float:
        """Return the side of the blocks that the range of the residuals asks for, and say what it rests on."""
        widest, tenth = extent / WIDEST, extent / BLOCKS_ACROSS
        unit = found.unit if found else "units of the coordinates"
        if found is None or np.isnan(found.range):
            why = "Too few rows for a variogram" if self.too_few else "No spatial dependence is seen in the residuals"
            self.said.append(f"{why}: blocks are a tenth of the extent wide ({shown(tenth)} {unit}).")
            return tenth
        if found.range <= widest:
            self.said.append(f"Blocks are as wide as the practical range of the residuals ({shown(found.range)} {unit}).")
            return found.range
        reach = "has no end within the extent" if np.isinf(found.range) else f"is {shown(found.range)} {unit}"
        self.said.append(
            f"The practical range of the residuals {reach}; blocks are a third of the extent wide ({shown(widest)} {unit}), "
            "which is less: scores are still too good for a place elsewhere."
        )
        return widest

    def _labels(self, given: ArrayLike | str | None) -> Codes:
        if given is None:
            if not _partition(self.sample):
                raise DataError(
                    "folds of kind 'group' need groups, two or more, with each row in exactly one: give such groups, a "
                    "categorical driver or one label a row"
                )
            return numbered(self.sample.memberships.to_numpy(dtype=np.int64))
        if isinstance(given, str):
            known = [d.name for d in self.sample.drivers if d.kind == "categorical"]
            if not known:
                raise OptionError(
                    f"groups must be a categorical driver, and the sample has none: declare {given!r} as a driver"
                )
            return numbered(self.sample.frame[choose(given, known, "groups")].astype(str).to_numpy(dtype=str)[:, None])
        labels = pd.Series(np.asarray(given).ravel())
        if len(labels) != self.sample.n or labels.isna().any():
            raise OptionError(f"groups must be one label a row ({self.sample.n}) without gaps, got {len(labels)}")
        return numbered(labels.astype(str).to_numpy(dtype=str)[:, None])

    def _xy(self) -> Floats:
        return coordinates_of(self.sample)

    def _places(self) -> Places:
        xy = self._xy()
        return places(xy[:, 0], xy[:, 1], self.sample.crs)

    def _lattice(self) -> Floats:
        """Return a lattice of about 2,000 places over the hull of the rows."""
        from scipy.spatial import Delaunay

        xy = self._xy()
        low, span = xy.min(axis=0), np.ptp(xy, axis=0)
        if not span.all():
            raise DataError("all rows lie on one line: give targets, the places to predict")
        across = np.maximum(np.rint(np.sqrt(TARGETS * span / span[::-1])), 2.0).astype(np.int64)
        steps = [low[i] + span[i] * (np.arange(across[i]) + 0.5) / across[i] for i in (0, 1)]
        lattice = np.stack(np.meshgrid(*steps), axis=-1).reshape(-1, 2)
        return lattice[Delaunay(xy).find_simplex(lattice) >= 0]
