"""PNG: fast, in 8 and 16 bits, with its chunks."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

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
_STRIPS, _ROWS = 8, 16  # of the sample
_LARGER = 1.05  # what speed may cost


def decode(data: bytes) -> tuple[NDArray[Any], bytes | None]:
    """Return the pixels and the EXIF of a PNG file.

    The decoder is given the pixels alone: it would print what it thinks of the other chunks.
    """
    chunks = list(_chunks(data))
    pixels = imagecodecs.png_decode(_SIGNATURE + b"".join(chunk for kind, chunk in chunks if kind in _PIXELS))
    exif = next((bytes(chunk[8:-4]) for kind, chunk in chunks if kind == b"eXIf"), None)
    return pixels, exif


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, at = memoryview(data), len(_SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", view, at)
        chunk = view[at : at + length + 12]
        if len(chunk) < length + 12:
            raise ValueError("truncated")
        yield bytes(chunk[4:8]), chunk
        at += length + 12


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
    tops = np.linspace(0, max(len(image) - _ROWS, 0), _STRIPS).astype(int)
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
