"""The loop under a resampling to fewer rows: rows are filtered down first, and what is left of them across."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine.arithmetic import fill_row, multiply_add, saturate_cast
from poolcli.engine.bands import Bands
from poolcli.engine.compile import bind, scalar
from poolcli.engine.interleave import load_pixels
from poolcli.engine.operation import record
from poolcli.engine.pixels import BEYOND, gather_groups, gather_pixels, grouped
from poolcli.engine.vectors import LANES
from poolcli.engine.views import numbers_of
from poolcli.sampling import Axis

SETTINGS = record("height", "channels", "before")
"""Rows and channels of the image, and how many places of a row come before it."""

_integers = types.Array(types.int64, 1, "C")
AXIS = (_integers, _integers, types.Array(types.float64, 2, "C"))
"""Types of an axis: its index, where the taps of each output begin, their weights."""

_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(from_dtype(SETTINGS), 1, "C"),
    *AXIS,
    *AXIS,
    types.Array(types.uint8, 3, "C"),
    types.float64,
    types.Array(types.uint8, 2, "C"),
)

# Placeholders. Dtypes: of the image, of the output, and of what is added up.
source: Any = None
target: Any = None
blend: Any = None
# The function that adds up pixels of a row.
across: Any = None


def shrink(
    image: NDArray[Any], rows: Axis, columns: Axis, fill: float, blend_dtype: np.dtype[Any], out: NDArray[Any]
) -> None:
    """Filter (N, H, W, C) along both axes into (N, rows, columns, C)."""
    images, height, width, channels = image.shape
    lines = out.reshape(images * len(rows.first), -1).view(np.uint8)
    _bands.run(
        _shrinker(image.dtype, out.dtype, blend_dtype, channels),
        len(lines),
        image.reshape(images * height, width * channels).view(np.uint8),
        np.array([(height, channels, columns.before)], SETTINGS),
        *(rows.index, rows.first, rows.weights),
        *(columns.index, columns.first, columns.weights),
        grouped(columns.weights.astype(blend_dtype), channels).view(np.uint8),
        fill,
        lines,
    )


@cache
def _shrinker(image: np.dtype[Any], out: np.dtype[Any], blend_dtype: np.dtype[Any], channels: int) -> Any:
    dtypes = {"source": image.type, "target": out.type, "blend": blend_dtype.type}
    return _bands.compile(_band, **dtypes, across=_gather(channels if channels <= LANES else 0))


@cache
def _gather(channels: int) -> Any:
    return bind(gather_groups, pixel=channels) if channels else bind(gather_pixels)


@scalar
def _add_lines(lines, which, w, count, total):
    """Add weighted lines: six at a time, so that the total is read and written less often."""
    number = w.dtype.type
    done = 0
    while done + 6 <= count:
        a, b, c = lines[which[done]], lines[which[done + 1]], lines[which[done + 2]]
        d, e, f = lines[which[done + 3]], lines[which[done + 4]], lines[which[done + 5]]
        w0, w1, w2, w3, w4, w5 = w[done], w[done + 1], w[done + 2], w[done + 3], w[done + 4], w[done + 5]
        for j in range(total.size):
            part = multiply_add(w1, number(b[j]), w0 * number(a[j]))
            part = multiply_add(w3, number(d[j]), multiply_add(w2, number(c[j]), part))
            total[j] += multiply_add(w5, number(f[j]), multiply_add(w4, number(e[j]), part))
        done += 6
    while done + 2 <= count:
        a, b, w0, w1 = lines[which[done]], lines[which[done + 1]], w[done], w[done + 1]
        for j in range(total.size):
            total[j] += multiply_add(w1, number(b[j]), w0 * number(a[j]))
        done += 2
    if done < count:
        a, w0 = lines[which[done]], w[done]
        for j in range(total.size):
            total[j] = multiply_add(w0, number(a[j]), total[j])


def _band(start, stop, image, settings, row_index, row_first, row_weights, index, first, weights, groups, fill, out):
    height, channels, before = settings[0].height, settings[0].channels, settings[0].before
    lines = numbers_of(image, source)
    after = before + lines.shape[1] // channels
    row = np.zeros(index.size * channels + BEYOND, blend)
    inside = row[before * channels : after * channels]
    sums = np.empty(first.size * channels + BEYOND, blend)
    taps = weights.astype(blend)
    which, w = np.empty(row_weights.shape[1], np.int64), np.empty(row_weights.shape[1], blend)
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
        _add_lines(lines, which, w, count, inside)
        load_pixels(inside, index, 0, before, channels, outside, row, blend)
        load_pixels(inside, index, after, index.size, channels, outside, row, blend)
        across(row, first, taps, numbers_of(groups, blend), channels, sums)
        result = numbers_of(out, target)[i]
        for j in range(result.size):
            result[j] = saturate_cast(sums[j], result)
    return 1
