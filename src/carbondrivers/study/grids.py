"""The grids of a raster study: read, converted from their product, classed, derived, and brought onto one grid."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from carbondrivers.catalogue import Kind
from carbondrivers.errors import DataError, DataWarning
from carbondrivers.study.check import LoadedStudy
from carbondrivers.study.nep_layers import GIVEN, used_layers
from carbondrivers.study.paths import expand, files_of
from carbondrivers.study.schema import DriverSpec, Layer, StudySpec

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

REGION = "region"


class Grids:
    """The grids of a raster study, each made when it is first asked for.

    Parameters
    ----------
    study
        A raster study without problems.
    """

    def __init__(self, study: LoadedStudy) -> None:
        self.study = study
        self.spec: StudySpec = study.spec
        self._read: dict[str, xr.DataArray] = {}
        self._ready: dict[str, xr.DataArray] = {}
        self._classes: set[str] = set()
        self._rows: dict[str, Mapping[str, Any]] = {}

    def get(self, name: str, kind: Kind = "continuous") -> xr.DataArray:
        """Return a grid by name, on the study grid where the study asks for one; ``"categorical"`` for a grid of classes.

        Raises
        ------
        CarbonDriversError
            If it cannot be read, made, or brought onto the study grid.
        """
        if kind == "categorical":
            self._classes.add(name)
        if name not in self._ready:
            made = self._own(name)
            self._ready[name] = self._aligned(name, made) if self.spec.aligns else made
        return self._ready[name]

    @property
    def report(self) -> pd.DataFrame:
        """How each grid that was asked for came onto the study grid; no row where none was moved."""
        import pandas as pd

        return pd.DataFrame(list(self._rows.values()))

    @cached_property
    def template(self) -> xr.DataArray:
        """The study grid: the extent of the response in the study's reference system and cell size."""
        from carbondrivers.datasets.align import study_grid

        study = self.spec.study
        return study_grid(self._own(first_layer(self.spec)), crs=study.crs, cell=study.resolution)

    def _aligned(self, name: str, made: xr.DataArray) -> xr.DataArray:
        from carbondrivers.datasets.align import align

        layer = self.spec.layer(name) or self.spec.drivers.get(name)
        method = layer.resample if layer is not None else None
        found = align({name: made}, self.template, methods={name: method} if method else None)
        self._rows[name] = dict(zip(found.report.columns, found.report.iloc[0], strict=True))
        return found.layers[name]

    def _own(self, name: str) -> xr.DataArray:
        """The grid on its own cells."""
        if name not in self._read:
            driver = self.spec.drivers.get(name)
            self._read[name] = self._derived(name, driver) if driver and driver.derive else self._file(name, driver)
        return self._read[name]

    def _derived(self, name: str, driver: DriverSpec) -> xr.DataArray:
        from carbondrivers.datasets.derive import derive
        from carbondrivers.datasets.grids import grid_difference

        given = [self._own(one) for one in driver.from_]
        # A slope is that of the finest cells; several layers can only be joined cell by cell.
        if self.spec.aligns and any(grid_difference(given[0], other) for other in given[1:]):
            given = [self.get(one) for one in driver.from_]
        try:
            made = derive(str(driver.derive), given, **driver.options)
        except DataError as error:
            raise DataError(f"driver {name!r}: {error}") from None
        return made.rename(name)

    def _file(self, name: str, driver: DriverSpec | None) -> xr.DataArray:
        from carbondrivers.datasets.rasters import read_raster

        layer = self.spec.layer(name)
        if layer is None:
            raise DataError(f"no file holds {name!r}: give its source")
        for instance in expand(layer.source, self.spec.study.years):
            files_of(self.study.root, instance)
        classes = (
            name in self._classes
            or name == "land_cover"
            or layer.legend is not None
            or (driver is not None and driver.kind == "categorical")
        )
        grid = read_raster(
            self.study.root, layer.source, name=name, variable=layer.variable, unit=layer.unit or None, nodata=layer.nodata,
            mask_below=layer.mask_below, years=self.spec.study.years, kind="categorical" if classes else "continuous",
            product=layer.product,
        )  # fmt: skip
        return classed(grid, layer) if layer.legend else grid


def classed(grid: xr.DataArray, layer: Layer) -> xr.DataArray:
    """Return the classes that a layer's legend and scheme make of its codes, as numbers with their names beside them.

    Raises
    ------
    DataError
        If the legend does not have some of the codes, with the cells of each.
    """
    from carbondrivers.datasets.landcover import reclassify, unknown_codes

    where, legend = f"layer {str(grid.name)!r} ({layer.source})", str(layer.legend)
    with _said_of(where):
        lost = unknown_codes(grid, legend=legend)
        if lost and layer.unknown == "refuse":
            raise DataError(f"{lost}: check the legend, declare the nodata value, or pass over them with unknown = 'missing'")
        if lost:
            warnings.warn(f"{where}: {lost}; they became missing", DataWarning, stacklevel=2)
        made: xr.DataArray = reclassify(
            grid, legend=legend, scheme=layer.scheme, assign=layer.assign or None, unknown="missing", output="number"
        )
    return made


@contextmanager
def _said_of(where: str) -> Iterator[None]:
    """Put a layer's name before what is wrong with it."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def first_layer(spec: StudySpec) -> str:
    """Return the name of the grid whose extent is the study's: the response, or the first that NEP is made of."""
    if spec.nep.model == GIVEN:
        return spec.response.name
    return next(iter(used_layers(spec.nep.model, spec.nep.model_dump(), spec.layers)))
