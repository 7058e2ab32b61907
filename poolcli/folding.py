"""Reductions of maps that are read in boxes, whose states are joined where that gives the bytes of the whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from poolcli.commands import Step
from poolcli.downsample import made
from poolcli.nodata import without
from poolcli.reduce import arguments_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass
class Folding:
    """A fold of a map, of which some boxes have been seen."""

    pool: Any
    shape: tuple[int, ...]  # (H, W) or (H, W, C)
    target: np.dtype[Any]
    states: list[NDArray[Any]] = field(default_factory=list)  # of the boxes so far, one of each part of the pool

    @classmethod
    def of(cls, step: Step, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Folding | None:
        """Return the fold of a reduction, or None where it depends on which values are joined first.

        Extremes, and sums of integers, do not.
        """
        from poolcli import dtypes

        row, values = arguments_of(step.mode, without(step.arguments))
        mode = row.applied(values)
        own = {name: value for name, value in values.items() if mode and name in mode.parameters}
        if mode is None or "levels" in values or "weights" in own or "ignore" in step.arguments:
            return None
        source, working = dtypes.check(dtype), dtypes.working(dtype)
        asked = step.arguments.get("dtype")
        target = dtypes.check(asked) if asked else dtypes.check("float64") if mode.blends(values) else source
        output = dtypes.kernel_output(source, target) if mode.blends(values) else working
        pool = made(mode.kernel, output, working, shape[0] * shape[1], dtypes.maximum(source), **own)
        return cls(pool, shape, target) if getattr(pool, "exact_parts", ()) else None

    def add(self, box: NDArray[Any]) -> None:
        """Join a box of the map."""
        from poolcli import dtypes
        from poolcli.engine import regions
        from poolcli.resize import as_batch

        batch = dtypes.to_working(as_batch(box))
        found = [regions.whole(batch, part) for part in self.pool.exact_parts]
        if self.states:
            both = zip(self.pool.exact_parts, self.states, found, strict=True)
            found = [part.join(before, own) for part, before, own in both]
        self.states = found

    def result(self) -> NDArray[Any]:
        """Return a number of each channel."""
        from poolcli import dtypes, geometry

        rows, columns = (geometry.adaptive(n, 1) for n in self.shape[:2])
        states = [one[:, :, None, None] for one in self.states]
        return dtypes.saturate_cast(self.pool.finished(states, rows, columns), self.target).ravel()
