"""AVIF, written in 8 bits and read in up to 12."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from PIL import Image

from poolcli.images.pillow import BEGIN, MODERN, Pillow
from poolcli.images.types import Writing

_QUALITY = 90  # unless another is asked for
_HIGH, _TWELVE = 0x40, 0x20  # flags of more than 8 bits, and of 12


class Avif(Pillow):
    """Images; animations are only read."""

    name = "AVIF"
    density = MODERN
    keeps = frozenset(("icc_profile", "exif", "xmp", "software"))

    def _bits(self, head: bytes) -> int:
        at = head.find(b"av1C")
        flags = head[at + 6] if at >= 0 else 0
        return 8 if not flags & _HIGH else 12 if flags & _TWELVE else 10

    def _decoded(self) -> NDArray[Any] | None:
        import imagecodecs

        self._file.seek(0)
        if self.frames == 1 and self._bits(self._file.read(BEGIN)) > 8:
            self._file.seek(0)
            pixels: NDArray[Any] = imagecodecs.avif_decode(self._file.read())
            return pixels
        return self._whole(imagecodecs.avif_decode)

    @classmethod
    def _options(cls, picture: Image.Image, writing: Writing) -> dict[str, Any]:
        return {"quality": writing.quality or _QUALITY, "subsampling": "4:4:4"}
