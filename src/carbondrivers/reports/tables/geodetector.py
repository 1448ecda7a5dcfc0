"""Tables of the geodetector: factors, interactions, risks, ecological detector, strata."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.geodetector import GeodetectorResult
from carbondrivers.attribution.geodetector_verdicts import is_corrected, naive_groups
from carbondrivers.reports.registry import Table, table_of

_ADJUSTMENTS = {"bh": "BH", "holm": "Holm"}
NAIVE = "Naive: every row counts as independent."
CORRECTED = "Corrected: judged against a response with the same autocorrelation and no tie to the strata."
SHARE = (
    "Corrected share: of strata as they are, errors autocorrelated. Its interval can be clear of 0 where the corrected "
    "P is large: the means differ, but so smooth a response would often differ as much between strata that it has no tie to."
)


@table_of(GeodetectorResult)
def geodetector_tables(result: GeodetectorResult) -> list[Table]:
    """Return factors and pairs by falling q within each group, the ecological detector, risks and strata."""
    found = [_factors(result), _pairs(result), _ecological(result), _risks(result), _strata(result), _dropped(result)]
    return [table for table in found if len(table.frame)]


def headings(result: GeodetectorResult) -> dict[str, str]:
    """Return the words over the columns of tests."""
    adjusted = _ADJUSTMENTS[str(result.parameters.get("adjust", "bh"))]
    level = f"{100 * float(result.parameters.get('confidence', 0.95)):g} % CI"
    words = {
        "p": "Naive P", "p_adjusted": f"Naive P, adjusted ({adjusted})", "n_eff": "Effective n", "p_eff": "Corrected P",
        "p_eff_adjusted": f"Corrected P, adjusted ({adjusted})", "epsilon2_eff": "Corrected share", "statistic": "F",
        "df": "df1", "df_2": "df2",
        "statistic_eff": "Corrected F", "df_eff": "Corrected df1", "df_2_eff": "Corrected df2", "method": "Strata",
    }  # fmt: skip
    for end in ("low", "high"):
        words |= {f"ci_{end}": f"Naive {level}, {end}", f"ci_eff_{end}": f"Corrected {level}, {end}"}
        words |= {f"epsilon2_{end}": f"epsilon², {level} of blocks, {end}"}
    return words


def _response(result: GeodetectorResult) -> str:
    return result.label(str(result.factors["response"].iloc[0]))


def _shown(frame: pd.DataFrame, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns to show: corrected ones only where rows have places."""
    return tuple(c for c in columns if "_eff" not in c or frame[c].notna().any())


def _how(frame: pd.DataFrame) -> str:
    return f"{NAIVE} {CORRECTED}" if frame["p_eff"].notna().any() else NAIVE


def _decides(frame: pd.DataFrame) -> str:
    """Return which P verdicts on the rows rest on, group by group where groups differ."""
    if not is_corrected(frame):
        return "naive P"
    naive = naive_groups(frame)
    return f"corrected P, but the naive one in {', '.join(naive)}, where no corrected one exists" if naive else "corrected P"


def _factors(result: GeodetectorResult) -> Table:
    columns = (
        "group", "driver", "q", "epsilon2", "omega2", "statistic", "df", "df_2", "p", "p_adjusted", "n_eff",
        "epsilon2_eff", "ci_eff_low", "ci_eff_high", "p_eff", "p_eff_adjusted", "method", "note",
    )  # fmt: skip
    return Table(
        "geodetector_factors",
        f"Factor detector: share of {_response(result)} explained by each driver (q)",
        _by_q(result.factors),
        (_how(result.factors), SHARE) if result.factors["epsilon2_eff"].notna().any() else (_how(result.factors),),
        headings(result),
        _shown(result.factors, columns),
    )


