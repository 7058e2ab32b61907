"""The loop under every local pool: rows of windows in parallel, whole rows of numbers at a time.

A *tap* is one position in the window. Tap (y, x) of all windows in a row of windows is one contiguous slice, either of
an input row that was dealt out into planes (`deinterleave_row`), or of the input row itself: then windows at every
pixel are computed and every stride-th is kept (`decimate_row`), which is cheaper where the operator is. An operator
sees only such slices, so its loops are plain and contiguous whatever the window, the stride and the channels are.

Functions are passed as pointers, arrays as bytes: so the loop is compiled once, and a new operator or dtype compiles in
half a second what is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli import geometry
from poolcli.engine import interleave, sliding
from poolcli.engine.bands import Bands
from poolcli.engine.compile import bind, pointer
from poolcli.engine.operation import CURSOR, TAP, Operation, reader, record
from poolcli.engine.views import numbers_of
from poolcli.geometry import Windows, singles
from poolcli.outputs import room

_integer = types.int64
_bytes2 = types.Array(types.uint8, 2, "C")
_source = types.Array(types.uint8, 2, "C", readonly=True)  # takes writable arrays too
_integers2 = types.Array(types.int64, 2, "C")
_floats = types.Array(types.float64, 1, "C")

ROWS = record("first", "count", "divisor")
"""Windows along the rows: where each begins, how many rows it has, what a mean divides by."""
TILE = record("out", "count", "first", "stride", "taps", "divisor")
"""Neighbouring windows of one width along a row, equally far apart."""
SETTINGS = record(
    "images", "height", "channels", "item_bytes", "out_bytes", "planes", "row_step", "column_step", "slots", "capacity",
    "dense", "taps", "stride", "row", "column",
)  # fmt: skip
"""What all bands share: the extent of the output, bytes of numbers, sizes of the ring and of the tiles, and which row
and column of the whole output comes first."""

_cursors, _taps, _rows, _tiles, _settings = (
    types.Array(from_dtype(one), 1, "C") for one in (CURSOR, TAP, ROWS, TILE, SETTINGS)
)
OPERATOR = _integer(_source, _taps, _cursors, _floats, _integers2, _bytes2)
_functions = tuple(types.FunctionType(signature) for signature in (interleave.DEAL, OPERATOR, interleave.PUT))
_tables = (_rows, _integers2, _tiles, _integers2, _settings, _floats, _integers2)

_RING_BYTES = 1 << 18  # dealt rows of a tile stay in the second-level cache
_SLIDE_BYTES = 1 << 15  # and computed rows, before they are decimated, close to the first
_WIDE = 16  # taps; wider windows go one axis at a time, where the operator can
_SLID, _WIDE_ITEM = 8, 4  # taps from which windows of numbers of 4 bytes and more slide: 38 ms for 3 x 3, or 48
_PLANE_ROWS = 128  # of the image, whose planes are made and pooled before those of the next
_BANDS = 32  # for each thread: a band that is slow, because the machine is busy, holds nobody up
_bands = Bands(*_functions, _source, *_tables, _bytes2, each=_BANDS)


class _Run(NamedTuple):
    """Neighbouring windows of one width, equally far apart; in a tile there is room for."""

    out: int
    size: int
    first: int
    stride: int
    taps: int
    divisor: int


def pool(image: NDArray[Any], operation: Operation, rows: Windows, columns: Windows) -> NDArray[Any]:
    """Apply an operation to (N, H, W, C) and return (planes, N, rows, columns, C)."""
    if operation.prepass:
        return _pool_planes(image, operation.prepass, replace(operation, prepass=None), rows, columns)
    _, *whole = geometry.of_whole(image.shape, rows, columns)
    down, across = (side.max_count for side in whole)
    taps = down * across if down > 1 and across > 1 else 1
    wide = taps > _WIDE
    if taps > (_WIDE if image.itemsize < _WIDE_ITEM else _SLID) and image.size and operation.sliding:
        slid = sliding.pool(image, operation.sliding, rows, columns)
        if slid is not None:
            return slid
    if operation.separable and wide:
        first, second = operation.separable
        middle = pool(image, first, rows, singles(np.ones(image.shape[2], np.int64)))[0]
        return pool(middle, second, singles(rows.divisor), columns)
    images, height, width, channels = image.shape
    out = room((operation.planes, images, rows.size, columns.size, channels), operation.target)
    if not out.size:
        return out
    item = operation.source.itemsize
    dense = main_stride(columns) <= operation.max_dense_stride
    slots = (rows.max_count - 1) * rows.step + 1
    plan = planned(rows, columns, channels * item, 0 if dense else slots * columns.max_count)
    settings = np.zeros(1, SETTINGS)
    settings[0] = (
        images, rows.size, channels, item, operation.target.itemsize, operation.planes, rows.step, columns.step, slots,
        plan.capacity * channels, dense, plan.taps, plan.stride, rows.begin, columns.begin,
    )  # fmt: skip
    _bands.run(
        _loop(),
        images * rows.size,
        *_functions_for(operation, dense, channels, plan.only_stride),
        image.reshape(images * height, width * channels).view(np.uint8),
        plan.rows,
        plan.row_weights,
        plan.tiles,
        plan.tile_weights,
        settings,
        operation.parameters,
        operation.table,
        out.reshape(-1, columns.size * channels).view(np.uint8),
    )
    return out


def _pool_planes(
    image: NDArray[Any], prepass: Operation, operation: Operation, rows: Windows, columns: Windows
) -> NDArray[Any]:
    """Pool the planes that `prepass` makes of each pixel's 3 x 3 neighbours, some rows at a time."""
    images, height, width, channels = image.shape
    out = np.empty((prepass.planes, images, rows.size, columns.size, channels), operation.target)
    neighbours, across = (geometry.sliding(n, 3, 1, (1, 1)) for n in (height, width))
    step = max(1, _PLANE_ROWS * rows.size // height)
    for begin in range(0, rows.size, step):
        part = rows.part(begin, begin + step, height)
        top, bottom = int(part.first.min()), int((part.first + (part.count - 1) * part.step).max()) + 1
        above, below = max(top - 1, 0), min(bottom + 1, height)
        around = neighbours[top:bottom].shifted(-above)
        first = prepass.constants._replace(row=float(-above))  # of the rows of the image and those given
        for n in range(images):
            planes = pool(image[n : n + 1, above:below], replace(prepass, constants=first), around, across)
            for p, plane in enumerate(planes):
                out[p, n, begin : begin + step] = pool(plane, operation, part.shifted(-top), columns)[0, 0]
    return out


class _Plan(NamedTuple):
    """The windows of an image as the loop reads them."""

    rows: NDArray[Any]
    row_weights: NDArray[np.int64]
    tiles: NDArray[Any]
    tile_weights: NDArray[np.int64]
    capacity: int  # pixels that a tile's planes take at most
    taps: int  # of the fullest window
    stride: int  # the widest
    only_stride: int  # that of all tiles, or 0


@lru_cache(maxsize=64)
def planned(rows: Windows, columns: Windows, pixel: int, taps: int) -> _Plan:
    """Return windows as a loop reads them: pixels of so many bytes; `taps` is 0 for rows that are not dealt out."""
    tiles = list(_cut(_runs(columns), pixel, taps))
    weights = columns.weights if len(columns.weights) == 1 else columns.weights[[tile.out for tile in tiles]]
    return _Plan(
        row_table(rows),
        np.ascontiguousarray(rows.weights),
        np.array([tuple(tile) for tile in tiles], TILE),
        np.ascontiguousarray(weights),
        max(tile.stride * (tile.size + tile.taps * columns.step // tile.stride + 1) for tile in tiles),
        rows.max_count * columns.max_count,
        max(tile.stride for tile in tiles),
        tiles[0].stride if len({tile.stride for tile in tiles}) == 1 else 0,
    )


def row_table(windows: Windows) -> NDArray[Any]:
    """Return where windows of an axis lie, as loops read it."""
    table = np.zeros(windows.size, ROWS)
    table["first"], table["count"], table["divisor"] = windows.first, windows.count, windows.divisor
    return table


def main_stride(windows: Windows) -> int:
    """Return the stride of the longest run of windows, or 1 where most stand alone, as adaptive bins may."""
    runs = _runs(windows)
    return max(runs, key=lambda run: run.size).stride if len(runs) < windows.size / 2 else 1


@lru_cache(maxsize=64)
def _runs(windows: Windows) -> list[_Run]:
    """Group windows of equal count, divisor and weights that are equally far apart."""
    first, count, divisor = windows.first, windows.count, windows.divisor
    distance = np.diff(first, prepend=0)
    alike = (np.diff(count, prepend=0) == 0) & (np.diff(divisor, prepend=0) == 0) & (distance > 0)
    if len(windows.weights) > 1:
        alike[1:] &= (np.diff(windows.weights, axis=0) == 0).all(axis=1)
    changes = np.flatnonzero(~alike | (np.diff(distance, prepend=0) != 0))
    runs = []
    begin = 0
    while begin < windows.size:
        # A window alone takes a plane for each of its taps.
        end, stride = begin + 1, int(count[begin]) * windows.step
        if end < windows.size and alike[end]:
            later = np.searchsorted(changes, end + 1)
            end, stride = int(changes[later]) if later < len(changes) else windows.size, int(distance[end])
        runs.append(_Run(begin, end - begin, int(first[begin]), stride, int(count[begin]), int(divisor[begin])))
        begin = end
    longest = max(runs, key=lambda run: run.size)
    # The windows at the borders, cut by them, are alone: one stride for all has a faster function.
    return [run._replace(stride=longest.stride) if run.size == 1 < longest.size else run for run in runs]


def _cut(runs: list[_Run], pixel: int, taps: int) -> Iterator[_Run]:
    """Cut runs so that what an operator works on stays in the cache; `taps` is 0 for rows that are not dealt out."""
    for run in runs:
        size = _RING_BYTES // (pixel * max(taps, run.stride)) if taps else _SLIDE_BYTES // (pixel * run.stride)
        size = -(-run.size // -(-run.size // max(size, 16)))
        for begin in range(0, run.size, size):
            yield run._replace(
                out=run.out + begin, first=run.first + begin * run.stride, size=min(size, run.size - begin)
            )


def _functions_for(operation: Operation, dense: bool, channels: int, stride: int) -> tuple[Any, Any, Any]:
    """Return the functions of one call: what deals rows out, the operator, what writes its results."""
    size, out_size = operation.source.itemsize, operation.target.itemsize
    if dense:
        return _undealt(), compiled(operation.key), interleave.decimating(out_size, channels, stride)
    deal = interleave.dealing(size, channels, stride)
    return deal, compiled(operation.key), interleave.interleaving(out_size, channels)


def _leave(image, cursors, needed, ring, scratch):
    """Deal nothing out: windows at every pixel read the rows of the image."""


@cache
def _undealt() -> Any:
    return pointer(_leave, interleave.DEAL)


@cache
def compiled(key: tuple[Any, ...]) -> Any:
    """Return the operator of an operation, by its key, as kernels call it."""
    function, source, target, names, *bound = key
    return pointer(
        _typed,
        OPERATOR,
        operator=bind(function, **dict(bound)),
        source=source.type,
        target=target.type,
        read=reader(names),
    )


operator: Any = None
source: Any = None
target: Any = None
read: Any = None


def _typed(lines, taps, cursors, parameters, table, result):
    """Call an operator with arrays of its dtypes: the loop knows bytes only."""
    operator(numbers_of(lines, source), taps, cursors[0], read(parameters), table, numbers_of(result, target))
    return 1


def _band(
    start, stop, deal, operator, put, image, rows, row_weights, tiles, tile_weights, settings, parameters, table, out
):
    about = settings[0]
    channels, height, slots, dense = about.channels, about.height, about.slots, about.dense
    row_step, column_step = about.row_step, about.column_step
    depth = image.shape[0] // about.images
    ring = np.empty((slots, about.capacity * about.item_bytes), np.uint8)
    scratch = np.empty(about.capacity * about.item_bytes, np.uint8)
    result = np.empty((about.planes, about.capacity * about.out_bytes), np.uint8)
    lines = image if dense else ring
    taps = np.empty(about.taps, TAP)
    cursors = np.empty(1, CURSOR)
    cursor = cursors[0]  # which does not keep the array alive: functions get that
    cursor.width = image.shape[1] // (channels * about.item_bytes)
    cursor.channels = channels
    cursor.channel = 0
    loaded = np.empty(slots, np.int64)
    needed = np.empty(about.stride, np.bool_)
    outer, inner = (stop - start, len(tiles)) if dense else (len(tiles), stop - start)
    for turn in range(outer * inner):
        # Tile after tile along each row, but where rows are dealt out: then row after row, to deal each once.
        later, sooner = turn // inner, turn % inner
        t, i = (sooner, start + later) if dense else (later, start + sooner)
        tile = tiles[t]
        size, first, stride, across = tile.count, tile.first, tile.stride, tile.taps
        reach = (across - 1) * column_step
        plane = size + reach // stride
        if not dense and sooner == 0:
            for slot in range(slots):
                loaded[slot] = -1
            for x in range(stride):
                needed[x] = False
            for x in range(0, reach + 1, column_step):
                needed[x % stride] = True
        n, y = i // height, i % height
        window = rows[y]
        cursor.row = about.row + y
        cursor.column = about.column + tile.out
        cursor.into = tile.out
        cursor.stride = stride
        cursor.plane = plane
        cursor.divisor = window.divisor * tile.divisor
        cursor.lanes = ((size - 1) * stride + 1) * channels if dense else (channels - 1) * plane + size
        cursor.windows = size
        cursor.out = i
        cursor.first = first
        cursor.pixels = (size - 1) * stride + reach + 1
        count = 0
        for ky in range(window.count):
            line = window.first + ky * row_step
            row = n * depth + line
            if not dense:
                slot = line % slots
                if loaded[slot] != row:
                    loaded[slot] = row
                    cursor.line = row
                    cursor.slot = slot
                    deal(image, cursors, needed, ring, scratch)
                row = slot
            for kx in range(across):
                x = kx * column_step
                tap = taps[count]
                tap.line = row
                tap.start = (first + x) * channels if dense else x % stride * channels * plane + x // stride
                tap.row = line
                tap.column = first + x
                tap.weight = (
                    row_weights[min(y, len(row_weights) - 1), ky] * tile_weights[min(t, len(tile_weights) - 1), kx]
                )
                count += 1
        if not operator(lines, taps[:count], cursors, parameters, table, result):
            return 0
        put(result, cursors, out)
    return 1


@cache
def _loop() -> Any:
    return _bands.compile(_band)
