"""Whether a PNG has all the pixels that it claims: Pillow takes rows that are not there for 0."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from poolcli.images.types import damaged

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of each type of colour
DENSEST = 1032  # bytes of which deflate makes one at best

_SIGNATURE = 8  # bytes
_PART = 1 << 24  # bytes that are unpacked at once
_Passes = tuple[tuple[int, int, int, int], ...]
_WHOLE: _Passes = ((0, 0, 1, 1),)
_PASSES: _Passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""Of an interlaced image: first row and column, and how far apart rows and columns lie."""


def check_pixels(file: BinaryIO) -> None:
    """Raise an ImageError if the pixels of the image, or of a frame, are fewer than their header says."""
    left, begun, bits, passes = 0, False, 0, _WHOLE
    inflate = zlib.decompressobj()
    for kind, data in _chunks(file):
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data)
            bits, passes = depth * CHANNELS[colour], _PASSES if interlaced else _WHOLE
            left = _needed(width, height, bits, passes)
        elif kind == b"fcTL":
            if begun and left > 0:
                break
            width, height = struct.unpack(">II", data[4:12])
            left, begun, inflate = _needed(width, height, bits, passes), False, zlib.decompressobj()
        elif kind in (b"IDAT", b"fdAT"):
            begun = True
            left -= _unpacked(inflate, data[4:] if kind == b"fdAT" else data, left)
    if left > 0:
        raise damaged("truncated")


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    file.seek(_SIGNATURE)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        yield kind, file.read(length)
        file.read(4)  # the checksum


def _unpacked(inflate: zlib._Decompress, data: bytes, most: int) -> int:
    """Return how many bytes come of these, but no more than matters."""
    found = 0
    while data and found < most:
        found += len(inflate.decompress(data, _PART))
        data = inflate.unconsumed_tail
    return found


def _needed(width: int, height: int, bits: int, passes: _Passes) -> int:
    """Return the bytes of an image: of each row one more, for its filter."""
    total = 0
    for row, column, down, across in passes:
        rows, columns = -(-(height - row) // down), -(-(width - column) // across)
        total += max(rows, 0) * ((columns * bits + 7) // 8 + 1) if columns > 0 else 0
    return total
