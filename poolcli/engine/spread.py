"""Gradients of windows that blend: every pixel gathers what the windows that cover it send to it.

    out = sum over these windows of  w sent slope(r, a, b, constants)

`sent` is the gradient of a window's result times a factor of that window, a and b are two more numbers of it, as the
maximum of its values, and w is the weight of the pixel in it. Where no slope is given it is 1, and what a column of
windows sends is summed before it is spread along the row.

Pixels are lanes: what windows send is spread over a row of pixels once, and serves all rows that the windows cover.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine.arithmetic import alike, copy_row, fill_row
from poolcli.engine.bands import Bands
from poolcli.engine.compile import scalar
from poolcli.engine.interleave import interleave_phases
from poolcli.engine.operation import reader, record
from poolcli.engine.views import numbers_of
from poolcli.geometry import Windows
from poolcli.outputs import room

number: Any = None  # bound to the float of the gradient
source: Any = None  # bound to the dtype of the image
slope: Any = None
read: Any = None

NUMBERS = 3  # of a window: what it sends, a and b
_TILE = 1 << 16  # numbers that are spread at once, so that they stay in the second-level cache
_LEAST = 256  # pixels of a tile
_STRIDES = 16  # larger ones are spread pixel by pixel

SPREAD = record("height", "rows", "width", "channels", "pixels", "slots", "stride", "left", "right")
"""Rows of an image and of its windows, its width and channels, pixels of a tile, rows of windows that are kept; from
column left to right what holds for a column holds for that a stride further on, and the next window."""

_lines = types.Array(types.uint8, 2, "C", readonly=True)
_owners, _weights = types.Array(types.int64, 2, "C"), types.Array(types.float64, 2, "C")
_about, _out = types.Array(from_dtype(SPREAD), 1, "C"), types.Array(types.uint8, 2, "C")
_axes = (_owners, _weights, _owners, _weights)
_evenly = Bands(_lines, *_axes, _about, _out)
_steeply = Bands(_lines, types.Array(types.uint8, 3, "C", readonly=True), *_axes, _about,
                 types.Array(types.float64, 1, "C"), _out, least=16)  # fmt: skip


class Cover(NamedTuple):
    """Of each pixel of an axis the windows that cover it, -1 for none, and its weights in them, (most, pixels)."""

    owners: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def spans(self) -> NDArray[np.int64]:
        """Return of each pixel the first window that covers it, and the one after the last, (pixels, 2)."""
        last = self.owners.max(0) + 1
        return np.stack([np.where(self.owners < 0, last, self.owners).min(0), last], 1)

    @property
    def regular(self) -> tuple[int, int, int]:
        """Return the stride after which all begins again with the next windows, and the longest part where it does.

        >>> cover(Windows(*np.array([[0, 2, 4], [2, 2, 1], [2, 2, 1]]), np.ones((1, 2), int)), 5).regular
        (2, 0, 4)
        """
        owners, weights = self
        pixels = owners.shape[1]
        alone = np.flatnonzero((owners >= 0).any(0))
        for stride in range(1, min(_STRIDES, pixels - 1) + 1):
            later = np.where(owners < 0, -1, owners + 1)[:, :-stride]
            alike = (owners[:, stride:] == later).all(0) & (weights[:, stride:] == weights[:, :-stride]).all(0)
            other = np.concatenate([[-1], np.flatnonzero(~alike), [alike.size]])
            longest = int(np.diff(other).argmax())
            left, count = int(other[longest]) + 1, int(other[longest + 1] - other[longest]) - 1 + stride
            if 2 * count > alone.size:
                return stride, left, left + count // stride * stride
        return 1, 0, 0

    def divided(self, divisor: NDArray[np.int64], share: float = 1.0) -> Cover:
        """Return the same with weights over what belongs to their windows, times a share."""
        return Cover(self.owners, self.weights * (share / divisor)[self.owners])

    @property
    def reach(self) -> int:
        """Return how many neighbouring windows hold all that cover a pixel."""
        return max(int((self.spans[:, 1] - self.spans[:, 0]).max()), 1)


@lru_cache(maxsize=64)
def cover(windows: Windows, n: int) -> Cover:
    """Return which windows cover each of n pixels, in rising order."""
    owner = np.repeat(np.arange(windows.size), windows.count)
    tap = np.arange(len(owner)) - np.repeat(np.cumsum(windows.count) - windows.count, windows.count)
    weight = windows.weights[np.minimum(owner, len(windows.weights) - 1), tap]
    position = windows.first[owner] + tap * windows.step
    order = np.lexsort((owner, position))
    order = order[weight[order] != 0]
    owner, weight, position = owner[order], weight[order], position[order]
    times = np.bincount(position, minlength=n)
    which = np.arange(len(owner)) - np.repeat(np.cumsum(times) - times, times)
    found = Cover(np.full((max(times.max(initial=0), 1), n), -1), np.zeros((max(times.max(initial=0), 1), n)))
    found.owners[which, position], found.weights[which, position] = owner, weight
    return found


def spread_evenly(sent: NDArray[Any], shape: tuple[int, ...], down: Cover, across: Cover) -> NDArray[Any]:
    """Return (N, H, W, C) of this shape: the sums of what the windows (N, rows, columns, C) that cover a pixel send."""
    images, height, width, channels = shape
    rows = sent.shape[1]
    out = room(shape, sent.dtype)
    if out.size:
        about = np.array([(height, rows, width, channels, width, 1, *across.regular)], SPREAD)
        lines = sent.reshape(images * rows, -1).view(np.uint8)
        band = _even_band(sent.dtype)
        _evenly.run(band, images * height, lines, *down, *across, about, _rows_of(out))
    return out


def spread_steeply(
    image: NDArray[Any], sent: NDArray[Any], rows: Windows, columns: Windows, slope: Any, constants: Any
) -> NDArray[Any]:
    """Return the same of windows that send more to some values of (N, H, W, C) than to others.

    `sent` is (3, N, rows, columns, C): what they send, a and b.
    """
    images, height, width, channels = image.shape
    out = room(image.shape, sent.dtype)
    if out.size:
        down, across = cover(rows, height), cover(columns, width)
        kept = NUMBERS * down.reach * len(across.owners)
        pixels = min(width, max(_TILE // (kept * channels), _LEAST // channels, 1))
        about = np.array([(height, rows.size, width, channels, pixels, down.reach, *across.regular)], SPREAD)
        lines = sent.reshape(NUMBERS, images * rows.size, -1).view(np.uint8)
        band = _steep_band(sent.dtype, image.dtype, slope, constants._fields)
        parameters = np.hstack([*constants]).astype(np.float64)
        _steeply.run(band, images * height, _rows_of(image), lines, *down, *across, about, parameters, _rows_of(out))
    return out


def _rows_of(image: NDArray[Any]) -> NDArray[np.uint8]:
    return image.reshape(image.shape[0] * image.shape[1], -1).view(np.uint8)


@cache
def _even_band(dtype: np.dtype[Any]) -> Any:
    return _evenly.compile(_spread_evenly, number=dtype.type)


@cache
def _steep_band(dtype: np.dtype[Any], image: np.dtype[Any], slope: Any, names: tuple[str, ...]) -> Any:
    return _steeply.compile(_spread_steeply, number=dtype.type, source=image.type, slope=slope, read=reader(names))


@scalar
def _repeat_each(line, owners, weights, begin, end, origin, channels, out, nothing):
    """Write for each pixel the numbers of the window that covers it, times a weight; `nothing` where none does."""
    for x in range(begin, end):
        first, at, weight = owners[x] * channels, (x - origin) * channels, alike(weights[x], line[0])
        for c in range(channels):
            out[at + c] = weight * line[first + c] if first >= 0 else nothing


@scalar
def _repeat(line, owners, weights, begin, end, about, planes, out, nothing):
    """Write the same: where windows are a stride apart, phase by phase."""
    channels, stride, left, right = about.channels, about.stride, about.left, about.right
    low = left + max(begin - left + stride - 1, 0) // stride * stride
    count = max(min(right, end) - low, 0) // stride
    if count < 2:
        _repeat_each(line, owners, weights, begin, end, begin, channels, out, nothing)
        return
    high = low + count * stride
    _repeat_each(line, owners, weights, begin, low, begin, channels, out, nothing)
    for s in range(stride):
        weight = alike(weights[low + s], line[0])
        plane = planes[s] if stride > 1 else out[(low - begin) * channels :]
        if owners[low + s] < 0:  # the line may be shorter than what no window covers
            fill_row(plane[: count * channels], nothing)
            continue
        values = line[owners[low + s] * channels :]
        for j in range(count * channels):
            plane[j] = weight * values[j]
    if stride > 1:
        interleave_phases(planes, out[(low - begin) * channels :], stride, channels, count)
    _repeat_each(line, owners, weights, high, end, begin, channels, out, nothing)


def _spread_evenly(start, stop, sent, down, heights, across, widths, about, out):
    height, rows, width = about[0].height, about[0].rows, about[0].width
    lines, target = numbers_of(sent, number), numbers_of(out, number)
    total = np.empty(lines.shape[1], number)
    planes = np.empty((about[0].stride, width // about[0].stride * about[0].channels), number)
    part = np.empty(target.shape[1], number)
    for i in range(start, stop):
        y, row = i % height, target[i]
        alike = i > start and y > 0
        for q in range(len(down)):
            alike = alike and down[q, y] == down[q, y - 1] and heights[q, y] == heights[q, y - 1]
        if alike:
            copy_row(target[i - 1], row)
            continue
        fill_row(total, number(0))
        for q in range(len(down)):
            if down[q, y] >= 0:
                line, weight = lines[i // height * rows + down[q, y]], number(heights[q, y])
                for j in range(total.size):
                    total[j] += weight * line[j]
        _repeat(total, across[0], widths[0], 0, width, about[0], planes, row, number(0))
        for q in range(1, len(across)):
            _repeat(total, across[q], widths[q], 0, width, about[0], planes, part, number(0))
            for j in range(row.size):
                row[j] += part[j]
    return 1


def _spread_steeply(start, stop, image, sent, down, heights, across, widths, about, parameters, out):
    height, rows, width, channels = about[0].height, about[0].rows, about[0].width, about[0].channels
    pixels, slots = about[0].pixels, about[0].slots
    constants = read(parameters)
    values, lines, target = numbers_of(image, source), numbers_of(sent, number), numbers_of(out, number)
    ring = np.empty((slots, len(across), NUMBERS, pixels * channels), number)
    loaded = np.empty(slots, np.int64)
    ones = np.ones(width)
    planes = np.empty((about[0].stride, pixels // about[0].stride * channels), number)
    for x in range(0, width, pixels):
        end = min(x + pixels, width)
        fill_row(loaded, -1)
        for i in range(start, stop):
            row = target[i][x * channels : end * channels]
            r = values[i][x * channels : end * channels]
            fill_row(row, number(0))
            y = i % height
            for p in range(len(down)):
                if down[p, y] < 0:
                    continue
                line = i // height * rows + down[p, y]
                slot = line % slots
                for q in range(len(across)):
                    given = ring[slot, q]
                    if loaded[slot] != line:
                        _repeat(lines[0, line], across[q], widths[q], x, end, about[0], planes, given[0], number(0))
                        for t in range(1, NUMBERS):
                            _repeat(lines[t, line], across[q], ones, x, end, about[0], planes, given[t], number(1))
                    g, a, b = given[0], given[1], given[2]
                    weight = number(heights[p, y])
                    for j in range(row.size):
                        part = weight * g[j] * slope(number(r[j]), a[j], b[j], constants)
                        row[j] += part if g[j] != 0 else number(0)
                loaded[slot] = line
    return 1
