"""Norms and generalised means: powers of each value over the largest of its window, lest one overflows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from poolcli.kernels.numbers import power, settle, tap, upper
from poolcli.kernels.operation import Operation, Task
from poolcli.kernels.place import DIVISOR, LANES

lane: Any = np.float32  # bound to the float that powers are taken in
SIZE, MEAN, SUM = range(3)  # what `norm` divides: the root by n, the sum by n, nothing


@njit
def _lift(lane, value, signed):
    """Return abs(r), or max(r, 0) where signed; a NaN as it is."""
    number = lane(value)
    return lane(0) if signed and number < 0 else abs(number)


@njit(error_model="numpy")
def _add_powers(values, largest, p, lane, signed, total):
    size = total.size
    if p == 1:
        for j in range(size):
            total[j] += _lift(lane, values[j], signed) / largest[j]
    elif p == 2:
        for j in range(size):
            t = _lift(lane, values[j], signed) / largest[j]
            total[j] += t * t
    elif p == 3:
        for j in range(size):
            t = _lift(lane, values[j], signed) / largest[j]
            total[j] += t * t * t
    elif p == 4:
        for j in range(size):
            t = _lift(lane, values[j], signed) / largest[j]
            total[j] += (t * t) * (t * t)
    else:
        exponent = lane(p)
        for j in range(size):
            total[j] += power(_lift(lane, values[j], signed) / largest[j], exponent)


@njit(error_model="numpy")
def _take_root(total, inside, p, lane):
    if p == 1:
        for j in range(total.size):
            total[j] = total[j] / inside
    elif p == 2:
        for j in range(total.size):
            total[j] = np.sqrt(total[j] / inside)
    else:
        root = lane(1.0 / p)
        for j in range(total.size):
            total[j] = power(total[j] / inside, root)


def norm(ring, taps, place, parameters, table, result):
    """Write (sum a^p)^(1/p), a = abs(r) or max(r, 0); the parameters say p, what is divided, which, whether scaled."""
    size = place[LANES]
    out = result[0][:size]
    p, division = parameters[0], int(parameters[1])
    signed, scaled = parameters[2] != 0, parameters[3] != 0
    largest = np.zeros(size, lane)
    for k in range(len(taps) if scaled else 0):
        values = tap(ring, taps, k, size)
        for j in range(size):
            largest[j] = upper(largest[j], _lift(lane, values[j], signed))
    scale = np.empty(size, lane)
    for j in range(size):
        scale[j] = largest[j] if lane(0) < largest[j] < lane(np.inf) else lane(1)
    total = np.zeros(size, lane)
    for k in range(len(taps)):
        _add_powers(tap(ring, taps, k, size), scale, p, lane, signed, total)
    n = lane(place[DIVISOR])
    inside, outside = n if division == MEAN else lane(1), n if division == SIZE else lane(1)
    _take_root(total, inside, p, lane)
    for j in range(size):
        # An infinity or a NaN is its window's norm: inf / inf is not.
        out[j] = settle(scale[j] * total[j] / outside if largest[j] < lane(np.inf) else largest[j], out)


def lp(task: Task) -> Operation:
    """Return the operation of lp, or of l2, which has no p."""
    division = {"size": SIZE, "mean": MEAN, "sum": SUM}[task.parameters["norm"]]
    return _norm(task, task.parameters.get("p", 2.0), division, False)


def gem(task: Task) -> Operation:
    """Return the operation of gem."""
    return _norm(task, task.parameters["p"], MEAN, True)


def _norm(task: Task, p: float, division: int, signed: bool) -> Operation:
    # Small powers of small integers do not overflow, and are exact as they are: ties stay ties.
    scaled = not (task.source.kind in "iu" and task.source.itemsize <= 2 and p in (1, 2, 3, 4))
    return task.operation(norm, bound={"lane": task.lane}, parameters=(p, division, signed, scaled))
