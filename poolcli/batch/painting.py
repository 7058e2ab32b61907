"""Results that are written box by box: what is stored together is made together, and written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.images.boxes import Canvas, Outline
    from poolcli.tiling import Box

Pair = tuple[int, int]
Make = Callable[[int, "Box"], Any]
"""Returns a box of one of the images of an output, by its number in that."""


@dataclass(frozen=True)
class Painting:
    """An output that is written box by box, and how these are made."""

    outline: Outline
    part: Pair  # rows and columns that are made at once
    make: Make

    def paint(self, canvas: Canvas) -> None:
        """Write all boxes of the images."""
        shape = self.outline.shape
        for images in canvas.groups:
            for box in boxes(shape, whole_chunks(shape, self.part, canvas.chunk)):
                canvas.write(images, *box.sides, self._made(images, box))

    def _made(self, images: Sequence[int], box: Box) -> NDArray[Any]:
        """Return a box of some images, in parts that are no larger than asked for."""
        import numpy as np

        values = np.empty((len(images), *box.size, *self.outline.shape[2:]), self.outline.dtype)
        for inner in boxes(box.size, self.part, box.top, box.left):
            top, left = inner.top - box.top, inner.left - box.left
            for k, image in enumerate(images):
                values[k, top : inner.bottom - box.top, left : inner.right - box.left] = self.make(image, inner)
        return values


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


def whole_chunks(shape: Sequence[int], part: Pair, chunk: Pair) -> Pair:
    """Return the size of a box of as many whole chunks as a part has room for, one at least.

    >>> whole_chunks((200, 100), (100, 20), (32, 32)), whole_chunks((100, 100), (100, 20), (32, 32))
    ((96, 32), (100, 32))
    """
    rows, columns = (
        n if size >= n else max(size // own, 1) * own for n, size, own in zip(shape, part, chunk, strict=False)
    )
    return rows, columns
