"""The tables of a study file that say how data become a sample: regions, the draw of cells, derived drivers, classes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from carbondrivers.study.sections import Finite, Int, Scalar, Section, Text


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[Text, ...], BeforeValidator(_as_list)]
OptionValue = Scalar | tuple[Scalar, ...]


class Regions(Section):
    """Polygons that part the study area; they make groups, strata, and a region of each row."""

    file: Text = Field(description="polygons (.gpkg, .shp, .geojson), relative to the data folder")
    name: Text | None = Field(None, description="column of the names; 'name', or the only column of text, by default")
    layer: Text | None = Field(None, description="layer of a GeoPackage that has several")
    encoding: Text | None = Field(None, description="of a shapefile's text, such as gb18030; detected by default")
    crs: Text | None = Field(None, description="reference system of a file that declares none")


class Sampling(Section):
    """Which cells become rows of the sample."""

    method: Literal["all", "random", "stratified", "systematic", "thinned"] = Field(
        "all", description="every cell, or a draw: at random, within strata, every so many cells, or spaced apart"
    )
    n: Annotated[Int, Field(ge=1)] | None = Field(None, description="cells to take")
    strata: Names = Field(
        (), description='categorical drivers, "region", or "sign" (sinks and sources), for method = "stratified"'
    )
    allocation: Literal["proportional", "equal", "root"] = Field(
        "proportional", description="how n is shared among strata: by their cells, equally, or by the root of the cells"
    )
    spacing: Annotated[Finite, Field(gt=0)] | None = Field(
        None, description="kilometres between cells, for systematic and thinned samples"
    )


class Derived(Section):
    """How a driver is made of layers, in place of a file of its own."""

    derive: Text | None = Field(None, description="what to make of other layers (carbondrivers list derivations)")
    from_: Names = Field((), alias="from", description="the layers that it is made of: drivers, [layers], or the response")
    options: dict[Text, OptionValue] = Field(
        default_factory=dict, description="options of the derivation, such as { months = [6, 7, 8] }"
    )


class Classes(Section):
    """How land-cover codes become classes."""

    legend: Text | None = Field(None, description="legend of the codes (carbondrivers list legends); names the classes")
    scheme: Literal["ecosystem", "land_use", "casa", "autotrophic", "chen", "soil_carbon", "mod17"] = Field(
        "ecosystem", description="the classes that the codes of a legend are brought to"
    )
    assign: dict[Text, Text] = Field(
        default_factory=dict, description='classes for types that the scheme leaves open, such as { forest = "mixed_forest" }'
    )
    unknown: Literal["refuse", "missing"] = Field(
        "refuse", description="codes that the legend does not have: refused with their counts, or taken as missing"
    )
