"""Norms and generalised means: powers of each value over the largest of its window, lest one overflows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from poolcli.engine.arithmetic import lower, power, settle, tap, upper
from poolcli.engine.compile import specialise
from poolcli.engine.cursor import DIVISOR, LANES
from poolcli.engine.operation import Fold, Operation, Part, Planes, Task
from poolcli.pools.extremes import both_part

lane: Any = np.float32  # bound to the float that powers are taken in
SIZE, MEAN, SUM = range(3)  # what `norm` divides: the root by n, the sum by n, nothing

_FEW = 32  # taps; a sum of more powers in float32 may err by more than 1e-6


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


@njit
def _scales(ring, taps, scaled, signed, lane, highest, scale):
    """Write the largest lifted value of each window, 0 unless scaled, and what its values are divided by."""
    for j in range(highest.size):
        highest[j] = lane(0)
    for k in range(len(taps) if scaled else 0):
        values = tap(ring, taps, k, highest.size)
        for j in range(highest.size):
            highest[j] = upper(highest[j], _lift(lane, values[j], signed))
    for j in range(highest.size):
        scale[j] = highest[j] if lane(0) < highest[j] < lane(np.inf) else lane(1)


def norm(ring, taps, place, parameters, table, result):
    """Write (sum a^p)^(1/p), a = abs(r) or max(r, 0); the parameters say p, what is divided, which, whether scaled."""
    size = place[LANES]
    out = result[0][:size]
    p, division = parameters[0], int(parameters[1])
    signed, scaled = parameters[2] != 0, parameters[3] != 0
    highest, scale, total = np.empty(size, lane), np.empty(size, lane), np.zeros(size, lane)
    _scales(ring, taps, scaled, signed, lane, highest, scale)
    for k in range(len(taps)):
        _add_powers(tap(ring, taps, k, size), scale, p, lane, signed, total)
    n = lane(place[DIVISOR])
    inside, outside = n if division == MEAN else lane(1), n if division == SIZE else lane(1)
    _take_root(total, inside, p, lane)
    for j in range(size):
        # An infinity or a NaN is its window's norm: inf / inf is not.
        out[j] = settle(scale[j] * (total[j] / outside) if highest[j] < lane(np.inf) else highest[j], out)
    keep(ring, taps, out, signed)


def powers(ring, taps, place, parameters, table, result):
    """Write the largest lifted value, 0 unless scaled, and the sum of the powers over it, into two planes."""
    size = place[LANES]
    highest, total = result[0][:size], result[1][:size]
    scale = np.empty(size)
    _scales(ring, taps, parameters[3] != 0, parameters[2] != 0, np.float64, highest, scale)
    for j in range(size):
        total[j] = 0
    for k in range(len(taps)):
        _add_powers(tap(ring, taps, k, size), scale, parameters[0], np.float64, parameters[2] != 0, total)


@njit(inline="always")
def magnitude_of_unsigned(value, signed):
    """Return r, which is its own magnitude."""
    return value


@njit(inline="always")
def magnitude_of_integer(value, signed):
    """Return abs(r), or max(r, 0) where signed, in the dtype of r; saturated."""
    if value >= 0:
        return value
    return value & 0 if signed else (-value if -value >= 0 else ~value)


@njit(inline="always")
def magnitude_of_float(value, signed):
    """Return the same of a float; a NaN as it is."""
    return 0.0 if signed and value < 0 else abs(value)


magnitude: Any = magnitude_of_float  # bound to one of these


@njit(inline="always")
def _magnitudes(ring, taps, magnitude, signed, low, high):
    for k in range(len(taps)):
        values = tap(ring, taps, k, low.size)
        for j in range(low.size):
            value = magnitude(values[j], signed)
            low[j] = lower(low[j], value) if k else value
            high[j] = upper(high[j], value) if k else value


def magnitudes(ring, taps, place, parameters, table, result):
    """Write the smallest and the largest magnitude into two planes."""
    size = place[LANES]
    _magnitudes(ring, taps, magnitude, parameters[2] != 0, result[0][:size], result[1][:size])


def _keep_magnitude(ring, taps, out, signed):
    """Keep each mean between the smallest and the largest magnitude of its window."""
    low, high = np.empty(out.size, ring.dtype), np.empty(out.size, ring.dtype)
    _magnitudes(ring, taps, magnitude, signed, low, high)
    for j in range(out.size):
        result = low[j] if out[j] < low[j] else out[j]
        out[j] = high[j] if result > high[j] else result


@njit(inline="always")
def keep_root(ring, taps, out, signed):
    """Leave results as they are."""


keep_unsigned = specialise(_keep_magnitude, "keep_unsigned", magnitude=magnitude_of_unsigned)
keep_integer = specialise(_keep_magnitude, "keep_integer", magnitude=magnitude_of_integer)
keep_float = specialise(_keep_magnitude, "keep_float", magnitude=magnitude_of_float)

keep: Any = keep_root  # bound to one of these

_MAGNITUDES = {"u": magnitude_of_unsigned, "i": magnitude_of_integer, "f": magnitude_of_float}
_KEEPERS = {"u": keep_unsigned, "i": keep_integer, "f": keep_float}


def lp(task: Task) -> Operation:
    """Return the operation of lp, or of l2, which has no p."""
    division = {"size": SIZE, "mean": MEAN, "sum": SUM}[task.parameters["norm"]]
    return _norm(task, task.parameters.get("p", 2.0), division, False)


def gem(task: Task) -> Operation:
    """Return the operation of gem."""
    return _norm(task, task.parameters["p"], MEAN, True)


def _norm(task: Task, p: float, division: int, signed: bool) -> Operation:
    wide = task.taps > _FEW or p < 1
    number = np.float64 if wide else task.lane
    # Powers that neither overflow nor vanish are taken as they are: those of integers are exact, and ties stay ties.
    whole = task.source.kind in "iu" and task.source.itemsize <= 2
    scaled = not (p in (1, 2, 3, 4) and (whole or (number == np.float64 and task.source != np.float64)))
    parameters = (p, division, signed, scaled)
    keeps = task.keeps and division == MEAN and not task.parameters.get("count_include_pad")
    bound = {"lane": number, "keep": _KEEPERS[task.source.kind] if keeps else keep_root}
    return task.operation(norm, bound=bound, parameters=parameters, fold=_fold(task, parameters, keeps))


def _fold(task: Task, parameters: tuple[float, ...], keeps: bool) -> Fold:
    p, division, _, scaled = parameters

    def join(a: Planes, b: Planes) -> Planes:
        if not scaled:
            return a + b
        highest = np.maximum(a[0], b[0])
        scale = np.where((highest > 0) & (highest < np.inf), highest, 1)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.stack([highest, a[1] * (a[0] / scale) ** p + b[1] * (b[0] / scale) ** p])

    def finish(parts: Sequence[Planes], count: Any, divisor: Any, target: np.dtype[Any]) -> NDArray[Any]:
        highest, total = parts[0]
        scale = np.where((highest > 0) & (highest < np.inf), highest, 1)
        with np.errstate(invalid="ignore", over="ignore"):
            root = (total / divisor if division == MEAN else total) ** (1 / p) / (divisor if division == SIZE else 1)
            found: NDArray[Any] = np.where(highest < np.inf, scale * root, highest)
            return found

    number = np.dtype(np.float64)
    operation = Operation(powers, task.source, number, parameters=parameters, planes=2)
    bound = {"magnitude": _MAGNITUDES[task.source.kind]}
    between = Operation(magnitudes, task.source, task.source, bound, parameters, planes=2)
    return Fold((Part(operation, join, number),), finish, both_part(between) if keeps else None)
