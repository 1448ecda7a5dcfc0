"""Words of the persistence."""

from __future__ import annotations

from carbondrivers.attribution.persistence import PersistenceResult
from carbondrivers.attribution.persistence_estimator import METHODS
from carbondrivers.reports.registry import Text, text_of

ESTIMATES = {
    "prefix": "the slope of log(R/S) on log(tau) over the first tau years, tau from {tau_min} to all",
    "blocks": "the slope of log(R/S) on log(tau) over non-overlapping blocks of tau years",
    "k": "Hurst's K, log(R/S) / log(n / 2)",
}


@text_of(PersistenceResult)
def persistence_text(result: PersistenceResult) -> Text:
    """Return the mean exponent beside that of white noise, honest and published shares."""
    label = result.label(str(result.variables["name"].iloc[0]))
    row, null = result.summary.iloc[0], result.null.iloc[-1]
    shares = result.classes.set_index(["method", "level"])
    findings = [
        f"Persistence: the area-weighted mean H of {label} is {row['hurst']:.2f} ({result.n:,} cells); white noise of as many "
        f"years gives {row['expected']:.2f}, and 95 % of it at {null['n_valid']:.0f} years lies between {null['ci_low']:.2f} "
        f"and {null['ci_high']:.2f}."
    ]
    of_cells = result.classes["share_of"].iloc[0]
    for key in ("p", "p_adjusted"):
        part = shares.loc[METHODS[key]]
        share = 100 * part["share"]
        chance = (
            "" if key == "p_adjusted" else f", where white noise has {100 * part['share_expected']['Persistent']:.1f} % each"
        )
        findings.append(
            f"Persistence ({METHODS[key]}): {share['Persistent']:.1f} % of the area is persistent and "
            f"{share['Anti-persistent']:.1f} % anti-persistent at P < 0.05{chance}; "
            f"{share['Not distinguishable from random']:.1f} % cannot be told from random years (share of the {of_cells})."
        )
    strong = shares.loc[METHODS["published"]].iloc[-1]
    findings.append(
        f"Persistence: the published classes would call {100 * strong['share']:.1f} % of the area strongly persistent "
        f"(H > 0.65), and {100 * strong['share_expected']:.1f} % of white noise."
    )
    return Text(tuple(findings), _methods(result))


def _methods(result: PersistenceResult) -> str:
    options = result.parameters
    treated = ["the differences of neighbouring years"] if options["series"] == "differences" else ["each series"]
    treated += ["after its straight line had been taken away"] if options["detrend"] else []
    corrected = options["correction"] == "anis_lloyd"
    expectation = ", less the expectation of white noise plus one half (Anis and Lloyd 1976)" if corrected else ""
    adjusted = options["significance"] == "benjamini_hochberg"
    classed = "P adjusted over the map (Benjamini and Hochberg 1995)" if adjusted else "P of each cell, not adjusted"
    return (
        f"The Hurst exponent of {' '.join(treated)} was estimated by {ESTIMATES[options['method']].format(**options)} (Hurst "
        f"1951; Mandelbrot and Wallis 1969){expectation}, for cells with an unbroken run of at least {options['min_valid']} "
        "years. It was compared with simulated white noise of as many years treated in the same way (two-sided P), and the "
        f"map was classed by the {classed} at 0.05. Areas are true cell areas."
    )
