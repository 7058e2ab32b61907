"""GIF: pictures of few colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from poolcli.images import ImageError, Writing

_MOST = 256  # colours


def few_colours(image: NDArray[Any], writing: Writing) -> Image.Image:
    """Return a picture with a palette: exact where 256 colours are enough, else only if the user allows."""
    seen = image
    if image.shape[2] == 4:
        clear = image[..., 3] == 0
        if not (clear | (image[..., 3] == 255)).all() and not writing.convert:
            raise ImageError("GIF knows no half transparent colours: --convert makes them so or so; .png, .webp can")
        seen = np.where(image[..., 3:] < 128, 0, image | np.array([0, 0, 0, 255], np.uint8))
    packed = np.ascontiguousarray(seen).astype(np.uint32) @ np.array(
        [1 << 16, 1 << 8, 1, 1 << 24][: seen.shape[2]], np.uint32
    )
    colours, indices = np.unique(packed, return_inverse=True)
    if len(colours) > _MOST:
        if not writing.convert:
            raise ImageError(
                f"GIF holds {_MOST} colours, and the picture has {len(colours)}: "
                "--convert chooses the nearest; .png, .webp, .tif hold all"
            )
        return Image.fromarray(seen).quantize(_MOST, method=Image.Quantize.FASTOCTREE)
    out = Image.fromarray(indices.reshape(image.shape[:2]).astype(np.uint8))
    shades = np.stack([colours >> 16 & 255, colours >> 8 & 255, colours & 255], axis=1).astype(np.uint8)
    out.putpalette(shades.tobytes())
    if image.shape[2] == 4 and colours[0] >> 24 == 0:
        out.info["transparency"] = 0
    return out
