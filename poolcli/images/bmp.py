"""BMP: by Pillow, but for channels that are fields of bits, of which it knows some, and rounds them down."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from poolcli.images.colour import full_range
from poolcli.images.pillow import Pillow
from poolcli.images.types import ImageError, damaged

_HEADER = struct.Struct("<I10xHI20x4I")  # from byte 14: its size, the bits of a pixel, the compression, the fields
_COMPRESSION = 30  # its place
_NONE, _FIELDS, _ALPHA_FIELDS = 0, 3, 6  # compression
_USUAL = 0x7C00, 0x3E0, 0x1F  # fields of 16 bits
_WITH_ALPHA = 56  # bytes of a header that has a field for it


class Bmp(Pillow):
    """Windows bitmaps."""

    name = "BMP"
    keeps = frozenset(("dpi",))
    _fields: Sequence[int] = ()  # the bits of each channel
    _bits_of_pixel = 8

    def _open(self) -> ImageFile.ImageFile:
        """Read the header: as if the file had no fields, so that Pillow takes it."""
        self._file.seek(14)
        head = self._file.read(_HEADER.size).ljust(_HEADER.size, b"\0")
        size, bits, compression, *fields = _HEADER.unpack(head)
        if (bits, compression) == (16, _NONE):
            self._fields = _USUAL
        elif bits in (16, 32) and compression in (_FIELDS, _ALPHA_FIELDS):
            has_alpha = (size >= _WITH_ALPHA or compression == _ALPHA_FIELDS) and fields[3]
            self._fields = fields if has_alpha else fields[:3]
            self._file.seek(0)
            data = bytearray(self._file.read())
            struct.pack_into("<I", data, _COMPRESSION, _NONE)
            self._file = io.BytesIO(data)
        self._bits_of_pixel = bits
        return super()._open()

    def _decoded(self) -> NDArray[Any] | None:
        if not self._fields:
            return super()._decoded()
        depths = {field.bit_count() for field in self._fields}
        if max(depths) > 8 and len(depths) > 1:
            raise ImageError("BMP of channels of unequal depth above 8 bits is not supported: save it as PNG or TIFF")
        rows = self._rows()
        return np.stack([_channel(rows, field) for field in self._fields], axis=-1)

    def _rows(self) -> NDArray[Any]:
        """Return the pixels as they are stored, from the top down."""
        image: Any = self._image
        _, _, offset, (_, stride, direction) = image.tile[0]
        self._file.seek(offset)
        data = self._file.read(stride * image.height)
        if len(data) < stride * image.height:
            raise damaged("truncated")
        rows = np.frombuffer(data, f"<u{self._bits_of_pixel // 8}").reshape(image.height, -1)
        return rows[::direction, : image.width]


def _channel(rows: NDArray[Any], field: int) -> NDArray[Any]:
    """Return the values in a field of bits: up to 255 where they are at most 8, as they are of more."""
    shift, depth = (field & -field).bit_length() - 1, field.bit_count()
    if not field or (field >> shift) + 1 != 1 << depth:
        raise damaged("the bits of a channel do not follow each other")
    values = rows >> shift & (1 << depth) - 1
    return values.astype(np.uint16) if depth > 8 else full_range(values.astype(np.uint8), depth)
