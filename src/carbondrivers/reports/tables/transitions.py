"""Tables of transitions: the transfer matrix, gains and losses, the response with each transition."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.transitions import TransitionResult
from carbondrivers.reports.registry import Table, table_of
from carbondrivers.reports.words import unit_words


@table_of(TransitionResult)
def transition_tables(result: TransitionResult) -> list[Table]:
    """Return the matrix, the net change of each class and, where there is a response, its change."""
    first, last = result.parameters["first"], result.parameters["last"]
    pair = {"level": f"Class in {first}", "level_2": f"Class in {last}"}
    found = [
        Table(
            "transitions_matrix", f"Transfer matrix, {first} to {last}", _crossed(result, first, last),
            (f"Rows: class in {first}, columns: class in {last}; {'km²' if _known(result) else 'cells'}.",),
        ),
        Table("transitions_pairs", f"Transitions, {first} to {last}", result.matrix, (), pair | {"n": "Cells"}),
        Table(
            "transitions_net", f"Gains and losses, {first} to {last}", result.net,
            (f"Stayed: of the {result.net['share_of'].iloc[0]}.",),
            {"level": "Class", "area_first_km2": f"Area {first} (km²)", "area_last_km2": f"Area {last} (km²)",
             "gain_km2": "Gain (km²)", "loss_km2": "Loss (km²)", "net_km2": "Net (km²)", "share": "Stayed"},
            ("level", "area_first_km2", "area_last_km2", "gain_km2", "loss_km2", "net_km2", "share"),
        ),
        Table(
            "transitions_conversions", f"Conversions of the map, {first} to {last}", result.conversions,
            (f"Shares are of the {result.conversions['share_of'].iloc[0]} and add to 100 %.",),
            {"level": "Conversion", "n": "Cells"}, ("level", "n", "area_km2", "share"),
        ),
    ]  # fmt: skip
    return [*found, _changes(result, pair)] if len(result.changes) else found


def _known(result: TransitionResult) -> bool:
    return bool(result.matrix["area_km2"].notna().all())


def _crossed(result: TransitionResult, first: int, last: int) -> pd.DataFrame:
    """Return the matrix as it is printed: a row a class, sums at the right and below."""
    names = list(result.net["level"])
    rows = result.matrix.loc[result.matrix["share_of"] == result.matrix["share_of"].iloc[0]]
    values = rows["area_km2" if _known(result) else "n"].to_numpy(dtype=float).reshape(len(names), len(names))
    table = pd.DataFrame(values, columns=names)
    table.insert(0, "level", names)
    table[f"Total {first}"] = values.sum(axis=1)
    below = pd.DataFrame([[f"Total {last}", *values.sum(axis=0), values.sum()]], columns=table.columns)
    return pd.concat([table, below], ignore_index=True)


def _changes(result: TransitionResult, pair: dict[str, str]) -> Table:
    name = str(result.variables.loc[result.variables["role"] == "response", "name"].iloc[0])
    label, unit = result.label(name), unit_words(result.unit(name))
    level, window = f"{100 * result.parameters['confidence']:g} % CI", result.parameters["window"]
    totals = ["total"] if result.changes["total"].notna().any() else []
    return Table(
        "transitions_response", f"{label} in each transition ({unit or 'unit of the data'})", result.changes,
        (
            f"Means over {window} years at either end. Stayed: the change of the cells that kept the class of the first year.",
            "Contribution: share of the area times the change; they add up to the change of the mean of these cells.",
        ),
        pair | {"n": "Cells", "n_units": "Blocks", "first": "First mean", "last": "Last mean", "estimate": "Change",
                "ci_low": f"{level}, low", "ci_high": f"{level}, high", "expected": "Stayed",
                "contribution": "Contribution", "total": "Change of the total (Tg C a⁻¹)"},
        ("level", "level_2", "n", "area_km2", "first", "last", "estimate", "ci_low", "ci_high", "expected", "contribution",
         *totals, "note"),
    )  # fmt: skip
