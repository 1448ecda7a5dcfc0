"""Words of the stability."""

from __future__ import annotations

from carbondrivers.attribution.stability import LIMITS, WORDS, StabilityResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number, quantity


@text_of(StabilityResult)
def stability_text(result: StabilityResult) -> Text:
    """Return the median coefficient, and the shares of the most and the least stable class."""
    label = result.label(str(result.variables["name"].iloc[0]))
    row, share = result.summary.iloc[0], result.classes.set_index("level")["share"]
    high, low = (next(level for level in share.index if level.startswith(word)) for word in (WORDS[0], WORDS[-1]))
    undefined = float(share.iloc[-1])
    if not row["n"]:
        finding = f"Stability: no mean of {label} can be told from zero, so that there is no coefficient of variation."
        return Text((finding,), _methods(result))
    finding = (
        f"Stability: {label} varies between years by a median coefficient of variation of {number(float(row['median']), 3)} "
        f"({row['n']:,} cells); {100 * share[high]:.1f} % of the area has high and {100 * share[low]:.1f} % low stability, in "
        f"{100 * undefined:.1f} % the mean cannot be told from zero (share of the {result.classes['share_of'].iloc[0]})."
    )
    return Text((finding,), _methods(result))


def _methods(result: StabilityResult) -> str:
    floor, limits = result.parameters["floor"], [f"{limit:g}" for limit in result.parameters["limits"]]
    name = str(result.variables["name"].iloc[0])
    near = "lay within two standard errors of zero" if floor is None else f"was below {quantity(floor, result.unit(name))}"
    known = (
        " (those of published studies, low values meaning high stability)"
        if tuple(result.parameters["limits"]) == LIMITS
        else ""
    )
    return (
        "Stability was measured by the coefficient of variation, the standard deviation over the years (n - 1) divided by the "
        f"absolute mean, for cells with at least {result.parameters['min_valid']} valid years; it was left undefined where the "
        f"mean {near}. Classes part at {limits[0]}, {limits[1]} and {limits[2]}{known}. Areas are true cell areas."
    )
