"""The operator's contract: what the loop gives to an operator, what an operator may touch, what it returns.

The loop of `windows` cuts rows of windows into tiles, and calls an operator for each:

    operator(lines, taps, cursor, constants, table, result)

- `lines` (rows, numbers): rows of the image in its own dtype, as the loop keeps them; read only.
- `taps`: one record (`TAP`) for each value of a window. The k-th values of all windows of this tile are
  `tap(lines, taps, k, cursor.lanes)`: one contiguous slice. Entry j belongs to one window and channel, a *lane*.
- `cursor`: one record (`CURSOR`): which windows these are.
- `constants`: a named tuple of floats, as the pool that made the operation named them.
- `table` (n, 2): whole numbers of the operation's own, as the comparators of a sorting network; read only.
- `result` (planes, numbers): the operator writes result[p][:cursor.lanes], plane p of what each lane comes to, of the
  operation's target dtype. It touches nothing else, and returns nothing.

Whatever else an operator needs are placeholders: globals of its module that are None until `Operation.bound` gives them
values. This one writes half the distance between the first and the last value of each window:

>>> from poolcli import geometry
>>> from poolcli.engine import windows
>>> from poolcli.engine.arithmetic import saturate_cast, tap
>>> number = None
>>> def span(lines, taps, cursor, constants, table, result):
...     first, last = tap(lines, taps, 0, cursor.lanes), tap(lines, taps, len(taps) - 1, cursor.lanes)
...     out = result[0]
...     for j in range(cursor.lanes):
...         out[j] = saturate_cast(constants.factor * (number(last[j]) - number(first[j])), out)
>>> uint8 = np.dtype(np.uint8)
>>> halved = Operation(span, uint8, uint8, {"number": np.float64}, constants(factor=0.5))
>>> image = np.array([[1, 5, 2, 0], [3, 4, 8, 6]], np.uint8).reshape(1, 2, 4, 1)
>>> windows.pool(image, halved, *geometry.windows(2, 4, geometry.shape(2))).ravel()
array([2, 2], dtype=uint8)

Most pools need no operator: they say what a value becomes (`folds`), which rank is read (`ranks`), or what a value
weighs (`draws`), and these modules have the operators.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes
from poolcli.engine.compile import bind
from poolcli.geometry import Windows


def record(*names: str) -> np.dtype[Any]:
    """Return the dtype of a record of whole numbers with these names: none that NumPy's own scalars have, as `size`."""
    assert not any(hasattr(np.generic, name) for name in names)
    return np.dtype((np.record, [(name, np.int64) for name in names]))


CURSOR = record(
    "row",  # of the output of the whole image
    "column",  # of the same, of the first window
    "lanes",  # numbers that the operator writes to each plane
    "divisor",  # what a mean of each window divides by: how many values it has, or has with padding
    "plane",  # lanes of a channel; where channels are interleaved, of all: lane j is channel j // plane
    "channel",  # of the first lane
    "stride",  # from a window to the next, in pixels of the input
    "width",  # of the image
    "channels",
    # The rest are the loop's own.
    "out",  # row of all outputs of the call
    "into",  # column of these
    "windows",  # how many there are
    "first",  # pixel of the input where the first window begins
    "pixels",  # that all windows span
    "line",  # row of all images that is dealt out
    "slot",  # and where it goes
)
"""Which windows an operator is called for."""

TAP = record(
    "line",  # of `lines`
    "start",  # where in it the slice begins
    "row",  # of the image
    "column",  # of the image, of the first window
    "weight",  # of the tap, where the windows have weights; 1 where not
)
"""One value of each window."""


@cache
def _named(names: tuple[str, ...]) -> Any:
    return namedtuple(f"Constants_{'_'.join(names)}", names)


def constants(numbers: tuple[float, ...] = (), **values: float) -> Any:
    """Return up to four numbers as operators get them, a named tuple; `numbers`, of any length, become an array."""
    named = {name: float(value) for name, value in values.items()} | ({"numbers": numbers} if numbers else {})
    return _named(tuple(named))(*named.values())


