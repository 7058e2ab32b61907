"""Which formats are read and written, and what each can hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from poolcli.parameters import DTYPES

READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "QOI", "JPEG2000", "AVIF", "GIF", "ICO", "TGA")
"""What Pillow may open, in this order: TGA begins with no word of its own, and an icon of 64 KB looks like one.

Pillow would start another program for EPS, and has formats that nobody checks.
"""

_8, _16 = ("uint8",), ("uint8", "uint16")
_COLOURS = ("grey", "grey+alpha", "RGB", "RGBA")
_ANY = dict.fromkeys((*_COLOURS, "bands"), tuple(dtype for dtype in DTYPES if dtype != "bool"))


@dataclass(frozen=True)
class Format:
    """A format that is written, and what it holds unchanged: for each kind of colour, the dtypes."""

    name: str
    holds: Mapping[str, tuple[str, ...]] = field(repr=False)
    frames: bool = False  # takes more than one picture
    streams: bool = False  # and writes each before the next is made
    quality: bool = False
    side: int = 2**31 - 1  # pixels


_PNG = Format("PNG", {**dict.fromkeys(_COLOURS, _16), "palette": _8}, frames=True)
_JPEG = Format("JPEG", {"grey": _8, "RGB": _8}, quality=True, side=65500)
_TIFF = Format("TIFF", {**_ANY, "palette": _16}, frames=True, streams=True)
_JPEG2000 = Format("JPEG2000", {**dict.fromkeys(_COLOURS, _8), "grey": _16})
_WEBP = Format("WEBP", {"RGB": _8, "RGBA": _8}, frames=True, quality=True, side=16383)
_NPY = Format("NPY", dict.fromkeys((*_ANY, "palette"), DTYPES), frames=True, streams=True)

WRITABLE: Mapping[str, Format] = {
    ".png": _PNG,
    ".apng": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jpe": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": _WEBP,
    ".gif": Format("GIF", {"grey": _8, "RGB": _8, "RGBA": _8, "palette": _8}, frames=True, side=65535),
    ".bmp": Format("BMP", {"grey": _8, "RGB": _8}),
    ".ppm": Format("PPM", {"RGB": _8}),
    ".pgm": Format("PGM", {"grey": _16}),
    ".pfm": Format("PFM", {"grey": ("float32",)}),
    ".tga": Format("TGA", dict.fromkeys(_COLOURS, _8), side=65535),
    ".jp2": _JPEG2000,
    ".j2k": _JPEG2000,
    ".avif": Format("AVIF", {"RGB": _8, "RGBA": _8}, quality=True, side=65536),
    ".ico": Format("ICO", {"RGBA": _8}, side=256),
    ".npy": _NPY,
}

ENDINGS = (*WRITABLE, ".pbm", ".pnm", ".qoi", ".jpx", ".heic", ".heif", ".jxl")
"""Endings by which a picture is found in a folder; what a file is, its content tells."""

_WIDER = {"grey": "RGB", "grey+alpha": "RGBA", "RGB": "RGBA"}
"""Kinds of colour that another holds without loss, with grey three times and alpha at its largest."""


def format_of(path: PurePath) -> Format | None:
    """Return the format that a file's ending names, or None."""
    return WRITABLE.get(path.suffix.lower())


def colour_of(channels: int, alpha: bool | None, palette: bool = False) -> str:
    """Return the kind of colour of a picture of so many channels; without word of alpha, 2 and 4 have it."""
    if palette:
        return "palette"
    if channels in (1, 3):
        return "grey" if channels == 1 else "RGB"
    if channels in (2, 4) and alpha is not False:
        return "grey+alpha" if channels == 2 else "RGBA"
    return "bands"


def fit(kind: Format, colour: str, dtype: str, convert: bool) -> tuple[str, str] | None:
    """Return the kind of colour and the dtype to be written, or None where the format holds no such picture.

    What keeps every value goes unasked: grey as RGB, bool as 0 and 255. With `convert` the last resort is 8 bits,
    without alpha.

    >>> fit(WRITABLE[".webp"], "grey", "uint8", False)
    ('RGB', 'uint8')
    >>> fit(WRITABLE[".jpg"], "RGBA", "uint16", True)
    ('RGB', 'uint8')
    """
    dtypes = [dtype]
    if dtype == "bool":
        dtypes.append("uint8")
    if convert:
        dtypes.append("uint8")
    colours = [colour]
    while colours[-1] in _WIDER:
        colours.append(_WIDER[colours[-1]])
    if convert and colour in ("grey+alpha", "RGBA"):
        colours += ["grey", "RGB"] if colour == "grey+alpha" else ["RGB"]
    for number in dtypes:
        for shade in colours:
            if number in kind.holds.get(shade, ()):
                return shade, number
    return None


def holders(colour: str, dtype: str, side: int = 1) -> str:
    """Return the endings of the formats that hold a picture."""
    return endings(lambda kind: fit(kind, colour, dtype, False) is not None and side <= kind.side)


def endings(fitting: Callable[[Format], bool]) -> str:
    """Return the usual ending of each format that fits."""
    usual = {kind.name: ending for ending, kind in reversed(list(WRITABLE.items())) if fitting(kind)}
    return ", ".join(reversed(usual.values()))
