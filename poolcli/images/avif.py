"""AVIF, of 8 bits."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from PIL import Image

from poolcli.images.pillow import MODERN, Pillow
from poolcli.images.types import Writing

_QUALITY = 90  # unless another is asked for


class Avif(Pillow):
    """Images; animations are only read."""

    name = "AVIF"
    density = MODERN
    keeps = frozenset(("icc_profile", "exif", "xmp", "software"))

    def _bits(self, head: bytes) -> int:
        at = head.find(b"av1C")
        return 10 if at >= 0 and head[at + 6] & 0x40 else 8

    def _decoded(self) -> NDArray[Any] | None:
        import imagecodecs

        return self._whole(imagecodecs.avif_decode)

    @classmethod
    def _options(cls, picture: Image.Image, writing: Writing) -> dict[str, Any]:
        return {"quality": writing.quality or _QUALITY, "subsampling": "4:4:4"}
