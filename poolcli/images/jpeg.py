"""JPEG by imagecodecs: faster than Pillow, without its copy, and on all cores at once, as Pillow's encoder is not."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from poolcli.images import ImageError

_START, _END = b"\xff\xd8", b"\xff\xd9"
_COMMENT, _APPLICATION = 0xFE, range(0xE0, 0xF0)  # markers of segments that describe


def decode(file: BinaryIO) -> NDArray[np.uint8] | None:
    """Return the pixels of a file that is whole, or None: the decoder would fill up what is missing."""
    file.seek(0)
    data = file.read()
    if not data.rstrip(b"\0").endswith(_END):
        return None
    pixels: NDArray[np.uint8] = imagecodecs.jpeg8_decode(data)
    return pixels


def encode(image: NDArray[np.uint8], quality: int, described: dict[str, Any]) -> bytes:
    """Return a JPEG file of a grey or RGB picture, with what Pillow's writer of JPEG is told of it."""
    data = bytes(imagecodecs.jpeg8_encode(image, quality, subsampling="444"))
    header = _header(tuple(sorted(described.items())))
    return _START + _segments(header) + data[len(_START) + len(_segments(data)) :]


@lru_cache(maxsize=16)  # the files of a folder often say the same
def _header(described: tuple[tuple[str, Any], ...]) -> bytes:
    """Return a file of one pixel, for its descriptions."""
    buffer = io.BytesIO()
    try:
        Image.new("L", (1, 1)).save(buffer, "JPEG", **dict(described))
    except ValueError as error:
        raise ImageError(f"JPEG cannot hold all that the file says: {error}: --strip leaves it out") from None
    return buffer.getvalue()


def _segments(data: bytes) -> bytes:
    """Return the segments at the beginning of a file that describe the picture."""
    at = len(_START)
    while data[at] == 0xFF and (data[at + 1] == _COMMENT or data[at + 1] in _APPLICATION):
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return data[len(_START) : at]
