"""The loop under every interpolation: rows are filtered across into a ring of rows, and these are filtered down.

Where all windows of a phase have the same weights, as they do at whole scales, each phase is a row of its own: its
filter is a sum of shifted rows, and phases are interleaved when they are stored. All loops are contiguous then.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange, types
from numpy.typing import NDArray

from poolcli import dtypes
from poolcli.engine.arithmetic import settle
from poolcli.engine.bands import Launcher
from poolcli.engine.compile import check, pointer
from poolcli.engine.phases import merge
from poolcli.sampling import Axis

_integer = types.int64
_source, _bytes2 = types.Array(types.uint8, 2, "C", readonly=True), types.Array(types.uint8, 2, "C")
_integers1 = types.Array(types.int64, 1, "C")
_floats1, _floats2 = (types.Array(types.float64, rank, "C") for rank in (1, 2))
_axis = (_integers1, _floats2, _integers1)
BAND = _integer(_source, _integers1, *_axis, *_axis, _floats1, _bytes2, _integer, _integer)
LAUNCH = _integer(types.FunctionType(BAND), *BAND.args[:-1])

_BANDS = 16  # for each thread
_LEAST = 16  # rows of a band: each begins with rows that the one before has filtered too

source: Any = np.uint8  # bound, as are
target: Any = np.uint8
lane: Any = np.float32


def resample(image: NDArray[Any], rows: Axis, columns: Axis, dtype: np.dtype[Any], fill: float) -> NDArray[Any]:
    """Filter (N, H, W, C) along both axes and return (N, rows, columns, C) of a dtype, rounded once."""
    images, height, width, channels = image.shape
    out = np.empty((images, len(rows.first), len(columns.first), channels), dtype)
    if not out.size:
        return out
    if image.dtype.kind == "f":  # infinity and NaN times a weight of 0 would be NaN
        rows, columns = _trimmed(rows), _trimmed(columns)
    wide = dtypes.lane(image.dtype, dtype)
    most = float(np.finfo(wide).max)
    fill = min(max(fill, -most), most)  # infinity times a weight of 0 would be NaN
    bits = [_bits(axis.weights) for axis in (rows, columns)]
    if image.dtype == dtype == np.uint8 and sum(bits) <= 8 and fill in range(256):
        wide = np.dtype(np.uint16)
        rows, columns = (
            replace(axis, weights=axis.weights * 2**b) for axis, b in zip((rows, columns), bits, strict=True)
        )
    launch, band = _functions(image.dtype, dtype, wide, sum(bits) if wide.kind == "u" else 0)
    settings = np.array([*image.shape, columns.phases, columns.before], np.int64)
    bands = max(1, min(_BANDS * get_num_threads(), images * len(rows.first) // _LEAST))
    done = launch(
        band,
        image.reshape(images * height, width * channels).view(np.uint8),
        settings,
        *_parts(rows),
        *_parts(columns),
        np.array([fill]),
        out.reshape(images * len(rows.first), -1).view(np.uint8),
        bands,
    )
    check(done, bands)
    return out


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


def _parts(axis: Axis) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    return axis.first, axis.weights, axis.index


@njit(inline="always")
def _sum2(rows, slots, w, out, size):
    a, b = rows[slots[0]], rows[slots[1]]
    w0, w1 = w[0], w[1]
    for j in range(size):
        out[j] = settle(w0 * a[j] + w1 * b[j], out)


@njit(inline="always")
def _sum4(rows, slots, w, out, size):
    a, b, c, d = rows[slots[0]], rows[slots[1]], rows[slots[2]], rows[slots[3]]
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    for j in range(size):
        out[j] = settle((w0 * a[j] + w1 * b[j]) + (w2 * c[j] + w3 * d[j]), out)


@njit(inline="always")
def _sum6(rows, slots, w, out, size):
    a, b, c, d, e, f = (
        rows[slots[0]], rows[slots[1]], rows[slots[2]], rows[slots[3]], rows[slots[4]], rows[slots[5]]
    )  # fmt: skip
    w0, w1, w2, w3, w4, w5 = w[0], w[1], w[2], w[3], w[4], w[5]
    for j in range(size):
        out[j] = settle((w0 * a[j] + w1 * b[j]) + (w2 * c[j] + w3 * d[j]) + (w4 * e[j] + w5 * f[j]), out)


@njit(inline="always")
def _sum(rows, slots, w, out, size):
    total = np.zeros(size, w.dtype)
    for k in range(w.size):
        a, weight = rows[slots[k]], w[k]
        for j in range(size):
            total[j] += weight * a[j]
    for j in range(size):
        out[j] = settle(total[j], out)


@njit(inline="always")
def floats(rows, slots, w, shift, out, size):
    """Write the weighted sum of rows."""
    if w.size == 2:
        _sum2(rows, slots, w, out, size)
    elif w.size == 4:
        _sum4(rows, slots, w, out, size)
    elif w.size == 6:
        _sum6(rows, slots, w, out, size)
    else:
        _sum(rows, slots, w, out, size)


@njit(inline="always")
def whole(rows, slots, w, shift, out, size):
    """Write the same of two rows of whole numbers, over 2^shift, to nearest, ties to even: in 16 bits all through."""
    a, b = rows[slots[0]], rows[slots[1]]
    w0, w1 = w[0], w[1]
    half, one, bits = np.uint16((1 << shift) // 2 - 1), np.uint16(1), np.uint16(shift)
    for j in range(size):
        t = np.uint16(np.uint16(w0 * a[j]) + np.uint16(w1 * b[j]))
        out[j] = np.uint16(np.uint16(t + half) + np.uint16(np.uint16(t >> bits) & one)) >> bits


sum_down: Any = floats  # bound to one of these
shift: Any = 0  # bound


@njit
def _across(row, w, channels, out, size):
    """Write the weighted sum of a row and itself, shifted by a pixel for each weight."""
    if w.size == 2:
        a, b = row, row[channels:]
        w0, w1 = w[0], w[1]
        for j in range(size):
            out[j] = w0 * a[j] + w1 * b[j]
    elif w.size == 4:
        a, b, c, d = row, row[channels:], row[2 * channels :], row[3 * channels :]
        w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
        for j in range(size):
            out[j] = (w0 * a[j] + w1 * b[j]) + (w2 * c[j] + w3 * d[j])
    elif w.size == 6:
        a, b, c = row, row[channels:], row[2 * channels :]
        d, e, f = row[3 * channels :], row[4 * channels :], row[5 * channels :]
        w0, w1, w2, w3, w4, w5 = w[0], w[1], w[2], w[3], w[4], w[5]
        for j in range(size):
            out[j] = (w0 * a[j] + w1 * b[j]) + (w2 * c[j] + w3 * d[j]) + (w4 * e[j] + w5 * f[j])
    else:
        for j in range(size):
            out[j] = 0
        for k in range(w.size):
            a, weight = row[k * channels :], w[k]
            for j in range(size):
                out[j] += weight * a[j]


@njit
def _gather(row, first, weights, channels, out):
    """Write the weighted sum of each window of pixels, wherever it begins."""
    for i in range(first.size):
        for c in range(channels):
            total = weights.dtype.type(0)
            for k in range(weights.shape[1]):
                total += weights[i, k] * row[(first[i] + k) * channels + c]
            out[i * channels + c] = total


@njit(inline="always")
def _pixels(values, index, begin, end, channels, fill, row, lane):
    for p in range(begin, end):
        for c in range(channels):
            row[p * channels + c] = lane(values[index[p] * channels + c]) if index[p] >= 0 else fill


@njit
def load(values, index, before, channels, fill, row, lane):
    """Copy a row of pixels as floats, with those beyond its ends, which the index tells."""
    after = before + values.size // channels
    _pixels(values, index, 0, before, channels, fill, row, lane)
    inside = row[before * channels : after * channels]
    for j in range(inside.size):
        inside[j] = lane(values[j])
    _pixels(values, index, after, index.size, channels, fill, row, lane)


# fmt: off
def _launch(band, image, settings, row_first, row_weights, row_index, first, weights, index, fill, out, bands):
    total = settings[0] * row_first.size
    done = 0
    for b in prange(bands):
        done += band(image, settings, row_first, row_weights, row_index, first, weights, index, fill, out,
             b * total // bands, (b + 1) * total // bands)
    return done


def _band(image, settings, row_first, row_weights, row_index, first, weights, index, fill, out, start, stop):
    # fmt: on
    _, height, _, channels, phases, before = settings
    pixels = first.size // max(phases, 1)
    lanes = pixels * channels
    taps = row_weights.shape[1]
    ring = np.empty((max(phases, 1), taps, lanes), lane)
    row = np.empty(index.size * channels, lane)
    planes = np.empty((max(phases, 1), lanes), target)
    across = weights.astype(lane)
    loaded = np.full(taps, -1, np.int64)
    slots = np.empty(taps, np.int64)
    down = np.empty(taps, lane)
    outside = lane(fill[0])
    for i in range(start, stop):
        n, y = i // row_first.size, i % row_first.size
        for k in range(taps):
            p = row_first[y] + k
            slot = p % taps
            slots[k] = slot
            down[k] = lane(row_weights[y, k])
            key = n * row_index.size + p
            if loaded[slot] == key:
                continue
            loaded[slot] = key
            if row_index[p] < 0:
                ring[:, slot] = lane(outside * across[0].sum())
                continue
            load(image.view(source)[n * height + row_index[p]], index, before, channels, outside, row, lane)
            if phases == 0:
                _gather(row, first, across, channels, ring[0, slot])
            for s in range(phases):
                _across(row[first[s] * channels :], across[s], channels, ring[s, slot], lanes)
        result = out.view(target)[i]
        if phases < 2:
            sum_down(ring[0], slots, down, shift, result, lanes)
            continue
        for s in range(phases):
            sum_down(ring[s], slots, down, shift, planes[s], lanes)
        merge(planes, result, channels, phases, pixels)
    return 1


@cache
def _functions(given: np.dtype[Any], made: np.dtype[Any], wide: np.dtype[Any], bits: int) -> tuple[Any, Any]:
    bound = {"source": given.type, "target": made.type, "lane": wide.type, "shift": bits}

    return _launcher(), pointer(_band, BAND, **bound, sum_down=whole if bits else floats)


@cache
def _launcher() -> Any:
    return Launcher(_launch, LAUNCH)
