"""Tables of path models: fit, coefficients, claims, effects in the layout of the papers, blocks, groups, pruning."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.path_result import PathResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.tables.correlation import CORRECTED, HOW, NAIVE

MEASURES = {
    "claims": "Independence claims", "fisher_c": "Fisher's C", "fisher_c_eff": "Fisher's C, effective n",
    "aic_c": "C + 2K (Shipley's AIC)", "chi2": "χ² (likelihood ratio)", "rmsea": "RMSEA", "cfi": "CFI", "tli": "TLI",
    "srmr": "SRMR", "log_likelihood": "Log-likelihood", "aic": "AIC", "bic": "BIC",
}  # fmt: skip
MODELS = {
    "observed": "measured variables", "composite": "composite scores", "pc1": "first components", "mean": "means",
    "sheaf": "sheaf coefficients", "pruned": "pruned",
}  # fmt: skip
STANDARD = "Standardised coefficients and effects are in standard deviations; estimates in units are in the file."


@table_of(PathResult)
def path_tables(result: PathResult) -> list[Table]:
    """Return every table of a path model that has rows."""
    level = f"{100 * result.parameters['confidence']:g} % CI"
    made = [_fit(result), _effects(result, level), _coefficients(result, level), _claims(result, level), _errors(result, level)]
    made += [_r2(result)]
    made += [*_blocks(result, level), *_groups(result)]
    return [table for table in made if len(table.frame)]


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(method=frame["method"].map(MODELS).fillna(frame["method"]))


def _fit(result: PathResult) -> Table:
    frame = _named(result.fit).assign(measure=result.fit["measure"].map(MEASURES))
    notes = (
        "A model that is not refuted is not proven: a large P of C or χ² says that the data do not contradict it.",
        "χ² and what is made of it are naive; C with the effective n is the test that neighbours do not inflate.",
        "AIC and BIC count no means; they compare models of the same variables and rows.",
    )
    return Table(
        "path_fit", "Fit of the path model", frame, notes, {"method": "Model", "measure": "Measure", "estimate": "Value"},
        ("group", "method", "measure", "estimate", "df", "p", "ci_low", "ci_high", "n", "note"),
    )  # fmt: skip


def _effects(result: PathResult, level: str) -> Table:
    """Return each driver's direct effect, then its indirect pathways, their sum and the total, strongest driver first."""
    frame = result.effects
    direct = (frame["level"] == "pathway") & (frame["path"].str.count(" -> ") == 1)
    # The one-step pathway repeats the direct effect, and an effect without a pathway is no row of a paper's table.
    frame = frame[~direct & frame["std_error"].notna()]
    kind = frame["level"].map({"direct": 0, "pathway": 1, "indirect": 2, "total": 3})
    total = frame["level"] == "total"
    keys = ["group", "method", "driver"]
    strength = frame[total].set_index(keys)["std_estimate"].abs()
    blocks = frame["group"] + "\n" + frame["method"]
    frame = frame.assign(
        kind=kind,
        order=blocks.map({block: i for i, block in enumerate(blocks.unique())}),
        strength=strength.reindex(pd.MultiIndex.from_frame(frame[keys])).to_numpy(),
    )
    frame = frame.sort_values(["order", "strength", "driver", "kind"], ascending=[True, False, True, True], kind="stable")
    frame = _named(frame.drop(columns=["kind", "order", "strength"]).reset_index(drop=True))
    shown = frame["path"].where(frame["path"] != "", frame["driver"] + ", " + frame["level"])
    boot = {f"ci_boot_{end}": f"Bootstrap {level}, {end}" for end in ("low", "high")}
    ends = {f"ci_{end}": f"Naive {level}, {end}" for end in ("low", "high")}
    ends |= {f"ci_eff_{end}": f"Corrected {level}, {end}" for end in ("low", "high")}
    units = frame["n_units"].dropna()
    drawn = f"Bootstrap: whole blocks of space are drawn ({int(units.min())} or more)." if len(units) else "No bootstrap."
    return Table(
        "path_effects", f"Direct, indirect and total effects on {result.label(str(frame['response'].iloc[0]))}",
        frame.assign(path=shown), ("Standard errors by the delta method, observed information.", drawn, STANDARD),
        NAIVE | CORRECTED | boot | ends | {
            "method": "Model", "path": "Pathway", "std_estimate": "Effect", "std_error": "SE", "statistic": "z",
            "std_error_eff": "Corrected SE",
        },
        ("group", "method", "path", "std_estimate", "std_error", "p", "std_error_eff", "p_eff", "ci_eff_low", "ci_eff_high",
         "ci_boot_low", "ci_boot_high"),
    )  # fmt: skip


def _coefficients(result: PathResult, level: str) -> Table:
    ends = {f"ci_{end}": f"Naive {level}, {end}" for end in ("low", "high")}
    ends |= {f"ci_eff_{end}": f"Corrected {level}, {end}" for end in ("low", "high")}
    return Table(
        "path_coefficients", "Path coefficients", _named(result.coefficients), (HOW, STANDARD),
        NAIVE | CORRECTED | ends | {"method": "Model", "std_estimate": "Standardised", "statistic": "t", "vif": "VIF"},
        ("group", "method", "response", "driver", "estimate", "std_estimate", "std_error", "df", "p", "n_eff", "p_eff", "vif",
         "note"),
    )  # fmt: skip


