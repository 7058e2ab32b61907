"""Reductions of maps that are read in boxes, in the bytes of the whole: states of boxes are joined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from poolcli.commands import Step
from poolcli.downsample import made
from poolcli.nodata import without
from poolcli.reduce import arguments_of
from poolcli.tiling import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from poolcli.engine.regions import Ordered, Part
    from poolcli.geometry import Windows

    States = list[NDArray[Any]]

_SHARE = 8  # of the memory, for the pixels of a box, and for the states of columns


class Merging(Protocol):
    """A reduction to which it makes no difference which values are joined first: boxes may be any."""

    def of(self, maps: NDArray[Any]) -> States:
        """Return the states of maps (N, H, W, C)."""

    def joined(self, first: States, second: States) -> States:
        """Return the states of both."""

    def finished(self, states: States) -> NDArray[Any]:
        """Return the results, (planes, N, C)."""


def merging_of(step: Step, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Merging | None:
    """Return how a reduction joins what it has of boxes of maps (H, W) or (H, W, C), or None if it does not.

    Extremes and sums of integers are joined; of 8 and 16 bits values are counted, and ranks read from the counts.
    """
    asked = _Asked.of(step, shape, dtype)
    if asked is None:
        return None
    if asked.is_counted:
        return _Counted(asked)
    return _Exact(asked, asked.pool.exact_parts) if asked.is_folded and asked.pool.exact_parts else None


@dataclass(frozen=True)
class _Asked:
    """The pool of a whole map."""

    pool: Any
    shape: tuple[int, ...]  # (H, W, C)
    source: np.dtype[Any]  # that it works in
    target: np.dtype[Any]

    @classmethod
    def of(cls, step: Step, shape: tuple[int, ...], dtype: np.dtype[Any]) -> _Asked | None:
        """Return the pool of a reduction, or None if it sees more than the values of a channel, or has several bins."""
        from poolcli import dtypes

        row, values = arguments_of(step.mode, without(step.arguments))
        mode = row.applied(values)
        own = {name: value for name, value in values.items() if mode and name in mode.parameters}
        if mode is None or mode.low_pass or "levels" in values or "weights" in own or "ignore" in step.arguments:
            return None
        source = dtypes.check(dtype)
        working = dtypes.working(source)
        asked = step.arguments.get("dtype")
        target = dtypes.check(asked) if asked else dtypes.check("float64") if mode.blends(values) else source
        output = dtypes.kernel_output(source, target) if mode.blends(values) else working
        pool = made(mode.kernel, output, working, shape[0] * shape[1], dtypes.maximum(source), **own)
        return cls(pool, (*shape, 1)[:3], working, target)

    @property
    def is_counted(self) -> bool:
        """Return whether the results are read from counts of the values."""
        return self.source.kind in "iu" and self.source.itemsize <= 2 and bool(getattr(self.pool, "of_counts", None))

    @property
    def is_folded(self) -> bool:
        """Return whether the map is pooled in parts, as small ones are not: these round otherwise."""
        return hasattr(self.pool, "suits_parts") and self.pool.suits_parts((1, *self.shape), *self.grid)

    @property
    def grid(self) -> tuple[Windows, Windows]:
        """Return the map as one window."""
        from poolcli import geometry

        return geometry.adaptive(self.shape[0], 1), geometry.adaptive(self.shape[1], 1)

    def finished(self, states: States) -> NDArray[Any]:
        """Return the results of a fold's states."""
        from poolcli import dtypes

        planes = self.pool.finished([one[:, :, None, None] for one in states], *self.grid)
        return dtypes.saturate_cast(planes[:, :, 0, 0], self.target)


@dataclass(frozen=True)
class _Exact:
    """A fold of extremes, or of sums of integers."""

    asked: _Asked
    parts: tuple[Part, ...]

    def of(self, maps: NDArray[Any]) -> States:
        """Return the state of each part."""
        from poolcli import dtypes
        from poolcli.engine import regions

        batch = dtypes.to_working(maps)
        return [regions.whole(batch, part) for part in self.parts]

    def joined(self, first: States, second: States) -> States:
        """Return the states of both."""
        return [part.join(one, other) for part, one, other in zip(self.parts, first, second, strict=True)]

    def finished(self, states: States) -> NDArray[Any]:
        """Return the results."""
        return self.asked.finished(states)


