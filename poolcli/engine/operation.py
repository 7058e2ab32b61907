"""What is asked of a kernel, and the kernel chosen for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes

Planes = NDArray[Any]
"""Results of parts of windows, (planes, ...): what a part leaves may be more than one number."""


@dataclass(frozen=True)
class Task:
    """What a mode is to do: from which dtype to which, over windows of how many taps, with which parameters."""

    source: np.dtype[Any]
    target: np.dtype[Any]
    taps: int
    parameters: Mapping[str, Any]
    maximum: float = 1.0  # value that counts as 1 where the scale of the values matters

    @property
    def lane(self) -> type:
        """Return the float that a blending mode computes in."""
        return dtypes.lane(self.source, self.target).type

    @property
    def total(self) -> type:
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
    def keeps(self) -> bool:
        """Return whether a mean must be kept between the values of its window: its rounding could leave them."""
        return self.source.itemsize == 8 and self.target == self.source

    @property
    def beta(self) -> float:
        """Return beta for values as they are; in the range of float32, beyond which it makes no difference."""
        beta: float = self.parameters["beta"] / self.maximum
        return min(max(beta, -_FLOAT32_MAX), _FLOAT32_MAX)

    def operation(self, function: Any, **settings: Any) -> Operation:
        """Return the operation that runs this operator."""
        return Operation(function, self.source, self.target, **settings)


@dataclass(frozen=True)
class Region:
    """The values of one channel of one window, and where they are."""

    values: NDArray[Any]  # (rows, columns), a view of the picture
    place: tuple[int, int, int]  # row, column and channel of the result
    first: tuple[int, int]  # row and column of the first value in the picture
    step: tuple[int, int]
    width: int  # of the picture

    def index(self, k: int) -> int:
        """Return where in the picture the k-th value in row order is: row * width + column."""
        y, x = divmod(k, self.values.shape[1])
        row, column = self.first[0] + y * self.step[0], self.first[1] + x * self.step[1]
        return int(row * self.width + column)


def unless_nan(planes: int, of_region: Callable[[Region], Sequence[Any]]) -> Callable[[Region], Sequence[Any]]:
    """Return a function of regions that makes NaN of those that hold one."""

    def apply(region: Region) -> Sequence[Any]:
        largest = region.values.max()
        return of_region(region) if largest == largest else [largest] * planes

    return apply


_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Part:
    """What is made of some rows of a window, column by column, and how two such results are joined."""

    ROWS = 128  # of a window, at most: so many sums of 8 bits fit into 16

    operation: Operation
    join: Callable[[Planes, Planes], Planes]
    number: np.dtype[Any]  # of the results while they are joined
    exact: bool = False  # whatever is joined first, the result is the same
    weighted: bool = False  # values count by the weights of their windows


@dataclass(frozen=True)
class Fold:
    """How a window of any size is pooled: in parts, which are joined in pairs, so that no sum drifts."""

    parts: tuple[Part, ...]
    finish: Callable[[Sequence[Planes], NDArray[Any], NDArray[Any], np.dtype[Any]], NDArray[Any]]
    """Makes the result of the joined parts, the counts, the divisors and the dtype asked for."""
    keep: Part | None = None  # the smallest and the largest value, where the result must lie between


@dataclass(frozen=True)
class Operation:
    """An operator with all that it needs."""

    function: Any
    source: np.dtype[Any]
    target: np.dtype[Any]
    bound: Mapping[str, Any] = field(default_factory=dict)  # global names of the operator, and their values
    parameters: tuple[float, ...] = ()
    table: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    planes: int = 1  # results of each window
    axes: tuple[Operation, Operation] | None = None  # down and across: the same in two steps, for wide windows
    first: Operation | None = None  # what makes planes of every pixel and its neighbours; all are pooled alike,
    finished: np.dtype[Any] | None = None  # and `fold` makes one result of them, of this dtype
    slide: int = 1  # largest stride at which computing every window and keeping some is cheapest; 0 for never
    fold: Fold | None = None  # the same for windows of any size
    region: Callable[[Region], Any] | None = None  # the same for one channel of a window: as many numbers as planes
