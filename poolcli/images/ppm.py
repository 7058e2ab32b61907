"""PBM, PGM, PPM and PFM."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.images.pillow import Pillow

_SPACE = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P[2356]" + _SPACE + rb"\d+" + _SPACE + rb"\d+" + _SPACE + rb"(\d+)")
_BEGIN = 4096  # bytes


class Ppm(Pillow):
    """Grey, colour or floats: the kind of numbers says which of them is written."""

    name = "PPM"

    def _bits(self, head: bytes) -> int:
        return 8 if self._image.mode == "I" else _largest(head).bit_length()

    def _as_stored(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return the numbers of a grey image of more than 8 bits, which Pillow stretches to 16."""
        if self._image.mode != "I":
            return super()._as_stored(pixels)
        self._file.seek(0)
        largest = _largest(self._file.read(_BEGIN), 65535)
        return np.rint(pixels * (largest / 65535)).astype(np.uint16)


def _largest(head: bytes, otherwise: int = 255) -> int:
    """Return the value that stands for white."""
    found = _HEADER.match(head)
    return int(found[1]) if found else otherwise