def _pairs(result: GeodetectorResult) -> Table:
    columns = (
        "group", "driver", "driver_2", "q_driver", "q_driver_2", "q", "epsilon2", "cells", "interaction", "interaction_classic",
        "estimate", "ci_low", "ci_high", "statistic", "p", "p_adjusted", "p_eff", "p_eff_adjusted",
    )  # fmt: skip
    return Table(
        "geodetector_interactions",
        f"Interaction detector: share of {_response(result)} explained by each pair of drivers",
        _by_q(result.interactions),
        (
            "F, P and interval are of the part of the crossing that an additive fit of the two drivers leaves, as a share of "
            "the whole sum of squares; unless it is found (adjusted P < 0.05) the classic type is not evidence of an "
            f"interaction. Verdicts rest on the {_decides(result.interactions)}.",
            _how(result.interactions),
        ),
        headings(result)
        | {"q": "q of the pair", "q_driver": "q of driver 1", "q_driver_2": "q of driver 2", "driver": "Driver 1",
           "driver_2": "Driver 2", "cells": "Crossed strata", "epsilon2": "epsilon² of the pair",
           "estimate": "Non-additive share"},
        _shown(result.interactions, columns),
    )  # fmt: skip


def _ecological(result: GeodetectorResult) -> Table:
    columns = (
        "group", "driver", "driver_2", "estimate", "ci_low", "ci_high", "statistic", "p", "p_adjusted", "p_eff",
        "p_eff_adjusted", "note",
    )  # fmt: skip
    return Table(
        "geodetector_ecological",
        f"Ecological detector: how much more of {_response(result)} the first driver explains than the second",
        result.ecological,
        (
            "Share of the whole sum of squares of the same rows, corrected for chance; two-sided, the same either way.",
            _how(result.ecological),
        ),
        headings(result)
        | {"driver": "Driver 1", "driver_2": "Driver 2", "estimate": "Difference", "statistic": "z",
           "statistic_eff": "Corrected z"},
        _shown(result.ecological, columns),
    )  # fmt: skip


def _risks(result: GeodetectorResult) -> Table:
    columns = (
        "group", "driver", "level", "level_2", "estimate", "ci_low", "ci_high", "statistic", "df", "p", "p_adjusted", "p_eff",
        "p_eff_adjusted",
    )  # fmt: skip
    named = {"welch": "Welch's t", "games_howell": "Games-Howell"}[str(result.parameters.get("risk_test", "welch"))]
    return Table(
        "geodetector_risks",
        f"Risk detector: differences of mean {_response(result)} between strata",
        result.risks,
        (f"Test: {named}; P adjusted over the pairs of strata of a driver.", _how(result.risks)),
        headings(result)
        | {"level": "Stratum 1", "level_2": "Stratum 2", "estimate": "Difference", "statistic": "t", "df": "df",
           "std_error": "Standard error", "statistic_eff": "Corrected t", "df_eff": "Corrected df"},
        _shown(result.risks, columns),
    )  # fmt: skip


def _strata(result: GeodetectorResult) -> Table:
    response = _response(result)
    columns = (
        "group", "driver", "level", "n", "estimate", "sd", "std_error", "ci_low", "ci_high", "n_eff", "letters", "method",
    )  # fmt: skip
    return Table(
        "geodetector_strata",
        f"Strata and their mean {response}",
        result.strata,
        (f"Strata of a driver that share a letter are not found to differ (adjusted P < 0.05: {_decides(result.risks)}).",),
        headings(result)
        | {"estimate": f"Mean {response}", "sd": "Standard deviation", "std_error": "Standard error", "level": "Stratum",
           "letters": "Letters"},
        _shown(result.strata, columns),
    )  # fmt: skip


def _dropped(result: GeodetectorResult) -> Table:
    return Table("geodetector_dropped", "Rows left out", result.dropped, (), {"driver": "Column", "note": "Why"})


def _by_q(frame: pd.DataFrame) -> pd.DataFrame:
    order = frame["group"].map({g: i for i, g in enumerate(frame["group"].unique())})
    ordered = frame.assign(order=order).sort_values(["order", "q"], ascending=[True, False], kind="stable")
    return ordered.drop(columns="order").reset_index(drop=True)
