"""Structural equations with reflective latent variables, by maximum likelihood, refused where they do not hold.

A latent variable is the common cause of its indicators. Maps of temperature, precipitation and evaporation are seldom
that: they make a climate, a climate does not make them, and such models fail with a variance below zero (a Heywood
case). Then, and where two optimisers disagree, the gradient is not zero or a parameter is not identified, no number is
given but the reason. Measured blocks belong into ``path_model``.
Estimates: semopy behind guards (``latent_optimiser``); chi2, df, indices, standard errors and the standardised solution
are computed here (``latent_kernels``, ``fit_indices``). Likelihoods are those given the observed exogenous variables.
Sources: Joreskog (1970), doi:10.1093/biomet/57.2.239; Bollen (1989), doi:10.1002/9781118619179.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from carbondrivers.attribution.inference import NAIVE_P
from carbondrivers.attribution.latent_fit import fit_group
from carbondrivers.attribution.latent_spec import LatentModel, check_known
from carbondrivers.attribution.latent_tables import COLUMNS, REFUSED, Tables, refused, tables_of
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.result import Result
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import OptionError
from carbondrivers.provenance import history_line

FEWEST_INDICATORS = 3
CORRECTED = (
    "Corrected errors, P and chi2 let rows of one square block of space depend on each other (sandwich errors and a scaled "
    "chi2 from sums over blocks); the n of chi2_eff is the number of independent rows that the test is worth. "
    "They hold only where blocks are several ranges of autocorrelation wide; narrower ones still count evidence more than once."
)
NO_PLACES = "No corrected P are given: the rows have no coordinates."
REFLECTIVE = (
    "A reflective latent variable is a common cause of its indicators: the indicators have to correlate because of it alone. "
    "Drivers that make up a group, such as climate or soil, are better taken as a block of a path model."
)
BY_CATEGORY = (
    "No model was given: one latent variable for each category with three or more drivers, all acting on the response."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatentResult(Result):
    """A latent model in every group.

    Attributes
    ----------
    coefficients : pandas.DataFrame
        One row a group and parameter; ``level`` is loading, regression, covariance or variance. Unstandardised estimate with
        its standard error, z, naive p and interval, the standardised estimate; then t, p and interval from blocks of space.
    standardised : pandas.DataFrame
        The same parameters standardised, each with the error of the standardised value (delta method).
    effects : pandas.DataFrame
        Direct, indirect and total standardised effects (``level``) of every variable on every one that has an equation.
    r2 : pandas.DataFrame
        Explained share of the variance of every variable that an arrow ends at.
    fit : pandas.DataFrame
        One row a group and ``measure``: chi2, chi2_eff (scaled by blocks of space; n is the effective number of rows), rmsea,
        cfi, tli, srmr, log_likelihood, aic, bic, parameters; or ``refused`` alone, with the reason in ``note``.
    """

    coefficients: pd.DataFrame
    standardised: pd.DataFrame
    effects: pd.DataFrame
    r2: pd.DataFrame
    fit: pd.DataFrame


@register(
    "latent_model",
    title="Structural equations with latent variables",
    takes="sample",
    result=LatentResult,
    version="1",
    citation="Meshcheryakov, G., Igolkina, A. A., Samsonova, M. G. (2021). semopy 2: a structural equation modeling "
    "package with random effects in Python. arXiv:2106.01140.",
)
def latent_model(
    sample: PixelSample,
    *,
    model: LatentModel | str | None = None,
    confidence: float = 0.95,
    block_size: float | None = None,
) -> LatentResult:
    """Fit a model with reflective latent variables in every group, or say why it cannot stand.

    Parameters
    ----------
    sample
        Checked table; indicators and causes are its response and continuous drivers.
    model
        A ``LatentModel`` or its text (``climate =~ rain + warmth + sun``, ``nep ~ climate + dem``, ``a ~~ b``). None: one
        latent variable for each category with three or more continuous drivers, all acting on the response.
    confidence
        Level of the intervals, between 0 and 1.
    block_size
        Side of the square blocks within which rows may depend on each other, in the unit of the coordinates; a tenth of
        the extent by default. It should be several ranges of autocorrelation.

    Raises
    ------
    OptionError
        If an option is out of range, or the model is wrong: an unknown variable, a loop, more parameters than moments.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from carbondrivers.datasets import PixelSample
    >>> rng = np.random.default_rng(1)
    >>> fertile = rng.normal(size=500)
    >>> table = pd.DataFrame({name: fertile + rng.normal(size=500) for name in ("nitrogen", "carbon", "clay")})
    >>> table["nep"] = 0.5 * fertile + rng.normal(size=500)
    >>> sample = PixelSample.from_frame(table, response="nep", drivers=dict.fromkeys(["nitrogen", "carbon", "clay"], "soil"))
    >>> found = latent_model(sample, model="fertility =~ nitrogen + carbon + clay; nep ~ fertility")
    >>> chi2 = found.fit.set_index("measure").loc["chi2"]
    >>> int(chi2["df"]), bool(chi2["p"] > 0.05)
    (2, True)
    """
    if not isinstance(confidence, int | float) or not 0.0 < confidence < 1.0:
        raise OptionError(f"confidence must be between 0 and 1, got {confidence!r}")
    chosen = _model_of(sample, model)
    check_known(chosen, [sample.response.name, *(d.name for d in sample.continuous)], _classes(sample))
    _check_size(chosen)
    found = [_tables(name, part, chosen, float(confidence), block_size) for name, part in sample.group_samples()]
    tables = {key: pd.concat([one[key] for one in found], ignore_index=True) for key in COLUMNS}
    notes = [NAIVE_P, CORRECTED if sample.coordinates else NO_PLACES, *([REFLECTIVE] if chosen.latents else [])]
    gone = tables["fit"].loc[tables["fit"]["measure"] == REFUSED]
    notes += [f"Refused, group {group}: {note}." for group, note in zip(gone["group"], gone["note"], strict=True)]
    notes += [f"{note}." for note in sample.dropped.loc[sample.dropped["driver"] == "", "note"]]
    parameters = {"model": chosen.text(), "confidence": confidence, "block_size": block_size}
    return LatentResult(
        method="latent_model",
        parameters=parameters,
        n=sample.n,
        notes=(*notes, *([BY_CATEGORY] if model is None else []), *sample.caveats()),
        provenance=history_line("latent_model", n=sample.n, **parameters),
        variables=_variables(sample, chosen),
        **tables,
    )


def _tables(group: str, part: PixelSample, model: LatentModel, confidence: float, block_size: float | None) -> Tables:
    fit, why = fit_group(part, model, block_size)
    return refused(group, fit, why) if why else tables_of(group, fit, confidence)


def _model_of(sample: PixelSample, given: LatentModel | str | None) -> LatentModel:
    if isinstance(given, LatentModel):
        return given
    if isinstance(given, str):
        return LatentModel.parse(given)
    if given is not None:
        raise OptionError(f"model must be a LatentModel or its text, got {type(given).__name__}")
    by_category: dict[str, list[str]] = {}
    for driver in sample.continuous:
        by_category.setdefault(driver.category, []).append(driver.name)
    latents = {name: names for name, names in by_category.items() if len(names) >= FEWEST_INDICATORS}
    taken = {name for names in latents.values() for name in names}
    single = [d.name for d in sample.continuous if d.name not in taken]
    if not latents and not single:
        raise OptionError("no continuous driver is there for a latent model: give measured drivers")
    return LatentModel(latents, {sample.response.name: [*latents, *single]})


def _classes(sample: PixelSample) -> list[str]:
    return [d.name for d in sample.drivers if d.kind == "categorical"]


def _check_size(model: LatentModel) -> None:
    p, fixed = len(model.observed), len(model.fixed)
    if p < 2:
        raise OptionError("latent model: must have two or more measured variables")
    free = sum(one.free for one in model.parameters)
    moments = p * (p + 1) // 2 - fixed * (fixed + 1) // 2
    if free > moments:
        raise OptionError(
            f"latent model: {free} parameters cannot be found from {moments} variances and covariances: give latent variables "
            "more indicators, or take out arrows"
        )


def _variables(sample: PixelSample, model: LatentModel) -> pd.DataFrame:
    """The sample's variables, and the latent ones in the category that their indicators share."""
    known = sample.variables()
    category = dict(zip(known["name"], known["category"], strict=True))
    rows = []
    for name, indicators in model.latents.items():
        found = {category[one] for one in indicators}
        rows.append((name, "latent", found.pop() if len(found) == 1 else "other", "", name, "continuous"))
    return pd.concat([known, pd.DataFrame(rows, columns=known.columns, dtype=str)], ignore_index=True)
