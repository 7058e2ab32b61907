"""Results that are written box by box: what is stored together is made together, and written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isqrt, prod
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.batch.jobs import Job
    from poolcli.images.boxes import Canvas, Outline
    from poolcli.tiling import Box

Pair = tuple[int, int]
Make = Callable[[int, "Box"], Sequence[Any]]
"""Returns a box of the planes that are made of a frame, by its number among those of an output."""
Piece = tuple[Sequence[int], "Box"]
"""A box of images that are stored together."""


@dataclass(frozen=True)
class Painting:
    """An output that is written box by box, and how these are made."""

    outline: Outline
    part: Pair  # rows and columns that are made at once
    make: Make

    def paint(self, canvas: Canvas) -> None:
        """Write all boxes of the images."""
        for images, box in self.pieces(canvas):
            self.write(canvas, images, box)

    def pieces(self, canvas: Canvas, most: int | None = None) -> Iterator[Piece]:
        """Yield the boxes of the images: each of whole chunks, of a part, or so many pixels, at most, or one chunk."""
        part = self.part if most is None else bands(self.part, most)
        size = whole_chunks(self.outline.shape, part, canvas.chunk)
        for images in canvas.groups:
            for box in boxes(self.outline.shape, size):
                yield images, box

    def write(self, canvas: Canvas, images: Sequence[int], box: Box) -> None:
        """Make a box of some images, and write it."""
        canvas.write(images, *box.sides, self._made(images, box, bands(box.size, prod(self.part))))

    def _made(self, images: Sequence[int], box: Box, part: Pair) -> NDArray[Any]:
        """Return a box of some images, in parts of this size."""
        import numpy as np

        values = np.empty((len(images), *box.size, *self.outline.shape[2:]), self.outline.dtype)
        frames = len(self.outline.frames)
        for inner in boxes(box.size, part, box.top, box.left):
            top, left = inner.top - box.top, inner.left - box.left
            for frame in dict.fromkeys(image % frames for image in images):
                for plane, made in enumerate(self.make(frame, inner)):
                    own = values[images.index(plane * frames + frame)]
                    own[top : inner.bottom - box.top, left : inner.right - box.left] = made
        return values


class LargeError(Exception):
    """An output is so large that several write it, and who raises this is not to hand out its boxes."""


class Crew(Protocol):
    """Those who write a large output together."""

    def begin(self) -> None:
        """Raise a LargeError if another is to hand out the boxes."""

    def paint(self, job: Job, name: str, painting: Painting, canvas: Canvas) -> None:
        """Have all boxes written of a painting, which has this name among those of a job."""


def boxes(shape: Sequence[int], size: Pair, top: int = 0, left: int = 0) -> Iterator[Box]:
    """Yield the boxes of this size that an image is made of, those at its ends smaller, in row order.

    >>> [box.size for box in boxes((5, 4), (3, 4))]
    [(3, 4), (2, 4)]
    """
    from poolcli.tiling import Box

    bottom, right = top + shape[0], left + shape[1]
    for first in range(top, bottom, size[0]):
        for begin in range(left, right, size[1]):
            yield Box(first, min(first + size[0], bottom), begin, min(begin + size[1], right))


def bands(size: Pair, most: int) -> Pair:
    """Return the size of the parts that a box of this size is made in: bands of so many pixels at most.

    >>> bands((64, 96), 10_000), bands((64, 96), 1000), bands((64, 96), 50)
    ((64, 96), (10, 96), (1, 50))
    """
    columns = min(size[1], most)
    return min(max(most // columns, 1), size[0]), columns


def whole_chunks(shape: Sequence[int], part: Pair, chunk: Pair) -> Pair:
    """Return the size of a box of as many whole chunks as are no more than a part, one at least, about square.

    >>> whole_chunks((200, 200), (32, 200), (32, 32)), whole_chunks((200, 20), (64, 20), (32, 32))
    ((64, 96), (64, 20))
    """
    height, width = shape[0], shape[1]
    if part[0] >= height and part[1] >= width:
        return height, width
    most = max(part[0] * part[1] // (min(chunk[0], height) * min(chunk[1], width)), 1)
    down, across = -(-height // chunk[0]), -(-width // chunk[1])
    rows = min(max(isqrt(most), most // across, 1), down)
    columns = min(max(most // rows, 1), across)
    return min(rows * chunk[0], height), min(columns * chunk[1], width)
