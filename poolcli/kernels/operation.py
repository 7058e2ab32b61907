"""What is asked of a kernel, and the kernel chosen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes


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
    def beta(self) -> float:
        """Return beta for values as they are."""
        beta: float = self.parameters["beta"]
        return beta / self.maximum

    def operation(self, function: Any, **settings: Any) -> Operation:
        """Return the operation that runs this operator."""
        return Operation(function, self.source, self.target, **settings)


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
    first: Operation | None = None  # what makes planes of every pixel and its neighbours; all are pooled alike
    slide: int = 1  # largest stride at which computing every window and keeping some is cheapest; 0 for never
