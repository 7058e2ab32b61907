"""Windows that overlap much: down the columns and then along the rows, at a cost that hardly grows with their size.

What all windows of a row of windows make of a column, `down` writes, from what it keeps of the row before; `across`
makes the results of these, of windows at every pixel. Both work on whole rows of numbers. Extremes keep the best of
the rows that come after each, up to a multiple of F, and of those from there on (van Herk 1992, Gil and Werman 1993);
along a row they join windows of 1, 2, 4, ... pixels. Sums take in one row and give up another.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine import interleave
from poolcli.engine.arithmetic import copy_row, fill_row
from poolcli.engine.bands import Bands
from poolcli.engine.compile import bind, pointer, scalar
from poolcli.engine.operation import CURSOR, Sliding, Task, record
from poolcli.engine.views import numbers_of
from poolcli.geometry import Windows
from poolcli.outputs import room

# Placeholders. Dtypes: of the image, of what columns come to, of what is made of these, of the result.
source: Any = None
number: Any = None
wide: Any = None
made: Any = None
identity: Any = None  # number that changes none that it is joined with
down: Any = None
across: Any = None
combine: Any = None
join: Any = None
join_to: Any = None
divide: Any = None

ROW = record("first", "end", "split", "last", "divisor")
"""Windows along the rows: the rows of the image from first to end; `split`, the first multiple of F from there on, and
`last`, the same within the image."""
TILE = record("left", "right", "before", "pixels", "out", "count", "run", "runs")
"""Neighbouring windows: columns of the image that they take, how many of the pixels of all lie before these, the first
window, how many there are, and their runs."""
RUN = record("begin", "end", "divisor")
"""Pixels at which windows of a tile begin that have the same divisor."""
SETTINGS = record(
    "height", "channels", "rows", "down", "across", "stride", "item_bytes", "wide_bytes", "out_bytes",
    "together",
)  # fmt: skip
"""Rows and channels of the image; rows of windows, rows and columns of each, pixels from one to the next; bytes of what
columns come to, of what is made of these, and of a result; rows of windows that stay together."""

_bytes1, _bytes2 = (types.Array(types.uint8, rank, "C") for rank in (1, 2))
_source, _integers = types.Array(types.uint8, 2, "C", readonly=True), types.Array(types.int64, 1, "C")
_rows, _tiles, _runs, _settings = (types.Array(from_dtype(one), 1, "C") for one in (ROW, TILE, RUN, SETTINGS))
_n = types.int64
_DOWN = types.void(_source, _n, _n, _n, _n, _rows, _bytes2, _integers, _bytes1)
_ACROSS = types.void(_bytes1, _bytes2, _n, _n, _runs, _rows, _bytes1)
_functions = tuple(types.FunctionType(signature) for signature in (_DOWN, _ACROSS, interleave.PUT))
_bands = Bands(*_functions, _source, _rows, _tiles, _runs, _settings, _bytes2, each=4)  # each begins with F rows
_TILE_BYTES = 1 << 16  # of a row: what is made of it stays in the second-level cache
_KEPT_BYTES = 1 << 19  # of all rows that are kept
_HALOES = 8  # at least, in a tile
_LARGEST = 1 << 26  # bytes that are kept, at most: for each thread
_MOST = 1 << 31  # rows of a window
_LEAST = 3  # windows that overlap along an axis: sums of all pixels cost more than those of few windows


class Plan(NamedTuple):
    """Windows as the loop reads them."""

    rows: NDArray[Any]
    tiles: NDArray[Any]
    runs: NDArray[Any]
    down: int
    across: int
    stride: int
    together: int


def pool(image: NDArray[Any], sliding: Sliding, rows: Windows, columns: Windows) -> NDArray[Any] | None:
    """Return (1, N, rows, columns, C) of (N, H, W, C), or None where windows do not slide."""
    images, height, width, channels = image.shape
    size = min(_TILE_BYTES, _KEPT_BYTES // rows.max_count)  # of a row of a tile, in bytes
    own = plan(rows, columns, height, width, size // (channels * image.itemsize))
    if own is None or own.down > sliding.most or sliding.least > min(own.together, own.across // own.stride):
        return None
    if own.down * int(own.tiles["pixels"].max()) * channels * image.itemsize > _LARGEST:
        return None
    out = room((1, images, rows.size, columns.size, channels), sliding.target)
    items = (np.dtype(one).itemsize for one in (sliding.number, sliding.wide, sliding.target))
    about = height, channels, rows.size, own.down, own.across, own.stride, *items, own.together
    _bands.run(
        _loop(),
        -(-images * rows.size // own.together),
        *_functions_for(sliding, image.dtype, channels, own.stride),
        image.reshape(images * height, -1).view(np.uint8),
        *own[:3],
        np.array([about], SETTINGS),
        out.reshape(images * rows.size, -1).view(np.uint8),
    )
    return out


@cache
def _loop() -> Any:
    return _bands.compile(_band)


@cache
def _functions_for(sliding: Sliding, image: np.dtype[Any], channels: int, stride: int) -> tuple[Any, Any, Any]:
    number, target = sliding.number, sliding.target
    down = pointer(_down, _DOWN, down=sliding.down, source=image.type, number=number, identity=sliding.identity)
    across = pointer(_across, _ACROSS, across=sliding.across, number=number, wide=sliding.wide, made=target.type)
    return down, across, interleave.decimating(target.itemsize, channels, stride)


@lru_cache(maxsize=64)
def plan(rows: Windows, columns: Windows, height: int, width: int, pixels: int) -> Plan | None:
    """Return windows as loops read them, in tiles of at least so many pixels, or None where they do not slide.

    They do if all are F long, no more than F apart, and have no gaps and no weights.
    """
    down, across = _starts(rows, height), _starts(columns, width)
    if down is None or across is None:
        return None
    table = np.zeros(rows.size, ROW)
    table["first"], table["end"], table["divisor"] = rows.first, rows.first + rows.count, rows.divisor
    table["split"] = -(-rows.first // rows.max_count) * rows.max_count
    table["last"] = np.minimum(table["split"], height)
    each = max(pixels, _HALOES * columns.max_count) // _distance(across)
    tiles, runs = _cut(columns, across, width, max(each, 1))
    lengths = rows.max_count, columns.max_count
    return Plan(table, tiles, runs, *lengths, _distance(across), rows.max_count // _distance(down))


def _cut(windows: Windows, starts: NDArray[np.int64], n: int, each: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return tiles of so many windows, and their runs."""
    stride = _distance(starts)
    tiles: list[tuple[int, ...]] = []
    runs: list[tuple[int, int, int]] = []
    for out in range(0, windows.size, each):
        own = windows[out : out + each]
        begin, end = int(starts[out]), int(starts[out + own.size - 1]) + windows.max_count
        left, right = max(begin, 0), min(end, n)
        edges = [0, *(np.flatnonzero(np.diff(own.divisor)) + 1).tolist(), own.size]
        tiles.append((left, right, left - begin, end - begin, out, own.size, len(runs), len(edges) - 1))
        runs += [
            (first * stride, (after - 1) * stride + 1, int(own.divisor[first])) for first, after in pairwise(edges)
        ]
    return np.array(tiles, TILE), np.array(runs, RUN)


