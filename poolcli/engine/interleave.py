"""Rows of interleaved pixels dealt out into contiguous planes, thinned out, and joined again.

LLVM vectorises these loops only where the number of planes is a constant: each common number has a call of its own.
"""

from __future__ import annotations

from typing import Any

from poolcli.engine.compile import inlined

unit: Any = None  # bound to an unsigned integer as wide as the dtype that is moved


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
def interleave(planes, target, channels, size):
    """Interleave planes: target[j * channels + c] = planes[c, j]."""
    for j in range(size):
        for c in range(channels):
            target[j * channels + c] = planes[c, j]


def deinterleave_row(image, cursors, needed, ring, scratch):
    """Deal a row out into stride x channels planes: number c of pixel u * stride + s goes to target[s, c, u].

    So tap x of every window in the row is one contiguous slice: from target[x % stride], x // stride numbers in.
    `needed` tells which of the s are read at all; the planes are `plane` numbers apart.
    """
    cursor = cursors[0]
    channels, stride, plane, pixels = cursor.channels, cursor.stride, cursor.plane, cursor.pixels
    row = image.view(unit)[cursor.line, cursor.first * channels : (cursor.first + pixels) * channels]
    groups = pixels // stride
    planes = ring.view(unit)[cursor.slot, : stride * channels * plane].reshape((stride * channels, plane))
    colours = scratch.view(unit)[: channels * pixels].reshape((channels, pixels))
    fused = stride * channels <= 4 or stride * channels == 6
    for part in range(1 if fused else 1 + channels):
        if fused:
            source, to, count, first, step, size = row, planes, stride * channels, 0, 1, groups
        elif part == 0:
            source, to, count, first, step, size = row, colours, channels, 0, 1, pixels
        else:
            source, to, count, first, step, size = colours[part - 1], planes, stride, part - 1, channels, groups
        if count == 1:
            deinterleave(source, to, 1, first, step, size)
        elif count == 2:
            deinterleave(source, to, 2, first, step, size)
        elif count == 3:
            deinterleave(source, to, 3, first, step, size)
        elif count == 4:
            deinterleave(source, to, 4, first, step, size)
        elif count == 6:
            deinterleave(source, to, 6, first, step, size)
        else:
            for q in range(count):
                if part == 0 or needed[q]:
                    for j in range(size):
                        to[first + q * step, j] = source[j * count + q]
    for last in range(groups * stride, pixels):
        for c in range(channels):
            planes[(last - groups * stride) * channels + c, groups] = row[last * channels + c]


def decimate_row(result, cursors, out):
    """Put every stride-th pixel of each computed row into the output."""
    cursor = cursors[0]
    channels, stride, size = cursor.channels, cursor.stride, cursor.windows
    for p in range(len(result)):
        row = cursor.out + p * (len(out) // len(result))
        target = out.view(unit)[row, cursor.column * channels : (cursor.column + size) * channels]
        _decimate(result.view(unit)[p], target, channels, stride, size)


@inlined
def _decimate(row, target, channels, stride, size):
    if stride == 1:
        strided_copy(row, target, 1, 1, channels * size)
    elif channels == 1 and stride == 2:
        strided_copy(row, target, 1, 2, size)
    elif channels == 1 and stride == 3:
        strided_copy(row, target, 1, 3, size)
    elif channels == 3 and stride == 2:
        strided_copy(row, target, 3, 6, size)
    elif channels == 3 and stride == 3:
        strided_copy(row, target, 3, 9, size)
    elif channels == 4 and stride == 2:
        strided_copy(row, target, 4, 8, size)
    else:
        strided_copy(row, target, channels, channels * stride, size)


def interleave_row(result, cursors, out):
    """Interleave the planes of each computed row, one a channel, into a row of pixels in the output."""
    cursor = cursors[0]
    channels, plane, size = cursor.channels, cursor.plane, cursor.windows
    for p in range(len(result)):
        row = cursor.out + p * (len(out) // len(result))
        target = out.view(unit)[row, cursor.column * channels : (cursor.column + size) * channels]
        planes = result.view(unit)[p, : channels * plane].reshape((channels, plane))
        _interleave(planes, target, channels, size)


@inlined
def _interleave(planes, target, channels, size):
    if channels == 1:
        interleave(planes, target, 1, size)
    elif channels == 3:
        interleave(planes, target, 3, size)
    elif channels == 4:
        interleave(planes, target, 4, size)
    else:
        interleave(planes, target, channels, size)
