"""WebP: lossless unless a quality is asked for."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, BinaryIO

from numpy.typing import NDArray
from PIL import Image

from poolcli.images.pillow import Pillow
from poolcli.images.types import Density, Frame, Reading, Writing

_EFFORT = {"fast": 0, "default": 4, "max": 6}
_LOSSLESS = 80  # libwebp takes quality for effort then


class Webp(Pillow):
    """Images and animations."""

    name = "WEBP"
    keeps = frozenset(("icc_profile", "exif", "xmp", "software"))
    animation = Density(80_000_000, 100, together=100_000_000)  # 285 megapixels of frames take 20 s and 2.4 GB

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        super().__init__(file, reading)
        if self.frames > 1:
            self.animation.check(*self._size, self.frames, file.seek(0, io.SEEK_END), reading)

    def _decoded(self) -> NDArray[Any] | None:
        import imagecodecs

        return self._whole(imagecodecs.webp_decode)

    @classmethod
    def _options(cls, picture: Image.Image, writing: Writing) -> dict[str, Any]:
        return {
            "lossless": writing.quality is None,
            "quality": writing.quality or _LOSSLESS,
            "method": _EFFORT[writing.compression],
            "exact": True,
        }

    @classmethod
    def _finish(cls, file: BinaryIO, pictures: Sequence[Frame]) -> None:
        super()._finish(file, pictures)
        image, _ = pictures[0]
        if image.shape[2] == 4:
            _mark_alpha(file)


def _mark_alpha(file: BinaryIO) -> None:
    """Say in the header that frames have alpha: libwebp looks at the last one only, and readers believe it."""
    file.seek(0)
    head = file.read(21)
    if head[12:16] == b"VP8X":
        file.seek(20)
        file.write(bytes([head[20] | 0x10]))
