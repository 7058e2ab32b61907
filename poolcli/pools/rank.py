"""Values by their rank: a sorting network whose wires are whole rows, or a sort of each window where it is too wide."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from poolcli.engine import selection
from poolcli.engine.arithmetic import lower, settle, tap, upper
from poolcli.engine.cursor import LANES
from poolcli.engine.operation import Operation, Region, Task, unless_nan

lane: Any = np.float64  # bound to the float that a mean is taken in

WIDEST = 1024  # taps; a wider network does more work than a sort


@lru_cache(maxsize=64)
def network(n: int, wanted: tuple[int, ...] = ()) -> NDArray[np.int64]:
    """Return the comparators (i, j), i < j, that sort n wires (Batcher's merge-exchange), or settle `wanted` ranks.

    The first row is (n, n): which windows the network is for.

    >>> network(3)[1:].tolist()
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


@njit
def _exchange(block, table):
    """Run the network. A NaN spreads to every wire that it meets, and so to every rank."""
    for p in range(1, len(table)):
        a, b = block[table[p, 0]], block[table[p, 1]]
        for j in range(a.size):
            x, y = a[j], b[j]
            a[j] = lower(x, y)
            b[j] = upper(x, y)


@njit
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


@njit
def _sort_columns(block):
    """Sort each column; one that holds a NaN becomes NaN."""
    column = np.empty(len(block), block.dtype)
    for j in range(block.shape[1]):
        odd = -1
        for k in range(len(block)):
            column[k] = block[k, j]
            if column[k] != column[k]:
                odd = k
        if odd >= 0:
            column[:] = column[odd]
        else:
            _sort(column)
        block[:, j] = column


@njit
def ranked(ring, taps, table, size):
    """Return the taps with the wanted ranks in their places."""
    block = np.empty((len(taps), size), ring.dtype)
    for k in range(len(taps)):
        values, wire = tap(ring, taps, k, size), block[k]
        for j in range(size):
            wire[j] = values[j]
    if len(table) and table[0, 0] == len(taps):
        _exchange(block, table)
    else:
        _sort_columns(block)
    return block


@njit(inline="always")
def _middle_of_three(a, b, c):
    return upper(lower(a, b), lower(upper(a, b), c))


@njit
def _middle_of_four(ring, taps, out):
    size = out.size
    a, b, c, d = tap(ring, taps, 0, size), tap(ring, taps, 1, size), tap(ring, taps, 2, size), tap(ring, taps, 3, size)
    for j in range(size):
        low, high = lower(a[j], b[j]), upper(a[j], b[j])
        other_low, other_high = lower(c[j], d[j]), upper(c[j], d[j])
        out[j] = lower(upper(low, other_low), lower(high, other_high))


@njit
def _middle_of_nine(ring, taps, out):
    """Write the median of windows of nine: of the columns' lows the largest, their middles' middle, the least of highs.

    All in registers: a quarter of the time that the network takes, whose wires go through the cache (Smith 1996).
    """
    size = out.size
    a, b, c = tap(ring, taps, 0, size), tap(ring, taps, 1, size), tap(ring, taps, 2, size)
    d, e, f = tap(ring, taps, 3, size), tap(ring, taps, 4, size), tap(ring, taps, 5, size)
    g, h, i = tap(ring, taps, 6, size), tap(ring, taps, 7, size), tap(ring, taps, 8, size)
    for j in range(size):
        low_a, high_a = lower(a[j], b[j]), upper(a[j], b[j])
        low_d, high_d = lower(d[j], e[j]), upper(d[j], e[j])
        low_g, high_g = lower(g[j], h[j]), upper(g[j], h[j])
        low = upper(upper(lower(low_a, c[j]), lower(low_d, f[j])), lower(low_g, i[j]))
        high = lower(lower(upper(high_a, c[j]), upper(high_d, f[j])), upper(high_g, i[j]))
        middle_a, middle_d = upper(low_a, lower(high_a, c[j])), upper(low_d, lower(high_d, f[j]))
        middle = _middle_of_three(middle_a, middle_d, upper(low_g, lower(high_g, i[j])))
        out[j] = _middle_of_three(low, middle, high)


def percentile(ring, taps, place, parameters, table, result):
    """Write sorted[floor(q / 100 (n - 1))], q the first parameter."""
    out = result[0][: place[LANES]]
    if parameters[0] == 50 and len(taps) == 4:
        _middle_of_four(ring, taps, out)
        return
    if parameters[0] == 50 and len(taps) == 9:
        _middle_of_nine(ring, taps, out)
        return
    wire = ranked(ring, taps, table, out.size)[int(parameters[0] * (len(taps) - 1) / 100)]
    for j in range(out.size):
        out[j] = wire[j]


def largest(ring, taps, place, parameters, table, result):
    """Write the k largest into as many planes, in falling order; where a window has fewer, its smallest again."""
    size = place[LANES]
    block = ranked(ring, taps, table, size)
    for p in range(len(result)):
        wire, out = block[max(len(taps) - 1 - p, 0)], result[p]
        for j in range(size):
            out[j] = wire[j]


def mean_of_largest(ring, taps, place, parameters, table, result):
    """Write the mean of the k largest, or of all where there are fewer; k is the first parameter."""
    out = result[0][: place[LANES]]
    block = ranked(ring, taps, table, out.size)
    k = min(int(parameters[0]), len(taps))
    total = np.zeros(out.size, lane)
    for p in range(len(taps) - k, len(taps)):
        wire = block[p]
        for j in range(out.size):
            total[j] += lane(wire[j])
    n = lane(k)
    for j in range(out.size):
        out[j] = settle(total[j] / n, out)
    between(block[len(taps) - k], block[len(taps) - 1], out)


@njit(inline="always")
def anywhere(low, high, out):
    """Leave results as they are."""


@njit(inline="always")
def inside(low, high, out):
    """Keep each result between two others."""
    for j in range(out.size):
        result = low[j] if out[j] < low[j] else out[j]
        out[j] = high[j] if result > high[j] else result


between: Any = anywhere  # bound to `inside` where a mean of 64 bits must stay between its values


def majority(ring, taps, place, parameters, table, result):
    """Write the commonest value, the smallest of equally common ones: the longest run of the sorted window."""
    out = result[0][: place[LANES]]
    block = ranked(ring, taps, table, out.size)
    run = np.ones(out.size, np.int32)
    longest = np.ones(out.size, np.int32)
    wire = block[0]
    for j in range(out.size):
        out[j] = wire[j]
    for k in range(1, len(taps)):
        before, wire = block[k - 1], block[k]
        for j in range(out.size):
            length = run[j] + np.int32(1) if wire[j] == before[j] else np.int32(1)
            longer = length > longest[j]
            run[j] = length
            longest[j] = length if longer else longest[j]
            out[j] = wire[j] if longer else out[j]


def quantile(task: Task) -> Operation:
    """Return the operation of percentile, or of median, which has no q."""
    q = task.parameters.get("q", 50)
    table = _network(task, int(q * (task.taps - 1) / 100))
    in_registers = q == 50 and task.taps in (4, 9) and task.source.itemsize == 1

    def of_region(region: Region) -> list[Any]:
        return [selection.ranked(region.values, int(q * (region.values.size - 1) / 100))]

    slide = 3 if in_registers else 1
    return task.operation(percentile, parameters=(q,), table=table, slide=slide, region=unless_nan(1, of_region))


def kmax(task: Task) -> Operation:
    """Return the operation of kmax."""
    k = task.parameters["k"]
    if k > task.taps:
        raise ValueError(f"k={k} is more than the {task.taps} values of a window")
    table = _network(task, *range(task.taps - k, task.taps))
    if task.parameters["combine"] == "planes":
        region = unless_nan(k, lambda region: selection.largest(region.values, k))
        return task.operation(largest, planes=k, table=table, region=region)
    bound = {"lane": np.float64, "between": inside if task.keeps else anywhere}

    def of_region(region: Region) -> list[Any]:
        return [selection.mean_of_largest(region.values, k, task.target)]

    region = unless_nan(1, of_region)
    return task.operation(mean_of_largest, bound=bound, parameters=(k,), table=table, region=region)


def commonest(task: Task) -> Operation:
    """Return the operation of majority."""
    region = unless_nan(1, lambda region: [selection.commonest(region.values)])
    return task.operation(majority, table=_network(task), region=region)


def _network(task: Task, *ranks: int) -> NDArray[np.int64]:
    return network(task.taps, ranks) if task.taps <= WIDEST else np.zeros((0, 2), np.int64)
