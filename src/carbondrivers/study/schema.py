"""The schema of a study file: every key, its type, its default and its meaning (``carbondrivers explain`` prints them).

Only what one value alone can violate is checked here; what concerns several keys is checked in ``check.py``, in a pass
of its own, so that a user sees all problems at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import get_annotations
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, SerializeAsAny, Strict, model_validator
from pydantic.functional_validators import AfterValidator

from carbondrivers.catalogue import Category, Kind, guess
from carbondrivers.study.data_options import Classes, Derived, Regions, Sampling
from carbondrivers.study.nep_layers import LAYERS, used_layers
from carbondrivers.study.nep_options import Nep
from carbondrivers.study.paths import placeholders
from carbondrivers.study.registry import StepOptions
from carbondrivers.study.sections import Finite, Int, Number, Scalar, Section, Text

StudyKind: TypeAlias = Literal["region", "table", "rasters"]
NEP_LAYERS = used_layers("npp_minus_rh", {}, LAYERS)


def _pattern(source: str) -> str:
    placeholders(source)
    return source


def _as_label(value: object) -> object:
    return {"en": value} if isinstance(value, str) else value


def _as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def _in_order(years: tuple[int, int]) -> tuple[int, int]:
    if years[0] > years[1]:
        raise ValueError(f"the first year must not be after the last, got {list(years)}")
    return years


def _two_names(names: tuple[str, str]) -> tuple[str, str]:
    if names[0] == names[1]:
        raise ValueError(f"must be two different columns, got {list(names)}")
    return names


Source: TypeAlias = Annotated[Text, AfterValidator(_pattern)]
Year: TypeAlias = Annotated[Int, Field(ge=1000, le=2999)]
Edge: TypeAlias = Annotated[Int, Field(ge=24)]
Years: TypeAlias = Annotated[tuple[Year, Year], AfterValidator(_in_order)]


class Label(Section):
    """Words for figures and tables, by language."""

    en: str = Field("", description="English words")
    zh: str = Field("", description="Chinese words")

    def text(self, language: str = "en") -> str:
        """Return the words in a language, or in the other one where it has none."""
        first, second = (self.zh, self.en) if language == "zh" else (self.en, self.zh)
        return first or second


Words: TypeAlias = Annotated[Label | None, BeforeValidator(_as_label)]
LABEL = 'words for figures and tables: text, or { en = "...", zh = "..." }; the name by default'


class Study(Section):
    """What the study is called, and which period and place it is about."""

    title: Text = Field(description="title of the study; it heads the report")
    seed: Int = Field(20260118, ge=0, description="seed of everything random; the same seed gives the same report")
    years: Years | None = Field(None, description="[first, last] year; {year} in a source runs over them")
    crs: str | None = Field(
        None, description='reference system that all grids are brought to, such as "EPSG:32650"; that of the files by default'
    )
    resolution: Annotated[Finite, Field(gt=0)] | None = Field(
        None,
        description="side of the cells that all grids are brought to, in units of the reference system; of a virtual region "
        "the side of its cells, about, in place of shape",
    )
    align: Annotated[bool, Strict()] = Field(
        False, description="bring grids that differ onto that of the response; crs and resolution imply it"
    )
    region: Literal["demo", "northwest_china", "horqin", "ningxia", "taklimakan", "china"] | None = Field(
        None,
        description="a virtual region, instead of files: demo, or one with the area, period and sub-regions of a study, which "
        "meets its printed means",
    )
    mode: Literal["process", "planted"] | None = Field(
        None,
        description="NEP of that region to meet the printed means (process; the default, but of the demo), or with planted "
        "effects of its drivers (planted; the demo always)",
    )
    shape: tuple[Edge, Edge] | None = Field(
        None, description="[rows, columns] of that region: finer than by default, or coarser; or give its resolution"
    )


class Table(Section):
    """A table with one row a pixel or site."""

    file: Text = Field(description="the table (.csv, .tsv, .txt, .xlsx, .parquet), relative to the data folder")
    coordinates: Annotated[tuple[Text, Text], AfterValidator(_two_names)] | None = Field(
        None, description="[x, y]: names of the coordinate columns"
    )
    crs: str | None = Field(None, description='reference system of the coordinates, such as "EPSG:4326"')
    weights: Text | None = Field(None, description="column of weights")
    time: Text | None = Field(None, description="column that says which time a row belongs to")


class Grid(Section):
    """How a grid is read."""

    unit: str | None = Field(None, description="unit of the values; the file's, then the catalogue's, by default")
    variable: Text | None = Field(None, description="variable of a NetCDF file; the only one by default")
    nodata: Number | None = Field(None, description="value that means missing, beside the one that the file declares")
    mask_below: Finite | None = Field(None, description="cells whose mean over time is below this are left out")
    product: Text | None = Field(
        None, description="data product that it is (carbondrivers list products): its fill values, scale and unit are applied"
    )
    resample: Literal["bilinear", "average", "nearest", "mode"] | None = Field(
        None, description="how it is brought onto the study grid; bilinear or average, for classes nearest or mode, by default"
    )


class Layer(Grid, Classes):
    """A grid or stack of grids that the NEP model takes."""

    source: Source = Field(
        description="file, or pattern with {year} and {month:02d}, relative to the data folder; * finds tiles of one grid"
    )


class Response(Grid):
    """What is to be explained."""

    name: Text = Field(
        description="name of the response, as tables and figures show it; with an NEP model nep, or a part of it that the "
        "model gives (npp, gpp, ra, rs, rh)"
    )
    column: Text | None = Field(None, description="column of the table; the one called like the response by default")
    source: Source | None = Field(None, description="file, or pattern with {year} and {month:02d}; makes it a raster study")
    statistic: Literal["mean"] = Field(
        "mean", description="what is explained of a stack: the mean of each pixel over study.years"
    )
    label: Words = Field(None, description=LABEL)


class DriverSpec(Grid, Classes, Derived):
    """One driver; its key is its name."""

    column: Text | None = Field(None, description="column of the table; the one called like the driver by default")
    source: Source | None = Field(
        None, description="file, or pattern with {year} and {month:02d}; default: the layer of its name"
    )
    category: Category = Field("other", description="groups and colours drivers; the catalogue's for a name that it knows")
    transform: Literal["none", "log1p", "log", "sqrt"] = Field(
        "none", description="applied to the values before any analysis; log1p is log(1 + value)"
    )
    kind: Kind = Field("continuous", description="measured (continuous) or classes (categorical); text is always classes")
    label: Words = Field(None, description=LABEL)


class Group(Section):
    """The rows of a part of the sample; every analysis runs once a group. Bounds from both sides make a range."""

    column: Text = Field(description="variable that the group is cut from")
    above: Finite | None = Field(None, description="values greater than this")
    at_least: Finite | None = Field(None, description="values greater than this, or equal")
    below: Finite | None = Field(None, description="values less than this")
    at_most: Finite | None = Field(None, description="values less than this, or equal")
    is_: Annotated[tuple[Scalar, ...], Field(min_length=1), BeforeValidator(_as_list)] | None = Field(
        None, alias="is", description="a class, or a list of classes"
    )


class Report(Section):
    """Form of the report."""

    journal: Literal["jal", "elsevier", "ieee", "jgs", "zh-geo"] = Field(
        "jal", description="profile of widths, fonts and tables"
    )
    figures: tuple[Literal["png", "pdf", "svg", "tiff"], ...] = Field(
        ("png", "pdf", "svg"), min_length=1, description="formats in which figures are saved"
    )


class StudySpec(Section):
    """A whole study file."""

    version: Literal[1] = Field(1, alias="schema", description="version of the study file's grammar")
    study: Study = Field(description="title, seed, years, place")
    table: Table | None = Field(None, description="the table of a table study")
    layers: dict[str, Layer] = Field(
        default_factory=dict,
        description="inputs of the NEP model, by its names (explain nep.rh, nep.nirv_tec, nep.casa_gsmsr lists them); drivers "
        "may be named after them",
    )
    regions: Regions | None = Field(None, description="polygons that part the study area")
    sample: Sampling = Field(default_factory=Sampling, description="which cells become rows of the sample")
    nep: Nep = Field(default_factory=Nep, description="where NEP comes from")
    response: Response = Field(description="what is to be explained")
    drivers: dict[str, DriverSpec] = Field(default_factory=dict, description="what may explain it, by name")
    groups: dict[str, Group] = Field(default_factory=dict, description="parts of the sample, by name")
    analyses: dict[str, SerializeAsAny[StepOptions]] = Field(
        default_factory=dict, description="what is run; an empty table takes all defaults"
    )
    report: Report = Field(default_factory=Report, description="form of the report")

    @model_validator(mode="before")
    @classmethod
    def _from_catalogue(cls, raw: Any) -> Any:
        return with_catalogue(raw) if isinstance(raw, dict) else raw

    @property
    def kind(self) -> StudyKind:
        """What the study's data are."""
        return "region" if self.study.region else "table" if self.table else "rasters"

    def table_columns(self) -> dict[str, str]:
        """Return variable name to column of the table: the response, drivers, and columns used as they are called."""
        named = {self.response.name: self.response.column or self.response.name}
        named |= {name: driver.column or name for name, driver in self.drivers.items()}
        extra: list[str] = [group.column for group in self.groups.values()]
        if self.table:
            own = self.table
            extra += [*(own.coordinates or ()), *(column for column in (own.time, own.weights) if column)]
        return named | {column: column for column in extra if column not in named}

    def layer(self, name: str) -> Layer | None:
        """Return how the grid of the response, of a driver or of a layer is read; None if no file holds it."""
        grid = self.response if name == self.response.name else self.drivers.get(name)
        if grid is None or grid.source is None:
            return self.layers.get(name)
        shared = {key: getattr(grid, key) for key in Layer.model_fields if hasattr(grid, key)}
        return Layer(**shared)

    def layers_of_files(self) -> dict[str, Layer]:
        """Return what a raster study reads of files, by name; nothing for other studies."""
        if self.kind != "rasters":
            return {}
        found = {name: self.layer(name) for name in (*self.layers, self.response.name, *self.drivers)}
        return {name: layer for name, layer in found.items() if layer is not None}

    @property
    def aligns(self) -> bool:
        """Whether grids are brought onto one grid, instead of being refused where they differ."""
        return self.study.align or self.study.crs is not None or self.study.resolution is not None


