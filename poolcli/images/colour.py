"""Colour: what has to happen to it before numbers are blended, and when a format holds less of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from poolcli.dtypes import blend_dtype, maximum, saturate_cast
from poolcli.images.formats import ARRAYS, colour_of
from poolcli.images.types import ImageError, Info

_STRIP = 64  # rows


def expanded(image: NDArray[Any], info: Info) -> tuple[NDArray[Any], Info]:
    """Return the colours of an image of indices."""
    palette = info.palette
    if palette is None:
        return image, info
    if image.max(initial=0) >= len(palette):  # a damaged image may have indices beyond
        palette = np.vstack([palette, np.zeros((256 - len(palette), palette.shape[1]), np.uint8)])
    return palette[image], replace(info, palette=None, colours=info.palette, alpha=palette.shape[1] == 4)


def indexed(image: NDArray[Any], info: Info, base: NDArray[np.uint8] | None) -> tuple[NDArray[Any], Info]:
    """Return indices of RGB or RGBA of at most 256 colours: into a palette, and what it lacks behind it."""
    found = distinct(image)
    if found is None:
        return image, info
    palette = _shades(found, image.shape[-1])
    if base is not None:
        base = _with_alpha(base)[:, : image.shape[-1]]
        more = palette[np.isin(found, _codes(base), invert=True)]
        palette = np.vstack([base, more]) if len(base) + len(more) <= 256 else palette
    known, first = np.unique(_codes(palette), return_index=True)
    indices = first.astype(np.uint8)[np.searchsorted(known, _codes(image))]
    return indices, replace(info, palette=palette, alpha=False)


def _with_alpha(palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.hstack([palette, np.full((len(palette), 4 - palette.shape[1]), 255, np.uint8)])


def _shades(codes: NDArray[np.uint64], channels: int) -> NDArray[np.uint8]:
    """Return the colours, (n, channels), of their numbers."""
    shifts = np.arange(channels, dtype=np.uint64) * np.uint64(16)
    return (codes[:, None] >> shifts & np.uint64(0xFFFF)).astype(np.uint8)


def distinct(image: NDArray[Any], most: int = 256) -> NDArray[Any] | None:
    """Return the colours of an image as numbers, or None where there are more, or no numbers for them."""
    found = np.zeros(0, np.uint64)
    if not _has_codes(image):
        return None
    for top in range(0, len(image), _STRIP):
        codes = _codes(image[top : top + _STRIP]).ravel()
        begins = codes[np.flatnonzero(np.diff(codes, prepend=~codes[:1]))]  # of runs: labels are long ones
        found = np.union1d(found, begins[_unknown(begins, found)])  # few are new, and sorting them all takes long
        if len(found) > most:
            return None
    return found


def lacking(image: NDArray[Any], colours: NDArray[Any]) -> int:
    """Return how many pixels have none of these colours, which are (n, channels) or numbers of `distinct`."""
    known = np.unique(colours if colours.ndim == 1 else _codes(colours[:, : image.shape[-1]]))
    count = 0
    for top in range(0, len(image), _STRIP):
        count += int(np.count_nonzero(_unknown(_codes(image[top : top + _STRIP]), known)))
    return count


def _unknown(codes: NDArray[np.uint64], known: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where codes are none of those that are known, which are sorted."""
    if not len(known):
        return np.ones(codes.shape, np.bool_)
    nearest = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    unknown: NDArray[np.bool_] = known[nearest] != codes
    return unknown


def _has_codes(image: NDArray[Any]) -> bool:
    return image.ndim > 2 and image.shape[-1] in (3, 4) and image.dtype in (np.uint8, np.uint16)


def _codes(image: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a number for each colour of 3 or 4 channels of at most 16 bits."""
    codes = np.zeros(image.shape[:-1], np.uint64)
    for channel in range(image.shape[-1]):
        codes |= image[..., channel].astype(np.uint64) << np.uint64(16 * channel)
    return codes


def rgb(colour: str) -> tuple[int, int, int]:
    """Return a colour that is given by name or as #rrggbb, or raise a ValueError."""
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def in_colour(image: NDArray[Any], info: Info, colour: str, background: str) -> tuple[NDArray[Any], Info]:
    """Return an image as "rgb", (H, W, 3), or "grey", (H, W), laid over a background where it is not opaque."""
    channels = (*image.shape, 1)[2]
    shade = colour_of(channels, False if info.format in ARRAYS else info.alpha)
    if shade == "bands":
        takes = f"colour={colour} takes grey and RGB, with or without alpha"
        raise ImageError(f"has {channels} channels: {takes}", "colour")
    if shade in ("grey+alpha", "RGBA"):
        most = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1
        image = image[..., :-1] if (image[..., -1] == most).all() else flattened(image, info, rgb(background))
    image = image.reshape(*image.shape[:2], -1)
    if colour == "rgb":
        image = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else np.ascontiguousarray(image)
    else:
        image = image[..., 0] if image.shape[2] == 1 else _luma(image)
    return image, replace(info, format="", alpha=False, premultiplied=False, colours=None, icc=None)


def _luma(image: NDArray[Any]) -> NDArray[Any]:
    """Return (299 R + 587 G + 114 B) / 1000, rounded once: ITU-R BT.601, as Pillow's L."""
    out = np.empty(image.shape[:2], image.dtype)
    for top in range(0, len(image), _STRIP):
        strip = image[top : top + _STRIP].astype(np.float64)
        out[top : top + _STRIP] = saturate_cast((strip @ np.array([299.0, 587.0, 114.0])) / 1000, image.dtype)
    return out


def in_eight_bits(image: NDArray[Any], ends: tuple[float, float]) -> NDArray[np.uint8]:
    """Return values from black to white, the ends, as those from 0 to 255; NaN is black."""
    black, white = ends
    if image.dtype == np.uint8 and ends == (0, 255):
        return image
    scaled = (image.astype(np.float64) - black) * (255 / (white - black or 1))
    made: NDArray[np.uint8] = saturate_cast(np.nan_to_num(scaled), np.dtype(np.uint8))
    return made


def flattened(image: NDArray[Any], info: Info, background: tuple[int, int, int]) -> NDArray[Any]:
    """Return colour laid over a background, without alpha, rounded once."""
    most = maximum(image.dtype)
    values: NDArray[Any] = image.astype(blend_dtype(image.dtype))
    alpha = values[..., -1:] / values.dtype.type(most)
    colour = values[..., :-1] if info.premultiplied else values[..., :-1] * alpha
    behind = np.array(background, values.dtype) * values.dtype.type(most / 255)
    if colour.shape[-1] == 1 and len(set(background)) == 1:
        behind = behind[:1]
    return saturate_cast(colour + behind * (1 - alpha), image.dtype)


def full_range(image: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Return values of at most 8 bits so that the largest of so many bits is 255."""
    if bits >= 8:
        return image
    shades: NDArray[np.uint8] = np.rint(np.arange(2**bits) * 255 / (2**bits - 1)).astype(np.uint8)
    return shades[image]


def eight_bits(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return values scaled so that the dtype's largest, or 1 among floats, is 255; rounded, saturated."""
    if image.dtype == np.uint8:
        return image
    scale = 255.0 if image.dtype.kind in "fb" else 255.0 / maximum(image.dtype)
    out: NDArray[np.uint8] = saturate_cast(image.astype(np.float64) * scale, np.dtype(np.uint8))
    return out
