"""Words of trend and persistence crossed."""

from __future__ import annotations

from carbondrivers.attribution.future import METHODS, FutureResult
from carbondrivers.reports.registry import Text, text_of


@text_of(FutureResult)
def future_text(result: FutureResult) -> Text:
    """Return the shares by the honest and by the published rule."""
    label = result.label(str(result.variables["name"].iloc[0]))
    shares = 100 * result.classes.set_index(["method", "level"])["share"]
    of_cells = result.classes["share_of"].iloc[0]
    honest, published = (shares.loc[METHODS[name]] for name in ("future_class", "published_class"))
    findings = (
        f"Trend and persistence: in {honest['Undetermined']:.1f} % of the area the future of {label} is undetermined; "
        f"{honest['Continuous improvement']:.1f} % shows continuous and {honest['Future improvement']:.1f} % future "
        f"improvement, {honest['Continuous degradation']:.1f} % continuous and {honest['Future degradation']:.1f} % future "
        f"degradation (share of the {of_cells}).",
        f"Trend and persistence: the published rule, which takes the signs alone, would call "
        f"{published['Continuous improvement']:.1f} % of the area a continuous improvement and "
        f"{published['Continuous degradation']:.1f} % a continuous degradation.",
    )
    return Text(findings, _methods(result))


def _methods(result: FutureResult) -> str:
    persistence = result.parameters["persistence"]
    free = persistence["detrend"] or persistence["series"] == "differences"
    circular = "" if free else " H was estimated from series that were not detrended, so that a trend raises it."
    return (
        "Cells were classed by trend and persistence: continuous improvement or degradation where a significant trend goes "
        "with persistence, future improvement or degradation where it goes with anti-persistence, undetermined where the "
        f"trend is not significant or the Hurst exponent cannot be told from that of white noise.{circular}"
    )
