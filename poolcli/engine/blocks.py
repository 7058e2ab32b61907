"""The loop under small windows that lie side by side, or have many channels: no row is dealt out for them.

The rows of windows are folded into one, and neighbouring pixels of that into results. The first loop is contiguous; the
second is as long as there are channels, or LLVM knows how many of these and of pixels there are, and vectorises it.
Windows of 2 x 2 are folded in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine import windows
from poolcli.engine.arithmetic import saturate_cast
from poolcli.engine.bands import Bands
from poolcli.engine.compile import bind, inlined
from poolcli.engine.operation import record
from poolcli.engine.views import numbers_of
from poolcli.geometry import Windows, of_whole
from poolcli.outputs import room

FEW_CHANNELS = (1, 3, 4)
"""Numbers of channels that loops are compiled for."""
_MANY_CHANNELS = 8  # that fill a vector
_FEW_TAPS = 8  # along an axis; loops over more are not unrolled
_OVERLAP = 2  # windows that a row of many channels is in: it is folded anew for each

SETTINGS = record("images", "channels", "capacity")
"""Images, channels, and numbers of a row that a tile takes."""

_bands = Bands(
    types.Array(types.uint8, 2, "C", readonly=True),
    *(types.Array(from_dtype(one), 1, "C") for one in (windows.ROWS, windows.TILE, SETTINGS)),
    types.Array(types.uint8, 2, "C"),
    each=32,
)
_regions = Bands(
    types.Array(types.uint8, 2, "C", readonly=True),
    *(types.Array(from_dtype(one), 1, "C") for one in (windows.ROWS, windows.ROWS, SETTINGS)),
    types.Array(types.uint8, 2, "C"),
)


@dataclass(frozen=True)
class Lifting:
    """What values become, one number each, and how two of these are joined: without constants of a pool."""

    source: np.dtype[Any]
    number: type
    lift: Callable[..., Any]
    combine: Callable[..., Any]

    @property
    def functions(self) -> dict[str, Any]:
        """Return what loops over rows are bound to."""
        own = {"lift": self.lift, "combine": self.combine, "number": self.number}
        return {**own, "four": bind(_four, **own)}


@dataclass(frozen=True)
class Block:
    """How windows are folded along one axis, and then along the other."""

    lifting: Lifting
    target: np.dtype[Any]
    finish: Callable[..., Any]
    of_four: Callable[..., Any] | None = None  # of a window of 2 x 2, where that is quicker
    ordered: bool = False  # the first of equals in row order is taken, of 0.0 and -0.0: values are not lifted then


# Placeholders: those of a block, and how many channels and taps loops are compiled for, 0 for any number.
source: Any = None
target: Any = None
number: Any = None
lift: Any = None
combine: Any = None
finish: Any = None
of_four: Any = None
four: Any = None
fold_rows: Any = None
fold_columns: Any = None
fold_window: Any = None
few_channels: Any = None
few_taps: Any = None


def suits(block: Block, shape: tuple[int, ...], rows: Windows, columns: Windows) -> bool:
    """Return whether windows of (N, H, W, C) lie so that they are pooled here."""
    (images, height, width, channels), rows, columns = of_whole(shape, rows, columns)
    if rows.step > 1 or columns.step > 1 or not images * rows.size * columns.size:
        return False
    many = channels >= _MANY_CHANNELS
    if block.ordered and not many and not _are_fours(rows, columns):
        return False
    stride, taps = windows.main_stride(columns), columns.max_count
    lies = stride <= taps if many else channels in FEW_CHANNELS and stride == taps
    most = _OVERLAP if many else 1
    return taps > 1 and lies and rows.count.sum() <= most * height and columns.count.sum() <= most * width


def _are_fours(rows: Windows, columns: Windows) -> bool:
    """Return whether all windows are 2 x 2, and side by side along the rows."""
    whole = all((side.count == 2).all() and (side.divisor == 2).all() for side in (rows, columns))
    return whole and bool((np.diff(columns.first) == 2).all())


def pool(image: NDArray[Any], block: Block, rows: Windows, columns: Windows) -> NDArray[Any]:
    """Return (1, N, rows, columns, C) of (N, H, W, C)."""
    images, height, width, channels = image.shape
    out = room((1, images, rows.size, columns.size, channels), block.target)
    plan = windows.planned(rows, columns, channels * np.dtype(block.lifting.number).itemsize, 0)
    few = channels if channels in FEW_CHANNELS else 0
    _, down, across = of_whole(image.shape, rows, columns)
    if _are_fours(down, across):
        band = _of_fours(block, few)
    else:
        band = _of_axes(block, few, across.max_count if few and across.max_count <= _FEW_TAPS else 0)
    _bands.run(
        band,
        images * rows.size,
        image.reshape(images * height, width * channels).view(np.uint8),
        plan.rows,
        plan.tiles,
        np.array([(images, channels, plan.capacity * channels)], SETTINGS),
        out.reshape(images * rows.size, -1).view(np.uint8),
    )
    return out


def fold(image: NDArray[Any], lifting: Lifting, rows: Windows, columns: Windows, joined: np.dtype[Any]) -> NDArray[Any]:
    """Return the states (1, N, rows, columns, C) of windows of few rows and any number of columns, joined in pairs."""
    images, height, width, channels = image.shape
    out = np.empty((1, images, rows.size, columns.size, channels), joined)
    _regions.run(
        _of_regions(lifting, joined),
        images * rows.size,
        image.reshape(images * height, width * channels).view(np.uint8),
        windows.row_table(rows),
        windows.row_table(columns),
        np.array([(images, channels, 0)], SETTINGS),
        out.reshape(images * rows.size, -1).view(np.uint8),
    )
    return out


@cache
def _of_regions(lifting: Lifting, joined: np.dtype[Any]) -> Any:
    return _regions.compile(
        _fold_regions,
        source=lifting.source.type,
        number=lifting.number,
        target=joined.type,
        fold_rows=bind(_many_rows, **lifting.functions),
        fold_columns=bind(_in_pairs, combine=lifting.combine, target=joined.type),
    )


@cache
def _of_fours(block: Block, channels: int) -> Any:
    lifting = block.lifting
    own = block.of_four or bind(_finished_four, finish=block.finish, four=lifting.functions["four"])
    return _bands.compile(
        _fold_fours, source=lifting.source.type, target=block.target.type, of_four=own, few_channels=channels
    )


@cache
def _of_axes(block: Block, channels: int, taps: int) -> Any:
    lifting = block.lifting
    few = bind(_few_columns, combine=lifting.combine, few_channels=channels, few_taps=taps)
    across = few if channels else bind(_columns, combine=lifting.combine)
    if block.ordered:
        fold = bind(_in_row_order, combine=lifting.combine, fold_columns=across)
    else:
        fold = bind(_rows_first, fold_rows=bind(_rows, **lifting.functions), fold_columns=across)
    return _bands.compile(
        _fold_axes,
        source=lifting.source.type,
        target=block.target.type,
        number=lifting.number,
        finish=block.finish,
        fold_window=fold,
    )


def _four(a, b, c, d):
    """Lift four values and combine them in pairs."""
    first = combine(lift(a, number, None), lift(b, number, None), None)
    return combine(first, combine(lift(c, number, None), lift(d, number, None), None), None)


def _finished_four(a, b, c, d):
    return finish(four(a, b, c, d), 4.0, None)


def _fold_fours(start, stop, image, rows, tiles, settings, out):
    about = settings[0]
    channels = few_channels if few_channels else about.channels
    lines, results = numbers_of(image, source), numbers_of(out, target)
    height = len(lines) // about.images
    for i in range(start, stop):
        line = i // len(rows) * height + rows[i % len(rows)].first
        begin, size = tiles[0].first * channels, results.shape[1]
        above, below = lines[line, begin : begin + 2 * size], lines[line + 1, begin : begin + 2 * size]
        result = results[i]
        if few_channels:
            for x in range(size // channels):
                for c in range(channels):
                    j = x * 2 * channels + c
                    found = of_four(above[j], above[j + channels], below[j], below[j + channels])
                    result[x * channels + c] = saturate_cast(found, result)
        else:
            for x in range(size // channels):
                j = x * 2 * channels
                a, b = above[j : j + channels], above[j + channels : j + 2 * channels]
                c, d = below[j : j + channels], below[j + channels : j + 2 * channels]
                own = result[x * channels : (x + 1) * channels]
                for k in range(own.size):
                    own[k] = saturate_cast(of_four(a[k], b[k], c[k], d[k]), own)
    return 1


def _fold_axes(start, stop, image, rows, tiles, settings, out):
    about = settings[0]
    channels = about.channels
    lines, results = numbers_of(image, source), numbers_of(out, target)
    height = len(lines) // about.images
    folded, states = np.empty(about.capacity, number), np.empty(about.capacity, number)
    for i in range(start, stop):
        window = rows[i % len(rows)]
        line = i // len(rows) * height + window.first
        for t in range(len(tiles)):
            tile = tiles[t]
            size = tile.count * channels
            begin = tile.first * channels
            state = states[:size]
            fold_window(lines, line, window.count, begin, tile, channels, folded, state)
            result = results[i, tile.out * channels : tile.out * channels + size]
            n = np.float64(window.divisor * tile.divisor)
            for j in range(size):
                result[j] = saturate_cast(finish(state[j], n, None), result)
    return 1


@inlined
def _row(lines, y, begin, size):
    return lines[y, begin : begin + size]


def _fold_regions(start, stop, image, rows, columns, settings, out):
    about = settings[0]
    channels = about.channels
    lines, results = numbers_of(image, source), numbers_of(out, target)
    height = len(lines) // about.images
    begin, end = columns[0].first, columns[0].first
    for x in range(len(columns)):
        begin, end = min(begin, columns[x].first), max(end, columns[x].first + columns[x].count)
    folded = np.empty((end - begin) * channels, number)
    states = np.empty((end - begin + 1) // 2 * channels, target)
    for i in range(start, stop):
        window = rows[i % len(rows)]
        line = i // len(rows) * height + window.first
        fold_rows(lines, line, window.count, begin * channels, folded)
        for x in range(len(columns)):
            first = (columns[x].first - begin) * channels
            fold_columns(folded[first : first + columns[x].count * channels], channels, states)
            for c in range(channels):
                results[i, x * channels + c] = states[c]
    return 1


def _in_pairs(row, channels, states):
    """Join all pixels, in pairs of one of the first half and one of the second."""
    pixels = row.size // channels
    half = (pixels + 1) // 2
    both, later = (pixels - half) * channels, row[half * channels :]
    for j in range(both):
        states[j] = combine(target(row[j]), target(later[j]), None)
    for j in range(both, half * channels):
        states[j] = target(row[j])
    while half > 1:
        pixels, half = half, (half + 1) // 2
        others = states[half * channels :]
        for j in range((pixels - half) * channels):
            states[j] = combine(states[j], others[j], None)


def _rows(lines, y, count, begin, row):
    """Lift the values of rows from `y` on and combine them: four rows a pass."""
    size, k = row.size, 1
    a = _row(lines, y, begin, size)
    if count >= 4:
        b, c, d = _row(lines, y + 1, begin, size), _row(lines, y + 2, begin, size), _row(lines, y + 3, begin, size)
        for j in range(size):
            row[j] = four(a[j], b[j], c[j], d[j])
        k = 4
    elif count == 3:  # in one pass: 28 ms of float32, 35 in two
        b, c = _row(lines, y + 1, begin, size), _row(lines, y + 2, begin, size)
        for j in range(size):
            above = combine(lift(a[j], number, None), lift(b[j], number, None), None)
            row[j] = combine(above, lift(c[j], number, None), None)
        k = 3
    elif count == 2:
        b = _row(lines, y + 1, begin, size)
        for j in range(size):
            row[j] = combine(lift(a[j], number, None), lift(b[j], number, None), None)
        k = 2
    else:
        for j in range(size):
            row[j] = lift(a[j], number, None)
    while k + 4 <= count:
        a, b = _row(lines, y + k, begin, size), _row(lines, y + k + 1, begin, size)
        c, d = _row(lines, y + k + 2, begin, size), _row(lines, y + k + 3, begin, size)
        for j in range(size):
            row[j] = combine(row[j], four(a[j], b[j], c[j], d[j]), None)
        k += 4
    while k < count:
        a = _row(lines, y + k, begin, size)
        for j in range(size):
            row[j] = combine(row[j], lift(a[j], number, None), None)
        k += 1


def _rows_first(lines, y, count, begin, tile, channels, folded, state):
    """Fold the windows of a tile: the rows into one, and that."""
    row = folded[: ((tile.count - 1) * tile.stride + tile.taps) * channels]
    fold_rows(lines, y, count, begin, row)
    fold_columns(row, tile.taps, tile.stride, channels, state)


def _in_row_order(lines, y, count, begin, tile, channels, folded, state):
    """Fold the windows of a tile row by row: of equals, the first in row order stays."""
    size, others = ((tile.count - 1) * tile.stride + tile.taps) * channels, folded[: state.size]
    fold_columns(_row(lines, y, begin, size), tile.taps, tile.stride, channels, state)
    for k in range(1, count):
        fold_columns(_row(lines, y + k, begin, size), tile.taps, tile.stride, channels, others)
        for j in range(state.size):
            state[j] = combine(state[j], others[j], None)


def _many_rows(lines, y, count, begin, row):
    """Do the same, eight rows a pass: 14 ms of float32, and 20 with four."""
    size, k = row.size, 0
    while k < count:
        some = 8 if k + 8 <= count else 1
        a = _row(lines, y + k, begin, size)
        if some == 8:
            b, c, d = (
                _row(lines, y + k + 1, begin, size),
                _row(lines, y + k + 2, begin, size),
                _row(lines, y + k + 3, begin, size),
            )
            e, f = _row(lines, y + k + 4, begin, size), _row(lines, y + k + 5, begin, size)
            g, h = _row(lines, y + k + 6, begin, size), _row(lines, y + k + 7, begin, size)
            if k == 0:
                for j in range(size):
                    row[j] = combine(four(a[j], b[j], c[j], d[j]), four(e[j], f[j], g[j], h[j]), None)
            else:
                for j in range(size):
                    eight = combine(four(a[j], b[j], c[j], d[j]), four(e[j], f[j], g[j], h[j]), None)
                    row[j] = combine(row[j], eight, None)
        elif k == 0:
            for j in range(size):
                row[j] = lift(a[j], number, None)
        else:
            for j in range(size):
                row[j] = combine(row[j], lift(a[j], number, None), None)
        k += some


def _few_columns(row, taps, stride, channels, state):
    """Combine neighbouring pixels of few channels: side by side and as many as the loop is compiled for, or any."""
    size = state.size // few_channels
    if taps == few_taps and stride == few_taps:
        for x in range(size):
            for c in range(few_channels):
                total = row[x * few_taps * few_channels + c]
                for k in range(1, few_taps):
                    total = combine(total, row[(x * few_taps + k) * few_channels + c], None)
                state[x * few_channels + c] = total
        return
    for x in range(size):
        for c in range(few_channels):
            state[x * few_channels + c] = row[x * stride * few_channels + c]
    for k in range(1, taps):
        shifted = row[k * few_channels :]
        for x in range(size):
            for c in range(few_channels):
                j = x * few_channels + c
                state[j] = combine(state[j], shifted[x * stride * few_channels + c], None)


def _columns(row, taps, stride, channels, state):
    """Combine neighbouring pixels of many channels."""
    for x in range(state.size // channels):
        own, pixels = state[x * channels : (x + 1) * channels], row[x * stride * channels :]
        if taps >= 3:
            a, b, c = pixels[:channels], pixels[channels : 2 * channels], pixels[2 * channels : 3 * channels]
            for j in range(channels):
                own[j] = combine(combine(a[j], b[j], None), c[j], None)
        else:
            for j in range(channels):
                own[j] = pixels[j]
        for k in range(3 if taps >= 3 else 1, taps):
            a = pixels[k * channels : (k + 1) * channels]
            for j in range(channels):
                own[j] = combine(own[j], a[j], None)
