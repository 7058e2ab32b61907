"""Largest and smallest values, and where they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from poolcli.kernels.numbers import lower, tap, upper
from poolcli.kernels.operation import Operation, Task
from poolcli.kernels.place import LANES, PLANE, STRIDE, TAP_COLUMN, TAP_ROW, WIDTH
from poolcli.kernels.specialise import specialise

prefer: Any = upper  # bound to upper or lower


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


def maximum(task: Task) -> Operation:
    """Return the operation of max."""
    return _extreme(task, largest)


def minimum(task: Task) -> Operation:
    """Return the operation of min."""
    return _extreme(task, smallest)


def _extreme(task: Task, best: Any) -> Operation:
    step = task.operation(extreme, bound={"best": best}, slide=4)
    return replace(step, axes=(step, step))


def indices(task: Task) -> Operation:
    """Return the operation that finds where the maximum is."""
    return task.operation(winner, slide=0)