@dataclass(frozen=True)
class _Counted:
    """Ranks of values of 8 or 16 bits, which are counted."""

    asked: _Asked

    def of(self, maps: NDArray[Any]) -> States:
        """Return how often each value is there."""
        import numpy as np

        from poolcli import dtypes
        from poolcli.engine.selection import Counts

        batch = dtypes.to_working(maps)
        images, _, _, channels = batch.shape
        return [np.array([[Counts.of(batch[n, :, :, c]) for c in range(channels)] for n in range(images)])]

    def joined(self, first: States, second: States) -> States:
        """Return the counts of both."""
        return [first[0] + second[0]]

    def finished(self, states: States) -> NDArray[Any]:
        """Return the results."""
        import numpy as np

        from poolcli import dtypes
        from poolcli.engine.selection import Counts

        pool, (counts,) = self.asked.pool, states
        images, channels, _ = counts.shape
        out = np.empty((pool.operation.planes, images, channels), pool.operation.target)
        for n, c in np.ndindex(images, channels):
            found = pool.of_counts(Counts(self.asked.source, counts[n, c]))
            out[:, n, c] = dtypes.saturate_cast(np.array(found), out.dtype)
        return dtypes.saturate_cast(out, self.asked.target)


class Folding(Protocol):
    """A reduction of a map that is read box by box."""

    def boxes(self, memory: int) -> Iterator[Box]:
        """Yield the boxes that are to be read, for so much memory."""

    def add(self, image: NDArray[Any], box: Box) -> None:
        """Join a box of the map."""

    def result(self) -> NDArray[Any]:
        """Return the numbers of all channels, one plane after the other."""


def folding_of(step: Step, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Folding | None:
    """Return how a map is reduced box by box, or None if it is reduced as a whole.

    Where it makes a difference which values are joined first, boxes are such that the same are as in the whole.
    """
    merging = merging_of(step, shape, dtype)
    if merging and dtype.kind != "f":
        return _AnyOrder(merging, shape, dtype)
    asked = _Asked.of(step, shape, dtype)
    return _InOrder.of(asked) if asked else None


class _AnyOrder:
    """A reduction that merges bands of rows."""

    def __init__(self, merging: Merging, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._merging, self._shape, self._dtype = merging, (*shape, 1)[:3], dtype
        self._states: States | None = None

    def boxes(self, memory: int) -> Iterator[Box]:
        """Yield bands of rows."""
        return _strips(self._shape, self._dtype, memory, (1, self._shape[1]))

    def add(self, image: NDArray[Any], box: Box) -> None:
        """Join a band."""
        found = self._merging.of(image.reshape(1, *box.size, self._shape[2]))
        self._states = found if self._states is None else self._merging.joined(self._states, found)

    def result(self) -> NDArray[Any]:
        """Return the numbers of all channels."""
        assert self._states is not None
        return self._merging.finished(self._states).ravel()


class _InOrder:
    """A fold of floats, whose sums depend on the order, and extremes too: of 0.0 and -0.0 either is the larger."""

    def __init__(self, asked: _Asked, parts: list[Part]) -> None:
        from poolcli.engine.regions import Ordered

        self._asked = asked
        self._orders: list[Ordered] = [Ordered(part, asked.shape) for part in parts]

    @classmethod
    def of(cls, asked: _Asked) -> _InOrder | None:
        """Return the fold, or None where its parts see the map in different orders, or windows are pooled otherwise."""
        pool = asked.pool
        if not asked.is_folded:
            return None
        parts = [*pool.parts, *([pool.limits] if pool.limits else [])]
        found = cls(asked, parts)
        alike = len({(one.height, one.width) for one in found._orders}) == 1
        return found if alike and not any(part.weighted or part.operation.prepass for part in parts) else None

    def boxes(self, memory: int) -> Iterator[Box]:
        """Yield bands of rows, strip by strip."""
        shape, first = self._asked.shape, self._orders[0]
        width = shape[1]
        if first.width:
            kept = sum(one.column_bytes for one in self._orders) * first.width
            width = min(max(memory // _SHARE // kept, 1) * first.width, width)
        return _strips(shape, self._asked.source, memory, (first.height, width))

    def add(self, image: NDArray[Any], box: Box) -> None:
        """Join a box."""
        from poolcli import dtypes

        batch = dtypes.to_working(image.reshape(1, *box.size, self._asked.shape[2]))
        for one in self._orders:
            one.add(batch, box.top, box.left)

    def result(self) -> NDArray[Any]:
        """Return the numbers of all channels."""
        return self._asked.finished([one.state for one in self._orders]).ravel()


def _strips(shape: tuple[int, ...], dtype: np.dtype[Any], memory: int, unit: tuple[int, int]) -> Iterator[Box]:
    """Yield the boxes of a map (H, W, C) from top to bottom, in strips of a width: of a multiple of so many rows."""
    height, width, channels = shape
    least, strip = unit
    wanted = memory // _SHARE // (strip * channels * max(dtype.itemsize, 4))
    rows = max(wanted // least, 1) * least
    for left in range(0, width, strip):
        for top in range(0, height, rows):
            yield Box(top, min(top + rows, height), left, min(left + strip, width))
