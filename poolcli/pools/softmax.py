"""Pools in which the values themselves weigh how much each counts, or how likely each is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from poolcli.engine.arithmetic import exponential, never_0, settle, tap
from poolcli.engine.cursor import COLUMN, LANES, PLANE, ROW
from poolcli.engine.operation import Fold, Operation, Part, Planes, Region, Task, unless_nan
from poolcli.pools.extremes import keep_any, keeper, kept, largest, smallest
from poolcli.pools.means import mean

lane: Any = np.float32  # bound to the float that weights are computed in
best: Any = largest  # bound to largest, or smallest where beta < 0: the heaviest value is the reference of all
keep: Any = keep_any  # bound to keep_within where a result of 64 bits must stay between the values of its window

ODD = 0x9E3779B97F4A7C15
_FEW = 16  # taps; a sum of more weights in float32 may err by more than 1e-6
_BLOCK = 1 << 15  # values of a large window that are weighed at once


@njit(inline="always")
def boltzmann(value, reference, beta, lane):
    """Weigh by e^(beta r), over that of the reference, so that the heaviest weighs exactly 1."""
    return lane(1) if value == reference or beta == 0 else exponential(beta * (lane(value) - lane(reference)))


@njit(inline="always")
def proportion(value, reference, beta, lane):
    """Weigh by max(r, 0), over that of the largest; equally if none is above 0."""
    if value == reference or lane(reference) <= 0:
        return lane(1)
    return max(lane(value), lane(0)) / lane(reference)


weigh: Any = boltzmann  # bound to one of these


@njit
def _plain_soft(ring, taps, j, size, reference, beta):
    """Return sum(r w) / sum(w) of one window, in float64."""
    above = below = 0.0
    for k in range(len(taps)):
        value = np.float64(tap(ring, taps, k, size)[j])
        w = 1.0 if value == reference else exponential(beta * (value - reference))
        above += 0.0 if w == 0 else w * value
        below += w
    return above / below


def soft(ring, taps, place, parameters, table, result):
    """Write sum(r w) / sum(w) as m + sum((r - m) w) / sum(w): exact where all are equal. Beta is the parameter.

    In float32, for windows of few values. Where both terms nearly cancel, or one is no finite number, in float64.
    """
    size = place[LANES]
    out = result[0][:size]
    heaviest = np.empty(size, ring.dtype)
    best(ring, taps, heaviest)
    beta = lane(parameters[0])
    above = np.zeros(size, lane)
    below = np.zeros(size, lane)
    for k in range(len(taps)):
        values = tap(ring, taps, k, size)
        for j in range(size):
            difference = lane(values[j]) - lane(heaviest[j])
            w = never_0(beta * difference)
            above[j] += difference * w
            below[j] += w
    doubtful = np.int32(0)
    for j in range(size):
        second = above[j] / below[j]
        found = lane(heaviest[j]) + second
        out[j] = settle(found, out)
        above[j] = lane(0.5) * abs(second) - min(abs(found), lane(3.4e38))  # above 0, infinite or NaN: doubtful
    for j in range(size):
        doubtful = np.int32(doubtful + np.int32(0 if above[j] <= lane(0) else 1))
    if doubtful:
        for j in range(size):
            if not above[j] <= lane(0):
                out[j] = settle(_plain_soft(ring, taps, j, size, np.float64(heaviest[j]), parameters[0]), out)


def soft_wide(ring, taps, place, parameters, table, result):
    """Write sum(r w) / sum(w), in float64."""
    size = place[LANES]
    out = result[0][:size]
    heaviest, above, below = np.empty(size), np.empty(size), np.empty(size)
    _add_weights(ring, taps, best, parameters[0], heaviest, above, below)
    for j in range(size):
        out[j] = settle(above[j] / below[j], out)
    keep(ring, taps, out)


def soft_sums(ring, taps, place, parameters, table, result):
    """Write the heaviest value and, with weights over its own, sum(r w) and sum(w) into three planes."""
    size = place[LANES]
    _add_weights(ring, taps, best, parameters[0], result[0][:size], result[1][:size], result[2][:size])


@njit(inline="always")
def _add_weights(ring, taps, best, beta, heaviest, above, below):
    size = heaviest.size
    reference = np.empty(size, ring.dtype)
    best(ring, taps, reference)
    for j in range(size):
        heaviest[j] = np.float64(reference[j])
        above[j] = below[j] = 0
    for k in range(len(taps)):
        values = tap(ring, taps, k, size)
        for j in range(size):
            value = np.float64(values[j])
            w = 1.0 if value == heaviest[j] else exponential(beta * (value - heaviest[j]))
            # A value infinitely far from the heaviest weighs nothing, and 0 times infinity is no number.
            above[j] += 0.0 if w == 0 else w * value
            below[j] += w


@njit(inline="always")
def _mix(x):
    """Scramble 64 bits (splitmix64: Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def draw(ring, taps, place, parameters, table, result):
    """Write one value, drawn with probability w / sum(w); the parameters are beta and the bits of a share of 1.

    The draw is a hash of seed, row, column and channel, so threads, tiles and batches cannot change it. The table
    holds the seed; an odd number is added, as the hash of 0 is 0.
    """
    size = place[LANES]
    out = result[0][:size]
    heaviest = np.empty(size, ring.dtype)
    best(ring, taps, heaviest)
    beta = lane(parameters[0])
    total = np.zeros(size, lane)
    for k in range(len(taps)):
        values = tap(ring, taps, k, size)
        for j in range(size):
            total[j] += weigh(values[j], heaviest[j], beta, lane)
    key = _mix(_mix(np.uint64(table[0, 0]) + np.uint64(ODD)) + np.uint64(place[ROW]))
    digits = parameters[1]
    unused, unit = np.uint64(64 - int(digits)), lane(2.0**-digits)
    left = total  # what is left of a random share of the whole, as each weight is taken off it
    for j in range(size):
        position = np.uint64(place[COLUMN] + j % place[PLANE]) * np.uint64(ODD)
        bits = _mix(key ^ _mix(position + np.uint64(j // place[PLANE])))
        left[j] = total[j] * lane(bits >> unused) * unit
        out[j] = heaviest[j]
    for k in range(len(taps)):
        values = tap(ring, taps, k, size)
        for j in range(size):
            w = weigh(values[j], heaviest[j], beta, lane)
            if lane(0) <= left[j] < w and heaviest[j] == heaviest[j]:
                out[j] = values[j]
            left[j] -= w if left[j] >= 0 else lane(0)


def softmax(task: Task) -> Operation:
    """Return the operation of soft."""
    if task.parameters["beta"] == 0:
        return mean(task)
    heaviest = {"best": _heaviest(task)}
    fold = Fold((_soft_part(task),), _quotient, kept(task))
    narrow = task.source == np.float32 or (task.source.kind == "u" and task.source.itemsize <= 2)
    if narrow and task.lane == np.float32 and task.taps <= _FEW:
        return task.operation(soft, bound={"lane": task.lane, **heaviest}, parameters=(task.beta,), fold=fold)
    return task.operation(soft_wide, bound={**heaviest, "keep": keeper(task)}, parameters=(task.beta,), fold=fold)


def _soft_part(task: Task) -> Part:
    number = np.dtype(np.float64)
    operation = Operation(soft_sums, task.source, number, {"best": _heaviest(task)}, (task.beta,), planes=3)

    def join(a: Planes, b: Planes) -> Planes:
        heaviest = np.maximum(a[0], b[0]) if task.beta >= 0 else np.minimum(a[0], b[0])
        with np.errstate(invalid="ignore"):
            shares = [np.where(one[0] == heaviest, 1, np.exp(task.beta * (one[0] - heaviest))) for one in (a, b)]
            sums = [np.where(share == 0, 0, share * one[1:]) for share, one in zip(shares, (a, b), strict=True)]
        return np.concatenate([heaviest[None], sums[0] + sums[1]])

    return Part(operation, join, number)


def _quotient(parts: Sequence[Planes], count: Any, divisor: Any, target: np.dtype[Any]) -> NDArray[Any]:
    found: NDArray[Any] = parts[0][1] / parts[0][2]
    return found


def random(task: Task) -> Operation:
    """Return the operation of random."""
    beta, best = task.beta, _heaviest(task)

    def weigh(region: Region) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        reference = float(region.values.max() if beta >= 0 else region.values.min())
        if beta == 0:
            return np.ones_like
        return lambda r: np.where(r == reference, 1, np.exp(beta * (r - reference)))

    return _draw(task, boltzmann, best, beta, weigh)


def stochastic(task: Task) -> Operation:
    """Return the operation of stochastic."""

    def weigh(region: Region) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        highest = float(region.values.max())
        if highest <= 0:
            return np.ones_like
        return lambda r: np.where(r == highest, 1, np.maximum(r, 0) / highest)

    return _draw(task, proportion, largest, 1.0, weigh)


def _draw(task: Task, weight: Any, best: Any, beta: float, weigh: Callable[[Region], Any]) -> Operation:
    seed = task.parameters["seed"]
    number = task.lane if task.taps <= _FEW else np.float64
    digits = 24 if number == np.float32 else 53
    bound = {"lane": number, "best": best, "weigh": weight}

    def draw_region(region: Region) -> list[Any]:
        return [_drawn(region, weigh(region), share(seed, *region.place))]

    table = np.array([[seed, 0]], np.int64)
    region = unless_nan(1, draw_region)
    return task.operation(draw, bound=bound, parameters=(beta, digits), table=table, slide=0, region=region)


def _drawn(region: Region, weigh: Callable[[NDArray[np.float64]], NDArray[np.float64]], share: float) -> Any:
    """Return the value at which the running sum of the weights, row by row, exceeds this share of their total."""
    step = max(1, _BLOCK // region.values.shape[1])
    blocks = [region.values[begin : begin + step] for begin in range(0, len(region.values), step)]
    with np.errstate(invalid="ignore"):
        totals = [weigh(block.astype(np.float64)).sum() for block in blocks]
        left = share * sum(totals)
        for block, total in zip(blocks, totals, strict=True):
            if left < total:
                running = weigh(block.ravel().astype(np.float64)).cumsum()
                found = int(np.searchsorted(running, left, side="right"))
                if found < len(running):
                    return block.ravel()[found]
            left -= total
    return region.values.max()


def share(seed: int, row: int, column: int, channel: int) -> float:
    """Return a number in [0, 1), the same for the same place and seed, as windows of few values draw it."""
    key = _mixed(_mixed(seed + ODD) + row)
    return (_mixed(key ^ _mixed(column * ODD + channel)) >> 11) / 2**53


def _mixed(x: int) -> int:
    """Scramble 64 bits as `_mix` does, of a number of any size."""
    x &= 2**64 - 1
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & 2**64 - 1
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & 2**64 - 1
    return x ^ (x >> 31)


def _heaviest(task: Task) -> Any:
    return largest if task.parameters["beta"] >= 0 else smallest
