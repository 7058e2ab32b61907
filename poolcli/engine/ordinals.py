"""Ranks in windows that overlap much, of values wider than a byte: sorted once for a tile, then known by their places.

A window is the set of the places of its values, a bit each, and how many there are in each word of 64. It gains and
loses columns as it goes along a row, back along the next, and so on; the word that holds a rank is seldom far from that
of the window before (Huang, Yang and Tang 1979).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli import geometry
from poolcli.engine.arithmetic import alike, fill_row
from poolcli.engine.bands import Bands
from poolcli.engine.compile import bind, scalar
from poolcli.engine.counts import wanted_ranks
from poolcli.engine.operation import record
from poolcli.engine.views import numbers_of
from poolcli.geometry import Windows
from poolcli.outputs import room

unit: Any = None  # bound to the unsigned integer as wide as the values
sign: Any = None  # bound to the bit of the sign; 0 of values without one
infinity: Any = None  # bound to the bits of infinity; 0 of integers
read_keys: Any = None  # bound to functions of these three
bits_of: Any = None

SETTINGS = record("height", "channels", "rows", "columns", "down", "across", "most")
"""Rows and channels of an image, its rows of windows and their columns, windows of a tile along both axes, pixels of a
tile at most."""
STATE = record("below", "at", "odd", "left", "right", "upper", "lower")
"""Of a window: values in the words before word `at`, values that are no number, and which pixels of the tile it has."""

_integers = types.Array(types.int64, 2, "C", readonly=True)
_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True), _integers, _integers, _integers,
    types.Array(from_dtype(SETTINGS), 1, "C"), types.Array(types.uint8, 2, "C"),
)  # fmt: skip
_SIDE = 160  # pixels of a tile, where windows are small
_PIXELS = 1 << 22  # of a tile, at most


def pool(image: NDArray[Any], rows: Windows, columns: Windows, rank: Callable[[int], int]) -> NDArray[Any] | None:
    """Return the values of a rank, (1, N, rows, columns, C) of (N, H, W, C), or None where windows do not slide."""
    if not _slide(*geometry.of_whole(image.shape, rows, columns)[1:]):
        return None
    images, height, _, channels = image.shape
    (down, deep), (across, wide) = _together(rows), _together(columns)
    out = room((1, images, rows.size, columns.size, channels), image.dtype)
    settings = np.array([(height, channels, rows.size, columns.size, down, across, deep * wide)], SETTINGS)
    _bands.run(
        _compiled(image.dtype),
        images * -(-rows.size // down) * -(-columns.size // across) * channels,
        image.reshape(images * height, -1).view(np.uint8),
        _ends(rows),
        _ends(columns),
        wanted_ranks(rows, columns, rank),
        settings,
        out.reshape(images * rows.size, -1).view(np.uint8),
    )
    return out


def _slide(rows: Windows, columns: Windows) -> bool:
    """Return whether windows are without gaps, none is empty, and not too many pixels are sorted at once."""
    dense = all(side.step == 1 and side.count.min() > 0 for side in (rows, columns))
    return dense and _together(rows)[1] * _together(columns)[1] <= _PIXELS


def _ends(windows: Windows) -> NDArray[np.int64]:
    """Return the first pixel of each window, and the one after its last."""
    return np.stack([windows.first, windows.first + windows.count], 1)


def _together(windows: Windows) -> tuple[int, int]:
    """Return how many windows of an axis a tile has, and how many pixels these take at most."""
    first, end = _ends(windows).T
    distance = max(int(np.diff(first).max(initial=1)), 1)
    together = max((max(2 * windows.max_count, _SIDE) - windows.max_count) // distance + 1, 1)
    starts = np.arange(0, windows.size, together)
    last = np.minimum(starts + together, windows.size) - 1
    return together, int((end[last] - first[starts]).max())


@cache
def _compiled(dtype: np.dtype[Any]) -> Any:
    return _bands.compile(_band, **functions_of_keys(dtype))


def functions_of_keys(dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return what is bound where values of a dtype are sorted: their width, what makes keys of them, and back."""
    number = np.dtype(f"u{dtype.itemsize}").type
    lowest = number(0 if dtype.kind == "u" else 1 << (8 * dtype.itemsize - 1))
    endless = number(np.array([np.inf], dtype).view(number)[0] if dtype.kind == "f" else 0)
    bound = {"unit": number, "sign": lowest, "infinity": endless}
    return {"unit": number, "read_keys": bind(_read_keys, **bound), "bits_of": bind(_bits_of, **bound)}


