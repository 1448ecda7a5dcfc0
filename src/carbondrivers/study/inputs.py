"""What the steps of a study work on: a pixel sample, a stack of the response, a truth. Made on first use.

The data go one way: files or a virtual region -> NEP, where a model estimates it -> stack -> sample.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from carbondrivers.catalogue import Kind
from carbondrivers.errors import DataError, DataWarning
from carbondrivers.nep_models.apply import YEARLY
from carbondrivers.provenance import code_hash, content_key
from carbondrivers.study.check import LoadedStudy, response_years
from carbondrivers.study.class_grids import land_cover, regions
from carbondrivers.study.draw import draw, transformed
from carbondrivers.study.grids import Grids
from carbondrivers.study.groups import group_mask
from carbondrivers.study.nep_layers import GIVEN, component_of, used_layers
from carbondrivers.study.nep_rules import planted
from carbondrivers.study.paths import resolve
from carbondrivers.study.schema import StudySpec
from carbondrivers.study.sources import Source, sources_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from carbondrivers.attribution.result import Keep
    from carbondrivers.datasets import Driver, PixelSample, VirtualRegion
    from carbondrivers.datasets.virtual import Truth
    from carbondrivers.datasets.zones import Zones


# The files of this room whose code decides what the data are.
CODE = ("inputs", "input_stacks", "class_grids", "grids", "groups", "draw", "nep", "nep_layers")


class Inputs:
    """The inputs of a study; each part is made when it is first asked for.

    Parameters
    ----------
    study
        A study file without problems.
    seed
        Seed of the run.

    Attributes
    ----------
    keep : callable or None
        Where a step puts its maps, so that large ones are never held whole; in memory where None.
    """

    def __init__(self, study: LoadedStudy, seed: int) -> None:
        self.study = study
        self.spec: StudySpec = study.spec
        self.seed = seed
        self.keep: Keep | None = None

    def has(self, need: str) -> bool:
        """Return whether the study can provide what a step may need (headers are read at most)."""
        kind = self.spec.kind
        if need == "components":
            return self.spec.nep.model != GIVEN
        if need == "truth":
            return kind == "region" and planted(
                self.spec.response.name, self.spec.nep.model_dump(), self.spec.study.model_dump()
            )
        if need == "sample":
            return kind != "rasters" or bool(self.spec.drivers)
        if need == "stack":
            return self.years is not None
        return kind != "table" if need in ("map", "months") else False

    @cached_property
    def years(self) -> tuple[int, ...] | None:
        """The years of the response, by the files' headers; None for a table and for a single grid."""
        return response_years(self.study)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every input file with its content hash."""
        return sources_of(self.spec, self.study.root)

    @cached_property
    def key(self) -> str:
        """Content key of all inputs: what the study declares of them and the hashes of the files."""
        declared = self.spec.model_dump(mode="json", exclude={"analyses", "report"})
        for name in ("title", "seed"):
            declared["study"].pop(name)
        return content_key(
            {
                "declared": declared,
                "seed": self.seed if self.spec.kind == "region" or self.spec.sample.method != "all" else None,
                "files": {s.file: s.sha256 for s in self.sources},
                "code": code_hash("datasets", "nep_models", *(f"study/{name}.py" for name in CODE)),
            }
        )

    @cached_property
    def region(self) -> VirtualRegion:
        """The virtual region of a region study."""
        from carbondrivers.datasets import virtual_region

        if self.spec.study.region is None:
            raise DataError("this study has no virtual region: set study.region")
        given = self.spec.study
        return virtual_region(
            self.spec.study.region, seed=self.seed, mode=given.mode, shape=given.shape, resolution=given.resolution,
            years=given.years,
        )  # fmt: skip

    @cached_property
    def truth(self) -> Truth:
        """The planted truth of a virtual region.

        Raises
        ------
        DataError
            If the region's NEP comes from processes: nothing was planted.
        """
        from carbondrivers.datasets.virtual import Truth

        if not isinstance(self.region.truth, Truth):
            raise DataError(f"NEP of {self.region.name!r} comes from processes: set study.mode = 'planted' for a planted truth")
        return self.region.truth

    @cached_property
    def table(self) -> pd.DataFrame:
        """The table of a table study, columns renamed to the study's names."""
        import pandas as pd

        from carbondrivers.datasets.tables import read_table

        if self.spec.table is None:
            raise DataError("this study has no table: set [table] file")
        file, columns = self.spec.table.file, {name: name for name in self.extras} | self.spec.table_columns()
        read = read_table(resolve(self.study.root, file), list(dict.fromkeys(columns.values())))
        for note in read.notes:
            warnings.warn(f"{file}: {note}", DataWarning, stacklevel=2)
        frame = pd.DataFrame({name: read.frame[column] for name, column in columns.items()})
        for name, given in {self.spec.response.name: self.spec.response, **self.spec.drivers}.items():
            if given.nodata is not None:
                frame[name] = frame[name].where(pd.to_numeric(frame[name], errors="coerce") != given.nodata)
        return transformed(frame, self.spec)

    @cached_property
    def stack(self) -> xr.DataArray | None:
        """The response by year, dims (year, y, x); None where the response is a single grid or a table."""
        if self.spec.kind == "table":
            return None
        return self._response if {"year", "time"} & set(map(str, self._response.dims)) else None

    @cached_property
    def _response(self) -> xr.DataArray:
        """The response as grids, under the name and label of the study."""
        response = self._computed() if self.has("components") else self._given_response()
        label = self.spec.response.label
        return response.rename(self.spec.response.name).assign_attrs({"long_name": label.text()} if label else {})

    @cached_property
    def mean_map(self) -> xr.DataArray:
        """The response of every cell, dims (y, x): a stack by its mean over the years, as the sample has it.

        Raises
        ------
        DataError
            If the study is of a table.
        """
        if self.spec.kind == "table":
            raise DataError(f"the response {self.spec.response.name!r} is a column of a table: a map needs grids")
        over = [dim for dim in self._response.dims if dim not in ("y", "x")]
        found: xr.DataArray = self._response.astype("float64").mean(over, keep_attrs=True).compute()
        return found

    @property
    def required_stack(self) -> xr.DataArray:
        """The response by year.

        Raises
        ------
        DataError
            If the response is a single grid or a table.
        """
        if self.stack is None:
            raise DataError(f"the response {self.spec.response.name!r} has no years: give a stack, one grid a year")
        return self.stack

    def _computed(self) -> xr.DataArray:
        return self.nep_components[component_of(self.spec.nep.model, self.spec.response.name)]

    @cached_property
    def driver_stacks(self) -> dict[str, xr.DataArray]:
        """The measured drivers that have one grid a year, by name."""
        from carbondrivers.study.input_stacks import driver_stacks

        return driver_stacks(self)

    def months(self, layer: str | None) -> xr.DataArray:
        """Return a stack of months, dims (time, y, x): the response, or a layer by name."""
        from carbondrivers.study.input_stacks import month_stack

        return month_stack(self, layer)

    def grid(self, name: str, kind: Kind = "continuous") -> xr.DataArray:
        """Return the response, a driver or a layer of a raster study, on the study grid."""
        return self.grids.get(name, kind)

    def _given_response(self) -> xr.DataArray:
        if self.spec.kind == "region":
            name = self.spec.response.name
            if name not in self.region.annual:
                known = ", ".join(map(str, self.region.annual.data_vars))
                raise DataError(f"the region has no annual layer {name!r}; it has: {known}")
            layer: xr.DataArray = self.region.annual[name]
            return layer
        return self.grids.get(self.spec.response.name)

    @cached_property
    def grids(self) -> Grids:
        """The grids of a raster study."""
        return Grids(self.study)

    @cached_property
    def nep_components(self) -> dict[str, xr.DataArray]:
        """NEP and its parts as the model gives them, by name.

        Annual ones have dims (year, y, x) and g C m-2 a-1; those whose name ends in ``_monthly`` (time, y, x) and
        g C m-2 month-1.

        Raises
        ------
        DataError
            If the study has no NEP model, or its layers do not fit together.
        """
        from carbondrivers.study.nep import estimate

        if not self.has("components"):
            raise DataError("the response is given, so there are no parts of NEP: set nep.model and give its layers")
        names = used_layers(self.spec.nep.model, self.spec.nep.model_dump(), self._given_layers())
        layers = {name: self._nep_layer(name) for name in names if name != "land_cover"}
        own = self.region.gpp_slope if self.spec.kind == "region" else {}
        return estimate(self.spec.nep, layers, self.land_cover if "land_cover" in names else None, own)

    @cached_property
    def land_cover(self) -> tuple[xr.DataArray, dict[int, str]] | None:
        """Land-cover codes, dims (year, y, x) or (y, x), NaN where there is none, and their names; None without such a grid."""
        return land_cover(self)

    @cached_property
    def zones(self) -> Zones | None:
        """The polygons of the study's regions; None where it has none."""
        from carbondrivers.datasets.zones import as_zones, read_zones

        if self.spec.kind == "region":
            return as_zones(self.region.regions)
        if self.spec.kind != "rasters" or self.spec.regions is None:
            return None
        options = self.spec.regions.model_dump(exclude={"file"})
        return read_zones(resolve(self.study.root, self.spec.regions.file), **options)

    @cached_property
    def regions(self) -> tuple[xr.DataArray, dict[int, str]] | None:
        """Numbers of the study's regions, dims (y, x), NaN outside, and their names; None where it has no regions."""
        return regions(self)

    def _given_layers(self) -> list[str]:
        if self.spec.kind != "region":
            return list(self.spec.layers)
        return [str(name) for part in (self.region.annual, self.region.monthly, self.region.static) for name in part.data_vars]

    def _nep_layer(self, name: str) -> xr.DataArray:
        if self.spec.kind == "region":
            parts = (self.region.annual, self.region.monthly, self.region.static)
            layer: xr.DataArray = next(part[name] for part in parts if name in part)
            return layer
        return self.grids.get(name)

    @cached_property
    def sample(self) -> PixelSample:
        """The checked pixel sample."""
        from carbondrivers.datasets import PixelSample

        if self.spec.kind == "table":
            frame, coordinates = self.table, self.spec.table.coordinates if self.spec.table else None
            crs = self.spec.table.crs if self.spec.table else None
        else:
            frame, crs = self._grid_frame()
            coordinates = ("x", "y")
        table = self.spec.table
        with _said_of(table.file if table else ""):
            return PixelSample.from_frame(
                frame,
                response=self.response_variable(),
                drivers=self.driver_variables(),
                coordinates=coordinates,
                crs=crs,
                time=table.time if table else None,
                weights=table.weights if table else "weight" if self._is_weighted(frame) else None,
                groups={name: group_mask(name, group, frame) for name, group in self.spec.groups.items()} or None,
                extras=self.extras,
            )

    @property
    def extras(self) -> tuple[str, ...]:
        """Columns that an analysis asks for beside response and drivers: twins of the response."""
        asked = {getattr(options, "twin", None) for options in self.spec.analyses.values()}
        return tuple(sorted(name for name in asked if name))

    def _extra_layer(self, name: str) -> xr.DataArray:
        if self.has("components") and name in self.nep_components:
            return self.nep_components[name]
        if self.spec.kind == "region" and name not in self._given_layers():
            raise DataError(f"twin: {name!r} is no layer of the region and no part of its NEP")
        return self._nep_layer(name)

    def _grid_frame(self) -> tuple[pd.DataFrame, str | None]:
        stack = self._response
        if self.spec.kind == "region":
            mean = stack.mean("year").to_series().rename(self.spec.response.name).reset_index()
            drivers = self.region.sample_frame().drop(columns="nep")
            for name in self.extras:
                layer = self._extra_layer(name)
                over = layer.mean([dim for dim in layer.dims if dim not in ("y", "x")])
                drivers = drivers.merge(over.to_series().rename(name).reset_index(), on=["y", "x"], how="left")
            return transformed(drivers.merge(mean, on=["y", "x"], how="left"), self.spec), self.region.crs
        return self.drawn, stack.attrs.get("crs")

    def _is_weighted(self, frame: pd.DataFrame) -> bool:
        """Whether rows of a drawn sample stand for unequally many cells."""
        return self.spec.kind == "rasters" and self.spec.sample.method != "all" and frame["weight"].nunique() > 1

    @cached_property
    def drawn(self) -> pd.DataFrame:
        """The cells of a raster study that become rows."""
        layers = {self.spec.response.name: self._response} | {name: self.grids.get(name) for name in self.spec.drivers}
        layers |= {name: self._extra_layer(name) for name in self.extras}
        return draw(self.spec, layers, self.regions, self.seed)

    def response_variable(self) -> Driver:
        """The response with its unit and label."""
        from carbondrivers.catalogue import guess
        from carbondrivers.datasets import Driver

        given = self.spec.response
        known = guess(given.name)
        unit = given.unit or (known.unit if known else YEARLY if self.has("components") else "")
        label = given.label.text() if given.label else known.label if known else ""
        return Driver(given.name, "vegetation", unit, label)

    def driver_variables(self) -> list[Driver]:
        """The drivers with category, unit, label and kind."""
        from carbondrivers.catalogue import guess
        from carbondrivers.datasets import Driver

        if self.spec.kind == "region" and not self.spec.drivers:
            return list(self.region.drivers)
        found: list[Driver] = []
        for name, given in self.spec.drivers.items():
            known = guess(name)
            label = given.label.text() if given.label else known.label if known else ""
            unit = given.unit or (known.unit if known and self.spec.kind != "table" else "")
            found.append(Driver(name, given.category, unit, label, given.kind))
        return found


@contextmanager
def _said_of(file: str) -> Iterator[None]:
    """Put the file's name before what is wrong with its columns."""
    try:
        yield
    except DataError as error:
        lines = (f"{file}: {line}" if file else line for line in str(error).splitlines())
        raise DataError("\n".join(lines)) from None
