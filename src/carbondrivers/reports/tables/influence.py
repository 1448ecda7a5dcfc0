"""Tables of boosted trees: influence, worth, categories, scores, settings, pairs; curves as files."""

from __future__ import annotations

import pandas as pd

from carbondrivers.attribution.influence_result import InfluenceResult
from carbondrivers.reports.registry import Table, table_of

HEADINGS = {
    "share": "Relative influence", "seed_low": "Seeds, least", "seed_high": "Seeds, greatest", "setting_low": "Settings, least",
    "setting_high": "Settings, greatest", "floor": "Noise floor", "above_floor": "Above floor",
    "share_expected": "Expected of the cut alone", "n_drivers": "Drivers", "n_trees": "Trees", "r2": "R²",
    "r_squared": "Squared correlation", "h": "Friedman's H", "within_se": "Within 1 SE", "selected": "Taken",
    "deviance": "CV deviance / total", "std_error": "SE", "tree_complexity": "Tree complexity",
    "learning_rate": "Learning rate", "bag_fraction": "Bag fraction", "min_observations": "Least rows in a leaf",
}  # fmt: skip
INFLUENCE_SHOWN = (
    "group", "driver", "category", "share", "ci_low", "ci_high", "seed_low", "seed_high", "setting_low", "setting_high",
    "floor", "above_floor", "share_expected", "note",
)  # fmt: skip
OF_SHARE = "Shares are parts of the total influence of all drivers of a group."
LOSS = (
    "Permutation and drop and refit: loss of R² on held-out rows. Shares there are parts of the sum over drivers, or "
    "categories, losses below 0 taken as 0."
)
BOTH = "Random folds say how well gaps between the rows are filled, spatial folds how well the relation carries elsewhere."


@table_of(InfluenceResult)
def influence_tables(result: InfluenceResult) -> list[Table]:
    """Return every table, drivers and categories with the strongest first."""
    level = f"{100 * result.parameters['confidence']:g} % block interval"
    ends = {"ci_low": f"{level}, low", "ci_high": f"{level}, high"}
    percent = HEADINGS | ends
    found = [
        _table("", "Relative influence", _sorted(result.influence, "driver"), (OF_SHARE,), percent, INFLUENCE_SHOWN),
        _table("categories", "Categories of drivers", _sorted(result.categories, "method"), (OF_SHARE, LOSS), percent, (
            "group", "category", "n_drivers", "method", "share", "ci_low", "ci_high", "estimate", "unit",
        )),
        _table("importance", "What drivers are worth", _sorted(result.importance, "method"), (LOSS,), HEADINGS | {
            "share": "Share",
        }, ("group", "method", "driver", "estimate", "unit", "share")),
        _table("scores", "Scores of the boosted trees", result.scores, (BOTH,), HEADINGS, (
            "group", "method", "n", "n_trees", "r2", "r_squared", "rmse", "mae", "unit", "note",
        )),
        _table("settings", "Settings tried", result.settings, (), HEADINGS),
        _table("interactions", "Interactions of drivers", _sorted(result.interactions, "driver", "strength"), (), HEADINGS | {
            "strength": "Strength (unit of the response)",
        }),
        _table("responses", "Response curves", result.responses, (), ends),
    ]  # fmt: skip
    return [*found, _twins(result)] if len(result.twins) else found


def _twins(result: InfluenceResult) -> Table:
    names = {
        "response": "Response", "response_2": "Twin", "rank": "Rank", "share_2": "Relative influence on the twin",
        "rank_2": "Rank for the twin",
    }  # fmt: skip
    return _table("twins", "The response and its twin", _sorted(result.twins, "driver"), (OF_SHARE,), HEADINGS | names)


def _table(
    name: str, title: str, frame: pd.DataFrame, notes: tuple[str, ...], headings: dict[str, str], shown: tuple[str, ...] = ()
) -> Table:
    return Table(f"boosted_trees_{name}".rstrip("_"), title, frame, notes, headings, shown)


def _sorted(frame: pd.DataFrame, within: str, value: str = "share") -> pd.DataFrame:
    """Return a table with the largest values first, in each group, and in each method where the table has several."""
    by = ["group", "method"] if within == "method" else ["group"]
    blocks = frame[by].astype(str).agg("\n".join, axis=1)
    order = {block: i for i, block in enumerate(blocks.unique())}
    keyed = frame.assign(order=blocks.map(order)).sort_values(["order", value], ascending=[True, False], kind="stable")
    return keyed.drop(columns="order").reset_index(drop=True)
