"""All values of a window, one after the other: space-to-depth, where each becomes a channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine.arithmetic import tap
from poolcli.engine.choices import Choice
from poolcli.engine.gradients import Gradient
from poolcli.engine.operation import Operation, Task
from poolcli.geometry import Windows


def space_to_depth(task: Task) -> Choice:
    """Return the pool of space-to-depth: every r, a plane for each place in the window, in row order."""
    operation = Operation(_copy, task.source, task.target, planes=task.taps, max_dense_stride=0)
    return Choice(operation, lambda region: region.values.ravel())


def _copy(lines, taps, cursor, constants, table, result):
    """Write the values of each window."""
    for k in range(len(taps)):
        values, out = tap(lines, taps, k, cursor.lanes), result[k]
        for j in range(cursor.lanes):
            out[j] = values[j]


def space_to_depth_gradient(task: Task) -> Gradient:
    """Return the gradient of space-to-depth: each value gets that of its plane, from each window that has it."""
    return _Returned()


@dataclass(frozen=True)
class _Returned:
    """The gradient of windows of which all values are given, the places of all windows alike."""

    def back(self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return the gradient with respect to the image."""
        once = _are_apart(rows) and _are_apart(columns)
        out = np.zeros(image.shape, grads.dtype)
        for plane, (ky, kx) in zip(grads, np.ndindex(rows.max_count, columns.max_count), strict=True):
            values = out[:, _every(rows, ky), _every(columns, kx)]
            np.copyto(values, plane) if once else np.add(values, plane, out=values)
        return out


def _every(axis: Windows, k: int) -> slice:
    """Return the places of value k of all windows, which lie one stride apart."""
    first = int(axis.first[0]) + k * axis.step
    stride = int(axis.first[1] - axis.first[0]) if axis.size > 1 else 1
    return slice(first, first + (axis.size - 1) * stride + 1, stride)


def _are_apart(axis: Windows) -> bool:
    """Return whether no two windows hold the same place."""
    places = axis.first[:, None] + np.arange(axis.max_count) * axis.step
    return len(np.unique(places)) == places.size
