"""Formats that Pillow reads and writes as they are."""

from __future__ import annotations

from typing import Any

from PIL import Image

from poolcli.images.pillow import Pillow
from poolcli.images.types import Writing


class Bmp(Pillow):
    """Windows bitmaps."""

    name = "BMP"
    keeps = frozenset(("dpi",))


class Ico(Pillow):
    """Icons, of one size."""

    name = "ICO"

    @classmethod
    def _options(cls, picture: Image.Image, writing: Writing) -> dict[str, Any]:
        return {"sizes": [picture.size]}


class Qoi(Pillow):
    """Quite OK images, which are only read."""

    name = "QOI"


class Tga(Pillow):
    """Truevision Targa."""

    name = "TGA"