def _starts(windows: Windows, n: int) -> NDArray[np.int64] | None:
    """Return where windows begin, with their padding, if they slide."""
    span, end = windows.max_count, windows.first + windows.count
    cut = windows.count < span
    starts = np.where(cut & (windows.first == 0), end - span, windows.first)
    inside = (~cut | (windows.first == 0) | (end == n)).all()
    regular = (np.diff(starts) == _distance(starts)).all() and 0 < _distance(starts) <= span
    return starts if regular and inside and windows.step == 1 and (windows.weights == 1).all() else None


def _distance(starts: NDArray[np.int64]) -> int:
    return int(starts[1] - starts[0]) if len(starts) > 1 else 1


def _band(start, stop, down, across, put, image, rows, tiles, runs, settings, out):
    about = settings[0]
    channels, stride = about.channels, about.stride
    cursors = np.empty(1, CURSOR)
    cursor = cursors[0]
    cursor.channels, cursor.stride = channels, stride
    where = np.empty(3, np.int64)
    for t in range(len(tiles)):
        tile = tiles[t]
        begin, end, before = tile.left * channels, tile.right * channels, tile.before * channels
        kept = np.empty((about.down + 1, (end - begin) * about.item_bytes), np.uint8)
        line = np.empty(tile.pixels * channels * about.item_bytes, np.uint8)
        spare = np.empty((2, (tile.pixels + 1) * channels * about.wide_bytes), np.uint8)
        result = np.empty((1, ((tile.count - 1) * stride + 1) * channels * about.out_bytes), np.uint8)
        own = runs[tile.run : tile.run + tile.runs]
        left = tile.out * channels * about.out_bytes
        right = left + tile.count * channels * about.out_bytes
        cursor.into, cursor.windows = tile.out, tile.count
        fill_row(where, -1)
        for i in range(start * about.together, min(stop * about.together, len(out))):
            row = rows[i % about.rows : i % about.rows + 1]
            down(image, i // about.rows * about.height, begin, end, before, row, kept, where, line)
            if stride == 1:
                across(line, spare, about.across, channels, own, row, out[i, left:right])
            else:
                cursor.out = i
                across(line, spare, about.across, channels, own, row, result[0])
                put(result, cursors, out)
    return 1


def _down(image, top, begin, end, before, rows, kept, where, line):
    """Call a function of columns with arrays of its dtypes; a new line holds what changes nothing."""
    columns = numbers_of(line, number)
    if where[0] < 0:
        fill_row(columns, identity)
    down(
        numbers_of(image, source),
        top,
        begin,
        rows[0],
        numbers_of(kept, number),
        where,
        columns[before : before + end - begin],
    )


def _across(line, spare, span, channels, runs, rows, out):
    """Call a function of rows with arrays of its dtypes."""
    across(
        numbers_of(line, number), numbers_of(spare, wide), span, channels, runs, rows[0].divisor, numbers_of(out, made)
    )


def _join(a, b, out):
    for j in range(out.size):
        out[j] = combine(a[j], b[j])


def _join_to(total, row):
    """Join a row to the total of those before: one array less, for LLVM vectorises nothing that may overlap."""
    for j in range(total.size):
        total[j] = combine(total[j], row[j])


def _best_down(lines, top, begin, window, kept, where, out):
    """Join the rows of a window: those up to a multiple of F, last to first, with those from there on."""
    size, split, prefix = out.size, window.split, kept[len(kept) - 1]
    base = split - len(kept) + 1  # row of the image that kept[0] is for
    if where[0] != split or where[2] != top:
        where[0], where[1], where[2] = split, split, top
        for k in range(window.last - 1, window.first - 1, -1):
            row = lines[top + k, begin : begin + size]
            if k == window.last - 1:
                copy_row(row, kept[k - base])
            else:
                join(row, kept[k - base + 1], kept[k - base])
    while where[1] < window.end:
        row = lines[top + where[1], begin : begin + size]
        if where[1] == split:
            copy_row(row, prefix)
        else:
            join_to(prefix, row)
        where[1] += 1
    if window.first == split:
        copy_row(prefix, out)
    elif window.end <= split:
        copy_row(kept[window.first - base], out)
    else:
        join(kept[window.first - base], prefix, out)


def _best_across(line, spare, span, channels, runs, divisor, out):
    """Join windows of 1, 2, 4, ... pixels, and at last two that overlap; between two buffers, as `_join_to` says."""
    values, width, turn = line, 1, 0
    while 2 * width < span:
        longer = spare[turn][: values.size - width * channels]
        join(values, values[width * channels :], longer)
        values, width, turn = longer, 2 * width, 1 - turn
    if span == 1:
        copy_row(values[: out.size], out)
    else:
        join(values, values[(span - width) * channels :], out)


def extremes(combine: Any, dtype: np.dtype[Any], identity: Any) -> Sliding:
    """Return how the best of windows is found, of two of which `combine` gives the better, the first of equal ones."""
    join, join_to = (bind(function, combine=combine) for function in (_join, _join_to))
    return Sliding(
        number=dtype.type,
        wide=dtype.type,
        target=dtype,
        identity=identity,
        down=bind(_best_down, join=join, join_to=join_to),
        across=bind(_best_across, join=join),
        most=_MOST,
        least=1,
    )


def sums(task: Task, divide: Any) -> Sliding | None:
    """Return how the means of windows are found, if whole numbers of 32 bits hold their sums.

        divide(low, high, n, out)

    writes what the differences of two rows of sums over n come to; sums may wrap, their difference does not.
    """
    bits = 8 * task.source.itemsize + (task.taps - 1).bit_length()
    if task.source.kind == "f" or bits > 32:
        return None
    number, wide = (np.dtype(f"{task.source.kind}{size}") for size in (min(2 * task.source.itemsize, 4), 4))
    most = 1 << 8 * (number.itemsize - task.source.itemsize)
    down, across = bind(_total_down, number=number.type), bind(_totals_across, divide=divide)
    return Sliding(number.type, wide.type, task.target, 0, down, across, most, _LEAST)


def _total_down(lines, top, begin, window, kept, where, out):
    """Take in the rows that are new in a window, and give up those that have left it; whole numbers may wrap."""
    size, first = out.size, window.first
    if where[2] != top or first >= where[1]:
        fill_row(out, 0)
        where[0], where[1], where[2] = first, first, top
    while where[1] < window.end or where[0] < first:
        enters, leaves = where[1] < window.end, where[0] < first
        new = lines[top + (where[1] if enters else where[0]), begin : begin + size]
        old = lines[top + where[0], begin : begin + size]
        if enters and leaves:
            for j in range(size):
                out[j] = number(out[j] + number(new[j])) - number(old[j])
        elif enters:
            for j in range(size):
                out[j] = out[j] + number(new[j])
        else:
            for j in range(size):
                out[j] = out[j] - number(old[j])
        where[0], where[1] = where[0] + leaves, where[1] + enters


@scalar
def _add_up(line, channels, totals):
    """Write the sum of all pixels before each: of few channels in registers."""
    kind = totals.dtype.type
    if channels == 3:
        a, b, c = totals[0], totals[1], totals[2]
        for x in range(line.size // 3):
            a, b, c = kind(a + kind(line[3 * x])), kind(b + kind(line[3 * x + 1])), kind(c + kind(line[3 * x + 2]))
            totals[3 * x + 3], totals[3 * x + 4], totals[3 * x + 5] = a, b, c
    elif channels == 1:
        a = totals[0]
        for x in range(line.size):
            a = kind(a + kind(line[x]))
            totals[x + 1] = a
    else:
        after = totals[channels:]
        for j in range(line.size):
            after[j] = totals[j] + kind(line[j])


def _totals_across(line, spare, span, channels, runs, divisor, out):
    """Divide the differences of the sums of all before each pixel and of all before its window's end; they may wrap."""
    totals = spare[0]
    fill_row(totals[:channels], 0)
    _add_up(line, channels, totals)
    beyond = totals[span * channels :]
    for r in range(len(runs)):
        begin, end = runs[r].begin * channels, runs[r].end * channels
        divide(totals[begin:end], beyond[begin:end], runs[r].divisor * divisor, out[begin:end])
