"""Which formats are read and written, by what they are known, and what each can hold."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from poolcli.files import is_remote, what_is
from poolcli.parameters import DTYPES

if TYPE_CHECKING:
    from poolcli.images.types import Codec

HEAD = 64  # bytes at the beginning of a file, which tell its format

_8, _16 = ("uint8",), ("uint8", "uint16")
_COLOURS = ("grey", "grey+alpha", "RGB", "RGBA")
_ANY = dict.fromkeys((*_COLOURS, "bands"), tuple(dtype for dtype in DTYPES if dtype != "bool"))


@dataclass(frozen=True)
class Format:
    """A format, and what it holds unchanged: for each kind of colour, the dtypes."""

    name: str
    codec: str  # module:Class, which is imported when the first such file is read or written
    begins: bytes = field(default=b"", repr=False)  # pattern of the first bytes; none where another row reads it
    endings: tuple[str, ...] = ()  # that it is written for, the usual one first
    only_read: tuple[str, ...] = ()  # other endings of it
    holds: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    weak: bool = False  # it begins with no signature: all others are asked first
    array: bool = False  # numbers of any shape: neither alpha nor where channels stand is told
    premultiplied: bool = False  # holds colour that has been multiplied by alpha
    frames: bool = False  # takes more than one image
    streams: bool = False  # and writes each before the next is made
    structure: bool = False  # says where pixels lie, what their axes are, which value means none
    bands: bool = False  # takes an image in parts
    levels: bool = False  # and an image of several sizes
    quality: bool = False
    lossless: bool = False  # unless a quality is asked for
    side: int = 2**31 - 1  # pixels
    marks: tuple[str, ...] = ()  # files in a folder that is of this format; none where it is of files

    def load(self) -> type[Codec]:
        """Return the class that reads and writes it."""
        module, name = self.codec.split(":")
        codec: type[Codec] = getattr(import_module(f"poolcli.images.{module}"), name)
        return codec


FORMATS = (
    Format("PNG", "png:Png", rb"\x89PNG\r\n\x1a\n", (".png", ".apng"),
           holds={**dict.fromkeys(_COLOURS, _16), "palette": _8}, frames=True),
    Format("JPEG", "jpeg:Jpeg", rb"\xff\xd8\xff", (".jpg", ".jpeg", ".jpe", ".jfif"), (".mpo",),
           {"grey": _8, "RGB": _8}, quality=True, side=65500),
    Format("TIFF", "tiff:Tiff", rb"II[*+]\0|MM\0[*+]", (".tif", ".tiff"), (".svs",),
           {**_ANY, "palette": _16}, premultiplied=True, frames=True, streams=True, structure=True,
           bands=True, levels=True),
    Format("WEBP", "webp:Webp", rb"RIFF....WEBP", (".webp",),
           holds={"RGB": _8, "RGBA": _8}, frames=True, quality=True, lossless=True, side=16383),
    Format("GIF", "gif:Gif", rb"GIF8[79]a", (".gif",),
           holds={"grey": _8, "RGB": _8, "RGBA": _8, "palette": _8}, frames=True, side=65535),
    Format("BMP", "bmp:Bmp", rb"BM", (".bmp",), holds={"grey": _8, "RGB": _8}),
    Format("PPM", "ppm:Ppm", rb"P[0-6fy]", (".ppm",), (".pbm", ".pnm"), {"RGB": _8}),
    Format("PGM", "ppm:Ppm", endings=(".pgm",), holds={"grey": _16}),
    Format("PFM", "ppm:Ppm", endings=(".pfm",), holds={"grey": ("float32",)}),
    Format("TGA", "plain:Tga", rb".[\0\x01][\x01-\x03\x09-\x0b]", (".tga",),
           holds=dict.fromkeys(_COLOURS, _8), weak=True, side=65535),
    Format("JPEG2000", "jpeg2000:Jpeg2000", rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n", (".jp2", ".j2k", ".j2c"),
           (".jpx", ".jpf", ".jph"),
           {**dict.fromkeys(_COLOURS, _8), "grey": _16}),
    Format("AVIF", "avif:Avif", rb"....ftyp(?:avi[fs]|mif1(?=.*avif)|msf1)", (".avif",), (".avifs",),
           {"RGB": _8, "RGBA": _8}, quality=True, side=65536),
    Format("ICO", "plain:Ico", rb"\0\0\x01\0", (".ico",), holds={"RGBA": _8}, side=256),
    Format("NPY", "npy:Npy", rb"\x93NUMPY", (".npy",),
           holds=dict.fromkeys((*_ANY, "palette"), DTYPES), array=True, frames=True, streams=True, bands=True),
    Format("ZARR", "zarr:Zarr", endings=(".zarr",), holds=dict.fromkeys((*_ANY, "palette"), DTYPES), array=True,
           frames=True, streams=True, bands=True, levels=True,
           marks=("zarr.json", ".zarray", ".zgroup")),
    Format("NPZ", "npy:Npz", rb"PK(?:\x03\x04|\x05\x06)", array=True),
    Format("QOI", "plain:Qoi", rb"qoif", only_read=(".qoi",)),
    Format("HEIF", "plugins:Heif", rb"....ftyp(?:hei[cxms]|hev[cx]|mif1(?!.*avif))", only_read=(".heic", ".heif")),
    Format("JXL", "plugins:Jxl", rb"\xff\x0a|\0\0\0\x0cJXL ", only_read=(".jxl",)),
    Format("TIFF with a swapped number", "tiff:PackedTiff", rb"II\0\*|MM\*\0"),
)  # fmt: skip
"""Formats in the order in which messages name them."""

WRITABLE: Mapping[str, Format] = {ending: kind for kind in FORMATS for ending in kind.endings}
ENDINGS = tuple(dict.fromkeys((*WRITABLE, *(ending for kind in FORMATS for ending in kind.only_read))))
"""Endings by which an image is found in a folder; what a file is, its content tells."""

ARRAYS = frozenset(kind.name for kind in FORMATS if kind.array)
"""Names, as `Info.format` has them, of formats that say nothing of their numbers."""

_WIDER = {"grey": "RGB", "grey+alpha": "RGBA", "RGB": "RGBA"}
"""Kinds of colour that another holds without loss, with grey three times and alpha at its largest."""


def sniff(head: bytes) -> Format | None:
    """Return the format that the first bytes of a file tell, or None.

    >>> sniff(b"GIF89a").name, sniff(b"just text")
    ('GIF', None)
    """
    known = [kind for kind in FORMATS if kind.begins and re.match(kind.begins, head, re.DOTALL)]
    return min(known, key=lambda kind: kind.weak, default=None)


def folder_of(path: Path) -> Format | None:
    """Return the format of a folder that holds an image, not files, or None: what is in it tells."""
    if is_remote(path):  # a store is asked for a mark only where the name says that there may be one
        named = format_of(path)
        return named if named and any(what_is(path / mark) == "file" for mark in named.marks) else None
    return next((kind for kind in FORMATS if any(os.path.isfile(path / mark) for mark in kind.marks)), None)


def is_image_folder(path: Path) -> bool:
    """Return whether a folder is to be read as an image: it is one, or is called as one."""
    kind = format_of(path)
    if is_remote(path):
        return bool(kind and kind.marks)
    return os.path.isdir(path) and (folder_of(path) is not None or bool(kind and kind.marks))


def ending_of(name: str) -> str:
    """Return the ending of a name, with what says of which kind the format is.

    >>> ending_of("cells.ome.zarr"), ending_of("a.b.png"), ending_of("notes")
    ('.ome.zarr', '.png', '')
    """
    whole = ".ome.zarr"
    return name[-len(whole) :] if name.lower().endswith(whole) and len(name) > len(whole) else PurePath(name).suffix


def format_of(path: PurePath) -> Format | None:
    """Return the format that a file's ending names, or None."""
    return WRITABLE.get(path.suffix.lower())


def colour_of(channels: int, alpha: bool | None, palette: bool = False) -> str:
    """Return the kind of colour of an image of so many channels; without word of alpha, 2 and 4 have it."""
    if palette:
        return "palette"
    if channels in (1, 3):
        return "grey" if channels == 1 else "RGB"
    if channels in (2, 4) and alpha is not False:
        return "grey+alpha" if channels == 2 else "RGBA"
    return "bands"


def fit(kind: Format, colour: str, dtype: str, convert: bool) -> tuple[str, str] | None:
    """Return the kind of colour and the dtype to be written, or None where the format holds no such image.

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
    """Return the endings of the formats that hold an image."""
    return endings(lambda kind: fit(kind, colour, dtype, False) is not None and side <= kind.side)


def endings(fitting: Callable[[Format], bool]) -> str:
    """Return the usual ending of each format of files that fits."""
    return ", ".join(kind.endings[0] for kind in FORMATS if kind.endings and not kind.marks and fitting(kind))
