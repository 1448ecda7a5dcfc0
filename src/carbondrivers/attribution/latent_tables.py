"""Tidy tables of one group's latent model: coefficients, standardised solution, effects, R2 and fit; or the refusal."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
import pandas as pd
from scipy import stats

from carbondrivers.attribution import latent_kernels as kernels
from carbondrivers.attribution.fit_indices import log_upper_chi2
from carbondrivers.attribution.inference import LN10, Floats, two_sided_t
from carbondrivers.attribution.latent_fit import LatentFit
from carbondrivers.attribution.latent_spec import Parameter
from carbondrivers.attribution.resampling import FEW_UNITS

_KEY = ["group", "level", "response", "driver"]
_TESTS = [
    "std_error", "statistic", "p", "log10_p", "ci_low", "ci_high", "n", "n_units", "std_error_eff", "statistic_eff", "df_eff",
    "p_eff", "ci_eff_low", "ci_eff_high", "note",
]  # fmt: skip
COLUMNS: dict[str, list[str]] = {
    "coefficients": [*_KEY, "estimate", "std_estimate", *_TESTS],
    "standardised": [*_KEY, "std_estimate", *_TESTS],
    "effects": [*_KEY, "std_estimate", *_TESTS],
    "r2": ["group", "response", "r2", "n", "note"],
    "fit": ["group", "measure", "estimate", "df", "p", "log10_p", "ci_low", "ci_high", "n", "note"],
}
_TEXTS = {"group", "level", "response", "driver", "measure", "note"}
MARKER = "marker: its loading is 1, it carries the unit"
SATURATED = "saturated: as many parameters as moments, so that nothing is left to test"
CLOSE = "interval of 90 %; P is that of a close fit, RMSEA of 0.05 or less"
REFUSED = "refused"
Tables = dict[str, pd.DataFrame]
Numbers = kernels.Numbers


def tables_of(group: str, fit: LatentFit, confidence: float) -> Tables:
    """Return all tables of a model that stands."""
    shown = _shown(fit)
    raw = _tested(fit, lambda t: _values(fit, fit.structure.matrices(t), shown), confidence, _scales(fit, shown))
    std = _tested(fit, lambda t: _values(fit, kernels.standardised(fit.structure, t), shown), confidence)
    words = _words(shown)
    found = {
        "coefficients": words.join(raw.assign(std_estimate=std["estimate"])),
        "standardised": words.join(std.rename(columns={"estimate": "std_estimate"})),
        "effects": _effects(fit, confidence),
        "r2": _r2(fit),
        "fit": _fit(fit),
    }
    return {key: _dressed(key, table, group, fit) for key, table in found.items()}


def refused(group: str, fit: LatentFit, why: str) -> Tables:
    """Return all tables without a number, with the reason."""
    words = _words(_shown(fit))
    fit_row = pd.DataFrame({"measure": [REFUSED]})
    found = {"coefficients": words, "standardised": words, "effects": _effect_words(fit), "r2": _affected(fit), "fit": fit_row}
    return {key: _dressed(key, table.assign(note=why), group, fit) for key, table in found.items()}


def _dressed(name: str, table: pd.DataFrame, group: str, fit: LatentFit) -> pd.DataFrame:
    sizes = table["n"].fillna(fit.n) if "n" in table else fit.n
    made = table.assign(group=group, n=sizes, n_units=fit.units).reindex(columns=COLUMNS[name])
    numbers = [c for c in made.columns if c not in _TEXTS]
    made[numbers] = made[numbers].astype(np.float64)
    texts = [c for c in made.columns if c in _TEXTS]
    made[texts] = made[texts].astype("object").fillna("").astype("str")
    return made


def _shown(fit: LatentFit) -> list[Parameter]:
    return [one for one in fit.model.parameters if one.free or one.part == "loading"]


def _words(shown: list[Parameter]) -> pd.DataFrame:
    rows = [(one.part, one.response, one.driver, "" if one.free else MARKER) for one in shown]
    return pd.DataFrame(rows, columns=["level", "response", "driver", "note"], dtype=object)


def _places(fit: LatentFit, shown: list[Parameter]) -> tuple[list[int], list[int]]:
    at = {name: i for i, name in enumerate(fit.model.variables)}
    return [at[one.response] for one in shown], [at[one.driver] for one in shown]


def _values(fit: LatentFit, matrices: tuple[Numbers, Numbers], shown: list[Parameter]) -> Numbers:
    rows, columns = _places(fit, shown)
    arrows, spreads = matrices
    return np.where([one.is_arrow for one in shown], arrows[rows, columns], spreads[rows, columns])


def _scales(fit: LatentFit, shown: list[Parameter]) -> Floats:
    """What standardised parameters are multiplied by to be in the units of the data; a latent one has its marker's."""
    unit = dict(zip(fit.model.observed, fit.data.sd, strict=True))
    unit |= {name: unit[given[0]] for name, given in fit.model.latents.items()}
    sizes = [(unit[one.response], unit[one.driver], one.is_arrow) for one in shown]
    return np.array([response / driver if arrow else response * driver for response, driver, arrow in sizes])


