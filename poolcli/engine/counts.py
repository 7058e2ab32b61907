"""Ranks in windows of bytes that overlap much: values are counted, and ranks found in what they add up to.

First the sixteenth of all values that each result lies in. Of three thresholds, and of three more in each quarter that
there is, the values of each column that are no more are counted, of which one enters and one leaves from row to row;
windows add up 1, 2, 4, ... columns. All that is comparisons and sums of whole rows. Then the value: each column counts
its values, and along a row windows keep the counts of the sixteenths that they met, each brought up to date when a
result lies in it again (Perreault and Hebert 2007).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine import sliding
from poolcli.engine.arithmetic import alike, fill_row
from poolcli.engine.bands import Bands
from poolcli.engine.compile import scalar
from poolcli.engine.operation import record
from poolcli.engine.views import numbers_of
from poolcli.geometry import Windows
from poolcli.outputs import room

source: Any = None  # bound to the dtype of the image
number: Any = None  # bound to the dtype of the counts of columns
wide: Any = None  # bound to that of the counts of windows

SETTINGS = record("height", "channels", "rows", "across", "stride", "least", "together")
"""Rows and channels of the image; rows of windows, columns of each, pixels from one to the next; the least value of the
dtype; rows of windows that a tile has."""

_tables = (types.Array(from_dtype(one), 1, "C") for one in (sliding.ROW, sliding.TILE, SETTINGS))
_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True), *_tables, types.Array(types.int64, 2, "C"),
    types.Array(types.uint8, 2, "C"),
)  # fmt: skip
_ROWS = 128  # of the image that windows of a tile begin in, at least: all count the rows of the first anew
_BLOCKS = 8  # of rows of windows, for the threads
_NUMBERS = 1024  # of a row of a tile, at least
_MOST = 1 << 16  # at most: 256 counts each


def pool(image: NDArray[Any], rows: Windows, columns: Windows, rank: Callable[[int], int]) -> NDArray[Any] | None:
    """Return the values of a rank, (1, N, rows, columns, C) of (N, H, W, C), or None where windows do not slide."""
    images, height, width, channels = image.shape
    plan = sliding.plan(rows, columns, height, width, _NUMBERS // channels)
    if plan is None or plan.tiles["pixels"].max() * channels > _MOST:
        return None
    out = room((1, images, rows.size, columns.size, channels), image.dtype)
    least = 0 if image.dtype.kind == "u" else int(np.iinfo(image.dtype).min)
    together = min(max(_ROWS, 4 * plan.down) // plan.together, -(-rows.size // _BLOCKS))
    settings = np.array([(height, channels, rows.size, plan.across, plan.stride, least, together)], SETTINGS)
    lines = out.reshape(images * rows.size, -1).view(np.uint8)
    counted = image.reshape(images * height, -1).view(np.uint8)
    ranks = wanted_ranks(rows, columns, rank)
    narrow = plan.down < 1 << 8 and plan.down * plan.across < 1 << 16
    band = _compiled(image.dtype, narrow)
    _bands.run(band, images * -(-rows.size // together), counted, *plan[:2], settings, ranks, lines)
    return out


def wanted_ranks(rows: Windows, columns: Windows, rank: Callable[[int], int]) -> NDArray[np.int64]:
    """Return the rank that is wanted in each window: a row for each number of rows."""
    counts = np.full(rows.max_count + 1, rows.max_count)
    counts[rows.count] = rows.count
    n = np.outer(counts, columns.count)
    different, which = np.unique(n, return_inverse=True)
    return np.array([rank(int(one)) for one in different], np.int64)[which].reshape(n.shape)


@cache
def _compiled(image: np.dtype[Any], narrow: bool) -> Any:
    number, wide = (np.uint8, np.uint16) if narrow else (np.uint32, np.uint32)
    return _bands.compile(_band, source=image.type, number=number, wide=wide)


def _band(start, stop, image, rows, tiles, settings, ranks, out):
    about = settings[0]
    together, blocks = about.together, (about.rows + about.together - 1) // about.together  # of an image
    lines, target = numbers_of(image, source), numbers_of(out, source)
    there = np.empty((together, 16), np.bool_)
    for t in range(len(tiles)):
        tile = tiles[t]
        lanes = ((tile.count - 1) * about.stride + 1) * about.channels
        columns = np.zeros((3, tile.pixels * about.channels), number)
        spare = np.empty((3, columns.size), wide)
        wanted, below = np.empty((together, lanes), wide), np.empty((together, lanes), wide)
        bins, finer = np.empty((together, lanes), np.uint8), np.empty((together, lanes), np.uint8)
        counts = np.zeros((columns.shape[1], 256), number)
        for u in range(start, stop):
            first, top = u % blocks * together, u // blocks * about.height
            own = rows[first : min(first + together, about.rows)]
            for i in range(len(own)):
                some = ranks[own[i].end - own[i].first, tile.out : tile.out + tile.count]
                _spread(some, about.channels, about.stride, wanted[i])
                fill_row(bins[i], 0)
                fill_row(below[i], 0)
            for step in (64, 16):
                for i in range(len(own)):
                    _split(bins[i], there[i], finer[i])
                for b in range(64 // step if step < 64 else 1):
                    _refine(lines, top, own, tile, about, step, b, there, columns, spare, wanted, below, bins, finer)
                bins, finer = finer, bins
            values = target[u // blocks * about.rows + first :, tile.out * about.channels :]
            _read(lines, top, own, tile, about, counts, bins, wanted, below, values)
    return 1


@scalar
def _refine(lines, top, rows, tile, about, step, b, there, columns, spare, wanted, below, bins, finer):
    """Find which quarters of a bin values are in, by the three thresholds between them."""
    channels = about.channels
    begin = end = np.int64(-1)
    left, right, before = tile.left * channels, tile.right * channels, tile.before * channels
    for i in range(len(rows)):
        if not there[i, b]:
            continue
        window = rows[i]
        if begin < 0:
            begin = end = window.first
            for q in range(3):
                fill_row(columns[q], 0)
        while end < window.end or begin < window.first:
            enters = end < window.end
            row = lines[top + (end if enters else begin), left:right]
            _count_to(row, about.least + step * (4 * b + 1) - 1, step, 1 if enters else -1, columns, before)
            end, begin = (end + 1, begin) if enters else (end, begin + 1)
        _add_up(columns, spare, about.across, channels, wanted[i], below[i], np.uint8(b), bins[i], finer[i])


@scalar
def _read(lines, top, rows, tile, about, counts, bins, wanted, below, out):
    """Write the values of windows, row after row."""
    channels = about.channels
    left, right = tile.left * channels, tile.right * channels
    seen = counts[tile.before * channels : tile.before * channels + right - left]
    for lane in range(len(counts)):
        fill_row(counts[lane], 0)
    begin = end = rows[0].first
    totals, since = np.empty((16, 16), wanted.dtype), np.empty(16, np.int64)
    nothing = np.zeros(16, counts.dtype)
    for i in range(len(rows)):
        while end < rows[i].end or begin < rows[i].first:
            enters = end < rows[i].end
            _tally(lines[top + (end if enters else begin), left:right], about.least, 1 if enters else -1, seen)
            end, begin = (end + 1, begin) if enters else (end, begin + 1)
        for c in range(channels):
            fill_row(since, -about.across)  # no window has been met
            for w in range(tile.count):
                j = w * about.stride * channels + c
                b = np.int64(bins[i, j])
                _follow(counts, totals[b], 16 * b, since[b], w * about.stride, c, about, nothing)
                since[b] = w * about.stride
                place = _place(totals[b], np.int64(wanted[i, j]) - np.int64(below[i, j]))
                out[i, w * channels + c] = alike(16 * b + place + about.least, lines[0, 0])


@scalar
def _tally(values, least, more, counts):
    """Count a row of values, or take it off."""
    kind = counts.dtype.type
    for j in range(values.size):
        k = np.int64(values[j]) - least
        counts[j, k] = kind(np.int64(counts[j, k]) + more)


@scalar
def _follow(counts, total, low, since, x, c, about, nothing):
    """Bring the counts of 16 values up to date, from the window at pixel `since` to that at `x`."""
    channels, span = about.channels, about.across
    anew = x - since >= span
    if anew:
        fill_row(total, 0)
    for k in range(x if anew else since, x + span if anew else x):
        new = counts[(k if anew else k + span) * channels + c, low : low + 16]
        _trade(total, new, nothing if anew else counts[k * channels + c, low : low + 16])


@scalar
def _trade(total, new, old):
    for k in range(16):
        total[k] = alike(total[k] + alike(new[k], total[k]) - alike(old[k], total[k]), total[k])


@scalar
def _place(counts, rank):
    """Return the place of a rank among values that are counted."""
    place, below = np.int64(0), np.int64(0)
    for k in range(15):
        below += np.int64(counts[k])
        place += below <= rank
    return place


@scalar
def _split(bins, there, finer):
    """Tell which bins there are, and write the first of the four that each is split into."""
    fill_row(there, False)
    for j in range(bins.size):
        there[bins[j] & np.uint8(15)] = True
    for j in range(bins.size):
        finer[j] = np.uint8(bins[j] << np.uint8(2))


@scalar
def _is_within(value, threshold, one):
    return one if value <= threshold else alike(0, one)


@scalar
def _count_to(values, threshold, step, more, columns, before):
    """Count, or take off again, the values of a row that are no more than each of three thresholds."""
    for q in range(3):
        top, line = alike(threshold + q * step, values[0]), columns[q, before : before + values.size]
        one = alike(np.int64(more), line[0])
        for j in range(line.size):
            line[j] = alike(line[j] + _is_within(values[j], top, one), one)


@scalar
def _spread(ranks, channels, stride, wanted):
    """Write the ranks of windows for all pixels: where none begins, that of the one before."""
    each = stride * channels
    for j in range(wanted.size):
        wanted[j] = ranks[j // each]


@scalar
def _add_up(columns, spare, span, channels, wanted, below, own, bins, finer):
    """Add to those of a bin how many of its three thresholds no more values reach than the rank that is wanted.

    The columns of all three stand in one row, so that its ends cost a third.
    """
    line, total, zero = columns.reshape(columns.size), spare[2], alike(0, wanted[0])
    beside, values = line[channels:], spare[0][: line.size - channels]
    for j in range(values.size):
        values[j] = alike(alike(line[j], zero) + alike(beside[j], zero), zero)
    width, turn, done = 2, 1, span % 2
    size = line.size - (span - 1) * channels
    total = total[:size]
    if done:
        for j in range(size):
            total[j] = alike(line[j], zero)
    else:
        fill_row(total, zero)
    while 2 * width <= span:
        if span & width:
            part = values[done * channels :]
            for j in range(size):
                total[j] = alike(total[j] + part[j], zero)
            done += width
        shifted = values[width * channels :]
        longer = spare[turn][: shifted.size]
        for j in range(longer.size):
            longer[j] = alike(values[j] + shifted[j], zero)
        values, width, turn = longer, 2 * width, 1 - turn
    for q in range(3):
        begin = q * columns.shape[1]
        some, part = total[begin:], values[begin + done * channels :]
        for j in range(finer.size):
            count = alike(some[j] + part[j], zero)
            more = _is_of(bins[j], own, count, wanted[j])
            finer[j] = np.uint8(finer[j] + more)
            below[j] = count if more else below[j]


@scalar
def _is_of(value, own, count, wanted):
    return np.uint8(1) if value == own and count <= wanted else np.uint8(0)
