"""Pools that choose values, or say where they are: by an operator, and in large windows channel by channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli import dtypes
from poolcli.engine import regions, selection, sorting, windows
from poolcli.engine.operation import Operation
from poolcli.geometry import Windows

BLOCK = 1 << 15  # values of a large window that are looked through at once


@dataclass(frozen=True)
class Region:
    """The values of one channel of one window, and where they are."""

    values: NDArray[Any]  # (rows, columns), a view of the image
    place: tuple[int, int, int]  # row, column and channel of the result
    first: tuple[int, int]  # row and column of the first value in the image
    step: tuple[int, int]
    width: int  # of the image
    places: NDArray[np.int64] | None = None  # of the values in the image, where these are what is left of a window

    def index(self, k: int) -> int:
        """Return where in the image the k-th value in row order is: row * width + column."""
        if self.places is not None:
            return int(self.places[k])
        y, x = divmod(k, self.values.shape[1])
        row, column = self.first[0] + y * self.step[0], self.first[1] + x * self.step[1]
        return int(row * self.width + column)

    @property
    def blocks(self) -> list[NDArray[Any]]:
        """Return the values some rows at a time."""
        step = max(1, BLOCK // self.values.shape[1])
        return [self.values[begin : begin + step] for begin in range(0, len(self.values), step)]


@dataclass(frozen=True)
class Choice:
    """A pool that chooses."""

    operation: Operation
    of_region: Callable[[Region], Sequence[Any] | NDArray[Any]]  # as many results as the operation has planes
    sliding: Callable[..., NDArray[Any] | None] | None = None  # of an image and windows that overlap much
    whole: Operation | None = None  # the same for windows of `taps` values, of which there is less to compile
    taps: int = 0
    of_counts: Callable[[selection.Counts], Sequence[Any]] | None = None  # the same of values of 8 or 16 bits, counted
    reading: Any = None  # what is made of a sorted window, as `sorting` takes it

    def pool(self, image: NDArray[Any], rows: Windows, columns: Windows) -> NDArray[Any]:
        """Return (planes, N, rows, columns, C) of (N, H, W, C)."""
        if not regions.are_large(image.shape, rows, columns, divisible=False, separable=False):
            slid = self.sliding(image, rows, columns) if self.sliding and image.size else None
            return windows.pool(image, self._operation(rows, columns), rows, columns) if slid is None else slid
        if self.reading and sorting.suits(image, rows, columns):
            return sorting.pool(image, self.operation, self.reading, rows, columns)
        images, _, width, channels = image.shape
        out = np.empty((self.operation.planes, images, rows.size, columns.size, channels), self.operation.target)
        for n, i, j, c in np.ndindex(images, rows.size, columns.size, channels):
            ys, xs = rows.span(i), columns.span(j)
            first, step = (ys.start, xs.start), (rows.step, columns.step)
            chosen = self.of_region(
                Region(image[n, ys, xs, c], (rows.begin + i, columns.begin + j, c), first, step, width)
            )
            out[:, n, i, j, c] = dtypes.saturate_cast(np.array(chosen), self.operation.target)
        return out

    def _operation(self, rows: Windows, columns: Windows) -> Operation:
        """Return what pools these windows."""
        fewest = min(rows.count.tolist(), default=0) * min(columns.count.tolist(), default=0)
        return self.whole if self.whole and fewest == self.taps else self.operation


def unless_nan(planes: int, of_region: Callable[[Region], Sequence[Any]]) -> Callable[[Region], Sequence[Any]]:
    """Return a function of regions that makes NaN of those that hold one."""

    def apply(region: Region) -> Sequence[Any]:
        return [region.values.max()] * planes if selection.holds_nan(region.values) else of_region(region)

    return apply
