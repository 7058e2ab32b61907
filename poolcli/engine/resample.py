"""The loop under every interpolation: rows are filtered across into a ring of rows, and these are filtered down.

Where all windows of a phase have the same weights, as they do at whole scales, each phase is a row of its own: its
filter is a sum of shifted rows, and phases are interleaved when they are stored. All loops are contiguous then.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli import dtypes
from poolcli.engine.arithmetic import fill_row, saturate_cast
from poolcli.engine.bands import Bands
from poolcli.engine.compile import bind, inlined
from poolcli.engine.interleave import interleave_phases, load
from poolcli.engine.operation import record
from poolcli.engine.pixels import BEYOND, gather
from poolcli.engine.shrink import AXIS, shrink
from poolcli.engine.views import numbers_of
from poolcli.outputs import room
from poolcli.sampling import Axis, Cut

SETTINGS = record("height", "channels", "phases", "before")
"""Rows and channels of the image, phases of the columns, and how many of their places come before the input."""

_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(from_dtype(SETTINGS), 1, "C"),
    *AXIS,
    *AXIS,
    types.float64,
    types.float64,
    types.Array(types.uint8, 2, "C"),
    least=16,  # rows: each band begins with rows that the one before has filtered too
)

# Placeholders. Dtypes: of the image, of the output, and of what is added up.
source: Any = None
target: Any = None
blend: Any = None
# Functions: what filters across, and what that does for a phase; what adds up rows, and by how many bits it shifts
# whole numbers; what interleaves the phases.
across: Any = None
sum_across: Any = None
sum_down: Any = None
shift: Any = None
interleave: Any = None


def resample(
    image: NDArray[Any],
    rows: Axis,
    columns: Axis,
    dtype: np.dtype[Any],
    fill: float,
    cuts: tuple[Cut, Cut] | None = None,
) -> NDArray[Any]:
    """Filter (N, H, W, C) along both axes and return (N, rows, columns, C) of a dtype, rounded once.

    With `cuts` the image is a box of the whole, whose axes are given, and so is the result: its bytes are the whole's.
    """
    images, height, width, channels = image.shape
    fewer = len(rows.first) < (cuts[0].extent if cuts else height)
    sizes = [cut.stop - cut.begin for cut in cuts] if cuts else [len(rows.first), len(columns.first)]
    out = room((images, *sizes, channels), dtype)
    if not out.size:
        return out
    if image.dtype.kind == "f":  # infinity and NaN times a weight of 0 would be NaN
        rows, columns = _trimmed(rows), _trimmed(columns)
    blend_dtype = dtypes.blend_dtype(image.dtype, dtype)
    limit = float(np.finfo(blend_dtype).max)
    fill = min(max(fill, -limit), limit)  # infinity times a weight of 0 would be NaN
    bits = [_bits(axis.weights) for axis in (rows, columns)]
    in_bytes = image.dtype == dtype == np.uint8 and sum(bits) <= 8 and fill in range(256)
    if in_bytes:
        blend_dtype = np.dtype(np.uint16)
        rows, columns = (
            replace(axis, weights=axis.weights * 2**b) for axis, b in zip((rows, columns), bits, strict=True)
        )
    with np.errstate(over="ignore"):
        beyond = float(blend_dtype.type(fill) * columns.weights[0].astype(blend_dtype).sum(dtype=blend_dtype))
    if cuts:
        rows, columns = cuts[0].of(rows), cuts[1].of(columns, phased=in_bytes or not fewer)
    if fewer and not in_bytes:
        shrink(image, rows, columns, fill, blend_dtype, out)
        return out
    lines = out.reshape(images * len(rows.first), -1).view(np.uint8)
    taps = rows.weights.shape[1], columns.weights.shape[1]
    _bands.run(
        _filter(image.dtype, dtype, blend_dtype, sum(bits) if in_bytes else 0, taps, columns.phases),
        len(lines),
        image.reshape(images * height, width * channels).view(np.uint8),
        np.array([(height, channels, columns.phases, columns.before)], SETTINGS),
        *(rows.index, rows.first, rows.weights),
        *(columns.index, columns.first, columns.weights),
        fill,
        beyond,
        lines,
    )
    return out


@cache
def _filter(
    image: np.dtype[Any], out: np.dtype[Any], blend_dtype: np.dtype[Any], bits: int, taps: tuple[int, int], phases: int
) -> Any:
    """Return the function of a band: loops over a number of taps that is usual are the only ones that it has."""
    bound = {"source": image.type, "target": out.type, "blend": blend_dtype.type, "shift": bits}
    down = _sum_whole if bits else _SUMS.get(taps[0], _sum_any)
    across = bind(_filter_phases, sum_across=_ACROSS.get(taps[1], _across_any)) if phases else bind(_filter_pixels)
    interleave = interleave_phases if phases > 1 else _as_it_is
    return _bands.compile(_band, **bound, sum_down=down, across=across, interleave=interleave)


def _trimmed(axis: Axis) -> Axis:
    """Return an axis without the taps at the ends that count nowhere, as those of a copy."""
    used = np.flatnonzero((axis.weights != 0).any(axis=0))
    weights = np.ascontiguousarray(axis.weights[:, used[0] : used[-1] + 1])
    return replace(axis, first=axis.first + used[0], weights=weights)


def _bits(weights: NDArray[np.float64]) -> int:
    """Return the b for which two weights are whole numbers over 2^b, none below 0; 16 where there is no small one."""
    if weights.min() < 0 or weights.shape[1] != 2:
        return 16
    return next((b for b in range(1, 8) if (weights * 2**b % 1 == 0).all()), 16)


@inlined
def _sum2(rows, slots, w, shift, out, size):
    a, b = rows[slots[0]], rows[slots[1]]
    w0, w1 = w[0], w[1]
    for j in range(size):
        out[j] = saturate_cast(w0 * a[j] + w1 * b[j], out)


@inlined
def _sum4(rows, slots, w, shift, out, size):
    a, b, c, d = rows[slots[0]], rows[slots[1]], rows[slots[2]], rows[slots[3]]
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    for j in range(size):
        out[j] = saturate_cast((w0 * a[j] + w1 * b[j]) + (w2 * c[j] + w3 * d[j]), out)


@inlined
def _sum6(rows, slots, w, shift, out, size):
    a, b, c, d, e, f = (
        rows[slots[0]], rows[slots[1]], rows[slots[2]], rows[slots[3]], rows[slots[4]], rows[slots[5]]
    )  # fmt: skip
    w0, w1, w2, w3, w4, w5 = w[0], w[1], w[2], w[3], w[4], w[5]
    for j in range(size):
        out[j] = saturate_cast((w0 * a[j] + w1 * b[j]) + (w2 * c[j] + w3 * d[j]) + (w4 * e[j] + w5 * f[j]), out)


@inlined
def _sum_any(rows, slots, w, shift, out, size):
    """Write the weighted sum of rows."""
    total = np.zeros(size, w.dtype)
    for k in range(w.size):
        a, weight = rows[slots[k]], w[k]
        for j in range(size):
            total[j] += weight * a[j]
    for j in range(size):
        out[j] = saturate_cast(total[j], out)


_SUMS = {2: _sum2, 4: _sum4, 6: _sum6}


@inlined
def _sum_whole(rows, slots, w, shift, out, size):
    """Write the same of two rows of whole numbers, over 2^shift, to nearest, ties to even: in 16 bits all through."""
    a, b = rows[slots[0]], rows[slots[1]]
    w0, w1 = w[0], w[1]
    half, one, bits = np.uint16((1 << shift) // 2 - 1), np.uint16(1), np.uint16(shift)
    for j in range(size):
        t = np.uint16(np.uint16(w0 * a[j]) + np.uint16(w1 * b[j]))
        out[j] = np.uint16(np.uint16(t + half) + np.uint16(np.uint16(t >> bits) & one)) >> bits


@inlined
def _across2(row, w, channels, out, size):
    a, b = row, row[channels:]
    w0, w1 = w[0], w[1]
    for j in range(size):
        out[j] = w0 * a[j] + w1 * b[j]


@inlined
def _across4(row, w, channels, out, size):
    a, b, c, d = row, row[channels:], row[2 * channels :], row[3 * channels :]
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    for j in range(size):
        out[j] = (w0 * a[j] + w1 * b[j]) + (w2 * c[j] + w3 * d[j])


@inlined
def _across6(row, w, channels, out, size):
    a, b, c = row, row[channels:], row[2 * channels :]
    d, e, f = row[3 * channels :], row[4 * channels :], row[5 * channels :]
    w0, w1, w2, w3, w4, w5 = w[0], w[1], w[2], w[3], w[4], w[5]
    for j in range(size):
        out[j] = (w0 * a[j] + w1 * b[j]) + (w2 * c[j] + w3 * d[j]) + (w4 * e[j] + w5 * f[j])


@inlined
def _across_any(row, w, channels, out, size):
    """Write the weighted sum of a row and itself, shifted by a pixel for each weight."""
    for j in range(size):
        out[j] = 0
    for k in range(w.size):
        a, weight = row[k * channels :], w[k]
        for j in range(size):
            out[j] += weight * a[j]


_ACROSS = {2: _across2, 4: _across4, 6: _across6}


def _filter_phases(row, first, weights, channels, ring, slot, size):
    """Filter a row across, each phase by its own weights."""
    for s in range(len(ring)):
        sum_across(row[first[s] * channels :], weights[s], channels, ring[s, slot], size)


def _filter_pixels(row, first, weights, channels, ring, slot, size):
    """Filter a row across, each pixel by its own weights."""
    gather(row, first, weights, channels, ring[0, slot])


@inlined
def _as_it_is(planes, result, phases, channels, size):
    """Leave a row that has no phases."""


def _band(start, stop, image, settings, row_index, row_first, row_weights, index, first, weights, fill, beyond, out):
    height, channels = settings[0].height, settings[0].channels
    phases, before = settings[0].phases, settings[0].before
    pixels = first.size // max(phases, 1)
    size = pixels * channels
    taps = row_weights.shape[1]
    ring = np.empty((max(phases, 1), taps, size + BEYOND), blend)
    row = np.empty(index.size * channels + BEYOND, blend)
    fill_row(row, blend(0))
    planes = np.empty((max(phases, 1), size), target)
    weights_across = weights.astype(blend)
    loaded = np.empty(taps, np.int64)
    slots = np.empty(taps, np.int64)
    down = np.empty(taps, blend)
    outside = blend(fill)
    for k in range(taps):
        loaded[k] = -1
    for i in range(start, stop):
        n, y = i // row_first.size, i % row_first.size
        for k in range(taps):
            p = row_first[y] + k
            slot = p % taps
            slots[k] = slot
            down[k] = blend(row_weights[y, k])
            key = n * row_index.size + p
            if loaded[slot] == key:
                continue
            loaded[slot] = key
            if row_index[p] < 0:
                for s in range(len(ring)):
                    fill_row(ring[s, slot], blend(beyond))
                continue
            load(numbers_of(image, source)[n * height + row_index[p]], index, before, channels, outside, row, blend)
            across(row, first, weights_across, channels, ring, slot, size)
        result = numbers_of(out, target)[i]
        for s in range(len(ring)):  # one call: what it inlines takes long to compile
            sum_down(ring[s], slots, down, shift, result if phases < 2 else planes[s], size)
        interleave(planes, result, phases, channels, pixels)
    return 1
