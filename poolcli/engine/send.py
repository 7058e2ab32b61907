"""Gradients of windows sent to the values that they took, by their indices: each value gets the sum of what it is sent.

Where pixels have few channels, windows send: they are walked in order, in bands of rows of the output. Where they have
many, pixels gather: each compares its own index with those of the windows that cover it, a lane a channel.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine.arithmetic import fill_row
from poolcli.engine.bands import Bands
from poolcli.engine.operation import record
from poolcli.engine.spread import cover
from poolcli.engine.views import numbers_of
from poolcli.geometry import Windows

number: Any = None  # bound to the float of the gradient

_MANY = 16  # channels: from here on pixels gather

SENT = record("height", "width", "channels", "rows", "fresh")
"""Rows and width of the image, its channels, rows of windows; whether nothing stands in the output yet."""

_lines = types.Array(types.uint8, 2, "C", readonly=True)
_indices = types.Array(types.int64, 2, "C", readonly=True)
_table = types.Array(types.int64, 2, "C")
_about, _out = types.Array(from_dtype(SENT), 1, "C"), types.Array(types.uint8, 2, "C")
_placed = types.Array(types.int64, 1, "C")
_sending = Bands(_lines, _indices, _table, _about, _placed, _out, least=8)
_gathering = Bands(_lines, _indices, _table, _table, _about, _placed, _out)


def send(sent: NDArray[Any], indices: NDArray[np.int64], windows: tuple[Windows, Windows], out: NDArray[Any]) -> int:
    """Write the sums of (planes, N, rows, columns, C) to (N, H, W, C), and return how many found their place."""
    return _send(sent, indices, windows, out, True)


def add(sent: NDArray[Any], indices: NDArray[np.int64], windows: tuple[Windows, Windows], out: NDArray[Any]) -> int:
    """Add the same to what stands there."""
    return _send(sent, indices, windows, out, False)


def _send(
    sent: NDArray[Any], indices: NDArray[np.int64], windows: tuple[Windows, Windows], out: NDArray[Any], fresh: bool
) -> int:
    images, height, width, channels = out.shape
    placed = np.zeros(images * height, np.int64)
    if out.size:
        lines, places = (np.ascontiguousarray(one).reshape(-1, sent.shape[3] * channels) for one in (sent, indices))
        about = np.array([(height, width, channels, sent.shape[2], fresh)], SENT)
        down, across = cover(windows[0], height), cover(windows[1], width)
        target = out.reshape(images * height, -1).view(np.uint8)
        if channels < _MANY:
            _sending.run(
                _sender(out.dtype), len(target), lines.view(np.uint8), places, down.spans, about, placed, target
            )
        else:
            axes = down.owners, across.owners
            _gathering.run(
                _gatherer(out.dtype), len(target), lines.view(np.uint8), places, *axes, about, placed, target
            )
    return int(placed.sum())


@cache
def _sender(dtype: np.dtype[Any]) -> Any:
    return _sending.compile(_send_each, number=dtype.type)


@cache
def _gatherer(dtype: np.dtype[Any]) -> Any:
    return _gathering.compile(_gather, number=dtype.type)


def _send_each(start, stop, values, indices, windows, about, placed, out):
    """Add to some rows of the output the values that point there, window after window, plane after plane."""
    count = 0
    band = start
    height, width, channels, rows = about[0].height, about[0].width, about[0].channels, about[0].rows
    source, target = numbers_of(values, number), numbers_of(out, number)
    images = len(target) // height
    if about[0].fresh:
        for i in range(start, stop):
            fill_row(target[i], number(0))
    while start < stop:  # image after image
        image = start // height
        pixels = target[image * height : (image + 1) * height].reshape(-1)
        end = min(stop, (image + 1) * height)
        low, high = (start - image * height) * width, (end - image * height) * width
        first, last = rows, 0
        for y in range(start - image * height, end - image * height):
            if windows[y, 0] < windows[y, 1]:
                first, last = min(first, windows[y, 0]), max(last, windows[y, 1])
        for plane in range(len(source) // (images * rows)):
            for i in range((plane * images + image) * rows + first, (plane * images + image) * rows + last):
                line, row = source[i], indices[i]
                for x in range(row.size // channels):
                    for c in range(channels):
                        index = row[x * channels + c]
                        if low <= index < high:
                            pixels[index * channels + c] += line[x * channels + c]
                            count += 1
        start = end
    placed[band] = count
    return 1


def _gather(start, stop, values, indices, down, across, about, placed, out):
    """Write to the pixels of some rows, or add to them, what windows that cover them send there, in the same order."""
    count = 0
    height, width, channels, rows = about[0].height, about[0].width, about[0].channels, about[0].rows
    source, target = numbers_of(values, number), numbers_of(out, number)
    planes = len(source) * height // (len(target) * rows)
    for i in range(start, stop):
        image, y, row = i // height, i % height, target[i]
        empty = about[0].fresh != 0
        for plane in range(planes):
            for p in range(len(down)):
                if down[p, y] < 0:
                    continue
                at = (plane * (len(target) // height) + image) * rows + down[p, y]
                line, places = source[at], indices[at]
                for x in range(width):
                    pixel, own = row[x * channels : (x + 1) * channels], y * width + x
                    for q in range(len(across)):
                        j = max(across[q, x], 0) * channels
                        given, index = line[j : j + channels], places[j : j + channels]
                        if across[q, x] < 0:
                            if empty and q == 0:
                                fill_row(pixel, number(0))
                        elif empty and q == 0:  # 1.5 times as fast as to add to 0
                            for c in range(channels):
                                here = index[c] == own
                                pixel[c] = given[c] + number(0) if here else number(0)
                                count += here
                        else:
                            for c in range(channels):
                                here = index[c] == own
                                pixel[c] += given[c] if here else number(0)
                                count += here
                empty = False
        if empty:
            fill_row(row, number(0))
    placed[start] = count
    return 1