def _band(start, stop, image, rows, columns, ranks, settings, out):
    about = settings[0]
    lines, target = numbers_of(image, unit), numbers_of(out, unit)
    deep, wide = (about.rows - 1) // about.down + 1, (about.columns - 1) // about.across + 1
    keys, order = np.empty((2, about.most), unit), np.empty((2, about.most), np.int32)
    digits = np.empty(256, np.int32)
    words = np.empty(about.most // 64 + 1, np.uint64)
    counts = np.empty(words.size, np.int32)
    states = np.empty(1, STATE)
    for tile in range(start, stop):
        channel, rest = tile % about.channels, tile // about.channels
        across, rest = rest % wide * about.across, rest // wide
        down, n = rest % deep * about.down, rest // deep
        own = rows[down : down + about.down]
        beside = columns[across : across + about.across]
        top, left = own[0, 0], beside[0, 0]
        width = beside[len(beside) - 1, 1] - left
        size = (own[len(own) - 1, 1] - top) * width
        known = read_keys(lines, n * about.height + top, left, width, about.channels, channel, keys[0][:size])
        last = sort_keys(keys[:, :size], order[:, :size], digits)
        places = order[1 - last][:size]
        for k in range(size):
            places[order[last, k]] = k
        fill_row(words, np.uint64(0))
        fill_row(counts, np.int32(0))
        states[0].below = states[0].at = states[0].odd = 0
        states[0].left = states[0].right = beside[0, 0] - left
        states[0].upper = states[0].lower = own[0, 0] - top
        for i in range(len(own)):
            line = target[n * about.rows + down + i]
            _move_down(states, own[i, 0] - top, own[i, 1] - top, width, places, known, words, counts)
            for step in range(len(beside)):
                j = step if i % 2 == 0 else len(beside) - 1 - step
                _move_along(states, beside[j, 0] - left, beside[j, 1] - left, width, places, known, words, counts)
                place = _find(states, ranks[own[i, 1] - own[i, 0], across + j], words, counts)
                found = keys[last, place] if states[0].odd == 0 else keys[last, size - 1]
                line[(across + j) * about.channels + channel] = bits_of(found)
    return 1


def _read_keys(lines, top, left, width, channels, channel, keys):
    """Write the keys of a tile, row after row, which sort as the values do, and return how many are numbers.

    What is no number has one key, the largest.
    """
    odd = 0
    for k in range(keys.size):
        bits = lines[top + k // width, (left + k % width) * channels + channel]
        if infinity and unit(bits & unit(~sign)) > infinity:
            keys[k] = unit(~unit(0))
            odd += 1
        elif infinity and bits & sign:
            keys[k] = unit(~bits)
        elif infinity:
            keys[k] = unit(bits | sign)
        else:
            keys[k] = unit(bits ^ sign)
    return keys.size - odd


def _bits_of(key):
    """Return the bits of the value of a key."""
    if infinity and not key & sign:
        return unit(~key)
    return unit(key & unit(~sign)) if infinity else unit(key ^ sign)


@scalar
def sort_keys(keys, order, digits):
    """Sort keys, and the numbers from 0 on beside them, byte after byte, and return which half of both has them."""
    now = 0
    size = keys.shape[1]
    for k in range(size):
        order[0, k] = k
    for shift in range(0, 8 * keys.itemsize, 8):
        fill_row(digits, np.int32(0))
        for k in range(size):
            digits[np.int64(keys[now, k] >> alike(shift, keys[0, 0])) & 255] += np.int32(1)
        if digits[np.int64(keys[now, 0] >> alike(shift, keys[0, 0])) & 255] == size:
            continue  # all have this one
        total = np.int32(0)
        for d in range(256):
            digits[d], total = total, np.int32(total + digits[d])
        for k in range(size):
            digit = np.int64(keys[now, k] >> alike(shift, keys[0, 0])) & 255
            to = digits[digit]
            digits[digit] = np.int32(to + 1)
            keys[1 - now, to], order[1 - now, to] = keys[now, k], order[now, k]
        now = 1 - now
    return now


@scalar
def _move_along(states, left, right, width, places, known, words, counts):
    """Take in and give up columns until the window has those from left to right."""
    state = states[0]
    first, count = state.upper * width, state.lower - state.upper
    while state.right < right:
        _trade(states, first + state.right, width, count, 1, places, known, words, counts)
        state.right += 1
    while state.left > left:
        state.left -= 1
        _trade(states, first + state.left, width, count, 1, places, known, words, counts)
    while state.left < left:
        _trade(states, first + state.left, width, count, -1, places, known, words, counts)
        state.left += 1
    while state.right > right:
        state.right -= 1
        _trade(states, first + state.right, width, count, -1, places, known, words, counts)


@scalar
def _move_down(states, upper, lower, width, places, known, words, counts):
    """Take in and give up rows until the window has those from upper to lower."""
    state = states[0]
    count = state.right - state.left
    while state.lower < lower:
        _trade(states, state.lower * width + state.left, 1, count, 1, places, known, words, counts)
        state.lower += 1
    while state.upper < upper:
        _trade(states, state.upper * width + state.left, 1, count, -1, places, known, words, counts)
        state.upper += 1


@scalar
def _trade(states, first, step, count, more, places, known, words, counts):
    """Take in, or give up, pixels of a tile."""
    state = states[0]
    below, odd, at = state.below, state.odd, state.at
    for k in range(count):
        place = np.int64(places[first + k * step])
        word = place >> 6
        words[word] ^= np.uint64(1) << np.uint64(place & 63)
        counts[word] = np.int32(counts[word] + more)
        below += more if word < at else 0
        odd += more if place >= known else 0
    state.below, state.odd = below, odd


@scalar
def _find(states, rank, words, counts):
    """Return the place of a rank."""
    state = states[0]
    below, at = state.below, state.at
    while below > rank:
        at -= 1
        below -= counts[at]
    while below + counts[at] <= rank:
        below += counts[at]
        at += 1
    state.below, state.at = below, at
    word = words[at]
    for _ in range(rank - below):
        word &= word - np.uint64(1)
    lowest = word & (~word + np.uint64(1))
    return at * 64 + (np.float64(lowest).view(np.int64) >> 52) - 1023  # which power of 2 it is
