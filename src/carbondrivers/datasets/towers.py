"""Towers in: eddy-covariance tables of FLUXNET and ChinaFLUX as labelled time series with units.

A table of any resolution from half hours to years becomes one ``xarray.Dataset``: NEE, NEP = -NEE, GPP and respiration,
meteorology, and for each the share of good records. Values of -9999 are missing. Nothing is filled, and nothing is summed
here: ``aggregate_tower`` does that, with rules for gaps.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import xarray as xr

from carbondrivers.datasets.tables import table_columns
from carbondrivers.datasets.tower_artefact import warn_open_path
from carbondrivers.datasets.tower_files import named_resolution, named_site, tower_table
from carbondrivers.datasets.tower_formats import CARBON, LONG_NAMES, VARIANTS, result_unit
from carbondrivers.datasets.tower_readers import TowerTable, read_chinaflux, read_fluxnet
from carbondrivers.datasets.tower_times import WORDS, Resolution, Stamp, part_columns
from carbondrivers.errors import DataError, DataWarning, OptionError, choose
from carbondrivers.provenance import history_line

Network = Literal["auto", "fluxnet", "chinaflux"]
Partition = Literal["NT", "DT"]

# Beyond these nothing on Earth exchanges carbon; by unit.
LIMITS = {"umol CO2 m-2 s-1": 200.0, "g C m-2 d-1": 60.0, "g C m-2 a-1": 6000.0}


def read_tower(
    path: Path | str,
    *,
    network: Network = "auto",
    variant: str = "VUT_REF",
    partition: Partition = "NT",
    resolution: Resolution | None = None,
    min_qc: float = 0.0,
    stamp: Stamp = "auto",
    units: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Read the table of one tower.

    Parameters
    ----------
    path
        A FLUXNET CSV file (FULLSET, SUBSET or FLUXMET) or a zip archive of them; or a ChinaFLUX table (CSV in UTF-8 or
        GBK, or xlsx) with columns for year, month, day, hour and minute, or for dates, and with units in a second header
        row or in the names.
    network
        ``"fluxnet"``, ``"chinaflux"``, or ``"auto"`` by the time columns.
    variant
        Of FLUXNET's NEE: ``"VUT_REF"``, ``"CUT_REF"``, ``"VUT_USTAR50"``, ``"CUT_USTAR50"``, ``"VUT_MEAN"``, ``"CUT_MEAN"``.
    partition
        Of NEE into GPP and respiration: ``"NT"`` night-time or ``"DT"`` daytime method.
    resolution
        ``"HH"``, ``"HR"``, ``"DD"``, ``"WW"``, ``"MM"`` or ``"YY"``: which file of an archive to read, or what a table must be.
    min_qc
        Smallest share of measured or well filled records, 0 to 1; values below it, or without it, become missing. GPP
        and respiration go by the flag of NEE. Half hours hold it at 0 or 1: screening them biases sums, so screen the
        periods that you analyse, here or in ``aggregate_tower``.
    stamp
        Whether a single stamp names the ``"start"`` or the ``"end"`` of a record; ``"auto"`` goes by the first and last.
    units
        Units of ChinaFLUX columns that the file does not name, as ``{"NEE": "mg CO2 m-2 s-1"}``.

    Returns
    -------
    xarray.Dataset
        Dimension ``time`` (the start of each period), variables of float64 as far as the file has them, each with ``units``:
        ``nee``, ``nep``, ``gpp``, ``er`` in umol CO2 m-2 s-1 (half hours, hours), g C m-2 d-1 (days, weeks, months) or
        g C m-2 a-1 (years); ``temperature`` degC; ``precipitation`` mm (half hours, hours), mm d-1 or mm a-1;
        ``radiation`` MJ m-2 d-1; ``vpd`` hPa; ``latent_heat`` and ``sensible_heat`` W m-2; and ``<variable>_qc``, the share
        of good records. Attributes: site, network, resolution, notes, history.

    Raises
    ------
    OptionError
        If an option is outside its list or range.
    DataError
        If the file is no such table; if stamps are no dates, repeat with other values or are not of the resolution; if a
        flag or a unit is not known; or if NEE has the sign of NEP.

    Warns
    -----
    DataWarning
        If rows were sorted or repeated rows dropped, NEE is empty, values are implausible, or yearly values look like the
        open-path artefact (``open_path_artefact``).

    References
    ----------
    Pastorello, G. et al. (2020), doi 10.1038/s41597-020-0534-3.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> text = "TIMESTAMP,NEE_VUT_REF,NEE_VUT_REF_QC\\n200101,-0.5,0.9\\n200102,-9999,0\\n"
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "FLX_XX-Abc_FLUXNET2015_SUBSET_MM_2001-2001_1-4.csv"
    ...     _ = file.write_text(text)
    ...     tower = read_tower(file)
    >>> tower["nep"].to_numpy(), tower["nep"].attrs["units"], tower.attrs["site"]
    (array([0.5, nan]), 'g C m-2 d-1', 'XX-Abc')
    """
    _check_options(network, variant, partition, resolution, min_qc, stamp)
    with tower_table(Path(path), resolution) as (file, where):
        kind = _network(network, table_columns(file), where)
        if kind == "fluxnet":
            table = read_fluxnet(file, where, variant, partition, stamp)
        else:
            table = read_chinaflux(file, where, stamp, units or {})
    _check_resolution(table.periods.resolution, resolution, where)
    tower = _screened(_dataset(table, where), min_qc, where)
    _check_plausible(tower, where)
    tower.attrs = {
        "site": named_site(where),
        "network": kind,
        "resolution": table.periods.resolution,
        "notes": "; ".join(table.notes),
        "history": history_line(
            "read_tower", file=Path(where).name, network=kind, variant=variant, partition=partition, min_qc=min_qc
        ),
    }
    if table.periods.resolution == "YY":
        warn_open_path(tower, Path(where).name)
    return tower


