"""Pictures that are read, computed and written in parts: which are, and how large the parts are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from poolcli.batch.jobs import Job, Settings
from poolcli.images import Info

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.images.boxes import Boxes
    from poolcli.tiling import Box, Tiling

_SHARE = 8  # of the memory, for the pixels of a part: decoding, computing and encoding take the rest
_NARROWEST = 64  # columns of a part, unless a smaller one is asked for


@dataclass(frozen=True)
class Parts:
    """An output that is made in parts, of an image that is read so."""

    boxes: Boxes
    tiling: Tiling
    size: tuple[int, int]  # rows and columns of a part

    def bands(self, make: Callable[[NDArray[Any], Box], Any]) -> Iterator[NDArray[Any]]:
        """Yield bands of the rows of the output, each made of parts side by side."""
        import numpy as np

        from poolcli.images.read import read_box
        from poolcli.tiling import Box

        (height, width), (rows, columns) = self.tiling.shape[:2], self.size
        for top in range(0, height, rows):
            parts = []
            for left in range(0, width, columns):
                box = Box(top, min(top + rows, height), left, min(left + columns, width))
                needs = self.tiling.needs(box)
                parts.append(make(read_box(self.boxes, *needs.sides), box))
            yield parts[0] if len(parts) == 1 else np.concatenate(parts, 1)


def goes_in_parts(job: Job) -> bool:
    """Return whether a job is of a kind that is done in parts, if its image and its mode are."""
    return bool(job.output and job.kind and job.kind.bands and not job.indices and not job.step.planes)


def parts_of(boxes: Boxes, job: Job, settings: Settings) -> Parts | None:
    """Return the parts that a result is made in, or None where it is made at once: it is small, or its mode needs it.

    A result is small if it takes, with its image, no more than the memory that is allowed.
    """
    before, after = boxes.shape, job.step.shape_after(boxes.shape)
    pixel = boxes.dtype.itemsize * boxes.together
    if settings.tile is None and (prod(before) + prod(after)) * pixel <= settings.memory:
        return None
    from poolcli.tiling import tiling_of

    tiling = tiling_of(job.step, before)
    if tiling is None:
        return None
    pixel = max(boxes.dtype.itemsize, 4) * boxes.together
    return Parts(boxes, tiling, settings.tile or size_of_parts(before, after, pixel, settings.memory))


def size_of_parts(before: tuple[int, ...], after: tuple[int, ...], pixel: int, memory: int) -> tuple[int, int]:
    """Return the rows and columns of a part whose pixels, of so many bytes each, take an eighth of the memory.

    >>> size_of_parts((4000, 1000), (2000, 500), 4, 1 << 23)
    (104, 500)
    """
    most = memory // _SHARE
    row = (prod(before) + prod(after)) * pixel / after[0]
    rows = min(max(int(most / row), 1), after[0])
    columns = after[1] if row <= most else max(int(after[1] * most / row), _NARROWEST)
    return rows, min(columns, after[1])


def seen_shape(boxes: Boxes) -> tuple[NDArray[Any], Info]:
    """Return an array of the shape and the dtype of an image, without its pixels, and what its file says of it."""
    import numpy as np

    return np.broadcast_to(np.zeros((), boxes.dtype), boxes.shape), boxes.info
