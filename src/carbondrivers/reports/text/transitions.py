"""Words of the transitions."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.transitions import TransitionResult
from carbondrivers.reports.registry import Text, text_of
from carbondrivers.reports.words import number, quantity


@text_of(TransitionResult)
def transition_text(result: TransitionResult) -> Text:
    """Return how much changed class, the largest transition, the largest gain and loss, and the response with it."""
    findings = [_changed(result)]
    findings += [_net(result)] if len(result.net) > 1 and result.net["net_km2"].notna().all() else []
    findings += [_account(result), _response(result)] if len(result.changes) else []
    return Text(tuple(findings), _methods(result))


def _moved(result: TransitionResult) -> tuple[pd.DataFrame, str]:
    """Return the pairs of different classes with their share of the whole, and that denominator."""
    words = str(result.matrix["share_of"].drop_duplicates().iloc[1])
    rows = result.matrix.loc[result.matrix["share_of"] == words]
    return rows.loc[(rows["level"] != rows["level_2"]) & (rows["n"] > 0)], words


def _changed(result: TransitionResult) -> str:
    moved, words = _moved(result)
    first, last = result.parameters["first"], result.parameters["last"]
    head = f"Transitions {first} to {last}: {100 * moved['share'].sum():.1f} % of the {words} changed class"
    if moved.empty:
        return f"{head}."
    top = moved.iloc[int(moved["share"].argmax())]
    return (
        f"{head}; the largest transition is from {top['level']} to {top['level_2']} ({_size(top)}, {100 * top['share']:.1f} %)."
    )


def _size(row: pd.Series) -> str:
    return f"{int(row['n']):,} cells" if pd.isna(row["area_km2"]) else quantity(float(row["area_km2"]), "km2")


def _net(result: TransitionResult) -> str:
    net = result.net["net_km2"]
    up, down = (result.net.iloc[int(at)] for at in (net.argmax(), net.argmin()))
    parts = []
    if up["net_km2"] > 0:
        parts.append(f"{up['level']} gained most in net terms ({quantity(float(up['net_km2']), 'km2')})")
    if down["net_km2"] < 0:
        parts.append(f"{down['level']} lost most ({quantity(float(-down['net_km2']), 'km2')})")
    return f"Net change: {' and '.join(parts)}." if parts else "Net change: no class gained or lost area."


def _named(result: TransitionResult) -> tuple[str, str]:
    """Return label and unit of the response."""
    name = str(result.variables.loc[result.variables["role"] == "response", "name"].iloc[0])
    return result.label(name), result.unit(name)


def _account(result: TransitionResult) -> str:
    label, unit = _named(result)
    table = result.changes
    moved = table.loc[table["level"] != table["level_2"], "contribution"].sum()
    whole, part = (quantity(float(value), unit, 3) for value in (table["contribution"].sum(), moved))
    return (
        f"{label} over the cells with classes and a response changed by {whole}, to which cells that changed class contributed "
        f"{part}."
    )


def _response(result: TransitionResult) -> str:
    label, unit = _named(result)
    table = result.changes
    moved = table.loc[(table["level"] != table["level_2"]) & table["ci_low"].notna() & table["expected"].notna()]
    if moved.empty:
        return f"{label} with the transitions: no transition lies in enough blocks for an interval."
    clear = moved.loc[(moved["expected"] < moved["ci_low"]) | (moved["expected"] > moved["ci_high"])]
    largest = moved.iloc[int(moved["n"].argmax())]
    ends = f"{number(float(largest['ci_low']), 3)} to {number(float(largest['ci_high']), 3)}"
    return (
        f"{label} with the transitions: from {largest['level']} to {largest['level_2']}, the largest, it changed by "
        f"{quantity(float(largest['estimate']), unit, 3)} (CI {ends}), and by "
        f"{quantity(float(largest['expected']), unit, 3)} where {largest['level']} stayed; {len(clear)} of {len(moved)} "
        "intervals of transitions leave out the change of the cells that stayed."
    )


def _methods(result: TransitionResult) -> str:
    p = result.parameters
    matrix = f"The transfer matrix crosses the classes of {p['first']} and {p['last']} by true cell area. "
    if not len(result.changes):
        return matrix.strip()
    return (
        f"{matrix}The response's change in each transition is the mean over the last {p['window']} years less that over the "
        f"first {p['window']}; beside it stands the change of the cells that kept the class of the first year. Intervals "
        f"({100 * p['confidence']:g} %) are percentiles of {p['replicates']:,} draws, with replacement, of square blocks of "
        f"{p['blocks']} (block bootstrap; Lahiri 2003); they speak of space, not of the weather of the chosen years."
    )