NONE = constants(unused=0)


Constants: Any = None


def _one(parameters):
    return Constants(parameters[0])


def _two(parameters):
    return Constants(parameters[0], parameters[1])


def _three(parameters):
    return Constants(parameters[0], parameters[1], parameters[2])


def _four_and_numbers(parameters):
    return Constants(parameters[0], parameters[1], parameters[2], parameters[3], parameters[4:])


def _numbers(parameters):
    return Constants(parameters)


_READERS = {1: _one, 2: _two, 3: _three, 5: _four_and_numbers}


def reader(names: tuple[str, ...]) -> Any:
    """Return the function that makes constants of these names of parameters."""
    return bind(_numbers if names == ("numbers",) else _READERS[len(names)], Constants=_named(names))


@dataclass(frozen=True)
class Task:
    """What a pool is to do: from which dtype to which, over windows of how many taps, with which parameters."""

    source: np.dtype[Any]
    target: np.dtype[Any]
    taps: int
    parameters: Mapping[str, Any]
    maximum: float = 1.0  # value that counts as 1 where the scale of the values matters

    @property
    def blend_dtype(self) -> type:
        """Return the float that a blending pool computes in."""
        return dtypes.blend_dtype(self.source, self.target).type

    @property
    def sum_dtype(self) -> type:
        """Return the narrowest number that holds the sum of a window: exactly, for integers."""
        bits = 8 * self.source.itemsize + (self.taps - 1).bit_length()
        if self.source.kind == "f" or bits > 32:
            return np.float64
        return np.dtype(f"{self.source.kind}{2 if bits <= 16 else 4}").type

    @property
    def is_wide_integer(self) -> bool:
        """Return whether the values are integers that no float holds."""
        return self.source.kind in "iu" and self.source.itemsize == 8

    @property
    def stays_within(self) -> bool:
        """Return whether a mean must be kept between the values of its window: its rounding could leave them."""
        return self.source.itemsize == 8 and self.target == self.source

    @property
    def beta(self) -> float:
        """Return beta for values as they are; in the range of float32, beyond which it makes no difference."""
        beta: float = self.parameters["beta"] / self.maximum
        return min(max(beta, -_FLOAT32_MAX), _FLOAT32_MAX)


_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Sliding:
    """How windows that overlap much are pooled: what `sliding` binds."""

    number: Any  # dtype of what columns come to
    wide: Any  # dtype of what is made of these along a row
    target: np.dtype[Any]
    identity: Any  # number of a column beyond the image
    down: Any
    across: Any
    most: int  # rows of a window
    least: int  # windows along an axis that a pixel is in


@dataclass(frozen=True)
class Operation:
    """An operator with all that it needs."""

    operator: Callable[..., None]
    source: np.dtype[Any]
    target: np.dtype[Any]
    bound: Mapping[str, Any] = field(default_factory=dict)  # placeholders of the operator, and their values
    constants: Any = NONE
    table: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    planes: int = 1  # results of each window
    separable: tuple[Operation, Operation] | None = None  # down and across: the same in two steps, for wide windows
    sliding: Sliding | None = None  # the same where windows overlap much
    prepass: Operation | None = None  # what makes planes of every pixel and its neighbours; all are pooled alike
    max_dense_stride: int = 1  # at which computing every window and keeping some is cheapest; 0 for never

    @cached_property
    def parameters(self) -> NDArray[np.float64]:
        """Return the constants as the loop passes them on."""
        return np.hstack([*self.constants]).astype(np.float64)

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """Return what an operator is compiled for."""
        return (self.operator, self.source, self.target, self.constants._fields, *sorted(self.bound.items()))


class Pool(Protocol):
    """A pool of any kind."""

    def pool(self, image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return (planes, N, rows, columns, C) of (N, H, W, C)."""
