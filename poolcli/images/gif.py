"""GIF: pictures of few colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from poolcli.images import ImageError, Writing

_MOST = 256  # colours


def few_colours(image: NDArray[np.uint8], writing: Writing) -> Image.Image:
    """Return RGB or RGBA as a picture with a palette: exact where 256 colours are enough, else if the user allows.

    Index 0 is kept for what is clear wherever there is alpha, also where nothing is: so frames of an animation agree.
    """
    clear = _clear(image, writing)
    most = _MOST - (clear is not None)
    packed = image[..., :3].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, indices = np.unique(packed if clear is None else packed[~clear], return_inverse=True)
    if len(colours) > most:
        if not writing.convert:
            raise ImageError(
                f"GIF holds {most} colours, and the picture has {len(colours)}: "
                "--convert chooses the nearest; .png, .webp, .tif hold all"
            )
        near = Image.fromarray(np.ascontiguousarray(image[..., :3])).quantize(most, dither=Image.Dither.NONE)
        indices = np.asarray(near).ravel() if clear is None else np.asarray(near)[~clear]
        shades = np.array(near.getpalette(), np.uint8).reshape(-1, 3)
    else:
        shades = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.uint8)
    if clear is None:
        return _with_palette(indices.reshape(image.shape[:2]).astype(np.uint8), shades)
    whole = np.zeros(image.shape[:2], np.uint8)
    whole[~clear] = indices.ravel() + 1
    out = _with_palette(whole, np.vstack([np.zeros((1, 3), np.uint8), shades[:most]]))
    out.info["transparency"] = 0
    return out


def _clear(image: NDArray[np.uint8], writing: Writing) -> NDArray[np.bool_] | None:
    """Return where a picture is clear; None if it has no alpha."""
    if image.shape[2] == 3:
        return None
    alpha = image[..., 3]
    if not writing.convert and not np.isin(alpha, (0, 255)).all():
        raise ImageError("GIF knows no half transparent colours: --convert makes them clear or not; .png, .webp can")
    return alpha < 128


def _with_palette(indices: NDArray[np.uint8], shades: NDArray[np.uint8]) -> Image.Image:
    out = Image.fromarray(indices)
    out.putpalette(shades.tobytes())
    return out
