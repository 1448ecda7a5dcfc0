"""What a report says of an NEP model: its equations with the options taken, its limits, and where its constants are from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from carbondrivers.study.nep_layers import GIVEN, LAYERS, component_of, used_layers
from carbondrivers.study.nep_options import CasaGsmsr, Nep, NirvTec, Respiration
from carbondrivers.study.nep_rules import planted
from carbondrivers.study.schema import StudySpec

FLAGGED: Mapping[str, Mapping[tuple[str, object], str]] = {
    "rh": {
        ("form", "as_printed"): "the printed product of the respiration model gives about an eighth of plausible values",
    },
    "nirv_tec": {
        ("rg", "as_published"): "growth respiration of 0.99 of GPP leaves no NPP",
        ("live", "all"): "all wood and roots respire, dead wood too, which exceeds the GPP of these forests",
        ("variant", "as_published"): "maintenance rates of kg per kg and day were read as g a year, a millionth",
        ("cap_at_rs", False): "heterotrophic respiration may exceed the soil respiration that it is a part of",
    },
    "casa_gsmsr": {
        (
            "variant",
            "as_published",
        ): "the printed constants of soil respiration (M = 0.188, beta = +0.006) give up to 1.9 times "
        "the respiration reported with them",
        ("cap_at_rs", False): "heterotrophic respiration may exceed the soil respiration that it is a part of",
    },
}
"""Options whose results carry ``nep_flags``, and what is to be known of them."""
TABLES: Mapping[str, tuple[str, ...]] = {
    "npp_minus_rh": ("soil_respiration.pei",),
    "nirv_tec": (
        "productivity.nirv", "productivity.sanirv", "autotrophic.grass", "autotrophic.growth", "soil_respiration.chen_r0",
        "soil_respiration.chen_q", "soil_respiration.chen_k", "soil_respiration.chen_psi", "soil_respiration.xie",
    ),
    "casa_gsmsr": (
        "casa.fpar", "casa.light", "casa.temperature", "casa.water", "soil_respiration.gsmsr", "soil_respiration.shi",
    ),
}  # fmt: skip
STATUSES = {
    "verified": "were seen in their originals", "as_published": "are taken as secondary sources print them",
    "corrected": "have a correction, for a reason that their table gives", "unverified": "are remembered or inferred",
}  # fmt: skip
SOILS = {
    "offset": "NIRv less that of the soil", "rescaled": "NIRv less that of the soil, stretched to keep its peak",
    "ndvi_offset": "NDVI less {:g}, times NIR",
}  # fmt: skip
GROWTH = {
    "mod17": "0.25 of NPP, which is held at 0 where maintenance exceeds GPP (Ra counts as GPP there)",
    "muses": "0.25 of GPP - Rm", "beps": "0.35 of GPP - Rm", "as_published": "0.99 of GPP",
}  # fmt: skip
LIVING = {"beps": "sapwood and live roots as in the BEPS code", "all": "all wood and roots"}


def nep_paragraphs(spec: StudySpec) -> tuple[str, ...]:
    """Return the paragraphs about the NEP model; none where the response is given.

    Examples
    --------
    >>> spec = StudySpec.model_validate(
    ...     {"study": {"title": "t", "region": "demo"}, "response": {"name": "nep"}, "nep": {"model": "casa_gsmsr"}}
    ... )
    >>> nep_paragraphs(spec)[0][:44]
    'NEP of a month was NPP less heterotrophic re'
    """
    nep = spec.nep
    if nep.model == GIVEN:
        return ()
    model = {"npp_minus_rh": _npp_minus_rh, "nirv_tec": _nirv_tec, "casa_gsmsr": _casa_gsmsr}[nep.model](spec)
    part = component_of(nep.model, spec.response.name)
    answer = "" if part == "nep" else f" The response is the component {part} of this model."
    parts = [model + answer, _flagged(nep), _by_construction(spec), _sources(nep)]
    return tuple(text for text in parts if text)


def _npp_minus_rh(spec: StudySpec) -> str:
    from carbondrivers.nep_models.apply import parameters

    table, given = parameters("soil_respiration.pei"), spec.nep.rh
    rate, wet = table["rate"]["value"], table["c"]["value"]
    days = "30 days" if given.days == "30" else "the true days of the month"
    if given.form == "as_printed":
        model = f"Rh = {rate:g} exp({given.b:g} T) ln({wet:g} P + 1), the printed product, whose annual values are impossible"
    else:
        model = f"Rh = {rate:g} (exp({given.b:g} T) + ln({wet:g} P + 1)) x {days} x {given.rh_fraction:g}"
    return (
        "NEP was estimated as NPP - Rh. Heterotrophic respiration of a month was "
        f"{model} (g C m-2 month-1; T monthly mean temperature in degC, P monthly precipitation in mm; after Pei et al. 2009, "
        f"constants as in later studies and public code, the original not seen: {table['form']['source']}), summed over the "
        "twelve months."
    )


def _nirv_tec(spec: StudySpec) -> str:
    own = spec.nep.nirv_tec
    slopes = ", ".join(f"{value:g} ({name})" for name, value in _slopes(spec).items())
    whose = " (the virtual region's own)" if spec.kind == "region" and not own.c else ""
    light = "PAR was given" if "par_monthly" in _layers(spec) else f"PAR was {own.par_fraction:g} of solar radiation"
    cap = ", at most Rs" if own.cap_at_rs else ""
    return (
        "NEP was estimated as GPP - Ra - Rh, by the route of a study of Northwest China. GPP of a month was c PAR SANIRv times "
        f"its days, with c = {slopes} g C MJ-1{whose}. {light}. SANIRv was {_index(own)}; the formula of its original was not "
        f"found, and this is one of three candidates. {_maintenance(own)} Soil respiration of the year was that of Chen et al. "
        "(2010) by land cover, from the mean of the monthly temperatures, annual precipitation and soil organic carbon of "
        f"0-20 cm; Rh = 0.6163 Rs^0.7918 (kg C m-2 a-1; Xie et al. 2014){cap}. NEP is of years; its months are not known. "
        f"{_cover(spec)}"
    )


def _slopes(spec: StudySpec) -> Mapping[str, float]:
    from carbondrivers.datasets.virtual.design import gpp_slope_of

    own, region = spec.nep.nirv_tec.c, spec.study.region
    return {str(name): value for name, value in own.items()} if own or region is None else gpp_slope_of(region)


def _index(own: NirvTec) -> str:
    if own.sanirv == "ndvi_offset":
        return SOILS["ndvi_offset"].format(own.soil_ndvi)
    soil = (
        f"percentile {own.soil_percentile:g} of each cell's own months above 0 degC"
        if own.soil_nirv is None
        else f"{own.soil_nirv:g}"
    )
    product = "NDVI x NIR" if own.nirv == "ndvi" else "(NDVI - 0.08) x NIR"
    return f"{SOILS[own.sanirv]} (NIRv = {product}; soil: {soil})"


def _maintenance(own: NirvTec) -> str:
    growth = GROWTH[own.rg] if isinstance(own.rg, str) else f"{own.rg:g} of GPP"
    if own.ra == "mod17":
        kept = "Maintenance respiration of a month was that of MOD17 (Zhao and Running 2010; Tb = 20 degC)"
    else:
        q10 = "constants by organ" if own.q10 == "table" else "3.22 - 0.046 T"
        kept = (
            f"Maintenance respiration of a month was summed over leaves, stems and roots in woody classes (Q10: {q10}; living: "
            f"{LIVING[own.live]}), and 1.0368 LAI 2^((T - Tb)/10) g C m-2 d-1 in the others; Tb = {own.tb:g} degC"
        )
    return f"{kept}; growth respiration of the year was {growth}."


def _casa_gsmsr(spec: StudySpec) -> str:
    own = spec.nep.casa_gsmsr
    low, high = own.percentiles
    limits = (
        f"percentiles {low:g} and {high:g} of NDVI over the cells and months of each class (class other: of all classes)"
        if own.limits == "percentiles"
        else "the published NDVI limits, which are of SPOT and AVHRR"
    )
    cap = ", at most Rs, which the relation exceeds in cold or dry months" if own.cap_at_rs else ""
    return (
        "NEP of a month was NPP less heterotrophic respiration, summed to years. NPP of CASA was 0.5 SOL FPAR eps_max T1 T2 W "
        f"(SOL: solar radiation of the month), with FPAR {_fpar(own)} between {limits}; eps_max {_efficiency(own)}; T2 "
        f"{'continuous (Potter)' if own.t2 == 'potter' else 'halved far from the optimum (Zhu)'}, the optimum that of the "
        "month of the largest NDVI; W from Thornthwaite's potential and Zhou and Zhang's actual evapotranspiration. Soil "
        "respiration of a month was that of GSMSR (Yu et al. 2010) from temperature, precipitation and soil organic carbon of "
        f"0-20 cm ({_carbon(own)}); Rh = -0.0009 Rs^2 + 0.6011 Rs + 4.8874{cap}. Against towers, NPP of CASA over GPP ran from "
        f"0.24 to 0.48 by class: NEP here is only as good as eps_max of its classes. {_cover(spec)}"
    )


def _fpar(own: CasaGsmsr) -> str:
    index = {"both": "the mean of those from NDVI and the simple ratio", "ndvi": "from NDVI", "sr": "from the simple ratio"}
    clumped = {
        "none": "", "I": ", corrected for clumping over constants of the BEPS code",
        "II": ", corrected for clumping over the mean of the class in the month",
    }  # fmt: skip
    return index[own.index] + clumped[own.clumping]


def _efficiency(own: CasaGsmsr) -> str:
    table = {"improved": "of an improved CASA of China", "zhu": "of Zhu et al. (2006)"}[own.eps]
    mine = ", ".join(f"{value:g} ({name})" for name, value in own.eps_of.items())
    return table + (f", but {mine} g C MJ-1" if mine else "")


def _carbon(own: CasaGsmsr) -> str:
    return (
        ", ".join(f"{value:g} ({name})" for name, value in own.soil_carbon.items()) + " kg C m-2"
        if own.soil_carbon
        else "a layer"
    )


def _cover(spec: StudySpec) -> str:
    words = ", ".join(f"{code} = {name}" for code, name in spec.nep.classes.items())
    codes = f" (codes: {words})" if words else ""
    return (
        f"Cells of water and ice are left out. Which class of each model a class of the land cover{codes} stands for is in "
        "the package's table nep_models.chains.classes."
    )


def _flagged(nep: Nep) -> str:
    """Name the options that give impossible values, which the arrays carry as ``nep_flags``."""
    section = "rh" if nep.model == "npp_minus_rh" else nep.model
    options: Respiration | NirvTec | CasaGsmsr = getattr(nep, section)
    found = [
        f"{section}.{key} = {value!r}: {text}"
        for (key, value), text in FLAGGED[section].items()
        if getattr(options, key) == value
    ]
    if not found:
        return ""
    return f"Implausible by choice: {'; '.join(found)}. These numbers serve to repeat a published result, not to be believed."


def _by_construction(spec: StudySpec) -> str:
    """Name the drivers that the model itself takes: their association with NEP is in part its own arithmetic."""
    if spec.kind == "region" and planted(spec.response.name, spec.nep.model_dump(), spec.study.model_dump()):
        return ""
    inside = dict.fromkeys(driver for name in _layers(spec) for driver in LAYERS[name].drivers)
    found = [name for name in inside if name in _drivers(spec)]
    if not found:
        return ""
    takes = ", ".join(name.replace("_", " ") for name in found)
    return (
        f"The model itself takes {takes}: what these drivers explain of its result is in part its own arithmetic, and says as "
        "much of the equations as of the land."
    )


def _layers(spec: StudySpec) -> tuple[str, ...]:
    given: Iterable[str] = spec.layers if spec.kind != "region" else [name for name in LAYERS if name != "par_monthly"]
    return used_layers(spec.nep.model, spec.nep.model_dump(), given)


def _drivers(spec: StudySpec) -> Iterable[str]:
    from carbondrivers.datasets.virtual.planted import DRIVERS

    return DRIVERS if spec.kind == "region" and not spec.drivers else spec.drivers


def _sources(nep: Nep) -> str:
    from carbondrivers.nep_models.apply import parameters

    found = [(table, name, entry) for table in _tables(nep) for name, entry in parameters(table).items()]
    counts = Counter(str(entry["status"]) for _, _, entry in found)
    shares = ", ".join(f"{counts[status]} {words}" for status, words in STATUSES.items() if counts[status])
    loose = [f"{table}.{name}" for table, name, entry in found if entry["status"] == "unverified"]
    named = dict.fromkeys(re.split("[;,]", str(entry["source"]))[0] for _, _, entry in found)
    doubt = f" Not verified: {', '.join(loose)}." if loose else ""
    return (
        f"Of the {len(found)} constants of the model's tables {shares}.{doubt} They are from: {'; '.join(named)} "
        "(carbondrivers explain nep_models prints each with its source and status)."
    )


def _tables(nep: Nep) -> Iterator[str]:
    yield from TABLES[nep.model]
    if nep.model == "nirv_tec":
        organs = ("evergreen", "deciduous", "mixed", "other", "root", "live", "temperature")
        yield from (f"autotrophic.{name}" for name in (organs if nep.nirv_tec.ra == "organs" else ("mod17", "mod17_sla")))
    if nep.model == "casa_gsmsr":
        yield f"casa.eps_max_{nep.casa_gsmsr.eps}"
        if nep.casa_gsmsr.clumping == "I":
            yield "casa.clumping_reference"
