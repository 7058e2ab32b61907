"""Windows around nodata: those that hold values that mean none are pooled again, without these.

All windows are pooled as they are first, by whatever is fastest. Then the operator is called once more for each lane
(window and channel) that holds such a value, with a list of taps from which that is left out. So nodata costs time only
where it is, and all other windows give the bytes that they give without it.

Large windows are handed to the pool as a map of one row, of the values that are left. Where the weight of a value
depends on its neighbours, a pool says what all values weigh, nodata nothing, and the windows of that are summed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli import dtypes
from poolcli.engine import windows
from poolcli.engine.arithmetic import fill_row
from poolcli.engine.bands import Bands
from poolcli.engine.choices import Choice, Region
from poolcli.engine.folds import Fold, Weighing, itself, lifted, valued
from poolcli.engine.operation import CURSOR, TAP, Operation, Task, record
from poolcli.engine.windows import OPERATOR, ROWS, row_table
from poolcli.geometry import Windows, adaptive, of_whole
from poolcli.nodata import Nodata

Grid = tuple[Windows, Windows]
"""Windows along the rows and the columns."""

_LARGE = 1 << 12  # values of a window; more are not added up one after the other
_PLANE_ROWS = 128  # of the image, whose weights are there at once

ABOUT = record(
    "images", "channels", "item_bytes", "out_bytes", "planes", "row_step", "column_step", "taps", "divides_by_all",
    "row", "column",
)  # fmt: skip
"""What all bands share."""

_bytes2 = types.Array(types.uint8, 2, "C")
_source = types.Array(types.uint8, 2, "C", readonly=True)
_rows, _about = (types.Array(from_dtype(one), 1, "C") for one in (ROWS, ABOUT))
_counts = types.Array(types.int32, 2, "C")
_counting = Bands(_source, _rows, _rows, _about, _counts)
_pooling = Bands(
    types.FunctionType(OPERATOR), _source, _source, _rows, _rows, _about, _counts,
    types.Array(types.float64, 1, "C"), types.Array(types.int64, 2, "C"), _bytes2, each=32,
)  # fmt: skip


def pool(image: NDArray[Any], pool: Any, grid: Grid, seen: Grid, nodata: Nodata, nothing: Any) -> NDArray[Any]:
    """Return (planes, N, rows, columns, C) of (N, H, W, C), and `nothing` for windows with too few values.

    `seen` are the windows with what a low-pass sees around them: those of the grid unless there is one.
    """
    out: NDArray[Any] = np.ascontiguousarray(pool.pool(image, *seen))
    rows, columns = grid
    missing = _missing(nodata.outside, rows, columns)
    count = _counts_of(rows, columns)
    left = count - missing
    enough = left > 0
    if nodata.share:
        enough &= left / count >= nodata.share
    weighing = None if isinstance(pool, Choice) else pool.weighing
    if weighing:
        near = _missing(_spread(nodata.outside), rows, columns) > 0
        _weighed(image, pool, weighing, (grid, seen), nodata, near & enough, left, out)
    else:
        _again(image, pool, grid, nodata, np.where(enough & (missing > 0), left, 0), out)
    out[:, ~enough] = nothing
    return out


def _counts_of(rows: Windows, columns: Windows) -> NDArray[np.int32]:
    """Return how many values each window has, (rows, columns, 1)."""
    count: NDArray[np.int32] = np.multiply.outer(rows.count.astype(np.int32), columns.count.astype(np.int32))
    return count[..., None]


def _missing(outside: NDArray[np.bool_], rows: Windows, columns: Windows) -> NDArray[np.int32]:
    """Return how many values of each window are outside, (N, rows, columns, C)."""
    images, height, width, channels = outside.shape
    missing = np.zeros((images, rows.size, columns.size, channels), np.int32)
    about = np.zeros(1, ABOUT)
    about[["images", "channels", "row_step", "column_step"]] = (images, channels, rows.step, columns.step)
    _counting.run(
        _counter(),
        images * rows.size,
        outside.reshape(images * height, width * channels).view(np.uint8),
        row_table(rows),
        row_table(columns),
        about,
        missing.reshape(images * rows.size, columns.size * channels),
    )
    return missing


def _count(start, stop, outside, rows, columns, about, missing):
    channels, step, across = about[0].channels, about[0].row_step, about[0].column_step
    depth = outside.shape[0] // about[0].images
    held = np.empty(outside.shape[1], np.int32)
    for i in range(start, stop):
        window, out = rows[i % rows.size], missing[i]
        first = i // rows.size * depth + window.first
        fill_row(held, 0)
        for ky in range(window.count):
            line = outside[first + ky * step]
            for x in range(held.size):
                held[x] += np.int32(line[x])
        total = 0
        for x in range(held.size):
            total += held[x]
        if total == 0:  # as in most rows of most images
            continue
        for j in range(columns.size):
            begin, count = columns[j].first * channels, columns[j].count
            for c in range(channels):
                number = 0
                for kx in range(count):
                    number += held[begin + kx * across * channels + c]
                out[j * channels + c] = np.int32(number)
    return 1


@cache
def _counter() -> Any:
    return _counting.compile(_count)


def _again(
    image: NDArray[Any], pool: Any, grid: Grid, nodata: Nodata, left: NDArray[np.int32], out: NDArray[Any]
) -> None:
    """Pool the lanes that have so many values left, but for those where it is 0."""
    if not left.any():
        return
    _, rows, columns = of_whole(image.shape, *grid)
    if rows.max_count * columns.max_count > _LARGE:
        for at in np.argwhere(left).tolist():
            out[:, at[0], at[1], at[2], at[3]] = _of_large(image, pool, grid, nodata, at)
        return
    _pool_lanes(image, pool.operation, grid, nodata, left, out)


def _pool_lanes(
    image: NDArray[Any], operation: Operation, grid: Grid, nodata: Nodata, left: NDArray[np.int32], out: NDArray[Any]
) -> None:
    rows, columns = grid
    images, height, width, channels = image.shape
    about = np.array(
        [(images, channels, image.itemsize, out.itemsize, len(out), rows.step, columns.step,
          rows.max_count * columns.max_count, nodata.divides_by_all, rows.begin, columns.begin)], ABOUT,
    )  # fmt: skip
    _pooling.run(
        _pooler(),
        images * rows.size,
        windows.compiled(operation.key),
        image.reshape(images * height, width * channels).view(np.uint8),
        nodata.outside.reshape(images * height, width * channels).view(np.uint8),
        row_table(rows),
        row_table(columns),
        about,
        left.reshape(images * rows.size, columns.size * channels),
        operation.parameters,
        operation.table,
        out.reshape(-1, columns.size * channels).view(np.uint8),
    )


def _pool_left(start, stop, operator, image, outside, rows, columns, about, left, parameters, table, out):
    own = about[0]
    channels, size, planes = own.channels, own.out_bytes, own.planes
    depth = image.shape[0] // own.images
    taps = np.empty(own.taps, TAP)
    result = np.empty((planes, size), np.uint8)
    cursors = np.zeros(1, CURSOR)
    cursor = cursors[0]
    cursor.width = image.shape[1] // (channels * own.item_bytes)
    cursor.channels = channels
    cursor.lanes = cursor.plane = cursor.stride = cursor.windows = cursor.pixels = 1
    for i in range(start, stop):
        n, y = i // rows.size, i % rows.size
        window = rows[y]
        cursor.row = own.row + y
        for lane in range(left.shape[1]):
            if left[i, lane] == 0:
                continue
            j, c = lane // channels, lane % channels
            across = columns[j]
            count = 0
            for ky in range(window.count):
                row = window.first + ky * own.row_step
                for kx in range(across.count):
                    column = across.first + kx * own.column_step
                    start_of_tap = column * channels + c
                    if outside[n * depth + row, start_of_tap]:
                        continue
                    tap = taps[count]
                    tap.line = n * depth + row
                    tap.start = start_of_tap
                    tap.row = row
                    tap.column = column
                    tap.weight = 1
                    count += 1
            cursor.column = own.column + j
            cursor.channel = c
            cursor.divisor = window.divisor * across.divisor if own.divides_by_all else count
            if not operator(image, taps[:count], cursors, parameters, table, result):
                return 0
            for p in range(planes):
                line = out[i + p * (out.shape[0] // planes)]
                for b in range(size):
                    line[lane * size + b] = result[p, b]
    return 1


@cache
def _pooler() -> Any:
    return _pooling.compile(_pool_left)


def _of_large(image: NDArray[Any], pool: Any, grid: Grid, nodata: Nodata, at: list[int]) -> NDArray[Any]:
    """Return what is made of the values that are left of one large window and channel, (planes,)."""
    rows, columns = grid
    n, i, j, c = at
    ys, xs = rows.span(i), columns.span(j)
    kept = np.flatnonzero(~nodata.outside[n, ys, xs, c])
    values = image[n, ys, xs, c].ravel()[kept]
    if isinstance(pool, Choice):
        down, across = np.divmod(kept, int(columns.count[j]))
        places = (ys.start + down * rows.step) * image.shape[2] + xs.start + across * columns.step
        place = rows.begin + i, columns.begin + j, c
        region = Region(values[None], place, (ys.start, xs.start), (1, 1), image.shape[2], places)
        return dtypes.saturate_cast(np.array(pool.of_region(region)), pool.operation.target)
    n_all = int(rows.divisor[i] * columns.divisor[j]) if nodata.divides_by_all else len(kept)
    along = replace(adaptive(len(kept), 1), divisor=np.array([n_all], np.int64))
    found: NDArray[Any] = pool.pool(np.ascontiguousarray(values).reshape(1, 1, -1, 1), adaptive(1, 1), along)
    return found[:, 0, 0, 0, 0]


def _spread(outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what is outside, and all neighbours of that."""
    down = outside.copy()
    down[:, 1:] |= outside[:, :-1]
    down[:, :-1] |= outside[:, 1:]
    out = down.copy()
    out[:, :, 1:] |= down[:, :, :-1]
    out[:, :, :-1] |= down[:, :, 1:]
    return out


