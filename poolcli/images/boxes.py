"""Images that are read and written in parts, for those that do not fit into memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from poolcli.images.colour import expanded
from poolcli.images.metadata import upright
from poolcli.images.types import ImageError, Info

Ends = tuple[int, int]


class Boxes(Protocol):
    """An image of a file whose boxes are read one by one, upright and as they are stored."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (H, W) or (H, W, C)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the dtype of the values."""

    @property
    def info(self) -> Info:
        """Return what else the file says of the image."""

    @property
    def tile(self) -> tuple[int, int] | None:
        """Return the size of its tiles, if it has any."""

    @property
    def together(self) -> int:
        """Return how many images of the file are decoded together, whichever is read."""

    def read(self, rows: Ends, columns: Ends) -> NDArray[Any]:
        """Return the pixels of these rows and columns, from one to another."""


class Banded(NamedTuple):
    """An image to be written: bands of its rows, one below the other, and what they are together."""

    bands: Iterable[NDArray[Any]]
    shape: tuple[int, ...]  # (H, W) or (H, W, C)
    dtype: np.dtype[Any]
    info: Info
    tile: tuple[int, int] | None = None  # of the file, if it is to have tiles
    source: Boxes | None = None  # the same in a file

    @property
    def nbytes(self) -> int:
        """Return how many bytes the values are, uncompressed."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Outline:
    """An output to be written box by box: its images, all alike, and where their pixels lie.

    Where several planes are made of a frame, the images are the first planes of all frames, then the next ones.
    """

    name: PurePath  # that it will have
    shape: tuple[int, ...]  # of an image
    dtype: np.dtype[Any]
    frames: Sequence[int]  # which of those of the input
    info: Info  # of the first
    along: Sequence[tuple[float, float]]  # (step, first) of rows and columns: where pixel k lies in the input
    tile: tuple[int, int] | None = None  # of the input
    method: Mapping[str, Any] | None = None  # how smaller sizes of it are made, if it is one of several
    planes: int = 1  # that are made of each frame, along an axis of their own if they are several


class Canvas(Protocol):
    """An output that takes boxes of its images, in any order; what is stored together is written once."""

    @property
    def folder(self) -> Path:
        """Return the folder of the output, which has another name until all is there."""

    @property
    def chunk(self) -> tuple[int, int]:
        """Return how many rows and columns are stored together: boxes are made of whole ones, but at the end."""

    @property
    def groups(self) -> Iterable[Sequence[int]]:
        """Return the images, by their number in the output, those that are stored together in one group."""

    def write(self, images: Sequence[int], rows: Ends, columns: Ends, values: NDArray[Any]) -> None:
        """Write a box of the images of a group, (N, H, W) or (N, H, W, C)."""

    def sweep(self) -> None:
        """Remove what writers that were killed have left behind."""


@dataclass(frozen=True)
class Plain:
    """An image whose rows lie in a file one after the other, as they are."""

    file: BinaryIO
    begin: int  # byte of the file
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    info: Info
    tile: tuple[int, int] | None = None
    together: int = 1

    def read(self, rows: Ends, columns: Ends) -> NDArray[Any]:
        """Return the pixels of these rows and columns."""
        pixel = math.prod(self.shape[2:]) * self.stored.itemsize
        width, across = self.shape[1], columns[1] - columns[0]
        out = np.empty((rows[1] - rows[0], across, *self.shape[2:]), self.stored)
        lines = out.reshape(len(out), -1).view(np.uint8)
        parts = [lines.reshape(-1)] if across == width else lines
        for k, part in enumerate(parts):
            self.file.seek(self.begin + ((rows[0] + k) * width + columns[0]) * pixel)
            if self.file.readinto(part) < part.size:  # type: ignore[attr-defined]
                raise ImageError(f"truncated: {self.shape} of {self.dtype} need more bytes than there are")
        return out.astype(self.dtype, copy=False)


@dataclass(frozen=True)
class Turned:
    """An image that its file says to turn or to mirror, by boxes of what it is then."""

    boxes: Boxes
    orientation: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (H, W) or (H, W, C)."""
        height, width, *channels = self.boxes.shape
        return (width, height, *channels) if self.orientation >= 5 else self.boxes.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the dtype of the values."""
        return self.boxes.dtype

    @property
    def info(self) -> Info:
        """Return what else the file says of the image."""
        return self.boxes.info

    @property
    def tile(self) -> tuple[int, int] | None:
        """Return the size of its tiles, if it has any."""
        tile = self.boxes.tile
        return (tile[1], tile[0]) if tile and self.orientation >= 5 else tile

    @property
    def together(self) -> int:
        """Return how many images of the file are decoded together."""
        return self.boxes.together

    def read(self, rows: Ends, columns: Ends) -> NDArray[Any]:
        """Return the pixels of these rows and columns."""
        height, width = self.shape[:2]
        if self.orientation in (3, 4, 7, 8):
            rows = height - rows[1], height - rows[0]
        if self.orientation in (2, 3, 6, 7):
            columns = width - columns[1], width - columns[0]
        stored = (columns, rows) if self.orientation >= 5 else (rows, columns)
        return upright(self.boxes.read(*stored), self.orientation)


@dataclass(frozen=True)
class Coloured:
    """The colours of an image of indices, by boxes."""

    indices: Boxes

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (H, W, C)."""
        return *self.indices.shape, self._palette.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the dtype of the colours."""
        return self._palette.dtype

    @property
    def info(self) -> Info:
        """Return what else the file says of the image."""
        return expanded(np.zeros((1, 1), np.uint8), self.indices.info)[1]

    @property
    def tile(self) -> tuple[int, int] | None:
        """Return the size of its tiles, if it has any."""
        return self.indices.tile

    @property
    def together(self) -> int:
        """Return how many images of the file are decoded together."""
        return self.indices.together

    @property
    def _palette(self) -> NDArray[Any]:
        palette = self.indices.info.palette
        assert palette is not None
        return palette

    def read(self, rows: Ends, columns: Ends) -> NDArray[Any]:
        """Return the colours of these rows and columns."""
        return expanded(self.indices.read(rows, columns), self.indices.info)[0]


@dataclass(frozen=True)
class Held:
    """An image that is in memory, by boxes."""

    image: NDArray[Any]
    info: Info
    tile: tuple[int, int] | None = None
    together: int = 1
    source: Boxes | None = None  # the same in its file

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (H, W) or (H, W, C)."""
        return self.image.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the dtype of the values."""
        return self.image.dtype

    def read(self, rows: Ends, columns: Ends) -> NDArray[Any]:
        """Return the pixels of these rows and columns."""
        return self.image[slice(*rows), slice(*columns)]


def banded(bands: Iterable[NDArray[Any]], rows: int) -> Iterator[NDArray[Any]]:
    """Yield bands of so many rows, the last of those that are left, of bands of any height.

    >>> [band.tolist() for band in banded([np.array([1]), np.array([2, 3, 4, 5])], 2)]
    [[1, 2], [3, 4], [5]]
    """
    left: list[NDArray[Any]] = []
    for band in bands:
        values = np.concatenate([*left, band]) if left else band
        whole = len(values) // rows * rows
        for top in range(0, whole, rows):
            yield values[top : top + rows]
        left = [values[whole:].copy()] if whole < len(values) else []
    yield from left
