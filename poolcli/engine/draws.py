"""Pools by draw: one value of each window, with a probability that is its share of the weights.

A pool says what a value weighs, relative to the reference m of its window, the largest or smallest value:

    share(r, m, constants) -> weight, 1 for the reference

The draw is a hash of seed, row, column and channel: threads, tiles and batches cannot change it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from poolcli.engine.arithmetic import ODD, scrambled, tap
from poolcli.engine.choices import Choice, Region, unless_nan
from poolcli.engine.compile import plain, specialise
from poolcli.engine.folds import largest
from poolcli.engine.operation import Operation, Task, reader

share: Any = None
best: Any = None
number: Any = None  # bound to the float that weights are computed in
digits: Any = None  # bound to how many bits of a draw that float holds
read: Any = None

_FEW = 16  # taps; a sum of more weights in float32 may err by more than 1e-6


def _draw(lines, taps, cursor, constants, table, result):
    """Write one value, drawn with probability w / sum(w); the table holds the seed."""
    size = cursor.lanes
    out = result[0][:size]
    heaviest = np.empty(size, lines.dtype)
    best(lines, taps, cursor, constants, heaviest)
    total = np.zeros(size, number)
    for k in range(len(taps)):
        values = tap(lines, taps, k, size)
        for j in range(size):
            total[j] += share(number(values[j]), number(heaviest[j]), constants)
    # An odd number is added to the seed, as the hash of 0 is 0.
    key = scrambled(scrambled(np.uint64(table[0, 0]) + np.uint64(ODD)) + np.uint64(cursor.row))
    unused, unit = np.uint64(64 - digits), number(2.0**-digits)
    left = total  # what is left of a random share of the whole, as each weight is taken off it
    for j in range(size):
        position = np.uint64(cursor.column + j % cursor.plane) * np.uint64(ODD)
        bits = scrambled(key ^ scrambled(position + np.uint64(cursor.channel + j // cursor.plane)))
        left[j] = total[j] * number(bits >> unused) * unit
        out[j] = heaviest[j]
    for k in range(len(taps)):
        values = tap(lines, taps, k, size)
        for j in range(size):
            w = share(number(values[j]), number(heaviest[j]), constants)
            if number(0) <= left[j] < w and heaviest[j] == heaviest[j]:
                out[j] = values[j]
            left[j] -= w if left[j] >= 0 else number(0)


def _weigh(values, reference, parameters, out):
    """Write the weights of values."""
    constants = read(parameters)
    for j in range(values.size):
        out[j] = share(values[j], reference, constants)


@cache
def _weighing(share: Any, names: tuple[str, ...]) -> Any:
    floats = types.Array(types.float64, 1, "C")
    return specialise(_weigh, types.void(floats, types.float64, floats, floats), share=share, read=reader(names))


def drawn(task: Task, share: Any, best: Any, constants: Any) -> Choice:
    """Return the pool that draws a value by its weight; `best` finds the reference."""
    dtype = task.blend_dtype if task.taps <= _FEW else np.float64
    seed = task.parameters["seed"]
    bound = {"number": dtype, "best": best, "share": share, "digits": 24 if dtype == np.float32 else 53}
    table = np.array([[seed, 0]], np.int64)
    operation = Operation(_draw, task.source, task.target, bound, constants, table, max_dense_stride=0)

    def of_region(region: Region) -> list[Any]:
        reference = float(region.values.max() if best is largest else region.values.min())
        return [_drawn(region, reference, share, constants, _random(seed, *region.place))]

    return Choice(operation, unless_nan(1, of_region))


def _drawn(region: Region, reference: float, share: Any, constants: Any, random: float) -> Any:
    """Return the value at which the running sum of the weights, row by row, exceeds this share of their total."""
    weigh, parameters = _weighing(share, constants._fields), np.array(constants, np.float64)

    def weights(block: NDArray[Any]) -> NDArray[np.float64]:
        out = np.empty(block.size)
        weigh(block.astype(np.float64).ravel(), reference, parameters, out)
        return out

    totals = [weights(block).sum() for block in region.blocks]
    left = random * sum(totals)
    for block, total in zip(region.blocks, totals, strict=True):
        if left < total:
            k = int(np.searchsorted(weights(block).cumsum(), left, side="right"))
            if k < block.size:
                return block.ravel()[k]
        left -= total
    return region.values.max()


def _random(seed: int, row: int, column: int, channel: int) -> float:
    """Return a number in [0, 1), the same for the same place and seed, as windows of few values draw it."""
    scramble = plain(scrambled)
    with np.errstate(over="ignore"):  # a hash wraps
        key = scramble(scramble(np.uint64(seed) + np.uint64(ODD)) + np.uint64(row))
        bits = scramble(key ^ scramble(np.uint64(column) * np.uint64(ODD) + np.uint64(channel)))
    return float(bits >> np.uint64(11)) / 2**53
