"""Pools in which the values themselves weigh how much each counts, or how likely each is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from poolcli.kernels.extremes import largest, smallest
from poolcli.kernels.numbers import exponential, settle, tap
from poolcli.kernels.operation import Operation, Task
from poolcli.kernels.place import COLUMN, LANES, PLANE, ROW

lane: Any = np.float32  # bound to the float that weights are computed in
best: Any = largest  # bound to largest, or smallest where beta < 0: the heaviest value is the reference of all


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


def soft(ring, taps, place, parameters, table, result):
    """Write sum(r w) / sum(w) as m + sum((r - m) w) / sum(w): exact where all are equal. Beta is the parameter."""
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
            w = exponential(beta * difference)
            above[j] += difference * w
            below[j] += w
    for j in range(size):
        out[j] = settle(lane(heaviest[j]) + above[j] / below[j], out)


@njit(inline="always")
def _mix(x):
    """Scramble 64 bits (splitmix64: Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def draw(ring, taps, place, parameters, table, result):
    """Write one value, drawn with probability w / sum(w); the parameters are beta, the table holds the seed.

    The draw is a hash of seed, row, column and channel, so threads, tiles and batches cannot change it.
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
    key = _mix(_mix(np.uint64(table[0, 0])) + np.uint64(place[ROW]))
    left = total  # what is left of a random share of the whole, as each weight is taken off it
    for j in range(size):
        position = np.uint64(place[COLUMN] + j % place[PLANE]) * np.uint64(0x9E3779B97F4A7C15)
        bits = _mix(key ^ _mix(position + np.uint64(j // place[PLANE])))
        left[j] = total[j] * lane(bits >> np.uint64(40)) * lane(2.0**-24)
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
    return task.operation(soft, bound=_heaviest(task), parameters=(task.beta,))


def random(task: Task) -> Operation:
    """Return the operation of random."""
    bound = _heaviest(task) | {"weigh": boltzmann}
    return task.operation(draw, bound=bound, parameters=(task.beta,), table=_seed(task), slide=0)


def stochastic(task: Task) -> Operation:
    """Return the operation of stochastic."""
    bound = {"lane": task.lane, "best": largest, "weigh": proportion}
    return task.operation(draw, bound=bound, parameters=(1.0,), table=_seed(task), slide=0)


def _heaviest(task: Task) -> dict[str, Any]:
    return {"lane": task.lane, "best": largest if task.parameters["beta"] >= 0 else smallest}


def _seed(task: Task) -> NDArray[np.int64]:
    return np.array([[task.parameters["seed"], 0]], np.int64)
