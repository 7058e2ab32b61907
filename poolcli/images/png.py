"""PNG: fast, in 8 and 16 bits, with its chunks."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo, putchunk

from poolcli.images.deflated import CHANNELS, DENSEST, check_pixels
from poolcli.images.metadata import orientation_of, upright
from poolcli.images.pillow import Pillow, described
from poolcli.images.types import Frame, Info, Reading, Writing, damaged

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_FRAMES = (b"acTL", b"fcTL", b"fdAT")
_SIDE = 1_000_000  # pixels; libpng takes no more
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


class Png(Pillow):
    """Single images by libpng: 16 bits stay, transparency of one grey is right in any depth. Others by Pillow."""

    name = "PNG"
    keeps = frozenset(("icc_profile", "exif", "dpi", "pnginfo"))
    _checked = False

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        super().__init__(file, reading)
        # An animation may begin with an image for those who know none, which is not one of its frames.
        self._skipped = int(self.frames > 1 and bool(getattr(self._image, "default_image", False)))
        self.frames -= self._skipped
        width, height = self._size
        file.seek(len(_SIGNATURE) + 16)
        bits, colour = file.read(2)
        if width * height * bits * CHANNELS[colour] > 8 * DENSEST * file.seek(0, io.SEEK_END):
            raise damaged("truncated")

    def read(self, frame: int) -> Frame:
        """Return one of the images."""
        alone = self.frames == 1 and not self._skipped and max(self._size) <= _SIDE
        if not alone or (self._reading.keep_palette and self._image.mode == "P"):
            if not self._checked:
                check_pixels(self._file)
                self._checked = True
            return super().read(frame)
        # The decoder is given the chunks of the pixels alone: it would print what it thinks of the others.
        data, exif = _chosen(self._file, _PIXELS)
        pixels = imagecodecs.png_decode(data)
        if exif:
            self._image.info["exif"] = exif
        # The method of PNG's own class would decode all for an EXIF chunk at the end, which is known by now.
        metadata = self._exif(partial(Image.Image.getexif, self._image))
        alpha = pixels.ndim == 3 and pixels.shape[2] in (2, 4)
        info = Info(self.name, alpha=alpha, colours=self._palette, **described(self._image, metadata))
        return upright(pixels, orientation_of(metadata)), info

    def _bare(self) -> BinaryIO:
        return io.BytesIO(_chosen(self._file, (*_PIXELS, *_FRAMES))[0])

    def _seek(self, frame: int) -> None:
        super()._seek(frame + self._skipped)

    def _bits(self, head: bytes) -> int:
        return head[len(_SIGNATURE) + 16]

    @classmethod
    def encode(cls, file: BinaryIO, frames: Iterator[Frame], count: int, writing: Writing) -> None:
        """Write one image, or an animation."""
        first = next(frames)
        if count == 1 and first[1].palette is None:
            file.write(_encoded(*first, writing))
        else:
            super().encode(file, iter([first, *frames]), count, writing)

    @classmethod
    def _options(cls, picture: Image.Image, writing: Writing) -> dict[str, Any]:
        return {name: picture.info[name] for name in ("transparency",) if name in picture.info}

    @classmethod
    def _described(cls, info: Info, writing: Writing) -> dict[str, Any]:
        return super()._described(info, writing) | {"pnginfo": _text(info, writing)}


def _chosen(file: BinaryIO, kinds: Sequence[bytes]) -> tuple[bytearray, bytes | None]:
    """Return a PNG file of these chunks of a file, and its EXIF."""
    size = file.seek(0, io.SEEK_END)
    file.seek(len(_SIGNATURE))
    buffer, used, exif = bytearray(size), len(_SIGNATURE), None
    before, ended = b"", False  # the chunk before, and whether the pixels have ended
    pixels = memoryview(buffer)
    pixels[:used] = _SIGNATURE
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if file.tell() + length + 4 > size:
            raise damaged("truncated")
        ended = ended or (before == b"IDAT" and kind != b"IDAT")
        if ended and kind == b"IDAT":
            raise damaged("its chunks of pixels, IDAT, do not follow each other")
        before = kind
        if kind in kinds:
            pixels[used : used + 8] = head
            file.readinto(pixels[used + 8 : used + length + 12])  # type: ignore[attr-defined]
            used += length + 12
        else:
            content = file.read(length + 4)[:-4]
            exif = content if kind == b"eXIf" else exif
    pixels.release()
    del buffer[used:]
    return buffer, exif


def _encoded(image: NDArray[Any], info: Info, writing: Writing) -> bytes:
    """Return a PNG file of a grey, grey and alpha, RGB or RGBA image, uint8 or uint16."""
    data = imagecodecs.png_encode(image, **_effort(image, writing.compression))
    if writing.strip:
        return bytes(data)
    head = len(_SIGNATURE) + 25  # and IHDR, which comes first
    return b"".join((data[:head], _chunks(info, writing), data[head:]))


def _effort(image: NDArray[Any], compression: str) -> dict[str, int]:
    """Return how to compress: RLE is right for photographs, and ten times too large for flat graphics."""
    if compression != "default":
        return _SMALLEST if compression == "max" else _PHOTOGRAPH
    strips = max(1, min(_STRIPS, len(image) // (_SHARE * _ROWS)))
    tops = np.linspace(0, max(len(image) - _ROWS, 0), strips + 2)[1:-1].astype(int)
    sample = np.concatenate([image[top : top + _ROWS] for top in np.unique(tops)])
    sizes = [len(imagecodecs.png_encode(sample, **effort)) for effort in (_PHOTOGRAPH, *_GRAPHICS)]
    return _PHOTOGRAPH if sizes[0] <= _LARGER * min(sizes) else _GRAPHICS[int(np.argmin(sizes[1:]))]


def _chunks(info: Info, writing: Writing) -> bytes:
    """Return the chunks of profile, EXIF, XMP, resolution and record."""
    out = io.BytesIO()
    if info.icc:
        putchunk(out, b"iCCP", b"ICC Profile\0\0", zlib.compress(info.icc))
    if info.dpi:
        putchunk(out, b"pHYs", struct.pack(">IIB", *(round(value / _INCH) for value in info.dpi), 1))
    if info.exif:
        putchunk(out, b"eXIf", info.exif.removeprefix(b"Exif\0\0"))
    for kind, content, *_ in _text(info, writing).chunks:
        putchunk(out, kind, content)
    return out.getvalue()


def _text(info: Info, writing: Writing) -> PngInfo:
    """Return the text chunks of XMP and record."""
    out = PngInfo()
    if info.xmp:
        out.add_itxt("XML:com.adobe.xmp", info.xmp.decode("utf-8", "replace"))
    if writing.record:
        out.add_text("Software", writing.record)
    return out
