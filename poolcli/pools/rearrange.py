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
        out = np.zeros(image.shape, grads.dtype)
        for plane, (ky, kx) in zip(grads, np.ndindex(rows.max_count, columns.max_count), strict=True):
            out[:, (rows.first + ky * rows.step)[:, None], columns.first + kx * columns.step] += plane
        return out
