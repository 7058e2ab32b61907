"""PNG: fast, in 8 and 16 bits, with its chunks."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngInfo, putchunk

from poolcli.images import Info, Writing

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_INCH = 0.0254  # metres

_DEFLATE, _RLE = 0, 3  # strategies of zlib
_NO_FILTER, _UP, _PAETH, _EVERY_FILTER = 8, 32, 128, 248
_PHOTOGRAPH = {"level": 1, "strategy": _RLE, "filter": _PAETH}
_GRAPHICS = (
    {"level": 2, "strategy": _DEFLATE, "filter": _UP},
    {"level": 3, "strategy": _DEFLATE, "filter": _NO_FILTER},
)
_SMALLEST = {"level": 9, "strategy": _DEFLATE, "filter": _EVERY_FILTER}
_STRIPS, _ROWS, _SHARE = 8, 16, 16  # of the sample: strips, rows of each, and one row of how many at most
_LARGER = 1.05  # what speed may cost


def decode(file: BinaryIO) -> tuple[NDArray[Any], bytes | None]:
    """Return the pixels and the EXIF of a PNG file.

    The decoder is given the chunks of the pixels alone: it would print what it thinks of the others.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(len(_SIGNATURE))
    buffer, used, exif = bytearray(size), len(_SIGNATURE), None
    pixels = memoryview(buffer)
    pixels[:used] = _SIGNATURE
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if file.tell() + length + 4 > size:
            raise ValueError("truncated")
        if kind in _PIXELS:
            pixels[used : used + 8] = head
            file.readinto(pixels[used + 8 : used + length + 12])  # type: ignore[attr-defined]
            used += length + 12
        else:
            content = file.read(length + 4)[:-4]
            exif = content if kind == b"eXIf" else exif
    pixels.release()
    del buffer[used:]
    return imagecodecs.png_decode(buffer), exif


def encode(image: NDArray[Any], info: Info, writing: Writing) -> bytes:
    """Return a PNG file of a grey, grey and alpha, RGB or RGBA picture, uint8 or uint16."""
    data = imagecodecs.png_encode(image, **_effort(image, writing.compression))
    if writing.strip:
        return bytes(data)
    head = len(_SIGNATURE) + 25  # and IHDR, which comes first
    return b"".join((data[:head], _described(info, writing), data[head:]))


def _effort(image: NDArray[Any], compression: str) -> dict[str, int]:
    """Return how to compress: RLE is right for photographs, and ten times too large for flat graphics."""
    if compression != "default":
        return _SMALLEST if compression == "max" else _PHOTOGRAPH
    strips = max(1, min(_STRIPS, len(image) // (_SHARE * _ROWS)))
    tops = np.linspace(0, max(len(image) - _ROWS, 0), strips + 2)[1:-1].astype(int)
    sample = np.concatenate([image[top : top + _ROWS] for top in np.unique(tops)])
    sizes = [len(imagecodecs.png_encode(sample, **effort)) for effort in (_PHOTOGRAPH, *_GRAPHICS)]
    return _PHOTOGRAPH if sizes[0] <= _LARGER * min(sizes) else _GRAPHICS[int(np.argmin(sizes[1:]))]


def _described(info: Info, writing: Writing) -> bytes:
    """Return the chunks of profile, EXIF, XMP, resolution and record."""
    out = io.BytesIO()
    if info.icc:
        putchunk(out, b"iCCP", b"ICC Profile\0\0", zlib.compress(info.icc))
    if info.dpi:
        putchunk(out, b"pHYs", struct.pack(">IIB", *(round(value / _INCH) for value in info.dpi), 1))
    if info.exif:
        putchunk(out, b"eXIf", info.exif.removeprefix(b"Exif\0\0"))
    for kind, content, *_ in text(info, writing).chunks:
        putchunk(out, kind, content)
    return out.getvalue()


def text(info: Info, writing: Writing) -> PngInfo:
    """Return the text chunks of XMP and record."""
    out = PngInfo()
    if info.xmp:
        out.add_itxt("XML:com.adobe.xmp", info.xmp.decode("utf-8", "replace"))
    if writing.record:
        out.add_text("Software", writing.record)
    return out
