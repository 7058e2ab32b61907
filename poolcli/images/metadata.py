"""What files say beside the pixels: orientation, EXIF, XMP, resolution."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import IFD, Base

# Tags of the main directory that describe an image and not how a file stores it.
DESCRIPTIVE = (
    Base.ImageDescription, Base.Make, Base.Model, Base.DateTime, Base.Artist, Base.HostComputer, Base.Copyright,
    Base.Rating, Base.RatingPercent, Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject,
)  # fmt: skip
_SIZES = (Base.ExifImageWidth, Base.ExifImageHeight)

DAMAGED = "what it says beside its pixels is damaged, and left out"


def orientation_of(exif: Mapping[int, Any]) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or nonsense."""
    value = exif.get(Base.Orientation, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return an image turned and mirrored as its orientation says."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def clean(exif: Image.Exif) -> bytes | None:
    """Return EXIF for an image of another size, upright: without sizes and thumbnail, its orientation 1."""
    out = Image.Exif()
    for tag in DESCRIPTIVE:
        if tag in exif:
            out[tag] = exif[tag]
    for ifd in (IFD.Exif, IFD.GPSInfo):
        values = {tag: value for tag, value in exif.get_ifd(ifd).items() if tag not in (*_SIZES, IFD.Interop)}
        if values:
            out.get_ifd(ifd).update(values)
            out[ifd] = out.get_ifd(ifd)
    if not out:
        return None
    out[Base.Orientation] = 1
    try:
        return out.tobytes()
    except Exception:  # values that no reader agrees on: a broken EXIF is not worth the image
        return None


def octets(value: Any) -> bytes | None:
    """Return the bytes of a field of a file; None where it holds something else, or nothing."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace") or None
    is_bytes = isinstance(value, tuple) and all(isinstance(one, int) and 0 <= one < 256 for one in value)
    return bytes(value) or None if is_bytes or isinstance(value, (bytes, bytearray)) else None


def upright_xmp(xmp: Any) -> bytes | None:
    """Return XMP that says of its image that it is upright."""
    text = octets(xmp)
    if text is None:
        return None
    text = re.sub(rb'(tiff:Orientation\s*=\s*["\'])\d(["\'])', rb"\g<1>1\g<2>", text)
    return re.sub(rb"(<tiff:Orientation>\s*)\d", rb"\g<1>1", text)


def loaded(exif: bytes | None) -> Image.Exif:
    """Return EXIF ready to be read."""
    out = Image.Exif()
    if exif:
        out.load(exif)
    return out


def with_software(exif: bytes | None, record: str) -> bytes | None:
    """Return EXIF that names the software, for formats without another field for text."""
    if not record:
        return exif
    out = loaded(exif)
    out[Base.Software] = record
    return out.tobytes()


def dpi_of(info: Mapping[Any, Any]) -> tuple[float, float] | None:
    """Return dots per inch, across and down, where both are sensible numbers."""
    try:
        across, down = (float(value) for value in info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None
