"""Extremes, max(r) and min(r), and where the maximum is: the first in row order; a NaN counts as the largest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from poolcli.engine.arithmetic import tap
from poolcli.engine.choices import Choice, Region
from poolcli.engine.folds import Fold, extreme, itself, largest, smallest
from poolcli.engine.operation import Operation, Task


def maximum(task: Task) -> Fold:
    """Return the pool of max: max(r)."""
    return _extreme(task, largest)


def minimum(task: Task) -> Fold:
    """Return the pool of min: min(r)."""
    return _extreme(task, smallest)


def _extreme(task: Task, best: Any) -> Fold:
    part = extreme(task, best)
    step = part.operation  # the state is the result
    return Fold(task, (part,), itself, own=replace(step, separable=(step, step)))


def winner(lines, taps, cursor, constants, table, result):
    """Write the flat index, row * width + column, of the first of the largest values."""
    size = cursor.lanes
    out = result[0][:size]
    winning = np.empty(size, lines.dtype)
    first = tap(lines, taps, 0, size)
    for j in range(size):
        winning[j] = first[j]
        out[j] = 0
    for k in range(1, len(taps)):
        values = tap(lines, taps, k, size)
        for j in range(size):
            if values[j] > winning[j] or (values[j] != values[j] and winning[j] == winning[j]):
                winning[j] = values[j]
                out[j] = k
    for j in range(size):
        k = min(max(out[j], 0), len(taps) - 1)
        out[j] = taps[k].row * cursor.width + taps[k].column + j % cursor.plane * cursor.stride


def _winner_of(region: Region) -> list[int]:
    """Return the same for one window."""
    best, found, begin = region.values[0, 0], 0, 0
    for block in region.blocks:
        values = block.ravel()
        k = int(values.argmax())
        if values[k] > best or (values[k] != values[k] and best == best):
            best, found = values[k], begin + k
        begin += values.size
    return [region.index(found)]


def indices(task: Task) -> Choice:
    """Return the pool that finds where the maximum is."""
    return Choice(Operation(winner, task.source, task.target, max_dense_stride=0), _winner_of)