def _tested(
    fit: LatentFit, function: Callable[[Numbers], Numbers], confidence: float, scale: Floats | float = 1.0
) -> pd.DataFrame:
    """Return values with errors by the delta method, tests against zero and intervals; naive, and from blocks."""
    value = np.asarray(function(fit.theta), dtype=np.float64) * scale
    slope = kernels.derivatives(function, fit.theta) * np.reshape(scale, (-1, 1))
    naive = _tests(value, _errors(slope, fit.covariance), confidence, np.inf)
    blocks = _tests(value, _errors(slope, fit.block_covariance), confidence, max(fit.units - 1.0, 1.0))
    named = {f"{key}_eff": blocks[key] for key in ("std_error", "statistic", "p")}
    named |= {"ci_eff_low": blocks["ci_low"], "ci_eff_high": blocks["ci_high"]}
    df = np.where(np.isfinite(blocks["std_error"]), fit.units - 1.0, np.nan)
    return pd.DataFrame({"estimate": value} | naive | named | {"df_eff": df})


def _errors(slope: Floats, covariance: Floats) -> Floats:
    """Return standard errors of functions of the parameters; NaN where a value does not move with any of them."""
    variance = np.einsum("ij,jk,ik->i", slope, covariance, slope)
    return np.where(np.abs(slope).max(axis=1, initial=0.0) > 0, np.sqrt(np.maximum(variance, 0.0)), np.nan)


def _tests(value: Floats, error: Floats, confidence: float, df: float) -> dict[str, Floats]:
    """Return statistic, p and interval by the normal (infinite df) or Student's distribution."""
    statistic = np.divide(value, error, out=np.full(len(value), np.nan), where=error > 0)
    if np.isinf(df):
        log_p = np.log(2.0) + stats.norm.logsf(np.abs(statistic))
        p, log10_p, reach = np.exp(log_p), log_p / LN10, float(stats.norm.ppf(0.5 + confidence / 2.0))
    else:
        p, log10_p = two_sided_t(statistic, df)
        reach = float(stats.t.ppf(0.5 + confidence / 2.0, df))
    ends = {"ci_low": value - reach * error, "ci_high": value + reach * error}
    return {"std_error": error, "statistic": statistic, "p": p, "log10_p": log10_p} | ends


def _effect_words(fit: LatentFit) -> pd.DataFrame:
    """Name the effects of everything on every variable that has an equation."""
    graph = nx.DiGraph(fit.model.arrows)
    rows = [
        (level, response, driver)
        for response in fit.model.equations
        for driver in sorted(nx.ancestors(graph, response))
        for level in ("direct", "indirect", "total")
    ]
    return pd.DataFrame(rows, columns=["level", "response", "driver"], dtype=object)


def _effects(fit: LatentFit, confidence: float) -> pd.DataFrame:
    words, at = _effect_words(fit), {name: i for i, name in enumerate(fit.model.variables)}
    rows, columns = ([at[name] for name in words[end]] for end in ("response", "driver"))
    masks = [(words["level"] == level).to_numpy(dtype=bool) for level in ("direct", "indirect")]

    def effects(theta: Numbers) -> Numbers:
        arrows, _ = kernels.standardised(fit.structure, theta)
        total = np.linalg.inv(np.eye(len(arrows)) - arrows)[rows, columns]
        direct = arrows[rows, columns]
        return np.select(masks, [direct, total - direct], total)

    return words.join(_tested(fit, effects, confidence).rename(columns={"estimate": "std_estimate"}))


def _affected(fit: LatentFit) -> pd.DataFrame:
    names = [name for name in fit.model.variables if name not in fit.model.exogenous]
    return pd.DataFrame({"response": np.array(names, dtype=object)})


def _r2(fit: LatentFit) -> pd.DataFrame:
    words = _affected(fit)
    unexplained = np.diag(kernels.standardised(fit.structure, fit.theta)[1])
    return words.assign(r2=[1.0 - unexplained[fit.model.variables.index(name)] for name in words["response"]])


def _fit(fit: LatentFit) -> pd.DataFrame:
    found = fit.indices()
    note = "" if found.df else SATURATED
    chi2: dict[str, object] = {
        "estimate": found.chi2 if found.df else np.nan,
        "df": found.df,
        "p": found.p,
        "log10_p": found.log10_p,
    }
    rows: list[dict[str, object]] = [{"measure": "chi2", "note": note} | chi2]
    c = fit.scaling(found.df)
    if np.isfinite(c):
        log_p = log_upper_chi2(found.chi2 / c, found.df)
        few = f"only {fit.units} blocks: rough" if fit.units < FEW_UNITS else ""
        rows.append(
            {"measure": "chi2_eff", "estimate": found.chi2 / c, "df": found.df, "p": np.exp(log_p), "log10_p": log_p / LN10,
             "n": fit.n / c, "note": few}
        )  # fmt: skip
    ends = {"ci_low": found.rmsea_low, "ci_high": found.rmsea_high}
    rows.append({"measure": "rmsea", "estimate": found.rmsea, "p": found.p_close, "note": note or CLOSE} | ends)
    others = ("cfi", "tli", "srmr", "log_likelihood", "aic", "bic", "parameters")
    rows += [{"measure": measure, "estimate": getattr(found, measure)} for measure in others]
    return pd.DataFrame(rows).reindex(columns=[c for c in COLUMNS["fit"] if c != "group"])