def _check_options(network: str, variant: str, partition: str, resolution: str | None, min_qc: float, stamp: str) -> None:
    choose(network, get_args(Network), "network")
    choose(variant, VARIANTS, "variant")
    choose(partition, get_args(Partition), "partition")
    choose(stamp, get_args(Stamp), "stamp")
    if resolution is not None:
        choose(resolution, WORDS, "resolution")
    if not 0.0 <= min_qc <= 1.0:
        raise OptionError(f"min_qc must be in 0 to 1, a share of records, got {min_qc!r}")


def _network(network: str, names: Sequence[str], where: str) -> str:
    stamped = "TIMESTAMP" in names or {"TIMESTAMP_START", "TIMESTAMP_END"} <= set(names)
    parts = part_columns(list(names))
    found = "fluxnet" if stamped else "chinaflux" if "year" in parts or "stamp" in parts else ""
    if found and network in ("auto", found):
        return found
    if network == "chinaflux" and "stamp" in parts:
        return network
    needed = {
        "fluxnet": "TIMESTAMP, or TIMESTAMP_START and TIMESTAMP_END",
        "chinaflux": "year, month, day, hour and minute, or of dates",
    }
    expected = needed.get(network, f"{needed['fluxnet']}, nor of {needed['chinaflux']}")
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    raise DataError(f"{where}: there is no time column of {expected}; the columns are {listed}: name the time")


def _check_resolution(found: Resolution, asked: str | None, where: str) -> None:
    named = named_resolution(where)
    for told, by in ((asked, "resolution="), (named, "the file's name")):
        if told and told != found:
            raise DataError(
                f"{where}: the stamps are {WORDS[found]}, but {by} says {told!r} ({WORDS[told]}): use the file as downloaded, "
                "or give the right resolution"
            )


def _dataset(table: TowerTable, where: str) -> xr.Dataset:
    rows = _rows(table, where)
    start = table.periods.start[rows].as_unit("ns")
    fields = table.fields | {"nep": -table.fields["nee"]}
    quality = table.quality | ({"nep": table.quality["nee"]} if "nee" in table.quality else {})
    variables: dict[str, xr.DataArray] = {}
    for name in [n for n in LONG_NAMES if n in fields]:
        source = table.columns["nee" if name == "nep" else name].name
        attrs = {"units": result_unit(name, table.periods.resolution), "long_name": LONG_NAMES[name], "column": source}
        variables[name] = xr.DataArray(fields[name][rows], coords={"time": start}, dims="time", attrs=attrs)
        if name in quality:
            attrs = {"units": "1", "long_name": f"Share of measured or well filled records: {LONG_NAMES[name]}"}
            variables[f"{name}_qc"] = xr.DataArray(quality[name][rows], coords={"time": start}, dims="time", attrs=attrs)
    return xr.Dataset(variables)


def _rows(table: TowerTable, where: str) -> np.ndarray:
    """Return the rows to keep, in the order of time."""
    start = table.periods.start
    order = np.argsort(start.to_numpy(), kind="stable")
    unsorted = int((np.diff(order) < 0).sum())
    if unsorted:
        warnings.warn(
            f"{where}: {unsorted} records were earlier than the one before: they were sorted", DataWarning, stacklevel=4
        )
    repeated = np.flatnonzero(start[order].duplicated())
    one, two = order[repeated - 1], order[repeated]
    for fields in (*table.fields.values(), *table.quality.values()):
        differs = ~((fields[one] == fields[two]) | (np.isnan(fields[one]) & np.isnan(fields[two])))
        if differs.any():
            others = int(differs.sum()) - 1
            more = f", as do {others} other times" if others else ""
            raise DataError(
                f"{where}: {start[two[differs.argmax()]]:%Y-%m-%d %H:%M} occurs twice with different values{more}: drop one of "
                "each (towers keep standard time, without daylight saving)"
            )
    if repeated.size:
        warnings.warn(f"{where}: {repeated.size} records were repeated: the copies were dropped", DataWarning, stacklevel=4)
    return np.delete(order, repeated)


def _screened(tower: xr.Dataset, min_qc: float, where: str) -> xr.Dataset:
    if min_qc == 0.0:
        return tower
    if "nee_qc" not in tower:
        raise DataError(f"{where}: min_qc = {min_qc:g} needs a quality flag of NEE, and the file has none: give min_qc=0")
    flags = {name: f"{'nee' if name in ('gpp', 'er', 'nep') else name}_qc" for name in LONG_NAMES if name in tower}
    for name, quality in flags.items():
        if quality in tower:
            attrs = tower[name].attrs
            tower[name] = tower[name].where(tower[quality] >= min_qc).assign_attrs(attrs)
    return tower


def _check_plausible(tower: xr.Dataset, where: str) -> None:
    for name in CARBON:
        if name not in tower:
            continue
        values, unit = tower[name].to_numpy(), tower[name].attrs["units"]
        present = np.abs(values[~np.isnan(values)])
        if name == "nee" and not present.size:
            warnings.warn(f"{where}: {tower[name].attrs['column']} has no value at all", DataWarning, stacklevel=3)
        outside = int((present > LIMITS[unit]).sum())
        if not outside:
            continue
        text = f"{where}: {outside} of {present.size} values of {tower[name].attrs['column']} exceed {LIMITS[unit]:g} {unit}"
        if outside > 0.01 * present.size:
            raise DataError(f"{text} (largest {present.max():g}): look for another unit, a fill value or another resolution")
        warnings.warn(f"{text} (largest {present.max():g}): look at these records", DataWarning, stacklevel=3)
