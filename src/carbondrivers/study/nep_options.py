"""The section ``[nep]`` of a study file: which model estimates NEP, and the options of each."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from carbondrivers.study.nep_layers import layers_in_words
from carbondrivers.study.sections import Finite, Number, Section

RESPIRATION_B = (0.0913, 0.0912)
EcosystemClass: TypeAlias = Literal[
    "evergreen_needleleaf", "evergreen_broadleaf", "deciduous_needleleaf", "deciduous_broadleaf", "mixed_forest", "forest",
    "shrubland", "savanna", "grassland", "cropland", "wetland", "barren", "impervious", "other", "water", "ice",
]  # fmt: skip
"""The classes of a chain, as ``nep_models/parameters/chains.toml`` lists them."""
CasaClass: TypeAlias = Literal[
    "evergreen_needleleaf", "evergreen_broadleaf", "deciduous_needleleaf", "deciduous_broadleaf", "mixed_forest",
    "shrubland", "grassland", "cropland", "other",
]  # fmt: skip
ModelName: TypeAlias = Literal["nirv_tec", "npp_minus_rh", "casa_gsmsr", "given"]


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _known_b(value: float) -> float:
    if value not in RESPIRATION_B:
        raise ValueError(f"must be one of {', '.join(map(str, RESPIRATION_B))}, got {value}")
    return value


def _code(text: str) -> str:
    # Digits of other scripts would be read as numbers too.
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise ValueError(f"a land-cover code must be a whole number from 0 up, got {text!r}")
    return text


def _in_order(pair: tuple[float, float]) -> tuple[float, float]:
    if not 0.0 <= pair[0] < pair[1] <= 100.0:
        raise ValueError(f"must be two percentiles in order within 0 to 100, got {list(pair)}")
    return pair


YesNo: TypeAlias = Annotated[bool, Strict()]
Code: TypeAlias = Annotated[str, AfterValidator(_code)]
Share: TypeAlias = Annotated[Number, Field(ge=0, le=1)]
Slope: TypeAlias = Annotated[Number, Field(gt=0, le=50)]
Efficiency: TypeAlias = Annotated[Number, Field(gt=0, le=3)]
Density: TypeAlias = Annotated[Number, Field(ge=0, le=100)]


class Respiration(Section):
    """Heterotrophic respiration from monthly temperature and precipitation (Pei et al.)."""

    form: Literal["sum", "as_printed"] = Field(
        "sum",
        description="sum of the two terms; as_printed multiplies them, which gives impossible values, with a warning",
    )
    days: Annotated[Literal["30", "actual"], BeforeValidator(_as_text)] = Field("30", description="days of a month")
    rh_fraction: Number = Field(0.465, gt=0, le=1, description="heterotrophic share of soil respiration")
    b: Annotated[Number, AfterValidator(_known_b)] = Field(
        0.0913, description="temperature coefficient, per degC", json_schema_extra={"allowed": list(RESPIRATION_B)}
    )


class NirvTec(Section):
    """GPP from SANIRv, Ra by organs, Rh from annual soil respiration."""

    c: dict[EcosystemClass, Slope] = Field(
        default_factory=dict,
        description="GPP per PAR and SANIRv of each class, g C MJ-1, calibrated at towers with the same index: { forest = ..., "
        "grassland = ... }; other = ... serves all classes that are not named; a virtual region has its own",
    )
    sanirv: Literal["offset", "rescaled", "ndvi_offset"] = Field(
        "offset",
        description="soil adjustment: NIRv less that of the soil, the same stretched to keep its peak, or NDVI less soil_ndvi "
        "times NIR; the original formula is unverified",
    )
    nirv: Literal["ndvi", "offset"] = Field("ndvi", description="NIRv = NDVI x NIR, or (NDVI - 0.08) x NIR")
    soil_nirv: Finite | None = Field(
        None,
        ge=-0.1,
        le=0.3,
        description="NIRv of bare soil; by default a low percentile of each cell's own months above 0 degC",
    )
    soil_percentile: Finite = Field(5.0, ge=0, le=50, description="that percentile")
    soil_ndvi: Finite = Field(0.08, ge=-1, le=1, description="NDVI of bare soil, for sanirv = 'ndvi_offset'")
    par_fraction: Finite = Field(0.5, ge=0.3, le=0.6, description="PAR as a share of solar radiation: 0.5 (CASA), 0.45 (MOD17)")
    ra: Literal["organs", "mod17"] = Field(
        "organs", description="maintenance respiration: by organs as in the Northwest China study, or that of MOD17"
    )
    rg: Literal["mod17", "muses", "beps", "as_published"] | Share = Field(
        "mod17",
        description="growth respiration: 0.25 of NPP (mod17), 0.25 (muses) or 0.35 (beps) of GPP - Rm, or a number, its share "
        "of GPP; as_published takes 0.99 of GPP, which leaves no NPP, with a warning",
    )
    q10: Literal["table", "tjoelker"] = Field(
        "table", description="Q10 of maintenance: constants by organ, or 3.22 - 0.046 T within 1 to 4"
    )
    live: Literal["beps", "all"] = Field(
        "beps", description="what respires of wood and roots: sapwood and live roots, or all, which exceeds GPP, with a warning"
    )
    tb: Finite = Field(25.0, ge=0, le=40, description="base temperature of maintenance, degC; 20 in MOD17 and MUSES")
    root_units: Literal["Mg/ha", "kg/m2"] = Field("Mg/ha", description="unit that the regression of root on stem takes")
    variant: Literal["corrected", "as_published"] = Field(
        "corrected", description="rates of maintenance per day and kg; as_published reads them as g a year, a millionth"
    )
    cap_at_rs: YesNo = Field(True, description="hold Rh at Rs where the relation between them exceeds it")


class CasaGsmsr(Section):
    """NPP of CASA, Rh from monthly soil respiration of GSMSR."""

    eps: Literal["improved", "zhu"] = Field(
        "improved", description="table of the largest light use efficiency: improved CASA of China, or Zhu et al. 2006"
    )
    eps_of: dict[CasaClass, Efficiency] = Field(
        default_factory=dict, description="largest light use efficiency of single classes, g C MJ-1, in place of the table's"
    )
    limits: Literal["percentiles", "published"] = Field(
        "percentiles", description="NDVI of least and most absorption by class: its own percentiles, or those of SPOT and AVHRR"
    )
    percentiles: Annotated[tuple[Finite, Finite], AfterValidator(_in_order)] = Field(
        (5.0, 95.0), description="[low, high] percentile of NDVI over all cells and months of a class"
    )
    index: Literal["both", "ndvi", "sr"] = Field(
        "both", description="FPAR from NDVI, from the simple ratio, or the mean of the two"
    )
    t2: Literal["potter", "zhu"] = Field(
        "potter", description="stress off the optimum temperature: continuous, or halved far from it as Zhu does"
    )
    clumping: Literal["none", "I", "II"] = Field(
        "none",
        description="correct FPAR by layer clumping_monthly, over constants (I) or over its class's mean of the month (II)",
    )
    soil_carbon: dict[EcosystemClass, Density] = Field(
        default_factory=dict,
        description="soil organic carbon of 0-20 cm of each class, kg C m-2, in place of layer soil_carbon",
    )
    variant: Literal["corrected", "as_published"] = Field(
        "corrected", description="constants of soil respiration; as_published are those printed, which exceed their own means"
    )
    cap_at_rs: YesNo = Field(True, description="hold Rh at Rs where the relation between them exceeds it (cold or dry months)")


class Nep(Section):
    """Where NEP comes from."""

    model: ModelName = Field(
        "given",
        description="given: the response is in the data; the others estimate NEP and its parts from [layers]: "
        "npp_minus_rh = NPP - Rh, nirv_tec = GPP - Ra - Rh, casa_gsmsr = NPP of CASA - Rh by month",
    )
    classes: dict[Code, EcosystemClass] = Field(
        default_factory=dict,
        description='ecosystem class of each code of layer land_cover: { 1 = "forest", 2 = "grassland" }; water and ice are '
        "left out; for nirv_tec and casa_gsmsr",
    )
    rh: Respiration = Field(
        default_factory=Respiration, description=f"the respiration of npp_minus_rh; layers: {layers_in_words('npp_minus_rh')}"
    )
    nirv_tec: NirvTec = Field(
        default_factory=NirvTec, description=f"options of nirv_tec; layers: {layers_in_words('nirv_tec')}"
    )
    casa_gsmsr: CasaGsmsr = Field(
        default_factory=CasaGsmsr, description=f"options of casa_gsmsr; layers: {layers_in_words('casa_gsmsr')}"
    )

    def names_of_codes(self) -> dict[int, str]:
        """Return the ecosystem class of each land-cover code."""
        return {int(code): name for code, name in self.classes.items()}
