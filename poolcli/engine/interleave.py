"""Pixels moved without arithmetic: dealt out into contiguous planes, decimated, interleaved, taken from anywhere.

LLVM vectorises these loops only where the number of planes is a constant: each common number has a call of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numba.extending import overload
from numpy.typing import NDArray

from poolcli.engine.arithmetic import copy_row, fill_row
from poolcli.engine.bands import Bands
from poolcli.engine.compile import bind, inlined, pointer, scalar
from poolcli.engine.operation import CURSOR, record
from poolcli.engine.vectors import LANES, copy_vector
from poolcli.engine.views import numbers_of
from poolcli.outputs import room

unit: Any = None  # bound to an unsigned integer as wide as the dtype that is moved
plane_count: Any = None
few_channels: Any = None  # bound to 0 for any number
few_strides: Any = None
decimate: Any = None

_PLANES = (1, 2, 3, 4, 6)
"""Numbers of planes that rows are dealt out into in one step."""
_CHANNELS = (1, 3, 4)
_DECIMATED = ((1, 2), (1, 3), (3, 2), (3, 3), (4, 2))
"""Channels and strides that are worth a loop of their own."""


@inlined
def deinterleave(source, planes, count, first, step, size):
    """Deal `source` out into `count` planes: planes[first + q * step, j] = source[j * count + q]."""
    for j in range(size):
        for q in range(count):
            planes[first + q * step, j] = source[j * count + q]


@inlined
def strided_copy(source, target, channels, step, size):
    """Copy the first `channels` numbers of every `step`."""
    for j in range(size):
        for c in range(channels):
            target[j * channels + c] = source[j * step + c]


@inlined
def interleave(planes, target, count, channels, size):
    """Interleave the pixels of `count` planes: pixel j of plane s becomes pixel j * count + s."""
    for j in range(size):
        for s in range(count):
            for c in range(channels):
                target[(j * count + s) * channels + c] = planes[s, j * channels + c]


def deinterleave_row(image, cursors, needed, ring, scratch):
    """Deal a row out into stride x channels planes: number c of pixel u * stride + s goes to target[s, c, u].

    So tap x of every window in the row is one contiguous slice: from target[x % stride], x // stride numbers in. The
    planes are `plane` numbers apart.
    """
    cursor = cursors[0]
    row, planes, groups = _dealt(numbers_of(image, unit), cursor, numbers_of(ring, unit))
    deinterleave(row, planes, plane_count, 0, 1, groups)
    _deal_rest(row, planes, cursor, groups)


def deinterleave_in_two(image, cursors, needed, ring, scratch):
    """Do the same for any number of planes: the channels first, then the pixels of each.

    `needed` tells which of the s are read at all.
    """
    cursor = cursors[0]
    channels, stride, pixels = cursor.channels, cursor.stride, cursor.pixels
    row, planes, groups = _dealt(numbers_of(image, unit), cursor, numbers_of(ring, unit))
    colours = numbers_of(scratch, unit)[: channels * pixels].reshape((channels, pixels))
    for part in range(1 + channels):
        if part == 0:
            source, to, count, first, step, size = row, colours, channels, 0, 1, pixels
        else:
            source, to, count, first, step, size = colours[part - 1], planes, stride, part - 1, channels, groups
        if count == 2:
            deinterleave(source, to, 2, first, step, size)
        elif count == 3:
            deinterleave(source, to, 3, first, step, size)
        elif count == 4:
            deinterleave(source, to, 4, first, step, size)
        else:
            for q in range(count):
                if part == 0 or needed[q]:
                    line, values = to[first + q * step], source[q:]
                    for j in range(size):
                        line[j] = values[j * count]
    _deal_rest(row, planes, cursor, groups)


@inlined
def _dealt(image, cursor, ring):
    """Return the pixels that are dealt out, the planes that they go to, and how many groups of a stride there are."""
    channels, stride, plane, pixels = cursor.channels, cursor.stride, cursor.plane, cursor.pixels
    row = image[cursor.line, cursor.first * channels : (cursor.first + pixels) * channels]
    planes = ring[cursor.slot, : stride * channels * plane].reshape((stride * channels, plane))
    return row, planes, pixels // stride


@inlined
def _deal_rest(row, planes, cursor, groups):
    """Deal out the last pixels, which are less than a stride."""
    for j in range(groups * cursor.stride * cursor.channels, row.size):
        planes[j - groups * cursor.stride * cursor.channels, groups] = row[j]


PUT = types.void(
    types.Array(types.uint8, 2, "C"), types.Array(from_dtype(CURSOR), 1, "C"), types.Array(types.uint8, 2, "C")
)
"""Signature of what writes computed rows into the output."""


def decimate_row(result, cursors, out):
    """Put every stride-th pixel of each computed row into the output."""
    cursor = cursors[0]
    channels, stride, size = cursor.channels, cursor.stride, cursor.windows
    for p in range(len(result)):
        row = cursor.out + p * (len(out) // len(result))
        target = numbers_of(out, unit)[row, cursor.into * channels : (cursor.into + size) * channels]
        decimate(numbers_of(result, unit)[p], target, channels, stride, size)


def _decimate(row, target, channels, stride, size):
    if few_strides == 1:
        copy_row(row[: target.size], target)
    elif few_channels:
        strided_copy(row, target, few_channels, few_channels * few_strides, size)
    else:
        strided_copy(row, target, channels, channels * stride, size)


def decimation(channels: int, stride: int) -> Any:
    """Return what copies every stride-th pixel of a row, for kernels to call: of any stride if that is 0."""
    few = (channels, stride) if (channels, stride) in _DECIMATED else (0, 1 if stride == 1 else 0)
    return bind(_decimate, few_channels=few[0], few_strides=few[1])


def interleave_row(result, cursors, out):
    """Interleave the planes of each computed row, one a channel, into a row of pixels in the output."""
    cursor = cursors[0]
    channels, plane, size = cursor.channels, cursor.plane, cursor.windows
    for p in range(len(result)):
        row = cursor.out + p * (len(out) // len(result))
        target = numbers_of(out, unit)[row, cursor.into * channels : (cursor.into + size) * channels]
        if few_channels == 1:
            copy_row(numbers_of(result, unit)[p, :size], target)
        else:
            planes = numbers_of(result, unit)[p, : channels * plane].reshape((channels, plane))
            interleave(planes, target, few_channels if few_channels else channels, 1, size)


DEAL = types.void(
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(from_dtype(CURSOR), 1, "C"),
    types.Array(types.boolean, 1, "C"),
    types.Array(types.uint8, 2, "C"),
    types.Array(types.uint8, 1, "C"),
)
"""Signature of what deals rows of the image out."""


def dealing(size: int, channels: int, stride: int) -> Any:
    """Return what deals out rows of numbers of so many bytes: of any stride if that is 0."""
    count = channels * stride
    if count in _PLANES:
        return _mover(deinterleave_row, DEAL, size, plane_count=count)
    return _mover(deinterleave_in_two, DEAL, size)


def interleaving(size: int, channels: int) -> Any:
    """Return `interleave_row` for numbers of so many bytes."""
    return _mover(interleave_row, PUT, size, few_channels=channels if channels in _CHANNELS else 0)


def decimating(size: int, channels: int, stride: int) -> Any:
    """Return `decimate_row` for numbers of so many bytes: of any stride if that is 0."""
    return _mover(decimate_row, PUT, size, decimate=decimation(channels, stride))


@cache
def _mover(function: Callable[..., None], signature: Any, size: int, **bound: Any) -> Any:
    return pointer(function, signature, unit=np.dtype(f"u{size}").type, **bound)


@scalar
def interleave_phases(planes, target, phases, channels, size):
    """Interleave planes of `size` pixels, one for each phase of an axis, into a row."""
    if phases == 2 and channels == 1:
        interleave(planes, target, 2, 1, size)
    elif phases == 2 and channels == 3:
        interleave(planes, target, 2, 3, size)
    elif phases == 2 and channels == 4:
        interleave(planes, target, 2, 4, size)
    else:
        interleave(planes, target, phases, channels, size)


@inlined
def load_pixels(values, index, begin, end, channels, fill, row, number):
    """Copy pixels from begin to end of a row that goes on beyond the values, as the index tells; -1 is `fill`."""
    for p in range(begin, end):
        for c in range(channels):
            row[p * channels + c] = number(values[index[p] * channels + c]) if index[p] >= 0 else fill


@scalar
def load(values, index, before, channels, fill, row, number):
    """Copy a row of pixels as numbers of a dtype, with those beyond its ends, which the index tells."""
    after = before + values.size // channels
    load_pixels(values, index, 0, before, channels, fill, row, number)
    inside = row[before * channels : after * channels]
    for j in range(inside.size):
        inside[j] = number(values[j])
    load_pixels(values, index, after, index.size, channels, fill, row, number)


TAKEN = record("height", "width", "channels", "phases", "plain")
"""Of pixels that are taken: the size of the image, the phases of a row, 0 where it has none, and how many columns from
the left on are neither -1 nor the last."""

_indices = types.Array(types.int64, 1, "C")
_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(from_dtype(TAKEN), 1, "C"),
    _indices,
    _indices,
    types.Array(types.uint8, 2, "C"),
)


def take(image: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[Any]:
    """Return (N, rows, columns, C): the pixels of (N, H, W, C) of these rows and columns, 0 where one is -1."""
    images, height, width, channels = image.shape
    out = room((images, len(rows), len(columns), channels), image.dtype)
    if not out.size:
        return out
    size = image.dtype.itemsize
    if (pixel := size * channels) in (2, 4, 8) and image.ctypes.data % pixel == 0:  # a pixel is one number
        size, channels = pixel, 1
    special = np.flatnonzero((columns < 0) | (columns >= width - 1))
    plain = min(int(special[0]) if special.size else len(columns), len(columns) - 1)
    taken = np.array([(height, width, channels, _phases(columns, width), plain)], TAKEN)
    source = image.reshape(images * height, -1).view(np.uint8)
    lines = out.reshape(images * len(rows), -1).view(np.uint8)
    _bands.run(_taker(size), len(lines), source, taken, rows, columns, lines)
    return out


def _phases(columns: NDArray[np.int64], width: int) -> int:
    """Return the S for which every S columns are one of the image, all or the same of them; 0 for none up to 16."""
    phases, rest = divmod(len(columns), width)
    if rest or not 1 < phases <= 16:
        return 0
    own = np.arange(len(columns)) // phases
    regular = ((columns == own) | (columns < 0)).all()
    regular = regular and ((columns.reshape(width, -1) < 0) == (columns[:phases] < 0)).all()
    return phases if regular else 0


@cache
def _taker(size: int) -> Any:
    return _bands.compile(_take, unit=np.dtype(f"u{size}").type)


def copy_four(row, start, out, to):
    """Copy four numbers: one copy takes less time than three."""
    for c in range(LANES):
        out[to + c] = row[start + c]


@overload(copy_four)
def _copy_four(row, start, out, to):
    return lambda row, start, out, to: copy_vector(row, start, out, to)  # type: ignore[call-arg]


@scalar
def take_columns(row, columns, plain, channels, result):
    """Copy pixels of a row, 0 where a column is -1, from the left: what is copied beyond a pixel is written over."""
    done = plain if channels <= LANES else 0
    nothing = row.dtype.type(0)  # a literal 0 would make floats of 64-bit integers
    if channels == 1:
        for x in range(done):
            result[x] = row[columns[x]]
    else:
        for x in range(done):
            copy_four(row, columns[x] * channels, result, x * channels)
    for x in range(done, columns.size):
        for c in range(channels):
            result[x * channels + c] = row[columns[x] * channels + c] if columns[x] >= 0 else nothing


def _take(start, stop, image, taken, rows, columns, out):
    height, width, channels, phases = taken[0].height, taken[0].width, taken[0].channels, taken[0].phases
    source, target = numbers_of(image, unit), numbers_of(out, unit)
    planes = np.zeros((max(phases, 1), width * channels), unit)
    last = -1  # line of the source
    for i in range(start, stop):
        y = rows[i % rows.size]
        result = target[i]
        if y < 0:
            fill_row(result, 0)
            continue
        line = i // rows.size * height + y
        if line == last and i > start and rows[(i - 1) % rows.size] == y:
            copy_row(target[i - 1], result)
            continue
        last = line
        row = source[line]
        if phases > 1:
            for s in range(phases):
                if columns[s] >= 0:
                    copy_row(row, planes[s])
            interleave_phases(planes, result, phases, channels, width)
            continue
        take_columns(row, columns, taken[0].plain, channels, result)
    return 1
