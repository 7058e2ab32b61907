"""JPEG 2000: what is not of 8 bits by imagecodecs, as Pillow would cut it down or stretch it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.images.colour import full_range
from poolcli.images.pillow import BEGIN, MODERN, Pillow
from poolcli.images.types import ImageError, damaged

_CODESTREAM = b"\xff\x4f\xff\x51"
_PROFILE = re.compile(rb"(....)colr\x02..", re.DOTALL)
"""The box of a profile: its length, its kind, its method, precedence and approximation."""
_CODING = b"\xff\x52"
_BYTE = 7  # how a codestream says unsigned, of 8 bits


class Jpeg2000(Pillow):
    """Images in a file of boxes, or as a bare codestream."""

    name = "JPEG2000"
    density = MODERN
    keeps = frozenset(("comment",))

    def _decoded(self) -> NDArray[Any] | None:
        self._file.seek(0)
        data = self._file.read()
        at = max(data.find(_CODESTREAM), 0)
        if _precincts(data[at : at + BEGIN], *self._image.size) > len(data):  # a packet of each takes at least a byte
            raise damaged("truncated")
        if profile := _PROFILE.search(data, 0, at):
            self._image.info["icc_profile"] = data[profile.end() : profile.start() + int.from_bytes(profile[1])]
        depths = _depths(data[at:])
        if set(depths) == {_BYTE} or self._image.mode not in ("L", "I;16", "LA", "RGB", "RGBA"):
            return super()._decoded()
        if len(set(depths)) > 1:
            raise ImageError("JPEG 2000 of components of unequal depth is not supported: convert it to TIFF")
        import imagecodecs

        if profile:  # by which the decoder would turn deep colour into sRGB: it is not to see the box
            data = data[: profile.end(1)] + b"free" + data[profile.end(1) + 4 :]
        pixels: NDArray[Any] = imagecodecs.jpeg2k_decode(data)
        return full_range(pixels, depths[0] + 1) if pixels.dtype == np.uint8 else pixels


def _precincts(codestream: bytes, width: int, height: int) -> int:
    """Return in how many parts the COD segment says that the levels of resolution are divided."""
    at = codestream.find(_CODING)
    if at < 0 or not codestream[at + 4] & 1:  # parts of 32,768 x 32,768
        return 1
    levels = codestream[at + 9]
    sizes = codestream[at + 14 : at + 15 + levels]
    return sum(
        -(-width >> (levels - level) + (size & 15)) * -(-height >> (levels - level) + (size >> 4))
        for level, size in enumerate(sizes)
    )


def _depths(codestream: bytes) -> bytes:
    """Return the depth of each component, less 1, and 128 more where it is signed: of the SIZ segment."""
    components = int.from_bytes(codestream[40:42])
    return codestream[42 : 42 + 3 * components : 3]
