"""The loop under a resampling to fewer rows: rows are filtered down first, and what is left of them across.

Where outputs are a whole stride apart and have the same weights, the row is dealt out into phases, and every tap of all
these outputs is one contiguous slice. Outputs at the frame, which have weights of their own, are summed one by one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine.arithmetic import fill_row, saturate_cast
from poolcli.engine.bands import Bands
from poolcli.engine.compile import scalar
from poolcli.engine.interleave import decimate, load_pixels
from poolcli.engine.operation import record
from poolcli.sampling import Axis

SETTINGS = record("height", "channels", "before", "stride", "left", "right")
"""Rows and channels of the image, how many places of a row come before it; columns from left to right of the output
have the same weights and begin a stride apart."""

_integers = types.Array(types.int64, 1, "C")
AXIS = (_integers, _integers, types.Array(types.float64, 2, "C"))
"""Types of an axis: its index, where the taps of each output begin, their weights."""

_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(from_dtype(SETTINGS), 1, "C"),
    *AXIS,
    *AXIS,
    types.float64,
    types.Array(types.uint8, 2, "C"),
)

# Placeholders: dtypes of the image, of the output, and of what is added up.
source: Any = None
target: Any = None
blend: Any = None


def shrink(
    image: NDArray[Any], rows: Axis, columns: Axis, fill: float, blend_dtype: np.dtype[Any], out: NDArray[Any]
) -> None:
    """Filter (N, H, W, C) along both axes into (N, rows, columns, C)."""
    images, height, width, channels = image.shape
    lines = out.reshape(images * len(rows.first), -1).view(np.uint8)
    _bands.run(
        _shrinker(image.dtype, out.dtype, blend_dtype),
        len(lines),
        image.reshape(images * height, width * channels).view(np.uint8),
        np.array([(height, channels, columns.before, *_regular(columns))], SETTINGS),
        *(rows.index, rows.first, rows.weights),
        *(columns.index, columns.first, columns.weights),
        fill,
        lines,
    )


@cache
def _shrinker(image: np.dtype[Any], out: np.dtype[Any], blend_dtype: np.dtype[Any]) -> Any:
    return _bands.compile(_band, source=image.type, target=out.type, blend=blend_dtype.type)


def _regular(axis: Axis) -> tuple[int, int, int]:
    """Return the stride of the outputs around the middle one, the first of those that are alike, and one past them."""
    size = len(axis.first)
    middle = size // 2
    stride = int(axis.first[middle] - axis.first[middle - 1]) if size > 1 else 0
    if stride < 1:
        return 1, 0, 0
    alike = axis.first == axis.first[middle] + (np.arange(size) - middle) * stride
    alike &= np.abs(axis.weights - axis.weights[middle]).max(axis=1) < 1e-12
    other = np.flatnonzero(~alike)
    place = int(np.searchsorted(other, middle))
    left = int(other[place - 1]) + 1 if place else 0
    right = int(other[place]) if place < len(other) else size
    return stride, left, max(left, right)


@scalar
def gather(row, first, weights, channels, out):
    """Write the weighted sum of each window of pixels, wherever it begins."""
    for i in range(first.size):
        for c in range(channels):
            total = weights.dtype.type(0)
            for k in range(weights.shape[1]):
                total += weights[i, k] * row[(first[i] + k) * channels + c]
            out[i * channels + c] = total


@scalar
def _add_lines(lines, which, starts, w, count, total):
    """Add weighted lines, each from its start on: four at a time, so that the total is read and written less often."""
    number = w.dtype.type
    done = 0
    while done + 4 <= count:
        a, b = lines[which[done]][starts[done] :], lines[which[done + 1]][starts[done + 1] :]
        c, d = lines[which[done + 2]][starts[done + 2] :], lines[which[done + 3]][starts[done + 3] :]
        w0, w1, w2, w3 = w[done], w[done + 1], w[done + 2], w[done + 3]
        for j in range(total.size):
            total[j] += (w0 * number(a[j]) + w1 * number(b[j])) + (w2 * number(c[j]) + w3 * number(d[j]))
        done += 4
    while done < count:
        a, w0 = lines[which[done]][starts[done] :], w[done]
        for j in range(total.size):
            total[j] += w0 * number(a[j])
        done += 1


def _band(start, stop, image, settings, row_index, row_first, row_weights, index, first, weights, fill, out):
    about = settings[0]
    height, channels, before, stride = about.height, about.channels, about.before, about.stride
    left, right = about.left, about.right
    lines = image.view(source)
    width = lines.shape[1]
    after = before + width // channels
    row = np.empty(index.size * channels, blend)
    inside = row[before * channels : after * channels]
    pixels = (index.size + stride - 1) // stride
    phases = np.empty((stride, pixels * channels), blend)
    sums = np.empty(first.size * channels, blend)
    across = weights.astype(blend)
    most = max(row_weights.shape[1], weights.shape[1])
    which, starts, w = np.empty(most, np.int64), np.zeros(most, np.int64), np.empty(most, blend)
    slots, places = np.empty(weights.shape[1], np.int64), np.empty(weights.shape[1], np.int64)
    for k in range(weights.shape[1]):
        place = first[left] + k if left < right else 0
        slots[k], places[k] = place % stride, place // stride * channels
    outside = blend(fill)
    for i in range(start, stop):
        n, y = i // row_first.size, i % row_first.size
        count, beyond = 0, blend(0)
        for k in range(row_weights.shape[1]):
            weight = blend(row_weights[y, k])
            p = row_index[row_first[y] + k]
            if p < 0:
                beyond += weight * outside
            elif weight != 0:
                which[count], w[count] = n * height + p, weight
                count += 1
        fill_row(inside, beyond)
        _add_lines(lines, which, starts, w, count, inside)
        load_pixels(inside, index, 0, before, channels, outside, row, blend)
        load_pixels(inside, index, after, index.size, channels, outside, row, blend)
        gather(row, first[:left], across[:left], channels, sums)
        gather(row, first[right:], across[right:], channels, sums[right * channels :])
        if left < right:
            for s in range(stride):
                decimate(row[s * channels :], phases[s], channels, stride, (index.size - s + stride - 1) // stride)
            middle = sums[left * channels : right * channels]
            fill_row(middle, blend(0))
            _add_lines(phases, slots, places, across[left], weights.shape[1], middle)
        result = out.view(target)[i]
        for j in range(result.size):
            result[j] = saturate_cast(sums[j], result)
    return 1
