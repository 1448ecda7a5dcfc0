"""Geodetector: factor, interaction, risk and ecological detectors.

q = 1 - SSW / SST, the share of the response's sum of squares that the strata explain (Wang et al. 2010,
doi:10.1080/13658810802443457; 2016, doi:10.1016/j.ecolind.2016.02.052). Its test is the central F of the one-way
analysis of variance, F = (q / (L - 1)) / ((1 - q) / (N - L)), which does not move when a constant is added to the
response; epsilon2 = 1 - (1 - q)(N - 1)/(N - L) takes off what strata explain by chance.

Interaction: q of the crossed strata beside the two single q's (same rows for all three), the classic type, and the F
test of the part that an additive two-way fit leaves to the crossing. Crossing by itself raises q, so the classic type
calls noise "nonlinear"; the verdict is "not distinguishable" unless the test, adjusted over the pairs of a group, finds
such a part. A crossing cannot explain less than either driver, so "weaken" only ever means nested strata, and is no verdict.

Risk: which strata differ in the mean (``geodetector_risks``). Ecological: which of two drivers explains more of the same rows
(``geodetector_pairs``). Where rows have places every P stands beside one that knows about spatial autocorrelation
(``geodetector_spatial``, or the spatial null of ``geodetector_null``), epsilon2 has an interval from blocks of space, and the
share one that knows of autocorrelated errors (``geodetector_spatial.fixed_share``).
All of it comes from one pass over the rows (``geodetector_moments``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from carbondrivers.attribution.geodetector_classic import ORIGIN, VARIANTS, Variant
from carbondrivers.attribution.geodetector_group import P_METHODS, Group, Options, PMethod
from carbondrivers.attribution.geodetector_null import is_shifted
from carbondrivers.attribution.geodetector_risks import RISK_TESTS, RiskTest, letters, not_compared
from carbondrivers.attribution.geodetector_rows import TYPES
from carbondrivers.attribution.geodetector_verdicts import corrected_groups, naive_groups
from carbondrivers.attribution.inference import ADJUSTMENTS, NAIVE_P, adjust_within
from carbondrivers.attribution.registry import register
from carbondrivers.attribution.resampling import bootstrap_of
from carbondrivers.attribution.result import Result
from carbondrivers.attribution.strata import STRATA_METHODS, StrataMethod
from carbondrivers.attribution.strata_borders import own_borders
from carbondrivers.datasets.sample import PixelSample
from carbondrivers.errors import OptionError, choose
from carbondrivers.provenance import history_line

_TEST = ["statistic", "df", "df_2", "p", "p_adjusted", "log10_p", "ci_low", "ci_high", "n", "n_eff"]
_EFF = ["statistic_eff", "df_eff", "df_2_eff", "p_eff", "p_eff_adjusted", "ci_eff_low", "ci_eff_high"]
FACTOR_COLUMNS = [
    "group", "response", "driver", "q", "epsilon2", "epsilon2_low", "epsilon2_high", "omega2", *_TEST, "epsilon2_eff", *_EFF,
    "method", "note",
]  # fmt: skip
PAIR_COLUMNS = [
    "group", "response", "driver", "driver_2", "q_driver", "q_driver_2", "q", "epsilon2", "interaction", "interaction_classic",
    "cells", "estimate", *_TEST, *_EFF, "note",
]  # fmt: skip
ECOLOGICAL_COLUMNS = [
    "group", "response", "driver", "driver_2", "estimate", "std_error", "statistic", "p", "p_adjusted", "ci_low", "ci_high",
    "n", "statistic_eff", "p_eff", "p_eff_adjusted", "ci_eff_low", "ci_eff_high", "note",
]  # fmt: skip
RISK_COLUMNS = [
    "group", "response", "driver", "level", "level_2", "estimate", "std_error", "statistic", "df", "p", "p_adjusted", "ci_low",
    "ci_high", "statistic_eff", "df_eff", "p_eff", "p_eff_adjusted", "ci_eff_low", "ci_eff_high",
]  # fmt: skip
STRATA_COLUMNS = [
    "group", "response", "driver", "level", "lower", "upper", "n", "estimate", "sd", "std_error", "ci_low", "ci_high", "n_eff",
    "ci_eff_low", "ci_eff_high", "letters", "method",
]  # fmt: skip
ALPHA = 0.05
MOST_PLACES = 500_000
CORRECTED_P = (
    "Corrected P refer q to what strata would explain of a response with the same autocorrelation, estimated by rings of "
    "distance (after Clifford, Richardson and Hemon 1989, with Satterthwaite's degrees of freedom); verdicts on pairs and "
    "letters rest on them."
)
SPATIAL_P = {
    True: "Corrected P of factors and pairs come from {} shifts of the grid around its edges, with flips.",
    False: "Corrected P of factors and pairs come from {} random fields with the response's autocorrelation and values.",
}
NAIVE_GROUPS = (
    "No P knows about spatial autocorrelation in: {}. Verdicts on pairs and letters rest on the naive P there; rows in one "
    "place, or too few independent ones, have no corrected P."
)
NO_PLACES = "No P knows about spatial autocorrelation: the rows have no coordinates."
ONE_PLACE = "No P knows about spatial autocorrelation: all rows lie in one place."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeodetectorResult(Result):
    """Factor, interaction, risk and ecological detection.

    Attributes
    ----------
    factors : pandas.DataFrame
        One row a group and driver: q with its interval (noncentral F), epsilon2 with its interval from blocks of space,
        omega2, test, P adjusted within the group; then share, interval (``ci_eff_low``, ``ci_eff_high``) and test knowing
        about autocorrelation. The interval from blocks is widened by what neighbouring blocks share.
    interactions : pandas.DataFrame
        One row a group and pair: the two single q's, q of the crossing, verdict, classic type, and the non-additive part
        (``estimate``: its share of the response's sum of squares, less what chance makes) with interval and test.
    risks : pandas.DataFrame
        One row a group, driver and pair of strata: difference of the means, with test and interval.
    ecological : pandas.DataFrame
        One row a group and pair: by how much more the first driver explains (share of the sum of squares), with its test.
    strata : pandas.DataFrame
        One row a group, driver and stratum: borders, n, mean of the response with its intervals; strata that share a letter
        are not found to differ.
    dropped : pandas.DataFrame
        Rows that were left out, and why.
    rows : pandas.DataFrame
        Where the rows lie, for maps: both coordinates, then of every driver the position of the row's stratum among its strata
        of the whole sample; at most 500,000 rows. It is data and no table of results; empty without coordinates.
    """

    factors: pd.DataFrame
    interactions: pd.DataFrame
    risks: pd.DataFrame
    ecological: pd.DataFrame
    strata: pd.DataFrame
    dropped: pd.DataFrame
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)


@register(
    "geodetector",
    title="Geodetector: factors, interactions, risks, ecological detector",
    takes="sample",
    result=GeodetectorResult,
    version="7",
    citation="Wang, J.F. et al. (2016). A measure of spatial stratified heterogeneity. Ecological Indicators 67, 250-256.",
)
def detect(
    sample: PixelSample,
    *,
    method: StrataMethod = "quantile",
    classes: int = 6,
    borders: Mapping[str, Sequence[float]] | None = None,
    p_method: PMethod = "f",
    variant: Variant = "geodetector",
    risk_test: RiskTest = "welch",
    adjust: str = "bh",
    confidence: float = 0.95,
    replicates: int = 1000,
    block_size: float | None = None,
    seed: int = 0,
) -> GeodetectorResult:
    """Detect which drivers, and which pairs, stratify the response, in every group.

    Parameters
    ----------
    sample
        Checked table; categorical drivers are strata as they are. Weights (areas) are used.
    method, classes
        How continuous drivers are cut, within each group (see ``carbondrivers.attribution.strata``).
    borders
        Inner borders of one's own by driver, as ``{"precipitation": [200, 400, 600]}``, in place of the rule and the same in
        every group. A value on a border belongs to the stratum below; borders beyond the driver's values cut nothing, and the
        outer strata reach to its smallest and largest value.
    p_method
        ``"f"``, ``"welch"`` (unequal variances), ``"permutation"`` of rows, ``"spatial"`` (the corrected P then come from
        shifted grids or simulated fields, the naive one from F) or ``"wang2016"``, the published P of factors.
    variant
        Whose ``"wang2016"``: ``"geodetector"``, ``"gd"`` or ``"gdverse"``.
    risk_test
        ``"welch"`` or ``"games_howell"``.
    adjust
        ``"bh"`` (Benjamini and Hochberg) or ``"holm"``.
    confidence
        Level of the intervals, between 0 and 1.
    replicates
        Number of resamples of blocks, of permutations and of spatial draws.
    block_size
        Side of the blocks that are resampled, in the unit of the coordinates; a tenth of the extent by default.
    seed
        Of the resamples and draws.

    Raises
    ------
    OptionError
        If an option is outside its list or range, `borders` name no continuous driver, are not ascending numbers or part no
        two values, or ``"spatial"`` is asked of rows without coordinates or in one place.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from carbondrivers.datasets import PixelSample
    >>> table = pd.DataFrame({"nep": [1.0, 2, 1, 5, 6, 5], "zone": list("aaabbb")})
    >>> result = detect(PixelSample.from_frame(table, response="nep", drivers={"zone": "climate"}))
    >>> round(float(result.factors["q"][0]), 4)
    0.9474
    """
    choose(method, STRATA_METHODS, "method")
    choose(p_method, P_METHODS, "p_method")
    choose(variant, VARIANTS, "variant")
    choose(risk_test, RISK_TESTS, "risk_test")
    choose(adjust, ADJUSTMENTS, "adjust")
    if not isinstance(classes, int) or not 2 <= classes <= 50:
        raise OptionError(f"classes must be a whole number from 2 to 50, got {classes!r}")
    if p_method == "spatial" and sample.coordinates is None:
        raise OptionError("p_method 'spatial' needs coordinates, and the sample has none: give them, or use 'permutation'")
    if p_method == "spatial" and _one_place(sample):
        raise OptionError("p_method 'spatial' needs rows in different places, and all lie in one: use 'permutation'")
    if p_method == "wang2016" and sample.weights is not None:
        raise OptionError("p_method 'wang2016' knows no weights, and the sample has them: leave them out, or use 'f'")
    bootstrap, own = bootstrap_of(replicates, confidence, seed), own_borders(borders, sample)
    options = Options(method, classes, own, p_method, variant, bootstrap, block_size, risk_test)
    groups = [Group(name, part, options) for name, part in sample.group_samples()]
    parameters: dict[str, object] = {
        "method": method, "classes": classes, "p_method": p_method, "risk_test": risk_test, "adjust": adjust,
        "confidence": confidence, "replicates": replicates, "block_size": block_size, "crs": sample.crs or "",
    }  # fmt: skip
    parameters |= ({"variant": variant} if p_method == "wang2016" else {}) | ({"borders": own} if own else {})
    tables = _tables(groups, adjust)
    return GeodetectorResult(
        method="geodetector",
        parameters=parameters,
        n=sample.n,
        notes=_notes(sample, options, tables),
        provenance=history_line("geodetector", n=sample.n, **parameters),
        variables=sample.variables(),
        dropped=sample.dropped.reset_index(drop=True),
        rows=_rows(sample, groups[0]),
        **tables,
    )


def _one_place(sample: PixelSample) -> bool:
    """Whether the rows have coordinates, and all the same."""
    if sample.coordinates is None:
        return False
    return not np.ptp(sample.frame[list(sample.coordinates)].to_numpy(dtype=np.float64), axis=0).any()


def _rows(sample: PixelSample, whole: Group) -> pd.DataFrame:
    """Return places and strata of the rows, of very many every k-th."""
    if sample.coordinates is None:
        return pd.DataFrame()
    every = slice(None, None, -(-sample.n // MOST_PLACES))
    places = sample.frame[list(sample.coordinates)].iloc[every].reset_index(drop=True).astype(np.float64)
    return places.assign(**{driver: cut.codes[every].astype(np.int32) for driver, cut in whole.cuts.items()})


def _tables(groups: list[Group], adjust: str) -> dict[str, pd.DataFrame]:
    factors, pairs, ecological, columns = [], [], [], []
    for group in groups:
        factors += group.factor_rows()
        one, two = group.pair_rows()
        pairs += one
        ecological += two
        columns += list(group.strata_columns())
    risks = adjusted(stacked([apart for _, apart in columns]), ["group", "driver"], adjust)
    return {
        "factors": adjusted(pd.DataFrame(factors), ["group"], adjust).reindex(columns=FACTOR_COLUMNS),
        "interactions": pair_table(pairs, adjust),
        "ecological": ecological_table(ecological, adjust),
        "strata": strata_table(stacked([means for means, _ in columns]), risks),
        "risks": risks.reindex(columns=RISK_COLUMNS),
    }


def adjusted(table: pd.DataFrame, by: list[str], adjust: str) -> pd.DataFrame:
    """Adjust naive and corrected P over the tests of each family."""
    table = table.assign(**{c: table[c].astype(np.float64) if c in table else np.nan for c in ("p", "p_eff")})
    table = adjust_within(table, by, adjust)
    return adjust_within(table, by, adjust, ("p_eff", "p_eff_adjusted"))


def stacked(parts: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one table of parts that are columns of arrays, or of one value for all their rows."""
    sizes = [len(part["level"]) for part in parts]
    columns = {key: [np.broadcast_to(np.asarray(p[key]), n) for p, n in zip(parts, sizes, strict=True)] for key in parts[0]}
    # A part without rows has no strings to tell its type by.
    return pd.DataFrame({key: np.concatenate([v for v in c if len(v)] or c[:1]) for key, c in columns.items()})


def strata_table(strata: pd.DataFrame, risks: pd.DataFrame) -> pd.DataFrame:
    """Return the strata with letters, from adjusted P of their differences."""
    apart, corrected = dict(list(risks.groupby(["group", "driver"], sort=False))), corrected_groups(risks)
    marks: list[str] = []
    for key, means in strata.groupby(["group", "driver"], sort=False):
        decided = "p_eff_adjusted" if key[0] in corrected else "p_adjusted"
        marks += _letters(means, apart[key], decided) if key in apart else [""] * len(means)
    return strata.assign(letters=marks, n=strata["n"].astype(np.int64)).reindex(columns=STRATA_COLUMNS)


def _letters(means: pd.DataFrame, risks: pd.DataFrame, decided: str) -> list[str]:
    """Return the compact letters of one driver's strata, by the P that decides in its group."""
    place = {name: i for i, name in enumerate(means["level"])}
    differ, judged = np.zeros((len(means), len(means)), dtype=bool), np.zeros(len(means), dtype=bool)
    for one, two, p in zip(risks["level"], risks["level_2"], risks[decided], strict=True):
        differ[place[one], place[two]] = differ[place[two], place[one]] = p < ALPHA
        judged[[place[one], place[two]]] |= bool(np.isfinite(p))
    return letters(np.where(judged, means["estimate"].to_numpy(dtype=np.float64), np.nan), differ)


def pair_table(pairs: list[dict[str, object]], adjust: str) -> pd.DataFrame:
    """Return the interactions with their verdicts."""
    if not pairs:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    table = adjusted(pd.DataFrame(pairs), ["group"], adjust).reindex(columns=PAIR_COLUMNS)
    decided = table["p_eff_adjusted"].where(table["group"].isin(corrected_groups(table)), table["p_adjusted"])
    found = (decided < ALPHA) & ~table["interaction_classic"].str.startswith("weaken")
    defined = table["interaction_classic"] != ""
    return table.assign(interaction=np.where(found, table["interaction_classic"], np.where(defined, TYPES[5], "")))


def ecological_table(rows: list[dict[str, object]], adjust: str) -> pd.DataFrame:
    """Return the ecological detector with adjusted P."""
    if not rows:
        return pd.DataFrame(columns=ECOLOGICAL_COLUMNS)
    return adjusted(pd.DataFrame(rows), ["group"], adjust).reindex(columns=ECOLOGICAL_COLUMNS)


def _notes(sample: PixelSample, options: Options, tables: dict[str, pd.DataFrame]) -> tuple[str, ...]:
    notes, strata = [NAIVE_P], tables["strata"]
    if options.p_method == "wang2016":
        notes.append(ORIGIN.format(options.variant))
    else:
        notes.append("F and P do not depend on the origin of the response.")
    if sample.coordinates is None or _one_place(sample):
        notes.append(NO_PLACES if sample.coordinates is None else ONE_PLACE)
    else:
        notes.append(CORRECTED_P)
        naive = list(dict.fromkeys(g for name in ("factors", "interactions", "risks") for g in naive_groups(tables[name])))
        notes += [NAIVE_GROUPS.format(", ".join(naive))] if naive else []
        if options.p_method == "spatial":
            xy = sample.frame[list(sample.coordinates)].to_numpy(dtype=np.float64)
            notes.append(SPATIAL_P[is_shifted(xy, sample.is_geographic)].format(f"{options.bootstrap.replicates:,}"))
    singles = int(((strata["n"] == 1) & (strata["group"] == "all")).sum())
    if singles:
        notes.append(f"Strata of the whole sample with a single member: {singles}; they are kept and raise q.")
    if sample.weights:
        notes.append(f"Rows are weighted by {sample.weights}; degrees of freedom count Kish's (sum w)^2 / sum w^2 rows.")
    return (*notes, *not_compared(strata), *sample.caveats(weighted=True))
