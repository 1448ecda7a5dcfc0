"""What ``influence`` returns: the tables of boosted trees, and how they are put together."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from carbondrivers.attribution.result import Result

RANDOM, BLOCKS, TRAINING, HELD_OUT, CONTROL, CUT_GROUP = (
    "random folds",
    "spatial folds",
    "training rows",
    "random hold-out",
    "one law, cut alike",
    "the group in the folds of the control",
)
PARTIAL, LOCAL, DECILES = "partial dependence", "accumulated local effects", "decile"
INFLUENCE, PERMUTED, CONDITIONAL = "relative influence", "permutation", "conditional permutation"
SHAP, DROPPED = "mean absolute SHAP", "drop and refit"
OF_INFLUENCE = "influence of all drivers"
COLUMNS = {
    "influence": [
        "group", "response", "driver", "category", "share", "share_of", "ci_low", "ci_high", "seed_low", "seed_high",
        "setting_low", "setting_high", "floor", "above_floor", "share_expected", "n", "note",
    ],
    "importance": ["group", "driver", "category", "method", "estimate", "unit", "share", "share_of"],
    "categories": [
        "group", "category", "n_drivers", "method", "estimate", "unit", "share", "share_of", "ci_low", "ci_high",
    ],
    "scores": ["group", "response", "method", "n", "n_trees", "r2", "r_squared", "rmse", "mae", "unit", "note"],
    "settings": [
        "group", "tree_complexity", "learning_rate", "bag_fraction", "min_observations", "n_trees", "deviance", "std_error",
        "within_se", "selected", "note",
    ],
    "deviances": ["group", "n_trees", "deviance", "std_error", "selected"],
    "responses": ["group", "driver", "method", "value", "estimate", "ci_low", "ci_high", "level"],
    "expectations": ["group", "driver", "id", "value", "estimate"],
    "interactions": ["group", "driver", "driver_2", "strength", "h", "unit"],
    "predictions": ["group", "method", "id", "value", "estimate"],
    "twins": [
        "group", "response", "response_2", "driver", "category", "share", "rank", "share_2", "rank_2", "share_of", "note",
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InfluenceResult(Result):
    """Boosted trees: influence of each driver and all that says how far it can be trusted.

    Attributes
    ----------
    influence : pandas.DataFrame
        One row a group and driver: share of the total influence (adds to 1 in a group), its interval over spatial blocks drawn
        anew, range over seeds and over settings within one standard error, the noise floor and whether the driver is above
        it, and in a group cut on the response the share that the cut gives by itself (``share_expected``).
    importance : pandas.DataFrame
        By permutation, conditional permutation (loss of R2 on held-out rows) and TreeSHAP.
    categories : pandas.DataFrame
        The same for categories, and by leaving each out.
    scores : pandas.DataFrame
        R2 = 1 - SSE/SST, squared correlation, RMSE and MAE under random and spatial folds, side by side; of a group cut on the
        response also what the cut gives by itself, and what the group has in the same folds.
    settings, deviances : pandas.DataFrame
        Every setting tried; the deviance along the number of trees of the chosen one, as a share of the total deviance.
    responses : pandas.DataFrame
        Partial dependence and accumulated local effects, centred, with bands; deciles of each driver.
    expectations : pandas.DataFrame
        Individual conditional expectations of some rows, for the most influential drivers.
    interactions : pandas.DataFrame
        Strength of each pair in the unit of the response, and Friedman's H.
    predictions : pandas.DataFrame
        Observed values and out-of-fold predictions of at most 2,000 rows.
    twins : pandas.DataFrame
        Share and rank of each driver for the response and for its twin (``share_2``, ``rank_2``); empty without a twin.
    """

    influence: pd.DataFrame
    importance: pd.DataFrame
    categories: pd.DataFrame
    scores: pd.DataFrame
    settings: pd.DataFrame
    deviances: pd.DataFrame
    responses: pd.DataFrame
    expectations: pd.DataFrame
    interactions: pd.DataFrame
    predictions: pd.DataFrame
    twins: pd.DataFrame
