"""What every method returns: a frozen result of tidy tables in one column grammar, with parameters and notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

import pandas as pd
import xarray as xr

GRAMMAR = frozenset(
    """
    response driver driver_2 category group level lower upper year path
    estimate std_estimate std_error statistic df df_2 p p_adjusted log10_p ci_low ci_high
    statistic_eff df_eff df_2_eff p_eff p_eff_adjusted ci_eff_low ci_eff_high
    n n_valid n_eff share share_expected share_of area_km2 method note
    letters epsilon2_low epsilon2_high epsilon2_eff omega2
    r r2 r_partial q q_driver q_driver_2 epsilon2 interaction interaction_classic cells p_q tau hurst moran_i gi_star
    vif condition remaining intercept intercept_residual expected total unit rank direct indirect planted x y
    sd min q25 median q75 max classes mode
    month month_mean resultant amplitude sink_months
    n_units r2 r2_low r2_high r_squared rmse rmse_low rmse_high mae bias bias_low bias_high bias_relative slope
    fold distance gap
    id part neighbours deviate lag local_moran local_z lisa_class gi_p gi_p_adjusted gi_class gi
    given measure block log10_p_eff std_error_eff ci_boot_low ci_boot_high p_equivalent aic aic_difference
    q_cv chosen lower_2 upper_2 psd psd_driver cpsd
    response_2 share_2 rank_2
    seed_low seed_high setting_low setting_high floor above_floor n_drivers strength h
    tree_complexity learning_rate bag_fraction min_observations n_trees deviance selected within_se
    lower_2 upper_2 support
    level_2 n_units first last area_first_km2 area_last_km2 gain_km2 loss_km2 net_km2 contribution value density
    """.split()  # noqa: SIM905 - a list of names reads best as words
)

# Where the maps of a result go: computes lazy ones and returns them as they are kept, in memory or on disk.
Keep: TypeAlias = Callable[[xr.Dataset], xr.Dataset]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """Base of all results.

    Attributes
    ----------
    method : str
        Registered name of the method.
    parameters : mapping
        The options that were used, JSON values only.
    n : int
        Rows or cells that went in.
    notes : tuple of str
        What the reader must know, in sentences; the report prints them.
    provenance : str
        History line.
    variables : pandas.DataFrame
        name, role, category, unit, label, kind of each variable that occurs.
    """

    method: str
    parameters: Mapping[str, Any]
    n: int
    notes: tuple[str, ...] = ()
    provenance: str = ""
    variables: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tidy tables of the result, by field name: neither its variables nor the rows that went in."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("variables", "rows")}
        return {name: value for name, value in named.items() if isinstance(value, pd.DataFrame)}

    @property
    def maps(self) -> dict[str, xr.Dataset]:
        """The gridded parts of the result, by field name."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, xr.Dataset)}

    def label(self, name: str) -> str:
        """Return the label of a variable, or its name where none is known."""
        return self._known("label").get(name) or name

    def category(self, name: str) -> str:
        """Return the category of a variable, ``"other"`` where none is known."""
        return self._known("category").get(name, "other")

    def unit(self, name: str) -> str:
        """Return the unit of a variable, empty where none is known."""
        return self._known("unit").get(name, "")

    def _known(self, column: str) -> dict[str, str]:
        if self.variables.empty:
            return {}
        return dict(zip(self.variables["name"], self.variables[column], strict=True))

    def _repr_html_(self) -> str:
        return "".join(table.to_html(escape=True) for table in self.tables.values())
