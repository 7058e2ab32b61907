"""PBM, PGM, PPM and PFM."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.images.pillow import BEGIN, Pillow
from poolcli.images.types import damaged

_SPACE = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P[2356]" + _SPACE + rb"\d+" + _SPACE + rb"\d+" + _SPACE + rb"(\d+)")


class Ppm(Pillow):
    """Grey, colour or floats: the kind of numbers says which of them is written."""

    name = "PPM"

    def _bits(self, head: bytes) -> int:
        return 8 if self._image.mode == "I" else _largest(head).bit_length()

    def _decoded(self) -> NDArray[Any] | None:
        self._file.seek(0)
        found = _HEADER.match(self._file.read(BEGIN))
        if self._image.mode != "RGB" or found is None or found[0][:2] != b"P6" or int(found[1]) < 256:
            return super()._decoded()
        shape = self._image.height, self._image.width, 3
        self._file.seek(found.end() + 1)
        data = self._file.read(2 * math.prod(shape))
        if len(data) < 2 * math.prod(shape):
            raise damaged("truncated")
        return np.frombuffer(data, ">u2").reshape(shape).astype(np.uint16)

    def _as_stored(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return the numbers of a grey image of more than 8 bits, which Pillow stretches to 16."""
        if self._image.mode != "I":
            return super()._as_stored(pixels)
        self._file.seek(0)
        largest = _largest(self._file.read(BEGIN), 65535)
        return np.rint(pixels * (largest / 65535)).astype(np.uint16)


def _largest(head: bytes, otherwise: int = 255) -> int:
    """Return the value that stands for white."""
    found = _HEADER.match(head)
    return int(found[1]) if found else otherwise
