"""One group's latent model: its data, its optimum, errors naive and from blocks of space, and what makes it improper."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from carbondrivers.attribution import latent_kernels as kernels
from carbondrivers.attribution.fit_indices import FitIndices, fit_indices, srmr_of
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.latent_blocks import block_covariance, block_moments, scaling, whitened
from carbondrivers.attribution.latent_optimiser import optimum
from carbondrivers.attribution.latent_spec import LatentModel, Parameter
from carbondrivers.attribution.resampling import FEWEST_UNITS, units_of
from carbondrivers.datasets.sample import PixelSample

SINGULAR = 1e12
_GUILTY = 0.1
_SEMIDEFINITE = 1e-8


def fit_group(part: PixelSample, model: LatentModel, block_size: float | None) -> tuple[LatentFit, str]:
    """Return the fit of a model in one group, and why it cannot stand (empty where it can)."""
    data, refusal = _data_of(part, model)
    fit = LatentFit(model, part.n, data)
    if refusal:
        return fit, refusal
    found = optimum(fit.structure, model.parameters, model.variables, data.moments)
    fit = replace(fit, theta=found.theta)
    refusal = found.refusal or fit.improper()
    if not refusal and part.coordinates:
        fit = replace(fit, codes=units_of(part, None, block_size, data.z).codes)
    return fit, refusal


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Standardised rows (n, p), standard deviations (p,) with divisor n, and the correlation matrix (p, p)."""

    z: Floats
    sd: Floats
    moments: Floats


def _data_of(part: PixelSample, model: LatentModel) -> tuple[Data, str]:
    """Return the standardised rows, or why there are none."""
    x = part.frame[list(model.observed)].to_numpy(dtype=np.float64)
    z = x - x.mean(axis=0)
    z = z - z.mean(axis=0)
    sd, size = z.std(axis=0), np.abs(x).max(axis=0)
    none = Data(z, sd, np.eye(len(sd)))
    still = [name for name, constant in zip(model.observed, sd <= 1e-14 * size, strict=True) if constant]
    if still:
        return none, f"{', '.join(still)} is constant in this group"
    free = sum(one.free for one in model.parameters)
    if part.n <= max(free, len(sd)):
        return none, f"{part.n} rows are too few for {free} parameters of {len(sd)} variables"
    z = z / sd
    moments = z.T @ z / part.n
    np.fill_diagonal(moments, 1.0)
    values, vectors = np.linalg.eigh(moments)
    if values[0] <= values[-1] / SINGULAR:
        guilty = [name for name, weight in zip(model.observed, np.abs(vectors[:, 0]), strict=True) if weight > _GUILTY]
        return none, f"{', '.join(guilty)} are collinear (condition number above {SINGULAR:.0e}): take one out"
    return Data(z, sd, moments), ""


