"""Which formats are read and written, and what each can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "TGA", "QOI", "JPEG2000", "AVIF", "GIF", "ICO")


@dataclass(frozen=True)
class Format:
    """A format that is written: Pillow's name of it, and the modes of pictures that it holds unchanged."""

    name: str
    modes: tuple[str, ...]


_PNG = Format("PNG", ("L", "LA", "RGB", "RGBA", "I;16"))
_JPEG = Format("JPEG", ("L", "RGB"))
_TIFF = Format("TIFF", ("L", "LA", "RGB", "RGBA", "I;16", "F"))

WRITABLE: Mapping[str, Format] = {
    ".png": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": Format("WEBP", ("RGB", "RGBA")),
    ".bmp": Format("BMP", ("L", "RGB")),
    ".ppm": Format("PPM", ("RGB",)),
    ".pgm": Format("PPM", ("L", "I;16")),
}


def format_of(path: PurePath) -> Format | None:
    """Return the format that a file's ending names, or None."""
    return WRITABLE.get(path.suffix.lower())


def holders(mode: str) -> str:
    """Return the endings of the formats that hold pictures of a mode."""
    return ", ".join(ending for ending, kind in WRITABLE.items() if mode in kind.modes)
