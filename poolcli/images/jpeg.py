"""JPEG by imagecodecs: faster than Pillow, without its copy, and on all cores at once, as Pillow's encoder is not."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, BinaryIO

import imagecodecs
from numpy.typing import NDArray
from PIL import Image

from poolcli.images.pillow import MODERN, Pillow
from poolcli.images.types import Density, Frame, ImageError, Reading, Writing

_QUALITY = 95  # unless another is asked for
_START, _END = b"\xff\xd8", b"\xff\xd9"
_COMMENT, _APPLICATION = 0xFE, range(0xE0, 0xF0)  # markers of segments that describe
_ADOBE, _ADOBE_LENGTH = 0xEE, 16  # the one that says how colour is stored, and its bytes at least


class Jpeg(Pillow):
    """One image: others in the file are previews and gain maps of it."""

    name = "JPEG"
    density = Density(1 << 20, 512)  # a block of 64 pixels takes at least a bit: decoders make up what is missing
    keeps = frozenset(("icc_profile", "exif", "xmp", "dpi", "comment"))

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        super().__init__(file, reading)
        self.frames = 1
        MODERN.check(*self._size, 1, file.seek(0, io.SEEK_END), reading)  # 490 megapixels take 10 s and 2.9 GB

    def _decoded(self) -> NDArray[Any] | None:
        if self._image.mode not in ("L", "RGB"):
            return None
        self._file.seek(0)
        data = self._file.read()
        if not data.rstrip(b"\0").endswith(_END):  # the decoder would fill up what is missing
            return None
        pixels: NDArray[Any] = imagecodecs.jpeg8_decode(data)
        return pixels

    def _bare(self) -> BinaryIO:
        self._file.seek(0)
        data = self._file.read()
        segments = _segments(data)
        kept = [one for one in segments if one[1] == _ADOBE and len(one) >= _ADOBE_LENGTH]
        return io.BytesIO(_START + b"".join(kept) + data[len(_START) + sum(map(len, segments)) :])

    @classmethod
    def encode(cls, file: BinaryIO, frames: Iterator[Frame], count: int, writing: Writing) -> None:
        """Write a grey or RGB image."""
        image, info = next(frames)
        data = bytes(imagecodecs.jpeg8_encode(image, writing.quality or _QUALITY, subsampling="444"))
        header = _header(() if writing.strip else tuple(sorted(cls._described(info, writing).items())))
        described = b"".join(_segments(header))
        file.write(_START + described + data[len(_START) + sum(map(len, _segments(data))) :])


@lru_cache(maxsize=16)  # the files of a folder often say the same
def _header(described: tuple[tuple[str, Any], ...]) -> bytes:
    """Return a file of one pixel, for its descriptions."""
    buffer = io.BytesIO()
    try:
        Image.new("L", (1, 1)).save(buffer, "JPEG", **dict(described))
    except ValueError as error:
        what = f"JPEG cannot hold all that the file says: {error}"
        raise ImageError(f"{what}: strip=True leaves it out", "strip") from None
    return buffer.getvalue()


def _segments(data: bytes) -> list[bytes]:
    """Return the segments at the beginning of a file that describe the image."""
    at, segments = len(_START), []
    while data[at] == 0xFF and (data[at + 1] == _COMMENT or data[at + 1] in _APPLICATION):
        segments.append(data[at : at + 2 + struct.unpack_from(">H", data, at + 2)[0]])
        at += len(segments[-1])
    return segments