@dataclass(frozen=True, eq=False)
class LatentFit:
    """A model at its optimum.

    Attributes
    ----------
    model : LatentModel
        The model.
    n : int
        Rows.
    data : Data
        What it was fitted to.
    theta : numpy.ndarray
        Free parameters in standardised units, (k,).
    codes : numpy.ndarray or None
        Number of each row's block of space, (n,).
    """

    model: LatentModel
    n: int
    data: Data
    theta: Floats = field(default_factory=lambda: np.zeros(0))
    codes: np.ndarray | None = None

    @cached_property
    def structure(self) -> kernels.Structure:
        """Where the free parameters stand."""
        return self._structure_of(self.model.parameters)

    def _structure_of(self, parameters: tuple[Parameter, ...]) -> kernels.Structure:
        return kernels.structure(parameters, self.model.variables, len(self.model.observed), self.data.moments)

    @cached_property
    def slopes(self) -> Floats:
        """Whitened derivatives of Sigma by the free parameters, (p * p, k)."""
        return kernels.moment_slopes(self.structure, self.theta)

    @cached_property
    def covariance(self) -> Floats:
        """Covariance of the parameters by expected information, (k, k)."""
        return kernels.expected_covariance(self.slopes, self.n)

    def improper(self) -> str:
        """Return why a converged solution cannot stand, or nothing."""
        _, spreads = self.structure.matrices(self.theta)
        low = [name for name, value in zip(self.model.variables, np.diag(spreads), strict=True) if not value > 0]
        if low:
            return f"Heywood case: the estimated variance of {', '.join(low)} is not above zero, which no variance can be"
        condition, direction = kernels.weakest(self.slopes)
        if not condition < SINGULAR:
            free = [one for one in self.model.parameters if one.free]
            loose = [one.words for one, weight in zip(free, np.abs(direction), strict=True) if weight > _GUILTY]
            return f"not identified: the data cannot tell apart {', '.join(loose)}; take an arrow out or add indicators"
        own = np.sqrt(np.diag(spreads))
        if np.linalg.eigvalsh(spreads / np.outer(own, own))[0] <= _SEMIDEFINITE:
            return "the covariance matrix of latent variables or residuals is not positive definite: a correlation is beyond 1"
        return ""

    @cached_property
    def block_sums(self) -> tuple[Floats, Floats] | None:
        """Whitened sums over blocks, (b, p * p), and rows of each block; None without places or with too few blocks."""
        if self.codes is None or int(self.codes.max()) + 1 < FEWEST_UNITS:
            return None
        lower = np.linalg.cholesky(kernels.implied(self.structure, self.theta)[0])
        sums, rows = block_moments(self.data.z, self.codes)
        return whitened(sums, lower), rows

    @property
    def units(self) -> int:
        """Number of blocks behind corrected errors; 0 where there are none."""
        return len(self.block_sums[1]) if self.block_sums else 0

    @cached_property
    def block_covariance(self) -> Floats:
        """Covariance of the parameters from blocks of space, (k, k); NaN without blocks."""
        if self.block_sums is None:
            return np.full((len(self.theta), len(self.theta)), np.nan)
        curve = kernels.derivatives(lambda t: kernels.gradient(self.structure, t, self.data.moments), self.theta)
        return block_covariance(self.slopes, *self.block_sums, self.n / 2.0 * (curve + curve.T) / 2.0)

    def scaling(self, df: int) -> float:
        """Return what chi2 has to be divided by because rows of a block repeat each other; NaN without blocks."""
        if self.block_sums is None or df < 1:
            return np.nan
        given = tuple(one for one in self.model.parameters if one.free or one.part != "loading")
        estimates = iter(self.theta)
        theta = [next(estimates) if one.free else self._moment(one) for one in given]
        whole = self._structure_of(tuple(replace(one, free=one in given) for one in self.model.parameters))
        return scaling(kernels.moment_slopes(whole, np.array(theta)), *self.block_sums, df)

    def _moment(self, one: Parameter) -> float:
        at = self.model.observed.index
        return float(self.data.moments[at(one.response), at(one.driver)])

    def indices(self) -> FitIndices:
        """Return chi2 and the indices; the likelihood and the parameters are those given the observed exogenous variables."""
        model, moments, n, k = self.model, self.data.moments, self.n, len(self.theta)
        fixed = [i for i, name in enumerate(model.observed) if name in model.fixed]
        others = [i for i, name in enumerate(model.observed) if name not in model.fixed]
        p, q = len(model.observed), len(fixed)
        log_moments, log_fixed = (np.linalg.slogdet(moments[np.ix_(at, at)])[1] for at in (range(p), fixed))
        chi2 = n * kernels.discrepancy(self.structure, self.theta, moments)
        size = len(others) * (np.log(2.0 * np.pi) + 1.0) + 2.0 * np.log(self.data.sd[others]).sum()
        saturated = -n / 2.0 * (size + log_moments - log_fixed)
        return fit_indices(
            chi2=chi2, df=p * (p + 1) // 2 - q * (q + 1) // 2 - k, n=n, parameters=k,
            chi2_baseline=float(n * (log_fixed - log_moments)), df_baseline=p * (p - 1) // 2 - q * (q - 1) // 2,
            srmr=srmr_of(moments, kernels.implied(self.structure, self.theta)[0]),
            log_likelihood=float(saturated - chi2 / 2.0),
        )  # fmt: skip