def _claims(result: PathResult, level: str) -> Table:
    ends = {f"ci_{end}": f"Naive {level}, {end}" for end in ("low", "high")}
    return Table(
        "path_claims", "Independence claims of the model", _named(result.claims),
        (HOW, "A claim says that two variables are independent when the others named are held; P of |r| < 0.1: they are "
         "independent for practical purposes."),
        NAIVE | CORRECTED | ends | {
            "method": "Model", "driver": "Variable 1", "response": "Variable 2", "given": "Held", "r_partial": "Partial r",
            "statistic": "t", "p_equivalent": "P of |r| < 0.1",
        },
        ("group", "method", "driver", "response", "given", "r_partial", "ci_low", "ci_high", "df", "p", "n_eff", "p_eff",
         "p_equivalent", "note"),
    )  # fmt: skip


def _errors(result: PathResult, level: str) -> Table:
    ends = {f"ci_{end}": f"Naive {level}, {end}" for end in ("low", "high")}
    return Table(
        "path_errors", "Correlated errors of the model", _named(result.error_correlations),
        (HOW, "The error of a variable is what its own causes leave of it; of an outer variable, the variable itself."),
        NAIVE | CORRECTED | ends | {"method": "Model", "driver": "Variable 1", "response": "Variable 2", "statistic": "t"},
        ("group", "method", "driver", "response", "r", "ci_low", "ci_high", "df", "p", "n_eff", "p_eff", "note"),
    )  # fmt: skip


def _r2(result: PathResult) -> Table:
    frame = _named(result.r2)
    space = result.residual_spatial
    if len(space):
        keys = ["group", "method", "response"]
        space = _named(space)[[*keys, "moran_i", "statistic", "p"]]
        frame = frame.merge(space, on=keys, how="left")
    notes = ("Moran's I of the residuals, with its standard deviate and P: what the causes leave is still alike in space.",)
    return Table(
        "path_r2", "Explained variance of each equation", frame, notes if len(space) else (),
        {"method": "Model", "r2": "R²", "rmse": "Residual SD", "moran_i": "Moran's I", "statistic": "z", "p": "P of Moran's I"},
    )  # fmt: skip


def _blocks(result: PathResult, level: str) -> list[Table]:
    boot = {f"ci_boot_{end}": f"Bootstrap {level}, {end}" for end in ("low", "high")}
    return [
        Table(
            "path_block_weights", "Weights of the members in the block scores", _named(result.blocks),
            ("Weights are those of standardised members; r is the member's correlation with the score. Each resample makes its "
             "weights anew.",),
            boot | {"method": "Model", "block": "Block", "driver": "Member", "estimate": "Weight", "share": "Variance held"},
            ("group", "method", "block", "driver", "estimate", "ci_boot_low", "ci_boot_high", "r", "share", "note"),
        ),
        Table(
            "path_block_effects", "Effects of blocks", _named(result.block_effects),
            ("Members have signs; the size of a block of measured variables, sqrt(v' R v), has none.",),
            boot | {"method": "Model", "block": "Block", "driver": "Member", "level": "Effect", "path": "Pathway",
                    "std_estimate": "Standardised"},
            ("group", "method", "block", "driver", "level", "path", "std_estimate", "ci_boot_low", "ci_boot_high", "note"),
        ),
        Table(
            "path_sensitivity", "The same model under every kind of block score", _named(result.sensitivity),
            ("Where signs or the verdict differ between rows, the result is one of the score, not of the data.",),
            {"method": "Scores", "block": "Block", "direct": "Direct", "indirect": "Indirect", "total": "Total", "r2": "R²",
             "statistic": "Fisher's C", "p": "Naive P of C", "p_eff": "Corrected P of C"},
            ("group", "method", "block", "direct", "indirect", "total", "r2", "statistic", "df", "p", "p_eff", "note"),
        ),
    ]  # fmt: skip


def _groups(result: PathResult) -> list[Table]:
    return [
        Table(
            "path_group_tests", "Is a path the same in all groups?", _named(result.group_tests),
            ("F of the interaction of driver and group, coefficients in units; corrected: Wald's χ² with effective n.",),
            NAIVE | {"method": "Model", "level": "Groups", "statistic": "F", "statistic_eff": "Corrected χ²",
                     "p_eff": "Corrected P"},
        ),
        Table(
            "path_comparison", "Nested models", _named(result.comparison),
            ("χ² is the difference of likelihood ratios; AIC below 0 in the difference speaks for the simpler model. Naive.",),
            {"method": "Model", "level": "Comparison", "statistic": "χ²", "p": "Naive P", "aic": "AIC",
             "aic_difference": "Difference of AIC"},
        ),
        Table(
            "path_pruned", "Arrows taken out for want of significance", _named(result.pruned), (HOW,),
            {"method": "Model", "level": "Verdict", "p": "Naive P", "p_eff": "Corrected P"},
        ),
    ]  # fmt: skip
