"""Grids by the block: the size of a chunk, and a walk over lazy grids in bounded memory.

A chunk holds all times of a part of space. The walk computes a few chunks ahead of the one that is handed out, on
threads or on the dask cluster that the process is a client of, always in the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from math import isqrt
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from carbondrivers.errors import DataError

CHUNK_VALUES = 6_000_000
CHUNK_CELLS = 1_200_000
# A block of a file may make a chunk this many times too large before the file is decoded more than once instead.
STRETCH = 4
# Each thread holds blocks of its own; dask's option num_workers asks for more, or fewer.
MOST_THREADS = 8

Region: TypeAlias = tuple[slice, slice]


def space_chunks(shape: tuple[int, int], block: tuple[int, int] = (1, 1), steps: int = 1) -> tuple[int, int]:
    """Return rows and columns of a chunk: whole blocks of the file where they fit, so that none is decoded twice.

    Parameters
    ----------
    shape
        Rows and columns of the grid.
    block
        Rows and columns of a block of the file.
    steps
        Times that a chunk holds.

    Examples
    --------
    >>> space_chunks((7000, 7000), (256, 256), steps=21)
    (512, 512)
    >>> space_chunks((7000, 7000), (1, 7000), steps=21)
    (40, 7000)
    """
    cells = max(1, min(CHUNK_CELLS, CHUNK_VALUES // max(1, steps)))
    edges = [min(b, n) for b, n in zip(block, shape, strict=True)]
    if edges[0] * edges[1] > STRETCH * cells:
        edges = [1, 1]
    first = int(edges[1] >= edges[0])
    found = [1, 1]
    for axis, room in ((first, isqrt(cells)), (1 - first, 0)):
        room = room or cells // found[first]
        found[axis] = min(shape[axis], max(1, room // edges[axis]) * edges[axis])
    return found[0], found[1]


def in_blocks(*grids: xr.DataArray) -> Iterator[tuple[Region, list[np.ndarray]]]:
    """Iterate over grids by blocks of space, from the north-west by rows of chunks.

    Parameters
    ----------
    grids
        Grids of one shape in y and x; other dimensions come first and stay whole. Lazy ones may have any chunks, those
        of the first lazy one are the blocks; grids in memory alone are one block.

    Yields
    ------
    region, values
        Row and column slices of the block, and the values of each grid in it.

    Raises
    ------
    DataError
        If the grids differ in shape.

    Examples
    --------
    >>> grid = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("y", "x")).chunk(x=2)
    >>> [float(values.sum()) for _, (values,) in in_blocks(grid)]
    [8.0, 7.0]
    """
    grids = tuple(grid.transpose(..., "y", "x") for grid in grids)
    shapes = {(grid.sizes["y"], grid.sizes["x"]) for grid in grids}
    if len(shapes) != 1:
        raise DataError(f"grids of different shapes cannot be walked together: {sorted(shapes)}; align them first")
    regions, (threads, options) = _regions(grids), _scheduler()
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[Region, Future[list[np.ndarray]]]] = deque()
        try:
            for region in regions:
                parts = [grid.data[..., region[0], region[1]] for grid in grids]
                waiting.append((region, pool.submit(_values, parts, options)))
                if len(waiting) > threads:
                    yield _next(waiting)
            while waiting:
                yield _next(waiting)
        finally:
            for _, future in waiting:
                future.cancel()


def _next(waiting: deque[tuple[Region, Future[list[np.ndarray]]]]) -> tuple[Region, list[np.ndarray]]:
    region, future = waiting.popleft()
    return region, future.result()


def _values(parts: list[Any], options: dict[str, Any]) -> list[np.ndarray]:
    from dask.base import compute

    return [np.asarray(part) for part in compute(*parts, **options)]  # type: ignore[no-untyped-call]


def _regions(grids: tuple[xr.DataArray, ...]) -> list[Region]:
    lazy = next((grid for grid in grids if grid.chunks is not None), None)
    sizes = lazy.chunksizes if lazy is not None else {axis: (grids[0].sizes[axis],) for axis in ("y", "x")}
    rows, columns = (_slices(sizes[axis]) for axis in ("y", "x"))
    return [(row, column) for row in rows for column in columns]


def _slices(sizes: tuple[int, ...]) -> list[slice]:
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def _scheduler() -> tuple[int, dict[str, Any]]:
    """Return how many blocks to compute at once, and how: on the cluster if there is one, else each on a thread."""
    from dask import config
    from dask.base import get_scheduler
    from dask.system import CPU_COUNT

    client: Any = getattr(get_scheduler(), "__self__", None)  # type: ignore[no-untyped-call]
    if hasattr(client, "nthreads"):
        return 2 * max(1, sum(client.nthreads().values())), {}
    if config.get("scheduler", None) in ("synchronous", "sync", "single-threaded"):
        return 1, {"scheduler": "synchronous"}
    return int(config.get("num_workers", None) or min(CPU_COUNT, MOST_THREADS)), {"scheduler": "synchronous"}
