"""Pools by rank: which values of the sorted window are read, or what is made of it.

The window is sorted by a network whose wires are whole rows, or value by value where it is too wide. Where wide windows
overlap, bytes are counted (`counts`), and wider values by their places in what is sorted once (`ordinals`); of large
windows, ranks are found digit by digit (`selection`). A pool says which rank it reads, of n values:

    rank(plane, n, constants) -> rank, 0 for the smallest

or gives a reading of its own: `read_sorted(block, n, constants, out)`, for the tap-by-lane block of sorted windows, and
the same for a region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import geometry
from poolcli.engine import counts, ordinals, selection
from poolcli.engine.arithmetic import fill_row, maximum, minimum, tap
from poolcli.engine.choices import Choice, Region, unless_nan
from poolcli.engine.compile import bind, plain, scalar
from poolcli.engine.operation import NONE, Operation, Task
from poolcli.geometry import Windows

rank: Any = None
read_sorted: Any = None
shortcut: Any = None
sort: Any = None  # bound to what puts the wanted ranks of a block into their places

WIDEST = 1024  # taps; a wider network does more work than a sort
# Taps from which counting is faster than a network, and what every pixel between windows adds to them: it goes through
# all pixels. For windows at every pixel of bytes 9 x 9, of wider values 11 x 11.
_OF_BYTES, _OF_WIDER = (80, 16), (110, 5)


@lru_cache(maxsize=64)
def sorting_network(n: int, wanted: tuple[int, ...] = ()) -> NDArray[np.int64]:
    """Return the comparators (i, j), i < j, that sort n wires (Batcher's merge-exchange), or settle `wanted` ranks.

    The first row is (n, n): which windows the network is for.

    >>> sorting_network(3)[1:].tolist()
    [[0, 2], [0, 1], [1, 2]]
    """
    pairs = []
    top = 1 << max((n - 1).bit_length() - 1, 0)
    p = top
    while p:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(n - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
    live = set(wanted or range(n))
    needed = []
    for pair in reversed(pairs):
        if not live.isdisjoint(pair):
            live.update(pair)
            needed.append(pair)
    return np.array([(n, n), *reversed(needed)], np.int64)


@scalar
def _exchange(block, table):
    """Run the network. A NaN spreads to every wire that it meets, and so to every rank."""
    for p in range(1, len(table)):
        a, b = block[table[p, 0]], block[table[p, 1]]
        for j in range(a.size):
            x, y = a[j], b[j]
            a[j] = minimum(x, y)
            b[j] = maximum(x, y)


@scalar
def _sort(values):
    """Sort numbers in place (Shell 1959, gaps of Tokuda 1992); np.sort takes four seconds to compile."""
    gap = 1
    while gap < len(values):
        gap = int(2.25 * gap) + 1
    while gap > 1:
        gap = int(gap / 2.25)
        for i in range(gap, len(values)):
            value = values[i]
            k = i
            while k >= gap and values[k - gap] > value:
                values[k] = values[k - gap]
                k -= gap
            values[k] = value


@scalar
def _sort_columns(block, table):
    """Sort each column; one that holds a NaN becomes NaN."""
    column = np.empty(len(block), block.dtype)
    for j in range(block.shape[1]):
        odd = -1
        for k in range(len(block)):
            column[k] = block[k, j]
            if column[k] != column[k]:
                odd = k
        if odd >= 0:
            fill_row(column, column[odd])
        else:
            _sort(column)
        for k in range(len(block)):
            block[k, j] = column[k]


@scalar
def _sort_either(block, table):
    """Run the network, or sort each column of windows that it is not for."""
    if len(table) and table[0, 0] == len(block):
        _exchange(block, table)
    else:
        _sort_columns(block, table)


@scalar
def _block_of(lines, taps, size):
    """Return the taps, a row each."""
    block = np.empty((len(taps), size), lines.dtype)
    for k in range(len(taps)):
        values, wire = tap(lines, taps, k, size), block[k]
        for j in range(size):
            wire[j] = values[j]
    return block


@scalar
def no_shortcut(lines, taps, out):
    """Leave all windows to be sorted."""
    return False


def _read_ranks(lines, taps, cursor, constants, table, result):
    """Write the values of the wanted ranks, one a plane."""
    if shortcut(lines, taps, result[0][: cursor.lanes]):
        return
    block = _block_of(lines, taps, cursor.lanes)
    sort(block, table)
    for p in range(len(result)):
        wire, out = block[rank(p, len(taps), constants)], result[p]
        for j in range(cursor.lanes):
            out[j] = wire[j]


def _read_sorted(lines, taps, cursor, constants, table, result):
    """Write what is read from sorted windows."""
    if shortcut(lines, taps, result[0][: cursor.lanes]):
        return
    block = _block_of(lines, taps, cursor.lanes)
    sort(block, table)
    read_sorted(block, constants, result[0][: cursor.lanes])


def _ranks_of(block, constants, result):
    """Write the values of the wanted ranks of a sorted window, one a plane."""
    for p in range(len(result)):
        result[p, 0] = block[rank(p, len(block), constants), 0]


def _read_one(block, constants, result):
    """Write what is read from a sorted window."""
    read_sorted(block, constants, result[0])


def _read_at_once(lines, taps, cursor, constants, table, result):
    """Write what is read without sorting: of windows that all have a shortcut."""
    shortcut(lines, taps, result[0][: cursor.lanes])


def _both(operator: Any, task: Task, shortcut: Any, bound: dict[str, Any], *given: Any, **settings: Any) -> Any:
    """Return two operations: for all windows, and for those of as many values as the task tells."""
    table = settings["table"]
    own = {**bound, "shortcut": shortcut or no_shortcut, "sort": _sort_either}
    every = Operation(operator, task.source, task.target, own, *given, **settings)
    if shortcut:
        return every, replace(every, operator=_read_at_once, bound={"shortcut": shortcut})
    return every, replace(every, bound={**own, "sort": _exchange if len(table) else _sort_columns})


def ranked(
    task: Task, rank: Any, constants: Any = NONE, planes: int = 1, shortcut: Any = None, **settings: Any
) -> Choice:
    """Return the pool that reads values by rank; a `shortcut` does so without sorting where it can."""
    python = plain(rank)
    table = network_for(task, *(python(p, task.taps, constants) for p in range(planes)))

    def of_region(region: Region) -> list[Any]:
        n = region.values.size
        return selection.of_ranks(region.values, [python(p, n, constants) for p in range(planes)])

    def of_counts(found: selection.Counts) -> list[Any]:
        return found.of_ranks([python(p, found.n, constants) for p in range(planes)])

    settings |= {"table": table, "planes": planes}
    operation, whole = _both(_read_ranks, task, shortcut, {"rank": rank}, constants, **settings)

    def sliding(image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any] | None:
        (_, height, width, _), *whole = geometry.of_whole(image.shape, rows, columns)
        apart = height * width / (whole[0].size * whole[1].size)  # pixels for each window
        narrow = task.source.itemsize == 1
        least, each = _OF_BYTES if narrow else _OF_WIDER
        if task.taps <= WIDEST and task.taps < least + each * apart:
            return None
        pool = counts.pool if narrow else ordinals.pool
        return pool(image, rows, columns, lambda n: python(0, n, constants))

    slid = sliding if planes == 1 else None
    reading = bind(_ranks_of, rank=rank)
    return Choice(operation, unless_nan(planes, of_region), slid, whole, task.taps, of_counts, reading)


def read(
    task: Task,
    read_sorted: Any,
    of_region: Callable[[Region], Any],
    of_counts: Callable[[selection.Counts], Any],
    ranks: Sequence[int] = (),
    constants: Any = NONE,
    shortcut: Any = None,
) -> Choice:
    """Return the pool that makes something of sorted windows, in which these ranks are in their places, or all.

    A `shortcut` does so without sorting where it can.
    """
    table = network_for(task, *ranks)
    operation, whole = _both(_read_sorted, task, shortcut, {"read_sorted": read_sorted}, constants, table=table)
    region = unless_nan(1, lambda region: [of_region(region)])
    reading = bind(_read_one, read_sorted=read_sorted)
    return Choice(operation, region, None, whole, task.taps, lambda counts: [of_counts(counts)], reading)


def network_for(task: Task, *ranks: int) -> NDArray[np.int64]:
    """Return the network for the fullest windows, or an empty table where it would be too wide."""
    return sorting_network(task.taps, tuple(sorted({*ranks}))) if task.taps <= WIDEST else np.zeros((0, 2), np.int64)
