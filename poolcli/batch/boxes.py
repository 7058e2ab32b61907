"""Pictures that are read, computed and written in parts: which are, and how large the parts are."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from poolcli.batch.ahead import ahead
from poolcli.batch.jobs import Settings
from poolcli.commands import Step
from poolcli.images import Info

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.images.boxes import Boxes
    from poolcli.tiling import Box, Tiling

Made = tuple["NDArray[Any]", ...]
"""Pixels of a part; and, where they are asked for, the indices that say where these come from."""
Make = Callable[["NDArray[Any]", "Box"], Made]

_SHARE = 8  # of the memory, for the pixels of a part: decoding, computing and encoding take the rest
_NARROWEST = 64  # columns of a part, unless a smaller one is asked for


@dataclass(frozen=True)
class Parts:
    """An output that is made in parts, of an image that is read so."""

    boxes: Boxes
    tiling: Tiling
    size: tuple[int, int]  # rows and columns of a part

    def bands(self, make: Make) -> Generator[Made]:
        """Yield bands of the rows of the output, each made of parts side by side.

        A part is read, another is computed, and the band before that is in use, all at once.
        """
        with closing(ahead(self._bands(make))) as bands:
            yield from bands

    def _bands(self, make: Make) -> Iterator[Made]:
        import numpy as np

        with closing(ahead(self._read())) as parts:
            row: list[Made] = []
            for image, box in parts:
                row.append(make(image, box))
                if box.right == self.tiling.shape[1]:
                    yield row[0] if len(row) == 1 else tuple(np.concatenate(each, 1) for each in zip(*row, strict=True))
                    row = []

    def _read(self) -> Iterator[tuple[NDArray[Any], Box]]:
        """Yield what each box of the output is made of, and that box."""
        from poolcli.images.read import read_box
        from poolcli.tiling import Box

        (height, width), (rows, columns) = self.tiling.shape[:2], self.size
        for top, left in product(range(0, height, rows), range(0, width, columns)):
            box = Box(top, min(top + rows, height), left, min(left + columns, width))
            yield read_box(self.boxes, *self.tiling.needs(box).sides), box


def parts_of(boxes: Boxes, step: Step, settings: Settings, count: int = 1) -> Parts | None:
    """Return the parts that a result is made in, or None where it is made at once: it is small, or its mode needs it.

    A result is small if so many of it take, with their images, no more than the memory that is allowed.
    """
    before, after = boxes.shape, step.shape_after(boxes.shape)
    pixel, planes = boxes.dtype.itemsize * boxes.together, max(1, step.planes)
    if settings.tile is None and count * (prod(before) + planes * prod(after)) * pixel <= settings.memory:
        return None
    from poolcli.tiling import tiling_of

    tiling = tiling_of(step, before)
    if tiling is None:
        return None
    pixel = max(boxes.dtype.itemsize, 4) * boxes.together
    return Parts(boxes, tiling, settings.tile or size_of_parts(before, after, pixel, settings.memory // planes))


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


def is_small(boxes: Boxes, settings: Settings) -> bool:
    """Return whether an image takes no more than the memory that is allowed."""
    return prod(boxes.shape) * boxes.dtype.itemsize <= settings.memory


def in_bands(boxes: Boxes, settings: Settings) -> Iterator[NDArray[Any]]:
    """Return bands of the rows of an image, the next of which is read while one is in use."""
    from poolcli.images.read import read_box

    height, width = boxes.shape[:2]
    row = prod(boxes.shape[1:]) * max(boxes.dtype.itemsize, 4)
    rows = settings.tile[0] if settings.tile else max(1, settings.memory // _SHARE // row)
    ends = ((top, min(top + rows, height)) for top in range(0, height, rows))
    return ahead(read_box(boxes, own, (0, width)) for own in ends)


def in_boxes(boxes: Boxes, wanted: Iterable[Box]) -> Iterator[tuple[NDArray[Any], Box]]:
    """Return boxes of an image with what is in them, the next of which is read while one is in use."""
    from poolcli.images.read import read_box

    return ahead((read_box(boxes, *box.sides), box) for box in wanted)


def seen_shape(boxes: Boxes) -> tuple[NDArray[Any], Info]:
    """Return an array of the shape and the dtype of an image, without its pixels, and what its file says of it."""
    import numpy as np

    return np.broadcast_to(np.zeros((), boxes.dtype), boxes.shape), boxes.info