def with_catalogue(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the raw study with the category of known drivers filled in, and the kind of those known by exact name."""
    drivers = raw.get("drivers")
    if not isinstance(drivers, Mapping):
        return dict(raw)
    filled: dict[str, Any] = {}
    for name, given in drivers.items():
        known = guess(name) if isinstance(given, Mapping) else None
        made = _derivation_of(given)
        if made:
            filled[name] = made | dict(given)
            continue
        if known is None:
            filled[name] = given
            continue
        defaults: dict[str, Any] = {"category": known.category}
        # Half a name is enough for a colour, but not for reading numbers as classes.
        if name.lower() in (known.name, *known.aliases):
            defaults["kind"] = known.kind
        filled[name] = defaults | dict(given)
    return dict(raw) | {"drivers": filled}


def _derivation_of(given: Any) -> dict[str, Any]:
    """Return the kind and category of a derived driver; empty where it is none, or where the input decides."""
    if not isinstance(given, Mapping) or not isinstance(given.get("derive"), str):
        return {}
    from carbondrivers.datasets.derive import derivations

    entry = derivations().get(given["derive"])
    if entry is None:
        return {}
    return {"category": entry.category} | ({} if entry.kind == "=" else {"kind": entry.kind})


def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a model by the key that a user writes."""
    own = get_annotations(model)
    # What a table shares with others comes last: the keys that make it what it is are to be read first.
    fields = sorted(model.model_fields.items(), key=lambda item: item[0] not in own)
    return {info.alias or name: info for name, info in fields}


def inner_model(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the model inside an annotation, or of a list's items, and whether it stands under names of the user's choice."""
    origin = get_origin(annotation)
    if origin is dict:
        return inner_model(get_args(annotation)[1])[0], True
    if origin in (Annotated, tuple):
        return inner_model(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if origin is Union or type(annotation).__name__ == "UnionType":
        for part in get_args(annotation):
            model, named = inner_model(part)
            if model:
                return model, named
    return None, False


def model_at(path: tuple[str | int, ...], options: Mapping[str, type[StepOptions]]) -> type[BaseModel] | None:
    """Return the model of the table at a key path, ``options`` giving those of the analyses.

    Examples
    --------
    >>> model_at(("drivers", "rain"), {}).__name__
    'DriverSpec'
    """
    words = [part for part in path if isinstance(part, str)]
    model: type[BaseModel] = StudySpec
    if words[:1] == ["analyses"] and len(words) > 1:
        if words[1] not in options:
            return None
        model, words = options[words[1]], words[2:]
    while words:
        info = keys_of(model).get(words[0])
        found, named = inner_model(info.annotation) if info else (None, False)
        if found is None or (named and len(words) < 2):
            return None
        model, words = found, words[2 if named else 1 :]
    return model
