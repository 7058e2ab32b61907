"""Largest and smallest values, and where they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numba import njit

from poolcli.engine.arithmetic import lower, tap, upper
from poolcli.engine.compile import specialise
from poolcli.engine.cursor import LANES, PLANE, STRIDE, TAP_COLUMN, TAP_ROW, WIDTH
from poolcli.engine.operation import Fold, Operation, Part, Region, Task

prefer: Any = upper  # bound to upper or lower

_BLOCK = 1 << 15  # values of a window that are looked through at once


def _best(ring, taps, out):
    """Write the preferred value of each window: four taps a pass, so that most windows take one pass."""
    size = out.size
    a = tap(ring, taps, 0, size)
    k = 1
    if len(taps) >= 4:
        b, c, d = tap(ring, taps, 1, size), tap(ring, taps, 2, size), tap(ring, taps, 3, size)
        for j in range(size):
            out[j] = prefer(prefer(a[j], b[j]), prefer(c[j], d[j]))
        k = 4
    else:
        for j in range(size):
            out[j] = a[j]
    while k + 4 <= len(taps):
        a, b = tap(ring, taps, k, size), tap(ring, taps, k + 1, size)
        c, d = tap(ring, taps, k + 2, size), tap(ring, taps, k + 3, size)
        for j in range(size):
            out[j] = prefer(out[j], prefer(prefer(a[j], b[j]), prefer(c[j], d[j])))
        k += 4
    while k < len(taps):
        a = tap(ring, taps, k, size)
        for j in range(size):
            out[j] = prefer(out[j], a[j])
        k += 1


largest = specialise(_best, "largest", prefer=upper)
smallest = specialise(_best, "smallest", prefer=lower)

best: Any = largest  # bound to one of these


def extreme(ring, taps, place, parameters, table, result):
    """Write the largest, or smallest, value."""
    best(ring, taps, result[0][: place[LANES]])


@njit(inline="always")
def keep_any(ring, taps, out):
    """Leave results as they are."""


@njit
def keep_within(ring, taps, out):
    """Keep each result between the smallest and the largest value of its window."""
    low, high = np.empty(out.size, ring.dtype), np.empty(out.size, ring.dtype)
    smallest(ring, taps, low)
    largest(ring, taps, high)
    for j in range(out.size):
        result = low[j] if out[j] < low[j] else out[j]
        out[j] = high[j] if result > high[j] else result


def both(ring, taps, place, parameters, table, result):
    """Write the smallest and the largest value into two planes."""
    size = place[LANES]
    smallest(ring, taps, result[0][:size])
    largest(ring, taps, result[1][:size])


def winner(ring, taps, place, parameters, table, result):
    """Write the flat index, row * width + column, of the first of the largest values; a NaN counts as the largest."""
    size = place[LANES]
    out = result[0][:size]
    winning = np.empty(size, ring.dtype)
    first = tap(ring, taps, 0, size)
    for j in range(size):
        winning[j] = first[j]
        out[j] = 0
    for k in range(1, len(taps)):
        values = tap(ring, taps, k, size)
        for j in range(size):
            if values[j] > winning[j] or (values[j] != values[j] and winning[j] == winning[j]):
                winning[j] = values[j]
                out[j] = k
    for j in range(size):
        k = min(max(out[j], 0), len(taps) - 1)
        out[j] = taps[k, TAP_ROW] * place[WIDTH] + taps[k, TAP_COLUMN] + j % place[PLANE] * place[STRIDE]


def _first_winner(region: Region) -> list[int]:
    """Return the index of the first of the largest values of a window; a NaN counts as the largest."""
    width = region.values.shape[1]
    step = max(1, _BLOCK // width)
    best, found = region.values[0, 0], 0
    for begin in range(0, len(region.values), step):
        block = region.values[begin : begin + step].ravel()
        k = int(block.argmax())
        if block[k] > best or (block[k] != block[k] and best == best):
            best, found = block[k], begin * width + k
    return [region.index(found)]


def maximum(task: Task) -> Operation:
    """Return the operation of max."""
    return _extreme(task, largest)


def minimum(task: Task) -> Operation:
    """Return the operation of min."""
    return _extreme(task, smallest)


def _extreme(task: Task, best: Any) -> Operation:
    step = task.operation(extreme, bound={"best": best}, slide=4)
    fold = Fold((extreme_part(task, best is largest),), lambda parts, count, divisor, target: parts[0][0])
    return replace(step, axes=(step, step), fold=fold)


def extreme_part(task: Task, largest_one: bool) -> Part:
    """Return how the largest, or smallest, values of parts of a window are taken and joined."""
    best, join = (largest, np.maximum) if largest_one else (smallest, np.minimum)
    operation = Operation(extreme, task.source, task.source, {"best": best}, slide=4)
    return Part(operation, join, task.source, exact=True)


def keeper(task: Task) -> Any:
    """Return what an operator that takes means is bound to."""
    return keep_within if task.keeps else keep_any


def kept(task: Task) -> Part | None:
    """Return the same for windows in parts."""
    return both_part(Operation(both, task.source, task.source, planes=2)) if task.keeps else None


def both_part(operation: Operation) -> Part:
    """Return how two planes are joined that hold the smallest and the largest values."""
    return Part(operation, lambda a, b: np.stack([np.minimum(a[0], b[0]), np.maximum(a[1], b[1])]), operation.target)


def indices(task: Task) -> Operation:
    """Return the operation that finds where the maximum is."""
    return task.operation(winner, slide=0, region=_first_winner)
