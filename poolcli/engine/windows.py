"""The loop under every local pool: rows of windows in parallel, whole rows of numbers at a time.

A *tap* is one position in the window. Tap (y, x) of all windows in a row of windows is one contiguous slice, either of
an input row that was dealt out into planes (`deal`), or of the input row itself: then windows at every pixel are
computed and every stride-th is kept (`thin`), which is cheaper where the operator is. An operator sees only such
slices, so its loops are plain and contiguous whatever the window, the stride and the number of channels are.

Functions are passed as pointers, arrays as bytes: so the loop is compiled once, and a new operator or dtype compiles in
half a second what is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads, prange, types
from numpy.typing import NDArray

from poolcli.engine import interleave as layout
from poolcli.engine.bands import Launcher
from poolcli.engine.compile import check, pointer, specialise
from poolcli.engine.cursor import (
    CHANNELS,
    COLUMN,
    COUNT,
    DIVISOR,
    FIRST,
    LANES,
    LINE,
    OUT,
    PIXELS,
    PLANE,
    ROW,
    SIZE,
    SLOT,
    STRIDE,
    WIDTH,
)
from poolcli.engine.operation import Operation
from poolcli.geometry import Windows, singles, sliding

_integer = types.int64
_bytes1, _bytes2 = (types.Array(types.uint8, rank, "C") for rank in (1, 2))
_source = types.Array(types.uint8, 2, "C", readonly=True)  # takes writable arrays too
_integers1, _integers2 = (types.Array(types.int64, rank, "C") for rank in (1, 2))
_floats = types.Array(types.float64, 1, "C")
_flags = types.Array(types.boolean, 1, "C")

OPERATOR = _integer(_source, _integers2, _integers1, _floats, _integers2, _bytes2)
DEAL = types.void(_source, _integers1, _flags, _bytes2, _bytes1)
PUT = types.void(_bytes2, _integers1, _bytes2)
_functions = tuple(types.FunctionType(signature) for signature in (DEAL, OPERATOR, PUT))
_tables = (_integers2, _integers2, _integers2, _integers2, _integers1, _floats, _integers2)
BAND = _integer(*_functions, _source, *_tables, _bytes2, _integer, _integer)
LAUNCH = _integer(types.FunctionType(BAND), *_functions, _source, *_tables, _bytes2, _integer)

_RING_BYTES = 1 << 18  # dealt rows of a tile stay in the second-level cache
_SLIDE_BYTES = 1 << 15  # and computed rows, before they are thinned out, close to the first
_WIDE = 16  # taps; wider windows go one axis at a time, where the operator can
_PLANE_ROWS = 128  # of the picture, whose planes are made and pooled before those of the next
_BANDS = 32  # for each thread: a band that is slow, because the machine is busy, holds nobody up


class _Tile(NamedTuple):
    """Neighbouring windows of one width, equally far apart."""

    out: int
    size: int
    first: int
    stride: int
    taps: int
    divisor: int


def pool(image: NDArray[Any], operation: Operation, rows: Windows, columns: Windows) -> NDArray[Any]:
    """Apply an operation to (N, H, W, C) and return (planes, N, rows, columns, C)."""
    if operation.first:
        return _pool_planes(image, operation.first, replace(operation, first=None), rows, columns)
    if operation.axes and rows.most > 1 and columns.most > 1 and rows.most * columns.most > _WIDE:
        down, across = operation.axes
        middle = pool(image, down, rows, singles(np.ones(image.shape[2], np.int64)))[0]
        return pool(middle, across, singles(rows.divisor), columns)
    images, height, width, channels = image.shape
    out = np.empty((operation.planes, images, rows.size, columns.size, channels), operation.target)
    if not out.size:
        return out
    item, out_item = operation.source.itemsize, operation.target.itemsize
    slide = _main_stride(columns) <= operation.slide
    slots = (rows.most - 1) * rows.step + 1
    plan = _plan(rows, columns, channels * item, 0 if slide else slots * columns.most)
    strides = (rows.step, columns.step, slots, plan.capacity * channels, slide, plan.taps, plan.stride)
    settings = (channels, item, out_item, *strides)
    extent = (operation.planes, images, rows.size)
    functions = _functions_for(operation, slide)
    bands = min(images * rows.size, _BANDS * get_num_threads())
    done = functions["launch"](
        functions["band"],
        functions["deal"],
        functions["operator"],
        functions["put"],
        image.reshape(images * height, width * channels).view(np.uint8),
        plan.rows,
        plan.row_weights,
        plan.tiles,
        plan.tile_weights,
        np.array(settings + extent, np.int64),
        np.array(operation.parameters, np.float64),
        operation.table,
        out.reshape(-1, columns.size * channels).view(np.uint8),
        bands,
    )
    check(done, bands)
    return out


def _pool_planes(
    image: NDArray[Any], first: Operation, operation: Operation, rows: Windows, columns: Windows
) -> NDArray[Any]:
    """Pool the planes that `first` makes of each pixel's 3 x 3 neighbours, some rows at a time."""
    images, height, width, channels = image.shape
    out = np.empty((first.planes, images, rows.size, columns.size, channels), operation.target)
    neighbours, across = (sliding(n, 3, 1, (1, 1)) for n in (height, width))
    step = max(1, _PLANE_ROWS * rows.size // height)
    for begin in range(0, rows.size, step):
        part = rows.part(begin, begin + step)
        top, bottom = int(part.first.min()), int((part.first + (part.count - 1) * part.step).max()) + 1
        above, below = max(top - 1, 0), min(bottom + 1, height)
        around = neighbours.part(top, bottom).moved(-above)
        for n in range(images):
            told = replace(first, parameters=(top - above, *first.parameters))  # what row 0 is the neighbours of
            planes = pool(image[n : n + 1, above:below], told, around, across)
            for p, plane in enumerate(planes):
                out[p, n, begin : begin + step] = pool(plane, operation, part.moved(-top), columns)[0, 0]
    return out


class _Plan(NamedTuple):
    """The windows of a picture as the loop reads them."""

    rows: NDArray[np.int64]
    row_weights: NDArray[np.int64]
    tiles: NDArray[np.int64]
    tile_weights: NDArray[np.int64]
    capacity: int  # pixels that a tile's planes take at most
    taps: int  # of the fullest window
    stride: int  # the widest


@lru_cache(maxsize=64)
def _plan(rows: Windows, columns: Windows, pixel: int, taps: int) -> _Plan:
    tiles = list(_tiles(_runs(columns), pixel, taps))
    weights = columns.weights if len(columns.weights) == 1 else columns.weights[[tile.out for tile in tiles]]
    return _Plan(
        np.stack([rows.first, rows.count, rows.divisor], axis=1),
        np.ascontiguousarray(rows.weights),
        np.array(tiles, np.int64),
        np.ascontiguousarray(weights),
        max(tile.stride * (tile.size + tile.taps * columns.step // tile.stride + 1) for tile in tiles),
        rows.most * columns.most,
        max(tile.stride for tile in tiles),
    )


def _main_stride(windows: Windows) -> int:
    """Return the stride of the longest run of windows, or 1 where most stand alone, as adaptive bins may."""
    runs = _runs(windows)
    return max(runs, key=lambda run: run.size).stride if len(runs) < windows.size / 2 else 1


@lru_cache(maxsize=64)
def _runs(windows: Windows) -> list[_Tile]:
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
        runs.append(_Tile(begin, end - begin, int(first[begin]), stride, int(count[begin]), int(divisor[begin])))
        begin = end
    return runs


def _tiles(runs: list[_Tile], pixel: int, taps: int) -> Iterator[_Tile]:
    """Cut runs so that what an operator works on stays in the cache; `taps` is 0 for undealt rows."""
    for run in runs:
        size = _RING_BYTES // (pixel * max(taps, run.stride)) if taps else _SLIDE_BYTES // (pixel * run.stride)
        size = -(-run.size // -(-run.size // max(size, 16)))
        for begin in range(0, run.size, size):
            yield run._replace(
                out=run.out + begin, first=run.first + begin * run.stride, size=min(size, run.size - begin)
            )


def _functions_for(operation: Operation, slide: bool) -> dict[str, Any]:
    return {
        "launch": _loop()[0],
        "band": _loop()[1],
        "deal": _mover("deal", operation.source.itemsize),
        "put": _mover("thin" if slide else "join", operation.target.itemsize),
        "operator": _operator(operation.function, operation.source, operation.target, tuple(operation.bound.items())),
    }


@cache
def _mover(name: str, size: int) -> Any:
    signature = DEAL if name == "deal" else PUT
    return pointer(getattr(layout, name), f"{8 * size}", signature, unit=np.dtype(f"u{size}").type)


@cache
def _operator(kernel: Callable[..., Any], source: np.dtype[Any], target: np.dtype[Any], bound: tuple[Any, ...]) -> Any:
    names = "_".join(value.__name__ for _, value in bound)
    name = "_".join(filter(None, (kernel.__name__, source.name, target.name, names)))
    return pointer(
        _typed, name, OPERATOR, operator=specialise(kernel, **dict(bound)), source=source.type, target=target.type
    )


operator: Any = None  # bound, as are
source: Any = np.uint8
target: Any = np.uint8


def _typed(ring, taps, place, parameters, table, result):
    operator(ring.view(source), taps[: place[COUNT]], place, parameters, table, result.view(target))
    return 1


# fmt: off
def _launch(band, deal, operator, put, image, rows, row_weights, tiles, tile_weights, settings, parameters, table, out,
            bands):
    total = settings[-2] * settings[-1]
    done = 0
    for b in prange(bands):
        done += band(deal, operator, put, image, rows, row_weights, tiles, tile_weights, settings, parameters, table,
                     out, b * total // bands, (b + 1) * total // bands)  # fmt: skip
    return done


def _band(deal, operator, put, image, rows, row_weights, tiles, tile_weights, settings, parameters, table, out,
          start, stop):
    # fmt: on
    (channels, item, out_item, row_step, column_step, slots, capacity, slide, most, widest, planes, images,
     height) = settings
    depth = image.shape[0] // images
    ring = np.empty((slots, capacity * item), np.uint8)
    scratch = np.empty(capacity * item, np.uint8)
    result = np.empty((planes, capacity * out_item), np.uint8)
    lines = image if slide else ring
    taps = np.empty((most, 5), np.int64)
    place = np.empty(15, np.int64)
    place[WIDTH] = image.shape[1] // (channels * item)
    place[CHANNELS] = channels
    loaded = np.empty(slots, np.int64)
    needed = np.empty(widest, np.bool_)
    outer, inner = (stop - start, len(tiles)) if slide else (len(tiles), stop - start)
    for turn in range(outer * inner):
        # Tile after tile along each row, but where rows are dealt out: then row after row, to deal each once.
        later, sooner = turn // inner, turn % inner
        t, i = (sooner, start + later) if slide else (later, start + sooner)
        size, first, stride, across = tiles[t, 1], tiles[t, 2], tiles[t, 3], tiles[t, 4]
        reach = (across - 1) * column_step
        plane = size + reach // stride
        if not slide and sooner == 0:
            for slot in range(slots):
                loaded[slot] = -1
            for x in range(stride):
                needed[x] = False
            for x in range(0, reach + 1, column_step):
                needed[x % stride] = True
        n, y = i // height, i % height
        place[ROW] = y
        place[COLUMN] = tiles[t, 0]
        place[STRIDE] = stride
        place[PLANE] = plane
        place[DIVISOR] = rows[y, 2] * tiles[t, 5]
        place[LANES] = ((size - 1) * stride + 1) * channels if slide else (channels - 1) * plane + size
        place[COUNT] = rows[y, 1] * across
        place[SIZE] = size
        place[OUT] = i
        place[FIRST] = first
        place[PIXELS] = (size - 1) * stride + reach + 1
        count = 0
        for ky in range(rows[y, 1]):
            line = rows[y, 0] + ky * row_step
            row = n * depth + line
            if not slide:
                slot = line % slots
                if loaded[slot] != row:
                    loaded[slot] = row
                    place[LINE] = row
                    place[SLOT] = slot
                    deal(image, place, needed, ring, scratch)
                row = slot
            for kx in range(across):
                x = kx * column_step
                taps[count, 0] = row
                taps[count, 1] = (first + x) * channels if slide else x % stride * channels * plane + x // stride
                taps[count, 2] = line
                taps[count, 3] = first + x
                taps[count, 4] = (
                    row_weights[min(y, len(row_weights) - 1), ky] * tile_weights[min(t, len(tile_weights) - 1), kx]
                )
                count += 1
        if not operator(lines, taps, place, parameters, table, result):
            return 0
        put(result, place, out)
    return 1


@cache
def _loop() -> tuple[Any, Any]:
    return Launcher(_launch, "", LAUNCH), pointer(_band, "", BAND)
