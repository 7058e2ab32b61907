"""NumPy arrays in `.npy` and `.npz` files: images of any number of channels, or batches of them."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from poolcli.dtypes import check
from poolcli.images.boxes import Banded, Boxes, Plain
from poolcli.images.types import Codec, Frame, ImageError, Info, Reading, Writing, check_size
from poolcli.stored import write_header

_HEADER = 10_000  # bytes, as NumPy allows
_NAMED = 6  # arrays of a file
_PART = 1 << 24  # bytes; a member of an archive is decompressed beside the array


class Npy(Codec):
    """Arrays (H, W), (H, W, C) or, as frames, (N, H, W, C); with the layout chw, C before H."""

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        shape, self._fortran, self._stored = _header(file)
        self._dtype = check(self._stored)
        if len(shape) not in (2, 3, 4):
            first = reading.layout == "chw"
            ways = "(H, W), (C, H, W) or (N, C, H, W)" if first else "(H, W), (H, W, C) or (N, H, W, C)"
            raise ImageError(f"an array {shape} is not an image: it must be {ways}")
        self._shape = shape
        self._file, self._begin, self._layout = file, file.tell(), reading.layout
        self.frames = shape[0] if len(shape) == 4 else 1
        if not self.frames:
            raise ImageError(f"an array {shape} holds no image")
        one = shape[1:] if len(shape) == 4 else shape
        if len(one) == 3 and reading.layout == "chw":
            one = one[1:] + one[:1]
        together = self.frames if self._fortran else 1
        check_size(one[1], one[0] * together, (*one, 1)[2], reading)

    def read(self, frame: int) -> Frame:
        """Return one of the images."""
        if len(self._shape) == 4 and self._fortran:  # frames are interleaved
            self._file.seek(self._begin)
            values = self._take(self._shape)[frame]
        else:
            one = self._shape[1:] if len(self._shape) == 4 else self._shape
            self._file.seek(self._begin + frame * math.prod(one) * self._stored.itemsize)
            values = self._take(one)
        if values.ndim == 3 and self._layout == "chw":
            values = np.moveaxis(values, 0, -1)
        return np.ascontiguousarray(values, self._dtype), Info("NPY", self.frames)

    def boxes(self, frame: int) -> Boxes | None:
        """Return one of the images to be read in parts, if its rows lie one after the other."""
        one = self._shape[1:] if len(self._shape) == 4 else self._shape
        if self._fortran or (self._layout == "chw" and len(one) == 3) or not self._file.seekable():
            return None
        begin = self._begin + frame * math.prod(one) * self._stored.itemsize
        return Plain(self._file, begin, one, self._stored, self._dtype, Info("NPY", self.frames))

    def _take(self, shape: tuple[int, ...]) -> NDArray[Any]:
        count = math.prod(shape)
        values = np.empty(count, self._stored)
        view, got = values.view(np.uint8), 0
        while part := self._file.readinto(view[got : got + _PART]):  # type: ignore[attr-defined]
            got += part
        if got < values.nbytes:
            raise ImageError(f"truncated: {self._shape} of {self._dtype} need more bytes than there are")
        return values.reshape(shape, order="F" if self._fortran else "C")

    @classmethod
    def encode_bands(cls, file: BinaryIO, images: Iterator[Banded], count: int, writing: Writing) -> None:
        """Write one image, or several of one shape and dtype with a leading axis, one band after the other."""
        first = next(images)
        write_header(file, (count, *first.shape) if count > 1 else first.shape, first.dtype)
        for image in chain([first], images):
            _check_alike(image, first)
            for band in image.bands:
                file.write(np.ascontiguousarray(band).data)

    @classmethod
    def encode(cls, file: BinaryIO, frames: Iterator[Frame], count: int, writing: Writing) -> None:
        """Write one image, or several of one shape and dtype with a leading axis, one after the other."""
        first = None
        for array, info in frames:
            values = np.moveaxis(array, -1, 0) if array.ndim == 3 and writing.layout == "chw" else array
            if first is None:
                first = values
                write_header(file, (*_stacked(info, count), *values.shape), values.dtype)
            _check_alike(values, first)
            file.write(np.ascontiguousarray(values).data)


class Npz(Npy):
    """The one array of an archive; nothing but its header is decompressed before it is read."""

    def boxes(self, frame: int) -> Boxes | None:
        """Return None: what is compressed is read from its beginning."""
        return None

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        archive = zipfile.ZipFile(file)
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        if not members:
            raise ImageError("a zip file without arrays is not a supported image")
        if len(members) > 1:
            names = ", ".join(member.filename.removesuffix(".npy") for member in members[:_NAMED])
            more = ", ..." if len(members) > _NAMED else ""
            way = "one is read, and numpy.save writes one as .npy"
            raise ImageError(f"holds {len(members)} arrays ({names}{more}): {way}")
        super().__init__(archive.open(members[0]), reading)  # type: ignore[arg-type]


def _stacked(info: Info, count: int) -> tuple[int, ...]:
    """Return the axes along which so many images lie: those of the array that they come from, if it has so many."""
    if info.stack and math.prod(info.stack.lengths) == count:
        return info.stack.lengths
    return (count,) if count > 1 else ()


def _check_alike(values: NDArray[Any] | Banded, first: NDArray[Any] | Banded) -> None:
    """Raise an ImageError if a frame does not fit in one array with the first."""
    if (values.shape, values.dtype) != (first.shape, first.dtype):
        both = f"{first.shape} of {first.dtype} and {values.shape} of {values.dtype}"
        way = "frame=N takes one, .tif holds all"
        raise ImageError(f"frames {both} do not fit in one array: {way}", "frame")


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return the shape, whether the first axis runs fastest, and the dtype, or raise an ImageError."""
    version = npy_format.read_magic(file)
    begin, length = file.tell(), int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    if length > _HEADER:  # before NumPy reads it all
        raise ImageError(f"the header of an array has {length} bytes, more than the {_HEADER} allowed")
    file.seek(begin)
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise ImageError("holds Python objects, which are never loaded: save an array of numbers")
    return shape, fortran, dtype
