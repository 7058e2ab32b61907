"""JPEG 2000: what is deeper than 8 bits by imagecodecs, as Pillow would cut it down."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from poolcli.images.pillow import Pillow


class Jpeg2000(Pillow):
    """Images in a file of boxes, or as a bare codestream."""

    name = "JPEG2000"
    keeps = frozenset(("comment",))

    def _decoded(self) -> NDArray[Any] | None:
        if self._image.mode in ("RGB", "RGBA", "LA"):
            import imagecodecs

            self._file.seek(0)
            data = self._file.read()
            if _depth(data) > 8:
                pixels: NDArray[Any] = imagecodecs.jpeg2k_decode(data)
                return pixels
        return super()._decoded()


def _depth(data: bytes) -> int:
    """Return the bits of the first component, from the SIZ segment of the codestream."""
    at = data.find(b"\xff\x4f\xff\x51")
    return (data[at + 42] & 127) + 1 if at >= 0 else 8
