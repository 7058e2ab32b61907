"""Gradients of pools, by kind: of those that blend evenly, of those that weigh, of those that select.

A pool that lifts, combines and finishes says how its result changes with a value r of the window:

    derive(state, n, constants) -> factor, a, b
    slope(r, a, b, constants) -> slope

The derivative is the product of factor and slope. `factor`, a and b are made of the state of the whole window once, the
slope is one for each value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from poolcli.engine import folds, regions, windows
from poolcli.engine.compile import bind, specialise
from poolcli.engine.operation import NONE, Operation, Task, reader
from poolcli.engine.regions import Part
from poolcli.engine.send import add, send
from poolcli.engine.spread import NUMBERS, cover, spread_evenly, spread_steeply
from poolcli.engine.winners import Selecting, located
from poolcli.geometry import Windows
from poolcli.outputs import room

# Placeholders: the dtype of the state, how many numbers it has, and functions of the pool.
number: Any = None
size_of_state: Any = None
gather: Any = None
derive: Any = None
get: Any = None
read: Any = None


class Gradient(Protocol):
    """The gradient of a pool."""

    def back(self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows) -> Any:
        """Return the gradient of the sum of grads (planes, N, rows, columns, C) times results.

        It is that with respect to the image (N, H, W, C), or to a parameter.
        """


@dataclass(frozen=True)
class Even:
    """The gradient of a mean: each value of a window has the same share, which is this over n."""

    share: float = 1.0

    def back(self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return the gradient with respect to the image."""
        _, height, width, _ = image.shape
        down = cover(rows, height).divided(rows.divisor, self.share)
        return spread_evenly(grads[0], image.shape, down, cover(columns, width).divided(columns.divisor))


@dataclass(frozen=True)
class Selected:
    """The gradient of a pool that selects: all of it goes to the value that was taken."""

    pool: Selecting
    share: float = 1.0
    mean: bool = False  # the result is the mean of all planes, of as many as there are values

    def back(self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return the gradient with respect to the image."""
        out = room(image.shape, grads.dtype)
        send(*self._sent(grads, image, rows, columns), (rows, columns), out)
        return out

    def add_to(
        self, out: NDArray[Any], grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows
    ) -> None:
        """Add the gradient to another."""
        add(*self._sent(grads, image, rows, columns), (rows, columns), out)

    def _sent(
        self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return what each plane of windows sends, and where to."""
        indices = located(self.pool).pool(image, rows, columns)
        sent = grads if self.share == 1 else grads * grads.dtype.type(self.share)
        if self.mean:
            n = np.outer(rows.count, columns.count)[..., None]
            shares = [(p < n) / np.minimum(n, len(indices)) for p in range(len(indices))]
            sent = np.stack([sent[0] * share.astype(sent.dtype) for share in shares])
        return sent, indices


@dataclass(frozen=True)
class Both:
    """The sum of two gradients."""

    first: Gradient
    second: Selected

    def back(self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return the gradient with respect to the image."""
        out: NDArray[Any] = self.first.back(grads, image, rows, columns)
        self.second.add_to(out, grads, image, rows, columns)
        return out


@dataclass(frozen=True)
class Total:
    """The gradient with respect to a parameter: a factor times the sum of what comes back to all values.

    With `weighed`, what comes back is times the value.
    """

    each: Gradient
    factor: float = 1.0
    weighed: bool = False

    def back(self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows) -> np.float64:
        """Return the gradient."""
        found = self.each.back(grads, image, rows, columns)
        if self.weighed:
            found *= image
        return np.float64(self.factor * found.sum(dtype=np.float64))


@dataclass(frozen=True)
class Steep:
    """The gradient of a pool whose result changes more with some values of a window than with others."""

    task: Task
    part: Part
    derive: Any
    slope: Any
    constants: Any = NONE

    def back(self, grads: NDArray[Any], image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return the gradient with respect to the image."""
        sent = self._numbers(image, rows, columns)
        sent[0] *= grads[0]
        return spread_steeply(image, sent, rows, columns, self.slope, self.constants)

    def _numbers(self, image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return factor, a and b of each window, (3, N, rows, columns, C)."""
        if not regions.are_large(image.shape, rows, columns, divisible=True, separable=False):
            return windows.pool(image, self._operation, rows, columns)
        states = regions.states(image, self.part, rows, columns)
        own = np.ascontiguousarray(states).reshape(len(states), -1)
        n = np.broadcast_to(np.outer(rows.divisor, columns.divisor)[..., None], states.shape[1:]).astype(np.float64)
        out = np.empty((NUMBERS, n.size), self.task.target)
        derived = _deriving(own.dtype, len(own), self.task.target, self.derive, self.constants._fields)
        derived(own, n.ravel(), np.array(self.constants, np.float64), out)
        return out.reshape(NUMBERS, *states.shape[1:])

    @property
    def _operation(self) -> Operation:
        state = self.part.operation
        bound = {"gather": self.part.gather, "derive": bind(self.derive), "number": state.target.type}
        bound |= {"size_of_state": state.planes, "get": folds.GET[state.planes]}
        source, target = self.task.source, self.task.target
        return Operation(_derive, source, target, bound, self.constants, planes=NUMBERS)


def _derive(lines, taps, cursor, constants, table, result):
    """Write factor, a and b of each window."""
    size = cursor.lanes
    state = np.empty((size_of_state, size), number)
    gather(lines, taps, cursor, constants, state)
    n = np.float64(cursor.divisor)
    factors, first, second = result[0], result[1], result[2]
    # A loop each: LLVM compares the addresses of rows before it vectorises, and not those of so many.
    for j in range(size):
        factors[j] = derive(get(state, j), n, constants)[0]
    for j in range(size):
        first[j] = derive(get(state, j), n, constants)[1]
    for j in range(size):
        second[j] = derive(get(state, j), n, constants)[2]


def _derive_all(state, n, parameters, out):
    """Write factor, a and b of states."""
    constants = read(parameters)
    for j in range(n.size):
        out[0, j], out[1, j], out[2, j] = derive(get(state, j), n[j], constants)


@cache
def _deriving(
    dtype: np.dtype[Any], numbers: int, target: np.dtype[Any], derive: Any, names: tuple[str, ...]
) -> Callable[..., None]:
    floats = types.Array(types.float64, 1, "C")
    states, out = (types.Array(from_dtype(one), 2, "C") for one in (dtype, target))
    signature = types.void(states, floats, floats, out)
    made: Callable[..., None] = specialise(
        _derive_all, signature, derive=derive, get=folds.GET[numbers], read=reader(names)
    )
    return made
