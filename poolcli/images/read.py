"""Files to arrays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from poolcli.images import ImageError, Info
from poolcli.images.formats import READABLE

Image.MAX_IMAGE_PIXELS = None  # the limit below is checked before anything is decoded, and is an error
MAX_PIXELS = 500_000_000

_STRIP = 256  # rows; np.asarray of a whole picture holds it three times


def read(path: str | os.PathLike[str]) -> tuple[NDArray[Any], Info]:
    """Read the one picture of a file."""
    if not Path(path).is_file():
        raise ImageError("not a file" if Path(path).exists() else "no such file")
    if not Path(path).stat().st_size:
        raise ImageError("empty file")
    try:
        with Image.open(path, formats=READABLE) as image:
            return _decode(image)
    except UnidentifiedImageError:
        raise ImageError("not a supported image") from None
    except ImageError:
        raise
    except Exception as error:  # decoders raise SyntaxError, IndexError, struct.error and more
        raise ImageError(f"damaged or unsupported: {error}".splitlines()[0]) from error


def _decode(image: ImageFile.ImageFile) -> tuple[NDArray[Any], Info]:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{width} x {height} pixels are more than the {MAX_PIXELS} allowed")
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ImageError(f"holds {frames} frames: only single pictures are read")
    if image.format in ("PNG", "TIFF") and _bits(image) > 8 and image.mode in ("RGB", "RGBA", "LA"):
        raise ImageError(f"{_bits(image)}-bit colour would lose its lower bits")
    upright: Image.Image = ImageOps.exif_transpose(image)
    if upright.mode in ("P", "PA"):
        upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    elif upright.mode == "1":
        upright = upright.convert("L")
    elif upright.has_transparency_data and upright.mode in ("L", "RGB"):
        upright = upright.convert({"L": "LA", "RGB": "RGBA"}[upright.mode])
    if upright.mode not in ("L", "LA", "RGB", "RGBA", "I;16", "F"):
        raise ImageError(f"pictures of mode {upright.mode} are not supported")
    return _array(upright), Info(image.format or "", upright.mode in ("LA", "RGBA"))


def _bits(image: ImageFile.ImageFile) -> int:
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(258, (8,))
        return int(max(bits if isinstance(bits, tuple) else (bits,)))
    return 16 if any("16" in str(tile[3]) for tile in image.tile) else 8


def _array(image: Image.Image) -> NDArray[Any]:
    """Copy in strips: faster than np.asarray, and leaner."""
    image.load()
    first = np.asarray(image.crop((0, 0, image.width, min(image.height, _STRIP))))
    out = np.empty((image.height, *first.shape[1:]), first.dtype)
    for top in range(0, image.height, _STRIP):
        bottom = min(top + _STRIP, image.height)
        out[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return out
