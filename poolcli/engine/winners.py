"""Where pools that select took their values from: the first in row order of equal values.

The pool chooses as it does without; then each value is looked for in its window, while that is in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine.arithmetic import tap
from poolcli.engine.bands import Bands
from poolcli.engine.choices import Choice, Region
from poolcli.engine.compile import bind
from poolcli.engine.operation import Operation, record
from poolcli.engine.views import numbers_of

choose: Any = None  # bound to the operator of the pool
number: Any = None  # bound to the dtype of the image


def _locate(lines, taps, cursor, constants, table, result):
    """Write the flat index, row * width + column, of each value that is chosen.

    Of a value that several planes have each takes the next, and the last of them where there are fewer.
    """
    size = cursor.lanes
    chosen = np.empty((len(result), size), lines.dtype)
    choose(lines, taps, cursor, constants, table, chosen)
    found = np.empty(size, np.int64)  # how far from the first tap
    before = np.empty(size, np.int32)  # how many equal values are to be passed over
    for p in range(len(result)):
        wanted, out = chosen[p], result[p]
        for j in range(size):
            found[j] = 0
            before[j] = np.int32(0)
        for q in range(p):
            earlier = chosen[q]
            for j in range(size):
                before[j] += np.int32(1) if earlier[j] == wanted[j] else np.int32(0)
        for k in range(len(taps)):
            values = tap(lines, taps, k, size)
            place = (taps[k].row - taps[0].row) * cursor.width + taps[k].column - taps[0].column
            for j in range(size):
                equal = values[j] == wanted[j] or (values[j] != values[j] and wanted[j] != wanted[j])
                found[j] = place if equal and before[j] >= 0 else found[j]
                before[j] -= np.int32(1) if equal else np.int32(0)
        begin = taps[0].row * cursor.width + taps[0].column
        for first in range(0, size, cursor.plane):  # a plane for each channel
            for j in range(min(cursor.plane, size - first)):
                out[first + j] = begin + found[first + j] + j * cursor.stride


class Selecting(Protocol):
    """A pool that selects: by an operator, and in large windows channel by channel."""

    @property
    def operation(self) -> Operation:
        """Return how rows of windows of few values are pooled."""

    @property
    def of_region(self) -> Callable[[Region], Sequence[Any] | NDArray[Any]]:
        """Return what finds the values of a large window."""


def located(pool: Selecting) -> Choice:
    """Return the pool that finds where a pool takes its values from."""
    operation, of_region = pool.operation, pool.of_region
    finding = Operation(
        _locate,
        operation.source,
        np.dtype(np.int64),
        {"choose": bind(operation.operator, **operation.bound)},
        operation.constants,
        operation.table,
        operation.planes,
        max_dense_stride=0,
    )
    return Choice(finding, lambda region: _positions(region, of_region(region)))


def _positions(region: Region, values: Sequence[Any] | NDArray[Any]) -> list[int]:
    """Return where in the image the values of a window are."""
    met: list[Any] = []
    positions = []
    for value in values:
        positions.append(region.index(_occurrence(region, value, met.count(value))))
        met.append(value)
    return positions


def _occurrence(region: Region, value: Any, before: int) -> int:
    """Return which of the values, in row order, equals this one, after so many that do; or the last that does."""
    last = begin = 0
    for block in region.blocks:
        values = block.ravel()
        hits = np.flatnonzero(values == value if value == value else values != values)
        if before < hits.size:
            return begin + int(hits[before])
        if hits.size:
            last = begin + int(hits[-1])
        before -= hits.size
        begin += values.size
    return last


PICKED = record("rows", "channels")
"""Rows of the indices of an image, and its channels."""

_picking = Bands(
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(types.int64, 2, "C", readonly=True),
    types.Array(from_dtype(PICKED), 1, "C"),
    types.Array(types.uint8, 2, "C"),
)


def pick(image: NDArray[Any], indices: NDArray[np.int64]) -> NDArray[Any]:
    """Return the values of (N, H, W, C) at indices (planes, N, rows, columns, C)."""
    planes, images, rows, columns, channels = indices.shape
    out = np.empty(indices.shape, image.dtype)
    if out.size:
        about = np.array([(rows, channels)], PICKED)
        _picking.run(
            _picker(image.dtype.itemsize),
            planes * images * rows,
            image.reshape(images, -1).view(np.uint8),
            indices.reshape(planes * images * rows, columns * channels),
            about,
            out.reshape(planes * images * rows, -1).view(np.uint8),
        )
    return out


@cache
def _picker(size: int) -> Any:
    return _picking.compile(_pick, number=np.dtype(f"u{size}").type)


def _pick(start, stop, image, indices, picked, out):
    rows, channels = picked[0].rows, picked[0].channels
    source, target = numbers_of(image, number), numbers_of(out, number)
    for i in range(start, stop):
        pixels, row, line = source[i // rows % len(source)], indices[i], target[i]
        for x in range(row.size // channels):
            for c in range(channels):
                line[x * channels + c] = pixels[row[x * channels + c] * channels + c]
    return 1