def _weighed(
    image: NDArray[Any], pool: Fold, weighing: Weighing, grids: tuple[Grid, Grid], nodata: Nodata,
    wanted: NDArray[np.bool_], left: NDArray[np.int32], out: NDArray[Any],
) -> None:  # fmt: skip
    """Write the weighted means of the windows that are wanted, some rows at a time."""
    (rows, columns), height = grids[0], image.shape[1]
    step = max(1, _PLANE_ROWS * rows.size // height)
    for begin in range(0, rows.size, step):
        own = slice(begin, begin + step)
        if not wanted[:, own].any():
            continue
        part = rows.part(begin, begin + step, height)
        top, bottom = int(part.first.min()), int((part.first + (part.count - 1) * part.step).max()) + 1
        above, below = max(top - 1, 0), min(bottom + 1, height)
        planes = weighing.planes(image[:, above:below], nodata.outside[:, above:below])
        totals = [_sums(plane, part.shifted(-above), columns) for plane in planes]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = totals[0] / totals[1] / (left[:, own] if weighing.over_n else 1)
        made = dtypes.saturate_cast(mean, out.dtype)
        if pool.limits:
            made = np.clip(made, *_limits(image, pool.limits.operation, grids[1], nodata, own))
        np.copyto(out[0, :, own], made, where=wanted[:, own])


def _sums(plane: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
    """Return the sums of windows of (N, H, W, C), (N, rows, columns, C)."""
    float64 = np.dtype(np.float64)
    task = Task(float64, float64, rows.max_count * columns.max_count, {})
    part = lifted(task, valued, np.float64, in_pairs=True, max_dense_stride=4)
    sums: NDArray[Any] = Fold(task, (part,), itself).pool(np.ascontiguousarray(plane), rows, columns)[0]
    return sums


def _limits(image: NDArray[Any], operation: Operation, seen: Grid, nodata: Nodata, own: slice) -> NDArray[Any]:
    """Return the smallest and the largest value of windows, without nodata, (2, N, rows, columns, C)."""
    grid = seen[0].part(own.start, own.stop, image.shape[1]), seen[1]
    out = windows.pool(image, operation, *grid)
    missing = _missing(nodata.outside, *grid)
    left = _counts_of(*grid) - missing
    _pool_lanes(image, operation, grid, nodata, np.where(missing > 0, left, 0), out)
    return out
