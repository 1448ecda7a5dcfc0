"""Path models with equations of other distributions, random intercepts or robust errors: fitted row by row.

Claims are tested in the response's own model: the driver is added to what is held, and its coefficient tested. With unlike
distributions the two directions of a claim differ. ``asymmetric = "order"`` tests the later variable in the order of causes
as response; ``"conserve"`` tests both directions where both have an equation and keeps the smaller P (as piecewiseSEM's
``conserve``). chi2 = 2 sum (log-likelihood with all earlier variables - log-likelihood) over the equations (Shipley and
Douma 2020, doi:10.1002/ecy.2960). Effects multiply standardised coefficients, of the latent response where there is a link.
The effective n is that of the Pearson residuals of the response and the residuals of the driver; z becomes z sqrt(n_eff / n).
Of a gls equation it is n: the correlation of neighbours is in the equation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from carbondrivers.attribution.effective_size import Lags, products, spatial_size
from carbondrivers.attribution.fit_indices import fit_indices
from carbondrivers.attribution.inference import Floats
from carbondrivers.attribution.path_claims import SMALL_N, fisher_c
from carbondrivers.attribution.path_effects import effects_of, plan
from carbondrivers.attribution.path_errors import tested_pairs
from carbondrivers.attribution.path_families import Equation, ErrorKind, Family, check_response, fit_equation, two_sided
from carbondrivers.attribution.path_fit import places_of
from carbondrivers.attribution.path_gls import distances
from carbondrivers.attribution.path_graph import PathModel
from carbondrivers.attribution.path_inputs import columns_of
from carbondrivers.attribution.path_result import OBSERVED
from carbondrivers.attribution.path_tables import SATURATED, Rows, delta_rows, few_claims
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import DataError

Asymmetric = Literal["order", "conserve"]
ASYMMETRIC: tuple[Asymmetric, ...] = get_args(Asymmetric)


@dataclass(frozen=True, slots=True)
class RowOptions:
    """Distributions of the equations and kinds of errors.

    Attributes
    ----------
    families : mapping
        Response to its distribution; Gaussian where it is not named.
    errors, asymmetric : str
        Kind of standard errors, and which direction of a claim is tested.
    cluster : str or None
        Categorical driver of cluster errors and random intercepts.
    """

    families: Mapping[str, Family] = field(default_factory=dict)
    errors: ErrorKind = "classical"
    cluster: str | None = None
    asymmetric: Asymmetric = "order"

    @property
    def rowwise(self) -> bool:
        """Whether moments are not enough."""
        return bool(self.families) or self.errors != "classical"


def fit_rowwise(
    name: str, part: PixelSample, model: PathModel, options: RowOptions, confidence: float, rows: dict[str, Rows]
) -> None:
    """Add the rows of one group to the tables.

    Raises
    ------
    DataError
        If an equation cannot be fitted.
    """
    one = _RowModel(part, model, options, confidence)
    for table, found in one.tables(part.response.name).items():
        rows[table] += [{"group": name, "method": OBSERVED} | row for row in found]


class _RowModel:
    """Columns of one group and the equations on them."""

    def __init__(self, part: PixelSample, model: PathModel, options: RowOptions, confidence: float) -> None:
        self.model, self.options, self.confidence, self.n = model, options, confidence, part.n
        values = columns_of(part, model.order)
        self.raw = dict(zip(model.order, values.T, strict=True))
        self.mean, self.sd = {}, {}
        for column, y in self.raw.items():
            self.mean[column], self.sd[column] = float(y.mean()), float(y.std(ddof=1))
            if not self.sd[column] > 0.0:
                raise DataError(f"{column!r} is constant ({y[0]:g}): leave it out of the path model")
            check_response(y, self.family(column), column)
        self.at: Lags | None = places_of(part)
        self.clusters: NDArray[np.int64] | None = None
        if options.cluster is not None:
            self.clusters = np.asarray(part.frame[options.cluster].cat.codes, dtype=np.int64)
        self.apart: Floats | None = None
        if part.coordinates is not None and "gls" in options.families.values():
            self.apart = distances(columns_of(part, part.coordinates), geographic=part.is_geographic)
        self.fitted: dict[tuple[str, ...], Equation] = {}
        self.equations = {r: self.fit(r, tuple(model.equations[r])) for r in model.endogenous}

    def family(self, name: str) -> Family:
        """Return the distribution of a variable."""
        return self.options.families.get(name, "gaussian")

    def fit(self, response: str, drivers: tuple[str, ...]) -> Equation:
        """Fit one equation on standardised causes."""
        key = (response, *drivers)
        if key not in self.fitted:
            x = np.column_stack([(self.raw[d] - self.mean[d]) / self.sd[d] for d in drivers] or [np.zeros((self.n, 0))])
            self.fitted[key] = fit_equation(
                self.raw[response], x, key, self.family(response), self.options.errors, self.clusters, self.apart
            )
        return self.fitted[key]

    def size(self, equation: Equation, driver: str, others: tuple[str, ...]) -> float:
        """Return the effective number of observations of one coefficient; NaN without places."""
        if self.at is None:
            return np.nan
        if equation.spatial:
            return float(self.n)
        z = self.raw[driver]
        design = np.column_stack([np.ones(self.n), *((self.raw[o] - self.mean[o]) / self.sd[o] for o in others)])
        q, _ = np.linalg.qr(design)
        z = (z - self.mean[driver]) / self.sd[driver]
        return spatial_size(products(equation.rest, self.at), products(z - q @ (q.T @ z), self.at), self.at)

    def tables(self, target: str) -> dict[str, Rows]:
        """Return the rows of coefficients, R^2, claims, fit and effects, without group and method."""
        coefficients = [row for response in self.model.endogenous for row in self._coefficients(response)]
        claims = [self._claim(c.driver, c.response, c.given) for c in self.model.claims()[0]]
        sizes = np.array([row["n_eff"] for row in coefficients], dtype=np.float64)
        return {
            "coefficients": coefficients, "r2": self._r2(), "claims": claims, "fit": self._fit(claims),
            "error_correlations": self._errors(), "effects": self._effects(target, sizes),
        }  # fmt: skip

    def _coefficients(self, response: str) -> Rows:
        one, drivers = self.equations[response], tuple(self.model.equations[response])
        rows: Rows = []
        for k, driver in enumerate(drivers):
            size = self.size(one, driver, tuple(d for d in drivers if d != driver))
            unit = 1.0 / self.sd[driver]
            value, error = float(one.coefficients[k]), float(np.sqrt(one.covariance[k, k]))
            rows.append(
                {"response": response, "driver": driver, "estimate": value * unit, "std_estimate": value / one.scale,
                 "std_error": error * unit, "note": one.note, **self._tested(value, error, one.df, size, len(drivers), unit)}
            )  # fmt: skip
        return rows

    def _tested(self, value: float, error: float, df: float, size: float, k: int, unit: float) -> dict[str, object]:
        """Return a coefficient's tests and intervals, naive and with the effective n."""
        naive, left = float(self.n - k - 1), size - k - 1.0
        wide = float(np.sqrt(naive / left)) if left >= 1.0 else np.nan
        found: dict[str, object] = {"n": self.n, "n_eff": size}
        for end, spread, freedom in (("", error, df), ("_eff", error * wide, left if np.isfinite(df) else df)):
            known = np.isfinite(spread)
            t = value / spread if known else np.nan
            p, log10_p = two_sided(t, freedom if known else 1.0)
            reach = float(special.stdtrit(freedom, 0.5 + self.confidence / 2.0)) * spread if known else np.nan
            found |= {f"statistic{end}": t, f"df{end}": freedom if known and np.isfinite(freedom) else np.nan}
            found |= {f"p{end}": p, f"log10_p{end}": log10_p}
            found |= {f"ci{end}_low": (value - reach) * unit, f"ci{end}_high": (value + reach) * unit}
        return found

    def _r2(self) -> Rows:
        rows: Rows = []
        for response, one in self.equations.items():
            drivers = self.model.equations[response]
            shift = sum(c * self.mean[d] / self.sd[d] for c, d in zip(one.coefficients, drivers, strict=True))
            rmse = float(np.sqrt((one.rest**2).sum() / (self.n - len(drivers) - 1)))
            note = one.note or (
                "" if self.family(response) in ("gaussian", "gls") else f"{self.family(response)}: of the latent response"
            )
            rows.append(
                {"response": response, "r2": one.r2, "intercept": one.intercept - shift, "rmse": rmse, "df": one.df
                 if np.isfinite(one.df) else np.nan, "n": self.n, "note": note}
            )  # fmt: skip
        return rows

    def _claim(self, driver: str, response: str, given: tuple[str, ...]) -> dict[str, object]:
        row = self._direction(driver, response, given)
        if self.options.asymmetric == "conserve" and driver in self.model.equations:
            other = self._direction(response, driver, given)
            if float(str(other["log10_p"])) < float(str(row["log10_p"])):
                return other | {"note": "the other direction, whose P is smaller"}
        return row

    def _direction(self, driver: str, response: str, given: tuple[str, ...]) -> dict[str, object]:
        one = self.fit(response, (*given, driver))
        # Under the claim the driver adds nothing: the field that is tested is what the held variables leave.
        size = self.size(self.fit(response, given), driver, given) if self.at is not None else np.nan
        found = self._tested(
            float(one.coefficients[-1]), float(np.sqrt(one.covariance[-1, -1])), one.df, size, len(given) + 1, np.nan
        )
        df, t = float(self.n - len(given) - 2), float(str(found["statistic"]))
        r = t / np.sqrt(t**2 + df)
        note = SMALL_N if self.at is not None and np.isnan(float(str(found["p_eff"]))) else ""
        return found | {"driver": driver, "response": response, "given": " + ".join(given), "r_partial": r, "note": note}

    def _errors(self) -> Rows:
        """Return the correlations of the (Pearson) residuals that are declared correlated."""
        r, size = np.full((2, len(self.model.correlated)), np.nan)
        for i, pair in enumerate(self.model.correlated):
            rest = [self.equations[v].rest if v in self.equations else self.raw[v] - self.mean[v] for v in pair]
            r[i] = np.corrcoef(rest[0], rest[1])[0, 1]
            if self.at is not None:
                size[i] = spatial_size(products(rest[0], self.at), products(rest[1], self.at), self.at)
        return tested_pairs(self.model, r, size, (self.n, 1), self.confidence)

    def _fit(self, claims: Rows) -> Rows:
        k, n = len(claims), self.n
        note = "" if k else SATURATED
        rows: Rows = [{"measure": "claims", "estimate": k, "n": n, "note": note or few_claims(k)}]
        keys = (("fisher_c", "log10_p"), ("fisher_c_eff", "log10_p_eff"))
        for measure, key in keys[: 1 if self.at is None else 2]:
            c, df, p, log10_p = fisher_c(np.array([row[key] for row in claims], dtype=np.float64))
            rows.append({"measure": measure, "estimate": c, "df": df, "p": p, "log10_p": log10_p, "n": n, "note": note})
        own = sum(one.log_likelihood for one in self.equations.values())
        parameters = sum(one.parameters for one in self.equations.values())
        rows.append({"measure": "aic_c", "estimate": float(str(rows[1]["estimate"])) + 2.0 * parameters, "n": n, "note": note})
        rows += self._likelihood(own)
        means = "means are counted: not comparable with the AIC of a model from moments"
        for measure, value in (("log_likelihood", own), ("aic", 2.0 * (parameters - own)),
                               ("bic", np.log(n) * parameters - 2.0 * own)):  # fmt: skip
            rows.append({"measure": measure, "estimate": value, "n": n, "note": means if measure != "log_likelihood" else ""})
        return rows

    def _likelihood(self, own: float) -> Rows:
        if self.model.correlated:
            note = "no likelihood of correlated errors with these equations: see Fisher's C"
            return [{"measure": measure, "estimate": np.nan, "n": self.n, "note": note} for measure in ("chi2", "rmsea")]
        order, full, extra = self.model.order, 0.0, 0
        for response, one in self.equations.items():
            earlier = order[: order.index(response)]
            whole = self.fit(response, earlier)
            full += whole.log_likelihood
            extra += whole.parameters - one.parameters
        found = fit_indices(
            chi2=max(2.0 * (full - own), 0.0) if extra else 0.0, df=extra, n=self.n, parameters=0, chi2_baseline=np.nan,
            df_baseline=0, srmr=np.nan,
        )  # fmt: skip
        note = "" if extra else SATURATED
        return [
            {"measure": "chi2", "estimate": found.chi2, "df": extra, "p": found.p, "log10_p": found.log10_p, "n": self.n,
             "note": note},
            {"measure": "rmsea", "estimate": found.rmsea, "ci_low": found.rmsea_low, "ci_high": found.rmsea_high,
             "p": found.p_close, "n": self.n, "note": note or "interval of 90 %"},
        ]  # fmt: skip

    def _effects(self, target: str, sizes: Floats) -> Rows:
        names, edges = self.model.order, self.model.edges
        b, covariance, start = np.zeros((len(names), len(names))), np.zeros((len(edges), len(edges))), 0
        for response, one in self.equations.items():
            k = len(one.coefficients)
            b[names.index(response), [names.index(d) for d in self.model.equations[response]]] = one.coefficients / one.scale
            covariance[start : start + k, start : start + k] = one.covariance / one.scale**2
            start += k
        wanted = plan(self.model, target)
        found = effects_of(b, names, self.model, wanted)
        sd = self.sd | {target: self.equations[target].scale}
        return delta_rows(found, wanted, covariance, np.sqrt(self.n / sizes), sd, self.confidence)
