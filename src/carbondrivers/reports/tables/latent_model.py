"""Tables of latent models: fit, coefficients, standardised solution and effects."""

from __future__ import annotations

from carbondrivers.attribution.latent_model import LatentResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.tables.path_model import MEASURES

NAMES = dict(MEASURES) | {
    "chi2_eff": "χ², scaled by blocks of space", "parameters": "Free parameters", "refused": "Refused",
}  # fmt: skip
LEVELS = {
    "loading": "Loading", "regression": "Path", "covariance": "Covariance", "variance": "Variance", "direct": "Direct",
    "indirect": "Indirect", "total": "Total",
}  # fmt: skip
HOW = "Naive: every row counts as independent. Corrected: errors from sums over square blocks of space."
FIT = (
    "A model that is not refuted is not proven. χ² and what is made of it are naive; the scaled χ² lets rows of a block of "
    "space repeat each other, its n is the number of independent rows that the test is worth.",
    "Likelihood, AIC and BIC are those given the observed exogenous variables.",
)


@table_of(LatentResult)
def latent_tables(result: LatentResult) -> list[Table]:
    """Return fit, coefficients, effects, the standardised solution and R2."""
    level = f"{100 * result.parameters['confidence']:g} % CI"
    words = {
        "p": "Naive P", "std_error": "Naive SE", "statistic": "z", "std_error_eff": "Corrected SE", "p_eff": "Corrected P",
        "statistic_eff": "Corrected t", "df_eff": "Corrected df", "std_estimate": "Standardised", "level": "Kind",
        "n_units": "Blocks",
    }  # fmt: skip
    words |= {f"ci_{end}": f"Naive {level}, {end}" for end in ("low", "high")}
    words |= {f"ci_eff_{end}": f"Corrected {level}, {end}" for end in ("low", "high")}
    named = {key: table.assign(level=table["level"].map(LEVELS)) for key, table in result.tables.items() if "level" in table}
    key = ("group", "level", "response", "driver")
    tests = ("std_error", "p", "std_error_eff", "p_eff", "ci_eff_low", "ci_eff_high", "note")
    made = [
        Table(
            "latent_fit", "Fit of the latent model", result.fit.assign(measure=result.fit["measure"].map(NAMES)), FIT,
            {"measure": "Measure", "estimate": "Value", "p": "P", "ci_low": "90 % CI, low", "ci_high": "90 % CI, high"},
            ("group", "measure", "estimate", "df", "p", "ci_low", "ci_high", "n", "note"),
        ),
        Table(
            "latent_coefficients", "Loadings, path coefficients, covariances and variances", named["coefficients"], (HOW,),
            words,
            (*key, "estimate", *tests[:2], "p_eff", "std_estimate", "note"),
        ),
        Table(
            "latent_effects", "Direct, indirect and total effects, standardised", named["effects"],
            (HOW, "Standard errors by the delta method."), words, (*key, "std_estimate", *tests),
        ),
        Table(
            "latent_standardised", "Standardised solution", named["standardised"], (HOW,), words,
            (*key, "std_estimate", *tests),
        ),
        Table("latent_r2", "Explained variance", result.r2, (), {"r2": "R²"}),
    ]  # fmt: skip
    return [table for table in made if len(table.frame)]
