"""Formats that Pillow reads and writes as they are."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from PIL import Image

from poolcli.images.pillow import Pillow
from poolcli.images.types import Reading, Writing, check_size


class Ico(Pillow):
    """Icons, of one size."""

    name = "ICO"

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        self._depth = 8
        # Pillow decodes as it opens, and a PNG may be larger and deeper than its entry says.
        file.seek(4)
        entries = file.read(16 * int.from_bytes(file.read(2), "little"))
        for (offset,) in struct.iter_unpack("<12xI", entries[: len(entries) // 16 * 16]):
            file.seek(offset)
            head = file.read(25)
            if head.startswith(b"\x89PNG") and len(head) == 25:
                width, height, depth = struct.unpack(">16xIIB", head)
                check_size(width, height, 4, reading)
                self._depth = max(self._depth, depth)
        super().__init__(file, reading)

    def _bits(self, head: bytes) -> int:
        return self._depth

    @classmethod
    def _options(cls, picture: Image.Image, writing: Writing) -> dict[str, Any]:
        return {"sizes": [picture.size]}


class Qoi(Pillow):
    """Quite OK images, which are only read."""

    name = "QOI"


class Tga(Pillow):
    """Truevision Targa."""

    name = "TGA"
