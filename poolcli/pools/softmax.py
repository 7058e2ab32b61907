"""Pools in which values weigh by an exponential, e^(beta r), or by themselves, max(r, 0): soft, random, stochastic.

soft is sum(r w) / sum(w), w = e^(beta r). Weights are over that of the heaviest value m, the largest, or the smallest
where beta < 0: no exponential overflows, and the heaviest weighs exactly 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from poolcli.engine.arithmetic import alike, exponential, fill_row, never_0, saturate_cast, tap
from poolcli.engine.choices import Choice
from poolcli.engine.compile import scalar
from poolcli.engine.draws import drawn
from poolcli.engine.folds import Fold, largest, relative, smallest
from poolcli.engine.gradients import Gradient, Steep, Total
from poolcli.engine.operation import NONE, Operation, Task, constants
from poolcli.pools.means import average, average_gradient, limits

best: Any = None  # bound to what finds the heaviest value
number: Any = None  # bound to the float that weights are computed in

_FEW = 16  # taps; a sum of more weights in float32 may err by more than 1e-6


@scalar
def boltzmann(r, m, constants):
    """Return e^(beta r) over e^(beta m)."""
    beta = alike(constants.beta, r)
    return alike(1, r) if r == m or beta == 0 else exponential(beta * (r - m))


@scalar
def proportion(r, m, constants):
    """Return max(r, 0) over that of m; 1 if none is above 0."""
    if r == m or m <= 0:
        return alike(1, r)
    return max(r, alike(0, r)) / m


@scalar
def weighted(r, m, number, constants):
    """Return w r and w; a value infinitely far from the heaviest weighs nothing, and 0 times infinity is no number."""
    value = number(r)
    w = boltzmann(value, m, constants)
    return number(0) if w == 0 else w * value, w


@scalar
def weighted_mean(state, n, constants):
    """Return sum(r w) / sum(w)."""
    return state[1] / state[2]


def soft(task: Task) -> Fold:
    """Return the pool of soft: sum(r e^(beta r)) / sum(e^(beta r))."""
    if task.parameters["beta"] == 0:
        return average(task)
    heaviest, beta = _heaviest(task), constants(beta=task.beta)
    part = relative(task, weighted, boltzmann, np.float64, heaviest, 2, beta)
    fold = Fold(task, (part,), weighted_mean, beta, limits(task))
    narrow = task.source == np.float32 or (task.source.kind == "u" and task.source.itemsize <= 2)
    if not narrow or task.blend_dtype != np.float32 or task.taps > _FEW:
        return fold
    bound = {"number": task.blend_dtype, "best": heaviest}
    return replace(fold, own=Operation(soft_of_few, task.source, task.target, bound, beta))


@scalar
def softness(state, n, constants):
    """Return 1 / sum(w), the heaviest value m and the result."""
    m, above, below = state
    return 1 / below, m, above / below


@scalar
def soft_slope(r, m, out, constants):
    """Return w (1 + beta (r - out))."""
    beta = alike(constants.beta, r)
    return boltzmann(r, m, constants) * (1 + beta * (r - out))


def soft_gradient(task: Task) -> Gradient:
    """Return the gradient of soft: d/dr = e^(beta r) (1 + beta (r - out)) / sum(e^(beta r))."""
    if task.parameters["beta"] == 0:
        return average_gradient(task)
    beta = constants(beta=task.beta)
    number = task.blend_dtype if task.taps <= _FEW else np.float64
    part = relative(task, weighted, boltzmann, number, _heaviest(task), 2, beta)
    return Steep(task, part, softness, soft_slope, beta)


@scalar
def sharpening(r, m, out, constants):
    """Return w r (r - out)."""
    return boltzmann(r, m, constants) * (r * (r - out))


def soft_gradient_of_beta(task: Task) -> Gradient:
    """Return the gradient of soft in beta: sum(w r (r - out)) / sum(w), w = e^(beta r), r as a share of what is 1."""
    beta = constants(beta=task.beta)
    part = relative(task, weighted, boltzmann, np.float64, _heaviest(task), 2, beta)
    return Total(Steep(task, part, softness, sharpening, beta), 1 / task.maximum)


@scalar
def _mean_of_one(lines, taps, j, size, m, constants):
    """Return sum(r w) / sum(w) of one window, in float64: so seldom that LLVM's own exponential, which is there, does.

    A value infinitely far from the heaviest weighs nothing, and 0 times infinity is no number.
    """
    above = below = 0.0
    for k in range(len(taps)):
        value = np.float64(tap(lines, taps, k, size)[j])
        w = 1.0 if value == m or constants.beta == 0 else np.exp(constants.beta * (value - m))
        above += 0.0 if w == 0 else w * value
        below += w
    return above / below


def soft_of_few(lines, taps, cursor, constants, table, result):
    """Write sum(r w) / sum(w) as m + sum((r - m) w) / sum(w), in float32: exact where all are equal.

    Windows of few values only: three times as fast as in float64. Where both terms nearly cancel, or one is no finite
    number, a window is done again in float64.
    """
    size = cursor.lanes
    out = result[0][:size]
    heaviest = np.empty(size, lines.dtype)
    best(lines, taps, cursor, constants, heaviest)
    beta = number(constants.beta)
    above = np.empty(size, number)
    below = np.empty(size, number)
    fill_row(above, number(0))
    fill_row(below, number(0))
    for k in range(len(taps)):
        values = tap(lines, taps, k, size)
        for j in range(size):
            difference = number(values[j]) - number(heaviest[j])
            w = never_0(beta * difference)
            above[j] += difference * w
            below[j] += w
    doubtful = np.int32(0)
    for j in range(size):
        second = above[j] / below[j]
        found = number(heaviest[j]) + second
        out[j] = saturate_cast(found, out)
        above[j] = number(0.5) * abs(second) - min(abs(found), number(3.4e38))  # above 0, infinite or NaN: doubtful
    for j in range(size):
        doubtful = np.int32(doubtful + np.int32(0 if above[j] <= number(0) else 1))
    if doubtful:
        for j in range(size):
            if not above[j] <= number(0):
                out[j] = saturate_cast(_mean_of_one(lines, taps, j, size, np.float64(heaviest[j]), constants), out)


def random(task: Task) -> Choice:
    """Return the pool of random: one r, drawn with probability e^(beta r) / sum(e^(beta r))."""
    return drawn(task, boltzmann, _heaviest(task), constants(beta=task.beta))


def stochastic(task: Task) -> Choice:
    """Return the pool of stochastic: one r, drawn with probability max(r, 0) / sum(max(r, 0))."""
    return drawn(task, proportion, largest, NONE)


def _heaviest(task: Task) -> Any:
    return largest if task.parameters["beta"] >= 0 else smallest
